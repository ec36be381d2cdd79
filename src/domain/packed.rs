//! Packed chunks: those of archived conversations, compressed together. They are read where they are, and come back when the
//! conversation is taken up again.
//!
//! What a conversation holds is the same either way. So the lines that pack and unpack are no part of anybody's history.

use crate::database::unpack;
use crate::error::Result;
use crate::id::ConversationId;
use crate::store::{Tx, View};

/// The operations that change how chunks are kept, and nothing of what they say.
pub const OPS: &[&str] = &["chunks.pack", "chunks.unpack"];

/// How much is packed together, in bytes before compression: what one message is read from.
const BLOCK_BYTES: usize = 128 << 10;

/// Columns of the chunks behind a number, `seq` among them, of the message `?3` of the conversation `?2` of the user `?1`, packed or not, in their
/// order, as SQL. Those that are not packed are read one by one, however many there are.
macro_rules! chunks {
    ($columns:expr, $behind:literal) => {
        concat!(
            "SELECT ", $columns, " FROM chunk WHERE user = ?1 AND conversation = ?2 AND message = ?3 AND seq > ", $behind, "
             UNION ALL
             SELECT ", $columns, " FROM
               (SELECT r.value ->> 1 AS seq, r.value ->> 2 AS part, r.value ->> 3 AS text, r.value ->> 4 AS tokens, r.value ->> 5 AS at
                FROM packed_chunk AS b, json_each(unpack(b.data)) AS r
                WHERE b.user = ?1 AND b.conversation = ?2 AND b.last_message >= ?3 AND r.value ->> 0 = ?3
                  AND b.first_message = (SELECT max(first_message) FROM packed_chunk
                                         WHERE user = ?1 AND conversation = ?2 AND first_message <= ?3)) AS chunk
             WHERE seq > ", $behind, " ORDER BY seq"
        )
    };
}
pub(crate) use chunks;

/// What is to be done with a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It is archived, and has chunks that are not packed.
    Pack,
    /// It is not archived, and has some that are.
    Unpack,
}

/// What is to be done with a conversation; nothing with one that is gone, or has a message that is streaming.
pub fn due(view: &View<'_>, id: ConversationId) -> Result<Option<Due>> {
    let key = (id.user, id.conversation);
    let has = |sql: &str| -> Result<bool> { Ok(view.prepare(sql)?.exists(key)?) };
    if has(
        "SELECT 1 FROM conversation WHERE user = ?1 AND conversation = ?2 AND status = 'archived'",
    )? {
        let is_due = has("SELECT 1 FROM chunk WHERE user = ?1 AND conversation = ?2")?
            && !has(
                "SELECT 1 FROM message WHERE user = ?1 AND conversation = ?2 AND status = 'streaming'",
            )?;
        return Ok(is_due.then_some(Due::Pack));
    }
    let is_due = has("SELECT 1 FROM packed_chunk WHERE user = ?1 AND conversation = ?2")?;
    Ok(is_due.then_some(Due::Unpack))
}

/// The next conversations behind one, in the order of their keys, that are archived or have packed chunks.
pub fn candidates(
    view: &View<'_>,
    after: ConversationId,
    limit: usize,
) -> Result<Vec<ConversationId>> {
    let mut statement = view.prepare(
        "SELECT user, conversation FROM conversation WHERE status = 'archived' AND (user, conversation) > (?1, ?2)
         UNION
         SELECT user, conversation FROM packed_chunk WHERE (user, conversation) > (?1, ?2)
         ORDER BY user, conversation LIMIT ?3",
    )?;
    let ids = statement.query_map((after.user, after.conversation, limit), |row| {
        Ok(ConversationId {
            user: row.get(0)?,
            conversation: row.get(1)?,
        })
    })?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// A chunk as it is packed.
type Packed = (i64, i64, i64, String, i64, i64);

/// Packs the first messages of a conversation that are not packed.
pub fn pack(tx: &Tx<'_>, id: ConversationId) -> Result<()> {
    let mut block: Vec<Packed> = Vec::new();
    let mut bytes = 0;
    let mut statement = tx.prepare(
        "SELECT message, seq, part, text, tokens, at FROM chunk WHERE user = ?1 AND conversation = ?2 ORDER BY message, seq",
    )?;
    let mut rows = statement.query((id.user, id.conversation))?;
    while let Some(row) = rows.next()? {
        let message: i64 = row.get(0)?;
        if bytes >= BLOCK_BYTES && block.last().is_some_and(|last| last.0 != message) {
            break;
        }
        let text: String = row.get(3)?;
        bytes += text.len();
        block.push((
            message,
            row.get(1)?,
            row.get(2)?,
            text,
            row.get(4)?,
            row.get(5)?,
        ));
    }
    drop(rows);
    let (Some(first), Some(last)) = (block.first(), block.last()) else {
        return Ok(());
    };
    let (first, last) = (first.0, last.0);
    let data = unpack::pack(&crate::store::answer(&block)?)?;
    tx.execute(
        "DELETE FROM chunk WHERE user = ?1 AND conversation = ?2 AND message BETWEEN ?3 AND ?4",
        (id.user, id.conversation, first, last),
    )?;
    tx.execute(
        "INSERT INTO packed_chunk (user, conversation, first_message, last_message, data) VALUES (?1, ?2, ?3, ?4, ?5)",
        (id.user, id.conversation, first, last, data),
    )?;
    Ok(())
}

/// Brings back the first of a conversation's chunks that are packed together; true while there may be more.
pub fn unpack(tx: &Tx<'_>, id: ConversationId) -> Result<bool> {
    let key = (id.user, id.conversation);
    let first =
        "(SELECT min(first_message) FROM packed_chunk WHERE user = ?1 AND conversation = ?2)";
    tx.execute(
        &format!(
            "INSERT INTO chunk (user, conversation, message, seq, part, text, tokens, at)
             SELECT ?1, ?2, r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5
             FROM packed_chunk AS b, json_each(unpack(b.data)) AS r
             WHERE b.user = ?1 AND b.conversation = ?2 AND b.first_message = {first}"
        ),
        key,
    )?;
    let removed = tx.execute(
        &format!(
            "DELETE FROM packed_chunk WHERE user = ?1 AND conversation = ?2 AND first_message = {first}"
        ),
        key,
    )?;
    Ok(removed > 0)
}

/// Brings back all of a conversation's chunks, before some of them change.
pub(crate) fn unpack_all(tx: &Tx<'_>, id: ConversationId) -> Result<()> {
    while unpack(tx, id)? {}
    Ok(())
}

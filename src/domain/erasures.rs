//! Erasing for good: the record goes from the tables at once, and from every file of the store soon after.
//!
//! Here is the request and what became of it; [`store::erase`](crate::store) does the rest behind the answers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::{self, Cursor, Page};
use super::{constructs, conversations, users};
use crate::backup;
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::{Tx, View};

/// The operation whose lines ask for an erasure.
pub const OP: &str = "retention.erase";

/// An erasure: which record, and how far it has come. It never says what the record held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// Its number, from 1.
    pub number: i64,
    /// The id of the user, conversation or construct that is gone.
    pub record: String,
    /// When it was asked for, in milliseconds since 1970-01-01 UTC.
    pub requested_at: i64,
    /// When the last file no longer held anything of it; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_at: Option<i64>,
    /// Journal segments that were rewritten for it.
    pub segments: i64,
    /// Files set aside as damaged that were removed for it: what cannot be read cannot be searched.
    pub set_aside: i64,
    /// Archives that left the store before, by the names they were offered under, and may hold it: they cannot be reached.
    #[serde(default)]
    pub out_of_reach: Vec<String>,
}

/// Names what to erase.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EraseRecord {
    /// The id of a user, a conversation or a construct.
    pub id: String,
}

/// Which erasures to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErasureList {
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

const COLUMNS: &str = "erasure, record, requested_at, done_at, segments, set_aside";

fn read(row: &rusqlite::Row<'_>) -> Result<Erasure> {
    Ok(Erasure {
        number: row.get(0)?,
        record: row.get(1)?,
        requested_at: row.get(2)?,
        done_at: row.get(3)?,
        segments: row.get(4)?,
        set_aside: row.get(5)?,
        out_of_reach: Vec::new(),
    })
}

/// Deletes a record with everything below it, and asks for its last traces to be removed from every file.
pub fn erase(tx: &Tx<'_>, record: &EraseRecord) -> Result<Erasure> {
    if let Ok(user) = record.id.parse::<UserId>() {
        users::delete(tx, user)?;
    } else if Uuid::parse_str(&record.id).is_ok() {
        constructs::delete(tx, &record.id)?;
    } else {
        conversations::delete(tx, record.id.parse::<ConversationId>()?)?;
    }
    let mut insert = tx.prepare(&format!(
        "INSERT INTO erasure (record, requested_at) VALUES (?1, ?2) RETURNING {COLUMNS}"
    ))?;
    let mut rows = insert.query((&record.id, tx.now_ms()))?;
    let erasure = rows.next()?.map(read).transpose()?;
    // Stepping to the end resets the statement, without which the change would stay pending.
    while rows.next()?.is_some() {}
    erasure.ok_or_else(|| Error::corrupt("an erasure was not written"))
}

/// Lists erasures, newest first; to the app alone, because they name records of every user.
pub fn list(view: &View<'_>, query: &ErasureList) -> Result<Page<Erasure>> {
    if view.scope().is_some() {
        return Err(Error::invalid("a user's own view has no erasures"));
    }
    let limit = page::limit(query.limit)?;
    let cursor = query.cursor.as_deref();
    let [before] = Cursor::decode("erasures", cursor)?.unwrap_or([i64::MAX]);
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM erasure WHERE erasure < ?1 ORDER BY erasure DESC LIMIT ?2"
    ))?;
    let mut rows = statement.query((before, limit + 1))?;
    let taken = backup::taken(view)?;
    let mut erasures = Vec::new();
    while let Some(row) = rows.next()? {
        let mut erasure = read(row)?;
        let held = taken
            .iter()
            .filter(|it| it.may_hold(&erasure.record, erasure.requested_at));
        erasure.out_of_reach = held.map(|archive| archive.name.clone()).collect();
        erasures.push(erasure);
    }
    Ok(page::cut(erasures, limit, |last| {
        Cursor::encode("erasures", &[last.number])
    }))
}

/// Erasures whose traces are still to be removed, in the order they were asked for.
pub fn waiting(view: &View<'_>) -> Result<Vec<Erasure>> {
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM erasure WHERE done_at IS NULL ORDER BY erasure"
    ))?;
    let mut rows = statement.query([])?;
    let mut erasures = Vec::new();
    while let Some(row) = rows.next()? {
        erasures.push(read(row)?);
    }
    Ok(erasures)
}

/// Notes that nothing of a record is left.
pub fn done(tx: &Tx<'_>, number: i64, segments: i64, set_aside: i64) -> Result<()> {
    tx.execute(
        "UPDATE erasure SET done_at = ?2, segments = ?3, set_aside = ?4 WHERE erasure = ?1",
        (number, tx.now_ms(), segments, set_aside),
    )?;
    Ok(())
}

//! What a message is made of: text and reasoning, which are chunks, and everything else, which is one JSON value each.

use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};

use super::packed::chunks;
use super::{Json, Metadata, from_json, to_json};
use crate::error::{Error, Result};
use crate::id::{ChunkId, MessageId};
use crate::store::{Rows, Tx, View};
use crate::stream::tokens;

/// The longest text of one message, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// The most text a message is read with, in bytes of UTF-8; more is read by its chunks.
pub const MAX_INLINE_BYTES: usize = 1 << 20;

/// Bytes per chunk of a text that arrives whole.
const WHOLE_TEXT_CHUNK_BYTES: usize = 16 << 10;

/// Stands in a message's text for each chunk that is missing.
pub const GAP_MARK: char = '\u{FFFD}';

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    try_from = "AnyPart"
)]
pub enum Part {
    /// What the author says.
    Text {
        /// The text.
        text: String,
    },
    /// What the author thought on the way.
    Reasoning {
        /// The text.
        text: String,
    },
    /// A call of a tool.
    ToolCall {
        /// Names the call, so that its result can be matched.
        call_id: String,
        /// The tool.
        name: String,
        /// What it was called with.
        input: Json,
    },
    /// What a tool answered.
    ToolResult {
        /// The call it answers.
        call_id: String,
        /// The answer.
        output: Json,
        /// Whether the tool failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        is_error: Option<bool>,
    },
    /// A file that belongs to the message.
    File {
        /// Where it is: an artifact's id or a URL.
        reference: String,
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its media type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
    },
    /// The app's own.
    Data {
        /// Any fields.
        data: Metadata,
    },
}

impl Part {
    /// The kind's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Reasoning { .. } => "reasoning",
            Self::ToolCall { .. } => "tool_call",
            Self::ToolResult { .. } => "tool_result",
            Self::File { .. } => "file",
            Self::Data { .. } => "data",
        }
    }

    const fn text(&self) -> Option<&String> {
        match self {
            Self::Text { text } | Self::Reasoning { text } => Some(text),
            _ => None,
        }
    }
}

/// Any part as it is read: the fields of all kinds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnyPart {
    r#type: PartKind,
    text: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    input: Option<Json>,
    #[serde(default, deserialize_with = "given")]
    output: Option<Json>,
    is_error: Option<bool>,
    reference: Option<String>,
    media_type: Option<String>,
    data: Option<Metadata>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PartKind {
    Text,
    Reasoning,
    ToolCall,
    ToolResult,
    File,
    Data,
}

/// A field that is there, `null` included.
fn given<'de, D: serde::Deserializer<'de>>(json: D) -> std::result::Result<Option<Json>, D::Error> {
    Json::deserialize(json).map(Some)
}

impl TryFrom<AnyPart> for Part {
    type Error = String;

    fn try_from(mut any: AnyPart) -> std::result::Result<Self, String> {
        let part = match any.r#type {
            PartKind::Text => Self::Text {
                text: take(&mut any.text, "text")?,
            },
            PartKind::Reasoning => Self::Reasoning {
                text: take(&mut any.text, "text")?,
            },
            PartKind::ToolCall => Self::ToolCall {
                call_id: take(&mut any.call_id, "callId")?,
                name: take(&mut any.name, "name")?,
                input: take(&mut any.input, "input")?,
            },
            PartKind::ToolResult => Self::ToolResult {
                call_id: take(&mut any.call_id, "callId")?,
                output: take(&mut any.output, "output")?,
                is_error: any.is_error.take(),
            },
            PartKind::File => Self::File {
                reference: take(&mut any.reference, "reference")?,
                name: any.name.take(),
                media_type: any.media_type.take(),
            },
            PartKind::Data => Self::Data {
                data: take(&mut any.data, "data")?,
            },
        };
        let left = [
            ("text", any.text.is_some()),
            ("callId", any.call_id.is_some()),
            ("name", any.name.is_some()),
            ("input", any.input.is_some()),
            ("output", any.output.is_some()),
            ("isError", any.is_error.is_some()),
            ("reference", any.reference.is_some()),
            ("mediaType", any.media_type.is_some()),
            ("data", any.data.is_some()),
        ];
        match left.into_iter().find(|(_, is_left)| *is_left) {
            None => Ok(part),
            Some((name, _)) => Err(format!("a {} part has no {name}", part.kind())),
        }
    }
}

fn take<T>(field: &mut Option<T>, name: &str) -> std::result::Result<T, String> {
    field
        .take()
        .ok_or_else(|| format!("missing field `{name}`"))
}

/// The two kinds of part whose content is chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum TextKind {
    /// What the author says.
    #[default]
    Text,
    /// What the author thought on the way.
    Reasoning,
}

impl TextKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Reasoning => "reasoning",
        }
    }
}

/// A stored piece of a message's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Chunk {
    /// The readable id, such as `us01-co12-ms02-001`.
    pub id: ChunkId,
    /// Its place in the message, from 1.
    pub seq: i64,
    /// The part it belongs to, from 0.
    pub part: i64,
    /// Whether that part is text or reasoning.
    pub kind: TextKind,
    /// Its text.
    pub text: String,
    /// How many tokens it holds.
    pub tokens: i64,
    /// When it was last written, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// A message's content as it is read.
#[derive(Debug, Default)]
pub struct Content {
    /// All text parts joined.
    pub text: String,
    /// The parts in order.
    pub parts: Vec<Part>,
    /// The numbers of chunks that are missing, each marked in the text by [`GAP_MARK`].
    pub gaps: Vec<i64>,
    /// Whether there is more text than a message is read with.
    pub truncated: bool,
}

/// Writes a message's parts; texts that arrive whole are cut into chunks.
pub fn insert(tx: &Tx<'_>, id: MessageId, parts: &[Part]) -> Result<()> {
    check_length(parts.iter().filter_map(Part::text).map(String::len).sum())?;
    let mut seq = 1;
    for (part, number) in parts.iter().zip(0..) {
        add_part(tx, id, number, part)?;
        if let Some(text) = part.text() {
            seq = insert_chunks(tx, id, number, seq, text)?;
        }
    }
    Ok(())
}

/// Writes the one part of a message that is nothing but text.
pub fn insert_text(tx: &Tx<'_>, id: MessageId, text: &str) -> Result<()> {
    check_length(text.len())?;
    insert_part(tx, id, 0, TextKind::Text.as_str(), None)?;
    insert_chunks(tx, id, 0, 1, text).map(|_| ())
}

fn check_length(bytes: usize) -> Result<()> {
    if bytes <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "a message holds at most {MAX_TEXT_BYTES} bytes of text, not {bytes}"
    )))
}

/// Writes a text in chunks from number `seq` on, and gives the number that comes next.
fn insert_chunks(tx: &Tx<'_>, id: MessageId, part: i64, mut seq: i64, text: &str) -> Result<i64> {
    for piece in tokens::cut(text, WHOLE_TEXT_CHUNK_BYTES) {
        let chunk = ChunkId { message: id, seq };
        insert_chunk(tx, chunk, part, piece, tokens::estimate(piece))?;
        seq += 1;
    }
    Ok(seq)
}

/// Adds one part without its text.
pub fn add_part(tx: &Tx<'_>, id: MessageId, number: i64, part: &Part) -> Result<()> {
    let data = match part.text() {
        Some(_) => None,
        None => Some(to_data(part)?),
    };
    insert_part(tx, id, number, part.kind(), data)
}

fn insert_part(
    tx: &Tx<'_>,
    id: MessageId,
    number: i64,
    kind: &str,
    data: Option<String>,
) -> Result<()> {
    tx.execute(
        "INSERT INTO part (user, conversation, message, part, kind, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (id.user, id.conversation, id.message, number, kind, data),
    )?;
    Ok(())
}

/// A part that is not text, as it is kept.
///
/// # Errors
/// `invalid_argument` when it is too large.
pub fn to_data(part: &Part) -> Result<String> {
    to_json("a part", part)
}

/// Writes a part of a streamed message ahead; one of text without `data`, because its text comes in chunks.
pub fn put_part(
    rows: &Rows<'_>,
    id: MessageId,
    number: i64,
    kind: &str,
    data: Option<&String>,
) -> Result<()> {
    let values = [
        ValueRef::Integer(id.user),
        ValueRef::Integer(id.conversation),
        ValueRef::Integer(id.message),
        ValueRef::Integer(number),
        ValueRef::Text(kind.as_bytes()),
        data.map_or(ValueRef::Null, |data| ValueRef::Text(data.as_bytes())),
    ];
    rows.put("part", &values)
}

/// Writes a chunk of a streamed message, or what it has grown to, ahead.
pub fn put_chunk(rows: &Rows<'_>, id: ChunkId, part: i64, text: &str, tokens: u32) -> Result<()> {
    let values = [
        ValueRef::Integer(id.message.user),
        ValueRef::Integer(id.message.conversation),
        ValueRef::Integer(id.message.message),
        ValueRef::Integer(id.seq),
        ValueRef::Integer(part),
        ValueRef::Text(text.as_bytes()),
        ValueRef::Integer(i64::from(tokens)),
        ValueRef::Integer(rows.now_ms()),
    ];
    rows.put("chunk", &values)
}

/// Writes a chunk.
fn insert_chunk(tx: &Tx<'_>, id: ChunkId, part: i64, text: &str, tokens: u32) -> Result<()> {
    tx.execute(
        "INSERT INTO chunk (user, conversation, message, seq, part, text, tokens, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (id.message.user, id.message.conversation, id.message.message, id.seq, part, text, tokens, tx.now_ms()),
    )?;
    Ok(())
}

/// Reads a message's parts with their text, up to what is answered at once.
pub fn content(view: &View<'_>, id: MessageId) -> Result<Content> {
    content_up_to(view, id, MAX_INLINE_BYTES)
}

/// Reads a message's parts with all their text.
pub fn whole(view: &View<'_>, id: MessageId) -> Result<Vec<Part>> {
    Ok(content_up_to(view, id, usize::MAX)?.parts)
}

fn content_up_to(view: &View<'_>, id: MessageId, max_bytes: usize) -> Result<Content> {
    let mut content = Content::default();
    let mut numbers = Vec::new();
    let mut statement = view.prepare(
        "SELECT part, kind, data FROM part WHERE user = ?1 AND conversation = ?2 AND message = ?3 ORDER BY part",
    )?;
    let mut rows = statement.query((id.user, id.conversation, id.message))?;
    while let Some(row) = rows.next()? {
        numbers.push(row.get::<_, i64>(0)?);
        content.parts.push(
            match row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)? {
                "text" => Part::Text {
                    text: String::new(),
                },
                "reasoning" => Part::Reasoning {
                    text: String::new(),
                },
                _ => from_json(
                    "part",
                    row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?,
                )?,
            },
        );
    }
    drop(rows);

    let mut statement = view.prepare(chunks!("seq, part, text", "0"))?;
    let mut rows = statement.query((id.user, id.conversation, id.message))?;
    let mut expected = 1;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let (seq, part): (i64, i64) = (row.get(0)?, row.get(1)?);
        let piece = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        bytes += piece.len();
        if bytes > max_bytes {
            content.truncated = true;
            break;
        }
        let place = numbers
            .binary_search(&part)
            .ok()
            .and_then(|index| content.parts.get_mut(index));
        let Some(Part::Text { text } | Part::Reasoning { text }) = place else {
            return Err(Error::corrupt(format!(
                "chunk {seq} of {id} belongs to no text"
            )));
        };
        for missing in expected..seq {
            content.gaps.push(missing);
            text.push(GAP_MARK);
        }
        text.push_str(piece);
        expected = seq + 1;
    }
    for part in &content.parts {
        if let Part::Text { text } = part {
            content.text.push_str(text);
        }
    }
    Ok(content)
}

/// Reads a message's text, without its reasoning, from after chunk `after`: whole chunks up to `max_bytes`, but at least
/// one. Gives the last chunk that was read if more may follow.
pub fn text(
    view: &View<'_>,
    id: MessageId,
    after: i64,
    max_bytes: usize,
) -> Result<(String, Option<i64>)> {
    let reasoning = reasoning(view, id)?;
    let mut chunks = view.prepare(chunks!("seq, part, text", "?4"))?;
    let mut rows = chunks.query((id.user, id.conversation, id.message, after))?;
    let mut text = String::new();
    let mut expected = after + 1;
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        let piece = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        if expected > after + 1 && text.len() + piece.len() > max_bytes {
            return Ok((text, Some(expected - 1)));
        }
        (expected..seq).for_each(|_| text.push(GAP_MARK));
        if !reasoning.contains(&row.get(1)?) {
            text.push_str(piece);
        }
        expected = seq + 1;
    }
    Ok((text, None))
}

/// The parts of a message that are reasoning.
fn reasoning(view: &View<'_>, id: MessageId) -> Result<Vec<i64>> {
    let mut parts = view.prepare(
        "SELECT part FROM part WHERE user = ?1 AND conversation = ?2 AND message = ?3 AND kind = 'reasoning'",
    )?;
    let reasoning = parts.query_map((id.user, id.conversation, id.message), |row| row.get(0))?;
    Ok(reasoning.collect::<rusqlite::Result<_>>()?)
}

/// Where a message ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    /// The number of its last chunk; 0 if it has none.
    pub chunk: i64,
    /// The number that its next part will have.
    pub next_part: i64,
    /// Its last part, if that is text, which more text of the same kind continues.
    pub text: Option<(i64, TextKind)>,
    /// The length of all its chunks, as JavaScript counts it.
    pub utf16: u64,
}

/// Where a message ends, to continue it there.
pub fn ends(view: &View<'_>, id: MessageId) -> Result<Ends> {
    let key = (id.user, id.conversation, id.message);
    let mut ends = Ends::default();
    let mut chunks = view.prepare(chunks!("seq, text", "0"))?;
    let mut rows = chunks.query(key)?;
    while let Some(row) = rows.next()? {
        ends.chunk = row.get(0)?;
        ends.utf16 += tokens::utf16(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
    }
    drop(rows);
    let mut parts = view.prepare(
        "SELECT part, kind FROM part WHERE user = ?1 AND conversation = ?2 AND message = ?3 ORDER BY part DESC LIMIT 1",
    )?;
    let mut rows = parts.query(key)?;
    if let Some(row) = rows.next()? {
        let part: i64 = row.get(0)?;
        ends.next_part = part + 1;
        ends.text = match row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)? {
            "text" => Some((part, TextKind::Text)),
            "reasoning" => Some((part, TextKind::Reasoning)),
            _ => None,
        };
    }
    Ok(ends)
}

/// Reads up to `limit` of a message's chunks after `after`, in order.
pub fn chunks(view: &View<'_>, id: MessageId, after: i64, limit: usize) -> Result<Vec<Chunk>> {
    let reasoning = reasoning(view, id)?;
    let mut statement = view.prepare(concat!(
        chunks!("seq, part, text, tokens, at", "?4"),
        " LIMIT ?5"
    ))?;
    let mut rows = statement.query((id.user, id.conversation, id.message, after, limit))?;
    let mut chunks = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, part) = (row.get(0)?, row.get(1)?);
        chunks.push(Chunk {
            id: ChunkId { message: id, seq },
            seq,
            part,
            kind: if reasoning.contains(&part) {
                TextKind::Reasoning
            } else {
                TextKind::Text
            },
            text: row.get(2)?,
            tokens: row.get(3)?,
            at: row.get(4)?,
        });
    }
    Ok(chunks)
}

//! What the store tells those who watch it.

use serde::Serialize;

use crate::error::Code;
use crate::id::MessageId;

/// Something that happened in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A measured step; sent only while someone listens.
    Log(LogEvent),
    /// Something was wrong on the disk and was dealt with.
    Recovery(Recovery),
    /// A background step failed; the store goes on and will try again.
    Trouble(Trouble),
}

/// What a log event measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// A chunk was written or grew.
    ChunkWritten,
    /// A message was put together from its chunks.
    ChunksRead,
    /// A bundle closed.
    Bundle,
    /// Lines were appended to the journal.
    Append,
    /// The journal was flushed.
    Flush,
    /// SQLite committed a batch.
    Commit,
    /// The write-ahead log was moved into the database.
    Checkpoint,
    /// A snapshot was finished.
    Snapshot,
    /// The store was opened.
    Open,
}

/// A measured step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct LogEvent {
    /// What was measured.
    pub kind: LogKind,
    /// The record or file it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Bytes moved.
    pub bytes: u64,
    /// Lines, rows, tokens or writes, by kind.
    pub count: u64,
    /// How long it took, in microseconds.
    pub us: u64,
}

/// Why a recovery was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RecoveryCause {
    /// The store was not closed: the journal was ahead of the database, or a stream was under way.
    Unclosed,
    /// The database could not be read, and was rebuilt.
    DatabaseDamaged,
    /// The database was missing, and was rebuilt.
    DatabaseMissing,
    /// The database was ahead of the journal, which starts anew from a snapshot of it.
    JournalBehind,
    /// Lines of the journal could not be read.
    JournalDamaged,
}

/// What was wrong, what was done, and what could not be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Why; several causes can come together.
    pub causes: Vec<RecoveryCause>,
    /// The snapshot that the database was rebuilt from, by its last journal line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<u64>,
    /// Journal lines applied again.
    pub replayed: u64,
    /// Bytes at the journal's end that had never been acknowledged and were dropped.
    pub torn_bytes: u64,
    /// Files set aside in `quarantine/`.
    pub quarantined: Vec<String>,
    /// What did not check, and what could not be saved; empty when nothing was lost.
    pub damage: Vec<String>,
    /// Messages whose streams had been cut off.
    pub interrupted: Vec<MessageId>,
}

impl Recovery {
    /// Whether there is anything to tell.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    /// Adds a cause once.
    pub fn because(&mut self, cause: RecoveryCause) {
        if !self.causes.contains(&cause) {
            self.causes.push(cause);
        }
    }
}

/// A failure behind the scenes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// What was being done.
    pub during: &'static str,
    /// The error's code.
    pub code: Code,
    /// The error's message.
    pub message: String,
}

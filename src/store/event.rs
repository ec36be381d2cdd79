//! What the store tells those who watch it.

use serde::Serialize;

use super::audit::Touch;
use crate::archive::Salvaged;
use crate::backup::BackupNews;
use crate::database::schema;
use crate::error::Code;
use crate::health::HealthReport;
use crate::id::{MessageId, UserId};

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
    /// A write is kept; sent only while someone listens.
    Change(Change),
    /// A check that ran by itself found something.
    Health(HealthReport),
    /// A backup was made, or went, or something was erased from it.
    Backup(BackupNews),
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
    /// Neither database nor journal were left, only backups.
    EverythingMissing,
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
    /// The backup that was brought back, by its file in `backups/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// What a damaged database still had that the journal had lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salvaged: Option<Salvaged>,
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
    /// Whether the journal has nothing behind what the database was made from, so that it is not known whether there was more.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub ends_early: bool,
}

impl Recovery {
    /// Whether there is anything to tell.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    /// Whether something may have been written that the journal does not have.
    pub fn may_lack_lines(&self) -> bool {
        let is_one = |cause: &RecoveryCause| {
            matches!(
                cause,
                RecoveryCause::JournalDamaged | RecoveryCause::JournalBehind
            )
        };
        self.ends_early || self.causes.iter().any(is_one)
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

/// The most records and users that a change names.
const MAX_NAMED: usize = 1000;

/// A write that is kept: one line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The line.
    pub seq: u64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The operation, such as `conversations.update`; for the text of streams `messages.stream`.
    pub op: String,
    /// The user on whose behalf, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The ids of the records that changed, each once.
    pub records: Vec<String>,
    /// The groups whose records changed: `conversations`, `messages`, ….
    pub groups: Vec<String>,
    /// The users whose records changed, each once.
    pub users: Vec<UserId>,
    /// Whether more than 1,000 records or users changed, and only some are named.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Change {
    /// What a line changed.
    pub(super) fn of(touch: &Touch) -> Self {
        let mut records = touch.touched.records.clone();
        records.sort_unstable();
        records.dedup();
        let mut owners = touch.touched.owners.clone();
        owners.sort_unstable();
        owners.dedup();
        let truncated = records.len().max(owners.len()) > MAX_NAMED;
        records.truncate(MAX_NAMED);
        owners.truncate(MAX_NAMED);
        let mut groups: Vec<String> = Vec::new();
        for group in touch
            .touched
            .tables
            .iter()
            .filter_map(|it| schema::group(it))
        {
            if !groups.iter().any(|known| known == group) {
                groups.push(group.to_owned());
            }
        }
        Self {
            seq: touch.seq,
            at: touch.at_ms,
            op: touch.op.clone(),
            by: touch.by.clone(),
            records,
            groups,
            users: owners.into_iter().map(|user| UserId { user }).collect(),
            truncated,
        }
    }
}

//! History: who changed what and when, what a record was, and taking a change back.
//!
//! The audit index says which lines of the journal touched a record; what they did to it is read from the lines themselves,
//! and stored nowhere else. Only the segments that hold such lines are read, a slice at a time.

mod at;
mod lines;
mod list;
mod undo;

use serde::{Deserialize, Serialize};

use crate::database::rows::RecordedRow;
use crate::domain::Json;
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{Job, Store};

/// Which changes of a record to list.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HistoryList {
    /// The record's id.
    pub record: String,
    /// Only changes at or after this time, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only changes before this time, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// Only changes by this operation, such as `conversations.update`.
    pub op: Option<String>,
    /// 1 to 1,000; 50 by default. A page also ends after 1 MiB of rows.
    pub limit: Option<i64>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// What one write did to a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The journal's line.
    pub seq: u64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The operation.
    pub op: String,
    /// The user on whose behalf, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The request's own name, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The record's rows that it put or deleted, in that order.
    pub rows: Vec<HistoryRow>,
}

/// A row of a record. It has either `put` or `del`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct HistoryRow {
    /// The table.
    pub table: String,
    /// All columns as they were from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put: Option<Json>,
    /// The key of a row that was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub del: Option<Json>,
}

impl HistoryRow {
    fn new(row: &RecordedRow<'_>) -> Result<Self> {
        Ok(Self {
            table: row.table.to_owned(),
            put: row.put.map(|put| Json::new(&put)).transpose()?,
            del: row.del.map(|del| Json::new(&del)).transpose()?,
        })
    }

    /// Bytes of JSON.
    fn bytes(&self) -> usize {
        let json = self.put.as_ref().or(self.del.as_ref());
        self.table.len() + json.map_or(0, |json| json.get().len())
    }
}

/// A record and a point in its history: exactly one of `seq` and `at`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HistoryAt {
    /// The record's id.
    pub record: String,
    /// After this line of the journal.
    pub seq: Option<u64>,
    /// At this time, in milliseconds since 1970-01-01 UTC: before the first change that came later.
    pub at: Option<i64>,
}

/// What a record was.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct RecordState {
    /// The record's id.
    pub record: String,
    /// The last line up to there that changed it; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When that was, in milliseconds since 1970-01-01 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// Its rows, in the order in which they came to be; none if there was no such record.
    pub rows: Vec<HistoryRow>,
    /// Whether the journal no longer has, or never had, all of its changes: rows may be missing or older than that.
    pub incomplete: bool,
    /// Whether rows beyond the first 16 MiB were left out.
    pub truncated: bool,
}

/// A change to take back.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HistoryUndo {
    /// The journal's line.
    pub seq: u64,
    /// Of that line only what it did to this record.
    pub record: Option<String>,
}

/// A change that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// The line that was taken back.
    pub seq: u64,
    /// The records that changed by it, each once.
    pub records: Vec<String>,
}

/// On whose behalf history is read or changed, and under which name.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// The user whose records alone may be seen; none for the app itself.
    pub user: Option<UserId>,
    /// The request's own name.
    pub request_id: Option<String>,
}

/// Lists what changed a record, newest first. Gives a page of [`HistoryEntry`]. A record that never was has no changes.
///
/// # Errors
/// `not_found` for another user's record in a user's own view.
pub fn list(store: &mut Store, asker: &Asker, args: HistoryList) -> Result<Box<dyn Job>> {
    Ok(Box::new(list::List::begin(store, asker, args)?))
}

/// Puts together what a record was. Gives a [`RecordState`].
///
/// # Errors
/// `not_found` for another user's record in a user's own view.
pub fn at(store: &mut Store, asker: &Asker, args: HistoryAt) -> Result<Box<dyn Job>> {
    Ok(Box::new(at::At::begin(store, asker, args)?))
}

/// Takes back what one line changed: each column gets the value from before it, as a write of its own. Counters never go
/// back, versions go on, and `updated_at` is the time of the undoing. Gives an [`Undone`].
///
/// # Errors
/// `conflict` naming what depends on the change: a newer line that changed the same columns, or a record that refers to one
/// that would go, or would not be there, or one of which there may not be two. `conflict` too where the journal no longer says what was there before.
/// `not_found` when there is no such line, or it changed records of others than the view's own user. `invalid_argument` when
/// it did nothing that can be taken back. Nothing changes then.
pub fn undo(store: &mut Store, asker: &Asker, args: HistoryUndo) -> Result<Box<dyn Job>> {
    Ok(Box::new(undo::Undo::begin(store, asker, args)?))
}

/// The user whose record a readable id names; none for other ids.
fn owner(record: &str) -> Option<UserId> {
    let message = || record.parse::<MessageId>().map(MessageId::conversation);
    let conversation = || record.parse::<ConversationId>().or_else(|_| message());
    let user = || conversation().map(ConversationId::owner);
    record.parse::<UserId>().or_else(|_| user()).ok()
}

fn not_theirs(record: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no record {record}"))
}

//! Bringing what was staged into the live store.
//!
//! First every staged record is looked up in the store and it is decided what becomes of it: that is a rehearsal, which
//! changes nothing. Then the decisions are carried out in one write, all of them or none.
//!
//! Records are the same by what they are, not by their numbers: users, conversations and messages by their UUID, others by
//! their id, what has no id of its own by what it says. Numbers that are taken are given anew, with every reference.

mod carry;
mod names;
mod plan;
mod row;

use std::rc::Rc;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::foreign::ImportFormat;
use super::source::Source;
use super::stage::{Staged, Staging};
use crate::error::{Code, Error, Result};
use crate::host::Host;
use crate::id::UserId;
use crate::store::{Caller, Pause, Store, Tx, View, WorkProgress, no_pause};
use carry::Carry;
use names::Names;
use plan::{Decisions, Plan};
use row::Cursor;

pub(super) use row::key_text;

/// The tables whose rows are records, in the order in which they can refer to each other.
const RECORDS: &[&str] = &[
    "user",
    "context",
    "setting",
    "user_setting",
    "retention_policy",
    "blob",
    "construct",
    "session",
    "conversation",
    "message",
    "construct_link",
    "learning",
    "job",
    "artifact",
    "upload",
    "timeline_event",
    "metric",
    "entity",
    "relation",
    "chart_line",
    "chart_event",
    "request",
    "erasure",
    "counter",
];

/// Rows that go with a record: its table, theirs, and the columns of theirs by which two of them are alike.
pub(super) const PARTS: &[(&str, &str, &[&str])] = &[
    (
        "conversation",
        "participant",
        &["participant", "kind", "name"],
    ),
    ("message", "part", &["part", "kind", "data"]),
    ("message", "chunk", &[]),
    ("learning", "learning_tag", &["tag"]),
    ("learning", "learning_source", &["kind", "source"]),
    (
        "artifact",
        "artifact_revision",
        &["revision", "blob", "media_type"],
    ),
    ("entity", "observation", &["seq", "text"]),
];

/// What becomes of a record that the store has already, with another content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum OnConflict {
    /// The store's stays as it is.
    #[default]
    Skip,
    /// The archive's takes its place.
    Replace,
    /// Both are there, the archive's under a new id. What cannot be there twice (users, contexts, settings, charts) is skipped.
    KeepBoth,
    /// The one that was changed last stays.
    Newest,
}

/// What becomes of the records of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportKind {
    /// The group of calls that such records have: `conversations`.
    pub kind: String,
    /// What becomes of those in conflict.
    pub on_conflict: OnConflict,
}

/// What becomes of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportDecision {
    /// The table, as a conflict names it.
    pub table: String,
    /// The record's id in the archive, as a conflict names it.
    pub id: String,
    /// What becomes of it.
    pub on_conflict: OnConflict,
}

/// How an archive is brought in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportOptions {
    /// What becomes of records in conflict: `skip` by default.
    pub on_conflict: Option<OnConflict>,
    /// The same by kind.
    pub kinds: Option<Vec<ImportKind>>,
    /// The same by record.
    pub decisions: Option<Vec<ImportDecision>>,
    /// The user whose records they become. The archive must be of one user then; settings of the app and what it remembers of requests
    /// are left out. A user's own view always does so.
    pub into: Option<UserId>,
    /// Whether the records are what the store lost just now:
    /// [`OnConflict::Newest`] takes them if both were changed at the same time, but for those that the staged table `stays` names.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub(super) is_own: bool,
}

/// What became of the records of a table, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ImportCount {
    /// The table.
    pub table: String,
    /// Records that the store did not have.
    pub added: u64,
    /// Records that it had just so.
    pub same: u64,
    /// Records in conflict of which the store's stayed.
    pub skipped: u64,
    /// Records in conflict of which the archive's took its place.
    pub replaced: u64,
    /// Records in conflict of which both are there.
    pub kept_both: u64,
}

/// A record that the store has already, with another content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ImportConflict {
    /// The table.
    pub table: String,
    /// The kind by which [`ImportOptions::kinds`] decide about it; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Its id in the archive.
    pub id: String,
    /// Its id in the store.
    pub store_id: String,
    /// What becomes of it.
    pub on_conflict: OnConflict,
    /// When the archive's was changed last, in milliseconds since 1970-01-01 UTC; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<i64>,
    /// The same of the store's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_changed_at: Option<i64>,
}

/// What an import does, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Whether it is done; else it was rehearsed.
    pub is_done: bool,
    /// By table, those without records left out.
    pub counts: Vec<ImportCount>,
    /// The first thousand conflicts about which nothing was decided one by one.
    pub conflicts: Vec<ImportConflict>,
    /// How many there are.
    pub conflict_count: u64,
    /// What could not be taken as it was, the first hundred.
    pub problems: Vec<String>,
    /// How many there are.
    pub problem_count: u64,
    /// What was found in other programs' exports; empty for an archive.
    pub formats: Vec<ImportFormat>,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Add,
    Same,
    Skip,
    Replace,
    Both,
}

impl Action {
    const ALL: [Self; 5] = [Self::Add, Self::Same, Self::Skip, Self::Replace, Self::Both];

    fn number(self) -> i64 {
        Self::ALL
            .iter()
            .zip(0..)
            .find_map(|(action, number)| (*action == self).then_some(number))
            .unwrap_or(0)
    }

    fn numbered(number: i64) -> Result<Self> {
        let action = usize::try_from(number)
            .ok()
            .and_then(|it| Self::ALL.get(it));
        action
            .copied()
            .ok_or_else(|| Error::new(Code::Internal, "an import lost its plan"))
    }
}

/// An archive on its way in.
pub struct Merge {
    /// The operation that the journal and the audit index name.
    op: &'static str,
    options: ImportOptions,
    report: ImportReport,
    /// Whether records go back to the numbers that they had here.
    keeps_numbers: bool,
    /// The last journal line of the store that was looked at.
    seq: u64,
    tables: Vec<&'static str>,
    cursor: Option<Cursor>,
    decided: Decisions,
    done: u64,
}

/// Where decisions are noted, beside the rows they are about.
const PLAN: &str = "
DROP TABLE IF EXISTS plan;
DROP TABLE IF EXISTS given;
CREATE TABLE plan (tab TEXT, old TEXT, new TEXT NOT NULL, action INTEGER NOT NULL, uuid TEXT, PRIMARY KEY (tab, old)) WITHOUT ROWID;
CREATE TABLE given (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
";

impl Merge {
    /// Begins to decide what becomes of what was staged.
    ///
    /// # Errors
    /// `invalid_argument` when the archive is of several users and is to become one's.
    pub fn begin(store: &Store, staged: &Staged, options: ImportOptions) -> Result<Self> {
        let connection = staged.scratch.connection();
        connection.execute_batch(PLAN)?;
        if options.into.is_some() {
            let users: i64 =
                connection.query_row("SELECT count(*) FROM user", [], |row| row.get(0))?;
            if users > 1 {
                return Err(Error::invalid(
                    "the archive is of several users; it cannot become one user's",
                ));
            }
        }
        let mut tables = RECORDS.to_vec();
        tables.reverse();
        Ok(Self {
            op: "archive.import",
            // What was deleted here, or lost, is the same record again. Of another user it would be another one.
            keeps_numbers: staged.are_own && options.into.is_none(),
            options,
            report: ImportReport {
                problems: staged.problems.told.clone(),
                problem_count: staged.problems.count,
                ..ImportReport::default()
            },
            seq: store.last_seq(),
            tables,
            cursor: None,
            decided: Decisions::default(),
            done: 0,
        })
    }

    /// The same as another operation.
    pub(super) const fn called(mut self, op: &'static str) -> Self {
        self.op = op;
        self
    }

    /// Records looked at so far.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// What was decided.
    pub const fn report(&self) -> &ImportReport {
        &self.report
    }

    /// Decides about some records; true while there are more.
    pub fn step(&mut self, store: &mut Store, staged: &Staged) -> Result<bool> {
        let host = store.host().clone();
        store.read(Caller::default(), |view| {
            self.plan_some(view, staged.scratch.connection(), &host)
        })
    }

    fn plan_some(
        &mut self,
        live: &View<'_>,
        staged: &Connection,
        host: &Rc<dyn Host>,
    ) -> Result<bool> {
        let Some(mut cursor) = self.cursor.take() else {
            let Some(table) = self.tables.pop() else {
                return Ok(false);
            };
            self.cursor = Some(Cursor::begin(staged, table)?);
            let mut any = live.prepare(&format!("SELECT 1 FROM \"{table}\" LIMIT 1"))?;
            self.decided.is_new = !any.exists([])?;
            return Ok(true);
        };
        let rows = cursor.next(staged)?;
        let mut plan = Plan {
            live,
            staged,
            host,
            options: &self.options,
            keeps_numbers: self.keeps_numbers,
            decided: &mut self.decided,
        };
        staged.execute_batch("BEGIN")?;
        for row in &rows {
            plan.decide(row, &mut self.report)?;
        }
        self.decided.note_given(staged)?;
        staged.execute_batch("COMMIT")?;
        self.done += rows.len() as u64;
        if !rows.is_empty() {
            self.cursor = Some(cursor);
        }
        Ok(true)
    }

    /// Carries out what was decided, in one write. If the store has changed since, it is decided anew first.
    ///
    /// # Errors
    /// As [`Store::write_in_parts`]; the store is as it was then.
    pub async fn apply(
        mut self,
        store: &mut Store,
        staged: &Staged,
        caller: Caller<'_>,
        pause: &mut Pause<'_>,
    ) -> Result<ImportReport> {
        if store.last_seq() != self.seq || !self.tables.is_empty() {
            self = Self::begin(store, staged, self.options)?.called(self.op);
            while self.step(store, staged)? {}
        }
        let connection = staged.scratch.connection();
        let mut tables = RECORDS.to_vec();
        tables.reverse();
        let mut cursor: Option<Cursor> = None;
        let mut progress = WorkProgress {
            done: 0,
            total: self.done,
        };
        let mut part = |tx: &Tx<'_>| {
            let carry = Carry {
                tx,
                names: Names {
                    staged: connection,
                    changed: &self.decided.changed,
                },
                keeps_numbers: self.keeps_numbers,
            };
            let Some(mut going) = cursor.take() else {
                let Some(table) = tables.pop() else {
                    carry.numbers()?;
                    return Ok(None);
                };
                cursor = Some(Cursor::begin(connection, table)?);
                return Ok(Some(progress));
            };
            let rows = going.next(connection)?;
            progress.done += rows.len() as u64;
            if !rows.is_empty() {
                cursor = Some(going);
            }
            for row in rows {
                carry.out(row)?;
            }
            Ok(Some(progress))
        };
        store
            .write_in_parts(self.op, caller.user, &mut part, pause)
            .await?;
        self.report.is_done = true;
        Ok(self.report)
    }
}

/// Brings an archive in, all at once.
///
/// # Errors
/// As [`Staging::step`] and [`Merge::apply`]; the store is as it was then.
pub async fn bring_in(
    store: &mut Store,
    source: Source,
    options: ImportOptions,
) -> Result<ImportReport> {
    let mut staging = Staging::begin(store, source).await?;
    let brought = stage_and_merge(store, &mut staging, options).await;
    staging.let_go(store).await?;
    brought
}

async fn stage_and_merge(
    store: &mut Store,
    staging: &mut Staging,
    options: ImportOptions,
) -> Result<ImportReport> {
    while staging.step(store).await? {}
    let staged = staging.staged();
    let mut merge = Merge::begin(store, staged, options)?;
    while merge.step(store, staged)? {}
    merge
        .apply(store, staged, Caller::default(), &mut no_pause)
        .await
}

/// Whether every record of an archive has its place in the order above.
#[cfg(test)]
mod tests {
    use super::super::records;
    use super::*;

    #[test]
    fn every_table_of_an_archive_is_brought_in() {
        for spec in records::tables() {
            let is_part = PARTS.iter().any(|(_, part, _)| *part == spec.name);
            assert_eq!(RECORDS.contains(&spec.name), !is_part, "{}", spec.name);
        }
    }
}

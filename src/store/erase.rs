//! Removing the last traces of erased records from every file: journal, snapshots, quarantine, free pages.
//!
//! The rows are gone when this begins. What is left of them lies in the audit index, in the search index, in pages that are
//! free, in older snapshots, in older lines of the journal, and in what was set aside. So: the journal says which records are
//! meant; the audit index forgets them, the search index is written anew without them, and the database gives its free pages
//! back; a new snapshot, which needs no older line, replaces the older ones; every closed segment is rewritten without those
//! rows; what was set aside goes, because it cannot be searched; backups are written anew without them. A crash anywhere begins
//! it again. It runs in slices, between turns.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Caller, Collection, Event, Store, snapshot};
use crate::archive::{Erased, Scrub};
use crate::backup::{self, BackupNews};
use crate::database::rows::{self, ForeignKey, read as rows_of, unreadable};
use crate::database::schema::{CONTENTS, RecordKey, TABLES};
use crate::domain::erasures::{self, Erasure};
use crate::error::Result;
use crate::id::{ConversationId, UserId};
use crate::journal::{Edit, Item, Record, Replay, Rewrite};
use crate::search;

/// Lines looked at in one slice.
const SLICE_LINES: usize = 200;

/// An erasure on its way.
pub(super) struct Erasing {
    waiting: Vec<Erasure>,
    /// The line that asked for the last of them, or a later one.
    asked: u64,
    belongings: Belongings,
    stage: Stage,
    segments: i64,
    set_aside: i64,
}

enum Stage {
    Close,
    /// Contents that nothing has go at once.
    Contents(Collection),
    Gather(Box<Replay>),
    /// Whether the search index has begun to be written anew.
    Index(bool),
    Pages,
    Snapshot,
    /// First records of the segments that are still to be rewritten.
    Rewrite(Vec<u64>, Option<Box<Rewrite>>),
    Quarantine,
    Backups(Box<Scrub>),
}

impl Store {
    /// Finds erasures that are still to be finished.
    pub(super) fn find_erasures(&mut self) -> Result<()> {
        if !self.database()?.has_table("erasure")? {
            return Ok(());
        }
        let waiting = self.read(Caller::default(), erasures::waiting)?;
        self.erasing = if waiting.is_empty() {
            None
        } else {
            let belongings = Belongings::new(self.database()?.connection(), &waiting)?;
            Some(Erasing {
                waiting,
                asked: self.journal.last_seq(),
                belongings,
                stage: Stage::Close,
                segments: 0,
                set_aside: 0,
            })
        };
        Ok(())
    }

    /// Does one slice of the erasures that wait.
    pub(super) async fn erase_slice(&mut self) -> Result<()> {
        let Some(mut erasing) = self.erasing.take() else {
            return Ok(());
        };
        match self.erase_stage(&mut erasing).await {
            Ok(Some(stage)) => {
                erasing.stage = stage;
                self.erasing = Some(erasing);
                Ok(())
            }
            Ok(None) => self.finish_erasure(&erasing),
            Err(error) => {
                // From the start, once maintenance is called again.
                self.erasures_wanted = true;
                Err(error)
            }
        }
    }

    /// One slice of the stage that an erasure is at; gives the next stage, or none when nothing is left to do.
    async fn erase_stage(&mut self, erasing: &mut Erasing) -> Result<Option<Stage>> {
        let stage = std::mem::replace(&mut erasing.stage, Stage::Close);
        Ok(Some(match stage {
            Stage::Close => Stage::Contents(Collection::new(0)),
            Stage::Contents(mut collection) => {
                if self.database()?.has_table("upload")? && collection.step(self).await? {
                    return Ok(Some(Stage::Contents(collection)));
                }
                erasing.asked = erasing.asked.max(self.journal.last_seq());
                self.commit();
                self.check_sound()?;
                self.journal.rotate(self.host.now_ms()).await?;
                Stage::Gather(Box::new(self.journal.replay(0)))
            }
            Stage::Gather(mut replay) => {
                if self.gather(erasing, &mut replay).await? {
                    Stage::Gather(replay)
                } else {
                    Stage::Index(false)
                }
            }
            Stage::Index(has_begun) => {
                self.begin_batch()?;
                let more = search::erase(self.database()?, !has_begun)?;
                if more {
                    Stage::Index(true)
                } else {
                    Stage::Pages
                }
            }
            Stage::Pages => {
                if self.give_back_pages()? {
                    Stage::Pages
                } else {
                    self.snapshot = None;
                    self.begin_snapshot().await?;
                    Stage::Snapshot
                }
            }
            Stage::Snapshot => {
                if self.snapshot.is_some() && !self.snapshot_step().await? {
                    Stage::Snapshot
                } else if self.snapshot_seq < erasing.asked {
                    // Someone else's snapshot was given up.
                    Stage::Close
                } else {
                    snapshot::keep_newest(&*self.disk).await?;
                    Stage::Rewrite(self.closed_segments(), None)
                }
            }
            Stage::Rewrite(mut left, None) => match left.pop() {
                Some(first) => {
                    let rewrite = self.journal.rewrite(first, erasing.asked)?;
                    Stage::Rewrite(left, Some(Box::new(rewrite)))
                }
                None => Stage::Quarantine,
            },
            Stage::Rewrite(left, Some(mut rewrite)) => {
                if rewrite.step(&mut erasing.belongings).await? {
                    Stage::Rewrite(left, Some(rewrite))
                } else {
                    erasing.segments += i64::from(self.journal.rewritten(&rewrite));
                    Stage::Rewrite(left, None)
                }
            }
            Stage::Quarantine => {
                for name in self.disk.list("quarantine").await? {
                    self.disk.remove(&format!("quarantine/{name}")).await?;
                    erasing.set_aside += 1;
                }
                Stage::Backups(Box::new(Scrub::begin(&*self.disk, backup::FOLDER).await?))
            }
            Stage::Backups(mut scrub) => {
                let disk = self.disk.clone();
                if !scrub.step(&*disk, &mut erasing.belongings).await? {
                    erasing.set_aside += i64::try_from(scrub.removed.len()).unwrap_or(i64::MAX);
                    if !scrub.rewritten.is_empty() || !scrub.removed.is_empty() {
                        self.tell(Event::Backup(BackupNews {
                            made: None,
                            removed: scrub.removed,
                            rewritten: scrub.rewritten,
                        }));
                    }
                    return Ok(None);
                }
                Stage::Backups(scrub)
            }
        }))
    }

    fn closed_segments(&self) -> Vec<u64> {
        let segments = self.journal.segments();
        let closed = segments.split_last().map(|(_, closed)| closed);
        let newest_first = closed.unwrap_or_default().iter().rev();
        newest_first.map(|segment| segment.first).collect()
    }

    /// Learns from some lines which rows belong to the erased records, and forgets these in the tables that are kept beside
    /// the records; true while there are more lines.
    async fn gather(&mut self, erasing: &mut Erasing, replay: &mut Replay) -> Result<bool> {
        let mut traces = Traces::default();
        let mut more = true;
        for _ in 0..SLICE_LINES {
            match replay.next().await? {
                Some(Item::Line { record, .. }) => {
                    erasing.belongings.learn(&record, &mut traces)?;
                }
                Some(Item::Damage(_) | Item::Restart { .. }) => {}
                None => {
                    more = false;
                    break;
                }
            }
        }
        self.forget_traces(&traces)?;
        Ok(more)
    }

    /// Not recorded: the lines that a rebuild would bring them back from are rewritten.
    fn forget_traces(&mut self, traces: &Traces) -> Result<()> {
        self.begin_batch()?;
        let database = self.database()?;
        let captures = database.capture().set_enabled(false);
        let forgotten = traces.forget(database.connection());
        database.capture().set_enabled(captures);
        forgotten
    }

    fn finish_erasure(&mut self, erasing: &Erasing) -> Result<()> {
        for erasure in &erasing.waiting {
            let (segments, set_aside) = (erasing.segments, erasing.set_aside);
            let done = self.write("retention.erased", Caller::default(), |tx| {
                erasures::done(tx, erasure.number, segments, set_aside)
            });
            done?;
        }
        Ok(())
    }
}

/// Which rows belong to erased records: those themselves, and all that a foreign key leads to them from, over and over.
struct Belongings {
    tables: HashMap<&'static str, Links>,
    /// Hashes of the erased rows' tables and keys.
    rows: HashSet<u64>,
}

/// What lines leave in the database beside their rows.
#[derive(Default)]
struct Traces {
    /// Records in the audit index.
    records: Vec<String>,
    /// Requests whose answers are remembered.
    requests: Vec<String>,
}

impl Traces {
    fn forget(&self, connection: &Connection) -> Result<()> {
        let mut record = connection.prepare_cached("DELETE FROM history WHERE record = ?1")?;
        for id in &self.records {
            record.execute([id])?;
        }
        let mut request = connection.prepare_cached("DELETE FROM request WHERE id = ?1")?;
        for id in &self.requests {
            request.execute([id])?;
        }
        Ok(())
    }
}

/// How a table's rows are named and what they refer to.
struct Links {
    record: RecordKey,
    key: Vec<String>,
    /// A parent's table, and the columns that name the row in it in the order of its key.
    parents: Vec<(String, Vec<String>)>,
}

/// A row as a line records it.
#[derive(Deserialize)]
struct RecordedRow {
    t: String,
    put: Option<Map<String, Value>>,
    del: Option<Map<String, Value>>,
}

impl Belongings {
    fn new(connection: &Connection, erasures: &[Erasure]) -> Result<Self> {
        let mut tables = HashMap::new();
        for table in TABLES {
            let links = Links::learn(connection, table.name, table.record)?;
            tables.insert(table.name, links);
        }
        let rows = erasures.iter().map(|erasure| seed(&erasure.record));
        Ok(Self {
            tables,
            rows: rows.collect::<Result<_>>()?,
        })
    }

    /// Adds the rows of a line that belong to erased records, and the answer that was remembered with them, which tells what
    /// they held.
    fn learn(&mut self, line: &Record<'_>, traces: &mut Traces) -> Result<()> {
        if line.op == super::recover::MIGRATE_OP {
            return Ok(());
        }
        let mut buffer = Vec::new();
        for row in rows_of::<RecordedRow>(line.rows, &mut buffer)? {
            self.learn_content(&row);
            if !self.owns(&row) {
                continue;
            }
            if let Some(id) = line.req
                && self.rows.insert(hash("request", &[&id.into()]))
            {
                traces.requests.push(id.to_owned());
            }
            let Some(links) = self.tables.get(row.t.as_str()) else {
                continue;
            };
            if let Some(key) = links.own_key(&row) {
                self.rows.insert(hash(&row.t, &key));
            }
            if let Some(id) = links.record_id(&row)
                && traces.records.last() != Some(&id)
            {
                traces.records.push(id);
            }
        }
        Ok(())
    }

    /// Contents belong to nobody by their rows: those that are gone are meant, as nothing has them any more.
    fn learn_content(&mut self, row: &RecordedRow) {
        if !CONTENTS.contains(&row.t.as_str()) {
            return;
        }
        let links = self.tables.get(row.t.as_str());
        if let Some(key) = links.and_then(|links| links.own_key(row)) {
            let key = hash(&row.t, &key);
            if row.del.is_some() {
                self.rows.insert(key);
            } else {
                self.rows.remove(&key);
            }
        }
    }

    fn owns(&self, row: &RecordedRow) -> bool {
        let Some(links) = self.tables.get(row.t.as_str()) else {
            return false;
        };
        let is_erased = |table: &str, key: Option<Vec<&Value>>| {
            key.is_some_and(|key| self.rows.contains(&hash(table, &key)))
        };
        is_erased(&row.t, links.own_key(row))
            || links
                .parents
                .iter()
                .any(|(parent, columns)| is_erased(parent, row.values(columns)))
    }
}

impl Erased for Belongings {
    fn is_erased(&mut self, table: &str, line: &[u8]) -> Result<bool> {
        let row = RecordedRow {
            t: table.to_owned(),
            put: Some(serde_json::from_slice(line).map_err(unreadable)?),
            del: None,
        };
        if !self.owns(&row) {
            return Ok(false);
        }
        let links = self.tables.get(table);
        if let Some(key) = links.and_then(|links| links.own_key(&row)) {
            let key = hash(table, &key);
            self.rows.insert(key);
        }
        Ok(true)
    }
}

impl Edit for Belongings {
    fn edit<'a>(&mut self, line: Record<'a>, rows: &'a mut Vec<u8>) -> Result<Option<Record<'a>>> {
        if line.op == super::recover::MIGRATE_OP {
            return Ok(None);
        }
        rows.clear();
        let mut buffer = Vec::new();
        let mut erased = false;
        for raw in rows_of::<&RawValue>(line.rows, &mut buffer)? {
            let row: RecordedRow = serde_json::from_str(raw.get()).map_err(unreadable)?;
            if self.owns(&row) {
                erased = true;
            } else {
                if !rows.is_empty() {
                    rows.push(b',');
                }
                rows.extend_from_slice(raw.get().as_bytes());
            }
        }
        if !erased {
            return Ok(None);
        }
        // The request's name is the app's, and may say what it was about.
        Ok(Some(Record {
            req: None,
            rows,
            ..line
        }))
    }
}

impl Links {
    fn learn(connection: &Connection, table: &str, record: RecordKey) -> Result<Self> {
        let mut key = connection
            .prepare_cached("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")?;
        let key = key
            .query_map([table], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()?;
        let parents = rows::foreign_keys(connection, table)?.into_iter();
        let named_by = |foreign: ForeignKey| {
            let columns = foreign.pairs.into_iter().map(|(column, _)| column);
            (foreign.parent, columns.collect())
        };
        Ok(Self {
            record,
            key,
            parents: parents.map(named_by).collect(),
        })
    }

    fn own_key<'r>(&self, row: &'r RecordedRow) -> Option<Vec<&'r Value>> {
        row.values(&self.key)
    }

    fn record_id(&self, row: &RecordedRow) -> Option<String> {
        let key = self.own_key(row)?;
        self.record.id(|place| match key.get(place)? {
            Value::Number(number) => number.as_i64().map(rusqlite::types::ValueRef::Integer),
            Value::String(text) => Some(rusqlite::types::ValueRef::Text(text.as_bytes())),
            _ => None,
        })
    }
}

impl RecordedRow {
    /// The values of some columns; none if one of them is missing or null.
    fn values(&self, columns: &[String]) -> Option<Vec<&Value>> {
        let values = self.put.as_ref().or(self.del.as_ref())?;
        columns
            .iter()
            .map(|column| values.get(column).filter(|value| !value.is_null()))
            .collect()
    }
}

/// The row that a record's id names.
fn seed(record: &str) -> Result<u64> {
    if let Ok(user) = record.parse::<UserId>() {
        return Ok(hash("user", &[&user.user.into()]));
    }
    if Uuid::parse_str(record).is_ok() {
        return Ok(hash("construct", &[&record.into()]));
    }
    let id: ConversationId = record.parse()?;
    Ok(hash(
        "conversation",
        &[&id.user.into(), &id.conversation.into()],
    ))
}

fn hash(table: &str, key: &[&Value]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(table.as_bytes());
    for value in key {
        hasher.update(b"\n");
        hasher.update(value.to_string().as_bytes());
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

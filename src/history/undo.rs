//! Taking back what one line changed.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

use super::at::Keys;
use super::lines::{Found, Readings, Segments, Wanted, living_owner, rows_of};
use super::{Asker, HistoryUndo, Undone};
use crate::database::apply::Applier;
use crate::database::rows::{self, ForeignKey, Row};
use crate::database::schema::{BOOKKEEPING, TABLES};
use crate::disk::LocalFuture;
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::journal::Record;
use crate::store::{Caller, Job, Store, Tx, View, answer};

/// The most rows of a line that is taken back.
const MAX_ROWS: usize = 10_000;

/// The most bytes of rows that are held while a line is taken back.
const MAX_BYTES: usize = 32 << 20;

/// What a line made of one row.
struct Change {
    table: &'static str,
    record: String,
    key: Row,
    /// The row from then on; none if the line deleted it.
    after: Option<Row>,
    /// The row until then; none if it was not there, or is not known yet.
    before: Option<Row>,
    is_known: bool,
}

impl Change {
    /// Whose row it is, if it says so.
    fn owner(&self) -> Option<UserId> {
        let rows = [&self.after, &self.before];
        let mut rows = rows.into_iter().flatten().chain([&self.key]);
        let user = rows.find_map(|row| row.number("user"))?;
        Some(UserId { user })
    }
}

/// Where the work stands.
enum Stage {
    /// Looking for the line.
    Line,
    /// Looking for what was there before it.
    Before,
    Write,
}

/// A change being taken back.
pub struct Undo {
    asker: Asker,
    args: HistoryUndo,
    keys: Keys,
    stage: Stage,
    readings: Readings,
    changes: Vec<Change>,
    /// The changes whose row before is not known, by the row's name.
    unknown: BTreeMap<String, usize>,
    bytes: usize,
    /// The journal lacks lines that may have put a row.
    incomplete: bool,
}

impl Undo {
    pub fn begin(store: &mut Store, asker: &Asker, args: HistoryUndo) -> Result<Self> {
        let segments = store.journal().segments();
        let at_or_before = segments.iter().rev().find(|it| it.first <= args.seq);
        let first = at_or_before.map(|segment| segment.first);
        Ok(Self {
            asker: asker.clone(),
            keys: store.read(Caller::default(), Keys::learn)?,
            stage: Stage::Line,
            readings: Readings::newest_first(first.into_iter().collect()),
            changes: Vec::new(),
            unknown: BTreeMap::new(),
            bytes: 0,
            incomplete: false,
            args,
        })
    }

    fn no_such_line(&self) -> Error {
        Error::not_found("line", self.args.seq)
    }

    async fn find_line(&mut self, store: &mut Store) -> Result<()> {
        let reading = self.readings.take(store);
        let mut reading = reading.ok_or_else(|| self.no_such_line())?;
        let mut is_found = false;
        let more = reading
            .slice(&mut |found| {
                let Found::Line(line) = found else {
                    return Ok(true);
                };
                if line.seq == self.args.seq {
                    is_found = true;
                    self.take_line(&line)?;
                }
                Ok(line.seq < self.args.seq)
            })
            .await?;
        if !is_found {
            if more {
                self.readings.put_back(reading);
            }
            return Ok(());
        }
        if self.changes.is_empty() {
            return Err(Error::invalid(format!(
                "line {} changed nothing that can be taken back",
                self.args.seq
            )));
        }
        let mut records: Vec<&str> = self.changes.iter().map(|it| it.record.as_str()).collect();
        records.sort_unstable();
        records.dedup();
        let mut segments = Segments::default();
        let wanted = Wanted {
            up_to: Some(self.args.seq - 1),
            ..Wanted::default()
        };
        for record in records {
            // Rows of no record are in no index: they may be anywhere.
            if record.is_empty() {
                let earlier = store.journal().segments().iter();
                let earlier = earlier.map(|it| it.first);
                segments
                    .firsts
                    .extend(earlier.filter(|it| *it < self.args.seq));
            }
            segments.add(&Segments::find(store, record, wanted)?);
        }
        self.readings = Readings::newest_first(segments.firsts);
        self.incomplete |= segments.incomplete;
        self.stage = Stage::Before;
        Ok(())
    }

    fn take_line(&mut self, line: &Record<'_>) -> Result<()> {
        let only = self.args.record.clone();
        rows_of(line, only.as_deref(), &mut |row, fields, record| {
            let spec = row.spec().filter(|spec| !BOOKKEEPING.contains(&spec.name));
            let Some(spec) = spec else {
                return Ok(());
            };
            let name = self.keys.name(row, fields);
            let mut key = fields.to_row();
            let columns = self.keys.columns(spec.name);
            key.0.retain(|(column, _)| columns.contains(column));
            let after = row.put.map(|_| fields.to_row());
            self.bytes += row.put.or(row.del).map_or(0, |json| json.get().len());
            let known = self.unknown.get(&name).copied();
            if let Some(change) = known.and_then(|at| self.changes.get_mut(at)) {
                change.after = after;
            } else {
                self.unknown.insert(name, self.changes.len());
                self.changes.push(Change {
                    table: spec.name,
                    record: record.to_owned(),
                    key,
                    after,
                    before: None,
                    is_known: false,
                });
            }
            self.check_size()
        })
    }

    fn check_size(&self) -> Result<()> {
        if self.changes.len() > MAX_ROWS || self.bytes > MAX_BYTES {
            return Err(Error::invalid(format!(
                "line {} changed more than can be taken back: {MAX_ROWS} rows or {MAX_BYTES} bytes",
                self.args.seq
            )));
        }
        Ok(())
    }

    /// Reads on for the rows before; true while some are missing and there is more to read.
    async fn find_before(&mut self, store: &Store) -> Result<bool> {
        if self.unknown.is_empty() {
            return Ok(false);
        }
        let Some(mut reading) = self.readings.take(store) else {
            return Ok(false);
        };
        let more = reading
            .slice(&mut |found| {
                let Found::Line(line) = found else {
                    self.incomplete = true;
                    return Ok(true);
                };
                if line.seq >= self.args.seq {
                    return Ok(false);
                }
                rows_of(&line, None, &mut |row, fields, _| {
                    let name = self.keys.name(row, fields);
                    let at = self.unknown.get(&name);
                    if let Some(change) = at.and_then(|at| self.changes.get_mut(*at)) {
                        change.before = row.put.map(|_| fields.to_row());
                        change.is_known = true;
                    }
                    Ok(())
                })?;
                Ok(true)
            })
            .await?;
        if more {
            self.readings.put_back(reading);
        } else {
            // What a newer segment says stands against all older ones.
            let changes = &self.changes;
            self.unknown
                .retain(|_, at| changes.get(*at).is_some_and(|change| !change.is_known));
            let held = changes.iter().filter_map(|it| it.before.as_ref());
            let values = held.flat_map(|row| row.0.iter());
            self.bytes = values.map(|(_, value)| value.get().len()).sum();
            self.check_size()?;
        }
        Ok(true)
    }

    /// Whose record one is, by its other rows.
    fn owner(&self, store: &mut Store, record: &str) -> Result<Option<UserId>> {
        let mut same = self.changes.iter().filter(|it| it.record == record);
        match same.find_map(Change::owner) {
            None => living_owner(store, record),
            owner => Ok(owner),
        }
    }

    /// Refuses what is not the asker's own, and what cannot be known.
    fn check(&self, store: &mut Store) -> Result<()> {
        if let Some(scope) = self.asker.user {
            let mut known: Option<&str> = None;
            for change in &self.changes {
                // A row that does not say whose it is belongs to a record that does.
                let owner = match change.owner() {
                    None if known == Some(&change.record) => continue,
                    None => self.owner(store, &change.record)?,
                    owner => owner,
                };
                if owner != Some(scope) {
                    return Err(self.no_such_line());
                }
                known = Some(&change.record);
            }
        }
        if self.incomplete && !self.unknown.is_empty() {
            return Err(Error::new(
                Code::Conflict,
                format!(
                    "the journal no longer says what there was before line {}",
                    self.args.seq
                ),
            ));
        }
        Ok(())
    }

    fn write(&self, store: &mut Store) -> Result<String> {
        self.check(store)?;
        // So that the index can name what came later.
        store.commit_now()?;
        let caller = Caller {
            user: self.asker.user,
            request_id: self.asker.request_id.as_deref(),
        };
        let outcome = store.write("history.undo", caller, |tx| {
            write_back(tx, self.args.seq, &self.changes)
        })?;
        answer(&outcome.value()?)
    }
}

impl Job for Undo {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        _progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            match self.stage {
                Stage::Line => self.find_line(store).await?,
                Stage::Before => {
                    if !self.find_before(store).await? {
                        self.stage = Stage::Write;
                    }
                }
                Stage::Write => return self.write(store).map(Some),
            }
            Ok(None)
        })
    }
}

/// What is done to a row.
struct Action<'a> {
    change: &'a Change,
    /// The row to put; none to delete it.
    put: Option<Row>,
    /// The row as it is; none if it is not there.
    current: Option<Row>,
}

/// Gives every row back what it was before, unless something depends on what it is now.
fn write_back(tx: &Tx<'_>, seq: u64, changes: &[Change]) -> Result<Undone> {
    let mut actions = Vec::new();
    for change in changes {
        let current = rows::find(tx.connection(), change.table, &change.key)?;
        if let Some(action) = action(tx, seq, change, current)? {
            actions.push(action);
        }
    }
    if actions.is_empty() {
        return Err(Error::invalid(format!(
            "line {seq} changed nothing that can be taken back"
        )));
    }
    let mut records: Vec<String> = actions
        .iter()
        .map(|action| action.change.record.clone())
        .filter(|record| !record.is_empty())
        .collect();
    records.sort_unstable();
    records.dedup();
    let keys = References::learn(tx, |view, table| {
        rows::foreign_keys(view.connection(), table)
    })?;
    // Parents come before children, and children go before parents; the tables are in that order, and rows usually.
    let place = |action: &Action<'_>| {
        let table = action.change.table;
        TABLES.iter().position(|spec| spec.name == table)
    };
    actions.sort_by_key(place);
    let deletes = actions.iter().rev().filter(|action| action.put.is_none());
    let puts = actions.iter().filter(|action| action.put.is_some());
    let mut waiting: Vec<&Action<'_>> = puts.chain(deletes).collect();
    let applier = Applier::new(tx.connection())?;
    while !waiting.is_empty() {
        let mut blocked = Vec::new();
        let mut reason = None;
        for action in &waiting {
            match keys.obstacle(tx, action)? {
                Some(obstacle) => {
                    reason.get_or_insert(obstacle);
                    blocked.push(*action);
                }
                None => action.run(tx, &applier)?,
            }
        }
        if let Some(reason) = reason.filter(|_| blocked.len() == waiting.len()) {
            return Err(cannot_be_undone(seq, &reason));
        }
        waiting = blocked;
    }
    for action in actions.iter().filter(|action| action.put.is_some()) {
        if is_there_twice(tx, action.change)? {
            let (table, record) = (action.change.table, &action.change.record);
            let reason = format!("there is another {table} like {record} by now");
            return Err(cannot_be_undone(seq, &reason));
        }
    }
    // What SQLite does not know of may go round in circles, so it is looked at in the end.
    let more = References::learn(tx, |_, table| {
        Ok(rows::more_references(table).into_iter().collect())
    })?;
    for action in &actions {
        if let Some(reason) = more.obstacle(tx, action)? {
            return Err(cannot_be_undone(seq, &reason));
        }
    }
    Ok(Undone { seq, records })
}

/// Finds another row that may not be there beside a table's row with the key `?1`. The operations see to that, and no unique
/// index does, because the lines that follow lost ones must still apply.
const TWINS: &[(&str, &str)] = &[
    (
        "construct_link",
        "SELECT 1 FROM construct_link AS own JOIN construct_link AS twin
           ON twin.source = own.source AND twin.target = own.target AND twin.kind = own.kind AND twin.link <> own.link
         WHERE own.link = ?1",
    ),
    (
        "job",
        "SELECT 1 FROM job AS own JOIN job AS twin
           ON twin.user = own.user AND twin.queue = own.queue AND twin.key = own.key AND twin.job <> own.job
         WHERE own.job = ?1 AND own.ended_at IS NULL AND twin.ended_at IS NULL",
    ),
    (
        "entity",
        "SELECT 1 FROM entity AS own JOIN entity AS twin
           ON twin.user = own.user AND twin.context = own.context AND twin.name = own.name AND twin.id <> own.id
         WHERE own.id = ?1",
    ),
    (
        "relation",
        "SELECT 1 FROM relation AS own JOIN relation AS twin
           ON twin.user = own.user AND twin.context = own.context AND twin.source = own.source
             AND twin.type = own.type AND twin.target = own.target AND twin.id <> own.id
         WHERE own.id = ?1",
    ),
];

fn is_there_twice(view: &View<'_>, change: &Change) -> Result<bool> {
    let twins = TWINS.iter().find(|(table, _)| *table == change.table);
    let Some((_, sql)) = twins else {
        return Ok(false);
    };
    Ok(view.prepare(sql)?.exists([&change.record])?)
}

fn cannot_be_undone(seq: u64, reason: &str) -> Error {
    let message = format!("line {seq} cannot be taken back: {reason}");
    Error::new(Code::Conflict, message)
}

impl Action<'_> {
    fn run(&self, tx: &Tx<'_>, applier: &Applier) -> Result<()> {
        let mut rows = String::new();
        match &self.put {
            Some(row) => row.record_into(&mut rows, self.change.table, "put"),
            None => {
                self.change
                    .key
                    .record_into(&mut rows, self.change.table, "del");
            }
        }
        applier.apply(tx.connection(), rows.as_bytes()).map(drop)
    }
}

/// Whether a column is the store's own bookkeeping: numbers that were given are never given again, and a version or time
/// of change never goes back.
fn is_bookkeeping(column: &str) -> bool {
    column.starts_with("next_") || column == "version" || column == "updated_at"
}

/// What takes a row back; none when nothing does.
fn action<'a>(
    tx: &Tx<'_>,
    seq: u64,
    change: &'a Change,
    current: Option<Row>,
) -> Result<Option<Action<'a>>> {
    let put = match (&change.before, &change.after, &current) {
        (None, None, _) => return Ok(None),
        (None, Some(after), Some(current)) => {
            let changed = |(column, value): &&(String, Box<RawValue>)| {
                !is_bookkeeping(column)
                    && current.get(column).map(RawValue::get) != Some(value.get())
            };
            if let Some((column, _)) = after.0.iter().find(changed) {
                return Err(changed_since(tx, seq, change, column));
            }
            None
        }
        (Some(before), Some(after), Some(current)) => {
            let mut row = current.clone();
            let mut is_changed = false;
            for (column, value) in &before.0 {
                let then = after.get(column).map(RawValue::get);
                if is_bookkeeping(column) || then == Some(value.get()) {
                    continue;
                }
                if current.get(column).map(RawValue::get) != then {
                    return Err(changed_since(tx, seq, change, column));
                }
                row.set(column, value.clone());
                is_changed = true;
            }
            if !is_changed {
                return Ok(None);
            }
            Some(row)
        }
        (Some(_), None, None) if is_erased(tx, &change.record)? => {
            let reason = format!("{} was erased for good", change.record);
            return Err(cannot_be_undone(seq, &reason));
        }
        (Some(before), None, None) => Some(before.clone()),
        (_, Some(_), None) | (Some(_), None, Some(_)) => {
            return Err(changed_since(tx, seq, change, "the row"));
        }
    };
    let put = put.map(|row| bring_up_to_date(tx, change.table, row));
    Ok(Some(Action {
        change,
        put: put.transpose()?,
        current,
    }))
}

/// Whether a record, or one that it lies in, was erased.
fn is_erased(view: &View<'_>, record: &str) -> Result<bool> {
    let mut erased = view.prepare(
        "SELECT 1 FROM erasure WHERE record = ?1 OR substr(?1, 1, length(record) + 1) = record || '-'",
    )?;
    Ok(erased.exists([record])?)
}

/// A row that is put back is a change of its own, and no stream runs in it.
fn bring_up_to_date(tx: &Tx<'_>, table: &str, mut row: Row) -> Result<Row> {
    if let Some(version) = row.number("version") {
        row.set("version", json(version + 1)?);
    }
    row.set("updated_at", json(tx.now_ms())?);
    let status = row.get("status").map(RawValue::get);
    if table == "message" && status == Some("\"streaming\"") {
        row.set(
            "status",
            RawValue::from_string("\"interrupted\"".to_owned()).map_err(unwritable)?,
        );
    }
    Ok(row)
}

fn json(number: i64) -> Result<Box<RawValue>> {
    to_raw_value(&number).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "a value could not be written").caused_by(error)
}

/// Names what has changed a row since.
fn changed_since(view: &View<'_>, seq: u64, change: &Change, what: &str) -> Error {
    let newest = view
        .prepare("SELECT max(last_seq), op FROM history WHERE record = ?1 AND last_seq > ?2")
        .and_then(|mut statement| {
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            Ok(statement.query_row((&change.record, seq), read)?)
        });
    let (newer, op): (Option<u64>, Option<String>) = newest.unwrap_or_default();
    let by = match (newer, op) {
        (Some(newer), Some(op)) => format!(" by line {newer} ({op})"),
        _ => String::new(),
    };
    let (table, record) = (change.table, &change.record);
    let reason = format!("{what} of {table} {record} has changed since{by}");
    cannot_be_undone(seq, &reason)
}

/// What rows refer to, by table.
struct References(Vec<(&'static str, Vec<ForeignKey>)>);

impl References {
    fn learn(
        view: &View<'_>,
        keys: impl Fn(&View<'_>, &str) -> Result<Vec<ForeignKey>>,
    ) -> Result<Self> {
        let all = TABLES
            .iter()
            .map(|spec| Ok((spec.name, keys(view, spec.name)?)));
        Ok(Self(all.collect::<Result<_>>()?))
    }

    /// What keeps an action from being done now.
    fn obstacle(&self, tx: &Tx<'_>, action: &Action<'_>) -> Result<Option<String>> {
        let table = action.change.table;
        let record = &action.change.record;
        if let Some(row) = &action.put {
            let own = self.0.iter().find(|(name, _)| *name == table);
            for key in own.map_or(&[][..], |(_, keys)| keys) {
                if !key.is_met(tx.connection(), row)? {
                    let parent = &key.parent;
                    return Ok(Some(format!(
                        "the {parent} that {table} {record} refers to is not there"
                    )));
                }
            }
            return Ok(None);
        }
        let Some(row) = &action.current else {
            return Ok(None);
        };
        for (child, keys) in &self.0 {
            for key in keys.iter().filter(|key| key.parent == table) {
                if key.is_used(tx.connection(), child, row)? {
                    return Ok(Some(format!("a {child} depends on {table} {record}")));
                }
            }
        }
        Ok(None)
    }
}

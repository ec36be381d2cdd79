//! The row capture: SQLite's pre-update hook writes every changed row of our tables as JSON.
//!
//! The rows of one request become one journal line. What a failed or rolled-back request captured is cut off again by
//! [`Capture::cut`], because the hook fires before SQLite knows whether the change will stand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::hooks::{Action, PreUpdateCase};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ffi};
use serde_json::value::RawValue;

use super::schema::{RecordKey, TABLES};
use crate::error::{Code, Error, Result};

/// A shared buffer of captured rows.
#[derive(Clone, Default)]
pub struct Capture {
    // rusqlite asks for hooks that could move between threads; this one never does, so the lock is never contended.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    tables: HashMap<&'static str, Table>,
    /// JSON objects separated by commas.
    rows: Vec<u8>,
    touched: Touched,
    enabled: bool,
    failure: Option<String>,
}

struct Table {
    record: RecordKey,
    columns: Vec<Column>,
    /// The column that holds the owner's number.
    owner: Option<i32>,
}

/// What captured rows are about. Neighbours are told apart; the same one may come again later.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    /// The records the rows belong to.
    pub records: Vec<String>,
    /// The numbers of the users whose rows they are.
    pub owners: Vec<i64>,
    /// The tables, each once.
    pub tables: Vec<&'static str>,
}

impl Touched {
    /// Adds a record.
    pub(super) fn add_record(&mut self, id: Option<String>) {
        if let Some(id) = id
            && self.records.last() != Some(&id)
        {
            self.records.push(id);
        }
    }

    /// Adds a table.
    pub(super) fn add_table(&mut self, name: &'static str) {
        if !self.tables.contains(&name) {
            self.tables.push(name);
        }
    }

    fn clear(&mut self) {
        self.records.clear();
        self.owners.clear();
        self.tables.clear();
    }
}

struct Column {
    /// The column's name as a JSON key, with its colon.
    key: String,
    in_primary_key: bool,
}

/// A place in the capture to go back to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    rows: usize,
    records: usize,
    owners: usize,
    tables: usize,
}

impl Capture {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Installs the hook on a connection.
    pub fn install(&self, connection: &mut Connection) -> Result<()> {
        let capture = self.clone();
        let hook = move |_action: Action, database: &str, table: &str, case: &PreUpdateCase| {
            if database == "main" {
                capture.state().record(table, case);
            }
        };
        Ok(connection.preupdate_hook(Some(hook))?)
    }

    /// Takes the hook off a connection.
    pub fn uninstall(connection: &mut Connection) -> Result<()> {
        Ok(connection.preupdate_hook(None::<fn(Action, &str, &str, &PreUpdateCase)>)?)
    }

    /// Reads the columns of our tables, which a migration may have changed.
    pub fn learn_schema(&self, connection: &Connection) -> Result<()> {
        let mut tables = HashMap::new();
        let mut info =
            connection.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
        for spec in TABLES {
            let columns = info
                .query_map([spec.name], |row| {
                    let name: String = row.get(0)?;
                    Ok(Column {
                        key: format!("\"{name}\":"),
                        in_primary_key: row.get::<_, i64>(1)? > 0,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let is_owner = |(column, _): &(&Column, i32)| column.key == "\"user\":";
            let owner = columns.iter().zip(0..).find(is_owner);
            let owner = owner.map(|(_, index)| index);
            if !columns.is_empty() {
                tables.insert(
                    spec.name,
                    Table {
                        record: spec.record,
                        columns,
                        owner,
                    },
                );
            }
        }
        self.state().tables = tables;
        Ok(())
    }

    /// Turns recording on or off, and says which it was: replay and migrations write rows that are recorded already.
    pub fn set_enabled(&self, enabled: bool) -> bool {
        std::mem::replace(&mut self.state().enabled, enabled)
    }

    /// Records a row as though it had been written, all columns in their order.
    ///
    /// # Errors
    /// `internal` when the table has other columns.
    pub fn put(&self, table: &str, values: &[ValueRef<'_>]) -> Result<()> {
        let mut state = self.state();
        let State {
            tables,
            rows,
            touched,
            ..
        } = &mut *state;
        let unlike = || Error::new(Code::Internal, format!("no row of {table} is like this"));
        let (name, table) = tables.get_key_value(table).ok_or_else(unlike)?;
        if table.columns.len() != values.len() {
            return Err(unlike());
        }
        let value = |index: i32| {
            let value = usize::try_from(index).ok().and_then(|at| values.get(at));
            value.copied().ok_or(rusqlite::Error::InvalidQuery)
        };
        put(rows, name, table, &value)?;
        note(touched, name, table, &value);
        Ok(())
    }

    /// The end of what is captured so far.
    pub fn mark(&self) -> Mark {
        let state = self.state();
        Mark {
            rows: state.rows.len(),
            records: state.touched.records.len(),
            owners: state.touched.owners.len(),
            tables: state.touched.tables.len(),
        }
    }

    /// Forgets what was captured after `mark`.
    pub fn cut(&self, mark: Mark) {
        let mut state = self.state();
        state.rows.truncate(mark.rows);
        state.touched.records.truncate(mark.records);
        state.touched.owners.truncate(mark.owners);
        state.touched.tables.truncate(mark.tables);
        state.failure = None;
    }

    /// Forgets all that was captured.
    pub fn clear(&self) {
        let mut state = self.state();
        state.rows.clear();
        state.touched.clear();
        state.failure = None;
    }

    /// Hands the rows captured since the last call, and what they are about, to `take`.
    ///
    /// # Errors
    /// `internal` when a row could not be read as it changed; the caller must roll back.
    pub fn drain<T>(&self, take: impl FnOnce(&[u8], &mut Touched) -> T) -> Result<T> {
        let mut state = self.state();
        if let Some(failure) = state.failure.take() {
            return Err(
                Error::new(Code::Internal, "a changed row could not be recorded")
                    .caused_by(failure),
            );
        }
        let state = &mut *state;
        let taken = take(&state.rows, &mut state.touched);
        state.rows.clear();
        state.rows.shrink_to(1 << 20);
        state.touched.clear();
        Ok(taken)
    }
}

impl State {
    fn record(&mut self, table: &str, case: &PreUpdateCase) {
        if !self.enabled {
            return;
        }
        let Some((name, table)) = self.tables.get_key_value(table) else {
            return;
        };
        let recorded = match case {
            PreUpdateCase::Insert(new) => {
                let new = |index| new.get_new_column_value(index);
                put(&mut self.rows, name, table, &new)
                    .map(|()| note(&mut self.touched, name, table, &new))
            }
            PreUpdateCase::Delete(old) => {
                let old = |index| old.get_old_column_value(index);
                delete(&mut self.rows, name, table, &old)
                    .map(|()| note(&mut self.touched, name, table, &old))
            }
            PreUpdateCase::Update {
                old_value_accessor: old,
                new_value_accessor: new,
            } => {
                let old = |index| old.get_old_column_value(index);
                let new = |index| new.get_new_column_value(index);
                key_moved(table, &old, &new)
                    .and_then(|moved| {
                        if moved {
                            delete(&mut self.rows, name, table, &old)
                        } else {
                            Ok(())
                        }
                    })
                    .and_then(|()| put(&mut self.rows, name, table, &new))
                    .map(|()| note(&mut self.touched, name, table, &new))
            }
            PreUpdateCase::Unknown => Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_MISUSE),
                None,
            )),
        };
        if let Err(error) = recorded {
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }
}

type Read<'r, 'v> = &'r dyn Fn(i32) -> rusqlite::Result<ValueRef<'v>>;

fn put(out: &mut Vec<u8>, name: &str, table: &Table, value: Read<'_, '_>) -> rusqlite::Result<()> {
    object(out, name, "put", table.columns.iter().zip(0..), value)
}

fn delete(
    out: &mut Vec<u8>,
    name: &str,
    table: &Table,
    value: Read<'_, '_>,
) -> rusqlite::Result<()> {
    let key = table
        .columns
        .iter()
        .zip(0..)
        .filter(|(column, _)| column.in_primary_key);
    object(out, name, "del", key, value)
}

fn object<'t>(
    out: &mut Vec<u8>,
    name: &str,
    verb: &str,
    columns: impl Iterator<Item = (&'t Column, i32)>,
    value: Read<'_, '_>,
) -> rusqlite::Result<()> {
    if !out.is_empty() {
        out.push(b',');
    }
    for piece in ["{\"t\":\"", name, "\",\"", verb, "\":{"] {
        out.extend_from_slice(piece.as_bytes());
    }
    let mut first = true;
    for (column, index) in columns {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(column.key.as_bytes());
        json(out, value(index)?)?;
    }
    out.extend_from_slice(b"}}");
    Ok(())
}

fn json(out: &mut Vec<u8>, value: ValueRef<'_>) -> rusqlite::Result<()> {
    let written = match value {
        ValueRef::Null => serde_json::to_writer(out, &()),
        ValueRef::Integer(number) => serde_json::to_writer(out, &number),
        ValueRef::Real(number) => serde_json::to_writer(out, &number),
        ValueRef::Text(_) => serde_json::to_writer(out, value.as_str()?),
        // No recorded table has a blob column; bytes live in files of their own.
        ValueRef::Blob(_) => return Err(rusqlite::Error::InvalidQuery),
    };
    written.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// Writes a value as the capture does, behind others.
pub(crate) fn write_json(out: &mut Vec<u8>, value: ValueRef<'_>) -> Result<()> {
    Ok(json(out, value)?)
}

/// A value as the capture writes it.
pub(super) fn to_json(value: ValueRef<'_>) -> Result<Box<RawValue>> {
    let mut text = Vec::new();
    json(&mut text, value)?;
    serde_json::from_slice(&text).map_err(|error| {
        Error::new(Code::Internal, "a value could not be written").caused_by(error)
    })
}

fn key_moved(table: &Table, old: Read<'_, '_>, new: Read<'_, '_>) -> rusqlite::Result<bool> {
    for (column, index) in table.columns.iter().zip(0..) {
        if column.in_primary_key && old(index)? != new(index)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes what a row is about; rows of one record usually come one after another.
fn note(touched: &mut Touched, name: &'static str, table: &Table, value: Read<'_, '_>) {
    let id = table
        .record
        .id(|index| value(i32::try_from(index).ok()?).ok());
    touched.add_record(id);
    let owner = table
        .owner
        .and_then(|index| value(index).ok()?.as_i64().ok());
    if let Some(owner) = owner
        && touched.owners.last() != Some(&owner)
    {
        touched.owners.push(owner);
    }
    touched.add_table(name);
}

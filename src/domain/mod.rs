//! The records: one file per group, each with its types, its SQL and its operations.
//!
//! An operation is a function over a [`View`](crate::store::View) or a [`Tx`](crate::store::Tx). It validates what it is
//! given, and either does all of its work or returns an error.

pub mod artifacts;
pub mod blobs;
pub mod charts;
pub mod constructs;
pub mod contexts;
pub mod conversations;
pub mod erasures;
pub mod jobs;
mod json;
pub mod learnings;
pub mod links;
mod listing;
pub mod messages;
pub mod metrics;
pub mod packed;
pub mod page;
pub mod parts;
pub mod preload;
pub mod retention;
pub mod sessions;
pub mod settings;
pub mod timeline;
pub mod uploads;
pub mod users;

use crate::error::{Error, Result};
use crate::id::{MAX_NUMBER, UserId};
use crate::store::{Tx, View};

pub use json::{Json, Metadata};

/// The longest name, title or label, in bytes.
pub(crate) const MAX_LABEL_BYTES: usize = 4096;

/// The largest metadata of one record, in bytes of JSON.
pub(crate) const MAX_METADATA_BYTES: usize = 1 << 20;

fn check_label(what: &str, label: &str) -> Result<()> {
    if label.len() > MAX_LABEL_BYTES {
        return Err(Error::invalid(format!(
            "{what} is longer than {MAX_LABEL_BYTES} bytes"
        )));
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("{what} needs a name")));
    }
    check_label(what, name)
}

fn check_time(ms: i64) -> Result<i64> {
    if (-MAX_NUMBER..=MAX_NUMBER).contains(&ms) {
        Ok(ms)
    } else {
        Err(Error::invalid(format!("{ms} is not a time")))
    }
}

/// A text in lower case, character by character, so that a part of it stays a part.
fn lower(text: &str) -> String {
    let mut lower = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            lower.push(character.to_ascii_lowercase());
        } else {
            lower.extend(character.to_lowercase());
        }
    }
    lower
}

/// The text in a row's column.
pub(crate) fn text<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Result<&'r str> {
    let value = row.get_ref(column)?;
    Ok(value.as_str().map_err(rusqlite::Error::from)?)
}

fn to_json(what: &str, value: &impl serde::Serialize) -> Result<String> {
    let json = serde_json::to_string(value)
        .map_err(|error| Error::invalid(format!("{what} is not JSON")).caused_by(error))?;
    if json.len() > MAX_METADATA_BYTES {
        return Err(Error::invalid(format!(
            "{what} is larger than {MAX_METADATA_BYTES} bytes of JSON"
        )));
    }
    Ok(json)
}

fn from_json<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|error| Error::corrupt(format!("a stored {what} is not JSON")).caused_by(error))
}

/// Refuses an update made from a version that is no longer the current one.
fn check_version(what: &str, seen: i64, current: i64) -> Result<()> {
    if seen == current {
        return Ok(());
    }
    Err(Error::new(
        crate::Code::Conflict,
        format!("the {what} is at version {current}, not at {seen}"),
    ))
}

/// The next number of a counter; no number is given twice.
fn next_number(tx: &Tx<'_>, counter: &str) -> Result<i64> {
    let mut next = tx.prepare(
        "INSERT INTO counter (name, value) VALUES (?1, 1)
         ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
    )?;
    Ok(next.query_row([counter], |row| row.get(0))?)
}

/// Sees to it that a counter gives no number up to this one.
pub(crate) fn pass_number(tx: &Tx<'_>, counter: &str, number: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO counter (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value < excluded.value",
        (counter, number),
    )?;
    Ok(())
}

/// A kind of record that is named by a text.
struct Named {
    what: &'static str,
    table: &'static str,
    key: &'static str,
    columns: &'static str,
}

impl Named {
    /// Reads the record with this id.
    ///
    /// # Errors
    /// `not_found` where there is none, or none that the view may see.
    fn get<T>(
        &self,
        view: &View<'_>,
        id: &str,
        read: impl FnOnce(&rusqlite::Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let Self {
            what,
            table,
            key,
            columns,
        } = self;
        let mut statement = view.prepare(&format!(
            "SELECT {columns} FROM {table} WHERE {key} = ?1 AND (?2 IS NULL OR user = ?2)"
        ))?;
        let mut rows = statement.query((id, view.scope().map(|scope| scope.user)))?;
        let row = rows.next()?.ok_or_else(|| Error::not_found(what, id))?;
        read(row)
    }
}

/// Whose records are meant: the user who is named, else the one that the view is limited to.
pub(crate) fn owner(view: &View<'_>, named: Option<UserId>) -> Result<UserId> {
    let owner = named
        .or(view.scope())
        .ok_or_else(|| Error::invalid("no user is named"))?;
    view.admit(owner)?;
    Ok(owner)
}

//! Rows of any table, with what is known of their kind, read in slices.

use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::PARTS;
use crate::archive::records::in_slices;
use crate::database::rows::{columns, insertion, key_columns, matching, values};
use crate::error::{Error, Result};
use crate::store::View;

/// Rows read at once.
const SLICE_ROWS: usize = 256;

/// Rows of a staged table in the order of their keys.
pub(super) struct Cursor {
    kind: Rc<Kind>,
    first: String,
    next: String,
    last: Vec<Value>,
}

/// What the rows of a table have in common.
pub(super) struct Kind {
    pub table: &'static str,
    pub columns: Vec<String>,
    /// Where the columns of its key are.
    pub key: Vec<usize>,
    /// Puts a row.
    pub insert: String,
    /// Tables whose rows go with one of these.
    pub parts: Vec<PartKind>,
}

/// Rows that go with a record.
pub(super) struct PartKind {
    pub kind: Rc<Kind>,
    /// Those of a record, by the values of its key.
    pub select: String,
    /// The columns by which two of them are alike.
    pub alike: &'static [&'static str],
    /// Whether any were staged.
    pub is_staged: bool,
}

/// A row with what is known of its kind.
#[derive(Clone)]
pub(super) struct Row {
    pub kind: Rc<Kind>,
    pub values: Vec<Value>,
}

impl Kind {
    fn of(connection: &Connection, table: &'static str) -> Result<Self> {
        let columns = columns(connection, table)?;
        let key = key_columns(connection, table)?;
        let place = |name: &String| columns.iter().position(|column| column == name);
        let mut kind = Self {
            table,
            key: key.iter().filter_map(place).collect(),
            insert: insertion(table, &columns),
            columns,
            parts: Vec::new(),
        };
        for (_, part, alike) in PARTS.iter().filter(|(record, ..)| *record == table) {
            let part = Self::of(connection, part)?;
            let mut any =
                connection.prepare(&format!("SELECT 1 FROM \"{}\" LIMIT 1", part.table))?;
            let is_staged = any.exists([])?;
            kind.parts.push(PartKind {
                select: format!(
                    "SELECT \"{}\" FROM \"{}\" WHERE {}",
                    part.columns.join("\", \""),
                    part.table,
                    kind.goes_with()
                ),
                kind: Rc::new(part),
                alike,
                is_staged,
            });
        }
        Ok(kind)
    }

    /// The names of the columns of its key.
    pub fn key_columns(&self) -> impl Iterator<Item = &String> {
        self.key.iter().filter_map(|index| self.columns.get(*index))
    }

    /// The condition under which a row goes with one of these, whose key's values are bound in their order.
    pub fn goes_with(&self) -> String {
        let matches: Vec<String> = (1..)
            .zip(self.key_columns())
            .map(|(n, column)| match self.table {
                "entity" => format!("\"entity\" = ?{n}"),
                _ => format!("\"{column}\" = ?{n}"),
            })
            .collect();
        matches.join(" AND ")
    }
}

impl Cursor {
    pub fn begin(connection: &Connection, table: &'static str) -> Result<Self> {
        let kind = Kind::of(connection, table)?;
        let keys: Vec<String> = kind
            .key_columns()
            .map(|name| format!("\"{name}\""))
            .collect();
        let select = format!(
            "SELECT \"{}\" FROM \"{table}\" WHERE 1",
            kind.columns.join("\", \"")
        );
        let [first, next] = in_slices(&select, &keys, SLICE_ROWS);
        Ok(Self {
            kind: Rc::new(kind),
            first,
            next,
            last: Vec::new(),
        })
    }

    pub fn next(&mut self, connection: &Connection) -> Result<Vec<Row>> {
        let sql = if self.last.is_empty() {
            &self.first
        } else {
            &self.next
        };
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(self.last.iter()))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Row {
                values: values(row, self.kind.columns.len())?,
                kind: self.kind.clone(),
            });
        }
        if let Some(last) = found.last() {
            self.last = last.key_values();
        }
        Ok(found)
    }
}

impl Row {
    pub fn place(&self, column: &str) -> Option<usize> {
        self.kind.columns.iter().position(|name| name == column)
    }

    pub fn get(&self, column: &str) -> Option<&Value> {
        self.values.get(self.place(column)?)
    }

    pub fn number(&self, column: &str) -> Option<i64> {
        match self.get(column)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub fn text(&self, column: &str) -> Option<&str> {
        match self.get(column)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn set(&mut self, column: &str, value: Value) {
        if let Some(slot) = self
            .place(column)
            .and_then(|place| self.values.get_mut(place))
        {
            *slot = value;
        }
    }

    /// Sets columns to the numbers of a key.
    pub fn set_numbers(&mut self, columns: &[&str], key: &str) {
        for (column, number) in columns.iter().zip(numbers(key)) {
            self.set(column, Value::Integer(number));
        }
    }

    pub fn key_values(&self) -> Vec<Value> {
        let of = |index: &usize| self.values.get(*index).cloned();
        self.kind.key.iter().filter_map(of).collect()
    }

    /// Its key as one text.
    pub fn key_text(&self) -> String {
        key_text(&self.key_values())
    }
}

pub(in crate::archive) fn key_text(values: &[Value]) -> String {
    let texts: Vec<String> = values
        .iter()
        .map(|value| match value {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            _ => String::new(),
        })
        .collect();
    texts.join("/")
}

pub(super) fn numbers(key: &str) -> Vec<i64> {
    key.split('/')
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// The values of a key of the store, of the kinds that a row's key has.
pub(super) fn key_of(row: &Row, key: &str) -> Vec<Value> {
    let is_number = |index: &usize| matches!(row.values.get(*index), Some(Value::Integer(_)));
    if row.kind.key.iter().all(is_number) {
        return numbers(key).into_iter().map(Value::Integer).collect();
    }
    if row.kind.key.len() == 1 {
        return vec![Value::Text(key.to_owned())];
    }
    // A number, and a name that may hold anything.
    let (number, name) = key.split_once('/').unwrap_or((key, ""));
    let number = number.parse().map_or(Value::Null, Value::Integer);
    vec![number, Value::Text(name.to_owned())]
}

/// The store's row with a key.
pub(super) fn row_of(view: &View<'_>, like: &Row, key: &str) -> Result<Row> {
    let Kind { table, columns, .. } = &*like.kind;
    let mut statement = view.prepare(&format!(
        "SELECT \"{}\" FROM \"{table}\" WHERE {}",
        columns.join("\", \""),
        matching(like.kind.key_columns(), 1)
    ))?;
    let mut rows = statement.query(params_from_iter(key_of(like, key)))?;
    let row = rows.next()?.ok_or_else(|| Error::not_found(table, key))?;
    Ok(Row {
        values: values(row, columns.len())?,
        kind: like.kind.clone(),
    })
}

/// The rows that go with a record, by the values of its key.
pub(super) fn parts(connection: &Connection, part: &PartKind, key: &[Value]) -> Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(&part.select)?;
    let mut rows = statement.query(params_from_iter(key))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Row {
            values: values(row, part.kind.columns.len())?,
            kind: part.kind.clone(),
        });
    }
    Ok(found)
}

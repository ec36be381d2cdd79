//! Rows of any table, with their columns, read in slices.

use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::archive::records::in_slices;
use crate::database::rows::{columns, key_columns, matching, values};
use crate::error::{Error, Result};
use crate::store::View;

/// Rows read at once.
const SLICE_ROWS: usize = 256;

/// Rows of a staged table in the order of their keys.
pub(super) struct Cursor {
    table: &'static str,
    columns: Rc<Vec<String>>,
    key: Vec<usize>,
    first: String,
    next: String,
    last: Vec<Value>,
}

/// A row with its columns.
#[derive(Clone)]
pub(super) struct Row {
    pub table: &'static str,
    pub columns: Rc<Vec<String>>,
    pub values: Vec<Value>,
    /// Where the columns of its key are; empty where it only goes with another.
    pub key: Vec<usize>,
}

impl Cursor {
    pub fn begin(connection: &Connection, table: &'static str) -> Result<Self> {
        let key = key_columns(connection, table)?;
        let columns = columns(connection, table)?;
        let keys: Vec<String> = key.iter().map(|name| format!("\"{name}\"")).collect();
        let select = format!("SELECT * FROM \"{table}\" WHERE 1");
        let [first, next] = in_slices(&select, &keys, SLICE_ROWS);
        let place = |name: &String| columns.iter().position(|column| column == name);
        Ok(Self {
            table,
            key: key.iter().filter_map(place).collect(),
            first,
            next,
            columns: Rc::new(columns),
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
                table: self.table,
                columns: self.columns.clone(),
                values: values(row, self.columns.len())?,
                key: self.key.clone(),
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
        self.columns.iter().position(|name| name == column)
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
        self.key.iter().filter_map(of).collect()
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
    if row.key.iter().all(is_number) {
        return numbers(key).into_iter().map(Value::Integer).collect();
    }
    if row.key.len() == 1 {
        return vec![Value::Text(key.to_owned())];
    }
    // A number, and a name that may hold anything.
    let (number, name) = key.split_once('/').unwrap_or((key, ""));
    let number = number.parse().map_or(Value::Null, Value::Integer);
    vec![number, Value::Text(name.to_owned())]
}

/// The store's row with a key.
pub(super) fn row_of(view: &View<'_>, like: &Row, key: &str) -> Result<Row> {
    let keys = like.key.iter().filter_map(|index| like.columns.get(*index));
    let columns = like.columns.join("\", \"");
    let mut statement = view.prepare(&format!(
        "SELECT \"{columns}\" FROM \"{}\" WHERE {}",
        like.table,
        matching(keys, 1)
    ))?;
    let mut rows = statement.query(params_from_iter(key_of(like, key)))?;
    let row = rows
        .next()?
        .ok_or_else(|| Error::not_found(like.table, key))?;
    Ok(Row {
        values: values(row, like.columns.len())?,
        ..like.clone()
    })
}

/// The condition under which a row goes with a record, whose key's values are bound in their order.
pub(super) fn goes_with(record: &Row) -> String {
    let column = |index: &usize| match record.table {
        "entity" => "entity",
        _ => record.columns.get(*index).map_or("", |name| name),
    };
    let matches: Vec<String> = (1..)
        .zip(record.key.iter().map(column))
        .map(|(n, column)| format!("\"{column}\" = ?{n}"))
        .collect();
    matches.join(" AND ")
}

/// The rows of a part's table that go with a record.
pub(super) fn parts(
    connection: &Connection,
    record: &Row,
    part: &'static str,
    key: &[Value],
) -> Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT * FROM \"{part}\" WHERE {}",
        goes_with(record)
    ))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let columns = Rc::new(columns);
    let mut rows = statement.query(params_from_iter(key))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Row {
            table: part,
            values: values(row, columns.len())?,
            columns: columns.clone(),
            key: Vec::new(),
        });
    }
    Ok(found)
}

//! Applying recorded rows: what the capture wrote, read back into the tables.
//!
//! Exactly those rows are put or deleted, with foreign keys and the capture off, so applying a line twice is applying it once.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::schema::{RecordKey, TABLES};
use crate::error::{Error, Result};

/// Writes recorded rows into tables.
pub struct Applier<'c> {
    connection: &'c Connection,
    tables: HashMap<&'static str, Table>,
}

struct Table {
    record: RecordKey,
    columns: Vec<String>,
    key: Vec<String>,
    put: String,
    delete: String,
}

#[derive(Deserialize)]
struct Row<'a> {
    t: &'a str,
    #[serde(borrow)]
    put: Option<HashMap<Cow<'a, str>, Value>>,
    #[serde(borrow)]
    del: Option<HashMap<Cow<'a, str>, Value>>,
}

impl<'c> Applier<'c> {
    /// Learns the tables as they are now.
    pub fn new(connection: &'c Connection) -> Result<Self> {
        let mut tables = HashMap::new();
        for spec in TABLES {
            if let Some(table) = Table::learn(connection, spec.name, spec.record)? {
                tables.insert(spec.name, table);
            }
        }
        Ok(Self { connection, tables })
    }

    /// Applies the rows of one line and names the records they belong to.
    ///
    /// # Errors
    /// `invalid_argument` when a row names a table or column that this schema does not have; earlier rows are applied then.
    /// `corrupt` is the database's own.
    pub fn apply(&self, rows: &[u8]) -> Result<Vec<String>> {
        let mut records = Vec::new();
        let mut array = Vec::with_capacity(rows.len() + 2);
        array.push(b'[');
        array.extend_from_slice(rows);
        array.push(b']');
        let rows: Vec<&RawValue> = serde_json::from_slice(&array).map_err(unreadable)?;
        for row in rows {
            let row: Row<'_> = serde_json::from_str(row.get()).map_err(unreadable)?;
            let table = self
                .tables
                .get(row.t)
                .ok_or_else(|| Error::invalid(format!("there is no table {:?}", row.t)))?;
            let (sql, columns, values) = match (&row.put, &row.del) {
                (Some(values), None) => (&table.put, &table.columns, values),
                (None, Some(values)) => (&table.delete, &table.key, values),
                _ => return Err(Error::invalid("a row is neither put nor deleted")),
            };
            if values.len() != columns.len() {
                return Err(Error::invalid(format!(
                    "a row of {:?} has {} columns",
                    row.t,
                    values.len()
                )));
            }
            let mut statement = self.connection.prepare_cached(sql)?;
            for (column, index) in columns.iter().zip(1..) {
                let value = values.get(column.as_str());
                let value = value.ok_or_else(|| {
                    Error::invalid(format!("a row of {:?} lacks {column}", row.t))
                })?;
                bind(&mut statement, index, value)?;
            }
            statement.raw_execute()?;
            let key = |index: usize| -> Option<i64> {
                values.get(table.columns.get(index)?.as_str())?.as_i64()
            };
            if let Some(id) = table
                .record
                .id(|index| key(index).map(rusqlite::types::ValueRef::Integer))
                && records.last() != Some(&id)
            {
                records.push(id);
            }
        }
        Ok(records)
    }
}

impl Table {
    fn learn(connection: &Connection, name: &str, record: RecordKey) -> Result<Option<Self>> {
        let mut info =
            connection.prepare_cached("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
        let columns = info
            .query_map([name], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        if columns.is_empty() {
            return Ok(None);
        }
        let key: Vec<String> = columns
            .iter()
            .filter(|(_, pk)| *pk > 0)
            .map(|(name, _)| name.clone())
            .collect();
        let columns: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
        let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let matches: Vec<String> = key
            .iter()
            .zip(1..)
            .map(|(column, n)| format!("\"{column}\" = ?{n}"))
            .collect();
        Ok(Some(Self {
            record,
            put: format!(
                "INSERT OR REPLACE INTO \"{name}\" (\"{}\") VALUES ({})",
                columns.join("\", \""),
                marks.join(", ")
            ),
            delete: format!("DELETE FROM \"{name}\" WHERE {}", matches.join(" AND ")),
            columns,
            key,
        }))
    }
}

fn bind(statement: &mut rusqlite::CachedStatement<'_>, index: usize, value: &Value) -> Result<()> {
    match value {
        Value::Null => statement.raw_bind_parameter(index, rusqlite::types::Null)?,
        Value::String(text) => statement.raw_bind_parameter(index, text)?,
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => statement.raw_bind_parameter(index, integer)?,
            (None, Some(real)) => statement.raw_bind_parameter(index, real)?,
            (None, None) => return Err(Error::invalid("a number is out of range")),
        },
        _ => return Err(Error::invalid("a column holds neither text nor a number")),
    }
    Ok(())
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::invalid("a recorded row is not JSON").caused_by(error)
}

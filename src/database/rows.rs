//! Recorded rows as values: what the capture wrote, read back without the tables it was written for, and rows of the tables
//! in the same form.

use std::fmt;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::capture;
use super::schema::{RecordKey, TABLES, TableSpec};
use crate::error::{Error, Result};

/// A row as a line of the journal records it: put with all its values, or deleted by its key.
#[derive(Debug, Clone, Deserialize)]
pub struct RecordedRow<'a> {
    /// The table.
    #[serde(rename = "t")]
    pub table: &'a str,
    /// All values, if it was put.
    #[serde(borrow)]
    pub put: Option<&'a RawValue>,
    /// The values of its key, if it was deleted.
    #[serde(borrow)]
    pub del: Option<&'a RawValue>,
}

impl<'a> RecordedRow<'a> {
    /// The values that are recorded, in the order of the columns.
    pub fn fields(&self) -> Result<Fields<'a>> {
        let values = self.put.or(self.del).map_or("{}", RawValue::get);
        serde_json::from_str(values).map_err(unreadable)
    }

    /// What is known of the table; none if there is no such table any more.
    #[must_use]
    pub fn spec(&self) -> Option<&'static TableSpec> {
        TABLES.iter().find(|spec| spec.name == self.table)
    }
}

/// Columns and their values as JSON.
#[derive(Debug, Clone)]
pub struct Fields<'a>(pub Vec<(&'a str, &'a RawValue)>);

impl Fields<'_> {
    /// The record that a row of such a table belongs to.
    #[must_use]
    pub fn record(&self, key: RecordKey) -> Option<String> {
        let value = |index: usize| self.0.get(index).map(|(_, value)| value.get());
        if key == RecordKey::Text {
            return serde_json::from_str(value(0)?).ok();
        }
        key.id(|index| value(index)?.parse().ok().map(ValueRef::Integer))
    }

    /// The same, standing on its own.
    #[must_use]
    pub fn to_row(&self) -> Row {
        let own = |(name, value): &(&str, &RawValue)| ((*name).to_owned(), (*value).to_owned());
        Row(self.0.iter().map(own).collect())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a row's values")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                // The names of columns hold nothing that JSON escapes.
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        json.deserialize_map(Object)
    }
}

/// A row's columns and their values as JSON, in the order of the columns.
#[derive(Debug, Clone, Default)]
pub struct Row(pub Vec<(String, Box<RawValue>)>);

impl Row {
    /// A column's value.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(name, _)| name == column);
        found.map(|(_, value)| &**value)
    }

    /// Gives a column another value; a row without such a column stays as it is.
    pub fn set(&mut self, column: &str, value: Box<RawValue>) {
        if let Some(field) = self.0.iter_mut().find(|(name, _)| name == column) {
            field.1 = value;
        }
    }

    /// A column that holds a whole number.
    #[must_use]
    pub fn number(&self, column: &str) -> Option<i64> {
        self.get(column)?.get().parse().ok()
    }

    /// Writes the row as the capture does, behind others.
    pub fn record_into(&self, out: &mut String, table: &str, verb: &str) {
        if !out.is_empty() {
            out.push(',');
        }
        for piece in ["{\"t\":\"", table, "\",\"", verb, "\":{"] {
            out.push_str(piece);
        }
        for (index, (name, value)) in self.0.iter().enumerate() {
            for piece in [
                if index > 0 { ",\"" } else { "\"" },
                name,
                "\":",
                value.get(),
            ] {
                out.push_str(piece);
            }
        }
        out.push_str("}}");
    }
}

/// Reads the rows of a line, each as a [`RecordedRow`] or in a form of the caller's own.
///
/// # Errors
/// `corrupt` when they are not as the capture writes them.
pub fn read<'a, T: Deserialize<'a>>(rows: &[u8], buffer: &'a mut Vec<u8>) -> Result<Vec<T>> {
    buffer.clear();
    buffer.push(b'[');
    buffer.extend_from_slice(rows);
    buffer.push(b']');
    serde_json::from_slice(buffer).map_err(unreadable)
}

/// What it means that a recorded row cannot be read.
pub fn unreadable(error: serde_json::Error) -> Error {
    Error::corrupt("a recorded row is not as it was recorded").caused_by(error)
}

/// A recorded value as SQLite has it.
pub fn value(json: &RawValue) -> Result<Value> {
    let text = json.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b'"') => Value::Text(serde_json::from_str(text).map_err(unreadable)?),
        _ => match text.parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Real(serde_json::from_str(text).map_err(unreadable)?),
        },
    })
}

/// The columns of a table's primary key, in the order in which a row's key is recorded; empty if there is no such table.
pub fn key_columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut info = connection
        .prepare_cached("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY cid")?;
    let names = info.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// The columns of a table, in their order; empty if there is no such table.
pub fn columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut info = connection.prepare_cached("SELECT name FROM pragma_table_info(?1)")?;
    let names = info.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// A row of a table by its key; none if it is not there.
pub fn find(connection: &Connection, table: &str, key: &Row) -> Result<Option<Row>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT * FROM \"{table}\" WHERE {}",
        matching(key.0.iter().map(|(column, _)| column), 1)
    ))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let values = key.0.iter().map(|(_, json)| value(json));
    let values = values.collect::<Result<Vec<_>>>()?;
    let mut rows = statement.query(params_from_iter(values))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let mut fields = Vec::with_capacity(columns.len());
    for (column, index) in columns.into_iter().zip(0..) {
        fields.push((column, capture::to_json(row.get_ref(index)?)?));
    }
    Ok(Some(Row(fields)))
}

/// The condition under which columns have the values that are bound from the parameter `first` on: `"a" = ?1 AND "b" = ?2`.
#[must_use]
pub fn matching<'a>(columns: impl IntoIterator<Item = &'a String>, first: usize) -> String {
    let pairs = columns.into_iter().zip(first..);
    let equal: Vec<String> = pairs
        .map(|(column, n)| format!("\"{column}\" = ?{n}"))
        .collect();
    equal.join(" AND ")
}

/// The statement that puts a row, whose values are bound in the order of the columns.
#[must_use]
pub fn insertion(table: &str, columns: &[String]) -> String {
    let marks = vec!["?"; columns.len()].join(", ");
    let columns = columns.join("\", \"");
    format!("INSERT INTO \"{table}\" (\"{columns}\") VALUES ({marks})")
}

/// A row's first columns.
pub fn values(row: &rusqlite::Row<'_>, width: usize) -> rusqlite::Result<Vec<Value>> {
    (0..width).map(|index| row.get(index)).collect()
}

/// A foreign key: pairs of a column and the parent's column it refers to.
#[derive(Debug, Clone)]
pub struct ForeignKey {
    /// The table it refers to.
    pub parent: String,
    /// Its columns, each with the parent's.
    pub pairs: Vec<(String, String)>,
}

/// The foreign keys of a table, and what [else](more_references) its rows refer to.
pub fn references(connection: &Connection, table: &str) -> Result<Vec<ForeignKey>> {
    let mut references = foreign_keys(connection, table)?;
    // A schema without the table has no keys of it either.
    if !references.is_empty() {
        references.extend(more_references(table));
    }
    Ok(references)
}

/// What a row of a table refers to without SQLite's knowing, because a key would cost an index: a chunk its part, a
/// conversation the end of its active path.
#[must_use]
pub fn more_references(table: &str) -> Option<ForeignKey> {
    let (parent, columns): (&str, &[(&str, &str)]) = match table {
        "chunk" => (
            "part",
            &[
                ("user", "user"),
                ("conversation", "conversation"),
                ("message", "message"),
                ("part", "part"),
            ],
        ),
        "conversation" => (
            "message",
            &[
                ("user", "user"),
                ("conversation", "conversation"),
                ("leaf", "message"),
            ],
        ),
        _ => return None,
    };
    let pair = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
    Some(ForeignKey {
        parent: parent.to_owned(),
        pairs: columns.iter().map(pair).collect(),
    })
}

/// The foreign keys of a table.
pub fn foreign_keys(connection: &Connection, table: &str) -> Result<Vec<ForeignKey>> {
    let mut keys = connection.prepare_cached(
        "SELECT k.id, k.\"table\", k.\"from\", coalesce(k.\"to\", p.name)
         FROM pragma_foreign_key_list(?1) AS k
         LEFT JOIN pragma_table_info(k.\"table\") AS p ON p.pk = k.seq + 1
         ORDER BY k.id, k.seq",
    )?;
    let mut rows = keys.query([table])?;
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let pair = (row.get(2)?, row.get(3)?);
        match found.last_mut() {
            Some((last, key)) if *last == id => key.pairs.push(pair),
            _ => {
                let parent = row.get(1)?;
                let pairs = vec![pair];
                found.push((id, ForeignKey { parent, pairs }));
            }
        }
    }
    Ok(found.into_iter().map(|(_, key)| key).collect())
}

impl ForeignKey {
    /// The condition under which a row named `child` lacks its parent.
    #[must_use]
    pub fn is_missing(&self) -> String {
        let each = |form: &dyn Fn(&str, &str) -> String| {
            let pairs = self.pairs.iter().map(|(from, to)| form(from, to));
            pairs.collect::<Vec<_>>().join(" AND ")
        };
        format!(
            "{} AND NOT EXISTS (SELECT 1 FROM \"{}\" AS parent WHERE {})",
            each(&|from, _| format!("child.\"{from}\" IS NOT NULL")),
            self.parent,
            each(&|from, to| format!("parent.\"{to}\" = child.\"{from}\"")),
        )
    }

    /// A column of it that may be null, and is no part of the own key of the table's rows: without it a row refers to nothing.
    pub fn optional_column(&self, connection: &Connection, table: &str) -> Result<Option<&str>> {
        let mut find = connection.prepare_cached(
            "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 AND \"notnull\" = 0 AND pk = 0",
        )?;
        for (from, _) in self.pairs.iter().rev() {
            if find.exists((table, from))? {
                return Ok(Some(from));
            }
        }
        Ok(None)
    }

    /// Whether a row's parent is there; one that refers to nothing lacks nothing.
    pub fn is_met(&self, connection: &Connection, row: &Row) -> Result<bool> {
        let values = self.values(row, |(from, _)| from)?;
        if values.contains(&Value::Null) {
            return Ok(true);
        }
        exists(
            connection,
            &self.parent,
            values,
            self.pairs.iter().map(|(_, to)| to),
        )
    }

    /// Whether a row of `child`, whose key this is, refers to a row of the parent.
    pub fn is_used(&self, connection: &Connection, child: &str, row: &Row) -> Result<bool> {
        let values = self.values(row, |(_, to)| to)?;
        exists(
            connection,
            child,
            values,
            self.pairs.iter().map(|(from, _)| from),
        )
    }

    fn values<'p>(
        &'p self,
        row: &Row,
        side: impl Fn(&'p (String, String)) -> &'p String,
    ) -> Result<Vec<Value>> {
        let columns = self.pairs.iter().map(side);
        columns
            .map(|column| row.get(column).map_or(Ok(Value::Null), value))
            .collect()
    }
}

fn exists<'c>(
    connection: &Connection,
    table: &str,
    values: Vec<Value>,
    columns: impl Iterator<Item = &'c String>,
) -> Result<bool> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT 1 FROM \"{table}\" WHERE {} LIMIT 1",
        matching(columns, 1)
    ))?;
    Ok(statement.exists(params_from_iter(values))?)
}

//! Applying recorded rows: what the capture wrote, read back into the tables.
//!
//! Exactly those rows are put or deleted, with the capture off, so applying a line twice is applying it once. A row's values
//! are bound as they are read, in the order in which they were recorded.

use std::collections::HashMap;
use std::fmt;

use rusqlite::types::{Null, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::capture::Touched;
use super::schema::{RecordKey, TABLES};
use crate::error::{Code, Error, Result};

/// The most columns of a table of ours: one bit each says which values a row has.
const MAX_COLUMNS: usize = 63;

/// Writes recorded rows into tables.
#[derive(Default)]
pub struct Applier {
    tables: HashMap<&'static str, Table>,
}

struct Table {
    name: &'static str,
    record: RecordKey,
    columns: Vec<String>,
    /// The places of the key's columns.
    key: Vec<usize>,
    put: String,
    delete: String,
}

impl Applier {
    /// Learns the tables as they are now.
    pub fn new(connection: &Connection) -> Result<Self> {
        let mut tables = HashMap::new();
        for spec in TABLES {
            if let Some(table) = Table::learn(connection, spec.name, spec.record)? {
                tables.insert(spec.name, table);
            }
        }
        Ok(Self { tables })
    }

    /// Applies the rows of one line; tells the records and the tables they belong to, not the owners.
    ///
    /// # Errors
    /// `invalid_argument` when a row names a table or column that this schema does not have; earlier rows are applied then.
    /// `corrupt` is the database's own.
    pub fn apply(&self, connection: &Connection, rows: &[u8]) -> Result<Touched> {
        let mut array = Vec::with_capacity(rows.len() + 2);
        array.push(b'[');
        array.extend_from_slice(rows);
        array.push(b']');
        let mut line = Line {
            applier: self,
            connection,
            statements: Vec::new(),
            touched: Touched::default(),
            failure: None,
        };
        let mut json = serde_json::Deserializer::from_slice(&array);
        let read = json.deserialize_seq(&mut line).and_then(|()| json.end());
        match (line.failure, read) {
            (Some(failure), _) => Err(failure),
            (None, Err(error)) => Err(unreadable(error)),
            (None, Ok(())) => Ok(line.touched),
        }
    }
}

impl Table {
    fn learn(
        connection: &Connection,
        name: &'static str,
        record: RecordKey,
    ) -> Result<Option<Self>> {
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
        if columns.len() > MAX_COLUMNS {
            let many = format!("{name} has more than {MAX_COLUMNS} columns");
            return Err(Error::new(Code::Internal, many));
        }
        let key: Vec<usize> = columns
            .iter()
            .zip(0..)
            .filter(|((_, pk), _)| *pk > 0)
            .map(|(_, place)| place)
            .collect();
        let columns: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
        let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let matches: Vec<String> = key
            .iter()
            .filter_map(|&place| columns.get(place))
            .zip(1..)
            .map(|(column, n)| format!("\"{column}\" = ?{n}"))
            .collect();
        let names = |places: &mut dyn Iterator<Item = usize>| {
            let quoted = places.filter_map(|place| columns.get(place));
            let quoted: Vec<String> = quoted.map(|column| format!("\"{column}\"")).collect();
            quoted.join(", ")
        };
        let others = (0..columns.len()).filter(|place| !key.contains(place));
        let kept: Vec<String> = others
            .filter_map(|place| columns.get(place))
            .map(|column| format!("\"{column}\" = excluded.\"{column}\""))
            .collect();
        // Not `INSERT OR REPLACE`, which copies pages aside to be able to undo its deletion.
        let put = format!(
            "INSERT INTO \"{name}\" ({}) VALUES ({}) ON CONFLICT ({}) DO {}",
            names(&mut (0..columns.len())),
            marks.join(", "),
            names(&mut key.iter().copied()),
            if kept.is_empty() {
                "NOTHING".to_owned()
            } else {
                format!("UPDATE SET {}", kept.join(", "))
            }
        );
        Ok(Some(Self {
            name,
            record,
            put,
            delete: format!("DELETE FROM \"{name}\" WHERE {}", matches.join(" AND ")),
            columns,
            key,
        }))
    }
}

/// What is done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Put,
    Delete,
}

/// A line while its rows are applied.
struct Line<'a> {
    applier: &'a Applier,
    connection: &'a Connection,
    /// The statements of the rows before, which later rows need again.
    statements: Vec<(&'static str, Verb, CachedStatement<'a>)>,
    touched: Touched,
    /// What the reader cannot say in an error of its own.
    failure: Option<Error>,
}

impl<'de> Visitor<'de> for &mut Line<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> std::result::Result<(), A::Error> {
        while rows.next_element_seed(Row(self))?.is_some() {}
        Ok(())
    }
}

/// One row: `{"t":"chunk","put":{…}}` or `{"t":"chunk","del":{…}}`.
struct Row<'l, 'a>(&'l mut Line<'a>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut row: A) -> std::result::Result<(), A::Error> {
        let line = self.0;
        let Some(("t", name)) = row.next_entry::<&str, &str>()? else {
            return Err(A::Error::custom("a row begins with its table"));
        };
        let applier = line.applier;
        let Some(table) = applier.tables.get(name) else {
            line.failure = Some(Error::invalid(format!("there is no table {name:?}")));
            return Err(A::Error::custom("unknown table"));
        };
        let verb = match row.next_key::<&str>()? {
            Some("put") => Verb::Put,
            Some("del") => Verb::Delete,
            _ => return Err(A::Error::custom("a row is neither put nor deleted")),
        };
        row.next_value_seed(Values { line, table, verb })?;
        match row.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("a row says more than it should")),
        }
    }
}

/// The values of one row.
struct Values<'l, 'a> {
    line: &'l mut Line<'a>,
    table: &'a Table,
    verb: Verb,
}

impl<'a> Values<'_, 'a> {
    /// Binds the values as they come, and runs the statement.
    fn write<'de, A: MapAccess<'de>>(
        &mut self,
        values: &mut A,
    ) -> std::result::Result<Result<()>, A::Error> {
        let mut statement = match self.statement() {
            Ok(statement) => statement,
            Err(error) => return Ok(Err(error)),
        };
        let mut numbers = [None; 3];
        let mut text = None;
        let is_named = self.table.record == RecordKey::Text;
        let mut bound = 0_u64;
        let mut next = 0;
        // The names of columns hold nothing that JSON escapes.
        while let Some(column) = values.next_key::<&'de str>()? {
            let Some(index) = self.index(column, next) else {
                return Ok(Err(self.unexpected(column)));
            };
            next = index + 1;
            let value = values.next_value_seed(Bind {
                statement: &mut statement,
                index: next,
                text: (is_named && self.place(index) == 0).then_some(&mut text),
            })?;
            let number = match value {
                Ok(number) => number,
                Err(error) => return Ok(Err(error.into())),
            };
            if let Some(slot) = numbers.get_mut(self.place(index)) {
                *slot = number;
            }
            bound |= 1 << index;
        }
        if let Some(missing) = (0..self.len()).find(|index| bound & (1 << index) == 0) {
            let column = self.column(missing).unwrap_or_default();
            return Ok(Err(Error::invalid(format!(
                "a row of {:?} lacks {column}",
                self.table.name
            ))));
        }
        if let Err(error) = statement.raw_execute() {
            return Ok(Err(error.into()));
        }
        let number = |place: usize| numbers.get(place).copied().flatten();
        let record = self.table.record;
        let id = text.or_else(|| record.id(|place| number(place).map(ValueRef::Integer)));
        self.line.touched.add_record(id);
        self.line.touched.add_table(self.table.name);
        let statements = &mut self.line.statements;
        statements.push((self.table.name, self.verb, statement));
        Ok(Ok(()))
    }

    /// How many values the row has.
    fn len(&self) -> usize {
        match self.verb {
            Verb::Put => self.table.columns.len(),
            Verb::Delete => self.table.key.len(),
        }
    }

    /// The place in the table of the row's value at `index`.
    fn place(&self, index: usize) -> usize {
        match self.verb {
            Verb::Put => index,
            Verb::Delete => self.table.key.get(index).copied().unwrap_or(usize::MAX),
        }
    }

    fn column(&self, index: usize) -> Option<&'a str> {
        let table = self.table;
        table.columns.get(self.place(index)).map(String::as_str)
    }

    /// The index of a column's value; usually the `next` one.
    fn index(&self, column: &str, next: usize) -> Option<usize> {
        let is_there = |index: &usize| self.column(*index) == Some(column);
        Some(next)
            .filter(is_there)
            .or_else(|| (0..self.len()).find(is_there))
    }

    fn unexpected(&self, column: &str) -> Error {
        Error::invalid(format!(
            "a row of {:?} has a column {column:?}",
            self.table.name
        ))
    }

    fn statement(&mut self) -> Result<CachedStatement<'a>> {
        let (name, verb) = (self.table.name, self.verb);
        let statements = &mut self.line.statements;
        let known = statements
            .iter()
            .rposition(|known| known.0 == name && known.1 == verb);
        if let Some(place) = known {
            return Ok(statements.swap_remove(place).2);
        }
        let sql = match verb {
            Verb::Put => &self.table.put,
            Verb::Delete => &self.table.delete,
        };
        Ok(self.line.connection.prepare_cached(sql)?)
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Values<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row's values")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut values: A) -> std::result::Result<(), A::Error> {
        self.write(&mut values)?.map_err(|failure| {
            self.line.failure = Some(failure);
            A::Error::custom("the row was refused")
        })
    }
}

/// Binds one value, and gives it if it is a whole number.
struct Bind<'s, 'a> {
    statement: &'s mut CachedStatement<'a>,
    index: usize,
    /// Where a text is wanted too.
    text: Option<&'s mut Option<String>>,
}

type Bound = rusqlite::Result<Option<i64>>;

impl Bind<'_, '_> {
    fn bind(self, value: impl ToSql, number: Option<i64>) -> Bound {
        self.statement.raw_bind_parameter(self.index, value)?;
        Ok(number)
    }
}

impl<'de> DeserializeSeed<'de> for Bind<'_, '_> {
    type Value = Bound;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<Bound, D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for Bind<'_, '_> {
    type Value = Bound;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text, a number or null")
    }

    fn visit_unit<E>(self) -> std::result::Result<Bound, E> {
        Ok(self.bind(Null, None))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Bound, E> {
        Ok(self.bind(value, Some(value)))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Bound, E> {
        let value = i64::try_from(value).map_err(|_| E::custom("a number is out of range"))?;
        self.visit_i64(value)
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Bound, E> {
        Ok(self.bind(value, None))
    }

    fn visit_str<E>(mut self, value: &str) -> std::result::Result<Bound, E> {
        if let Some(text) = self.text.take() {
            *text = Some(value.to_owned());
        }
        Ok(self.bind(value, None))
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::invalid("a recorded row is not as it was recorded").caused_by(error)
}

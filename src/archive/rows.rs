//! The rows of a table on their way into an archive, some at a time.

use rusqlite::params_from_iter;
use rusqlite::types::{Value, ValueRef};

use super::export::SLICE_BYTES;
use super::select::{blob_condition, condition};
use super::{Scope, records};
use crate::database::rows::{columns, key_columns};
use crate::database::schema::TableSpec;
use crate::error::Result;
use crate::store::View;

/// Rows read at once.
const SLICE_ROWS: usize = 256;

/// The rows of a table in the order of their keys, some at a time.
pub(super) struct Rows {
    spec: &'static TableSpec,
    columns: Vec<String>,
    /// Where the columns of the key are among them.
    key: Vec<usize>,
    /// The rows from the beginning, and behind a key.
    first: String,
    next: String,
    last: Vec<Value>,
    /// Chunks that are packed come behind the others.
    is_packed: bool,
    packed: Option<String>,
    pub more: bool,
}

impl Rows {
    /// None when an archive of this scope holds no such rows.
    pub fn begin(view: &View<'_>, spec: &'static TableSpec, scope: &Scope) -> Result<Option<Self>> {
        let chosen = match spec.name {
            "blob" => Some(blob_condition(scope)),
            name => condition(scope, name).map(str::to_owned),
        };
        let Some(chosen) = chosen else {
            return Ok(None);
        };
        let key = key_columns(view.connection(), spec.name)?;
        let columns = columns(view.connection(), spec.name)?;
        let values: Vec<String> = columns
            .iter()
            .map(|column| expression(spec.name, column))
            .collect();
        let select = format!(
            "SELECT {} FROM \"{}\" AS t WHERE {chosen}",
            values.join(", "),
            spec.name
        );
        let keys: Vec<String> = key.iter().map(|name| format!("t.\"{name}\"")).collect();
        let [first, next] = records::in_slices(&select, &keys, SLICE_ROWS);
        let packed = (spec.name == "chunk").then(|| packed_chunks(scope, &columns));
        let place = |name: &String| columns.iter().position(|column| column == name);
        Ok(Some(Self {
            spec,
            key: key.iter().filter_map(place).collect(),
            first,
            next,
            columns,
            last: Vec::new(),
            is_packed: false,
            packed: packed.flatten(),
            more: true,
        }))
    }

    pub const fn table(&self) -> &'static str {
        self.spec.name
    }

    pub fn is_empty(&self, view: &View<'_>) -> Result<bool> {
        if view.prepare(&self.first)?.exists([])? {
            return Ok(false);
        }
        match &self.packed {
            Some(sql) => Ok(!view.prepare(sql)?.exists((-1, -1, -1))?),
            None => Ok(true),
        }
    }

    /// Writes the next rows as lines and says how many they were. `more` tells whether there may be others.
    pub fn read(&mut self, view: &View<'_>, lines: &mut Vec<u8>) -> Result<u64> {
        if self.is_packed {
            return self.read_packed(view, lines);
        }
        let is_first = self.last.is_empty();
        let sql = if is_first { &self.first } else { &self.next };
        let mut statement = view.prepare(sql)?;
        let mut rows = statement.query(params_from_iter(self.last.iter()))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let mut values: Vec<(&str, ValueRef<'_>)> = Vec::with_capacity(self.columns.len());
            for (index, column) in self.columns.iter().enumerate() {
                values.push((column, row.get_ref(index)?));
            }
            records::write_line(lines, self.spec, &values)?;
            count += 1;
            // Rows can be long.
            if count == SLICE_ROWS as u64 || lines.len() >= SLICE_BYTES {
                let key = self.key.iter().map(|index| row.get(*index));
                self.last = key.collect::<rusqlite::Result<_>>()?;
                return Ok(count);
            }
        }
        self.is_packed = self.packed.is_some();
        self.more = self.is_packed;
        self.last.clear();
        Ok(count)
    }

    /// The same for chunks that are packed, as many as were packed together.
    fn read_packed(&mut self, view: &View<'_>, lines: &mut Vec<u8>) -> Result<u64> {
        let Some(sql) = &self.packed else {
            self.more = false;
            return Ok(0);
        };
        if self.last.is_empty() {
            self.last = vec![Value::Integer(-1); 3];
        }
        let mut statement = view.prepare(sql)?;
        let mut rows = statement.query(params_from_iter(self.last.iter()))?;
        let (mut count, mut last) = (0, None);
        let width = self.columns.len();
        while let Some(row) = rows.next()? {
            let mut values: Vec<(&str, ValueRef<'_>)> = Vec::with_capacity(width);
            for (index, column) in self.columns.iter().enumerate() {
                values.push((column, row.get_ref(index)?));
            }
            records::write_line(lines, self.spec, &values)?;
            count += 1;
            let key = (width..width + 3).map(|index| row.get(index));
            last = Some(key.collect::<rusqlite::Result<Vec<Value>>>()?);
        }
        match last {
            Some(key) => self.last = key,
            None => self.more = false,
        }
        Ok(count)
    }
}

/// The chunks of the first packed row behind a key, as rows of `chunk` with the key behind them.
fn packed_chunks(scope: &Scope, columns: &[String]) -> Option<String> {
    let chosen = condition(scope, "packed_chunk")?;
    let values: Vec<&str> = columns
        .iter()
        .map(|column| match column.as_str() {
            "user" => "t.user",
            "conversation" => "t.conversation",
            "message" => "r.value ->> 0",
            "seq" => "r.value ->> 1",
            "part" => "r.value ->> 2",
            "text" => "r.value ->> 3",
            "tokens" => "r.value ->> 4",
            "at" => "r.value ->> 5",
            _ => "NULL",
        })
        .collect();
    Some(format!(
        "SELECT {}, t.user, t.conversation, t.first_message
         FROM (SELECT * FROM packed_chunk AS t
               WHERE (user, conversation, first_message) > (?1, ?2, ?3) AND {chosen}
               ORDER BY user, conversation, first_message LIMIT 1) AS t, json_each(unpack(t.data)) AS r",
        values.join(", ")
    ))
}

/// How a column's value is read. Of an upload that is on its way only what it is to become goes into an archive: not
/// what has arrived.
fn expression(table: &str, column: &str) -> String {
    const IS_WHOLE: &str =
        "EXISTS (SELECT 1 FROM blob AS b WHERE b.blob = t.blob AND b.hash <> '')";
    match (table, column) {
        ("upload", "blob") => format!("CASE WHEN {IS_WHOLE} THEN t.blob END"),
        ("upload", "received") => {
            format!("CASE WHEN t.blob IS NULL OR {IS_WHOLE} THEN t.received ELSE 0 END")
        }
        ("blob", "unused_since") => "NULL".to_owned(),
        _ => format!("t.\"{column}\""),
    }
}

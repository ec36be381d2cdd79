//! Rows whose parents are not there, which only lost journal lines can leave.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

use super::schema::TABLES;
use crate::error::{Error, Result};

/// A chunk refers to its message alone, which spares an index, but without its part it is no text.
const CHUNK_WITHOUT_PART: &str = "NOT EXISTS (SELECT 1 FROM part AS p WHERE p.user = child.user
   AND p.conversation = child.conversation AND p.message = child.message AND p.part = child.part)";

/// Deletes every row whose parent is missing, until none is left, and gives each as a line of JSON. Active paths that lost
/// their end get another.
/// Foreign keys must be off.
pub fn take(connection: &Connection) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    loop {
        let before = taken.len();
        for table in TABLES {
            let mut conditions = missing_parents(connection, table.name)?;
            if table.name == "chunk" && !conditions.is_empty() {
                conditions.push(CHUNK_WITHOUT_PART.to_owned());
            }
            for missing in conditions {
                collect(connection, table.name, &missing, &mut taken)?;
                connection.execute(
                    &format!("DELETE FROM \"{}\" AS child WHERE {missing}", table.name),
                    [],
                )?;
            }
        }
        if taken.len() == before {
            break;
        }
    }
    end_paths(connection)?;
    Ok(taken)
}

/// Ends every active path whose last message is missing at the newest message there is.
fn end_paths(connection: &Connection) -> Result<()> {
    let exists = "SELECT 1 FROM pragma_table_info('conversation')";
    if connection.prepare(exists)?.exists([])? {
        connection.execute(
            "UPDATE conversation AS c SET leaf =
               (SELECT max(m.message) FROM message AS m WHERE m.user = c.user AND m.conversation = c.conversation)
             WHERE leaf IS NOT NULL AND NOT EXISTS
               (SELECT 1 FROM message AS m
                WHERE m.user = c.user AND m.conversation = c.conversation AND m.message = c.leaf)",
            [],
        )?;
    }
    Ok(())
}

/// The columns of a foreign key, each with the parent's column it refers to.
type ColumnPairs = Vec<(String, String)>;

/// For each foreign key of a table, the condition under which a row named `child` lacks its parent.
fn missing_parents(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut keys = connection.prepare(
        "SELECT k.id, k.\"table\", k.\"from\", coalesce(k.\"to\", p.name)
         FROM pragma_foreign_key_list(?1) AS k
         LEFT JOIN pragma_table_info(k.\"table\") AS p ON p.pk = k.seq + 1
         ORDER BY k.id, k.seq",
    )?;
    let mut rows = keys.query([table])?;
    let mut conditions: Vec<(i64, String, ColumnPairs)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let pair = (row.get(2)?, row.get(3)?);
        match conditions.last_mut() {
            Some((last, _, pairs)) if *last == id => pairs.push(pair),
            _ => conditions.push((id, row.get(1)?, vec![pair])),
        }
    }
    Ok(conditions
        .into_iter()
        .map(|(_, parent, pairs)| {
            let present: Vec<String> = pairs
                .iter()
                .map(|(from, _)| format!("child.\"{from}\" IS NOT NULL"))
                .collect();
            let equal: Vec<String> = pairs
                .iter()
                .map(|(from, to)| format!("parent.\"{to}\" = child.\"{from}\""))
                .collect();
            format!(
                "{} AND NOT EXISTS (SELECT 1 FROM \"{parent}\" AS parent WHERE {})",
                present.join(" AND "),
                equal.join(" AND ")
            )
        })
        .collect())
}

fn collect(
    connection: &Connection,
    table: &str,
    missing: &str,
    taken: &mut Vec<String>,
) -> Result<()> {
    let mut statement = connection.prepare(&format!(
        "SELECT * FROM \"{table}\" AS child WHERE {missing}"
    ))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut put = Map::new();
        for (column, index) in columns.iter().zip(0..) {
            let value = match row.get_ref(index)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
                ValueRef::Blob(_) => return Err(Error::corrupt("a recorded table holds bytes")),
            };
            put.insert(column.clone(), value);
        }
        taken.push(format!(
            "{}\n",
            serde_json::json!({ "t": table, "put": put })
        ));
    }
    Ok(())
}

//! Rows whose parents are not there, which only lost journal lines can leave.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

use super::rows;
use super::schema::TABLES;
use crate::error::{Error, Result};

/// Deletes every row whose parent is missing, until none is left, and gives each as a line of JSON. Active paths that lost
/// their end get another.
/// Foreign keys must be off.
pub fn take(connection: &Connection) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    loop {
        let before = taken.len();
        for table in TABLES {
            let mut keys = rows::references(connection, table.name)?;
            // A path that lost its end gets another below.
            keys.retain(|key| table.name != "conversation" || key.parent != "message");
            for key in &keys {
                let missing = key.is_missing();
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

//! Rows whose parents are not there, which only lost journal lines can leave.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

use super::rows::{self, ForeignKey};
use super::schema::TABLES;
use crate::error::{Error, Result};

/// What became of rows whose parents are missing.
#[derive(Debug, Default)]
pub struct Orphans {
    /// Those that cannot be without, each as a line of JSON. They are deleted.
    pub taken: Vec<String>,
    /// How many go on without their parent, or follow another.
    pub kept: usize,
}

/// Lets every row go without its missing parent that can: a message follows the one before it then. Deletes those that
/// cannot, until none is left, and gives them. Active paths that lost their end get another.
///
/// Foreign keys must be off.
pub fn take(connection: &Connection) -> Result<Orphans> {
    let mut orphans = Orphans::default();
    loop {
        let before = (orphans.taken.len(), orphans.kept);
        for table in TABLES {
            for key in &rows::references(connection, table.name)? {
                let missing = key.is_missing();
                if let Some(kept) = keep(connection, table.name, key, &missing)? {
                    orphans.kept += kept;
                    continue;
                }
                collect(connection, table.name, &missing, &mut orphans.taken)?;
                connection.execute(
                    &format!("DELETE FROM \"{}\" AS child WHERE {missing}", table.name),
                    [],
                )?;
            }
        }
        if (orphans.taken.len(), orphans.kept) == before {
            break;
        }
    }
    Ok(orphans)
}

/// Lets rows go without their parent; how many did, or none if such rows cannot.
fn keep(
    connection: &Connection,
    table: &str,
    key: &ForeignKey,
    missing: &str,
) -> Result<Option<usize>> {
    let change = match (table, key.parent.as_str()) {
        ("message", "message") => {
            "parent = (SELECT max(m.message) FROM message AS m WHERE m.user = child.user
               AND m.conversation = child.conversation AND m.message < child.message)"
                .to_owned()
        }
        ("conversation", "message") => "leaf = (SELECT max(m.message) FROM message AS m
               WHERE m.user = child.user AND m.conversation = child.conversation)"
            .to_owned(),
        // What had arrived is to be sent again.
        ("upload", "blob") => "blob = NULL, received = 0, state = 'pending'".to_owned(),
        _ => match key.optional_column(connection, table)? {
            Some(column) => format!("\"{column}\" = NULL"),
            None => return Ok(None),
        },
    };
    let sql = format!("UPDATE \"{table}\" AS child SET {change} WHERE {missing}");
    Ok(Some(connection.execute(&sql, [])?))
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

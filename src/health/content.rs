//! What rows hold, and what they belong to.

use crate::database::rows::foreign_keys;
use crate::error::Result;
use crate::store::View;

/// How far up a row's parents are followed.
const MAX_DEPTH: usize = 4;

/// The columns of a table; none if there is no such table.
pub fn columns(view: &View<'_>, table: &str) -> Result<Vec<String>> {
    let mut info = view.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = info.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// The bytes that the values of a row named `child` hold, as SQL.
pub fn content_bytes(columns: &[String]) -> String {
    let lengths: Vec<String> = columns
        .iter()
        .map(|column| format!("coalesce(octet_length(child.\"{column}\"), 0)"))
        .collect();
    lengths.join(" + ")
}

/// A column of a row named `child`, or of the nearest record above it that has such a column, as SQL; `NULL` where none has.
pub fn belongs_to(view: &View<'_>, table: &str, column: &str) -> Result<String> {
    let found = above(view, table, "child", column, MAX_DEPTH)?;
    Ok(found.unwrap_or_else(|| "NULL".to_owned()))
}

fn above(
    view: &View<'_>,
    table: &str,
    row: &str,
    column: &str,
    depth: usize,
) -> Result<Option<String>> {
    let own = columns(view, table)?;
    let has = |name: &str| own.iter().any(|own| own == name);
    if has(column) {
        return Ok(Some(format!("{row}.\"{column}\"")));
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Ok(None);
    };
    let mut ways = Vec::new();
    if table != "conversation" && has("conversation") {
        // Straight to it, and not over the message.
        let pairs = ["user", "conversation"].map(|name| (name.to_owned(), name.to_owned()));
        ways.push(("conversation".to_owned(), pairs.to_vec()));
    } else {
        let keys = foreign_keys(view.connection(), table)?;
        let keys = keys.into_iter().filter(|key| key.parent != table);
        ways.extend(keys.map(|key| (key.parent, key.pairs)));
    }
    let name = format!("above{depth}");
    let mut found = Vec::new();
    for (parent, pairs) in ways {
        if let Some(value) = above(view, &parent, &name, column, depth)? {
            let matches = pairs
                .iter()
                .map(|(from, to)| format!("{name}.\"{to}\" = {row}.\"{from}\""));
            let matches: Vec<_> = matches.collect();
            found.push(format!(
                "(SELECT {value} FROM \"{parent}\" AS {name} WHERE {})",
                matches.join(" AND ")
            ));
        }
    }
    Ok(match found.len() {
        0 | 1 => found.pop(),
        _ => Some(format!("coalesce({})", found.join(", "))),
    })
}

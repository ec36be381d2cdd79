//! Rows as lines of an archive: an object per row, which holds JSON where the column does.

use rusqlite::types::ValueRef;

use crate::database::capture;
use crate::database::schema::{RecordKey, TABLES, TableSpec};
use crate::error::{Error, Result};

/// Tables that archives hold, parents before what hangs on them. Contents are entries of their own, however they are cut.
pub fn tables() -> impl Iterator<Item = &'static TableSpec> {
    let is_kept =
        |table: &&TableSpec| !matches!(table.name, "piece" | "blob_piece" | "packed_chunk");
    TABLES.iter().filter(is_kept)
}

/// Reads a table in the order of its keys, some rows at a time: the statements for the first rows, and for those behind a
/// key. `select` ends with a condition; `keys` are as it names them.
pub fn in_slices(select: &str, keys: &[String], rows: usize) -> [String; 2] {
    let behind: Vec<String> = (1..=keys.len()).map(|n| format!("?{n}")).collect();
    let (keys, behind) = (keys.join(", "), behind.join(", "));
    let order = format!("ORDER BY {keys} LIMIT {rows}");
    [
        format!("{select} {order}"),
        format!("{select} AND ({keys}) > ({behind}) {order}"),
    ]
}

/// Columns that hold JSON.
pub fn holds_json(table: &str, column: &str) -> bool {
    match column {
        "metadata" => true,
        "usage" => table == "message",
        "data" => matches!(table, "part" | "timeline_event"),
        "value" => matches!(table, "setting" | "user_setting"),
        "payload" | "result" => table == "job",
        "state" => table == "session",
        "labels" => table == "metric",
        "becomes" => table == "upload",
        "answer" => table == "request",
        _ => false,
    }
}

/// The readable id of a row that is a record itself.
fn readable_id(spec: &TableSpec, values: &[(&str, ValueRef<'_>)]) -> Option<String> {
    let is_record = matches!(
        (spec.name, spec.record),
        ("user", RecordKey::User)
            | ("conversation", RecordKey::Conversation)
            | ("message", RecordKey::Message)
    );
    let column = |index: usize| values.get(index).map(|(_, value)| *value);
    is_record.then(|| spec.record.id(column)).flatten()
}

/// Writes a row as a line. A column without a value is left out.
///
/// # Errors
/// `corrupt` when a column that holds JSON holds something else.
pub fn write_line(
    out: &mut Vec<u8>,
    spec: &TableSpec,
    values: &[(&str, ValueRef<'_>)],
) -> Result<()> {
    let mut separator = b'{';
    let mut key = |out: &mut Vec<u8>, name: &str| {
        out.push(std::mem::replace(&mut separator, b','));
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
    };
    if let Some(id) = readable_id(spec, values) {
        key(out, "id");
        out.push(b'"');
        out.extend_from_slice(id.as_bytes());
        out.push(b'"');
    }
    for (name, value) in values {
        match value {
            ValueRef::Null => {}
            ValueRef::Text(text) if holds_json(spec.name, name) => {
                key(out, name);
                let json: &serde_json::value::RawValue =
                    serde_json::from_slice(text).map_err(|error| {
                        let row = format!("a row of {} holds no JSON in {name}", spec.name);
                        Error::corrupt(row).caused_by(error)
                    })?;
                // Between the tokens of JSON a line's end is nothing but space.
                out.extend(json.get().bytes().map(|byte| match byte {
                    b'\n' | b'\r' => b' ',
                    byte => byte,
                }));
            }
            value => {
                key(out, name);
                capture::write_json(out, *value)?;
            }
        }
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

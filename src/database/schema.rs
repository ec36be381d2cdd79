//! The tables whose rows are recorded, and how a row names the record it belongs to.

use std::fmt::Write as _;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::error::Result;

/// A table of ours. The capture sees only these; everything else in the database is derived or bookkeeping.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// The table's name.
    pub name: &'static str,
    /// The record a row belongs to, for the audit index.
    pub record: RecordKey,
}

/// How the record is read off a row's key columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKey {
    /// Rows that belong to no record.
    None,
    /// The first column is a user's number.
    User,
    /// The first two columns are a conversation's numbers.
    Conversation,
    /// The first three columns are a message's numbers.
    Message,
    /// The first column is the record's own id, a text.
    Text,
}

/// All recorded tables.
pub const TABLES: &[TableSpec] = &[
    TableSpec {
        name: "counter",
        record: RecordKey::None,
    },
    TableSpec {
        name: "request",
        record: RecordKey::None,
    },
    TableSpec {
        name: "user",
        record: RecordKey::User,
    },
    TableSpec {
        name: "conversation",
        record: RecordKey::Conversation,
    },
    TableSpec {
        name: "participant",
        record: RecordKey::Conversation,
    },
    TableSpec {
        name: "message",
        record: RecordKey::Message,
    },
    TableSpec {
        name: "part",
        record: RecordKey::Message,
    },
    TableSpec {
        name: "chunk",
        record: RecordKey::Message,
    },
    TableSpec {
        name: "context",
        record: RecordKey::User,
    },
    TableSpec {
        name: "setting",
        record: RecordKey::None,
    },
    TableSpec {
        name: "user_setting",
        record: RecordKey::User,
    },
    TableSpec {
        name: "erasure",
        record: RecordKey::None,
    },
    TableSpec {
        name: "retention_policy",
        record: RecordKey::None,
    },
    TableSpec {
        name: "learning",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "learning_tag",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "learning_source",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "job",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "construct",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "session",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "construct_link",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "artifact",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "timeline_event",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "metric",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "entity",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "observation",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "relation",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "chart_line",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "chart_event",
        record: RecordKey::None,
    },
];

/// A foreign key of a table.
pub struct ForeignKey {
    /// The table it leads to.
    pub parent: String,
    /// Its columns, each with the parent's column it refers to.
    pub columns: Vec<(String, String)>,
}

/// The foreign keys of a table as it is now.
pub fn foreign_keys(connection: &Connection, table: &str) -> Result<Vec<ForeignKey>> {
    let mut statement = connection.prepare(
        "SELECT k.id, k.\"table\", k.\"from\", coalesce(k.\"to\", p.name)
         FROM pragma_foreign_key_list(?1) AS k
         LEFT JOIN pragma_table_info(k.\"table\") AS p ON p.pk = k.seq + 1
         ORDER BY k.id, k.seq",
    )?;
    let mut rows = statement.query([table])?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let pair = (row.get(2)?, row.get(3)?);
        match keys.last_mut() {
            Some((last, key)) if *last == id => key.columns.push(pair),
            _ => keys.push((
                id,
                ForeignKey {
                    parent: row.get(1)?,
                    columns: vec![pair],
                },
            )),
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

impl RecordKey {
    /// The readable id of the record whose key columns are read through `column`.
    pub fn id<'a>(self, column: impl Fn(usize) -> Option<ValueRef<'a>>) -> Option<String> {
        const LEVELS: [&str; 3] = ["us", "-co", "-ms"];
        let depth = match self {
            Self::None => return None,
            Self::User => 1,
            Self::Conversation => 2,
            Self::Message => 3,
            Self::Text => return column(0)?.as_str().ok().map(str::to_owned),
        };
        let mut id = String::with_capacity(16);
        for (index, level) in LEVELS.into_iter().take(depth).enumerate() {
            let number = column(index)?.as_i64().ok()?;
            write!(id, "{level}{number:02}").ok()?;
        }
        Some(id)
    }
}

//! The tables whose rows are recorded, and how a row names the record it belongs to.

use std::fmt::Write as _;

use rusqlite::types::ValueRef;

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
    TableSpec {
        name: "piece",
        record: RecordKey::None,
    },
    TableSpec {
        name: "blob",
        record: RecordKey::None,
    },
    TableSpec {
        name: "blob_piece",
        record: RecordKey::None,
    },
    TableSpec {
        name: "artifact_revision",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "upload",
        record: RecordKey::Text,
    },
    TableSpec {
        name: "packed_chunk",
        record: RecordKey::Conversation,
    },
];

/// The group of calls that a table's rows belong to; none for bookkeeping.
#[must_use]
pub fn group(table: &str) -> Option<&'static str> {
    Some(match table {
        "user" => "users",
        "conversation" | "participant" => "conversations",
        "message" | "part" | "chunk" | "packed_chunk" => "messages",
        "context" => "contexts",
        "setting" | "user_setting" => "settings",
        "erasure" | "retention_policy" => "retention",
        "learning" | "learning_tag" | "learning_source" => "learnings",
        "job" => "jobs",
        "construct" => "constructs",
        "session" => "sessions",
        "construct_link" => "links",
        "artifact" | "artifact_revision" => "artifacts",
        "upload" => "uploads",
        "timeline_event" => "timeline",
        "metric" => "metrics",
        "entity" | "observation" | "relation" | "chart_line" | "chart_event" => "charts",
        _ => return None,
    })
}

/// Tables with the rows of contents, which say nothing of whose they are.
pub const CONTENTS: &[&str] = &["piece", "blob", "blob_piece"];

/// Tables whose rows are never taken back: counters never go back, answers that were given stay given, and what was erased
/// stays erased. Contents stay as long as anything has them.
pub const BOOKKEEPING: &[&str] = &[
    "counter",
    "request",
    "erasure",
    "piece",
    "blob",
    "blob_piece",
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_records_belongs_to_a_group() {
        for table in TABLES {
            let has_none =
                matches!(table.name, "counter" | "request") || CONTENTS.contains(&table.name);
            assert_eq!(group(table.name).is_none(), has_none, "{}", table.name);
        }
    }
}

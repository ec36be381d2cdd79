//! What the records of an archive are called in the store.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Deserialize;

use super::Action;
use super::row::{Row, numbers};
use crate::database::schema::TABLES;
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};

/// The id that people know a record by.
pub(super) fn readable(table: &str, key: &str) -> String {
    let spec = TABLES.iter().find(|spec| spec.name == table);
    let numbers: Vec<Value> = numbers(key).into_iter().map(Value::Integer).collect();
    let column = |index: usize| numbers.get(index).map(Into::into);
    let id = spec.and_then(|spec| match table {
        "user" | "conversation" | "message" => spec.record.id(column),
        _ => None,
    });
    id.unwrap_or_else(|| key.to_owned())
}

/// What was decided about a record, by its key in the archive.
pub(super) struct Decided {
    pub new: String,
    pub action: Action,
    pub uuid: Option<String>,
}

pub(super) fn decided(staged: &Connection, table: &str, old: &str) -> Result<Option<Decided>> {
    let mut find =
        staged.prepare_cached("SELECT new, action, uuid FROM plan WHERE tab = ?1 AND old = ?2")?;
    let found: Option<(String, i64, Option<String>)> = find
        .query_row((table, old), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    found
        .map(|(new, action, uuid)| {
            Ok(Decided {
                new,
                action: Action::numbered(action)?,
                uuid,
            })
        })
        .transpose()
}

/// What a key in the archive becomes; itself if it is not one of the archive's.
pub(super) fn renamed(staged: &Connection, table: &str, old: &str) -> Result<String> {
    Ok(decided(staged, table, old)?.map_or_else(|| old.to_owned(), |decided| decided.new))
}

/// A row with everything that it refers to as it is called in the store, its own key included as far as that is decided.
pub(super) fn translated(staged: &Connection, row: &Row) -> Result<Row> {
    let mut new = row.clone();
    if let Some(user) = row.number("user") {
        if let Some(decided) = decided(staged, "user", &user.to_string())? {
            new.set_numbers(&["user"], &decided.new);
        }
        if let Some(conversation) = row.number("conversation") {
            let conversation = format!("{user}/{conversation}");
            if let Some(decided) = decided(staged, "conversation", &conversation)? {
                new.set_numbers(&["user", "conversation"], &decided.new);
            }
            for column in ["message", "parent", "leaf"] {
                let Some(number) = row.number(column) else {
                    continue;
                };
                if let Some(decided) =
                    decided(staged, "message", &format!("{conversation}/{number}"))?
                {
                    new.set_numbers(&["", "", column], &decided.new);
                }
            }
        }
    }
    for (table, columns) in [
        ("construct", &["construct", "source", "target"][..]),
        ("session", &["session"]),
        ("artifact", &["artifact"]),
        ("learning", &["learning"]),
        ("entity", &["entity"]),
    ] {
        for column in columns {
            let is_one = match *column {
                "source" | "target" => row.table == "construct_link",
                "entity" => row.table == "observation",
                _ => true,
            };
            if let Some(id) = row.text(column).filter(|_| is_one) {
                new.set(column, Value::Text(renamed(staged, table, id)?));
            }
        }
    }
    if let Some(blob) = row.number("blob")
        && let Some(decided) = decided(staged, "blob", &blob.to_string())?
    {
        new.set_numbers(&["blob"], &decided.new);
    }
    if row.table == "part"
        && let Some(data) = row.text("data")
    {
        new.set("data", Value::Text(renamed_file(staged, data)?));
    }
    for column in ["author", "participant", "record"] {
        if let Some(id) = row.text(column) {
            new.set(column, Value::Text(renamed_id(staged, id)?));
        }
    }
    if row.table == "artifact"
        && let Some(id) = row.text("message")
    {
        new.set("message", Value::Text(renamed_id(staged, id)?));
    }
    if row.table == "learning_source"
        && let (Some(kind), Some(source)) = (row.text("kind"), row.text("source"))
    {
        let source = match kind {
            "construct" | "session" => renamed(staged, kind, source)?,
            "message" => renamed_id(staged, source)?,
            _ => source.to_owned(),
        };
        new.set("source", Value::Text(source));
    }
    Ok(new)
}

/// A part's fields with the artifact that they name as it is called in the store.
pub(super) fn renamed_file(staged: &Connection, data: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct File {
        reference: String,
    }
    let Ok(File { reference }) = serde_json::from_str(data) else {
        return Ok(data.to_owned());
    };
    let new = renamed(staged, "artifact", &reference)?;
    if new == reference {
        return Ok(data.to_owned());
    }
    // An id holds nothing that JSON escapes, and no other text is like one.
    Ok(data.replace(&reference, &new))
}

/// What a readable id of the archive becomes.
pub(super) fn renamed_id(staged: &Connection, id: &str) -> Result<String> {
    let (table, key) = if let Ok(MessageId { .. }) = id.parse::<MessageId>() {
        ("message", id)
    } else if id.parse::<ConversationId>().is_ok() {
        ("conversation", id)
    } else if id.parse::<UserId>().is_ok() {
        ("user", id)
    } else {
        return Ok(id.to_owned());
    };
    let digits: Vec<String> = key
        .split('-')
        .filter_map(|step| step.get(2..)?.parse::<i64>().ok())
        .map(|number| number.to_string())
        .collect();
    Ok(match decided(staged, table, &digits.join("/"))? {
        Some(decided) => readable(table, &decided.new),
        None => id.to_owned(),
    })
}

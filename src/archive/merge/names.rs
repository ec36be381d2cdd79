//! What the records of an archive are called in the store.

use std::collections::BTreeSet;

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

/// What was decided about a record that does not simply come in as it is.
pub(super) struct Decided {
    pub new: String,
    pub action: Action,
    pub uuid: Option<String>,
}

/// What becomes of the records of an archive.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub staged: &'a Connection,
    /// The tables with records that do not simply come in as they are: of others nothing needs to be looked up.
    pub changed: &'a BTreeSet<&'static str>,
}

impl Names<'_> {
    /// What was decided about a record, by its key in the archive; none if it comes in as it is.
    pub fn decided(&self, table: &str, old: &str) -> Result<Option<Decided>> {
        if !self.changed.contains(table) {
            return Ok(None);
        }
        let mut find = self
            .staged
            .prepare_cached("SELECT new, action, uuid FROM plan WHERE tab = ?1 AND old = ?2")?;
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
    fn renamed(&self, table: &str, old: &str) -> Result<String> {
        let decided = self.decided(table, old)?;
        Ok(decided.map_or_else(|| old.to_owned(), |decided| decided.new))
    }

    /// Calls everything that a row refers to as it is called in the store, its own key included as far as that is decided.
    pub fn translate(&self, row: &mut Row) -> Result<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let table = row.kind.table;
        if let Some(user) = row.number("user") {
            let conversation = row.number("conversation");
            if let Some(decided) = self.decided("user", &user.to_string())? {
                row.set_numbers(&["user"], &decided.new);
            }
            if let Some(conversation) = conversation {
                let conversation = format!("{user}/{conversation}");
                if let Some(decided) = self.decided("conversation", &conversation)? {
                    row.set_numbers(&["user", "conversation"], &decided.new);
                }
                for column in ["message", "parent", "leaf"] {
                    let Some(number) = row.number(column) else {
                        continue;
                    };
                    if let Some(decided) =
                        self.decided("message", &format!("{conversation}/{number}"))?
                    {
                        row.set_numbers(&["", "", column], &decided.new);
                    }
                }
            }
        }
        for (named, columns) in [
            ("construct", &["construct", "source", "target"][..]),
            ("session", &["session"]),
            ("artifact", &["artifact"]),
            ("learning", &["learning"]),
            ("entity", &["entity"]),
        ] {
            for column in columns {
                let is_one = match *column {
                    "source" | "target" => table == "construct_link",
                    "entity" => table == "observation",
                    _ => true,
                };
                if let Some(id) = row.text(column).filter(|_| is_one) {
                    let renamed = self.renamed(named, id)?;
                    row.set(column, Value::Text(renamed));
                }
            }
        }
        if let Some(blob) = row.number("blob")
            && let Some(decided) = self.decided("blob", &blob.to_string())?
        {
            row.set_numbers(&["blob"], &decided.new);
        }
        if table == "part"
            && let Some(data) = row.text("data")
        {
            let renamed = self.renamed_file(data)?;
            row.set("data", Value::Text(renamed));
        }
        for column in ["author", "participant", "record"] {
            if let Some(id) = row.text(column) {
                let renamed = self.renamed_id(id)?;
                row.set(column, Value::Text(renamed));
            }
        }
        if table == "artifact"
            && let Some(id) = row.text("message")
        {
            let renamed = self.renamed_id(id)?;
            row.set("message", Value::Text(renamed));
        }
        if table == "learning_source"
            && let (Some(kind), Some(source)) = (row.text("kind"), row.text("source"))
        {
            let renamed = match kind {
                "construct" | "session" => self.renamed(kind, source)?,
                "message" => self.renamed_id(source)?,
                _ => source.to_owned(),
            };
            row.set("source", Value::Text(renamed));
        }
        Ok(())
    }

    /// The same of a copy.
    pub fn translated(&self, row: &Row) -> Result<Row> {
        let mut row = row.clone();
        self.translate(&mut row)?;
        Ok(row)
    }

    /// A part's fields with the artifact that they name as it is called in the store.
    fn renamed_file(&self, data: &str) -> Result<String> {
        #[derive(Deserialize)]
        struct File {
            reference: String,
        }
        let Ok(File { reference }) = serde_json::from_str(data) else {
            return Ok(data.to_owned());
        };
        let new = self.renamed("artifact", &reference)?;
        if new == reference {
            return Ok(data.to_owned());
        }
        // An id holds nothing that JSON escapes, and no other text is like one.
        Ok(data.replace(&reference, &new))
    }

    /// What a readable id of the archive becomes.
    pub fn renamed_id(&self, id: &str) -> Result<String> {
        let table = if id.parse::<MessageId>().is_ok() {
            "message"
        } else if id.parse::<ConversationId>().is_ok() {
            "conversation"
        } else if id.parse::<UserId>().is_ok() {
            "user"
        } else {
            return Ok(id.to_owned());
        };
        let digits: Vec<String> = id
            .split('-')
            .filter_map(|step| step.get(2..)?.parse::<i64>().ok())
            .map(|number| number.to_string())
            .collect();
        Ok(match self.decided(table, &digits.join("/"))? {
            Some(decided) => readable(table, &decided.new),
            None => id.to_owned(),
        })
    }
}

//! Carrying out what was decided.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, params_from_iter};

use super::Action;
use super::names::{Decided, Names};
use super::row::{PartKind, Row, key_of, key_text, numbers, parts};
use crate::blob::Piece;
use crate::domain::charts::graph;
use crate::domain::{blobs, packed, pass_number};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MAX_NUMBER};
use crate::store::{Tx, View};

/// Carries out what was decided.
pub(super) struct Carry<'a> {
    pub tx: &'a Tx<'a>,
    pub names: Names<'a>,
    /// Whether records go back to the numbers that they had here.
    pub keeps_numbers: bool,
}

impl Carry<'_> {
    pub fn out(&self, mut row: Row) -> Result<()> {
        let old = row.key_values();
        let table = row.kind.table;
        let decided = self.names.decided(table, &key_text(&old))?;
        if table == "counter" {
            // One that is noted is not taken.
            return decided.map_or_else(|| self.counter(&row), |_| Ok(()));
        }
        let Some(Decided { new, action, uuid }) = decided else {
            self.names.translate(&mut row)?;
            return self.add(row, &old);
        };
        let key = key_of(&row, &new);
        self.names.translate(&mut row)?;
        for (index, value) in row.kind.key.iter().zip(key) {
            if let Some(slot) = row.values.get_mut(*index) {
                *slot = value;
            }
        }
        match action {
            Action::Same => self.take_up(&row),
            Action::Skip => Ok(()),
            Action::Add | Action::Both => {
                if let Some(uuid) = uuid {
                    row.set("uuid", Value::Text(uuid));
                }
                self.add(row, &old)
            }
            Action::Replace => {
                self.replace(&row)?;
                self.remove_parts(&row)?;
                self.parts(&row, &old)
            }
        }
    }

    /// Adds a record, with what goes with it in the archive.
    fn add(&self, mut row: Row, old: &[Value]) -> Result<()> {
        self.number(&mut row)?;
        self.insert(&row)?;
        self.parts(&row, old)
    }

    /// A content that nothing had any more is had again.
    fn take_up(&self, new: &Row) -> Result<()> {
        if new.kind.table == "blob" {
            self.tx.execute(
                "UPDATE blob SET unused_since = NULL WHERE blob = ?1 AND unused_since IS NOT NULL",
                params_from_iter(new.key_values()),
            )?;
        }
        Ok(())
    }

    /// Gives a new row the number that orders it: what comes in lies behind what is there, in its own order. What was this
    /// store's goes back to where it was.
    fn number(&self, new: &mut Row) -> Result<()> {
        match new.kind.table {
            "job" | "timeline_event" => {
                let counter = if new.kind.table == "job" {
                    "job"
                } else {
                    "event"
                };
                let behind = self.behind(counter, || {
                    let mut last = self.tx.prepare(
                        "SELECT coalesce((SELECT value FROM counter WHERE name = ?1), 0)",
                    )?;
                    Ok(last.query_row([counter], |row| row.get(0))?)
                })?;
                let number = moved(new.number("number").unwrap_or(0), behind)?;
                pass_number(self.tx, counter, number)?;
                new.set("number", Value::Integer(number));
            }
            "entity" | "relation" | "chart_line" => {
                let (Some(user), Some(context)) = (new.number("user"), new.text("context")) else {
                    return Ok(());
                };
                let graph = (user, context);
                let wanted = new.number("position").unwrap_or(0);
                let position = if self.keeps_numbers && is_taken(self.tx, graph, wanted)? {
                    graph::next_position(self.tx, graph)?
                } else {
                    let name = format!("{user}/{context}");
                    let last = || Ok(graph::next_position(self.tx, graph)? - 1);
                    moved(wanted, self.behind(&name, last)?)?
                };
                new.set("position", Value::Integer(position));
            }
            _ => {}
        }
        Ok(())
    }

    /// How far numbers are moved: by the last one that there was before anything came in.
    fn behind(&self, name: &str, last: impl FnOnce() -> Result<i64>) -> Result<i64> {
        if self.keeps_numbers {
            return Ok(0);
        }
        let name = format!("behind/{name}");
        let mut given = self
            .names
            .staged
            .prepare_cached("SELECT value FROM given WHERE name = ?1")?;
        let known: Option<i64> = given.query_row([&name], |row| row.get(0)).optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        let last = last()?;
        let mut note = self
            .names
            .staged
            .prepare_cached("INSERT INTO given (name, value) VALUES (?1, ?2)")?;
        note.execute((name, last))?;
        Ok(last)
    }

    fn insert(&self, row: &Row) -> Result<()> {
        self.tx
            .execute(&row.kind.insert, params_from_iter(&row.values))?;
        Ok(())
    }

    fn replace(&self, row: &Row) -> Result<()> {
        let mut sets = Vec::new();
        let mut values = Vec::new();
        for (index, (column, value)) in row.kind.columns.iter().zip(&row.values).enumerate() {
            let stays = row.kind.key.contains(&index)
                || matches!(
                    column.as_str(),
                    "uuid"
                        | "next_conversation"
                        | "next_message"
                        | "number"
                        | "position"
                        | "created_at"
                );
            if column == "version" {
                sets.push("version = version + 1".to_owned());
            } else if !stays {
                values.push(value.clone());
                sets.push(format!("\"{column}\" = ?{}", values.len()));
            }
        }
        let mut matches = Vec::new();
        for (column, value) in row.kind.key_columns().zip(row.key_values()) {
            values.push(value);
            matches.push(format!("\"{column}\" = ?{}", values.len()));
        }
        let sql = format!(
            "UPDATE \"{}\" SET {} WHERE {}",
            row.kind.table,
            sets.join(", "),
            matches.join(" AND ")
        );
        self.tx.execute(&sql, params_from_iter(values))?;
        Ok(())
    }

    /// Puts the rows that go with a record, which has another key in the archive.
    fn parts(&self, row: &Row, old: &[Value]) -> Result<()> {
        for part in row.kind.parts.iter().filter(|part| part.is_staged) {
            for mut part in parts(self.names.staged, part, old)? {
                self.names.translate(&mut part)?;
                self.insert(&part)?;
            }
        }
        if let ("blob", [Value::Integer(old)]) = (row.kind.table, old) {
            self.pieces(row, *old)?;
        }
        Ok(())
    }

    /// Puts the pieces of a content, which are kept already.
    fn pieces(&self, row: &Row, old: i64) -> Result<()> {
        let Some(new) = row.number("blob") else {
            return Ok(());
        };
        let pieces = blobs::pieces(&View::new(self.names.staged, None), old, 0, u64::MAX)?;
        let pieces: Vec<Piece> = pieces.into_iter().map(|(_, piece)| piece).collect();
        blobs::add_pieces(self.tx, new, 0, &pieces)
    }

    /// Takes away the rows that went with the store's own record.
    fn remove_parts(&self, new: &Row) -> Result<()> {
        if new.kind.table == "message"
            && let (Some(user), Some(conversation)) =
                (new.number("user"), new.number("conversation"))
        {
            let id = ConversationId { user, conversation };
            packed::unpack_all(self.tx, id)?;
        }
        for PartKind { kind: part, .. } in &new.kind.parts {
            let sql = format!(
                "DELETE FROM \"{}\" WHERE {}",
                part.table,
                new.kind.goes_with()
            );
            self.tx.execute(&sql, params_from_iter(new.key_values()))?;
        }
        Ok(())
    }

    /// Counters never go back.
    fn counter(&self, row: &Row) -> Result<()> {
        let (Some(name), Some(value)) = (row.text("name"), row.number("value")) else {
            return Ok(());
        };
        let name = match name.split_once('/') {
            Some((what, user)) => format!("{what}/{}", self.names.renamed_id(user)?),
            None => name.to_owned(),
        };
        pass_number(self.tx, &name, moved(value, 0)?)
    }

    /// Sees to it that no number that was given is given again.
    pub fn numbers(&self) -> Result<()> {
        let mut statement = self
            .names
            .staged
            .prepare_cached("SELECT name, value FROM given ORDER BY name")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, value): (String, i64) = (row.get(0)?, row.get(1)?);
            match (name.split('/').next().unwrap_or(""), &*numbers(&name)) {
                ("user" | "blob", _) => pass_number(self.tx, &name, value)?,
                ("conversation", [user]) => {
                    self.tx.execute(
                        "UPDATE user SET next_conversation = ?2 WHERE user = ?1 AND next_conversation <= ?3",
                        (user, value + 1, value),
                    )?;
                }
                ("message", [user, conversation]) => {
                    self.tx.execute(
                        "UPDATE conversation SET next_message = ?3 WHERE user = ?1 AND conversation = ?2 AND next_message <= ?4",
                        (user, conversation, value + 1, value),
                    )?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A number behind others.
fn moved(number: i64, behind: i64) -> Result<i64> {
    let moved = number.checked_add(behind);
    moved
        .filter(|moved| *moved <= MAX_NUMBER)
        .ok_or_else(|| Error::invalid("no number is left"))
}

/// Whether a line of a graph has a position.
fn is_taken(view: &View<'_>, (user, context): (i64, &str), position: i64) -> Result<bool> {
    let mut taken = view.prepare(
        "SELECT EXISTS (SELECT 1 FROM entity WHERE user = ?1 AND context = ?2 AND position = ?3)
             OR EXISTS (SELECT 1 FROM relation WHERE user = ?1 AND context = ?2 AND position = ?3)
             OR EXISTS (SELECT 1 FROM chart_line WHERE user = ?1 AND context = ?2 AND position = ?3)",
    )?;
    Ok(taken.query_row((user, context, position), |row| row.get(0))?)
}

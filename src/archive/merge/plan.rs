//! Deciding what becomes of records.

use std::collections::BTreeSet;
use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::names::{Names, readable};
use super::row::{Row, key_of, key_text, numbers, parts, row_of};
use super::{Action, ImportConflict, ImportCount, ImportOptions, ImportReport, OnConflict};
use crate::database::rows::{matching, values};
use crate::database::schema::group;
use crate::domain::packed::chunks;
use crate::error::{Code, Error, Result};
use crate::host::Host;
use crate::store::View;

/// Conflicts that are told one by one; of more there is only the number.
const MAX_CONFLICTS: usize = 1000;

/// Columns that do not tell one content from another.
const ASIDE: &[&str] = &[
    "version",
    "created_at",
    "updated_at",
    "next_conversation",
    "next_message",
    "number",
    "position",
    "unused_since",
    "run_at",
    "run_count",
];

/// Decides what becomes of records.
pub(super) struct Plan<'a> {
    pub live: &'a View<'a>,
    pub staged: &'a Connection,
    pub host: &'a Rc<dyn Host>,
    pub options: &'a ImportOptions,
    /// Whether records go back to the numbers that they had here.
    pub keeps_numbers: bool,
    pub decided: &'a mut Decisions,
}

/// What goes with the plan that is noted beside the rows.
#[derive(Default)]
pub(super) struct Decisions {
    /// The tables with records that do not simply come in as they are: of no others is anything noted.
    pub changed: BTreeSet<&'static str>,
    /// Whether the store has no such record as those that are being looked at.
    pub is_new: bool,
    given: Option<Given>,
}

/// The numbers that are given to what is alike: those of one conversation's messages.
struct Given {
    name: String,
    /// The store's last one.
    last: i64,
    /// The last one that was given.
    value: Option<i64>,
}

impl Decisions {
    /// Notes the last number that was given, so that [`Carry::numbers`](super::carry::Carry::numbers) finds it.
    pub fn note_given(&mut self, staged: &Connection) -> Result<()> {
        if let Some(Given {
            name,
            value: Some(value),
            ..
        }) = self.given.take()
        {
            let mut note = staged
                .prepare_cached("INSERT OR REPLACE INTO given (name, value) VALUES (?1, ?2)")?;
            note.execute((name, value))?;
        }
        Ok(())
    }
}

impl Plan<'_> {
    pub fn decide(&mut self, row: &Row, report: &mut ImportReport) -> Result<()> {
        let old = row.key_text();
        let table = row.kind.table;
        if self.options.into.is_some() {
            let is_the_apps = matches!(table, "setting" | "request" | "erasure" | "counter")
                || (table == "retention_policy" && row.number("user").is_none());
            if is_the_apps {
                return self.note(table, &old, &old, Action::Skip, None);
            }
        }
        if table == "counter" {
            return Ok(());
        }
        let new = self.names().translated(row)?;
        let found = self.find(&new)?;
        let (key, action, uuid) = match found {
            Found::Nothing => self.fresh(&new, Action::Add, false)?,
            Found::Elsewhere => self.fresh(&new, Action::Add, true)?,
            Found::Here(key) => {
                if self.is_same(row, &new, &key)? {
                    (key, Action::Same, None)
                } else {
                    self.conflict(row, &new, key, report)?
                }
            }
        };
        count(report, table, action);
        self.note(table, &old, &key, action, uuid.as_deref())
    }

    const fn names(&self) -> Names<'_> {
        Names {
            staged: self.staged,
            changed: &self.decided.changed,
        }
    }

    fn note(
        &mut self,
        table: &'static str,
        old: &str,
        new: &str,
        action: Action,
        uuid: Option<&str>,
    ) -> Result<()> {
        if action == Action::Add && old == new && uuid.is_none() {
            return Ok(());
        }
        self.decided.changed.insert(table);
        let mut insert = self.staged.prepare_cached(
            "INSERT INTO plan (tab, old, new, action, uuid) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        insert.execute((table, old, new, action.number(), uuid))?;
        Ok(())
    }

    /// Looks for the store's own of a record.
    fn find(&self, new: &Row) -> Result<Found> {
        let table = new.kind.table;
        if self.decided.is_new && (table != "user" || self.options.into.is_none()) {
            return Ok(Found::Nothing);
        }
        let one = |sql: &str, bound: Vec<Value>| -> Result<Option<Vec<Value>>> {
            let mut statement = self.live.prepare(sql)?;
            let width = statement.column_count();
            let mut rows = statement.query(params_from_iter(bound))?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(values(row, width)?))
        };
        let value = |column: &str| new.get(column).cloned().unwrap_or(Value::Null);
        let by = |columns: &[&str]| -> Result<Found> {
            let key: Vec<&str> = new.kind.key_columns().map(String::as_str).collect();
            let matches: Vec<String> = columns
                .iter()
                .zip(1..)
                .map(|(column, n)| format!("\"{column}\" IS ?{n}"))
                .collect();
            let sql = format!(
                "SELECT \"{}\" FROM \"{table}\" WHERE {} LIMIT 1",
                key.join("\", \""),
                matches.join(" AND ")
            );
            let found = one(&sql, columns.iter().map(|column| value(column)).collect())?;
            Ok(found.map_or(Found::Nothing, |key| Found::Here(key_text(&key))))
        };
        Ok(match table {
            "user" => match self.options.into {
                Some(into) => Found::Here(into.user.to_string()),
                None => by(&["uuid"])?,
            },
            // A UUID that is there in another place than where this would go is another record's.
            "conversation" => match by(&["uuid"])? {
                Found::Here(key) if numbers(&key).first() != new.number("user").as_ref() => {
                    Found::Elsewhere
                }
                found => found,
            },
            "message" => match by(&["uuid"])? {
                Found::Here(key)
                    if numbers(&key).get(..2)
                        != Some(
                            &[
                                new.number("user").unwrap_or(0),
                                new.number("conversation").unwrap_or(0),
                            ][..],
                        ) =>
                {
                    Found::Elsewhere
                }
                found => found,
            },
            "blob" => by(&["hash"])?,
            "setting" | "request" => by(&[new.kind.columns.first().map_or("", |it| it)])?,
            "context" | "user_setting" => by(&["user", "name"])?,
            "retention_policy" => by(&[
                "user", "kind", "context", "status", "age_ms", "keep", "action",
            ])?,
            "erasure" => by(&["record", "requested_at"])?,
            "chart_event" => by(&["user", "context", "chart", "kind", "entity", "detail", "at"])?,
            table => {
                let id = new.kind.columns.first().map_or("", |name| name.as_str());
                let owner = one(
                    &format!("SELECT user FROM \"{table}\" WHERE \"{id}\" = ?1"),
                    vec![value(id)],
                )?;
                match owner.as_deref() {
                    Some([owner]) if *owner == value("user") => Found::Here(new.key_text()),
                    Some(_) => match by_what_it_says(new, &by)? {
                        Found::Nothing => Found::Elsewhere,
                        found => found,
                    },
                    None => by_what_it_says(new, &by)?,
                }
            }
        })
    }

    /// Whether a staged record and the store's own say the same.
    fn is_same(&self, row: &Row, new: &Row, key: &str) -> Result<bool> {
        let table = row.kind.table;
        if matches!(table, "blob" | "request" | "erasure" | "chart_event") {
            return Ok(true);
        }
        if table == "user" && self.options.into.is_some() {
            return Ok(true);
        }
        let live = row_of(self.live, new, key)?;
        let own_key = |index: usize| new.kind.key.contains(&index);
        for (index, column) in new.kind.columns.iter().enumerate() {
            let is_aside = ASIDE.contains(&column.as_str()) || own_key(index) || column == "leaf";
            if !is_aside && new.values.get(index) != live.values.get(index) {
                return Ok(false);
            }
        }
        if table == "conversation"
            && leaf_of(self.staged, row)? != leaf_of(self.live.connection(), &live)?
        {
            return Ok(false);
        }
        for part in &row.kind.parts {
            let own_keys = key_of(new, key);
            if part.kind.table == "chunk" {
                if text_of(self.staged, &row.key_values())?
                    != text_of(self.live.connection(), &own_keys)?
                {
                    return Ok(false);
                }
                continue;
            }
            let mut staged = Vec::new();
            for mut row in parts(self.staged, part, &row.key_values())? {
                self.names().translate(&mut row)?;
                staged.push(said(&row, part.alike));
            }
            let mut there = Vec::new();
            for row in parts(self.live.connection(), part, &own_keys)? {
                there.push(said(&row, part.alike));
            }
            staged.sort();
            there.sort();
            if staged != there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decides about a record that the store has with another content.
    fn conflict(
        &mut self,
        row: &Row,
        new: &Row,
        key: String,
        report: &mut ImportReport,
    ) -> Result<(String, Action, Option<String>)> {
        let table = row.kind.table;
        let id = readable(table, &row.key_text());
        let kind = group(table);
        let decision = self.options.decisions.iter().flatten();
        let decision = decision
            .filter(|one| one.table == table && one.id == id)
            .map(|one| one.on_conflict)
            .next();
        let by_kind = self.options.kinds.iter().flatten();
        let by_kind = by_kind
            .filter(|one| Some(&*one.kind) == kind)
            .map(|one| one.on_conflict)
            .next();
        let chosen = decision.or(by_kind).or(self.options.on_conflict);
        let chosen = chosen.unwrap_or_default();
        let live = row_of(self.live, new, &key)?;
        let changed = |row: &Row| row.number("updated_at").or(row.number("at"));
        report.conflict_count += 1;
        if decision.is_none() && report.conflicts.len() < MAX_CONFLICTS {
            report.conflicts.push(ImportConflict {
                table: table.to_owned(),
                kind,
                id,
                store_id: readable(table, &key),
                on_conflict: chosen,
                changed_at: changed(row),
                store_changed_at: changed(&live),
            });
        }
        let can_be_twice = matches!(
            table,
            "conversation"
                | "message"
                | "construct"
                | "session"
                | "construct_link"
                | "learning"
                | "job"
                | "artifact"
                | "upload"
                | "timeline_event"
                | "metric"
        );
        Ok(match chosen {
            OnConflict::KeepBoth if can_be_twice => self.fresh(new, Action::Both, true)?,
            OnConflict::Skip | OnConflict::KeepBoth => (key, Action::Skip, None),
            OnConflict::Replace => (key, Action::Replace, None),
            OnConflict::Newest => {
                let wins_tie = changed(new) == changed(&live) && self.wins_tie(row)?;
                let action = if wins_tie || changed(new) > changed(&live) {
                    Action::Replace
                } else {
                    Action::Skip
                };
                (key, action, None)
            }
        })
    }

    fn wins_tie(&self, row: &Row) -> Result<bool> {
        if !self.options.is_own {
            return Ok(false);
        }
        let mut stays = self
            .staged
            .prepare_cached("SELECT 1 FROM stays WHERE tab = ?1 AND key = ?2")?;
        Ok(!stays.exists((row.kind.table, row.key_text()))?)
    }

    /// The key of a record that the store does not have; `is_renamed` asks for another id than it has.
    fn fresh(
        &mut self,
        new: &Row,
        action: Action,
        is_renamed: bool,
    ) -> Result<(String, Action, Option<String>)> {
        let keeps = self.keeps_numbers && !is_renamed && self.is_free(new)?;
        let user = new.number("user").unwrap_or(0);
        let conversation = new.number("conversation").unwrap_or(0);
        let mut uuid = None;
        if is_renamed && new.place("uuid").is_some() {
            uuid = Some(self.host.uuid().to_string());
        }
        let wanted = |column| new.number(column).filter(|_| !is_renamed);
        let key = match new.kind.table {
            "user" => {
                let last = "SELECT max(coalesce((SELECT value FROM counter WHERE name = 'user'), 0), coalesce(max(user), 0)) FROM user";
                self.give("user", wanted("user"), keeps, last, &[])?
                    .to_string()
            }
            "conversation" => {
                let last =
                    "SELECT coalesce((SELECT next_conversation - 1 FROM user WHERE user = ?1), 0)";
                let name = format!("conversation/{user}");
                let number = self.give(&name, wanted("conversation"), keeps, last, &[user])?;
                format!("{user}/{number}")
            }
            "message" => {
                let last = "SELECT coalesce((SELECT next_message - 1 FROM conversation WHERE user = ?1 AND conversation = ?2), 0)";
                let name = format!("message/{user}/{conversation}");
                let number =
                    self.give(&name, wanted("message"), keeps, last, &[user, conversation])?;
                format!("{user}/{conversation}/{number}")
            }
            "blob" => {
                let last = "SELECT max(coalesce((SELECT value FROM counter WHERE name = 'blob'), 0), coalesce(max(blob), 0)) FROM blob";
                self.give("blob", wanted("blob"), keeps, last, &[])?
                    .to_string()
            }
            "retention_policy" => {
                let last = "SELECT coalesce(max(policy), 0) FROM retention_policy";
                self.give("policy", wanted("policy"), keeps, last, &[])?
                    .to_string()
            }
            "erasure" => {
                let last = "SELECT coalesce(max(erasure), 0) FROM erasure";
                self.give("erasure", wanted("erasure"), keeps, last, &[])?
                    .to_string()
            }
            "chart_event" => {
                let last = "SELECT coalesce(max(seq), 0) FROM chart_event WHERE user = ?1";
                let name = format!("chart_event/{user}");
                let number = self.give(&name, wanted("seq"), keeps, last, &[user])?;
                format!("{user}/{number}")
            }
            _ if is_renamed => self.host.uuid().to_string(),
            _ => new.key_text(),
        };
        Ok((key, action, uuid))
    }

    /// Whether nothing in the store has the key of a record.
    fn is_free(&self, new: &Row) -> Result<bool> {
        if self.decided.is_new {
            return Ok(true);
        }
        let mut taken = self.live.prepare(&format!(
            "SELECT 1 FROM \"{}\" WHERE {}",
            new.kind.table,
            matching(new.kind.key_columns(), 1)
        ))?;
        Ok(!taken.exists(params_from_iter(new.key_values()))?)
    }

    /// A number that is not taken: the one that is wanted if it is behind all that were given, or was the record's before and is
    /// kept, else the next. `last` finds the store's last one.
    fn give(
        &mut self,
        name: &str,
        wanted: Option<i64>,
        keeps: bool,
        last: &str,
        key: &[i64],
    ) -> Result<i64> {
        if self
            .decided
            .given
            .as_ref()
            .is_none_or(|given| given.name != name)
        {
            self.decided.note_given(self.staged)?;
            let mut find = self.live.prepare(last)?;
            let mut noted = self
                .staged
                .prepare_cached("SELECT value FROM given WHERE name = ?1")?;
            self.decided.given = Some(Given {
                name: name.to_owned(),
                last: find.query_row(params_from_iter(key), |row| row.get(0))?,
                value: noted.query_row([name], |row| row.get(0)).optional()?,
            });
        }
        let Some(given) = &mut self.decided.given else {
            return Err(Error::new(Code::Internal, "a number was forgotten"));
        };
        if let Some(wanted) = wanted.filter(|wanted| keeps && *wanted <= given.last) {
            return Ok(wanted);
        }
        let last = given.value.unwrap_or(given.last);
        let number = wanted.filter(|wanted| *wanted > last).unwrap_or(last + 1);
        if number > crate::id::MAX_NUMBER {
            return Err(Error::invalid("no number is left"));
        }
        given.value = Some(number);
        Ok(number)
    }
}

pub(super) enum Found {
    Nothing,
    /// By the store's key.
    Here(String),
    /// Its id is another record's.
    Elsewhere,
}

pub(super) fn count(report: &mut ImportReport, table: &str, action: Action) {
    if report.counts.last().is_none_or(|last| last.table != table) {
        report.counts.push(ImportCount {
            table: table.to_owned(),
            ..ImportCount::default()
        });
    }
    if let Some(count) = report.counts.last_mut() {
        match action {
            Action::Add => count.added += 1,
            Action::Same => count.same += 1,
            Action::Skip => count.skipped += 1,
            Action::Replace => count.replaced += 1,
            Action::Both => count.kept_both += 1,
        }
    }
}

/// The message that a conversation's active path ends with.
pub(super) fn leaf_of(connection: &Connection, conversation: &Row) -> Result<Option<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT uuid FROM message WHERE user = ?1 AND conversation = ?2 AND message = ?3",
    )?;
    let key = ["user", "conversation", "leaf"].map(|column| conversation.number(column));
    Ok(statement.query_row(key, |row| row.get(0)).optional()?)
}

/// What a row says in some columns, to be compared.
pub(super) fn said(row: &Row, columns: &[&str]) -> String {
    let values: Vec<Value> = columns
        .iter()
        .map(|column| row.get(column).cloned().unwrap_or(Value::Null))
        .collect();
    format!("{values:?}")
}

/// The text of a message, part by part, however it lies in chunks.
pub(super) fn text_of(connection: &Connection, key: &[Value]) -> Result<blake3::Hash> {
    let mut statement = connection.prepare_cached(chunks!("part, text, seq", "0"))?;
    let mut rows = statement.query(params_from_iter(key))?;
    let mut hasher = blake3::Hasher::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        let part: i64 = row.get(0)?;
        if last != Some(part) {
            // No text holds this byte.
            hasher.update(&[0xFF]);
            hasher.update(&part.to_le_bytes());
            last = Some(part);
        }
        hasher.update(crate::domain::text(row, 1)?.as_bytes());
    }
    Ok(hasher.finalize())
}

/// Parts of graphs are the same by their names, whatever their ids.
fn by_what_it_says(new: &Row, by: &dyn Fn(&[&str]) -> Result<Found>) -> Result<Found> {
    match new.kind.table {
        "entity" => by(&["user", "context", "name"]),
        "relation" => by(&["user", "context", "source", "target", "type"]),
        "chart_line" => by(&["user", "context", "text"]),
        _ => Ok(Found::Nothing),
    }
}

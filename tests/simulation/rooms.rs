//! The rooms beside conversations: agent work, learnings, jobs, contexts and settings.
//!
//! Their model is made of two things. What may be called, and what it may change, are rules, stated here on their own. What
//! the rows are after each line is read within the write itself, and must be the same after every crash, fault and recovery.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use strongroom::database::schema::{BOOKKEEPING, TABLES};
use strongroom::domain::charts::{graph, lines, tension};
use strongroom::domain::sessions::SessionStatus;
use strongroom::domain::{
    artifacts, constructs, contexts, conversations, jobs, learnings, links, metrics, sessions,
    settings, timeline,
};
use strongroom::id::UserId;
use strongroom::store::{Tx, View};
use strongroom::{Code, Error, Result};

use super::model::Model;
use super::operations::{Op, Random};
use super::{charts, contents, letting_go};

/// Tables that the model of conversations is about.
const CONVERSATIONS: &[&str] = &[
    "request",
    "user",
    "conversation",
    "participant",
    "message",
    "part",
    "chunk",
    "packed_chunk",
];

pub type Row = Map<String, Value>;

/// All rows of the rooms' tables, by table and key. Each has its key besides, as `id`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomRows(BTreeMap<&'static str, BTreeMap<String, Row>>);

/// Reads all rows of the rooms.
pub fn read_rows(view: &View<'_>) -> Result<RoomRows> {
    let mut rows = RoomRows::default();
    for table in TABLES.iter().map(|spec| spec.name) {
        if !CONVERSATIONS.contains(&table) {
            rows.0.insert(table, read_table(view, table)?);
        }
    }
    Ok(rows)
}

fn read_table(view: &View<'_>, table: &str) -> Result<BTreeMap<String, Row>> {
    use rusqlite::types::ValueRef;
    let mut key =
        view.prepare("SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")?;
    let key = key.query_map([table], |row| row.get(0))?;
    let key: Vec<String> = key.collect::<rusqlite::Result<_>>()?;
    let mut statement = view.prepare(&format!("SELECT * FROM \"{table}\""))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let mut values = Row::new();
        for (index, column) in columns.iter().enumerate() {
            let value = match row.get_ref(index)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
                ValueRef::Blob(_) => panic!("{table}.{column} holds bytes"),
            };
            values.insert(column.clone(), value);
        }
        let name: Vec<_> = key.iter().map(|column| text(&values[column])).collect();
        let name = name.join(" ");
        values.insert("id".to_owned(), name.clone().into());
        found.insert(name, values);
    }
    Ok(found)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

impl RoomRows {
    /// Each row with a name for it.
    pub fn each(&self) -> impl Iterator<Item = (String, &Row)> {
        self.0.iter().flat_map(|(table, rows)| {
            let named = rows.iter();
            named.map(move |(key, row)| (format!("{table} {key}"), row))
        })
    }

    pub fn table(&self, table: &str) -> impl Iterator<Item = &Row> + Clone {
        self.0.get(table).into_iter().flat_map(BTreeMap::values)
    }

    pub fn find(&self, table: &str, id: &str) -> std::result::Result<&Row, Code> {
        let table = self.0.get(table).ok_or(Code::NotFound)?;
        table.get(id).ok_or(Code::NotFound)
    }

    /// A construct that something may be added to.
    fn in_use(&self, id: &str) -> std::result::Result<&Row, Code> {
        let construct = self.find("construct", id)?;
        let is_removed = !construct["deleted_at"].is_null();
        if is_removed {
            Err(Code::Conflict)
        } else {
            Ok(construct)
        }
    }

    /// Whether an erasure is under way.
    pub fn is_erasing(&self) -> bool {
        self.table("erasure").any(|it| it["done_at"].is_null())
    }

    /// The tables whose rows differ.
    fn changed(&self, other: &Self) -> Vec<&'static str> {
        let names = self.0.keys().chain(other.0.keys()).copied();
        let mut changed: Vec<_> = names
            .filter(|table| !self.table(table).eq(other.table(table)))
            .collect();
        changed.dedup();
        changed
    }

    /// Whether the graphs of two contexts have a name, a chart or a relation in common.
    fn share_charts(&self, user: i64, one: &str, other: &str) -> bool {
        let of = |context: &str| -> Vec<Vec<Value>> {
            let is_in = |row: &&Row| row["user"] == user && row["context"] == *context;
            let pick =
                |row: &Row, columns: &[&str]| columns.iter().map(|it| row[*it].clone()).collect();
            let entities = self.table("entity").filter(is_in);
            let names = entities.clone().map(|row| pick(row, &["name"]));
            let ids = entities.filter(|row| !row["chart"].is_null());
            let ids = ids.map(|row| [pick(row, &["chart"]), vec!["chart".into()]].concat());
            let relations = self.table("relation").filter(is_in);
            let relations = relations.map(|row| pick(row, &["source", "type", "target"]));
            names.chain(ids).chain(relations).collect()
        };
        let theirs = of(other);
        one != other && of(one).iter().any(|name| theirs.contains(name))
    }

    /// The users of the rows that differ.
    fn differing(&self, other: &Self) -> Vec<Value> {
        let of = |rows: &Self| -> BTreeMap<String, Row> {
            let each = rows.each();
            each.map(|(name, row)| (name, row.clone())).collect()
        };
        let (before, after) = (of(self), of(other));
        let names = before.keys().chain(after.keys());
        let differing = names.filter(|name| before.get(*name) != after.get(*name));
        let row = |name: &String| after.get(name).or(before.get(name)).unwrap();
        let mut users: Vec<Value> = differing
            .map(|name| row(name).get("user").cloned().unwrap_or_default())
            .collect();
        users.sort_by_key(Value::as_i64);
        users
    }

    /// These rows with those of a line of upkeep, which is about contents and erasures alone.
    pub fn after_line(&self, rows: &[u8]) -> Self {
        let rows = format!("[{}]", String::from_utf8_lossy(rows));
        let changes: Vec<Value> = serde_json::from_str(&rows).unwrap();
        let mut after = self.clone();
        for change in changes {
            let (table, key): (&str, &[&str]) = match change["t"].as_str().unwrap() {
                "blob" => ("blob", &["blob"]),
                "piece" => ("piece", &["piece"]),
                "blob_piece" => ("blob_piece", &["blob", "position"]),
                "erasure" => ("erasure", &["erasure"]),
                other => panic!("upkeep changed {other}"),
            };
            let is_put = change["put"].is_object();
            let values = &change[if is_put { "put" } else { "del" }];
            let name: Vec<_> = key.iter().map(|column| text(&values[*column])).collect();
            let name = name.join(" ");
            let rows = after.0.entry(table).or_default();
            if is_put {
                let mut row = values.as_object().unwrap().clone();
                row.insert("id".to_owned(), name.clone().into());
                rows.insert(name, row);
                continue;
            }
            rows.remove(&name);
            if table == "blob" {
                let blob = values["blob"].as_i64().unwrap();
                assert!(
                    !self.blobs_in_use().contains(&blob),
                    "content {blob} is had"
                );
            }
        }
        after
    }

    /// These rows with those that upkeep changes as others have them.
    pub fn with_upkeep_of(&self, other: &Self) -> Self {
        let mut rows = self.clone();
        for table in ["blob", "piece", "blob_piece", "erasure"] {
            let theirs = other.0.get(table).cloned().unwrap_or_default();
            rows.0.insert(table, theirs);
        }
        rows
    }

    /// These rows after the line is taken back before which they were `before`; none if nothing of it can be.
    pub fn undone(&self, before: &Self, now: i64) -> Option<Self> {
        let mut undone = self.clone();
        let mut is_changed = false;
        let tables = undone.0.iter_mut();
        for (table, rows) in tables.filter(|(table, _)| !BOOKKEEPING.contains(table)) {
            let none = BTreeMap::new();
            let (old, new) = (before.0.get(table).unwrap_or(&none), &self.0[table]);
            for key in new.keys().filter(|key| !old.contains_key(*key)) {
                is_changed = true;
                rows.remove(key);
            }
            for (key, old) in old {
                let mut row = new.get(key).unwrap_or(old).clone();
                let mut is_other = !new.contains_key(key);
                for (column, value) in old {
                    let is_own = column == "version" || column == "updated_at";
                    if !is_own && row[column] != *value {
                        row.insert(column.clone(), value.clone());
                        is_other = true;
                    }
                }
                if is_other {
                    is_changed = true;
                    if let Some(version) = row.get("version").and_then(Value::as_i64) {
                        row.insert("version".into(), (version + 1).into());
                    }
                    if row.contains_key("updated_at") {
                        row.insert("updated_at".into(), now.into());
                    }
                    rows.insert(key.clone(), row);
                }
            }
        }
        is_changed.then_some(undone)
    }
}

/// The UUID of the transcript that an answer names, which is not told with it; empty if there is none.
pub fn transcript_uuid(view: &View<'_>, answer: &Value) -> Result<String> {
    let Some(transcript) = answer["transcriptId"].as_str() else {
        return Ok(String::new());
    };
    Ok(conversations::get(view, transcript.parse()?)?.uuid)
}

/// The methods that are tried.
pub const METHODS: &[&str] = &[
    "constructs.create",
    "constructs.update",
    "constructs.setStatus",
    "constructs.remove",
    "constructs.restore",
    "constructs.delete",
    "sessions.create",
    "sessions.update",
    "sessions.suspend",
    "sessions.resume",
    "sessions.end",
    "sessions.fail",
    "sessions.delete",
    "links.create",
    "links.update",
    "links.delete",
    "artifacts.create",
    "artifacts.update",
    "artifacts.delete",
    "timeline.append",
    "metrics.record",
    "metrics.recordAll",
    "learnings.create",
    "learnings.update",
    "learnings.delete",
    "jobs.enqueue",
    "jobs.dequeue",
    "jobs.renew",
    "jobs.complete",
    "jobs.fail",
    "jobs.release",
    "jobs.cancel",
    "jobs.revive",
    "jobs.removeEnded",
    "charts.create",
    "charts.addStep",
    "charts.telescope",
    "charts.completeStep",
    "charts.complete",
    "charts.removeStep",
    "charts.remove",
    "charts.move",
    "charts.archive",
    "charts.updateReality",
    "charts.addEntity",
    "charts.addObservations",
    "charts.removeObservations",
    "charts.deleteEntity",
    "charts.addRelation",
    "charts.deleteRelation",
    "charts.load",
    "charts.clear",
    "contexts.create",
    "contexts.rename",
    "contexts.delete",
    "settings.set",
    "settings.remove",
];

/// Whether the rules say when an operation is refused.
pub fn is_judged(op: &Op) -> bool {
    !matches!(op, Op::Call { method, .. } if method.starts_with("charts."))
}

/// Runs a method.
pub fn run(tx: &Tx<'_>, method: &str, args: &Value) -> Result<Value> {
    fn read<T: DeserializeOwned>(args: &Value) -> T {
        serde_json::from_value(args.clone()).unwrap()
    }
    fn give(answer: Result<impl serde::Serialize>) -> Result<Value> {
        Ok(serde_json::to_value(answer?).unwrap())
    }
    let id = args["id"].as_str().unwrap_or_default();
    if let Some(answer) =
        contents::run(tx, method, args).or_else(|| letting_go::run(tx, method, args))
    {
        return answer;
    }
    match method {
        "constructs.create" => give(constructs::create(tx, &read(args))),
        "constructs.update" => give(constructs::update(tx, &read(args))),
        "constructs.setStatus" => give(constructs::set_status(tx, &read(args))),
        "constructs.remove" => give(constructs::soft_delete(tx, id)),
        "constructs.restore" => give(constructs::restore(tx, id)),
        "constructs.delete" => give(constructs::delete(tx, id)),
        "sessions.create" => give(sessions::create(tx, &read(args))),
        "sessions.update" => give(sessions::update(tx, &read(args))),
        "sessions.suspend" => give(sessions::set_status(tx, id, SessionStatus::Suspended)),
        "sessions.resume" => give(sessions::set_status(tx, id, SessionStatus::Active)),
        "sessions.end" => give(sessions::set_status(tx, id, SessionStatus::Ended)),
        "sessions.fail" => give(sessions::set_status(tx, id, SessionStatus::Failed)),
        "sessions.delete" => give(sessions::delete(tx, id)),
        "links.create" => give(links::create(tx, &read(args))),
        "links.update" => give(links::update(tx, &read(args))),
        "links.delete" => give(links::delete(tx, id)),
        "artifacts.create" => give(artifacts::create(tx, &read(args))),
        "artifacts.update" => give(artifacts::update(tx, &read(args))),
        "artifacts.delete" => give(artifacts::delete(tx, id)),
        "timeline.append" => give(timeline::append(tx, &read(args))),
        "metrics.record" => give(metrics::record(tx, &read(args))),
        "metrics.recordAll" => give(metrics::record_all(tx, &read(args))),
        "learnings.create" => give(learnings::create(tx, &read(args))),
        "learnings.update" => give(learnings::update(tx, &read(args))),
        "learnings.delete" => give(learnings::delete(tx, id)),
        "jobs.enqueue" => give(jobs::enqueue(tx, &read(args))),
        "jobs.dequeue" => give(jobs::dequeue(tx, &read(args))),
        "jobs.renew" => give(jobs::renew(tx, &read(args))),
        "jobs.complete" => give(jobs::complete(tx, &read(args))),
        "jobs.fail" => give(jobs::fail(tx, &read(args))),
        "jobs.release" => give(jobs::release(tx, &read(args))),
        "jobs.cancel" => give(jobs::cancel(tx, id)),
        "jobs.revive" => give(jobs::revive(tx, id)),
        "jobs.removeEnded" => give(jobs::remove_ended(tx, &read(args))),
        "charts.create" => give(tension::create(tx, &read(args))),
        "charts.addStep" => give(tension::add_step(tx, &read(args))),
        "charts.telescope" => give(tension::telescope(tx, &read(args))),
        "charts.completeStep" => give(tension::complete_step(tx, &read(args))),
        "charts.complete" => give(tension::complete(tx, &read(args))),
        "charts.removeStep" => give(tension::remove_step(tx, &read(args)).map(drop)),
        "charts.remove" => give(tension::remove(tx, &read(args)).map(drop)),
        "charts.move" => give(tension::move_chart(tx, &read(args))),
        "charts.archive" => give(tension::set_archived(tx, &read(args), true)),
        "charts.updateReality" => give(tension::update_reality(tx, &read(args))),
        "charts.addEntity" => give(graph::add_entity(tx, &read(args))),
        "charts.addObservations" => give(graph::add_observations(tx, &read(args))),
        "charts.removeObservations" => give(graph::remove_observations(tx, &read(args))),
        "charts.deleteEntity" => give(graph::delete_entity(tx, &read(args)).map(drop)),
        "charts.addRelation" => give(graph::add_relation(tx, &read(args))),
        "charts.deleteRelation" => give(graph::delete_relation(tx, &read(args)).map(drop)),
        "charts.load" => give(lines::load(tx, &read(args))),
        "charts.clear" => give(graph::clear(tx, &read(args)).map(drop)),
        "contexts.create" => give(contexts::create(tx, &read(args))),
        "contexts.rename" => give(contexts::rename(tx, &read(args))),
        "contexts.delete" => give(contexts::delete(tx, &read(args))),
        "settings.set" => give(settings::set(tx, &read(args))),
        "settings.remove" => give(settings::remove(tx, &read(args))),
        _ => Err(Error::invalid(format!("there is no method {method}"))),
    }
}

/// The table that holds the records of a method's group.
fn table_of(method: &str) -> &'static str {
    match method.split('.').next().unwrap() {
        "constructs" => "construct",
        "sessions" => "session",
        "links" => "construct_link",
        "artifacts" => "artifact",
        "timeline" => "timeline_event",
        "metrics" => "metric",
        "learnings" => "learning",
        "jobs" => "job",
        "contexts" => "context",
        "charts" => "entity",
        "uploads" => "upload",
        "retention" => "retention_policy",
        _ => "setting",
    }
}

/// The tables that a method may change, of the rooms.
fn may_change(op: &Op) -> &'static [&'static str] {
    let Op::Call { method, .. } = op else {
        return match op {
            Op::CreateUser { .. } => &["counter"],
            Op::CreateConversation { .. } => &["context"],
            _ => &[],
        };
    };
    match *method {
        "constructs.create" | "constructs.update" => &["construct", "context"],
        "constructs.setStatus" => &["construct", "timeline_event", "counter"],
        "constructs.remove" | "constructs.restore" => &["construct"],
        "constructs.delete" => &[
            "construct",
            "session",
            "construct_link",
            "artifact",
            "artifact_revision",
            "timeline_event",
            "metric",
        ],
        "sessions.create" | "sessions.update" => &["session"],
        "sessions.delete" => &[
            "session",
            "artifact",
            "artifact_revision",
            "timeline_event",
            "metric",
        ],
        "sessions.suspend" | "sessions.resume" | "sessions.end" | "sessions.fail" => {
            &["session", "timeline_event", "counter"]
        }
        "links.create" | "links.update" | "links.delete" => &["construct_link"],
        "artifacts.create" | "artifacts.update" => &["artifact"],
        "artifacts.delete" => &["artifact", "artifact_revision"],
        "artifacts.forget" => &["artifact_revision"],
        "artifacts.put" | "artifacts.revise" => &[
            "artifact",
            "artifact_revision",
            "blob",
            "blob_piece",
            "piece",
            "counter",
        ],
        "uploads.create" | "uploads.delete" => &["upload"],
        "uploads.receive" | "uploads.store" => {
            &["upload", "blob", "blob_piece", "piece", "counter"]
        }
        "uploads.publish" => &["upload", "artifact", "artifact_revision"],
        "retention.create" | "retention.update" | "retention.remove" => &["retention_policy"],
        "retention.rehearse" => &[],
        "retention.run" | "retention.erase" => &[
            "retention_policy",
            "erasure",
            "construct",
            "session",
            "construct_link",
            "artifact",
            "artifact_revision",
            "upload",
            "timeline_event",
            "metric",
            "learning",
            "learning_tag",
            "learning_source",
            "job",
        ],
        "timeline.append" => &["timeline_event", "counter"],
        "metrics.record" | "metrics.recordAll" => &["metric"],
        "learnings.create" | "learnings.update" | "learnings.delete" => {
            &["learning", "learning_tag", "learning_source", "context"]
        }
        "jobs.enqueue" => &["job", "counter"],
        "contexts.create" => &["context"],
        "contexts.delete" => &["context", "chart_event"],
        "contexts.rename" => &[
            "context",
            "construct",
            "learning",
            "entity",
            "relation",
            "chart_line",
            "chart_event",
        ],
        "settings.set" | "settings.remove" => &["setting"],
        _ if method.starts_with("charts.") => &[
            "context",
            "counter",
            "entity",
            "observation",
            "relation",
            "chart_line",
            "chart_event",
        ],
        _ => &["job"],
    }
}

fn session_becomes(method: &str) -> &'static str {
    match method {
        "sessions.suspend" => "suspended",
        "sessions.resume" => "active",
        "sessions.end" => "ended",
        _ => "failed",
    }
}

/// The changes of status that the documentation allows.
fn may_become(table: &str, from: &str, to: &str) -> bool {
    let allowed: &[&str] = match (table, from) {
        ("construct", "pending" | "failed") => &["provisioning", "retired"],
        ("construct", "provisioning") => &["ready", "failed", "retired"],
        ("construct", "ready") => &["suspended", "retired"],
        ("construct", "suspended") => &["ready", "retired"],
        ("session", "active") => &["suspended", "ended", "failed"],
        ("session", "suspended") => &["active", "ended", "failed"],
        ("session", "failed") => &["active", "ended"],
        _ => &[],
    };
    from == to || allowed.contains(&to)
}

fn user_number(id: &str) -> i64 {
    id.trim_start_matches("us").parse().unwrap()
}

fn rule(holds: bool, otherwise: Code) -> std::result::Result<(), Code> {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl Model {
    /// Whether a call is answered, by the documentation's rules alone.
    pub fn admits(&self, method: &str, args: &Value) -> std::result::Result<(), Code> {
        let rows = &self.rooms;
        let arg = |name: &str| args[name].as_str().unwrap_or_default();
        if method == "retention.erase" {
            return self.admits_erasing(arg("id"));
        }
        let policy = args["policy"].as_i64().map(|policy| policy.to_string());
        let (table, id) = (table_of(method), policy.as_deref().unwrap_or(arg("id")));
        // Metrics that are recorded together are of one user here.
        if let Some(user) = args["userId"]
            .as_str()
            .or(args["metrics"][0]["userId"].as_str())
        {
            let is_there = self
                .users()
                .iter()
                .any(|known| known.id.to_string() == user);
            let is_needed = method.ends_with(".create")
                || ["jobs.enqueue", "metrics.recordAll"].contains(&method);
            rule(is_there || !is_needed, Code::NotFound)?;
        }
        if args["id"].is_string() || policy.is_some() {
            rows.find(table, id)?;
        }
        if let Some(version) = args["version"].as_i64() {
            rule(rows.find(table, id)?["version"] == version, Code::Conflict)?;
        }
        match method {
            "constructs.setStatus" => {
                let from = text(&rows.in_use(id)?["status"]);
                rule(
                    may_become("construct", &from, arg("status")),
                    Code::Conflict,
                )
            }
            "sessions.create" => {
                let construct = rows.in_use(arg("constructId"))?;
                rule(construct["status"] != "retired", Code::Conflict)
            }
            "sessions.suspend" | "sessions.resume" | "sessions.end" | "sessions.fail" => {
                let session = rows.find("session", id)?;
                let (from, to) = (text(&session["status"]), session_becomes(method));
                rule(may_become("session", &from, to), Code::Conflict)?;
                if from != to {
                    rows.in_use(&text(&session["construct"]))?;
                }
                Ok(())
            }
            "links.create" => {
                let (from, to) = (arg("from"), arg("to"));
                let (source, target) = (rows.in_use(from)?, rows.in_use(to)?);
                rule(source["user"] == target["user"], Code::InvalidArgument)?;
                rule(from != to, Code::InvalidArgument)?;
                let is_there = rows.table("construct_link").any(|link| {
                    link["source"] == from && link["target"] == to && link["kind"] == args["kind"]
                });
                rule(!is_there, Code::Conflict)
            }
            "artifacts.put" => self.admits("artifacts.create", &args["artifact"]),
            "artifacts.forget" => {
                let is_current = rows.find(table, id)?["revision"] == args["revision"];
                rule(!is_current, Code::Conflict)?;
                let revision = format!("{id} {}", args["revision"]);
                rows.find("artifact_revision", &revision).map(drop)
            }
            "uploads.receive" => {
                let upload = rows.find(table, id)?;
                let is_open = upload["state"] != "stored" && upload["state"] != "published";
                rule(
                    is_open && upload["received"] == args["from"],
                    Code::Conflict,
                )
            }
            "uploads.store" => {
                let state = &rows.find(table, id)?["state"];
                rule(state != "stored" && state != "published", Code::Conflict)
            }
            "uploads.publish" => {
                let upload = rows.find(table, id)?;
                if let Some(artifact) = upload["artifact"].as_str() {
                    return rows.find("artifact", artifact).map(drop);
                }
                rule(upload["state"] == "stored", Code::Conflict)?;
                let becomes = serde_json::from_str(&text(&upload["becomes"])).unwrap();
                self.admits("artifacts.create", &becomes)
            }
            "artifacts.create" | "uploads.create" | "timeline.append" | "metrics.record" => {
                if let Some(session) = args["sessionId"].as_str() {
                    let construct = &rows.find("session", session)?["construct"];
                    rows.in_use(&text(construct))?;
                } else if let Some(construct) = args["constructId"].as_str() {
                    rows.in_use(construct)?;
                }
                Ok(())
            }
            "learnings.create" => {
                let context = args["context"].as_str().unwrap_or("default");
                let user = user_number(arg("userId"));
                let is_known = rows.table("learning").any(|known| {
                    known["user"] == user
                        && known["context"] == context
                        && known["text"] == args["text"]
                });
                rule(!is_known || args["onDuplicate"] != "refuse", Code::Conflict)
            }
            "jobs.renew" | "jobs.complete" | "jobs.fail" | "jobs.release" => rule(
                rows.find("job", id)?["lease"] == args["lease"],
                Code::Conflict,
            ),
            "jobs.cancel" => {
                let state = text(&rows.find("job", id)?["state"]);
                rule(!["done", "dead"].contains(&&*state), Code::Conflict)
            }
            "jobs.revive" => {
                let job = rows.find("job", id)?;
                let state = text(&job["state"]);
                rule(["dead", "cancelled"].contains(&&*state), Code::Conflict)?;
                let is_there = rows.table("job").any(|other| {
                    let has_key = !job["key"].is_null() && other["key"] == job["key"];
                    has_key && other["user"] == job["user"] && other["ended_at"].is_null()
                });
                rule(!is_there, Code::Conflict)
            }
            "contexts.rename" | "contexts.delete" => {
                let user = user_number(arg("userId"));
                let name = arg("name");
                let is_in = |row: &Row| row["user"] == user && row["context"] == name;
                rows.find("context", &format!("{user} {name}"))?;
                let tables = ["construct", "learning", "entity", "relation", "chart_line"];
                let is_used = tables.iter().any(|table| rows.table(table).any(is_in))
                    || self.conversations().iter().any(|conversation| {
                        conversation.user_id.user == user && conversation.context == name
                    });
                if method == "contexts.rename" {
                    return rule(!rows.share_charts(user, name, arg("to")), Code::Conflict);
                }
                rule(!is_used, Code::Conflict)
            }
            _ => Ok(()),
        }
    }

    fn admits_erasing(&self, id: &str) -> std::result::Result<(), Code> {
        let users = self.users();
        let conversations = self.conversations();
        let is_there = users.iter().any(|it| it.id.to_string() == id)
            || conversations.iter().any(|it| it.id.to_string() == id)
            || self.rooms.find("construct", id).is_ok();
        rule(is_there, Code::NotFound)
    }

    /// Takes over the rows that an operation left, after a look at whether they are what it may leave.
    pub fn take_rooms(
        &mut self,
        op: &Op,
        answer: &Value,
        transcript: &str,
        after: RoomRows,
        now: i64,
    ) {
        let before = std::mem::replace(&mut self.rooms, Rc::new(after));
        let after = self.rooms.clone();
        if let Op::DeleteUser { id } = op {
            let mut all = after.each();
            let left = all.find(|(_, row)| row.get("user") == Some(&id.user.into()));
            assert_eq!(left, None, "{op:?}");
            return;
        }
        let is_user = matches!(op, Op::Call { method: "retention.erase", args } if args["id"].as_str().unwrap().parse::<UserId>().is_ok());
        for table in before.changed(&after).into_iter().filter(|_| !is_user) {
            assert!(may_change(op).contains(&table), "{op:?} changed {table}");
        }
        let Op::Call { method, args } = op else {
            return;
        };
        if *method == "retention.erase" {
            let user = args["id"].as_str().unwrap().parse::<UserId>().ok();
            let left = after.each().find(|(_, row)| {
                row.get("construct") == Some(&args["id"])
                    || user.is_some_and(|user| row.get("user") == Some(&user.user.into()))
            });
            assert_eq!(left, None, "{op:?}");
            self.lead_transcripts(method, args, answer);
            return;
        }
        let mut users = before.differing(&after);
        users.retain(|user| !user.is_null());
        users.dedup();
        // The app takes everyone's jobs.
        let is_of_all = *method == "jobs.dequeue" || *method == "retention.run";
        assert!(users.len() < 2 || is_of_all, "{op:?} changed {users:?}");
        if let (Some(user), Some(changed)) = (args["userId"].as_str(), users.first()) {
            assert_eq!(user_number(user), *changed, "{op:?}");
        }
        check_effect(op, method, args, answer, &before, &after, now);
        if *method == "sessions.create" {
            let construct = after.find("construct", args["constructId"].as_str().unwrap());
            let context = text(&construct.unwrap()["context"]);
            self.add_transcript(answer, transcript, &context, now);
        }
        self.lead_transcripts(method, args, answer);
    }

    /// What a call does to the conversations that are transcripts.
    fn lead_transcripts(&mut self, method: &str, args: &Value, answer: &Value) {
        let rows = self.rooms.clone();
        match method {
            "sessions.delete" | "constructs.delete" | "retention.run" | "retention.erase" => {
                self.retain_transcripts(&|session| rows.find("session", session).is_ok());
            }
            "constructs.update" => {
                let (id, context) = (&answer["id"], text(&answer["context"]));
                self.move_transcripts(
                    &|session| {
                        let session = rows.find("session", session);
                        session.is_ok_and(|session| session["construct"] == *id)
                    },
                    &context,
                );
            }
            "contexts.rename" => {
                let of = |name: &str| args[name].as_str().unwrap();
                self.rename_context(of("userId"), of("name"), of("to"));
            }
            _ => {}
        }
    }
}

/// That the rows of a call are as it was asked for, and its answer tells of them.
fn check_effect(
    op: &Op,
    method: &str,
    args: &Value,
    answer: &Value,
    before: &RoomRows,
    after: &RoomRows,
    now: i64,
) {
    let table = match method {
        "uploads.publish" => "artifact",
        _ => table_of(method),
    };
    let mut made = after.table(table).filter(|row| {
        let mut known = before.table(table);
        !known.any(|known| known["id"] == row["id"])
    });
    let count = made.clone().count();
    let is_chart = method.starts_with("charts.");
    if let Some(id) = answer["id"].as_str().filter(|_| !is_chart) {
        let row = after.find(table, id).expect("what was answered is there");
        for (field, column) in [
            ("version", "version"),
            ("status", "status"),
            ("name", "name"),
            ("context", "context"),
            ("text", "text"),
            ("state", "state"),
            ("attempts", "attempts"),
            ("updatedAt", "updated_at"),
        ] {
            // A session's state is the app's own JSON.
            let is_told = answer.get(field).is_some() && !(table == "session" && field == "state");
            if is_told && row.contains_key(column) {
                assert_eq!(answer[field], row[column], "{op:?}: {column}");
            }
        }
        let is_kept = [".create", ".update"]
            .iter()
            .any(|end| method.ends_with(end));
        // What is merged keeps what it was where that says more.
        let is_kept = is_kept && args["onDuplicate"] != "merge";
        for (name, value) in args.as_object().unwrap() {
            if let Some(stored) = row.get(name).filter(|_| name != "version" && name != "id") {
                let is_same = stored == value || stored.as_str() == Some(&value.to_string());
                assert!(!is_kept || is_same, "{op:?}: {name} is {stored}");
            }
        }
        let was = before.find(table, id).ok();
        for (column, value) in was
            .filter(|_| method.ends_with(".update"))
            .into_iter()
            .flatten()
        {
            let is_asked = args.get(column).is_some() || column == "updated_at";
            assert!(is_asked || row[column] == *value, "{op:?} changed {column}");
        }
        if let Some(was) = was.filter(|was| was.contains_key("version") && *was != row) {
            let next = was["version"].as_i64().unwrap() + 1;
            assert_eq!(row["version"], next, "{op:?}");
        }
    }
    match method {
        "constructs.delete" | "sessions.delete" => {
            let id = &args["id"];
            let mut all = after.each();
            let names = ["construct", "session", "source", "target"];
            let left = all.find(|(_, row)| names.iter().any(|name| row.get(*name) == Some(id)));
            assert_eq!(left, None, "{op:?}");
        }
        "links.delete" | "artifacts.delete" | "learnings.delete" => {
            assert!(after.find(table, args["id"].as_str().unwrap()).is_err());
            let mut tags = after.table("learning_tag");
            assert!(!tags.any(|tag| tag["learning"] == args["id"]), "{op:?}");
        }
        "constructs.setStatus"
        | "sessions.suspend"
        | "sessions.resume"
        | "sessions.end"
        | "sessions.fail" => {
            let id = args["id"].as_str().unwrap();
            let of = |rows: &RoomRows| rows.find(table, id).unwrap()["status"].clone();
            let is_changed = of(before) != of(after);
            let events = |rows: &RoomRows| rows.table("timeline_event").count();
            assert_eq!(events(after) - events(before), usize::from(is_changed));
        }
        "metrics.recordAll" => {
            let wanted = args["metrics"].as_array().unwrap();
            let mut values: Vec<_> = made.map(|row| row["value"].as_f64().unwrap()).collect();
            values.sort_by(f64::total_cmp);
            let wanted = wanted
                .iter()
                .map(|metric| metric["value"].as_f64().unwrap());
            assert!(values.iter().copied().eq(wanted), "{op:?}: {values:?}");
        }
        "timeline.append" | "metrics.record" | "artifacts.create" => {
            let row = made.next().expect("it is there");
            let [session, construct] = ["sessionId", "constructId"].map(|name| &args[name]);
            assert!(session.is_null() || row["session"] == *session, "{op:?}");
            assert!(
                construct.is_null() || row["construct"] == *construct,
                "{op:?}"
            );
            assert_eq!(count, 1);
        }
        "contexts.rename" => {
            let user = user_number(args["userId"].as_str().unwrap());
            let (name, to) = (&args["name"], &args["to"]);
            for table in ["construct", "learning"] {
                let moved = before.table(table).cloned().map(|mut row| {
                    if row["user"] == user && row["context"] == *name {
                        row["context"] = to.clone();
                    }
                    row
                });
                assert!(after.table(table).cloned().eq(moved), "{op:?}: {table}");
            }
        }
        "jobs.dequeue" => {
            let is_held = |job: &&Row| job["lease_until"].as_i64() > Some(now);
            for held in before.table("job").filter(is_held) {
                let id = held["id"].as_str().unwrap();
                assert_eq!(after.find("job", id), Ok(held), "{op:?}");
            }
            for job in answer.as_array().unwrap() {
                let was = before.find("job", job["id"].as_str().unwrap()).unwrap();
                let is_free = was["state"] == "queued" && was["run_at"].as_i64() <= Some(now);
                let ran_out = was["state"] == "running" && was["lease_until"].as_i64() <= Some(now);
                assert!(
                    is_free || ran_out,
                    "{op:?} gave a job that is held: {was:?}"
                );
                assert_ne!(job["lease"], was["lease"]);
            }
        }
        _ => {}
    }
}

/// A time before which some of the ended jobs have ended.
fn jobs_ended(rows: &RoomRows) -> i64 {
    let ended = rows.table("job").filter_map(|job| job["ended_at"].as_i64());
    ended.min().map_or(0, |first| first + 1)
}

/// Chooses a call of the rooms.
pub fn choose(random: &mut Random, model: &Model, label: &str) -> Op {
    let rows = &model.rooms;
    let stale = i64::from(random.one_in(6));
    let user = random.pick(&model.users()).unwrap().id.to_string();
    let user = if random.one_in(20) {
        "us77".to_owned()
    } else {
        user
    };
    match random.below(8) {
        0 | 1 => return charts::choose(random, rows, &user, label),
        2 => return contents::choose(random, rows, &user, label),
        3 if random.one_in(2) => return letting_go::choose(random, model, &user),
        _ => {}
    }
    let mut one_of = |table: &str| {
        let all: Vec<&Row> = rows.table(table).collect();
        random.pick(&all)
    };
    let [
        construct,
        other,
        session,
        link,
        artifact,
        learning,
        job,
        in_use,
    ] = [
        "construct",
        "construct",
        "session",
        "construct_link",
        "artifact",
        "learning",
        "job",
        "context",
    ]
    .map(&mut one_of);
    let of_user = |mut args: Value| {
        args["userId"] = format!("us{:02}", args["userId"].as_i64().unwrap()).into();
        args
    };
    let ended_before = jobs_ended(rows);
    let context = random.pick(&["work", "home", "default"]).unwrap();
    let metadata = json!({ "n": random.below(1000) });
    let version = |row: &Row| row["version"].as_i64().unwrap() + stale;
    let id = |row: &Row| row["id"].clone();
    let call = |method, args| Op::Call { method, args };
    let number = i64::try_from(random.below(1000)).unwrap();
    // What has nothing to be done to makes something.
    let make = match random.below(3) {
        0 => call(
            "constructs.create",
            json!({ "userId": user, "type": "app", "name": label, "context": context, "metadata": metadata }),
        ),
        1 => call(
            "learnings.create",
            json!({
                "userId": user, "text": random.pick(&["boil it", "weigh it", "try it"]).unwrap(), "context": context,
                "tags": ["a", "b"], "confidence": 0.25,
                "onDuplicate": random.pick(&["refuse", "merge", "keep"]).unwrap(),
            }),
        ),
        _ => call(
            "jobs.enqueue",
            json!({
                "userId": user, "queue": "q", "payload": metadata, "priority": number % 3, "backoffMs": 5,
                "maxAttempts": 2, "key": random.one_in(2).then(|| format!("k{}", number % 3)),
            }),
        ),
    };
    let chosen = match (random.below(30), construct, session) {
        (0, Some(it), _) => Some(call(
            "constructs.update",
            json!({ "id": id(it), "version": version(it), "name": label, "context": context }),
        )),
        (1..4, Some(it), _) => {
            let all = ["provisioning", "ready", "failed", "suspended", "retired"];
            let mut status = random.pick(&all).unwrap();
            if !may_become("construct", &text(&it["status"]), status) {
                // Another chance, because most changes are not allowed.
                status = random.pick(&all).unwrap();
            }
            Some(call(
                "constructs.setStatus",
                json!({ "id": id(it), "status": status }),
            ))
        }
        (4, Some(it), _) if !it["deleted_at"].is_null() => {
            Some(call("constructs.restore", json!({ "id": id(it) })))
        }
        (4, Some(it), _) => Some(call("constructs.remove", json!({ "id": id(it) }))),
        (5, Some(it), _) => Some(call("constructs.delete", json!({ "id": id(it) }))),
        (6..8, Some(it), _) => Some(call(
            "sessions.create",
            json!({ "constructId": id(it), "name": label, "state": metadata }),
        )),
        (8, _, Some(it)) => Some(call(
            "sessions.update",
            json!({ "id": id(it), "version": version(it), "state": metadata }),
        )),
        (9..11, _, Some(it)) => {
            let all = ["sessions.suspend", "sessions.resume", "sessions.end", "sessions.fail"];
            Some(call(random.pick(&all).unwrap(), json!({ "id": id(it) })))
        }
        (11, _, Some(it)) => Some(call("sessions.delete", json!({ "id": id(it) }))),
        (12 | 29, Some(from), _) => rows
            .table("construct")
            .find(|it| it["user"] == from["user"] && it["id"] != from["id"] && !random.one_in(3))
            .or(other)
            .map(|to| {
            call(
                "links.create",
                json!({ "from": id(from), "to": id(to), "kind": "follows", "metadata": metadata }),
            )
        }),
        (13 | 20, ..) if link.is_some() => link.map(|it| {
            if random.one_in(3) {
                return call("links.delete", json!({ "id": id(it) }));
            }
            let args = json!({ "id": id(it), "version": version(it), "metadata": metadata });
            call("links.update", args)
        }),
        (14, Some(it), _) => Some(call(
            "artifacts.create",
            json!({ "constructId": id(it), "kind": "plan", "name": format!("plan {label}"), "size": number }),
        )),
        (15, ..) => artifact.map(|it| {
            if random.one_in(2) {
                return call("artifacts.delete", json!({ "id": id(it) }));
            }
            let name = format!("plan {label}");
            let args = json!({ "id": id(it), "version": version(it), "name": name });
            call("artifacts.update", args)
        }),
        (16..18, _, Some(it)) => Some(call(
            "timeline.append",
            json!({ "sessionId": id(it), "kind": "note", "data": metadata, "at": number }),
        )),
        (18, Some(it), _) => Some(call(
            "metrics.record",
            json!({ "constructId": id(it), "name": "ms", "value": 0.1, "labels": { "of": "it" } }),
        )),
        (19, ..) => {
            let of = |value: f64| json!({ "userId": user, "name": "ms", "value": value });
            Some(call(
                "metrics.recordAll",
                json!({ "metrics": [of(-1e-7), of(0.3), of(7.0)] }),
            ))
        }
        (20, ..) => learning.map(|it| {
            if random.one_in(3) {
                return call("learnings.delete", json!({ "id": id(it) }));
            }
            let args = json!({ "id": id(it), "version": version(it), "tags": ["b", "c"], "confidence": 0.75 });
            call("learnings.update", args)
        }),
        (21..23, ..) => Some(call(
            "jobs.dequeue",
            json!({ "queue": "q", "limit": 2, "leaseMs": 1 + random.below(40) }),
        )),
        (23..26, ..) => job.map(|it| {
            let lease = it["lease"].as_str().unwrap_or("none");
            let held = json!({ "id": id(it), "lease": lease });
            let one = json!({ "id": id(it) });
            let has_ended = !it["ended_at"].is_null();
            match random.below(6) {
                0..3 if has_ended => call("jobs.revive", one),
                0 => call("jobs.renew", held),
                1 => call("jobs.complete", held),
                2 => call(
                    "jobs.fail",
                    json!({ "id": id(it), "lease": lease, "error": label }),
                ),
                3 => call("jobs.release", held),
                4 => call("jobs.cancel", one),
                _ => call("jobs.removeEnded", json!({ "userId": user, "endedBefore": ended_before })),
            }
        }),
        (26..28, ..) => Some(match (random.below(4), in_use) {
            (0, Some(it)) => {
                let args = json!({ "userId": it["user"], "name": it["name"], "to": context });
                call("contexts.rename", of_user(args))
            }
            (1, Some(it)) => {
                let args = json!({ "userId": it["user"], "name": it["name"] });
                call("contexts.delete", of_user(args))
            }
            (2, _) => call(
                "contexts.delete",
                json!({ "userId": user, "name": "spare" }),
            ),
            _ => call("contexts.create", json!({ "userId": user, "name": "spare" })),
        }),
        (28, ..) => Some(if random.one_in(3) {
            call("settings.remove", json!({ "name": "theme" }))
        } else {
            call("settings.set", json!({ "name": "theme", "value": metadata }))
        }),
        _ => None,
    };
    chosen.unwrap_or(make)
}

//! Retention: policies that say which records are let go of when, rehearsed before they run, and run in slices.

use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use super::charts::chart::ChartRef;
use super::conversations::{self, ConversationStatus};
use super::page::{self, Cursor, Page};
use super::{artifacts, charts, check_label, check_version, constructs, jobs, learnings, uploads};
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::{Tx, View};

/// What becomes of a record that has come of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum RetentionAction {
    /// It is put away: listed only when asked for.
    Archive,
    /// It is deleted so that it can be restored.
    Remove,
    /// It is deleted for good, with everything below it.
    Delete,
}

impl RetentionAction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Remove => "remove",
            Self::Delete => "delete",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        match name {
            "archive" => Ok(Self::Archive),
            "remove" => Ok(Self::Remove),
            "delete" => Ok(Self::Delete),
            _ => Err(Error::corrupt("a stored retention action is unknown")),
        }
    }
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicy {
    /// Its number, from 1.
    pub policy: i64,
    /// The user whose records it is for; absent on the app's own, which are for every user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Which records: `conversations`, `constructs`, `learnings`, `jobs` (those that have ended) or `charts` (complete ones that
    /// hang below no other, each with every chart below it).
    pub kind: String,
    /// Only those in this context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Only those with this status; soft-deleted ones have the status `removed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How long ago a record must have changed last, in milliseconds.
    pub age_ms: i64,
    /// How many of each user's records that fit are kept however old they are, the newest ones.
    pub keep: i64,
    /// What becomes of the others.
    pub action: RetentionAction,
    /// Whether it runs by itself, once a day.
    pub enabled: bool,
    /// Grows by one with every update.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
    /// When it last ran to its end, in milliseconds since 1970-01-01 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<i64>,
    /// How many records it has let go of since it was made.
    pub run_count: i64,
}

/// What a new policy is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRetentionPolicy {
    /// The user whose records it is for; by default every user's, or in a view of one user that user's.
    pub user_id: Option<UserId>,
    /// Which records: `conversations`, `constructs`, `learnings`, `jobs` (those that have ended) or `charts` (complete ones that
    /// hang below no other, each with every chart below it).
    pub kind: String,
    /// Only those in this context; jobs are in none.
    pub context: Option<String>,
    /// Only those with this status: `active`, `archived` or `removed` conversations, constructs by their status or `removed`,
    /// `done`, `dead` or `cancelled` jobs, `completed` or `archived` charts; learnings have none.
    pub status: Option<String>,
    /// How long ago a record must have changed last, in milliseconds.
    pub age_ms: i64,
    /// How many of each user's records that fit are kept in any case; none by default.
    pub keep: Option<i64>,
    /// What becomes of the others.
    pub action: RetentionAction,
    /// Whether it runs by itself, once a day; it does by default.
    pub enabled: Option<bool>,
}

/// Changes to a policy; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionPolicyUpdate {
    /// The policy.
    pub policy: i64,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// A new age, in milliseconds.
    pub age_ms: Option<i64>,
    /// How many are kept in any case.
    pub keep: Option<i64>,
    /// What becomes of the others.
    pub action: Option<RetentionAction>,
    /// Whether it runs by itself.
    pub enabled: Option<bool>,
}

/// Names a policy.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionPolicyRef {
    /// The policy.
    pub policy: i64,
}

/// Which policies to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionPolicyList {
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Runs a slice of a policy, or rehearses it.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionRun {
    /// The policy.
    pub policy: i64,
    /// How many records at most: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
}

/// What a policy does, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RetentionReport {
    /// The ids of the records. That of a chart comes with its user and context: `us01/work/chart_7`.
    pub ids: Vec<String>,
    /// What becomes of them.
    pub action: RetentionAction,
    /// Whether there are more.
    pub more: bool,
}

/// The records that policies are for.
struct Kind {
    name: &'static str,
    table: &'static str,
    /// The column that, beside the user, names a record.
    key: &'static str,
    /// The column with the time that a record's age counts from.
    at: &'static str,
    /// Which rows of the table are such records; all without a condition.
    only: &'static [&'static str],
    /// Whether they are in a context.
    in_context: bool,
    /// What the status of a record is.
    status: &'static str,
    /// What it can be; nothing where records have none.
    statuses: &'static [&'static str],
    actions: &'static [RetentionAction],
}

const KINDS: &[Kind] = &[
    Kind {
        name: "conversations",
        table: "conversation",
        key: "conversation",
        at: "updated_at",
        only: &[],
        in_context: true,
        status: "CASE WHEN deleted_at IS NULL THEN status ELSE 'removed' END",
        statuses: &["active", "archived", "removed"],
        actions: &[
            RetentionAction::Archive,
            RetentionAction::Remove,
            RetentionAction::Delete,
        ],
    },
    Kind {
        name: "constructs",
        table: "construct",
        key: "construct",
        at: "updated_at",
        only: &[],
        in_context: true,
        status: "CASE WHEN deleted_at IS NULL THEN status ELSE 'removed' END",
        statuses: &[
            "pending",
            "provisioning",
            "ready",
            "failed",
            "suspended",
            "retired",
            "removed",
        ],
        actions: &[RetentionAction::Remove, RetentionAction::Delete],
    },
    Kind {
        name: "learnings",
        table: "learning",
        key: "learning",
        at: "updated_at",
        only: &[],
        in_context: true,
        status: "'kept'",
        statuses: &[],
        actions: &[RetentionAction::Delete],
    },
    Kind {
        name: "jobs",
        table: "job",
        key: "job",
        at: "ended_at",
        only: &["ended_at IS NOT NULL"],
        in_context: false,
        status: "state",
        statuses: &["done", "dead", "cancelled"],
        actions: &[RetentionAction::Delete],
    },
    Kind {
        name: "artifacts",
        table: "artifact",
        key: "artifact",
        at: "created_at",
        only: &[],
        in_context: false,
        status: "'kept'",
        statuses: &[],
        actions: &[RetentionAction::Delete],
    },
    Kind {
        name: "uploads",
        table: "upload",
        key: "upload",
        at: "created_at",
        only: &[],
        in_context: false,
        status: "state",
        statuses: &["pending", "uploading", "stored", "failed", "published"],
        actions: &[RetentionAction::Delete],
    },
    Kind {
        name: "charts",
        table: "entity AS h",
        key: "id",
        at: "updated_at",
        only: charts::ENDED,
        in_context: true,
        status: "CASE WHEN archived THEN 'archived' ELSE 'completed' END",
        statuses: &["completed", "archived"],
        actions: &[RetentionAction::Archive, RetentionAction::Delete],
    },
];

const COLUMNS: &str = "policy, user, kind, context, status, age_ms, keep, action, enabled, version,
    created_at, updated_at, run_at, run_count";

fn read(row: &rusqlite::Row<'_>) -> Result<RetentionPolicy> {
    let user: Option<i64> = row.get(1)?;
    let action = row.get_ref(7)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(RetentionPolicy {
        policy: row.get(0)?,
        user_id: user.map(|user| UserId { user }),
        kind: row.get(2)?,
        context: row.get(3)?,
        status: row.get(4)?,
        age_ms: row.get(5)?,
        keep: row.get(6)?,
        action: RetentionAction::parse(action)?,
        enabled: row.get(8)?,
        version: row.get(9)?,
        created_at: row.get(10)?,
        updated_at: row.get(11)?,
        run_at: row.get(12)?,
        run_count: row.get(13)?,
    })
}

fn kind_of(name: &str) -> Result<&'static Kind> {
    let known = KINDS.iter().find(|kind| kind.name == name);
    known.ok_or_else(|| Error::invalid(format!("there is no retention of {name:?}")))
}

fn check(kind: &str, age_ms: i64, keep: i64, action: RetentionAction) -> Result<()> {
    if !kind_of(kind)?.actions.contains(&action) {
        return Err(Error::invalid(format!(
            "{kind} cannot be let go of by {}",
            action.as_str()
        )));
    }
    if age_ms < 0 || keep < 0 {
        return Err(Error::invalid("an age and a count are not negative"));
    }
    Ok(())
}

fn check_filters(kind: &Kind, new: &NewRetentionPolicy) -> Result<()> {
    if let Some(context) = &new.context {
        check_label("the context", context)?;
        if !kind.in_context {
            return Err(Error::invalid(format!("{} are in no context", kind.name)));
        }
    }
    match &new.status {
        Some(status) if !kind.statuses.contains(&status.as_str()) => Err(Error::invalid(format!(
            "{} have no status {status:?}",
            kind.name
        ))),
        _ => Ok(()),
    }
}

/// Creates a policy.
pub fn create(tx: &Tx<'_>, new: &NewRetentionPolicy) -> Result<RetentionPolicy> {
    let user = new.user_id.or(tx.scope());
    user.map_or(Ok(()), |user| tx.admit(user))?;
    let keep = new.keep.unwrap_or(0);
    check(&new.kind, new.age_ms, keep, new.action)?;
    check_filters(kind_of(&new.kind)?, new)?;
    let mut insert = tx.prepare(
        "INSERT INTO retention_policy (user, kind, context, status, age_ms, keep, action, enabled, version,
                                       created_at, updated_at, run_count)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?9, 0)",
    )?;
    let policy = insert.insert((
        user.map(|user| user.user),
        &new.kind,
        &new.context,
        &new.status,
        new.age_ms,
        keep,
        new.action.as_str(),
        new.enabled.unwrap_or(true),
        tx.now_ms(),
    ))?;
    get(tx, policy)
}

/// Reads a policy. A view of one user has that user's own.
pub fn get(view: &View<'_>, policy: i64) -> Result<RetentionPolicy> {
    let sql = format!("SELECT {COLUMNS} FROM retention_policy WHERE policy = ?1");
    let mut statement = view.prepare(&sql)?;
    let mut rows = statement.query([policy])?;
    let found = rows.next()?.map(read).transpose()?;
    let admitted = found.filter(|found| view.scope().is_none() || found.user_id == view.scope());
    admitted.ok_or_else(|| Error::not_found("retention policy", policy))
}

/// Lists policies in the order they were made: all of them, or in a view of one user that user's own.
pub fn list(view: &View<'_>, query: &RetentionPolicyList) -> Result<Page<RetentionPolicy>> {
    let limit = page::limit(query.limit)?;
    let [after] = Cursor::decode("policies", query.cursor.as_deref())?.unwrap_or([0]);
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM retention_policy WHERE policy > ?1 AND (?2 IS NULL OR user = ?2) ORDER BY policy LIMIT ?3"
    ))?;
    let mut rows = statement.query((after, view.scope().map(|scope| scope.user), limit + 1))?;
    let mut policies = Vec::new();
    while let Some(row) = rows.next()? {
        policies.push(read(row)?);
    }
    Ok(page::cut(policies, limit, |last| {
        Cursor::encode("policies", &[last.policy])
    }))
}

/// Changes a policy.
pub fn update(tx: &Tx<'_>, change: &RetentionPolicyUpdate) -> Result<RetentionPolicy> {
    let current = get(tx, change.policy)?;
    check_version("retention policy", change.version, current.version)?;
    let age_ms = change.age_ms.unwrap_or(current.age_ms);
    let keep = change.keep.unwrap_or(current.keep);
    let action = change.action.unwrap_or(current.action);
    check(&current.kind, age_ms, keep, action)?;
    tx.execute(
        "UPDATE retention_policy SET age_ms = ?2, keep = ?3, action = ?4, enabled = ?5, version = version + 1, updated_at = ?6
         WHERE policy = ?1",
        (
            change.policy,
            age_ms,
            keep,
            action.as_str(),
            change.enabled.unwrap_or(current.enabled),
            tx.now_ms(),
        ),
    )?;
    get(tx, change.policy)
}

/// Removes a policy; what it did stays done.
pub fn remove(tx: &Tx<'_>, policy: i64) -> Result<()> {
    get(tx, policy)?;
    tx.execute("DELETE FROM retention_policy WHERE policy = ?1", [policy])?;
    Ok(())
}

/// Says what a policy would do next, and changes nothing; a transaction only for its time.
pub fn rehearse(tx: &Tx<'_>, run: &RetentionRun) -> Result<RetentionReport> {
    let policy = get(tx, run.policy)?;
    let due = due(tx, &policy, page::limit(run.limit)?, tx.now_ms())?;
    Ok(report(&policy, &due))
}

/// Lets go of some records that a policy is for.
pub fn run(tx: &Tx<'_>, run: &RetentionRun) -> Result<RetentionReport> {
    let policy = get(tx, run.policy)?;
    let due = due(tx, &policy, page::limit(run.limit)?, tx.now_ms())?;
    for record in &due.records {
        record.let_go(tx, policy.action)?;
    }
    let ended = if due.more {
        policy.run_at
    } else {
        Some(tx.now_ms())
    };
    tx.execute(
        "UPDATE retention_policy SET run_at = ?2, run_count = run_count + ?3 WHERE policy = ?1",
        (policy.policy, ended, due.records.len()),
    )?;
    Ok(report(&policy, &due))
}

/// A policy that runs by itself and has not run to its end since `since_ms`, if there is one.
pub fn next_due(view: &View<'_>, since_ms: i64) -> Result<Option<i64>> {
    let mut statement = view.prepare(
        "SELECT policy FROM retention_policy WHERE enabled = 1 AND (run_at IS NULL OR run_at < ?1) ORDER BY policy LIMIT 1",
    )?;
    let mut rows = statement.query([since_ms])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// What a policy would delete now.
pub struct ToDelete {
    /// The policy.
    pub policy: i64,
    /// What its records are, as policies call them.
    pub kind: &'static str,
    /// The ids of the first of them.
    pub ids: Vec<String>,
}

/// What the first policy behind a number that deletes by itself would delete now.
pub fn next_to_delete(
    view: &View<'_>,
    after: i64,
    limit: usize,
    now_ms: i64,
) -> Result<Option<ToDelete>> {
    let mut statement = view.prepare(
        "SELECT policy FROM retention_policy WHERE policy > ?1 AND enabled = 1 AND action = 'delete' ORDER BY policy LIMIT 1",
    )?;
    let mut rows = statement.query([after])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let policy = get(view, row.get(0)?)?;
    let due = due(view, &policy, limit, now_ms)?;
    Ok(Some(ToDelete {
        policy: policy.policy,
        kind: kind_of(&policy.kind)?.name,
        ids: report(&policy, &due).ids,
    }))
}

/// Records that have come of age.
struct Due {
    records: Vec<Aged>,
    more: bool,
}

/// A record that has come of age.
enum Aged {
    Conversation(ConversationId),
    Construct(String),
    Learning(String),
    Job(String),
    Artifact(String),
    Upload(String),
    Chart(ChartRef),
}

impl Aged {
    fn read(view: &View<'_>, kind: &Kind, user: i64, key: Value) -> Result<Self> {
        Ok(match (kind.name, key) {
            ("conversations", Value::Integer(conversation)) => {
                Self::Conversation(ConversationId { user, conversation })
            }
            ("constructs", Value::Text(id)) => Self::Construct(id),
            ("learnings", Value::Text(id)) => Self::Learning(id),
            ("jobs", Value::Text(id)) => Self::Job(id),
            ("artifacts", Value::Text(id)) => Self::Artifact(id),
            ("uploads", Value::Text(id)) => Self::Upload(id),
            ("charts", Value::Text(entity)) => Self::Chart(charts::standing_for(view, &entity)?),
            _ => return Err(Error::corrupt("a stored record has no key")),
        })
    }

    fn id(&self) -> String {
        match self {
            Self::Conversation(id) => id.to_string(),
            Self::Construct(id)
            | Self::Learning(id)
            | Self::Job(id)
            | Self::Artifact(id)
            | Self::Upload(id) => id.clone(),
            Self::Chart(chart) => {
                let user = chart.user_id.map(|user| user.to_string());
                let context = chart.context.as_deref().unwrap_or_default();
                format!("{}/{context}/{}", user.unwrap_or_default(), chart.chart)
            }
        }
    }

    fn let_go(&self, tx: &Tx<'_>, action: RetentionAction) -> Result<()> {
        match (self, action) {
            (Self::Conversation(id), RetentionAction::Archive) => {
                conversations::set_status(tx, *id, ConversationStatus::Archived).map(|_| ())
            }
            (Self::Conversation(id), RetentionAction::Remove) => {
                conversations::soft_delete(tx, *id).map(|_| ())
            }
            (Self::Conversation(id), RetentionAction::Delete) => conversations::delete(tx, *id),
            (Self::Construct(id), RetentionAction::Remove) => {
                constructs::soft_delete(tx, id).map(|_| ())
            }
            (Self::Construct(id), RetentionAction::Delete) => constructs::delete(tx, id),
            (Self::Learning(id), RetentionAction::Delete) => learnings::delete(tx, id),
            (Self::Job(id), RetentionAction::Delete) => jobs::remove(tx, id),
            (Self::Artifact(id), RetentionAction::Delete) => artifacts::delete(tx, id),
            (Self::Upload(id), RetentionAction::Delete) => uploads::delete(tx, id),
            (Self::Chart(chart), RetentionAction::Archive) => charts::let_go(tx, chart, true),
            (Self::Chart(chart), RetentionAction::Delete) => charts::let_go(tx, chart, false),
            (_, action) => Err(Error::corrupt(format!(
                "a stored policy lets go by {}",
                action.as_str()
            ))),
        }
    }
}

fn report(policy: &RetentionPolicy, due: &Due) -> RetentionReport {
    RetentionReport {
        ids: due.records.iter().map(Aged::id).collect(),
        action: policy.action,
        more: due.more,
    }
}

/// Finds records that a policy is for, oldest first, user by user.
fn due(view: &View<'_>, policy: &RetentionPolicy, limit: usize, now_ms: i64) -> Result<Due> {
    let kind = kind_of(&policy.kind)?;
    let users = match policy.user_id {
        Some(user) => vec![user.user],
        None => view
            .prepare("SELECT user FROM user ORDER BY user")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?,
    };
    let before = now_ms.saturating_sub(policy.age_ms);
    let mut records = Vec::new();
    for user in users {
        let wanted = limit + 1 - records.len();
        records.extend(due_of(view, kind, policy, user, before, wanted)?);
        if records.len() > limit {
            records.truncate(limit);
            return Ok(Due {
                records,
                more: true,
            });
        }
    }
    Ok(Due {
        records,
        more: false,
    })
}

fn due_of(
    view: &View<'_>,
    kind: &Kind,
    policy: &RetentionPolicy,
    user: i64,
    before: i64,
    limit: usize,
) -> Result<Vec<Aged>> {
    let Kind {
        table,
        key,
        at,
        status,
        ..
    } = kind;
    let context = if kind.in_context { "context" } else { "NULL" };
    let mut fits = format!(
        "user = ?1 AND (?2 IS NULL OR {context} = ?2) AND ({status}) IS coalesce(?3, ({status})) AND instr(?4, ({status})) = 0"
    );
    for condition in kind.only {
        fits.push_str(" AND ");
        fits.push_str(condition);
    }
    // What it has been done to already is left alone.
    let done = match policy.action {
        RetentionAction::Archive => "archived removed",
        RetentionAction::Remove => "removed",
        RetentionAction::Delete => "",
    };
    let mut newest_kept = (i64::MAX, Value::Null);
    if policy.keep > 0 {
        let mut statement = view.prepare(&format!(
            "SELECT {at}, {key} FROM {table} WHERE {fits}
             ORDER BY {at} DESC, {key} DESC LIMIT 1 OFFSET ?5"
        ))?;
        let mut rows =
            statement.query((user, &policy.context, &policy.status, done, policy.keep - 1))?;
        let Some(row) = rows.next()? else {
            return Ok(Vec::new());
        };
        newest_kept = (row.get(0)?, row.get(1)?);
    }
    let mut statement = view.prepare(&format!(
        "SELECT {key} FROM {table} WHERE {fits} AND {at} < ?5
           AND (?7 IS NULL OR ({at}, {key}) < (?6, ?7))
         ORDER BY {at}, {key} LIMIT ?8"
    ))?;
    let mut rows = statement.query((
        user,
        &policy.context,
        &policy.status,
        done,
        before,
        newest_kept.0,
        newest_kept.1,
        limit,
    ))?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(Aged::read(view, kind, user, row.get(0)?)?);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::disk::memory::MemoryDisk;
    use crate::disk::ready;
    use crate::host::ManualHost;
    use crate::store::{Caller, Options, Store, asked};

    #[test]
    fn every_kind_is_read_by_an_index_of_its_times() {
        let host = Rc::new(ManualHost::new(1));
        let disk = Rc::new(MemoryDisk::default());
        let mut store = ready(Store::open(disk, host, Options::default())).unwrap();
        for (kind, index) in KINDS.iter().zip([
            "conversation_by_update",
            "construct_by_update",
            "learning_by_update",
            "job_ended",
            "artifact_by_creation",
            "upload_by_creation",
            "chart_by_update",
        ]) {
            let policy = RetentionPolicy {
                policy: 1,
                user_id: None,
                kind: kind.name.to_owned(),
                context: None,
                status: None,
                age_ms: 0,
                keep: 1,
                action: RetentionAction::Delete,
                enabled: true,
                version: 1,
                created_at: 0,
                updated_at: 0,
                run_at: None,
                run_count: 0,
            };
            for keep in [0, 1] {
                let policy = RetentionPolicy {
                    keep,
                    ..policy.clone()
                };
                let plan = store.read(Caller::default(), |view| {
                    asked::take();
                    due_of(view, kind, &policy, 1, 5, 50)?;
                    let [sql] = &asked::take()[..] else {
                        panic!("one statement, for there is nothing to keep");
                    };
                    asked::plan(view, sql)
                });
                let plan = plan.unwrap().join("; ");
                assert!(plan.contains(&format!("INDEX {index} (")), "{plan}");
                assert!(!plan.contains("SCAN"), "{plan}");
            }
        }
    }
}

//! Contexts: work, personal, learning, …: a user's domains of life, kept apart.
//!
//! A context is there once a record goes to it. A record is in exactly one, and stays in its user's.

use serde::{Deserialize, Serialize};

use super::{charts, check_label, from_json, owner, settings};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// Where records go when nothing says otherwise.
pub const DEFAULT: &str = "default";

/// The setting, of a user or of the app, that names the context of records without a choice of their own.
pub const SETTING: &str = "context";

/// The tables whose records are in a context, by the name that counts them, and the index that finds those of one.
const KINDS: &[(&str, &str, &str)] = &[
    ("conversations", "conversation", "conversation_by_context"),
    ("learnings", "learning", "learning_by_context"),
    ("constructs", "construct", "construct_by_context"),
    ("entities", "entity", "entity_by_position"),
    ("relations", "relation", "relation_by_position"),
    ("chartLines", "chart_line", "chart_line_by_position"),
];

/// A context and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// Its name.
    pub name: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// How many records of each kind are in it.
    pub counts: Vec<ContextCount>,
    /// When it was first needed, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
}

/// How many records of a kind are in a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ContextCount {
    /// The kind, as its group is called: `conversations`.
    pub kind: String,
    /// How many, deleted ones that can be restored included.
    pub count: i64,
}

/// Names a context.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContextRef {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Its name.
    pub name: String,
}

/// Whose contexts to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContextList {
    /// The user. A view of one user may leave it out.
    pub user_id: Option<UserId>,
}

/// Moves everything in one context to another.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContextRename {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Its name now.
    pub name: String,
    /// Its name then; one that is there already takes its records in.
    pub to: String,
}

/// The most contexts of one user.
const MAX_CONTEXTS: i64 = 1000;

/// The context of a new record, which is created when it is first needed: the one that was `named`, else the `inherited`
/// one of its construct or conversation, else what the user's or the app's setting says, else the default.
pub fn route(
    tx: &Tx<'_>,
    user: UserId,
    named: Option<&str>,
    inherited: Option<&str>,
) -> Result<String> {
    let name = match named.or(inherited) {
        Some(name) => name.to_owned(),
        None => configured(tx, user)?.unwrap_or_else(|| DEFAULT.to_owned()),
    };
    ensure(tx, user, &name)?;
    Ok(name)
}

/// The context that a call means: the one that is named, else the configured one. It need not be there.
pub(super) fn current(view: &View<'_>, user: UserId, named: Option<&str>) -> Result<String> {
    match named {
        Some(name) => Ok(name.to_owned()),
        None => Ok(configured(view, user)?.unwrap_or_else(|| DEFAULT.to_owned())),
    }
}

/// The condition on a record's column `context` that a list's filter stands for, and what to bind to its `parameter`.
pub(super) fn filter(contexts: Option<&[String]>, parameter: &str) -> (String, Option<String>) {
    match contexts {
        None => (format!("{parameter} IS NULL"), None),
        Some([one]) => (format!("context = {parameter}"), Some(one.clone())),
        Some(several) => {
            let names = serde_json::Value::from(several).to_string();
            let condition = format!("context IN (SELECT value FROM json_each({parameter}))");
            (condition, Some(names))
        }
    }
}

fn configured(view: &View<'_>, user: UserId) -> Result<Option<String>> {
    let setting = match settings::read(view, Some(user), SETTING)? {
        None => settings::read(view, None, SETTING)?,
        some => some,
    };
    let name = setting.map(|setting| from_json("context's name", setting.value.get()));
    name.transpose()
        .map_err(|error| Error::invalid("the setting `context` is not a name").caused_by(error))
}

fn ensure(tx: &Tx<'_>, user: UserId, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid("a context needs a name"));
    }
    check_label("the context's name", name)?;
    let there = exists(tx, user, name)?;
    if there {
        return Ok(());
    }
    let count: i64 = tx
        .prepare("SELECT count(*) FROM context WHERE user = ?1")?
        .query_row([user.user], |row| row.get(0))?;
    if count >= MAX_CONTEXTS {
        return Err(Error::invalid(format!(
            "a user has at most {MAX_CONTEXTS} contexts"
        )));
    }
    tx.execute(
        "INSERT INTO context (user, name, created_at) VALUES (?1, ?2, ?3)",
        (user.user, name, tx.now_ms()),
    )?;
    Ok(())
}

fn exists(view: &View<'_>, user: UserId, name: &str) -> Result<bool> {
    let mut statement = view.prepare("SELECT 1 FROM context WHERE user = ?1 AND name = ?2")?;
    Ok(statement.exists((user.user, name))?)
}

/// Creates a context, so that it is listed before anything is in it; doing so twice is doing so once.
pub fn create(tx: &Tx<'_>, context: &ContextRef) -> Result<Context> {
    let user = owner(tx, context.user_id)?;
    ensure(tx, user, &context.name)?;
    get(tx, context)
}

/// Reads a context.
pub fn get(view: &View<'_>, context: &ContextRef) -> Result<Context> {
    let user = owner(view, context.user_id)?;
    let mut statement =
        view.prepare("SELECT created_at FROM context WHERE user = ?1 AND name = ?2")?;
    let mut rows = statement.query((user.user, &context.name))?;
    let row = rows
        .next()?
        .ok_or_else(|| Error::not_found("context", &context.name))?;
    with_counts(view, user, context.name.clone(), row.get(0)?)
}

fn with_counts(view: &View<'_>, user: UserId, name: String, created_at: i64) -> Result<Context> {
    let mut counts = Vec::with_capacity(KINDS.len());
    for (kind, table, _) in KINDS {
        let mut count = view.prepare(&format!(
            "SELECT count(*) FROM {table} WHERE user = ?1 AND context = ?2"
        ))?;
        counts.push(ContextCount {
            kind: (*kind).to_owned(),
            count: count.query_row((user.user, &name), |row| row.get(0))?,
        });
    }
    Ok(Context {
        name,
        user_id: user,
        counts,
        created_at,
    })
}

/// Lists a user's contexts by name.
pub fn list(view: &View<'_>, query: &ContextList) -> Result<Vec<Context>> {
    let user = owner(view, query.user_id)?;
    let mut statement =
        view.prepare("SELECT name, created_at FROM context WHERE user = ?1 ORDER BY name")?;
    let mut rows = statement.query([user.user])?;
    let mut contexts = Vec::new();
    while let Some(row) = rows.next()? {
        contexts.push(with_counts(view, user, row.get(0)?, row.get(1)?)?);
    }
    Ok(contexts)
}

/// Gives a context another name, or moves all its records to one that is there already.
///
/// # Errors
/// `conflict` when the charts of both share a name.
pub fn rename(tx: &Tx<'_>, change: &ContextRename) -> Result<Context> {
    let user = owner(tx, change.user_id)?;
    if !exists(tx, user, &change.name)? {
        return Err(Error::not_found("context", &change.name));
    }
    let to = ContextRef {
        user_id: Some(user),
        name: change.to.clone(),
    };
    if change.name == change.to {
        return get(tx, &to);
    }
    ensure(tx, user, &change.to)?;
    charts::merge(tx, user, &change.name, &change.to)?;
    for (_, table, index) in KINDS {
        tx.execute(
            &format!("UPDATE {table} INDEXED BY {index} SET context = ?3 WHERE user = ?1 AND context = ?2"),
            (user.user, &change.name, &change.to),
        )?;
    }
    remove(tx, user, &change.name)?;
    get(tx, &to)
}

/// Deletes an empty context.
///
/// # Errors
/// `conflict` while anything is in it.
pub fn delete(tx: &Tx<'_>, context: &ContextRef) -> Result<()> {
    let found = get(tx, context)?;
    if let Some(used) = found.counts.iter().find(|count| count.count > 0) {
        return Err(Error::new(
            Code::Conflict,
            format!(
                "{} {} are in the context {}",
                used.count, used.kind, found.name
            ),
        ));
    }
    charts::forget(tx, found.user_id, &found.name)?;
    remove(tx, found.user_id, &found.name)
}

fn remove(tx: &Tx<'_>, user: UserId, name: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM context WHERE user = ?1 AND name = ?2",
        (user.user, name),
    )?;
    Ok(())
}

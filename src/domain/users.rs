//! Users: the people whose records these are.

use serde::{Deserialize, Serialize};

use super::page::{self, Cursor, Page};
use super::{Metadata, check_label, check_version, from_json, next_number, to_json};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The readable id, such as `us01`.
    pub id: UserId,
    /// The UUIDv7 that names the same user on another device.
    pub uuid: String,
    /// The name shown to people.
    pub name: String,
    /// The app's own fields.
    pub metadata: Metadata,
    /// Grows by one with every update.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// What a new user is made of.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUser {
    /// The name shown to people.
    pub name: String,
    /// The app's own fields; none by default.
    pub metadata: Option<Metadata>,
}

/// Names one user.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserRef {
    /// The user.
    pub id: UserId,
}

/// Changes to a user; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserUpdate {
    /// The user.
    pub id: UserId,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// A new name.
    pub name: Option<String>,
    /// New fields, replacing all of the old.
    pub metadata: Option<Metadata>,
}

/// Which users to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserList {
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

const COLUMNS: &str = "user, uuid, name, metadata, version, created_at, updated_at";

fn read(row: &rusqlite::Row<'_>) -> Result<User> {
    Ok(User {
        id: UserId { user: row.get(0)? },
        uuid: row.get(1)?,
        name: row.get(2)?,
        metadata: from_json(
            "metadata",
            row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?,
        )?,
        version: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

/// Creates a user.
pub fn create(tx: &Tx<'_>, new: &NewUser) -> Result<User> {
    if tx.scope().is_some() {
        return Err(Error::invalid("a user's own view cannot create users"));
    }
    check_label("the name", &new.name)?;
    let metadata = to_json("the metadata", &new.metadata.clone().unwrap_or_default())?;
    let user = next_number(tx, "user")?;
    let now = tx.now_ms();
    tx.execute(
        "INSERT INTO user (user, uuid, name, metadata, next_conversation, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, 1, 1, ?5, ?5)",
        (user, tx.uuid(), &new.name, metadata, now),
    )?;
    get(tx, UserId { user })
}

/// Reads a user.
pub fn get(view: &View<'_>, id: UserId) -> Result<User> {
    view.admit(id)?;
    let mut statement = view.prepare(&format!("SELECT {COLUMNS} FROM user WHERE user = ?1"))?;
    let mut rows = statement.query([id.user])?;
    rows.next()?
        .map_or_else(|| Err(Error::not_found("user", id)), read)
}

/// Whether there is such a user.
pub(super) fn exists(view: &View<'_>, id: UserId) -> Result<bool> {
    let mut statement = view.prepare("SELECT 1 FROM user WHERE user = ?1")?;
    Ok(statement.exists([id.user])?)
}

/// Lists users in the order they were created.
pub fn list(view: &View<'_>, query: &UserList) -> Result<Page<User>> {
    let limit = page::limit(query.limit)?;
    let [after] = Cursor::decode("users", query.cursor.as_deref())?.unwrap_or([0]);
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM user WHERE user > ?1 AND (?2 IS NULL OR user = ?2) ORDER BY user LIMIT ?3"
    ))?;
    let mut rows = statement.query((after, view.scope().map(|scope| scope.user), limit + 1))?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(read(row)?);
    }
    Ok(page::cut(users, limit, |last| {
        Cursor::encode("users", &[last.id.user])
    }))
}

/// Changes a user.
pub fn update(tx: &Tx<'_>, change: &UserUpdate) -> Result<User> {
    let current = get(tx, change.id)?;
    check_version("user", change.version, current.version)?;
    let name = change.name.as_ref().unwrap_or(&current.name);
    check_label("the name", name)?;
    let metadata = to_json(
        "the metadata",
        change.metadata.as_ref().unwrap_or(&current.metadata),
    )?;
    tx.execute(
        "UPDATE user SET name = ?2, metadata = ?3, version = version + 1, updated_at = ?4 WHERE user = ?1",
        (change.id.user, name, metadata, tx.now_ms()),
    )?;
    get(tx, change.id)
}

/// Deletes a user with everything that is theirs.
pub fn delete(tx: &Tx<'_>, id: UserId) -> Result<()> {
    tx.admit(id)?;
    match tx.execute("DELETE FROM user WHERE user = ?1", [id.user])? {
        0 => Err(Error::not_found("user", id)),
        _ => Ok(()),
    }
}

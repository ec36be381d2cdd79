//! Settings: named JSON values of the app, or of one user.

use rusqlite::OptionalExtension as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Json, check_label, from_json, to_json};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// A setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Json,
    /// When it was last set, in milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// Names a setting.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingRef {
    /// The user whose setting it is; without one, the app's own. A view of one user has that user's alone.
    pub user_id: Option<UserId>,
    /// Its name.
    pub name: String,
}

/// Sets a setting.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingSet {
    /// The user whose setting it is; without one, the app's own. A view of one user has that user's alone.
    pub user_id: Option<UserId>,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Json,
}

/// Whose settings to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingList {
    /// The user; without one, the app. A view of one user has that user's alone.
    pub user_id: Option<UserId>,
}

/// The most settings of one owner.
const MAX_SETTINGS: i64 = 1000;

/// Whose settings are meant.
fn owner(view: &View<'_>, named: Option<UserId>) -> Result<Option<UserId>> {
    let owner = named.or(view.scope());
    owner.map_or(Ok(()), |user| view.admit(user))?;
    Ok(owner)
}

/// Sets a setting.
pub fn set(tx: &Tx<'_>, set: &SettingSet) -> Result<Setting> {
    let owner = owner(tx, set.user_id)?;
    check_label("the name", &set.name)?;
    let value = to_json("the value", &set.value)?;
    if read(tx, owner, &set.name)?.is_none() && count(tx, owner)? >= MAX_SETTINGS {
        return Err(Error::invalid(format!(
            "there are at most {MAX_SETTINGS} settings"
        )));
    }
    match owner {
        Some(user) => tx.execute(
            "INSERT INTO user_setting (user, name, value, updated_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (user, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            (user.user, &set.name, value, tx.now_ms()),
        )?,
        None => tx.execute(
            "INSERT INTO setting (name, value, updated_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            (&set.name, value, tx.now_ms()),
        )?,
    };
    Ok(Setting {
        name: set.name.clone(),
        value: set.value.clone(),
        updated_at: tx.now_ms(),
    })
}

/// Reads a setting; null if it is not set.
pub fn get(view: &View<'_>, setting: &SettingRef) -> Result<Option<Setting>> {
    let owner = owner(view, setting.user_id)?;
    read(view, owner, &setting.name)
}

/// Reads a setting of the app's as what it holds; none if it is not set.
///
/// # Errors
/// `invalid_argument` when it holds something else.
pub fn own<T: DeserializeOwned>(view: &View<'_>, name: &str) -> Result<Option<T>> {
    let Some(setting) = read(view, None, name)? else {
        return Ok(None);
    };
    let value = serde_json::from_str(setting.value.get()).map_err(|error| {
        Error::invalid(format!("the setting {name:?} is not what it is set to be")).caused_by(error)
    })?;
    Ok(Some(value))
}

/// Sets a setting of the app's.
pub fn set_own(tx: &Tx<'_>, name: &str, value: &impl Serialize) -> Result<()> {
    let value = Json::new(value)?;
    let name = name.to_owned();
    let user_id = None;
    set(
        tx,
        &SettingSet {
            user_id,
            name,
            value,
        },
    )
    .map(|_| ())
}

/// Lists all settings of a user, or of the app, by name.
pub fn list(view: &View<'_>, query: &SettingList) -> Result<Vec<Setting>> {
    let owner = owner(view, query.user_id)?;
    let mut statement = match owner {
        Some(_) => view.prepare(
            "SELECT name, value, updated_at FROM user_setting WHERE user = ?1 ORDER BY name",
        )?,
        None => view.prepare(
            "SELECT name, value, updated_at FROM setting WHERE ?1 IS NULL ORDER BY name",
        )?,
    };
    let mut rows = statement.query([owner.map(|owner| owner.user)])?;
    let mut settings = Vec::new();
    while let Some(row) = rows.next()? {
        settings.push(from_row(row)?);
    }
    Ok(settings)
}

/// Unsets a setting; doing so twice is doing so once.
pub fn remove(tx: &Tx<'_>, setting: &SettingRef) -> Result<()> {
    match owner(tx, setting.user_id)? {
        Some(user) => tx.execute(
            "DELETE FROM user_setting WHERE user = ?1 AND name = ?2",
            (user.user, &setting.name),
        )?,
        None => tx.execute("DELETE FROM setting WHERE name = ?1", [&setting.name])?,
    };
    Ok(())
}

/// Reads a setting of a user, or of the app.
pub(super) fn read(view: &View<'_>, owner: Option<UserId>, name: &str) -> Result<Option<Setting>> {
    let row = match owner {
        Some(user) => view
            .prepare(
                "SELECT name, value, updated_at FROM user_setting WHERE user = ?1 AND name = ?2",
            )?
            .query_row((user.user, name), |row| Ok(from_row(row)))
            .optional()?,
        None => view
            .prepare("SELECT name, value, updated_at FROM setting WHERE name = ?1")?
            .query_row([name], |row| Ok(from_row(row)))
            .optional()?,
    };
    row.transpose()
}

fn count(view: &View<'_>, owner: Option<UserId>) -> Result<i64> {
    let count = match owner {
        Some(user) => view
            .prepare("SELECT count(*) FROM user_setting WHERE user = ?1")?
            .query_row([user.user], |row| row.get(0))?,
        None => view
            .prepare("SELECT count(*) FROM setting")?
            .query_row([], |row| row.get(0))?,
    };
    Ok(count)
}

fn from_row(row: &rusqlite::Row<'_>) -> Result<Setting> {
    let value = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(Setting {
        name: row.get(0)?,
        value: from_json("setting", value)?,
        updated_at: row.get(2)?,
    })
}

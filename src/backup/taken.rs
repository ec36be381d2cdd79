//! Which archives left the store: erasing cannot reach them, and says so.

use serde::{Deserialize, Serialize};

use crate::archive::Scope;
use crate::domain::Json;
use crate::domain::settings::{self, SettingRef, SettingSet};
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::{Caller, Store, View};

/// The app's setting that holds them.
const SETTING: &str = "backups.taken";

/// The most that are remembered.
const MAX_REMEMBERED: usize = 100;

/// An archive that left the store as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TakenArchive {
    /// The name it was offered under.
    pub name: String,
    /// What it is of.
    pub scope: Scope,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// The last hundred archives that left, oldest first.
///
/// # Errors
/// As any read.
pub fn taken(view: &View<'_>) -> Result<Vec<TakenArchive>> {
    let named = SettingRef {
        user_id: None,
        name: SETTING.to_owned(),
    };
    let Some(setting) = settings::get(view, &named)? else {
        return Ok(Vec::new());
    };
    serde_json::from_str(setting.value.get()).map_err(|error| {
        Error::corrupt("the setting \"backups.taken\" is not what was kept").caused_by(error)
    })
}

/// Notes that an archive left.
///
/// # Errors
/// As any write.
pub fn note(store: &mut Store, name: String, scope: Scope) -> Result<()> {
    let at = store.host().now_ms();
    let noted = store.write("backups.taken", Caller::default(), |tx| {
        let mut all = taken(tx)?;
        all.push(TakenArchive { name, scope, at });
        all.drain(..all.len().saturating_sub(MAX_REMEMBERED));
        let setting = SettingSet {
            user_id: None,
            name: SETTING.to_owned(),
            value: Json::new(&all)?,
        };
        settings::set(tx, &setting).map(|_| ())
    })?;
    noted.value()
}

impl TakenArchive {
    /// Whether it may hold a record, which was there until `at`.
    #[must_use]
    pub fn may_hold(&self, record: &str, at: i64) -> bool {
        if self.at > at {
            return false;
        }
        let conversation = record.parse::<ConversationId>().ok();
        let owner = record.parse::<UserId>().ok();
        let owner = owner.or(conversation.map(ConversationId::owner));
        match &self.scope {
            Scope::All => true,
            Scope::User { id: user_id } | Scope::Context { user_id, .. } => {
                owner.is_none_or(|owner| owner == *user_id)
            }
            Scope::Conversation { id } => conversation.map_or_else(
                || owner.is_some_and(|owner| owner == id.owner()),
                |conversation| conversation == *id,
            ),
            Scope::Construct { id } => record == id,
            Scope::Chart { user_id, .. } => conversation.is_none() && owner == Some(*user_id),
        }
    }
}

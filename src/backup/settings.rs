//! When backups are made by themselves, and how many stay.

use serde::{Deserialize, Serialize};

use super::Backup;
use crate::archive::{BackupKind, Scope};
use crate::domain::settings;
use crate::error::{Error, Result};
use crate::store::{Caller, Store};

/// The app's setting that holds them.
const SETTING: &str = "backups";

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const WEEK_MS: i64 = 7 * DAY_MS;

/// The most of one kind that may stay.
const MAX_KEPT: u32 = 1000;

/// When backups are made by themselves, and how many stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BackupSettings {
    /// Whether any are: true by default.
    pub enabled: bool,
    /// What they are of: everything by default.
    pub scope: Scope,
    /// Daily ones that stay: 7 by default.
    pub daily: u32,
    /// Weekly ones that stay, which stand alone: 2 by default.
    pub weekly: u32,
    /// Days after which one goes, however many there are; the newest stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            scope: Scope::All,
            daily: 7,
            weekly: 2,
            max_age_days: None,
        }
    }
}

/// Reads the settings.
///
/// # Errors
/// As any read.
pub fn settings(store: &mut Store) -> Result<BackupSettings> {
    let set = store.read(Caller::default(), |view| settings::own(view, SETTING))?;
    Ok(set.unwrap_or_default())
}

/// Changes the settings.
///
/// # Errors
/// `invalid_argument` when none or more than 1,000 are to stay, and as any write.
pub fn configure(store: &mut Store, new: &BackupSettings) -> Result<()> {
    if new.daily.max(new.weekly) > MAX_KEPT || new.daily + new.weekly == 0 {
        return Err(Error::invalid(format!(
            "from 1 to {MAX_KEPT} backups stay; switch them off with `enabled`"
        )));
    }
    if new.max_age_days == Some(0) {
        return Err(Error::invalid("a backup stays for a day at least"));
    }
    let set = store.write("backups.configure", Caller::default(), |tx| {
        settings::set_own(tx, SETTING, new)
    })?;
    set.value()
}

/// The kind of backup that is due, if one is: a weekly one a week after the last, a daily one a day after either.
#[must_use]
pub fn due(settings: &BackupSettings, backups: &[Backup], now_ms: i64) -> Option<BackupKind> {
    let age = |is_meant: &dyn Fn(&Backup) -> bool| {
        let made = backups.iter().filter(|backup| {
            backup.is_whole() && backup.scope == settings.scope && is_meant(backup)
        });
        let ages = made.map(|backup| now_ms.saturating_sub(backup.created_at));
        // One from the future was made by a clock that was wrong.
        ages.filter(|age| *age >= 0).min().unwrap_or(i64::MAX)
    };
    let is_weekly = |backup: &Backup| backup.kind == BackupKind::Weekly;
    if !settings.enabled {
        None
    } else if settings.weekly > 0 && age(&is_weekly) >= WEEK_MS {
        Some(BackupKind::Weekly)
    } else if settings.daily > 0 && age(&|_| true) >= DAY_MS {
        Some(BackupKind::Daily)
    } else {
        None
    }
}

//! Automatic backups: archives in `backups/` of the store's folder, which share what did not change, are read back once they
//! are written, and go when newer ones have taken their place.

mod files;
mod give_back;
mod keep;
mod list;
mod make;
mod rescue;
mod settings;
mod taken;

use serde::{Deserialize, Serialize};

use crate::archive::{BackupKind, Scope};

pub use files::SharedFiles;
pub use give_back::give_back;
pub(crate) use list::path;
pub use list::{Verifying, list, open, remove};
pub use make::Making;
pub use rescue::rescue;
pub use settings::{BackupSettings, configure, due, settings};
pub use taken::{TakenArchive, note, taken};

/// Where backups lie, in the store's folder.
pub const FOLDER: &str = "backups";

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// Its file in `backups/`.
    pub name: String,
    /// What it was made for.
    pub kind: BackupKind,
    /// What it is of.
    pub scope: Scope,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// The last journal line that it holds.
    pub seq: u64,
    /// Its place among the others: larger numbers are newer.
    #[serde(skip)]
    pub number: u64,
    /// Bytes of its own file.
    pub bytes: u64,
    /// The files that it cannot be without.
    pub base: Vec<String>,
    /// Those of them that are not there: it cannot be restored.
    pub lost: Vec<String>,
    /// Why it cannot be read, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

impl Backup {
    /// Whether it can be restored, as far as its name and what it says of itself tell.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost.is_empty() && self.damage.is_none()
    }
}

/// Names a backup.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupRef {
    /// Its file in `backups/`.
    pub name: String,
}

/// Asks for a backup.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupRequest {
    /// What it is of: everything by default.
    pub scope: Option<Scope>,
    /// Whether it stands alone, rather than to build on the newest one of the same.
    pub full: Option<bool>,
}

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct BackupProgress {
    /// Whether it is being read back.
    pub is_verifying: bool,
    /// Bytes read so far.
    pub done: u64,
    /// About how many there will be.
    pub total: u64,
}

/// What reading a backup back found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct BackupVerified {
    /// Its file in `backups/`.
    pub name: String,
    /// Bytes that were read, of what it builds on too.
    pub bytes: u64,
    /// What is not as it was written, one sentence each; none is well.
    pub findings: Vec<String>,
}

/// What changed among the backups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct BackupNews {
    /// One that was made, by itself or because someone asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<Backup>,
    /// Those that went, by their files.
    pub removed: Vec<String>,
    /// Those that something was erased from, by their files.
    pub rewritten: Vec<String>,
}

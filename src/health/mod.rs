//! Health: whether what is stored is sound, where the bytes are, and which could be freed.

mod check;
mod content;
mod reclaim;
mod repair;
mod usage;
mod walk;

use serde::{Deserialize, Serialize};

pub use check::{Check, last_checked};
pub use reclaim::{Reclaimable, Remedy, Weighing};
pub use repair::{HealthRepair, Repair, salvage};
pub use usage::{
    ArtifactUsage, ConstructUsage, ContentUsage, ContextUsage, HealthUsage, KindUsage, Usage,
    UsageQuery, UserUsage,
};

/// The app's setting that holds the last [`HealthReport`], with its first 100 findings.
pub const LAST_CHECK: &str = "health.lastCheck";

/// The app's setting that holds the damage of the journal that a repair made harmless.
pub const KNOWN_DAMAGE: &str = "health.knownDamage";

/// How far a check goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum HealthDepth {
    /// The database: its pages, tables and rows.
    Quick,
    /// The journal's lines and the contents of artifacts too.
    #[default]
    Normal,
    /// Charts, and every backup read back, too.
    Deep,
}

/// Asks for a check.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// How far it goes: `normal` by default.
    pub depth: Option<HealthDepth>,
}

/// What a check found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// A page of the database file fails its checksum.
    Page,
    /// SQLite finds a table or an index malformed.
    Database,
    /// A record refers to one that is not there.
    Reference,
    /// A counter would give a number again.
    Counter,
    /// An active path ends at a message that is not there.
    Leaf,
    /// A message comes before the one that it follows.
    Order,
    /// A UUID is malformed, or names two records.
    Uuid,
    /// The audit index names lines that cannot be.
    History,
    /// The journal has damaged or missing lines, or its chain is broken.
    Journal,
    /// A file that holds a piece of artifacts' contents is not there.
    ContentMissing,
    /// Such a file is shorter or longer than what was kept.
    ContentTruncated,
    /// Such a file holds other bytes than what was kept.
    ContentAltered,
    /// A chart or its graph makes no sense.
    Chart,
    /// A backup cannot be restored.
    Backup,
}

/// Something that did not check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct HealthFinding {
    /// What is wrong.
    pub code: FindingCode,
    /// The record it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The same for people.
    pub message: String,
    /// What would mend it.
    pub repair: String,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct HealthReport {
    /// When it ended, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// How far it went.
    #[serde(default)]
    pub depth: HealthDepth,
    /// How long it took, turns between its slices included, in milliseconds.
    pub duration_ms: i64,
    /// What did not check: at most 1,000 findings; none is health.
    pub findings: Vec<HealthFinding>,
    /// Whether there is more than that.
    pub truncated: bool,
    /// Bytes of the database file that were checked.
    pub database_bytes: u64,
    /// Rows that were checked.
    pub rows: u64,
    /// Journal lines that were checked.
    pub lines: u64,
    /// Bytes of contents that were checked, as they are kept.
    #[serde(default)]
    pub content_bytes: u64,
    /// Backups that were read back.
    #[serde(default)]
    pub backups: u64,
    /// Damage of the journal that is no finding any more: a repair made sure that the state does not need it. Only history
    /// lacks something.
    #[serde(default)]
    pub known_damage: Vec<String>,
}

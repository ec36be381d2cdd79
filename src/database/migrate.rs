//! Changes to the schema: numbered pairs of SQL, up and down, that ship with the package.
//!
//! A step runs in one transaction with foreign keys off (so that a table can be rebuilt) and is checked before it commits.
//! The same step runs again when the database is rebuilt from the journal, so its SQL must depend on nothing but the database.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// One change to the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number; versions are contiguous from 1.
    pub version: u32,
    /// Its name, as in its files.
    pub name: &'static str,
    up: &'static str,
    down: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal, $file:literal) => {
        Migration {
            version: $version,
            name: $name,
            up: include_str!(concat!("../../migrations/", $file, ".up.sql")),
            down: include_str!(concat!("../../migrations/", $file, ".down.sql")),
        }
    };
}

/// All migrations this build knows, in order.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "initial", "0001_initial"),
    migration!(2, "indexes", "0002_indexes"),
    migration!(3, "history", "0003_history"),
    migration!(4, "contexts", "0004_contexts"),
    migration!(5, "erasures", "0005_erasures"),
    migration!(6, "retention", "0006_retention"),
    migration!(7, "learnings_and_jobs", "0007_learnings_and_jobs"),
    migration!(8, "search", "0008_search"),
    migration!(9, "agent_work", "0009_agent_work"),
    migration!(10, "charts", "0010_charts"),
    migration!(11, "deferred_indexing", "0011_deferred_indexing"),
    migration!(12, "blobs", "0012_blobs"),
    migration!(13, "uploads", "0013_uploads"),
    migration!(14, "packed_chunks", "0014_packed_chunks"),
];

/// The schema version this build works with.
#[allow(clippy::cast_possible_truncation)] // a handful of migrations
pub const LATEST: u32 = MIGRATIONS.len() as u32;

impl Migration {
    /// The checksum of both directions, in hex.
    #[must_use]
    pub fn checksum(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for sql in [self.up, self.down] {
            hasher.update(&(sql.len() as u64).to_le_bytes());
            hasher.update(sql.as_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

/// Which way a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the migration's version.
    Up,
    /// To the version before it.
    Down,
}

/// One step between neighbouring versions, as the journal records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The migration's number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// The checksum of the migration that ran.
    pub checksum: String,
}

impl Step {
    /// The steps from one version to another, in order.
    ///
    /// # Errors
    /// `schema_too_new` when either version is unknown to this build.
    pub fn between(from: u32, to: u32) -> Result<Vec<Self>> {
        if from.max(to) > LATEST {
            return Err(too_new(from.max(to)));
        }
        let step = |migration: &Migration, direction| Self {
            version: migration.version,
            name: migration.name.to_owned(),
            direction,
            checksum: migration.checksum(),
        };
        let between = MIGRATIONS
            .iter()
            .filter(|m| m.version > from.min(to) && m.version <= from.max(to));
        Ok(if from <= to {
            between.map(|m| step(m, Direction::Up)).collect()
        } else {
            between.rev().map(|m| step(m, Direction::Down)).collect()
        })
    }

    /// The schema version after this step.
    #[must_use]
    pub const fn result(&self) -> u32 {
        match self.direction {
            Direction::Up => self.version,
            Direction::Down => self.version - 1,
        }
    }

    /// Runs the step inside the open transaction. Foreign keys must be off; they are checked here.
    ///
    /// # Errors
    /// `schema_too_new` for an unknown migration, `unsupported` for one that is not the one recorded,
    /// `corrupt` when rows would be left without their parents. The caller rolls back.
    pub fn run(&self, db: &Connection, now_ms: i64) -> Result<()> {
        let migration = find(self.version)?;
        if migration.checksum() != self.checksum {
            return Err(changed(self.version));
        }
        match self.direction {
            Direction::Up => {
                db.execute_batch(migration.up)?;
                db.execute(
                    "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
                    (self.version, migration.name, &self.checksum, now_ms),
                )?;
            }
            Direction::Down => {
                db.execute_batch(migration.down)?;
                db.execute(
                    "DELETE FROM schema_migration WHERE version = ?1",
                    [self.version],
                )?;
            }
        }
        let orphan = db.prepare("PRAGMA foreign_key_check")?.exists([])?;
        if orphan {
            return Err(Error::corrupt(format!(
                "migration {} leaves rows without their parents",
                self.version
            )));
        }
        Ok(())
    }
}

/// A migration as it stands in this store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct MigrationStatus {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// The checksum of its SQL, both ways.
    pub checksum: String,
    /// When it was applied, in milliseconds since 1970-01-01 UTC; absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<i64>,
}

/// Every migration this build knows, and whether it is applied.
pub fn status(db: &Connection) -> Result<Vec<MigrationStatus>> {
    let mut statement = db.prepare("SELECT applied_at FROM schema_migration WHERE version = ?1")?;
    let mut all = Vec::with_capacity(MIGRATIONS.len());
    for migration in MIGRATIONS {
        let mut rows = statement.query([migration.version])?;
        all.push(MigrationStatus {
            version: migration.version,
            name: migration.name.to_owned(),
            checksum: migration.checksum(),
            applied_at: rows.next()?.map(|row| row.get(0)).transpose()?,
        });
    }
    Ok(all)
}

/// The schema version of a database, after comparing every applied migration with the one this build would have applied.
///
/// # Errors
/// `schema_too_new` for a version this build does not know, `unsupported` for a checksum that differs.
pub fn verified_version(db: &Connection) -> Result<u32> {
    let mut statement =
        db.prepare("SELECT version, checksum FROM schema_migration ORDER BY version")?;
    let mut rows = statement.query([])?;
    let mut version = 0;
    while let Some(row) = rows.next()? {
        version = row.get(0)?;
        if find(version)?.checksum() != row.get::<_, String>(1)? {
            return Err(changed(version));
        }
    }
    Ok(version)
}

fn find(version: u32) -> Result<&'static Migration> {
    MIGRATIONS
        .iter()
        .find(|m| m.version == version)
        .ok_or_else(|| too_new(version))
}

fn too_new(version: u32) -> Error {
    Error::new(
        Code::SchemaTooNew,
        format!(
            "the store has schema version {version}; this package knows up to {LATEST}. Update the package; nothing was changed"
        ),
    )
}

fn changed(version: u32) -> Error {
    Error::new(
        Code::Unsupported,
        format!(
            "migration {version} is not the one that this store was migrated with; nothing was changed"
        ),
    )
}

//! Mending what a check finds, and saying exactly what could be mended and what could not.
//!
//! A repair checks everything, mends what it can, and checks everything again: what the second check still finds is left.

use std::mem;

use rusqlite::params_from_iter;
use rusqlite::types::Value;
use serde::Serialize;

use super::check::{Check, has_column};
use super::{FindingCode, HealthDepth, HealthFinding, HealthReport, KNOWN_DAMAGE};
use crate::archive::{self, Salvaged};
use crate::backup;
use crate::database::rows::{key_columns, matching, values};
use crate::database::schema::TABLES;
use crate::database::{counters, orphans};
use crate::disk::{LocalFuture, OpenMode};
use crate::domain::{blobs, settings};
use crate::error::{Code, Error, Result};
use crate::store::{Caller, Job, RecoveryCause, Store, Tx, answer};

/// Pieces of contents looked at in one step.
const SLICE_PIECES: usize = 64;

/// How often a repair begins again because damage came in its way.
const MAX_ATTEMPTS: u32 = 4;

/// What a repair came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct HealthRepair {
    /// What was found wrong and is mended.
    pub repaired: Vec<HealthFinding>,
    /// What is still wrong.
    pub left: Vec<HealthFinding>,
    /// What could not be saved when the database was made anew, one sentence each.
    pub lost: Vec<String>,
    /// What was done, one sentence each.
    pub steps: Vec<String>,
    /// What damaged databases still had.
    pub salvaged: Vec<Salvaged>,
    /// Contents that a backup gave back, by their hashes.
    pub restored: Vec<String>,
    /// Files that were set aside in `quarantine/`.
    pub quarantined: Vec<String>,
}

/// Where a repair is.
enum Stage {
    Check(Box<Check>),
    Database,
    /// Databases that were set aside and are left to be read, the newest last.
    Salvage(Vec<String>),
    Rows,
    /// Pieces of contents from behind the one of this name on.
    Contents(String),
    Journal,
    Backups,
    CheckAgain(Box<Check>),
    Done,
}

/// A repair under way; answers with a [`HealthRepair`].
pub struct Repair {
    stage: Stage,
    found: Vec<HealthFinding>,
    /// Damage that came in its way, which the store mended by itself.
    met: Vec<HealthFinding>,
    /// How often it was begun, and how many recoveries there were when it was last looked.
    attempts: u32,
    recoveries: Option<u64>,
    outcome: HealthRepair,
}

impl Repair {
    /// Begins a repair.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Self {
            stage: Stage::Check(Box::new(Check::new(now_ms, HealthDepth::Deep))),
            found: Vec::new(),
            met: Vec::new(),
            attempts: 1,
            recoveries: None,
            outcome: HealthRepair::default(),
        }
    }

    /// Damage came in the way that no check had seen, and the store mends it.
    fn begin_again(&mut self, store: &Store, error: &Error) {
        self.attempts += 1;
        self.met.push(HealthFinding {
            code: FindingCode::Database,
            record: None,
            message: error.to_string(),
            repair: "the database is rebuilt from the newest snapshot and the journal".to_owned(),
        });
        let now = store.host().now_ms();
        self.stage = Stage::Check(Box::new(Check::new(now, HealthDepth::Deep)));
    }

    /// Takes over what recoveries told since it was last looked.
    fn note_recoveries(&mut self, store: &Store) {
        let (count, last) = store.last_recovery();
        let before = self.recoveries.replace(count);
        if let (Some(recovery), true) = (last, before.is_some_and(|before| count > before)) {
            self.outcome
                .quarantined
                .extend(recovery.quarantined.iter().cloned());
            self.outcome.lost.extend(recovery.damage.iter().cloned());
            self.outcome.salvaged.extend(recovery.salvaged.clone());
        }
    }

    fn has(&self, codes: &[FindingCode]) -> bool {
        self.found.iter().any(|found| codes.contains(&found.code))
    }

    fn did(&mut self, what: impl Into<String>) {
        self.outcome.steps.push(what.into());
    }

    /// Does a slice; true when all is done.
    async fn slice(&mut self, store: &mut Store, progress: &mut dyn FnMut(&str)) -> Result<bool> {
        let stage = mem::replace(&mut self.stage, Stage::Done);
        self.stage = match stage {
            Stage::Check(mut check) => match check.run(store, progress).await? {
                None => Stage::Check(check),
                Some(report) => {
                    self.found = report.findings;
                    Stage::Database
                }
            },
            Stage::Database => {
                self.database(store).await?;
                Stage::Salvage(archive::set_aside(store).await?)
            }
            Stage::Salvage(mut left) => match left.pop() {
                Some(file) => {
                    self.salvage(store, &file).await?;
                    Stage::Salvage(left)
                }
                None => Stage::Rows,
            },
            Stage::Rows => {
                self.rows(store).await?;
                Stage::Contents(String::new())
            }
            Stage::Contents(after) => match self.contents(store, &after).await? {
                Some(last) => Stage::Contents(last),
                None => Stage::Journal,
            },
            Stage::Journal => {
                self.journal(store).await?;
                Stage::Backups
            }
            Stage::Backups => {
                self.backups(store).await?;
                let now = store.host().now_ms();
                Stage::CheckAgain(Box::new(Check::new(now, HealthDepth::Deep)))
            }
            Stage::CheckAgain(mut check) => match check.run(store, progress).await? {
                None => Stage::CheckAgain(check),
                Some(report) => {
                    self.conclude(report);
                    Stage::Done
                }
            },
            Stage::Done => Stage::Done,
        };
        Ok(matches!(self.stage, Stage::Done))
    }

    /// Makes a database anew whose pages or tables are not what was written.
    async fn database(&mut self, store: &mut Store) -> Result<()> {
        if !self.has(&[FindingCode::Page, FindingCode::Database]) {
            return Ok(());
        }
        let why = Error::corrupt("a check found it damaged");
        store.rebuild(&why).await?;
        self.did("the database was made anew from the newest snapshot and the journal");
        Ok(())
    }

    /// Brings in what a database that was set aside holds and the store does not.
    async fn salvage(&mut self, store: &mut Store, file: &str) -> Result<()> {
        let salvaged = match archive::salvage(store, file).await {
            Ok(salvaged) => salvaged,
            Err(error) if is_about_the_file(&error) => {
                self.did(format!("nothing of {file} could be read: {error}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if salvaged.records > 0 {
            self.did(format!(
                "{} records came back from {file}",
                salvaged.records
            ));
            self.outcome.salvaged.push(salvaged);
        }
        Ok(())
    }

    /// Mends rows that are well written and make no sense.
    async fn rows(&mut self, store: &mut Store) -> Result<()> {
        let wrong = [
            FindingCode::Reference,
            FindingCode::Leaf,
            FindingCode::Counter,
            FindingCode::Order,
            FindingCode::Uuid,
            FindingCode::History,
        ];
        if !self.has(&wrong) {
            return Ok(());
        }
        let mut taken = Vec::new();
        let last_seq = store.last_seq();
        store.write("health.repair", Caller::default(), |tx| {
            taken = orphans::take(tx.connection())?.taken;
            counters::mend(tx.connection())?;
            name_anew(tx)?;
            tx.execute(
                "UPDATE message SET parent = NULL WHERE parent >= message",
                [],
            )?;
            tx.execute(
                "DELETE FROM history WHERE first_seq > last_seq OR last_seq > ?1",
                [last_seq],
            )?;
            Ok(())
        })?;
        self.did("counters, references, paths and ids were made right");
        if !taken.is_empty() {
            let path = format!("quarantine/{}-orphans.jsonl", store.host().now_ms());
            let file = store.disk().open(&path, OpenMode::Create).await?;
            file.write_at(taken.concat().as_bytes(), file.size()?)?;
            file.flush()?;
            self.did(format!(
                "{} rows that refer to what is not there were set aside in {path}",
                taken.len()
            ));
            self.outcome.quarantined.push(path);
        }
        Ok(())
    }

    /// Brings contents back of which a piece is damaged; gives the last piece that was looked at, or none if there are no more.
    async fn contents(&mut self, store: &mut Store, after: &str) -> Result<Option<String>> {
        let damaged = [
            FindingCode::ContentMissing,
            FindingCode::ContentTruncated,
            FindingCode::ContentAltered,
        ];
        if !self.has(&damaged) {
            return Ok(None);
        }
        let pieces = store.read(Caller::default(), |view| {
            blobs::pieces_after(view, after, SLICE_PIECES)
        })?;
        let mut last = None;
        for piece in pieces {
            last = Some(piece.hash.to_hex().to_string());
            match store.read_piece(&piece).await {
                Ok(_) => continue,
                Err(error) if error.code() == Code::Corrupt => {}
                Err(error) => return Err(error),
            }
            let contents = store.read(Caller::default(), |view| {
                blobs::contents_with(view, &piece.hash)
            })?;
            for hash in contents {
                if backup::give_back(store, &hash, &piece).await? {
                    self.did(format!("the content {hash} came back from a backup"));
                    self.outcome.restored.push(hash);
                    break;
                }
            }
        }
        Ok(last)
    }

    /// Sees to it that the state does not need the lines that are damaged.
    async fn journal(&mut self, store: &mut Store) -> Result<()> {
        if !self.has(&[FindingCode::Journal]) {
            return Ok(());
        }
        store.snapshot_now().await?;
        let of_journal = self
            .found
            .iter()
            .filter(|it| it.code == FindingCode::Journal);
        let damage: Vec<String> = of_journal.map(|it| it.message.clone()).collect();
        store.write("health.repair", Caller::default(), |tx| {
            let known: Option<Vec<String>> = settings::own(tx, KNOWN_DAMAGE)?;
            let mut known = known.unwrap_or_default();
            known.retain(|it| !damage.contains(it));
            known.extend(damage.iter().cloned());
            settings::set_own(tx, KNOWN_DAMAGE, &known)
        })?;
        self.did(
            "a snapshot keeps the state without the journal's damaged lines, whose history is lost",
        );
        Ok(())
    }

    /// Sets backups aside that cannot be restored.
    async fn backups(&mut self, store: &mut Store) -> Result<()> {
        let of_backups = self
            .found
            .iter()
            .filter(|it| it.code == FindingCode::Backup);
        let mut names: Vec<String> = of_backups.filter_map(|it| it.record.clone()).collect();
        names.dedup();
        for name in names {
            let aside = format!("quarantine/{}-{name}", store.host().now_ms());
            store.disk().rename(&backup::path(&name)?, &aside).await?;
            self.did(format!("the backup {name} was set aside"));
            self.outcome.quarantined.push(aside);
        }
        Ok(())
    }

    /// What the second check does not find any more is repaired.
    fn conclude(&mut self, report: HealthReport) {
        let found = mem::take(&mut self.found);
        let met = mem::take(&mut self.met);
        self.outcome.repaired = met
            .into_iter()
            .chain(found)
            .filter(|found| !report.findings.contains(found))
            .collect();
        self.outcome.left = report.findings;
    }
}

impl Job for Repair {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            if store.is_damaged() {
                // The store mends itself first.
                return Ok(None);
            }
            self.note_recoveries(store);
            let is_done = match self.slice(store, progress).await {
                Err(error) if store.is_damaged() && self.attempts < MAX_ATTEMPTS => {
                    self.begin_again(store, &error);
                    false
                }
                done => done?,
            };
            self.note_recoveries(store);
            is_done.then(|| answer(&self.outcome)).transpose()
        })
    }
}

/// Brings in, after a recovery that lost lines of the journal, what the database that it set aside still has.
///
/// # Errors
/// The disk's own, when not even that can be told. What fails is told as trouble, and a repair tries it again.
pub async fn salvage(store: &mut Store) -> Result<()> {
    let Some(file) = store.take_salvageable() else {
        return Ok(());
    };
    match archive::salvage(store, &file).await {
        Ok(salvaged) if salvaged.records > 0 => {
            let cause = RecoveryCause::DatabaseDamaged;
            let found = |recovery: &mut crate::store::Recovery| recovery.salvaged = Some(salvaged);
            store.recovered(cause, found).await
        }
        Ok(_) => Ok(()),
        Err(error) => {
            store.trouble("reading a damaged database", &error);
            Ok(())
        }
    }
}

/// Whether it is the damaged file that is to blame, and not the disk.
fn is_about_the_file(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Corrupt | Code::NotFound | Code::Internal | Code::SchemaTooNew
    )
}

/// Gives another UUID to what has none, or another's.
fn name_anew(tx: &Tx<'_>) -> Result<()> {
    for spec in TABLES {
        if !has_column(tx, spec.name, "uuid")? {
            continue;
        }
        let keys = key_columns(tx.connection(), spec.name)?;
        let names = keys.join("\", \"");
        let child: Vec<String> = keys.iter().map(|key| format!("child.\"{key}\"")).collect();
        let other: Vec<String> = keys.iter().map(|key| format!("other.\"{key}\"")).collect();
        let mut wrong = tx.prepare(&format!(
            "SELECT \"{names}\" FROM \"{}\" AS child WHERE length(uuid) <> 36 OR EXISTS
               (SELECT 1 FROM \"{}\" AS other WHERE other.uuid = child.uuid AND ({}) < ({}))",
            spec.name,
            spec.name,
            other.join(", "),
            child.join(", ")
        ))?;
        let rows = wrong.query_map([], |row| values(row, keys.len()))?;
        let update = format!(
            "UPDATE \"{}\" SET uuid = ?1 WHERE {}",
            spec.name,
            matching(&keys, 2)
        );
        for key in rows.collect::<rusqlite::Result<Vec<_>>>()? {
            let renamed = std::iter::once(Value::Text(tx.uuid())).chain(key);
            tx.execute(&update, params_from_iter(renamed))?;
        }
    }
    Ok(())
}

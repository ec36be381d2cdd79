//! Changing the schema: each step in one transaction and one journal line, with a snapshot before the first.

use serde::Serialize;

use super::{Store, recover};
use crate::database::migrate::{self, MigrationStatus, Step};
use crate::error::{Code, Error, Result};
use crate::journal::Record;
use crate::search::Index;

/// How far a migration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct MigrationProgress {
    /// Steps taken.
    pub done: u32,
    /// Steps in all.
    pub total: u32,
    /// The schema version reached.
    pub version: u32,
}

impl Store {
    /// Every migration this build knows, and whether it is applied.
    pub fn migration_status(&self) -> Result<Vec<MigrationStatus>> {
        self.check_sound()?;
        migrate::status(self.database()?.connection())
    }

    /// Migrates to a schema version, up or down, one step after the other. `progress` is told before the first, which a
    /// snapshot precedes, and after each.
    ///
    /// # Errors
    /// `schema_too_new` for a version this build does not know. A step that fails leaves the schema as it was before it;
    /// the steps before stand.
    pub async fn migrate(
        &mut self,
        to: u32,
        progress: &mut dyn FnMut(MigrationProgress),
    ) -> Result<()> {
        self.check_sound()?;
        let steps = Step::between(self.schema, to)?;
        if steps.is_empty() {
            return Ok(());
        }
        if self.is_held() {
            return Err(Error::new(
                Code::Locked,
                "an export reads the store; try again when it is done",
            ));
        }
        self.commit();
        self.check_sound()?;
        let total = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        progress(MigrationProgress {
            done: 0,
            total,
            version: self.schema,
        });
        if self.schema > 0 && self.journal.last_seq() > self.snapshot_seq {
            self.snapshot_now().await?;
        }
        self.snapshot = None;
        for (step, done) in steps.iter().zip(1..) {
            if self.journal.needs_rotation() {
                self.journal.rotate(self.host.now_ms()).await?;
            }
            self.take_step(step)?;
            progress(MigrationProgress {
                done,
                total,
                version: self.schema,
            });
        }
        Ok(())
    }

    fn take_step(&mut self, step: &Step) -> Result<()> {
        let now = self.host.now_ms();
        let seq = self.journal.last_seq() + 1;
        let rows = serde_json::to_vec(step).map_err(|error| {
            Error::new(Code::Internal, "a step cannot be recorded").caused_by(error)
        })?;
        let mut line = Vec::new();
        let record = Record {
            seq,
            v: self.schema,
            at_ms: now,
            op: recover::MIGRATE_OP,
            by: None,
            req: None,
            flushed: self.journal.is_flushed(),
            more: false,
            rows: &rows,
        };
        record.encode_into(&mut line)?;

        let database = self.database()?;
        database.capture().set_enabled(false);
        database.connection().flush_prepared_statement_cache();
        let stepped = database
            .run("PRAGMA foreign_keys = 0")
            .and_then(|()| database.begin())
            .and_then(|()| step.run(database.connection(), now))
            .map_err(|error| database.explain(error));
        let kept = stepped.and_then(|()| {
            self.journal
                .append(&line, seq)
                .and_then(|()| self.journal.flush())
        });
        let position = self.position();
        let database = self.database()?;
        let ended = match &kept {
            Ok(()) => database.commit(&position),
            Err(_) if database.in_transaction() => database.run("ROLLBACK"),
            Err(_) => Ok(()),
        };
        let restored = database
            .run("PRAGMA foreign_keys = 1")
            .and_then(|()| database.learn_schema());
        database.capture().set_enabled(true);
        let broken = kept.as_ref().err().filter(|_| self.journal.is_broken());
        let failures = [broken.cloned(), ended.err(), restored.err()];
        if let Some(error) = failures.into_iter().flatten().next() {
            self.condition = super::Condition::Damaged(error.clone());
            return Err(error);
        }
        kept?;
        self.schema = step.result();
        self.search = Index::load(self.database()?, self.schema)?;
        self.unsettled = true;
        self.settle();
        Ok(())
    }
}

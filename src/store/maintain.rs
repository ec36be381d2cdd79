//! What happens between turns: recoveries, commits, checkpoints, snapshots, new segments, compression, forgetting.

use super::packing::Packing;
use super::{Caller, Collection, Condition, Event, LogEvent, LogKind, Store, recover, snapshot};
use crate::domain::retention::{self, RetentionRun};
use crate::error::{Code, Error, Result};
use crate::search::Index;

/// How often remembered answers are looked through, in milliseconds.
const PRUNE_MS: i64 = 60 * 60 * 1000;

/// Remembered answers forgotten in one step.
const PRUNE_STEP: u32 = 500;

/// How often policies are looked at, and how long after it ended a policy runs again, in milliseconds.
const RETENTION_MS: i64 = 60 * 60 * 1000;
const RETENTION_EVERY_MS: i64 = 24 * RETENTION_MS;

/// How often free pages are looked for, in milliseconds.
const VACUUM_MS: i64 = 60 * 60 * 1000;

/// How often contents that nothing has are looked for, in milliseconds.
const COLLECTION_MS: i64 = 60 * 60 * 1000;

/// Milliseconds after which an open store looks for files that nothing knows, which takes the browser a while.
const SWEEP_AFTER_MS: i64 = 10_000;

/// Milliseconds before a step that failed for want of space is tried again.
const RETRY_MS: u64 = 1000;

impl Store {
    /// Does one small piece of what is due, and says in how many milliseconds it should be called again: 0 when more is
    /// due already, none when nothing is. `idle` says that no request is waiting.
    ///
    /// Must be called before the next turn when [`is_damaged`](Self::is_damaged) says so.
    ///
    /// # Errors
    /// Only when a recovery failed; everything else is told as [`Event::Trouble`] and tried again.
    pub async fn maintain(&mut self, idle: bool) -> Result<Option<u64>> {
        match self.condition {
            Condition::Closed => return Ok(None),
            Condition::Damaged(_) => {
                self.recover().await?;
                return Ok(Some(0));
            }
            Condition::Sound => {}
        }
        match self.piece(idle).await {
            Ok(next) => Ok(next),
            Err(error) => {
                if self.journal.is_broken() {
                    self.condition = Condition::Damaged(error.clone());
                }
                self.trouble("maintenance", &error);
                Ok(Some(if self.is_damaged() { 0 } else { RETRY_MS }))
            }
        }
    }

    /// Whether [`maintain`](Self::maintain) should come before any further turn.
    pub fn maintenance_is_urgent(&self) -> bool {
        self.is_damaged() || self.journal.needs_rotation()
    }

    /// Whether [`maintain`](Self::maintain) has something to do as soon as answers are out.
    pub fn maintenance_is_due(&self) -> bool {
        self.ahead.is_much()
    }

    async fn piece(&mut self, idle: bool) -> Result<Option<u64>> {
        let now = self.host.now_ms();
        if self.journal.needs_rotation() {
            self.journal.rotate(now).await?;
            return Ok(Some(0));
        }
        if self.ahead.is_much() {
            self.apply_ahead()?;
            return Ok(Some(0));
        }
        let batch_due = self
            .batch_since
            .map(|since| left(since, self.options.batch_ms, now));
        // A pause between two writes is not the time for what would delay the second.
        let quiet_in = idle.then(|| left(self.written_at, self.options.quiet_ms, now));
        let quiet = quiet_in == Some(0);
        if batch_due == Some(0) || (quiet && batch_due.is_some()) {
            self.commit();
            return Ok(Some(0));
        }
        if self.unsettled {
            self.settle();
            return Ok(Some(if self.unsettled { RETRY_MS } else { 0 }));
        }
        if quiet {
            self.flush()?;
        }
        if !self.cut_off.is_empty() {
            self.interrupt_cut_off()?;
            return Ok(Some(0));
        }
        if std::mem::take(&mut self.erasures_wanted) {
            self.find_erasures()?;
        }
        let is_held = self.is_held();
        if self.erasing.is_some() && !is_held {
            self.erase_slice().await?;
            return Ok(Some(0));
        }
        if self.snapshot.is_some() {
            self.snapshot_step().await?;
            return Ok(Some(0));
        }
        let threshold = if quiet {
            self.options.checkpoint_idle_bytes
        } else {
            self.options.checkpoint_bytes
        };
        if !is_held && self.database()?.wal_bytes()? >= threshold {
            self.commit();
            self.check_sound()?;
            self.checkpoint()?;
            return Ok(Some(0));
        }
        if !is_held && self.snapshot_is_due(now) {
            self.begin_snapshot().await?;
            return Ok(Some(0));
        }
        if quiet && self.journal.seal_step().await? {
            return Ok(Some(0));
        }
        if quiet && self.search.is_building() {
            self.build_index_step()?;
            return Ok(Some(0));
        }
        if quiet && left(self.pruned_at, PRUNE_MS, now) == 0 && self.forget_requests(now)? {
            return Ok(Some(0));
        }
        if quiet && self.pack_step()? {
            return Ok(Some(0));
        }
        let sweep_in = self
            .next_folder
            .map(|_| left(self.opened_at, SWEEP_AFTER_MS, now));
        if quiet && sweep_in == Some(0) && self.sweep_step().await? {
            return Ok(Some(0));
        }
        if quiet && !is_held && self.collect_step(now).await? {
            return Ok(Some(0));
        }
        if quiet && left(self.retained_at, RETENTION_MS, now) == 0 && self.run_retention(now)? {
            return Ok(Some(0));
        }
        if quiet && !is_held && self.vacuum_step(now)? {
            return Ok(Some(0));
        }
        // It waits for a quiet moment, which this may not be.
        let sweep_in = sweep_in.map(|left| left.max(RETRY_MS));
        let waits = [quiet_in.filter(|left| *left > 0), batch_due, sweep_in];
        Ok(waits.into_iter().flatten().min())
    }

    /// Does the next slice of the snapshot; true when it is finished. After an error it is given up.
    pub(super) async fn snapshot_step(&mut self) -> Result<bool> {
        let Some(mut job) = self.snapshot.take() else {
            return Ok(true);
        };
        let started = self.host.monotonic_us();
        match job.step().await {
            Ok(snapshot::Progress::Finished(bytes)) => {
                self.snapshot_at = self.host.now_ms();
                self.snapshot_seq = job.seq();
                self.snapshot_wanted = false;
                self.log(LogKind::Snapshot, None, bytes, job.seq(), started);
                Ok(true)
            }
            Ok(_) => {
                self.snapshot = Some(job);
                Ok(false)
            }
            Err(error) => {
                if error.code() == Code::Corrupt {
                    self.condition = Condition::Damaged(error.clone());
                }
                drop(job);
                // What cannot be removed now is removed before the next one begins.
                let _ = snapshot::tidy(&*self.disk).await;
                Err(error)
            }
        }
    }

    fn snapshot_is_due(&self, now: i64) -> bool {
        let written = self.journal.last_seq() > self.snapshot_seq;
        written
            && (self.snapshot_wanted
                || self.journal.bytes_since(self.snapshot_seq) >= self.options.snapshot_bytes
                || left(self.snapshot_at, self.options.snapshot_ms, now) == 0)
    }

    /// Begins a snapshot of the state as it is now.
    pub(super) async fn begin_snapshot(&mut self) -> Result<()> {
        self.commit();
        self.check_sound()?;
        self.checkpoint()?;
        let seq = self.journal.last_seq();
        let source = self.database()?.file()?;
        self.snapshot = Some(snapshot::Job::begin(self.disk.clone(), source, seq).await?);
        Ok(())
    }

    /// Makes a snapshot of the state as it is now, all at once.
    pub(crate) async fn snapshot_now(&mut self) -> Result<()> {
        self.snapshot = None;
        self.begin_snapshot().await?;
        while !self.snapshot_step().await? {}
        Ok(())
    }

    /// Forgets answers older than they must be remembered; true while there are more.
    fn forget_requests(&mut self, now: i64) -> Result<bool> {
        let before = now.saturating_sub(self.options.remember_ms);
        let forgotten = self
            .write("requests.forget", Caller::default(), |tx| {
                tx.execute(
                    "DELETE FROM request WHERE id IN (SELECT id FROM request WHERE at < ?1 ORDER BY at LIMIT ?2)",
                    (before, PRUNE_STEP),
                )
            })?
            .value()?;
        let more = forgotten == PRUNE_STEP as usize;
        if !more {
            self.pruned_at = now;
        }
        Ok(more)
    }

    /// Does a slice of removing contents that nothing has any more; true while there is more to do.
    async fn collect_step(&mut self, now: i64) -> Result<bool> {
        let mut collection = match self.collection.take() {
            Some(collection) => collection,
            None if left(self.collected_at, COLLECTION_MS, now) > 0 => return Ok(false),
            None => Collection::new(self.options.content_grace_ms),
        };
        if self.database()?.has_table("upload")? && collection.step(self).await? {
            self.collection = Some(collection);
            return Ok(true);
        }
        self.collected_at = now;
        Ok(false)
    }

    /// Gives some free pages back where they have become many; true while there is more to do. The next checkpoint cuts the
    /// file.
    fn vacuum_step(&mut self, now: i64) -> Result<bool> {
        if !self.vacuuming {
            let looked = self.vacuumed_at.map(|at| left(at, VACUUM_MS, now));
            if looked.is_some_and(|left| left > 0) {
                return Ok(false);
            }
            self.vacuumed_at = Some(now);
            self.vacuuming = self.has_many_free_pages()?;
        }
        let had_some = self.vacuuming;
        self.vacuuming = had_some && self.give_back_pages()?;
        Ok(had_some)
    }

    /// Lets go of some records that a policy is for; true while there is more to do.
    fn run_retention(&mut self, now: i64) -> Result<bool> {
        if self.database()?.has_table("retention_policy")? {
            let since = now.saturating_sub(RETENTION_EVERY_MS);
            let due = self.read(Caller::default(), |view| retention::next_due(view, since))?;
            if let Some(policy) = due {
                let run = RetentionRun {
                    policy,
                    limit: None,
                };
                self.write("retention.run", Caller::default(), |tx| {
                    retention::run(tx, &run)
                })?;
                return Ok(true);
            }
        }
        self.retained_at = now;
        Ok(false)
    }

    /// Makes the state in memory trustworthy again: what was answered is there, what was not is not.
    pub(super) async fn recover(&mut self) -> Result<()> {
        let Condition::Damaged(cause) = &self.condition else {
            return Ok(());
        };
        let cause = cause.clone();
        let distrust = cause.code() == Code::Corrupt
            && self.database.as_ref().is_none_or(|database| {
                database.verify_pages().is_err()
                    || !database.quick_check().is_ok_and(|found| found.is_empty())
            });
        self.load_anew(distrust.then_some(&cause)).await
    }

    /// Sets the database aside, whatever it looks like, and makes it again from the newest snapshot and the journal.
    ///
    /// # Errors
    /// The disk's own; a recovery is due then.
    pub(crate) async fn rebuild(&mut self, why: &Error) -> Result<()> {
        self.commit();
        if matches!(self.condition, Condition::Sound) {
            self.flush()?;
        }
        self.condition = Condition::Damaged(why.clone());
        self.load_anew(Some(why)).await
    }

    /// Arrives at a state from what lies on the disk. `distrusted` says why the database must not be believed, if it must not.
    async fn load_anew(&mut self, distrusted: Option<&Error>) -> Result<()> {
        self.snapshot = None;
        self.held = None;
        self.erasing = None;
        self.vacuuming = false;
        self.erasures_wanted = true;
        self.packing = Packing::default();
        self.batch_since = None;
        self.batch_writes = 0;
        self.ahead.clear();
        self.audit = super::Audit::default();
        self.search.clear();
        // The old handles must be gone before the files can be opened again.
        self.database = None;
        self.journal.close();
        let mut recovery = recover::Recoverer::new(
            &self.disk,
            &self.host,
            self.lease.identity,
            self.journal_limits().segment_bytes,
        );
        let loaded = recovery.load(distrusted).await?;
        let report = recovery.report();
        self.search = Index::load(&loaded.database, loaded.schema)?;
        self.journal = loaded.journal;
        self.database = Some(loaded.database);
        let before = std::mem::replace(&mut self.schema, loaded.schema);
        self.unsettled = false;
        self.snapshot_seq = loaded.snapshot_seq;
        self.snapshot_wanted |= loaded.snapshot_wanted;
        self.condition = Condition::Sound;
        self.report(report).await?;
        if self.schema < before {
            // The lines with the migrations are gone, and so is what they made.
            self.migrate(before, &mut |_| {}).await?;
        }
        Ok(())
    }

    /// Tells a measured step from outside this module's own.
    pub fn tell_log(&mut self, event: LogEvent) {
        if self.listening.steps {
            self.tell(Event::Log(event));
        }
    }
}

/// How many of the `ms` milliseconds after `since` are left; none where the clock was set back, which is not waited for.
fn left(since: i64, ms: i64, now: i64) -> u64 {
    let age = now.saturating_sub(since);
    let left = (0..ms).contains(&age).then(|| ms - age);
    left.and_then(|left| u64::try_from(left).ok()).unwrap_or(0)
}

//! What happens between turns: recoveries, commits, checkpoints, snapshots, new segments, compression, forgetting.

use super::{Caller, Condition, Event, LogEvent, LogKind, Store, recover, snapshot};
use crate::error::{Code, Result};

/// How often remembered answers are looked through, in milliseconds.
const PRUNE_MS: i64 = 60 * 60 * 1000;

/// Remembered answers forgotten in one step.
const PRUNE_STEP: u32 = 500;

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
                self.snapshot = None;
                if error.code() == Code::Corrupt {
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

    async fn piece(&mut self, idle: bool) -> Result<Option<u64>> {
        let now = self.host.now_ms();
        if self.journal.needs_rotation() {
            self.journal.rotate(now).await?;
            self.unflushed = false;
            return Ok(Some(0));
        }
        if let Some(since) = self.batch_since {
            let age = now.saturating_sub(since);
            // A clock that stepped back makes the age negative: commit then, rather than wait for it to catch up.
            if !idle && (0..self.options.batch_ms).contains(&age) {
                return Ok(Some(
                    u64::try_from(self.options.batch_ms - age).unwrap_or(0),
                ));
            }
            self.commit();
            return Ok(Some(0));
        }
        if self.unsettled {
            self.settle();
            return Ok(Some(if self.unsettled { RETRY_MS } else { 0 }));
        }
        if idle {
            self.flush()?;
        }
        if let Some(job) = self.snapshot.as_mut() {
            let started = self.host.monotonic_us();
            if let snapshot::Progress::Finished(bytes) = job.step().await? {
                self.snapshot = None;
                self.snapshot_at = now;
                self.log(LogKind::Snapshot, None, bytes, self.snapshot_seq, started);
            }
            return Ok(Some(0));
        }
        let copying = self.snapshot.as_ref().is_some_and(snapshot::Job::copying);
        let wal = self.database()?.wal_bytes()?;
        let threshold = if idle {
            self.options.checkpoint_idle_bytes
        } else {
            self.options.checkpoint_bytes
        };
        if !copying && wal >= threshold {
            self.checkpoint()?;
            return Ok(Some(0));
        }
        if self.snapshot_is_due(now) {
            self.begin_snapshot().await?;
            return Ok(Some(0));
        }
        if idle && self.journal.seal_step().await? {
            return Ok(Some(0));
        }
        if idle && now.saturating_sub(self.pruned_at) >= PRUNE_MS && self.forget_requests(now)? {
            return Ok(Some(0));
        }
        Ok(None)
    }

    fn snapshot_is_due(&self, now: i64) -> bool {
        let written = self.journal.last_seq() > self.snapshot_seq;
        written
            && (self.snapshot_wanted
                || self.journal.bytes_since(self.snapshot_seq) >= self.options.snapshot_bytes
                || now.saturating_sub(self.snapshot_at) >= self.options.snapshot_ms)
    }

    /// Begins a snapshot of the state as it is now.
    async fn begin_snapshot(&mut self) -> Result<()> {
        self.commit();
        self.check_sound()?;
        self.checkpoint()?;
        let seq = self.journal.last_seq();
        let source = self.database()?.file()?;
        self.snapshot = Some(snapshot::Job::begin(self.disk.clone(), source, seq).await?);
        self.snapshot_seq = seq;
        self.snapshot_wanted = false;
        Ok(())
    }

    /// Makes a snapshot of the state as it is now, all at once.
    pub(super) async fn snapshot_now(&mut self) -> Result<()> {
        self.snapshot = None;
        self.begin_snapshot().await?;
        let Some(mut job) = self.snapshot.take() else {
            return Ok(());
        };
        loop {
            if let snapshot::Progress::Finished(bytes) = job.step().await? {
                self.snapshot_at = self.host.now_ms();
                let started = self.host.monotonic_us();
                self.log(LogKind::Snapshot, None, bytes, self.snapshot_seq, started);
                return Ok(());
            }
        }
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

    /// Makes the state in memory trustworthy again: what was answered is there, what was not is not.
    pub(super) async fn recover(&mut self) -> Result<()> {
        let Condition::Damaged(cause) = &self.condition else {
            return Ok(());
        };
        let cause = cause.clone();
        self.snapshot = None;
        self.batch_since = None;
        self.batch_writes = 0;
        self.audit = super::Audit::default();
        let distrust = cause.code() == Code::Corrupt
            && self
                .database
                .as_ref()
                .is_none_or(|database| !database.quick_check().is_ok_and(|found| found.is_empty()));
        // The old handles must be gone before the files can be opened again.
        self.database = None;
        self.journal.close();
        let mut recovery = recover::Recoverer::new(
            &self.disk,
            &self.host,
            &self.lease,
            self.journal_limits().segment_bytes,
        );
        let loaded = recovery.load(distrust.then_some(&cause)).await?;
        let report = recovery.report();
        self.journal = loaded.journal;
        self.database = Some(loaded.database);
        self.schema = loaded.schema;
        self.unsettled = false;
        self.unflushed = true;
        self.snapshot_wanted |= loaded.snapshot_wanted;
        self.condition = Condition::Sound;
        self.report(report).await
    }

    /// Tells a measured step from outside this module's own.
    pub fn tell_log(&mut self, event: LogEvent) {
        if self.listening {
            self.tell(Event::Log(event));
        }
    }
}

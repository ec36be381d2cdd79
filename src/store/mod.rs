//! The one door to the state: open, recover, write, read, close.
//!
//! A [`Store`] owns the journal and the database of one folder. Requests come in [turns](Turn); what takes long, or must
//! wait for the browser, happens between turns in [`Store::maintain`]. Nothing in here is shared between threads.

mod ahead;
mod audit;
mod blobs;
mod compact;
mod erase;
mod event;
mod files;
mod job;
mod lease;
mod maintain;
mod migration;
mod moment;
mod packing;
mod parts;
mod recover;
mod search;
mod snapshot;
mod transaction;
mod turn;
mod upkeep;

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::backup::SharedFiles;
use crate::database::pages::Sizes;
use crate::database::scratch;
use crate::database::{Database, PageCache, Position};
use crate::disk::Disk;
use crate::domain::messages::{self, MessageStatus};
use crate::error::{Code, Error, Result};
use crate::host::Host;
use crate::id::MessageId;
use crate::journal::{self, Journal};
use crate::search::Index;
use ahead::Ahead;
use audit::Audit;
use blobs::Leases;
use lease::Lease;
use moment::Held;
use packing::Packing;

pub use blobs::{Collected, Collection};
pub use compact::{Compacted, Compaction};
pub use event::{Change, Event, LogEvent, LogKind, Recovery, RecoveryCause, Trouble};
pub use files::FileSize;
pub use job::{Job, Pause, WorkProgress, answer, no_pause};
pub use migration::MigrationProgress;
pub use moment::Moment;
pub use recover::MIGRATE_OP;
#[cfg(test)]
pub use transaction::asked;
pub use transaction::{Tx, View};
pub use turn::{Caller, Outcome, Rows, Turn};
pub use upkeep::{Upkeep, UpkeepWork};

/// When a write is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// After a flush: it survives power loss.
    #[default]
    Strict,
    /// After the write: it survives the death of the tab, the worker and the browser. A power loss may take the last
    /// moments, never more, and never the order.
    Relaxed,
}

/// How a store behaves. The defaults are what it is tuned and tested with.
#[derive(Debug, Clone)]
pub struct Options {
    /// When a write is answered.
    pub durability: Durability,
    /// Writes per commit of the database.
    pub batch_writes: u32,
    /// The longest a write waits for that commit, in milliseconds.
    pub batch_ms: i64,
    /// Milliseconds without a write after which an idle store does what would delay one.
    pub quiet_ms: i64,
    /// Bytes of a journal segment before the next begins.
    pub segment_bytes: u64,
    /// Bytes of write-ahead log before an idle store checkpoints.
    pub checkpoint_idle_bytes: u64,
    /// Bytes of write-ahead log before even a busy store checkpoints.
    pub checkpoint_bytes: u64,
    /// Bytes of journal since the last snapshot before the next.
    pub snapshot_bytes: u64,
    /// Milliseconds since the last snapshot before the next, if anything was written.
    pub snapshot_ms: i64,
    /// Milliseconds for which a request's answer is remembered.
    pub remember_ms: i64,
    /// Milliseconds for which a content that nothing has any more stays, so that what let go of it can be taken back.
    pub content_grace_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        Self {
            durability: Durability::Strict,
            batch_writes: 1024,
            batch_ms: 250,
            quiet_ms: 20,
            segment_bytes: 4 << 20,
            checkpoint_idle_bytes: 1 << 20,
            checkpoint_bytes: 4 << 20,
            snapshot_bytes: 64 << 20,
            snapshot_ms: DAY_MS,
            remember_ms: 7 * DAY_MS,
            content_grace_ms: DAY_MS,
        }
    }
}

/// What is told only while someone listens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listening {
    /// Measured steps: [`Event::Log`].
    pub steps: bool,
    /// Kept writes: [`Event::Change`].
    pub changes: bool,
}

/// Whether the state in memory can be trusted.
enum Condition {
    Sound,
    /// It cannot, and why; [`Store::maintain`] recovers.
    Damaged(Error),
    Closed,
}

/// An open store.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each says that one piece of upkeep is due"
)]
pub struct Store {
    disk: Rc<dyn Disk>,
    host: Rc<dyn Host>,
    options: Options,
    lease: Lease,
    journal: Journal,
    /// None only while a recovery replaces it, or after one failed.
    database: Option<Database>,
    schema: u32,
    condition: Condition,
    /// When the open batch began; none when no transaction is open.
    batch_since: Option<i64>,
    batch_writes: u32,
    /// When the last turn that wrote ended.
    written_at: i64,
    /// Kept rows that the database has yet to get.
    ahead: Ahead,
    audit: Audit,
    search: Index,
    /// The last commit has not reached the disk, which was full.
    unsettled: bool,
    /// Messages of an earlier session that still say they are streaming.
    cut_off: Vec<MessageId>,
    snapshot: Option<snapshot::Job>,
    /// The moment that someone reads, and how many there were before.
    held: Option<Held>,
    held_before: u64,
    /// What is being erased from every file.
    erasing: Option<erase::Erasing>,
    /// An erasure was asked for, or has to begin again.
    erasures_wanted: bool,
    /// The last line that a finished snapshot holds, and when it was made.
    snapshot_seq: u64,
    backup_files: Rc<SharedFiles>,
    snapshot_at: i64,
    snapshot_wanted: bool,
    salvageable: Option<String>,
    /// How many recoveries there were, and the last of them.
    recoveries: u64,
    last_recovery: Option<Recovery>,
    pruned_at: i64,
    /// Free pages are being given back, and when it was last looked for many of them.
    vacuuming: bool,
    vacuumed_at: Option<i64>,
    /// Conversations whose chunks may have to be packed, or unpacked.
    packing: Packing,
    /// Pieces of contents on their way.
    leases: Leases,
    /// The folder of pieces that is looked through next for files without a row; none once all were.
    next_folder: Option<usize>,
    opened_at: i64,
    /// What removes contents that nothing has, and when it last ended.
    collection: Option<Collection>,
    collected_at: i64,
    /// When retention was last found to have nothing to do.
    retained_at: i64,
    line_buffer: Vec<u8>,
    events: Vec<Event>,
    listening: Listening,
}

impl Store {
    /// Opens the store of a disk, creating it when there is none, recovering it when it was not closed, and migrating it to
    /// the schema of this build. Messages that were still streaming become `interrupted`.
    ///
    /// # Errors
    /// `locked` when another owner has it; `schema_too_new` and `unsupported` leave it untouched; `quota_exceeded` and `io`
    /// are the disk's. Damage is no error: it is dealt with and told as [`Event::Recovery`].
    pub async fn open(disk: Rc<dyn Disk>, host: Rc<dyn Host>, options: Options) -> Result<Self> {
        Self::open_telling(disk, host, options, &mut |_| {}).await
    }

    /// Like [`open`](Self::open), and tells `progress` how far the migration of a store from an older version is.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_telling(
        disk: Rc<dyn Disk>,
        host: Rc<dyn Host>,
        options: Options,
        progress: &mut dyn FnMut(MigrationProgress),
    ) -> Result<Self> {
        let mut store = Box::pin(Self::open_as_it_is(disk, host, options)).await?;
        let mut prepared = store.prepare(progress).await;
        if prepared.is_err() && store.is_damaged() {
            Box::pin(store.recover()).await?;
            prepared = store.prepare(progress).await;
        }
        prepared.map(|()| store)
    }

    /// Brings an open store to the schema of this build, and its streams to an end.
    async fn prepare(&mut self, progress: &mut dyn FnMut(MigrationProgress)) -> Result<()> {
        let is_new = self.schema == 0;
        let mut tell = |step| {
            if !is_new {
                progress(step);
            }
        };
        self.migrate(crate::database::migrate::LATEST, &mut tell)
            .await?;
        self.interrupt_streams()
    }

    /// Like [`open`](Self::open), but leaves the schema at the version it has.
    pub async fn open_as_it_is(
        disk: Rc<dyn Disk>,
        host: Rc<dyn Host>,
        options: Options,
    ) -> Result<Self> {
        let started = host.monotonic_us();
        let lease = Lease::take(&disk, &host).await?;
        snapshot::tidy(&*disk).await?;
        scratch::clear(&*disk).await?;
        let mut recovery =
            recover::Recoverer::new(&disk, &host, lease.identity, options.segment_bytes);
        let loaded = recovery.load(None).await?;
        let report = recovery.report();
        let now = host.now_ms();
        let mut store = Self {
            snapshot_seq: loaded.snapshot_seq,
            search: Index::load(&loaded.database, loaded.schema)?,
            backup_files: Rc::new(SharedFiles::new(disk.clone())),
            disk,
            host,
            options,
            lease,
            journal: loaded.journal,
            database: Some(loaded.database),
            schema: loaded.schema,
            condition: Condition::Sound,
            batch_since: None,
            batch_writes: 0,
            written_at: now,
            ahead: Ahead::default(),
            audit: Audit::default(),
            unsettled: false,
            cut_off: Vec::new(),
            snapshot: None,
            held: None,
            held_before: 0,
            erasing: None,
            erasures_wanted: true,
            snapshot_at: now,
            snapshot_wanted: loaded.snapshot_wanted,
            salvageable: None,
            recoveries: 0,
            last_recovery: None,
            pruned_at: now,
            vacuuming: false,
            vacuumed_at: None,
            packing: Packing::default(),
            leases: Leases::default(),
            next_folder: Some(0),
            opened_at: now,
            collection: None,
            collected_at: now,
            retained_at: now,
            line_buffer: Vec::new(),
            events: Vec::new(),
            listening: Listening {
                steps: true,
                changes: false,
            },
        };
        store.report(report).await?;
        store.log(LogKind::Open, None, 0, loaded.replayed, started);
        Ok(store)
    }

    /// Begins a turn.
    ///
    /// # Errors
    /// `closed`, or `io` while a recovery is due: call [`maintain`](Self::maintain) first.
    pub fn turn(&mut self) -> Result<Turn<'_>> {
        Turn::begin(self)
    }

    /// One write in a turn of its own.
    pub fn write<T: Serialize>(
        &mut self,
        op: &str,
        caller: Caller<'_>,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<Outcome<T>> {
        let mut turn = self.turn()?;
        let outcome = turn.write(op, caller, work)?;
        turn.finish()?;
        Ok(outcome)
    }

    /// One read in a turn of its own.
    pub fn read<T>(
        &mut self,
        caller: Caller<'_>,
        work: impl FnOnce(&View<'_>) -> Result<T>,
    ) -> Result<T> {
        self.turn()?.read(caller, work)
    }

    /// Commits what is written, so that the audit index names every line.
    ///
    /// # Errors
    /// As [`turn`](Self::turn), and when the commit failed: a recovery is due then.
    pub fn commit_now(&mut self) -> Result<()> {
        self.check_sound()?;
        self.commit();
        self.check_sound()
    }

    /// Commits, and moves the log into the database file, so that the file is what the state is. While a snapshot is being
    /// made, a moment is held or the disk is full, the log stays.
    ///
    /// # Errors
    /// As [`commit_now`](Self::commit_now), and the disk's own.
    pub fn checkpoint_now(&mut self) -> Result<()> {
        self.commit_now()?;
        if self.snapshot.is_some() || self.is_held() {
            return Ok(());
        }
        match self.checkpoint() {
            Err(error) if error.code() == Code::QuotaExceeded => Ok(()),
            done => done,
        }
    }

    /// Checks pages of the database file from `offset` on, which moves on whatever they are; false once there are none.
    ///
    /// # Errors
    /// `corrupt` naming the first of them that fails.
    pub fn verify_pages(&self, offset: &mut u64) -> Result<bool> {
        self.check_sound()?;
        self.database()?.verify_slice(offset)
    }

    /// How large each table and index is in the database file, as of the last checkpoint.
    ///
    /// # Errors
    /// `corrupt` when the file cannot tell.
    pub fn tree_sizes(&self) -> Result<Sizes> {
        self.check_sound()?;
        Sizes::read(&*self.database()?.file()?)
    }

    /// How the database's page cache does.
    ///
    /// # Errors
    /// `io` while the database is being replaced.
    pub fn page_cache(&self) -> Result<PageCache> {
        self.database()?.page_cache()
    }

    /// How the store behaves; changes take effect with the next turn.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// The clock and randomness the store was given.
    pub fn host(&self) -> &Rc<dyn Host> {
        &self.host
    }

    /// The schema version the store is at.
    pub const fn schema(&self) -> u32 {
        self.schema
    }

    /// Where it lies.
    pub(crate) const fn disk(&self) -> &Rc<dyn Disk> {
        &self.disk
    }

    /// Whether nothing was ever written to it but its own migrations, a line each.
    pub(crate) fn is_blank(&self) -> bool {
        self.last_seq() <= u64::from(self.schema)
    }

    /// Whether files are being rewritten for an erasure.
    pub(crate) const fn is_erasing(&self) -> bool {
        self.erasing.is_some()
    }

    /// Tells and writes down a recovery that was more than opening.
    pub(crate) async fn recovered(
        &mut self,
        cause: RecoveryCause,
        fill: impl FnOnce(&mut Recovery),
    ) -> Result<()> {
        let mut recovery = recover::nothing(self.host.now_ms());
        recovery.because(cause);
        fill(&mut recovery);
        self.snapshot_wanted = true;
        self.report(recovery).await
    }

    /// How many recoveries there were since the store was opened, that one included, and the last of them.
    pub(crate) const fn last_recovery(&self) -> (u64, Option<&Recovery>) {
        (self.recoveries, self.last_recovery.as_ref())
    }

    /// The database that the last recovery set aside, if it may hold what the journal had lost. It is given once.
    pub(crate) fn take_salvageable(&mut self) -> Option<String> {
        self.salvageable.take()
    }

    /// Where it lies, for reading backups, which several may do at a time.
    pub(crate) fn backup_files(&self) -> Rc<SharedFiles> {
        self.backup_files.clone()
    }

    /// The store's own id, a UUID.
    pub fn id(&self) -> String {
        self.lease.identity.store.to_string()
    }

    /// The last line of the journal.
    pub fn last_seq(&self) -> u64 {
        self.journal.last_seq()
    }

    /// The journal, for reading.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Bytes of journal, before compression, since the newest snapshot.
    pub fn journal_bytes(&self) -> u64 {
        self.journal.bytes_since(self.snapshot_seq)
    }

    /// Whether a recovery is due before the next turn.
    pub const fn is_damaged(&self) -> bool {
        matches!(self.condition, Condition::Damaged(_))
    }

    /// Whether measured steps and changes are told; everything else always is.
    pub fn set_listening(&mut self, listening: Listening) {
        self.listening = listening;
    }

    /// Takes what happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Adds an event to those that [`take_events`](Self::take_events) gives.
    pub fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Commits, checkpoints and gives the store up. Everything acknowledged is kept even when this fails.
    pub async fn close(mut self) -> Result<()> {
        if self.is_damaged() {
            self.recover().await?;
        }
        self.commit();
        self.snapshot = None;
        self.held = None;
        if let Condition::Damaged(error) = &self.condition {
            return Err(error.clone());
        }
        self.checkpoint()?;
        self.condition = Condition::Closed;
        Ok(())
    }

    fn check_sound(&self) -> Result<()> {
        match &self.condition {
            Condition::Sound => Ok(()),
            Condition::Damaged(error) => Err(Error::new(
                Code::Io,
                "the store must recover before it goes on",
            )
            .caused_by(error)),
            Condition::Closed => Err(Error::new(Code::Closed, "the store is closed")),
        }
    }

    fn database(&self) -> Result<&Database> {
        self.database
            .as_ref()
            .ok_or_else(|| Error::new(Code::Io, "the database is being replaced"))
    }

    fn position(&self) -> Position {
        Position {
            store: self.id(),
            seq: self.journal.last_seq(),
        }
    }

    fn begin_batch(&mut self) -> Result<()> {
        if self.batch_since.is_none() {
            self.database()?.begin()?;
            self.batch_since = Some(self.host.now_ms());
            self.batch_writes = 0;
        }
        Ok(())
    }

    /// Brings kept rows that wait into the database.
    fn apply_ahead(&mut self) -> Result<()> {
        let Some(database) = self.database.as_ref().filter(|_| !self.ahead.is_empty()) else {
            return Ok(());
        };
        let applied = self.ahead.apply(database);
        applied.inspect_err(|error| self.condition = Condition::Damaged(error.clone()))
    }

    /// Commits the batch. A failure is the store's own to mend: what was answered is in the journal.
    fn commit(&mut self) {
        if self.batch_since.take().is_none() {
            return;
        }
        let started = self.host.monotonic_us();
        let writes = std::mem::take(&mut self.batch_writes);
        let position = self.position();
        let schema = self.schema;
        if self.apply_ahead().is_err() {
            return;
        }
        let mut audit = std::mem::take(&mut self.audit);
        let mut search = std::mem::take(&mut self.search);
        let committed = self.database().and_then(|database| {
            if !database.in_transaction() {
                return Err(Error::new(Code::Io, "SQLite gave up the transaction"));
            }
            audit.write(database, schema)?;
            search.write(database, schema)?;
            database
                .commit(&position)
                .map_err(|error| database.explain(error))
        });
        self.search = search;
        match committed {
            Ok(()) => {
                self.unsettled = true;
                self.settle();
                self.log(LogKind::Commit, None, 0, u64::from(writes), started);
            }
            Err(error) => self.condition = Condition::Damaged(error),
        }
    }

    /// Gives commits to the disk. While the disk is full they stand in memory, readable, and are in the journal besides.
    fn settle(&mut self) {
        match self.database().and_then(Database::settle) {
            Ok(()) => self.unsettled = false,
            Err(error) if error.code() == Code::QuotaExceeded => {}
            Err(error) => self.condition = Condition::Damaged(error),
        }
    }

    /// Flushes what relaxed turns appended.
    fn flush(&mut self) -> Result<()> {
        if self.journal.is_flushed() {
            return Ok(());
        }
        self.journal
            .flush()
            .inspect_err(|error| self.condition = Condition::Damaged(error.clone()))
    }

    /// Moves the write-ahead log into the database; the journal first, so that the database is never ahead of it.
    fn checkpoint(&mut self) -> Result<()> {
        self.flush()?;
        let started = self.host.monotonic_us();
        let database = self.database()?;
        let bytes = database.wal_bytes()?;
        match database.checkpoint() {
            Ok(()) => {
                self.unsettled = false;
                self.log(LogKind::Checkpoint, None, bytes, 1, started);
                Ok(())
            }
            Err(error) => {
                if error.code() != Code::QuotaExceeded {
                    self.condition = Condition::Damaged(error.clone());
                }
                Err(error)
            }
        }
    }

    /// Finds what was streaming when the store was last open, and marks it as interrupted.
    fn interrupt_streams(&mut self) -> Result<()> {
        self.cut_off = self.read(Caller::default(), messages::streaming)?;
        match self.interrupt_cut_off() {
            // A full disk can be read; maintenance tries again.
            Err(error) if error.code() == Code::QuotaExceeded => {
                self.trouble("interrupting streams", &error);
                Ok(())
            }
            interrupted => interrupted,
        }
    }

    fn interrupt_cut_off(&mut self) -> Result<()> {
        if self.cut_off.is_empty() {
            return Ok(());
        }
        let ids = std::mem::take(&mut self.cut_off);
        let interrupted = self.write("messages.interrupt", Caller::default(), |tx| {
            for &id in &ids {
                match messages::set_status(tx, id, MessageStatus::Interrupted, None) {
                    // It was deleted since.
                    Err(error) if error.code() == Code::NotFound => {}
                    set => set?,
                }
            }
            Ok(())
        });
        if let Err(error) = interrupted {
            self.cut_off = ids;
            return Err(error);
        }
        let told = self.events.iter_mut().rev().find_map(|event| match event {
            Event::Recovery(recovery) => Some(recovery),
            _ => None,
        });
        if let Some(recovery) = told {
            recovery.interrupted = ids;
        } else {
            let mut recovery = recover::nothing(self.host.now_ms());
            recovery.because(RecoveryCause::Unclosed);
            recovery.interrupted = ids;
            self.tell(Event::Recovery(recovery));
        }
        Ok(())
    }

    fn log(&mut self, kind: LogKind, id: Option<String>, bytes: u64, count: u64, started_us: u64) {
        if self.listening.steps {
            let us = self.host.monotonic_us().saturating_sub(started_us);
            self.events.push(Event::Log(LogEvent {
                kind,
                id,
                bytes,
                count,
                us,
            }));
        }
    }

    /// Tells that a step behind the scenes failed.
    pub fn trouble(&mut self, during: &'static str, error: &Error) {
        self.tell(Event::Trouble(Trouble {
            during,
            code: error.code(),
            message: error.to_string(),
        }));
    }

    /// Tells a recovery and writes it down.
    async fn report(&mut self, recovery: Recovery) -> Result<()> {
        if recovery.is_empty() {
            return Ok(());
        }
        if !recovery.damage.is_empty() {
            self.doubt_files().await?;
        }
        if recovery.may_lack_lines() {
            let is_database = |file: &&String| file.ends_with(crate::database::FILE);
            self.salvageable = recovery.quarantined.iter().find(is_database).cloned();
        }
        let written = recover::write_down(&*self.disk, &recovery).await;
        self.recoveries += 1;
        self.last_recovery = Some(recovery.clone());
        self.tell(Event::Recovery(recovery));
        match written {
            Err(error) if error.code() == Code::QuotaExceeded => {
                self.trouble("writing the recovery log", &error);
                Ok(())
            }
            written => written,
        }
    }

    fn journal_limits(&self) -> journal::Limits {
        journal::Limits {
            segment_bytes: self.options.segment_bytes,
        }
    }
}

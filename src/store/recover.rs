//! Finding a trustworthy state: from the database, from a snapshot, from the journal, in that order, with a report.

use std::io::Write as _;
use std::rc::Rc;

use super::audit::{Audit, Touch};
use super::event::{Recovery, RecoveryCause};
use super::snapshot;
use crate::database::capture::Touched;
use crate::database::migrate::{self, Step};
use crate::database::{self, Database, Position};
use crate::disk::{Disk, OpenMode};
use crate::error::{Code, Error, Result};
use crate::host::Host;
use crate::journal::{Identity, Item, Journal, Limits, Record};
use crate::search::Index;

/// Lines applied per commit while replaying: so few that the pages they change stay in SQLite's cache.
const REPLAY_BATCH: u64 = 1024;

/// The operation of a journal line that records a migration.
pub const MIGRATE_OP: &str = "migrate";

/// What a recovery arrives at.
pub struct Loaded {
    pub journal: Journal,
    pub database: Database,
    pub schema: u32,
    /// Lines that were applied again.
    pub replayed: u64,
    /// The last line that the newest snapshot holds.
    pub snapshot_seq: u64,
    /// A snapshot should be made soon, so that the way here is not taken twice.
    pub snapshot_wanted: bool,
}

/// Finds the state and keeps the account of how.
pub struct Recoverer<'a> {
    disk: &'a Rc<dyn Disk>,
    host: &'a Rc<dyn Host>,
    identity: Identity,
    limits: Limits,
    report: Recovery,
    snapshot_wanted: bool,
    /// Rows changed without saying of which records, so the search index must be made anew.
    index_distrusted: bool,
}

/// A report with nothing in it yet.
pub fn nothing(at: i64) -> Recovery {
    Recovery {
        at,
        causes: Vec::new(),
        snapshot: None,
        backup: None,
        salvaged: None,
        replayed: 0,
        torn_bytes: 0,
        quarantined: Vec::new(),
        damage: Vec::new(),
        interrupted: Vec::new(),
        ends_early: false,
    }
}

/// The database as it was found.
enum Found {
    /// It holds the journal up to this line.
    At(Database, u64),
    /// There is none.
    Missing,
    /// It cannot be used.
    Damaged(Error),
}

impl<'a> Recoverer<'a> {
    pub fn new(
        disk: &'a Rc<dyn Disk>,
        host: &'a Rc<dyn Host>,
        identity: Identity,
        segment_bytes: u64,
    ) -> Self {
        Self {
            disk,
            host,
            identity,
            limits: Limits { segment_bytes },
            report: nothing(host.now_ms()),
            snapshot_wanted: false,
            index_distrusted: false,
        }
    }

    /// What was wrong and what was done; empty when nothing was.
    pub fn report(self) -> Recovery {
        self.report
    }

    /// Arrives at a state. `distrusted` says why the database must not be believed, if it must not.
    pub async fn load(&mut self, distrusted: Option<&Error>) -> Result<Loaded> {
        let found = match distrusted {
            Some(error) => Found::Damaged(error.clone()),
            None => self.find_database().await?,
        };
        let snapshot_seq = snapshot::list(&**self.disk).await?.last().copied();
        let needed_from = match &found {
            // The length of the lines since the last snapshot decides when the next is due.
            Found::At(_, position) => snapshot_seq.map_or(0, |seq| seq.min(*position)),
            Found::Missing | Found::Damaged(_) => 0,
        };
        let (mut journal, opened) =
            Journal::open_from(self.disk.clone(), self.identity, self.limits, needed_from).await?;
        self.report.torn_bytes = opened.torn_bytes;
        if opened.torn_bytes > 0 {
            self.report.because(RecoveryCause::Unclosed);
        }
        self.report.quarantined.extend(opened.set_aside);
        for finding in &opened.findings {
            self.damage(finding.to_string());
        }
        let (mut database, position) = match found {
            Found::At(database, position) => (database, position),
            Found::Missing => self.rebuild(journal.last_seq()).await?,
            Found::Damaged(error) => {
                self.report.because(RecoveryCause::DatabaseDamaged);
                self.report
                    .damage
                    .push(format!("the database was set aside: {error}"));
                self.rebuild(journal.last_seq()).await?
            }
        };
        if position > journal.last_seq() {
            self.report.because(RecoveryCause::JournalBehind);
            self.nothing_after(position);
            journal.restart(position, self.host.now_ms()).await?;
        } else if position < journal.last_seq() || !self.report.causes.is_empty() {
            match self.replay(&journal, &mut database, position).await {
                // The database looked sound until it was written to.
                Err(error) if database::is_damage(&error) => {
                    drop(database);
                    self.report.because(RecoveryCause::DatabaseDamaged);
                    self.report
                        .damage
                        .push(format!("the database was set aside: {error}"));
                    let (rebuilt, position) = self.rebuild(journal.last_seq()).await?;
                    database = rebuilt;
                    self.replay(&journal, &mut database, position).await?;
                }
                replayed => replayed?,
            }
        }
        if !journal.is_active() {
            match journal.rotate(self.host.now_ms()).await {
                // On a full disk the store can be read; maintenance tries again.
                Err(error) if error.code() == Code::QuotaExceeded && !journal.is_broken() => {}
                rotated => rotated?,
            }
        }
        let snapshot_seq = snapshot::list(&**self.disk).await?.last().copied();
        let snapshot_seq = snapshot_seq.unwrap_or(0);
        // Where the journal starts anew, what was before lives in the database alone until there is a snapshot of it.
        let starts_after = journal
            .segments()
            .iter()
            .rev()
            .find_map(|segment| segment.header?.base);
        self.snapshot_wanted |= starts_after > Some(snapshot_seq);
        let schema = migrate::verified_version(database.connection())?;
        database.learn_schema()?;
        database.capture().set_enabled(true);
        Ok(Loaded {
            journal,
            database,
            schema,
            replayed: self.report.replayed,
            snapshot_seq,
            snapshot_wanted: self.snapshot_wanted,
        })
    }

    /// Opens the database as it lies.
    async fn find_database(&mut self) -> Result<Found> {
        let found = Database::find(&**self.disk, self.host.clone()).await;
        let examined = match found {
            Ok(None) => return Ok(Found::Missing),
            Ok(Some(database)) => examine(&database).map(|position| (database, position)),
            Err(error) => Err(error),
        };
        match examined {
            Ok((database, None)) => Ok(Found::At(database, 0)),
            Ok((database, Some(position))) if position.store == self.identity.store.to_string() => {
                Ok(Found::At(database, position.seq))
            }
            Ok((_, Some(_))) => Ok(Found::Damaged(Error::corrupt(
                "it belongs to another store",
            ))),
            Err(error) if database::is_damage(&error) => Ok(Found::Damaged(error)),
            Err(error) => Err(error),
        }
    }

    /// Says that neither the database nor the journal goes on.
    fn nothing_after(&mut self, position: u64) {
        self.report.ends_early = true;
        self.report.damage.push(format!(
            "what was written after line {position}, if anything was, is lost"
        ));
    }

    /// Sets the database aside and makes one from the newest snapshot that is sound, or an empty one. `last_seq` is where the
    /// journal ends.
    async fn rebuild(&mut self, last_seq: u64) -> Result<(Database, u64)> {
        for file in [database::FILE, database::WAL_FILE] {
            self.quarantine(file).await?;
        }
        let (database, position) = self.newest_snapshot().await?;
        let damaged = self.report.causes.contains(&RecoveryCause::DatabaseDamaged);
        let was_there = last_seq > 0 || position > 0 || !self.report.quarantined.is_empty();
        if !damaged && was_there {
            self.report.because(RecoveryCause::DatabaseMissing);
        }
        if was_there && last_seq == position {
            self.nothing_after(position);
        }
        Ok((database, position))
    }

    async fn newest_snapshot(&mut self) -> Result<(Database, u64)> {
        let mut snapshots = snapshot::list(&**self.disk).await?;
        while let Some(seq) = snapshots.pop() {
            match self.restore(seq).await {
                Ok(database) => {
                    self.report.snapshot = Some(seq);
                    return Ok((database, seq));
                }
                Err(error) if database::is_damage(&error) => {
                    self.report
                        .damage
                        .push(format!("snapshot {seq} is damaged: {error}"));
                    self.quarantine(&snapshot::file_name(seq)).await?;
                    self.disk.remove(database::FILE).await?;
                }
                Err(error) => return Err(error),
            }
        }
        let database = Database::create(&**self.disk, self.host.clone()).await?;
        Ok((database, 0))
    }

    async fn restore(&self, seq: u64) -> Result<Database> {
        self.disk.remove(database::NEW_FILE).await?;
        let file = self
            .disk
            .open(database::NEW_FILE, OpenMode::CreateNew)
            .await?;
        snapshot::restore(&**self.disk, seq, &*file).await?;
        drop(file);
        let database = Database::adopt(&**self.disk, self.host.clone()).await?;
        let position = examine(&database)?;
        let expected = Position {
            store: self.identity.store.to_string(),
            seq,
        };
        if position.as_ref() != Some(&expected) {
            return Err(Error::corrupt("the snapshot is not of this store and line"));
        }
        database.verify_pages()?;
        let findings = database.quick_check()?;
        if let Some(finding) = findings.first() {
            return Err(Error::corrupt(format!("SQLite finds {finding}")));
        }
        Ok(database)
    }

    /// Applies the journal's lines after `position`.
    async fn replay(
        &mut self,
        journal: &Journal,
        database: &mut Database,
        position: u64,
    ) -> Result<()> {
        database.set_capturing(false)?;
        database.run("PRAGMA foreign_keys = 0")?;
        let mut reached = position;
        let mut schema = migrate::verified_version(database.connection())?;
        let mut derived = Derived {
            audit: Audit::default(),
            search: Index::load(database, schema)?,
        };
        database.begin()?;
        {
            let mut replay = journal.replay(position);
            while let Some(item) = replay.next().await? {
                let record = match item {
                    Item::Damage(finding) => {
                        self.damage(finding.to_string());
                        continue;
                    }
                    Item::Restart { base } => {
                        if base > reached {
                            self.damage(format!(
                                "lines {} to {base} are in a snapshot that is not there",
                                reached + 1
                            ));
                        }
                        continue;
                    }
                    Item::Line { record, .. } => record,
                };
                let migration = (record.op == MIGRATE_OP)
                    .then(|| read_step(&record))
                    .transpose()?;
                // Where lines are lost, their migrations are lost as well.
                let target = migration.as_ref().map_or(record.v, Step::result);
                if target != schema {
                    let mut steps = Step::between(schema, target)?;
                    // The one recorded here must be the one that this build knows.
                    if let (Some(last), Some(recorded)) = (steps.last_mut(), migration) {
                        *last = recorded;
                    }
                    for step in steps {
                        derived.write(database, schema)?;
                        self.step(database, reached, &step, record.at_ms).await?;
                        schema = step.result();
                        derived.search = Index::load(database, schema)?;
                    }
                    database.learn_schema()?;
                }
                if record.op != MIGRATE_OP {
                    match database.apply(record.rows) {
                        Ok(touched) => derived.add(touch(&record, touched)),
                        Err(error)
                            if matches!(error.code(), Code::InvalidArgument | Code::Conflict) =>
                        {
                            self.damage(format!("line {} cannot be applied: {error}", record.seq));
                            self.index_distrusted = true;
                        }
                        Err(error) => return Err(error),
                    }
                }
                reached = record.seq;
                self.report.replayed += 1;
                if self.report.replayed.is_multiple_of(REPLAY_BATCH) {
                    derived.write(database, schema)?;
                    self.commit(database, reached)?;
                    database.begin()?;
                }
            }
        }
        if !self.report.damage.is_empty() {
            self.go_on_without(database).await?;
        }
        if std::mem::take(&mut self.index_distrusted) {
            derived.search.restart(database, schema)?;
        }
        derived.write(database, schema)?;
        self.commit(database, reached.max(journal.last_seq()))?;
        database.run("PRAGMA foreign_keys = 1")?;
        database.set_capturing(true)?;
        let unclosed = |cause: &RecoveryCause| *cause == RecoveryCause::Unclosed;
        if self.report.causes.iter().all(unclosed) {
            self.report.because(RecoveryCause::Unclosed);
        } else {
            self.snapshot_wanted = true;
        }
        Ok(())
    }

    /// Runs a migration between two batches.
    async fn step(
        &mut self,
        database: &Database,
        reached: u64,
        step: &Step,
        at_ms: i64,
    ) -> Result<()> {
        if !self.report.damage.is_empty() {
            self.go_on_without(database).await?;
        }
        self.commit(database, reached)?;
        database.connection().flush_prepared_statement_cache();
        database.begin()?;
        step.run(database.connection(), at_ms)
            .map_err(|error| database.explain(error))
    }

    fn commit(&self, database: &Database, seq: u64) -> Result<()> {
        let position = Position {
            store: self.identity.store.to_string(),
            seq,
        };
        database
            .commit(&position)
            .map_err(|error| database.explain(error))?;
        match database.settle() {
            // What does not fit on the disk stays readable in memory; the journal has it.
            Err(error) if error.code() == Code::QuotaExceeded => Ok(()),
            settled => settled,
        }
    }

    fn damage(&mut self, what: String) {
        self.report.because(RecoveryCause::JournalDamaged);
        self.snapshot_wanted = true;
        // Opening and replaying come upon the same.
        if !self.report.damage.contains(&what) {
            self.report.damage.push(what);
        }
    }

    /// Moves a file to `quarantine/`, if it is there.
    async fn quarantine(&mut self, path: &str) -> Result<()> {
        match self.disk.open(path, OpenMode::Existing).await {
            Err(error) if error.code() == Code::NotFound => return Ok(()),
            Ok(file) if file.size()? == 0 => {
                drop(file);
                return self.disk.remove(path).await.map(|_| ());
            }
            opened => drop(opened?),
        }
        let name = path.replace('/', "-");
        let taken = self.disk.list("quarantine").await?;
        let numbered = (2..).map(|number| format!("{}-{number}-{name}", self.report.at));
        let mut names = std::iter::once(format!("{}-{name}", self.report.at)).chain(numbered);
        let Some(free) = names.find(|name| !taken.contains(name)) else {
            return Ok(());
        };
        let aside = format!("quarantine/{free}");
        self.disk.rename(path, &aside).await?;
        self.report.quarantined.push(aside);
        Ok(())
    }

    /// Lets rows go without what was lost if they can, writes those that cannot to `quarantine/` as JSON Lines, and takes
    /// counters behind the rows that are left.
    async fn go_on_without(&mut self, database: &Database) -> Result<()> {
        let orphans = database::orphans::take(database.connection())?;
        database::counters::mend(database.connection())?;
        if orphans.kept > 0 {
            self.index_distrusted = true;
            self.report.damage.push(format!(
                "{} rows lost what they refer to, and go on without it",
                orphans.kept
            ));
        }
        let rows = orphans.taken;
        if rows.is_empty() {
            return Ok(());
        }
        self.index_distrusted = true;
        let path = format!("quarantine/{}-orphans.jsonl", self.report.at);
        let file = self.disk.open(&path, OpenMode::Create).await?;
        let end = file.size()?;
        file.write_at(rows.join("").as_bytes(), end)?;
        file.flush()?;
        self.report.damage.push(format!(
            "{} rows whose parents were lost were set aside",
            rows.len()
        ));
        self.report.quarantined.push(path);
        Ok(())
    }
}

/// What is made of the lines beside the rows they hold.
struct Derived {
    audit: Audit,
    search: Index,
}

impl Derived {
    fn add(&mut self, touch: Touch) {
        self.search.add(&touch.touched);
        self.audit.add(touch);
    }

    /// Writes what waits, within the transaction that is about to be committed.
    fn write(&mut self, database: &Database, schema: u32) -> Result<()> {
        self.audit.write(database, schema)?;
        self.search.write(database, schema)
    }
}

/// Where a database stands, after making sure that this build may touch it, and that what it needs at once can be read.
fn examine(database: &Database) -> Result<Option<Position>> {
    let examined = migrate::verified_version(database.connection())
        .and_then(|schema| Index::load(database, schema))
        .and_then(|_| database.position());
    examined.map_err(|error| database.explain(error))
}

/// The step that a migration's line records.
fn read_step(record: &Record<'_>) -> Result<Step> {
    serde_json::from_slice(record.rows).map_err(|error| {
        Error::corrupt(format!("line {} records no migration", record.seq)).caused_by(error)
    })
}

fn touch(record: &Record<'_>, touched: Touched) -> Touch {
    let by = record.by.map(str::to_owned);
    Touch::new(record.seq, record.at_ms, record.op, by, touched)
}

/// Appends a report to `recovery.jsonl`.
pub async fn write_down(disk: &dyn Disk, recovery: &Recovery) -> Result<()> {
    let file = disk.open("recovery.jsonl", OpenMode::Create).await?;
    let mut line = Vec::new();
    let written = serde_json::to_writer(&mut line, recovery).map_err(std::io::Error::from);
    written.and_then(|()| writeln!(line)).map_err(|error| {
        Error::new(Code::Internal, "a report cannot be written").caused_by(error)
    })?;
    let mut end = file.size()?;
    let mut last = [b'\n'];
    file.read_at(&mut last, end.saturating_sub(1))?;
    if last != [b'\n'] {
        // A report that a crash cut off stays as it is, on a line of its own.
        file.write_at(b"\n", end)?;
        end += 1;
    }
    file.write_at(&line, end)?;
    file.flush()
}

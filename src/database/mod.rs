//! The queryable state: SQLite over the [`disk`](crate::disk) seam.
//!
//! One connection, owned by one [`Database`]: WAL, exclusive locking, `synchronous=NORMAL`, checkpoints only when asked for.
//! Every setting is read back at every open, because SQLite ignores what it cannot do.

pub mod apply;
pub mod capture;
pub mod counters;
pub mod damaged;
pub mod frozen;
pub mod migrate;
pub mod orphans;
pub mod pages;
mod rank;
pub mod rows;
pub mod schema;
pub mod scratch;
pub mod unpack;
pub mod vfs;
mod wal;

use std::cell::RefCell;
use std::rc::Rc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};
use serde::Serialize;

use crate::disk::{Disk, File, OpenMode};
use crate::error::{Code, Error, Result};
use crate::host::Host;
use apply::Applier;
use capture::{Capture, Touched};
use vfs::{CHECKSUM_BYTES, SlotKind, Vfs};

/// The database file's name, under which SQLite knows it too.
pub const FILE: &str = "store.sqlite3";

/// The write-ahead log's name.
pub const WAL_FILE: &str = "store.sqlite3-wal";

/// Where a database file lies until it is whole.
pub const NEW_FILE: &str = "store.sqlite3.new";

/// The write-ahead log of a database that is being made.
const NEW_WAL_FILE: &str = "store.sqlite3-wal.new";

/// Page size in bytes.
pub const PAGE_BYTES: u32 = 4096;

/// Bytes read at once to verify pages; whole pages.
const VERIFY_BYTES: usize = 512 << 10;

/// SQLite's page cache, in KiB.
const CACHE_KIB: i32 = 8_192;

/// Prepared statements kept.
const STATEMENTS: usize = 256;

/// An open database. Dropping it closes the connection, then unregisters its VFS.
pub struct Database {
    // Dropped first: its files are the VFS's.
    connection: Connection,
    capture: Capture,
    applier: RefCell<Applier>,
    vfs: Vfs,
}

/// What a new database holds before any migration.
const BOOKKEEPING: &str = "
CREATE TABLE schema_migration (
  version    INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  checksum   TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;
CREATE TABLE journal_state (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  store TEXT NOT NULL,             -- the store this database belongs to
  seq   INTEGER NOT NULL           -- the last journal line it holds
) STRICT;
";

/// Where the database stands, by its own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The store it belongs to.
    pub store: String,
    /// The last journal line it holds.
    pub seq: u64,
}

impl Database {
    /// Opens the database of a store; none when there is no database file, or an empty one.
    ///
    /// # Errors
    /// `corrupt` or `internal` when the file is there but cannot be used.
    pub async fn find(disk: &dyn Disk, host: Rc<dyn Host>) -> Result<Option<Self>> {
        let main = match disk.open(FILE, OpenMode::Existing).await {
            Err(error) if error.code() == Code::NotFound => return Ok(None),
            opened => opened?,
        };
        let size = main.size()?;
        if size == 0 {
            return Ok(None);
        }
        if size < claimed_bytes(&*main)? {
            return Err(Error::corrupt("the database file is shorter than it says"));
        }
        let wal = disk.open(WAL_FILE, OpenMode::Create).await?;
        Self::attach(main, wal, host, false).map(Some)
    }

    /// Makes an empty database, without any table of ours. There must be none; it gets its name only once it is whole.
    pub async fn create(disk: &dyn Disk, host: Rc<dyn Host>) -> Result<Self> {
        disk.remove(NEW_FILE).await?;
        disk.remove(NEW_WAL_FILE).await?;
        let main = disk.open(NEW_FILE, OpenMode::CreateNew).await?;
        let wal = disk.open(NEW_WAL_FILE, OpenMode::CreateNew).await?;
        let new = Self::attach(main, wal, host.clone(), true)?;
        new.checkpoint()?;
        drop(new);
        disk.remove(NEW_WAL_FILE).await?;
        Self::adopt(disk, host).await
    }

    /// Opens a whole database file that lies, flushed, at [`NEW_FILE`], under its own name from here on.
    pub async fn adopt(disk: &dyn Disk, host: Rc<dyn Host>) -> Result<Self> {
        // The log of another database must be gone for good, or this one would take it for its own.
        disk.remove(WAL_FILE).await?;
        disk.open(NEW_FILE, OpenMode::Existing).await?.flush()?;
        disk.rename(NEW_FILE, FILE).await?;
        // The name must be kept before a log begins beside it.
        disk.open(FILE, OpenMode::Existing).await?.flush()?;
        let adopted = Self::find(disk, host).await?;
        adopted.ok_or_else(|| Error::corrupt("the new database is empty"))
    }

    fn attach(
        main: Rc<dyn File>,
        wal: Rc<dyn File>,
        host: Rc<dyn Host>,
        is_new: bool,
    ) -> Result<Self> {
        let vfs = Vfs::register(host)?;
        vfs.attach(FILE, main, SlotKind::Database)?;
        vfs.attach(WAL_FILE, wal, SlotKind::Wal)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags_and_vfs(FILE, flags, vfs.name())?;
        let mut database = Self {
            connection,
            capture: Capture::default(),
            applier: RefCell::default(),
            vfs,
        };
        let configured = database.configure(is_new);
        configured.map_err(|error| database.explain(error))?;
        Ok(database)
    }

    fn configure(&mut self, is_new: bool) -> Result<()> {
        let db = &self.connection;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        set(db, "locking_mode", "exclusive")?;
        if is_new {
            reserve_checksum_bytes(db)?;
            set(db, "page_size", &PAGE_BYTES.to_string())?;
            // The steps to incremental vacuum and WAL are transactions themselves; an empty file has nothing to roll back.
            set(db, "journal_mode", "memory")?;
            db.execute_batch("PRAGMA auto_vacuum = incremental")?;
        }
        set(db, "journal_mode", "wal")?;
        for (name, value) in [
            ("synchronous", "1"),
            ("foreign_keys", "1"),
            ("wal_autocheckpoint", "0"),
            ("trusted_schema", "0"),
            ("cell_size_check", "1"),
            // What is deleted is gone from its page, and not only from sight.
            ("secure_delete", "1"),
            ("temp_store", "2"),
            ("cache_size", &(-CACHE_KIB).to_string()),
            ("auto_vacuum", "2"),
        ] {
            if name != "auto_vacuum" {
                db.execute_batch(&format!("PRAGMA {name} = {value}"))?;
            }
            expect(db, name, value)?;
        }
        expect(db, "locking_mode", "exclusive")?;
        expect(db, "journal_mode", "wal")?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        // A plan never depends on what is bound, or binding would compile the statement again each time.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // Closing must not move the log into the database: the journal may not be flushed, or the log not be trusted.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if is_new {
            db.execute_batch(&format!("BEGIN; {BOOKKEEPING} COMMIT;"))?;
        }
        self.vfs.settle()?;
        rank::install(&self.connection)?;
        unpack::install(&self.connection)?;
        self.capture.install(&mut self.connection)?;
        self.learn_schema()
    }

    /// The connection, for statements.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Reads the columns of our tables, which a migration may have changed.
    pub fn learn_schema(&self) -> Result<()> {
        self.applier.replace(Applier::new(&self.connection)?);
        self.capture.learn_schema(&self.connection)
    }

    /// Applies recorded rows within the open transaction, and tells the records and tables they belong to.
    ///
    /// # Errors
    /// As [`Applier::apply`].
    pub fn apply(&self, rows: &[u8]) -> Result<Touched> {
        let captures = self.capture.set_enabled(false);
        let applied = self.applier.borrow().apply(&self.connection, rows);
        self.capture.set_enabled(captures);
        applied.map_err(|error| self.explain(error))
    }

    /// Takes the capture off the connection, or puts it back: rows that are applied are recorded already.
    pub fn set_capturing(&mut self, on: bool) -> Result<()> {
        if on {
            self.capture.install(&mut self.connection)
        } else {
            Capture::uninstall(&mut self.connection)
        }
    }

    /// The row capture.
    pub fn capture(&self) -> &Capture {
        &self.capture
    }

    /// The file the database lies in, for copying it as it is after a full [`checkpoint`](Self::checkpoint).
    pub fn file(&self) -> Result<Rc<dyn File>> {
        self.vfs
            .file(FILE)
            .ok_or_else(|| Error::new(Code::Internal, "the database file is not attached"))
    }

    /// Where the database stands; none before its first commit.
    pub fn position(&self) -> Result<Option<Position>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT store, seq FROM journal_state")?;
        let mut rows = statement.query([])?;
        rows.next()?
            .map(|row| {
                Ok(Position {
                    store: row.get(0)?,
                    seq: row.get(1)?,
                })
            })
            .transpose()
    }

    /// Whether the schema has a table.
    pub fn has_table(&self, name: &str) -> Result<bool> {
        Ok(self.connection.table_exists(None, name)?)
    }

    /// Whether a transaction is open. SQLite ends one by itself after some failures.
    pub fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Opens the transaction that the next [`commit`](Self::commit) ends.
    pub fn begin(&self) -> Result<()> {
        self.run("BEGIN IMMEDIATE")
    }

    /// Commits, storing the position reached. The commit stands in memory until [`settle`](Self::settle).
    pub fn commit(&self, position: &Position) -> Result<()> {
        self.set_position(position)?;
        self.run("COMMIT")
    }

    /// Stores the position reached, within the open transaction.
    pub fn set_position(&self, position: &Position) -> Result<()> {
        let sql = "INSERT INTO journal_state (one, store, seq) VALUES (1, ?1, ?2)
                   ON CONFLICT (one) DO UPDATE SET store = excluded.store, seq = excluded.seq";
        self.connection
            .prepare_cached(sql)?
            .execute((&position.store, position.seq))?;
        Ok(())
    }

    /// Gives what commits gathered to the disk, without flushing it.
    pub fn settle(&self) -> Result<()> {
        self.vfs.settle()
    }

    /// Runs one statement that takes nothing and gives nothing.
    pub fn run(&self, sql: &str) -> Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute_none()
    }

    /// Bytes in the write-ahead log that a checkpoint would move.
    pub fn wal_bytes(&self) -> Result<u64> {
        self.vfs.size(WAL_FILE)
    }

    /// Length of the write-ahead log's file.
    pub fn wal_bytes_on_disk(&self) -> Result<u64> {
        let log = self.vfs.file(WAL_FILE);
        log.map_or(Ok(0), |log| log.size())
    }

    /// Moves the write-ahead log into the database file, flushing both, and empties the log.
    /// The journal must be flushed before. No transaction may be open.
    ///
    /// # Errors
    /// The disk's own; the log still holds everything then.
    pub fn checkpoint(&self) -> Result<()> {
        // The log must lie on the disk whole before the database changes.
        self.settle()?;
        self.make_room().map_err(|error| self.explain(error))?;
        let checkpoint = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            });
        match checkpoint.map_err(|error| self.explain(error.into()))? {
            (0, log, done) if log == done => {
                self.vfs.take_failure().map_or(Ok(()), Err)?;
                // Of the emptied log nothing may come back once another begins.
                self.vfs.file(WAL_FILE).map_or(Ok(()), |log| log.flush())
            }
            (busy, log, done) => Err(self.explain(Error::new(
                Code::Internal,
                format!("the checkpoint stopped short: busy {busy}, {done} of {log} pages"),
            ))),
        }
    }

    /// How many pages the file has, and how many of them hold nothing.
    pub fn pages(&self) -> Result<Pages> {
        let count = |sql: &str| self.connection.query_row(sql, [], |row| row.get(0));
        Ok(Pages {
            all: count("PRAGMA page_count")?,
            free: count("PRAGMA freelist_count")?,
        })
    }

    /// Gives some free pages at the end of the file back to the disk; true while there are more. The next checkpoint cuts
    /// the file. No transaction may be open.
    pub fn give_back_pages(&self, pages: u32) -> Result<bool> {
        let vacuum = format!("PRAGMA incremental_vacuum({pages})");
        let mut statement = self.connection.prepare(&vacuum)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(self.pages()?.free > 0)
    }

    /// Makes the database file as long as it is about to say it is. So a file that is shorter was cut off.
    fn make_room(&self) -> Result<()> {
        let pages = self
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get::<_, u64>(0))?;
        let file = self.file()?;
        let needed = pages * u64::from(PAGE_BYTES);
        if file.size()? < needed {
            file.truncate(needed)?;
            file.flush()?;
        }
        Ok(())
    }

    /// Checks every page of the database file as it lies on the disk, past every cache.
    ///
    /// # Errors
    /// `corrupt` naming the first page that fails.
    pub fn verify_pages(&self) -> Result<()> {
        let mut offset = 0;
        while self.verify_slice(&mut offset)? {}
        Ok(())
    }

    /// Checks the next pages from `offset` on, which moves on whatever they are; false once there are none.
    ///
    /// # Errors
    /// `corrupt` naming the first page of the slice that fails.
    pub fn verify_slice(&self, offset: &mut u64) -> Result<bool> {
        let file = self.file()?;
        let begin = *offset;
        if begin >= file.size()? {
            return Ok(false);
        }
        let mut slice = vec![0; VERIFY_BYTES];
        let read = file.read_at(&mut slice, begin)?;
        *offset += VERIFY_BYTES as u64;
        vfs::check_pages(slice.get(..read).unwrap_or_default(), PAGE_BYTES, begin)?;
        Ok(true)
    }

    /// SQLite's own check of structure and indexes; each finding is a sentence.
    pub fn quick_check(&self) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare("PRAGMA quick_check")?;
        let findings = statement.query_map([], |row| row.get::<_, String>(0))?;
        let findings = findings.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(findings
            .into_iter()
            .filter(|finding| finding != "ok")
            .collect())
    }

    /// How SQLite's page cache does.
    pub fn page_cache(&self) -> Result<PageCache> {
        let count = |of| counter(&self.connection, of);
        Ok(PageCache {
            hits: count(ffi::SQLITE_DBSTATUS_CACHE_HIT)?,
            misses: count(ffi::SQLITE_DBSTATUS_CACHE_MISS)?,
            bytes: count(ffi::SQLITE_DBSTATUS_CACHE_USED)?,
            max_bytes: CACHE_KIB.unsigned_abs() << 10,
        })
    }

    /// The disk's own account of a failure where it has one, because SQLite's codes say less.
    pub fn explain(&self, error: Error) -> Error {
        match self.vfs.take_failure() {
            Some(failure)
                if matches!(
                    error.code(),
                    Code::Io | Code::QuotaExceeded | Code::Corrupt | Code::Internal
                ) =>
            {
                failure
            }
            _ => error,
        }
    }
}

/// The length of a database file by its own header.
fn claimed_bytes(file: &dyn File) -> Result<u64> {
    const PAGE_COUNT_AT: u64 = 28;
    let mut pages = [0; 4];
    file.read_at(&mut pages, PAGE_COUNT_AT)?;
    Ok(u64::from(u32::from_be_bytes(pages)) * u64::from(PAGE_BYTES))
}

/// Whether an error of a database's means that its files cannot be used, rather than that they cannot be reached. What
/// SQLite has no better name for counts too: on a disk that answers, only files that are not ours make it fail so.
pub fn is_damage(error: &Error) -> bool {
    matches!(error.code(), Code::Corrupt | Code::Internal)
}

/// The pages of the database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// All of them.
    pub all: u64,
    /// Those that hold nothing.
    pub free: u64,
}

/// What became of looks for pages since the database was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct PageCache {
    /// Pages that were in the cache.
    pub hits: u32,
    /// Pages that were read from the disk.
    pub misses: u32,
    /// Bytes that the cache takes.
    pub bytes: u32,
    /// Bytes that it may take.
    pub max_bytes: u32,
}

/// One of SQLite's counters of a connection.
#[allow(unsafe_code)]
fn counter(db: &Connection, counter: i32) -> Result<u32> {
    let (mut now, mut highest) = (0, 0);
    // SAFETY: the handle is the open connection's and is not closed; SQLite writes two ints through the pointers during the
    // call and keeps nothing.
    let code =
        unsafe { ffi::sqlite3_db_status(db.handle(), counter, &raw mut now, &raw mut highest, 0) };
    if code == ffi::SQLITE_OK {
        Ok(u32::try_from(now).unwrap_or(0))
    } else {
        Err(Error::new(
            Code::Internal,
            format!("SQLite does not count what is asked for: {code}"),
        ))
    }
}

/// Executes a prepared statement without parameters or rows.
trait RawExecute {
    fn raw_execute_none(&mut self) -> Result<()>;
}

impl RawExecute for rusqlite::CachedStatement<'_> {
    fn raw_execute_none(&mut self) -> Result<()> {
        self.execute([])?;
        Ok(())
    }
}

/// Sets a pragma that answers with what it is set to, and checks the answer.
fn set(db: &Connection, name: &str, value: &str) -> Result<()> {
    let sql = format!("PRAGMA {name} = {value}");
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    expect(db, name, value)
}

fn expect(db: &Connection, name: &str, value: &str) -> Result<()> {
    let found = db.query_row(&format!("PRAGMA {name}"), [], |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => other.as_str()?.to_owned(),
        })
    })?;
    if found == value {
        Ok(())
    } else {
        Err(Error::new(
            Code::Internal,
            format!("SQLite keeps {name} at {found} instead of {value}"),
        ))
    }
}

/// Makes room at the end of every page for its checksum; only before the first page is written.
#[allow(unsafe_code)]
fn reserve_checksum_bytes(db: &Connection) -> Result<()> {
    let mut bytes = i32::try_from(CHECKSUM_BYTES).unwrap_or(i32::MAX);
    // SAFETY: the handle is the open connection's and is not closed; SQLite reads and writes one int through the pointer
    // during the call and keeps nothing.
    let code = unsafe {
        ffi::sqlite3_file_control(
            db.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_RESERVE_BYTES,
            (&raw mut bytes).cast(),
        )
    };
    if code == ffi::SQLITE_OK {
        Ok(())
    } else {
        Err(Error::new(
            Code::Internal,
            format!("SQLite reserves no room for checksums: {code}"),
        ))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Sqlite;
        let (code, message) = match &error {
            rusqlite::Error::QueryReturnedNoRows => (Code::NotFound, "there is no such record"),
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                Sqlite::DiskFull => (Code::QuotaExceeded, "the disk is full"),
                Sqlite::DatabaseCorrupt | Sqlite::NotADatabase => {
                    (Code::Corrupt, "the database is damaged")
                }
                Sqlite::SystemIoFailure => (Code::Io, "the disk failed"),
                Sqlite::ConstraintViolation => match failure.extended_code {
                    ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
                        (Code::NotFound, "a record it refers to does not exist")
                    }
                    ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                        (Code::Conflict, "the record exists already")
                    }
                    _ => (
                        Code::InvalidArgument,
                        "a value is outside what its column allows",
                    ),
                },
                Sqlite::TooBig => (Code::InvalidArgument, "a value is too large"),
                _ => (Code::Internal, "SQLite failed"),
            },
            _ => (Code::Internal, "a query failed"),
        };
        Self::new(code, message).caused_by(error)
    }
}

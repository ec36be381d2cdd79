//! A database that is only worked in: it lies on the disk so that memory does not grow with it, and is never kept.

use std::rc::Rc;

use rusqlite::{Connection, OpenFlags};

use super::migrate::Step;
use super::vfs::{SlotKind, Vfs};
use super::{BOOKKEEPING, rank, unpack};
use crate::disk::{Disk, OpenMode};
use crate::error::Result;
use crate::host::Host;

/// Where what is only worked with lies. Opening a store empties it.
pub const FOLDER: &str = "staging";

/// The name `SQLite` knows it by.
const NAME: &str = "scratch.sqlite3";

/// Its page cache, in KiB.
const CACHE_KIB: i32 = 8_192;

/// The size of its pages, in bytes: rows come in the order of their keys, and a call for each page costs more than its bytes.
const PAGE_BYTES: u32 = 32_768;

/// A database without a log: what fails in it is thrown away whole.
pub struct Scratch {
    // Dropped first: its file is the VFS's.
    connection: Connection,
    _vfs: Vfs,
}

impl Scratch {
    /// Makes an empty one, with the tables of a schema version but without foreign keys enforced.
    pub async fn create(
        disk: &dyn Disk,
        host: Rc<dyn Host>,
        name: &str,
        schema: u32,
    ) -> Result<Self> {
        let path = format!("{FOLDER}/{name}");
        disk.remove(&path).await?;
        let file = disk.open(&path, OpenMode::CreateNew).await?;
        let now_ms = host.now_ms();
        let vfs = Vfs::register(host)?;
        vfs.attach(NAME, file, SlotKind::Plain)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags_and_vfs(NAME, flags, vfs.name())?;
        connection.set_prepared_statement_cache_capacity(256);
        connection.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA locking_mode = exclusive; PRAGMA journal_mode = memory; PRAGMA synchronous = 0;
             PRAGMA temp_store = 2; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA trusted_schema = 0; PRAGMA foreign_keys = 0;
             {BOOKKEEPING}"
        ))?;
        rank::install(&connection)?;
        unpack::install(&connection)?;
        let scratch = Self {
            connection,
            _vfs: vfs,
        };
        scratch.migrate(0, schema, now_ms)?;
        Ok(scratch)
    }

    /// Brings its tables from one schema version to another.
    pub fn migrate(&self, from: u32, to: u32, now_ms: i64) -> Result<()> {
        self.connection.flush_prepared_statement_cache();
        for step in Step::between(from, to)? {
            self.connection.execute_batch("BEGIN")?;
            step.run(&self.connection, now_ms)?;
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Removes what was worked with.
pub async fn clear(disk: &dyn Disk) -> Result<()> {
    for file in disk.list(FOLDER).await? {
        disk.remove(&format!("{FOLDER}/{file}")).await?;
    }
    Ok(())
}

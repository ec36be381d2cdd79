//! The database as it was at one moment, read beside the one that goes on.
//!
//! After a full checkpoint the database file is what the state is, and stays so while nothing checkpoints. A second
//! connection that knows nothing of the log reads it as it lies.

use std::rc::Rc;

use rusqlite::{Connection, OpenFlags};

use super::vfs::{SlotKind, Vfs};
use super::{FILE, unpack};
use crate::disk::File;
use crate::error::Result;
use crate::host::Host;

/// Its page cache, in KiB.
const CACHE_KIB: i32 = 2_048;

/// A database file that does not change while this is there.
pub struct Frozen {
    // Dropped first: its file is the VFS's.
    connection: Connection,
    file: Rc<dyn File>,
    _vfs: Vfs,
}

impl Frozen {
    /// Opens a file that nothing writes to.
    pub fn open(file: Rc<dyn File>, host: Rc<dyn Host>) -> Result<Self> {
        let vfs = Vfs::register(host)?;
        vfs.attach(FILE, file.clone(), SlotKind::Database)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let uri = format!("file:{FILE}?immutable=1");
        let connection = Connection::open_with_flags_and_vfs(uri, flags, vfs.name())?;
        connection.execute_batch(&format!(
            "PRAGMA trusted_schema = 0; PRAGMA cell_size_check = 1; PRAGMA temp_store = 2; PRAGMA cache_size = -{CACHE_KIB}"
        ))?;
        unpack::install(&connection)?;
        Ok(Self {
            connection,
            file,
            _vfs: vfs,
        })
    }

    /// The connection, for reading. Temporary tables may be made.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &dyn File {
        &*self.file
    }
}

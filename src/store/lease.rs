//! The lease: one owner at a time, and who that owner is.
//!
//! The file `lease` is held open, which no other tab or process can do at the same time. It names the store, and the
//! installation that writes to it, so that journal lines from another device can be told apart.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::database::{self, Database};
use crate::disk::{self, Disk, File, OpenMode};
use crate::error::{Code, Error, Result};
use crate::host::Host;
use crate::journal::{Identity, Journal};

pub const FILE: &str = "lease";

/// The layout of the store's folder that this build reads and writes.
const FORMAT: u32 = 1;

/// A store that is ours until this is dropped.
pub struct Lease {
    file: Rc<dyn File>,
    /// Whose journal it is.
    pub identity: Identity,
}

#[derive(Serialize, Deserialize)]
struct Content {
    format: u32,
    store: Uuid,
    writer: Uuid,
    /// Of the three above: a flipped bit must not make this another store's folder.
    check: String,
}

impl Content {
    fn new(format: u32, Identity { store, writer }: Identity) -> Self {
        let sum = crc32fast::hash(format!("{format} {store} {writer}").as_bytes());
        Self {
            format,
            store,
            writer,
            check: format!("{sum:08x}"),
        }
    }

    /// Reads a lease; none when it is torn or damaged.
    fn read(json: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(json).ok()?;
        let identity = Identity {
            store: read.store,
            writer: read.writer,
        };
        (read.check == Self::new(read.format, identity).check).then_some(read)
    }
}

impl Lease {
    /// Length of its file in bytes.
    pub fn bytes(&self) -> Result<u64> {
        self.file.size()
    }

    /// Takes the store of `disk`.
    ///
    /// # Errors
    /// `locked` when another tab or process has it, `schema_too_new` when its folder has a later layout.
    pub async fn take(disk: &Rc<dyn Disk>, host: &Rc<dyn Host>) -> Result<Self> {
        let file = disk
            .open(FILE, OpenMode::Create)
            .await
            .map_err(|error| match error.code() {
                Code::Locked => {
                    Error::new(Code::Locked, "the store is open in another tab or process")
                        .caused_by(error)
                }
                _ => error,
            })?;
        let known = Content::read(&disk::read_all(&*file)?);
        let identity = if let Some(content) = known {
            if content.format > FORMAT {
                return Err(Error::new(
                    Code::SchemaTooNew,
                    format!(
                        "the store has layout {}; this package knows {FORMAT}. Nothing was changed",
                        content.format
                    ),
                ));
            }
            Identity {
                store: content.store,
                writer: content.writer,
            }
        } else {
            let store = match find_store(disk, host).await? {
                Some(store) => store,
                None => host.uuid(),
            };
            let identity = Identity {
                store,
                writer: host.uuid(),
            };
            let content = Content::new(FORMAT, identity);
            let json = serde_json::to_vec(&content).map_err(|error| {
                Error::new(Code::Internal, "the lease cannot be written").caused_by(error)
            })?;
            file.truncate(0)?;
            file.write_at(&json, 0)?;
            file.flush()?;
            identity
        };
        Ok(Self { file, identity })
    }
}

/// The store that the files themselves name, when the lease is lost.
async fn find_store(disk: &Rc<dyn Disk>, host: &Rc<dyn Host>) -> Result<Option<Uuid>> {
    if let Some(store) = Journal::find_store(disk.clone()).await? {
        return Ok(Some(store));
    }
    let found = Database::find(&**disk, host.clone()).await;
    match found.and_then(|found| found.map_or(Ok(None), |database| database.position())) {
        Ok(position) => Ok(position.and_then(|position| position.store.parse().ok())),
        // A database that cannot be read cannot say; opening the store deals with it.
        Err(error) if database::is_damage(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

//! The `SQLite` file of a moment, by itself.

use super::ExportProgress;
use crate::disk::File;
use crate::domain::charts::time;
use crate::error::Result;
use crate::store::{Moment, Store};

/// Bytes of `SQLite` file copied at once.
const COPY_BYTES: usize = 256 << 10;

/// The `SQLite` file on its way out.
pub struct Database {
    moment: Moment,
    created_at: String,
    progress: ExportProgress,
}

impl Database {
    /// Begins with the state as it is now, which stays held until [`end`](Self::end).
    ///
    /// # Errors
    /// `locked` while another export is on its way.
    pub fn begin(store: &mut Store) -> Result<Self> {
        let created_at = time::write(store.host().now_ms())?;
        let moment = store.hold()?;
        let total = store.held_file(moment).and_then(File::size);
        let total = total.inspect_err(|_| store.let_go(moment))?;
        Ok(Self {
            moment,
            created_at,
            progress: ExportProgress {
                total,
                ..ExportProgress::default()
            },
        })
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// `aborted` when the store had to recover meanwhile; the disk's own.
    pub fn next_bytes(&mut self, store: &Store) -> Result<Option<Vec<u8>>> {
        let bytes = block(store, self.moment, self.progress.done)?;
        self.progress.done += bytes.len() as u64;
        self.progress.is_done = self.progress.done >= self.progress.total || bytes.is_empty();
        Ok((!bytes.is_empty()).then_some(bytes))
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> &ExportProgress {
        &self.progress
    }

    /// Lets go of the moment that it is of.
    pub fn end(&self, store: &mut Store) {
        store.let_go(self.moment);
    }

    /// A name for the file.
    #[must_use]
    pub fn file_name(&self) -> String {
        let date = self.created_at.get(..10).unwrap_or_default();
        format!("strongroom-{date}.sqlite3")
    }
}

/// Bytes of the file from a place on: none at its end.
pub(super) fn block(store: &Store, moment: Moment, at: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; COPY_BYTES];
    let read = store.held_file(moment)?.read_at(&mut bytes, at)?;
    bytes.truncate(read);
    Ok(bytes)
}

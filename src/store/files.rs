//! The sizes of a store's files, open ones included.

use super::Store;
use crate::database;
use crate::disk::{Disk as _, OpenMode};
use crate::error::{Code, Result};

/// The store's folders; the first is the root.
const FOLDERS: &[&str] = &["", "journal", "snapshots", "quarantine", "backups"];

/// A file of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSize {
    /// Its path in the store's folder.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Store {
    /// Every file of the store with its size.
    pub async fn files(&self) -> Result<Vec<FileSize>> {
        let mut files = Vec::new();
        for folder in FOLDERS {
            for name in self.disk.list(folder).await? {
                let path = match *folder {
                    "" => name,
                    folder => format!("{folder}/{name}"),
                };
                let bytes = self.file_bytes(&path).await?;
                files.push(FileSize { path, bytes });
            }
        }
        Ok(files)
    }

    async fn file_bytes(&self, path: &str) -> Result<u64> {
        match path {
            database::FILE => return self.database()?.file()?.size(),
            database::WAL_FILE => return self.database()?.wal_bytes_on_disk(),
            _ => {}
        }
        if path == super::lease::FILE {
            return self.lease.bytes();
        }
        if let Some(bytes) = self.journal.file_bytes(path).await? {
            return Ok(bytes);
        }
        match self.backup_files.open(path, OpenMode::Existing).await {
            Ok(file) => file.size(),
            // Removed since, or a copy that is just being made.
            Err(error) if matches!(error.code(), Code::NotFound | Code::Locked) => Ok(0),
            Err(error) => Err(error),
        }
    }
}

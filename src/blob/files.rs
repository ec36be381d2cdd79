//! The files that pieces are kept in: `blobs/<two digits>/<hash>`.

use std::rc::Rc;

use super::{Hash, Piece, pack, parse_hash};
use crate::disk::{Disk, OpenMode, read_all};
use crate::error::{Code, Error, Result};

/// How many folders the files are spread over.
pub const FOLDERS: usize = 256;

/// The files of pieces. No file stays open: each that is costs quota, and browsers allow few.
#[derive(Clone)]
pub struct Files {
    disk: Rc<dyn Disk>,
}

impl Files {
    /// The pieces on a disk.
    #[must_use]
    pub fn new(disk: &Rc<dyn Disk>) -> Self {
        Self { disk: disk.clone() }
    }

    /// The path of a piece's file.
    #[must_use]
    pub fn path(hash: &Hash) -> String {
        let hex = hash.to_hex();
        let folder = hex.get(..2).unwrap_or_default();
        format!("blobs/{folder}/{hex}")
    }

    /// Keeps bytes of this hash as a piece; they survive power loss once this returns. What a crash left under the name is replaced.
    ///
    /// # Errors
    /// The disk's own; `quota_exceeded` above all. What was written is removed then.
    pub async fn write(&self, hash: Hash, bytes: &[u8], is_compressible: bool) -> Result<Piece> {
        let (piece, stored) = pack::pack(hash, bytes, is_compressible)?;
        let Some(stored) = stored else {
            return Ok(piece);
        };
        let path = Self::path(&piece.hash);
        let written = async {
            let file = self.disk.open(&path, OpenMode::Create).await?;
            if file.size()? > 0 {
                file.truncate(0)?;
            }
            file.write_at(&stored, 0)?;
            file.flush()
        };
        if let Err(error) = written.await {
            // What cannot be removed now is removed as an orphan.
            let _ = self.disk.remove(&path).await;
            return Err(error);
        }
        Ok(piece)
    }

    /// The bytes of a piece, which are the ones that were kept.
    ///
    /// # Errors
    /// `corrupt` when its file is missing, cut off or altered.
    pub async fn read(&self, piece: &Piece) -> Result<Vec<u8>> {
        if let Some(text) = &piece.text {
            return pack::unpack(piece, text.clone().into_bytes());
        }
        let path = Self::path(&piece.hash);
        let opened = self.disk.open(&path, OpenMode::Existing).await;
        let file = opened.map_err(|error| match error.code() {
            Code::NotFound => {
                Error::corrupt(format!("the piece {} is missing", piece.hash)).caused_by(error)
            }
            _ => error,
        })?;
        if file.size()? != piece.stored {
            return Err(Error::corrupt(format!(
                "the piece {} is {} bytes long, not {}",
                piece.hash,
                file.size()?,
                piece.stored
            )));
        }
        pack::unpack(piece, read_all(&*file)?)
    }

    /// Removes a piece's file; true if there was one.
    pub async fn remove(&self, hash: &Hash) -> Result<bool> {
        self.disk.remove(&Self::path(hash)).await
    }

    /// Moves a piece's file to `quarantine/`.
    pub async fn set_aside(&self, hash: &Hash) -> Result<()> {
        let aside = format!("quarantine/{}", hash.to_hex());
        self.disk.rename(&Self::path(hash), &aside).await
    }

    /// The pieces that have a file on one of the [`FOLDERS`]. Other files there are none of ours, and are let be.
    pub async fn in_folder(&self, folder: usize) -> Result<Vec<Hash>> {
        let names = self.disk.list(&format!("blobs/{folder:02x}")).await?;
        Ok(names
            .iter()
            .filter_map(|name| parse_hash(name).ok())
            .collect())
    }
}

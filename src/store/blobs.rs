//! Pieces of contents in the store's care: their files are there before their rows, and go after them.

use serde::Serialize;

use super::{Caller, Job, Store, WorkProgress, answer};
use crate::blob::{FOLDERS, Files, Hash, Packing, Piece, Writer};
use crate::disk::{LocalFuture, OpenMode};
use crate::domain::blobs;
use crate::error::{Code, Error, Result};

/// Contents looked at in one slice, and removed in one.
const SLICE_LOOKED_AT: usize = 1000;
const SLICE_REMOVED: usize = 8;

/// Folders looked through in one slice.
const SLICE_FOLDERS: usize = 16;

/// Says that rows were lost: files without a row are then set aside, where they would otherwise be removed.
const DOUBT: &str = "blobs/doubt";

/// Pieces that someone is about to have rows for: nothing removes them.
#[derive(Default)]
pub(super) struct Leases {
    pieces: Vec<(Piece, u32)>,
}

impl Leases {
    fn place(&self, hash: &Hash) -> Option<usize> {
        self.pieces
            .iter()
            .position(|(piece, _)| piece.hash == *hash)
    }

    fn take(&mut self, piece: &Piece) {
        match self
            .place(&piece.hash)
            .and_then(|at| self.pieces.get_mut(at))
        {
            Some((_, holders)) => *holders += 1,
            None => self.pieces.push((piece.clone(), 1)),
        }
    }

    /// True when nobody holds it any more.
    fn give_back(&mut self, hash: &Hash) -> bool {
        let Some(at) = self.place(hash) else {
            return true;
        };
        if let Some((_, holders)) = self.pieces.get_mut(at) {
            *holders -= 1;
            if *holders > 0 {
                return false;
            }
        }
        self.pieces.swap_remove(at);
        true
    }

    fn get(&self, hash: &Hash) -> Option<&Piece> {
        Some(&self.pieces.get(self.place(hash)?)?.0)
    }
}

impl Store {
    fn files_of_pieces(&self) -> Files {
        Files::new(&self.disk)
    }

    /// Keeps some bytes as a piece, which survives power loss and stays until it is [given back](Self::give_back). What is kept
    /// already is not written again, unless it was damaged. On a full disk what nothing has any more is removed first, however short a time ago it was let go of.
    ///
    /// # Errors
    /// `quota_exceeded` when there is no room even so, and the disk's own.
    pub async fn keep_piece(&mut self, bytes: &[u8], is_compressible: bool) -> Result<Piece> {
        let hash = blake3::hash(bytes);
        let known = match self.leases.get(&hash) {
            Some(piece) => Some(piece.clone()),
            None => self.read(Caller::default(), |view| blobs::piece(view, &hash))?,
        };
        let piece = match known {
            Some(piece) => {
                self.mend_piece(&piece, bytes).await?;
                piece
            }
            None => self.write_piece(hash, bytes, is_compressible).await?,
        };
        self.leases.take(&piece);
        Ok(piece)
    }

    /// Keeps the pieces of a content that are whole, and adds each to it; `is_end` says that nothing of it will follow.
    ///
    /// # Errors
    /// As [`keep_piece`](Self::keep_piece). What was added is kept.
    pub async fn keep_ready(&mut self, writer: &mut Writer, is_end: bool) -> Result<()> {
        while let Some(piece) = writer.ready(is_end) {
            let piece = self.keep_piece(&piece, writer.is_compressible()).await?;
            writer.add(piece);
        }
        Ok(())
    }

    /// Writes a piece's file anew, if it does not hold what was kept.
    async fn mend_piece(&mut self, piece: &Piece, bytes: &[u8]) -> Result<()> {
        match self.read_piece(piece).await {
            Err(error) if error.code() == Code::Corrupt => {}
            read => return read.map(|_| ()),
        }
        let written = self
            .write_piece(piece.hash, bytes, piece.packing == Packing::Gzip)
            .await?;
        if written != *piece {
            return Err(Error::corrupt(format!(
                "the piece {} cannot be kept as it was",
                piece.hash
            )));
        }
        Ok(())
    }

    async fn write_piece(
        &mut self,
        hash: Hash,
        bytes: &[u8],
        is_compressible: bool,
    ) -> Result<Piece> {
        let files = self.files_of_pieces();
        match files.write(hash, bytes, is_compressible).await {
            Err(error) if error.code() == Code::QuotaExceeded && !self.is_held() => {
                let mut collection = Collection::new(0);
                while collection.step(self).await? {}
                if collection.collected.files == 0 {
                    return Err(error);
                }
                files.write(hash, bytes, is_compressible).await
            }
            written => written,
        }
    }

    /// Keeps a piece of a row from being removed until it is [given back](Self::give_back).
    pub fn lease_piece(&mut self, piece: &Piece) {
        self.leases.take(piece);
    }

    /// Ends the lease of some pieces, and removes those that have no row.
    ///
    /// # Errors
    /// The disk's own; what is left is removed as orphans then.
    pub async fn give_back(&mut self, pieces: &[Piece]) -> Result<()> {
        for piece in pieces {
            if self.leases.give_back(&piece.hash)
                && piece.packing != Packing::Inline
                && !self.read(Caller::default(), |view| blobs::has_file(view, &piece.hash))?
            {
                self.files_of_pieces().remove(&piece.hash).await?;
            }
        }
        Ok(())
    }

    /// The bytes of a piece, which are the ones that were kept.
    ///
    /// # Errors
    /// `corrupt` when its file is missing, cut off or altered.
    pub async fn read_piece(&self, piece: &Piece) -> Result<Vec<u8>> {
        self.files_of_pieces().read(piece).await
    }

    /// The length of a piece's file; none if it is not there.
    pub async fn piece_bytes(&self, piece: &Piece) -> Result<Option<u64>> {
        match self
            .disk
            .open(&Files::path(&piece.hash), OpenMode::Existing)
            .await
        {
            Ok(file) => file.size().map(Some),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes files that no row tells of, some folders at a time; true while there are more. A crash between the file and the row
    /// leaves such files; what may have lost its row otherwise is set aside.
    pub(super) async fn sweep_step(&mut self) -> Result<bool> {
        let Some(folder) = self.next_folder else {
            return Ok(false);
        };
        let files = self.files_of_pieces();
        if folder == FOLDERS {
            self.disk.remove(DOUBT).await?;
            self.next_folder = None;
            return Ok(false);
        }
        let next = (folder + SLICE_FOLDERS).min(FOLDERS);
        for folder in folder..next {
            for hash in files.in_folder(folder).await? {
                let is_known = self.leases.get(&hash).is_some()
                    || self.read(Caller::default(), |view| blobs::has_file(view, &hash))?;
                if is_known {
                    continue;
                }
                if self.is_in_doubt().await? {
                    files.set_aside(&hash).await?;
                } else {
                    files.remove(&hash).await?;
                }
            }
        }
        self.next_folder = Some(next);
        Ok(true)
    }

    /// Notes that rows were lost, until all files were looked at once.
    pub(super) async fn doubt_files(&mut self) -> Result<()> {
        self.next_folder = Some(0);
        self.disk.open(DOUBT, OpenMode::Create).await?.flush()
    }

    async fn is_in_doubt(&self) -> Result<bool> {
        match self.disk.open(DOUBT, OpenMode::Existing).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Code::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// What a collection removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Collected {
    /// Contents that nothing had any more.
    pub contents: u64,
    /// Files that held their pieces.
    pub files: u64,
    /// Bytes of their pieces, as they were kept.
    pub bytes: u64,
}

/// Removes contents that nothing has any more, in slices.
pub struct Collection {
    grace_ms: i64,
    /// The last content that was looked at; none when all were.
    looked_at: Option<i64>,
    collected: Collected,
}

impl Collection {
    /// Removes what nothing has had for this many milliseconds.
    #[must_use]
    pub const fn new(grace_ms: i64) -> Self {
        Self {
            grace_ms,
            looked_at: Some(0),
            collected: Collected {
                contents: 0,
                files: 0,
                bytes: 0,
            },
        }
    }

    /// Does a slice; true while there is more to do.
    pub async fn step(&mut self, store: &mut Store) -> Result<bool> {
        if let Some(after) = self.looked_at {
            let marked = store.write("contents.mark", Caller::default(), |tx| {
                blobs::mark_unused(tx, after, SLICE_LOOKED_AT)
            })?;
            self.looked_at = marked.value()?;
            return Ok(true);
        }
        let since = store.host.now_ms().saturating_sub(self.grace_ms);
        let unused = store.read(Caller::default(), |view| {
            blobs::unused(view, since, SLICE_REMOVED)
        })?;
        if unused.is_empty() {
            return Ok(false);
        }
        let (mut contents, mut gone) = (0, Vec::new());
        let leases = std::mem::take(&mut store.leases);
        let removed = store.write("contents.remove", Caller::default(), |tx| {
            (contents, gone) = blobs::remove(tx, &unused, &|hash| leases.get(hash).is_some())?;
            Ok(())
        });
        store.leases = leases;
        removed?;
        // A row that a power loss brought back would name a file that is gone.
        store.flush()?;
        let files = store.files_of_pieces();
        for piece in &gone {
            if piece.packing != Packing::Inline {
                self.collected.files += u64::from(files.remove(&piece.hash).await?);
            }
            self.collected.bytes += piece.stored;
        }
        self.collected.contents += contents;
        // What is leased stays, and would be found over and over.
        Ok(contents > 0)
    }

    /// What was removed so far.
    #[must_use]
    pub const fn collected(&self) -> Collected {
        self.collected
    }
}

impl Job for Collection {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            if store.is_held() {
                return Err(Error::new(
                    Code::Locked,
                    "an export reads contents; try again when it is done",
                ));
            }
            let more = Self::step(self, store).await?;
            let total = store.read(Caller::default(), blobs::last)?;
            let done = self.looked_at.map_or(total, i64::unsigned_abs);
            progress(&answer(&WorkProgress { done, total })?);
            if more {
                return Ok(None);
            }
            answer(&self.collected).map(Some)
        })
    }
}

//! Giving back what the files take and do not need: free pages of the database, and plain journal segments.

use serde::Serialize;

use super::{Job, Store, WorkProgress, answer};
use crate::database;
use crate::disk::LocalFuture;
use crate::error::{Code, Error, Result};

/// Pages given back in one slice.
pub(super) const SLICE_PAGES: u32 = 256;

/// Free pages from which upkeep gives them back, and the share of the file that they must be, in hundredths. A few are kept
/// for what is written next.
const MANY_PAGES: u64 = 256;
const MANY_PERCENT: u64 = 25;

/// Bytes from which the segment that is being written is closed for a compaction; smaller ones would only be many.
const WORTH_SEALING_BYTES: u64 = 64 << 10;

/// What a compaction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Compacted {
    /// Bytes that the store's files take less than before.
    pub bytes: u64,
}

impl Store {
    /// Whether upkeep should give pages back.
    pub(super) fn has_many_free_pages(&self) -> Result<bool> {
        let pages = self.database()?.pages()?;
        Ok(pages.free >= MANY_PAGES && pages.free * 100 >= pages.all * MANY_PERCENT)
    }

    /// Gives a slice of the free pages back; true while there are more.
    pub(super) fn give_back_pages(&mut self) -> Result<bool> {
        self.commit();
        self.check_sound()?;
        self.database()?.give_back_pages(SLICE_PAGES)
    }

    /// Bytes of pages that hold nothing.
    pub(crate) fn free_bytes(&self) -> Result<u64> {
        Ok(self.database()?.pages()?.free * u64::from(database::PAGE_BYTES))
    }
}

/// A compaction on its way: frees what upkeep would free by and by.
pub struct Compaction {
    stage: Stage,
    /// Bytes of all files before, and those to go through.
    before: u64,
    total: u64,
}

enum Stage {
    Begin,
    /// Chunks of archived conversations.
    Pack,
    Pages,
    Checkpoint,
    Seal,
    Done,
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            stage: Stage::Begin,
            before: 0,
            total: 0,
        }
    }
}

impl Compaction {
    /// Does a slice; gives what it came to once nothing is left.
    async fn slice(&mut self, store: &mut Store) -> Result<Option<Compacted>> {
        match self.stage {
            Stage::Begin => {
                store.checkpoint_now()?;
                self.before = bytes_of_all(store).await?;
                let written = store.journal.segments().last().map_or(0, |it| it.bytes);
                if written >= WORTH_SEALING_BYTES {
                    store.journal.rotate(store.host.now_ms()).await?;
                }
                self.stage = Stage::Pack;
                self.total = Self::left(store)?;
            }
            Stage::Pack if store.pack_step()? => {}
            Stage::Pack => {
                self.stage = Stage::Pages;
                self.total = self.total.max(Self::left(store)?);
            }
            Stage::Pages if store.give_back_pages()? => {}
            Stage::Pages => self.stage = Stage::Checkpoint,
            // It reads the file, which must not change meanwhile.
            Stage::Checkpoint if store.snapshot.is_some() => {
                store.snapshot_step().await?;
            }
            Stage::Checkpoint => {
                store.checkpoint_now()?;
                self.stage = Stage::Seal;
            }
            Stage::Seal if store.journal.seal_step().await? => {}
            Stage::Seal => self.stage = Stage::Done,
            Stage::Done => {
                let after = bytes_of_all(store).await?;
                let bytes = self.before.saturating_sub(after);
                return Ok(Some(Compacted { bytes }));
            }
        }
        Ok(None)
    }

    /// Bytes that are still to be gone through.
    fn left(store: &Store) -> Result<u64> {
        let segments = store.journal.sealing_progress();
        Ok(store.free_bytes()? + segments.total - segments.done)
    }

    /// In bytes.
    fn progress(&self, store: &Store) -> Result<WorkProgress> {
        let left = Self::left(store)?.min(self.total);
        Ok(WorkProgress {
            done: self.total - left,
            total: self.total,
        })
    }
}

impl Job for Compaction {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            if store.is_held() || store.is_erasing() {
                return Err(Error::new(
                    Code::Locked,
                    "the files are being read or written anew; try again when that is done",
                ));
            }
            let done = self.slice(store).await?;
            progress(&answer(&self.progress(store)?)?);
            done.as_ref().map(answer).transpose()
        })
    }
}

async fn bytes_of_all(store: &Store) -> Result<u64> {
    let files = store.files().await?;
    Ok(files.iter().map(|file| file.bytes).sum())
}

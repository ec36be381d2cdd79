//! Which work the store does by itself, as it can be shown.

use serde::Serialize;

use super::Store;
use crate::error::Result;

/// Work that the store does by itself, between calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum UpkeepWork {
    /// Removing the last traces of what was erased.
    Erase,
    /// Copying the database, so that it can be made again from fewer lines.
    Snapshot,
    /// Compressing the journal.
    Seal,
    /// Building the search index.
    Index,
    /// Packing the chunks of archived conversations.
    Pack,
    /// Giving free pages of the database back.
    Vacuum,
    /// Removing contents that nothing has any more.
    Collect,
    /// Checking everything.
    Check,
    /// Making a backup.
    Backup,
}

/// Work under way, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Upkeep {
    /// What is being done.
    pub work: UpkeepWork,
    /// How much of it is done, in whatever it counts; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// How much there is in all; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl Upkeep {
    /// Work of which is known how far it is.
    #[must_use]
    pub const fn at(work: UpkeepWork, done: u64, total: u64) -> Self {
        Self {
            work,
            done: Some(done),
            total: Some(total),
        }
    }

    /// Work of which is not known how far it is.
    #[must_use]
    pub const fn somewhere(work: UpkeepWork) -> Self {
        Self {
            work,
            done: None,
            total: None,
        }
    }
}

impl Store {
    /// What is being done by itself, or waits for a quiet moment.
    ///
    /// # Errors
    /// `io` while a recovery is due.
    pub fn upkeep(&mut self) -> Result<Vec<Upkeep>> {
        self.check_sound()?;
        let mut all = Vec::new();
        if self.erasing.is_some() {
            all.push(Upkeep::somewhere(UpkeepWork::Erase));
        }
        if let Some(snapshot) = &self.snapshot {
            let (done, total) = snapshot.progress();
            all.push(Upkeep::at(UpkeepWork::Snapshot, done, total));
        }
        let sealing = self.journal.sealing_progress();
        if sealing.done < sealing.total {
            all.push(Upkeep::at(UpkeepWork::Seal, sealing.done, sealing.total));
        }
        if self.search.is_building() {
            let status = self.search_status()?;
            let total = status.documents + status.waiting;
            all.push(Upkeep::at(UpkeepWork::Index, status.documents, total));
        }
        if self.packing.is_under_way() {
            all.push(Upkeep::somewhere(UpkeepWork::Pack));
        }
        if self.vacuuming {
            all.push(Upkeep::somewhere(UpkeepWork::Vacuum));
        }
        if self.collection.is_some() {
            all.push(Upkeep::somewhere(UpkeepWork::Collect));
        }
        Ok(all)
    }
}

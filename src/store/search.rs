//! The search index in the store's care: taking in what waits, building, checking.

use super::{Condition, Store};
use crate::database::Database;
use crate::error::Result;
use crate::search::{self, Index, SearchChecked, SearchStatus};
use crate::store::View;

impl Store {
    /// Writes to the search index within the open batch. A failure leaves it half written, so the store recovers.
    pub(super) fn index(
        &mut self,
        work: impl FnOnce(&mut Index, &Database, u32) -> Result<()>,
    ) -> Result<()> {
        self.begin_batch()?;
        self.apply_ahead()?;
        let schema = self.schema;
        let mut index = std::mem::take(&mut self.search);
        let written = self
            .database()
            .and_then(|database| work(&mut index, database, schema));
        self.search = index;
        written.inspect_err(|error| self.condition = Condition::Damaged(error.clone()))
    }

    /// Brings what waits into the search index, or puts it off.
    fn index_waiting(&mut self) -> Result<()> {
        if self.search.is_empty() {
            return Ok(());
        }
        self.index(Index::write)
    }

    /// Brings what waits into the search index, and what was put off as far as a search can wait for it.
    pub(super) fn index_for_search(&mut self) -> Result<()> {
        if self.search.is_empty() && !self.search.is_building() {
            return Ok(());
        }
        self.index(Index::catch_up)
    }

    /// Builds a little of a search index that is not complete.
    pub(super) fn build_index_step(&mut self) -> Result<()> {
        self.index(|index, database, _| index.build_step(database))
    }

    /// Empties the search index; it is built again by [`build_search`](Self::build_search) and by upkeep.
    pub fn rebuild_search(&mut self) -> Result<SearchStatus> {
        self.check_sound()?;
        self.index(Index::restart)?;
        self.search_status()
    }

    /// Builds a little of a search index that is not complete, and says how far it is.
    pub fn build_search(&mut self) -> Result<SearchStatus> {
        self.check_sound()?;
        if self.search.is_building() {
            self.build_index_step()?;
        }
        self.search_status()
    }

    /// Checks a part of the search index; the parts go on at the cursor of the one before.
    ///
    /// # Errors
    /// `conflict` while the index is being built.
    pub fn check_search(&mut self, cursor: Option<&str>) -> Result<SearchChecked> {
        self.check_sound()?;
        self.begin_batch()?;
        self.apply_ahead()?;
        self.index_waiting()?;
        search::check(self.database()?, cursor)
    }

    /// Does a step of writing the index anew without the words of what was deleted, which it otherwise holds until their
    /// pages are next merged. True when there is more to do; the first step is the one with `begins`.
    pub fn erase_search(&mut self, begins: bool) -> Result<bool> {
        self.check_sound()?;
        self.index_waiting()?;
        let mut more = false;
        self.index(|_, database, _| {
            more = search::erase(database, begins)?;
            Ok(())
        })?;
        Ok(more)
    }

    /// What is known of the search index.
    pub fn search_status(&mut self) -> Result<SearchStatus> {
        self.check_sound()?;
        self.apply_ahead()?;
        self.index_waiting()?;
        search::status(&View::new(self.database()?.connection(), None))
    }
}

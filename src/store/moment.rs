//! One moment of the state that stays readable while writes go on.

use super::{Store, View};
use crate::database::frozen::Frozen;
use crate::disk::File;
use crate::error::{Code, Error, Result};

/// A moment that someone reads.
pub(super) struct Held {
    number: u64,
    frozen: Frozen,
}

/// Names a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    number: u64,
    /// The last journal line that it holds.
    pub seq: u64,
    /// Its schema version.
    pub schema: u32,
}

impl Store {
    /// Holds the state as it is now, until it is [let go of](Self::let_go). Writes go on; the write-ahead log grows meanwhile,
    /// because nothing may change the database file, and contents that nothing has any more stay.
    ///
    /// # Errors
    /// `locked` while another moment is held; `quota_exceeded` and `io` are the disk's.
    pub fn hold(&mut self) -> Result<Moment> {
        if self.held.is_some() {
            return Err(Error::new(
                Code::Locked,
                "another export is on its way; try again when it is done",
            ));
        }
        self.commit_now()?;
        // It would read what is about to change; it begins again afterwards.
        self.snapshot = None;
        self.checkpoint()?;
        let file = self.database()?.file()?;
        let frozen = Frozen::open(file, self.host.clone())?;
        self.held_before += 1;
        let number = self.held_before;
        self.held = Some(Held { number, frozen });
        Ok(Moment {
            number,
            seq: self.journal.last_seq(),
            schema: self.schema,
        })
    }

    /// The state as it was at a moment. Temporary tables may be made.
    ///
    /// # Errors
    /// `aborted` when it is no longer held: the store had to recover, or was closed.
    pub fn held(&self, moment: Moment) -> Result<View<'_>> {
        let frozen = self.frozen(moment)?;
        Ok(View::new(frozen.connection(), None))
    }

    /// The database file as it was at a moment.
    ///
    /// # Errors
    /// As [`held`](Self::held).
    pub fn held_file(&self, moment: Moment) -> Result<&dyn File> {
        self.frozen(moment).map(Frozen::file)
    }

    fn frozen(&self, moment: Moment) -> Result<&Frozen> {
        self.held
            .as_ref()
            .filter(|held| held.number == moment.number)
            .map(|held| &held.frozen)
            .ok_or_else(|| Error::new(Code::Aborted, "the store recovered meanwhile; begin again"))
    }

    /// Lets go of a moment. Doing so twice is doing so once.
    pub fn let_go(&mut self, moment: Moment) {
        let is_it = |held: &Held| held.number == moment.number;
        if self.held.as_ref().is_some_and(is_it) {
            self.held = None;
        }
    }

    /// Whether the database file must stay as it is.
    pub(super) const fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

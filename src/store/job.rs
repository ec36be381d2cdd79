//! Long work on a store, done in slices so that turns go on between them.

use serde::Serialize;

use super::Store;
use crate::disk::LocalFuture;
use crate::error::{Code, Error, Result};

/// Long work: each step is a slice of a few milliseconds.
pub trait Job {
    /// Does the next slice; gives the answer, as JSON, once the work is done. `progress` is told steps as JSON.
    ///
    /// # Errors
    /// The work has failed then, and is given up.
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>>;

    /// Lets go of what the work holds in the store; called when it is given up, or has failed.
    fn give_up(&mut self, _store: &mut Store) {}
}

/// How far long work is, in whatever it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct WorkProgress {
    /// How much is done.
    pub done: u64,
    /// How much there is in all.
    pub total: u64,
}

/// A pause in the midst of work that holds all else up: it is told how far that is, and gives whether it goes on.
pub type Pause<'a, T = WorkProgress> = dyn FnMut(&T) -> LocalFuture<'static, bool> + 'a;

/// A [`Pause`] that is none.
pub fn no_pause<T: ?Sized>(_: &T) -> LocalFuture<'static, bool> {
    Box::pin(std::future::ready(true))
}

/// An answer as JSON.
pub fn answer<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(Code::Internal, "an answer is not JSON").caused_by(error))
}

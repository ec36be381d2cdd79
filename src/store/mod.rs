//! The one door to the state: open, recover, write, read, close.

mod transaction;

pub use transaction::{Tx, View};

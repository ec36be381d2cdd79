//! Full-text search over everything people and agents wrote.
//!
//! The index is derived from the records, like the audit index: nothing of it is journalled, it changes in the same commit as
//! what it tells of, and it can be made again. It keeps words and places, never a second copy of a text.

mod find;
mod index;
mod snippet;
mod sources;
mod terms;
mod words;

pub use find::{MATCHES, SearchHit, SearchPage, SearchQuery, query};
pub use index::{
    Index, SearchCheck, SearchChecked, SearchFinding, SearchStatus, check, erase, status,
};
pub use snippet::Snippet;
pub use sources::SearchKind;

//! The audit index: which journal lines touched which record, by whom. No contents.
//!
//! It is derived from the lines themselves, so replay makes it again. Entries wait in memory until the next commit, and
//! lines of one operation on one record share an entry: a streaming message adds one row per commit, not one per bundle.

use std::collections::BTreeMap;

use crate::database::Database;
use crate::database::capture::Touched;
use crate::domain::packed;
use crate::error::Result;

/// The schema version from which the index exists.
const SINCE_VERSION: u32 = 3;

/// Entries that wait for the next commit.
#[derive(Default)]
pub struct Audit {
    entries: BTreeMap<Key, Span>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    record: String,
    op: String,
    by: Option<String>,
}

struct Span {
    first_seq: u64,
    last_seq: u64,
    at_ms: i64,
}

/// One journal line, as far as the index is concerned.
#[derive(Debug, Clone)]
pub struct Touch {
    /// The line.
    pub seq: u64,
    /// Its time.
    pub at_ms: i64,
    /// Its operation.
    pub op: String,
    /// Who did it.
    pub by: Option<String>,
    /// What it touched.
    pub touched: Touched,
}

impl Touch {
    /// What a line touched. One that changes only how chunks are kept touched nothing that anybody would look for.
    pub fn new(seq: u64, at_ms: i64, op: &str, by: Option<String>, touched: Touched) -> Self {
        let is_upkeep = packed::OPS.contains(&op);
        Self {
            seq,
            at_ms,
            op: op.to_owned(),
            by,
            touched: if is_upkeep {
                Touched::default()
            } else {
                touched
            },
        }
    }
}

impl Audit {
    /// Adds a line.
    pub fn add(&mut self, touch: Touch) {
        for record in touch.touched.records {
            let key = Key {
                record,
                op: touch.op.clone(),
                by: touch.by.clone(),
            };
            let span = self.entries.entry(key).or_insert(Span {
                first_seq: touch.seq,
                last_seq: touch.seq,
                at_ms: touch.at_ms,
            });
            span.last_seq = touch.seq;
            span.at_ms = touch.at_ms;
        }
    }

    /// Writes what waits, within the transaction that is about to be committed.
    pub fn write(&mut self, database: &Database, schema: u32) -> Result<()> {
        if schema >= SINCE_VERSION {
            let mut insert = database.connection().prepare_cached(
                "INSERT OR REPLACE INTO history (record, first_seq, last_seq, op, by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for (key, span) in &self.entries {
                insert.execute((
                    &key.record,
                    span.first_seq,
                    span.last_seq,
                    &key.op,
                    &key.by,
                    span.at_ms,
                ))?;
            }
        }
        self.entries.clear();
        Ok(())
    }
}

//! Rows that are in the journal, and not in the database yet.
//!
//! A growing stream's rows are many and small, and known before SQLite sees them. So they are kept in the journal alone and
//! come into the database together: before anything reads or writes beside them, when many wait, and with each commit.

use crate::database::Database;
use crate::error::Result;

/// Rows that wait, in the order of their lines.
#[derive(Default)]
pub struct Ahead {
    /// JSON objects separated by commas, as the lines hold them.
    rows: Vec<u8>,
}

/// Bytes of rows after which they are applied although nothing asks for them, once there is time.
const MANY_BYTES: usize = 64 * 1024;

/// Bytes of rows after which they are applied at once.
const TOO_MANY_BYTES: usize = 1024 * 1024;

impl Ahead {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether so many wait that applying them should not be put off.
    pub fn is_much(&self) -> bool {
        self.rows.len() >= MANY_BYTES
    }

    /// Whether applying them cannot be put off.
    pub fn is_too_much(&self) -> bool {
        self.rows.len() >= TOO_MANY_BYTES
    }

    /// Adds the rows of a line.
    pub fn push(&mut self, rows: &[u8]) {
        if !self.rows.is_empty() {
            self.rows.push(b',');
        }
        self.rows.extend_from_slice(rows);
    }

    /// Adds all that waits in `later`, and empties that.
    pub fn append(&mut self, later: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, later);
        } else if !later.is_empty() {
            self.push(&later.rows);
        }
        later.clear();
    }

    pub fn clear(&mut self) {
        self.rows.clear();
        self.rows.shrink_to(4 * MANY_BYTES);
    }

    /// Brings the rows into the database, within its open transaction.
    pub fn apply(&mut self, database: &Database) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        database.apply(&self.rows)?;
        self.clear();
        Ok(())
    }
}

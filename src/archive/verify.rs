//! Reading an archive back: whether every byte is what was written.

use std::collections::VecDeque;

use super::EntrySum;
use super::source::{Source, SumReader};
use crate::error::{Code, Result};

/// Bytes read in one slice.
const SLICE_BYTES: usize = 1 << 20;

/// An archive that is being read back.
pub struct Verification {
    source: Source,
    left: VecDeque<EntrySum>,
    open: Option<SumReader>,
    /// What is not as it was written, one sentence each.
    pub findings: Vec<String>,
    /// Bytes read, and bytes there are.
    pub progress: (u64, u64),
}

impl Verification {
    /// Begins to read; what it builds on too, if that is wanted.
    #[must_use]
    pub fn begin(source: Source, with_bases: bool) -> Self {
        let wanted = |sum: &&EntrySum| with_bases || sum.within.is_none();
        let left: VecDeque<EntrySum> = source
            .manifest
            .entries
            .iter()
            .filter(wanted)
            .cloned()
            .collect();
        let total = left.iter().map(|sum| sum.size).sum();
        Self {
            source,
            left,
            open: None,
            findings: Vec::new(),
            progress: (0, total),
        }
    }

    /// Does a slice; true while there is more to read.
    ///
    /// # Errors
    /// The disk's own. What is not as it should be is a finding.
    pub fn step(&mut self) -> Result<bool> {
        let mut bytes = 0;
        while bytes < SLICE_BYTES {
            if self.open.is_none() && self.left.is_empty() {
                return Ok(false);
            }
            match self.read() {
                Ok(count) => bytes += count,
                // The next entry may be well.
                Err(error) if error.code() == Code::ArchiveInvalid => {
                    self.findings.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads some of the entry that is open, or of the next; gives how many bytes.
    fn read(&mut self) -> Result<usize> {
        let mut reader = match (self.open.take(), &mut self.left) {
            (Some(reader), _) => reader,
            (None, left) => match left.pop_front() {
                Some(sum) => self.source.reader(&sum)?,
                None => return Ok(0),
            },
        };
        let Some(bytes) = reader.read()? else {
            return Ok(0);
        };
        self.progress.0 += bytes.len() as u64;
        self.open = Some(reader);
        Ok(bytes.len())
    }
}

//! Reading an archive back: whether every byte is what was written.

use std::collections::VecDeque;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::zip::EntryReader;
use super::{EntrySum, Manifest, Source, hex};
use crate::disk::File;
use crate::error::{Code, Result};

/// Bytes read in one slice.
const SLICE_BYTES: usize = 1 << 20;

/// An archive that is being read back.
pub struct Verification {
    source: Source,
    left: VecDeque<EntrySum>,
    open: Option<Open>,
    /// What is not as it was written, one sentence each.
    pub findings: Vec<String>,
    /// Bytes read, and bytes there are.
    pub progress: (u64, u64),
}

struct Open {
    sum: EntrySum,
    file: Rc<dyn File>,
    reader: EntryReader,
    sha256: Sha256,
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

    /// What the archive says of itself.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.source.manifest
    }

    /// Does a slice; true while there is more to read.
    ///
    /// # Errors
    /// The disk's own. What is not as it should be is a finding.
    pub fn step(&mut self) -> Result<bool> {
        let mut bytes = 0;
        while bytes < SLICE_BYTES {
            let open = match self.open.take() {
                Some(open) => open,
                None => match self.left.pop_front() {
                    Some(sum) => match self.begin_entry(sum) {
                        Ok(open) => open,
                        Err(error) if error.code() == Code::ArchiveInvalid => {
                            self.findings.push(error.to_string());
                            continue;
                        }
                        Err(error) => return Err(error),
                    },
                    None => return Ok(false),
                },
            };
            bytes += self.read(open)?;
        }
        Ok(true)
    }

    fn begin_entry(&self, sum: EntrySum) -> Result<Open> {
        let (file, entry) = self.source.find(&sum)?;
        let reader = EntryReader::new(&*file, entry)?;
        Ok(Open {
            sum,
            file,
            reader,
            sha256: Sha256::new(),
        })
    }

    fn read(&mut self, mut open: Open) -> Result<usize> {
        match open.reader.next(&*open.file) {
            Ok(Some(bytes)) => {
                open.sha256.update(&bytes);
                self.progress.0 += bytes.len() as u64;
                self.open = Some(open);
                Ok(bytes.len())
            }
            Ok(None) => {
                if hex(&open.sha256.finalize()) != open.sum.sha256 {
                    self.findings
                        .push(format!("{:?} is not what was archived", open.sum.name));
                }
                Ok(0)
            }
            Err(error) if error.code() == Code::ArchiveInvalid => {
                self.findings.push(error.to_string());
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

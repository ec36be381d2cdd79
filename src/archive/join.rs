//! An archive that stands alone, made of a backup and what it builds on.

use std::collections::VecDeque;
use std::rc::Rc;

use super::entries::Entries;
use super::zip::EntryReader;
use super::{
    ALONE_VERSION, EntrySum, ExportProgress, Manifest, Source, hash_of, invalid, records, table_of,
};
use crate::disk::File;
use crate::error::Result;

/// Bytes after which a slice of the work ends.
const SLICE_BYTES: usize = 256 << 10;

/// A backup on its way out as an archive that stands alone.
pub struct Join {
    source: Source,
    out: Entries,
    /// What goes into it: an entry's name there, and where its bytes come from.
    left: VecDeque<(String, Vec<EntrySum>)>,
    open: Option<Open>,
    progress: ExportProgress,
}

/// An entry that is being written.
struct Open {
    left: VecDeque<EntrySum>,
    /// What its SHA-256 must be; rows are checked when they are brought in.
    sha256: Option<String>,
    reader: Option<(Rc<dyn File>, EntryReader)>,
}

impl Join {
    /// Begins to write it. `at_ms` is the time of its entries.
    ///
    /// # Errors
    /// `internal` when its first entry cannot be written.
    pub fn begin(source: Source, at_ms: i64) -> Result<Self> {
        let mut out = Entries::new(at_ms);
        out.readme()?;
        let sums = &source.manifest.entries;
        let mut left = VecDeque::new();
        for spec in records::tables() {
            let rows: Vec<EntrySum> = sums
                .iter()
                .filter(|sum| table_of(&sum.name) == Some(spec.name))
                .cloned()
                .collect();
            if !rows.is_empty() {
                left.push_back((format!("data/{}.jsonl", spec.name), rows));
            }
        }
        for sum in sums.iter().filter(|sum| hash_of(&sum.name).is_some()) {
            left.push_back((sum.name.clone(), vec![sum.clone()]));
        }
        let total = sums.iter().map(|sum| sum.size).sum();
        Ok(Self {
            progress: ExportProgress {
                total,
                records: source.manifest.records.iter().map(|it| it.count).sum(),
                ..ExportProgress::default()
            },
            source,
            out,
            left,
            open: None,
        })
    }

    /// The next bytes of the archive; none at its end.
    ///
    /// # Errors
    /// `archive_invalid` when the backup is not what was archived, and the disk's own. The archive is of no use then.
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        while self.out.zip.waiting() < SLICE_BYTES && !self.progress.is_done {
            self.step()?;
        }
        let bytes = self.out.zip.take();
        Ok((!bytes.is_empty()).then_some(bytes))
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> &ExportProgress {
        &self.progress
    }

    /// What the backup says of itself.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.source.manifest
    }

    fn step(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else {
            return self.next_entry();
        };
        let Some((file, mut reader)) = open.reader.take() else {
            if let Some(sum) = open.left.pop_front() {
                let (file, entry) = self.source.find(&sum)?;
                let reader = EntryReader::new(&*file, entry)?;
                open.reader = Some((file, reader));
                self.open = Some(open);
                return Ok(());
            }
            self.out.end()?;
            return match (open.sha256, self.out.sums.last()) {
                (Some(expected), Some(sum)) if expected != sum.sha256 => {
                    Err(invalid(format!("{:?} is not what was archived", sum.name)))
                }
                _ => Ok(()),
            };
        };
        if let Some(bytes) = reader.next(&*file)? {
            self.out.put(&bytes)?;
            self.progress.done += bytes.len() as u64;
            open.reader = Some((file, reader));
        }
        self.open = Some(open);
        Ok(())
    }

    fn next_entry(&mut self) -> Result<()> {
        let Some((name, sums)) = self.left.pop_front() else {
            let manifest = Manifest {
                version: ALONE_VERSION,
                entries: Vec::new(),
                backup: None,
                base: Vec::new(),
                erased: Vec::new(),
                ..self.source.manifest.clone()
            };
            self.out.finish(manifest)?;
            self.progress.is_done = true;
            return Ok(());
        };
        let is_content = hash_of(&name).is_some();
        self.progress.contents += u64::from(is_content);
        // Contents that are kept as they are were packed already.
        let is_compressible = sums.first().is_none_or(|sum| {
            self.source
                .find(sum)
                .is_ok_and(|(_, entry)| entry.packed < entry.size)
        });
        self.out.begin(&name, is_compressible)?;
        let sha256 = sums.first().filter(|_| is_content);
        self.open = Some(Open {
            sha256: sha256.map(|sum| sum.sha256.clone()),
            left: sums.into(),
            reader: None,
        });
        Ok(())
    }
}

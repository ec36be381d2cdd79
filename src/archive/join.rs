//! An archive that stands alone, made of a backup and what it builds on.

use std::collections::VecDeque;

use super::entries::Entries;
use super::source::{Source, SumReader};
use super::{ALONE_VERSION, EntrySum, ExportProgress, Manifest, hash_of, records, table_of};
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
    reader: Option<SumReader>,
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

    fn step(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else {
            return self.next_entry();
        };
        let Some(mut reader) = open.reader.take() else {
            let Some(sum) = open.left.pop_front() else {
                return self.out.end();
            };
            open.reader = Some(self.source.reader(&sum)?);
            self.open = Some(open);
            return Ok(());
        };
        if let Some(bytes) = reader.read()? {
            self.out.put(&bytes)?;
            self.progress.done += bytes.len() as u64;
            open.reader = Some(reader);
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
                number: None,
                base: Vec::new(),
                erased: Vec::new(),
                ..self.source.manifest.clone()
            };
            self.out.finish(manifest)?;
            self.progress.is_done = true;
            return Ok(());
        };
        self.progress.contents += u64::from(hash_of(&name).is_some());
        // Contents that are kept as they are were packed already.
        let is_compressible = sums.first().is_none_or(|sum| self.source.is_packed(sum));
        self.out.begin(&name, is_compressible)?;
        self.open = Some(Open {
            left: sums.into(),
            reader: None,
        });
        Ok(())
    }
}

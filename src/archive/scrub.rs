//! Taking erased records out of the backups of a folder: their rows, and the contents that nothing else in any backup has.
//!
//! First all rows are read, of each backup after those that it builds on, to learn which are meant and which contents stay. Then the files that hold
//! such rows, or build on blocks that changed, are written anew in the same order. A file says which of its blocks became what,
//! so that a crash between two files leaves nothing that cannot be finished.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::blocks;
use super::entries::Entries;
use super::source::{Source, SumReader};
use super::{EntrySum, ErasedBlock, Manifest, hash_of, hex, invalid, is_archive, table_of};
use crate::disk::{Disk, File, OpenMode};
use crate::error::{Code, Result};

/// What a file is called while it is written.
const PART: &str = "scrub.part";

/// Bytes that wait before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// Tells which rows are erased.
pub trait Erased {
    /// Whether a row belongs to an erased record; what belongs to the row does so too from then on.
    ///
    /// # Errors
    /// `corrupt` when the line is no row.
    fn is_erased(&mut self, table: &str, line: &[u8]) -> Result<bool>;
}

/// Backups that are being gone through.
pub struct Scrub {
    folder: &'static str,
    /// Each behind those that it builds on.
    names: Vec<String>,
    /// The file that is gone through.
    at: usize,
    stage: Stage,
    /// Contents, by their numbers, that rows which stay have.
    kept: HashSet<i64>,
    /// Hashes of those that nothing has.
    dropped: HashSet<String>,
    /// Files that hold what is erased.
    touched: HashSet<String>,
    /// Files that were written anew.
    pub rewritten: Vec<String>,
    /// Files that could not be read, and so not be searched, and were removed.
    pub removed: Vec<String>,
}

enum Stage {
    Learn(Option<Reading>),
    Weigh(Option<Reading>),
    Write(Option<Box<Writing>>),
    Done,
}

/// A file whose blocks of rows are being read.
struct Reading {
    source: Source,
    left: VecDeque<EntrySum>,
}

/// A file that is being written anew.
struct Writing {
    source: Source,
    left: VecDeque<EntrySum>,
    /// A content of which some is written.
    open: Option<SumReader>,
    out: Entries,
    file: Rc<dyn File>,
    size: u64,
    manifest: Manifest,
    /// What became of blocks in other files: what is there now, and the rows that are not.
    changed: HashMap<String, (Option<EntrySum>, u64)>,
}

/// The fields that tell of contents.
#[derive(Deserialize)]
struct Row {
    blob: Option<i64>,
    hash: Option<String>,
}

impl Scrub {
    /// Begins to go through the archives of a folder, and removes what a crash left unfinished there.
    ///
    /// # Errors
    /// The disk's own.
    pub async fn begin(disk: &dyn Disk, folder: &'static str) -> Result<Self> {
        for name in disk.list(folder).await? {
            if !is_archive(&name) {
                disk.remove(&format!("{folder}/{name}")).await?;
            }
        }
        Ok(Self {
            folder,
            names: in_order(disk, folder).await?,
            at: 0,
            stage: Stage::Learn(None),
            kept: HashSet::new(),
            dropped: HashSet::new(),
            touched: HashSet::new(),
            rewritten: Vec::new(),
            removed: Vec::new(),
        })
    }

    /// Does a slice; true while there is more to do.
    ///
    /// # Errors
    /// The disk's own; begun anew it goes on where it was.
    pub async fn step(&mut self, disk: &dyn Disk, erased: &mut dyn Erased) -> Result<bool> {
        match self.slice(disk, erased).await {
            Err(error) if error.code() == Code::ArchiveInvalid => {
                self.remove(disk).await?;
                Ok(true)
            }
            more => more,
        }
    }

    async fn slice(&mut self, disk: &dyn Disk, erased: &mut dyn Erased) -> Result<bool> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let name = self.names.get(self.at).cloned();
        let (next, is_file_done) = match (stage, name) {
            (Stage::Done, _) | (Stage::Write(_), None) => return Ok(false),
            (Stage::Learn(_), None) => {
                self.at = 0;
                let is_any = !self.touched.is_empty();
                (
                    if is_any {
                        Stage::Weigh(None)
                    } else {
                        Stage::Write(None)
                    },
                    false,
                )
            }
            (Stage::Weigh(_), None) => {
                self.at = 0;
                (Stage::Write(None), false)
            }
            (Stage::Learn(reading), Some(name)) => {
                self.stage = Stage::Learn(None);
                let reading = self.reading(disk, &name, reading).await?;
                let reading = self.learn(&name, reading, erased)?;
                let is_done = reading.is_none();
                (Stage::Learn(reading), is_done)
            }
            (Stage::Weigh(reading), Some(name)) => {
                self.stage = Stage::Weigh(None);
                let reading = self.reading(disk, &name, reading).await?;
                let reading = self.weigh(&name, reading)?;
                let is_done = reading.is_none();
                (Stage::Weigh(reading), is_done)
            }
            (Stage::Write(None), Some(name)) => {
                self.stage = Stage::Write(None);
                let writing = self.begin_file(disk, &name).await?;
                let is_done = writing.is_none();
                (Stage::Write(writing.map(Box::new)), is_done)
            }
            (Stage::Write(Some(mut writing)), Some(name)) => {
                self.stage = Stage::Write(None);
                if self.write(&mut writing, erased)? {
                    (Stage::Write(Some(writing)), false)
                } else {
                    self.end_file(disk, &name, *writing).await?;
                    (Stage::Write(None), true)
                }
            }
        };
        self.stage = next;
        self.at += usize::from(is_file_done);
        Ok(true)
    }

    /// Removes the file that is gone through: what cannot be read cannot be searched.
    async fn remove(&mut self, disk: &dyn Disk) -> Result<()> {
        if self.at < self.names.len() {
            let name = self.names.remove(self.at);
            disk.remove(&self.path(&name)).await?;
            self.removed.push(name);
        }
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    async fn open(&self, disk: &dyn Disk, name: &str) -> Result<Source> {
        let file = disk.open(&self.path(name), OpenMode::Existing).await?;
        Source::open_own(file)
    }

    async fn reading(
        &self,
        disk: &dyn Disk,
        name: &str,
        reading: Option<Reading>,
    ) -> Result<Reading> {
        if let Some(reading) = reading {
            return Ok(reading);
        }
        let source = self.open(disk, name).await?;
        let left = own_entries(&source.manifest);
        Ok(Reading { source, left })
    }

    /// Learns from a block which rows are erased; none when there are no more.
    fn learn(
        &mut self,
        name: &str,
        mut reading: Reading,
        erased: &mut dyn Erased,
    ) -> Result<Option<Reading>> {
        let Some((table, lines)) = reading.next()? else {
            return Ok(None);
        };
        for line in lines_of(&lines) {
            if erased.is_erased(&table, line)? {
                self.touched.insert(name.to_owned());
            } else if matches!(table.as_str(), "artifact_revision" | "upload") {
                self.kept.extend(row(line)?.blob);
            }
        }
        Ok(Some(reading))
    }

    /// Learns from a block which contents nothing has any more; none when there are no more.
    fn weigh(&mut self, name: &str, mut reading: Reading) -> Result<Option<Reading>> {
        let Some((table, lines)) = reading.next()? else {
            return Ok(None);
        };
        if table == "blob" {
            for line in lines_of(&lines) {
                let row = row(line)?;
                if row.blob.is_some_and(|blob| !self.kept.contains(&blob)) {
                    self.dropped.extend(row.hash);
                    self.touched.insert(name.to_owned());
                }
            }
        }
        Ok(Some(reading))
    }

    /// Begins to write a file anew; none if nothing in it is to change.
    async fn begin_file(&self, disk: &dyn Disk, name: &str) -> Result<Option<Writing>> {
        let source = self.open(disk, name).await?;
        let mut changed = HashMap::new();
        for base in &source.manifest.base {
            match self.open(disk, base).await {
                Ok(base) => changes(&base.manifest, &mut changed),
                // It is lost, and so is what lies in it.
                Err(error) if matches!(error.code(), Code::NotFound | Code::ArchiveInvalid) => {}
                Err(error) => return Err(error),
            }
        }
        let is_changed = |sum: &EntrySum| sum.within.is_some() && changed.contains_key(&sum.name);
        if !self.touched.contains(name) && !source.manifest.entries.iter().any(is_changed) {
            return Ok(None);
        }
        let part = self.path(PART);
        disk.remove(&part).await?;
        let file = disk.open(&part, OpenMode::CreateNew).await?;
        let created = crate::domain::charts::time::parse(&source.manifest.created_at);
        let mut out = Entries::new(created.unwrap_or(0));
        out.readme()?;
        let mut manifest = source.manifest.clone();
        let left = std::mem::take(&mut manifest.entries).into();
        Ok(Some(Writing {
            source,
            left,
            open: None,
            out,
            file,
            size: 0,
            manifest,
            changed,
        }))
    }

    /// Writes the next entry, or some of it; false when all are written.
    fn write(&self, writing: &mut Writing, erased: &mut dyn Erased) -> Result<bool> {
        if writing.out.zip.waiting() >= WRITE_BYTES {
            writing.give_out()?;
        }
        if let Some(mut reader) = writing.open.take() {
            match reader.read()? {
                Some(bytes) => {
                    writing.out.put(&bytes)?;
                    writing.open = Some(reader);
                }
                None => writing.out.end()?,
            }
            return Ok(true);
        }
        let Some(sum) = writing.left.pop_front() else {
            return Ok(false);
        };
        if sum.within.is_some() {
            writing.refer(sum);
        } else if let Some(hash) = hash_of(&sum.name) {
            if self.dropped.contains(hash) {
                writing.manifest.erased.push(ErasedBlock {
                    name: sum.name,
                    left: None,
                    rows: 0,
                });
            } else {
                let is_packed = writing.source.is_packed(&sum);
                writing.out.begin(&sum.name, is_packed)?;
                writing.open = Some(writing.source.reader(&sum)?);
            }
        } else if let Some(table) = table_of(&sum.name) {
            let lines = writing.source.read(&sum)?;
            let table = table.to_owned();
            self.block(writing, &table, sum, &lines, erased)?;
        }
        Ok(true)
    }

    /// Writes what is left of a block.
    fn block(
        &self,
        writing: &mut Writing,
        table: &str,
        sum: EntrySum,
        lines: &[u8],
        erased: &mut dyn Erased,
    ) -> Result<()> {
        let (mut left, mut rows) = (Vec::with_capacity(lines.len()), 0);
        for line in lines_of(lines) {
            let is_dropped = table == "blob"
                && row(line)?
                    .hash
                    .is_some_and(|hash| self.dropped.contains(&hash));
            if is_dropped || erased.is_erased(table, line)? {
                rows += 1;
            } else {
                left.extend_from_slice(line);
            }
        }
        if rows == 0 {
            return writing.out.add(&sum.name, lines);
        }
        let mut block = ErasedBlock {
            name: sum.name,
            left: None,
            rows,
        };
        if !left.is_empty() {
            let name = blocks::name(table, &hex(&Sha256::digest(&left)));
            writing.out.add(&name, &left)?;
            block.left = Some(name);
        }
        writing.lose(table, rows);
        writing.manifest.erased.push(block);
        Ok(())
    }

    async fn end_file(&mut self, disk: &dyn Disk, name: &str, writing: Writing) -> Result<()> {
        let Writing {
            mut out,
            file,
            size,
            manifest,
            source,
            ..
        } = writing;
        out.finish(manifest)?;
        file.write_at(&out.zip.take(), size)?;
        file.flush()?;
        // Both names must be closed to be changed.
        drop((file, source));
        disk.rename(&self.path(PART), &self.path(name)).await?;
        self.rewritten.push(name.to_owned());
        Ok(())
    }
}

impl Reading {
    /// The next block of rows, and whose they are.
    fn next(&mut self) -> Result<Option<(String, Vec<u8>)>> {
        while let Some(sum) = self.left.pop_front() {
            if let Some(table) = table_of(&sum.name) {
                return Ok(Some((table.to_owned(), self.source.read(&sum)?)));
            }
        }
        Ok(None)
    }
}

impl Writing {
    fn give_out(&mut self) -> Result<()> {
        let bytes = self.out.zip.take();
        self.file.write_at(&bytes, self.size)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Names an entry of another file, as it is there now.
    fn refer(&mut self, sum: EntrySum) {
        let table = table_of(&sum.name).map(str::to_owned);
        let Some((left, rows)) = self.changed.get(&sum.name).cloned() else {
            self.out.sums.push(sum);
            return;
        };
        if let Some(left) = left {
            self.out.sums.push(EntrySum {
                within: sum.within,
                ..left
            });
        }
        if let Some(table) = table {
            self.lose(&table, rows);
        }
    }

    fn lose(&mut self, table: &str, rows: u64) {
        let records = &mut self.manifest.records;
        if let Some(counted) = records.iter_mut().find(|it| it.table == table) {
            counted.count = counted.count.saturating_sub(rows);
        }
        records.retain(|counted| counted.count > 0);
    }
}

/// The archives of a folder, each behind those that it builds on.
async fn in_order(disk: &dyn Disk, folder: &str) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for name in disk.list(folder).await? {
        if is_archive(&name) {
            let path = format!("{folder}/{name}");
            let file = disk.open(&path, OpenMode::Existing).await?;
            // One that cannot be read builds on nothing, as far as anyone knows.
            let base = Source::open_own(file).map(|source| source.manifest.base);
            left.push((name, base.unwrap_or_default()));
        }
    }
    let mut names: Vec<String> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waiting: Vec<String> = left.iter().map(|(name, _)| name.clone()).collect();
        let is_next =
            |(_, base): &(String, Vec<String>)| !base.iter().any(|it| waiting.contains(it));
        // In a circle, which only a forger could make, any may be the first.
        let place = left.iter().position(is_next).unwrap_or(0);
        names.push(left.remove(place).0);
    }
    Ok(names)
}

/// What became of a file's blocks in the end.
fn changes(manifest: &Manifest, into: &mut HashMap<String, (Option<EntrySum>, u64)>) {
    let there: HashMap<&str, &EntrySum> = manifest
        .entries
        .iter()
        .filter(|sum| sum.within.is_none())
        .map(|sum| (sum.name.as_str(), sum))
        .collect();
    // What was changed last comes last.
    let mut later: HashMap<&str, (Option<&str>, u64)> = HashMap::new();
    for block in manifest.erased.iter().rev() {
        let (mut left, mut rows) = (block.left.as_deref(), block.rows);
        if let Some((next, more)) = left.and_then(|name| later.get(name)) {
            left = *next;
            rows += more;
        }
        later.insert(&block.name, (left, rows));
    }
    for (name, (left, rows)) in later {
        let sum = left
            .and_then(|left| there.get(left))
            .map(|sum| (*sum).clone());
        into.insert(name.to_owned(), (sum, rows));
    }
}

fn own_entries(manifest: &Manifest) -> VecDeque<EntrySum> {
    let own = |sum: &&EntrySum| sum.within.is_none();
    manifest.entries.iter().filter(own).cloned().collect()
}

fn lines_of(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block.split_inclusive(|byte| *byte == b'\n')
}

fn row(line: &[u8]) -> Result<Row> {
    serde_json::from_slice(line).map_err(|error| invalid("a row is no JSON").caused_by(error))
}

//! Snapshots: compressed copies of the database, each exactly the state after one journal line.
//!
//! After a full checkpoint the database file *is* that state, and stays so until the next checkpoint. So a snapshot holds
//! checkpoints back, copies the file as it lies, slice by slice, checking every page, and then reads its own copy back.
//! Only a copy that came back byte for byte gets its name: `snapshots/<seq>.sqlite3.gz`.

use std::io::Write as _;
use std::rc::Rc;

use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};

use crate::database::{self, vfs};
use crate::disk::{Disk, File, OpenMode};
use crate::error::{Code, Error, Result};

/// The folder of the snapshots.
const FOLDER: &str = "snapshots";

/// Snapshots kept; older ones are removed when a new one is finished.
const KEPT: usize = 2;

/// Bytes copied or compared in one step.
const STEP_BYTES: usize = 512 << 10;

/// The fastest compression that still fits its codes to what is written.
const LEVEL: Compression = Compression::new(2);

/// A snapshot being made.
pub struct Job {
    seq: u64,
    disk: Rc<dyn Disk>,
    source: Rc<dyn File>,
    source_size: u64,
    target: Rc<dyn File>,
    target_size: u64,
    done: u64,
    hasher: blake3::Hasher,
    phase: Phase,
}

enum Phase {
    Copy(Box<GzEncoder<Vec<u8>>>),
    Verify {
        decoder: Box<GzDecoder<Hashing>>,
        copied: blake3::Hash,
    },
}

/// A writer that keeps nothing but the hash of what it is given.
struct Hashing(blake3::Hasher);

impl std::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A step's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More to do, and the database file must still not change.
    Copying,
    /// More to do.
    Verifying,
    /// The snapshot is there; its compressed size in bytes.
    Finished(u64),
}

/// Removes every snapshot but the newest.
pub async fn keep_newest(disk: &dyn Disk) -> Result<()> {
    let mut all = list(disk).await?;
    all.pop();
    for seq in all {
        disk.remove(&file_name(seq)).await?;
    }
    Ok(())
}

impl Job {
    /// Begins a snapshot of a database file that was fully checkpointed at journal line `seq`.
    pub async fn begin(disk: Rc<dyn Disk>, source: Rc<dyn File>, seq: u64) -> Result<Self> {
        tidy(&*disk).await?;
        let part = part_name(seq);
        let target = disk.open(&part, OpenMode::CreateNew).await?;
        Ok(Self {
            seq,
            source_size: source.size()?,
            source,
            target,
            target_size: 0,
            done: 0,
            hasher: blake3::Hasher::new(),
            phase: Phase::Copy(Box::new(GzEncoder::new(Vec::new(), LEVEL))),
            disk,
        })
    }

    /// The last journal line it holds.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Bytes of the database that are copied, and in all.
    pub const fn progress(&self) -> (u64, u64) {
        match self.phase {
            Phase::Copy(_) => (self.done, self.source_size),
            Phase::Verify { .. } => (self.source_size, self.source_size),
        }
    }

    /// Does the next slice.
    ///
    /// # Errors
    /// `corrupt` when the database file fails its checksums; the disk's own otherwise. The snapshot is given up then.
    pub async fn step(&mut self) -> Result<Progress> {
        match &mut self.phase {
            Phase::Copy(encoder) => {
                let left = usize::try_from(self.source_size - self.done).unwrap_or(usize::MAX);
                let mut slice = vec![0; left.min(STEP_BYTES)];
                let read = self.source.read_at(&mut slice, self.done)?;
                if read < slice.len() {
                    return Err(Error::corrupt("the database file is shorter than it was"));
                }
                vfs::check_pages(&slice, database::PAGE_BYTES, self.done)?;
                self.hasher.update(&slice);
                encoder.write_all(&slice).map_err(gzip)?;
                self.done += slice.len() as u64;
                let finished = self.done == self.source_size;
                if finished {
                    encoder.try_finish().map_err(gzip)?;
                }
                let packed = std::mem::take(encoder.get_mut());
                self.target.write_at(&packed, self.target_size)?;
                self.target_size += packed.len() as u64;
                if finished {
                    self.target.flush()?;
                    self.done = 0;
                    self.phase = Phase::Verify {
                        decoder: Box::new(GzDecoder::new(Hashing(blake3::Hasher::new()))),
                        copied: self.hasher.finalize(),
                    };
                    return Ok(Progress::Verifying);
                }
                Ok(Progress::Copying)
            }
            Phase::Verify { decoder, copied } => {
                let left = usize::try_from(self.target_size - self.done).unwrap_or(usize::MAX);
                let mut slice = vec![0; left.min(STEP_BYTES / 4)];
                let read = self.target.read_at(&mut slice, self.done)?;
                let unpacked = decoder.write_all(slice.get(..read).unwrap_or_default());
                self.done += read as u64;
                if unpacked.is_ok() && self.done < self.target_size && read > 0 {
                    return Ok(Progress::Verifying);
                }
                let finished = unpacked.and_then(|()| decoder.try_finish());
                if finished.is_err() || decoder.get_ref().0.finalize() != *copied {
                    return Err(Error::new(
                        Code::Io,
                        "the snapshot does not read back as it was written",
                    ));
                }
                self.publish().await
            }
        }
    }

    async fn publish(&mut self) -> Result<Progress> {
        let part = part_name(self.seq);
        // The file must be closed before it can be renamed; the source stands in for it from here on.
        self.target = self.source.clone();
        self.disk.rename(&part, &name(self.seq)).await?;
        for old in list(&*self.disk).await?.into_iter().rev().skip(KEPT) {
            self.disk.remove(&name(old)).await?;
        }
        Ok(Progress::Finished(self.target_size))
    }
}

fn gzip(error: std::io::Error) -> Error {
    Error::corrupt("the snapshot is not sound gzip").caused_by(error)
}

fn name(seq: u64) -> String {
    format!("{FOLDER}/{seq:012}.sqlite3.gz")
}

fn part_name(seq: u64) -> String {
    format!("{}.part", name(seq))
}

/// The journal lines of all finished snapshots, ascending.
pub async fn list(disk: &dyn Disk) -> Result<Vec<u64>> {
    let names = disk.list(FOLDER).await?;
    let mut found: Vec<u64> = names
        .iter()
        .filter_map(|name| name.strip_suffix(".sqlite3.gz")?.parse().ok())
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// Removes what unfinished snapshots left.
pub async fn tidy(disk: &dyn Disk) -> Result<()> {
    for file in disk.list(FOLDER).await? {
        if file.strip_suffix(".part").is_some() {
            disk.remove(&format!("{FOLDER}/{file}")).await?;
        }
    }
    Ok(())
}

/// Unpacks a snapshot into an empty file, flushed.
///
/// # Errors
/// `corrupt` when it does not unpack.
pub async fn restore(disk: &dyn Disk, seq: u64, target: &dyn File) -> Result<()> {
    let source = disk.open(&name(seq), OpenMode::Existing).await?;
    let mut decoder = GzDecoder::new(Vec::new());
    let mut packed = vec![0; STEP_BYTES / 4];
    let (mut read_to, mut written) = (0, 0);
    loop {
        let read = source.read_at(&mut packed, read_to)?;
        read_to += read as u64;
        if read == 0 {
            decoder.try_finish().map_err(gzip)?;
        } else {
            decoder
                .write_all(packed.get(..read).unwrap_or_default())
                .map_err(gzip)?;
        }
        let unpacked = std::mem::take(decoder.get_mut());
        target.write_at(&unpacked, written)?;
        written += unpacked.len() as u64;
        if read == 0 {
            break;
        }
    }
    target.flush()
}

/// The name a snapshot is set aside under.
pub fn file_name(seq: u64) -> String {
    name(seq)
}

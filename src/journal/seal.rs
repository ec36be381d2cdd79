//! Compressing a closed segment, a slice at a time, and trusting the copy only once it has been read back.

use std::io::Write as _;
use std::rc::Rc;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::segment::{Digest, Files, Name, Read, Source};
use crate::disk::{File, OpenMode};
use crate::error::{Code, Error, Result};

/// How much of a segment one step handles, in uncompressed bytes.
const SLICE_BYTES: usize = 256 * 1024;

/// What the name of an unfinished copy ends in.
pub(super) const UNFINISHED: &str = ".part";

/// A segment on its way from plain to compressed.
pub(super) struct Sealing {
    pub name: Name,
    stage: Stage,
}

enum Stage {
    Compress(Box<Compress>),
    Verify(Box<Check>),
    Rename,
    Settle,
    Remove,
    Done,
}

struct Compress {
    source: Source,
    copy: Copy,
}

/// A compressed copy that is being written.
pub(super) struct Copy {
    hasher: blake3::Hasher,
    encoder: GzEncoder<Vec<u8>>,
    file: Rc<dyn File>,
    written: u64,
}

/// A compressed copy that is read back.
pub(super) struct Check {
    copy: Source,
    hasher: blake3::Hasher,
    expected: Digest,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    /// The compressed file has its name, and is the one to read from now on.
    Sealed,
    /// Someone still reads the plain file; it goes when they are done.
    Waiting,
    Done,
}

impl Sealing {
    pub async fn begin(files: &Files, plain: Name) -> Result<Self> {
        let source = files.source(plain).await?;
        let copy = Copy::begin(files, plain).await?;
        Ok(Self {
            name: plain,
            stage: Stage::Compress(Box::new(Compress { source, copy })),
        })
    }

    /// Does one slice. After an error the sealing is given up: call [`Sealing::abandon`].
    pub async fn step(&mut self, files: &Files) -> Result<Progress> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let (stage, progress) = match stage {
            Stage::Compress(compress) => (compress.step()?, Progress::More),
            Stage::Verify(mut check) => {
                let stage = if check.step()? {
                    Stage::Rename
                } else {
                    Stage::Verify(check)
                };
                (stage, Progress::More)
            }
            Stage::Rename => {
                let (from, to) = (unfinished(self.name), sealed(self.name).path());
                files.disk.rename(&from, &to).await?;
                (Stage::Settle, Progress::Sealed)
            }
            // The new name must be kept before the plain file goes.
            Stage::Settle => {
                let path = sealed(self.name).path();
                files.open(&path, OpenMode::Existing).await?.flush()?;
                (Stage::Remove, Progress::More)
            }
            Stage::Remove => match files.disk.remove(&self.name.path()).await {
                Err(error) if error.code() == Code::Locked => (Stage::Remove, Progress::Waiting),
                removed => removed.map(|_| (Stage::Done, Progress::Done))?,
            },
            Stage::Done => (Stage::Done, Progress::Done),
        };
        self.stage = stage;
        Ok(progress)
    }

    /// Removes the unfinished copy.
    pub async fn abandon(self, files: &Files) -> Result<()> {
        drop(self.stage);
        files.disk.remove(&unfinished(self.name)).await.map(|_| ())
    }
}

impl Compress {
    fn step(mut self: Box<Self>) -> Result<Stage> {
        let mut slice = vec![0; SLICE_BYTES];
        match self.source.read(&mut slice)? {
            Read::Bytes(count) => {
                self.copy.write(slice.get(..count).unwrap_or_default())?;
                Ok(Stage::Compress(self))
            }
            Read::End | Read::BadGzip => Ok(Stage::Verify(Box::new(self.copy.finish()?))),
        }
    }
}

impl Copy {
    /// Begins a copy under a name that says it is unfinished.
    pub async fn begin(files: &Files, name: Name) -> Result<Self> {
        let path = unfinished(name);
        files.disk.remove(&path).await?;
        Ok(Self {
            hasher: blake3::Hasher::new(),
            encoder: GzEncoder::new(Vec::new(), Compression::default()),
            file: files.disk.open(&path, OpenMode::CreateNew).await?,
            written: 0,
        })
    }

    /// Adds uncompressed bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.encoder.write_all(bytes).map_err(encoding)?;
        self.put()
    }

    /// Flushes the copy, to be read back.
    pub fn finish(mut self) -> Result<Check> {
        self.encoder.try_finish().map_err(encoding)?;
        self.put()?;
        self.file.flush()?;
        Ok(Check {
            expected: Digest::of(&self.hasher),
            copy: Source::new(self.file, true),
            hasher: blake3::Hasher::new(),
        })
    }

    fn put(&mut self) -> Result<()> {
        let compressed = std::mem::take(self.encoder.get_mut());
        if !compressed.is_empty() {
            self.file.write_at(&compressed, self.written)?;
            self.written += compressed.len() as u64;
        }
        Ok(())
    }
}

impl Check {
    /// Reads back the next slice; true once all of it is as it was written.
    pub fn step(&mut self) -> Result<bool> {
        let mut slice = vec![0; SLICE_BYTES];
        let mut filled = 0;
        while let Some(room) = slice.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.copy.read(room)? {
                Read::Bytes(count) => filled += count,
                Read::BadGzip => return Err(mismatch()),
                Read::End => {
                    self.hasher.update(slice.get(..filled).unwrap_or_default());
                    return if Digest::of(&self.hasher) == self.expected {
                        Ok(true)
                    } else {
                        Err(mismatch())
                    };
                }
            }
        }
        self.hasher.update(&slice);
        Ok(false)
    }
}

pub(super) fn sealed(plain: Name) -> Name {
    Name {
        sealed: true,
        ..plain
    }
}

pub(super) fn unfinished(plain: Name) -> String {
    sealed(plain).path() + UNFINISHED
}

fn mismatch() -> Error {
    Error::corrupt(
        "a compressed journal segment did not read back as it was written; the one before is kept",
    )
}

fn encoding(error: std::io::Error) -> Error {
    Error::new(Code::Internal, "a journal segment could not be compressed").caused_by(error)
}

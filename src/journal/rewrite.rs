//! Rewriting a closed segment to take something out of it for good, a slice at a time.
//!
//! Lines keep their numbers; what is taken out is rows of theirs. The header of the copy says what the segment was, which the
//! next segment's header names, and which line asked for it: so the chain can be checked from end to end. A copy counts
//! only once it has been read back, and takes the segment's place in one step.

use std::rc::Rc;

use super::record::Record;
use super::seal::{Check, Copy, sealed, unfinished};
use super::segment::{Digest, Event, Files, Header, Name, Rewritten, Scanner};
use crate::disk::OpenMode;
use crate::error::{Error, Result};

/// How much of a segment one step handles, in uncompressed bytes.
const SLICE_BYTES: u64 = 256 * 1024;

/// Says what of a line is to go.
pub trait Edit {
    /// The line as it is to be, with its rows in `rows`; none when it stays as it is. Called twice for each line, and must
    /// say the same.
    fn edit<'a>(&mut self, record: Record<'a>, rows: &'a mut Vec<u8>)
    -> Result<Option<Record<'a>>>;
}

/// A segment on its way to being rewritten.
pub struct Rewrite {
    files: Rc<Files>,
    name: Name,
    erasure: u64,
    stage: Stage,
    result: Option<(Header, u64)>,
}

enum Stage {
    Begin,
    /// Finding out whether anything goes, and what the segment is.
    Examine {
        scanner: Box<Scanner>,
        header: Option<Header>,
        changes: bool,
    },
    Copy {
        scanner: Box<Scanner>,
        header: Header,
        copy: Box<Copy>,
        bytes: u64,
    },
    Verify {
        check: Box<Check>,
        header: Header,
        bytes: u64,
    },
    Rename {
        header: Header,
        bytes: u64,
    },
    Settle,
    Remove,
    Done,
}

impl Rewrite {
    pub(super) fn new(files: Rc<Files>, name: Name, erasure: u64) -> Self {
        Self {
            files,
            name,
            erasure,
            stage: Stage::Begin,
            result: None,
        }
    }

    /// Sequence number of the segment's first record.
    pub fn first(&self) -> u64 {
        self.name.first
    }

    /// The header and the uncompressed length of the segment, once it is rewritten; none if it stays as it is.
    pub(super) fn result(&self) -> Option<(Header, u64)> {
        self.result
    }

    /// Does one slice; true while there is more to do. The old segment is there until the new one has its name.
    pub async fn step(&mut self, edit: &mut dyn Edit) -> Result<bool> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.stage = match stage {
            Stage::Begin => Stage::Examine {
                scanner: Box::new(self.scan().await?),
                header: None,
                changes: false,
            },
            Stage::Examine {
                scanner,
                header,
                changes,
            } => self.examine(scanner, header, changes, edit).await?,
            Stage::Copy {
                scanner,
                header,
                copy,
                bytes,
            } => copy_slice(scanner, header, copy, bytes, edit)?,
            Stage::Verify {
                mut check,
                header,
                bytes,
            } => {
                if check.step()? {
                    Stage::Rename { header, bytes }
                } else {
                    Stage::Verify {
                        check,
                        header,
                        bytes,
                    }
                }
            }
            Stage::Rename { header, bytes } => {
                let (from, to) = (unfinished(self.name), sealed(self.name).path());
                self.files.disk.rename(&from, &to).await?;
                self.result = Some((header, bytes));
                Stage::Settle
            }
            // The new name must be kept before the plain file goes.
            Stage::Settle => {
                let path = sealed(self.name).path();
                self.files.open(&path, OpenMode::Existing).await?.flush()?;
                Stage::Remove
            }
            // A sealing or rewriting that was given up may have left one beside a compressed segment.
            Stage::Remove => {
                let plain = Name {
                    sealed: false,
                    ..self.name
                };
                self.files.disk.remove(&plain.path()).await?;
                Stage::Done
            }
            Stage::Done => Stage::Done,
        };
        Ok(!matches!(self.stage, Stage::Done))
    }

    async fn scan(&self) -> Result<Scanner> {
        let source = self.files.source(self.name).await?;
        Ok(Scanner::new(self.name, source, u64::MAX, self.name.first))
    }

    async fn examine(
        &self,
        mut scanner: Box<Scanner>,
        mut header: Option<Header>,
        mut changes: bool,
        edit: &mut dyn Edit,
    ) -> Result<Stage> {
        let until = scanner.offset() + SLICE_BYTES;
        let mut rows = Vec::new();
        while scanner.offset() < until {
            match scanner.next()? {
                Event::Header(found) => header = Some(found),
                Event::Line { .. } => {
                    let record = Record::decode(scanner.line())?;
                    changes |= edit.edit(record, &mut rows)?.is_some();
                }
                // What cannot be read may hold what is to go.
                Event::Damage(_) => changes = true,
                Event::End => {
                    return match header {
                        Some(header) if changes => self.begin_copy(header, scanner.digest()).await,
                        // Its plain file may be there still, from before something was taken out.
                        Some(_) if self.name.sealed => Ok(Stage::Settle),
                        Some(_) => Ok(Stage::Done),
                        None => Err(Error::corrupt(
                            "a journal segment without a header cannot be rewritten",
                        )),
                    };
                }
            }
        }
        Ok(Stage::Examine {
            scanner,
            header,
            changes,
        })
    }

    async fn begin_copy(&self, header: Header, digest: Digest) -> Result<Stage> {
        let was = header.rewritten.map_or(digest, |rewritten| rewritten.was);
        let header = Header {
            rewritten: Some(Rewritten {
                was,
                erasure: self.erasure,
            }),
            ..header
        };
        let line = header.encode()?;
        let mut copy = Copy::begin(&self.files, self.name).await?;
        copy.write(&line)?;
        Ok(Stage::Copy {
            scanner: Box::new(self.scan().await?),
            header,
            copy: Box::new(copy),
            bytes: line.len() as u64,
        })
    }
}

fn copy_slice(
    mut scanner: Box<Scanner>,
    header: Header,
    mut copy: Box<Copy>,
    mut bytes: u64,
    edit: &mut dyn Edit,
) -> Result<Stage> {
    let until = scanner.offset() + SLICE_BYTES;
    let mut rows = Vec::new();
    let mut line = Vec::new();
    while scanner.offset() < until {
        match scanner.next()? {
            Event::Header(_) | Event::Damage(_) => {}
            Event::Line { .. } => {
                let record = Record::decode(scanner.line())?;
                line.clear();
                match edit.edit(record, &mut rows)? {
                    Some(edited) => edited.encode_into(&mut line)?,
                    None => line.extend_from_slice(scanner.line()),
                }
                copy.write(&line)?;
                bytes += line.len() as u64;
            }
            Event::End => {
                return Ok(Stage::Verify {
                    check: Box::new(copy.finish()?),
                    header,
                    bytes,
                });
            }
        }
    }
    Ok(Stage::Copy {
        scanner,
        header,
        copy,
        bytes,
    })
}

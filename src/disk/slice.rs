//! A part of a file, read as if it were a file of its own.

use std::rc::Rc;

use super::File;
use crate::error::{Error, Result};

/// A part of a file that does not change any more.
pub struct Slice {
    file: Rc<dyn File>,
    start: u64,
    size: u64,
}

impl Slice {
    /// These bytes of a file.
    #[must_use]
    pub const fn new(file: Rc<dyn File>, start: u64, size: u64) -> Self {
        Self { file, start, size }
    }
}

impl File for Slice {
    fn size(&self) -> Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let left = self.size.saturating_sub(offset);
        let count = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        let into = buf.get_mut(..count).unwrap_or_default();
        self.file.read_at(into, self.start + offset)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> Result<()> {
        Err(unchangeable())
    }

    fn truncate(&self, _size: u64) -> Result<()> {
        Err(unchangeable())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

fn unchangeable() -> Error {
    Error::invalid("a part of a file cannot be changed")
}

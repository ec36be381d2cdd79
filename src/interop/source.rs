//! The bytes of a file, a block at a time.

use std::io::{ErrorKind, Read};

use crate::error::{Code, Error, Result};

/// The bytes that are read at once.
const BLOCK_BYTES: usize = 64 << 10;

/// Bytes that are taken one after another, and of which the last few can be given back.
pub(super) struct Source {
    input: Box<dyn Read>,
    block: Vec<u8>,
    at: usize,
    offset: u64,
}

impl Source {
    pub fn new(input: Box<dyn Read>) -> Self {
        Self {
            input,
            block: Vec::new(),
            at: 0,
            offset: 0,
        }
    }

    /// How many bytes were taken so far.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    pub fn peek(&mut self) -> Result<Option<u8>> {
        if self.at == self.block.len() {
            self.fill()?;
        }
        Ok(self.block.get(self.at).copied())
    }

    pub fn next(&mut self) -> Result<Option<u8>> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.at += 1;
            self.offset += 1;
        }
        Ok(byte)
    }

    /// Puts bytes that were taken in front of what comes.
    pub fn give_back(&mut self, bytes: &[u8]) {
        self.block.splice(..self.at, bytes.iter().copied());
        self.at = 0;
        self.offset -= bytes.len() as u64;
    }

    fn fill(&mut self) -> Result<()> {
        self.block.resize(BLOCK_BYTES, 0);
        self.at = 0;
        let read = loop {
            match self.input.read(&mut self.block) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match read {
            Ok(length) => {
                self.block.truncate(length);
                Ok(())
            }
            Err(error) => {
                self.block.clear();
                Err(unreadable(error))
            }
        }
    }
}

/// What a file said when it could not be read: an entry of a zip that is not what it claims, or the disk's
/// own.
pub(crate) fn unreadable(error: std::io::Error) -> Error {
    let own = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match own {
        Some(own) => own.clone(),
        None => Error::new(Code::Io, "the file cannot be read").caused_by(error),
    }
}

//! Files and entries of zips, read alike.

use std::io::Read;
use std::rc::Rc;

use crate::archive::zip::{Entry, EntryReader, Zip};
use crate::disk::File;
use crate::error::{Error, Result};
use crate::interop::unreadable;

/// Bytes by which a format is recognised.
const HEAD_BYTES: u64 = 64 << 10;

/// A file, or an entry of a zip.
pub struct Input {
    pub name: String,
    file: Rc<dyn File>,
    entry: Option<Entry>,
    pub size: u64,
}

impl Input {
    pub fn open(&self) -> Result<Bytes> {
        let entry = self.entry.as_ref();
        let reader = entry.map(|entry| EntryReader::new(&*self.file, entry));
        Ok(Bytes {
            file: self.file.clone(),
            reader: reader.transpose()?,
            block: Vec::new(),
            at: 0,
            is_end: false,
        })
    }

    /// Its first bytes, or as many of them as can be read, and why there are no more.
    pub fn head(&self) -> (Vec<u8>, Option<Error>) {
        let mut head = Vec::new();
        let read = self.open().and_then(|bytes| {
            let mut bytes = bytes.take(HEAD_BYTES);
            bytes.read_to_end(&mut head).map_err(unreadable)
        });
        (head, read.err())
    }
}

/// Takes a file as it is, and of a zip its entries.
pub fn add_inputs(inputs: &mut Vec<Input>, name: String, file: Rc<dyn File>) -> Result<()> {
    if !is_zip(&*file)? {
        let size = file.size()?;
        inputs.push(Input {
            name,
            file,
            entry: None,
            size,
        });
        return Ok(());
    }
    for entry in Zip::open(&*file)?.entries() {
        if entry.name.ends_with('/') {
            continue;
        }
        inputs.push(Input {
            name: entry.name.clone(),
            file: file.clone(),
            size: entry.size,
            entry: Some(entry.clone()),
        });
    }
    Ok(())
}

/// Whether a file begins like a zip.
pub fn is_zip(file: &dyn File) -> Result<bool> {
    let mut first = [0; 4];
    let read = file.read_at(&mut first, 0)?;
    Ok(read == first.len() && matches!(&first, b"PK\x03\x04" | b"PK\x05\x06"))
}

/// The bytes of a file, or of a zip's entry.
pub struct Bytes {
    file: Rc<dyn File>,
    reader: Option<EntryReader>,
    block: Vec<u8>,
    at: u64,
    is_end: bool,
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(reader) = &mut self.reader else {
            let read = self
                .file
                .read_at(buffer, self.at)
                .map_err(std::io::Error::other)?;
            self.at += read as u64;
            return Ok(read);
        };
        if self.is_end {
            return Ok(0);
        }
        if self.block.is_empty() {
            let next = reader.next(&*self.file).map_err(std::io::Error::other)?;
            let Some(block) = next else {
                self.is_end = true;
                return Ok(0);
            };
            self.block = block;
        }
        let count = buffer.len().min(self.block.len());
        let rest = self.block.split_off(count);
        if let Some(into) = buffer.get_mut(..count) {
            into.copy_from_slice(&self.block);
        }
        self.block = rest;
        Ok(count)
    }
}

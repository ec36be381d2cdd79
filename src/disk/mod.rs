//! The storage seam: the only way anything in this crate reaches a disk.
//!
//! A [`Disk`] is a tree of files named by relative paths. Opening is asynchronous, because browsers make it so;
//! an open [`File`] is synchronous, because SQLite makes it so. Four disks implement it: `opfs` (the browser),
//! [`native`], [`memory`], and [`sim`], which fails and crashes on purpose.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use crate::error::{Error, Result};

/// A future that stays on its thread: everything here has one owner.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What [`Disk::open`] does about a file that is or is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// The file must exist, else `not_found`.
    Existing,
    /// The file is created, with its folders, when it does not exist.
    Create,
    /// The file must not exist, else `conflict`; it is created, with its folders.
    CreateNew,
}

/// A namespace of files.
///
/// Paths are relative, separated by `/`, and made of `[A-Za-z0-9._-]` segments that are not `.` or `..`;
/// anything else is `invalid_argument`.
pub trait Disk {
    /// Opens a file for reading and writing, alone: a second open of the same file is `locked` until the first is dropped.
    /// A file that [`OpenMode::CreateNew`] or [`OpenMode::Create`] made is empty.
    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> LocalFuture<'a, Result<Rc<dyn File>>>;

    /// Names the files directly in `dir` (not its folders), in ascending order. A folder that does not exist is empty.
    fn list<'a>(&'a self, dir: &'a str) -> LocalFuture<'a, Result<Vec<String>>>;

    /// Deletes a file that is not open; true if it existed. An open file is `locked` and stays.
    fn remove<'a>(&'a self, path: &'a str) -> LocalFuture<'a, Result<bool>>;

    /// Gives a file that is not open another name, creating the folders of that name and replacing what had it.
    /// After a crash the file has one of its two names.
    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> LocalFuture<'a, Result<()>>;
}

/// An open file. Dropping it closes it.
pub trait File {
    /// Length in bytes.
    fn size(&self) -> Result<u64>;

    /// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize>;

    /// Writes all of `bytes` at `offset`, filling any gap before it with zeros.
    /// After an error the range may hold any mixture of old and new bytes, and the file may have grown.
    /// A full disk is `quota_exceeded`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// Cuts the file down to `size`, or extends it with zeros.
    fn truncate(&self, size: u64) -> Result<()>;

    /// Returns once everything written so far survives power loss, as far as the platform can promise.
    fn flush(&self) -> Result<()>;
}

/// Reads a whole file that is known to be small.
pub fn read_all(file: &dyn File) -> Result<Vec<u8>> {
    let size = usize::try_from(file.size()?)
        .map_err(|_| Error::invalid("file too large to read at once"))?;
    let mut bytes = vec![0; size];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Checks a path against the rule of [`Disk`].
pub fn check_path(path: &str) -> Result<()> {
    let segment_ok = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if path.split('/').all(segment_ok) {
        Ok(())
    } else {
        Err(Error::invalid(format!(
            "{path:?} is not a path of this disk"
        )))
    }
}

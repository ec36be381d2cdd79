//! The storage seam: the only way anything in this crate reaches a disk.
//!
//! A [`Disk`] is a tree of files named by relative paths. Opening is asynchronous, because browsers make it so;
//! an open [`File`] is synchronous, because `SQLite` makes it so. Four disks implement it: `opfs` (the browser),
//! [`native`], [`memory`], and [`sim`], which fails and crashes on purpose.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::error::{Code, Error, Result};

#[cfg(any(test, target_arch = "wasm32"))]
mod answer;
mod buffer;
#[doc(hidden)]
pub mod conformance;
pub mod memory;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
#[cfg(target_arch = "wasm32")]
pub mod opfs;
pub mod sim;
pub mod slice;

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
/// anything else is `invalid_argument`. The empty path is the root folder, for [`Disk::list`] alone.
pub trait Disk {
    /// Opens a file for reading and writing, alone: a second open of the same file is `locked` until the first is dropped.
    /// A file that [`OpenMode::CreateNew`] or [`OpenMode::Create`] made is empty; it may be there after an error too.
    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> LocalFuture<'a, Result<Rc<dyn File>>>;

    /// Names the files directly in `dir` (not its folders), in ascending order. A folder that does not exist is empty.
    fn list<'a>(&'a self, dir: &'a str) -> LocalFuture<'a, Result<Vec<String>>>;

    /// Deletes a file that is not open; true if it existed. An open file is `locked` and stays.
    fn remove<'a>(&'a self, path: &'a str) -> LocalFuture<'a, Result<bool>>;

    /// Gives a file that is not open another name, creating the folders of that name and replacing what had it.
    /// After a crash the file has one of its two names. A missing file is `not_found`; either file being open is `locked`;
    /// the name it has already is `invalid_argument`.
    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> LocalFuture<'a, Result<()>>;
}

/// An open file. Dropping it closes it.
///
/// An offset or size past 2^53 - 1 bytes, the largest that browsers count exactly, is `invalid_argument`.
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

/// The outcome of an operation on a disk that never waits: memory, native and simulated disks.
/// A future that is not done at once is `internal`.
pub fn ready<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Error::new(Code::Internal, "this disk makes callers wait")),
    }
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

/// Checks the path of a folder: that of a file, or the empty one of the root.
fn check_folder(dir: &str) -> Result<()> {
    if dir.is_empty() {
        Ok(())
    } else {
        check_path(dir)
    }
}

/// Checks the two names of [`Disk::rename`].
fn check_rename(from: &str, to: &str) -> Result<()> {
    check_path(from)?;
    check_path(to)?;
    if from == to {
        return Err(Error::invalid(format!("{from} has that name already")));
    }
    Ok(())
}

/// The largest integer that a JavaScript number counts exactly.
const MAX_FILE_OFFSET: u64 = (1 << 53) - 1;

/// Checks that `len` bytes at `offset` are within what a file may be, and returns where they end.
fn check_range(offset: u64, len: usize) -> Result<u64> {
    match offset.checked_add(len as u64) {
        Some(end) if end <= MAX_FILE_OFFSET => Ok(end),
        _ => Err(Error::invalid(format!(
            "no file reaches {len} bytes past offset {offset}"
        ))),
    }
}

/// Of `paths` in ascending order, the names directly in `dir`.
fn names_in<'a>(dir: &str, paths: impl Iterator<Item = &'a String>) -> Vec<String> {
    let folder_and_name = |path: &'a String| path.rsplit_once('/').unwrap_or(("", path));
    paths
        .map(folder_and_name)
        .filter(|(folder, _)| *folder == dir)
        .map(|(_, name)| name.to_owned())
        .collect()
}

fn locked(path: &str) -> Error {
    Error::new(Code::Locked, format!("the file {path} is open already"))
}

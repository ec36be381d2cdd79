//! A folder of the operating system's file system.

use std::fs::{self, File as StdFile, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{
    Disk, File, LocalFuture, OpenMode, check_folder, check_path, check_range, check_rename, locked,
};
use crate::error::{Code, Error, Result};

/// The files below one folder.
///
/// Other processes see the locks of its open files as advisory ones on Unix, mandatory ones on Windows.
/// Symbolic links are followed.
pub struct NativeDisk {
    root: PathBuf,
}

impl NativeDisk {
    /// A disk of the files below `root`, a folder that is created with the first file.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn open_now(&self, path: &str, mode: OpenMode) -> Result<Rc<dyn File>> {
        check_path(path)?;
        let full = self.root.join(path);
        let file = match mode {
            OpenMode::Existing => open_existing(&full),
            OpenMode::CreateNew => self.create(&full),
            OpenMode::Create => match self.create(&full) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => open_existing(&full),
                other => other,
            },
        };
        let file = file.map_err(|error| translate(error, path))?;
        lock(&file, path)?;
        Ok(Rc::new(NativeFile { file }))
    }

    /// Creates a file and its folders, and makes their names durable.
    fn create(&self, full: &Path) -> io::Result<StdFile> {
        let folder = full.parent().unwrap_or(&self.root);
        create_folder(folder)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(full)?;
        flush_folder(folder)?;
        Ok(file)
    }

    fn list_now(&self, dir: &str) -> Result<Vec<String>> {
        check_folder(dir)?;
        let entries = match fs::read_dir(self.root.join(dir)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| translate(error, dir))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| translate(error, dir))?;
            let kind = entry.file_type().map_err(|error| translate(error, dir))?;
            match entry.file_name().into_string() {
                Ok(name) if !kind.is_dir() && check_path(&name).is_ok() => names.push(name),
                // A name that no path of this disk can have is none of its files.
                _ => {}
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove_now(&self, path: &str) -> Result<bool> {
        check_path(path)?;
        let full = self.root.join(path);
        let Some(_held) = hold(&full, path)? else {
            return Ok(false);
        };
        fs::remove_file(&full)
            .and_then(|()| flush_folder(full.parent().unwrap_or(&self.root)))
            .map_err(|error| translate(error, path))?;
        Ok(true)
    }

    fn rename_now(&self, from: &str, to: &str) -> Result<()> {
        check_rename(from, to)?;
        let (full_from, full_to) = (self.root.join(from), self.root.join(to));
        let _held_from = hold(&full_from, from)?.ok_or_else(|| Error::not_found("file", from))?;
        let _held_to = hold(&full_to, to)?;
        self.rename_durably(&full_from, &full_to)
            .map_err(|error| translate(error, from))
    }

    fn rename_durably(&self, from: &Path, to: &Path) -> io::Result<()> {
        let old_folder = from.parent().unwrap_or(&self.root);
        let new_folder = to.parent().unwrap_or(&self.root);
        create_folder(new_folder)?;
        fs::rename(from, to)?;
        flush_folder(new_folder)?;
        if old_folder != new_folder {
            flush_folder(old_folder)?;
        }
        Ok(())
    }
}

impl Disk for NativeDisk {
    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> LocalFuture<'a, Result<Rc<dyn File>>> {
        Box::pin(async move { self.open_now(path, mode) })
    }

    fn list<'a>(&'a self, dir: &'a str) -> LocalFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { self.list_now(dir) })
    }

    fn remove<'a>(&'a self, path: &'a str) -> LocalFuture<'a, Result<bool>> {
        Box::pin(async move { self.remove_now(path) })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> LocalFuture<'a, Result<()>> {
        Box::pin(async move { self.rename_now(from, to) })
    }
}

struct NativeFile {
    file: StdFile,
}

impl File for NativeFile {
    fn size(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata
            .map_err(|error| translate(error, "the open file"))?
            .len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        check_range(offset, buf.len())?;
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match read_some(&self.file, rest, offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(translate(error, "the open file")),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        check_range(offset, bytes.len())?;
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match write_some(&self.file, rest, offset + done as u64) {
                Ok(0) => return Err(translate(ErrorKind::WriteZero.into(), "the open file")),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(translate(error, "the open file")),
            }
        }
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<()> {
        check_range(size, 0)?;
        let done = self.file.set_len(size);
        done.map_err(|error| translate(error, "the open file"))
    }

    fn flush(&self) -> Result<()> {
        let done = self.file.sync_data();
        done.map_err(|error| translate(error, "the open file"))
    }
}

/// Creates a folder and those above it where they are missing, and makes their names durable.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folder(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        other => other?,
    }
    flush_folder(parent)
}

fn open_existing(full: &Path) -> io::Result<StdFile> {
    OpenOptions::new().read(true).write(true).open(full)
}

fn lock(file: &StdFile, path: &str) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(locked(path)),
        Err(TryLockError::Error(error)) => Err(translate(error, path)),
    }
}

/// Opens and locks a file that is about to lose its name; nothing if there is none.
fn hold(full: &Path, path: &str) -> Result<Option<StdFile>> {
    match open_existing(full) {
        Ok(file) => lock(&file, path).map(|()| Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(translate(error, path)),
    }
}

fn translate(error: io::Error, what: &str) -> Error {
    let code = match error.kind() {
        ErrorKind::NotFound => return Error::not_found("file", what),
        ErrorKind::AlreadyExists => Code::Conflict,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Code::QuotaExceeded
        }
        _ => Code::Io,
    };
    Error::new(code, format!("the file system refused {what}")).caused_by(error)
}

#[cfg(unix)]
fn read_some(file: &StdFile, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(windows)]
fn read_some(file: &StdFile, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, offset)
}

#[cfg(unix)]
fn write_some(file: &StdFile, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_some(file: &StdFile, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}

/// Makes the names in a folder durable.
#[cfg(unix)]
fn flush_folder(folder: &Path) -> io::Result<()> {
    StdFile::open(folder)?.sync_all()
}

/// Windows has no such call: its file systems keep names in a journal of their own.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "the same face as on Unix")]
fn flush_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

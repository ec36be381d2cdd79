//! A disk in memory, for `storage: 'memory'` and for tests. It keeps nothing when its last clone is dropped.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{
    Disk, File, LocalFuture, OpenMode, buffer, check_folder, check_path, check_rename, locked,
    names_in,
};
use crate::error::{Code, Error, Result};

/// Files in memory. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    files: Rc<RefCell<BTreeMap<String, Rc<Content>>>>,
}

type Content = RefCell<Vec<u8>>;

/// A file is open while someone beside the disk holds its content.
fn is_open(content: &Rc<Content>) -> bool {
    Rc::strong_count(content) > 1
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn open_now(&self, path: &str, mode: OpenMode) -> Result<Rc<dyn File>> {
        check_path(path)?;
        let mut files = self.files.borrow_mut();
        let content = match (files.get(path), mode) {
            (Some(_), OpenMode::CreateNew) => {
                return Err(Error::new(
                    Code::Conflict,
                    format!("the file {path} exists already"),
                ));
            }
            (Some(content), _) if is_open(content) => return Err(locked(path)),
            (Some(content), _) => Rc::clone(content),
            (None, OpenMode::Existing) => return Err(Error::not_found("file", path)),
            (None, _) => {
                let content = Rc::default();
                files.insert(path.to_owned(), Rc::clone(&content));
                content
            }
        };
        Ok(Rc::new(MemoryFile { content }))
    }

    fn remove_now(&self, path: &str) -> Result<bool> {
        check_path(path)?;
        let mut files = self.files.borrow_mut();
        match files.get(path) {
            None => Ok(false),
            Some(content) if is_open(content) => Err(locked(path)),
            Some(_) => Ok(files.remove(path).is_some()),
        }
    }

    fn rename_now(&self, from: &str, to: &str) -> Result<()> {
        check_rename(from, to)?;
        let mut files = self.files.borrow_mut();
        for path in [from, to] {
            if files.get(path).is_some_and(is_open) {
                return Err(locked(path));
            }
        }
        let content = files
            .remove(from)
            .ok_or_else(|| Error::not_found("file", from))?;
        files.insert(to.to_owned(), content);
        Ok(())
    }
}

impl Disk for MemoryDisk {
    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> LocalFuture<'a, Result<Rc<dyn File>>> {
        Box::pin(async move { self.open_now(path, mode) })
    }

    fn list<'a>(&'a self, dir: &'a str) -> LocalFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            check_folder(dir)?;
            Ok(names_in(dir, self.files.borrow().keys()))
        })
    }

    fn remove<'a>(&'a self, path: &'a str) -> LocalFuture<'a, Result<bool>> {
        Box::pin(async move { self.remove_now(path) })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> LocalFuture<'a, Result<()>> {
        Box::pin(async move { self.rename_now(from, to) })
    }
}

struct MemoryFile {
    content: Rc<Content>,
}

impl File for MemoryFile {
    fn size(&self) -> Result<u64> {
        Ok(self.content.borrow().len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        buffer::read(&self.content.borrow(), buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut content = self.content.borrow_mut();
        let offset = buffer::reserve(&mut content, offset, bytes.len())?;
        buffer::put(&mut content, bytes, offset);
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<()> {
        let mut content = self.content.borrow_mut();
        let size = buffer::reserve(&mut content, size, 0)?;
        content.resize(size, 0);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

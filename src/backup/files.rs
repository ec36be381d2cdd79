//! Files that are read by several at a time, which a disk opens for one.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::disk::{Disk, File, LocalFuture, OpenMode};
use crate::error::Result;

/// A disk that gives an open file again to whoever asks for it, for reading.
pub struct SharedFiles {
    disk: Rc<dyn Disk>,
    open: RefCell<Vec<(String, Weak<dyn File>)>>,
}

impl SharedFiles {
    /// Over another disk.
    #[must_use]
    pub const fn new(disk: Rc<dyn Disk>) -> Self {
        Self {
            disk,
            open: RefCell::new(Vec::new()),
        }
    }

    fn find(&self, path: &str) -> Option<Rc<dyn File>> {
        let mut open = self.open.borrow_mut();
        open.retain(|(_, file)| file.strong_count() > 0);
        let found = open.iter().find(|(name, _)| name == path);
        found.and_then(|(_, file)| file.upgrade())
    }
}

impl Disk for SharedFiles {
    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> LocalFuture<'a, Result<Rc<dyn File>>> {
        Box::pin(async move {
            if mode != OpenMode::Existing {
                return self.disk.open(path, mode).await;
            }
            if let Some(file) = self.find(path) {
                return Ok(file);
            }
            let file = self.disk.open(path, mode).await?;
            let shared = (path.to_owned(), Rc::downgrade(&file));
            self.open.borrow_mut().push(shared);
            Ok(file)
        })
    }

    fn list<'a>(&'a self, dir: &'a str) -> LocalFuture<'a, Result<Vec<String>>> {
        self.disk.list(dir)
    }

    fn remove<'a>(&'a self, path: &'a str) -> LocalFuture<'a, Result<bool>> {
        self.disk.remove(path)
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> LocalFuture<'a, Result<()>> {
        self.disk.rename(from, to)
    }
}

//! Which table or index each page of a database file belongs to, read off the file's pointer map.
//!
//! A database that can be vacuumed in steps keeps, on every 818th page, five bytes for each page behind it: what sort it is,
//! and which page points to it. So whose all pages are costs one page read in 818.

use super::PAGE_BYTES;
use super::vfs::{self, CHECKSUM_BYTES};
use crate::disk::File;
use crate::error::{Error, Result};

/// Bytes of one page's entry.
const ENTRY_BYTES: usize = 5;

/// Pages that one page of the map tells of. The map begins with the second page of the file.
pub const fn entries(page_bytes: usize) -> usize {
    (page_bytes - CHECKSUM_BYTES) / ENTRY_BYTES
}

/// The page that SQLite never uses, because systems lock files by it. With this size of pages it is none of the map's.
const LOCK_PAGE: usize = (1 << 30) / PAGE_BYTES as usize + 1;

/// In place of the page that points to one: it belongs to no tree.
const NONE: usize = 0;

/// How large the trees of a database file are.
#[derive(Debug, Default)]
pub struct Sizes {
    /// Pages by the number of their tree's root.
    pages: Vec<u32>,
    free: u32,
}

impl Sizes {
    /// Reads the sizes off a database file as it lies.
    ///
    /// # Errors
    /// `corrupt` when a page of the map fails its checksum, or says what cannot be.
    pub fn read(file: &dyn File) -> Result<Self> {
        let mut map = Map::default();
        let pages = file.size()? / u64::from(PAGE_BYTES);
        map.read(
            file,
            usize::try_from(pages).map_err(|_| malformed())?,
            false,
        )?;
        let mut sizes = Self {
            pages: vec![0; map.parents.len()],
            free: map.free,
        };
        for page in 1..map.parents.len() {
            let root = map.root(page)?;
            *sizes.pages.get_mut(root).ok_or_else(malformed)? += 1;
        }
        Ok(sizes)
    }

    /// Bytes of the tree with this root; 0 if there is none.
    #[must_use]
    pub fn of(&self, root: usize) -> u64 {
        let pages = self.pages.get(root).copied().unwrap_or(0);
        u64::from(pages) * u64::from(PAGE_BYTES)
    }

    /// Bytes of pages that hold nothing.
    #[must_use]
    pub fn free(&self) -> u64 {
        u64::from(self.free) * u64::from(PAGE_BYTES)
    }
}

/// The pages of the tree with a root, as far as the map of a damaged file can be read.
///
/// # Errors
/// The disk's own.
pub fn tree(file: &dyn File, root: u32) -> Result<Vec<u32>> {
    let mut map = Map::default();
    let pages = file.size()? / u64::from(PAGE_BYTES);
    map.read(file, usize::try_from(pages).map_err(|_| malformed())?, true)?;
    let numbers = 1..u32::try_from(map.parents.len()).unwrap_or(u32::MAX);
    Ok(numbers
        .filter(|page| {
            map.root(*page as usize)
                .is_ok_and(|found| found == root as usize)
        })
        .collect())
}

/// The pages that a page of the map, the file's first, calls roots, in ascending order.
#[must_use]
pub fn roots(map: &[u8]) -> Vec<u32> {
    let entries = map.chunks_exact(ENTRY_BYTES).take(entries(map.len()));
    let roots = entries
        .zip(3..)
        .filter(|(entry, _)| entry.first() == Some(&1));
    roots.map(|(_, page)| page).collect()
}

#[derive(Default)]
struct Map {
    /// For each page, by its number, the one that points to it. A root points to itself.
    parents: Vec<usize>,
    free: u32,
}

impl Map {
    /// Reads it. Where pages may be lacking, what they would tell is not known.
    fn read(&mut self, file: &dyn File, pages: usize, may_lack: bool) -> Result<()> {
        // The first page is the root of the table of tables, and no map tells of it.
        self.parents = vec![NONE, 1];
        let mut page = vec![0; PAGE_BYTES as usize];
        while self.parents.len() <= pages {
            let number = self.parents.len();
            self.parents.push(NONE);
            let offset = (number - 1) as u64 * u64::from(PAGE_BYTES);
            file.read_at(&mut page, offset)?;
            let checked = vfs::check_pages(&page, PAGE_BYTES, offset);
            if may_lack && checked.is_err() {
                page.fill(0);
            } else {
                checked?;
            }
            for entry in page
                .chunks_exact(ENTRY_BYTES)
                .take(entries(PAGE_BYTES as usize))
            {
                if self.parents.len() > pages {
                    break;
                }
                let parent = self.parent(entry, pages);
                let parent = if may_lack {
                    parent.unwrap_or(NONE)
                } else {
                    parent?
                };
                self.parents.push(parent);
            }
        }
        Ok(())
    }

    /// What the next page's entry says.
    fn parent(&mut self, entry: &[u8], pages: usize) -> Result<usize> {
        let number = self.parents.len();
        let &[sort, a, b, c, d] = entry else {
            return Err(malformed());
        };
        let parent = u32::from_be_bytes([a, b, c, d]) as usize;
        match sort {
            _ if number == LOCK_PAGE => Ok(NONE),
            1 => Ok(number),
            2 => {
                self.free += 1;
                Ok(NONE)
            }
            3..=5 if (1..=pages).contains(&parent) => Ok(parent),
            _ => Err(malformed()),
        }
    }

    fn pointing_to(&self, page: usize) -> Result<usize> {
        self.parents.get(page).copied().ok_or_else(malformed)
    }

    /// The root of a page's tree. The pages on the way point to it from then on, so that no way is gone twice.
    fn root(&mut self, page: usize) -> Result<usize> {
        let mut root = page;
        let mut left = self.parents.len();
        while self.pointing_to(root)? != root {
            root = self.pointing_to(root)?;
            // Damaged, it might go round in a circle.
            left = left.checked_sub(1).ok_or_else(malformed)?;
        }
        let mut at = page;
        while at != root {
            let slot = self.parents.get_mut(at).ok_or_else(malformed)?;
            at = std::mem::replace(slot, root);
        }
        Ok(root)
    }
}

fn malformed() -> Error {
    Error::corrupt("the database's pointer map is malformed")
}

//! Reading a damaged database that was set aside: page by page, and without its own schema if need be.
//!
//! SQLite sees the file with some of its pages replaced. What its log holds is in place of what the file has. Where the schema
//! cannot be read, the one that its version has stands behind the last page: where a table's rows lie follows from the
//! migrations that made the tables, so a new database of the same version has the same roots; each must be the root of a tree
//! of the same sort here. Where a tree cannot be gone through from its root, each of its pages is shown as the root by itself.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension as _};

use super::migrate::Step;
use super::pages::{roots, tree};
use super::vfs::{CHECKSUM_BYTES, check_pages, page_checksum};
use super::wal::newest_pages;
use super::{Database, FILE, PAGE_BYTES, Position, is_damage};
use crate::disk::memory::MemoryDisk;
use crate::disk::{Disk as _, File, OpenMode};
use crate::error::{Code, Error, Result};
use crate::host::Host;

const PAGE: usize = PAGE_BYTES as usize;

/// Where a tree's header is on the first page; on all others it is at the beginning.
const FIRST_HEADER: usize = 100;

/// The sorts of pages of a tree, by their first byte.
const TABLE_INNER: u8 = 5;
const TABLE_LEAF: u8 = 13;
const INDEX_INNER: u8 = 2;
const INDEX_LEAF: u8 = 10;

/// Bytes of the header of a leaf, and of an inner page, which ends with the page behind all others. Places of the cells follow.
const LEAF_HEADER: usize = 8;
const INNER_HEADER: usize = 12;

/// Fields of the database's header, by their offsets: pages in all, the first free page, and how many there are.
const SIZE_AT: usize = 28;
const FREE_AT: usize = 32;
const FREE_COUNT_AT: usize = 36;

/// A damaged database, to read what can be read of it. Its files do not change.
pub struct Damaged {
    database: Database,
    file: Rc<Overlay>,
}

impl Damaged {
    /// Opens one with its log. `schema` is the version that it is taken to be of if its own schema cannot be read.
    ///
    /// # Errors
    /// `corrupt` when it is not one of that version then, and the disk's own.
    pub async fn open(
        main: Rc<dyn File>,
        wal: &dyn File,
        schema: u32,
        host: Rc<dyn Host>,
    ) -> Result<Self> {
        let own = Overlay::new(main.clone(), wal)?;
        match Self::over(own, host.clone()).await {
            Err(error) if is_damage(&error) => {
                let reference = Reference::of(schema, host.clone()).await?;
                let mut grafted = Overlay::new(main, wal)?;
                grafted.check_fit(&reference)?;
                grafted.add_schema(&reference.file)?;
                Self::over(grafted, host).await
            }
            opened => opened,
        }
    }

    async fn over(file: Overlay, host: Rc<dyn Host>) -> Result<Self> {
        // What the log holds is among the pages.
        let no_log = MemoryDisk::new().open("log", OpenMode::CreateNew).await?;
        let file = Rc::new(file);
        let database = Database::attach(file.clone(), no_log, host, false)?;
        Ok(Self { database, file })
    }

    /// The connection, for statements.
    pub fn connection(&self) -> &Connection {
        self.database.connection()
    }

    /// Where it stands; none if that cannot be read.
    pub fn position(&self) -> Option<Position> {
        self.database.position().ok().flatten()
    }

    /// Lets a table be what one of its pages holds, and nothing else, while `look` is called: for each that can be believed, as
    /// far as the file tells whose a page is.
    ///
    /// # Errors
    /// The disk's own, SQLite's, and those of `look`.
    pub fn page_by_page(&self, table: &str, look: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let find = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        let root = self.connection().query_row(find, [table], |row| row.get(0));
        let Some(root) = root.optional()? else {
            return Ok(());
        };
        for page in tree(&*self.file, root)? {
            if let Some(rows) = self.file.rows_of(page) {
                *self.file.alone.borrow_mut() = Some((root, rows));
                self.forget_pages()?;
                look()?;
            }
        }
        *self.file.alone.borrow_mut() = None;
        self.forget_pages()
    }

    /// Has SQLite read every page again.
    fn forget_pages(&self) -> Result<()> {
        Ok(self.connection().execute_batch("PRAGMA shrink_memory")?)
    }
}

/// A database of a version as it is made.
struct Reference {
    file: Vec<u8>,
    /// The roots of its trees, and whether each is a table's by row numbers.
    roots: Vec<(u32, bool)>,
}

impl Reference {
    async fn of(schema: u32, host: Rc<dyn Host>) -> Result<Self> {
        let disk = MemoryDisk::new();
        let now_ms = host.now_ms();
        let database = Database::create(&disk, host).await?;
        database.capture().set_enabled(false);
        for step in Step::between(0, schema)? {
            database.run("PRAGMA foreign_keys = 0")?;
            database.begin()?;
            step.run(database.connection(), now_ms)?;
            database.run("COMMIT")?;
        }
        database.checkpoint()?;
        let roots = roots_of(database.connection())?;
        drop(database);
        let file = disk.open(FILE, OpenMode::Existing).await?;
        let roots = roots.into_iter();
        let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(0)];
        file.read_at(&mut bytes, 0)?;
        let sort = |root: u32| page_of(&bytes, root).and_then(|page| page.first().copied());
        Ok(Self {
            roots: roots
                .map(|root| (root, matches!(sort(root), Some(TABLE_INNER | TABLE_LEAF))))
                .collect(),
            file: bytes,
        })
    }
}

fn roots_of(connection: &Connection) -> Result<Vec<u32>> {
    let mut statement = connection
        .prepare("SELECT rootpage FROM sqlite_schema WHERE rootpage > 1 ORDER BY rootpage")?;
    let roots = statement.query_map([], |row| row.get(0))?;
    Ok(roots.collect::<rusqlite::Result<_>>()?)
}

/// A file of which some pages are others. It is only read.
struct Overlay {
    main: Rc<dyn File>,
    pages: u32,
    /// Pages that are not the file's own.
    others: HashMap<u32, Vec<u8>>,
    /// A page that is another for now.
    alone: RefCell<Option<(u32, Vec<u8>)>>,
}

impl Overlay {
    fn new(main: Rc<dyn File>, wal: &dyn File) -> Result<Self> {
        let in_file = u32::try_from(main.size()? / u64::from(PAGE_BYTES)).unwrap_or(u32::MAX);
        let others = newest_pages(wal)?;
        let newest = others.keys().copied().max().unwrap_or(0);
        Ok(Self {
            main,
            pages: in_file.max(newest),
            others,
            alone: RefCell::default(),
        })
    }

    /// A page as a leaf with the rows that it holds itself; none if it holds none, or cannot be believed.
    fn rows_of(&self, number: u32) -> Option<Vec<u8>> {
        let mut page = self.page(number)?;
        match *page.first()? {
            TABLE_LEAF | INDEX_LEAF => Some(page),
            INDEX_INNER => {
                make_leaf(&mut page).ok()?;
                Some(page)
            }
            _ => None,
        }
    }

    /// A page that can be believed.
    fn page(&self, number: u32) -> Option<Vec<u8>> {
        if let Some(page) = self.others.get(&number) {
            return Some(page.clone());
        }
        let mut page = vec![0; PAGE];
        let offset = offset_of(number);
        let read = self.main.read_at(&mut page, offset).ok()?;
        // The checksum of nothing is nothing.
        let is_there = read == PAGE && page.iter().any(|byte| *byte != 0);
        (is_there && check_pages(&page, PAGE_BYTES, offset).is_ok()).then_some(page)
    }

    /// Whether the roots of the version are roots here, as far as that can be read.
    fn check_fit(&self, reference: &Reference) -> Result<()> {
        let mut seen = 0;
        for (root, is_table) in &reference.roots {
            let Some(page) = self.page(*root) else {
                continue;
            };
            let fits = match page.first() {
                Some(&(TABLE_INNER | TABLE_LEAF)) => *is_table,
                Some(&(INDEX_INNER | INDEX_LEAF)) => !is_table,
                _ => false,
            };
            if !fits {
                return Err(misfit());
            }
            seen += 1;
        }
        let last = reference.roots.last().map_or(0, |(root, _)| *root);
        let map = self.page(2).map(|map| roots(&map));
        let are_the_same = |found: Vec<u32>| {
            let known = reference.roots.iter().map(|(root, _)| *root);
            found.into_iter().eq(known)
        };
        if seen * 2 < reference.roots.len() || self.pages < last || !map.is_none_or(are_the_same) {
            return Err(misfit());
        }
        Ok(())
    }

    /// Puts the schema of a file behind the last page, and its first page in front.
    fn add_schema(&mut self, file: &[u8]) -> Result<()> {
        let mut first = page_of(file, 1).ok_or_else(misfit)?.to_vec();
        self.add_children(file, &mut first, FIRST_HEADER)?;
        put(&mut first, SIZE_AT, self.pages)?;
        put(&mut first, FREE_AT, 0)?;
        put(&mut first, FREE_COUNT_AT, 0)?;
        seal(&mut first)?;
        self.others.insert(1, first);
        Ok(())
    }

    /// Copies the pages below one of the schema's, and names them by their new numbers.
    fn add_children(&mut self, file: &[u8], page: &mut [u8], header: usize) -> Result<()> {
        match page.get(header) {
            Some(&TABLE_LEAF) => return no_overflow(page, header),
            Some(&TABLE_INNER) => {}
            _ => return Err(misfit()),
        }
        let cells = number(page, header + 3, 2)?;
        let mut places = vec![header + LEAF_HEADER];
        for cell in 0..cells as usize {
            places.push(number(page, header + INNER_HEADER + 2 * cell, 2)? as usize);
        }
        for place in places {
            let child = number(page, place, 4)?;
            let mut copy = page_of(file, child).ok_or_else(misfit)?.to_vec();
            self.add_children(file, &mut copy, 0)?;
            seal(&mut copy)?;
            self.pages += 1;
            self.others.insert(self.pages, copy);
            put(page, place, self.pages)?;
        }
        Ok(())
    }
}

impl File for Overlay {
    fn size(&self) -> Result<u64> {
        Ok(u64::from(self.pages) * u64::from(PAGE_BYTES))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset + filled as u64;
            let number = u32::try_from(at / u64::from(PAGE_BYTES)).unwrap_or(u32::MAX);
            if number >= self.pages {
                break;
            }
            let within = usize::try_from(at % u64::from(PAGE_BYTES)).unwrap_or(0);
            let count = rest.len().min(PAGE - within);
            let Some(rest) = rest.get_mut(..count) else {
                break;
            };
            let alone = self.alone.borrow();
            let alone = alone.as_ref().filter(|(page, _)| *page == number + 1);
            let other = alone.map(|(_, page)| page);
            if let Some(page) = other.or_else(|| self.others.get(&(number + 1))) {
                rest.copy_from_slice(page.get(within..within + count).unwrap_or(&[]));
            } else {
                // What is not there any more is damaged.
                let read = self.main.read_at(rest, at)?;
                rest.get_mut(read..).unwrap_or_default().fill(0);
            }
            filled += count;
        }
        Ok(filled)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> Result<()> {
        Err(only_read())
    }

    fn truncate(&self, _size: u64) -> Result<()> {
        Err(only_read())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// Makes an inner page of an index a leaf of the rows in it: each stands behind the page that comes before it.
fn make_leaf(page: &mut [u8]) -> Result<()> {
    let cells = number(page, 3, 2)? as usize;
    for cell in 0..cells {
        let place = number(page, INNER_HEADER + 2 * cell, 2)? + 4;
        let [.., high, low] = place.to_be_bytes();
        let at = LEAF_HEADER + 2 * cell;
        let slot = page.get_mut(at..at + 2).ok_or_else(misfit)?;
        slot.copy_from_slice(&[high, low]);
    }
    *page.first_mut().ok_or_else(misfit)? = INDEX_LEAF;
    seal(page)
}

/// Refuses records that go on elsewhere, which those of a schema are too short for.
fn no_overflow(page: &[u8], header: usize) -> Result<()> {
    let cells = number(page, header + 3, 2)? as usize;
    for cell in 0..cells {
        let place = number(page, header + LEAF_HEADER + 2 * cell, 2)? as usize;
        // A length of up to two bytes: seven bits each.
        let bytes = match number(page, place, 2)? {
            short if short < 0x8000 => short >> 8,
            long if long & 0x80 == 0 => (long >> 8 & 0x7f) << 7 | long & 0x7f,
            _ => u32::MAX,
        };
        if bytes as usize > PAGE - CHECKSUM_BYTES - 35 {
            return Err(Error::new(
                Code::Internal,
                "the schema has too long a statement",
            ));
        }
    }
    Ok(())
}

fn offset_of(number: u32) -> u64 {
    u64::from(number.saturating_sub(1)) * u64::from(PAGE_BYTES)
}

fn page_of(file: &[u8], number: u32) -> Option<&[u8]> {
    let at = usize::try_from(offset_of(number)).ok()?;
    file.get(at..at + PAGE)
}

/// A number of up to four bytes.
fn number(page: &[u8], at: usize, bytes: usize) -> Result<u32> {
    let bytes = page.get(at..at + bytes).ok_or_else(misfit)?;
    Ok(bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

fn put(page: &mut [u8], at: usize, number: u32) -> Result<()> {
    let place = page.get_mut(at..at + 4).ok_or_else(misfit)?;
    place.copy_from_slice(&number.to_be_bytes());
    Ok(())
}

/// Gives a page the checksum that it has to have.
fn seal(page: &mut [u8]) -> Result<()> {
    let sum = page_checksum(page).ok_or_else(misfit)?;
    *page.last_chunk_mut().ok_or_else(misfit)? = sum;
    Ok(())
}

fn misfit() -> Error {
    Error::corrupt(
        "the schema of the database cannot be read, and that of its version does not fit it",
    )
}

fn only_read() -> Error {
    Error::new(Code::Internal, "a damaged database is only read")
}

//! SQLite's way to the disk: one VFS over the [`disk`](crate::disk) seam.
//!
//! SQLite opens files synchronously, so the files of a database are opened beforehand and [attached](Vfs::attach) by name.
//! Four things happen between SQLite and the disk:
//!
//! - **Writes are gathered.** The number of calls costs more than the bytes, so neighbouring writes wait in memory
//!   until SQLite syncs, the store calls [`Vfs::settle`] after a commit, or [`GATHER_BYTES`] are waiting. What waits is
//!   seen by every read. A full disk keeps the bytes waiting, so the database stays readable.
//! - **Pages carry checksums.** Each page of the database file ends in eight reserved bytes that hold the checksum of the
//!   rest, in the layout of SQLite's own `cksumvfs` extension. Any SQLite can open the file; this VFS refuses a page that fails.
//! - **Unused bytes are zeroed** in pages of the database file, so that what was deleted is not on the disk.
//! - **WAL pages are checked as well**, against checksums kept in memory since they were written or first read.
//!
//! A gathered commit touches no disk, so nothing here makes a write durable by itself: the journal does, and a sync does.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rsqlite_vfs::{
    AccessMode, DeviceCharacteristics, LockLevel, MemChunksFile, OpenAccess, OpenOptions,
    OpenRequest, OpenedFile, OsCallback, SQLiteIoMethods, SQLiteVfs, SyncOptions, VfsError,
    VfsErrorCode, VfsFile, VfsRegistration, VfsResult, VfsStore, register_vfs,
};

use super::pages;
use crate::disk::File;
use crate::error::{Code, Error, Result};
use crate::host::Host;

/// Bytes that wait in memory before they are written without being asked for.
pub const GATHER_BYTES: usize = 1 << 20;

/// Bytes that may wait while the disk is full, before writes fail.
const GATHER_LIMIT: usize = 64 << 20;

/// Reserved bytes at the end of each page of the database file.
pub const CHECKSUM_BYTES: usize = 8;

/// Bytes before each page in the WAL.
const WAL_FRAME_HEADER_BYTES: usize = 24;

/// A registered VFS and the files attached to it.
///
/// Dropping it unregisters the VFS; every connection opened through it must be closed by then.
pub struct Vfs {
    name: String,
    files: Rc<Files>,
    registration: Option<VfsRegistration<Rc<Files>>>,
}

/// The attached files, shared between the VFS and SQLite's callbacks.
pub struct Files {
    slots: RefCell<BTreeMap<String, Rc<Slot>>>,
    host: Rc<dyn Host>,
    last_error: RefCell<Option<VfsError>>,
    failure: RefCell<Option<Error>>,
}

/// A file of the disk under the name SQLite knows it by.
struct Slot {
    file: Rc<dyn File>,
    kind: SlotKind,
    /// Whether SQLite sees a file there: an attached file that is empty and was never created does not exist.
    exists: Cell<bool>,
    gather: RefCell<Gather>,
    /// Checksums of the WAL's pages by their offset.
    wal_pages: RefCell<HashMap<u64, [u8; CHECKSUM_BYTES]>>,
}

/// What a file holds, which decides how its pages are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// A database: pages end in their checksums.
    Database,
    /// A write-ahead log: pages are remembered as they were written.
    Wal,
    /// Anything else.
    Plain,
}

/// One run of neighbouring bytes that is not on the disk yet.
#[derive(Default)]
struct Gather {
    start: u64,
    bytes: Vec<u8>,
}

impl Gather {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Vfs {
    /// Registers a VFS of its own with SQLite, with no files yet.
    #[allow(unsafe_code)]
    pub fn register(host: Rc<dyn Host>) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("strongroom-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let files = Rc::new(Files {
            slots: RefCell::default(),
            host,
            last_error: RefCell::default(),
            failure: RefCell::default(),
        });
        // SAFETY: the callbacks, layout and app data are rsqlite-vfs's own defaults for `Files`. The name is new in this
        // process, so no other registration competes for it. Only the connections of this `Vfs` use it, all on this
        // thread, and they are closed before it is unregistered.
        let registration = unsafe { register_vfs::<Io, Callbacks>(&name, files.clone(), false) }
            .map_err(|error| {
                Error::new(Code::Internal, "SQLite refused the VFS").caused_by(error)
            })?;
        Ok(Self {
            name,
            files,
            registration: Some(registration),
        })
    }

    /// The name to open connections with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a file of the disk known to SQLite as `name`.
    pub fn attach(&self, name: &str, file: Rc<dyn File>, kind: SlotKind) -> Result<()> {
        let slot = Slot {
            exists: Cell::new(file.size()? > 0),
            file,
            kind,
            gather: RefCell::default(),
            wal_pages: RefCell::default(),
        };
        self.files
            .slots
            .borrow_mut()
            .insert(name.to_owned(), Rc::new(slot));
        Ok(())
    }

    /// Forgets `name` and gives its file back, once everything gathered for it is on the disk.
    pub fn detach(&self, name: &str) -> Result<()> {
        let slot = self.files.slots.borrow_mut().remove(name);
        slot.map_or(Ok(()), |slot| slot.spill())
    }

    /// Writes what waits for every file to the disk, without flushing it.
    ///
    /// # Errors
    /// The disk's own; what could not be written keeps waiting and stays readable.
    pub fn settle(&self) -> Result<()> {
        self.files
            .slots
            .borrow()
            .values()
            .try_for_each(|slot| slot.spill())
    }

    /// Takes the first failure of the disk, or of a checksum, since the last call.
    pub fn take_failure(&self) -> Option<Error> {
        self.files.failure.borrow_mut().take()
    }

    /// The attached file, for copying it as it lies.
    pub fn file(&self, name: &str) -> Option<Rc<dyn File>> {
        self.files
            .slots
            .borrow()
            .get(name)
            .map(|slot| slot.file.clone())
    }

    /// The length in bytes of an attached file as SQLite sees it.
    pub fn size(&self, name: &str) -> Result<u64> {
        let slot = self.files.slots.borrow().get(name).cloned();
        slot.map_or(Ok(0), |slot| slot.size())
    }
}

impl Drop for Vfs {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        if let Some(registration) = self.registration.take() {
            // SAFETY: `Database` closes its connections before it drops the VFS, so no callback can run any more.
            // Failing to unregister leaks the registration, which stays valid.
            let _leaked = unsafe { registration.unregister() };
        }
    }
}

impl Slot {
    fn size(&self) -> Result<u64> {
        let gather = self.gather.borrow();
        let waiting = if gather.bytes.is_empty() {
            0
        } else {
            gather.end()
        };
        Ok(self.file.size()?.max(waiting))
    }

    fn read(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut read = self.file.read_at(buf, offset)?;
        let gather = self.gather.borrow();
        let wanted_end = offset + buf.len() as u64;
        let from = offset.max(gather.start);
        let to = wanted_end.min(gather.end());
        if from < to {
            let (target, source) = (
                range(from - offset, to - offset),
                range(from - gather.start, to - gather.start),
            );
            // A gap between the end of the file and what waits reads as zeros.
            if let Some(gap) = buf.get_mut(read..target.start) {
                gap.fill(0);
            }
            if let (Some(target), Some(source)) =
                (buf.get_mut(target.clone()), gather.bytes.get(source))
            {
                target.copy_from_slice(source);
            }
            read = read.max(target.end);
        }
        Ok(read)
    }

    fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let joins = {
            let gather = self.gather.borrow();
            !gather.bytes.is_empty() && (gather.start..=gather.end()).contains(&offset)
        };
        if !joins {
            self.spill()?;
        }
        let mut gather = self.gather.borrow_mut();
        if gather.bytes.is_empty() {
            gather.start = offset;
        }
        let at = range(
            offset - gather.start,
            offset - gather.start + bytes.len() as u64,
        );
        if gather.bytes.len() < at.end {
            gather.bytes.resize(at.end, 0);
        }
        if let Some(target) = gather.bytes.get_mut(at) {
            target.copy_from_slice(bytes);
            self.stamp(target, offset);
        }
        let waiting = gather.bytes.len();
        drop(gather);
        if waiting < GATHER_BYTES {
            return Ok(());
        }
        match self.spill() {
            Err(error) if error.code() == Code::QuotaExceeded && waiting < GATHER_LIMIT => Ok(()),
            result => result,
        }
    }

    /// Remembers a page's checksum: at its end in a database, in memory for the WAL.
    fn stamp(&self, page: &mut [u8], offset: u64) {
        match self.kind {
            SlotKind::Database if is_page(page.len()) => {
                wipe_unused(page, offset);
                if let (Some(checksum), Some(end)) = (page_checksum(page), page.last_chunk_mut()) {
                    *end = checksum;
                }
            }
            SlotKind::Wal if is_page(page.len()) => {
                self.wal_pages.borrow_mut().insert(offset, checksum(page));
            }
            _ => {}
        }
    }

    fn spill(&self) -> Result<()> {
        let mut gather = self.gather.borrow_mut();
        if gather.bytes.is_empty() {
            return Ok(());
        }
        self.file.write_at(&gather.bytes, gather.start)?;
        gather.bytes.clear();
        gather.bytes.shrink_to(GATHER_BYTES);
        Ok(())
    }

    /// Flushes what was written. SQLite syncs the first frame of a log before the others, so that frames of an older log are not
    /// taken for its own; [`Database::checkpoint`](super::Database::checkpoint) leaves no older ones. So on a full disk they may wait.
    fn sync(&self) -> Result<()> {
        match self.spill() {
            Err(error)
                if error.code() == Code::QuotaExceeded
                    && self.kind == SlotKind::Wal
                    && self.gather.borrow().bytes.len() < GATHER_LIMIT =>
            {
                Ok(())
            }
            spilled => spilled.and_then(|()| self.file.flush()),
        }
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.spill()?;
        self.wal_pages
            .borrow_mut()
            .retain(|&offset, _| offset < size);
        self.file.truncate(size)
    }

    fn discard(&self) -> Result<()> {
        self.gather.borrow_mut().bytes.clear();
        self.wal_pages.borrow_mut().clear();
        self.file.truncate(0)?;
        self.exists.set(false);
        Ok(())
    }

    /// Checks what was read: whole pages, and whole frames of the WAL. SQLite reads little else.
    fn check(&self, bytes: &[u8], wanted: usize, offset: u64) -> Result<()> {
        let whole = bytes.len() == wanted;
        match self.kind {
            SlotKind::Database
                if whole && is_page(wanted) && offset.is_multiple_of(wanted as u64) =>
            {
                check_page(bytes, offset)
            }
            SlotKind::Wal if whole && is_page(wanted) => self.check_wal(bytes, offset),
            // Opening reads the log frame by frame and checks each. From then on it must not change.
            SlotKind::Wal if whole && is_page(wanted.saturating_sub(WAL_FRAME_HEADER_BYTES)) => {
                let page = bytes.get(WAL_FRAME_HEADER_BYTES..).unwrap_or_default();
                self.check_wal(page, offset + WAL_FRAME_HEADER_BYTES as u64)
            }
            _ => Ok(()),
        }
    }

    /// Checks a page of the WAL against what it was when it was written, or else first read.
    fn check_wal(&self, page: &[u8], offset: u64) -> Result<()> {
        let checksum = checksum(page);
        let mut known = self.wal_pages.borrow_mut();
        if *known.entry(offset).or_insert(checksum) == checksum {
            Ok(())
        } else {
            Err(bad_page(offset))
        }
    }
}

/// A range of offsets within a buffer that is known to fit into memory.
fn range(from: u64, to: u64) -> std::ops::Range<usize> {
    usize::try_from(from).unwrap_or(usize::MAX)..usize::try_from(to).unwrap_or(usize::MAX)
}

fn is_page(length: usize) -> bool {
    (512..=65_536).contains(&length) && length.is_power_of_two()
}

/// Zeroes what lies unused between the cell pointers and the cells of a b-tree page. SQLite leaves a copy there of rows that it moves
/// to another page, which `secure_delete` does not reach once they are deleted.
fn wipe_unused(page: &mut [u8], offset: u64) {
    let size = page.len();
    let index = offset / size as u64;
    // A page of the pointer map, which comes again behind those it tells of, has no header.
    let is_pointer_map = index % (pages::entries(size) as u64 + 1) == 1;
    if is_pointer_map {
        return;
    }
    let header = if index == 0 { 100 } else { 0 };
    let Some([kind, _, _, cells @ .., start_high, start_low]) = page
        .get(header..)
        .and_then(<[u8]>::first_chunk::<7>)
        .copied()
    else {
        return;
    };
    let header_bytes = match kind {
        2 | 5 => 12,
        10 | 13 => 8,
        // An overflow page, or one of the list of free pages.
        _ => return,
    };
    let pointers = header + header_bytes + 2 * usize::from(u16::from_be_bytes(cells));
    let start = usize::from(u16::from_be_bytes([start_high, start_low]));
    if start <= size - CHECKSUM_BYTES
        && let Some(unused) = page.get_mut(pointers..start)
    {
        unused.fill(0);
    }
}

/// Checks whole pages as they lie in a database file, the first of them at byte `offset`.
///
/// # Errors
/// `corrupt` naming the first page that fails.
pub fn check_pages(bytes: &[u8], page_bytes: u32, offset: u64) -> Result<()> {
    let pages = bytes.chunks(usize::try_from(page_bytes).unwrap_or(usize::MAX));
    for (page, number) in pages.zip(0..) {
        check_page(page, offset + number * u64::from(page_bytes))?;
    }
    Ok(())
}

fn check_page(page: &[u8], offset: u64) -> Result<()> {
    if page_checksum(page) == page.last_chunk().copied() {
        Ok(())
    } else {
        Err(bad_page(offset))
    }
}

fn bad_page(offset: u64) -> Error {
    Error::corrupt(format!(
        "the page at byte {offset} of the database fails its checksum"
    ))
}

/// The checksum of a page without its last eight bytes, as SQLite's `cksumvfs` computes it; none if it has not even those.
#[must_use]
pub fn page_checksum(page: &[u8]) -> Option<[u8; CHECKSUM_BYTES]> {
    page.get(..page.len().checked_sub(CHECKSUM_BYTES)?)
        .map(checksum)
}

/// The checksum of `cksumvfs`.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let (s1, s2) = sums((0, 0), bytes, u32::from_le_bytes);
    let mut checksum = [0; CHECKSUM_BYTES];
    let (first, second) = checksum.split_at_mut(4);
    first.copy_from_slice(&s1.to_le_bytes());
    second.copy_from_slice(&s2.to_le_bytes());
    checksum
}

/// The sums of SQLite's checksums, of pages and of logs, over whole groups of eight bytes; they go on from those of what came
/// before.
pub fn sums(
    (mut s1, mut s2): (u32, u32),
    bytes: &[u8],
    word: impl Fn([u8; 4]) -> u32,
) -> (u32, u32) {
    for [a, b, c, d, e, f, g, h] in bytes.as_chunks::<8>().0 {
        s1 = s1.wrapping_add(word([*a, *b, *c, *d])).wrapping_add(s2);
        s2 = s2.wrapping_add(word([*e, *f, *g, *h])).wrapping_add(s1);
    }
    (s1, s2)
}

/// An open handle as SQLite holds it.
pub enum Handle {
    /// An attached file.
    Attached(Attached),
    /// SQLite's own scratch space: it never reaches the disk.
    Scratch(MemChunksFile),
}

/// A handle on an attached file.
pub struct Attached {
    slot: Rc<Slot>,
    files: Rc<Files>,
    read_only: bool,
}

impl Attached {
    fn writable(&self) -> VfsResult<()> {
        if self.read_only {
            return Err(VfsError::new(
                VfsErrorCode::ReadOnly,
                "the file was opened read-only".into(),
            ));
        }
        Ok(())
    }

    /// Keeps the first failure for the store, and tells SQLite what kind it was.
    fn report<T>(&self, result: Result<T>, otherwise: VfsErrorCode) -> VfsResult<T> {
        result.map_err(|error| self.files.fail(error, otherwise))
    }
}

impl Files {
    fn fail(&self, error: Error, otherwise: VfsErrorCode) -> VfsError {
        let code = match error.code() {
            Code::QuotaExceeded => VfsErrorCode::Full,
            Code::Corrupt => VfsErrorCode::Corrupt,
            _ => otherwise,
        };
        let message = error.to_string().into();
        self.failure.borrow_mut().get_or_insert(error);
        VfsError::new(code, message)
    }
}

impl VfsFile for Handle {
    fn read(&mut self, buf: &mut [u8], offset: u64) -> VfsResult<usize> {
        match self {
            Self::Scratch(file) => file.read(buf, offset),
            Self::Attached(file) => {
                let read = file.slot.read(buf, offset).and_then(|read| {
                    let bytes = buf.get(..read).unwrap_or_default();
                    file.slot.check(bytes, buf.len(), offset)?;
                    Ok(read)
                });
                file.report(read, VfsErrorCode::IoRead)
            }
        }
    }

    fn write(&mut self, buf: &[u8], offset: u64) -> VfsResult<()> {
        match self {
            Self::Scratch(file) => file.write(buf, offset),
            Self::Attached(file) => {
                file.writable()?;
                file.report(file.slot.write(buf, offset), VfsErrorCode::IoWrite)
            }
        }
    }

    fn truncate(&mut self, size: u64) -> VfsResult<()> {
        match self {
            Self::Scratch(file) => file.truncate(size),
            Self::Attached(file) => {
                file.writable()?;
                file.report(file.slot.truncate(size), VfsErrorCode::IoTruncate)
            }
        }
    }

    fn sync(&mut self, options: SyncOptions) -> VfsResult<()> {
        match self {
            Self::Scratch(file) => file.sync(options),
            Self::Attached(file) => file.report(file.slot.sync(), VfsErrorCode::IoSync),
        }
    }

    fn size(&self) -> VfsResult<u64> {
        match self {
            Self::Scratch(file) => file.size(),
            Self::Attached(file) => file.report(file.slot.size(), VfsErrorCode::IoStat),
        }
    }

    // One connection at a time owns an attached file, so there is nobody to lock out.
    fn lock(&mut self, _level: LockLevel) -> VfsResult<()> {
        Ok(())
    }

    fn unlock(&mut self, _level: LockLevel) -> VfsResult<()> {
        Ok(())
    }

    fn check_reserved_lock(&self) -> VfsResult<bool> {
        Ok(false)
    }

    // A torn write may damage only what it writes: each page has a checksum and the WAL heals it.
    fn device_characteristics(&self) -> DeviceCharacteristics {
        DeviceCharacteristics::POWERSAFE_OVERWRITE
    }
}

/// The file namespace SQLite sees.
pub struct Namespace;

impl VfsStore for Namespace {
    type File = Handle;
    type AppData = Rc<Files>;

    fn record_error(files: &Rc<Files>, error: VfsError) {
        files.last_error.replace(Some(error));
    }

    fn last_error(files: &Rc<Files>) -> Option<VfsError> {
        files.last_error.borrow().clone()
    }

    fn open_file(files: &Rc<Files>, request: OpenRequest<'_>) -> VfsResult<OpenedFile<Handle>> {
        let access = request.options.access();
        let Some(name) = request.filename.map(rsqlite_vfs::VfsFilename::path) else {
            let file = Handle::Scratch(MemChunksFile::waiting_for_write());
            return Ok(OpenedFile { file, access });
        };
        let cannot = |why: &str| {
            let message = format!("{name}: {why}");
            VfsError::new(VfsErrorCode::CantOpen, message.into())
        };
        let slot = files.slots.borrow().get(name).cloned();
        let slot = slot.ok_or_else(|| cannot("not attached"))?;
        match (slot.exists.get(), request.options.create()) {
            (true, _) if request.options.exclusive() => return Err(cannot("exists already")),
            (false, false) => return Err(cannot("does not exist")),
            _ => slot.exists.set(true),
        }
        let file = Handle::Attached(Attached {
            slot,
            files: files.clone(),
            read_only: access == OpenAccess::ReadOnly,
        });
        Ok(OpenedFile { file, access })
    }

    fn close_file(
        _files: &Rc<Files>,
        _name: Option<&str>,
        file: Handle,
        options: OpenOptions,
    ) -> VfsResult<()> {
        let Handle::Attached(file) = file else {
            return Ok(());
        };
        let closed = if options.delete_on_close() {
            file.slot.discard()
        } else {
            file.slot.spill()
        };
        file.report(closed, VfsErrorCode::IoClose)
    }

    fn access(files: &Rc<Files>, name: &str, _mode: AccessMode) -> VfsResult<bool> {
        Ok(files
            .slots
            .borrow()
            .get(name)
            .is_some_and(|slot| slot.exists.get()))
    }

    fn full_pathname(_files: &Rc<Files>, name: &str) -> VfsResult<String> {
        Ok(name.to_owned())
    }

    fn delete_file(files: &Rc<Files>, name: &str, sync_dir: bool) -> VfsResult<()> {
        let slot = files.slots.borrow().get(name).cloned();
        let Some(slot) = slot.filter(|slot| slot.exists.get()) else {
            return Err(VfsError::new(
                VfsErrorCode::IoDeleteNoEntry,
                format!("{name}: does not exist").into(),
            ));
        };
        let deleted = slot
            .discard()
            .and_then(|()| if sync_dir { slot.file.flush() } else { Ok(()) });
        deleted.map_err(|error| files.fail(error, VfsErrorCode::IoDelete))
    }
}

impl OsCallback for Files {
    // Nothing here ever waits for a lock, and a worker cannot sleep.
    fn sleep(&self, _duration: Duration) {}

    fn random(&self, buf: &mut [u8]) -> usize {
        self.host.random(buf);
        buf.len()
    }

    fn epoch_timestamp_in_ms(&self) -> VfsResult<i64> {
        Ok(self.host.now_ms())
    }
}

/// The default I/O callbacks over [`Namespace`].
struct Io;

impl SQLiteIoMethods for Io {
    type Store = Namespace;
}

/// The default VFS callbacks with [`Files`] as the operating system.
struct Callbacks;

impl SQLiteVfs<Io> for Callbacks {
    type Os = Files;

    fn os(files: &Rc<Files>) -> &Files {
        files
    }
}

/// Runs rsqlite-vfs's conformance suite against this VFS over files of `disk` that are removed afterwards.
#[doc(hidden)]
pub async fn conformance(disk: &dyn crate::disk::Disk, host: Rc<dyn Host>) -> Result<()> {
    const NAMES: [&str; 8] = [
        "___test_vfs_store#1___",
        "___test_vfs_store#2___",
        "___test_vfs_store_open_modes___",
        "___test_vfs_store_reopen___",
        "___test_vfs_store_delete_on_close___",
        "___test_vfs_store_isolation_a___",
        "___test_vfs_store_isolation_b___",
        "___test_vfs_store_recreate___",
    ];
    let vfs = Vfs::register(host)?;
    for (number, name) in NAMES.into_iter().enumerate() {
        let file = disk
            .open(
                &format!("conformance-{number}"),
                crate::disk::OpenMode::CreateNew,
            )
            .await?;
        vfs.attach(name, file, SlotKind::Plain)?;
    }
    let data = rsqlite_vfs::VfsAppData::new(vfs.files.clone());
    let outcome = rsqlite_vfs::test_suite::test_vfs_store::<Namespace>(data).map_err(|error| {
        Error::new(Code::Internal, "the VFS breaks its contract").caused_by(error)
    });
    vfs.files.slots.borrow_mut().clear();
    for number in 0..NAMES.len() {
        disk.remove(&format!("conformance-{number}")).await?;
    }
    outcome
}

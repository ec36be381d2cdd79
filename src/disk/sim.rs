//! A simulated disk that fails and crashes on purpose, the same way every time for the same seed.
//!
//! **The model.** Each file has its durable bytes, what programs see, and the writes and truncations in between that
//! were not flushed. Creating, removing and renaming files likewise waits in a list. [`SimDisk::crash`] is power loss:
//!
//! - Each unflushed write is kept, dropped, or torn: of a torn write an arbitrary prefix survives, or arbitrary
//!   512-byte sectors of the file. Each unflushed truncation is kept or dropped. Nothing orders them: a later write
//!   may survive an earlier one, and a gap before it reads as zeros.
//! - A file that was created and not flushed may vanish. A removal or renaming may be undone until any file is flushed.
//!   Renaming stays atomic, but what was renamed may be empty or torn if it was not flushed before.
//!   A change that survives takes the earlier changes of the same names with it.
//! - Open files answer `closed` from then on; the disk itself works again.
//!
//! [`SimDisk::kill`] is the death of the process alone: the writes stay, still unflushed, and a later crash may take them.
//!
//! **Faults.** Every operation that changes the disk has an index, counted from 0; those that only look are counted apart.
//! An operation refused for its arguments or for a lock never reaches the disk and is not counted. A write that fails,
//! for whatever reason, may have been applied in part, and an open that fails may have created the file. Any other change
//! that fails did nothing: a failed flush leaves the writes unflushed, and may be tried again.
//!
//! **Not simulated:** time, damage to data that was flushed (but see [`SimDisk::flip_bit`]), reads that give other bytes than were
//! written, a flush that lies, a failed flush that discards the writes, folders as things of their own, and space taken
//! by anything but the bytes of files. A file holds at most 1 GiB.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{
    Disk, File, LocalFuture, OpenMode, buffer, check_folder, check_path, check_range, check_rename,
    locked, names_in,
};
use crate::error::{Code, Error, Result};

/// A power loss tears writes at multiples of this many bytes of the file.
const SECTOR_BYTES: usize = 512;

/// How often a planned fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// At the one operation.
    Once,
    /// At that operation and every later one.
    Forever,
}

/// How many operations reached the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations {
    /// Opens that create, writes, truncations, flushes, removals and renamings, failed ones included.
    pub changes: u64,
    /// Opens of existing files, sizes, reads and listings.
    pub looks: u64,
}

/// The simulated disk. Clones are the same disk; [`SimDisk::fork`] makes another.
#[derive(Clone)]
pub struct SimDisk {
    state: Rc<RefCell<State>>,
}

impl SimDisk {
    /// An empty disk without faults. All its chances follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_state(State {
            random: Random(seed),
            capacity: u64::MAX,
            ..State::default()
        })
    }

    fn from_state(state: State) -> Self {
        Self {
            state: Rc::new(RefCell::new(state)),
        }
    }

    /// Another disk that holds the same, flushed and unflushed, with chances of its own:
    /// no file is open, no fault planned, and operations count from 0.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let state = self.state.borrow();
        Self::from_state(State {
            random: Random(seed),
            files: state.files.clone(),
            next_file: state.next_file,
            names: state.names.clone(),
            capacity: state.capacity,
            ..State::default()
        })
    }

    /// Makes the change with index `n` fail with `code`, instead of any fault planned before.
    pub fn fail_at(&self, n: u64, fault: Fault, code: Code) {
        self.state.borrow_mut().change_fault = Some(PlannedFault { n, fault, code });
    }

    /// Makes the look with index `n` fail with `code`, instead of any fault planned before.
    pub fn fail_look_at(&self, n: u64, fault: Fault, code: Code) {
        self.state.borrow_mut().look_fault = Some(PlannedFault { n, fault, code });
    }

    /// Lets the machine die at the change with index `n`: that and everything later fails with `io`,
    /// until [`SimDisk::crash`] or [`SimDisk::kill`] says what is left of it.
    pub fn crash_at(&self, n: u64) {
        self.state.borrow_mut().crash_at = Some(n);
    }

    /// Whether the machine died where [`SimDisk::crash_at`] said.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.state.borrow().down
    }

    /// Power loss, and power again: see the model above. Planned faults are forgotten.
    pub fn crash(&self) {
        let mut state = self.state.borrow_mut();
        state.lose_power();
        state.end_process();
    }

    /// The process dies and the machine does not: every write stays. Planned faults are forgotten.
    pub fn kill(&self) {
        self.state.borrow_mut().end_process();
    }

    /// Forgets the planned faults.
    pub fn heal(&self) {
        self.state.borrow_mut().forget_faults();
    }

    /// Limits the bytes of all files together. A write or truncation that needs more is `quota_exceeded`.
    pub fn set_capacity(&self, bytes: u64) {
        self.state.borrow_mut().capacity = bytes;
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> Operations {
        self.state.borrow().operations
    }

    /// Every file with its size as programs see it, in ascending order.
    #[must_use]
    pub fn files(&self) -> Vec<(String, u64)> {
        let state = self.state.borrow();
        let size = |id| state.files.get(id).map_or(0, Content::size);
        let names = state.names.seen.iter();
        names.map(|(name, id)| (name.clone(), size(id))).collect()
    }

    /// The bytes of a file as programs see them, past every lock, fault and count.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let mut state = self.state.borrow_mut();
        Ok(state.content_at(path)?.seen.clone())
    }

    /// Puts a file on the disk, durably, past every lock, fault and count. What had that name is replaced, and every earlier
    /// creation, removal and renaming becomes durable too.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        check_path(path)?;
        let mut state = self.state.borrow_mut();
        let id = match state.names.seen.get(path) {
            Some(id) => *id,
            None => state.create(path),
        };
        state.names.settle(|_| true);
        state.forget_lost_files();
        *state.content(id)? = Content {
            durable: bytes.to_vec(),
            seen: bytes.to_vec(),
            unflushed: Vec::new(),
        };
        Ok(())
    }

    /// Flips one bit of a file at rest, durably; `offset_bits` counts from the lowest bit of its first byte.
    /// A bit past the end is `invalid_argument`.
    pub fn flip_bit(&self, path: &str, offset_bits: u64) -> Result<()> {
        let mut state = self.state.borrow_mut();
        let content = state.content_at(path)?;
        let index = usize::try_from(offset_bits / 8).unwrap_or(usize::MAX);
        let mask = 1 << (offset_bits % 8);
        let byte = content
            .seen
            .get_mut(index)
            .ok_or_else(|| Error::invalid(format!("{path} has no bit {offset_bits}")))?;
        *byte ^= mask;
        if let Some(byte) = content.durable.get_mut(index) {
            *byte ^= mask;
        }
        Ok(())
    }

    fn open_now(&self, path: &str, mode: OpenMode) -> Result<Rc<dyn File>> {
        check_path(path)?;
        let mut state = self.state.borrow_mut();
        let id = match (state.names.seen.get(path).copied(), mode) {
            (Some(_), OpenMode::CreateNew) => {
                state.look()?;
                return Err(Error::new(
                    Code::Conflict,
                    format!("the file {path} exists already"),
                ));
            }
            (Some(id), _) if state.open.contains(&id) => return Err(locked(path)),
            (Some(id), _) => {
                state.look()?;
                id
            }
            (None, OpenMode::Existing) => {
                state.look()?;
                return Err(Error::not_found("file", path));
            }
            (None, _) => {
                let was_down = state.down;
                if let Err(error) = state.change() {
                    if !was_down && state.random.coin() {
                        state.create(path);
                    }
                    return Err(error);
                }
                state.create(path)
            }
        };
        state.open.insert(id);
        Ok(Rc::new(SimFile {
            disk: self.clone(),
            id,
            life: state.life,
        }))
    }

    fn list_now(&self, dir: &str) -> Result<Vec<String>> {
        check_folder(dir)?;
        let mut state = self.state.borrow_mut();
        state.look()?;
        Ok(names_in(dir, state.names.seen.keys()))
    }

    fn remove_now(&self, path: &str) -> Result<bool> {
        check_path(path)?;
        let mut state = self.state.borrow_mut();
        state.check_not_open(path)?;
        state.change()?;
        let existed = state.names.seen.contains_key(path);
        if existed {
            let path = path.to_owned();
            state.names.make(NameChange::Remove { path });
        }
        Ok(existed)
    }

    fn rename_now(&self, from: &str, to: &str) -> Result<()> {
        check_rename(from, to)?;
        let mut state = self.state.borrow_mut();
        state.check_not_open(from)?;
        state.check_not_open(to)?;
        state.change()?;
        if !state.names.seen.contains_key(from) {
            return Err(Error::not_found("file", from));
        }
        state.names.make(NameChange::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
        });
        Ok(())
    }
}

impl Disk for SimDisk {
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

/// An open file of the simulated disk. It is dead once the disk lives another life.
struct SimFile {
    disk: SimDisk,
    id: FileId,
    life: u64,
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.disk.state.borrow_mut();
        if state.life != self.life {
            return Err(Error::new(
                Code::Closed,
                "the machine went down while the file was open",
            ));
        }
        act(&mut state)
    }
}

impl File for SimFile {
    fn size(&self) -> Result<u64> {
        self.with(|state| {
            state.look()?;
            Ok(state.content(self.id)?.size())
        })
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.with(|state| {
            check_range(offset, buf.len())?;
            state.look()?;
            buffer::read(&state.content(self.id)?.seen, buf, offset)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.with(|state| {
            let end = check_range(offset, bytes.len())?;
            let was_down = state.down;
            let fits = state
                .change()
                .and_then(|()| state.check_space(self.id, end));
            if let Err(error) = fits {
                if !was_down {
                    state.write_in_part(self.id, bytes, offset)?;
                }
                return Err(error);
            }
            state.content(self.id)?.write(bytes, offset)
        })
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.with(|state| {
            check_range(size, 0)?;
            state.change()?;
            state.check_space(self.id, size)?;
            state.content(self.id)?.truncate(size)
        })
    }

    fn flush(&self) -> Result<()> {
        self.with(|state| {
            state.change()?;
            state.content(self.id)?.flush();
            state.names.settle(|change| match change {
                NameChange::Create { id, .. } => *id == self.id,
                NameChange::Remove { .. } | NameChange::Rename { .. } => true,
            });
            state.forget_lost_files();
            Ok(())
        })
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.disk.state.borrow_mut();
        if state.life == self.life {
            state.open.remove(&self.id);
        }
    }
}

/// A file, whatever its name.
type FileId = u64;

#[derive(Default)]
struct State {
    random: Random,
    files: BTreeMap<FileId, Content>,
    next_file: FileId,
    names: Names,
    open: BTreeSet<FileId>,
    /// Grows at every crash and kill, so that files opened before are known as dead.
    life: u64,
    capacity: u64,
    operations: Operations,
    change_fault: Option<PlannedFault>,
    look_fault: Option<PlannedFault>,
    crash_at: Option<u64>,
    down: bool,
}

impl State {
    /// Counts an operation that changes the disk, and fails it if that is the plan.
    fn change(&mut self) -> Result<()> {
        let index = self.operations.changes;
        self.operations.changes += 1;
        if self.crash_at == Some(index) {
            self.down = true;
        }
        self.check_power()?;
        PlannedFault::check(self.change_fault.as_ref(), index)
    }

    /// Counts an operation that only looks, and fails it if that is the plan.
    fn look(&mut self) -> Result<()> {
        let index = self.operations.looks;
        self.operations.looks += 1;
        self.check_power()?;
        PlannedFault::check(self.look_fault.as_ref(), index)
    }

    fn check_power(&self) -> Result<()> {
        if self.down {
            return Err(Error::new(Code::Io, "the simulated machine is down"));
        }
        Ok(())
    }

    fn check_not_open(&self, path: &str) -> Result<()> {
        match self.names.seen.get(path) {
            Some(id) if self.open.contains(id) => Err(locked(path)),
            _ => Ok(()),
        }
    }

    fn check_space(&self, id: FileId, end: u64) -> Result<()> {
        if end > self.largest_end(id) {
            return Err(Error::new(
                Code::QuotaExceeded,
                "the simulated disk is full",
            ));
        }
        Ok(())
    }

    /// How far a file may reach before the disk is full; never less than it does.
    fn largest_end(&self, id: FileId) -> u64 {
        let used = self.names.seen.values();
        let used: u64 = used
            .filter_map(|id| self.files.get(id))
            .map(Content::size)
            .sum();
        let size = self.files.get(&id).map_or(0, Content::size);
        size.saturating_add(self.capacity.saturating_sub(used))
    }

    /// A write that fails leaves a prefix of itself, or nothing.
    fn write_in_part(&mut self, id: FileId, bytes: &[u8], offset: u64) -> Result<()> {
        let space = self.largest_end(id).saturating_sub(offset);
        let most = usize::try_from(space)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let count = self.random.up_to(most);
        let part = bytes.get(..count).unwrap_or_default();
        self.content(id)?.write(part, offset)
    }

    fn create(&mut self, path: &str) -> FileId {
        let id = self.next_file;
        self.next_file += 1;
        self.files.insert(id, Content::default());
        self.names.make(NameChange::Create {
            path: path.to_owned(),
            id,
        });
        id
    }

    fn content(&mut self, id: FileId) -> Result<&mut Content> {
        self.files
            .get_mut(&id)
            .ok_or_else(|| Error::new(Code::Internal, "an open file has no content"))
    }

    fn content_at(&mut self, path: &str) -> Result<&mut Content> {
        let id = self.names.seen.get(path).copied();
        self.content(id.ok_or_else(|| Error::not_found("file", path))?)
    }

    fn lose_power(&mut self) {
        let odds = Odds::draw(&mut self.random);
        self.names.lose_power(odds, &mut self.random);
        self.forget_lost_files();
        for content in self.files.values_mut() {
            content.lose_power(odds, &mut self.random);
        }
    }

    fn end_process(&mut self) {
        self.life += 1;
        self.open.clear();
        self.down = false;
        self.forget_faults();
    }

    fn forget_faults(&mut self) {
        self.change_fault = None;
        self.look_fault = None;
        self.crash_at = None;
    }

    fn forget_lost_files(&mut self) {
        let named = self.names.files();
        self.files.retain(|id, _| named.contains(id));
    }
}

struct PlannedFault {
    n: u64,
    fault: Fault,
    code: Code,
}

impl PlannedFault {
    fn check(planned: Option<&Self>, index: u64) -> Result<()> {
        match planned {
            Some(planned) if planned.strikes(index) => Err(Error::new(
                planned.code,
                format!("simulated fault at operation {index}"),
            )),
            _ => Ok(()),
        }
    }

    fn strikes(&self, index: u64) -> bool {
        match self.fault {
            Fault::Once => index == self.n,
            Fault::Forever => index >= self.n,
        }
    }
}

/// The bytes of a file.
#[derive(Clone, Default)]
struct Content {
    durable: Vec<u8>,
    seen: Vec<u8>,
    /// What turns `durable` into `seen`, in order.
    unflushed: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { bytes: Vec<u8>, offset: usize },
    Truncate { size: usize },
}

impl Content {
    fn size(&self) -> u64 {
        self.seen.len() as u64
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let offset = buffer::reserve(&mut self.seen, offset, bytes.len())?;
        buffer::put(&mut self.seen, bytes, offset);
        let bytes = bytes.to_vec();
        self.unflushed.push(Change::Write { bytes, offset });
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> Result<()> {
        let size = buffer::reserve(&mut self.seen, size, 0)?;
        self.seen.resize(size, 0);
        self.unflushed.push(Change::Truncate { size });
        Ok(())
    }

    fn flush(&mut self) {
        for change in self.unflushed.drain(..) {
            match change {
                Change::Write { bytes, offset } => buffer::put(&mut self.durable, &bytes, offset),
                Change::Truncate { size } => self.durable.resize(size, 0),
            }
        }
    }

    fn lose_power(&mut self, odds: Odds, random: &mut Random) {
        for change in self.unflushed.drain(..) {
            match (change, odds.fate(random)) {
                (_, Fate::Dropped) => {}
                (Change::Write { bytes, offset }, Fate::Kept) => {
                    buffer::put(&mut self.durable, &bytes, offset);
                }
                (Change::Write { bytes, offset }, Fate::Torn) => {
                    put_torn(&mut self.durable, &bytes, offset, random);
                }
                (Change::Truncate { size }, Fate::Kept | Fate::Torn) => {
                    self.durable.resize(size, 0);
                }
            }
        }
        self.seen.clone_from(&self.durable);
    }
}

/// Writes an arbitrary prefix of `bytes`, or arbitrary sectors.
fn put_torn(durable: &mut Vec<u8>, bytes: &[u8], offset: usize, random: &mut Random) {
    if random.coin() {
        let count = random.up_to(bytes.len());
        buffer::put(durable, bytes.get(..count).unwrap_or_default(), offset);
        return;
    }
    let (mut rest, mut at) = (bytes, offset);
    while !rest.is_empty() {
        let count = rest.len().min(SECTOR_BYTES - at % SECTOR_BYTES);
        let (sector, later) = rest.split_at(count);
        if random.coin() {
            buffer::put(durable, sector, at);
        }
        (rest, at) = (later, at + count);
    }
}

/// Which file has which name.
#[derive(Clone, Default)]
struct Names {
    durable: BTreeMap<String, FileId>,
    seen: BTreeMap<String, FileId>,
    /// What turns `durable` into `seen`, in order.
    unsettled: Vec<NameChange>,
}

#[derive(Clone)]
enum NameChange {
    Create { path: String, id: FileId },
    Remove { path: String },
    Rename { from: String, to: String },
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, FileId>) {
        match self {
            Self::Create { path, id } => {
                names.insert(path.clone(), *id);
            }
            Self::Remove { path } => {
                names.remove(path);
            }
            Self::Rename { from, to } => {
                if let Some(id) = names.remove(from) {
                    names.insert(to.clone(), id);
                }
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = &String> {
        let (first, second) = match self {
            Self::Create { path, .. } | Self::Remove { path } => (path, None),
            Self::Rename { from, to } => (from, Some(to)),
        };
        std::iter::once(first).chain(second)
    }
}

impl Names {
    fn make(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.unsettled.push(change);
    }

    /// Makes the changes that `keep` picks durable, and the earlier changes of the same names with them.
    fn settle(&mut self, mut keep: impl FnMut(&NameChange) -> bool) {
        let mut needed = BTreeSet::new();
        let mut kept = Vec::with_capacity(self.unsettled.len());
        for change in self.unsettled.iter().rev() {
            let keeps = keep(change) || change.paths().any(|path| needed.contains(path));
            if keeps {
                needed.extend(change.paths());
            }
            kept.push(keeps);
        }
        self.unsettled.retain(|change| {
            let keeps = kept.pop().unwrap_or_default();
            if keeps {
                change.apply(&mut self.durable);
            }
            !keeps
        });
    }

    fn lose_power(&mut self, odds: Odds, random: &mut Random) {
        self.settle(|_| matches!(odds.fate(random), Fate::Kept));
        self.unsettled.clear();
        self.seen.clone_from(&self.durable);
    }

    /// The files that have a name, or may have one again after a crash.
    fn files(&self) -> BTreeSet<FileId> {
        let created = self.unsettled.iter().filter_map(|change| match change {
            NameChange::Create { id, .. } => Some(*id),
            NameChange::Remove { .. } | NameChange::Rename { .. } => None,
        });
        let named = self.durable.values().chain(self.seen.values()).copied();
        named.chain(created).collect()
    }
}

/// What becomes of an unflushed change.
enum Fate {
    Kept,
    Dropped,
    Torn,
}

/// How kind one power loss is. Drawn for each, because equal odds for every change would almost never lose a single
/// one of many, or all.
#[derive(Clone, Copy)]
struct Odds {
    kept_of_8: u64,
    torn_of_8: u64,
}

impl Odds {
    fn draw(random: &mut Random) -> Self {
        let mut pick = |choices: [u64; 5]| {
            let index = random.up_to(choices.len() - 1);
            choices.into_iter().nth(index).unwrap_or_default()
        };
        Self {
            kept_of_8: pick([0, 1, 4, 7, 8]),
            torn_of_8: pick([0, 0, 4, 4, 8]),
        }
    }

    fn fate(self, random: &mut Random) -> Fate {
        if random.next() % 8 < self.kept_of_8 {
            Fate::Kept
        } else if random.next() % 8 < self.torn_of_8 {
            Fate::Torn
        } else {
            Fate::Dropped
        }
    }
}

/// `SplitMix64`: small, and good enough to choose faults.
#[derive(Default)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// A number from 0 to `most`, both included.
    fn up_to(&mut self, most: usize) -> usize {
        let choices = (most as u64).saturating_add(1);
        usize::try_from(self.next() % choices).unwrap_or(most)
    }
}

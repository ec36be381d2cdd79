//! The journal: one line per transaction, appended and never changed.
//!
//! The lines lie in segments, files of a few MiB of which only the newest grows. Each segment's header names the digest
//! of the one before, so they form a chain; closed ones are compressed. `docs/format.md` has every byte.

mod record;
mod replay;
mod rewrite;
mod seal;
mod segment;

use std::rc::Rc;

use uuid::Uuid;

pub use record::{MAX_LINE_BYTES, MAX_SEQ, Record};
pub use replay::{Item, Replay, Report, Verify};
pub use rewrite::{Edit, Rewrite};
pub use segment::{Digest, Finding, Header, Reason, Rewritten};

use crate::disk::{Disk, File, OpenMode};
use crate::error::{Code, Error, Result};
use seal::{Progress, Sealing};
use segment::{Event, FOLDER, Files, MAX_HEADER_BYTES, Name, Read, Scanner, Source};

/// Whose journal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The store. Segments of another are never read.
    pub store: Uuid,
    /// The installation that writes. A segment has one writer: another one begins a new segment.
    pub writer: Uuid,
}

/// Sizes that may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From this size on a segment should be closed, in bytes.
    pub segment_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            segment_bytes: 4 * 1024 * 1024,
        }
    }
}

/// A segment of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Sequence number of its first record, as its name has it.
    pub first: u64,
    /// Whether it is compressed.
    pub sealed: bool,
    /// Length before compression, in bytes; of a compressed segment found on opening, what its last bytes say. 0 if it was
    /// passed over.
    pub bytes: u64,
    /// Its header; none if that is damaged or was passed over.
    pub header: Option<Header>,
    /// Whether opening passed it over, because its lines are not needed.
    pub passed_over: bool,
}

impl SegmentInfo {
    fn name(&self) -> Name {
        Name {
            first: self.first,
            sealed: self.sealed,
        }
    }
}

/// How much of the closed segments is compressed, in bytes before compression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SealingProgress {
    /// Of segments that are compressed.
    pub done: u64,
    /// Of all that are closed.
    pub total: u64,
}

/// What [`Journal::open`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes at the end of the newest segment, confirmed by no flush, that were dropped: a damaged line and what follows it.
    pub torn_bytes: u64,
    /// Copies of those among them that held good lines, in `quarantine/`.
    pub set_aside: Vec<String>,
    /// What did not check. Only the newest segment was read whole; [`Journal::verify`] reads all.
    pub findings: Vec<Finding>,
}

/// The segment that is appended to.
struct Active {
    file: Rc<dyn File>,
    end: u64,
    hasher: blake3::Hasher,
}

/// A place where the journal ended.
pub struct Mark {
    end: u64,
    hasher: blake3::Hasher,
    last_seq: u64,
}

/// An open journal, the only one of its folder.
pub struct Journal {
    files: Rc<Files>,
    identity: Identity,
    limits: Limits,
    /// Ascending; the last is the active one, if there is one.
    segments: Vec<SegmentInfo>,
    active: Option<Active>,
    /// Digest of the newest segment when it is not active.
    tip: Option<Digest>,
    last_seq: u64,
    sealing: Option<Sealing>,
    /// Lines were appended since the last flush.
    unflushed: bool,
    broken: bool,
}

impl Journal {
    /// Opens the journal of `disk`, creating nothing: a new journal gets its first segment from [`Journal::rotate`].
    ///
    /// Tidies up after a crash: unfinished copies and a torn end are removed. What is damaged stays where it is and is
    /// reported; only what stands in the way of new segments is moved to `quarantine/`. Reads the newest segment whole, of
    /// others the header.
    pub async fn open(
        disk: Rc<dyn Disk>,
        identity: Identity,
        limits: Limits,
    ) -> Result<(Self, Opened)> {
        Self::open_from(disk, identity, limits, 0).await
    }

    /// Like [`open`](Self::open), but passes over sealed segments that hold only lines up to `seq`: they are listed by their
    /// names, so that opening takes the same time however long the journal is.
    pub async fn open_from(
        disk: Rc<dyn Disk>,
        identity: Identity,
        limits: Limits,
        seq: u64,
    ) -> Result<(Self, Opened)> {
        let mut journal = Self {
            files: Rc::new(Files::new(disk)),
            identity,
            limits,
            segments: Vec::new(),
            active: None,
            tip: None,
            last_seq: 0,
            sealing: None,
            unflushed: false,
            broken: false,
        };
        let mut opened = Opened::default();
        let foreign = journal.find_segments(seq, &mut opened).await?;
        journal.restore_names(&foreign, &mut opened).await?;
        journal.find_end(&mut opened).await?;
        journal.check_headers(&mut opened);
        journal.clear_the_way(&foreign, &mut opened).await?;
        Ok((journal, opened))
    }

    /// The store that the newest readable header names, to open a journal whose store is not known otherwise.
    pub async fn find_store(disk: Rc<dyn Disk>) -> Result<Option<Uuid>> {
        let files = Files::new(disk);
        let mut names: Vec<Name> = files
            .disk
            .list(FOLDER)
            .await?
            .iter()
            .filter_map(|file_name| Name::parse(file_name))
            .collect();
        names.sort_unstable();
        for name in names.into_iter().rev() {
            if let (Some(header), _) = read_header(&files, name).await? {
                return Ok(Some(header.store));
            }
        }
        Ok(None)
    }

    /// Sequence number of the last line; 0 when there is none.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The segments in order, foreign ones left out.
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.segments
    }

    /// Length, before compression, of the segments that may hold lines after `seq`, in bytes.
    pub fn bytes_since(&self, seq: u64) -> u64 {
        let from = self.index_of(seq);
        self.segments.iter().skip(from).map(|it| it.bytes).sum()
    }

    /// Whether the journal refuses appends until it is opened again, because what is on the disk is not known.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Writes lines at the end, in one call; they are kept through power loss only after [`Journal::flush`].
    ///
    /// `lines` are whole encoded records with the numbers `last_seq() + 1` up to `last_seq`. After an error nothing of them
    /// is in the journal; if even that could not be ensured, the journal is broken.
    pub fn append(&mut self, lines: &[u8], last_seq: u64) -> Result<()> {
        self.check_sound()?;
        let continues = record::names_seq(lines, self.last_seq + 1)
            && record::names_seq(record::last_line(lines), last_seq);
        if !continues || last_seq <= self.last_seq {
            return Err(Error::invalid("the lines do not continue the journal"));
        }
        let Some(active) = self.active.as_mut() else {
            return Err(Error::new(
                Code::Internal,
                "the journal has no active segment: rotate first",
            ));
        };
        if let Err(error) = active.file.write_at(lines, active.end) {
            // Flushed too, or a power loss could bring back what the caller was told had failed.
            let cut = active.file.truncate(active.end);
            return Err(match cut.and_then(|()| active.file.flush()) {
                Ok(()) => {
                    self.unflushed = false;
                    error
                }
                Err(cut) => {
                    self.broken = true;
                    error.caused_by(format!("and cutting the journal back failed: {cut}"))
                }
            });
        }
        self.unflushed = true;
        active.hasher.update(lines);
        active.end += lines.len() as u64;
        if let Some(newest) = self.segments.last_mut() {
            newest.bytes = active.end;
        }
        self.last_seq = last_seq;
        Ok(())
    }

    /// Where the journal ends now, to [cut it back](Self::cut_back) to.
    pub fn mark(&self) -> Option<Mark> {
        let active = self.active.as_ref()?;
        Some(Mark {
            end: active.end,
            hasher: active.hasher.clone(),
            last_seq: self.last_seq,
        })
    }

    /// Takes away the lines that were appended since a mark, none of which was flushed or answered. If that fails the journal
    /// is broken: whether they are there is not known.
    pub fn cut_back(&mut self, mark: Mark) -> Result<()> {
        self.check_sound()?;
        let Some(active) = self.active.as_mut() else {
            return Err(Error::new(
                Code::Internal,
                "the journal has no active segment",
            ));
        };
        let cut = active.file.truncate(mark.end);
        // Flushed too, or a power loss could bring back what the caller is told had failed.
        if let Err(error) = cut.and_then(|()| active.file.flush()) {
            self.broken = true;
            return Err(error);
        }
        active.end = mark.end;
        active.hasher = mark.hasher;
        if let Some(newest) = self.segments.last_mut() {
            newest.bytes = mark.end;
        }
        self.last_seq = mark.last_seq;
        self.unflushed = false;
        Ok(())
    }

    /// Returns once every appended line survives power loss. After an error the journal is broken.
    pub fn flush(&mut self) -> Result<()> {
        self.check_sound()?;
        if let Some(active) = &self.active {
            active.file.flush().inspect_err(|_| self.broken = true)?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Whether every line survives power loss: what the next line's [`Record::flushed`] says.
    pub const fn is_flushed(&self) -> bool {
        !self.unflushed
    }

    /// Whether there is a segment to append to; if not, [`Journal::rotate`] begins one.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Lets go of every file, so that the journal can be opened again; it refuses everything from here on.
    pub fn close(&mut self) {
        self.active = None;
        self.sealing = None;
        self.broken = true;
    }

    /// Whether [`Journal::rotate`] should come before the next append: the active segment is full, or there is none.
    pub fn needs_rotation(&self) -> bool {
        self.active
            .as_ref()
            .is_none_or(|active| active.end >= self.limits.segment_bytes)
    }

    /// Flushes, closes the active segment, and begins the next one; does nothing while the active one holds no line.
    ///
    /// After an error the active segment is as it was, unless the journal is broken, which it also is when the
    /// future was dropped midway.
    pub async fn rotate(&mut self, now_ms: i64) -> Result<()> {
        if self.active.is_some() && self.newest_is_empty() {
            return self.check_sound();
        }
        self.begin_segment(None, now_ms).await
    }

    /// Starts the chain anew: the next line is `after_seq + 1`, and everything up to `after_seq` lives in a snapshot.
    ///
    /// `invalid_argument` if the journal already goes further. Errors as in [`Journal::rotate`].
    pub async fn restart(&mut self, after_seq: u64, now_ms: i64) -> Result<()> {
        if after_seq < self.last_seq || after_seq >= MAX_SEQ {
            return Err(Error::invalid("a journal cannot start anew before its end"));
        }
        self.begin_segment(Some(after_seq), now_ms).await
    }

    /// Compresses a slice of the oldest closed segment that is still plain; true while there is more to do.
    ///
    /// The plain file goes only after the compressed one has been flushed, read back and compared. False also while
    /// someone still reads the plain file. After an error the plain file is there as before, and the next call starts afresh.
    pub async fn seal_step(&mut self) -> Result<bool> {
        let mut sealing = match self.sealing.take() {
            Some(sealing) => sealing,
            None => match self.next_to_seal() {
                Some(plain) => Sealing::begin(&self.files, plain).await?,
                None => return Ok(false),
            },
        };
        let progress = match sealing.step(&self.files).await {
            Ok(progress) => progress,
            Err(error) => {
                // A copy that cannot be removed now is removed by the next begin or open.
                let _ = sealing.abandon(&self.files).await;
                return Err(error);
            }
        };
        if progress == Progress::Sealed {
            let name = sealing.name;
            if let Some(segment) = self.segments.iter_mut().find(|it| it.name() == name) {
                segment.sealed = true;
            }
        }
        Ok(match progress {
            Progress::Done => self.next_to_seal().is_some(),
            Progress::Waiting => {
                self.sealing = Some(sealing);
                false
            }
            Progress::More | Progress::Sealed => {
                self.sealing = Some(sealing);
                true
            }
        })
    }

    /// Begins to rewrite the closed segment whose first record is `first`, taking out of its lines what `edit` takes out, on
    /// behalf of the line `erasure`. None if nothing of it would change.
    ///
    /// What does not check in it is left out of the copy. Nobody may read the segment meanwhile.
    ///
    /// # Errors
    /// `invalid_argument` when there is no such segment, or when it is the active one.
    pub fn rewrite(&mut self, first: u64, erasure: u64) -> Result<Rewrite> {
        // What is being compressed would bring the old lines back; it begins afresh.
        self.sealing = None;
        let closed = self.segments.split_last().map(|(_, closed)| closed);
        let segment = closed
            .unwrap_or_default()
            .iter()
            .find(|segment| segment.first == first)
            .ok_or_else(|| Error::invalid("no closed segment begins there"))?;
        Ok(Rewrite::new(
            Rc::clone(&self.files),
            segment.name(),
            erasure,
        ))
    }

    /// Takes note of a segment that was rewritten; false when it stayed as it was.
    pub fn rewritten(&mut self, rewrite: &Rewrite) -> bool {
        let first = rewrite.first();
        let segment = self.segments.iter_mut().find(|it| it.first == first);
        let (Some(segment), Some((header, bytes))) = (segment, rewrite.result()) else {
            return false;
        };
        *segment = SegmentInfo {
            first,
            sealed: true,
            bytes,
            header: Some(header),
            passed_over: false,
        };
        true
    }

    /// Reads the lines after `after_seq`, up to what is the last one now.
    pub fn replay(&self, after_seq: u64) -> Replay {
        let parts = self
            .segments
            .iter()
            .skip(self.index_of(after_seq))
            .map(replay::Part::of)
            .collect();
        Replay::new(
            Rc::clone(&self.files),
            self.identity.store,
            after_seq,
            parts,
        )
    }

    /// Reads the lines of the segment that begins with line `first`, as it is now; nothing if there is no such segment.
    pub fn replay_segment(&self, first: u64) -> Replay {
        let segment = self.segments.iter().find(|segment| segment.first == first);
        let parts = segment.map(replay::Part::of).into_iter().collect();
        let after = first.saturating_sub(1);
        Replay::new(Rc::clone(&self.files), self.identity.store, after, parts)
    }

    /// Length of a segment's file as it lies on the disk, by its path; none if it is not a segment's.
    pub async fn file_bytes(&self, path: &str) -> Result<Option<u64>> {
        if !self.segments.iter().any(|it| it.name().path() == path) {
            return Ok(None);
        }
        let file = self.files.open(path, OpenMode::Existing).await?;
        file.size().map(Some)
    }

    /// Checks the whole journal as it is now.
    pub fn verify(&self) -> Verify {
        Verify::new(self.replay(0))
    }

    fn check_sound(&self) -> Result<()> {
        if self.broken {
            return Err(Error::new(
                Code::Closed,
                "the journal failed and must be opened again",
            ));
        }
        Ok(())
    }

    /// Index of the first segment that may hold a line after `seq`.
    fn index_of(&self, seq: u64) -> usize {
        self.segments
            .partition_point(|segment| segment.first <= seq.saturating_add(1))
            .saturating_sub(1)
    }

    fn newest_is_empty(&self) -> bool {
        self.segments
            .last()
            .is_some_and(|newest| newest.first > self.last_seq && newest.header.is_some())
    }

    /// How much of the closed segments is compressed.
    pub fn sealing_progress(&self) -> SealingProgress {
        let closed = self.segments.split_last().map(|(_, closed)| closed);
        let mut progress = SealingProgress::default();
        for segment in closed.unwrap_or_default() {
            // Upkeep leaves damaged ones alone.
            if segment.sealed || segment.header.is_some() {
                progress.total += segment.bytes;
                progress.done += if segment.sealed { segment.bytes } else { 0 };
            }
        }
        progress
    }

    fn next_to_seal(&self) -> Option<Name> {
        let (_, closed) = self.segments.split_last()?;
        closed
            .iter()
            .find(|segment| !segment.sealed && segment.header.is_some())
            .map(SegmentInfo::name)
    }

    /// Creates the next segment. One that holds no line gives way to it.
    async fn begin_segment(&mut self, restart: Option<u64>, now_ms: i64) -> Result<()> {
        self.flush()?;
        self.broken = true;
        let replaced = if self.newest_is_empty() {
            self.segments.last().cloned()
        } else {
            None
        };
        let replaced_header = replaced.as_ref().and_then(|it| it.header);
        let tip = match &self.active {
            Some(active) => Some(Digest::of(&active.hasher)),
            None => self.tip,
        };
        let header = Header {
            segment: replaced_header.map_or_else(|| self.next_ordinal(), |header| header.segment),
            store: self.identity.store,
            writer: self.identity.writer,
            first: restart.unwrap_or(self.last_seq) + 1,
            prev: match (restart, replaced_header) {
                (Some(_), _) => None,
                (None, Some(replaced)) => replaced.prev,
                (None, None) => tip,
            },
            base: match (restart, replaced_header) {
                (Some(base), _) => Some(base),
                (None, Some(replaced)) => replaced.base,
                (None, None) => None,
            },
            at_ms: now_ms,
            rewritten: None,
        };
        let line = header.encode().inspect_err(|_| self.broken = false)?;
        if let Some(replaced) = &replaced {
            self.active = None;
            self.files.disk.remove(&replaced.name().path()).await?;
            self.segments.pop();
        }
        let name = Name {
            first: header.first,
            sealed: false,
        };
        let created = self.create(name, &line, replaced.is_none()).await;
        let file = created?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&line);
        self.active = Some(Active {
            file,
            end: line.len() as u64,
            hasher,
        });
        self.segments.push(SegmentInfo {
            first: header.first,
            sealed: false,
            bytes: line.len() as u64,
            header: Some(header),
            passed_over: false,
        });
        self.tip = None;
        self.last_seq = header.first - 1;
        self.broken = false;
        Ok(())
    }

    /// Creates a segment with its header, flushed. If that fails the journal goes on as it was, provided that the segment
    /// before is still there and nothing is left of this one: its header would hide lines appended to the one before.
    async fn create(&mut self, name: Name, header: &[u8], may_go_on: bool) -> Result<Rc<dyn File>> {
        let path = name.path();
        let opened = self.files.open(&path, OpenMode::CreateNew).await;
        let written = match opened {
            Err(error) if error.code() == Code::Conflict => {
                self.broken = !may_go_on;
                return Err(error);
            }
            Err(error) => Err(error),
            Ok(file) => file
                .write_at(header, 0)
                .and_then(|()| file.flush())
                .map(|()| file),
        };
        if written.is_err() {
            let removed = self.files.disk.remove(&path).await;
            self.broken = removed.is_err() || !may_go_on;
        }
        written
    }

    fn next_ordinal(&self) -> u64 {
        let mut newest_first = self.segments.iter().rev().zip(1..);
        newest_first
            .find_map(|(segment, distance)| Some(segment.header?.segment + distance))
            .unwrap_or(self.segments.len() as u64 + 1)
    }

    /// Lists the segments with their headers, as far as they hold lines after `seq`; gives the names of foreign ones.
    async fn find_segments(&mut self, seq: u64, opened: &mut Opened) -> Result<Vec<Name>> {
        let mut names = Vec::new();
        for file_name in self.files.disk.list(FOLDER).await? {
            if file_name.ends_with(seal::UNFINISHED) {
                let path = format!("{FOLDER}/{file_name}");
                self.files.disk.remove(&path).await?;
            } else if let Some(name) = Name::parse(&file_name) {
                names.push(name);
            } else {
                opened.findings.push(Finding {
                    segment: file_name,
                    offset: 0,
                    bytes: 0,
                    reason: Reason::UnknownFile,
                    moved_to: None,
                });
            }
        }
        names.sort_unstable();
        let names = self.resolve_twins(names, opened).await?;
        let mut foreign = Vec::new();
        for (name, place) in names.iter().zip(1..) {
            // The one before the newest too tells whether the newest follows.
            let is_needed = names.get(place).is_none_or(|next| next.first > seq + 1)
                || place + 1 >= names.len();
            if name.sealed && !is_needed {
                self.segments.push(SegmentInfo {
                    first: name.first,
                    sealed: true,
                    bytes: 0,
                    header: None,
                    passed_over: true,
                });
                continue;
            }
            let (header, bytes) = read_header(&self.files, *name).await?;
            if let Some(header) = header.filter(|it| it.store != self.identity.store) {
                let store = header.store;
                let reason = Reason::ForeignStore { store };
                opened.findings.push(Finding::new(*name, 0, bytes, reason));
                foreign.push(*name);
                continue;
            }
            self.segments.push(SegmentInfo {
                first: name.first,
                sealed: name.sealed,
                bytes,
                header,
                passed_over: false,
            });
        }
        Ok(foreign)
    }

    /// Gives segments back the name that their header says.
    async fn restore_names(&mut self, foreign: &[Name], opened: &mut Opened) -> Result<()> {
        let (misnamed, mut segments) = std::mem::take(&mut self.segments)
            .into_iter()
            .partition::<Vec<_>, _>(|it| it.header.is_some_and(|header| header.first != it.first));
        for mut segment in misnamed {
            let mut finding = Finding::new(segment.name(), 0, 0, Reason::WrongName);
            let from = segment.name().path();
            segment.first = segment.header.map_or(segment.first, |header| header.first);
            let mut taken = segments
                .iter()
                .map(SegmentInfo::name)
                .chain(foreign.iter().copied());
            if taken.all(|name| name.first != segment.first) {
                let to = segment.name().path();
                self.files.disk.rename(&from, &to).await?;
                finding.moved_to = Some(to);
                segments.push(segment);
            }
            opened.findings.push(finding);
        }
        segments.sort_unstable_by_key(|segment| segment.first);
        self.segments = segments;
        Ok(())
    }

    /// Checks the headers of all segments but the newest, which is read whole, against one another.
    fn check_headers(&self, opened: &mut Opened) {
        let mut ordinal = Some(1);
        for (index, segment) in self.segments.iter().enumerate() {
            let newest = index + 1 == self.segments.len();
            if segment.passed_over {
                ordinal = None;
                continue;
            }
            let reason = match segment.header {
                None if newest => None,
                None => Some(Reason::BadHeader),
                Some(header) => {
                    let follows = ordinal.is_none_or(|expected| expected == header.segment);
                    ordinal = Some(header.segment);
                    (!follows && header.base.is_none()).then_some(Reason::MissingSegment)
                }
            };
            ordinal = ordinal.map(|ordinal| ordinal + 1);
            if let Some(reason) = reason {
                let finding = Finding::new(segment.name(), 0, 0, reason);
                opened.findings.push(finding);
            }
        }
    }

    /// Of a plain and a compressed file of the same segment, which a crash while sealing leaves, keeps the plain one if it
    /// is whole, else the compressed one.
    async fn resolve_twins(&self, names: Vec<Name>, opened: &mut Opened) -> Result<Vec<Name>> {
        let mut kept: Vec<Name> = Vec::with_capacity(names.len());
        for name in names {
            let Some(plain) = kept.last().copied().filter(|it| it.first == name.first) else {
                kept.push(name);
                continue;
            };
            // The plain name sorts first.
            let plain_bytes = self.whole_bytes(plain).await?;
            let sealed_bytes = self.whole_bytes(name).await?;
            if plain_bytes.is_some() && plain_bytes >= sealed_bytes {
                self.files.disk.remove(&name.path()).await?;
            } else if sealed_bytes.is_some() {
                self.files.disk.remove(&plain.path()).await?;
                kept.pop();
                kept.push(name);
            } else {
                let mut finding = Finding::new(name, 0, 0, Reason::Twin);
                finding.moved_to = Some(self.files.set_aside(name).await?);
                opened.findings.push(finding);
            }
        }
        Ok(kept)
    }

    /// Length of a segment in which all is good.
    async fn whole_bytes(&self, name: Name) -> Result<Option<u64>> {
        let source = self.files.source(name).await?;
        let mut scanner = Scanner::new(name, source, u64::MAX, name.first);
        loop {
            match scanner.next()? {
                Event::Damage(_) => return Ok(None),
                Event::End => return Ok(Some(scanner.offset()).filter(|bytes| *bytes > 0)),
                Event::Header(_) | Event::Line { .. } => {}
            }
        }
    }

    /// Reads the newest segment, settles where the journal ends, and makes that segment active if it may be.
    async fn find_end(&mut self, opened: &mut Opened) -> Result<()> {
        while let Some(newest) = self.segments.last().cloned() {
            let scan = self.scan(&newest).await?;
            let unreadable = newest.header.is_none() || !scan.findings.is_empty();
            if scan.last_seq.is_none() && unreadable {
                self.drop_unreadable(&newest, &scan, opened).await?;
                continue;
            }
            if scan.last_seq.is_none() && self.is_leftover(&newest).await? {
                self.files.disk.remove(&newest.name().path()).await?;
                self.segments.pop();
                continue;
            }
            if let Some(torn) = &scan.torn {
                let name = newest.name();
                if torn.good_lines {
                    match self.files.set_end_aside(name, torn.offset).await {
                        Ok(copy) => opened.set_aside.push(copy),
                        // A full disk must not keep the journal from being opened.
                        Err(error) if error.code() == Code::QuotaExceeded => {}
                        Err(error) => return Err(error),
                    }
                }
                let file = self.files.open(&name.path(), OpenMode::Existing).await?;
                file.truncate(torn.offset)?;
                opened.torn_bytes += scan.end - torn.offset;
                continue;
            }
            return self.settle_end(&newest, scan, opened).await;
        }
        Ok(())
    }

    /// The journal ends with this segment, which is active from now on if it may be.
    async fn settle_end(
        &mut self,
        newest: &SegmentInfo,
        scan: Scan,
        opened: &mut Opened,
    ) -> Result<()> {
        self.last_seq = scan.last_seq.unwrap_or(newest.first - 1);
        if let Some(segment) = self.segments.last_mut() {
            segment.bytes = scan.end;
        }
        let file = self
            .files
            .open(&newest.name().path(), OpenMode::Existing)
            .await?;
        // What has been seen is about to be relied on, and the process that wrote it may not have flushed it.
        file.flush()?;
        let ours = newest
            .header
            .is_some_and(|header| header.writer == self.identity.writer);
        if ours && scan.findings.is_empty() && !newest.sealed {
            self.active = Some(Active {
                file,
                end: scan.end,
                hasher: scan.hasher,
            });
        } else {
            self.tip = Some(Digest::of(&scan.hasher));
        }
        opened.findings.extend(scan.findings);
        Ok(())
    }

    /// A newest segment without a line that can be read: torn while it was made, or else damaged and in the way.
    async fn drop_unreadable(
        &mut self,
        newest: &SegmentInfo,
        scan: &Scan,
        opened: &mut Opened,
    ) -> Result<()> {
        let name = newest.name();
        let torn = scan.findings.is_empty() && scan.end <= MAX_HEADER_BYTES as u64;
        if torn && !newest.sealed {
            self.files.disk.remove(&name.path()).await?;
            opened.torn_bytes += scan.end;
        } else {
            let moved_to = self.files.set_aside(name).await?;
            let mut findings = scan.findings.clone();
            if findings.is_empty() {
                findings.push(Finding::new(name, 0, scan.end, Reason::BadHeader));
            }
            for finding in &mut findings {
                finding.moved_to = Some(moved_to.clone());
            }
            opened.findings.append(&mut findings);
        }
        self.segments.pop();
        Ok(())
    }

    /// Whether a segment without lines stems from a rotation that failed, after which the one before it grew on.
    async fn is_leftover(&self, newest: &SegmentInfo) -> Result<bool> {
        let before = self.segments.iter().rev().nth(1);
        match before.filter(|it| !it.sealed) {
            Some(before) => {
                let last = self.scan(before).await?.last_seq;
                Ok(last.is_some_and(|last| last >= newest.first))
            }
            None => Ok(false),
        }
    }

    async fn scan(&self, segment: &SegmentInfo) -> Result<Scan> {
        let name = segment.name();
        let source = self.files.source(name).await?;
        let mut scanner = Scanner::new(name, source, u64::MAX, name.first);
        let mut last_seq = None;
        let mut findings = Vec::new();
        // The first damage with no flushed line after it, and the last good line before that.
        let mut torn: Option<Torn> = None;
        // Where a transaction of several lines began that has not ended.
        let mut begun: Option<Torn> = None;
        loop {
            match scanner.next()? {
                Event::Header(_) => {}
                Event::Line { seq, flushed, more } => {
                    if !more {
                        begun = None;
                    } else if begun.is_none() {
                        begun = Some(Torn {
                            offset: scanner.offset(),
                            last_seq,
                            findings: findings.len(),
                            good_lines: false,
                        });
                    }
                    last_seq = Some(seq);
                    // A header is flushed before any line follows it.
                    if flushed || torn.as_ref().is_some_and(|torn| torn.offset == 0) {
                        torn = None;
                    } else if let Some(torn) = &mut torn {
                        torn.good_lines = true;
                    }
                }
                Event::Damage(finding) => {
                    // A torn write leaves scraps, never whole lines.
                    if finding.reason == Reason::OutOfOrder {
                        torn = None;
                    } else if torn.is_none() && finding.bytes > 0 {
                        torn = Some(Torn {
                            offset: finding.offset,
                            last_seq,
                            findings: findings.len(),
                            good_lines: false,
                        });
                    }
                    findings.push(finding);
                }
                Event::End => break,
            }
        }
        let end = scanner.offset();
        // A compressed segment was whole once, so there it is damage.
        let torn = torn.or(begun).filter(|_| !segment.sealed);
        if let Some(torn) = &torn {
            last_seq = torn.last_seq;
            findings.truncate(torn.findings);
        }
        Ok(Scan {
            last_seq,
            end,
            torn,
            hasher: scanner.hasher().clone(),
            findings,
        })
    }

    /// Moves foreign segments out of the way of those to come.
    async fn clear_the_way(&self, foreign: &[Name], opened: &mut Opened) -> Result<()> {
        for name in foreign.iter().filter(|name| name.first > self.last_seq) {
            let moved_to = self.files.set_aside(*name).await?;
            let file_name = name.file_name();
            let finding = opened
                .findings
                .iter_mut()
                .find(|it| it.segment == file_name);
            if let Some(finding) = finding {
                finding.moved_to = Some(moved_to);
            }
        }
        Ok(())
    }
}

/// What reading a whole segment gave.
struct Scan {
    /// The last good line, if there is any.
    last_seq: Option<u64>,
    /// Length in bytes, before compression.
    end: u64,
    /// The end that is no good, if there is one.
    torn: Option<Torn>,
    /// Of all bytes.
    hasher: blake3::Hasher,
    /// What did not check, the torn end left out.
    findings: Vec<Finding>,
}

/// The end of a segment, from the first damage that no flushed line follows: power was lost before a flush confirmed it.
struct Torn {
    offset: u64,
    /// The last good line before it.
    last_seq: Option<u64>,
    /// How many findings there were before it.
    findings: usize,
    /// Whether good lines follow the damage. They cannot count, because what they build on is missing.
    good_lines: bool,
}

/// Reads a segment's header, if it is good, and the length the segment claims to have, in uncompressed bytes.
async fn read_header(files: &Files, name: Name) -> Result<(Option<Header>, u64)> {
    let file = files.open(&name.path(), OpenMode::Existing).await?;
    let size = file.size()?;
    let mut bytes = size;
    if name.sealed {
        let mut length = [0; 4];
        let read = file.read_at(&mut length, size.saturating_sub(4))?;
        bytes = if read == 4 {
            u64::from(u32::from_le_bytes(length))
        } else {
            0
        };
    }
    let mut source = Source::new(file, name.sealed);
    let mut start = [0; MAX_HEADER_BYTES];
    let mut filled = 0;
    while let Some(room) = start.get_mut(filled..).filter(|room| !room.is_empty()) {
        match source.read(room)? {
            Read::Bytes(count) => filled += count,
            Read::End | Read::BadGzip => break,
        }
    }
    let held = start.get(..filled).unwrap_or_default();
    let line = held.split_inclusive(|byte| *byte == b'\n').next();
    Ok((line.and_then(Header::decode), bytes))
}

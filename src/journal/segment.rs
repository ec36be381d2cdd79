//! One file of the journal: its name, its header, and the scan that tells good lines from damage.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::rc::{Rc, Weak};

use flate2::bufread::GzDecoder;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::record::{self, MAX_LINE_BYTES, MAX_SEQ, Record};
use crate::disk::{Disk, File, OpenMode};
use crate::error::{Code, Error, Result};

/// The folder of the segments.
pub(super) const FOLDER: &str = "journal";

/// Where what stands in the way, and cannot be read, is moved to.
const QUARANTINE: &str = "quarantine";

/// How much is read at once, in bytes.
pub(super) const BLOCK_BYTES: usize = 128 * 1024;

/// A header is never longer than this, in bytes.
pub(super) const MAX_HEADER_BYTES: usize = 1024;

/// The BLAKE3 of a segment's uncompressed bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub(super) fn of(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = blake3::HexError;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes()))
    }
}

/// The first line of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Place in the journal, from 1.
    pub segment: u64,
    /// The store it belongs to.
    pub store: Uuid,
    /// Who wrote it.
    pub writer: Uuid,
    /// Sequence number of its first record.
    pub first: u64,
    /// Digest of the segment before; none for the first, and where the chain starts anew.
    pub prev: Option<Digest>,
    /// Where the chain starts anew: everything up to this sequence number lives in a snapshot.
    pub base: Option<u64>,
    /// When it was begun, in milliseconds since 1970 (UTC).
    pub at_ms: i64,
    /// What was taken out of it since; none if it is as it was written.
    pub rewritten: Option<Rewritten>,
}

/// That a segment was rewritten to take something out of it for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewritten {
    /// Digest of the segment as it was first written: what the next segment's `prev` names.
    pub was: Digest,
    /// Sequence number of the line that asked for the erasure; the last one's, if there were several.
    pub erasure: u64,
}

/// A header as JSON reads it; what it reads is trusted only once it is written back the same.
#[derive(Deserialize)]
struct RawHeader<'a> {
    segment: u64,
    store: Uuid,
    writer: Uuid,
    first: u64,
    prev: Option<Digest>,
    base: Option<u64>,
    #[serde(borrow)]
    at: &'a str,
    rewritten: Option<Rewritten>,
}

impl Header {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let prev = self
            .prev
            .map_or("null".to_owned(), |digest| format!("\"{digest}\""));
        let base = self
            .base
            .map_or(String::new(), |base| format!(",\"base\":{base}"));
        let mut line = format!(
            "{{\"segment\":{},\"store\":\"{}\",\"writer\":\"{}\",\"first\":{},\"prev\":{prev}{base},\"at\":\"",
            self.segment, self.store, self.writer, self.first
        )
        .into_bytes();
        record::write_time(self.at_ms, &mut line)?;
        line.push(b'"');
        if let Some(Rewritten { was, erasure }) = self.rewritten {
            let note = format!(",\"rewritten\":{{\"was\":\"{was}\",\"erasure\":{erasure}}}");
            line.extend_from_slice(note.as_bytes());
        }
        record::finish_line(&mut line, 0)?;
        Ok(line)
    }

    pub(super) fn decode(line: &[u8]) -> Option<Self> {
        if line.len() > MAX_HEADER_BYTES {
            return None;
        }
        record::checked_body(line).ok()?;
        let raw: RawHeader<'_> = serde_json::from_slice(line).ok()?;
        let at = humantime::parse_rfc3339(raw.at).ok()?;
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        let header = Self {
            segment: raw.segment,
            store: raw.store,
            writer: raw.writer,
            first: raw.first,
            prev: raw.prev,
            base: raw.base,
            at_ms: i64::try_from(since.as_millis()).ok()?,
            rewritten: raw.rewritten,
        };
        let sound = header.segment > 0
            && (1..=MAX_SEQ).contains(&header.first)
            && header
                .base
                .is_none_or(|base| base == header.first - 1 && header.prev.is_none());
        (sound && header.encode().ok()? == line).then_some(header)
    }
}

/// A segment's file name: the sequence number it begins with, and whether it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub first: u64,
    pub sealed: bool,
}

impl Name {
    pub fn parse(file_name: &str) -> Option<Self> {
        let (stem, sealed) = match file_name.strip_suffix(".jsonl.gz") {
            Some(stem) => (stem, true),
            None => (file_name.strip_suffix(".jsonl")?, false),
        };
        let first = stem
            .parse()
            .ok()
            .filter(|first| (1..=MAX_SEQ).contains(first))?;
        let name = Self { first, sealed };
        (name.file_name() == file_name).then_some(name)
    }

    pub fn file_name(self) -> String {
        let ending = if self.sealed { ".gz" } else { "" };
        format!("{:012}.jsonl{ending}", self.first)
    }

    pub fn path(self) -> String {
        format!("{FOLDER}/{}", self.file_name())
    }
}

/// Why bytes of the journal were not taken as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The name is not that of a segment; the file was left alone.
    UnknownFile,
    /// The first line is not a header.
    BadHeader,
    /// The file's name and its header disagree about the first sequence number. The file was given its right name; if
    /// another has that name, it was left alone.
    WrongName,
    /// The segment belongs to another store; none of its lines were read.
    ForeignStore {
        /// That store.
        store: Uuid,
    },
    /// Not a record, or its checksum is wrong.
    BadLine,
    /// A record whose sequence number had been passed already.
    OutOfOrder,
    /// Longer than [`MAX_LINE_BYTES`].
    LineTooLong,
    /// The compressed file ends early, fails its checksum, or goes on after its end.
    BadGzip,
    /// Records that should stand here are missing, though every line here is good.
    Gap {
        /// The first that is missing.
        from: u64,
        /// The last that is missing.
        to: u64,
    },
    /// At least one whole segment is missing before this one.
    MissingSegment,
    /// The header's digest of the segment before is not what that segment holds.
    BrokenChain,
    /// A plain and a compressed file of the same segment, neither of them whole; this one was set aside.
    Twin,
}

/// Something that did not check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file's name in the folder `journal`.
    pub segment: String,
    /// Where it begins, in bytes of the uncompressed segment.
    pub offset: u64,
    /// How many bytes are concerned; 0 when something is missing or only its place is wrong.
    pub bytes: u64,
    /// What is wrong.
    pub reason: Reason,
    /// Where the file was moved to, if it was.
    pub moved_to: Option<String>,
}

impl Finding {
    pub(super) fn new(segment: Name, offset: u64, bytes: u64, reason: Reason) -> Self {
        Self {
            segment: segment.file_name(),
            offset,
            bytes,
            reason,
            moved_to: None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            segment,
            offset,
            bytes,
            reason,
            ..
        } = self;
        write!(
            f,
            "journal/{segment}, {bytes} bytes at {offset}: {reason:?}"
        )
    }
}

/// Opens segments, lending one handle to all who read the same file.
pub(super) struct Files {
    pub disk: Rc<dyn Disk>,
    open: RefCell<Vec<(String, Weak<dyn File>)>>,
}

impl Files {
    pub fn new(disk: Rc<dyn Disk>) -> Self {
        Self {
            disk,
            open: RefCell::default(),
        }
    }

    pub async fn open(&self, path: &str, mode: OpenMode) -> Result<Rc<dyn File>> {
        let lent = self.lent(path);
        if let (Some(file), OpenMode::Existing) = (lent, mode) {
            return Ok(file);
        }
        let file = self.disk.open(path, mode).await?;
        let mut open = self.open.borrow_mut();
        open.retain(|(_, file)| file.strong_count() > 0);
        open.push((path.to_owned(), Rc::downgrade(&file)));
        Ok(file)
    }

    fn lent(&self, path: &str) -> Option<Rc<dyn File>> {
        let open = self.open.borrow();
        let (_, file) = open
            .iter()
            .find(|(name, file)| name == path && file.strong_count() > 0)?;
        file.upgrade()
    }

    /// Opens a segment for reading, under its other name if it was sealed meanwhile.
    pub async fn source(&self, name: Name) -> Result<Source> {
        match self.open(&name.path(), OpenMode::Existing).await {
            Err(error) if error.code() == Code::NotFound && !name.sealed => {
                let sealed = Name {
                    sealed: true,
                    ..name
                };
                let file = self.open(&sealed.path(), OpenMode::Existing).await?;
                Ok(Source::new(file, true))
            }
            opened => Ok(Source::new(opened?, name.sealed)),
        }
    }

    /// Moves a segment out of the way, to a name that is free.
    pub async fn set_aside(&self, name: Name) -> Result<String> {
        let free = self.free_name(name).await?;
        self.disk.rename(&name.path(), &free).await?;
        Ok(free)
    }

    /// Copies what lies in a plain segment from `offset` on out of the way, to a name that is free.
    pub async fn set_end_aside(&self, name: Name, offset: u64) -> Result<String> {
        let source = self.open(&name.path(), OpenMode::Existing).await?;
        let free = self.free_name(name).await?;
        let target = self.disk.open(&free, OpenMode::CreateNew).await?;
        let mut block = vec![0; BLOCK_BYTES];
        let mut copied = 0;
        loop {
            let count = source.read_at(&mut block, offset + copied)?;
            if count == 0 {
                break;
            }
            target.write_at(block.get(..count).unwrap_or_default(), copied)?;
            copied += count as u64;
        }
        target.flush()?;
        Ok(free)
    }

    async fn free_name(&self, name: Name) -> Result<String> {
        let taken = self.disk.list(QUARANTINE).await?;
        let mut number = 1;
        loop {
            let candidate = format!("journal-{number}-{}", name.file_name());
            if !taken.contains(&candidate) {
                return Ok(format!("{QUARANTINE}/{candidate}"));
            }
            number += 1;
        }
    }
}

/// The uncompressed bytes of a segment, from first to last.
pub(super) enum Source {
    Plain(Cursor),
    Gzip(Box<GzDecoder<BufReader<Cursor>>>),
}

/// What reading a [`Source`] gave.
pub(super) enum Read {
    Bytes(usize),
    End,
    BadGzip,
}

impl Source {
    pub fn new(file: Rc<dyn File>, sealed: bool) -> Self {
        let cursor = Cursor { file, offset: 0 };
        if sealed {
            let compressed = BufReader::with_capacity(BLOCK_BYTES, cursor);
            Self::Gzip(Box::new(GzDecoder::new(compressed)))
        } else {
            Self::Plain(cursor)
        }
    }

    /// Fills some of `buf`. Asked for nothing, it is at its end.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<Read> {
        if buf.is_empty() {
            return Ok(Read::End);
        }
        let read = match self {
            Self::Plain(cursor) => cursor.read(buf),
            Self::Gzip(decoder) => match decoder.read(buf) {
                Ok(0) => match decoder.get_mut().fill_buf() {
                    Ok([]) => Ok(0),
                    Ok(_) => return Ok(Read::BadGzip),
                    Err(error) => Err(error),
                },
                read => read,
            },
        };
        match read {
            Ok(0) => Ok(Read::End),
            Ok(count) => Ok(Read::Bytes(count)),
            // Only the disk fails with an error of ours; all others are the decoder's.
            Err(error) => error.downcast::<Error>().map_or(Ok(Read::BadGzip), Err),
        }
    }
}

/// A file read from its start.
pub(super) struct Cursor {
    file: Rc<dyn File>,
    offset: u64,
}

impl io::Read for Cursor {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self
            .file
            .read_at(buf, self.offset)
            .map_err(io::Error::other)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// What stands at the front of [`Lines`].
#[derive(Clone, Copy)]
enum Piece {
    /// A line with its line feed, so many bytes long.
    Line(usize),
    /// So many bytes that are no line: too long, or cut off at the end of the segment.
    Scrap(usize, Reason),
    /// Decompression failed here; nothing follows.
    BadGzip,
    End,
}

/// Cuts a source into lines, one of them in memory.
struct Lines {
    source: Source,
    block: Vec<u8>,
    buf: Vec<u8>,
    /// Where the front line begins in `buf`.
    start: usize,
    /// Up to where `buf` holds no line feed.
    searched: usize,
    /// Where the front line begins in the segment.
    offset: u64,
    /// How many bytes may still be read.
    left: u64,
    hasher: blake3::Hasher,
    ended: bool,
    bad_gzip: bool,
}

impl Lines {
    fn new(source: Source, limit: u64) -> Self {
        Self {
            source,
            block: vec![0; BLOCK_BYTES],
            buf: Vec::new(),
            start: 0,
            searched: 0,
            offset: 0,
            left: limit,
            hasher: blake3::Hasher::new(),
            ended: false,
            bad_gzip: false,
        }
    }

    fn peek(&mut self) -> Result<Piece> {
        loop {
            let unsearched = self.buf.get(self.searched..).unwrap_or_default();
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                // Found again, at once, if the same line is peeked at again.
                self.searched += at;
                let length = self.searched + 1 - self.start;
                return Ok(if length > MAX_LINE_BYTES {
                    Piece::Scrap(length, Reason::LineTooLong)
                } else {
                    Piece::Line(length)
                });
            }
            self.searched = self.buf.len();
            let length = self.buf.len() - self.start;
            if length > MAX_LINE_BYTES {
                return Ok(Piece::Scrap(length, Reason::LineTooLong));
            }
            if self.ended {
                return Ok(match (length, self.bad_gzip) {
                    (0, false) => Piece::End,
                    (0, true) => Piece::BadGzip,
                    _ => Piece::Scrap(length, Reason::BadLine),
                });
            }
            self.fill()?;
        }
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
        self.searched = self.start;
        self.offset += length as u64;
    }

    fn front(&self, length: usize) -> &[u8] {
        self.buf
            .get(self.start..self.start + length)
            .unwrap_or_default()
    }

    fn fill(&mut self) -> Result<()> {
        self.buf.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        // The memory of a huge line is given back once it has passed.
        if self.buf.len() < BLOCK_BYTES {
            self.buf.shrink_to(4 * BLOCK_BYTES);
        }
        let wanted = usize::try_from(self.left).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
        let room = self.block.get_mut(..wanted).unwrap_or_default();
        match self.source.read(room)? {
            Read::Bytes(count) => {
                let bytes = room.get(..count).unwrap_or_default();
                self.hasher.update(bytes);
                self.buf.extend_from_slice(bytes);
                self.left -= count as u64;
            }
            Read::End => self.ended = true,
            Read::BadGzip => {
                self.ended = true;
                self.bad_gzip = true;
            }
        }
        Ok(())
    }
}

/// What a [`Scanner`] comes upon.
pub(super) enum Event {
    /// The header, which is good.
    Header(Header),
    /// A good line with the next sequence number, to be had from [`Scanner::line`].
    /// `flushed` says that every line before it was, when it was written; `more` that its transaction goes on behind it.
    Line { seq: u64, flushed: bool, more: bool },
    /// Bytes that were passed over, or a place where something is missing.
    Damage(Finding),
    /// Nothing follows.
    End,
}

/// A stretch of bytes that are no good.
struct Run {
    offset: u64,
    reason: Reason,
}

/// Reads one segment, telling good lines from damage. Damage that lies together is one finding.
pub(super) struct Scanner {
    name: Name,
    lines: Lines,
    /// The sequence number that the next record should have.
    expected: u64,
    run: Option<Run>,
    /// Length of the line that was handed out last and is still at the front.
    current: usize,
}

impl Scanner {
    /// A scan of the first `limit` bytes, whose first record should have the number `expected`.
    pub fn new(name: Name, source: Source, limit: u64, expected: u64) -> Self {
        Self {
            name,
            lines: Lines::new(source, limit),
            expected,
            run: None,
            current: 0,
        }
    }

    pub fn name(&self) -> Name {
        self.name
    }

    /// The line that the last event was about.
    pub fn line(&self) -> &[u8] {
        self.lines.front(self.current)
    }

    pub fn offset(&self) -> u64 {
        self.lines.offset
    }

    pub fn expected(&self) -> u64 {
        self.expected
    }

    pub fn expect(&mut self, seq: u64) {
        self.expected = seq;
    }

    /// The digest of all bytes read, which after [`Event::End`] are all there are.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.lines.hasher)
    }

    pub fn hasher(&self) -> &blake3::Hasher {
        &self.lines.hasher
    }

    pub fn next(&mut self) -> Result<Event> {
        self.lines.consume(std::mem::take(&mut self.current));
        loop {
            let at_header = self.lines.offset == 0;
            let (length, reason) = match self.lines.peek()? {
                Piece::Line(length) if at_header => {
                    if let Some(header) = Header::decode(self.lines.front(length)) {
                        self.current = length;
                        return Ok(Event::Header(header));
                    }
                    (length, Reason::BadHeader)
                }
                Piece::Line(length) => match Record::decode(self.lines.front(length)) {
                    Ok(record) if record.seq >= self.expected => {
                        let (seq, flushed, more) = (record.seq, record.flushed, record.more);
                        return Ok(self.record(length, seq, flushed, more));
                    }
                    Ok(_) => (length, Reason::OutOfOrder),
                    Err(_) => (length, Reason::BadLine),
                },
                Piece::Scrap(length, _) if at_header => (length, Reason::BadHeader),
                Piece::Scrap(length, reason) => (length, reason),
                Piece::BadGzip => (0, Reason::BadGzip),
                Piece::End => {
                    return Ok(self.end_run().map_or(Event::End, Event::Damage));
                }
            };
            if let Some(finding) = self.reject(length, reason) {
                return Ok(Event::Damage(finding));
            }
        }
    }

    /// A good record: what lay before it, and what is missing before it, is reported first; then it is met again.
    fn record(&mut self, length: usize, seq: u64, flushed: bool, more: bool) -> Event {
        if let Some(finding) = self.end_run() {
            return Event::Damage(finding);
        }
        if seq > self.expected {
            let missing = Reason::Gap {
                from: self.expected,
                to: seq - 1,
            };
            self.expected = seq;
            return Event::Damage(Finding::new(self.name, self.lines.offset, 0, missing));
        }
        self.expected = seq + 1;
        self.current = length;
        Event::Line { seq, flushed, more }
    }

    /// Passes over what is no good. Whole records out of order, and what is no record, are findings of their own: then the
    /// one before is given, and this is met again.
    fn reject(&mut self, length: usize, reason: Reason) -> Option<Finding> {
        let whole = reason == Reason::OutOfOrder;
        let differs = |run: &Run| (run.reason == Reason::OutOfOrder) != whole;
        if self.run.as_ref().is_some_and(differs) {
            return self.end_run();
        }
        let offset = self.lines.offset;
        let run = self.run.get_or_insert(Run { offset, reason });
        if reason == Reason::BadGzip {
            // That the file is broken says more than that a line before the break is cut off.
            run.reason = reason;
            self.lines.bad_gzip = false;
        }
        self.lines.consume(length);
        None
    }

    fn end_run(&mut self) -> Option<Finding> {
        let run = self.run.take()?;
        let bytes = self.lines.offset - run.offset;
        Some(Finding::new(self.name, run.offset, bytes, run.reason))
    }
}

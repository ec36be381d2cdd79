//! Reading the journal from a position to its end, checking all of it on the way.

use std::collections::VecDeque;
use std::rc::Rc;

use serde::Serialize;
use uuid::Uuid;

use super::SegmentInfo;
use super::record::Record;
use super::segment::{Digest, Event, Files, Finding, Header, Name, Reason, Scanner};
use crate::error::Result;

/// What [`Replay::next`] gives.
#[derive(Debug)]
pub enum Item<'a> {
    /// The next good line.
    Line {
        /// The line as it is written, its line feed included.
        line: &'a [u8],
        /// The same, read.
        record: Record<'a>,
    },
    /// Something did not check. Good lines may follow.
    Damage(Finding),
    /// The chain starts anew here: what lies between the last line given and this sequence number, it included,
    /// lives in a snapshot.
    Restart {
        /// The last sequence number that the snapshot holds.
        base: u64,
    },
}

/// A segment that is still to be read, up to `limit` uncompressed bytes.
pub(super) struct Part {
    pub name: Name,
    pub limit: u64,
}

impl Part {
    /// A segment as it is now.
    pub fn of(segment: &SegmentInfo) -> Self {
        Self {
            name: segment.name(),
            limit: if segment.sealed {
                u64::MAX
            } else {
                segment.bytes
            },
        }
    }
}

/// The segment that was read last: what the next one's header is checked against.
struct Before {
    /// Its place in the journal, unless that is unknown.
    ordinal: Option<u64>,
    digest: Digest,
    /// Its digest before it was rewritten.
    was: Option<Digest>,
}

impl Before {
    /// Whether a header's `prev` names it, as it is or as it was.
    fn is_named_by(&self, prev: Option<Digest>) -> bool {
        prev.is_some() && (prev == Some(self.digest) || prev == self.was)
    }
}

/// The lines of a journal in order. It shows the journal as it was when the replay began, needs no hold on the
/// [`Journal`](super::Journal), and may be dropped at any point. Memory: two blocks and the longest line.
pub struct Replay {
    files: Rc<Files>,
    store: Uuid,
    /// Lines up to this one are not given.
    after: u64,
    parts: VecDeque<Part>,
    current: Option<Scanner>,
    ordinal: Option<u64>,
    /// What the current segment was before it was rewritten.
    was: Option<Digest>,
    expected: u64,
    before: Option<Before>,
    waiting: VecDeque<Waiting>,
    bytes: u64,
}

/// What a header gave rise to, still to be told.
enum Waiting {
    Damage(Finding),
    Restart(u64),
}

/// One step of the replay, without the line itself, which would borrow.
enum Step {
    Line,
    Tell(Waiting),
    Passed,
    End,
}

impl Replay {
    pub(super) fn new(files: Rc<Files>, store: Uuid, after: u64, parts: VecDeque<Part>) -> Self {
        // The first segment may begin with lines that are not asked for.
        let start = parts.front().map_or(after + 1, |part| part.name.first);
        Self {
            files,
            store,
            after,
            parts,
            current: None,
            ordinal: None,
            was: None,
            expected: start.min(after + 1),
            before: None,
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The next line or finding; none at the end. An error is the disk's, and ends the replay.
    pub async fn next(&mut self) -> Result<Option<Item<'_>>> {
        loop {
            match self.step().await? {
                Step::Passed => {}
                Step::Tell(Waiting::Damage(finding)) => return Ok(Some(Item::Damage(finding))),
                Step::Tell(Waiting::Restart(base)) => return Ok(Some(Item::Restart { base })),
                Step::End => return Ok(None),
                Step::Line => break,
            }
        }
        let line = self.current.as_ref().map_or(&[][..], Scanner::line);
        let record = Record::decode_unchecked(line)?;
        Ok(Some(Item::Line { line, record }))
    }

    /// Uncompressed bytes passed so far.
    pub fn bytes(&self) -> u64 {
        self.bytes + self.current.as_ref().map_or(0, Scanner::offset)
    }

    async fn step(&mut self) -> Result<Step> {
        if let Some(waiting) = self.waiting.pop_front() {
            return Ok(Step::Tell(waiting));
        }
        let Some(scanner) = self.current.as_mut() else {
            return self.begin_segment().await;
        };
        Ok(match scanner.next()? {
            Event::Line { seq, .. } if seq > self.after => Step::Line,
            Event::Line { .. } => Step::Passed,
            Event::Damage(finding) => Step::Tell(Waiting::Damage(finding)),
            Event::Header(header) => {
                self.enter(&header);
                Step::Passed
            }
            Event::End => {
                self.end_segment();
                Step::Passed
            }
        })
    }

    async fn begin_segment(&mut self) -> Result<Step> {
        let Some(part) = self.parts.pop_front() else {
            return Ok(Step::End);
        };
        let source = self.files.source(part.name).await?;
        let scanner = Scanner::new(part.name, source, part.limit, self.expected);
        self.current = Some(scanner);
        self.ordinal = self
            .before
            .as_ref()
            .and_then(|before| before.ordinal)
            .map(|ordinal| ordinal + 1);
        Ok(Step::Passed)
    }

    fn end_segment(&mut self) {
        if let Some(scanner) = self.current.take() {
            self.expected = scanner.expected();
            self.bytes += scanner.offset();
            self.before = Some(Before {
                ordinal: self.ordinal,
                digest: scanner.digest(),
                was: self.was.take(),
            });
        }
    }

    /// Checks a header against what came before it.
    fn enter(&mut self, header: &Header) {
        let Some(scanner) = self.current.as_mut() else {
            return;
        };
        let name = scanner.name();
        let length = scanner.line().len() as u64;
        let mut tell = |reason| {
            let finding = Finding::new(name, 0, length, reason);
            self.waiting.push_back(Waiting::Damage(finding));
        };
        if header.store != self.store {
            tell(Reason::ForeignStore {
                store: header.store,
            });
            self.current = None;
            return;
        }
        self.was = header.rewritten.map(|rewritten| rewritten.was);
        let ordinal = self.ordinal.replace(header.segment);
        if let Some(base) = header.base {
            scanner.expect(scanner.expected().max(base + 1));
            if base > self.after {
                self.waiting.push_back(Waiting::Restart(base));
            }
            return;
        }
        match &self.before {
            Some(_) if ordinal.is_some_and(|expected| expected != header.segment) => {
                tell(Reason::MissingSegment);
            }
            Some(before) if !before.is_named_by(header.prev) => tell(Reason::BrokenChain),
            // The first that is read must be the very first, or begin before what is asked for.
            None if header.segment > 1 && header.first > self.after + 1 => {
                tell(Reason::MissingSegment);
            }
            _ => {}
        }
        if header.first > scanner.expected() {
            tell(Reason::Gap {
                from: scanner.expected(),
                to: header.first - 1,
            });
            scanner.expect(header.first);
        }
    }
}

/// How many uncompressed bytes one step of [`Verify`] checks.
const STEP_BYTES: u64 = 256 * 1024;

/// A check of the whole journal, from its first line to its last, in steps of a few milliseconds.
pub struct Verify {
    replay: Replay,
    report: Report,
}

/// What a [`Verify`] has found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Good lines.
    pub lines: u64,
    /// Uncompressed bytes checked.
    pub bytes: u64,
    /// The last good line.
    pub last_seq: u64,
    /// What did not check, in order.
    pub findings: Vec<Finding>,
}

impl Verify {
    pub(super) fn new(replay: Replay) -> Self {
        Self {
            replay,
            report: Report::default(),
        }
    }

    /// Checks the next part; true while there is more to do.
    pub async fn step(&mut self) -> Result<bool> {
        let until = self.replay.bytes() + STEP_BYTES;
        loop {
            match self.replay.next().await? {
                Some(Item::Line { record, .. }) => {
                    self.report.lines += 1;
                    self.report.last_seq = record.seq;
                }
                Some(Item::Damage(finding)) => self.report.findings.push(finding),
                Some(Item::Restart { .. }) => {}
                None => {
                    self.report.bytes = self.replay.bytes();
                    return Ok(false);
                }
            }
            self.report.bytes = self.replay.bytes();
            if self.report.bytes >= until {
                return Ok(true);
            }
        }
    }

    /// What has been found so far.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

//! The lines that touched a record: found by the audit index, read segment by segment.

use super::{not_theirs, owner};
use crate::database::rows::{self, Fields, RecordedRow};
use crate::database::schema::{RecordKey, TABLES};
use crate::domain::packed;
use crate::error::Result;
use crate::id::UserId;
use crate::journal::{Item, Record, Replay};
use crate::store::{Caller, Store};

/// How many uncompressed bytes one slice reads.
const SLICE_BYTES: u64 = 256 * 1024;

/// Which of a record's changes are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Only lines up to this one.
    pub up_to: Option<u64>,
    /// Only this operation.
    pub op: Option<&'a str>,
    /// Only lines that may be as late as this.
    pub since: Option<i64>,
}

/// The segments that hold a record's lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segments {
    /// The first line of each, ascending.
    pub firsts: Vec<u64>,
    /// Whether the index names lines from before the journal begins.
    pub incomplete: bool,
}

impl Segments {
    /// Looks a record up in the audit index.
    pub fn find(store: &mut Store, record: &str, wanted: Wanted<'_>) -> Result<Self> {
        store.commit_now()?;
        let segments = store.journal().segments();
        let firsts: Vec<u64> = segments.iter().map(|segment| segment.first).collect();
        let mut holds = vec![false; firsts.len()];
        let mut incomplete = false;
        store.read(Caller::default(), |view| {
            let mut statement = view.prepare(
                "SELECT first_seq, last_seq FROM history
                 WHERE record = ?1 AND first_seq <= ?2 AND (?3 IS NULL OR op = ?3) AND (?4 IS NULL OR at >= ?4)",
            )?;
            let up_to = wanted.up_to.and_then(|seq| i64::try_from(seq).ok());
            let bound = (record, up_to.unwrap_or(i64::MAX), wanted.op, wanted.since);
            let mut entries = statement.query(bound)?;
            while let Some(entry) = entries.next()? {
                let (first, last): (u64, u64) = (entry.get(0)?, entry.get(1)?);
                let begin = firsts.partition_point(|it| *it <= first);
                let end = firsts.partition_point(|it| *it <= last);
                incomplete |= begin == 0;
                for held in holds.iter_mut().take(end).skip(begin.saturating_sub(1)) {
                    *held = true;
                }
            }
            Ok(())
        })?;
        let held = firsts.into_iter().zip(holds).filter(|(_, held)| *held);
        Ok(Self {
            firsts: held.map(|(first, _)| first).collect(),
            incomplete,
        })
    }

    /// Adds those of another record.
    pub fn add(&mut self, other: &Self) {
        self.firsts.extend_from_slice(&other.firsts);
        self.firsts.sort_unstable();
        self.firsts.dedup();
        self.incomplete |= other.incomplete;
    }
}

/// What a slice comes upon.
pub enum Found<'a> {
    /// A line.
    Line(Record<'a>),
    /// Lines are missing or damaged here.
    Gap,
}

/// A segment being read.
pub struct Reading {
    replay: Replay,
    /// The last line that was read.
    last: u64,
    /// The first line of the segment behind it, if there is one.
    next: Option<u64>,
}

impl Reading {
    /// Begins to read the segment that begins with line `first`.
    pub fn begin(store: &Store, first: u64) -> Self {
        let mut firsts = store.journal().segments().iter().map(|it| it.first);
        Self {
            replay: store.journal().replay_segment(first),
            last: first.saturating_sub(1),
            next: firsts.find(|it| *it > first),
        }
    }

    /// Reads a slice; true while there is more. `take` may end it early by giving false.
    pub async fn slice(&mut self, take: &mut dyn FnMut(Found<'_>) -> Result<bool>) -> Result<bool> {
        let until = self.replay.bytes() + SLICE_BYTES;
        while self.replay.bytes() < until {
            let goes_on = match self.replay.next().await? {
                None => {
                    if self.next.is_some_and(|next| next != self.last + 1) {
                        take(Found::Gap)?;
                    }
                    false
                }
                Some(Item::Line { record, .. }) => {
                    self.last = record.seq;
                    // How chunks are kept is nobody's history.
                    packed::OPS.contains(&record.op) || take(Found::Line(record))?
                }
                Some(Item::Damage(_)) => take(Found::Gap)?,
                Some(Item::Restart { .. }) => true,
            };
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Segments that are read one after another.
#[derive(Default)]
pub struct Readings {
    /// The first lines of those that are not begun; the last is next.
    left: Vec<u64>,
    /// One that was begun and has more.
    open: Option<Reading>,
}

impl Readings {
    /// To be read from the oldest segment on.
    pub fn oldest_first(mut firsts: Vec<u64>) -> Self {
        firsts.reverse();
        Self::newest_first(firsts)
    }

    /// To be read from the newest segment on.
    pub fn newest_first(firsts: Vec<u64>) -> Self {
        Self {
            left: firsts,
            open: None,
        }
    }

    /// Takes out the segment to read on in; none when all are read.
    pub fn take(&mut self, store: &Store) -> Option<Reading> {
        let open = self.open.take();
        open.or_else(|| Some(Reading::begin(store, self.left.pop()?)))
    }

    /// Puts back one that has more.
    pub fn put_back(&mut self, reading: Reading) {
        self.open = Some(reading);
    }

    /// Begins no other segment.
    pub fn end(&mut self) {
        self.left.clear();
    }
}

/// Hands the rows of a line that belong to a record to `take`; all rows of records when none is named.
pub fn rows_of(
    line: &Record<'_>,
    record: Option<&str>,
    take: &mut dyn FnMut(&RecordedRow<'_>, &Fields<'_>, &str) -> Result<()>,
) -> Result<()> {
    if line.op == crate::store::MIGRATE_OP {
        return Ok(());
    }
    let mut buffer = Vec::new();
    for row in rows::read::<RecordedRow<'_>>(line.rows, &mut buffer)? {
        let Some(spec) = row.spec() else {
            continue;
        };
        let fields = row.fields()?;
        let id = fields.record(spec.record).unwrap_or_default();
        if record.is_none_or(|wanted| wanted == id) {
            take(&row, &fields, &id)?;
        }
    }
    Ok(())
}

/// Makes sure that a record is the user's own, reading its first lines where only they can tell.
pub struct Admission {
    record: String,
    scope: Option<UserId>,
    readings: Readings,
}

impl Admission {
    /// # Errors
    /// `not_found` when the record is known to be another user's.
    pub fn begin(store: &mut Store, record: &str, scope: Option<UserId>) -> Result<Self> {
        let mut admission = Self {
            record: record.to_owned(),
            scope: None,
            readings: Readings::default(),
        };
        let Some(user) = scope else {
            return Ok(admission);
        };
        let known = match owner(record) {
            Some(owner) => Some(owner),
            None => living_owner(store, record)?,
        };
        match known {
            Some(owner) if owner == user => {}
            Some(_) => return Err(not_theirs(record)),
            None => {
                admission.scope = scope;
                let segments = Segments::find(store, record, Wanted::default())?;
                admission.readings = Readings::oldest_first(segments.firsts);
            }
        }
        Ok(admission)
    }

    /// Looks on; true once it is admitted.
    ///
    /// # Errors
    /// `not_found` when the record is another user's, or nothing tells whose.
    pub async fn step(&mut self, store: &Store) -> Result<bool> {
        let Some(scope) = self.scope else {
            return Ok(true);
        };
        let reading = self.readings.take(store);
        let mut reading = reading.ok_or_else(|| not_theirs(&self.record))?;
        let mut owner = None;
        let more = reading
            .slice(&mut |found| {
                if let Found::Line(line) = found {
                    rows_of(&line, Some(&self.record), &mut |_, fields, _| {
                        owner = owner.or(fields.to_row().number("user"));
                        Ok(())
                    })?;
                }
                Ok(owner.is_none())
            })
            .await?;
        if more {
            self.readings.put_back(reading);
        }
        match owner {
            Some(user) if user == scope.user => {
                self.scope = None;
                Ok(true)
            }
            Some(_) => Err(not_theirs(&self.record)),
            None => Ok(false),
        }
    }
}

/// The owner of a record that is there.
pub fn living_owner(store: &mut Store, record: &str) -> Result<Option<UserId>> {
    store.read(Caller::default(), |view| {
        for spec in TABLES.iter().filter(|spec| spec.record == RecordKey::Text) {
            // What belongs to a record without saying whose it is has its id from there.
            let keys = rows::foreign_keys(view.connection(), spec.name)?;
            if !keys.iter().any(|key| key.parent == "user") {
                continue;
            }
            let columns = rows::key_columns(view.connection(), spec.name)?;
            let Some(id) = columns.first() else {
                continue;
            };
            let mut statement = view.prepare(&format!(
                "SELECT user FROM \"{}\" WHERE \"{id}\" = ?1",
                spec.name
            ))?;
            let mut found = statement.query([record])?;
            if let Some(row) = found.next()? {
                return Ok(Some(UserId { user: row.get(0)? }));
            }
        }
        Ok(None)
    })
}

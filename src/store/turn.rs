//! A turn: everything that was asked for together, answered after one append and one flush.
//!
//! Each write runs in a savepoint of its own inside the turn's, so a failed write leaves no trace and the others stand.
//! The rows a write changed become one journal line. When the lines cannot be kept, the whole turn is rolled back.

use rusqlite::types::ValueRef;
use serde::Serialize;
use serde_json::value::RawValue;

use super::ahead::Ahead;
use super::audit::Touch;
use super::transaction::{Tx, View};
use super::{Change, Condition, Durability, Event, LogKind, Store};
use crate::database::capture::Capture;
use crate::domain::erasures;
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::journal::Record;
use crate::search::Index;

/// Who asks, and under which name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'a> {
    /// The user whose records alone may be seen and touched; none for the app itself.
    pub user: Option<UserId>,
    /// The request's own name: the same one twice has one effect and one answer.
    pub request_id: Option<&'a str>,
}

/// A write's answer.
#[derive(Debug)]
pub enum Outcome<T> {
    /// It happened now.
    Done(T),
    /// It had happened already; this is the answer it gave then, as JSON.
    Repeated(Box<RawValue>),
}

impl<T: serde::de::DeserializeOwned> Outcome<T> {
    /// The answer, whenever it was given.
    pub fn value(self) -> Result<T> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Repeated(json) => serde_json::from_str(json.get()).map_err(|error| {
                Error::corrupt("a remembered answer cannot be read").caused_by(error)
            }),
        }
    }
}

/// What a write does, whatever it gives: one machine for all of them keeps the package small.
trait Work {
    fn run(&mut self, tx: &Tx<'_>) -> Result<()>;
    /// What it gave, as JSON.
    fn answer(&self) -> Result<String>;
}

struct Job<T, F> {
    work: Option<F>,
    value: Option<T>,
}

impl<T: Serialize, F: FnOnce(&Tx<'_>) -> Result<T>> Work for Job<T, F> {
    fn run(&mut self, tx: &Tx<'_>) -> Result<()> {
        let work = self.work.take().ok_or_else(not_run)?;
        self.value = Some(work(tx)?);
        Ok(())
    }

    fn answer(&self) -> Result<String> {
        super::answer(&self.value)
    }
}

fn not_run() -> Error {
    Error::new(Code::Internal, "a write was not run once")
}

/// Requests answered together. Dropping a turn that was not [finished](Self::finish) rolls it back.
pub struct Turn<'s> {
    store: &'s mut Store,
    lines: Vec<u8>,
    last_seq: u64,
    touches: Vec<Touch>,
    /// Rows of its lines that the database has yet to get.
    ahead: Ahead,
    /// Whether its savepoint is open in the database.
    open: bool,
    /// How many of its touches the search index holds already, and what else it took in beside them.
    indexed: usize,
    indexed_before: Index,
}

impl<'s> Turn<'s> {
    pub(super) fn begin(store: &'s mut Store) -> Result<Self> {
        store.check_sound()?;
        let last_seq = store.journal.last_seq();
        let lines = std::mem::take(&mut store.line_buffer);
        Ok(Self {
            store,
            lines,
            last_seq,
            touches: Vec::new(),
            ahead: Ahead::default(),
            open: false,
            indexed: 0,
            indexed_before: Index::default(),
        })
    }

    /// Answers from the state as this turn has made it so far. The answer may be given out once the turn is finished.
    pub fn read<T>(
        &mut self,
        caller: Caller<'_>,
        work: impl FnOnce(&View<'_>) -> Result<T>,
    ) -> Result<T> {
        self.bring_in_all()?;
        self.peek(caller, work)
    }

    /// Brings everything written ahead into the database, the turn's own included.
    fn bring_in_all(&mut self) -> Result<()> {
        self.store.check_sound()?;
        if !self.ahead.is_empty() {
            self.open()?;
        }
        self.store.apply_ahead()
    }

    /// Brings the search index up to date with everything that was written so far, this turn's own writes included.
    pub fn index(&mut self) -> Result<()> {
        self.bring_in_all()?;
        if self.lines.is_empty() {
            // What is kept already is taken in where nothing undoes it: a savepoint without a write of its own can go.
            if std::mem::take(&mut self.open) {
                let released = self.store.database()?.run("RELEASE turn");
                released.inspect_err(|error| {
                    self.store.condition = Condition::Damaged(error.clone());
                })?;
            }
            return self.store.index_for_search();
        }
        self.open()?;
        // What is taken in within the turn's savepoint goes with it, and waits again then.
        self.indexed_before.merge(&self.store.search);
        for touch in self.touches.get(self.indexed..).unwrap_or_default() {
            self.store.search.add(&touch.touched);
        }
        self.indexed = self.touches.len();
        self.store.index_for_search()
    }

    /// Like [`read`](Self::read), but does not see what was [written ahead](Self::write_ahead).
    pub fn peek<T>(
        &mut self,
        caller: Caller<'_>,
        work: impl FnOnce(&View<'_>) -> Result<T>,
    ) -> Result<T> {
        let database = self.store.database()?;
        let result = work(&View::new(database.connection(), caller.user));
        result.map_err(|error| self.notice(error))
    }

    /// Whether it has written more than rows ahead.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Records rows in the journal without having the database write them first: it gets them later, before anything
    /// looks. `work` gives the rows, all of them or an error; nothing checks whether the database would refuse them.
    pub fn write_ahead(
        &mut self,
        op: &str,
        user: Option<UserId>,
        work: impl FnOnce(&Rows<'_>) -> Result<()>,
    ) -> Result<()> {
        self.store.check_sound()?;
        let at_ms = self.store.host.now_ms();
        let capture = self.store.database()?.capture().clone();
        let mark = capture.mark();
        let recorded = work(&Rows {
            capture: &capture,
            at_ms,
        })
        .and_then(|()| self.record(op, user, None, at_ms, true));
        match recorded {
            Ok(touch) => {
                self.count(touch);
                Ok(())
            }
            Err(error) => {
                capture.cut(mark);
                Err(error)
            }
        }
    }

    /// Changes the state: all of `work`, or nothing of it.
    ///
    /// # Errors
    /// Whatever `work` refuses; `conflict` when the request's name was used for another operation.
    pub fn write<T: Serialize>(
        &mut self,
        op: &str,
        caller: Caller<'_>,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<Outcome<T>> {
        let mut job = Job {
            work: Some(work),
            value: None,
        };
        if let Some(answer) = self.run(op, caller, &mut job)? {
            return Ok(Outcome::Repeated(answer));
        }
        let value = job.value;
        value.map(Outcome::Done).ok_or_else(not_run)
    }

    /// Runs the work in a savepoint of its own; gives the answer of the time before, if the request was made before.
    fn run(
        &mut self,
        op: &str,
        caller: Caller<'_>,
        work: &mut dyn Work,
    ) -> Result<Option<Box<RawValue>>> {
        check_request_id(caller.request_id)?;
        self.store.check_sound()?;
        self.open()?;
        // As long as the turn has written nothing, its own savepoint undoes what one request did.
        let nested = !self.lines.is_empty();
        let database = self.store.database()?;
        let mark = database.capture().mark();
        if nested {
            database.run("SAVEPOINT request")?;
        }
        let attempt = self.attempt(op, caller, work);
        let (undo, end) = if nested {
            ("ROLLBACK TO request", Some("RELEASE request"))
        } else {
            ("ROLLBACK TO turn", None)
        };
        let database = self.store.database()?;
        match attempt {
            Ok((repeated, line)) => {
                if let Err(error) = end.map_or(Ok(()), |sql| database.run(sql)) {
                    self.store.condition = Condition::Damaged(error.clone());
                    return Err(error);
                }
                self.count(line);
                Ok(repeated)
            }
            Err(error) => {
                let undone = if database.in_transaction() {
                    let undone = database.run(undo);
                    undone.and_then(|()| end.map_or(Ok(()), |sql| database.run(sql)))
                } else {
                    Ok(())
                };
                database.capture().cut(mark);
                if let Err(undone) = undone {
                    self.store.condition = Condition::Damaged(undone);
                }
                Err(self.notice(error))
            }
        }
    }

    /// Runs the work and encodes its line behind those of the turn.
    fn attempt(
        &mut self,
        op: &str,
        caller: Caller<'_>,
        work: &mut dyn Work,
    ) -> Result<(Option<Box<RawValue>>, Option<Touch>)> {
        let store = &*self.store;
        let database = store.database()?;
        let tx = Tx::new(View::new(database.connection(), caller.user), &*store.host);
        if let Some(id) = caller.request_id
            && let Some(answer) = remembered(&tx, id, op)?
        {
            return Ok((Some(answer), None));
        }
        work.run(&tx)?;
        if let Some(id) = caller.request_id {
            remember(&tx, id, op, &work.answer()?)?;
        }
        let at_ms = tx.now_ms();
        let touch = self.record(op, caller.user, caller.request_id, at_ms, false)?;
        Ok((None, touch))
    }

    /// Encodes the rows that were captured as a line behind those of the turn; no rows make no line.
    fn record(
        &mut self,
        op: &str,
        user: Option<UserId>,
        req: Option<&str>,
        at_ms: i64,
        is_ahead: bool,
    ) -> Result<Option<Touch>> {
        let by = user.map(|user| user.to_string());
        let seq = self.last_seq + 1;
        let store = &*self.store;
        let (lines, ahead) = (&mut self.lines, &mut self.ahead);
        store.database()?.capture().drain(|rows, touched| {
            if rows.is_empty() {
                return Ok(None);
            }
            let record = Record {
                seq,
                v: store.schema,
                at_ms,
                op,
                by: by.as_deref(),
                req,
                flushed: lines.is_empty() && store.journal.is_flushed(),
                more: false,
                rows,
            };
            record.encode_into(lines)?;
            if is_ahead {
                ahead.push(rows);
            }
            Ok(Some(Touch::new(
                seq,
                at_ms,
                op,
                by,
                std::mem::take(touched),
            )))
        })?
    }

    fn count(&mut self, line: Option<Touch>) {
        if let Some(touch) = line {
            self.last_seq = touch.seq;
            self.touches.push(touch);
        }
    }

    /// Keeps everything the turn wrote. Its answers are true from here on.
    ///
    /// # Errors
    /// `quota_exceeded` and `io`: nothing of the turn happened. `indeterminate`: the disk failed so badly that only
    /// opening the journal again will tell; the store does that by itself before it does anything else.
    pub fn finish(mut self) -> Result<()> {
        if self.open || !self.lines.is_empty() {
            // What was done in a transaction that SQLite gave up, or beside damage, is not answered.
            self.store.check_sound()?;
            if let Err(error) = self.keep() {
                let broken = self.store.journal.is_broken();
                self.roll_back();
                if broken {
                    self.store.condition = Condition::Damaged(error.clone());
                    return Err(Error::new(
                        Code::Indeterminate,
                        "it is not known whether this was kept",
                    )
                    .caused_by(error));
                }
                return Err(error);
            }
        }
        if std::mem::take(&mut self.open)
            && let Err(error) = self.store.database()?.run("RELEASE turn")
        {
            // What was kept is kept; the store recovers it from the journal.
            self.store.condition = Condition::Damaged(error);
            return Ok(());
        }
        if !self.ahead.is_empty() {
            // The batch must end in time for them too.
            if let Err(error) = self.store.begin_batch() {
                self.store.condition = Condition::Damaged(error);
                return Ok(());
            }
            self.store.ahead.append(&mut self.ahead);
            // What was kept is kept; a failure is the store's own to mend.
            if self.store.ahead.is_too_much() && self.store.apply_ahead().is_err() {
                return Ok(());
            }
        }
        let writes = self.touches.len();
        if writes > 0 {
            self.store.written_at = self.store.host.now_ms();
        }
        for (touch, place) in self.touches.drain(..).zip(0..) {
            if self.store.listening.changes {
                let change = Change::of(&touch);
                self.store.events.push(Event::Change(change));
            }
            self.store.erasures_wanted |= touch.op == erasures::OP;
            self.store.packing.add(&touch.touched);
            if place >= self.indexed {
                self.store.search.add(&touch.touched);
            }
            self.store.audit.add(touch);
        }
        self.store.batch_writes += u32::try_from(writes).unwrap_or(u32::MAX);
        if self.store.batch_writes >= self.store.options.batch_writes {
            // What was kept is kept; a failing commit is the store's own to mend.
            self.store.commit();
        }
        Ok(())
    }

    fn keep(&mut self) -> Result<()> {
        let store = &mut *self.store;
        let (bytes, count) = (self.lines.len() as u64, self.touches.len() as u64);
        if !self.lines.is_empty() {
            if !store.journal.is_active() {
                // Opening left it without a segment for want of space; maintenance tries again.
                return Err(Error::new(
                    Code::QuotaExceeded,
                    "there was no room to begin a journal segment",
                ));
            }
            let started = store.host.monotonic_us();
            store.journal.append(&self.lines, self.last_seq)?;
            store.log(LogKind::Append, None, bytes, count, started);
        }
        // Also what a relaxed turn wrote, and this one repeats the answer of, is strict now.
        if store.options.durability == Durability::Strict && !store.journal.is_flushed() {
            let started = store.host.monotonic_us();
            store.journal.flush()?;
            store.log(LogKind::Flush, None, bytes, count, started);
        }
        Ok(())
    }

    /// Opens the batch's transaction and the turn's savepoint, once, and brings in what was written ahead: what is kept
    /// already before the savepoint, the turn's own within it.
    fn open(&mut self) -> Result<()> {
        if !self.open {
            self.store.begin_batch()?;
            self.store.apply_ahead()?;
            self.store.database()?.run("SAVEPOINT turn")?;
            self.open = true;
        }
        let applied = self.ahead.apply(self.store.database()?);
        applied.inspect_err(|error| self.store.condition = Condition::Damaged(error.clone()))
    }

    /// Notices when SQLite has met damage or given up the batch's transaction, which only a recovery mends.
    fn notice(&mut self, error: Error) -> Error {
        let Ok(database) = self.store.database() else {
            return error;
        };
        let error = database.explain(error);
        let transaction_lost = self.store.batch_since.is_some() && !database.in_transaction();
        if transaction_lost || error.code() == Code::Corrupt {
            self.store.condition = Condition::Damaged(error.clone());
        }
        error
    }

    fn roll_back(&mut self) {
        self.lines.clear();
        self.touches.clear();
        self.ahead.clear();
        if !std::mem::take(&mut self.open) {
            return;
        }
        self.indexed = 0;
        self.store.search.merge(&self.indexed_before);
        let Ok(database) = self.store.database() else {
            return;
        };
        let undone = if database.in_transaction() {
            database
                .run("ROLLBACK TO turn")
                .and_then(|()| database.run("RELEASE turn"))
        } else {
            Err(Error::new(Code::Io, "SQLite gave up the transaction"))
        };
        if let Err(error) = undone {
            self.store.condition = Condition::Damaged(error);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.roll_back();
        self.lines.shrink_to(1 << 20);
        self.store.line_buffer = std::mem::take(&mut self.lines);
        self.store.line_buffer.clear();
    }
}

/// Takes the rows that are written ahead.
pub struct Rows<'a> {
    capture: &'a Capture,
    at_ms: i64,
}

impl Rows<'_> {
    /// The time of this write, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn now_ms(&self) -> i64 {
        self.at_ms
    }

    /// Puts a row: the values of all columns in their order.
    pub fn put(&self, table: &str, values: &[ValueRef<'_>]) -> Result<()> {
        self.capture.put(table, values)
    }
}

/// The longest request id, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 200;

fn check_request_id(id: Option<&str>) -> Result<()> {
    let printable = |id: &str| id.chars().all(|c| !c.is_control() && c != '"' && c != '\\');
    match id {
        Some(id) if id.is_empty() || id.len() > MAX_REQUEST_ID_BYTES || !printable(id) => {
            Err(Error::invalid(format!(
                "a request id has 1 to {MAX_REQUEST_ID_BYTES} bytes, without quotes, backslashes or control characters"
            )))
        }
        _ => Ok(()),
    }
}

fn remembered(tx: &Tx<'_>, id: &str, op: &str) -> Result<Option<Box<RawValue>>> {
    let mut statement = tx.prepare("SELECT op, answer FROM request WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let known: String = row.get(0)?;
    if known != op {
        return Err(Error::new(
            Code::Conflict,
            format!("request {id} was {known}, not {op}"),
        ));
    }
    RawValue::from_string(row.get(1)?)
        .map(Some)
        .map_err(|error| Error::corrupt("a remembered answer is not JSON").caused_by(error))
}

fn remember(tx: &Tx<'_>, id: &str, op: &str, answer: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO request (id, op, answer, at) VALUES (?1, ?2, ?3, ?4)",
        (id, op, answer, tx.now_ms()),
    )?;
    Ok(())
}

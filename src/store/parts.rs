//! A write too large for one line: many lines, and all of them or none.
//!
//! Each part becomes a line that says there is more to come, the last one says no such thing. Only that one, flushed, makes
//! it happen: opening a journal drops a transaction that did not come to its end, as it drops a torn line. No turn may run
//! meanwhile, not even in a pause, and memory holds one part at a time.

use super::audit::Touch;
use super::packing::Packing;
use super::transaction::{Tx, View};
use super::{Change, Condition, Event, LogKind, Pause, Store, WorkProgress};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::journal::{Mark, Record};
use crate::search::Index;

/// A part that is recorded and not written yet: whether it is the last one is not known.
struct Waiting {
    touch: Touch,
    rows: Vec<u8>,
}

/// Writes a part, and gives how far it is; nothing after the last.
pub type Part<'a> = dyn FnMut(&Tx<'_>) -> Result<Option<WorkProgress>> + 'a;

impl Store {
    /// Changes the state part by part, all of it or nothing: `part` is called until it gives nothing instead of how far it is.
    /// Between parts there are pauses. Gives the number of lines.
    ///
    /// # Errors
    /// Whatever `part` refuses, `aborted` when a pause says so, `quota_exceeded` and `io`: nothing happened then. `indeterminate`
    /// when the disk failed so badly that only opening the journal again will tell.
    pub async fn write_in_parts(
        &mut self,
        op: &str,
        user: Option<UserId>,
        part: &mut Part<'_>,
        pause: &mut Pause<'_>,
    ) -> Result<u64> {
        self.commit_now()?;
        // What relaxed turns left must not be lost with what follows.
        self.flush()?;
        let before = self.journal.last_seq();
        let mark = self.journal.mark().ok_or_else(|| {
            Error::new(
                Code::QuotaExceeded,
                "there was no room to begin a journal segment",
            )
        })?;
        let started = self.host.monotonic_us();
        self.begin_batch()?;
        let written = self.parts(op, user, part, pause).await;
        let written = written.and_then(|changes| {
            self.journal.flush()?;
            Ok(changes)
        });
        match written {
            Ok(changes) => {
                self.events.extend(changes.into_iter().map(Event::Change));
                let lines = self.journal.last_seq() - before;
                self.log(LogKind::Append, None, 0, lines, started);
                self.written_at = self.host.now_ms();
                // Some of it may be archived.
                self.packing = Packing::default();
                // What was kept is kept; a failing commit is the store's own to mend.
                self.commit();
                Ok(lines)
            }
            Err(error) => Err(self.take_back(error, mark)),
        }
    }

    async fn parts(
        &mut self,
        op: &str,
        user: Option<UserId>,
        part: &mut Part<'_>,
        pause: &mut Pause<'_>,
    ) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let mut waiting: Option<Waiting> = None;
        let mut is_large = false;
        loop {
            let database = self.database()?;
            let tx = Tx::new(View::new(database.connection(), user), &*self.host);
            let at_ms = tx.now_ms();
            let progress = part(&tx)?;
            let seq = self.journal.last_seq() + 1 + u64::from(waiting.is_some());
            let by = user.map(|user| user.to_string());
            let recorded = database.capture().drain(|rows, touched| {
                (!rows.is_empty()).then(|| Waiting {
                    touch: Touch::new(seq, at_ms, op, by, std::mem::take(touched)),
                    rows: rows.to_vec(),
                })
            })?;
            if let Some(recorded) = recorded {
                if self.listening.changes {
                    changes.push(Change::of(&recorded.touch));
                }
                if let Some(before) = waiting.replace(recorded) {
                    is_large = true;
                    self.write_part(before, true, is_large)?;
                }
            }
            let Some(progress) = progress else { break };
            if !pause(&progress).await {
                return Err(Error::new(Code::Aborted, "the call was aborted"));
            }
        }
        if let Some(last) = waiting {
            self.write_part(last, false, is_large)?;
        }
        Ok(changes)
    }

    /// Writes a part. What is large is not searched at once: its texts are read afterwards, a few at a time.
    fn write_part(&mut self, part: Waiting, more: bool, is_large: bool) -> Result<()> {
        let Waiting { touch, rows } = part;
        let record = Record {
            seq: touch.seq,
            v: self.schema,
            at_ms: touch.at_ms,
            op: &touch.op,
            by: touch.by.as_deref(),
            req: None,
            flushed: self.journal.is_flushed(),
            more,
            rows: &rows,
        };
        let mut line = Vec::with_capacity(rows.len() + 256);
        record.encode_into(&mut line)?;
        self.journal.append(&line, touch.seq)?;
        self.search.add(&touch.touched);
        self.audit.add(touch);
        // So that they do not grow with the parts.
        let schema = self.schema;
        let mut audit = std::mem::take(&mut self.audit);
        let mut search = std::mem::take(&mut self.search);
        let written = self.database().and_then(|database| {
            audit.write(database, schema)?;
            if is_large {
                search.put_off(database, schema)
            } else {
                search.write(database, schema)
            }
        });
        (self.audit, self.search) = (audit, search);
        written
    }

    /// Makes it as if nothing had happened, and gives the error that says so.
    fn take_back(&mut self, error: Error, mark: Mark) -> Error {
        self.batch_since = None;
        self.audit = super::Audit::default();
        let undone = self.database().and_then(|database| {
            let explained = database.explain(error.clone());
            if database.in_transaction() {
                database.run("ROLLBACK")?;
            }
            database.capture().clear();
            let search = Index::load(database, self.schema)?;
            Ok((explained, search))
        });
        let error = match undone {
            Ok((explained, search)) => {
                self.search = search;
                explained
            }
            Err(undone) => {
                self.condition = Condition::Damaged(undone);
                error
            }
        };
        if error.code() == Code::Corrupt {
            self.condition = Condition::Damaged(error.clone());
        }
        if self.journal.cut_back(mark).is_ok() {
            return error;
        }
        self.condition = Condition::Damaged(error.clone());
        Error::new(Code::Indeterminate, "it is not known whether this was kept").caused_by(error)
    }
}

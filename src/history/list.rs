//! Who changed a record, and what, newest first.

use std::collections::VecDeque;

use super::lines::{Admission, Found, Readings, Segments, Wanted, rows_of};
use super::{Asker, HistoryEntry, HistoryList, HistoryRow};
use crate::disk::LocalFuture;
use crate::domain::page::{self, Cursor, Page};
use crate::error::Result;
use crate::journal::Record;
use crate::store::{Job, Store, answer};

/// Bytes of rows after which a page ends.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// A page in the making.
pub struct List {
    admission: Admission,
    args: HistoryList,
    name: String,
    limit: usize,
    /// Only lines before this one.
    before: u64,
    readings: Readings,
    /// What the segment being read holds, oldest first.
    found: VecDeque<HistoryEntry>,
    /// What newer segments held, newest first.
    items: Vec<HistoryEntry>,
    bytes: usize,
    /// Older entries were left out.
    is_full: bool,
}

impl List {
    pub fn begin(store: &mut Store, asker: &Asker, args: HistoryList) -> Result<Self> {
        let limit = page::limit(args.limit)?;
        let name = format!(
            "history {} {:?} {:?} {:?} {:?}",
            args.record, args.since, args.until, args.op, asker.user
        );
        let before = match Cursor::decode(&name, args.cursor.as_deref())? {
            Some([seq]) => u64::try_from(seq).unwrap_or(0),
            None => u64::MAX,
        };
        let admission = Admission::begin(store, &args.record, asker.user)?;
        let wanted = Wanted {
            up_to: before.checked_sub(1),
            op: args.op.as_deref(),
            since: args.since,
        };
        let left = Segments::find(store, &args.record, wanted)?.firsts;
        Ok(Self {
            admission,
            args,
            name,
            limit,
            before,
            readings: Readings::newest_first(left),
            found: VecDeque::new(),
            items: Vec::new(),
            bytes: 0,
            is_full: false,
        })
    }

    /// Whether a line is asked for, its rows left aside.
    fn asks_for(&self, line: &Record<'_>) -> bool {
        let HistoryList {
            since, until, op, ..
        } = &self.args;
        since.is_none_or(|since| line.at_ms >= since)
            && until.is_none_or(|until| line.at_ms < until)
            && op.as_ref().is_none_or(|op| op == line.op)
    }

    fn add(&mut self, line: &Record<'_>) -> Result<()> {
        let mut rows = Vec::new();
        rows_of(line, Some(&self.args.record), &mut |row, _, _| {
            rows.push(HistoryRow::new(row)?);
            Ok(())
        })?;
        if rows.is_empty() {
            return Ok(());
        }
        self.bytes += rows.iter().map(HistoryRow::bytes).sum::<usize>();
        self.found.push_back(HistoryEntry {
            seq: line.seq,
            at: line.at_ms,
            op: line.op.to_owned(),
            by: line.by.map(str::to_owned),
            request_id: line.req.map(str::to_owned),
            rows,
        });
        // What is older than the page holds is forgotten again.
        while self.exceeds()
            && let Some(oldest) = self.found.pop_front()
        {
            self.bytes -= oldest.rows.iter().map(HistoryRow::bytes).sum::<usize>();
            self.is_full = true;
        }
        Ok(())
    }

    fn exceeds(&self) -> bool {
        let count = self.items.len() + self.found.len();
        count > self.limit || (self.bytes > MAX_PAGE_BYTES && count > 1)
    }

    async fn read_on(&mut self, store: &Store) -> Result<bool> {
        if self.is_full {
            self.readings.end();
        }
        let Some(mut reading) = self.readings.take(store) else {
            return Ok(false);
        };
        let more = reading
            .slice(&mut |found| {
                let Found::Line(line) = found else {
                    return Ok(true);
                };
                if line.seq >= self.before {
                    return Ok(false);
                }
                if self.asks_for(&line) {
                    self.add(&line)?;
                }
                Ok(true)
            })
            .await?;
        if more {
            self.readings.put_back(reading);
        } else {
            self.items.extend(self.found.drain(..).rev());
        }
        Ok(true)
    }

    fn page(&mut self) -> Page<HistoryEntry> {
        let items = std::mem::take(&mut self.items);
        let last = items.last().filter(|_| self.is_full);
        let next_cursor = last.map(|last| {
            let seq = i64::try_from(last.seq).unwrap_or(i64::MAX);
            Cursor::encode(&self.name, &[seq])
        });
        Page { items, next_cursor }
    }
}

impl Job for List {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        _progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            if !self.admission.step(store).await? || self.read_on(store).await? {
                return Ok(None);
            }
            answer(&self.page()).map(Some)
        })
    }
}

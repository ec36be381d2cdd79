//! What a record was at a point in its history.

use std::collections::BTreeMap;

use super::lines::{Admission, Found, Readings, Segments, Wanted, rows_of};
use super::{Asker, HistoryAt, HistoryRow, RecordState};
use crate::database::rows::{self, Fields, RecordedRow};
use crate::database::schema::TABLES;
use crate::disk::LocalFuture;
use crate::error::{Error, Result};
use crate::journal::Record;
use crate::store::{Caller, Job, Store, View, answer};

/// Bytes of rows after which no further row is kept.
const MAX_STATE_BYTES: usize = 16 << 20;

/// How rows are told apart: by their table and key.
pub struct Keys(Vec<(&'static str, Vec<String>)>);

impl Keys {
    /// Learns the keys of all tables as they are now.
    pub fn learn(view: &View<'_>) -> Result<Self> {
        let keys = TABLES.iter().map(|spec| {
            let columns = rows::key_columns(view.connection(), spec.name)?;
            Ok((spec.name, columns))
        });
        Ok(Self(keys.collect::<Result<_>>()?))
    }

    /// The columns of a table's key.
    pub fn columns(&self, table: &str) -> &[String] {
        let found = self.0.iter().find(|(name, _)| *name == table);
        found.map_or(&[], |(_, columns)| columns)
    }

    /// A row's table and key as one text.
    pub fn name(&self, row: &RecordedRow<'_>, fields: &Fields<'_>) -> String {
        let columns = self.columns(row.table);
        let mut name = row.table.to_owned();
        for (column, value) in &fields.0 {
            if columns.iter().any(|key| key == column) {
                name.push(' ');
                name.push_str(value.get());
            }
        }
        name
    }
}

struct Kept {
    row: HistoryRow,
    /// Rows keep the order in which they came to be.
    place: u64,
}

/// A state in the making.
pub struct At {
    admission: Admission,
    args: HistoryAt,
    keys: Keys,
    readings: Readings,
    kept: BTreeMap<String, Kept>,
    places: u64,
    bytes: usize,
    state: RecordState,
}

impl At {
    pub fn begin(store: &mut Store, asker: &Asker, args: HistoryAt) -> Result<Self> {
        if args.seq.is_some() == args.at.is_some() {
            return Err(Error::invalid("either seq or at says when"));
        }
        let admission = Admission::begin(store, &args.record, asker.user)?;
        let wanted = Wanted {
            up_to: args.seq,
            ..Wanted::default()
        };
        let segments = Segments::find(store, &args.record, wanted)?;
        Ok(Self {
            admission,
            keys: store.read(Caller::default(), Keys::learn)?,
            readings: Readings::oldest_first(segments.firsts),
            kept: BTreeMap::new(),
            places: 0,
            bytes: 0,
            state: RecordState {
                record: args.record.clone(),
                seq: None,
                at: None,
                rows: Vec::new(),
                incomplete: segments.incomplete,
                truncated: false,
            },
            args,
        })
    }

    /// Takes a line in; false once it is later than what is asked for.
    fn apply(&mut self, line: &Record<'_>) -> Result<bool> {
        let mut found = Vec::new();
        rows_of(line, Some(&self.args.record), &mut |row, fields, _| {
            found.push((self.keys.name(row, fields), HistoryRow::new(row)?));
            Ok(())
        })?;
        let seq_passed = self.args.seq.is_some_and(|seq| line.seq > seq);
        let time_passed = self.args.at.is_some_and(|at| line.at_ms > at);
        if seq_passed || (time_passed && !found.is_empty()) {
            return Ok(false);
        }
        if !found.is_empty() {
            self.state.seq = Some(line.seq);
            self.state.at = Some(line.at_ms);
        }
        for (name, row) in found {
            let before = self.kept.remove(&name);
            self.bytes -= before.as_ref().map_or(0, |kept| kept.row.bytes());
            if row.put.is_none() {
                continue;
            }
            if self.bytes > MAX_STATE_BYTES {
                self.state.truncated = true;
                continue;
            }
            self.bytes += row.bytes();
            self.places += 1;
            let place = before.map_or(self.places, |kept| kept.place);
            self.kept.insert(name, Kept { row, place });
        }
        Ok(true)
    }

    async fn read_on(&mut self, store: &Store) -> Result<bool> {
        let Some(mut reading) = self.readings.take(store) else {
            return Ok(false);
        };
        let more = reading
            .slice(&mut |found| {
                let Found::Line(line) = found else {
                    self.state.incomplete = true;
                    return Ok(true);
                };
                let goes_on = self.apply(&line)?;
                if !goes_on {
                    self.readings.end();
                }
                Ok(goes_on)
            })
            .await?;
        if more {
            self.readings.put_back(reading);
        }
        Ok(true)
    }

    fn state(&mut self) -> RecordState {
        let mut kept: Vec<Kept> = std::mem::take(&mut self.kept).into_values().collect();
        kept.sort_unstable_by_key(|kept| kept.place);
        RecordState {
            rows: kept.into_iter().map(|kept| kept.row).collect(),
            ..self.state.clone()
        }
    }
}

impl Job for At {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        _progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            if !self.admission.step(store).await? || self.read_on(store).await? {
                return Ok(None);
            }
            answer(&self.state()).map(Some)
        })
    }
}

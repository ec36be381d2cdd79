//! Other programs' exports on their way in: what they hold becomes records beside the live store, which are then merged like an
//! archive's.
//!
//! Ids are made of what a record is where it comes from, so that bringing an export in twice is doing so once, and a newer
//! export adds what is new.

mod attached;
mod input;
mod put;

use std::collections::HashSet;
use std::io::Read as _;
use std::rc::Rc;

use rusqlite::params;
use serde::Serialize;

use super::invalid;
use super::stage::{Problems, Staged};
use crate::blob::Piece;
use crate::database::migrate::LATEST;
use crate::database::scratch::{self, Scratch};
use crate::disk::File;
use crate::domain::charts::lines::{self, LineOutcome, LoadLines};
use crate::domain::charts::{self, tension};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::interop::charts::{ChartFile, chart_file};
use crate::interop::detect::detect;
use crate::interop::{Format, Item, Reader, chunks, unreadable};
use crate::store::{Store, Tx};
use attached::{Attaching, Attachment, Beside};
use input::{Input, add_inputs};
use put::{Putting, derived, is_invalid};

pub(super) use input::is_zip;

/// Bytes of charts that are read at once.
const BLOCK_BYTES: usize = 64 << 10;

/// Bytes of a file that are read in one slice.
const SLICE_BYTES: u64 = 512 << 10;

/// Lines of charts that are loaded at once, and their bytes.
const CHART_LINES: usize = 5_000;
const CHART_BYTES: usize = 4 << 20;

/// Bytes of chunk files that are held, which together are one folder.
const MAX_CHUNK_BYTES: u64 = 256 << 20;

/// Fields that are named.
const MAX_RAW: usize = 100;

/// The user whose records they are until it is said whose they become.
const USER: UserId = UserId { user: 1 };

/// What was found in files of one format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ImportFormat {
    /// The format: `chatgpt`, `claude`, `openwebui`, `librechat`, `sharegpt`, `uimessage`, `strongroom`, `charts` or `chunks`.
    pub format: String,
    /// Files of it.
    pub files: u64,
    /// Conversations, or lines of charts, that were taken.
    pub records: u64,
    /// Messages of those conversations.
    pub messages: u64,
    /// Conversations, lines or files that could not be taken; why is among the problems.
    pub skipped: u64,
    /// Fields that have no place of their own and are kept as they are, in the metadata.
    pub raw: Vec<String>,
}

/// Conversations that are being read.
struct Reading {
    name: String,
    format: Format,
    reader: Reader,
    /// Bytes of its file that were counted.
    counted: u64,
}

/// Exports that are being read.
pub struct Foreign {
    staged: Staged,
    inputs: Vec<Rc<Input>>,
    beside: Beside,
    /// Files of messages that are yet to be put, and the one that is being read.
    attachments: Vec<Attachment>,
    attaching: Option<Attaching>,
    /// Files that messages have.
    attached: HashSet<String>,
    /// Pieces of contents, which stay as long as this does.
    pieces: Vec<Piece>,
    reading: Option<Reading>,
    chunks: Vec<(String, Vec<u8>)>,
    chunk_bytes: u64,
    formats: Vec<ImportFormat>,
    /// Files that are left out, and why, unless they are a message's.
    unknown: Vec<(String, String)>,
    read: u64,
    total: u64,
    is_done: bool,
}

impl Foreign {
    /// Begins to read files, zips among them. They must stay as they are.
    ///
    /// # Errors
    /// `archive_invalid` when a zip is broken or hostile, and the disk's own.
    pub async fn begin(store: &Store, files: Vec<(String, Rc<dyn File>)>) -> Result<Self> {
        let mut inputs = Vec::new();
        for (name, file) in files {
            add_inputs(&mut inputs, name, file)?;
        }
        let mut inputs: Vec<Rc<Input>> = inputs.into_iter().map(Rc::new).collect();
        let beside = Beside::of(&inputs);
        // The first is read first.
        inputs.reverse();
        let host = store.host().clone();
        let scratch = Scratch::create(&**store.disk(), host.clone(), "foreign.sqlite3", LATEST);
        let scratch = scratch.await?;
        scratch.connection().execute_batch("BEGIN")?;
        scratch.connection().execute(
            "INSERT INTO user (user, uuid, name, metadata, next_conversation, version, created_at, updated_at)
             VALUES (?1, ?2, 'Imported', '{}', 1, 1, ?3, ?3)",
            params![USER.user, derived(&["imported"]), host.now_ms()],
        )?;
        Ok(Self {
            staged: Staged {
                scratch,
                problems: Problems::default(),
                are_own: false,
            },
            total: inputs.iter().map(|input| input.size).sum(),
            inputs,
            beside,
            attachments: Vec::new(),
            attaching: None,
            attached: HashSet::new(),
            pieces: Vec::new(),
            reading: None,
            chunks: Vec::new(),
            chunk_bytes: 0,
            formats: Vec::new(),
            unknown: Vec::new(),
            read: 0,
            is_done: false,
        })
    }

    /// Lets go of all that was kept. What the store took of it stays.
    ///
    /// # Errors
    /// The disk's own; what is left is removed when the store is opened.
    pub async fn let_go(mut self, store: &mut Store) -> Result<()> {
        let pieces = std::mem::take(&mut self.pieces);
        // Files must be closed to be removed.
        drop(self);
        store.give_back(&pieces).await?;
        scratch::clear(&**store.disk()).await
    }

    /// What was read; all of it once [`step`](Self::step) says so.
    pub const fn staged(&self) -> &Staged {
        &self.staged
    }

    /// What was found, by format.
    pub fn formats(&self) -> &[ImportFormat] {
        &self.formats
    }

    /// Bytes read, and bytes there are.
    pub const fn progress(&self) -> (u64, u64) {
        (self.read, self.total)
    }

    /// Records that were found so far.
    pub fn records(&self) -> u64 {
        let found = self.formats.iter();
        found.map(|format| format.records + format.messages).sum()
    }

    /// Does a slice; true while there is more to do.
    ///
    /// # Errors
    /// `archive_invalid` when no file is of a format that is known, or a zip's entry is not what it says; `quota_exceeded` when the
    /// files of messages have no room.
    pub async fn step(&mut self, store: &mut Store) -> Result<bool> {
        if self.is_done {
            return Ok(false);
        }
        if let Some(attaching) = self.attaching.take() {
            self.attach(store, attaching).await?;
        } else if let Some(attachment) = self.attachments.pop() {
            self.attached.extend(attachment.found.source.clone());
            self.attaching = Some(Attaching::new(attachment));
        } else if let Some(reading) = self.reading.take() {
            self.read_on(store, reading)?;
        } else if let Some(input) = self.inputs.pop() {
            self.begin_input(store, &input)?;
        } else {
            self.finish(store)?;
            self.is_done = true;
        }
        Ok(!self.is_done)
    }

    fn begin_input(&mut self, store: &Store, input: &Input) -> Result<()> {
        let (head, failure) = input.head();
        let name = input.name.clone();
        let size = input.size;
        match detect(&name, &head) {
            None => {
                self.read += size;
                let why = failure.map_or_else(
                    || "of no format that is known; left out".to_owned(),
                    |error| error.message().to_owned(),
                );
                self.unknown.push((name, why));
            }
            Some(Format::Charts) => {
                self.count(Format::Charts, |found| found.files += 1);
                self.charts(store, input)?;
                self.read += size;
            }
            Some(Format::Chunks) => {
                self.count(Format::Chunks, |found| found.files += 1);
                self.read += size;
                self.chunk_bytes += size;
                if self.chunk_bytes > MAX_CHUNK_BYTES {
                    return Err(Error::new(
                        Code::Unsupported,
                        format!(
                            "chunk files of more than {MAX_CHUNK_BYTES} bytes are brought in folder by folder"
                        ),
                    ));
                }
                let mut bytes = Vec::new();
                let mut file = input.open()?;
                file.read_to_end(&mut bytes).map_err(unreadable)?;
                self.chunks.push((name, bytes));
            }
            Some(format) => {
                self.count(format, |found| found.files += 1);
                let reader = Reader::open(format, Box::new(input.open()?))?;
                self.reading = Some(Reading {
                    name,
                    format,
                    reader,
                    counted: 0,
                });
            }
        }
        Ok(())
    }

    async fn attach(&mut self, store: &mut Store, mut attaching: Attaching) -> Result<()> {
        let content = match attaching.step(store, &mut self.pieces).await {
            Ok(None) => {
                self.attaching = Some(attaching);
                return Ok(());
            }
            Ok(content) => content,
            // An entry of a zip that is not what it says costs only itself.
            Err(error) if error.code() == Code::ArchiveInvalid => {
                let problem = format!("{}: {}", attaching.source(), error.message());
                self.staged.problems.add(problem);
                None
            }
            Err(error) => return Err(error),
        };
        let tx = Tx::of(self.staged.scratch.connection(), &**store.host());
        attaching.put(&tx, content.as_ref())
    }

    fn read_on(&mut self, store: &Store, mut reading: Reading) -> Result<()> {
        let from = reading.reader.bytes_read();
        while reading.reader.bytes_read() - from < SLICE_BYTES {
            let item = match reading.reader.next() {
                Ok(item) => item,
                // Nothing of the format was in the file.
                Err(error) if error.code() == Code::InvalidArgument => {
                    self.skip(reading.format, &reading.name, error.message());
                    None
                }
                Err(error) => return Err(error),
            };
            let Some(item) = item else {
                self.read += reading.reader.bytes_read().saturating_sub(reading.counted);
                return Ok(());
            };
            self.take(store, reading.format, &reading.name, item)?;
        }
        self.read += reading.reader.bytes_read().saturating_sub(reading.counted);
        reading.counted = reading.reader.bytes_read();
        self.reading = Some(reading);
        Ok(())
    }

    fn take(&mut self, store: &Store, format: Format, name: &str, item: Item) -> Result<()> {
        let (conversation, report) = match item {
            Item::Skipped(note) => {
                self.skip(format, &format!("{name}: {}", note.place), &note.why);
                return Ok(());
            }
            Item::Conversation(conversation, report) => (*conversation, report),
        };
        let mut notes = Vec::new();
        let mut attachments = Vec::new();
        let messages = conversation.messages.len() as u64;
        let tx = Tx::of(self.staged.scratch.connection(), &**store.host());
        let put = Putting {
            tx: &tx,
            format,
            beside: &self.beside,
            attachments: &mut attachments,
            notes: &mut notes,
        };
        // What is refused half way leaves nothing of itself.
        tx.execute("SAVEPOINT conversation", [])?;
        let put = put.conversation(&conversation);
        let is_refused = is_invalid(&put);
        if is_refused {
            tx.execute("ROLLBACK TO conversation", [])?;
        }
        tx.execute("RELEASE conversation", [])?;
        if let Err(error) = put {
            if !is_refused {
                return Err(error);
            }
            let place = conversation
                .source_id
                .as_deref()
                .unwrap_or("a conversation");
            self.skip(format, &format!("{name}: {place}"), error.message());
            return Ok(());
        }
        self.attachments.append(&mut attachments);
        for note in report.notes {
            let problem = format!("{name}: {}: {}", note.place, note.why);
            self.staged.problems.add(problem);
        }
        for note in notes {
            self.staged.problems.add(format!("{name}: {note}"));
        }
        self.count(format, |found| {
            found.records += 1;
            found.messages += messages;
            for field in report.raw {
                if found.raw.len() < MAX_RAW && !found.raw.contains(&field) {
                    found.raw.push(field);
                }
            }
        });
        Ok(())
    }

    fn charts(&mut self, store: &Store, input: &Input) -> Result<()> {
        let file = chart_file(&input.name).unwrap_or(ChartFile::Default);
        let context = match &file {
            ChartFile::Context(context) => Some(context.clone()),
            ChartFile::Default | ChartFile::Archive => None,
        };
        let mut bytes = Vec::new();
        let mut reader = input.open()?;
        let mut block = vec![0; BLOCK_BYTES];
        let mut number = 0;
        // Within a line that is too long.
        let mut is_skipping = false;
        loop {
            let count = reader.read(&mut block).map_err(unreadable)?;
            bytes.extend_from_slice(block.get(..count).unwrap_or_default());
            let is_end = count == 0;
            if is_skipping {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                bytes.drain(..end.map_or(bytes.len(), |at| at + 1));
                is_skipping = end.is_none();
            }
            while let Some(length) = whole_lines(&bytes, is_end) {
                let rest = bytes.split_off(length);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                number +=
                    self.chart_lines(store, &input.name, &file, context.as_deref(), text, number)?;
                bytes = rest;
            }
            if is_end {
                return Ok(());
            }
            if bytes.len() > CHART_BYTES {
                number += 1;
                let place = format!("{}: line {number}", input.name);
                self.skip(
                    Format::Charts,
                    &place,
                    "it is longer than 4 MiB; it is left out",
                );
                bytes.clear();
                is_skipping = true;
            }
        }
    }

    /// Loads lines, and gives how many there were.
    fn chart_lines(
        &mut self,
        store: &Store,
        name: &str,
        file: &ChartFile,
        context: Option<&str>,
        text: String,
        before: u64,
    ) -> Result<u64> {
        let tx = Tx::of(self.staged.scratch.connection(), &**store.host());
        let known = charts::of(&tx, USER, context)?;
        let load = LoadLines {
            user_id: Some(USER),
            context: context.map(str::to_owned),
            text,
        };
        let report = lines::load(&tx, &load)?;
        if *file == ChartFile::Archive {
            for chart in charts::of(&tx, USER, context)? {
                if !known.contains(&chart) {
                    tension::set_archived(&tx, &chart, true)?;
                }
            }
        }
        for line in &report.lines {
            if line.outcome == LineOutcome::SetAside {
                let why = line.reason.as_deref().unwrap_or("it could not be taken");
                let number = before + u64::try_from(line.line).unwrap_or(0);
                let place = format!("{name}: line {number}");
                self.skip(
                    Format::Charts,
                    &place,
                    &format!("{why}; it is kept as it is"),
                );
            }
        }
        let taken = u64::try_from(report.entities + report.relations).unwrap_or(0);
        self.count(Format::Charts, |found| found.records += taken);
        Ok(report.lines.len() as u64)
    }

    fn finish(&mut self, store: &Store) -> Result<()> {
        let files = std::mem::take(&mut self.chunks);
        if !files.is_empty() {
            match chunks::read(files) {
                Ok(items) => {
                    for item in items {
                        self.take(store, Format::Chunks, "chunks", item)?;
                    }
                }
                // None of them has a name that is a key.
                Err(error) if error.code() == Code::InvalidArgument => {
                    self.skip(Format::Chunks, "chunks", error.message());
                }
                Err(error) => return Err(error),
            }
        }
        if self.formats.is_empty() {
            return Err(invalid("it is of no format that is known"));
        }
        for (name, why) in std::mem::take(&mut self.unknown) {
            if !self.attached.contains(&name) {
                self.staged.problems.add(format!("{name}: {why}"));
            }
        }
        self.staged.scratch.connection().execute_batch("COMMIT")?;
        Ok(())
    }

    fn skip(&mut self, format: Format, place: &str, why: &str) {
        self.count(format, |found| found.skipped += 1);
        self.staged.problems.add(format!("{place}: {why}"));
    }

    fn count(&mut self, format: Format, change: impl FnOnce(&mut ImportFormat)) {
        let name = format.name();
        if let Some(found) = self.formats.iter_mut().find(|found| found.format == name) {
            return change(found);
        }
        let mut found = ImportFormat {
            format: name.to_owned(),
            ..ImportFormat::default()
        };
        change(&mut found);
        self.formats.push(found);
    }
}

/// How many of these bytes are whole lines that are loaded together; none if there are not enough yet.
fn whole_lines(bytes: &[u8], is_end: bool) -> Option<usize> {
    let mut ends = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1);
    if bytes.is_empty() || (!is_end && bytes.len() < CHART_BYTES / 2) {
        return None;
    }
    let mut last = None;
    for end in ends.by_ref().take(CHART_LINES) {
        last = Some(end);
    }
    match last {
        // What follows the last line break of a file is a line too.
        _ if is_end && ends.next().is_none() => Some(bytes.len()),
        last => last,
    }
}

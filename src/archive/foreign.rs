//! Other programs' exports on their way in: what they hold becomes records beside the live store, which are then merged like an
//! archive's.
//!
//! Ids are made of what a record is where it comes from, so that bringing an export in twice is doing so once, and a newer
//! export adds what is new.

use std::io::Read;
use std::rc::Rc;

use rusqlite::params;
use serde::Serialize;

use super::invalid;
use super::stage::{Problems, Staged};
use super::zip::{Entry, EntryReader, Zip};
use crate::database::migrate::LATEST;
use crate::database::scratch::{self, Scratch};
use crate::disk::File;
use crate::domain::charts::lines::{self, LineOutcome, LoadLines};
use crate::domain::charts::{self, tension};
use crate::domain::conversations::{self, NewConversation};
use crate::domain::messages::{self, NewMessage};
use crate::domain::{MAX_LABEL_BYTES, Metadata};
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::interop::charts::{ChartFile, chart_file};
use crate::interop::detect::detect;
use crate::interop::{self, Format, Item, Reader, Report, chunks};
use crate::store::{Store, Tx};

/// Bytes by which a format is recognised.
const HEAD_BYTES: usize = 64 << 10;

/// Bytes of a file that are read in one slice.
const SLICE_BYTES: u64 = 512 << 10;

/// Lines of charts that are loaded at once, and their bytes.
const CHART_LINES: usize = 5_000;
const CHART_BYTES: usize = 4 << 20;

/// Bytes of chunk files that are held, which together are one folder.
const MAX_CHUNK_BYTES: u64 = 256 << 20;

/// Fields named in a report, and places.
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

/// A file, or an entry of a zip.
struct Input {
    name: String,
    file: Rc<dyn File>,
    entry: Option<Entry>,
    size: u64,
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
    inputs: Vec<Input>,
    reading: Option<Reading>,
    chunks: Vec<(String, Vec<u8>)>,
    chunk_bytes: u64,
    formats: Vec<ImportFormat>,
    /// Files of which nothing is known, by their names.
    unknown: Vec<String>,
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
            },
            total: inputs.iter().map(|input| input.size).sum(),
            inputs,
            reading: None,
            chunks: Vec::new(),
            chunk_bytes: 0,
            formats: Vec::new(),
            unknown: Vec::new(),
            read: 0,
            is_done: false,
        })
    }

    /// Lets go of all that was kept.
    ///
    /// # Errors
    /// The disk's own; what is left is removed when the store is opened.
    pub async fn let_go(self, store: &mut Store) -> Result<()> {
        drop(self);
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
    /// `archive_invalid` when no file is of a format that is known, or a zip's entry is not what it says.
    pub fn step(&mut self, store: &Store) -> Result<bool> {
        if self.is_done {
            return Ok(false);
        }
        if let Some(reading) = self.reading.take() {
            self.read_on(store, reading)?;
        } else if let Some(input) = self.inputs.pop() {
            self.begin_input(store, input)?;
        } else {
            self.finish(store)?;
            self.is_done = true;
        }
        Ok(!self.is_done)
    }

    fn begin_input(&mut self, store: &Store, input: Input) -> Result<()> {
        let head = input.head()?;
        let name = input.name.clone();
        let size = input.size;
        match detect(&name, &head) {
            None => {
                self.read += size;
                self.unknown.push(name);
            }
            Some(Format::Charts) => {
                self.format(Format::Charts).files += 1;
                self.charts(store, &input)?;
                self.read += size;
            }
            Some(Format::Chunks) => {
                self.format(Format::Chunks).files += 1;
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
                read_to_end(&mut input.open()?, &mut bytes)?;
                self.chunks.push((name, bytes));
            }
            Some(format) => {
                self.format(format).files += 1;
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
                Err(error) => return Err(explained(error)),
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
        let messages = conversation.messages.len() as u64;
        let tx = Tx::of(self.staged.scratch.connection(), &**store.host());
        let put = Putting {
            tx: &tx,
            format,
            notes: &mut notes,
        };
        put.conversation(conversation)?;
        self.learn(name, report);
        for note in notes {
            self.staged.problems.add(format!("{name}: {note}"));
        }
        let found = self.format(format);
        found.records += 1;
        found.messages += messages;
        Ok(())
    }

    /// Notes what a report of a conversation says.
    fn learn(&mut self, name: &str, report: Report) {
        for note in report.notes {
            let problem = format!("{name}: {}: {}", note.place, note.why);
            self.staged.problems.add(problem);
        }
        let Some(found) = self.formats.last_mut() else {
            return;
        };
        for field in report.raw {
            if found.raw.len() < MAX_RAW && !found.raw.contains(&field) {
                found.raw.push(field);
            }
        }
    }

    fn charts(&mut self, store: &Store, input: &Input) -> Result<()> {
        let file = chart_file(&input.name).unwrap_or(ChartFile::Default);
        let context = match &file {
            ChartFile::Context(context) => Some(context.clone()),
            ChartFile::Default | ChartFile::Archive => None,
        };
        let mut bytes = Vec::new();
        let mut reader = input.open()?;
        let mut block = vec![0; HEAD_BYTES];
        let mut number = 0;
        loop {
            let count = reader.read(&mut block).map_err(unreadable)?;
            bytes.extend_from_slice(block.get(..count).unwrap_or_default());
            let is_end = count == 0;
            while let Some(length) = whole_lines(&bytes, is_end) {
                let rest = bytes.split_off(length);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.chart_lines(store, &input.name, &file, context.as_deref(), text, number)?;
                number += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                bytes = rest;
            }
            if is_end {
                return Ok(());
            }
            if bytes.len() > CHART_BYTES {
                return Err(invalid(format!("a line of {:?} is too long", input.name)));
            }
        }
    }

    fn chart_lines(
        &mut self,
        store: &Store,
        name: &str,
        file: &ChartFile,
        context: Option<&str>,
        text: String,
        before: u64,
    ) -> Result<()> {
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
        self.format(Format::Charts).records += taken;
        Ok(())
    }

    fn finish(&mut self, store: &Store) -> Result<()> {
        let files = std::mem::take(&mut self.chunks);
        if !files.is_empty() {
            for item in chunks::read(files)? {
                self.take(store, Format::Chunks, "chunks", item)?;
            }
        }
        if self.formats.is_empty() {
            return Err(invalid("it is of no format that is known"));
        }
        for name in std::mem::take(&mut self.unknown) {
            self.staged
                .problems
                .add(format!("{name}: of no format that is known; left out"));
        }
        self.staged.scratch.connection().execute_batch("COMMIT")?;
        Ok(())
    }

    fn skip(&mut self, format: Format, place: &str, why: &str) {
        self.format(format).skipped += 1;
        self.staged.problems.add(format!("{place}: {why}"));
    }

    fn format(&mut self, format: Format) -> &mut ImportFormat {
        let name = format.name();
        let at = self.formats.iter().position(|found| found.format == name);
        let at = at.unwrap_or_else(|| {
            self.formats.push(ImportFormat {
                format: name.to_owned(),
                ..ImportFormat::default()
            });
            self.formats.len() - 1
        });
        &mut self.formats[at]
    }
}

impl Input {
    fn open(&self) -> Result<Bytes> {
        let entry = self.entry.as_ref();
        let reader = entry.map(|entry| EntryReader::new(&*self.file, entry));
        Ok(Bytes {
            file: self.file.clone(),
            reader: reader.transpose()?,
            block: Vec::new(),
            at: 0,
        })
    }

    /// Its first bytes.
    fn head(&self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        let mut bytes = self.open()?.take(HEAD_BYTES as u64);
        bytes.read_to_end(&mut head).map_err(unreadable)?;
        Ok(head)
    }
}

/// Takes a file as it is, and of a zip its entries.
fn add_inputs(inputs: &mut Vec<Input>, name: String, file: Rc<dyn File>) -> Result<()> {
    if !is_zip(&*file)? {
        let size = file.size()?;
        inputs.push(Input {
            name,
            file,
            entry: None,
            size,
        });
        return Ok(());
    }
    for entry in Zip::open(&*file)?.entries() {
        if entry.name.ends_with('/') {
            continue;
        }
        inputs.push(Input {
            name: entry.name.clone(),
            file: file.clone(),
            size: entry.size,
            entry: Some(entry.clone()),
        });
    }
    Ok(())
}

/// Whether a file begins like a zip.
pub(super) fn is_zip(file: &dyn File) -> Result<bool> {
    let mut first = [0; 4];
    let read = file.read_at(&mut first, 0)?;
    Ok(read == first.len() && matches!(&first, b"PK\x03\x04" | b"PK\x05\x06"))
}

/// The bytes of a file, or of a zip's entry.
struct Bytes {
    file: Rc<dyn File>,
    reader: Option<EntryReader>,
    block: Vec<u8>,
    at: u64,
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(reader) = &mut self.reader else {
            let read = self
                .file
                .read_at(buffer, self.at)
                .map_err(std::io::Error::other)?;
            self.at += read as u64;
            return Ok(read);
        };
        if self.block.is_empty() {
            let next = reader.next(&*self.file).map_err(std::io::Error::other)?;
            let Some(block) = next else {
                return Ok(0);
            };
            self.block = block;
        }
        let count = buffer.len().min(self.block.len());
        let rest = self.block.split_off(count);
        if let Some(into) = buffer.get_mut(..count) {
            into.copy_from_slice(&self.block);
        }
        self.block = rest;
        Ok(count)
    }
}

fn read_to_end(bytes: &mut Bytes, into: &mut Vec<u8>) -> Result<()> {
    bytes.read_to_end(into).map(|_| ()).map_err(unreadable)
}

/// What a file said when it could not be read: an entry of a zip that is not what it claims, or the disk's own.
fn unreadable(error: std::io::Error) -> Error {
    let own = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match own {
        Some(own) => own.clone(),
        None => Error::new(Code::Io, "the file cannot be read").caused_by(error),
    }
}

/// The same of an error that has it as its cause.
fn explained(error: Error) -> Error {
    let cause =
        std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let own = cause
        .and_then(std::io::Error::get_ref)
        .and_then(|inner| inner.downcast_ref::<Error>())
        .cloned();
    own.unwrap_or(error)
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

/// A UUID that is made of these words.
fn derived(words: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for word in words {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// Puts a conversation into the tables.
struct Putting<'a> {
    tx: &'a Tx<'a>,
    format: Format,
    /// What could not be put as it was.
    notes: &'a mut Vec<String>,
}

impl Putting<'_> {
    fn conversation(mut self, conversation: interop::Conversation) -> Result<()> {
        let uuid = self.conversation_uuid(&conversation)?;
        let known = self
            .tx
            .prepare("SELECT 1 FROM conversation WHERE uuid = ?1")?
            .exists([&uuid])?;
        let place = conversation
            .source_id
            .clone()
            .unwrap_or_else(|| uuid.clone());
        if known {
            self.notes.push(format!(
                "{place}: it stands there twice; the first is taken"
            ));
            return Ok(());
        }
        let title = conversation.title.as_deref().map(|title| {
            let end = title.floor_char_boundary(MAX_LABEL_BYTES);
            if end < title.len() {
                self.notes.push(format!(
                    "{place}: its title is cut to {MAX_LABEL_BYTES} bytes"
                ));
            }
            title.get(..end).unwrap_or(title).to_owned()
        });
        let new = |metadata| NewConversation {
            user_id: Some(USER),
            title: title.clone(),
            context: None,
            metadata: Some(metadata),
            participants: None,
        };
        let created = conversations::create(self.tx, &new(conversation.metadata.clone()));
        let id = match created {
            Err(error) if error.code() == Code::InvalidArgument => {
                self.notes
                    .push(format!("{place}: its metadata is left out: {error}"));
                conversations::create(self.tx, &new(Metadata::default()))?.id
            }
            created => created?.id,
        };
        let mut ids = Vec::with_capacity(conversation.messages.len());
        for (index, message) in conversation.messages.iter().enumerate() {
            let parent = message.parent.filter(|parent| *parent < index);
            let parent = parent.and_then(|parent| ids.get(parent).copied());
            let name = message.source_id.as_deref();
            let uuid = self.message_uuid(&uuid, name, index)?;
            ids.push(self.message(id, message, parent, &uuid)?);
        }
        let leaf = conversation.leaf.and_then(|leaf| ids.get(leaf));
        self.settle(id, &uuid, &conversation, leaf.copied())
    }

    /// What a conversation is known by: its own id where it has one, else all that it says.
    fn conversation_uuid(&self, conversation: &interop::Conversation) -> Result<String> {
        let format = self.format.name();
        let Some(source) = &conversation.source_id else {
            let said = serde_json::to_string(conversation).map_err(|error| {
                Error::new(Code::Internal, "a conversation is not JSON").caused_by(error)
            })?;
            return Ok(derived(&[format, &said]));
        };
        if self.format == Format::Strongroom && uuid::Uuid::try_parse(source).is_ok() {
            return Ok(source.to_lowercase());
        }
        Ok(derived(&[format, source]))
    }

    fn message_uuid(
        &self,
        conversation: &str,
        source: Option<&str>,
        index: usize,
    ) -> Result<String> {
        let number = index.to_string();
        let uuid = match source {
            Some(source)
                if self.format == Format::Strongroom && uuid::Uuid::try_parse(source).is_ok() =>
            {
                source.to_lowercase()
            }
            Some(source) => derived(&[conversation, source]),
            None => derived(&[conversation, "#", &number]),
        };
        let mut taken = self.tx.prepare("SELECT 1 FROM message WHERE uuid = ?1")?;
        if taken.exists([&uuid])? {
            return Ok(derived(&[conversation, source.unwrap_or("#"), &number]));
        }
        Ok(uuid)
    }

    fn message(
        &mut self,
        conversation: ConversationId,
        message: &interop::Message,
        parent: Option<MessageId>,
        uuid: &str,
    ) -> Result<MessageId> {
        let mut metadata = message.metadata.clone();
        if message.hidden {
            metadata = metadata.with("hidden", &true)?;
        }
        let label = |label: &Option<String>| {
            let label = label.as_deref()?;
            label
                .get(..label.floor_char_boundary(MAX_LABEL_BYTES))
                .map(str::to_owned)
        };
        let mut new = NewMessage {
            role: message.role,
            text: None,
            parts: Some(message.parts.clone()),
            parent_id: parent,
            author: label(&message.author),
            model: label(&message.model),
            usage: None,
            metadata: Some(metadata),
        };
        let place = message.source_id.as_deref().unwrap_or(uuid);
        let mut appended = messages::append(self.tx, conversation, &new);
        if is_invalid(&appended) {
            self.notes
                .push(format!("{place}: its metadata is left out"));
            new.metadata = None;
            appended = messages::append(self.tx, conversation, &new);
        }
        if let Err(error) = &appended
            && is_invalid(&appended)
        {
            // What remains is what a person would read.
            self.notes
                .push(format!("{place}: only its text is taken: {error}"));
            new.parts = None;
            new.text = Some(message.text());
            appended = messages::append(self.tx, conversation, &new);
        }
        let id = appended?.id;
        let now = self.tx.now_ms();
        let created_at = message.created_at.or(message.updated_at);
        self.tx.execute(
            "UPDATE message SET uuid = ?4, parent = ?5, status = ?6, created_at = coalesce(?7, ?9), updated_at = coalesce(?8, ?7, ?9)
             WHERE user = ?1 AND conversation = ?2 AND message = ?3",
            params![
                id.user,
                id.conversation,
                id.message,
                uuid,
                parent.map(|parent| parent.message),
                message.status.as_str(),
                created_at,
                message.updated_at,
                now,
            ],
        )?;
        Ok(id)
    }

    /// Gives a conversation its own id, times, end and state.
    fn settle(
        &self,
        id: ConversationId,
        uuid: &str,
        conversation: &interop::Conversation,
        leaf: Option<MessageId>,
    ) -> Result<()> {
        let times = || {
            conversation
                .messages
                .iter()
                .filter_map(|message| message.created_at)
        };
        let created_at = conversation.created_at.or_else(|| times().min());
        let updated_at = conversation.updated_at.or_else(|| times().max());
        let archived = conversation.archived == Some(true);
        self.tx.execute(
            "UPDATE conversation SET uuid = ?3, leaf = coalesce(?4, leaf), created_at = coalesce(?5, created_at),
                    updated_at = coalesce(?6, ?5, updated_at), status = CASE WHEN ?7 THEN 'archived' ELSE status END
             WHERE user = ?1 AND conversation = ?2",
            params![
                id.user,
                id.conversation,
                uuid,
                leaf.map(|leaf| leaf.message),
                created_at,
                updated_at,
                archived,
            ],
        )?;
        Ok(())
    }
}

fn is_invalid<T>(result: &Result<T>) -> bool {
    matches!(result, Err(error) if error.code() == Code::InvalidArgument)
}

//! Reads a file's conversations one at a time, whatever stands between them.

use std::collections::VecDeque;
use std::io::Read;

use super::fields::Head;
use super::parse::{self, Element, MAX_BYTES, Parsed};
use super::source::Source;
use super::value::{Object, Value};
use super::{
    Conversation, Format, Item, Note, Report, chatgpt, claude, librechat, native, openwebui,
    sharegpt, ui_message,
};
use crate::error::{Error, Result};

/// Reads conversations off a file: an array of them, one by itself, or one after another as in JSON Lines. It holds one conversation at a time.
pub struct Reader {
    format: Format,
    source: Source,
    waiting: VecDeque<Item>,
    /// Messages of the AI SDK that stand in no conversation of their own.
    loose: Vec<Object>,
    loose_bytes: u64,
    loose_report: Report,
    element: u64,
    taken: bool,
    /// Something was broken, and what follows may be its remains.
    recovering: bool,
    ended: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("format", &self.format)
            .field("element", &self.element)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Begins to read. Nothing is read off the file yet.
    ///
    /// # Errors
    /// `invalid_argument` for charts and chunks, which are no files of conversations.
    pub fn open(format: Format, input: Box<dyn Read>) -> Result<Self> {
        if matches!(format, Format::Charts | Format::Chunks) {
            let name = format.name();
            return Err(Error::invalid(format!(
                "{name} are no file of conversations"
            )));
        }
        Ok(Self {
            format,
            source: Source::new(input),
            waiting: VecDeque::new(),
            loose: Vec::new(),
            loose_bytes: 0,
            loose_report: Report::default(),
            element: 0,
            taken: false,
            recovering: false,
            ended: false,
        })
    }

    /// How many bytes were read so far.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.source.offset()
    }

    /// The next conversation, or a record that could not be taken; none at the end. What is broken costs only itself.
    ///
    /// # Errors
    /// `io` when the file cannot be read, `invalid_argument` at the end of a file that held no conversation of this format.
    #[allow(
        clippy::should_implement_trait,
        reason = "an error and an end are different"
    )]
    pub fn next(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                self.taken |= matches!(item, Item::Conversation(..));
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            self.step()?;
        }
    }

    fn step(&mut self) -> Result<()> {
        match self.source.peek()? {
            None => self.end(),
            Some(b'{') => self.element(),
            Some(b']') => {
                self.source.next()?;
                self.gather_loose();
                Ok(())
            }
            Some(b' ' | b'\t' | b'\r' | b'\n' | b'[' | b',' | 0xEF | 0xBB | 0xBF) => {
                self.source.next()?;
                Ok(())
            }
            Some(_) => self.junk(),
        }
    }

    fn end(&mut self) -> Result<()> {
        self.gather_loose();
        if !self.waiting.is_empty() {
            return Ok(());
        }
        self.ended = true;
        if self.taken {
            return Ok(());
        }
        Err(Error::invalid(if self.source.offset() == 0 {
            "the file is empty".to_owned()
        } else {
            format!(
                "the file holds no conversation of the format {}",
                self.format.name()
            )
        }))
    }

    /// Passes over what can be no conversation, up to where one may begin.
    fn junk(&mut self) -> Result<()> {
        let start = self.source.offset();
        while !matches!(self.source.peek()?, None | Some(b'{' | b'\n')) {
            self.source.next()?;
        }
        if !self.recovering {
            self.element += 1;
            self.skip(start, "it is no JSON object");
        }
        Ok(())
    }

    fn element(&mut self) -> Result<()> {
        let start = self.source.offset();
        let parsed = parse::object(&mut self.source, self.format == Format::LibreChat)?;
        self.element += 1;
        match parsed {
            Parsed::Whole(element) => self.take(start, element),
            Parsed::Broken(why, swallowed) => {
                if !self.recovering {
                    self.skip(start, why);
                }
                self.recovering = true;
                for object in swallowed {
                    if self.holds(&object) {
                        self.element += 1;
                        self.take(
                            start,
                            Element {
                                object,
                                below: Vec::new(),
                                repaired: 0,
                                flattened: 0,
                                bytes: 0,
                            },
                        );
                    }
                }
            }
        }
        Ok(())
    }

    fn holds(&self, object: &Object) -> bool {
        match self.format {
            Format::ChatGpt => object.has_object("mapping"),
            Format::Claude => object.has_list("chat_messages"),
            Format::OpenWebUi => object.has_object("chat"),
            Format::LibreChat => librechat::messages_key(object).is_some(),
            Format::ShareGpt => sharegpt::turns_key(object).is_some(),
            Format::UiMessage => ui_message::is_conversation(object),
            Format::Strongroom => object.has_object("conversation"),
            Format::Chunks | Format::Charts => false,
        }
    }

    fn take(&mut self, start: u64, element: Element) {
        let mut report = Report::default();
        if element.repaired > 0 {
            let why = format!(
                "{} texts were no valid Unicode; U+FFFD stands for what could not be read",
                element.repaired
            );
            report.note(self.place(start), why);
        }
        if element.flattened > 0 {
            let why = format!(
                "{} values nested too deep and are kept as text",
                element.flattened
            );
            report.note(self.place(start), why);
        }
        if !self.holds(&element.object) {
            if self.format == Format::UiMessage && ui_message::is_message(&element.object) {
                self.hold_loose(start, element, report);
            } else if !self.recovering {
                let why = format!("it is no conversation of the format {}", self.format.name());
                self.skip(start, &why);
            }
            return;
        }
        self.recovering = false;
        match self.convert(element, &mut report) {
            Ok(conversation) => {
                let item = Item::Conversation(Box::new(conversation), report);
                self.waiting.push_back(item);
            }
            Err(error) => self.skip(start, &error.to_string()),
        }
    }

    fn convert(&self, element: Element, report: &mut Report) -> Result<Conversation> {
        let object = element.object;
        match self.format {
            Format::ChatGpt => chatgpt::conversation(object, report),
            Format::Claude => claude::conversation(object, report),
            Format::OpenWebUi => openwebui::conversation(object, report),
            Format::LibreChat => librechat::conversation(object, element.below, report),
            Format::ShareGpt => sharegpt::conversation(object, report),
            Format::UiMessage => ui_message::conversation(object, report),
            Format::Strongroom => native::conversation(object, report),
            Format::Chunks | Format::Charts => Err(Error::invalid("this is no conversation")),
        }
    }

    fn hold_loose(&mut self, start: u64, element: Element, report: Report) {
        self.loose_bytes += element.bytes;
        if self.loose_bytes > MAX_BYTES {
            self.skip(start, "the messages of one list are larger than 64 MiB");
            return;
        }
        self.recovering = false;
        for note in report.notes {
            self.loose_report.note(note.place, note.why);
        }
        self.loose.push(element.object);
    }

    /// The messages of a list that ends are a conversation.
    fn gather_loose(&mut self) {
        self.loose_bytes = 0;
        if self.loose.is_empty() {
            return;
        }
        let messages = std::mem::take(&mut self.loose);
        let mut report = std::mem::take(&mut self.loose_report);
        let values = messages.into_iter().map(Value::Object).collect();
        match ui_message::messages(Head::default(), values, &mut report) {
            Ok(conversation) => {
                let item = Item::Conversation(Box::new(conversation), report);
                self.waiting.push_back(item);
            }
            Err(error) => self.skip(self.source.offset(), &error.to_string()),
        }
    }

    fn place(&self, start: u64) -> String {
        format!("element {} at byte {start}", self.element)
    }

    fn skip(&mut self, start: u64, why: &str) {
        let note = Note {
            place: self.place(start),
            why: why.to_owned(),
        };
        self.waiting.push_back(Item::Skipped(note));
    }
}

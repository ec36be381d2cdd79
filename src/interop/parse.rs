//! Reads one JSON object off a file without recursion, repairs what can be repaired, and finds what a broken one swallowed.

use super::source::Source;
use super::value::{Object, Value};
use crate::error::{Error, Result};

/// The most bytes of JSON that one conversation may have.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// The most values that one conversation may have: each takes some 32 bytes beside its text.
const MAX_VALUES: usize = 2 << 20;

/// Nesting that is read. What is deeper is kept as text, so that with what is put around it every reader can follow.
const MAX_DEPTH: usize = 90;

/// The longest string that is looked into again when something is wrong right behind it.
const MAX_RETRIED_BYTES: usize = 64 << 10;

/// An object, or why there is none.
pub(super) enum Parsed {
    Whole(Element),
    /// It is broken; the objects that were whole in it may be elements that it swallowed.
    Broken(&'static str, Vec<Object>),
}

/// An object, and what had to be done to read it.
pub(super) struct Element {
    pub object: Object,
    /// Messages that stood in one another, children first.
    pub below: Vec<Object>,
    /// Strings that were no valid Unicode, and now hold U+FFFD.
    pub repaired: usize,
    /// Values that nested too deep, and are now text.
    pub flattened: usize,
    pub bytes: u64,
}

/// Reads the object that begins with the next byte. With `nested`, messages are taken out of their parents' `children`.
///
/// # Errors
/// `io` when the file cannot be read.
pub(super) fn object(source: &mut Source, nested: bool) -> Result<Parsed> {
    let mut parser = Parser {
        start: source.offset(),
        source,
        frames: Vec::new(),
        values: 0,
        nested,
        below: Vec::new(),
        repaired: 0,
        flattened: 0,
        last: Vec::new(),
    };
    match parser.run() {
        Ok(Value::Object(object)) => Ok(Parsed::Whole(Element {
            object,
            bytes: parser.source.offset() - parser.start,
            below: parser.below,
            repaired: parser.repaired,
            flattened: parser.flattened,
        })),
        Ok(_) => Ok(Parsed::Broken("it is no object", Vec::new())),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Broken(why)) => Ok(Parsed::Broken(why, parser.swallowed())),
        Err(Stop::TooLarge { in_text }) => {
            let depth = parser.frames.len();
            let swallowed = parser.swallowed();
            if swallowed.is_empty() {
                pass(parser.source, depth, in_text, None)?;
            }
            let why = "it is larger than 64 MiB or has more than 2,097,152 values";
            Ok(Parsed::Broken(why, swallowed))
        }
    }
}

enum Stop {
    Failed(Error),
    Broken(&'static str),
    TooLarge { in_text: bool },
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type Step<T> = std::result::Result<T, Stop>;

/// What stands in a nest of messages.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Root,
    Messages,
    Message,
    Other,
}

/// An array or object that is not at its end yet.
struct Frame {
    kind: Kind,
    depth: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Object(Object, String),
}

struct Parser<'a> {
    source: &'a mut Source,
    start: u64,
    frames: Vec<Frame>,
    values: usize,
    nested: bool,
    below: Vec<Object>,
    repaired: usize,
    flattened: usize,
    /// The string just read, as it was written: where a string was cut off, its end lies where the next began.
    last: Vec<u8>,
}

impl Parser<'_> {
    fn run(&mut self) -> Step<Value> {
        loop {
            self.count()?;
            let value = match self.significant()? {
                open @ (b'{' | b'[') if self.depth() == MAX_DEPTH => self.flatten(open)?,
                b'{' => {
                    self.open(Content::Object(Object::default(), String::new()));
                    if !self.ends_at_once(b'}')? {
                        self.key()?;
                        continue;
                    }
                    self.close()?
                }
                b'[' => {
                    self.open(Content::List(Vec::new()));
                    if !self.ends_at_once(b']')? {
                        continue;
                    }
                    self.close()?
                }
                b'"' => Value::Text(self.string()?),
                b't' => self.word("true", Value::Bool(true))?,
                b'f' => self.word("false", Value::Bool(false))?,
                b'n' => self.word("null", Value::Null)?,
                first @ (b'-' | b'0'..=b'9') => self.number(first)?,
                other => return self.unexpected(other, "a value is missing"),
            };
            if let Some(whole) = self.attach(value)? {
                return Ok(whole);
            }
        }
    }

    /// Puts a value where it belongs, and ends what ends behind it. At the end of everything it is given back.
    fn attach(&mut self, mut value: Value) -> Step<Option<Value>> {
        loop {
            let is_list = match self.frames.last_mut().map(|frame| &mut frame.content) {
                None => return Ok(Some(value)),
                Some(Content::List(list)) => {
                    list.push(value);
                    true
                }
                Some(Content::Object(object, key)) => {
                    object.0.push((std::mem::take(key), value));
                    false
                }
            };
            match (self.significant()?, is_list) {
                (b',', true) => {
                    self.last.clear();
                    return Ok(None);
                }
                (b',', false) => {
                    self.last.clear();
                    self.key()?;
                    return Ok(None);
                }
                (b']', true) | (b'}', false) => value = self.close()?,
                (other, _) => return self.unexpected(other, "a comma or an end is missing"),
            }
        }
    }

    fn depth(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.depth)
    }

    fn open(&mut self, content: Content) {
        let kind = if self.nested {
            self.kind(&content)
        } else {
            Kind::Other
        };
        // Messages in messages are one level, however many there are.
        let depth = match kind {
            Kind::Message => 2,
            _ => self.depth() + 1,
        };
        self.frames.push(Frame {
            kind,
            depth,
            content,
        });
    }

    fn kind(&self, content: &Content) -> Kind {
        let is_list = matches!(content, Content::List(_));
        match (self.frames.last(), is_list) {
            (None, false) => Kind::Root,
            (Some(above), true) => match (&above.content, above.kind) {
                (Content::Object(_, key), Kind::Root)
                    if key == "messages" || key == "messagesTree" =>
                {
                    Kind::Messages
                }
                (Content::Object(_, key), Kind::Message) if key == "children" => Kind::Messages,
                _ => Kind::Other,
            },
            (Some(above), false) if above.kind == Kind::Messages => Kind::Message,
            _ => Kind::Other,
        }
    }

    fn close(&mut self) -> Step<Value> {
        let frame = self
            .frames
            .pop()
            .ok_or(Stop::Broken("an end is too many"))?;
        Ok(match frame.content {
            Content::List(list) => Value::List(list),
            Content::Object(object, _) if frame.kind == Kind::Message => {
                self.below.push(object);
                Value::Below(self.below.len() - 1)
            }
            Content::Object(object, _) => Value::Object(object),
        })
    }

    fn ends_at_once(&mut self, end: u8) -> Step<bool> {
        self.skip_space()?;
        let ends = self.source.peek()? == Some(end);
        if ends {
            self.source.next()?;
        }
        Ok(ends)
    }

    fn key(&mut self) -> Step<()> {
        match self.significant()? {
            b'"' => {}
            other => return self.unexpected(other, "a field has no name"),
        }
        let name = self.string()?;
        match self.significant()? {
            b':' => {}
            other => return self.unexpected(other, "a field has no value"),
        }
        if let Some(Frame {
            content: Content::Object(_, key),
            ..
        }) = self.frames.last_mut()
        {
            *key = name;
        }
        self.last.clear();
        Ok(())
    }

    fn string(&mut self) -> Step<String> {
        self.last.clear();
        let mut bytes = Vec::new();
        let mut high: Option<u32> = None;
        let mut is_valid = true;
        loop {
            let byte = match self.source.peek()? {
                Some(b'\n' | b'\r') => {
                    self.last.clear();
                    return Err(Stop::Broken("a string has no end"));
                }
                _ => self.taken(true)?,
            };
            let unit = match byte {
                b'"' => break,
                b'\\' => self.escape()?,
                other => {
                    is_valid &= high.take().is_none_or(|_| push_lone(&mut bytes));
                    bytes.push(other);
                    continue;
                }
            };
            match (high.take(), unit) {
                (Some(first), 0xDC00..=0xDFFF) => {
                    let code = 0x1_0000 + ((first - 0xD800) << 10) + (unit - 0xDC00);
                    push(&mut bytes, code);
                }
                (before, unit) => {
                    is_valid &= before.is_none_or(|_| push_lone(&mut bytes));
                    match unit {
                        0xD800..=0xDBFF => high = Some(unit),
                        0xDC00..=0xDFFF => is_valid = push_lone(&mut bytes),
                        _ => push(&mut bytes, unit),
                    }
                }
            }
        }
        is_valid &= high.is_none_or(|_| push_lone(&mut bytes));
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            is_valid = false;
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        self.repaired += usize::from(!is_valid);
        Ok(text)
    }

    /// The UTF-16 unit that an escape stands for.
    fn escape(&mut self) -> Step<u32> {
        Ok(match self.taken(true)? {
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    let digit = char::from(self.taken(true)?).to_digit(16);
                    let digit = digit.ok_or(Stop::Broken("an escape is no hex number"))?;
                    unit = unit * 16 + digit;
                }
                unit
            }
            other @ (b'"' | b'\\' | b'/') => u32::from(other),
            _ => return Err(Stop::Broken("an escape is unknown")),
        })
    }

    fn number(&mut self, first: u8) -> Step<Value> {
        let mut text = String::from(char::from(first));
        while let Some(byte @ (b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) =
            self.source.peek()?
        {
            text.push(char::from(byte));
            self.taken(false)?;
        }
        if is_number(&text) {
            Ok(Value::Number(text))
        } else {
            Err(Stop::Broken("a number is malformed"))
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Step<Value> {
        for expected in word.bytes().skip(1) {
            if self.source.peek()? != Some(expected) {
                return Err(Stop::Broken("a value is missing"));
            }
            self.taken(false)?;
        }
        Ok(value)
    }

    /// Keeps what nests too deep as it is written.
    fn flatten(&mut self, open: u8) -> Step<Value> {
        let mut bytes = vec![open];
        let room = MAX_BYTES.saturating_sub(self.source.offset() - self.start);
        let whole = pass(self.source, 1, false, Some((&mut bytes, room)))?;
        if !whole {
            return Err(Stop::Broken("it ends too early or is too large"));
        }
        self.flattened += 1;
        Ok(Value::Text(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn skip_space(&mut self) -> Step<()> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.source.peek()? {
            self.source.next()?;
        }
        Ok(())
    }

    fn significant(&mut self) -> Step<u8> {
        self.skip_space()?;
        self.taken(false)
    }

    fn taken(&mut self, in_text: bool) -> Step<u8> {
        if self.source.offset() - self.start >= MAX_BYTES {
            return Err(Stop::TooLarge { in_text });
        }
        let byte = self.source.next()?.ok_or(Stop::Broken("it ends early"))?;
        if in_text && self.last.len() < MAX_RETRIED_BYTES {
            self.last.push(byte);
        }
        Ok(byte)
    }

    const fn count(&mut self) -> Step<()> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Stop::TooLarge { in_text: false });
        }
        Ok(())
    }

    /// Gives back what does not belong here: an element may begin with it, or in the string before it.
    fn unexpected<T>(&mut self, byte: u8, why: &'static str) -> Step<T> {
        let mut again = std::mem::take(&mut self.last);
        if again.len() == MAX_RETRIED_BYTES || again.last() != Some(&b'"') {
            again.clear();
        }
        again.push(byte);
        self.source.give_back(&again);
        Err(Stop::Broken(why))
    }

    /// The objects that were whole: those in arrays that are not at their ends, or are at an end that was another's.
    fn swallowed(&mut self) -> Vec<Object> {
        let mut found = std::mem::take(&mut self.below);
        for frame in std::mem::take(&mut self.frames) {
            let lists = match frame.content {
                Content::List(list) => vec![Value::List(list)],
                Content::Object(object, _) => {
                    object.0.into_iter().map(|(_, value)| value).collect()
                }
            };
            for list in lists {
                if let Value::List(list) = list {
                    found.extend(list.into_iter().filter_map(|value| match value {
                        Value::Object(object) => Some(object),
                        _ => None,
                    }));
                }
            }
        }
        found
    }
}

/// Passes over the rest of something with this many ends to come. Says whether they came, and all was kept.
fn pass(
    source: &mut Source,
    mut depth: usize,
    mut in_text: bool,
    mut keep: Option<(&mut Vec<u8>, u64)>,
) -> Result<bool> {
    let mut is_escaped = false;
    while depth > 0 {
        let Some(byte) = source.next()? else {
            return Ok(false);
        };
        if let Some((bytes, room)) = &mut keep {
            if bytes.len() as u64 >= *room {
                return Ok(false);
            }
            bytes.push(byte);
        }
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
    }
    Ok(true)
}

/// Adds U+FFFD for half of a surrogate pair; what held it is no longer as it was.
fn push_lone(bytes: &mut Vec<u8>) -> bool {
    push(bytes, 0xFFFD);
    false
}

fn push(bytes: &mut Vec<u8>, code: u32) {
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = text
        .split_once(['e', 'E'])
        .map_or((text, None), |(mantissa, exponent)| {
            (mantissa, Some(exponent))
        });
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(whole, fraction)| {
            (whole, Some(fraction))
        });
    let exponent_is_good = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    digits(whole) && !leading_zero && fraction.is_none_or(digits) && exponent_is_good
}

//! A folder of chunk files: `us01-co12-ms02-001.json` for a piece of an answer, `us01-co12-ms01.json` for a whole message. The names are the keys.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use super::fields::{Draft, Head, take_role, take_time};
use super::parse::{self, Parsed};
use super::source::Source;
use super::tree::{self, Node};
use super::value::{Object, Value};
use super::{Conversation, Format, Item, Note, Report};
use crate::domain::messages::{MessageStatus, Role};
use crate::domain::parts::{GAP_MARK, Part};
use crate::error::{Error, Result};
use crate::id::{ChunkId, ConversationId, MessageId};

/// The bytes of one chunk that is written: 60 tokens of 4.
const CHUNK_BYTES: usize = 240;

/// The end of the last year that a time can be written of.
const END_OF_9999_MS: i64 = 253_402_300_800_000;

/// The message that a file's name, with or without a folder in front, stands for, and the chunk's number if it is one.
#[must_use]
pub fn key(name: &str) -> Option<(MessageId, Option<i64>)> {
    let name = name.rsplit(['/', '\\']).next()?.strip_suffix(".json")?;
    if let Ok(chunk) = name.parse::<ChunkId>() {
        return Some((chunk.message, Some(chunk.seq)));
    }
    Some((name.parse().ok()?, None))
}

/// The chunks of one message by their numbers; a whole message has the number 0.
type Chunks = BTreeMap<i64, Object>;

/// Reads a folder's files, given in any order as their names and bytes. A file that cannot be taken is skipped and noted. A chunk that is missing
/// is noted, and U+FFFD stands in its place.
///
/// # Errors
/// `invalid_argument` when no file is a chunk.
pub fn read(files: Vec<(String, Vec<u8>)>) -> Result<Vec<Item>> {
    let mut conversations: BTreeMap<ConversationId, BTreeMap<i64, Chunks>> = BTreeMap::new();
    let mut items = Vec::new();
    for (name, bytes) in files {
        match entry(&name, bytes) {
            Ok((message, seq, object)) => {
                let messages = conversations.entry(message.conversation()).or_default();
                let chunks = messages.entry(message.message).or_default();
                let why = "another file has the same key";
                match chunks.entry(seq.unwrap_or(0)) {
                    std::collections::btree_map::Entry::Vacant(place) => {
                        place.insert(object);
                    }
                    std::collections::btree_map::Entry::Occupied(_) => skip(&mut items, name, why),
                }
            }
            Err(error) => skip(&mut items, name, error.message()),
        }
    }
    if conversations.is_empty() {
        return Err(Error::invalid("no file is a chunk of a message"));
    }
    for (id, messages) in conversations {
        let mut report = Report::default();
        let conversation = conversation(id, messages, &mut report)?;
        items.push(Item::Conversation(Box::new(conversation), report));
    }
    Ok(items)
}

fn skip(items: &mut Vec<Item>, place: String, why: &str) {
    let why = why.to_owned();
    items.push(Item::Skipped(Note { place, why }));
}

fn entry(name: &str, bytes: Vec<u8>) -> Result<(MessageId, Option<i64>, Object)> {
    let (message, seq) =
        key(name).ok_or_else(|| Error::invalid("its name is no key of a chunk"))?;
    let mut source = Source::new(Box::new(std::io::Cursor::new(bytes)));
    while let Some(b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF) = source.peek()? {
        source.next()?;
    }
    match parse::object(&mut source, false)? {
        Parsed::Whole(element) => Ok((message, seq, element.object)),
        Parsed::Broken(why, _) => Err(Error::invalid(why)),
    }
}

fn conversation(
    id: ConversationId,
    messages: BTreeMap<i64, Chunks>,
    report: &mut Report,
) -> Result<Conversation> {
    let mut nodes: Vec<Node> = Vec::new();
    for (number, chunks) in messages {
        let draft = message(id.message(number), chunks, report);
        let mut node = Node::alone(draft);
        node.parent = nodes.last().and_then(|node| node.id.clone());
        nodes.push(node);
    }
    let head = Head {
        source_id: Some(id.to_string()),
        ..Head::default()
    };
    tree::build(Format::Chunks, head, nodes, None, report)
}

fn message(id: MessageId, chunks: Chunks, report: &mut Report) -> Draft {
    let place = id.to_string();
    let is_whole = chunks.contains_key(&0);
    let mut draft = Draft {
        source_id: Some(place.clone()),
        role: if is_whole {
            Role::User
        } else {
            Role::Assistant
        },
        author: None,
        model: None,
        status: MessageStatus::Complete,
        hidden: false,
        created_at: None,
        updated_at: None,
        parts: Vec::new(),
        raw: Object::default(),
    };
    let mut text = String::new();
    let mut left = Object::default();
    let mut expected = 1;
    let mut is_first = true;
    for (seq, mut chunk) in chunks {
        while seq > expected {
            report.note(
                &place,
                format!("chunks from {expected} to {} are missing", seq - 1),
            );
            text.push(GAP_MARK);
            expected = seq;
        }
        expected = seq.max(0) + 1;
        text.push_str(&tokens(&mut chunk));
        chunk.take_word("messageId", &place);
        if chunk.get("seq") == Some(&Value::Number(seq.max(1).to_string())) {
            chunk.take("seq");
        }
        if is_first {
            draft.created_at = take_time(&mut chunk, "timestamp");
            draft.author = chunk.take_text("agentId");
            if draft.author.is_some() {
                draft.role = Role::Assistant;
            }
            if chunk.has("role") {
                draft.role = take_role(&mut chunk, "role", &place, report);
            }
        } else if let Some(author) = &draft.author {
            chunk.take_word("agentId", author);
        }
        is_first = false;
        draft.status = match chunk.text("status") {
            Some("streaming") => MessageStatus::Interrupted,
            _ => MessageStatus::Complete,
        };
        chunk.take_word("status", "complete");
        left.put_left(&seq.to_string(), chunk);
    }
    draft.raw.put_left("chunks", left);
    draft.parts.push(Part::Text { text });
    draft
}

/// A chunk's text, under any of the names it goes by.
fn tokens(chunk: &mut Object) -> String {
    let keys = ["tokens", "text", "content"];
    for key in keys {
        if let Some(text) = chunk.take_text(key) {
            return text;
        }
        let is_texts = |list: &[Value]| list.iter().all(|value| value.as_text().is_some());
        if matches!(chunk.get(key), Some(Value::List(list)) if is_texts(list)) {
            let list = chunk.take_list(key).unwrap_or_default();
            return list.iter().filter_map(Value::as_text).collect();
        }
    }
    String::new()
}

/// Writes the text of a conversation's active path as files: their names and bytes. A person's message is one file, any other one file for
/// each 240 bytes of text. Parts other than text have no place in this format and are left out.
#[must_use]
pub fn write(conversation: &Conversation, id: ConversationId) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (number, message) in (1..).zip(conversation.path()) {
        let id = id.message(number);
        let text = message.text();
        let is_user = message.role == Role::User;
        let pieces = if is_user {
            vec![text.as_str()]
        } else {
            cut(&text)
        };
        let last = pieces.len();
        for (index, piece) in (1..=last).zip(pieces) {
            let Ok(seq) = i64::try_from(index) else { break };
            let mut chunk = Object::default();
            chunk.put("messageId", Value::Text(id.to_string()));
            chunk.put("seq", Value::Number(seq.to_string()));
            chunk.put("tokens", Value::Text(piece.to_owned()));
            if let Some(time) = message.created_at.and_then(time) {
                chunk.put("timestamp", Value::Text(time));
            }
            if let Some(author) = &message.author {
                chunk.put("agentId", Value::Text(author.clone()));
            }
            if matches!(message.role, Role::System | Role::Tool) {
                chunk.put("role", Value::Text(message.role.as_str().to_owned()));
            }
            if !is_user {
                let is_whole = message.status == MessageStatus::Complete || index < last;
                let status = if is_whole { "complete" } else { "streaming" };
                chunk.put("status", Value::Text(status.to_owned()));
            }
            let name = if is_user {
                format!("{id}.json")
            } else {
                format!("{}.json", ChunkId { message: id, seq })
            };
            let mut text = String::new();
            chunk.write(&mut text);
            files.push((name, text.into_bytes()));
        }
    }
    files
}

/// A text in pieces; no character is split. An empty one is one piece.
fn cut(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > CHUNK_BYTES {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(CHUNK_BYTES));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

fn time(ms: i64) -> Option<String> {
    let since = Duration::from_millis(u64::try_from(ms).ok()?);
    let time = UNIX_EPOCH.checked_add(since)?;
    (ms < END_OF_9999_MS).then(|| humantime::format_rfc3339_millis(time).to_string())
}

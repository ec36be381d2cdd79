//! Messages: a tree per conversation, of which one path from a root to a leaf is active.

use serde::{Deserialize, Serialize};

use super::packed;
use super::page::{self, Cursor, Order, Page};
use super::parts::{self, Chunk, Part};
use super::{Json, Metadata, check_label, check_version, conversations, from_json, to_json};
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::store::{Tx, View};

/// Whose voice a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person.
    User,
    /// A model or agent.
    Assistant,
    /// Instructions.
    System,
    /// A tool.
    Tool,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum MessageStatus {
    /// Its text is still arriving.
    Streaming,
    /// All of it is here.
    Complete,
    /// The stream ended before the message did: by a crash, or because it was aborted. All acknowledged text is here.
    Interrupted,
    /// The source failed.
    Error,
}

macro_rules! names {
    ($type:ty { $($variant:ident = $name:literal),* }) => {
        impl $type {
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub(crate) fn parse(name: &str) -> Result<Self> {
                match name {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(Error::corrupt(concat!("a stored ", stringify!($type), " is unknown"))),
                }
            }
        }
    };
}

names!(Role { User = "user", Assistant = "assistant", System = "system", Tool = "tool" });
names!(MessageStatus { Streaming = "streaming", Complete = "complete", Interrupted = "interrupted", Error = "error" });

/// A message with its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The readable id, such as `us01-co12-ms02`.
    pub id: MessageId,
    /// The conversation it belongs to.
    pub conversation_id: ConversationId,
    /// The UUIDv7 that names the same message on another device.
    pub uuid: String,
    /// The message before it on its path; absent on a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<MessageId>,
    /// Whose voice it is in.
    pub role: Role,
    /// The participant who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The model that produced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How far it has come.
    pub status: MessageStatus,
    /// What it cost, as the provider reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Json>,
    /// The app's own fields.
    pub metadata: Metadata,
    /// Its text parts joined, up to 1 MiB; U+FFFD stands for each missing chunk.
    pub text: String,
    /// Its parts in order, with the same limit.
    pub parts: Vec<Part>,
    /// The numbers of chunks that are missing. Absent when the text is whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<i64>>"))]
    pub gaps: Vec<i64>,
    /// There is more text than is shown here; read it by its chunks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, ts(as = "Option<bool>"))]
    pub truncated: bool,
    /// Grows by one with every update; chunks do not count.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// What a new message is made of. Give `text` or `parts`, or neither for an empty one.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMessage {
    /// Whose voice it is in.
    pub role: Role,
    /// Its text, when it is nothing but text.
    pub text: Option<String>,
    /// Its parts, when it is more than text.
    pub parts: Option<Vec<Part>>,
    /// The message it follows: the end of the active path by default. The new message becomes the end of the active path.
    pub parent_id: Option<MessageId>,
    /// The participant who wrote it.
    pub author: Option<String>,
    /// The model that produced it.
    pub model: Option<String>,
    /// What it cost.
    pub usage: Option<Json>,
    /// The app's own fields; none by default.
    pub metadata: Option<Metadata>,
}

/// Appends a message to a conversation.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Append {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message.
    pub message: NewMessage,
}

/// Appends messages to a conversation, one after another.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppendAll {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The messages, at most 10,000.
    pub messages: Vec<NewMessage>,
}

/// What an edit puts beside the original. Give `text` or `parts`; what else is absent is taken over.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageEdit {
    /// The message to edit; it stays as it is, on a branch of its own.
    pub id: MessageId,
    /// The new text.
    pub text: Option<String>,
    /// The new parts.
    pub parts: Option<Vec<Part>>,
    /// New fields.
    pub metadata: Option<Metadata>,
}

/// Changes beside the content; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageUpdate {
    /// The message.
    pub id: MessageId,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// The model that produced it.
    pub model: Option<String>,
    /// What it cost.
    pub usage: Option<Json>,
    /// New fields, replacing all of the old.
    pub metadata: Option<Metadata>,
}

/// Names one message.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageRef {
    /// The message.
    pub id: MessageId,
}

/// Which messages of a conversation to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum MessagePath {
    /// Those on the active path.
    #[default]
    Active,
    /// All branches, in the order the messages were made.
    All,
}

/// Which messages to list, and how.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageList {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The active path by default.
    pub path: Option<MessagePath>,
    /// Newest first by default. The oldest page of an active path costs a look at each of its messages.
    pub order: Option<Order>,
    /// Only messages created at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only messages created before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Reads a message's text.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TextRead {
    /// The message.
    pub id: MessageId,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A piece of a message's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct TextPage {
    /// The text; U+FFFD stands for each missing chunk.
    pub text: String,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which chunks of a message to read.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChunkList {
    /// The message.
    pub id: MessageId,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A message and the alternatives to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Siblings {
    /// All messages with the same parent, in the order they were made.
    pub ids: Vec<MessageId>,
    /// The one on the active path, if any is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_id: Option<MessageId>,
}

/// Appends a message after its parent and makes it the end of the active path.
pub fn append(tx: &Tx<'_>, conversation: ConversationId, new: &NewMessage) -> Result<Message> {
    let parts = whole_parts(new.text.as_ref(), new.parts.as_ref())?;
    let id = insert(tx, conversation, new, MessageStatus::Complete)?;
    parts::insert(tx, id, &parts)?;
    get(tx, id)
}

/// The most messages that are appended at once.
const MAX_AT_ONCE: usize = 10_000;

/// Appends messages one after another, all or none, and gives their ids.
pub fn append_all(tx: &Tx<'_>, all: &AppendAll) -> Result<Vec<MessageId>> {
    if all.messages.len() > MAX_AT_ONCE {
        return Err(Error::invalid(format!(
            "at most {MAX_AT_ONCE} messages are appended at once"
        )));
    }
    let mut end = End::find(tx, all.conversation_id)?;
    let mut ids = Vec::with_capacity(all.messages.len());
    for new in &all.messages {
        let id = end.add(tx, new, MessageStatus::Complete)?;
        match (&new.text, &new.parts) {
            (Some(text), None) => parts::insert_text(tx, id, text)?,
            (text, parts) => parts::insert(tx, id, &whole_parts(text.as_ref(), parts.as_ref())?)?,
        }
        ids.push(id);
    }
    if !ids.is_empty() {
        end.save(tx)?;
    }
    Ok(ids)
}

/// Begins a message whose text will come as a stream.
pub fn begin(tx: &Tx<'_>, conversation: ConversationId, new: &NewMessage) -> Result<Message> {
    if new.text.is_some() || new.parts.is_some() {
        return Err(Error::invalid("a streamed message begins without content"));
    }
    let id = insert(tx, conversation, new, MessageStatus::Streaming)?;
    get(tx, id)
}

fn whole_parts(text: Option<&String>, parts: Option<&Vec<Part>>) -> Result<Vec<Part>> {
    match (text, parts) {
        (Some(_), Some(_)) => Err(Error::invalid("a message is given text or parts, not both")),
        (None, Some(parts)) => Ok(parts.clone()),
        (text, None) => Ok(vec![Part::Text {
            text: text.cloned().unwrap_or_default(),
        }]),
    }
}

fn insert(
    tx: &Tx<'_>,
    conversation: ConversationId,
    new: &NewMessage,
    status: MessageStatus,
) -> Result<MessageId> {
    let mut end = End::find(tx, conversation)?;
    let id = end.add(tx, new, status)?;
    end.save(tx)?;
    Ok(id)
}

/// The end of a conversation, while messages are added to it.
struct End {
    conversation: ConversationId,
    next_message: i64,
    leaf: Option<i64>,
}

impl End {
    fn find(tx: &Tx<'_>, conversation: ConversationId) -> Result<Self> {
        tx.admit_conversation(conversation)?;
        let mut head = tx.prepare(
            "SELECT next_message, leaf, deleted_at IS NOT NULL FROM conversation WHERE user = ?1 AND conversation = ?2",
        )?;
        let mut rows = head.query((conversation.user, conversation.conversation))?;
        let row = rows
            .next()?
            .ok_or_else(|| Error::not_found("conversation", conversation))?;
        if row.get(2)? {
            return Err(Error::new(
                Code::Conflict,
                format!("conversation {conversation} is deleted; restore it first"),
            ));
        }
        Ok(Self {
            conversation,
            next_message: row.get(0)?,
            leaf: row.get(1)?,
        })
    }

    fn add(&mut self, tx: &Tx<'_>, new: &NewMessage, status: MessageStatus) -> Result<MessageId> {
        for (what, label) in [("the author", &new.author), ("the model", &new.model)] {
            check_label(what, label.as_deref().unwrap_or_default())?;
        }
        let metadata = match &new.metadata {
            Some(metadata) => to_json("the metadata", metadata)?,
            None => "{}".to_owned(),
        };
        let usage = new.usage.as_ref();
        let usage = usage.map(|usage| to_json("the usage", usage)).transpose()?;
        let conversation = self.conversation;
        let parent = match new.parent_id {
            Some(parent) if parent.conversation() != conversation || !exists(tx, parent)? => {
                return Err(Error::not_found("message", parent));
            }
            Some(parent) => Some(parent.message),
            None => self.leaf,
        };
        let number = self.next_message;
        tx.execute(
            "INSERT INTO message (user, conversation, message, uuid, parent, role, author, model, status, usage, metadata,
                                  version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?12, ?12)",
            rusqlite::params![
                conversation.user,
                conversation.conversation,
                number,
                tx.uuid(),
                parent,
                new.role.as_str(),
                new.author,
                new.model,
                status.as_str(),
                usage,
                metadata,
                tx.now_ms(),
            ],
        )?;
        self.leaf = Some(number);
        self.next_message += 1;
        Ok(conversation.message(number))
    }

    fn save(&self, tx: &Tx<'_>) -> Result<()> {
        touch(tx, self.conversation, self.leaf, self.next_message)
    }
}

/// Moves the end of the active path.
fn touch(
    tx: &Tx<'_>,
    conversation: ConversationId,
    leaf: Option<i64>,
    next_message: i64,
) -> Result<()> {
    tx.execute(
        "UPDATE conversation SET leaf = ?3, next_message = max(next_message, ?4), version = version + 1, updated_at = ?5
         WHERE user = ?1 AND conversation = ?2",
        (conversation.user, conversation.conversation, leaf, next_message, tx.now_ms()),
    )?;
    Ok(())
}

/// Whether there is such a message.
pub fn exists(view: &View<'_>, id: MessageId) -> Result<bool> {
    let mut statement = view
        .prepare("SELECT 1 FROM message WHERE user = ?1 AND conversation = ?2 AND message = ?3")?;
    Ok(statement.exists((id.user, id.conversation, id.message))?)
}

/// Reads a message with its content.
pub fn get(view: &View<'_>, id: MessageId) -> Result<Message> {
    view.admit_message(id)?;
    let mut statement = view.prepare(
        "SELECT uuid, parent, role, author, model, status, usage, metadata, version, created_at, updated_at
         FROM message WHERE user = ?1 AND conversation = ?2 AND message = ?3",
    )?;
    let mut rows = statement.query((id.user, id.conversation, id.message))?;
    let row = rows
        .next()?
        .ok_or_else(|| Error::not_found("message", id))?;
    let content = parts::content(view, id)?;
    let text = |column: usize| -> Result<&str> {
        Ok(row
            .get_ref(column)?
            .as_str()
            .map_err(rusqlite::Error::from)?)
    };
    let parent: Option<i64> = row.get(1)?;
    let usage: Option<String> = row.get(6)?;
    Ok(Message {
        id,
        conversation_id: id.conversation(),
        uuid: row.get(0)?,
        parent_id: parent.map(|parent| id.conversation().message(parent)),
        role: Role::parse(text(2)?)?,
        author: row.get(3)?,
        model: row.get(4)?,
        status: MessageStatus::parse(text(5)?)?,
        usage: usage.map(|usage| from_json("usage", &usage)).transpose()?,
        metadata: from_json("metadata", text(7)?)?,
        text: content.text,
        parts: content.parts,
        gaps: content.gaps,
        truncated: content.truncated,
        version: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}

/// Lists a conversation's messages with their content.
pub fn list(view: &View<'_>, query: &MessageList) -> Result<Page<Message>> {
    let id = query.conversation_id;
    let limit = page::limit(query.limit)?;
    let order = query.order.unwrap_or_default();
    let path = query.path.unwrap_or_default();
    let list = format!(
        "messages {id} {path:?} {order:?} {:?} {:?}",
        query.since, query.until
    );
    let cursor = Cursor::decode::<1>(&list, query.cursor.as_deref())?.map(|[message]| message);
    let leaf = conversations::get(view, id)?.leaf_id;
    let window = query.since.unwrap_or(i64::MIN)..query.until.unwrap_or(i64::MAX);
    let numbers = match (path, order) {
        (MessagePath::All, _) => all_numbers(view, id, order, cursor, &window, limit + 1)?,
        (MessagePath::Active, Order::Newest) => {
            let start = cursor.or(leaf.map(|leaf| leaf.message));
            path_numbers(view, id, start, cursor, &window, limit + 1)?
        }
        (MessagePath::Active, Order::Oldest) => {
            let all = path_numbers(
                view,
                id,
                leaf.map(|leaf| leaf.message),
                None,
                &window,
                usize::MAX,
            )?;
            let oldest_first = all.into_iter().rev();
            let after =
                oldest_first.skip_while(|&number| cursor.is_some_and(|cursor| number <= cursor));
            after.take(limit + 1).collect()
        }
    };
    let page = page::cut(numbers, limit, |last| Cursor::encode(&list, &[*last]));
    let items = page
        .items
        .into_iter()
        .map(|number| get(view, id.message(number)))
        .collect::<Result<_>>()?;
    Ok(Page {
        items,
        next_cursor: page.next_cursor,
    })
}

/// Numbers on the path from `start` to its root, newest first, without `except`. Parents are older than their children,
/// so a page begins at its cursor without looking at anything newer.
fn path_numbers(
    view: &View<'_>,
    id: ConversationId,
    start: Option<i64>,
    except: Option<i64>,
    window: &std::ops::Range<i64>,
    count: usize,
) -> Result<Vec<i64>> {
    let mut statement = view.prepare(
        "SELECT parent, created_at FROM message WHERE user = ?1 AND conversation = ?2 AND message = ?3",
    )?;
    let mut numbers = Vec::new();
    let mut next = start;
    while let Some(number) = next {
        let (parent, at): (Option<i64>, i64) = statement
            .query_row((id.user, id.conversation, number), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        if Some(number) != except && window.contains(&at) {
            numbers.push(number);
        }
        if numbers.len() >= count {
            break;
        }
        if parent.is_some_and(|parent| parent >= number) {
            return Err(Error::corrupt(format!(
                "message {} precedes its parent",
                id.message(number)
            )));
        }
        next = parent;
    }
    Ok(numbers)
}

fn all_numbers(
    view: &View<'_>,
    id: ConversationId,
    order: Order,
    cursor: Option<i64>,
    window: &std::ops::Range<i64>,
    count: usize,
) -> Result<Vec<i64>> {
    let (beyond, direction, start) = match order {
        Order::Newest => ("<", "DESC", i64::MAX),
        Order::Oldest => (">", "ASC", i64::MIN),
    };
    let mut statement = view.prepare(&format!(
        "SELECT message FROM message WHERE user = ?1 AND conversation = ?2 AND message {beyond} ?3
           AND created_at >= ?4 AND created_at < ?5
         ORDER BY message {direction} LIMIT ?6"
    ))?;
    let numbers = statement.query_map(
        (
            id.user,
            id.conversation,
            cursor.unwrap_or(start),
            window.start,
            window.end,
            count,
        ),
        |row| row.get(0),
    )?;
    Ok(numbers.collect::<rusqlite::Result<_>>()?)
}

/// Puts an edited copy of a message beside it and makes the copy the end of the active path.
pub fn edit(tx: &Tx<'_>, edit: &MessageEdit) -> Result<Message> {
    let original = get(tx, edit.id)?;
    if edit.text.is_none() && edit.parts.is_none() {
        return Err(Error::invalid("an edit needs text or parts"));
    }
    let parts = whole_parts(edit.text.as_ref(), edit.parts.as_ref())?;
    let copy = NewMessage {
        role: original.role,
        text: None,
        parts: None,
        parent_id: None,
        author: original.author,
        model: original.model,
        usage: None,
        metadata: Some(edit.metadata.clone().unwrap_or(original.metadata)),
    };
    let conversation = original.conversation_id;
    // The copy's parent is the original's, which may be none: the end of the path must be there before it is appended.
    let next = next_message(tx, conversation)?;
    touch(
        tx,
        conversation,
        original.parent_id.map(|parent| parent.message),
        next,
    )?;
    let id = insert(tx, conversation, &copy, MessageStatus::Complete)?;
    parts::insert(tx, id, &parts)?;
    get(tx, id)
}

fn next_message(view: &View<'_>, id: ConversationId) -> Result<i64> {
    let mut statement = view
        .prepare("SELECT next_message FROM conversation WHERE user = ?1 AND conversation = ?2")?;
    Ok(statement.query_row((id.user, id.conversation), |row| row.get(0))?)
}

/// Makes the path through a message the active one, down to its newest descendant.
pub fn switch_branch(tx: &Tx<'_>, id: MessageId) -> Result<conversations::Conversation> {
    tx.admit_message(id)?;
    if !exists(tx, id)? {
        return Err(Error::not_found("message", id));
    }
    let mut newest_child = tx.prepare(
        "SELECT max(message) FROM message WHERE user = ?1 AND conversation = ?2 AND parent = ?3",
    )?;
    let mut leaf = id.message;
    while let Some(child) = newest_child.query_row((id.user, id.conversation, leaf), |row| {
        row.get::<_, Option<i64>>(0)
    })? {
        leaf = child;
    }
    touch(tx, id.conversation(), Some(leaf), 1)?;
    conversations::get(tx, id.conversation())
}

/// Lists a message's alternatives, itself included.
pub fn siblings(view: &View<'_>, id: MessageId) -> Result<Siblings> {
    view.admit_message(id)?;
    let conversation = id.conversation();
    let mut statement = view.prepare(
        "SELECT s.message FROM message AS s
         WHERE s.user = ?1 AND s.conversation = ?2 AND s.parent IS
           (SELECT parent FROM message WHERE user = ?1 AND conversation = ?2 AND message = ?3)
         ORDER BY s.message",
    )?;
    let numbers = statement.query_map((id.user, id.conversation, id.message), |row| row.get(0))?;
    let numbers = numbers.collect::<rusqlite::Result<Vec<i64>>>()?;
    if !numbers.contains(&id.message) {
        return Err(Error::not_found("message", id));
    }
    let oldest = numbers.first().copied().unwrap_or_default();
    let leaf = conversations::get(view, conversation)?.leaf_id;
    let active = active_among(
        view,
        conversation,
        leaf.map(|leaf| leaf.message),
        oldest,
        &numbers,
    )?;
    Ok(Siblings {
        ids: numbers
            .into_iter()
            .map(|number| conversation.message(number))
            .collect(),
        active_id: active.map(|number| conversation.message(number)),
    })
}

/// The one of `numbers` that lies on the path from `leaf`, which is followed no further than `oldest`.
fn active_among(
    view: &View<'_>,
    id: ConversationId,
    leaf: Option<i64>,
    oldest: i64,
    numbers: &[i64],
) -> Result<Option<i64>> {
    let mut parent = view.prepare(
        "SELECT parent FROM message WHERE user = ?1 AND conversation = ?2 AND message = ?3",
    )?;
    let mut next = leaf;
    while let Some(number) = next.filter(|&number| number >= oldest) {
        if numbers.binary_search(&number).is_ok() {
            return Ok(Some(number));
        }
        next = parent.query_row((id.user, id.conversation, number), |row| row.get(0))?;
    }
    Ok(None)
}

/// Changes what stands beside a message's content.
pub fn update(tx: &Tx<'_>, change: &MessageUpdate) -> Result<Message> {
    let current = get(tx, change.id)?;
    check_version("message", change.version, current.version)?;
    let model = change.model.as_ref().or(current.model.as_ref());
    check_label("the model", model.map_or("", String::as_str))?;
    let usage = change.usage.as_ref().or(current.usage.as_ref());
    let usage = usage.map(|usage| to_json("the usage", usage)).transpose()?;
    let metadata = to_json(
        "the metadata",
        change.metadata.as_ref().unwrap_or(&current.metadata),
    )?;
    let id = change.id;
    tx.execute(
        "UPDATE message SET model = ?4, usage = ?5, metadata = ?6, version = version + 1, updated_at = ?7
         WHERE user = ?1 AND conversation = ?2 AND message = ?3",
        (id.user, id.conversation, id.message, model, usage, metadata, tx.now_ms()),
    )?;
    get(tx, id)
}

/// Takes up a message whose stream was interrupted.
pub fn resume(tx: &Tx<'_>, id: MessageId) -> Result<Message> {
    packed::unpack_all(tx, id.conversation())?;
    set_status(tx, id, MessageStatus::Streaming, None)?;
    get(tx, id)
}

/// Ends a streamed message, or takes it up again when `status` is `streaming`.
pub fn set_status(
    tx: &Tx<'_>,
    id: MessageId,
    status: MessageStatus,
    usage: Option<&Json>,
) -> Result<()> {
    let usage = usage.map(|usage| to_json("the usage", usage)).transpose()?;
    let changed = tx.execute(
        "UPDATE message SET status = ?4, usage = coalesce(?5, usage), version = version + 1, updated_at = ?6
         WHERE user = ?1 AND conversation = ?2 AND message = ?3",
        (id.user, id.conversation, id.message, status.as_str(), usage, tx.now_ms()),
    )?;
    if changed == 0 {
        return Err(Error::not_found("message", id));
    }
    Ok(())
}

/// Every message whose stream has not ended.
pub fn streaming(view: &View<'_>) -> Result<Vec<MessageId>> {
    let mut statement =
        view.prepare("SELECT user, conversation, message FROM message WHERE status = 'streaming'")?;
    let ids = statement.query_map([], |row| {
        Ok(MessageId {
            user: row.get(0)?,
            conversation: row.get(1)?,
            message: row.get(2)?,
        })
    })?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// Deletes a message with everything that follows it on any branch. The active path then ends at its parent.
pub fn delete(tx: &Tx<'_>, id: MessageId) -> Result<()> {
    tx.admit_message(id)?;
    packed::unpack_all(tx, id.conversation())?;
    let parent: Option<i64> = {
        let mut statement = tx.prepare(
            "SELECT parent FROM message WHERE user = ?1 AND conversation = ?2 AND message = ?3",
        )?;
        let mut rows = statement.query((id.user, id.conversation, id.message))?;
        let row = rows
            .next()?
            .ok_or_else(|| Error::not_found("message", id))?;
        row.get(0)?
    };
    tx.execute(
        "WITH RECURSIVE below (message) AS (
           VALUES (?3)
           UNION ALL
           SELECT m.message FROM message AS m JOIN below ON m.parent = below.message
           WHERE m.user = ?1 AND m.conversation = ?2)
         DELETE FROM message WHERE user = ?1 AND conversation = ?2 AND message IN (SELECT message FROM below)",
        (id.user, id.conversation, id.message),
    )?;
    let conversation = id.conversation();
    let leaf = conversations::get(tx, conversation)?.leaf_id;
    let leaf_survives = match leaf {
        Some(leaf) => exists(tx, leaf)?,
        None => true,
    };
    let leaf = if leaf_survives {
        leaf.map(|leaf| leaf.message)
    } else {
        parent
    };
    touch(tx, conversation, leaf, 1)
}

/// Bytes of text in one page.
const TEXT_PAGE_BYTES: usize = 1 << 20;

/// Reads a message's text, page by page.
pub fn text(view: &View<'_>, query: &TextRead) -> Result<TextPage> {
    view.admit_message(query.id)?;
    let list = format!("text {}", query.id);
    let [after] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or([0]);
    let (text, more) = parts::text(view, query.id, after, TEXT_PAGE_BYTES)?;
    if text.is_empty() && !exists(view, query.id)? {
        return Err(Error::not_found("message", query.id));
    }
    Ok(TextPage {
        text,
        next_cursor: more.map(|seq| Cursor::encode(&list, &[seq])),
    })
}

/// Reads a message's chunks in order, page by page.
pub fn chunks(view: &View<'_>, query: &ChunkList) -> Result<Page<Chunk>> {
    view.admit_message(query.id)?;
    if !exists(view, query.id)? {
        return Err(Error::not_found("message", query.id));
    }
    let limit = page::limit(query.limit)?;
    let list = format!("chunks {}", query.id);
    let [after] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or([0]);
    let chunks = parts::chunks(view, query.id, after, limit + 1)?;
    Ok(page::cut(chunks, limit, |last| {
        Cursor::encode(&list, &[last.seq])
    }))
}

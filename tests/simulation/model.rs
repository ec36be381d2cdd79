//! What a store should hold: plain maps, changed by the rules that the documentation states, and compared whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

use serde_json::Value;
use strongroom::domain::conversations::{
    self, Conversation, ConversationList, ConversationStatus, Participant, ParticipantKind,
};
use strongroom::domain::messages::{
    self, ChunkList, Message, MessageList, MessagePath, MessageStatus, Role, Siblings,
};
use strongroom::domain::page::Order;
use strongroom::domain::parts::{self, Part};
use strongroom::domain::users::{self, User, UserList};
use strongroom::domain::{Json, Metadata};
use strongroom::id::{ConversationId, MessageId, UserId};
use strongroom::store::View;
use strongroom::{Code, Result};

use super::letting_go;
use super::operations::Op;
use super::rooms::{RoomRows, read_rows};

/// A message and the chunks of its text, by number.
#[derive(Clone)]
struct ModelMessage {
    message: Message,
    chunks: BTreeMap<i64, String>,
}

#[derive(Clone)]
struct ModelConversation {
    conversation: Conversation,
    participants: BTreeMap<String, Participant>,
    messages: BTreeMap<i64, ModelMessage>,
    next_message: i64,
}

#[derive(Clone)]
struct ModelUser {
    user: User,
    conversations: BTreeMap<i64, ModelConversation>,
    next_conversation: i64,
}

/// The state a store should be in.
#[derive(Clone, Default)]
pub struct Model {
    users: BTreeMap<i64, ModelUser>,
    users_made: i64,
    /// Remembered requests: the operation and its answer.
    pub requests: BTreeMap<String, (String, String)>,
    /// The rows of the rooms beside conversations.
    pub rooms: Rc<RoomRows>,
}

/// Everything a store holds, as its public reads give it, one text per record.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Content(pub BTreeMap<String, String>);

impl Content {
    fn put(&mut self, key: impl std::fmt::Display, record: &impl std::fmt::Debug) {
        let twice = self.0.insert(key.to_string(), format!("{record:?}"));
        assert!(twice.is_none(), "{key} was listed twice");
    }

    /// All but some requests.
    pub fn without(mut self, requests: &BTreeSet<String>) -> Self {
        for name in requests {
            self.0.remove(&format!("request {name}"));
        }
        self
    }

    /// The first few differences, for people.
    pub fn difference(&self, other: &Self) -> String {
        let mut text = String::new();
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differing = keys
            .into_iter()
            .filter(|key| self.0.get(*key) != other.0.get(*key));
        for key in differing.take(4) {
            let _ = writeln!(
                text,
                "{key}\n  found    {:?}\n  expected {:?}",
                self.0.get(key),
                other.0.get(key)
            );
        }
        text
    }
}

/// Reads everything through the store's public reads.
pub fn read_all(view: &View<'_>) -> Result<Content> {
    let mut content = Content::default();
    let mut cursor = None;
    loop {
        let page = users::list(
            view,
            &UserList {
                limit: Some(7),
                cursor,
            },
        )?;
        for user in page.items {
            read_user(view, &user, &mut content)?;
            content.put(user.id, &user);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut requests = view.prepare("SELECT id, op, answer FROM request")?;
    let mut rows = requests.query([])?;
    while let Some(row) = rows.next()? {
        let (id, op, answer): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        content.put(format!("request {id}"), &(op, answer));
    }
    for (name, row) in read_rows(view)?.each() {
        content.put(name, row);
    }
    Ok(content)
}

fn read_user(view: &View<'_>, user: &User, content: &mut Content) -> Result<()> {
    for (status, deleted) in [
        (ConversationStatus::Active, false),
        (ConversationStatus::Archived, false),
        (ConversationStatus::Active, true),
    ] {
        let mut query = ConversationList {
            user_id: Some(user.id),
            status: Some(status),
            deleted: Some(deleted),
            limit: Some(3),
            ..ConversationList::default()
        };
        loop {
            let page = conversations::list(view, &query)?;
            for conversation in page.items {
                read_conversation(view, &conversation, content)?;
                content.put(conversation.id, &conversation);
            }
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
    }
    Ok(())
}

fn read_conversation(
    view: &View<'_>,
    conversation: &Conversation,
    content: &mut Content,
) -> Result<()> {
    let id = conversation.id;
    content.put(
        format!("{id} participants"),
        &conversations::participants(view, id)?,
    );
    let mut active = Vec::new();
    for path in [MessagePath::All, MessagePath::Active] {
        let mut query = MessageList {
            conversation_id: id,
            path: Some(path),
            order: Some(Order::Newest),
            since: None,
            until: None,
            limit: Some(5),
            cursor: None,
        };
        loop {
            let page = messages::list(view, &query)?;
            for message in page.items {
                if path == MessagePath::Active {
                    active.push(message.id);
                    continue;
                }
                let chunks = messages::chunks(
                    view,
                    &ChunkList {
                        id: message.id,
                        limit: Some(1000),
                        cursor: None,
                    },
                )?;
                let chunks: Vec<_> = chunks
                    .items
                    .into_iter()
                    .map(|chunk| (chunk.seq, chunk.text))
                    .collect();
                content.put(format!("{} chunks", message.id), &chunks);
                content.put(
                    format!("{} siblings", message.id),
                    &messages::siblings(view, message.id)?,
                );
                content.put(message.id, &message);
            }
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
    }
    content.put(format!("{id} path"), &active);
    Ok(())
}

impl Model {
    /// Whether a message that streams has text; none if there is no such message, or if it does not stream.
    pub fn streams_text(&self, id: MessageId) -> Option<bool> {
        let held = self.clone().message(id).ok()?.message.clone();
        (held.status == MessageStatus::Streaming).then_some(!held.parts.is_empty())
    }

    /// What [`read_all`] should give.
    pub fn content(&self) -> Content {
        let mut content = self.conversation_content();
        for (id, answer) in &self.requests {
            content.put(format!("request {id}"), answer);
        }
        for (name, row) in self.rooms.each() {
            content.put(name, row);
        }
        content
    }

    /// What it should give of users and conversations.
    pub fn conversation_content(&self) -> Content {
        let mut content = Content::default();
        for user in self.users.values() {
            content.put(user.user.id, &user.user);
            for held in user.conversations.values() {
                held.describe(&mut content);
            }
        }
        content
    }

    /// All users, conversations and messages, to choose from.
    pub fn users(&self) -> Vec<User> {
        self.users.values().map(|held| held.user.clone()).collect()
    }

    /// All conversations.
    pub fn conversations(&self) -> Vec<Conversation> {
        self.all_conversations()
            .map(|held| held.conversation.clone())
            .collect()
    }

    /// All messages, each with the number of its last chunk.
    pub fn messages(&self) -> Vec<(Message, i64)> {
        let last = |held: &ModelMessage| held.chunks.keys().next_back().copied().unwrap_or(0);
        self.all_conversations()
            .flat_map(|held| held.messages.values())
            .map(|held| (held.message.clone(), last(held)))
            .collect()
    }

    fn all_conversations(&self) -> impl Iterator<Item = &ModelConversation> {
        self.users
            .values()
            .flat_map(|held| held.conversations.values())
    }

    /// What opening does: streams that were cut off are interrupted. Says whether there were any.
    pub fn interrupt(&mut self, now: i64) -> bool {
        let mut any = false;
        let conversations = self
            .users
            .values_mut()
            .flat_map(|held| held.conversations.values_mut());
        for held in conversations.flat_map(|held| held.messages.values_mut()) {
            if held.message.status == MessageStatus::Streaming {
                held.message.status = MessageStatus::Interrupted;
                held.message.version += 1;
                held.message.updated_at = now;
                any = true;
            }
        }
        any
    }

    /// Applies an operation. `made` is the store's answer, from which only a new record's UUID is taken; the answer that the
    /// model gives must equal it.
    pub fn apply(
        &mut self,
        op: &Op,
        now: i64,
        made: Option<&Value>,
    ) -> std::result::Result<Value, Code> {
        let uuid = || {
            made.and_then(|made| made["uuid"].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        match op {
            Op::CreateUser { name } => {
                check_label(name)?;
                self.users_made += 1;
                let user = User {
                    id: UserId {
                        user: self.users_made,
                    },
                    uuid: uuid(),
                    name: name.clone(),
                    metadata: Metadata::default(),
                    version: 1,
                    created_at: now,
                    updated_at: now,
                };
                let held = ModelUser {
                    user: user.clone(),
                    conversations: BTreeMap::new(),
                    next_conversation: 1,
                };
                self.users.insert(self.users_made, held);
                Ok(json(&user))
            }
            Op::UpdateUser { id, version, name } => {
                let held = self.users.get_mut(&id.user).ok_or(Code::NotFound)?;
                if held.user.version != *version {
                    return Err(Code::Conflict);
                }
                check_label(name)?;
                held.user.name.clone_from(name);
                held.user.version += 1;
                held.user.updated_at = now;
                Ok(json(&held.user))
            }
            Op::DeleteUser { id } => {
                self.users.remove(&id.user).ok_or(Code::NotFound)?;
                Ok(Value::Null)
            }
            Op::CreateConversation {
                user,
                title,
                agents,
            } => {
                check_label(title)?;
                let mut made = self.new_conversation(*user, title, uuid(), now)?;
                for agent in agents {
                    made.join(agent, ParticipantKind::Agent, None, now)?;
                }
                let conversation = made.conversation.clone();
                self.add_conversation(made);
                Ok(json(&conversation))
            }
            Op::UpdateConversation {
                id,
                version,
                title,
                status,
            } => {
                let held = self.conversation(*id)?;
                if held.conversation.version != *version {
                    return Err(Code::Conflict);
                }
                check_label(title)?;
                held.conversation.title.clone_from(title);
                held.conversation.status = *status;
                held.conversation.version += 1;
                held.conversation.updated_at = now;
                Ok(json(&held.conversation))
            }
            Op::SetDeleted { id, deleted } => {
                let held = &mut self.conversation(*id)?.conversation;
                if held.deleted_at.is_some() != *deleted {
                    held.deleted_at = deleted.then_some(now);
                    held.version += 1;
                    held.updated_at = now;
                }
                Ok(json(held))
            }
            Op::DeleteConversation { id } => {
                let user = self.users.get_mut(&id.user).ok_or(Code::NotFound)?;
                user.conversations
                    .remove(&id.conversation)
                    .ok_or(Code::NotFound)?;
                Ok(Value::Null)
            }
            Op::AddParticipant {
                id,
                participant,
                name,
            } => {
                let held = self.conversation(*id)?;
                held.join(participant, ParticipantKind::Agent, name.clone(), now)?;
                Ok(json(&held.participants()))
            }
            Op::RemoveParticipant { id, participant } => {
                let held = self.conversation(*id)?;
                held.participants
                    .remove(participant)
                    .ok_or(Code::NotFound)?;
                Ok(json(&held.participants()))
            }
            Op::Append { id, parent, parts } => {
                let held = self.conversation(*id)?;
                let number =
                    held.insert(Role::User, *parent, MessageStatus::Complete, uuid(), now)?;
                Ok(json(&held.fill(number, parts)))
            }
            Op::Begin { id } => {
                let held = self.conversation(*id)?;
                let number =
                    held.insert(Role::Assistant, None, MessageStatus::Streaming, uuid(), now)?;
                Ok(json(&held.fill(number, &[])))
            }
            Op::Edit { id, text } => {
                let held = self.conversation(id.conversation())?;
                let original = held
                    .messages
                    .get(&id.message)
                    .ok_or(Code::NotFound)?
                    .message
                    .clone();
                if held.conversation.deleted_at.is_some() {
                    return Err(Code::Conflict);
                }
                let next = held.next_message;
                held.touch(original.parent_id, next, now);
                let number =
                    held.insert(original.role, None, MessageStatus::Complete, uuid(), now)?;
                held.messages.get_mut(&number).unwrap().message.model = original.model;
                Ok(json(
                    &held.fill(number, &[Part::Text { text: text.clone() }]),
                ))
            }
            Op::UpdateMessage { id, version, model } => {
                let held = self.message(*id)?;
                if held.message.version != *version {
                    return Err(Code::Conflict);
                }
                check_label(model)?;
                held.message.model = Some(model.clone());
                held.message.usage =
                    Some(Json::new(&serde_json::json!({ "tokens": version })).unwrap());
                held.message.version += 1;
                held.message.updated_at = now;
                Ok(json(&held.message))
            }
            Op::Switch { id } => {
                self.message(*id)?;
                let held = self.conversation(id.conversation())?;
                let mut leaf = *id;
                while let Some(child) = held.children(Some(leaf)).pop() {
                    leaf = child;
                }
                held.touch(Some(leaf), 1, now);
                Ok(json(&held.conversation))
            }
            Op::Chunk { id, seq, text } => {
                let held = self.message(*id)?;
                if held.message.status != MessageStatus::Streaming {
                    return Err(Code::Conflict);
                }
                if held.message.parts.is_empty() {
                    held.message.parts.push(Part::Text {
                        text: String::new(),
                    });
                }
                held.chunks.insert(*seq, text.clone());
                let mut whole = String::new();
                let mut expected = 1;
                held.message.gaps.clear();
                for (&seq, text) in &held.chunks {
                    for missing in expected..seq {
                        held.message.gaps.push(missing);
                        whole.push(parts::GAP_MARK);
                    }
                    whole.push_str(text);
                    expected = seq + 1;
                }
                held.message.parts = vec![Part::Text {
                    text: whole.clone(),
                }];
                held.message.text = whole;
                Ok(Value::Null)
            }
            Op::SetStatus { id, status } => {
                let held = self.message(*id)?;
                held.message.status = *status;
                held.message.version += 1;
                held.message.updated_at = now;
                Ok(Value::Null)
            }
            Op::DeleteMessage { id } => {
                let parent = self.message(*id)?.message.parent_id;
                let held = self.conversation(id.conversation())?;
                let mut below = vec![*id];
                while let Some(next) = below.pop() {
                    below.extend(held.children(Some(next)));
                    held.messages.remove(&next.message);
                }
                let leaf = held.conversation.leaf_id;
                let survives = leaf.is_none_or(|leaf| held.messages.contains_key(&leaf.message));
                held.touch(if survives { leaf } else { parent }, 1, now);
                Ok(Value::Null)
            }
            Op::Call { method, args } => {
                self.admits(method, args)?;
                match *method {
                    "retention.rehearse" | "retention.run" => {
                        self.let_go(args, made, now, *method == "retention.run");
                    }
                    "retention.erase" => self.erase(args["id"].as_str().unwrap()),
                    _ => {}
                }
                Ok(made.cloned().unwrap_or_default())
            }
            Op::Nonsense => Err(Code::InvalidArgument),
        }
    }

    /// What a policy does to conversations when it runs, after a look at whether those are the ones.
    fn let_go(&mut self, args: &Value, made: Option<&Value>, now: i64, is_run: bool) {
        let Some(report) = made else { return };
        let policy = self
            .rooms
            .find("retention_policy", &args["policy"].to_string());
        let policy = policy.unwrap().clone();
        self.check_due(&policy, args, report, now);
        if !is_run || policy["kind"] != "conversations" {
            return;
        }
        for id in report["ids"].as_array().unwrap() {
            let id = id.as_str().unwrap().parse().unwrap();
            match policy["action"].as_str().unwrap() {
                "archive" => {
                    let it = &mut self.conversation(id).unwrap().conversation;
                    it.status = ConversationStatus::Archived;
                    it.version += 1;
                    it.updated_at = now;
                }
                "remove" => {
                    let op = Op::SetDeleted { id, deleted: true };
                    self.apply(&op, now, None).unwrap();
                }
                _ => {
                    let op = Op::DeleteConversation { id };
                    self.apply(&op, now, None).unwrap();
                }
            }
        }
    }

    /// That a report names the records that are due.
    fn check_due(
        &self,
        policy: &serde_json::Map<String, Value>,
        args: &Value,
        report: &Value,
        now: i64,
    ) {
        let due = letting_go::due(self, policy, now);
        let limit = usize::try_from(args["limit"].as_i64().unwrap()).unwrap();
        let first: Vec<_> = due.iter().take(limit).collect();
        assert_eq!(report["ids"], serde_json::json!(first), "{policy:?}");
        assert_eq!(report["more"], due.len() > limit, "{policy:?}");
    }

    fn erase(&mut self, id: &str) {
        if let Ok(user) = id.parse::<UserId>() {
            self.users.remove(&user.user);
        } else if let Ok(id) = id.parse::<ConversationId>() {
            let user = self.users.get_mut(&id.user).unwrap();
            user.conversations.remove(&id.conversation);
        }
        // Some of them are forgotten soon, when the traces are looked for.
        self.requests.clear();
    }

    fn new_conversation(
        &self,
        user: UserId,
        title: &str,
        uuid: String,
        now: i64,
    ) -> std::result::Result<ModelConversation, Code> {
        let held = self.users.get(&user.user).ok_or(Code::NotFound)?;
        let mut made = ModelConversation {
            conversation: Conversation {
                id: ConversationId {
                    user: user.user,
                    conversation: held.next_conversation,
                },
                user_id: user,
                uuid,
                title: title.to_owned(),
                status: ConversationStatus::Active,
                session_id: None,
                context: "default".to_owned(),
                metadata: Metadata::default(),
                leaf_id: None,
                version: 1,
                created_at: now,
                updated_at: now,
                deleted_at: None,
            },
            participants: BTreeMap::new(),
            messages: BTreeMap::new(),
            next_message: 1,
        };
        let name = Some(held.user.name.clone());
        made.join(&user.to_string(), ParticipantKind::User, name, now)?;
        Ok(made)
    }

    fn add_conversation(&mut self, made: ModelConversation) {
        let id = made.conversation.id;
        let held = self.users.get_mut(&id.user).unwrap();
        held.next_conversation += 1;
        held.conversations.insert(id.conversation, made);
    }

    /// The transcript that a session was begun with. Only its UUID is not known beforehand.
    pub fn add_transcript(&mut self, session: &Value, uuid: &str, context: &str, now: i64) {
        let of = |name: &str| session[name].as_str().unwrap().to_owned();
        let user = of("userId").parse().unwrap();
        let made = self.new_conversation(user, &of("name"), uuid.to_owned(), now);
        let mut made = made.unwrap();
        made.conversation.session_id = Some(of("id"));
        context.clone_into(&mut made.conversation.context);
        assert_eq!(made.conversation.id.to_string(), of("transcriptId"));
        self.add_conversation(made);
    }

    /// Keeps only those transcripts whose session is there.
    pub fn retain_transcripts(&mut self, is_there: &dyn Fn(&str) -> bool) {
        for user in self.users.values_mut() {
            user.conversations.retain(|_, held| {
                let session = held.conversation.session_id.as_deref();
                session.is_none_or(is_there)
            });
        }
    }

    /// Moves transcripts of some sessions to a context.
    pub fn move_transcripts(&mut self, is_of: &dyn Fn(&str) -> bool, context: &str) {
        let users = self.users.values_mut();
        for held in users.flat_map(|user| user.conversations.values_mut()) {
            let it = &mut held.conversation;
            if it.context != context && it.session_id.as_deref().is_some_and(is_of) {
                context.clone_into(&mut it.context);
                it.version += 1;
            }
        }
    }

    /// Moves a user's conversations from one context to another.
    pub fn rename_context(&mut self, user: &str, name: &str, to: &str) {
        let users = self.users.values_mut();
        let mut users = users.filter(|held| held.user.id.to_string() == user);
        for held in users.next().unwrap().conversations.values_mut() {
            if held.conversation.context == name {
                to.clone_into(&mut held.conversation.context);
            }
        }
    }

    fn conversation(
        &mut self,
        id: ConversationId,
    ) -> std::result::Result<&mut ModelConversation, Code> {
        let user = self.users.get_mut(&id.user).ok_or(Code::NotFound)?;
        user.conversations
            .get_mut(&id.conversation)
            .ok_or(Code::NotFound)
    }

    fn message(&mut self, id: MessageId) -> std::result::Result<&mut ModelMessage, Code> {
        let held = self.conversation(id.conversation())?;
        held.messages.get_mut(&id.message).ok_or(Code::NotFound)
    }
}

fn check_label(label: &str) -> std::result::Result<(), Code> {
    if label.len() > 4096 {
        Err(Code::InvalidArgument)
    } else {
        Ok(())
    }
}

impl ModelConversation {
    fn describe(&self, content: &mut Content) {
        let id = self.conversation.id;
        content.put(id, &self.conversation);
        content.put(format!("{id} participants"), &self.participants());
        let mut path = Vec::new();
        let mut next = self.conversation.leaf_id;
        while let Some(at) = next {
            path.push(at);
            next = self.messages[&at.message].message.parent_id;
        }
        for held in self.messages.values() {
            let id = held.message.id;
            let chunks: Vec<_> = held
                .chunks
                .iter()
                .map(|(seq, text)| (*seq, text.clone()))
                .collect();
            let ids = self.children(held.message.parent_id);
            let active_id = ids.iter().find(|id| path.contains(id)).copied();
            content.put(format!("{id} chunks"), &chunks);
            content.put(format!("{id} siblings"), &Siblings { ids, active_id });
            content.put(id, &held.message);
        }
        content.put(format!("{id} path"), &path);
    }

    fn participants(&self) -> Vec<Participant> {
        let mut all: Vec<_> = self.participants.values().cloned().collect();
        all.sort_by(|a, b| (a.added_at, &a.id).cmp(&(b.added_at, &b.id)));
        all
    }

    fn join(
        &mut self,
        id: &str,
        kind: ParticipantKind,
        name: Option<String>,
        now: i64,
    ) -> std::result::Result<(), Code> {
        if id.is_empty() {
            return Err(Code::InvalidArgument);
        }
        check_label(name.as_deref().unwrap_or_default())?;
        let held = self
            .participants
            .entry(id.to_owned())
            .or_insert(Participant {
                id: id.to_owned(),
                kind,
                name: None,
                added_at: now,
            });
        held.name = name;
        Ok(())
    }

    fn children(&self, parent: Option<MessageId>) -> Vec<MessageId> {
        let messages = self.messages.values().map(|held| &held.message);
        messages
            .filter(|message| message.parent_id == parent)
            .map(|message| message.id)
            .collect()
    }

    fn touch(&mut self, leaf: Option<MessageId>, next_message: i64, now: i64) {
        self.conversation.leaf_id = leaf;
        self.next_message = self.next_message.max(next_message);
        self.conversation.version += 1;
        self.conversation.updated_at = now;
    }

    fn insert(
        &mut self,
        role: Role,
        parent: Option<MessageId>,
        status: MessageStatus,
        uuid: String,
        now: i64,
    ) -> std::result::Result<i64, Code> {
        if self.conversation.deleted_at.is_some() {
            return Err(Code::Conflict);
        }
        if parent.is_some_and(|parent| !self.messages.contains_key(&parent.message)) {
            return Err(Code::NotFound);
        }
        let number = self.next_message;
        let id = self.conversation.id.message(number);
        let message = Message {
            id,
            conversation_id: self.conversation.id,
            uuid,
            parent_id: parent.or(self.conversation.leaf_id),
            role,
            author: None,
            model: None,
            status,
            usage: None,
            metadata: Metadata::default(),
            text: String::new(),
            parts: Vec::new(),
            gaps: Vec::new(),
            truncated: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.messages.insert(
            number,
            ModelMessage {
                message,
                chunks: BTreeMap::new(),
            },
        );
        self.touch(Some(id), number + 1, now);
        Ok(number)
    }

    fn fill(&mut self, number: i64, parts: &[Part]) -> Message {
        let held = self.messages.get_mut(&number).unwrap();
        held.message.parts = parts.to_vec();
        let mut seq = 0;
        for part in parts {
            if let Part::Text { text } | Part::Reasoning { text } = part {
                // Texts here are ASCII, so a piece is cut at exactly the size of a chunk.
                for piece in text.as_bytes().chunks(16 << 10) {
                    seq += 1;
                    held.chunks
                        .insert(seq, String::from_utf8(piece.to_vec()).unwrap());
                }
            }
            if let Part::Text { text } = part {
                held.message.text.push_str(text);
            }
        }
        held.message.clone()
    }
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

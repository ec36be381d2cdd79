//! Conversations of any program as rows.

use std::str::FromStr;

use rusqlite::params;

use crate::domain::conversations::{self, NewConversation};
use crate::domain::messages::{self, NewMessage};
use crate::domain::parts::{self, Part};
use crate::domain::{MAX_LABEL_BYTES, MAX_METADATA_BYTES, Metadata};
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::interop::{self, Format};
use crate::store::Tx;

use super::USER;
use super::attached::{Attachment, Beside, Found};

/// A UUID that is made of these words.
pub fn derived(words: &[&str]) -> String {
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
pub struct Putting<'a> {
    pub tx: &'a Tx<'a>,
    pub format: Format,
    /// The files that messages may mean.
    pub beside: &'a Beside,
    /// Those that they do mean.
    pub attachments: &'a mut Vec<Attachment>,
    /// What could not be put as it was.
    pub notes: &'a mut Vec<String>,
}

impl Putting<'_> {
    pub fn conversation(mut self, conversation: &interop::Conversation) -> Result<()> {
        let uuid = self.conversation_uuid(conversation)?;
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
        let title = self.label(&place, "title", conversation.title.as_deref());
        self.go_on_from(conversation)?;
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
        self.settle(id, &uuid, conversation, leaf.copied())
    }

    /// The name of a chunk file is a key: the conversation gets its number, unless that was given already.
    fn go_on_from(&self, conversation: &interop::Conversation) -> Result<()> {
        if let Some(id) = self.key::<ConversationId>(conversation.source_id.as_deref()) {
            self.tx.execute(
                "UPDATE user SET next_conversation = max(next_conversation, ?2) WHERE user = ?1",
                (USER.user, id.conversation),
            )?;
        }
        Ok(())
    }

    /// What the name of a chunk file says.
    fn key<T: FromStr>(&self, source: Option<&str>) -> Option<T> {
        let source = source.filter(|_| self.format == Format::Chunks)?;
        source.parse().ok()
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
        let place = message.source_id.as_deref().unwrap_or(uuid);
        let (given, files) = self.at_hand(uuid, message);
        let parts = self.parts(place, given)?;
        let new = NewMessage {
            role: message.role,
            text: None,
            parts: Some(parts),
            parent_id: parent,
            author: self.label(place, "author", message.author.as_deref()),
            model: self.label(place, "model", message.model.as_deref()),
            usage: None,
            metadata: Some(self.metadata(place, message)?),
        };
        if let Some(key) = self.key::<MessageId>(message.source_id.as_deref()) {
            self.tx.execute(
                "UPDATE conversation SET next_message = max(next_message, ?3) WHERE user = ?1 AND conversation = ?2",
                (conversation.user, conversation.conversation, key.message),
            )?;
        }
        let id = messages::append(self.tx, conversation, &new)?.id;
        let now = self.tx.now_ms();
        let created_at = message.created_at.or(message.updated_at);
        self.attachments
            .extend(files.into_iter().map(|(artifact, found)| Attachment {
                id: artifact,
                message: id,
                created_at: created_at.unwrap_or(now),
                found,
            }));
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

    /// The parts of a message, with those files that are at hand named as the artifacts they become, and those artifacts' ids with
    /// what was found.
    fn at_hand(&self, uuid: &str, message: &interop::Message) -> (Vec<Part>, Vec<(String, Found)>) {
        let mut parts = message.parts.clone();
        let mut files = Vec::new();
        for (index, part) in parts.iter_mut().enumerate() {
            let Part::File {
                reference,
                name,
                media_type,
            } = part
            else {
                continue;
            };
            let Some(mut found) = self.beside.content(reference) else {
                continue;
            };
            *reference = derived(&[uuid, "file", &index.to_string()]);
            // What the message says of it goes before what its file does.
            found.name = name.take().or(found.name);
            found.media_type = media_type.take().or(found.media_type);
            name.clone_from(&found.name);
            media_type.clone_from(&found.media_type);
            files.push((reference.clone(), found));
        }
        (parts, files)
    }

    /// The parts of a message; one that is too large to be kept as it is becomes the text of its JSON.
    fn parts(&mut self, place: &str, parts: Vec<Part>) -> Result<Vec<Part>> {
        let fitting = parts.into_iter().map(|part| {
            let is_text = matches!(part, Part::Text { .. } | Part::Reasoning { .. });
            if is_text || parts::to_data(&part).is_ok() {
                return Ok(part);
            }
            let kind = part.kind();
            self.notes.push(format!(
                "{place}: a part of the kind {kind} is too large and is kept as text"
            ));
            let text = serde_json::to_string(&part)
                .map_err(|error| Error::invalid("a part is not JSON").caused_by(error))?;
            Ok(Part::Text { text })
        });
        fitting.collect()
    }

    /// A message's metadata, with the mark of what its source did not show.
    fn metadata(&mut self, place: &str, message: &interop::Message) -> Result<Metadata> {
        let marked = |metadata: &Metadata| {
            if message.hidden {
                metadata.with("hidden", &true)
            } else {
                Ok(metadata.clone())
            }
        };
        let metadata = marked(&message.metadata)?;
        if metadata.get().len() <= MAX_METADATA_BYTES {
            return Ok(metadata);
        }
        self.notes.push(format!(
            "{place}: its metadata is larger than {MAX_METADATA_BYTES} bytes and is left out"
        ));
        marked(&Metadata::default())
    }

    /// A title or name, cut to what fits.
    fn label(&mut self, place: &str, what: &str, label: Option<&str>) -> Option<String> {
        let label = label?;
        let cut = label.get(..label.floor_char_boundary(MAX_LABEL_BYTES))?;
        if cut.len() < label.len() {
            self.notes.push(format!(
                "{place}: its {what} is cut to {MAX_LABEL_BYTES} bytes"
            ));
        }
        Some(cut.to_owned())
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

pub fn is_invalid<T>(result: &Result<T>) -> bool {
    matches!(result, Err(error) if error.code() == Code::InvalidArgument)
}

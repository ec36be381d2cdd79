//! One conversation by itself, in a form that people or other programs read.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::domain::conversations::{self, ConversationStatus};
use crate::domain::messages::{self, Message, MessageList, MessagePath};
use crate::domain::page::Order;
use crate::domain::parts;
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::interop::{self, chunks, markdown, native, sharegpt};
use crate::store::View;

/// Messages read at once.
const PAGE: i64 = 100;

/// Characters of a title that a file's name has.
const NAME_CHARS: usize = 80;

/// In what form a conversation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ConversationForm {
    /// Markdown, for people: every message, those off the active path marked.
    Markdown,
    /// JSON that leaves out nothing, and is brought in again as it was.
    Json,
    /// `ShareGPT`: the text of the active path.
    ShareGpt,
    /// Chunk files: the text of the active path, in files named by their keys.
    Chunks,
}

/// Asks for a conversation.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConversationExport {
    /// The conversation.
    pub id: ConversationId,
    /// In what form.
    #[serde(rename = "as")]
    pub form: ConversationForm,
}

/// A file of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ExportedText {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub text: String,
}

/// Writes a conversation, archived or not: one file, or several of chunks.
///
/// # Errors
/// `not_found` when there is no such conversation.
pub fn export_conversation(
    view: &View<'_>,
    asked: &ConversationExport,
) -> Result<Vec<ExportedText>> {
    let conversation = read(view, asked.id)?;
    let name = file_name(conversation.title.as_deref().unwrap_or_default(), asked.id);
    let one = |ending: &str, media_type, write: Writing| -> Result<Vec<ExportedText>> {
        let mut bytes = Vec::new();
        write(&conversation, &mut bytes)?;
        let name = format!("{name}.{ending}");
        Ok(vec![file(name, media_type, bytes)?])
    };
    match asked.form {
        ConversationForm::Markdown => one("md", "text/markdown", markdown::write),
        ConversationForm::Json => one("json", "application/json", native::write),
        ConversationForm::ShareGpt => one("sharegpt.json", "application/json", sharegpt::write),
        ConversationForm::Chunks => {
            let files = chunks::write(&conversation, asked.id).into_iter();
            let files = files.map(|(name, bytes)| file(name, "application/json", bytes));
            files.collect()
        }
    }
}

type Writing = fn(&interop::Conversation, &mut dyn std::io::Write) -> Result<()>;

fn file(name: String, media_type: &'static str, bytes: Vec<u8>) -> Result<ExportedText> {
    let text = String::from_utf8(bytes).map_err(|error| {
        Error::new(Code::Internal, "a conversation was not written as text").caused_by(error)
    })?;
    Ok(ExportedText {
        name,
        media_type,
        text,
    })
}

/// A conversation as any program could have it.
fn read(view: &View<'_>, id: ConversationId) -> Result<interop::Conversation> {
    let conversation = conversations::get(view, id)?;
    let mut places: HashMap<MessageId, usize> = HashMap::new();
    let mut read = Vec::new();
    let mut query = MessageList {
        conversation_id: id,
        path: Some(MessagePath::All),
        order: Some(Order::Oldest),
        since: None,
        until: None,
        limit: Some(PAGE),
        cursor: None,
    };
    loop {
        let page = messages::list(view, &query)?;
        for message in page.items {
            places.insert(message.id, read.len());
            let parent = message.parent_id.and_then(|id| places.get(&id).copied());
            read.push(as_any(view, message, parent)?);
        }
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    Ok(interop::Conversation {
        source_id: Some(conversation.uuid),
        title: Some(conversation.title),
        created_at: Some(conversation.created_at),
        updated_at: Some(conversation.updated_at),
        archived: Some(conversation.status == ConversationStatus::Archived),
        metadata: conversation.metadata,
        messages: read,
        leaf: conversation.leaf_id.and_then(|id| places.get(&id).copied()),
    })
}

fn as_any(view: &View<'_>, message: Message, parent: Option<usize>) -> Result<interop::Message> {
    let parts = if message.truncated {
        parts::whole(view, message.id)?
    } else {
        message.parts
    };
    Ok(interop::Message {
        source_id: Some(message.uuid),
        parent,
        role: message.role,
        author: message.author,
        model: message.model,
        status: message.status,
        hidden: false,
        created_at: Some(message.created_at),
        updated_at: Some(message.updated_at),
        parts,
        metadata: message.metadata,
    })
}

/// A title as it can be a file's name on any system.
fn file_name(title: &str, id: ConversationId) -> String {
    let safe = title.chars().take(NAME_CHARS).map(|char| {
        let is_special = char.is_control() || "/\\:*?\"<>|".contains(char);
        if is_special { '_' } else { char }
    });
    let safe: String = safe.collect();
    let safe = safe.trim().trim_matches('.');
    if safe.is_empty() {
        return id.to_string();
    }
    safe.to_owned()
}

//! Other programs' formats: one file each. What they hold is read into one neutral model, and written from it.
//!
//! Every field of a source is a field of the model, or is kept as it is under `metadata.<format>` of its conversation or message and named in the
//! conversation's report. [`Reader`] reads a file's conversations one at a time, [`detect::detect`] recognises a format.

mod blocks;
pub mod charts;
mod chatgpt;
pub mod chunks;
mod claude;
pub mod detect;
mod fields;
mod librechat;
pub mod markdown;
pub mod native;
mod openwebui;
mod parse;
mod reader;
pub mod sharegpt;
mod source;
mod tree;
mod ui_message;
mod value;

use serde::{Deserialize, Serialize};

use crate::domain::Metadata;
use crate::domain::messages::{MessageStatus, Role};
use crate::domain::parts::Part;
use crate::error::{Code, Error};

pub use reader::Reader;
pub(crate) use source::unreadable;

/// The most notes that one conversation's report holds.
const MAX_NOTES: usize = 1000;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `conversations.json` of a `ChatGPT` export, or one of its parts.
    ChatGpt,
    /// `conversations.json` of a Claude export.
    Claude,
    /// An export of `Open WebUI`.
    OpenWebUi,
    /// An export of `LibreChat`.
    LibreChat,
    /// `ShareGPT`: lists of turns.
    ShareGpt,
    /// Messages of the AI SDK.
    UiMessage,
    /// One file of a folder of chunks; read those with [`chunks::read`].
    Chunks,
    /// Structural tension charts or the memory server's graph as JSON Lines; `domain::charts::lines` reads them.
    Charts,
    /// What [`native::write`] writes.
    Strongroom,
}

impl Format {
    /// The name under which a format's own fields are kept in metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatGpt => "chatgpt",
            Self::Claude => "claude",
            Self::OpenWebUi => "openwebui",
            Self::LibreChat => "librechat",
            Self::ShareGpt => "sharegpt",
            Self::UiMessage => "uimessage",
            Self::Chunks => "chunks",
            Self::Charts => "charts",
            Self::Strongroom => "strongroom",
        }
    }
}

/// A conversation as any program could have it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conversation {
    /// Its id where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The title shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// Milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// Whether it was put away; absent where the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// What has no field here, under the format's name.
    #[serde(default)]
    pub metadata: Metadata,
    /// Its messages, each behind its parent.
    pub messages: Vec<Message>,
    /// The last message of the active path, as an index; absent if there are no messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<usize>,
}

/// A message as any program could have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Message {
    /// Its id where it comes from; unique only within its conversation, if there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The message it follows, as an index smaller than its own; absent on a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// Whose voice it is in.
    pub role: Role,
    /// Who wrote it, if the source names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The model that produced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How far it came.
    pub status: MessageStatus,
    /// Whether its source did not show it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// Milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// What has no field here, under the format's name.
    #[serde(default)]
    pub metadata: Metadata,
}

impl Conversation {
    /// The active path, from its root to the leaf.
    #[must_use]
    pub fn path(&self) -> Vec<&Message> {
        let mut path = Vec::new();
        let mut next = self.leaf;
        while let Some((index, message)) = next.and_then(|i| Some((i, self.messages.get(i)?))) {
            path.push(message);
            next = message.parent.filter(|parent| *parent < index);
        }
        path.reverse();
        path
    }
}

impl Message {
    /// Its text parts joined.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

/// Something that is not as its source had it, or could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// Where: a message's id, or the element's number and its first byte in the file.
    pub place: String,
    /// What it is.
    pub why: String,
}

/// What became of one conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Messages that were taken.
    pub messages: usize,
    /// Parts of them.
    pub parts: usize,
    /// The fields that are kept as raw data: `title` of the conversation, `messages.weight` of a message.
    pub raw: Vec<String>,
    /// What was repaired, cut or left out: the first 1,000.
    pub notes: Vec<Note>,
    /// Notes beyond those.
    pub more_notes: usize,
}

impl Report {
    pub(crate) fn note(&mut self, place: impl Into<String>, why: impl Into<String>) {
        if self.notes.len() == MAX_NOTES {
            self.more_notes += 1;
            return;
        }
        self.notes.push(Note {
            place: place.into(),
            why: why.into(),
        });
    }
}

/// What comes next in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A conversation, and what became of it.
    Conversation(Box<Conversation>, Report),
    /// A record that could not be taken.
    Skipped(Note),
}

fn unwritable(error: std::io::Error) -> Error {
    Error::new(Code::Io, "the file cannot be written").caused_by(error)
}

//! What goes over the wire for streams and followers: arguments, answers and news.

use serde::{Deserialize, Serialize};

use super::metrics::LatencySummary;
use crate::domain::Json;
use crate::domain::messages::{Message, MessageStatus, NewMessage};
use crate::domain::parts::{Part, TextKind};
use crate::id::{ConversationId, MessageId};
use crate::stream::StreamSettings;

/// Begins a streamed message.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamBegin {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message, without content.
    pub message: NewMessage,
    /// When bundles and chunks close; the store's settings by default.
    pub settings: Option<StreamSettings>,
}

/// Takes up a message whose stream was interrupted.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamContinue {
    /// The message.
    pub id: MessageId,
    /// When bundles and chunks close; the store's settings by default.
    pub settings: Option<StreamSettings>,
}

/// An open stream.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct StreamOpened {
    /// The stream's number, for this worker's lifetime.
    pub stream: u64,
    /// The message as it is now.
    pub message: Message,
}

/// Deltas of a stream, in order.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamWrite {
    /// The stream.
    pub stream: u64,
    /// The deltas; empty ones are allowed.
    pub deltas: Vec<String>,
    /// How many tokens each delta holds; by their length when absent.
    pub tokens: Option<Vec<u32>>,
    /// Text by default.
    pub kind: Option<TextKind>,
    /// Whether what has gathered is to be kept then; not by default.
    pub flush: Option<bool>,
}

/// A part that is not text, between the texts of a stream.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamPart {
    /// The stream.
    pub stream: u64,
    /// The part.
    pub part: Part,
}

/// Names an open stream.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamRef {
    /// The stream.
    pub stream: u64,
}

/// Ends a stream.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamEnd {
    /// The stream.
    pub stream: u64,
    /// What becomes of the message: `complete`, `interrupted` or `error`.
    pub status: MessageStatus,
    /// What it cost, as the provider reported it.
    pub usage: Option<Json>,
}

/// Sets when bundles and chunks close.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamConfigure {
    /// One open stream; without it, all open streams and those to come.
    pub stream: Option<u64>,
    /// The settings.
    pub settings: StreamSettings,
}

/// How far a stream is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct StreamProgress {
    /// Characters kept so far, as JavaScript counts them (UTF-16).
    pub acknowledged: u64,
    /// Bundles closed so far.
    pub bundles: u64,
    /// Chunks begun so far.
    pub chunks: u64,
}

/// Begins to follow a message.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Follow {
    /// The message.
    pub id: MessageId,
}

/// What a follower begins with; the bundles it is sent continue exactly here.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// The follower's number, for this worker's lifetime.
    pub follower: u64,
    /// The message as it is kept now.
    pub message: Message,
}

/// Names a follower.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FollowerRef {
    /// The follower.
    pub follower: u64,
}

/// Something a follower is told, once it is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FollowerNews {
    /// The follower.
    pub follower: u64,
    /// What happened.
    pub news: News,
}

/// What happened to a followed message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum News {
    /// Text arrived.
    Bundle {
        /// Text or reasoning.
        kind: TextKind,
        /// The text.
        text: String,
        /// Its tokens.
        tokens: u32,
    },
    /// A part that is not text arrived.
    Part {
        /// The part.
        part: Part,
    },
    /// The stream ended; nothing follows.
    End {
        /// What became of the message.
        status: MessageStatus,
    },
}

/// What all streams have done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct StreamStats {
    /// Streams open now.
    pub open: u64,
    /// Deltas taken.
    pub deltas: u64,
    /// Tokens taken.
    pub tokens: u64,
    /// Bundles closed.
    pub bundles: u64,
    /// Chunks begun.
    pub chunks: u64,
    /// From a bundle's first delta to its being kept.
    pub bundle_latency: LatencySummary,
    /// From the arrival of what grew a chunk to its being kept.
    pub chunk_latency: LatencySummary,
}

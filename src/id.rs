//! Identifiers: readable, hierarchical, allocated per parent.
//!
//! `us01` is a user, `us01-co12` a conversation, `us01-co12-ms02` a message and `us01-co12-ms02-001` a chunk.
//! Numbers have at least that many digits and grow past them; each record has exactly one spelling, so
//! `us1` and `us001` are not identifiers. Order is by number, never by text.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::error::{Error, Result};

/// The greatest number an identifier may hold: every JavaScript number up to here is exact.
pub const MAX_NUMBER: i64 = (1 << 53) - 1;

/// A user: `us01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId {
    /// The user's number, from 1.
    pub user: i64,
}

/// A conversation of a user: `us01-co12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId {
    /// The owner's number.
    pub user: i64,
    /// The conversation's number within its user, from 1.
    pub conversation: i64,
}

/// A message of a conversation: `us01-co12-ms02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The owner's number.
    pub user: i64,
    /// The conversation's number within its user.
    pub conversation: i64,
    /// The message's number within its conversation, from 1.
    pub message: i64,
}

/// A chunk of a message: `us01-co12-ms02-001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId {
    /// The message it belongs to.
    pub message: MessageId,
    /// Its place in the message, from 1.
    pub seq: i64,
}

impl ConversationId {
    /// The user who owns the conversation.
    #[must_use]
    pub const fn owner(self) -> UserId {
        UserId { user: self.user }
    }

    /// The message with this number.
    #[must_use]
    pub const fn message(self, message: i64) -> MessageId {
        MessageId {
            user: self.user,
            conversation: self.conversation,
            message,
        }
    }
}

impl MessageId {
    /// The conversation the message belongs to.
    #[must_use]
    pub const fn conversation(self) -> ConversationId {
        ConversationId {
            user: self.user,
            conversation: self.conversation,
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "us{:02}", self.user)
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-co{:02}", self.owner(), self.conversation)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-ms{:02}", self.conversation(), self.message)
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:03}", self.message, self.seq)
    }
}

/// Reads one part, such as `co12`: the prefix, then a number of at least `digits` digits without further padding.
fn number(part: &str, prefix: &str, digits: usize) -> Option<i64> {
    let text = part.strip_prefix(prefix)?;
    let canonical = text.bytes().all(|b| b.is_ascii_digit())
        && text.len() >= digits
        && (text.len() == digits || !text.starts_with('0'));
    let number = text.parse().ok()?;
    (canonical && (1..=MAX_NUMBER).contains(&number)).then_some(number)
}

impl FromStr for UserId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        number(text, "us", 2)
            .map(|user| Self { user })
            .ok_or_else(|| malformed(text, "user", "us01"))
    }
}

impl FromStr for ConversationId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.rsplit_once('-')
            .and_then(|(user, last)| {
                let user = user.parse::<UserId>().ok()?.user;
                let conversation = number(last, "co", 2)?;
                Some(Self { user, conversation })
            })
            .ok_or_else(|| malformed(text, "conversation", "us01-co12"))
    }
}

impl FromStr for MessageId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.rsplit_once('-')
            .and_then(|(conversation, last)| {
                let message = number(last, "ms", 2)?;
                Some(
                    conversation
                        .parse::<ConversationId>()
                        .ok()?
                        .message(message),
                )
            })
            .ok_or_else(|| malformed(text, "message", "us01-co12-ms02"))
    }
}

impl FromStr for ChunkId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.rsplit_once('-')
            .and_then(|(message, last)| {
                let seq = number(last, "", 3)?;
                Some(Self {
                    message: message.parse().ok()?,
                    seq,
                })
            })
            .ok_or_else(|| malformed(text, "chunk", "us01-co12-ms02-001"))
    }
}

fn malformed(text: &str, kind: &str, example: &str) -> Error {
    let shown: String = text.chars().take(64).collect();
    Error::invalid(format!(
        "{shown:?} is not a {kind} id; one looks like {example}"
    ))
}

macro_rules! as_string {
    ($($id:ty),*) => {$(
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(|error: Error| D::Error::custom(error.message()))
            }
        }
    )*};
}

/// In TypeScript an id is a string.
#[cfg(test)]
macro_rules! ts_string {
    ($($id:ty),*) => {$(
        impl ts_rs::TS for $id {
            type WithoutGenerics = Self;
            type OptionInnerType = Self;

            fn name(_: &ts_rs::Config) -> String {
                "string".to_owned()
            }

            fn inline(config: &ts_rs::Config) -> String {
                Self::name(config)
            }
        }
    )*};
}

#[cfg(test)]
ts_string!(UserId, ConversationId, MessageId, ChunkId);

as_string!(UserId, ConversationId, MessageId, ChunkId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_and_grow_past_their_padding() {
        let message: MessageId = "us01-co12-ms102".parse().unwrap();
        assert_eq!(
            message,
            MessageId {
                user: 1,
                conversation: 12,
                message: 102
            }
        );
        assert_eq!(message.to_string(), "us01-co12-ms102");
        let chunk: ChunkId = "us01-co12-ms02-1001".parse().unwrap();
        assert_eq!(chunk.to_string(), "us01-co12-ms02-1001");
    }

    #[test]
    fn every_record_has_exactly_one_spelling() {
        for text in [
            "us1",
            "us001",
            "us00",
            "US01",
            "us01 ",
            "us-1",
            "us+1",
            "us",
            "",
            "us01-co1",
            "us01-co012",
            "us01-ms01",
            "us01-co01-ms01-01",
            "us01-co01-ms01-0001",
            "us9007199254740992",
            "us01-co01-",
        ] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
            assert!(text.parse::<ConversationId>().is_err(), "{text}");
            assert!(text.parse::<MessageId>().is_err(), "{text}");
            assert!(text.parse::<ChunkId>().is_err(), "{text}");
        }
    }

    #[test]
    fn order_is_by_number() {
        let two: ConversationId = "us01-co02".parse().unwrap();
        let ten: ConversationId = "us01-co10".parse().unwrap();
        let hundred: ConversationId = "us01-co100".parse().unwrap();
        assert!(two < ten && ten < hundred);
    }
}

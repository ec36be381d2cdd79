//! Reading ahead: what an app shows first of a context is read before it asks, so that it lies in the page cache.

use serde::{Deserialize, Serialize};

use super::constructs::{self, ConstructList};
use super::contexts::{self, ContextRef};
use super::conversations::{self, ConversationList};
use super::learnings::{self, LearningList};
use super::messages::{self, MessageList, MessagePath};
use super::page::Order;
use crate::error::Result;
use crate::store::View;

/// Conversations whose newest messages are read.
const CONVERSATIONS: usize = 3;

/// Messages of each that are read.
const MESSAGES: i64 = 20;

/// Bytes of text after which no more messages are read: a part of the page cache, and of what a write may have to wait for.
const MAX_TEXT_BYTES: usize = 256 << 10;

/// What was read ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ContextPreload {
    /// Conversations that were listed.
    pub conversations: usize,
    /// Messages that were read.
    pub messages: usize,
    /// Constructs that were listed.
    pub constructs: usize,
    /// Learnings that were listed.
    pub learnings: usize,
    /// Bytes of the messages' text.
    pub text_bytes: usize,
}

/// Reads the first page of each list of a context, and the newest messages of its newest conversations.
///
/// # Errors
/// `not_found` when there is no such context.
pub fn preload(view: &View<'_>, context: &ContextRef) -> Result<ContextPreload> {
    let user_id = Some(contexts::get(view, context)?.user_id);
    let contexts = Some(vec![context.name.clone()]);
    let conversations = conversations::list(
        view,
        &ConversationList {
            user_id,
            contexts: contexts.clone(),
            ..ConversationList::default()
        },
    )?;
    let constructs = constructs::list(
        view,
        &ConstructList {
            user_id,
            contexts: contexts.clone(),
            ..ConstructList::default()
        },
    )?;
    let learnings = learnings::list(
        view,
        &LearningList {
            user_id,
            contexts,
            ..LearningList::default()
        },
    )?;
    let mut read = ContextPreload {
        conversations: conversations.items.len(),
        messages: 0,
        constructs: constructs.items.len(),
        learnings: learnings.items.len(),
        text_bytes: 0,
    };
    for conversation in conversations.items.iter().take(CONVERSATIONS) {
        if read.text_bytes >= MAX_TEXT_BYTES {
            break;
        }
        let newest = messages::list(
            view,
            &MessageList {
                conversation_id: conversation.id,
                path: Some(MessagePath::Active),
                order: Some(Order::Newest),
                since: None,
                until: None,
                limit: Some(MESSAGES),
                cursor: None,
            },
        )?;
        read.messages += newest.items.len();
        let texts = newest.items.iter().map(|message| message.text.len());
        read.text_bytes += texts.sum::<usize>();
    }
    Ok(read)
}

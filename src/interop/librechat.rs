//! `LibreChat` exports: messages in a list, or in one another's `children`.

use super::blocks::Body;
use super::fields::{Draft, Head, take_role, take_time};
use super::tree::{self, Node, take_link};
use super::value::{Object, Value};
use super::{Conversation, Format, Report};
use crate::domain::messages::{MessageStatus, Role};
use crate::error::{Error, Result};

/// The parent of messages that have none.
const ROOT: &str = "00000000-0000-0000-0000-000000000000";

/// The list that holds a conversation's messages.
pub(super) fn messages_key(object: &Object) -> Option<&'static str> {
    if !object.has("conversationId") {
        return None;
    }
    let keys = ["messagesTree", "messages"];
    keys.into_iter().find(|key| object.has_list(key))
}

pub(super) fn conversation(
    mut object: Object,
    below: Vec<Object>,
    report: &mut Report,
) -> Result<Conversation> {
    let key = messages_key(&object)
        .ok_or_else(|| Error::invalid("the conversation has no list of messages"))?;
    let mut below: Vec<Option<Object>> = below.into_iter().map(Some).collect();
    let mut others = Vec::new();
    let mut nodes = Vec::new();
    let mut waiting: Vec<(Value, Option<String>)> = Vec::new();
    for key in ["messages", "messagesTree"] {
        while let Some(list) = object.take_list(key) {
            waiting.extend(list.into_iter().rev().map(|value| (value, None)));
        }
    }
    while let Some((value, above)) = waiting.pop() {
        let message = match value {
            Value::Below(place) => below.get_mut(place).and_then(Option::take),
            Value::Object(message) => Some(message),
            other => {
                report.note("", "a message is no object, and is kept raw");
                others.push(other);
                None
            }
        };
        let Some(mut message) = message else { continue };
        let mut children = Vec::new();
        while let Some(list) = message.take_list("children") {
            children.extend(list);
        }
        let node = read_message(message, above, report)?;
        let children = children.into_iter().rev();
        waiting.extend(children.map(|child| (child, node.id.clone())));
        nodes.push(node);
    }
    if !others.is_empty() {
        object.put(key, Value::List(others));
    }
    if nodes.iter().all(|node| node.parent.is_none()) && !nodes.is_empty() {
        chain(&mut nodes);
    }
    let head = Head {
        source_id: object.take_text("conversationId"),
        title: object.take_text("title"),
        created_at: take_time(&mut object, "createdAt"),
        updated_at: take_time(&mut object, "updatedAt"),
        archived: None,
        raw: object,
    };
    tree::build(Format::LibreChat, head, nodes, None, report)
}

/// Messages of which none names a parent follow one another.
fn chain(nodes: &mut [Node]) {
    let mut above = None;
    for node in nodes {
        node.parent.clone_from(&above);
        above.clone_from(&node.id);
    }
}

fn read_message(mut message: Object, above: Option<String>, report: &mut Report) -> Result<Node> {
    let id = message.take_text("messageId");
    let place = id.clone().unwrap_or_default();
    let role = match message.get("isCreatedByUser") {
        Some(Value::Bool(is_user)) => {
            let role = if *is_user {
                Role::User
            } else {
                Role::Assistant
            };
            message.take("isCreatedByUser");
            role
        }
        _ if message.has("role") => take_role(&mut message, "role", &place, report),
        _ => match message.text("sender") {
            Some("User" | "user") => Role::User,
            _ => Role::Assistant,
        },
    };
    let mut body = Body::default();
    body.list(
        message.take_list("content").unwrap_or_default(),
        &place,
        report,
    )?;
    let repeats = message.text("text").is_some_and(|text| {
        let mut parts = body.parts.iter();
        text.is_empty() || parts.any(|part| matches!(part, crate::domain::parts::Part::Text { text: own } if own == text))
    });
    if repeats {
        message.take("text");
    } else if !body.has_text()
        && let Some(text) = message.take_text("text")
    {
        body.text(text);
    }
    let keys = ["filepath", "file_id", "filename"];
    for list in ["files", "attachments"] {
        body.files(&mut message, list, &keys, &place, report)?;
    }
    let mut links = Object::default();
    let named = take_link(&mut message, "parentMessageId", &mut links);
    let parent = named.filter(|parent| parent != ROOT).or(above);
    let status = match (message.get("error"), message.get("unfinished")) {
        (Some(Value::Bool(true)), _) => MessageStatus::Error,
        (_, Some(Value::Bool(true))) => MessageStatus::Interrupted,
        _ => MessageStatus::Complete,
    };
    let parts = body.finish("content", &mut message);
    let draft = Draft {
        source_id: id.clone(),
        role,
        author: message.take_text("sender"),
        model: message.take_text("model"),
        status,
        hidden: false,
        created_at: take_time(&mut message, "createdAt"),
        updated_at: take_time(&mut message, "updatedAt"),
        parts,
        raw: message,
    };
    Ok(Node {
        id,
        parent,
        children: Vec::new(),
        draft: Some(draft),
        links,
    })
}

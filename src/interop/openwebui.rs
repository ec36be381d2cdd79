//! `Open WebUI` exports: a chat whose history holds its messages by id.

use super::blocks::Body;
use super::fields::{Draft, Head, take_role, take_time};
use super::tree::{self, Node, take_link, take_links};
use super::value::{Object, Value};
use super::{Conversation, Format, Report};
use crate::domain::messages::MessageStatus;
use crate::domain::parts::Part;
use crate::error::{Error, Result};

pub(super) fn conversation(mut object: Object, report: &mut Report) -> Result<Conversation> {
    let mut chat = object
        .take_object("chat")
        .ok_or_else(|| Error::invalid("the conversation has no chat"))?;
    let mut history = chat.take_object("history").unwrap_or_default();
    let stored = history.take_object("messages").unwrap_or_default();
    drop_repeated(&mut chat, &stored);
    let mut nodes = Vec::new();
    let mut others = Object::default();
    for (id, message) in stored.0 {
        match message {
            Value::Object(message) => nodes.push(read_message(Some(id), message, report)?),
            other => {
                report.note(&id, "the message is no object, and is kept raw");
                others.put(&id, other);
            }
        }
    }
    if nodes.is_empty() {
        nodes = listed(&mut chat, report)?;
    }
    let current = history.text("currentId").map(str::to_owned);
    if current.is_some() && nodes.iter().any(|node| node.id == current) {
        history.take("currentId");
    }
    history.put_left("messages", others);
    chat.put_left("history", history);
    let title = object.take_text("title");
    if title.is_some() && chat.text("title") == title.as_deref() {
        chat.take("title");
    }
    let title = title.or_else(|| chat.take_text("title"));
    object.put_left("chat", chat);
    let archived = match object.get("archived") {
        Some(&Value::Bool(flag)) => {
            object.take("archived");
            Some(flag)
        }
        _ => None,
    };
    let head = Head {
        source_id: object.take_text("id"),
        title,
        created_at: take_time(&mut object, "created_at"),
        updated_at: take_time(&mut object, "updated_at"),
        archived,
        raw: object,
    };
    tree::build(Format::OpenWebUi, head, nodes, current.as_deref(), report)
}

/// A chat also lists the messages of its active path; those that the history holds alike are said already.
fn drop_repeated(chat: &mut Object, stored: &Object) {
    let Some(list) = chat.take_list("messages") else {
        return;
    };
    let known: std::collections::HashMap<&str, &Value> = stored
        .0
        .iter()
        .map(|(id, value)| (id.as_str(), value))
        .collect();
    let is_new = |value: &Value| {
        let id = value.as_object().and_then(|message| message.text("id"));
        id.and_then(|id| known.get(id)) != Some(&value)
    };
    let list: Vec<Value> = list.into_iter().filter(is_new).collect();
    if !list.is_empty() {
        chat.put("messages", Value::List(list));
    }
}

/// The messages of a chat without a history follow one another.
fn listed(chat: &mut Object, report: &mut Report) -> Result<Vec<Node>> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut others = Vec::new();
    for message in chat.take_list("messages").unwrap_or_default() {
        match message {
            Value::Object(message) => {
                let mut node = read_message(None, message, report)?;
                let above = nodes.last().and_then(|node| node.id.clone());
                node.parent = node.parent.or(above);
                nodes.push(node);
            }
            other => others.push(other),
        }
    }
    if !others.is_empty() {
        report.note("", "messages that are no objects are kept raw");
        chat.put("messages", Value::List(others));
    }
    Ok(nodes)
}

fn read_message(key: Option<String>, mut message: Object, report: &mut Report) -> Result<Node> {
    if let Some(key) = &key {
        message.take_word("id", key);
    }
    let id = key.or_else(|| message.take_text("id"));
    let place = id.clone().unwrap_or_default();
    let mut links = Object::default();
    let parent = take_link(&mut message, "parentId", &mut links);
    let children = take_links(&mut message, "childrenIds", &mut links);
    let role = take_role(&mut message, "role", &place, report);
    let mut body = Body::default();
    // The output says in parts what the content says as HTML.
    body.list(
        message.take_list("output").unwrap_or_default(),
        &place,
        report,
    )?;
    let mut content = Body::default();
    content.list(
        message.take_list("content").unwrap_or_default(),
        &place,
        report,
    )?;
    body.parts.append(&mut content.parts);
    content.finish("content", &mut message);
    let repeats = message.text("content").is_some_and(|content| {
        let mut parts = body.parts.iter();
        parts.any(|part| matches!(part, Part::Text { text } if text == content))
    });
    if repeats {
        message.take("content");
    } else if !body.has_text()
        && let Some(text) = message.take_text("content")
    {
        body.text(text);
    }
    body.files(&mut message, "files", &["url", "id"], &place, report)?;
    let status = match (message.get("done"), message.get("error")) {
        (_, Some(Value::Object(_) | Value::Text(_) | Value::Bool(true))) => MessageStatus::Error,
        (Some(Value::Bool(false)), _) => MessageStatus::Interrupted,
        _ => MessageStatus::Complete,
    };
    let parts = body.finish("output", &mut message);
    let draft = Draft {
        source_id: id.clone(),
        role,
        author: None,
        model: message.take_text("model"),
        status,
        hidden: false,
        created_at: take_time(&mut message, "timestamp"),
        updated_at: None,
        parts,
        raw: message,
    };
    Ok(Node {
        id,
        parent,
        children,
        draft: Some(draft),
        links,
    })
}

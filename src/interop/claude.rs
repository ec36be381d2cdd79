//! Claude exports: a list of messages, each made of blocks; newer ones name their parents.

use super::blocks::Body;
use super::fields::{Draft, Head, take_role, take_time};
use super::tree::{self, Node, take_link};
use super::value::{Object, Value};
use super::{Conversation, Format, Report};
use crate::domain::messages::{MessageStatus, Role};
use crate::domain::parts::Part;
use crate::error::{Error, Result};

/// The parent of messages that have none.
const ROOT: &str = "00000000-0000-4000-8000-000000000000";

pub(super) fn conversation(mut object: Object, report: &mut Report) -> Result<Conversation> {
    let list = object
        .take_list("chat_messages")
        .ok_or_else(|| Error::invalid("the conversation has no list of messages"))?;
    let mut nodes = Vec::new();
    let mut others = Vec::new();
    for message in list {
        match message {
            Value::Object(message) => nodes.push(read_message(message, report)?),
            other => {
                report.note("", "a message is no object, and is kept raw");
                others.push(other);
            }
        }
    }
    if !others.is_empty() {
        object.put("chat_messages", Value::List(others));
    }
    let current = object.text("current_leaf_message_uuid").map(str::to_owned);
    if current.is_some() && nodes.iter().any(|node| node.id == current) {
        object.take("current_leaf_message_uuid");
    }
    let head = Head {
        source_id: object.take_text("uuid"),
        title: object.take_text("name"),
        created_at: take_time(&mut object, "created_at"),
        updated_at: take_time(&mut object, "updated_at"),
        archived: None,
        raw: object,
    };
    if nodes.iter().all(|node| node.parent.is_none()) {
        return tree::chain(Format::Claude, head, in_order(nodes), report);
    }
    for node in &mut nodes {
        node.parent = node.parent.take().filter(|parent| parent != ROOT);
    }
    tree::build(Format::Claude, head, nodes, current.as_deref(), report)
}

/// Messages that name no parents, by their times. A question may share its answer's time: it is first.
fn in_order(nodes: Vec<Node>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = nodes.into_iter().filter_map(|node| node.draft).collect();
    if drafts.iter().all(|draft| draft.created_at.is_some()) {
        drafts.sort_by_key(|draft| (draft.created_at, draft.role != Role::User));
    }
    drafts
}

fn read_message(mut message: Object, report: &mut Report) -> Result<Node> {
    let id = message.take_text("uuid");
    let place = id.clone().unwrap_or_default();
    let role = take_role(&mut message, "sender", &place, report);
    let mut body = Body::default();
    body.list(
        message.take_list("content").unwrap_or_default(),
        &place,
        report,
    )?;
    read_text(&mut message, &mut body);
    let keys = ["file_uuid", "file_name"];
    for list in ["attachments", "files", "files_v2"] {
        body.files(&mut message, list, &keys, &place, report)?;
    }
    let mut links = Object::default();
    let parent = take_link(&mut message, "parent_message_uuid", &mut links);
    let parts = body.finish("content", &mut message);
    let draft = Draft {
        source_id: id.clone(),
        role,
        author: None,
        model: message.take_text("model"),
        status: MessageStatus::Complete,
        hidden: false,
        created_at: take_time(&mut message, "created_at"),
        updated_at: take_time(&mut message, "updated_at"),
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

/// The text beside the blocks: it repeats them, is all there is, or says something else and is kept.
fn read_text(message: &mut Object, body: &mut Body) {
    let Some(text) = message.text("text") else {
        return;
    };
    let texts = body.parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    let texts: Vec<&str> = texts.collect();
    let repeats =
        texts.contains(&text) || ["", "\n", "\n\n"].iter().any(|gap| texts.join(gap) == text);
    if repeats || !body.has_text() {
        let text = message.take_text("text").unwrap_or_default();
        if !repeats && !text.is_empty() {
            body.text(text);
        }
    }
}

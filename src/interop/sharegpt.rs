//! `ShareGPT`: conversations as lists of turns, with `from` and `value` or with `role` and `content`.

use std::io::Write;

use super::blocks::Body;
use super::fields::{Draft, Head, take_role, take_time};
use super::value::{Object, Value};
use super::{Conversation, Format, Report, tree, unwritable};
use crate::domain::messages::{MessageStatus, Role};
use crate::error::{Error, Result};

/// The list that holds a conversation's turns.
pub(super) fn turns_key(object: &Object) -> Option<&'static str> {
    let keys = ["conversations", "conversation", "messages"];
    keys.into_iter().find(|key| object.has_list(key))
}

pub(super) fn conversation(mut object: Object, report: &mut Report) -> Result<Conversation> {
    let key = turns_key(&object).ok_or_else(|| Error::invalid("the object has no turns"))?;
    let mut drafts: Vec<Draft> = Vec::new();
    let mut others = Vec::new();
    for turn in object.take_list(key).unwrap_or_default() {
        match turn {
            Value::Object(turn) => drafts.push(read_turn(turn, drafts.len() + 1, report)?),
            other => {
                report.note("", "a turn is no object, and is kept raw");
                others.push(other);
            }
        }
    }
    if !others.is_empty() {
        object.put(key, Value::List(others));
    }
    let head = Head {
        source_id: object.take_text("id"),
        title: object.take_text("title"),
        created_at: take_time(&mut object, "created_at"),
        updated_at: take_time(&mut object, "updated_at"),
        archived: None,
        raw: object,
    };
    tree::chain(Format::ShareGpt, head, drafts, report)
}

fn read_turn(mut turn: Object, number: usize, report: &mut Report) -> Result<Draft> {
    let place = format!("turn {number}");
    let key = if turn.has("from") { "from" } else { "role" };
    let role = take_role(&mut turn, key, &place, report);
    let key = if turn.has("value") {
        "value"
    } else {
        "content"
    };
    let mut body = Body::default();
    if let Some(text) = turn.take_text(key) {
        body.text(text);
    }
    body.list(turn.take_list(key).unwrap_or_default(), &place, report)?;
    let parts = body.finish("pieces", &mut turn);
    Ok(Draft {
        source_id: turn.take_text("id"),
        role,
        author: turn.take_text("name"),
        model: turn.take_text("model"),
        status: MessageStatus::Complete,
        hidden: false,
        created_at: None,
        updated_at: None,
        parts,
        raw: turn,
    })
}

/// Writes a conversation's active path as one line of JSON. Parts other than text have no place in this format and are left out.
///
/// # Errors
/// `io` when it cannot be written.
pub fn write(conversation: &Conversation, output: &mut dyn Write) -> Result<()> {
    let mut line = Object::default();
    for (key, text) in [
        ("id", &conversation.source_id),
        ("title", &conversation.title),
    ] {
        if let Some(text) = text {
            line.put(key, Value::Text(text.clone()));
        }
    }
    let turns = conversation.path().into_iter().map(|message| {
        let mut turn = Object::default();
        turn.put("from", Value::Text(name(message.role).to_owned()));
        turn.put("value", Value::Text(message.text()));
        Value::Object(turn)
    });
    line.put("conversations", Value::List(turns.collect()));
    let mut text = String::new();
    line.write(&mut text);
    writeln!(output, "{text}").map_err(unwritable)
}

const fn name(role: Role) -> &'static str {
    match role {
        Role::User => "human",
        Role::Assistant => "gpt",
        Role::System => "system",
        Role::Tool => "tool",
    }
}

//! Messages of the AI SDK, alone or in a conversation that holds a list of them.

use super::blocks::Body;
use super::fields::{Draft, Head, take_role, take_time};
use super::value::{Object, Value};
use super::{Conversation, Format, Report, tree};
use crate::domain::messages::MessageStatus;
use crate::domain::parts::Part;
use crate::error::{Error, Result};

/// Whether an object is a message: it has a role, and parts or an older version's content.
pub(super) fn is_message(object: &Object) -> bool {
    object.text("role").is_some() && (object.has_list("parts") || object.has("content"))
}

pub(super) fn is_conversation(object: &Object) -> bool {
    object.has_list("messages")
}

pub(super) fn conversation(mut object: Object, report: &mut Report) -> Result<Conversation> {
    let list = object
        .take_list("messages")
        .ok_or_else(|| Error::invalid("the object has no messages"))?;
    let head = Head {
        source_id: object.take_text("id"),
        title: object.take_text("title"),
        created_at: take_time(&mut object, "createdAt"),
        updated_at: take_time(&mut object, "updatedAt"),
        archived: None,
        raw: object,
    };
    messages(head, list, report)
}

/// Messages that follow one another.
pub(super) fn messages(
    mut head: Head,
    list: Vec<Value>,
    report: &mut Report,
) -> Result<Conversation> {
    let mut drafts = Vec::new();
    let mut others = Vec::new();
    for message in list {
        match message {
            Value::Object(message) => drafts.push(read_message(message, report)?),
            other => {
                report.note("", "a message is no object, and is kept raw");
                others.push(other);
            }
        }
    }
    if !others.is_empty() {
        head.raw.put("messages", Value::List(others));
    }
    tree::chain(Format::UiMessage, head, drafts, report)
}

fn read_message(mut message: Object, report: &mut Report) -> Result<Draft> {
    let id = message.take_text("id");
    let place = id.clone().unwrap_or_default();
    let role = take_role(&mut message, "role", &place, report);
    let mut body = Body::default();
    for (index, part) in message
        .take_list("parts")
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        read_part(&index.to_string(), part, &mut body, &place, report)?;
    }
    let repeats = message.text("content").is_some_and(|content| {
        let mut parts = body.parts.iter();
        content.is_empty()
            || parts.any(|part| matches!(part, Part::Text { text } if text == content))
    });
    if repeats {
        message.take("content");
    } else if !body.has_text()
        && let Some(text) = message.take_text("content")
    {
        body.text(text);
    }
    let parts = body.finish("parts", &mut message);
    let created_at = take_time(&mut message, "createdAt");
    let mut metadata = message.take_object("metadata").unwrap_or_default();
    let created_at = created_at.or_else(|| take_time(&mut metadata, "createdAt"));
    let model = metadata.take_text("model");
    message.put_left("metadata", metadata);
    Ok(Draft {
        source_id: id,
        role,
        author: None,
        model,
        status: MessageStatus::Complete,
        hidden: false,
        created_at,
        updated_at: None,
        parts,
        raw: message,
    })
}

fn read_part(
    index: &str,
    part: Value,
    body: &mut Body,
    place: &str,
    report: &mut Report,
) -> Result<()> {
    let Value::Object(mut part) = part else {
        return body.list(vec![part], place, report);
    };
    let kind = part.text("type").unwrap_or_default().to_owned();
    let is_tool = kind == "dynamic-tool" || kind.starts_with("tool-");
    match kind.as_str() {
        "tool-invocation" if part.has_object("toolInvocation") => {
            let mut call = part.take_object("toolInvocation").unwrap_or_default();
            read_call(&mut call, "", ["args", "result"], body)?;
            part.put_left("toolInvocation", call);
        }
        _ if is_tool => {
            let name = kind.strip_prefix("tool-").unwrap_or_default();
            read_call(&mut part, name, ["input", "output"], body)?;
        }
        "text" if part.text("text").is_some() => {
            body.text(part.take_text("text").unwrap_or_default());
        }
        "reasoning"
            if part
                .text("text")
                .or_else(|| part.text("reasoning"))
                .is_some() =>
        {
            let text = part
                .take_text("text")
                .or_else(|| part.take_text("reasoning"));
            body.reasoning(text.unwrap_or_default());
        }
        "file" if part.text("url").is_some() => body.parts.push(Part::File {
            reference: part.take_text("url").unwrap_or_default(),
            name: part.take_text("filename"),
            media_type: part
                .take_text("mediaType")
                .or_else(|| part.take_text("mimeType")),
        }),
        other => {
            report.note(place, format!("a part of type `{other}` is kept as data"));
            return body.data(&part);
        }
    }
    part.take_word("type", &kind);
    body.keep(index, part);
    Ok(())
}

fn read_call(call: &mut Object, name: &str, keys: [&str; 2], body: &mut Body) -> Result<()> {
    let [input, output] = keys;
    let call_id = call.take_text("toolCallId").unwrap_or_default();
    let name = call
        .take_text("toolName")
        .unwrap_or_else(|| name.to_owned());
    body.parts.push(Part::ToolCall {
        call_id: call_id.clone(),
        name,
        input: call.take(input).unwrap_or(Value::Null).to_json()?,
    });
    let result = call.take(output).map(|value| (value, None));
    let error = || call.take("errorText").map(|value| (value, Some(true)));
    if let Some((value, is_error)) = result.or_else(error) {
        body.parts.push(Part::ToolResult {
            call_id,
            output: value.to_json()?,
            is_error,
        });
    }
    Ok(())
}

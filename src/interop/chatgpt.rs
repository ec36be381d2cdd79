//! `ChatGPT` exports: a conversation is a mapping of nodes, each with a message or none.

use super::blocks::Body;
use super::fields::{Draft, Head, take_role, take_time};
use super::tree::{self, Node, take_link, take_links};
use super::value::{Object, Value};
use super::{Conversation, Format, Report};
use crate::domain::messages::{MessageStatus, Role};
use crate::domain::parts::Part;
use crate::error::{Error, Result};

pub(super) fn conversation(mut object: Object, report: &mut Report) -> Result<Conversation> {
    let mapping = object
        .take_object("mapping")
        .ok_or_else(|| Error::invalid("the conversation has no mapping"))?;
    let mut nodes = Vec::with_capacity(mapping.0.len());
    let mut others = Object::default();
    for (id, node) in mapping.0 {
        match node {
            Value::Object(node) => nodes.push(read_node(id, node, &mut others, report)?),
            other => {
                report.note(&id, "the node is no object, and is kept raw");
                others.put(&id, other);
            }
        }
    }
    object.put_left("mapping", others);
    let current = object.text("current_node").map(str::to_owned);
    if nodes
        .iter()
        .any(|node| node.id == current && node.draft.is_some())
    {
        object.take("current_node");
    }
    let source_id = object.take_text("conversation_id");
    if source_id.is_some() && object.text("id") == source_id.as_deref() {
        object.take("id");
    }
    let head = Head {
        source_id: source_id.or_else(|| object.take_text("id")),
        title: object.take_text("title"),
        created_at: take_time(&mut object, "create_time"),
        updated_at: take_time(&mut object, "update_time"),
        archived: take_flag(&mut object, "is_archived"),
        raw: object,
    };
    tree::build(Format::ChatGpt, head, nodes, current.as_deref(), report)
}

fn take_flag(object: &mut Object, key: &str) -> Option<bool> {
    match object.get(key) {
        Some(&Value::Bool(flag)) => {
            object.take(key);
            Some(flag)
        }
        _ => None,
    }
}

/// A node. One without a message is kept with the conversation.
fn read_node(
    id: String,
    mut node: Object,
    others: &mut Object,
    report: &mut Report,
) -> Result<Node> {
    let mut links = Object::default();
    let message = node.take_object("message");
    let parent = take_link(&mut node, "parent", &mut links);
    let children = take_links(&mut node, "children", &mut links);
    node.take_word("id", &id);
    let draft = if let Some(message) = message {
        if message.text("id").is_some_and(|own| own != id) {
            node.put("id", Value::Text(id.clone()));
        }
        let mut draft = read_message(&id, parent.as_deref(), message, report)?;
        node.0
            .retain(|(key, value)| key != "parent" || *value != Value::Null);
        if !node.0.is_empty() {
            node.0.extend(std::mem::take(&mut links).0);
            draft.raw.put_left("node", node);
        }
        Some(draft)
    } else {
        let mut kept = links.clone();
        kept.0.extend(node.0);
        others.put(&id, Value::Object(kept));
        None
    };
    Ok(Node {
        id: Some(id),
        parent,
        children,
        draft,
        links,
    })
}

fn read_message(
    id: &str,
    parent: Option<&str>,
    mut message: Object,
    report: &mut Report,
) -> Result<Draft> {
    let mut author = message.take_object("author").unwrap_or_default();
    let role = take_role(&mut author, "role", id, report);
    let name = author.take_text("name");
    message.put_left("author", author);
    let mut metadata = message.take_object("metadata").unwrap_or_default();
    let model = metadata.take_text("model_slug");
    let is_hidden =
        metadata.get("is_visually_hidden_from_conversation") == Some(&Value::Bool(true));
    let attached = metadata.get("attachments").map(attached_files);
    message.put_left("metadata", metadata);
    let has_no_weight = match message.get("weight") {
        Some(Value::Number(weight)) => weight.parse::<f64>() == Ok(0.0),
        _ => false,
    };
    let status = match message.text("status") {
        Some("finished_successfully") => {
            message.take("status");
            MessageStatus::Complete
        }
        Some("in_progress" | "finished_partial_completion") => MessageStatus::Interrupted,
        Some("error") => MessageStatus::Error,
        _ => MessageStatus::Complete,
    };
    let recipient = message.text("recipient").filter(|name| *name != "all");
    let called = recipient.filter(|_| role == Role::Assistant);
    let called = called.map(str::to_owned);
    message.take_word("recipient", "all");
    let mut parts = match message.take_object("content") {
        None => Vec::new(),
        Some(mut content) => {
            let parts = read_content(id, parent, called, role, &mut content, report)?;
            message.put_left("content", content);
            parts
        }
    };
    if matches!(parts.as_slice(), [Part::ToolCall { name, .. }] if message.text("recipient") == Some(name))
    {
        message.take("recipient");
    }
    for file in attached.into_iter().flatten() {
        let is_shown = parts.iter().any(|part| is_same_file(part, &file));
        if !is_shown {
            parts.push(file);
        }
    }
    Ok(Draft {
        source_id: message.take_text("id").or_else(|| Some(id.to_owned())),
        role,
        author: name,
        model,
        status,
        hidden: is_hidden || has_no_weight,
        created_at: take_time(&mut message, "create_time"),
        updated_at: take_time(&mut message, "update_time"),
        parts,
        raw: message,
    })
}

/// The files of a message's metadata, which stay there too: only pictures are pieces of its text.
fn attached_files(list: &Value) -> Vec<Part> {
    let Value::List(list) = list else {
        return Vec::new();
    };
    let files = list.iter().filter_map(|file| match file {
        Value::Object(file) => Some(Part::File {
            reference: file.text("id")?.to_owned(),
            name: file.text("name").map(str::to_owned),
            media_type: file
                .text("mime_type")
                .or_else(|| file.text("mimeType"))
                .map(str::to_owned),
        }),
        _ => None,
    });
    files.collect()
}

/// Whether two parts point to one file: `file-service://file-1` and `file-1` do.
fn is_same_file(part: &Part, other: &Part) -> bool {
    let named = |part: &Part| match part {
        Part::File { reference, .. } => {
            let named = reference
                .split_once("://")
                .map_or(reference.as_str(), |it| it.1);
            Some(named.to_owned())
        }
        _ => None,
    };
    named(part).is_some() && named(part) == named(other)
}

fn read_content(
    id: &str,
    parent: Option<&str>,
    called: Option<String>,
    role: Role,
    content: &mut Object,
    report: &mut Report,
) -> Result<Vec<Part>> {
    let kind = content.text("content_type").unwrap_or_default().to_owned();
    let mut body = Body::default();
    match (kind.as_str(), called) {
        ("code" | "text", Some(name)) => {
            let input = content.take("text").or_else(|| content.take("parts"));
            body.parts.push(Part::ToolCall {
                call_id: id.to_owned(),
                name,
                input: input.unwrap_or(Value::Null).to_json()?,
            });
        }
        ("text" | "multimodal_text", _) => {
            for (index, piece) in content
                .take_list("parts")
                .unwrap_or_default()
                .into_iter()
                .enumerate()
            {
                read_piece(&index.to_string(), piece, &mut body, id, report)?;
            }
        }
        ("code", None) if content.text("text").is_some() => {
            body.parts
                .extend(content.take_text("text").map(|text| Part::Text { text }));
        }
        ("execution_output", _) => body.parts.push(Part::ToolResult {
            call_id: parent.unwrap_or_default().to_owned(),
            output: content.take("text").unwrap_or(Value::Null).to_json()?,
            is_error: None,
        }),
        ("reasoning_recap", _) if content.text("content").is_some() => {
            body.parts.extend(
                content
                    .take_text("content")
                    .map(|text| Part::Reasoning { text }),
            );
        }
        ("thoughts", _) => {
            for (index, thought) in content
                .take_list("thoughts")
                .unwrap_or_default()
                .into_iter()
                .enumerate()
            {
                read_thought(&index.to_string(), thought, &mut body);
            }
        }
        ("user_editable_context" | "model_editable_context", _) => {
            body.data(&std::mem::take(content))?;
        }
        (_, _) if role == Role::Tool => body.parts.push(Part::ToolResult {
            call_id: parent.unwrap_or_default().to_owned(),
            output: Value::Object(std::mem::take(content)).to_json()?,
            is_error: None,
        }),
        (other, _) => {
            report.note(id, format!("the content type `{other}` is kept as data"));
            body.data(&std::mem::take(content))?;
        }
    }
    content.take_word("content_type", "text");
    let is_empty = |part: &Part| matches!(part, Part::Text { text } if text.is_empty());
    body.parts.retain(|part| !is_empty(part));
    Ok(body.finish("pieces", content))
}

/// A piece of a text: a string, or an object that points to a file.
fn read_piece(
    index: &str,
    piece: Value,
    body: &mut Body,
    id: &str,
    report: &mut Report,
) -> Result<()> {
    match piece {
        Value::Text(text) => body.text(text),
        Value::Object(mut object) => {
            if let Some(reference) = object.take_text("asset_pointer") {
                body.parts.push(Part::File {
                    reference,
                    name: object.take_text("name"),
                    media_type: object.take_text("mime_type"),
                });
                body.keep(index, object);
            } else if object.text("content_type") == Some("audio_transcription")
                && let Some(text) = object.take_text("text")
            {
                body.text(text);
                body.keep(index, object);
            } else {
                let kind = object.text("content_type").unwrap_or_default();
                report.note(id, format!("a piece of type `{kind}` is kept as data"));
                body.data(&object)?;
            }
        }
        other => {
            let mut left = Object::default();
            left.put("value", other);
            body.keep(index, left);
        }
    }
    Ok(())
}

fn read_thought(index: &str, thought: Value, body: &mut Body) {
    match thought {
        Value::Object(mut thought) => {
            let texts = [thought.take_text("summary"), thought.take_text("content")];
            let texts: Vec<String> = texts.into_iter().flatten().collect();
            body.reasoning(texts.join("\n\n"));
            body.keep(index, thought);
        }
        other => {
            let mut left = Object::default();
            left.put("value", other);
            body.keep(index, left);
        }
    }
}

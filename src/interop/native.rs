//! The neutral model as JSON Lines: one conversation a line, whole.

use std::io::Write;

use super::value::Object;
use super::{Conversation, Report, unwritable};
use crate::error::{Error, Result};

/// The version that is written, and the only one that is read.
const VERSION: &str = "1";

/// Writes a conversation as one line: `{"strongroom":1,"conversation":{…}}`.
///
/// # Errors
/// `io` when it cannot be written.
pub fn write(conversation: &Conversation, output: &mut dyn Write) -> Result<()> {
    let text = serde_json::to_string(conversation)
        .map_err(|error| Error::invalid("the conversation is not JSON").caused_by(error))?;
    writeln!(
        output,
        "{{\"strongroom\":{VERSION},\"conversation\":{text}}}"
    )
    .map_err(unwritable)
}

pub(super) fn conversation(mut object: Object, report: &mut Report) -> Result<Conversation> {
    if object.get("strongroom") != Some(&super::value::Value::Number(VERSION.to_owned())) {
        return Err(Error::new(
            crate::Code::Unsupported,
            "the conversation is of an unknown version",
        ));
    }
    let inner = object.take_object("conversation").unwrap_or_default();
    let mut text = String::new();
    inner.write(&mut text);
    let conversation: Conversation = serde_json::from_str(&text)
        .map_err(|error| Error::invalid("the conversation is not whole").caused_by(error))?;
    check(&conversation)?;
    report.messages = conversation.messages.len();
    report.parts = conversation.messages.iter().map(|m| m.parts.len()).sum();
    Ok(conversation)
}

/// Every parent is before its message, and the leaf is there.
fn check(conversation: &Conversation) -> Result<()> {
    let mut messages = conversation.messages.iter().enumerate();
    let is_ordered =
        messages.all(|(index, message)| message.parent.is_none_or(|parent| parent < index));
    let leaf = conversation.leaf;
    if is_ordered && leaf.is_none_or(|leaf| leaf < conversation.messages.len()) {
        return Ok(());
    }
    Err(Error::invalid(
        "a parent or the leaf is not where it can be",
    ))
}

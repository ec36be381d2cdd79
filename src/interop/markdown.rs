//! A conversation for people, as Markdown.

use std::fmt::Write as _;
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use super::{Conversation, Message, unwritable};
use crate::domain::messages::{MessageStatus, Role};
use crate::domain::parts::Part;
use crate::error::Result;

/// Writes a conversation: its title, and each message under a heading with its role, author and time. Messages off the active path come where
/// they branch off and say so; reasoning is folded; what tools were asked and answered is fenced.
///
/// # Errors
/// `io` when it cannot be written.
pub fn write(conversation: &Conversation, output: &mut dyn Write) -> Result<()> {
    let mut text = String::new();
    let title = conversation.title.as_deref().map(one_line);
    let title = title.filter(|title| !title.is_empty());
    text.push_str("# ");
    text.push_str(title.as_deref().unwrap_or("Untitled conversation"));
    text.push('\n');
    if let Some(time) = conversation.created_at.and_then(time) {
        text.extend(["\n", &time, "\n"]);
    }
    output.write_all(text.as_bytes()).map_err(unwritable)?;
    let mut is_active = vec![false; conversation.messages.len()];
    let mut next = conversation.leaf;
    while let Some(index) = next {
        let Some(mark) = is_active.get_mut(index) else {
            break;
        };
        *mark = true;
        let parent = conversation.messages.get(index).and_then(|m| m.parent);
        next = parent.filter(|parent| *parent < index);
    }
    for (index, (message, is_active)) in conversation.messages.iter().zip(is_active).enumerate() {
        let text = render(index, message, is_active);
        output.write_all(text.as_bytes()).map_err(unwritable)?;
    }
    Ok(())
}

fn render(index: usize, message: &Message, is_active: bool) -> String {
    let role = match message.role {
        Role::User => "User",
        Role::Assistant => "Assistant",
        Role::System => "System",
        Role::Tool => "Tool",
    };
    let mut text = format!("\n## {}. {role}", index + 1);
    for name in [&message.author, &message.model].into_iter().flatten() {
        text.push_str(" · ");
        text.push_str(&one_line(name));
    }
    if let Some(time) = message.created_at.and_then(time) {
        text.push_str(" · ");
        text.push_str(&time);
    }
    text.push('\n');
    if !is_active {
        let above = message.parent.map_or_else(
            || "a beginning of its own".to_owned(),
            |parent| format!("follows message {}", parent + 1),
        );
        text.extend(["\n*On another branch: ", &above, ".*\n"]);
    }
    if message.hidden {
        text.push_str("\n*Not shown where it comes from.*\n");
    }
    match message.status {
        MessageStatus::Complete => {}
        other => text.extend(["\n*Status: ", other.as_str(), ".*\n"]),
    }
    for part in &message.parts {
        text.push('\n');
        render_part(part, &mut text);
        text.push('\n');
    }
    text
}

fn render_part(part: &Part, out: &mut String) {
    match part {
        Part::Text { text } => out.push_str(text),
        Part::Reasoning { text } => {
            let text = text.replace("</details>", "&lt;/details>");
            out.extend([
                "<details><summary>Reasoning</summary>

",
                &text,
                "

</details>",
            ]);
        }
        Part::ToolCall { name, input, .. } => {
            out.extend(["Called ", &code(name), ":\n\n"]);
            fence("json", input.get(), out);
        }
        Part::ToolResult {
            output, is_error, ..
        } => {
            let failed = if *is_error == Some(true) {
                " (failed)"
            } else {
                ""
            };
            out.extend(["Answer", failed, ":\n\n"]);
            fence("json", output.get(), out);
        }
        Part::File {
            reference, name, ..
        } => {
            let name = name.as_deref().unwrap_or(reference);
            out.extend(["File: ", &code(name), " (", &code(reference), ")"]);
        }
        Part::Data { data } => fence("json", data.get(), out),
    }
}

/// A text as code in a line.
fn code(text: &str) -> String {
    let text = one_line(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    format!("{ticks} {text} {ticks}")
}

/// A fence that is longer than any in what it encloses.
fn fence(language: &str, text: &str, out: &mut String) {
    let ticks = "`".repeat(longest_run(text).max(2) + 1);
    out.extend([&ticks, language, "\n", text, "\n", &ticks]);
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|character| character != '`');
    runs.map(str::len).max().unwrap_or(0)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn time(ms: i64) -> Option<String> {
    let since = Duration::from_millis(u64::try_from(ms).ok()?);
    let mut text = String::new();
    // A year beyond 9999 cannot be written, and is left out.
    let time = UNIX_EPOCH.checked_add(since)?;
    write!(text, "{}", humantime::format_rfc3339_seconds(time)).ok()?;
    Some(text)
}

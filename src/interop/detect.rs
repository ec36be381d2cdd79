//! Recognises a format by what is in a file's first bytes.

use super::{Format, chunks};

/// The format of a file that begins like this: 64 KiB are enough. The name alone decides nothing; it tells a chunk from a file that could also be something else.
#[must_use]
pub fn detect(name: &str, first: &[u8]) -> Option<Format> {
    let keys = keys(first);
    let has = |depth: usize, key: &str| keys.contains(&(depth, key.as_bytes()));
    let all = |depth: usize, wanted: &[&str]| wanted.iter().all(|key| has(depth, key));
    let charts =
        |depth: usize| all(depth, &["name", "entityType"]) || all(depth, &["relationType", "from"]);
    if all(1, &["strongroom", "conversation"]) {
        return Some(Format::Strongroom);
    }
    if has(1, "chat_messages") {
        return Some(Format::Claude);
    }
    if has(1, "mapping") {
        return Some(Format::ChatGpt);
    }
    if has(1, "chat") && (has(2, "history") || has(2, "messages")) {
        return Some(Format::OpenWebUi);
    }
    if has(1, "type") && (charts(1) || (has(1, "data") && charts(2))) {
        return Some(Format::Charts);
    }
    let is_chunk = all(1, &["messageId", "tokens"]) || all(1, &["messageId", "seq"]);
    if is_chunk || (has(1, "messageId") && chunks::key(name).is_some()) {
        return Some(Format::Chunks);
    }
    let holds_messages = has(1, "messages") || has(1, "messagesTree");
    if has(1, "conversationId") && holds_messages {
        return Some(Format::LibreChat);
    }
    if all(1, &["role", "parts"]) || (has(1, "messages") && all(2, &["role", "parts"])) {
        return Some(Format::UiMessage);
    }
    let holds_turns = has(1, "conversations") || has(1, "conversation") || has(1, "messages");
    if holds_turns && (all(2, &["from", "value"]) || all(2, &["role", "content"])) {
        return Some(Format::ShareGpt);
    }
    None
}

/// The keys of a text that may end anywhere, each with the number of objects it stands in.
fn keys(text: &[u8]) -> Vec<(usize, &[u8])> {
    let mut keys = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    let mut is_line_start = true;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            // Files of charts begin with comments.
            b'#' if is_line_start => {
                let rest = text.get(at..).unwrap_or_default();
                at += rest
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .unwrap_or(rest.len());
            }
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                let start = at;
                let Some(end) = string_end(text, at) else {
                    break;
                };
                at = end + 1;
                let behind = text.get(at..).unwrap_or_default().trim_ascii_start();
                if behind.first() == Some(&b':') && depth <= 2 {
                    keys.extend(text.get(start..end).map(|key| (depth, key)));
                }
            }
            _ => {}
        }
        is_line_start = byte == b'\n' || (is_line_start && byte.is_ascii_whitespace());
    }
    keys
}

/// Where the string that begins here has its closing quote.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

//! What the formats have in common: drafts of messages, times, roles.

use std::time::{Duration, UNIX_EPOCH};

use super::Report;
use super::value::{Object, Value};
use crate::domain::messages::{MessageStatus, Role};
use crate::domain::parts::Part;

/// A message before it has its place. What was not taken of it is `raw`.
pub(super) struct Draft {
    pub source_id: Option<String>,
    pub role: Role,
    pub author: Option<String>,
    pub model: Option<String>,
    pub status: MessageStatus,
    pub hidden: bool,
    pub created_at: Option<i64>,
    pub updated_at: Option<i64>,
    pub parts: Vec<Part>,
    pub raw: Object,
}

/// A conversation before it has its messages.
#[derive(Default)]
pub(super) struct Head {
    pub source_id: Option<String>,
    pub title: Option<String>,
    pub created_at: Option<i64>,
    pub updated_at: Option<i64>,
    pub archived: Option<bool>,
    pub raw: Object,
}

/// Takes a time in milliseconds. One that says more than milliseconds can is kept as well.
pub(super) fn take_time(object: &mut Object, key: &str) -> Option<i64> {
    let (ms, is_exact) = match object.get(key)? {
        Value::Number(text) => from_number(text)?,
        Value::Text(text) => from_text(text)?,
        _ => return None,
    };
    if is_exact {
        object.take(key);
    }
    Some(ms)
}

/// Seconds, or one of their thousandths: the number's size tells which.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "the size is checked, and a time is exact only if it is the same number"
)]
fn from_number(text: &str) -> Option<(i64, bool)> {
    let value: f64 = text.parse().ok()?;
    let size = value.abs();
    let per_ms = match size {
        _ if size < 1e11 => 1e-3,
        _ if size < 1e14 => 1.0,
        _ if size < 1e17 => 1e3,
        _ if size < 1e20 => 1e6,
        _ => return None,
    };
    let ms = (value / per_ms).round();
    let is_exact = if size < 1e11 {
        ms / 1000.0 == value
    } else {
        size < 1e14 && ms == value
    };
    Some((ms as i64, is_exact))
}

fn from_text(text: &str) -> Option<(i64, bool)> {
    let (local, offset_minutes) = offset(text)?;
    let time = humantime::parse_rfc3339_weak(local).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let ms = i64::try_from(since.as_millis()).ok()?;
    let time = UNIX_EPOCH + Duration::from_millis(since.as_millis().try_into().ok()?);
    let is_exact = [
        humantime::format_rfc3339_millis(time).to_string(),
        humantime::format_rfc3339_seconds(time).to_string(),
    ]
    .iter()
    .any(|written| written == text && since.subsec_nanos().is_multiple_of(1_000_000));
    Some((ms - offset_minutes * 60_000, is_exact))
}

/// A time without its offset from UTC, and that in minutes.
fn offset(text: &str) -> Option<(&str, i64)> {
    let Some(at) = text.len().checked_sub(6).filter(|at| *at >= 16) else {
        return Some((text, 0));
    };
    let Some((local, offset)) = text.split_at_checked(at) else {
        return Some((text, 0));
    };
    let sign = match offset.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some((text, 0)),
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
    Some((local, sign * minutes))
}

/// Takes the role off a message. A word that no format has is kept, noted, and read as the assistant's.
pub(super) fn take_role(object: &mut Object, key: &str, place: &str, report: &mut Report) -> Role {
    let role = match object.text(key) {
        Some("user" | "human" | "prompter") => Role::User,
        Some("assistant" | "gpt") => Role::Assistant,
        Some("system") => Role::System,
        Some("tool") => Role::Tool,
        Some("developer") => return Role::System,
        Some("function" | "observation") => return Role::Tool,
        Some("bot" | "model" | "chatgpt" | "bing" | "bard" | "claude") => return Role::Assistant,
        other => {
            let word = other.unwrap_or("");
            report.note(
                place,
                format!("its role `{word}` is unknown; read as the assistant's"),
            );
            return Role::Assistant;
        }
    };
    object.take(key);
    role
}

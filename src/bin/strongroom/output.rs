//! What is shown: words and bars for people, JSON for scripts.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

/// How results are shown.
pub struct Output {
    is_json: bool,
}

impl Output {
    /// As JSON, or as words.
    pub const fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Shows a result: as JSON all of it, else what `words` make of it.
    pub fn show(&self, result: &Value, words: impl FnOnce(&Value) -> String) {
        if self.is_json {
            println!("{result:#}");
        } else {
            println!("{}", words(result).trim_end());
        }
    }

    /// Shows an item of a list: as a line of JSON, or as words.
    pub fn item(&self, item: &Value, words: impl FnOnce(&Value) -> String) {
        if self.is_json {
            println!("{item}");
        } else {
            println!("{}", words(item));
        }
    }

    /// A bar on the standard error, where a person looks at it.
    pub fn bar(&self, what: &str, length: u64) -> ProgressBar {
        let is_seen = !self.is_json && std::io::stderr().is_terminal();
        let target = if is_seen {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template("{msg:10} {wide_bar} {percent:>3} %") {
            bar.set_style(style);
        }
        bar.with_message(what.to_owned())
    }
}

/// A field as text, empty where there is none.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number of bytes, for people.
pub fn bytes(value: &Value) -> String {
    let mut size = value.as_f64().unwrap_or(0.0);
    for unit in ["B", "kB", "MB"] {
        if size < 1000.0 {
            return format!("{size:.0} {unit}");
        }
        size /= 1000.0;
    }
    format!("{size:.1} GB")
}

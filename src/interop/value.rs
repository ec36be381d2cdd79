//! JSON as other programs write it: the order of fields, doubled fields and the spelling of numbers stay.

use crate::domain::{Json, Metadata};
use crate::error::{Error, Result};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it is spelled.
    Number(String),
    Text(String),
    List(Vec<Value>),
    Object(Object),
    /// A message that was taken out of the nest it stood in, by its place among those.
    Below(usize),
}

/// The fields of a JSON object. Those that are not taken are what is kept raw.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Object(pub Vec<(String, Value)>);

impl Value {
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The value as JSON, without white space.
    pub fn to_json(&self) -> Result<Json> {
        let mut text = String::new();
        self.write(&mut text);
        serde_json::from_str(&text)
            .map_err(|error| Error::invalid("a value is not JSON").caused_by(error))
    }

    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(text) => out.push_str(text),
            Self::Below(place) => out.push_str(&place.to_string()),
            Self::Text(text) => write_text(text, out),
            Self::List(list) => {
                out.push('[');
                for (index, value) in list.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(object) => object.write(out),
        }
    }
}

impl Object {
    pub fn get(&self, key: &str) -> Option<&Value> {
        let found = self.0.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    pub fn has_list(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Value::List(_)))
    }

    pub fn has_object(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Value::Object(_)))
    }

    /// Takes a field out; of a doubled one the last, as every reader of JSON does.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().rposition(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    pub fn take_text(&mut self, key: &str) -> Option<String> {
        self.text(key)?;
        match self.take(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn take_list(&mut self, key: &str) -> Option<Vec<Value>> {
        if !self.has_list(key) {
            return None;
        }
        match self.take(key)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    pub fn take_object(&mut self, key: &str) -> Option<Self> {
        if !self.has_object(key) {
            return None;
        }
        match self.take(key)? {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Takes a field out if it is this text.
    pub fn take_word(&mut self, key: &str, word: &str) {
        if self.text(key) == Some(word) {
            self.take(key);
        }
    }

    pub fn put(&mut self, key: &str, value: Value) {
        self.0.push((key.to_owned(), value));
    }

    /// Puts an object under a key, unless it is empty.
    pub fn put_left(&mut self, key: &str, left: Self) {
        if !left.0.is_empty() {
            self.put(key, Value::Object(left));
        }
    }

    pub fn write(&self, out: &mut String) {
        out.push('{');
        for (index, (key, value)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_text(key, out);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }

    pub fn to_metadata(&self) -> Result<Metadata> {
        let mut text = String::new();
        self.write(&mut text);
        serde_json::from_str(&text)
            .map_err(|error| Error::invalid("fields are not JSON").caused_by(error))
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => out.extend(["\\u", &format!("{:04x}", u32::from(character))]),
            other => out.push(other),
        }
    }
    out.push('"');
}

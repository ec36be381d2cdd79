//! The app's own values: JSON that is stored and given back as it is, and never interpreted.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// How deep arrays and objects of one value may nest: every reader of JSON can follow that far.
const MAX_DEPTH: usize = 100;

/// Any JSON value.
#[derive(Clone, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "unknown"))]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

/// The app's own fields of a record: any JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "Record<string, unknown>"))]
#[serde(transparent)]
pub struct Metadata(Json);

impl Json {
    /// What a value looks like as JSON.
    ///
    /// # Errors
    /// `invalid_argument` when it cannot be JSON.
    pub fn new(value: &impl Serialize) -> Result<Self> {
        to_raw_value(value)
            .map(Self)
            .map_err(|error| Error::invalid("a value is not JSON").caused_by(error))
    }

    /// The value's text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl Metadata {
    /// The same with another field.
    ///
    /// # Errors
    /// `invalid_argument` when the field cannot be JSON.
    pub fn with(&self, name: &str, value: &impl Serialize) -> Result<Self> {
        let field = Json::new(&Map::from_iter([(
            name.to_owned(),
            serde_json::to_value(value)
                .map_err(|error| Error::invalid("a value is not JSON").caused_by(error))?,
        )]))?;
        let before = self.get().trim_end();
        let before = before.strip_suffix('}').unwrap_or(before).trim_end();
        let comma = if before.ends_with('{') { "" } else { "," };
        let text = format!("{before}{comma}{}", field.get().trim_start_matches('{'));
        let raw = RawValue::from_string(text)
            .map_err(|error| Error::invalid("a value is not JSON").caused_by(error))?;
        Ok(Self(Json(raw)))
    }

    /// The object's text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

/// Fields that a record's JSON object must have, each with an equal value. Numbers are equal when they are spelled alike.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of an object that the caller gave.
    pub fn wanted(object: &str) -> Result<Self> {
        serde_json::from_str(object)
            .map(Self)
            .map_err(|error| Error::invalid("the wanted fields are not an object").caused_by(error))
    }

    /// Whether a stored object has them all.
    pub fn are_in(&self, object: &str) -> Result<bool> {
        if self.0.is_empty() {
            return Ok(true);
        }
        let stored: Map<String, Value> = super::from_json("object", object)?;
        let has = |(key, value): (&String, &Value)| stored.get(key) == Some(value);
        Ok(self.0.iter().all(has))
    }
}

/// No fields.
impl Default for Metadata {
    fn default() -> Self {
        Self(Json(
            RawValue::from_string("{}".to_owned()).unwrap_or_default(),
        ))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        let value = Box::<RawValue>::deserialize(json)?;
        check(value.get()).map_err(D::Error::custom)?;
        Ok(Self(value))
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        let value = Json::deserialize(json)?;
        if value.get().starts_with('{') {
            Ok(Self(value))
        } else {
            Err(D::Error::custom("metadata is an object"))
        }
    }
}

/// Checks what the syntax of a JSON text leaves open.
fn check(text: &str) -> std::result::Result<(), &'static str> {
    let mut rest = text.as_bytes();
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut awaits_low = false;
    while let [first, after @ ..] = rest {
        rest = after;
        let escape = (in_text && *first == b'\\').then(|| unicode_escape(after));
        let low = matches!(escape, Some(Some(0xDC00..=0xDFFF)));
        if low != std::mem::take(&mut awaits_low) {
            return Err("half of a surrogate pair in a hex escape");
        }
        match (escape, first) {
            (Some(escape), _) => {
                awaits_low = matches!(escape, Some(0xD800..=0xDBFF));
                let length = if escape.is_some() { 5 } else { 1 };
                rest = after.get(length..).unwrap_or_default();
            }
            (None, b'"') => in_text = !in_text,
            (None, b'{' | b'[') if !in_text => depth += 1,
            (None, b'}' | b']') if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err("a value nests too deep");
        }
    }
    Ok(())
}

/// The unit that `uXXXX` behind a backslash stands for; none if it is another escape.
fn unicode_escape(behind_backslash: &[u8]) -> Option<u16> {
    let digits = behind_backslash.strip_prefix(b"u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_given_back_as_it_was_written() {
        for text in [
            r#"{"b":1.0,"a":[1e3,"\u00e9 \ud83d\ude00 \\ud800 \"[{"]}"#,
            "null",
            "12345678901234567890123",
        ] {
            let value: Json = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
        }
    }

    #[test]
    fn half_of_a_surrogate_pair_is_refused_wherever_it_stands() {
        for text in [
            r#""\ud83d""#,
            r#"{"\udc00":1}"#,
            r#"["\ud83d \ude00"]"#,
            r#""\ud83d\ud83d\ude00""#,
            r#""\ude00\ud83d""#,
        ] {
            let error = serde_json::from_str::<Json>(text).unwrap_err();
            assert!(error.to_string().contains("hex escape"), "{text}: {error}");
        }
    }

    #[test]
    fn a_value_that_nests_too_deep_is_refused() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(serde_json::from_str::<Json>(&nested(MAX_DEPTH)).is_ok());
        assert!(serde_json::from_str::<Json>(&nested(MAX_DEPTH + 1)).is_err());
        let quoted = format!("\"{}\"", "[".repeat(MAX_DEPTH + 1));
        assert!(serde_json::from_str::<Json>(&quoted).is_ok());
    }

    #[test]
    fn metadata_is_an_object() {
        assert!(serde_json::from_str::<Metadata>("[]").is_err());
        assert_eq!(
            serde_json::from_str::<Metadata>("{}").unwrap(),
            Metadata::default()
        );
    }
}

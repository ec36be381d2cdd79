//! A JSON object as its keys in their order, each with its value's text.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::Metadata;
use crate::error::{Error, Result};

/// The keys and values of an object. A key that stands twice counts by its last value, as everywhere in JSON.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// Reads a stored object.
    pub fn stored(json: &str) -> Result<Self> {
        crate::domain::from_json("object", json)
    }

    /// The text of a key's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        let field = self.0.iter().rfind(|(name, _)| name == key);
        field.map(|(_, value)| value.get())
    }

    /// The value of a key, if it is a text.
    pub fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.get(key)?).ok()
    }

    /// Whether a key's value is `true`.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }

    /// Sets a key where it stands, else at the end.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        let value = serde_json::value::to_raw_value(value)
            .map_err(|error| Error::invalid("a value is not JSON").caused_by(error))?;
        match self.0.iter_mut().rfind(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
        Ok(())
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(name, _)| name != key);
    }

    /// The keys and their values' texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.get()))
    }

    /// Whether a key stands twice.
    pub fn repeats_a_key(&self) -> bool {
        let mut keys: Vec<_> = self.0.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair.first() == pair.last())
    }

    /// The object as a record's fields.
    pub fn metadata(&self) -> Result<Metadata> {
        let json = crate::domain::to_json("the metadata", self)?;
        crate::domain::from_json("metadata", &json)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        json.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_values_their_spelling() {
        let mut fields = Fields::stored(r#"{"b":1.0,"a":"x","c":[1e3]}"#).unwrap();
        fields.set("a", "y").unwrap();
        fields.set("d", &true).unwrap();
        fields.remove("b");
        let json = serde_json::to_string(&fields).unwrap();
        assert_eq!(json, r#"{"a":"y","c":[1e3],"d":true}"#);
        assert!(fields.is_true("d") && !fields.repeats_a_key());
        assert!(Fields::stored(r#"{"a":1,"a":2}"#).unwrap().repeats_a_key());
    }
}

//! Arguments and answers as JSON: what crosses to JavaScript is one text each way, and the browser's own parser reads it.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::value::RawValue;

use super::{Answer, Request};
use crate::error::{Code, Error, Result};
pub use crate::store::answer as write;

/// Reads arguments: an object.
///
/// # Errors
/// `invalid_argument` naming what does not fit, a field that is not known included; `invalid_text` for half of a surrogate pair.
pub fn read<T: DeserializeOwned>(args: &str) -> Result<T> {
    let mut json = serde_json::Deserializer::from_str(args);
    let read = T::deserialize(Object(&mut json));
    let read = read.and_then(|value| json.end().map(|()| value));
    read.map_err(refusal)
}

#[cold]
#[allow(clippy::needless_pass_by_value)]
fn refusal(error: serde_json::Error) -> Error {
    let message = error.to_string();
    if message.contains("hex escape") {
        return Error::new(Code::InvalidText, "a text holds half of a surrogate pair");
    }
    // Where in the text it was says nothing to who gave an object.
    let what = message.split(" at line ").next().unwrap_or_default();
    Error::invalid(what.to_owned())
}

/// Reads a struct as an object only: what serde generates to read one from an array would be half of the code.
struct Object<'a, 'de>(&'a mut serde_json::Deserializer<serde_json::de::StrRead<'de>>);

impl<'de> Deserializer<'de> for Object<'_, 'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A request as it crosses: `[id, method, arguments, user, requestId]`.
#[derive(Deserialize)]
pub struct WireRequest<'a>(
    pub u64,
    #[serde(borrow)] pub Cow<'a, str>,
    #[serde(borrow)] pub &'a RawValue,
    #[serde(borrow)] pub Option<Cow<'a, str>>,
    #[serde(borrow)] pub Option<Cow<'a, str>>,
);

impl WireRequest<'_> {
    /// The request for the engine.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.1,
            args: self.2.get(),
            user: self.3.as_deref(),
            request_id: self.4.as_deref(),
        }
    }
}

/// Reads one request, or an array of them.
pub fn read_requests<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(Code::Internal, "a request is not of the protocol").caused_by(error)
    })
}

/// Answers as they cross: `[[id, 0, value], [id, 1, error], …]`.
#[derive(Default)]
pub struct WireAnswers {
    text: String,
    /// Requests to ask again after the next upkeep, with the error that met each.
    pub again: Vec<(u64, Error)>,
}

impl WireAnswers {
    /// Adds what became of a request.
    pub fn add(&mut self, id: u64, answer: Answer) -> Result<()> {
        match answer {
            Answer::Done(value) => self.push(id, 0, &value),
            Answer::Failed(error) => self.push(id, 1, &write(&error)?),
            Answer::Again(error) => self.again.push((id, error)),
        }
        Ok(())
    }

    fn push(&mut self, id: u64, status: u8, value: &str) {
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
        let head = format!("[{id},{status},");
        for piece in [&head, value, "]"] {
            self.text.push_str(piece);
        }
    }

    /// The text; none when nothing is answered.
    pub fn into_text(mut self) -> Option<String> {
        if self.text.is_empty() {
            return None;
        }
        self.text.push(']');
        Some(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::users::NewUser;

    #[test]
    fn what_does_not_fit_is_named_without_its_place_in_the_text() {
        let error = read::<NewUser>(r#"{"name":"Ada","nmae":"x"}"#).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().starts_with("unknown field `nmae`"));
        assert!(!error.message().contains("line"));
    }

    #[test]
    fn half_of_a_surrogate_pair_is_not_text() {
        let error = read::<NewUser>(r#"{"name":"\ud83d!"}"#).unwrap_err();
        assert_eq!(error.code(), Code::InvalidText);
    }

    #[test]
    fn answers_cross_as_one_text() {
        let mut answers = WireAnswers::default();
        answers.add(7, Answer::Done("{\"a\":1}".into())).unwrap();
        let missing = Error::not_found("user", "us01");
        answers.add(8, Answer::Failed(missing)).unwrap();
        answers.add(9, Answer::Again(Error::corrupt("x"))).unwrap();
        assert_eq!(answers.again.len(), 1);
        assert_eq!(
            answers.into_text().unwrap(),
            r#"[[7,0,{"a":1}],[8,1,{"code":"not_found","message":"there is no user us01","retryable":false}]]"#
        );
    }
}

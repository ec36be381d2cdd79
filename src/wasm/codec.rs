//! Between Rust values and JavaScript values.

use js_sys::{Array, JSON, Object, Reflect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use crate::engine::Answer;
use crate::engine::codec::Codec;
use crate::error::{Code, Error, Result};

/// JavaScript values, by structured conversion.
pub struct JsCodec;

/// Maps become objects, absent values are left out, and numbers stay numbers.
const SERIALIZER: Serializer = Serializer::json_compatible();

impl Codec for JsCodec {
    type Input = JsValue;
    type Output = JsValue;

    // By way of a JSON value: read directly, a struct takes the fields it knows and never sees the others.
    fn decode<T: DeserializeOwned>(input: JsValue) -> Result<T> {
        let value: serde_json::Value = from_js(input)?;
        serde_json::from_value(value).map_err(|error| Error::invalid(error.to_string()))
    }

    fn decode_hot<T: DeserializeOwned>(input: JsValue) -> Result<T> {
        from_js(input)
    }

    fn encode<T: Serialize>(value: &T) -> Result<JsValue> {
        encode(value)
    }

    fn encode_json(json: &RawValue) -> Result<JsValue> {
        JSON::parse(json.get()).map_err(|_| Error::corrupt("a remembered answer is not JSON"))
    }
}

/// Reads a value.
pub fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T> {
    serde_wasm_bindgen::from_value(value).map_err(|error| Error::invalid(error.to_string()))
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Result<JsValue> {
    value.serialize(&SERIALIZER).map_err(|error| {
        Error::new(Code::Internal, "an answer cannot be converted").caused_by(error)
    })
}

/// Writes a value, or the error that kept it from being written.
pub fn to_js<T: Serialize + ?Sized>(value: &T) -> std::result::Result<JsValue, JsValue> {
    encode(value).map_err(|error| failure(&error))
}

/// An error as JavaScript sees it: `{ code, message, cause?, retryable }`.
pub fn failure(error: &Error) -> JsValue {
    let object = Object::new();
    let set = |name: &str, value: JsValue| {
        // Setting a property of a plain new object cannot fail.
        let _set = Reflect::set(&object, &name.into(), &value);
    };
    set("code", error.code().as_str().into());
    set("message", error.message().into());
    if let Some(cause) = error.cause() {
        set("cause", cause.into());
    }
    set("retryable", error.code().retryable().into());
    object.into()
}

/// An answer as `[0, value]`, `[1, error]` or `[2, error]`.
pub fn answer(answer: Answer<JsValue>) -> JsValue {
    let (status, value) = match answer {
        Answer::Done(value) => (0, value),
        Answer::Failed(error) => (1, failure(&error)),
        Answer::Again(error) => (2, failure(&error)),
    };
    Array::of2(&status.into(), &value).into()
}

//! How arguments come in and answers go out: as JavaScript values in the browser, as JSON natively.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Code, Error, Result};

/// A representation of arguments and answers.
pub trait Codec {
    /// A method's arguments.
    type Input;
    /// A method's answer.
    type Output;

    /// Reads arguments.
    ///
    /// # Errors
    /// `invalid_argument` naming what does not fit, a field that is not known included.
    fn decode<T: DeserializeOwned>(input: Self::Input) -> Result<T>;

    /// Reads the arguments of a hot path, which only the package's own client sends.
    ///
    /// # Errors
    /// `invalid_argument` naming what does not fit; fields that are not known may be passed over.
    fn decode_hot<T: DeserializeOwned>(input: Self::Input) -> Result<T> {
        Self::decode(input)
    }

    /// Writes an answer.
    fn encode<T: Serialize>(value: &T) -> Result<Self::Output>;

    /// Passes on an answer that was remembered as JSON.
    fn encode_json(json: &RawValue) -> Result<Self::Output>;
}

/// JSON, for native use and tests.
pub struct JsonCodec;

impl Codec for JsonCodec {
    type Input = Value;
    type Output = Value;

    fn decode<T: DeserializeOwned>(input: Value) -> Result<T> {
        serde_json::from_value(input).map_err(|error| Error::invalid(error.to_string()))
    }

    fn encode<T: Serialize>(value: &T) -> Result<Value> {
        serde_json::to_value(value)
            .map_err(|error| Error::new(Code::Internal, "an answer is not JSON").caused_by(error))
    }

    fn encode_json(json: &RawValue) -> Result<Value> {
        serde_json::from_str(json.get())
            .map_err(|error| Error::corrupt("a remembered answer is not JSON").caused_by(error))
    }
}

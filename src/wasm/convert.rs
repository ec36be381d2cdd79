//! Between Rust values and JavaScript values.

use js_sys::{Object, Reflect};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use crate::error::{Error, Result};

/// Reads a value.
pub fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T> {
    serde_wasm_bindgen::from_value(value).map_err(|error| Error::invalid(error.to_string()))
}

/// An error as JavaScript sees it: `{ code, message, retryable, cause? }`.
pub fn failure(error: &Error) -> JsValue {
    let object = Object::new();
    let set = |name: &str, value: JsValue| {
        // Setting a property of a plain new object cannot fail.
        let _set = Reflect::set(&object, &name.into(), &value);
    };
    set("code", error.code().as_str().into());
    set("message", error.message().into());
    set("retryable", error.code().retryable().into());
    if let Some(cause) = error.cause() {
        set("cause", cause.into());
    }
    object.into()
}

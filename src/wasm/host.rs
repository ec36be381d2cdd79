//! The browser's clock and randomness.

use js_sys::{Date, Function, Object, Reflect, Uint8Array, global};
use wasm_bindgen::prelude::*;
use web_sys::Performance;

use crate::error::{Code, Error, Result};
use crate::host::Host;

/// The clock and randomness of a page, a worker or Node.
pub struct BrowserHost {
    performance: Performance,
    crypto: Object,
    get_random_values: Function,
}

impl BrowserHost {
    /// # Errors
    /// `unsupported` where there is no `performance` or no `crypto`.
    pub fn new() -> Result<Self> {
        let missing =
            |what: &str| Error::new(Code::Unsupported, format!("there is no {what} here"));
        let get = |object: &JsValue, name: &'static str| {
            Reflect::get(object, &name.into())
                .ok()
                .filter(|value| !value.is_undefined())
                .ok_or_else(|| missing(name))
        };
        let crypto = get(&global(), "crypto")?;
        Ok(Self {
            performance: get(&global(), "performance")?.unchecked_into(),
            get_random_values: get(&crypto, "getRandomValues")?.unchecked_into(),
            crypto: crypto.unchecked_into(),
        })
    }
}

impl Host for BrowserHost {
    #[allow(clippy::cast_possible_truncation)] // a date is a whole number far below 2^53
    fn now_ms(&self) -> i64 {
        Date::now() as i64
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a positive number of microseconds
    fn monotonic_us(&self) -> u64 {
        (self.performance.now() * 1000.0) as u64
    }

    fn random(&self, bytes: &mut [u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let filled = Uint8Array::new_with_length(length);
        // Only more than 65,536 bytes at once are refused, and nothing here asks for so many.
        let _refused = self.get_random_values.call1(&self.crypto, &filled);
        filled.copy_to(bytes);
    }
}

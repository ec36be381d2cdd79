//! What only a browser can show, in a dedicated worker as in production.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod disk;
mod store;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

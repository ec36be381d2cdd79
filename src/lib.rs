//! Durable local-first storage for AI chat and agent apps.

pub mod archive;
pub mod backup;
pub mod blob;
pub mod database;
pub mod disk;
pub mod domain;
pub mod engine;
pub mod error;
pub mod health;
pub mod history;
pub mod host;
pub mod id;
pub mod interop;
pub mod journal;
pub mod search;
pub mod store;
pub mod stream;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use error::{Code, Error, Result};

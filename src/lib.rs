//! Durable local-first storage for AI chat and agent apps.

pub mod disk;
pub mod error;
pub mod journal;

pub use error::{Code, Error, Result};

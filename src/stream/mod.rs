//! Bundles and chunks: how the deltas of a streamed message become rows.

pub mod tokens;

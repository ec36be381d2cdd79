//! How many tokens a text stands for when nobody says.

/// Bytes of UTF-8 that count as one token.
const BYTES_PER_TOKEN: usize = 4;

/// The tokens of a text by its length: its bytes divided by four, rounded up.
#[must_use]
pub fn estimate(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}

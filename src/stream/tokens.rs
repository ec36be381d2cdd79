//! Measures of a text: its tokens when nobody says, its length in JavaScript, and where it is cut.

/// Bytes of UTF-8 that count as one token.
const BYTES_PER_TOKEN: usize = 4;

/// The tokens of a text by its length: its bytes divided by four, rounded up.
#[must_use]
pub fn estimate(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}

/// Cuts a text into pieces of at most `bytes`, or of one character where that alone is longer; never inside a character.
pub fn cut(text: &str, bytes: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?.len_utf8();
        let (piece, after) = rest.split_at_checked(rest.floor_char_boundary(bytes).max(first))?;
        rest = after;
        Some(piece)
    })
}

/// The length of a text as JavaScript counts it.
#[must_use]
pub fn utf16(text: &str) -> u64 {
    text.chars().map(|c| c.len_utf16() as u64).sum()
}

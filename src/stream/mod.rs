//! Bundles and chunks: how the deltas of a streamed message become rows.
//!
//! Deltas gather into a bundle. A bundle closes at a number of tokens or after a time; it then grows the open chunk, and a
//! chunk closes when it holds enough tokens: with the defaults, at the third full bundle. This module decides; it stores nothing.

pub mod tokens;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// When bundles and chunks close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamSettings {
    /// Tokens at which a bundle closes; 20 by default.
    pub bundle_tokens: u32,
    /// Milliseconds after which a bundle closes all the same; 500 by default.
    pub bundle_ms: u32,
    /// Tokens at which a chunk closes; 60 by default.
    pub chunk_tokens: u32,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            bundle_tokens: 20,
            bundle_ms: 500,
            chunk_tokens: 60,
        }
    }
}

impl StreamSettings {
    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// `invalid_argument` for a zero, a chunk smaller than a bundle, more than 100,000 tokens, or more than a minute.
    pub fn check(self) -> Result<Self> {
        let Self {
            bundle_tokens,
            bundle_ms,
            chunk_tokens,
        } = self;
        let sensible = bundle_tokens >= 1
            && chunk_tokens >= bundle_tokens
            && chunk_tokens <= 100_000
            && (1..=60_000).contains(&bundle_ms);
        if sensible {
            Ok(self)
        } else {
            Err(Error::invalid(
                "a bundle closes at 1 token or more and within 1 to 60,000 ms, a chunk at no fewer tokens than a bundle and at most 100,000",
            ))
        }
    }
}

/// Text with its tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Its tokens.
    pub tokens: u32,
}

impl Piece {
    fn add(&mut self, text: &str, tokens: u32) {
        self.text.push_str(text);
        self.tokens = self.tokens.saturating_add(tokens);
    }
}

/// A bundle that closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// What it holds.
    pub content: Piece,
    /// When its first delta came, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
}

/// A chunk as it should stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkState {
    /// Its place in the message, from 1.
    pub seq: i64,
    /// All of its text so far.
    pub content: Piece,
    /// Whether it is closed.
    pub closed: bool,
}

/// What closing did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// The bundles that closed, in order.
    pub bundles: Vec<Bundle>,
    /// The chunks that they grew, in order, each once.
    pub chunks: Vec<ChunkState>,
}

impl Closed {
    /// Whether nothing closed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bundles.is_empty()
    }
}

/// Gathers the deltas of one text.
#[derive(Debug, Clone)]
pub struct Bundler {
    settings: StreamSettings,
    bundle: Piece,
    bundle_since: Option<i64>,
    not_before: i64,
    chunk: Piece,
    seq: i64,
}

impl Bundler {
    /// A bundler whose first chunk is number `seq`.
    #[must_use]
    pub fn new(settings: StreamSettings, seq: i64) -> Self {
        Self {
            settings,
            bundle: Piece::default(),
            bundle_since: None,
            not_before: i64::MIN,
            chunk: Piece::default(),
            seq,
        }
    }

    /// Changes when bundles and chunks close, from the next delta on.
    pub fn set_settings(&mut self, settings: StreamSettings) {
        self.settings = settings;
    }

    /// Takes a delta. Without a token count its length stands in.
    ///
    /// A delta is kept whole, unless it alone is larger than a chunk; then it is cut, never inside a character.
    pub fn push(&mut self, delta: &str, tokens: Option<u32>, now_ms: i64, closed: &mut Closed) {
        if delta.is_empty() {
            return;
        }
        let tokens = tokens.unwrap_or_else(|| tokens::estimate(delta));
        let cuts = tokens.div_ceil(self.settings.chunk_tokens).max(1);
        let bytes = delta
            .len()
            .div_ceil(usize::try_from(cuts).unwrap_or(usize::MAX))
            .max(1);
        let mut left = tokens;
        for piece in tokens::cut(delta, bytes) {
            let share = left.min(self.settings.chunk_tokens);
            left -= share;
            self.bundle_since.get_or_insert(now_ms);
            self.bundle.add(piece, share);
            if self.bundle.tokens >= self.settings.bundle_tokens {
                self.close_bundle(closed);
            }
        }
    }

    /// When the open bundle must close, in milliseconds since 1970-01-01 UTC; none while there is none.
    #[must_use]
    pub fn deadline(&self) -> Option<i64> {
        let close_at = |since: i64| since.saturating_add(i64::from(self.settings.bundle_ms));
        self.bundle_since
            .map(|since| close_at(since).max(self.not_before))
    }

    /// Moves the deadline of an overdue bundle to `at_ms`.
    pub fn put_off(&mut self, at_ms: i64) {
        if self.deadline().is_some_and(|deadline| deadline < at_ms) {
            self.not_before = at_ms;
        }
    }

    /// Takes along what has a time when the clock was set back by `ms`.
    pub fn set_back(&mut self, ms: i64) {
        self.bundle_since = self.bundle_since.map(|at| at.saturating_sub(ms));
        self.not_before = self.not_before.saturating_sub(ms);
    }

    /// Closes the open bundle, if there is one, and the chunk if that filled it.
    pub fn close_bundle(&mut self, closed: &mut Closed) {
        let Some(since_ms) = self.bundle_since.take() else {
            return;
        };
        let bundle = std::mem::take(&mut self.bundle);
        self.chunk.add(&bundle.text, bundle.tokens);
        let full = self.chunk.tokens >= self.settings.chunk_tokens;
        let content = if full {
            std::mem::take(&mut self.chunk)
        } else {
            self.chunk.clone()
        };
        let state = ChunkState {
            seq: self.seq,
            content,
            closed: full,
        };
        match closed.chunks.last_mut() {
            Some(last) if last.seq == state.seq => *last = state,
            _ => closed.chunks.push(state),
        }
        if full {
            self.seq += 1;
        }
        closed.bundles.push(Bundle {
            content: bundle,
            since_ms,
        });
    }

    /// Closes the open bundle and the open chunk: what comes next begins a new one.
    pub fn close_chunk(&mut self, closed: &mut Closed) {
        self.close_bundle(closed);
        if self.chunk == Piece::default() {
            return;
        }
        let content = std::mem::take(&mut self.chunk);
        if let Some(last) = closed.chunks.last_mut().filter(|last| last.seq == self.seq) {
            last.content = content;
            last.closed = true;
        }
        self.seq += 1;
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bundler() -> Bundler {
        Bundler::new(StreamSettings::default(), 1)
    }

    #[test]
    fn a_bundle_closes_at_twenty_tokens_and_a_chunk_at_the_third() {
        let mut bundler = bundler();
        let mut closed = Closed::default();
        for _ in 0..60 {
            bundler.push("word ", Some(1), 0, &mut closed);
        }
        assert_eq!(closed.bundles.len(), 3);
        assert!(
            closed
                .bundles
                .iter()
                .all(|bundle| bundle.content.tokens == 20)
        );
        assert_eq!(closed.chunks.len(), 1);
        assert_eq!(closed.chunks[0].content.text, "word ".repeat(60));
        assert!(closed.chunks[0].closed);
        assert_eq!(bundler.deadline(), None);
    }

    #[test]
    fn a_bundle_closes_at_its_deadline() {
        let mut bundler = bundler();
        let mut closed = Closed::default();
        bundler.push("slow", Some(1), 1000, &mut closed);
        assert!(closed.is_empty());
        assert_eq!(bundler.deadline(), Some(1500));
        bundler.close_bundle(&mut closed);
        assert_eq!(
            closed.chunks,
            [ChunkState {
                seq: 1,
                content: Piece {
                    text: "slow".into(),
                    tokens: 1
                },
                closed: false
            }]
        );
    }

    #[test]
    fn a_delta_larger_than_a_chunk_is_cut_between_characters() {
        let mut bundler = bundler();
        let mut closed = Closed::default();
        let text = "長い".repeat(500);
        bundler.push(&text, None, 0, &mut closed);
        bundler.close_chunk(&mut closed);
        assert!(closed.chunks.len() > 10);
        assert_eq!(
            closed
                .chunks
                .iter()
                .map(|c| c.content.text.as_str())
                .collect::<String>(),
            text
        );
    }

    #[test]
    fn settings_without_sense_are_refused() {
        let good = StreamSettings::default();
        for bad in [
            StreamSettings {
                bundle_tokens: 0,
                ..good
            },
            StreamSettings {
                bundle_ms: 0,
                ..good
            },
            StreamSettings {
                bundle_ms: 60_001,
                ..good
            },
            StreamSettings {
                chunk_tokens: 19,
                ..good
            },
            StreamSettings {
                chunk_tokens: 100_001,
                ..good
            },
        ] {
            assert_eq!(
                bad.check().unwrap_err().code(),
                crate::Code::InvalidArgument
            );
        }
        assert_eq!(good.check().unwrap(), good);
    }

    proptest! {
        #[test]
        fn every_delta_comes_out_once_in_order(deltas in prop::collection::vec((".{0,40}", prop::option::of(0u32..200)), 0..60)) {
            let mut bundler = bundler();
            let mut closed = Closed::default();
            for (delta, tokens) in &deltas {
                bundler.push(delta, *tokens, 0, &mut closed);
            }
            bundler.close_chunk(&mut closed);
            let text: String = deltas.iter().map(|(delta, _)| delta.as_str()).collect();
            let bundled: String = closed.bundles.iter().map(|b| b.content.text.as_str()).collect();
            let chunked: String = closed.chunks.iter().map(|c| c.content.text.as_str()).collect();
            prop_assert_eq!(&bundled, &text);
            prop_assert_eq!(&chunked, &text);
            let seqs: Vec<i64> = closed.chunks.iter().map(|c| c.seq).collect();
            prop_assert_eq!(seqs, (1..=i64::try_from(closed.chunks.len()).unwrap()).collect::<Vec<_>>());
        }
    }
}

//! A content while it arrives: cut into pieces as it comes, and never held as a whole.

use super::cut::{COARSE, FINE, Grain, first_piece};
use super::{Content, Hash, Piece, pack};

/// Contents up to this many bytes are one piece.
const WHOLE_BYTES: usize = 1 << 20;

/// No piece is longer, in bytes.
pub const MAX_PIECE_BYTES: usize = COARSE.max;

/// A content that arrives.
#[derive(Clone)]
pub struct Writer {
    media_type: String,
    hasher: blake3::Hasher,
    pieces: Vec<Piece>,
    /// What is in no piece yet.
    rest: Vec<u8>,
    /// Decided by its beginning, once there is enough of it.
    grain: Option<Grain>,
}

impl Writer {
    /// A content of which nothing has arrived. Its media type tells whether it is packed already.
    #[must_use]
    pub fn new(media_type: &str) -> Self {
        Self {
            media_type: media_type.to_owned(),
            hasher: blake3::Hasher::new(),
            pieces: Vec::new(),
            rest: Vec::new(),
            grain: None,
        }
    }

    /// A content to which more is added: its pieces, and what it is made of. `rest` is the end of it, which is in no piece of
    /// these and is cut anew with what follows.
    #[must_use]
    pub fn resume(
        media_type: &str,
        pieces: Vec<Piece>,
        hasher: blake3::Hasher,
        rest: Vec<u8>,
    ) -> Self {
        Self {
            media_type: media_type.to_owned(),
            hasher,
            pieces,
            rest,
            grain: None,
        }
    }

    /// How many of the last pieces of a content are cut anew when something is added to it, so that many short additions do
    /// not stay as many pieces.
    #[must_use]
    pub fn loose_end(pieces: &[Piece]) -> usize {
        let is_short = pieces
            .last()
            .is_some_and(|last| last.size < FINE.min as u64);
        usize::from(is_short)
    }

    /// What tells the hash of all that has arrived, also with more behind it.
    #[must_use]
    pub const fn hasher(&self) -> &blake3::Hasher {
        &self.hasher
    }

    /// Takes the next bytes. Ask for the [`ready`](Self::ready) pieces before there are more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.rest.extend_from_slice(bytes);
    }

    /// The next piece, if it has all arrived; `is_end` says that nothing will follow.
    pub fn ready(&mut self, is_end: bool) -> Option<Vec<u8>> {
        if self.rest.is_empty() {
            return None;
        }
        let is_first = self.pieces.is_empty();
        if is_first && self.rest.len() <= WHOLE_BYTES {
            return is_end.then(|| {
                self.decide();
                std::mem::take(&mut self.rest)
            });
        }
        let grain = self.decide();
        if self.rest.len() < grain.max && !is_end {
            return None;
        }
        let end = first_piece(&self.rest, grain);
        let after = self.rest.split_off(end);
        Some(std::mem::replace(&mut self.rest, after))
    }

    fn decide(&mut self) -> Grain {
        *self.grain.get_or_insert_with(|| {
            if pack::is_compressible(&self.media_type, &self.rest) {
                FINE
            } else {
                COARSE
            }
        })
    }

    /// Whether its pieces are worth compressing, as far as can be told.
    #[must_use]
    pub fn is_compressible(&self) -> bool {
        self.grain == Some(FINE)
    }

    /// Adds a piece that was [`ready`](Self::ready) and is kept now.
    pub fn add(&mut self, piece: Piece) {
        self.pieces.push(piece);
    }

    /// Its pieces so far.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Bytes that are in pieces.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.size() - self.rest.len() as u64
    }

    /// Bytes that have arrived.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.hasher.count()
    }

    /// The hash of what has arrived.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hasher.finalize()
    }

    /// The content as it is. All of it must be in pieces.
    #[must_use]
    pub fn content(&self) -> Content {
        Content {
            hash: self.hash(),
            size: self.size(),
            pieces: self.pieces.clone(),
        }
    }
}

//! Large contents: files, logs, bundles. What is in them is what they are called.
//!
//! A content is cut into pieces where its bytes say so, so that two contents that share something share pieces. A piece is
//! named by the BLAKE3 hash of its bytes, compressed where that pays, and kept once: in a file of its own, or, if it is a
//! short text, in the database beside the row that tells of it. A file is whole and on the disk before any row names it.
//! Nothing in here knows of rows.

mod cut;
mod files;
mod pack;
mod writer;

pub use blake3::Hash;
pub use files::{FOLDERS, Files};
pub use writer::{MAX_PIECE_BYTES, Writer};

use crate::error::{Error, Result};

/// How a piece is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// In a file, as it is.
    Plain,
    /// In a file, as gzip.
    Gzip,
    /// As text beside its row.
    Inline,
}

impl Packing {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Inline => "inline",
        }
    }

    /// The packing of this name.
    ///
    /// # Errors
    /// `corrupt` when there is none.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "plain" => Ok(Self::Plain),
            "gzip" => Ok(Self::Gzip),
            "inline" => Ok(Self::Inline),
            _ => Err(Error::corrupt(format!("no packing is called {name:?}"))),
        }
    }
}

/// A piece of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The BLAKE3 hash of its bytes, which is its name.
    pub hash: Hash,
    /// Its length in bytes.
    pub size: u64,
    /// Its length as it is kept.
    pub stored: u64,
    /// How it is kept.
    pub packing: Packing,
    /// Its text, if it is kept inline.
    pub text: Option<String>,
}

/// A whole content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The BLAKE3 hash of its bytes.
    pub hash: Hash,
    /// Its length in bytes.
    pub size: u64,
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
}

/// Reads a hash from the hexadecimal digits it is stored as.
pub fn parse_hash(hex: &str) -> Result<Hash> {
    Hash::from_hex(hex)
        .map_err(|error| Error::corrupt(format!("{hex:?} is no hash")).caused_by(error))
}

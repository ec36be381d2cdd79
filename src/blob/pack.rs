//! How a piece is kept: compressed where that saves a tenth, and inline if it is a short text.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::{Hash, Packing, Piece};
use crate::error::{Code, Error, Result};

/// The longest text that is kept beside its row, in bytes: about where a file of its own begins to cost less than what the
/// journal and the database write of it.
const INLINE_BYTES: usize = 16 << 10;

/// How much is compressed to see whether it pays, in bytes.
const SAMPLE_BYTES: usize = 16 << 10;

/// The first bytes of what a media type tells to be packed already.
const PACKED: &[&str] = &[
    "image/",
    "video/",
    "audio/",
    "font/woff",
    "application/zip",
    "application/gzip",
    "application/x-7z",
    "application/x-rar",
    "application/x-xz",
    "application/x-bzip",
    "application/zstd",
    "application/vnd.openxmlformats",
    "application/epub",
    "application/java-archive",
];

/// Media types that begin like [`PACKED`] ones, and are not.
const NOT_PACKED: &[&str] = &[
    "image/svg",
    "image/bmp",
    "image/tiff",
    "audio/wav",
    "audio/x-wav",
];

/// Whether a content that begins like this becomes shorter by a tenth when it is compressed.
pub fn is_compressible(media_type: &str, beginning: &[u8]) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    let is_one_of = |kinds: &[&str]| kinds.iter().any(|kind| media_type.starts_with(kind));
    if is_one_of(PACKED) && !is_one_of(NOT_PACKED) {
        return false;
    }
    let sample = beginning.get(..SAMPLE_BYTES).unwrap_or(beginning);
    compress(sample, Compression::fast()).is_ok_and(|packed| pays(sample, &packed))
}

fn pays(bytes: &[u8], packed: &[u8]) -> bool {
    packed.len() <= bytes.len() - bytes.len().div_ceil(10)
}

fn compress(bytes: &[u8], level: Compression) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    let written = encoder.write_all(bytes);
    written.and_then(|()| encoder.finish()).map_err(|error| {
        Error::new(Code::Internal, "a piece could not be compressed").caused_by(error)
    })
}

/// Decides how a piece of this hash is kept, and gives what its file is to hold; none if it needs no file.
pub fn pack(
    hash: Hash,
    bytes: &[u8],
    is_compressible: bool,
) -> Result<(Piece, Option<Cow<'_, [u8]>>)> {
    let mut piece = Piece {
        hash,
        size: bytes.len() as u64,
        stored: bytes.len() as u64,
        packing: Packing::Plain,
        text: None,
    };
    if bytes.len() <= INLINE_BYTES
        && let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains('\0')
    {
        piece.packing = Packing::Inline;
        piece.text = Some(text.to_owned());
        return Ok((piece, None));
    }
    if is_compressible {
        let packed = compress(bytes, Compression::new(3))?;
        if pays(bytes, &packed) {
            piece.packing = Packing::Gzip;
            piece.stored = packed.len() as u64;
            return Ok((piece, Some(packed.into())));
        }
    }
    Ok((piece, Some(bytes.into())))
}

/// The bytes of a piece, from what its file holds.
///
/// # Errors
/// `corrupt` when they are not the ones that were kept.
pub fn unpack(piece: &Piece, stored: Vec<u8>) -> Result<Vec<u8>> {
    let bytes = match piece.packing {
        Packing::Plain | Packing::Inline => stored,
        Packing::Gzip => {
            let mut bytes = Vec::with_capacity(usize::try_from(piece.size).unwrap_or(0));
            // One byte more tells that there is too much.
            let mut decoder = GzDecoder::new(&*stored).take(piece.size + 1);
            decoder.read_to_end(&mut bytes).map_err(|error| {
                Error::corrupt(format!("the piece {} is damaged", piece.hash)).caused_by(error)
            })?;
            bytes
        }
    };
    if bytes.len() as u64 != piece.size || blake3::hash(&bytes) != piece.hash {
        return Err(Error::corrupt(format!(
            "the piece {} is not what was kept",
            piece.hash
        )));
    }
    Ok(bytes)
}

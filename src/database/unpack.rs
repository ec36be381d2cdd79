//! The SQL function `unpack`: the text that was packed, from Z85 of gzip.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::error::{Code, Error, Result};

/// The most bytes of a text that is unpacked: what is larger was never packed here.
const MAX_BYTES: u64 = 1 << 30;

/// Packs a text.
pub fn pack(text: &str) -> Result<String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(text.as_bytes());
    let packed = written.and_then(|()| encoder.finish()).map_err(|error| {
        Error::new(Code::Internal, "a text could not be compressed").caused_by(error)
    })?;
    // A fifth more than the bytes, where base64 takes a third.
    Ok(z85::encode(packed))
}

/// Gives the function to a connection.
pub fn install(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("unpack", 1, flags, |context| {
        let packed = context.get_raw(0).as_str()?;
        unpack(packed).map_err(|error| rusqlite::Error::UserFunctionError(error.into()))
    })?;
    Ok(())
}

fn unpack(packed: &str) -> std::io::Result<String> {
    let bytes = z85::decode(packed).map_err(std::io::Error::other)?;
    let mut text = String::new();
    GzDecoder::new(&*bytes)
        .take(MAX_BYTES)
        .read_to_string(&mut text)?;
    Ok(text)
}

//! Zip archives: written as a stream, read at random. Both work through memory that does not grow with what is in them.
//!
//! Only what archives here need: entries that are stored or deflated, names in UTF-8, and ZIP64 where sizes ask for it. What a
//! reader cannot be sure of is refused: names that climb or double, entries that overlap, sizes that lie.

mod read;
mod write;

pub use read::{Entry, EntryReader, Zip};
pub use write::ZipWriter;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const DATA_DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END64: u32 = 0x0606_4b50;
const END64_LOCATOR: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;

const LOCAL_HEADER_BYTES: u64 = 30;
const CENTRAL_HEADER_BYTES: usize = 46;
const END_BYTES: usize = 22;
const END64_BYTES: usize = 56;
const LOCATOR_BYTES: usize = 20;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The sizes follow the content.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// The name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
const FLAG_ENCRYPTED: u16 = 1;

/// The extra field with sizes of eight bytes.
const EXTRA_ZIP64: u16 = 1;

#[cfg(test)]
mod tests;

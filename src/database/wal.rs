//! Reading a write-ahead log without SQLite: the newest version of each page that was committed.

use std::collections::HashMap;

use super::PAGE_BYTES;
use super::vfs::{page_checksum, sums};
use crate::disk::File;
use crate::error::Result;

/// Bytes in front of the frames, and of a page in one.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// How a log begins; with the last bit set, its checksums read words from the high byte on.
const MAGIC: u32 = 0x377f_0682;

/// The newest committed version of each page in a log, with the checksum that it has in the database file; none of a log that
/// does not begin like one. What does not check, and all behind it, was never committed.
///
/// # Errors
/// The disk's own.
pub fn newest_pages(wal: &dyn File) -> Result<HashMap<u32, Vec<u8>>> {
    let mut pages = HashMap::new();
    let mut header = [0; HEADER];
    if wal.read_at(&mut header, 0)? < HEADER {
        return Ok(pages);
    }
    let magic = word(&header, 0);
    let order: fn([u8; 4]) -> u32 = match magic & 1 {
        1 => u32::from_be_bytes,
        _ => u32::from_le_bytes,
    };
    let mut sum = sums((0, 0), header.get(..24).unwrap_or_default(), order);
    let is_log = magic & !1 == MAGIC
        && word(&header, 8) == PAGE_BYTES
        && sum == (word(&header, 24), word(&header, 28));
    if !is_log {
        return Ok(pages);
    }
    let mut waiting = Vec::new();
    let mut frame = vec![0; FRAME_HEADER + PAGE_BYTES as usize];
    let mut offset = HEADER as u64;
    while wal.read_at(&mut frame, offset)? == frame.len() {
        offset += frame.len() as u64;
        let (head, page) = frame.split_at_mut(FRAME_HEADER);
        sum = sums(sum, head.get(..8).unwrap_or_default(), order);
        sum = sums(sum, page, order);
        let is_of_this_log = head.get(8..16) == header.get(16..24);
        if !is_of_this_log || sum != (word(head, 16), word(head, 20)) {
            break;
        }
        if let (Some(own), Some(end)) = (page_checksum(page), page.last_chunk_mut()) {
            *end = own;
        }
        waiting.push((word(head, 0), page.to_vec()));
        // Only the last frame of a transaction says how long the database is.
        if word(head, 4) > 0 {
            pages.extend(waiting.drain(..));
        }
    }
    Ok(pages)
}

/// Four bytes as a number; 0 behind the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk).copied();
    u32::from_be_bytes(word.unwrap_or_default())
}

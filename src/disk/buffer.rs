//! A file's bytes in memory, for the disks that have no other place.

use super::check_range;
use crate::error::{Code, Error, Result};

/// The largest file a disk in memory holds, the same on every platform.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// Copies what lies at `offset` into `buf`; returns how much there was.
pub fn read(bytes: &[u8], buf: &mut [u8], offset: u64) -> Result<usize> {
    check_range(offset, buf.len())?;
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| bytes.get(offset..))
        .unwrap_or_default();
    let count = rest.len().min(buf.len());
    if let (Some(to), Some(from)) = (buf.get_mut(..count), rest.get(..count)) {
        to.copy_from_slice(from);
    }
    Ok(count)
}

/// Makes sure that `len` bytes at `offset` can be held, and returns the offset as an index.
/// More than [`MAX_FILE_BYTES`], or than the memory there is, is `quota_exceeded`.
pub fn reserve(bytes: &mut Vec<u8>, offset: u64, len: usize) -> Result<usize> {
    let full = || {
        Error::new(
            Code::QuotaExceeded,
            "the file is too large to be held in memory",
        )
    };
    let end = check_range(offset, len)?;
    if end > MAX_FILE_BYTES {
        return Err(full());
    }
    let end = usize::try_from(end).map_err(|_| full())?;
    bytes
        .try_reserve(end.saturating_sub(bytes.len()))
        .map_err(|_| full())?;
    usize::try_from(offset).map_err(|_| full())
}

/// Writes `new` at `offset`, filling any gap before it with zeros. Writing nothing changes nothing.
pub fn put(bytes: &mut Vec<u8>, new: &[u8], offset: usize) {
    if new.is_empty() {
        return;
    }
    let end = offset.saturating_add(new.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(range) = bytes.get_mut(offset..end) {
        range.copy_from_slice(new);
    }
}

//! One line of the journal: a transaction, with its checksum at the end.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};

/// The longest line that is written or read, its newline included, in bytes.
pub const MAX_LINE_BYTES: usize = 256 * 1024 * 1024;

/// The largest sequence number: the largest whole number that JavaScript counts exactly.
pub const MAX_SEQ: u64 = (1 << 53) - 1;

/// Length of `,"crc":"9f3a1c22"}` and its newline.
const TAIL_BYTES: usize = 19;

/// How a line says that all lines before it were flushed.
const FLUSHED: &[u8] = b",\"flushed\":true";

/// How a line says that the next one belongs to the same transaction.
const MORE: &[u8] = b",\"more\":true";

/// Length of `2026-11-22T10:15:00.123Z`.
const TIME_BYTES: usize = 24;

/// `9999-12-31T23:59:59.999Z`, the last time that is four digits of year.
const MAX_TIME_MS: u64 = 253_402_300_799_999;

/// A transaction as it stands in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its sequence number: 1 for the first, then one more each time; at most [`MAX_SEQ`].
    pub seq: u64,
    /// Schema version of `rows`.
    pub v: u32,
    /// When it happened, in milliseconds since 1970 (UTC), up to the year 9999.
    pub at_ms: i64,
    /// The operation's name.
    pub op: &'a str,
    /// Who did it, if someone did.
    pub by: Option<&'a str>,
    /// The caller's request identifier, if it gave one.
    pub req: Option<&'a str>,
    /// Whether every line before it had been flushed when it was written.
    pub flushed: bool,
    /// Whether the transaction goes on in the next line: it happened only if it comes to its end.
    pub more: bool,
    /// The inside of a JSON array, never interpreted here. It holds no line feed.
    pub rows: &'a [u8],
}

impl<'a> Record<'a> {
    /// Appends the line, newline included, to `out`.
    ///
    /// `invalid_argument`, with `out` as it was, when a field cannot be written in its one form: a time outside
    /// 1970–9999, a sequence number of 0 or above [`MAX_SEQ`], a quote, backslash or control character in `op`, `by` or `req`,
    /// a line feed in `rows`, or a line above [`MAX_LINE_BYTES`].
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let encoded = self.write_to(out).and_then(|()| finish_line(out, start));
        if encoded.is_err() {
            out.truncate(start);
        }
        encoded
    }

    fn write_to(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.seq == 0 || self.seq > MAX_SEQ {
            return Err(Error::invalid("the sequence number is out of range"));
        }
        if self.rows.contains(&b'\n') {
            return Err(Error::invalid("the rows of a record hold a line feed"));
        }
        write!(out, "{{\"seq\":{},\"v\":{},\"at\":\"", self.seq, self.v).map_err(unwritable)?;
        write_time(self.at_ms, out)?;
        write_text("\",\"op\":\"", self.op, out)?;
        if let Some(by) = self.by {
            write_text("\",\"by\":\"", by, out)?;
        }
        if let Some(req) = self.req {
            write_text("\",\"req\":\"", req, out)?;
        }
        out.push(b'"');
        if self.flushed {
            out.extend_from_slice(FLUSHED);
        }
        if self.more {
            out.extend_from_slice(MORE);
        }
        out.extend_from_slice(b",\"rows\":[");
        out.extend_from_slice(self.rows);
        out.push(b']');
        Ok(())
    }

    /// Reads a line, newline included. `corrupt` when the checksum is wrong or the line is not in the one form that
    /// [`Record::encode_into`] writes.
    pub fn decode(line: &'a [u8]) -> Result<Self> {
        Self::parse(checked_body(line)?)
    }

    /// Reads a line whose checksum has been found right.
    pub(super) fn decode_unchecked(line: &'a [u8]) -> Result<Self> {
        let body = line.split_last_chunk::<TAIL_BYTES>();
        Self::parse(body.ok_or_else(malformed)?.0)
    }

    fn parse(body: &'a [u8]) -> Result<Self> {
        let mut scan = Scan(body);
        scan.expect(b"{\"seq\":")?;
        let seq = scan.number()?;
        scan.expect(b",\"v\":")?;
        let v = u32::try_from(scan.number()?).map_err(|_| malformed())?;
        scan.expect(b",\"at\":\"")?;
        let at_ms = scan.time()?;
        scan.expect(b"\",\"op\":\"")?;
        let op = scan.text()?;
        let by = scan.optional_text(b",\"by\":\"")?;
        let req = scan.optional_text(b",\"req\":\"")?;
        let flushed = scan.skips(FLUSHED);
        let more = scan.skips(MORE);
        scan.expect(b",\"rows\":[")?;
        let rows = scan.0.strip_suffix(b"]").ok_or_else(malformed)?;
        if seq == 0 || seq > MAX_SEQ {
            return Err(malformed());
        }
        Ok(Self {
            seq,
            v,
            at_ms,
            op,
            by,
            req,
            flushed,
            more,
            rows,
        })
    }
}

/// Ends the line that began at `start` with the checksum of what it holds so far.
pub(super) fn finish_line(out: &mut Vec<u8>, start: usize) -> Result<()> {
    let body = out.get(start..).unwrap_or_default();
    if body.len() > MAX_LINE_BYTES - TAIL_BYTES {
        return Err(Error::invalid("the record is too large"));
    }
    let crc = crc32fast::hash(body);
    writeln!(out, ",\"crc\":\"{crc:08x}\"}}").map_err(unwritable)
}

/// The line up to its checksum, which is right, or `corrupt`.
pub(super) fn checked_body(line: &[u8]) -> Result<&[u8]> {
    let (body, tail) = line
        .split_last_chunk::<TAIL_BYTES>()
        .ok_or_else(malformed)?;
    let digits = tail
        .strip_prefix(b",\"crc\":\"")
        .and_then(|rest| rest.strip_suffix(b"\"}\n"))
        .ok_or_else(malformed)?;
    // Compared as text: a number could be spelt in upper case too.
    if digits == hex(crc32fast::hash(body)) {
        Ok(body)
    } else {
        Err(Error::corrupt("the checksum of a journal line is wrong"))
    }
}

/// Whether a line begins as a record with this sequence number does, and ends as a line does.
pub(super) fn names_seq(line: &[u8], seq: u64) -> bool {
    let mut scan = Scan(line);
    let found = scan.expect(b"{\"seq\":").and_then(|()| scan.number());
    found.is_ok_and(|found| found == seq) && line.ends_with(b"\n")
}

/// The last of several lines.
pub(super) fn last_line(lines: &[u8]) -> &[u8] {
    let before_end = lines.len().saturating_sub(1);
    let start = lines
        .iter()
        .take(before_end)
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    lines.get(start..).unwrap_or_default()
}

/// Writes a time as RFC 3339 in UTC with milliseconds.
pub(super) fn write_time(at_ms: i64, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let time = u64::try_from(at_ms)
        .ok()
        .filter(|ms| *ms <= MAX_TIME_MS)
        .and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
        .ok_or_else(|| Error::invalid("the time lies outside 1970 to 9999"))?;
    write!(out, "{}", humantime::format_rfc3339_millis(time)).map_err(unwritable)?;
    debug_assert_eq!(out.len() - start, TIME_BYTES);
    Ok(())
}

fn write_text(before: &str, text: &str, out: &mut Vec<u8>) -> Result<()> {
    if !text.bytes().all(is_plain) {
        return Err(Error::invalid(
            "a quote, backslash or control character in a record's op, by or req",
        ));
    }
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Whether JSON writes the byte as it is.
fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

fn hex(crc: u32) -> [u8; 8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|i| {
        let nibble = (crc >> (28 - 4 * i)) & 15;
        DIGITS.get(nibble as usize).copied().unwrap_or(b'0')
    })
}

fn malformed() -> Error {
    Error::corrupt("a journal line is not in its one form")
}

fn unwritable(error: std::io::Error) -> Error {
    Error::new(
        crate::Code::Internal,
        "a line could not be written to memory",
    )
    .caused_by(error)
}

/// The bytes of a line that have not been read yet.
struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    fn expect(&mut self, literal: &[u8]) -> Result<()> {
        self.0 = self.0.strip_prefix(literal).ok_or_else(malformed)?;
        Ok(())
    }

    /// Passes over `literal` if it stands here.
    fn skips(&mut self, literal: &[u8]) -> bool {
        let rest = self.0.strip_prefix(literal);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(head)
    }

    /// A decimal number without leading zeros.
    fn number(&mut self) -> Result<u64> {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let digits = self.take(count)?;
        if count == 0 || (count > 1 && digits.starts_with(b"0")) {
            return Err(malformed());
        }
        digits.iter().try_fold(0_u64, |number, digit| {
            number
                .checked_mul(10)
                .and_then(|number| number.checked_add(u64::from(digit - b'0')))
                .ok_or_else(malformed)
        })
    }

    fn time(&mut self) -> Result<i64> {
        let bytes = self.take(TIME_BYTES)?;
        // A leap second, and digits beyond milliseconds, would not be written back as they were read.
        let one_form = bytes.get(10) == Some(&b'T')
            && bytes.get(17) != Some(&b'6')
            && bytes.get(19) == Some(&b'.')
            && bytes.ends_with(b"Z");
        if !one_form {
            return Err(malformed());
        }
        std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| humantime::parse_rfc3339(text).ok())
            .and_then(|time: SystemTime| time.duration_since(UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .ok_or_else(malformed)
    }

    /// A text up to its closing quote, which is passed over.
    fn text(&mut self) -> Result<&'a str> {
        let count = self.0.iter().take_while(|b| is_plain(**b)).count();
        let text = self.take(count)?;
        self.expect(b"\"")?;
        std::str::from_utf8(text).map_err(|_| malformed())
    }

    fn optional_text(&mut self, before: &[u8]) -> Result<Option<&'a str>> {
        match self.0.strip_prefix(before) {
            Some(rest) => {
                self.0 = rest;
                self.text().map(Some)
            }
            None => Ok(None),
        }
    }
}

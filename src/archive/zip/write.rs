//! Writing: each byte once, in order, so that it can go anywhere.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::{
    CENTRAL_HEADER, DATA_DESCRIPTOR, DEFLATED, END, END64, END64_LOCATOR, EXTRA_ZIP64,
    FLAG_DESCRIPTOR, FLAG_UTF8, LOCAL_HEADER, STORED,
};
use crate::error::{Code, Error, Result};

/// Made by version 4.5 on Unix, which gives the meaning of the attributes.
const MADE_BY: u16 = 0x032D;
const NEEDS_ZIP64: u16 = 45;
const NEEDS_DEFLATE: u16 = 20;

/// The fastest that fits its codes to what is written.
const LEVEL: Compression = Compression::new(2);

/// The fastest there is: its codes are made for text, which becomes a third larger than it would, and what is no text may grow.
const TEXT_LEVEL: Compression = Compression::new(1);

/// An ordinary file that its owner may write.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// A zip on its way out: what is written collects until it is [taken](Self::take).
pub struct ZipWriter {
    out: Vec<u8>,
    /// Bytes that were taken.
    taken: u64,
    /// The time of every entry, as MS-DOS wrote it: date, time.
    at: (u16, u16),
    entries: Vec<Written>,
    open: Option<Open>,
}

struct Written {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
}

struct Open {
    entry: Written,
    crc: crc32fast::Hasher,
    deflate: Option<DeflateEncoder<Vec<u8>>>,
    begins: u64,
}

impl ZipWriter {
    /// A zip whose entries are all of one time, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn new(at_ms: i64) -> Self {
        Self {
            out: Vec::new(),
            taken: 0,
            at: dos_time(at_ms),
            entries: Vec::new(),
            open: None,
        }
    }

    fn position(&self) -> u64 {
        self.taken + self.out.len() as u64
    }

    fn u16(&mut self, number: u16) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// What every kind of header says in the same words, from the version to the time.
    fn heading(&mut self, needs: u16, method: u16) {
        self.u16(needs);
        self.u16(FLAG_DESCRIPTOR | FLAG_UTF8);
        self.u16(method);
        let (date, time) = self.at;
        self.u16(time);
        self.u16(date);
    }

    /// Begins an entry. The one before must have ended, and the name be new, without a leading slash.
    ///
    /// # Errors
    /// `invalid_argument` for a name of more than 65,535 bytes.
    pub fn begin(&mut self, name: &str, is_compressible: bool) -> Result<()> {
        self.begin_at(name, is_compressible.then_some(LEVEL))
    }

    /// The same for much text, as fast as can be.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_text(&mut self, name: &str) -> Result<()> {
        self.begin_at(name, Some(TEXT_LEVEL))
    }

    fn begin_at(&mut self, name: &str, level: Option<Compression>) -> Result<()> {
        let name_bytes = u16::try_from(name.len())
            .map_err(|_| Error::invalid("a name in an archive has 65,535 bytes at most"))?;
        let method = if level.is_some() { DEFLATED } else { STORED };
        let offset = self.position();
        self.u32(LOCAL_HEADER);
        self.heading(NEEDS_DEFLATE, method);
        // The checksum and both sizes follow the content.
        for _ in 0..3 {
            self.u32(0);
        }
        self.u16(name_bytes);
        self.u16(0);
        self.out.extend_from_slice(name.as_bytes());
        self.open = Some(Open {
            entry: Written {
                name: name.to_owned(),
                method,
                crc: 0,
                packed: 0,
                size: 0,
                offset,
            },
            crc: crc32fast::Hasher::new(),
            deflate: level.map(|level| DeflateEncoder::new(Vec::new(), level)),
            begins: self.position(),
        });
        Ok(())
    }

    /// Writes the next bytes of the entry that is open.
    ///
    /// # Errors
    /// `internal` when none is.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let open = self.open.as_mut().ok_or_else(nothing_open)?;
        open.crc.update(bytes);
        open.entry.size += bytes.len() as u64;
        match &mut open.deflate {
            None => self.out.extend_from_slice(bytes),
            Some(deflate) => {
                deflate.write_all(bytes).map_err(deflating)?;
                self.out.append(deflate.get_mut());
            }
        }
        Ok(())
    }

    /// Ends the entry that is open.
    ///
    /// # Errors
    /// `internal` when none is.
    pub fn end(&mut self) -> Result<()> {
        let Open {
            mut entry,
            crc,
            deflate,
            begins,
        } = self.open.take().ok_or_else(nothing_open)?;
        if let Some(deflate) = deflate {
            let rest = deflate.finish().map_err(deflating)?;
            self.out.extend_from_slice(&rest);
        }
        entry.crc = crc.finalize();
        entry.packed = self.position() - begins;
        self.u32(DATA_DESCRIPTOR);
        self.u32(entry.crc);
        if let (Ok(packed), Ok(size)) = (u32::try_from(entry.packed), u32::try_from(entry.size)) {
            self.u32(packed);
            self.u32(size);
        } else {
            self.u64(entry.packed);
            self.u64(entry.size);
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Writes what tells of all entries; nothing may follow.
    pub fn finish(&mut self) {
        let begins = self.position();
        let entries = std::mem::take(&mut self.entries);
        for entry in &entries {
            self.central_header(entry);
        }
        let ends = self.position();
        let count = entries.len() as u64;
        let fits = u16::try_from(count).is_ok_and(|count| count != u16::MAX)
            && u32::try_from(ends).is_ok_and(|ends| ends != u32::MAX);
        if !fits {
            self.u32(END64);
            // The size of what follows here.
            self.u64(44);
            self.u16(MADE_BY);
            self.u16(NEEDS_ZIP64);
            self.u32(0);
            self.u32(0);
            self.u64(count);
            self.u64(count);
            self.u64(ends - begins);
            self.u64(begins);
            self.u32(END64_LOCATOR);
            self.u32(0);
            self.u64(ends);
            self.u32(1);
        }
        self.u32(END);
        self.u16(0);
        self.u16(0);
        let count = if fits {
            u16::try_from(count).unwrap_or(u16::MAX)
        } else {
            u16::MAX
        };
        self.u16(count);
        self.u16(count);
        for number in [ends - begins, begins] {
            let number = u32::try_from(number).ok().filter(|_| fits);
            self.u32(number.unwrap_or(u32::MAX));
        }
        self.u16(0);
    }

    fn central_header(&mut self, entry: &Written) {
        let sizes = (
            u32::try_from(entry.packed),
            u32::try_from(entry.size),
            u32::try_from(entry.offset),
        );
        let small = match sizes {
            (Ok(packed), Ok(size), Ok(offset))
                if [packed, size, offset].iter().all(|it| *it != u32::MAX) =>
            {
                Some((packed, size, offset))
            }
            _ => None,
        };
        let (packed, size, offset) = small.unwrap_or((u32::MAX, u32::MAX, u32::MAX));
        self.u32(CENTRAL_HEADER);
        self.u16(MADE_BY);
        let needs = if small.is_some() {
            NEEDS_DEFLATE
        } else {
            NEEDS_ZIP64
        };
        self.heading(needs, entry.method);
        self.u32(entry.crc);
        self.u32(packed);
        self.u32(size);
        // Its length was checked when the entry began.
        self.u16(u16::try_from(entry.name.len()).unwrap_or(u16::MAX));
        self.u16(if small.is_some() { 0 } else { 28 });
        // Neither a comment nor a disk nor a hint of what kind it is.
        for _ in 0..3 {
            self.u16(0);
        }
        self.u32(ATTRIBUTES);
        self.u32(offset);
        self.out.extend_from_slice(entry.name.as_bytes());
        if small.is_none() {
            self.u16(EXTRA_ZIP64);
            self.u16(24);
            self.u64(entry.size);
            self.u64(entry.packed);
            self.u64(entry.offset);
        }
    }

    /// Bytes that wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.out.len()
    }

    /// Takes what was written since the last time.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        let taken = std::mem::take(&mut self.out);
        self.taken += taken.len() as u64;
        taken
    }
}

fn nothing_open() -> Error {
    Error::new(Code::Internal, "no entry of the archive is open")
}

fn deflating(error: std::io::Error) -> Error {
    Error::new(Code::Internal, "compressing failed").caused_by(error)
}

/// The last moment that MS-DOS knows, in milliseconds since 1970-01-01 UTC.
const LAST_MS: u64 = 4_354_819_198_000;

/// A time as MS-DOS wrote it, date and time; times before 1980 and after 2107 become the nearest it knows.
fn dos_time(at_ms: i64) -> (u16, u16) {
    let since = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0).min(LAST_MS));
    let text = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string();
    let number = |from: usize, to: usize| -> u16 {
        text.get(from..to)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0)
    };
    let year = number(0, 4).clamp(1980, 2107) - 1980;
    let date = year << 9 | number(5, 7) << 5 | number(8, 10);
    let time = number(11, 13) << 11 | number(14, 16) << 5 | (number(17, 19) / 2);
    (date, time)
}

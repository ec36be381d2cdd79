//! Reading: the central directory first, then any entry, each checked against what the directory says of it.

use flate2::{Decompress, FlushDecompress, Status};

use super::{
    CENTRAL_HEADER, CENTRAL_HEADER_BYTES, DEFLATED, END, END_BYTES, END64, END64_BYTES,
    END64_LOCATOR, EXTRA_ZIP64, FLAG_ENCRYPTED, LOCAL_HEADER, LOCAL_HEADER_BYTES, LOCATOR_BYTES,
    STORED,
};
use crate::archive::invalid;
use crate::disk::File;
use crate::error::{Code, Error, Result};

/// The most bytes of a central directory, and so of memory that it takes.
const MAX_DIRECTORY_BYTES: u64 = 256 << 20;

/// The longest comment behind the end.
const MAX_COMMENT_BYTES: u64 = 0xFFFF;

/// Bytes read, and bytes unpacked, at once.
const READ_BYTES: usize = 64 << 10;
const UNPACK_BYTES: usize = 256 << 10;

/// A zip that lies on a disk.
#[derive(Debug)]
pub struct Zip {
    entries: Vec<Entry>,
    /// Their places, in the order of their names.
    by_name: Vec<usize>,
}

/// A file in a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: relative, separated by `/`, never leading out of the folder it is unpacked in.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its length as it is packed.
    pub packed: u64,
    crc: u32,
    method: u16,
    /// Where its local header begins.
    offset: u64,
}

impl Zip {
    /// Reads what a zip says of its entries.
    ///
    /// # Errors
    /// `archive_invalid` when it is no zip, or one that cannot be trusted; `unsupported` when it is encrypted, or packed in
    /// another way than deflate.
    pub fn open(file: &dyn File) -> Result<Self> {
        let (begins, size, count) = directory(file)?;
        let bytes = read_exactly(file, begins, size)?;
        let mut entries = Vec::new();
        let mut rest = Fields(&bytes);
        while !rest.0.is_empty() {
            if let Some(entry) = entry(&mut rest)? {
                entries.push(entry);
            }
            if entries.len() as u64 > count {
                break;
            }
        }
        // Folders are entries too, which are of no use here.
        if entries.len() as u64 > count {
            return Err(invalid("it has more entries than it says"));
        }
        let mut by_name: Vec<usize> = (0..entries.len()).collect();
        by_name.sort_unstable_by_key(|place| name_at(&entries, *place));
        check_names(&entries, &by_name)?;
        check_places(&entries, begins)?;
        Ok(Self { entries, by_name })
    }

    /// Its files, in the order of the directory.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A file by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        let search = |place: &usize| name_at(&self.entries, *place).cmp(name);
        let found = self.by_name.binary_search_by(search).ok()?;
        self.entries.get(*self.by_name.get(found)?)
    }
}

/// Where the central directory begins, how long it is, and how many entries it has.
fn directory(file: &dyn File) -> Result<(u64, u64, u64)> {
    let length = file.size()?;
    let tail_bytes = length.min(END_BYTES as u64 + MAX_COMMENT_BYTES);
    let tail_begins = length - tail_bytes;
    let tail = read_exactly(file, tail_begins, tail_bytes)?;
    let end = tail
        .windows(END_BYTES)
        .enumerate()
        .rev()
        .find_map(|(at, window)| {
            let comment = usize::from(Fields(window.get(20..)?).u16().ok()?);
            let is_end =
                window.starts_with(&END.to_le_bytes()) && at + END_BYTES + comment == tail.len();
            is_end.then_some((at, window))
        });
    let (at, end) = end.ok_or_else(|| invalid("it is no zip, or its end is missing"))?;
    let end_begins = tail_begins + at as u64;
    let mut fields = Fields(end);
    fields.skip(4)?;
    if (fields.u16()?, fields.u16()?) != (0, 0) {
        return Err(invalid("it is one of several parts"));
    }
    fields.skip(2)?;
    let count = u64::from(fields.u16()?);
    let size = u64::from(fields.u32()?);
    let begins = u64::from(fields.u32()?);
    let found = if count == u64::from(u16::MAX)
        || size == u64::from(u32::MAX)
        || begins == u64::from(u32::MAX)
    {
        large_directory(file, end_begins)?.unwrap_or((begins, size, count))
    } else {
        (begins, size, count)
    };
    let (begins, size, _) = found;
    if size > MAX_DIRECTORY_BYTES {
        return Err(invalid("its directory is larger than any is"));
    }
    if begins
        .checked_add(size)
        .is_none_or(|ends| ends > end_begins)
    {
        return Err(invalid("its directory is not where it says"));
    }
    Ok(found)
}

/// The same from the records of ZIP64; none if there are none.
fn large_directory(file: &dyn File, end_begins: u64) -> Result<Option<(u64, u64, u64)>> {
    let Some(at) = end_begins.checked_sub(LOCATOR_BYTES as u64) else {
        return Ok(None);
    };
    let locator = read_exactly(file, at, LOCATOR_BYTES as u64)?;
    let mut fields = Fields(&locator);
    if fields.u32()? != END64_LOCATOR {
        return Ok(None);
    }
    fields.skip(4)?;
    let at = fields.u64()?;
    let end = read_exactly(file, at, END64_BYTES as u64)?;
    let mut fields = Fields(&end);
    if fields.u32()? != END64 {
        return Err(invalid("its ZIP64 record is not where it says"));
    }
    fields.skip(8 + 2 + 2 + 4 + 4 + 8)?;
    let (count, size, begins) = (fields.u64()?, fields.u64()?, fields.u64()?);
    Ok(Some((begins, size, count)))
}

/// The next entry of the directory; none if it is a folder.
fn entry(rest: &mut Fields<'_>) -> Result<Option<Entry>> {
    let mut fields = Fields(rest.take(CENTRAL_HEADER_BYTES)?);
    if fields.u32()? != CENTRAL_HEADER {
        return Err(invalid("its directory is damaged"));
    }
    fields.skip(4)?;
    let flags = fields.u16()?;
    let method = fields.u16()?;
    fields.skip(4)?;
    let crc = fields.u32()?;
    let packed = fields.u32()?;
    let size = fields.u32()?;
    let name_bytes = usize::from(fields.u16()?);
    let extra_bytes = usize::from(fields.u16()?);
    let comment_bytes = usize::from(fields.u16()?);
    fields.skip(2 + 2 + 4)?;
    let offset = fields.u32()?;
    let name = std::str::from_utf8(rest.take(name_bytes)?)
        .map_err(|error| invalid("a name in it is not UTF-8").caused_by(error))?;
    let mut large = large_sizes(rest.take(extra_bytes)?)?;
    rest.skip(comment_bytes)?;
    // Only those that do not fit are there, in this order.
    let mut real = |small: u32| match small {
        u32::MAX => large.u64(),
        small => Ok(u64::from(small)),
    };
    let size = real(size)?;
    let packed = real(packed)?;
    let offset = real(offset)?;
    if name.ends_with('/') && size == 0 {
        return Ok(None);
    }
    if flags & FLAG_ENCRYPTED != 0 {
        return Err(Error::new(
            Code::Unsupported,
            "the zip is encrypted with a password of its own; unpack it first",
        ));
    }
    if method != STORED && method != DEFLATED {
        return Err(Error::new(
            Code::Unsupported,
            format!("{name:?} is packed in a way that is not read here"),
        ));
    }
    if method == STORED && packed != size {
        return Err(invalid(format!("{name:?} has two lengths")));
    }
    Ok(Some(Entry {
        name: name.to_owned(),
        size,
        packed,
        crc,
        method,
        offset,
    }))
}

/// The content of the extra field with sizes of eight bytes; empty if there is none.
fn large_sizes(extra: &[u8]) -> Result<Fields<'_>> {
    let mut rest = Fields(extra);
    // Some writers pad with less than a field's heading.
    while rest.0.len() >= 4 {
        let kind = rest.u16()?;
        let bytes = usize::from(rest.u16()?);
        let field = rest.take(bytes.min(rest.0.len()))?;
        if kind == EXTRA_ZIP64 {
            return Ok(Fields(field));
        }
    }
    Ok(Fields(&[]))
}

fn name_at(entries: &[Entry], place: usize) -> &str {
    entries.get(place).map_or("", |entry| &entry.name)
}

fn check_names(entries: &[Entry], by_name: &[usize]) -> Result<()> {
    for Entry { name, .. } in entries {
        // A drive's letter; elsewhere a colon is a letter like others.
        let has_drive = name.as_bytes().get(1) == Some(&b':');
        let is_safe = !has_drive
            && !name.contains(['\\', '\0'])
            && name.split('/').all(|step| !matches!(step, "" | "." | ".."));
        if !is_safe {
            return Err(invalid(format!("{name:?} is no safe name")));
        }
    }
    let mut pairs = by_name.windows(2).filter_map(|pair| match pair {
        [one, other] => Some((name_at(entries, *one), name_at(entries, *other))),
        _ => None,
    });
    match pairs.find(|(one, other)| one == other) {
        Some((name, _)) => Err(invalid(format!("it has {name:?} twice"))),
        None => Ok(()),
    }
}

/// Entries that share bytes are a trick by which a small file becomes an endless one.
fn check_places(entries: &[Entry], directory_begins: u64) -> Result<()> {
    let mut places: Vec<(u64, u64)> = Vec::with_capacity(entries.len() + 1);
    for entry in entries {
        let least = LOCAL_HEADER_BYTES + entry.name.len() as u64;
        let ends = entry
            .offset
            .checked_add(least)
            .and_then(|begins| begins.checked_add(entry.packed));
        let ends = ends.ok_or_else(|| invalid("an entry is longer than any is"))?;
        places.push((entry.offset, ends));
    }
    places.push((directory_begins, directory_begins));
    places.sort_unstable();
    let overlap = places.windows(2).any(|pair| match pair {
        [(_, ends), (next, _)] => ends > next,
        _ => false,
    });
    if overlap {
        return Err(invalid("its entries overlap"));
    }
    Ok(())
}

/// An entry that is being read. The file is given with every call.
pub struct EntryReader {
    name: String,
    crc: crc32fast::Hasher,
    expected_crc: u32,
    /// Bytes that are still to come out.
    left: u64,
    /// Where the next packed byte lies, and how many there are.
    at: u64,
    packed_left: u64,
    inflate: Option<Decompress>,
    /// Packed bytes that were read, and how many of them are used up.
    buffer: Vec<u8>,
    used: usize,
}

impl EntryReader {
    /// Begins to read an entry.
    ///
    /// # Errors
    /// `archive_invalid` when it is not where the directory says.
    pub fn new(file: &dyn File, entry: &Entry) -> Result<Self> {
        let header = read_exactly(file, entry.offset, LOCAL_HEADER_BYTES)?;
        let mut fields = Fields(&header);
        if fields.u32()? != LOCAL_HEADER {
            return Err(invalid(format!("{:?} is not where it says", entry.name)));
        }
        fields.skip(22)?;
        let name_bytes = u64::from(fields.u16()?);
        let extra_bytes = u64::from(fields.u16()?);
        let name = read_exactly(file, entry.offset + LOCAL_HEADER_BYTES, name_bytes)?;
        if name != entry.name.as_bytes() {
            return Err(invalid(format!("{:?} has two names", entry.name)));
        }
        Ok(Self {
            name: entry.name.clone(),
            crc: crc32fast::Hasher::new(),
            expected_crc: entry.crc,
            left: entry.size,
            at: entry.offset + LOCAL_HEADER_BYTES + name_bytes + extra_bytes,
            packed_left: entry.packed,
            inflate: (entry.method == DEFLATED).then(|| Decompress::new(false)),
            buffer: Vec::new(),
            used: 0,
        })
    }

    /// The next bytes, some hundred kilobytes at most; none at the end, once they were all as they should be.
    ///
    /// # Errors
    /// `archive_invalid` when the content is not the one that the directory tells of.
    pub fn next(&mut self, file: &dyn File) -> Result<Option<Vec<u8>>> {
        let bytes = if self.inflate.is_some() {
            self.inflate_some(file)?
        } else {
            self.refill(file)?;
            self.used = self.buffer.len();
            std::mem::take(&mut self.buffer)
        };
        if bytes.is_empty() {
            let crc = std::mem::take(&mut self.crc).finalize();
            if self.left > 0 || self.packed_left > 0 || crc != self.expected_crc {
                return Err(self.altered());
            }
            return Ok(None);
        }
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| self.altered())?;
        self.crc.update(&bytes);
        Ok(Some(bytes))
    }

    fn altered(&self) -> Error {
        invalid(format!("{:?} is not what was packed", self.name))
    }

    /// Reads more packed bytes, if all were used up.
    fn refill(&mut self, file: &dyn File) -> Result<()> {
        if self.used < self.buffer.len() {
            return Ok(());
        }
        let wanted = self.packed_left.min(READ_BYTES as u64);
        self.buffer = read_exactly(file, self.at, wanted)?;
        self.used = 0;
        self.at += wanted;
        self.packed_left -= wanted;
        Ok(())
    }

    fn inflate_some(&mut self, file: &dyn File) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(UNPACK_BYTES);
        loop {
            self.refill(file)?;
            let Some(inflate) = &mut self.inflate else {
                return Ok(out);
            };
            let before = inflate.total_in();
            let packed = self.buffer.get(self.used..).unwrap_or_default();
            let status = inflate
                .decompress_vec(packed, &mut out, FlushDecompress::None)
                .map_err(|error| invalid("an entry does not unpack").caused_by(error))?;
            let used = usize::try_from(inflate.total_in() - before).unwrap_or(usize::MAX);
            self.used += used;
            let is_stuck = used == 0 && self.packed_left == 0;
            if !out.is_empty() || status == Status::StreamEnd || is_stuck {
                // What lies behind the end of the stream makes the entry another one.
                if status == Status::StreamEnd && self.used < self.buffer.len() {
                    self.left = u64::MAX;
                }
                return Ok(out);
            }
        }
    }
}

/// Bytes of a file that must be there.
fn read_exactly(file: &dyn File, at: u64, bytes: u64) -> Result<Vec<u8>> {
    let length = file.size()?;
    let is_there = at.checked_add(bytes).is_some_and(|ends| ends <= length);
    let bytes = usize::try_from(bytes).ok().filter(|_| is_there);
    let mut read = vec![0; bytes.ok_or_else(|| invalid("it is cut off"))?];
    let count = file.read_at(&mut read, at)?;
    if count < read.len() {
        return Err(invalid("it is cut off"));
    }
    Ok(read)
}

/// Numbers of a record, one after another, the lowest byte first.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(bytes)
            .ok_or_else(|| invalid("a record in it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, bytes: usize) -> Result<()> {
        self.take(bytes).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N)?;
        taken
            .first_chunk()
            .copied()
            .ok_or_else(|| invalid("a record in it is cut off"))
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

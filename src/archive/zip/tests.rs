use std::rc::Rc;

use super::*;
use crate::Code;
use crate::disk::memory::MemoryDisk;
use crate::disk::{Disk, File, OpenMode, ready};

fn file(bytes: &[u8]) -> Rc<dyn File> {
    let disk = MemoryDisk::default();
    let file = ready(disk.open("archive.zip", OpenMode::CreateNew)).unwrap();
    file.write_at(bytes, 0).unwrap();
    file
}

fn zip(entries: &[(&str, bool, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(1_780_000_000_000);
    let mut bytes = Vec::new();
    for (name, is_compressible, content) in entries {
        zip.begin(name, *is_compressible).unwrap();
        for part in content.chunks(1000) {
            zip.write(part).unwrap();
            bytes.extend(zip.take());
        }
        zip.end().unwrap();
    }
    zip.finish();
    bytes.extend(zip.take());
    bytes
}

fn read(file: &dyn File, entry: &Entry) -> crate::Result<Vec<u8>> {
    let mut reader = EntryReader::new(file, entry)?;
    let mut content = Vec::new();
    while let Some(bytes) = reader.next(file)? {
        content.extend(bytes);
    }
    Ok(content)
}

fn sample() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn what_is_packed_comes_out_again() {
    let big = sample();
    let file = file(&zip(&[
        ("a.txt", true, b"hello"),
        ("deep/b.bin", false, &big),
        ("c.bin", true, &big),
        ("empty", true, b""),
        ("none", false, b""),
        ("n\u{e4}me.txt", true, b"named"),
    ]));
    let zip = Zip::open(&*file).unwrap();
    let found: Vec<(&str, usize)> = zip
        .entries()
        .iter()
        .map(|entry| (&*entry.name, read(&*file, entry).unwrap().len()))
        .collect();
    assert_eq!(
        found,
        [
            ("a.txt", 5),
            ("deep/b.bin", big.len()),
            ("c.bin", big.len()),
            ("empty", 0),
            ("none", 0),
            ("n\u{e4}me.txt", 5)
        ]
    );
    assert_eq!(read(&*file, zip.find("c.bin").unwrap()).unwrap(), big);
    assert!(zip.find("c.bin").unwrap().packed < big.len() as u64);
}

#[test]
fn an_archive_of_nothing_is_one() {
    let file = file(&zip(&[]));
    assert_eq!(Zip::open(&*file).unwrap().entries(), []);
}

#[test]
fn every_flipped_byte_is_found_or_does_no_harm() {
    let entries: [(&str, bool, &[u8]); 3] = [
        ("a.txt", true, b"hello, hello, hello"),
        ("b.txt", false, b"stored"),
        ("c/d", true, b""),
    ];
    let whole = zip(&entries);
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            let file = file(&bytes);
            let Ok(zip) = Zip::open(&*file) else { continue };
            for entry in zip.entries() {
                let Ok(content) = read(&*file, entry) else {
                    continue;
                };
                let known = entries.iter().find(|(name, ..)| *name == entry.name);
                // A name is the directory's word alone; a manifest says which there must be.
                if let Some((_, _, expected)) = known {
                    assert_eq!(content, *expected, "byte {at}");
                }
            }
        }
    }
}

#[test]
fn an_archive_that_was_cut_off_is_none() {
    let whole = zip(&[("a.txt", true, b"hello"), ("b.txt", false, b"stored")]);
    for length in 0..whole.len() {
        let error = Zip::open(&*file(&whole[..length])).unwrap_err();
        assert_eq!(error.code(), Code::ArchiveInvalid, "{length}");
    }
}

#[test]
fn names_that_climb_or_double_are_refused() {
    for name in [
        "../up", "/root", "a/../b", "a//b", "a\\b", "C:x", "a/./b", "a\0b",
    ] {
        let error = Zip::open(&*file(&zip(&[(name, false, b"x")]))).unwrap_err();
        assert_eq!(error.code(), Code::ArchiveInvalid, "{name:?}");
    }
    let twice = zip(&[("a", false, b"x"), ("b", false, b"y"), ("a", false, b"z")]);
    let error = Zip::open(&*file(&twice)).unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let mut bytes = zip(&[("a", false, b"content"), ("b", false, b"content")]);
    let headers: Vec<usize> = (0..bytes.len() - 4)
        .filter(|at| bytes[*at..].starts_with(&CENTRAL_HEADER.to_le_bytes()))
        .collect();
    // The second entry says that it lies where the first does.
    let first: [u8; 4] = bytes[headers[0] + 42..][..4].try_into().unwrap();
    bytes[headers[1] + 42..][..4].copy_from_slice(&first);
    let error = Zip::open(&*file(&bytes)).unwrap_err();
    assert!(error.to_string().contains("overlap"), "{error}");
}

#[test]
fn a_size_that_lies_is_found_before_more_comes_out() {
    let content = vec![b'a'; 5_000_000];
    let mut bytes = zip(&[("bomb", true, &content)]);
    let header = (0..bytes.len() - 4)
        .find(|at| bytes[*at..].starts_with(&CENTRAL_HEADER.to_le_bytes()))
        .unwrap();
    bytes[header + 24..][..4].copy_from_slice(&1000_u32.to_le_bytes());
    let file = file(&bytes);
    let zip = Zip::open(&*file).unwrap();
    let mut reader = EntryReader::new(&*file, &zip.entries()[0]).unwrap();
    let error = reader.next(&*file).unwrap_err();
    assert_eq!(error.code(), Code::ArchiveInvalid);
}

/// A file that is mostly a hole.
struct Sparse {
    parts: Vec<(u64, Vec<u8>)>,
    size: u64,
}

impl File for Sparse {
    fn size(&self) -> crate::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> crate::Result<usize> {
        buf.fill(0);
        for (begins, part) in &self.parts {
            for (byte, at) in buf.iter_mut().zip(offset..) {
                let inside = at
                    .checked_sub(*begins)
                    .and_then(|at| usize::try_from(at).ok());
                if let Some(found) = inside.and_then(|at| part.get(at)) {
                    *byte = *found;
                }
            }
        }
        Ok(buf.len())
    }

    fn write_at(&self, _: &[u8], _: u64) -> crate::Result<()> {
        Ok(())
    }

    fn truncate(&self, _: u64) -> crate::Result<()> {
        Ok(())
    }

    fn flush(&self) -> crate::Result<()> {
        Ok(())
    }
}

#[test]
fn sizes_and_places_beyond_four_gigabytes_are_written_and_read() {
    let block = vec![0; 64 << 20];
    let mut zip = ZipWriter::new(0);
    let mut parts: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut size = 0;
    let mut take = |zip: &mut ZipWriter, is_kept: bool| {
        let bytes = zip.take();
        let length = bytes.len() as u64;
        if is_kept {
            parts.push((size, bytes));
        }
        size += length;
    };
    zip.begin("large", false).unwrap();
    take(&mut zip, true);
    for _ in 0..65 {
        zip.write(&block).unwrap();
        take(&mut zip, false);
    }
    zip.end().unwrap();
    zip.begin("behind", true).unwrap();
    zip.write(b"hello").unwrap();
    zip.end().unwrap();
    zip.finish();
    take(&mut zip, true);
    let file = Sparse { parts, size };
    let zip = Zip::open(&file).unwrap();
    let sizes: Vec<u64> = zip.entries().iter().map(|entry| entry.size).collect();
    assert_eq!(sizes, [65 * (64 << 20), 5]);
    assert_eq!(read(&file, &zip.entries()[1]).unwrap(), b"hello");
}

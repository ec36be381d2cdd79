//! An archive whose sums are right and whose records, or manifest, are not what they should be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};
use strongroom::archive::zip::{EntryReader, Zip, ZipWriter};
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, OpenMode, ready};
use strongroom_fuzz::{Store, steered};

type Entries = Vec<(String, Vec<u8>)>;

thread_local! {
    static WHOLE: Entries = entries(&Store::filled().export());
}

fn entries(archive: &[u8]) -> Entries {
    let disk = SimDisk::new(1);
    disk.write("archive", archive)
        .expect("an archive is written");
    let file = ready(disk.open("archive", OpenMode::Existing)).expect("it is there");
    let zip = Zip::open(&*file).expect("it is a zip");
    let read = |entry| {
        let mut reader = EntryReader::new(&*file, entry).expect("an entry is there");
        let mut bytes = Vec::new();
        while let Some(more) = reader.next(&*file).expect("it is whole") {
            bytes.extend(more);
        }
        bytes
    };
    let entries = zip.entries().iter();
    entries
        .map(|entry| (entry.name.clone(), read(entry)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The archive with its sums and its manifest made right again.
fn archive(mut entries: Entries) -> Vec<u8> {
    let sum = |bytes: &[u8]| hex(&Sha256::digest(bytes));
    let sums: String = entries
        .iter()
        .filter(|(name, _)| name != "SHA256SUMS" && name != "manifest.json")
        .map(|(name, bytes)| format!("{}  {name}\n", sum(bytes)))
        .collect();
    for (name, bytes) in &mut entries {
        if name == "SHA256SUMS" {
            *bytes = sums.clone().into_bytes();
        }
    }
    let facts: Entries = entries.clone();
    for (name, bytes) in &mut entries {
        if name != "manifest.json" {
            continue;
        }
        let mut manifest: serde_json::Value = serde_json::from_slice(bytes).expect("it is JSON");
        for entry in manifest["entries"].as_array_mut().into_iter().flatten() {
            let of = facts
                .iter()
                .find(|(name, _)| entry["name"] == name.as_str());
            let (_, bytes) = of.expect("every entry is there");
            entry["size"] = bytes.len().into();
            entry["sha256"] = sum(bytes).into();
        }
        for counted in manifest["records"].as_array_mut().into_iter().flatten() {
            let file = format!(
                "data/{}.jsonl",
                counted["table"].as_str().unwrap_or_default()
            );
            let (_, bytes) = facts
                .iter()
                .find(|(name, _)| *name == file)
                .expect("its file is there");
            counted["count"] = bytes.iter().filter(|byte| **byte == b'\n').count().into();
        }
        *bytes = manifest.to_string().into_bytes();
    }
    packed(&entries)
}

fn packed(entries: &Entries) -> Vec<u8> {
    let mut zip = ZipWriter::new(0);
    for (name, bytes) in entries {
        zip.begin(name, true).expect("a name");
        zip.write(bytes).expect("bytes");
        zip.end().expect("an end");
    }
    zip.finish();
    zip.take()
}

fuzz_target!(|data: &[u8]| {
    let ([steer, keeps], bytes) = steered::<2>(data);
    let mut entries = WHOLE.with(Clone::clone);
    let count = entries.len();
    let (name, content) = &mut entries[usize::from(steer) % count];
    if name == "SHA256SUMS" {
        return;
    }
    let is_manifest = name == "manifest.json";
    // A number of its own lines stay, and these come behind.
    let lines = content
        .split_inclusive(|byte| *byte == b'\n')
        .take(usize::from(keeps) % 16);
    *content = lines
        .flatten()
        .copied()
        .chain(bytes.iter().copied())
        .collect();
    let archive = if is_manifest {
        packed(&entries)
    } else {
        archive(entries)
    };
    let mut store = Store::new();
    if store.import(&[("archive.zip", &archive)]).is_ok() {
        store.expect_sound();
        // What came in goes out, and comes in elsewhere.
        let again = store.export();
        let taken = Store::new().import(&[("archive.zip", &again)]);
        taken.unwrap_or_else(|error| panic!("what was exported is refused: {error}"));
    }
});

//! A zip that may be anything, read entry by entry and brought in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::archive::zip::{EntryReader, Zip};
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, OpenMode, ready};
use strongroom_fuzz::Store;

/// Bytes of an entry that are read.
const MAX_BYTES: usize = 16 << 20;

fuzz_target!(|data: &[u8]| {
    let disk = SimDisk::new(1);
    disk.write("zip", data).expect("it is written");
    let file = ready(disk.open("zip", OpenMode::Existing)).expect("it is there");
    let Ok(zip) = Zip::open(&*file) else {
        return;
    };
    for entry in zip.entries() {
        let Ok(mut reader) = EntryReader::new(&*file, entry) else {
            continue;
        };
        let mut read = 0;
        while let Ok(Some(bytes)) = reader.next(&*file) {
            assert!(
                !bytes.is_empty() && bytes.len() <= 1 << 20,
                "{} bytes at once",
                bytes.len()
            );
            read += bytes.len();
            assert!(read as u64 <= entry.size, "more than it says");
            if read > MAX_BYTES {
                break;
            }
        }
    }
    let mut store = Store::new();
    if store.import(&[("export.zip", data)]).is_ok() {
        store.expect_sound();
    }
});

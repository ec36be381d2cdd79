//! A damaged database, or one whose pages lie, with any log beside it, and no journal: what can be read of it is brought back,
//! and the store is sound whatever that is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use strongroom::database::vfs::page_checksum;
use strongroom::database::{FILE, PAGE_BYTES, WAL_FILE};
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom_fuzz::{Store, steered};

thread_local! {
    static WHOLE: SimDisk = Store::filled().close();
}

fuzz_target!(|data: &[u8]| {
    let ([high, low, what], bytes) = steered::<3>(data);
    let disk = WHOLE.with(|whole| whole.fork(1));
    for (path, _) in disk.files() {
        if path.starts_with("journal/") || path.starts_with("snapshots/") {
            ready(disk.remove(&path)).expect("it can be removed");
        }
    }
    let mut file = disk.read(FILE).expect("the database is there");
    let at = (usize::from(high) << 8 | usize::from(low)) * 16 % file.len();
    let end = file.len().min(at + bytes.len());
    file[at..end].copy_from_slice(&bytes[..end - at]);
    if what & 1 == 1 {
        // It is believed then.
        let page = PAGE_BYTES as usize;
        for page in file
            .chunks_exact_mut(page)
            .skip(at / page)
            .take(bytes.len() / page + 1)
        {
            let sum = page_checksum(page).expect("it is a page");
            *page.last_chunk_mut().expect("it is a page") = sum;
        }
    }
    if what & 2 == 2 {
        // With the header gone, its own schema cannot be read.
        file[..100].fill(0);
    }
    disk.write(FILE, &file).expect("the database is written");
    if what & 4 == 4 {
        disk.write(WAL_FILE, bytes).expect("the log is written");
    }
    let mut store = Store::open(disk).unwrap_or_else(|error| panic!("it does not open: {error}"));
    if !store.findings().is_empty() {
        let repaired = store.task("health.repair", &json!({}));
        repaired.unwrap_or_else(|error| panic!("it is not repaired: {error}"));
        // A content of which the database tells lies is not brought back, and that is said.
        let mut left = store.findings();
        left.retain(|finding| {
            let code = finding["code"].as_str().unwrap_or_default();
            !code.starts_with("content_")
        });
        assert_eq!(left, Vec::<Value>::new());
    }
});

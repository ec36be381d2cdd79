//! A database file that is another one, or partly: with the journal whole, nothing is lost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strongroom::disk::sim::SimDisk;
use strongroom_fuzz::{Store, steered};

const DATABASE: &str = "store.sqlite3";

thread_local! {
    static WHOLE: SimDisk = Store::filled().close();
}

/// Everything that was said, which is what must not vanish.
fn said(store: &mut Store) -> String {
    let messages = store.expect(
        "messages.list",
        &json!({ "conversationId": "us01-co01", "path": "all", "limit": 1000 }),
    );
    let lines = store.expect("charts.lines", &json!({ "userId": "us01", "limit": 1000 }));
    let learnings = store.expect("learnings.list", &json!({ "userId": "us01" }));
    format!("{messages}{lines}{learnings}")
}

fuzz_target!(|data: &[u8]| {
    let ([high, low, is_whole], bytes) = steered::<3>(data);
    let disk = WHOLE.with(|whole| whole.fork(1));
    let expected = said(&mut Store::open(disk.fork(2)).expect("the store opens"));
    let mut file = disk.read(DATABASE).expect("the database is there");
    if is_whole & 1 == 1 {
        file = bytes.to_vec();
    } else {
        // Within the pages in use, anywhere.
        let at = (usize::from(high) << 8 | usize::from(low)) * 16 % file.len();
        let end = file.len().min(at + bytes.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
    }
    disk.write(DATABASE, &file)
        .expect("the database is written");
    let mut store = Store::open(disk).unwrap_or_else(|error| panic!("it does not open: {error}"));
    if !store.findings().is_empty() {
        let repaired = store.task("health.repair", &json!({}));
        repaired.unwrap_or_else(|error| panic!("it is not repaired: {error}"));
        store.expect_sound();
    }
    assert_eq!(said(&mut store), expected);
});

//! A journal that is damaged at its end or anywhere, with the database or without: the store opens and can be written to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom_fuzz::{Store, steered};

thread_local! {
    static WHOLE: SimDisk = Store::filled().close();
}

fuzz_target!(|data: &[u8]| {
    let ([high, low, steer], bytes) = steered::<3>(data);
    let disk = WHOLE.with(|whole| whole.fork(1));
    let files = disk.files().into_iter().map(|(name, _)| name);
    let segment = files.filter(|name| name.starts_with("journal/")).max();
    let segment = segment.expect("there is a journal");
    let mut file = disk.read(&segment).expect("it is read");
    let at = (usize::from(high) << 8 | usize::from(low)) % (file.len() + 1);
    match steer % 3 {
        0 => file.truncate(at),
        1 => {}
        _ => {
            let end = file.len().min(at + bytes.len());
            file.drain(at..end);
        }
    }
    let at = at.min(file.len());
    file.splice(at..at, bytes.iter().copied());
    disk.write(&segment, &file).expect("it is written");
    if steer & 0x80 != 0 {
        for name in ["store.sqlite3", "store.sqlite3-wal"] {
            ready(disk.remove(name)).expect("it is removed");
        }
    }
    let mut store = match Store::open(disk) {
        Ok(store) => store,
        // A line of a newer version is no damage.
        Err(error) => {
            assert!(
                error.code() == strongroom::Code::SchemaTooNew,
                "it does not open: {error}"
            );
            return;
        }
    };
    store.findings();
    store.expect("users.create", &json!({ "name": "Eve" }));
    let mut store = Store::open(store.close()).expect("it opens again");
    let users = store.expect("users.list", &json!({})).to_string();
    assert!(users.contains("Eve"), "{users}");
});

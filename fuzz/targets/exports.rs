//! Files of other programs, or of none: taken or refused, and taken twice is taken once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::{Store, steered};

const NAMES: &[&str] = &[
    "conversations.json",
    "charts.jsonl",
    "us01-co01-ms01-001.json",
];

fuzz_target!(|data: &[u8]| {
    let ([steer], bytes) = steered::<1>(data);
    let name = NAMES[usize::from(steer) % NAMES.len()];
    let mut store = Store::new();
    if store.import(&[(name, bytes)]).is_err() {
        return;
    }
    store.expect_sound();
    let again = store.import(&[(name, bytes)]);
    let again = again.unwrap_or_else(|error| panic!("it is refused the second time: {error}"));
    for count in again["counts"].as_array().into_iter().flatten() {
        assert_eq!(count["added"], 0, "something is added twice: {again}");
    }
});

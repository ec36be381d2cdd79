//! Calls of an app that may be anything: `method arguments` a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::disk::sim::SimDisk;
use strongroom_fuzz::Store;

thread_local! {
    static WHOLE: SimDisk = Store::filled().close();
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut store = Store::open(WHOLE.with(|whole| whole.fork(1))).expect("the store opens");
    for line in text.lines().take(20) {
        let (method, args) = line.split_once(' ').unwrap_or((line, "{}"));
        let before = store.last_seq();
        if store.call(method, args).is_err() {
            assert_eq!(
                store.last_seq(),
                before,
                "{method} failed and wrote something"
            );
        }
    }
    store.expect_sound();
});

//! A text that is indexed, and a question about it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strongroom::Code;
use strongroom::disk::sim::SimDisk;
use strongroom_fuzz::Store;

thread_local! {
    static WHOLE: SimDisk = Store::filled().close();
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (question, text) = text.split_once('\n').unwrap_or((&text, &text));
    let mut store = Store::open(WHOLE.with(|whole| whole.fork(1))).expect("the store opens");
    let message =
        json!({ "conversationId": "us01-co01", "message": { "role": "user", "text": text } });
    if let Err(error) = store.call("messages.append", &message.to_string()) {
        assert!(
            matches!(error.code(), Code::InvalidArgument | Code::InvalidText),
            "{error}"
        );
        return;
    }
    store
        .task("search.build", &json!({}))
        .expect("the index is built");
    let query = json!({ "userId": "us01", "text": question });
    if let Err(error) = store.call("search.query", &query.to_string()) {
        assert!(error.code() == Code::InvalidArgument, "{error}");
    }
    store.expect_sound();
});

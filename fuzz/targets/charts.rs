//! JSON Lines of charts: what is loaded is written as it was, and loaded again says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use strongroom_fuzz::Store;

fn lines(store: &mut Store) -> String {
    let mut args = json!({ "userId": "us01", "limit": 1000 });
    let mut file = String::new();
    loop {
        let page = store.expect("charts.lines", &args);
        file.push_str(page["text"].as_str().unwrap_or_default());
        match page.get("nextCursor") {
            Some(cursor) => args["cursor"] = cursor.clone(),
            None => return file,
        }
    }
}

fn loaded(text: &str) -> Option<Store> {
    let mut store = Store::new();
    store.expect("users.create", &json!({ "name": "Ada" }));
    let args: Value = json!({ "userId": "us01", "text": text });
    store.call("charts.load", &args.to_string()).ok()?;
    Some(store)
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some(mut store) = loaded(text) else {
        return;
    };
    let written = lines(&mut store);
    store
        .call("charts.check", r#"{"userId":"us01"}"#)
        .expect("charts are checked");
    store
        .call("charts.list", r#"{"userId":"us01","status":"all"}"#)
        .expect("charts are listed");
    store.expect_sound();
    let mut again = loaded(&written).expect("what was written is loaded");
    assert_eq!(lines(&mut again), written);
});

//! Reading ahead: what is shown first of a context comes out of the page cache then.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::disk::ready;
use strongroom::disk::sim::SimDisk;
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::host::ManualHost;
use strongroom::{Code, Error};

fn open(disk: &SimDisk, host: &Rc<ManualHost>) -> Engine {
    let options = EngineOptions::default();
    ready(Engine::open(Rc::new(disk.clone()), host.clone(), &options)).unwrap()
}

fn try_call(
    engine: &mut Engine,
    user: Option<&str>,
    method: &str,
    args: Value,
) -> Result<Value, Error> {
    let request = Request {
        method,
        args: &args.to_string(),
        user,
        request_id: None,
    };
    match engine.turn(&[request]).pop().unwrap() {
        Answer::Done(value) => Ok(serde_json::from_str(&value).unwrap()),
        Answer::Failed(error) | Answer::Again(error) => Err(error),
    }
}

fn call(engine: &mut Engine, method: &str, args: Value) -> Value {
    try_call(engine, None, method, args).unwrap()
}

/// Two users, each with a context of 30 conversations of 30 messages and some other records.
fn fill(engine: &mut Engine, host: &ManualHost) {
    for (user, context) in [("us01", "work"), ("us02", "work"), ("us01", "home")] {
        if context == "work" {
            call(engine, "users.create", json!({ "name": user }));
        }
        for n in 0..30 {
            host.advance(1);
            let new = json!({ "userId": user, "title": format!("Talk {n}"), "context": context });
            let id = call(engine, "conversations.create", new)["id"].clone();
            for m in 0..30 {
                let text = format!("{context} {m} ").repeat(150);
                let message = json!({ "role": "user", "text": text });
                call(
                    engine,
                    "messages.append",
                    json!({ "conversationId": id, "message": message }),
                );
            }
            let new = json!({ "userId": user, "type": "app", "context": context });
            call(engine, "constructs.create", new);
            let text = format!("{context} learned {n}");
            let new = json!({ "userId": user, "text": text, "confidence": 1, "context": context });
            call(engine, "learnings.create", new);
        }
    }
}

fn misses(engine: &Engine) -> u32 {
    engine.stats().unwrap().page_cache.misses
}

#[test]
fn what_is_shown_first_of_a_context_is_in_the_page_cache_then() {
    let (disk, host) = (SimDisk::new(1), Rc::new(ManualHost::new(5)));
    let mut engine = open(&disk, &host);
    fill(&mut engine, &host);
    ready(engine.close()).unwrap();
    let show = |engine: &mut Engine| {
        let before = misses(engine);
        let of = json!({ "userId": "us01", "contexts": ["work"] });
        let listed = call(engine, "conversations.list", of.clone());
        for conversation in listed["items"].as_array().unwrap().iter().take(3) {
            let newest =
                json!({ "conversationId": conversation["id"], "path": "active", "limit": 20 });
            let newest = call(engine, "messages.list", newest);
            assert_eq!(newest["items"].as_array().unwrap().len(), 20);
        }
        call(engine, "constructs.list", of.clone());
        call(engine, "learnings.list", of);
        misses(engine) - before
    };
    let mut cold = open(&disk, &host);
    assert!(show(&mut cold) > 20);
    assert_eq!(show(&mut cold), 0);
    drop(cold);

    let mut warmed = open(&disk, &host);
    let work = json!({ "userId": "us01", "name": "work" });
    let preloaded = call(&mut warmed, "contexts.preload", work);
    let text_bytes = preloaded["textBytes"].as_u64().unwrap();
    assert_eq!(
        preloaded,
        json!({
            "conversations": 30, "messages": 60, "constructs": 30, "learnings": 30, "textBytes": text_bytes,
        })
    );
    assert!((60_000..90_000).contains(&text_bytes), "{text_bytes}");
    assert_eq!(show(&mut warmed), 0);
    let cache = warmed.stats().unwrap().page_cache;
    assert!(cache.hits > cache.misses && cache.bytes < cache.max_bytes);
}

#[test]
fn reading_ahead_has_a_bound_however_long_the_messages_are() {
    let (disk, host) = (SimDisk::new(1), Rc::new(ManualHost::new(5)));
    let mut engine = open(&disk, &host);
    call(&mut engine, "users.create", json!({ "name": "Ada" }));
    for _ in 0..10 {
        let new = json!({ "userId": "us01", "context": "work" });
        let id = call(&mut engine, "conversations.create", new)["id"].clone();
        for _ in 0..20 {
            let message = json!({ "role": "user", "text": "long ".repeat(3000) });
            let args = json!({ "conversationId": id, "message": message });
            call(&mut engine, "messages.append", args);
        }
    }
    let work = json!({ "userId": "us01", "name": "work" });
    let preloaded = call(&mut engine, "contexts.preload", work);
    assert_eq!(preloaded["messages"], 20);
}

#[test]
fn another_users_context_is_not_there() {
    let (disk, host) = (SimDisk::new(1), Rc::new(ManualHost::new(5)));
    let mut engine = open(&disk, &host);
    fill(&mut engine, &host);
    let home = json!({ "name": "home" });
    let own = try_call(&mut engine, Some("us01"), "contexts.preload", home.clone()).unwrap();
    assert_eq!(own["conversations"], 30);
    let refused = try_call(&mut engine, Some("us02"), "contexts.preload", home);
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    let theirs = json!({ "userId": "us01", "name": "home" });
    try_call(&mut engine, Some("us02"), "contexts.preload", theirs).unwrap_err();
}

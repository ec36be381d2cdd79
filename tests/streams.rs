//! Streams, followers and the queue, through the engine as an app reaches them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::ready;
use strongroom::disk::sim::{Fault, SimDisk};
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::host::ManualHost;
use strongroom::{Code, Error};

struct Session {
    engine: Engine,
    host: Rc<ManualHost>,
}

impl Session {
    fn open(disk: Rc<dyn strongroom::disk::Disk>) -> Self {
        let host = Rc::new(ManualHost::new(7));
        let engine = ready(Engine::open(disk, host.clone(), &EngineOptions::default())).unwrap();
        Self { engine, host }
    }

    fn call_as(&mut self, user: Option<&str>, method: &str, args: &Value) -> Result<Value, Error> {
        while self.engine.needs_tick() {
            ready(self.engine.tick(true)).unwrap();
        }
        let request = Request {
            method,
            args: &args.to_string(),
            user,
            request_id: None,
        };
        match self.engine.turn(&[request]).pop().unwrap() {
            Answer::Done(value) => Ok(serde_json::from_str(&value).unwrap()),
            Answer::Failed(error) | Answer::Again(error) => Err(error),
        }
    }

    /// Writes to streams, all in one turn.
    fn writes(&mut self, writes: &[String]) -> Vec<Answer> {
        let requests: Vec<Request<'_>> = writes
            .iter()
            .map(|args| Request {
                method: "streams.write",
                args,
                user: None,
                request_id: None,
            })
            .collect();
        self.engine.turn(&requests)
    }

    fn call(&mut self, method: &str, args: &Value) -> Value {
        self.call_as(None, method, args).unwrap()
    }

    fn refused(&mut self, method: &str, args: &Value) -> Code {
        self.call_as(None, method, args).unwrap_err().code()
    }

    fn conversation(&mut self) -> String {
        self.call("users.create", &json!({ "name": "Ada" }));
        let conversation = self.call("conversations.create", &json!({ "userId": "us01" }));
        conversation["id"].as_str().unwrap().to_owned()
    }

    fn begin(&mut self, conversation: &str) -> (u64, String) {
        let opened = self.call(
            "messages.stream",
            &json!({ "conversationId": conversation, "message": { "role": "assistant" } }),
        );
        (
            opened["stream"].as_u64().unwrap(),
            opened["message"]["id"].as_str().unwrap().to_owned(),
        )
    }

    fn write(&mut self, stream: u64, deltas: &[&str]) -> Value {
        let tokens = vec![1; deltas.len()];
        self.call(
            "streams.write",
            &json!({ "stream": stream, "deltas": deltas, "tokens": tokens }),
        )
    }

    fn text(&mut self, message: &str) -> String {
        let message = self.call("messages.get", &json!({ "id": message }));
        message["text"].as_str().unwrap().to_owned()
    }

    fn news(&mut self) -> Vec<Value> {
        let (_, news) = self.engine.take_events();
        news.into_iter()
            .map(|news| serde_json::to_value(news).unwrap())
            .collect()
    }
}

fn memory() -> (MemoryDisk, Session) {
    let disk = MemoryDisk::default();
    (disk.clone(), Session::open(Rc::new(disk)))
}

#[test]
fn three_bundles_make_a_chunk() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    let words: Vec<String> = (0..150).map(|n| format!("w{n} ")).collect();
    for word in &words {
        session.write(stream, &[word]);
    }
    let progress = session.call("streams.flush", &json!({ "stream": stream }));
    assert_eq!(progress["bundles"], 8);
    assert_eq!(progress["chunks"], 3);
    assert_eq!(
        progress["acknowledged"].as_u64().unwrap(),
        words.concat().len() as u64
    );
    session.call(
        "streams.end",
        &json!({ "stream": stream, "status": "complete" }),
    );
    let chunks = session.call("messages.chunks", &json!({ "id": message }));
    let tokens: Vec<i64> = chunks["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["tokens"].as_i64().unwrap())
        .collect();
    assert_eq!(tokens, [60, 60, 30]);
    assert_eq!(chunks["items"][2]["id"], format!("{message}-003"));
    assert_eq!(session.text(&message), words.concat());
}

#[test]
fn a_bundle_is_kept_after_half_a_second() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    session.write(stream, &["slow"]);
    assert_eq!(session.text(&message), "");
    assert!(session.engine.due().unwrap() <= 500);
    session.host.advance(500);
    ready(session.engine.tick(true)).unwrap();
    assert_eq!(session.text(&message), "slow");
}

#[test]
fn a_bundle_does_not_wait_for_a_clock_that_was_set_back() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    session.write(stream, &["slow"]);
    session.host.advance(-24 * 60 * 60 * 1000);
    assert!(session.engine.due().unwrap() <= 500);
    session.host.advance(500);
    ready(session.engine.tick(true)).unwrap();
    assert_eq!(session.text(&message), "slow");
}

#[test]
fn a_cut_off_stream_is_interrupted_and_can_be_continued() {
    let (disk, mut session) = memory();
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    session.write(stream, &["kept"; 20]);
    session.write(stream, &["lost"]);
    drop(session);

    let mut session = Session::open(Rc::new(disk));
    let (events, _) = session.engine.take_events();
    let told = serde_json::to_value(&events).unwrap();
    assert_eq!(told[0]["type"], "recovery", "{told}");
    assert_eq!(told[0]["interrupted"][0], message);
    let read = session.call("messages.get", &json!({ "id": message }));
    assert_eq!(read["status"], "interrupted");
    assert_eq!(read["text"], "kept".repeat(20));

    let opened = session.call("messages.continue", &json!({ "id": message }));
    assert_eq!(opened["message"]["status"], "streaming");
    let stream = opened["stream"].as_u64().unwrap();
    assert_eq!(
        session.refused("messages.continue", &json!({ "id": message })),
        Code::Conflict
    );
    session.write(stream, &[" and on"]);
    let ended = session.call(
        "streams.end",
        &json!({ "stream": stream, "status": "complete", "usage": { "total": 3 } }),
    );
    assert_eq!(ended["text"], format!("{} and on", "kept".repeat(20)));
    assert_eq!(ended["parts"].as_array().unwrap().len(), 1);
    assert_eq!(ended["usage"]["total"], 3);
    assert_eq!(
        session.refused("messages.continue", &json!({ "id": message })),
        Code::Conflict
    );
    assert_eq!(
        session.refused(
            "streams.write",
            &json!({ "stream": stream, "deltas": ["x"] })
        ),
        Code::Closed
    );
}

#[test]
fn reasoning_text_and_tool_calls_become_parts_in_order() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    let write = |session: &mut Session, kind: &str, text: &str| {
        session.call(
            "streams.write",
            &json!({ "stream": stream, "deltas": [text], "kind": kind }),
        );
    };
    write(&mut session, "reasoning", "thinking…");
    write(&mut session, "text", "Let me look.");
    let call =
        json!({ "type": "tool_call", "callId": "c1", "name": "search", "input": { "q": "opfs" } });
    session.call("streams.part", &json!({ "stream": stream, "part": call }));
    write(&mut session, "text", "Found it.");
    session.call(
        "streams.end",
        &json!({ "stream": stream, "status": "complete" }),
    );
    let read = session.call("messages.get", &json!({ "id": message }));
    assert_eq!(
        read["parts"],
        json!([
            { "type": "reasoning", "text": "thinking…" },
            { "type": "text", "text": "Let me look." },
            call,
            { "type": "text", "text": "Found it." },
        ])
    );
    assert_eq!(read["text"], "Let me look.Found it.");
}

#[test]
fn a_late_follower_gets_everything_once() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    session.write(stream, &["early "; 20]);
    session.write(stream, &["open "; 5]);
    let followed = session.call("messages.follow", &json!({ "id": message }));
    let mut seen = followed["message"]["text"].as_str().unwrap().to_owned();
    assert_eq!(seen, "early ".repeat(20));
    session.write(stream, &["late "; 15]);
    session.call(
        "streams.end",
        &json!({ "stream": stream, "status": "complete" }),
    );
    let news = session.news();
    for item in &news {
        if item["news"]["type"] == "bundle" {
            seen += item["news"]["text"].as_str().unwrap();
        }
    }
    assert_eq!(seen, session.text(&message));
    assert_eq!(
        news.last().unwrap()["news"],
        json!({ "type": "end", "status": "complete" })
    );
    session.call(
        "messages.unfollow",
        &json!({ "follower": followed["follower"] }),
    );
    assert!(session.news().is_empty());
}

#[test]
fn a_bundle_that_cannot_be_kept_is_not_taken() {
    let disk = SimDisk::new(3);
    let mut session = Session::open(Rc::new(disk.clone()));
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    session.write(stream, &["a"; 19]);
    disk.fail_at(disk.operations().changes, Fault::Once, Code::QuotaExceeded);
    let failed = session.call_as(
        None,
        "streams.write",
        &json!({ "stream": stream, "deltas": ["b"], "tokens": [1] }),
    );
    assert_eq!(failed.unwrap_err().code(), Code::QuotaExceeded);
    assert_eq!(session.text(&message), "");
    session.write(stream, &["b"]);
    assert_eq!(session.text(&message), format!("{}b", "a".repeat(19)));
}

#[test]
fn a_delta_of_a_turn_that_is_not_kept_is_not_taken_either() {
    let disk = SimDisk::new(3);
    let mut session = Session::open(Rc::new(disk.clone()));
    let conversation = session.conversation();
    let (first, message) = session.begin(&conversation);
    let (second, _) = session.begin(&conversation);
    let write = |stream, delta: &str, tokens| {
        json!({ "stream": stream, "deltas": [delta], "tokens": [tokens] }).to_string()
    };
    disk.fail_at(disk.operations().changes, Fault::Once, Code::QuotaExceeded);
    // The first gathers only; the second closes a bundle, which cannot be kept.
    let writes = [write(first, "once", 1), write(second, "x", 20)];
    let answers = session.writes(&writes);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Answer::Failed(_)))
    );
    session.write(first, &["once"]);
    session.call("streams.flush", &json!({ "stream": first }));
    assert_eq!(session.text(&message), "once");
}

#[test]
fn streams_of_one_turn_share_a_line_and_one_that_lost_its_message_is_no_others_loss() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (first, kept) = session.begin(&conversation);
    let (second, deleted) = session.begin(&conversation);
    let (third, kept_too) = session.begin(&conversation);
    let write = |stream, delta: &str| {
        json!({ "stream": stream, "deltas": [delta], "tokens": [20] }).to_string()
    };
    let lines = session.engine.stats().unwrap().journal_seq;
    let answers = session.writes(&[write(first, "a"), write(second, "b"), write(third, "c")]);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Answer::Done(_)))
    );
    assert_eq!(session.engine.stats().unwrap().journal_seq, lines + 1);

    // The third message follows the second on the path, and goes with it.
    session.call("messages.delete", &json!({ "id": kept_too }));
    let answers = session.writes(&[write(first, "d"), write(third, "e"), write(second, "f")]);
    assert!(matches!(&answers[0], Answer::Done(_)));
    assert!(matches!(&answers[1], Answer::Failed(error) if error.code() == Code::Closed));
    assert!(matches!(&answers[2], Answer::Done(_)));
    assert_eq!(session.text(&kept), "ad");
    assert_eq!(session.text(&deleted), "bf");
}

#[test]
fn a_text_is_read_in_pages_without_its_reasoning_and_with_marks_for_what_is_missing() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let piece = "zażółć ".repeat(100_000);
    let message = session.call(
        "messages.append",
        &json!({ "conversationId": conversation, "message": { "role": "assistant", "parts": [
            { "type": "reasoning", "text": "hm" }, { "type": "text", "text": piece }, { "type": "text", "text": "end" },
        ] } }),
    );
    let (mut text, mut pages) = (String::new(), 0);
    let mut args = json!({ "id": message["id"] });
    loop {
        let page = session.call("messages.text", &args.clone());
        text.push_str(page["text"].as_str().unwrap());
        pages += 1;
        match page.get("nextCursor") {
            Some(cursor) => args["cursor"] = cursor.clone(),
            None => break,
        }
    }
    assert_eq!(pages, 2);
    assert!(text == format!("{piece}end"), "the text differs");
    assert_eq!(
        session.refused("messages.text", &json!({ "id": "us01-co01-ms99" })),
        Code::NotFound
    );
}

#[test]
fn followers_are_told_of_the_end_that_closing_brings() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    session.call("messages.follow", &json!({ "id": message }));
    session.write(stream, &["last words"]);
    ready(session.engine.end_streams()).unwrap();
    let (_, news) = session.engine.take_events();
    let news: Vec<Value> = news
        .iter()
        .map(|one| serde_json::to_value(&one.news).unwrap())
        .collect();
    assert_eq!(news[0]["text"], "last words");
    assert_eq!(news[1], json!({ "type": "end", "status": "interrupted" }));
}

#[test]
fn a_stream_cut_off_on_a_full_disk_is_interrupted_once_there_is_room() {
    let disk = SimDisk::new(3);
    let mut session = Session::open(Rc::new(disk.clone()));
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    session.write(stream, &["kept "; 20]);
    drop(session);
    disk.kill();
    disk.set_capacity(disk.files().iter().map(|(_, bytes)| bytes).sum());
    let mut session = Session::open(Rc::new(disk.clone()));
    let status = |session: &mut Session| {
        session.call("messages.get", &json!({ "id": message }))["status"].clone()
    };
    assert_eq!(status(&mut session), "streaming");
    disk.set_capacity(u64::MAX);
    ready(session.engine.tick(true)).unwrap();
    for _ in 0..10 {
        ready(session.engine.tick(true)).unwrap();
        session.host.advance(2000);
    }
    assert_eq!(status(&mut session), "interrupted");
}

#[test]
fn a_continued_message_longer_than_is_shown_counts_all_it_holds() {
    let (disk, mut session) = memory();
    let conversation = session.conversation();
    let (stream, message) = session.begin(&conversation);
    let text = "zażółć ".repeat(200_000);
    session.call(
        "streams.write",
        &json!({ "stream": stream, "deltas": [text] }),
    );
    session.call("streams.flush", &json!({ "stream": stream }));
    drop(session);
    let mut session = Session::open(Rc::new(disk));
    let opened = session.call("messages.continue", &json!({ "id": message }));
    assert_eq!(opened["message"]["truncated"], true);
    let progress = session.call("streams.flush", &json!({ "stream": opened["stream"] }));
    assert_eq!(progress["acknowledged"].as_u64().unwrap(), 1_400_000);
}

#[test]
fn deleting_a_conversation_ends_its_streams() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (stream, _) = session.begin(&conversation);
    let (idle, _) = session.begin(&conversation);
    session.write(idle, &["waiting"]);
    session.call("conversations.delete", &json!({ "id": conversation }));
    let deltas = vec!["x"; 20];
    assert_eq!(
        session.refused(
            "streams.write",
            &json!({ "stream": stream, "deltas": deltas })
        ),
        Code::Closed
    );
    session.host.advance(1000);
    ready(session.engine.tick(true)).unwrap();
    assert_eq!(session.engine.stats().unwrap().streams.open, 0);
}

#[test]
fn many_streams_at_once_share_a_turn_and_stay_apart() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let streams: Vec<(u64, String)> = (0..20).map(|_| session.begin(&conversation)).collect();
    for round in 0..30 {
        let write = |(stream, message): &(u64, String)| {
            json!({ "stream": stream, "deltas": [format!("{message}/{round} ")], "tokens": [3] })
                .to_string()
        };
        let writes: Vec<String> = streams.iter().map(write).collect();
        let answers = session.writes(&writes);
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Answer::Done(_)))
        );
    }
    for (stream, message) in &streams {
        session.call(
            "streams.end",
            &json!({ "stream": stream, "status": "complete" }),
        );
        let expected: Vec<String> = (0..30).map(|round| format!("{message}/{round} ")).collect();
        assert_eq!(session.text(message), expected.concat());
    }
}

#[test]
fn a_user_reaches_only_their_own_streams_and_messages() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    session.call("users.create", &json!({ "name": "Bob" }));
    let opened = session
        .call_as(
            Some("us01"),
            "messages.stream",
            &json!({ "conversationId": conversation, "message": { "role": "assistant" } }),
        )
        .unwrap();
    let message = opened["message"]["id"].clone();
    let stream = opened["stream"].clone();
    for (method, args, code) in [
        (
            "streams.write",
            json!({ "stream": stream, "deltas": ["x"] }),
            Code::Closed,
        ),
        ("streams.flush", json!({ "stream": stream }), Code::Closed),
        (
            "streams.end",
            json!({ "stream": stream, "status": "complete" }),
            Code::Closed,
        ),
        ("messages.follow", json!({ "id": message }), Code::NotFound),
        ("messages.get", json!({ "id": message }), Code::NotFound),
        (
            "messages.list",
            json!({ "conversationId": conversation }),
            Code::NotFound,
        ),
        ("messages.chunks", json!({ "id": message }), Code::NotFound),
        (
            "messages.continue",
            json!({ "id": message }),
            Code::NotFound,
        ),
        (
            "conversations.get",
            json!({ "id": conversation }),
            Code::NotFound,
        ),
        (
            "conversations.list",
            json!({ "userId": "us01" }),
            Code::NotFound,
        ),
        (
            "conversations.delete",
            json!({ "id": conversation }),
            Code::NotFound,
        ),
        ("users.get", json!({ "id": "us01" }), Code::NotFound),
        (
            "users.create",
            json!({ "name": "Eve" }),
            Code::InvalidArgument,
        ),
    ] {
        let refused = session.call_as(Some("us02"), method, &args).unwrap_err();
        assert_eq!(refused.code(), code, "{method}: {refused}");
    }
    let users = session
        .call_as(Some("us02"), "users.list", &json!({}))
        .unwrap();
    assert_eq!(users["items"].as_array().unwrap().len(), 1);
    assert_eq!(users["items"][0]["id"], "us02");
}

#[test]
#[allow(clippy::too_many_lines, reason = "a list of bad inputs")]
fn bad_input_is_refused_and_changes_nothing() {
    let (_, mut session) = memory();
    let conversation = session.conversation();
    let (stream, _) = session.begin(&conversation);
    let seq = session.engine.store().last_seq();
    for (method, args, code) in [
        ("nothing.here", json!({}), Code::InvalidArgument),
        ("users.create", json!({ "name": 7 }), Code::InvalidArgument),
        (
            "users.create",
            json!({ "name": "x", "nmae": "y" }),
            Code::InvalidArgument,
        ),
        (
            "users.create",
            json!({ "name": "x".repeat(5000) }),
            Code::InvalidArgument,
        ),
        ("users.get", json!({ "id": "us1" }), Code::InvalidArgument),
        ("users.get", json!({ "id": "us99" }), Code::NotFound),
        ("conversations.create", json!({}), Code::InvalidArgument),
        (
            "conversations.create",
            json!({ "userId": "us77" }),
            Code::NotFound,
        ),
        (
            "conversations.list",
            json!({ "userId": "us01", "limit": -1 }),
            Code::InvalidArgument,
        ),
        (
            "conversations.list",
            json!({ "userId": "us01", "limit": 1001 }),
            Code::InvalidArgument,
        ),
        (
            "conversations.list",
            json!({ "userId": "us01", "cursor": "forged" }),
            Code::InvalidArgument,
        ),
        (
            "conversations.update",
            json!({ "id": conversation, "version": 99, "title": "x" }),
            Code::Conflict,
        ),
        (
            "conversations.addParticipant",
            json!({ "conversationId": conversation, "participant": { "id": "us55", "kind": "user" } }),
            Code::NotFound,
        ),
        (
            "messages.append",
            json!({ "conversationId": "us01-co99", "message": { "role": "user", "text": "x" } }),
            Code::NotFound,
        ),
        (
            "messages.append",
            json!({ "conversationId": conversation, "message": { "role": "king", "text": "x" } }),
            Code::InvalidArgument,
        ),
        (
            "messages.append",
            json!({ "conversationId": conversation, "message": { "role": "user", "text": "x", "parts": [] } }),
            Code::InvalidArgument,
        ),
        (
            "messages.append",
            json!({ "conversationId": conversation, "message": { "role": "user", "parentId": "us01-co01-ms77" } }),
            Code::NotFound,
        ),
        (
            "messages.append",
            json!({ "conversationId": conversation, "message": { "role": "user", "text": "x".repeat((64 << 20) + 1) } }),
            Code::InvalidArgument,
        ),
        (
            "messages.chunks",
            json!({ "id": "us01-co01-ms09" }),
            Code::NotFound,
        ),
        (
            "messages.switchBranch",
            json!({ "id": "us01-co01-ms09" }),
            Code::NotFound,
        ),
        (
            "streams.write",
            json!({ "stream": 999, "deltas": ["x"] }),
            Code::Closed,
        ),
        (
            "streams.write",
            json!({ "stream": stream, "deltas": ["x"], "tokens": [1, 2] }),
            Code::InvalidArgument,
        ),
        (
            "streams.part",
            json!({ "stream": stream, "part": { "type": "text", "text": "x" } }),
            Code::InvalidArgument,
        ),
        (
            "streams.end",
            json!({ "stream": stream, "status": "streaming" }),
            Code::InvalidArgument,
        ),
        (
            "streams.configure",
            json!({ "settings": { "bundleTokens": 0, "bundleMs": 1, "chunkTokens": 1 } }),
            Code::InvalidArgument,
        ),
    ] {
        assert_eq!(session.refused(method, &args.clone()), code, "{method}");
    }
    assert_eq!(session.engine.store().last_seq(), seq);
}

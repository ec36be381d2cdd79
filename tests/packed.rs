//! Chunks of archived conversations: compressed together, read where they are, and back when they are wanted.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::Code;
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::{Disk, OpenMode, read_all, ready};
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::host::ManualHost;
use strongroom::store::Caller;

struct Fixture {
    engine: Engine,
    host: Rc<ManualHost>,
    disk: MemoryDisk,
}

impl Fixture {
    /// A store with one user and one conversation.
    fn new() -> Self {
        let mut fixture = Self::open(MemoryDisk::default());
        fixture.call("users.create", json!({ "name": "Ada" }));
        fixture.call(
            "conversations.create",
            json!({ "userId": "us01", "title": "Plans" }),
        );
        fixture
    }

    fn open(disk: MemoryDisk) -> Self {
        let host = Rc::new(ManualHost::new(7));
        let options = EngineOptions {
            backups: Some(false),
            ..EngineOptions::default()
        };
        let engine = Engine::open(Rc::new(disk.clone()), host.clone(), &options);
        Self {
            engine: ready(engine).unwrap(),
            host,
            disk,
        }
    }

    fn ask(&mut self, method: &str, args: Value) -> Result<Value, Code> {
        self.host.advance(1);
        while self.engine.needs_tick() {
            ready(self.engine.tick(true)).unwrap();
        }
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user: None,
            request_id: None,
        };
        match self.engine.turn(&[request]).pop().unwrap() {
            Answer::Done(json) => Ok(serde_json::from_str(&json).unwrap()),
            Answer::Failed(error) | Answer::Again(error) => Err(error.code()),
        }
    }

    fn call(&mut self, method: &str, args: Value) -> Value {
        self.ask(method, args)
            .unwrap_or_else(|code| panic!("{method}: {code}"))
    }

    fn task(&mut self, method: &str, args: Value) -> Value {
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user: None,
            request_id: None,
        };
        loop {
            let step = ready(async { Ok(self.engine.task(1, request, &mut |_| {}).await) });
            if let Some(json) = step.unwrap().unwrap().unwrap() {
                return serde_json::from_str(&json).unwrap();
            }
        }
    }

    fn say(&mut self, role: &str, text: &str) -> String {
        let message = json!({ "role": role, "text": text });
        let args = json!({ "conversationId": "us01-co01", "message": message });
        self.call("messages.append", args)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn set_status(&mut self, status: &str) {
        let version =
            self.call("conversations.get", json!({ "id": "us01-co01" }))["version"].clone();
        let change = json!({ "id": "us01-co01", "version": version, "status": status });
        self.call("conversations.update", change);
        self.rest();
    }

    fn rest(&mut self) {
        for _ in 0..10_000 {
            let Some(due) = self.engine.due() else { return };
            self.host.advance(i64::try_from(due).unwrap());
            ready(self.engine.tick(true)).unwrap();
        }
        panic!("upkeep has no end");
    }

    fn count(&mut self, sql: &str) -> i64 {
        let read = self.engine.store().read(Caller::default(), |view| {
            Ok(view.prepare(sql)?.query_row([], |row| row.get(0))?)
        });
        read.unwrap()
    }

    /// Rows of chunks, and of those that are packed.
    fn rows(&mut self) -> (i64, i64) {
        (
            self.count("SELECT count(*) FROM chunk"),
            self.count("SELECT count(*) FROM packed_chunk"),
        )
    }

    /// All that is read of the conversation, in every way.
    fn everything(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut args = json!({ "conversationId": "us01-co01", "limit": 100, "path": "all" });
        loop {
            let page = self.call("messages.list", args.clone());
            for message in page["items"].as_array().unwrap() {
                let id = json!({ "id": message["id"] });
                all.push(message.clone());
                all.push(self.call("messages.text", id.clone()));
                all.push(self.call("messages.chunks", id));
            }
            args["cursor"] = page["nextCursor"].clone();
            if args["cursor"].is_null() {
                return all;
            }
        }
    }

    fn lose_database(self) -> Self {
        drop(self.engine);
        for file in ["store.sqlite3", "store.sqlite3-wal"] {
            ready(self.disk.remove(file)).unwrap();
        }
        Self::open(self.disk)
    }
}

/// Words, never twice the same.
fn words(seed: usize, count: usize) -> String {
    let word = |i: usize| ["alpha", "beta", "gamma", "delta", "step", "plan"][i * 7 % 6];
    let words: Vec<_> = (0..count)
        .map(|i| format!("{}{}", word(seed + i), (seed * 31 + i) % 97))
        .collect();
    words.join(" ")
}

/// A conversation with long and short messages, a branch and reasoning.
fn talk(fixture: &mut Fixture) {
    for turn in 0..60 {
        fixture.say("user", &format!("question{turn} {}", words(turn, 20)));
        fixture.say("assistant", &format!("answer{turn} {}", words(turn, 900)));
    }
    let parts = json!([
        { "type": "reasoning", "text": "because reasons" },
        { "type": "text", "text": "thus" },
        { "type": "tool_call", "callId": "c1", "name": "run", "input": {} },
    ]);
    let message = json!({ "role": "assistant", "parts": parts });
    fixture.call(
        "messages.append",
        json!({ "conversationId": "us01-co01", "message": message }),
    );
    let edit = json!({ "id": "us01-co01-ms01", "text": "another question" });
    fixture.call("messages.edit", edit);
}

#[test]
fn an_archived_conversation_is_packed_and_reads_the_same() {
    let mut fixture = Fixture::new();
    talk(&mut fixture);
    fixture.rest();
    let chunks = fixture.count("SELECT count(*) FROM chunk");
    let version = |fixture: &mut Fixture| {
        fixture.call("conversations.get", json!({ "id": "us01-co01" }))["version"].clone()
    };
    fixture.set_status("archived");
    let archived = version(&mut fixture);
    let before = fixture.everything();
    let (left, packed) = fixture.rows();
    assert!(left == 0 && packed > 2, "{left} {packed}");
    for text in ["question59", "answer7", "reasons", "another"] {
        let found = fixture.call("search.query", json!({ "userId": "us01", "text": text }));
        assert_eq!(found["complete"], true);
        assert!(
            found["items"][0]["snippet"]["text"]
                .as_str()
                .unwrap()
                .contains(text),
            "{text}"
        );
    }
    // Nothing in it changed, and nobody's history tells of it.
    let history = fixture.task("history.list", json!({ "record": "us01-co01-ms02" }));
    assert_eq!(history["items"].as_array().unwrap().len(), 1);
    assert_eq!(version(&mut fixture), archived);
    fixture.set_status("active");
    assert_eq!(fixture.rows(), (chunks, 0));
    let after = fixture.everything();
    assert!(before == after);
    let mut fixture = fixture.lose_database();
    fixture.rest();
    assert!(fixture.everything() == after);
    fixture.set_status("archived");
    assert_eq!(fixture.rows().0, 0);
    let mut fixture = fixture.lose_database();
    assert!(fixture.everything() == before);
    assert_eq!(
        fixture.task("health.check", json!({}))["findings"],
        json!([])
    );
    assert_eq!(
        fixture.task("search.check", json!({}))["findings"],
        json!([])
    );
    // An index that is built anew finds what is packed.
    fixture.task("search.rebuild", json!({}));
    fixture.rest();
    let found = fixture.call(
        "search.query",
        json!({ "userId": "us01", "text": "answer59" }),
    );
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[test]
fn what_comes_after_packing_is_read_with_it() {
    let mut fixture = Fixture::new();
    talk(&mut fixture);
    fixture.set_status("archived");
    fixture.say("user", "one more, while it is archived");
    let all = fixture.everything();
    fixture.rest();
    assert_eq!(fixture.rows().0, 0);
    assert!(fixture.everything() == all);
    fixture.set_status("active");
    let mut back = fixture.everything();
    assert_eq!(back.len(), all.len());
    back.retain(|value| !all.contains(value));
    assert_eq!(back, Vec::<Value>::new());
}

#[test]
fn a_message_that_is_deleted_leaves_no_packed_text() {
    let mut fixture = Fixture::new();
    let gone = fixture.say("user", "the secret zqvquux");
    fixture.say("assistant", "kept elsewhere");
    fixture.call(
        "conversations.create",
        json!({ "userId": "us01", "title": "Other" }),
    );
    fixture.set_status("archived");
    assert_eq!(fixture.rows(), (0, 1));
    fixture.call("messages.delete", json!({ "id": gone }));
    fixture.rest();
    let texts = fixture.count(
        "SELECT (SELECT count(*) FROM packed_chunk WHERE unpack(data) LIKE '%zqvquux%')
              + (SELECT count(*) FROM chunk WHERE text LIKE '%zqvquux%')",
    );
    assert_eq!(texts, 0);
}

#[test]
fn an_interrupted_message_goes_on_after_it_was_packed() {
    let mut fixture = Fixture::new();
    let args = json!({ "conversationId": "us01-co01", "message": { "role": "assistant" } });
    let stream = fixture.call("messages.stream", args)["stream"].clone();
    fixture.call(
        "streams.write",
        json!({ "stream": stream, "deltas": ["begun "] }),
    );
    fixture.call(
        "streams.end",
        json!({ "stream": stream, "status": "interrupted" }),
    );
    fixture.set_status("archived");
    assert_eq!(fixture.rows(), (0, 1));
    let stream =
        fixture.call("messages.continue", json!({ "id": "us01-co01-ms01" }))["stream"].clone();
    fixture.call(
        "streams.write",
        json!({ "stream": stream, "deltas": ["and ended"] }),
    );
    fixture.rest();
    assert_eq!(fixture.rows().1, 0, "a message is streaming");
    fixture.call(
        "streams.end",
        json!({ "stream": stream, "status": "complete" }),
    );
    fixture.rest();
    assert_eq!(fixture.rows(), (0, 1));
    let text = fixture.call("messages.text", json!({ "id": "us01-co01-ms01" }));
    assert_eq!(text["text"], "begun and ended");
}

#[test]
fn an_erased_conversation_leaves_no_packed_line() {
    let mut fixture = Fixture::new();
    talk(&mut fixture);
    fixture.set_status("archived");
    assert!(fixture.rows().1 > 0);
    fixture.call("retention.erase", json!({ "id": "us01-co01" }));
    for _ in 0..200 {
        fixture.host.advance(1000);
        ready(fixture.engine.tick(true)).unwrap();
    }
    fixture.rest();
    assert_eq!(fixture.rows(), (0, 0));
    for name in ready(fixture.disk.list("journal")).unwrap() {
        let path = format!("journal/{name}");
        let Ok(file) = ready(fixture.disk.open(&path, OpenMode::Existing)) else {
            continue;
        };
        let lines = read_all(&*file).unwrap();
        assert!(
            !String::from_utf8_lossy(&lines).contains("packed_chunk\",\"put"),
            "{name}"
        );
    }
}

#[test]
fn a_real_transcript_shrinks_to_a_quarter() {
    let data = std::env::var("STRONGROOM_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let path = format!("{data}/transcripts/aider_chat-history.md");
    let Ok(transcript) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED (no data): packing a real transcript");
        return;
    };
    let mut fixture = Fixture::new();
    let messages: Vec<Value> = transcript
        .split("\n#### ")
        .filter_map(|turn| turn.split_once('\n'))
        .flat_map(|(asked, answered)| [("user", asked), ("assistant", answered)])
        .map(|(role, text)| json!({ "role": role, "text": if text.is_empty() { "-" } else { text } }))
        .collect();
    let args = json!({ "conversationId": "us01-co01", "messages": messages });
    fixture.call("messages.appendAll", args);
    let before = fixture.count("SELECT sum(octet_length(text)) FROM chunk");
    fixture.set_status("archived");
    let after = fixture.count("SELECT sum(octet_length(data)) FROM packed_chunk");
    assert_eq!(fixture.rows().0, 0);
    assert!(
        before > 3_000_000 && after * 4 < before,
        "{before} to {after}"
    );
    let page = fixture.call(
        "messages.list",
        json!({ "conversationId": "us01-co01", "limit": 5 }),
    );
    assert_eq!(
        page["items"][0]["text"],
        messages[messages.len() - 1]["text"]
    );
}

//! Real conversations: every branch of the OASST trees, every session of the long transcript, answers in twelve languages.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::path::PathBuf;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Value, json};
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::ready;
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::host::ManualHost;

/// The file of real data, or none with a note for whoever counts the skips.
fn data(path: &str, test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("STRONGROOM_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
        PathBuf::from,
    );
    let file = folder.join(path);
    if file.is_file() {
        return Some(file);
    }
    println!("SKIPPED (no data): {test}");
    if let Some(log) = std::env::var_os("STRONGROOM_SKIP_LOG") {
        use std::io::Write as _;
        let mut log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        writeln!(log, "{test}").unwrap();
    }
    None
}

struct Session {
    engine: Engine,
    disk: MemoryDisk,
}

impl Session {
    fn new() -> Self {
        let disk = MemoryDisk::default();
        Self {
            engine: Self::engine(&disk),
            disk,
        }
    }

    fn engine(disk: &MemoryDisk) -> Engine {
        let host = Rc::new(ManualHost::new(11));
        ready(Engine::open(
            Rc::new(disk.clone()),
            host,
            &EngineOptions::default(),
        ))
        .unwrap()
    }

    /// Drops the engine without closing it, as a dying tab does, and opens the store again.
    fn crash(self) -> Self {
        let Self { engine, disk } = self;
        drop(engine);
        Self {
            engine: Self::engine(&disk),
            disk,
        }
    }

    fn call(&mut self, method: &str, input: &Value) -> Value {
        while self.engine.needs_tick() {
            ready(self.engine.tick(true)).unwrap();
        }
        let request = Request {
            method,
            args: &input.to_string(),
            user: None,
            request_id: None,
        };
        match self.engine.turn(&[request]).pop() {
            Some(Answer::Done(value)) => serde_json::from_str(&value).unwrap(),
            Some(Answer::Failed(error) | Answer::Again(error)) => panic!("{method}: {error}"),
            None => panic!("{method}: no answer"),
        }
    }

    fn path(&mut self, conversation: &str) -> Vec<String> {
        let list = json!({ "conversationId": conversation, "order": "oldest", "limit": 1000 });
        let page = self.call("messages.list", &list);
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["text"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[derive(Deserialize)]
struct Tree {
    prompt: Node,
}

#[derive(Deserialize)]
struct Node {
    text: String,
    role: String,
    #[serde(default)]
    replies: Vec<Node>,
}

#[test]
fn every_branch_of_every_oasst_tree_comes_back() {
    let Some(file) = data(
        "oasst/en_100_tree.jsonl",
        "every_branch_of_every_oasst_tree_comes_back",
    ) else {
        return;
    };
    let mut session = Session::new();
    session.call("users.create", &json!({ "name": "Ada" }));
    let mut paths: Vec<(String, String, Vec<String>)> = Vec::new();
    let mut messages = 0;
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let tree: Tree = serde_json::from_str(line).unwrap();
        let conversation = session.call("conversations.create", &json!({ "userId": "us01" }));
        let conversation = conversation["id"].as_str().unwrap().to_owned();
        let mut waiting = vec![(&tree.prompt, None::<String>, Vec::new())];
        while let Some((node, parent, mut path)) = waiting.pop() {
            let role = if node.role == "prompter" {
                "user"
            } else {
                "assistant"
            };
            let mut message = json!({ "role": role, "text": node.text });
            if let Some(parent) = parent {
                message["parentId"] = parent.into();
            }
            let made = session.call(
                "messages.append",
                &json!({ "conversationId": conversation, "message": message }),
            );
            messages += 1;
            let id = made["id"].as_str().unwrap().to_owned();
            path.push(node.text.clone());
            if node.replies.is_empty() {
                paths.push((conversation.clone(), id.clone(), path.clone()));
            }
            waiting.extend(
                node.replies
                    .iter()
                    .map(|reply| (reply, Some(id.clone()), path.clone())),
            );
        }
    }
    let mut session = session.crash();
    for (conversation, leaf, expected) in &paths {
        session.call("messages.switchBranch", &json!({ "id": leaf }));
        assert_eq!(&session.path(conversation), expected, "{leaf}");
    }
    println!("oasst: {messages} messages, {} branches", paths.len());
    assert!(paths.len() > 300 && messages > 1000);
}

#[test]
fn every_session_of_the_long_transcript_streams_and_comes_back() {
    const TEST: &str = "every_session_of_the_long_transcript_streams_and_comes_back";
    let Some(file) = data("transcripts/aider_chat-history.md", TEST) else {
        return;
    };
    let transcript = std::fs::read_to_string(file).unwrap();
    let starts: Vec<usize> = transcript
        .match_indices("\n# aider chat started at")
        .map(|(at, _)| at)
        .collect();
    let ends = starts.iter().copied().skip(1).chain([transcript.len()]);
    let sessions: Vec<&str> = starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| &transcript[start..end])
        .collect();
    let mut store = Session::new();
    store.call("users.create", &json!({ "name": "Ada" }));
    let mut ids = Vec::new();
    for text in &sessions {
        let conversation = store.call("conversations.create", &json!({ "userId": "us01" }));
        let begin =
            json!({ "conversationId": conversation["id"], "message": { "role": "assistant" } });
        let opened = store.call("messages.stream", &begin);
        let deltas: Vec<&str> = text.split_inclusive(' ').collect();
        for batch in deltas.chunks(50) {
            store.call(
                "streams.write",
                &json!({ "stream": opened["stream"], "deltas": batch }),
            );
        }
        store.call(
            "streams.end",
            &json!({ "stream": opened["stream"], "status": "complete" }),
        );
        ids.push(opened["message"]["id"].as_str().unwrap().to_owned());
    }
    let mut store = store.crash();
    for (id, text) in ids.iter().zip(&sessions) {
        let read = store.call("messages.get", &json!({ "id": id }));
        assert!(read["text"] == **text, "{id}");
    }
    let figures = store.engine.stats().unwrap();
    println!(
        "transcript: {} sessions, {} bytes, {} journal lines",
        sessions.len(),
        transcript.len(),
        figures.journal_seq
    );
    assert_eq!(sessions.len(), 1133);
}

#[test]
fn answers_in_twelve_languages_are_cut_between_characters() {
    const TEST: &str = "answers_in_twelve_languages_are_cut_between_characters";
    let Some(file) = data("multilingual/oa_falcon40b_12-languages_filtered.json", TEST) else {
        return;
    };
    let mut texts = Vec::new();
    collect_texts(
        &serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap(),
        &mut texts,
    );
    let mut session = Session::new();
    session.call("users.create", &json!({ "name": "Ada" }));
    session.call("conversations.create", &json!({ "userId": "us01" }));
    for text in &texts {
        let begin = json!({ "conversationId": "us01-co01", "message": { "role": "assistant" } });
        let opened = session.call("messages.stream", &begin);
        // The whole answer as one delta: far larger than a chunk, so it must be cut.
        session.call(
            "streams.write",
            &json!({ "stream": opened["stream"], "deltas": [text] }),
        );
        let ended = session.call(
            "streams.end",
            &json!({ "stream": opened["stream"], "status": "complete" }),
        );
        assert_eq!(ended["text"], **text);
    }
    println!("languages: {} texts", texts.len());
    assert!(texts.len() > 100);
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() > 200 => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(fields) => fields
            .values()
            .for_each(|field| collect_texts(field, texts)),
        _ => {}
    }
}

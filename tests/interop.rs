//! Other programs' formats: real exports, and small ones with what is known to go wrong.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

use std::fmt::Write as _;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};
use strongroom::Code;
use strongroom::domain::messages::{MessageStatus, Role};
use strongroom::domain::parts::Part;
use strongroom::interop::charts::{ChartFile, chart_file, file_name};
use strongroom::interop::detect::detect;
use strongroom::interop::{
    Conversation, Format, Item, Message, Note, Reader, Report, chunks, markdown, native, sharegpt,
};

const FORMATS: [Format; 7] = [
    Format::ChatGpt,
    Format::Claude,
    Format::OpenWebUi,
    Format::LibreChat,
    Format::ShareGpt,
    Format::UiMessage,
    Format::Strongroom,
];

const EXPORTS: [(&str, Format, usize, usize); 8] = [
    ("librechat__chatgpt-tree.json", Format::ChatGpt, 1, 12),
    (
        "librechat__chatgpt-modern-export.json",
        Format::ChatGpt,
        2,
        7,
    ),
    (
        "claude__claude-json-schema_example.json",
        Format::Claude,
        1,
        2,
    ),
    ("librechat__openwebui-export.json", Format::OpenWebUi, 3, 6),
    ("librechat__librechat-linear.json", Format::LibreChat, 1, 2),
    ("librechat__librechat-export.json", Format::LibreChat, 1, 6),
    ("librechat__librechat-tree.json", Format::LibreChat, 1, 9),
    (
        "sharegpt__fastchat_dummy_conversation.json",
        Format::ShareGpt,
        500,
        0,
    ),
];

struct Outcome {
    conversations: Vec<(Conversation, Report)>,
    skipped: Vec<Note>,
    end: Option<Code>,
}

fn read_from(format: Format, input: Box<dyn Read>) -> Outcome {
    let mut reader = Reader::open(format, input).unwrap();
    let mut read = Outcome {
        conversations: Vec::new(),
        skipped: Vec::new(),
        end: None,
    };
    loop {
        match reader.next() {
            Ok(Some(Item::Conversation(conversation, report))) => {
                read.conversations.push((*conversation, report));
            }
            Ok(Some(Item::Skipped(note))) => read.skipped.push(note),
            Ok(None) => return read,
            Err(error) => {
                read.end = Some(error.code());
                assert_eq!(reader.next().unwrap(), None, "an error ends the reading");
                return read;
            }
        }
    }
}

fn read(format: Format, bytes: impl Into<Vec<u8>>) -> Outcome {
    read_from(format, Box::new(Cursor::new(bytes.into())))
}

/// The only conversation.
fn one(format: Format, json: &Value) -> (Conversation, Report) {
    let mut read = read(format, json.to_string());
    assert_eq!(read.skipped, []);
    assert_eq!(read.conversations.len(), 1);
    read.conversations.remove(0)
}

fn data(folder: &str, name: &str) -> Option<Vec<u8>> {
    let data = std::env::var_os("STRONGROOM_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
        PathBuf::from,
    );
    let found = std::fs::read(data.join(folder).join(name)).ok();
    if found.is_none() {
        println!("SKIPPED (no data): {folder}/{name}");
    }
    found
}

fn metadata(message: &Message, path: &str) -> Value {
    let value: Value = serde_json::from_str(message.metadata.get()).unwrap();
    value.pointer(path).cloned().unwrap_or(Value::Null)
}

fn texts(conversation: &Conversation) -> Vec<String> {
    let path = conversation.path();
    path.iter().map(|message| message.text()).collect()
}

/// A tree: parents come first, and the path ends at a message.
fn assert_tree(conversation: &Conversation) {
    for (index, message) in conversation.messages.iter().enumerate() {
        assert!(message.parent.is_none_or(|parent| parent < index));
    }
    assert_eq!(
        conversation.leaf.is_some(),
        !conversation.messages.is_empty()
    );
    assert!(
        conversation
            .leaf
            .is_none_or(|leaf| leaf < conversation.messages.len())
    );
}

#[test]
fn real_exports_are_recognised_and_read_whole() {
    for (name, format, conversations, messages) in EXPORTS {
        let Some(bytes) = data("chat-exports", name) else {
            continue;
        };
        assert_eq!(
            detect(name, &bytes[..bytes.len().min(65536)]),
            Some(format),
            "{name}"
        );
        let read = read(format, bytes);
        assert_eq!(read.conversations.len(), conversations, "{name}");
        let count: usize = read
            .conversations
            .iter()
            .map(|(c, _)| c.messages.len())
            .sum();
        assert!(messages == 0 || count == messages, "{name} {count}");
        read.conversations.iter().for_each(|(c, _)| assert_tree(c));
        let corrupt = usize::from(name.contains("modern"));
        assert_eq!(read.skipped.len(), corrupt, "{name} {:?}", read.skipped);
    }
}

/// Every text and number in a value, keys aside.
fn scalars(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => found.push(number.to_string()),
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| scalars(value, found)),
        Value::Object(object) => object.values().for_each(|value| scalars(value, found)),
    }
}

fn count_flags(value: &Value) -> usize {
    match value {
        Value::Bool(_) => 1,
        Value::Array(list) => list.iter().map(count_flags).sum(),
        Value::Object(object) => object.values().map(count_flags).sum(),
        _ => 0,
    }
}

/// Milliseconds, as far as a scalar is a time.
fn as_time(scalar: &str) -> Option<String> {
    if let Ok(seconds) = scalar.parse::<f64>() {
        #[allow(clippy::cast_possible_truncation, reason = "times are small")]
        return Some(((seconds * 1000.0).round() as i64).to_string());
    }
    let time = humantime::parse_rfc3339_weak(scalar).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(since.as_millis().to_string())
}

/// Words that name what a field of the model is.
const WORDS: [&str; 20] = [
    "",
    "human",
    "gpt",
    "user",
    "assistant",
    "system",
    "tool",
    "text",
    "output_text",
    "reasoning",
    "message",
    "function_call",
    "function_call_output",
    "finished_successfully",
    "all",
    "00000000-0000-0000-0000-000000000000",
    "00000000-0000-4000-8000-000000000000",
    "multimodal_text",
    "code",
    "summary_text",
];

#[test]
fn every_scalar_of_every_real_export_is_in_what_was_read() {
    for (name, format, ..) in EXPORTS {
        let Some(bytes) = data("chat-exports", name) else {
            continue;
        };
        let source: Value = serde_json::from_slice(&bytes).unwrap();
        let source = match source {
            Value::Array(list) => list,
            other => vec![other],
        };
        let source = source
            .into_iter()
            .filter(|c| format != Format::ChatGpt || c.get("mapping").is_some());
        let read = read(format, bytes.clone()).conversations;
        for (source, (read, _)) in source.zip(read) {
            let mut kept = Vec::new();
            scalars(&serde_json::to_value(&read).unwrap(), &mut kept);
            let all: std::collections::HashSet<&str> = kept.iter().map(String::as_str).collect();
            let mut wanted = Vec::new();
            scalars(&source, &mut wanted);
            for scalar in wanted {
                let is_kept = WORDS.contains(&scalar.as_str())
                    || all.contains(scalar.as_str())
                    || as_time(&scalar).is_some_and(|time| all.contains(time.as_str()))
                    || kept
                        .iter()
                        .any(|kept| scalar.len() > 8 && kept.contains(&scalar));
                assert!(is_kept, "{name}: `{scalar}` is lost");
            }
            let flags =
                |format: Format| usize::from(format == Format::LibreChat) * read.messages.len();
            assert!(
                count_flags(&serde_json::to_value(&read).unwrap()) + flags(format) + 1
                    >= count_flags(&source),
                "{name}"
            );
        }
    }
}

#[test]
fn what_is_read_is_the_same_after_writing_and_reading() {
    for (name, format, ..) in EXPORTS {
        let Some(bytes) = data("chat-exports", name) else {
            continue;
        };
        let first = read(format, bytes).conversations;
        let mut written = Vec::new();
        for (conversation, _) in &first {
            native::write(conversation, &mut written).unwrap();
        }
        assert_eq!(
            detect("x", &written[..written.len().min(65536)]),
            Some(Format::Strongroom)
        );
        let second = read(Format::Strongroom, written).conversations;
        assert_eq!(first.len(), second.len());
        for (first, second) in first.iter().zip(&second) {
            assert_eq!(first.0, second.0, "{name}");
        }
    }
}

#[test]
fn a_native_conversation_whose_parent_or_leaf_is_not_there_is_skipped() {
    let line = |parent: Value, leaf: Value| {
        let message =
            json!({ "role": "user", "status": "complete", "parts": [], "parent": parent });
        json!({ "strongroom": 1, "conversation": { "messages": [message], "leaf": leaf } })
            .to_string()
    };
    let good = line(json!(null), json!(0));
    for bad in [
        line(json!(0), json!(0)),
        line(json!(1), json!(0)),
        line(json!(-1), json!(0)),
        line(json!(null), json!(1)),
        line(json!(null), json!(u64::MAX)),
    ] {
        let read = read(Format::Strongroom, format!("{bad}\n{good}\n"));
        assert_eq!(read.conversations.len(), 1, "{bad}");
        assert_eq!(read.skipped.len(), 1, "{bad}");
    }
}

#[test]
fn sharegpt_is_the_same_after_writing_and_reading() {
    let Some(bytes) = data("chat-exports", "sharegpt__fastchat_dummy_conversation.json") else {
        return;
    };
    let first = read(Format::ShareGpt, bytes).conversations;
    let mut written = Vec::new();
    for (conversation, _) in &first {
        sharegpt::write(conversation, &mut written).unwrap();
    }
    assert_eq!(read(Format::ShareGpt, written).conversations, first);
}

fn chatgpt(nodes: &Value, current: &Value) -> Value {
    json!([{ "id": "c", "title": "T", "mapping": nodes, "current_node": current }])
}

fn node(parent: &Value, children: &[&str], text: &str) -> Value {
    json!({ "parent": parent, "children": children, "message":
        { "id": text, "author": { "role": "user" }, "content": { "content_type": "text", "parts": [text] } } })
}

#[test]
fn chatgpt_links_that_are_broken_in_any_way_give_a_tree_and_a_path() {
    let null = Value::Null;
    let children_only = json!({ "a": node(&null, &["b"], "a"), "b": node(&null, &[], "b") });
    let (read, _) = one(Format::ChatGpt, &chatgpt(&children_only, &json!("b")));
    assert_eq!(texts(&read), ["a", "b"]);
    let circle =
        json!({ "a": node(&json!("b"), &["b"], "a"), "b": node(&json!("a"), &["a"], "b") });
    let (read, report) = one(Format::ChatGpt, &chatgpt(&circle, &null));
    assert_tree(&read);
    assert_eq!((read.messages.len(), report.notes.len()), (2, 1));
    let roots = json!({ "a": node(&null, &[], "a"), "b": node(&null, &[], "b") });
    let (read, report) = one(Format::ChatGpt, &chatgpt(&roots, &json!("gone")));
    assert_eq!(texts(&read), ["b"]);
    assert_eq!(read.messages.len(), 2);
    assert!(report.notes[0].why.contains("current message is missing"));
    let missing = json!({ "a": node(&json!("gone"), &["nowhere"], "a") });
    let (read, report) = one(Format::ChatGpt, &chatgpt(&missing, &json!("a")));
    assert_eq!(texts(&read), ["a"]);
    assert_eq!(metadata(&read.messages[0], "/chatgpt/node/parent"), "gone");
    assert!(report.raw.contains(&"messages.node".to_owned()));
    let childless = json!({ "a": node(&null, &["nowhere"], "a") });
    let (read, _) = one(Format::ChatGpt, &chatgpt(&childless, &json!("a")));
    assert_eq!(
        metadata(&read.messages[0], "/chatgpt/node/children/0"),
        "nowhere"
    );
    let none = json!([{ "mapping": {} }]);
    assert_eq!(one(Format::ChatGpt, &none).0.leaf, None);
}

#[test]
fn a_chatgpt_tree_keeps_its_branches_active_path_and_times() {
    let Some(bytes) = data("chat-exports", "librechat__chatgpt-tree.json") else {
        return;
    };
    let (conversation, _) = read(Format::ChatGpt, bytes).conversations.remove(0);
    assert_eq!(
        texts(&conversation)[1..4],
        ["hi there", "Hello! How can I assist you today?", "hi again"]
    );
    assert_eq!(conversation.created_at, Some(1_714_585_031_149));
    let forks = conversation.messages.iter().filter(|m| m.parent == Some(2));
    assert_eq!(forks.count(), 2);
    assert!(conversation.messages[0].hidden, "weight 0");
}

#[test]
fn chatgpt_content_of_every_type_is_a_part_or_kept() {
    let content = |role: &str, recipient: &str, content: Value| {
        let nodes = json!({ "n": { "extra": 7, "message": { "author": { "role": role, "metadata": { "k": 1 } },
            "recipient": recipient, "content": content, "weight": 0, "odd": "field" } } });
        one(Format::ChatGpt, &chatgpt(&nodes, &json!("n")))
    };
    let parts =
        |read: &(Conversation, Report)| serde_json::to_value(&read.0.messages[0].parts).unwrap();
    let asset = json!({ "content_type": "image_asset_pointer", "asset_pointer": "file-service://f1", "width": 3 });
    let read = content(
        "user",
        "all",
        json!({ "content_type": "multimodal_text", "parts": ["see", asset] }),
    );
    assert_eq!(
        parts(&read),
        json!([{ "type": "text", "text": "see" }, { "type": "file", "reference": "file-service://f1" }])
    );
    let message = &read.0.messages[0];
    assert!(message.hidden);
    assert_eq!(metadata(message, "/chatgpt/content/pieces/1/width"), 3);
    assert_eq!(metadata(message, "/chatgpt/odd"), "field");
    assert_eq!(metadata(message, "/chatgpt/node/extra"), 7);
    assert_eq!(metadata(message, "/chatgpt/author/metadata/k"), 1);
    for name in [
        "messages.content",
        "messages.odd",
        "messages.node",
        "messages.weight",
        "messages.author",
    ] {
        assert!(
            read.1.raw.iter().any(|raw| raw == name),
            "{name} {:?}",
            read.1.raw
        );
    }
    let read = content(
        "assistant",
        "python",
        json!({ "content_type": "code", "language": "unknown", "text": "1+1" }),
    );
    assert_eq!(
        parts(&read),
        json!([{ "type": "tool_call", "callId": "n", "name": "python", "input": "1+1" }])
    );
    let read = content(
        "tool",
        "all",
        json!({ "content_type": "execution_output", "text": "2" }),
    );
    assert_eq!(parts(&read)[0]["output"], "2");
    let thought = json!({ "summary": "S", "content": "C", "chunks": ["x"], "finished": true });
    let read = content(
        "assistant",
        "all",
        json!({ "content_type": "thoughts", "thoughts": [thought], "source_analysis_msg_id": "q" }),
    );
    assert_eq!(
        parts(&read),
        json!([{ "type": "reasoning", "text": "S\n\nC" }])
    );
    assert_eq!(
        metadata(&read.0.messages[0], "/chatgpt/content/pieces/0/chunks/0"),
        "x"
    );
    assert_eq!(
        metadata(
            &read.0.messages[0],
            "/chatgpt/content/source_analysis_msg_id"
        ),
        "q"
    );
    let quote = json!({ "content_type": "tether_quote", "url": "u", "text": "t" });
    assert_eq!(
        parts(&content("assistant", "all", quote.clone()))[0]["data"],
        quote
    );
    assert_eq!(
        parts(&content("tool", "all", quote.clone()))[0]["output"],
        quote
    );
}

#[test]
fn claude_text_beside_blocks_is_kept_unless_it_repeats_them() {
    let message = |text: &str, content: Value| {
        json!([{ "uuid": "c", "chat_messages": [
        { "uuid": "m", "sender": "assistant", "text": text, "content": content, "attachments":
            [{ "file_name": "a.txt", "file_size": 3, "extracted_content": "abc" }] }] }])
    };
    let (read, _) = one(
        Format::Claude,
        &message(
            "said",
            json!([{ "type": "tool_use", "id": "t", "name": "n", "input": {} }]),
        ),
    );
    assert_eq!(read.messages[0].text(), "said");
    assert_eq!(
        metadata(&read.messages[0], "/claude/attachments/0/extracted_content"),
        "abc"
    );
    let (read, report) = one(
        Format::Claude,
        &message(
            "other",
            json!([{ "type": "text", "text": "said", "citations": [1] }]),
        ),
    );
    assert_eq!(metadata(&read.messages[0], "/claude/text"), "other");
    assert_eq!(
        metadata(&read.messages[0], "/claude/content/0/citations/0"),
        1
    );
    assert!(report.raw.contains(&"messages.text".to_owned()));
    let (read, _) = one(
        Format::Claude,
        &message(
            "ab",
            json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]),
        ),
    );
    assert_eq!(metadata(&read.messages[0], "/claude/text"), Value::Null);
}

#[test]
fn older_claude_messages_are_put_in_order_with_the_question_first() {
    let message = |sender: &str, text: &str, at: &str| json!({ "uuid": text, "sender": sender, "text": text, "created_at": at });
    let json = json!([{ "uuid": "c", "chat_messages": [
        message("assistant", "a2", "2024-01-01T00:00:02.123456Z"),
        message("assistant", "a1", "2024-01-01T00:00:01Z"),
        message("human", "q1", "2024-01-01T00:00:01Z"),
        message("human", "q2", "2024-01-01T02:00:02.123456+02:00")] }]);
    let (read, _) = one(Format::Claude, &json);
    assert_eq!(texts(&read), ["q1", "a1", "q2", "a2"]);
    assert_eq!(read.messages[2].created_at, read.messages[3].created_at);
    assert_eq!(
        metadata(&read.messages[3], "/claude/created_at"),
        "2024-01-01T00:00:02.123456Z"
    );
}

#[test]
fn open_webui_keeps_what_it_does_not_understand() {
    let Some(bytes) = data("chat-exports", "librechat__openwebui-export.json") else {
        return;
    };
    let conversations = read(Format::OpenWebUi, bytes).conversations;
    let first = &conversations[0].0.messages[1];
    assert!(matches!(&first.parts[0], Part::Reasoning { text } if text.starts_with("15 * 17 =")));
    assert_eq!(first.text(), "255");
    assert!(
        metadata(first, "/openwebui/content")
            .as_str()
            .unwrap()
            .contains("Thought for 3 seconds")
    );
    let second = serde_json::to_value(&conversations[1].0.messages[1].parts).unwrap();
    assert_eq!(second[0]["name"], "get_weather");
    assert_eq!(second[1]["callId"], "call_1");
    let json = json!([{ "id": "c", "chat": { "history": { "messages": { "a": 1, "b": 2, "m": { "role": "user", "content": "x" } }, "currentId": "m" } } }]);
    let (read, report) = one(Format::OpenWebUi, &json);
    let kept: Value = serde_json::from_str(read.metadata.get()).unwrap();
    assert_eq!(
        kept["openwebui"]["chat"]["history"]["messages"],
        json!({ "a": 1, "b": 2 })
    );
    assert_eq!(report.notes.len(), 2);
    assert_eq!(report.raw, ["chat"]);
}

#[test]
fn librechat_messages_nest_to_any_depth() {
    let depth = 50_000;
    let mut text = String::from(r#"{"conversationId":"c","messages":["#);
    for index in 0..depth {
        write!(
            text,
            r#"{{"messageId":"m{index}","isCreatedByUser":true,"text":"t","children":["#
        )
        .unwrap();
    }
    text += &"]}".repeat(depth);
    text += "]}";
    let read = read(Format::LibreChat, text);
    assert_eq!(read.skipped, []);
    let conversation = &read.conversations[0].0;
    assert_eq!(conversation.path().len(), depth);
    assert_eq!(
        conversation.messages[depth - 1].source_id.as_deref(),
        Some("m49999")
    );
}

#[test]
fn librechat_tool_calls_and_images_are_parts() {
    let json = json!({ "conversationId": "c", "messagesTree": [{ "messageId": "m", "sender": "GPT", "content": [
        { "type": "think", "think": "hm" },
        { "type": "tool_call", "tool_call": { "id": "t", "name": "n", "args": "{}", "output": "o", "progress": 1 } },
        { "type": "image_file", "image_file": { "file_id": "f", "filepath": "/i.png", "width": 5 } },
        { "type": "text", "text": { "value": "hi", "annotations": [9] } }] }] });
    let (read, _) = one(Format::LibreChat, &json);
    let parts = serde_json::to_value(&read.messages[0].parts).unwrap();
    let kinds: Vec<&str> = parts
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["reasoning", "tool_call", "tool_result", "file", "text"]
    );
    assert_eq!(parts[3]["reference"], "/i.png");
    assert_eq!(
        metadata(&read.messages[0], "/librechat/content/2/image_file/width"),
        5
    );
    assert_eq!(
        metadata(&read.messages[0], "/librechat/content/3/text/annotations/0"),
        9
    );
}

#[test]
fn messages_of_the_ai_sdk_are_read_in_every_shape() {
    let message = json!({ "id": "m", "role": "assistant", "parts": [
        { "type": "step-start" }, { "type": "reasoning", "text": "r" },
        { "type": "tool-weather", "toolCallId": "t", "state": "output-available", "input": { "c": 1 }, "output": 2 },
        { "type": "file", "url": "u", "mediaType": "image/png" }, { "type": "text", "text": "x", "state": "done" }] });
    let shapes = [
        format!("[{message},{message}]"),
        format!("{message}\n{message}\n"),
        json!({ "id": "c", "title": "T", "messages": [message, message] }).to_string(),
    ];
    for shape in shapes {
        assert_eq!(
            detect("x", shape.as_bytes()),
            Some(Format::UiMessage),
            "{shape}"
        );
        let read = read(Format::UiMessage, shape).conversations;
        assert_eq!(read.len(), 1);
        let parts = serde_json::to_value(&read[0].0.messages[1].parts).unwrap();
        let kinds: Vec<&str> = parts
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "data",
                "reasoning",
                "tool_call",
                "tool_result",
                "file",
                "text"
            ]
        );
        assert_eq!(
            metadata(&read[0].0.messages[1], "/uimessage/parts/4/state"),
            "done"
        );
    }
    let lists = format!("[[{message}],[{message}]]");
    assert_eq!(read(Format::UiMessage, lists).conversations.len(), 2);
}

const GOOD: &str = r#"{"id":"g","conversations":[{"from":"human","value":"a \"}{[ b"}]}"#;

fn good(file: impl Into<Vec<u8>>) -> (usize, Outcome) {
    let read = read(Format::ShareGpt, file);
    let good = read
        .conversations
        .iter()
        .filter(|(c, _)| c.source_id.as_deref() == Some("g"));
    (good.count(), read)
}

#[test]
fn a_broken_element_costs_only_itself() {
    for broken in [
        r#"{"id": oops}"#,
        r#"{"id":"x","conversations":[{"from":"human""#,
        r#"{"id":"x","conversations":[{"from":"human","value":"cut"#,
        r#"{"id":"x","conversations":[{"from":"human","value":"whole"}"#,
        r#"{"id":"x","conversations":[{"from":"human","value":"whole"},{"from":"gpt","#,
        "nonsense",
        "1",
    ] {
        let (count, read) = good(format!("\u{feff}[{GOOD},\r\n{broken},{GOOD},{GOOD}]"));
        assert_eq!(count, 3, "{broken}");
        assert_eq!(read.skipped.len(), 1, "{broken} {:?}", read.skipped);
    }
    let (count, read) = good(&format!("[{GOOD},{GOOD}").as_bytes()[..80]);
    assert_eq!((count, read.skipped.len()), (1, 1));
    assert!(
        read.skipped[0]
            .place
            .ends_with(&format!("byte {}", GOOD.len() + 2)),
        "{:?}",
        read.skipped
    );
}

#[test]
fn text_that_is_no_unicode_is_read_with_replacements_and_said_so() {
    let lone =
        br#"{"id":"g","conversations":[{"from":"human","value":"a\ud800b \ud83d\ude00 \udc00"}]}"#;
    let bad = b"{\"id\":\"g\",\"conversations\":[{\"from\":\"human\",\"value\":\"a\xffb\"}]}";
    for (bytes, text) in [
        (&lone[..], "a\u{fffd}b \u{1f600} \u{fffd}"),
        (&bad[..], "a\u{fffd}b"),
    ] {
        let (count, read) = good(bytes);
        assert_eq!(count, 1);
        assert_eq!(texts(&read.conversations[0].0), [text]);
        assert!(read.conversations[0].1.notes[0].why.contains("U+FFFD"));
    }
}

#[test]
fn what_nests_too_deep_is_kept_as_text() {
    for depth in [100, 1_000_000] {
        let nest = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let (count, read) = good(format!(
            r#"[{{"id":"g","conversations":[],"deep":{nest}}},{GOOD}]"#
        ));
        assert_eq!(count, 2);
        assert!(read.conversations[0].1.notes[0].why.contains("too deep"));
        let kept = read.conversations[0].0.metadata.get();
        assert!(kept.matches('[').count() == depth, "verbatim");
    }
}

#[test]
fn numbers_and_doubled_fields_are_kept_as_they_are_written() {
    let text = r#"{"id":"g","conversations":[],"n":12345678901234567890123,"f":1.0,"n":1e3}"#;
    let (_, read) = good(text);
    let kept = read.conversations[0].0.metadata.get();
    assert_eq!(
        kept,
        r#"{"sharegpt":{"n":12345678901234567890123,"f":1.0,"n":1e3}}"#
    );
}

#[test]
fn an_empty_or_wrong_file_is_an_error() {
    for format in FORMATS {
        for file in [
            "",
            "  \n",
            "[]",
            "{}",
            "[{\"a\":1}]",
            "hello",
            "\u{0}\u{1}",
            "# Notes",
        ] {
            let read = read(format, file);
            assert_eq!(read.end, Some(Code::InvalidArgument), "{format:?} {file}");
        }
    }
    for format in [Format::Charts, Format::Chunks] {
        assert!(Reader::open(format, Box::new(std::io::empty())).is_err());
    }
    for file in [
        "",
        "hello",
        "[]",
        r#"{"title":"mapping"}"#,
        r#"["chat_messages"]"#,
    ] {
        assert_eq!(
            detect("conversations.json", file.as_bytes()),
            None,
            "{file}"
        );
    }
}

#[test]
fn the_same_message_id_in_two_conversations_is_no_problem() {
    let nodes = json!({ "a": node(&Value::Null, &[], "a") });
    let both = json!([
        chatgpt(&nodes, &json!("a"))[0],
        chatgpt(&nodes, &json!("a"))[0]
    ]);
    let read = read(Format::ChatGpt, both.to_string());
    assert_eq!(read.conversations.len(), 2);
    assert!(
        read.conversations
            .iter()
            .all(|(_, report)| report.notes.is_empty())
    );
}

#[test]
fn charts_are_recognised_and_named() {
    for name in [
        "coaia-spiral_charts-work.jsonl",
        "coaia-spiral_charts.jsonl",
        "coaia-narrative_example_legacy-wrapped.jsonl",
    ] {
        if let Some(bytes) = data("charts", name) {
            assert_eq!(
                detect(name, &bytes[..bytes.len().min(65536)]),
                Some(Format::Charts),
                "{name}"
            );
        }
    }
    let work = ChartFile::Context("work".to_owned());
    for (name, file) in [
        ("charts.jsonl", ChartFile::Default),
        ("charts-work.jsonl", work),
        ("completed-charts.jsonl", ChartFile::Archive),
    ] {
        assert_eq!(chart_file(&format!("folder/{name}")).as_ref(), Some(&file));
        assert_eq!(file_name(&file), name);
    }
    assert_eq!(chart_file("charts-.jsonl"), None);
}

fn chunk(name: &str, json: &Value) -> (String, Vec<u8>) {
    (format!("users/us01/{name}"), json.to_string().into_bytes())
}

#[test]
fn chunks_in_any_order_are_one_conversation_and_a_missing_one_is_marked() {
    let files = vec![
        chunk(
            "us01-co12-ms02-004.json",
            &json!({ "messageId": "us01-co12-ms02", "seq": 4, "tokens": "d", "status": "streaming" }),
        ),
        chunk(
            "us01-co12-ms02-001.json",
            &json!({ "messageId": "us01-co12-ms02", "seq": 1, "tokens": "a", "agentId": "planner", "odd": 1 }),
        ),
        chunk(
            "us01-co12-ms01.json",
            &json!({ "messageId": "us01-co12-ms01", "seq": 1, "tokens": "q", "timestamp": "2025-01-01T00:00:00Z" }),
        ),
        chunk(
            "us01-co12-ms02-002.json",
            &json!({ "messageId": "us01-co12-ms02", "seq": 2, "tokens": "b" }),
        ),
        chunk("notes.json", &json!({})),
    ];
    let items = chunks::read(files).unwrap();
    assert!(matches!(&items[0], Item::Skipped(note) if note.place.ends_with("notes.json")));
    let Item::Conversation(read, report) = &items[1] else {
        panic!("no conversation")
    };
    assert_eq!(texts(read), ["q", "ab\u{fffd}d"]);
    assert_eq!(
        (read.messages[0].role, read.messages[1].role),
        (Role::User, Role::Assistant)
    );
    assert_eq!(read.messages[0].created_at, Some(1_735_689_600_000));
    assert_eq!(read.messages[1].status, MessageStatus::Interrupted);
    assert_eq!(metadata(&read.messages[1], "/chunks/chunks/1/odd"), 1);
    assert_eq!(report.notes.len(), 1);
    assert!(chunks::read(Vec::new()).is_err());
}

#[test]
fn a_folder_of_chunks_is_the_same_after_writing_and_reading() {
    let long = "é".repeat(500);
    let turns = json!({ "conversations": [{ "from": "human", "value": long }, { "from": "gpt", "value": long }] });
    let (conversation, _) = one(Format::ShareGpt, &turns);
    let files = chunks::write(&conversation, "us01-co12".parse().unwrap());
    assert_eq!(files[0].0, "us01-co12-ms01.json");
    assert_eq!(files[1].0, "us01-co12-ms02-001.json");
    assert_eq!(files.len(), 6);
    assert_eq!(detect(&files[1].0, &files[1].1), Some(Format::Chunks));
    let Item::Conversation(read, _) = &chunks::read(files).unwrap()[0] else {
        panic!("no conversation")
    };
    assert_eq!(texts(read), [long.clone(), long]);
}

#[test]
fn markdown_marks_branches_and_fences_what_holds_fences() {
    let turns = json!({ "title": "A\n# title", "messages": [
        { "id": "1", "role": "user", "parts": [{ "type": "text", "text": "hi" }] },
        { "id": "2", "role": "assistant", "parts": [{ "type": "reasoning", "text": "hm" },
            { "type": "dynamic-tool", "toolName": "run", "toolCallId": "t", "input": "````" }] }] });
    let (mut conversation, _) = one(Format::UiMessage, &turns);
    let mut branch = conversation.messages[1].clone();
    branch.parts = vec![Part::Text {
        text: "other".to_owned(),
    }];
    conversation.messages.push(branch);
    let mut text = Vec::new();
    markdown::write(&conversation, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("# A # title\n"), "{text}");
    assert!(text.contains("\n`````json\n\"````\"\n`````\n"), "{text}");
    assert!(
        text.contains("<details><summary>Reasoning</summary>\n\nhm\n"),
        "{text}"
    );
    assert!(
        text.contains("## 3. Assistant\n\n*On another branch: follows message 1.*\n\nother"),
        "{text}"
    );
}

/// A line of 200 MB that never ends what it began.
struct Endless {
    start: &'static [u8],
    left: usize,
    unit: &'static [u8],
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(self.left);
        for byte in buffer.iter_mut().take(count) {
            *byte = if let Some((first, rest)) = self.start.split_first() {
                self.start = rest;
                *first
            } else {
                self.at += 1;
                self.unit[(self.at - 1) % self.unit.len()]
            };
        }
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn a_line_of_200_mb_is_read_conversation_by_conversation_or_refused_with_bounded_memory() {
    for (start, unit) in [
        ("[", ""),
        (r#"{"conversations":""#, "a"),
        (r#"{"conversations":["#, "["),
        (r#"{"conversations":["#, "1,"),
        (r#"{"conversations":"#, r#"{"a":"#),
        ("", "x"),
    ] {
        let unit = if unit.is_empty() {
            concat!(
                r#"{"conversations":[{"from":"human","value":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}"#,
                ","
            )
        } else {
            unit
        };
        let input = Endless {
            start: start.as_bytes(),
            left: 200_000_000,
            unit: unit.as_bytes(),
            at: 0,
        };
        let mut reader = Reader::open(Format::ShareGpt, Box::new(input)).unwrap();
        let (mut taken, mut skipped) = (0_usize, 0_usize);
        while let Ok(Some(item)) = reader.next() {
            match item {
                Item::Conversation(..) => taken += 1,
                Item::Skipped(_) => skipped += 1,
            }
        }
        if start == "[" {
            assert_eq!(taken, 200_000_000 / unit.len());
        } else {
            assert_eq!((taken, skipped), (0, 1), "{start}{unit}");
        }
        assert_eq!(reader.bytes_read(), 200_000_000);
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak: u64 = peak
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        assert!(peak < 1 << 20, "{peak} kB");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_give_a_report_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[\\[\\]{}\",:\\\\a-c0\n]{0,200}") {
        for format in FORMATS {
            for bytes in [bytes.clone(), text.clone().into_bytes()] {
                read(format, bytes.clone());
                let _ = detect("x", &bytes);
            }
        }
    }

    #[test]
    fn mutated_real_files_give_trees(which in 0..7_usize, edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), cuts: bool) {
        let (name, format, ..) = EXPORTS[which];
        if let Some(mut bytes) = data("chat-exports", name) {
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            read(format, bytes).conversations.iter().for_each(|(c, _)| assert_tree(c));
        }
    }
}

//! Other programs' exports brought into a store: what they hold is there, once, and what is broken costs only itself.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod fixture;

use std::io::Cursor;
use std::path::PathBuf;

use serde_json::{Value, json};
use strongroom::Code;
use strongroom::archive::zip::ZipWriter;
use strongroom::interop::detect::detect;
use strongroom::interop::{Conversation, Item, Reader};

use fixture::Fixture;

const EXPORTS: &[&str] = &[
    "librechat__chatgpt-tree.json",
    "librechat__chatgpt-modern-export.json",
    "claude__claude-json-schema_example.json",
    "librechat__openwebui-export.json",
    "librechat__librechat-linear.json",
    "librechat__librechat-export.json",
    "librechat__librechat-tree.json",
    "sharegpt__fastchat_dummy_conversation.json",
];

/// A file of the real data; none, and it is told, where there is none.
fn data(path: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("STRONGROOM_DATA").map(PathBuf::from);
    let file = folder.map(|folder| folder.join(path));
    let bytes = file.and_then(|file| std::fs::read(file).ok());
    if bytes.is_none() {
        eprintln!("SKIPPED (no data): {path}");
    }
    bytes
}

fn conversations(name: &str, bytes: &[u8]) -> Vec<Conversation> {
    let format = detect(name, &bytes[..bytes.len().min(64 << 10)]).unwrap();
    let mut reader = Reader::open(format, Box::new(Cursor::new(bytes.to_vec()))).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Conversation(conversation, _) = item {
            found.push(*conversation);
        }
    }
    found
}

/// A zip of these files.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(0);
    for (name, bytes) in files {
        zip.begin(name, true).unwrap();
        zip.write(bytes).unwrap();
        zip.end().unwrap();
    }
    zip.finish();
    zip.take()
}

impl Fixture {
    fn messages(&mut self, conversation: &Value) -> Vec<Value> {
        let args = json!({ "conversationId": conversation, "path": "all", "limit": 1000, "order": "oldest" });
        let mut page = self.call("messages.list", args);
        let items = page["items"].as_array_mut().unwrap();
        std::mem::take(items)
    }

    fn conversations(&mut self, user: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut args = json!({ "userId": user, "limit": 100 });
        loop {
            let page = self.call("conversations.list", args.clone());
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page.get("nextCursor") else {
                return all;
            };
            args["cursor"] = cursor.clone();
        }
    }
}

fn added(report: &Value, table: &str) -> u64 {
    let counts = report["counts"].as_array().unwrap().iter();
    let mut counts = counts.filter(|count| count["table"] == table);
    counts.next().map_or(0, |it| it["added"].as_u64().unwrap())
}

#[test]
fn every_export_is_in_the_store_as_its_file_says() {
    for name in EXPORTS {
        let Some(bytes) = data(&format!("chat-exports/{name}")) else {
            return;
        };
        let expected = conversations(name, &bytes);
        let mut fixture = Fixture::new(1);
        let report = fixture.try_import(&[(name, &bytes)], json!({})).unwrap();
        assert_eq!(report["isDone"], true);
        let messages: usize = expected.iter().map(|it| it.messages.len()).sum();
        let format = &report["formats"][0];
        assert_eq!(format["messages"], messages, "{name}: {report}");
        let mut found = fixture.conversations("us01");
        found.sort_by_key(|it| {
            let id = it["id"].as_str().unwrap().rsplit("co").next().unwrap();
            id.parse::<u64>().unwrap()
        });
        assert_eq!(found.len(), expected.len(), "{name}: {report}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found["title"], expected.title.clone().unwrap_or_default());
            let is_archived = expected.archived == Some(true);
            let status = if is_archived { "archived" } else { "active" };
            assert_eq!(found["status"], status, "{name}");
            if let Some(at) = expected.created_at {
                assert_eq!(found["createdAt"], at, "{name}");
            }
            let messages = fixture.messages(&found["id"]);
            assert_eq!(messages.len(), expected.messages.len(), "{name}");
            for (number, (message, expected)) in messages.iter().zip(&expected.messages).enumerate()
            {
                assert_eq!(message["role"], json!(expected.role), "{name} {number}");
                assert_eq!(message["text"], expected.text(), "{name} {number}");
                assert_eq!(message["status"], json!(expected.status), "{name}");
                let parts = message["parts"].as_array().map_or(0, Vec::len);
                assert_eq!(parts, expected.parts.len(), "{name} {number}");
                if let Some(model) = &expected.model {
                    assert_eq!(message["model"], *model, "{name}");
                }
                if let Some(at) = expected.created_at {
                    assert_eq!(message["createdAt"], at, "{name}");
                }
                let parent = expected.parent.map(|parent| messages[parent]["id"].clone());
                assert_eq!(message.get("parentId").cloned(), parent, "{name} {number}");
            }
            let leaf = expected.leaf.map(|leaf| messages[leaf]["id"].clone());
            assert_eq!(found.get("leafId").cloned(), leaf, "{name}");
        }
        let check = fixture.task("health.check", json!({}));
        assert_eq!(check["findings"], json!([]), "{name}");
    }
}

#[test]
fn bringing_an_export_in_twice_is_doing_so_once() {
    for name in EXPORTS {
        let Some(bytes) = data(&format!("chat-exports/{name}")) else {
            return;
        };
        let mut fixture = Fixture::new(2);
        fixture.try_import(&[(name, &bytes)], json!({})).unwrap();
        let before = fixture.seen();
        let again = fixture.try_import(&[(name, &bytes)], json!({})).unwrap();
        for count in again["counts"].as_array().unwrap() {
            assert_eq!(count["added"], 0, "{name}: {again}");
            assert_eq!(count["replaced"], 0, "{name}: {again}");
            assert_eq!(count["skipped"], 0, "{name}: {again}");
        }
        assert_eq!(fixture.seen(), before, "{name}");
    }
}

fn chat(title: &str, texts: &[&str]) -> Value {
    let mut mapping = json!({});
    for (n, text) in texts.iter().enumerate() {
        let parent = n.checked_sub(1).map(|before| format!("m{before}"));
        let role = if n % 2 == 0 { "user" } else { "assistant" };
        mapping[format!("m{n}")] = json!({
            "id": format!("m{n}"), "parent": parent, "children": [],
            "message": { "id": format!("m{n}"), "author": { "role": role }, "create_time": 1_700_000_000 + n,
                "content": { "content_type": "text", "parts": [text] }, "metadata": {} },
        });
    }
    json!({ "id": title, "title": title, "create_time": 1_700_000_000, "update_time": 1_700_000_000 + texts.len(),
            "mapping": mapping, "current_node": format!("m{}", texts.len() - 1) })
}

#[test]
fn a_newer_export_adds_what_is_new() {
    let mut fixture = Fixture::new(3);
    let first = json!([chat("a", &["one", "two"]), chat("b", &["three"])]).to_string();
    fixture
        .try_import(&[("conversations.json", first.as_bytes())], json!({}))
        .unwrap();
    let newer = json!([
        chat("a", &["one", "two", "more", "and more"]),
        chat("b", &["three"]),
        chat("c", &["new"])
    ]);
    let newer = newer.to_string();
    let files = [("conversations.json", newer.as_bytes())];
    let report = fixture
        .try_import(&files, json!({ "onConflict": "newest" }))
        .unwrap();
    assert_eq!(added(&report, "message"), 3, "{report}");
    assert_eq!(added(&report, "conversation"), 1);
    let found = fixture.conversations("us01");
    let a = found.iter().find(|it| it["title"] == "a").unwrap().clone();
    let texts = fixture.messages(&a["id"]);
    let texts: Vec<_> = texts
        .iter()
        .map(|it| it["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["one", "two", "more", "and more"]);
    let path = fixture.call("messages.list", json!({ "conversationId": a["id"] }));
    assert_eq!(path["items"].as_array().unwrap().len(), 4);
}

#[test]
fn one_broken_record_never_stops_the_rest() {
    let mut fixture = Fixture::new(4);
    let whole = chat("whole", &["kept"]).to_string();
    let last = chat("last", &["kept too"]).to_string();
    let text = format!("[{whole}, {{\"mapping\": 5, \"title\": \"broken\"}}, {last}]");
    let files = [("conversations.json", text.as_bytes())];
    let report = fixture.try_import(&files, json!({})).unwrap();
    assert_eq!(report["formats"][0]["records"], 2);
    assert_eq!(report["formats"][0]["skipped"], 1);
    let problem = report["problems"][0].as_str().unwrap();
    assert!(
        problem.starts_with("conversations.json: element 2"),
        "{problem}"
    );
    assert_eq!(fixture.conversations("us01").len(), 2);
}

#[test]
fn what_is_too_large_is_kept_another_way_or_named() {
    let mut fixture = Fixture::new(11);
    let large = "x".repeat(1 << 20);
    let long = "n".repeat(5000);
    let conversation = json!({
        "sourceId": "large", "title": long, "metadata": {},
        "messages": [
            { "sourceId": "first", "role": "user", "status": "complete", "hidden": true, "model": long,
              "parts": [{ "type": "text", "text": "look" }, { "type": "file", "reference": format!("data:{large}") }],
              "metadata": { "chatgpt": { "weight": 0 } } },
            { "sourceId": "second", "parent": 0, "role": "assistant", "status": "complete", "hidden": true,
              "parts": [{ "type": "text", "text": "seen" }], "metadata": { "chatgpt": { "extra": large } } },
        ],
        "leaf": 1,
    });
    // The format is known by what a file begins with.
    let text = format!("{{\"strongroom\":1,\"conversation\":{conversation}}}");
    let files = [("chat.jsonl", text.as_bytes())];
    let report = fixture.try_import(&files, json!({})).unwrap();

    let conversations = fixture.conversations("us01");
    assert_eq!(conversations[0]["title"], long[..4096]);
    let messages = fixture.messages(&conversations[0]["id"]);
    assert_eq!(messages.len(), 2, "nothing is left of what did not fit");
    assert_eq!(messages[0]["model"], long[..4096]);
    let metadata = json!({ "chatgpt": { "weight": 0 }, "hidden": true });
    assert_eq!(messages[0]["metadata"], metadata);
    let shown = messages[0]["text"].as_str().unwrap();
    assert!(shown.starts_with("look{\"type\":\"file\",\"reference\":\"data:xxx"));
    assert_eq!(messages[1]["metadata"], json!({ "hidden": true }));
    assert_eq!(messages[1]["parentId"], messages[0]["id"]);

    let problems = json!([
        "chat.jsonl: large: its title is cut to 4096 bytes",
        "chat.jsonl: first: a part of the kind file is too large and is kept as text",
        "chat.jsonl: first: its model is cut to 4096 bytes",
        "chat.jsonl: second: its metadata is larger than 1048576 bytes and is left out",
    ]);
    assert_eq!(report["problems"], problems);
}

#[test]
fn a_zip_is_known_by_what_is_in_it() {
    let Some(charts) = data("charts/coaia-spiral_charts-work.jsonl") else {
        return;
    };
    let export = json!([chat("a", &["one", "two"])]).to_string();
    let archive = zip(&[
        ("export/user.json", b"{\"id\":\"user-1\"}"),
        ("export/conversations.json", export.as_bytes()),
        ("export/charts-work.jsonl", &charts),
        ("export/picture.png", b"\x89PNG"),
    ]);
    let mut fixture = Fixture::new(5);
    fixture.call("users.create", json!({ "name": "Ada" }));
    let files = [("export.zip", archive.as_slice())];
    let report = fixture
        .try_import(&files, json!({ "into": "us01" }))
        .unwrap();
    let formats: Vec<_> = report["formats"].as_array().unwrap().iter().collect();
    let names: Vec<_> = formats
        .iter()
        .map(|it| it["format"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["chatgpt", "charts"], "{report}");
    let problems = report["problems"].to_string();
    assert!(problems.contains("user.json") && problems.contains("picture.png"));
    assert_eq!(fixture.conversations("us01").len(), 1);
    assert_eq!(
        fixture.call("users.list", json!({}))["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // What is loaded into a store of its own says the same.
    let mut other = Fixture::new(6);
    other.call("users.create", json!({ "name": "Eve" }));
    let text = String::from_utf8(charts).unwrap();
    other.call(
        "charts.load",
        json!({ "userId": "us01", "context": "work", "text": text }),
    );
    for method in ["charts.lines", "charts.graph"] {
        let args = json!({ "userId": "us01", "context": "work" });
        let lines = |it: &mut Fixture| it.call(method, args.clone())["text"].clone();
        assert_eq!(lines(&mut fixture), lines(&mut other));
    }
}

/// An export with a picture that a message shows, a document that it has, a picture that is not there, and one that is damaged.
fn export_with_files(picture: &[u8]) -> Vec<u8> {
    let mut conversation = chat("a", &["look", "nice"]);
    let message = &mut conversation["mapping"]["m0"]["message"];
    let pointer = |id: &str| json!({ "content_type": "image_asset_pointer", "asset_pointer": format!("file-service://{id}") });
    message["content"] = json!({ "content_type": "multimodal_text",
        "parts": [pointer("file-Picture1"), pointer("file-Missing1"), pointer("file-Damaged1"), "look"] });
    message["metadata"] = json!({ "attachments": [
        { "id": "file-Picture1", "name": "a cat.png", "mime_type": "image/png" },
        { "id": "file-Document1", "name": "plan: b.pdf", "mime_type": "application/pdf" },
    ] });
    let conversations = json!([conversation]).to_string();
    let mut archive = zip(&[
        ("file-Picture1-a cat.png", picture),
        ("export/file-Document1-plan: b.pdf", b"%PDF"),
        ("file-Damaged1.dat", b"what it was before"),
        ("conversations.json", conversations.as_bytes()),
        ("file-Picture10-another.png", b"\x89PNG of nobody"),
    ]);
    let damaged = b"file-Damaged1.dat";
    let at = archive.windows(damaged.len()).position(|it| it == damaged);
    archive[at.unwrap() + damaged.len() + 3] ^= 1;
    archive
}

#[test]
fn files_of_messages_become_artifacts_that_their_parts_name() {
    let picture: Vec<u8> = (0..700_000_u32)
        .flat_map(|n| (n ^ (n >> 3)).to_le_bytes())
        .collect();
    let export = export_with_files(&picture);
    let mut fixture = Fixture::new(21);
    let files = [("export.zip", export.as_slice())];
    let report = fixture.try_import(&files, json!({})).unwrap();
    assert_eq!(added(&report, "artifact"), 3, "{report}");
    let problems = report["problems"].to_string();
    assert!(problems.contains("file-Damaged1.dat"), "{problems}");
    assert!(
        problems.contains("file-Picture10-another.png"),
        "{problems}"
    );
    assert!(
        !problems.contains("Document1") && !problems.contains("a cat"),
        "{problems}"
    );

    let conversation = fixture.conversations("us01").remove(0);
    let message = fixture.messages(&conversation["id"]).remove(0);
    let parts = message["parts"].as_array().unwrap().clone();
    assert_eq!(parts[0]["name"], "a cat.png", "{message}");
    assert_eq!(parts[0]["mediaType"], "image/png");
    assert_eq!(parts[1]["reference"], "file-service://file-Missing1");
    assert_eq!(parts[4]["name"], "plan: b.pdf");
    let mut content = |part: &Value| {
        let artifact = fixture.call("artifacts.get", json!({ "id": part["reference"] }));
        assert_eq!(artifact["messageId"], message["id"]);
        assert_eq!(artifact["kind"], "attachment");
        let mut all = Vec::new();
        while artifact["size"].as_u64() > Some(all.len() as u64) {
            let args = json!({ "id": artifact["id"], "start": all.len(), "length": 1 << 20 });
            all.extend(fixture.bytes("artifacts.read", args, &[]).1);
        }
        (artifact, all)
    };
    let (artifact, read) = content(&parts[0]);
    assert!(read == picture);
    assert_eq!(artifact["name"], "a cat.png");
    assert_eq!(artifact["createdAt"], message["createdAt"]);
    assert_eq!(artifact["metadata"]["source"], "file-Picture1-a cat.png");
    assert_eq!(content(&parts[4]).1, b"%PDF");
    assert_eq!(content(&parts[2]).0.get("size"), None);

    let before = fixture.seen();
    let again = fixture.try_import(&files, json!({})).unwrap();
    for count in again["counts"].as_array().unwrap() {
        assert_eq!(count["added"], 0, "{again}");
    }
    assert_eq!(fixture.seen(), before);
    let mut fixture = fixture.reopened();
    let check = fixture.task("health.check", json!({ "depth": "deep" }));
    assert_eq!(check["findings"], json!([]));
}

#[test]
fn what_a_data_url_holds_becomes_an_artifact() {
    let messages = json!([{ "id": "m1", "role": "user", "parts": [
        { "type": "file", "mediaType": "text/plain", "filename": "note.txt", "url": "data:text/plain;charset=utf-8;base64,aGVsbG8" },
        { "type": "file", "mediaType": "image/png", "url": "https://example.org/note.txt" },
        { "type": "file", "mediaType": "text/plain", "url": "data:text/plain;base64,no/base64=?" },
    ] }]);
    let text = messages.to_string();
    let mut fixture = Fixture::new(22);
    let files = [("messages.json", text.as_bytes()), ("note.txt", b"another")];
    let report = fixture.try_import(&files, json!({})).unwrap();
    assert_eq!(added(&report, "artifact"), 1, "{report}");
    let conversation = fixture.conversations("us01").remove(0);
    let message = fixture.messages(&conversation["id"]).remove(0);
    let parts = message["parts"].as_array().unwrap();
    let read = json!({ "id": parts[0]["reference"], "start": 0, "length": 100 });
    assert_eq!(fixture.bytes("artifacts.read", read, &[]).1, b"hello");
    assert_eq!(parts[1]["reference"], "https://example.org/note.txt");
    assert!(parts[2]["reference"].as_str().unwrap().starts_with("data:"));
}

#[test]
fn an_import_that_is_given_up_leaves_no_contents_behind() {
    let picture: Vec<u8> = (0..900_000_u32)
        .flat_map(|n| (n.wrapping_mul(0x9E37_79B9)).to_le_bytes())
        .collect();
    let export = export_with_files(&picture);
    let mut fixture = Fixture::new(23);
    fixture.call("users.create", json!({ "name": "Ada" }));
    let before = fixture.seen();
    let files = |fixture: &Fixture| {
        let all = fixture.disk.files().into_iter().map(|(name, _)| name);
        let all = all.filter(|name| name.starts_with("blobs/"));
        all.collect::<Vec<_>>()
    };
    let none = files(&fixture);
    let received = fixture
        .bytes("imports.receive", json!({ "name": "export.zip" }), &export)
        .0;
    let import = json!({ "import": received["import"] });
    while fixture.bytes("imports.step", import.clone(), &[]).0["phase"] != "ready" {}
    assert!(files(&fixture).len() > none.len());
    fixture.bytes("imports.end", import, &[]);
    assert_eq!(files(&fixture), none);
    assert_eq!(fixture.seen(), before);
}

#[test]
fn a_zip_that_lies_is_refused_and_changes_nothing() {
    let text = json!([chat("a", &["one", "two"])]).to_string();
    let whole = zip(&[("conversations.json", text.as_bytes())]);
    let mut fixture = Fixture::new(24);
    fixture.call("users.create", json!({ "name": "Ada" }));
    let before = fixture.seen();
    let directory = |zip: &[u8]| zip.windows(4).position(|it| it == b"PK\x01\x02").unwrap();
    let at = directory(&whole);
    let size = u32::try_from(text.len()).unwrap();
    let mut lies = Vec::new();
    for size in [size - 1, size + 1, u32::MAX - 1] {
        let mut lying = whole.clone();
        lying[at + 24..at + 28].copy_from_slice(&size.to_le_bytes());
        lies.push(lying);
    }
    // Its bytes are others than the sum says.
    let mut changed = whole.clone();
    changed[at + 16] ^= 1;
    lies.push(changed);
    // The same name twice.
    let mut doubled = zip(&[
        ("conversations.json", text.as_bytes()),
        ("conversations.jsox", b"[]"),
    ]);
    while let Some(at) = doubled.windows(5).position(|it| it == b".jsox") {
        doubled[at + 4] = b'n';
    }
    lies.push(doubled);
    for (number, lying) in lies.iter().enumerate() {
        let refused = fixture.try_import(&[("export.zip", lying)], json!({}));
        assert_eq!(refused.unwrap_err(), Code::ArchiveInvalid, "{number}");
        assert_eq!(fixture.seen(), before, "{number}");
    }
    fixture
        .try_import(&[("export.zip", &whole)], json!({}))
        .unwrap();
}

#[test]
fn a_small_zip_of_a_large_file_is_read_in_little_memory() {
    // 256 MiB of blanks between two conversations, from a few megabytes.
    let mut zip = ZipWriter::new(0);
    let mut archive = Vec::new();
    zip.begin("conversations.json", true).unwrap();
    let conversation = |title: &str| chat(title, &["one"]).to_string();
    zip.write(format!("[{},", conversation("a")).as_bytes())
        .unwrap();
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..256 {
        zip.write(&blanks).unwrap();
        archive.extend(zip.take());
    }
    // And a title of 128 MiB, which is more than a conversation may have.
    zip.write(b"{\"mapping\":{},\"title\":\"").unwrap();
    let letters = vec![b'a'; 1 << 20];
    for _ in 0..128 {
        zip.write(&letters).unwrap();
        archive.extend(zip.take());
    }
    zip.write(b"\"},").unwrap();
    zip.write(format!("{}]", conversation("b")).as_bytes())
        .unwrap();
    zip.end().unwrap();
    zip.finish();
    archive.extend(zip.take());
    assert!(archive.len() < 4 << 20);
    let mut fixture = Fixture::new(25);
    let files = [("export.zip", archive.as_slice())];
    let report = fixture.try_import(&files, json!({})).unwrap();
    assert_eq!(report["formats"][0]["skipped"], 1, "{report}");
    assert_eq!(fixture.conversations("us01").len(), 2);
}

#[test]
fn a_folder_of_charts_goes_to_its_contexts_and_its_archive() {
    let names = [
        ("charts.jsonl", "default"),
        ("charts-work.jsonl", "work"),
        ("charts-personal.jsonl", "personal"),
    ];
    let mut files = Vec::new();
    for (name, _) in names {
        let Some(bytes) = data(&format!("charts/coaia-spiral_{name}")) else {
            return;
        };
        files.push((name, bytes));
    }
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    let mut fixture = Fixture::new(7);
    fixture.try_import(&files, json!({})).unwrap();
    for ((_, context), (_, bytes)) in names.iter().zip(&files) {
        let args = json!({ "userId": "us01", "context": context });
        let lines = fixture.call("charts.lines", args);
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(
            lines["text"].as_str().unwrap().trim_end(),
            text.trim_end(),
            "{context}"
        );
    }
    let again = fixture.try_import(&files, json!({})).unwrap();
    assert_eq!(
        added(&again, "entity") + added(&again, "relation") + added(&again, "chart_line"),
        0,
        "{again}"
    );
    let mut archive = Fixture::new(8);
    let files = [("completed-charts.jsonl", files[0].1)];
    archive.try_import(&files, json!({})).unwrap();
    let charts = archive.call("charts.list", json!({ "userId": "us01", "status": "all" }));
    let charts = charts["items"].as_array().unwrap();
    assert!(
        !charts.is_empty() && charts.iter().all(|it| it["archived"] == true),
        "{charts:?}"
    );
}

#[test]
fn a_line_of_charts_that_is_too_long_costs_only_itself() {
    let line = |name: &str| {
        let entity =
            json!({ "type": "entity", "name": name, "entityType": "person", "observations": [] });
        format!("{entity}\n")
    };
    let text = format!(
        "{}# {}\n{}",
        line("first"),
        "x".repeat(9 << 20),
        line("last")
    );
    let mut fixture = Fixture::new(13);
    let report = fixture
        .try_import(&[("memory.jsonl", text.as_bytes())], json!({}))
        .unwrap();
    assert_eq!(report["formats"][0]["records"], 2, "{report}");
    let problems = json!(["memory.jsonl: line 2: it is longer than 4 MiB; it is left out"]);
    assert_eq!(report["problems"], problems);
    let graph = fixture.call("charts.entities", json!({ "userId": "us01" }));
    let names: Vec<_> = graph["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    assert_eq!(names, ["first", "last"]);
}

#[test]
fn chunk_files_become_the_conversations_that_their_names_say() {
    let chunk = |text: &str| {
        json!({ "messageId": "x", "seq": 1, "tokens": 2, "text": text, "content": text })
            .to_string()
    };
    let files = [
        (
            "chats/us01-co02-ms01.json",
            json!({ "messageId": "us01-co02-ms01", "tokens": 1, "content": "a question" })
                .to_string(),
        ),
        ("chats/us01-co02-ms02-001.json", chunk("an answer ")),
        ("chats/us01-co02-ms02-002.json", chunk("in two")),
        (
            "chats/us01-co05-ms01.json",
            json!({ "messageId": "us01-co05-ms01", "tokens": 1, "content": "another" }).to_string(),
        ),
    ];
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    let mut fixture = Fixture::new(9);
    let report = fixture.try_import(&files, json!({})).unwrap();
    assert_eq!(report["formats"][0]["files"], 4);
    assert_eq!(report["formats"][0]["records"], 2, "{report}");
    let found = fixture.conversations("us01");
    let mut ids: Vec<_> = found.iter().map(|it| it["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        ["us01-co02", "us01-co05"],
        "the numbers of the names stay"
    );
    let texts: Vec<Vec<String>> = found
        .iter()
        .map(|it| {
            let messages = fixture.messages(&it["id"]);
            messages
                .iter()
                .map(|it| it["text"].as_str().unwrap().to_owned())
                .collect()
        })
        .collect();
    assert!(
        texts.contains(&vec![
            "a question".to_owned(),
            "an answer in two".to_owned()
        ]),
        "{texts:?}"
    );
}

#[test]
fn a_messages_number_is_the_one_in_the_names_of_its_chunks() {
    let chunk = |text: &str| json!({ "messageId": "x", "tokens": 1, "content": text }).to_string();
    let files = [
        ("us03-co07-ms04.json", chunk("a question")),
        ("us03-co07-ms09-001.json", chunk("an answer")),
    ];
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    let mut fixture = Fixture::new(14);
    fixture.try_import(&files, json!({})).unwrap();
    let messages = fixture.messages(&json!("us01-co07"));
    let found: Vec<_> = messages
        .iter()
        .map(|it| (it["id"].clone(), it["text"].clone()))
        .collect();
    assert_eq!(
        found,
        [
            (json!("us01-co07-ms04"), json!("a question")),
            (json!("us01-co07-ms09"), json!("an answer")),
        ]
    );
    let next =
        json!({ "conversationId": "us01-co07", "message": { "role": "user", "text": "more" } });
    assert_eq!(
        fixture.call("messages.append", next)["id"],
        "us01-co07-ms10"
    );
}

#[test]
fn chunk_files_without_keys_for_names_cost_only_themselves() {
    let chunk = json!({ "messageId": "x", "tokens": 1, "seq": 1, "content": "lost" }).to_string();
    let chats = json!([chat("a", &["one"])]).to_string();
    let files: [(&str, &[u8]); 2] = [
        ("conversations.json", chats.as_bytes()),
        ("notes.json", chunk.as_bytes()),
    ];
    let mut fixture = Fixture::new(15);
    let report = fixture.try_import(&files, json!({})).unwrap();
    assert_eq!(fixture.conversations("us01").len(), 1);
    assert_eq!(report["formats"][1]["skipped"], 1, "{report}");
}

#[test]
fn what_is_nothing_known_is_refused_and_changes_nothing() {
    let mut fixture = Fixture::new(10);
    let climbing = {
        let mut bytes = zip(&[("aa/conversations.json", b"[]")]);
        let name = b"aa/conversations.json";
        for at in 0..bytes.len() - name.len() {
            if bytes[at..].starts_with(name) {
                bytes[at..at + 3].copy_from_slice(b"../");
            }
        }
        bytes
    };
    for (name, bytes, code) in [
        ("notes.txt", b"just a text".to_vec(), Code::ArchiveInvalid),
        ("empty.json", b"{}".to_vec(), Code::ArchiveInvalid),
        (
            "broken.zip",
            b"PK\x03\x04 and no more".to_vec(),
            Code::ArchiveInvalid,
        ),
        ("climbing.zip", climbing, Code::ArchiveInvalid),
        (
            "pictures.zip",
            zip(&[("a.png", b"\x89PNG")]),
            Code::ArchiveInvalid,
        ),
        (
            "secret.zip.age",
            b"age-encryption.org/v1\n-> X".to_vec(),
            Code::Unsupported,
        ),
    ] {
        let refused = fixture.try_import(&[(name, &bytes)], json!({}));
        assert_eq!(refused, Err(code), "{name}");
        assert_eq!(fixture.seen(), vec![json!([])], "{name}");
    }
}

#[test]
fn what_is_written_of_a_conversation_comes_back_as_it_was() {
    for name in EXPORTS {
        let Some(bytes) = data(&format!("chat-exports/{name}")) else {
            return;
        };
        let mut fixture = Fixture::new(11);
        fixture.try_import(&[(name, &bytes)], json!({})).unwrap();
        let mut other = Fixture::new(12);
        for conversation in fixture.conversations("us01").iter().take(20) {
            let asked = json!({ "id": conversation["id"], "as": "json" });
            let written = fixture.call("conversations.export", asked)[0].clone();
            let text = written["text"].as_str().unwrap();
            let file = written["name"].as_str().unwrap();
            other
                .try_import(&[(file, text.as_bytes())], json!({}))
                .unwrap();
        }
        let without_ids = |messages: Vec<Value>| -> Vec<Value> {
            let clean = messages.into_iter().map(|mut message| {
                let fields = message.as_object_mut().unwrap();
                fields.retain(|name, _| {
                    !matches!(name.as_str(), "id" | "conversationId" | "parentId")
                });
                message
            });
            clean.collect()
        };
        for found in other.conversations("us01") {
            let all = fixture.conversations("us01");
            let of = all.iter().find(|it| it["uuid"] == found["uuid"]).unwrap();
            for field in ["title", "status", "metadata", "createdAt"] {
                assert_eq!(found[field], of[field], "{name} {field}");
            }
            let (left, right) = (other.messages(&found["id"]), fixture.messages(&of["id"]));
            assert_eq!(without_ids(left), without_ids(right), "{name}");
        }
    }
}

//! Archives: what leaves a store can be read with ordinary tools, and comes back as it was.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::format_collect,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::semicolon_if_nothing_returned,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use strongroom::Code;
use strongroom::archive::zip::{EntryReader, Zip, ZipWriter};
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk, File, LocalFuture, OpenMode, ready};
use strongroom::engine::{Answer, Engine, EngineOptions, ImportProgress, Request};
use strongroom::host::ManualHost;
use strongroom::store::no_pause;

const MB: usize = 1 << 20;

struct Fixture {
    engine: Engine,
    host: Rc<ManualHost>,
    disk: SimDisk,
}

impl Fixture {
    fn new(seed: u64) -> Self {
        Self::open(SimDisk::new(seed), seed)
    }

    fn open(disk: SimDisk, seed: u64) -> Self {
        let host = Rc::new(ManualHost::new(seed));
        host.advance(i64::try_from(seed).unwrap() * 1000);
        let options = EngineOptions::default();
        let engine = Engine::open(Rc::new(disk.clone()), host.clone(), &options);
        Self {
            engine: ready(engine).unwrap(),
            host,
            disk,
        }
    }

    fn tick(&mut self) {
        while self.engine.needs_tick() {
            ready(self.engine.tick(true)).unwrap();
        }
    }

    fn rest(&mut self) {
        for _ in 0..200 {
            self.host.advance(50);
            ready(self.engine.tick(true)).unwrap();
        }
    }

    fn try_call_as(
        &mut self,
        user: Option<&str>,
        method: &str,
        args: Value,
    ) -> Result<Value, Code> {
        self.host.advance(1);
        self.tick();
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user,
            request_id: None,
        };
        match self.engine.turn(&[request]).pop().unwrap() {
            Answer::Done(json) => Ok(serde_json::from_str(&json).unwrap()),
            Answer::Failed(error) | Answer::Again(error) => Err(error.code()),
        }
    }

    fn call(&mut self, method: &str, args: Value) -> Value {
        match self.try_call_as(None, method, args.clone()) {
            Ok(value) => value,
            Err(code) => panic!("{method} {args}: {code:?}"),
        }
    }

    fn bytes_as(
        &mut self,
        user: Option<&str>,
        method: &str,
        args: &Value,
        bytes: &[u8],
    ) -> Result<(Value, Vec<u8>), (Code, String)> {
        self.host.advance(1);
        self.tick();
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user,
            request_id: None,
        };
        let answer = ready(async { Ok(self.engine.bytes(request, bytes, &mut no_pause).await) });
        let answer = answer.unwrap().unwrap();
        let (json, bytes) = answer.map_err(|error| (error.code(), error.to_string()))?;
        let bytes = bytes.unwrap_or_default();
        Ok((serde_json::from_str(&json).unwrap(), bytes))
    }

    fn bytes(&mut self, method: &str, args: Value, bytes: &[u8]) -> (Value, Vec<u8>) {
        self.bytes_as(None, method, &args, bytes).unwrap()
    }

    /// Tries long work of the app's own.
    fn task(&mut self, method: &str) -> Result<Value, Code> {
        let args = if method == "migrations.migrate" {
            r#"{"to":12}"#
        } else {
            "{}"
        };
        let request = Request {
            method,
            args,
            user: None,
            request_id: None,
        };
        loop {
            self.tick();
            let step = ready(async { Ok(self.engine.task(1, request, &mut |_| {}).await) });
            if let Some(json) = step.unwrap().unwrap().map_err(|error| error.code())? {
                return Ok(serde_json::from_str(&json).unwrap());
            }
        }
    }

    fn content(&mut self, beginning: Value, content: &[u8]) -> Value {
        let (written, _) = self.bytes("contents.write", beginning, &[]);
        for piece in content.chunks(MB) {
            let args = json!({ "content": written["content"] });
            self.bytes("contents.write", args, piece);
        }
        let args = json!({ "content": written["content"], "isLast": true });
        self.bytes("contents.write", args, &[]);
        written
    }

    fn put(&mut self, artifact: Value, content: &[u8]) -> Value {
        let written = self.content(json!({ "mediaType": artifact["mediaType"] }), content);
        let args = json!({ "artifact": artifact, "content": written["content"] });
        let put = self.call("artifacts.put", args);
        self.bytes(
            "contents.drop",
            json!({ "content": written["content"] }),
            &[],
        );
        put
    }

    fn read(&mut self, artifact: &Value) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let args = json!({ "id": artifact["id"], "start": content.len(), "length": MB });
            let (revision, bytes) = self.bytes("artifacts.read", args, &[]);
            content.extend(bytes);
            if content.len() as u64 >= revision["size"].as_u64().unwrap() {
                return content;
            }
        }
    }

    fn try_export_as(
        &mut self,
        user: Option<&str>,
        request: Value,
    ) -> Result<Vec<u8>, (Code, String)> {
        let (begun, _) = self.bytes_as(user, "exports.begin", &request, &[])?;
        let export = json!({ "export": begun["export"] });
        let mut archive = Vec::new();
        loop {
            let (progress, bytes) = self.bytes_as(user, "exports.next", &export, &[])?;
            archive.extend(bytes);
            if progress["isDone"] == true {
                self.bytes_as(user, "exports.end", &export, &[])?;
                return Ok(archive);
            }
        }
    }

    fn export(&mut self, request: Value) -> Vec<u8> {
        self.try_export_as(None, request).unwrap()
    }

    /// Receives an archive and rehearses it; gives the import and the report.
    fn rehearse_as(
        &mut self,
        user: Option<&str>,
        archive: &[u8],
        options: &Value,
    ) -> Result<(Value, Value), (Code, String)> {
        let (mut progress, _) = self.bytes_as(user, "imports.receive", &json!({}), &[])?;
        let import = progress["import"].clone();
        for piece in archive.chunks(MB) {
            let args = json!({ "import": import });
            self.bytes_as(user, "imports.receive", &args, piece)?;
        }
        while progress["phase"] != "ready" {
            let args = json!({ "import": import, "options": options });
            (progress, _) = self.bytes_as(user, "imports.step", &args, &[])?;
        }
        Ok((import, progress["report"].clone()))
    }

    fn try_import_as(
        &mut self,
        user: Option<&str>,
        archive: &[u8],
        options: Value,
    ) -> Result<Value, (Code, String)> {
        let (import, rehearsed) = self.rehearse_as(user, archive, &options)?;
        let args = json!({ "import": import });
        let (mut report, _) = self.bytes_as(user, "imports.apply", &args, &[])?;
        assert_eq!(report["isDone"], true);
        report["isDone"] = false.into();
        assert_eq!(report, rehearsed, "a rehearsal says what will be");
        Ok(report)
    }

    fn import(&mut self, archive: &[u8], options: Value) -> Value {
        self.try_import_as(None, archive, options).unwrap()
    }
}

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("STRONGROOM_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    folder.is_dir().then_some(folder)
}

/// Bytes that nothing compresses, always the same.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// A store with some of everything.
#[allow(clippy::too_many_lines, reason = "it is a list")]
fn rich(seed: u64) -> Fixture {
    let mut it = Fixture::new(seed);
    it.call("users.create", json!({ "name": "Ada" }));
    it.call(
        "users.create",
        json!({ "name": "Grace", "metadata": { "plan": "pro" } }),
    );
    it.call("settings.set", json!({ "name": "theme", "value": "dark" }));
    it.call(
        "settings.set",
        json!({ "userId": "us02", "name": "limits", "value": { "a": [1, null] } }),
    );
    let plan = json!({ "userId": "us01", "title": "Plan", "context": "work", "metadata": { "a": { "b": 1.5 } } });
    it.call("conversations.create", plan);
    it.call(
        "conversations.create",
        json!({ "userId": "us01", "title": "Gone" }),
    );
    it.call("conversations.delete", json!({ "id": "us01-co02" }));
    it.call(
        "conversations.create",
        json!({ "userId": "us01", "title": "Old" }),
    );
    it.call(
        "conversations.create",
        json!({ "userId": "us02", "title": "日本 \u{1F600}\n\"quoted\"" }),
    );
    for conversation in ["us01-co01", "us01-co03", "us02-co01"] {
        for (role, text) in [
            ("user", "How?"),
            ("assistant", "So: \u{0}no, “like” this.\n\n```\ncode\n```"),
        ] {
            let text = text.replace('\u{0}', "");
            let message =
                json!({ "role": role, "text": text, "model": "m-1", "metadata": { "n": 1 } });
            it.call(
                "messages.append",
                json!({ "conversationId": conversation, "message": message }),
            );
        }
    }
    it.call(
        "messages.edit",
        json!({ "id": "us01-co01-ms01", "text": "How, exactly?" }),
    );
    it.call("messages.switchBranch", json!({ "id": "us01-co01-ms02" }));
    let parts = json!([
        { "type": "reasoning", "text": "hm" },
        { "type": "tool_call", "callId": "c1", "name": "run", "input": [1, 2] },
        { "type": "text", "text": "done" },
    ]);
    let message = json!({ "role": "assistant", "parts": parts, "usage": { "tokens": 3 } });
    it.call(
        "messages.append",
        json!({ "conversationId": "us02-co01", "message": message }),
    );
    it.call("conversations.addParticipant", json!({ "conversationId": "us02-co01", "participant": { "id": "planner", "kind": "agent", "name": "Planner" } }));
    it.call("conversations.archive", json!({ "id": "us01-co03" }));
    let one = it.call(
        "constructs.create",
        json!({ "userId": "us01", "type": "service", "name": "API", "context": "work" }),
    );
    let two = it.call(
        "constructs.create",
        json!({ "userId": "us01", "type": "plan", "name": "Plan" }),
    );
    it.call(
        "links.create",
        json!({ "from": two["id"], "to": one["id"], "kind": "implements" }),
    );
    let session = it.call(
        "sessions.create",
        json!({ "constructId": one["id"], "name": "first", "state": { "step": 2 } }),
    );
    it.call(
        "timeline.append",
        json!({ "sessionId": session["id"], "kind": "started", "data": [1, "two"] }),
    );
    it.call("metrics.record", json!({ "constructId": one["id"], "name": "latency", "value": 12.25, "unit": "ms", "labels": { "a": "b" } }));
    it.put(json!({ "constructId": one["id"], "kind": "log", "name": "build.log", "mediaType": "text/plain" }), "a line of the log\n".repeat(100_000).as_bytes());
    it.put(
        json!({ "userId": "us02", "kind": "file", "name": "noise", "mediaType": "image/png" }),
        &noise(seed, 3_000_000),
    );
    it.put(
        json!({ "userId": "us01", "kind": "file", "name": "empty" , "mediaType": "text/plain" }),
        b"",
    );
    let note = it.put(json!({ "userId": "us01", "messageId": "us01-co01-ms01", "kind": "attachment", "name": "note.txt", "mediaType": "text/plain" }), b"first");
    let second = it.content(json!({ "mediaType": "text/plain" }), b"second");
    it.call(
        "artifacts.revise",
        json!({ "id": note["id"], "version": note["version"], "content": second["content"] }),
    );
    it.call(
        "artifacts.create",
        json!({ "userId": "us01", "kind": "plan", "name": "no content" }),
    );
    it.call(
        "uploads.create",
        json!({ "userId": "us01", "kind": "file", "name": "to come", "size": 10 }),
    );
    it.call("learnings.create", json!({ "userId": "us01", "text": "Flush before the answer.", "category": "storage", "tags": ["disk", "wal"],
        "confidence": 0.75, "sources": [{ "kind": "message", "id": "us01-co01-ms02" }] }));
    it.call(
        "jobs.enqueue",
        json!({ "userId": "us01", "queue": "mail", "payload": { "to": "b" }, "priority": 3 }),
    );
    it.call(
        "jobs.enqueue",
        json!({ "userId": "us02", "queue": "mail", "key": "k" }),
    );
    it.call(
        "retention.create",
        json!({ "kind": "jobs", "ageMs": 1000, "action": "delete" }),
    );
    it.call("charts.create", json!({ "userId": "us01", "context": "work", "desiredOutcome": "A store that lasts", "currentReality": "Notes on paper",
        "dueDate": "2027-01-01", "actionSteps": ["Write it", "Test it"] }));
    it.call("charts.load", json!({ "userId": "us02", "text": "# a comment\n{\"type\":\"entity\",\"name\":\"a\",\"entityType\":\"t\",\"observations\":[\"one\",\"two\"],\"extra\":{\"k\":1}}\n{broken\n" }));
    it.rest();
    it
}

/// The entries of a zip with their bytes.
fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let disk = MemoryDisk::default();
    let file: Rc<dyn File> = ready(disk.open("a.zip", OpenMode::CreateNew)).unwrap();
    file.write_at(archive, 0).unwrap();
    let zip = Zip::open(&*file).unwrap();
    let read = |entry| {
        let mut reader = EntryReader::new(&*file, entry).unwrap();
        let mut content = Vec::new();
        while let Some(bytes) = reader.next(&*file).unwrap() {
            content.extend(bytes);
        }
        content
    };
    let named = zip
        .entries()
        .iter()
        .map(|entry| (entry.name.clone(), read(entry)));
    named.collect()
}

/// What an archive holds, without when it was made and of which store, and without what belongs to the app alone.
fn records(archive: &[u8]) -> BTreeMap<String, String> {
    let mut entries = entries(archive);
    for name in ["manifest.json", "SHA256SUMS", "store.sqlite3"] {
        entries.remove(name);
    }
    let lines = |(name, content): (String, Vec<u8>)| match String::from_utf8(content) {
        Ok(text) if name.starts_with("data/") => {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            (name, lines.join("\n"))
        }
        Ok(text) => (name, text),
        Err(binary) => {
            let hash = blake3::hash(binary.as_bytes()).to_string();
            (name, hash)
        }
    };
    entries.into_iter().map(lines).collect()
}

fn assert_alike(one: &[u8], other: &[u8]) {
    let (one, other) = (records(one), records(other));
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        other.keys().collect::<Vec<_>>()
    );
    for (name, content) in &one {
        assert_eq!(content, &other[name], "{name}");
    }
}

#[test]
fn what_was_exported_comes_back_record_by_record_and_byte_by_byte() {
    let mut old = rich(1);
    let archive = old.export(json!({}));
    let mut new = Fixture::new(2);
    let report = new.import(&archive, json!({}));
    assert_eq!(report["conflictCount"], 0);
    assert_eq!(report["problems"], json!([]));
    assert_alike(&archive, &new.export(json!({})));
    new.rest();
    assert_alike(&archive, &new.export(json!({})));
    // It is there for those who look, and goes on where it was.
    let note = new.call(
        "artifacts.list",
        json!({ "userId": "us01", "kind": "attachment" }),
    );
    assert_eq!(new.read(&note["items"][0]), b"second");
    let next = new.call(
        "conversations.create",
        json!({ "userId": "us01", "title": "Next" }),
    );
    assert_eq!(next["id"], "us01-co05");
    let found = new.call(
        "search.query",
        json!({ "userId": "us01", "text": "exactly" }),
    );
    assert_eq!(found["items"][0]["id"], "us01-co01-ms03");
}

#[test]
fn an_import_survives_the_loss_of_the_database_and_a_crash() {
    let archive = rich(1).export(json!({}));
    let mut new = Fixture::new(2);
    new.import(&archive, json!({}));
    let Fixture { engine, disk, .. } = new;
    disk.crash();
    drop(engine);
    for file in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(disk.remove(file)).unwrap();
    }
    let mut again = Fixture::open(disk, 3);
    assert_alike(&archive, &again.export(json!({})));
}

#[test]
fn importing_twice_changes_nothing() {
    let archive = rich(1).export(json!({}));
    let mut new = Fixture::new(2);
    new.import(&archive, json!({}));
    let before = new.export(json!({}));
    for on_conflict in ["skip", "replace", "keepBoth", "newest"] {
        let report = new.import(&archive, json!({ "onConflict": on_conflict }));
        for count in report["counts"].as_array().unwrap() {
            assert_eq!(count["same"].as_u64().unwrap(), sum(count), "{count}");
        }
        assert_alike(&before, &new.export(json!({})));
    }
}

fn sum(count: &Value) -> u64 {
    let fields = ["added", "same", "skipped", "replaced", "keptBoth"];
    fields
        .iter()
        .map(|field| count[field].as_u64().unwrap())
        .sum()
}

#[test]
fn ordinary_tools_open_an_archive() {
    let mut store = rich(1);
    let archive = store.export(json!({ "sqlite": true }));
    let folder = std::env::temp_dir().join(format!("strongroom-archive-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("archive.zip"), &archive).unwrap();
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program)
            .args(args)
            .current_dir(&folder)
            .output();
        let output = output.unwrap_or_else(|error| panic!("{program} is needed: {error}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let problem = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{program} {args:?}: {text} {problem}"
        );
        text
    };
    run("unzip", &["-q", "archive.zip"]);
    run("sha256sum", &["--strict", "--quiet", "-c", "SHA256SUMS"]);
    let title = run(
        "jq",
        &[
            "-r",
            "select(.id == \"us02-co01\").title",
            "data/conversation.jsonl",
        ],
    );
    assert_eq!(title, "日本 \u{1F600}\n\"quoted\"\n");
    let value = run(
        "jq",
        &[
            "-c",
            "select(.name == \"limits\").value",
            "data/user_setting.jsonl",
        ],
    );
    assert_eq!(value, "{\"a\":[1,null]}\n");
    let version = run(
        "jq",
        &[
            "-r",
            ".records[] | select(.table == \"message\").count",
            "manifest.json",
        ],
    );
    let rows = run(
        "sqlite3",
        &["store.sqlite3", "SELECT count(*) FROM message"],
    );
    assert_eq!(version, rows);
    assert_eq!(
        run("sqlite3", &["store.sqlite3", "PRAGMA integrity_check"]),
        "ok\n"
    );
    let chart = std::fs::read_to_string(folder.join("charts/us01/charts-work.jsonl")).unwrap();
    assert_eq!(
        chart.lines().count(),
        run("jq", &["-c", ".type", "charts/us01/charts-work.jsonl"])
            .lines()
            .count()
    );
    let kept = std::fs::read_to_string(folder.join("charts/us02/charts.jsonl")).unwrap();
    assert!(
        kept.contains("# a comment") && kept.contains("{broken"),
        "{kept}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn conversations_go_with_an_archive_as_markdown_where_that_is_asked_for() {
    let mut store = rich(1);
    let conversation = store.call(
        "conversations.list",
        json!({ "userId": "us01", "limit": 1 }),
    );
    let id = conversation["items"][0]["id"].clone();
    store.call("conversations.archive", json!({ "id": id }));
    store.rest();
    let asked = json!({ "markdown": true });
    let archive = store.export(asked.clone());
    let entries = entries(&archive);
    let texts: Vec<_> = entries
        .iter()
        .filter(|(name, _)| name.starts_with("conversations/"))
        .collect();
    let all = entries["data/conversation.jsonl"]
        .split(|byte| *byte == b'\n')
        .count()
        - 1;
    assert_eq!(texts.len(), all);
    let beginning = format!("conversations/{} ", id.as_str().unwrap());
    let (_, archived) = texts
        .iter()
        .find(|(name, _)| name.starts_with(&beginning))
        .unwrap();
    let alone = store.call(
        "conversations.export",
        json!({ "id": id, "as": "markdown" }),
    );
    assert_eq!(
        std::str::from_utf8(archived).unwrap(),
        alone[0]["text"].as_str().unwrap()
    );
    let part = json!({ "kind": "conversation", "id": id });
    let part = store.export(json!({ "scope": part, "markdown": true }));
    let part = self::entries(&part)
        .into_keys()
        .filter(|name| name.starts_with("conversations/"));
    assert_eq!(part.count(), 1);

    let mut new = Fixture::new(2);
    new.import(&archive, json!({}));
    assert_alike(&store.export(json!({})), &new.export(json!({})));
}

#[test]
fn the_sqlite_file_goes_out_by_itself_and_only_to_the_app() {
    let mut store = rich(1);
    let database = store.export(json!({ "as": "sqlite" }));
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("store.sqlite3"), &database).unwrap();
    let sqlite = |sql: &str| {
        let output = Command::new("sqlite3")
            .args(["store.sqlite3", sql])
            .current_dir(&folder)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(sqlite("PRAGMA integrity_check"), "ok\n");
    let with = entries(&store.export(json!({ "sqlite": true })));
    let messages = with["data/message.jsonl"]
        .split(|byte| *byte == b'\n')
        .count()
        - 1;
    assert_eq!(
        sqlite("SELECT count(*) FROM message"),
        format!("{messages}\n")
    );
    assert_eq!(
        sqlite("SELECT title FROM conversation WHERE user = 2"),
        "日本 \u{1F600}\n\"quoted\"\n"
    );
    for refused in [
        json!({ "as": "sqlite", "scope": { "kind": "user", "id": "us01" } }),
        json!({ "as": "sqlite", "markdown": true }),
        json!({ "as": "sqlite", "sqlite": true }),
    ] {
        let refused = store.bytes_as(None, "exports.begin", &refused, &[]);
        assert_eq!(refused.unwrap_err().0, Code::InvalidArgument);
    }
    let asked = json!({ "as": "sqlite" });
    let of_a_user = store.bytes_as(Some("us01"), "exports.begin", &asked, &[]);
    assert_eq!(of_a_user.unwrap_err().0, Code::InvalidArgument);
    // Nothing is held by what was refused.
    store.export(json!({}));
}

#[test]
fn each_scope_holds_what_belongs_to_it_and_comes_back_alone() {
    let mut store = rich(1);
    let constructs = store.call("constructs.list", json!({ "userId": "us01" }));
    let construct = constructs["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "API")
        .unwrap()["id"]
        .clone();
    let charts = store.call("charts.list", json!({ "userId": "us01" }));
    let chart = charts["items"][0]["id"].clone();
    for (scope, expected) in [
        (
            json!({ "kind": "user", "id": "us02" }),
            json!({ "user": 1, "conversation": 1, "message": 3, "artifact": 1, "job": 1, "entity": 1, "chart_line": 2, "user_setting": 1 }),
        ),
        (
            json!({ "kind": "context", "userId": "us01", "name": "work" }),
            json!({ "user": 1, "context": 1, "conversation": 2, "message": 3, "construct": 1, "session": 1, "artifact": 2, "entity": 5 }),
        ),
        (
            json!({ "kind": "construct", "id": construct }),
            json!({ "construct": 1, "session": 1, "conversation": 1, "artifact": 1, "timeline_event": 1, "metric": 1 }),
        ),
        (
            json!({ "kind": "conversation", "id": "us01-co01" }),
            json!({ "conversation": 1, "message": 3, "artifact": 1, "artifact_revision": 2, "blob": 2 }),
        ),
        (
            json!({ "kind": "chart", "userId": "us01", "context": "work", "chart": chart }),
            json!({ "user": 1, "context": 1, "entity": 5, "chart_event": 1 }),
        ),
    ] {
        let archive = store.export(json!({ "scope": scope }));
        let manifest: Value = serde_json::from_slice(&entries(&archive)["manifest.json"]).unwrap();
        for (table, count) in expected.as_object().unwrap() {
            let found = manifest["records"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["table"] == *table);
            assert_eq!(
                found.map(|one| &one["count"]),
                Some(count),
                "{scope} {table}"
            );
        }
        let mut alone = Fixture::new(5);
        alone.import(&archive, json!({}));
        let again = alone.export(json!({ "scope": scope }));
        assert_alike(&archive, &again);
    }
}

#[test]
fn a_user_takes_away_their_own_and_nothing_of_others() {
    let mut store = rich(1);
    let own = store.try_export_as(Some("us02"), json!({})).unwrap();
    let text: String = records(&own).into_values().collect();
    assert!(text.contains("Grace") && !text.contains("Ada"));
    for scope in [
        json!({ "kind": "all" }),
        json!({ "kind": "user", "id": "us01" }),
        json!({ "kind": "conversation", "id": "us01-co01" }),
        json!({ "kind": "context", "userId": "us01", "name": "work" }),
    ] {
        let (code, _) = store
            .try_export_as(Some("us02"), json!({ "scope": scope }))
            .unwrap_err();
        assert!(
            matches!(code, Code::NotFound | Code::InvalidArgument),
            "{scope}"
        );
    }
    // A refused export holds nothing back.
    store.export(json!({}));
    let missing = json!({ "scope": { "kind": "conversation", "id": "us01-co77" } });
    assert_eq!(
        store.try_export_as(None, missing).unwrap_err().0,
        Code::NotFound
    );
    // Into another user's own.
    let mut other = Fixture::new(9);
    other.call("users.create", json!({ "name": "Someone" }));
    other.call("users.create", json!({ "name": "Grace here" }));
    other.call(
        "conversations.create",
        json!({ "userId": "us02", "title": "Mine" }),
    );
    other.try_import_as(Some("us02"), &own, json!({})).unwrap();
    let there = other.call("conversations.list", json!({ "userId": "us02" }));
    let titles: Vec<&Value> = there["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["title"])
        .collect();
    assert_eq!(titles.len(), 2);
    assert_eq!(
        other.call("users.get", json!({ "id": "us02" }))["name"],
        "Grace here"
    );
    assert_eq!(
        other.call("conversations.list", json!({ "userId": "us01" }))["items"],
        json!([])
    );
    let everything = store.export(json!({}));
    let (code, _) = other
        .try_import_as(Some("us02"), &everything, json!({}))
        .unwrap_err();
    assert_eq!(code, Code::InvalidArgument);
}

#[test]
fn records_of_two_stores_come_together_under_numbers_of_their_own() {
    let one = rich(1).export(json!({}));
    let two = rich(2).export(json!({}));
    let mut both = Fixture::new(3);
    both.import(&one, json!({}));
    let before = both.export(json!({}));
    let report = both.import(&two, json!({}));
    let added = |report: &Value, table: &str| {
        let counts = report["counts"].as_array().unwrap();
        counts.iter().find(|count| count["table"] == table).unwrap()["added"].clone()
    };
    assert_eq!(added(&report, "user"), 2);
    assert_eq!(added(&report, "message"), 8);
    assert_eq!(
        both.call("users.list", json!({}))["items"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    // What refers to what still does.
    let texts = both.call(
        "messages.list",
        json!({ "conversationId": "us03-co01", "order": "oldest" }),
    );
    assert_eq!(texts["items"].as_array().unwrap().len(), 2);
    let learnings = both.call("learnings.list", json!({ "userId": "us03" }));
    assert_eq!(learnings["items"][0]["sources"][0]["id"], "us03-co01-ms02");
    let note = both.call(
        "artifacts.list",
        json!({ "userId": "us03", "kind": "attachment" }),
    );
    assert_eq!(note["items"][0]["messageId"], "us03-co01-ms01");
    assert_eq!(both.read(&note["items"][0]), b"second");
    // And the first store's own are as they were.
    for user in ["us01", "us02"] {
        let scope = json!({ "scope": { "kind": "user", "id": user } });
        let mut was = Fixture::new(4);
        was.import(&before, json!({}));
        assert_alike(&was.export(scope.clone()), &both.export(scope));
    }
}

#[test]
fn what_comes_in_lies_behind_what_is_there_in_its_own_order() {
    let order = |store: &mut Fixture, user: &str| {
        let jobs = store.call(
            "jobs.list",
            json!({ "userId": user, "limit": 100, "order": "oldest" }),
        );
        let jobs = jobs["items"].as_array().unwrap().iter();
        let jobs: Vec<_> = jobs.map(|job| job["payload"].clone()).collect();
        let lines = store.call("charts.lines", json!({ "userId": user, "limit": 100 }));
        (jobs, lines["text"].as_str().unwrap().to_owned())
    };
    let filled = |seed: u64, word: &str| {
        let mut store = Fixture::new(seed);
        store.call("users.create", json!({ "name": word }));
        for n in 0..12 {
            // Their ids tell nothing of their order.
            store.host.advance(if n % 3 == 0 { -7 } else { 5 });
            let new = json!({ "userId": "us01", "queue": "q", "payload": format!("{word} {n}") });
            store.call("jobs.enqueue", new);
        }
        let relation = |n: usize| {
            format!(
                "{{\"type\":\"relation\",\"from\":\"{word} {n}\",\"to\":\"{word} {}\",\"relationType\":\"r\"}}\n",
                n + 1
            )
        };
        let entity = |n: usize| {
            format!(
                "{{\"type\":\"entity\",\"name\":\"{word} {n}\",\"entityType\":\"t\",\"observations\":[]}}\n"
            )
        };
        let text: String = (0..6).map(|n| entity(n) + &relation(n)).collect();
        store.call("charts.load", json!({ "userId": "us01", "text": text }));
        store
    };
    let (mut from, mut into) = (filled(50, "from"), filled(51, "into"));
    let (from_jobs, from_lines) = order(&mut from, "us01");
    let (into_jobs, into_lines) = order(&mut into, "us01");
    let archive = from.export(json!({}));
    into.import(&archive, json!({ "into": "us01" }));
    let (jobs, lines) = order(&mut into, "us01");
    assert_eq!(jobs, [into_jobs, from_jobs].concat());
    assert_eq!(lines, into_lines + &from_lines);
}

#[test]
fn what_is_in_conflict_goes_as_it_was_asked_for() {
    let archive = rich(1).export(json!({}));
    let changed = |policy: Value| {
        let mut store = Fixture::new(2);
        store.import(&archive, json!({}));
        store.host.advance(1_000_000);
        let version =
            store.call("conversations.get", json!({ "id": "us01-co01" }))["version"].clone();
        store.call(
            "conversations.update",
            json!({ "id": "us01-co01", "version": version, "title": "Changed" }),
        );
        let learning =
            store.call("learnings.list", json!({ "userId": "us01" }))["items"][0].clone();
        store.call(
            "learnings.update",
            json!({ "id": learning["id"], "version": learning["version"], "text": "Changed too." }),
        );
        let report = store.import(&archive, policy);
        let title = store.call("conversations.get", json!({ "id": "us01-co01" }))["title"].clone();
        let list = store.call("learnings.list", json!({ "userId": "us01" }));
        let texts: Vec<Value> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["text"].clone())
            .collect();
        let conversations = store.call("conversations.list", json!({ "userId": "us01" }));
        (
            title,
            texts,
            conversations["items"].as_array().unwrap().len(),
            report,
        )
    };
    let (title, texts, count, report) = changed(json!({}));
    assert_eq!(
        (title, texts, count),
        (json!("Changed"), vec![json!("Changed too.")], 2)
    );
    assert_eq!(report["conflictCount"], 2);
    assert_eq!(report["conflicts"][0]["id"], json!("us01-co01"));
    let (title, texts, count, _) = changed(json!({ "onConflict": "replace" }));
    assert_eq!(
        (title, texts, count),
        (json!("Plan"), vec![json!("Flush before the answer.")], 2)
    );
    let (title, texts, count, _) = changed(json!({ "onConflict": "newest" }));
    assert_eq!(
        (title, texts, count),
        (json!("Changed"), vec![json!("Changed too.")], 2)
    );
    let (title, texts, count, report) = changed(json!({ "onConflict": "keepBoth" }));
    assert_eq!(
        (title, texts.len(), count),
        (json!("Changed"), 2, 3),
        "{report}"
    );
    let by_kind = json!({ "kinds": [{ "kind": "learnings", "onConflict": "replace" }] });
    let (title, texts, ..) = changed(by_kind);
    assert_eq!(
        (title, texts),
        (json!("Changed"), vec![json!("Flush before the answer.")])
    );
    let by_record = json!({ "decisions": [{ "table": "conversation", "id": "us01-co01", "onConflict": "replace" }] });
    let (title, texts, ..) = changed(by_record);
    assert_eq!((title, texts), (json!("Plan"), vec![json!("Changed too.")]));
}

#[test]
fn writes_go_on_during_an_export_which_is_of_one_moment() {
    let mut store = rich(1);
    let before = store.export(json!({}));
    let (begun, _) = store.bytes("exports.begin", json!({}), &[]);
    let export = json!({ "export": begun["export"] });
    // Enough for a checkpoint, and what would remove contents and change the file in place.
    let long = json!({ "role": "user", "text": "a text of some length ".repeat(250) });
    let messages = vec![long; 1000];
    let args = json!({ "conversationId": "us01-co01", "messages": messages });
    store.call("messages.appendAll", args);
    store.call("retention.erase", json!({ "id": "us02" }));
    assert_eq!(store.task("retention.collect"), Err(Code::Locked));
    assert_eq!(store.task("migrations.migrate"), Err(Code::Locked));
    store.rest();
    let mut archive = Vec::new();
    for n in 0.. {
        let (progress, bytes) = store.bytes("exports.next", export.clone(), &[]);
        archive.extend(bytes);
        if progress["isDone"] == true {
            break;
        }
        let message = json!({ "role": "user", "text": format!("meanwhile {n}") });
        store.call(
            "messages.append",
            json!({ "conversationId": "us01-co01", "message": message }),
        );
        store.rest();
    }
    assert_alike(&before, &archive);
    // Another waits until the first is over.
    let refused = store
        .bytes_as(None, "exports.begin", &json!({}), &[])
        .unwrap_err();
    assert_eq!(refused.0, Code::Locked);
    store.bytes("exports.end", export, &[]);
    let after: String = records(&store.export(json!({}))).into_values().collect();
    assert!(after.contains("meanwhile 0") && !after.contains("Grace"));
    // What waited for it comes to its end.
    store.rest();
    let erasures = store.call("retention.erasures", json!({}));
    assert!(!erasures["items"][0]["doneAt"].is_null(), "{erasures}");
}

#[test]
fn an_export_that_nobody_takes_gives_way() {
    let mut store = rich(1);
    let (begun, _) = store.bytes("exports.begin", json!({}), &[]);
    store.host.advance(11 * 60 * 1000);
    ready(store.engine.tick(true)).unwrap();
    let gone = store.bytes_as(
        None,
        "exports.next",
        &json!({ "export": begun["export"] }),
        &[],
    );
    assert_eq!(gone.unwrap_err().0, Code::NotFound);
    store.export(json!({}));
}

#[test]
fn flipped_bytes_of_an_archive_are_found_or_do_no_harm() {
    let mut small = Fixture::new(1);
    small.call("users.create", json!({ "name": "Ada" }));
    small.call(
        "conversations.create",
        json!({ "userId": "us01", "title": "Plan" }),
    );
    let message = json!({ "role": "user", "text": "How should we store this?" });
    small.call(
        "messages.append",
        json!({ "conversationId": "us01-co01", "message": message }),
    );
    small.put(
        json!({ "userId": "us01", "kind": "file", "name": "a", "mediaType": "text/plain" }),
        b"content",
    );
    let archive = small.export(json!({}));
    let mut found = 0;
    let mut store = Fixture::new(2);
    for at in (0..archive.len()).step_by(7) {
        let mut bytes = archive.clone();
        bytes[at] ^= 1 << (at % 8);
        match store.rehearse_as(None, &bytes, &json!({})) {
            Err((code, message)) => {
                let is_told = matches!(
                    code,
                    Code::ArchiveInvalid | Code::SchemaTooNew | Code::Unsupported
                );
                assert!(is_told, "byte {at}: {code:?} {message}");
                found += 1;
            }
            Ok((import, _)) => {
                store.bytes("imports.apply", json!({ "import": import }), &[]);
                assert_alike(&archive, &store.export(json!({})));
                store = Fixture::new(2);
            }
        }
    }
    assert!(
        found * 7 > archive.len() / 2,
        "{found} of {}",
        archive.len()
    );
    assert_eq!(store.call("users.list", json!({}))["items"], json!([]));
}

#[test]
fn wherever_the_machine_stops_an_import_happened_whole_or_not_at_all() {
    let archive = rich(1).export(json!({}));
    let prepared = || {
        let mut store = Fixture::new(2);
        store.call("users.create", json!({ "name": "Here already" }));
        store
    };
    let mut store = prepared();
    let (import, _) = store.rehearse_as(None, &archive, &json!({})).unwrap();
    let before = store.disk.operations().changes;
    store.bytes("imports.apply", json!({ "import": import }), &[]);
    let after = store.disk.operations().changes;
    let whole = records(&store.export(json!({})));
    let nothing = records(&prepared().export(json!({})));
    let (mut none, mut all) = (0, 0);
    for at in before..=after {
        for is_power_loss in [true, false] {
            let mut store = prepared();
            let (import, _) = store.rehearse_as(None, &archive, &json!({})).unwrap();
            assert_eq!(store.disk.operations().changes, before);
            store.disk.crash_at(at);
            let applied = store.bytes_as(None, "imports.apply", &json!({ "import": import }), &[]);
            let Fixture { engine, disk, .. } = store;
            if is_power_loss {
                disk.crash();
            } else {
                disk.kill();
            }
            drop(engine);
            let mut again = Fixture::open(disk, 4);
            let found = records(&again.export(json!({})));
            if found == nothing {
                assert!(applied.is_err(), "an import that was answered is gone");
                none += 1;
            } else {
                assert_eq!(found, whole, "after {at} changes");
                all += 1;
            }
        }
    }
    assert!(none > 0 && all > 0, "{none} {all}");
}

#[test]
fn an_import_that_is_aborted_while_it_is_written_never_was() {
    let archive = rich(1).export(json!({}));
    let mut store = Fixture::new(2);
    store.call("users.create", json!({ "name": "Here already" }));
    let before = records(&store.export(json!({})));
    let mut pauses = 0;
    loop {
        let (import, report) = store.rehearse_as(None, &archive, &json!({})).unwrap();
        let args = json!({ "import": import }).to_string();
        let mut told = Vec::new();
        let mut pause = |progress: &ImportProgress| -> LocalFuture<'static, bool> {
            told.push(serde_json::to_value(progress).unwrap());
            Box::pin(std::future::ready(told.len() <= pauses))
        };
        let request = Request::new("imports.apply", &args);
        let answer = ready(async { Ok(store.engine.bytes(request, &[], &mut pause).await) });
        let answer = answer.unwrap().unwrap();
        let last = told.last().unwrap();
        assert_eq!(last["phase"], "write");
        if answer.is_ok() {
            assert_eq!(last["done"], last["total"], "{report}");
            break;
        }
        assert_eq!(answer.err().map(|error| error.code()), Some(Code::Aborted));
        assert_eq!(records(&store.export(json!({}))), before);
        let ended = store.bytes_as(None, "imports.end", &json!({ "import": import }), &[]);
        assert_eq!(ended.err().map(|(code, _)| code), Some(Code::NotFound));
        pauses += 1;
    }
    assert!(pauses > 20, "{pauses}");
    let after = records(&store.export(json!({})));
    let mut other = Fixture::new(2);
    other.call("users.create", json!({ "name": "Here already" }));
    other.import(&archive, json!({}));
    assert_eq!(after, records(&other.export(json!({}))));
    let Fixture { engine, disk, .. } = store;
    disk.kill();
    drop(engine);
    let mut again = Fixture::open(disk, 4);
    assert_eq!(records(&again.export(json!({}))), after);
}

/// Brings the messages of a tree in, each below its parent.
fn grow(store: &mut Fixture, conversation: &Value, tree: &Value) {
    let mut waiting = vec![(Value::Null, tree.clone())];
    while let Some((parent, node)) = waiting.pop() {
        let role = if node["role"] == "prompter" {
            "user"
        } else {
            "assistant"
        };
        let mut message =
            json!({ "role": role, "text": node["text"], "metadata": { "id": node["message_id"] } });
        if parent != Value::Null {
            message["parentId"] = parent;
        }
        let args = json!({ "conversationId": conversation, "message": message });
        let id = store.call("messages.append", args)["id"].clone();
        let replies = node["replies"].as_array().cloned().unwrap_or_default();
        waiting.extend(replies.into_iter().map(|reply| (id.clone(), reply)));
    }
}

#[test]
fn all_real_data_comes_back_as_it_was() {
    let Some(data) = data() else {
        eprintln!("skipped: there is no real data");
        return;
    };
    let mut old = Fixture::new(1);
    old.call("users.create", json!({ "name": "Ada" }));
    let trees = std::fs::read_to_string(data.join("oasst/en_100_tree.jsonl")).unwrap();
    for line in trees.lines() {
        let tree: Value = serde_json::from_str(line).unwrap();
        let args = json!({ "userId": "us01", "title": tree["message_tree_id"] });
        let conversation = old.call("conversations.create", args)["id"].clone();
        grow(&mut old, &conversation, &tree["prompt"]);
    }
    let mut files: Vec<PathBuf> = [
        "charts",
        "transcripts",
        "llm-samples",
        "multilingual",
        "provider-streams",
    ]
    .iter()
    .flat_map(|folder| std::fs::read_dir(data.join(folder)).unwrap())
    .map(|entry| entry.unwrap().path())
    .collect();
    files.sort();
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let content = std::fs::read(path).unwrap();
        old.put(
            json!({ "userId": "us01", "kind": "file", "name": name, "mediaType": "text/plain" }),
            &content,
        );
        let is_chart = path.parent().unwrap().ends_with("charts")
            && path.extension().is_some_and(|it| it == "jsonl");
        if is_chart {
            let text = String::from_utf8(content).unwrap();
            old.call(
                "charts.load",
                json!({ "userId": "us01", "context": name, "text": text }),
            );
        }
    }
    for n in (1..=100).step_by(3) {
        old.call(
            "conversations.archive",
            json!({ "id": format!("us01-co{n:02}") }),
        );
    }
    old.rest();
    let archive = old.export(json!({}));
    let mut new = Fixture::new(2);
    new.import(&archive, json!({}));
    new.rest();
    assert_alike(&archive, &new.export(json!({})));
    let list = new.call("artifacts.list", json!({ "userId": "us01", "limit": 1000 }));
    let list = list["items"].as_array().unwrap().clone();
    assert_eq!(list.len(), files.len());
    for artifact in list {
        let path = files
            .iter()
            .find(|path| path.ends_with(artifact["name"].as_str().unwrap()));
        assert_eq!(new.read(&artifact), std::fs::read(path.unwrap()).unwrap());
    }
    // What a chart's file said, its file in the archive says, line by line.
    for path in files
        .iter()
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
    {
        let name = path.file_name().unwrap().to_str().unwrap();
        let lines = new.call(
            "charts.lines",
            json!({ "userId": "us01", "context": name, "limit": 1000 }),
        );
        if path.parent().unwrap().ends_with("charts") {
            let context: String = name
                .bytes()
                .map(|byte| {
                    if byte == b'.' {
                        "%2e".to_owned()
                    } else {
                        char::from(byte).to_string()
                    }
                })
                .collect();
            let file = &records(&archive)[&format!("charts/us01/charts-{context}.jsonl")];
            assert_eq!(lines["text"], *file);
        }
    }
}

/// The same archive with other entries, and a manifest that knows them.
fn rewritten(
    archive: &[u8],
    change: impl Fn(&mut Value, &mut BTreeMap<String, Vec<u8>>),
) -> Vec<u8> {
    let mut entries = entries(archive);
    let mut manifest: Value =
        serde_json::from_slice(&entries.remove("manifest.json").unwrap()).unwrap();
    entries.remove("SHA256SUMS");
    change(&mut manifest, &mut entries);
    let mut sums = String::new();
    let mut named = Vec::new();
    for (name, content) in &entries {
        let sha256 = Sha256::digest(content);
        let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push_str(&format!("{sha256}  {name}\n"));
        named.push(json!({ "name": name, "size": content.len(), "sha256": sha256 }));
    }
    let sha256: String = Sha256::digest(&sums)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    named.push(json!({ "name": "SHA256SUMS", "size": sums.len(), "sha256": sha256 }));
    manifest["entries"] = named.into();
    entries.insert("SHA256SUMS".to_owned(), sums.into_bytes());
    entries.insert(
        "manifest.json".to_owned(),
        manifest.to_string().into_bytes(),
    );
    let mut zip = ZipWriter::new(0);
    for (name, content) in &entries {
        zip.begin(name, true).unwrap();
        zip.write(content).unwrap();
        zip.end().unwrap();
    }
    zip.finish();
    zip.take()
}

/// A store with a conversation and a chart, and no contents.
fn plain() -> Fixture {
    let mut store = Fixture::new(1);
    store.call("users.create", json!({ "name": "Ada" }));
    store.call(
        "conversations.create",
        json!({ "userId": "us01", "title": "Plan" }),
    );
    for text in ["How should we store this?", "In a strongroom."] {
        let message = json!({ "role": "user", "text": text });
        store.call(
            "messages.append",
            json!({ "conversationId": "us01-co01", "message": message }),
        );
    }
    store.call(
        "artifacts.create",
        json!({ "userId": "us01", "kind": "plan", "name": "no content" }),
    );
    store
}

fn line(entries: &mut BTreeMap<String, Vec<u8>>, table: &str, change: impl Fn(&mut Value)) {
    let name = format!("data/{table}.jsonl");
    let text = String::from_utf8(entries.remove(&name).unwrap()).unwrap();
    let mut lines = text.lines();
    let mut first: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    change(&mut first);
    let rest: String = lines.map(|line| format!("{line}\n")).collect();
    entries.insert(name, format!("{first}\n{rest}").into_bytes());
}

#[test]
fn an_archive_of_an_older_schema_becomes_one_of_this() {
    let archive = plain().export(json!({}));
    let older = rewritten(&archive, |manifest, _| manifest["schema"] = 11.into());
    let mut new = Fixture::new(2);
    new.import(&older, json!({}));
    assert_alike(&archive, &new.export(json!({})));
}

#[test]
fn the_first_archives_are_still_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/archive-1.zip");
    let archive = std::fs::read(golden).unwrap();
    let mut new = Fixture::new(2);
    let report = new.import(&archive, json!({}));
    assert_eq!(report["problemCount"], 0);
    let title = new.call("conversations.get", json!({ "id": "us02-co01" }))["title"].clone();
    assert_eq!(title, "日本 \u{1F600}\n\"quoted\"");
    let note = new.call(
        "artifacts.list",
        json!({ "userId": "us01", "kind": "attachment" }),
    );
    assert_eq!(new.read(&note["items"][0]), b"second");
    assert_eq!(
        new.call("messages.list", json!({ "conversationId": "us01-co03" }))["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let charts = new.call("charts.list", json!({ "userId": "us01" }));
    assert_eq!(charts["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_newer_archive_is_refused_by_name() {
    let archive = plain().export(json!({}));
    for field in ["version", "schema"] {
        let newer = rewritten(&archive, |manifest, _| manifest[field] = 99.into());
        let mut new = Fixture::new(2);
        let (code, _) = new.rehearse_as(None, &newer, &json!({})).unwrap_err();
        assert_eq!(code, Code::SchemaTooNew);
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is a list")]
fn an_archive_that_lies_is_refused_and_changes_nothing() {
    type Lie = fn(&mut Value, &mut BTreeMap<String, Vec<u8>>);
    let lies: &[(&str, Lie)] = &[
        ("a count", |manifest, _| {
            manifest["records"][0]["count"] = 7.into()
        }),
        ("a count that is missing", |manifest, _| {
            manifest["records"] = json!([])
        }),
        ("another format", |manifest, _| {
            manifest["format"] = "zip".into()
        }),
        ("a table nobody knows", |_, entries| {
            drop(entries.insert("data/spell.jsonl".to_owned(), b"{}\n".to_vec()))
        }),
        ("a table that is not for it", |_, entries| {
            drop(entries.insert("data/search_doc.jsonl".to_owned(), b"{}\n".to_vec()))
        }),
        ("a field nobody knows", |_, entries| {
            line(entries, "user", |row| row["admin"] = true.into())
        }),
        ("a field twice", |_, entries| {
            drop(entries.insert(
                "data/user.jsonl".to_owned(),
                b"{\"user\":1,\"user\":2}\n".to_vec(),
            ))
        }),
        ("a kind of value", |_, entries| {
            line(entries, "user", |row| {
                row["created_at"] = "yesterday".into()
            })
        }),
        ("a list for a text", |_, entries| {
            line(entries, "user", |row| row["name"] = json!([1]))
        }),
        ("metadata that is none", |_, entries| {
            line(entries, "user", |row| row["metadata"] = json!([1]))
        }),
        ("a field that is missing", |_, entries| {
            line(entries, "user", |row| {
                drop(row.as_object_mut().unwrap().remove("uuid"))
            })
        }),
        ("a value outside of its kind", |_, entries| {
            line(entries, "message", |row| row["role"] = "king".into())
        }),
        ("a row twice", |_, entries| {
            let text = entries["data/user.jsonl"].repeat(2);
            entries.insert("data/user.jsonl".to_owned(), text);
        }),
        ("a parent that is not there", |_, entries| {
            line(entries, "message", |row| row["conversation"] = 9.into())
        }),
        ("a circle", |_, entries| {
            line(entries, "message", |row| row["parent"] = 2.into())
        }),
        ("no JSON", |_, entries| {
            drop(entries.insert("data/user.jsonl".to_owned(), b"{nothing\n".to_vec()))
        }),
        ("a line without its end", |_, entries| {
            let text = entries.get_mut("data/user.jsonl").unwrap();
            text.pop();
        }),
        ("a content under another name", |_, entries| {
            let name = format!("artifacts/aa/{}", "a".repeat(64));
            entries.insert(name, b"content".to_vec());
        }),
        ("a content that is missing", |manifest, entries| {
            let row = format!(
                "{{\"blob\":1,\"hash\":\"{}\",\"size\":7}}\n",
                "a".repeat(64)
            );
            entries.insert("data/blob.jsonl".to_owned(), row.into_bytes());
            manifest["records"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "table": "blob", "count": 1 }));
        }),
    ];
    let archive = plain().export(json!({}));
    let mut store = Fixture::new(2);
    store.call("users.create", json!({ "name": "Here already" }));
    let before = records(&store.export(json!({})));
    for (what, lie) in lies {
        let lying = rewritten(&archive, lie);
        let refused = store.rehearse_as(None, &lying, &json!({}));
        let (code, message) = refused.err().unwrap_or_else(|| panic!("{what} was taken"));
        assert_eq!(code, Code::ArchiveInvalid, "{what}: {message}");
    }
    for garbage in [&b""[..], b"PK", b"not a zip at all", &[0; 5000]] {
        let (code, _) = store.rehearse_as(None, garbage, &json!({})).unwrap_err();
        assert_eq!(code, Code::ArchiveInvalid);
    }
    assert_eq!(records(&store.export(json!({}))), before);
    store.rest();
    let left: Vec<String> = store
        .disk
        .files()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("staging/") || name.starts_with("blobs/"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn what_was_streaming_is_interrupted_elsewhere() {
    let archive = plain().export(json!({}));
    let streaming = rewritten(&archive, |_, entries| {
        line(entries, "message", |row| row["status"] = "streaming".into())
    });
    let mut new = Fixture::new(2);
    new.import(&streaming, json!({}));
    assert_eq!(
        new.call("messages.get", json!({ "id": "us01-co01-ms01" }))["status"],
        "interrupted"
    );
}

#[test]
fn a_damaged_content_does_not_keep_the_others_from_being_kept() {
    let mut store = rich(1);
    let files: Vec<String> = store
        .disk
        .files()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let blob = files
        .iter()
        .rfind(|name| name.starts_with("blobs/") && name.len() > 20)
        .unwrap();
    store.disk.flip_bit(blob, 800).unwrap();
    let archive = store.export(json!({}));
    let manifest: Value = serde_json::from_slice(&entries(&archive)["manifest.json"]).unwrap();
    assert_eq!(manifest["lost"].as_array().unwrap().len(), 1);
    let mut new = Fixture::new(2);
    let report = new.import(&archive, json!({}));
    assert_eq!(report["problemCount"], 1, "{report}");
    let list = new.call("artifacts.list", json!({ "userId": "us01" }));
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
}

#[test]
fn a_full_disk_takes_no_archive_and_leaves_what_was_there() {
    let archive = rich(1).export(json!({}));
    let mut store = plain();
    let before = records(&store.export(json!({})));
    let used: u64 = store.disk.files().iter().map(|(_, size)| size).sum();
    for room in [
        100_000, 1_000_000, 3_000_000, 5_000_000, 7_000_000, 9_000_000, 11_000_000,
    ] {
        store.disk.set_capacity(used + room);
        if let Err((code, message)) = store.try_import_as(None, &archive, json!({})) {
            assert_eq!(code, Code::QuotaExceeded, "{room}: {message}");
            store.disk.set_capacity(u64::MAX);
            store.rest();
            assert_eq!(records(&store.export(json!({}))), before, "{room}");
        } else {
            assert!(room > 3_000_000);
            return;
        }
    }
    panic!("there was never enough room");
}

#[test]
fn a_number_beyond_all_that_are_given_is_refused_and_changes_nothing() {
    let mut store = plain();
    store.call(
        "jobs.enqueue",
        json!({ "userId": "us01", "queue": "q", "payload": 1 }),
    );
    store.call(
        "charts.addEntity",
        json!({ "userId": "us01", "name": "n", "entityType": "t", "observations": [] }),
    );
    let archive = store.export(json!({}));
    for (table, column) in [
        ("job", "number"),
        ("entity", "position"),
        ("counter", "value"),
    ] {
        let hostile = rewritten(&archive, |_, entries| {
            line(entries, table, |row| row[column] = json!(i64::MAX));
        });
        let mut new = Fixture::new(7);
        new.call("users.create", json!({ "name": "Eve" }));
        let before = records(&new.export(json!({})));
        let refused = new.try_import_as(None, &hostile, json!({}));
        assert_eq!(refused.unwrap_err().0, Code::InvalidArgument, "{table}");
        assert_eq!(records(&new.export(json!({}))), before, "{table}");
    }
}

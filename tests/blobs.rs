//! Contents of artifacts: kept once, read back byte for byte, and gone when nothing has them.
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
use strongroom::blob::Files;
use strongroom::disk::sim::{Fault, SimDisk};
use strongroom::disk::{Disk, OpenMode, read_all, ready};
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::host::ManualHost;
use strongroom::store::{Durability, Event, no_pause};

const MB: usize = 1 << 20;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

struct Fixture {
    engine: Engine,
    host: Rc<ManualHost>,
    disk: SimDisk,
}

impl Fixture {
    /// A store with one user.
    fn new() -> Self {
        let mut fixture = Self::open(SimDisk::new(3), 1);
        fixture
            .call("users.create", json!({ "name": "Ada" }))
            .unwrap();
        fixture
    }

    fn open(disk: SimDisk, now: i64) -> Self {
        Self::open_as(disk, now, Durability::Strict)
    }

    fn open_as(disk: SimDisk, now: i64, durability: Durability) -> Self {
        let host = Rc::new(ManualHost::new(7));
        host.advance(now);
        let options = EngineOptions {
            durability: Some(durability),
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

    /// The machine loses power, and the store is opened again.
    fn crash(self) -> Self {
        let Self { engine, disk, .. } = self;
        disk.crash();
        drop(engine);
        Self::open(disk, 2)
    }

    fn tick(&mut self) {
        while self.engine.needs_tick() {
            if ready(self.engine.tick(true)).is_err() {
                return;
            }
        }
    }

    fn call_as(&mut self, user: Option<&str>, method: &str, args: Value) -> Result<Value, Code> {
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

    fn call(&mut self, method: &str, args: Value) -> Result<Value, Code> {
        self.call_as(None, method, args)
    }

    fn task(&mut self, method: &str, args: Value) -> Value {
        self.try_task(method, args).unwrap()
    }

    fn try_task(&mut self, method: &str, args: Value) -> Result<Value, Code> {
        self.tick();
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user: None,
            request_id: None,
        };
        loop {
            let step = ready(async { Ok(self.engine.task(1, request, &mut |_| {}).await) });
            let step = step.unwrap().unwrap().map_err(|error| error.code())?;
            if let Some(json) = step {
                return Ok(serde_json::from_str(&json).unwrap());
            }
        }
    }

    fn bytes_as(
        &mut self,
        user: Option<&str>,
        method: &str,
        args: &Value,
        bytes: &[u8],
    ) -> Result<(Value, Vec<u8>), Code> {
        self.tick();
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user,
            request_id: None,
        };
        let answer = ready(async { Ok(self.engine.bytes(request, bytes, &mut no_pause).await) });
        let (json, bytes) = answer.unwrap().unwrap().map_err(|error| error.code())?;
        Ok((
            serde_json::from_str(&json).unwrap(),
            bytes.unwrap_or_default(),
        ))
    }

    fn bytes(
        &mut self,
        method: &str,
        args: &Value,
        bytes: &[u8],
    ) -> Result<(Value, Vec<u8>), Code> {
        self.bytes_as(None, method, args, bytes)
    }

    /// Writes a content; gives what the last request answered.
    fn write(&mut self, beginning: &Value, content: &[u8]) -> Result<Value, Code> {
        let mut args = beginning.clone();
        let mut written = Value::Null;
        let mut pieces = content.chunks(MB).peekable();
        loop {
            let piece = pieces.next().unwrap_or_default();
            args["isLast"] = pieces.peek().is_none().into();
            let answer = self.bytes("contents.write", &args, piece)?.0;
            if written == Value::Null {
                written = answer.clone();
            }
            written["size"] = answer["size"].clone();
            if args["isLast"] == true {
                return Ok(written);
            }
            args = json!({ "content": written["content"] });
        }
    }

    fn drop_content(&mut self, written: &Value) {
        self.try_drop(written).unwrap();
    }

    fn try_drop(&mut self, written: &Value) -> Result<(), Code> {
        let args = json!({ "content": written["content"] });
        self.bytes("contents.drop", &args, &[]).map(|_| ())
    }

    fn put(&mut self, name: &str, media_type: &str, content: &[u8]) -> Result<Value, Code> {
        let written = self.write(&json!({ "mediaType": media_type }), content)?;
        let artifact =
            json!({ "userId": "us01", "kind": "file", "name": name, "mediaType": media_type });
        let args = json!({ "artifact": artifact, "content": written["content"] });
        let put = self.call("artifacts.put", args);
        // What is left over after a failure is removed later.
        let _ = self.try_drop(&written);
        put
    }

    fn revise(&mut self, artifact: &Value, content: &[u8]) -> Value {
        let written = self
            .write(&json!({ "mediaType": artifact["mediaType"] }), content)
            .unwrap();
        let args = json!({ "id": artifact["id"], "version": artifact["version"], "content": written["content"] });
        let revised = self.call("artifacts.revise", args).unwrap();
        self.drop_content(&written);
        revised
    }

    fn append(&mut self, artifact: &Value, content: &[u8]) -> Value {
        let written = self
            .write(&json!({ "continues": artifact["id"] }), content)
            .unwrap();
        let args = json!({
            "id": artifact["id"], "version": written["version"], "content": written["content"], "inPlace": true
        });
        let grown = self.call("artifacts.revise", args).unwrap();
        self.drop_content(&written);
        grown
    }

    fn read(&mut self, args: Value) -> Result<Vec<u8>, Code> {
        let mut bytes = Vec::new();
        let mut args = args;
        let start = args["start"].as_u64().unwrap_or(0);
        loop {
            args["start"] = (start + bytes.len() as u64).into();
            let (of, more) = self.bytes("artifacts.read", &args, &[])?;
            bytes.extend(&more);
            if more.is_empty() || start + bytes.len() as u64 >= of["size"].as_u64().unwrap() {
                return Ok(bytes);
            }
        }
    }

    /// Does upkeep until nothing is due.
    fn rest(&mut self) {
        for _ in 0..10_000 {
            let Some(due) = self.engine.due() else { return };
            self.host.advance(i64::try_from(due).unwrap());
            ready(self.engine.tick(true)).unwrap();
        }
        panic!("upkeep has no end");
    }

    /// Rests once a time has passed.
    fn rest_after(&mut self, ms: i64) {
        self.rest();
        self.host.advance(ms);
        self.tick();
        self.call("users.list", json!({})).unwrap();
        self.rest();
    }

    /// The files of pieces.
    fn files(&self) -> Vec<String> {
        let shelves = (0..256).map(|shelf| format!("blobs/{shelf:02x}"));
        shelves
            .flat_map(|shelf| {
                let names = ready(self.disk.list(&shelf)).unwrap().into_iter();
                names.map(move |name| format!("{shelf}/{name}"))
            })
            .collect()
    }

    fn file_bytes(&self) -> usize {
        let size = |path: &String| self.contents_of(path).len();
        self.files().iter().map(size).sum()
    }

    fn contents_of(&self, path: &str) -> Vec<u8> {
        read_all(&*ready(self.disk.open(path, OpenMode::Existing)).unwrap()).unwrap()
    }

    fn findings(&mut self) -> Vec<(String, Value)> {
        let report = self.task("health.check", json!({}));
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .map(|finding| {
                let code = finding["code"].as_str().unwrap().to_owned();
                (code, finding["record"].clone())
            })
            .collect()
    }
}

/// Bytes that nothing compresses, always the same.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// Lines like those of a log, always the same.
fn log(lines: usize) -> Vec<u8> {
    let line = |i: usize| {
        let hash = blake3::hash(&i.to_le_bytes()).to_hex();
        format!(
            "2026-11-25T10:{:02}:{:02}Z info step {i} done {}\n",
            i / 60 % 60,
            i % 60,
            &hash[..12]
        )
    };
    (0..lines).flat_map(|i| line(i).into_bytes()).collect()
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[test]
fn a_content_comes_back_byte_for_byte() {
    let mut fixture = Fixture::new();
    let mut contents = vec![b"\xff\xfe\0".to_vec(), "日本語\n".into(), log(100_000)];
    for length in [0, 1, 16_384, 16_385, MB - 1, MB, MB + 1, 4 * MB, 9 * MB + 5] {
        contents.push(noise(1, length));
        contents.push(b"all the same ".repeat(length / 13));
    }
    let mut kept = Vec::new();
    for (content, number) in contents.iter().zip(0..) {
        for media_type in ["text/plain", "image/png"] {
            let artifact = fixture
                .put(&format!("{number}"), media_type, content)
                .unwrap();
            assert_eq!(artifact["size"], content.len());
            assert_eq!(artifact["hash"], hash(content));
            assert_eq!(artifact["revision"], 1);
            assert_eq!(artifact["version"], 1);
            kept.push((artifact, content));
        }
    }
    for _ in 0..2 {
        for (artifact, content) in &kept {
            assert!(fixture.read(json!({ "id": artifact["id"] })).unwrap() == **content);
            assert_eq!(
                fixture
                    .call("artifacts.get", json!({ "id": artifact["id"] }))
                    .as_ref(),
                Ok(artifact)
            );
        }
        assert_eq!(fixture.findings(), []);
        fixture.rest();
        fixture = fixture.crash();
    }
}

#[test]
fn any_range_of_a_content_can_be_read() {
    let mut fixture = Fixture::new();
    let content = noise(2, 9 * MB);
    let id = fixture.put("film", "video/mp4", &content).unwrap()["id"].clone();
    let mut seed = 5_u64;
    for _ in 0..60 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let start = usize::try_from(seed >> 33).unwrap() % (content.len() + 10);
        let length = 1 + usize::try_from(seed >> 20).unwrap() % (2 * MB);
        let args = json!({ "id": id, "start": start, "length": length });
        let (of, bytes) = fixture.bytes("artifacts.read", &args, &[]).unwrap();
        let end = (start + length).min(content.len());
        assert!(bytes == content[start.min(end)..end], "{start} {length}");
        assert_eq!(of["size"], content.len());
    }
    let nothing = fixture.bytes("artifacts.read", &json!({ "id": id, "revision": 2 }), &[]);
    assert_eq!(nothing.unwrap_err(), Code::NotFound);
}

#[test]
fn where_a_content_is_cut_never_changes() {
    let mut fixture = Fixture::new();
    let mut seen = Vec::new();
    for (content, media_type) in [
        (log(60_000), "text/plain"),
        (noise(3, 10 * MB), "image/png"),
    ] {
        fixture.put("golden", media_type, &content).unwrap();
        let pieces = fixture
            .engine
            .store()
            .read(strongroom::store::Caller::default(), |view| {
                let blob = i64::try_from(seen.len()).unwrap() + 1;
                strongroom::domain::blobs::pieces(view, blob, 0, u64::MAX)
            });
        let cuts: Vec<u64> = pieces
            .unwrap()
            .iter()
            .map(|(position, _)| *position)
            .collect();
        seen.push(cuts);
    }
    let golden = std::fs::read_to_string("tests/golden/cuts.json").unwrap_or_default();
    let seen = serde_json::to_string(&seen).unwrap();
    assert_eq!(seen, golden.trim());
}

#[test]
fn what_is_kept_already_is_not_kept_twice() {
    let mut fixture = Fixture::new();
    let content = noise(4, 3 * MB);
    let one = fixture.put("one", "image/png", &content).unwrap();
    let files = fixture.files();
    let bytes = fixture.file_bytes();
    assert!(!files.is_empty() && bytes == content.len());
    let two = fixture.put("two", "image/png", &content).unwrap();
    assert_eq!(fixture.files(), files);
    assert_ne!(one["id"], two["id"]);
    let id = |artifact: &Value| json!({ "id": artifact["id"] });
    fixture.call("artifacts.delete", id(&one)).unwrap();
    fixture.rest_after(3 * DAY_MS);
    fixture.rest_after(3 * DAY_MS);
    assert!(fixture.read(id(&two)).unwrap() == content);
    // What nothing has stays for a day, and goes then.
    fixture.call("artifacts.delete", id(&two)).unwrap();
    fixture.rest_after(DAY_MS / 2);
    assert_eq!(fixture.files(), files);
    fixture.rest_after(2 * DAY_MS);
    fixture.rest_after(DAY_MS);
    assert_eq!(fixture.files(), [""; 0]);
    assert_eq!(fixture.read(id(&two)), Err(Code::NotFound));
    assert_eq!(fixture.findings(), []);
}

#[test]
fn versions_of_a_log_share_what_they_share() {
    let mut fixture = Fixture::new();
    let whole = log(80_000);
    assert!(whole.len() > 4 * MB);
    let mut artifact = fixture
        .put("log", "text/plain", &whole[..whole.len() / 20])
        .unwrap();
    let mut together = whole.len() / 20;
    for version in 2..=20 {
        let content = &whole[..whole.len() * version / 20];
        together += content.len();
        artifact = fixture.revise(&artifact, content);
        assert_eq!(artifact["revision"], version);
    }
    // Twenty versions as they are would be ten times the last.
    assert!(
        fixture.file_bytes() * 15 < together,
        "{} of {together}",
        fixture.file_bytes()
    );
    for revision in [1, 7, 20] {
        let content = &whole[..whole.len() * revision / 20];
        let args = json!({ "id": artifact["id"], "revision": revision });
        assert!(fixture.read(args).unwrap() == content);
    }
    let page = fixture
        .call(
            "artifacts.revisions",
            json!({ "id": artifact["id"], "limit": 3 }),
        )
        .unwrap();
    let numbers: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["revision"].clone())
        .collect();
    assert_eq!(numbers, [20, 19, 18]);
    assert_eq!(page["items"][0]["hash"], hash(&whole));
    // A line in the middle that changes costs about the piece it is in.
    let before = fixture.file_bytes();
    let mut edited = whole.clone();
    edited.splice(2 * MB..2 * MB, *b"one more line\n");
    fixture.revise(&artifact, &edited);
    assert!(fixture.file_bytes() - before < MB / 2);
    let current = json!({ "id": artifact["id"], "revision": 21 });
    assert_eq!(
        fixture.call("artifacts.forget", current.clone()),
        Err(Code::Conflict)
    );
    fixture
        .call(
            "artifacts.forget",
            json!({ "id": artifact["id"], "revision": 5 }),
        )
        .unwrap();
    assert_eq!(
        fixture.read(json!({ "id": artifact["id"], "revision": 5 })),
        Err(Code::NotFound)
    );
    assert!(fixture.read(current).unwrap() == edited);
}

#[test]
fn a_log_grows_while_it_is_read() {
    let mut fixture = Fixture::new();
    let whole = log(30_000);
    let mut artifact = fixture.put("log", "text/plain", b"").unwrap();
    let id = artifact["id"].clone();
    let mut end = 0;
    for step in 1..=400 {
        let next = (whole.len() * step / 400).max(end + 1);
        artifact = fixture.append(&artifact, &whole[end..next]);
        end = next;
        assert_eq!(artifact["size"], end);
        assert_eq!(artifact["revision"], 1);
        if step % 50 == 0 {
            assert_eq!(artifact["hash"], hash(&whole[..end]));
            assert!(fixture.read(json!({ "id": id })).unwrap() == whole[..end]);
        }
        if step == 200 {
            // The hash is known anew by reading once.
            fixture = fixture.crash();
        }
    }
    fixture.rest_after(DAY_MS);
    fixture.rest_after(2 * DAY_MS);
    assert!(fixture.files().len() < 60, "{}", fixture.files().len());
    assert!(fixture.file_bytes() * 2 < whole.len());
    assert_eq!(fixture.findings(), []);
}

#[test]
fn a_damaged_piece_is_never_read_and_is_found_and_mended() {
    let content = noise(5, 200_000);
    let path = Files::path(&blake3::hash(&content));
    for (code, damage) in [
        ("content_altered", 0),
        ("content_truncated", 1),
        ("content_missing", 2),
    ] {
        let mut fixture = Fixture::new();
        let artifact = fixture.put("photo", "image/png", &content).unwrap();
        fixture.put("other", "image/png", &noise(6, 5000)).unwrap();
        match damage {
            2 => assert!(ready(fixture.disk.remove(&path)).unwrap()),
            kind => {
                let file = ready(fixture.disk.open(&path, OpenMode::Existing)).unwrap();
                if kind == 0 {
                    file.write_at(&[content[77_777] ^ 1], 77_777).unwrap();
                } else {
                    file.truncate(199_999).unwrap();
                }
            }
        }
        let id = json!({ "id": artifact["id"] });
        assert_eq!(fixture.read(id.clone()), Err(Code::Corrupt));
        assert_eq!(
            fixture.findings(),
            [(code.to_owned(), artifact["id"].clone())]
        );
        // Other calls go on, and the same content again mends it.
        fixture.put("photo again", "image/png", &content).unwrap();
        assert!(fixture.read(id).unwrap() == content);
        assert_eq!(fixture.findings(), []);
    }
}

#[test]
fn what_was_never_given_to_anything_leaves_nothing() {
    let mut fixture = Fixture::new();
    let written = fixture.write(&json!({}), &noise(7, 6 * MB)).unwrap();
    let half = fixture
        .bytes("contents.write", &json!({}), &noise(8, 2 * MB))
        .unwrap()
        .0;
    assert!(fixture.files().len() >= 2);
    fixture.drop_content(&written);
    fixture.drop_content(&half);
    assert_eq!(fixture.files(), [""; 0]);
    // Nor after a crash between the file and the row.
    fixture.write(&json!({}), &noise(9, 6 * MB)).unwrap();
    let kept = fixture.put("kept", "image/png", &noise(10, 5000)).unwrap();
    let mut fixture = fixture.crash();
    assert!(fixture.files().len() > 1);
    fixture.rest();
    assert_eq!(
        fixture.files(),
        [Files::path(&blake3::hash(&noise(10, 5000)))]
    );
    assert!(fixture.read(json!({ "id": kept["id"] })).unwrap() == noise(10, 5000));
    assert_eq!(ready(fixture.disk.list("quarantine")).unwrap(), [""; 0]);
}

#[test]
fn a_file_whose_row_was_lost_is_set_aside() {
    let mut fixture = Fixture::new();
    let content = noise(11, 5000);
    fixture.put("lost", "image/png", &content).unwrap();
    fixture
        .call("users.create", json!({ "name": "Bob" }))
        .unwrap();
    let Fixture { engine, disk, .. } = fixture;
    drop(engine);
    // The line that tells of it is damaged, and there is no database.
    let name = ready(disk.list("journal")).unwrap().pop().unwrap();
    let path = format!("journal/{name}");
    let file = ready(disk.open(&path, OpenMode::Existing)).unwrap();
    let text = String::from_utf8(read_all(&*file).unwrap()).unwrap();
    let at = text.find("\"artifacts.put\"").unwrap();
    file.write_at(b"?", at as u64).unwrap();
    drop(file);
    for name in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(disk.remove(name)).unwrap();
    }
    let mut fixture = Fixture::open(disk, 3);
    fixture.rest();
    assert_eq!(fixture.files(), [""; 0]);
    let aside = format!("quarantine/{}", hash(&content));
    assert!(fixture.contents_of(&aside) == content);
    // From then on what is left over is removed again.
    fixture.write(&json!({}), &noise(12, 6 * MB)).unwrap();
    let mut fixture = fixture.crash();
    fixture.rest();
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn two_writers_of_one_content_keep_it_once() {
    let mut fixture = Fixture::new();
    let content = noise(13, 5 * MB);
    let mut writers = Vec::new();
    for media_type in ["text/plain", "image/png"] {
        let args = json!({ "mediaType": media_type });
        writers.push(
            fixture
                .bytes("contents.write", &args, &content[..2 * MB])
                .unwrap()
                .0,
        );
    }
    for at in [2, 3, 4] {
        for writer in &writers {
            let args = json!({ "content": writer["content"], "isLast": at == 4 });
            fixture
                .bytes("contents.write", &args, &content[at * MB..(at + 1) * MB])
                .unwrap();
        }
    }
    let mut ids = Vec::new();
    for writer in &writers {
        let artifact = json!({ "userId": "us01", "kind": "file", "name": "same" });
        let args = json!({ "artifact": artifact, "content": writer["content"] });
        ids.push(fixture.call("artifacts.put", args).unwrap()["id"].clone());
        fixture.drop_content(writer);
    }
    assert_eq!(fixture.file_bytes(), content.len());
    fixture.rest();
    for id in ids {
        assert!(fixture.read(json!({ "id": id })).unwrap() == content);
    }
}

#[test]
fn a_content_is_not_removed_while_it_is_written_again() {
    let mut fixture = Fixture::new();
    let content = noise(14, 700_000);
    let first = fixture.put("first", "image/png", &content).unwrap();
    fixture
        .call("artifacts.delete", json!({ "id": first["id"] }))
        .unwrap();
    let written = fixture
        .write(&json!({ "mediaType": "image/png" }), &content)
        .unwrap();
    let collected = fixture.task("retention.collect", json!({}));
    assert_eq!(collected["files"], 0);
    let artifact = json!({ "userId": "us01", "kind": "file", "name": "second" });
    let args = json!({ "artifact": artifact, "content": written["content"] });
    let second = fixture.call("artifacts.put", args).unwrap();
    fixture.drop_content(&written);
    fixture.task("retention.collect", json!({}));
    assert!(fixture.read(json!({ "id": second["id"] })).unwrap() == content);
    fixture
        .call("artifacts.delete", json!({ "id": second["id"] }))
        .unwrap();
    let collected = fixture.task("retention.collect", json!({}));
    assert_eq!(
        collected,
        json!({ "contents": 1, "files": 1, "bytes": 700_000 })
    );
    assert_eq!(fixture.files(), [""; 0]);
}

#[test]
fn a_full_disk_takes_no_content_and_takes_it_after_a_deletion() {
    let mut fixture = Fixture::new();
    let content = noise(15, 3 * MB);
    let kept = fixture.put("kept", "image/png", &content).unwrap();
    fixture.rest();
    let used: u64 = fixture.disk.files().iter().map(|(_, size)| size).sum();
    fixture.disk.set_capacity(used + 2 * MB as u64);
    let before = fixture.files();
    assert_eq!(
        fixture.put("more", "image/png", &noise(16, 3 * MB)),
        Err(Code::QuotaExceeded)
    );
    assert_eq!(fixture.files(), before);
    assert!(fixture.read(json!({ "id": kept["id"] })).unwrap() == content);
    fixture
        .call("artifacts.delete", json!({ "id": kept["id"] }))
        .unwrap();
    // What nothing has makes room at once.
    let more = fixture
        .put("more", "image/png", &noise(16, 3 * MB))
        .unwrap();
    assert!(fixture.read(json!({ "id": more["id"] })).unwrap() == noise(16, 3 * MB));
    assert_eq!(fixture.findings(), []);
}

#[test]
fn a_deleted_artifact_can_be_taken_back_with_its_content() {
    let mut fixture = Fixture::new();
    let content = noise(17, 100_000);
    let artifact = fixture.put("plan", "image/png", &content).unwrap();
    let id = json!({ "id": artifact["id"] });
    fixture.call("artifacts.delete", id.clone()).unwrap();
    let seq = fixture.engine.store().last_seq();
    fixture.rest();
    fixture.task("history.undo", json!({ "seq": seq }));
    assert!(fixture.read(id).unwrap() == content);
    assert_eq!(fixture.findings(), []);
}

#[test]
fn nobody_reads_or_takes_what_is_another_users() {
    let mut fixture = Fixture::new();
    fixture
        .call("users.create", json!({ "name": "Bob" }))
        .unwrap();
    let artifact = fixture.put("plan", "text/plain", b"secret").unwrap();
    let read = json!({ "id": artifact["id"] });
    let refused = fixture.bytes_as(Some("us02"), "artifacts.read", &read, &[]);
    assert_eq!(refused.unwrap_err(), Code::NotFound);
    let continues = json!({ "continues": artifact["id"] });
    let refused = fixture.bytes_as(Some("us02"), "contents.write", &continues, b"more");
    assert_eq!(refused.unwrap_err(), Code::NotFound);
    let written = fixture.bytes_as(
        Some("us01"),
        "contents.write",
        &json!({ "isLast": true }),
        b"mine",
    );
    let content = written.unwrap().0["content"].clone();
    let refused = fixture.bytes_as(
        Some("us02"),
        "contents.drop",
        &json!({ "content": content }),
        &[],
    );
    assert_eq!(refused.unwrap_err(), Code::NotFound);
    let args = json!({ "artifact": { "kind": "file", "name": "stolen" }, "content": content });
    assert_eq!(
        fixture.call_as(Some("us02"), "artifacts.put", args.clone()),
        Err(Code::NotFound)
    );
    assert_eq!(
        fixture.call_as(Some("us02"), "artifacts.revisions", read.clone()),
        Err(Code::NotFound)
    );
    assert!(fixture.call_as(Some("us01"), "artifacts.put", args).is_ok());
}

#[test]
fn a_content_that_is_not_as_expected_is_refused() {
    let mut fixture = Fixture::new();
    let written = fixture.write(&json!({}), b"some bytes").unwrap();
    let content = &written["content"];
    let wrong = [
        json!({ "size": 9 }),
        json!({ "hash": hash(b"other bytes") }),
    ];
    for mut artifact in wrong {
        for (key, value) in [("userId", "us01"), ("kind", "file"), ("name", "x")] {
            artifact[key] = value.into();
        }
        let args = json!({ "artifact": artifact, "content": content });
        assert_eq!(
            fixture.call("artifacts.put", args),
            Err(Code::InvalidArgument)
        );
    }
    let listed = fixture
        .call("artifacts.list", json!({ "userId": "us01" }))
        .unwrap();
    assert_eq!(listed["items"], json!([]));
    let right = json!({
        "userId": "us01", "kind": "file", "name": "x", "size": 10, "hash": hash(b"some bytes").to_uppercase()
    });
    let artifact = fixture
        .call(
            "artifacts.put",
            json!({ "artifact": right, "content": content }),
        )
        .unwrap();
    let changed = json!({ "id": artifact["id"], "version": 1, "size": 11 });
    assert_eq!(
        fixture.call("artifacts.update", changed),
        Err(Code::InvalidArgument)
    );
    let unfinished = fixture
        .bytes("contents.write", &json!({}), b"half")
        .unwrap()
        .0;
    let new = json!({ "userId": "us01", "kind": "file", "name": "y" });
    let args = json!({ "artifact": new, "content": unfinished["content"] });
    assert_eq!(
        fixture.call("artifacts.put", args),
        Err(Code::InvalidArgument)
    );
}

#[test]
fn contents_are_there_after_the_database_was_lost() {
    let mut fixture = Fixture::new();
    let contents = [b"short text".to_vec(), log(50_000), noise(18, 2 * MB)];
    let ids: Vec<_> = contents
        .iter()
        .map(|content| {
            fixture
                .put("x", "application/octet-stream", content)
                .unwrap()["id"]
                .clone()
        })
        .collect();
    fixture.rest();
    let Fixture { engine, disk, .. } = fixture;
    drop(engine);
    for name in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(disk.remove(name)).unwrap();
    }
    let mut fixture = Fixture::open(disk, 3);
    fixture.rest();
    for (id, content) in ids.iter().zip(&contents) {
        assert!(fixture.read(json!({ "id": id })).unwrap() == *content);
    }
    assert_eq!(fixture.findings(), []);
    let events = fixture.engine.take_events().0;
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Recovery(_)))
    );
}

#[test]
fn usage_tells_what_contents_take_and_what_sharing_and_compressing_save() {
    let mut fixture = Fixture::new();
    let (text, picture) = (log(20_000), noise(19, 2 * MB));
    fixture.put("log", "text/plain", &text).unwrap();
    for name in ["one", "two"] {
        fixture.put(name, "image/png", &picture).unwrap();
    }
    fixture.put("note", "text/plain", b"a note").unwrap();
    let usage = fixture.task("health.usage", json!({}));
    let contents = &usage["contents"];
    let number = |of: &Value, name: &str| usize::try_from(of[name].as_u64().unwrap()).unwrap();
    let whole = text.len() + 2 * picture.len() + 6;
    assert_eq!(number(contents, "bytes"), whole);
    assert_eq!(number(contents, "sharedBytes"), picture.len());
    let stored = fixture.file_bytes() + 6;
    assert_eq!(number(contents, "storedBytes"), stored);
    assert_eq!(
        number(contents, "compressedBytes"),
        whole - picture.len() - stored
    );
    assert!(stored < picture.len() + text.len() / 2);
    let kind = &contents["kinds"][0];
    assert_eq!(
        (&kind["kind"], &kind["contents"]),
        (&json!("file"), &json!(4))
    );
    assert_eq!(number(kind, "bytes"), whole);
    assert_eq!(number(kind, "storedBytes"), stored + picture.len());
    // All files are accounted for.
    let files: u64 = fixture.disk.files().iter().map(|(_, size)| size).sum();
    assert_eq!(usage["totalBytes"], files);
    let free = |fixture: &mut Fixture| {
        let remedies = fixture.task("health.reclaimable", json!({}));
        let remedies = remedies.as_array().unwrap().iter();
        let of_contents = remedies.filter(|it| it["remedy"] == "contents");
        of_contents
            .map(|it| it["bytes"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(free(&mut fixture), 0);
    let policy = json!({ "kind": "artifacts", "action": "delete", "ageMs": 0 });
    let policy = fixture.call("retention.create", policy).unwrap();
    let run = fixture
        .call("retention.run", json!({ "policy": policy["policy"] }))
        .unwrap();
    assert_eq!(run["ids"].as_array().unwrap().len(), 4);
    assert_eq!(free(&mut fixture), stored as u64);
    let collected = fixture.task("retention.collect", json!({}));
    assert_eq!(collected["bytes"], stored);
    assert_eq!(free(&mut fixture), 0);
}

#[test]
fn ten_thousand_artifacts_are_each_found_and_all_let_go_of() {
    let mut fixture = Fixture::new();
    let content = |number: usize| format!("artifact {number} of many\n").repeat(1 + number % 50);
    let ids: Vec<_> = (0..10_000)
        .map(|number| {
            let put = fixture.put("one", "text/plain", content(number).as_bytes());
            put.unwrap()["id"].clone()
        })
        .collect();
    fixture.rest();
    let mut fixture = fixture.crash();
    for number in (0..10_000).step_by(199) {
        let read = fixture.read(json!({ "id": ids[number] })).unwrap();
        assert_eq!(read, content(number).as_bytes());
    }
    let mut listed = Vec::new();
    let mut args = json!({ "userId": "us01", "kind": "file", "order": "oldest", "limit": 1000 });
    loop {
        let page = fixture.call("artifacts.list", args.clone()).unwrap();
        let items = page["items"].as_array().unwrap();
        listed.extend(items.iter().map(|item| item["id"].clone()));
        args["cursor"] = page["nextCursor"].clone();
        if args["cursor"].is_null() {
            break;
        }
    }
    assert_eq!(listed, ids);
    let policy = json!({ "kind": "artifacts", "action": "delete", "ageMs": -1 });
    assert_eq!(
        fixture.call("retention.create", policy),
        Err(Code::InvalidArgument)
    );
    // The clock began anew with the store.
    fixture.host.advance(DAY_MS);
    let policy = json!({ "kind": "artifacts", "action": "delete", "ageMs": 0, "enabled": false });
    let policy = fixture.call("retention.create", policy).unwrap()["policy"].clone();
    while fixture
        .call("retention.run", json!({ "policy": policy, "limit": 1000 }))
        .unwrap()["more"]
        == true
    {}
    let collected = fixture.task("retention.collect", json!({}));
    assert_eq!(collected["contents"], 10_000);
    let rows = fixture.engine.store().read(strongroom::store::Caller::default(), |view| {
        let sql = "SELECT (SELECT count(*) FROM blob) + (SELECT count(*) FROM piece) + (SELECT count(*) FROM blob_piece)";
        Ok(view.prepare(sql)?.query_row([], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(rows.unwrap(), 0);
}

/// What was acknowledged in a run that may have ended anywhere.
#[derive(Default)]
struct Acknowledged {
    /// Artifacts with their contents; what a call that got no answer may have made of each is beside it.
    there: Vec<(Value, Vec<Vec<u8>>)>,
}

impl Acknowledged {
    /// Writes, shares, revises, adds to, deletes and collects, until something fails.
    fn run(&mut self, fixture: &mut Fixture) -> Result<(), Code> {
        let (big, small) = (noise(20, 5 * MB / 2), log(200));
        for (name, content) in [("a", &big), ("b", &small), ("c", &big)] {
            let artifact = fixture.put(name, "image/png", content)?;
            self.there
                .push((artifact["id"].clone(), vec![content.clone()]));
        }
        let id = |at: usize, it: &Self| json!({ "id": it.there[at].0 });
        let longer = [&small[..], b"and more\n"].concat();
        self.there[1].1.push(longer.clone());
        let written = fixture.write(&json!({ "continues": self.there[1].0 }), b"and more\n")?;
        fixture.call(
            "artifacts.revise",
            json!({
                "id": self.there[1].0, "version": written["version"], "content": written["content"], "inPlace": true
            }),
        )?;
        self.there[1].1 = vec![longer];
        fixture.try_drop(&written)?;
        // The content of both stays for the one of them.
        self.there[0].1.push(Vec::new());
        fixture.call("artifacts.delete", id(0, self))?;
        self.there[0].1 = vec![Vec::new()];
        fixture.try_task("retention.collect", json!({}))?;
        self.there[2].1.push(Vec::new());
        fixture.call("artifacts.delete", id(2, self))?;
        self.there[2].1 = vec![Vec::new()];
        fixture.try_task("retention.collect", json!({}))?;
        let again = fixture.put("d", "image/png", &big)?;
        self.there.push((again["id"].clone(), vec![big]));
        Ok(())
    }

    /// Everything that was acknowledged is there, and nothing else is left over.
    fn check(&self, fixture: &mut Fixture, at: &str) {
        for (id, possible) in &self.there {
            let read = fixture.read(json!({ "id": id }));
            let read = match read {
                Err(Code::NotFound) => Vec::new(),
                read => read.unwrap_or_else(|code| panic!("{at}: {id} is {code}")),
            };
            assert!(
                possible.contains(&read),
                "{at}: {id} is {} bytes",
                read.len()
            );
        }
        assert_eq!(fixture.findings(), [], "{at}");
        fixture.rest();
        fixture.task("retention.collect", json!({}));
        let known = fixture
            .engine
            .store()
            .read(strongroom::store::Caller::default(), |view| {
                let pieces = strongroom::domain::blobs::pieces_after(view, "", 1000)?;
                let in_files = pieces.iter().filter(|piece| piece.text.is_none());
                Ok(in_files
                    .map(|piece| Files::path(&piece.hash))
                    .collect::<Vec<_>>())
            });
        assert_eq!(fixture.files(), known.unwrap(), "{at}");
        // A journal that a relaxed power loss left behind is set aside; a content never is.
        let aside = ready(fixture.disk.list("quarantine")).unwrap();
        assert!(
            aside.iter().all(|name| name.contains("journal")),
            "{at}: {aside:?}"
        );
    }
}

#[test]
fn wherever_the_machine_stops_every_acknowledged_content_is_whole_and_nothing_is_left_over() {
    let whole = Fixture::new();
    let before = whole.disk.operations().changes;
    let mut acknowledged = Acknowledged::default();
    let mut whole = whole;
    acknowledged.run(&mut whole).unwrap();
    acknowledged.check(&mut whole, "to the end");
    let changes = whole.disk.operations().changes - before;
    assert!(changes > 40, "{changes}");
    for loses_power in [true, false] {
        for n in 0..changes {
            let mut fixture = Fixture::new();
            let at = fixture.disk.operations().changes + n;
            fixture.disk.crash_at(at);
            let mut acknowledged = Acknowledged::default();
            let ran = acknowledged.run(&mut fixture);
            let Fixture { engine, disk, .. } = fixture;
            if loses_power {
                disk.crash();
            } else {
                disk.kill();
            }
            drop(engine);
            let mut fixture = Fixture::open(disk, 2);
            let power = if loses_power {
                "without power"
            } else {
                "killed"
            };
            acknowledged.check(&mut fixture, &format!("{power} at change {n}: {ran:?}"));
        }
    }
}

#[test]
fn after_a_relaxed_power_loss_no_row_names_a_file_that_is_gone() {
    let new = || {
        let mut fixture = Fixture::open_as(SimDisk::new(3), 1, Durability::Relaxed);
        fixture
            .call("users.create", json!({ "name": "Ada" }))
            .unwrap();
        fixture
    };
    let mut whole = new();
    let before = whole.disk.operations().changes;
    Acknowledged::default().run(&mut whole).unwrap();
    for n in 0..whole.disk.operations().changes - before {
        let mut fixture = new();
        let at = fixture.disk.operations().changes + n;
        fixture.disk.crash_at(at);
        let mut lost = Acknowledged::default();
        // What was acknowledged may be lost, but only as a whole.
        let _ran = lost.run(&mut fixture);
        lost.there.clear();
        lost.check(&mut fixture.crash(), &format!("at change {n}"));
    }
}

#[test]
fn whichever_write_fails_every_acknowledged_content_is_whole_and_nothing_is_left_over() {
    let mut whole = Fixture::new();
    let before = whole.disk.operations().changes;
    Acknowledged::default().run(&mut whole).unwrap();
    let changes = whole.disk.operations().changes - before;
    for code in [Code::QuotaExceeded, Code::Io] {
        for fault in [Fault::Once, Fault::Forever] {
            for n in 0..changes {
                let mut fixture = Fixture::new();
                let at = fixture.disk.operations().changes + n;
                fixture.disk.fail_at(at, fault, code);
                let mut acknowledged = Acknowledged::default();
                let ran = acknowledged.run(&mut fixture);
                fixture.disk.heal();
                let at = format!("{code} {fault:?} at change {n}: {ran:?}");
                acknowledged.check(&mut fixture.crash(), &at);
            }
        }
    }
}

#[test]
fn a_first_content_is_a_change_of_an_artifact_that_was_there() {
    let mut fixture = Fixture::new();
    let new = json!({ "userId": "us01", "kind": "file", "name": "later" });
    let artifact = fixture.call("artifacts.create", new).unwrap();
    let revised = fixture.revise(&artifact, b"first");
    assert_eq!(
        (&revised["revision"], &revised["version"]),
        (&json!(1), &json!(2))
    );
    let written = fixture.write(&json!({}), b"second").unwrap();
    let args = json!({ "id": artifact["id"], "version": 1, "content": written["content"] });
    assert_eq!(fixture.call("artifacts.revise", args), Err(Code::Conflict));
}

#[test]
fn an_upload_whose_end_was_taken_back_goes_on_without_altering_what_shares_it() {
    let mut fixture = Fixture::new();
    let new = json!({ "userId": "us01", "kind": "file", "name": "up", "mediaType": "image/png" });
    let upload = fixture.call("uploads.create", new).unwrap();
    let of = json!({ "upload": upload["id"] });
    let beginning = noise(41, 5000);
    fixture.write(&of, &beginning).unwrap();
    let stored = fixture.engine.store().last_seq();
    let shares = fixture.put("same", "image/png", &beginning).unwrap();
    fixture.task("history.undo", json!({ "seq": stored }));
    let state = |fixture: &mut Fixture| {
        let upload = fixture
            .call("uploads.get", json!({ "id": upload["id"] }))
            .unwrap();
        (upload["state"].clone(), upload["received"].clone())
    };
    assert_eq!(state(&mut fixture), (json!("uploading"), json!(5000)));
    let end = noise(42, 3000);
    fixture.write(&of, &end).unwrap();
    let id = fixture
        .call("uploads.publish", json!({ "id": upload["id"] }))
        .unwrap()["id"]
        .clone();
    assert!(fixture.read(json!({ "id": id })).unwrap() == [beginning.clone(), end].concat());
    assert!(fixture.read(json!({ "id": shares["id"] })).unwrap() == beginning);
    assert_eq!(fixture.findings(), []);
}

#[test]
fn an_upload_that_went_on_elsewhere_does_not_end_here() {
    let mut fixture = Fixture::new();
    let new = json!({ "userId": "us01", "kind": "file", "name": "up", "mediaType": "image/png" });
    let upload = fixture.call("uploads.create", new).unwrap();
    let of = json!({ "upload": upload["id"] });
    let late = fixture.bytes("contents.write", &of, &[]).unwrap().0;
    let content = noise(43, 5000);
    fixture.write(&of, &content).unwrap();
    let end = json!({ "content": late["content"], "isLast": true });
    assert_eq!(
        fixture.bytes("contents.write", &end, &[]),
        Err(Code::Conflict)
    );
    let id = fixture
        .call("uploads.publish", json!({ "id": upload["id"] }))
        .unwrap()["id"]
        .clone();
    assert!(fixture.read(json!({ "id": id })).unwrap() == content);
}

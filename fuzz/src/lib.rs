//! What the targets share: a store on a disk in memory, reached as an app reaches it.
//!
//! A target panics when the store breaks a promise: what is refused changes nothing, no call ends in a defect, and a check finds
//! nothing afterwards.

use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::disk::ready;
use strongroom::disk::sim::SimDisk;
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::host::ManualHost;
use strongroom::store::no_pause;
use strongroom::{Code, Error, Result};

/// An open store.
pub struct Store {
    engine: Engine,
    host: Rc<ManualHost>,
    /// What it is on.
    pub disk: SimDisk,
}

impl Store {
    /// An empty one.
    pub fn new() -> Self {
        Self::open(SimDisk::new(1)).unwrap_or_else(|error| panic!("an empty store: {error}"))
    }

    /// One with a user, a conversation of some messages, an artifact and charts.
    pub fn filled() -> Self {
        let mut store = Self::new();
        for (method, args) in [
            ("users.create", json!({ "name": "Ada" })),
            (
                "conversations.create",
                json!({ "userId": "us01", "title": "Plans", "context": "work" }),
            ),
            (
                "learnings.create",
                json!({ "userId": "us01", "text": "Water the plants", "category": "home" }),
            ),
            (
                "settings.set",
                json!({ "userId": "us01", "name": "theme", "value": { "dark": true } }),
            ),
            (
                "charts.create",
                json!({ "userId": "us01", "desiredOutcome": "A house", "currentReality": "A field",
                "dueDate": "2027-01-01", "actionSteps": ["Dig", "Build"] }),
            ),
        ] {
            store.expect(method, &args);
        }
        for n in 0..8 {
            let text = format!(
                "message {n}: {}",
                "how should we store this? ".repeat(n * 9)
            );
            let message =
                json!({ "role": if n % 2 == 0 { "user" } else { "assistant" }, "text": text });
            store.expect(
                "messages.append",
                &json!({ "conversationId": "us01-co01", "message": message }),
            );
        }
        let written = store.bytes("contents.write", &json!({ "isLast": true }), &[7; 5000]);
        let content = written
            .unwrap_or_else(|error| panic!("a content: {error}"))
            .0["content"]
            .clone();
        let artifact = json!({ "userId": "us01", "kind": "file", "name": "a" });
        store.expect(
            "artifacts.put",
            &json!({ "artifact": artifact, "content": content }),
        );
        store
    }

    /// Opens what is on a disk.
    pub fn open(disk: SimDisk) -> Result<Self> {
        let host = Rc::new(ManualHost::new(1));
        let options = EngineOptions {
            backups: Some(false),
            ..EngineOptions::default()
        };
        let engine = ready(Engine::open(Rc::new(disk.clone()), host.clone(), &options))?;
        Ok(Self { engine, host, disk })
    }

    /// Closes it, and gives what it is on.
    pub fn close(self) -> SimDisk {
        let Self { engine, disk, .. } = self;
        ready(engine.close()).unwrap_or_else(|error| panic!("closing: {error}"));
        disk
    }

    fn rest(&mut self) {
        while self.engine.needs_tick() {
            ready(self.engine.tick(true)).unwrap_or_else(|error| panic!("a tick: {error}"));
        }
    }

    /// The last line of its journal: it is the same while nothing changes.
    pub fn last_seq(&mut self) -> u64 {
        self.engine.store().last_seq()
    }

    /// Calls a method.
    pub fn call(&mut self, method: &str, args: &str) -> Result<Value> {
        self.host.advance(1);
        loop {
            self.rest();
            match self.engine.turn(&[Request::new(method, args)]).pop() {
                Some(Answer::Done(json)) => return Ok(read(&json)),
                Some(Answer::Failed(error)) => {
                    no_defect(&error);
                    return Err(error);
                }
                Some(Answer::Again(_)) => {}
                None => panic!("{method} was not answered"),
            }
        }
    }

    /// Calls a method that must succeed.
    pub fn expect(&mut self, method: &str, args: &Value) -> Value {
        let called = self.call(method, &args.to_string());
        called.unwrap_or_else(|error| panic!("{method} {args}: {error}"))
    }

    /// Calls a method that moves bytes.
    pub fn bytes(&mut self, method: &str, args: &Value, bytes: &[u8]) -> Result<(Value, Vec<u8>)> {
        self.rest();
        let args = args.to_string();
        let request = Request::new(method, &args);
        let answer = ready(async { Ok(self.engine.bytes(request, bytes, &mut no_pause).await) })?;
        let answer = answer.unwrap_or_else(|| panic!("there is no method {method}"));
        let (json, bytes) = answer.inspect_err(no_defect)?;
        Ok((read(&json), bytes.unwrap_or_default()))
    }

    /// Calls a method that works in slices.
    pub fn task(&mut self, method: &str, args: &Value) -> Result<Value> {
        let args = args.to_string();
        loop {
            self.rest();
            let mut progress = |_: &str| {};
            let step = self
                .engine
                .task(1, Request::new(method, &args), &mut progress);
            let step = ready(async { Ok(step.await) })?;
            let step = step.unwrap_or_else(|| panic!("there is no method {method}"));
            if let Some(json) = step? {
                return Ok(read(&json));
            }
        }
    }

    /// Brings files in. What is refused must have changed nothing.
    pub fn import(&mut self, files: &[(&str, &[u8])]) -> Result<Value> {
        let before = self.last_seq();
        let imported = self.try_import(files);
        if imported.is_err() {
            assert_eq!(
                self.last_seq(),
                before,
                "what was refused changed something"
            );
        }
        imported
    }

    fn try_import(&mut self, files: &[(&str, &[u8])]) -> Result<Value> {
        let mut args = json!({});
        for (name, bytes) in files {
            args["name"] = json!(name);
            let received = self.bytes("imports.receive", &args, bytes)?.0;
            args["import"] = received["import"].clone();
        }
        let import = json!({ "import": args["import"] });
        while self.bytes("imports.step", &import, &[])?.0["phase"] != "ready" {}
        Ok(self.bytes("imports.apply", &import, &[])?.0)
    }

    /// An archive of everything.
    pub fn export(&mut self) -> Vec<u8> {
        let archive = self.try_export();
        archive.unwrap_or_else(|error| panic!("an export: {error}"))
    }

    fn try_export(&mut self) -> Result<Vec<u8>> {
        let begun = self.bytes("exports.begin", &json!({}), &[])?.0;
        let export = json!({ "export": begun["export"] });
        let mut archive = Vec::new();
        loop {
            let (progress, bytes) = self.bytes("exports.next", &export, &[])?;
            archive.extend(bytes);
            if progress["isDone"] == true {
                self.bytes("exports.end", &export, &[])?;
                return Ok(archive);
            }
        }
    }

    /// What a check of everything finds; what charts say is no damage.
    pub fn findings(&mut self) -> Vec<Value> {
        let report = self.task("health.check", &json!({ "depth": "deep" }));
        let report = report.unwrap_or_else(|error| panic!("a check: {error}"));
        let findings = report["findings"].as_array().into_iter().flatten();
        findings
            .filter(|finding| finding["code"] != "chart")
            .cloned()
            .collect()
    }

    /// A check must find nothing.
    pub fn expect_sound(&mut self) {
        assert_eq!(self.findings(), Vec::<Value>::new());
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}

/// Numbers that steer a target, from the end of its input; what is left is what it is fed.
pub fn steered<const N: usize>(data: &[u8]) -> ([u8; N], &[u8]) {
    match data.split_last_chunk() {
        Some((rest, steer)) => (*steer, rest),
        None => ([0; N], data),
    }
}

/// No input may end in a defect.
fn no_defect(error: &Error) {
    assert!(error.code() != Code::Internal, "a defect: {error}");
}

fn read(json: &str) -> Value {
    serde_json::from_str(json)
        .unwrap_or_else(|error| panic!("an answer is no JSON: {error}: {json}"))
}

//! Health: damage is found and named, bytes add up, and what calls came to is counted.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::Error;
use strongroom::database::{self, PAGE_BYTES};
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, OpenMode, ready};
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::host::ManualHost;
use strongroom::store::{Caller, Event, Options, Store};
use strongroom::stream::StreamSettings;

struct Fixture {
    engine: Engine,
    host: Rc<ManualHost>,
    disk: SimDisk,
    tasks: u64,
    progress: Vec<Value>,
}

impl Fixture {
    fn new() -> Self {
        let disk = SimDisk::new(1);
        let host = Rc::new(ManualHost::new(5));
        let options = Options {
            quiet_ms: 0,
            segment_bytes: 20_000,
            ..Options::default()
        };
        let store = ready(Store::open(Rc::new(disk.clone()), host.clone(), options)).unwrap();
        let mut fixture = Self {
            engine: Engine::over(store, StreamSettings::default()),
            host,
            disk,
            tasks: 0,
            progress: Vec::new(),
        };
        for (name, context) in [("Ada", "work"), ("Eve", "home")] {
            let user = fixture.call("users.create", json!({ "name": name }))["id"].clone();
            let new = json!({ "userId": user, "title": "Plan", "context": context });
            let id = fixture.call("conversations.create", new)["id"].clone();
            for n in 0..30 {
                let text = format!("{name} says {n} ").repeat(200);
                let message = json!({ "role": "user", "text": text });
                let args = json!({ "conversationId": id, "message": message });
                fixture.call("messages.append", args);
            }
        }
        fixture
    }

    fn try_call(&mut self, method: &str, args: Value) -> Result<Value, Error> {
        self.host.advance(1);
        self.rest();
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user: None,
            request_id: None,
        };
        match self.engine.turn(&[request]).pop().unwrap() {
            Answer::Done(value) => Ok(serde_json::from_str(&value).unwrap()),
            Answer::Failed(error) | Answer::Again(error) => Err(error),
        }
    }

    fn call(&mut self, method: &str, args: Value) -> Value {
        self.try_call(method, args).unwrap()
    }

    /// Upkeep, until there is none.
    fn rest(&mut self) {
        while ready(self.engine.store().maintain(true)).unwrap() == Some(0) {}
    }

    fn task(&mut self, method: &str, args: Value) -> Value {
        self.tasks += 1;
        let args = args.to_string();
        let mut slices = 0;
        loop {
            let request = Request {
                method,
                args: &args,
                user: None,
                request_id: None,
            };
            let told = &mut self.progress;
            let mut progress = |step: &str| told.push(serde_json::from_str(step).unwrap());
            let step = self.engine.task(self.tasks, request, &mut progress);
            let step = ready(async { step.await.expect("there is such a method") });
            slices += 1;
            if let Some(value) = step.unwrap() {
                assert!(
                    slices > 3 || !method.ends_with("check"),
                    "turns go on between"
                );
                return serde_json::from_str(&value).unwrap();
            }
            self.rest();
        }
    }

    fn codes(&mut self) -> Vec<String> {
        let report = self.task("health.check", json!({}));
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .map(|it| it["code"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Changes rows behind the store's back.
    fn meddle(&mut self, sql: &str) {
        let meddled = self.engine.store().write("test", Caller::default(), |tx| {
            for statement in sql.split(';') {
                tx.execute(statement, ())?;
            }
            Ok(())
        });
        meddled.unwrap();
    }

    fn file_bytes(&self) -> u64 {
        self.disk.files().iter().map(|(_, bytes)| bytes).sum()
    }
}

#[test]
fn a_sound_store_has_no_findings_and_the_result_is_kept() {
    let mut fixture = Fixture::new();
    let report = fixture.task("health.check", json!({}));
    assert_eq!(report["findings"], json!([]), "{report}");
    assert!(report["rows"].as_u64().unwrap() > 180);
    assert!(report["lines"].as_u64().unwrap() > 60);
    let kept = fixture.call("settings.get", json!({ "name": "health.lastCheck" }));
    assert_eq!(kept["value"], report);
    let (last, total) = (fixture.progress.last().unwrap(), fixture.progress.len());
    assert_eq!(last["done"], last["total"]);
    assert!(total > 20);
    let (events, _) = fixture.engine.take_events();
    assert!(!events.iter().any(|event| matches!(event, Event::Health(_))));
}

#[test]
fn a_flipped_bit_in_any_part_of_the_database_file_is_found() {
    for part in 1..6 {
        let mut fixture = Fixture::new();
        fixture.engine.store().checkpoint_now().unwrap();
        let pages = fixture.disk.read(database::FILE).unwrap().len() as u64 / u64::from(PAGE_BYTES);
        let page = pages * part / 6;
        fixture
            .disk
            .flip_bit(database::FILE, page * u64::from(PAGE_BYTES) * 8 + 12_345)
            .unwrap();
        let report = fixture.task("health.check", json!({}));
        let finding = &report["findings"][0];
        assert_eq!(finding["code"], "page", "{report}");
        assert!(!finding["repair"].as_str().unwrap().is_empty());
        let (events, _) = fixture.engine.take_events();
        assert!(events.iter().any(|event| matches!(event, Event::Health(_))));
    }
}

#[test]
fn a_flipped_bit_in_the_journal_is_found() {
    let mut fixture = Fixture::new();
    fixture.rest();
    let segments = fixture.engine.store().journal().segments();
    assert!(segments.len() > 3);
    let sealed = segments.iter().find(|segment| segment.sealed).unwrap();
    let path = format!("journal/{:012}.jsonl.gz", sealed.first);
    fixture.disk.flip_bit(&path, 4000).unwrap();
    let codes = fixture.codes();
    assert!(
        !codes.is_empty() && codes.iter().all(|code| code == "journal"),
        "{codes:?}"
    );
}

#[test]
fn what_operations_would_never_leave_is_found_and_named() {
    let ids = "user = 1 AND conversation = 1";
    for (sql, code, record) in [
        (
            format!("UPDATE conversation SET next_message = 30 WHERE {ids}"),
            "counter",
            "us01-co01",
        ),
        (
            "UPDATE user SET next_conversation = 1 WHERE user = 2".to_owned(),
            "counter",
            "us02",
        ),
        (
            "UPDATE counter SET value = 1 WHERE name = 'user'".to_owned(),
            "counter",
            "",
        ),
        (
            format!("UPDATE conversation SET leaf = 99 WHERE {ids}"),
            "leaf",
            "us01-co01",
        ),
        (
            format!("UPDATE message SET parent = 7 WHERE {ids} AND message = 5"),
            "order",
            "us01-co01-ms05",
        ),
        (
            format!("UPDATE message SET uuid = 'x' WHERE {ids} AND message = 5"),
            "uuid",
            "us01-co01-ms05",
        ),
        (
            format!("UPDATE chunk SET part = 9 WHERE {ids} AND message = 5"),
            "reference",
            "us01-co01-ms05",
        ),
        (
            "UPDATE history SET last_seq = 1000000 WHERE record = 'us01' AND first_seq = (SELECT max(first_seq) FROM history WHERE record = 'us01')"
                .to_owned(),
            "history",
            "",
        ),
    ] {
        let mut fixture = Fixture::new();
        fixture.engine.store().commit_now().unwrap();
        fixture.meddle(&sql);
        let report = fixture.task("health.check", json!({}));
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{sql}: {report}");
        assert_eq!(findings[0]["code"], code, "{sql}");
        assert_eq!(
            findings[0]["record"].as_str().unwrap_or_default(),
            record,
            "{sql}"
        );
    }
}

#[test]
fn usage_adds_up_to_the_sizes_of_the_files() {
    let mut fixture = Fixture::new();
    ready(async {
        let quarantine = fixture
            .disk
            .open("quarantine/1-old", OpenMode::Create)
            .await?;
        quarantine.write_at(&[7; 1000], 0)
    })
    .unwrap();
    fixture.call("conversations.remove", json!({ "id": "us02-co01" }));
    fixture.rest();
    let usage = fixture.task("health.usage", json!({}));
    let kinds = usage["kinds"].as_array().unwrap();
    let sum: u64 = kinds
        .iter()
        .map(|kind| kind["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, fixture.file_bytes());
    assert_eq!(usage["totalBytes"].as_u64().unwrap(), sum);
    let of = |name: &str| {
        kinds
            .iter()
            .find(|kind| kind["kind"] == name)
            .map(|it| it["bytes"].clone())
    };
    assert_eq!(of("quarantine"), Some(json!(1000)));
    for kind in [
        "chunk",
        "message",
        "indexes",
        "journal",
        "history",
        "bookkeeping",
        "overhead",
    ] {
        assert!(
            of(kind).is_some_and(|bytes| bytes.as_u64() > Some(0)),
            "{kind} in {usage}"
        );
    }
    let users = usage["users"].as_array().unwrap();
    assert_eq!(users.len(), 2);
    for (user, context) in users.iter().zip(["work", "home"]) {
        let bytes = user["bytes"].as_u64().unwrap();
        // 30 messages of some 2,400 bytes, and what is beside them.
        assert!((60_000..100_000).contains(&bytes), "{user}");
        assert_eq!(user["contexts"][0]["context"], context);
        assert!(user["contexts"][0]["bytes"].as_u64().unwrap() <= bytes);
    }
    let one = fixture.task("health.usage", json!({ "userId": "us02" }));
    assert_eq!(one["users"], json!([users[1]]));
}

#[test]
fn reclaimable_bytes_are_told_by_remedy() {
    let mut fixture = Fixture::new();
    let of = |fixture: &mut Fixture, remedy: &str| {
        let all = fixture.task("health.reclaimable", json!({}));
        let found = all
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["remedy"] == remedy);
        found.unwrap()["bytes"].as_u64().unwrap()
    };
    assert_eq!(of(&mut fixture, "removed"), 0);
    fixture.call("conversations.remove", json!({ "id": "us02-co01" }));
    let removed = of(&mut fixture, "removed");
    assert!((60_000..100_000).contains(&removed), "{removed}");
    let before = of(&mut fixture, "vacuum");
    fixture.call("conversations.delete", json!({ "id": "us02-co01" }));
    assert_eq!(of(&mut fixture, "removed"), 0);
    assert!(of(&mut fixture, "vacuum") > before + 60_000);
    assert!(of(&mut fixture, "checkpoint") > 0);
    assert_eq!(of(&mut fixture, "quarantine"), 0);
}

#[test]
fn calls_are_counted_by_method_and_outcome() {
    let mut fixture = Fixture::new();
    for _ in 0..3 {
        fixture
            .try_call("users.get", json!({ "id": "us09" }))
            .unwrap_err();
    }
    fixture
        .try_call("users.get", json!({ "name": "us01" }))
        .unwrap_err();
    fixture.call("users.get", json!({ "id": "us01" }));
    fixture.task("health.check", json!({}));
    let all = fixture.task("health.operations", json!({}));
    let of = |name: &str| {
        all.as_array()
            .unwrap()
            .iter()
            .find(|it| it["method"] == name)
            .unwrap()
    };
    let get = of("users.get");
    assert_eq!(get["ok"], 1);
    assert_eq!(
        get["failed"],
        json!([{ "code": "not_found", "count": 3 }, { "code": "invalid_argument", "count": 1 }])
    );
    assert_eq!(get["latency"]["count"], 5);
    assert_eq!(of("messages.append")["ok"], 60);
    assert_eq!(of("health.check")["ok"], 1);
}

#[test]
fn a_check_runs_by_itself_once_a_week_when_nothing_else_is_to_be_done() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let disk = SimDisk::new(1);
    let host = Rc::new(ManualHost::new(5));
    let options = EngineOptions {
        check_every_ms: Some(7 * DAY_MS),
        ..EngineOptions::default()
    };
    let opened = Engine::open(Rc::new(disk.clone()), host.clone(), &options);
    let mut engine = ready(opened).unwrap();
    let idle = |engine: &mut Engine, idle: bool| {
        for _ in 0..1000 {
            ready(engine.tick(idle)).unwrap();
            if engine.due().is_none_or(|ms| ms > 0) {
                break;
            }
        }
        let read = engine.store().read(Caller::default(), |view| {
            let mut count = view.prepare("SELECT count(*) FROM setting WHERE updated_at > ?1")?;
            Ok(count.query_row([0], |row| row.get::<_, i64>(0))?)
        });
        read.unwrap()
    };
    assert_eq!(idle(&mut engine, true), 0);
    host.advance(6 * DAY_MS);
    assert_eq!(idle(&mut engine, true), 0);
    // An app that is closed every day is checked all the same.
    ready(engine.close()).unwrap();
    let opened = Engine::open(Rc::new(disk.clone()), host.clone(), &options);
    let mut engine = ready(opened).unwrap();
    assert!(engine.due().is_some());
    host.advance(DAY_MS);
    assert_eq!(idle(&mut engine, false), 0);
    assert_eq!(idle(&mut engine, true), 1);
    let seq = engine.store().last_seq();
    host.advance(DAY_MS);
    idle(&mut engine, true);
    assert_eq!(engine.store().last_seq(), seq, "not again before its time");
}

#[test]
fn a_slice_of_a_table_is_found_by_its_key() {
    let mut fixture = Fixture::new();
    let plan = fixture.engine.store().read(Caller::default(), |view| {
        let mut statement = view.prepare(
            "EXPLAIN QUERY PLAN SELECT count(*) FROM chunk AS child
             WHERE (child.user, child.conversation, child.message, child.seq) > (1, 1, 5, 1)
               AND (child.user, child.conversation, child.message, child.seq) <= (2, 1, 5, 1)",
        )?;
        Ok(statement.query_row([], |row| row.get::<_, String>(3))?)
    });
    let plan = plan.unwrap();
    assert!(plan.contains("SEARCH child USING PRIMARY KEY"), "{plan}");
}

#[test]
fn a_users_own_view_has_no_health_of_the_whole_store() {
    let mut fixture = Fixture::new();
    for method in [
        "health.check",
        "health.usage",
        "health.operations",
        "health.reclaimable",
    ] {
        let request = Request {
            method,
            args: "{}",
            user: Some("us01"),
            request_id: None,
        };
        let mut progress = |_: &str| {};
        let step = fixture.engine.task(1000, request, &mut progress);
        let refused = ready(async { step.await.expect("there is such a method") });
        assert_eq!(
            refused.unwrap_err().code(),
            strongroom::Code::InvalidArgument,
            "{method}"
        );
    }
}

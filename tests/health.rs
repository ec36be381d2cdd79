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
            "us02",
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
    assert!(of(&mut fixture, "checkpoint") > 0);
    let before = of(&mut fixture, "vacuum");
    fixture.call("conversations.delete", json!({ "id": "us02-co01" }));
    assert_eq!(of(&mut fixture, "removed"), 0);
    assert!(of(&mut fixture, "vacuum") > before + 60_000);
    assert_eq!(of(&mut fixture, "quarantine"), 0);
}

#[test]
fn usage_is_told_by_construct_context_and_kind() {
    let mut fixture = Fixture::new();
    let construct = |fixture: &mut Fixture, messages: usize| {
        let new = json!({ "userId": "us01", "type": "app", "name": "Build", "context": "work" });
        let id = fixture.call("constructs.create", new)["id"].clone();
        let session = fixture.call("sessions.create", json!({ "constructId": id }));
        for _ in 0..messages {
            let message = json!({ "role": "user", "text": "x".repeat(10_000) });
            let args = json!({ "conversationId": session["transcriptId"], "message": message });
            fixture.call("messages.append", args);
        }
        let event = json!({ "constructId": id, "kind": "note", "data": "y".repeat(1000) });
        fixture.call("timeline.append", event);
        id
    };
    let before = fixture.task("health.usage", json!({}));
    let (small, large) = (construct(&mut fixture, 1), construct(&mut fixture, 3));
    // What belongs to no user must not be in the way.
    let policy = json!({ "kind": "constructs", "ageMs": 0, "action": "delete", "context": "none" });
    fixture.call("retention.create", policy);
    fixture.call("settings.set", json!({ "name": "theme", "value": "dark" }));
    let usage = fixture.task("health.usage", json!({}));
    let told = usage["constructs"].as_array().unwrap();
    let ids: Vec<_> = told.iter().map(|it| it["constructId"].clone()).collect();
    assert_eq!(ids, [large, small]);
    let bytes: Vec<_> = told
        .iter()
        .map(|it| it["bytes"].as_u64().unwrap())
        .collect();
    assert!((31_000..33_000).contains(&bytes[0]), "{told:?}");
    assert!((11_000..13_000).contains(&bytes[1]), "{told:?}");
    assert_eq!(usage["constructsTruncated"], false);
    // Nothing of them is anywhere else, but for the user's own counters.
    let of = |usage: &Value| usage["users"][0]["contexts"][0]["bytes"].as_u64().unwrap();
    assert_eq!(of(&usage) - of(&before), bytes[0] + bytes[1]);
    let sum = |kinds: &Value| -> u64 {
        let kinds = kinds.as_array().unwrap().iter();
        kinds.map(|kind| kind["bytes"].as_u64().unwrap()).sum()
    };
    let user = &usage["users"][0];
    assert_eq!(sum(&user["kinds"]), user["bytes"].as_u64().unwrap());
    let context = &user["contexts"][0];
    assert_eq!(context["context"], "work");
    assert_eq!(sum(&context["kinds"]), context["bytes"].as_u64().unwrap());
    assert_eq!(context["kinds"][0]["kind"], "chunk");
    for kind in ["construct", "session", "timeline_event", "participant"] {
        let kinds = context["kinds"].as_array().unwrap();
        assert!(
            kinds.iter().any(|it| it["kind"] == kind),
            "{kind} in {context}"
        );
    }
}

#[test]
fn the_trees_of_a_large_file_are_as_large_as_sqlite_counts_them() {
    let mut fixture = Fixture::new();
    // More pages than one page of the pointer map tells of, with long values that lie on pages of their own.
    for n in 0..60 {
        let message = json!({ "role": "user", "parts": [{ "type": "data", "data": { "x": "z".repeat(90_000) } }] });
        fixture.call(
            "messages.append",
            json!({ "conversationId": format!("us0{}-co01", 1 + n % 2), "message": message }),
        );
    }
    fixture.call("conversations.delete", json!({ "id": "us02-co01" }));
    fixture.engine.store().checkpoint_now().unwrap();
    let sizes = fixture.engine.store().tree_sizes().unwrap();
    let counted = fixture.engine.store().read(Caller::default(), |view| {
        let sql = "SELECT s.rootpage, sum(d.pgsize) FROM sqlite_schema AS s JOIN dbstat AS d ON d.name = s.name GROUP BY 1";
        let mut statement = view.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let trees = rows.collect::<Result<Vec<(usize, u64)>, _>>()?;
        let mut free = view.prepare("PRAGMA freelist_count")?;
        let free: u64 = free.query_row([], |row| row.get(0))?;
        Ok((trees, free * u64::from(PAGE_BYTES)))
    });
    let (trees, free) = counted.unwrap();
    assert!(trees.len() > 40 && free > 0);
    assert_eq!(sizes.free(), free);
    for (root, bytes) in trees {
        assert_eq!(sizes.of(root), bytes, "tree {root}");
    }
    assert!(fixture.disk.read(database::FILE).unwrap().len() > 900 * PAGE_BYTES as usize);
}

#[test]
fn what_retention_and_erasing_would_free_is_weighed() {
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
    let new = json!({ "userId": "us01", "type": "app" });
    let id = fixture.call("constructs.create", new)["id"].clone();
    let session = fixture.call("sessions.create", json!({ "constructId": id }));
    let message = json!({ "role": "user", "text": "x".repeat(50_000) });
    let transcript = session["transcriptId"].clone();
    fixture.call(
        "messages.append",
        json!({ "conversationId": transcript, "message": message }),
    );
    let of_construct = fixture.task("health.usage", json!({}))["constructs"][0]["bytes"]
        .as_u64()
        .unwrap();
    assert_eq!(of(&mut fixture, "retention"), 0);
    // Transcripts are let go of with their constructs only.
    let policy = json!({ "kind": "constructs", "ageMs": 1, "action": "delete" });
    let policy = fixture.call("retention.create", policy)["policy"].clone();
    assert_eq!(of(&mut fixture, "retention"), of_construct);
    fixture.call(
        "retention.update",
        json!({ "policy": policy, "version": 1, "enabled": false }),
    );
    assert_eq!(of(&mut fixture, "retention"), 0);
    assert_eq!(of(&mut fixture, "removed"), 0);
    fixture.call("constructs.remove", json!({ "id": id }));
    fixture.call("conversations.remove", json!({ "id": transcript }));
    // The removal's time is eight bytes in either row, or fewer.
    let removed = of(&mut fixture, "removed");
    assert!(
        removed.abs_diff(of_construct) < 40,
        "{removed}, not {of_construct}"
    );
    let erased = of(&mut fixture, "erase");
    assert!(erased > 0 && erased < removed, "{erased}");
    fixture.call("constructs.delete", json!({ "id": id }));
    assert_eq!(of(&mut fixture, "removed"), 0);
}

#[test]
fn each_kind_that_a_policy_deletes_is_weighed_with_what_is_below_it() {
    let mut fixture = Fixture::new();
    let of = |fixture: &mut Fixture| {
        let all = fixture.task("health.reclaimable", json!({}));
        let mut all = all.as_array().unwrap().iter();
        let found = all.find(|it| it["remedy"] == "retention").unwrap();
        found["bytes"].as_u64().unwrap()
    };
    let long = "w".repeat(3000);
    let learning = json!({ "userId": "us01", "text": long, "tags": ["t".repeat(50)] });
    fixture.call("learnings.create", learning);
    let job = json!({ "userId": "us01", "queue": "q", "payload": long });
    let job = fixture.call("jobs.enqueue", job)["id"].clone();
    fixture.call("jobs.cancel", json!({ "id": job }));
    let chart = json!({
        "userId": "us01", "context": "a/b", "desiredOutcome": long, "currentReality": long,
        "dueDate": "2027-01-01", "actionSteps": [long],
    });
    let chart = fixture.call("charts.create", chart)["chart"].clone();
    let named = json!({ "userId": "us01", "context": "a/b", "chart": chart["id"] });
    fixture.call("charts.complete", named);
    for (kind, least) in [("learnings", 3050), ("jobs", 3000), ("charts", 12_000)] {
        let policy = json!({ "kind": kind, "ageMs": 1, "action": "delete" });
        let policy = fixture.call("retention.create", policy)["policy"].clone();
        let bytes = of(&mut fixture);
        assert!((least..least + 2500).contains(&bytes), "{kind}: {bytes}");
        fixture.call("retention.remove", json!({ "policy": policy }));
    }
    // What is said of entities is their user's, though its rows do not say so.
    let usage = fixture.task("health.usage", json!({ "userId": "us01" }));
    let kinds = usage["users"][0]["kinds"].as_array().unwrap();
    let said = kinds.iter().find(|it| it["kind"] == "observation").unwrap();
    assert!(said["bytes"].as_u64() > Some(6000), "{said}");
}

/// A table so large that it is not left to SQLite's own check.
fn with_large_table() -> Fixture {
    let mut fixture = Fixture::new();
    for _ in 0..700 {
        let metadata = json!({ "note": "n".repeat(7000) });
        let message = json!({ "role": "user", "text": "short", "metadata": metadata });
        let args = json!({ "conversationId": "us01-co01", "message": message });
        fixture.call("messages.append", args);
    }
    fixture
}

/// Changes an entry of an index, whose page is as it should be otherwise; a check finds it.
fn with_damaged_index(mut fixture: Fixture) -> Fixture {
    let (root, times) = fixture
        .engine
        .store()
        .read(Caller::default(), |view| {
            let root = view
                .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'message_by_creation'")?
                .query_row([], |row| row.get::<_, usize>(0))?;
            let mut times = view.prepare("SELECT created_at FROM message WHERE user = 1")?;
            let times = times.query_map([], |row| row.get::<_, i64>(0))?;
            Ok((root, times.collect::<Result<Vec<_>, _>>()?))
        })
        .unwrap();
    ready(fixture.engine.close()).unwrap();
    let mut file = fixture.disk.read(database::FILE).unwrap();
    let size = PAGE_BYTES as usize;
    let page = &mut file[(root - 1) * size..root * size];
    let place = times.iter().find_map(|at| {
        let bytes = &at.to_be_bytes()[2..];
        page.windows(6).position(|window| window == bytes)
    });
    page[place.unwrap() + 5] ^= 1;
    let sum = database::vfs::page_checksum(page).unwrap();
    page[size - 8..].copy_from_slice(&sum);
    fixture.disk.write(database::FILE, &file).unwrap();
    let options = EngineOptions::default();
    let disk = Rc::new(fixture.disk.clone());
    let opened = Engine::open(disk, fixture.host.clone(), &options);
    fixture.engine = ready(opened).unwrap();
    let report = fixture.task("health.check", json!({}));
    let finding = &report["findings"][0];
    assert_eq!(
        finding["message"],
        "a message is not in the index message_by_creation"
    );
    assert!(
        finding["record"]
            .as_str()
            .unwrap()
            .starts_with("us01-co01-ms")
    );
    fixture
}

#[test]
fn a_row_that_an_index_lacks_is_found_in_a_large_table() {
    let mut fixture = with_large_table();
    assert_eq!(fixture.codes(), [""; 0]);
    with_damaged_index(fixture);
}

#[test]
fn a_row_that_an_index_lacks_is_found_in_a_small_table_and_the_index_mended() {
    let mut fixture = Fixture::new();
    let args = json!({ "conversationId": "us01-co01", "limit": 100 });
    let before = fixture.call("messages.list", args.clone());
    assert_eq!(before["items"].as_array().unwrap().len(), 30);
    let mut fixture = with_damaged_index(fixture);
    let repaired = fixture.task("health.repair", json!({}));
    assert_eq!(repaired["left"], json!([]), "{repaired}");
    assert_eq!(fixture.codes(), [""; 0]);
    assert_eq!(fixture.call("messages.list", args), before);
}

#[test]
fn a_row_is_looked_up_by_the_columns_of_its_index() {
    let mut fixture = Fixture::new();
    let looked_up = fixture.engine.store().read(Caller::default(), |view| {
        let mut statement = view.prepare(
            "EXPLAIN QUERY PLAN SELECT * FROM message AS child WHERE NOT EXISTS
               (SELECT 1 FROM message AS other INDEXED BY message_streaming
                WHERE (status = 'streaming') AND other.user IS child.user
                  AND other.conversation IS child.conversation AND other.message IS child.message)",
        )?;
        let rows = statement.query_map([], |row| row.get::<_, String>(3))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    });
    let plan = looked_up.unwrap().join("\n");
    let wanted = "SEARCH other USING COVERING INDEX message_streaming (user=? AND conversation=? AND message=?)";
    assert!(plan.contains(wanted), "{plan}");
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

#[test]
fn what_no_migration_made_is_found_and_goes_with_a_repair() {
    let mut fixture = Fixture::new();
    let spy = "CREATE TRIGGER spy AFTER INSERT ON message BEGIN UPDATE conversation SET title = 'mine'; END";
    let meddled = fixture
        .engine
        .store()
        .write("test", Caller::default(), |tx| {
            tx.execute(spy, ())?;
            tx.execute("DROP INDEX message_by_parent", ()).map(|_| ())
        });
    meddled.unwrap();
    let messages = |fixture: &mut Fixture| {
        fixture.task("health.check", json!({}))["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["message"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let found = messages(&mut fixture).join("\n");
    assert!(
        found.contains("made: trigger spy: CREATE TRIGGER"),
        "{found}"
    );
    assert!(found.contains("lacks: index message_by_parent"), "{found}");
    fixture.task("health.repair", json!({}));
    assert_eq!(messages(&mut fixture), Vec::<String>::new());
    fixture.call(
        "messages.append",
        json!({ "conversationId": "us01-co01", "message": { "role": "user", "text": "hello" } }),
    );
    let conversation = fixture.call("conversations.get", json!({ "id": "us01-co01" }));
    assert_eq!(conversation["title"], "Plan");
}

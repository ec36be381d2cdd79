//! Repair: what is damaged is mended where anything of it is left, and what cannot be is said.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod fixture;

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::Code;
use strongroom::database::{self, PAGE_BYTES};
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::engine::Request;
use strongroom::host::ManualHost;
use strongroom::store::Caller;

use fixture::{Fixture, noise};

/// A closed store: two users, some of whose conversations are archived, charts and an artifact. No snapshot has been made.
fn written() -> (SimDisk, Rc<ManualHost>) {
    let mut fixture = Fixture::new(1);
    for (name, word) in [("Ada", "engine"), ("Eve", "garden")] {
        let user = fixture.call("users.create", json!({ "name": name }))["id"].clone();
        let user = user.as_str().unwrap();
        let conversations = fixture.talk(user, 3, word);
        let archived = json!({ "id": conversations[0] });
        fixture.call("conversations.archive", archived);
        fixture.call(
            "charts.create",
            json!({ "userId": user, "desiredOutcome": word, "currentReality": "none yet", "dueDate": "2031-01-01",
                    "actionSteps": ["first", "second"] }),
        );
        fixture.attach(user, &noise(3, 40_000));
    }
    fixture.rest(100);
    let Fixture { engine, disk, host } = fixture;
    ready(engine.close()).unwrap();
    (disk, host)
}

/// What there is: a line for each message, chart and artifact.
fn records(fixture: &mut Fixture) -> BTreeSet<String> {
    let mut records: BTreeSet<String> = BTreeSet::new();
    for seen in fixture.seen() {
        match seen {
            Value::Array(items) => records.extend(items.iter().map(said)),
            title => {
                records.insert(title.to_string());
            }
        }
    }
    for user in ["us01", "us02"] {
        for method in ["charts.list", "artifacts.list"] {
            // A user of whom nothing is left has neither.
            let listed = fixture.try_call(method, json!({ "userId": user }));
            let listed = listed.unwrap_or_default();
            records.extend(listed["items"].as_array().into_iter().flatten().map(said));
        }
    }
    records
}

/// A record without its times and versions, which a repair may change, and without what it follows, which may be lost.
fn said(record: &Value) -> String {
    let mut record = record.clone();
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "updatedAt" | "version" | "parentId"));
    }
    record.to_string()
}

/// Records to be read by people.
fn shown<'a>(records: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    records
        .map(|it| it.get(..it.len().min(200)).unwrap_or(it))
        .collect()
}

/// Makes a line of the journal unreadable.
fn damage_line(disk: &SimDisk, line: usize) {
    let mut names = ready(disk.list("journal")).unwrap();
    names.retain(|name| name.strip_suffix(".jsonl").is_some());
    let path = format!("journal/{}", names[0]);
    let text = disk.read(&path).unwrap();
    let starts = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let start = starts.map(|(at, _)| at + 1).nth(line).unwrap();
    disk.flip_bit(&path, (start as u64 + 20) * 8).unwrap();
}

#[test]
fn a_check_tells_of_any_damaged_page_and_a_repair_mends_it() {
    let (written, host) = written();
    let whole = records(&mut Fixture::open(written.fork(1), host.clone()));
    let pages = written.read(database::FILE).unwrap().len() as u64 / u64::from(PAGE_BYTES);
    let mut mended = 0;
    for page in 0..pages {
        let disk = written.fork(page);
        disk.flip_bit(database::FILE, page * u64::from(PAGE_BYTES) * 8 + 8_000)
            .unwrap();
        let mut fixture = Fixture::open(disk, host.clone());
        // An opening that meets it mends it.
        if fixture.recovery().is_none() {
            let report = fixture.try_task("health.check", json!({}));
            let report = report.unwrap_or_else(|code| panic!("page {page}: {code:?}"));
            assert_eq!(
                report["findings"][0]["code"], "page",
                "page {page}: {report}"
            );
            fixture.task("health.repair", json!({}));
            mended += 1;
        }
        assert!(records(&mut fixture) == whole, "page {page}");
    }
    assert!(mended > 10, "{mended} of {pages}");
}

#[test]
fn what_a_damaged_journal_lost_comes_back_from_a_damaged_database() {
    let (written, host) = written();
    let whole = records(&mut Fixture::open(written.fork(1), host.clone()));
    let pages = written.read(database::FILE).unwrap().len() as u64 / u64::from(PAGE_BYTES);
    let (mut salvaged, mut incomplete) = (0, 0);
    // The first ones hold the schema and the roots of most tables.
    for page in (0..20).chain((20..pages).step_by(4)) {
        let disk = written.fork(page);
        damage_line(&disk, 60);
        disk.flip_bit(database::FILE, page * u64::from(PAGE_BYTES) * 8 + 8_000)
            .unwrap();
        let mut fixture = Fixture::open(disk, host.clone());
        let damaged = fixture.call("users.list", json!({}));
        assert_eq!(damaged["items"].as_array().unwrap().len(), 2);
        let report = fixture.task("health.repair", json!({}));
        let told = fixture.recoveries();
        salvaged += u64::from(told.iter().any(|it| it.salvaged.is_some()));
        let found = records(&mut fixture);
        let lost = whole.difference(&found).count();
        // One message was on the line, and its page may be the damaged one.
        assert!(
            lost <= 1,
            "page {page}: {report} {told:#?}: {:#?}",
            shown(found.difference(&whole))
        );
        assert!(found.difference(&whole).count() <= lost, "page {page}");
        incomplete += lost;
    }
    assert!(salvaged > 0);
    assert!(incomplete <= 3, "{incomplete} of {pages}");
}

#[test]
fn a_database_is_read_page_by_page_where_the_first_ones_are_gone() {
    let mut fixture = Fixture::new(6);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 30, "engine");
    fixture.rest(1000);
    let whole = records(&mut fixture);
    let Fixture { engine, disk, host } = fixture;
    ready(engine.close()).unwrap();
    for (path, _) in disk.files() {
        if path.starts_with("journal/") || path.starts_with("snapshots/") {
            ready(disk.remove(&path)).unwrap();
        }
    }
    let size = PAGE_BYTES as usize;
    // The header; with the map of pages and the bookkeeping; those alone; the roots of the first tables, users to messages.
    for (gone, may_lose) in [(0..1, 0), (0..4, 0), (1..4, 0), (6..12, 20)] {
        let disk = disk.fork(gone.end as u64);
        let mut file = disk.read(database::FILE).unwrap();
        file[gone.start * size..gone.end * size].fill(0);
        disk.write(database::FILE, &file).unwrap();
        let mut fixture = Fixture::open(disk, host.clone());
        let found = records(&mut fixture);
        let lost = whole.difference(&found).count();
        assert!(lost <= may_lose, "{gone:?}: {lost} of {}", whole.len());
        // The user and the conversations are there without their names.
        let new = shown(found.difference(&whole));
        assert_eq!(new.len(), 2 * usize::from(lost > 0), "{gone:?}: {new:?}");
        // It looks into what was set aside again.
        let report = fixture.task("health.repair", json!({}));
        assert_eq!(report["left"], json!([]), "{gone:?}: {report}");
        assert!(records(&mut fixture) == found, "{gone:?}: {report}");
    }
}

#[test]
fn what_lies_in_the_log_of_a_damaged_database_is_read_too() {
    let mut fixture = Fixture::new(7);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 3, "engine");
    fixture.engine.store().checkpoint_now().unwrap();
    fixture.talk("us01", 2, "garden");
    fixture.engine.store().commit_now().unwrap();
    let whole = records(&mut fixture);
    let Fixture { engine, disk, host } = fixture;
    drop(engine);
    disk.kill();
    assert!(disk.read(database::WAL_FILE).unwrap().len() > 10 * PAGE_BYTES as usize);
    for (path, _) in disk.files() {
        if path.starts_with("journal/") || path.starts_with("snapshots/") {
            ready(disk.remove(&path)).unwrap();
        }
    }
    let size = PAGE_BYTES as usize;
    // The schema's version, which the log does not have.
    let mut file = disk.read(database::FILE).unwrap();
    file[2 * size..3 * size].fill(0);
    disk.write(database::FILE, &file).unwrap();
    let mut fixture = Fixture::open(disk, host);
    assert!(records(&mut fixture) == whole);
    let told = fixture.recoveries();
    assert!(told.iter().any(|it| it.salvaged.is_some()), "{told:#?}");
}

#[test]
fn what_was_deleted_since_a_database_was_set_aside_stays_deleted() {
    let (disk, host) = written();
    damage_line(&disk, 60);
    disk.flip_bit(database::FILE, 9 * u64::from(PAGE_BYTES) * 8 + 8_000)
        .unwrap();
    let mut fixture = Fixture::open(disk, host);
    fixture.call("conversations.delete", json!({ "id": "us01-co02" }));
    let version =
        fixture.call("conversations.get", json!({ "id": "us01-co03" }))["version"].clone();
    let renamed = json!({ "id": "us01-co03", "version": version, "title": "another" });
    fixture.call("conversations.update", renamed);
    let before = records(&mut fixture);
    let report = fixture.task("health.repair", json!({}));
    assert_eq!(records(&mut fixture), before, "{report}");
    let gone = fixture.try_call("conversations.get", json!({ "id": "us01-co02" }));
    assert_eq!(gone, Err(Code::NotFound));
}

#[test]
fn a_repair_of_a_sound_store_changes_nothing() {
    let (disk, host) = written();
    let mut fixture = Fixture::open(disk, host);
    fixture.task("backups.create", json!({}));
    let before = (fixture.seen(), records(&mut fixture));
    let report = fixture.task("health.repair", json!({}));
    assert_eq!(report["left"], json!([]), "{report}");
    assert_eq!(report["steps"], json!([]));
    assert_eq!((fixture.seen(), records(&mut fixture)), before);
}

#[test]
fn a_damaged_database_is_made_anew_and_nothing_is_lost() {
    let (disk, host) = written();
    let whole = records(&mut Fixture::open(disk.fork(1), host.clone()));
    let mut fixture = Fixture::open(disk, host);
    fixture
        .disk
        .flip_bit(database::FILE, 12 * u64::from(PAGE_BYTES) * 8 + 8_000)
        .unwrap();
    let report = fixture.task("health.repair", json!({}));
    assert_eq!(report["left"], json!([]), "{report}");
    assert_eq!(report["repaired"][0]["code"], "page", "{report}");
    let aside = report["quarantined"][0].as_str().unwrap();
    assert!(aside.ends_with(database::FILE), "{report}");
    assert_eq!(records(&mut fixture), whole);
}

/// One record more of each kind that has a number of its own.
fn one_more_of_each(fixture: &mut Fixture) {
    fixture.call("users.create", json!({ "name": "Zoe" }));
    let users = fixture.call("users.list", json!({}))["items"].clone();
    for user in users.as_array().unwrap() {
        let user = &user["id"];
        let conversation = json!({ "userId": user, "title": "Plans" });
        let conversation = fixture.call("conversations.create", conversation)["id"].clone();
        let message = json!({ "role": "user", "text": "How?" });
        let message = json!({ "conversationId": conversation, "message": message });
        fixture.call("messages.append", message);
        let listed = fixture.call("conversations.list", json!({ "userId": user }))["items"].clone();
        for conversation in listed.as_array().unwrap() {
            let message = json!({ "role": "user", "text": "And then?" });
            let message = json!({ "conversationId": conversation["id"], "message": message });
            fixture.call("messages.append", message);
        }
        let job = json!({ "userId": user, "queue": "mail", "payload": {} });
        let job = fixture.call("jobs.enqueue", job);
        fixture.call("jobs.cancel", json!({ "id": job["id"] }));
        let event = json!({ "userId": user, "kind": "note" });
        fixture.call("timeline.append", event);
        let number = u8::try_from(listed.as_array().unwrap().len()).unwrap();
        fixture.attach(user.as_str().unwrap(), &noise(number, 3000));
    }
}

#[test]
fn a_store_goes_on_whichever_line_of_its_journal_is_lost() {
    let mut fixture = Fixture::new(1);
    one_more_of_each(&mut fixture);
    one_more_of_each(&mut fixture);
    let lines = usize::try_from(fixture.engine.store().last_seq()).unwrap();
    let Fixture { engine, disk, host } = fixture;
    ready(engine.close()).unwrap();
    ready(disk.remove(database::FILE)).unwrap();
    assert!(lines > 30, "{lines}");
    for line in 0..lines {
        let disk = disk.fork(line as u64);
        damage_line(&disk, line);
        let mut fixture = Fixture::open(disk, host.clone());
        let report = fixture.task("health.check", json!({}));
        let findings = report["findings"].as_array().unwrap().iter();
        let mut codes = findings.map(|it| it["code"].as_str().unwrap());
        assert!(codes.all(|it| it == "journal"), "line {line}: {report}");
        one_more_of_each(&mut fixture);
        let seen = fixture.seen();
        let mut fixture = fixture.reopened();
        assert!(fixture.seen() == seen, "line {line}");
    }
}

#[test]
fn rows_that_make_no_sense_are_mended() {
    let ids = "user = 1 AND conversation = 2";
    for (sql, code) in [
        (
            format!("UPDATE conversation SET next_message = 3 WHERE {ids}"),
            "counter",
        ),
        (
            "UPDATE user SET next_conversation = 1 WHERE user = 2".to_owned(),
            "counter",
        ),
        (
            "UPDATE counter SET value = 1 WHERE name = 'user'".to_owned(),
            "counter",
        ),
        (
            format!("UPDATE conversation SET leaf = 99 WHERE {ids}"),
            "leaf",
        ),
        (
            format!("UPDATE message SET parent = 7 WHERE {ids} AND message = 5"),
            "order",
        ),
        (
            format!("UPDATE message SET uuid = 'x' WHERE {ids} AND message = 5"),
            "uuid",
        ),
        (
            format!("UPDATE chunk SET part = 9 WHERE {ids} AND message = 5"),
            "reference",
        ),
        (
            "UPDATE history SET last_seq = 1000000 WHERE record = 'us01'".to_owned(),
            "history",
        ),
    ] {
        let (disk, host) = written();
        let mut fixture = Fixture::open(disk, host);
        let texts = fixture.seen();
        fixture.engine.store().commit_now().unwrap();
        let meddled = fixture
            .engine
            .store()
            .write("test", Caller::default(), |tx| tx.execute(&sql, ()));
        meddled.unwrap();
        let report = fixture.task("health.repair", json!({}));
        assert_eq!(report["left"], json!([]), "{sql}: {report}");
        assert_eq!(report["repaired"][0]["code"], code, "{sql}");
        let mended = fixture.seen();
        let said = |seen: &[Value]| seen.iter().map(Value::to_string).collect::<String>().len();
        assert!(said(&mended) * 100 > said(&texts) * 95, "{sql}");
        // What is written next goes on as if nothing had been.
        fixture.talk("us01", 1, "after");
        fixture.call("users.create", json!({ "name": "Zoe" }));
        let after = fixture.task("health.check", json!({}));
        assert_eq!(after["findings"], json!([]), "{sql}");
    }
}

#[test]
fn rows_whose_parents_are_gone_are_set_aside_as_they_were() {
    let (disk, host) = written();
    let mut fixture = Fixture::open(disk, host);
    let orphan = fixture
        .engine
        .store()
        .write("test", Caller::default(), |tx| {
            tx.execute(
                "UPDATE chunk SET part = 9 WHERE user = 1 AND conversation = 2 AND message = 5",
                (),
            )
        });
    orphan.unwrap();
    let report = fixture.task("health.repair", json!({}));
    let aside = report["quarantined"][0].as_str().unwrap();
    let aside = String::from_utf8(fixture.disk.read(aside).unwrap()).unwrap();
    assert!(
        aside.contains("engine 4 and so on") && aside.contains("\"part\":9"),
        "{aside}"
    );
}

#[test]
fn a_content_comes_back_from_the_newest_backup_that_has_it() {
    for bytes in [40_000, 3_000_000] {
        let mut fixture = Fixture::new(2);
        fixture.call("users.create", json!({ "name": "Ada" }));
        let content = noise(7, bytes);
        let artifact = fixture.attach("us01", &content[..bytes.min(4 << 20)]);
        fixture.task("backups.create", json!({}));
        fixture.rest(100);
        let unsaved = fixture.attach("us01", &noise(8, 30_000));
        let pieces = fixture.disk.files();
        let pieces = pieces
            .iter()
            .filter(|(path, size)| path.starts_with("blobs/") && *size > 0);
        for (path, _) in pieces.collect::<Vec<_>>() {
            fixture.disk.flip_bit(path, 1_000).unwrap();
        }
        let report = fixture.task("health.repair", json!({}));
        assert_eq!(report["restored"].as_array().unwrap().len(), 1, "{report}");
        let left: Vec<_> = report["left"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["record"].clone())
            .collect();
        assert_eq!(left, [json!(unsaved)], "{report}");
        let read = fixture.bytes("artifacts.read", json!({ "id": artifact }), &[]);
        assert_eq!(read.1, content[..read.1.len()]);
    }
}

#[test]
fn damage_of_the_journal_is_known_once_a_snapshot_keeps_the_state() {
    let (disk, host) = written();
    let mut fixture = Fixture::open(disk, host);
    let whole = records(&mut fixture);
    damage_line(&fixture.disk, 60);
    let report = fixture.task("health.repair", json!({}));
    assert_eq!(report["left"], json!([]), "{report}");
    assert!(!report["repaired"].as_array().unwrap().is_empty());
    let check = fixture.task("health.check", json!({}));
    assert_eq!(check["findings"], json!([]));
    assert_eq!(
        check["knownDamage"].as_array().unwrap().len(),
        report["repaired"].as_array().unwrap().len()
    );
    // The state can be made from the snapshot alone.
    let Fixture { engine, disk, host } = fixture;
    ready(engine.close()).unwrap();
    ready(disk.remove(database::FILE)).unwrap();
    ready(disk.remove(database::WAL_FILE)).unwrap();
    let mut fixture = Fixture::open(disk, host);
    assert_eq!(records(&mut fixture), whole);
}

#[test]
fn a_backup_that_cannot_be_restored_is_set_aside_with_those_that_build_on_it() {
    let (disk, host) = written();
    let mut fixture = Fixture::open(disk, host);
    fixture.task("backups.create", json!({}));
    fixture.talk("us01", 1, "more");
    fixture.task("backups.create", json!({}));
    let names = fixture.names();
    let size = fixture.disk.read(&format!("backups/{}", names[0])).unwrap();
    fixture
        .disk
        .flip_bit(&format!("backups/{}", names[0]), size.len() as u64 * 4)
        .unwrap();
    let quick = fixture.task("health.check", json!({}));
    assert_eq!(quick["findings"], json!([]), "backups are for a deep check");
    let deep = fixture.task("health.check", json!({ "depth": "deep" }));
    assert_eq!(deep["backups"], 2);
    let found = deep["findings"].as_array().unwrap().iter();
    let found: BTreeSet<String> = found.map(|it| it["record"].to_string()).collect();
    assert_eq!(found.len(), 2, "{deep}");
    let report = fixture.task("health.repair", json!({}));
    assert_eq!(report["left"], json!([]), "{report}");
    assert_eq!(report["quarantined"].as_array().unwrap().len(), 2);
    assert_eq!(fixture.names(), Vec::<String>::new());
    let next = fixture.task("backups.create", json!({}));
    assert_eq!(next["base"], json!([]));
}

#[test]
fn a_repair_is_begun_again_wherever_the_machine_stops() {
    let (written, host) = written();
    let whole = records(&mut Fixture::open(written.fork(1), host.clone()));
    for stop in (0..).step_by(7) {
        let disk = written.fork(stop);
        let mut fixture = Fixture::open(disk.clone(), host.clone());
        disk.flip_bit(database::FILE, 12 * u64::from(PAGE_BYTES) * 8 + 8_000)
            .unwrap();
        disk.crash_at(disk.operations().changes + stop);
        let request = Request::new("health.repair", "{}");
        let is_through = loop {
            if fixture.engine.needs_tick() && ready(fixture.engine.tick(true)).is_err() {
                break false;
            }
            let mut progress = |_: &str| {};
            let step = fixture.engine.task(1, request, &mut progress);
            match ready(async { Ok(step.await) }).unwrap().unwrap() {
                Ok(None) if !disk.is_down() => {}
                Ok(Some(_)) if !disk.is_down() => break true,
                _ => break false,
            }
        };
        drop(fixture);
        disk.crash();
        let host = Rc::new(ManualHost::new(15));
        let mut fixture = Fixture::open(disk, host);
        let report = fixture.task("health.repair", json!({}));
        assert_eq!(report["left"], json!([]), "stopped at {stop}: {report}");
        assert_eq!(records(&mut fixture), whole, "stopped at {stop}");
        if is_through {
            assert!(stop > 50, "{stop}");
            return;
        }
    }
}

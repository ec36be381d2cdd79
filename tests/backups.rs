//! Backups that a store keeps by itself: they cost what changed, come back, and hold nothing that was erased.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod fixture;

use std::rc::Rc;

use serde_json::json;
use strongroom::Code;
use strongroom::backup::BackupNews;
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::engine::{Engine, EngineOptions};
use strongroom::host::ManualHost;
use strongroom::store::{Event, RecoveryCause};

use fixture::{Fixture, noise};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Fixture {
    /// Every backup is what was written, and holds no byte of this.
    fn expect_none_of(&mut self, word: &str) {
        for name in self.names() {
            let verified = self.task("backups.verify", json!({ "name": name }));
            assert_eq!(verified["findings"], json!([]), "{name}");
            let alone = self.take_out(&name, false);
            let mut other = Self::new(1);
            other.import(&alone);
            let seen = json!(other.seen()).to_string();
            assert!(seen.contains("harmless") && !seen.contains(word), "{name}");
        }
        let files = ready(self.disk.list("backups")).unwrap();
        assert!(
            files.iter().all(|name| name.strip_suffix(".zip").is_some()),
            "{files:?}"
        );
    }

    fn news(&mut self) -> Vec<BackupNews> {
        self.told(|event| match event {
            Event::Backup(news) => Some(news),
            _ => None,
        })
    }
}

#[test]
fn a_backup_costs_what_changed_since_the_last_one() {
    let mut fixture = Fixture::new(1);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 60, "early");
    fixture.attach("us01", &noise(1, 3 << 20));
    let first = fixture.task("backups.create", json!({}));
    assert_eq!(
        (&first["base"], &first["kind"]),
        (&json!([]), &json!("manual"))
    );
    fixture.talk("us01", 1, "late");
    fixture.attach("us01", &noise(2, 100_000));
    let second = fixture.task("backups.create", json!({}));
    assert_eq!(second["base"], json!([first["name"]]));
    let (first_bytes, second_bytes) = (first["bytes"].as_u64(), second["bytes"].as_u64());
    assert!(
        second_bytes < Some(400_000),
        "{second_bytes:?} after {first_bytes:?}"
    );
    let full = fixture.task("backups.create", json!({ "full": true }));
    assert_eq!(full["base"], json!([]));
    assert!(full["bytes"].as_u64() > first_bytes);
}

#[test]
fn every_backup_brings_back_the_state_it_is_of() {
    let mut fixture = Fixture::new(2);
    fixture.call("users.create", json!({ "name": "Ada" }));
    let kept = fixture.talk("us01", 3, "kept");
    let artifact = fixture.attach("us01", &noise(3, 200_000));
    fixture.task("backups.create", json!({}));
    fixture.talk("us01", 2, "later");
    let last = fixture.task("backups.create", json!({}));
    let before = fixture.seen();
    for id in &kept {
        fixture.call("conversations.delete", json!({ "id": id }));
    }
    fixture.call("artifacts.delete", json!({ "id": artifact }));
    fixture.task("retention.collect", json!({}));
    let name = last["name"].as_str().unwrap().to_owned();
    let report = fixture.restore(&name).unwrap();
    assert_eq!(report["isDone"], true, "{report}");
    assert_eq!(fixture.seen().len(), before.len());
    let read = json!({ "id": artifact });
    let (_, bytes) = fixture.bytes("artifacts.read", read, &[]);
    assert!(noise(3, 200_000).starts_with(&bytes) && !bytes.is_empty());

    // Taken out, it stands alone.
    let alone = fixture.take_out(&name, false);
    let mut other = Fixture::new(3);
    assert_eq!(other.import(&alone)["isDone"], true);
    assert_eq!(other.seen(), before);
    let taken = fixture.task("backups.taken", json!({}));
    assert_eq!(taken[0]["name"], name);
}

#[test]
fn backups_are_made_by_themselves_and_go_when_newer_ones_took_their_place() {
    let mut fixture = Fixture::new(4);
    fixture.task("backups.configure", json!({ "daily": 3, "weekly": 1 }));
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.rest(6 * MINUTE);
    assert_eq!(
        fixture.names().len(),
        1,
        "the first is due soon after opening"
    );
    assert!(fixture.names()[0].ends_with("-weekly.zip"));
    for day in 1..=16 {
        fixture.talk("us01", 1, &format!("day{day}"));
        fixture.rest(DAY + 2 * 60 * MINUTE);
    }
    let names = fixture.names();
    let weekly = names.iter().filter(|name| name.contains("weekly")).count();
    let daily = names.iter().filter(|name| name.contains("daily")).count();
    assert!(
        (3..=7).contains(&daily) && (1..=2).contains(&weekly),
        "{names:?}"
    );
    let removed: usize = fixture.news().iter().map(|news| news.removed.len()).sum();
    assert!(removed > 5, "{removed}");
    // Each of them is whole.
    for name in names {
        let verified = fixture.task("backups.verify", json!({ "name": name }));
        assert_eq!(verified["findings"], json!([]), "{name}");
        assert!(verified["bytes"].as_u64() > Some(1000));
    }
    let before = fixture.names();
    fixture.rest(2 * 60 * MINUTE);
    assert_eq!(
        fixture.names(),
        before,
        "nothing new is no reason for a backup"
    );
    fixture.task("backups.configure", json!({ "enabled": false }));
    fixture.talk("us01", 1, "after");
    fixture.rest(9 * DAY);
    assert_eq!(fixture.names(), before);
}

#[test]
fn a_wrong_clock_neither_hides_the_newest_backup_nor_has_them_made_without_end() {
    let mut fixture = Fixture::new(18);
    fixture.task("backups.configure", json!({ "daily": 2, "weekly": 1 }));
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 1, "first");
    fixture.rest(2 * 60 * MINUTE);
    let early = fixture.names();
    assert_eq!(early.len(), 1);
    // A battery was empty: the days that follow lie long before those that were.
    fixture.host.advance(-1000 * DAY);
    for day in 1..=3 {
        fixture.talk("us01", 1, &format!("day{day}"));
        fixture.rest(DAY + 2 * 60 * MINUTE);
    }
    let names = fixture.names();
    assert!((3..=4).contains(&names.len()), "{names:?}");
    let listed = fixture.task("backups.list", json!({}));
    let seqs: Vec<u64> = (listed.as_array().unwrap().iter())
        .map(|backup| backup["seq"].as_u64().unwrap())
        .collect();
    assert!(seqs.is_sorted(), "{seqs:?}");
    let (disk, host) = fixture.left_with_backups();
    let mut fixture = Fixture::open(disk, host);
    assert!(json!(fixture.seen()).to_string().contains("day3"));
}

#[test]
fn a_store_of_which_only_backups_are_left_comes_back_and_says_what_is_missing() {
    let mut fixture = Fixture::new(5);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 3, "kept");
    fixture.attach("us01", &noise(4, 50_000));
    let backup = fixture.task("backups.create", json!({}));
    let before = fixture.seen();
    fixture.talk("us01", 1, "lost");
    let (disk, host) = fixture.left_with_backups();
    let mut fixture = Fixture::open(disk, host);
    assert_eq!(fixture.seen(), before);
    let recovery = fixture.recovery().unwrap();
    assert_eq!(recovery.causes, [RecoveryCause::EverythingMissing]);
    assert_eq!(recovery.backup.as_deref(), backup["name"].as_str());
    assert!(
        recovery.damage[0].contains(&format!("after line {}", backup["seq"])),
        "{recovery:?}"
    );
    // It is brought back once, and goes on from there.
    fixture.talk("us01", 1, "new");
    let after = fixture.seen();
    let mut fixture = fixture.reopened();
    assert_eq!((fixture.recovery(), fixture.seen()), (None, after));
}

#[test]
fn a_damaged_backup_is_passed_over_for_an_older_one() {
    let mut fixture = Fixture::new(6);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 2, "kept");
    let old = fixture.task("backups.create", json!({}));
    let before = fixture.seen();
    fixture.talk("us01", 2, "later");
    let new = fixture.task("backups.create", json!({ "full": true }));
    let path = format!("backups/{}", new["name"].as_str().unwrap());
    fixture.disk.flip_bit(&path, 3000 * 8).unwrap();
    let verified = fixture.task("backups.verify", json!({ "name": new["name"] }));
    assert_eq!(
        verified["findings"].as_array().unwrap().len(),
        1,
        "{verified}"
    );
    let (disk, host) = fixture.left_with_backups();
    let mut fixture = Fixture::open(disk, host);
    assert_eq!(fixture.seen(), before);
    let recovery = fixture.recovery().unwrap();
    assert_eq!(recovery.backup.as_deref(), old["name"].as_str());
    assert!(
        recovery
            .damage
            .iter()
            .any(|it| it.contains(new["name"].as_str().unwrap()))
    );
}

#[test]
fn a_lost_base_is_told_and_the_next_backup_stands_alone() {
    let mut fixture = Fixture::new(7);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 2, "one");
    let base = fixture.task("backups.create", json!({}));
    fixture.talk("us01", 1, "two");
    let next = fixture.task("backups.create", json!({}));
    let in_use = fixture.try_task("backups.delete", json!({ "name": base["name"] }));
    assert_eq!(in_use, Err(Code::Conflict));
    let path = format!("backups/{}", base["name"].as_str().unwrap());
    ready(fixture.disk.remove(&path)).unwrap();
    let listed = fixture.task("backups.list", json!({}));
    assert_eq!(listed[0]["lost"], json!([base["name"]]));
    let name = next["name"].as_str().unwrap().to_owned();
    assert_eq!(fixture.restore(&name), Err(Code::ArchiveInvalid));
    let verified = fixture.task("backups.verify", json!({ "name": name }));
    assert!(
        verified["findings"][0]
            .as_str()
            .unwrap()
            .contains(base["name"].as_str().unwrap())
    );
    let after = fixture.task("backups.create", json!({}));
    assert_eq!(after["base"], json!([]));
    assert_eq!(fixture.restore("no.zip"), Err(Code::NotFound));
    assert_eq!(fixture.restore("../lease"), Err(Code::NotFound));
}

#[test]
fn of_an_erased_conversation_no_backup_holds_a_byte_and_all_others_stay() {
    let mut fixture = Fixture::new(8);
    fixture.call("users.create", json!({ "name": "Ada" }));
    let kept = fixture.talk("us01", 30, "harmless");
    let gone = fixture.talk("us01", 1, "SECRETWORD");
    fixture.task("backups.create", json!({}));
    fixture.talk("us01", 1, "between");
    fixture.call("messages.append", json!({
        "conversationId": gone[0], "message": { "role": "user", "parts": [{ "type": "text", "text": "SECRETWORD again" }] },
    }));
    let last = fixture.task("backups.create", json!({}));
    let name = last["name"].as_str().unwrap().to_owned();
    fixture.take_out(&name, false);
    fixture.call("retention.erase", json!({ "id": gone[0] }));
    fixture.rest(MINUTE);
    let rewritten: usize = fixture.news().iter().map(|news| news.rewritten.len()).sum();
    assert_eq!(rewritten, 2);
    let erasure = fixture.call("retention.erasures", json!({}))["items"][0].clone();
    assert!(erasure["doneAt"].is_i64(), "{erasure}");
    assert_eq!(erasure["outOfReach"], json!([name]));
    for name in fixture.names() {
        let verified = fixture.task("backups.verify", json!({ "name": name }));
        assert_eq!(verified["findings"], json!([]), "{name}");
    }
    let alone = fixture.take_out(&name, false);
    let mut other = Fixture::new(9);
    assert_eq!(other.import(&alone)["isDone"], true);
    let seen = other.seen();
    assert_eq!(seen.len(), 1 + 2 * (kept.len() + 1));
    assert!(!json!(seen).to_string().contains("SECRETWORD"));
    assert_eq!(seen, fixture.seen());
}

#[test]
fn an_erasure_cut_off_between_two_backups_is_finished() {
    for stop in 0..60 {
        let mut fixture = Fixture::new(100 + stop);
        fixture.call("users.create", json!({ "name": "Ada" }));
        fixture.talk("us01", 2, "harmless");
        let gone = fixture.talk("us01", 1, "SECRETWORD");
        fixture.task("backups.create", json!({}));
        fixture.talk("us01", 1, "between");
        fixture.task("backups.create", json!({}));
        fixture.rest(1000);
        fixture.call("retention.erase", json!({ "id": gone[0] }));
        fixture.host.advance(300);
        for _ in 0..stop {
            fixture.host.advance(1);
            ready(fixture.engine.tick(true)).unwrap();
        }
        let Fixture { engine, host, disk } = fixture;
        drop(engine);
        disk.crash();
        let mut fixture = Fixture::open(disk, host);
        fixture.rest(MINUTE);
        fixture.expect_none_of("SECRETWORD");
    }
}

#[test]
fn a_full_disk_leaves_no_part_of_a_backup_and_is_told() {
    let mut fixture = Fixture::new(10);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.attach("us01", &noise(5, 500_000));
    fixture.rest(1000);
    let used: u64 = fixture.disk.files().iter().map(|(_, bytes)| bytes).sum();
    fixture.disk.set_capacity(used + 100_000);
    let failed = fixture.try_task("backups.create", json!({}));
    assert_eq!(failed, Err(Code::QuotaExceeded));
    assert_eq!(fixture.names(), Vec::<String>::new());
    fixture.disk.set_capacity(u64::MAX);
    fixture.task("backups.create", json!({}));
    assert_eq!(fixture.names().len(), 1);
    assert_eq!(ready(fixture.disk.list("backups")).unwrap().len(), 1);
}

#[test]
fn what_is_erased_while_a_backup_is_made_is_not_in_it() {
    for verify_slices in [0, 1] {
        let mut fixture = Fixture::new(11);
        fixture.call("users.create", json!({ "name": "Ada" }));
        fixture.talk("us01", 2, "harmless");
        let gone = fixture.talk("us01", 1, "SECRETWORD");
        fixture.attach("us01", &noise(6, 3 << 20));
        let mut verifying = 0;
        while verifying <= verify_slices {
            let made = fixture.slice("backups.create", &mut |progress| {
                verifying += i32::from(progress.contains("\"isVerifying\":true"));
            });
            assert_eq!(
                made, None,
                "it was done too soon to erase anything meanwhile"
            );
        }
        fixture.call("retention.erase", json!({ "id": gone[0] }));
        fixture.rest(MINUTE);
        while fixture.slice("backups.create", &mut |_| {}).is_none() {
            fixture.rest(0);
        }
        fixture.rest(MINUTE);
        assert_eq!(fixture.names().len(), 1);
        fixture.expect_none_of("SECRETWORD");
    }
}

#[test]
fn a_backup_asked_for_during_an_erasure_builds_on_what_is_left() {
    for ticks in 0..60 {
        let mut fixture = Fixture::new(12);
        fixture.call("users.create", json!({ "name": "Ada" }));
        fixture.call("users.create", json!({ "name": "Bob" }));
        fixture.talk("us01", 2, "harmless");
        fixture.talk("us02", 1, "SECRETWORD");
        fixture.attach("us02", &noise(9, 50_000));
        fixture.task("backups.create", json!({}));
        fixture.rest(1000);
        fixture.call("retention.erase", json!({ "id": "us02" }));
        fixture.host.advance(300);
        for _ in 0..ticks {
            fixture.host.advance(1);
            ready(fixture.engine.tick(true)).unwrap();
        }
        // Someone else has the same content, which the first backup holds for the one who is erased alone.
        fixture.attach("us01", &noise(9, 50_000));
        while fixture.slice("backups.create", &mut |_| {}).is_none() {
            fixture.host.advance(1);
            ready(fixture.engine.tick(true)).unwrap();
        }
        fixture.rest(MINUTE);
        assert_eq!(fixture.names().len(), 2);
        fixture.expect_none_of("SECRETWORD");
    }
}

#[test]
fn a_backup_that_a_crash_left_unfinished_goes_with_an_erasure() {
    let mut fixture = Fixture::new(13);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 2, "harmless");
    let gone = fixture.talk("us01", 1, "SECRETWORD");
    fixture.attach("us01", &noise(7, 2 << 20));
    fixture.rest(1000);
    for _ in 0..4 {
        assert_eq!(fixture.slice("backups.create", &mut |_| {}), None);
    }
    let Fixture { engine, host, disk } = fixture;
    drop(engine);
    disk.kill();
    let mut fixture = Fixture::open(disk, host);
    assert_eq!(
        ready(fixture.disk.list("backups")).unwrap(),
        ["backup.part"]
    );
    fixture.call("retention.erase", json!({ "id": gone[0] }));
    fixture.rest(MINUTE);
    assert_eq!(
        ready(fixture.disk.list("backups")).unwrap(),
        Vec::<String>::new()
    );
}

#[test]
fn bringing_a_backup_back_is_begun_again_wherever_the_machine_stops() {
    let mut fixture = Fixture::new(14);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 2, "kept");
    fixture.attach("us01", &noise(8, 50_000));
    fixture.task("backups.create", json!({}));
    let before = fixture.seen();
    let (left, _) = fixture.left_with_backups();
    for stop in 0.. {
        let disk = left.fork(stop);
        disk.crash_at(stop);
        let options = EngineOptions::default();
        let host = Rc::new(ManualHost::new(15));
        let opened = ready(Engine::open(Rc::new(disk.clone()), host.clone(), &options));
        let is_through = opened.is_ok() && !disk.is_down();
        drop(opened);
        disk.crash();
        let mut fixture = Fixture::open(disk, host);
        assert_eq!(fixture.seen(), before, "stopped at {stop}");
        if is_through {
            assert!(stop > 50, "{stop}");
            return;
        }
    }
}

#[test]
fn a_copy_for_a_folder_is_the_file_itself_and_has_not_left() {
    let mut fixture = Fixture::new(16);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 2, "harmless");
    let backup = fixture.task("backups.create", json!({}));
    let name = backup["name"].as_str().unwrap();
    let copy = fixture.take_out(name, true);
    assert_eq!(copy, fixture.disk.read(&format!("backups/{name}")).unwrap());
    assert_eq!(fixture.task("backups.taken", json!({})), json!([]));
}

/// A base and the backup that builds on it, as they were made once, each with the name it had.
const GOLDEN: [(&str, &str); 2] = [
    ("backup-2-base.zip", "2026-01-01T000000.044Z-manual.zip"),
    ("backup-2.zip", "2026-01-01T000000.065Z-manual.zip"),
];

#[test]
fn the_first_backups_are_still_brought_back() {
    let disk = SimDisk::new(41);
    for (golden, name) in GOLDEN {
        let path = format!("{}/tests/golden/{golden}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        disk.write(&format!("backups/{name}"), &bytes).unwrap();
    }
    let mut fixture = Fixture::open(disk, Rc::new(ManualHost::new(41)));
    let recovery = fixture.recovery().unwrap();
    assert_eq!(recovery.backup.as_deref(), Some(GOLDEN[1].1));
    let titles: Vec<_> = ["us01-co01", "us01-co02", "us01-co03"]
        .map(|id| fixture.call("conversations.get", json!({ "id": id }))["title"].clone())
        .to_vec();
    assert_eq!(titles, ["frozen", "frozen", "later"]);
    for (id, word) in [("us01-co01", "frozen"), ("us01-co03", "later")] {
        let messages = fixture.call("messages.list", json!({ "conversationId": id }));
        let texts = messages["items"].as_array().unwrap().iter();
        let texts: Vec<_> = texts.map(|it| it["text"].as_str().unwrap()).collect();
        assert_eq!(texts.len(), 20);
        assert!(texts[0].starts_with(&format!("{word} 19 and so on")));
    }
    let listed = fixture.call("artifacts.list", json!({ "userId": "us01" }));
    let artifact = json!({ "id": listed["items"][0]["id"] });
    assert_eq!(
        fixture.bytes("artifacts.read", artifact, &[]).1,
        noise(4, 2_000)
    );
    let check = fixture.task("health.check", json!({ "depth": "deep" }));
    assert_eq!(check["findings"], json!([]));
    assert_eq!(check["backups"], 2);
}

#[test]
fn what_was_deleted_comes_back_under_the_number_that_it_had() {
    let mut fixture = Fixture::new(44);
    fixture.call("users.create", json!({ "name": "Ada" }));
    let conversations = fixture.talk("us01", 3, "before");
    let made = fixture.task("backups.create", json!({}));
    fixture.call("conversations.delete", json!({ "id": conversations[1] }));
    let new = fixture.talk("us01", 1, "since");
    assert_eq!(new, ["us01-co04"]);
    fixture.call("messages.delete", json!({ "id": "us01-co03-ms20" }));
    fixture.restore(made["name"].as_str().unwrap()).unwrap();
    let messages = fixture.call(
        "messages.list",
        json!({ "conversationId": conversations[1], "limit": 100 }),
    );
    assert_eq!(messages["items"].as_array().unwrap().len(), 20);
    let last = fixture.call("messages.get", json!({ "id": "us01-co03-ms20" }));
    assert!(last["text"].as_str().unwrap().starts_with("before 19"));
    let since = fixture.call("conversations.get", json!({ "id": "us01-co04" }));
    assert_eq!(since["title"], "since");
    assert_eq!(fixture.talk("us01", 1, "next"), ["us01-co05"]);
    // Elsewhere a number that is taken is given anew.
    let archive = fixture.take_out(made["name"].as_str().unwrap(), false);
    let mut other = Fixture::new(45);
    other.call("users.create", json!({ "name": "Eve" }));
    other.talk("us01", 1, "other");
    other.import(&archive);
    assert_eq!(
        other.call("conversations.get", json!({ "id": "us02-co02" }))["title"],
        "before"
    );
}

#[test]
fn a_folder_of_backups_is_brought_in_by_its_newest_with_what_that_builds_on() {
    let read = |golden: &str| {
        let path = format!("{}/tests/golden/{golden}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    };
    let files = GOLDEN.map(|(golden, name)| (format!("copies/{name}"), read(golden)));
    for order in [[0, 1], [1, 0]] {
        let mut fixture = Fixture::new(42);
        let files = order.map(|at| (files[at].0.as_str(), files[at].1.as_slice()));
        let report = fixture.try_import(&files, json!({})).unwrap();
        assert_eq!(report["isDone"], true);
        let later = fixture.call("conversations.get", json!({ "id": "us01-co03" }));
        assert_eq!(later["title"], "later");
        let listed = fixture.call("artifacts.list", json!({ "userId": "us01" }));
        let artifact = json!({ "id": listed["items"][0]["id"] });
        assert_eq!(
            fixture.bytes("artifacts.read", artifact, &[]).1,
            noise(4, 2_000)
        );
    }
    // Without the other the newest is not whole.
    let mut fixture = Fixture::new(43);
    let alone = [(files[1].0.as_str(), files[1].1.as_slice())];
    assert_eq!(
        fixture.try_import(&alone, json!({})),
        Err(Code::ArchiveInvalid)
    );
    // Archives of two stores are two imports.
    let golden = read("archive-1.zip");
    let mixed = [
        alone[0],
        (files[0].0.as_str(), files[0].1.as_slice()),
        ("archive.zip", golden.as_slice()),
    ];
    assert_eq!(
        fixture.try_import(&mixed, json!({})),
        Err(Code::InvalidArgument)
    );
}

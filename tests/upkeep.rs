//! What keeps a store small, by itself and when it is asked to, and what is told of it meanwhile.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod fixture;

use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::Code;
use strongroom::database;
use strongroom::database::migrate::LATEST;
use strongroom::disk::ready;
use strongroom::disk::sim::SimDisk;
use strongroom::engine::{Engine, EngineOptions};
use strongroom::host::ManualHost;

use fixture::{Fixture, noise};

impl Fixture {
    /// A store of which most was deleted.
    fn mostly_deleted(seed: u64) -> Self {
        let mut fixture = Self::new(seed);
        fixture.call("users.create", json!({ "name": "Ada" }));
        let conversations = fixture.talk("us01", 40, "compilers");
        fixture.rest(1000);
        for conversation in conversations.iter().skip(2) {
            fixture.call("conversations.delete", json!({ "id": conversation }));
        }
        fixture.engine.store().checkpoint_now().unwrap();
        fixture
    }

    fn database_bytes(&self) -> usize {
        self.disk.read(database::FILE).unwrap().len()
    }

    fn all_bytes(&self) -> u64 {
        self.disk.files().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Does long work to its end; gives what it came to, and what it told.
    fn listen(&mut self, method: &str) -> (Value, Vec<Value>) {
        let mut told = Vec::new();
        loop {
            let mut tell = |step: &str| told.push(serde_json::from_str(step).unwrap());
            if let Some(done) = self.slice(method, &mut tell) {
                return (done, told);
            }
        }
    }

    fn compact(&mut self) -> (Value, Vec<Value>) {
        self.listen("health.compact")
    }

    fn works(&mut self) -> Vec<Value> {
        let upkeep = self.task("health.upkeep", json!({}));
        upkeep.as_array().unwrap().clone()
    }
}

#[test]
fn a_compaction_gives_back_what_is_free_and_tells_how_far_it_is() {
    let mut fixture = Fixture::mostly_deleted(1);
    let seen = fixture.seen();
    let (database, all) = (fixture.database_bytes(), fixture.all_bytes());
    let (compacted, told) = fixture.compact();
    let freed = all - fixture.all_bytes();
    assert!(fixture.database_bytes() < database * 3 / 4);
    assert!(freed > 500_000, "{freed}");
    assert_eq!(compacted["bytes"], freed);
    let done: Vec<u64> = told
        .iter()
        .map(|step| step["done"].as_u64().unwrap())
        .collect();
    assert!(done.len() > 4 && done.is_sorted(), "{done:?}");
    assert_eq!(told.last().unwrap()["done"], told.last().unwrap()["total"]);
    assert_eq!(fixture.seen(), seen);
    assert_eq!(fixture.compact().0["bytes"], 0);
    assert_eq!(fixture.reopened().seen(), seen);
}

#[test]
fn a_compaction_compresses_the_journal_even_if_it_has_one_segment() {
    let mut fixture = Fixture::new(2);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 40, "compilers");
    let segments = fixture.engine.store().journal().segments();
    assert_eq!((segments.len(), segments[0].sealed), (1, false));
    let plain = segments[0].bytes;
    fixture.compact();
    let segments = fixture.engine.store().journal().segments();
    assert_eq!((segments.len(), segments[0].sealed), (2, true));
    let journal = |(path, _): &(String, u64)| path.starts_with("journal/");
    let files = fixture.disk.files();
    let bytes: u64 = files
        .iter()
        .filter(|it| journal(it))
        .map(|(_, bytes)| bytes)
        .sum();
    assert!(bytes < plain / 4, "{bytes} of {plain}");
}

#[test]
fn the_machine_may_stop_at_any_step_of_a_compaction() {
    let mut fixture = Fixture::mostly_deleted(3);
    let seen = fixture.seen();
    let before = fixture.disk.operations().changes;
    let whole = fixture.disk.fork(1);
    fixture.compact();
    let steps = fixture.disk.operations().changes - before;
    assert!(steps > 20, "{steps}");
    for step in (0..steps).step_by(7) {
        let disk = whole.fork(step);
        let host = Rc::new(ManualHost::new(step));
        let mut fixture = Fixture::open(disk.clone(), host.clone());
        disk.crash_at(disk.operations().changes + step);
        while !disk.is_down() {
            if fixture.try_task("health.compact", json!({})).is_ok() {
                break;
            }
        }
        drop(fixture);
        disk.crash();
        assert_eq!(Fixture::open(disk, host).seen(), seen, "step {step}");
    }
}

#[test]
fn a_compaction_waits_for_an_export() {
    let mut fixture = Fixture::mostly_deleted(4);
    let begun = fixture.bytes("exports.begin", json!({ "scope": { "kind": "all" } }), &[]);
    let refused = fixture.try_task("health.compact", json!({}));
    assert_eq!(refused, Err(Code::Locked));
    fixture.bytes("exports.end", json!({ "export": begun.0["export"] }), &[]);
    assert!(fixture.compact().0["bytes"].as_u64().unwrap() > 500_000);
}

#[test]
fn pages_that_became_free_are_given_back_by_itself() {
    let fixture = Fixture::mostly_deleted(5);
    let database = fixture.database_bytes();
    let mut fixture = fixture.reopened();
    assert_eq!(fixture.database_bytes(), database);
    fixture.rest(1000);
    fixture.engine.store().checkpoint_now().unwrap();
    assert!(fixture.database_bytes() < database * 3 / 4);
}

#[test]
fn a_few_free_pages_stay_for_what_comes_next() {
    let mut fixture = Fixture::new(6);
    fixture.call("users.create", json!({ "name": "Ada" }));
    let conversations = fixture.talk("us01", 20, "compilers");
    fixture.rest(1000);
    fixture.call("conversations.delete", json!({ "id": conversations[0] }));
    fixture.engine.store().checkpoint_now().unwrap();
    let database = fixture.database_bytes();
    let mut fixture = fixture.reopened();
    fixture.rest(1000);
    fixture.engine.store().checkpoint_now().unwrap();
    assert_eq!(fixture.database_bytes(), database);
}

#[test]
fn upkeep_tells_what_it_is_doing_until_it_is_done() {
    let mut fixture = Fixture::new(7);
    fixture.call("users.create", json!({ "name": "Ada" }));
    fixture.talk("us01", 40, "compilers");
    fixture.rest(1000);
    assert_eq!(fixture.works(), Vec::<Value>::new());
    fixture.task("search.rebuild", json!({}));
    let works = fixture.works();
    assert_eq!(works.len(), 1, "{works:?}");
    assert_eq!(
        (&works[0]["work"], &works[0]["done"]),
        (&json!("index"), &json!(0))
    );
    assert!(works[0]["total"].as_u64().unwrap() >= 800);
    fixture.task("search.build", json!({}));
    let further = fixture.works();
    assert!(further[0]["done"].as_u64().unwrap() > 0, "{further:?}");
    fixture.rest(1000);
    assert_eq!(fixture.works(), Vec::<Value>::new());
}

#[test]
fn a_collection_tells_how_far_it_has_looked() {
    let mut fixture = Fixture::new(8);
    fixture.call("users.create", json!({ "name": "Ada" }));
    for seed in 0..3 {
        let artifact = fixture.attach("us01", &noise(seed, 50_000));
        fixture.call("artifacts.delete", json!({ "id": artifact }));
    }
    // What was just written is not looked at.
    let mut fixture = fixture.reopened();
    let (collected, told) = fixture.listen("retention.collect");
    assert_eq!(collected["contents"], 3);
    assert_eq!(told[0], json!({ "done": 3, "total": 3 }));
}

#[test]
fn opening_tells_how_far_the_migration_of_an_older_store_is() {
    let open = |disk: &SimDisk, host: &Rc<ManualHost>| {
        let mut told: Vec<Value> = Vec::new();
        let mut tell = |step: &str| told.push(serde_json::from_str(step).unwrap());
        let options = EngineOptions::default();
        let disk = Rc::new(disk.clone());
        let opened = Engine::open_telling(disk, host.clone(), &options, &mut tell);
        (ready(opened).unwrap(), told)
    };
    let (disk, host) = (SimDisk::new(9), Rc::new(ManualHost::new(9)));
    let (mut engine, told) = open(&disk, &host);
    assert_eq!(
        told,
        Vec::<Value>::new(),
        "a new store is none of an older version"
    );
    ready(engine.store().migrate(LATEST - 2, &mut |_| {})).unwrap();
    ready(engine.close()).unwrap();
    let (engine, told) = open(&disk, &host);
    let step = |done: u32| json!({ "done": done, "total": 2, "version": LATEST - 2 + done });
    assert_eq!(told, [step(0), step(1), step(2)]);
    ready(engine.close()).unwrap();
    let (_, told) = open(&disk, &host);
    assert_eq!(told, Vec::<Value>::new());
}

//! Policies: which records they find, what they keep, and that they run by themselves.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::Code;
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::ready;
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::error::Error;
use strongroom::host::ManualHost;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

struct Fixture {
    engine: Engine,
    host: Rc<ManualHost>,
}

impl Fixture {
    /// Two users with conversations `us01-co01` to `co04` and `us02-co01`, each a day older than the next.
    fn new() -> Self {
        let host = Rc::new(ManualHost::new(5));
        let disk = Rc::new(MemoryDisk::default());
        let engine = ready(Engine::open(disk, host.clone(), &EngineOptions::default())).unwrap();
        let mut fixture = Self { engine, host };
        for name in ["Ada", "Grace"] {
            fixture.call("users.create", &json!({ "name": name }));
        }
        for (user, context) in [
            ("us01", "work"),
            ("us01", "home"),
            ("us02", "work"),
            ("us01", "work"),
            ("us01", "work"),
        ] {
            let new = json!({ "userId": user, "context": context });
            fixture.call("conversations.create", &new);
            fixture.host.advance(DAY_MS);
        }
        fixture
    }

    fn ask(&mut self, user: Option<&str>, method: &str, args: &Value) -> Result<Value, Error> {
        while self.engine.needs_tick() {
            ready(self.engine.tick(true)).unwrap();
        }
        let request = Request {
            method,
            args: &args.to_string(),
            user,
            request_id: None,
        };
        match self.engine.turn(&[request]).remove(0) {
            Answer::Done(json) => Ok(serde_json::from_str(&json).unwrap()),
            Answer::Failed(error) | Answer::Again(error) => Err(error),
        }
    }

    fn call(&mut self, method: &str, args: &Value) -> Value {
        self.ask(None, method, args).unwrap()
    }

    fn policy(&mut self, policy: &Value) -> Value {
        self.call("retention.create", policy)["policy"].clone()
    }

    fn status(&mut self, id: &str) -> String {
        match self.ask(None, "conversations.get", &json!({ "id": id })) {
            Ok(found) if found["deletedAt"].is_number() => "removed".to_owned(),
            Ok(found) => found["status"].as_str().unwrap().to_owned(),
            Err(error) => error.code().to_string(),
        }
    }
}

#[test]
fn a_policy_finds_what_is_old_and_fits_and_keeps_the_newest() {
    let mut f = Fixture::new();
    let conversations = |policy: Value| {
        let mut all = json!({ "kind": "conversations", "action": "archive", "ageMs": 0 });
        all.as_object_mut()
            .unwrap()
            .extend(policy.as_object().unwrap().clone());
        all
    };
    for (policy, found) in [
        (
            json!({}),
            &[
                "us01-co01",
                "us01-co02",
                "us01-co03",
                "us01-co04",
                "us02-co01",
            ][..],
        ),
        (
            json!({ "ageMs": 3 * DAY_MS + 1 }),
            &["us01-co01", "us01-co02"],
        ),
        (
            json!({ "context": "work" }),
            &["us01-co01", "us01-co03", "us01-co04", "us02-co01"],
        ),
        (json!({ "userId": "us02" }), &["us02-co01"]),
        (
            json!({ "keep": 1 }),
            &["us01-co01", "us01-co02", "us01-co03"],
        ),
        (json!({ "keep": 2, "context": "work" }), &["us01-co01"]),
        (json!({ "keep": 9 }), &[]),
        (json!({ "status": "archived", "action": "delete" }), &[]),
    ] {
        let number = f.policy(&conversations(policy.clone()));
        let report = f.call("retention.rehearse", &json!({ "policy": number }));
        assert_eq!(report["ids"], json!(found), "{policy}");
        assert_eq!(report["more"], json!(false));
    }
    assert_eq!(
        f.status("us01-co01"),
        "active",
        "a rehearsal changes nothing"
    );
}

#[test]
fn a_policy_runs_in_slices_and_leaves_alone_what_it_is_done_with() {
    let mut f = Fixture::new();
    let number =
        f.policy(&json!({ "kind": "conversations", "action": "archive", "ageMs": 0, "keep": 1 }));
    let run = json!({ "policy": number, "limit": 2 });
    let first = f.call("retention.run", &run);
    assert_eq!(
        first,
        json!({ "ids": ["us01-co01", "us01-co02"], "action": "archive", "more": true })
    );
    // Those put away no longer count among those that are kept.
    let second = f.call("retention.run", &run);
    assert_eq!(
        second,
        json!({ "ids": ["us01-co03"], "action": "archive", "more": false })
    );
    assert_eq!(f.call("retention.run", &run)["ids"], json!([]));
    let policy = f.call("retention.get", &json!({ "policy": number }));
    assert_eq!(policy["runCount"], json!(3));
    assert!(policy["runAt"].is_number());
    assert_eq!(f.status("us01-co03"), "archived");
    assert_eq!(f.status("us01-co04"), "active");
}

#[test]
fn archived_then_removed_then_deleted() {
    let mut f = Fixture::new();
    for (action, status) in [
        ("archive", "archived"),
        ("remove", "removed"),
        ("delete", "not_found"),
    ] {
        let number = f.policy(
            &json!({ "userId": "us02", "kind": "conversations", "action": action, "ageMs": 0 }),
        );
        f.host.advance(1);
        f.call("retention.run", &json!({ "policy": number }));
        assert_eq!(f.status("us02-co01"), status);
    }
    assert_eq!(f.status("us01-co01"), "active");
}

#[test]
fn an_enabled_policy_runs_by_itself_once_a_day() {
    let mut f = Fixture::new();
    let idle = json!({ "kind": "conversations", "action": "delete", "ageMs": 0, "enabled": false });
    f.policy(&idle);
    f.policy(&json!({ "kind": "conversations", "action": "delete", "ageMs": 4 * DAY_MS, "context": "work" }));
    for _ in 0..60 {
        f.host.advance(2 * 60 * 1000);
        ready(f.engine.tick(true)).unwrap();
    }
    assert_eq!(f.status("us01-co01"), "not_found");
    assert_eq!(f.status("us01-co03"), "active", "too young");
    assert_eq!(f.status("us01-co02"), "active", "elsewhere");
    let policies = f.call("retention.list", &json!({}));
    assert_eq!(policies["items"][0]["runCount"], json!(0));
    assert_eq!(policies["items"][1]["runCount"], json!(1));
}

#[test]
fn a_users_view_has_that_users_policies_alone() {
    let mut f = Fixture::new();
    let all = f.policy(&json!({ "kind": "conversations", "action": "delete", "ageMs": 0 }));
    let own = json!({ "kind": "conversations", "action": "delete", "ageMs": 0 });
    let mine = f.ask(Some("us02"), "retention.create", &own).unwrap();
    assert_eq!(mine["userId"], json!("us02"));
    let listed = f.ask(Some("us02"), "retention.list", &json!({})).unwrap();
    assert_eq!(listed["items"], json!([mine]));
    let theirs =
        json!({ "userId": "us01", "kind": "conversations", "action": "delete", "ageMs": 0 });
    for (method, args) in [
        ("retention.create", theirs),
        ("retention.get", json!({ "policy": all })),
        ("retention.run", json!({ "policy": all })),
        ("retention.remove", json!({ "policy": all })),
        (
            "retention.update",
            json!({ "policy": all, "version": 1, "ageMs": 5 }),
        ),
    ] {
        let error = f.ask(Some("us02"), method, &args).unwrap_err();
        assert_eq!(error.code(), Code::NotFound, "{method}");
    }
    f.ask(
        Some("us02"),
        "retention.run",
        &json!({ "policy": mine["policy"] }),
    )
    .unwrap();
    assert_eq!(f.status("us02-co01"), "not_found");
    assert_eq!(f.status("us01-co01"), "active");
}

#[test]
fn what_makes_no_policy_is_refused() {
    let mut f = Fixture::new();
    for wrong in [
        json!({ "kind": "moods", "action": "delete", "ageMs": 0 }),
        json!({ "kind": "conversations", "action": "forget", "ageMs": 0 }),
        json!({ "kind": "conversations", "action": "delete", "ageMs": -1 }),
        json!({ "kind": "conversations", "action": "delete", "ageMs": 0, "keep": -1 }),
    ] {
        let error = f.ask(None, "retention.create", &wrong).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{wrong}");
    }
    assert_eq!(f.call("retention.list", &json!({}))["items"], json!([]));
}

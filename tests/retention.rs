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
        json!({ "kind": "conversations", "action": "delete", "ageMs": 0, "status": "retired" }),
    ] {
        let error = f.ask(None, "retention.create", &wrong).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{wrong}");
    }
    assert_eq!(f.call("retention.list", &json!({}))["items"], json!([]));
}

/// What a policy for everyone's records lets go of, in one run.
fn run(f: &mut Fixture, policy: &Value) -> Vec<String> {
    let number = f.policy(policy);
    let report = f.call("retention.run", &json!({ "policy": number }));
    assert_eq!(report["more"], json!(false));
    serde_json::from_value(report["ids"].clone()).unwrap()
}

#[test]
fn learnings_are_let_go_of_by_policies() {
    let mut f = Fixture::new();
    let mut learn = |user: &str, context: &str, text: &str| {
        let new = json!({ "userId": user, "context": context, "text": text, "tags": ["t"] });
        let id = f.call("learnings.create", &new)["id"].clone();
        f.host.advance(DAY_MS);
        id.as_str().unwrap().to_owned()
    };
    let ids = [
        learn("us01", "work", "first"),
        learn("us01", "home", "second"),
        learn("us02", "work", "third"),
        learn("us01", "work", "fourth"),
        learn("us01", "work", "fifth"),
    ];
    let delete = |more: Value| {
        let mut policy = json!({ "kind": "learnings", "action": "delete", "ageMs": 0 });
        let more = more.as_object().unwrap().clone();
        policy.as_object_mut().unwrap().extend(more);
        policy
    };
    let old = delete(json!({ "ageMs": 4 * DAY_MS + 1 }));
    assert_eq!(run(&mut f, &old), ids[..1]);
    let kept = delete(json!({ "context": "work", "keep": 1 }));
    assert_eq!(run(&mut f, &kept), ids[3..4]);
    let left = |f: &mut Fixture, user: &str| {
        f.call("learnings.list", &json!({ "userId": user }))["items"].clone()
    };
    let texts: Vec<_> = left(&mut f, "us01")
        .as_array()
        .unwrap()
        .iter()
        .map(|learning| learning["text"].clone())
        .collect();
    assert_eq!(texts, ["fifth", "second"]);
    assert_eq!(left(&mut f, "us02").as_array().unwrap().len(), 1);
    for wrong in [json!({ "status": "kept" }), json!({ "action": "remove" })] {
        let refused = f.ask(None, "retention.create", &delete(wrong));
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[test]
fn jobs_that_have_ended_are_let_go_of_by_policies() {
    let mut f = Fixture::new();
    let mut job = |user: &str, end: Option<&str>| {
        let new = json!({ "userId": user, "queue": "q", "payload": {}, "maxAttempts": 1 });
        let id = f.call("jobs.enqueue", &new)["id"].clone();
        match end {
            Some("jobs.cancel") => {
                f.call("jobs.cancel", &json!({ "id": id }));
            }
            Some(end) => {
                let taken = f.call("jobs.dequeue", &json!({ "userId": user, "queue": "q" }));
                assert_eq!(taken[0]["id"], id);
                let mut args = json!({ "id": id, "lease": taken[0]["lease"] });
                if end == "jobs.fail" {
                    args["error"] = json!("it broke");
                }
                f.call(end, &args);
            }
            None => {}
        }
        f.host.advance(DAY_MS);
        id.as_str().unwrap().to_owned()
    };
    let done = job("us01", Some("jobs.complete"));
    let dead = job("us01", Some("jobs.fail"));
    let other = job("us02", Some("jobs.complete"));
    let cancelled = job("us01", Some("jobs.cancel"));
    let newest = job("us01", Some("jobs.complete"));
    let waiting = job("us01", None);
    let policy = |more: Value| {
        let mut policy = json!({ "kind": "jobs", "action": "delete", "ageMs": 0 });
        let more = more.as_object().unwrap().clone();
        policy.as_object_mut().unwrap().extend(more);
        policy
    };
    let old = policy(json!({ "ageMs": 4 * DAY_MS, "status": "done" }));
    assert_eq!(run(&mut f, &old), [done]);
    assert_eq!(run(&mut f, &policy(json!({ "status": "dead" }))), [dead]);
    assert_eq!(
        run(&mut f, &policy(json!({ "userId": "us01", "keep": 1 }))),
        [cancelled]
    );
    let left = f.call("jobs.list", &json!({ "userId": "us01" }));
    let left: Vec<_> = left["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].clone())
        .collect();
    assert_eq!(left, [waiting, newest]);
    assert_eq!(
        f.call("jobs.get", &json!({ "id": other }))["state"],
        json!("done")
    );
    for wrong in [
        json!({ "status": "queued" }),
        json!({ "context": "work" }),
        json!({ "action": "archive" }),
    ] {
        let refused = f.ask(None, "retention.create", &policy(wrong));
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[test]
fn complete_charts_are_let_go_of_by_policies_with_what_hangs_below() {
    let mut f = Fixture::new();
    let mut chart = |user: &str, context: &str| {
        let new = json!({ "userId": user, "context": context, "desiredOutcome": "o", "currentReality": "r",
            "dueDate": "2026-12-31", "actionSteps": ["one"] });
        let id = f.call("charts.create", &new)["chart"]["id"].clone();
        f.host.advance(DAY_MS);
        id.as_str().unwrap().to_owned()
    };
    for (user, context, id) in [
        ("us01", "work", "chart_1"),
        ("us01", "work", "chart_2"),
        ("us01", "home", "chart_3"),
        ("us02", "work", "chart_1"),
        ("us01", "work", "chart_4"),
    ] {
        assert_eq!(chart(user, context), id);
    }
    let named = |user: &str, context: &str, chart: &str| json!({ "userId": user, "context": context, "chart": chart });
    // The first is complete with a chart below it; the second has a complete chart below it, and is not.
    for parent in ["chart_1", "chart_2"] {
        let step = json!({ "userId": "us01", "context": "work", "step": format!("{parent}_action_1"), "currentReality": "r" });
        f.call("charts.telescope", &step);
    }
    f.call("charts.complete", &named("us01", "work", "chart_1"));
    let open = json!({ "userId": "us01", "context": "work", "chart": "chart_2", "text": "later" });
    f.call("charts.addStep", &open);
    f.call("charts.complete", &named("us01", "work", "chart_6"));
    f.host.advance(DAY_MS);
    for (user, context, id) in [
        ("us01", "home", "chart_3"),
        ("us02", "work", "chart_1"),
        ("us01", "work", "chart_4"),
    ] {
        f.call("charts.complete", &named(user, context, id));
        f.host.advance(DAY_MS);
    }
    let policy = |more: Value| {
        let mut policy = json!({ "kind": "charts", "action": "delete", "ageMs": 0 });
        let more = more.as_object().unwrap().clone();
        policy.as_object_mut().unwrap().extend(more);
        policy
    };
    let archive = policy(json!({ "action": "archive", "context": "home" }));
    assert_eq!(run(&mut f, &archive), ["us01/home/chart_3"]);
    assert_eq!(run(&mut f, &archive), [""; 0]);
    let found = f.call("charts.get", &named("us01", "home", "chart_3"));
    assert_eq!(found["chart"]["archived"], json!(true));
    f.host.advance(1);
    let old = policy(json!({ "ageMs": 3 * DAY_MS, "status": "completed" }));
    assert_eq!(run(&mut f, &old), ["us01/work/chart_1"]);
    let left = |f: &mut Fixture, user: &str| {
        let all = f.call("charts.list", &json!({ "userId": user, "status": "all" }));
        let mut ids: Vec<_> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|chart| chart["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(
        left(&mut f, "us01"),
        ["chart_2", "chart_3", "chart_4", "chart_6"],
        "with the chart below it, and no other"
    );
    assert_eq!(left(&mut f, "us02"), ["chart_1"]);
    assert_eq!(
        run(&mut f, &policy(json!({ "userId": "us01", "keep": 1 }))),
        ["us01/work/chart_4"],
        "the newest changed last, by being put away"
    );
    assert_eq!(
        run(&mut f, &policy(json!({}))),
        ["us01/home/chart_3", "us02/work/chart_1"]
    );
    assert_eq!(left(&mut f, "us01"), ["chart_2", "chart_6"]);
    for wrong in [json!({ "status": "active" }), json!({ "action": "remove" })] {
        let refused = f.ask(None, "retention.create", &policy(wrong));
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[test]
fn charts_that_stand_twice_or_hang_together_stop_no_policy() {
    let mut f = Fixture::new();
    let head = |name: &str, chart: &str| {
        let metadata = json!({ "chartId": chart, "completionStatus": true });
        let head = json!({ "type": "entity", "name": name, "entityType": "structural_tension_chart", "metadata": metadata });
        head.to_string()
    };
    let step = json!({ "type": "entity", "name": "s", "entityType": "action_step", "metadata": { "chartId": "a" } });
    let hangs = json!({ "type": "relation", "from": "s", "to": "below", "relationType": "telescopes_into" });
    let text = [
        head("one", "a"),
        head("two", "a"),
        head("below", "b"),
        step.to_string(),
        hangs.to_string(),
    ]
    .join("\n");
    f.call("charts.load", &json!({ "userId": "us01", "text": text }));
    f.host.advance(1);
    let policy = json!({ "kind": "charts", "action": "delete", "ageMs": 0 });
    assert_eq!(
        run(&mut f, &policy),
        ["us01/default/a", "us01/default/a"],
        "what hangs below another is not found by itself"
    );
    let left = f.call("charts.graph", &json!({ "userId": "us01" }));
    assert_eq!(left, json!({ "entities": [], "relations": [] }));
}

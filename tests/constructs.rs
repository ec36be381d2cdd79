//! Agent work: constructs, sessions and their transcripts, links, artifacts, timeline and metrics.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::float_cmp,
    clippy::indexing_slicing,
    clippy::many_single_char_names,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test may panic, and values come back as they were given"
)]

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use strongroom::database::migrate::LATEST;
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::domain::constructs::{self as k, Construct, ConstructStatus};
use strongroom::domain::links::{self, ConstructLink};
use strongroom::domain::metrics::{self, MetricBucket};
use strongroom::domain::page::Page;
use strongroom::domain::sessions::{self, Session, SessionStatus};
use strongroom::domain::timeline::{self, TimelineEvent};
use strongroom::domain::{artifacts, contexts, conversations, messages, retention, users};
use strongroom::host::ManualHost;
use strongroom::id::UserId;
use strongroom::store::{Caller, Options, Store, Tx, View};
use strongroom::{Code, Result};

const ADA: UserId = UserId { user: 1 };
const EVE: UserId = UserId { user: 2 };

/// The last schema without agent work.
const BEFORE: u32 = 8;

struct Fixture {
    store: Store,
    host: Rc<ManualHost>,
    disk: MemoryDisk,
}

fn args<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn caller(user: Option<UserId>) -> Caller<'static> {
    Caller {
        user,
        request_id: None,
    }
}

impl Fixture {
    /// A store with Ada and Eve in it.
    fn new() -> Self {
        let host = Rc::new(ManualHost::new(5));
        let disk = MemoryDisk::default();
        let open = Store::open(Rc::new(disk.clone()), host.clone(), Options::default());
        let store = ready(open).unwrap();
        let mut fixture = Self { store, host, disk };
        for name in ["Ada", "Eve"] {
            fixture
                .try_as(None, |tx| users::create(tx, &args(json!({ "name": name }))))
                .unwrap();
        }
        fixture
    }

    fn try_as<T: Serialize + DeserializeOwned>(
        &mut self,
        user: Option<UserId>,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.host.advance(1);
        self.store.write("test", caller(user), work)?.value()
    }

    /// Writes for Ada.
    fn write<T: Serialize + DeserializeOwned>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> T {
        self.try_as(Some(ADA), work).unwrap()
    }

    /// What Ada is refused with; nothing is changed by it.
    fn refusal<T: Serialize + DeserializeOwned + std::fmt::Debug>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Code {
        let before = self.store.last_seq();
        let code = self.try_as(Some(ADA), work).unwrap_err().code();
        assert_eq!(self.store.last_seq(), before, "nothing was changed");
        code
    }

    fn read<T>(&mut self, work: impl FnOnce(&View<'_>) -> Result<T>) -> T {
        self.store.read(caller(Some(ADA)), work).unwrap()
    }

    fn count(&mut self, table: &str) -> i64 {
        self.read(|view| {
            let mut count = view.prepare(&format!("SELECT count(*) FROM {table}"))?;
            Ok(count.query_row([], |row| row.get(0))?)
        })
    }

    fn construct(&mut self, name: &str) -> Construct {
        let new = json!({ "type": "agent", "name": name });
        self.write(|tx| k::create(tx, &args(new)))
    }

    fn session(&mut self, construct: &str) -> Session {
        let new = json!({ "constructId": construct, "name": "work" });
        self.write(|tx| sessions::create(tx, &args(new)))
    }

    fn link(&mut self, from: &str, to: &str, kind: &str) -> ConstructLink {
        let new = json!({ "from": from, "to": to, "kind": kind });
        self.write(|tx| links::create(tx, &args(new)))
    }

    fn set_status(&mut self, id: &str, status: &str) -> Result<Construct> {
        let change = json!({ "id": id, "status": status });
        self.try_as(Some(ADA), |tx| k::set_status(tx, &args(change)))
    }

    /// All pages of a list, each of which keeps to the limit.
    fn all<Q: DeserializeOwned, T>(
        &mut self,
        list: fn(&View<'_>, &Q) -> Result<Page<T>>,
        query: &Value,
    ) -> Vec<T> {
        let mut items = Vec::new();
        let mut query = query.clone();
        loop {
            let page = self.read(|view| list(view, &args(query.clone())));
            if let Some(limit) = query["limit"].as_u64() {
                assert!(page.items.len() as u64 <= limit);
            }
            items.extend(page.items);
            match page.next_cursor {
                Some(cursor) => query["cursor"] = cursor.into(),
                None => return items,
            }
        }
    }

    fn names(&mut self, query: &Value) -> Vec<String> {
        let items = self.all(k::list, query);
        items.into_iter().map(|construct| construct.name).collect()
    }

    fn events(&mut self, query: &Value) -> Vec<TimelineEvent> {
        self.all(timeline::list, query)
    }

    fn walk(&mut self, query: &Value) -> Vec<(String, i64)> {
        let reached = self.all(links::walk, query);
        reached
            .into_iter()
            .map(|reached| (reached.construct.name, reached.distance))
            .collect()
    }

    /// Writes one of everything around a construct and gives it with its session.
    fn furnish(&mut self) -> (Construct, Session) {
        let construct = self.construct("furnished");
        let session = self.session(&construct.id);
        let transcript = session.transcript_id.unwrap();
        let message = json!({ "role": "user", "text": "in the transcript" });
        self.write(|tx| messages::append(tx, transcript, &args(message)));
        let other = self.construct("other");
        self.link(&construct.id, &other.id, "implements");
        self.link(&other.id, &construct.id, "follows");
        let plan = json!({ "sessionId": session.id, "kind": "plan", "name": "Plan.md", "size": 7, "hash": "b3" });
        self.write(|tx| artifacts::create(tx, &args(plan)));
        let event = json!({ "constructId": construct.id, "kind": "note", "data": { "n": 1.0 } });
        self.write(|tx| timeline::append(tx, &args(event)));
        self.write(|tx| sessions::set_status(tx, &session.id, SessionStatus::Suspended));
        let metric = json!({ "sessionId": session.id, "name": "took", "value": 0.1 + 0.2, "unit": "ms", "labels": { "step": "1" } });
        self.write(|tx| metrics::record(tx, &args(metric)));
        (construct, session)
    }
}

#[test]
fn a_construct_begins_pending_in_the_context_that_was_chosen() {
    let mut f = Fixture::new();
    let new =
        json!({ "type": "agent", "name": "Builder", "context": "work", "metadata": { "n": 1.0 } });
    let made = f.write(|tx| k::create(tx, &args(new)));
    assert_eq!(made.status, ConstructStatus::Pending);
    assert_eq!((made.context.as_str(), made.version), ("work", 1));
    assert_eq!(made.metadata.get(), r#"{"n":1.0}"#);
    assert_eq!(f.read(|view| k::get(view, &made.id)), made);
    let plain = f.write(|tx| k::create(tx, &args(json!({ "type": "agent" }))));
    assert_eq!(
        (plain.context.as_str(), plain.name.as_str()),
        ("default", "")
    );
    for bad in [
        json!({ "type": "" }),
        json!({ "type": "x".repeat(5000) }),
        json!({ "type": "agent", "name": "x".repeat(5000) }),
        json!({ "type": "agent", "context": "" }),
    ] {
        let refused = f.refusal(|tx| k::create(tx, &args(bad)));
        assert_eq!(refused, Code::InvalidArgument);
    }
}

#[test]
fn every_change_of_status_is_allowed_or_a_conflict_by_the_table() {
    let all = [
        "pending",
        "provisioning",
        "ready",
        "failed",
        "suspended",
        "retired",
    ];
    // How to come to each status, and where it leads.
    let table: [(&str, &[&str], &[&str]); 6] = [
        ("pending", &[], &["provisioning", "retired"]),
        (
            "provisioning",
            &["provisioning"],
            &["ready", "failed", "retired"],
        ),
        (
            "ready",
            &["provisioning", "ready"],
            &["suspended", "retired"],
        ),
        (
            "failed",
            &["provisioning", "failed"],
            &["provisioning", "retired"],
        ),
        (
            "suspended",
            &["provisioning", "ready", "suspended"],
            &["ready", "retired"],
        ),
        ("retired", &["retired"], &[]),
    ];
    let mut f = Fixture::new();
    for (from, way, allowed) in table {
        for to in all {
            let id = f.construct(from).id;
            for status in way {
                f.set_status(&id, status).unwrap();
            }
            let before = f.read(|view| k::get(view, &id));
            let outcome = f.set_status(&id, to);
            if from == to {
                assert_eq!(outcome.unwrap(), before, "{from} again changes nothing");
            } else if allowed.contains(&to) {
                let after = outcome.unwrap();
                assert_eq!(after.version, before.version + 1);
                assert_eq!(serde_json::to_value(after.status).unwrap(), to);
            } else {
                assert_eq!(
                    outcome.unwrap_err().code(),
                    Code::Conflict,
                    "{from} to {to}"
                );
            }
        }
    }
}

#[test]
fn a_change_of_status_is_on_the_timeline_with_from_and_to() {
    let mut f = Fixture::new();
    let id = f.construct("c").id;
    f.set_status(&id, "provisioning").unwrap();
    let change = json!({ "id": id, "status": "failed", "reason": "no disk", "version": 2 });
    let failed = f.write(|tx| k::set_status(tx, &args(change.clone())));
    let refused = f.refusal(|tx| k::set_status(tx, &args(change)));
    assert_eq!(refused, Code::Conflict, "another made the change before");
    let events =
        f.events(&json!({ "constructId": id, "kinds": [k::STATUS_EVENT], "order": "oldest" }));
    let told: Vec<_> = events.iter().map(|event| event.data.get()).collect();
    assert_eq!(
        told,
        [
            r#"{"from":"pending","to":"provisioning"}"#,
            r#"{"from":"provisioning","reason":"no disk","to":"failed"}"#
        ]
    );
    assert_eq!(events[1].at, failed.updated_at);
}

#[test]
fn constructs_are_filtered_and_paged_in_either_order() {
    let mut f = Fixture::new();
    let mut made = Vec::new();
    for n in 0..25 {
        let new = json!({
            "type": if n % 2 == 0 { "agent" } else { "tool" },
            "name": format!("{}{n:02}", if n % 5 == 0 { "Über " } else { "plain " }),
            "context": if n % 3 == 0 { "work" } else { "home" },
            "metadata": { "n": n, "odd \"key\"": [n % 2, null], "nested": { "a": 1, "b": n % 4 } },
        });
        made.push(f.write(|tx| k::create(tx, &args(new))));
    }
    f.set_status(&made[4].id, "provisioning").unwrap();
    let expect = |wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
        (0..25)
            .filter(|n| wanted(*n))
            .map(|n| made[n].name.clone())
            .collect()
    };
    let cases: Vec<(Value, Vec<String>)> = vec![
        (json!({}), expect(&|_| true)),
        (json!({ "type": "tool" }), expect(&|n| n % 2 == 1)),
        (json!({ "contexts": ["work"] }), expect(&|n| n % 3 == 0)),
        (json!({ "contexts": ["work", "home"] }), expect(&|_| true)),
        (json!({ "contexts": [] }), vec![]),
        (json!({ "status": "provisioning" }), expect(&|n| n == 4)),
        (json!({ "name": "ÜBER" }), expect(&|n| n % 5 == 0)),
        (
            json!({ "name": "1" }),
            expect(&|n| format!("{n:02}").contains('1')),
        ),
        (
            json!({ "namePrefix": "plain 1" }),
            expect(&|n| n % 5 != 0 && (10..20).contains(&n)),
        ),
        (json!({ "namePrefix": "lain" }), vec![]),
        (json!({ "metadata": { "n": 7 } }), expect(&|n| n == 7)),
        (json!({ "metadata": { "n": "7" } }), vec![]),
        (
            json!({ "metadata": { "odd \"key\"": [1, null] } }),
            expect(&|n| n % 2 == 1),
        ),
        (
            json!({ "metadata": { "nested": { "b": 2, "a": 1 } } }),
            expect(&|n| n % 4 == 2),
        ),
        (json!({ "metadata": { "missing": null } }), vec![]),
        (
            json!({ "createdSince": made[3].created_at, "createdUntil": made[6].created_at }),
            expect(&|n| (3..6).contains(&n)),
        ),
        (
            json!({ "updatedSince": made[24].created_at + 1 }),
            expect(&|n| n == 4),
        ),
        (
            json!({ "type": "agent", "contexts": ["work"], "name": "N 0", "metadata": { "n": 6 } }),
            expect(&|n| n == 6),
        ),
    ];
    for (query, expected) in cases {
        for limit in [1, 2, 7, 1000] {
            for (by, order) in [
                ("created", "oldest"),
                ("created", "newest"),
                ("updated", "oldest"),
            ] {
                let mut query = query.clone();
                query["limit"] = limit.into();
                query["by"] = by.into();
                query["order"] = order.into();
                let mut names = f.names(&query);
                match (by, order) {
                    ("created", "newest") => names.reverse(),
                    ("updated", _) => {
                        names.sort_by_key(|name| made.iter().position(|c| c.name == *name));
                    }
                    _ => {}
                }
                assert_eq!(names, expected, "{query}");
            }
        }
    }
    let newest = f.names(&json!({ "limit": 3 }));
    assert_eq!(newest[0], made[4].name, "the last changed comes first");
}

#[test]
fn a_cursor_belongs_to_its_list_with_all_its_filters() {
    let mut f = Fixture::new();
    for n in 0..4 {
        f.construct(&format!("c{n}"));
    }
    let query = json!({ "limit": 2, "name": "c", "type": "agent" });
    let cursor = f
        .read(|view| k::list(view, &args(query.clone())))
        .next_cursor
        .unwrap();
    for (field, value) in [
        ("name", json!("")),
        ("namePrefix", json!("c")),
        ("type", json!("tool")),
        ("metadata", json!({})),
        ("order", json!("oldest")),
        ("by", json!("created")),
        ("deleted", json!(true)),
        ("createdSince", json!(0)),
        ("cursor", json!("1.2.3.00000000")),
    ] {
        let mut other = query.clone();
        other["cursor"] = cursor.clone().into();
        other[field] = value;
        let refused = f
            .store
            .read(caller(Some(ADA)), |view| k::list(view, &args(other)));
        assert_eq!(
            refused.unwrap_err().code(),
            Code::InvalidArgument,
            "{field}"
        );
    }
}

#[test]
fn a_page_of_a_rare_name_looks_at_so_many_and_says_where_to_go_on() {
    let mut f = Fixture::new();
    for _ in 0..2 {
        f.construct("rare");
    }
    f.write(|tx| {
        for _ in 0..10_050 {
            k::create(tx, &args(json!({ "type": "agent", "name": "common" })))?;
        }
        Ok(())
    });
    let query = json!({ "name": "rare", "by": "created" });
    let first = f.read(|view| k::list(view, &args(query.clone())));
    assert!(first.items.is_empty() && first.next_cursor.is_some());
    assert_eq!(f.names(&query), ["rare", "rare"]);
}

#[test]
fn an_update_from_an_old_version_is_a_conflict_and_a_move_takes_transcripts_along() {
    let mut f = Fixture::new();
    let construct = f.construct("c");
    let session = f.session(&construct.id);
    let change = json!({ "id": construct.id, "version": 1, "name": "new", "type": "tool", "context": "home", "metadata": { "a": 1 } });
    let changed = f.write(|tx| k::update(tx, &args(change.clone())));
    assert_eq!(
        (changed.name.as_str(), changed.r#type.as_str()),
        ("new", "tool")
    );
    assert_eq!((changed.context.as_str(), changed.version), ("home", 2));
    assert_eq!(f.refusal(|tx| k::update(tx, &args(change))), Code::Conflict);
    let transcript = f.read(|view| conversations::get(view, session.transcript_id.unwrap()));
    assert_eq!(transcript.context, "home");
    // A context counts and moves its constructs.
    f.write(|tx| contexts::rename(tx, &args(json!({ "name": "home", "to": "elsewhere" }))));
    let elsewhere = f.read(|view| contexts::get(view, &args(json!({ "name": "elsewhere" }))));
    let counts: Vec<_> = elsewhere
        .counts
        .iter()
        .map(|c| (c.kind.as_str(), c.count))
        .collect();
    assert!(
        counts.contains(&("constructs", 1)) && counts.contains(&("conversations", 1)),
        "{counts:?}"
    );
}

#[test]
fn a_removed_construct_leaves_the_lists_takes_nothing_and_comes_back() {
    let mut f = Fixture::new();
    let (construct, session) = f.furnish();
    let id = &construct.id;
    let removed = f.write(|tx| k::soft_delete(tx, id));
    assert!(removed.deleted_at.is_some());
    assert_eq!(
        f.write(|tx| k::soft_delete(tx, id)),
        removed,
        "twice is once"
    );
    assert_eq!(f.names(&json!({})), ["other"]);
    assert_eq!(f.names(&json!({ "deleted": true })), ["furnished"]);
    let other = f.read(|view| k::list(view, &args(json!({})))).items[0]
        .id
        .clone();
    let refusals = [
        f.refusal(|tx| sessions::create(tx, &args(json!({ "constructId": id })))),
        f.refusal(|tx| links::create(tx, &args(json!({ "from": id, "to": other, "kind": "x" })))),
        f.refusal(|tx| links::create(tx, &args(json!({ "from": other, "to": id, "kind": "x" })))),
        f.refusal(|tx| {
            artifacts::create(
                tx,
                &args(json!({ "sessionId": session.id, "kind": "x", "name": "x" })),
            )
        }),
        f.refusal(|tx| timeline::append(tx, &args(json!({ "constructId": id, "kind": "x" })))),
        f.refusal(|tx| {
            metrics::record(
                tx,
                &args(json!({ "constructId": id, "name": "x", "value": 1 })),
            )
        }),
        f.refusal(|tx| sessions::set_status(tx, &session.id, SessionStatus::Active)),
        f.refusal(|tx| k::set_status(tx, &args(json!({ "id": id, "status": "retired" })))),
    ];
    assert_eq!(refusals, [Code::Conflict; 8]);
    assert!(
        f.walk(&json!({ "id": other, "direction": "both" }))
            .is_empty()
    );
    f.write(|tx| k::restore(tx, id));
    assert_eq!(
        f.walk(&json!({ "id": other, "direction": "both" })),
        [("furnished".to_owned(), 1)]
    );
}

const BELOW: [&str; 8] = [
    "session",
    "construct_link",
    "artifact",
    "timeline_event",
    "metric",
    "conversation",
    "message",
    "chunk",
];

#[test]
fn deleting_a_construct_takes_everything_below_it_and_its_transcripts() {
    let mut f = Fixture::new();
    let (construct, _) = f.furnish();
    for table in BELOW {
        assert!(f.count(table) > 0, "{table}");
    }
    f.write(|tx| k::delete(tx, &construct.id));
    for table in BELOW {
        assert_eq!(f.count(table), 0, "{table}");
    }
    assert_eq!(f.names(&json!({})), ["other"]);
    assert_eq!(f.refusal(|tx| k::delete(tx, &construct.id)), Code::NotFound);
}

#[test]
fn deleting_a_user_takes_all_of_their_work_and_leaves_that_of_others() {
    let mut f = Fixture::new();
    f.furnish();
    let new = json!({ "type": "agent", "name": "Eve's" });
    let hers = f.try_as(Some(EVE), |tx| k::create(tx, &args(new))).unwrap();
    let new = json!({ "constructId": hers.id });
    f.try_as(Some(EVE), |tx| sessions::create(tx, &args(new)))
        .unwrap();
    f.try_as(None, |tx| users::delete(tx, ADA)).unwrap();
    let left: Vec<_> = [
        "construct",
        "session",
        "conversation",
        "construct_link",
        "artifact",
        "timeline_event",
        "metric",
    ]
    .map(|table| f.count(table))
    .to_vec();
    assert_eq!(left, [1, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn a_session_keeps_its_state_and_its_transcript_is_read_in_pages() {
    let mut f = Fixture::new();
    let new = json!({ "type": "agent", "context": "work" });
    let construct = f.write(|tx| k::create(tx, &args(new)));
    let new = json!({ "constructId": construct.id, "name": "First", "state": { "step": 1.0 } });
    let session = f.write(|tx| sessions::create(tx, &args(new)));
    assert_eq!(
        (session.status, session.version),
        (SessionStatus::Active, 1)
    );
    assert_eq!(session.state.get(), r#"{"step":1.0}"#);
    let id = session.transcript_id.unwrap();
    let transcript = f.read(|view| conversations::get(view, id));
    assert_eq!(
        (transcript.title.as_str(), transcript.context.as_str()),
        ("First", "work")
    );
    assert_eq!(transcript.session_id.as_deref(), Some(session.id.as_str()));
    for n in 0..7 {
        let new = json!({ "role": "assistant", "text": format!("line {n}") });
        f.write(|tx| messages::append(tx, id, &args(new)));
    }
    let lines = f.all(
        messages::list,
        &json!({ "conversationId": id, "order": "oldest", "limit": 3 }),
    );
    let lines: Vec<_> = lines.into_iter().map(|message| message.text).collect();
    assert_eq!(
        lines,
        (0..7).map(|n| format!("line {n}")).collect::<Vec<_>>()
    );

    let change = json!({ "id": session.id, "version": 1, "state": { "step": 2 } });
    let changed = f.write(|tx| sessions::update(tx, &args(change.clone())));
    assert_eq!(
        (changed.state.get(), changed.name.as_str()),
        (r#"{"step":2}"#, "First")
    );
    assert_eq!(
        f.refusal(|tx| sessions::update(tx, &args(change))),
        Code::Conflict
    );
    let new = json!({ "title": "no transcript" });
    f.write(|tx| conversations::create(tx, &args(new)));
    for (transcripts, titles) in [
        (json!(true), vec!["First"]),
        (json!(false), vec!["no transcript"]),
        (json!(null), vec!["no transcript", "First"]),
    ] {
        let listed = f.all(
            conversations::list,
            &json!({ "transcripts": transcripts, "limit": 1, "by": "created" }),
        );
        let listed: Vec<_> = listed.iter().map(|it| it.title.as_str()).collect();
        assert_eq!(listed, titles);
    }
    f.write(|tx| conversations::delete(tx, id));
    let alone = f.read(|view| sessions::get(view, &session.id));
    assert_eq!(
        alone.transcript_id, None,
        "a session outlives its transcript"
    );
}

#[test]
fn a_session_is_left_resumed_and_ended_only_where_its_status_leads() {
    use SessionStatus::{Active, Ended, Failed, Suspended};
    let table: [(SessionStatus, &[SessionStatus]); 4] = [
        (Active, &[Suspended, Ended, Failed]),
        (Suspended, &[Active, Ended, Failed]),
        (Failed, &[Active, Ended]),
        (Ended, &[]),
    ];
    let mut f = Fixture::new();
    let construct = f.construct("c");
    for (from, allowed) in table {
        for to in [Active, Suspended, Ended, Failed] {
            let id = f.session(&construct.id).id;
            let before = f.write(|tx| sessions::set_status(tx, &id, from));
            let outcome = f.try_as(Some(ADA), |tx| sessions::set_status(tx, &id, to));
            if from == to {
                assert_eq!(outcome.unwrap(), before);
            } else if allowed.contains(&to) {
                let after = outcome.unwrap();
                assert_eq!(after.ended_at.is_some(), matches!(to, Ended | Failed));
                let last = f.events(&json!({ "sessionId": id, "kinds": [sessions::STATUS_EVENT] }));
                let told: Value = serde_json::from_str(last[0].data.get()).unwrap();
                assert_eq!(told, json!({ "from": from, "to": to }));
                assert_eq!(last[0].construct_id.as_deref(), Some(construct.id.as_str()));
            } else {
                assert_eq!(
                    outcome.unwrap_err().code(),
                    Code::Conflict,
                    "{from:?} {to:?}"
                );
            }
        }
    }
    f.set_status(&construct.id, "retired").unwrap();
    let new = json!({ "constructId": construct.id });
    assert_eq!(
        f.refusal(|tx| sessions::create(tx, &args(new))),
        Code::Conflict
    );
}

#[test]
fn sessions_are_listed_by_construct_and_status() {
    let mut f = Fixture::new();
    let (one, two) = (f.construct("one").id, f.construct("two").id);
    let made: Vec<_> = (0..9)
        .map(|n| f.session(if n % 3 == 0 { &one } else { &two }).id)
        .collect();
    f.write(|tx| sessions::set_status(tx, &made[3], SessionStatus::Ended));
    let ids = |f: &mut Fixture, query: Value| -> Vec<usize> {
        let found = f.all(sessions::list, &query);
        let place = |session: Session| made.iter().position(|id| *id == session.id).unwrap();
        found.into_iter().map(place).collect()
    };
    assert_eq!(
        ids(&mut f, json!({ "constructId": one, "limit": 1 })),
        [3, 6, 0]
    );
    assert_eq!(ids(&mut f, json!({ "status": "ended" })), [3]);
    let active = json!({ "constructId": one, "status": "active", "order": "oldest", "limit": 1 });
    assert_eq!(ids(&mut f, active), [0, 6]);
    assert_eq!(
        ids(&mut f, json!({ "limit": 4, "order": "oldest" })),
        [0, 1, 2, 4, 5, 6, 7, 8, 3]
    );
}

#[test]
fn a_link_is_there_once_between_constructs_of_one_user() {
    let mut f = Fixture::new();
    let (a, b) = (f.construct("a").id, f.construct("b").id);
    let link = f.link(&a, &b, "implements");
    assert_eq!(
        (link.from.as_str(), link.to.as_str()),
        (a.as_str(), b.as_str())
    );
    f.link(&b, &a, "implements");
    f.link(&a, &b, "the app's own");
    let new = json!({ "type": "agent" });
    let hers = f
        .try_as(Some(EVE), |tx| k::create(tx, &args(new)))
        .unwrap()
        .id;
    let mut refused = |from: &str, to: &str, kind: &str| {
        let new = json!({ "from": from, "to": to, "kind": kind });
        f.refusal(|tx| links::create(tx, &args(new)))
    };
    assert_eq!(refused(&a, &b, "implements"), Code::Conflict);
    assert_eq!(refused(&a, &a, "implements"), Code::InvalidArgument);
    assert_eq!(refused(&a, &b, ""), Code::InvalidArgument);
    assert_eq!(refused(&a, &hers, "implements"), Code::NotFound);
    assert_eq!(refused(&hers, &a, "implements"), Code::NotFound);
    assert_eq!(refused(&a, "nothing", "implements"), Code::NotFound);
    // The app itself sees both, and may not link them either.
    let across = json!({ "from": a, "to": hers, "kind": "implements" });
    let refused = f.try_as(None, |tx| links::create(tx, &args(across)));
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);

    let change = json!({ "id": link.id, "version": 1, "metadata": { "why": "because" } });
    let changed = f.write(|tx| links::update(tx, &args(change.clone())));
    assert_eq!(
        (changed.metadata.get(), changed.version),
        (r#"{"why":"because"}"#, 2)
    );
    assert_eq!(
        f.refusal(|tx| links::update(tx, &args(change))),
        Code::Conflict
    );
    let kinds = |f: &mut Fixture, query: Value| -> Vec<String> {
        f.all(links::list, &query)
            .into_iter()
            .map(|link| link.kind)
            .collect()
    };
    assert_eq!(
        kinds(&mut f, json!({ "from": a, "limit": 1 })),
        ["the app's own", "implements"]
    );
    assert_eq!(kinds(&mut f, json!({ "to": a })), ["implements"]);
    assert_eq!(
        kinds(
            &mut f,
            json!({ "from": a, "to": b, "kinds": ["implements", "x"] })
        ),
        ["implements"]
    );
    assert_eq!(
        kinds(
            &mut f,
            json!({ "kinds": ["implements"], "order": "oldest" })
        )
        .len(),
        2
    );
    f.write(|tx| links::delete(tx, &link.id));
    f.link(&a, &b, "implements");
}

#[test]
fn a_walk_gives_each_construct_once_by_the_shortest_way_and_cycles_are_harmless() {
    let mut f = Fixture::new();
    let ids: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .map(|name| f.construct(name).id)
        .to_vec();
    let [a, b, c, d, e, g] = [0, 1, 2, 3, 4, 5].map(|n| ids[n].clone());
    // a → b → c → a is a cycle; a → d → c is as long as the way over b; e comes from outside; f hangs behind c.
    f.link(&a, &b, "implements");
    let way = f.link(&b, &c, "implements");
    f.link(&c, &a, "follows");
    f.link(&a, &d, "relates");
    f.link(&d, &c, "relates");
    f.link(&e, &a, "implements");
    f.link(&c, &g, "follows");
    let named = |pairs: &[(&str, i64)]| -> Vec<(String, i64)> {
        pairs
            .iter()
            .map(|(name, distance)| ((*name).to_owned(), *distance))
            .collect()
    };
    let cases = [
        (
            json!({ "id": a }),
            named(&[("b", 1), ("d", 1), ("c", 2), ("f", 3)]),
        ),
        (
            json!({ "id": a, "direction": "in" }),
            named(&[("c", 1), ("e", 1), ("b", 2), ("d", 2)]),
        ),
        (
            json!({ "id": a, "direction": "both" }),
            named(&[("b", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 2)]),
        ),
        (json!({ "id": a, "depth": 1 }), named(&[("b", 1), ("d", 1)])),
        (
            json!({ "id": a, "kinds": ["relates"] }),
            named(&[("d", 1), ("c", 2)]),
        ),
        (
            json!({ "id": a, "kinds": ["implements", "follows"] }),
            named(&[("b", 1), ("c", 2), ("f", 3)]),
        ),
        (json!({ "id": a, "kinds": [] }), vec![]),
        (json!({ "id": g }), vec![]),
    ];
    for (query, expected) in cases {
        for limit in [1, 2, 3, 1000] {
            let mut query = query.clone();
            query["limit"] = limit.into();
            assert_eq!(f.walk(&query), expected, "{query}");
        }
    }
    let reached = f.all(links::walk, &json!({ "id": a }));
    assert_eq!(reached[2].link, way, "the older of two ways");
    let wrong = f.store.read(caller(Some(ADA)), |view| {
        links::walk(view, &args(json!({ "id": a, "depth": 0 })))
    });
    assert_eq!(wrong.unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn a_walk_of_thousands_is_paged_without_gap() {
    let mut f = Fixture::new();
    let root = f.construct("root").id;
    f.write(|tx| {
        // A tree in which each construct has ten below it, and each of these a link back.
        let mut ids = vec![root.clone()];
        for n in 1..=2000 {
            let child = k::create(tx, &args(json!({ "type": "agent", "name": n.to_string() })))?.id;
            let parent = &ids[(n - 1) / 10];
            links::create(
                tx,
                &args(json!({ "from": parent, "to": child, "kind": "relates" })),
            )?;
            links::create(
                tx,
                &args(json!({ "from": child, "to": parent, "kind": "relates" })),
            )?;
            ids.push(child);
        }
        Ok(())
    });
    let walked = f.walk(&json!({ "id": root, "limit": 300 }));
    assert_eq!(walked.len(), 2000);
    assert!(walked.is_sorted_by_key(|(_, distance)| *distance));
    let mut names: Vec<_> = walked.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 2000);
}

#[test]
fn artifacts_hang_on_a_construct_a_session_or_the_user() {
    let mut f = Fixture::new();
    let construct = f.construct("c").id;
    let session = f.session(&construct).id;
    let create = |f: &mut Fixture, new: Value| f.write(|tx| artifacts::create(tx, &args(new)));
    let plan = create(
        &mut f,
        json!({ "sessionId": session, "messageId": "us01-co01-ms01", "kind": "plan", "name": "Plan.md",
        "mediaType": "text/markdown", "size": 0, "hash": "b3:1", "metadata": { "a": 1 } }),
    );
    assert_eq!(
        plan.construct_id.as_deref(),
        Some(construct.as_str()),
        "the session's"
    );
    assert_eq!(
        plan.message_id.map(|id| id.to_string()).as_deref(),
        Some("us01-co01-ms01")
    );
    create(
        &mut f,
        json!({ "constructId": construct, "kind": "log", "name": "Äpfel.log" }),
    );
    let loose = create(&mut f, json!({ "kind": "log", "name": "loose" }));
    assert_eq!(
        (loose.construct_id, loose.media_type.as_str()),
        (None, "application/octet-stream")
    );
    let names = |f: &mut Fixture, query: Value| -> Vec<String> {
        f.all(artifacts::list, &query)
            .into_iter()
            .map(|artifact| artifact.name)
            .collect()
    };
    assert_eq!(
        names(&mut f, json!({ "constructId": construct, "limit": 1 })),
        ["Äpfel.log", "Plan.md"]
    );
    assert_eq!(names(&mut f, json!({ "sessionId": session })), ["Plan.md"]);
    assert_eq!(
        names(&mut f, json!({ "kind": "log", "order": "oldest" })),
        ["Äpfel.log", "loose"]
    );
    assert_eq!(names(&mut f, json!({ "namePrefix": "äpf" })), ["Äpfel.log"]);
    assert_eq!(names(&mut f, json!({ "limit": 2 })).len(), 3);

    let change = json!({ "id": plan.id, "version": 1, "name": "Renamed.md", "size": 12 });
    let changed = f.write(|tx| artifacts::update(tx, &args(change.clone())));
    assert_eq!(
        (changed.name.as_str(), changed.size, changed.hash.as_deref()),
        ("Renamed.md", Some(12), Some("b3:1"))
    );
    assert_eq!(
        f.refusal(|tx| artifacts::update(tx, &args(change))),
        Code::Conflict
    );
    let other = f.construct("other").id;
    for (bad, code) in [
        (json!({ "kind": "", "name": "x" }), Code::InvalidArgument),
        (json!({ "kind": "x", "name": "" }), Code::InvalidArgument),
        (
            json!({ "kind": "x", "name": "x", "size": -1 }),
            Code::InvalidArgument,
        ),
        (
            json!({ "kind": "x", "name": "x", "sessionId": session, "constructId": other }),
            Code::InvalidArgument,
        ),
        (
            json!({ "kind": "x", "name": "x", "constructId": "nothing" }),
            Code::NotFound,
        ),
        (
            json!({ "kind": "x", "name": "x", "messageId": "us02-co01-ms01" }),
            Code::NotFound,
        ),
        (
            json!({ "kind": "x", "name": "x", "userId": "us02" }),
            Code::NotFound,
        ),
        (
            json!({ "kind": "x", "name": "x", "userId": "us02", "constructId": other }),
            Code::InvalidArgument,
        ),
    ] {
        assert_eq!(
            f.refusal(|tx| artifacts::create(tx, &args(bad.clone()))),
            code,
            "{bad}"
        );
    }
    f.write(|tx| sessions::delete(tx, &session));
    assert_eq!(
        f.refusal(|tx| artifacts::delete(tx, &plan.id)),
        Code::NotFound,
        "it died with its session"
    );
}

#[test]
fn the_timeline_is_read_both_ways_by_construct_session_kind_and_time() {
    let mut f = Fixture::new();
    let construct = f.construct("c").id;
    let session = f.session(&construct).id;
    for n in 0..20 {
        let mut event = json!({ "kind": format!("k{}", n % 4), "at": 1000 - n / 2, "data": n });
        match n % 3 {
            0 => event["constructId"] = construct.clone().into(),
            1 => event["sessionId"] = session.clone().into(),
            _ => {}
        }
        f.write(|tx| timeline::append(tx, &args(event)));
    }
    let expect = |wanted: &dyn Fn(i64) -> bool| -> Vec<i64> {
        let mut all: Vec<i64> = (0..20).filter(|n| wanted(*n)).collect();
        all.sort_by_key(|n| (1000 - n / 2, *n));
        all
    };
    let time = |n: i64| 1000 - n / 2;
    let cases = [
        (json!({}), expect(&|_| true)),
        (json!({ "constructId": construct }), expect(&|n| n % 3 != 2)),
        (json!({ "sessionId": session }), expect(&|n| n % 3 == 1)),
        (
            json!({ "sessionId": session, "constructId": construct }),
            expect(&|n| n % 3 == 1),
        ),
        (json!({ "kinds": ["k1"] }), expect(&|n| n % 4 == 1)),
        (
            json!({ "kinds": ["k1", "k3", "none"] }),
            expect(&|n| n % 2 == 1),
        ),
        (json!({ "kinds": [] }), vec![]),
        (
            json!({ "constructId": construct, "kinds": ["k0"] }),
            expect(&|n| n % 3 != 2 && n % 4 == 0),
        ),
        (
            json!({ "since": 995, "until": 999 }),
            expect(&|n| (995..999).contains(&time(n))),
        ),
    ];
    for (query, expected) in cases {
        for limit in [1, 3, 1000] {
            for order in ["oldest", "newest"] {
                let mut query = query.clone();
                query["limit"] = limit.into();
                query["order"] = order.into();
                let mut seen: Vec<i64> = f
                    .events(&query)
                    .iter()
                    .map(|event| event.data.get().parse().unwrap())
                    .collect();
                if order == "newest" {
                    seen.reverse();
                }
                assert_eq!(seen, expected, "{query}");
            }
        }
    }
    // Of the same time, in the order they were appended.
    f.write(|tx| {
        for n in 0..50 {
            timeline::append(tx, &args(json!({ "kind": "burst", "data": n })))?;
        }
        Ok(())
    });
    let burst = f.events(&json!({ "kinds": ["burst"], "limit": 7, "order": "oldest" }));
    let burst: Vec<i64> = burst
        .iter()
        .map(|event| event.data.get().parse().unwrap())
        .collect();
    assert_eq!(burst, (0..50).collect::<Vec<_>>());
    let now = f.write(|tx| timeline::append(tx, &args(json!({ "kind": "now" }))));
    assert_eq!(now.data.get(), "null");
    assert_eq!(f.read(|view| timeline::get(view, &now.id)), now);
    for bad in [
        json!({ "kind": "" }),
        json!({ "kind": "x", "at": i64::MAX }),
    ] {
        let refused = f.refusal(|tx| timeline::append(tx, &args(bad)));
        assert_eq!(refused, Code::InvalidArgument);
    }
}

/// What a summary must give, by another way: every percentile by counting.
fn reckoned(at: i64, values: &[f64]) -> MetricBucket {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let percentile = |percent: usize| {
        let suffices = |value: &&f64| {
            let within = values.iter().filter(|other| other <= value).count();
            within * 100 >= percent * values.len()
        };
        *sorted.iter().find(suffices).unwrap()
    };
    let count = u32::try_from(values.len()).unwrap();
    let sum: f64 = sorted.iter().sum();
    MetricBucket {
        at,
        count: count.into(),
        sum,
        min: sorted[0],
        max: sorted[values.len() - 1],
        mean: sum / f64::from(count),
        p50: percentile(50),
        p90: percentile(90),
        p99: percentile(99),
    }
}

#[test]
fn a_summary_is_exact_in_every_bucket() {
    let mut f = Fixture::new();
    let construct = f.construct("c").id;
    let mut all: Vec<Value> = Vec::new();
    for n in 0..500_i64 {
        let value = f64::from(i32::try_from(n * 7919 % 503).unwrap()) / 7.0 - 20.0;
        let mut metric = json!({ "name": "took", "value": value, "unit": "ms", "at": n * 37 - 5000,
            "labels": { "step": (n % 3).to_string(), "model": "m" } });
        if n % 2 == 0 {
            metric["constructId"] = construct.clone().into();
        }
        all.push(metric);
    }
    let record = json!({ "metrics": all });
    let ids = f.write(|tx| metrics::record_all(tx, &args(record)));
    assert_eq!(ids.len(), 500);
    f.write(|tx| metrics::record(tx, &args(json!({ "name": "other", "value": 1e300 }))));

    let expect = |wanted: &dyn Fn(&Value) -> bool,
                  bucket: Option<i64>,
                  origin: i64|
     -> Vec<MetricBucket> {
        let mut buckets: Vec<(i64, Vec<f64>)> = Vec::new();
        for metric in all.iter().filter(|metric| wanted(metric)) {
            let at = metric["at"].as_i64().unwrap();
            let begins = match (bucket, buckets.first()) {
                (Some(length), _) => origin + (at - origin).div_euclid(length) * length,
                (None, first) => first.map_or(at, |first| first.0),
            };
            match buckets.last_mut() {
                Some(last) if last.0 == begins => last.1.push(metric["value"].as_f64().unwrap()),
                _ => buckets.push((begins, vec![metric["value"].as_f64().unwrap()])),
            }
        }
        buckets
            .iter()
            .map(|(at, values)| reckoned(*at, values))
            .collect()
    };
    let at = |metric: &Value| metric["at"].as_i64().unwrap();
    let cases = [
        (json!({}), expect(&|_| true, None, 0)),
        (
            json!({ "bucketMs": 1000 }),
            expect(&|_| true, Some(1000), 0),
        ),
        (
            json!({ "bucketMs": 999, "since": -4321, "until": 7000 }),
            expect(&|m| (-4321..7000).contains(&at(m)), Some(999), -4321),
        ),
        (
            json!({ "bucketMs": 5000, "labels": { "step": "1" } }),
            expect(&|m| m["labels"]["step"] == "1", Some(5000), 0),
        ),
        (
            json!({ "bucketMs": 5000, "labels": { "step": "1", "model": "m" }, "constructId": construct }),
            expect(
                &|m| m["labels"]["step"] == "1" && m["constructId"].is_string(),
                Some(5000),
                0,
            ),
        ),
        (json!({ "labels": { "step": "9" } }), vec![]),
    ];
    for (mut query, expected) in cases {
        query["name"] = "took".into();
        let buckets = f.read(|view| metrics::summary(view, &args(query.clone())));
        assert_eq!(buckets, expected, "{query}");
    }
}

#[test]
fn a_summary_that_would_be_too_large_is_refused() {
    let mut f = Fixture::new();
    let many: Vec<_> = (0..1001)
        .map(|n| json!({ "name": "m", "value": n, "at": n * 10 }))
        .collect();
    f.write(|tx| metrics::record_all(tx, &args(json!({ "metrics": many }))));
    let summary = |f: &mut Fixture, query: Value| {
        f.store.read(caller(Some(ADA)), |view| {
            metrics::summary(view, &args(query))
        })
    };
    assert_eq!(
        summary(&mut f, json!({ "name": "m", "bucketMs": 20 }))
            .unwrap()
            .len(),
        501
    );
    assert_eq!(
        summary(
            &mut f,
            json!({ "name": "m", "bucketMs": 10, "until": 10_000 })
        )
        .unwrap()
        .len(),
        1000
    );
    for bad in [
        json!({ "name": "m", "bucketMs": 10 }),
        json!({ "name": "m", "bucketMs": 0 }),
        json!({ "name": "m", "since": i64::MIN }),
    ] {
        assert_eq!(
            summary(&mut f, bad).unwrap_err().code(),
            Code::InvalidArgument
        );
    }
    for _ in 0..2 {
        f.write(|tx| metrics::record(tx, &args(json!({ "name": "huge", "value": f64::MAX }))));
    }
    let refused = summary(&mut f, json!({ "name": "huge" }));
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn metrics_are_recorded_all_or_none_and_values_are_finite() {
    let mut f = Fixture::new();
    let good = json!({ "name": "m", "value": 1 });
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut all: metrics::RecordAll = args(json!({ "metrics": [good, good] }));
        all.metrics[1].value = value;
        let refused = f.refusal(|tx| metrics::record_all(tx, &all));
        assert_eq!(refused, Code::InvalidArgument);
    }
    for (bad, code) in [
        (json!({ "name": "", "value": 1 }), Code::InvalidArgument),
        (
            json!({ "name": "m", "value": 1, "at": i64::MAX }),
            Code::InvalidArgument,
        ),
        (
            json!({ "name": "m", "value": 1, "labels": { "a": "x".repeat(5000) } }),
            Code::InvalidArgument,
        ),
        (
            json!({ "name": "m", "value": 1, "sessionId": "nothing" }),
            Code::NotFound,
        ),
    ] {
        let all = json!({ "metrics": [good, bad] });
        assert_eq!(f.refusal(|tx| metrics::record_all(tx, &args(all))), code);
    }
    let many = json!({ "metrics": vec![good; 10_001] });
    let refused = f.refusal(|tx| metrics::record_all(tx, &args(many)));
    assert_eq!(refused, Code::InvalidArgument);
    assert_eq!(f.count("metric"), 0);
    assert!(serde_json::from_str::<metrics::NewMetric>(r#"{"name":"m","value":null}"#).is_err());
}

#[test]
fn metrics_are_listed_by_name_label_place_and_time() {
    let mut f = Fixture::new();
    let (construct, session) = f.furnish();
    for n in 0..10 {
        let labels = json!({ "step": (n % 2).to_string() });
        let new = json!({ "name": format!("m{}", n % 3), "value": n, "at": n, "labels": labels, "constructId": construct.id });
        f.write(|tx| metrics::record(tx, &args(new)));
    }
    let values = |f: &mut Fixture, query: Value| -> Vec<f64> {
        f.all(metrics::list, &query)
            .into_iter()
            .map(|metric| metric.value)
            .collect()
    };
    assert_eq!(
        values(&mut f, json!({ "name": "m1", "limit": 1 })),
        [7.0, 4.0, 1.0]
    );
    let odd = json!({ "labels": { "step": "1" }, "name": "m1", "order": "oldest", "limit": 1 });
    assert_eq!(values(&mut f, odd), [1.0, 7.0]);
    assert_eq!(
        values(&mut f, json!({ "sessionId": session.id })),
        [0.1 + 0.2]
    );
    let some = json!({ "constructId": construct.id, "since": 2, "until": 5, "order": "oldest" });
    assert_eq!(values(&mut f, some), [2.0, 3.0, 4.0]);
    assert_eq!(
        values(&mut f, json!({ "constructId": construct.id })).len(),
        11
    );
}

#[test]
fn another_user_sees_and_touches_nothing() {
    let mut f = Fixture::new();
    let (construct, session) = f.furnish();
    let link = f.all(links::list, &json!({}))[0].clone();
    let artifact = f.all(artifacts::list, &json!({}))[0].clone();
    let event = f.events(&json!({}))[0].clone();
    let (c, s) = (&construct.id, &session.id);
    let before = f.store.last_seq();
    let mut write =
        |work: &dyn Fn(&Tx<'_>) -> Result<()>| f.try_as(Some(EVE), work).unwrap_err().code();
    let codes = [
        write(&|tx| k::get(tx, c).map(drop)),
        write(&|tx| k::update(tx, &args(json!({ "id": c, "version": 1 }))).map(drop)),
        write(&|tx| k::set_status(tx, &args(json!({ "id": c, "status": "retired" }))).map(drop)),
        write(&|tx| k::soft_delete(tx, c).map(drop)),
        write(&|tx| k::restore(tx, c).map(drop)),
        write(&|tx| k::delete(tx, c)),
        write(&|tx| sessions::get(tx, s).map(drop)),
        write(&|tx| sessions::create(tx, &args(json!({ "constructId": c }))).map(drop)),
        write(&|tx| sessions::update(tx, &args(json!({ "id": s, "version": 1 }))).map(drop)),
        write(&|tx| sessions::set_status(tx, s, SessionStatus::Ended).map(drop)),
        write(&|tx| sessions::delete(tx, s)),
        write(&|tx| conversations::get(tx, session.transcript_id.unwrap()).map(drop)),
        write(&|tx| links::get(tx, &link.id).map(drop)),
        write(&|tx| {
            links::update(
                tx,
                &args(json!({ "id": link.id, "version": 1, "metadata": {} })),
            )
            .map(drop)
        }),
        write(&|tx| links::delete(tx, &link.id)),
        write(&|tx| links::walk(tx, &args(json!({ "id": c }))).map(drop)),
        write(&|tx| artifacts::get(tx, &artifact.id).map(drop)),
        write(&|tx| {
            artifacts::update(tx, &args(json!({ "id": artifact.id, "version": 1 }))).map(drop)
        }),
        write(&|tx| artifacts::delete(tx, &artifact.id)),
        write(&|tx| {
            artifacts::create(
                tx,
                &args(json!({ "constructId": c, "kind": "x", "name": "x" })),
            )
            .map(drop)
        }),
        write(&|tx| timeline::get(tx, &event.id).map(drop)),
        write(&|tx| timeline::append(tx, &args(json!({ "sessionId": s, "kind": "x" }))).map(drop)),
        write(&|tx| {
            metrics::record(
                tx,
                &args(json!({ "constructId": c, "name": "x", "value": 1 })),
            )
            .map(drop)
        }),
        // Naming the other user does not help.
        write(&|tx| k::list(tx, &args(json!({ "userId": "us01" }))).map(drop)),
        write(&|tx| sessions::list(tx, &args(json!({ "userId": "us01" }))).map(drop)),
        write(&|tx| links::list(tx, &args(json!({ "userId": "us01" }))).map(drop)),
        write(&|tx| artifacts::list(tx, &args(json!({ "userId": "us01" }))).map(drop)),
        write(&|tx| timeline::list(tx, &args(json!({ "userId": "us01" }))).map(drop)),
        write(&|tx| metrics::list(tx, &args(json!({ "userId": "us01" }))).map(drop)),
        write(&|tx| {
            metrics::summary(tx, &args(json!({ "userId": "us01", "name": "took" }))).map(drop)
        }),
        write(&|tx| k::create(tx, &args(json!({ "userId": "us01", "type": "x" }))).map(drop)),
        write(&|tx| {
            timeline::append(tx, &args(json!({ "userId": "us01", "kind": "x" }))).map(drop)
        }),
        write(&|tx| {
            metrics::record(
                tx,
                &args(json!({ "userId": "us01", "name": "x", "value": 1 })),
            )
            .map(drop)
        }),
    ];
    for (place, code) in codes.into_iter().enumerate() {
        assert_eq!(code, Code::NotFound, "attack {place}");
    }
    assert_eq!(f.store.last_seq(), before);
    // Naming the other's construct as a filter finds nothing.
    let lengths = f.store.read(caller(Some(EVE)), |view| {
        Ok([
            k::list(view, &args(json!({})))?.items.len(),
            sessions::list(view, &args(json!({ "constructId": c })))?
                .items
                .len(),
            links::list(view, &args(json!({ "from": c })))?.items.len(),
            artifacts::list(view, &args(json!({ "sessionId": s })))?
                .items
                .len(),
            timeline::list(view, &args(json!({ "constructId": c })))?
                .items
                .len(),
            metrics::list(view, &args(json!({ "sessionId": s })))?
                .items
                .len(),
            metrics::summary(view, &args(json!({ "name": "took", "constructId": c })))?.len(),
        ])
    });
    assert_eq!(lengths.unwrap(), [0; 7]);
}

#[test]
fn the_tables_themselves_refuse_what_breaks_them() {
    let mut f = Fixture::new();
    f.furnish();
    for sql in [
        "UPDATE construct SET status = 'done'",
        "UPDATE construct SET user = 99",
        "UPDATE session SET construct = 'nothing'",
        "UPDATE session SET status = 'pending'",
        "UPDATE conversation SET session = 'nothing'",
        "UPDATE construct_link SET target = source",
        "UPDATE construct_link SET target = 'nothing'",
        "UPDATE construct_link SET source = 'nothing'",
        "UPDATE artifact SET session = 'nothing'",
        "UPDATE artifact SET size = -1",
        "UPDATE timeline_event SET construct = 'nothing'",
        "UPDATE metric SET session = 'nothing'",
        "UPDATE metric SET value = 'much'",
        "INSERT INTO construct SELECT * FROM construct",
        "INSERT INTO metric SELECT * FROM metric",
    ] {
        let refused = f.try_as(None, |tx| tx.execute(sql, []));
        assert!(refused.is_err(), "{sql}");
    }
}

#[test]
fn a_rebuild_from_the_journal_gives_all_of_it_back() {
    let mut f = Fixture::new();
    let (construct, _) = f.furnish();
    let gone = f.construct("gone").id;
    f.session(&gone);
    f.link(&gone, &construct.id, "follows");
    f.write(|tx| k::delete(tx, &gone));
    let many: Vec<_> = (0..50)
        .map(|n| json!({ "name": "exact", "value": f64::from(n) / 7.0 * 1e-300, "at": n, "constructId": construct.id }))
        .chain([json!({ "name": "exact", "value": -0.0 }), json!({ "name": "exact", "value": 5e-324 })])
        .collect();
    f.write(|tx| metrics::record_all(tx, &args(json!({ "metrics": many }))));
    f.set_status(&construct.id, "provisioning").unwrap();
    let everything = |f: &mut Fixture| {
        let transcripts = f.all(conversations::list, &json!({ "limit": 3 }));
        let values: Vec<_> = f
            .all(metrics::list, &json!({ "limit": 7 }))
            .into_iter()
            .map(|metric| (metric.id, metric.value.to_bits(), metric.labels))
            .collect();
        (
            f.all(k::list, &json!({})),
            f.all(sessions::list, &json!({})),
            transcripts,
            f.all(links::list, &json!({})),
            f.all(artifacts::list, &json!({})),
            f.events(&json!({})),
            values,
            f.walk(&json!({ "id": construct.id, "direction": "both" })),
        )
    };
    let before = everything(&mut f);
    assert_eq!((before.0.len(), before.2.len(), before.6.len()), (2, 1, 53));
    ready(f.store.close()).unwrap();
    for file in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(f.disk.remove(file)).unwrap();
    }
    let snapshots = ready(f.disk.list("snapshots")).unwrap();
    for name in snapshots {
        ready(f.disk.remove(&format!("snapshots/{name}"))).unwrap();
    }
    let open = Store::open(Rc::new(f.disk.clone()), f.host.clone(), Options::default());
    f.store = ready(open).unwrap();
    assert_eq!(everything(&mut f), before);
}

#[test]
fn going_back_to_a_schema_without_agent_work_keeps_the_transcripts_as_conversations() {
    let mut f = Fixture::new();
    let (_, session) = f.furnish();
    let id = session.transcript_id.unwrap();
    ready(f.store.migrate(BEFORE, &mut |_| {})).unwrap();
    ready(f.store.migrate(LATEST, &mut |_| {})).unwrap();
    assert_eq!(
        f.count("construct") + f.count("session") + f.count("metric"),
        0
    );
    let query = args(json!({ "conversationId": id }));
    let kept = f.read(|view| messages::list(view, &query)).items;
    assert_eq!(kept[0].text, "in the transcript");
    assert_eq!(f.read(|view| conversations::get(view, id)).session_id, None);
    f.furnish();
}

#[test]
fn constructs_are_let_go_of_by_policies() {
    let mut f = Fixture::new();
    for n in 0..6 {
        let id = f.construct(&format!("c{n}")).id;
        f.session(&id);
        if n % 2 == 0 {
            f.set_status(&id, "retired").unwrap();
        }
    }
    let policy = |f: &mut Fixture, action: &str, status: &str, keep: i64| {
        let new = json!({ "kind": "constructs", "status": status, "ageMs": 0, "keep": keep, "action": action });
        f.host.advance(10);
        f.write(|tx| {
            let policy = retention::create(tx, &args(new))?.policy;
            let report = retention::run(tx, &args(json!({ "policy": policy })))?;
            assert!(!report.more);
            Ok(report.ids.len())
        })
    };
    assert_eq!(policy(&mut f, "remove", "retired", 1), 2);
    assert_eq!(
        f.names(&json!({ "by": "created", "order": "oldest" })),
        ["c1", "c3", "c4", "c5"]
    );
    assert_eq!(f.names(&json!({ "deleted": true })).len(), 2);
    assert_eq!(policy(&mut f, "delete", "removed", 0), 2);
    assert_eq!(
        (
            f.count("construct"),
            f.count("session"),
            f.count("conversation")
        ),
        (4, 4, 4)
    );
    let archive = json!({ "kind": "constructs", "ageMs": 0, "action": "archive" });
    let refused = f.refusal(|tx| retention::create(tx, &args(archive)));
    assert_eq!(refused, Code::InvalidArgument);
}

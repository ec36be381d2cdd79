//! History: the audit index, what is read by it, changes taken back, and changes told.
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
use strongroom::database::schema::TABLES;
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::domain::{conversations, messages, parts, users};
use strongroom::engine::{Answer, Engine, Request};
use strongroom::host::{Host as _, ManualHost};
use strongroom::id::{ChunkId, ConversationId, UserId};
use strongroom::store::{Caller, Event, Listening, Options, Store};
use strongroom::stream::StreamSettings;
use strongroom::{Code, Error};

const CHANGES: Listening = Listening {
    steps: false,
    changes: true,
};

type Entry = (String, u64, u64, String, Option<String>);

fn open(disk: &MemoryDisk) -> Store {
    let host = Rc::new(ManualHost::new(3));
    ready(Store::open(Rc::new(disk.clone()), host, at_once())).unwrap()
}

/// Upkeep that waits for nothing.
fn at_once() -> Options {
    Options {
        quiet_ms: 0,
        ..Options::default()
    }
}

fn history(store: &mut Store) -> Vec<Entry> {
    while ready(store.maintain(true)).unwrap() == Some(0) {}
    let read = store.read(Caller::default(), |view| {
        let sql =
            "SELECT record, first_seq, last_seq, op, by FROM history ORDER BY first_seq, record";
        let mut statement = view.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })?;
        Ok(rows.collect::<Result<Vec<Entry>, _>>()?)
    });
    read.unwrap()
}

fn fill(store: &mut Store) {
    let ada = Caller {
        user: Some(UserId { user: 1 }),
        request_id: None,
    };
    let new = serde_json::from_value(json!({ "name": "Ada" })).unwrap();
    store
        .write("users.create", Caller::default(), |tx| {
            users::create(tx, &new)
        })
        .unwrap();
    let new = serde_json::from_value(json!({})).unwrap();
    store
        .write("conversations.create", ada, |tx| {
            conversations::create(tx, &new)
        })
        .unwrap();
    let id = ConversationId {
        user: 1,
        conversation: 1,
    };
    let new = serde_json::from_value(json!({ "role": "assistant" })).unwrap();
    store
        .write("messages.stream", ada, |tx| messages::begin(tx, id, &new))
        .unwrap();
    let message = id.message(1);
    for seq in 1..=30 {
        let mut turn = store.turn().unwrap();
        let written = turn.write_ahead("messages.stream", ada.user, |rows| {
            if seq == 1 {
                parts::put_part(rows, message, 0, "text", None)?;
            }
            parts::put_chunk(rows, ChunkId { message, seq }, 0, "some text", 3)
        });
        written.unwrap();
        turn.finish().unwrap();
    }
    // A write that fails is not in the history.
    let missing = serde_json::from_value(json!({ "id": "us01-co09", "version": 1 })).unwrap();
    assert!(
        store
            .write("conversations.update", ada, |tx| conversations::update(
                tx, &missing
            ))
            .is_err()
    );
}

#[test]
fn every_line_is_found_by_its_records_and_a_stream_adds_one_row_per_commit() {
    let mut store = open(&MemoryDisk::default());
    fill(&mut store);
    let first = store.last_seq() - 32;
    let by = Some("us01".to_owned());
    let entry = |record: &str, from: u64, to: u64, op: &str, by: Option<String>| {
        (
            record.to_owned(),
            first + from,
            first + to,
            op.to_owned(),
            by,
        )
    };
    assert_eq!(
        history(&mut store),
        [
            entry("us01", 0, 0, "users.create", None),
            entry("us01", 1, 1, "conversations.create", by.clone()),
            entry("us01-co01", 1, 1, "conversations.create", by.clone()),
            entry("us01-co01", 2, 2, "messages.stream", by.clone()),
            entry("us01-co01-ms01", 2, 32, "messages.stream", by),
        ]
    );
}

#[test]
fn a_rebuild_makes_the_same_history() {
    let disk = MemoryDisk::default();
    let mut store = open(&disk);
    fill(&mut store);
    let before = history(&mut store);
    drop(store);
    for file in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(disk.remove(file)).unwrap();
    }
    let host = Rc::new(ManualHost::new(4));
    let as_it_is = Store::open_as_it_is(Rc::new(disk), host, at_once());
    assert_eq!(history(&mut ready(as_it_is).unwrap()), before);
}

/// An engine over a store of its own, with Ada (`us01`) and Eve (`us02`).
struct Fixture {
    engine: Engine,
    host: Rc<ManualHost>,
    disk: MemoryDisk,
    tasks: u64,
}

impl Fixture {
    fn new() -> Self {
        Self::with(at_once())
    }

    fn with(options: Options) -> Self {
        let disk = MemoryDisk::default();
        let host = Rc::new(ManualHost::new(5));
        let store = ready(Store::open(Rc::new(disk.clone()), host.clone(), options)).unwrap();
        let mut fixture = Self {
            engine: Engine::over(store, StreamSettings::default()),
            host,
            disk,
            tasks: 0,
        };
        for name in ["Ada", "Eve"] {
            fixture.call(None, "users.create", json!({ "name": name }));
        }
        fixture
    }

    fn try_call(&mut self, user: Option<&str>, method: &str, args: Value) -> Result<Value, Error> {
        self.host.advance(1000);
        while self.engine.needs_tick() {
            ready(self.engine.tick(false)).unwrap();
        }
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user,
            request_id: None,
        };
        match self.engine.turn(&[request]).pop().unwrap() {
            Answer::Done(value) => Ok(serde_json::from_str(&value).unwrap()),
            Answer::Failed(error) | Answer::Again(error) => Err(error),
        }
    }

    fn call(&mut self, user: Option<&str>, method: &str, args: Value) -> Value {
        self.try_call(user, method, args).unwrap()
    }

    fn try_task(&mut self, user: Option<&str>, method: &str, args: Value) -> Result<Value, Error> {
        self.try_work(user, method, args, true)
    }

    fn try_work(
        &mut self,
        user: Option<&str>,
        method: &str,
        args: Value,
        upkeep: bool,
    ) -> Result<Value, Error> {
        self.tasks += 1;
        let args = args.to_string();
        loop {
            let request = Request {
                method,
                args: &args,
                user,
                request_id: None,
            };
            let mut progress = |_: &str| {};
            let step = self.engine.task(self.tasks, request, &mut progress);
            let step = ready(async { Ok(step.await) }).unwrap();
            if let Some(value) = step.expect("there is such a method")? {
                return Ok(serde_json::from_str(&value).unwrap());
            }
            while upkeep && ready(self.engine.store().maintain(false)).unwrap() == Some(0) {}
        }
    }

    fn task(&mut self, method: &str, args: Value) -> Value {
        self.try_task(None, method, args).unwrap()
    }

    fn list(&mut self, args: Value) -> Vec<(u64, String)> {
        let page = self.task("history.list", args);
        let entries = page["items"].as_array().unwrap().iter();
        let entry = |it: &Value| {
            (
                it["seq"].as_u64().unwrap(),
                it["op"].as_str().unwrap().into(),
            )
        };
        entries.map(entry).collect()
    }

    fn last_seq(&mut self) -> u64 {
        self.engine.store().last_seq()
    }

    fn conversation(&mut self, user: &str) -> String {
        let made = self.call(
            Some(user),
            "conversations.create",
            json!({ "title": "Plan" }),
        );
        made["id"].as_str().unwrap().to_owned()
    }

    fn rename(&mut self, id: &str, title: &str) -> u64 {
        let version = self.call(None, "conversations.get", json!({ "id": id }))["version"].clone();
        let change = json!({ "id": id, "version": version, "title": title });
        self.call(Some("us01"), "conversations.update", change);
        self.last_seq()
    }

    fn title(&mut self, id: &str) -> String {
        let found = self.call(None, "conversations.get", json!({ "id": id }));
        found["title"].as_str().unwrap().to_owned()
    }

    fn say(&mut self, conversation: &str, text: &str) -> String {
        let args =
            json!({ "conversationId": conversation, "message": { "role": "user", "text": text } });
        let message = self.call(Some("us01"), "messages.append", args);
        message["id"].as_str().unwrap().to_owned()
    }

    /// Every row of the recorded tables, the answers to requests left out.
    fn dump(&mut self) -> Vec<String> {
        let read = self.engine.store().read(Caller::default(), |view| {
            let mut all = Vec::new();
            for table in TABLES.iter().filter(|table| table.name != "request") {
                let mut statement = view.prepare(&format!("SELECT * FROM {}", table.name))?;
                let columns = statement.column_count();
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let values = (0..columns).map(|at| row.get_ref(at).map(|it| format!("{it:?}")));
                    let values: Vec<String> = values.collect::<Result<_, _>>()?;
                    all.push(format!("{} {}", table.name, values.join(" ")));
                }
            }
            all.sort();
            Ok(all)
        });
        read.unwrap()
    }
}

#[test]
fn who_changed_what_and_when_is_listed_newest_first() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    let renamed = fixture.rename(&id, "Plan B");
    let listed = fixture.task("history.list", json!({ "record": id }));
    let [update, create] = &listed["items"].as_array().unwrap()[..] else {
        panic!("{listed}");
    };
    assert_eq!(update["seq"], renamed);
    assert_eq!(update["op"], "conversations.update");
    assert_eq!(update["by"], "us01");
    assert_eq!(update["at"], fixture.host.now_ms());
    assert_eq!(update["rows"][0]["table"], "conversation");
    assert_eq!(update["rows"][0]["put"]["title"], "Plan B");
    assert_eq!(create["rows"][0]["put"]["title"], "Plan");
    assert_eq!(create["rows"][1]["table"], "participant");
    assert_eq!(listed.get("nextCursor"), None);
}

#[test]
fn a_history_is_paged_across_segments_sealed_and_plain() {
    let mut fixture = Fixture::with(Options {
        segment_bytes: 2000,
        ..at_once()
    });
    let id = fixture.conversation("us01");
    let mut lines = vec![fixture.last_seq()];
    for n in 0..60 {
        lines.push(fixture.rename(&id, &format!("Plan {n}")));
        // Lines of others lie between.
        fixture.conversation("us02");
    }
    while ready(fixture.engine.store().maintain(true)).unwrap() == Some(0) {}
    let segments = fixture.engine.store().journal().segments();
    assert!(segments.iter().filter(|segment| segment.sealed).count() > 5);
    lines.reverse();
    for limit in [1, 7, 61, 1000] {
        let mut paged = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let args = json!({ "record": id, "limit": limit, "cursor": cursor });
            let page = fixture.task("history.list", args);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit && !items.is_empty());
            paged.extend(items.iter().map(|item| item["seq"].as_u64().unwrap()));
            match page.get("nextCursor") {
                Some(next) => cursor = next.clone(),
                None => break,
            }
        }
        assert_eq!(paged, lines, "{limit} a page");
    }
    let other = json!({ "record": "us01", "cursor": "5.00000000" });
    let error = fixture.try_task(None, "history.list", other).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[test]
fn a_history_is_filtered_by_operation_and_time() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    let first = fixture.rename(&id, "one");
    let between = fixture.host.now_ms() + 1;
    fixture.say(&id, "hello");
    let second = fixture.rename(&id, "two");
    let update = "conversations.update";
    let seqs = |listed: Vec<(u64, String)>| listed.into_iter().map(|(seq, _)| seq);
    let by_op = fixture.list(json!({ "record": id, "op": update }));
    assert!(seqs(by_op).eq([second, first]));
    let since = fixture.list(json!({ "record": id, "op": update, "since": between }));
    assert!(seqs(since).eq([second]));
    let until = fixture.list(json!({ "record": id, "op": update, "until": between }));
    assert!(seqs(until).eq([first]));
    assert_eq!(fixture.list(json!({ "record": "us01-co99" })), []);
}

#[test]
fn a_user_sees_the_history_of_own_records_alone() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    let seq = fixture.rename(&id, "Secret");
    let ada = fixture.try_task(Some("us01"), "history.list", json!({ "record": id }));
    assert_eq!(ada.unwrap()["items"].as_array().unwrap().len(), 2);
    for (method, args) in [
        ("history.list", json!({ "record": id })),
        ("history.list", json!({ "record": "us01" })),
        ("history.list", json!({ "record": "0199-no-such-record" })),
        ("history.at", json!({ "record": id, "seq": seq })),
        ("history.undo", json!({ "seq": seq })),
        ("history.undo", json!({ "seq": seq, "record": id })),
    ] {
        let refused = fixture.try_task(Some("us02"), method, args).unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{method}");
        assert!(!refused.to_string().contains("Secret"));
    }
    assert_eq!(fixture.title(&id), "Secret");
}

#[test]
fn a_record_is_put_together_as_it_was_at_a_line_and_at_a_time() {
    let mut fixture = Fixture::new();
    let before = fixture.last_seq();
    let id = fixture.conversation("us01");
    let created = fixture.last_seq();
    let agent =
        json!({ "conversationId": id, "participant": { "id": "planner", "kind": "agent" } });
    fixture.call(Some("us01"), "conversations.addParticipant", agent);
    let added = fixture.last_seq();
    let added_at = fixture.host.now_ms();
    fixture.rename(&id, "Plan B");
    fixture.call(Some("us01"), "conversations.delete", json!({ "id": id }));
    let deleted = fixture.last_seq();

    let at = |fixture: &mut Fixture, args: Value| {
        let mut args = args;
        args["record"] = json!(id);
        let state = fixture.task("history.at", args);
        assert_eq!(state["incomplete"], false);
        state
    };
    let tables = |state: &Value| -> Vec<String> {
        let rows = state["rows"].as_array().unwrap().iter();
        rows.map(|row| row["table"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(tables(&at(&mut fixture, json!({ "seq": before }))), [""; 0]);
    let first = at(&mut fixture, json!({ "seq": created }));
    assert_eq!(tables(&first), ["conversation", "participant"]);
    let second = at(&mut fixture, json!({ "at": added_at }));
    assert_eq!(second["seq"], added);
    assert_eq!(
        tables(&second),
        ["conversation", "participant", "participant"]
    );
    assert_eq!(second["rows"][0]["put"]["title"], "Plan");
    assert_eq!(second["rows"][2]["put"]["participant"], "planner");
    let last = at(&mut fixture, json!({ "seq": deleted - 1 }));
    assert_eq!(last["rows"][0]["put"]["title"], "Plan B");
    assert_eq!(
        tables(&at(&mut fixture, json!({ "seq": deleted }))),
        [""; 0]
    );
    for wrong in [
        json!({ "record": id }),
        json!({ "record": id, "seq": 1, "at": 1 }),
    ] {
        let error = fixture.try_task(None, "history.at", wrong).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[test]
fn what_the_journal_no_longer_has_is_told_and_not_guessed() {
    let mut fixture = Fixture::with(Options {
        segment_bytes: 2000,
        ..at_once()
    });
    let id = fixture.conversation("us01");
    for n in 0..40 {
        fixture.rename(&id, &format!("Plan {n}"));
    }
    let last = fixture.last_seq();
    let state = fixture.task("history.at", json!({ "record": id, "seq": last }));
    assert_eq!(state["incomplete"], false);
    while ready(fixture.engine.store().maintain(true)).unwrap() == Some(0) {}
    // The second segment is gone.
    let second = fixture.engine.store().journal().segments()[1].first;
    let Fixture {
        engine, host, disk, ..
    } = fixture;
    ready(engine.close()).unwrap();
    ready(disk.remove(&format!("journal/{second:012}.jsonl.gz"))).unwrap();
    let store = ready(Store::open(Rc::new(disk.clone()), host.clone(), at_once())).unwrap();
    let mut fixture = Fixture {
        engine: Engine::over(store, StreamSettings::default()),
        host,
        disk,
        tasks: 0,
    };
    let state = fixture.task("history.at", json!({ "record": id, "seq": last }));
    assert_eq!(state["incomplete"], true);
    assert_eq!(state["rows"][0]["put"]["title"], "Plan 39");
    // Whether the participant was there before the lost lines cannot be known: nothing is deleted on a guess.
    let agent =
        json!({ "conversationId": id, "participant": { "id": "planner", "kind": "agent" } });
    fixture.call(None, "conversations.addParticipant", agent);
    let seq = fixture.last_seq();
    let error = fixture
        .try_task(None, "history.undo", json!({ "seq": seq }))
        .unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    assert!(error.message().contains("no longer says"), "{error}");
}

#[test]
fn an_undone_update_gives_the_old_value_back_and_is_a_change_itself() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    let seq = fixture.rename(&id, "Plan B");
    // What changed since is something else.
    fixture.say(&id, "hello");
    let before = fixture.call(None, "conversations.get", json!({ "id": id }));
    let undone = fixture.task("history.undo", json!({ "seq": seq }));
    assert_eq!(undone, json!({ "seq": seq, "records": [id] }));
    let after = fixture.call(None, "conversations.get", json!({ "id": id }));
    assert_eq!(after["title"], "Plan");
    assert_eq!(after["leafId"], before["leafId"]);
    assert_eq!(after["version"], before["version"].as_i64().unwrap() + 1);
    let newest = fixture.list(json!({ "record": id, "limit": 1 }));
    assert_eq!(newest, [(fixture.last_seq(), "history.undo".to_owned())]);
    // And can be taken back in turn.
    let seq = fixture.last_seq();
    fixture.task("history.undo", json!({ "seq": seq }));
    assert_eq!(fixture.title(&id), "Plan B");
}

#[test]
fn an_undo_that_something_newer_depends_on_is_a_conflict_that_names_it() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    let created = fixture.last_seq();
    let first = fixture.rename(&id, "Plan B");
    let second = fixture.rename(&id, "Plan C");
    let before = fixture.dump();
    let error = fixture
        .try_task(None, "history.undo", json!({ "seq": first }))
        .unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    let named = format!("by line {second} (conversations.update)");
    assert!(error.message().contains(&named), "{error}");
    assert!(error.message().contains("title"), "{error}");

    // A message depends on its conversation, and a newer message on an older one.
    fixture.task("history.undo", json!({ "seq": second }));
    fixture.task("history.undo", json!({ "seq": first }));
    let message = fixture.say(&id, "one");
    let said = fixture.last_seq();
    fixture.say(&id, "two");
    let after = fixture.dump();
    for seq in [created, said] {
        let error = fixture
            .try_task(None, "history.undo", json!({ "seq": seq }))
            .unwrap_err();
        assert_eq!(error.code(), Code::Conflict, "{error}");
    }
    assert_eq!(fixture.dump(), after);
    assert_ne!(before, after);
    assert!(message.starts_with(&id));
}

#[test]
fn creations_and_deletions_are_undone_in_reverse_order_of_what_depends_on_what() {
    let mut fixture = Fixture::new();
    let one = fixture.conversation("us01");
    let created = fixture.last_seq();
    // The user's counter has gone on since, and stays where it is.
    let two = fixture.conversation("us01");
    fixture.task("history.undo", json!({ "seq": created }));
    let gone = fixture.try_call(None, "conversations.get", json!({ "id": one }));
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    assert_eq!(fixture.conversation("us01"), "us01-co03");

    for text in ["one", "two", "three"] {
        fixture.say(&two, text);
    }
    let path = |fixture: &mut Fixture| {
        fixture.call(None, "messages.list", json!({ "conversationId": two }))["items"].clone()
    };
    let before = path(&mut fixture);
    fixture.call(Some("us01"), "conversations.delete", json!({ "id": two }));
    let deleted = fixture.last_seq();
    let undone = fixture
        .try_task(Some("us01"), "history.undo", json!({ "seq": deleted }))
        .unwrap();
    assert_eq!(undone["records"].as_array().unwrap().len(), 4);
    let after = path(&mut fixture);
    assert_eq!(after.as_array().unwrap().len(), 3);
    for (before, after) in before
        .as_array()
        .unwrap()
        .iter()
        .zip(after.as_array().unwrap())
    {
        assert_eq!(before["text"], after["text"]);
        assert_eq!(before["uuid"], after["uuid"]);
    }
    let new = fixture.say(&two, "four");
    assert_eq!(new, format!("{two}-ms04"));
}

#[test]
fn a_path_is_not_led_back_to_a_message_that_is_gone() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    let first = fixture.say(&id, "one");
    let edit = json!({ "id": first, "text": "two" });
    let second = fixture.call(Some("us01"), "messages.edit", edit)["id"].clone();
    fixture.call(
        Some("us01"),
        "messages.switchBranch",
        json!({ "id": first }),
    );
    let switched = fixture.last_seq();
    fixture.call(Some("us01"), "messages.delete", json!({ "id": second }));
    let error = fixture
        .try_task(None, "history.undo", json!({ "seq": switched }))
        .unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    assert!(error.message().contains("message"), "{error}");
}

#[test]
fn what_cannot_be_undone_is_refused_by_name() {
    let mut fixture = Fixture::new();
    let future = fixture.last_seq() + 5;
    for (seq, code) in [
        (future, Code::NotFound),
        (0, Code::NotFound),
        (1, Code::InvalidArgument),
    ] {
        let error = fixture
            .try_task(None, "history.undo", json!({ "seq": seq }))
            .unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn an_undo_does_not_bring_back_what_may_be_there_once() {
    let mut fixture = Fixture::new();
    let construct = |fixture: &mut Fixture| {
        let new = json!({ "userId": "us01", "type": "app" });
        fixture.call(None, "constructs.create", new)["id"].clone()
    };
    let (from, to) = (construct(&mut fixture), construct(&mut fixture));
    let link = json!({ "from": from, "to": to, "kind": "follows" });
    let job = json!({ "userId": "us01", "queue": "mail", "key": "daily" });
    for (make, take, new) in [
        ("links.create", "links.delete", link),
        ("jobs.enqueue", "jobs.cancel", job),
    ] {
        let first = fixture.call(None, make, new.clone())["id"].clone();
        fixture.call(None, take, json!({ "id": first }));
        let taken = json!({ "seq": fixture.last_seq() });
        let second = fixture.call(None, make, new)["id"].clone();
        let refused = fixture.try_task(None, "history.undo", taken.clone());
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::Conflict);
        assert!(refused.to_string().contains("another"), "{refused}");
        fixture.call(None, take, json!({ "id": second }));
        fixture.try_task(None, "history.undo", taken).unwrap();
    }
}

#[test]
fn a_user_takes_back_what_was_said_of_an_entity() {
    let mut fixture = Fixture::new();
    let ada = Some("us01");
    let entity = json!({ "name": "Plan", "entityType": "note", "observations": ["one"] });
    fixture.call(ada, "charts.addEntity", entity);
    let more = json!({ "name": "Plan", "observations": ["two", "three"] });
    fixture.call(ada, "charts.addObservations", more);
    let added = json!({ "seq": fixture.last_seq() });
    let refused = fixture.try_task(Some("us02"), "history.undo", added.clone());
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    fixture.try_task(ada, "history.undo", added).unwrap();
    let read = |fixture: &mut Fixture| {
        let found = fixture.call(ada, "charts.getEntity", json!({ "name": "Plan" }));
        found["observations"].clone()
    };
    assert_eq!(read(&mut fixture), json!(["one"]));
    fixture.call(ada, "charts.deleteEntity", json!({ "name": "Plan" }));
    let deleted = json!({ "seq": fixture.last_seq() });
    fixture.call(
        ada,
        "charts.addEntity",
        json!({ "name": "Plan", "entityType": "other" }),
    );
    let refused = fixture.try_task(ada, "history.undo", deleted.clone());
    assert_eq!(refused.unwrap_err().code(), Code::Conflict);
    fixture.call(ada, "charts.deleteEntity", json!({ "name": "Plan" }));
    fixture.try_task(ada, "history.undo", deleted).unwrap();
    assert_eq!(read(&mut fixture), json!(["one"]));
}

#[test]
fn a_construct_that_was_deleted_comes_back_with_everything_below_it() {
    let mut fixture = Fixture::new();
    let new = json!({ "userId": "us01", "type": "app", "name": "Build" });
    let construct = fixture.call(None, "constructs.create", new)["id"].clone();
    let of = json!({ "constructId": construct });
    let session = fixture.call(None, "sessions.create", of.clone());
    let transcript = session["transcriptId"].clone();
    let message = json!({ "role": "user", "text": "Begin" });
    let args = json!({ "conversationId": transcript, "message": message });
    fixture.call(None, "messages.append", args);
    let metric = json!({ "sessionId": session["id"], "name": "ms", "value": 1.5 });
    fixture.call(None, "metrics.record", metric);
    fixture.call(None, "sessions.suspend", json!({ "id": session["id"] }));
    let read = |fixture: &mut Fixture| {
        let query = json!({ "userId": "us01", "constructId": construct });
        let mut all = vec![fixture.call(None, "sessions.get", json!({ "id": session["id"] }))];
        all.push(fixture.call(None, "timeline.list", query.clone()));
        all.push(fixture.call(None, "metrics.list", query));
        all.push(fixture.call(
            None,
            "messages.list",
            json!({ "conversationId": transcript }),
        ));
        for record in &mut all {
            // What is put back is a change of its own.
            let fields = record.as_object_mut().unwrap();
            fields.retain(|name, _| name != "version" && name != "updatedAt");
        }
        all
    };
    let before = read(&mut fixture);
    fixture.call(None, "constructs.delete", json!({ "id": construct }));
    let deleted = json!({ "seq": fixture.last_seq() });
    fixture.try_task(None, "history.undo", deleted).unwrap();
    let mut after = read(&mut fixture);
    for item in after[3]["items"].as_array_mut().unwrap() {
        item["version"] = json!(1);
        item["updatedAt"] = item["createdAt"].clone();
    }
    assert_eq!(after, before);
}

#[test]
fn what_was_erased_for_good_is_not_brought_back() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    fixture.say(&id, "hello");
    fixture.call(None, "retention.erase", json!({ "id": id }));
    let erased = fixture.last_seq();
    // Before the journal is rewritten, and after.
    let undo = json!({ "seq": erased });
    let error = fixture
        .try_work(None, "history.undo", undo.clone(), false)
        .unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    assert!(error.message().contains("erased for good"), "{error}");
    let error = fixture.try_task(None, "history.undo", undo).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    while ready(fixture.engine.store().maintain(true)).unwrap() == Some(0) {}
    let listed = fixture.task("history.list", json!({ "record": id }));
    assert!(!listed.to_string().contains("Plan"), "{listed}");
}

#[test]
fn a_record_named_by_a_uuid_has_a_history_that_is_its_owners_even_when_it_is_gone() {
    let mut fixture = Fixture::new();
    let new = json!({ "text": "Small steps", "tags": ["a", "b"], "confidence": 0.5 });
    let made = fixture.call(Some("us01"), "learnings.create", new);
    let id = made["id"].as_str().unwrap().to_owned();
    fixture.call(Some("us01"), "learnings.delete", json!({ "id": id }));
    let deleted = fixture.last_seq();
    let asked = json!({ "record": id });
    for limit in [1, 50] {
        let own = json!({ "record": id, "limit": limit });
        let listed = fixture.try_task(Some("us01"), "history.list", own).unwrap();
        assert_eq!(listed["items"][0]["seq"], deleted);
    }
    for (method, args) in [
        ("history.list", asked.clone()),
        ("history.at", json!({ "record": id, "seq": deleted - 1 })),
        ("history.undo", json!({ "seq": deleted })),
    ] {
        let refused = fixture.try_task(Some("us02"), method, args).unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{method}");
    }
    let undo = json!({ "seq": deleted });
    fixture
        .try_task(Some("us01"), "history.undo", undo)
        .unwrap();
    let back = fixture.call(Some("us01"), "learnings.get", json!({ "id": id }));
    for field in ["text", "tags", "confidence", "createdAt"] {
        assert_eq!(back[field], made[field], "{field}");
    }
    // And while it is there.
    let refused = fixture
        .try_task(Some("us02"), "history.list", asked)
        .unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

#[test]
fn an_undo_is_rebuilt_from_the_journal() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    fixture.say(&id, "hello");
    fixture.call(Some("us01"), "conversations.delete", json!({ "id": id }));
    let seq = fixture.last_seq();
    fixture.task("history.undo", json!({ "seq": seq }));
    let before = fixture.dump();
    let Fixture {
        engine, host, disk, ..
    } = fixture;
    ready(engine.close()).unwrap();
    for file in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(disk.remove(file)).unwrap();
    }
    let store = ready(Store::open(Rc::new(disk.clone()), host.clone(), at_once())).unwrap();
    let mut fixture = Fixture {
        engine: Engine::over(store, StreamSettings::default()),
        host,
        disk,
        tasks: 0,
    };
    assert_eq!(fixture.dump(), before);
}

#[test]
fn an_undo_with_a_name_happens_once() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    let seq = fixture.rename(&id, "Plan B");
    let args = json!({ "seq": seq }).to_string();
    let mut answers = Vec::new();
    for id in [100, 101] {
        let request = Request {
            method: "history.undo",
            args: &args,
            user: None,
            request_id: Some("once"),
        };
        let answer = loop {
            let mut progress = |_: &str| {};
            let step = fixture.engine.task(id, request, &mut progress);
            if let Some(value) = ready(async { step.await.unwrap() }).unwrap() {
                break value;
            }
        };
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(
        fixture
            .list(json!({ "record": id, "op": "history.undo" }))
            .len(),
        1
    );
}

#[test]
fn the_index_is_searched_by_its_key() {
    let mut fixture = Fixture::new();
    let plan = fixture.engine.store().read(Caller::default(), |view| {
        let mut statement = view.prepare(
            "EXPLAIN QUERY PLAN SELECT first_seq, last_seq FROM history
             WHERE record = 'us01' AND first_seq <= 5 AND (NULL IS NULL OR op = 'x')",
        )?;
        Ok(statement.query_row([], |row| row.get::<_, String>(3))?)
    });
    let plan = plan.unwrap();
    assert!(
        plan.contains("SEARCH") && plan.contains("record=?"),
        "{plan}"
    );
}

#[test]
fn a_change_is_told_once_it_is_kept_with_whom_and_what_it_is_about() {
    let mut fixture = Fixture::new();
    let changes = |fixture: &mut Fixture| -> Vec<Value> {
        let (events, _) = fixture.engine.take_events();
        let events = events
            .iter()
            .map(|event| serde_json::to_value(event).unwrap());
        events.filter(|event| event["type"] == "change").collect()
    };
    // Nobody listens.
    fixture.conversation("us01");
    assert_eq!(changes(&mut fixture), [Value::Null; 0]);
    fixture.engine.set_listening(CHANGES);
    let id = fixture.conversation("us02");
    let told = changes(&mut fixture);
    assert_eq!(
        told,
        [json!({
            "type": "change", "seq": fixture.last_seq(), "at": fixture.host.now_ms(),
            "op": "conversations.create", "by": "us02",
            "records": ["us02", id], "groups": ["users", "contexts", "conversations"], "users": ["us02"],
        })]
    );
    // A write that fails, and a read, change nothing.
    let missing = json!({ "id": "us01-co99", "version": 1 });
    fixture
        .try_call(None, "conversations.update", missing)
        .unwrap_err();
    fixture.call(None, "users.list", json!({}));
    assert_eq!(changes(&mut fixture), [Value::Null; 0]);
    // The app's own records are nobody's.
    fixture.call(None, "settings.set", json!({ "name": "theme", "value": 1 }));
    let told = changes(&mut fixture);
    assert_eq!(
        (&told[0]["users"], &told[0]["groups"]),
        (&json!([]), &json!(["settings"]))
    );
}

#[test]
fn a_change_of_more_than_a_thousand_records_says_so() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation("us01");
    fixture.engine.set_listening(CHANGES);
    let messages = vec![json!({ "role": "user", "text": "x" }); 1500];
    let all = json!({ "conversationId": id, "messages": messages });
    fixture.call(None, "messages.appendAll", all);
    let (events, _) = fixture.engine.take_events();
    let change = events.iter().find_map(|event| match event {
        Event::Change(change) => Some(change),
        _ => None,
    });
    let change = change.unwrap();
    assert_eq!((change.records.len(), change.truncated), (1000, true));
}

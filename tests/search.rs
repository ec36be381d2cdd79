//! Full-text search: what a person types finds what was written, in every language, and nothing else.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::path::PathBuf;
use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Value, json};
use strongroom::Code;
use strongroom::database::migrate::LATEST;
use strongroom::database::schema::TABLES;
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::engine::{Answer, Engine, EngineOptions, Request};
use strongroom::host::ManualHost;
use strongroom::search::{SearchQuery, query};
use strongroom::store::{Caller, Options, Store};

/// The schema version before the index.
const BEFORE: u32 = 7;

struct Fixture {
    engine: Engine,
    host: Rc<ManualHost>,
    disk: MemoryDisk,
}

impl Fixture {
    /// A store with one user and one conversation.
    fn new() -> Self {
        let mut fixture = Self::open(MemoryDisk::default());
        fixture.call("users.create", json!({ "name": "Ada" }));
        fixture.call(
            "conversations.create",
            json!({ "userId": "us01", "title": "Plans" }),
        );
        fixture
    }

    fn open(disk: MemoryDisk) -> Self {
        let host = Rc::new(ManualHost::new(7));
        let options = EngineOptions {
            backups: Some(false),
            ..EngineOptions::default()
        };
        let engine = Engine::open(Rc::new(disk.clone()), host.clone(), &options);
        Self {
            engine: ready(engine).unwrap(),
            host,
            disk,
        }
    }

    /// Drops the store as a crash does, and opens it again.
    fn crash(self) -> Self {
        drop(self.engine);
        Self::open(self.disk)
    }

    /// Loses the database, and opens the store again.
    fn lose_database(self) -> Self {
        drop(self.engine);
        for file in ["store.sqlite3", "store.sqlite3-wal"] {
            ready(self.disk.remove(file)).unwrap();
        }
        Self::open(self.disk)
    }

    fn ask(&mut self, user: Option<&str>, requests: &[(&str, Value)]) -> Vec<Result<Value, Code>> {
        self.host.advance(1);
        while self.engine.needs_tick() {
            ready(self.engine.tick(true)).unwrap();
        }
        let texts: Vec<String> = requests.iter().map(|(_, args)| args.to_string()).collect();
        let requests: Vec<Request<'_>> = requests
            .iter()
            .zip(&texts)
            .map(|((method, _), args)| Request {
                method,
                args,
                user,
                request_id: None,
            })
            .collect();
        let answers = self.engine.turn(&requests).into_iter();
        let read = answers.map(|answer| match answer {
            Answer::Done(json) => Ok(serde_json::from_str(&json).unwrap()),
            Answer::Failed(error) | Answer::Again(error) => Err(error.code()),
        });
        read.collect()
    }

    fn call(&mut self, method: &str, args: Value) -> Value {
        let answer = self.ask(None, &[(method, args)]).pop().unwrap();
        answer.unwrap_or_else(|code| panic!("{method}: {code}"))
    }

    fn task(&mut self, method: &str, args: &Value) -> Result<Value, Code> {
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user: None,
            request_id: None,
        };
        let answer = ready(async { Ok(self.engine.task(1, request, &mut |_| {}).await) })
            .unwrap()
            .unwrap();
        answer
            .map(|json| serde_json::from_str(&json.unwrap()).unwrap())
            .map_err(|error| error.code())
    }

    fn say(&mut self, text: &str) -> String {
        let message = json!({ "role": "user", "text": text });
        let args = json!({ "conversationId": "us01-co01", "message": message });
        self.call("messages.append", args)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn search(&mut self, mut args: Value) -> Value {
        let object = args.as_object_mut().unwrap();
        object.entry("userId").or_insert(json!("us01"));
        self.call("search.query", args)
    }

    /// The ids of all that a text finds, sorted.
    fn found(&mut self, text: &str) -> Vec<String> {
        self.found_by(json!({ "text": text }))
    }

    fn found_by(&mut self, args: Value) -> Vec<String> {
        let mut ids: Vec<String> = self
            .hits(args)
            .iter()
            .map(|hit| hit["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        ids
    }

    /// All hits, over all pages.
    fn hits(&mut self, mut args: Value) -> Vec<Value> {
        let mut hits = Vec::new();
        loop {
            let page = self.search(args.clone());
            hits.extend(page["items"].as_array().unwrap().iter().cloned());
            match page.get("nextCursor") {
                Some(cursor) => args["cursor"] = cursor.clone(),
                None => return hits,
            }
        }
    }

    /// What a check of the whole index finds.
    fn findings(&mut self) -> Vec<Value> {
        let mut findings = Vec::new();
        let mut args = json!({});
        loop {
            let part = self.task("search.check", &args).unwrap();
            findings.extend(part["findings"].as_array().unwrap().iter().cloned());
            match part.get("nextCursor") {
                Some(cursor) => args["cursor"] = cursor.clone(),
                None => return findings,
            }
        }
    }

    /// Does all upkeep, as in a long pause.
    fn rest(&mut self) {
        for _ in 0..10_000 {
            let Some(due) = self.engine.due() else { return };
            self.host.advance(i64::try_from(due).unwrap());
            ready(self.engine.tick(true)).unwrap();
        }
        panic!("upkeep has no end");
    }

    fn sql(&mut self, sql: &str) {
        let store = self.engine.store();
        store
            .read(Caller::default(), |view| {
                Ok(view.prepare(sql)?.execute([])?)
            })
            .unwrap();
    }
}

/// The texts that a hit's marks cut out of its snippet.
fn marked(hit: &Value) -> Vec<String> {
    let text: Vec<u16> = hit["snippet"]["text"]
        .as_str()
        .unwrap()
        .encode_utf16()
        .collect();
    let marks = hit["snippet"]["marks"].as_array().unwrap().iter();
    let cut = marks.map(|mark| {
        let place = |end: usize| usize::try_from(mark[end].as_u64().unwrap()).unwrap();
        String::from_utf16(&text[place(0)..place(1)]).unwrap()
    });
    cut.collect()
}

#[test]
fn words_phrases_beginnings_and_exclusions_find_what_they_say() {
    let mut fixture = Fixture::new();
    let oauth = fixture.say("The OAuth token is refreshed every hour.");
    let token = fixture.say("A token ring network refreshes nothing.");
    let creme = fixture.say("Crème brûlée für Gäste, naïvely");
    assert_eq!(fixture.found("token"), [oauth.clone(), token.clone()]);
    assert_eq!(fixture.found("OAUTH  token"), std::slice::from_ref(&oauth));
    assert_eq!(
        fixture.found("\"token ring\""),
        std::slice::from_ref(&token)
    );
    assert_eq!(fixture.found("\"ring token\""), Vec::<String>::new());
    assert_eq!(fixture.found("refresh*"), [oauth.clone(), token.clone()]);
    assert_eq!(fixture.found("refresh"), Vec::<String>::new());
    assert_eq!(fixture.found("token -ring"), std::slice::from_ref(&oauth));
    assert_eq!(fixture.found("token -\"ring network\" -nothing"), [oauth]);
    assert_eq!(fixture.found("creme BRULEE gaste NAÏVE*"), [creme]);
    for nothing in ["", "   ", "-token", "!?", "\"\"", "*", "-"] {
        assert_eq!(fixture.found(nothing), Vec::<String>::new(), "{nothing:?}");
    }
}

#[test]
fn a_hit_says_what_it_is_and_marks_what_was_found() {
    let mut fixture = Fixture::new();
    let parts = json!([{ "type": "reasoning", "text": "Zebras think" }, { "type": "text", "text": "🦓 A Zébra!" }]);
    let message = json!({ "role": "assistant", "parts": parts });
    fixture.call(
        "messages.append",
        json!({ "conversationId": "us01-co01", "message": message }),
    );
    fixture.call(
        "conversations.update",
        json!({ "id": "us01-co01", "version": 2, "title": "About a zebra" }),
    );
    let mut hits = fixture.hits(json!({ "text": "zebra*" }));
    hits.sort_unstable_by_key(|hit| hit["kind"].as_str().unwrap().to_owned());
    let kinds: Vec<_> = hits
        .iter()
        .map(|hit| hit["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["conversations", "messages", "reasoning"]);
    assert_eq!(hits[0]["id"], "us01-co01");
    assert_eq!(hits[0].get("role"), None);
    for hit in &hits {
        assert_eq!(hit["title"], "About a zebra");
        assert_eq!(hit["conversationId"], "us01-co01");
        assert_eq!(hit["context"], "default");
    }
    assert_eq!(hits[1]["id"], "us01-co01-ms01");
    assert_eq!(hits[1]["role"], "assistant");
    assert_eq!(
        hits[1]["snippet"],
        json!({ "text": "🦓 A Zébra!", "marks": [[5, 10]] })
    );
    assert_eq!(marked(&hits[2]), ["Zebras"]);
}

#[test]
fn filters_add_up() {
    let mut fixture = Fixture::new();
    fixture.say("apples and pears");
    fixture.call(
        "conversations.create",
        json!({ "userId": "us01", "title": "apples", "context": "work" }),
    );
    let message = json!({ "role": "assistant", "text": "apples and oranges" });
    let answer = fixture.call(
        "messages.append",
        json!({ "conversationId": "us01-co02", "message": message }),
    );
    let at = answer["createdAt"].as_i64().unwrap();
    let all = ["us01-co01-ms01", "us01-co02", "us01-co02-ms01"];
    assert_eq!(fixture.found("apples"), all);
    for (filter, expected) in [
        (json!({ "in": ["messages"] }), vec![all[0], all[2]]),
        (json!({ "in": ["messages", "conversations"] }), all.to_vec()),
        (json!({ "in": ["reasoning"] }), vec![]),
        (json!({ "roles": ["assistant", "tool"] }), vec![all[2]]),
        (
            json!({ "roles": ["user"], "in": ["conversations"] }),
            vec![],
        ),
        (json!({ "contexts": ["work"] }), vec![all[1], all[2]]),
        (json!({ "contexts": ["work", "default"] }), all.to_vec()),
        (json!({ "contexts": [] }), vec![]),
        (
            json!({ "conversationId": "us01-co02" }),
            vec![all[1], all[2]],
        ),
        (json!({ "constructId": "0193" }), vec![]),
        (json!({ "since": at }), vec![all[2]]),
        (json!({ "until": at }), vec![all[0], all[1]]),
        (json!({ "since": at, "until": at }), vec![]),
        (
            json!({ "since": at, "roles": ["assistant"], "contexts": ["work"], "conversationId": "us01-co02" }),
            vec![all[2]],
        ),
    ] {
        let mut args = filter.clone();
        args["text"] = json!("apples");
        assert_eq!(fixture.found_by(args), expected, "{filter}");
    }
    let conversation = fixture.call("conversations.get", json!({ "id": "us01-co01" }));
    let moved = json!({ "id": "us01-co01", "version": conversation["version"], "context": "home" });
    fixture.call("conversations.update", moved);
    assert_eq!(
        fixture.found_by(json!({ "text": "apples", "contexts": ["home"] })),
        [all[0]]
    );
    for wrong in [
        json!({ "text": "a", "in": [] }),
        json!({ "text": "a", "limit": 0 }),
        json!({ "text": "a".repeat(5000) }),
    ] {
        let mut args = wrong.clone();
        args["userId"] = json!("us01");
        let answer = fixture.ask(None, &[("search.query", args)]).pop().unwrap();
        assert_eq!(answer.unwrap_err(), Code::InvalidArgument, "{wrong}");
    }
}

#[test]
fn nobody_finds_what_is_anothers() {
    let mut fixture = Fixture::new();
    fixture.say("a secret of Ada");
    fixture.call("users.create", json!({ "name": "Bob" }));
    fixture.call(
        "conversations.create",
        json!({ "userId": "us02", "title": "secret of Bob" }),
    );
    let mut ids = |user: Option<&str>, args: Value| {
        let answer = fixture.ask(user, &[("search.query", args)]).pop().unwrap();
        answer.map(|page| {
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|hit| hit["id"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(
        ids(Some("us01"), json!({ "text": "secret" })).unwrap(),
        ["us01-co01-ms01"]
    );
    assert_eq!(
        ids(Some("us02"), json!({ "text": "secret" })).unwrap(),
        ["us02-co01"]
    );
    assert_eq!(
        ids(None, json!({ "text": "secret", "userId": "us02" })).unwrap(),
        ["us02-co01"]
    );
    assert_eq!(
        ids(Some("us02"), json!({ "text": "secret", "userId": "us01" })),
        Err(Code::NotFound)
    );
    assert_eq!(
        ids(
            Some("us02"),
            json!({ "text": "secret", "conversationId": "us01-co01" })
        ),
        Err(Code::NotFound)
    );
    assert_eq!(
        ids(
            None,
            json!({ "text": "secret", "userId": "us02", "conversationId": "us01-co01" })
        ),
        Err(Code::NotFound)
    );
    assert_eq!(
        ids(None, json!({ "text": "secret" })),
        Err(Code::InvalidArgument)
    );
    assert_eq!(
        ids(Some("us03"), json!({ "text": "secret" })).unwrap(),
        Vec::<String>::new()
    );
    let args = "{}";
    let request = Request {
        method: "search.status",
        args,
        user: Some("us01"),
        request_id: None,
    };
    let refused = ready(async { Ok(fixture.engine.task(1, request, &mut |_| {}).await) })
        .unwrap()
        .unwrap();
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn what_is_deleted_is_not_found() {
    let mut fixture = Fixture::new();
    let first = fixture.say("needle one");
    let second = fixture.say("needle two");
    fixture.call("conversations.remove", json!({ "id": "us01-co01" }));
    assert_eq!(fixture.found("needle"), Vec::<String>::new());
    fixture.call("conversations.restore", json!({ "id": "us01-co01" }));
    assert_eq!(fixture.found("needle"), [first.clone(), second.clone()]);
    fixture.call("messages.delete", json!({ "id": second }));
    assert_eq!(fixture.found("needle"), [first]);
    fixture.call("conversations.delete", json!({ "id": "us01-co01" }));
    assert_eq!(fixture.found("needle"), Vec::<String>::new());
    fixture.call(
        "conversations.create",
        json!({ "userId": "us01", "title": "a needle more" }),
    );
    assert_eq!(fixture.found("needle"), ["us01-co02"]);
    fixture.call("users.delete", json!({ "id": "us01" }));
    assert_eq!(fixture.found("needle"), Vec::<String>::new());
    assert_eq!(
        fixture.task("search.status", &json!({})).unwrap()["documents"],
        0
    );
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

/// Ada's construct, its session and artifact, an artifact of its own, a chart and an entity, all with the word `needle`; gives
/// the ids of the first three.
fn agent_work(fixture: &mut Fixture) -> [String; 3] {
    let id = |record: &Value| record["id"].as_str().unwrap().to_owned();
    let metadata = json!({ "description": "finds a needle in hay", "k": "hidden" });
    let new = json!({ "userId": "us01", "type": "agent", "name": "Seeker", "metadata": metadata, "context": "work" });
    let construct = fixture.call("constructs.create", new);
    let new = json!({ "constructId": construct["id"], "name": "needle hunt" });
    let session = fixture.call("sessions.create", new);
    let message = json!({ "role": "user", "text": "is it a needle?" });
    let said = json!({ "conversationId": session["transcriptId"], "message": message });
    fixture.call("messages.append", said);
    let new = json!({ "sessionId": session["id"], "kind": "plan", "name": "needle.md" });
    let artifact = fixture.call("artifacts.create", new);
    let new = json!({ "userId": "us01", "kind": "log", "name": "needle of no construct" });
    fixture.call("artifacts.create", new);
    let chart = json!({ "userId": "us01", "context": "work", "title": "Needles", "desiredOutcome": "A needle in hand",
        "currentReality": "Hay", "dueDate": "2026-12-31", "actionSteps": ["Buy a magnet for the needle"] });
    fixture.call("charts.create", chart);
    let entity = json!({ "userId": "us01", "name": "Needle maker", "entityType": "person", "observations": ["old", "sells magnets"] });
    fixture.call("charts.addEntity", entity);
    [id(&construct), id(&session), id(&artifact)]
}

/// The titles of what is found, each with its kind.
fn titles(fixture: &mut Fixture, args: Value) -> Vec<String> {
    let hits = fixture.hits(args).into_iter();
    let title = |hit: &Value| hit["title"].as_str().unwrap_or_default().to_owned();
    let mut titles: Vec<_> = hits
        .map(|hit| format!("{} {}", hit["kind"].as_str().unwrap(), title(&hit)))
        .collect();
    titles.sort_unstable();
    titles
}

#[test]
fn agent_work_and_charts_are_found_by_what_they_say() {
    let mut fixture = Fixture::new();
    let [construct, session, artifact] = agent_work(&mut fixture);
    let of_construct = [
        "artifacts needle.md",
        "constructs Seeker",
        "conversations needle hunt",
        "messages needle hunt",
        "sessions needle hunt",
    ];
    let of_charts = [
        "charts Needle maker",
        "charts chart_1_action_1",
        "charts chart_1_desired_outcome",
    ];
    for (filter, expected) in [
        (json!({ "constructId": construct }), &of_construct[..]),
        (json!({ "in": ["charts"] }), &of_charts),
        (
            json!({ "in": ["artifacts"] }),
            &["artifacts needle of no construct", "artifacts needle.md"],
        ),
        (
            json!({ "in": ["constructs", "sessions"] }),
            &["constructs Seeker", "sessions needle hunt"],
        ),
        (json!({ "contexts": ["default"] }), &["charts Needle maker"]),
        (
            json!({ "contexts": ["work"], "in": ["charts", "artifacts", "sessions"] }),
            &[
                "artifacts needle.md",
                "charts chart_1_action_1",
                "charts chart_1_desired_outcome",
                "sessions needle hunt",
            ],
        ),
    ] {
        let mut args = filter.clone();
        args["text"] = json!("needle");
        assert_eq!(titles(&mut fixture, args), expected, "{filter}");
    }
    let [hit] = &fixture.hits(json!({ "text": "needle", "in": ["constructs"] }))[..] else {
        panic!("one construct")
    };
    assert_eq!(
        (&hit["id"], &hit["constructId"], &hit["context"]),
        (&json!(construct), &json!(construct), &json!("work"))
    );
    assert_eq!(hit["snippet"]["text"], "Seeker finds a needle in hay");
    let [hit] = &fixture.hits(json!({ "text": "maker magnets" }))[..] else {
        panic!("one entity")
    };
    assert_eq!(hit["snippet"]["text"], "Needle maker old sells magnets");
    assert_eq!(hit.get("constructId"), None);
    assert_eq!(fixture.found("hunt \"needle hunt\"").len(), 2);
    assert_eq!(
        fixture.found_by(json!({ "text": "hunt", "in": ["sessions"] })),
        [session]
    );
    assert_eq!(fixture.found("md"), [artifact]);
    // Neither fields other than the description, nor names that only number.
    for nothing in ["hidden", "chart", "action", "agent"] {
        assert_eq!(fixture.found(nothing), [""; 0], "{nothing}");
    }
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn agent_work_and_charts_are_found_as_they_are_now() {
    let mut fixture = Fixture::new();
    let [construct, session, artifact] = agent_work(&mut fixture);
    let kinds = json!(["constructs", "sessions", "artifacts", "charts"]);
    let found = |fixture: &mut Fixture, text: &str, context: &str| {
        titles(
            fixture,
            json!({ "text": text, "in": kinds, "contexts": [context] }),
        )
    };
    fixture.call(
        "sessions.update",
        json!({ "id": session, "version": 1, "name": "thread" }),
    );
    fixture.call(
        "artifacts.update",
        json!({ "id": artifact, "version": 1, "name": "thread.md" }),
    );
    fixture.call(
        "constructs.update",
        json!({ "id": construct, "version": 1, "metadata": { "description": 7 } }),
    );
    let maker = json!({ "userId": "us01", "name": "Needle maker", "observations": ["old"] });
    fixture.call("charts.removeObservations", maker.clone());
    assert_eq!(found(&mut fixture, "old", "default"), [""; 0]);
    assert_eq!(
        found(&mut fixture, "thread", "work"),
        ["artifacts thread.md", "sessions thread"]
    );
    assert_eq!(found(&mut fixture, "seeker", "work").len(), 1);
    // Contexts are looked up, or go with their records.
    fixture.call(
        "constructs.update",
        json!({ "id": construct, "version": 2, "context": "home" }),
    );
    assert_eq!(found(&mut fixture, "thread", "home").len(), 2);
    let chart =
        json!({ "userId": "us01", "context": "work", "chart": "chart_1", "to": "learning" });
    fixture.call("charts.move", chart);
    assert_eq!(found(&mut fixture, "needle", "learning").len(), 2);
    fixture.call(
        "contexts.rename",
        json!({ "userId": "us01", "name": "learning", "to": "home" }),
    );
    assert_eq!(found(&mut fixture, "needle", "home").len(), 2);
    // What is removed is out of sight, and what is below a construct stays.
    fixture.call("constructs.remove", json!({ "id": construct }));
    assert_eq!(found(&mut fixture, "seeker", "home"), [""; 0]);
    assert_eq!(found(&mut fixture, "thread", "home").len(), 2);
    fixture.call("constructs.restore", json!({ "id": construct }));
    assert_eq!(found(&mut fixture, "seeker", "home").len(), 1);
    fixture.call("constructs.delete", json!({ "id": construct }));
    fixture.call(
        "charts.deleteEntity",
        json!({ "userId": "us01", "name": "Needle maker" }),
    );
    let chart = json!({ "userId": "us01", "context": "home", "chart": "chart_1" });
    fixture.call("charts.remove", chart);
    let left = titles(&mut fixture, json!({ "text": "needle" }));
    assert_eq!(left, ["artifacts needle of no construct"]);
    assert_eq!(fixture.found("thread seeker"), [""; 0]);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn nobody_finds_what_anothers_agents_and_charts_say() {
    let mut fixture = Fixture::new();
    let [construct, ..] = agent_work(&mut fixture);
    fixture.call("users.create", json!({ "name": "Bob" }));
    let all = fixture.found("needle");
    assert!(all.len() > 8);
    let ask = |fixture: &mut Fixture, user: Option<&str>, args: Value| {
        let answer = fixture.ask(user, &[("search.query", args)]).pop().unwrap();
        answer.map(|page| page["items"].as_array().unwrap().len())
    };
    for kind in ["constructs", "sessions", "artifacts", "charts"] {
        let query = json!({ "text": "needle", "in": [kind] });
        assert_eq!(
            ask(&mut fixture, Some("us02"), query.clone()),
            Ok(0),
            "{kind}"
        );
        assert!(
            ask(&mut fixture, Some("us01"), query).unwrap() > 0,
            "{kind}"
        );
    }
    let of_construct = json!({ "text": "needle", "constructId": construct });
    assert_eq!(ask(&mut fixture, Some("us02"), of_construct), Ok(0));
    let named = json!({ "text": "needle", "userId": "us01" });
    assert_eq!(ask(&mut fixture, Some("us02"), named), Err(Code::NotFound));
    // Bob has the like, and each finds their own.
    let new = json!({ "type": "agent", "name": "needle of Bob" });
    let entity = json!({ "name": "needle of Bob", "entityType": "t" });
    let made = fixture.ask(
        Some("us02"),
        &[("constructs.create", new), ("charts.addEntity", entity)],
    );
    assert!(made.iter().all(Result::is_ok));
    let query = json!({ "text": "needle" });
    assert_eq!(ask(&mut fixture, Some("us02"), query), Ok(2));
    assert_eq!(fixture.found("needle"), all);
    fixture.call("users.delete", json!({ "id": "us01" }));
    assert_eq!(fixture.found("needle"), [""; 0]);
    assert_eq!(
        fixture.task("search.status", &json!({})).unwrap()["documents"],
        2
    );
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn an_index_from_before_agent_work_takes_everything_in() {
    for before in [8, 9] {
        let mut fixture = Fixture::new();
        variety(&mut fixture);
        ready(fixture.engine.store().migrate(before, &mut |_| {})).unwrap();
        // An older package finds an index to build, which knows nothing of what it has no source for.
        let left = fixture.engine.store().read(Caller::default(), |view| {
            let sql = "SELECT (SELECT count(*) FROM search_doc), (SELECT source FROM search_state)";
            let mut state = view.prepare(sql)?;
            Ok(state.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
        });
        assert_eq!(left.unwrap(), (0, Some(0)));
        // Meanwhile records come and go.
        let learning = |text: &str| json!({ "userId": "us01", "category": "Plans", "text": text });
        fixture.call("learnings.create", learning("needle that stays"));
        let gone = fixture.call("learnings.create", learning("needle that goes"))["id"].clone();
        if before == 9 {
            fixture.call("learnings.delete", json!({ "id": gone }));
            let new = json!({ "userId": "us01", "type": "agent", "name": "needle" });
            fixture.call("constructs.create", new);
        }
        ready(fixture.engine.store().migrate(LATEST, &mut |_| {})).unwrap();
        assert_eq!(
            fixture.search(json!({ "text": "needle" }))["complete"],
            false
        );
        fixture.rest();
        let expected: &[&str] = match before {
            9 => &["constructs needle", "learnings Plans"],
            _ => &["learnings Plans", "learnings Plans"],
        };
        for _ in 0..2 {
            assert_eq!(
                titles(&mut fixture, json!({ "text": "needle" })),
                expected,
                "from {before}"
            );
            assert_eq!(fixture.found("gamma").len(), 2);
            assert_eq!(fixture.findings(), Vec::<Value>::new());
            fixture = fixture.lose_database();
            fixture.rest();
        }
    }
}

#[test]
fn agent_work_and_charts_are_found_after_a_rebuild_and_in_a_new_index() {
    let mut fixture = Fixture::new();
    agent_work(&mut fixture);
    let before = titles(&mut fixture, json!({ "text": "needle" }));
    assert!(before.len() > 8);
    assert_eq!(
        fixture.search(json!({ "text": "needle" }))["complete"],
        true
    );
    let mut fixture = fixture.lose_database();
    assert_eq!(titles(&mut fixture, json!({ "text": "needle" })), before);
    fixture.task("search.rebuild", &json!({})).unwrap();
    fixture.rest();
    assert_eq!(titles(&mut fixture, json!({ "text": "needle" })), before);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn erasing_leaves_no_word_of_what_was_deleted_in_the_index() {
    let mut fixture = Fixture::new();
    fixture.say("kept words");
    let gone = fixture.say("xylophonequartz and zyzzyvas");
    fixture.rest();
    fixture.call("messages.delete", json!({ "id": gone }));
    fixture.rest();
    let holds = |fixture: &mut Fixture| {
        let store = fixture.engine.store();
        let blocks: Vec<Vec<u8>> = store
            .read(Caller::default(), |view| {
                let mut statement = view.prepare("SELECT block FROM search_text_data")?;
                let rows = statement.query_map([], |row| row.get(0))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .unwrap();
        // The first letters may be shared with the word before.
        blocks.iter().any(|block| {
            block
                .windows(6)
                .any(|bytes| bytes == b"quartz" || bytes == b"zzyvas")
        })
    };
    assert!(holds(&mut fixture));
    let mut more = fixture.engine.store().erase_search(true).unwrap();
    while more {
        more = fixture.engine.store().erase_search(false).unwrap();
    }
    assert!(!holds(&mut fixture));
    assert_eq!(fixture.found("kept"), ["us01-co01-ms01"]);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn a_streamed_message_is_found_once_it_ends() {
    let mut fixture = Fixture::new();
    let begin = json!({ "conversationId": "us01-co01", "message": { "role": "assistant" } });
    let opened = fixture.call("messages.stream", begin);
    let stream = opened["stream"].clone();
    for text in ["The qui", "ck brown ", "fox"] {
        fixture.call(
            "streams.write",
            json!({ "stream": stream, "deltas": [text], "flush": true }),
        );
        assert_eq!(fixture.found("quick"), Vec::<String>::new());
    }
    fixture.call(
        "streams.end",
        json!({ "stream": stream, "status": "complete" }),
    );
    assert_eq!(fixture.found("\"quick brown fox\""), ["us01-co01-ms01"]);

    let begin = json!({ "conversationId": "us01-co01", "message": { "role": "assistant" } });
    let opened = fixture.call("messages.stream", begin);
    let write = json!({ "stream": opened["stream"], "deltas": ["a lazy dog"], "flush": true });
    fixture.call("streams.write", write);
    let mut fixture = fixture.crash();
    assert_eq!(fixture.found("lazy"), ["us01-co01-ms02"]);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn a_search_sees_the_writes_of_its_own_turn_and_none_that_were_undone() {
    let mut fixture = Fixture::new();
    fixture.say("needle in the past");
    let append = |text: &str| {
        let message = json!({ "role": "user", "text": text });
        (
            "messages.append",
            json!({ "conversationId": "us01-co01", "message": message }),
        )
    };
    let look = || {
        (
            "search.query",
            json!({ "userId": "us01", "text": "needle" }),
        )
    };
    let bad = (
        "messages.append",
        json!({ "conversationId": "us01-co09", "message": { "role": "user" } }),
    );
    let count = |answer: &Result<Value, Code>| {
        answer
            .as_ref()
            .map(|page| page["items"].as_array().unwrap().len())
            .map_err(|code| *code)
    };
    let answers = fixture.ask(
        None,
        &[
            bad.clone(),
            look(),
            bad.clone(),
            append("needle two"),
            look(),
            bad,
            append("needle three"),
            look(),
        ],
    );
    let counts: Vec<_> = [1, 4, 7]
        .into_iter()
        .map(|place| count(&answers[place]))
        .collect();
    assert_eq!(counts, [Ok(1), Ok(2), Ok(3)]);
    assert_eq!(fixture.found("needle").len(), 3);
    assert_eq!(fixture.findings(), Vec::<Value>::new());

    // A turn that is dropped is undone, with what the index took in of it, and of what had waited before.
    fixture.say("needle four");
    let new = serde_json::from_value(json!({ "role": "user", "text": "needle undone" })).unwrap();
    let search: SearchQuery =
        serde_json::from_value(json!({ "userId": "us01", "text": "needle" })).unwrap();
    let mut turn = fixture.engine.store().turn().unwrap();
    let id = "us01-co01".parse().unwrap();
    turn.write("messages.append", Caller::default(), |tx| {
        strongroom::domain::messages::append(tx, id, &new)
    })
    .unwrap();
    turn.index().unwrap();
    let page = turn
        .read(Caller::default(), |view| query(view, &search))
        .unwrap();
    assert_eq!(page.items.len(), 5);
    drop(turn);
    assert_eq!(fixture.found("needle").len(), 4);
    assert_eq!(fixture.found("undone"), Vec::<String>::new());
    assert_eq!(fixture.findings(), Vec::<Value>::new());
    let mut fixture = fixture.crash();
    assert_eq!(fixture.found("needle").len(), 4);
}

#[test]
fn pages_go_on_where_they_were_while_more_is_written() {
    let mut fixture = Fixture::new();
    for number in 0..120 {
        fixture.say(&format!(
            "needle {} {}",
            "needle ".repeat(number % 7),
            "hay ".repeat(number % 13)
        ));
    }
    let all: Vec<Value> = fixture.hits(json!({ "text": "needle", "limit": 1000 }));
    assert_eq!(all.len(), 120);
    let mut seen = Vec::new();
    let mut args = json!({ "text": "needle", "limit": 7 });
    loop {
        let page = fixture.search(args.clone());
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        fixture.say("needle needle needle needle, added later");
        let Some(cursor) = page.get("nextCursor") else {
            break;
        };
        args["cursor"] = cursor.clone();
    }
    assert_eq!(seen, all);
    let scores: Vec<i64> = seen
        .iter()
        .map(|hit| hit["score"].as_i64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores[0] > scores[119]);

    let mut other = args.clone();
    other["text"] = json!("hay");
    other["userId"] = json!("us01");
    let refused = fixture.ask(None, &[("search.query", other)]).pop().unwrap();
    assert_eq!(refused.unwrap_err(), Code::InvalidArgument);
}

#[test]
fn of_very_common_words_every_hit_is_reached_band_by_band() {
    let mut fixture = Fixture::new();
    let messages = vec![json!({ "role": "user", "text": "the" }); 4500];
    fixture.call(
        "messages.appendAll",
        json!({ "conversationId": "us01-co01", "messages": messages }),
    );
    fixture.rest();
    let mut ids = fixture.found_by(json!({ "text": "the", "limit": 999 }));
    assert_eq!(ids.len(), 4500);
    ids.dedup();
    assert_eq!(ids.len(), 4500);
    assert_eq!(
        fixture
            .found_by(json!({ "text": "the", "limit": 1000 }))
            .len(),
        4500
    );
}

#[test]
fn a_very_long_message_is_found_from_its_beginning_to_its_end() {
    let mut fixture = Fixture::new();
    let filler = "lorem ipsum dolor sit amet ".repeat(30_000);
    let id = fixture.say(&format!("startword {filler} middleword {filler} endword"));
    for word in ["startword", "middleword", "endword"] {
        let hits = fixture.hits(json!({ "text": word }));
        assert_eq!(hits.len(), 1, "{word}");
        assert_eq!(hits[0]["id"], id);
        assert_eq!(marked(&hits[0]), [word]);
    }
    let hits = fixture.hits(json!({ "text": "lorem" }));
    assert_eq!(hits.len(), 1, "one hit, however many of its pieces match");
    assert!(
        fixture.task("search.status", &json!({})).unwrap()["documents"]
            .as_u64()
            .unwrap()
            > 6
    );
    let unbroken: String = (0..200_000u32)
        .filter_map(|n| char::from_u32(0x4E00 + (n * 7919) % 20_000))
        .collect();
    fixture.say(&unbroken);
    let characters: Vec<char> = unbroken.chars().collect();
    for at in (0..199_000).step_by(9_973) {
        let part: String = characters[at..at + 5].iter().collect();
        assert_eq!(fixture.found(&part).len(), 1, "at {at}");
    }
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

/// Some conversations, and what different queries find in them.
fn variety(fixture: &mut Fixture) {
    for text in [
        "alpha beta",
        "beta gamma 東京タワー",
        "gamma delta -- épsilon",
        "to be deleted",
    ] {
        fixture.say(text);
    }
    fixture.call("users.create", json!({ "name": "Bob" }));
    fixture.call(
        "conversations.create",
        json!({ "userId": "us02", "title": "beta of Bob" }),
    );
    let reasoning =
        json!([{ "type": "reasoning", "text": "beta thinking" }, { "type": "data", "data": {} }]);
    let message = json!({ "role": "assistant", "parts": reasoning });
    fixture.call(
        "messages.append",
        json!({ "conversationId": "us02-co01", "message": message }),
    );
    fixture.call("messages.delete", json!({ "id": "us01-co01-ms04" }));
}

fn everything(fixture: &mut Fixture) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for user in ["us01", "us02"] {
        for text in [
            "beta", "gamma", "東京", "epsilon", "plans", "deleted", "th*",
        ] {
            all.push(fixture.hits(json!({ "text": text, "userId": user })));
        }
    }
    all
}

#[test]
fn a_rebuild_from_the_journal_finds_the_same() {
    let mut fixture = Fixture::new();
    variety(&mut fixture);
    let before = everything(&mut fixture);
    assert!(before.iter().filter(|hits| !hits.is_empty()).count() >= 6);
    let mut fixture = fixture.crash();
    assert_eq!(everything(&mut fixture), before);
    let mut fixture = fixture.lose_database();
    assert_eq!(everything(&mut fixture), before);
    assert_eq!(fixture.search(json!({ "text": "beta" }))["complete"], true);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn a_store_from_before_is_indexed_in_slices_and_can_be_searched_meanwhile() {
    let mut fixture = Fixture::new();
    variety(&mut fixture);
    let before = everything(&mut fixture);
    let long = "filler of some length ".repeat(500);
    for _ in 0..50 {
        fixture.say(&long);
    }
    ready(fixture.engine.store().migrate(BEFORE, &mut |_| {})).unwrap();
    ready(fixture.engine.store().migrate(LATEST, &mut |_| {})).unwrap();
    fixture.say("written after");
    let page = fixture.search(json!({ "text": "after" }));
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["complete"]),
        (1, &json!(false))
    );
    let status = fixture.task("search.status", &json!({})).unwrap();
    assert!(status["waiting"].as_u64().unwrap() > 50 && status["complete"] == false);
    assert_eq!(
        fixture.task("search.check", &json!({})),
        Err(Code::Conflict)
    );

    // Half way it dies, and goes on from there.
    for _ in 0..4 {
        fixture.task("search.build", &json!({})).unwrap();
    }
    let half = fixture.task("search.status", &json!({})).unwrap();
    for _ in 0..3 {
        fixture.host.advance(300);
        ready(fixture.engine.tick(false)).unwrap();
    }
    let mut fixture = fixture.crash();
    assert_eq!(
        fixture.task("search.status", &json!({})).unwrap()["waiting"],
        half["waiting"]
    );
    fixture.rest();
    let status = fixture.task("search.status", &json!({})).unwrap();
    assert_eq!(
        (&status["waiting"], &status["complete"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(everything(&mut fixture), before);
    assert_eq!(fixture.found("filler").len(), 50);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
    let mut fixture = fixture.lose_database();
    fixture.rest();
    assert_eq!(everything(&mut fixture), before);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn an_index_that_is_emptied_is_built_again_the_same() {
    let mut fixture = Fixture::new();
    variety(&mut fixture);
    let before = everything(&mut fixture);
    let page = fixture.search(json!({ "text": "beta", "limit": 1 }));
    let status = fixture.task("search.rebuild", &json!({})).unwrap();
    assert_eq!(
        (&status["documents"], &status["complete"]),
        (&json!(0), &json!(false))
    );
    fixture.say("beta meanwhile");
    let mut slices = 0;
    while fixture.task("search.build", &json!({})).unwrap()["complete"] == false {
        slices += 1;
    }
    assert!(slices > 1);
    fixture.call("messages.delete", json!({ "id": "us01-co01-ms05" }));
    assert_eq!(everything(&mut fixture), before);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
    let old = json!({ "userId": "us01", "text": "beta", "limit": 1, "cursor": page["nextCursor"] });
    let refused = fixture.ask(None, &[("search.query", old)]).pop().unwrap();
    assert_eq!(
        refused.unwrap_err(),
        Code::InvalidArgument,
        "the index has other rows now"
    );
}

#[test]
fn a_check_finds_what_is_missing_stale_and_extra() {
    let mut fixture = Fixture::new();
    variety(&mut fixture);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
    fixture.rest();
    let finding = |code: &str, id: &str| json!({ "code": code, "id": id });
    fixture.sql("DELETE FROM search_doc WHERE record = 'us01-co01-ms01'");
    fixture.sql("UPDATE search_doc SET digest = 0 WHERE record = 'us01-co01-ms02'");
    fixture.sql("UPDATE search_doc SET record = 'us01-co01-ms99' WHERE record = 'us01-co01-ms03'");
    fixture.sql("DELETE FROM search_text WHERE rowid = (SELECT doc FROM search_doc WHERE record = 'us02-co01')");
    let found = fixture.findings();
    for expected in [
        finding("missing", "us01-co01-ms01"),
        finding("stale", "us01-co01-ms02"),
        finding("missing", "us01-co01-ms03"),
        finding("extra", "us01-co01-ms99"),
        finding("missing", "us02-co01"),
        json!({ "code": "extra" }),
    ] {
        assert!(found.contains(&expected), "{expected} in {found:?}");
    }
    assert_eq!(found.len(), 6);
    fixture.task("search.rebuild", &json!({})).unwrap();
    fixture.rest();
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn the_journal_holds_nothing_of_the_index() {
    let mut fixture = Fixture::new();
    let lines = fixture.engine.store().last_seq();
    fixture.say("needle");
    fixture.found("needle");
    fixture.task("search.rebuild", &json!({})).unwrap();
    fixture.rest();
    assert_eq!(fixture.engine.store().last_seq(), lines + 1);
    assert!(TABLES.iter().all(|table| !table.name.starts_with("search")));
    let Fixture { engine, disk, .. } = fixture;
    drop(engine);
    let mut journal = String::new();
    for name in ready(disk.list("journal")).unwrap() {
        let path = format!("journal/{name}");
        let file = ready(disk.open(&path, strongroom::disk::OpenMode::Existing)).unwrap();
        let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        journal.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(journal.contains("needle") && !journal.contains("search_"));
}

#[test]
fn every_statement_uses_an_index() {
    let mut fixture = Fixture::new();
    fixture.say("needle");
    let plans = fixture.engine.store().read(Caller::default(), |view| {
        let mut plans = Vec::new();
        for sql in [
            strongroom::search::MATCHES,
            strongroom::search::FILTERS,
            "SELECT doc FROM search_doc WHERE record = ?1 AND kind = ?2",
            "SELECT min(doc), max(doc) FROM search_doc WHERE user = ?1 AND at >= ?2 AND at < ?3",
            "SELECT doc, kind, piece, digest FROM search_doc WHERE record = ?1",
            "SELECT doc FROM search_doc WHERE doc BETWEEN ?1 AND ?2 ORDER BY doc DESC LIMIT 1",
            "SELECT user, conversation, message FROM message WHERE (user, conversation, message) > (?1, ?2, ?3)
             ORDER BY user, conversation, message LIMIT ?4",
        ] {
            let mut statement = view.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            // Unbound parameters are null to EXPLAIN.
            let mut rows = statement.raw_query();
            let mut plan = String::new();
            while let Some(row) = rows.next()? {
                plan.push_str(&row.get::<_, String>(3)?);
                plan.push('\n');
            }
            plans.push(plan);
        }
        Ok(plans)
    });
    for plan in plans.unwrap() {
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        let scans: Vec<&str> = plan.lines().filter(|line| line.contains("SCAN")).collect();
        let harmless =
            |line: &&str| line.contains("VIRTUAL TABLE INDEX") || line.contains("json_each");
        assert!(scans.iter().all(harmless), "{plan}");
    }
}

/// The file of real data, or none with a note for whoever counts the skips.
fn data(path: &str, test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("STRONGROOM_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")),
        PathBuf::from,
    );
    let file = folder.join(path);
    if file.is_file() {
        return Some(file);
    }
    println!("SKIPPED (no data): {test}");
    if let Some(log) = std::env::var_os("STRONGROOM_SKIP_LOG") {
        use std::io::Write as _;
        let mut log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        writeln!(log, "{test}").unwrap();
    }
    None
}

/// Whether a character is of a script without spaces, or one that is found by its parts.
const fn is_of_a_run(character: char) -> bool {
    matches!(character, '\u{E01}'..='\u{E3A}' | '\u{3041}'..='\u{30FA}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}')
}

/// What people would type to find some of the answers.
const PHRASES: &[&str] = &[
    "开心",
    "快乐",
    "日常生活",
    "普通人",
    "五感策略",
    "幸せ",
    "悲しい",
    "自己紹介",
    "名前は",
    "経験",
    "행복",
    "안녕하세요",
    "자기소개",
    "일상 생활",
    "슬퍼요",
    "vui vẻ",
    "chào bạn",
    "bản thân",
    "Tôi buồn",
    "สวัสดี",
    "มนุษย์",
    "ขอบคุณ",
    "грустный",
    "счастливым",
    "Здравствуйте",
    "щасливим",
    "traurig",
    "glücklich",
    "être heureux",
    "¿Cómo",
    "felice",
    "human",
];

#[test]
fn answers_in_twelve_languages_are_found_by_what_a_person_would_type() {
    let Some(path) = data(
        "multilingual/oa_falcon40b_12-languages_filtered.json",
        "search in twelve languages",
    ) else {
        return;
    };
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut fixture = Fixture::new();
    let mut texts: Vec<(String, String)> = Vec::new();
    for prompt in file["prompts"].as_array().unwrap() {
        let mut all = vec![prompt["prompt"].as_str().unwrap()];
        for result in prompt["results"].as_array().unwrap() {
            all.extend(
                result["outputs"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|text| text.as_str().unwrap()),
            );
        }
        for text in all {
            let id = fixture.say(text);
            texts.push((id, text.to_owned()));
        }
    }
    assert!(texts.len() > 200, "{}", texts.len());
    // Words that are told apart by spaces are found whole.
    let kept = |text: &&(String, String), part: &str| {
        let is_spaced = !part.chars().any(is_of_a_run);
        text.1.match_indices(part).any(|(at, _)| {
            let (before, after) = (&text.1[..at], &text.1[at + part.len()..]);
            let is_free = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
            !is_spaced || is_free(before.chars().next_back()) && is_free(after.chars().next())
        })
    };
    let typed = PHRASES.iter().copied();
    let mut languages = 0;
    for part in typed {
        let expected: Vec<String> = {
            let mut ids: Vec<String> = texts
                .iter()
                .filter(|text| kept(text, part))
                .map(|text| text.0.clone())
                .collect();
            ids.sort_unstable();
            ids
        };
        assert!(!expected.is_empty(), "no text holds {part}");
        let found = fixture.found_by(json!({ "text": format!("\"{part}\""), "in": ["messages"] }));
        for id in &expected {
            assert!(found.contains(id), "{part} is in {id}");
        }
        for hit in fixture.hits(json!({ "text": part, "in": ["messages"] })) {
            assert!(!marked(&hit).is_empty(), "{part}: {hit}");
        }
        languages += 1;
    }
    assert_eq!(languages, PHRASES.len());

    // Every part of two to four characters of every text in a script without spaces, and every word of the others.
    let mut looked = 0;
    for (id, text) in &texts {
        let characters: Vec<char> = text.chars().collect();
        for at in (0..characters.len().saturating_sub(4)).step_by(23) {
            let part: String = characters[at..at + 2 + at % 3].iter().collect();
            let is_run = part.chars().all(is_of_a_run);
            if is_run {
                assert!(fixture.found(&part).contains(id), "{part} in {id}");
                looked += 1;
            }
        }
        for word in text.split_whitespace().step_by(17) {
            if word.chars().any(char::is_alphanumeric)
                && !word.contains(['"', '“', '”', '„', '«', '»', '-', '*'])
            {
                assert!(fixture.found(word).contains(id), "{word} in {id}");
                looked += 1;
            }
        }
    }
    assert!(looked > 1000, "{looked}");
}

fn texts_of(node: &Value, texts: &mut Vec<String>) {
    texts.push(node["text"].as_str().unwrap().to_owned());
    for reply in node["replies"].as_array().unwrap() {
        texts_of(reply, texts);
    }
}

/// The texts of all messages of the OASST trees.
fn oasst(test: &str) -> Option<Vec<String>> {
    let trees = std::fs::read_to_string(data("oasst/en_100_tree.jsonl", test)?).unwrap();
    let mut texts = Vec::new();
    for line in trees.lines().filter(|line| !line.trim().is_empty()) {
        texts_of(
            &serde_json::from_str::<Value>(line).unwrap()["prompt"],
            &mut texts,
        );
    }
    Some(texts)
}

#[test]
fn every_message_of_the_oasst_trees_is_found_by_a_phrase_of_its_own() {
    let Some(texts) = oasst("search in OASST") else {
        return;
    };
    let mut fixture = Fixture::new();
    let messages: Vec<Value> = texts
        .iter()
        .map(|text| json!({ "role": "user", "text": text }))
        .collect();
    let ids = fixture.call(
        "messages.appendAll",
        json!({ "conversationId": "us01-co01", "messages": messages }),
    );
    assert!(texts.len() > 500);
    for (text, id) in texts.iter().zip(ids.as_array().unwrap()).step_by(3) {
        let words: Vec<&str> = text.split_whitespace().skip(2).take(6).collect();
        let phrase = words.join(" ").replace(['"', '“', '”', '„', '«', '»'], " ");
        if phrase.chars().any(char::is_alphanumeric) {
            let found = fixture.found_by(json!({ "text": format!("\"{phrase}\""), "limit": 1000 }));
            assert!(found.contains(&id.as_str().unwrap().to_owned()), "{phrase}");
        }
    }
    fixture.rest();
    let status = fixture.task("search.status", &json!({})).unwrap();
    let bytes: usize = texts.iter().map(String::len).sum();
    println!(
        "{} texts of {bytes} bytes: an index of {}",
        texts.len(),
        status["bytes"]
    );
    assert!(usize::try_from(status["bytes"].as_u64().unwrap()).unwrap() < bytes);
}

/// Prints how long searches over 100,000 messages take, and how large the index is:
/// `cargo test --release --test search -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn measure_a_hundred_thousand_messages() {
    let Some(texts) = oasst("measuring the search") else {
        return;
    };
    let mut fixture = Fixture::new();
    let started = std::time::Instant::now();
    let mut bytes = 0;
    for block in 0..100 {
        // Each message is its own: sentences of the real ones, each time in another order.
        let messages: Vec<Value> = (0..1000)
            .map(|number| {
                let at = (block * 1000 + number) * 7919;
                let text = [0, 3, 11].map(|step| {
                    let text = &texts[(at + step * (block + 1)) % texts.len()];
                    text.split_inclusive(". ").nth(number % 3).unwrap_or(text)
                });
                let text = text.concat();
                bytes += text.len();
                json!({ "role": if number % 2 == 0 { "user" } else { "assistant" }, "text": text })
            })
            .collect();
        if block % 10 == 9 {
            fixture.call("conversations.create", json!({ "userId": "us01" }));
        }
        let conversation = format!("us01-co{:02}", 1 + (block + 1) / 10);
        fixture.call(
            "messages.appendAll",
            json!({ "conversationId": conversation, "messages": messages }),
        );
    }
    fixture.found("x");
    println!(
        "100,000 messages of {} MB written and indexed in {:?}",
        bytes >> 20,
        started.elapsed()
    );
    let started = std::time::Instant::now();
    fixture.rest();
    let status = fixture.task("search.status", &json!({})).unwrap();
    println!(
        "upkeep in {:?}; the index has {} MB",
        started.elapsed(),
        status["bytes"].as_u64().unwrap() >> 20
    );
    for query in [
        json!({ "text": "the" }),
        json!({ "text": "the and of" }),
        json!({ "text": "\"of the\"" }),
        json!({ "text": "python function" }),
        json!({ "text": "comput*" }),
        json!({ "text": "the -a" }),
        json!({ "text": "mortgage" }),
        json!({ "text": "zyzzyva" }),
        json!({ "text": "the", "conversationId": "us01-co05" }),
        json!({ "text": "the", "in": ["conversations"] }),
        json!({ "text": "the", "roles": ["user"], "contexts": ["default"] }),
        json!({ "text": "the", "contexts": ["elsewhere"] }),
        json!({ "text": "the", "since": 0 }),
    ] {
        let mut times: Vec<std::time::Duration> = (0..40)
            .map(|_| {
                let started = std::time::Instant::now();
                fixture.search(query.clone());
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{query}: median {:?}, p95 {:?}", times[20], times[38]);
    }
}

fn small_store() -> (Store, Rc<ManualHost>) {
    let host = Rc::new(ManualHost::new(7));
    let disk = Rc::new(MemoryDisk::default());
    let store = ready(Store::open(disk, host.clone(), Options::default())).unwrap();
    (store, host)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_typed_is_an_answer(text in "\\PC{0,40}|[-\"*()^:+{}a-c日本 ]{0,30}|(AND|OR|NOT|NEAR|\"|-|a| ){0,12}") {
        thread_local! {
            static STORE: std::cell::RefCell<Store> = {
                let (mut store, _) = small_store();
                let name = serde_json::from_value(json!({ "name": "Ada" })).unwrap();
                store.write("users.create", Caller::default(), |tx| strongroom::domain::users::create(tx, &name)).unwrap();
                let new = serde_json::from_value(json!({ "userId": "us01", "title": "a b c 日本 or near" })).unwrap();
                store.write("conversations.create", Caller::default(), |tx| strongroom::domain::conversations::create(tx, &new)).unwrap();
                std::cell::RefCell::new(store)
            };
        }
        let search: SearchQuery = serde_json::from_value(json!({ "userId": "us01", "text": text })).unwrap();
        STORE.with_borrow_mut(|store| {
            let mut turn = store.turn().unwrap();
            turn.index().unwrap();
            let page = turn.read(Caller::default(), |view| query(view, &search));
            prop_assert!(page.is_ok(), "{:?}", page);
            for hit in page.unwrap().items {
                prop_assert!(!hit.snippet.marks.is_empty(), "{:?}", hit);
            }
            Ok(())
        })?;
    }
}

#[test]
fn what_comes_in_together_is_indexed_behind_the_answers() {
    let mut fixture = Fixture::new();
    let messages: Vec<Value> = (0..5000)
        .map(|i| json!({ "role": "user", "text": format!("needle number{i}") }))
        .collect();
    fixture.call(
        "messages.appendAll",
        json!({ "conversationId": "us01-co01", "messages": messages }),
    );
    let found = |fixture: &mut Fixture, text: &str| {
        let found = fixture.search(json!({ "text": text }));
        let hits = found["items"].as_array().unwrap().len();
        (hits, found["complete"].as_bool().unwrap())
    };
    let waiting = |fixture: &mut Fixture| {
        let status = fixture.task("search.status", &json!({})).unwrap();
        assert_eq!(status["complete"], status["waiting"] == 0);
        status["waiting"].as_u64().unwrap()
    };
    assert!(waiting(&mut fixture) >= 5000);
    let check = fixture.task("search.check", &json!({}));
    assert_eq!(check, Err(Code::Conflict));

    // A search waits for a part of it. What is written one by one is found, and what is gone is not found later.
    assert_eq!(found(&mut fixture, "number4999"), (0, false));
    assert!((1..4000).contains(&waiting(&mut fixture)));
    let last = fixture.say("needle of its own");
    assert_eq!(found(&mut fixture, "own"), (1, false));
    fixture.call("messages.delete", json!({ "id": last }));
    fixture.call("messages.delete", json!({ "id": "us01-co01-ms5000" }));

    // Half way it dies, and goes on from there.
    fixture.task("search.build", &json!({})).unwrap();
    let half = waiting(&mut fixture);
    assert!((1..2000).contains(&half));
    fixture.host.advance(1000);
    ready(fixture.engine.tick(true)).unwrap();
    let mut fixture = fixture.crash();
    assert_eq!(waiting(&mut fixture), half);
    fixture.rest();
    assert_eq!(found(&mut fixture, "number4998"), (1, true));
    assert_eq!(found(&mut fixture, "number4999"), (0, true));
    assert_eq!(found(&mut fixture, "own"), (0, true));
    assert_eq!(fixture.findings(), Vec::<Value>::new());

    // A store that is made anew from its journal is open before all is indexed.
    let mut fixture = fixture.lose_database();
    assert!(!found(&mut fixture, "number4998").1);
    fixture.rest();
    assert_eq!(found(&mut fixture, "number4998"), (1, true));
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn a_search_within_a_turn_that_is_not_kept_leaves_what_was_put_off_to_be_read() {
    let mut fixture = Fixture::new();
    let messages = vec![json!({ "role": "user", "text": "needle" }); 300];
    let args = json!({ "conversationId": "us01-co01", "messages": messages });
    fixture.call("messages.appendAll", args);
    fixture.task("search.status", &json!({})).unwrap();
    let store = fixture.engine.store();
    let mut turn = store.turn().unwrap();
    let written = turn.write("test", Caller::default(), |tx| {
        tx.execute("UPDATE user SET name = 'Eve'", [])
    });
    written.unwrap();
    turn.index().unwrap();
    drop(turn);
    fixture.rest();
    assert_eq!(
        fixture
            .found_by(json!({ "text": "needle", "limit": 999 }))
            .len(),
        300
    );
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

#[test]
fn what_was_put_off_is_found_by_a_schema_that_cannot_put_off() {
    let mut fixture = Fixture::new();
    let messages: Vec<Value> = (0..300)
        .map(|i| json!({ "role": "user", "text": format!("needle number{i}") }))
        .collect();
    let args = json!({ "conversationId": "us01-co01", "messages": messages });
    fixture.call("messages.appendAll", args.clone());
    ready(fixture.engine.store().migrate(10, &mut |_| {})).unwrap();
    fixture.call("messages.appendAll", args);
    ready(fixture.engine.store().migrate(LATEST, &mut |_| {})).unwrap();
    fixture.rest();
    assert_eq!(fixture.found("number299").len(), 2);
    assert_eq!(fixture.findings(), Vec::<Value>::new());
}

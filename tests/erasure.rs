//! Erasing for good: markers planted in every field, and every file of the store searched for them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::io::Read as _;
use std::rc::Rc;

use flate2::read::GzDecoder;
use serde_json::json;
use strongroom::Code;
use strongroom::blob::Writer;
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::domain::charts::{chart, graph, lines, tension};
use strongroom::domain::erasures::{self, Erasure};
use strongroom::domain::{
    artifacts, constructs, conversations, links, messages, metrics, sessions, settings, timeline,
    users,
};
use strongroom::host::ManualHost;
use strongroom::store::{Caller, Options, Store};

struct Fixture {
    disk: SimDisk,
    host: Rc<ManualHost>,
    store: Store,
    /// A mark for the names of requests.
    subject: String,
}

fn options() -> Options {
    Options {
        // Several segments.
        segment_bytes: 4096,
        ..Options::default()
    }
}

fn args<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

impl Fixture {
    fn new() -> Self {
        let disk = SimDisk::new(3);
        let host = Rc::new(ManualHost::new(3));
        let store = ready(Store::open(Rc::new(disk.clone()), host.clone(), options())).unwrap();
        Self {
            disk,
            host,
            store,
            subject: String::new(),
        }
    }

    fn reopen(self) -> Self {
        let Self {
            disk,
            host,
            store,
            subject,
        } = self;
        drop(store);
        let store = ready(Store::open(Rc::new(disk.clone()), host.clone(), options())).unwrap();
        Self {
            disk,
            host,
            store,
            subject,
        }
    }

    /// Two users with two conversations each; every text of theirs holds `marker` and who it belongs to.
    fn plant(&mut self, marker: &str) {
        for (user, name) in [("us01", "first"), ("us02", "second")] {
            self.subject = format!("{marker}{name}");
            self.call("users.create", |tx| {
                let new = json!({ "name": format!("{marker}{name}name"), "metadata": { "k": format!("{marker}{name}meta") } });
                users::create(tx, &args(new))
            });
            for number in 1..=2 {
                let mark = |field: &str| format!("{marker}{name}{number}{field}");
                self.conversation(user, number, &format!("{marker}{name}context"), &mark);
            }
            self.subject = format!("{marker}{name}");
            self.call("settings.set", |tx| {
                let set = json!({ "userId": user, "name": format!("{marker}{name}setting"), "value": format!("{marker}{name}value") });
                settings::set(tx, &args(set))
            });
        }
    }

    fn conversation(
        &mut self,
        user: &str,
        number: i64,
        context: &str,
        mark: &dyn Fn(&str) -> String,
    ) {
        self.subject = mark("request");
        self.call("conversations.create", |tx| {
            let new = json!({
                "userId": user, "title": mark("title"), "context": context, "metadata": { "k": mark("meta") },
                "participants": [{ "id": mark("agent"), "kind": "agent", "name": mark("agentname") }],
            });
            conversations::create(tx, &args(new))
        });
        let id = format!("{user}-co{number:02}");
        for turn in 0..6 {
            self.call("messages.append", |tx| {
                let new = json!({
                    "role": "assistant", "author": mark("author"), "model": mark("model"), "usage": { "k": mark("usage") },
                    "metadata": { "k": mark("messagemeta") },
                    "parts": [
                        { "type": "text", "text": mark("text").repeat(20) },
                        { "type": "reasoning", "text": mark("reasoning") },
                        { "type": "tool_call", "callId": mark("call"), "name": mark("tool"), "input": { "k": mark("input") } },
                        { "type": "file", "reference": mark("file"), "name": mark("filename") },
                    ],
                });
                messages::append(tx, id.parse()?, &args(new))
            });
            if turn == 3 {
                self.call("messages.delete", |tx| {
                    messages::delete(tx, format!("{id}-ms04").parse()?)
                });
                self.call("conversations.update", |tx| {
                    let version = conversations::get(tx, id.parse()?)?.version;
                    let change = json!({ "id": id, "version": version, "title": mark("newtitle") });
                    conversations::update(tx, &args(change))
                });
                self.call("conversations.removeParticipant", |tx| {
                    conversations::remove_participant(tx, id.parse()?, &mark("agent"))
                });
            }
        }
    }

    /// One write, with a name that tells too, and upkeep after it.
    fn call<T: serde::Serialize>(
        &mut self,
        op: &str,
        work: impl FnOnce(&strongroom::store::Tx<'_>) -> strongroom::Result<T>,
    ) {
        let request = format!("{op}-{}-{}", self.subject, self.store.last_seq());
        let caller = Caller {
            user: None,
            request_id: Some(&request),
        };
        self.store.write(op, caller, work).unwrap();
        self.host.advance(1);
        ready(self.store.maintain(true)).unwrap();
    }

    fn erase(&mut self, id: &str) {
        let erased = self.store.write(erasures::OP, Caller::default(), |tx| {
            erasures::erase(tx, &args(json!({ "id": id })))
        });
        erased.unwrap();
    }

    /// Lets upkeep run until nothing is due.
    fn rest(&mut self) {
        for _ in 0..100_000 {
            self.host.advance(50);
            if ready(self.store.maintain(true)).unwrap() != Some(0) {
                return;
            }
        }
        panic!("upkeep never ends");
    }

    fn erasures(&mut self) -> Vec<Erasure> {
        let list = self.store.read(Caller::default(), |view| {
            erasures::list(view, &args(json!({})))
        });
        list.unwrap().items
    }

    /// Every file's bytes, those of compressed ones as they were before.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let read = |(path, _): (String, u64)| {
            let mut bytes = self.disk.read(&path).unwrap();
            if path.strip_suffix(".gz").is_some() {
                let mut plain = Vec::new();
                GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
                bytes = plain;
            }
            (path, bytes)
        };
        self.disk.files().into_iter().map(read).collect()
    }

    /// Where a text, or any piece of it, is found.
    fn traces(&self, text: &str) -> Vec<String> {
        let is_there = |bytes: &[u8]| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        let files = self.files().into_iter();
        files
            .filter(|(_, bytes)| is_there(bytes))
            .map(|(path, _)| path)
            .collect()
    }

    /// The tables that hold a text, once for each of their rows that does.
    fn rows_with(&mut self, text: &str) -> Vec<String> {
        let found = self.store.read(Caller::default(), |view| {
            let mut found = Vec::new();
            let mut tables = view.prepare(
                "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main'",
            )?;
            let tables = tables.query_map([], |row| row.get::<_, String>(0))?;
            for table in tables.collect::<rusqlite::Result<Vec<_>>>()? {
                let mut statement = view.prepare(&format!("SELECT * FROM {table}"))?;
                let columns = statement.column_count();
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let holds = |column| {
                        format!("{:?}", row.get::<_, rusqlite::types::Value>(column)).contains(text)
                    };
                    if (0..columns).any(holds) {
                        found.push(table.clone());
                    }
                }
            }
            Ok(found)
        });
        found.unwrap()
    }

    fn texts(&mut self, id: &str) -> Vec<String> {
        let query = args(json!({ "conversationId": id, "limit": 1000 }));
        let page = self
            .store
            .read(Caller::default(), |view| messages::list(view, &query));
        page.unwrap().items.into_iter().map(|m| m.text).collect()
    }
}

/// What only the erased conversation's fields hold: `first1…`, and what may be left of one without its beginning.
const ERASED: [&str; 3] = ["zqxfirst1", "first1text", "irst1"];

#[test]
fn of_an_erased_conversation_no_file_holds_a_byte_of_text() {
    let mut fixture = Fixture::new();
    fixture.plant("zqx");
    fixture.rest();
    for text in ERASED {
        assert!(fixture.traces(text).len() > 3, "{text} was planted");
    }
    let (others, last) = (fixture.texts("us01-co02"), fixture.store.last_seq());
    fixture.erase("us01-co01");
    fixture.rest();
    for text in ERASED {
        assert_eq!(fixture.traces(text), Vec::<String>::new(), "{text}");
    }
    let [erasure] = &fixture.erasures()[..] else {
        panic!("one erasure")
    };
    assert_eq!(erasure.record, "us01-co01");
    assert!(erasure.done_at.is_some() && erasure.segments > 1);
    assert_eq!(fixture.texts("us01-co02"), others);
    assert!(fixture.traces("zqxfirst2text").len() > 1, "others stay");
    assert!(fixture.store.last_seq() > last);
}

#[test]
fn of_an_erased_user_no_file_holds_a_byte_of_text() {
    let mut fixture = Fixture::new();
    fixture.plant("zqx");
    fixture.rest();
    let others = fixture.texts("us02-co01");
    fixture.erase("us01");
    fixture.rest();
    assert_eq!(fixture.traces("zqxfirst"), Vec::<String>::new());
    assert_eq!(fixture.texts("us02-co01"), others);
    let gone = fixture
        .store
        .read(Caller::default(), |view| users::get(view, "us01".parse()?));
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
}

/// Gives Ada a construct with a marker in every field of everything below it, and its id.
fn plant_construct(fixture: &mut Fixture, marker: &str, linked: Option<&str>) -> String {
    let mark = |field: &str| format!("{marker}{field}");
    fixture.subject = mark("request");
    let mut id = String::new();
    let mut session = None;
    fixture.call("constructs.create", |tx| {
        let new = json!({ "userId": "us01", "type": mark("type"), "name": mark("name"), "metadata": { "k": mark("meta") } });
        id = constructs::create(tx, &args(new))?.id;
        Ok(())
    });
    fixture.call("sessions.create", |tx| {
        let new = json!({ "constructId": id, "name": mark("session"), "state": mark("state"), "metadata": { "k": mark("meta") } });
        session = Some(sessions::create(tx, &args(new))?);
        Ok(())
    });
    let session = session.unwrap();
    for _ in 0..6 {
        fixture.call("messages.append", |tx| {
            let new = json!({ "role": "user", "text": mark("text").repeat(20) });
            messages::append(tx, session.transcript_id.unwrap(), &args(new))
        });
    }
    fixture.call("artifacts.create", |tx| {
        let new = json!({ "sessionId": session.id, "kind": mark("kind"), "name": mark("artifact"), "mediaType": mark("media"),
            "hash": mark("hash"), "metadata": { "k": mark("meta") } });
        artifacts::create(tx, &args(new))
    });
    fixture.call("timeline.append", |tx| {
        let new = json!({ "constructId": id, "kind": mark("event"), "data": mark("data") });
        timeline::append(tx, &args(new))
    });
    fixture.call("metrics.record", |tx| {
        let new = json!({ "sessionId": session.id, "name": mark("metric"), "value": 1, "unit": mark("unit"),
            "labels": { (mark("label")): mark("labelled") } });
        metrics::record(tx, &args(new))
    });
    fixture.call("constructs.setStatus", |tx| {
        let change = json!({ "id": id, "status": "provisioning", "reason": mark("reason") });
        constructs::set_status(tx, &args(change))
    });
    if let Some(linked) = linked {
        fixture.call("links.create", |tx| {
            let new = json!({ "from": linked, "to": id, "kind": mark("link"), "metadata": { "k": mark("meta") } });
            links::create(tx, &args(new))
        });
    }
    id
}

#[test]
fn of_an_erased_construct_no_file_holds_a_byte_of_text() {
    let mut fixture = Fixture::new();
    fixture.plant("zqx");
    let other = plant_construct(&mut fixture, "zqykept", None);
    let id = plant_construct(&mut fixture, "zqygone", Some(&other));
    let transcripts = |fixture: &mut Fixture| {
        let list = json!({ "userId": "us01", "limit": 1000 });
        let read = fixture.store.read(Caller::default(), |view| {
            conversations::list(view, &args(list))
        });
        let is_transcript = |it: &conversations::Conversation| it.session_id.is_some();
        read.unwrap()
            .items
            .into_iter()
            .filter(is_transcript)
            .count()
    };
    // The lines of a session that was deleted before are still in the journal.
    let mut before = String::new();
    fixture.call("sessions.create", |tx| {
        let new = json!({ "constructId": id, "name": "zqygonebefore" });
        before = sessions::create(tx, &args(new))?.id;
        Ok(())
    });
    fixture.call("sessions.delete", |tx| sessions::delete(tx, &before));
    fixture.rest();
    assert!(fixture.traces("zqygone").len() > 3);
    assert!(fixture.rows_with("zqygone").len() > 10);
    assert_eq!(transcripts(&mut fixture), 2);
    fixture.erase(&id);
    fixture.rest();
    assert_eq!(fixture.traces("zqygone"), Vec::<String>::new());
    assert_eq!(fixture.rows_with("zqygone"), Vec::<String>::new());
    assert_eq!(transcripts(&mut fixture), 1);
    assert!(fixture.traces("zqykepttext").len() > 1, "others stay");
    assert!(fixture.traces("zqxfirst1text").len() > 1, "others stay");
    let found = fixture.store.read(Caller::default(), |view| {
        constructs::get(view, &other)?;
        Ok(constructs::get(view, &id).unwrap_err().code())
    });
    assert_eq!(found.unwrap(), Code::NotFound);
    let unknown = fixture.store.write(erasures::OP, Caller::default(), |tx| {
        erasures::erase(tx, &args(json!({ "id": id })))
    });
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
}

/// Gives a user charts with a marker in every field, some of them changed and some deleted since.
fn plant_charts(fixture: &mut Fixture, user: &str, marker: &str) {
    let mark = |field: &str| format!("{marker}{field}");
    let (context, other) = (mark("context"), mark("elsewhere"));
    fixture.subject = mark("request");
    let mut id = String::new();
    fixture.call("charts.create", |tx| {
        let new = json!({ "userId": user, "context": context, "title": mark("title"), "desiredOutcome": mark("outcome"),
            "currentReality": mark("reality"), "dueDate": "2027-01-01", "actionSteps": [mark("step"), mark("last")] });
        id = tension::create(tx, &args(new))?.chart.id;
        Ok(())
    });
    fixture.call("charts.telescope", |tx| {
        let step = json!({ "userId": user, "context": context, "step": format!("{id}_action_1"),
            "currentReality": mark("below"), "actionSteps": [mark("deeper")] });
        tension::telescope(tx, &args(step))
    });
    fixture.call("charts.updateReality", |tx| {
        let update = json!({ "userId": user, "context": context, "chart": id, "observations": [mark("observed")] });
        tension::update_reality(tx, &args(update))
    });
    fixture.call("charts.completeStep", |tx| {
        let step = json!({ "userId": user, "context": context, "step": format!("{id}_action_2") });
        tension::complete_step(tx, &args(step))
    });
    fixture.call("charts.move", |tx| {
        let change = json!({ "userId": user, "context": context, "chart": id, "to": other });
        tension::move_chart(tx, &args(change))
    });
    for name in [mark("entity"), mark("gone")] {
        fixture.call("charts.addEntity", |tx| {
            let new = json!({ "userId": user, "context": context, "name": name, "entityType": mark("type"),
                "observations": [mark("seen"), mark("heard")], "metadata": { (mark("key")): mark("value") } });
            graph::add_entity(tx, &args(new))
        });
        fixture.call("charts.addRelation", |tx| {
            let new = json!({ "userId": user, "context": context, "from": name, "to": mark("nowhere"),
                "relationType": mark("relation"), "metadata": { "k": mark("strength") } });
            graph::add_relation(tx, &args(new))
        });
    }
    fixture.call("charts.removeObservations", |tx| {
        let old = json!({ "userId": user, "context": context, "name": mark("entity"), "observations": [mark("seen")] });
        graph::remove_observations(tx, &args(old))
    });
    fixture.call("charts.deleteEntity", |tx| {
        let old = json!({ "userId": user, "context": context, "name": mark("gone") });
        graph::delete_entity(tx, &args(old))
    });
    fixture.call("charts.load", |tx| {
        let layout = json!({ "type": "entity", "data": { "name": mark("loaded"), "entityType": "t", (mark("shape")): 1 } });
        let text = format!("# {}\n{{{}\n{layout}", mark("comment"), mark("broken"));
        let load = json!({ "userId": user, "context": context, "text": text });
        lines::load(tx, &args(load))
    });
    fixture.call("charts.remove", |tx| {
        let new = json!({ "userId": user, "context": context, "desiredOutcome": mark("removed"),
            "currentReality": mark("removed"), "dueDate": "2027-01-01" });
        let chart = tension::create(tx, &args(new))?.chart.id;
        let chart = json!({ "userId": user, "context": context, "chart": chart });
        tension::remove(tx, &args(chart))
    });
}

#[test]
fn of_an_erased_users_charts_no_file_holds_a_byte_of_text() {
    let mut fixture = Fixture::new();
    fixture.plant("zqx");
    plant_charts(&mut fixture, "us01", "zqvquux");
    plant_charts(&mut fixture, "us02", "zqvkept");
    fixture.rest();
    let mut tables = fixture.rows_with("zqvquux");
    tables.dedup();
    for table in [
        "entity",
        "observation",
        "relation",
        "chart_line",
        "chart_event",
        "search_doc",
    ] {
        assert!(tables.iter().any(|there| there == table), "{table}");
    }
    assert!(fixture.traces("zqvquux").len() > 3);
    let kept = fixture.rows_with("zqvkept");
    fixture.erase("us01");
    fixture.rest();
    // The index shares a word's first letters with the word before.
    assert_eq!(fixture.traces("quux"), Vec::<String>::new());
    assert_eq!(fixture.rows_with("zqvquux"), Vec::<String>::new());
    assert_eq!(fixture.rows_with("zqvkept"), kept, "others stay");
    let query = json!({ "userId": "us02", "context": "zqvkeptelsewhere", "chart": "chart_1" });
    let read = |fixture: &mut Fixture| {
        let chart = fixture.store.read(Caller::default(), |view| {
            chart::get(view, &args(query.clone()))
        });
        chart.unwrap()
    };
    let before = read(&mut fixture);
    assert_eq!(before.chart.title, "zqvkepttitle");
    for (path, _) in fixture.disk.files() {
        if path.starts_with("store.sqlite3") {
            fixture.disk.write(&path, b"").unwrap();
        }
    }
    fixture = fixture.reopen();
    assert_eq!(read(&mut fixture), before);
    assert_eq!(fixture.rows_with("zqvquux"), Vec::<String>::new());
}

/// An artifact whose content is `bytes`.
fn plant_content(fixture: &mut Fixture, user: &str, bytes: &[u8]) {
    let mut writer = Writer::new("image/png");
    writer.push(bytes);
    while let Some(piece) = writer.ready(true) {
        let kept = ready(fixture.store.keep_piece(&piece, false)).unwrap();
        writer.add(kept);
    }
    let content = writer.content();
    fixture.call("artifacts.put", |tx| {
        let new =
            json!({ "userId": user, "kind": "file", "name": "plain", "mediaType": "image/png" });
        artifacts::put(tx, &args(new), &content)
    });
    ready(fixture.store.give_back(&content.pieces)).unwrap();
}

#[test]
fn of_an_erased_users_contents_no_file_holds_a_byte() {
    let mut fixture = Fixture::new();
    fixture.plant("zqx");
    let long = |text: &str| text.repeat(10_000).into_bytes();
    plant_content(&mut fixture, "us01", b"a short zqvquux");
    plant_content(&mut fixture, "us01", &long("a long zqvquux"));
    plant_content(&mut fixture, "us02", b"a short zqvkept");
    plant_content(&mut fixture, "us02", &long("a long zqvkept"));
    // What both have stays.
    for user in ["us01", "us02"] {
        plant_content(&mut fixture, user, b"a short zqvshared");
        plant_content(&mut fixture, user, &long("a long zqvshared"));
    }
    fixture.rest();
    let files = |fixture: &Fixture, text: &str| {
        let traces = fixture.traces(text).into_iter();
        let (contents, others): (Vec<_>, Vec<_>) =
            traces.partition(|path| path.starts_with("blobs/"));
        (contents.len(), others.len())
    };
    let planted = files(&fixture, "zqvquux");
    assert!(planted.0 == 1 && planted.1 > 1, "{planted:?}");
    let hash = blake3::hash(b"a short zqvquux").to_hex();
    assert!(!fixture.traces(&hash).is_empty());
    fixture.erase("us01");
    fixture.rest();
    assert_eq!(fixture.traces("vquux"), Vec::<String>::new());
    // Nor does a hash tell that it was there.
    assert_eq!(fixture.traces(&hash), Vec::<String>::new());
    for kept in ["zqvkept", "zqvshared"] {
        let there = files(&fixture, kept);
        assert!(there.0 == 1 && there.1 > 0, "{kept} {there:?}");
    }
    // And so it is after the database was lost.
    let Fixture {
        disk,
        host,
        store,
        subject,
    } = fixture;
    drop(store);
    for file in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(disk.remove(file)).unwrap();
    }
    let store = ready(Store::open(Rc::new(disk.clone()), host.clone(), options())).unwrap();
    let mut fixture = Fixture {
        disk,
        host,
        store,
        subject,
    };
    assert_eq!(fixture.rows_with("zqvquux"), Vec::<String>::new());
    assert_eq!(fixture.rows_with("zqvkept"), ["piece"]);
}

#[test]
fn the_chain_of_a_rewritten_journal_checks_from_end_to_end() {
    let mut fixture = Fixture::new();
    fixture.plant("zqx");
    fixture.rest();
    fixture.erase("us01-co01");
    fixture.rest();
    fixture.erase("us02-co02");
    fixture.rest();
    let mut verify = fixture.store.journal().verify();
    while ready(verify.step()).unwrap() {}
    assert_eq!(verify.report().findings, []);
    assert_eq!(verify.report().last_seq, fixture.store.last_seq());
    let rewritten = fixture.store.journal().segments().iter();
    let rewritten =
        rewritten.filter(|it| it.header.is_some_and(|header| header.rewritten.is_some()));
    assert!(rewritten.count() > 2);
}

#[test]
fn a_segment_that_was_just_compressed_leaves_no_plain_copy_of_what_is_erased() {
    let mut fixture = Fixture::new();
    fixture.plant("zqx");
    let twins = |fixture: &Fixture| -> Vec<String> {
        let files = fixture.disk.files();
        let is_there = |path: &str| files.iter().any(|(known, _)| known == path);
        let paths = files.iter().map(|(path, _)| path.clone());
        paths
            .filter(|path| is_there(&format!("{path}.gz")))
            .collect()
    };
    // The compressed copy has its name, and the plain file is there still.
    for _ in 0..1000 {
        if !twins(&fixture).is_empty() {
            break;
        }
        fixture.host.advance(50);
        ready(fixture.store.maintain(true)).unwrap();
    }
    assert_eq!(twins(&fixture).len(), 1);
    fixture.erase("us01");
    fixture.rest();
    assert_eq!(twins(&fixture), Vec::<String>::new());
}

#[test]
fn a_database_lost_after_an_erasure_is_rebuilt_without_what_was_erased() {
    for keep_snapshots in [true, false] {
        let mut fixture = Fixture::new();
        fixture.plant("zqx");
        fixture.erase("us01-co01");
        fixture.rest();
        let others = fixture.texts("us02-co01");
        for (path, _) in fixture.disk.files() {
            let is_lost = path.starts_with("store.sqlite3")
                || (!keep_snapshots && path.starts_with("snapshots/"));
            if is_lost {
                fixture.disk.write(&path, b"").unwrap();
            }
        }
        fixture = fixture.reopen();
        assert_eq!(
            fixture.texts("us02-co01"),
            others,
            "with snapshots: {keep_snapshots}"
        );
        let gone = fixture.store.read(Caller::default(), |view| {
            conversations::get(view, "us01-co01".parse()?)
        });
        assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    }
}

#[test]
fn an_erasure_cut_off_anywhere_is_finished_after_opening() {
    let mut base = Fixture::new();
    base.plant("zqx");
    base.rest();
    let others = base.texts("us02-co01");
    base.erase("us01-co01");
    let Fixture {
        disk, host, store, ..
    } = base;
    drop(store);
    disk.crash();
    disk.heal();
    let mut at = 1;
    loop {
        let fork = disk.fork(at);
        let mut fixture = Fixture {
            store: ready(Store::open(Rc::new(fork.clone()), host.clone(), options())).unwrap(),
            disk: fork,
            host: host.clone(),
            subject: String::new(),
        };
        fixture
            .disk
            .crash_at(fixture.disk.operations().changes + at);
        for _ in 0..2000 {
            fixture.host.advance(50);
            if fixture.disk.is_down()
                || ready(fixture.store.maintain(true)).is_ok_and(|next| next != Some(0))
            {
                break;
            }
        }
        let finished = !fixture.disk.is_down();
        fixture.disk.crash();
        fixture.disk.heal();
        fixture = fixture.reopen();
        fixture.rest();
        for text in ERASED {
            assert_eq!(
                fixture.traces(text),
                Vec::<String>::new(),
                "{text} after a crash at {at}"
            );
        }
        assert_eq!(fixture.texts("us02-co01"), others, "after a crash at {at}");
        assert!(fixture.erasures()[0].done_at.is_some());
        if finished {
            assert!(at > 20, "only {at} operations");
            return;
        }
        at += 3;
    }
}

#[test]
fn what_cannot_be_erased_is_refused_and_nothing_changes() {
    let mut fixture = Fixture::new();
    fixture.plant("zqx");
    for (id, code) in [
        ("us09", Code::NotFound),
        ("us01-co09", Code::NotFound),
        ("nobody", Code::InvalidArgument),
    ] {
        let erased = fixture.store.write(erasures::OP, Caller::default(), |tx| {
            erasures::erase(tx, &args(json!({ "id": id })))
        });
        assert_eq!(erased.unwrap_err().code(), code, "{id}");
    }
    let caller = Caller {
        user: Some("us02".parse().unwrap()),
        request_id: None,
    };
    let foreign = fixture.store.write(erasures::OP, caller, |tx| {
        erasures::erase(tx, &args(json!({ "id": "us01-co01" })))
    });
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);
    assert_eq!(fixture.erasures(), []);
    assert_eq!(fixture.texts("us01-co01").len(), 5);
}

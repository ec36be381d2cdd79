//! Learnings: what is kept of them, how they are found, and how duplicates are told.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::domain::learnings::{self as l, Learning, LearningList};
use strongroom::domain::{contexts, conversations, messages, users};
use strongroom::host::ManualHost;
use strongroom::id::UserId;
use strongroom::store::{Caller, Options, Store, Tx, View};
use strongroom::{Code, Result};

const ADA: UserId = UserId { user: 1 };
const EVE: UserId = UserId { user: 2 };

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
            fixture.write(None, |tx| users::create(tx, &args(json!({ "name": name }))));
        }
        fixture
    }

    fn write<T: Serialize + DeserializeOwned>(
        &mut self,
        user: Option<UserId>,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> T {
        self.try_write(user, work).unwrap()
    }

    fn try_write<T: Serialize + DeserializeOwned>(
        &mut self,
        user: Option<UserId>,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.host.advance(1);
        self.store.write("test", caller(user), work)?.value()
    }

    fn read<T>(
        &mut self,
        user: Option<UserId>,
        work: impl FnOnce(&View<'_>) -> Result<T>,
    ) -> Result<T> {
        self.store.read(caller(user), work)
    }

    fn create(&mut self, new: Value) -> Learning {
        self.try_create(new).unwrap()
    }

    fn try_create(&mut self, new: Value) -> Result<Learning> {
        self.try_write(Some(ADA), |tx| l::create(tx, &args(new)))
    }

    fn refusal(&mut self, new: Value) -> Code {
        let before = self.store.last_seq();
        let code = self.try_create(new).unwrap_err().code();
        assert_eq!(self.store.last_seq(), before, "nothing was changed");
        code
    }

    /// The texts of all pages of a list.
    fn texts(&mut self, query: Value) -> Vec<String> {
        let mut query: LearningList = args(query);
        let mut texts = Vec::new();
        loop {
            let page = self.read(Some(ADA), |view| l::list(view, &query)).unwrap();
            texts.extend(page.items.into_iter().map(|learning| learning.text));
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return texts,
            }
        }
    }
}

#[test]
fn what_is_kept_comes_back_as_it_was_given_and_in_order() {
    let mut f = Fixture::new();
    let made = f.create(json!({
        "text": "Ada prefers short answers.",
        "category": " style ",
        "tags": [" writing", "ada", "writing "],
        "confidence": 0.1 + 0.2,
        "sources": [{ "kind": "other", "id": "interview" }, { "kind": "message", "id": "us01-co01-ms02" }],
        "context": "work",
        "metadata": { "n": 1.0 },
    }));
    assert_eq!(made.category.as_deref(), Some("style"));
    assert_eq!(made.tags, ["ada", "writing"]);
    assert_eq!(made.confidence.to_bits(), (0.1_f64 + 0.2).to_bits());
    let sources: Vec<_> = made.sources.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(sources, ["us01-co01-ms02", "interview"]);
    assert_eq!((made.context.as_str(), made.version), ("work", 1));
    assert_eq!(made.metadata.get(), r#"{"n":1.0}"#);
    let read = f.read(Some(ADA), |view| l::get(view, &made.id)).unwrap();
    assert_eq!(read, made);
    let plain = f.create(json!({ "text": "Nothing but a text" }));
    assert_eq!(plain.confidence.to_bits(), 1.0_f64.to_bits());
    assert_eq!(plain.context, "default");
    assert!(plain.category.is_none() && plain.tags.is_empty() && plain.sources.is_empty());
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let mut f = Fixture::new();
    let many: Vec<String> = (0..101).map(|n| format!("tag {n}")).collect();
    let sources: Vec<Value> = (0..101)
        .map(|n| json!({ "kind": "other", "id": format!("{n}") }))
        .collect();
    for bad in [
        json!({ "text": " \n " }),
        json!({ "text": "x".repeat((64 << 10) + 1) }),
        json!({ "text": "x", "confidence": 1.000_000_1 }),
        json!({ "text": "x", "confidence": -0.1 }),
        json!({ "text": "x", "tags": ["ok", "  "] }),
        json!({ "text": "x", "tags": many }),
        json!({ "text": "x", "sources": sources }),
        json!({ "text": "x", "sources": [{ "kind": "other", "id": "" }] }),
        json!({ "text": "x", "sources": [{ "kind": "message", "id": "no message" }] }),
        json!({ "text": "x", "context": "" }),
        json!({ "text": "x", "category": "c".repeat(5000) }),
    ] {
        assert_eq!(f.refusal(bad), Code::InvalidArgument);
    }
    let foreign =
        json!({ "text": "x", "sources": [{ "kind": "message", "id": "us02-co01-ms01" }] });
    assert_eq!(f.refusal(foreign), Code::NotFound);
    for bad in [
        json!({ "limit": 0 }),
        json!({ "minConfidence": 2.0 }),
        json!({ "tags": [] }),
        json!({ "cursor": "1.2.3.00000000" }),
    ] {
        let list = f.read(Some(ADA), |view| l::list(view, &args(bad)));
        assert_eq!(list.unwrap_err().code(), Code::InvalidArgument);
    }
    assert!(f.texts(json!({})).is_empty());
}

#[test]
fn the_same_is_refused_merged_or_kept_as_asked() {
    let mut f = Fixture::new();
    let first = f.create(json!({
        "text": "Use an index.", "tags": ["sql"], "confidence": 0.5, "sources": [{ "kind": "other", "id": "a" }],
    }));
    let error = f
        .try_create(json!({ "text": "  use AN  index!" }))
        .unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    assert!(error.message().contains(&first.id), "{error}");

    let merged = f.create(json!({
        "text": "use an index", "onDuplicate": "merge", "tags": ["sql", "speed"], "confidence": 0.9,
        "sources": [{ "kind": "other", "id": "b" }], "category": "not taken over",
    }));
    assert_eq!((&merged.id, merged.version), (&first.id, 2));
    assert_eq!(merged.text, "Use an index.");
    assert_eq!(merged.tags, ["speed", "sql"]);
    assert_eq!(merged.sources.len(), 2);
    assert!((merged.confidence - 0.9).abs() < f64::EPSILON);
    assert_eq!(merged.category, None);
    let nothing_new =
        f.create(json!({ "text": "Use an index", "onDuplicate": "merge", "confidence": 0.1 }));
    assert_eq!(nothing_new, merged);

    let kept = f.create(json!({ "text": "USE AN INDEX", "onDuplicate": "keep" }));
    assert_ne!(kept.id, first.id);
    // The oldest one speaks for both.
    let again = f.try_create(json!({ "text": "use an index" })).unwrap_err();
    assert!(again.message().contains(&first.id), "{again}");
    // Another context is another life, and another user another person.
    assert_eq!(
        f.create(json!({ "text": "Use an index.", "context": "work" }))
            .version,
        1
    );
    let eves = f.write(Some(EVE), |tx| {
        l::create(tx, &args(json!({ "text": "Use an index." })))
    });
    assert_eq!(eves.version, 1);
    f.write(Some(ADA), |tx| l::delete(tx, &first.id));
    f.write(Some(ADA), |tx| l::delete(tx, &kept.id));
    assert_eq!(f.create(json!({ "text": "Use an index." })).version, 1);
}

#[test]
fn merging_keeps_to_the_limit_of_tags() {
    let mut f = Fixture::new();
    let tags: Vec<String> = (0..100).map(|n| format!("tag {n}")).collect();
    f.create(json!({ "text": "full", "tags": tags }));
    let more = json!({ "text": "full", "tags": ["one more"], "onDuplicate": "merge" });
    assert_eq!(f.refusal(more), Code::InvalidArgument);
    assert_eq!(
        f.create(json!({ "text": "full", "onDuplicate": "merge" }))
            .tags
            .len(),
        100
    );
}

#[test]
fn an_update_changes_what_it_names_and_refuses_an_old_version() {
    let mut f = Fixture::new();
    let old = f.create(json!({
        "text": "Tea", "category": "drinks", "tags": ["hot"], "sources": [{ "kind": "construct", "id": "c1" }],
    }));
    let change = |changes: Value| args::<l::LearningUpdate>(changes);
    let id = &old.id;
    let new = f.write(Some(ADA), |tx| {
        l::update(
            tx,
            &change(
                json!({ "id": id, "version": 1, "text": "Coffee", "tags": ["strong", "black"] }),
            ),
        )
    });
    assert_eq!((new.text.as_str(), new.version), ("Coffee", 2));
    assert_eq!(new.tags, ["black", "strong"]);
    assert_eq!((&new.category, &new.sources), (&old.category, &old.sources));
    assert!(new.updated_at > old.updated_at && new.created_at == old.created_at);
    // The new text is what duplicates are told by.
    assert_eq!(f.refusal(json!({ "text": "coffee" })), Code::Conflict);
    f.create(json!({ "text": "tea" }));

    let stale = change(json!({ "id": id, "version": 1, "text": "Water" }));
    let refused = f.try_write(Some(ADA), |tx| l::update(tx, &stale));
    assert_eq!(refused.unwrap_err().code(), Code::Conflict);
    let bad = change(json!({ "id": id, "version": 2, "tags": [], "confidence": 7.0 }));
    let refused = f.try_write(Some(ADA), |tx| l::update(tx, &bad));
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    let bare = change(
        json!({ "id": id, "version": 2, "category": "", "sources": [], "tags": [], "context": "work" }),
    );
    let bare = f.write(Some(ADA), |tx| l::update(tx, &bare));
    assert!(bare.category.is_none() && bare.sources.is_empty() && bare.tags.is_empty());
    assert_eq!(bare.context, "work");
    assert!(f.texts(json!({ "tags": ["black"] })).is_empty());
}

#[test]
fn filters_add_up_and_pages_join_without_gap_in_every_order() {
    let mut f = Fixture::new();
    let mut all = Vec::new();
    for n in 0..40 {
        all.push(f.create(json!({
            "text": format!("Nummer {n} ÄRGER"),
            "category": if n % 2 == 0 { "even" } else { "odd" },
            "tags": [format!("three{}", n % 3), format!("five{}", n % 5)],
            // Many are equally sure: their ids decide.
            "confidence": f64::from(n % 4) / 4.0,
            "context": if n < 20 { "work" } else { "personal" },
            "sources": [{ "kind": "session", "id": format!("s{}", n % 7) }],
        })));
    }
    // The clock stepped back: what was created last is not the newest.
    f.host.advance(-1000);
    all.push(f.create(json!({ "text": "Nummer 40 ärger", "confidence": 0.3 })));

    for (by, key) in [
        ("updated", (|l| l.updated_at) as fn(&Learning) -> i64),
        ("created", |l| l.created_at),
        // Numbers that are not negative are in the order of their bits.
        ("confidence", |l| l.confidence.to_bits().cast_signed()),
    ] {
        let mut sorted = all.clone();
        sorted.sort_by_key(|l| (key(l), l.id.clone()));
        let oldest: Vec<_> = sorted.iter().map(|l| l.text.clone()).collect();
        let newest: Vec<_> = oldest.iter().rev().cloned().collect();
        for limit in [1, 3, 41, 1000] {
            assert_eq!(
                f.texts(json!({ "by": by, "order": "oldest", "limit": limit })),
                oldest
            );
            assert_eq!(f.texts(json!({ "by": by, "limit": limit })), newest);
        }
    }

    let count = |f: &mut Fixture, query: Value| f.texts(query).len();
    assert_eq!(count(&mut f, json!({ "category": "odd", "limit": 3 })), 20);
    assert_eq!(count(&mut f, json!({ "contexts": ["work"] })), 20);
    assert_eq!(
        count(&mut f, json!({ "contexts": ["work", "default"] })),
        21
    );
    assert_eq!(
        count(&mut f, json!({ "tags": ["three0", " five0 "], "limit": 2 })),
        14 + 8 - 3
    );
    assert_eq!(
        count(
            &mut f,
            json!({ "tags": ["three0", "five0", "five0"], "tagMatch": "all" })
        ),
        3
    );
    assert_eq!(count(&mut f, json!({ "minConfidence": 0.5 })), 20);
    assert_eq!(
        count(
            &mut f,
            json!({ "source": { "kind": "session", "id": "s0" } })
        ),
        6
    );
    assert_eq!(
        count(
            &mut f,
            json!({ "source": { "kind": "construct", "id": "s0" } })
        ),
        0
    );
    assert_eq!(count(&mut f, json!({ "text": "ärGer", "limit": 7 })), 41);
    assert_eq!(f.texts(json!({ "text": "mmer 7 Ä" })), ["Nummer 7 ÄRGER"]);
    let (since, until) = (all[10].created_at, all[13].created_at);
    assert_eq!(
        f.texts(json!({ "createdSince": since, "createdUntil": until, "order": "oldest" })),
        [10, 11, 12].map(|n: usize| all[n].text.clone())
    );
    assert_eq!(
        count(
            &mut f,
            json!({ "updatedSince": since, "updatedUntil": until, "category": "odd" })
        ),
        1
    );
    let both = json!({ "tags": ["three0"], "category": "even", "contexts": ["work"], "minConfidence": 0.5, "limit": 1 });
    assert_eq!(f.texts(both), ["Nummer 18 ÄRGER", "Nummer 6 ÄRGER"]);
}

#[test]
fn a_cursor_belongs_to_its_list() {
    let mut f = Fixture::new();
    for n in 0..3 {
        f.create(json!({ "text": format!("{n}"), "tags": ["a", "b"] }));
    }
    let page =
        |f: &mut Fixture, query: Value| f.read(Some(ADA), |view| l::list(view, &args(query)));
    let first = page(
        &mut f,
        json!({ "limit": 1, "minConfidence": 0.25, "tags": ["a"] }),
    )
    .unwrap();
    let cursor = first.next_cursor.unwrap();
    for other in [
        json!({ "cursor": cursor, "minConfidence": 0.5, "tags": ["a"] }),
        json!({ "cursor": cursor, "minConfidence": 0.25, "tags": ["b"] }),
        json!({ "cursor": cursor, "minConfidence": 0.25 }),
        json!({ "cursor": cursor, "minConfidence": 0.25, "tags": ["a"], "by": "created" }),
        json!({ "cursor": cursor, "minConfidence": 0.25, "tags": ["a"], "text": "" }),
    ] {
        assert_eq!(
            page(&mut f, other).unwrap_err().code(),
            Code::InvalidArgument
        );
    }
    let next = json!({ "cursor": cursor, "minConfidence": 0.25, "tags": ["a"] });
    assert_eq!(page(&mut f, next).unwrap().items.len(), 2);
}

#[test]
fn a_page_of_a_rare_text_looks_at_so_many_and_says_where_to_go_on() {
    let mut f = Fixture::new();
    f.create(json!({ "text": "needle" }));
    f.write(Some(ADA), |tx| {
        for n in 0..10_001 {
            l::create(tx, &args(json!({ "text": format!("straw {n}") })))?;
        }
        Ok(())
    });
    let query = json!({ "text": "NEEDLE" });
    let page = f
        .read(Some(ADA), |view| l::list(view, &args(query.clone())))
        .unwrap();
    assert!(page.items.is_empty() && page.next_cursor.is_some());
    assert_eq!(f.texts(query), ["needle"]);
}

#[test]
fn another_user_sees_and_touches_nothing() {
    let mut f = Fixture::new();
    let mine = f.create(
        json!({ "text": "Mine", "tags": ["t"], "sources": [{ "kind": "other", "id": "s" }] }),
    );
    let id = &mine.id;
    let eve = Some(EVE);
    let denied = [
        f.read(eve, |view| l::get(view, id).map(drop)),
        f.read(eve, |view| {
            l::list(view, &args(json!({ "userId": "us01" }))).map(drop)
        }),
        f.try_write(eve, |tx| {
            l::update(
                tx,
                &args(json!({ "id": id, "version": 1, "text": "Eve's" })),
            )
            .map(drop)
        }),
        f.try_write(eve, |tx| l::delete(tx, id)),
        f.try_write(eve, |tx| {
            l::create(tx, &args(json!({ "userId": "us01", "text": "forged" }))).map(drop)
        }),
    ];
    for result in denied {
        assert_eq!(result.unwrap_err().code(), Code::NotFound);
    }
    for query in [
        json!({}),
        json!({ "tags": ["t"] }),
        json!({ "source": { "kind": "other", "id": "s" } }),
        json!({ "text": "mine" }),
        json!({ "category": "", "contexts": ["default"] }),
    ] {
        let page = f.read(eve, |view| l::list(view, &args(query))).unwrap();
        assert!(page.items.is_empty());
    }
    let merged = f.write(eve, |tx| {
        l::create(tx, &args(json!({ "text": "mine", "onDuplicate": "merge" })))
    });
    assert_ne!(&merged.id, id);
    // The app itself names whose learnings it means, and sees each by its id.
    let unnamed = f.read(None, |view| l::list(view, &args(json!({}))));
    assert_eq!(unnamed.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(f.read(None, |view| l::get(view, id)).unwrap(), mine);
    let missing = f.try_write(None, |tx| {
        l::create(tx, &args(json!({ "userId": "us09", "text": "x" })))
    });
    assert_eq!(missing.unwrap_err().code(), Code::NotFound);
}

#[test]
fn a_learning_goes_where_its_message_is_unless_told_otherwise() {
    let mut f = Fixture::new();
    let at_work = f.write(Some(ADA), |tx| {
        conversations::create(tx, &args(json!({ "context": "work" })))
    });
    let message = f.write(Some(ADA), |tx| {
        messages::append(
            tx,
            at_work.id,
            &args(json!({ "role": "user", "text": "hi" })),
        )
    });
    let sources =
        json!([{ "kind": "session", "id": "s" }, { "kind": "message", "id": message.id }]);
    assert_eq!(
        f.create(json!({ "text": "one", "sources": sources }))
            .context,
        "work"
    );
    assert_eq!(
        f.create(json!({ "text": "two", "sources": sources, "context": "home" }))
            .context,
        "home"
    );
    f.write(Some(ADA), |tx| conversations::delete(tx, at_work.id));
    assert_eq!(
        f.create(json!({ "text": "three", "sources": sources }))
            .context,
        "default"
    );

    let rename = json!({ "name": "work", "to": "job" });
    let renamed = f.write(Some(ADA), |tx| contexts::rename(tx, &args(rename)));
    let counted = renamed
        .counts
        .iter()
        .find(|count| count.kind == "learnings")
        .unwrap();
    assert_eq!(counted.count, 1);
    assert_eq!(f.texts(json!({ "contexts": ["job"] })), ["one"]);
}

#[test]
fn tags_and_sources_die_with_their_learning_and_all_with_their_user() {
    let mut f = Fixture::new();
    let full =
        json!({ "text": "x", "tags": ["a", "b"], "sources": [{ "kind": "other", "id": "s" }] });
    let one = f.create(full.clone());
    f.write(Some(ADA), |tx| l::delete(tx, &one.id));
    let rows = |f: &mut Fixture| {
        let sql = "SELECT (SELECT count(*) FROM learning) + (SELECT count(*) FROM learning_tag) + (SELECT count(*) FROM learning_source)";
        let count = |view: &View<'_>| {
            Ok(view
                .prepare(sql)?
                .query_row([], |row| row.get::<_, i64>(0))?)
        };
        f.read(None, count).unwrap()
    };
    assert_eq!(rows(&mut f), 0);
    f.create(full);
    assert_eq!(rows(&mut f), 4);
    f.write(None, |tx| users::delete(tx, ADA));
    assert_eq!(rows(&mut f), 0);
    let again = f.try_write(None, |tx| l::delete(tx, &one.id));
    assert_eq!(again.unwrap_err().code(), Code::NotFound);
}

#[test]
fn the_tables_themselves_refuse_what_breaks_them() {
    let mut f = Fixture::new();
    let id = f.create(json!({ "text": "x", "tags": ["a"] })).id;
    for sql in [
        "INSERT INTO learning_tag (learning, tag, user) VALUES (?1, 'a', 1)",
        "INSERT INTO learning_tag (learning, tag, user) VALUES (?1 || 'x', 'b', 1)",
        "INSERT INTO learning_source (learning, kind, source, user) VALUES (?1, 'rumour', 's', 1)",
        "INSERT INTO learning_source (learning, kind, source, user) VALUES (?1, 'other', 's', 9)",
        "UPDATE learning SET confidence = 1.5 WHERE learning = ?1",
        "UPDATE learning SET user = 9 WHERE learning = ?1",
        "UPDATE learning SET learning = NULL WHERE learning = ?1",
    ] {
        let before = f.store.last_seq();
        assert!(
            f.try_write(None, |tx| tx.execute(sql, [&id])).is_err(),
            "{sql}"
        );
        assert_eq!(f.store.last_seq(), before);
    }
}

#[test]
fn a_rebuild_from_the_journal_gives_every_learning_bit_by_bit() {
    let mut f = Fixture::new();
    for n in 0..60 {
        // Of many digits, so that reading them inexactly would show.
        let confidence = f64::from(n) / 60.0 + 1e-17;
        f.create(json!({
            "text": format!("learned {n}"), "confidence": confidence, "tags": [format!("t{}", n % 4)],
            "sources": [{ "kind": "construct", "id": format!("c{n}") }],
        }));
    }
    let query = json!({ "limit": 1000 });
    let items = |f: &mut Fixture| {
        f.read(Some(ADA), |view| l::list(view, &args(query.clone())))
            .unwrap()
            .items
    };
    let gone = items(&mut f)[30].clone();
    f.write(Some(ADA), |tx| l::delete(tx, &gone.id));
    let change =
        json!({ "id": items(&mut f)[3].id, "version": 1, "tags": ["other"], "confidence": 0.1 });
    f.write(Some(ADA), |tx| l::update(tx, &args(change)));
    let before = items(&mut f);
    assert_eq!(before.len(), 59);
    ready(f.store.close()).unwrap();
    for file in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(f.disk.remove(file)).unwrap();
    }
    let open = Store::open(Rc::new(f.disk.clone()), f.host.clone(), Options::default());
    f.store = ready(open).unwrap();
    let after = items(&mut f);
    assert_eq!(after, before);
    let bits = |all: &[Learning]| {
        all.iter()
            .map(|l| l.confidence.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&after), bits(&before));
}

#[test]
fn every_list_is_read_by_an_index() {
    let mut f = Fixture::new();
    let plan = |f: &mut Fixture, sql: &str| -> Vec<String> {
        let read = f.read(None, |view| {
            let mut statement = view.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows = statement.query_map([], |row| row.get(3))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        });
        read.unwrap()
    };
    let by = |order: &str, filters: &str| {
        format!(
            "SELECT learning FROM learning WHERE user = 1 AND ({order}, learning) < (5, 'x') {filters}
             ORDER BY {order} DESC, learning DESC LIMIT 50"
        )
    };
    let tagged = "AND learning IN (SELECT learning FROM learning_tag WHERE user = 1
        AND tag IN (SELECT value FROM json_each('[]')) GROUP BY learning HAVING count(*) >= 1)";
    let sourced = "AND learning IN (SELECT learning FROM learning_source WHERE user = 1 AND kind = 'other' AND source = 's')";
    for (sql, index) in [
        (by("updated_at", ""), "learning_by_update"),
        (by("created_at", ""), "learning_by_creation"),
        (by("confidence", ""), "learning_by_confidence"),
        (by("updated_at", "AND category = 'c'"), "learning_by_category"),
        (by("updated_at", "AND context = 'c'"), "learning_by_context"),
        (by("updated_at", tagged), "learning_tag_by_name"),
        (by("updated_at", sourced), "learning_source_by_name"),
        ("SELECT learning FROM learning WHERE user = 1 AND likeness = 'x' AND context = 'c' ORDER BY learning LIMIT 1".to_owned(), "learning_by_likeness"),
    ] {
        let plan = plan(&mut f, &sql).join("; ");
        assert!(plan.contains(index), "{sql}: {plan}");
        assert!(!plan.contains("SCAN learning"), "{sql}: {plan}");
        println!("{index}: {plan}");
    }
}

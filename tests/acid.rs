//! What a transaction promises: all or nothing, seen by those after it, kept once, and never leaving a row without its parent.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::rc::Rc;

use strongroom::disk::ready;
use strongroom::disk::sim::{Fault, SimDisk};
use strongroom::domain::conversations::{self, NewConversation};
use strongroom::domain::messages::{self, Message, MessageEdit, NewMessage, Role};
use strongroom::domain::parts::Part;
use strongroom::domain::users::{self, NewUser, UserList};
use strongroom::host::ManualHost;
use strongroom::id::{ConversationId, UserId};
use strongroom::store::{Caller, Options, Outcome, Store, Tx, View};
use strongroom::{Code, Error, Result};

const APP: Caller<'static> = Caller {
    user: None,
    request_id: None,
};

fn named(id: &str) -> Caller<'_> {
    Caller {
        user: None,
        request_id: Some(id),
    }
}

fn open(disk: &SimDisk) -> Store {
    ready(Store::open(
        Rc::new(disk.clone()),
        Rc::new(ManualHost::new(1)),
        Options::default(),
    ))
    .unwrap()
}

fn user(tx: &Tx<'_>, name: &str) -> Result<UserId> {
    Ok(users::create(
        tx,
        &NewUser {
            name: name.into(),
            metadata: None,
        },
    )?
    .id)
}

fn conversation(tx: &Tx<'_>, user: UserId) -> Result<ConversationId> {
    let new = NewConversation {
        user_id: Some(user),
        context: None,
        title: None,
        metadata: None,
        participants: None,
    };
    Ok(conversations::create(tx, &new)?.id)
}

fn append(tx: &Tx<'_>, id: ConversationId, text: &str) -> Result<Message> {
    let message = NewMessage {
        role: Role::User,
        text: None,
        parts: Some(vec![
            Part::Text { text: text.into() },
            Part::Reasoning {
                text: "because".into(),
            },
        ]),
        parent_id: None,
        author: None,
        model: None,
        usage: None,
        metadata: None,
    };
    messages::append(tx, id, &message)
}

/// The last piece of a write, which fails.
type Failure = fn(&Tx<'_>) -> Result<()>;

fn names(view: &View<'_>) -> Result<Vec<String>> {
    let page = users::list(view, &UserList::default())?;
    Ok(page.items.into_iter().map(|user| user.name).collect())
}

/// Rows per table.
fn counts(store: &mut Store) -> Vec<(String, i64)> {
    let read = store.read(APP, |view| {
        let mut tables = view.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")?;
        let names = tables.query_map([], |row| row.get::<_, String>(0))?;
        let mut counts = Vec::new();
        for name in names {
            let name = name?;
            let count = view.prepare(&format!("SELECT count(*) FROM \"{name}\""))?.query_row([], |row| row.get(0))?;
            counts.push((name, count));
        }
        Ok(counts)
    });
    read.unwrap()
}

fn orphans(store: &mut Store) -> Vec<String> {
    let read = store.read(APP, |view| {
        let mut check = view.prepare("PRAGMA foreign_key_check")?;
        let rows = check.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    });
    read.unwrap()
}

#[test]
fn a_read_sees_the_writes_before_it_in_its_turn_and_none_that_failed() {
    let mut store = open(&SimDisk::new(1));
    let mut turn = store.turn().unwrap();
    assert_eq!(turn.read(APP, names).unwrap(), Vec::<String>::new());
    turn.write("a", APP, |tx| user(tx, "Ada")).unwrap();
    assert_eq!(turn.read(APP, names).unwrap(), ["Ada"]);
    let refused = turn.write("b", APP, |tx| {
        user(tx, "nobody")?;
        assert_eq!(names(tx)?, ["Ada", "nobody"], "a write sees itself");
        Err::<(), _>(Error::invalid("refused"))
    });
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(turn.read(APP, names).unwrap(), ["Ada"]);
    turn.write("c", APP, |tx| user(tx, "Grace")).unwrap();
    turn.finish().unwrap();
    assert_eq!(store.read(APP, names).unwrap(), ["Ada", "Grace"]);
    let ids = store
        .read(APP, |view| {
            Ok(users::list(view, &UserList::default())?.items)
        })
        .unwrap();
    assert_eq!(
        ids[1].id,
        UserId { user: 2 },
        "a number that failed is not used up"
    );
}

#[test]
fn a_turn_that_is_dropped_never_was() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    let before = store.last_seq();
    let mut turn = store.turn().unwrap();
    turn.write("a", APP, |tx| user(tx, "Ada")).unwrap();
    drop(turn);
    assert_eq!(store.read(APP, names).unwrap(), Vec::<String>::new());
    assert_eq!(store.last_seq(), before);
    store.write("b", APP, |tx| user(tx, "Grace")).unwrap();
    ready(store.close()).unwrap();
    assert_eq!(open(&disk).read(APP, names).unwrap(), ["Grace"]);
}

#[test]
fn every_kind_of_failure_rolls_back_all_of_its_write_and_nothing_else() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    let id = store
        .write("a", APP, |tx| conversation(tx, user(tx, "Ada")?))
        .unwrap()
        .value()
        .unwrap();
    let before = counts(&mut store);
    let failures: [(&str, Failure, Code); 6] = [
        (
            "refused",
            |_| Err(Error::invalid("no")),
            Code::InvalidArgument,
        ),
        (
            "no parent",
            |tx| conversation(tx, UserId { user: 99 }).map(|_| ()),
            Code::NotFound,
        ),
        (
            "a foreign key",
            |tx| {
                tx.execute("INSERT INTO part VALUES (1, 1, 77, 0, 'text', NULL)", [])
                    .map(|_| ())
            },
            Code::NotFound,
        ),
        (
            "a unique key",
            |tx| {
                tx.execute("INSERT INTO user SELECT 9, uuid, name, metadata, 1, 1, 0, 0 FROM user WHERE user = 1", []).map(|_| ())
            },
            Code::Conflict,
        ),
        (
            "a check, midway through many rows",
            |tx| {
                tx.execute(
                    "UPDATE message SET role = CASE message WHEN 1 THEN 'user' ELSE 'nobody' END",
                    [],
                )
                .map(|_| ())
            },
            Code::InvalidArgument,
        ),
        (
            "a wrong statement",
            |tx| tx.execute("INSERT INTO nowhere VALUES (1)", []).map(|_| ()),
            Code::Internal,
        ),
    ];
    for (what, fail, code) in failures {
        let seq = store.last_seq();
        let mut turn = store.turn().unwrap();
        let kept = turn
            .write("kept", APP, |tx| user(tx, what))
            .unwrap()
            .value()
            .unwrap();
        let failed = turn.write("failed", APP, |tx| {
            user(tx, "nobody")?;
            append(tx, id, "one")?;
            append(tx, id, "two")?;
            fail(tx)
        });
        assert_eq!(failed.unwrap_err().code(), code, "{what}");
        turn.write("undone", APP, |tx| users::delete(tx, kept))
            .unwrap();
        turn.finish().unwrap();
        assert_eq!(store.last_seq(), seq + 2, "{what}");
        let now: Vec<_> = counts(&mut store)
            .into_iter()
            .filter(|(name, _)| name != "history")
            .collect();
        let then: Vec<_> = before
            .iter()
            .filter(|(name, _)| name != "history")
            .cloned()
            .collect();
        assert_eq!(now, then, "{what}");
    }
}

#[test]
fn appends_that_race_each_get_a_number_and_a_place() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    let id = store
        .write("a", APP, |tx| conversation(tx, user(tx, "Ada")?))
        .unwrap()
        .value()
        .unwrap();
    for round in 0..20 {
        let mut turn = store.turn().unwrap();
        for racer in 0..5 {
            turn.write("messages.append", APP, |tx| {
                append(tx, id, &format!("{round}/{racer}")).map(|_| ())
            })
            .unwrap();
        }
        turn.finish().unwrap();
    }
    ready(store.close()).unwrap();
    let mut store = open(&disk);
    let chain = store.read(APP, |view| {
        let mut chain = Vec::new();
        let mut next = conversations::get(view, id)?.leaf_id;
        while let Some(at) = next {
            let message = messages::get(view, at)?;
            chain.push((at.message, message.text));
            next = message.parent_id;
        }
        chain.reverse();
        Ok(chain)
    });
    let expected: Vec<_> = (0..100)
        .map(|n| (n + 1, format!("{}/{}", n / 5, n % 5)))
        .collect();
    assert_eq!(chain.unwrap(), expected);
}

#[test]
fn no_delete_leaves_a_row_without_its_parent() {
    let deletes: [fn(&Tx<'_>, ConversationId) -> Result<()>; 5] = [
        |tx, id| messages::delete(tx, id.message(1)),
        |tx, id| messages::delete(tx, id.message(3)),
        |tx, id| conversations::delete(tx, id),
        |tx, id| conversations::remove_participant(tx, id, "us01").map(|_| ()),
        |tx, id| users::delete(tx, id.owner()),
    ];
    for (number, delete) in deletes.into_iter().enumerate() {
        let mut store = open(&SimDisk::new(1));
        let before = counts(&mut store);
        let id = store
            .write("fill", APP, |tx| {
                let id = conversation(tx, user(tx, "Ada")?)?;
                for text in ["one", "two", "three", "four"] {
                    append(tx, id, text)?;
                }
                messages::edit(
                    tx,
                    &MessageEdit {
                        id: id.message(2),
                        text: Some("other".into()),
                        parts: None,
                        metadata: None,
                    },
                )?;
                Ok(id)
            })
            .unwrap()
            .value()
            .unwrap();
        store.write("delete", APP, |tx| delete(tx, id)).unwrap();
        assert_eq!(orphans(&mut store), Vec::<String>::new(), "{number}");
        if number == 4 {
            let bookkeeping = ["counter", "history", "journal_state"];
            let mut left = counts(&mut store);
            let mut before = before;
            left.retain(|(name, _)| !bookkeeping.contains(&name.as_str()));
            before.retain(|(name, _)| !bookkeeping.contains(&name.as_str()));
            assert_eq!(left, before, "nothing of a deleted user is left");
        }
    }
}

#[test]
fn a_request_id_gives_one_effect_and_one_answer() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    let first = store
        .write("users.create", named("r1"), |tx| user(tx, "Ada"))
        .unwrap();
    assert!(matches!(first, Outcome::Done(_)));
    // In the same turn, in a later one, and after opening again.
    let mut turn = store.turn().unwrap();
    for _ in 0..2 {
        turn.write("users.create", named("r2"), |tx| user(tx, "Grace"))
            .unwrap();
    }
    turn.finish().unwrap();
    drop(store);
    disk.crash();
    let mut store = open(&disk);
    for (id, number) in [("r1", 1), ("r2", 2)] {
        let again = store
            .write::<UserId>("users.create", named(id), |_| {
                panic!("it must not run again")
            })
            .unwrap();
        assert!(matches!(again, Outcome::Repeated(_)));
        assert_eq!(again.value().unwrap(), UserId { user: number });
    }
    assert_eq!(store.read(APP, names).unwrap(), ["Ada", "Grace"]);
    let other = store.write("users.update", named("r1"), |tx| user(tx, "no"));
    assert_eq!(other.unwrap_err().code(), Code::Conflict);
    let failed = store.write::<()>("users.create", named("r3"), |_| {
        Err(Error::invalid("not now"))
    });
    assert!(failed.is_err());
    // What failed is not remembered: it may be tried again.
    assert!(matches!(
        store
            .write("users.create", named("r3"), |tx| user(tx, "Edith"))
            .unwrap(),
        Outcome::Done(_)
    ));
}

#[test]
fn what_was_indeterminate_is_settled_by_asking_again_with_the_same_id() {
    for fails in 0..2 {
        let disk = SimDisk::new(1);
        let mut store = open(&disk);
        // The flush of the line fails, and with it the knowledge.
        disk.fail_at(disk.operations().changes + 1 + fails, Fault::Once, Code::Io);
        let outcome = store.write("users.create", named("r1"), |tx| user(tx, "Ada"));
        if fails == 0 {
            assert_eq!(outcome.unwrap_err().code(), Code::Indeterminate);
            assert!(store.is_damaged());
            let meanwhile = store.read(APP, names);
            assert_eq!(meanwhile.unwrap_err().code(), Code::Io);
        }
        disk.heal();
        while store.is_damaged() {
            ready(store.maintain(false)).unwrap();
        }
        let again = store
            .write("users.create", named("r1"), |tx| user(tx, "Ada"))
            .unwrap();
        assert_eq!(again.value().unwrap(), UserId { user: 1 });
        assert_eq!(store.read(APP, names).unwrap(), ["Ada"]);
    }
}

#[test]
fn a_write_that_does_not_fit_on_the_disk_never_was() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    store.write("a", APP, |tx| user(tx, "Ada")).unwrap();
    let used: u64 = disk.files().iter().map(|(_, size)| size).sum();
    disk.set_capacity(used + 10);
    let refused = store.write("b", named("r1"), |tx| user(tx, "Grace"));
    assert_eq!(refused.unwrap_err().code(), Code::QuotaExceeded);
    assert_eq!(store.read(APP, names).unwrap(), ["Ada"]);
    disk.set_capacity(u64::MAX);
    assert!(matches!(
        store
            .write("b", named("r1"), |tx| user(tx, "Grace"))
            .unwrap(),
        Outcome::Done(_)
    ));
    drop(store);
    disk.crash();
    assert_eq!(open(&disk).read(APP, names).unwrap(), ["Ada", "Grace"]);
}

//! The audit index: which journal lines touched which record, by whom.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::rc::Rc;

use serde_json::json;
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::domain::{conversations, messages, parts, users};
use strongroom::host::ManualHost;
use strongroom::id::{ChunkId, ConversationId, UserId};
use strongroom::store::{Caller, Options, Store};

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

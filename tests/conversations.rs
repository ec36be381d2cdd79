//! Conversations and messages as a tree, read and changed through the operations.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::ready;
use strongroom::domain::conversations::{self as c, Conversation};
use strongroom::domain::messages::{self as m, Message};
use strongroom::domain::parts::MAX_INLINE_BYTES;
use strongroom::domain::users;
use strongroom::host::ManualHost;
use strongroom::id::{ConversationId, MessageId, UserId};
use strongroom::store::{Caller, Options, Store, Tx, View};
use strongroom::{Code, Result};

struct Fixture {
    store: Store,
    host: Rc<ManualHost>,
}

fn args<T: DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

impl Fixture {
    fn new() -> Self {
        let host = Rc::new(ManualHost::new(5));
        let disk = Rc::new(MemoryDisk::default());
        let store = ready(Store::open(disk, host.clone(), Options::default())).unwrap();
        let mut fixture = Self { store, host };
        fixture.write(|tx| users::create(tx, &args(json!({ "name": "Ada" }))));
        fixture
    }

    fn write<T: Serialize + DeserializeOwned>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> T {
        self.try_write(work).unwrap()
    }

    fn try_write<T: Serialize + DeserializeOwned>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.host.advance(1);
        self.store.write("test", Caller::default(), work)?.value()
    }

    fn read<T>(&mut self, work: impl FnOnce(&View<'_>) -> Result<T>) -> T {
        self.store.read(Caller::default(), work).unwrap()
    }

    fn conversation(&mut self) -> Conversation {
        self.write(|tx| c::create(tx, &args(json!({ "userId": "us01" }))))
    }

    fn append(&mut self, id: ConversationId, text: &str) -> Message {
        self.write(|tx| m::append(tx, id, &args(json!({ "role": "user", "text": text }))))
    }

    fn path(&mut self, id: ConversationId) -> Vec<String> {
        let query = args(json!({ "conversationId": id, "order": "oldest", "limit": 1000 }));
        let page = self.read(|view| m::list(view, &query));
        page.items.into_iter().map(|message| message.text).collect()
    }

    fn titles(&mut self, query: serde_json::Value) -> Vec<String> {
        let mut titles = Vec::new();
        let mut query: c::ConversationList = args(query);
        loop {
            let page = self.read(|view| c::list(view, &query));
            titles.extend(
                page.items
                    .into_iter()
                    .map(|conversation| conversation.title),
            );
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return titles,
            }
        }
    }
}

#[test]
fn many_messages_are_appended_all_or_none() {
    let mut fixture = Fixture::new();
    let id = fixture.conversation().id;
    fixture.append(id, "first");
    let all =
        |messages: serde_json::Value| args(json!({ "conversationId": id, "messages": messages }));
    let good = all(json!([
        { "role": "user", "text": "second" },
        { "role": "assistant", "parts": [{ "type": "reasoning", "text": "hm" }, { "type": "text", "text": "third" }] },
        { "role": "user", "text": "beside the third", "parentId": "us01-co01-ms02" },
        { "role": "user" },
    ]));
    let ids = fixture.write(|tx| m::append_all(tx, &good));
    assert_eq!(ids.last(), Some(&id.message(5)));
    let path = ["first", "second", "beside the third", ""];
    assert_eq!(fixture.path(id), path);

    let before = fixture.store.last_seq();
    let bad = all(
        json!([{ "role": "user", "text": "lost" }, { "role": "user", "parentId": "us01-co01-ms99" }]),
    );
    let refused = fixture.try_write(|tx| m::append_all(tx, &bad));
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    let many = all(json!(vec![json!({ "role": "user" }); 10_001]));
    let refused = fixture.try_write(|tx| m::append_all(tx, &many));
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(fixture.store.last_seq(), before);
    assert_eq!(fixture.path(id), path);
}

#[test]
fn numbers_are_allocated_per_parent_and_never_again() {
    let mut f = Fixture::new();
    let first = f.conversation();
    let second = f.conversation();
    assert_eq!(
        (first.id.to_string(), second.id.to_string()),
        ("us01-co01".into(), "us01-co02".into())
    );
    f.write(|tx| c::delete(tx, second.id));
    assert_eq!(f.conversation().id.to_string(), "us01-co03");
    let one = f.append(first.id, "one");
    let two = f.append(first.id, "two");
    assert_eq!(two.id.to_string(), "us01-co01-ms02");
    f.write(|tx| m::delete(tx, two.id));
    assert_eq!(f.append(first.id, "three").id.to_string(), "us01-co01-ms03");
    assert_eq!(one.parent_id, None);
    f.write(|tx| users::delete(tx, UserId { user: 1 }));
    let bob = f.write(|tx| users::create(tx, &args(json!({ "name": "Bob" }))));
    assert_eq!(bob.id.to_string(), "us02");
}

#[test]
fn an_edit_is_a_branch_and_switching_brings_the_other_back() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    f.append(id, "question");
    let answer = f.append(id, "answer");
    f.append(id, "thanks");
    let edited = f.write(|tx| {
        m::edit(
            tx,
            &args(json!({ "id": answer.id, "text": "better answer" })),
        )
    });
    assert_eq!(edited.parent_id, answer.parent_id);
    assert_eq!(f.path(id), ["question", "better answer"]);
    let siblings = f.read(|view| m::siblings(view, answer.id));
    assert_eq!(siblings.ids, [answer.id, edited.id]);
    assert_eq!(siblings.active_id, Some(edited.id));
    f.write(|tx| m::switch_branch(tx, answer.id));
    assert_eq!(f.path(id), ["question", "answer", "thanks"]);
    assert_eq!(
        f.read(|view| m::siblings(view, edited.id)).active_id,
        Some(answer.id)
    );
    f.append(id, "you are welcome");
    f.write(|tx| m::switch_branch(tx, edited.id));
    f.write(|tx| m::switch_branch(tx, answer.id));
    assert_eq!(
        f.path(id),
        ["question", "answer", "thanks", "you are welcome"]
    );
}

#[test]
fn editing_the_first_message_makes_a_second_root() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    let first = f.append(id, "first");
    f.append(id, "reply");
    let other = f.write(|tx| m::edit(tx, &args(json!({ "id": first.id, "text": "other first" }))));
    assert_eq!(other.parent_id, None);
    assert_eq!(f.path(id), ["other first"]);
    assert_eq!(
        f.read(|view| m::siblings(view, first.id)).ids,
        [first.id, other.id]
    );
}

#[test]
fn deleting_a_message_takes_what_follows_and_the_path_ends_at_its_parent() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    f.append(id, "one");
    let two = f.append(id, "two");
    f.append(id, "three");
    let branch = f.write(|tx| m::edit(tx, &args(json!({ "id": two.id, "text": "two again" }))));
    f.write(|tx| m::delete(tx, two.id));
    assert_eq!(f.path(id), ["one", "two again"]);
    f.write(|tx| m::delete(tx, branch.id));
    assert_eq!(f.path(id), ["one"]);
    let query = args(json!({ "conversationId": id, "path": "all" }));
    assert_eq!(f.read(|view| m::list(view, &query)).items.len(), 1);
}

#[test]
fn a_conversation_deeper_than_triggers_nest_is_deleted_whole() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    for n in 0..2500 {
        f.append(id, &n.to_string());
    }
    f.write(|tx| c::delete(tx, id));
    for table in ["message", "part", "chunk", "participant"] {
        let left: i64 = f.read(|view| {
            Ok(view
                .prepare(&format!("SELECT count(*) FROM {table}"))?
                .query_row([], |r| r.get(0))?)
        });
        assert_eq!(left, 0, "{table}");
    }
}

#[test]
fn pages_walk_the_path_from_either_end() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    let texts: Vec<String> = (0..25).map(|n| format!("message {n}")).collect();
    for text in &texts {
        f.append(id, text);
    }
    for order in ["newest", "oldest"] {
        for path in ["active", "all"] {
            let mut seen = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let query = args(
                    json!({ "conversationId": id, "limit": 10, "order": order, "path": path, "cursor": cursor }),
                );
                let page = f.read(|view| m::list(view, &query));
                assert!(page.items.len() <= 10);
                seen.extend(page.items.into_iter().map(|message| message.text));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            if order == "newest" {
                seen.reverse();
            }
            assert_eq!(seen, texts, "{order} {path}");
        }
    }
}

#[test]
fn messages_are_filtered_by_time() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    let all: Vec<Message> = (0..10).map(|n| f.append(id, &n.to_string())).collect();
    for path in ["active", "all"] {
        let window = json!({ "conversationId": id, "path": path, "since": all[3].created_at, "until": all[6].created_at });
        let page = f.read(|view| m::list(view, &args(window)));
        let texts: Vec<&str> = page
            .items
            .iter()
            .map(|message| message.text.as_str())
            .collect();
        assert_eq!(texts, ["5", "4", "3"], "{path}");
    }
}

#[test]
fn conversations_are_listed_by_time_status_participant_and_deletion() {
    let mut f = Fixture::new();
    f.write(|tx| users::create(tx, &args(json!({ "name": "Bob" }))));
    for n in 0..7 {
        let participants = if n % 2 == 0 {
            json!([{ "id": "planner", "kind": "agent" }])
        } else {
            json!([])
        };
        f.write(|tx| c::create(tx, &args(json!({ "userId": "us01", "title": format!("t{n}"), "participants": participants }))));
    }
    f.write(|tx| c::create(tx, &args(json!({ "userId": "us02", "title": "another's" }))));
    let all = json!({ "userId": "us01", "limit": 3 });
    assert_eq!(f.titles(all), ["t6", "t5", "t4", "t3", "t2", "t1", "t0"]);
    assert_eq!(
        f.titles(json!({ "userId": "us01", "limit": 2, "order": "oldest", "by": "created" })),
        ["t0", "t1", "t2", "t3", "t4", "t5", "t6"]
    );
    assert_eq!(
        f.titles(json!({ "userId": "us01", "participant": "planner" })),
        ["t6", "t4", "t2", "t0"]
    );
    let id = |n: i64| ConversationId {
        user: 1,
        conversation: n,
    };
    f.append(id(1), "touch the oldest");
    assert_eq!(f.titles(json!({ "userId": "us01" }))[0], "t0");
    f.write(|tx| {
        c::update(
            tx,
            &args(json!({ "id": id(2), "version": 1, "status": "archived" })),
        )
    });
    assert_eq!(
        f.titles(json!({ "userId": "us01", "status": "archived" })),
        ["t1"]
    );
    f.write(|tx| c::soft_delete(tx, id(3)));
    assert_eq!(
        f.titles(json!({ "userId": "us01", "deleted": true })),
        ["t2"]
    );
    assert_eq!(
        f.titles(json!({ "userId": "us01" })),
        ["t0", "t6", "t5", "t4", "t3"]
    );
    f.write(|tx| c::restore(tx, id(3)));
    assert_eq!(f.titles(json!({ "userId": "us01" })).len(), 6);
}

#[test]
fn a_deleted_conversation_takes_no_messages() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    f.write(|tx| c::soft_delete(tx, id));
    let refused =
        f.try_write(|tx| m::append(tx, id, &args(json!({ "role": "user", "text": "x" }))));
    assert_eq!(refused.unwrap_err().code(), Code::Conflict);
}

#[test]
fn an_update_from_an_old_version_is_a_conflict() {
    let mut f = Fixture::new();
    let conversation = f.conversation();
    let update = json!({ "id": conversation.id, "version": conversation.version, "title": "new" });
    assert_eq!(
        f.write(|tx| c::update(tx, &args(update.clone()))).title,
        "new"
    );
    let refused = f.try_write(|tx| c::update(tx, &args(update)));
    assert_eq!(refused.unwrap_err().code(), Code::Conflict);
}

#[test]
fn participants_come_and_go_and_what_they_wrote_stays() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    let agent = json!({ "id": "critic", "kind": "agent", "name": "The critic" });
    let present = f.write(|tx| c::add_participant(tx, id, &args(agent)));
    assert_eq!(
        present.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(),
        ["us01", "critic"]
    );
    f.write(|tx| {
        m::append(
            tx,
            id,
            &args(json!({ "role": "assistant", "author": "critic", "text": "no" })),
        )
    });
    let left = f.write(|tx| c::remove_participant(tx, id, "critic"));
    assert_eq!(left.len(), 1);
    let query = args(json!({ "conversationId": id }));
    assert_eq!(
        f.read(|view| m::list(view, &query)).items[0]
            .author
            .as_deref(),
        Some("critic")
    );
}

#[test]
fn a_missing_chunk_is_reported_and_marked_in_its_place() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    let text = "a".repeat(20_000) + &"b".repeat(20_000) + &"c".repeat(9_152);
    let message = f.append(id, &text);
    assert_eq!((message.text.len(), message.gaps.len()), (text.len(), 0));
    f.write(|tx| tx.execute("DELETE FROM chunk WHERE seq = 2", []));
    let read = f.read(|view| m::get(view, message.id));
    assert_eq!(read.gaps, [2]);
    assert_eq!(
        read.text,
        format!("{}\u{FFFD}{}", &text[..16_384], &text[32_768..])
    );
}

#[test]
fn a_text_of_fifty_megabytes_is_kept_and_read_in_pages() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    let text = "zażółć gęślą jaźń ".repeat(2_000_000);
    let message: MessageId = f.append(id, &text).id;
    let read = f.read(|view| m::get(view, message));
    assert!(read.truncated && read.text.len() <= MAX_INLINE_BYTES && text.starts_with(&read.text));
    let mut rebuilt = String::new();
    let mut cursor: Option<String> = None;
    loop {
        let query = args(json!({ "id": message, "limit": 500, "cursor": cursor }));
        let page = f.read(|view| m::chunks(view, &query));
        page.items
            .iter()
            .for_each(|chunk| rebuilt.push_str(&chunk.text));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert!(rebuilt == text);
}

#[test]
fn the_newest_page_looks_at_no_more_messages_in_a_long_conversation() {
    let mut f = Fixture::new();
    let id = f.conversation().id;
    for n in 0..3000 {
        f.append(id, &n.to_string());
    }
    let plan: Vec<String> = f.read(|view| {
        let mut statement = view.prepare(
            "EXPLAIN QUERY PLAN SELECT parent, created_at FROM message WHERE user = ?1 AND conversation = ?2 AND message = ?3",
        )?;
        Ok(statement.query_map([1, 1, 1], |row| row.get(3))?.collect::<rusqlite::Result<_>>()?)
    });
    assert!(
        plan.iter().all(|step| step.starts_with("SEARCH")),
        "{plan:?}"
    );
    let query = args(json!({ "conversationId": id, "limit": 50 }));
    assert_eq!(f.read(|view| m::list(view, &query)).items[49].text, "2950");
}

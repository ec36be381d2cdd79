//! The whole store on the browser's own disk.

use std::rc::Rc;

use strongroom::Code;
use strongroom::database::vfs;
use strongroom::disk::opfs::OpfsDisk;
use strongroom::disk::{Disk, OpenMode};
use strongroom::domain::conversations::{self, NewConversation};
use strongroom::domain::messages::{self, MessageList};
use strongroom::domain::users::{self, NewUser};
use strongroom::host::ManualHost;
use strongroom::store::{Caller, Event, Options, RecoveryCause, Store};
use wasm_bindgen_test::wasm_bindgen_test;

async fn disk(name: &str) -> Rc<dyn Disk> {
    let disk = OpfsDisk::open(&format!("strongroom-tests/{name}"))
        .await
        .unwrap();
    for folder in ["", "journal", "snapshots", "quarantine"] {
        for file in disk.list(folder).await.unwrap() {
            let path = if folder.is_empty() {
                file
            } else {
                format!("{folder}/{file}")
            };
            disk.remove(&path).await.unwrap();
        }
    }
    Rc::new(disk)
}

async fn open(disk: &Rc<dyn Disk>) -> Store {
    Store::open(
        disk.clone(),
        Rc::new(ManualHost::new(1)),
        Options::default(),
    )
    .await
    .unwrap()
}

async fn close(store: Store) {
    Box::pin(store.close()).await.unwrap();
}

fn fill(store: &mut Store, messages: usize) {
    let new = NewUser {
        name: "Ada".into(),
        metadata: None,
    };
    let user = store
        .write("users.create", Caller::default(), |tx| {
            users::create(tx, &new)
        })
        .unwrap()
        .value()
        .unwrap();
    let new = NewConversation {
        user_id: Some(user.id),
        context: None,
        title: None,
        metadata: None,
        participants: None,
    };
    let made = store.write("conversations.create", Caller::default(), |tx| {
        conversations::create(tx, &new)
    });
    let id = made.unwrap().value().unwrap().id;
    for number in 0..messages {
        let new = serde_json::from_value(
            serde_json::json!({ "role": "user", "text": format!("message {number}") }),
        )
        .unwrap();
        store
            .write("messages.append", Caller::default(), |tx| {
                messages::append(tx, id, &new)
            })
            .unwrap();
    }
}

fn texts(store: &mut Store) -> Vec<String> {
    let query: MessageList = serde_json::from_value(
        serde_json::json!({ "conversationId": "us01-co01", "order": "oldest", "limit": 1000 }),
    )
    .unwrap();
    let page = store
        .read(Caller::default(), |view| messages::list(view, &query))
        .unwrap();
    page.items.into_iter().map(|message| message.text).collect()
}

fn expected(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("message {number}"))
        .collect()
}

fn causes(store: &mut Store) -> Vec<RecoveryCause> {
    let events = store.take_events();
    events
        .into_iter()
        .flat_map(|event| match event {
            Event::Recovery(recovery) => recovery.causes,
            _ => Vec::new(),
        })
        .collect()
}

#[wasm_bindgen_test]
async fn the_vfs_keeps_its_contract_on_opfs() {
    let disk = disk("vfs").await;
    vfs::conformance(&*disk, Rc::new(ManualHost::new(1)))
        .await
        .unwrap();
}

#[wasm_bindgen_test]
async fn what_was_written_is_there_after_a_clean_close() {
    let disk = disk("clean").await;
    let mut store = open(&disk).await;
    fill(&mut store, 40);
    close(store).await;
    let mut store = open(&disk).await;
    assert_eq!(causes(&mut store), []);
    assert_eq!(texts(&mut store), expected(40));
}

#[wasm_bindgen_test]
async fn a_store_that_was_never_closed_replays_its_journal() {
    let disk = disk("unclosed").await;
    let mut store = open(&disk).await;
    fill(&mut store, 40);
    drop(store);
    let mut store = open(&disk).await;
    assert_eq!(causes(&mut store), [RecoveryCause::Unclosed]);
    assert_eq!(texts(&mut store), expected(40));
}

#[wasm_bindgen_test]
async fn a_second_owner_is_locked_out() {
    let disk = disk("second").await;
    let _store = open(&disk).await;
    let refused = Store::open(
        disk.clone(),
        Rc::new(ManualHost::new(2)),
        Options::default(),
    )
    .await;
    assert_eq!(refused.err().map(|error| error.code()), Some(Code::Locked));
}

#[wasm_bindgen_test]
async fn a_damaged_database_is_rebuilt() {
    let disk = disk("damaged").await;
    let mut store = open(&disk).await;
    fill(&mut store, 40);
    close(store).await;
    let file = disk
        .open("store.sqlite3", OpenMode::Existing)
        .await
        .unwrap();
    file.write_at(&[0xff; 512], 4096 + 100).unwrap();
    file.write_at(b"not a database at all", 0).unwrap();
    drop(file);
    let mut store = open(&disk).await;
    assert_eq!(causes(&mut store), [RecoveryCause::DatabaseDamaged]);
    assert_eq!(texts(&mut store), expected(40));
    assert!(!disk.list("quarantine").await.unwrap().is_empty());
}

#[wasm_bindgen_test]
async fn a_lost_journal_restarts_from_the_database() {
    let disk = disk("lost").await;
    let mut store = open(&disk).await;
    fill(&mut store, 40);
    close(store).await;
    for file in disk.list("journal").await.unwrap() {
        disk.remove(&format!("journal/{file}")).await.unwrap();
    }
    let mut store = open(&disk).await;
    assert_eq!(causes(&mut store), [RecoveryCause::JournalBehind]);
    assert_eq!(texts(&mut store), expected(40));
    while store.maintain(true).await.unwrap() == Some(0) {}
    assert_eq!(disk.list("snapshots").await.unwrap().len(), 1);
}

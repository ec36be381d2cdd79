//! What a power loss may take, by what the store promised.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use strongroom::disk::ready;
use strongroom::disk::sim::SimDisk;
use strongroom::domain::users::{self, NewUser, UserList};
use strongroom::host::ManualHost;
use strongroom::store::{Caller, Durability, Options, Store};

fn open(disk: &SimDisk, durability: Durability) -> Store {
    let options = Options {
        durability,
        batch_writes: 5,
        ..Options::default()
    };
    ready(Store::open(
        Rc::new(disk.clone()),
        Rc::new(ManualHost::new(1)),
        options,
    ))
    .unwrap()
}

fn add_user(store: &mut Store, name: String) {
    let new = NewUser {
        name,
        metadata: None,
    };
    store
        .write("users.create", Caller::default(), |tx| {
            users::create(tx, &new)
        })
        .unwrap();
}

fn names(store: &mut Store) -> Vec<String> {
    let query = UserList {
        limit: Some(1000),
        cursor: None,
    };
    let page = store
        .read(Caller::default(), |view| users::list(view, &query))
        .unwrap();
    page.items.into_iter().map(|user| user.name).collect()
}

#[test]
fn a_relaxed_store_loses_at_most_its_end_and_never_the_order() {
    let (mut lost, mut whole) = (0, 0);
    for seed in 0..400 {
        let disk = SimDisk::new(seed);
        let mut store = open(&disk, Durability::Relaxed);
        let written: Vec<String> = (0..23).map(|n| format!("user {n}")).collect();
        for name in &written {
            add_user(&mut store, name.clone());
        }
        disk.crash();
        drop(store);
        let mut store = open(&disk, Durability::Relaxed);
        let found = names(&mut store);
        assert!(written.starts_with(&found), "seed {seed}: {found:?}");
        if found.len() < written.len() {
            lost += 1;
        } else {
            whole += 1;
        }
        add_user(&mut store, "after".into());
        ready(store.close()).unwrap();
        let mut store = open(&disk, Durability::Relaxed);
        assert_eq!(
            names(&mut store).last().map(String::as_str),
            Some("after"),
            "seed {seed}"
        );
    }
    println!("power losses: 400, of which {lost} took an end and {whole} took nothing");
    assert!(lost > 0 && whole > 0);
}

#[test]
fn a_strict_store_loses_nothing() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let mut store = open(&disk, Durability::Strict);
        let written: Vec<String> = (0..23).map(|n| format!("user {n}")).collect();
        for name in &written {
            add_user(&mut store, name.clone());
        }
        disk.crash();
        drop(store);
        assert_eq!(
            names(&mut open(&disk, Durability::Strict)),
            written,
            "seed {seed}"
        );
    }
}

#[test]
fn a_killed_relaxed_store_loses_nothing() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, Durability::Relaxed);
    let written: Vec<String> = (0..23).map(|n| format!("user {n}")).collect();
    for name in &written {
        add_user(&mut store, name.clone());
    }
    disk.kill();
    drop(store);
    assert_eq!(names(&mut open(&disk, Durability::Relaxed)), written);
}

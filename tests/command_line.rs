//! The command line, run as a person runs it.
#![cfg(all(not(target_arch = "wasm32"), feature = "cli"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::path::Path;
use std::process::{Command, Output};
use std::rc::Rc;

use strongroom::disk::native::NativeDisk;
use strongroom::disk::ready;
use strongroom::domain::users::{self, NewUser, UserList};
use strongroom::host::SystemHost;
use strongroom::store::{Caller, Options, Store};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_strongroom"))
        .args(arguments)
        .output()
        .unwrap()
}

fn open(folder: &Path) -> Store {
    let disk = Rc::new(NativeDisk::new(folder.to_owned()));
    ready(Store::open(disk, Rc::new(SystemHost), Options::default())).unwrap()
}

#[test]
fn a_store_is_migrated_down_and_up_again_with_its_data() {
    let folder = std::env::temp_dir().join(format!("strongroom-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.to_str().unwrap();
    let mut store = open(&folder);
    let new = NewUser {
        name: "Ada".into(),
        metadata: None,
    };
    store
        .write("users.create", Caller::default(), |tx| {
            users::create(tx, &new)
        })
        .unwrap();

    let locked = run(&["migrate", path, "--status"]);
    assert_eq!(locked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&locked.stderr).contains("(locked)"));
    ready(store.close()).unwrap();

    let down = run(&["migrate", path, "--to", "1", "--json"]);
    assert!(
        down.status.success(),
        "{}",
        String::from_utf8_lossy(&down.stderr)
    );
    let status: serde_json::Value = serde_json::from_slice(&down.stdout).unwrap();
    assert_eq!(status["version"], 1);
    assert!(status["migrations"][2]["appliedAt"].is_null());
    assert!(run(&["migrate", path]).status.success());
    let unknown = run(&["migrate", path, "--to", "4000"]);
    assert_eq!(unknown.status.code(), Some(3));

    let mut store = open(&folder);
    let users = store
        .read(Caller::default(), |view| {
            users::list(view, &UserList::default())
        })
        .unwrap();
    assert_eq!(users.items[0].name, "Ada");
    drop(store);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_folder_without_a_store_is_left_alone() {
    let folder = std::env::temp_dir().join(format!("strongroom-cli-none-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let refused = run(&["migrate", folder.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

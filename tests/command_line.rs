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
use strongroom::domain::{conversations, messages};
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

/// Runs it with `--json`, expecting success.
fn json(arguments: &[&str]) -> Vec<serde_json::Value> {
    let output = run(&[arguments, &["--json"]].concat());
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {problem}");
    serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// Two stores with a user and a conversation each.
fn two_stores(folder: &Path) -> [String; 2] {
    ["one", "two"].map(|name| {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).unwrap();
        let mut store = open(&path);
        let wrote = store.write("fill", Caller::default(), |tx| {
            let user = users::create(
                tx,
                &NewUser {
                    name: format!("Ada of {name}"),
                    metadata: None,
                },
            )?;
            let new = serde_json::json!({ "userId": user.id, "title": format!("Plan of {name}") });
            let new = serde_json::from_value(new).unwrap();
            let conversation = conversations::create(tx, &new)?;
            let message =
                serde_json::json!({ "role": "user", "text": "How should we store this?" });
            let message = serde_json::from_value(message).unwrap();
            messages::append(tx, conversation.id, &message).map(|_| ())
        });
        wrote.unwrap();
        ready(store.close()).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

#[test]
fn a_store_becomes_an_archive_and_an_archive_a_store() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [one, two] = two_stores(folder.path());
    let archive = at("one.zip");
    assert!(run(&["export", &one, "--to", &archive]).status.success());
    assert_eq!(
        run(&["export", &one, "--to", &archive]).status.code(),
        Some(2)
    );

    let shown = json(&["inspect", &archive]).remove(0);
    assert_eq!(shown["scope"]["kind"], "all");
    let messages = shown["records"].as_array().unwrap().iter();
    let messages = messages.filter(|one| one["table"] == "message").count();
    assert_eq!(messages, 1);
    assert_eq!(json(&["inspect", &one])[0]["kind"], "store");
    assert_eq!(json(&["verify", &archive])[0]["isSound"], true);
    assert_eq!(
        json(&["verify", &one])[0]["findings"],
        serde_json::json!([])
    );

    for path in [&one, &archive] {
        let listed = json(&["list", path, "conversations"]);
        assert_eq!(listed[0]["title"], "Plan of one");
        let listed = json(&["list", path, "messages", "--in", "us01-co01"]);
        assert_eq!(listed[0]["id"], "us01-co01-ms01");
        assert_eq!(json(&["search", path, "store"])[0]["id"], "us01-co01-ms01");
    }
    let words = run(&["list", &archive, "users"]).stdout;
    assert_eq!(String::from_utf8(words).unwrap(), "us01\tAda of one\n");

    let rehearsed = json(&["import", &archive, "--into", &two, "--rehearse"]).remove(0);
    assert_eq!(rehearsed["isDone"], false);
    assert_eq!(json(&["list", &two, "users"]).len(), 1);
    assert_eq!(
        json(&["import", &archive, "--into", &two])[0]["isDone"],
        true
    );
    assert_eq!(json(&["list", &two, "users"]).len(), 2);
    assert_eq!(
        json(&["import", &archive, "--into", &at("new")])[0]["isDone"],
        true
    );

    let merged = at("merged.zip");
    json(&["merge", &archive, &two, "--to", &merged]);
    assert_eq!(json(&["list", &merged, "conversations"]).len(), 2);
    let part = at("part.zip");
    assert!(
        run(&["export", &merged, "--to", &part, "--user", "us02"])
            .status
            .success()
    );
    assert_eq!(json(&["list", &part, "conversations"]).len(), 1);
}

#[test]
fn an_archive_that_is_not_sound_ends_with_three() {
    let folder = tempfile::TempDir::new().unwrap();
    let [one, _] = two_stores(folder.path());
    let archive = folder.path().join("one.zip");
    assert!(
        run(&["export", &one, "--to", archive.to_str().unwrap()])
            .status
            .success()
    );
    let mut bytes = std::fs::read(&archive).unwrap();
    // One alone may be one that nobody reads.
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 64] {
        *byte ^= 1;
    }
    std::fs::write(&archive, bytes).unwrap();
    let verified = run(&["verify", archive.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(3), "{verified:?}");
    let into = folder.path().join("new");
    let refused = run(&[
        "import",
        archive.to_str().unwrap(),
        "--into",
        into.to_str().unwrap(),
    ]);
    assert_eq!(refused.status.code(), Some(3));
    let nothing = run(&["verify", folder.path().join("none.zip").to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn artifacts_are_written_as_files_by_owner_and_kind() {
    let folder = tempfile::TempDir::new().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/archive-1.zip");
    let to = folder.path().join("files");
    let written = json(&[
        "extract",
        golden.to_str().unwrap(),
        "--to",
        to.to_str().unwrap(),
    ]);
    assert_eq!(written.len(), 3);
    let note = std::fs::read(to.join("us01/attachment/note.txt")).unwrap();
    assert_eq!(note, b"second");
    let note = written.iter().find(|one| one["size"] == 6).unwrap();
    let single = folder.path().join("single");
    let id = note["id"].as_str().unwrap();
    assert!(
        run(&[
            "extract",
            golden.to_str().unwrap(),
            id,
            "--to",
            single.to_str().unwrap()
        ])
        .status
        .success()
    );
    assert_eq!(std::fs::read(single).unwrap(), b"second");
}

#[test]
fn completions_and_a_manual_page_are_printed() {
    let completions = run(&["completions", "bash"]);
    assert!(
        String::from_utf8(completions.stdout)
            .unwrap()
            .contains("strongroom")
    );
    let page = String::from_utf8(run(&["man"]).stdout).unwrap();
    assert!(
        page.contains(".TH strongroom") && page.contains("inspect"),
        "{page}"
    );
}

#[test]
fn other_programs_exports_become_stores_and_archives_and_conversations_files() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(at("chats")).unwrap();
    let chunk = |text: &str| {
        format!("{{\"messageId\":\"x\",\"seq\":1,\"tokens\":1,\"content\":\"{text}\"}}")
    };
    for (name, text) in [
        ("us01-co02-ms01.json", "a question"),
        ("us01-co02-ms02-001.json", "an answer "),
        ("us01-co02-ms02-002.json", "in two"),
    ] {
        std::fs::write(folder.path().join("chats").join(name), chunk(text)).unwrap();
    }
    let report = json(&["import", &at("chats"), "--into", &at("store")]).remove(0);
    assert_eq!(report["formats"][0]["files"], 3, "{report}");
    let listed = json(&["list", &at("store"), "messages", "--in", "us01-co02"]);
    assert_eq!(listed[0]["text"], "an answer in two");
    json(&["convert", &at("chats"), "--to", &at("chats.zip")]);
    assert_eq!(json(&["verify", &at("chats.zip")])[0]["isSound"], true);
    let written = |form: &str, to: &str| {
        let to = at(to);
        let arguments = [
            "export",
            &at("chats.zip"),
            "--conversation",
            "us01-co02",
            "--as",
            form,
            "--to",
            &to,
        ];
        assert!(run(&arguments).status.success(), "{form}");
    };
    written("markdown", "chat.md");
    let markdown = std::fs::read_to_string(at("chat.md")).unwrap();
    assert!(markdown.contains("an answer in two"), "{markdown}");
    written("chunks", "again");
    let report = json(&["import", &at("again"), "--into", &at("second")]).remove(0);
    assert_eq!(report["formats"][0]["messages"], 2, "{report}");
    std::fs::write(at("notes.txt"), "nothing known").unwrap();
    let refused = run(&["import", &at("notes.txt"), "--into", &at("store")]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
}

#[test]
fn the_database_and_charts_are_written_by_themselves() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let entity = |name: &str, kind: &str| {
        format!(
            "{{\"type\":\"entity\",\"name\":\"{name}\",\"entityType\":\"{kind}\",\"observations\":[],\"metadata\":{{\"chartId\":\"chart_1\"}}}}\n"
        )
    };
    let chart = entity("chart_1_chart", "structural_tension_chart");
    let note =
        "{\"type\":\"entity\",\"name\":\"note\",\"entityType\":\"note\",\"observations\":[]}\n";
    std::fs::write(at("charts-work.jsonl"), format!("{chart}{note}")).unwrap();
    json(&["import", &at("charts-work.jsonl"), "--into", &at("store")]);
    let export =
        |more: &[&str], to: &str| run(&[&["export", &at("store"), "--to", &at(to)], more].concat());
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    let of_one = export(
        &["--chart", "us01/work/chart_1", "--as", "jsonl"],
        "one.jsonl",
    );
    assert!(of_one.status.success(), "{of_one:?}");
    assert!(read("one.jsonl").contains("chart_1_chart") && !read("one.jsonl").contains("note"));
    assert!(
        export(&["--context", "us01/work", "--as", "jsonl"], "all.jsonl")
            .status
            .success()
    );
    assert_eq!(read("all.jsonl").lines().count(), 2);
    assert_eq!(
        export(&["--as", "jsonl"], "no.jsonl").status.code(),
        Some(2)
    );
    assert_eq!(
        export(&["--as", "markdown"], "no.md").status.code(),
        Some(2)
    );
    assert!(
        export(&["--as", "sqlite"], "store.sqlite3")
            .status
            .success()
    );
    let names = program(
        folder.path(),
        "sqlite3",
        &["store.sqlite3", "SELECT name FROM entity ORDER BY name"],
    );
    assert_eq!(names, "chart_1_chart\nnote\n");
    assert_eq!(
        export(&["--as", "sqlite", "--user", "us01"], "no.sqlite3")
            .status
            .code(),
        Some(2)
    );
    for absent in ["no.jsonl", "no.md", "no.sqlite3"] {
        assert!(!Path::new(&at(absent)).exists(), "{absent}");
    }
}

#[test]
fn a_damaged_store_is_repaired() {
    let folder = tempfile::TempDir::new().unwrap();
    let [one, _] = two_stores(folder.path());
    let database = Path::new(&one).join("store.sqlite3");
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&database, bytes).unwrap();
    let repaired = json(&["repair", &one]).remove(0);
    assert_eq!(repaired["left"], serde_json::json!([]), "{repaired}");
    assert_eq!(repaired["repaired"][0]["code"], "page", "{repaired}");
    assert!(run(&["verify", &one]).status.success());
    assert_eq!(
        json(&["list", &one, "conversations"])[0]["title"],
        "Plan of one"
    );
}

/// Runs another program in a folder, expecting success.
fn program(folder: &Path, name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{name} is needed: {error}"));
    assert!(output.status.success(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_encrypted_archive_is_read_by_every_command_with_its_key_and_opened_by_the_stock_age() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [one, two] = two_stores(folder.path());
    program(folder.path(), "age-keygen", &["-o", "key"]);
    let recipient = program(folder.path(), "age-keygen", &["-y", "key"]);
    let (archive, key) = (at("one.zip.age"), at("key"));
    let export = [
        "export",
        &one,
        "--to",
        &archive,
        "--encrypt-to",
        recipient.trim(),
    ];
    assert!(run(&export).status.success());
    assert!(
        std::fs::read(&archive)
            .unwrap()
            .starts_with(b"age-encryption.org/v1\n")
    );

    for refused in [
        run(&["verify", &archive]),
        run(&["list", &archive, "users"]),
        run(&["import", &archive, "--into", &two]),
        run(&["decrypt", &archive, "--to", &at("no.zip")]),
    ] {
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let problem = String::from_utf8(refused.stderr).unwrap();
        assert!(problem.contains("--identity"), "{problem}");
    }
    assert!(!Path::new(&at("no.zip")).exists());
    let with_key = |arguments: &[&str]| json(&[arguments, &["--identity", &key]].concat());
    assert_eq!(with_key(&["inspect", &archive])[0]["scope"]["kind"], "all");
    assert_eq!(with_key(&["verify", &archive])[0]["isSound"], true);
    assert_eq!(
        with_key(&["list", &archive, "users"])[0]["name"],
        "Ada of one"
    );
    let decrypted = with_key(&["decrypt", &archive, "--to", &at("plain.zip")]).remove(0);
    let size = std::fs::metadata(at("plain.zip")).unwrap().len();
    assert_eq!(decrypted["size"], size);
    program(
        folder.path(),
        "age",
        &["-d", "-i", "key", "-o", "stock.zip", "one.zip.age"],
    );
    let [ours, stock] = ["plain.zip", "stock.zip"].map(|name| std::fs::read(at(name)).unwrap());
    assert!(ours == stock);

    // What the stock age makes, in armour as well.
    program(
        folder.path(),
        "age",
        &["-a", "-r", recipient.trim(), "-o", "armoured", "plain.zip"],
    );
    let imported = with_key(&["import", &at("armoured"), "--into", &two]).remove(0);
    assert_eq!(imported["isDone"], true);
    assert_eq!(json(&["list", &two, "users"]).len(), 2);
    let merged = at("merged.age");
    with_key(&[
        "merge",
        &archive,
        &two,
        "--to",
        &merged,
        "--encrypt-to",
        recipient.trim(),
    ]);
    assert_eq!(with_key(&["list", &merged, "users"]).len(), 2);
}

#[test]
fn a_passphrase_encrypts_and_only_it_decrypts() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [one, _] = two_stores(folder.path());
    std::fs::write(at("right"), "correct horse\nbattery staple\n").unwrap();
    std::fs::write(at("wrong"), "a guess\n").unwrap();
    std::fs::write(at("empty"), "\n").unwrap();
    let archive = at("one.age");
    let export = |passphrase: &str| {
        run(&[
            "export",
            &one,
            "--to",
            &archive,
            "--encrypt-with",
            passphrase,
        ])
    };
    assert_eq!(export(&at("empty")).status.code(), Some(2));
    assert!(!Path::new(&archive).exists());
    assert!(export(&at("right")).status.success());
    let listed = json(&["list", &archive, "users", "--passphrase-file", &at("right")]);
    assert_eq!(listed[0]["name"], "Ada of one");
    let refused = run(&["list", &archive, "users", "--passphrase-file", &at("wrong")]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let unknown = run(&[
        "export",
        &one,
        "--to",
        &at("two.age"),
        "--encrypt-to",
        "age1nobody",
    ]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(!Path::new(&at("two.age")).exists());
}

#[test]
fn an_encrypted_archive_that_was_changed_or_cut_is_not_decrypted() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    program(folder.path(), "age-keygen", &["-o", "key"]);
    let recipient = program(folder.path(), "age-keygen", &["-y", "key"]);
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(at("content"), content).unwrap();
    program(
        folder.path(),
        "age",
        &["-r", recipient.trim(), "-o", "whole", "content"],
    );
    let whole = std::fs::read(at("whole")).unwrap();
    let mut flipped = whole.clone();
    flipped[400_000] ^= 1;
    // The third ends between two of the pieces that are encrypted one by one.
    let header = whole.windows(5).position(|it| it == b"\n--- ").unwrap() + 49 + 16;
    let between = header + 3 * (65_536 + 16);
    let cut = [whole.len() - 1, between].map(|end| whole[..end].to_vec());
    for damaged in [flipped].into_iter().chain(cut) {
        std::fs::write(at("damaged"), damaged).unwrap();
        let refused = run(&[
            "decrypt",
            &at("damaged"),
            "--to",
            &at("opened"),
            "--identity",
            &at("key"),
        ]);
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        assert!(!Path::new(&at("opened")).exists());
    }
    let plain = run(&["decrypt", &at("content"), "--to", &at("opened")]);
    assert_eq!(plain.status.code(), Some(2), "{plain:?}");
}

#[test]
fn a_backup_is_read_with_those_beside_it_that_it_builds_on() {
    let folder = tempfile::TempDir::new().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let [base, backup] = [
        ("backup-2-base.zip", "2026-01-01T000000.044Z-manual.zip"),
        ("backup-2.zip", "2026-01-01T000000.065Z-manual.zip"),
    ]
    .map(|(golden_name, name)| {
        std::fs::copy(golden.join(golden_name), folder.path().join(name)).unwrap();
        folder.path().join(name).to_str().unwrap().to_owned()
    });
    assert_eq!(json(&["verify", &backup])[0]["isSound"], true);
    assert_eq!(json(&["list", &backup, "conversations"]).len(), 3);
    let store = folder.path().join("store");
    let store = store.to_str().unwrap();
    json(&["import", &backup, "--into", store]);
    assert_eq!(json(&["list", store, "conversations"]).len(), 3);
    std::fs::remove_file(base).unwrap();
    let alone = run(&["verify", &backup]);
    assert_eq!(alone.status.code(), Some(3), "{alone:?}");
    let problem = String::from_utf8(alone.stderr).unwrap();
    assert!(problem.contains("it builds on"), "{problem}");
}

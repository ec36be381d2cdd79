//! Migrations: each one up, down and up again over data, recorded in the journal, and never half done.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::rc::Rc;

use strongroom::Code;
use strongroom::database::Database;
use strongroom::database::migrate::{LATEST, MIGRATIONS};
use strongroom::database::schema::TABLES;
use strongroom::disk::sim::{Fault, SimDisk};
use strongroom::disk::{Disk, ready};
use strongroom::domain::conversations::{self, NewConversation};
use strongroom::domain::messages::{self, NewMessage, Role};
use strongroom::domain::users::{self, NewUser};
use strongroom::host::{Host, ManualHost};
use strongroom::store::{Caller, Event, Options, Store};

fn host() -> Rc<dyn Host> {
    Rc::new(ManualHost::new(1))
}

fn open(disk: &SimDisk) -> strongroom::Result<Store> {
    ready(Store::open(
        Rc::new(disk.clone()),
        host(),
        Options::default(),
    ))
}

fn open_as_it_is(disk: &SimDisk) -> Store {
    ready(Store::open_as_it_is(
        Rc::new(disk.clone()),
        host(),
        Options::default(),
    ))
    .unwrap()
}

/// Two users with conversations and messages.
fn fill(store: &mut Store) {
    for name in ["Ada", "Grace"] {
        let write = store.write(
            "fill",
            Caller {
                user: None,
                request_id: Some(name),
            },
            |tx| {
                let user = users::create(
                    tx,
                    &NewUser {
                        name: name.into(),
                        metadata: None,
                    },
                )?;
                let new = NewConversation {
                    user_id: Some(user.id),
                    context: None,
                    title: None,
                    metadata: None,
                    participants: None,
                };
                let conversation = conversations::create(tx, &new)?;
                for text in ["one", "two"] {
                    let message = NewMessage {
                        role: Role::User,
                        text: Some(text.repeat(9000)),
                        parts: None,
                        parent_id: None,
                        author: None,
                        model: None,
                        usage: None,
                        metadata: None,
                    };
                    messages::append(tx, conversation.id, &message)?;
                }
                Ok(())
            },
        );
        write.unwrap();
    }
}

/// The columns of every recorded table that the schema has.
type Columns = Vec<(&'static str, String)>;

fn columns(store: &mut Store) -> Columns {
    let columns = store.read(Caller::default(), |view| {
        let mut info = view.prepare(
            "SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_table_info(?1) ORDER BY cid)",
        )?;
        let mut all = Vec::new();
        for table in TABLES {
            let names: Option<String> = info.query_row([table.name], |row| row.get(0))?;
            all.extend(names.map(|names| (table.name, names)));
        }
        Ok(all)
    });
    columns.unwrap()
}

/// Every row, as far as it has these columns, by raw SQL.
fn dump_columns(store: &mut Store, columns: &Columns) -> Vec<String> {
    let rows = store.read(Caller::default(), |view| {
        let mut rows = Vec::new();
        for (table, names) in columns {
            let sql = format!("SELECT json_array({names}) FROM {table} ORDER BY 1");
            let mut statement = view.prepare(&sql)?;
            let found = statement.query_map([], |row| row.get::<_, String>(0))?;
            for row in found {
                rows.push(format!("{table}: {}", row?));
            }
        }
        Ok(rows)
    });
    rows.unwrap()
}

/// Every row of every recorded table, whatever the schema.
fn dump(store: &mut Store) -> Vec<String> {
    let columns = columns(store);
    dump_columns(store, &columns)
}

fn migrate(store: &mut Store, to: u32) {
    let mut seen = Vec::new();
    ready(store.migrate(to, &mut |progress| seen.push(progress.version))).unwrap();
    assert_eq!(store.schema(), to);
    assert_eq!(seen.last(), Some(&to));
}

/// The whole text of the schema.
fn schema(store: &mut Store) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let read = store.read(Caller::default(), |view| {
        let mut statement = view.prepare(sql)?;
        let found = statement.query_map([], |row| row.get(0))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    });
    read.unwrap()
}

fn causes(store: &mut Store) -> String {
    let events = store.take_events();
    let told = events
        .into_iter()
        .filter(|event| matches!(event, Event::Recovery(_)));
    format!("{:?}", told.collect::<Vec<_>>())
}

#[test]
fn every_migration_goes_up_down_and_up_again_over_data() {
    let whole = SimDisk::new(1);
    let mut whole = open(&whole).unwrap();
    fill(&mut whole);
    for version in 1..LATEST {
        let disk = SimDisk::new(1);
        let mut store = open(&disk).unwrap();
        fill(&mut store);
        let (rows, tables) = (dump(&mut store), schema(&mut store));
        assert!(rows.len() > 12);
        migrate(&mut store, version);
        let known = columns(&mut store);
        let all_that_fits = dump_columns(&mut whole, &known);
        assert_eq!(dump(&mut store), all_that_fits, "down to {version}");
        assert_ne!(schema(&mut store), tables);
        migrate(&mut store, LATEST);
        assert_eq!(dump(&mut store), rows, "up from {version}");
        assert_eq!(schema(&mut store), tables);
    }
}

#[test]
fn the_first_migration_goes_down_to_nothing_and_up_again() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk).unwrap();
    fill(&mut store);
    let tables = schema(&mut store);
    migrate(&mut store, 0);
    assert!(dump(&mut store).is_empty());
    migrate(&mut store, LATEST);
    assert_eq!(schema(&mut store), tables);
    fill(&mut store);
    assert!(dump(&mut store).len() > 12);
}

#[test]
fn a_rebuild_from_the_journal_crosses_migrations_in_both_directions() {
    for down_to in 0..LATEST {
        let disk = SimDisk::new(1);
        let mut store = open(&disk).unwrap();
        fill(&mut store);
        migrate(&mut store, down_to);
        if down_to > 0 {
            store
                .write("late", Caller::default(), |tx| {
                    users::create(
                        tx,
                        &NewUser {
                            name: format!("at {down_to}"),
                            metadata: None,
                        },
                    )
                })
                .unwrap();
        }
        let at_down = (dump(&mut store), schema(&mut store));
        drop(store);
        let rebuilt = |disk: &SimDisk| {
            for (path, _) in disk.files() {
                if path.starts_with("store.sqlite3") || path.starts_with("snapshots/") {
                    ready(disk.remove(&path)).unwrap();
                }
            }
            let mut store = open_as_it_is(disk);
            assert!(causes(&mut store).contains("DatabaseMissing"));
            store
        };
        let mut store = rebuilt(&disk);
        assert_eq!(store.schema(), down_to);
        assert_eq!((dump(&mut store), schema(&mut store)), at_down);
        migrate(&mut store, LATEST);
        let at_top = (dump(&mut store), schema(&mut store));
        drop(store);
        let mut store = rebuilt(&disk);
        assert_eq!(store.schema(), LATEST);
        assert_eq!((dump(&mut store), schema(&mut store)), at_top);
    }
}

#[test]
fn each_step_is_one_line_and_a_snapshot_comes_before() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk).unwrap();
    assert_eq!(
        store.last_seq(),
        u64::from(LATEST),
        "one line for each step up"
    );
    fill(&mut store);
    let before = store.last_seq();
    migrate(&mut store, 1);
    assert_eq!(store.last_seq(), before + u64::from(LATEST) - 1);
    let snapshot = format!("snapshots/{before:012}.sqlite3.gz");
    assert!(
        disk.files().iter().any(|(path, _)| *path == snapshot),
        "{:?}",
        disk.files()
    );
}

#[test]
fn a_step_that_fails_anywhere_leaves_the_schema_before_it_or_is_finished() {
    let prepare = || {
        let disk = SimDisk::new(1);
        let mut store = open(&disk).unwrap();
        fill(&mut store);
        (disk, store)
    };
    let (_whole_disk, mut whole) = prepare();
    let rows = dump(&mut whole);
    let mut all_that_fits = |store: &mut Store| {
        let known = columns(store);
        dump_columns(&mut whole, &known)
    };
    let (disk, mut store) = prepare();
    let from = disk.operations().changes;
    migrate(&mut store, 1);
    let until = disk.operations().changes;
    drop(store);
    let mut failed = 0;
    for at in from..until {
        for code in [Code::Io, Code::QuotaExceeded] {
            let (disk, mut store) = prepare();
            disk.fail_at(at, Fault::Once, code);
            let outcome = ready(store.migrate(1, &mut |_| {}));
            disk.heal();
            failed += u32::from(outcome.is_err());
            if store.is_damaged() {
                ready(store.maintain(false)).unwrap();
            }
            let version = store.schema();
            assert!((1..=LATEST).contains(&version));
            let fits = all_that_fits(&mut store);
            assert_eq!(dump(&mut store), fits, "{at} {code}");
            // The schema is exactly that of its version: the rest of the way can be gone.
            ready(store.migrate(1, &mut |_| {})).unwrap();
            let fits = all_that_fits(&mut store);
            assert_eq!(dump(&mut store), fits);
            ready(store.migrate(LATEST, &mut |_| {})).unwrap();
            ready(store.close()).unwrap();
            let mut store = open(&disk).unwrap();
            assert_eq!(dump(&mut store), rows);
        }
    }
    assert!(failed > 10, "{failed} of {}", (until - from) * 2);
}

/// Changes the record of the last migration behind the store's back.
fn tamper(disk: &SimDisk, sql: &str) {
    let database = ready(Database::find(disk, host())).unwrap().unwrap();
    let position = database.position().unwrap().unwrap();
    database.begin().unwrap();
    database.connection().execute_batch(sql).unwrap();
    database.commit(&position).unwrap();
    database.checkpoint().unwrap();
}

#[test]
fn a_newer_schema_and_a_changed_migration_are_left_untouched() {
    let newer = format!(
        "INSERT INTO schema_migration VALUES ({}, 'later', 'x', 0)",
        LATEST + 1
    );
    let changed = "UPDATE schema_migration SET checksum = 'other' WHERE version = 1";
    for (sql, code) in [
        (newer.as_str(), Code::SchemaTooNew),
        (changed, Code::Unsupported),
    ] {
        let disk = SimDisk::new(1);
        let mut store = open(&disk).unwrap();
        fill(&mut store);
        ready(store.close()).unwrap();
        tamper(&disk, sql);
        let everything = |disk: &SimDisk| -> Vec<_> {
            let files = disk.files().into_iter();
            files
                .map(|(path, _)| (path.clone(), disk.read(&path).unwrap()))
                .collect()
        };
        let before = everything(&disk);
        for _ in 0..2 {
            assert_eq!(open(&disk).err().unwrap().code(), code);
        }
        assert!(everything(&disk) == before, "something was written");
    }
}

#[test]
fn an_unknown_version_is_refused() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk).unwrap();
    let error = ready(store.migrate(LATEST + 1, &mut |_| {})).unwrap_err();
    assert_eq!(error.code(), Code::SchemaTooNew);
    assert_eq!(store.schema(), LATEST);
    assert_eq!(MIGRATIONS.len(), LATEST as usize);
}

#[test]
fn every_foreign_key_leads_an_index() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk).unwrap();
    let unindexed = store.read(Caller::default(), |view| {
        let mut unindexed = Vec::new();
        let mut keys = view.prepare(
            "SELECT t.name, k.id, group_concat(k.\"from\", ',' ORDER BY k.seq)
             FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS k
             WHERE t.type = 'table' GROUP BY t.name, k.id",
        )?;
        let mut indexes = view.prepare(
            "SELECT group_concat(c.name, ',' ORDER BY c.seqno) || ',' FROM pragma_index_list(?1) AS i, pragma_index_info(i.name) AS c
             WHERE NOT i.partial GROUP BY i.name",
        )?;
        let mut rows = keys.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let (table, columns): (String, String) = (row.get(0)?, row.get(2)?);
            let found = indexes.query_map([&table], |row| row.get::<_, String>(0))?;
            let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
            if !found.iter().any(|index| index.starts_with(&format!("{columns},"))) {
                unindexed.push(format!("{table} ({columns})"));
            }
            count += 1;
        }
        assert!(count >= 5, "{count} foreign keys");
        Ok(unindexed)
    });
    assert_eq!(unindexed.unwrap(), Vec::<String>::new());
}

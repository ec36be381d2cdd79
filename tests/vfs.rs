//! SQLite's way to the disk: the contract of a VFS, the checksums of pages, and when writes reach the disk.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::rc::Rc;

use strongroom::Code;
use strongroom::database::{self, Database, PAGE_BYTES, Position, vfs};
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::native::NativeDisk;
use strongroom::disk::sim::{Fault, SimDisk};
use strongroom::disk::{Disk, ready};
use strongroom::host::{Host, ManualHost};

fn host() -> Rc<dyn Host> {
    Rc::new(ManualHost::new(1))
}

fn position(seq: u64) -> Position {
    Position {
        store: "store".into(),
        seq,
    }
}

fn create(disk: &SimDisk) -> Database {
    ready(Database::create(disk, host())).unwrap()
}

fn find(disk: &SimDisk) -> Database {
    ready(Database::find(disk, host())).unwrap().unwrap()
}

/// A table of a few dozen pages, committed but not checkpointed.
fn fill(database: &Database) {
    database.begin().unwrap();
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
         INSERT INTO t SELECT i, printf('%0500d', i) FROM n;";
    database.connection().execute_batch(sql).unwrap();
    database.commit(&position(1)).unwrap();
}

fn sum(database: &Database) -> strongroom::Result<i64> {
    let sum =
        database
            .connection()
            .query_row("SELECT sum(CAST(text AS INTEGER)) FROM t", [], |row| {
                row.get(0)
            });
    sum.map_err(|error| database.explain(error.into()))
}

fn pragma(database: &Database, name: &str) -> String {
    let value = database
        .connection()
        .query_row(&format!("PRAGMA {name}"), [], |row| {
            row.get::<_, rusqlite::types::Value>(0)
        });
    match value.unwrap() {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_vfs_passes_the_conformance_suite_on_every_disk() {
    let folder = std::env::temp_dir().join(format!("strongroom-vfs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let disks: [Box<dyn Disk>; 3] = [
        Box::new(MemoryDisk::new()),
        Box::new(SimDisk::new(1)),
        Box::new(NativeDisk::new(folder.clone())),
    ];
    for disk in disks {
        ready(vfs::conformance(&*disk, host())).unwrap();
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_setting_holds_after_creating_and_after_opening() {
    let disk = SimDisk::new(1);
    let check = |database: &Database| {
        for (name, value) in [
            ("journal_mode", "wal"),
            ("locking_mode", "exclusive"),
            ("synchronous", "1"),
            ("foreign_keys", "1"),
            ("wal_autocheckpoint", "0"),
            ("trusted_schema", "0"),
            ("auto_vacuum", "2"),
            ("page_size", "4096"),
            ("cell_size_check", "1"),
        ] {
            assert_eq!(pragma(database, name), value, "{name}");
        }
        // Defensive: the schema table cannot be written.
        database
            .connection()
            .execute_batch("PRAGMA writable_schema = ON")
            .unwrap();
        assert!(
            database
                .connection()
                .execute("DELETE FROM sqlite_schema", [])
                .is_err()
        );
    };
    let database = create(&disk);
    check(&database);
    drop(database);
    check(&find(&disk));
}

#[test]
fn a_flipped_bit_in_any_page_is_refused() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    fill(&database);
    database.checkpoint().unwrap();
    drop(database);
    let bytes = disk.read(database::FILE).unwrap();
    let page = usize::try_from(PAGE_BYTES).unwrap();
    assert!(bytes.len() > 20 * page);
    let mut met = 0;
    for (number, at) in (0..bytes.len()).step_by(page).enumerate() {
        let left = disk.fork(1);
        let bit = (at + (number * 97) % page) as u64 * 8 + (number % 8) as u64;
        left.flip_bit(database::FILE, bit).unwrap();
        let outcome = ready(Database::find(&left, host())).and_then(|found| {
            let database = found.unwrap();
            assert_eq!(database.verify_pages().unwrap_err().code(), Code::Corrupt);
            sum(&database)
        });
        match outcome {
            Ok(sum) => assert_eq!(sum, 20_100, "page {number} is not one of the table's"),
            Err(error) => {
                assert!(database::is_damage(&error), "{error}");
                met += 1;
            }
        }
    }
    assert!(met > 20, "{met}");
}

#[test]
fn a_flipped_bit_in_the_log_is_refused_while_it_is_open() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    fill(&database);
    database.settle().unwrap();
    drop(database);
    let bits = disk.read(database::WAL_FILE).unwrap().len() as u64 * 8;
    let mut met = 0;
    for part in 1..40 {
        let left = disk.fork(1);
        // Opened first: the log was sound then, and its pages are in no cache.
        let database = find(&left);
        left.flip_bit(database::WAL_FILE, bits * part / 40).unwrap();
        match sum(&database) {
            Ok(sum) => assert_eq!(sum, 20_100),
            Err(error) => {
                assert_eq!(error.code(), Code::Corrupt);
                met += 1;
            }
        }
    }
    assert!(met > 20, "{met}");
}

#[test]
fn a_commit_is_seen_before_it_is_on_the_disk() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    let before = disk.operations().changes;
    database.begin().unwrap();
    database
        .connection()
        .execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO t VALUES (1, '7')",
        )
        .unwrap();
    database.commit(&position(1)).unwrap();
    assert_eq!(sum(&database).unwrap(), 7);
    let gathered = disk.operations().changes - before;
    database.settle().unwrap();
    let settled = disk.operations().changes - before;
    assert!(
        settled - gathered == 1,
        "one write for the whole commit, not {}",
        settled - gathered
    );
    drop(database);
    disk.kill();
    assert_eq!(sum(&find(&disk)).unwrap(), 7);
}

#[test]
fn a_dead_disk_surfaces_when_the_commit_settles() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    fill(&database);
    database.settle().unwrap();
    disk.fail_at(disk.operations().changes, Fault::Forever, Code::Io);
    database.begin().unwrap();
    database
        .connection()
        .execute("UPDATE t SET text = '1' WHERE id = 1", [])
        .unwrap();
    database.commit(&position(2)).unwrap();
    assert_eq!(database.settle().unwrap_err().code(), Code::Io);
    assert_eq!(database.checkpoint().unwrap_err().code(), Code::Io);
}

#[test]
fn a_full_disk_leaves_commits_readable_and_they_settle_when_there_is_space() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    fill(&database);
    database.checkpoint().unwrap();
    disk.set_capacity(0);
    database.begin().unwrap();
    database
        .connection()
        .execute("UPDATE t SET text = '1000' WHERE id = 1", [])
        .unwrap();
    database.commit(&position(2)).unwrap();
    assert_eq!(database.settle().unwrap_err().code(), Code::QuotaExceeded);
    assert_eq!(
        database.checkpoint().unwrap_err().code(),
        Code::QuotaExceeded
    );
    assert_eq!(sum(&database).unwrap(), 21_099);
    disk.set_capacity(u64::MAX);
    database.settle().unwrap();
    drop(database);
    disk.kill();
    assert_eq!(sum(&find(&disk)).unwrap(), 21_099);
}

#[test]
fn closing_moves_nothing_from_the_log_into_the_database() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    fill(&database);
    database.settle().unwrap();
    let before = disk.read(database::FILE).unwrap();
    drop(database);
    assert!(disk.read(database::FILE).unwrap() == before);
    assert!(!disk.read(database::WAL_FILE).unwrap().is_empty());
}

#[test]
fn a_file_shorter_than_it_says_is_corrupt() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    fill(&database);
    database.checkpoint().unwrap();
    drop(database);
    let bytes = disk.read(database::FILE).unwrap();
    disk.write(
        database::FILE,
        &bytes[..bytes.len() - usize::try_from(PAGE_BYTES).unwrap()],
    )
    .unwrap();
    let error = ready(Database::find(&disk, host())).err().unwrap();
    assert_eq!(error.code(), Code::Corrupt);
}

#[test]
fn no_page_keeps_a_copy_of_a_row_that_was_moved_and_then_deleted() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    let connection = database.connection();
    let random = |seed: &mut u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *seed >> 40
    };
    let mut seed = 7;
    let mut last = 0;
    let mut write = |sql: &str, count: u64, seed: &mut u64| {
        database.begin().unwrap();
        for _ in 0..count {
            let (id, length) = (random(seed) % 4000, 1 + random(seed) % 90);
            connection
                .execute(sql, rusqlite::params![id, length])
                .unwrap();
        }
        last += 1;
        database.commit(&position(last)).unwrap();
    };
    database.begin().unwrap();
    connection
        .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, kind INTEGER, text TEXT); CREATE INDEX text ON t (text)")
        .unwrap();
    database.commit(&position(1)).unwrap();
    let keep = "INSERT OR REPLACE INTO t SELECT ?1, 0, printf('kept%.*c', ?2, 'k')";
    let go = "INSERT OR REPLACE INTO t SELECT ?1, 1, printf('gone%.*c', ?2, 'g')";
    for _ in 0..8 {
        write(keep, 500, &mut seed);
        write(go, 500, &mut seed);
    }
    write("DELETE FROM t WHERE kind = 1 AND ?1 + ?2", 1, &mut seed);
    let kept: i64 = connection
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap();
    assert!(kept > 500, "{kept}");
    database.checkpoint().unwrap();
    let file = disk.read(database::FILE).unwrap();
    let holds = |needle: &[u8]| {
        file.windows(needle.len())
            .filter(|it| *it == needle)
            .count()
    };
    assert!(holds(b"kept") > 500);
    assert_eq!(holds(b"gone"), 0);
    assert_eq!(holds(b"gg"), 0);
    assert_eq!(pragma(&database, "integrity_check"), "ok");
}

#[test]
fn the_pointer_map_of_a_large_database_stays_as_sqlite_wrote_it() {
    let disk = SimDisk::new(1);
    let database = create(&disk);
    database.begin().unwrap();
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
         INSERT INTO t SELECT i, printf('%0900d', i) FROM n;
         DELETE FROM t WHERE id % 100 < 50;";
    database.connection().execute_batch(sql).unwrap();
    database.commit(&position(1)).unwrap();
    database.checkpoint().unwrap();
    drop(database);
    // The map begins anew on every 818th page; each of its pages is read from the disk, and SQLite compares what it says.
    let database = find(&disk);
    let pages: u64 = pragma(&database, "page_count").parse().unwrap();
    assert!(pages > 3 * 818, "{pages}");
    assert_eq!(pragma(&database, "integrity_check"), "ok");
}

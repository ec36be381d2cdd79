//! The disks of this machine: what all of them do, and what the simulated one does to others.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::rc::Rc;

use strongroom::disk::conformance::CASES;
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::native::NativeDisk;
use strongroom::disk::sim::{Fault, SimDisk};
use strongroom::disk::{Disk, File, OpenMode, ready};
use strongroom::{Code, Result};

const SEEDS: std::ops::Range<u64> = 0..400;

fn conforms(disk: &dyn Disk) {
    for (name, case) in CASES {
        if let Err(error) = ready(case(disk)) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn the_memory_disk_conforms() {
    conforms(&MemoryDisk::new());
}

#[test]
fn the_simulated_disk_conforms() {
    conforms(&SimDisk::new(1));
}

#[test]
fn the_native_disk_conforms() {
    let root = std::env::temp_dir().join(format!("strongroom-disk-{}", std::process::id()));
    conforms(&NativeDisk::new(root.clone()));
    std::fs::remove_dir_all(root).unwrap();
}

fn open(disk: &SimDisk, path: &str) -> Rc<dyn File> {
    ready(disk.open(path, OpenMode::Create)).unwrap()
}

fn flushed(disk: &SimDisk, path: &str, bytes: &[u8]) {
    let file = open(disk, path);
    file.write_at(bytes, 0).unwrap();
    file.flush().unwrap();
}

fn unflushed(disk: &SimDisk, path: &str, bytes: &[u8]) {
    open(disk, path).write_at(bytes, 0).unwrap();
}

/// What a path holds after power losses with every seed; `None` where it is gone.
fn after_crashes(disk: &SimDisk, path: &str) -> BTreeSet<Option<Vec<u8>>> {
    let crashed = SEEDS.map(|seed| {
        let fork = disk.fork(seed);
        fork.crash();
        fork.read(path).ok()
    });
    crashed.collect()
}

fn code<T>(outcome: Result<T>) -> Option<Code> {
    outcome.err().map(|error| error.code())
}

#[test]
fn a_flushed_write_survives_every_crash() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"kept");
    assert_eq!(
        after_crashes(&disk, "file"),
        [Some(b"kept".to_vec())].into()
    );
}

#[test]
fn an_unflushed_write_is_kept_dropped_or_torn() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"");
    unflushed(&disk, "file", b"abc");
    let prefixes = [&b""[..], b"a", b"ab", b"abc"];
    let expected = prefixes.map(|bytes| Some(bytes.to_vec()));
    assert_eq!(after_crashes(&disk, "file"), expected.into());
}

#[test]
fn a_torn_write_may_lose_any_sector() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", &[b'-'; 1536]);
    unflushed(&disk, "file", &[b'x'; 1536]);
    let sectors = |kept: [bool; 3]| {
        let bytes = kept.map(|kept| if kept { [b'x'; 512] } else { [b'-'; 512] });
        Some(bytes.concat())
    };
    let seen = after_crashes(&disk, "file");
    for n in 0..8 {
        let kept = [n & 1 != 0, n & 2 != 0, n & 4 != 0];
        assert!(seen.contains(&sectors(kept)), "{kept:?} never happened");
    }
}

#[test]
fn a_write_is_torn_where_the_sectors_of_the_file_meet() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", &[b'-'; 1024]);
    let file = open(&disk, "file");
    file.write_at(&[b'x'; 500], 300).unwrap();
    // The first sector lost and the second kept: no prefix looks like it.
    let second_only = [&[b'-'; 512][..], &[b'x'; 288], &[b'-'; 224]].concat();
    assert!(after_crashes(&disk, "file").contains(&Some(second_only)));
}

#[test]
fn a_later_write_may_survive_an_earlier_one_and_leaves_zeros_before_it() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"");
    let file = open(&disk, "file");
    file.write_at(b"a", 0).unwrap();
    file.write_at(b"b", 1).unwrap();
    let expected = [&b""[..], b"a", b"\0b", b"ab"].map(|bytes| Some(bytes.to_vec()));
    assert_eq!(after_crashes(&disk, "file"), expected.into());
}

#[test]
fn an_unflushed_truncation_is_kept_or_dropped() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"abcd");
    open(&disk, "file").truncate(2).unwrap();
    let expected = [&b"ab"[..], b"abcd"].map(|bytes| Some(bytes.to_vec()));
    assert_eq!(after_crashes(&disk, "file"), expected.into());
}

#[test]
fn a_created_file_may_vanish_until_it_is_flushed() {
    let disk = SimDisk::new(0);
    drop(open(&disk, "new"));
    flushed(&disk, "other", b"");
    assert_eq!(after_crashes(&disk, "new"), [None, Some(vec![])].into());
    open(&disk, "new").flush().unwrap();
    assert_eq!(after_crashes(&disk, "new"), [Some(vec![])].into());
}

#[test]
fn a_removal_may_be_undone_until_any_file_is_flushed() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"back");
    assert!(ready(disk.remove("file")).unwrap());
    assert_eq!(
        after_crashes(&disk, "file"),
        [None, Some(b"back".to_vec())].into()
    );
    flushed(&disk, "other", b"");
    assert_eq!(after_crashes(&disk, "file"), [None].into());
}

#[test]
fn renaming_is_atomic_and_may_be_undone_until_any_file_is_flushed() {
    let disk = SimDisk::new(0);
    flushed(&disk, "new", b"new");
    flushed(&disk, "target", b"old");
    ready(disk.rename("new", "target")).unwrap();
    let both = |seed| {
        let fork = disk.fork(seed);
        fork.crash();
        (fork.read("new").ok(), fork.read("target").ok())
    };
    let (new, old) = (Some(b"new".to_vec()), Some(b"old".to_vec()));
    let undone = (new.clone(), old);
    let done = (None, new.clone());
    assert_eq!(
        SEEDS.map(both).collect::<BTreeSet<_>>(),
        [undone, done].into()
    );
    flushed(&disk, "other", b"");
    assert_eq!(after_crashes(&disk, "target"), [new].into());
}

#[test]
fn a_file_renamed_before_it_was_flushed_may_be_empty_under_its_new_name() {
    let disk = SimDisk::new(0);
    unflushed(&disk, "new", b"n");
    ready(disk.rename("new", "target")).unwrap();
    flushed(&disk, "other", b"");
    let expected = [Some(vec![]), Some(b"n".to_vec())].into();
    assert_eq!(after_crashes(&disk, "target"), expected);
}

#[test]
fn a_name_change_that_survives_takes_the_earlier_ones_of_its_names_with_it() {
    let disk = SimDisk::new(0);
    flushed(&disk, "a", b"1");
    ready(disk.rename("a", "b")).unwrap();
    drop(open(&disk, "a"));
    for seed in SEEDS {
        let fork = disk.fork(seed);
        fork.crash();
        let names: Vec<_> = fork.files().into_iter().map(|(name, _)| name).collect();
        let first = if names.contains(&"b".into()) {
            "b"
        } else {
            "a"
        };
        assert_eq!(
            fork.read(first).unwrap(),
            b"1",
            "seed {seed} left {names:?}"
        );
    }
}

#[test]
fn the_same_seed_has_the_same_outcome() {
    let outcome = |seed| {
        let disk = SimDisk::new(seed);
        for n in 0..20 {
            unflushed(&disk, &format!("file{n}"), &[b'x'; 2000]);
        }
        disk.crash();
        let files = disk.files();
        let contents = files.iter().map(|(name, _)| disk.read(name).unwrap());
        (files.clone(), contents.collect::<Vec<_>>())
    };
    let outcomes: Vec<_> = (0..50).map(outcome).collect();
    assert_eq!(outcomes, (0..50).map(outcome).collect::<Vec<_>>());
    let distinct: BTreeSet<_> = outcomes.into_iter().collect();
    assert!(distinct.len() > 10, "only {} outcomes", distinct.len());
}

#[test]
fn a_crash_closes_every_file_and_leaves_a_working_disk() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"kept");
    let file = open(&disk, "file");
    disk.crash();
    assert_eq!(code(file.size()), Some(Code::Closed));
    assert_eq!(code(file.read_at(&mut [0], 0)), Some(Code::Closed));
    assert_eq!(code(file.write_at(b"x", 0)), Some(Code::Closed));
    assert_eq!(code(file.truncate(0)), Some(Code::Closed));
    assert_eq!(code(file.flush()), Some(Code::Closed));
    let reopened = open(&disk, "file");
    // The dead handle must not release the lock of the living one.
    drop(file);
    assert_eq!(
        code(ready(disk.open("file", OpenMode::Existing))),
        Some(Code::Locked)
    );
    reopened.write_at(b"more", 4).unwrap();
    assert_eq!(disk.read("file").unwrap(), b"keptmore");
}

#[test]
fn a_killed_process_loses_no_write_but_a_later_crash_may_take_it() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"");
    let file = open(&disk, "file");
    file.write_at(b"x", 0).unwrap();
    disk.kill();
    assert_eq!(code(file.size()), Some(Code::Closed));
    assert_eq!(disk.read("file").unwrap(), b"x");
    assert_eq!(
        after_crashes(&disk, "file"),
        [Some(vec![]), Some(b"x".to_vec())].into()
    );
}

#[test]
fn a_fault_strikes_once_or_forever() {
    for (fault, later) in [(Fault::Once, None), (Fault::Forever, Some(Code::Io))] {
        let disk = SimDisk::new(0);
        let file = open(&disk, "file");
        disk.fail_at(2, fault, Code::Io);
        assert_eq!(code(file.write_at(b"a", 0)), None);
        assert_eq!(code(file.write_at(b"b", 1)), Some(Code::Io));
        assert_eq!(code(file.flush()), later);
        assert_eq!(code(ready(disk.open("other", OpenMode::Create))), later);
        assert_eq!(code(file.read_at(&mut [0], 0)), None);
        disk.heal();
        assert_eq!(code(file.flush()), None);
    }
}

#[test]
fn looks_are_counted_and_fail_apart_from_changes() {
    let disk = SimDisk::new(0);
    let file = open(&disk, "file");
    disk.fail_look_at(1, Fault::Once, Code::Io);
    assert_eq!(code(file.size()), None);
    assert_eq!(code(file.read_at(&mut [0], 0)), Some(Code::Io));
    assert_eq!(code(file.read_at(&mut [0], 0)), None);
    disk.fail_look_at(0, Fault::Forever, Code::Io);
    disk.heal();
    file.write_at(b"x", 0).unwrap();
    file.flush().unwrap();
    assert_eq!(code(file.size()), None);
    assert_eq!((disk.operations().changes, disk.operations().looks), (3, 4));
}

#[test]
fn a_failed_write_may_leave_any_prefix() {
    let left = |seed| {
        let disk = SimDisk::new(seed);
        let file = open(&disk, "file");
        disk.fail_at(1, Fault::Once, Code::Io);
        assert_eq!(code(file.write_at(b"ab", 0)), Some(Code::Io));
        disk.read("file").unwrap()
    };
    let expected = [&b""[..], b"a", b"ab"].map(<[u8]>::to_vec);
    assert_eq!(SEEDS.map(left).collect::<BTreeSet<_>>(), expected.into());
}

#[test]
fn a_failed_creation_may_leave_an_empty_file() {
    let left = |seed| {
        let disk = SimDisk::new(seed);
        disk.fail_at(0, Fault::Once, Code::Io);
        let opened = ready(disk.open("file", OpenMode::CreateNew));
        assert_eq!(code(opened), Some(Code::Io));
        disk.read("file").ok()
    };
    let expected = [None, Some(vec![])].into();
    assert_eq!(SEEDS.map(left).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_failed_flush_leaves_the_writes_unflushed() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"");
    let file = open(&disk, "file");
    file.write_at(b"x", 0).unwrap();
    disk.fail_at(disk.operations().changes, Fault::Once, Code::Io);
    assert_eq!(code(file.flush()), Some(Code::Io));
    assert_eq!(
        after_crashes(&disk, "file"),
        [Some(vec![]), Some(b"x".to_vec())].into()
    );
    file.flush().unwrap();
    assert_eq!(after_crashes(&disk, "file"), [Some(b"x".to_vec())].into());
}

#[test]
fn a_dying_machine_answers_nothing_until_it_is_up_again() {
    for seed in SEEDS {
        let disk = SimDisk::new(seed);
        flushed(&disk, "file", b"kept");
        let file = open(&disk, "file");
        disk.crash_at(disk.operations().changes);
        assert!(!disk.is_down());
        assert_eq!(code(file.size()), None);
        assert_eq!(code(file.write_at(b"lost", 4)), Some(Code::Io));
        assert!(disk.is_down());
        assert_eq!(code(file.size()), Some(Code::Io));
        assert_eq!(code(file.write_at(b"later", 0)), Some(Code::Io));
        assert_eq!(code(ready(disk.list(""))), Some(Code::Io));
        disk.crash();
        assert!(!disk.is_down());
        let left = disk.read("file").unwrap();
        let whole = left.starts_with(b"kept") && b"keptlost".starts_with(&left);
        assert!(whole, "seed {seed} left {left:?}");
    }
}

#[test]
fn a_full_disk_refuses_growth_and_nothing_else() {
    let left = |seed| {
        let disk = SimDisk::new(seed);
        disk.set_capacity(10);
        flushed(&disk, "other", b"1234");
        let file = open(&disk, "file");
        file.write_at(b"abcd", 0).unwrap();
        assert_eq!(code(file.write_at(b"efgh", 4)), Some(Code::QuotaExceeded));
        assert_eq!(code(file.truncate(7)), Some(Code::QuotaExceeded));
        assert_eq!(code(file.write_at(b"ABCD", 0)), None);
        assert_eq!(code(file.flush()), None);
        disk.read("file").unwrap()
    };
    let expected = [&b"ABCD"[..], b"ABCDe", b"ABCDef"].map(<[u8]>::to_vec);
    assert_eq!(SEEDS.map(left).collect::<BTreeSet<_>>(), expected.into());
}

#[test]
fn removing_a_file_makes_room_on_a_full_disk() {
    let disk = SimDisk::new(0);
    disk.set_capacity(4);
    flushed(&disk, "old", b"1234");
    let file = open(&disk, "new");
    assert_eq!(code(file.write_at(b"x", 0)), Some(Code::QuotaExceeded));
    assert!(ready(disk.remove("old")).unwrap());
    assert_eq!(code(file.write_at(b"abcd", 0)), None);
}

#[test]
fn a_flipped_bit_is_seen_and_survives_a_crash() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"\0\0");
    disk.flip_bit("file", 11).unwrap();
    assert_eq!(disk.read("file").unwrap(), [0, 8]);
    assert_eq!(after_crashes(&disk, "file"), [Some(vec![0, 8])].into());
    assert_eq!(code(disk.flip_bit("file", 16)), Some(Code::InvalidArgument));
    assert_eq!(code(disk.flip_bit("none", 0)), Some(Code::NotFound));
}

#[test]
fn a_file_put_by_a_test_is_durable_and_uncounted() {
    let disk = SimDisk::new(0);
    flushed(&disk, "file", b"old");
    assert!(ready(disk.remove("file")).unwrap());
    let before = disk.operations();
    disk.write("file", b"new").unwrap();
    assert_eq!(disk.operations(), before);
    assert_eq!(after_crashes(&disk, "file"), [Some(b"new".to_vec())].into());
    assert_eq!(disk.files(), [("file".to_owned(), 3)]);
}

#[test]
fn a_fork_is_a_disk_of_its_own() {
    let disk = SimDisk::new(0);
    let file = open(&disk, "file");
    file.write_at(b"shared", 0).unwrap();
    let fork = disk.fork(0);
    // Open here, free there.
    open(&fork, "file").write_at(b"forked", 0).unwrap();
    assert_eq!(disk.read("file").unwrap(), b"shared");
    assert_eq!(fork.read("file").unwrap(), b"forked");
    assert_eq!(fork.operations().changes, 1);
}

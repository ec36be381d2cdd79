//! The whole store, SQLite included, on a disk that fails and crashes: what was acknowledged is there, the order holds,
//! and nothing is half done. Content is compared, record by record, with a model of plain maps.
//!
//! `STRONGROOM_SEED=<n>` replays one seed, with `STRONGROOM_CASE=<text>` one case of it; `STRONGROOM_LONG=1` runs many more.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines
)]

mod archives;
mod backups;
mod charts;
mod contents;
mod letting_go;
mod model;
mod operations;
mod rooms;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use strongroom::Code;
use strongroom::disk::ready;
use strongroom::disk::sim::{Fault, SimDisk};

use strongroom::store::RecoveryCause;

use operations::{Answers, Driver, MIGRATION_LINES, Random, is_fault};

/// The seeds of a run: one that was asked for, or `usual` many, or many more; and `found`, which once found something.
fn seeds(first: u64, usual: u64, found: &[u64]) -> Vec<u64> {
    if let Some(seed) = std::env::var("STRONGROOM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        return vec![seed];
    }
    let count = if std::env::var_os("STRONGROOM_LONG").is_some() {
        usual * 25
    } else {
        usual
    };
    (first..first + count)
        .chain(found.iter().copied())
        .collect()
}

/// Runs every case of a seed and says which failed, and how to repeat them.
fn cases<'a>(seed: u64, all: impl IntoIterator<Item = (String, Box<dyn Fn() + 'a>)>) {
    let wanted = std::env::var("STRONGROOM_CASE").unwrap_or_default();
    let mut failed = 0;
    for (what, run) in all.into_iter().filter(|(what, _)| what.contains(&wanted)) {
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            eprintln!(
                "^ seed {seed}, {what}; repeat with STRONGROOM_SEED={seed} STRONGROOM_CASE='{what}'"
            );
            failed += 1;
        }
    }
    assert_eq!(failed, 0, "cases of seed {seed} failed");
}

/// Stops the machine, by power loss and without, at some of the changes from `first` to `last`, and at the last few, where what is
/// done happens.
fn stopped(seed: u64, first: u64, last: u64, stop: &dyn Fn(u64, bool)) {
    const STOPS: u64 = 16;
    let mut random = Random(seed);
    let mut stops: Vec<u64> = (0..STOPS)
        .map(|_| first + random.below(last - first))
        .collect();
    stops.extend(last.saturating_sub(6)..=last);
    cases(
        seed,
        stops.into_iter().flat_map(|at| {
            [true, false].map(|is_power_loss| {
                let run: Box<dyn Fn() + '_> = Box::new(move || stop(at, is_power_loss));
                (format!("change {at}, power loss: {is_power_loss}"), run)
            })
        }),
    );
}

/// Opens what is left once the machine has stopped.
fn restart(driver: &mut Driver, is_power_loss: bool) {
    if is_power_loss {
        driver.disk.crash();
    } else {
        driver.disk.kill();
    }
    driver.store = None;
    driver.open_unchecked().unwrap();
}

const STEPS: usize = 70;

/// Takes steps until the machine dies or `steps` are taken.
fn run(driver: &mut Driver, steps: usize) {
    for _ in 0..steps {
        let outcome = driver.step();
        if driver.disk.is_down() {
            return;
        }
        if let Err(error) = outcome {
            panic!("a step failed on a sound disk: {error}");
        }
    }
}

#[test]
fn every_operation_is_answered_and_refused_by_the_models_rules() {
    let mut outcomes: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    let seeds = seeds(1200, 90, &[]);
    for &seed in &seeds {
        let mut driver = Driver::new(SimDisk::new(seed), seed, Answers::Relaxed);
        run(&mut driver, 200);
        for (name, counts) in std::mem::take(&mut driver.outcomes) {
            let all = outcomes.entry(name).or_default();
            (0..2).for_each(|at| all[at] += counts[at]);
        }
        driver.store = None;
        for file in ["store.sqlite3", "snapshots/"] {
            erase(&driver.disk, file);
        }
        driver.open().unwrap();
        driver.compare();
        driver.check_integrity();
    }
    let all = [rooms::METHODS, contents::METHODS, letting_go::METHODS].concat();
    let never = all.iter().find(|method| {
        let counts = outcomes.get(**method);
        counts.is_none_or(|[answered, _]| *answered == 0)
    });
    println!("outcomes of {} seeds: {outcomes:?}", seeds.len());
    assert_eq!(never, None);
    assert!(outcomes["history.undo"][0] > 0);
    let refused = outcomes.values().filter(|[_, refused]| *refused > 0);
    assert!(refused.count() > 30);
}

/// What the end of a machine or process leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    PowerLoss,
    Kill,
}

/// Opens what is left, checks it against the states it may be in, and goes on working with it.
fn check_survivor(driver: &mut Driver, end: End) {
    let floor = match end {
        End::PowerLoss => driver.flushed,
        End::Kill => driver.answered,
    };
    // As it is: nothing may be written before it is compared.
    driver.open_as_it_is().unwrap();
    let seq = driver.store().last_seq();
    assert!(
        seq >= floor,
        "lines up to {floor} were acknowledged, and {seq} are there: {:?}",
        driver.recoveries
    );
    let has_tables = driver.store().schema() == strongroom::database::migrate::LATEST;
    driver.settle_on(seq);
    driver.answered = seq;
    if has_tables {
        driver.compare();
    } else {
        assert!(seq < MIGRATION_LINES, "the schema is behind the journal");
    }
    for recovery in std::mem::take(&mut driver.recoveries) {
        // Only where an answer did not wait for a flush can the database be ahead.
        let may_lose = end == End::PowerLoss && driver.answers != Answers::Strict;
        let ahead = recovery.causes.contains(&RecoveryCause::JournalBehind);
        assert!(
            recovery.damage.is_empty() || (may_lose && ahead),
            "a crash is not damage: {recovery:?}"
        );
    }
    driver.store = None;
    driver.open().unwrap();
    driver.compare();
    // What recovered also works.
    run(driver, 6);
    if driver.store.is_some() {
        driver.close().unwrap();
    }
    driver.open().unwrap();
    driver.rest().unwrap();
    driver.learn_where_it_stands();
    driver.compare();
    driver.check_contents(true);
    driver.check_integrity();
}

/// Crashes a run at every operation of the disk. Returns how many crashes there were.
fn crash_everywhere(seed: u64, answers: Answers) -> u64 {
    let rehearsal = SimDisk::new(seed);
    run(&mut Driver::new(rehearsal.clone(), seed, answers), STEPS);
    let changes = rehearsal.operations().changes;
    let crash = |at: u64| {
        let what = format!("{answers:?}, crash at {at} of {changes}");
        (
            what,
            Box::new(move || crash_once(seed, at, answers)) as Box<dyn Fn()>,
        )
    };
    cases(seed, (0..changes).map(crash));
    changes
}

fn crash_once(seed: u64, at: u64, answers: Answers) {
    let disk = SimDisk::new(seed);
    disk.crash_at(at);
    let mut driver = Driver::new(disk.clone(), seed, answers);
    run(&mut driver, STEPS);
    assert!(disk.is_down());
    driver.store = None;
    for outcome in 0..2 {
        let seed = seed ^ (at << 20) ^ (outcome << 40);
        let left = disk.fork(seed);
        left.crash();
        let mut survivor = driver.fork(left.clone(), seed);
        if outcome == 1 {
            // The recovery itself is cut off, too.
            left.crash_at(left.operations().changes + Random(seed).below(12));
            let _ = survivor.open_as_it_is();
            survivor.store = None;
            left.crash();
        }
        check_survivor(&mut survivor, End::PowerLoss);
    }
    let left = disk.fork(seed ^ at);
    left.kill();
    check_survivor(&mut driver.fork(left, seed ^ at), End::Kill);
}

fn crashes(name: &str, seeds: &[u64], answers: Answers) {
    let points: u64 = seeds
        .iter()
        .map(|seed| crash_everywhere(*seed, answers))
        .sum();
    println!(
        "{name}: crash points: {points}, outcomes compared: {}, seeds: {}",
        points * 3,
        seeds.len()
    );
}

#[test]
fn strict_answers_survive_a_crash_at_every_operation() {
    crashes("strict", &seeds(100, 3, &[]), Answers::Strict);
}

#[test]
fn relaxed_answers_keep_their_order_through_a_crash_at_every_operation() {
    crashes("relaxed", &seeds(200, 3, &[]), Answers::Relaxed);
}

#[test]
fn mixed_answers_keep_what_was_flushed_through_a_crash_at_every_operation() {
    crashes("mixed", &seeds(300, 1, &[1002]), Answers::Mixed);
}

/// Steps through errors: a failing disk must never make a store answer wrongly. Returns how many steps failed.
fn run_failing(driver: &mut Driver, steps: usize) -> u64 {
    let mut failed = 0;
    for _ in 0..steps {
        if let Err(error) = driver.step() {
            assert!(is_fault(&error), "a failing disk gave {error}");
            failed += 1;
            driver.learn_where_it_stands();
        }
    }
    failed
}

/// After the disk has healed, everything that was answered is there, and the store works.
fn check_healed(driver: &mut Driver) {
    driver.disk.heal();
    if driver.store.is_none() {
        driver.open().unwrap();
    }
    driver.rest().unwrap();
    driver.learn_where_it_stands();
    driver.compare();
    run(driver, 5);
    if driver.store.is_some() {
        driver.close().unwrap();
    }
    driver.open().unwrap();
    driver.rest().unwrap();
    driver.learn_where_it_stands();
    driver.compare();
    driver.check_contents(true);
    driver.check_integrity();
    for recovery in std::mem::take(&mut driver.recoveries) {
        let damaged = recovery.causes.contains(&RecoveryCause::DatabaseDamaged);
        assert!(
            recovery.damage.is_empty() || damaged,
            "a failing disk is not damage: {recovery:?}"
        );
    }
}

#[test]
fn an_operation_of_the_disk_that_fails_once_or_for_ever_loses_nothing_answered() {
    const STEPS: usize = 45;
    let (mut points, mut failed_steps) = (0, 0);
    let seeds = seeds(400, 1, &[]);
    for &seed in &seeds {
        let rehearsal = SimDisk::new(seed);
        run(
            &mut Driver::new(rehearsal.clone(), seed, Answers::Mixed),
            STEPS,
        );
        let operations = rehearsal.operations();
        let failed = std::rc::Rc::new(std::cell::Cell::new(0));
        let mut all: Vec<(String, Box<dyn Fn()>)> = Vec::new();
        for fault in [Fault::Once, Fault::Forever] {
            for code in [Code::Io, Code::QuotaExceeded] {
                let changes = (0..operations.changes).step_by(if code == Code::Io { 1 } else { 3 });
                for at in changes {
                    let failed = failed.clone();
                    all.push((
                        format!("change {at} fails {fault:?} with {code}"),
                        Box::new(move || {
                            let disk = SimDisk::new(seed);
                            disk.fail_at(at, fault, code);
                            let mut driver = Driver::new(disk, seed, Answers::Mixed);
                            failed.set(failed.get() + run_failing(&mut driver, STEPS));
                            check_healed(&mut driver);
                        }),
                    ));
                }
            }
            for at in (0..operations.looks).step_by(5) {
                let failed = failed.clone();
                all.push((
                    format!("look {at} fails {fault:?}"),
                    Box::new(move || {
                        let disk = SimDisk::new(seed);
                        disk.fail_look_at(at, fault, Code::Io);
                        let mut driver = Driver::new(disk, seed, Answers::Mixed);
                        failed.set(failed.get() + run_failing(&mut driver, STEPS));
                        check_healed(&mut driver);
                    }),
                ));
            }
        }
        points += all.len();
        cases(seed, all);
        failed_steps += failed.get();
    }
    println!(
        "failing operations: {points}, steps that failed: {failed_steps}, seeds: {}",
        seeds.len()
    );
}

#[test]
fn a_full_disk_refuses_writes_with_its_code_stays_readable_and_goes_on_when_there_is_space() {
    let seeds = seeds(500, 1, &[503]);
    let (mut points, mut refused) = (0, 0);
    for &seed in &seeds {
        let count = std::rc::Rc::new(std::cell::Cell::new(0));
        let one = |prefix: usize| {
            let count = count.clone();
            let run: Box<dyn Fn()> = Box::new(move || {
                let disk = SimDisk::new(seed);
                let mut driver = Driver::new(disk.clone(), seed, Answers::Mixed);
                run(&mut driver, prefix);
                if driver.store.is_none() {
                    driver.open().unwrap();
                }
                let used: u64 = disk.files().iter().map(|(_, size)| size).sum();
                disk.set_capacity(used + Random(seed ^ prefix as u64).below(9000));
                for _ in 0..25 {
                    match driver.step() {
                        Ok(()) => {}
                        Err(error) => {
                            assert_eq!(error.code(), Code::QuotaExceeded, "{error}");
                            count.set(count.get() + 1);
                        }
                    }
                    driver.learn_where_it_stands();
                    if driver.store.is_none() {
                        // It opens on a full disk, too.
                        driver.open().unwrap();
                    }
                    driver.compare();
                }
                // A crash on the full disk.
                driver.store = None;
                let left = disk.fork(seed);
                left.kill();
                let mut survivor = driver.fork(left.clone(), seed);
                survivor.open_as_it_is().unwrap();
                let last = survivor.store().last_seq();
                assert!(last >= survivor.answered);
                survivor.settle_on(last);
                survivor.answered = last;
                survivor.compare();
                left.set_capacity(u64::MAX);
                survivor.rest().unwrap();
                assert!(
                    survivor
                        .recoveries
                        .iter()
                        .all(|recovery| recovery.damage.is_empty())
                );
                check_healed(&mut survivor);
            });
            (format!("full after {prefix} steps"), run)
        };
        let all: Vec<_> = (1..60).map(one).collect();
        points += all.len();
        cases(seed, all);
        refused += count.get();
    }
    println!(
        "full disks: {points}, steps refused: {refused}, seeds: {}",
        seeds.len()
    );
}

/// A store with some history, closed or cut off, on a disk where all of it is flushed; and what it should hold.
fn settled(seed: u64, steps: usize, closed: bool) -> Driver {
    let disk = SimDisk::new(seed);
    let mut driver = Driver::new(disk.clone(), seed, Answers::Strict);
    run(&mut driver, steps);
    if driver.store.is_none() {
        driver.open().unwrap();
    }
    driver.rest().unwrap();
    run(&mut driver, 8);
    if driver.store.is_none() {
        driver.open().unwrap();
    }
    driver.finish_streams();
    if closed {
        driver.close().unwrap();
    }
    driver.store = None;
    driver
}

/// Opens a damaged store and reads everything, recovering as often as damage is met. Gives what it found and what was reported.
fn survive(driver: &mut Driver) -> (model::Content, String) {
    driver.open_unchecked().unwrap();
    for _ in 0..4 {
        match driver.read() {
            Ok(content) => {
                driver.take_events();
                return (content, format!("{:?}", driver.recoveries));
            }
            Err(error) => {
                assert_eq!(error.code(), Code::Corrupt, "{error}");
                driver.maintain_once().unwrap();
            }
        }
    }
    panic!("the damage does not go away: {:?}", driver.recoveries);
}

/// Whether anything that was reported says that something may be lost.
fn says_loss(driver: &Driver) -> bool {
    driver
        .recoveries
        .iter()
        .any(|recovery| !recovery.damage.is_empty() || recovery.torn_bytes > 0)
}

#[test]
fn a_flipped_bit_in_any_file_is_never_returned_as_data_and_loses_nothing() {
    let seeds = seeds(600, 1, &[1004]);
    let (mut flips, mut noticed) = (0, 0);
    for &seed in &seeds {
        for closed in [true, false] {
            let original = settled(seed, 60, closed);
            let expected = original.expected();
            let noticed_here = std::rc::Rc::new(std::cell::Cell::new(0));
            let mut all: Vec<(String, Box<dyn Fn() + '_>)> = Vec::new();
            let mut random = Random(seed);
            for (path, size) in original.disk.files() {
                if size == 0 || path == "recovery.jsonl" {
                    continue;
                }
                let count = (size / 700).clamp(12, 90);
                for _ in 0..count {
                    let bit = random.below(size * 8);
                    let (path, noticed) = (path.clone(), noticed_here.clone());
                    let (original, expected) = (&original, &expected);
                    all.push((
                        format!("bit {bit} of {path}, closed: {closed}"),
                        Box::new(move || {
                            let disk = original.disk.fork(seed);
                            disk.flip_bit(&path, bit).unwrap();
                            let mut driver = original.fork(disk, seed);
                            let (found, reported) = survive(&mut driver);
                            if found != *expected {
                                // Only a line that the database had not taken over yet lies in one place alone.
                                let only_there = path.starts_with("journal/") && !closed;
                                assert!(
                                    only_there && says_loss(&driver),
                                    "the content differs:\n{}\n{reported}",
                                    found.difference(expected)
                                );
                            }
                            noticed.set(noticed.get() + u64::from(!driver.recoveries.is_empty()));
                            driver.rest().unwrap();
                            driver.close().unwrap();
                            driver.open_unchecked().unwrap();
                            assert!(driver.read().unwrap() == found, "what was saved stays");
                        }),
                    ));
                }
            }
            flips += all.len();
            cases(seed, all);
            noticed += noticed_here.get();
        }
    }
    println!(
        "flipped bits: {flips}, of which met and reported: {noticed}, seeds: {}",
        seeds.len()
    );
}

#[test]
fn a_flipped_bit_in_the_journal_is_told_when_the_database_is_lost_too() {
    let seeds = seeds(700, 2, &[]);
    let (mut flips, mut lost) = (0, 0);
    for &seed in &seeds {
        let original = settled(seed, 60, false);
        let expected = original.expected();
        let lost_here = std::rc::Rc::new(std::cell::Cell::new(0));
        let mut all: Vec<(String, Box<dyn Fn() + '_>)> = Vec::new();
        let mut random = Random(seed);
        let files = original.disk.files().into_iter();
        for (path, size) in files.filter(|(path, size)| path.starts_with("journal/") && *size > 0) {
            for _ in 0..25 {
                let bit = random.below(size * 8);
                let (path, lost) = (path.clone(), lost_here.clone());
                let (original, expected) = (&original, &expected);
                all.push((
                    format!("bit {bit} of {path}"),
                    Box::new(move || {
                        let disk = original.disk.fork(seed);
                        disk.flip_bit(&path, bit).unwrap();
                        // Nothing is left but the journal.
                        for (other, size) in disk.files() {
                            if other.starts_with("snapshots/") || other.starts_with("store.sqlite3")
                            {
                                disk.write(&other, &vec![0x5a; usize::try_from(size).unwrap()])
                                    .unwrap();
                            }
                        }
                        let mut driver = original.fork(disk, seed);
                        let (found, reported) = survive(&mut driver);
                        if found != *expected {
                            assert!(says_loss(&driver), "lost, and not told: {reported}");
                            lost.set(lost.get() + 1);
                        }
                        driver.check_integrity();
                        driver.close().unwrap();
                        driver.open_unchecked().unwrap();
                        assert!(driver.read().unwrap() == found, "what was saved stays");
                    }),
                ));
            }
        }
        flips += all.len();
        cases(seed, all);
        lost += lost_here.get();
    }
    println!(
        "flipped bits in a journal that is all there is: {flips}, of which lost something, told each time: {lost}, seeds: {}",
        seeds.len()
    );
}

#[test]
fn a_database_or_journal_that_is_gone_cut_off_or_garbage_is_rebuilt_from_the_other() {
    let seeds = seeds(800, 5, &[]);
    let mut damages = 0;
    for &seed in &seeds {
        for closed in [true, false] {
            let original = settled(seed, 60, closed);
            let expected = original.expected();
            let damage = |name: &'static str, harm: fn(&SimDisk, &mut Random), may_lose: bool| {
                let (original, expected) = (&original, &expected);
                let run: Box<dyn Fn() + '_> = Box::new(move || {
                    let disk = original.disk.fork(seed);
                    harm(&disk, &mut Random(seed));
                    let mut driver = original.fork(disk, seed);
                    let (found, reported) = survive(&mut driver);
                    if found != *expected {
                        assert!(
                            may_lose,
                            "the content differs:\n{}\n{reported}",
                            found.difference(expected)
                        );
                        assert!(says_loss(&driver), "lost, and not told: {reported}");
                    }
                    assert!(!driver.recoveries.is_empty(), "it was not told");
                    driver.check_integrity();
                    let log =
                        String::from_utf8(driver.disk.read("recovery.jsonl").unwrap()).unwrap();
                    for line in log.lines() {
                        serde_json::from_str::<serde_json::Value>(line).unwrap();
                    }
                    driver.rest().unwrap();
                    driver.close().unwrap();
                    driver.open_unchecked().unwrap();
                    assert!(driver.read().unwrap() == found, "what was saved stays");
                });
                (format!("{name}, closed: {closed}"), run)
            };
            let all = vec![
                damage(
                    "the database is gone",
                    |disk, _| erase(disk, "store.sqlite3"),
                    false,
                ),
                damage(
                    "the database is gone, its log is there",
                    |disk, _| erase_file(disk, "store.sqlite3"),
                    false,
                ),
                damage(
                    "the database is empty",
                    |disk, _| disk.write("store.sqlite3", b"").unwrap(),
                    false,
                ),
                damage(
                    "the database is garbage",
                    |disk, random| garble(disk, "store.sqlite3", random),
                    false,
                ),
                damage(
                    "the database is zeros",
                    |disk, _| zero(disk, "store.sqlite3"),
                    false,
                ),
                damage(
                    "the database is cut off",
                    |disk, random| cut(disk, "store.sqlite3", random),
                    false,
                ),
                damage(
                    "the database and its snapshots are garbage",
                    |disk, random| {
                        garble(disk, "store.sqlite3", random);
                        garble(disk, "snapshots/", random);
                    },
                    false,
                ),
                damage(
                    "the journal is gone",
                    |disk, _| erase(disk, "journal/"),
                    !closed,
                ),
                damage(
                    "the journal is garbage",
                    |disk, random| garble(disk, "journal/", random),
                    !closed,
                ),
                damage(
                    "the journal is cut off",
                    |disk, random| cut(disk, "journal/", random),
                    !closed,
                ),
                damage(
                    "the journal and the database are gone",
                    |disk, _| {
                        erase(disk, "journal/");
                        erase(disk, "store.sqlite3");
                    },
                    true,
                ),
                damage(
                    "everything but the lease is garbage",
                    |disk, random| {
                        for path in ["journal/", "store.sqlite3", "snapshots/"] {
                            garble(disk, path, random);
                        }
                    },
                    true,
                ),
                damage(
                    "the lease and the database are gone",
                    |disk, _| {
                        erase(disk, "lease");
                        erase(disk, "store.sqlite3");
                    },
                    false,
                ),
                damage(
                    "the lease is garbage and the journal gone",
                    |disk, random| {
                        garble(disk, "lease", random);
                        erase(disk, "journal/");
                    },
                    !closed,
                ),
            ];
            damages += all.len();
            cases(seed, all);
        }
    }
    println!("lost or ruined files: {damages}, seeds: {}", seeds.len());
}

fn each(disk: &SimDisk, prefix: &str, mut harm: impl FnMut(&str, Vec<u8>)) {
    for (path, _) in disk.files() {
        if path.starts_with(prefix) {
            harm(&path, disk.read(&path).unwrap());
        }
    }
}

fn erase(disk: &SimDisk, prefix: &str) {
    each(disk, prefix, |path, _| erase_file(disk, path));
}

fn erase_file(disk: &SimDisk, path: &str) {
    assert!(ready(strongroom::disk::Disk::remove(disk, path)).unwrap());
}

fn garble(disk: &SimDisk, prefix: &str, random: &mut Random) {
    each(disk, prefix, |path, bytes| {
        let noise: Vec<u8> = bytes
            .iter()
            .map(|_| random.next().to_le_bytes()[0])
            .collect();
        disk.write(path, &noise).unwrap();
    });
}

fn zero(disk: &SimDisk, path: &str) {
    let bytes = disk.read(path).unwrap();
    disk.write(path, &vec![0; bytes.len()]).unwrap();
}

fn cut(disk: &SimDisk, prefix: &str, random: &mut Random) {
    each(disk, prefix, |path, bytes| {
        let keep = usize::try_from(random.below(bytes.len() as u64)).unwrap();
        disk.write(path, &bytes[..keep]).unwrap();
    });
}

#[test]
fn damage_met_while_running_is_mended_without_opening_again() {
    let seeds = seeds(900, 20, &[]);
    let (mut flips, mut met) = (0, 0);
    for &seed in &seeds {
        let met_here = std::cell::Cell::new(0);
        for turn in 0..3 {
            flips += 1;
            let original = settled(seed, 50, turn == 0);
            let one: Box<dyn Fn() + '_> = Box::new(|| {
                let mut driver = original.fork(original.disk.fork(seed), seed);
                // A cache as cold as a store's that was just opened.
                driver.open().unwrap();
                let expected = driver.expected();
                let mut random = Random(seed ^ (turn << 32));
                for path in ["store.sqlite3", "store.sqlite3-wal"] {
                    let bits = driver.disk.read(path).unwrap().len() as u64 * 8;
                    for _ in 0..if bits == 0 { 0 } else { 12 } {
                        driver.disk.flip_bit(path, random.below(bits)).unwrap();
                    }
                }
                let mut corrupt = 0;
                let found = loop {
                    match driver.read() {
                        Ok(found) => break found,
                        Err(error) => {
                            assert_eq!(error.code(), Code::Corrupt, "{error}");
                            corrupt += 1;
                            assert!(corrupt < 4, "the damage does not go away");
                            driver.maintain_once().unwrap();
                        }
                    }
                };
                assert!(
                    found == expected,
                    "the content differs:\n{}",
                    found.difference(&expected)
                );
                met_here.set(met_here.get() + u64::from(corrupt > 0));
                // What no read has met yet may be met later, and what no step meets by a snapshot, which looks at every page and
                // is due a while after a write.
                run_failing(&mut driver, 10);
                let answered = driver.answered;
                while driver.store.is_none() || driver.answered == answered {
                    run_failing(&mut driver, 1);
                }
                driver.host.advance(operations::small_options().snapshot_ms);
                check_healed(&mut driver);
            });
            cases(seed, [(format!("turn {turn}"), one)]);
        }
        met += met_here.get();
    }
    println!(
        "damaged while running: {flips}, of which met by a read: {met}, seeds: {}",
        seeds.len()
    );
}

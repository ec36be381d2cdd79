//! The whole store, SQLite included, on a disk that fails and crashes: what was acknowledged is there, the order holds,
//! and nothing is half done. Content is compared, record by record, with a model of plain maps.
//!
//! `STRONGROOM_SEED=<n>` replays one seed; `STRONGROOM_LONG=1` runs many more.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::too_many_lines)]

mod model;
mod operations;

use std::panic::{AssertUnwindSafe, catch_unwind};

use strongroom::disk::sim::SimDisk;

use operations::{Answers, Driver, MIGRATION_LINES, Random};

/// The seeds of a run: one that was asked for, or `usual` many, or many more.
fn seeds(first: u64, usual: u64) -> Vec<u64> {
    if let Some(seed) = std::env::var("STRONGROOM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return vec![seed];
    }
    let count = if std::env::var_os("STRONGROOM_LONG").is_some() { usual * 25 } else { usual };
    (first..first + count).collect()
}

/// Runs every case of a seed and says which failed, and how to repeat them.
fn cases(seed: u64, all: impl IntoIterator<Item = (String, Box<dyn Fn()>)>) {
    let mut failed = 0;
    for (what, run) in all {
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            eprintln!("^ seed {seed}, {what}; repeat with STRONGROOM_SEED={seed}");
            failed += 1;
        }
    }
    assert_eq!(failed, 0, "cases of seed {seed} failed");
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
    assert!(seq >= floor, "lines up to {floor} were acknowledged, and {seq} are there");
    let has_tables = driver.store().schema() == strongroom::database::migrate::LATEST;
    driver.settle_on(seq);
    driver.answered = seq;
    if has_tables {
        driver.compare();
    } else {
        assert!(seq < MIGRATION_LINES, "the schema is behind the journal");
    }
    for recovery in std::mem::take(&mut driver.recoveries) {
        assert!(recovery.damage.is_empty(), "a crash is not damage: {recovery:?}");
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
    driver.compare();
    driver.check_integrity();
}

/// Crashes a run at every operation of the disk. Returns how many crashes there were.
fn crash_everywhere(seed: u64, answers: Answers) -> u64 {
    let rehearsal = SimDisk::new(seed);
    run(&mut Driver::new(rehearsal.clone(), seed, answers), STEPS);
    let changes = rehearsal.operations().changes;
    let crash = |at: u64| {
        let what = format!("{answers:?}, crash at {at} of {changes}");
        (what, Box::new(move || crash_once(seed, at, answers)) as Box<dyn Fn()>)
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

fn crashes(name: &str, first: u64, usual: u64, answers: Answers) {
    let seeds = seeds(first, usual);
    let points: u64 = seeds.iter().map(|seed| crash_everywhere(*seed, answers)).sum();
    println!("{name}: crash points: {points}, outcomes compared: {}, seeds: {}", points * 3, seeds.len());
}

#[test]
fn strict_answers_survive_a_crash_at_every_operation() {
    crashes("strict", 100, 6, Answers::Strict);
}

#[test]
fn relaxed_answers_keep_their_order_through_a_crash_at_every_operation() {
    crashes("relaxed", 200, 6, Answers::Relaxed);
}

#[test]
fn mixed_answers_keep_what_was_flushed_through_a_crash_at_every_operation() {
    crashes("mixed", 300, 6, Answers::Mixed);
}

//! Random stores and their backups: what is lost comes back, and a machine that stops meanwhile leaves the store as it was.

use std::cell::Cell;

use strongroom::Result;
use strongroom::archive::{BackupKind, Scope};
use strongroom::backup::{self, Making, rescue};
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::store::Job as _;

use crate::archives::{assert_alike, exported};
use crate::operations::{Answers, Driver};
use crate::{cases, restart, run, seeds, stopped};

/// Makes a backup of everything, a day after what was before: which one is the newest is told by the clock, which goes back a
/// little here and there.
fn made(driver: &mut Driver) -> Result<()> {
    driver.host.advance(24 * 60 * 60 * 1000);
    let mut making = Making::new(BackupKind::Manual, Scope::All, false);
    loop {
        let mut is_going = false;
        match ready(making.step(driver.store(), &mut |_| is_going = true)) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) => {
                making.give_up(driver.store());
                return Err(error);
            }
        }
        // An erasure that is on its way comes first.
        if !is_going {
            driver.maintain()?;
        }
    }
}

/// A store after some operations, of which there are backups before the last of them: one that stands alone, and others that
/// build on it.
fn backed_up(seed: u64, backups: usize) -> Driver {
    let mut driver = Driver::new(SimDisk::new(seed), seed, Answers::Strict);
    for number in 0..=backups {
        run(&mut driver, 40);
        if driver.store.is_none() {
            driver.open().unwrap();
        }
        if number < backups {
            made(&mut driver).unwrap();
            driver.follow_store();
        }
    }
    driver
}

/// Closes the store, takes everything away but its backups, and brings the newest back.
fn lose_all_else(driver: &mut Driver) {
    driver.store = None;
    for (path, _) in driver.disk.files() {
        if path != "lease" && !path.starts_with("backups/") {
            ready(driver.disk.remove(&path)).unwrap();
        }
    }
    driver.open_unchecked().unwrap();
    ready(rescue(driver.store())).unwrap();
}

/// How many backups there are; each must be whole.
fn backups(driver: &Driver) -> usize {
    let listed = ready(backup::list(&driver.disk)).unwrap();
    assert!(listed.iter().all(backup::Backup::is_whole), "{listed:?}");
    listed.len()
}

#[test]
fn every_random_store_comes_back_from_its_newest_backup() {
    let seeds = seeds(2200, 30, &[]);
    let bytes = Cell::new(0);
    for &seed in &seeds {
        let one: Box<dyn Fn() + '_> = Box::new(|| {
            let mut driver = backed_up(seed, 2);
            made(&mut driver).unwrap();
            assert_eq!(backups(&driver), 3);
            let archive = exported(driver.store()).unwrap();
            lose_all_else(&mut driver);
            assert_alike(&archive, &exported(driver.store()).unwrap());
            driver.check_integrity();
            bytes.set(bytes.get() + archive.len());
        });
        cases(seed, [("lost and back".to_owned(), one)]);
    }
    println!("backups: {}, {} bytes", seeds.len(), bytes.get());
}

#[test]
fn wherever_the_machine_stops_a_backup_leaves_the_store_and_the_other_backups_as_they_were() {
    let seeds = seeds(2300, 10, &[]);
    let (none, named) = (Cell::new(0), Cell::new(0));
    for &seed in &seeds {
        let mut original = backed_up(seed, 1);
        original.finish_streams();
        original.close().unwrap();
        original.store = None;
        let opened = || {
            let mut driver = original.fork(original.disk.fork(seed), seed);
            driver.open_unchecked().unwrap();
            driver
        };
        let mut whole = opened();
        let before = whole.read().unwrap();
        let first = whole.disk.operations().changes;
        made(&mut whole).unwrap();
        let last = whole.disk.operations().changes;
        let archive = exported(whole.store()).unwrap();
        let stop = |at: u64, is_power_loss: bool| {
            let mut driver = opened();
            assert_eq!(driver.disk.operations().changes, first);
            driver.disk.crash_at(at);
            let done = made(&mut driver);
            restart(&mut driver, is_power_loss);
            let found = driver.read().unwrap();
            assert!(found == before, "{}", found.difference(&before));
            let left = backups(&driver);
            // Browsers do not say when a name survives power loss.
            let may_be_gone = done.is_err() || is_power_loss;
            assert!(left == 2 || (left == 1 && may_be_gone), "{left} {done:?}");
            let counted = if left == 2 { &named } else { &none };
            counted.set(counted.get() + 1);
            // What was begun is begun again.
            made(&mut driver).unwrap();
            assert_eq!(backups(&driver), left + 1);
            lose_all_else(&mut driver);
            assert_alike(&archive, &exported(driver.store()).unwrap());
        };
        stopped(seed, first, last, &stop);
    }
    println!(
        "stops: {} before, {} named, seeds: {}",
        none.get(),
        named.get(),
        seeds.len()
    );
    assert!(none.get() > 0 && named.get() > 0);
}

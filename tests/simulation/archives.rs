//! Random stores as archives: what goes out comes back, and an import that the machine's end meets happened whole or not at all.

use std::collections::BTreeMap;
use std::rc::Rc;

use strongroom::Result;
use strongroom::archive::zip::{EntryReader, Zip};
use strongroom::archive::{Export, ExportRequest, ImportOptions, Incoming, Merge};
use strongroom::disk::memory::MemoryDisk;
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, File, OpenMode, ready};
use strongroom::store::{Caller, Store, no_pause};

use crate::operations::{Answers, Driver};
use crate::{cases, restart, run, seeds, settled, stopped};

/// An archive of everything.
pub fn exported(store: &mut Store) -> Result<Vec<u8>> {
    let mut export = Export::begin(store, &ExportRequest::default(), None)?;
    let mut archive = Vec::new();
    let done = loop {
        match ready(export.next(store)) {
            Ok(Some(bytes)) => archive.extend(bytes),
            Ok(None) => break Ok(archive),
            Err(error) => break Err(error),
        }
    };
    export.end(store);
    done
}

fn as_file(archive: &[u8]) -> Rc<dyn File> {
    let disk = MemoryDisk::new();
    let file = ready(disk.open("archive.zip", OpenMode::CreateNew)).unwrap();
    file.write_at(archive, 0).unwrap();
    file
}

/// Brings an archive in.
fn imported(store: &mut Store, archive: &[u8]) -> Result<()> {
    let files = vec![("archive.zip".to_owned(), as_file(archive))];
    let mut incoming = ready(Incoming::begin(store, files))?;
    let done = apply(store, &mut incoming);
    let gone = ready(incoming.let_go(store));
    done.and(gone)
}

fn apply(store: &mut Store, incoming: &mut Incoming) -> Result<()> {
    while ready(incoming.step(store))? {}
    let mut merge = Merge::begin(store, incoming.staged(), ImportOptions::default())?;
    while merge.step(store, incoming.staged())? {}
    let caller = Caller::default();
    ready(merge.apply(store, incoming.staged(), caller, &mut no_pause)).map(|_| ())
}

/// The records and contents of an archive, without what it says of itself. Nobody goes on elsewhere with what was streaming.
fn records(archive: &[u8]) -> BTreeMap<String, Vec<String>> {
    let file = as_file(archive);
    let zip = Zip::open(&*file).unwrap();
    let mut records = BTreeMap::new();
    for entry in zip.entries() {
        // Counters may have gone on: what comes in is given numbers of the store's own.
        if matches!(
            entry.name.as_str(),
            "manifest.json" | "SHA256SUMS" | "data/counter.jsonl"
        ) {
            continue;
        }
        let mut reader = EntryReader::new(&*file, entry).unwrap();
        let mut content = Vec::new();
        while let Some(bytes) = reader.next(&*file).unwrap() {
            content.extend(bytes);
        }
        let text = String::from_utf8_lossy(&content);
        let text = text.replace("\"status\":\"streaming\"", "\"status\":\"interrupted\"");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        records.insert(entry.name.clone(), lines);
    }
    records
}

pub fn assert_alike(one: &[u8], other: &[u8]) {
    let (one, other) = (records(one), records(other));
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        other.keys().collect::<Vec<_>>()
    );
    for (name, lines) in one {
        assert_eq!(lines, other[&name], "{name}");
    }
}

/// An empty store.
fn empty(seed: u64) -> Driver {
    let mut driver = Driver::new(SimDisk::new(seed), seed, Answers::Strict);
    driver.open().unwrap();
    driver
}

#[test]
fn every_random_store_comes_back_from_its_archive() {
    let seeds = seeds(2000, 40, &[]);
    let mut bytes = 0;
    for &seed in &seeds {
        let sizes = std::cell::Cell::new(0);
        let one: Box<dyn Fn() + '_> = Box::new(|| {
            let mut driver = Driver::new(SimDisk::new(seed), seed, Answers::Relaxed);
            run(&mut driver, 150);
            if driver.store.is_none() {
                driver.open().unwrap();
            }
            let archive = exported(driver.store()).unwrap();
            sizes.set(archive.len());
            let mut new = empty(seed);
            imported(new.store(), &archive).unwrap();
            assert_alike(&archive, &exported(new.store()).unwrap());
            // What is there is there once.
            imported(new.store(), &archive).unwrap();
            assert_alike(&archive, &exported(new.store()).unwrap());
            // An export is no write.
            driver.compare();
        });
        cases(seed, [("there and back".to_owned(), one)]);
        bytes += sizes.get();
    }
    println!("archives: {}, {bytes} bytes", seeds.len());
}

#[test]
fn wherever_the_machine_stops_a_random_store_has_an_archive_whole_or_not_at_all() {
    let seeds = seeds(2100, 10, &[]);
    let (mut none, mut all) = (0, 0);
    for &seed in &seeds {
        let archive = {
            let mut other = settled(seed + 7000, 40, false);
            other.open().unwrap();
            exported(other.store()).unwrap()
        };
        let original = settled(seed, 40, true);
        let opened = || {
            let mut driver = original.fork(original.disk.fork(seed), seed);
            driver.open_unchecked().unwrap();
            driver
        };
        let mut whole = opened();
        let before = whole.read().unwrap();
        let first = whole.disk.operations().changes;
        imported(whole.store(), &archive).unwrap();
        let last = whole.disk.operations().changes;
        let after = whole.read().unwrap();
        assert!(before != after, "the archive adds something");
        let counts = std::cell::RefCell::new((0, 0));
        let stop = |at: u64, is_power_loss: bool| {
            let mut driver = opened();
            assert_eq!(driver.disk.operations().changes, first);
            driver.disk.crash_at(at);
            let done = imported(driver.store(), &archive);
            restart(&mut driver, is_power_loss);
            let found = driver.read().unwrap();
            let mut counts = counts.borrow_mut();
            if found == before {
                assert!(done.is_err(), "an import that was answered is gone");
                counts.0 += 1;
            } else {
                assert!(
                    found == after,
                    "neither before nor after:\n{}",
                    found.difference(&after)
                );
                counts.1 += 1;
            }
            let files = driver.disk.files().into_iter();
            let left: Vec<_> = files
                .filter(|(name, _)| name.starts_with("staging/"))
                .collect();
            assert_eq!(left, [], "something is left of it");
            imported(driver.store(), &archive).unwrap();
            driver.check_integrity();
        };
        stopped(seed, first, last, &stop);
        let (nothing, everything) = *counts.borrow();
        none += nothing;
        all += everything;
    }
    println!("stops: {none} before, {all} after, seeds: {}", seeds.len());
    assert!(none > 0 && all > 0, "{none} {all}");
}

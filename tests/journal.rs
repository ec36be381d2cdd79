//! The journal: what was flushed is there, what is damaged is found, and nothing else is given.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use strongroom::Code;
use strongroom::disk::Disk;
use strongroom::disk::sim::{Fault, SimDisk};
use strongroom::journal::{
    Finding, Identity, Item, Journal, Limits, Opened, Reason, Record, Replay, Report,
};
use uuid::Uuid;

const NOW: i64 = 1_795_342_500_123;

const US: Identity = Identity {
    store: Uuid::from_u128(1),
    writer: Uuid::from_u128(2),
};

const SMALL: Limits = Limits { segment_bytes: 900 };

/// Runs a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

fn line(seq: u64, rows: &str) -> Vec<u8> {
    let record = Record {
        seq,
        v: 3,
        at_ms: NOW,
        op: "messages.append",
        by: Some("us01"),
        req: None,
        flushed: true,
        more: false,
        rows: rows.as_bytes(),
    };
    let mut out = Vec::new();
    record.encode_into(&mut out).unwrap();
    out
}

fn row(seq: u64) -> String {
    format!(r#"{{"t":"chunk","put":{{"id":{seq},"text":"línea {seq}"}}}}"#)
}

fn open_as(disk: &SimDisk, identity: Identity) -> (Journal, Opened) {
    now(Journal::open(Rc::new(disk.clone()), identity, SMALL)).unwrap()
}

fn open(disk: &SimDisk) -> (Journal, Opened) {
    open_as(disk, US)
}

/// Appends `count` lines, rotating where that is due, and flushes; returns the lines.
fn grow(journal: &mut Journal, count: u64) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for _ in 0..count {
        if journal.needs_rotation() {
            now(journal.rotate(NOW)).unwrap();
        }
        let seq = journal.last_seq() + 1;
        let line = line(seq, &row(seq));
        journal.append(&line, seq).unwrap();
        lines.push(line);
    }
    journal.flush().unwrap();
    lines
}

/// A disk with a journal of three segments, and its lines.
fn three_segments() -> (SimDisk, Vec<Vec<u8>>) {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk);
    let lines = grow(&mut journal, 11);
    assert_eq!(journal.segments().len(), 3);
    (disk, lines)
}

fn seal_all(journal: &mut Journal) {
    while now(journal.seal_step()).unwrap() {}
}

#[derive(Debug, Default, PartialEq)]
struct Read {
    lines: Vec<(u64, Vec<u8>)>,
    findings: Vec<Finding>,
    restarts: Vec<u64>,
}

impl Read {
    fn seqs(&self) -> Vec<u64> {
        self.lines.iter().map(|(seq, _)| *seq).collect()
    }

    fn texts(&self) -> Vec<&[u8]> {
        self.lines.iter().map(|(_, line)| line.as_slice()).collect()
    }
}

fn replay(journal: &Journal, after: u64) -> Read {
    drain(journal.replay(after))
}

fn drain(mut replay: Replay) -> Read {
    let mut read = Read::default();
    while let Some(item) = now(replay.next()).unwrap() {
        match item {
            Item::Line { line, record } => {
                assert_eq!(Record::decode(line).unwrap(), record);
                read.lines.push((record.seq, line.to_vec()));
            }
            Item::Damage(finding) => read.findings.push(finding),
            Item::Restart { base } => read.restarts.push(base),
        }
    }
    read
}

fn verify(journal: &Journal) -> Report {
    let mut verify = journal.verify();
    while now(verify.step()).unwrap() {}
    verify.report().clone()
}

fn reasons(findings: &[Finding]) -> Vec<Reason> {
    findings.iter().map(|finding| finding.reason).collect()
}

fn files(disk: &SimDisk) -> Vec<String> {
    disk.files().into_iter().map(|(name, _)| name).collect()
}

fn newest(disk: &SimDisk) -> String {
    files(disk)
        .into_iter()
        .rfind(|it| it.starts_with("journal/"))
        .unwrap()
}

/// Number of the first line of the newest segment.
fn newest_first(disk: &SimDisk) -> u64 {
    open(&disk.fork(0)).0.segments().last().unwrap().first
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    decoder.read_to_end(&mut plain).unwrap();
    plain
}

mod records {
    use super::*;

    #[test]
    fn a_line_has_the_documented_bytes() {
        let record = Record {
            seq: 1042,
            v: 3,
            at_ms: NOW,
            op: "messages.append",
            by: Some("us01"),
            req: Some("r-1"),
            flushed: true,
            more: false,
            rows: br#"{"t":"chunk"}"#,
        };
        let mut out = Vec::new();
        record.encode_into(&mut out).unwrap();
        let body = r#"{"seq":1042,"v":3,"at":"2026-11-22T10:15:00.123Z","op":"messages.append","by":"us01","req":"r-1","flushed":true,"rows":[{"t":"chunk"}]"#;
        let crc = crc32fast::hash(body.as_bytes());
        let expected = format!("{body},\"crc\":\"{crc:08x}\"}}\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            seq in 1..=strongroom::journal::MAX_SEQ,
            v: u32,
            at_ms in 0..=253_402_300_799_999_i64,
            op in "[^\"\\\\\\x00-\\x1f]{0,20}",
            by in proptest::option::of("[^\"\\\\\\x00-\\x1f]{0,20}"),
            req in proptest::option::of("[^\"\\\\\\x00-\\x1f]{0,20}"),
            flushed: bool,
            more: bool,
            rows in "[^\n]{0,400}",
        ) {
            let record = Record {
                seq, v, at_ms, op: &op, by: by.as_deref(), req: req.as_deref(), flushed, more,
                rows: rows.as_bytes(),
            };
            let mut line = b"before".to_vec();
            record.encode_into(&mut line).unwrap();
            let line = line.strip_prefix(b"before").unwrap();
            prop_assert_eq!(Record::decode(line).unwrap(), record);
            prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        }

        #[test]
        fn what_can_be_read_is_in_its_one_form(body in one_form_or_nearly()) {
            let mut line = body.into_bytes();
            let crc = crc32fast::hash(&line);
            line.extend_from_slice(format!(",\"crc\":\"{crc:08x}\"}}\n").as_bytes());
            if let Ok(record) = Record::decode(&line) {
                let mut again = Vec::new();
                record.encode_into(&mut again).unwrap();
                prop_assert_eq!(again, line);
            }
        }
    }

    /// Bodies close to a good one, so that the checks behind the checksum are reached.
    fn one_form_or_nearly() -> impl Strategy<Value = String> {
        let number = "0|1|7|01|007|-1|1e3|9007199254740991|9007199254740992|99999999999999999999";
        let time = "2026-11-22T10:15:[0-6][0-9]\\.[0-9]{3}Z|2026-02-3[01]T10:15:00\\.000Z|2026-11-22 10:15:00\\.123Z|2026-11-22T10:15:00\\.12[zZ3]|1969-12-31T23:59:59\\.999Z|2026-11-22T10:15:00\\+00:00";
        (
            number,
            number,
            time,
            "[a-z\"\\\\é]{0,3}",
            "(,\"by\":\"[a-z\\t]{0,2}\")?(,\"req\":\"x\")?(,\"by\":\"y\")?(,\"flushed\":(true|false))?",
            "[\\[\\]]{0,2}",
        )
            .prop_map(|(seq, v, at, op, who, rows)| {
                format!("{{\"seq\":{seq},\"v\":{v},\"at\":\"{at}\",\"op\":\"{op}\"{who},\"rows\":[{rows}]")
            })
    }

    #[test]
    fn what_has_no_one_form_is_refused_and_nothing_is_written() {
        let good = Record {
            seq: 1,
            v: 1,
            at_ms: 0,
            op: "op",
            by: None,
            req: None,
            flushed: false,
            more: false,
            rows: b"",
        };
        let bad = [
            Record { seq: 0, ..good },
            Record {
                seq: 1 << 53,
                ..good
            },
            Record { at_ms: -1, ..good },
            Record {
                at_ms: 253_402_300_800_000,
                ..good
            },
            Record {
                at_ms: i64::MAX,
                ..good
            },
            Record { op: "a\"b", ..good },
            Record {
                by: Some("a\\b"),
                ..good
            },
            Record {
                req: Some("a\tb"),
                ..good
            },
            Record {
                rows: b"1,\n2",
                ..good
            },
        ];
        for record in bad {
            let mut out = b"kept".to_vec();
            let error = record.encode_into(&mut out).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{record:?}");
            assert_eq!(out, b"kept");
        }
    }

    #[test]
    fn any_flipped_bit_of_a_line_is_noticed() {
        let good = line(7, &row(7));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                Record::decode(&bad).unwrap_err().code(),
                Code::Corrupt,
                "bit {bit}"
            );
        }
    }
}

mod writing {
    use super::*;

    #[test]
    fn a_new_journal_writes_nothing_until_it_is_rotated() {
        let disk = SimDisk::new(1);
        let (mut journal, opened) = open(&disk);
        assert_eq!(opened, Opened::default());
        assert_eq!((journal.last_seq(), journal.segments().len()), (0, 0));
        assert!(journal.needs_rotation() && files(&disk).is_empty());
        let refused = journal.append(&line(1, ""), 1).unwrap_err();
        assert_eq!(refused.code(), Code::Internal);
    }

    #[test]
    fn the_first_header_has_the_documented_bytes() {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk);
        now(journal.rotate(NOW)).unwrap();
        let body = r#"{"segment":1,"store":"00000000-0000-0000-0000-000000000001","writer":"00000000-0000-0000-0000-000000000002","first":1,"prev":null,"at":"2026-11-22T10:15:00.123Z""#;
        let crc = crc32fast::hash(body.as_bytes());
        let expected = format!("{body},\"crc\":\"{crc:08x}\"}}\n");
        let written = disk.read("journal/000000000001.jsonl").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }

    #[test]
    fn each_header_names_the_digest_of_the_segment_before() {
        let (disk, lines) = three_segments();
        let (journal, opened) = open(&disk);
        assert_eq!(opened, Opened::default());
        let mut before = None;
        for (ordinal, segment) in (1..).zip(journal.segments()) {
            let header = segment.header.unwrap();
            assert_eq!(header.segment, ordinal);
            assert_eq!(header.prev.map(|digest| digest.0), before);
            assert_eq!(header.first, segment.first);
            let bytes = disk
                .read(&format!("journal/{:012}.jsonl", segment.first))
                .unwrap();
            assert_eq!(segment.bytes, bytes.len() as u64);
            before = Some(*blake3::hash(&bytes).as_bytes());
        }
        let read = replay(&journal, 0);
        assert_eq!(read.texts(), lines);
        assert_eq!((read.findings, read.restarts), (vec![], vec![]));
    }

    #[test]
    fn a_reopened_journal_goes_on_where_it_ended() {
        let (disk, mut lines) = three_segments();
        for _ in 0..4 {
            let (mut journal, opened) = open(&disk);
            assert_eq!(opened, Opened::default());
            assert_eq!(journal.last_seq(), lines.len() as u64);
            lines.extend(grow(&mut journal, 3));
        }
        let (journal, _) = open(&disk);
        assert_eq!(replay(&journal, 0).texts(), lines);
        assert_eq!(verify(&journal).findings, vec![]);
    }

    #[test]
    fn several_lines_go_in_with_one_write() {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk);
        now(journal.rotate(NOW)).unwrap();
        let before = disk.operations().changes;
        let batch: Vec<u8> = (1..=5).flat_map(|seq| line(seq, &row(seq))).collect();
        journal.append(&batch, 5).unwrap();
        assert_eq!(disk.operations().changes, before + 1);
        assert_eq!(replay(&journal, 2).seqs(), [3, 4, 5]);
    }

    #[test]
    fn lines_that_do_not_continue_the_journal_are_refused() {
        let (disk, _) = three_segments();
        let (mut journal, _) = open(&disk);
        let unfinished = line(12, "");
        let cases: [(&[u8], u64); 6] = [
            (&line(13, ""), 13),
            (&line(11, ""), 11),
            (&line(12, ""), 13),
            (&unfinished[..unfinished.len() - 1], 12),
            (b"", 12),
            (b"\n", 12),
        ];
        for (lines, last) in cases {
            let error = journal.append(lines, last).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
        }
        assert_eq!(journal.last_seq(), 11);
        assert_eq!(verify(&journal).lines, 11);
    }

    #[test]
    fn rotating_an_empty_segment_does_nothing() {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk);
        now(journal.rotate(NOW)).unwrap();
        let before = disk.files();
        now(journal.rotate(NOW + 1)).unwrap();
        assert_eq!(disk.files(), before);
        assert_eq!(journal.segments().len(), 1);
    }

    #[test]
    fn a_failed_append_leaves_nothing_behind_even_after_power_loss() {
        for seed in 0..200 {
            let disk = SimDisk::new(seed);
            let (mut journal, _) = open(&disk);
            let lines = grow(&mut journal, 3);
            disk.fail_at(disk.operations().changes, Fault::Once, Code::QuotaExceeded);
            let error = journal.append(&line(4, &row(99)), 4).unwrap_err();
            assert_eq!(error.code(), Code::QuotaExceeded);
            assert!(!journal.is_broken());
            drop(journal);
            disk.crash();
            let (mut journal, opened) = open(&disk);
            assert_eq!(opened, Opened::default());
            assert_eq!(replay(&journal, 0).texts(), lines);
            assert_eq!(grow(&mut journal, 1), [line(4, &row(4))]);
        }
    }

    #[test]
    fn a_journal_that_cannot_be_cut_back_refuses_everything_until_reopened() {
        let (disk, lines) = three_segments();
        let (mut journal, _) = open(&disk);
        disk.fail_at(disk.operations().changes, Fault::Forever, Code::Io);
        let error = journal.append(&line(12, ""), 12).unwrap_err();
        assert_eq!(error.code(), Code::Io);
        disk.heal();
        assert!(journal.is_broken());
        assert_eq!(
            journal.append(&line(12, ""), 12).unwrap_err().code(),
            Code::Closed
        );
        assert_eq!(journal.flush().unwrap_err().code(), Code::Closed);
        assert_eq!(now(journal.rotate(NOW)).unwrap_err().code(), Code::Closed);
        drop(journal);
        let (journal, _) = open(&disk);
        assert_eq!(replay(&journal, 0).texts()[..11], lines);
    }

    #[test]
    fn a_failed_flush_breaks_the_journal() {
        let (disk, _) = three_segments();
        let (mut journal, _) = open(&disk);
        journal.append(&line(12, ""), 12).unwrap();
        disk.fail_at(disk.operations().changes, Fault::Once, Code::Io);
        assert_eq!(journal.flush().unwrap_err().code(), Code::Io);
        assert_eq!(
            journal.append(&line(13, ""), 13).unwrap_err().code(),
            Code::Closed
        );
    }

    #[test]
    fn after_a_failed_rotation_the_journal_goes_on() {
        // The file is created, its header written, and flushed: each may fail.
        for operation in 1..=3 {
            let (disk, mut lines) = three_segments();
            let (mut journal, _) = open(&disk);
            let before = files(&disk);
            let n = disk.operations().changes + operation;
            disk.fail_at(n, Fault::Once, Code::QuotaExceeded);
            let error = now(journal.rotate(NOW)).unwrap_err();
            assert_eq!(error.code(), Code::QuotaExceeded);
            assert_eq!(files(&disk), before);
            assert!(!journal.is_broken());
            lines.extend(grow(&mut journal, 1));
            now(journal.rotate(NOW)).unwrap();
            lines.extend(grow(&mut journal, 1));
            drop(journal);
            let (journal, opened) = open(&disk);
            assert_eq!(opened, Opened::default());
            assert_eq!(journal.segments().len(), 4);
            assert_eq!(replay(&journal, 0).texts(), lines);
        }
    }

    #[test]
    fn a_header_is_kept_before_any_line_follows_it() {
        for seed in 0..200 {
            let (disk, _) = three_segments();
            let disk = disk.fork(seed);
            let (mut journal, _) = open(&disk);
            now(journal.rotate(NOW)).unwrap();
            for seq in 12..15 {
                journal.append(&line(seq, &row(seq)), seq).unwrap();
            }
            drop(journal);
            disk.crash();
            let (journal, opened) = open(&disk);
            assert_eq!(journal.segments().len(), 4);
            assert!(!reasons(&opened.findings).contains(&Reason::BadHeader));
        }
    }

    #[test]
    fn what_opening_finds_is_flushed_before_it_is_relied_on() {
        for seed in 0..100 {
            let (disk, _) = three_segments();
            let disk = disk.fork(seed);
            let (mut journal, _) = open(&disk);
            for seq in 12..15 {
                journal.append(&line(seq, &row(seq)), seq).unwrap();
            }
            drop(journal);
            disk.kill();
            assert_eq!(open(&disk).0.last_seq(), 14);
            disk.crash();
            let (journal, opened) = open(&disk);
            assert_eq!(opened, Opened::default());
            assert_eq!(verify(&journal).lines, 14);
        }
    }

    #[test]
    fn bytes_since_counts_the_segments_that_hold_later_lines() {
        let (disk, _) = three_segments();
        let (journal, _) = open(&disk);
        let sizes: Vec<u64> = journal.segments().iter().map(|it| it.bytes).collect();
        assert_eq!(journal.bytes_since(0), sizes.iter().sum::<u64>());
        let third = journal.segments()[2].first;
        assert_eq!(journal.bytes_since(third - 1), sizes[2]);
        assert_eq!(journal.bytes_since(third - 2), sizes[1] + sizes[2]);
    }
}

mod reading {
    use super::*;

    #[test]
    fn a_replay_begins_after_the_line_it_is_told() {
        let (disk, lines) = three_segments();
        let (mut journal, _) = open(&disk);
        for sealed in [false, true] {
            for after in 0..=12 {
                let read = replay(&journal, after);
                let rest = lines.iter().skip(usize::try_from(after).unwrap());
                assert_eq!(read.texts(), rest.collect::<Vec<_>>());
                assert_eq!(read.findings, vec![], "after {after}, sealed {sealed}");
            }
            seal_all(&mut journal);
        }
    }

    #[test]
    fn a_replay_shows_the_journal_as_it_was_while_it_grows_and_is_sealed() {
        let (disk, lines) = three_segments();
        let (mut journal, _) = open(&disk);
        let mut replay = journal.replay(0);
        let mut seen = Vec::new();
        let mut more = true;
        while let Some(item) = now(replay.next()).unwrap() {
            let Item::Line { line, .. } = item else {
                panic!("{item:?}");
            };
            seen.push(line.to_vec());
            grow(&mut journal, 2);
            more = now(journal.seal_step()).unwrap();
        }
        assert_eq!(seen, lines);
        drop(replay);
        while more || now(journal.seal_step()).unwrap() {
            more = now(journal.seal_step()).unwrap();
        }
        assert!(journal.segments().iter().rev().skip(1).all(|it| it.sealed));
        assert_eq!(verify(&journal).lines, 33);
        assert_eq!(verify(&journal).findings, vec![]);
    }

    #[test]
    fn lines_longer_than_a_block_are_read_whole() {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk);
        let mut lines = Vec::new();
        for (seq, size) in (1..).zip([10, 1_000_000, 131_072, 3, 400_000]) {
            if journal.needs_rotation() {
                now(journal.rotate(NOW)).unwrap();
            }
            let line = line(seq, &"x".repeat(size));
            journal.append(&line, seq).unwrap();
            lines.push(line);
        }
        assert_eq!(replay(&journal, 0).texts(), lines);
        seal_all(&mut journal);
        assert_eq!(replay(&journal, 0).texts(), lines);
    }

    #[test]
    fn a_torn_last_line_is_dropped_wherever_it_is_cut() {
        let (disk, lines) = three_segments();
        let path = newest(&disk);
        let whole = disk.read(&path).unwrap();
        let last = lines.last().unwrap().len();
        for cut in 1..=last {
            let disk = disk.fork(1);
            disk.write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut journal, opened) = open(&disk);
            assert_eq!(opened.torn_bytes, (last - cut) as u64);
            assert_eq!(opened.findings, vec![]);
            assert_eq!(journal.last_seq(), 10);
            assert_eq!(disk.read(&path).unwrap(), whole[..whole.len() - last]);
            assert_eq!(grow(&mut journal, 1), lines[10..]);
            assert_eq!(disk.read(&path).unwrap(), whole);
            assert_eq!(verify(&journal).findings, vec![]);
        }
    }

    #[test]
    fn a_torn_end_of_zeros_is_dropped() {
        let (disk, lines) = three_segments();
        let path = newest(&disk);
        let mut bytes = disk.read(&path).unwrap();
        bytes.extend([0; 5000]);
        disk.write(&path, &bytes).unwrap();
        let (journal, opened) = open(&disk);
        assert_eq!((opened.torn_bytes, opened.findings), (5000, vec![]));
        assert_eq!(replay(&journal, 0).texts(), lines);
    }

    #[test]
    fn a_segment_torn_while_its_header_was_written_is_removed() {
        let (disk, lines) = three_segments();
        let path = newest(&disk);
        let header_end = 1 + disk
            .read(&path)
            .unwrap()
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap();
        let header = disk.read(&path).unwrap()[..header_end].to_vec();
        for cut in 0..header_end {
            let disk = disk.fork(1);
            disk.write(&path, &header[..cut]).unwrap();
            let (mut journal, opened) = open(&disk);
            assert_eq!(opened.torn_bytes, cut as u64);
            assert_eq!(opened.findings, vec![]);
            assert_eq!(journal.segments().len(), 2);
            let kept = usize::try_from(journal.last_seq()).unwrap();
            assert_eq!(replay(&journal, 0).texts(), lines[..kept]);
            grow(&mut journal, 5);
            assert_eq!(verify(&journal).findings, vec![]);
        }
    }

    #[test]
    fn damage_in_the_middle_is_found_and_later_lines_are_given() {
        let (disk, _) = three_segments();
        let lines = grow(&mut open(&disk).0, 2);
        let path = newest(&disk);
        let bytes = disk.read(&path).unwrap();
        let offset = bytes.len() - lines[0].len() - lines[1].len();
        disk.flip_bit(&path, (offset as u64 + 20) * 8).unwrap();
        let (mut journal, opened) = open(&disk);
        let damage = Finding {
            segment: path.replace("journal/", ""),
            offset: offset as u64,
            bytes: lines[0].len() as u64,
            reason: Reason::BadLine,
            moved_to: None,
        };
        let gap = Reason::Gap { from: 12, to: 12 };
        assert_eq!(opened.findings[0], damage);
        assert_eq!(reasons(&opened.findings), [Reason::BadLine, gap]);
        assert_eq!((journal.last_seq(), opened.torn_bytes), (13, 0));

        assert!(
            journal.needs_rotation(),
            "damage never lies in the active segment"
        );
        assert!(journal.append(&line(14, ""), 14).is_err());
        grow(&mut journal, 1);
        let read = replay(&journal, 0);
        assert_eq!(read.seqs(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]);
        assert_eq!(reasons(&read.findings), [Reason::BadLine, gap]);
    }

    #[test]
    fn a_missing_segment_is_found() {
        for missing in 0..2 {
            let (disk, _) = three_segments();
            let path = files(&disk)[missing].clone();
            now(disk.remove(&path)).unwrap();
            let (journal, opened) = open(&disk);
            assert_eq!(reasons(&opened.findings), [Reason::MissingSegment]);
            let read = replay(&journal, 0);
            assert_eq!(read.findings[0].reason, Reason::MissingSegment);
            assert!(matches!(read.findings[1].reason, Reason::Gap { .. }));
            assert_eq!(read.findings.len(), 2);
            assert_eq!(journal.last_seq(), 11);
        }
    }

    #[test]
    fn a_segment_put_in_place_of_another_breaks_the_chain() {
        let (disk, _) = three_segments();
        let other = SimDisk::new(2);
        let (mut journal, _) = open(&other);
        while journal.segments().len() < 3 {
            if journal.needs_rotation() {
                now(journal.rotate(NOW)).unwrap();
            }
            let seq = journal.last_seq() + 1;
            let line = line(seq, &row(seq).replace("nea", "NEA"));
            journal.append(&line, seq).unwrap();
        }
        let path = files(&disk)[1].clone();
        disk.write(&path, &other.read(&path).unwrap()).unwrap();
        let (journal, _) = open(&disk);
        let report = verify(&journal);
        assert_eq!(
            reasons(&report.findings),
            [Reason::BrokenChain, Reason::BrokenChain]
        );
        assert_eq!(report.lines, 11);
    }

    #[test]
    fn a_segment_of_another_store_is_never_replayed() {
        let (disk, _) = three_segments();
        let them = Identity {
            store: Uuid::from_u128(9),
            ..US
        };
        let (mut journal, opened) = open_as(&disk, them);
        let foreign = Reason::ForeignStore { store: US.store };
        assert_eq!(reasons(&opened.findings), [foreign; 3]);
        assert_eq!((journal.last_seq(), journal.segments().len()), (0, 0));
        for finding in &opened.findings {
            let moved = finding.moved_to.as_ref().unwrap();
            assert!(moved.starts_with("quarantine/") && disk.read(moved).is_ok());
        }
        grow(&mut journal, 2);
        drop(journal);
        let (journal, opened) = open_as(&disk, them);
        assert_eq!(opened, Opened::default());
        assert_eq!(replay(&journal, 0).seqs(), [1, 2]);
    }

    #[test]
    fn a_foreign_segment_out_of_the_way_stays_and_is_reported() {
        let (disk, lines) = three_segments();
        let other = SimDisk::new(2);
        let them = Identity {
            store: Uuid::from_u128(9),
            ..US
        };
        let (mut journal, _) = open_as(&other, them);
        grow(&mut journal, 1);
        let path = files(&disk)[1].clone();
        let aside = "journal/000000000002.jsonl";
        disk.write(aside, &other.read(&files(&other)[0]).unwrap())
            .unwrap();
        let (journal, opened) = open(&disk);
        assert_eq!(
            reasons(&opened.findings),
            [Reason::ForeignStore { store: them.store }]
        );
        assert_eq!(opened.findings[0].moved_to, None);
        assert_eq!(replay(&journal, 0).texts(), lines);
        assert!(disk.read(aside).is_ok() && disk.read(&path).is_ok());
    }

    #[test]
    fn another_writer_begins_a_segment_of_its_own() {
        let (disk, _) = three_segments();
        let other = Identity {
            writer: Uuid::from_u128(7),
            ..US
        };
        let (mut journal, opened) = open_as(&disk, other);
        assert_eq!(opened, Opened::default());
        assert!(journal.needs_rotation());
        grow(&mut journal, 1);
        let writers: Vec<_> = journal
            .segments()
            .iter()
            .map(|it| it.header.unwrap().writer)
            .collect();
        assert_eq!(writers, [US.writer, US.writer, US.writer, other.writer]);
        assert_eq!(verify(&journal).findings, vec![]);
        assert_eq!(verify(&journal).last_seq, 12);
    }

    #[test]
    fn an_empty_segment_of_another_writer_gives_way() {
        let (disk, _) = three_segments();
        let (mut journal, _) = open(&disk);
        now(journal.restart(50, NOW)).unwrap();
        drop(journal);
        let other = Identity {
            writer: Uuid::from_u128(7),
            ..US
        };
        let (mut journal, _) = open_as(&disk, other);
        assert_eq!(journal.last_seq(), 50);
        grow(&mut journal, 1);
        let header = journal.segments().last().unwrap().header.unwrap();
        assert_eq!((header.writer, header.base), (other.writer, Some(50)));
        assert_eq!(replay(&journal, 50).seqs(), [51]);
        assert_eq!(verify(&journal).findings, vec![]);
    }

    #[test]
    fn lines_missing_before_an_empty_segment_are_found() {
        let (disk, _) = three_segments();
        let last = newest(&disk);
        let first = newest_first(&disk);
        now(open(&disk).0.rotate(NOW)).unwrap();
        now(disk.remove(&last)).unwrap();
        let (journal, _) = open(&disk);
        let read = replay(&journal, 0);
        let gap = Reason::Gap {
            from: first,
            to: 11,
        };
        assert_eq!(reasons(&read.findings), [Reason::MissingSegment, gap]);
        assert_eq!(
            (read.seqs(), journal.last_seq()),
            ((1..first).collect(), 11)
        );
    }

    #[test]
    fn an_empty_segment_that_the_one_before_has_outgrown_is_removed() {
        let (disk, mut lines) = three_segments();
        let other = disk.fork(1);
        now(open(&other).0.rotate(NOW)).unwrap();
        lines.extend(grow(&mut open(&disk).0, 2));
        let leftover = "journal/000000000012.jsonl";
        disk.write(leftover, &other.read(leftover).unwrap())
            .unwrap();
        let (mut journal, opened) = open(&disk);
        assert_eq!(opened, Opened::default());
        assert_eq!(disk.read(leftover).unwrap_err().code(), Code::NotFound);
        lines.extend(grow(&mut journal, 2));
        assert_eq!(replay(&journal, 0).texts(), lines);
    }

    #[test]
    fn whole_lines_out_of_order_are_never_cut_off() {
        let (disk, lines) = three_segments();
        let path = newest(&disk);
        let mut bytes = disk.read(&path).unwrap();
        bytes.extend_from_slice(b"scrap\n");
        bytes.extend_from_slice(&lines[3]);
        disk.write(&path, &bytes).unwrap();
        let (mut journal, opened) = open(&disk);
        let both = [Reason::BadLine, Reason::OutOfOrder];
        assert_eq!(
            (reasons(&opened.findings), opened.torn_bytes),
            (both.to_vec(), 0)
        );
        assert_eq!(disk.read(&path).unwrap(), bytes);
        assert_eq!(journal.last_seq(), 11);
        grow(&mut journal, 1);
        assert_eq!(reasons(&replay(&journal, 0).findings), both);
        assert_eq!(replay(&journal, 0).seqs(), (1..=12).collect::<Vec<_>>());
    }

    #[test]
    fn a_newest_segment_that_gives_no_line_is_set_aside() {
        let (disk, lines) = three_segments();
        let path = newest(&disk);
        let first = newest_first(&disk);
        let bytes = disk.read(&path).unwrap();
        let header = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap();
        let out_of_order = [header, &lines[3]].concat();
        let noise = vec![b'x'; 2000];
        for (content, reason) in [
            (out_of_order, Reason::OutOfOrder),
            (noise, Reason::BadHeader),
        ] {
            let disk = disk.fork(1);
            disk.write(&path, &content).unwrap();
            let (mut journal, opened) = open(&disk);
            assert_eq!(reasons(&opened.findings), [reason]);
            let moved = opened.findings[0].moved_to.as_ref().unwrap();
            assert_eq!(disk.read(moved).unwrap(), content);
            assert_eq!(journal.last_seq(), first - 1);
            let count = lines.len() as u64 - (first - 1);
            assert_eq!(grow(&mut journal, count).len() as u64, count);
            assert_eq!(verify(&journal).findings, vec![]);
        }
    }

    #[test]
    fn bytes_after_the_end_of_a_sealed_segment_are_found() {
        let (disk, lines) = three_segments();
        let (mut journal, _) = open(&disk);
        seal_all(&mut journal);
        let path = files(&disk)[0].clone();
        let bytes = disk.read(&path).unwrap();
        disk.write(&path, &[&bytes[..], b"\0"].concat()).unwrap();
        let read = replay(&journal, 0);
        assert_eq!(reasons(&read.findings), [Reason::BadGzip]);
        assert_eq!(read.texts(), lines);
    }

    #[test]
    fn a_misnamed_segment_gets_its_name_back() {
        let (disk, lines) = three_segments();
        let path = files(&disk)[1].clone();
        now(disk.rename(&path, "journal/000000000777.jsonl")).unwrap();
        let (journal, opened) = open(&disk);
        assert_eq!(reasons(&opened.findings), [Reason::WrongName]);
        assert_eq!(opened.findings[0].moved_to.as_deref(), Some(path.as_str()));
        assert_eq!(replay(&journal, 0).texts(), lines);
        assert_eq!(verify(&journal).findings, vec![]);
    }

    #[test]
    fn a_file_that_is_no_segment_is_left_alone_and_reported() {
        let (disk, lines) = three_segments();
        let names = [
            "notes.txt",
            "1.jsonl",
            "0000000000012.jsonl",
            "000000000000.jsonl",
        ];
        for name in names {
            disk.write(&format!("journal/{name}"), b"mine").unwrap();
        }
        let (journal, opened) = open(&disk);
        assert_eq!(reasons(&opened.findings), [Reason::UnknownFile; 4]);
        assert_eq!(replay(&journal, 0).texts(), lines);
        assert_eq!(disk.read("journal/notes.txt").unwrap(), b"mine");
    }

    #[test]
    fn the_store_of_a_journal_can_be_found_out() {
        let disk = SimDisk::new(1);
        let find = |disk: &SimDisk| now(Journal::find_store(Rc::new(disk.clone()))).unwrap();
        assert_eq!(find(&disk), None);
        let (disk, _) = three_segments();
        disk.flip_bit(&newest(&disk), 8).unwrap();
        assert_eq!(find(&disk), Some(US.store));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn random_bytes_give_findings_and_the_journal_works_on(
            blobs in proptest::collection::vec(
                (1_u64..20, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..3000), any::<bool>()), 1..5),
        ) {
            let disk = SimDisk::new(3);
            for (first, sealed, bytes, lines) in &blobs {
                let ending = if *sealed { ".gz" } else { "" };
                let mut bytes = bytes.clone();
                if *lines {
                    // Lines, some of them good, so that more than the first check is reached.
                    bytes = bytes.iter().flat_map(|byte| match byte % 4 {
                        0 => line(u64::from(byte / 8) + 1, ""),
                        1 => vec![b'\n'],
                        2 => b"{\"seq\":5,".to_vec(),
                        _ => vec![*byte],
                    }).collect();
                }
                disk.write(&format!("journal/{first:012}.jsonl{ending}"), &bytes).unwrap();
            }
            let size: u64 = disk.files().iter().map(|(_, size)| size).sum();
            let (mut journal, opened) = open(&disk);
            prop_assert!(size == 0 || opened.torn_bytes > 0 || !opened.findings.is_empty());
            let before = replay(&journal, 0);
            prop_assert!(before.lines.is_sorted_by(|a, b| a.0 < b.0));
            let first = journal.last_seq();
            let lines = grow(&mut journal, 6);
            seal_all(&mut journal);
            drop(journal);
            let (journal, _) = open(&disk);
            prop_assert_eq!(journal.last_seq(), first + 6);
            let read = replay(&journal, first);
            prop_assert_eq!(read.texts(), lines);
        }
    }
}

mod flipped_bits {
    use super::*;

    /// What the flip of one bit led to.
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
    enum Outcome {
        Found,
        /// The last line of the newest segment cannot be told from one that was never finished.
        Torn,
        Harmless,
    }

    fn flip(disk: &SimDisk, path: &str, bit: u64, lines: &[Vec<u8>]) -> Outcome {
        let disk = disk.fork(1);
        disk.flip_bit(path, bit).unwrap();
        let (journal, opened) = open(&disk);
        let read = replay(&journal, 0);
        for (seq, line) in &read.lines {
            assert_eq!(line, &lines[usize::try_from(*seq).unwrap() - 1]);
        }
        let report = verify(&journal);
        assert_eq!(report.findings, read.findings);
        if !report.findings.is_empty() || !opened.findings.is_empty() {
            Outcome::Found
        } else if opened.torn_bytes > 0 {
            Outcome::Torn
        } else {
            assert_eq!(read.texts(), lines, "{path} bit {bit}");
            Outcome::Harmless
        }
    }

    #[test]
    fn every_flipped_bit_of_a_plain_segment_is_found() {
        let (disk, lines) = three_segments();
        let last_two = lines[9].len() + lines[10].len();
        for (path, size) in disk.files() {
            for bit in 0..size * 8 {
                let outcome = flip(&disk, &path, bit, &lines);
                // Without its line feed a line runs into the last one.
                let at_end = path == newest(&disk) && bit / 8 >= size - last_two as u64;
                if at_end {
                    assert_ne!(outcome, Outcome::Harmless, "{path} bit {bit}");
                } else {
                    assert_eq!(outcome, Outcome::Found, "{path} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_sealed_segment_is_found_or_says_nothing() {
        let (disk, lines) = three_segments();
        let (mut journal, _) = open(&disk);
        seal_all(&mut journal);
        drop(journal);
        let mut harmless = Vec::new();
        for (path, size) in disk.files() {
            for bit in (0..size * 8).filter(|_| path != newest(&disk)) {
                match flip(&disk, &path, bit, &lines) {
                    Outcome::Found => {}
                    Outcome::Harmless => harmless.push((bit / 8, size - bit / 8)),
                    Outcome::Torn => panic!("{path} bit {bit}"),
                }
            }
        }
        // In the gzip header: flags, time, extra flags and system. Before the trailer: what fills up the last byte.
        let says_nothing = |(byte, to_end): &(u64, u64)| (3..10).contains(byte) || *to_end == 9;
        assert!(harmless.iter().all(says_nothing), "{harmless:?}");
    }
}

mod sealing {
    use super::*;

    #[test]
    fn a_sealed_segment_is_the_plain_one_in_gzip() {
        let (disk, lines) = three_segments();
        let plain: BTreeMap<String, Vec<u8>> = files(&disk)
            .into_iter()
            .map(|name| (name.clone(), disk.read(&name).unwrap()))
            .collect();
        let (mut journal, _) = open(&disk);
        seal_all(&mut journal);
        let names: Vec<String> = plain.keys().cloned().collect();
        let expected = [
            format!("{}.gz", names[0]),
            format!("{}.gz", names[1]),
            names[2].clone(),
        ];
        assert_eq!(files(&disk), expected);
        for name in &names[..2] {
            assert_eq!(
                gunzip(&disk.read(&format!("{name}.gz")).unwrap()),
                plain[name]
            );
        }
        assert_eq!(replay(&journal, 0).texts(), lines);
        let sizes: Vec<_> = journal.segments().iter().map(|it| it.bytes).collect();
        drop(journal);
        let (journal, opened) = open(&disk);
        assert_eq!(opened, Opened::default());
        assert_eq!(
            sizes,
            journal
                .segments()
                .iter()
                .map(|it| it.bytes)
                .collect::<Vec<_>>()
        );
        assert_eq!(verify(&journal).findings, vec![]);
        assert_eq!(verify(&journal).lines, 11);
    }

    #[test]
    fn a_plain_file_that_is_being_read_goes_when_that_ends() {
        let (disk, lines) = three_segments();
        let (mut journal, _) = open(&disk);
        let unread = journal.replay(0);
        let mut begun = journal.replay(0);
        assert!(now(begun.next()).unwrap().is_some());
        seal_all(&mut journal);
        let plain = "journal/000000000001.jsonl";
        assert!(disk.read(plain).is_ok() && journal.segments()[0].sealed);
        assert_eq!(drain(begun).texts(), lines[1..]);
        seal_all(&mut journal);
        assert_eq!(disk.read(plain).unwrap_err().code(), Code::NotFound);
        assert!(journal.segments()[1].sealed);
        assert_eq!(drain(unread).texts(), lines);
    }

    #[test]
    fn a_large_segment_is_sealed_in_several_steps() {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk);
        now(journal.rotate(NOW)).unwrap();
        journal.append(&line(1, &"x".repeat(3 << 20)), 1).unwrap();
        now(journal.rotate(NOW)).unwrap();
        let mut steps = 0;
        while now(journal.seal_step()).unwrap() {
            steps += 1;
        }
        assert!(steps > 20, "{steps}");
        assert_eq!(verify(&journal).lines, 1);
        assert!(journal.segments()[0].sealed);
    }

    #[test]
    fn a_copy_that_does_not_read_back_is_thrown_away_and_the_plain_one_kept() {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk);
        now(journal.rotate(NOW)).unwrap();
        // Hardly compressible, so that the end of the copy is read long after its start.
        let noise: String = (0..20_000_u32)
            .map(|n| blake3::hash(&n.to_le_bytes()).to_string())
            .collect();
        let kept = line(1, &noise);
        journal.append(&kept, 1).unwrap();
        now(journal.rotate(NOW)).unwrap();

        let copy = "journal/000000000001.jsonl.gz.part";
        let size = |disk: &SimDisk| disk.read(copy).map_or(0, |bytes| bytes.len() as u64);
        let mut before = 0;
        while before == 0 || size(&disk) > before {
            before = size(&disk);
            assert!(now(journal.seal_step()).unwrap());
        }
        disk.flip_bit(copy, (before - 1000) * 8).unwrap();
        let error = loop {
            match now(journal.seal_step()) {
                Ok(more) => assert!(more),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), Code::Corrupt);
        assert_eq!(size(&disk), 0);
        assert_eq!(replay(&journal, 0).texts(), [&kept]);
        seal_all(&mut journal);
        assert!(journal.segments()[0].sealed);
        assert_eq!(replay(&journal, 0).texts(), [&kept]);
    }

    #[test]
    fn an_unfinished_copy_is_removed_on_opening() {
        let (disk, lines) = three_segments();
        let (mut journal, _) = open(&disk);
        now(journal.seal_step()).unwrap();
        drop(journal);
        let copy = "journal/000000000001.jsonl.gz.part";
        assert!(disk.read(copy).is_ok());
        let (journal, opened) = open(&disk);
        assert_eq!(opened, Opened::default());
        assert_eq!(disk.read(copy).unwrap_err().code(), Code::NotFound);
        assert_eq!(replay(&journal, 0).texts(), lines);
    }

    #[test]
    fn of_a_plain_and_a_sealed_file_the_whole_one_is_kept() {
        let (plain, lines) = three_segments();
        let sealed = plain.fork(1);
        let (mut journal, _) = open(&sealed);
        seal_all(&mut journal);
        let path = files(&plain)[0].clone();
        let twin = format!("{path}.gz");
        for (break_plain, break_sealed) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let disk = plain.fork(1);
            disk.write(&twin, &sealed.read(&twin).unwrap()).unwrap();
            if break_plain {
                disk.flip_bit(&path, 8 * 400).unwrap();
            }
            if break_sealed {
                disk.flip_bit(&twin, 8 * 100).unwrap();
            }
            let (journal, opened) = open(&disk);
            let read = replay(&journal, 0);
            let names = files(&disk);
            assert_eq!(names.contains(&path), !break_plain || break_sealed);
            assert_eq!(names.contains(&twin), break_plain && !break_sealed);
            if break_plain && break_sealed {
                assert_eq!(reasons(&opened.findings), [Reason::Twin]);
                assert!(
                    disk.read(opened.findings[0].moved_to.as_ref().unwrap())
                        .is_ok()
                );
                assert_eq!(read.lines.len(), 10);
            } else {
                assert_eq!(opened, Opened::default());
                assert_eq!(read.texts(), lines);
            }
        }
    }
}

mod restarting {
    use super::*;

    #[test]
    fn a_restarted_chain_goes_on_after_the_snapshot() {
        let (disk, _) = three_segments();
        let (mut journal, _) = open(&disk);
        now(journal.restart(20, NOW)).unwrap();
        assert_eq!(journal.last_seq(), 20);
        grow(&mut journal, 5);
        for _ in 0..2 {
            let read = replay(&journal, 0);
            let expected: Vec<u64> = (1..=11).chain(21..=25).collect();
            assert_eq!((read.seqs(), read.restarts), (expected, vec![20]));
            assert_eq!(read.findings, vec![]);
            let read = replay(&journal, 20);
            assert_eq!((read.seqs(), read.restarts), ((21..=25).collect(), vec![]));
            assert_eq!(verify(&journal).findings, vec![]);
            drop(journal);
            let opened;
            (journal, opened) = open(&disk);
            assert_eq!(opened, Opened::default());
        }
        let header = journal.segments()[3].header.unwrap();
        assert_eq!(
            (header.base, header.prev, header.segment),
            (Some(20), None, 4)
        );
    }

    #[test]
    fn a_journal_may_begin_after_a_snapshot() {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk);
        now(journal.restart(1000, NOW)).unwrap();
        grow(&mut journal, 9);
        assert_eq!(verify(&journal).findings, vec![]);
        assert_eq!(
            replay(&journal, 1000).seqs(),
            (1001..=1009).collect::<Vec<_>>()
        );
        assert_eq!(replay(&journal, 0).restarts, [1000]);
    }

    #[test]
    fn an_empty_segment_gives_way_to_a_restart() {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk);
        now(journal.rotate(NOW)).unwrap();
        now(journal.restart(0, NOW)).unwrap();
        now(journal.restart(7, NOW)).unwrap();
        assert_eq!(files(&disk), ["journal/000000000008.jsonl"]);
        grow(&mut journal, 1);
        assert_eq!(verify(&journal).findings, vec![]);
    }

    #[test]
    fn a_journal_never_starts_anew_before_its_end() {
        let (disk, _) = three_segments();
        let (mut journal, _) = open(&disk);
        let error = now(journal.restart(10, NOW)).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(grow(&mut journal, 1).len(), 1);
    }
}

mod crashes {
    use super::*;

    /// What a run knows about its lines.
    #[derive(Default)]
    struct Model {
        lines: BTreeMap<u64, Vec<u8>>,
        /// Up to here all lines have been flushed.
        flushed: u64,
    }

    /// Small, the same every time, and good enough to choose what happens.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }
    }

    /// Uses a journal in every way until the disk fails for good; other errors are lived with.
    fn live(disk: &SimDisk, model: &mut Model, dice: &mut Dice, steps: u64) {
        let Ok((mut journal, _)) = now(Journal::open(Rc::new(disk.clone()), US, SMALL)) else {
            return;
        };
        settle(&journal, model);
        for _ in 0..steps {
            if disk.is_down() || journal.is_broken() {
                return;
            }
            if journal.needs_rotation() && now(journal.rotate(NOW)).is_ok() {
                model.flushed = journal.last_seq();
            }
            match dice.roll(12) {
                0..6 => append(&mut journal, model, 1 + dice.roll(3)),
                6..8 => {
                    if journal.flush().is_ok() {
                        model.flushed = journal.last_seq();
                    }
                }
                8..11 => {
                    let _ = now(journal.seal_step());
                }
                _ => {
                    if now(journal.rotate(NOW)).is_ok() {
                        model.flushed = journal.last_seq();
                    }
                }
            }
        }
    }

    fn append(journal: &mut Journal, model: &mut Model, count: u64) {
        let first = journal.last_seq() + 1;
        let batch: Vec<(u64, Vec<u8>)> = (first..first + count)
            .map(|seq| {
                (
                    seq,
                    line(seq, &format!("{},{}", row(seq), model.lines.len())),
                )
            })
            .collect();
        let bytes: Vec<u8> = batch.iter().flat_map(|(_, line)| line.clone()).collect();
        // Told before, for a line that failed may be on the disk when the machine went down.
        let appended = journal.append(&bytes, first + count - 1);
        if appended.is_ok() || journal.is_broken() {
            model.lines.extend(batch);
        }
    }

    /// Checks what opening found against the model, which from then on is what was found.
    fn settle(journal: &Journal, model: &mut Model) {
        let read = replay(journal, 0);
        let found: BTreeMap<u64, Vec<u8>> = read.lines.iter().cloned().collect();
        assert_eq!(found.len(), read.lines.len());
        for (seq, line) in &model.lines {
            if *seq <= model.flushed {
                assert_eq!(
                    found.get(seq),
                    Some(line),
                    "flushed line {seq} of {}",
                    model.flushed
                );
            }
        }
        for (seq, line) in &found {
            assert_eq!(
                model.lines.get(seq),
                Some(line),
                "line {seq} was never written"
            );
        }
        let mut missing = (1..=journal.last_seq()).filter(|seq| !found.contains_key(seq));
        if missing.any(|seq| model.lines.contains_key(&seq)) {
            assert!(!read.findings.is_empty());
        }
        model.lines = found;
        model.flushed = journal.last_seq();
    }

    fn check(disk: &SimDisk, model: &mut Model) {
        let (journal, _) = open(disk);
        settle(&journal, model);
    }

    #[test]
    fn flushed_lines_survive_a_crash_at_any_operation() {
        for seed in 0..25 {
            let disk = SimDisk::new(seed);
            live(&disk, &mut Model::default(), &mut Dice(seed), 60);
            let operations = disk.operations().changes;
            assert!(operations > 60);
            for n in 0..operations {
                let disk = SimDisk::new(seed * 1000 + n);
                let (mut model, mut dice) = (Model::default(), Dice(seed));
                disk.crash_at(n);
                live(&disk, &mut model, &mut dice, 60);
                disk.crash();
                // Once more, and soon, so that opening is crashed too.
                disk.crash_at(disk.operations().changes + dice.roll(30));
                live(&disk, &mut model, &mut dice, 30);
                disk.crash();
                check(&disk, &mut model);
                live(&disk, &mut model, &mut dice, 30);
                disk.crash();
                check(&disk, &mut model);
            }
        }
    }

    #[test]
    fn acknowledged_lines_survive_the_death_of_the_process_at_any_operation() {
        for seed in 0..12 {
            let disk = SimDisk::new(seed);
            live(&disk, &mut Model::default(), &mut Dice(seed), 60);
            for n in 0..disk.operations().changes {
                let disk = SimDisk::new(seed * 1000 + n);
                let mut model = Model::default();
                disk.crash_at(n);
                live(&disk, &mut model, &mut Dice(seed), 60);
                disk.kill();
                let written = model.lines.clone();
                let (journal, opened) = open(&disk);
                assert_eq!(opened.findings, vec![]);
                let read = replay(&journal, 0);
                assert_eq!(read.findings, vec![]);
                assert_eq!(read.seqs(), (1..=journal.last_seq()).collect::<Vec<_>>());
                assert!(
                    read.lines
                        .iter()
                        .all(|(seq, line)| written.get(seq) == Some(line))
                );
                let torn = written.len() - read.lines.len();
                assert!(torn <= 3, "only the append that was cut off may be missing");
            }
        }
    }

    #[test]
    fn one_failed_operation_loses_nothing() {
        for (seed, code) in (0..16).zip([Code::QuotaExceeded, Code::Io].into_iter().cycle()) {
            let disk = SimDisk::new(seed);
            live(&disk, &mut Model::default(), &mut Dice(seed), 60);
            for n in 0..disk.operations().changes {
                let disk = SimDisk::new(seed * 1000 + n);
                let (mut model, mut dice) = (Model::default(), Dice(seed));
                disk.fail_at(n, Fault::Once, code);
                live(&disk, &mut model, &mut dice, 60);
                if n % 2 == 0 {
                    disk.crash();
                }
                live(&disk, &mut model, &mut dice, 20);
                check(&disk, &mut model);
            }
        }
    }
}

//! Jobs: what is taken when and by whom, and that no job is ever run by two holders at once.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use strongroom::disk::sim::SimDisk;
use strongroom::disk::{Disk as _, ready};
use strongroom::domain::jobs::{self as j, Job, JobList, JobState};
use strongroom::domain::users;
use strongroom::host::{Host as _, ManualHost};
use strongroom::id::UserId;
use strongroom::store::{Caller, Durability, Options, Store, Tx, View};
use strongroom::{Code, Result};

const ADA: UserId = UserId { user: 1 };
const EVE: UserId = UserId { user: 2 };

struct Fixture {
    store: Store,
    host: Rc<ManualHost>,
    disk: SimDisk,
}

fn args<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn caller(user: Option<UserId>) -> Caller<'static> {
    Caller {
        user,
        request_id: None,
    }
}

fn open(disk: &SimDisk, host: &Rc<ManualHost>) -> Store {
    let options = Options {
        durability: Durability::Strict,
        batch_writes: 7,
        ..Options::default()
    };
    ready(Store::open(Rc::new(disk.clone()), host.clone(), options)).unwrap()
}

impl Fixture {
    /// A store with Ada and Eve in it.
    fn new() -> Self {
        Self::seeded(5)
    }

    fn seeded(seed: u64) -> Self {
        let host = Rc::new(ManualHost::new(seed));
        let disk = SimDisk::new(seed);
        let store = open(&disk, &host);
        let mut fixture = Self { store, host, disk };
        for name in ["Ada", "Eve"] {
            let new = args(json!({ "name": name }));
            let made = fixture.write(None, |tx| users::create(tx, &new));
            made.unwrap();
        }
        fixture
    }

    fn write<T: Serialize + DeserializeOwned>(
        &mut self,
        user: Option<UserId>,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let before = self.store.last_seq();
        let written = self.store.write("test", caller(user), work);
        if written.is_err() {
            assert_eq!(self.store.last_seq(), before, "nothing was changed");
        }
        written?.value()
    }

    fn read<T>(
        &mut self,
        user: Option<UserId>,
        work: impl FnOnce(&View<'_>) -> Result<T>,
    ) -> Result<T> {
        self.store.read(caller(user), work)
    }

    fn try_enqueue(&mut self, new: Value) -> Result<Job> {
        self.write(Some(ADA), |tx| j::enqueue(tx, &args(new)))
    }

    /// Enqueues a job of Ada's that says its name in its payload.
    fn enqueue(&mut self, name: &str, mut new: Value) -> Job {
        new["payload"] = json!(name);
        if new["queue"].is_null() {
            new["queue"] = json!("q");
        }
        self.try_enqueue(new).unwrap()
    }

    fn take(&mut self, limit: i64) -> Vec<Job> {
        let want = json!({ "queue": "q", "limit": limit, "leaseMs": 1000 });
        self.write(Some(ADA), |tx| j::dequeue(tx, &args(want)))
            .unwrap()
    }

    fn take_one(&mut self) -> Job {
        let mut taken = self.take(1);
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    }

    fn names(&mut self, limit: i64) -> Vec<String> {
        let taken = self.take(limit);
        taken
            .iter()
            .map(|job| job.payload.get().trim_matches('"').to_owned())
            .collect()
    }

    fn get(&mut self, id: &str) -> Job {
        self.read(Some(ADA), |view| j::get(view, id)).unwrap()
    }

    fn complete(&mut self, job: &Job) -> Result<Job> {
        let done = json!({ "id": job.id, "lease": job.lease, "result": { "ok": 1 } });
        self.write(Some(ADA), |tx| j::complete(tx, &args(done)))
    }

    fn fail(&mut self, job: &Job) -> Result<Job> {
        let failed = json!({ "id": job.id, "lease": job.lease, "error": "no luck" });
        self.write(Some(ADA), |tx| j::fail(tx, &args(failed)))
    }

    fn renew(&mut self, job: &Job) -> Result<Job> {
        let renewal = json!({ "id": job.id, "lease": job.lease, "leaseMs": 1000 });
        self.write(Some(ADA), |tx| j::renew(tx, &args(renewal)))
    }

    fn release(&mut self, job: &Job) -> Result<Job> {
        let lease = json!({ "id": job.id, "lease": job.lease });
        self.write(Some(ADA), |tx| j::release(tx, &args(lease)))
    }

    fn counts(&mut self, user: UserId) -> Vec<(String, JobState, i64)> {
        let counts = self.read(Some(user), |view| j::counts(view, &args(json!({}))));
        let counts = counts.unwrap().into_iter();
        counts.map(|c| (c.queue, c.state, c.count)).collect()
    }

    fn all(&mut self) -> Vec<Job> {
        let mut query: JobList = args(json!({ "order": "oldest", "limit": 1000 }));
        let mut jobs = Vec::new();
        loop {
            let page = self.read(Some(ADA), |view| j::list(view, &query)).unwrap();
            jobs.extend(page.items);
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return jobs,
            }
        }
    }
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn a_job_is_kept_as_it_was_given() {
    let mut f = Fixture::new();
    let now = f.host.now_ms();
    let job = f
        .try_enqueue(json!({ "queue": "mail", "payload": { "n": 1.0, "to": "Ada" }, "priority": -3, "runAt": now + 5,
            "key": "k", "maxAttempts": 2, "backoffMs": 10, "maxBackoffMs": 20 }))
        .unwrap();
    assert_eq!(job.payload.get(), r#"{"n":1.0,"to":"Ada"}"#);
    assert_eq!(
        (job.user_id, job.number, job.state),
        (ADA, 1, JobState::Queued)
    );
    assert_eq!(
        (job.priority, job.run_at, job.key.as_deref()),
        (-3, now + 5, Some("k"))
    );
    assert_eq!(
        (
            job.max_attempts,
            job.backoff_ms,
            job.max_backoff_ms,
            job.attempts
        ),
        (2, 10, 20, 0)
    );
    assert_eq!(f.get(&job.id), job);
    let plain = f.try_enqueue(json!({ "queue": "mail" })).unwrap();
    assert_eq!(
        (plain.payload.get(), plain.number, plain.priority),
        ("null", 2, 0)
    );
    assert_eq!(plain.run_at, now);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut f = Fixture::new();
    for bad in [
        json!({ "queue": "" }),
        json!({ "queue": "q".repeat(5000) }),
        json!({ "queue": "q", "priority": 101 }),
        json!({ "queue": "q", "maxAttempts": 0 }),
        json!({ "queue": "q", "backoffMs": -1 }),
        json!({ "queue": "q", "maxBackoffMs": i64::MAX }),
        json!({ "queue": "q", "key": "" }),
        json!({ "queue": "q", "payload": "x".repeat(64 << 10) }),
    ] {
        assert_eq!(code(f.try_enqueue(bad)), Code::InvalidArgument);
    }
    for bad in [
        json!({ "queue": "" }),
        json!({ "queue": "q", "limit": 0 }),
        json!({ "queue": "q", "limit": 101 }),
        json!({ "queue": "q", "leaseMs": 0 }),
    ] {
        let taken = f.write(Some(ADA), |tx| j::dequeue(tx, &args(bad)));
        assert_eq!(code(taken), Code::InvalidArgument);
    }
    let nobody = f.write(None, |tx| j::enqueue(tx, &args(json!({ "queue": "q" }))));
    assert_eq!(code(nobody), Code::InvalidArgument);
    let no_one = f.write(None, |tx| {
        j::enqueue(tx, &args(json!({ "queue": "q", "userId": "us09" })))
    });
    assert_eq!(code(no_one), Code::NotFound);
    f.enqueue("x", json!({}));
    let job = f.take_one();
    let failure = json!({ "id": job.id, "lease": job.lease, "error": "x".repeat(5000) });
    let failed = f.write(Some(ADA), |tx| j::fail(tx, &args(failure)));
    assert_eq!(code(failed), Code::InvalidArgument);
    assert_eq!(f.get(&job.id).state, JobState::Running);
}

#[test]
fn the_highest_priority_comes_first_then_run_time_then_the_order_of_enqueuing() {
    let mut f = Fixture::new();
    let now = f.host.now_ms();
    f.enqueue("third", json!({ "runAt": now - 1 }));
    f.enqueue("fourth", json!({ "runAt": now }));
    f.enqueue("fifth", json!({ "runAt": now }));
    f.enqueue("second", json!({ "priority": 7, "runAt": now }));
    f.enqueue("first", json!({ "priority": 7, "runAt": now - 9 }));
    f.enqueue("last", json!({ "priority": -100, "runAt": 0 }));
    f.enqueue("not yet", json!({ "priority": 100, "runAt": now + 1 }));
    f.enqueue("elsewhere", json!({ "queue": "other", "priority": 100 }));
    assert_eq!(f.names(1), ["first"]);
    assert_eq!(f.names(3), ["second", "third", "fourth"]);
    assert_eq!(f.names(100), ["fifth", "last"]);
    assert!(f.names(100).is_empty());
    f.host.advance(1);
    assert_eq!(f.names(100), ["not yet"]);
}

#[test]
fn a_job_with_a_key_is_there_once_while_it_waits_or_runs() {
    let mut f = Fixture::new();
    let keyed = |payload: &str| json!({ "queue": "q", "key": "k", "payload": payload });
    let first = f.try_enqueue(keyed("one")).unwrap();
    assert_eq!(f.try_enqueue(keyed("two")).unwrap(), first);
    let running = f.take_one();
    let again = f.try_enqueue(keyed("three")).unwrap();
    assert_eq!(
        (&again.id, again.state, &again.lease),
        (&first.id, JobState::Running, &None)
    );
    // A key is one of its queue and its user.
    let other = f
        .try_enqueue(json!({ "queue": "other", "key": "k" }))
        .unwrap();
    assert_ne!(other.id, first.id);
    let eves = f
        .write(Some(EVE), |tx| j::enqueue(tx, &args(keyed("four"))))
        .unwrap();
    assert_ne!(eves.id, first.id);
    f.complete(&running).unwrap();
    let second = f.try_enqueue(keyed("five")).unwrap();
    assert_ne!(second.id, first.id);
    f.write(Some(ADA), |tx| j::cancel(tx, &second.id)).unwrap();
    let third = f.try_enqueue(keyed("six")).unwrap();
    assert_ne!(third.id, second.id);
    let revived = f.write(Some(ADA), |tx| j::revive(tx, &second.id));
    assert!(revived.as_ref().unwrap_err().message().contains(&third.id));
    assert_eq!(code(revived), Code::Conflict);
}

#[test]
fn a_lease_that_ran_out_frees_the_job() {
    let mut f = Fixture::new();
    f.enqueue("x", json!({ "maxAttempts": 2, "backoffMs": 0 }));
    let first = f.take_one();
    assert_eq!((first.state, first.attempts), (JobState::Running, 1));
    assert_eq!(first.lease_until, Some(f.host.now_ms() + 1000));
    f.host.advance(999);
    assert!(f.take(1).is_empty(), "it is held to the end");
    f.host.advance(1);
    let second = f.take_one();
    assert_eq!((&second.id, second.attempts), (&first.id, 2));
    assert_eq!(second.error.as_deref(), Some("the lease ran out"));
    assert_ne!(second.lease, first.lease);
    for stale in [
        f.complete(&first),
        f.fail(&first),
        f.renew(&first),
        f.release(&first),
    ] {
        assert_eq!(code(stale), Code::Conflict);
    }
    f.host.advance(1000);
    assert!(f.take(1).is_empty());
    let dead = f.get(&first.id);
    assert_eq!(
        (dead.state, dead.ended_at),
        (JobState::Dead, Some(f.host.now_ms()))
    );
    assert_eq!(code(f.complete(&second)), Code::Conflict);
}

#[test]
fn who_is_late_may_still_finish_while_no_one_else_has_the_job() {
    let mut f = Fixture::new();
    f.enqueue("x", json!({}));
    let job = f.take_one();
    f.host.advance(5000);
    let renewed = f.renew(&job).unwrap();
    assert_eq!(renewed.lease, job.lease);
    assert_eq!(renewed.lease_until, Some(f.host.now_ms() + 1000));
    f.host.advance(5000);
    let done = f.complete(&job).unwrap();
    assert_eq!(
        (done.state, done.result.unwrap().get()),
        (JobState::Done, r#"{"ok":1}"#)
    );
    assert_eq!((done.lease, done.lease_until), (None, None));
    assert_eq!(code(f.complete(&job)), Code::Conflict);
}

#[test]
fn each_failure_waits_twice_as_long_up_to_a_limit_until_the_job_is_dead() {
    let mut f = Fixture::new();
    f.enqueue(
        "x",
        json!({ "maxAttempts": 5, "backoffMs": 100, "maxBackoffMs": 350 }),
    );
    for wait in [100, 200, 350, 350] {
        let job = f.take_one();
        let failed = f.fail(&job).unwrap();
        assert_eq!(
            (failed.state, failed.error.as_deref()),
            (JobState::Queued, Some("no luck"))
        );
        assert_eq!(failed.run_at, f.host.now_ms() + wait);
        f.host.advance(wait - 1);
        assert!(f.take(1).is_empty());
        f.host.advance(1);
    }
    let last = f.take_one();
    assert_eq!(f.fail(&last).unwrap().state, JobState::Dead);
    f.host.advance(1_000_000);
    assert!(f.take(1).is_empty());
    let revived = f.write(Some(ADA), |tx| j::revive(tx, &last.id)).unwrap();
    assert_eq!(
        (revived.state, revived.attempts, revived.ended_at),
        (JobState::Queued, 0, None)
    );
    assert_eq!(f.take_one().attempts, 1);
}

#[test]
fn the_longest_waits_do_not_overflow() {
    let mut f = Fixture::new();
    let month = 30 * 24 * 60 * 60 * 1000_i64;
    f.enqueue(
        "x",
        json!({ "maxAttempts": 1000, "backoffMs": month, "maxBackoffMs": month }),
    );
    f.enqueue(
        "y",
        json!({ "maxAttempts": 1000, "backoffMs": 1, "maxBackoffMs": month }),
    );
    for _ in 0..80 {
        for job in f.take(2) {
            let failed = f.fail(&job).unwrap();
            assert!(failed.run_at <= f.host.now_ms() + month);
        }
        f.host.advance(month);
    }
    assert_eq!(
        f.all().iter().map(|job| job.attempts).collect::<Vec<_>>(),
        [80, 80]
    );
}

#[test]
fn a_job_that_is_released_was_never_tried() {
    let mut f = Fixture::new();
    let queued = f.enqueue("x", json!({ "maxAttempts": 1 }));
    let job = f.take_one();
    let released = f.release(&job).unwrap();
    assert_eq!(
        Job {
            updated_at: queued.updated_at,
            ..released
        },
        queued
    );
    assert_eq!(f.take_one().attempts, 1);
}

#[test]
fn a_cancelled_job_is_run_by_no_one_until_it_is_revived() {
    let mut f = Fixture::new();
    let waiting = f.enqueue("waiting", json!({}));
    let cancel = |f: &mut Fixture, id: &str| f.write(Some(ADA), |tx| j::cancel(tx, id));
    let cancelled = cancel(&mut f, &waiting.id).unwrap();
    assert_eq!(
        (cancelled.state, cancelled.ended_at.is_some()),
        (JobState::Cancelled, true)
    );
    assert_eq!(cancel(&mut f, &waiting.id).unwrap(), cancelled);
    assert!(f.take(10).is_empty());

    f.enqueue("running", json!({}));
    let running = f.take_one();
    cancel(&mut f, &running.id).unwrap();
    assert_eq!(code(f.renew(&running)), Code::Conflict);
    assert_eq!(code(f.complete(&running)), Code::Conflict);

    f.write(Some(ADA), |tx| j::revive(tx, &waiting.id)).unwrap();
    let job = f.take_one();
    assert_eq!(job.id, waiting.id);
    f.complete(&job).unwrap();
    assert_eq!(code(cancel(&mut f, &waiting.id)), Code::Conflict);
    let revived = f.write(Some(ADA), |tx| j::revive(tx, &waiting.id));
    assert_eq!(code(revived), Code::Conflict);
}

#[test]
fn jobs_are_listed_counted_and_removed_by_what_they_are() {
    let mut f = Fixture::new();
    let start = f.host.now_ms();
    for n in 0..12 {
        f.host.advance(10);
        let queue = if n % 3 == 0 { "other" } else { "q" };
        f.enqueue(&format!("{n}"), json!({ "queue": queue }));
    }
    let taken = f.take(3);
    f.complete(&taken[0]).unwrap();
    f.host.advance(10);
    f.complete(&taken[1]).unwrap();
    let names = |f: &mut Fixture, query: Value| -> Vec<String> {
        let mut query: JobList = args(query);
        let mut names = Vec::new();
        loop {
            let page = f.read(Some(ADA), |view| j::list(view, &query)).unwrap();
            assert!(
                page.items.iter().all(|job| job.lease.is_none()),
                "tokens are not shown"
            );
            names.extend(
                page.items
                    .iter()
                    .map(|job| job.payload.get().trim_matches('"').to_owned()),
            );
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return names,
            }
        }
    };
    assert_eq!(
        names(&mut f, json!({ "queue": "other", "limit": 1 })),
        ["9", "6", "3", "0"]
    );
    assert_eq!(
        names(&mut f, json!({ "state": "done", "order": "oldest" })),
        ["1", "2"]
    );
    assert_eq!(
        names(
            &mut f,
            json!({ "state": "queued", "queue": "q", "limit": 2 })
        ),
        ["11", "10", "8", "7", "5"]
    );
    assert_eq!(
        names(
            &mut f,
            json!({ "since": start + 50, "until": start + 70, "order": "oldest" })
        ),
        ["4", "5"]
    );
    let q = |state, count| ("q".to_owned(), state, count);
    assert_eq!(
        f.counts(ADA),
        [
            ("other".to_owned(), JobState::Queued, 4),
            q(JobState::Done, 2),
            q(JobState::Queued, 5),
            q(JobState::Running, 1)
        ]
    );
    let other = f
        .read(Some(ADA), |view| {
            j::counts(view, &args(json!({ "queue": "other" })))
        })
        .unwrap();
    assert_eq!(other.len(), 1);

    let ended = f.get(&taken[1].id).ended_at.unwrap();
    let remove = |f: &mut Fixture, before: i64| {
        f.write(Some(ADA), |tx| {
            j::remove_ended(tx, &args(json!({ "endedBefore": before })))
        })
    };
    assert_eq!(remove(&mut f, ended).unwrap(), 1);
    assert_eq!(names(&mut f, json!({ "state": "done" })), ["2"]);
    assert_eq!(remove(&mut f, i64::MAX).unwrap(), 1);
    assert_eq!(f.all().len(), 10, "what waits or runs stays");
}

#[test]
fn another_user_sees_takes_and_touches_nothing() {
    let mut f = Fixture::new();
    f.enqueue("mine", json!({ "key": "k" }));
    let job = f.take_one();
    let queued = f.enqueue("queued", json!({}));
    let eve = Some(EVE);
    let (id, lease) = (&job.id, &job.lease);
    let denied = [
        f.read(eve, |view| j::get(view, id).map(drop)),
        f.read(eve, |view| {
            j::list(view, &args(json!({ "userId": "us01" }))).map(drop)
        }),
        f.read(eve, |view| {
            j::counts(view, &args(json!({ "userId": "us01" }))).map(drop)
        }),
        f.write(eve, |tx| {
            j::complete(tx, &args(json!({ "id": id, "lease": lease }))).map(drop)
        }),
        f.write(eve, |tx| {
            j::fail(tx, &args(json!({ "id": id, "lease": lease, "error": "" }))).map(drop)
        }),
        f.write(eve, |tx| {
            j::renew(tx, &args(json!({ "id": id, "lease": lease }))).map(drop)
        }),
        f.write(eve, |tx| {
            j::release(tx, &args(json!({ "id": id, "lease": lease }))).map(drop)
        }),
        f.write(eve, |tx| j::cancel(tx, id).map(drop)),
        f.write(eve, |tx| j::revive(tx, id).map(drop)),
        f.write(eve, |tx| {
            j::dequeue(tx, &args(json!({ "queue": "q", "userId": "us01" }))).map(drop)
        }),
        f.write(eve, |tx| {
            j::enqueue(tx, &args(json!({ "queue": "q", "userId": "us01" }))).map(drop)
        }),
        f.write(eve, |tx| {
            j::remove_ended(
                tx,
                &args(json!({ "userId": "us01", "endedBefore": i64::MAX })),
            )
            .map(drop)
        }),
    ];
    for result in denied {
        assert_eq!(code(result), Code::NotFound);
    }
    // Time frees the lease for Ada; Eve's looks neither take nor free it.
    f.host.advance(1_000_000);
    let taken = f.write(eve, |tx| {
        j::dequeue(tx, &args(json!({ "queue": "q", "limit": 100 })))
    });
    assert!(taken.unwrap().is_empty());
    assert_eq!(f.get(id).state, JobState::Running);
    assert!(f.counts(EVE).is_empty());
    // The app takes what is due of everyone's, or of one.
    f.write(eve, |tx| {
        j::enqueue(tx, &args(json!({ "queue": "q", "priority": 9 })))
    })
    .unwrap();
    let of_eve = f
        .write(None, |tx| {
            j::dequeue(
                tx,
                &args(json!({ "queue": "q", "userId": "us02", "limit": 9 })),
            )
        })
        .unwrap();
    assert_eq!(
        of_eve.iter().map(|job| job.user_id).collect::<Vec<_>>(),
        [EVE]
    );
    let of_all = f
        .write(None, |tx| {
            j::dequeue(tx, &args(json!({ "queue": "q", "limit": 9 })))
        })
        .unwrap();
    assert_eq!(
        of_all.iter().map(|job| &job.id).collect::<Vec<_>>(),
        [&queued.id]
    );
}

#[test]
fn jobs_go_with_their_user_and_numbers_are_not_used_again() {
    let mut f = Fixture::new();
    f.enqueue("one", json!({}));
    f.enqueue("two", json!({}));
    f.write(None, |tx| users::delete(tx, ADA)).unwrap();
    let left = f.write(None, |tx| {
        j::dequeue(tx, &args(json!({ "queue": "q", "limit": 9 })))
    });
    assert!(left.unwrap().is_empty());
    let next = f.write(Some(EVE), |tx| {
        j::enqueue(tx, &args(json!({ "queue": "q" })))
    });
    assert_eq!(next.unwrap().number, 3);
}

#[test]
fn the_table_itself_refuses_what_breaks_it() {
    let mut f = Fixture::new();
    let id = f.enqueue("x", json!({})).id;
    for sql in [
        "UPDATE job SET state = 'asleep' WHERE job = ?1",
        "UPDATE job SET state = 'running' WHERE job = ?1",
        "UPDATE job SET lease = 'x' WHERE job = ?1",
        "UPDATE job SET state = 'done' WHERE job = ?1",
        "UPDATE job SET ended_at = 1 WHERE job = ?1",
        "UPDATE job SET user = 9 WHERE job = ?1",
        "UPDATE job SET job = NULL WHERE job = ?1",
    ] {
        let written = f.write(None, |tx| tx.execute(sql, [&id]));
        assert!(written.is_err(), "{sql}");
    }
}

#[test]
fn the_same_request_twice_takes_the_same_jobs_once() {
    let mut f = Fixture::new();
    f.enqueue("one", json!({}));
    f.enqueue("two", json!({}));
    let caller = Caller {
        user: Some(ADA),
        request_id: Some("take"),
    };
    let mut take = || -> Vec<Job> {
        let want = args(json!({ "queue": "q" }));
        f.store
            .write("test", caller, |tx| j::dequeue(tx, &want))
            .unwrap()
            .value()
            .unwrap()
    };
    assert_eq!(take(), take());
    assert_eq!(f.names(9), ["two"]);
}

#[test]
fn a_rebuild_from_the_journal_gives_the_same_queue() {
    let mut f = Fixture::new();
    for n in 0..20 {
        f.host.advance(3);
        f.enqueue(
            &format!("{n}"),
            json!({ "priority": n % 3, "key": format!("k{}", n % 15) }),
        );
    }
    let taken = f.take(9);
    f.complete(&taken[0]).unwrap();
    f.fail(&taken[1]).unwrap();
    f.release(&taken[2]).unwrap();
    f.write(Some(ADA), |tx| j::cancel(tx, &taken[3].id))
        .unwrap();
    f.write(Some(ADA), |tx| {
        j::remove_ended(tx, &args(json!({ "endedBefore": i64::MAX })))
    })
    .unwrap();
    let before = (f.all(), f.counts(ADA));
    assert_eq!(before.0.len(), 13);
    ready(f.store.close()).unwrap();
    for file in ["store.sqlite3", "store.sqlite3-wal"] {
        ready(f.disk.remove(file)).unwrap();
    }
    f.store = open(&f.disk, &f.host);
    assert_eq!((f.all(), f.counts(ADA)), before);
    // Leases hold across it, and the order goes on.
    f.complete(&taken[4]).unwrap();
    assert_eq!(f.enqueue("next", json!({})).number, 16);
}

#[test]
fn taking_from_a_long_queue_is_one_look_into_an_index() {
    let mut f = Fixture::new();
    let plan = |f: &mut Fixture, sql: &str| -> String {
        let read = f.read(None, |view| {
            let mut statement = view.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows = statement.query_map([], |row| row.get::<_, String>(3))?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.join("; "))
        });
        read.unwrap()
    };
    let queued = "state = 'queued' AND queue = 'q'";
    let first = "run_at <= 5 ORDER BY run_at, number LIMIT 1";
    for (sql, expected) in [
        (
            format!("SELECT max(priority) FROM job WHERE {queued} AND NULL IS NULL AND priority < 5"),
            "SEARCH job USING COVERING INDEX job_due (queue=? AND priority<?)",
        ),
        (
            format!("SELECT max(priority) FROM job WHERE {queued} AND user = 1 AND priority < 5"),
            "SEARCH job USING COVERING INDEX job_due_by_user (user=? AND queue=? AND priority<?)",
        ),
        (
            format!("SELECT job FROM job WHERE {queued} AND NULL IS NULL AND priority = 5 AND {first}"),
            "SEARCH job USING INDEX job_due (queue=? AND priority=? AND run_at<?)",
        ),
        (
            format!("SELECT job FROM job WHERE {queued} AND user = 1 AND priority = 5 AND {first}"),
            "SEARCH job USING INDEX job_due_by_user (user=? AND queue=? AND priority=? AND run_at<?)",
        ),
        (
            "SELECT job FROM job WHERE state = 'running' AND queue = 'q' AND lease_until <= 5 ORDER BY lease_until".into(),
            "SEARCH job USING INDEX job_leased (queue=? AND lease_until<?)",
        ),
        (
            "SELECT job FROM job WHERE user = 1 AND queue = 'q' AND key = 'k' AND ended_at IS NULL LIMIT 1".into(),
            "SEARCH job USING INDEX job_by_key (user=? AND queue=? AND key=?)",
        ),
        (
            "SELECT job FROM job WHERE user = 1 AND ended_at < 5 ORDER BY ended_at LIMIT 9".into(),
            "SEARCH job USING INDEX job_ended (user=? AND ended_at<?)",
        ),
        (
            "SELECT job FROM job WHERE user = 1 AND number < 5 AND queue = 'q' ORDER BY number DESC".into(),
            "SEARCH job USING INDEX job_by_queue (user=? AND queue=? AND number<?)",
        ),
        (
            "SELECT job FROM job WHERE user = 1 AND number < 5 AND state = 'dead' ORDER BY number DESC".into(),
            "SEARCH job USING INDEX job_by_state (user=? AND state=? AND number<?)",
        ),
        (
            "SELECT job FROM job WHERE user = 1 AND number < 5 ORDER BY number DESC".into(),
            "SEARCH job USING INDEX job_by_number (user=? AND number<?)",
        ),
    ] {
        assert_eq!(plan(&mut f, &sql), expected, "{sql}");
    }
    let counts = "SELECT queue, state, count(*) FROM job WHERE user = 1 GROUP BY queue, state";
    assert!(
        plan(&mut f, counts).starts_with("SEARCH job USING COVERING INDEX job_by_queue (user=?)")
    );
}

/// Repeatable randomness: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn number(&mut self, limit: i64) -> i64 {
        self.below(limit.unsigned_abs()).cast_signed()
    }
}

/// What a queue is to do, in the plainest way: a list that is searched from end to end.
#[derive(Default)]
struct Model {
    jobs: Vec<Job>,
}

impl Model {
    fn job(&mut self, id: &str) -> &mut Job {
        self.jobs.iter_mut().find(|job| job.id == id).unwrap()
    }

    fn active(&self, key: &str) -> Option<&Job> {
        let is_active = |job: &&Job| job.key.as_deref() == Some(key) && job.ended_at.is_none();
        self.jobs.iter().find(is_active)
    }

    fn end_failed(job: &mut Job, error: &str, now: i64) {
        job.lease = None;
        job.lease_until = None;
        job.error = Some(error.into());
        job.updated_at = now;
        if job.attempts == job.max_attempts {
            job.state = JobState::Dead;
            job.ended_at = Some(now);
        } else {
            job.state = JobState::Queued;
            let doubled = job.backoff_ms << (job.attempts - 1);
            job.run_at = now + doubled.min(job.max_backoff_ms);
        }
    }

    /// The ids that a holder gets, in order; their leases are the store's to make.
    fn dequeue(&mut self, limit: usize, lease_ms: i64, now: i64) -> Vec<String> {
        for job in &mut self.jobs {
            if job.lease_until.is_some_and(|until| until <= now) {
                Self::end_failed(job, "the lease ran out", now);
            }
        }
        let is_due = |job: &&mut Job| job.state == JobState::Queued && job.run_at <= now;
        let mut due: Vec<&mut Job> = self.jobs.iter_mut().filter(is_due).collect();
        due.sort_by_key(|job| (-job.priority, job.run_at, job.number));
        due.truncate(limit);
        for job in &mut due {
            job.state = JobState::Running;
            job.attempts += 1;
            job.lease_until = Some(now + lease_ms);
            job.updated_at = now;
        }
        due.into_iter().map(|job| job.id.clone()).collect()
    }

    fn end(&mut self, id: &str, state: JobState, now: i64) {
        let job = self.job(id);
        job.state = state;
        job.lease = None;
        job.lease_until = None;
        job.updated_at = now;
        job.ended_at = (state != JobState::Queued).then_some(now);
    }

    /// All jobs as a list shows them.
    fn shown(&self) -> Vec<Job> {
        let jobs = self.jobs.iter().cloned();
        jobs.map(|job| Job { lease: None, ..job }).collect()
    }
}

/// Holders that take, renew, end and lose jobs while the clock jumps and the machine fails.
struct Driver {
    f: Fixture,
    model: Model,
    random: Random,
    /// Every lease that was ever given, the newest last.
    leases: Vec<Job>,
    /// What happened how often.
    tally: [u32; 5],
}

const STALE: usize = 0;
const EXPIRED: usize = 1;
const CRASHED: usize = 2;
const DEAD: usize = 3;
const BACKWARDS: usize = 4;

impl Driver {
    fn new(seed: u64) -> Self {
        Self {
            f: Fixture::seeded(seed),
            model: Model::default(),
            random: Random(seed),
            leases: Vec::new(),
            tally: [0; 5],
        }
    }

    fn step(&mut self) {
        let now = self.f.host.now_ms();
        match self.random.below(20) {
            0..=3 => self.enqueue(now),
            4..=7 => self.dequeue(now),
            8..=13 => self.use_lease(now),
            14 => self.cancel(now),
            15 => self.revive(now),
            16 | 17 => self.f.host.advance(self.random.number(900)),
            18 => {
                self.tally[BACKWARDS] += 1;
                self.f.host.advance(-self.random.number(1500));
            }
            _ => self.crash(),
        }
    }

    fn enqueue(&mut self, now: i64) {
        let key = (self.random.below(2) == 0).then(|| format!("k{}", self.random.below(4)));
        let max_attempts = 1 + self.random.number(4);
        let backoff_ms = self.random.number(2) * self.random.number(200);
        let new = json!({
            "queue": "q", "key": key, "priority": self.random.number(3) - 1, "runAt": now + self.random.number(800) - 400,
            "maxAttempts": max_attempts, "backoffMs": backoff_ms, "maxBackoffMs": 300, "payload": self.random.below(1000),
        });
        let made = self.f.try_enqueue(new).unwrap();
        if let Some(known) = key.and_then(|key| self.model.active(&key)) {
            assert_eq!(
                made,
                Job {
                    lease: None,
                    ..known.clone()
                }
            );
            return;
        }
        assert_eq!(
            made.number,
            i64::try_from(self.model.jobs.len()).unwrap() + 1
        );
        self.model.jobs.push(made);
    }

    fn dequeue(&mut self, now: i64) {
        let limit = 1 + self.random.number(3);
        let lease_ms = 1 + self.random.number(1000);
        let held: Vec<Job> = self
            .model
            .jobs
            .iter()
            .filter(|job| job.lease.is_some())
            .cloned()
            .collect();
        let want = args(json!({ "queue": "q", "limit": limit, "leaseMs": lease_ms }));
        let taken = self.f.write(Some(ADA), |tx| j::dequeue(tx, &want)).unwrap();
        for job in &taken {
            // The promise itself, whatever the model thinks: nobody else holds what is given out.
            if let Some(other) = held.iter().find(|other| other.id == job.id) {
                assert!(
                    other.lease_until.unwrap() <= now,
                    "{job:?} is held by another"
                );
                self.tally[EXPIRED] += 1;
            }
            assert!(
                self.leases.iter().all(|other| other.lease != job.lease),
                "a token is new"
            );
        }
        let limit = usize::try_from(limit).unwrap();
        let expected = self.model.dequeue(limit, lease_ms, now);
        assert_eq!(
            taken.iter().map(|job| &job.id).collect::<Vec<_>>(),
            expected.iter().collect::<Vec<_>>()
        );
        for job in taken {
            self.model.job(&job.id).lease.clone_from(&job.lease);
            assert_eq!(*self.model.job(&job.id), job);
            self.leases.push(job);
        }
    }

    /// A holder does something with a lease it was given once: often a new one, sometimes any.
    fn use_lease(&mut self, now: i64) {
        let Some(newest) = self.leases.len().checked_sub(1) else {
            return;
        };
        let back = if self.random.below(3) == 0 {
            newest + 1
        } else {
            (newest + 1).min(4)
        };
        let lease =
            self.leases[newest - usize::try_from(self.random.below(back as u64)).unwrap()].clone();
        let is_held = self.model.job(&lease.id).lease == lease.lease;
        let what = self.random.below(4);
        let result = match what {
            0 => self.f.renew(&lease),
            1 => self.f.complete(&lease),
            2 => self.f.fail(&lease),
            _ => self.f.release(&lease),
        };
        if !is_held {
            assert_eq!(
                code(result),
                Code::Conflict,
                "a stale lease is good for nothing"
            );
            self.tally[STALE] += 1;
            return;
        }
        let answer = result.unwrap();
        match what {
            0 => {
                let job = self.model.job(&lease.id);
                job.lease_until = Some(now + 1000);
                job.updated_at = now;
            }
            1 => {
                self.model.end(&lease.id, JobState::Done, now);
                self.model.job(&lease.id).result.clone_from(&answer.result);
                assert_eq!(answer.result.as_ref().unwrap().get(), r#"{"ok":1}"#);
            }
            2 => Model::end_failed(self.model.job(&lease.id), "no luck", now),
            _ => {
                self.model.end(&lease.id, JobState::Queued, now);
                self.model.job(&lease.id).attempts -= 1;
            }
        }
        assert_eq!(*self.model.job(&lease.id), answer);
        self.tally[DEAD] += u32::from(answer.state == JobState::Dead);
    }

    fn any(&mut self) -> Option<Job> {
        let count = self.model.jobs.len() as u64;
        (count > 0)
            .then(|| self.model.jobs[usize::try_from(self.random.below(count)).unwrap()].clone())
    }

    fn cancel(&mut self, now: i64) {
        let Some(job) = self.any() else { return };
        let result = self.f.write(Some(ADA), |tx| j::cancel(tx, &job.id));
        match job.state {
            JobState::Done | JobState::Dead => assert_eq!(code(result), Code::Conflict),
            JobState::Cancelled => assert_eq!(result.unwrap(), job),
            JobState::Queued | JobState::Running => {
                self.model.end(&job.id, JobState::Cancelled, now);
                assert_eq!(result.unwrap(), *self.model.job(&job.id));
            }
        }
    }

    fn revive(&mut self, now: i64) {
        let Some(job) = self.any() else { return };
        let is_taken = job
            .key
            .as_ref()
            .is_some_and(|key| self.model.active(key).is_some());
        let result = self.f.write(Some(ADA), |tx| j::revive(tx, &job.id));
        if is_taken || !matches!(job.state, JobState::Dead | JobState::Cancelled) {
            assert_eq!(code(result), Code::Conflict);
            return;
        }
        self.model.end(&job.id, JobState::Queued, now);
        let revived = self.model.job(&job.id);
        revived.attempts = 0;
        revived.run_at = now;
        assert_eq!(result.unwrap(), *revived);
    }

    /// Power loss or a killed tab, between two answers. All that was answered is there again, leases included.
    fn crash(&mut self) {
        if self.random.below(4) > 0 {
            return;
        }
        if self.random.below(2) == 0 {
            self.f.disk.crash();
        } else {
            self.f.disk.kill();
        }
        self.tally[CRASHED] += 1;
        // The files are free again only once the store that held them is gone.
        let spare = open(&SimDisk::new(0), &self.f.host);
        drop(std::mem::replace(&mut self.f.store, spare));
        self.f.store = open(&self.f.disk, &self.f.host);
        self.compare();
    }

    fn compare(&mut self) {
        assert_eq!(self.f.all(), self.model.shown());
        for (queue, state, count) in self.f.counts(ADA) {
            let in_state = self
                .model
                .jobs
                .iter()
                .filter(|job| job.state == state)
                .count();
            assert_eq!(
                (queue.as_str(), count),
                ("q", i64::try_from(in_state).unwrap())
            );
        }
    }
}

#[test]
fn no_job_is_ever_run_by_two_holders_at_once_whatever_the_clock_and_the_power_do() {
    let mut tally = [0; 5];
    for seed in 0..60 {
        let mut driver = Driver::new(seed);
        for step in 0..250 {
            driver.step();
            if step % 25 == 0 {
                driver.compare();
            }
        }
        driver.compare();
        for (sum, count) in tally.iter_mut().zip(driver.tally) {
            *sum += count;
        }
    }
    let [stale, expired, crashed, dead, backwards] = tally;
    println!(
        "stale {stale}, expired {expired}, crashed {crashed}, dead {dead}, backwards {backwards}"
    );
    assert!(tally.iter().all(|count| *count > 50), "{tally:?}");
}

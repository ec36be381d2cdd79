//! Jobs: work that waits in queues, is leased to one holder at a time, and is tried again when it fails.
//!
//! A lease is the right to end a job's attempt. It is good until the job is given to someone else, which only happens once
//! the lease has run out.

use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};

use super::page::{self, Cursor, Order, Page};
use super::users::exists;
use super::{Json, Named, check_label, check_name, from_json, next_number, owner, text, to_json};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// The largest payload, in bytes of JSON. A job's row is written anew with each of its steps.
const MAX_PAYLOAD_BYTES: usize = 64 << 10;

/// The highest priority; its negative is the lowest. Each one that waits in a queue costs a look when jobs are taken.
const MAX_PRIORITY: i64 = 100;

/// The most attempts of a job.
const MAX_ATTEMPTS: i64 = 1000;

/// The longest lease and the longest wait between attempts: 30 days.
const LONGEST_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The most jobs that are leased at once.
const MAX_LEASED: i64 = 100;

/// The most leases that are freed, and the most ended jobs that are removed, at once.
const MAX_AT_ONCE: i64 = 1000;

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for its time and its turn.
    Queued,
    /// Someone has a lease on it.
    Running,
    /// It was completed.
    Done,
    /// It failed as often as it may.
    Dead,
    /// It was called off.
    Cancelled,
}

impl JobState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        match name {
            "queued" => Ok(Self::Queued),
            "running" => Ok(Self::Running),
            "done" => Ok(Self::Done),
            "dead" => Ok(Self::Dead),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(Error::corrupt("a stored job's state is unknown")),
        }
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// Its place among all jobs of the store, by when they were enqueued.
    pub number: i64,
    /// The queue it is in.
    pub queue: String,
    /// How far it has come.
    pub state: JobState,
    /// The greater, the sooner.
    pub priority: i64,
    /// When it may run, in milliseconds since 1970-01-01 UTC.
    pub run_at: i64,
    /// What keeps it from being there twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is to be done.
    pub payload: Json,
    /// How often it is tried.
    pub max_attempts: i64,
    /// The wait after the first failure, in milliseconds; it doubles with every further one.
    pub backoff_ms: i64,
    /// The longest wait, in milliseconds.
    pub max_backoff_ms: i64,
    /// How often it was begun; attempts that were given back do not count.
    pub attempts: i64,
    /// The lease's token. Only who takes the job is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    /// When the lease runs out, in milliseconds since 1970-01-01 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// What it was completed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
    /// Why it failed the last time it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was enqueued, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
    /// When it was done, dead or cancelled, in milliseconds since 1970-01-01 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// What a new job is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewJob {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The queue it goes to.
    pub queue: String,
    /// What is to be done, at most 64 KiB of JSON; null by default.
    pub payload: Option<Json>,
    /// From -100 to 100, the greater the sooner; 0 by default.
    pub priority: Option<i64>,
    /// When it may run, in milliseconds since 1970-01-01 UTC; at once by default.
    pub run_at: Option<i64>,
    /// While a job of the same user and queue with this key is queued or running, that job is given back and no other is
    /// made.
    pub key: Option<String>,
    /// How often it is tried: 1 to 1,000, 5 by default.
    pub max_attempts: Option<i64>,
    /// The wait after the first failure, in milliseconds, which doubles with every further one; 1 second by default.
    pub backoff_ms: Option<i64>,
    /// The longest wait, in milliseconds; 1 hour by default.
    pub max_backoff_ms: Option<i64>,
}

/// Takes jobs from a queue.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dequeue {
    /// Only jobs of this user. Without one, a view of one user takes that user's, and the app takes everyone's.
    pub user_id: Option<UserId>,
    /// The queue.
    pub queue: String,
    /// How many at most: 1 to 100, 1 by default.
    pub limit: Option<i64>,
    /// How long the lease is, in milliseconds: 3 minutes by default, 30 days at most.
    pub lease_ms: Option<i64>,
}

/// The lease that `dequeue` gave.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobLease {
    /// The job.
    pub id: String,
    /// The lease's token.
    pub lease: String,
}

/// Makes a lease last from now.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobRenewal {
    /// The job.
    pub id: String,
    /// The lease's token.
    pub lease: String,
    /// How long the lease is from now on, in milliseconds: 3 minutes by default, 30 days at most.
    pub lease_ms: Option<i64>,
}

/// Ends a job.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobCompletion {
    /// The job.
    pub id: String,
    /// The lease's token.
    pub lease: String,
    /// What came of it; nothing by default.
    pub result: Option<Json>,
}

/// Ends an attempt that failed.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobFailure {
    /// The job.
    pub id: String,
    /// The lease's token.
    pub lease: String,
    /// Why, in at most 4,096 bytes.
    pub error: String,
}

/// Names one job.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobRef {
    /// The job.
    pub id: String,
}

/// Which jobs to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobList {
    /// The user whose jobs to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those in this queue.
    pub queue: Option<String>,
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those enqueued at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only those enqueued before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// By when they were enqueued; newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Which jobs to count.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobCounting {
    /// The user whose jobs to count. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those in this queue.
    pub queue: Option<String>,
}

/// How many jobs of a queue are in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct JobCount {
    /// The queue.
    pub queue: String,
    /// The state.
    pub state: JobState,
    /// How many.
    pub count: i64,
}

/// Removes jobs that ended.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobRemoval {
    /// The user whose jobs to remove. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Those that ended before this, in milliseconds since 1970-01-01 UTC.
    pub ended_before: i64,
}

const COLUMNS: &str = "job, user, number, queue, state, priority, run_at, key, payload, max_attempts, backoff_ms, max_backoff_ms,
  attempts, lease, lease_until, result, error, created_at, updated_at, ended_at";

const JOB: Named = Named {
    what: "job",
    table: "job",
    key: "job",
    columns: COLUMNS,
};

/// Reads a job with its lease's token.
fn read(row: &rusqlite::Row<'_>) -> Result<Job> {
    let result: Option<String> = row.get(15)?;
    Ok(Job {
        id: row.get(0)?,
        user_id: UserId { user: row.get(1)? },
        number: row.get(2)?,
        queue: row.get(3)?,
        state: JobState::parse(text(row, 4)?)?,
        priority: row.get(5)?,
        run_at: row.get(6)?,
        key: row.get(7)?,
        payload: from_json("payload", text(row, 8)?)?,
        max_attempts: row.get(9)?,
        backoff_ms: row.get(10)?,
        max_backoff_ms: row.get(11)?,
        attempts: row.get(12)?,
        lease: row.get(13)?,
        lease_until: row.get(14)?,
        result: result.map(|json| from_json("result", &json)).transpose()?,
        error: row.get(16)?,
        created_at: row.get(17)?,
        updated_at: row.get(18)?,
        ended_at: row.get(19)?,
    })
}

fn find(view: &View<'_>, id: &str) -> Result<Job> {
    JOB.get(view, id, read)
}

/// Reads a job.
pub fn get(view: &View<'_>, id: &str) -> Result<Job> {
    find(view, id).map(without_token)
}

fn without_token(job: Job) -> Job {
    Job { lease: None, ..job }
}

/// Puts a job into a queue, or gives the one with the same key that is queued or running.
pub fn enqueue(tx: &Tx<'_>, new: &NewJob) -> Result<Job> {
    let user = owner(tx, new.user_id)?;
    if !exists(tx, user)? {
        return Err(Error::not_found("user", user));
    }
    check_name("a queue", &new.queue)?;
    let payload = to_json("the payload", &new.payload)?;
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Error::invalid(format!(
            "the payload is larger than {MAX_PAYLOAD_BYTES} bytes of JSON"
        )));
    }
    let priority = new.priority.unwrap_or(0);
    check_range("a priority is", priority, -MAX_PRIORITY, MAX_PRIORITY)?;
    let max_attempts = new.max_attempts.unwrap_or(5);
    check_range("attempts are", max_attempts, 1, MAX_ATTEMPTS)?;
    let backoff_ms = new.backoff_ms.unwrap_or(1000);
    check_range("a wait is", backoff_ms, 0, LONGEST_MS)?;
    let max_backoff_ms = new.max_backoff_ms.unwrap_or(60 * 60 * 1000);
    check_range("a wait is", max_backoff_ms, 0, LONGEST_MS)?;
    if let Some(key) = &new.key {
        check_name("a key", key)?;
        if let Some(active) = active_with_key(tx, user, &new.queue, key)? {
            return get(tx, &active);
        }
    }
    let number = next_number(tx, "job")?;
    let id = tx.uuid();
    let now = tx.now_ms();
    tx.execute(
        "INSERT INTO job (job, user, number, queue, state, priority, run_at, key, payload, max_attempts, backoff_ms,
                          max_backoff_ms, attempts, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, 'queued', ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12, ?12)",
        rusqlite::params![
            id,
            user.user,
            number,
            new.queue,
            priority,
            new.run_at.unwrap_or(now),
            new.key,
            payload,
            max_attempts,
            backoff_ms,
            max_backoff_ms,
            now,
        ],
    )?;
    get(tx, &id)
}

fn active_with_key(
    view: &View<'_>,
    user: UserId,
    queue: &str,
    key: &str,
) -> Result<Option<String>> {
    let mut statement = view.prepare(
        "SELECT job FROM job WHERE user = ?1 AND queue = ?2 AND key = ?3 AND ended_at IS NULL LIMIT 1",
    )?;
    let found = statement.query_row((user.user, queue, key), |row| row.get(0));
    Ok(found.optional()?)
}

/// Frees the jobs of a queue whose leases ran out, then leases those that are due: by priority, then by run time, then in
/// the order they were enqueued.
pub fn dequeue(tx: &Tx<'_>, wanted: &Dequeue) -> Result<Vec<Job>> {
    let user = wanted.user_id.or(tx.scope());
    user.map_or(Ok(()), |user| tx.admit(user))?;
    let queue = &wanted.queue;
    check_name("a queue", queue)?;
    let limit = wanted.limit.unwrap_or(1);
    check_range("a limit is", limit, 1, MAX_LEASED)?;
    let until = lease_end(tx, wanted.lease_ms)?;
    free_expired(tx, user, queue)?;
    let due = due(tx, user, queue, limit)?;
    let mut leased = Vec::with_capacity(due.len());
    for id in due {
        tx.execute(
            "UPDATE job SET state = 'running', attempts = attempts + 1, lease = ?2, lease_until = ?3, updated_at = ?4
             WHERE job = ?1",
            (&id, tx.uuid(), until, tx.now_ms()),
        )?;
        leased.push(find(tx, &id)?);
    }
    Ok(leased)
}

/// Restricts jobs to those of `user`, or to none.
const fn owned(user: Option<UserId>) -> &'static str {
    match user {
        Some(_) => "user = ?1",
        None => "?1 IS NULL",
    }
}

/// The jobs of a queue to run next.
///
/// Within a priority those that are due come first, so each priority in use costs one look at where it begins and one at
/// its due jobs, however many wait for their time.
fn due(tx: &Tx<'_>, user: Option<UserId>, queue: &str, limit: i64) -> Result<Vec<String>> {
    let owned = owned(user);
    let number = user.map(|user| user.user);
    let mut highest = tx.prepare(&format!(
        "SELECT max(priority) FROM job WHERE state = 'queued' AND {owned} AND queue = ?2 AND priority < ?3"
    ))?;
    let mut first = tx.prepare(&format!(
        "SELECT job FROM job WHERE state = 'queued' AND {owned} AND queue = ?2 AND priority = ?3 AND run_at <= ?4
         ORDER BY run_at, number LIMIT ?5"
    ))?;
    let mut due = Vec::new();
    let mut below = MAX_PRIORITY + 1;
    let mut room = limit;
    while room > 0 {
        let priority: Option<i64> = highest.query_row((number, queue, below), |row| row.get(0))?;
        let Some(priority) = priority else {
            break;
        };
        let mut rows = first.query((number, queue, priority, tx.now_ms(), room))?;
        while let Some(row) = rows.next()? {
            due.push(row.get(0)?);
            room -= 1;
        }
        below = priority;
    }
    Ok(due)
}

/// Counts each lease of a queue that ran out as a failed attempt.
fn free_expired(tx: &Tx<'_>, user: Option<UserId>, queue: &str) -> Result<()> {
    let owned = owned(user);
    let sql = format!(
        "SELECT {COLUMNS} FROM job WHERE state = 'running' AND {owned} AND queue = ?2 AND lease_until <= ?3
         ORDER BY lease_until LIMIT ?4"
    );
    let mut expired = Vec::new();
    {
        let mut statement = tx.prepare(&sql)?;
        let user = user.map(|user| user.user);
        let mut rows = statement.query((user, queue, tx.now_ms(), MAX_AT_ONCE))?;
        while let Some(row) = rows.next()? {
            expired.push(read(row)?);
        }
    }
    for job in &expired {
        end_failed(tx, job, "the lease ran out")?;
    }
    Ok(())
}

/// Makes a lease last from now.
///
/// # Errors
/// `conflict` when the job is no longer leased by this token, as for every use of a lease.
pub fn renew(tx: &Tx<'_>, renewal: &JobRenewal) -> Result<Job> {
    held(tx, &renewal.id, &renewal.lease)?;
    let until = lease_end(tx, renewal.lease_ms)?;
    tx.execute(
        "UPDATE job SET lease_until = ?2, updated_at = ?3 WHERE job = ?1",
        (&renewal.id, until, tx.now_ms()),
    )?;
    find(tx, &renewal.id)
}

/// Ends a job as done.
pub fn complete(tx: &Tx<'_>, completion: &JobCompletion) -> Result<Job> {
    held(tx, &completion.id, &completion.lease)?;
    let result = completion.result.as_ref();
    let result = result.map(|json| to_json("the result", json)).transpose()?;
    tx.execute(
        "UPDATE job SET state = 'done', result = ?2, lease = NULL, lease_until = NULL, updated_at = ?3, ended_at = ?3
         WHERE job = ?1",
        (&completion.id, result, tx.now_ms()),
    )?;
    get(tx, &completion.id)
}

/// Ends an attempt: the job waits for the next one, or is dead when it was the last.
pub fn fail(tx: &Tx<'_>, failure: &JobFailure) -> Result<Job> {
    check_label("the error", &failure.error)?;
    let job = held(tx, &failure.id, &failure.lease)?;
    end_failed(tx, &job, &failure.error)?;
    get(tx, &failure.id)
}

/// Gives a job back as it was before it was taken.
pub fn release(tx: &Tx<'_>, lease: &JobLease) -> Result<Job> {
    held(tx, &lease.id, &lease.lease)?;
    tx.execute(
        "UPDATE job SET state = 'queued', attempts = attempts - 1, lease = NULL, lease_until = NULL, updated_at = ?2
         WHERE job = ?1",
        (&lease.id, tx.now_ms()),
    )?;
    get(tx, &lease.id)
}

/// The job that a lease is good for.
fn held(view: &View<'_>, id: &str, lease: &str) -> Result<Job> {
    let job = find(view, id)?;
    if job.lease.as_deref() == Some(lease) {
        return Ok(job);
    }
    Err(Error::new(
        Code::Conflict,
        format!("the lease of job {id} is not held any more"),
    ))
}

fn end_failed(tx: &Tx<'_>, job: &Job, error: &str) -> Result<()> {
    let now = tx.now_ms();
    let is_dead = job.attempts >= job.max_attempts;
    tx.execute(
        "UPDATE job SET state = ?2, run_at = ?3, ended_at = ?4, error = ?5, lease = NULL, lease_until = NULL, updated_at = ?6
         WHERE job = ?1",
        (
            &job.id,
            if is_dead { JobState::Dead } else { JobState::Queued }.as_str(),
            if is_dead { job.run_at } else { now.saturating_add(backoff(job)) },
            is_dead.then_some(now),
            error,
            now,
        ),
    )?;
    Ok(())
}

/// The wait before the next attempt, in milliseconds.
fn backoff(job: &Job) -> i64 {
    let mut wait = job.backoff_ms;
    for _ in 1..job.attempts {
        if wait == 0 || wait >= job.max_backoff_ms {
            break;
        }
        wait = wait.saturating_mul(2);
    }
    wait.min(job.max_backoff_ms)
}

/// Calls a job off, also while it runs: its lease is void then. Doing so twice is doing so once.
///
/// # Errors
/// `conflict` when it is done or dead.
pub fn cancel(tx: &Tx<'_>, id: &str) -> Result<Job> {
    let job = get(tx, id)?;
    match job.state {
        JobState::Cancelled => return Ok(job),
        JobState::Queued | JobState::Running => {}
        JobState::Done | JobState::Dead => return Err(wrong_state(&job)),
    }
    tx.execute(
        "UPDATE job SET state = 'cancelled', lease = NULL, lease_until = NULL, updated_at = ?2, ended_at = ?2 WHERE job = ?1",
        (id, tx.now_ms()),
    )?;
    get(tx, id)
}

/// Queues a dead or cancelled job again, to run at once with all of its attempts.
///
/// # Errors
/// `conflict` when it is neither, or another with its key is queued or running.
pub fn revive(tx: &Tx<'_>, id: &str) -> Result<Job> {
    let job = get(tx, id)?;
    if !matches!(job.state, JobState::Dead | JobState::Cancelled) {
        return Err(wrong_state(&job));
    }
    if let Some(key) = &job.key
        && let Some(active) = active_with_key(tx, job.user_id, &job.queue, key)?
    {
        return Err(Error::new(
            Code::Conflict,
            format!("job {active} has the same key"),
        ));
    }
    tx.execute(
        "UPDATE job SET state = 'queued', attempts = 0, run_at = ?2, updated_at = ?2, ended_at = NULL WHERE job = ?1",
        (id, tx.now_ms()),
    )?;
    get(tx, id)
}

fn wrong_state(job: &Job) -> Error {
    let state = job.state.as_str();
    Error::new(Code::Conflict, format!("job {} is {state}", job.id))
}

/// Lists a user's jobs in the order they were enqueued, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &JobList) -> Result<Page<Job>> {
    let owner = owner(view, query.user_id)?;
    let limit = page::limit(query.limit)?;
    let order = query.order.unwrap_or_default();
    let list = format!(
        "jobs {owner} {order:?} {:?} {:?} {:?} {:?}",
        query.queue, query.state, query.since, query.until
    );
    let (direction, beyond, start) = match order {
        Order::Newest => ("DESC", "<", [i64::MAX]),
        Order::Oldest => ("ASC", ">", [i64::MIN]),
    };
    let [after] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or(start);
    let by_queue = query.queue.as_ref().map_or("", |_| "AND queue = ?3");
    let by_state = query.state.map_or("", |_| "AND state = ?4");
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM job
         WHERE user = ?1 AND number {beyond} ?2 {by_queue} {by_state} AND created_at >= ?5 AND created_at < ?6
         ORDER BY number {direction} LIMIT ?7"
    ))?;
    let mut rows = statement.query((
        owner.user,
        after,
        &query.queue,
        query.state.map(JobState::as_str),
        query.since.unwrap_or(i64::MIN),
        query.until.unwrap_or(i64::MAX),
        limit + 1,
    ))?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(without_token(read(row)?));
    }
    Ok(page::cut(jobs, limit, |last| {
        Cursor::encode(&list, &[last.number])
    }))
}

/// The states in the order of their names, in which they are counted.
const COUNTED: [JobState; 5] = [
    JobState::Cancelled,
    JobState::Dead,
    JobState::Done,
    JobState::Queued,
    JobState::Running,
];

/// Counts a user's jobs by queue and state; what there is none of is left out.
pub fn counts(view: &View<'_>, query: &JobCounting) -> Result<Vec<JobCount>> {
    let owner = owner(view, query.user_id)?;
    let of_queue = match query.queue {
        Some(_) => "queue = ?2",
        None => "?2 IS NULL",
    };
    // One look at an index that has queues in order; grouping by state as well would sort every job.
    let mut statement = view.prepare(&format!(
        "SELECT queue, sum(state = 'cancelled'), sum(state = 'dead'), sum(state = 'done'), sum(state = 'queued'), sum(state = 'running')
         FROM job WHERE user = ?1 AND {of_queue} GROUP BY queue ORDER BY queue"
    ))?;
    let mut rows = statement.query((owner.user, &query.queue))?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        let queue: String = row.get(0)?;
        for (state, column) in COUNTED.into_iter().zip(1..) {
            let count = row.get(column)?;
            if count > 0 {
                counts.push(JobCount {
                    queue: queue.clone(),
                    state,
                    count,
                });
            }
        }
    }
    Ok(counts)
}

/// Removes a user's jobs that ended before a time, the oldest 1,000 at most, and says how many.
pub fn remove_ended(tx: &Tx<'_>, removal: &JobRemoval) -> Result<i64> {
    let owner = owner(tx, removal.user_id)?;
    let removed = tx.execute(
        "DELETE FROM job WHERE job IN
           (SELECT job FROM job WHERE user = ?1 AND ended_at < ?2 ORDER BY ended_at LIMIT ?3)",
        (owner.user, removal.ended_before, MAX_AT_ONCE),
    )?;
    i64::try_from(removed).map_err(|_| Error::invalid("too many jobs"))
}

/// Removes a job that has ended.
pub(super) fn remove(tx: &Tx<'_>, id: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM job WHERE job = ?1 AND ended_at IS NOT NULL",
        [id],
    )?;
    Ok(())
}

fn check_range(what: &str, value: i64, least: i64, most: i64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} from {least} to {most}, not {value}"
    )))
}

/// When a lease that is given now runs out. Long by default: the timers of a hidden page, which renews it, run once a minute.
fn lease_end(tx: &Tx<'_>, lease_ms: Option<i64>) -> Result<i64> {
    let lease_ms = lease_ms.unwrap_or(3 * 60 * 1000);
    check_range("a lease is", lease_ms, 1, LONGEST_MS)?;
    Ok(tx.now_ms().saturating_add(lease_ms))
}

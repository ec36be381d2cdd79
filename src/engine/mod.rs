//! Answers requests by name: the store, its streams and its followers behind one queue.
//!
//! Whoever drives an engine hands it the requests that wait as one [`turn`](Engine::turn), calls
//! [`tick`](Engine::tick) when [`due`](Engine::due) says so, and passes on what [`take_events`](Engine::take_events) gives.
//! Nothing in here knows of browsers: arguments and answers are JSON.

pub mod contents;
pub mod exports;
pub mod imports;
pub mod json;
pub mod methods;
pub mod metrics;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod plans;
mod streams;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod typescript;
pub mod wire;

use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::archive::BackupKind;
use crate::backup::{self, BackupRef, BackupRequest, BackupSettings, Making, Verifying};
use crate::database::PageCache;
use crate::disk::Disk;
use crate::error::{Code, Error, Result};
use crate::health::{self, Check, HealthCheck, HealthDepth, Repair, Usage, Weighing};
use crate::history::{self, Asker};
use crate::host::Host;
use crate::search::SearchCheck;
use crate::store::{
    Caller, Collection, Compaction, Durability, Event, Job, Listening, MigrationProgress, Options,
    Pause, Store, Turn, Upkeep, UpkeepWork, WorkProgress,
};
use crate::stream::StreamSettings;
use contents::Contents;
use exports::Exports;
pub use imports::ImportProgress;
use imports::Imports;
use methods::Nothing;
use metrics::Operations;
use streams::{Step, Streams};
use wire::{FollowerNews, StreamStats};

/// What an app may choose when it opens a store.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EngineOptions {
    /// When a write is answered: `strict` by default.
    pub durability: Option<Durability>,
    /// When bundles and chunks close.
    pub stream: Option<StreamSettings>,
    /// Milliseconds from one check of everything to the next, which begins when nothing else is to be done; none by
    /// default, and for 0.
    pub check_every_ms: Option<i64>,
    /// Whether backups are made by themselves, as `backups.configure` says: true by default.
    pub backups: Option<bool>,
}

/// Milliseconds before a check that failed is begun again.
const CHECK_AGAIN_MS: i64 = 60 * 60 * 1000;

/// Milliseconds from opening to when a backup may be due, and from then on between two looks at it.
const BACKUP_AFTER_MS: i64 = 5 * 60 * 1000;
const BACKUP_LOOK_MS: i64 = 60 * 60 * 1000;

/// A request: a method's name, its arguments, and on whose behalf.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// Its arguments, as JSON.
    pub args: &'a str,
    /// The user whose records alone may be seen and touched.
    pub user: Option<&'a str>,
    /// The request's own name.
    pub request_id: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// A request of the app's own, without a name.
    #[must_use]
    pub const fn new(method: &'a str, args: &'a str) -> Self {
        Self {
            method,
            args,
            user: None,
            request_id: None,
        }
    }

    fn caller(&self) -> Result<Caller<'a>> {
        Ok(Caller {
            user: self.user.map(str::parse).transpose()?,
            request_id: self.request_id,
        })
    }

    /// The arguments of a request that only the app itself may make.
    fn for_the_app<A: DeserializeOwned>(&self) -> Result<A> {
        if self.user.is_some() {
            return Err(Error::invalid("a user's own view cannot do this"));
        }
        json::read(self.args)
    }
}

/// What became of a request.
#[derive(Debug)]
pub enum Answer {
    /// It is done and kept; its value, as JSON.
    Done(String),
    /// It failed and changed nothing.
    Failed(Error),
    /// Damage came in its way before it had any effect: ask again after the next [`Engine::tick`].
    Again(Error),
}

/// Figures of the running store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct StoreStats {
    /// The last journal line.
    pub journal_seq: u64,
    /// Journal segments.
    pub journal_segments: u64,
    /// Bytes of journal, before compression, since the newest snapshot.
    pub journal_bytes: u64,
    /// The schema version.
    pub schema: u32,
    /// How the database's page cache does.
    pub page_cache: PageCache,
    /// What streams have done.
    pub streams: StreamStats,
}

/// Migrates the schema.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MigrateTo {
    /// The version to migrate to.
    pub to: u32,
}

/// Removes contents that nothing has any more.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Collect {
    /// Only what nothing has had for this many milliseconds; 0 by default.
    pub grace_ms: Option<i64>,
}

/// Changes when writes are answered.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetDurability {
    /// The new durability.
    pub durability: Durability,
}

/// No arguments.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoArguments {}

/// The store with everything that is open in it.
pub struct Engine {
    store: Store,
    streams: Streams,
    contents: Contents,
    exports: Exports,
    imports: Imports,
    news: Vec<FollowerNews>,
    /// What the clock last said.
    clock_at: i64,
    maintenance_at: Option<i64>,
    /// Long work that was asked for, between two of its slices.
    work: Option<Work>,
    check_every_ms: i64,
    /// When the next check is due; none until it is looked up.
    check_at: Option<i64>,
    /// A check that runs by itself.
    check: Option<Check>,
    /// When it is to be looked whether a backup is due; none if they are not made by themselves.
    backup_at: Option<i64>,
    /// A backup that is made by itself.
    backup: Option<Making>,
    operations: Operations,
}

/// Long work under way.
struct Work {
    id: u64,
    job: Box<dyn Job>,
    us: u64,
}

impl Engine {
    /// Opens a store.
    ///
    /// # Errors
    /// As [`Store::open`], and `invalid_argument` for settings without sense.
    pub async fn open(
        disk: Rc<dyn Disk>,
        host: Rc<dyn Host>,
        options: &EngineOptions,
    ) -> Result<Self> {
        Self::open_telling(disk, host, options, &mut |_| {}).await
    }

    /// Like [`open`](Self::open), and tells `progress` how far the migration of a store from an older version is, as JSON.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_telling(
        disk: Rc<dyn Disk>,
        host: Rc<dyn Host>,
        options: &EngineOptions,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let settings = options.stream.unwrap_or_default().check()?;
        let store_options = Options {
            durability: options.durability.unwrap_or_default(),
            ..Options::default()
        };
        let check_every_ms = options.check_every_ms.unwrap_or(0);
        if check_every_ms < 0 {
            return Err(Error::invalid("checkEveryMs is not negative"));
        }
        let mut tell = |step| tell_step(progress, step);
        let mut store = Store::open_telling(disk, host, store_options, &mut tell).await?;
        Box::pin(backup::rescue(&mut store)).await?;
        Box::pin(health::salvage(&mut store)).await?;
        let mut engine = Self::over(store, settings);
        if options.backups.unwrap_or(true) {
            let now = engine.store.host().now_ms();
            engine.backup_at = Some(now.saturating_add(BACKUP_AFTER_MS));
        }
        engine.check_every_ms = check_every_ms;
        if check_every_ms > 0 {
            engine.next_check();
        }
        Ok(engine)
    }

    /// An engine over a store that is open already. It makes no checks and no backups by itself.
    #[must_use]
    pub fn over(store: Store, settings: StreamSettings) -> Self {
        let now = store.host().now_ms();
        Self {
            store,
            streams: Streams::new(settings),
            contents: Contents::default(),
            exports: Exports::default(),
            imports: Imports::default(),
            news: Vec::new(),
            clock_at: now,
            maintenance_at: Some(now),
            work: None,
            check_every_ms: 0,
            check_at: None,
            check: None,
            backup_at: None,
            backup: None,
            operations: Operations::default(),
        }
    }

    /// Answers requests together: one append and one flush for all of them.
    ///
    /// Must not be called while [`needs_tick`](Self::needs_tick).
    pub fn turn(&mut self, requests: &[Request<'_>]) -> Vec<Answer> {
        let started = self.store.host().monotonic_us();
        let now_ms = self.follow_clock();
        let host = self.store.host().clone();
        let mut answers = Vec::with_capacity(requests.len());
        let mut clock = Clock {
            host: &*host,
            last_us: started,
            laps: Vec::with_capacity(requests.len()),
        };
        let kept = match self.store.turn() {
            Ok(mut turn) => {
                answer_all(
                    &mut turn,
                    &mut self.streams,
                    &self.contents,
                    now_ms,
                    requests,
                    &mut answers,
                    &mut clock,
                );
                turn.finish()
            }
            Err(error) => Err(error),
        };
        let laps = clock.stop(requests.len());
        self.conclude(&kept, started);
        let damaged = self.store.is_damaged();
        let failed = |error: Error| {
            if damaged && error.code() != Code::Indeterminate {
                Answer::Again(error)
            } else {
                Answer::Failed(error)
            }
        };
        let answers: Vec<Answer> = match kept {
            Ok(()) => answers
                .into_iter()
                .map(|answer| match answer {
                    Ok(output) => Answer::Done(output),
                    Err(error) if error.code() == Code::Corrupt || error.code() == Code::Io => {
                        failed(error)
                    }
                    Err(error) => Answer::Failed(error),
                })
                .collect(),
            Err(error) => requests.iter().map(|_| failed(error.clone())).collect(),
        };
        for ((request, answer), us) in requests.iter().zip(&answers).zip(laps) {
            let failed = match answer {
                Answer::Done(_) => None,
                Answer::Failed(error) | Answer::Again(error) => Some(error.code()),
            };
            self.operations.add(request.method, us, failed);
        }
        answers
    }

    /// Settles the streams and schedules what the turn made due.
    fn conclude(&mut self, kept: &Result<()>, started_us: u64) {
        let host = self.store.host().clone();
        if kept.is_ok() {
            let (news, measured) = self.streams.kept(
                host.now_ms(),
                host.monotonic_us().saturating_sub(started_us),
            );
            self.news.extend(news);
            for event in measured {
                self.store.tell_log(event);
            }
        } else {
            self.streams.undone();
        }
        let soon = host
            .now_ms()
            .saturating_add(self.store.options_mut().batch_ms);
        let soon = if self.store.maintenance_is_due() {
            host.now_ms()
        } else {
            soon
        };
        self.maintenance_at = Some(self.maintenance_at.map_or(soon, |at| at.min(soon)));
    }

    /// Whether [`tick`](Self::tick) must come before the next turn.
    pub fn needs_tick(&self) -> bool {
        self.store.maintenance_is_urgent()
    }

    /// In how many milliseconds [`tick`](Self::tick) should be called; none when nothing is due.
    pub fn due(&mut self) -> Option<u64> {
        let now = self.follow_clock();
        let check_at = self.check_at.filter(|_| self.check_every_ms > 0);
        let next = [
            self.streams.deadline(),
            self.maintenance_at,
            self.exports.deadline(),
            check_at,
            self.backup_at,
        ]
        .into_iter()
        .flatten()
        .min();
        next.map(|at| u64::try_from(at.saturating_sub(now)).unwrap_or(0))
    }

    /// What the clock says. If it was set back, what is due goes back with it, rather than to wait until it has caught up.
    fn follow_clock(&mut self) -> i64 {
        let now = self.store.host().now_ms();
        let back = self.clock_at.saturating_sub(now);
        self.clock_at = now;
        if back > 0 {
            self.streams.set_back(back);
            self.exports.set_back(back);
            let times = [
                &mut self.maintenance_at,
                &mut self.check_at,
                &mut self.backup_at,
            ];
            for at in times.into_iter().flatten() {
                *at = at.saturating_sub(back);
            }
        }
        now
    }

    /// Closes bundles whose time has come, and does one small piece of upkeep. `idle` says that no request waits.
    ///
    /// # Errors
    /// Only when a recovery failed; the store cannot go on then until a later call succeeds.
    pub async fn tick(&mut self, idle: bool) -> Result<()> {
        let now = self.follow_clock();
        if !self.needs_tick()
            && self
                .streams
                .deadline()
                .is_some_and(|deadline| deadline <= now)
        {
            let started = self.store.host().monotonic_us();
            let kept = self.store.turn().and_then(|mut turn| {
                self.streams.close_overdue(&mut turn, now)?;
                turn.finish()
            });
            self.conclude(&kept, started);
            if let Err(error) = kept {
                self.streams.put_off(now);
                self.store.trouble("closing a bundle", &error);
            }
        }
        self.exports.tidy(&mut self.store);
        if self.needs_tick() || self.maintenance_at.is_some_and(|at| at <= now) {
            let next = self.store.maintain(idle).await?;
            Box::pin(health::salvage(&mut self.store)).await?;
            let now = self.store.host().now_ms();
            self.maintenance_at =
                next.map(|ms| now.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)));
        } else if idle && !self.back_up_by_itself(now).await {
            self.check_by_itself(now).await;
        }
        Ok(())
    }

    /// Does a slice of the check that is due, if one is.
    async fn check_by_itself(&mut self, now: i64) {
        if self.check_every_ms == 0 || self.next_check().is_none_or(|at| at > now) {
            return;
        }
        let mut check = self
            .check
            .take()
            .unwrap_or_else(|| Check::new(now, HealthDepth::Normal));
        match check.step(&mut self.store, &mut |_| {}).await {
            Ok(None) => self.check = Some(check),
            Ok(Some(_)) => {
                self.streams.doubt();
                self.check_at = Some(now.saturating_add(self.check_every_ms));
                self.maintenance_at = Some(now);
            }
            Err(error) => {
                self.check_at = Some(now.saturating_add(CHECK_AGAIN_MS));
                self.store.trouble("checking", &error);
            }
        }
    }

    /// Does a slice of the backup that is due; false if none is.
    async fn back_up_by_itself(&mut self, now: i64) -> bool {
        if self.backup_at.is_none_or(|at| at > now) {
            return false;
        }
        match self.backup_slice(now).await {
            Ok(true) => return true,
            Ok(false) => {}
            Err(error) => self.store.trouble("backing up", &error),
        }
        if let Some(mut making) = self.backup.take() {
            making.give_up(&mut self.store);
        }
        self.backup_at = Some(now.saturating_add(BACKUP_LOOK_MS));
        self.maintenance_at = Some(now);
        true
    }

    /// Lets someone who waits go first: the backup that is made by itself begins again later.
    fn put_backup_off(&mut self) {
        if let Some(mut making) = self.backup.take() {
            making.give_up(&mut self.store);
            let now = self.store.host().now_ms();
            self.backup_at = Some(now.saturating_add(BACKUP_AFTER_MS));
        }
    }

    /// True while there is more to do.
    async fn backup_slice(&mut self, now: i64) -> Result<bool> {
        if self.backup.is_none() {
            let settings = backup::settings(&mut self.store)?;
            let backups = backup::list(&*self.store.backup_files()).await?;
            let newest = backups.iter().rev().find(|it| it.scope == settings.scope);
            let is_news = newest.is_none_or(|newest| newest.seq != self.store.last_seq());
            let due = backup::due(&settings, &backups, now).filter(|_| is_news);
            let Some(kind) = due else {
                return Ok(false);
            };
            self.backup = Some(Making::new(kind, settings.scope, false));
        }
        let Some(making) = &mut self.backup else {
            return Ok(false);
        };
        let made = making.step(&mut self.store, &mut |_| {}).await?;
        Ok(made.is_none())
    }

    /// When the next check is due; none while that cannot be read.
    fn next_check(&mut self) -> Option<i64> {
        if self.check_at.is_none() {
            let last = self.store.read(Caller::default(), health::last_checked);
            let last = last.inspect_err(|error| self.store.trouble("checking", error));
            self.check_at = Some(match last {
                Ok(last) => last.saturating_add(self.check_every_ms),
                Err(_) => self.store.host().now_ms().saturating_add(CHECK_AGAIN_MS),
            });
        }
        self.check_at
    }

    /// Methods that concern the store as a whole, and run between turns: none if there is no such method. Long ones do one
    /// slice, and give no answer until they are done: call again with the same `id`, which is the request's, after turns and
    /// [`tick`](Self::tick) had their chance. Another id ends what was under way. `progress` is told steps as JSON.
    pub async fn task(
        &mut self,
        id: u64,
        request: Request<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Option<Result<Option<String>>> {
        let started = self.store.host().monotonic_us();
        if self.work.as_ref().is_some_and(|work| work.id != id) {
            self.drop_task();
        }
        let resumed = self.work.take();
        let begun = match resumed {
            Some(work) => Some(Ok(work)),
            None => self.begin(request).map(|begun| {
                let job = begun?;
                Ok(Work { id, job, us: 0 })
            }),
        };
        let (answer, us) = match begun {
            Some(Ok(mut work)) => {
                let step = work.job.step(&mut self.store, progress).await;
                let now = self.store.host().monotonic_us();
                work.us += now.saturating_sub(started);
                let us = work.us;
                if let Ok(None) = step {
                    self.work = Some(work);
                    return Some(Ok(None));
                }
                work.job.give_up(&mut self.store);
                self.streams.doubt();
                self.maintenance_at = Some(self.store.host().now_ms());
                (step, us)
            }
            Some(Err(error)) => (Err(error), 0),
            None => {
                let answer = self.at_once(request, progress).await?.map(Some);
                let now = self.store.host().monotonic_us();
                (answer, now.saturating_sub(started))
            }
        };
        let failed = answer.as_ref().err().map(Error::code);
        self.operations.add(request.method, us, failed);
        Some(answer)
    }

    /// Answers a request that has bytes beside it, or wants some: none if there is no such method. Each moves 4 MiB at most.
    ///
    /// While an import is written there are pauses, in which nothing else may be asked; one that says so aborts it.
    pub async fn bytes(
        &mut self,
        request: Request<'_>,
        bytes: &[u8],
        pause: &mut Pause<'_, ImportProgress>,
    ) -> Option<Result<(String, Option<Vec<u8>>)>> {
        let started = self.store.host().monotonic_us();
        if matches!(request.method, "exports.begin" | "exports.backup") {
            self.put_backup_off();
        }
        let answer = match request.method.split_once('.') {
            Some(("exports", _)) => self.exports.answer(&mut self.store, request).await?,
            Some(("imports", _)) => {
                let imports = &mut self.imports;
                let answer = imports
                    .answer(&mut self.store, request, bytes, pause)
                    .await?;
                if request.method == "imports.apply" {
                    // What it wrote did not go through a turn.
                    self.streams.doubt();
                }
                answer.map(|json| (json, None))
            }
            _ => {
                let contents = self.contents.answer(&mut self.store, request, bytes);
                contents.await?
            }
        };
        self.maintenance_at = Some(self.store.host().now_ms());
        let now = self.store.host().monotonic_us();
        let failed = answer.as_ref().err().map(Error::code);
        self.operations
            .add(request.method, now.saturating_sub(started), failed);
        Some(answer)
    }

    /// Gives up the long work that is between two of its slices.
    pub fn drop_task(&mut self) {
        if let Some(mut work) = self.work.take() {
            work.job.give_up(&mut self.store);
        }
    }

    /// Begins long work; none if the method is none.
    fn begin(&mut self, request: Request<'_>) -> Option<Result<Box<dyn Job>>> {
        let is_backing_up = self.backup.is_some();
        let store = &mut self.store;
        let asker = || {
            Ok(Asker {
                user: request.caller()?.user,
                request_id: request.request_id.map(str::to_owned),
            })
        };
        let begun = match request.method {
            "history.list" => {
                asker().and_then(|it| history::list(store, &it, json::read(request.args)?))
            }
            "history.at" => {
                asker().and_then(|it| history::at(store, &it, json::read(request.args)?))
            }
            "history.undo" => {
                asker().and_then(|it| history::undo(store, &it, json::read(request.args)?))
            }
            "health.check" => request
                .for_the_app()
                .map(|HealthCheck { depth }| -> Box<dyn Job> {
                    Box::new(Check::new(store.host().now_ms(), depth.unwrap_or_default()))
                }),
            // They would be in each other's way.
            "backups.create" | "health.repair" if is_backing_up => Err(Error::new(
                Code::Locked,
                "a backup is being made; try again when it is done",
            )),
            "health.repair" => request.for_the_app().map(|NoArguments {}| -> Box<dyn Job> {
                Box::new(Repair::new(store.host().now_ms()))
            }),
            "health.compact" => request
                .for_the_app()
                .map(|NoArguments {}| -> Box<dyn Job> { Box::new(Compaction::default()) }),
            "health.usage" => request
                .for_the_app()
                .map(|query| -> Box<dyn Job> { Box::new(Usage::new(query)) }),
            "retention.collect" => request.for_the_app().map(|args: Collect| -> Box<dyn Job> {
                Box::new(Collection::new(args.grace_ms.unwrap_or(0)))
            }),
            "backups.create" => request
                .for_the_app()
                .map(|args: BackupRequest| -> Box<dyn Job> {
                    let scope = args.scope.unwrap_or_default();
                    let is_full = args.full.unwrap_or(false);
                    Box::new(Making::new(BackupKind::Manual, scope, is_full))
                }),
            "backups.verify" => request
                .for_the_app()
                .map(|BackupRef { name }| -> Box<dyn Job> { Box::new(Verifying::new(name)) }),
            "health.reclaimable" => request
                .for_the_app()
                .map(|NoArguments {}| -> Box<dyn Job> { Box::new(Weighing::default()) }),
            _ => return None,
        };
        Some(begun)
    }

    /// Does what takes one step; none if there is no such method.
    async fn at_once(
        &mut self,
        request: Request<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Option<Result<String>> {
        match request.method {
            "health.operations" => Some(
                self.app_only::<NoArguments, _>(request, |engine, _| Ok(engine.operations.stats())),
            ),
            "health.upkeep" => {
                Some(self.app_only::<NoArguments, _>(request, |engine, _| engine.upkeep()))
            }
            "backups.list" => Some(match request.for_the_app() {
                Ok(NoArguments {}) => {
                    let listed = backup::list(&*self.store.backup_files()).await;
                    listed.and_then(|backups| json::write(&backups))
                }
                Err(error) => Err(error),
            }),
            "backups.delete" => Some(match request.for_the_app() {
                Ok(BackupRef { name }) => {
                    let removed = backup::remove(&mut self.store, &name).await;
                    removed.and_then(|()| json::write(&Nothing))
                }
                Err(error) => Err(error),
            }),
            "backups.settings" => Some(self.app_only::<NoArguments, _>(request, |engine, _| {
                backup::settings(&mut engine.store)
            })),
            "backups.configure" => Some(self.app_only::<BackupSettings, _>(
                request,
                |engine, settings| {
                    backup::configure(&mut engine.store, &settings)?;
                    // The next look tells whether one is due by them.
                    engine.backup_at = engine.backup_at.map(|_| engine.store.host().now_ms());
                    Ok(Nothing)
                },
            )),
            "backups.taken" => Some(self.app_only::<NoArguments, _>(request, |engine, _| {
                engine.store.read(Caller::default(), backup::taken)
            })),
            "migrations.migrate" => Some(self.migrate(request, progress).await),
            "migrations.status" => {
                Some(self.app_only::<NoArguments, _>(request, |engine, _| {
                    engine.store.migration_status()
                }))
            }
            "search.status" => Some(
                self.app_only::<NoArguments, _>(request, |engine, _| engine.store.search_status()),
            ),
            "search.rebuild" => Some(
                self.app_only::<NoArguments, _>(request, |engine, _| engine.store.rebuild_search()),
            ),
            "search.build" => Some(
                self.app_only::<NoArguments, _>(request, |engine, _| engine.store.build_search()),
            ),
            "search.check" => Some(self.app_only::<SearchCheck, _>(request, |engine, args| {
                engine.store.check_search(args.cursor.as_deref())
            })),
            "store.stats" => {
                Some(self.app_only::<NoArguments, _>(request, |engine, _| engine.stats()))
            }
            "store.setDurability" => {
                Some(self.app_only::<SetDurability, _>(request, |engine, args| {
                    engine.store.options_mut().durability = args.durability;
                    Ok(Nothing)
                }))
            }
            _ => None,
        }
    }

    /// What is being done by itself, or waits for a quiet moment.
    fn upkeep(&mut self) -> Result<Vec<Upkeep>> {
        let mut all = self.store.upkeep()?;
        if let Some(check) = &self.check {
            let WorkProgress { done, total } = check.progress();
            all.push(Upkeep::at(UpkeepWork::Check, done, total));
        }
        if self.backup.is_some() {
            all.push(Upkeep::somewhere(UpkeepWork::Backup));
        }
        Ok(all)
    }

    /// Answers a request that concerns the store as a whole.
    fn app_only<A: DeserializeOwned, T: Serialize>(
        &mut self,
        request: Request<'_>,
        work: impl FnOnce(&mut Self, A) -> Result<T>,
    ) -> Result<String> {
        let args = request.for_the_app()?;
        let done = work(self, args);
        // It may have begun a batch, which must end.
        self.maintenance_at = Some(self.store.host().now_ms());
        json::write(&done?)
    }

    async fn migrate(
        &mut self,
        request: Request<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<String> {
        let MigrateTo { to } = json::read(request.args)?;
        if request.user.is_some() {
            return Err(Error::invalid("a user's own view cannot migrate"));
        }
        if self.streams.stats().open > 0 {
            return Err(Error::new(
                Code::Conflict,
                "streams are open; close them first",
            ));
        }
        self.store
            .migrate(to, &mut |step| tell_step(progress, step))
            .await?;
        json::write(&self.store.migration_status()?)
    }

    /// Takes what happened since the last call.
    pub fn take_events(&mut self) -> (Vec<Event>, Vec<FollowerNews>) {
        (self.store.take_events(), std::mem::take(&mut self.news))
    }

    /// Whether measured steps and changes are told.
    pub fn set_listening(&mut self, listening: Listening) {
        self.store.set_listening(listening);
    }

    /// The store beneath.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Figures of the running store.
    ///
    /// # Errors
    /// `io` while the database is being replaced.
    pub fn stats(&self) -> Result<StoreStats> {
        let segments = self.store.journal().segments();
        Ok(StoreStats {
            journal_seq: self.store.last_seq(),
            journal_segments: segments.len() as u64,
            journal_bytes: self.store.journal_bytes(),
            schema: self.store.schema(),
            page_cache: self.store.page_cache()?,
            streams: self.streams.stats(),
        })
    }

    /// Ends open streams as interrupted, keeping all their text; followers are told with the next
    /// [`take_events`](Self::take_events).
    pub async fn end_streams(&mut self) -> Result<()> {
        if self.needs_tick() {
            self.store.maintain(true).await?;
        }
        let started = self.store.host().monotonic_us();
        let kept = self.store.turn().and_then(|mut turn| {
            self.streams.interrupt_all(&mut turn)?;
            turn.finish()
        });
        self.conclude(&kept, started);
        kept
    }

    /// Ends open streams and closes the store.
    pub async fn close(mut self) -> Result<()> {
        self.end_streams().await?;
        Box::pin(self.store.close()).await
    }
}

/// Tells a step of a migration as JSON.
fn tell_step(progress: &mut dyn FnMut(&str), step: MigrationProgress) {
    if let Ok(step) = json::write(&step) {
        progress(&step);
    }
}

/// Answers the requests of a turn in their order. What grows streams, one request after another, is written together.
fn answer_all(
    turn: &mut Turn<'_>,
    streams: &mut Streams,
    contents: &Contents,
    now_ms: i64,
    requests: &[Request<'_>],
    answers: &mut Vec<Result<String>>,
    clock: &mut Clock<'_>,
) {
    let mut steps = Vec::new();
    for request in requests {
        if Step::is_one(request.method) {
            steps.push(
                request
                    .caller()
                    .and_then(|caller| Step::read(caller.user, request)),
            );
            continue;
        }
        streams.grow(turn, now_ms, &mut steps, answers);
        clock.lap(answers.len());
        answers.push(answer(turn, streams, contents, request));
        clock.lap(answers.len());
        if turn.is_open() {
            streams.doubt();
        }
    }
    streams.grow(turn, now_ms, &mut steps, answers);
    clock.lap(answers.len());
}

/// How long each request of a turn took.
struct Clock<'a> {
    host: &'a dyn Host,
    last_us: u64,
    laps: Vec<u64>,
}

impl Clock<'_> {
    /// As many requests as this are answered: those since the last call took the time since then.
    fn lap(&mut self, answered: usize) {
        if answered > self.laps.len() {
            let now = self.host.monotonic_us();
            self.laps.resize(answered, now.saturating_sub(self.last_us));
            self.last_us = now;
        }
    }

    /// Adds the time that it took to keep them all.
    fn stop(mut self, requests: usize) -> Vec<u64> {
        let kept = self.host.monotonic_us().saturating_sub(self.last_us);
        self.laps.resize(requests, 0);
        self.laps.iter_mut().for_each(|us| *us += kept);
        self.laps
    }
}

/// Answers one request of a turn.
fn answer(
    turn: &mut Turn<'_>,
    streams: &mut Streams,
    contents: &Contents,
    request: &Request<'_>,
) -> Result<String> {
    let caller = request.caller()?;
    let args = request.args;
    match request.method {
        "messages.stream" => json::write(&streams.begin(turn, caller, &json::read(args)?)?),
        "messages.continue" => json::write(&streams.resume(turn, caller, &json::read(args)?)?),
        "messages.follow" => json::write(&streams.follow(turn, caller, &json::read(args)?)?),
        "messages.unfollow" => {
            streams.unfollow(&json::read(args)?);
            json::write(&Nothing)
        }
        "streams.end" => json::write(&streams.end(turn, caller, &json::read(args)?)?),
        "streams.configure" => {
            streams.configure(caller, &json::read(args)?)?;
            json::write(&Nothing)
        }
        name => contents::give(turn, contents, request)
            .or_else(|| methods::call(turn, name, caller, args))
            .unwrap_or_else(|| Err(Error::invalid(format!("there is no method {name:?}")))),
    }
}

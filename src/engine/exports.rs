//! Archives on their way out: asked for piece by piece, so that whoever takes them sets the pace.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::{Nothing, Request, json};
use crate::archive::{Database, Export, ExportForm, ExportProgress, ExportRequest, Join, Scope};
use crate::backup::{self, TakenArchive};
use crate::disk::{Disk as _, File, LocalFuture, OpenMode};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::Store;

/// Bytes of a file given at once.
const COPY_BYTES: usize = 256 << 10;

/// Milliseconds without a request after which an export gives way to another, and after which it is given up.
const STALE_MS: i64 = 60_000;
const FORGOTTEN_MS: i64 = 10 * 60_000;

/// An export that was begun.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ExportBegun {
    /// Its number, for this worker's lifetime.
    pub export: u64,
    /// A name for its file.
    pub name: String,
}

/// Names an export.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportRef {
    /// The export.
    pub export: u64,
}

/// Asks for a backup as a file.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportBackup {
    /// The backup's file in `backups/`.
    pub name: String,
    /// Whether the file is wanted as it is, for a folder that follows the backups, rather than as an archive that stands alone.
    pub as_it_is: Option<bool>,
}

/// Something on its way out, piece by piece.
pub trait Outgoing {
    /// The next bytes; none at the end.
    fn next<'a>(&'a mut self, store: &'a Store) -> LocalFuture<'a, Result<Option<Vec<u8>>>>;

    /// How far it is.
    fn progress(&self) -> &ExportProgress;

    /// Lets go of what it holds in the store.
    fn end(&self, _store: &mut Store) {}
}

impl Outgoing for Export {
    fn next<'a>(&'a mut self, store: &'a Store) -> LocalFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(Self::next(self, store))
    }

    fn progress(&self) -> &ExportProgress {
        Self::progress(self)
    }

    fn end(&self, store: &mut Store) {
        Self::end(self, store);
    }
}

impl Outgoing for Join {
    fn next<'a>(&'a mut self, _store: &'a Store) -> LocalFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async { self.next_bytes() })
    }

    fn progress(&self) -> &ExportProgress {
        Self::progress(self)
    }
}

impl Outgoing for Database {
    fn next<'a>(&'a mut self, store: &'a Store) -> LocalFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async { self.next_bytes(store) })
    }

    fn progress(&self) -> &ExportProgress {
        Self::progress(self)
    }

    fn end(&self, store: &mut Store) {
        Self::end(self, store);
    }
}

/// A file as it is.
struct Copy {
    file: Rc<dyn File>,
    progress: ExportProgress,
}

impl Outgoing for Copy {
    fn next<'a>(&'a mut self, _store: &'a Store) -> LocalFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async {
            let mut bytes = vec![0; COPY_BYTES];
            let read = self.file.read_at(&mut bytes, self.progress.done)?;
            bytes.truncate(read);
            self.progress.done += read as u64;
            self.progress.is_done = read < COPY_BYTES;
            Ok((read > 0).then_some(bytes))
        })
    }

    fn progress(&self) -> &ExportProgress {
        &self.progress
    }
}

/// Exports that are on their way: one of the state, and any number of backups.
#[derive(Default)]
pub struct Exports {
    last: u64,
    running: Vec<Running>,
}

struct Running {
    number: u64,
    user: Option<UserId>,
    export: Box<dyn Outgoing>,
    asked_at: i64,
    /// What leaves the store with it, until that is noted; none where erasing follows it.
    leaves: Option<TakenArchive>,
}

/// What is noted of an archive that is begun now.
fn leaving(store: &Store, name: String, scope: &Scope) -> TakenArchive {
    TakenArchive {
        name,
        scope: scope.clone(),
        at: store.host().now_ms(),
    }
}

impl Exports {
    /// Answers a request of an export: none if there is no such method.
    pub async fn answer(
        &mut self,
        store: &mut Store,
        request: Request<'_>,
    ) -> Option<Result<(String, Option<Vec<u8>>)>> {
        Some(match request.method {
            "exports.begin" => self.begin(store, request).map(|json| (json, None)),
            "exports.backup" => self.backup(store, request).await.map(|json| (json, None)),
            "exports.next" => self.next(store, request).await,
            "exports.end" => self.end(store, request).map(|json| (json, None)),
            _ => return None,
        })
    }

    fn begin(&mut self, store: &mut Store, request: Request<'_>) -> Result<String> {
        let user = request.caller()?.user;
        let args: ExportRequest = json::read(request.args)?;
        self.give_up(store, STALE_MS);
        if args.form == Some(ExportForm::Sqlite) {
            return self.database(store, &args, user);
        }
        let export = Export::begin(store, &args, user)?;
        let leaves = leaving(store, export.file_name(), export.scope());
        self.run(
            store,
            user,
            export.file_name(),
            Box::new(export),
            Some(leaves),
        )
    }

    /// Begins to give out the `SQLite` file, which is always of everything.
    fn database(
        &mut self,
        store: &mut Store,
        args: &ExportRequest,
        user: Option<UserId>,
    ) -> Result<String> {
        let is_whole = matches!(args.scope, None | Some(Scope::All)) && user.is_none();
        if !is_whole || args.sqlite.is_some() || args.markdown.is_some() {
            return Err(Error::invalid(
                "the SQLite file holds everything and nothing else: it has no scope and no other options",
            ));
        }
        let export = Database::begin(store)?;
        let name = export.file_name();
        let leaves = leaving(store, name.clone(), &Scope::All);
        self.run(store, None, name, Box::new(export), Some(leaves))
    }

    /// Begins to give out a backup.
    async fn backup(&mut self, store: &mut Store, request: Request<'_>) -> Result<String> {
        let ExportBackup { name, as_it_is } = request.for_the_app()?;
        self.give_up(store, STALE_MS);
        let source = backup::open(&*store.backup_files(), &name).await?;
        if as_it_is.unwrap_or(false) {
            let path = format!("{}/{name}", backup::FOLDER);
            let file = store.backup_files().open(&path, OpenMode::Existing).await?;
            let progress = ExportProgress {
                total: file.size()?,
                ..ExportProgress::default()
            };
            return self.run(store, None, name, Box::new(Copy { file, progress }), None);
        }
        let leaves = leaving(store, name.clone(), &source.manifest.scope);
        let export = Join::begin(source, store.host().now_ms())?;
        self.run(store, None, name, Box::new(export), Some(leaves))
    }

    fn run(
        &mut self,
        store: &Store,
        user: Option<UserId>,
        name: String,
        export: Box<dyn Outgoing>,
        leaves: Option<TakenArchive>,
    ) -> Result<String> {
        self.last += 1;
        self.running.push(Running {
            number: self.last,
            user,
            export,
            asked_at: store.host().now_ms(),
            leaves,
        });
        json::write(&ExportBegun {
            export: self.last,
            name,
        })
    }

    async fn next(
        &mut self,
        store: &mut Store,
        request: Request<'_>,
    ) -> Result<(String, Option<Vec<u8>>)> {
        let mut running = self.take(request)?;
        // What failed cannot go on.
        let bytes = match running.export.next(store).await {
            Ok(bytes) => bytes,
            Err(error) => {
                running.export.end(store);
                return Err(error);
            }
        };
        let answer = json::write(running.export.progress())?;
        if running.export.progress().is_done
            && let Some(archive) = running.leaves.take()
            && let Err(error) = backup::note(store, archive)
        {
            // It is no reason to keep the archive from whoever takes it.
            store.trouble("noting an export", &error);
        }
        running.asked_at = store.host().now_ms();
        self.running.push(running);
        Ok((answer, bytes))
    }

    fn end(&mut self, store: &mut Store, request: Request<'_>) -> Result<String> {
        let running = self.take(request)?;
        running.export.end(store);
        json::write(&Nothing)
    }

    fn take(&mut self, request: Request<'_>) -> Result<Running> {
        let user = request.caller()?.user;
        let ExportRef { export } = json::read(request.args)?;
        let is_it = |running: &Running| running.number == export && running.user == user;
        let place = self.running.iter().position(is_it);
        place
            .map(|place| self.running.swap_remove(place))
            .ok_or_else(|| Error::not_found("export", export))
    }

    /// When an export is given up unless it is asked for.
    pub fn deadline(&self) -> Option<i64> {
        let asked_at = self.running.iter().map(|running| running.asked_at).min()?;
        Some(asked_at.saturating_add(FORGOTTEN_MS))
    }

    /// Takes deadlines along when the clock was set back by `ms`.
    pub fn set_back(&mut self, ms: i64) {
        for running in &mut self.running {
            running.asked_at = running.asked_at.saturating_sub(ms);
        }
    }

    /// Gives up an export that nobody takes any more.
    pub fn tidy(&mut self, store: &mut Store) {
        self.give_up(store, FORGOTTEN_MS);
    }

    fn give_up(&mut self, store: &mut Store, idle_ms: i64) {
        let now = store.host().now_ms();
        let is_idle = |running: &Running| now.saturating_sub(running.asked_at) >= idle_ms;
        self.running.retain(|running| {
            let stays = !is_idle(running);
            if !stays {
                running.export.end(store);
            }
            stays
        });
    }
}

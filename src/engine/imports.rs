//! Archives and other programs' exports on their way in: received beside the store, checked, rehearsed, and then brought in by one
//! write.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::contents::MAX_BYTES;
use super::{Nothing, Request, json};
use crate::archive::{ImportOptions, ImportReport, Incoming, Merge};
use crate::backup::{self, BackupRef};
use crate::database::scratch;
use crate::disk::slice::Slice;
use crate::disk::{File, OpenMode};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Pause, Store, WorkProgress};

/// Where what is received lies while it is brought in.
const RECEIVED: &str = "staging/received";

/// The most files of one import.
const MAX_FILES: usize = 100_000;

/// Bytes of a file on its way in; they come beside the request.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportReceive {
    /// The import; a new one, which takes the place of any other, without.
    pub import: Option<u64>,
    /// The file's name. Another one than before begins another file.
    pub name: Option<String>,
}

/// Names an import.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportRef {
    /// The import.
    pub import: u64,
}

/// Goes on with an import.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportStep {
    /// The import.
    pub import: u64,
    /// How it is brought in. Other ones than before begin the rehearsal anew.
    pub options: Option<ImportOptions>,
}

/// What is done with an import at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ImportPhase {
    /// It is received.
    Receive,
    /// Every byte of it is checked.
    Check,
    /// It is looked up what the store has of it already.
    Rehearse,
    /// It is known what would become of it.
    Ready,
    /// It happens. No other call is answered meanwhile.
    Write,
}

/// How far an import is.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ImportProgress {
    /// Its number, for this worker's lifetime.
    pub import: u64,
    /// What is being done.
    pub phase: ImportPhase,
    /// Bytes received or checked, or records looked up or written.
    pub done: u64,
    /// How many there are, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What would become of it, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ImportReport>,
}

/// The import that is on its way, if one is.
#[derive(Default)]
pub struct Imports {
    last: u64,
    running: Option<Running>,
}

struct Running {
    number: u64,
    user: Option<UserId>,
    origin: Origin,
    incoming: Option<Incoming>,
    is_checked: bool,
    options: ImportOptions,
    merge: Option<Merge>,
    is_ready: bool,
}

/// Where an archive comes from.
enum Origin {
    /// They are received into one file, one behind another.
    Received {
        file: Rc<dyn File>,
        parts: Vec<Received>,
    },
    /// It is one of the store's own backups.
    Backup(String),
}

/// A file that is received, as a part of one.
struct Received {
    name: String,
    start: u64,
    size: u64,
}

impl Imports {
    /// Answers a request of an import: none if there is no such method.
    pub async fn answer(
        &mut self,
        store: &mut Store,
        request: Request<'_>,
        bytes: &[u8],
        pause: &mut Pause<'_, ImportProgress>,
    ) -> Option<Result<String>> {
        Some(match request.method {
            "imports.receive" => self.receive(store, request, bytes).await,
            "imports.restore" => self.restore(store, request).await,
            "imports.step" => self.step(store, request).await,
            "imports.apply" => self.apply(store, request, pause).await,
            "imports.end" => self.end(store, request).await,
            _ => return None,
        })
    }

    async fn receive(
        &mut self,
        store: &mut Store,
        request: Request<'_>,
        bytes: &[u8],
    ) -> Result<String> {
        let args: ImportReceive = json::read(request.args)?;
        let user = request.caller()?.user;
        if bytes.len() > MAX_BYTES {
            return Err(Error::invalid(format!(
                "a request has {MAX_BYTES} bytes at most"
            )));
        }
        let mut running = if let Some(import) = args.import {
            self.take(import, user)?
        } else {
            self.make_room(store).await?;
            let file = store.disk().open(RECEIVED, OpenMode::CreateNew).await?;
            let parts = Vec::new();
            self.begin(user, Origin::Received { file, parts })
        };
        let written = match &mut running.origin {
            Origin::Received { file, parts } if running.incoming.is_none() => {
                append(&**file, parts, args.name.unwrap_or_default(), bytes)
            }
            _ => Err(Error::invalid("what is brought in is whole already")),
        };
        if let Err(error) = written {
            drop_all(store, running).await?;
            return Err(error);
        }
        self.keep(running)
    }

    /// Begins with one of the store's own backups.
    async fn restore(&mut self, store: &mut Store, request: Request<'_>) -> Result<String> {
        let BackupRef { name } = request.for_the_app()?;
        self.make_room(store).await?;
        let running = self.begin(None, Origin::Backup(name));
        self.keep(running)
    }

    /// Gives up what is on its way.
    async fn make_room(&mut self, store: &mut Store) -> Result<()> {
        if let Some(before) = self.running.take() {
            drop_all(store, before).await?;
        }
        scratch::clear(&**store.disk()).await
    }

    fn begin(&mut self, user: Option<UserId>, origin: Origin) -> Running {
        self.last += 1;
        Running {
            number: self.last,
            user,
            origin,
            incoming: None,
            is_checked: false,
            options: ImportOptions::default(),
            merge: None,
            is_ready: false,
        }
    }

    async fn step(&mut self, store: &mut Store, request: Request<'_>) -> Result<String> {
        let ImportStep { import, options } = json::read(request.args)?;
        let mut running = self.take(import, request.caller()?.user)?;
        let mut options = options.unwrap_or_else(|| running.options.clone());
        if running.user.is_some() {
            options.into = running.user;
        }
        if options != running.options {
            running.options = options;
            running.merge = None;
            running.is_ready = false;
        }
        match running.go_on(store).await {
            Ok(()) => self.keep(running),
            Err(error) => {
                drop_all(store, running).await?;
                Err(error)
            }
        }
    }

    async fn apply(
        &mut self,
        store: &mut Store,
        request: Request<'_>,
        pause: &mut Pause<'_, ImportProgress>,
    ) -> Result<String> {
        let ImportRef { import } = json::read(request.args)?;
        let caller = request.caller()?;
        let mut running = self.take(import, caller.user)?;
        let ready = running.merge.take().filter(|_| running.is_ready);
        let (Some(merge), Some(incoming)) = (ready, running.incoming.as_ref()) else {
            self.running = Some(running);
            return Err(Error::invalid("the import was not rehearsed to its end"));
        };
        let mut tell = |progress: &WorkProgress| {
            pause(&ImportProgress {
                import,
                phase: ImportPhase::Write,
                done: progress.done,
                total: Some(progress.total),
                report: None,
            })
        };
        let report = merge
            .apply(store, incoming.staged(), caller, &mut tell)
            .await;
        let formats = incoming.formats().to_vec();
        drop_all(store, running).await?;
        json::write(&ImportReport { formats, ..report? })
    }

    async fn end(&mut self, store: &mut Store, request: Request<'_>) -> Result<String> {
        let ImportRef { import } = json::read(request.args)?;
        let running = self.take(import, request.caller()?.user)?;
        drop_all(store, running).await?;
        json::write(&Nothing)
    }

    fn take(&mut self, import: u64, user: Option<UserId>) -> Result<Running> {
        self.running
            .take_if(|running| running.number == import && running.user == user)
            .ok_or_else(|| Error::not_found("import", import))
    }

    fn keep(&mut self, running: Running) -> Result<String> {
        let answer = json::write(&running.progress());
        self.running = Some(running);
        answer
    }
}

impl Running {
    async fn go_on(&mut self, store: &mut Store) -> Result<()> {
        let Some(incoming) = &mut self.incoming else {
            self.incoming = Some(match &self.origin {
                Origin::Received { file, parts } => {
                    file.flush()?;
                    let files = parts.iter().map(|part| -> (String, Rc<dyn File>) {
                        let slice = Slice::new(file.clone(), part.start, part.size);
                        (part.name.clone(), Rc::new(slice))
                    });
                    Incoming::begin(store, files.collect()).await?
                }
                Origin::Backup(name) => {
                    let source = backup::open(&*store.backup_files(), name).await?;
                    Incoming::archive(store, source).await?
                }
            });
            return Ok(());
        };
        if !self.is_checked {
            self.is_checked = !incoming.step(store).await?;
            return Ok(());
        }
        let mut merge = match self.merge.take() {
            Some(merge) => merge,
            None => Merge::begin(store, incoming.staged(), self.options.clone())?,
        };
        self.is_ready = !merge.step(store, incoming.staged())?;
        self.merge = Some(merge);
        Ok(())
    }

    fn progress(&self) -> ImportProgress {
        let records = |incoming: &Incoming| incoming.records();
        let (phase, done, total) = match (&self.incoming, &self.merge) {
            (Some(incoming), Some(merge)) if self.is_ready => {
                (ImportPhase::Ready, merge.done(), Some(records(incoming)))
            }
            (Some(incoming), Some(merge)) => {
                (ImportPhase::Rehearse, merge.done(), Some(records(incoming)))
            }
            (Some(incoming), None) => {
                let (done, total) = incoming.progress();
                (ImportPhase::Check, done, Some(total))
            }
            (None, _) => match &self.origin {
                Origin::Received { parts, .. } => {
                    let received = parts.last().map_or(0, |part| part.start + part.size);
                    (ImportPhase::Receive, received, None)
                }
                Origin::Backup(_) => (ImportPhase::Receive, 0, None),
            },
        };
        let report = self.merge.as_ref().filter(|_| self.is_ready);
        ImportProgress {
            import: self.number,
            phase,
            done,
            total,
            report: report.map(|merge| ImportReport {
                formats: self
                    .incoming
                    .as_ref()
                    .map_or(&[][..], Incoming::formats)
                    .to_vec(),
                ..merge.report().clone()
            }),
        }
    }
}

/// Adds bytes to the last file that is received, or to a new one.
fn append(file: &dyn File, parts: &mut Vec<Received>, name: String, bytes: &[u8]) -> Result<()> {
    let end = parts.last().map_or(0, |part| part.start + part.size);
    file.write_at(bytes, end)?;
    let count = parts.len();
    match parts.last_mut() {
        Some(last) if last.name == name => last.size += bytes.len() as u64,
        _ if count >= MAX_FILES => {
            return Err(Error::invalid(format!(
                "at most {MAX_FILES} files are brought in at once"
            )));
        }
        _ => parts.push(Received {
            name,
            start: end,
            size: bytes.len() as u64,
        }),
    }
    Ok(())
}

/// Lets go of all that was kept for an import. What the store took of it stays.
async fn drop_all(store: &mut Store, running: Running) -> Result<()> {
    drop(running.origin);
    match running.incoming {
        Some(incoming) => incoming.let_go(store).await,
        None => scratch::clear(&**store.disk()).await,
    }
}

//! Archives on their way out: asked for piece by piece, so that whoever takes them sets the pace.

use serde::{Deserialize, Serialize};

use super::{Nothing, Request, json};
use crate::archive::{Export, ExportProgress, ExportRequest};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::Store;

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

/// The export that is on its way, if one is.
#[derive(Default)]
pub struct Exports {
    last: u64,
    running: Option<Running>,
}

struct Running {
    number: u64,
    user: Option<UserId>,
    export: Export,
    asked_at: i64,
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
            "exports.next" => self.next(store, request).await,
            "exports.end" => self.end(store, request).map(|json| (json, None)),
            _ => return None,
        })
    }

    fn begin(&mut self, store: &mut Store, request: Request<'_>) -> Result<String> {
        let user = request.caller()?.user;
        let args: ExportRequest = json::read(request.args)?;
        self.give_up(store, STALE_MS);
        let export = Export::begin(store, &args, user)?;
        self.last += 1;
        let begun = ExportBegun {
            export: self.last,
            name: export.file_name(),
        };
        self.running = Some(Running {
            number: self.last,
            user,
            export,
            asked_at: store.host().now_ms(),
        });
        json::write(&begun)
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
        let progress: &ExportProgress = running.export.progress();
        let answer = json::write(progress)?;
        running.asked_at = store.host().now_ms();
        self.running = Some(running);
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
        self.running
            .take_if(|running| running.number == export && running.user == user)
            .ok_or_else(|| Error::not_found("export", export))
    }

    /// When the export is given up unless it is asked for.
    pub fn deadline(&self) -> Option<i64> {
        let asked_at = self.running.as_ref()?.asked_at;
        Some(asked_at.saturating_add(FORGOTTEN_MS))
    }

    /// Gives up an export that nobody takes any more.
    pub fn tidy(&mut self, store: &mut Store) {
        self.give_up(store, FORGOTTEN_MS);
    }

    fn give_up(&mut self, store: &mut Store, idle_ms: i64) {
        let now = store.host().now_ms();
        let is_idle = |running: &mut Running| now.saturating_sub(running.asked_at) >= idle_ms;
        if let Some(running) = self.running.take_if(is_idle) {
            running.export.end(store);
        }
    }
}

//! Which bytes could be freed, and how.

use serde::Serialize;

use super::usage::{columns, content_bytes, free_bytes};
use crate::database;
use crate::error::Result;
use crate::store::{Caller, Store, View};

/// The share of a journal segment that compressing it frees, in hundredths, where no segment has shown it yet.
const SEALING_FREES_PERCENT: u64 = 75;

/// A way to free bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Cutting pages that hold nothing off the database file.
    Vacuum,
    /// Moving the database's log into its file.
    Checkpoint,
    /// Compressing journal segments that are closed: an estimate by those that are compressed. The store does so by itself.
    Seal,
    /// Removing all snapshots but the newest.
    Snapshots,
    /// Removing what was set aside because it was damaged.
    Quarantine,
    /// Deleting for good the conversations that were removed and can still be restored: what they hold. The file shrinks by
    /// it after a vacuum.
    Removed,
}

/// What a remedy would free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Reclaimable {
    /// The remedy.
    pub remedy: Remedy,
    /// Bytes.
    pub bytes: u64,
}

/// The bytes that each remedy would free, in the order of the remedies.
pub async fn reclaimable(store: &mut Store) -> Result<Vec<Reclaimable>> {
    store.commit_now()?;
    let (free, removed) = store.read(Caller::default(), |view| {
        Ok((free_bytes(view)?, removed_bytes(view)?))
    })?;
    let files = store.files().await?;
    let bytes_in = |folder: &str| {
        let inside = files.iter().filter(|file| file.path.starts_with(folder));
        inside.map(|file| file.bytes).sum::<u64>()
    };
    let snapshots = files
        .iter()
        .rfind(|file| file.path.starts_with("snapshots/"));
    let log = files.iter().find(|file| file.path == database::WAL_FILE);
    let segments = store.journal().segments();
    let closed = segments.split_last().map_or(&[][..], |(_, closed)| closed);
    let plain = closed.iter().filter(|segment| !segment.sealed);
    let plain: u64 = plain.map(|segment| segment.bytes).sum();
    let sealed = segments.iter().filter(|it| it.sealed && it.bytes > 0);
    let (mut before, mut after) = (0, 0);
    for segment in sealed {
        let name = format!("{:012}.jsonl.gz", segment.first);
        let file = files.iter().find(|file| file.path.ends_with(&name));
        before += segment.bytes;
        after += file.map_or(segment.bytes, |file| file.bytes);
    }
    let freed_percent = match before {
        0 => SEALING_FREES_PERCENT,
        _ => before.saturating_sub(after) * 100 / before.max(1),
    };
    let seal = plain * freed_percent / 100;
    Ok([
        (Remedy::Vacuum, free),
        (Remedy::Checkpoint, log.map_or(0, |log| log.bytes)),
        (Remedy::Seal, seal),
        (
            Remedy::Snapshots,
            bytes_in("snapshots/") - snapshots.map_or(0, |newest| newest.bytes),
        ),
        (Remedy::Quarantine, bytes_in("quarantine/")),
        (Remedy::Removed, removed),
    ]
    .into_iter()
    .map(|(remedy, bytes)| Reclaimable { remedy, bytes })
    .collect())
}

/// Bytes that removed conversations hold, with all their messages.
fn removed_bytes(view: &View<'_>) -> Result<u64> {
    let mut bytes = 0;
    for table in ["conversation", "participant", "message", "part", "chunk"] {
        let held = content_bytes(&columns(view, table)?, "child");
        let mut sum = view.prepare(&format!(
            "SELECT coalesce(sum({held}), 0) FROM conversation AS c
             JOIN \"{table}\" AS child ON child.user = c.user AND child.conversation = c.conversation
             WHERE c.deleted_at IS NOT NULL"
        ))?;
        bytes += sum.query_row([], |row| row.get::<_, u64>(0))?;
    }
    Ok(bytes)
}

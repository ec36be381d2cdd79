//! Which bytes could be freed, and how.

use serde::Serialize;

use super::content::{belongs_to, columns, content_bytes};
use super::walk::{SLICE_ROWS, Walk};
use crate::database;
use crate::disk::LocalFuture;
use crate::domain::{blobs, retention};
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::{Caller, Job, Store, View, answer};

/// The share of a journal segment that compressing it frees, in hundredths, where no segment has shown it yet.
const SEALING_FREES_PERCENT: u64 = 75;

/// The most records of one policy that are looked at.
const MAX_DUE: usize = 1000;

/// The tables with the rows of a conversation.
const CONVERSATION_TABLES: &[&str] = &[
    "conversation",
    "participant",
    "message",
    "part",
    "chunk",
    "packed_chunk",
];

/// The tables with the rows of other records, and the column that names the record. Those of constructs have transcripts
/// besides.
const TABLES_OF: &[(&str, &[(&str, &str)])] = &[
    (
        "constructs",
        &[
            ("construct", "construct"),
            ("session", "construct"),
            ("construct_link", "source"),
            ("construct_link", "target"),
            ("artifact", "construct"),
            ("timeline_event", "construct"),
            ("metric", "construct"),
        ],
    ),
    (
        "learnings",
        &[
            ("learning", "learning"),
            ("learning_tag", "learning"),
            ("learning_source", "learning"),
        ],
    ),
    ("jobs", &[("job", "job")]),
];

/// The entities of a chart and of every chart below it, as SQL.
const ENTITIES_OF_CHART: &str = "
  WITH RECURSIVE below (chart) AS (
    SELECT ?3
    UNION SELECT e.chart FROM below AS b JOIN entity AS e
      ON e.user = ?1 AND e.context = ?2 AND e.parent_chart = b.chart AND e.chart IS NOT NULL)
  SELECT id FROM entity WHERE user = ?1 AND context = ?2 AND chart IN (SELECT chart FROM below)";

/// Records that can be removed, so that they can be restored, and their tables.
const REMOVABLE: &[(&str, &str)] = &[
    ("conversations", "conversation"),
    ("constructs", "construct"),
];

/// A way to free bytes. What one frees, another may free too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Cutting pages that hold nothing off the database file. The store does so by itself when they are many.
    Vacuum,
    /// Moving the database's log into its file.
    Checkpoint,
    /// Compressing journal segments that are closed: an estimate by those that are compressed. The store does so by itself.
    Seal,
    /// Removing all snapshots but the newest.
    Snapshots,
    /// Removing what was set aside because it was damaged.
    Quarantine,
    /// Deleting for good the conversations and constructs that were removed and can still be restored, with everything below
    /// them: what they hold. The file shrinks by it after a vacuum.
    Removed,
    /// Erasing them instead, so that they go from the journal too: what that frees besides, an estimate by how far the journal
    /// is compressed.
    Erase,
    /// Removing contents of artifacts that nothing has any more, with `retention.collect`. The store does so by itself, a day
    /// after the last of what had them is gone.
    Contents,
    /// Running the retention policies that delete and are enabled: what the records hold that have come of age, of each
    /// policy the first 1,000. What two policies are for counts twice.
    Retention,
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

enum Stage {
    /// The rows of the removable records at this place.
    Removed(usize, Walk),
    /// The first policy behind this number.
    Policies(i64),
    Files,
}

/// The weighing of what each remedy would free, under way. Gives a [`Reclaimable`] for each.
pub struct Weighing {
    stage: Stage,
    /// Records to be weighed, for the stage that found them, and their kind.
    waiting: Vec<String>,
    kind: &'static str,
    removed: u64,
    due: u64,
}

impl Default for Weighing {
    fn default() -> Self {
        Self {
            stage: Stage::Removed(0, Walk::default()),
            waiting: Vec::new(),
            kind: "",
            removed: 0,
            due: 0,
        }
    }
}

impl Weighing {
    async fn slice(&mut self, store: &mut Store) -> Result<Option<Vec<Reclaimable>>> {
        if let Some(record) = self.waiting.pop() {
            let kind = self.kind;
            let bytes = store.read(Caller::default(), |view| held_by(view, kind, &record))?;
            match self.stage {
                Stage::Removed(..) => self.removed += bytes,
                _ => self.due += bytes,
            }
            return Ok(None);
        }
        let now_ms = store.host().now_ms();
        match &self.stage {
            Stage::Removed(at, walk) => {
                let Some((kind, table)) = REMOVABLE.get(*at) else {
                    self.stage = Stage::Policies(0);
                    return Ok(None);
                };
                let found = store.read(Caller::default(), |view| removed(view, table, walk))?;
                self.waiting = found.records;
                self.kind = kind;
                self.stage = match found.next {
                    Some(next) => Stage::Removed(*at, next),
                    None => Stage::Removed(at + 1, Walk::default()),
                };
                Ok(None)
            }
            Stage::Policies(after) => {
                let due = store.read(Caller::default(), |view| {
                    retention::next_to_delete(view, *after, MAX_DUE, now_ms)
                })?;
                match due {
                    Some(due) => {
                        self.stage = Stage::Policies(due.policy);
                        self.waiting = due.ids;
                        self.kind = due.kind;
                    }
                    None => self.stage = Stage::Files,
                }
                Ok(None)
            }
            Stage::Files => self.files(store).await.map(Some),
        }
    }

    /// What the files say, and the sums.
    async fn files(&self, store: &mut Store) -> Result<Vec<Reclaimable>> {
        store.commit_now()?;
        let free = store.free_bytes()?;
        let unused = store.read(Caller::default(), blobs::unused_bytes)?;
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
        let sealing = store.journal().sealing_progress();
        let plain = sealing.total - sealing.done;
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
        let removed = self.removed;
        let newest = snapshots.map_or(0, |newest| newest.bytes);
        let remedies = [
            (Remedy::Vacuum, free),
            (Remedy::Checkpoint, log.map_or(0, |log| log.bytes)),
            (Remedy::Seal, plain * freed_percent / 100),
            (Remedy::Snapshots, bytes_in("snapshots/") - newest),
            (Remedy::Quarantine, bytes_in("quarantine/")),
            (Remedy::Removed, removed),
            (Remedy::Erase, removed * (100 - freed_percent) / 100),
            (Remedy::Contents, unused),
            (Remedy::Retention, self.due),
        ];
        let told = |(remedy, bytes)| Reclaimable { remedy, bytes };
        Ok(remedies.into_iter().map(told).collect())
    }
}

impl Job for Weighing {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        _progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let weighed = self.slice(store).await?;
            weighed.map(|all| answer(&all)).transpose()
        })
    }
}

/// Removed records of a slice.
struct Removed {
    records: Vec<String>,
    next: Option<Walk>,
}

fn removed(view: &View<'_>, table: &str, walk: &Walk) -> Result<Removed> {
    let slice = walk.slice(view, table, SLICE_ROWS)?;
    let mut records = Vec::new();
    let construct = belongs_to(view, table, "construct")?;
    let select = format!("SELECT child.* FROM \"{table}\" AS child WHERE");
    // A transcript goes with its construct.
    let rest = if table == "construct" {
        "child.deleted_at IS NOT NULL".to_owned()
    } else {
        format!(
            "child.deleted_at IS NOT NULL
             AND (SELECT k.deleted_at FROM construct AS k WHERE k.construct = {construct}) IS NULL"
        )
    };
    slice.query(view, &select, &rest, &mut |row| {
        records.push(if table == "construct" {
            row.get(0)?
        } else {
            let id = ConversationId {
                user: row.get(0)?,
                conversation: row.get(1)?,
            };
            id.to_string()
        });
        Ok(())
    })?;
    Ok(Removed {
        records,
        next: slice.next,
    })
}

/// The bytes that a record holds with everything below it.
fn held_by(view: &View<'_>, kind: &str, record: &str) -> Result<u64> {
    match kind {
        "conversations" => in_conversation(view, record.parse()?),
        "charts" => in_chart(view, record),
        _ => in_record(view, kind, record),
    }
}

/// The bytes of a chart, which is named by its user, its context and its id.
fn in_chart(view: &View<'_>, chart: &str) -> Result<u64> {
    let parts = chart.split_once('/').and_then(|(user, rest)| {
        let (context, id) = rest.rsplit_once('/')?;
        Some((user, context, id))
    });
    let (user, context, id) = parts.ok_or_else(|| Error::corrupt("a chart has no name"))?;
    let user = user.parse::<UserId>()?.user;
    let mut bytes = 0;
    for (table, column) in [("entity", "id"), ("observation", "entity")] {
        let mut sum = view.prepare(&format!(
            "SELECT coalesce(sum({}), 0) FROM \"{table}\" AS child WHERE child.\"{column}\" IN ({ENTITIES_OF_CHART})",
            content_bytes(&columns(view, table)?)
        ))?;
        bytes += sum.query_row((user, context, id), |row| row.get::<_, u64>(0))?;
    }
    Ok(bytes)
}

fn in_record(view: &View<'_>, kind: &str, record: &str) -> Result<u64> {
    let mut bytes = 0;
    let tables = TABLES_OF.iter().find(|(known, _)| *known == kind);
    for (table, column) in tables.map_or(&[][..], |(_, tables)| tables) {
        let mut sum = view.prepare(&format!(
            "SELECT coalesce(sum({}), 0) FROM \"{table}\" AS child WHERE child.{column} = ?1",
            content_bytes(&columns(view, table)?)
        ))?;
        bytes += sum.query_row([record], |row| row.get::<_, u64>(0))?;
    }
    if kind != "constructs" {
        return Ok(bytes);
    }
    let mut transcripts = view.prepare(
        "SELECT user, conversation FROM conversation
         WHERE session IN (SELECT session FROM session WHERE construct = ?1)",
    )?;
    let mut rows = transcripts.query([record])?;
    while let Some(row) = rows.next()? {
        let transcript = ConversationId {
            user: row.get(0)?,
            conversation: row.get(1)?,
        };
        bytes += in_conversation(view, transcript)?;
    }
    Ok(bytes)
}

fn in_conversation(view: &View<'_>, id: ConversationId) -> Result<u64> {
    let mut bytes = 0;
    for table in CONVERSATION_TABLES {
        let mut sum = view.prepare(&format!(
            "SELECT coalesce(sum({}), 0) FROM \"{table}\" AS child WHERE child.user = ?1 AND child.conversation = ?2",
            content_bytes(&columns(view, table)?)
        ))?;
        bytes += sum.query_row((id.user, id.conversation), |row| row.get::<_, u64>(0))?;
    }
    Ok(bytes)
}

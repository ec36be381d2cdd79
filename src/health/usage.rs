//! Where the bytes are: by kind, by user and by context.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::content::{belongs_to, columns, content_bytes};
use super::walk::{SLICE_ROWS, Walk};
use crate::database;
use crate::database::schema::{BOOKKEEPING, CONTENTS, TABLES};
use crate::disk::LocalFuture;
use crate::domain::blobs::{self, Totals};
use crate::error::Result;
use crate::id::UserId;
use crate::store::{Caller, FileSize, Job, Store, View, answer};

/// Whose bytes to count.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsageQuery {
    /// Only this user's; all users' by default. `kinds` are the whole store's all the same.
    pub user_id: Option<UserId>,
}

/// Where the bytes are. Exact when nothing is written meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct HealthUsage {
    /// Bytes of all files of the store.
    pub total_bytes: u64,
    /// The same by kind, largest first: they add up to it.
    pub kinds: Vec<KindUsage>,
    /// Bytes of what users' records hold, by user: their content alone, without what SQLite and the journal add.
    pub users: Vec<UserUsage>,
    /// Those of a construct with everything below it, its transcripts and the contents of its artifacts included: the largest
    /// 1,000, largest first.
    pub constructs: Vec<ConstructUsage>,
    /// Whether there are more constructs than that.
    pub constructs_truncated: bool,
    /// The contents of artifacts and uploads, all users' together.
    pub contents: ContentUsage,
}

/// Bytes of contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ContentUsage {
    /// Bytes as they are kept.
    pub stored_bytes: u64,
    /// Bytes as they would be if none were shared and none compressed.
    pub bytes: u64,
    /// Bytes that are saved because contents share what they share.
    pub shared_bytes: u64,
    /// Bytes that are saved by compression besides.
    pub compressed_bytes: u64,
    /// The contents of artifacts, every revision of them, by the kind of the artifact, largest first. What several have is
    /// counted for each.
    pub kinds: Vec<ArtifactUsage>,
}

/// Bytes of the contents of one kind of artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ArtifactUsage {
    /// The kind of the artifacts.
    pub kind: String,
    /// Contents, every revision counted.
    pub contents: u64,
    /// Bytes as they are.
    pub bytes: u64,
    /// Bytes as they are kept.
    pub stored_bytes: u64,
}

/// Bytes of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct KindUsage {
    /// A table with its rows, such as `chunk`. Of all files also `indexes`, `search` (its index), `bookkeeping`, `free_pages`, `overhead`
    /// (pages that hold only where others are), `log` (of the database), `contents` (of artifacts: their files and the tables that tell of them), `journal`, `snapshots`, `quarantine`, `backups` or `other`.
    pub kind: String,
    /// Bytes.
    pub bytes: u64,
}

/// Bytes of one user's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct UserUsage {
    /// The user.
    pub user_id: UserId,
    /// Bytes in all.
    pub bytes: u64,
    /// The same by table: they add up to it.
    pub kinds: Vec<KindUsage>,
    /// Those of records in a context, by its name.
    pub contexts: Vec<ContextUsage>,
}

/// Bytes of the records in one context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ContextUsage {
    /// The context's name.
    pub context: String,
    /// Bytes in all.
    pub bytes: u64,
    /// The same by table: they add up to it.
    pub kinds: Vec<KindUsage>,
}

/// Bytes of one construct with everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ConstructUsage {
    /// The construct.
    #[cfg_attr(test, ts(type = "string"))]
    pub construct_id: Uuid,
    /// Bytes.
    pub bytes: u64,
}

/// The most constructs that are counted apart, which bounds the memory it takes.
const MAX_COUNTED: usize = 100_000;

/// The most constructs that are told.
const MAX_TOLD: usize = 1000;

enum Stage {
    /// The trees of the database file.
    Trees,
    /// What the rows of the table at this place hold.
    Content(usize, Walk),
    /// What the contents of artifacts hold.
    Artifacts(Walk),
    Files,
}

/// The counting of bytes, under way.
pub struct Usage {
    query: UsageQuery,
    stage: Stage,
    found: HealthUsage,
}

impl Usage {
    /// Begins to count.
    #[must_use]
    pub fn new(query: UsageQuery) -> Self {
        Self {
            query,
            stage: Stage::Trees,
            found: HealthUsage::default(),
        }
    }

    fn add(&mut self, kind: &str, bytes: u64) {
        add_kind(&mut self.found.kinds, kind, bytes);
    }

    fn add_content(&mut self, table: &str, held: Held) {
        let user_id = UserId { user: held.user };
        let users = &mut self.found.users;
        let place = users.binary_search_by(|known| known.user_id.cmp(&user_id));
        let place = place.unwrap_or_else(|place| {
            let user = UserUsage {
                user_id,
                bytes: 0,
                kinds: Vec::new(),
                contexts: Vec::new(),
            };
            users.insert(place, user);
            place
        });
        let Some(user) = users.get_mut(place) else {
            return;
        };
        user.bytes += held.bytes;
        add_kind(&mut user.kinds, table, held.bytes);
        if let Some(name) = held.context {
            let contexts = &mut user.contexts;
            let place = contexts.binary_search_by(|known| known.context.cmp(&name));
            let place = place.unwrap_or_else(|place| {
                let context = ContextUsage {
                    context: name,
                    bytes: 0,
                    kinds: Vec::new(),
                };
                contexts.insert(place, context);
                place
            });
            if let Some(context) = contexts.get_mut(place) {
                context.bytes += held.bytes;
                add_kind(&mut context.kinds, table, held.bytes);
            }
        }
        if let Some(construct) = held.construct.and_then(|id| Uuid::parse_str(&id).ok()) {
            self.add_construct(construct, held.bytes);
        }
    }

    fn add_construct(&mut self, construct_id: Uuid, bytes: u64) {
        let constructs = &mut self.found.constructs;
        match constructs.binary_search_by(|known| known.construct_id.cmp(&construct_id)) {
            Ok(place) => {
                if let Some(known) = constructs.get_mut(place) {
                    known.bytes += bytes;
                }
            }
            Err(_) if constructs.len() >= MAX_COUNTED => self.found.constructs_truncated = true,
            Err(place) => {
                let construct = ConstructUsage {
                    construct_id,
                    bytes,
                };
                constructs.insert(place, construct);
            }
        }
    }

    async fn slice(&mut self, store: &mut Store) -> Result<bool> {
        let stage = std::mem::replace(&mut self.stage, Stage::Files);
        self.stage = match stage {
            Stage::Trees => {
                store.checkpoint_now()?;
                let trees = store.read(Caller::default(), trees)?;
                let sizes = store.tree_sizes()?;
                for (root, kind) in trees {
                    self.add(&kind, sizes.of(root));
                }
                self.add("free_pages", sizes.free());
                Stage::Content(0, Walk::default())
            }
            Stage::Content(at, walk) => match TABLES.get(at) {
                Some(spec) => match self.content(store, spec.name, &walk)? {
                    Some(next) => Stage::Content(at, next),
                    None => Stage::Content(at + 1, Walk::default()),
                },
                None => Stage::Artifacts(Walk::default()),
            },
            Stage::Artifacts(walk) => match self.artifacts(store, &walk)? {
                Some(next) => Stage::Artifacts(next),
                None => Stage::Files,
            },
            Stage::Files => {
                let files = store.files().await?;
                self.add_files(&files);
                let totals = store.read(Caller::default(), blobs::totals)?;
                self.add_contents(totals);
                self.sort();
                return Ok(true);
            }
        };
        Ok(false)
    }

    /// Adds up what a slice of a table's rows holds; gives where the next one begins.
    fn content(&mut self, store: &mut Store, table: &str, walk: &Walk) -> Result<Option<Walk>> {
        let only = self.query.user_id;
        let mut held = Vec::new();
        let next = store.read(Caller::default(), |view| {
            let columns = columns(view, table)?;
            let user = belongs_to(view, table, "user")?;
            if user == "NULL" {
                return Ok(None);
            }
            let slice = walk.slice(view, table, SLICE_ROWS)?;
            let select = format!(
                "SELECT {user}, {}, {}, sum({}) FROM \"{table}\" AS child WHERE",
                belongs_to(view, table, "context")?,
                belongs_to(view, table, "construct")?,
                content_bytes(&columns)
            );
            // The app's own records are no user's.
            let whose = only.map_or(format!("{user} IS NOT NULL"), |only| {
                format!("{user} = {}", only.user)
            });
            let rest = format!("{whose} GROUP BY 1, 2, 3");
            slice.query(view, &select, &rest, &mut |row| {
                held.push(Held {
                    user: row.get(0)?,
                    context: row.get(1)?,
                    construct: row.get(2)?,
                    bytes: row.get(3)?,
                });
                Ok(())
            })?;
            Ok(slice.next)
        })?;
        for held in held {
            self.add_content(table, held);
        }
        Ok(next)
    }

    /// Adds up a slice of artifacts' contents; gives where the next one begins.
    fn artifacts(&mut self, store: &mut Store, walk: &Walk) -> Result<Option<Walk>> {
        let user = self.query.user_id.map_or(-1, |user| user.user);
        let mut held = Vec::new();
        let next = store.read(Caller::default(), |view| {
            let slice = walk.slice(view, "artifact_revision", SLICE_ROWS)?;
            let select = "SELECT a.kind, a.construct, count(*), sum(b.size),
                sum((SELECT sum(p.stored) FROM blob_piece AS bp JOIN piece AS p ON p.piece = bp.piece WHERE bp.blob = b.blob))
                FROM artifact_revision AS child JOIN artifact AS a ON a.artifact = child.artifact
                JOIN blob AS b ON b.blob = child.blob WHERE";
            let rest = format!("({user} = -1 OR a.user = {user}) GROUP BY 1, 2");
            slice.query(view, select, &rest, &mut |row| {
                let construct: Option<String> = row.get(1)?;
                let usage = ArtifactUsage {
                    kind: row.get(0)?,
                    contents: row.get(2)?,
                    bytes: row.get(3)?,
                    stored_bytes: row.get::<_, Option<u64>>(4)?.unwrap_or(0),
                };
                held.push((construct, usage));
                Ok(())
            })?;
            Ok(slice.next)
        })?;
        for (construct, usage) in held {
            if let Some(construct) = construct.and_then(|id| Uuid::parse_str(&id).ok()) {
                self.add_construct(construct, usage.stored_bytes);
            }
            let kinds = &mut self.found.contents.kinds;
            match kinds.iter_mut().find(|known| known.kind == usage.kind) {
                Some(known) => {
                    known.contents += usage.contents;
                    known.bytes += usage.bytes;
                    known.stored_bytes += usage.stored_bytes;
                }
                None => kinds.push(usage),
            }
        }
        Ok(next)
    }

    fn add_contents(&mut self, totals: Totals) {
        // Short texts are in their table, which is counted already.
        self.add("contents", totals.in_files);
        let contents = &mut self.found.contents;
        contents.stored_bytes = totals.stored;
        contents.bytes = totals.bytes;
        contents.shared_bytes = totals.bytes.saturating_sub(totals.unique);
        contents.compressed_bytes = totals.unique.saturating_sub(totals.stored);
        contents
            .kinds
            .sort_unstable_by(|a, b| (b.stored_bytes, &a.kind).cmp(&(a.stored_bytes, &b.kind)));
    }

    fn add_files(&mut self, files: &[FileSize]) {
        let in_trees: u64 = self.found.kinds.iter().map(|kind| kind.bytes).sum();
        for file in files {
            let kind = match file.path.split_once('/') {
                Some((folder, _)) => folder,
                None if file.path == database::WAL_FILE => "log",
                None if file.path == database::FILE => {
                    self.add("overhead", file.bytes.saturating_sub(in_trees));
                    continue;
                }
                None => "other",
            };
            self.add(kind, file.bytes);
        }
    }

    fn sort(&mut self) {
        let found = &mut self.found;
        found.total_bytes = found.kinds.iter().map(|kind| kind.bytes).sum();
        largest_first(&mut found.kinds);
        for user in &mut found.users {
            largest_first(&mut user.kinds);
            for context in &mut user.contexts {
                largest_first(&mut context.kinds);
            }
        }
        found
            .constructs
            .sort_unstable_by_key(|it| (std::cmp::Reverse(it.bytes), it.construct_id));
        found.constructs_truncated |= found.constructs.len() > MAX_TOLD;
        found.constructs.truncate(MAX_TOLD);
    }
}

impl Job for Usage {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        _progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            if self.slice(store).await? {
                return answer(&self.found).map(Some);
            }
            Ok(None)
        })
    }
}

/// What rows of a table hold, by what they belong to.
struct Held {
    user: i64,
    context: Option<String>,
    construct: Option<String>,
    bytes: u64,
}

fn add_kind(kinds: &mut Vec<KindUsage>, kind: &str, bytes: u64) {
    match kinds.iter_mut().find(|it| it.kind == kind) {
        Some(known) => known.bytes += bytes,
        None if bytes > 0 => kinds.push(KindUsage {
            kind: kind.to_owned(),
            bytes,
        }),
        None => {}
    }
}

fn largest_first(kinds: &mut [KindUsage]) {
    kinds.sort_unstable_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.kind.cmp(&b.kind)));
}

/// The roots of the database's tables and indexes, each with its kind.
fn trees(view: &View<'_>) -> Result<Vec<(usize, String)>> {
    let mut statement = view.prepare(
        "SELECT rootpage, name, type FROM sqlite_schema WHERE rootpage > 0 UNION ALL SELECT 1, 'sqlite_schema', 'table'",
    )?;
    let mut rows = statement.query([])?;
    let mut trees = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, kind): (String, String) = (row.get(1)?, row.get(2)?);
        let is_own = |name: &str| {
            BOOKKEEPING.contains(&name)
                || matches!(name, "sqlite_schema" | "schema_migration" | "journal_state")
        };
        let kind = match kind.as_str() {
            _ if name.starts_with("search_") => "search".to_owned(),
            "table" if CONTENTS.contains(&name.as_str()) => "contents".to_owned(),
            "index" => "indexes".to_owned(),
            _ if is_own(&name) => "bookkeeping".to_owned(),
            _ => name,
        };
        trees.push((row.get(0)?, kind));
    }
    Ok(trees)
}

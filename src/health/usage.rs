//! Where the bytes are: by kind, by user and by context.

use serde::{Deserialize, Serialize};

use super::walk::Walk;
use crate::database;
use crate::database::schema::{BOOKKEEPING, TABLES};
use crate::disk::LocalFuture;
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
}

/// Bytes of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct KindUsage {
    /// A table with its rows, such as `chunk`; or `indexes`, `search` (its index), `bookkeeping`, `free_pages`, `overhead` (pages that hold only
    /// where others are), `log` (of the database), `journal`, `snapshots`, `quarantine` or `other` files.
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
    /// Bytes.
    pub bytes: u64,
}

enum Stage {
    Settle,
    /// The tree of the database at this place among them.
    Tree(usize),
    /// What the rows of the table at this place hold.
    Content(usize, Walk),
    Files,
}

/// The counting of bytes, under way.
pub struct Usage {
    query: UsageQuery,
    stage: Stage,
    /// Tables and indexes by their names, each with its kind.
    trees: Vec<(String, String)>,
    found: HealthUsage,
}

impl Usage {
    /// Begins to count.
    #[must_use]
    pub fn new(query: UsageQuery) -> Self {
        Self {
            query,
            stage: Stage::Settle,
            trees: Vec::new(),
            found: HealthUsage::default(),
        }
    }

    fn add(&mut self, kind: &str, bytes: u64) {
        let kinds = &mut self.found.kinds;
        match kinds.iter_mut().find(|it| it.kind == kind) {
            Some(known) => known.bytes += bytes,
            None if bytes > 0 => kinds.push(KindUsage {
                kind: kind.to_owned(),
                bytes,
            }),
            None => {}
        }
    }

    fn add_content(&mut self, user: i64, context: Option<String>, bytes: u64) {
        let users = &mut self.found.users;
        let user_id = UserId { user };
        let place = match users.binary_search_by(|known| known.user_id.cmp(&user_id)) {
            Ok(place) => place,
            Err(place) => {
                users.insert(
                    place,
                    UserUsage {
                        user_id,
                        bytes: 0,
                        contexts: Vec::new(),
                    },
                );
                place
            }
        };
        let (Some(user), context) = (users.get_mut(place), context) else {
            return;
        };
        user.bytes += bytes;
        let Some(context) = context else {
            return;
        };
        match user.contexts.iter_mut().find(|it| it.context == context) {
            Some(known) => known.bytes += bytes,
            None => user.contexts.push(ContextUsage { context, bytes }),
        }
    }

    async fn slice(&mut self, store: &mut Store) -> Result<bool> {
        let stage = std::mem::replace(&mut self.stage, Stage::Files);
        self.stage = match stage {
            Stage::Settle => {
                store.checkpoint_now()?;
                self.trees = store.read(Caller::default(), trees)?;
                Stage::Tree(0)
            }
            Stage::Tree(at) => match self.trees.get(at).cloned() {
                Some((tree, kind)) => {
                    let bytes = store.read(Caller::default(), |view| tree_bytes(view, &tree))?;
                    self.add(&kind, bytes);
                    Stage::Tree(at + 1)
                }
                None => Stage::Content(0, Walk::default()),
            },
            Stage::Content(at, walk) => match TABLES.get(at) {
                Some(spec) => match self.content(store, spec.name, &walk)? {
                    Some(next) => Stage::Content(at, next),
                    None => Stage::Content(at + 1, Walk::default()),
                },
                None => Stage::Files,
            },
            Stage::Files => {
                let free = store.read(Caller::default(), free_bytes)?;
                self.add("free_pages", free);
                let files = store.files().await?;
                self.add_files(&files);
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
            let has = |name: &str| columns.iter().any(|column| column == name);
            if !has("user") {
                return Ok(None);
            }
            let context = if has("context") {
                "child.context"
            } else if has("conversation") {
                "(SELECT c.context FROM conversation AS c WHERE c.user = child.user AND c.conversation = child.conversation)"
            } else {
                "NULL"
            };
            let slice = walk.slice(view, table)?;
            let select = format!(
                "SELECT child.user, {context}, sum({}) FROM \"{table}\" AS child WHERE",
                content_bytes(&columns, "child")
            );
            let only = only.map_or("1".to_owned(), |only| format!("child.user = {}", only.user));
            let rest = format!("{only} GROUP BY 1, 2");
            slice.query(view, &select, &rest, &mut |row| {
                held.push((row.get(0)?, row.get(1)?, row.get(2)?));
                Ok(())
            })?;
            Ok(slice.next)
        })?;
        for (user, context, bytes) in held {
            self.add_content(user, context, bytes);
        }
        Ok(next)
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
        let kinds = &mut self.found.kinds;
        kinds.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.kind.cmp(&b.kind)));
        self.found.total_bytes = kinds.iter().map(|kind| kind.bytes).sum();
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

/// The database's tables and indexes, each with its kind.
fn trees(view: &View<'_>) -> Result<Vec<(String, String)>> {
    let mut statement = view.prepare(
        "SELECT name, type FROM sqlite_schema WHERE rootpage > 0 UNION ALL SELECT 'sqlite_schema', 'table'",
    )?;
    let mut rows = statement.query([])?;
    let mut trees = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let is_own = |name: &str| {
            BOOKKEEPING.contains(&name)
                || matches!(name, "sqlite_schema" | "schema_migration" | "journal_state")
        };
        let kind = match kind.as_str() {
            _ if name.starts_with("search_") => "search".to_owned(),
            "index" => "indexes".to_owned(),
            _ if is_own(&name) => "bookkeeping".to_owned(),
            _ => name.clone(),
        };
        trees.push((name, kind));
    }
    Ok(trees)
}

/// Bytes of the pages that a table or index takes.
fn tree_bytes(view: &View<'_>, name: &str) -> Result<u64> {
    let mut statement =
        view.prepare("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0))?)
}

/// Bytes of pages that hold nothing.
pub(super) fn free_bytes(view: &View<'_>) -> Result<u64> {
    let mut statement = view.prepare("PRAGMA freelist_count")?;
    let pages: u64 = statement.query_row([], |row| row.get(0))?;
    Ok(pages * u64::from(database::PAGE_BYTES))
}

/// The columns of a table; none if there is no such table.
pub(super) fn columns(view: &View<'_>, table: &str) -> Result<Vec<String>> {
    let mut info = view.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = info.query_map([table], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// The bytes that a row's values hold, as SQL.
pub(super) fn content_bytes(columns: &[String], row: &str) -> String {
    let lengths: Vec<String> = columns
        .iter()
        .map(|column| format!("coalesce(octet_length({row}.\"{column}\"), 0)"))
        .collect();
    lengths.join(" + ")
}

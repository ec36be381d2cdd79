//! Checks everything that is stored, a slice at a time.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::walk::{SLICE_ROWS, Walk};
use super::{FindingCode, HealthDepth, HealthFinding, HealthReport, KNOWN_DAMAGE, LAST_CHECK};
use crate::backup::{self, Backup, Verifying};
use crate::blob::Piece;
use crate::database::counters;
use crate::database::rows::{key_columns, references};
use crate::database::schema::{RecordKey, TABLES};
use crate::database::scratch::Scratch;
use crate::disk::LocalFuture;
use crate::disk::memory::MemoryDisk;
use crate::domain::{blobs, charts, settings};
use crate::error::{Code, Error, Result};
use crate::journal::Verify;
use crate::store::{Caller, Event, Job, Store, View, WorkProgress, answer};

/// The most findings that are kept.
const MAX_FINDINGS: usize = 1000;

/// The most findings that the setting keeps.
const MAX_REMEMBERED: usize = 100;

/// Rows of one slice that are named for one reason.
const MAX_NAMED: usize = 20;

/// Bytes of a table and its indexes up to which SQLite's own check of it is run, which cannot be done in slices.
const QUICK_BYTES: u64 = 4 << 20;

/// Rows of a slice in which each row is looked up.
const LOOKED_UP_ROWS: usize = SLICE_ROWS / 4;

/// Tables that hold no records.
const OWN_TABLES: &[&str] = &["history", "schema_migration", "journal_state"];

/// Where the schema is made as it should be.
const SCHEMA_FILE: &str = "schema.sqlite3";

/// Pieces of contents looked at in one slice at most, and the bytes of their files.
const SLICE_PIECES: usize = 64;
const SLICE_BYTES: u64 = 4 << 20;

const CONTENT_REPAIR: &str = "putting the same content again, for any artifact, writes the file anew; else it comes from a backup";

const JOURNAL_REPAIR: &str = "a new snapshot keeps the state, from which the journal goes on";

const CHART_REPAIR: &str = "what it says is someone's to decide: change it, or remove it";

const BACKUP_REPAIR: &str = "it is set aside in quarantine/, and the next backup stands alone";

const REBUILD: &str =
    "the database is rebuilt from the newest snapshot and the journal, which lack nothing";

/// What is checked of every row of a table.
struct Rule {
    code: FindingCode,
    /// Fulfilled by rows, named `child`, that are wrong.
    condition: String,
    message: String,
    repair: &'static str,
}

/// What a database is made of, but for SQLite's own. What runs by itself is told by its text, too: of tables that changed over
/// the versions the text may be written in several ways.
fn schema_of(connection: &Connection) -> Result<BTreeSet<String>> {
    let mut statement = connection.prepare(
        "SELECT type || ' ' || name || CASE WHEN type IN ('trigger', 'view') THEN ': ' || sql ELSE '' END
         FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Where a check is.
enum Stage {
    /// Pages of the database file from an offset on.
    Pages(u64),
    /// SQLite's check of the table at this place.
    Table(usize),
    /// The rows of the table at this place.
    Rows(usize, Walk),
    Journal(Box<Verify>),
    /// Pieces of contents from behind the one of this name on.
    Contents(String),
    /// Graphs of charts from behind the one of this user and context on.
    Charts(i64, String),
    /// Backups that are left to be read.
    Backups(Vec<Backup>),
    /// One of them that is being read.
    Backup(Vec<Backup>, Box<Verifying>),
    Done,
}

/// A check under way.
pub struct Check {
    stage: Stage,
    /// Tables that are too large for SQLite's own check.
    large: Vec<String>,
    begun_at: i64,
    report: HealthReport,
}

impl Check {
    /// Begins a check.
    #[must_use]
    pub fn new(now_ms: i64, depth: HealthDepth) -> Self {
        Self {
            stage: Stage::Pages(0),
            large: Vec::new(),
            begun_at: now_ms,
            report: HealthReport {
                at: now_ms,
                depth,
                duration_ms: 0,
                findings: Vec::new(),
                truncated: false,
                database_bytes: 0,
                rows: 0,
                lines: 0,
                content_bytes: 0,
                backups: 0,
                known_damage: Vec::new(),
            },
        }
    }

    /// What was found so far.
    #[must_use]
    pub const fn report(&self) -> &HealthReport {
        &self.report
    }

    fn find(
        &mut self,
        code: FindingCode,
        record: Option<String>,
        message: String,
        repair: &'static str,
    ) {
        if self.report.findings.len() >= MAX_FINDINGS {
            self.report.truncated = true;
            return;
        }
        self.report.findings.push(HealthFinding {
            code,
            record: record.filter(|record| !record.is_empty()),
            message,
            repair: repair.to_owned(),
        });
    }

    /// Takes damage as a finding, and any other error as what it is.
    fn survive<T>(
        &mut self,
        code: FindingCode,
        what: &str,
        result: Result<T>,
    ) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code() == Code::Corrupt => {
                self.find(code, None, format!("{what}: {error}"), REBUILD);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Does a slice; true when all is checked.
    async fn slice(&mut self, store: &mut Store) -> Result<bool> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.stage = match stage {
            Stage::Pages(mut offset) => {
                let checked = store.verify_pages(&mut offset);
                self.report.database_bytes = self.report.database_bytes.max(offset);
                // Damage in one slice says nothing about the next.
                match self.survive(FindingCode::Page, "the database file", checked)? {
                    Some(false) => {
                        self.schema(store).await?;
                        self.weigh(store)?;
                        Stage::Table(0)
                    }
                    _ => Stage::Pages(offset),
                }
            }
            Stage::Table(at) => match table_at(at) {
                Some(table) if self.is_large(table) => Stage::Table(at + 1),
                Some(table) => {
                    let found = store.read(Caller::default(), |view| quick_check(view, table));
                    let found = self.survive(FindingCode::Database, table, found)?;
                    for finding in found.into_iter().flatten() {
                        self.find(FindingCode::Database, None, finding, REBUILD);
                    }
                    Stage::Table(at + 1)
                }
                None => Stage::Rows(0, Walk::default()),
            },
            Stage::Rows(at, walk) => match table_at(at) {
                Some(table) => match self.rows(store, table, &walk)? {
                    Some(next) => Stage::Rows(at, next),
                    None => Stage::Rows(at + 1, Walk::default()),
                },
                None if self.report.depth == HealthDepth::Quick => Stage::Done,
                None => Stage::Journal(Box::new(store.journal().verify())),
            },
            Stage::Journal(mut verify) => {
                let more = verify.step().await?;
                if more {
                    Stage::Journal(verify)
                } else {
                    self.journal(store, &verify)?;
                    Stage::Contents(String::new())
                }
            }
            Stage::Contents(after) => match self.contents(store, &after).await? {
                Some(last) => Stage::Contents(last),
                None if self.report.depth < HealthDepth::Deep => Stage::Done,
                None => Stage::Charts(0, String::new()),
            },
            Stage::Charts(user, context) => match self.charts(store, user, &context)? {
                Some((user, context)) => Stage::Charts(user, context),
                None => Stage::Backups(backup::list(&*store.backup_files()).await?),
            },
            Stage::Backups(mut left) => match left.pop() {
                Some(backup) => self.backup(backup, left),
                None => Stage::Done,
            },
            Stage::Backup(left, mut verifying) => {
                match verifying.slice(store, &mut |_| {}).await? {
                    None => Stage::Backup(left, verifying),
                    Some(verified) => {
                        self.report.backups += 1;
                        for finding in verified.findings {
                            let name = Some(verified.name.clone());
                            self.find(FindingCode::Backup, name, finding, BACKUP_REPAIR);
                        }
                        Stage::Backups(left)
                    }
                }
            }
            Stage::Done => Stage::Done,
        };
        Ok(matches!(self.stage, Stage::Done))
    }

    /// Looks for what no migration made, as a trigger that somebody slipped in, and for what is missing.
    async fn schema(&mut self, store: &mut Store) -> Result<()> {
        // In memory: a check writes nothing but its report.
        let disk = MemoryDisk::new();
        let made = Scratch::create(&disk, store.host().clone(), SCHEMA_FILE, store.schema());
        let expected = schema_of(made.await?.connection())?;
        let found = store.read(Caller::default(), |view| schema_of(view.connection()));
        let Some(found) = self.survive(FindingCode::Database, "the schema", found)? else {
            return Ok(());
        };
        for what in found.difference(&expected) {
            let message = format!("the database has something that no migration made: {what}");
            self.find(FindingCode::Database, None, message, REBUILD);
        }
        for what in expected.difference(&found) {
            let message = format!("the database lacks: {what}");
            self.find(FindingCode::Database, None, message, REBUILD);
        }
        Ok(())
    }

    /// Finds out which tables are large.
    fn weigh(&mut self, store: &mut Store) -> Result<()> {
        let trees = store.read(Caller::default(), |view| {
            let mut statement = view.prepare(
                "SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0 ORDER BY tbl_name",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<Vec<(usize, String)>>>()?)
        });
        let trees = self.survive(FindingCode::Database, "the schema", trees)?;
        let sizes = self.survive(FindingCode::Page, "the database file", store.tree_sizes())?;
        let (trees, sizes) = (trees.unwrap_or_default(), sizes.unwrap_or_default());
        for trees in trees.chunk_by(|(_, a), (_, b)| a == b) {
            let bytes: u64 = trees.iter().map(|(root, _)| sizes.of(*root)).sum();
            if bytes > QUICK_BYTES {
                self.large
                    .extend(trees.first().map(|(_, table)| table.clone()));
            }
        }
        Ok(())
    }

    fn is_large(&self, table: &str) -> bool {
        self.large.iter().any(|large| large == table)
    }

    /// Checks a slice of a table's rows; gives where the next one begins.
    fn rows(&mut self, store: &mut Store, table: &str, walk: &Walk) -> Result<Option<Walk>> {
        let last_seq = store.last_seq();
        let checked = store.read(Caller::default(), |view| {
            let slice = walk.slice(view, table, LOOKED_UP_ROWS)?;
            let spec = TABLES.iter().find(|spec| spec.name == table);
            let key = spec.map_or(RecordKey::None, |spec| spec.record);
            let mut wrong = Vec::new();
            let mut rules = rules(view, table, last_seq)?;
            // SQLite's quick check does not look whether indexes agree with their table.
            rules.extend(lookups(view, table)?);
            for rule in rules {
                let select = format!("SELECT * FROM \"{table}\" AS child WHERE");
                let rest = format!("({}) LIMIT {MAX_NAMED}", rule.condition);
                slice.query(view, &select, &rest, &mut |row| {
                    let record = key.id(|index| row.get_ref(index).ok());
                    wrong.push((rule.code, record, rule.message.clone(), rule.repair));
                    Ok(())
                })?;
            }
            Ok((slice.rows, slice.next, wrong))
        });
        let Some((rows, next, wrong)) = self.survive(FindingCode::Database, table, checked)? else {
            return Ok(None);
        };
        self.report.rows += rows;
        for (code, record, message, repair) in wrong {
            self.find(code, record, message, repair);
        }
        Ok(next)
    }

    /// Takes what is wrong with the journal, what is known of it already apart.
    fn journal(&mut self, store: &mut Store, verify: &Verify) -> Result<()> {
        let known = store.read(Caller::default(), |view| settings::own(view, KNOWN_DAMAGE));
        let known = self.survive(FindingCode::Database, "setting", known)?;
        let known: Vec<String> = known.flatten().unwrap_or_default();
        let report = verify.report();
        self.report.lines = report.lines;
        for finding in &report.findings {
            let message = finding.to_string();
            if known.contains(&message) {
                self.report.known_damage.push(message);
            } else {
                self.find(FindingCode::Journal, None, message, JOURNAL_REPAIR);
            }
        }
        Ok(())
    }

    /// Checks the graph behind one; gives whose it was, or none if there are no more.
    fn charts(
        &mut self,
        store: &mut Store,
        user: i64,
        context: &str,
    ) -> Result<Option<(i64, String)>> {
        let checked = store.read(Caller::default(), |view| {
            let Some(graph) = charts::graph_after(view, user, context)? else {
                return Ok(None);
            };
            let checked = charts::check::check(view, &graph)?;
            Ok(Some((graph, checked)))
        });
        let checked = self.survive(FindingCode::Database, "entity", checked)?;
        let Some((graph, checked)) = checked.flatten() else {
            return Ok(None);
        };
        let user = graph.user_id.map_or(0, |id| id.user);
        let context = graph.context.unwrap_or_default();
        for finding in checked.findings {
            let message = format!(
                "in the context {context:?} of user {user}: {}",
                finding.message
            );
            let record = finding.entity.or(finding.chart);
            self.find(FindingCode::Chart, record, message, CHART_REPAIR);
        }
        Ok(Some((user, context)))
    }

    /// Looks at what a backup says of itself, and goes on to read it.
    fn backup(&mut self, backup: Backup, left: Vec<Backup>) -> Stage {
        if backup.lost.is_empty() {
            return Stage::Backup(left, Box::new(Verifying::new(backup.name)));
        }
        self.report.backups += 1;
        let message = format!(
            "it builds on {}, which is not there",
            backup.lost.join(", ")
        );
        self.find(
            FindingCode::Backup,
            Some(backup.name),
            message,
            BACKUP_REPAIR,
        );
        Stage::Backups(left)
    }

    /// Checks the next pieces of contents; gives the last of them, or none if there are no more.
    async fn contents(&mut self, store: &mut Store, after: &str) -> Result<Option<String>> {
        let pieces = store.read(Caller::default(), |view| {
            blobs::pieces_after(view, after, SLICE_PIECES)
        });
        let pieces = self.survive(FindingCode::Database, "piece", pieces)?;
        let pieces = pieces.unwrap_or_default();
        let mut bytes = 0;
        let mut last = None;
        for piece in &pieces {
            self.content(store, piece).await?;
            last = Some(piece.hash.to_hex().to_string());
            bytes += piece.stored;
            if bytes >= SLICE_BYTES {
                break;
            }
        }
        self.report.content_bytes += bytes;
        Ok(last)
    }

    async fn content(&mut self, store: &mut Store, piece: &Piece) -> Result<()> {
        let (code, error) = match store.read_piece(piece).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Code::Corrupt => match store.piece_bytes(piece).await? {
                None => (FindingCode::ContentMissing, error),
                Some(bytes) if bytes != piece.stored => (FindingCode::ContentTruncated, error),
                Some(_) => (FindingCode::ContentAltered, error),
            },
            Err(error) => return Err(error),
        };
        let mut artifacts = store.read(Caller::default(), |view| {
            blobs::artifacts_with(view, &piece.hash, MAX_NAMED)
        })?;
        if artifacts.is_empty() {
            artifacts.push(String::new());
        }
        for artifact in artifacts {
            self.find(code, Some(artifact), error.to_string(), CONTENT_REPAIR);
        }
        Ok(())
    }

    /// Does a slice; gives the report once all is checked.
    ///
    /// # Errors
    /// The disk's own.
    pub(super) async fn run(
        &mut self,
        store: &mut Store,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<HealthReport>> {
        if store.is_damaged() {
            // The store mends itself first, and the check goes on with what it has become.
            return Ok(None);
        }
        let before = self.progress();
        let is_done = self.slice(store).await?;
        let now = self.progress();
        if now != before {
            progress(&answer(&now)?);
        }
        if !is_done {
            return Ok(None);
        }
        self.conclude(store)?;
        Ok(Some(self.report.clone()))
    }

    /// How far it is, in stages.
    pub fn progress(&self) -> WorkProgress {
        let tables = TABLES.len() + OWN_TABLES.len();
        let done = match self.stage {
            Stage::Pages(_) => 0,
            Stage::Table(at) => 1 + at,
            Stage::Rows(at, _) => 1 + tables + at,
            Stage::Journal(_) => 1 + 2 * tables,
            Stage::Contents(_) => 2 + 2 * tables,
            Stage::Charts(..) => 3 + 2 * tables,
            Stage::Backups(_) | Stage::Backup(..) => 4 + 2 * tables,
            Stage::Done => 5 + 2 * tables,
        };
        WorkProgress {
            done: done as u64,
            total: (5 + 2 * tables) as u64,
        }
    }

    /// Keeps the report, and tells of findings.
    fn conclude(&mut self, store: &mut Store) -> Result<()> {
        self.report.at = store.host().now_ms();
        self.report.duration_ms = self.report.at.saturating_sub(self.begun_at);
        let mut remembered = self.report.clone();
        remembered.truncated |= remembered.findings.len() > MAX_REMEMBERED;
        remembered.findings.truncate(MAX_REMEMBERED);
        if !self.report.findings.is_empty() {
            store.tell(Event::Health(self.report.clone()));
        }
        let kept = store.write("health.check", Caller::default(), |tx| {
            settings::set_own(tx, LAST_CHECK, &remembered)
        });
        match kept {
            // What was found is worth more than that it is remembered.
            Err(error) if matches!(error.code(), Code::QuotaExceeded | Code::Corrupt) => Ok(()),
            kept => kept.map(|_| ()),
        }
    }
}

impl Job for Check {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let report = self.run(store, progress).await?;
            report.as_ref().map(answer).transpose()
        })
    }
}

fn table_at(at: usize) -> Option<&'static str> {
    let own = || OWN_TABLES.get(at.checked_sub(TABLES.len())?).copied();
    TABLES.get(at).map(|spec| spec.name).or_else(own)
}

/// SQLite's own check of a table and its indexes; each finding is a sentence.
fn quick_check(view: &View<'_>, table: &str) -> Result<Vec<String>> {
    let mut statement = view.prepare(&format!("PRAGMA quick_check(\"{table}\")"))?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found
        .into_iter()
        .filter(|finding| finding != "ok")
        .map(|finding| format!("{table}: {finding}"))
        .collect())
}

/// What is checked of every row of a table.
fn rules(view: &View<'_>, table: &str, last_seq: u64) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    let mut add = |code, condition: String, message: String, repair| {
        rules.push(Rule {
            code,
            condition,
            message,
            repair,
        });
    };
    for key in references(view.connection(), table)? {
        let is_leaf = table == "conversation" && key.parent == "message";
        let (code, repair) = if is_leaf {
            (FindingCode::Leaf, "the path ends at its newest message")
        } else {
            (
                FindingCode::Reference,
                "the record is set aside in quarantine/",
            )
        };
        let message = format!("a {table} refers to a {} that is not there", key.parent);
        add(code, key.is_missing(), message, repair);
    }
    for counter in counters::all().into_iter().filter(|it| it.table == table) {
        let repair = "the counter goes on behind the greatest number";
        add(
            FindingCode::Counter,
            counter.lags,
            counter.message.to_owned(),
            repair,
        );
    }
    if table == "message" {
        let message = "a message comes before the one that it follows".to_owned();
        let repair = "the message begins a path of its own";
        let condition = "child.parent >= child.message".to_owned();
        add(FindingCode::Order, condition, message, repair);
    }
    if has_column(view, table, "uuid")? {
        let condition = format!(
            "length(child.uuid) <> 36 OR (SELECT count(*) FROM \"{table}\" AS other WHERE other.uuid = child.uuid) <> 1"
        );
        let message = format!("the UUID of a {table} is malformed, or another's too");
        add(
            FindingCode::Uuid,
            condition,
            message,
            "the record gets another UUID",
        );
    }
    if table == "history" {
        let condition = format!("child.first_seq > child.last_seq OR child.last_seq > {last_seq}");
        let message = "the audit index names a line that cannot be".to_owned();
        let repair = "the index is made again from the journal";
        add(FindingCode::History, condition, message, repair);
    }
    Ok(rules)
}

/// That each row of a table is found by its key and by each index that it belongs to.
fn lookups(view: &View<'_>, table: &str) -> Result<Vec<Rule>> {
    let key = key_columns(view.connection(), table)?;
    let mut rules = vec![lookup(
        table,
        "",
        "1",
        &key,
        format!("a {table} is not found by its key"),
    )];
    let mut statement = view.prepare(
        "SELECT i.name, s.sql FROM pragma_index_list(?1) AS i LEFT JOIN sqlite_schema AS s ON s.name = i.name
         WHERE i.origin <> 'pk' ORDER BY i.name",
    )?;
    let mut indexes = statement.query([table])?;
    while let Some(index) = indexes.next()? {
        let (name, sql): (String, Option<String>) = (index.get(0)?, index.get(1)?);
        let mut info = view.prepare(
            "SELECT name FROM pragma_index_xinfo(?1) WHERE name IS NOT NULL ORDER BY seqno",
        )?;
        let columns = info.query_map([&name], |row| row.get(0))?;
        let mut columns = columns.collect::<rusqlite::Result<Vec<String>>>()?;
        columns.extend(key.iter().cloned());
        // A partial index has the rows that fulfil its condition.
        let sql = sql.unwrap_or_default();
        let (terms, condition) = sql.split_once(" WHERE ").unwrap_or((&sql, "1"));
        // What is computed has no name above.
        columns.extend(computed(terms).map(str::to_owned));
        let by = format!("INDEXED BY \"{name}\"");
        let message = format!("a {table} is not in the index {name}");
        rules.push(lookup(table, &by, condition, &columns, message));
    }
    Ok(rules)
}

/// The expressions among the terms of an index. Each is a call without another in it, whose first argument is a column.
fn computed(terms: &str) -> impl Iterator<Item = &str> {
    let list = terms.split_once('(').map_or("", |(_, list)| list);
    let opened = list.match_indices('(').map(|(at, _)| at);
    opened.filter_map(move |at| {
        let (before, after) = list.split_at_checked(at)?;
        let start = before.rfind(", ").map_or(0, |comma| comma + 2);
        let end = at + after.find(')')? + 1;
        list.get(start..end)
    })
}

/// That each row finds itself by `columns`, which are names or such calls.
fn lookup(table: &str, by: &str, condition: &str, columns: &[String], message: String) -> Rule {
    let of = |row: &str, column: &str| match column.split_once('(') {
        Some((function, arguments)) => format!("{function}({row}.{arguments}"),
        None => format!("{row}.\"{column}\""),
    };
    let matches: Vec<_> = columns
        .iter()
        .map(|column| format!("{} IS {}", of("other", column), of("child", column)))
        .collect();
    Rule {
        code: FindingCode::Database,
        condition: format!(
            "({condition}) AND NOT EXISTS (SELECT 1 FROM \"{table}\" AS other {by} WHERE ({condition}) AND {})",
            matches.join(" AND ")
        ),
        message,
        repair: REBUILD,
    }
}

pub(super) fn has_column(view: &View<'_>, table: &str, column: &str) -> Result<bool> {
    let mut statement = view.prepare("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2")?;
    Ok(statement.exists((table, column))?)
}

/// When the last check ended; when the store was made, if there was none.
pub fn last_checked(view: &View<'_>) -> Result<i64> {
    let setting = settings::get(
        view,
        &settings::SettingRef {
            user_id: None,
            name: LAST_CHECK.to_owned(),
        },
    )?;
    if let Some(setting) = setting {
        return Ok(setting.updated_at);
    }
    let mut made = view.prepare("SELECT min(applied_at) FROM schema_migration")?;
    let made: Option<i64> = made.query_row([], |row| row.get(0))?;
    made.ok_or_else(|| Error::corrupt("no migration says when the store was made"))
}

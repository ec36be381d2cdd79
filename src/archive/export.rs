//! Writing an archive, as fast as it is taken: nothing of it is ever held as a whole.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::blocks::{self, Blocks};
use super::database;
use super::entries::Entries;
use super::rows::Rows;
use super::select::{blob_condition, condition};
use super::single::{ConversationExport, ConversationForm, export_conversation};
use super::{
    ALONE_VERSION, BACKUP_VERSION, BackupKind, EntrySum, FORMAT, LostContent, MADE_BY, Manifest,
    RecordCount, Scope, content_name, hash_of, hex, records, select, table_of,
};
use crate::blob::{Packing, Piece};
use crate::database::schema::TableSpec;
use crate::domain::blobs;
use crate::domain::charts::lines::{LineKind, wanted_lines};
use crate::domain::charts::time;
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::{Moment, Store, View};

/// Bytes after which a slice of the work ends.
pub(super) const SLICE_BYTES: usize = 256 << 10;

/// No conversation comes before it.
const BEFORE_ALL: ConversationId = ConversationId {
    user: 0,
    conversation: 0,
};

/// Asks for an archive.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportRequest {
    /// What it is of: everything by default, or everything of the user whose view asks.
    pub scope: Option<Scope>,
    /// Whether the `SQLite` file goes with it, as `store.sqlite3`; only in an archive of everything.
    pub sqlite: Option<bool>,
    /// Whether every conversation goes with it as Markdown too, in `conversations/`.
    pub markdown: Option<bool>,
    /// What the file is: an archive by default.
    #[serde(rename = "as")]
    pub form: Option<ExportForm>,
}

/// What a file on its way out is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ExportForm {
    /// A zip of records and contents, which can be brought in again.
    #[default]
    Archive,
    /// The `SQLite` file alone, of everything but what contents of artifacts hold: for programs that read `SQLite`.
    Sqlite,
}

/// How far an export is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ExportProgress {
    /// Bytes read so far, of records and contents.
    pub done: u64,
    /// About how many there will be.
    pub total: u64,
    /// Rows written.
    pub records: u64,
    /// Contents written.
    pub contents: u64,
    /// Whether the archive is whole.
    pub is_done: bool,
}

/// An archive on its way out.
pub struct Export {
    moment: Moment,
    scope: Scope,
    with: With,
    store_id: String,
    created_at: String,
    out: Entries,
    counts: Vec<RecordCount>,
    lost: Vec<LostContent>,
    tables: VecDeque<&'static TableSpec>,
    backup: Option<Backup>,
    stage: Stage,
    progress: ExportProgress,
}

/// What goes with the records.
#[derive(Clone, Copy, Default)]
struct With {
    sqlite: bool,
    markdown: bool,
}

/// What a backup is beside an archive that stands alone: it has its rows in blocks, and not again what its base has.
struct Backup {
    kind: BackupKind,
    number: u64,
    /// What is there already, by name.
    known: HashMap<String, EntrySum>,
    blocks: Blocks,
}

enum Stage {
    Begin,
    Tables,
    Rows(Rows),
    Graphs,
    Graph(VecDeque<Graph>),
    /// The conversation after which the next is looked for.
    Conversations(ConversationId),
    /// The hash after which the next content is looked for.
    Contents(String),
    Content {
        hash: String,
        pieces: VecDeque<Piece>,
    },
    Sqlite(u64),
    End,
    Done,
}

/// Lines of one graph on their way to one file.
struct Graph {
    user: UserId,
    context: String,
    is_archive: bool,
    behind: i64,
}

impl Export {
    /// Begins an archive of the state as it is now, which stays held until [`end`](Self::end).
    ///
    /// # Errors
    /// `not_found` when there is no such record, also one of another user than `asker`; `locked` while another export is on
    /// its way; `invalid_argument` when the `SQLite` file is asked for with less than everything.
    pub fn begin(
        store: &mut Store,
        request: &ExportRequest,
        asker: Option<UserId>,
    ) -> Result<Self> {
        let scope = match (&request.scope, asker) {
            (None, Some(id)) => Scope::User { id },
            (None, None) => Scope::All,
            (Some(scope), _) => scope.clone(),
        };
        let with = With {
            sqlite: request.sqlite.unwrap_or(false),
            markdown: request.markdown.unwrap_or(false),
        };
        if with.sqlite && scope != Scope::All {
            return Err(Error::invalid(
                "the SQLite file holds everything; it goes with an archive of everything alone",
            ));
        }
        let moment = store.hold()?;
        Self::prepare(store, moment, scope, with, asker).inspect_err(|_| store.let_go(moment))
    }

    /// Begins a backup of the state as it is now. `base` is the file that it is to build on, and what that says of itself.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_backup(
        store: &mut Store,
        kind: BackupKind,
        number: u64,
        scope: Scope,
        base: Option<(String, Manifest)>,
    ) -> Result<Self> {
        let mut known = HashMap::new();
        if let Some((file, Manifest { entries, lost, .. })) = base {
            for mut sum in entries {
                let is_whole =
                    hash_of(&sum.name).is_some_and(|hash| !lost.iter().any(|it| it.hash == hash));
                if is_whole || table_of(&sum.name).is_some() {
                    sum.within.get_or_insert_with(|| file.clone());
                    known.insert(sum.name.clone(), sum);
                }
            }
        }
        let moment = store.hold()?;
        let mut export = Self::prepare(store, moment, scope, With::default(), None)
            .inspect_err(|_| store.let_go(moment))?;
        export.backup = Some(Backup {
            kind,
            number,
            known,
            blocks: Blocks::default(),
        });
        Ok(export)
    }

    fn prepare(
        store: &Store,
        moment: Moment,
        scope: Scope,
        with: With,
        asker: Option<UserId>,
    ) -> Result<Self> {
        let view = store.held(moment)?;
        let file_bytes = store.held_file(moment)?.size()?;
        if let Some(asker) = asker {
            owns(&view, asker, &scope)?;
        }
        select::choose(&view, &scope)?;
        let mut contents = view.prepare(&format!(
            "SELECT coalesce(sum(t.size), 0) FROM blob AS t WHERE {}",
            blob_condition(&scope)
        ))?;
        let contents: u64 = contents.query_row([], |row| row.get(0))?;
        let at_ms = store.host().now_ms();
        let copies = if with.sqlite { 2 } else { 1 };
        let total = copies * file_bytes + contents;
        Ok(Self {
            moment,
            scope,
            with,
            store_id: store.id(),
            created_at: time::write(at_ms)?,
            out: Entries::new(at_ms),
            counts: Vec::new(),
            lost: Vec::new(),
            tables: records::tables().collect(),
            backup: None,
            stage: Stage::Begin,
            progress: ExportProgress {
                total,
                ..ExportProgress::default()
            },
        })
    }

    /// The next bytes of the archive; none at its end. Each call is a slice of some milliseconds.
    ///
    /// # Errors
    /// `aborted` when the store had to recover meanwhile; the disk's own. The archive is of no use then.
    pub async fn next(&mut self, store: &Store) -> Result<Option<Vec<u8>>> {
        while self.out.zip.waiting() < SLICE_BYTES {
            if matches!(self.stage, Stage::Done) {
                break;
            }
            self.step(store).await?;
        }
        let bytes = self.out.zip.take();
        Ok((!bytes.is_empty()).then_some(bytes))
    }

    /// How far it is.
    #[must_use]
    pub const fn progress(&self) -> &ExportProgress {
        &self.progress
    }

    /// Whether the moment that it is of is still held.
    ///
    /// # Errors
    /// `aborted` when it is not: the store had to recover meanwhile.
    pub fn check_held(&self, store: &Store) -> Result<()> {
        store.held(self.moment).map(|_| ())
    }

    /// Lets go of the moment that it is of.
    pub fn end(&self, store: &mut Store) {
        store.let_go(self.moment);
    }

    /// What it is of.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// A name for the file.
    #[must_use]
    pub fn file_name(&self) -> String {
        let date = self.created_at.get(..10).unwrap_or_default();
        let what = match &self.scope {
            Scope::All => String::new(),
            Scope::User { id } => format!("-{id}"),
            Scope::Context { name, .. } => format!("-{}", file_name(name)),
            Scope::Construct { id } => format!("-{}", file_name(id)),
            Scope::Conversation { id } => format!("-{id}"),
            Scope::Chart { chart, .. } => format!("-{}", file_name(chart)),
        };
        format!("strongroom{what}-{date}.zip")
    }

    async fn step(&mut self, store: &Store) -> Result<()> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.stage = match stage {
            Stage::Begin => {
                self.out.readme()?;
                Stage::Tables
            }
            Stage::Tables => match self.tables.pop_front() {
                Some(spec) => self.table(store, spec)?,
                // A backup has charts as rows alone.
                None if self.backup.is_some() => Stage::Contents(String::new()),
                None => Stage::Graphs,
            },
            Stage::Rows(rows) => self.rows(store, rows)?,
            Stage::Graphs => Stage::Graph(self.graphs(store)?),
            Stage::Graph(graphs) => self.graph(store, graphs)?,
            Stage::Conversations(after) => self.next_conversation(store, after)?,
            Stage::Contents(after) => self.next_content(store, &after)?,
            Stage::Content { hash, pieces } => self.content(store, hash, pieces).await?,
            Stage::Sqlite(at) => self.sqlite(store, at)?,
            Stage::End => {
                let manifest = self.manifest();
                self.out.finish(manifest)?;
                self.progress.is_done = true;
                Stage::Done
            }
            Stage::Done => Stage::Done,
        };
        Ok(())
    }

    /// Begins a table, unless it has no row in the archive.
    fn table(&mut self, store: &Store, spec: &'static TableSpec) -> Result<Stage> {
        let view = store.held(self.moment)?;
        let Some(rows) = Rows::begin(&view, spec, &self.scope)? else {
            return Ok(Stage::Tables);
        };
        if rows.is_empty(&view)? {
            return Ok(Stage::Tables);
        }
        self.counts.push(RecordCount {
            table: spec.name.to_owned(),
            count: 0,
        });
        if self.backup.is_none() {
            self.out.begin_rows(&format!("data/{}.jsonl", spec.name))?;
        }
        Ok(Stage::Rows(rows))
    }

    fn rows(&mut self, store: &Store, mut rows: Rows) -> Result<Stage> {
        let view = store.held(self.moment)?;
        let mut lines = Vec::new();
        let count = rows.read(&view, &mut lines)?;
        self.progress.done += lines.len() as u64;
        self.progress.records += count;
        if let Some(counted) = self.counts.last_mut() {
            counted.count += count;
        }
        if self.backup.is_some() {
            self.blocks(rows.table(), &lines, !rows.more)?;
        } else {
            self.out.put(&lines)?;
            if !rows.more {
                self.out.end()?;
            }
        }
        Ok(if rows.more {
            Stage::Rows(rows)
        } else {
            Stage::Tables
        })
    }

    /// Writes the blocks of a table that are whole, and names those that are there already.
    fn blocks(&mut self, table: &str, lines: &[u8], is_end: bool) -> Result<()> {
        if let Some(backup) = &mut self.backup {
            backup.blocks.push(lines);
        }
        while let Some(block) = self
            .backup
            .as_mut()
            .and_then(|backup| backup.blocks.next(is_end))
        {
            let name = blocks::name(table, &hex(&Sha256::digest(&block)));
            if !self.is_known(&name) {
                self.out.add(&name, &block)?;
            }
        }
        Ok(())
    }

    /// Whether an entry is in the base, which it is named in then.
    fn is_known(&mut self, name: &str) -> bool {
        let known = self
            .backup
            .as_ref()
            .and_then(|backup| backup.known.get(name));
        self.out.sums.extend(known.cloned());
        known.is_some()
    }

    /// The graphs that have lines, each with the file of what is archived behind the others of its user.
    fn graphs(&self, store: &Store) -> Result<VecDeque<Graph>> {
        let view = store.held(self.moment)?;
        let chosen = |table| condition(&self.scope, table).unwrap_or("0");
        let mut statement = view.prepare(&format!(
            "SELECT t.user, t.context FROM entity AS t WHERE {}
             UNION SELECT t.user, t.context FROM relation AS t WHERE {}
             UNION SELECT t.user, t.context FROM chart_line AS t WHERE {}
             ORDER BY 1, 2",
            chosen("entity"),
            chosen("relation"),
            chosen("chart_line"),
        ))?;
        let places = statement.query_map([], |row| {
            Ok((UserId { user: row.get(0)? }, row.get::<_, String>(1)?))
        })?;
        let places = places.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut archived = view.prepare(
            "SELECT 1 FROM entity WHERE user = ?1 AND context = ?2 AND archived LIMIT 1",
        )?;
        let mut graphs = VecDeque::new();
        for of_one in places.chunk_by(|(one, _), (other, _)| one == other) {
            for (user, context) in of_one {
                graphs.push_back(Graph::of(*user, context, false));
            }
            for (user, context) in of_one {
                if archived.exists((user.user, context))? {
                    graphs.push_back(Graph::of(*user, context, true));
                }
            }
        }
        Ok(graphs)
    }

    fn graph(&mut self, store: &Store, mut graphs: VecDeque<Graph>) -> Result<Stage> {
        let Some(mut graph) = graphs.pop_front() else {
            return Ok(if self.with.markdown {
                Stage::Conversations(BEFORE_ALL)
            } else {
                Stage::Contents(String::new())
            });
        };
        if !self.out.is_open() {
            self.out.begin(&graph.file(), true)?;
        }
        let view = store.held(self.moment)?;
        let is_wanted = |kind: LineKind, id: &str| graph.holds(&view, &self.scope, kind, id);
        let (text, next) =
            wanted_lines(&view, graph.user, &graph.context, graph.behind, &is_wanted)?;
        self.out.put(text.as_bytes())?;
        if let Some(behind) = next {
            graph.behind = behind;
            graphs.push_front(graph);
            return Ok(Stage::Graph(graphs));
        }
        // All that is archived of a user is in one file.
        let goes_on = graph.is_archive && graphs.front().is_some_and(|next| next.is_archive);
        if !goes_on {
            self.out.end()?;
        }
        Ok(Stage::Graph(graphs))
    }

    /// Writes the next conversation for people.
    fn next_conversation(&mut self, store: &Store, after: ConversationId) -> Result<Stage> {
        let view = store.held(self.moment)?;
        let mut statement = view.prepare(&format!(
            "SELECT t.user, t.conversation FROM conversation AS t
             WHERE (t.user, t.conversation) > (?1, ?2) AND {} ORDER BY t.user, t.conversation LIMIT 1",
            condition(&self.scope, "conversation").unwrap_or("0")
        ))?;
        let mut rows = statement.query((after.user, after.conversation))?;
        let Some(row) = rows.next()? else {
            return Ok(Stage::Contents(String::new()));
        };
        let id = ConversationId {
            user: row.get(0)?,
            conversation: row.get(1)?,
        };
        let asked = ConversationExport {
            id,
            form: ConversationForm::Markdown,
        };
        for file in export_conversation(&view, &asked)? {
            let name = format!("conversations/{id} {}", file.name);
            self.out.add(&name, file.text.as_bytes())?;
        }
        Ok(Stage::Conversations(id))
    }

    fn next_content(&mut self, store: &Store, after: &str) -> Result<Stage> {
        let view = store.held(self.moment)?;
        let mut statement = view.prepare(&format!(
            "SELECT t.blob, t.hash FROM blob AS t WHERE t.hash > ?1 AND {} ORDER BY t.hash LIMIT 1",
            blob_condition(&self.scope)
        ))?;
        let mut rows = statement.query([after])?;
        let Some(row) = rows.next()? else {
            return Ok(if self.with.sqlite {
                Stage::Sqlite(0)
            } else {
                Stage::End
            });
        };
        let (blob, hash): (i64, String) = (row.get(0)?, row.get(1)?);
        let pieces = blobs::pieces(&view, blob, 0, u64::MAX)?;
        let pieces: VecDeque<Piece> = pieces.into_iter().map(|(_, piece)| piece).collect();
        drop(rows);
        drop(statement);
        let is_compressible = pieces
            .front()
            .is_some_and(|piece| piece.packing != Packing::Plain);
        let name = content_name(&hash);
        if self.is_known(&name) {
            self.progress.done += pieces.iter().map(|piece| piece.size).sum::<u64>();
            self.progress.contents += 1;
            return Ok(Stage::Contents(hash));
        }
        self.out.begin(&name, is_compressible)?;
        Ok(Stage::Content { hash, pieces })
    }

    async fn content(
        &mut self,
        store: &Store,
        hash: String,
        mut pieces: VecDeque<Piece>,
    ) -> Result<Stage> {
        let Some(piece) = pieces.pop_front() else {
            self.out.end()?;
            self.progress.contents += 1;
            return Ok(Stage::Contents(hash));
        };
        // It is known that the moment is still held, and so that the file is there.
        store.held(self.moment)?;
        match store.read_piece(&piece).await {
            Ok(bytes) => {
                self.out.put(&bytes)?;
                self.progress.done += bytes.len() as u64;
                Ok(Stage::Content { hash, pieces })
            }
            // One damaged content must not keep all others from being kept.
            Err(error) if error.code() == Code::Corrupt => {
                self.out.end()?;
                self.lost.push(LostContent {
                    hash: hash.clone(),
                    reason: error.to_string(),
                });
                Ok(Stage::Contents(hash))
            }
            Err(error) => Err(error),
        }
    }

    fn sqlite(&mut self, store: &Store, at: u64) -> Result<Stage> {
        if at == 0 {
            self.out.begin("store.sqlite3", true)?;
        }
        let bytes = database::block(store, self.moment, at)?;
        if !bytes.is_empty() {
            self.out.put(&bytes)?;
            self.progress.done += bytes.len() as u64;
            return Ok(Stage::Sqlite(at + bytes.len() as u64));
        }
        self.out.end()?;
        Ok(Stage::End)
    }

    /// What it says of itself, but for its entries.
    fn manifest(&mut self) -> Manifest {
        let backup = self.backup.as_ref();
        let version = match backup {
            Some(_) => BACKUP_VERSION,
            None => ALONE_VERSION,
        };
        Manifest {
            format: FORMAT.to_owned(),
            version,
            schema: self.moment.schema,
            created_at: self.created_at.clone(),
            made_by: MADE_BY.to_owned(),
            store: self.store_id.clone(),
            seq: self.moment.seq,
            scope: self.scope.clone(),
            backup: backup.map(|backup| backup.kind),
            number: backup.map(|backup| backup.number),
            base: Vec::new(),
            erased: Vec::new(),
            records: std::mem::take(&mut self.counts),
            lost: std::mem::take(&mut self.lost),
            entries: Vec::new(),
        }
    }
}

/// Refuses what belongs to another user, as if it did not exist.
fn owns(view: &View<'_>, asker: UserId, scope: &Scope) -> Result<()> {
    let owner = match scope {
        Scope::All => return Err(Error::invalid("a user's own view has not everything")),
        Scope::User { id } => *id,
        Scope::Context { user_id, .. } | Scope::Chart { user_id, .. } => *user_id,
        Scope::Conversation { id } => id.owner(),
        Scope::Construct { id } => {
            let mut statement = view.prepare("SELECT user FROM construct WHERE construct = ?1")?;
            let mut rows = statement.query([id])?;
            let row = rows.next()?;
            let row = row.ok_or_else(|| Error::not_found("construct", id))?;
            UserId { user: row.get(0)? }
        }
    };
    if owner == asker {
        return Ok(());
    }
    Err(match scope {
        Scope::Conversation { id } => Error::not_found("conversation", id),
        Scope::Construct { id } => Error::not_found("construct", id),
        _ => Error::not_found("user", owner),
    })
}

impl Graph {
    fn of(user: UserId, context: &str, is_archive: bool) -> Self {
        Self {
            user,
            context: context.to_owned(),
            is_archive,
            behind: 0,
        }
    }

    fn file(&self) -> String {
        let user = self.user;
        match self.context.as_str() {
            _ if self.is_archive => format!("charts/{user}/completed-charts.jsonl"),
            "default" => format!("charts/{user}/charts.jsonl"),
            context => format!("charts/{user}/charts-{}.jsonl", file_name(context)),
        }
    }

    /// Whether a line is in the archive, and in this file of it.
    fn holds(&self, view: &View<'_>, scope: &Scope, kind: LineKind, id: &str) -> Result<bool> {
        let (table, is_archived) = match kind {
            LineKind::Entity => ("entity", "t.archived"),
            LineKind::Relation => (
                "relation",
                "EXISTS (SELECT 1 FROM entity AS e
                         WHERE e.user = t.user AND e.context = t.context AND e.name = t.source AND e.archived)",
            ),
            LineKind::Kept => ("chart_line", "0"),
        };
        let chosen = condition(scope, table).unwrap_or("0");
        let mut statement = view.prepare(&format!(
            "SELECT 1 FROM \"{table}\" AS t WHERE t.id = ?1 AND ({is_archived}) = ?2 AND {chosen}"
        ))?;
        Ok(statement.exists((id, self.is_archive))?)
    }
}

/// A name of the app's as it can stand in a file's: what is not a letter, a digit, `-` or `_` is written as `%` and two digits.
fn file_name(name: &str) -> String {
    let mut safe = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => safe.push(char::from(byte)),
            byte => {
                safe.push('%');
                safe.push_str(&hex(&[byte]));
            }
        }
    }
    safe
}

//! Reading an archive beside the live store: every byte is checked, every row is put where it can be looked at, and nothing
//! of the store changes.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde_json::value::RawValue;

use super::source::{Source, SumReader};
use super::{EntrySum, SUMS, hash_of, invalid, records, table_of};
use crate::blob::{Piece, Writer};
use crate::database::migrate::LATEST;
use crate::database::rows::{self, Fields, references};
use crate::database::schema::TableSpec;
use crate::database::scratch::{self, Scratch};
use crate::error::Result;
use crate::store::Store;

/// The longest line of a table, in bytes.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Bytes read in one slice.
const SLICE_BYTES: usize = 512 << 10;

/// Problems that are told one by one; of more there is only the number.
const MAX_PROBLEMS: usize = 100;

/// Records that were put beside the store, of the schema of this build once they are whole.
pub struct Staged {
    pub(super) scratch: Scratch,
    /// What could not be taken, and why.
    pub(super) problems: Problems,
    /// Whether they were this store's.
    pub(super) are_own: bool,
}

impl Staged {
    /// Nobody here goes on with what was streaming there.
    pub(super) fn interrupt_streams(&self) -> Result<()> {
        self.scratch.connection().execute(
            "UPDATE message SET status = 'interrupted' WHERE status = 'streaming'",
            [],
        )?;
        Ok(())
    }
}

/// An archive that is being read.
pub struct Staging {
    source: Source,
    staged: Staged,
    /// Entries by the place in the manifest; the next to be read.
    next: usize,
    open: Option<Open>,
    /// Rows that were read, by table.
    counts: HashMap<String, u64>,
    /// Pieces of contents, which stay as long as this does.
    pieces: Vec<Piece>,
    stage: Stage,
    read: u64,
    total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Entries,
    References,
    Done,
}

/// An entry that is being read.
struct Open {
    reader: SumReader,
    content: Content,
}

/// What becomes of an entry's bytes.
enum Content {
    Rows {
        spec: &'static TableSpec,
        columns: Vec<String>,
        /// Puts a row.
        insert: String,
        /// The beginning of a line whose end was not read yet.
        rest: Vec<u8>,
        line: u64,
    },
    Blob {
        hash: String,
        writer: Box<Writer>,
    },
    Sums(Vec<u8>),
    /// It is only checked.
    Other,
}

/// What could not be taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Problems {
    pub told: Vec<String>,
    pub count: u64,
}

impl Problems {
    pub fn add(&mut self, problem: String) {
        self.count += 1;
        if self.told.len() < MAX_PROBLEMS {
            self.told.push(problem);
        }
    }
}

impl Staging {
    /// Begins to read an archive. Its files must stay as they are.
    ///
    /// # Errors
    /// The disk's own.
    pub async fn begin(store: &Store, source: Source) -> Result<Self> {
        let manifest = &source.manifest;
        let scratch = Scratch::create(
            &**store.disk(),
            store.host().clone(),
            "archive.sqlite3",
            manifest.schema,
        )
        .await?;
        if manifest.schema == LATEST {
            drop_orders(scratch.connection())?;
        }
        scratch.connection().execute_batch("BEGIN")?;
        let total = manifest.entries.iter().map(|entry| entry.size).sum();
        let are_own = manifest.store == store.id();
        Ok(Self {
            source,
            staged: Staged {
                scratch,
                problems: Problems::default(),
                are_own,
            },
            next: 0,
            open: None,
            counts: HashMap::new(),
            pieces: Vec::new(),
            stage: Stage::Entries,
            read: 0,
            total,
        })
    }

    /// Lets go of all that was kept. What the store took of it stays.
    ///
    /// # Errors
    /// The disk's own; what is left is removed when the store is opened.
    pub async fn let_go(self, store: &mut Store) -> Result<()> {
        let Self {
            source,
            staged,
            open,
            pieces,
            ..
        } = self;
        // Files must be closed to be removed.
        drop((source, staged, open));
        store.give_back(&pieces).await?;
        scratch::clear(&**store.disk()).await
    }

    /// What was read; all of it once [`step`](Self::step) says so.
    pub const fn staged(&self) -> &Staged {
        &self.staged
    }

    /// Bytes read, and bytes there are.
    pub const fn progress(&self) -> (u64, u64) {
        (self.read, self.total)
    }

    /// Records of which it tells.
    pub fn records(&self) -> u64 {
        self.source
            .manifest
            .records
            .iter()
            .map(|counted| counted.count)
            .sum()
    }

    /// Does a slice; true while there is more to do.
    ///
    /// # Errors
    /// `archive_invalid` naming the first thing that is not as it should be; `quota_exceeded` when its contents have no room.
    pub async fn step(&mut self, store: &mut Store) -> Result<bool> {
        match self.stage {
            Stage::Entries => {
                let mut bytes = 0;
                while bytes < SLICE_BYTES {
                    let Some(count) = self.read_some(store).await? else {
                        self.stage = Stage::References;
                        break;
                    };
                    bytes += count;
                }
            }
            Stage::References => {
                self.finish(store)?;
                self.stage = Stage::Done;
            }
            Stage::Done => {}
        }
        Ok(self.stage != Stage::Done)
    }

    /// Reads some of the entry that is open, or opens the next; none when all were read.
    async fn read_some(&mut self, store: &mut Store) -> Result<Option<usize>> {
        let Some(mut open) = self.open.take() else {
            let Some(sum) = self.source.manifest.entries.get(self.next) else {
                return Ok(None);
            };
            self.next += 1;
            self.open = Some(self.begin_entry(sum)?);
            return Ok(Some(0));
        };
        let Some(bytes) = open.reader.read()? else {
            self.end_entry(store, open).await?;
            return Ok(Some(0));
        };
        self.read += bytes.len() as u64;
        let count = bytes.len();
        self.take(store, &mut open, bytes).await?;
        self.open = Some(open);
        Ok(Some(count))
    }

    fn begin_entry(&self, sum: &EntrySum) -> Result<Open> {
        let reader = self.source.reader(sum)?;
        let content = if sum.name == SUMS {
            Content::Sums(Vec::new())
        } else if let Some(table) = table_of(&sum.name) {
            let spec = records::tables()
                .find(|spec| spec.name == table)
                .ok_or_else(|| invalid(format!("there are no records called {table:?}")))?;
            let columns = rows::columns(self.staged.scratch.connection(), table)?;
            if columns.is_empty() {
                return Err(invalid(format!(
                    "records called {table:?} are newer than the archive says"
                )));
            }
            Content::Rows {
                spec,
                insert: rows::insertion(table, &columns),
                columns,
                rest: Vec::new(),
                line: 0,
            }
        } else if let Some(hash) = hash_of(&sum.name) {
            Content::Blob {
                hash: hash.to_owned(),
                writer: Box::new(Writer::new("application/octet-stream")),
            }
        } else {
            Content::Other
        };
        Ok(Open { reader, content })
    }

    async fn take(&mut self, store: &mut Store, open: &mut Open, bytes: Vec<u8>) -> Result<()> {
        match &mut open.content {
            Content::Other => {}
            Content::Sums(text) => text.extend(bytes),
            Content::Blob { hash, writer } => {
                if writer.size() == 0 {
                    let known = self.media_type(hash)?;
                    **writer = Writer::new(known.as_deref().unwrap_or("application/octet-stream"));
                }
                writer.push(&bytes);
                self.keep(store, writer, false).await?;
            }
            Content::Rows { rest, .. } if rest.len() > MAX_LINE_BYTES => {
                return Err(invalid(format!(
                    "a line of {:?} is too long",
                    open.reader.sum.name
                )));
            }
            Content::Rows {
                spec,
                columns,
                insert,
                rest,
                line,
            } => {
                let connection = self.staged.scratch.connection();
                let mut insert = connection.prepare_cached(insert)?;
                for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                    rest.extend_from_slice(part);
                    if !part.ends_with(b"\n") {
                        continue;
                    }
                    *line += 1;
                    let row = read_row(spec.name, columns, rest);
                    let put = row.and_then(|row| Ok(insert.execute(params_from_iter(row))?));
                    put.map_err(|error| {
                        invalid(format!(
                            "line {line} of {:?}: {error}",
                            open.reader.sum.name
                        ))
                    })?;
                    rest.clear();
                }
            }
        }
        Ok(())
    }

    /// Keeps the pieces of a content that are whole.
    async fn keep(&mut self, store: &mut Store, writer: &mut Writer, is_end: bool) -> Result<()> {
        let before = writer.pieces().len();
        let kept = store.keep_ready(writer, is_end).await;
        let new = writer.pieces().get(before..).unwrap_or_default();
        self.pieces.extend_from_slice(new);
        kept
    }

    /// The media type that a record gives a content.
    fn media_type(&self, hash: &str) -> Result<Option<String>> {
        let mut statement = self.staged.scratch.connection().prepare_cached(
            "SELECT r.media_type FROM blob AS b JOIN artifact_revision AS r ON r.blob = b.blob WHERE b.hash = ?1 LIMIT 1",
        )?;
        let mut rows = statement.query([hash])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }

    async fn end_entry(&mut self, store: &mut Store, open: Open) -> Result<()> {
        let Open { reader, content } = open;
        let sum = reader.sum;
        match content {
            Content::Other => {}
            Content::Sums(text) => self.check_sums(&text)?,
            Content::Rows {
                spec, rest, line, ..
            } => {
                if !rest.is_empty() {
                    return Err(invalid(format!("{:?} ends within a line", sum.name)));
                }
                *self.counts.entry(spec.name.to_owned()).or_default() += line;
            }
            Content::Blob { hash, mut writer } => {
                self.keep(store, &mut writer, true).await?;
                if writer.hash().to_hex().as_str() != hash {
                    let is_lost = self
                        .source
                        .manifest
                        .lost
                        .iter()
                        .any(|lost| lost.hash == hash);
                    if !is_lost {
                        return Err(invalid(format!("{:?} is not named by its hash", sum.name)));
                    }
                    return Ok(());
                }
                self.note_content(&hash, &writer)?;
            }
        }
        Ok(())
    }

    /// Names the pieces of a content that is kept.
    fn note_content(&self, hash: &str, writer: &Writer) -> Result<()> {
        let connection = self.staged.scratch.connection();
        let mut find = connection.prepare_cached("SELECT blob FROM blob WHERE hash = ?1")?;
        let blobs = find.query_map([hash], |row| row.get(0))?;
        let blobs = blobs.collect::<rusqlite::Result<Vec<i64>>>()?;
        let mut piece_row = connection.prepare_cached(
            "INSERT OR IGNORE INTO piece (piece, size, stored, packing, content) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let mut place_row = connection
            .prepare_cached("INSERT INTO blob_piece (blob, position, piece) VALUES (?1, ?2, ?3)")?;
        let mut position = 0;
        for piece in writer.pieces() {
            let name = piece.hash.to_hex();
            piece_row.execute((
                name.as_str(),
                piece.size,
                piece.stored,
                piece.packing.as_str(),
                &piece.text,
            ))?;
            for blob in &blobs {
                place_row.execute((blob, position, name.as_str()))?;
            }
            position += piece.size;
        }
        // Marked as there until all are.
        let mut present = connection
            .prepare_cached("UPDATE blob SET size = ?2, unused_since = 1 WHERE hash = ?1")?;
        present.execute((hash, writer.size()))?;
        Ok(())
    }

    fn check_sums(&self, text: &[u8]) -> Result<()> {
        let mut lines = text.split(|byte| *byte == b'\n');
        for EntrySum {
            name,
            sha256,
            within,
            ..
        } in &self.source.manifest.entries
        {
            if name == SUMS || within.is_some() {
                continue;
            }
            let expected = format!("{sha256}  {name}");
            if lines.next() != Some(expected.as_bytes()) {
                return Err(invalid(format!("{SUMS} says something else of {name:?}")));
            }
        }
        match (lines.next(), lines.next()) {
            (Some([]), None) => Ok(()),
            _ => Err(invalid(format!("{SUMS} names entries that are not there"))),
        }
    }

    /// Checks what only all rows together can tell, and brings them to the schema of this build.
    fn finish(&mut self, store: &Store) -> Result<()> {
        for counted in &self.source.manifest.records {
            let found = self.counts.remove(&counted.table).unwrap_or(0);
            if found != counted.count {
                return Err(invalid(format!(
                    "it has {found} rows of {}, not {}",
                    counted.table, counted.count
                )));
            }
        }
        if let Some(table) = self.counts.keys().next() {
            return Err(invalid(format!("it does not tell of its rows of {table}")));
        }
        self.drop_lost_contents()?;
        self.check_references()?;
        let connection = self.staged.scratch.connection();
        let is_circle = connection
            .prepare("SELECT 1 FROM message WHERE parent >= message LIMIT 1")?
            .exists([])?;
        if is_circle {
            return Err(invalid("a message comes before the one it answers"));
        }
        self.staged.interrupt_streams()?;
        connection.execute_batch("COMMIT")?;
        self.staged
            .scratch
            .migrate(self.source.manifest.schema, LATEST, store.host().now_ms())
            .map_err(|error| invalid("its rows cannot be brought to this version").caused_by(error))
    }

    /// Contents that were lost when the archive was made cannot be put back: what had them goes without.
    fn drop_lost_contents(&mut self) -> Result<()> {
        let connection = self.staged.scratch.connection();
        if rows::columns(self.staged.scratch.connection(), "blob")?.is_empty() {
            return Ok(());
        }
        let mut missing = connection
            .prepare("SELECT hash FROM blob WHERE hash <> '' AND unused_since IS NULL")?;
        let missing = missing.query_map([], |row| row.get::<_, String>(0))?;
        for hash in missing.collect::<rusqlite::Result<Vec<_>>>()? {
            if !self
                .source
                .manifest
                .lost
                .iter()
                .any(|lost| lost.hash == hash)
            {
                return Err(invalid(format!("the content {hash} is missing")));
            }
            self.staged.problems.add(format!(
                "the content {hash} was lost before it was archived"
            ));
        }
        connection.execute_batch(
            "DELETE FROM artifact_revision WHERE blob IN (SELECT blob FROM blob WHERE unused_since IS NULL);
             UPDATE upload SET blob = NULL, received = 0, state = 'pending'
               WHERE blob IN (SELECT blob FROM blob WHERE unused_since IS NULL);
             UPDATE artifact SET revision = (SELECT max(revision) FROM artifact_revision AS r WHERE r.artifact = artifact.artifact)
               WHERE revision IS NOT NULL;
             DELETE FROM blob WHERE unused_since IS NULL;
             UPDATE blob SET unused_since = NULL;",
        )?;
        Ok(())
    }

    /// Checks that every row has what it refers to. What it may be without, it is without then; for all else the archive is
    /// not whole.
    fn check_references(&mut self) -> Result<()> {
        let connection = self.staged.scratch.connection();
        for spec in records::tables() {
            for key in references(connection, spec.name)? {
                let missing = key.is_missing();
                let table = spec.name;
                let mut any = connection.prepare(&format!(
                    "SELECT 1 FROM \"{table}\" AS child WHERE {missing} LIMIT 1"
                ))?;
                if !any.exists([])? {
                    continue;
                }
                let Some(column) = key.optional_column(connection, table)? else {
                    return Err(invalid(format!(
                        "a row of {table} refers to a row of {} that is not there",
                        key.parent
                    )));
                };
                let changed = connection.execute(
                    &format!("UPDATE \"{table}\" AS child SET \"{column}\" = NULL WHERE {missing}"),
                    [],
                )?;
                self.staged.problems.add(format!(
                    "{changed} rows of {table} name a {} outside of the archive, and go without",
                    key.parent
                ));
            }
        }
        Ok(())
    }
}

/// Takes away the indexes by which an app finds records: here they are only read in the order of their keys. Contents are
/// looked up.
fn drop_orders(connection: &Connection) -> Result<()> {
    let mut indexes = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE 'CREATE INDEX %'
           AND tbl_name NOT IN ('blob', 'blob_piece', 'piece', 'artifact_revision')",
    )?;
    let names = indexes.query_map([], |row| row.get::<_, String>(0))?;
    for name in names.collect::<rusqlite::Result<Vec<_>>>()? {
        connection.execute_batch(&format!("DROP INDEX \"{name}\""))?;
    }
    Ok(())
}

/// The values of a line's row, in the order of the columns.
fn read_row(table: &str, columns: &[String], line: &[u8]) -> Result<Vec<Value>> {
    let fields: Fields<'_> = serde_json::from_slice(line)
        .map_err(|error| invalid("it is no JSON object").caused_by(error))?;
    let mut values = vec![Value::Null; columns.len()];
    for (name, json) in fields.0 {
        let place = columns.iter().position(|column| column == name);
        let Some(value) = place.and_then(|place| values.get_mut(place)) else {
            // It says again what the key says.
            if name == "id" {
                continue;
            }
            return Err(invalid(format!("there is no field {name:?}")));
        };
        if *value != Value::Null {
            return Err(invalid(format!("the field {name:?} stands twice")));
        }
        *value = read_value(table, name, json)?;
    }
    Ok(values)
}

fn read_value(table: &str, column: &str, json: &RawValue) -> Result<Value> {
    let text = json.get();
    if records::holds_json(table, column) {
        let must_be_object = matches!(column, "metadata" | "labels" | "becomes");
        if must_be_object && !text.starts_with('{') {
            return Err(invalid(format!("the field {column:?} is no object")));
        }
        return Ok(Value::Text(text.to_owned()));
    }
    if text.starts_with(['{', '[', 't', 'f']) {
        return Err(invalid(format!(
            "the field {column:?} is no text or number"
        )));
    }
    rows::value(json)
}

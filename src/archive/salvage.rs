//! What can still be read of a damaged database, brought in where the store lacks it.
//!
//! A page that fails its checksum is never believed. A table is read from its beginning up to the first of them and from its end
//! back to the last; then each of its other pages is read by itself. What was changed or deleted after the database stood
//! still stays as it is now.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};

use super::merge::{ImportOptions, Merge, OnConflict, PARTS, key_text};
use super::records;
use super::stage::{Problems, Staged};
use crate::blob::{Packing, Piece};
use crate::database::damaged::Damaged;
use crate::database::migrate::{self, LATEST};
use crate::database::orphans;
use crate::database::rows::{columns, insertion, key_columns, matching, values};
use crate::database::schema::{RecordKey, TableSpec};
use crate::database::scratch::{self, Scratch};
use crate::database::{WAL_FILE, is_damage};
use crate::disk::memory::MemoryDisk;
use crate::disk::{Disk, OpenMode};
use crate::domain::blobs;
use crate::domain::packed::chunks;
use crate::error::{Code, Error, Result};
use crate::host::Host;
use crate::store::{Caller, Store, View, no_pause};

/// Tables that tell how contents and the chunks of archived conversations are kept.
const KEPT_WITH: &[&str] = &["piece", "blob_piece", "packed_chunk"];

/// Where rows lie that were read.
const SCRATCH: &str = "salvage.sqlite3";

/// The chunks of a message with its key, packed or not.
const CHUNKS: &str = chunks!(
    "?1 AS user, ?2 AS conversation, ?3 AS message, seq, part, text, tokens, at",
    "0"
);

/// Pieces looked at in one step.
const SLICE_PIECES: usize = 256;

/// What was brought back from a damaged database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Salvaged {
    /// The file in `quarantine/`.
    pub file: String,
    /// Rows that could be read.
    pub rows: u64,
    /// Tables of which a part could not.
    pub unreadable: Vec<String>,
    /// Records that the store did not have, or of which it lacked the newest state.
    pub records: u64,
}

/// Brings in what a database that was set aside holds and the store does not, in one write.
///
/// # Errors
/// `corrupt` when nothing of it can be read or it is another store's, and the disk's own. The store is as it was then.
pub async fn salvage(store: &mut Store, file: &str) -> Result<Salvaged> {
    // The audit index must name every line.
    store.commit_now()?;
    let damaged = open(store, file).await?;
    let position = damaged.position();
    if position
        .as_ref()
        .is_some_and(|position| position.store != store.id())
    {
        return Err(Error::corrupt("it belongs to another store"));
    }
    // It is of the version that the store is of, unless it says otherwise.
    let schema = match migrate::verified_version(damaged.connection()) {
        Err(error) if is_damage(&error) => store.schema(),
        version => version?,
    };
    let scratch = Scratch::create(&**store.disk(), store.host().clone(), SCRATCH, schema).await?;
    let staged = Staged {
        scratch,
        problems: Problems::default(),
        are_own: true,
    };
    let connection = staged.scratch.connection();
    let read = read_all(&damaged, connection);
    let stood_still = StoodStill {
        seq: position.map_or_else(|| last_line(damaged.connection()), |position| position.seq),
        at_ms: set_aside_at(file),
    };
    drop(damaged);
    let mut pieces = Vec::new();
    let salvaged = match read {
        Ok(salvaged) => bring_in(store, &staged, schema, &stood_still, &mut pieces, salvaged).await,
        Err(error) => Err(error),
    };
    drop(staged);
    store.give_back(&pieces).await?;
    let scratch = format!("{}/{SCRATCH}", scratch::FOLDER);
    store.disk().remove(&scratch).await?;
    salvaged.map(|salvaged| Salvaged {
        file: file.to_owned(),
        ..salvaged
    })
}

/// The databases that were set aside, the newest last.
///
/// # Errors
/// The disk's own.
pub async fn set_aside(store: &Store) -> Result<Vec<String>> {
    let mut files = store.disk().list("quarantine").await?;
    files.retain(|name| name.ends_with(crate::database::FILE));
    files.sort_by_key(|name| set_aside_at(name));
    Ok(files
        .into_iter()
        .map(|name| format!("quarantine/{name}"))
        .collect())
}

/// When a file was set aside, as its name says.
fn set_aside_at(file: &str) -> i64 {
    let name = file.rsplit('/').next().unwrap_or(file);
    let digits = name.split('-').next().unwrap_or("");
    digits.parse().unwrap_or(i64::MAX)
}

/// Until when a damaged database knew what was written.
struct StoodStill {
    seq: u64,
    at_ms: i64,
}

/// The last line that a database holds by its audit index; 0 if that cannot be read either.
fn last_line(damaged: &Connection) -> u64 {
    let last = "SELECT max(last_seq) FROM history";
    damaged.query_row(last, [], |row| row.get(0)).unwrap_or(0)
}

/// Opens a database that was set aside, with its log.
async fn open(store: &Store, file: &str) -> Result<Damaged> {
    let disk = store.disk();
    let main = disk.open(file, OpenMode::Existing).await?;
    let log = file.strip_suffix(crate::database::FILE).unwrap_or(file);
    let wal = match disk
        .open(&format!("{log}{WAL_FILE}"), OpenMode::Existing)
        .await
    {
        Err(error) if error.code() == Code::NotFound => {
            MemoryDisk::new()
                .open(WAL_FILE, OpenMode::CreateNew)
                .await?
        }
        opened => opened?,
    };
    Damaged::open(main, &*wal, store.schema(), store.host().clone()).await
}

async fn bring_in(
    store: &mut Store,
    staged: &Staged,
    schema: u32,
    stood_still: &StoodStill,
    pieces: &mut Vec<Piece>,
    mut salvaged: Salvaged,
) -> Result<Salvaged> {
    let connection = staged.scratch.connection();
    drop_nameless(connection, &mut salvaged.unreadable)?;
    unpack_chunks(connection)?;
    store.read(Caller::default(), |view| {
        fill_up(view, connection, &salvaged.unreadable, stood_still)?;
        heed_later(view, connection, stood_still)
    })?;
    stand_in(connection, stood_still, &**store.host())?;
    staged.interrupt_streams()?;
    drop_unfinished(connection)?;
    keep_pieces(store, connection, pieces).await?;
    orphans::take(connection)?;
    connection.execute_batch("COMMIT")?;
    staged
        .scratch
        .migrate(schema, LATEST, store.host().now_ms())?;
    let options = ImportOptions {
        on_conflict: Some(OnConflict::Newest),
        is_own: true,
        ..ImportOptions::default()
    };
    let mut merge = Merge::begin(store, staged, options)?.called("health.repair");
    while merge.step(store, staged)? {}
    let counts = &merge.report().counts;
    let is_counted = |table: &str| table != "counter" && table != "blob";
    let counted = counts.iter().filter(|count| is_counted(&count.table));
    salvaged.records = counted.map(|count| count.added + count.replaced).sum();
    if salvaged.records > 0 {
        // A recovery may have taken out what its lines had put. What follows is not to be applied to that again.
        store.snapshot_now().await?;
        merge
            .apply(store, staged, Caller::default(), &mut no_pause)
            .await?;
    }
    Ok(salvaged)
}

/// Copies every row that can be read; leaves a transaction open.
fn read_all(damaged: &Damaged, into: &Connection) -> Result<Salvaged> {
    into.execute_batch("BEGIN")?;
    let mut salvaged = Salvaged::default();
    let names = records::tables().map(|spec| spec.name);
    for table in names.chain(KEPT_WITH.iter().copied()) {
        let reading = Reading::of(into, table)?;
        if reading.columns.is_empty() {
            continue;
        }
        let rows = &mut salvaged.rows;
        let read =
            |order: &str, rows: &mut u64| reading.copy(damaged.connection(), into, order, rows);
        let is_whole = read(&reading.in_order(""), rows)? || read(&reading.in_order("DESC"), rows)?;
        if !is_whole {
            damaged.page_by_page(table, &mut || read("", rows).map(|_| ()))?;
            salvaged.unreadable.push(table.to_owned());
        }
    }
    if salvaged.rows == 0 {
        return Err(Error::corrupt("nothing of the database can be read"));
    }
    Ok(salvaged)
}

/// The same statement, which passes over rows that are there or break a rule.
fn or_ignore(insertion: &str) -> String {
    insertion.replacen("INSERT", "INSERT OR IGNORE", 1)
}

/// How a table is read.
struct Reading<'a> {
    table: &'a str,
    columns: Vec<String>,
    keys: Vec<String>,
}

impl<'a> Reading<'a> {
    fn of(into: &Connection, table: &'a str) -> Result<Self> {
        Ok(Self {
            table,
            columns: columns(into, table)?,
            keys: key_columns(into, table)?,
        })
    }

    /// The order of the keys, in one direction.
    fn in_order(&self, direction: &str) -> String {
        let keys = self.keys.iter();
        let keys: Vec<String> = keys.map(|key| format!("\"{key}\" {direction}")).collect();
        format!("ORDER BY {}", keys.join(", "))
    }

    /// Copies rows in an order, until there are no more or one cannot be read; whether it came to the end.
    fn copy(
        &self,
        damaged: &Connection,
        into: &Connection,
        order: &str,
        rows_read: &mut u64,
    ) -> Result<bool> {
        let names = self.columns.join("\", \"");
        let from = if order.is_empty() {
            "NOT INDEXED"
        } else {
            order
        };
        let select = format!("SELECT \"{names}\" FROM \"{}\" {from}", self.table);
        let insertion = or_ignore(&insertion(self.table, &self.columns));
        let mut insert = into.prepare_cached(&insertion)?;
        // Whatever SQLite finds wrong with it ends the reading in this direction.
        let Ok(mut statement) = damaged.prepare_cached(&select) else {
            return Ok(false);
        };
        let Ok(mut rows) = statement.query([]) else {
            return Ok(false);
        };
        loop {
            let Ok(row) = rows.next() else {
                return Ok(false);
            };
            let Some(row) = row else {
                return Ok(true);
            };
            let Ok(values) = values(row, self.columns.len()) else {
                return Ok(false);
            };
            // A row that breaks a rule of its table is none that was written.
            if let Ok(added) = insert.execute(params_from_iter(values)) {
                *rows_read += added as u64;
            }
        }
    }
}

/// Archived conversations have their chunks packed; what is merged has them one by one.
fn unpack_chunks(connection: &Connection) -> Result<()> {
    if columns(connection, "packed_chunk")?.is_empty() {
        return Ok(());
    }
    connection.execute_batch(
        "INSERT OR IGNORE INTO chunk (user, conversation, message, seq, part, text, tokens, at)
           SELECT t.user, t.conversation, r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5
           FROM packed_chunk AS t, json_each(unpack(t.data)) AS r;
         DELETE FROM packed_chunk;",
    )?;
    Ok(())
}

/// Drops the records that have no UUID, which were not written so, and notes that their tables lack some.
fn drop_nameless(connection: &Connection, unreadable: &mut Vec<String>) -> Result<()> {
    for spec in records::tables() {
        if !columns(connection, spec.name)?
            .iter()
            .any(|it| it == "uuid")
        {
            continue;
        }
        let nameless = format!("DELETE FROM \"{}\" WHERE length(uuid) <> 36", spec.name);
        let is_listed = unreadable.iter().any(|table| table == spec.name);
        if connection.execute(&nameless, [])? > 0 && !is_listed {
            unreadable.push(spec.name.to_owned());
        }
    }
    Ok(())
}

/// Gives records of which some rows could not be read those that the store has, so that what is merged never lacks what is
/// there.
fn fill_up(
    view: &View<'_>,
    connection: &Connection,
    unreadable: &[String],
    stood_still: &StoodStill,
) -> Result<()> {
    let lacks = |table: &str| unreadable.iter().any(|lacking| lacking == table);
    for table in unreadable {
        fill_up_table(view, connection, table, stood_still.at_ms)?;
    }
    if lacks("message") {
        fill_up_with(view, connection, "conversation", "message")?;
    }
    if lacks("artifact_revision") {
        keep_out(view, connection, "artifact")?;
    }
    for (record, part, _) in PARTS {
        let is_lacking = match *part {
            // Contents may have other numbers now.
            "artifact_revision" => false,
            "part" => lacks("part") || lacks("message"),
            "chunk" => lacks("chunk") || lacks("packed_chunk") || lacks("message"),
            part => lacks(part),
        };
        if is_lacking {
            fill_up_with(view, connection, record, part)?;
        }
    }
    Ok(())
}

/// Adds the store's own records of a table that were there already when the database was set aside: others refer to them. Later
/// ones may have been given the numbers of those that cannot be read.
fn fill_up_table(
    view: &View<'_>,
    connection: &Connection,
    table: &str,
    before_ms: i64,
) -> Result<()> {
    let shared = shared_columns(view, connection, table)?;
    // Messages and contents are looked at more closely.
    if matches!(table, "message" | "blob") || !shared.iter().any(|name| name == "created_at") {
        return Ok(());
    }
    let names = shared.join("\", \"");
    let mut own = view.prepare(&format!(
        "SELECT \"{names}\" FROM \"{table}\" WHERE created_at < ?1"
    ))?;
    let mut insert = connection.prepare(&or_ignore(&insertion(table, &shared)))?;
    let mut rows = own.query([before_ms])?;
    while let Some(row) = rows.next()? {
        insert.execute(params_from_iter(values(row, shared.len())?))?;
    }
    Ok(())
}

/// The columns of a table that the store has and the staged records have.
fn shared_columns(view: &View<'_>, connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut shared = columns(view.connection(), table)?;
    let staged = columns(connection, table)?;
    shared.retain(|column| staged.contains(column));
    Ok(shared)
}

/// Takes out the records with an id of their own that the store has.
fn keep_out(view: &View<'_>, connection: &Connection, record: &str) -> Result<()> {
    let mut known = view.prepare(&format!("SELECT \"{record}\" FROM \"{record}\""))?;
    let mut ids = known.query([])?;
    let mut delete =
        connection.prepare(&format!("DELETE FROM \"{record}\" WHERE \"{record}\" = ?1"))?;
    while let Some(row) = ids.next()? {
        delete.execute([row.get::<_, Value>(0)?])?;
    }
    Ok(())
}

/// Adds the store's rows of a table to the staged records that they belong to, where they are not among those that were read.
fn fill_up_with(view: &View<'_>, connection: &Connection, record: &str, table: &str) -> Result<()> {
    let shared = shared_columns(view, connection, table)?;
    if shared.is_empty() {
        return Ok(());
    }
    let names = shared.join("\", \"");
    let keys = key_columns(connection, record)?;
    let own_key = matching(&keys, 1);
    let rows = match (record, table) {
        // However they lie.
        (_, "chunk") => format!("SELECT \"{names}\" FROM ({CHUNKS})"),
        // A part names its record as that names itself, but for this one.
        ("entity", _) => format!("SELECT \"{names}\" FROM \"{table}\" WHERE entity = ?1"),
        _ => format!("SELECT \"{names}\" FROM \"{table}\" WHERE {own_key}"),
    };
    let mut insert = connection.prepare(&or_ignore(&insertion(table, &shared)))?;
    // A number may have been given again since, to another record.
    let identity = match columns(connection, record)?
        .iter()
        .find(|column| *column == "uuid")
    {
        Some(_) => "uuid",
        None => keys.first().map_or("", |key| key),
    };
    let find = format!(
        "SELECT 1 FROM \"{record}\" WHERE {} AND \"{identity}\" = ?{}",
        own_key,
        keys.len() + 1
    );
    let mut staged = connection.prepare(&format!(
        "SELECT \"{}\", \"{identity}\" FROM \"{record}\"",
        keys.join("\", \"")
    ))?;
    let mut records = staged.query([])?;
    while let Some(record) = records.next()? {
        let mut key = values(record, keys.len() + 1)?;
        if !view.prepare(&find)?.exists(params_from_iter(&key))? {
            continue;
        }
        key.pop();
        let mut own = view.prepare(&rows)?;
        let mut own = own.query(params_from_iter(key))?;
        while let Some(row) = own.next()? {
            insert.execute(params_from_iter(values(row, shared.len())?))?;
        }
    }
    Ok(())
}

/// Heeds what the journal knows of later lines: records that were deleted by one are taken out, and those that were changed
/// are noted, as they stay as they are now.
fn heed_later(view: &View<'_>, connection: &Connection, stood_still: &StoodStill) -> Result<()> {
    connection.execute_batch(
        "CREATE TABLE stays (tab TEXT, key TEXT, PRIMARY KEY (tab, key)) WITHOUT ROWID",
    )?;
    let mut later = view.prepare(
        // Of what came in from elsewhere, a backup perhaps, the newest stays.
        "SELECT 1 FROM history WHERE record = ?1 AND (last_seq > ?2 OR at >= ?3) AND op <> 'archive.import' LIMIT 1",
    )?;
    let mut stays = connection.prepare("INSERT OR IGNORE INTO stays (tab, key) VALUES (?1, ?2)")?;
    for spec in records::tables().filter(|spec| is_record(spec)) {
        let keys = key_columns(connection, spec.name)?;
        if keys.is_empty() {
            continue;
        }
        let matches = matching(&keys, 1);
        let find = format!("SELECT 1 FROM \"{}\" WHERE {matches}", spec.name);
        let select = format!("SELECT \"{}\" FROM \"{}\"", keys.join("\", \""), spec.name);
        let mut deleted = Vec::new();
        let mut staged = connection.prepare(&select)?;
        let mut rows = staged.query([])?;
        while let Some(row) = rows.next()? {
            let id = spec.record.id(|index| row.get_ref(index).ok());
            if !later.exists((&id, stood_still.seq, stood_still.at_ms))? {
                continue;
            }
            let key = values(row, keys.len())?;
            if view.prepare(&find)?.exists(params_from_iter(&key))? {
                stays.execute((spec.name, key_text(&key)))?;
            } else {
                deleted.push(key);
            }
        }
        let delete = format!("DELETE FROM \"{}\" WHERE {matches}", spec.name);
        for key in deleted {
            connection.execute(&delete, params_from_iter(key))?;
        }
    }
    Ok(())
}

/// Whether each row of a table is a record with an id of its own.
fn is_record(spec: &TableSpec) -> bool {
    match spec.record {
        RecordKey::None => false,
        RecordKey::User => spec.name == "user",
        RecordKey::Conversation => spec.name == "conversation",
        RecordKey::Message => spec.name == "message",
        RecordKey::Text => true,
    }
}

/// Gives what conversations and users held that cannot be read new ones of the same numbers, without names: what was said is
/// worth more than where.
fn stand_in(connection: &Connection, stood_still: &StoodStill, host: &dyn Host) -> Result<()> {
    // They were there when the database was set aside, so that looking into it again finds them in the store.
    let at_ms = stood_still.at_ms.min(host.now_ms()) - 1;
    let mut lost = connection.prepare(
        "SELECT user, conversation, max(message), min(created_at), max(created_at) FROM message
         WHERE (user, conversation) NOT IN (SELECT user, conversation FROM conversation) GROUP BY user, conversation",
    )?;
    let mut put = connection.prepare(
        "INSERT INTO conversation (user, conversation, leaf, next_message, created_at, updated_at, uuid, title, status, metadata, version)
         VALUES (?1, ?2, ?3, ?3 + 1, ?4, ?5, ?6, '', 'active', '{}', 1)",
    )?;
    let width = lost.column_count();
    let mut rows = lost.query([])?;
    while let Some(row) = rows.next()? {
        let mut row = values(row, width)?;
        row.push(Value::Text(host.uuid().to_string()));
        put.execute(params_from_iter(row))?;
    }
    let mut put = connection.prepare(
        "INSERT INTO user (user, created_at, updated_at, uuid, next_conversation, name, metadata, version)
         VALUES (?1, ?2, ?2, ?3, (SELECT coalesce(max(conversation), 0) + 1 FROM conversation WHERE user = ?1), '', '{}', 1)",
    )?;
    for spec in records::tables() {
        if spec.name == "user"
            || !columns(connection, spec.name)?
                .iter()
                .any(|it| it == "user")
        {
            continue;
        }
        let mut lost = connection.prepare(&format!(
            "SELECT DISTINCT user FROM \"{}\" WHERE user NOT IN (SELECT user FROM user)",
            spec.name
        ))?;
        let lost = lost.query_map([], |row| row.get::<_, i64>(0))?;
        for user in lost.collect::<rusqlite::Result<Vec<_>>>()? {
            put.execute((user, at_ms, host.uuid().to_string()))?;
        }
    }
    Ok(())
}

/// Nobody goes on with what was arriving there.
fn drop_unfinished(connection: &Connection) -> Result<()> {
    if !columns(connection, "blob")?.is_empty() {
        connection.execute("DELETE FROM blob WHERE hash = ''", [])?;
    }
    Ok(())
}

/// Keeps the pieces that are there from being removed, and drops the contents that lack one, with what had them.
async fn keep_pieces(
    store: &mut Store,
    connection: &Connection,
    kept: &mut Vec<Piece>,
) -> Result<()> {
    if columns(connection, "piece")?.is_empty() {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let view = View::new(connection, None);
        let pieces = blobs::pieces_after(&view, &after, SLICE_PIECES)?;
        let Some(last) = pieces.last() else {
            break;
        };
        after = last.hash.to_hex().to_string();
        for piece in pieces {
            if piece.packing == Packing::Inline || store.piece_bytes(&piece).await?.is_some() {
                store.lease_piece(&piece);
                kept.push(piece);
                continue;
            }
            let name = piece.hash.to_hex();
            connection.execute(
                "DELETE FROM blob WHERE blob IN (SELECT blob FROM blob_piece WHERE piece = ?1)",
                [name.as_str()],
            )?;
        }
    }
    // A content of which not every piece could be read.
    connection.execute_batch(
        "DELETE FROM blob WHERE size <> (SELECT coalesce(sum(p.size), 0) FROM blob_piece AS b JOIN piece AS p ON p.piece = b.piece
                                         WHERE b.blob = blob.blob)",
    )?;
    Ok(())
}

//! The index: which records have to be looked at, what becomes of them, and how it is built, checked and emptied.

use std::fmt::Write as _;

use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};

use super::sources::{Head, RecordId, SOURCES, SearchKind, Source, is_searched};
use super::words;
use crate::database::Database;
use crate::database::capture::Touched;
use crate::error::{Error, Result};
use crate::store::View;

/// The schema version from which there is all that the index reads and writes.
const SINCE_VERSION: u32 = 14;

/// Records that a commit brings into the index itself. Where more changed, they are read afterwards, a few at a time: what a
/// commit writes should not keep the requests behind it waiting.
const AT_ONCE: usize = 256;

/// What one step of building or checking reads, in bytes: a few milliseconds.
const STEP_BYTES: usize = 64 << 10;

/// What a record costs a step beside its text, in bytes.
const RECORD_BYTES: usize = 256;

/// Records whose ids are read at once.
const STEP_RECORDS: usize = 64;

/// Steps that a search does first, so that it finds what came in together just before.
const STEPS_BEFORE_SEARCH: usize = 32;

/// Rows of the index that a user can have: a row's number is the user's times this, and one that grows. So the newest rows of
/// one user lie together at the end of that user's.
const ROWS_PER_USER: i64 = 1 << 32;

/// Says what a label is of; no text has such a character in a word.
const KIND: char = '\u{E000}';
const ROLE: char = '\u{E001}';
const CONVERSATION: char = '\u{E002}';
const CONSTRUCT: char = '\u{E003}';

/// Labels stand in front of a text's words and are found like them, so that what is rare among many is found fast.
pub mod label {
    use super::{CONSTRUCT, CONVERSATION, KIND, ROLE};

    /// The kind of a text.
    pub fn kind(name: &str) -> String {
        make(KIND, name)
    }

    /// The role of who wrote it.
    pub fn role(name: &str) -> String {
        make(ROLE, name)
    }

    /// The number of the conversation it is in.
    pub fn conversation(number: i64) -> String {
        make(CONVERSATION, &number.to_string())
    }

    /// The construct it belongs to.
    pub fn construct(id: &str) -> String {
        make(CONSTRUCT, id)
    }

    fn make(of: char, name: &str) -> String {
        let mut label = String::from(of);
        label.extend(name.chars().filter(char::is_ascii_alphanumeric));
        label
    }
}

/// The rows of a user, from the first possible to the last.
pub fn rows_of(user: i64) -> (i64, i64) {
    let first = (user - 1).saturating_mul(ROWS_PER_USER);
    (first, first.saturating_add(ROWS_PER_USER - 1))
}

/// Records that changed since the index was last written, and whether all others are in it.
#[derive(Default)]
pub struct Index {
    waiting: Vec<String>,
    is_building: bool,
}

impl Index {
    /// The index of a database as it was opened or migrated.
    pub fn load(database: &Database, schema: u32) -> Result<Self> {
        let view = View::new(database.connection(), None);
        let is_building = schema >= SINCE_VERSION
            && (state(&view)?.source.is_some() || !due(&view, 1)?.is_empty());
        Ok(Self {
            waiting: Vec::new(),
            is_building,
        })
    }

    /// Adds the records that a line touched, where it touched what is searched.
    pub fn add(&mut self, touched: &Touched) {
        if touched.tables.iter().any(|table| is_searched(table)) {
            self.wait_for(&touched.records);
        }
    }

    /// Adds what waits in another, or is still to be read there.
    pub fn merge(&mut self, other: &Self) {
        self.wait_for(&other.waiting);
        self.is_building |= other.is_building;
    }

    fn wait_for(&mut self, records: &[String]) {
        for record in records {
            if self.waiting.last() != Some(record) {
                self.waiting.push(record.clone());
            }
        }
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether records of before are still to be read.
    pub const fn is_building(&self) -> bool {
        self.is_building
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Brings what waits into the index, within the open transaction, or puts it off where it is much. What is there is looked
    /// at as it is now, so it does not matter how often or in which order it changed.
    pub fn write(&mut self, database: &Database, schema: u32) -> Result<()> {
        let ids = self.take_waiting(schema);
        if ids.len() > AT_ONCE {
            return self.note_due(database, &ids);
        }
        unrecorded(database, |view| {
            ids.iter().try_for_each(|id| refresh(view, id).map(|_| ()))
        })
    }

    /// Puts off what waits, within the open transaction: it is part of something large.
    pub fn put_off(&mut self, database: &Database, schema: u32) -> Result<()> {
        let ids = self.take_waiting(schema);
        self.note_due(database, &ids)
    }

    /// What waits, each once; nothing where there is no index.
    fn take_waiting(&mut self, schema: u32) -> Vec<RecordId> {
        let waiting = std::mem::take(&mut self.waiting);
        if schema < SINCE_VERSION {
            return Vec::new();
        }
        let mut ids: Vec<_> = waiting.iter().map(|id| RecordId::new(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn note_due(&mut self, database: &Database, ids: &[RecordId]) -> Result<()> {
        self.is_building |= !ids.is_empty();
        unrecorded(database, |view| {
            let mut insert =
                view.prepare("INSERT OR IGNORE INTO search_due (record) VALUES (?1)")?;
            for id in ids {
                insert.execute([id.as_str()])?;
            }
            Ok(())
        })
    }

    /// Reads what was put off, as far as a search can wait for it, within the open transaction.
    pub fn catch_up(&mut self, database: &Database, schema: u32) -> Result<()> {
        self.write(database, schema)?;
        if !self.is_building {
            return Ok(());
        }
        unrecorded(database, |view| {
            if state(view)?.source.is_some() {
                return Ok(());
            }
            for _ in 0..STEPS_BEFORE_SEARCH {
                if !due_step(view)? {
                    self.is_building = false;
                    break;
                }
            }
            Ok(())
        })
    }

    /// Empties the index, to be built again, within the open transaction.
    pub fn restart(&mut self, database: &Database, schema: u32) -> Result<()> {
        if schema < SINCE_VERSION {
            return Ok(());
        }
        self.is_building = true;
        unrecorded(database, |view| {
            view.prepare("INSERT INTO search_text (search_text) VALUES ('delete-all')")?
                .execute([])?;
            view.prepare("DELETE FROM search_doc")?.execute([])?;
            view.prepare("DELETE FROM search_due")?.execute([])?;
            view.prepare(
                "UPDATE search_state SET generation = generation + 1, source = 0, after = ''",
            )?
            .execute([])?;
            Ok(())
        })
    }

    /// Builds a little of an index that is not complete, within the open transaction.
    pub fn build_step(&mut self, database: &Database) -> Result<()> {
        if self.is_building {
            self.is_building = unrecorded(database, |view| {
                let builds = build_step(view)?;
                Ok(builds || due_step(view)?)
            })?;
        }
        Ok(())
    }
}

/// Runs `work` without the capture, which has nothing to record of it.
fn unrecorded<T>(database: &Database, work: impl FnOnce(&View<'_>) -> Result<T>) -> Result<T> {
    let captures = database.capture().set_enabled(false);
    let done = work(&View::new(database.connection(), None));
    database.capture().set_enabled(captures);
    done.map_err(|error| database.explain(error))
}

/// Some of the records that were put off.
fn due(view: &View<'_>, limit: usize) -> Result<Vec<RecordId>> {
    let mut statement = view.prepare("SELECT record FROM search_due LIMIT ?1")?;
    let ids = statement.query_map([limit], |row| Ok(RecordId::new(row.get_ref(0)?.as_str()?)))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// Brings some of what was put off into the index; true while there is more.
fn due_step(view: &View<'_>) -> Result<bool> {
    let ids = due(view, STEP_RECORDS)?;
    let mut bytes = 0;
    for id in &ids {
        bytes += RECORD_BYTES + refresh(view, id)?;
        view.prepare("DELETE FROM search_due WHERE record = ?1")?
            .execute([id.as_str()])?;
        if bytes >= STEP_BYTES {
            break;
        }
    }
    Ok(!ids.is_empty())
}

/// How far the index is.
pub struct State {
    /// How often it was begun.
    pub generation: i64,
    /// The source that is being read; none when all are.
    source: Option<usize>,
    after: String,
}

/// How far the index is.
pub fn state(view: &View<'_>) -> Result<State> {
    let mut statement = view.prepare("SELECT generation, source, after FROM search_state")?;
    Ok(statement.query_row([], |row| {
        Ok(State {
            generation: row.get(0)?,
            source: row.get(1)?,
            after: row.get(2)?,
        })
    })?)
}

impl State {
    /// Whether every record is in the index.
    pub fn is_complete(&self, view: &View<'_>) -> Result<bool> {
        Ok(self.source.is_none() && due(view, 1)?.is_empty())
    }
}

fn build_step(view: &View<'_>) -> Result<bool> {
    let State { source, after, .. } = state(view)?;
    let Some(at) = source else {
        return Ok(false);
    };
    let Some(source) = SOURCES.get(at) else {
        view.prepare("UPDATE search_state SET source = NULL, after = ''")?
            .execute([])?;
        return Ok(false);
    };
    let ids = source.ids(view, &after, STEP_RECORDS)?;
    let mut bytes = 0;
    let mut last = None;
    for id in &ids {
        bytes += RECORD_BYTES + refresh(view, id)?;
        last = Some(id.as_str());
        if bytes >= STEP_BYTES {
            break;
        }
    }
    let mut save = view.prepare("UPDATE search_state SET source = ?1, after = ?2")?;
    match last {
        Some(last) => save.execute((at, last))?,
        None => save.execute((at + 1, ""))?,
    };
    Ok(true)
}

/// A row of the index that is there.
struct Row {
    doc: i64,
    kind: String,
    piece: i64,
    digest: i64,
}

/// A text as it should be in the index.
struct Document<'a> {
    kind: SearchKind,
    piece: i64,
    text: &'a str,
    head: &'a Head,
    digest: i64,
}

/// What stands between the index and a record as it is now.
enum Difference<'a> {
    /// A text is missing, or other than its row.
    Text(Option<Row>, &'a Document<'a>),
    /// A row's text is no longer there.
    Row(Row),
}

/// Compares a record with its rows, and gives the bytes of text that were read.
fn compare(
    view: &View<'_>,
    id: &RecordId,
    differs: &mut dyn FnMut(Difference<'_>) -> Result<()>,
) -> Result<usize> {
    let mut rows = rows(view, id.as_str())?;
    let mut bytes = 0;
    for source in Source::of(id) {
        let Some(head) = source.head(view, id)? else {
            continue;
        };
        if !head.is_settled {
            // What was found of it so far stays until its text is settled again.
            return Ok(bytes);
        }
        for kind in source.kinds() {
            source.pieces(view, id, kind, &mut |piece, text| {
                bytes += text.len();
                let digest = digest(&head, kind, text);
                let document = Document {
                    kind,
                    piece,
                    text,
                    head: &head,
                    digest,
                };
                let place = rows
                    .iter()
                    .position(|row| row.piece == piece && row.kind == kind.as_str());
                let row = place.map(|place| rows.swap_remove(place));
                if row.as_ref().is_none_or(|row| row.digest != digest) {
                    differs(Difference::Text(row, &document))?;
                }
                Ok(true)
            })?;
        }
    }
    for row in rows {
        differs(Difference::Row(row))?;
    }
    Ok(bytes)
}

fn rows(view: &View<'_>, record: &str) -> Result<Vec<Row>> {
    let mut statement =
        view.prepare("SELECT doc, kind, piece, digest FROM search_doc WHERE record = ?1")?;
    let rows = statement.query_map([record], |row| {
        Ok(Row {
            doc: row.get(0)?,
            kind: row.get(1)?,
            piece: row.get(2)?,
            digest: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What tells whether a row is of this text, and of a record like this.
fn digest(head: &Head, kind: SearchKind, text: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    let about = (
        kind.as_str(),
        head.user,
        head.conversation,
        &head.construct,
        &head.context,
        &head.role,
        head.at,
    );
    let mut described = String::new();
    // Writing to a string does not fail.
    let _ = write!(described, "{about:?}");
    hasher.update(described.as_bytes());
    hasher.update(text.as_bytes());
    let hash = hasher.finalize();
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    i64::from_le_bytes(first)
}

/// Makes a record's rows what its texts are now, and gives the bytes of text that were read.
fn refresh(view: &View<'_>, id: &RecordId) -> Result<usize> {
    compare(view, id, &mut |difference| match difference {
        Difference::Row(row) => remove(view, row.doc),
        Difference::Text(row, document) => {
            let doc = match row {
                Some(row) => {
                    remove(view, row.doc)?;
                    row.doc
                }
                None => next_doc(view, document.head.user)?,
            };
            put(view, doc, id, document)
        }
    })
}

fn next_doc(view: &View<'_>, user: i64) -> Result<i64> {
    let (first, last) = rows_of(user);
    Ok(newest_doc(view, first, last)?.map_or(first, |doc| doc + 1))
}

/// The newest row of a range.
pub fn newest_doc(view: &View<'_>, first: i64, last: i64) -> Result<Option<i64>> {
    let sql = "SELECT doc FROM search_doc WHERE doc BETWEEN ?1 AND ?2 ORDER BY doc DESC LIMIT 1";
    let mut statement = view.prepare(sql)?;
    Ok(statement
        .query_row((first, last), |row| row.get(0))
        .optional()?)
}

fn put(view: &View<'_>, doc: i64, id: &RecordId, document: &Document<'_>) -> Result<()> {
    let Document {
        kind,
        piece,
        text,
        head,
        digest,
    } = document;
    let mut words = label::kind(kind.as_str());
    let labels = [
        head.role.as_deref().map(label::role),
        head.conversation.map(label::conversation),
        head.construct.as_deref().map(label::construct),
    ];
    for label in labels.into_iter().flatten() {
        words.push(' ');
        words.push_str(&label);
    }
    words::append(text, &mut words);
    view.prepare("INSERT INTO search_text (rowid, words) VALUES (?1, ?2)")?
        .execute((doc, &words))?;
    view.prepare(
        "INSERT INTO search_doc (doc, record, kind, piece, user, conversation, construct, context, role, at, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute((
        doc,
        id.as_str(),
        kind.as_str(),
        piece,
        head.user,
        head.conversation,
        &head.construct,
        &head.context,
        &head.role,
        head.at,
        digest,
    ))?;
    Ok(())
}

fn remove(view: &View<'_>, doc: i64) -> Result<()> {
    view.prepare("DELETE FROM search_text WHERE rowid = ?1")?
        .execute([doc])?;
    view.prepare("DELETE FROM search_doc WHERE doc = ?1")?
        .execute([doc])?;
    Ok(())
}

/// What is known of the search index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SearchStatus {
    /// Whether every record can be found.
    pub complete: bool,
    /// Texts in it; a very long one counts several times.
    pub documents: u64,
    /// Records that are still to be read; 0 when it is complete.
    pub waiting: u64,
    /// Bytes of its words and places, as of the last commit.
    pub bytes: u64,
}

/// What is known of the index.
pub fn status(view: &View<'_>) -> Result<SearchStatus> {
    let state = state(view)?;
    let one =
        |sql: &str| -> Result<u64> { Ok(view.prepare(sql)?.query_row([], |row| row.get(0))?) };
    let mut waiting = one("SELECT count(*) FROM search_due")?;
    let unread = state
        .source
        .and_then(|at| SOURCES.get(at..))
        .unwrap_or_default();
    for (source, place) in unread.iter().zip(0..) {
        let after = if place == 0 { state.after.as_str() } else { "" };
        waiting += source.count_after(view, after)?;
    }
    Ok(SearchStatus {
        complete: state.is_complete(view)?,
        documents: one("SELECT count(*) FROM search_doc")?,
        waiting,
        bytes: one("SELECT coalesce(sum(length(block)), 0) FROM search_text_data")?,
    })
}

/// Checks a part of the index.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchCheck {
    /// The `nextCursor` of the part before; the first part without.
    pub cursor: Option<String>,
}

/// What a part of a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct SearchChecked {
    /// What is wrong; nothing if all is well.
    pub findings: Vec<SearchFinding>,
    /// Where the next part begins; absent after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Something that is wrong with the index. Building it again mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct SearchFinding {
    /// `damaged`: SQLite finds its structure broken. `missing`: a text cannot be found. `stale`: a text is found by what it
    /// was. `extra`: something is found that is not there.
    #[cfg_attr(test, ts(type = "'damaged' | 'missing' | 'stale' | 'extra'"))]
    pub code: &'static str,
    /// The record, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Checks a part of the index; nothing may wait.
///
/// # Errors
/// `conflict` while it is being built, `invalid_argument` for a cursor that no part gave.
pub fn check(database: &Database, cursor: Option<&str>) -> Result<SearchChecked> {
    let view = &View::new(database.connection(), None);
    if !state(view)?.is_complete(view)? {
        return Err(Error::new(
            crate::Code::Conflict,
            "the search index is being built",
        ));
    }
    let mut findings = Vec::new();
    let Some(cursor) = cursor else {
        // It writes nothing; SQLite asks for it as though it did.
        let check = "INSERT INTO search_text (search_text) VALUES ('integrity-check')";
        if unrecorded(database, |view| Ok(view.prepare(check)?.execute([])?)).is_err() {
            findings.push(SearchFinding {
                code: "damaged",
                id: None,
            });
        }
        return Ok(SearchChecked {
            findings,
            next_cursor: Some("0:".to_owned()),
        });
    };
    let parsed = cursor
        .split_once(':')
        .and_then(|(at, after)| Some((at.parse().ok()?, after)));
    let (at, after): (usize, &str) =
        parsed.ok_or_else(|| Error::invalid("the cursor is not one that this check gave"))?;
    let next_cursor = match SOURCES.get(at) {
        Some(source) => {
            let last = check_records(view, source, after, &mut findings)?;
            Some(last.map_or_else(|| format!("{}:", at + 1), |last| format!("{at}:{last}")))
        }
        None => check_rows(view, after, &mut findings)?.map(|last| format!("{at}:{last}")),
    };
    Ok(SearchChecked {
        findings,
        next_cursor,
    })
}

/// Compares some records of a source with their rows, and gives the last of them.
fn check_records(
    view: &View<'_>,
    source: &Source,
    after: &str,
    findings: &mut Vec<SearchFinding>,
) -> Result<Option<String>> {
    let mut bytes = 0;
    let mut last = None;
    for id in source.ids(view, after, STEP_RECORDS)? {
        let mut found = |code| {
            findings.push(SearchFinding {
                code,
                id: Some(id.as_str().to_owned()),
            });
        };
        bytes += RECORD_BYTES
            + compare(view, &id, &mut |difference| {
                found(match difference {
                    Difference::Text(None, _) => "missing",
                    Difference::Text(Some(_), _) => "stale",
                    Difference::Row(_) => "extra",
                });
                Ok(())
            })?;
        last = Some(id.as_str().to_owned());
        if bytes >= STEP_BYTES {
            break;
        }
    }
    Ok(last)
}

/// Rows that a step of the check looks at.
const STEP_ROWS: i64 = 1000;

/// Looks for rows whose record is gone, and rows that only one of the index's tables has. Gives the last row that was looked
/// at.
fn check_rows(
    view: &View<'_>,
    after: &str,
    findings: &mut Vec<SearchFinding>,
) -> Result<Option<i64>> {
    let after = match after {
        "" => i64::MIN,
        number => number
            .parse()
            .map_err(|_| Error::invalid("the cursor is not one that this check gave"))?,
    };
    // Both tables are keyed by the same number.
    let mut statement = view.prepare(
        "SELECT doc, record, EXISTS (SELECT 1 FROM search_text_docsize WHERE id = doc) FROM search_doc WHERE doc > ?1
         UNION ALL
         SELECT id, NULL, 1 FROM search_text_docsize WHERE id > ?1 AND NOT EXISTS (SELECT 1 FROM search_doc WHERE doc = id)
         ORDER BY 1 LIMIT ?2",
    )?;
    let mut rows = statement.query((after, STEP_ROWS))?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        last = Some(row.get(0)?);
        let record: Option<String> = row.get(1)?;
        let has_words: bool = row.get(2)?;
        let code = match &record {
            Some(record) if is_there(view, record)? => (!has_words).then_some("missing"),
            _ => Some("extra"),
        };
        findings.extend(code.map(|code| SearchFinding { code, id: record }));
    }
    Ok(last)
}

fn is_there(view: &View<'_>, record: &str) -> Result<bool> {
    let id = RecordId::new(record);
    for source in Source::of(&id) {
        if source.head(view, &id)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Pages that one step of [`erase`] merges.
const ERASE_PAGES: i64 = 64;

/// Does a step of writing the index anew without what was deleted from it, whose words it otherwise holds until their
/// pages are next merged. True when there is more to do; the first step is the one with `begins`.
pub fn erase(database: &Database, begins: bool) -> Result<bool> {
    let pages = if begins { -ERASE_PAGES } else { ERASE_PAGES };
    unrecorded(database, |view| {
        let changes = |view: &View<'_>| -> Result<i64> {
            Ok(view
                .prepare("SELECT total_changes()")?
                .query_row([], |row| row.get(0))?)
        };
        let before = changes(view)?;
        view.prepare("INSERT INTO search_text (search_text, rank) VALUES ('merge', ?1)")?
            .execute([pages])?;
        // The statement itself counts as one.
        Ok(changes(view)? - before > 1)
    })
}

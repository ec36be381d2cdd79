//! Graphs as JSON Lines: one entity or relation a line, and between them whatever else a file holds.
//!
//! A loaded file comes out again in its order, each line's JSON equal: an entity's or a relation's line is written from the
//! graph, in the layout it had; every other line is kept as it was.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Place;
use super::fields::Fields;
use super::graph::{self, Entity, EntityDraft, Item, Relation, RelationDraft};
use super::hierarchy;
use crate::domain::Metadata;
use crate::domain::page::{self, Cursor};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// The most text that is loaded at once, in bytes.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// The most lines that are loaded at once.
const MAX_LINES: usize = 10_000;

/// Lines looked at together where no caller says how many.
const LINES_AT_ONCE: usize = 1000;

/// The bytes after which a page of lines ends, whatever its limit.
const PAGE_BYTES: usize = 1 << 20;

/// Names a graph.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GraphRef {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
}

/// Loads JSON Lines into a graph.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadLines {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context they go to; by default what is configured for the user or the app, else `default`.
    pub context: Option<String>,
    /// The lines: at most 10,000, and 8 MiB. A longer file is loaded piece by piece.
    pub text: String,
}

/// What became of a loaded line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum LineOutcome {
    /// It became an entity.
    Entity,
    /// It became a relation.
    Relation,
    /// A comment, an empty line or a line of another type: kept as it is.
    Kept,
    /// It was there before this file was loaded.
    Present,
    /// It could not be taken and is kept as it is.
    SetAside,
}

/// A line that was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct LoadedLine {
    /// Its number in the text, from 1.
    pub line: i64,
    /// What became of it.
    pub outcome: LineOutcome,
    /// Why it was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of loaded lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// The context they went to.
    pub context: String,
    /// Lines that became entities.
    pub entities: i64,
    /// Lines that became relations.
    pub relations: i64,
    /// Lines that were set aside.
    pub set_aside: i64,
    /// Every line, in order.
    pub lines: Vec<LoadedLine>,
}

/// A piece of a graph's lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct LinePage {
    /// Whole lines, each with its end.
    pub text: String,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The fields of an entity's line that its row holds.
const ENTITY_FIELDS: [&str; 4] = ["name", "entityType", "observations", "metadata"];

/// The fields of a relation's line that its row holds.
const RELATION_FIELDS: [&str; 4] = ["from", "to", "relationType", "metadata"];

/// How lines are usually written. Metadata that says something follows.
const USUAL: [(&str, &str); 2] = [
    (
        "entity",
        r#"{"type":"entity","name":null,"entityType":null,"observations":null}"#,
    ),
    (
        "relation",
        r#"{"type":"relation","from":null,"to":null,"relationType":null}"#,
    ),
];

/// A line as it was understood.
enum Parsed {
    Entity {
        name: String,
        entity_type: String,
        observations: Vec<String>,
        metadata: Metadata,
        shape: Option<String>,
    },
    Relation {
        from: String,
        to: String,
        relation_type: String,
        metadata: Metadata,
        shape: Option<String>,
    },
    /// A comment, an empty line or another type's.
    Other,
}

/// Reads a line, or says why it cannot be taken.
fn parse(line: &str) -> std::result::Result<Parsed, String> {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(Parsed::Other);
    }
    let outer: Fields = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let line_type = outer.text("type").ok_or("the line has no type")?;
    let known = match line_type.as_str() {
        "entity" => ENTITY_FIELDS,
        "relation" => RELATION_FIELDS,
        _ => return Ok(Parsed::Other),
    };
    let inner = wrapped(&outer, known);
    let inner = inner.transpose().map_err(|error| error.to_string())?;
    let body = inner.as_ref().unwrap_or(&outer);
    if body.repeats_a_key() || outer.repeats_a_key() {
        return Err("a key stands twice".to_owned());
    }
    let text = |key: &str| {
        body.text(key)
            .ok_or_else(|| format!("`{key}` is not a text"))
    };
    let metadata: Metadata = match body.get("metadata") {
        None | Some("null") => Metadata::default(),
        Some(json) => serde_json::from_str(json).map_err(|error| error.to_string())?,
    };
    let shape = shape(&outer, inner.as_ref(), known, &line_type, &metadata)
        .map_err(|error| error.to_string())?;
    let [first, second, third, _] = known;
    if line_type == "relation" {
        return Ok(Parsed::Relation {
            from: text(first)?,
            to: text(second)?,
            relation_type: text(third)?,
            metadata,
            shape,
        });
    }
    let observations = match body.get(third) {
        None => Vec::new(),
        Some(json) => {
            serde_json::from_str(json).map_err(|_| format!("`{third}` is not a list of texts"))?
        }
    };
    Ok(Parsed::Entity {
        name: text(first)?,
        entity_type: text(second)?,
        observations,
        metadata,
        shape,
    })
}

/// What the older layout wraps into `data`.
fn wrapped(outer: &Fields, known: [&str; 4]) -> Option<serde_json::Result<Fields>> {
    let [first, ..] = known;
    let data = outer.get("data").filter(|data| data.starts_with('{'));
    data.filter(|_| outer.get(first).is_none())
        .map(serde_json::from_str)
}

/// A line's layout, with null where its row holds the value; none if it is the usual one.
fn shape(
    outer: &Fields,
    inner: Option<&Fields>,
    known: [&str; 4],
    line_type: &str,
    metadata: &Metadata,
) -> Result<Option<String>> {
    let mut body = Fields::default();
    for (key, value) in inner.unwrap_or(outer).iter() {
        // Empty fields are written as they were: as an object, as null, or not at all.
        let held = known.contains(&key) && !(key == "metadata" && is_empty(metadata));
        if held {
            body.set(key, &())?;
        } else {
            body.set(key, &raw(value)?)?;
        }
    }
    let mut shape = body;
    if inner.is_some() {
        let mut all = Fields::default();
        for (key, value) in outer.iter() {
            match key {
                "data" => all.set(key, &shape)?,
                _ => all.set(key, &raw(value)?)?,
            }
        }
        shape = all;
    }
    let shape = crate::domain::to_json("the line", &shape)?;
    let usual = usual(line_type);
    let with_metadata = usual.replace('}', r#","metadata":null}"#);
    let is_usual = shape == usual || (shape == with_metadata && !is_empty(metadata));
    Ok((!is_usual).then_some(shape))
}

fn usual(line_type: &str) -> &'static str {
    let found = USUAL.iter().find(|(name, _)| *name == line_type);
    found.map_or("{}", |(_, shape)| shape)
}

fn raw(json: &str) -> Result<&RawValue> {
    serde_json::from_str(json)
        .map_err(|error| Error::corrupt("a stored value is not JSON").caused_by(error))
}

fn is_empty(metadata: &Metadata) -> bool {
    let inside = metadata.get().strip_prefix('{').unwrap_or_default();
    inside.trim_start().starts_with('}')
}

/// Writes a line from its layout and what its row holds.
fn write(
    line_type: &str,
    shape: Option<&str>,
    known: [&str; 4],
    values: &[String; 4],
    empty: [bool; 4],
) -> Result<String> {
    let outer = Fields::stored(shape.unwrap_or(usual(line_type)))?;
    let inner = wrapped(&outer, known)
        .transpose()
        .map_err(|error| Error::corrupt("a stored layout is not JSON").caused_by(error))?;
    let mut body = Fields::default();
    let held: Vec<_> = known.iter().zip(values).zip(empty).collect();
    for (key, layout) in inner.as_ref().unwrap_or(&outer).iter() {
        let value = held
            .iter()
            .find(|((name, _), empty)| **name == key && !(key == "metadata" && *empty));
        body.set(key, raw(value.map_or(layout, |((_, value), _)| value))?)?;
    }
    for ((name, value), empty) in held {
        if body.get(name).is_none() && !empty {
            body.set(name, raw(value)?)?;
        }
    }
    let line = if inner.is_some() {
        let mut outer = outer;
        outer.set("data", &body)?;
        outer
    } else {
        body
    };
    let text = serde_json::to_string(&line)
        .map_err(|error| Error::new(Code::Internal, "a line is not JSON").caused_by(error))?;
    // Within JSON a line's end is nothing but space.
    Ok(text.replace(['\n', '\r'], " "))
}

fn json(text: &impl Serialize) -> Result<String> {
    serde_json::to_string(text)
        .map_err(|error| Error::new(Code::Internal, "a value is not JSON").caused_by(error))
}

fn entity_line(view: &View<'_>, entity: &Entity) -> Result<String> {
    let shape = graph::shape(view, "entity", &entity.id)?;
    write(
        "entity",
        shape.as_deref(),
        ENTITY_FIELDS,
        &[
            json(&entity.name)?,
            json(&entity.entity_type)?,
            json(&entity.observations)?,
            entity.metadata.get().to_owned(),
        ],
        [
            false,
            false,
            entity.observations.is_empty(),
            is_empty(&entity.metadata),
        ],
    )
}

fn relation_line(view: &View<'_>, relation: &Relation) -> Result<String> {
    let shape = graph::shape(view, "relation", &relation.id)?;
    write(
        "relation",
        shape.as_deref(),
        RELATION_FIELDS,
        &[
            json(&relation.from)?,
            json(&relation.to)?,
            json(&relation.relation_type)?,
            relation.metadata.get().to_owned(),
        ],
        [false, false, false, is_empty(&relation.metadata)],
    )
}

/// Where a file's lines go, and what was there before it.
struct Loading<'a> {
    tx: &'a Tx<'a>,
    place: Place,
    /// The last position before the file.
    before: i64,
    /// Hashes of the lines kept before the file, in order.
    kept: Vec<[u8; 32]>,
}

impl Loading<'_> {
    fn take(&self, line: &str) -> Result<(LineOutcome, Option<String>)> {
        match parse(line) {
            Ok(Parsed::Other) => self.keep(line, None),
            Err(problem) => self.keep(line, Some(problem)),
            Ok(Parsed::Entity {
                name,
                entity_type,
                observations,
                metadata,
                shape,
            }) => {
                if let Some(there) = graph::find(self.tx, &self.place, &name)? {
                    let same = there.entity_type == entity_type
                        && there.observations == observations
                        && there.metadata == metadata;
                    return self.repeated("entity", &there.id, same, line);
                }
                let draft = EntityDraft {
                    name: &name,
                    entity_type: &entity_type,
                    observations: &observations,
                    metadata: &metadata,
                    shape: shape.as_deref(),
                };
                let inserted = graph::insert(self.tx, &self.place, &draft).map(drop);
                self.taken(inserted, LineOutcome::Entity, line)
            }
            Ok(Parsed::Relation {
                from,
                to,
                relation_type,
                metadata,
                shape,
            }) => {
                let ends = (from.as_str(), to.as_str(), relation_type.as_str());
                if let Some(there) = graph::relation(self.tx, &self.place, ends)? {
                    return self.repeated("relation", &there.id, there.metadata == metadata, line);
                }
                let draft = RelationDraft {
                    from: &from,
                    to: &to,
                    relation_type: &relation_type,
                    metadata: &metadata,
                    shape: shape.as_deref(),
                };
                let inserted = graph::relate(self.tx, &self.place, &draft);
                self.taken(inserted, LineOutcome::Relation, line)
            }
        }
    }

    /// What became of a line that was understood. What is refused, for being too large, is set aside.
    fn taken(
        &self,
        inserted: Result<()>,
        outcome: LineOutcome,
        line: &str,
    ) -> Result<(LineOutcome, Option<String>)> {
        match inserted {
            Ok(()) => Ok((outcome, None)),
            Err(error) if error.code() == Code::InvalidArgument => {
                self.keep(line, Some(error.message().to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// A line that names what is there already.
    fn repeated(
        &self,
        table: &'static str,
        id: &str,
        same: bool,
        line: &str,
    ) -> Result<(LineOutcome, Option<String>)> {
        if same && graph::position(self.tx, table, id)? <= self.before {
            return Ok((LineOutcome::Present, None));
        }
        let problem = if same {
            format!("it repeats the {table} of another line")
        } else {
            format!("the {table} is there already, with other contents")
        };
        self.keep(line, Some(problem))
    }

    /// Keeps a line as it is.
    fn keep(&self, line: &str, problem: Option<String>) -> Result<(LineOutcome, Option<String>)> {
        if self.kept.binary_search(&hash(line)).is_ok() {
            return Ok((LineOutcome::Present, None));
        }
        self.tx.execute(
            "INSERT INTO chart_line (id, user, context, position, text, problem) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                self.tx.uuid(),
                self.place.user.user,
                &self.place.context,
                graph::next_position(self.tx, self.place.key())?,
                line,
                &problem,
            ),
        )?;
        match problem {
            None => Ok((LineOutcome::Kept, None)),
            problem => Ok((LineOutcome::SetAside, problem)),
        }
    }
}

fn hash(line: &str) -> [u8; 32] {
    *blake3::hash(line.as_bytes()).as_bytes()
}

/// Hashes of a graph's kept lines, in order.
fn kept(view: &View<'_>, place: &Place) -> Result<Vec<[u8; 32]>> {
    let mut statement =
        view.prepare("SELECT text FROM chart_line WHERE user = ?1 AND context = ?2")?;
    let mut rows = statement.query(place.key())?;
    let mut hashes = Vec::new();
    while let Some(row) = rows.next()? {
        hashes.push(hash(crate::domain::text(row, 0)?));
    }
    hashes.sort_unstable();
    Ok(hashes)
}

/// Reads the lines of a graph, page by page.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinesRead {
    /// The user whose graph it is. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context whose graph it is; by default the configured one.
    pub context: Option<String>,
    /// Only the lines of this chart and of those below it.
    pub chart: Option<String>,
    /// Lines per page: 1 to 1,000, 50 by default. A page ends before that when its text is long, and has fewer where only a chart's
    /// are asked for.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Loads JSON Lines behind what a graph holds. A line that cannot be taken is set aside with the reason, the rest is read. A
/// line that the graph held before, word for word, is not taken again: loading a file twice is loading it once.
pub fn load(tx: &Tx<'_>, load: &LoadLines) -> Result<LoadReport> {
    let lines: Vec<&str> = load.text.split_terminator('\n').collect();
    if load.text.len() > MAX_TEXT_BYTES || lines.len() > MAX_LINES {
        return Err(Error::invalid(format!(
            "at most {MAX_LINES} lines and {MAX_TEXT_BYTES} bytes are loaded at once"
        )));
    }
    let place = Place::route(tx, load.user_id, load.context.as_deref())?;
    let loading = Loading {
        tx,
        before: graph::next_position(tx, place.key())? - 1,
        kept: kept(tx, &place)?,
        place,
    };
    let mut report = LoadReport {
        context: loading.place.context.clone(),
        entities: 0,
        relations: 0,
        set_aside: 0,
        lines: Vec::with_capacity(lines.len()),
    };
    for (text, line) in lines.into_iter().zip(1_i64..) {
        let (outcome, reason) = loading.take(text)?;
        match outcome {
            LineOutcome::Entity => report.entities += 1,
            LineOutcome::Relation => report.relations += 1,
            LineOutcome::SetAside => report.set_aside += 1,
            LineOutcome::Kept | LineOutcome::Present => {}
        }
        report.lines.push(LoadedLine {
            line,
            outcome,
            reason,
        });
    }
    Ok(report)
}

/// Writes a graph, or one of its charts with those below it, as JSON Lines, page by page. The pages joined are the file.
///
/// # Errors
/// `not_found` when there is no such chart.
pub fn lines(view: &View<'_>, query: &LinesRead) -> Result<LinePage> {
    let place = Place::find(view, query.user_id, query.context.as_deref())?;
    let limit = page::limit(query.limit)?;
    let list = format!("chart lines {:?} {:?}", place.key(), query.chart);
    let [behind] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or([0]);
    let chosen = match &query.chart {
        Some(chart) => Some(hierarchy::records(view, &place, chart)?),
        None => None,
    };
    let is_wanted = |_: LineKind, id: &str| Ok(chosen.as_ref().is_none_or(|ids| ids.contains(id)));
    let (text, next) = some_lines(view, &place, behind, limit, &is_wanted)?;
    let next_cursor = next.map(|behind| Cursor::encode(&list, &[behind]));
    Ok(LinePage { text, next_cursor })
}

/// What a line of a graph is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    Entity,
    Relation,
    /// A line that is kept as it is.
    Kept,
}

/// Lines of a user's graph behind a position, as far as they are wanted, and the position to go on from; none at the end.
pub(crate) fn wanted_lines(
    view: &View<'_>,
    user: UserId,
    context: &str,
    behind: i64,
    is_wanted: &dyn Fn(LineKind, &str) -> Result<bool>,
) -> Result<(String, Option<i64>)> {
    let context = context.to_owned();
    let place = Place { user, context };
    some_lines(view, &place, behind, LINES_AT_ONCE, is_wanted)
}

fn some_lines(
    view: &View<'_>,
    place: &Place,
    mut behind: i64,
    limit: usize,
    is_wanted: &dyn Fn(LineKind, &str) -> Result<bool>,
) -> Result<(String, Option<i64>)> {
    let found = graph::in_order(view, place, behind, limit + 1)?;
    let mut text = String::new();
    for (index, (position, kind, id)) in found.into_iter().enumerate() {
        if index == limit || text.len() > PAGE_BYTES {
            return Ok((text, Some(behind)));
        }
        let line_kind = match kind {
            0 => LineKind::Entity,
            1 => LineKind::Relation,
            _ => LineKind::Kept,
        };
        if is_wanted(line_kind, &id)? {
            match graph::item(view, kind, id)? {
                Item::Entity(entity) => text.push_str(&entity_line(view, &entity)?),
                Item::Relation(relation) => text.push_str(&relation_line(view, &relation)?),
                Item::Line(id) => {
                    let mut statement =
                        view.prepare("SELECT text FROM chart_line WHERE id = ?1")?;
                    let line: String = statement.query_row([id], |row| row.get(0))?;
                    text.push_str(&line);
                }
            }
            text.push('\n');
        }
        behind = position;
    }
    Ok((text, None))
}

//! The stored graph: entities with their observations, and relations between names.

use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::{Place, time};
use crate::domain::page::{self, Cursor, Page};
use crate::domain::{
    MAX_METADATA_BYTES, Metadata, check_label, check_version, from_json, lower, next_number, text,
    to_json,
};
use crate::error::{Code, Error, Result};
use crate::id::{MAX_NUMBER, UserId};
use crate::store::{Tx, View};

/// The most observations of one entity.
const MAX_OBSERVATIONS: usize = 10_000;

/// The most entities that one page of a search looks at.
const MAX_LOOKED_AT: usize = 2_000;

/// The bytes of text after which a page of the graph ends, whatever its limit.
const PAGE_BYTES: usize = 1 << 20;

/// A thing with a name, and what was observed of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Entity {
    /// Its UUIDv7, by which its history is found.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The context whose graph it is in.
    pub context: String,
    /// Its name, which no other entity of this graph has.
    pub name: String,
    /// What it is: `structural_tension_chart`, `action_step`, or any other word.
    pub entity_type: String,
    /// What was observed, in order.
    pub observations: Vec<String>,
    /// Its own fields, in their order.
    pub metadata: Metadata,
    /// Grows by one with every change.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// A directed relation between two names. An end need not be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Relation {
    /// Its UUIDv7, by which its history is found.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The context whose graph it is in.
    pub context: String,
    /// The name of the entity it leads from.
    pub from: String,
    /// The name of the entity it leads to.
    pub to: String,
    /// What it says: `contains`, `telescopes_into`, or any other word.
    pub relation_type: String,
    /// Its own fields in their order, such as `strength`.
    pub metadata: Metadata,
    /// Grows by one with every change.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// What a new entity is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEntity {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it goes to; by default what is configured for the user or the app, else `default`.
    pub context: Option<String>,
    /// Its name: any that is not taken in this graph.
    pub name: String,
    /// What it is.
    pub entity_type: String,
    /// What was observed, in order; nothing by default.
    pub observations: Option<Vec<String>>,
    /// Its own fields; none by default.
    pub metadata: Option<Metadata>,
}

/// Names an entity of a graph.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntityRef {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// Its name.
    pub name: String,
}

/// Changes to an entity; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntityUpdate {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// Its name.
    pub name: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// Another type.
    pub entity_type: Option<String>,
    /// New fields, replacing all of the old.
    pub metadata: Option<Metadata>,
}

/// Observations to add to an entity, or to take from it.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observations {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The entity's name.
    pub name: String,
    /// The observations.
    pub observations: Vec<String>,
}

/// Which entities of a graph to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntityList {
    /// The user whose graph it is. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context whose graph it is; by default the configured one.
    pub context: Option<String>,
    /// Only those whose name begins with this; with `*` in it, those whose whole name it matches, `*` being any text.
    pub name: Option<String>,
    /// Only those with this text in their name or in an observation, in upper or lower case.
    pub text: Option<String>,
    /// Only those of this type.
    pub entity_type: Option<String>,
    /// Only those with this `chartId`.
    pub chart: Option<String>,
    /// Items per page: 1 to 1,000, 50 by default. A page may hold fewer, and still name a next one.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// What a new relation is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRelation {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it goes to; by default what is configured for the user or the app, else `default`.
    pub context: Option<String>,
    /// The name of the entity it leads from.
    pub from: String,
    /// The name of the entity it leads to.
    pub to: String,
    /// What it says.
    pub relation_type: String,
    /// Its own fields, such as `strength`; none by default.
    pub metadata: Option<Metadata>,
}

/// Names a relation of a graph.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelationRef {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The name of the entity it leads from.
    pub from: String,
    /// The name of the entity it leads to.
    pub to: String,
    /// What it says.
    pub relation_type: String,
}

/// New fields for a relation.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelationUpdate {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The name of the entity it leads from.
    pub from: String,
    /// The name of the entity it leads to.
    pub to: String,
    /// What it says.
    pub relation_type: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// New fields, replacing all of the old.
    pub metadata: Metadata,
}

/// Which relations of a graph to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelationList {
    /// The user whose graph it is. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context whose graph it is; by default the configured one.
    pub context: Option<String>,
    /// Only those with this name at one of their ends.
    pub entity: Option<String>,
    /// Only those of this type.
    pub relation_type: Option<String>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Reads a graph, or the lines it stands for, page by page.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GraphRead {
    /// The user whose graph it is. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context whose graph it is; by default the configured one.
    pub context: Option<String>,
    /// Items per page: 1 to 1,000, 50 by default. A page ends before that when its text is long.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A piece of a graph.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct GraphPage {
    /// Entities, in the order of their lines.
    pub entities: Vec<Entity>,
    /// Relations, in the order of their lines.
    pub relations: Vec<Relation>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

const COLUMNS: &str = "id, user, context, name, type, metadata, version, created_at, updated_at";

const RELATION_COLUMNS: &str =
    "id, user, context, source, target, type, metadata, version, created_at, updated_at";

fn read(view: &View<'_>, row: &rusqlite::Row<'_>) -> Result<Entity> {
    let id: String = row.get(0)?;
    let mut statement =
        view.prepare("SELECT text FROM observation WHERE entity = ?1 ORDER BY seq")?;
    let observations = statement
        .query_map([&id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Entity {
        id,
        user_id: UserId { user: row.get(1)? },
        context: row.get(2)?,
        name: row.get(3)?,
        entity_type: row.get(4)?,
        observations,
        metadata: from_json("metadata", text(row, 5)?)?,
        version: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}

fn read_relation(row: &rusqlite::Row<'_>) -> Result<Relation> {
    Ok(Relation {
        id: row.get(0)?,
        user_id: UserId { user: row.get(1)? },
        context: row.get(2)?,
        from: row.get(3)?,
        to: row.get(4)?,
        relation_type: row.get(5)?,
        metadata: from_json("metadata", text(row, 6)?)?,
        version: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}

/// An entity that is about to be stored.
pub(super) struct EntityDraft<'a> {
    pub name: &'a str,
    pub entity_type: &'a str,
    pub observations: &'a [String],
    pub metadata: &'a Metadata,
    /// How its line is written, where that is not the usual way.
    pub shape: Option<&'a str>,
}

/// What the columns beside the metadata say of it.
#[derive(Default)]
struct Indexed {
    chart: Option<String>,
    parent_chart: Option<String>,
    parent_step: Option<String>,
    due_at: Option<i64>,
    phase: Option<String>,
    completed: bool,
    archived: bool,
}

impl Indexed {
    fn of(metadata: &Metadata) -> Result<Self> {
        let fields = Fields::stored(metadata.get())?;
        Ok(Self {
            chart: fields.text("chartId"),
            parent_chart: fields.text("parentChart"),
            parent_step: fields.text("parentActionStep"),
            due_at: fields.text("dueDate").as_deref().and_then(time::parse),
            phase: fields.text("phase"),
            completed: fields.is_true("completionStatus"),
            archived: fields.text("archivedAt").is_some(),
        })
    }
}

/// Stores an entity at the end of its graph and gives its id.
pub(super) fn insert(tx: &Tx<'_>, place: &Place, draft: &EntityDraft<'_>) -> Result<String> {
    check_label("the name", draft.name)?;
    check_label("the type", draft.entity_type)?;
    check_observations(draft.observations)?;
    let metadata = to_json("the metadata", draft.metadata)?;
    let indexed = Indexed::of(draft.metadata)?;
    if exists(tx, place, draft.name)? {
        return Err(taken("an entity", draft.name));
    }
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO entity (id, user, context, position, name, type, metadata, shape, chart, parent_chart, parent_step,
                             due_at, phase, completed, archived, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 1, ?16, ?16)",
        rusqlite::params![
            id,
            place.user.user,
            place.context,
            next_position(tx, place.key())?,
            draft.name,
            draft.entity_type,
            metadata,
            draft.shape,
            indexed.chart,
            indexed.parent_chart,
            indexed.parent_step,
            indexed.due_at,
            indexed.phase,
            indexed.completed,
            indexed.archived,
            tx.now_ms(),
        ],
    )?;
    for (text, seq) in draft.observations.iter().zip(1_i64..) {
        put_observation(tx, &id, seq, text)?;
    }
    if let Some(chart) = &indexed.chart {
        pass_number(tx, place.user, chart)?;
    }
    Ok(id)
}

fn put_observation(tx: &Tx<'_>, id: &str, seq: i64, text: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO observation (entity, seq, text) VALUES (?1, ?2, ?3)",
        (id, seq, text),
    )?;
    Ok(())
}

fn check_observations(observations: &[String]) -> Result<()> {
    if observations.len() > MAX_OBSERVATIONS {
        return Err(Error::invalid(format!(
            "an entity has at most {MAX_OBSERVATIONS} observations"
        )));
    }
    if observations
        .iter()
        .any(|text| text.len() > MAX_METADATA_BYTES)
    {
        return Err(Error::invalid(format!(
            "an observation is longer than {MAX_METADATA_BYTES} bytes"
        )));
    }
    Ok(())
}

fn taken(what: &str, name: &str) -> Error {
    Error::new(
        Code::Conflict,
        format!("{what} of this graph is called {name} already"),
    )
}

/// The place behind the last line of a graph.
pub(crate) fn next_position(view: &View<'_>, place: (i64, &str)) -> Result<i64> {
    let mut statement = view.prepare(
        "SELECT 1 + max(
           (SELECT coalesce(max(position), 0) FROM entity WHERE user = ?1 AND context = ?2),
           (SELECT coalesce(max(position), 0) FROM relation WHERE user = ?1 AND context = ?2),
           (SELECT coalesce(max(position), 0) FROM chart_line WHERE user = ?1 AND context = ?2))",
    )?;
    Ok(statement.query_row(place, |row| row.get(0))?)
}

/// The name of the counter of a user's chart numbers.
fn counter(user: UserId) -> String {
    format!("charts/{user}")
}

/// Sees to it that a chart's number, where its id is one of ours, is not given to another.
fn pass_number(tx: &Tx<'_>, user: UserId, chart: &str) -> Result<()> {
    // Numbers beyond any clock's milliseconds are no number of a tool's; following them would use ours up.
    const MOST: i64 = 1_000_000_000_000_000;
    let number = chart
        .strip_prefix("chart_")
        .and_then(|n| n.parse::<i64>().ok());
    if let Some(number) = number.filter(|number| (1..=MOST).contains(number)) {
        crate::domain::pass_number(tx, &counter(user), number)?;
    }
    Ok(())
}

/// A new chart's id: its number is the user's next one of which nothing in this graph speaks.
pub(super) fn allocate_chart(tx: &Tx<'_>, place: &Place) -> Result<String> {
    loop {
        let number = next_number(tx, &counter(place.user))?;
        if number > MAX_NUMBER {
            return Err(Error::invalid("no number is left for a chart"));
        }
        let chart = format!("chart_{number}");
        // '`' is the character behind '_'.
        let mut mentioned = tx.prepare(
            "SELECT 1 FROM entity WHERE user = ?1 AND context = ?2 AND name >= ?3 || '_' AND name < ?3 || '`'
             UNION ALL SELECT 1 FROM entity WHERE user = ?1 AND context = ?2 AND chart = ?3",
        )?;
        if !mentioned.exists((place.user.user, &place.context, &chart))? {
            return Ok(chart);
        }
    }
}

/// Whether a graph has an entity of that name.
pub(super) fn exists(view: &View<'_>, place: &Place, name: &str) -> Result<bool> {
    let mut statement =
        view.prepare("SELECT 1 FROM entity WHERE user = ?1 AND context = ?2 AND name = ?3")?;
    Ok(statement.exists((place.user.user, &place.context, name))?)
}

/// The entity of that name, if there is one.
pub(super) fn find(view: &View<'_>, place: &Place, name: &str) -> Result<Option<Entity>> {
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM entity WHERE user = ?1 AND context = ?2 AND name = ?3"
    ))?;
    let mut rows = statement.query((place.user.user, &place.context, name))?;
    rows.next()?.map(|row| read(view, row)).transpose()
}

/// The entity of that name.
pub(super) fn named(view: &View<'_>, place: &Place, name: &str) -> Result<Entity> {
    find(view, place, name)?.ok_or_else(|| Error::not_found("entity", name))
}

/// The entity with this id.
pub(super) fn by_id(view: &View<'_>, id: &str) -> Result<Entity> {
    let mut statement = view.prepare(&format!("SELECT {COLUMNS} FROM entity WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    rows.next()?.map_or_else(
        || Err(Error::not_found("entity", id)),
        |row| read(view, row),
    )
}

/// Adds an entity to a graph.
pub fn add_entity(tx: &Tx<'_>, new: &NewEntity) -> Result<Entity> {
    let place = Place::route(tx, new.user_id, new.context.as_deref())?;
    let draft = EntityDraft {
        name: &new.name,
        entity_type: &new.entity_type,
        observations: new.observations.as_deref().unwrap_or_default(),
        metadata: &new.metadata.clone().unwrap_or_default(),
        shape: None,
    };
    let id = insert(tx, &place, &draft)?;
    by_id(tx, &id)
}

/// Reads an entity.
pub fn get_entity(view: &View<'_>, entity: &EntityRef) -> Result<Entity> {
    let place = Place::find(view, entity.user_id, entity.context.as_deref())?;
    named(view, &place, &entity.name)
}

/// Which names a lookup means.
struct Pattern<'a> {
    /// What every such name begins with.
    prefix: &'a str,
    /// The texts behind it, in this order; the last is the name's end. None when anything may follow.
    rest: Option<Vec<&'a str>>,
}

impl<'a> Pattern<'a> {
    fn new(pattern: &'a str) -> Self {
        match pattern.split_once('*') {
            Some((prefix, rest)) => Self {
                prefix,
                rest: Some(rest.split('*').collect()),
            },
            None => Self {
                prefix: pattern,
                rest: None,
            },
        }
    }

    fn matches(&self, name: &str) -> bool {
        let Some(mut behind) = name.strip_prefix(self.prefix) else {
            return false;
        };
        let Some((end, between)) = self.rest.as_ref().and_then(|rest| rest.split_last()) else {
            return true;
        };
        for text in between {
            match behind.split_once(text) {
                Some((_, after)) => behind = after,
                None => return false,
            }
        }
        behind.ends_with(end)
    }
}

/// Lists a graph's entities by name.
pub fn entities(view: &View<'_>, query: &EntityList) -> Result<Page<Entity>> {
    let place = Place::find(view, query.user_id, query.context.as_deref())?;
    let limit = page::limit(query.limit)?;
    let EntityList {
        name,
        text,
        entity_type,
        chart,
        ..
    } = query;
    let list = format!(
        "entities {:?} {name:?} {text:?} {entity_type:?} {chart:?}",
        place.key()
    );
    let pattern = Pattern::new(name.as_deref().unwrap_or_default());
    let text = text.as_deref().map(lower);
    let mut behind = Cursor::decode_text(&list, query.cursor.as_deref())?;
    let of_chart = if chart.is_some() {
        "chart = ?5"
    } else {
        "?5 IS NULL"
    };
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM entity WHERE user = ?1 AND context = ?2 AND name >= ?3 AND name IS NOT ?4 AND {of_chart}
         ORDER BY name"
    ))?;
    let start = behind.as_deref().unwrap_or(pattern.prefix);
    let mut rows = statement.query((place.user.user, &place.context, start, &behind, chart))?;
    let mut items = Vec::new();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let found: String = row.get(3)?;
        if !found.starts_with(pattern.prefix) {
            break;
        }
        if items.len() == limit || looked_at == MAX_LOOKED_AT {
            let next_cursor = behind.map(|name| Cursor::encode_text(&list, &name));
            return Ok(Page { items, next_cursor });
        }
        looked_at += 1;
        if pattern.matches(&found) {
            let entity = read(view, row)?;
            let of_type = entity_type
                .as_ref()
                .is_none_or(|of| *of == entity.entity_type);
            if of_type && text.as_ref().is_none_or(|text| mentions(&entity, text)) {
                items.push(entity);
            }
        }
        behind = Some(found);
    }
    Ok(Page {
        items,
        next_cursor: None,
    })
}

/// Whether a text in lower case is in an entity's name or in an observation.
fn mentions(entity: &Entity, text: &str) -> bool {
    std::iter::once(&entity.name)
        .chain(&entity.observations)
        .any(|hay| lower(hay).contains(text))
}

/// Changes an entity.
pub fn update_entity(tx: &Tx<'_>, change: &EntityUpdate) -> Result<Entity> {
    let place = Place::find(tx, change.user_id, change.context.as_deref())?;
    let current = named(tx, &place, &change.name)?;
    check_version("entity", change.version, current.version)?;
    let entity_type = change.entity_type.as_ref().unwrap_or(&current.entity_type);
    let metadata = change.metadata.as_ref().unwrap_or(&current.metadata);
    save(tx, &current, entity_type, metadata)?;
    by_id(tx, &current.id)
}

/// Stores an entity's type and fields, as a new version.
pub(super) fn save(
    tx: &Tx<'_>,
    entity: &Entity,
    entity_type: &str,
    metadata: &Metadata,
) -> Result<()> {
    check_label("the type", entity_type)?;
    let json = to_json("the metadata", metadata)?;
    let indexed = Indexed::of(metadata)?;
    if let Some(chart) = &indexed.chart {
        pass_number(tx, entity.user_id, chart)?;
    }
    tx.execute(
        "UPDATE entity SET type = ?2, metadata = ?3, chart = ?4, parent_chart = ?5, parent_step = ?6, due_at = ?7, phase = ?8,
                           completed = ?9, archived = ?10, version = version + 1, updated_at = ?11
         WHERE id = ?1",
        rusqlite::params![
            entity.id,
            entity_type,
            json,
            indexed.chart,
            indexed.parent_chart,
            indexed.parent_step,
            indexed.due_at,
            indexed.phase,
            indexed.completed,
            indexed.archived,
            tx.now_ms(),
        ],
    )?;
    Ok(())
}

/// Adds observations to an entity, each once: what was observed before is not added again.
pub fn add_observations(tx: &Tx<'_>, new: &Observations) -> Result<Entity> {
    let place = Place::find(tx, new.user_id, new.context.as_deref())?;
    let entity = named(tx, &place, &new.name)?;
    observe(tx, &entity, &new.observations)?;
    by_id(tx, &entity.id)
}

/// Adds the observations that an entity lacks, and says whether there were any.
pub(super) fn observe(tx: &Tx<'_>, entity: &Entity, observations: &[String]) -> Result<bool> {
    let mut all = entity.observations.clone();
    let mut seq: i64 = tx
        .prepare("SELECT coalesce(max(seq), 0) FROM observation WHERE entity = ?1")?
        .query_row([&entity.id], |row| row.get(0))?;
    for text in observations {
        if !all.contains(text) {
            all.push(text.clone());
            seq += 1;
            put_observation(tx, &entity.id, seq, text)?;
        }
    }
    check_observations(&all)?;
    let added = all.len() > entity.observations.len();
    if added {
        touch(tx, &entity.id)?;
    }
    Ok(added)
}

/// Puts another text in the place of an entity's first observation.
pub(super) fn observe_first(tx: &Tx<'_>, entity: &Entity, text: &str) -> Result<()> {
    check_observations(&[text.to_owned()])?;
    let changed = tx.execute(
        "UPDATE observation SET text = ?2
         WHERE entity = ?1 AND seq = (SELECT min(seq) FROM observation WHERE entity = ?1)",
        (&entity.id, text),
    )?;
    if changed == 0 {
        put_observation(tx, &entity.id, 1, text)?;
    }
    touch(tx, &entity.id)
}

/// Takes observations from an entity; those that it does not have are gone already.
pub fn remove_observations(tx: &Tx<'_>, old: &Observations) -> Result<Entity> {
    let place = Place::find(tx, old.user_id, old.context.as_deref())?;
    let entity = named(tx, &place, &old.name)?;
    let mut removed = 0;
    for text in &old.observations {
        removed += tx.execute(
            "DELETE FROM observation WHERE entity = ?1 AND text = ?2",
            (&entity.id, text),
        )?;
    }
    if removed > 0 {
        touch(tx, &entity.id)?;
    }
    by_id(tx, &entity.id)
}

fn touch(tx: &Tx<'_>, id: &str) -> Result<()> {
    tx.execute(
        "UPDATE entity SET version = version + 1, updated_at = ?2 WHERE id = ?1",
        (id, tx.now_ms()),
    )?;
    Ok(())
}

/// Deletes an entity with its observations and every relation it is an end of.
pub fn delete_entity(tx: &Tx<'_>, entity: &EntityRef) -> Result<()> {
    let place = Place::find(tx, entity.user_id, entity.context.as_deref())?;
    if !remove(tx, &place, &entity.name)? {
        return Err(Error::not_found("entity", &entity.name));
    }
    Ok(())
}

/// Deletes an entity with its relations, and says whether it was there.
pub(super) fn remove(tx: &Tx<'_>, place: &Place, name: &str) -> Result<bool> {
    let key = (place.user.user, &place.context, name);
    let deleted = tx.execute(
        "DELETE FROM entity WHERE user = ?1 AND context = ?2 AND name = ?3",
        key,
    )?;
    if deleted > 0 {
        for end in ["source", "target"] {
            tx.execute(
                &format!("DELETE FROM relation WHERE user = ?1 AND context = ?2 AND {end} = ?3"),
                key,
            )?;
        }
    }
    Ok(deleted > 0)
}

/// A relation that is about to be stored.
pub(super) struct RelationDraft<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub relation_type: &'a str,
    pub metadata: &'a Metadata,
    /// How its line is written, where that is not the usual way.
    pub shape: Option<&'a str>,
}

/// Stores a relation at the end of its graph.
pub(super) fn relate(tx: &Tx<'_>, place: &Place, draft: &RelationDraft<'_>) -> Result<()> {
    for (what, label) in [
        ("the name", draft.from),
        ("the name", draft.to),
        ("the type", draft.relation_type),
    ] {
        check_label(what, label)?;
    }
    let metadata = to_json("the metadata", draft.metadata)?;
    tx.execute(
        "INSERT INTO relation (id, user, context, position, source, target, type, metadata, shape, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?10)",
        (
            tx.uuid(),
            place.user.user,
            &place.context,
            next_position(tx, place.key())?,
            draft.from,
            draft.to,
            draft.relation_type,
            metadata,
            draft.shape,
            tx.now_ms(),
        ),
    )?;
    Ok(())
}

/// The relation between these ends, if there is one.
pub(super) fn relation(
    view: &View<'_>,
    place: &Place,
    (from, to, relation_type): (&str, &str, &str),
) -> Result<Option<Relation>> {
    let mut statement = view.prepare(&format!(
        "SELECT {RELATION_COLUMNS} FROM relation
         WHERE user = ?1 AND context = ?2 AND source = ?3 AND type = ?4 AND target = ?5"
    ))?;
    let mut rows = statement.query((place.user.user, &place.context, from, relation_type, to))?;
    rows.next()?.map(read_relation).transpose()
}

/// Every relation that an entity is an end of.
pub(super) fn relations_of(view: &View<'_>, place: &Place, name: &str) -> Result<Vec<Relation>> {
    let mut statement = view.prepare(&format!(
        "SELECT {RELATION_COLUMNS} FROM relation WHERE user = ?1 AND context = ?2 AND source = ?3
         UNION SELECT {RELATION_COLUMNS} FROM relation WHERE user = ?1 AND context = ?2 AND target = ?3"
    ))?;
    let mut rows = statement.query((place.user.user, &place.context, name))?;
    let mut relations = Vec::new();
    while let Some(row) = rows.next()? {
        relations.push(read_relation(row)?);
    }
    Ok(relations)
}

/// Adds a relation to a graph. The same relation twice is there once.
///
/// # Errors
/// `conflict` when it is there with other fields.
pub fn add_relation(tx: &Tx<'_>, new: &NewRelation) -> Result<Relation> {
    let place = Place::route(tx, new.user_id, new.context.as_deref())?;
    let ends = (
        new.from.as_str(),
        new.to.as_str(),
        new.relation_type.as_str(),
    );
    let metadata = new.metadata.clone().unwrap_or_default();
    match relation(tx, &place, ends)? {
        Some(there) if there.metadata == metadata => Ok(there),
        Some(there) => Err(Error::new(
            Code::Conflict,
            format!(
                "{} {} {} with other fields already; update it",
                there.from, there.relation_type, there.to
            ),
        )),
        None => {
            let draft = RelationDraft {
                from: &new.from,
                to: &new.to,
                relation_type: &new.relation_type,
                metadata: &metadata,
                shape: None,
            };
            relate(tx, &place, &draft)?;
            related(tx, &place, ends)
        }
    }
}

fn related(view: &View<'_>, place: &Place, ends: (&str, &str, &str)) -> Result<Relation> {
    relation(view, place, ends)?
        .ok_or_else(|| Error::not_found("relation", format!("{} {} {}", ends.0, ends.2, ends.1)))
}

/// Gives a relation other fields.
pub fn update_relation(tx: &Tx<'_>, change: &RelationUpdate) -> Result<Relation> {
    let place = Place::find(tx, change.user_id, change.context.as_deref())?;
    let ends = (
        change.from.as_str(),
        change.to.as_str(),
        change.relation_type.as_str(),
    );
    let current = related(tx, &place, ends)?;
    check_version("relation", change.version, current.version)?;
    let metadata = to_json("the metadata", &change.metadata)?;
    tx.execute(
        "UPDATE relation SET metadata = ?2, version = version + 1, updated_at = ?3 WHERE id = ?1",
        (&current.id, metadata, tx.now_ms()),
    )?;
    related(tx, &place, ends)
}

/// Deletes a relation.
pub fn delete_relation(tx: &Tx<'_>, old: &RelationRef) -> Result<()> {
    let place = Place::find(tx, old.user_id, old.context.as_deref())?;
    let ends = (
        old.from.as_str(),
        old.to.as_str(),
        old.relation_type.as_str(),
    );
    let current = related(tx, &place, ends)?;
    tx.execute("DELETE FROM relation WHERE id = ?1", [current.id])?;
    Ok(())
}

/// Lists a graph's relations in the order of their lines.
pub fn relations(view: &View<'_>, query: &RelationList) -> Result<Page<Relation>> {
    let place = Place::find(view, query.user_id, query.context.as_deref())?;
    let limit = page::limit(query.limit)?;
    let list = format!(
        "relations {:?} {:?} {:?}",
        place.key(),
        query.entity,
        query.relation_type
    );
    let [after] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or([0]);
    let select = |end: &str| {
        format!(
            "SELECT {RELATION_COLUMNS}, position FROM relation
             WHERE user = ?1 AND context = ?2 AND position > ?3 AND (?4 IS NULL OR type = ?4) AND {end}"
        )
    };
    let matching = match query.entity {
        Some(_) => format!("{} UNION {}", select("source = ?5"), select("target = ?5")),
        None => select("?5 IS NULL"),
    };
    let mut statement = view.prepare(&format!("{matching} ORDER BY position LIMIT ?6"))?;
    let mut rows = statement.query((
        place.user.user,
        &place.context,
        after,
        &query.relation_type,
        &query.entity,
        limit + 1,
    ))?;
    let mut relations = Vec::new();
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(10)?;
        relations.push((read_relation(row)?, position));
    }
    let page = page::cut(relations, limit, |(_, position)| {
        Cursor::encode(&list, &[*position])
    });
    Ok(Page {
        items: page
            .items
            .into_iter()
            .map(|(relation, _)| relation)
            .collect(),
        next_cursor: page.next_cursor,
    })
}

/// What stands on a line of a graph.
pub(super) enum Item {
    Entity(Entity),
    Relation(Relation),
    /// The id of a line that is neither.
    Line(String),
}

/// Items of a graph behind a position, each with its own, in the order of their lines.
pub(super) fn in_order(
    view: &View<'_>,
    place: &Place,
    after: i64,
    count: usize,
) -> Result<Vec<(i64, i64, String)>> {
    let mut statement = view.prepare(
        "SELECT position, 0, id FROM entity WHERE user = ?1 AND context = ?2 AND position > ?3
         UNION ALL SELECT position, 1, id FROM relation WHERE user = ?1 AND context = ?2 AND position > ?3
         UNION ALL SELECT position, 2, id FROM chart_line WHERE user = ?1 AND context = ?2 AND position > ?3
         ORDER BY 1 LIMIT ?4",
    )?;
    let rows = statement.query_map((place.user.user, &place.context, after, count), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What [`in_order`] found.
pub(super) fn item(view: &View<'_>, kind: i64, id: String) -> Result<Item> {
    Ok(match kind {
        0 => Item::Entity(by_id(view, &id)?),
        1 => {
            let mut statement = view.prepare(&format!(
                "SELECT {RELATION_COLUMNS} FROM relation WHERE id = ?1"
            ))?;
            let mut rows = statement.query([&id])?;
            let row = rows
                .next()?
                .ok_or_else(|| Error::not_found("relation", &id))?;
            Item::Relation(read_relation(row)?)
        }
        _ => Item::Line(id),
    })
}

/// Reads a graph in the order of its lines, page by page.
pub fn graph(view: &View<'_>, query: &GraphRead) -> Result<GraphPage> {
    let place = Place::find(view, query.user_id, query.context.as_deref())?;
    let limit = page::limit(query.limit)?;
    let list = format!("graph {:?}", place.key());
    let [after] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or([0]);
    let found = in_order(view, &place, after, limit + 1)?;
    let more = found.len() > limit;
    let mut page = GraphPage {
        entities: Vec::new(),
        relations: Vec::new(),
        next_cursor: None,
    };
    let mut bytes = 0;
    let count = found.len().min(limit);
    for (index, (position, kind, id)) in found.into_iter().take(limit).enumerate() {
        match item(view, kind, id)? {
            Item::Entity(entity) => {
                bytes += entity.metadata.get().len();
                bytes += entity.observations.iter().map(String::len).sum::<usize>();
                page.entities.push(entity);
            }
            Item::Relation(relation) => {
                bytes += relation.metadata.get().len();
                page.relations.push(relation);
            }
            Item::Line(_) => {}
        }
        let at_end = index + 1 == count;
        if (at_end && more) || (!at_end && bytes > PAGE_BYTES) {
            page.next_cursor = Some(Cursor::encode(&list, &[position]));
            break;
        }
    }
    Ok(page)
}

/// Deletes a whole graph: entities, relations and every other line. What happened in its charts is forgotten too.
pub fn clear(tx: &Tx<'_>, query: &super::lines::GraphRef) -> Result<()> {
    let place = Place::find(tx, query.user_id, query.context.as_deref())?;
    for table in ["relation", "entity", "chart_line"] {
        tx.execute(
            &format!("DELETE FROM {table} WHERE user = ?1 AND context = ?2"),
            place.key(),
        )?;
    }
    super::forget(tx, place.user, &place.context)
}

/// How a line is written where that is not the usual way, of an entity or a relation.
pub(super) fn shape(view: &View<'_>, table: &str, id: &str) -> Result<Option<String>> {
    let mut statement = view.prepare(&format!("SELECT shape FROM {table} WHERE id = ?1"))?;
    Ok(statement
        .query_row([id], |row| row.get(0))
        .optional()?
        .flatten())
}

/// The position of an entity or a relation.
pub(super) fn position(view: &View<'_>, table: &str, id: &str) -> Result<i64> {
    let mut statement = view.prepare(&format!("SELECT position FROM {table} WHERE id = ?1"))?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_prefix_or_has_stars() {
        for (pattern, name, expected) in [
            ("", "anything", true),
            ("chart_1", "chart_12", true),
            ("chart_1", "my chart_1", false),
            ("*", "", true),
            ("chart_*_chart", "chart_7_chart", true),
            ("chart_*_chart", "chart_chart", false),
            ("chart_*_chart", "chart_7_chart_", false),
            ("*_action_*", "chart_1_action_2", true),
            ("a*b*b", "ab", false),
            ("a*b*b", "a-b-b", true),
            ("[?", "[?%_", true),
            ("*é", "café", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(name),
                expected,
                "{pattern} {name}"
            );
        }
    }
}

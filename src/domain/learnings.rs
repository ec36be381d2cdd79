//! Learnings: what was understood from conversations and work, how sure it is, and where it comes from.

use rusqlite::OptionalExtension as _;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use super::listing::{MAX_LOOKS, id_of, numbers_of, parse_id};
use super::page::{self, Cursor, Order, Page};
use super::users::exists;
use super::{
    Metadata, Named, check_label, check_version, contexts, from_json, lower, owner, text, to_json,
};
use crate::error::{Code, Error, Result};
use crate::id::{MessageId, UserId};
use crate::store::{Tx, View};

/// The longest text, in bytes.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// The most tags of one learning, and the most sources.
const MAX_NAMES: usize = 100;

/// What a learning comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A message.
    Message,
    /// A construct.
    Construct,
    /// A session of a construct.
    Session,
    /// Anything else that the app can name.
    Other,
}

impl SourceKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Construct => "construct",
            Self::Session => "session",
            Self::Other => "other",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        match name {
            "message" => Ok(Self::Message),
            "construct" => Ok(Self::Construct),
            "session" => Ok(Self::Session),
            "other" => Ok(Self::Other),
            _ => Err(Error::corrupt("a stored source's kind is unknown")),
        }
    }
}

/// Where a learning comes from: a name, kept when what it names is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LearningSource {
    /// What it is.
    pub kind: SourceKind,
    /// Its id.
    pub id: String,
}

/// A learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Learning {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The context it is in.
    pub context: String,
    /// What was learned.
    pub text: String,
    /// Its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// Where it comes from, sorted.
    pub sources: Vec<LearningSource>,
    /// The app's own fields.
    pub metadata: Metadata,
    /// Grows by one with every update.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// What is done when the same is learned again: in the same context, and alike but for case, white space and the
/// punctuation around it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum OnDuplicate {
    /// It is refused, with `conflict`.
    #[default]
    Refuse,
    /// The one that is there gets the greater confidence and all tags and sources; what else it is stays.
    Merge,
    /// Both are kept.
    Keep,
}

/// What a new learning is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLearning {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// What was learned; at most 64 KiB.
    pub text: String,
    /// Its category; none by default.
    pub category: Option<String>,
    /// Its tags, at most 100; white space around them is taken off.
    pub tags: Option<Vec<String>>,
    /// How sure it is, from 0 to 1; 1 by default.
    pub confidence: Option<f64>,
    /// Where it comes from, at most 100. A message is one of the same user's.
    pub sources: Option<Vec<LearningSource>>,
    /// The context it goes to; by default that of the first message it comes from, else what is configured for the user or
    /// the app, else `default`.
    pub context: Option<String>,
    /// The app's own fields; none by default.
    pub metadata: Option<Metadata>,
    /// What is done when it is known already; it is refused by default.
    pub on_duplicate: Option<OnDuplicate>,
}

/// Names one learning.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LearningRef {
    /// The learning.
    pub id: String,
}

/// Changes to a learning; what is absent stays. A changed text is not compared with others.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LearningUpdate {
    /// The learning.
    pub id: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// A new text.
    pub text: Option<String>,
    /// A new category; an empty one takes it away.
    pub category: Option<String>,
    /// New tags, replacing all of the old.
    pub tags: Option<Vec<String>>,
    /// How sure it is now.
    pub confidence: Option<f64>,
    /// New sources, replacing all of the old.
    pub sources: Option<Vec<LearningSource>>,
    /// Another context to move it to.
    pub context: Option<String>,
    /// New fields, replacing all of the old.
    pub metadata: Option<Metadata>,
}

/// Whether one tag is enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum TagMatch {
    /// One of them.
    #[default]
    Any,
    /// Every one of them.
    All,
}

/// What learnings are ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum LearningOrder {
    /// When they last changed.
    #[default]
    Updated,
    /// When they were created.
    Created,
    /// How sure they are; the surest count as the newest.
    Confidence,
}

impl LearningOrder {
    const fn column(self) -> &'static str {
        match self {
            Self::Updated => "updated_at",
            Self::Created => "created_at",
            Self::Confidence => "confidence",
        }
    }
}

/// Which learnings to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LearningList {
    /// The user whose learnings to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those in one of these contexts.
    pub contexts: Option<Vec<String>>,
    /// Only those of this category.
    pub category: Option<String>,
    /// Only those with these tags, at most 100.
    pub tags: Option<Vec<String>>,
    /// Whether one of the tags is enough, which it is by default.
    pub tag_match: Option<TagMatch>,
    /// Only those at least as sure as this.
    pub min_confidence: Option<f64>,
    /// Only those that come from this.
    pub source: Option<LearningSource>,
    /// Only those whose text holds this, whatever its case. A page looks at 10,000 learnings at most: it may hold fewer
    /// than its limit, or none, and still name a next one.
    pub text: Option<String>,
    /// Only those created at or after this, in milliseconds since 1970-01-01 UTC.
    pub created_since: Option<i64>,
    /// Only those created before this, in milliseconds since 1970-01-01 UTC.
    pub created_until: Option<i64>,
    /// Only those last changed at or after this, in milliseconds since 1970-01-01 UTC.
    pub updated_since: Option<i64>,
    /// Only those last changed before this, in milliseconds since 1970-01-01 UTC.
    pub updated_until: Option<i64>,
    /// What to order by: the last change by default.
    pub by: Option<LearningOrder>,
    /// Newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

const COLUMNS: &str = "learning, user, context, text, category, confidence, metadata, version, created_at, updated_at";

const LEARNING: Named = Named {
    what: "learning",
    table: "learning",
    key: "learning",
    columns: COLUMNS,
};

fn read(view: &View<'_>, row: &rusqlite::Row<'_>) -> Result<Learning> {
    let id: String = row.get(0)?;
    Ok(Learning {
        tags: tags(view, &id)?,
        sources: sources(view, &id)?,
        id,
        user_id: UserId { user: row.get(1)? },
        context: row.get(2)?,
        text: row.get(3)?,
        category: row.get(4)?,
        confidence: row.get(5)?,
        metadata: from_json("metadata", text(row, 6)?)?,
        version: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}

fn tags(view: &View<'_>, id: &str) -> Result<Vec<String>> {
    let mut statement =
        view.prepare("SELECT tag FROM learning_tag WHERE learning = ?1 ORDER BY tag")?;
    let tags = statement.query_map([id], |row| row.get(0))?;
    Ok(tags.collect::<rusqlite::Result<_>>()?)
}

fn sources(view: &View<'_>, id: &str) -> Result<Vec<LearningSource>> {
    let mut statement = view.prepare(
        "SELECT kind, source FROM learning_source WHERE learning = ?1 ORDER BY kind, source",
    )?;
    let mut rows = statement.query([id])?;
    let mut sources = Vec::new();
    while let Some(row) = rows.next()? {
        sources.push(LearningSource {
            kind: SourceKind::parse(text(row, 0)?)?,
            id: row.get(1)?,
        });
    }
    Ok(sources)
}

/// Keeps a learning, or does what `onDuplicate` says when it is known already.
///
/// # Errors
/// `conflict` naming the learning that says the same.
pub fn create(tx: &Tx<'_>, new: &NewLearning) -> Result<Learning> {
    let user = owner(tx, new.user_id)?;
    if !exists(tx, user)? {
        return Err(Error::not_found("user", user));
    }
    check_text(&new.text)?;
    let category = category(new.category.as_deref())?;
    let confidence = checked_confidence(new.confidence.unwrap_or(1.0))?;
    let sources = new.sources.as_deref().unwrap_or_default();
    check_sources(user, sources)?;
    let inherited = inherited_context(tx, sources)?;
    let context = contexts::route(tx, user, new.context.as_deref(), inherited.as_deref())?;
    let likeness = likeness(&new.text);
    let on_duplicate = new.on_duplicate.unwrap_or_default();
    if on_duplicate != OnDuplicate::Keep
        && let Some(known) = duplicate(tx, user, &context, &likeness)?
    {
        return match on_duplicate {
            OnDuplicate::Merge => merge(tx, &known, new, confidence),
            _ => Err(Error::new(
                Code::Conflict,
                format!("learning {known} says the same"),
            )),
        };
    }
    let metadata = to_json("the metadata", &new.metadata.clone().unwrap_or_default())?;
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO learning
           (learning, user, context, text, category, confidence, likeness, metadata, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?9)",
        (&id, user.user, context, &new.text, category, confidence, likeness, metadata, tx.now_ms()),
    )?;
    put_tags(tx, user, &id, new.tags.as_deref().unwrap_or_default())?;
    put_sources(tx, user, &id, sources)?;
    get(tx, &id)
}

/// The oldest learning in a context that says the same.
fn duplicate(
    view: &View<'_>,
    user: UserId,
    context: &str,
    likeness: &str,
) -> Result<Option<String>> {
    let mut statement = view.prepare(
        "SELECT learning FROM learning WHERE user = ?1 AND likeness = ?2 AND context = ?3 ORDER BY learning LIMIT 1",
    )?;
    let found = statement.query_row((user.user, likeness, context), |row| row.get(0));
    Ok(found.optional()?)
}

/// Adds to a learning what was said when it was learned again.
fn merge(tx: &Tx<'_>, id: &str, new: &NewLearning, confidence: f64) -> Result<Learning> {
    let known = get(tx, id)?;
    let user = known.user_id;
    let added = put_tags(tx, user, id, new.tags.as_deref().unwrap_or_default())?
        + put_sources(tx, user, id, new.sources.as_deref().unwrap_or_default())?;
    if added == 0 && confidence <= known.confidence {
        return Ok(known);
    }
    tx.execute(
        "UPDATE learning SET confidence = max(confidence, ?2), version = version + 1, updated_at = ?3 WHERE learning = ?1",
        (id, confidence, tx.now_ms()),
    )?;
    get(tx, id)
}

/// Reads a learning.
pub fn get(view: &View<'_>, id: &str) -> Result<Learning> {
    LEARNING.get(view, id, |row| read(view, row))
}

/// Changes a learning.
pub fn update(tx: &Tx<'_>, change: &LearningUpdate) -> Result<Learning> {
    let current = get(tx, &change.id)?;
    check_version("learning", change.version, current.version)?;
    let (id, user) = (&current.id, current.user_id);
    let text = change.text.as_ref().unwrap_or(&current.text);
    check_text(text)?;
    let named = change.category.as_ref().or(current.category.as_ref());
    let category = category(named.map(String::as_str))?;
    let confidence = checked_confidence(change.confidence.unwrap_or(current.confidence))?;
    let context = contexts::route(tx, user, change.context.as_deref(), Some(&current.context))?;
    let metadata = change.metadata.as_ref().unwrap_or(&current.metadata);
    let metadata = to_json("the metadata", metadata)?;
    if let Some(tags) = &change.tags {
        tx.execute("DELETE FROM learning_tag WHERE learning = ?1", [id])?;
        put_tags(tx, user, id, tags)?;
    }
    if let Some(sources) = &change.sources {
        check_sources(user, sources)?;
        tx.execute("DELETE FROM learning_source WHERE learning = ?1", [id])?;
        put_sources(tx, user, id, sources)?;
    }
    tx.execute(
        "UPDATE learning SET text = ?2, category = ?3, confidence = ?4, likeness = ?5, context = ?6, metadata = ?7,
           version = version + 1, updated_at = ?8
         WHERE learning = ?1",
        (id, text, category, confidence, likeness(text), context, metadata, tx.now_ms()),
    )?;
    get(tx, id)
}

/// Deletes a learning with its tags and sources.
pub fn delete(tx: &Tx<'_>, id: &str) -> Result<()> {
    let deleted = tx.execute(
        "DELETE FROM learning WHERE learning = ?1 AND (?2 IS NULL OR user = ?2)",
        (id, tx.scope().map(|scope| scope.user)),
    )?;
    match deleted {
        0 => Err(Error::not_found("learning", id)),
        _ => Ok(()),
    }
}

/// Lists a user's learnings, last changed first unless asked otherwise.
pub fn list(view: &View<'_>, query: &LearningList) -> Result<Page<Learning>> {
    let owner = owner(view, query.user_id)?;
    let limit = page::limit(query.limit)?;
    let min_confidence = query.min_confidence.map(checked_confidence).transpose()?;
    let tags = query.tags.as_deref().map(checked_tags).transpose()?;
    if tags.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::invalid("no tag is named"));
    }
    let matching = match query.tag_match.unwrap_or_default() {
        TagMatch::Any => 1,
        TagMatch::All => tags.as_ref().map_or(1, Vec::len),
    };
    let by = query.by.unwrap_or_default();
    let order = query.order.unwrap_or_default();
    let list = format!(
        "learnings {owner} {by:?} {order:?} {tags:?} {matching} {:?} {}",
        min_confidence.map(f64::to_bits),
        filters_named(query)
    );
    let (direction, beyond, start) = match order {
        Order::Newest => ("DESC", "<", (Value::Integer(i64::MAX), "~".to_owned())),
        Order::Oldest => ("ASC", ">", (Value::Integer(i64::MIN), String::new())),
    };
    let (after, after_id) = match Cursor::decode(&list, query.cursor.as_deref())? {
        Some(place) => from_place(by, place),
        None => start,
    };
    let (in_contexts, contexts) = contexts::filter(query.contexts.as_deref(), "?4");
    let (column, conditions) = (by.column(), conditions(query, by, matching));
    let needle = query.text.as_deref().map(lower);
    let looks = needle.as_ref().map_or(limit, |_| MAX_LOOKS);
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM learning
         WHERE user = ?1 AND ({column}, learning) {beyond} (?2, ?3) AND {in_contexts} {conditions}
         ORDER BY {column} {direction}, learning {direction} LIMIT ?15"
    ))?;
    let mut rows = statement.query(rusqlite::params![
        owner.user,
        after,
        after_id,
        contexts,
        query.category,
        min_confidence,
        tags.map(|tags| to_json("the tags", &tags)).transpose()?,
        matching,
        query.source.as_ref().map(|source| source.kind.as_str()),
        query.source.as_ref().map(|source| &source.id),
        query.created_since,
        query.created_until,
        query.updated_since,
        query.updated_until,
        looks + 1,
    ])?;
    let mut items = Vec::new();
    let mut looked = 0;
    let mut place = None;
    while let Some(row) = rows.next()? {
        if items.len() == limit || looked == looks {
            let next_cursor = place.map(|place: [i64; 3]| Cursor::encode(&list, &place));
            return Ok(Page { items, next_cursor });
        }
        looked += 1;
        place = Some(to_place(by, row)?);
        let is_wanted = match &needle {
            Some(needle) => lower(text(row, 3)?).contains(needle),
            None => true,
        };
        if is_wanted {
            items.push(read(view, row)?);
        }
    }
    Ok(Page {
        items,
        next_cursor: None,
    })
}

/// The filters of a list that are taken as they were given.
fn filters_named(query: &LearningList) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        query.contexts,
        query.category,
        query.source,
        query.text,
        query.created_since,
        query.created_until,
        query.updated_since,
        query.updated_until,
    )
}

/// The conditions that a list's filters stand for, each with a parameter of its own.
fn conditions(query: &LearningList, by: LearningOrder, matching: usize) -> String {
    let tagged = match matching {
        1 => "",
        _ => "GROUP BY learning HAVING count(*) >= ?8",
    };
    let mut conditions = String::new();
    for (is_asked, condition) in [
        (query.category.is_some(), "category = ?5"),
        (
            query.tags.is_some(),
            &format!(
                "learning IN (SELECT learning FROM learning_tag
                   WHERE user = ?1 AND tag IN (SELECT value FROM json_each(?7)) {tagged})"
            ),
        ),
        (
            query.source.is_some(),
            "learning IN (SELECT learning FROM learning_source WHERE user = ?1 AND kind = ?9 AND source = ?10)",
        ),
    ] {
        if is_asked {
            conditions.extend(["AND ", condition, " "]);
        }
    }
    for (is_asked, column, bound) in [
        (
            query.min_confidence.is_some(),
            LearningOrder::Confidence,
            ">= ?6",
        ),
        (
            query.created_since.is_some(),
            LearningOrder::Created,
            ">= ?11",
        ),
        (
            query.created_until.is_some(),
            LearningOrder::Created,
            "< ?12",
        ),
        (
            query.updated_since.is_some(),
            LearningOrder::Updated,
            ">= ?13",
        ),
        (
            query.updated_until.is_some(),
            LearningOrder::Updated,
            "< ?14",
        ),
    ] {
        if is_asked {
            // An index of another column would have to be sorted.
            let sign = if column == by { "" } else { "+" };
            conditions.extend(["AND ", sign, column.column(), " ", bound, " "]);
        }
    }
    conditions
}

/// The place of a row in its list, in numbers: the value it is ordered by, and its id.
fn to_place(by: LearningOrder, row: &rusqlite::Row<'_>) -> Result<[i64; 3]> {
    let value = match by {
        LearningOrder::Updated => row.get(9)?,
        LearningOrder::Created => row.get(8)?,
        LearningOrder::Confidence => row.get::<_, f64>(5)?.to_bits().cast_signed(),
    };
    let [high, low] = numbers_of(parse_id(text(row, 0)?)?);
    Ok([value, high, low])
}

fn from_place(by: LearningOrder, [value, high, low]: [i64; 3]) -> (Value, String) {
    let value = match by {
        LearningOrder::Confidence => Value::Real(f64::from_bits(value.cast_unsigned())),
        LearningOrder::Updated | LearningOrder::Created => Value::Integer(value),
    };
    (value, id_of([high, low]).to_string())
}

fn check_text(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid("a learning needs a text"));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::invalid(format!(
            "a learning's text is longer than {MAX_TEXT_BYTES} bytes"
        )));
    }
    Ok(())
}

/// The category that was named, without the white space around it; none if that is all.
fn category(named: Option<&str>) -> Result<Option<&str>> {
    let category = named.map(str::trim).filter(|name| !name.is_empty());
    check_label("the category", category.unwrap_or_default())?;
    Ok(category)
}

fn checked_confidence(confidence: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&confidence) {
        // Nothing below is left of zero, which has two signs otherwise.
        Ok(confidence.abs())
    } else {
        Err(Error::invalid("a confidence is a number from 0 to 1"))
    }
}

/// Tags as they are kept: without the white space around them, each once.
fn checked_tags(tags: &[String]) -> Result<Vec<&str>> {
    check_at_most("tags", tags.len())?;
    let mut checked = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = tag.trim();
        if tag.is_empty() {
            return Err(Error::invalid("a tag needs a name"));
        }
        check_label("a tag", tag)?;
        if !checked.contains(&tag) {
            checked.push(tag);
        }
    }
    Ok(checked)
}

/// Adds tags to a learning and says how many are new.
fn put_tags(tx: &Tx<'_>, user: UserId, id: &str, tags: &[String]) -> Result<usize> {
    let mut added = 0;
    for tag in checked_tags(tags)? {
        added += tx.execute(
            "INSERT INTO learning_tag (learning, tag, user) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            (id, tag, user.user),
        )?;
    }
    check_count(tx, "tags", "learning_tag", id)?;
    Ok(added)
}

fn check_sources(user: UserId, sources: &[LearningSource]) -> Result<()> {
    for source in sources {
        if source.id.is_empty() {
            return Err(Error::invalid("a source needs an id"));
        }
        check_label("a source's id", &source.id)?;
        if source.kind == SourceKind::Message {
            let message: MessageId = source.id.parse()?;
            if message.user != user.user {
                return Err(Error::not_found("message", message));
            }
        }
    }
    Ok(())
}

/// Adds sources to a learning and says how many are new.
fn put_sources(tx: &Tx<'_>, user: UserId, id: &str, sources: &[LearningSource]) -> Result<usize> {
    let mut added = 0;
    for source in sources {
        added += tx.execute(
            "INSERT INTO learning_source (learning, kind, source, user) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            (id, source.kind.as_str(), &source.id, user.user),
        )?;
    }
    check_count(tx, "sources", "learning_source", id)?;
    Ok(added)
}

fn check_count(view: &View<'_>, what: &str, table: &str, id: &str) -> Result<()> {
    let count = view
        .prepare(&format!("SELECT count(*) FROM {table} WHERE learning = ?1"))?
        .query_row([id], |row| row.get(0))?;
    check_at_most(what, count)
}

fn check_at_most(what: &str, count: usize) -> Result<()> {
    if count > MAX_NAMES {
        return Err(Error::invalid(format!(
            "a learning has at most {MAX_NAMES} {what}"
        )));
    }
    Ok(())
}

/// The context of the first message that a learning comes from, if its conversation is still there.
fn inherited_context(view: &View<'_>, sources: &[LearningSource]) -> Result<Option<String>> {
    let first = sources
        .iter()
        .find(|source| source.kind == SourceKind::Message);
    let Some(first) = first else {
        return Ok(None);
    };
    let message: MessageId = first.id.parse()?;
    let mut statement =
        view.prepare("SELECT context FROM conversation WHERE user = ?1 AND conversation = ?2")?;
    let context = statement.query_row((message.user, message.conversation), |row| row.get(0));
    Ok(context.optional()?)
}

/// What ends or surrounds a sentence and says nothing.
const PUNCTUATION: &str = " .,;:!?…\"'“”‘’„«»()[]{}–—。、，．；：！？「」『』（）【】¿¡؟،؛۔";

/// What duplicates have in common: the hash of the text in lower case, its white space collapsed, without the
/// punctuation around it.
fn likeness(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(&lower(word));
    }
    let bare = plain.trim_matches(|character| PUNCTUATION.contains(character));
    let told = if bare.is_empty() { &plain } else { bare };
    blake3::hash(told.as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_alike_but_for_case_white_space_and_punctuation_around_them() {
        let alike = likeness("Use an index for foreign keys");
        for same in [
            "  use an  index\n\tfor FOREIGN keys. ",
            "“Use an index for foreign keys!”",
            "(use an index for foreign keys)…",
        ] {
            assert_eq!(likeness(same), alike, "{same}");
        }
        for other in [
            "Use an index for foreign key",
            "Use an index, for foreign keys",
        ] {
            assert_ne!(likeness(other), alike, "{other}");
        }
        assert_eq!(likeness("ÄRGER、是。"), likeness("ärger、是"));
        assert_ne!(likeness("C++"), likeness("C#"));
        assert_ne!(likeness("!"), likeness("?"));
        assert_ne!(likeness("👍"), likeness("👎"));
    }

    #[test]
    fn a_place_in_a_list_says_exactly_where() {
        for confidence in [0.0, 0.1 + 0.2, f64::MIN_POSITIVE, 1.0] {
            let place = [confidence.to_bits().cast_signed(), -1, i64::MAX];
            let (value, id) = from_place(LearningOrder::Confidence, place);
            assert_eq!(value, Value::Real(confidence));
            assert_eq!(id, "ffffffff-ffff-ffff-7fff-ffffffffffff");
        }
    }
}

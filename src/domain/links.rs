//! Links between constructs: which one implements, follows or duplicates which.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::constructs::{self, Construct, get_in_use};
use super::listing::{Asked, Listing, id_of, numbers_of, parse_id};
use super::page::{self, Cursor, Order, Page};
use super::{Metadata, Named, check_name, check_version, from_json, owner, text, to_json};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// The most constructs that a walk comes by.
const MAX_WALKED: usize = 100_000;

/// A link from one construct to another of the same user. Each pair is linked once in a direction and kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ConstructLink {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The construct it leads from.
    pub from: String,
    /// The construct it leads to.
    pub to: String,
    /// What it says: `implements`, `follows`, `duplicates`, `relates`, or a name of the app's own.
    pub kind: String,
    /// The app's own fields.
    pub metadata: Metadata,
    /// Grows by one with every update.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// What a new link is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewConstructLink {
    /// The construct it leads from.
    pub from: String,
    /// The construct it leads to: another one, of the same user.
    pub to: String,
    /// What it says: `implements`, `follows`, `duplicates`, `relates`, or a name of the app's own.
    pub kind: String,
    /// The app's own fields; none by default.
    pub metadata: Option<Metadata>,
}

/// Names one link.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConstructLinkRef {
    /// The link.
    pub id: String,
}

/// Changes to a link.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConstructLinkUpdate {
    /// The link.
    pub id: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// New fields, replacing all of the old.
    pub metadata: Metadata,
}

/// Which way links are looked at from a construct.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum LinkDirection {
    /// Those that lead from it.
    #[default]
    Out,
    /// Those that lead to it.
    In,
    /// Either.
    Both,
}

/// Which links to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConstructLinkList {
    /// The user whose links to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those that lead from this construct.
    pub from: Option<String>,
    /// Only those that lead to this construct.
    pub to: Option<String>,
    /// Only those of one of these kinds.
    pub kinds: Option<Vec<String>>,
    /// By when they were created; newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Walks from a construct along its links.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinkWalk {
    /// The construct to begin at.
    pub id: String,
    /// Which way to go at each construct; `out` by default.
    pub direction: Option<LinkDirection>,
    /// Only along links of these kinds.
    pub kinds: Option<Vec<String>>,
    /// How many links away at most, from 1; as far as they lead by default.
    pub depth: Option<i64>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A construct that a walk came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// The construct.
    pub construct: Construct,
    /// How many links it is away, by the shortest way.
    pub distance: i64,
    /// The last link of that way; the oldest where there are several.
    pub link: ConstructLink,
}

const COLUMNS: &str = "link, user, source, target, kind, metadata, version, created_at, updated_at";

const LINK: Named = Named {
    what: "link",
    table: "construct_link",
    key: "link",
    columns: COLUMNS,
};

fn read(row: &rusqlite::Row<'_>) -> Result<ConstructLink> {
    Ok(ConstructLink {
        id: row.get(0)?,
        user_id: UserId { user: row.get(1)? },
        from: row.get(2)?,
        to: row.get(3)?,
        kind: row.get(4)?,
        metadata: from_json("metadata", text(row, 5)?)?,
        version: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}

/// Links a construct to another.
///
/// # Errors
/// `conflict` when they are linked in this direction and kind already, or when one of them is removed.
pub fn create(tx: &Tx<'_>, new: &NewConstructLink) -> Result<ConstructLink> {
    let source = get_in_use(tx, &new.from)?;
    let target = get_in_use(tx, &new.to)?;
    if source.user_id != target.user_id {
        return Err(Error::invalid(
            "constructs of different users are not linked",
        ));
    }
    if source.id == target.id {
        return Err(Error::invalid("a construct is not linked to itself"));
    }
    check_name("a kind", &new.kind)?;
    let metadata = to_json("the metadata", &new.metadata.clone().unwrap_or_default())?;
    let is_there = tx
        .prepare("SELECT 1 FROM construct_link WHERE source = ?1 AND target = ?2 AND kind = ?3")?
        .exists((&source.id, &target.id, &new.kind))?;
    if is_there {
        return Err(Error::new(
            Code::Conflict,
            format!(
                "construct {} is linked to {} like this already",
                source.id, target.id
            ),
        ));
    }
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO construct_link (link, user, source, target, kind, metadata, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)",
        (&id, source.user_id.user, &source.id, &target.id, &new.kind, metadata, tx.now_ms()),
    )?;
    get(tx, &id)
}

/// Reads a link.
pub fn get(view: &View<'_>, id: &str) -> Result<ConstructLink> {
    LINK.get(view, id, read)
}

/// Lists a user's links by when they were created, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &ConstructLinkList) -> Result<Page<ConstructLink>> {
    let asked = Asked {
        order: query.order,
        limit: query.limit,
        cursor: query.cursor.as_deref(),
    };
    listing(view, query)?.page(view, &asked, |row| read(row).map(Some))
}

fn listing(view: &View<'_>, query: &ConstructLinkList) -> Result<Listing> {
    let user = owner(view, query.user_id)?;
    let mut list = Listing::of(
        "construct_link",
        COLUMNS,
        "created_at",
        "construct_link_by_creation",
        user,
    );
    list.lead("construct_link_by_source", "source", query.from.as_deref());
    list.lead("construct_link_by_target", "target", query.to.as_deref());
    let any = query.kinds.as_deref();
    list.one_of("construct_link_by_creation", "kind", any);
    Ok(list)
}

/// Changes what the app keeps with a link.
pub fn update(tx: &Tx<'_>, change: &ConstructLinkUpdate) -> Result<ConstructLink> {
    let current = get(tx, &change.id)?;
    check_version("link", change.version, current.version)?;
    let metadata = to_json("the metadata", &change.metadata)?;
    tx.execute(
        "UPDATE construct_link SET metadata = ?2, version = version + 1, updated_at = ?3 WHERE link = ?1",
        (&change.id, metadata, tx.now_ms()),
    )?;
    get(tx, &change.id)
}

/// Takes a link away. The constructs stay.
pub fn delete(tx: &Tx<'_>, id: &str) -> Result<()> {
    get(tx, id)?;
    tx.execute("DELETE FROM construct_link WHERE link = ?1", [id])?;
    Ok(())
}

/// A step of a walk: the construct it came to, and the link it took.
type Step = (Uuid, Uuid);

/// Gives the constructs that can be reached from one, the nearest first and then by id. None comes twice, however the links
/// run. Removed constructs are left out, and nothing is reached through them.
///
/// # Errors
/// `invalid_argument` when more than 100,000 constructs lie on the way to the page.
pub fn walk(view: &View<'_>, query: &LinkWalk) -> Result<Page<Reached>> {
    let start = constructs::get(view, &query.id)?;
    let limit = page::limit(query.limit)?;
    let depth = query.depth.unwrap_or(i64::MAX);
    if depth < 1 {
        return Err(Error::invalid("a depth is at least 1"));
    }
    let direction = query.direction.unwrap_or_default();
    let list = format!("walk {} {direction:?} {:?} {depth}", start.id, query.kinds);
    let cursor = Cursor::decode(&list, query.cursor.as_deref())?;
    let after = cursor.map(|[distance, high, low]| (distance, id_of([high, low])));
    let kinds = query.kinds.as_ref();
    let kinds = kinds.map(|kinds| to_json("the kinds", kinds)).transpose()?;

    let first = parse_id(&start.id)?;
    let mut seen = vec![first];
    let mut edge = vec![first];
    let mut found: Vec<(i64, Step)> = Vec::new();
    let mut distance = 0;
    while distance < depth && !edge.is_empty() && found.len() <= limit {
        distance += 1;
        let level = next_level(view, &edge, direction, kinds.as_deref(), &mut seen)?;
        edge = level.iter().map(|step| step.0).collect();
        let wanted = level
            .into_iter()
            .map(|step| (distance, step))
            .filter(|(distance, step)| after.is_none_or(|after| (*distance, step.0) > after));
        found.extend(wanted.take(limit + 1 - found.len()));
    }
    let page = page::cut(found, limit, |(distance, step)| {
        let [high, low] = numbers_of(step.0);
        Cursor::encode(&list, &[*distance, high, low])
    });
    let items = page.items.into_iter().map(|(distance, (construct, link))| {
        Ok(Reached {
            construct: constructs::get(view, &construct.to_string())?,
            distance,
            link: get(view, &link.to_string())?,
        })
    });
    Ok(Page {
        items: items.collect::<Result<_>>()?,
        next_cursor: page.next_cursor,
    })
}

/// The constructs one link further that were not seen before, by id.
fn next_level(
    view: &View<'_>,
    edge: &[Uuid],
    direction: LinkDirection,
    kinds: Option<&str>,
    seen: &mut Vec<Uuid>,
) -> Result<Vec<Step>> {
    let mut level = Vec::new();
    for construct in edge {
        let id = construct.to_string();
        if direction != LinkDirection::In {
            steps(view, "source", "target", &id, kinds, &mut level)?;
        }
        if direction != LinkDirection::Out {
            steps(view, "target", "source", &id, kinds, &mut level)?;
        }
    }
    level.sort_unstable();
    level.dedup_by_key(|step| step.0);
    level.retain(|step| seen.binary_search(&step.0).is_err());
    seen.extend(level.iter().map(|step| step.0));
    seen.sort_unstable();
    if seen.len() > MAX_WALKED {
        return Err(Error::invalid(format!(
            "more than {MAX_WALKED} constructs lie on the way; limit the depth"
        )));
    }
    Ok(level)
}

/// The steps from one construct, by links whose end `here` it is.
fn steps(
    view: &View<'_>,
    here: &str,
    there: &str,
    id: &str,
    kinds: Option<&str>,
    steps: &mut Vec<Step>,
) -> Result<()> {
    let mut statement = view.prepare(&steps_sql(here, there))?;
    let mut rows = statement.query((id, kinds))?;
    while let Some(row) = rows.next()? {
        steps.push((parse_id(text(row, 0)?)?, parse_id(text(row, 1)?)?));
    }
    Ok(())
}

pub(super) fn steps_sql(here: &str, there: &str) -> String {
    format!(
        "SELECT c.construct, l.link FROM construct_link AS l CROSS JOIN construct AS c ON c.construct = l.{there}
         WHERE l.{here} = ?1 AND c.deleted_at IS NULL
           AND (?2 IS NULL OR l.kind IN (SELECT value FROM json_each(?2)))"
    )
}

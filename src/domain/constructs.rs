//! Constructs: what agents work on and in, from its provisioning to its end.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::json::Fields;
use super::listing::{Asked, Listing};
use super::page::{Order, Page};
use super::users::exists;
use super::{
    Json, Metadata, Named, check_label, check_name, check_version, contexts, from_json, lower,
    owner, text, timeline, to_json,
};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// The kind of the timeline's events that tell of a construct's status: `{ from, to, reason? }`.
pub const STATUS_EVENT: &str = "construct.status";

/// How far a construct is provisioned.
///
/// | from | to |
/// |---|---|
/// | `pending` | `provisioning`, `retired` |
/// | `provisioning` | `ready`, `failed`, `retired` |
/// | `ready` | `suspended`, `retired` |
/// | `failed` | `provisioning`, `retired` |
/// | `suspended` | `ready`, `retired` |
/// | `retired` | – |
///
/// Every other change is a `conflict`; a change to the status it has already changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ConstructStatus {
    /// It was created, and nothing more.
    Pending,
    /// It is being made ready.
    Provisioning,
    /// It can be worked in.
    Ready,
    /// It could not be made ready.
    Failed,
    /// It rests.
    Suspended,
    /// It is at its end.
    Retired,
}

impl ConstructStatus {
    const ALL: [Self; 6] = [
        Self::Pending,
        Self::Provisioning,
        Self::Ready,
        Self::Failed,
        Self::Suspended,
        Self::Retired,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Suspended => "suspended",
            Self::Retired => "retired",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        let status = Self::ALL.into_iter().find(|status| status.as_str() == name);
        status.ok_or_else(|| Error::corrupt("a stored construct's status is unknown"))
    }

    const fn may_become(self, next: Self) -> bool {
        match next {
            Self::Pending => false,
            Self::Provisioning => matches!(self, Self::Pending | Self::Failed),
            Self::Ready => matches!(self, Self::Provisioning | Self::Suspended),
            Self::Failed => matches!(self, Self::Provisioning),
            Self::Suspended => matches!(self, Self::Ready),
            Self::Retired => !matches!(self, Self::Retired),
        }
    }
}

/// A construct.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Construct {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The context it is in.
    pub context: String,
    /// What sort of construct it is, as the app calls it.
    pub r#type: String,
    /// The name shown to people; may be empty.
    pub name: String,
    /// How far it is provisioned.
    pub status: ConstructStatus,
    /// The app's own fields.
    pub metadata: Metadata,
    /// Grows by one with every change of the construct itself.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
    /// When it was removed, if it was and can still be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<i64>,
}

/// What a new construct is made of. It begins as `pending`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewConstruct {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// What sort of construct it is, as the app calls it.
    pub r#type: String,
    /// The name shown to people; empty by default.
    pub name: Option<String>,
    /// The context it goes to; by default what is configured for the user or the app, else `default`.
    pub context: Option<String>,
    /// The app's own fields; none by default.
    pub metadata: Option<Metadata>,
}

/// Names one construct.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConstructRef {
    /// The construct.
    pub id: String,
}

/// Changes to a construct; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConstructUpdate {
    /// The construct.
    pub id: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// Another sort.
    pub r#type: Option<String>,
    /// A new name.
    pub name: Option<String>,
    /// The context to move it to; the transcripts of its sessions go with it.
    pub context: Option<String>,
    /// New fields, replacing all of the old.
    pub metadata: Option<Metadata>,
}

/// Changes a construct's status.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConstructSetStatus {
    /// The construct.
    pub id: String,
    /// The new status.
    pub status: ConstructStatus,
    /// The version the change was made from, where only one of several may make it; `conflict` when it is no longer the
    /// current one.
    pub version: Option<i64>,
    /// Why, for the timeline.
    pub reason: Option<String>,
}

/// Which of its times a construct is ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ConstructTime {
    /// When it last changed.
    #[default]
    Updated,
    /// When it was created.
    Created,
}

/// Which constructs to list. Filters add up. With `name`, `namePrefix` or `metadata` a page looks at 10,000 constructs at
/// most: it may hold fewer than its limit, or none, and still name a next one.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConstructList {
    /// The user whose constructs to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those in one of these contexts.
    pub contexts: Option<Vec<String>>,
    /// Only those with this status.
    pub status: Option<ConstructStatus>,
    /// Only those of this sort.
    pub r#type: Option<String>,
    /// Only those whose name holds this, whatever its case.
    pub name: Option<String>,
    /// Only those whose name begins with this, whatever its case.
    pub name_prefix: Option<String>,
    /// Only those that have all of these fields with these values. Numbers are equal when they are spelled alike.
    pub metadata: Option<Metadata>,
    /// Instead of those in use, only those that are removed and can be restored.
    pub deleted: Option<bool>,
    /// Only those created at or after this, in milliseconds since 1970-01-01 UTC.
    pub created_since: Option<i64>,
    /// Only those created before this, in milliseconds since 1970-01-01 UTC.
    pub created_until: Option<i64>,
    /// Only those last changed at or after this, in milliseconds since 1970-01-01 UTC.
    pub updated_since: Option<i64>,
    /// Only those last changed before this, in milliseconds since 1970-01-01 UTC.
    pub updated_until: Option<i64>,
    /// The time to order by: of the last change by default.
    pub by: Option<ConstructTime>,
    /// Newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

const COLUMNS: &str = "construct, user, context, type, name, status, metadata, version, created_at, updated_at, deleted_at";

const CONSTRUCT: Named = Named {
    what: "construct",
    table: "construct",
    key: "construct",
    columns: COLUMNS,
};

fn read(row: &rusqlite::Row<'_>) -> Result<Construct> {
    Ok(Construct {
        id: row.get(0)?,
        user_id: UserId { user: row.get(1)? },
        context: row.get(2)?,
        r#type: row.get(3)?,
        name: row.get(4)?,
        status: ConstructStatus::parse(text(row, 5)?)?,
        metadata: from_json("metadata", text(row, 6)?)?,
        version: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        deleted_at: row.get(10)?,
    })
}

/// Creates a construct, which is `pending`.
pub fn create(tx: &Tx<'_>, new: &NewConstruct) -> Result<Construct> {
    let user = owner(tx, new.user_id)?;
    if !exists(tx, user)? {
        return Err(Error::not_found("user", user));
    }
    check_name("a type", &new.r#type)?;
    let name = new.name.as_deref().unwrap_or_default();
    check_label("the name", name)?;
    let metadata = to_json("the metadata", &new.metadata.clone().unwrap_or_default())?;
    let context = contexts::route(tx, user, new.context.as_deref(), None)?;
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO construct (construct, user, context, type, name, status, metadata, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, 1, ?7, ?7)",
        (&id, user.user, context, &new.r#type, name, metadata, tx.now_ms()),
    )?;
    get(tx, &id)
}

/// Reads a construct, removed ones included.
pub fn get(view: &View<'_>, id: &str) -> Result<Construct> {
    CONSTRUCT.get(view, id, read)
}

/// Reads a construct that something is to be added to.
///
/// # Errors
/// `conflict` when it is removed.
pub(super) fn get_in_use(view: &View<'_>, id: &str) -> Result<Construct> {
    let construct = get(view, id)?;
    if construct.deleted_at.is_some() {
        return Err(Error::new(
            Code::Conflict,
            format!("construct {id} is removed; restore it first"),
        ));
    }
    Ok(construct)
}

/// Lists a user's constructs by time, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &ConstructList) -> Result<Page<Construct>> {
    let fields = query.metadata.as_ref();
    let fields = fields
        .map(|fields| Fields::wanted(fields.get()))
        .transpose()?;
    let part = query.name.as_deref().map(lower);
    let prefix = query.name_prefix.as_deref().map(lower);
    let asked = Asked {
        order: query.order,
        limit: query.limit,
        cursor: query.cursor.as_deref(),
    };
    listing(view, query)?.page(view, &asked, |row| {
        if part.is_some() || prefix.is_some() {
            let name = lower(text(row, 4)?);
            let has_part = part.as_ref().is_none_or(|part| name.contains(part));
            let has_prefix = prefix
                .as_ref()
                .is_none_or(|prefix| name.starts_with(prefix));
            if !has_part || !has_prefix {
                return Ok(None);
            }
        }
        match &fields {
            Some(fields) if !fields.are_in(text(row, 6)?)? => Ok(None),
            _ => read(row).map(Some),
        }
    })
}

fn listing(view: &View<'_>, query: &ConstructList) -> Result<Listing> {
    let user = owner(view, query.user_id)?;
    // In the order of creation there is one index for all filters.
    let (by, [index, by_status, by_type, by_context]) = match query.by.unwrap_or_default() {
        ConstructTime::Updated => (
            "updated_at",
            [
                "construct_by_update",
                "construct_by_status",
                "construct_by_type",
                "construct_by_context",
            ],
        ),
        ConstructTime::Created => ("created_at", ["construct_by_creation"; 4]),
    };
    let mut list = Listing::of("construct", COLUMNS, by, index, user);
    let status = query.status.map(ConstructStatus::as_str);
    list.lead(by_status, "status", status);
    list.lead(by_type, "type", query.r#type.as_deref());
    list.one_of(by_context, "context", query.contexts.as_deref());
    list.only(
        "(deleted_at IS NOT NULL) = ?",
        Some(query.deleted.unwrap_or(false).into()),
    );
    list.within("created_at", query.created_since, query.created_until);
    list.within("updated_at", query.updated_since, query.updated_until);
    if query.name.is_some() || query.name_prefix.is_some() || query.metadata.is_some() {
        list.beside(&(&query.name, &query.name_prefix, &query.metadata));
    }
    Ok(list)
}

/// Changes a construct. When it moves to another context, the transcripts of its sessions go with it.
pub fn update(tx: &Tx<'_>, change: &ConstructUpdate) -> Result<Construct> {
    let current = get(tx, &change.id)?;
    check_version("construct", change.version, current.version)?;
    let sort = change.r#type.as_ref().unwrap_or(&current.r#type);
    check_name("a type", sort)?;
    let name = change.name.as_ref().unwrap_or(&current.name);
    check_label("the name", name)?;
    let named = change.context.as_deref();
    let context = contexts::route(tx, current.user_id, named, Some(&current.context))?;
    let metadata = change.metadata.as_ref().unwrap_or(&current.metadata);
    let metadata = to_json("the metadata", metadata)?;
    tx.execute(
        "UPDATE construct SET type = ?2, name = ?3, context = ?4, metadata = ?5, version = version + 1, updated_at = ?6
         WHERE construct = ?1",
        (&change.id, sort, name, &context, metadata, tx.now_ms()),
    )?;
    if context != current.context {
        tx.execute(
            "UPDATE conversation SET context = ?2, version = version + 1
             WHERE session IN (SELECT session FROM session WHERE construct = ?1) AND context <> ?2",
            (&change.id, context),
        )?;
    }
    get(tx, &change.id)
}

/// Changes a construct's status and tells the timeline; one that it has already changes nothing.
///
/// # Errors
/// `conflict` for a change that [`ConstructStatus`] does not allow, and when the construct is removed.
pub fn set_status(tx: &Tx<'_>, change: &ConstructSetStatus) -> Result<Construct> {
    let current = get_in_use(tx, &change.id)?;
    if let Some(seen) = change.version {
        check_version("construct", seen, current.version)?;
    }
    let (from, to) = (current.status, change.status);
    if from == to {
        return Ok(current);
    }
    if !from.may_become(to) {
        return Err(Error::new(
            Code::Conflict,
            format!(
                "a construct that is {} cannot become {}",
                from.as_str(),
                to.as_str()
            ),
        ));
    }
    let mut data = json!({ "from": from.as_str(), "to": to.as_str() });
    if let (Some(reason), Some(data)) = (&change.reason, data.as_object_mut()) {
        check_label("the reason", reason)?;
        data.insert("reason".to_owned(), reason.clone().into());
    }
    tx.execute(
        "UPDATE construct SET status = ?2, version = version + 1, updated_at = ?3 WHERE construct = ?1",
        (&change.id, to.as_str(), tx.now_ms()),
    )?;
    let hook = super::sessions::Hook {
        user: current.user_id,
        construct: Some(current.id),
        session: None,
    };
    timeline::note(tx, &hook, STATUS_EVENT, tx.now_ms(), &Json::new(&data)?)?;
    get(tx, &change.id)
}

/// Marks a construct as removed: out of every list and walk, and restorable. What is below it stays as it is, and nothing can
/// be added. Removing twice is removing once.
pub fn soft_delete(tx: &Tx<'_>, id: &str) -> Result<Construct> {
    set_deleted(tx, id, Some(tx.now_ms()))
}

/// Takes back a removal.
pub fn restore(tx: &Tx<'_>, id: &str) -> Result<Construct> {
    set_deleted(tx, id, None)
}

fn set_deleted(tx: &Tx<'_>, id: &str, at: Option<i64>) -> Result<Construct> {
    let current = get(tx, id)?;
    if current.deleted_at.is_some() == at.is_some() {
        return Ok(current);
    }
    tx.execute(
        "UPDATE construct SET deleted_at = ?2, version = version + 1, updated_at = ?3 WHERE construct = ?1",
        (id, at, tx.now_ms()),
    )?;
    get(tx, id)
}

/// Deletes a construct with everything below it: its sessions with their transcripts, its links in both directions, its
/// artifacts, its events and its metrics.
pub fn delete(tx: &Tx<'_>, id: &str) -> Result<()> {
    get(tx, id)?;
    tx.execute("DELETE FROM construct WHERE construct = ?1", [id])?;
    Ok(())
}

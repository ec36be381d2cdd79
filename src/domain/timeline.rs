//! The timeline: what happened when, in a construct, in a session, or to the user.

use serde::{Deserialize, Serialize};

use super::listing::{Asked, Listing};
use super::page::{Order, Page};
use super::sessions::{Hook, hook};
use super::{Json, Named, check_name, check_time, from_json, next_number, owner, text, to_json};
use crate::error::Result;
use crate::id::UserId;
use crate::store::{Tx, View};

/// Something that happened. It is never changed, and goes with what it hangs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct TimelineEvent {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// Its place among all events of the store, by when they were appended.
    pub number: i64,
    /// The construct it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub construct_id: Option<String>,
    /// The session it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// What happened, as the app calls it. The store itself writes `construct.status` and `session.status`.
    pub kind: String,
    /// When it happened, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// What more there is to say.
    pub data: Json,
}

/// What a new event is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTimelineEvent {
    /// The user it belongs to; by default the construct's. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The construct it happened in; the session's by default.
    pub construct_id: Option<String>,
    /// The session it happened in.
    pub session_id: Option<String>,
    /// What happened, as the app calls it.
    pub kind: String,
    /// When it happened, in milliseconds since 1970-01-01 UTC; now by default.
    pub at: Option<i64>,
    /// What more there is to say; null by default.
    pub data: Option<Json>,
}

/// Names one event.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimelineEventRef {
    /// The event.
    pub id: String,
}

/// Which events to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimelineList {
    /// The user whose events to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those of this construct, those of its sessions included.
    pub construct_id: Option<String>,
    /// Only those of this session.
    pub session_id: Option<String>,
    /// Only those of one of these kinds.
    pub kinds: Option<Vec<String>>,
    /// Only those at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only those before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// By when they happened, and of the same time by when they were appended; newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

const COLUMNS: &str = "number, event, user, construct, session, kind, at, data";

const EVENT: Named = Named {
    what: "event",
    table: "timeline_event",
    key: "event",
    columns: COLUMNS,
};

fn read(row: &rusqlite::Row<'_>) -> Result<TimelineEvent> {
    Ok(TimelineEvent {
        number: row.get(0)?,
        id: row.get(1)?,
        user_id: UserId { user: row.get(2)? },
        construct_id: row.get(3)?,
        session_id: row.get(4)?,
        kind: row.get(5)?,
        at: row.get(6)?,
        data: from_json("event", text(row, 7)?)?,
    })
}

/// Adds an event to the timeline.
///
/// # Errors
/// `conflict` when its construct is removed.
pub fn append(tx: &Tx<'_>, new: &NewTimelineEvent) -> Result<TimelineEvent> {
    let (construct, session) = (new.construct_id.as_deref(), new.session_id.as_deref());
    let hook = hook(tx, new.user_id, construct, session)?;
    check_name("a kind", &new.kind)?;
    let at = check_time(new.at.unwrap_or(tx.now_ms()))?;
    let data = new.data.clone().unwrap_or_default();
    let id = note(tx, &hook, &new.kind, at, &data)?;
    get(tx, &id)
}

/// Writes an event and gives its id.
pub(super) fn note(tx: &Tx<'_>, hook: &Hook, kind: &str, at: i64, data: &Json) -> Result<String> {
    let number = next_number(tx, "event")?;
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO timeline_event (event, user, construct, session, kind, at, number, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &id,
            hook.user.user,
            &hook.construct,
            &hook.session,
            kind,
            at,
            number,
            to_json("the data", data)?,
        ),
    )?;
    Ok(id)
}

/// Reads an event.
pub fn get(view: &View<'_>, id: &str) -> Result<TimelineEvent> {
    EVENT.get(view, id, read)
}

/// Lists a user's events by when they happened, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &TimelineList) -> Result<Page<TimelineEvent>> {
    let asked = Asked {
        order: query.order,
        limit: query.limit,
        cursor: query.cursor.as_deref(),
    };
    listing(view, query)?.page(view, &asked, |row| read(row).map(Some))
}

fn listing(view: &View<'_>, query: &TimelineList) -> Result<Listing> {
    let user = owner(view, query.user_id)?;
    let mut list = Listing::of(
        "timeline_event",
        COLUMNS,
        "at",
        "timeline_event_by_time",
        user,
    );
    list.lead(
        "timeline_event_by_session",
        "session",
        query.session_id.as_deref(),
    );
    list.lead(
        "timeline_event_by_construct",
        "construct",
        query.construct_id.as_deref(),
    );
    list.one_of("timeline_event_by_kind", "kind", query.kinds.as_deref());
    list.within("at", query.since, query.until);
    Ok(list)
}

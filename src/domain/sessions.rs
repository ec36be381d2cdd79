//! Sessions: stretches of work on a construct, which keep their state and can be left and resumed.
//!
//! What is said in a session is its transcript, a conversation like any other.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::constructs::get_in_use;
use super::conversations::{self, NewConversation};
use super::listing::{Asked, Listing};
use super::page::{Order, Page};
use super::users::exists;
use super::{
    Json, Metadata, Named, check_label, check_version, from_json, owner, text, timeline, to_json,
};
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::{Tx, View};

/// The kind of the timeline's events that tell of a session's status: `{ from, to }`.
pub const STATUS_EVENT: &str = "session.status";

/// Whether a session goes on.
///
/// | from | to |
/// |---|---|
/// | `active` | `suspended`, `ended`, `failed` |
/// | `suspended` | `active`, `ended`, `failed` |
/// | `failed` | `active`, `ended` |
/// | `ended` | – |
///
/// Every other change is a `conflict`; a change to the status it has already changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    /// Someone works in it.
    Active,
    /// It was left, and can be resumed.
    Suspended,
    /// It came to its end.
    Ended,
    /// It broke off, and can be resumed.
    Failed,
}

impl SessionStatus {
    const ALL: [Self; 4] = [Self::Active, Self::Suspended, Self::Ended, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        let status = Self::ALL.into_iter().find(|status| status.as_str() == name);
        status.ok_or_else(|| Error::corrupt("a stored session's status is unknown"))
    }

    const fn may_become(self, next: Self) -> bool {
        match next {
            Self::Active => matches!(self, Self::Suspended | Self::Failed),
            Self::Suspended => matches!(self, Self::Active),
            Self::Ended => !matches!(self, Self::Ended),
            Self::Failed => matches!(self, Self::Active | Self::Suspended),
        }
    }
}

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The construct it works on.
    pub construct_id: String,
    /// The conversation that is its transcript; absent once that was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript_id: Option<ConversationId>,
    /// The name shown to people; may be empty.
    pub name: String,
    /// Whether it goes on.
    pub status: SessionStatus,
    /// Where it stands, as the app or its agent keeps it.
    pub state: Json,
    /// The app's own fields.
    pub metadata: Metadata,
    /// Grows by one with every change of the session itself; its transcript does not count.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
    /// When it ended or failed, in milliseconds since 1970-01-01 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// What a new session is made of. It begins as `active`, with an empty transcript in its construct's context.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSession {
    /// The construct it works on.
    pub construct_id: String,
    /// The name shown to people, and the transcript's title; empty by default.
    pub name: Option<String>,
    /// Where it stands; null by default.
    pub state: Option<Json>,
    /// The app's own fields; none by default.
    pub metadata: Option<Metadata>,
}

/// Names one session.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionRef {
    /// The session.
    pub id: String,
}

/// Changes to a session; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionUpdate {
    /// The session.
    pub id: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// A new name.
    pub name: Option<String>,
    /// Where it stands now, replacing the old state.
    pub state: Option<Json>,
    /// New fields, replacing all of the old.
    pub metadata: Option<Metadata>,
}

/// Which sessions to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionList {
    /// The user whose sessions to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those of this construct.
    pub construct_id: Option<String>,
    /// Only those with this status.
    pub status: Option<SessionStatus>,
    /// Only those last changed at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only those last changed before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// By when they last changed; newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// What a record hangs on.
pub(super) struct Hook {
    pub user: UserId,
    pub construct: Option<String>,
    pub session: Option<String>,
}

const COLUMNS: &str =
    "session, user, construct, name, status, state, metadata, version, created_at, updated_at, ended_at,
    (SELECT conversation FROM conversation AS c WHERE c.session = session.session LIMIT 1)";

const SESSION: Named = Named {
    what: "session",
    table: "session",
    key: "session",
    columns: COLUMNS,
};

fn read(row: &rusqlite::Row<'_>) -> Result<Session> {
    let user: i64 = row.get(1)?;
    let transcript: Option<i64> = row.get(11)?;
    Ok(Session {
        id: row.get(0)?,
        user_id: UserId { user },
        construct_id: row.get(2)?,
        transcript_id: transcript.map(|conversation| ConversationId { user, conversation }),
        name: row.get(3)?,
        status: SessionStatus::parse(text(row, 4)?)?,
        state: from_json("state", text(row, 5)?)?,
        metadata: from_json("metadata", text(row, 6)?)?,
        version: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        ended_at: row.get(10)?,
    })
}

/// Begins a session of a construct, with its transcript.
///
/// # Errors
/// `conflict` when the construct is removed or retired.
pub fn create(tx: &Tx<'_>, new: &NewSession) -> Result<Session> {
    let construct = get_in_use(tx, &new.construct_id)?;
    if construct.status == super::constructs::ConstructStatus::Retired {
        return Err(Error::new(
            Code::Conflict,
            format!("construct {} is retired", construct.id),
        ));
    }
    let name = new.name.as_deref().unwrap_or_default();
    check_label("the name", name)?;
    let state = to_json("the state", &new.state)?;
    let metadata = to_json("the metadata", &new.metadata.clone().unwrap_or_default())?;
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO session (session, user, construct, name, status, state, metadata, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6, 1, ?7, ?7)",
        (&id, construct.user_id.user, &construct.id, name, state, metadata, tx.now_ms()),
    )?;
    let transcript = NewConversation {
        user_id: Some(construct.user_id),
        title: Some(name.to_owned()),
        context: Some(construct.context),
        metadata: None,
        participants: None,
    };
    conversations::create_transcript(tx, &transcript, &id)?;
    get(tx, &id)
}

/// Reads a session.
pub fn get(view: &View<'_>, id: &str) -> Result<Session> {
    SESSION.get(view, id, read)
}

/// Lists a user's sessions by when they last changed, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &SessionList) -> Result<Page<Session>> {
    let asked = Asked {
        order: query.order,
        limit: query.limit,
        cursor: query.cursor.as_deref(),
    };
    listing(view, query)?.page(view, &asked, |row| read(row).map(Some))
}

fn listing(view: &View<'_>, query: &SessionList) -> Result<Listing> {
    let user = owner(view, query.user_id)?;
    let mut list = Listing::of("session", COLUMNS, "updated_at", "session_by_update", user);
    list.lead(
        "session_by_construct",
        "construct",
        query.construct_id.as_deref(),
    );
    let status = query.status.map(SessionStatus::as_str);
    list.lead("session_by_status", "status", status);
    list.within("updated_at", query.since, query.until);
    Ok(list)
}

/// Changes a session: its name, its state, its fields.
pub fn update(tx: &Tx<'_>, change: &SessionUpdate) -> Result<Session> {
    let current = get(tx, &change.id)?;
    check_version("session", change.version, current.version)?;
    let name = change.name.as_ref().unwrap_or(&current.name);
    check_label("the name", name)?;
    let state = to_json("the state", change.state.as_ref().unwrap_or(&current.state))?;
    let metadata = change.metadata.as_ref().unwrap_or(&current.metadata);
    let metadata = to_json("the metadata", metadata)?;
    tx.execute(
        "UPDATE session SET name = ?2, state = ?3, metadata = ?4, version = version + 1, updated_at = ?5 WHERE session = ?1",
        (&change.id, name, state, metadata, tx.now_ms()),
    )?;
    get(tx, &change.id)
}

/// Changes a session's status and tells the timeline; one that it has already changes nothing.
///
/// # Errors
/// `conflict` for a change that [`SessionStatus`] does not allow, and when its construct is removed.
pub fn set_status(tx: &Tx<'_>, id: &str, status: SessionStatus) -> Result<Session> {
    let current = get(tx, id)?;
    if current.status == status {
        return Ok(current);
    }
    let (from, to) = (current.status.as_str(), status.as_str());
    if !current.status.may_become(status) {
        return Err(Error::new(
            Code::Conflict,
            format!("a session that is {from} cannot become {to}"),
        ));
    }
    get_in_use(tx, &current.construct_id)?;
    let has_ended = matches!(status, SessionStatus::Ended | SessionStatus::Failed);
    tx.execute(
        "UPDATE session SET status = ?2, ended_at = ?3, version = version + 1, updated_at = ?4 WHERE session = ?1",
        (id, to, has_ended.then(|| tx.now_ms()), tx.now_ms()),
    )?;
    let hook = Hook {
        user: current.user_id,
        construct: Some(current.construct_id),
        session: Some(current.id),
    };
    let data = Json::new(&json!({ "from": from, "to": to }))?;
    timeline::note(tx, &hook, STATUS_EVENT, tx.now_ms(), &data)?;
    get(tx, id)
}

/// Deletes a session with its transcript, its artifacts, its events and its metrics.
pub fn delete(tx: &Tx<'_>, id: &str) -> Result<()> {
    get(tx, id)?;
    tx.execute("DELETE FROM session WHERE session = ?1", [id])?;
    Ok(())
}

/// What a new record hangs on, as it was named: a session stands for its construct too, and either for its user.
pub(super) fn hook(
    tx: &Tx<'_>,
    user: Option<UserId>,
    construct: Option<&str>,
    session: Option<&str>,
) -> Result<Hook> {
    let session = session.map(|id| get(tx, id)).transpose()?;
    let of_session = session.as_ref().map(|session| &session.construct_id);
    if let (Some(session), Some(named)) = (&session, construct)
        && session.construct_id != named
    {
        return Err(Error::invalid(format!(
            "session {} is not one of construct {named}",
            session.id
        )));
    }
    let construct = construct.or(of_session.map(String::as_str));
    let construct = construct.map(|id| get_in_use(tx, id)).transpose()?;
    let found = construct.as_ref().map(|construct| construct.user_id);
    let owner = match (found, user) {
        (Some(found), None) => found,
        (Some(found), Some(user)) if found == user => found,
        (None, named) => owner(tx, named)?,
        (Some(_), Some(user)) => {
            return Err(Error::invalid(format!(
                "{user} is not the user of what the record hangs on"
            )));
        }
    };
    if !exists(tx, owner)? {
        return Err(Error::not_found("user", owner));
    }
    Ok(Hook {
        user: owner,
        construct: construct.map(|construct| construct.id),
        session: session.map(|session| session.id),
    })
}

//! Conversations and who takes part in them.

use serde::{Deserialize, Serialize};

use super::page::{self, Cursor, Order, Page};
use super::users::exists;
use super::{Metadata, check_label, check_version, contexts, from_json, owner, to_json};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::{Tx, View};

/// Whether a conversation is in use or put away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ConversationStatus {
    /// In use.
    Active,
    /// Put away by its user; listed only when asked for.
    Archived,
}

impl ConversationStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

/// A conversation, without its messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// The readable id, such as `us01-co12`.
    pub id: ConversationId,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The UUIDv7 that names the same conversation on another device.
    pub uuid: String,
    /// The title shown to people; may be empty.
    pub title: String,
    /// In use or put away.
    pub status: ConversationStatus,
    /// The context it is in.
    pub context: String,
    /// The app's own fields.
    pub metadata: Metadata,
    /// The session that it is the transcript of, and dies with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The last message of the active path; absent while there are no messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf_id: Option<MessageId>,
    /// Grows by one with every update, and with every message.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When it or its messages last changed, in milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
    /// When it was deleted, if it was and can still be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<i64>,
}

/// What a new conversation is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewConversation {
    /// The user it belongs to, who also becomes its first participant. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The title; empty by default.
    pub title: Option<String>,
    /// The context it goes to; by default what is configured for the user or the app, else `default`.
    pub context: Option<String>,
    /// The app's own fields; none by default.
    pub metadata: Option<Metadata>,
    /// Further participants.
    pub participants: Option<Vec<NewParticipant>>,
}

/// Names one conversation.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConversationRef {
    /// The conversation.
    pub id: ConversationId,
}

/// Changes to a conversation; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConversationUpdate {
    /// The conversation.
    pub id: ConversationId,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// A new title.
    pub title: Option<String>,
    /// In use or put away.
    pub status: Option<ConversationStatus>,
    /// The context to move it to.
    pub context: Option<String>,
    /// New fields, replacing all of the old.
    pub metadata: Option<Metadata>,
}

/// Which conversations to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConversationList {
    /// The user whose conversations to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those with this status; `active` by default.
    pub status: Option<ConversationStatus>,
    /// Only those in one of these contexts.
    pub contexts: Option<Vec<String>>,
    /// Instead of those in use, only those that are deleted and can be restored.
    pub deleted: Option<bool>,
    /// Only transcripts of sessions, or only those that are none; either by default.
    pub transcripts: Option<bool>,
    /// Only those in which this participant takes part: a user's id or an agent's name.
    pub participant: Option<String>,
    /// The time to order and filter by: of the last change by default.
    pub by: Option<ConversationTime>,
    /// Newest first by default.
    pub order: Option<Order>,
    /// Only those whose time is at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only those whose time is before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Which of its times a conversation is ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ConversationTime {
    /// When it or its messages last changed.
    #[default]
    Updated,
    /// When it was created.
    Created,
}

/// What a participant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ParticipantKind {
    /// A user of this store.
    User,
    /// An agent, named by the app.
    Agent,
}

/// Someone who takes part in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// A user's id, or the app's name for an agent.
    pub id: String,
    /// User or agent.
    pub kind: ParticipantKind,
    /// The name shown to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Milliseconds since 1970-01-01 UTC.
    pub added_at: i64,
}

/// What a new participant is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewParticipant {
    /// A user's id, or the app's name for an agent.
    pub id: String,
    /// User or agent.
    pub kind: ParticipantKind,
    /// The name shown to people.
    pub name: Option<String>,
}

/// A participant to add to a conversation, or to rename in it.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddParticipant {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Who takes part.
    pub participant: NewParticipant,
}

/// Names one participant of a conversation.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParticipantRef {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The participant's id.
    pub id: String,
}

const COLUMNS: &str = "user, conversation, uuid, title, status, metadata, leaf, version, created_at, updated_at, deleted_at, context, session";

fn read(row: &rusqlite::Row<'_>) -> Result<Conversation> {
    let id = ConversationId {
        user: row.get(0)?,
        conversation: row.get(1)?,
    };
    let leaf: Option<i64> = row.get(6)?;
    let archived = row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?
        == ConversationStatus::Archived.as_str();
    Ok(Conversation {
        id,
        user_id: id.owner(),
        uuid: row.get(2)?,
        title: row.get(3)?,
        status: if archived {
            ConversationStatus::Archived
        } else {
            ConversationStatus::Active
        },
        metadata: from_json(
            "metadata",
            row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?,
        )?,
        leaf_id: leaf.map(|message| id.message(message)),
        version: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        deleted_at: row.get(10)?,
        context: row.get(11)?,
        session_id: row.get(12)?,
    })
}

/// Creates a conversation; its user becomes its first participant.
pub fn create(tx: &Tx<'_>, new: &NewConversation) -> Result<Conversation> {
    create_of(tx, new, None)
}

/// Creates the conversation that is a session's transcript.
pub(super) fn create_transcript(tx: &Tx<'_>, new: &NewConversation, session: &str) -> Result<()> {
    create_of(tx, new, Some(session)).map(|_| ())
}

fn create_of(tx: &Tx<'_>, new: &NewConversation, session: Option<&str>) -> Result<Conversation> {
    let owner = owner(tx, new.user_id)?;
    let title = new.title.as_deref().unwrap_or_default();
    check_label("the title", title)?;
    let metadata = to_json("the metadata", &new.metadata.clone().unwrap_or_default())?;
    let mut allocate = tx.prepare(
        "UPDATE user SET next_conversation = next_conversation + 1 WHERE user = ?1 RETURNING next_conversation - 1, name",
    )?;
    let mut rows = allocate.query([owner.user])?;
    let row = rows
        .next()?
        .ok_or_else(|| Error::not_found("user", owner))?;
    let id = ConversationId {
        user: owner.user,
        conversation: row.get(0)?,
    };
    let owner_name: String = row.get(1)?;
    // Stepping to the end resets the statement, without which the change would stay pending.
    if rows.next()?.is_some() {
        return Err(Error::corrupt("two users share one number"));
    }
    let context = contexts::route(tx, owner, new.context.as_deref(), None)?;
    tx.execute(
        "INSERT INTO conversation
           (user, conversation, uuid, title, status, metadata, next_message, version, created_at, updated_at, context, session)
         VALUES (?1, ?2, ?3, ?4, 'active', ?5, 1, 1, ?6, ?6, ?7, ?8)",
        (id.user, id.conversation, tx.uuid(), title, metadata, tx.now_ms(), context, session),
    )?;
    let creator = NewParticipant {
        id: owner.to_string(),
        kind: ParticipantKind::User,
        name: Some(owner_name),
    };
    for participant in std::iter::once(&creator).chain(new.participants.iter().flatten()) {
        put_participant(tx, id, participant)?;
    }
    get(tx, id)
}

/// Reads a conversation, deleted ones included.
pub fn get(view: &View<'_>, id: ConversationId) -> Result<Conversation> {
    view.admit_conversation(id)?;
    let sql = format!("SELECT {COLUMNS} FROM conversation WHERE user = ?1 AND conversation = ?2");
    let mut statement = view.prepare(&sql)?;
    let mut rows = statement.query((id.user, id.conversation))?;
    rows.next()?
        .map_or_else(|| Err(Error::not_found("conversation", id)), read)
}

/// Lists a user's conversations by time, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &ConversationList) -> Result<Page<Conversation>> {
    let owner = owner(view, query.user_id)?;
    let limit = page::limit(query.limit)?;
    let status = query.status.unwrap_or(ConversationStatus::Active);
    let deleted = query.deleted.unwrap_or(false);
    let order = query.order.unwrap_or_default();
    let (time, by_creation) = match query.by.unwrap_or_default() {
        ConversationTime::Updated => ("updated_at", false),
        ConversationTime::Created => ("created_at", true),
    };
    let (direction, beyond, start) = match order {
        Order::Newest => ("DESC", "<", [i64::MAX, i64::MAX]),
        Order::Oldest => ("ASC", ">", [i64::MIN, i64::MIN]),
    };
    let list = format!(
        "conversations {owner} {status:?} {deleted} {by_creation} {order:?} {:?} {:?} {:?} {:?} {:?}",
        query.contexts, query.transcripts, query.participant, query.since, query.until
    );
    let (in_contexts, contexts) = contexts::filter(query.contexts.as_deref(), "?10");
    let [at, number] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or(start);
    let mut statement = view.prepare(&format!(
        "SELECT {COLUMNS} FROM conversation AS c
         WHERE user = ?1 AND ({time}, conversation) {beyond} (?2, ?3)
           AND {time} >= ?4 AND {time} < ?5 AND {in_contexts}
           AND (?11 IS NULL OR (session IS NOT NULL) = ?11)
           AND CASE WHEN ?6 THEN deleted_at IS NOT NULL ELSE deleted_at IS NULL AND status = ?7 END
           AND (?8 IS NULL OR EXISTS (
             SELECT 1 FROM participant AS p
             WHERE p.user = c.user AND p.conversation = c.conversation AND p.participant = ?8))
         ORDER BY {time} {direction}, conversation {direction} LIMIT ?9"
    ))?;
    let mut rows = statement.query((
        owner.user,
        at,
        number,
        query.since.unwrap_or(i64::MIN),
        query.until.unwrap_or(i64::MAX),
        deleted,
        status.as_str(),
        &query.participant,
        limit + 1,
        contexts,
        query.transcripts,
    ))?;
    let mut conversations = Vec::new();
    while let Some(row) = rows.next()? {
        conversations.push(read(row)?);
    }
    Ok(page::cut(conversations, limit, |last| {
        let at = if by_creation {
            last.created_at
        } else {
            last.updated_at
        };
        Cursor::encode(&list, &[at, last.id.conversation])
    }))
}

/// Changes a conversation.
pub fn update(tx: &Tx<'_>, change: &ConversationUpdate) -> Result<Conversation> {
    let current = get(tx, change.id)?;
    check_version("conversation", change.version, current.version)?;
    let title = change.title.as_ref().unwrap_or(&current.title);
    check_label("the title", title)?;
    let status = change.status.unwrap_or(current.status);
    let context = contexts::route(
        tx,
        change.id.owner(),
        change.context.as_deref(),
        Some(&current.context),
    )?;
    let metadata = to_json(
        "the metadata",
        change.metadata.as_ref().unwrap_or(&current.metadata),
    )?;
    tx.execute(
        "UPDATE conversation SET title = ?3, status = ?4, metadata = ?5, version = version + 1, updated_at = ?6, context = ?7
         WHERE user = ?1 AND conversation = ?2",
        (change.id.user, change.id.conversation, title, status.as_str(), metadata, tx.now_ms(), context),
    )?;
    get(tx, change.id)
}

/// Puts a conversation away, or takes it up again; doing so twice is doing so once.
pub fn set_status(
    tx: &Tx<'_>,
    id: ConversationId,
    status: ConversationStatus,
) -> Result<Conversation> {
    let current = get(tx, id)?;
    if current.status == status {
        return Ok(current);
    }
    tx.execute(
        "UPDATE conversation SET status = ?3, version = version + 1, updated_at = ?4
         WHERE user = ?1 AND conversation = ?2",
        (id.user, id.conversation, status.as_str(), tx.now_ms()),
    )?;
    get(tx, id)
}

/// Marks a conversation as deleted: out of every list, and restorable. Deleting twice is deleting once.
pub fn soft_delete(tx: &Tx<'_>, id: ConversationId) -> Result<Conversation> {
    set_deleted(tx, id, Some(tx.now_ms()))
}

/// Takes back a soft deletion.
pub fn restore(tx: &Tx<'_>, id: ConversationId) -> Result<Conversation> {
    set_deleted(tx, id, None)
}

fn set_deleted(tx: &Tx<'_>, id: ConversationId, at: Option<i64>) -> Result<Conversation> {
    let current = get(tx, id)?;
    if current.deleted_at.is_some() != at.is_some() {
        tx.execute(
            "UPDATE conversation SET deleted_at = ?3, version = version + 1, updated_at = ?4
             WHERE user = ?1 AND conversation = ?2",
            (id.user, id.conversation, at, tx.now_ms()),
        )?;
    }
    get(tx, id)
}

/// Deletes a conversation with its participants, messages, parts and chunks. Its number is not used again.
pub fn delete(tx: &Tx<'_>, id: ConversationId) -> Result<()> {
    tx.admit_conversation(id)?;
    let deleted = tx.execute(
        "DELETE FROM conversation WHERE user = ?1 AND conversation = ?2",
        (id.user, id.conversation),
    )?;
    match deleted {
        0 => Err(Error::not_found("conversation", id)),
        _ => Ok(()),
    }
}

/// Adds a participant, or renames one who is there already.
pub fn add_participant(
    tx: &Tx<'_>,
    id: ConversationId,
    new: &NewParticipant,
) -> Result<Vec<Participant>> {
    get(tx, id)?;
    put_participant(tx, id, new)?;
    participants(tx, id)
}

fn put_participant(tx: &Tx<'_>, id: ConversationId, new: &NewParticipant) -> Result<()> {
    if new.id.is_empty() {
        return Err(Error::invalid("a participant needs an id"));
    }
    check_label("the participant's id", &new.id)?;
    check_label(
        "the participant's name",
        new.name.as_deref().unwrap_or_default(),
    )?;
    if new.kind == ParticipantKind::User {
        let user: UserId = new.id.parse()?;
        if !exists(tx, user)? {
            return Err(Error::not_found("user", user));
        }
    }
    tx.execute(
        "INSERT INTO participant (user, conversation, participant, kind, name, added_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (user, conversation, participant) DO UPDATE SET name = excluded.name",
        (
            id.user,
            id.conversation,
            &new.id,
            match new.kind {
                ParticipantKind::User => "user",
                ParticipantKind::Agent => "agent",
            },
            &new.name,
            tx.now_ms(),
        ),
    )?;
    Ok(())
}

/// Removes a participant. What they wrote stays.
pub fn remove_participant(
    tx: &Tx<'_>,
    id: ConversationId,
    participant: &str,
) -> Result<Vec<Participant>> {
    tx.admit_conversation(id)?;
    let removed = tx.execute(
        "DELETE FROM participant WHERE user = ?1 AND conversation = ?2 AND participant = ?3",
        (id.user, id.conversation, participant),
    )?;
    if removed == 0 {
        return Err(Error::not_found("participant", participant));
    }
    participants(tx, id)
}

/// Lists who takes part, in the order they joined.
pub fn participants(view: &View<'_>, id: ConversationId) -> Result<Vec<Participant>> {
    get(view, id)?;
    let mut statement = view.prepare(
        "SELECT participant, kind, name, added_at FROM participant
         WHERE user = ?1 AND conversation = ?2 ORDER BY added_at, participant",
    )?;
    let mut rows = statement.query((id.user, id.conversation))?;
    let mut participants = Vec::new();
    while let Some(row) = rows.next()? {
        let is_user = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)? == "user";
        participants.push(Participant {
            id: row.get(0)?,
            kind: if is_user {
                ParticipantKind::User
            } else {
                ParticipantKind::Agent
            },
            name: row.get(2)?,
            added_at: row.get(3)?,
        });
    }
    Ok(participants)
}

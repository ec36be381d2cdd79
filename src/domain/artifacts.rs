//! Artifacts: what comes out of the work, such as plans, diffs, logs and files. Here is what is known of them, and which
//! contents they have and had.

use serde::{Deserialize, Serialize};

use super::blobs;
use super::listing::{Asked, Listing};
use super::page::{self, Cursor, Order, Page};
use super::sessions::{Hook, hook};
use super::{
    Metadata, Named, check_label, check_name, check_version, from_json, lower, owner, text, to_json,
};
use crate::blob::Content;
use crate::error::{Error, Result};
use crate::id::{MAX_NUMBER, MessageId, UserId};
use crate::store::{Tx, View};

/// What is known of an artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The construct it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub construct_id: Option<String>,
    /// The session it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The message it comes from, which may be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// What it is: `plan`, `diff`, `log`, `file`, or a name of the app's own.
    pub kind: String,
    /// The name shown to people.
    pub name: String,
    /// The media type of its bytes, such as `text/markdown`.
    pub media_type: String,
    /// How many bytes it has, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// The hash of its bytes, if that is known: of those that are kept here, BLAKE3 in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Which revision of its content it has, from 1; absent while none is kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// The app's own fields.
    pub metadata: Metadata,
    /// Grows by one with every update.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// What a new artifact is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewArtifact {
    /// The user it belongs to; by default the construct's. A view of one user may leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The construct it comes from; the session's by default. It dies with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub construct_id: Option<String>,
    /// The session it comes from. It dies with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The message it comes from, one of the same user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// What it is: `plan`, `diff`, `log`, `file`, or a name of the app's own.
    pub kind: String,
    /// The name shown to people.
    pub name: String,
    /// The media type of its bytes; `application/octet-stream` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// How many bytes it has, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// The hash of its bytes, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The app's own fields; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// Names one artifact.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactRef {
    /// The artifact.
    pub id: String,
}

/// Changes to what is known of an artifact; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactUpdate {
    /// The artifact.
    pub id: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// Another kind.
    pub kind: Option<String>,
    /// A new name.
    pub name: Option<String>,
    /// Another media type.
    pub media_type: Option<String>,
    /// How many bytes it has now.
    pub size: Option<i64>,
    /// The hash of its bytes now.
    pub hash: Option<String>,
    /// New fields, replacing all of the old.
    pub metadata: Option<Metadata>,
}

/// Which artifacts to list. Filters add up. With `namePrefix` a page looks at 10,000 artifacts at most: it may hold fewer than
/// its limit, or none, and still name a next one.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactList {
    /// The user whose artifacts to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those of this construct.
    pub construct_id: Option<String>,
    /// Only those of this session.
    pub session_id: Option<String>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those whose name begins with this, whatever its case.
    pub name_prefix: Option<String>,
    /// By when they were created; newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// The media type of bytes of which nothing is known.
pub(super) const ANY_TYPE: &str = "application/octet-stream";

const COLUMNS: &str = "artifact, user, construct, session, message, kind, name, media_type, size, hash, metadata, version,
    created_at, updated_at, revision";

const ARTIFACT: Named = Named {
    what: "artifact",
    table: "artifact",
    key: "artifact",
    columns: COLUMNS,
};

fn read(row: &rusqlite::Row<'_>) -> Result<Artifact> {
    let message: Option<String> = row.get(4)?;
    let message = message.map(|id| id.parse::<MessageId>()).transpose();
    Ok(Artifact {
        id: row.get(0)?,
        user_id: UserId { user: row.get(1)? },
        construct_id: row.get(2)?,
        session_id: row.get(3)?,
        message_id: message
            .map_err(|error| Error::corrupt("a stored message's id is none").caused_by(error))?,
        kind: row.get(5)?,
        name: row.get(6)?,
        media_type: row.get(7)?,
        size: row.get(8)?,
        hash: row.get(9)?,
        revision: row.get(14)?,
        metadata: from_json("metadata", text(row, 10)?)?,
        version: row.get(11)?,
        created_at: row.get(12)?,
        updated_at: row.get(13)?,
    })
}

fn check(kind: &str, name: &str, media_type: &str, size: Option<i64>, hash: &str) -> Result<()> {
    check_name("a kind", kind)?;
    check_name("an artifact", name)?;
    check_name("a media type", media_type)?;
    check_label("the hash", hash)?;
    if size.is_some_and(|size| !(0..=MAX_NUMBER).contains(&size)) {
        return Err(Error::invalid(format!("a size is 0 to {MAX_NUMBER} bytes")));
    }
    Ok(())
}

/// Keeps what is known of an artifact.
///
/// # Errors
/// `conflict` when its construct is removed.
pub fn create(tx: &Tx<'_>, new: &NewArtifact) -> Result<Artifact> {
    let hook = check_new_hook(tx, new)?;
    let media_type = new.media_type.as_deref().unwrap_or(ANY_TYPE);
    let hash = new.hash.as_deref();
    let metadata = to_json("the metadata", &new.metadata.clone().unwrap_or_default())?;
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO artifact (artifact, user, construct, session, message, kind, name, media_type, size, hash, metadata,
                               version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?12, ?12)",
        rusqlite::params![
            id,
            hook.user.user,
            hook.construct,
            hook.session,
            new.message_id.map(|message| message.to_string()),
            new.kind,
            new.name,
            media_type,
            new.size,
            hash,
            metadata,
            tx.now_ms(),
        ],
    )?;
    get(tx, &id)
}

/// Whose it would be, if an artifact may be made of this.
pub(super) fn check_new(tx: &Tx<'_>, new: &NewArtifact) -> Result<UserId> {
    Ok(check_new_hook(tx, new)?.user)
}

fn check_new_hook(tx: &Tx<'_>, new: &NewArtifact) -> Result<Hook> {
    let (construct, session) = (new.construct_id.as_deref(), new.session_id.as_deref());
    let hook = hook(tx, new.user_id, construct, session)?;
    let media_type = new.media_type.as_deref().unwrap_or(ANY_TYPE);
    let hash = new.hash.as_deref();
    check(
        &new.kind,
        &new.name,
        media_type,
        new.size,
        hash.unwrap_or_default(),
    )?;
    if let Some(message) = new.message_id
        && message.user != hook.user.user
    {
        return Err(Error::not_found("message", message));
    }
    to_json("the metadata", &new.metadata.clone().unwrap_or_default())?;
    Ok(hook)
}

/// Reads what is known of an artifact.
pub fn get(view: &View<'_>, id: &str) -> Result<Artifact> {
    ARTIFACT.get(view, id, read)
}

/// Lists a user's artifacts by when they were created, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &ArtifactList) -> Result<Page<Artifact>> {
    let prefix = query.name_prefix.as_deref().map(lower);
    let asked = Asked {
        order: query.order,
        limit: query.limit,
        cursor: query.cursor.as_deref(),
    };
    listing(view, query)?.page(view, &asked, |row| match &prefix {
        Some(prefix) if !lower(text(row, 6)?).starts_with(prefix) => Ok(None),
        _ => read(row).map(Some),
    })
}

fn listing(view: &View<'_>, query: &ArtifactList) -> Result<Listing> {
    let user = owner(view, query.user_id)?;
    let mut list = Listing::of(
        "artifact",
        COLUMNS,
        "created_at",
        "artifact_by_creation",
        user,
    );
    list.lead(
        "artifact_by_session",
        "session",
        query.session_id.as_deref(),
    );
    list.lead(
        "artifact_by_construct",
        "construct",
        query.construct_id.as_deref(),
    );
    list.lead("artifact_by_kind", "kind", query.kind.as_deref());
    if query.name_prefix.is_some() {
        list.beside(&query.name_prefix);
    }
    Ok(list)
}

/// Changes what is known of an artifact.
pub fn update(tx: &Tx<'_>, change: &ArtifactUpdate) -> Result<Artifact> {
    let current = get(tx, &change.id)?;
    check_version("artifact", change.version, current.version)?;
    let kind = change.kind.as_ref().unwrap_or(&current.kind);
    let name = change.name.as_ref().unwrap_or(&current.name);
    let media_type = change.media_type.as_ref().unwrap_or(&current.media_type);
    let size = change.size.or(current.size);
    let hash = change.hash.as_ref().or(current.hash.as_ref());
    if current.revision.is_some() && (size != current.size || hash != current.hash.as_ref()) {
        return Err(Error::invalid(
            "the size and the hash of a content that is kept are what they are",
        ));
    }
    check(
        kind,
        name,
        media_type,
        size,
        hash.map_or("", String::as_str),
    )?;
    let metadata = change.metadata.as_ref().unwrap_or(&current.metadata);
    let metadata = to_json("the metadata", metadata)?;
    tx.execute(
        "UPDATE artifact SET kind = ?2, name = ?3, media_type = ?4, size = ?5, hash = ?6, metadata = ?7,
           version = version + 1, updated_at = ?8
         WHERE artifact = ?1",
        (&change.id, kind, name, media_type, size, hash, metadata, tx.now_ms()),
    )?;
    get(tx, &change.id)
}

/// Deletes an artifact with every revision of its content, which is removed for good some time after nothing else has it.
pub fn delete(tx: &Tx<'_>, id: &str) -> Result<()> {
    get(tx, id)?;
    tx.execute("DELETE FROM artifact WHERE artifact = ?1", [id])?;
    Ok(())
}

/// Makes an artifact with its content.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactPut {
    /// What is known of it. A size or a hash, if given, must be those of the content.
    pub artifact: NewArtifact,
    /// The number of the content that was written.
    pub content: u64,
}

/// Gives an artifact another content.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactRevise {
    /// The artifact.
    pub id: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// The number of the content that was written.
    pub content: u64,
    /// Another media type.
    pub media_type: Option<String>,
    /// Whether the content takes the place of the current revision, where it is a new one by default.
    pub in_place: Option<bool>,
}

/// Lists the revisions of an artifact's content, the newest first.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevisionList {
    /// The artifact.
    pub id: String,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Names a revision of an artifact's content.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevisionRef {
    /// The artifact.
    pub id: String,
    /// The revision.
    pub revision: i64,
}

/// A revision of an artifact's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ArtifactRevision {
    /// Its number, from 1; numbers are not used again.
    pub revision: i64,
    /// Its length in bytes.
    pub size: u64,
    /// The BLAKE3 hash of its bytes, in hexadecimal digits.
    pub hash: String,
    /// Its media type.
    pub media_type: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
}

/// Makes an artifact with its content.
///
/// # Errors
/// As [`create`], and `invalid_argument` when the content is not the one that was expected.
pub fn put(tx: &Tx<'_>, new: &NewArtifact, content: &Content) -> Result<Artifact> {
    let expected = (new.size, new.hash.as_deref());
    check_expected(content, expected.0, expected.1)?;
    let artifact = create(tx, new)?;
    give(
        tx,
        &artifact,
        blobs::keep(tx, content)?,
        None,
        Revision::First,
    )
}

/// Makes an artifact with a content whose rows are there.
pub(super) fn publish(tx: &Tx<'_>, new: &NewArtifact, blob: i64) -> Result<Artifact> {
    let artifact = create(tx, new)?;
    give(tx, &artifact, blob, None, Revision::First)
}

/// Refuses a content that is not the one that was expected.
pub(super) fn check_expected(
    content: &Content,
    size: Option<i64>,
    hash: Option<&str>,
) -> Result<()> {
    if size.is_some_and(|size| u64::try_from(size) != Ok(content.size)) {
        let is = content.size;
        return Err(Error::invalid(format!(
            "the content is {is} bytes long, not as expected"
        )));
    }
    if hash.is_some_and(|hash| !hash.eq_ignore_ascii_case(&content.hash.to_hex())) {
        let is = content.hash;
        return Err(Error::invalid(format!(
            "the content's hash is {is}, not as expected"
        )));
    }
    Ok(())
}

/// Gives an artifact another content.
pub fn revise(tx: &Tx<'_>, change: &ArtifactRevise, content: &Content) -> Result<Artifact> {
    let current = get(tx, &change.id)?;
    check_version("artifact", change.version, current.version)?;
    if let Some(media_type) = &change.media_type {
        check_name("a media type", media_type)?;
    }
    let revision = if change.in_place.unwrap_or(false) {
        Revision::InPlace
    } else {
        Revision::Next
    };
    let blob = blobs::keep(tx, content)?;
    give(tx, &current, blob, change.media_type.as_deref(), revision)
}

/// Which revision of an artifact a content becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Revision {
    /// What it is made with, which is no change of it.
    First,
    /// A new one.
    Next,
    /// The current one, if there is one.
    InPlace,
}

fn give(
    tx: &Tx<'_>,
    current: &Artifact,
    blob: i64,
    media_type: Option<&str>,
    becomes: Revision,
) -> Result<Artifact> {
    let (hash, size) = blobs::named(tx, blob)?;
    let media_type = media_type.unwrap_or(&current.media_type);
    let revision = match current.revision {
        Some(revision) if becomes == Revision::InPlace => revision,
        Some(revision) => revision + 1,
        None => 1,
    };
    tx.execute(
        "INSERT INTO artifact_revision (artifact, revision, blob, media_type, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (artifact, revision) DO UPDATE SET blob = excluded.blob, media_type = excluded.media_type",
        (&current.id, revision, blob, media_type, tx.now_ms()),
    )?;
    let is_change = becomes != Revision::First;
    tx.execute(
        "UPDATE artifact SET size = ?2, hash = ?3, media_type = ?4, revision = ?5, version = version + ?6, updated_at = ?7
         WHERE artifact = ?1",
        (&current.id, size, hash, media_type, revision, i64::from(is_change), tx.now_ms()),
    )?;
    get(tx, &current.id)
}

/// A content that an artifact has or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The number of its rows.
    pub blob: i64,
    /// What is known of it.
    pub revision: ArtifactRevision,
}

/// Finds the content of an artifact, as of a revision or as it is.
///
/// # Errors
/// `not_found` where no such content is kept.
pub fn kept(view: &View<'_>, id: &str, revision: Option<i64>) -> Result<Kept> {
    let artifact = get(view, id)?;
    let revision = revision
        .or(artifact.revision)
        .ok_or_else(|| Error::not_found("content of artifact", id))?;
    let mut statement = view.prepare(&format!(
        "SELECT {REVISION_COLUMNS} WHERE r.artifact = ?1 AND r.revision = ?2"
    ))?;
    let mut rows = statement.query((id, revision))?;
    let row = rows.next()?;
    let row = row.ok_or_else(|| Error::not_found("revision of an artifact", revision))?;
    read_kept(row)
}

const REVISION_COLUMNS: &str = "r.revision, b.size, b.hash, r.media_type, r.created_at, b.blob
    FROM artifact_revision AS r JOIN blob AS b ON b.blob = r.blob";

fn read_kept(row: &rusqlite::Row<'_>) -> Result<Kept> {
    Ok(Kept {
        revision: ArtifactRevision {
            revision: row.get(0)?,
            size: row.get(1)?,
            hash: row.get(2)?,
            media_type: row.get(3)?,
            created_at: row.get(4)?,
        },
        blob: row.get(5)?,
    })
}

/// Lists the revisions of an artifact's content, the newest first.
pub fn revisions(view: &View<'_>, query: &RevisionList) -> Result<Page<ArtifactRevision>> {
    get(view, &query.id)?;
    let limit = page::limit(query.limit)?;
    let list = format!("revisions {}", query.id);
    let [before] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or([i64::MAX]);
    let mut statement = view.prepare(&format!(
        "SELECT {REVISION_COLUMNS} WHERE r.artifact = ?1 AND r.revision < ?2 ORDER BY r.revision DESC LIMIT ?3"
    ))?;
    let rows = statement.query((&query.id, before, limit + 1))?;
    let items: Vec<ArtifactRevision> = rows
        .and_then(|row| Ok(read_kept(row)?.revision))
        .collect::<Result<_>>()?;
    Ok(page::cut(items, limit, |last| {
        Cursor::encode(&list, &[last.revision])
    }))
}

/// Deletes a revision of an artifact's content that is no longer the current one.
///
/// # Errors
/// `conflict` for the current one.
pub fn forget(tx: &Tx<'_>, named: &RevisionRef) -> Result<()> {
    let artifact = get(tx, &named.id)?;
    if artifact.revision == Some(named.revision) {
        return Err(Error::new(
            crate::Code::Conflict,
            "the current revision goes with its artifact only",
        ));
    }
    let deleted = tx.execute(
        "DELETE FROM artifact_revision WHERE artifact = ?1 AND revision = ?2",
        (&named.id, named.revision),
    )?;
    if deleted == 0 {
        return Err(Error::not_found("revision of an artifact", named.revision));
    }
    Ok(())
}

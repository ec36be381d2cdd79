//! Uploads: files on their way in, in parts. What has arrived stays, so that they go on after a reload, and become artifacts.

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use super::artifacts::{self, Artifact, NewArtifact};
use super::listing::{Asked, Listing};
use super::page::{Order, Page};
use super::{Named, blobs, from_json, owner, settings, text, to_json};
use crate::blob::{Content, Piece};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// The setting of the app, or of a user, that holds [`UploadLimits`].
pub const LIMITS: &str = "uploads.limits";

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum UploadState {
    /// Nothing has arrived.
    Pending,
    /// Some has arrived.
    Uploading,
    /// All has arrived, and is what was expected.
    Stored,
    /// It failed; it can be tried again.
    Failed,
    /// It became an artifact.
    Published,
}

impl UploadState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Uploading => "uploading",
            Self::Stored => "stored",
            Self::Failed => "failed",
            Self::Published => "published",
        }
    }

    fn named(name: &str) -> Result<Self> {
        let all = [
            Self::Pending,
            Self::Uploading,
            Self::Stored,
            Self::Failed,
            Self::Published,
        ];
        let found = all.into_iter().find(|state| state.as_str() == name);
        found.ok_or_else(|| Error::corrupt(format!("no state of an upload is called {name:?}")))
    }
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// A UUIDv7.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The artifact that is made of it. Its size and hash, if given, are those that are expected.
    pub artifact: NewArtifact,
    /// Where it stands.
    pub state: UploadState,
    /// Bytes that have arrived and are kept: where it goes on.
    pub received: u64,
    /// How often it failed.
    pub failures: i64,
    /// The code of the last failure: `invalid_argument` when what arrived was not what was expected, or more than allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Code>,
    /// The artifact that it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_id: Option<String>,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// Names one upload.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UploadRef {
    /// The upload.
    pub id: String,
}

/// Which uploads to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UploadList {
    /// The user whose uploads to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those that stand there.
    pub state: Option<UploadState>,
    /// By when they were created; newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// What may be uploaded: the value of the setting `uploads.limits`, of the app and of a user. Both hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UploadLimits {
    /// The most bytes of one upload.
    pub max_bytes: Option<u64>,
    /// Media types that are allowed, such as `text/plain` or `image/*`.
    pub media_types: Option<Vec<String>>,
}

const COLUMNS: &str = "upload, user, becomes, state, received, failures, error, artifact, created_at, updated_at, blob";

const UPLOAD: Named = Named {
    what: "upload",
    table: "upload",
    key: "upload",
    columns: COLUMNS,
};

fn read(row: &Row<'_>) -> Result<Upload> {
    let error: Option<String> = row.get(6)?;
    let error = error.map(|code| from_json("code", &format!("\"{code}\"")));
    Ok(Upload {
        id: row.get(0)?,
        user_id: UserId { user: row.get(1)? },
        artifact: from_json("artifact to be", text(row, 2)?)?,
        state: UploadState::named(text(row, 3)?)?,
        received: row.get(4)?,
        failures: row.get(5)?,
        error: error.transpose()?,
        artifact_id: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}

/// Begins an upload of what is to become an artifact.
///
/// # Errors
/// As [`artifacts::create`], and `invalid_argument` for what may not be uploaded.
pub fn create(tx: &Tx<'_>, new: &NewArtifact) -> Result<Upload> {
    let user = artifacts::check_new(tx, new)?;
    let size = new.size.and_then(|size| u64::try_from(size).ok());
    check_limits(tx, user, new, size.unwrap_or(0))?;
    let becomes = NewArtifact {
        user_id: Some(user),
        ..new.clone()
    };
    let id = tx.uuid();
    tx.execute(
        "INSERT INTO upload (upload, user, becomes, state, received, failures, created_at, updated_at)
         VALUES (?1, ?2, ?3, 'pending', 0, 0, ?4, ?4)",
        (&id, user.user, to_json("the artifact", &becomes)?, tx.now_ms()),
    )?;
    get(tx, &id)
}

fn check_limits(view: &View<'_>, user: UserId, new: &NewArtifact, size: u64) -> Result<()> {
    for owner in [None, Some(user)] {
        let Some(setting) = settings::read(view, owner, LIMITS)? else {
            continue;
        };
        let limits: UploadLimits = from_json(LIMITS, &to_json(LIMITS, &setting.value)?)?;
        if let Some(max) = limits.max_bytes.filter(|max| size > *max) {
            return Err(Error::invalid(format!(
                "an upload is {max} bytes long at most"
            )));
        }
        let media_type = new.media_type.as_deref().unwrap_or(artifacts::ANY_TYPE);
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let fits = |allowed: &String| match allowed.strip_suffix('*') {
            Some(beginning) => essence.starts_with(beginning),
            None => essence.eq_ignore_ascii_case(allowed),
        };
        if limits
            .media_types
            .is_some_and(|types| !types.iter().any(fits))
        {
            return Err(Error::invalid(format!("{essence} may not be uploaded")));
        }
    }
    Ok(())
}

/// Reads an upload.
pub fn get(view: &View<'_>, id: &str) -> Result<Upload> {
    UPLOAD.get(view, id, read)
}

/// Lists a user's uploads by when they were created, newest first unless asked otherwise.
pub fn list(view: &View<'_>, query: &UploadList) -> Result<Page<Upload>> {
    let user = owner(view, query.user_id)?;
    let mut list = Listing::of("upload", COLUMNS, "created_at", "upload_by_creation", user);
    let state = query.state.map(UploadState::as_str);
    list.lead("upload_by_state", "state", state);
    let asked = Asked {
        order: query.order,
        limit: query.limit,
        cursor: query.cursor.as_deref(),
    };
    list.page(view, &asked, |row| read(row).map(Some))
}

/// Deletes an upload and what has arrived of it. What it became stays.
pub fn delete(tx: &Tx<'_>, id: &str) -> Result<()> {
    get(tx, id)?;
    tx.execute("DELETE FROM upload WHERE upload = ?1", [id])?;
    Ok(())
}

/// What has arrived of an upload that can go on.
///
/// # Errors
/// `conflict` when all of it has arrived.
pub fn arrived(view: &View<'_>, id: &str) -> Result<(Upload, Vec<Piece>)> {
    let upload = get(view, id)?;
    if matches!(upload.state, UploadState::Stored | UploadState::Published) {
        return Err(whole(&upload));
    }
    let pieces = match blob(view, id)? {
        Some(blob) => blobs::pieces(view, blob, 0, u64::MAX)?,
        None => Vec::new(),
    };
    let pieces = pieces
        .into_iter()
        .filter(|(position, _)| *position < upload.received)
        .map(|(_, piece)| piece)
        .collect();
    Ok((upload, pieces))
}

fn whole(upload: &Upload) -> Error {
    let state = upload.state.as_str();
    Error::new(Code::Conflict, format!("the upload is {state} already"))
}

fn blob(view: &View<'_>, id: &str) -> Result<Option<i64>> {
    UPLOAD.get(view, id, |row| Ok(row.get(10)?))
}

fn check_place(upload: &Upload, place: u64) -> Result<()> {
    if upload.received == place {
        return Ok(());
    }
    Err(Error::new(
        Code::Conflict,
        format!("the upload is at {}, not at {place}", upload.received),
    ))
}

/// Adds pieces that have arrived and are kept, behind those before.
///
/// # Errors
/// `invalid_argument` when it is longer than it may be, or was said to be; `conflict` when it went on elsewhere meanwhile.
pub fn receive(tx: &Tx<'_>, id: &str, from: u64, pieces: &[Piece]) -> Result<Upload> {
    let upload = get(tx, id)?;
    if matches!(upload.state, UploadState::Stored | UploadState::Published) {
        return Err(whole(&upload));
    }
    check_place(&upload, from)?;
    let received = from + pieces.iter().map(|piece| piece.size).sum::<u64>();
    check_limits(tx, upload.user_id, &upload.artifact, received)?;
    let expected = upload
        .artifact
        .size
        .and_then(|size| u64::try_from(size).ok());
    if let Some(size) = expected.filter(|size| received > *size) {
        return Err(Error::invalid(format!(
            "the upload is longer than {size} bytes"
        )));
    }
    let blob = blobs::grow(tx, blob(tx, id)?, from, pieces)?;
    tx.execute(
        "UPDATE upload SET blob = ?2, received = ?3, state = 'uploading', updated_at = ?4 WHERE upload = ?1",
        (id, blob, received, tx.now_ms()),
    )?;
    get(tx, id)
}

/// Says that all has arrived.
///
/// # Errors
/// `invalid_argument` when it is not what was expected; `conflict` when it was published, or went on elsewhere meanwhile.
pub fn store(tx: &Tx<'_>, id: &str, content: &Content) -> Result<Upload> {
    let upload = get(tx, id)?;
    if upload.state == UploadState::Published {
        return Err(whole(&upload));
    }
    check_place(&upload, content.size)?;
    artifacts::check_expected(
        content,
        upload.artifact.size,
        upload.artifact.hash.as_deref(),
    )?;
    let blob = blobs::complete(tx, blob(tx, id)?, content)?;
    tx.execute(
        "UPDATE upload SET blob = ?2, received = ?3, state = 'stored', error = NULL, updated_at = ?4 WHERE upload = ?1",
        (id, blob, content.size, tx.now_ms()),
    )?;
    get(tx, id)
}

/// Notes that it failed. What arrived of a content that was not the expected one is let go of.
pub fn fail(tx: &Tx<'_>, id: &str, code: Code) -> Result<()> {
    let is_useless = code == Code::InvalidArgument;
    tx.execute(
        "UPDATE upload SET state = 'failed', failures = failures + 1, error = ?2, updated_at = ?3,
           blob = CASE WHEN ?4 THEN NULL ELSE blob END, received = CASE WHEN ?4 THEN 0 ELSE received END
         WHERE upload = ?1",
        (id, code.as_str(), tx.now_ms(), is_useless),
    )?;
    Ok(())
}

/// Makes an artifact of an upload that is stored; doing so again gives the same artifact.
///
/// # Errors
/// `conflict` while it is not stored; as [`artifacts::create`].
pub fn publish(tx: &Tx<'_>, id: &str) -> Result<Artifact> {
    let upload = get(tx, id)?;
    if let Some(artifact) = &upload.artifact_id {
        return artifacts::get(tx, artifact);
    }
    let blob = blob(tx, id)?.filter(|_| upload.state == UploadState::Stored);
    let blob = blob.ok_or_else(|| {
        Error::new(
            Code::Conflict,
            format!("the upload is {}, not stored", upload.state.as_str()),
        )
    })?;
    let artifact = artifacts::publish(tx, &upload.artifact, blob)?;
    tx.execute(
        "UPDATE upload SET state = 'published', artifact = ?2, blob = NULL, updated_at = ?3 WHERE upload = ?1",
        (id, &artifact.id, tx.now_ms()),
    )?;
    Ok(artifact)
}

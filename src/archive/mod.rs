//! Archives: records and contents in one zip, which people own and ordinary tools open.
//!
//! An archive holds `README.txt`, the records as JSON Lines in `data/`, one file per table, charts in their own interchange
//! format in `charts/`, contents as they are in `artifacts/`, then `SHA256SUMS` over all of these, and `manifest.json` last:
//! an archive that was cut off has none. `docs/archives.md` has every field.

mod export;
mod merge;
mod records;
mod rows;
mod select;
mod stage;
pub mod zip;

use serde::{Deserialize, Serialize};

use crate::disk::File;
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, UserId};
use zip::{EntryReader, Zip};

pub use export::{Export, ExportProgress, ExportRequest};
pub use merge::{
    ImportConflict, ImportCount, ImportDecision, ImportKind, ImportOptions, ImportReport, Merge,
    OnConflict,
};
pub use stage::Staging;

/// What `manifest.json` calls the format.
pub const FORMAT: &str = "strongroom-archive";

/// The version of the format that is written here. Older ones are read.
pub const VERSION: u32 = 1;

/// The entry that tells of all others.
pub const MANIFEST: &str = "manifest.json";

/// The checksums of the entries before it, as `sha256sum` checks them.
pub const SUMS: &str = "SHA256SUMS";

/// What an archive is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ArchiveScope"))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Scope {
    /// Everything in the store.
    #[default]
    All,
    /// A user, with everything of theirs.
    User {
        /// The user.
        id: UserId,
    },
    /// What is in a context of a user.
    Context {
        /// The user.
        user_id: UserId,
        /// The context's name.
        name: String,
    },
    /// A construct with its sessions, their transcripts, artifacts, events and metrics.
    Construct {
        /// The construct.
        id: String,
    },
    /// A conversation with the artifacts of its messages.
    Conversation {
        /// The conversation.
        id: ConversationId,
    },
    /// A structural tension chart with the charts below it.
    Chart {
        /// The user.
        user_id: UserId,
        /// The context the chart is in.
        context: String,
        /// The chart's id.
        chart: String,
    },
}

/// How many rows of a table there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RecordCount {
    /// The table, which names the file in `data/` too.
    pub table: String,
    /// Its rows.
    pub count: u64,
}

/// An entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySum {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// A content that an archive lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LostContent {
    /// Its BLAKE3 hash, in hexadecimal digits.
    pub hash: String,
    /// What kept it from being read.
    pub reason: String,
}

/// What an archive says of itself, in `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// The schema version of the rows.
    pub schema: u32,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// What made it.
    pub made_by: String,
    /// The store it was made from.
    pub store: String,
    /// The last journal line that it holds.
    pub seq: u64,
    /// What it is of.
    pub scope: Scope,
    /// Rows by table.
    pub records: Vec<RecordCount>,
    /// Contents that could not be read when it was made.
    pub lost: Vec<LostContent>,
    /// Every other entry.
    pub entries: Vec<EntrySum>,
}

/// The longest manifest, in bytes.
const MAX_MANIFEST_BYTES: u64 = 256 << 20;

impl Manifest {
    /// Reads what an archive says of itself; of whichever version it is.
    ///
    /// # Errors
    /// `archive_invalid` when it says nothing, or is another format's.
    pub fn read(file: &dyn File, zip: &Zip) -> Result<Self> {
        let entry = zip.find(MANIFEST).ok_or_else(|| {
            invalid("it has no manifest.json: it is not whole, or not one of these")
        })?;
        if entry.size > MAX_MANIFEST_BYTES {
            return Err(invalid("its manifest is too long"));
        }
        let mut reader = EntryReader::new(file, entry)?;
        let mut text = Vec::new();
        while let Some(bytes) = reader.next(file)? {
            text.extend(bytes);
        }
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| invalid("its manifest cannot be read").caused_by(error))?;
        if manifest.format == FORMAT {
            Ok(manifest)
        } else {
            Err(invalid("its manifest is of another format"))
        }
    }
}

/// What it means that an archive is not as it should be.
fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(
        Code::ArchiveInvalid,
        format!("the archive cannot be read: {what}"),
    )
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| {
        DIGITS
            .get(usize::from(half))
            .map_or('0', |digit| char::from(*digit))
    };
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

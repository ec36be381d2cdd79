//! Archives: records and contents in one zip, which people own and ordinary tools open.
//!
//! An archive holds `README.txt`, the records as JSON Lines in `data/`, one file per table, charts in their own interchange
//! format in `charts/`, conversations as Markdown in `conversations/` where that is asked for, contents as they are in `artifacts/`, then `SHA256SUMS` over all of these, and `manifest.json` last:
//! an archive that was cut off has none. `docs/archives.md` has every field.

mod blocks;
mod database;
mod entries;
mod export;
mod foreign;
mod incoming;
mod join;
mod merge;
mod records;
mod rows;
mod salvage;
mod scrub;
mod select;
mod single;
mod source;
mod stage;
mod verify;
pub mod zip;

use serde::{Deserialize, Serialize};

use crate::disk::File;
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, UserId};
use zip::{EntryReader, Zip};

pub use database::Database;
pub use export::{Export, ExportForm, ExportProgress, ExportRequest};
pub use foreign::ImportFormat;
pub use incoming::{Incoming, is_encrypted};
pub use join::Join;
pub use merge::{
    ImportConflict, ImportCount, ImportDecision, ImportKind, ImportOptions, ImportReport, Merge,
    OnConflict, bring_in,
};
pub use salvage::{Salvaged, salvage, set_aside};
pub use scrub::{Erased, Scrub};
pub use single::{ConversationExport, ConversationForm, ExportedText, export_conversation};
pub use source::{Source, SumReader};
pub use stage::Staging;
pub use verify::Verification;

/// What `manifest.json` calls the format.
pub const FORMAT: &str = "strongroom-archive";

/// The newest version of the format. Older ones are read.
pub const VERSION: u32 = BACKUP_VERSION;

/// The version of archives that stand alone.
const ALONE_VERSION: u32 = 1;

/// The version of backups, which have their rows in blocks and may build on others.
const BACKUP_VERSION: u32 = 2;

/// What made an archive that is written here.
const MADE_BY: &str = concat!("strongroom ", env!("CARGO_PKG_VERSION"));

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
    /// The file that it lies in, if that is another one.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// A block of rows that lost some of them, because they were erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedBlock {
    /// Its name before.
    pub name: String,
    /// What is left of it; none if nothing is. So are contents that were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// Rows that it lost.
    pub rows: u64,
}

/// What a backup is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum BackupKind {
    /// It was made by itself, and builds on those before it.
    Daily,
    /// It was made by itself, and stands alone.
    Weekly,
    /// Someone asked for it.
    Manual,
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
    /// What it was made for, if it is a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupKind>,
    /// Its place among the backups beside it, if it is one: larger numbers are newer, whatever the clock said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The files beside it that it cannot be without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub base: Vec<String>,
    /// Blocks of rows from which something was erased since, so that what builds on them finds what became of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<ErasedBlock>,
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
    /// Reads what a file says of itself.
    ///
    /// # Errors
    /// As [`Zip::open`] and [`read`](Self::read).
    pub fn of(file: &dyn File) -> Result<Self> {
        Self::read(file, &Zip::open(file)?)
    }

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

/// Whether a file is an archive by its name, which is one that is given here.
#[must_use]
pub fn is_archive(name: &str) -> bool {
    name.strip_suffix(".zip").is_some()
}

/// The table that an entry has rows of: all of them, or a block.
fn table_of(name: &str) -> Option<&str> {
    let rows = name.strip_prefix("data/")?.strip_suffix(".jsonl")?;
    Some(rows.split_once('/').map_or(rows, |(table, _)| table))
}

/// The hash of the content that an entry is.
fn hash_of(name: &str) -> Option<&str> {
    let (_, hash) = name.strip_prefix("artifacts/")?.split_once('/')?;
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

/// The name of the entry that a content is.
fn content_name(hash: &str) -> String {
    format!("artifacts/{}/{hash}", hash.get(..2).unwrap_or_default())
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

//! Files that belong to messages: those beside the conversations, and what `data:` URLs hold. They become artifacts.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::USER;
use super::input::Input;
use crate::blob::{Content, Piece, Writer};
use crate::domain::artifacts::{self, ArtifactRevise, NewArtifact};
use crate::domain::{MAX_LABEL_BYTES, Metadata};
use crate::error::Result;
use crate::id::MessageId;
use crate::interop::unreadable;
use crate::store::{Store, Tx};

/// What the artifacts are called.
const KIND: &str = "attachment";

/// The least letters of an id that a file's name may begin with.
const MIN_ID: usize = 8;

/// Bytes of a file that are taken in one slice.
const SLICE_BYTES: u64 = 1 << 20;

/// Base64 as it is found: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The files of an import, by what messages may call them.
pub struct Beside {
    /// By path and by name; none where several have the same.
    files: BTreeMap<String, Option<Rc<Input>>>,
}

impl Beside {
    pub fn of(inputs: &[Rc<Input>]) -> Self {
        let mut files: BTreeMap<String, Option<Rc<Input>>> = BTreeMap::new();
        for input in inputs {
            files
                .entry(last(&input.name).to_owned())
                .and_modify(|file| *file = None)
                .or_insert_with(|| Some(input.clone()));
        }
        for input in inputs {
            files.insert(input.name.clone(), Some(input.clone()));
        }
        Self { files }
    }

    /// The file that a message means.
    fn find(&self, reference: &str) -> Option<Rc<Input>> {
        if reference.starts_with("http:") || reference.starts_with("https:") {
            return None;
        }
        let named = reference.split_once("://").map_or(reference, |it| it.1);
        let named = named.trim_start_matches('/');
        let id = last(named);
        let named = self.files.get(named).or_else(|| self.files.get(id));
        if let Some(file) = named {
            return file.clone();
        }
        // A name that begins with the id: `file-1aB2-picture.png`.
        if id.len() < MIN_ID {
            return None;
        }
        let behind = self.files.range(id.to_owned()..);
        let mut begun = behind.take_while(|(name, _)| name.starts_with(id));
        let begun = begun.find(|(name, _)| {
            let end = name.get(id.len()..).unwrap_or_default();
            end.starts_with(['-', '.', '_'])
        });
        begun.and_then(|(_, file)| file.clone())
    }

    /// What a message's file holds; none if it is elsewhere.
    pub fn content(&self, reference: &str) -> Option<Found> {
        if let Some(url) = reference.strip_prefix("data:") {
            let (media_type, data) = url.split_once(";base64,")?;
            let bytes = BASE64.decode(data).ok()?;
            let media_type = media_type.split(';').next().unwrap_or_default();
            return Some(Found {
                media_type: Some(media_type.to_owned()).filter(|name| !name.is_empty()),
                name: None,
                source: None,
                bytes: Held::Bytes(bytes),
            });
        }
        let file = self.find(reference)?;
        let id = last(reference);
        let name = last(&file.name);
        let own = name.strip_prefix(id).unwrap_or(name);
        let own = own.trim_start_matches(['-', '_']);
        let name = if own.is_empty() || own.starts_with('.') {
            name
        } else {
            own
        };
        Some(Found {
            media_type: media_type_of(name).map(str::to_owned),
            name: Some(name.to_owned()),
            source: Some(file.name.clone()),
            bytes: Held::File(file),
        })
    }
}

/// What a message's file turned out to be.
pub struct Found {
    pub media_type: Option<String>,
    pub name: Option<String>,
    /// The file it is in; none of a URL that holds it.
    pub source: Option<String>,
    bytes: Held,
}

impl Found {
    fn open(&mut self) -> Result<Box<dyn Read>> {
        Ok(match &mut self.bytes {
            Held::Bytes(bytes) => Box::new(Cursor::new(std::mem::take(bytes))),
            Held::File(file) => Box::new(file.open()?),
        })
    }
}

enum Held {
    Bytes(Vec<u8>),
    File(Rc<Input>),
}

/// A file of a message, which is put once the message is.
pub struct Attachment {
    /// The artifact it becomes.
    pub id: String,
    pub message: MessageId,
    pub created_at: i64,
    pub found: Found,
}

/// A file that is being read.
pub struct Attaching {
    attachment: Attachment,
    /// What is read; none before the first step.
    bytes: Option<Box<dyn Read>>,
    writer: Writer,
}

impl Attaching {
    pub fn new(attachment: Attachment) -> Self {
        let writer = Writer::new(attachment.found.media_type.as_deref().unwrap_or_default());
        Self {
            attachment,
            bytes: None,
            writer,
        }
    }

    /// The file it is in.
    pub fn source(&self) -> &str {
        self.attachment.found.source.as_deref().unwrap_or("data:")
    }

    /// Reads a slice, keeps what is whole of it, and tells the pieces; the content when that was all.
    ///
    /// # Errors
    /// `archive_invalid` when an entry of a zip is not what it says; `quota_exceeded` when there is no room for it.
    pub async fn step(
        &mut self,
        store: &mut Store,
        kept: &mut Vec<Piece>,
    ) -> Result<Option<Content>> {
        let bytes = match &mut self.bytes {
            Some(bytes) => bytes,
            none => none.insert(self.attachment.found.open()?),
        };
        let mut block = Vec::new();
        let mut slice = bytes.by_ref().take(SLICE_BYTES);
        slice.read_to_end(&mut block).map_err(unreadable)?;
        let is_end = block.is_empty();
        self.writer.push(&block);
        let before = self.writer.pieces().len();
        let done = store.keep_ready(&mut self.writer, is_end).await;
        kept.extend_from_slice(self.writer.pieces().get(before..).unwrap_or_default());
        done?;
        Ok(is_end.then(|| self.writer.content()))
    }

    /// Makes its artifact: without a content where that could not be read.
    pub fn put(self, tx: &Tx<'_>, content: Option<&Content>) -> Result<()> {
        let Attachment {
            id,
            message,
            created_at,
            found,
        } = self.attachment;
        let name = found.name.as_deref().filter(|name| !name.is_empty());
        let name = name.unwrap_or(KIND);
        let name = name.get(..name.floor_char_boundary(MAX_LABEL_BYTES));
        let metadata = match &found.source {
            Some(source) => Metadata::default().with("source", source)?,
            None => Metadata::default(),
        };
        let new = NewArtifact {
            user_id: Some(USER),
            construct_id: None,
            session_id: None,
            message_id: Some(message),
            kind: KIND.to_owned(),
            name: name.unwrap_or(KIND).to_owned(),
            media_type: found.media_type,
            size: None,
            hash: None,
            metadata: Some(metadata),
        };
        let artifact = artifacts::create(tx, &new)?;
        tx.execute(
            "UPDATE artifact SET artifact = ?2, created_at = ?3 WHERE artifact = ?1",
            (&artifact.id, &id, created_at),
        )?;
        if let Some(content) = content {
            let change = ArtifactRevise {
                id,
                version: artifact.version,
                content: 0,
                media_type: None,
                in_place: None,
            };
            artifacts::revise(tx, &change, content)?;
        }
        Ok(())
    }
}

/// The last name of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a file's name says of its content.
fn media_type_of(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "json" => "application/json",
        "html" => "text/html",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "zip" => "application/zip",
        _ => return None,
    })
}

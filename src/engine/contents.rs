//! Contents on their way in and out: bytes beside the requests.
//!
//! A content is written first, in as many requests as it takes, and then given to an artifact by its number, in one request
//! like any other. Until then, and if that never comes, nothing is left of it but files that are removed.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Request, json};
use crate::blob::{Content, Files, Packing, Piece, Writer};
use crate::domain::artifacts::{self, ArtifactRevision};
use crate::domain::{blobs, uploads};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::store::{Caller, Store, Turn};

/// The most bytes of one request or answer.
pub const MAX_BYTES: usize = 4 << 20;

/// Contents that can be on their way at the same time.
const MAX_WRITERS: usize = 256;

/// Contents whose hash can go on where it ended.
const REMEMBERED: usize = 16;

/// Writes the next bytes of a content; they come beside the request.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContentWrite {
    /// The content; a new one without.
    pub content: Option<u64>,
    /// The media type of a new one: `application/octet-stream` by default.
    pub media_type: Option<String>,
    /// The artifact whose content a new one continues.
    pub continues: Option<String>,
    /// The upload that a new one continues; what arrives is kept there as it comes.
    pub upload: Option<String>,
    /// Whether these are the last bytes.
    pub is_last: Option<bool>,
}

/// How far a content is written.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ContentWritten {
    /// Its number, for this worker's lifetime.
    pub content: u64,
    /// Its length so far, in bytes.
    pub size: u64,
    /// The version of the artifact that it continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// Gives up a content; what it was given to keeps it.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContentRef {
    /// The content.
    pub content: u64,
}

/// Reads some of an artifact's content; the bytes come beside the answer.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContentRead {
    /// The artifact.
    pub id: String,
    /// A revision of its content; the current one by default.
    pub revision: Option<i64>,
    /// The first byte to read; 0 by default.
    pub start: Option<u64>,
    /// The most bytes to read: as many as are at hand by default, 4 MiB at most. Fewer may come.
    pub length: Option<u64>,
}

/// Says where the pieces of an artifact's content lie.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContentPiecesRead {
    /// The artifact.
    pub id: String,
    /// A revision of its content; the current one by default.
    pub revision: Option<i64>,
}

/// A piece of a content.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ContentPiece {
    /// Its length in bytes.
    pub size: u64,
    /// The file that holds it as it is, in the store's folder; absent where it is packed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// The pieces of a content.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ContentPieces {
    /// Of which revision they are.
    pub revision: ArtifactRevision,
    /// All of them, in order.
    pub pieces: Vec<ContentPiece>,
}

/// A content on its way in.
struct Incoming {
    number: u64,
    user: Option<UserId>,
    writer: Writer,
    is_whole: bool,
    upload: Option<String>,
}

/// Contents on their way.
#[derive(Default)]
pub struct Contents {
    last: u64,
    incoming: Vec<Incoming>,
    /// What tells the hash of contents with more behind them, the newest last.
    hashers: VecDeque<blake3::Hasher>,
    /// The piece that was read last.
    at_hand: Option<(blake3::Hash, Vec<u8>)>,
}

impl Contents {
    /// Answers a request that has bytes, or wants some: none if there is no such method.
    pub async fn answer(
        &mut self,
        store: &mut Store,
        request: Request<'_>,
        bytes: &[u8],
    ) -> Option<Result<(String, Option<Vec<u8>>)>> {
        let answer = match request.method {
            "contents.write" => self.write(store, request, bytes).await,
            "contents.drop" => self.drop(store, request).await,
            "contents.pieces" => pieces_of(store, request),
            "artifacts.read" => return Some(self.read(store, request).await),
            _ => return None,
        };
        Some(answer.map(|json| (json, None)))
    }

    async fn write(
        &mut self,
        store: &mut Store,
        request: Request<'_>,
        bytes: &[u8],
    ) -> Result<String> {
        let user = request.caller()?.user;
        let args: ContentWrite = json::read(request.args)?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::invalid(format!(
                "a request has {MAX_BYTES} bytes at most"
            )));
        }
        let (mut incoming, version) = match args.content {
            Some(number) => (self.take(number, user)?, None),
            None => self.begin(store, user, &args).await?,
        };
        if incoming.is_whole {
            self.incoming.push(incoming);
            return Err(Error::new(Code::Closed, "the content is whole"));
        }
        incoming.writer.push(bytes);
        incoming.is_whole = args.is_last.unwrap_or(false);
        if let Err(error) = keep(store, &mut incoming).await {
            // A content with a hole is none. What an upload has stays with it.
            let failed = match &incoming.upload {
                Some(upload) => fail(store, upload, error.code()),
                None => Ok(()),
            };
            store.give_back(incoming.writer.pieces()).await?;
            failed?;
            return Err(error);
        }
        let written = ContentWritten {
            content: incoming.number,
            size: incoming.writer.size(),
            version,
        };
        if incoming.is_whole {
            self.remember(incoming.writer.hasher().clone());
        }
        self.incoming.push(incoming);
        json::write(&written)
    }

    async fn begin(
        &mut self,
        store: &mut Store,
        user: Option<UserId>,
        args: &ContentWrite,
    ) -> Result<(Incoming, Option<i64>)> {
        if self.incoming.len() >= MAX_WRITERS {
            return Err(Error::invalid(format!(
                "more than {MAX_WRITERS} contents are being written"
            )));
        }
        let (writer, version) = match (&args.continues, &args.upload) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid(
                    "a content continues an artifact or an upload, not both",
                ));
            }
            (None, Some(upload)) => (self.resume_upload(store, user, upload).await?, None),
            (None, None) => {
                let media_type = args.media_type.as_deref();
                let media_type = media_type.unwrap_or("application/octet-stream");
                (Writer::new(media_type), None)
            }
            (Some(artifact), None) => {
                let (writer, version) = self.resume(store, user, artifact).await?;
                (writer, Some(version))
            }
        };
        self.last += 1;
        let incoming = Incoming {
            number: self.last,
            user,
            writer,
            is_whole: false,
            upload: args.upload.clone(),
        };
        Ok((incoming, version))
    }

    /// A writer that goes on where an artifact's content ends.
    async fn resume(
        &mut self,
        store: &mut Store,
        user: Option<UserId>,
        id: &str,
    ) -> Result<(Writer, i64)> {
        let (artifact, pieces) = store.read(caller(user), |view| {
            let artifact = artifacts::get(view, id)?;
            let kept = match artifact.revision {
                Some(_) => blobs::pieces(view, artifacts::kept(view, id, None)?.blob, 0, u64::MAX)?,
                None => Vec::new(),
            };
            Ok((artifact, kept))
        })?;
        let mut pieces: Vec<_> = pieces.into_iter().map(|(_, piece)| piece).collect();
        let hash = artifact.hash.as_deref();
        let hasher = self.hasher_of(store, hash, &pieces).await?;
        let mut rest = Vec::new();
        for piece in pieces.split_off(pieces.len() - Writer::loose_end(&pieces)) {
            rest.extend(store.read_piece(&piece).await?);
        }
        for piece in &pieces {
            store.lease_piece(piece);
        }
        let writer = Writer::resume(&artifact.media_type, pieces, hasher, rest);
        Ok((writer, artifact.version))
    }

    /// A writer that goes on where an upload is.
    async fn resume_upload(
        &mut self,
        store: &mut Store,
        user: Option<UserId>,
        id: &str,
    ) -> Result<Writer> {
        let (upload, pieces) = store.read(caller(user), |view| uploads::arrived(view, id))?;
        let hasher = self.hasher_of(store, None, &pieces).await?;
        for piece in &pieces {
            store.lease_piece(piece);
        }
        let media_type = upload.artifact.media_type.as_deref().unwrap_or_default();
        Ok(Writer::resume(media_type, pieces, hasher, Vec::new()))
    }

    /// What tells the hash of some pieces with more behind them.
    async fn hasher_of(
        &mut self,
        store: &Store,
        hash: Option<&str>,
        pieces: &[Piece],
    ) -> Result<blake3::Hasher> {
        if let Some(known) = self.recall(hash) {
            return Ok(known);
        }
        let mut hasher = blake3::Hasher::new();
        for piece in pieces {
            hasher.update(&store.read_piece(piece).await?);
        }
        Ok(hasher)
    }

    fn remember(&mut self, hasher: blake3::Hasher) {
        if self.hashers.len() >= REMEMBERED {
            self.hashers.pop_front();
        }
        self.hashers.push_back(hasher);
    }

    fn recall(&mut self, hash: Option<&str>) -> Option<blake3::Hasher> {
        let hash = blake3::Hash::from_hex(hash?).ok()?;
        let place = self
            .hashers
            .iter()
            .position(|hasher| hasher.finalize() == hash)?;
        self.hashers.remove(place)
    }

    fn place(&self, number: u64, user: Option<UserId>) -> Result<usize> {
        let place = self.incoming.iter().position(|it| it.number == number);
        place
            .filter(|place| self.incoming.get(*place).is_some_and(|it| it.user == user))
            .ok_or_else(|| Error::not_found("content being written", number))
    }

    fn take(&mut self, number: u64, user: Option<UserId>) -> Result<Incoming> {
        Ok(self.incoming.swap_remove(self.place(number, user)?))
    }

    async fn drop(&mut self, store: &mut Store, request: Request<'_>) -> Result<String> {
        let args: ContentRef = json::read(request.args)?;
        let incoming = self.take(args.content, request.caller()?.user)?;
        store.give_back(incoming.writer.pieces()).await?;
        json::write(&super::Nothing)
    }

    /// A content that was written whole.
    fn whole(&self, number: u64, user: Option<UserId>) -> Result<Content> {
        let place = self.place(number, user)?;
        let incoming = self.incoming.get(place).filter(|it| it.is_whole);
        let incoming = incoming.ok_or_else(|| Error::invalid("the content is not whole yet"))?;
        Ok(incoming.writer.content())
    }

    async fn read(
        &mut self,
        store: &mut Store,
        request: Request<'_>,
    ) -> Result<(String, Option<Vec<u8>>)> {
        let args: ContentRead = json::read(request.args)?;
        let start = args.start.unwrap_or(0);
        let length = args.length.unwrap_or(1).clamp(1, MAX_BYTES as u64);
        let (revision, pieces) = store.read(request.caller()?, |view| {
            let kept = artifacts::kept(view, &args.id, args.revision)?;
            let pieces = blobs::pieces(view, kept.blob, start, length)?;
            Ok((kept.revision, pieces))
        })?;
        let length = args
            .length
            .map_or(MAX_BYTES, |_| usize::try_from(length).unwrap_or(MAX_BYTES));
        let bytes = self
            .gather(store, &pieces, start, length, &revision)
            .await?;
        Ok((json::write(&revision)?, Some(bytes)))
    }

    /// The bytes from `start` on that some pieces have.
    async fn gather(
        &mut self,
        store: &Store,
        pieces: &[(u64, Piece)],
        start: u64,
        length: usize,
        revision: &ArtifactRevision,
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (position, piece) in pieces {
            let end = position + piece.size;
            if start >= end && start < revision.size {
                return Err(Error::corrupt("a content lacks a piece"));
            }
            let from = start.max(*position) - position;
            let whole = self.piece(store, piece).await?;
            let rest = usize::try_from(from)
                .ok()
                .and_then(|from| whole.get(from..));
            let rest = rest.unwrap_or_default();
            let room = length - bytes.len();
            bytes.extend_from_slice(rest.get(..room).unwrap_or(rest));
            if bytes.len() >= length {
                break;
            }
        }
        Ok(bytes)
    }

    /// The bytes of a piece. Who reads on, or about, finds it at hand.
    async fn piece(&mut self, store: &Store, piece: &Piece) -> Result<&[u8]> {
        let bytes = match self.at_hand.take() {
            Some((hash, bytes)) if hash == piece.hash => bytes,
            _ => store.read_piece(piece).await?,
        };
        let (_, bytes) = self.at_hand.insert((piece.hash, bytes));
        Ok(bytes)
    }

    /// Forgets what it read: the store was recovered, or closed.
    pub fn doubt(&mut self) {
        self.at_hand = None;
    }
}

/// Where the pieces of a content lie.
fn pieces_of(store: &mut Store, request: Request<'_>) -> Result<String> {
    let args: ContentPiecesRead = json::read(request.args)?;
    let (revision, pieces) = store.read(request.caller()?, |view| {
        let kept = artifacts::kept(view, &args.id, args.revision)?;
        let pieces = blobs::pieces(view, kept.blob, 0, u64::MAX)?;
        Ok((kept.revision, pieces))
    })?;
    let pieces = pieces.into_iter().map(|(_, piece)| ContentPiece {
        size: piece.size,
        file: (piece.packing == Packing::Plain).then(|| Files::path(&piece.hash)),
    });
    json::write(&ContentPieces {
        revision,
        pieces: pieces.collect(),
    })
}

fn caller(user: Option<UserId>) -> Caller<'static> {
    Caller {
        user,
        request_id: None,
    }
}

/// Keeps what has arrived in whole pieces, and for an upload the rows of them.
async fn keep(store: &mut Store, incoming: &mut Incoming) -> Result<()> {
    let Incoming {
        user,
        writer,
        is_whole,
        upload,
        ..
    } = incoming;
    let (before, from) = (writer.pieces().len(), writer.kept());
    store.keep_ready(writer, *is_whole).await?;
    let Some(upload) = upload else {
        return Ok(());
    };
    let new = writer.pieces().get(before..).unwrap_or_default();
    if !new.is_empty() {
        store.write("uploads.receive", caller(*user), |tx| {
            uploads::receive(tx, upload, from, new).map(|_| ())
        })?;
    }
    if *is_whole {
        let content = writer.content();
        store.write("uploads.store", caller(*user), |tx| {
            uploads::store(tx, upload, &content).map(|_| ())
        })?;
    }
    Ok(())
}

/// Notes that an upload failed, where that is not because someone else went on with it.
fn fail(store: &mut Store, upload: &str, code: Code) -> Result<()> {
    if matches!(code, Code::Conflict | Code::NotFound) {
        return Ok(());
    }
    let failed = store.write("uploads.fail", Caller::default(), |tx| {
        uploads::fail(tx, upload, code)
    });
    match failed {
        // There is no room to say that there is none.
        Err(error) if error.code() == Code::QuotaExceeded => Ok(()),
        failed => failed.map(|_| ()),
    }
}

/// Answers a request of a turn that gives a content to an artifact; none if it is another.
pub fn give(
    turn: &mut Turn<'_>,
    contents: &Contents,
    request: &Request<'_>,
) -> Option<Result<String>> {
    let answer = match request.method {
        "artifacts.put" => put(turn, contents, request),
        "artifacts.revise" => revise(turn, contents, request),
        _ => return None,
    };
    Some(answer)
}

fn put(turn: &mut Turn<'_>, contents: &Contents, request: &Request<'_>) -> Result<String> {
    let caller = request.caller()?;
    let args: artifacts::ArtifactPut = json::read(request.args)?;
    // Only looked for when it is needed: the same request may have been answered before.
    let content = contents.whole(args.content, caller.user);
    super::methods::run_write(
        turn,
        request.method,
        caller,
        Box::new(move |tx| json::write(&artifacts::put(tx, &args.artifact, &content?)?)),
    )
}

fn revise(turn: &mut Turn<'_>, contents: &Contents, request: &Request<'_>) -> Result<String> {
    let caller = request.caller()?;
    let args: artifacts::ArtifactRevise = json::read(request.args)?;
    let content = contents.whole(args.content, caller.user);
    super::methods::run_write(
        turn,
        request.method,
        caller,
        Box::new(move |tx| json::write(&artifacts::revise(tx, &args, &content?)?)),
    )
}

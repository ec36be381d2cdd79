//! Contents as rows: which pieces they are made of, who has them, and which nobody has any more.

use rusqlite::{OptionalExtension as _, Row};

use super::next_number;
use crate::blob::{Content, Hash, Packing, Piece, parse_hash};
use crate::error::{Error, Result};
use crate::store::{Tx, View};

/// Whether something has the content of a row of `blob`, as SQL.
const IS_USED: &str = "(EXISTS (SELECT 1 FROM artifact_revision AS r WHERE r.blob = b.blob)
    OR EXISTS (SELECT 1 FROM upload AS u WHERE u.blob = b.blob))";

/// Keeps the rows of a content whose pieces are kept, and gives its number.
pub(super) fn keep(tx: &Tx<'_>, content: &Content) -> Result<i64> {
    let hash = content.hash.to_hex();
    let mut find = tx.prepare("SELECT blob, unused_since IS NULL FROM blob WHERE hash = ?1")?;
    let found: Option<(i64, bool)> = find
        .query_row([hash.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((blob, is_used)) = found {
        if !is_used {
            tx.execute(
                "UPDATE blob SET unused_since = NULL WHERE blob = ?1",
                [blob],
            )?;
        }
        return Ok(blob);
    }
    let blob = new_blob(tx)?;
    add_pieces(tx, blob, 0, &content.pieces)?;
    name(tx, blob, content)?;
    Ok(blob)
}

/// A content of which nothing has arrived, and which has no name yet.
fn new_blob(tx: &Tx<'_>) -> Result<i64> {
    let blob = next_number(tx, "blob")?;
    tx.execute(
        "INSERT INTO blob (blob, hash, size) VALUES (?1, '', 0)",
        [blob],
    )?;
    Ok(blob)
}

fn name(tx: &Tx<'_>, blob: i64, content: &Content) -> Result<()> {
    let hash = content.hash.to_hex();
    tx.execute(
        "UPDATE blob SET hash = ?2, size = ?3 WHERE blob = ?1",
        (blob, hash.as_str(), content.size),
    )?;
    Ok(())
}

/// Adds pieces that are kept to a content that is arriving: a new one, or behind `from` bytes that are there.
pub(super) fn grow(tx: &Tx<'_>, blob: Option<i64>, from: u64, pieces: &[Piece]) -> Result<i64> {
    let blob = open_at(tx, blob, from)?;
    add_pieces(tx, blob, from, pieces)?;
    tx.execute(
        "UPDATE blob SET size = (SELECT coalesce(sum(p.size), 0) FROM blob_piece AS bp JOIN piece AS p ON p.piece = bp.piece
                                 WHERE bp.blob = ?1)
         WHERE blob = ?1",
        [blob],
    )?;
    Ok(blob)
}

/// Names a content that has arrived whole.
pub(super) fn complete(tx: &Tx<'_>, blob: Option<i64>, content: &Content) -> Result<i64> {
    let blob = open_at(tx, blob, content.size)?;
    name(tx, blob, content)?;
    Ok(blob)
}

/// A content that is arriving and has its first `size` bytes: this one, or else, where it has a name or more than that because
/// something was taken back, a new one with the pieces of those.
fn open_at(tx: &Tx<'_>, blob: Option<i64>, size: u64) -> Result<i64> {
    let Some(from) = blob else {
        return new_blob(tx);
    };
    let (hash, has) = named(tx, from)?;
    if hash.is_empty() && has == size {
        return Ok(from);
    }
    let blob = new_blob(tx)?;
    tx.execute(
        "INSERT INTO blob_piece (blob, position, piece) SELECT ?1, position, piece FROM blob_piece WHERE blob = ?2 AND position < ?3",
        (blob, from, size),
    )?;
    Ok(blob)
}

/// Adds the rows of pieces that are kept to a content, behind `from` bytes that are there.
pub(crate) fn add_pieces(tx: &Tx<'_>, blob: i64, from: u64, pieces: &[Piece]) -> Result<()> {
    let mut position = from;
    for piece in pieces {
        let name = piece.hash.to_hex();
        tx.execute(
            "INSERT OR IGNORE INTO piece (piece, size, stored, packing, content) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                name.as_str(),
                piece.size,
                piece.stored,
                piece.packing.as_str(),
                &piece.text,
            ),
        )?;
        tx.execute(
            "INSERT INTO blob_piece (blob, position, piece) VALUES (?1, ?2, ?3)",
            (blob, position, name.as_str()),
        )?;
        position += piece.size;
    }
    Ok(())
}

/// The hash and the length of a content.
pub(super) fn named(view: &View<'_>, blob: i64) -> Result<(String, u64)> {
    let mut statement = view.prepare("SELECT hash, size FROM blob WHERE blob = ?1")?;
    Ok(statement.query_row([blob], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

const PIECE_COLUMNS: &str = "p.piece, p.size, p.stored, p.packing, p.content";

fn read_piece(row: &Row<'_>) -> Result<Piece> {
    Ok(Piece {
        hash: parse_hash(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?,
        size: row.get(1)?,
        stored: row.get(2)?,
        packing: Packing::named(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
        text: row.get(4)?,
    })
}

/// A piece that rows tell of.
pub fn piece(view: &View<'_>, hash: &Hash) -> Result<Option<Piece>> {
    let mut statement = view.prepare(&format!(
        "SELECT {PIECE_COLUMNS} FROM piece AS p WHERE p.piece = ?1"
    ))?;
    let mut rows = statement.query([hash.to_hex().as_str()])?;
    rows.next()?.map(read_piece).transpose()
}

/// Whether rows tell of a piece that is kept in a file.
pub fn has_file(view: &View<'_>, hash: &Hash) -> Result<bool> {
    Ok(piece(view, hash)?.is_some_and(|piece| piece.packing != Packing::Inline))
}

/// The pieces of a content from the one that holds the byte `from` on, each with the byte where it begins; as many as it
/// takes to have `enough` bytes from there.
pub fn pieces(view: &View<'_>, blob: i64, from: u64, enough: u64) -> Result<Vec<(u64, Piece)>> {
    let mut statement = view.prepare(&format!(
        "SELECT {PIECE_COLUMNS}, bp.position FROM blob_piece AS bp JOIN piece AS p ON p.piece = bp.piece
         WHERE bp.blob = ?1
           AND bp.position >= (SELECT max(position) FROM blob_piece WHERE blob = ?1 AND position <= ?2)
         ORDER BY bp.position"
    ))?;
    let mut rows = statement.query((blob, from))?;
    let mut pieces = Vec::new();
    while let Some(row) = rows.next()? {
        let position: u64 = row.get(5)?;
        if position >= from.saturating_add(enough) && !pieces.is_empty() {
            break;
        }
        pieces.push((position, read_piece(row)?));
    }
    Ok(pieces)
}

/// Some pieces with a file, in the order of their names, from behind one on: all that is needed to check them.
pub fn pieces_after(view: &View<'_>, after: &str, limit: usize) -> Result<Vec<Piece>> {
    let mut statement = view.prepare(&format!(
        "SELECT {PIECE_COLUMNS} FROM piece AS p WHERE p.piece > ?1 ORDER BY p.piece LIMIT ?2"
    ))?;
    let rows = statement.query((after, limit))?;
    rows.and_then(read_piece).collect()
}

/// The hashes of the whole contents that have a piece.
pub fn contents_with(view: &View<'_>, piece: &Hash) -> Result<Vec<String>> {
    let mut statement = view.prepare(
        "SELECT DISTINCT b.hash FROM blob_piece AS p JOIN blob AS b ON b.blob = p.blob WHERE p.piece = ?1 AND b.hash <> ''",
    )?;
    let rows = statement.query_map([piece.to_hex().as_str()], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Ids of artifacts that have a piece: the first few.
pub fn artifacts_with(view: &View<'_>, piece: &Hash, limit: usize) -> Result<Vec<String>> {
    let mut statement = view.prepare(
        "SELECT DISTINCT r.artifact FROM blob_piece AS bp JOIN artifact_revision AS r ON r.blob = bp.blob
         WHERE bp.piece = ?1 LIMIT ?2",
    )?;
    let rows = statement.query((piece.to_hex().as_str(), limit))?;
    rows.and_then(|row| Ok(row.get(0)?)).collect()
}

/// Notes which of the next contents behind a number nothing has, and since when; gives the last that was looked at, or none
/// if there are no more.
pub fn mark_unused(tx: &Tx<'_>, after: i64, limit: usize) -> Result<Option<i64>> {
    let mut statement = tx.prepare(&format!(
        "SELECT b.blob, b.unused_since IS NULL, {IS_USED} FROM blob AS b WHERE b.blob > ?1 ORDER BY b.blob LIMIT ?2"
    ))?;
    let rows = statement.query((after, limit))?;
    let looked_at: Vec<(i64, bool, bool)> = rows
        .mapped(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .collect::<rusqlite::Result<_>>()?;
    for &(blob, seems_used, is_used) in &looked_at {
        if seems_used != is_used {
            let since = (!is_used).then(|| tx.now_ms());
            tx.execute(
                "UPDATE blob SET unused_since = ?2 WHERE blob = ?1",
                (blob, since),
            )?;
        }
    }
    Ok(looked_at.last().map(|&(blob, ..)| blob))
}

/// The number of the newest content; 0 if there is none.
pub fn last(view: &View<'_>) -> Result<u64> {
    let mut statement = view.prepare("SELECT coalesce(max(blob), 0) FROM blob")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Some contents that nothing has had since a time.
pub fn unused(view: &View<'_>, since_ms: i64, limit: usize) -> Result<Vec<i64>> {
    let mut statement = view.prepare(
        "SELECT blob FROM blob WHERE unused_since IS NOT NULL AND unused_since <= ?1 ORDER BY unused_since LIMIT ?2",
    )?;
    let rows = statement.query((since_ms, limit))?;
    rows.and_then(|row| Ok(row.get(0)?)).collect()
}

/// Removes the rows of contents and of those of their pieces that no other content has, and gives the pieces whose files can
/// go once that is kept, with how many contents went. A content that something has again stays, and one with a piece that `is_leased`.
pub fn remove(
    tx: &Tx<'_>,
    blobs: &[i64],
    is_leased: &dyn Fn(&Hash) -> bool,
) -> Result<(u64, Vec<Piece>)> {
    let (mut contents, mut gone) = (0, Vec::new());
    for &blob in blobs {
        let pieces = pieces(tx, blob, 0, u64::MAX)?;
        if pieces.iter().any(|(_, piece)| is_leased(&piece.hash)) {
            continue;
        }
        let removed = tx.execute(
            &format!("DELETE FROM blob AS b WHERE b.blob = ?1 AND NOT {IS_USED}"),
            [blob],
        )?;
        if removed == 0 {
            tx.execute(
                "UPDATE blob SET unused_since = NULL WHERE blob = ?1",
                [blob],
            )?;
            continue;
        }
        contents += 1;
        for (_, piece) in pieces {
            let removed = tx.execute(
                "DELETE FROM piece WHERE piece = ?1 AND NOT EXISTS (SELECT 1 FROM blob_piece WHERE blob_piece.piece = ?1)",
                [piece.hash.to_hex().as_str()],
            )?;
            if removed > 0 {
                gone.push(piece);
            }
        }
    }
    Ok((contents, gone))
}

/// The bytes, as they are kept, of pieces that only contents have which nothing has.
pub fn unused_bytes(view: &View<'_>) -> Result<u64> {
    let mut statement = view.prepare(&format!(
        "SELECT coalesce(sum(stored), 0) FROM piece AS p WHERE NOT EXISTS
           (SELECT 1 FROM blob_piece AS bp JOIN blob AS b ON b.blob = bp.blob WHERE bp.piece = p.piece AND {IS_USED})"
    ))?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The bytes of all contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Contents.
    pub blobs: u64,
    /// Their lengths together, each as often as something has it.
    pub bytes: u64,
    /// The lengths of all pieces, each once.
    pub unique: u64,
    /// The lengths of all pieces as they are kept.
    pub stored: u64,
    /// Those of pieces that are in files.
    pub in_files: u64,
}

/// Sums up all contents.
pub fn totals(view: &View<'_>) -> Result<Totals> {
    let mut statement = view.prepare(
        "SELECT (SELECT count(*) FROM blob),
           (SELECT coalesce(sum(size * max(1,
               (SELECT count(*) FROM artifact_revision AS r WHERE r.blob = b.blob)
               + (SELECT count(*) FROM upload AS u WHERE u.blob = b.blob))), 0) FROM blob AS b),
           coalesce(sum(size), 0), coalesce(sum(stored), 0),
           coalesce(sum(iif(packing = 'inline', 0, stored)), 0) FROM piece",
    )?;
    statement
        .query_row([], |row| {
            Ok(Totals {
                blobs: row.get(0)?,
                bytes: row.get(1)?,
                unique: row.get(2)?,
                stored: row.get(3)?,
                in_files: row.get(4)?,
            })
        })
        .map_err(Error::from)
}

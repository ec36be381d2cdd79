//! Single contents that come back from a backup.

use super::{list, open};
use crate::archive::SumReader;
use crate::blob::{Piece, Writer};
use crate::error::{Code, Result};
use crate::store::Store;

/// Brings back a content of which a piece is damaged, from the newest backup that has it; whether that piece is sound then.
///
/// # Errors
/// The disk's own.
pub async fn give_back(store: &mut Store, hash: &str, damaged: &Piece) -> Result<bool> {
    let mut backups = list(&*store.backup_files()).await?;
    backups.retain(super::Backup::is_whole);
    while let Some(backup) = backups.pop() {
        let mut kept = Vec::new();
        let given = match open(&*store.backup_files(), &backup.name).await {
            Ok(source) => match source.content(hash) {
                Ok(Some(reader)) => keep(store, reader, &mut kept).await,
                Ok(None) => continue,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        store.give_back(&kept).await?;
        match given {
            Err(error) if error.code() == Code::ArchiveInvalid => {}
            given => given?,
        }
        if store.read_piece(damaged).await.is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps every piece of a content, which writes those anew that are damaged.
async fn keep(store: &mut Store, mut reader: SumReader, kept: &mut Vec<Piece>) -> Result<()> {
    let mut writer = Writer::new("application/octet-stream");
    loop {
        let bytes = reader.read()?;
        writer.push(bytes.as_deref().unwrap_or_default());
        while let Some(piece) = writer.ready(bytes.is_none()) {
            let piece = store.keep_piece(&piece, writer.is_compressible()).await?;
            kept.push(piece.clone());
            writer.add(piece);
        }
        if bytes.is_none() {
            return Ok(());
        }
    }
}

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
        let mut writer = Writer::new("application/octet-stream");
        let given = match open(&*store.backup_files(), &backup.name).await {
            Ok(source) => match source.content(hash) {
                Ok(Some(reader)) => keep(store, reader, &mut writer).await,
                Ok(None) => continue,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        store.give_back(writer.pieces()).await?;
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
async fn keep(store: &mut Store, mut reader: SumReader, writer: &mut Writer) -> Result<()> {
    while let Some(bytes) = reader.read()? {
        writer.push(&bytes);
        store.keep_ready(writer, false).await?;
    }
    store.keep_ready(writer, true).await
}

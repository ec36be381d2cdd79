//! A store of which nothing else is left, brought back from its newest backup.

use super::{Backup, list, open};
use crate::archive::{ImportOptions, Scope, bring_in};
use crate::error::{Code, Result};
use crate::store::{Recovery, RecoveryCause, Store};

/// Brings back the newest backup that can be, if the store is blank and there is one. What is missing is told and written down
/// as a recovery.
///
/// # Errors
/// The disk's own. A backup that is not what was archived is passed over.
pub async fn rescue(store: &mut Store) -> Result<()> {
    if !store.is_blank() {
        return Ok(());
    }
    let mut backups = list(&*store.backup_files()).await?;
    let mut damage = Vec::new();
    // One of everything is worth more than a newer one of a part.
    backups.sort_by_key(|it| it.scope == Scope::All);
    while let Some(backup) = backups.pop() {
        match restore(store, &backup).await {
            Ok(problems) => {
                damage.push(format!(
                    "database and journal were gone; what was written after line {} of the journal is lost, and so is the history before it",
                    backup.seq
                ));
                damage.extend(problems);
                let cause = RecoveryCause::EverythingMissing;
                return store
                    .recovered(cause, |recovery| {
                        recovery.backup = Some(backup.name);
                        recovery.damage = damage;
                    })
                    .await;
            }
            Err(error) if matches!(error.code(), Code::ArchiveInvalid | Code::SchemaTooNew) => {
                damage.push(format!(
                    "the backup {} cannot be used: {error}",
                    backup.name
                ));
            }
            Err(error) => return Err(error),
        }
    }
    if damage.is_empty() {
        return Ok(());
    }
    let cause = RecoveryCause::EverythingMissing;
    let none_could = |recovery: &mut Recovery| recovery.damage = damage;
    store.recovered(cause, none_could).await
}

/// Gives what could not be taken as it was.
async fn restore(store: &mut Store, backup: &Backup) -> Result<Vec<String>> {
    let source = open(&*store.backup_files(), &backup.name).await?;
    let report = bring_in(store, source, ImportOptions::default()).await?;
    Ok(report.problems)
}

//! What backups there are.

use super::{Backup, BackupNews, BackupProgress, BackupVerified, FOLDER};
use crate::archive::{BackupKind, Manifest, Scope, Source, Verification, is_archive};
use crate::disk::{Disk, LocalFuture, OpenMode, check_path};
use crate::domain::charts::time;
use crate::error::{Code, Error, Result};
use crate::store::{Event, Job, Store, answer};

/// Every backup, oldest first.
///
/// # Errors
/// The disk's own. One that cannot be read is told of as such.
pub async fn list(disk: &dyn Disk) -> Result<Vec<Backup>> {
    let mut names = disk.list(FOLDER).await?;
    names.retain(|name| is_archive(name));
    let mut backups = Vec::with_capacity(names.len());
    for name in &names {
        backups.push(describe(disk, name, &names).await?);
    }
    let key = |it: &Backup| (it.number, it.created_at, it.name.clone());
    backups.sort_by_cached_key(key);
    Ok(backups)
}

async fn describe(disk: &dyn Disk, name: &str, all: &[String]) -> Result<Backup> {
    let file = disk.open(&path(name)?, OpenMode::Existing).await?;
    let bytes = file.size()?;
    let manifest = match Manifest::of(&*file) {
        Ok(manifest) => manifest,
        Err(error) if matches!(error.code(), Code::ArchiveInvalid | Code::Unsupported) => {
            return Ok(Backup {
                name: name.to_owned(),
                kind: BackupKind::Daily,
                scope: Scope::All,
                created_at: 0,
                seq: 0,
                number: 0,
                bytes,
                base: Vec::new(),
                lost: Vec::new(),
                damage: Some(error.to_string()),
            });
        }
        Err(error) => return Err(error),
    };
    let lost = manifest.base.iter().filter(|base| !all.contains(base));
    Ok(Backup {
        name: name.to_owned(),
        kind: manifest.backup.unwrap_or(BackupKind::Manual),
        created_at: time::parse(&manifest.created_at).unwrap_or(0),
        seq: manifest.seq,
        number: manifest.number.unwrap_or(0),
        bytes,
        lost: lost.cloned().collect(),
        base: manifest.base,
        scope: manifest.scope,
        damage: None,
    })
}

/// The path of a backup's file.
pub(crate) fn path(name: &str) -> Result<String> {
    let path = format!("{FOLDER}/{name}");
    if name.contains('/') || check_path(&path).is_err() {
        return Err(Error::not_found("backup", name));
    }
    Ok(path)
}

/// Opens a backup with what it builds on.
///
/// # Errors
/// `not_found` when there is no such backup, `archive_invalid` when it or what it builds on is not whole.
pub async fn open(disk: &dyn Disk, name: &str) -> Result<Source> {
    path(name)?;
    let opened = Source::open_in(disk, FOLDER, name).await;
    opened.map_err(|error| match error.code() {
        Code::NotFound => Error::not_found("backup", name),
        _ => error,
    })
}

/// Removes a backup.
///
/// # Errors
/// `not_found` when there is no such backup, `conflict` when another builds on it.
pub async fn remove(store: &mut Store, name: &str) -> Result<()> {
    let disk = store.backup_files();
    let disk = &*disk;
    let backups = list(disk).await?;
    if !backups.iter().any(|backup| backup.name == name) {
        return Err(Error::not_found("backup", name));
    }
    let builds_on = |backup: &&Backup| backup.base.iter().any(|base| base == name);
    if let Some(other) = backups.iter().find(builds_on) {
        return Err(Error::new(
            Code::Conflict,
            format!("the backup {} builds on it", other.name),
        ));
    }
    disk.remove(&path(name)?).await?;
    store.tell(Event::Backup(BackupNews {
        removed: vec![name.to_owned()],
        ..BackupNews::default()
    }));
    Ok(())
}

/// Reads a backup back, with what it builds on; answers with a [`BackupVerified`].
pub struct Verifying {
    name: String,
    verification: Option<Verification>,
}

impl Verifying {
    /// Begins with a backup of this name.
    #[must_use]
    pub const fn new(name: String) -> Self {
        Self {
            name,
            verification: None,
        }
    }

    /// Does a slice; gives what was found once all was read.
    ///
    /// # Errors
    /// `not_found` when there is no such backup, and the disk's own.
    pub async fn slice(
        &mut self,
        store: &Store,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<BackupVerified>> {
        let mut verification = match self.verification.take() {
            Some(verification) => verification,
            None => match open(&*store.backup_files(), &self.name).await {
                Ok(source) => Verification::begin(source, true),
                Err(error) if error.code() == Code::ArchiveInvalid => {
                    return Ok(Some(self.verified(0, vec![error.to_string()])));
                }
                Err(error) => return Err(error),
            },
        };
        let more = verification.step()?;
        let (done, total) = verification.progress;
        progress(&answer(&BackupProgress {
            is_verifying: true,
            done,
            total,
        })?);
        if more {
            self.verification = Some(verification);
            return Ok(None);
        }
        Ok(Some(self.verified(done, verification.findings)))
    }

    fn verified(&self, bytes: u64, findings: Vec<String>) -> BackupVerified {
        BackupVerified {
            name: self.name.clone(),
            bytes,
            findings,
        }
    }
}

impl Job for Verifying {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let verified = self.slice(store, progress).await?;
            verified.as_ref().map(answer).transpose()
        })
    }
}

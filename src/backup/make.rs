//! Making a backup: written beside its name, read back, and named only then.

use std::rc::Rc;

use super::list::{list, path};
use super::settings::BackupSettings;
use super::{Backup, BackupNews, BackupProgress, FOLDER, keep, settings};
use crate::archive::{BackupKind, Export, Manifest, Scope, Source, Verification};
use crate::disk::{Disk, File, LocalFuture, OpenMode};
use crate::domain::charts::time;
use crate::error::{Code, Error, Result};
use crate::store::{Event, Job, Store, answer};

/// What a backup's file is called until it was read back.
const PART: &str = "backup.part";

/// A backup on its way; answers with the [`Backup`].
pub struct Making {
    kind: BackupKind,
    scope: Scope,
    /// Whether it builds on the newest one of the same.
    builds_on: bool,
    /// It holds its moment until the backup has its name: nothing is erased meanwhile that would be in it.
    export: Option<Box<Export>>,
    stage: Stage,
}

enum Stage {
    Begin,
    Write {
        name: String,
        file: Rc<dyn File>,
        size: u64,
    },
    Verify {
        name: String,
        verification: Box<Verification>,
    },
    Done,
}

impl Making {
    /// A backup of this kind.
    #[must_use]
    pub fn new(kind: BackupKind, scope: Scope, is_full: bool) -> Self {
        Self {
            kind,
            scope,
            builds_on: !is_full && kind != BackupKind::Weekly,
            export: None,
            stage: Stage::Begin,
        }
    }

    async fn slice(
        &mut self,
        store: &mut Store,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<Backup>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.stage = match stage {
            // What it would build on is being written anew.
            Stage::Begin if store.is_erasing() => Stage::Begin,
            Stage::Begin => self.begin(store).await?,
            Stage::Write { name, file, size } => {
                let export = self.export()?;
                if let Some(bytes) = export.next(store).await? {
                    file.write_at(&bytes, size)?;
                    let of = export.progress();
                    tell(progress, false, of.done, of.total)?;
                    let size = size + bytes.len() as u64;
                    Stage::Write { name, file, size }
                } else {
                    file.flush()?;
                    drop(file);
                    let source = Source::open_in(&*store.backup_files(), FOLDER, PART).await?;
                    let verification = Box::new(Verification::begin(source, false));
                    Stage::Verify { name, verification }
                }
            }
            Stage::Verify {
                name,
                mut verification,
            } => {
                let more = verification.step()?;
                let (done, total) = verification.progress;
                tell(progress, true, done, total)?;
                if !more {
                    self.export()?.check_held(store)?;
                    return self.finish(store, name, *verification).await.map(Some);
                }
                Stage::Verify { name, verification }
            }
            Stage::Done => Stage::Done,
        };
        Ok(None)
    }

    fn export(&mut self) -> Result<&mut Export> {
        let begun = self.export.as_deref_mut();
        begun.ok_or_else(|| Error::new(Code::Internal, "a backup was not begun"))
    }

    async fn begin(&mut self, store: &mut Store) -> Result<Stage> {
        let disk = store.backup_files();
        let part = path(PART)?;
        disk.remove(&part).await?;
        let backups = list(&*disk).await?;
        let base = match self.base(&backups) {
            Some(backup) => base(&*disk, backup).await?,
            None => None,
        };
        let name = self.name(store.host().now_ms(), &backups)?;
        let file = disk.open(&part, OpenMode::CreateNew).await?;
        let number = backups.last().map_or(0, |newest| newest.number) + 1;
        let export = Export::begin_backup(store, self.kind, number, self.scope.clone(), base)?;
        self.export = Some(Box::new(export));
        let size = 0;
        Ok(Stage::Write { name, file, size })
    }

    /// The newest backup of the same that is whole.
    fn base<'a>(&self, backups: &'a [Backup]) -> Option<&'a Backup> {
        let is_base = |backup: &&Backup| backup.scope == self.scope && backup.is_whole();
        backups
            .iter()
            .rev()
            .filter(|_| self.builds_on)
            .find(is_base)
    }

    /// A name that is not taken: `2026-12-31T180000.123Z-daily.zip`.
    fn name(&self, now_ms: i64, backups: &[Backup]) -> Result<String> {
        let at = time::write(now_ms)?;
        let at: String = at.chars().take(23).filter(|char| *char != ':').collect();
        let kind = match self.kind {
            BackupKind::Daily => "daily",
            BackupKind::Weekly => "weekly",
            BackupKind::Manual => "manual",
        };
        let numbered = (2..).map(|number| format!("{at}Z-{kind}-{number}.zip"));
        let mut names = std::iter::once(format!("{at}Z-{kind}.zip")).chain(numbered);
        let is_free = |name: &String| !backups.iter().any(|backup| backup.name == *name);
        names
            .find(is_free)
            .ok_or_else(|| Error::new(Code::Internal, "a backup has no name"))
    }

    async fn finish(
        &self,
        store: &mut Store,
        name: String,
        verification: Verification,
    ) -> Result<Backup> {
        let disk = store.backup_files();
        let findings = verification.findings.clone();
        drop(verification);
        if let Some(finding) = findings.first() {
            disk.remove(&path(PART)?).await?;
            return Err(Error::new(
                Code::Io,
                format!("the backup is not what was written: {finding}"),
            ));
        }
        disk.rename(&path(PART)?, &path(&name)?).await?;
        let settings = settings(store)?;
        let (made, removed) = rotate(&*disk, &name, &settings, store.host().now_ms()).await?;
        store.tell(Event::Backup(BackupNews {
            made: Some(made.clone()),
            removed,
            rewritten: Vec::new(),
        }));
        Ok(made)
    }
}

/// What a backup says of itself; none when that cannot be read, for then nothing should build on it.
async fn base(disk: &dyn Disk, backup: &Backup) -> Result<Option<(String, Manifest)>> {
    let file = disk.open(&path(&backup.name)?, OpenMode::Existing).await?;
    let manifest = Manifest::of(&*file).ok();
    Ok(manifest.map(|manifest| (backup.name.clone(), manifest)))
}

/// Removes the backups whose place a new one has taken; gives that one, and their names.
async fn rotate(
    disk: &dyn Disk,
    name: &str,
    settings: &BackupSettings,
    now_ms: i64,
) -> Result<(Backup, Vec<String>)> {
    let backups = list(disk).await?;
    let mut removed = Vec::new();
    for name in keep::outdated(&backups, settings, now_ms) {
        match disk.remove(&path(&name)?).await {
            Ok(_) => removed.push(name),
            // Someone takes it out; it goes next time.
            Err(error) if error.code() == Code::Locked => {}
            Err(error) => return Err(error),
        }
    }
    let made = backups.into_iter().find(|backup| backup.name == name);
    let backup = made.ok_or_else(|| Error::not_found("backup", name))?;
    Ok((backup, removed))
}

fn tell(progress: &mut dyn FnMut(&str), is_verifying: bool, done: u64, total: u64) -> Result<()> {
    progress(&answer(&BackupProgress {
        is_verifying,
        done,
        total,
    })?);
    Ok(())
}

impl Job for Making {
    fn step<'a>(
        &'a mut self,
        store: &'a mut Store,
        progress: &'a mut dyn FnMut(&str),
    ) -> LocalFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let made = self.slice(store, progress).await;
            if !matches!(made, Ok(None)) {
                self.give_up(store);
            }
            made?.as_ref().map(answer).transpose()
        })
    }

    fn give_up(&mut self, store: &mut Store) {
        if let Some(export) = self.export.take() {
            export.end(store);
        }
        self.stage = Stage::Done;
    }
}

//! Which backups stay.

use super::Backup;
use super::settings::BackupSettings;
use crate::archive::BackupKind;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The backups whose place newer ones have taken, by their files. The newest stays, those someone asked for stay, and so does
/// whatever one that stays builds on. `backups` are oldest first.
pub fn outdated(backups: &[Backup], settings: &BackupSettings, now_ms: i64) -> Vec<String> {
    let max_age = settings
        .max_age_days
        .map_or(i64::MAX, |days| i64::from(days) * DAY_MS);
    let newest = backups.iter().rev().find(|backup| backup.is_whole());
    let (mut daily, mut weekly) = (settings.daily, settings.weekly);
    let mut stay: Vec<&str> = Vec::new();
    for backup in backups.iter().rev() {
        let is_young = now_ms.saturating_sub(backup.created_at) <= max_age;
        // What cannot be restored stays only until what can has its number.
        let stays = match backup.kind {
            BackupKind::Manual => true,
            BackupKind::Daily => is_young && backup.is_whole() && take(&mut daily),
            BackupKind::Weekly => is_young && backup.is_whole() && take(&mut weekly),
        };
        if stays || newest.is_some_and(|it| it.name == backup.name) {
            stay.push(&backup.name);
            stay.extend(backup.base.iter().map(String::as_str));
        }
    }
    backups
        .iter()
        .filter(|backup| !stay.contains(&backup.name.as_str()))
        .map(|backup| backup.name.clone())
        .collect()
}

fn take(left: &mut u32) -> bool {
    let is_any = *left > 0;
    *left = left.saturating_sub(1);
    is_any
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Scope;

    fn backup(day: i64, kind: BackupKind, base: &[&str]) -> Backup {
        Backup {
            name: format!("{day:02}"),
            kind,
            scope: Scope::All,
            created_at: day * DAY_MS,
            seq: 0,
            number: 0,
            bytes: 0,
            base: base.iter().map(|&name| name.to_owned()).collect(),
            lost: Vec::new(),
            damage: None,
        }
    }

    fn keep(daily: u32, weekly: u32) -> BackupSettings {
        BackupSettings {
            daily,
            weekly,
            ..BackupSettings::default()
        }
    }

    #[test]
    fn what_a_backup_that_stays_builds_on_stays() {
        let backups = [
            backup(1, BackupKind::Weekly, &[]),
            backup(2, BackupKind::Daily, &["01"]),
            backup(3, BackupKind::Daily, &["01", "02"]),
            backup(4, BackupKind::Daily, &["01"]),
        ];
        assert_eq!(outdated(&backups, &keep(1, 0), 4 * DAY_MS), ["02", "03"]);
        assert_eq!(
            outdated(&backups, &keep(2, 0), 4 * DAY_MS),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_someone_asked_for_and_the_newest_never_go() {
        let backups = [
            backup(1, BackupKind::Manual, &[]),
            backup(2, BackupKind::Weekly, &[]),
            backup(3, BackupKind::Weekly, &[]),
        ];
        let settings = BackupSettings {
            max_age_days: Some(1),
            ..keep(1, 1)
        };
        assert_eq!(outdated(&backups, &settings, 99 * DAY_MS), ["02"]);
    }

    #[test]
    fn a_backup_that_cannot_be_restored_takes_no_place() {
        let mut broken = backup(3, BackupKind::Daily, &["02"]);
        broken.lost = vec!["02".to_owned()];
        let backups = [
            backup(1, BackupKind::Daily, &[]),
            broken,
            backup(4, BackupKind::Daily, &[]),
        ];
        assert_eq!(outdated(&backups, &keep(2, 0), 4 * DAY_MS), ["03"]);
    }
}

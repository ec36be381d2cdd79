//! Which archives left the store: erasing cannot reach them, and says so.

use serde::{Deserialize, Serialize};

use crate::archive::Scope;
use crate::domain::settings;
use crate::error::Result;
use crate::id::{ConversationId, UserId};
use crate::store::{Caller, Store, View};

/// The app's setting that holds them.
const SETTING: &str = "backups.taken";

/// The most that are remembered.
const MAX_REMEMBERED: usize = 100;

/// An archive that left the store as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TakenArchive {
    /// The name it was offered under.
    pub name: String,
    /// What it is of.
    pub scope: Scope,
    /// When it was begun, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// The last hundred archives that left, oldest first.
///
/// # Errors
/// As any read.
pub fn taken(view: &View<'_>) -> Result<Vec<TakenArchive>> {
    Ok(settings::own(view, SETTING)?.unwrap_or_default())
}

/// Notes that an archive left.
///
/// # Errors
/// As any write.
pub fn note(store: &mut Store, archive: TakenArchive) -> Result<()> {
    let noted = store.write("backups.taken", Caller::default(), |tx| {
        let mut all = taken(tx)?;
        all.push(archive);
        all.drain(..all.len().saturating_sub(MAX_REMEMBERED));
        settings::set_own(tx, SETTING, &all)
    })?;
    noted.value()
}

impl TakenArchive {
    /// Whether it may hold a user, a conversation or a construct that was there until `at`. Where that is not known, it may.
    #[must_use]
    pub fn may_hold(&self, record: &str, at: i64) -> bool {
        let user = record.parse::<UserId>().ok();
        let conversation = record.parse::<ConversationId>().ok();
        let owner = user.or(conversation.map(ConversationId::owner));
        let is_in_scope = match &self.scope {
            Scope::All => true,
            // Whose a construct was is not told by its id.
            Scope::User { id: user_id } | Scope::Context { user_id, .. } => {
                owner.is_none_or(|owner| owner == *user_id)
            }
            // A construct takes the conversations that are transcripts of its sessions along.
            Scope::Construct { id } => owner.is_some() || record == id,
            Scope::Conversation { id } => match conversation {
                Some(conversation) => conversation == *id,
                None => owner.is_none_or(|owner| owner == id.owner()),
            },
            Scope::Chart { user_id, .. } => user == Some(*user_id),
        };
        is_in_scope && self.at <= at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(scope: Scope) -> TakenArchive {
        TakenArchive {
            name: String::new(),
            scope,
            at: 5,
        }
    }

    #[test]
    fn an_archive_may_hold_what_its_scope_does_not_rule_out() {
        let construct = "0190a000-0000-7000-8000-000000000001";
        let id = construct.to_owned();
        let conversation = "us01-co02".parse().unwrap();
        let user_id = UserId { user: 1 };
        for (scope, held, not_held) in [
            (
                Scope::User { id: user_id },
                vec!["us01", "us01-co02", construct],
                vec!["us02", "us02-co02"],
            ),
            (
                Scope::Construct { id },
                vec!["us01", "us01-co02", construct],
                vec!["0190a000-0000-7000-8000-000000000002"],
            ),
            (
                Scope::Conversation { id: conversation },
                vec!["us01", "us01-co02", construct],
                vec!["us01-co03", "us02"],
            ),
            (Scope::All, vec!["us01", "us02-co01", construct], vec![]),
        ] {
            let archive = taken(scope);
            for record in held {
                assert!(archive.may_hold(record, 5), "{archive:?} {record}");
                assert!(!archive.may_hold(record, 4), "what came later is not in it");
            }
            for record in not_held {
                assert!(!archive.may_hold(record, 5), "{archive:?} {record}");
            }
        }
    }
}

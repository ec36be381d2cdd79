//! Packing the chunks of conversations that were archived, and unpacking them when they are taken up again.

use std::collections::BTreeSet;

use super::{Caller, Store};
use crate::database::capture::Touched;
use crate::domain::packed::{self, Due};
use crate::error::Result;
use crate::id::{ConversationId, MessageId};

/// Conversations looked at in one slice.
const SLICE: usize = 200;

/// Which conversations are to be looked at.
pub(super) struct Packing {
    /// The last that was looked at since the store was opened; none once all were.
    after: Option<ConversationId>,
    /// Those that something was written in, or is to be done with.
    wanted: BTreeSet<ConversationId>,
}

impl Default for Packing {
    fn default() -> Self {
        Self {
            after: Some(ConversationId {
                user: 0,
                conversation: 0,
            }),
            wanted: BTreeSet::new(),
        }
    }
}

impl Packing {
    /// Whether some conversations wait to be packed or unpacked.
    pub fn is_under_way(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Wants a look at what a write touched.
    pub fn add(&mut self, touched: &Touched) {
        let tables = &touched.tables;
        if !tables.contains(&"conversation") && !tables.contains(&"message") {
            return;
        }
        for record in &touched.records {
            let message = || record.parse::<MessageId>().map(MessageId::conversation);
            self.wanted.extend(record.parse().or_else(|_| message()));
        }
    }
}

impl Store {
    /// Packs or unpacks some chunks; true while there is more to do.
    pub(super) fn pack_step(&mut self) -> Result<bool> {
        if !self.database()?.has_table("packed_chunk")? {
            return Ok(false);
        }
        if let Some(&id) = self.packing.wanted.first() {
            match self.read(Caller::default(), |view| packed::due(view, id))? {
                Some(Due::Pack) => {
                    self.write("chunks.pack", Caller::default(), |tx| packed::pack(tx, id))?;
                }
                Some(Due::Unpack) => {
                    self.write("chunks.unpack", Caller::default(), |tx| {
                        packed::unpack(tx, id)
                    })?;
                }
                None => {
                    self.packing.wanted.remove(&id);
                }
            }
            return Ok(true);
        }
        let Some(after) = self.packing.after else {
            return Ok(false);
        };
        let (due, last) = self.read(Caller::default(), |view| {
            let ids = packed::candidates(view, after, SLICE)?;
            let last = ids.last().copied();
            let mut due = BTreeSet::new();
            for id in ids {
                if packed::due(view, id)?.is_some() {
                    due.insert(id);
                }
            }
            Ok((due, last))
        })?;
        self.packing.wanted.extend(due);
        self.packing.after = last;
        Ok(true)
    }
}

//! What an operation works with: a view to read through, and a transaction to write through.

use std::ops::Deref;

use rusqlite::{CachedStatement, Connection};

use crate::error::{Error, Result};
use crate::host::Host;
use crate::id::{ConversationId, MessageId, UserId};

/// A reader's window on the state, limited to one user's records when it is scoped.
#[derive(Clone, Copy)]
pub struct View<'a> {
    connection: &'a Connection,
    scope: Option<UserId>,
}

impl<'a> View<'a> {
    /// A view of everything, or of one user's records.
    #[must_use]
    pub const fn new(connection: &'a Connection, scope: Option<UserId>) -> Self {
        Self { connection, scope }
    }

    /// The user whose records this view is limited to.
    #[must_use]
    pub const fn scope(&self) -> Option<UserId> {
        self.scope
    }

    /// The connection, for statements that are made from the schema.
    pub(crate) const fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// A prepared statement, kept for the next time.
    pub fn prepare(&self, sql: &str) -> Result<CachedStatement<'a>> {
        #[cfg(test)]
        asked::note(sql);
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// Refuses a user's records to a view scoped to another, as if they did not exist.
    pub fn admit(&self, user: UserId) -> Result<()> {
        match self.scope {
            Some(scope) if scope != user => Err(Error::not_found("user", user)),
            _ => Ok(()),
        }
    }

    /// Like [`admit`](Self::admit), for a conversation.
    pub fn admit_conversation(&self, id: ConversationId) -> Result<()> {
        self.admit(id.owner())
            .map_err(|_| Error::not_found("conversation", id))
    }

    /// Like [`admit`](Self::admit), for a message.
    pub fn admit_message(&self, id: MessageId) -> Result<()> {
        self.admit(id.conversation().owner())
            .map_err(|_| Error::not_found("message", id))
    }
}

/// A writer's transaction: a view that also changes rows. What it changes is recorded by itself.
pub struct Tx<'a> {
    view: View<'a>,
    host: &'a dyn Host,
    now_ms: i64,
}

impl<'a> Tx<'a> {
    pub(super) fn new(view: View<'a>, host: &'a dyn Host) -> Self {
        Self {
            view,
            host,
            now_ms: host.now_ms(),
        }
    }

    /// One that writes beside the live store, of which nothing is recorded.
    pub(crate) fn of(connection: &'a Connection, host: &'a dyn Host) -> Self {
        Self::new(View::new(connection, None), host)
    }

    /// The time of this write, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// A new UUIDv7 as text.
    #[must_use]
    pub fn uuid(&self) -> String {
        self.host.uuid().to_string()
    }

    /// Runs a prepared statement and says how many rows it changed.
    pub fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        Ok(self.prepare(sql)?.execute(params)?)
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.view
    }
}

/// What statements this thread's tests prepared, so that each can be asked for its plan.
#[cfg(test)]
pub mod asked {
    use std::cell::RefCell;

    use super::View;
    use crate::error::Result;

    thread_local! {
        static ASKED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(sql: &str) {
        ASKED.with_borrow_mut(|asked| {
            if !asked.iter().any(|known| known == sql) {
                asked.push(sql.to_owned());
            }
        });
    }

    /// Each statement once, since the last time this was called.
    pub fn take() -> Vec<String> {
        ASKED.take()
    }

    /// The steps of a statement's plan.
    pub fn plan(view: &View<'_>, sql: &str) -> Result<Vec<String>> {
        let mut statement = view.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let steps = statement.raw_query().mapped(|row| row.get(3));
        Ok(steps.collect::<rusqlite::Result<_>>()?)
    }
}

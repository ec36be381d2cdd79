//! Counters give numbers to records. Each must lie behind every number there is; only lost journal lines can leave one before.

use rusqlite::Connection;

use crate::error::Result;

/// What gives the numbers of one kind of record.
pub struct Counter {
    /// The table whose rows tell whether it lags.
    pub table: &'static str,
    /// What is true of a row, called `child`, when it does.
    pub lags: String,
    /// What would happen then.
    pub message: &'static str,
    /// Takes it behind the greatest number there is.
    mend: String,
}

/// Every counter whose numbers must not be given again. A chart's are looked up before they are given.
pub fn all() -> [Counter; 6] {
    [
        of_store(
            "user",
            "user",
            "user",
            "the next user would get a number that is taken",
        ),
        of_store(
            "blob",
            "blob",
            "blob",
            "the next content would get a number that is taken",
        ),
        of_store(
            "job",
            "job",
            "number",
            "the next job would get a number that is taken",
        ),
        of_store(
            "event",
            "timeline_event",
            "number",
            "the next event would get a number that is taken",
        ),
        of_row(
            "user",
            "next_conversation",
            "SELECT max(c.conversation) FROM conversation AS c WHERE c.user = child.user",
            "the user's next conversation would get a number that is taken",
        ),
        of_row(
            "conversation",
            "next_message",
            "SELECT max(m.message) FROM message AS m WHERE m.user = child.user AND m.conversation = child.conversation",
            "the conversation's next message would get a number that is taken",
        ),
    ]
}

/// Takes every counter that lags behind the greatest number there is.
pub fn mend(connection: &Connection) -> Result<()> {
    for counter in all() {
        // A schema before this build's has fewer tables.
        if connection.table_exists(None, counter.table)? {
            connection.execute(&counter.mend, [])?;
        }
    }
    Ok(())
}

/// One of the whole store's.
fn of_store(name: &str, table: &'static str, column: &str, message: &'static str) -> Counter {
    let last = format!("SELECT max(\"{column}\") AS last FROM \"{table}\"");
    let given = format!("coalesce((SELECT value FROM counter WHERE name = '{name}'), 0)");
    Counter {
        table,
        lags: format!("child.\"{column}\" = ({last}) AND child.\"{column}\" > {given}"),
        message,
        mend: format!(
            "INSERT INTO counter (name, value) SELECT '{name}', last FROM ({last}) WHERE last > {given}
             ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ),
    }
}

/// One that a row keeps for what belongs to it, of which `last` finds the greatest number.
fn of_row(table: &'static str, column: &str, last: &str, message: &'static str) -> Counter {
    let lags = format!("child.{column} <= ({last})");
    Counter {
        table,
        mend: format!("UPDATE \"{table}\" AS child SET {column} = 1 + ({last}) WHERE {lags}"),
        lags,
        message,
    }
}

//! Which rows an archive holds: those of its scope, and what they cannot be without.
//!
//! The records of a scope are named in temporary tables first; every table's rows are then those that belong to one of them.

use rusqlite::Connection;

use super::Scope;
use crate::domain::charts::PARTS;
use crate::error::{Error, Result};
use crate::store::View;

/// Where the chosen records are named.
const CHOSEN: &str = "
CREATE TEMP TABLE in_user (user INTEGER PRIMARY KEY);
CREATE TEMP TABLE in_whole_user (user INTEGER PRIMARY KEY);
CREATE TEMP TABLE in_context (user, name, PRIMARY KEY (user, name)) WITHOUT ROWID;
CREATE TEMP TABLE in_conversation (user, conversation, PRIMARY KEY (user, conversation)) WITHOUT ROWID;
CREATE TEMP TABLE in_construct (construct PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE in_session (session PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE in_learning (learning PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE in_artifact (artifact PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE in_blob (blob INTEGER PRIMARY KEY);
CREATE TEMP TABLE in_entity (id PRIMARY KEY, user, context, name, UNIQUE (user, context, name)) WITHOUT ROWID;
CREATE TEMP TABLE in_graph (user, context, PRIMARY KEY (user, context)) WITHOUT ROWID;
CREATE TEMP TABLE in_chart (user, context, chart, PRIMARY KEY (user, context, chart)) WITHOUT ROWID;
";

/// What is chosen because of what was: constructs bring their sessions, those their conversations, and so on.
const BELOW: &str = "
INSERT OR IGNORE INTO in_session SELECT s.session FROM session AS s JOIN in_construct AS i ON i.construct = s.construct;
INSERT OR IGNORE INTO in_conversation
  SELECT c.user, c.conversation FROM conversation AS c JOIN in_session AS i ON i.session = c.session;
INSERT OR IGNORE INTO in_artifact SELECT a.artifact FROM artifact AS a JOIN in_construct AS i ON i.construct = a.construct;
INSERT OR IGNORE INTO in_artifact SELECT a.artifact FROM artifact AS a JOIN in_session AS i ON i.session = a.session;
INSERT OR IGNORE INTO in_artifact
  SELECT a.artifact FROM artifact AS a
  WHERE a.user IN (SELECT user FROM in_conversation)
    AND EXISTS (SELECT 1 FROM in_conversation AS i
                WHERE i.user = a.user AND i.conversation = CAST(substr(a.message, instr(a.message, '-co') + 3) AS INTEGER));
";

/// What the chosen records cannot be without.
const ABOVE: &str = "
INSERT OR IGNORE INTO in_context
  SELECT c.user, c.context FROM conversation AS c JOIN in_conversation AS i ON i.user = c.user AND i.conversation = c.conversation;
INSERT OR IGNORE INTO in_context SELECT c.user, c.context FROM construct AS c JOIN in_construct AS i ON i.construct = c.construct;
INSERT OR IGNORE INTO in_context SELECT user, context FROM in_entity;
INSERT OR IGNORE INTO in_user SELECT user FROM in_context;
INSERT OR IGNORE INTO in_user SELECT a.user FROM artifact AS a JOIN in_artifact AS i ON i.artifact = a.artifact;
";

/// The contents of what was chosen.
const CONTENTS: &str = "
INSERT OR IGNORE INTO in_blob SELECT r.blob FROM artifact_revision AS r JOIN in_artifact AS i ON i.artifact = r.artifact;
INSERT OR IGNORE INTO in_blob
  SELECT u.blob FROM upload AS u JOIN in_whole_user AS i ON i.user = u.user WHERE u.blob IS NOT NULL;
";

/// The condition under which a row of a table, called `t`, is chosen; none if such rows are only in archives of everything.
fn chosen(table: &str) -> Option<&'static str> {
    const CONVERSATION: &str = "EXISTS (SELECT 1 FROM temp.in_conversation AS i WHERE i.user = t.user AND i.conversation = t.conversation)";
    Some(match table {
        "user" => "t.user IN (SELECT user FROM temp.in_user)",
        "user_setting" | "retention_policy" | "job" | "upload" => {
            "t.user IN (SELECT user FROM temp.in_whole_user)"
        }
        "conversation" | "participant" | "message" | "part" | "chunk" | "packed_chunk" => {
            CONVERSATION
        }
        "context" => {
            "EXISTS (SELECT 1 FROM temp.in_context AS i WHERE i.user = t.user AND i.name = t.name)"
        }
        "learning" | "learning_tag" | "learning_source" => {
            "t.learning IN (SELECT learning FROM temp.in_learning)"
        }
        "construct" => "t.construct IN (SELECT construct FROM temp.in_construct)",
        "session" => "t.session IN (SELECT session FROM temp.in_session)",
        "construct_link" => {
            "t.source IN (SELECT construct FROM temp.in_construct) AND t.target IN (SELECT construct FROM temp.in_construct)"
        }
        "artifact" | "artifact_revision" => {
            "t.artifact IN (SELECT artifact FROM temp.in_artifact)"
        }
        "timeline_event" | "metric" => {
            "(t.user IN (SELECT user FROM temp.in_whole_user)
              OR t.construct IN (SELECT construct FROM temp.in_construct)
              OR t.session IN (SELECT session FROM temp.in_session))"
        }
        "entity" => "t.id IN (SELECT id FROM temp.in_entity)",
        "observation" => "t.entity IN (SELECT id FROM temp.in_entity)",
        "relation" => {
            "(EXISTS (SELECT 1 FROM temp.in_graph AS i WHERE i.user = t.user AND i.context = t.context)
              OR EXISTS (SELECT 1 FROM temp.in_entity AS i WHERE i.user = t.user AND i.context = t.context AND i.name = t.source)
              AND EXISTS (SELECT 1 FROM temp.in_entity AS i WHERE i.user = t.user AND i.context = t.context AND i.name = t.target))"
        }
        "chart_line" => {
            "EXISTS (SELECT 1 FROM temp.in_graph AS i WHERE i.user = t.user AND i.context = t.context)"
        }
        "chart_event" => {
            "(EXISTS (SELECT 1 FROM temp.in_graph AS i WHERE i.user = t.user AND i.context = t.context)
              OR EXISTS (SELECT 1 FROM temp.in_chart AS i WHERE i.user = t.user AND i.context = t.context AND i.chart = t.chart))"
        }
        "blob" => "t.blob IN (SELECT blob FROM temp.in_blob)",
        _ => return None,
    })
}

/// The condition under which a row of a table, called `t`, is in an archive; none if the table is not in it.
pub fn condition(scope: &Scope, table: &str) -> Option<&'static str> {
    match scope {
        // Which archives left is no part of what is in them.
        Scope::All if table == "setting" => Some("t.name <> 'backups.taken'"),
        Scope::All => Some("1"),
        _ => chosen(table),
    }
}

/// The condition under which a content, called `t`, is in an archive: it is whole, and something chosen has it.
pub fn blob_condition(scope: &Scope) -> String {
    const IS_USED: &str = "(EXISTS (SELECT 1 FROM artifact_revision AS r WHERE r.blob = t.blob)
        OR EXISTS (SELECT 1 FROM upload AS u WHERE u.blob = t.blob))";
    let is_chosen = condition(scope, "blob").unwrap_or("0");
    format!("t.hash <> '' AND {IS_USED} AND {is_chosen}")
}

/// Names the records of a scope.
///
/// # Errors
/// `not_found` when there is no such record.
pub fn choose(view: &View<'_>, scope: &Scope) -> Result<()> {
    let connection = view.connection();
    connection.execute_batch(CHOSEN)?;
    match scope {
        Scope::All => return Ok(()),
        Scope::User { id } => {
            expect(
                view,
                "user",
                id,
                "SELECT 1 FROM user WHERE user = ?1",
                (id.user,),
            )?;
            for (into, what) in [
                ("in_user", "user FROM user"),
                ("in_whole_user", "user FROM user"),
                ("in_context", "user, name FROM context"),
                ("in_conversation", "user, conversation FROM conversation"),
                ("in_construct", "construct FROM construct"),
                ("in_session", "session FROM session"),
                ("in_learning", "learning FROM learning"),
                ("in_artifact", "artifact FROM artifact"),
                ("in_entity", "id, user, context, name FROM entity"),
                ("in_graph", "DISTINCT user, context FROM entity"),
                ("in_graph", "DISTINCT user, context FROM relation"),
                ("in_graph", "DISTINCT user, context FROM chart_line"),
                ("in_graph", "DISTINCT user, context FROM chart_event"),
            ] {
                insert(connection, into, what, "user = ?1", (id.user,))?;
            }
        }
        Scope::Context { user_id, name } => {
            let key = (user_id.user, name);
            let sql = "SELECT 1 FROM context WHERE user = ?1 AND name = ?2";
            expect(view, "context", name, sql, key)?;
            insert(
                connection,
                "in_context",
                "user, name FROM context",
                "user = ?1 AND name = ?2",
                key,
            )?;
            for (into, what) in [
                ("in_conversation", "user, conversation FROM conversation"),
                ("in_construct", "construct FROM construct"),
                ("in_learning", "learning FROM learning"),
                ("in_entity", "id, user, context, name FROM entity"),
            ] {
                insert(connection, into, what, "user = ?1 AND context = ?2", key)?;
            }
            connection.execute("INSERT INTO in_graph VALUES (?1, ?2)", key)?;
        }
        Scope::Construct { id } => {
            let sql = "SELECT 1 FROM construct WHERE construct = ?1";
            expect(view, "construct", id, sql, (id,))?;
            connection.execute("INSERT INTO in_construct VALUES (?1)", (id,))?;
        }
        Scope::Conversation { id } => {
            let key = (id.user, id.conversation);
            let sql = "SELECT 1 FROM conversation WHERE user = ?1 AND conversation = ?2";
            expect(view, "conversation", id, sql, key)?;
            connection.execute("INSERT INTO in_conversation VALUES (?1, ?2)", key)?;
        }
        Scope::Chart {
            user_id,
            context,
            chart,
        } => choose_chart(view, connection, (user_id.user, context, chart))?,
    }
    for chosen in [BELOW, ABOVE, CONTENTS] {
        connection.execute_batch(chosen)?;
    }
    Ok(())
}

/// A chart with the charts below it, their parts, and what those parts contain without saying of which chart they are.
fn choose_chart(
    view: &View<'_>,
    connection: &Connection,
    key: (i64, &String, &String),
) -> Result<()> {
    let sql = "SELECT 1 FROM entity WHERE user = ?1 AND context = ?2 AND chart = ?3";
    expect(view, "chart", key.2, sql, key)?;
    for what in [
        "INSERT INTO in_chart SELECT ?1, ?2, chart FROM below",
        "INSERT INTO in_entity SELECT e.id, e.user, e.context, e.name FROM part AS p JOIN entity AS e ON e.id = p.id",
    ] {
        connection.execute(&format!("WITH RECURSIVE {PARTS} {what}"), key)?;
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    into: &str,
    what: &str,
    which: &str,
    key: impl rusqlite::Params,
) -> Result<()> {
    let sql = format!("INSERT OR IGNORE INTO {into} SELECT {what} WHERE {which}");
    connection.execute(&sql, key)?;
    Ok(())
}

fn expect(
    view: &View<'_>,
    what: &'static str,
    id: &dyn std::fmt::Display,
    sql: &str,
    key: impl rusqlite::Params,
) -> Result<()> {
    if view.prepare(sql)?.exists(key)? {
        Ok(())
    } else {
        Err(Error::not_found(what, id))
    }
}

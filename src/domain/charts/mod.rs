//! Charts: a graph of entities, observations and relations per user and context, structural tension charts on top of it,
//! and both as JSON Lines.
//!
//! What a chart is made of is read from its entities' `chartId`, types and relations, never out of names.

pub mod chart;
pub mod check;
pub mod events;
mod fields;
pub mod graph;
mod hierarchy;
pub mod lines;
#[cfg(test)]
pub(crate) mod plans;
pub mod tension;
pub(crate) mod time;
pub mod warnings;

pub(crate) use hierarchy::PARTS;

use super::{contexts, owner};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// The graph of one user in one context.
struct Place {
    user: UserId,
    context: String,
}

impl Place {
    /// The graph that is named, to read it or to change what is there: by default the one of the configured context.
    fn find(view: &View<'_>, user: Option<UserId>, context: Option<&str>) -> Result<Self> {
        let user = owner(view, user)?;
        let context = contexts::current(view, user, context)?;
        Ok(Self { user, context })
    }

    /// The same, to add to it: the context is created when it is first needed.
    fn route(tx: &Tx<'_>, user: Option<UserId>, context: Option<&str>) -> Result<Self> {
        let user = owner(tx, user)?;
        if !super::users::exists(tx, user)? {
            return Err(Error::not_found("user", user));
        }
        let context = contexts::route(tx, user, context, None)?;
        Ok(Self { user, context })
    }

    /// What a statement's first two parameters are bound to.
    fn key(&self) -> (i64, &str) {
        (self.user.user, &self.context)
    }
}

/// The charts of a graph; none where there is no such context.
pub(crate) fn of(
    view: &View<'_>,
    user: UserId,
    context: Option<&str>,
) -> Result<Vec<chart::ChartRef>> {
    let place = Place::find(view, Some(user), context)?;
    let mut statement = view.prepare(
        "SELECT DISTINCT chart FROM entity WHERE user = ?1 AND context = ?2 AND chart IS NOT NULL AND type = ?3",
    )?;
    let key = (place.user.user, &place.context, hierarchy::CHART);
    let charts = statement.query_map(key, |row| {
        Ok(chart::ChartRef {
            user_id: Some(user),
            context: Some(place.context.clone()),
            chart: row.get(0)?,
        })
    })?;
    Ok(charts.collect::<rusqlite::Result<_>>()?)
}

/// The graph behind another, by user and context; none if there are no more.
pub(crate) fn graph_after(
    view: &View<'_>,
    user: i64,
    context: &str,
) -> Result<Option<lines::GraphRef>> {
    let mut next = view.prepare(
        "SELECT user, context FROM entity WHERE (user, context) > (?1, ?2) ORDER BY user, context LIMIT 1",
    )?;
    let mut rows = next.query((user, context))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let user_id = Some(UserId { user: row.get(0)? });
    let context = Some(row.get(1)?);
    Ok(Some(lines::GraphRef { user_id, context }))
}

/// Prepares the graph of one context to become part of another's, whose lines come first.
///
/// # Errors
/// `conflict` when a name, a relation or a chart is in both.
pub(super) fn merge(tx: &Tx<'_>, user: UserId, from: &str, to: &str) -> Result<()> {
    let shared: Option<String> = tx
        .prepare(
            "SELECT coalesce(
               (SELECT name FROM entity AS e WHERE user = ?1 AND context = ?2 AND EXISTS
                 (SELECT 1 FROM entity AS o WHERE o.user = ?1 AND o.context = ?3 AND o.name = e.name)),
               (SELECT chart FROM entity AS e WHERE user = ?1 AND context = ?2 AND chart IS NOT NULL AND EXISTS
                 (SELECT 1 FROM entity AS o WHERE o.user = ?1 AND o.context = ?3 AND o.chart = e.chart)),
               (SELECT source FROM relation AS r WHERE user = ?1 AND context = ?2 AND EXISTS
                 (SELECT 1 FROM relation AS o WHERE o.user = ?1 AND o.context = ?3
                    AND o.source = r.source AND o.type = r.type AND o.target = r.target)))",
        )?
        .query_row((user.user, from, to), |row| row.get(0))?;
    if let Some(name) = shared {
        return Err(Error::new(
            crate::Code::Conflict,
            format!("{name} is in the graphs of both contexts"),
        ));
    }
    let target = Place {
        user,
        context: to.to_owned(),
    };
    let shift = graph::next_position(tx, target.key())? - 1;
    for table in ["entity", "relation", "chart_line"] {
        tx.execute(
            &format!(
                "UPDATE {table} SET position = position + ?3 WHERE user = ?1 AND context = ?2 AND ?3 > 0"
            ),
            (user.user, from, shift),
        )?;
    }
    tx.execute(
        "UPDATE entity SET metadata = json_set(metadata, '$.context', ?3)
         WHERE user = ?1 AND context = ?2 AND json_extract(metadata, '$.context') IS NOT NULL",
        (user.user, from, to),
    )?;
    tx.execute(
        "UPDATE chart_event INDEXED BY chart_event_by_context SET context = ?3 WHERE user = ?1 AND context = ?2",
        (user.user, from, to),
    )?;
    Ok(())
}

/// Which entities stand for charts that policies are for: those that are complete and hang below no other.
pub(super) const ENDED: &[&str] = &[
    "h.type = 'structural_tension_chart' AND h.chart IS NOT NULL AND h.parent_chart IS NULL AND h.parent_step IS NULL",
    "NOT EXISTS (SELECT 1 FROM relation AS r WHERE r.user = h.user AND r.context = h.context AND r.target = h.name
                   AND r.type = 'telescopes_into')",
    hierarchy::COMPLETE,
];

/// The chart that an entity stands for.
pub(super) fn standing_for(view: &View<'_>, entity: &str) -> Result<chart::ChartRef> {
    let mut statement = view.prepare("SELECT user, context, chart FROM entity WHERE id = ?1")?;
    Ok(statement.query_row([entity], |row| {
        Ok(chart::ChartRef {
            user_id: Some(UserId { user: row.get(0)? }),
            context: row.get(1)?,
            chart: row.get(2)?,
        })
    })?)
}

/// Puts a chart away or removes it, with every chart below it. One that went with another is gone already.
pub(super) fn let_go(tx: &Tx<'_>, chart: &chart::ChartRef, keeps: bool) -> Result<()> {
    let done = if keeps {
        tension::set_archived(tx, chart, true).map(drop)
    } else {
        tension::remove(tx, chart)
    };
    match done {
        Err(error) if error.code() == crate::Code::NotFound => Ok(()),
        done => done,
    }
}

/// Forgets what happened in a context in which nothing is left.
pub(super) fn forget(tx: &Tx<'_>, user: UserId, context: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM chart_event INDEXED BY chart_event_by_context WHERE user = ?1 AND context = ?2",
        (user.user, context),
    )?;
    Ok(())
}

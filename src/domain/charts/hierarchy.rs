//! What a chart is made of and what hangs below it, as the graph's fields and relations say. Walks meet each chart once, so
//! a hierarchy that runs in a circle ends them like any other. `CROSS JOIN` keeps SQLite to the order that is written: from
//! the chart, of which there is one, to its relations, of which the context has many.

use std::collections::HashSet;

use super::{Place, graph};
use crate::error::{Code, Error, Result};
use crate::store::View;

pub const CHART: &str = "structural_tension_chart";
pub const OUTCOME: &str = "desired_outcome";
pub const REALITY: &str = "current_reality";
pub const STEP: &str = "action_step";
pub const CONTAINS: &str = "contains";
pub const CREATES_TENSION: &str = "creates_tension_with";
pub const ADVANCES: &str = "advances_toward";
pub const TELESCOPES: &str = "telescopes_into";

/// The most charts of one hierarchy.
const MAX_CHARTS: usize = 10_000;

/// Whether the chart of the head `h` is complete: its outcome is.
pub const COMPLETE: &str = "(h.completed
   OR EXISTS (SELECT 1 FROM entity AS o WHERE o.user = h.user AND o.context = h.context AND o.chart = h.chart
                AND o.type = 'desired_outcome' AND o.completed)
   OR EXISTS (SELECT 1 FROM relation AS r
                CROSS JOIN entity AS o ON o.user = r.user AND o.context = r.context AND o.name = r.target
              WHERE r.user = h.user AND r.context = h.context AND r.source = h.name AND r.type = 'contains'
                AND o.chart IS NULL AND o.type = 'desired_outcome' AND o.completed))";

/// An entity as a part of a chart.
#[derive(Debug, Clone)]
pub struct Part {
    pub name: String,
    pub due_at: Option<i64>,
    pub completed: bool,
}

/// A chart below another, and the step it was telescoped from, where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub parent: String,
    pub child: String,
    pub step: Option<String>,
    /// Where the child's line is.
    pub position: i64,
}

/// A chart with all charts below it.
pub struct Tree {
    /// The chart itself, then those below it, nearest first.
    pub charts: Vec<String>,
    /// How they hang together.
    pub links: Vec<Link>,
}

/// Of the user ?1, the context ?2 and the chart ?3: `below` is the chart with those below it, and `part` their entities, with those
/// that they contain without saying of which chart they are.
pub(crate) const PARTS: &str = "
  below (chart) AS (
    SELECT ?3 UNION
    SELECT e.chart FROM below JOIN entity AS e
      ON e.user = ?1 AND e.context = ?2 AND e.parent_chart = below.chart AND e.chart IS NOT NULL),
  own (id, name) AS (
    SELECT e.id, e.name FROM below CROSS JOIN entity AS e ON e.user = ?1 AND e.context = ?2 AND e.chart = below.chart),
  part (id, name) AS (
    SELECT id, name FROM own
    UNION
    SELECT e.id, e.name FROM own
      CROSS JOIN relation AS r ON r.user = ?1 AND r.context = ?2 AND r.source = own.name AND r.type = 'contains'
      CROSS JOIN entity AS e ON e.user = ?1 AND e.context = ?2 AND e.name = r.target
    WHERE e.chart IS NULL)";

/// The ids of all entities of a chart and those below it, and of the relations between them.
///
/// # Errors
/// `not_found` when there is no such chart.
pub fn records(view: &View<'_>, place: &Place, chart: &str) -> Result<HashSet<String>> {
    let mut statement = view.prepare(&format!(
        "WITH RECURSIVE {PARTS}
         SELECT id FROM part
         UNION
         SELECT r.id FROM part AS s
           CROSS JOIN relation AS r ON r.user = ?1 AND r.context = ?2 AND r.source = s.name
         WHERE r.target IN (SELECT name FROM part)"
    ))?;
    let ids = statement.query_map((place.user.user, &place.context, chart), |row| row.get(0))?;
    let ids = ids.collect::<rusqlite::Result<HashSet<String>>>()?;
    if ids.is_empty() {
        return Err(Error::not_found("chart", chart));
    }
    Ok(ids)
}

/// The parts of a chart, of one type or of all, in the order of their lines: entities with its id, and those without an id
/// that it contains.
pub fn parts(
    view: &View<'_>,
    place: &Place,
    chart: &str,
    entity_type: Option<&str>,
) -> Result<Vec<Part>> {
    let of_type = |alias: &str| match entity_type {
        Some(_) => format!("{alias}.type = ?4"),
        None => "?4 IS NULL".to_owned(),
    };
    let mut statement = view.prepare(&format!(
        "SELECT e.name, e.due_at, e.completed, e.position FROM entity AS e INDEXED BY entity_by_chart
         WHERE e.user = ?1 AND e.context = ?2 AND e.chart = ?3 AND {}
         UNION
         SELECT e.name, e.due_at, e.completed, e.position FROM entity AS h
           CROSS JOIN relation AS r ON r.user = h.user AND r.context = h.context AND r.source = h.name AND r.type = 'contains'
           CROSS JOIN entity AS e ON e.user = r.user AND e.context = r.context AND e.name = r.target
         WHERE h.user = ?1 AND h.context = ?2 AND h.chart = ?3 AND h.type = 'structural_tension_chart'
           AND e.chart IS NULL AND {}
         ORDER BY 4",
        of_type("e"),
        of_type("e")
    ))?;
    let found = statement.query_map(
        (place.user.user, &place.context, chart, entity_type),
        |row| {
            Ok(Part {
                name: row.get(0)?,
                due_at: row.get(1)?,
                completed: row.get(2)?,
            })
        },
    )?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The entity of a chart that is of this type: the first, if it has several.
pub fn part(
    view: &View<'_>,
    place: &Place,
    chart: &str,
    entity_type: &str,
) -> Result<Option<graph::Entity>> {
    let first = parts(view, place, chart, Some(entity_type))?
        .into_iter()
        .next();
    first.map_or(Ok(None), |part| graph::find(view, place, &part.name))
}

/// The head of a chart.
pub fn head(view: &View<'_>, place: &Place, chart: &str) -> Result<graph::Entity> {
    let mut statement = view.prepare(
        "SELECT id FROM entity
         WHERE user = ?1 AND context = ?2 AND chart = ?3 AND type = 'structural_tension_chart' ORDER BY position LIMIT 1",
    )?;
    let mut ids = statement.query((place.user.user, &place.context, chart))?;
    match ids.next()? {
        Some(row) => graph::by_id(view, &row.get::<_, String>(0)?),
        None => Err(Error::not_found("chart", chart)),
    }
}

/// Whether a chart's outcome is reached.
pub fn is_complete(view: &View<'_>, place: &Place, chart: &str) -> Result<bool> {
    let mut statement = view.prepare(&format!(
        "SELECT 1 FROM entity AS h
         WHERE h.user = ?1 AND h.context = ?2 AND h.chart = ?3 AND h.type = 'structural_tension_chart' AND {COMPLETE}"
    ))?;
    Ok(statement.exists((place.user.user, &place.context, chart))?)
}

/// The charts directly below one, by the fields of their heads or by relations, in the order of their lines.
pub fn children(view: &View<'_>, place: &Place, chart: &str) -> Result<Vec<Link>> {
    let mut statement = view.prepare(
        "SELECT h.chart, h.parent_step, h.position FROM entity AS h
         WHERE h.user = ?1 AND h.context = ?2 AND h.parent_chart = ?3 AND h.type = 'structural_tension_chart'
           AND h.chart IS NOT NULL
         UNION
         SELECT h.chart, s.name, h.position FROM entity AS s
           CROSS JOIN relation AS r ON r.user = s.user AND r.context = s.context AND r.source = s.name AND r.type = 'telescopes_into'
           CROSS JOIN entity AS h ON h.user = r.user AND h.context = r.context AND h.name = r.target
         WHERE s.user = ?1 AND s.context = ?2 AND s.chart = ?3 AND h.chart IS NOT NULL
         ORDER BY 3, 2 DESC",
    )?;
    let found = statement.query_map((place.user.user, &place.context, chart), |row| {
        Ok(Link {
            parent: chart.to_owned(),
            child: row.get(0)?,
            step: row.get(1)?,
            position: row.get(2)?,
        })
    })?;
    let mut links: Vec<Link> = Vec::new();
    for link in found {
        let link = link?;
        // The same chart by its fields and by a relation is one link; the one that names the step comes first.
        if !links.iter().any(|known| known.child == link.child) {
            links.push(link);
        }
    }
    Ok(links)
}

/// A chart with everything below it, not going through the chart `except`.
pub fn tree(view: &View<'_>, place: &Place, chart: &str, except: Option<&str>) -> Result<Tree> {
    let mut charts = vec![chart.to_owned()];
    let mut links = Vec::new();
    let mut next = 0;
    while let Some(parent) = charts.get(next) {
        for link in children(view, place, parent)? {
            if except == Some(&link.child) {
                continue;
            }
            if !charts.contains(&link.child) {
                charts.push(link.child.clone());
            }
            links.push(link);
        }
        if charts.len() > MAX_CHARTS {
            return Err(Error::new(
                Code::Unsupported,
                format!("more than {MAX_CHARTS} charts hang below {chart}"),
            ));
        }
        next += 1;
    }
    Ok(Tree { charts, links })
}

/// The chart that an entity is a part of.
pub fn chart_of(view: &View<'_>, place: &Place, name: &str) -> Result<Option<String>> {
    let mut statement = view.prepare(
        "SELECT chart FROM entity WHERE user = ?1 AND context = ?2 AND name = ?3 AND chart IS NOT NULL
         UNION ALL
         SELECT h.chart FROM relation AS r
           CROSS JOIN entity AS h ON h.user = r.user AND h.context = r.context AND h.name = r.source
         WHERE r.user = ?1 AND r.context = ?2 AND r.target = ?3 AND r.type = 'contains'
           AND h.type = 'structural_tension_chart' AND h.chart IS NOT NULL
         LIMIT 1",
    )?;
    let mut rows = statement.query((place.user.user, &place.context, name))?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// The chart and the step that a chart was telescoped from.
pub fn parent(
    view: &View<'_>,
    place: &Place,
    chart: &str,
) -> Result<Option<(String, Option<String>)>> {
    let mut statement = view.prepare(
        "SELECT s.chart, s.name FROM entity AS h
           CROSS JOIN relation AS r ON r.user = h.user AND r.context = h.context AND r.target = h.name AND r.type = 'telescopes_into'
           CROSS JOIN entity AS s ON s.user = r.user AND s.context = r.context AND s.name = r.source
         WHERE h.user = ?1 AND h.context = ?2 AND h.chart = ?3
         UNION ALL
         SELECT parent_chart, parent_step FROM entity
         WHERE user = ?1 AND context = ?2 AND chart = ?3 AND type = 'structural_tension_chart'
           AND (parent_chart IS NOT NULL OR parent_step IS NOT NULL)
         LIMIT 1",
    )?;
    let mut rows = statement.query((place.user.user, &place.context, chart))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (parent, step): (Option<String>, Option<String>) = (row.get(0)?, row.get(1)?);
    let parent = match (parent, &step) {
        (None, Some(step)) => chart_of(view, place, step)?,
        (parent, _) => parent,
    };
    Ok(parent.map(|parent| (parent, step)))
}

/// The chart that a step was telescoped into.
pub fn telescoped(view: &View<'_>, place: &Place, step: &str) -> Result<Option<String>> {
    let mut statement = view.prepare(
        "SELECT h.chart FROM relation AS r
           CROSS JOIN entity AS h ON h.user = r.user AND h.context = r.context AND h.name = r.target
         WHERE r.user = ?1 AND r.context = ?2 AND r.source = ?3 AND r.type = 'telescopes_into' AND h.chart IS NOT NULL
         UNION ALL
         SELECT chart FROM entity WHERE user = ?1 AND context = ?2 AND parent_step = ?3 AND chart IS NOT NULL
           AND type = 'structural_tension_chart'
         LIMIT 1",
    )?;
    let mut rows = statement.query((place.user.user, &place.context, step))?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

//! Charts as they are read from the graph: a desired outcome, the current reality, and the steps between them.

use serde::{Deserialize, Serialize};

use super::Place;
use super::fields::Fields;
use super::graph::{self, Entity};
use super::hierarchy::{self, CHART, COMPLETE, Link, OUTCOME, REALITY, STEP};
use crate::domain::page::{self, Cursor, Page};
use crate::domain::{contexts, owner};
use crate::error::Result;
use crate::id::UserId;
use crate::store::View;

/// The most steps that a chart is created with, and the most parts that are read with it.
pub(super) const MAX_STEPS: usize = 1_000;

/// Where a chart is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ChartPhase {
    /// The outcome takes shape.
    Germination,
    /// Steps are taken and learned from.
    Assimilation,
    /// The outcome comes within reach.
    Completion,
}

impl ChartPhase {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Germination => "germination",
            Self::Assimilation => "assimilation",
            Self::Completion => "completion",
        }
    }

    /// The phase of that name, if it is one.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Germination, Self::Assimilation, Self::Completion]
            .into_iter()
            .find(|phase| phase.as_str() == name)
    }
}

/// A chart as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    /// Its id, such as `chart_7`.
    pub id: String,
    /// The user it belongs to.
    pub user_id: UserId,
    /// The context it is in.
    pub context: String,
    /// The name of the entity that stands for it.
    pub entity: String,
    /// Its title.
    pub title: String,
    /// What is to be created.
    pub desired_outcome: String,
    /// When, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_date: Option<String>,
    /// How deep it lies below a chart of its own: 0 is the top.
    pub level: i64,
    /// Where it is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<ChartPhase>,
    /// The chart above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_chart: Option<String>,
    /// The step of that chart which it was telescoped from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_step: Option<String>,
    /// Its outcome is reached.
    pub completed: bool,
    /// It was put away.
    pub archived: bool,
    /// How far it has come.
    pub progress: ChartProgress,
    /// Grows by one or more with every change to the chart.
    pub version: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub updated_at: i64,
}

/// How far a chart has come, with everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ChartProgress {
    /// Steps that are done, of the chart and of every chart below it.
    pub done: i64,
    /// All their steps. One that was telescoped counts beside the steps of its chart.
    pub total: i64,
    /// Charts below it.
    pub sub_charts: i64,
    /// Those of them that are complete.
    pub sub_charts_done: i64,
    /// What to do next: the open step that is due first, of those that were not telescoped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<ChartStep>,
}

/// A step of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ChartStep {
    /// The name of its entity.
    pub name: String,
    /// The chart it is a step of.
    pub chart: String,
    /// What to do.
    pub text: String,
    /// When it is due, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_date: Option<String>,
    /// It is done.
    pub completed: bool,
    /// The chart it was telescoped into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_chart: Option<String>,
    /// The version of its entity.
    pub version: i64,
}

/// A chart with what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ChartDetail {
    /// The chart as a whole.
    pub chart: Chart,
    /// What is the case now.
    pub current_reality: Vec<String>,
    /// Its steps, in the order of their lines.
    pub steps: Vec<ChartStep>,
    /// The charts directly below it.
    pub sub_charts: Vec<String>,
    /// The entities it is made of, steps and others, in the order of their lines: up to 1,000.
    pub parts: Vec<Entity>,
}

/// Names a chart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartRef {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// Its id.
    pub chart: String,
}

/// Which charts to list, by whether they are in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ChartStatus {
    /// Neither complete nor put away.
    #[default]
    Active,
    /// Complete, and not put away.
    Completed,
    /// Put away.
    Archived,
    /// All of them.
    All,
}

/// Which charts to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartList {
    /// The user whose charts to list. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those in one of these contexts.
    pub contexts: Option<Vec<String>>,
    /// `active` by default: neither complete nor put away.
    pub status: Option<ChartStatus>,
    /// Only those in this phase.
    pub phase: Option<ChartPhase>,
    /// Only those that hang below no other chart.
    pub top_level: Option<bool>,
    /// Only those due at or after this, in milliseconds since 1970-01-01 UTC.
    pub due_since: Option<i64>,
    /// Only those due before this, in milliseconds since 1970-01-01 UTC.
    pub due_until: Option<i64>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// Lists the charts directly below one.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartChildren {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The chart.
    pub chart: String,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// A step as it counts: an action step, or a chart below that no step of this chart leads to.
struct Counted {
    step: Option<hierarchy::Part>,
    done: bool,
    sub_chart: Option<String>,
}

/// The steps of a chart, given the charts directly below it.
fn counted(view: &View<'_>, place: &Place, chart: &str, links: &[Link]) -> Result<Vec<Counted>> {
    let own = links.iter().filter(|link| link.parent == chart);
    let mut below: Vec<&Link> = own.collect();
    let mut all = Vec::new();
    for step in hierarchy::parts(view, place, chart, Some(STEP))? {
        let link = below
            .iter()
            .position(|link| link.step.as_ref() == Some(&step.name));
        let sub_chart = link.map(|index| below.swap_remove(index).child.clone());
        let done = match &sub_chart {
            Some(sub_chart) if !step.completed => hierarchy::is_complete(view, place, sub_chart)?,
            _ => step.completed,
        };
        all.push(Counted {
            step: Some(step),
            done,
            sub_chart,
        });
    }
    for link in below {
        all.push(Counted {
            step: None,
            done: hierarchy::is_complete(view, place, &link.child)?,
            sub_chart: Some(link.child.clone()),
        });
    }
    Ok(all)
}

/// Whether a chart has steps and all of them are done.
pub(super) fn all_done(view: &View<'_>, place: &Place, chart: &str) -> Result<bool> {
    let links = hierarchy::children(view, place, chart)?;
    let steps = counted(view, place, chart, &links)?;
    Ok(!steps.is_empty() && steps.iter().all(|step| step.done))
}

fn progress_of(view: &View<'_>, place: &Place, chart: &str) -> Result<ChartProgress> {
    let tree = hierarchy::tree(view, place, chart, None)?;
    let mut progress = ChartProgress {
        done: 0,
        total: 0,
        sub_charts: 0,
        sub_charts_done: 0,
        next_step: None,
    };
    let mut next: Option<(i64, String, &str)> = None;
    for (index, chart) in tree.charts.iter().enumerate() {
        if index > 0 {
            progress.sub_charts += 1;
            progress.sub_charts_done += i64::from(hierarchy::is_complete(view, place, chart)?);
        }
        for counted in counted(view, place, chart, &tree.links)? {
            progress.total += 1;
            progress.done += i64::from(counted.done);
            let open = counted
                .step
                .filter(|_| !counted.done && counted.sub_chart.is_none());
            if let Some(step) = open {
                let due = step.due_at.unwrap_or(i64::MAX);
                if next.as_ref().is_none_or(|(first, ..)| due < *first) {
                    next = Some((due, step.name, chart));
                }
            }
        }
    }
    if let Some((_, name, chart)) = next {
        let entity = graph::named(view, place, &name)?;
        progress.next_step = Some(step_of(chart, &entity, false, None)?);
    }
    Ok(progress)
}

pub(super) fn step_of(
    chart: &str,
    entity: &Entity,
    completed: bool,
    sub_chart: Option<String>,
) -> Result<ChartStep> {
    Ok(ChartStep {
        name: entity.name.clone(),
        chart: chart.to_owned(),
        text: text_of(entity),
        due_date: Fields::stored(entity.metadata.get())?.text("dueDate"),
        completed,
        sub_chart,
        version: entity.version,
    })
}

/// What an entity says: its first observation, or its name when it has none.
pub(super) fn text_of(entity: &Entity) -> String {
    entity.observations.first().unwrap_or(&entity.name).clone()
}

/// A chart as a whole, read from its head.
fn chart_of_head(view: &View<'_>, place: &Place, head: Entity) -> Result<Chart> {
    let fields = Fields::stored(head.metadata.get())?;
    let id = fields.text("chartId").unwrap_or_default();
    let outcome = hierarchy::part(view, place, &id, OUTCOME)?;
    let parent = hierarchy::parent(view, place, &id)?;
    let (parent_chart, parent_step) = parent.unzip();
    Ok(Chart {
        title: text_of(&head),
        desired_outcome: outcome.as_ref().map(text_of).unwrap_or_default(),
        due_date: fields.text("dueDate"),
        level: level_of(&fields),
        phase: fields.text("phase").as_deref().and_then(ChartPhase::parse),
        parent_chart,
        parent_step: parent_step.flatten(),
        completed: hierarchy::is_complete(view, place, &id)?,
        archived: fields.text("archivedAt").is_some(),
        progress: progress_of(view, place, &id)?,
        id,
        user_id: head.user_id,
        context: head.context,
        entity: head.name,
        version: head.version,
        created_at: head.created_at,
        updated_at: head.updated_at,
    })
}

pub(super) fn chart_at(view: &View<'_>, place: &Place, chart: &str) -> Result<Chart> {
    let head = hierarchy::head(view, place, chart)?;
    chart_of_head(view, place, head)
}

/// Reads a chart with what it is made of. The charts below it are named, not read.
pub fn get(view: &View<'_>, query: &ChartRef) -> Result<ChartDetail> {
    let place = Place::find(view, query.user_id, query.context.as_deref())?;
    let chart = chart_at(view, &place, &query.chart)?;
    let links = hierarchy::children(view, &place, &query.chart)?;
    let mut steps = Vec::new();
    for counted in counted(view, &place, &query.chart, &links)? {
        if let Some(step) = counted.step {
            let entity = graph::named(view, &place, &step.name)?;
            steps.push(step_of(
                &query.chart,
                &entity,
                counted.done,
                counted.sub_chart,
            )?);
        }
    }
    let mut parts = Vec::new();
    for part in hierarchy::parts(view, &place, &query.chart, None)?
        .into_iter()
        .take(MAX_STEPS)
    {
        parts.push(graph::named(view, &place, &part.name)?);
    }
    let reality = hierarchy::part(view, &place, &query.chart, REALITY)?;
    Ok(ChartDetail {
        chart,
        current_reality: reality
            .map(|reality| reality.observations)
            .unwrap_or_default(),
        steps,
        sub_charts: links.into_iter().map(|link| link.child).collect(),
        parts,
    })
}

/// Reads how far a chart has come.
pub fn progress(view: &View<'_>, query: &ChartRef) -> Result<ChartProgress> {
    let place = Place::find(view, query.user_id, query.context.as_deref())?;
    hierarchy::head(view, &place, &query.chart)?;
    progress_of(view, &place, &query.chart)
}

/// Lists a user's charts by due date, the next first and those without one last.
pub fn list(view: &View<'_>, query: &ChartList) -> Result<Page<Chart>> {
    let user = owner(view, query.user_id)?;
    let limit = page::limit(query.limit)?;
    let status = query.status.unwrap_or_default();
    let of_status = match status {
        ChartStatus::Active => format!("NOT h.archived AND NOT {COMPLETE}"),
        ChartStatus::Completed => format!("NOT h.archived AND {COMPLETE}"),
        ChartStatus::Archived => "h.archived".to_owned(),
        ChartStatus::All => "1".to_owned(),
    };
    let list = format!(
        "charts {user} {status:?} {:?} {:?} {:?} {:?} {:?}",
        query.contexts, query.phase, query.top_level, query.due_since, query.due_until
    );
    let cursor = Cursor::decode_text(&list, query.cursor.as_deref())?;
    let (due, id) = cursor
        .as_deref()
        .and_then(|cursor| cursor.split_once(' '))
        .and_then(|(due, id)| Some((due.parse().ok()?, id)))
        .unwrap_or((i64::MIN, ""));
    let (in_contexts, contexts) = contexts::filter(query.contexts.as_deref(), "?9");
    let mut statement = view.prepare(&format!(
        "SELECT id, coalesce(due_at, 9223372036854775807) FROM entity AS h
         WHERE user = ?1 AND type = 'structural_tension_chart' AND chart IS NOT NULL
           AND coalesce(due_at, 9223372036854775807) >= ?2
           AND (coalesce(due_at, 9223372036854775807), id) > (?2, ?3) AND {of_status}
           AND (?4 IS NULL OR phase = ?4) AND (?5 IS NULL OR due_at >= ?5) AND (?6 IS NULL OR due_at < ?6)
           AND (?7 IS NULL OR ?7 = (parent_chart IS NULL AND parent_step IS NULL)) AND {in_contexts}
         ORDER BY coalesce(due_at, 9223372036854775807), id LIMIT ?8"
    ))?;
    let rows = statement.query_map(
        (
            user.user,
            due,
            id,
            query.phase.map(ChartPhase::as_str),
            query.due_since,
            query.due_until,
            query.top_level,
            limit + 1,
            contexts,
        ),
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
    )?;
    let heads = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let page = page::cut(heads, limit, |(id, due)| {
        Cursor::encode_text(&list, &format!("{due} {id}"))
    });
    let mut items = Vec::with_capacity(page.items.len());
    for (id, _) in page.items {
        let head = graph::by_id(view, &id)?;
        let place = Place {
            user,
            context: head.context.clone(),
        };
        items.push(chart_of_head(view, &place, head)?);
    }
    Ok(Page {
        items,
        next_cursor: page.next_cursor,
    })
}

/// Lists the charts directly below one, in the order of their lines.
pub fn children(view: &View<'_>, query: &ChartChildren) -> Result<Page<Chart>> {
    let place = Place::find(view, query.user_id, query.context.as_deref())?;
    let limit = page::limit(query.limit)?;
    hierarchy::head(view, &place, &query.chart)?;
    let list = format!("chart children {:?} {}", place.key(), query.chart);
    let [after] = Cursor::decode(&list, query.cursor.as_deref())?.unwrap_or([0]);
    let mut links = hierarchy::children(view, &place, &query.chart)?;
    links.retain(|link| link.position > after);
    let page = page::cut(links, limit, |last| Cursor::encode(&list, &[last.position]));
    let mut items = Vec::with_capacity(page.items.len());
    for link in page.items {
        if let Some(head) = hierarchy::part(view, &place, &link.child, CHART)? {
            items.push(chart_of_head(view, &place, head)?);
        }
    }
    Ok(Page {
        items,
        next_cursor: page.next_cursor,
    })
}

/// How deep a chart says that it lies.
pub(super) fn level_of(head: &Fields) -> i64 {
    let level = head.get("level").and_then(|level| level.parse().ok());
    level.unwrap_or(0)
}

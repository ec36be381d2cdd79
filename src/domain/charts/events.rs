//! What moved when, in which chart.

use serde::{Deserialize, Serialize};

use super::Place;
use crate::domain::listing::{Asked, Listing};
use crate::domain::page::{Order, Page};
use crate::domain::{owner, text};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// What happened to a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ChartEventKind {
    /// It was created.
    Created,
    /// A step was added.
    StepAdded,
    /// A step was telescoped; `detail` is the new chart.
    StepTelescoped,
    /// A step was completed.
    StepCompleted,
    /// A step was removed.
    StepRemoved,
    /// Its outcome was reached.
    Completed,
    /// Its phase changed; `detail` is the new one.
    PhaseChanged,
    /// Its current reality gained observations.
    RealityUpdated,
    /// Its outcome was put into other words.
    OutcomeChanged,
    /// Its title changed.
    TitleChanged,
    /// Its due date, or that of a step, changed; `detail` is the new one.
    DueDateChanged,
    /// It moved to the context it is in now; `detail` is the one it came from.
    Moved,
    /// It was put away.
    Archived,
    /// It was taken up again.
    Unarchived,
    /// It was removed.
    Removed,
}

const KINDS: [(ChartEventKind, &str); 15] = [
    (ChartEventKind::Created, "created"),
    (ChartEventKind::StepAdded, "step_added"),
    (ChartEventKind::StepTelescoped, "step_telescoped"),
    (ChartEventKind::StepCompleted, "step_completed"),
    (ChartEventKind::StepRemoved, "step_removed"),
    (ChartEventKind::Completed, "completed"),
    (ChartEventKind::PhaseChanged, "phase_changed"),
    (ChartEventKind::RealityUpdated, "reality_updated"),
    (ChartEventKind::OutcomeChanged, "outcome_changed"),
    (ChartEventKind::TitleChanged, "title_changed"),
    (ChartEventKind::DueDateChanged, "due_date_changed"),
    (ChartEventKind::Moved, "moved"),
    (ChartEventKind::Archived, "archived"),
    (ChartEventKind::Unarchived, "unarchived"),
    (ChartEventKind::Removed, "removed"),
];

impl ChartEventKind {
    fn as_str(self) -> &'static str {
        let named = KINDS.iter().find(|(kind, _)| *kind == self);
        named.map_or("", |(_, name)| name)
    }

    fn parse(name: &str) -> Result<Self> {
        let named = KINDS.iter().find(|(_, known)| *known == name);
        named
            .map(|(kind, _)| *kind)
            .ok_or_else(|| Error::corrupt("a stored kind of chart event is unknown"))
    }
}

/// Something that happened to a chart. Events outlive their chart, until their context is cleared or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ChartEvent {
    /// The context the chart is in.
    pub context: String,
    /// The chart.
    pub chart: String,
    /// What happened.
    pub kind: ChartEventKind,
    /// The name of the entity it happened to, where that is not the chart as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// More, as the kind says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// Which events to list. Filters add up.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartEventList {
    /// The user whose charts they happened to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// Only those in one of these contexts.
    pub contexts: Option<Vec<String>>,
    /// Only those of this chart.
    pub chart: Option<String>,
    /// Only those of these kinds.
    pub kinds: Option<Vec<ChartEventKind>>,
    /// Only those at or after this, in milliseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Only those before this, in milliseconds since 1970-01-01 UTC.
    pub until: Option<i64>,
    /// Newest first by default.
    pub order: Option<Order>,
    /// Items per page: 1 to 1,000, 50 by default.
    pub limit: Option<i64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

const COLUMNS: &str = "seq, context, chart, kind, entity, detail, at";

/// Writes down what happened.
pub(super) fn note(
    tx: &Tx<'_>,
    place: &Place,
    chart: &str,
    kind: ChartEventKind,
    entity: Option<&str>,
    detail: Option<&str>,
) -> Result<()> {
    tx.execute(
        "INSERT INTO chart_event (user, seq, context, chart, kind, entity, detail, at)
         VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM chart_event WHERE user = ?1), ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            place.user.user,
            &place.context,
            chart,
            kind.as_str(),
            entity,
            detail,
            tx.now_ms(),
        ),
    )?;
    Ok(())
}

/// Lists what happened to charts by time.
pub fn list(view: &View<'_>, query: &ChartEventList) -> Result<Page<ChartEvent>> {
    let user = owner(view, query.user_id)?;
    let mut list = Listing::of("chart_event", COLUMNS, "at", "chart_event_by_time", user);
    list.lead("chart_event_by_chart", "chart", query.chart.as_deref());
    let contexts = query.contexts.as_deref();
    list.one_of("chart_event_by_context", "context", contexts);
    let kinds = query.kinds.as_ref().map(|kinds| {
        let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
        serde_json::Value::from(names).to_string()
    });
    list.text("kind IN (SELECT value FROM json_each(?))", kinds.as_deref());
    list.within("at", query.since, query.until);
    let asked = Asked {
        order: query.order,
        limit: query.limit,
        cursor: query.cursor.as_deref(),
    };
    list.page(view, &asked, |row| {
        Ok(Some(ChartEvent {
            context: row.get(1)?,
            chart: row.get(2)?,
            kind: ChartEventKind::parse(text(row, 3)?)?,
            entity: row.get(4)?,
            detail: row.get(5)?,
            at: row.get(6)?,
        }))
    })
}

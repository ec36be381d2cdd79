//! Whether a graph and its charts make sense. Nothing is changed; each finding has a code.

use serde::{Deserialize, Serialize};

use super::chart::ChartPhase;
use super::fields::Fields;
use super::hierarchy::{self, CHART, OUTCOME, REALITY, STEP};
use super::lines::GraphRef;
use super::{Place, time};
use crate::error::Result;
use crate::store::View;

/// The most findings of one check.
const MAX_FINDINGS: usize = 1_000;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ChartFindingCode {
    /// A relation leads from or to a name that is not there.
    RelationEndMissing,
    /// A chart has no head, outcome or reality.
    PartMissing,
    /// A chart has several heads, outcomes or realities.
    PartDuplicate,
    /// An entity of a chart's type belongs to no chart.
    ChartIdMissing,
    /// Charts hang below each other in a circle.
    HierarchyCycle,
    /// The chart or step that a chart says it hangs below is not there.
    ParentMissing,
    /// A step and its chart are linked in one direction only.
    TelescopeOneSided,
    /// A step or chart is due after what it belongs to, or before it was created.
    DueDateOutOfOrder,
    /// A chart is complete while steps of it are open.
    CompletedWithOpenSteps,
    /// A time is not a time.
    TimeUnreadable,
    /// A phase is none of the three.
    PhaseUnknown,
    /// A line was set aside when it was loaded.
    LineSetAside,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ChartFinding {
    /// What.
    pub code: ChartFindingCode,
    /// In which chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<String>,
    /// At which entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// A sentence for people.
    pub message: String,
}

/// What a check looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ChartCheck {
    /// Entities looked at.
    pub entities: i64,
    /// Relations looked at.
    pub relations: i64,
    /// Charts looked at.
    pub charts: i64,
    /// What is wrong, up to 1,000 findings.
    pub findings: Vec<ChartFinding>,
    /// There are more findings than are shown.
    pub truncated: bool,
}

impl ChartCheck {
    fn add(
        &mut self,
        code: ChartFindingCode,
        chart: Option<&str>,
        entity: Option<&str>,
        message: String,
    ) {
        if self.findings.len() == MAX_FINDINGS {
            self.truncated = true;
            return;
        }
        self.findings.push(ChartFinding {
            code,
            chart: chart.map(str::to_owned),
            entity: entity.map(str::to_owned),
            message,
        });
    }
}

/// Checks the graph of one context.
pub fn check(view: &View<'_>, query: &GraphRef) -> Result<ChartCheck> {
    let place = Place::find(view, query.user_id, query.context.as_deref())?;
    let mut check = ChartCheck {
        entities: 0,
        relations: 0,
        charts: 0,
        findings: Vec::new(),
        truncated: false,
    };
    entities(view, &place, &mut check)?;
    relations(view, &place, &mut check)?;
    charts(view, &place, &mut check)?;
    links(view, &place, &mut check)?;
    let links = upward(view, &place)?;
    for circle in circles(&links) {
        let message = format!("{} hang below each other", circle.join(", "));
        let chart = circle.first().copied();
        check.add(ChartFindingCode::HierarchyCycle, chart, None, message);
    }
    lines(view, &place, &mut check)?;
    Ok(check)
}

/// What each entity says of itself.
fn entities(view: &View<'_>, place: &Place, check: &mut ChartCheck) -> Result<()> {
    let mut statement = view.prepare(
        "SELECT name, type, chart, metadata FROM entity WHERE user = ?1 AND context = ?2 ORDER BY position",
    )?;
    let mut rows = statement.query(place.key())?;
    while let Some(row) = rows.next()? {
        check.entities += 1;
        let (name, entity_type): (String, String) = (row.get(0)?, row.get(1)?);
        let chart: Option<String> = row.get(2)?;
        let fields = Fields::stored(crate::domain::text(row, 3)?)?;
        for key in ["dueDate", "createdAt", "updatedAt", "archivedAt"] {
            let unreadable = fields.get(key).filter(|_| {
                fields
                    .text(key)
                    .is_none_or(|text| time::parse(&text).is_none())
            });
            if let Some(value) = unreadable {
                check.add(
                    ChartFindingCode::TimeUnreadable,
                    chart.as_deref(),
                    Some(&name),
                    format!("`{key}` of {name} is {value}"),
                );
            }
        }
        if let Some(phase) = fields.get("phase").filter(|_| {
            fields
                .text("phase")
                .as_deref()
                .and_then(ChartPhase::parse)
                .is_none()
        }) {
            check.add(
                ChartFindingCode::PhaseUnknown,
                chart.as_deref(),
                Some(&name),
                format!("the phase of {name} is {phase}"),
            );
        }
        let of_a_chart = [CHART, OUTCOME, REALITY, STEP].contains(&entity_type.as_str());
        if of_a_chart && chart.is_none() && hierarchy::chart_of(view, place, &name)?.is_none() {
            check.add(
                ChartFindingCode::ChartIdMissing,
                None,
                Some(&name),
                format!("{name} belongs to no chart"),
            );
        }
        let created = fields.text("createdAt").as_deref().and_then(time::parse);
        let due = fields.text("dueDate").as_deref().and_then(time::parse);
        if let (Some(created), Some(due)) = (created, due) {
            // A date alone is due at its end as much as at its start.
            if due + 86_400_000 <= created {
                check.add(
                    ChartFindingCode::DueDateOutOfOrder,
                    chart.as_deref(),
                    Some(&name),
                    format!("{name} is due before it was created"),
                );
            }
        }
    }
    Ok(())
}

/// Whether the ends of each relation are there.
fn relations(view: &View<'_>, place: &Place, check: &mut ChartCheck) -> Result<()> {
    let mut statement = view.prepare(
        "SELECT r.source, r.type, r.target, s.name IS NULL, t.name IS NULL, coalesce(s.chart, t.chart)
         FROM relation AS r
         LEFT JOIN entity AS s ON s.user = r.user AND s.context = r.context AND s.name = r.source
         LEFT JOIN entity AS t ON t.user = r.user AND t.context = r.context AND t.name = r.target
         WHERE r.user = ?1 AND r.context = ?2 ORDER BY r.position",
    )?;
    let mut rows = statement.query(place.key())?;
    while let Some(row) = rows.next()? {
        check.relations += 1;
        let (source, kind, target): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let chart: Option<String> = row.get(5)?;
        for (missing, name) in [(row.get(3)?, &source), (row.get(4)?, &target)] {
            if missing {
                check.add(
                    ChartFindingCode::RelationEndMissing,
                    chart.as_deref(),
                    Some(name),
                    format!("{source} {kind} {target}, but there is no {name}"),
                );
            }
        }
    }
    Ok(())
}

/// Whether each chart is whole, in order and as complete as it says.
fn charts(view: &View<'_>, place: &Place, check: &mut ChartCheck) -> Result<()> {
    let mut statement = view.prepare(
        "SELECT DISTINCT chart FROM entity WHERE user = ?1 AND context = ?2 AND chart IS NOT NULL ORDER BY chart",
    )?;
    let mut rows = statement.query(place.key())?;
    while let Some(row) = rows.next()? {
        check.charts += 1;
        let chart: String = row.get(0)?;
        let mut due = None;
        for part in [CHART, OUTCOME, REALITY] {
            let found = hierarchy::parts(view, place, &chart, Some(part))?;
            match found.as_slice() {
                [one] => due = due.or(one.due_at),
                [] => check.add(
                    ChartFindingCode::PartMissing,
                    Some(&chart),
                    None,
                    format!("{chart} has no {part}"),
                ),
                [.., last] => check.add(
                    ChartFindingCode::PartDuplicate,
                    Some(&chart),
                    Some(&last.name),
                    format!("{chart} has {} of {part}", found.len()),
                ),
            }
        }
        let links = hierarchy::children(view, place, &chart)?;
        let complete = hierarchy::is_complete(view, place, &chart)?;
        for step in hierarchy::parts(view, place, &chart, Some(STEP))? {
            let link = links
                .iter()
                .find(|link| link.step.as_ref() == Some(&step.name));
            let done = match link {
                Some(link) if !step.completed => hierarchy::is_complete(view, place, &link.child)?,
                _ => step.completed,
            };
            if complete && !done {
                check.add(
                    ChartFindingCode::CompletedWithOpenSteps,
                    Some(&chart),
                    Some(&step.name),
                    format!("{chart} is complete, but {} is open", step.name),
                );
            }
            let below = match link {
                Some(link) => hierarchy::part(view, place, &link.child, CHART)?,
                None => None,
            };
            let below = match below {
                Some(below) => Fields::stored(below.metadata.get())?.text("dueDate"),
                None => None,
            };
            let below = below.as_deref().and_then(time::parse);
            for (late, before, what) in [
                (step.due_at, due, "its chart"),
                (below, step.due_at, "its step"),
            ] {
                if let (Some(late), Some(before)) = (late, before)
                    && late > before
                {
                    check.add(
                        ChartFindingCode::DueDateOutOfOrder,
                        Some(&chart),
                        Some(&step.name),
                        format!("at {}, something is due after {what}", step.name),
                    );
                }
            }
        }
    }
    Ok(())
}

/// Whether what telescopes is linked both ways.
fn links(view: &View<'_>, place: &Place, check: &mut ChartCheck) -> Result<()> {
    let mut heads = view.prepare(
        "SELECT h.chart, h.name, h.parent_chart, h.parent_step,
           EXISTS (SELECT 1 FROM entity AS p WHERE p.user = ?1 AND p.context = ?2 AND p.chart = h.parent_chart),
           EXISTS (SELECT 1 FROM entity AS s WHERE s.user = ?1 AND s.context = ?2 AND s.name = h.parent_step),
           EXISTS (SELECT 1 FROM relation AS r WHERE r.user = ?1 AND r.context = ?2 AND r.target = h.name
                     AND r.type = 'telescopes_into' AND r.source = h.parent_step)
         FROM entity AS h
         WHERE h.user = ?1 AND h.context = ?2 AND h.type = 'structural_tension_chart' AND h.chart IS NOT NULL
           AND (h.parent_chart IS NOT NULL OR h.parent_step IS NOT NULL)
         ORDER BY h.position",
    )?;
    let mut rows = heads.query(place.key())?;
    while let Some(row) = rows.next()? {
        let (chart, name): (String, String) = (row.get(0)?, row.get(1)?);
        let (parent, step): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
        let (parent_there, step_there): (bool, bool) = (row.get(4)?, row.get(5)?);
        for (said, there) in [(&parent, parent_there), (&step, step_there)] {
            if let Some(said) = said.as_ref().filter(|_| !there) {
                check.add(
                    ChartFindingCode::ParentMissing,
                    Some(&chart),
                    Some(&name),
                    format!("{chart} hangs below {said}, which is not there"),
                );
            }
        }
        let related: bool = row.get(6)?;
        if !related || parent.is_none() {
            check.add(
                ChartFindingCode::TelescopeOneSided,
                Some(&chart),
                Some(&name),
                format!("{name} names what it hangs below, but is not linked both ways"),
            );
        }
    }
    let mut relations = view.prepare(
        "SELECT h.chart, s.name FROM relation AS r
           JOIN entity AS s ON s.user = r.user AND s.context = r.context AND s.name = r.source
           JOIN entity AS h ON h.user = r.user AND h.context = r.context AND h.name = r.target
         WHERE r.user = ?1 AND r.context = ?2 AND r.type = 'telescopes_into' AND h.parent_step IS NOT r.source
         ORDER BY r.position",
    )?;
    let mut rows = relations.query(place.key())?;
    while let Some(row) = rows.next()? {
        let (chart, step): (Option<String>, String) = (row.get(0)?, row.get(1)?);
        check.add(
            ChartFindingCode::TelescopeOneSided,
            chart.as_deref(),
            Some(&step),
            format!("{step} telescopes into a chart that does not name it"),
        );
    }
    Ok(())
}

/// Every chart of a graph with each chart above it, by fields or relations, ordered.
fn upward(view: &View<'_>, place: &Place) -> Result<Vec<(String, String)>> {
    let mut statement = view.prepare(
        "SELECT chart, parent_chart FROM entity
         WHERE user = ?1 AND context = ?2 AND type = 'structural_tension_chart'
           AND chart IS NOT NULL AND parent_chart IS NOT NULL
         UNION
         SELECT h.chart, s.chart FROM relation AS r
           JOIN entity AS s ON s.user = r.user AND s.context = r.context AND s.name = r.source
           JOIN entity AS h ON h.user = r.user AND h.context = r.context AND h.name = r.target
         WHERE r.user = ?1 AND r.context = ?2 AND r.type = 'telescopes_into'
           AND h.chart IS NOT NULL AND s.chart IS NOT NULL
         ORDER BY 1, 2",
    )?;
    let links = statement.query_map(place.key(), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(links.collect::<rusqlite::Result<_>>()?)
}

/// The circles among links from a chart to one above it, which are ordered by chart. Follows every link once.
fn circles(links: &[(String, String)]) -> Vec<Vec<&str>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        OnPath,
        Done,
    }
    // A chart is known by the index of its first link.
    let first = |chart: &str| {
        let index = links.partition_point(|(below, _)| below.as_str() < chart);
        links
            .get(index)
            .filter(|(below, _)| below == chart)
            .map(|_| index)
    };
    let mut states = vec![State::New; links.len()];
    let mut circles = Vec::new();
    for start in 0..links.len() {
        let mut path: Vec<usize> = Vec::new();
        if let Some(state) = states.get_mut(start).filter(|state| **state == State::New)
            && links.get(start).and_then(|(chart, _)| first(chart)) == Some(start)
        {
            *state = State::OnPath;
            path.push(start);
        }
        while let Some((chart, above)) = path.last().and_then(|at| links.get(*at)) {
            let next = first(above);
            let state = next.and_then(|next| states.get_mut(next));
            match state {
                Some(state) if *state == State::New => {
                    *state = State::OnPath;
                    path.extend(next);
                    continue;
                }
                Some(State::OnPath) => {
                    let on_path = path.iter().filter_map(|at| links.get(*at));
                    let circle = on_path.map(|(chart, _)| chart.as_str());
                    circles.push(circle.skip_while(|chart| chart != above).collect());
                }
                _ => {}
            }
            // The next link of this chart, or of the nearest below it that has one.
            let mut chart = chart;
            while let Some(at) = path.pop() {
                let sibling = links.get(at + 1).filter(|(below, _)| below == chart);
                if sibling.is_some() {
                    path.push(at + 1);
                    break;
                }
                if let Some(state) = first(chart).and_then(|index| states.get_mut(index)) {
                    *state = State::Done;
                }
                if let Some((below, _)) = path.last().and_then(|at| links.get(*at)) {
                    chart = below;
                }
            }
        }
    }
    circles
}

/// Lines that were set aside.
fn lines(view: &View<'_>, place: &Place, check: &mut ChartCheck) -> Result<()> {
    let mut statement = view.prepare(
        "SELECT problem, text FROM chart_line
         WHERE user = ?1 AND context = ?2 AND problem IS NOT NULL ORDER BY position",
    )?;
    let mut rows = statement.query(place.key())?;
    while let Some(row) = rows.next()? {
        let (problem, text): (String, String) = (row.get(0)?, row.get(1)?);
        let start: String = text.chars().take(80).collect();
        check.add(
            ChartFindingCode::LineSetAside,
            None,
            None,
            format!("{problem}: {start}"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Vec<String> {
        let mut links: Vec<(String, String)> = pairs
            .iter()
            .map(|(below, above)| ((*below).to_owned(), (*above).to_owned()))
            .collect();
        links.sort();
        circles(&links)
            .into_iter()
            .map(|circle| circle.join(">"))
            .collect()
    }

    #[test]
    fn circles_are_found_and_trees_are_none() {
        assert_eq!(
            of(&[("b", "a"), ("c", "a"), ("d", "b"), ("d", "c")]),
            [""; 0]
        );
        assert_eq!(of(&[("a", "a")]), ["a"]);
        assert_eq!(
            of(&[("a", "b"), ("b", "c"), ("c", "a"), ("x", "a")]),
            ["a>b>c"]
        );
        assert_eq!(
            of(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("d", "e")]),
            ["a>b", "b>c"]
        );
        let long: Vec<(String, String)> = (0..20_000)
            .map(|n| (format!("{n:06}"), format!("{:06}", n + 1)))
            .collect();
        assert!(circles(&long).is_empty());
    }
}

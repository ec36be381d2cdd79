//! What changes structural tension charts: steps are added, telescoped into charts of their own and completed, and what is
//! complete flows into the reality above it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chart::{
    Chart, ChartPhase, ChartRef, ChartStep, MAX_STEPS, all_done, chart_at, level_of, step_of,
    text_of,
};
use super::events::{self, ChartEventKind};
use super::fields::Fields;
use super::graph::{self, Entity, EntityDraft, RelationDraft};
use super::hierarchy::{
    self, ADVANCES, CHART, CONTAINS, CREATES_TENSION, OUTCOME, REALITY, STEP, TELESCOPES,
};
use super::warnings::{self, ChartWarning};
use super::{Place, time};
use crate::domain::check_version;
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::store::{Tx, View};

/// A chart that was created or changed, and what to reconsider about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ReviewedChart {
    /// The chart.
    pub chart: Chart,
    /// What to reconsider.
    pub warnings: Vec<ChartWarning>,
}

/// What a new chart is made of.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewChart {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it goes to; by default what is configured for the user or the app, else `default`.
    pub context: Option<String>,
    /// What is to be created.
    pub desired_outcome: String,
    /// What is the case now.
    pub current_reality: String,
    /// When the outcome is to be there: `2026-12-31`, or a whole date and time.
    pub due_date: String,
    /// What to do, in order, at most 1,000. Step i of n is due at start + (end − start)·i/(n + 1).
    pub action_steps: Option<Vec<String>>,
    /// Its title; the outcome by default.
    pub title: Option<String>,
    /// Where it is on its way: `germination` by default.
    pub phase: Option<ChartPhase>,
}

/// Names a step.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepRef {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The name of its entity.
    pub step: String,
}

/// A step to add to a chart.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewStep {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The chart.
    pub chart: String,
    /// What to do.
    pub text: String,
    /// When it is due; midway between now and the chart's due date by default.
    pub due_date: Option<String>,
}

/// Changes to a step; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepUpdate {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The name of its entity.
    pub step: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// What to do.
    pub text: Option<String>,
    /// When it is due.
    pub due_date: Option<String>,
}

/// Makes a chart of a step.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Telescope {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The name of the step's entity. Its text becomes the new chart's outcome, its due date the chart's.
    pub step: String,
    /// What is the case now.
    pub current_reality: String,
    /// What to do, in order, at most 1,000; nothing by default.
    pub action_steps: Option<Vec<String>>,
    /// The new chart's title; the step's text by default.
    pub title: Option<String>,
}

/// Changes to a chart; what is absent stays.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartUpdate {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// Its id.
    pub chart: String,
    /// The version the change was made from; `conflict` when it is no longer the current one.
    pub version: i64,
    /// A new title.
    pub title: Option<String>,
    /// The outcome in other words.
    pub desired_outcome: Option<String>,
    /// Another due date. Its steps keep theirs.
    pub due_date: Option<String>,
}

/// Observations for a chart's current reality.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RealityUpdate {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The chart.
    pub chart: String,
    /// What was observed, each once.
    pub observations: Vec<String>,
}

/// Sets a chart's phase.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhaseSet {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The chart.
    pub chart: String,
    /// Where it is on its way.
    pub phase: ChartPhase,
}

/// Moves a chart to another context.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartMove {
    /// The user it belongs to. A view of one user may leave it out.
    pub user_id: Option<UserId>,
    /// The context it is in; by default the configured one.
    pub context: Option<String>,
    /// The chart.
    pub chart: String,
    /// The context it goes to.
    pub to: String,
}

/// Sets fields of an entity, or removes those without a value, and writes down when.
fn amend(tx: &Tx<'_>, entity: &Entity, changes: &[(&str, Option<Value>)]) -> Result<()> {
    let mut fields = Fields::stored(entity.metadata.get())?;
    for (key, value) in changes {
        match value {
            Some(value) => fields.set(key, value)?,
            None => fields.remove(key),
        }
    }
    fields.set("updatedAt", &time::write(tx.now_ms())?)?;
    graph::save(tx, entity, &entity.entity_type, &fields.metadata()?)
}

/// Counts a change to a chart.
fn touch(tx: &Tx<'_>, place: &Place, chart: &str) -> Result<()> {
    match hierarchy::part(tx, place, chart, CHART)? {
        Some(head) => amend(tx, &head, &[]),
        None => Ok(()),
    }
}

fn relate(
    tx: &Tx<'_>,
    place: &Place,
    from: &str,
    relation_type: &str,
    to: &str,
    now: &str,
) -> Result<()> {
    if graph::relation(tx, place, (from, to, relation_type))?.is_some() {
        return Ok(());
    }
    let mut fields = Fields::default();
    fields.set("createdAt", now)?;
    let draft = RelationDraft {
        from,
        to,
        relation_type,
        metadata: &fields.metadata()?,
        shape: None,
    };
    graph::relate(tx, place, &draft)
}

/// A part of a chart that is about to be stored.
#[derive(Clone, Copy)]
struct NewPart<'a> {
    chart: &'a str,
    name: &'a str,
    entity_type: &'a str,
    text: &'a str,
    due_date: Option<&'a str>,
    /// What else its fields say.
    more: &'a [(&'a str, Option<Value>)],
}

fn put_part(tx: &Tx<'_>, place: &Place, part: &NewPart<'_>, now: &str) -> Result<()> {
    let mut fields = Fields::default();
    fields.set("chartId", part.chart)?;
    if let Some(due_date) = part.due_date {
        fields.set("dueDate", due_date)?;
    }
    for (key, value) in part.more {
        if let Some(value) = value {
            fields.set(key, value)?;
        }
    }
    fields.set("createdAt", now)?;
    fields.set("updatedAt", now)?;
    let draft = EntityDraft {
        name: part.name,
        entity_type: part.entity_type,
        observations: &[part.text.to_owned()],
        metadata: &fields.metadata()?,
        shape: None,
    };
    graph::insert(tx, place, &draft).map(drop)
}

/// What a chart is made from, whether it is new or telescoped.
struct Plan<'a> {
    title: &'a str,
    outcome: &'a str,
    reality: &'a str,
    due_date: Option<&'a str>,
    steps: &'a [String],
    level: i64,
    phase: ChartPhase,
    /// The chart and the step it hangs below.
    parent: Option<(&'a str, &'a str)>,
}

/// The names of a chart's parts.
struct Names {
    chart: String,
    head: String,
    outcome: String,
    reality: String,
}

fn build(tx: &Tx<'_>, place: &Place, plan: &Plan<'_>) -> Result<ReviewedChart> {
    check_text("the desired outcome", plan.outcome)?;
    check_text("the current reality", plan.reality)?;
    check_text("the title", plan.title)?;
    if plan.steps.len() > MAX_STEPS {
        return Err(Error::invalid(format!(
            "a chart is created with at most {MAX_STEPS} steps"
        )));
    }
    let due_at = plan
        .due_date
        .map(|due_date| time::read("the due date", due_date))
        .transpose()?;
    let now = time::write(tx.now_ms())?;
    let chart = graph::allocate_chart(tx, place)?;
    let names = Names {
        head: format!("{chart}_chart"),
        outcome: format!("{chart}_desired_outcome"),
        reality: format!("{chart}_current_reality"),
        chart,
    };
    put_tension(tx, place, plan, &names, &now)?;
    let steps = put_steps(tx, place, &names.chart, plan.steps, due_at, &now)?;
    for part in [&names.outcome, &names.reality].into_iter().chain(&steps) {
        relate(tx, place, &names.head, CONTAINS, part, &now)?;
    }
    relate(
        tx,
        place,
        &names.reality,
        CREATES_TENSION,
        &names.outcome,
        &now,
    )?;
    for step in &steps {
        relate(tx, place, step, ADVANCES, &names.outcome, &now)?;
    }
    if let Some((_, step)) = plan.parent {
        relate(tx, place, step, TELESCOPES, &names.head, &now)?;
    }
    events::note(tx, place, &names.chart, ChartEventKind::Created, None, None)?;
    let mut warnings = Vec::new();
    warnings.extend(warnings::of_outcome(plan.outcome));
    warnings.extend(warnings::of_reality(plan.reality));
    if let (Some(due_date), Some(due_at)) = (plan.due_date, due_at) {
        warnings.extend(warnings::of_due_date(due_date, due_at, tx.now_ms()));
    }
    Ok(ReviewedChart {
        chart: chart_at(tx, place, &names.chart)?,
        warnings,
    })
}

/// Stores a new chart's head, outcome and reality.
fn put_tension(
    tx: &Tx<'_>,
    place: &Place,
    plan: &Plan<'_>,
    names: &Names,
    now: &str,
) -> Result<()> {
    let (parent_chart, parent_step) = plan.parent.unzip();
    let of_head = [
        ("level", Some(plan.level.into())),
        ("phase", Some(plan.phase.as_str().into())),
        ("context", Some(place.context.as_str().into())),
        ("parentChart", parent_chart.map(Value::from)),
        ("parentActionStep", parent_step.map(Value::from)),
    ];
    let head = NewPart {
        chart: &names.chart,
        name: &names.head,
        entity_type: CHART,
        text: plan.title,
        due_date: plan.due_date,
        more: &of_head,
    };
    let outcome = NewPart {
        name: &names.outcome,
        entity_type: OUTCOME,
        text: plan.outcome,
        more: &[],
        ..head
    };
    let reality = NewPart {
        name: &names.reality,
        entity_type: REALITY,
        text: plan.reality,
        due_date: None,
        ..outcome
    };
    for part in [head, outcome, reality] {
        put_part(tx, place, &part, now)?;
    }
    Ok(())
}

/// Stores a new chart's steps, the time until it is due divided among them, and gives their names.
fn put_steps(
    tx: &Tx<'_>,
    place: &Place,
    chart: &str,
    texts: &[String],
    due_at: Option<i64>,
    now: &str,
) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(texts.len());
    for (text, number) in texts.iter().zip(1_i64..) {
        check_text("a step", text)?;
        let name = format!("{chart}_action_{number}");
        let due_date = due_at
            .map(|end| time::write(share(tx.now_ms(), end, number, texts.len())))
            .transpose()?;
        let step = NewPart {
            chart,
            name: &name,
            entity_type: STEP,
            text,
            due_date: due_date.as_deref(),
            more: &[],
        };
        put_part(tx, place, &step, now)?;
        names.push(name);
    }
    Ok(names)
}

/// When step `number` of `count` is due between two times. An end that has passed leaves nothing to divide.
fn share(start: i64, end: i64, number: i64, count: usize) -> i64 {
    let start = start.min(end);
    let parts = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
    start + (end - start) * number / parts
}

fn check_text(what: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(format!("{what} is empty")));
    }
    Ok(())
}

/// Creates a chart with its parts and their relations.
pub fn create(tx: &Tx<'_>, new: &NewChart) -> Result<ReviewedChart> {
    let place = Place::route(tx, new.user_id, new.context.as_deref())?;
    let plan = Plan {
        title: new.title.as_ref().unwrap_or(&new.desired_outcome),
        outcome: &new.desired_outcome,
        reality: &new.current_reality,
        due_date: Some(&new.due_date),
        steps: new.action_steps.as_deref().unwrap_or_default(),
        level: 0,
        phase: new.phase.unwrap_or(ChartPhase::Germination),
        parent: None,
    };
    build(tx, &place, &plan)
}

fn conflict(message: String) -> Error {
    Error::new(Code::Conflict, message)
}

/// Adds a step to a chart, with its relations.
///
/// # Errors
/// `conflict` when the chart is complete.
pub fn add_step(tx: &Tx<'_>, new: &NewStep) -> Result<ChartStep> {
    let place = Place::find(tx, new.user_id, new.context.as_deref())?;
    let chart = new.chart.as_str();
    let head = hierarchy::head(tx, &place, chart)?;
    check_text("the step", &new.text)?;
    if hierarchy::is_complete(tx, &place, chart)? {
        return Err(conflict(format!("{chart} is complete")));
    }
    let due_date = if let Some(due_date) = &new.due_date {
        time::read("the due date", due_date)?;
        Some(due_date.clone())
    } else {
        let due_date = Fields::stored(head.metadata.get())?.text("dueDate");
        let end = due_date.as_deref().and_then(time::parse);
        end.map(|end| time::write(share(tx.now_ms(), end, 1, 1)))
            .transpose()?
    };
    let mut number = hierarchy::parts(tx, &place, chart, Some(STEP))?.len() + 1;
    let mut name = format!("{chart}_action_{number}");
    while graph::exists(tx, &place, &name)? {
        number += 1;
        name = format!("{chart}_action_{number}");
    }
    let now = time::write(tx.now_ms())?;
    let part = NewPart {
        chart,
        name: &name,
        entity_type: STEP,
        text: &new.text,
        due_date: due_date.as_deref(),
        more: &[],
    };
    put_part(tx, &place, &part, &now)?;
    relate(tx, &place, &head.name, CONTAINS, &name, &now)?;
    if let Some(outcome) = hierarchy::part(tx, &place, chart, OUTCOME)? {
        relate(tx, &place, &name, ADVANCES, &outcome.name, &now)?;
    }
    events::note(
        tx,
        &place,
        chart,
        ChartEventKind::StepAdded,
        Some(&name),
        None,
    )?;
    amend(tx, &head, &[])?;
    step_of(chart, &graph::named(tx, &place, &name)?, false, None)
}

/// A step's entity and its chart.
fn step_at(view: &View<'_>, place: &Place, name: &str) -> Result<(Entity, String)> {
    let step = graph::find(view, place, name)?
        .filter(|entity| entity.entity_type == STEP)
        .ok_or_else(|| Error::not_found("step", name))?;
    let chart = hierarchy::chart_of(view, place, name)?
        .ok_or_else(|| conflict(format!("the step {name} belongs to no chart")))?;
    Ok((step, chart))
}

/// Makes a chart of a step, linked both ways.
///
/// # Errors
/// `conflict` when the step is done, or is a chart already.
pub fn telescope(tx: &Tx<'_>, telescope: &Telescope) -> Result<ReviewedChart> {
    let place = Place::find(tx, telescope.user_id, telescope.context.as_deref())?;
    let (step, chart) = step_at(tx, &place, &telescope.step)?;
    if let Some(there) = hierarchy::telescoped(tx, &place, &step.name)? {
        return Err(conflict(format!(
            "the step {} is the chart {there} already",
            step.name
        )));
    }
    let fields = Fields::stored(step.metadata.get())?;
    if fields.is_true("completionStatus") {
        return Err(conflict(format!("the step {} is done", step.name)));
    }
    let head = hierarchy::head(tx, &place, &chart)?;
    let of_chart = Fields::stored(head.metadata.get())?;
    let text = text_of(&step);
    let due_date = fields.text("dueDate").or_else(|| of_chart.text("dueDate"));
    let plan = Plan {
        title: telescope.title.as_ref().unwrap_or(&text),
        outcome: &text,
        reality: &telescope.current_reality,
        due_date: due_date.as_deref(),
        steps: telescope.action_steps.as_deref().unwrap_or_default(),
        level: level_of(&of_chart).saturating_add(1),
        phase: ChartPhase::Germination,
        parent: Some((&chart, &step.name)),
    };
    let telescoped = build(tx, &place, &plan)?;
    events::note(
        tx,
        &place,
        &chart,
        ChartEventKind::StepTelescoped,
        Some(&step.name),
        Some(&telescoped.chart.id),
    )?;
    amend(tx, &head, &[])?;
    Ok(telescoped)
}

/// Completes a step; its chart's current reality gains `Completed: <step>` once. A chart whose steps are all done is complete,
/// and with it the step it was telescoped from, all the way up. Completing a step that was telescoped completes its chart.
/// Doing so twice is doing so once.
pub fn complete_step(tx: &Tx<'_>, query: &StepRef) -> Result<Chart> {
    let place = Place::find(tx, query.user_id, query.context.as_deref())?;
    let (step, chart) = step_at(tx, &place, &query.step)?;
    if let Some(sub_chart) = hierarchy::telescoped(tx, &place, &step.name)? {
        reach(tx, &place, &sub_chart)?;
    }
    finish(tx, &place, &chart, &step.name)?;
    if all_done(tx, &place, &chart)? {
        reach(tx, &place, &chart)?;
    }
    chart_at(tx, &place, &chart)
}

/// Completes a chart: its outcome is reached, and the step it was telescoped from is done, all the way up. Its own steps stay
/// as they are. Doing so twice is doing so once.
pub fn complete(tx: &Tx<'_>, query: &ChartRef) -> Result<Chart> {
    let place = Place::find(tx, query.user_id, query.context.as_deref())?;
    hierarchy::head(tx, &place, &query.chart)?;
    reach(tx, &place, &query.chart)?;
    chart_at(tx, &place, &query.chart)
}

/// Marks a step as done, unless it is.
fn finish(tx: &Tx<'_>, place: &Place, chart: &str, step: &str) -> Result<()> {
    let step = graph::named(tx, place, step)?;
    if Fields::stored(step.metadata.get())?.is_true("completionStatus") {
        return Ok(());
    }
    amend(tx, &step, &[("completionStatus", Some(true.into()))])?;
    gain(
        tx,
        place,
        chart,
        &[format!("Completed: {}", text_of(&step))],
    )?;
    events::note(
        tx,
        place,
        chart,
        ChartEventKind::StepCompleted,
        Some(&step.name),
        None,
    )?;
    touch(tx, place, chart)
}

/// Marks a chart's outcome as reached, and what follows from it further up. Each round completes something that was not
/// complete, so a hierarchy that runs in a circle comes to an end.
fn reach(tx: &Tx<'_>, place: &Place, chart: &str) -> Result<()> {
    let mut chart = chart.to_owned();
    loop {
        let goal = match hierarchy::part(tx, place, &chart, OUTCOME)? {
            Some(outcome) => outcome,
            None => hierarchy::head(tx, place, &chart)?,
        };
        let completed = Fields::stored(goal.metadata.get())?.is_true("completionStatus");
        if completed || hierarchy::is_complete(tx, place, &chart)? {
            return Ok(());
        }
        amend(tx, &goal, &[("completionStatus", Some(true.into()))])?;
        events::note(tx, place, &chart, ChartEventKind::Completed, None, None)?;
        if goal.entity_type != CHART {
            touch(tx, place, &chart)?;
        }
        let Some((parent, step)) = hierarchy::parent(tx, place, &chart)? else {
            return Ok(());
        };
        let step = match step {
            Some(step) => graph::find(tx, place, &step)?,
            None => None,
        };
        match step {
            Some(step) => finish(tx, place, &parent, &step.name)?,
            None => {
                gain(
                    tx,
                    place,
                    &parent,
                    &[format!("Completed: {}", text_of(&goal))],
                )?;
            }
        }
        if !all_done(tx, place, &parent)? {
            return Ok(());
        }
        chart = parent;
    }
}

/// Adds observations to a chart's current reality, each once, and says whether any was new. A chart that lost its reality gets
/// one; where there is no chart, there is nothing to add to.
fn gain(tx: &Tx<'_>, place: &Place, chart: &str, observations: &[String]) -> Result<bool> {
    if let Some(reality) = hierarchy::part(tx, place, chart, REALITY)? {
        let gained = graph::observe(tx, &reality, observations)?;
        if gained {
            let reality = graph::by_id(tx, &reality.id)?;
            amend(tx, &reality, &[])?;
        }
        return Ok(gained);
    }
    let (Some(head), Some((first, more))) = (
        hierarchy::part(tx, place, chart, CHART)?,
        observations.split_first(),
    ) else {
        return Ok(false);
    };
    let now = time::write(tx.now_ms())?;
    let name = format!("{chart}_current_reality");
    let part = NewPart {
        chart,
        name: &name,
        entity_type: REALITY,
        text: first,
        due_date: None,
        more: &[],
    };
    put_part(tx, place, &part, &now)?;
    graph::observe(tx, &graph::named(tx, place, &name)?, more)?;
    relate(tx, place, &head.name, CONTAINS, &name, &now)?;
    if let Some(outcome) = hierarchy::part(tx, place, chart, OUTCOME)? {
        relate(tx, place, &name, CREATES_TENSION, &outcome.name, &now)?;
    }
    Ok(true)
}

/// Adds observations to a chart's current reality, each once.
pub fn update_reality(tx: &Tx<'_>, update: &RealityUpdate) -> Result<ReviewedChart> {
    let place = Place::find(tx, update.user_id, update.context.as_deref())?;
    let head = hierarchy::head(tx, &place, &update.chart)?;
    for observation in &update.observations {
        check_text("an observation", observation)?;
    }
    if gain(tx, &place, &update.chart, &update.observations)? {
        let kind = ChartEventKind::RealityUpdated;
        events::note(tx, &place, &update.chart, kind, None, None)?;
        amend(tx, &head, &[])?;
    }
    Ok(ReviewedChart {
        chart: chart_at(tx, &place, &update.chart)?,
        warnings: update
            .observations
            .iter()
            .filter_map(|text| warnings::of_reality(text))
            .collect(),
    })
}

/// Changes a chart's title, outcome or due date.
pub fn update(tx: &Tx<'_>, change: &ChartUpdate) -> Result<ReviewedChart> {
    let place = Place::find(tx, change.user_id, change.context.as_deref())?;
    let chart = change.chart.as_str();
    let head = hierarchy::head(tx, &place, chart)?;
    check_version("chart", change.version, head.version)?;
    let outcome = hierarchy::part(tx, &place, chart, OUTCOME)?;
    let mut warnings = Vec::new();
    let mut changes = Vec::new();
    if let Some(title) = &change.title {
        check_text("the title", title)?;
        graph::observe_first(tx, &head, title)?;
        events::note(tx, &place, chart, ChartEventKind::TitleChanged, None, None)?;
    }
    if let Some(text) = &change.desired_outcome {
        check_text("the desired outcome", text)?;
        let outcome = outcome
            .as_ref()
            .ok_or_else(|| conflict(format!("{chart} has no desired outcome")))?;
        graph::observe_first(tx, outcome, text)?;
        warnings.extend(warnings::of_outcome(text));
        events::note(
            tx,
            &place,
            chart,
            ChartEventKind::OutcomeChanged,
            None,
            None,
        )?;
    }
    if let Some(due_date) = &change.due_date {
        let due_at = time::read("the due date", due_date)?;
        warnings.extend(warnings::of_due_date(due_date, due_at, tx.now_ms()));
        changes.push(("dueDate", Some(Value::from(due_date.as_str()))));
        let kind = ChartEventKind::DueDateChanged;
        events::note(tx, &place, chart, kind, None, Some(due_date))?;
    }
    if let Some(outcome) =
        outcome.filter(|_| change.desired_outcome.is_some() || change.due_date.is_some())
    {
        amend(tx, &outcome, &changes)?;
    }
    amend(tx, &head, &changes)?;
    Ok(ReviewedChart {
        chart: chart_at(tx, &place, chart)?,
        warnings,
    })
}

/// Sets a chart's phase. Doing so twice is doing so once.
pub fn set_phase(tx: &Tx<'_>, set: &PhaseSet) -> Result<Chart> {
    let place = Place::find(tx, set.user_id, set.context.as_deref())?;
    let head = hierarchy::head(tx, &place, &set.chart)?;
    let phase = set.phase.as_str();
    if Fields::stored(head.metadata.get())?
        .text("phase")
        .as_deref()
        != Some(phase)
    {
        amend(tx, &head, &[("phase", Some(phase.into()))])?;
        let kind = ChartEventKind::PhaseChanged;
        events::note(tx, &place, &set.chart, kind, None, Some(phase))?;
    }
    chart_at(tx, &place, &set.chart)
}

/// Changes a step's text or due date.
pub fn update_step(tx: &Tx<'_>, change: &StepUpdate) -> Result<ChartStep> {
    let place = Place::find(tx, change.user_id, change.context.as_deref())?;
    let (step, chart) = step_at(tx, &place, &change.step)?;
    check_version("step", change.version, step.version)?;
    let mut changes = Vec::new();
    if let Some(text) = &change.text {
        check_text("the step", text)?;
        graph::observe_first(tx, &step, text)?;
    }
    if let Some(due_date) = &change.due_date {
        time::read("the due date", due_date)?;
        changes.push(("dueDate", Some(Value::from(due_date.as_str()))));
        let kind = ChartEventKind::DueDateChanged;
        events::note(tx, &place, &chart, kind, Some(&step.name), Some(due_date))?;
    }
    amend(tx, &step, &changes)?;
    touch(tx, &place, &chart)?;
    let step = graph::by_id(tx, &step.id)?;
    let sub_chart = hierarchy::telescoped(tx, &place, &step.name)?;
    let done = match &sub_chart {
        Some(sub_chart) => hierarchy::is_complete(tx, &place, sub_chart)?,
        None => false,
    };
    let marked = Fields::stored(step.metadata.get())?.is_true("completionStatus");
    step_of(&chart, &step, done || marked, sub_chart)
}

/// Removes a step with its relations, and the chart it was telescoped into with everything below.
pub fn remove_step(tx: &Tx<'_>, query: &StepRef) -> Result<()> {
    let place = Place::find(tx, query.user_id, query.context.as_deref())?;
    let (step, chart) = step_at(tx, &place, &query.step)?;
    if let Some(sub_chart) = hierarchy::telescoped(tx, &place, &step.name)?
        && sub_chart != chart
    {
        // A hierarchy that runs in a circle must not take the step's own chart along.
        remove_tree(tx, &place, &sub_chart, Some(&chart))?;
    }
    graph::remove(tx, &place, &step.name)?;
    let kind = ChartEventKind::StepRemoved;
    events::note(tx, &place, &chart, kind, Some(&step.name), None)?;
    touch(tx, &place, &chart)
}

/// Removes a chart with its parts, their relations, and every chart below it. The chart above it stays, whatever hangs how.
pub fn remove(tx: &Tx<'_>, query: &ChartRef) -> Result<()> {
    let place = Place::find(tx, query.user_id, query.context.as_deref())?;
    hierarchy::head(tx, &place, &query.chart)?;
    let parent = hierarchy::parent(tx, &place, &query.chart)?.map(|(parent, _)| parent);
    remove_tree(tx, &place, &query.chart, parent.as_deref())?;
    parent.map_or(Ok(()), |parent| touch(tx, &place, &parent))
}

fn remove_tree(tx: &Tx<'_>, place: &Place, chart: &str, except: Option<&str>) -> Result<()> {
    for chart in hierarchy::tree(tx, place, chart, except)?.charts {
        for part in hierarchy::parts(tx, place, &chart, None)? {
            graph::remove(tx, place, &part.name)?;
        }
        events::note(tx, place, &chart, ChartEventKind::Removed, None, None)?;
    }
    Ok(())
}

/// Puts a chart and every chart below it away, or takes them up again. Doing so twice is doing so once.
pub fn set_archived(tx: &Tx<'_>, query: &ChartRef, archived: bool) -> Result<Chart> {
    let place = Place::find(tx, query.user_id, query.context.as_deref())?;
    hierarchy::head(tx, &place, &query.chart)?;
    let at = archived
        .then(|| time::write(tx.now_ms()).map(Value::from))
        .transpose()?;
    let kind = if archived {
        ChartEventKind::Archived
    } else {
        ChartEventKind::Unarchived
    };
    for chart in hierarchy::tree(tx, &place, &query.chart, None)?.charts {
        let Some(head) = hierarchy::part(tx, &place, &chart, CHART)? else {
            continue;
        };
        let before = Fields::stored(head.metadata.get())?.text("archivedAt");
        if before.is_some() != archived {
            amend(tx, &head, &[("archivedAt", at.clone())])?;
            events::note(tx, &place, &chart, kind, None, None)?;
        }
    }
    chart_at(tx, &place, &query.chart)
}

/// Moves a chart with its parts, their relations and every chart below it to another context, behind what is there.
///
/// # Errors
/// `conflict` when it hangs below a chart that would stay, is related to something that would stay, or when one of its names
/// is taken there.
pub fn move_chart(tx: &Tx<'_>, change: &ChartMove) -> Result<Chart> {
    let place = Place::find(tx, change.user_id, change.context.as_deref())?;
    let to = Place::route(tx, Some(place.user), Some(&change.to))?;
    let chart = change.chart.as_str();
    hierarchy::head(tx, &place, chart)?;
    if place.context == to.context {
        return chart_at(tx, &place, chart);
    }
    let charts = hierarchy::tree(tx, &place, chart, None)?.charts;
    if let Some((parent, _)) = hierarchy::parent(tx, &place, chart)?
        && !charts.contains(&parent)
        && hierarchy::part(tx, &place, &parent, CHART)?.is_some()
    {
        return Err(conflict(format!("{chart} hangs below {parent}; move that")));
    }
    let items = movable(tx, &place, &to, &charts)?;
    let first = graph::next_position(tx, to.key())?;
    for ((_, table, id), position) in items.iter().zip(first..) {
        tx.execute(
            &format!("UPDATE {table} SET context = ?2, position = ?3 WHERE id = ?1"),
            (id, &to.context, position),
        )?;
    }
    for moved in &charts {
        if let Some(head) = hierarchy::part(tx, &to, moved, CHART)? {
            amend(tx, &head, &[("context", Some(to.context.as_str().into()))])?;
        }
        tx.execute(
            "UPDATE chart_event INDEXED BY chart_event_by_chart SET context = ?4 WHERE user = ?1 AND context = ?2 AND chart = ?3",
            (place.user.user, &place.context, moved, &to.context),
        )?;
        let from = Some(place.context.as_str());
        events::note(tx, &to, moved, ChartEventKind::Moved, None, from)?;
    }
    chart_at(tx, &to, chart)
}

/// What moves with charts, in the order of its lines: position, table and id.
fn movable(
    tx: &Tx<'_>,
    place: &Place,
    to: &Place,
    charts: &[String],
) -> Result<Vec<(i64, &'static str, String)>> {
    let mut names = Vec::new();
    for chart in charts {
        if !hierarchy::parts(tx, to, chart, None)?.is_empty() {
            return Err(conflict(format!("{chart} is in {} too", to.context)));
        }
        for part in hierarchy::parts(tx, place, chart, None)? {
            names.push(part.name);
        }
    }
    names.sort_unstable();
    names.dedup();
    let mut items = Vec::new();
    for name in &names {
        if graph::exists(tx, to, name)? {
            return Err(conflict(format!("{name} is taken in {}", to.context)));
        }
        let entity = graph::named(tx, place, name)?;
        let position = graph::position(tx, "entity", &entity.id)?;
        items.push((position, "entity", entity.id));
        for relation in graph::relations_of(tx, place, name)? {
            let other = if relation.from == *name {
                &relation.to
            } else {
                &relation.from
            };
            let moves = names.binary_search(other).is_ok();
            if !moves && graph::exists(tx, place, other)? {
                return Err(conflict(format!(
                    "{name} is related to {other}, which would stay"
                )));
            }
            let ends = (
                relation.from.as_str(),
                relation.to.as_str(),
                relation.relation_type.as_str(),
            );
            if graph::relation(tx, to, ends)?.is_some() {
                return Err(conflict(format!(
                    "{} has a relation of {name} already",
                    to.context
                )));
            }
            let position = graph::position(tx, "relation", &relation.id)?;
            items.push((position, "relation", relation.id));
        }
    }
    items.sort_unstable();
    items.dedup();
    Ok(items)
}

//! Every statement of the charts, asked for its plan.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::disk::memory::MemoryDisk;
use crate::disk::ready;
use crate::engine::{Answer, Engine, EngineOptions, Request};
use crate::host::ManualHost;
use crate::store::{Caller, asked};

/// Tables that grow with what users keep.
const GROWING: [&str; 5] = [
    "entity",
    "observation",
    "relation",
    "chart_line",
    "chart_event",
];

/// Statements that are about a whole context, by what only they say.
const WHOLE_CONTEXT: [&str; 14] = [
    "count(*)",
    "max(position)",
    "position, 0, id",
    "SET context",
    "SET position",
    "SET metadata = json_set",
    "DELETE FROM",
    "SELECT text FROM chart_line",
    "SELECT DISTINCT chart",
    "SELECT coalesce( (SELECT name FROM entity AS e",
    "ORDER BY position",
    "ORDER BY h.position",
    "ORDER BY r.position",
    "h.chart, s.chart",
];

/// Whether a step of a plan reads more of a growing table than what was asked for.
fn reads_too_much(step: &str, sql: &str) -> bool {
    let mut words = step.split(' ');
    let (Some(how), Some(alias)) = (words.next(), words.next()) else {
        return false;
    };
    let grows = |table: &str| table == alias || sql.contains(&format!("{table} AS {alias} "));
    if !GROWING.iter().any(|table| grows(table)) {
        return false;
    }
    let by = |key: &str| step.ends_with(key);
    match how {
        "SCAN" => true,
        "SEARCH" if sql.contains("max(seq)") => false,
        "SEARCH" => {
            by("(user=?)")
                || (by("(user=? AND context=?)")
                    && !WHOLE_CONTEXT.iter().any(|about| sql.contains(about)))
        }
        _ => false,
    }
}

/// Calls that between them prepare every statement.
pub fn calls() -> Vec<(&'static str, Value)> {
    let relation = json!({ "from": "e", "to": "f", "relationType": "r", "metadata": { "k": 1 } });
    vec![
        (
            "create",
            json!({ "desiredOutcome": "o", "currentReality": "r", "dueDate": "2026-05-01", "actionSteps": ["a", "b", "c"] }),
        ),
        (
            "telescope",
            json!({ "step": "chart_1_action_1", "currentReality": "r", "actionSteps": ["d"] }),
        ),
        ("addStep", json!({ "chart": "chart_1", "text": "x" })),
        (
            "updateStep",
            json!({ "step": "chart_1_action_3", "version": 1, "text": "x", "dueDate": "2026-03-03" }),
        ),
        (
            "setPhase",
            json!({ "chart": "chart_1", "phase": "completion" }),
        ),
        (
            "updateReality",
            json!({ "chart": "chart_1", "observations": ["x"] }),
        ),
        (
            "update",
            json!({ "chart": "chart_2", "version": 1, "title": "t", "desiredOutcome": "o", "dueDate": "2026-06-01" }),
        ),
        ("completeStep", json!({ "step": "chart_2_action_1" })),
        ("get", json!({ "chart": "chart_1" })),
        ("children", json!({ "chart": "chart_1" })),
        ("progress", json!({ "chart": "chart_1" })),
        ("list", json!({})),
        (
            "list",
            json!({ "contexts": ["default"], "status": "completed", "phase": "completion", "dueSince": 1, "dueUntil": 2, "topLevel": true }),
        ),
        (
            "list",
            json!({ "contexts": ["default", "work"], "status": "archived" }),
        ),
        ("list", json!({ "status": "all" })),
        ("events", json!({ "order": "oldest" })),
        (
            "events",
            json!({ "chart": "chart_1", "kinds": ["created"], "since": 1, "until": 2 }),
        ),
        ("events", json!({ "contexts": ["default"] })),
        ("events", json!({ "contexts": ["default", "work"] })),
        ("check", json!({})),
        ("addEntity", json!({ "name": "e", "entityType": "t" })),
        (
            "updateEntity",
            json!({ "name": "e", "version": 1, "entityType": "u" }),
        ),
        (
            "addObservations",
            json!({ "name": "e", "observations": ["x", "y"] }),
        ),
        (
            "removeObservations",
            json!({ "name": "e", "observations": ["x"] }),
        ),
        ("addRelation", relation.clone()),
        (
            "updateRelation",
            json!({ "from": "e", "to": "f", "relationType": "r", "version": 1, "metadata": {} }),
        ),
        ("entities", json!({ "name": "e" })),
        ("entities", json!({ "chart": "chart_1", "text": "x" })),
        ("relations", json!({})),
        ("relations", json!({ "entity": "e", "relationType": "r" })),
        ("graph", json!({})),
        (
            "load",
            json!({ "text": "# comment\n{broken\n{\"type\":\"entity\",\"name\":\"e\",\"entityType\":\"t\"}" }),
        ),
        ("lines", json!({})),
        ("archive", json!({ "chart": "chart_1" })),
        ("move", json!({ "chart": "chart_1", "to": "work" })),
        (
            "deleteRelation",
            json!({ "from": "e", "to": "f", "relationType": "r" }),
        ),
        ("deleteEntity", json!({ "name": "e" })),
        (
            "removeStep",
            json!({ "context": "work", "step": "chart_1_action_1" }),
        ),
        ("remove", json!({ "context": "work", "chart": "chart_1" })),
        ("clear", json!({})),
    ]
}

#[test]
fn every_statement_reads_what_grows_by_an_index() {
    let host = Rc::new(ManualHost::new(1));
    let options = EngineOptions::default();
    let opened = Engine::open(Rc::new(MemoryDisk::default()), host, &options);
    let mut engine = ready(opened).unwrap();
    let call = |engine: &mut Engine, method: &str, args: &Value| {
        while engine.needs_tick() {
            ready(engine.tick(true)).unwrap();
        }
        let request = Request {
            method,
            args: &args.to_string(),
            user: (method != "users.create").then_some("us01"),
            request_id: None,
        };
        match engine.turn(&[request]).pop() {
            Some(Answer::Done(_)) => {}
            Some(Answer::Failed(error) | Answer::Again(error)) => {
                panic!("{method} {args}: {error}")
            }
            None => panic!("{method}: no answer"),
        }
    };
    call(&mut engine, "users.create", &json!({ "name": "Ada" }));
    asked::take();
    for (method, args) in calls() {
        call(&mut engine, &format!("charts.{method}"), &args);
    }
    call(
        &mut engine,
        "contexts.rename",
        &json!({ "name": "work", "to": "default" }),
    );
    let statements = asked::take();
    assert!(statements.len() > 60, "{}", statements.len());
    let read = engine.store().read(Caller::default(), |view| {
        let mut scans = Vec::new();
        for sql in &statements {
            let words = sql.split_whitespace().collect::<Vec<_>>().join(" ");
            for step in asked::plan(view, sql)? {
                // An index of which nothing is asked is read from end to end, like a table.
                if reads_too_much(&step, &words) {
                    scans.push(format!("{step}: {words}"));
                }
            }
        }
        Ok(scans)
    });
    assert_eq!(read.unwrap(), Vec::<String>::new());
}

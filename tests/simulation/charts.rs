//! Charts and the graphs they are read from. What is refused of them is for their own tests to say.

use serde_json::{Value, json};

use super::operations::{Op, Random};
use super::rooms::{RoomRows, Row};

/// Chooses a call for charts of one of the users.
pub fn choose(random: &mut Random, rows: &RoomRows, user: &str, label: &str) -> Op {
    let entities: Vec<&Row> = rows.table("entity").collect();
    let of_type = |wanted: &str| -> Vec<&Row> {
        let all = entities.iter().copied();
        all.filter(|entity| entity["type"] == wanted).collect()
    };
    let chart = random.pick(&of_type("structural_tension_chart"));
    let step = random.pick(&of_type("action_step"));
    let entity = random.pick(&entities);
    let relation = random.pick(&rows.table("relation").collect::<Vec<_>>());
    let context = random.pick(&["plans", "work"]).unwrap();
    let call = |method, args| Op::Call { method, args };
    let place = |row: &Row, more: Value| {
        let user = format!("us{:02}", row["user"].as_i64().unwrap());
        let mut args = json!({ "userId": user, "context": row["context"] });
        let all = args.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        args
    };
    let of_chart = |row: &Row, more: Value| {
        let mut args = place(row, more);
        args["chart"] = row["chart"].clone();
        args
    };
    let of_step = |row: &Row, more: Value| {
        let mut args = place(row, more);
        args["step"] = row["name"].clone();
        args
    };
    let observations = json!({ "observations": [label, "seen"] });
    match (random.below(24), chart, step, entity) {
        (0..3, Some(it), ..) => {
            let more = json!({ "text": format!("do {label}"), "dueDate": "2027-01-01" });
            call("charts.addStep", of_chart(it, more))
        }
        (3..5, _, Some(it), _) => {
            let more = json!({ "currentReality": "it is begun", "actionSteps": ["go on"] });
            call("charts.telescope", of_step(it, more))
        }
        (5..8, _, Some(it), _) => call("charts.completeStep", of_step(it, json!({}))),
        (8, Some(it), ..) => call("charts.complete", of_chart(it, json!({}))),
        (9, _, Some(it), _) => call("charts.removeStep", of_step(it, json!({}))),
        (10, Some(it), ..) => call("charts.remove", of_chart(it, json!({}))),
        (11, Some(it), ..) => call("charts.move", of_chart(it, json!({ "to": context }))),
        (12, Some(it), ..) => call("charts.archive", of_chart(it, json!({}))),
        (13, Some(it), ..) => call("charts.updateReality", of_chart(it, observations)),
        (14 | 15, _, _, Some(it)) => {
            let method = if random.one_in(2) {
                "charts.addObservations"
            } else {
                "charts.removeObservations"
            };
            let mut args = place(it, observations);
            args["name"] = it["name"].clone();
            call(method, args)
        }
        (16, _, _, Some(it)) => call(
            "charts.deleteEntity",
            place(it, json!({ "name": it["name"] })),
        ),
        (17, ..) if relation.is_some() => {
            let it = relation.unwrap();
            let ends =
                json!({ "from": it["source"], "to": it["target"], "relationType": it["type"] });
            call("charts.deleteRelation", place(it, ends))
        }
        (17 | 18, _, _, Some(it)) => {
            let method = "charts.addRelation";
            let ends = json!({ "from": it["name"], "to": "goal", "relationType": "serves" });
            call(method, place(it, ends))
        }
        (19, ..) => {
            let text = json!({ "type": "entity", "name": label, "entityType": "note", "observations": ["x"] });
            let text = format!("# {label}\n{text}\n{{ not JSON");
            let args = json!({ "userId": user, "context": context, "text": text });
            call("charts.load", args)
        }
        (20, _, _, Some(it)) => call("charts.clear", place(it, json!({}))),
        (21, ..) => call(
            "charts.addEntity",
            json!({
                "userId": user, "context": context, "name": format!("e {label}"), "entityType": "note",
                "metadata": { "strength": 0.3 },
            }),
        ),
        _ => call(
            "charts.create",
            json!({
                "userId": user, "context": context, "desiredOutcome": format!("it is {label}"),
                "currentReality": "it is not", "dueDate": "2027-02-03", "actionSteps": ["first", "second"],
            }),
        ),
    }
}

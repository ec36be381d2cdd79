//! Every statement that a request or its upkeep prepares, asked for its plan.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "this runs in a test alone"
)]

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Value, json};

use super::{Answer, Engine, EngineOptions, Request, methods};
use crate::disk::memory::MemoryDisk;
use crate::disk::ready;
use crate::host::ManualHost;
use crate::store::{Caller, asked, no_pause};

/// Tables that stay small whatever a store holds, all of them or one user's part.
const SMALL: &[&str] = &[
    "counter",
    "setting",
    "user_setting",
    "context",
    "retention_policy",
    "search_state",
];

/// Steps that may read much or sort: how they begin, the statements they are in by what only those say, and why they may.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "SCAN",
        "WHERE 1 AND",
        "the last slice of a look through everything, which health takes between turns",
    ),
    (
        "USE TEMP B-TREE FOR GROUP BY",
        "WHERE 1 AND",
        "what such a slice is summed up by",
    ),
    (
        "SEARCH c USING PRIMARY KEY",
        "WHERE 1 AND (child.next_conversation",
        "the end of the key",
    ),
    (
        "SEARCH child",
        "WHERE 1 AND",
        "a look through everything of one user",
    ),
    ("SCAN", "LIMIT 1 OFFSET 999", "where such a slice ends"),
    (
        "SCAN",
        "LIMIT 1 OFFSET 249",
        "the same, where each row is looked up besides",
    ),
    (
        "SCAN",
        "SELECT (SELECT count(*) FROM blob)",
        "the sums of all contents, for `health.usage`",
    ),
    (
        "SCAN p",
        "FROM piece AS p WHERE NOT EXISTS",
        "what contents that nothing has take, for `health.reclaimable`",
    ),
    (
        "SCAN",
        "FROM search_text_data",
        "the size of the search index, for `health.usage`",
    ),
    (
        "SCAN",
        "FROM sqlite_schema",
        "as many rows as there are tables and indexes",
    ),
    ("USE TEMP B-TREE", "FROM sqlite_schema", "the same"),
    (
        "USE TEMP B-TREE",
        "FROM pragma_table_info",
        "as many rows as a table has columns",
    ),
    (
        "SCAN",
        "FROM pragma_index_list",
        "as many rows as there are tables and indexes",
    ),
    ("USE TEMP B-TREE", "FROM pragma_index_list", "the same"),
    (
        "USE TEMP B-TREE",
        "FROM pragma_index_xinfo",
        "as many rows as an index has columns",
    ),
    (
        "SCAN user",
        "SELECT user FROM user ORDER BY user",
        "a policy of the app's goes through all users, who are few",
    ),
    (
        "SCAN erasure USING INDEX erasure_waiting",
        "WHERE done_at IS NULL",
        "the erasures that wait, which are few",
    ),
    (
        "SCAN",
        "DELETE FROM search_d",
        "the search index is emptied, to be made anew",
    ),
    (
        "SCAN",
        "FROM search_due",
        "what waits to be indexed, some of it or counted for `search.status`",
    ),
    (
        "SCAN",
        "SELECT count(*) FROM search_doc",
        "counted for `search.status`",
    ),
    (
        "SEARCH",
        "DELETE FROM user",
        "all of a user's records go with the user",
    ),
    ("SEARCH chart_event", "max(seq)", "the end of the key"),
    (
        "SEARCH",
        "DESC LIMIT 1 OFFSET ?5",
        "the newest records of a user, as many as a policy keeps",
    ),
    (
        "SEARCH job USING COVERING INDEX job_by_queue",
        "SELECT queue, sum(",
        "`jobs.counts` counts",
    ),
    (
        "USE TEMP B-TREE FOR LAST TERM",
        "AND ended_at IS NOT NULL",
        "jobs that ended in the same millisecond",
    ),
    (
        "USE TEMP B-TREE FOR GROUP BY",
        "GROUP BY learning HAVING",
        "the learnings with one of several tags",
    ),
    (
        "USE TEMP B-TREE",
        "FROM participant WHERE user = ?1 AND conversation = ?2",
        "the participants of one conversation",
    ),
    (
        "USE TEMP B-TREE",
        "AS chunk WHERE seq >",
        "those of a message's chunks that are packed",
    ),
    (
        "USE TEMP B-TREE",
        "FROM entity AS e INDEXED BY entity_by_chart",
        "the parts of one chart",
    ),
    (
        "USE TEMP B-TREE",
        "h.parent_step, h.position FROM entity AS h",
        "the charts directly below one",
    ),
    (
        "USE TEMP B-TREE",
        "SELECT chart, parent_chart FROM entity",
        "a whole graph, for its check",
    ),
    (
        "USE TEMP B-TREE",
        "FROM relation WHERE user = ?1 AND context = ?2",
        "the relations of one entity, from either end",
    ),
];

/// Indexes for which another would stand in, and more rows be read, were they not there.
const SELECTIVE: &[&str] = &[
    "construct_link_by_ends",
    "conversation_archived",
    "entity_by_parent_chart",
    "entity_by_parent_step",
    "job_by_key",
    "job_by_state",
    "job_due_by_user",
    "learning_by_category",
    "message_by_creation",
    "message_by_parent",
    "message_streaming",
    "participant_by_name",
    "relation_by_source",
    "relation_by_target",
    "retention_policy_by_user",
];

/// An engine that is asked for things, and every statement that it prepared for them.
struct Asking {
    engine: Engine,
    host: Rc<ManualHost>,
    methods: BTreeSet<String>,
    statements: BTreeSet<String>,
    tasks: u64,
}

impl Asking {
    fn new() -> Self {
        let host = Rc::new(ManualHost::new(1));
        let options = EngineOptions {
            backups: Some(false),
            ..EngineOptions::default()
        };
        let disk = Rc::new(MemoryDisk::default());
        let engine = ready(Engine::open(disk, host.clone(), &options)).unwrap();
        asked::take();
        Self {
            engine,
            host,
            methods: BTreeSet::new(),
            statements: BTreeSet::new(),
            tasks: 0,
        }
    }

    /// What the app is answered.
    fn app(&mut self, method: &str, args: Value) -> Value {
        self.call(method, &args, None)
    }

    /// What the first user is answered.
    fn user(&mut self, method: &str, args: Value) -> Value {
        self.call(method, &args, Some("us01"))
    }

    fn call(&mut self, method: &str, args: &Value, user: Option<&str>) -> Value {
        while self.engine.needs_tick() {
            ready(self.engine.tick(true)).unwrap();
        }
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user,
            request_id: None,
        };
        self.methods.insert(method.to_owned());
        match self.engine.turn(&[request]).pop() {
            Some(Answer::Done(answer)) => serde_json::from_str(&answer).unwrap(),
            other => panic!("{method} {args}: {other:?}"),
        }
    }

    /// What is answered between turns.
    fn task(&mut self, method: &str, args: Value) -> Value {
        self.tasks += 1;
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user: None,
            request_id: None,
        };
        loop {
            let mut progress = |_: &str| {};
            let task = self.engine.task(self.tasks, request, &mut progress);
            let step = ready(async { task.await.expect("there is such a method") });
            match step {
                Ok(Some(answer)) => return serde_json::from_str(&answer).unwrap(),
                Ok(None) => ready(self.engine.tick(true)).unwrap(),
                Err(error) => panic!("{method} {args}: {error}"),
            }
        }
    }

    /// What is answered to bytes.
    fn bytes(&mut self, method: &str, args: Value, bytes: &[u8]) -> Value {
        let args = args.to_string();
        let request = Request {
            method,
            args: &args,
            user: Some("us01"),
            request_id: None,
        };
        let answer = ready(async {
            let answer = self.engine.bytes(request, bytes, &mut no_pause).await;
            answer.expect("there is such a method")
        });
        serde_json::from_str(&answer.unwrap().0).unwrap()
    }

    /// A list with every combination of some of these filters; each is there with one of its values, or absent.
    fn list(&mut self, method: &str, always: &Value, filters: &[&[Value]]) {
        let mut all = vec![always.clone()];
        for values in filters {
            for at in 0..all.len() {
                for value in *values {
                    let mut query = all[at].clone();
                    let fields = value.as_object().unwrap().clone();
                    query.as_object_mut().unwrap().extend(fields);
                    all.push(query);
                }
            }
        }
        for query in all {
            self.user(method, query);
        }
        self.collect();
    }

    /// Does all upkeep that is due.
    fn rest(&mut self) {
        for _ in 0..2000 {
            ready(self.engine.tick(true)).unwrap();
            match self.engine.due() {
                Some(0) => {}
                Some(ms) if ms < 1000 => self.host.advance(i64::try_from(ms).unwrap()),
                _ => break,
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        self.statements.extend(asked::take());
    }
}

/// The texts of a value's field.
fn text(value: &Value, field: &str) -> Value {
    assert!(value[field].is_string(), "{value} has no {field}");
    value[field].clone()
}

fn conversations(asking: &mut Asking) {
    asking.app("users.create", json!({ "name": "Ada" }));
    asking.app("users.create", json!({ "name": "Bo" }));
    asking.app("users.get", json!({ "id": "us01" }));
    asking.app("users.list", json!({}));
    asking.user(
        "users.update",
        json!({ "id": "us01", "version": 1, "name": "Ada L." }),
    );
    let id = json!({ "id": "us01-co01" });
    let of = |more: Value| {
        let mut args = json!({ "conversationId": "us01-co01" });
        args.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        args
    };
    asking.user("conversations.create", json!({ "title": "first" }));
    asking.user(
        "conversations.create",
        json!({ "title": "second", "context": "work" }),
    );
    asking.user("conversations.get", id.clone());
    asking.user(
        "conversations.update",
        json!({ "id": "us01-co01", "version": 1, "context": "home" }),
    );
    asking.user(
        "conversations.addParticipant",
        of(json!({ "participant": { "id": "bot", "kind": "agent" } })),
    );
    asking.user("conversations.participants", id.clone());
    asking.user(
        "conversations.export",
        json!({ "id": id["id"], "as": "json" }),
    );
    asking.user(
        "messages.append",
        of(json!({ "message": { "role": "user", "text": "needle in hay" } })),
    );
    asking.user("messages.append", of(json!({ "message": { "role": "assistant", "text": "found", "parentId": "us01-co01-ms01" } })));
    asking.user("messages.appendAll", of(json!({ "messages": [
        { "role": "user", "text": "a".repeat(40_000) }, { "role": "assistant", "parts": [{ "type": "reasoning", "text": "so" }] },
    ] })));
    let message = json!({ "id": "us01-co01-ms02" });
    asking.user(
        "messages.edit",
        json!({ "id": "us01-co01-ms02", "text": "lost" }),
    );
    asking.user(
        "messages.update",
        json!({ "id": "us01-co01-ms02", "version": 1, "model": "m" }),
    );
    asking.user("messages.get", message.clone());
    asking.user("messages.text", json!({ "id": "us01-co01-ms03" }));
    asking.user("messages.chunks", json!({ "id": "us01-co01-ms03" }));
    asking.user("messages.siblings", message.clone());
    asking.user("messages.switchBranch", message.clone());
    let stream = asking.user(
        "messages.stream",
        of(json!({ "message": { "role": "assistant" } })),
    );
    let of_stream = json!({ "stream": stream["stream"] });
    asking.user(
        "streams.write",
        json!({ "stream": stream["stream"], "deltas": ["one ", "two"], "flush": true }),
    );
    asking.user("messages.follow", json!({ "id": stream["message"]["id"] }));
    asking.user(
        "streams.part",
        json!({ "stream": stream["stream"], "part": { "type": "data", "data": {} } }),
    );
    asking.user("streams.flush", of_stream);
    asking.user(
        "streams.end",
        json!({ "stream": stream["stream"], "status": "interrupted" }),
    );
    let again = asking.user(
        "messages.continue",
        json!({ "id": stream["message"]["id"] }),
    );
    asking.user(
        "streams.end",
        json!({ "stream": again["stream"], "status": "complete" }),
    );
    asking.list(
        "conversations.list",
        &json!({}),
        &[
            &[
                json!({ "status": "active" }),
                json!({ "status": "archived" }),
            ],
            &[
                json!({ "contexts": ["work"] }),
                json!({ "contexts": ["work", "home"] }),
            ],
            &[json!({ "deleted": true }), json!({ "deleted": false })],
            &[
                json!({ "transcripts": true }),
                json!({ "transcripts": false }),
            ],
            &[json!({ "participant": "bot" })],
            &[json!({ "by": "created" })],
            &[json!({ "order": "oldest" })],
            &[json!({ "since": 1 })],
            &[json!({ "until": 5 })],
        ],
    );
    asking.list(
        "messages.list",
        &json!({ "conversationId": "us01-co01" }),
        &[
            &[json!({ "path": "active" }), json!({ "path": "all" })],
            &[json!({ "order": "oldest" })],
            &[json!({ "since": 1 })],
            &[json!({ "until": i64::MAX })],
        ],
    );
    asking.user("messages.delete", json!({ "id": "us01-co01-ms05" }));
    asking.user(
        "conversations.removeParticipant",
        of(json!({ "id": "bot" })),
    );
    // Its chunks are packed while it is quiet, read so, and brought back.
    asking.user("conversations.archive", id.clone());
    asking.rest();
    asking.user("messages.get", message.clone());
    asking.user("messages.text", json!({ "id": "us01-co01-ms03" }));
    asking.user("messages.chunks", json!({ "id": "us01-co01-ms03" }));
    asking.list(
        "messages.list",
        &json!({ "conversationId": "us01-co01" }),
        &[&[json!({ "path": "all" })]],
    );
    asking.user("messages.delete", json!({ "id": "us01-co01-ms04" }));
    asking.user("conversations.unarchive", id.clone());
    asking.rest();
    asking.user("conversations.remove", id.clone());
    asking.user("conversations.restore", id);
}

fn agent_work(asking: &mut Asking) -> Value {
    let construct = asking.user(
        "constructs.create",
        json!({ "type": "app", "name": "one", "context": "work" }),
    );
    let other = asking.user("constructs.create", json!({ "type": "app", "name": "two" }));
    let id = text(&construct, "id");
    asking.user("constructs.get", json!({ "id": id }));
    asking.user(
        "constructs.update",
        json!({ "id": id, "version": 1, "name": "uno", "context": "home" }),
    );
    asking.user(
        "constructs.setStatus",
        json!({ "id": id, "status": "provisioning" }),
    );
    let session = asking.user("sessions.create", json!({ "constructId": id, "name": "s" }));
    let of_session = json!({ "id": session["id"] });
    asking.user("sessions.get", of_session.clone());
    asking.user(
        "sessions.update",
        json!({ "id": session["id"], "version": 1, "state": { "n": 1 } }),
    );
    for method in ["suspend", "resume", "fail", "end"] {
        asking.user(&format!("sessions.{method}"), of_session.clone());
    }
    let link = asking.user(
        "links.create",
        json!({ "from": id, "to": other["id"], "kind": "follows" }),
    );
    asking.user("links.get", json!({ "id": link["id"] }));
    asking.user(
        "links.update",
        json!({ "id": link["id"], "version": 1, "metadata": { "n": 1 } }),
    );
    let event = asking.user(
        "timeline.append",
        json!({ "sessionId": session["id"], "kind": "note" }),
    );
    asking.user("timeline.get", json!({ "id": event["id"] }));
    asking.user(
        "metrics.record",
        json!({ "constructId": id, "name": "ms", "value": 1 }),
    );
    asking.user(
        "metrics.recordAll",
        json!({ "metrics": [{ "sessionId": session["id"], "name": "ms", "value": 2 }] }),
    );
    // A move takes transcripts along.
    asking.user(
        "constructs.update",
        json!({ "id": id, "version": 3, "context": "work" }),
    );
    let of = [
        &[json!({ "constructId": id })][..],
        &[json!({ "sessionId": session["id"] })],
    ];
    let times = [&[json!({ "since": 1 })][..], &[json!({ "until": 5 })]];
    let kinds = [json!({ "kinds": ["a"] }), json!({ "kinds": ["a", "b"] })];
    let oldest = [json!({ "order": "oldest" })];
    asking.list(
        "constructs.list",
        &json!({}),
        &[
            &[
                json!({ "contexts": ["work"] }),
                json!({ "contexts": ["work", "home"] }),
            ],
            &[json!({ "status": "ready" })],
            &[json!({ "type": "app" })],
            &[json!({ "name": "n", "namePrefix": "n", "metadata": {} })],
            &[json!({ "deleted": true }), json!({ "deleted": false })],
            &[json!({ "createdSince": 1, "createdUntil": 5 })],
            &[json!({ "updatedSince": 1, "updatedUntil": 5 })],
            &[json!({ "by": "created" })],
            &oldest,
        ],
    );
    asking.list(
        "sessions.list",
        &json!({}),
        &[
            of[0],
            &[json!({ "status": "ended" })],
            times[0],
            times[1],
            &oldest,
        ],
    );
    asking.list(
        "links.list",
        &json!({}),
        &[
            &[json!({ "from": id })],
            &[json!({ "to": id })],
            &kinds,
            &oldest,
        ],
    );
    asking.list(
        "links.walk",
        &json!({ "id": id }),
        &[
            &[
                json!({ "direction": "in" }),
                json!({ "direction": "out" }),
                json!({ "direction": "both" }),
            ],
            &kinds,
            &[json!({ "depth": 2 })],
        ],
    );
    asking.list(
        "timeline.list",
        &json!({}),
        &[of[0], of[1], &kinds, times[0], times[1], &oldest],
    );
    let name = [json!({ "name": "ms" })];
    let labels = [json!({ "labels": { "of": "it" } })];
    asking.list(
        "metrics.list",
        &json!({}),
        &[of[0], of[1], &name, &labels, times[0], times[1], &oldest],
    );
    let bucket = [json!({ "bucketMs": 1000 })];
    asking.list(
        "metrics.summary",
        &name[0],
        &[
            of[0],
            of[1],
            &labels,
            &[json!({ "since": 1, "until": 5 })],
            &bucket,
        ],
    );
    asking.user("links.delete", json!({ "id": link["id"] }));
    id
}

fn contents(asking: &mut Asking, construct: &Value) {
    let new = json!({ "constructId": construct, "kind": "plan", "name": "a plan" });
    let artifact = asking.user("artifacts.create", new.clone());
    let of = json!({ "id": artifact["id"] });
    asking.user("artifacts.get", of.clone());
    asking.user(
        "artifacts.update",
        json!({ "id": artifact["id"], "version": 1, "name": "the plan" }),
    );
    let write = |asking: &mut Asking, args: Value, text: &str| {
        let mut args = args;
        args["isLast"] = true.into();
        asking.bytes("contents.write", args, text.as_bytes())["content"].clone()
    };
    let content = write(asking, json!({}), "a short text");
    let put = asking.user(
        "artifacts.put",
        json!({ "artifact": new, "content": content }),
    );
    let same = write(asking, json!({}), "a short text");
    asking.user("artifacts.put", json!({ "artifact": new, "content": same }));
    let longer = write(asking, json!({ "continues": put["id"] }), " and more");
    asking.user(
        "artifacts.revise",
        json!({ "id": put["id"], "version": put["version"], "content": longer }),
    );
    asking.bytes(
        "artifacts.read",
        json!({ "id": put["id"], "start": 2, "length": 5 }),
        &[],
    );
    asking.bytes("contents.drop", json!({ "content": same }), &[]);
    asking.user("artifacts.revisions", json!({ "id": put["id"] }));
    asking.user(
        "artifacts.forget",
        json!({ "id": put["id"], "revision": 1 }),
    );
    let upload = asking.user("uploads.create", new.clone());
    write(
        asking,
        json!({ "upload": upload["id"] }),
        &"uploaded ".repeat(10),
    );
    asking.user("uploads.get", json!({ "id": upload["id"] }));
    asking.user("uploads.publish", json!({ "id": upload["id"] }));
    asking.user("uploads.publish", json!({ "id": upload["id"] }));
    let other = asking.user("uploads.create", new);
    asking.user("uploads.delete", json!({ "id": other["id"] }));
    let oldest = [json!({ "order": "oldest" })];
    asking.list(
        "uploads.list",
        &json!({}),
        &[&[json!({ "state": "stored" })], &oldest],
    );
    asking.list(
        "artifacts.list",
        &json!({}),
        &[
            &[json!({ "constructId": construct })],
            &[json!({ "sessionId": construct })],
            &[json!({ "kind": "plan" })],
            &[json!({ "namePrefix": "a" })],
            &oldest,
        ],
    );
    asking.user("artifacts.delete", json!({ "id": put["id"] }));
    asking.task("retention.collect", json!({}));
    asking.task("health.compact", json!({}));
    asking.task("health.upkeep", json!({}));
    asking.rest();
}

fn learnings_and_jobs(asking: &mut Asking) {
    let new =
        json!({ "text": "boil it", "tags": ["a"], "sources": [{ "kind": "other", "id": "x" }] });
    let learning = asking.user("learnings.create", new.clone());
    for on_duplicate in ["merge", "keep"] {
        let mut again = new.clone();
        again["onDuplicate"] = on_duplicate.into();
        asking.user("learnings.create", again);
    }
    asking.user("learnings.get", json!({ "id": learning["id"] }));
    let now = asking.user("learnings.get", json!({ "id": learning["id"] }));
    asking.user(
        "learnings.update",
        json!({ "id": learning["id"], "version": now["version"], "text": "weigh it", "tags": [], "sources": [], "context": "work" }),
    );
    asking.list(
        "learnings.list",
        &json!({}),
        &[
            &[
                json!({ "contexts": ["work"] }),
                json!({ "contexts": ["work", "home"] }),
            ],
            &[json!({ "category": "c" })],
            &[
                json!({ "tags": ["a", "b"] }),
                json!({ "tags": ["a", "b"], "tagMatch": "all" }),
            ],
            &[json!({ "minConfidence": 0.5 })],
            &[json!({ "source": { "kind": "other", "id": "x" } })],
            &[json!({ "text": "boil" })],
            &[json!({ "createdSince": 1, "createdUntil": 5 })],
            &[json!({ "updatedSince": 1, "updatedUntil": 5 })],
            &[json!({ "by": "created" }), json!({ "by": "confidence" })],
            &[json!({ "order": "oldest" })],
        ],
    );
    asking.user("learnings.delete", json!({ "id": learning["id"] }));
    let job = json!({ "queue": "q", "key": "k", "maxAttempts": 1 });
    let enqueued = asking.user("jobs.enqueue", job.clone());
    asking.user("jobs.enqueue", job);
    asking.user("jobs.get", json!({ "id": enqueued["id"] }));
    let take = |asking: &mut Asking| {
        let taken = asking.app("jobs.dequeue", json!({ "queue": "q", "limit": 1 }))[0].clone();
        let taken = if taken.is_null() {
            asking.user("jobs.dequeue", json!({ "queue": "q" }))[0].clone()
        } else {
            taken
        };
        json!({ "id": text(&taken, "id"), "lease": text(&taken, "lease") })
    };
    let held = take(asking);
    asking.user("jobs.renew", held.clone());
    asking.user("jobs.release", held);
    let mut held = take(asking);
    held["error"] = "no".into();
    asking.user("jobs.fail", held);
    asking.user("jobs.revive", json!({ "id": enqueued["id"] }));
    asking.user("jobs.cancel", json!({ "id": enqueued["id"] }));
    asking.user("jobs.revive", json!({ "id": enqueued["id"] }));
    let held = take(asking);
    asking.user("jobs.complete", held);
    asking.user("jobs.enqueue", json!({ "queue": "q" }));
    take(asking);
    asking.host.advance(24 * 60 * 60 * 1000);
    // Its lease ran out.
    asking.app("jobs.dequeue", json!({ "queue": "q" }));
    asking.user("jobs.dequeue", json!({ "queue": "q" }));
    asking.list(
        "jobs.list",
        &json!({}),
        &[
            &[json!({ "queue": "q" })],
            &[json!({ "state": "queued" })],
            &[json!({ "since": 1 })],
            &[json!({ "until": 5 })],
            &[json!({ "order": "oldest" })],
        ],
    );
    asking.list("jobs.counts", &json!({}), &[&[json!({ "queue": "q" })]]);
    asking.user("jobs.removeEnded", json!({ "endedBefore": i64::MAX }));
}

fn charts(asking: &mut Asking) {
    for (method, args) in crate::domain::charts::plans::calls() {
        asking.user(&format!("charts.{method}"), args);
    }
    let new = json!({ "desiredOutcome": "o", "currentReality": "r", "dueDate": "2026-05-01", "actionSteps": ["a"] });
    let chart = asking.user("charts.create", new)["chart"]["id"].clone();
    let step = format!("{}_action_1", chart.as_str().unwrap_or_default());
    asking.user("charts.getEntity", json!({ "name": step }));
    let chart = json!({ "chart": chart });
    asking.user("charts.archive", chart.clone());
    asking.user("charts.unarchive", chart.clone());
    asking.user("charts.complete", chart);
    asking.list(
        "charts.list",
        &json!({}),
        &[
            &[
                json!({ "contexts": ["work"] }),
                json!({ "contexts": ["work", "home"] }),
            ],
            &["active", "completed", "archived", "all"].map(|status| json!({ "status": status })),
            &[json!({ "phase": "completion" })],
            &[json!({ "topLevel": true }), json!({ "topLevel": false })],
            &[json!({ "dueSince": 1 })],
            &[json!({ "dueUntil": 5 })],
        ],
    );
    asking.list(
        "charts.events",
        &json!({}),
        &[
            &[
                json!({ "contexts": ["work"] }),
                json!({ "contexts": ["work", "home"] }),
            ],
            &[json!({ "chart": "chart_1" })],
            &[
                json!({ "kinds": ["created"] }),
                json!({ "kinds": ["created", "moved"] }),
            ],
            &[json!({ "since": 1, "until": 5 })],
            &[json!({ "order": "oldest" })],
        ],
    );
    let names = [json!({ "name": "n" }), json!({ "name": "n*" })];
    let types = [json!({ "entityType": "t" })];
    asking.list(
        "charts.entities",
        &json!({}),
        &[
            &names,
            &[json!({ "text": "x" })],
            &types,
            &[json!({ "chart": "chart_1" })],
        ],
    );
    asking.list(
        "charts.relations",
        &json!({}),
        &[
            &[json!({ "entity": "e" })],
            &[json!({ "relationType": "r" })],
        ],
    );
}

fn contexts_and_settings(asking: &mut Asking) {
    asking.user("contexts.create", json!({ "name": "spare" }));
    asking.user("contexts.get", json!({ "name": "work" }));
    asking.user("contexts.list", json!({}));
    asking.user("contexts.preload", json!({ "name": "home" }));
    asking.user("contexts.delete", json!({ "name": "spare" }));
    asking.user("contexts.rename", json!({ "name": "work", "to": "office" }));
    asking.user("contexts.rename", json!({ "name": "office", "to": "home" }));
    let name = json!({ "name": "context" });
    for scope in [None, Some("us01")] {
        asking.call(
            "settings.set",
            &json!({ "name": "context", "value": "home" }),
            scope,
        );
        asking.call("settings.get", &name, scope);
        asking.call("settings.list", &json!({}), scope);
    }
    asking.user(
        "conversations.create",
        json!({ "title": "routed by a setting" }),
    );
    for scope in [None, Some("us01")] {
        asking.call("settings.remove", &name, scope);
    }
}

fn searches(asking: &mut Asking) {
    asking.list(
        "search.query",
        &json!({ "text": "needle" }),
        &[
            &[
                json!({ "text": "\"in hay\" need* -gone" }),
                json!({ "text": "干し草" }),
            ],
            &[json!({ "contexts": ["home"] })],
            &[json!({ "in": ["messages", "charts"] })],
            &[json!({ "roles": ["user"] })],
            &[
                json!({ "conversationId": "us01-co01" }),
                json!({ "constructId": "01890000-0000-7000-8000-000000000000" }),
            ],
            &[json!({ "since": 1 })],
            &[json!({ "until": i64::MAX })],
        ],
    );
    asking.task("search.rebuild", json!({}));
    while asking.task("search.build", json!({}))["complete"] == false {}
    let mut cursor = json!({});
    loop {
        let part = asking.task("search.check", cursor);
        if part["nextCursor"].is_null() {
            break;
        }
        cursor = json!({ "cursor": part["nextCursor"] });
    }
    asking.task("search.status", json!({}));
    asking.rest();
}

fn history_and_health(asking: &mut Asking) {
    let record = json!({ "record": "us01-co01" });
    asking.task("history.list", record);
    asking.task(
        "history.list",
        json!({ "record": "us01-co01", "since": 1, "until": 5, "op": "messages.append" }),
    );
    asking.task("history.at", json!({ "record": "us01-co01", "seq": 30 }));
    asking.task("history.at", json!({ "record": "us01", "at": i64::MAX }));
    let made = asking.user("learnings.create", json!({ "text": "to be taken back" }));
    let seq = asking.engine.store().last_seq();
    asking.task("history.undo", json!({ "seq": seq, "record": made["id"] }));
    for method in ["check", "usage", "reclaimable", "operations"] {
        asking.task(&format!("health.{method}"), json!({}));
    }
    asking.task("health.usage", json!({ "userId": "us01" }));
    asking.task("store.stats", json!({}));
    asking.collect();
}

fn retention(asking: &mut Asking) {
    let kinds: [(&str, &[&str]); 7] = [
        ("conversations", &["archive", "remove", "delete"]),
        ("constructs", &["remove", "delete"]),
        ("learnings", &["delete"]),
        ("jobs", &["delete"]),
        ("artifacts", &["delete"]),
        ("uploads", &["delete"]),
        ("charts", &["archive", "delete"]),
    ];
    asking.host.advance(1000);
    for (kind, actions) in kinds {
        for action in actions {
            for keep in [0, 1] {
                let new = json!({ "kind": kind, "ageMs": 1, "action": action, "keep": keep });
                let policy = asking.app("retention.create", new)["policy"].clone();
                let run = json!({ "policy": policy });
                asking.app("retention.get", run.clone());
                asking.app("retention.rehearse", run.clone());
                if keep == 0 {
                    asking.app("retention.run", run.clone());
                }
                asking.app(
                    "retention.update",
                    json!({ "policy": policy, "version": 1, "ageMs": 5 }),
                );
            }
        }
    }
    asking.user(
        "retention.create",
        json!({ "kind": "jobs", "ageMs": 1, "action": "delete" }),
    );
    asking.app("retention.list", json!({}));
    asking.user("retention.list", json!({}));
    asking.task("health.reclaimable", json!({}));
    asking.rest();
    asking.host.advance(2 * 24 * 60 * 60 * 1000);
    asking.rest();
    asking.app("retention.remove", json!({ "policy": 1 }));
}

fn endings(asking: &mut Asking) {
    for make in [0, 1] {
        let construct = asking.user("constructs.create", json!({ "type": "app" }));
        let session = asking.user("sessions.create", json!({ "constructId": construct["id"] }));
        asking.user("sessions.delete", json!({ "id": session["id"] }));
        asking.user("constructs.remove", json!({ "id": construct["id"] }));
        asking.user("constructs.restore", json!({ "id": construct["id"] }));
        if make == 0 {
            asking.user("constructs.delete", json!({ "id": construct["id"] }));
        } else {
            asking.app("retention.erase", json!({ "id": construct["id"] }));
        }
        let conversation = asking.user("conversations.create", json!({}));
        if make == 0 {
            asking.user("conversations.delete", json!({ "id": conversation["id"] }));
        } else {
            asking.app("retention.erase", json!({ "id": conversation["id"] }));
        }
    }
    asking.rest();
    asking.app("users.delete", json!({ "id": "us02" }));
    asking.app("retention.erase", json!({ "id": "us01" }));
    asking.rest();
    let erasures = asking.app("retention.erasures", json!({}));
    assert!(erasures["items"][0]["doneAt"].is_number(), "{erasures}");
    asking.collect();
}

/// Whether a step of a plan sorts, or reads a whole table or all that one user has in it, where that may be much.
fn is_costly(step: &str, sql: &str) -> bool {
    let mut words = step.split(' ');
    let (how, name) = (words.next(), words.next().unwrap_or_default());
    let is_table = !name.starts_with('(')
        && !sql.contains(&format!("WITH RECURSIVE {name} "))
        && !sql.contains(&format!(") AS {name} "));
    let is_small = SMALL
        .iter()
        .any(|table| *table == name || sql.contains(&format!("{table} AS {name}")));
    match how {
        Some("USE") => step.starts_with("USE TEMP B-TREE"),
        Some("SCAN") => {
            is_table && !is_small && !step.contains("VIRTUAL TABLE") && step != "SCAN CONSTANT ROW"
        }
        Some("SEARCH") => !is_small && step.ends_with("(user=?)"),
        _ => false,
    }
}

#[test]
fn every_statement_of_every_method_reads_what_grows_by_an_index_in_its_order() {
    let mut asking = Asking::new();
    let asking = &mut asking;
    conversations(asking);
    let construct = agent_work(asking);
    contents(asking, &construct);
    learnings_and_jobs(asking);
    charts(asking);
    contexts_and_settings(asking);
    searches(asking);
    history_and_health(asking);
    retention(asking);
    endings(asking);
    asking.collect();
    let table = methods::table(&ts_rs::Config::new());
    let missed: Vec<_> = table
        .iter()
        .map(|it| it.name)
        .filter(|it| !asking.methods.contains(*it))
        .collect();
    assert_eq!(missed, Vec::<&str>::new(), "every method is called");

    let statements = std::mem::take(&mut asking.statements);
    let read = asking.engine.store().read(Caller::default(), |view| {
        let (mut costly, mut needed, mut read_by) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for sql in &statements {
            let words = sql.split_whitespace().collect::<Vec<_>>().join(" ");
            for step in asked::plan(view, sql)? {
                let index = step
                    .split("INDEX ")
                    .nth(1)
                    .and_then(|rest| rest.split(' ').next());
                read_by.extend(index.map(str::to_owned));
                if !is_costly(&step, &words) {
                    continue;
                }
                let may = ALLOWED
                    .iter()
                    .find(|(how, says, _)| step.starts_with(how) && words.contains(says));
                match may {
                    Some(allowed) => drop(needed.insert(allowed)),
                    None => costly.push(format!("{step}: {words}")),
                }
            }
        }
        let mut indexes = view
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")?;
        let indexes = indexes.query_map([], |row| row.get(0))?;
        let mut unread: BTreeSet<String> = indexes.collect::<rusqlite::Result<_>>()?;
        unread.extend(SELECTIVE.iter().map(|index| (*index).to_owned()));
        unread.retain(|index| !read_by.contains(index));
        Ok((costly, needed, unread))
    });
    let (costly, needed, unread) = read.unwrap();
    assert!(
        costly.is_empty(),
        "of {} statements:\n{}",
        statements.len(),
        costly.join("\n")
    );
    let unneeded = ALLOWED.iter().filter(|allowed| !needed.contains(allowed));
    assert_eq!(
        unneeded.collect::<Vec<_>>(),
        Vec::<&(&str, &str, &str)>::new()
    );
    assert_eq!(unread, BTreeSet::new(), "read by an index each");
}

//! Letting go: policies that are rehearsed and run, and records that are erased, of which nothing may be left.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use strongroom::Result;
use strongroom::domain::{erasures, retention};
use strongroom::store::Tx;

use super::contents::{hash_of, pieces};
use super::model::Model;
use super::operations::{Driver, Op, Random};
use super::rooms::{RoomRows, Row};

/// What policies are for here, the table of it, and the columns of its time and key.
const KINDS: &[(&str, &str, &str, &str)] = &[
    (
        "conversations",
        "conversation",
        "updated_at",
        "conversation",
    ),
    ("constructs", "construct", "updated_at", "construct"),
    ("learnings", "learning", "updated_at", "learning"),
    ("jobs", "job", "ended_at", "job"),
    ("artifacts", "artifact", "created_at", "artifact"),
    ("uploads", "upload", "created_at", "upload"),
];

/// The shortest run of letters that tells whose it is.
const NEEDLE: usize = 16;

/// The methods that are tried.
pub const METHODS: &[&str] = &[
    "retention.create",
    "retention.update",
    "retention.remove",
    "retention.rehearse",
    "retention.run",
    "retention.erase",
];

/// Runs a method; none if it is another.
pub fn run(tx: &Tx<'_>, method: &str, args: &Value) -> Option<Result<Value>> {
    fn read<T: serde::de::DeserializeOwned>(args: &Value) -> T {
        serde_json::from_value(args.clone()).unwrap()
    }
    fn give(answer: Result<impl serde::Serialize>) -> Result<Value> {
        Ok(serde_json::to_value(answer?).unwrap())
    }
    Some(match method {
        "retention.create" => give(retention::create(tx, &read(args))),
        "retention.update" => give(retention::update(tx, &read(args))),
        "retention.remove" => {
            let policy = args["policy"].as_i64().unwrap();
            give(retention::remove(tx, policy))
        }
        "retention.rehearse" => give(retention::rehearse(tx, &read(args))),
        "retention.run" => give(retention::run(tx, &read(args))),
        "retention.erase" => give(erasures::erase(tx, &read(args))),
        _ => return None,
    })
}

/// Chooses a call.
pub fn choose(random: &mut Random, model: &Model, user: &str) -> Op {
    let rows = &model.rooms;
    let policies: Vec<&Row> = rows.table("retention_policy").collect();
    let policy = random.pick(&policies);
    let call = |method, args| Op::Call { method, args };
    if random.one_in(3) {
        let users = model.users();
        let conversations = model.conversations();
        let constructs: Vec<&Row> = rows.table("construct").collect();
        let id = match random.below(6) {
            0 if users.len() > 1 => random.pick(&users).map(|it| it.id.to_string()),
            1 => Some("us77".to_owned()),
            2 | 3 => random
                .pick(&constructs)
                .map(|it| it["id"].as_str().unwrap().to_owned()),
            _ => random.pick(&conversations).map(|it| it.id.to_string()),
        };
        if let Some(id) = id {
            return call("retention.erase", json!({ "id": id }));
        }
    }
    let Some(it) = policy.filter(|_| !random.one_in(4)) else {
        let (kind, ..) = random.pick(KINDS).unwrap();
        let actions: &[&str] = match kind {
            "conversations" => &["archive", "remove", "delete"],
            "constructs" => &["remove", "delete"],
            _ => &["delete"],
        };
        let new = json!({
            "userId": random.one_in(2).then_some(user), "kind": kind, "ageMs": random.below(40),
            "keep": random.below(3), "action": random.pick(actions), "enabled": false,
        });
        return call("retention.create", new);
    };
    let of = json!({ "policy": it["policy"], "limit": 1 + random.below(3) });
    match random.below(10) {
        0 => call("retention.remove", json!({ "policy": it["policy"] })),
        1 => {
            let version = it["version"].as_i64().unwrap() + i64::from(random.one_in(4));
            let args =
                json!({ "policy": it["policy"], "version": version, "ageMs": random.below(40) });
            call("retention.update", args)
        }
        2..5 => call("retention.rehearse", of),
        _ => call("retention.run", of),
    }
}

/// The ids of records that a policy has to let go of now, by its own words: of each user those that are old enough, the
/// oldest first, without the newest that are kept.
pub fn due(model: &Model, policy: &Row, now: i64) -> Vec<String> {
    let kind = policy["kind"].as_str().unwrap();
    let (_, table, at, key) = KINDS.iter().find(|it| it.0 == kind).unwrap();
    let mut all = Vec::new();
    let conversations = model.conversations();
    for user in model.users().iter().map(|it| it.id.user) {
        if !policy["user"].is_null() && policy["user"] != user {
            continue;
        }
        let done: &[&str] = match policy["action"].as_str().unwrap() {
            "archive" => &["archived", "removed"],
            "remove" => &["removed"],
            _ => &[],
        };
        // Time, key, id, status.
        let mut fit: Vec<(i64, Value, String, String)> = if *table == "conversation" {
            let own = conversations.iter().filter(|it| it.id.user == user);
            own.map(|it| {
                let status = match it.deleted_at {
                    Some(_) => "removed".to_owned(),
                    None => format!("{:?}", it.status).to_lowercase(),
                };
                let number = it.id.conversation.into();
                (it.updated_at, number, it.id.to_string(), status)
            })
            .collect()
        } else {
            let own = model.rooms.table(table).filter(|it| it["user"] == user);
            let aged = own.filter(|it| !it[*at].is_null());
            aged.map(|it| {
                let is_removed = it.get("deleted_at").is_some_and(|at| !at.is_null());
                let status = if is_removed { "removed" } else { "" };
                let id = it[*key].as_str().unwrap().to_owned();
                (
                    it[*at].as_i64().unwrap(),
                    it[*key].clone(),
                    id,
                    status.to_owned(),
                )
            })
            .collect()
        };
        fit.retain(|(.., status)| !done.contains(&status.as_str()));
        fit.sort_by(|a, b| {
            let key = |value: &Value| (value.as_i64(), value.as_str().map(str::to_owned));
            (a.0, key(&a.1)).cmp(&(b.0, key(&b.1)))
        });
        let keep = usize::try_from(policy["keep"].as_i64().unwrap()).unwrap();
        fit.truncate(fit.len().saturating_sub(keep));
        let before = now - policy["age_ms"].as_i64().unwrap();
        all.extend(fit.into_iter().filter(|it| it.0 < before).map(|it| it.2));
    }
    all
}

/// What tells that something of an erased record is left.
#[derive(Clone, Default)]
pub struct Traces {
    texts: BTreeSet<String>,
    pub pieces: BTreeSet<String>,
}

impl Traces {
    /// What a store held before a record was erased, and does not hold after it.
    pub fn between(before: &Model, after: &Model) -> Self {
        let (old, new) = (before.content(), after.content());
        let gone = old.0.iter().filter(|(key, record)| {
            // Which requests are forgotten is not foretold, and participants have the names that users had.
            let is_own = !key.starts_with("request ") && !key.ends_with(" participants");
            is_own && new.0.get(*key) != Some(record)
        });
        let said: BTreeSet<String> = gone.flat_map(|(_, record)| runs(record)).collect();
        // What others say too stays where they said it.
        let still: BTreeSet<String> = new.0.values().flat_map(|record| runs(record)).collect();
        Self {
            texts: &said - &still,
            pieces: &before.rooms.pieces_in_use() - &after.rooms.pieces_in_use(),
        }
    }
}

/// The beginnings of the long runs of small letters in a text.
fn runs(text: &str) -> impl Iterator<Item = String> {
    let runs = text.split(|letter: char| !letter.is_ascii_lowercase());
    runs.filter_map(|run| run.get(..NEEDLE).map(str::to_owned))
}

impl Driver {
    /// That nothing of a record is left in any file once its erasure says so.
    pub fn check_erased(&mut self) {
        let rows: &RoomRows = &self.model.rooms.clone();
        let done = rows.table("erasure").filter(|it| !it["done_at"].is_null());
        let mut texts = BTreeSet::new();
        let mut hashes = BTreeSet::new();
        for erasure in done {
            if let Some(traces) = self.erased.get(erasure["record"].as_str().unwrap()) {
                texts.extend(traces.texts.iter().cloned());
                hashes.extend(traces.pieces.iter().cloned());
            }
        }
        if texts.is_empty() && hashes.is_empty() {
            return;
        }
        // What others say too is not the erased record's alone.
        let kept = self.model.content();
        let said: BTreeSet<String> = kept.0.values().flat_map(|record| runs(record)).collect();
        texts.retain(|text| !said.contains(text));
        let in_use = rows.pieces_in_use();
        hashes.retain(|hash| !in_use.contains(hash));
        let mut needles: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        for number in (0..pieces().len()).filter(|number| hashes.contains(&hash_of(*number))) {
            needles.push(hash_of(number).into_bytes());
            needles.push(pieces()[number][40..60].to_vec());
        }
        for (path, size) in self.disk.files() {
            let mut bytes = self.disk.read(&path).unwrap();
            if path.strip_suffix(".gz").is_some() && size > 0 {
                let mut plain = Vec::new();
                if GzDecoder::new(&bytes[..]).read_to_end(&mut plain).is_ok() {
                    bytes = plain;
                }
            }
            bytes.extend_from_slice(path.as_bytes());
            let left = needles.iter().find(|needle| contains(&bytes, needle));
            let left = left.map(|needle| String::from_utf8_lossy(needle).into_owned());
            assert_eq!(left, None, "{path} holds something that was erased");
        }
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

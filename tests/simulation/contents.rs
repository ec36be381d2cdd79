//! Contents of artifacts and uploads: made of a few pieces, so that many are shared, and read back byte for byte.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::{Value, json};
use strongroom::Result;
use strongroom::blob::{Content, Packing, Piece, parse_hash};
use strongroom::disk::ready;
use strongroom::domain::{artifacts, blobs, uploads};
use strongroom::store::{Caller, Collection, Tx};

use super::operations::{Driver, Op, Random};
use super::rooms::{RoomRows, Row};

/// How many pieces there are.
const PIECES: usize = 14;

/// The bytes of each piece: short texts that are kept as rows, noise and longer texts that are kept in files.
pub fn pieces() -> &'static [Vec<u8>] {
    static MADE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MADE.get_or_init(|| (0..PIECES).map(make).collect())
}

fn make(number: usize) -> Vec<u8> {
    let mut noise = vec![0; 200 + number * 170];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    match number % 3 {
        0 => noise,
        1 => noise.iter().map(|byte| b'a' + byte % 26).collect(),
        _ => {
            let line = format!("piece {number} says {:x?}\n", &noise[..12]);
            line.repeat(17_000 / line.len() + 1).into_bytes()
        }
    }
}

/// What a hash in hexadecimal digits is of.
fn bytes_of(hash: &str) -> &'static [u8] {
    let mut all = pieces().iter();
    let found = all.find(|bytes| *blake3::hash(bytes).to_hex() == *hash);
    found.expect("a piece that was kept")
}

/// The hash of a piece in hexadecimal digits.
pub fn hash_of(number: usize) -> String {
    blake3::hash(&pieces()[number]).to_hex().to_string()
}

fn to_json(piece: &Piece) -> Value {
    json!({
        "hash": piece.hash.to_hex().as_str(), "size": piece.size, "stored": piece.stored,
        "packing": piece.packing.as_str(), "text": piece.text,
    })
}

fn from_json(kept: &Value) -> Piece {
    Piece {
        hash: parse_hash(kept["hash"].as_str().unwrap()).unwrap(),
        size: kept["size"].as_u64().unwrap(),
        stored: kept["stored"].as_u64().unwrap(),
        packing: Packing::named(kept["packing"].as_str().unwrap()).unwrap(),
        text: kept["text"].as_str().map(str::to_owned),
    }
}

fn content(pieces: Vec<Piece>) -> Content {
    let mut hasher = blake3::Hasher::new();
    for piece in &pieces {
        hasher.update(bytes_of(&piece.hash.to_hex()));
    }
    Content {
        hash: hasher.finalize(),
        size: hasher.count(),
        pieces,
    }
}

/// Runs a method that gives or takes contents; none if it is another.
pub fn run(tx: &Tx<'_>, method: &str, args: &Value) -> Option<Result<Value>> {
    fn read<T: serde::de::DeserializeOwned>(args: Value) -> T {
        serde_json::from_value(args).unwrap()
    }
    fn give(answer: Result<impl serde::Serialize>) -> Result<Value> {
        Ok(serde_json::to_value(answer?).unwrap())
    }
    let id = args["id"].as_str().unwrap_or_default();
    let kept = || -> Vec<Piece> {
        let kept = args["kept"].as_array().into_iter().flatten();
        kept.map(from_json).collect()
    };
    Some(match method {
        "artifacts.put" => give(artifacts::put(
            tx,
            &read(args["artifact"].clone()),
            &content(kept()),
        )),
        "artifacts.revise" => {
            let change = json!({
                "id": id, "version": args["version"], "inPlace": args["inPlace"], "content": 0,
            });
            give(artifacts::revise(tx, &read(change), &content(kept())))
        }
        "artifacts.forget" => give(artifacts::forget(tx, &read(args.clone()))),
        "uploads.create" => give(uploads::create(tx, &read(args.clone()))),
        "uploads.receive" => give(uploads::receive(
            tx,
            id,
            args["from"].as_u64().unwrap(),
            &kept(),
        )),
        "uploads.store" => {
            let stored = uploads::arrived(tx, id);
            give(stored.and_then(|(_, pieces)| uploads::store(tx, id, &content(pieces))))
        }
        "uploads.publish" => give(uploads::publish(tx, id)),
        "uploads.delete" => give(uploads::delete(tx, id)),
        _ => return None,
    })
}

/// The methods that are tried.
pub const METHODS: &[&str] = &[
    "artifacts.put",
    "artifacts.revise",
    "artifacts.forget",
    "uploads.create",
    "uploads.receive",
    "uploads.store",
    "uploads.publish",
    "uploads.delete",
];

/// Chooses a call.
pub fn choose(random: &mut Random, rows: &RoomRows, user: &str, label: &str) -> Op {
    let mut one_of = |table: &str| {
        let all: Vec<&Row> = rows.table(table).collect();
        random.pick(&all)
    };
    let [construct, artifact, upload] = ["construct", "artifact", "upload"].map(&mut one_of);
    // One that may be forgotten, if there is any.
    let revisions: Vec<&Row> = rows.table("artifact_revision").collect();
    let is_old = |it: &&&Row| {
        rows.find("artifact", it["artifact"].as_str().unwrap())
            .unwrap()["revision"]
            != it["revision"]
    };
    let old = revisions.iter().find(is_old).copied();
    let revision = old.or_else(|| random.pick(&revisions));
    let call = |method, args| Op::Call { method, args };
    let some: Vec<u64> = (0..=random.below(3))
        .map(|_| random.below(PIECES as u64))
        .collect();
    let construct = construct
        .filter(|_| random.one_in(2))
        .map(|it| it["id"].clone());
    let user = construct.is_none().then_some(user);
    let new = json!({
        "userId": user, "constructId": construct, "kind": "file", "name": format!("file {label}"),
    });
    let stale = i64::from(random.one_in(8));
    match (random.below(16), artifact, upload) {
        (0..3, Some(it), _) => {
            let version = it["version"].as_i64().unwrap() + stale;
            let args = json!({ "id": it["id"], "version": version, "inPlace": random.one_in(2), "pieces": some });
            call("artifacts.revise", args)
        }
        // More of the same, as a log grows.
        (3 | 4, Some(it), _) => {
            let mut pieces = pieces_of(rows, rows.blob_of(it));
            pieces.extend(some);
            let version = it["version"].as_i64().unwrap();
            let args =
                json!({ "id": it["id"], "version": version, "inPlace": true, "pieces": pieces });
            call("artifacts.revise", args)
        }
        (5, Some(it), _) if random.one_in(2) => call("artifacts.delete", json!({ "id": it["id"] })),
        (6 | 7, ..) if revision.is_some() => {
            let it = revision.unwrap();
            let args = json!({ "id": it["artifact"], "revision": it["revision"] });
            call("artifacts.forget", args)
        }
        (8..11, _, Some(it)) => {
            let from = it["received"].as_i64().unwrap() + stale;
            call(
                "uploads.receive",
                json!({ "id": it["id"], "from": from, "pieces": some }),
            )
        }
        (11, _, Some(it)) => call("uploads.store", json!({ "id": it["id"] })),
        (12, _, Some(it)) => call("uploads.publish", json!({ "id": it["id"] })),
        (13, _, Some(it)) => call("uploads.delete", json!({ "id": it["id"] })),
        (8..15, ..) => call("uploads.create", new),
        _ => call("artifacts.put", json!({ "artifact": new, "pieces": some })),
    }
}

/// The numbers of the pieces that a content is made of.
fn pieces_of(rows: &RoomRows, blob: &Value) -> Vec<u64> {
    let mut made: Vec<&Row> = rows
        .table("blob_piece")
        .filter(|it| it["blob"] == *blob)
        .collect();
    made.sort_by_key(|it| it["position"].as_i64());
    let number = |it: &Row| (0..PIECES).find(|number| *hash_of(*number) == it["piece"]);
    made.into_iter()
        .map(|it| number(it).unwrap() as u64)
        .collect()
}

impl RoomRows {
    /// The content that an artifact has now; null if none is kept.
    fn blob_of(&self, artifact: &Row) -> &Value {
        let mut revisions = self.table("artifact_revision");
        let current = revisions
            .find(|it| it["artifact"] == artifact["id"] && it["revision"] == artifact["revision"]);
        current.map_or(&Value::Null, |it| &it["blob"])
    }

    /// The contents that something has.
    pub fn blobs_in_use(&self) -> BTreeSet<i64> {
        let revisions = self.table("artifact_revision");
        let all = revisions.chain(self.table("upload"));
        all.filter_map(|it| it["blob"].as_i64()).collect()
    }

    /// The hashes of the pieces of contents that something has.
    pub fn pieces_in_use(&self) -> BTreeSet<String> {
        let blobs = self.blobs_in_use();
        let made = self
            .table("blob_piece")
            .filter(|it| blobs.contains(&it["blob"].as_i64().unwrap()));
        made.map(|it| it["piece"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Driver {
    /// Keeps the pieces that calls are to give, and says so in their arguments; gives those that were kept.
    pub fn keep_pieces(&mut self, requests: &mut [(Op, Option<String>)]) -> Result<Vec<Piece>> {
        let mut held = Vec::new();
        for (op, _) in requests {
            let Op::Call { args, .. } = op else { continue };
            let Some(wanted) = args["pieces"].as_array().cloned() else {
                continue;
            };
            let mut kept = Vec::new();
            for number in wanted {
                let number = usize::try_from(number.as_u64().unwrap()).unwrap();
                for traces in self.erased.values_mut() {
                    // It may be left with another's content now.
                    traces.pieces.remove(&hash_of(number));
                }
                let piece = ready(self.store().keep_piece(&pieces()[number], number % 3 == 2));
                self.follow_store();
                match piece {
                    Ok(piece) => {
                        kept.push(to_json(&piece));
                        held.push(piece);
                    }
                    Err(error) => {
                        self.give_back(&held)?;
                        return Err(error);
                    }
                }
            }
            args["kept"] = kept.into();
        }
        Ok(held)
    }

    /// Ends the leases of pieces.
    pub fn give_back(&mut self, held: &[Piece]) -> Result<()> {
        ready(self.store().give_back(held))
    }

    /// Removes contents that nothing has.
    pub fn collect(&mut self) -> Result<()> {
        self.learn_where_it_stands();
        let mut collection = Collection::new(0);
        loop {
            let more = ready(collection.step(self.store()));
            self.follow_store();
            if !more? {
                return Ok(());
            }
        }
    }

    /// Reads every content that something has: each is what it was made of. No other file is left over.
    pub fn check_contents(&mut self, is_at_rest: bool) {
        let rows = self.model.rooms.clone();
        let blobs = rows.blobs_in_use();
        for number in blobs {
            let blob = rows.find("blob", &number.to_string()).unwrap();
            let mut hasher = blake3::Hasher::new();
            let read = self.store().read(Caller::default(), |view| {
                blobs::pieces(view, number, 0, u64::MAX)
            });
            for (position, piece) in read.unwrap() {
                assert_eq!(position, hasher.count(), "content {number} has no gap");
                let bytes = ready(self.store().read_piece(&piece)).unwrap();
                let expected = bytes_of(&piece.hash.to_hex());
                assert!(bytes == expected, "a piece of content {number} is altered");
                hasher.update(&bytes);
            }
            assert_eq!(hasher.count(), blob["size"].as_u64().unwrap());
            // Without a name it is still arriving.
            if blob["hash"] != "" {
                assert_eq!(blob["hash"], hasher.finalize().to_hex().as_str());
            }
        }
        if is_at_rest {
            let known = rows.table("piece").filter(|it| it["packing"] != "inline");
            let known: BTreeSet<&str> = known.map(|it| it["id"].as_str().unwrap()).collect();
            for (path, _) in self.disk.files() {
                let name = path.rsplit('/').next().unwrap();
                let is_left = path.starts_with("blobs/") && !known.contains(name);
                assert!(!is_left, "{path} is left over");
            }
        }
    }
}

//! Seeded random operations, run on a store and on its model alike.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;
use strongroom::disk::ready;
use strongroom::disk::sim::SimDisk;
use strongroom::domain::conversations::{
    self, ConversationStatus, ConversationUpdate, NewConversation, NewParticipant, ParticipantKind,
};
use strongroom::domain::messages::{
    self, MessageEdit, MessageStatus, MessageUpdate, NewMessage, Role,
};
use strongroom::domain::packed;
use strongroom::domain::parts::{self, Part};
use strongroom::domain::users::{self, NewUser, UserUpdate};
use strongroom::domain::{Json, Metadata};
use strongroom::history::{self, Asker, HistoryUndo};
use strongroom::host::{Host, ManualHost};
use strongroom::id::{ChunkId, ConversationId, MessageId, UserId};
use strongroom::journal::{Item, SegmentInfo};
use strongroom::store::{Caller, Durability, Event, Options, Outcome, Recovery, Rows, Store, Tx};
use strongroom::{Code, Error, Result};

use super::contents;
use super::letting_go::Traces;
use super::model::{Content, Model, read_all};
use super::rooms::{self, read_rows};

/// One write.
#[derive(Debug, Clone)]
pub enum Op {
    CreateUser {
        name: String,
    },
    UpdateUser {
        id: UserId,
        version: i64,
        name: String,
    },
    DeleteUser {
        id: UserId,
    },
    CreateConversation {
        user: UserId,
        title: String,
        agents: Vec<String>,
    },
    UpdateConversation {
        id: ConversationId,
        version: i64,
        title: String,
        status: ConversationStatus,
    },
    SetDeleted {
        id: ConversationId,
        deleted: bool,
    },
    DeleteConversation {
        id: ConversationId,
    },
    AddParticipant {
        id: ConversationId,
        participant: String,
        name: Option<String>,
    },
    RemoveParticipant {
        id: ConversationId,
        participant: String,
    },
    Append {
        id: ConversationId,
        parent: Option<MessageId>,
        parts: Vec<Part>,
    },
    Begin {
        id: ConversationId,
    },
    Edit {
        id: MessageId,
        text: String,
    },
    UpdateMessage {
        id: MessageId,
        version: i64,
        model: String,
    },
    Switch {
        id: MessageId,
    },
    Chunk {
        id: MessageId,
        seq: i64,
        text: String,
    },
    SetStatus {
        id: MessageId,
        status: MessageStatus,
    },
    DeleteMessage {
        id: MessageId,
    },
    /// A method of the rooms beside conversations.
    Call {
        method: &'static str,
        args: Value,
    },
    /// Writes a little of everything, and then is refused.
    Nonsense,
}

impl Op {
    /// The rows of a chunk, to be written ahead where the message is there.
    fn growth(&self, model: &Model) -> Option<impl FnOnce(&Rows<'_>) -> strongroom::Result<()>> {
        let Self::Chunk { id, seq, text } = self.clone() else {
            return None;
        };
        let is_first = !model.streams_text(id)?;
        Some(move |rows: &Rows<'_>| {
            if is_first {
                parts::put_part(rows, id, 0, "text", None)?;
            }
            parts::put_chunk(rows, ChunkId { message: id, seq }, 0, &text, 1)
        })
    }

    /// The record that it erases for good.
    fn erases(&self) -> Option<&str> {
        match self {
            Self::Call { method, args } if *method == "retention.erase" => args["id"].as_str(),
            _ => None,
        }
    }

    fn is_about_contents(&self) -> bool {
        matches!(self, Self::Call { method, .. } if contents::METHODS.contains(method))
    }

    /// The operation's name, for the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateUser { .. } => "users.create",
            Self::UpdateUser { .. } => "users.update",
            Self::DeleteUser { .. } => "users.delete",
            Self::CreateConversation { .. } => "conversations.create",
            Self::UpdateConversation { .. } => "conversations.update",
            Self::SetDeleted { .. } => "conversations.delete",
            Self::DeleteConversation { .. } => "conversations.erase",
            Self::AddParticipant { .. } => "participants.add",
            Self::RemoveParticipant { .. } => "participants.remove",
            Self::Append { .. } => "messages.append",
            Self::Begin { .. } => "messages.begin",
            Self::Edit { .. } => "messages.edit",
            Self::UpdateMessage { .. } => "messages.update",
            Self::Switch { .. } => "messages.switch",
            Self::Chunk { .. } => "messages.chunk",
            Self::SetStatus { .. } => "messages.end",
            Self::DeleteMessage { .. } => "messages.delete",
            Self::Call { method, .. } => method,
            Self::Nonsense => "nonsense",
        }
    }

    /// Runs it on a store; the answer as JSON.
    pub fn run(&self, tx: &Tx<'_>) -> Result<Value> {
        fn json(value: impl serde::Serialize) -> Value {
            serde_json::to_value(value).unwrap()
        }
        let message = |role, parent_id, parts: Option<&Vec<Part>>| NewMessage {
            role,
            text: None,
            parts: parts.cloned(),
            parent_id,
            author: None,
            model: None,
            usage: None,
            metadata: None,
        };
        match self.clone() {
            Self::CreateUser { name } => users::create(
                tx,
                &NewUser {
                    name,
                    metadata: None,
                },
            )
            .map(json),
            Self::UpdateUser { id, version, name } => users::update(
                tx,
                &UserUpdate {
                    id,
                    version,
                    name: Some(name),
                    metadata: None,
                },
            )
            .map(json),
            Self::DeleteUser { id } => users::delete(tx, id).map(json),
            Self::CreateConversation {
                user,
                title,
                agents,
            } => {
                let agent = |id| NewParticipant {
                    id,
                    kind: ParticipantKind::Agent,
                    name: None,
                };
                let new = NewConversation {
                    user_id: Some(user),
                    context: None,
                    title: Some(title),
                    metadata: None,
                    participants: Some(agents.into_iter().map(agent).collect()),
                };
                conversations::create(tx, &new).map(json)
            }
            Self::UpdateConversation {
                id,
                version,
                title,
                status,
            } => {
                let change = ConversationUpdate {
                    id,
                    context: None,
                    version,
                    title: Some(title),
                    status: Some(status),
                    metadata: None,
                };
                conversations::update(tx, &change).map(json)
            }
            Self::SetDeleted { id, deleted: true } => conversations::soft_delete(tx, id).map(json),
            Self::SetDeleted { id, deleted: false } => conversations::restore(tx, id).map(json),
            Self::DeleteConversation { id } => conversations::delete(tx, id).map(json),
            Self::AddParticipant {
                id,
                participant,
                name,
            } => {
                let new = NewParticipant {
                    id: participant,
                    kind: ParticipantKind::Agent,
                    name,
                };
                conversations::add_participant(tx, id, &new).map(json)
            }
            Self::RemoveParticipant { id, participant } => {
                conversations::remove_participant(tx, id, &participant).map(json)
            }
            Self::Append { id, parent, parts } => {
                messages::append(tx, id, &message(Role::User, parent, Some(&parts))).map(json)
            }
            Self::Begin { id } => {
                messages::begin(tx, id, &message(Role::Assistant, None, None)).map(json)
            }
            Self::Edit { id, text } => {
                let edit = MessageEdit {
                    id,
                    text: Some(text),
                    parts: None,
                    metadata: None,
                };
                messages::edit(tx, &edit).map(json)
            }
            Self::UpdateMessage { id, version, model } => {
                let change = MessageUpdate {
                    id,
                    version,
                    model: Some(model),
                    usage: Some(Json::new(&serde_json::json!({ "tokens": version })).unwrap()),
                    metadata: None,
                };
                messages::update(tx, &change).map(json)
            }
            Self::Switch { id } => messages::switch_branch(tx, id).map(json),
            Self::Chunk { id, seq, text } => {
                // It was planned for a message that another write may have taken the place of.
                if messages::get(tx, id)?.status != MessageStatus::Streaming {
                    return Err(Error::new(Code::Conflict, "the message does not stream"));
                }
                let key = (id.user, id.conversation, id.message);
                tx.execute(
                    "INSERT INTO part VALUES (?1, ?2, ?3, 0, 'text', NULL) ON CONFLICT DO NOTHING",
                    key,
                )?;
                let (user, conversation, message) = key;
                tx.execute(
                    "INSERT OR REPLACE INTO chunk VALUES (?1, ?2, ?3, ?4, 0, ?5, 1, ?6)",
                    (user, conversation, message, seq, &text, tx.now_ms()),
                )
                .map(|_| Value::Null)
            }
            Self::SetStatus { id, status } => messages::set_status(tx, id, status, None).map(json),
            Self::DeleteMessage { id } => messages::delete(tx, id).map(json),
            Self::Call { method, args } => rooms::run(tx, method, &args),
            Self::Nonsense => {
                let user = users::create(
                    tx,
                    &NewUser {
                        name: "nobody".into(),
                        metadata: None,
                    },
                )?;
                let new = NewConversation {
                    user_id: Some(user.id),
                    context: None,
                    title: None,
                    metadata: None,
                    participants: None,
                };
                let id = conversations::create(tx, &new)?.id;
                let parts = vec![Part::Text {
                    text: "nothing".repeat(700),
                }];
                messages::append(tx, id, &message(Role::User, None, Some(&parts)))?;
                Err(Error::invalid("nonsense"))
            }
        }
    }
}

/// `SplitMix64`.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let index = usize::try_from(self.below(from.len() as u64)).unwrap();
        from.get(index).cloned()
    }
}

/// How a run's writes are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    Strict,
    Relaxed,
    Mixed,
}

/// A store under random operations, beside its model.
pub struct Driver {
    pub disk: SimDisk,
    pub host: Rc<ManualHost>,
    pub store: Option<Store>,
    pub model: Model,
    /// The state after each journal line, as far as one may still have to compare with it.
    pub states: BTreeMap<u64, Model>,
    /// The last line that must survive power loss.
    pub flushed: u64,
    /// The last line that must survive the death of the process.
    pub answered: u64,
    pub recoveries: Vec<Recovery>,
    /// Lines of upkeep and of erasures, which nobody takes back.
    upkeep: BTreeSet<u64>,
    /// What tells that something of an erased record is left, by its id.
    pub erased: BTreeMap<String, Traces>,
    /// Requests that were remembered when something was erased: some of them are forgotten then.
    uncertain: BTreeSet<String>,
    /// How often a read was answered and compared.
    pub reads: u64,
    pub random: Random,
    pub answers: Answers,
    /// Whether the rooms beside conversations are written in, too.
    pub has_rooms: bool,
    /// How often each operation was answered, and refused.
    pub outcomes: BTreeMap<&'static str, [u64; 2]>,
}

/// Seeds that found something before there were other rooms: their steps stay what they were.
const CONVERSATIONS_ALONE: &[u64] = &[503, 1002, 1004];

/// What upkeep does to contents and erasures.
const CONTENT_OPS: &[&str] = &["contents.mark", "contents.remove", "retention.erased"];

/// Lines that creating a store appends: one for each migration.
pub const MIGRATION_LINES: u64 = strongroom::database::migrate::LATEST as u64;

/// Sizes so small that every mechanism runs within a few dozen writes.
pub fn small_options() -> Options {
    Options {
        batch_writes: 6,
        batch_ms: 20,
        segment_bytes: 5 << 10,
        checkpoint_idle_bytes: 40 << 10,
        checkpoint_bytes: 90 << 10,
        snapshot_bytes: 24 << 10,
        quiet_ms: 0,
        ..Options::default()
    }
}

impl Driver {
    pub fn new(disk: SimDisk, seed: u64, answers: Answers) -> Self {
        Self {
            disk,
            host: Rc::new(ManualHost::new(seed)),
            store: None,
            model: Model::default(),
            states: BTreeMap::from([(0, Model::default())]),
            flushed: 0,
            answered: 0,
            recoveries: Vec::new(),
            upkeep: BTreeSet::new(),
            erased: BTreeMap::new(),
            uncertain: BTreeSet::new(),
            reads: 0,
            random: Random(seed),
            answers,
            has_rooms: !CONVERSATIONS_ALONE.contains(&seed),
            outcomes: BTreeMap::new(),
        }
    }

    /// The same model and states over another disk, on which nothing is open.
    pub fn fork(&self, disk: SimDisk, seed: u64) -> Self {
        // Not the ids that the original has given.
        let host = ManualHost::new(!seed);
        host.advance(self.host.now_ms() - host.now_ms());
        Self {
            disk,
            host: Rc::new(host),
            store: None,
            model: self.model.clone(),
            states: self.states.clone(),
            flushed: self.flushed,
            answered: self.answered,
            recoveries: Vec::new(),
            upkeep: self.upkeep.clone(),
            erased: self.erased.clone(),
            uncertain: self.uncertain.clone(),
            reads: 0,
            random: Random(seed),
            answers: self.answers,
            has_rooms: self.has_rooms,
            outcomes: BTreeMap::new(),
        }
    }

    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    /// Opens the store without writing what opening writes.
    pub fn open_as_it_is(&mut self) -> Result<()> {
        let store = ready(Store::open_as_it_is(
            Rc::new(self.disk.clone()),
            self.host.clone(),
            small_options(),
        ))?;
        self.store = Some(store);
        self.take_events();
        Ok(())
    }

    /// Opens the store. Until it was opened once, its state is that of the last line.
    pub fn open(&mut self) -> Result<()> {
        if self
            .states
            .last_key_value()
            .is_some_and(|(last, _)| *last > self.answered.max(MIGRATION_LINES))
        {
            // What became of the last lines must be known before opening adds one of its own.
            self.open_as_it_is()?;
            let last = self.store().last_seq();
            self.store = None;
            self.settle_on(last);
            self.answered = last;
        }
        let opened = ready(Store::open(
            Rc::new(self.disk.clone()),
            self.host.clone(),
            small_options(),
        ));
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                // What opening writes by itself may be in the journal.
                self.expect_interrupted();
                return Err(error);
            }
        };
        self.store = Some(store);
        self.take_events();
        self.expect_interrupted();
        let last = self.store().last_seq();
        self.settle_on(last);
        self.answered = last;
        self.flushed = last;
        Ok(())
    }

    /// Opens a store whose last line is not known beforehand.
    pub fn open_unchecked(&mut self) -> Result<()> {
        let opened = ready(Store::open(
            Rc::new(self.disk.clone()),
            self.host.clone(),
            small_options(),
        ))?;
        self.store = Some(opened);
        self.take_events();
        Ok(())
    }

    /// One piece of maintenance.
    pub fn maintain_once(&mut self) -> Result<()> {
        let maintained = ready(self.store().maintain(true));
        self.take_events();
        maintained.map(|_| ())
    }

    /// Ends every stream, so that opening changes nothing.
    pub fn finish_streams(&mut self) {
        for (message, _) in self.model.messages() {
            if message.status == MessageStatus::Streaming {
                let end = Op::SetStatus {
                    id: message.id,
                    status: MessageStatus::Complete,
                };
                self.run_turn(&[(end, None)], Durability::Strict).unwrap();
            }
        }
    }

    /// After an error that leaves open what happened: recovers if that is due, and lets the model follow the store.
    pub fn learn_where_it_stands(&mut self) {
        let Some(store) = self.store.as_mut() else {
            return;
        };
        if store.is_damaged() && ready(store.maintain(false)).is_err() {
            // The disk still fails; the store answers nothing meanwhile.
            return;
        }
        self.take_events();
        let last = self.store().last_seq();
        assert!(
            last >= self.answered,
            "line {} was answered, and the store stands at {last}",
            self.answered
        );
        self.settle_on(last);
        self.answered = last;
    }

    /// Opening may append the migrations to an empty store, and one line that interrupts streams.
    fn expect_interrupted(&mut self) {
        self.follow_upkeep();
        let (last, mut model) = self
            .states
            .last_key_value()
            .map(|(seq, model)| (*seq, model.clone()))
            .unwrap();
        if last < MIGRATION_LINES {
            for line in last + 1..=MIGRATION_LINES {
                self.states.insert(line, model.clone());
            }
        } else if model.interrupt(self.host.now_ms()) {
            self.states.insert(last + 1, model);
        }
    }

    /// Where the store wrote lines by itself, the model follows.
    pub fn follow_store(&mut self) {
        let last = self.store().last_seq();
        if !self.states.contains_key(&last) {
            self.follow_upkeep();
        }
        // What a failing disk does not let one see yet is learned later.
        if last > self.answered && self.states.contains_key(&last) && !self.store().is_damaged() {
            self.settle_on(last);
            self.answered = last;
        }
        self.take_events();
    }

    /// Upkeep packs chunks and brings them back, removes contents and ends erasures, a line each.
    fn follow_upkeep(&mut self) {
        let (last, mut model) = self
            .states
            .last_key_value()
            .map(|(last, model)| (*last, model.clone()))
            .unwrap();
        let Some(store) = self.store.as_ref().filter(|_| last >= MIGRATION_LINES) else {
            return;
        };
        let mut replay = store.journal().replay(last);
        while let Ok(Some(Item::Line { record, .. })) = ready(replay.next()) {
            if CONTENT_OPS.contains(&record.op) {
                model.rooms = Rc::new(model.rooms.after_line(record.rows));
            } else if !packed::OPS.contains(&record.op) {
                return;
            }
            self.states.insert(record.seq, model.clone());
            self.upkeep.insert(record.seq);
        }
        // Where the journal had to begin anew, the database alone knows of them.
        let now = store.last_seq();
        let first = store.journal().segments().first().map(|it| it.first);
        if first.is_some_and(|first| first > now) && last < now {
            let store = self.store.as_mut().unwrap();
            if let Ok(rows) = store.read(Caller::default(), read_rows) {
                model.rooms = Rc::new(model.rooms.with_upkeep_of(&rows));
            }
            for line in last + 1..=now {
                self.states.insert(line, model.clone());
                self.upkeep.insert(line);
            }
        }
    }

    /// The store stands at this line: so does the model.
    pub fn settle_on(&mut self, seq: u64) {
        if !self.states.contains_key(&seq) {
            self.follow_upkeep();
        }
        let Some(model) = self.states.get(&seq) else {
            panic!(
                "line {seq} was never written; the last is {:?}",
                self.states.last_key_value().map(|(seq, _)| seq)
            );
        };
        self.model = model.clone();
        self.states.split_off(&(seq + 1));
    }

    pub fn take_events(&mut self) {
        let Some(store) = self.store.as_mut() else {
            return;
        };
        for event in store.take_events() {
            if let Event::Recovery(recovery) = event {
                self.recoveries.push(recovery);
            }
        }
    }

    /// Compares everything the store holds with the model.
    pub fn compare(&mut self) {
        let expected = self.expected();
        let found = self.read().unwrap();
        assert!(
            found == expected,
            "the content differs:\n{}",
            found.difference(&expected)
        );
        self.check_contents(false);
        self.check_erased();
    }

    /// Reads everything.
    pub fn read(&mut self) -> Result<Content> {
        self.reads += 1;
        let found = self.store().read(Caller::default(), read_all)?;
        Ok(found.without(&self.uncertain))
    }

    /// What should be read.
    pub fn expected(&self) -> Content {
        self.model.content().without(&self.uncertain)
    }

    /// SQLite's own checks, which say less than the comparison, and never something else.
    pub fn check_integrity(&mut self) {
        for check in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
            let mut found = self.check(check);
            if found
                .as_ref()
                .is_err_and(|error| error.code() == Code::Corrupt)
            {
                // Damage in an index, which no read had met so far.
                self.maintain_once().unwrap();
                found = self.check(check);
            }
            let found = found.unwrap();
            assert!(
                found.iter().all(|finding| finding == "ok"),
                "{check}: {found:?}"
            );
        }
    }

    fn check(&mut self, check: &str) -> Result<Vec<String>> {
        self.store().read(Caller::default(), |view| {
            let mut statement = view.prepare(check)?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// One step of any kind: mostly turns, also time passing, maintenance, closing and reading.
    pub fn step(&mut self) -> Result<()> {
        if self.store.is_none() {
            return self.open();
        }
        if self.has_rooms && self.random.one_in(12) {
            return self.undo();
        }
        if self.has_rooms && self.random.one_in(40) {
            return self.collect();
        }
        match self.random.below(20) {
            0..11 => self.turn(),
            11..17 => self.maintain(),
            17 => {
                let ms = i64::try_from(self.random.below(60)).unwrap();
                // Clocks step back, too.
                self.host
                    .advance(if self.random.one_in(5) { -ms } else { ms });
                Ok(())
            }
            18 => {
                self.learn_where_it_stands();
                let expected = self.expected();
                let found = self.read()?;
                assert!(
                    found == expected,
                    "a read differs:\n{}",
                    found.difference(&expected)
                );
                Ok(())
            }
            _ if self.random.one_in(3) => self.close(),
            _ => Ok(()),
        }
    }

    pub fn maintain(&mut self) -> Result<()> {
        self.learn_where_it_stands();
        let idle = !self.random.one_in(3);
        for _ in 0..=self.random.below(4) {
            let more = ready(self.store().maintain(idle));
            self.take_events();
            // What was written last is learned once the machine runs again.
            if self.disk.is_down() {
                return more.map(|_| ());
            }
            // Where opening had no room to interrupt streams, maintenance does.
            let last = self.store().last_seq();
            if !self.states.contains_key(&last) {
                self.follow_upkeep();
            }
            if !self.states.contains_key(&last) {
                self.expect_interrupted();
            }
            if last != self.answered {
                self.settle_on(last);
                self.answered = last;
            }
            if more?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Maintains until nothing is due.
    pub fn rest(&mut self) -> Result<()> {
        for _ in 0..10_000 {
            self.host.advance(1);
            let wait = ready(self.store().maintain(true))?;
            self.take_events();
            // Before an erasure rewrites what upkeep wrote.
            self.follow_upkeep();
            match wait {
                None => return Ok(()),
                Some(wait) => self.host.advance(i64::try_from(wait).unwrap()),
            }
        }
        panic!("maintenance never comes to rest");
    }

    pub fn close(&mut self) -> Result<()> {
        let store = self.store.take().unwrap();
        ready(store.close())?;
        self.flushed = self.answered;
        Ok(())
    }

    /// A turn of one to three writes and perhaps a read.
    fn turn(&mut self) -> Result<()> {
        let durability = match self.answers {
            Answers::Mixed if self.random.one_in(3) => Durability::Strict,
            Answers::Mixed | Answers::Relaxed => Durability::Relaxed,
            Answers::Strict => Durability::Strict,
        };
        self.learn_where_it_stands();
        let writes = 1 + self.random.below(3);
        let mut requests = Vec::new();
        let mut is_erased = false;
        let mut planned = self.model.clone();
        // Planned on a model of its own, so that the writes of a turn can build on one another.
        for _ in 0..writes {
            let op = self.choose(&planned);
            let mut name = self.choose_request(&planned, &requests);
            // What names an erased record, or a content that is let go of meanwhile, is forgotten with it.
            is_erased |= op.erases().is_some();
            if is_erased || (op.is_about_contents() && planned.rooms.is_erasing()) {
                name = None;
            }
            let _ = planned.apply(&op, self.host.now_ms(), None);
            requests.push((op, name));
        }
        let held = self.keep_pieces(&mut requests)?;
        let answered = self.run_turn(&requests, durability);
        let given_back = self.give_back(&held);
        answered.and(given_back)
    }

    /// Runs writes as one turn, comparing every answer with the model's.
    pub fn run_turn(
        &mut self,
        requests: &[(Op, Option<String>)],
        durability: Durability,
    ) -> Result<()> {
        let now = self.host.now_ms();
        let mut seq = self.store().last_seq();
        assert!(
            seq == self.answered || self.store().is_damaged(),
            "the store stands at {seq}, and answered {}",
            self.answered
        );
        let mut model = self.model.clone();
        let mut pending = Vec::new();
        let store = self.store.as_mut().unwrap();
        store.options_mut().durability = durability;
        let mut turn = store.turn()?;
        let mut broken = false;
        for (op, name) in requests {
            let caller = Caller {
                user: None,
                request_id: name.as_deref(),
            };
            let remembered = name
                .as_ref()
                .and_then(|name| model.requests.get(name).cloned());
            let mut left = None;
            let outcome = match op.growth(&model) {
                Some(grow) if name.is_none() => turn
                    .write_ahead(op.name(), None, grow)
                    .map(|()| Outcome::Done(Value::Null)),
                _ => turn.write(op.name(), caller, |tx| {
                    let answer = op.run(tx)?;
                    left = Some((read_rows(tx)?, rooms::transcript_uuid(tx, &answer)?));
                    Ok(answer)
                }),
            };
            self.outcomes.entry(op.name()).or_default()[usize::from(outcome.is_err())] += 1;
            match (outcome, remembered) {
                (Err(error), _) if is_fault(&error) => {
                    broken = true;
                }
                (Ok(Outcome::Repeated(answer)), Some((was, expected))) => {
                    assert_eq!((op.name(), answer.get()), (was.as_str(), expected.as_str()));
                }
                (Err(error), Some((was, _))) => {
                    assert_eq!(error.code(), Code::Conflict, "{error}");
                    assert_ne!(op.name(), was);
                }
                (Ok(Outcome::Done(answer)), None) => {
                    let may_be_idle = match op {
                        Op::SetDeleted { .. } => true,
                        // These write what they are told, whatever is there.
                        Op::Call { method, .. } => {
                            !["settings.set", "jobs.renew", "retention.run"].contains(method)
                        }
                        _ => false,
                    };
                    let before = may_be_idle.then(|| model.content());
                    let whole = op.erases().map(|_| model.clone());
                    let expected = model.apply(op, now, Some(&answer));
                    assert_eq!(Ok(&answer), expected.as_ref(), "{op:?}");
                    if let Some((rows, transcript)) = left {
                        model.take_rooms(op, &answer, &transcript, rows, now);
                    }
                    if let (Some(whole), Some(record)) = (whole, op.erases()) {
                        self.uncertain.extend(whole.requests.keys().cloned());
                        self.erased
                            .insert(record.to_owned(), Traces::between(&whole, &model));
                        self.upkeep.insert(seq + 1);
                    }
                    if let Some(name) = name {
                        let remembered = (
                            op.name().to_owned(),
                            serde_json::to_string(&answer).unwrap(),
                        );
                        model.requests.insert(name.clone(), remembered);
                    }
                    // What changes nothing is no line.
                    if name.is_none() && before.is_some_and(|before| before == model.content()) {
                        continue;
                    }
                    seq += 1;
                    pending.push((seq, model.clone()));
                }
                (Err(error), None) => {
                    let mut refused = model.clone();
                    let expected = refused.apply(op, now, None);
                    let is_refusal = matches!(
                        error.code(),
                        Code::NotFound | Code::Conflict | Code::InvalidArgument
                    );
                    let is_expected = Err(error.code()) == expected;
                    assert!(
                        is_expected || (is_refusal && !rooms::is_judged(op)),
                        "{op:?}: {error}, not {expected:?}"
                    );
                }
                (outcome, remembered) => {
                    panic!("{op:?} gave {outcome:?}; remembered: {remembered:?}")
                }
            }
        }
        if !broken && self.random.one_in(3) {
            let found = turn.read(Caller::default(), read_all);
            match found {
                Ok(found) => {
                    let found = found.without(&self.uncertain);
                    let expected = model.content().without(&self.uncertain);
                    assert!(
                        found == expected,
                        "a read in a turn differs:\n{}",
                        found.difference(&expected)
                    );
                }
                Err(error) if is_fault(&error) => {}
                Err(error) => panic!("a read in a turn: {error}"),
            }
        }
        // Before the answer is known: a machine that dies in here may keep any beginning of the turn.
        self.states.extend(pending);
        let finished = turn.finish();
        self.take_events();
        match finished {
            Ok(()) => {
                let last = self.store().last_seq();
                assert!(last == seq || broken, "{last} lines, not {seq}");
                self.settle_on(last);
                self.answered = last;
                if durability == Durability::Strict {
                    self.flushed = last;
                }
                Ok(())
            }
            Err(error) => {
                if error.code() != Code::Indeterminate && !self.disk.is_down() {
                    self.settle_on(self.answered);
                }
                Err(error)
            }
        }
    }

    /// Takes the last line back, where it changed nothing but what the rows of the rooms tell.
    fn undo(&mut self) -> Result<()> {
        self.learn_where_it_stands();
        if self.store().is_damaged() {
            // What became of the last lines is not known yet.
            return Ok(());
        }
        let last = self.answered;
        if self.upkeep.contains(&last) {
            return Ok(());
        }
        let before = last.checked_sub(1).and_then(|seq| self.states.get(&seq));
        let Some(before) = before.filter(|_| last > MIGRATION_LINES) else {
            return Ok(());
        };
        if before.conversation_content() != self.model.conversation_content() {
            return Ok(());
        }
        let undone = self.model.rooms.undone(&before.rooms, self.host.now_ms());
        let is_strict = self.answers == Answers::Strict || self.random.one_in(4);
        let store = self.store.as_mut().unwrap();
        store.options_mut().durability = if is_strict {
            Durability::Strict
        } else {
            Durability::Relaxed
        };
        if let Some(rooms) = undone.clone() {
            let mut model = self.model.clone();
            model.rooms = Rc::new(rooms);
            self.states.insert(last + 1, model);
        }
        let wanted = HistoryUndo {
            seq: last,
            record: None,
        };
        let taken_back = history::undo(store, &Asker::default(), wanted)
            .and_then(|mut job| while_none(|| ready(job.step(store, &mut |_| {}))));
        self.take_events();
        let outcomes = self.outcomes.entry("history.undo").or_default();
        outcomes[usize::from(taken_back.is_err())] += 1;
        match taken_back {
            Ok(_) => {
                assert!(undone.is_some(), "line {last} had nothing to take back");
                assert_eq!(self.store().last_seq(), last + 1);
                self.settle_on(last + 1);
                self.answered = last + 1;
                if is_strict {
                    self.flushed = last + 1;
                }
                Ok(())
            }
            Err(error) if undone.is_none() && error.code() == Code::InvalidArgument => Ok(()),
            // After a power loss the journal may begin behind the line, or behind what was there before it.
            Err(error) if matches!(error.code(), Code::NotFound | Code::Conflict) => {
                let segments = self.store().journal().segments();
                let may_begin_anew =
                    |it: &SegmentInfo| it.header.is_none_or(|it| it.base.is_some());
                assert!(segments.iter().any(may_begin_anew), "line {last}: {error}");
                self.settle_on(last);
                Ok(())
            }
            Err(error) => {
                assert!(is_fault(&error), "line {last} is not taken back: {error}");
                if error.code() != Code::Indeterminate && !self.disk.is_down() {
                    self.settle_on(last);
                }
                Err(error)
            }
        }
    }

    fn choose_request(&mut self, model: &Model, turn: &[(Op, Option<String>)]) -> Option<String> {
        let name = match self.random.below(6) {
            0 | 1 => Some(format!("r{}", self.random.next())),
            2 => {
                let known: Vec<_> = model.requests.keys().cloned().collect();
                self.random.pick(&known)
            }
            3 => turn.iter().find_map(|(_, name)| name.clone()),
            _ => None,
        };
        name.filter(|name| !self.uncertain.contains(name))
    }

    fn text(&mut self) -> String {
        let longest = if self.random.one_in(12) { 20_000 } else { 300 };
        let length = self.random.below(longest);
        if self.has_rooms {
            // No other is like it, so that what is left of it is known.
            let mut letters = Random(self.random.next());
            let letter = |_| char::from(b'a' + u8::try_from(letters.below(26)).unwrap());
            return (0..length).map(letter).collect();
        }
        (0..length)
            .map(|at| char::from(b'a' + u8::try_from((self.random.0 ^ (at * 7)) % 26).unwrap()))
            .collect()
    }

    fn choose(&mut self, model: &Model) -> Op {
        let users = model.users();
        let conversations = model.conversations();
        let messages = model.messages();
        if users.is_empty() {
            return Op::CreateUser { name: self.text() };
        }
        if self.has_rooms && self.random.below(5) < 2 {
            let label: String = self.text().chars().take(30).collect();
            return rooms::choose(&mut self.random, model, &label);
        }
        let stale = i64::from(self.random.one_in(6));
        let user = self.random.pick(&users).unwrap();
        let conversation = self.random.pick(&conversations);
        let message = self.random.pick(&messages);
        let text = self.text();
        let label: String = if self.random.one_in(20) {
            "x".repeat(5000)
        } else {
            text.chars().take(30).collect()
        };
        match (self.random.below(40), conversation, message) {
            (0, ..) => Op::CreateUser { name: label },
            (1, ..) => Op::UpdateUser {
                id: user.id,
                version: user.version + stale,
                name: label,
            },
            (2, ..) if users.len() > 1 => Op::DeleteUser { id: user.id },
            (3..6, ..) | (_, None, _) => Op::CreateConversation {
                user: if self.random.one_in(15) {
                    UserId { user: 77 }
                } else {
                    user.id
                },
                title: label,
                agents: (0..self.random.below(3))
                    .map(|n| format!("agent-{n}"))
                    .collect(),
            },
            (6, Some(it), _) => Op::UpdateConversation {
                id: it.id,
                version: it.version + stale,
                title: label,
                status: if self.random.one_in(2) {
                    ConversationStatus::Archived
                } else {
                    ConversationStatus::Active
                },
            },
            (7, Some(it), _) => Op::SetDeleted {
                id: it.id,
                deleted: it.deleted_at.is_none(),
            },
            (8, Some(it), _) if conversations.len() > 2 => Op::DeleteConversation { id: it.id },
            (9, Some(it), _) => Op::AddParticipant {
                id: it.id,
                participant: if self.random.one_in(8) {
                    String::new()
                } else {
                    format!("agent-{}", self.random.below(5))
                },
                name: self.random.one_in(2).then_some(label),
            },
            (10, Some(it), _) => Op::RemoveParticipant {
                id: it.id,
                participant: format!("agent-{}", self.random.below(3)),
            },
            (11, ..) => Op::Nonsense,
            (12..18, Some(it), _) => Op::Begin { id: it.id },
            (18..28, _, Some((it, last))) if it.status == MessageStatus::Streaming => Op::Chunk {
                id: it.id,
                // The last chunk grows, or the next begins.
                seq: if last == 0 || self.random.one_in(2) {
                    last + 1
                } else {
                    last
                },
                text,
            },
            (18..21, _, Some((it, _))) => Op::SetStatus {
                id: it.id,
                status: MessageStatus::Complete,
            },
            (21, _, Some((it, _))) => Op::Edit { id: it.id, text },
            (22, _, Some((it, _))) => Op::Switch { id: it.id },
            (23, _, Some((it, _))) => Op::UpdateMessage {
                id: it.id,
                version: it.version + stale,
                model: label,
            },
            (24, _, Some((it, _))) => Op::DeleteMessage { id: it.id },
            (25..28, Some(it), Some((parent, _))) if parent.conversation_id == it.id => {
                Op::Append {
                    id: it.id,
                    parent: Some(parent.id),
                    parts: self.parts(text),
                }
            }
            (_, Some(it), _) => Op::Append {
                id: it.id,
                parent: None,
                parts: self.parts(text),
            },
        }
    }

    fn parts(&mut self, text: String) -> Vec<Part> {
        if !self.random.one_in(4) {
            return vec![Part::Text { text }];
        }
        vec![
            Part::Reasoning {
                text: "first \"this\", then that".into(),
            },
            Part::ToolCall {
                call_id: "c1".into(),
                name: "search".into(),
                input: Json::new(&serde_json::json!({ "q": [1, 2.5, null] })).unwrap(),
            },
            Part::Text { text },
            Part::Data {
                data: Metadata::default(),
            },
        ]
    }
}

/// Steps until one gives something.
fn while_none<T>(mut step: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    loop {
        if let Some(done) = step()? {
            return Ok(done);
        }
    }
}

/// Whether an error is the disk's, or the store's own while it cannot go on, rather than an answer.
pub fn is_fault(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Io | Code::QuotaExceeded | Code::Indeterminate | Code::Closed | Code::Corrupt
    )
}

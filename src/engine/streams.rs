//! Open streams: messages whose text is arriving, and those who follow them.

use std::collections::{BTreeMap, HashMap};

use super::metrics::Latency;
use super::wire::{
    Follow, Followed, FollowerNews, FollowerRef, News, StreamBegin, StreamConfigure,
    StreamContinue, StreamEnd, StreamOpened, StreamPart, StreamProgress, StreamRef, StreamStats,
    StreamWrite,
};
use super::{Request, json};
use crate::domain::messages::{self, Message, MessageStatus};
use crate::domain::parts::{self, Ends, Part, TextKind};
use crate::error::{Code, Error, Result};
use crate::id::{ChunkId, MessageId, UserId};
use crate::store::{Caller, LogEvent, LogKind, Rows, Turn};
use crate::stream::{Bundler, ChunkState, Closed, StreamSettings, tokens};

/// Milliseconds before a bundle that could not be kept is tried again.
const RETRY_MS: i64 = 1000;

/// Steps, and bytes of their text, that become one journal line at most.
const MAX_STEPS: usize = 256;
const MAX_STEP_BYTES: usize = 256 * 1024;

#[derive(Debug, Clone)]
struct Stream {
    message: MessageId,
    owner: Option<UserId>,
    bundler: Bundler,
    /// The text part that is growing.
    text: Option<TextPart>,
    next_part: i64,
    /// The message is there, or was when nothing but streams had been written since.
    is_there: bool,
    kept: u64,
    bundles: u64,
    chunks: u64,
}

#[derive(Debug, Clone, Copy)]
struct TextPart {
    number: i64,
    kind: TextKind,
    /// Its row is written with its first chunk.
    written: bool,
}

/// A request that grows a stream.
pub struct Step {
    /// The user whose streams alone may be grown.
    user: Option<UserId>,
    stream: u64,
    action: Action,
}

enum Action {
    /// Takes deltas; bundles that close are written.
    Write(StreamWrite),
    /// Adds a part that is not text, and its JSON.
    Part(Part, String),
    /// Writes what has gathered, so that everything taken so far is kept.
    Flush,
    /// Writes what is left.
    End,
}

impl Step {
    /// Whether a method is a step.
    pub fn is_one(method: &str) -> bool {
        matches!(method, "streams.write" | "streams.part" | "streams.flush")
    }

    /// Reads the arguments of one.
    pub fn read(user: Option<UserId>, request: &Request<'_>) -> Result<Self> {
        let (stream, action) = match request.method {
            "streams.write" => {
                let write: StreamWrite = json::read(request.args)?;
                let counts = write.tokens.as_ref().map(Vec::len);
                if counts.is_some_and(|counts| counts != write.deltas.len()) {
                    return Err(Error::invalid(
                        "there must be one token count for each delta",
                    ));
                }
                (write.stream, Action::Write(write))
            }
            "streams.part" => {
                let StreamPart { stream, part } = json::read(request.args)?;
                if matches!(part, Part::Text { .. } | Part::Reasoning { .. }) {
                    return Err(Error::invalid("text is written, not added as a part"));
                }
                let data = parts::to_data(&part)?;
                (stream, Action::Part(part, data))
            }
            _ => {
                let StreamRef { stream } = json::read(request.args)?;
                (stream, Action::Flush)
            }
        };
        Ok(Self {
            user,
            stream,
            action,
        })
    }

    fn bytes(&self) -> usize {
        match &self.action {
            Action::Write(write) => write.deltas.iter().map(String::len).sum(),
            _ => 0,
        }
    }
}

/// What one step adds to a message.
struct Growth {
    message: MessageId,
    rows: Vec<Row>,
    chunks: u64,
    deltas: u64,
    news: Vec<News>,
    /// When the first delta of each bundle came.
    since_ms: Vec<i64>,
}

enum Row {
    TextPart(i64, TextKind),
    Part(i64, &'static str, String),
    Chunk(i64, ChunkState),
}

impl Stream {
    fn step(&mut self, action: &Action, now_ms: i64) -> Growth {
        let mut growth = Growth {
            message: self.message,
            rows: Vec::new(),
            chunks: 0,
            deltas: 0,
            news: Vec::new(),
            since_ms: Vec::new(),
        };
        let chunks_before = self.chunks;
        match action {
            Action::Write(write) => {
                let kind = write.kind.unwrap_or_default();
                let counts = write.tokens.iter().flatten().copied().map(Some);
                let counts = counts.chain(std::iter::repeat(None));
                for (delta, tokens) in write.deltas.iter().zip(counts) {
                    self.push(kind, delta, tokens, now_ms, &mut growth);
                }
                if write.flush.unwrap_or_default() {
                    self.close_bundle(&mut growth);
                }
                growth.deltas = write.deltas.len() as u64;
            }
            Action::Part(part, data) => self.push_part(part, data, &mut growth),
            Action::Flush => self.close_bundle(&mut growth),
            Action::End => self.end_text(&mut growth),
        }
        growth.chunks = self.chunks - chunks_before;
        growth
    }

    fn push(
        &mut self,
        kind: TextKind,
        delta: &str,
        tokens: Option<u32>,
        now_ms: i64,
        growth: &mut Growth,
    ) {
        if delta.is_empty() {
            return;
        }
        if self.text.is_none_or(|text| text.kind != kind) {
            self.end_text(growth);
            self.text = Some(TextPart {
                number: self.allocate_part(),
                kind,
                written: false,
            });
        }
        let mut closed = Closed::default();
        self.bundler.push(delta, tokens, now_ms, &mut closed);
        self.grow(closed, growth);
    }

    fn push_part(&mut self, part: &Part, data: &str, growth: &mut Growth) {
        self.end_text(growth);
        let row = Row::Part(self.allocate_part(), part.kind(), data.to_owned());
        growth.rows.push(row);
        growth.news.push(News::Part { part: part.clone() });
    }

    fn close_bundle(&mut self, growth: &mut Growth) {
        let mut closed = Closed::default();
        self.bundler.close_bundle(&mut closed);
        self.grow(closed, growth);
    }

    /// Ends the text part, so that what comes next begins a new one.
    fn end_text(&mut self, growth: &mut Growth) {
        let mut closed = Closed::default();
        self.bundler.close_chunk(&mut closed);
        self.grow(closed, growth);
        self.text = None;
    }

    fn allocate_part(&mut self) -> i64 {
        let number = self.next_part;
        self.next_part += 1;
        number
    }

    fn grow(&mut self, closed: Closed, growth: &mut Growth) {
        let Some(text) = self.text.as_mut() else {
            return;
        };
        if !closed.chunks.is_empty() && !std::mem::replace(&mut text.written, true) {
            growth.rows.push(Row::TextPart(text.number, text.kind));
        }
        for bundle in closed.bundles {
            self.kept += tokens::utf16(&bundle.content.text);
            self.bundles += 1;
            growth.since_ms.push(bundle.since_ms);
            growth.news.push(News::Bundle {
                kind: text.kind,
                text: bundle.content.text,
                tokens: bundle.content.tokens,
            });
        }
        for chunk in closed.chunks {
            self.chunks = self.chunks.max(u64::try_from(chunk.seq).unwrap_or(0));
            growth.rows.push(Row::Chunk(text.number, chunk));
        }
    }

    const fn progress(&self) -> StreamProgress {
        StreamProgress {
            acknowledged: self.kept,
            bundles: self.bundles,
            chunks: self.chunks,
        }
    }
}

impl Growth {
    fn write(&self, rows: &Rows<'_>) -> Result<()> {
        self.rows
            .iter()
            .try_for_each(|row| row.write(rows, self.message))
    }
}

impl Row {
    fn write(&self, rows: &Rows<'_>, message: MessageId) -> Result<()> {
        match self {
            Self::TextPart(number, kind) => {
                parts::put_part(rows, message, *number, kind.as_str(), None)
            }
            Self::Part(number, kind, data) => {
                parts::put_part(rows, message, *number, kind, Some(data))
            }
            Self::Chunk(part, ChunkState { seq, content, .. }) => {
                let id = ChunkId { message, seq: *seq };
                parts::put_chunk(rows, id, *part, &content.text, content.tokens)
            }
        }
    }
}

/// All open streams and followers.
///
/// What a turn changes here is undone if the turn is not kept, and told to followers only once it is.
#[derive(Default)]
pub struct Streams {
    settings: StreamSettings,
    open: BTreeMap<u64, Stream>,
    followers: BTreeMap<u64, MessageId>,
    last_number: u64,
    totals: Totals,
    /// Streams and followers as they were before the turn.
    before: HashMap<u64, Option<Stream>>,
    new_followers: Vec<u64>,
    /// What to tell once the turn is kept.
    news: Vec<FollowerNews>,
    since_ms: Vec<i64>,
    log: Vec<(MessageId, LogKind, u64, u64)>,
}

#[derive(Default)]
struct Totals {
    deltas: u64,
    tokens: u64,
    bundles: u64,
    chunks: u64,
    bundle_latency: Latency,
    chunk_latency: Latency,
}

impl Streams {
    /// No streams yet; those to come close bundles and chunks by `settings`.
    pub fn new(settings: StreamSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Begins a message and its stream.
    pub fn begin(
        &mut self,
        turn: &mut Turn<'_>,
        caller: Caller<'_>,
        args: &StreamBegin,
    ) -> Result<StreamOpened> {
        if caller.request_id.is_some() {
            return Err(Error::invalid(
                "a stream cannot be begun twice; continue its message instead",
            ));
        }
        let settings = args.settings.unwrap_or(self.settings).check()?;
        let message = turn
            .write("messages.stream", caller, |tx| {
                messages::begin(tx, args.conversation_id, &args.message)
            })?
            .value()?;
        Ok(self.open(message, caller, settings, Ends::default()))
    }

    /// Takes up a message that was interrupted.
    pub fn resume(
        &mut self,
        turn: &mut Turn<'_>,
        caller: Caller<'_>,
        args: &StreamContinue,
    ) -> Result<StreamOpened> {
        let settings = args.settings.unwrap_or(self.settings).check()?;
        let streaming = self.open.values().any(|stream| stream.message == args.id);
        let message = turn
            .write("messages.continue", caller, |tx| {
                let status = messages::get(tx, args.id)?.status;
                if streaming {
                    return Err(Error::new(
                        Code::Conflict,
                        format!("message {} is being streamed already", args.id),
                    ));
                }
                if status == MessageStatus::Complete {
                    return Err(Error::new(
                        Code::Conflict,
                        format!("message {} is complete", args.id),
                    ));
                }
                messages::resume(tx, args.id)
            })?
            .value()?;
        let ends = turn.read(caller, |view| parts::ends(view, args.id))?;
        Ok(self.open(message, caller, settings, ends))
    }

    fn open(
        &mut self,
        message: Message,
        caller: Caller<'_>,
        settings: StreamSettings,
        ends: Ends,
    ) -> StreamOpened {
        self.last_number += 1;
        let number = self.last_number;
        self.before.insert(number, None);
        let stream = Stream {
            message: message.id,
            owner: caller.user,
            bundler: Bundler::new(settings, ends.chunk + 1),
            text: ends.text.map(|(number, kind)| TextPart {
                number,
                kind,
                written: true,
            }),
            next_part: ends.next_part,
            is_there: true,
            kept: ends.utf16,
            bundles: 0,
            chunks: u64::try_from(ends.chunk).unwrap_or(0),
        };
        self.open.insert(number, stream);
        StreamOpened {
            stream: number,
            message,
        }
    }

    /// Takes steps and adds an answer for each: those of one owner share a journal line.
    pub fn grow(
        &mut self,
        turn: &mut Turn<'_>,
        now_ms: i64,
        steps: &mut Vec<Result<Step>>,
        answers: &mut Vec<Result<String>>,
    ) {
        let mut steps = steps.drain(..).peekable();
        while let Some(step) = steps.next() {
            let step = match step {
                Ok(step) => step,
                Err(error) => {
                    answers.push(Err(error));
                    continue;
                }
            };
            let owner = self.owner(step.stream);
            let mut bytes = step.bytes();
            let mut together = vec![step];
            while let Some(Ok(next)) = steps.next_if(|next| {
                let joins = |next: &Step| {
                    bytes += next.bytes();
                    bytes <= MAX_STEP_BYTES && self.owner(next.stream) == owner
                };
                together.len() < MAX_STEPS && next.as_ref().is_ok_and(joins)
            }) {
                together.push(next);
            }
            match self.grow_together(turn, owner, now_ms, &together) {
                Ok(progress) => {
                    answers.extend(progress.into_iter().map(|one| json::write(&one?)));
                }
                Err(error) => answers.extend(together.iter().map(|_| Err(error.clone()))),
            }
        }
    }

    /// Something else was written: messages that are streamed may have been deleted.
    pub fn doubt(&mut self) {
        self.open
            .values_mut()
            .for_each(|stream| stream.is_there = false);
    }

    /// Writes what is left and ends the stream.
    pub fn end(
        &mut self,
        turn: &mut Turn<'_>,
        caller: Caller<'_>,
        args: &StreamEnd,
    ) -> Result<Message> {
        if args.status == MessageStatus::Streaming {
            return Err(Error::invalid(
                "a stream ends as complete, interrupted or error",
            ));
        }
        let rest = Step {
            user: caller.user,
            stream: args.stream,
            action: Action::End,
        };
        let grown = self.grow_together(turn, self.owner(args.stream), 0, &[rest])?;
        grown.into_iter().try_for_each(|one| one.map(|_| ()))?;
        let id = self.find(args.stream, caller.user)?.message;
        let ended = turn.write("messages.end", caller, |tx| {
            messages::set_status(tx, id, args.status, args.usage.as_ref())?;
            messages::get(tx, id)
        });
        let message = ended?.value()?;
        self.tell(
            id,
            &News::End {
                status: args.status,
            },
        );
        if let Some(stream) = self.open.remove(&args.stream) {
            self.before.entry(args.stream).or_insert(Some(stream));
        }
        Ok(message)
    }

    /// Changes when bundles and chunks close, of one stream or of all.
    pub fn configure(&mut self, caller: Caller<'_>, args: &StreamConfigure) -> Result<()> {
        let settings = args.settings.check()?;
        if let Some(number) = args.stream {
            self.find(number, caller.user)?;
            if let Some(stream) = self.open.get_mut(&number) {
                stream.bundler.set_settings(settings);
            }
        } else {
            self.settings = settings;
            self.open
                .values_mut()
                .for_each(|stream| stream.bundler.set_settings(settings));
        }
        Ok(())
    }

    /// Begins to follow a message: from what is kept of it now, without a gap.
    pub fn follow(
        &mut self,
        turn: &mut Turn<'_>,
        caller: Caller<'_>,
        args: &Follow,
    ) -> Result<Followed> {
        let message = turn.read(caller, |view| messages::get(view, args.id))?;
        self.last_number += 1;
        self.followers.insert(self.last_number, args.id);
        self.new_followers.push(self.last_number);
        Ok(Followed {
            follower: self.last_number,
            message,
        })
    }

    /// Stops following; doing so twice is doing so once.
    pub fn unfollow(&mut self, args: &FollowerRef) {
        self.followers.remove(&args.follower);
    }

    /// Closes every bundle whose time has come.
    pub fn close_overdue(&mut self, turn: &mut Turn<'_>, now_ms: i64) -> Result<()> {
        let overdue: Vec<u64> = self
            .open
            .iter()
            .filter(|(_, stream)| {
                stream
                    .bundler
                    .deadline()
                    .is_some_and(|deadline| deadline <= now_ms)
            })
            .map(|(number, _)| *number)
            .collect();
        let steps = overdue.into_iter().map(|stream| {
            Ok(Step {
                user: None,
                stream,
                action: Action::Flush,
            })
        });
        let mut answers = Vec::new();
        self.grow(turn, now_ms, &mut steps.collect(), &mut answers);
        let mut failed = answers.into_iter().filter_map(Result::err);
        failed
            .find(|error| error.code() != Code::Closed)
            .map_or(Ok(()), Err)
    }

    /// Gives overdue bundles that could not be kept another second before they are tried again.
    pub fn put_off(&mut self, now_ms: i64) {
        self.open
            .values_mut()
            .for_each(|stream| stream.bundler.put_off(now_ms.saturating_add(RETRY_MS)));
    }

    /// Takes deadlines along when the clock was set back by `ms`.
    pub fn set_back(&mut self, ms: i64) {
        self.open
            .values_mut()
            .for_each(|stream| stream.bundler.set_back(ms));
    }

    /// Writes what is left of every stream and marks their messages as interrupted.
    pub fn interrupt_all(&mut self, turn: &mut Turn<'_>) -> Result<()> {
        let open: Vec<(u64, Option<UserId>)> = self
            .open
            .iter()
            .map(|(number, stream)| (*number, stream.owner))
            .collect();
        for (stream, user) in open {
            let caller = Caller {
                user,
                request_id: None,
            };
            self.end(
                turn,
                caller,
                &StreamEnd {
                    stream,
                    status: MessageStatus::Interrupted,
                    usage: None,
                },
            )?;
        }
        Ok(())
    }

    /// When the next bundle must close, in milliseconds since 1970-01-01 UTC.
    pub fn deadline(&self) -> Option<i64> {
        self.open
            .values()
            .filter_map(|stream| stream.bundler.deadline())
            .min()
    }

    /// What all streams have done.
    pub fn stats(&self) -> StreamStats {
        StreamStats {
            open: self.open.len() as u64,
            deltas: self.totals.deltas,
            tokens: self.totals.tokens,
            bundles: self.totals.bundles,
            chunks: self.totals.chunks,
            bundle_latency: self.totals.bundle_latency.summary(),
            chunk_latency: self.totals.chunk_latency.summary(),
        }
    }

    /// The turn is kept: gives what followers are to be told, and what was measured.
    pub fn kept(&mut self, now_ms: i64, turn_us: u64) -> (Vec<FollowerNews>, Vec<LogEvent>) {
        self.before.clear();
        self.new_followers.clear();
        for since in self.since_ms.drain(..) {
            let waited = u64::try_from(now_ms.saturating_sub(since)).unwrap_or(0) * 1000;
            self.totals
                .bundle_latency
                .add(waited.saturating_add(turn_us));
        }
        let mut measured = Vec::with_capacity(self.log.len());
        for (id, kind, bytes, count) in self.log.drain(..) {
            match kind {
                LogKind::Bundle => {
                    self.totals.bundles += 1;
                    self.totals.tokens += count;
                }
                _ => self.totals.chunk_latency.add(turn_us),
            }
            measured.push(LogEvent {
                kind,
                id: Some(id.to_string()),
                bytes,
                count,
                us: turn_us,
            });
        }
        (std::mem::take(&mut self.news), measured)
    }

    /// The turn is not kept: everything is as it was before it.
    pub fn undone(&mut self) {
        for (number, before) in self.before.drain() {
            match before {
                Some(stream) => self.open.insert(number, stream),
                None => self.open.remove(&number),
            };
        }
        for follower in self.new_followers.drain(..) {
            self.followers.remove(&follower);
        }
        self.news.clear();
        self.since_ms.clear();
        self.log.clear();
    }

    fn owner(&self, number: u64) -> Option<UserId> {
        self.open.get(&number).and_then(|stream| stream.owner)
    }

    fn find(&mut self, number: u64, user: Option<UserId>) -> Result<&mut Stream> {
        let stream = self
            .open
            .get_mut(&number)
            .filter(|stream| user.is_none() || stream.owner == user);
        stream.ok_or_else(|| Error::new(Code::Closed, "the stream has ended"))
    }

    /// Finds a stream whose message is there. One whose message was deleted meanwhile ends.
    fn find_to_grow(
        &mut self,
        turn: &mut Turn<'_>,
        number: u64,
        user: Option<UserId>,
    ) -> Result<&mut Stream> {
        let Stream {
            message, is_there, ..
        } = *self.find(number, user)?;
        if !is_there && !turn.peek(Caller::default(), |view| messages::exists(view, message))? {
            if let Some(stream) = self.open.remove(&number) {
                let status = MessageStatus::Interrupted;
                self.tell(message, &News::End { status });
                self.before.entry(number).or_insert(Some(stream));
            }
            let deleted = "the message was deleted while it streamed";
            return Err(Error::new(Code::Closed, deleted));
        }
        let stream = self.find(number, user)?;
        stream.is_there = true;
        Ok(stream)
    }

    /// Grows streams of one owner and writes the rows as one line. When those cannot be written, the streams are as they were.
    fn grow_together(
        &mut self,
        turn: &mut Turn<'_>,
        owner: Option<UserId>,
        now_ms: i64,
        steps: &[Step],
    ) -> Result<Vec<Result<StreamProgress>>> {
        let mut undo = Vec::with_capacity(steps.len());
        let mut grown = Vec::with_capacity(steps.len());
        let mut progress = Vec::with_capacity(steps.len());
        for step in steps {
            let stream = match self.find_to_grow(turn, step.stream, step.user) {
                Ok(stream) => stream,
                Err(error) => {
                    progress.push(Err(error));
                    continue;
                }
            };
            undo.push((step.stream, stream.clone()));
            grown.push(stream.step(&step.action, now_ms));
            progress.push(Ok(stream.progress()));
        }
        if grown.iter().any(|growth| !growth.rows.is_empty()) {
            let written = turn.write_ahead("messages.stream", owner, |rows| {
                grown.iter().try_for_each(|growth| growth.write(rows))
            });
            if let Err(error) = written {
                self.open.extend(undo.into_iter().rev());
                return Err(error);
            }
        }
        for (number, stream) in undo {
            self.before.entry(number).or_insert(Some(stream));
        }
        for growth in grown {
            self.totals.deltas += growth.deltas;
            self.totals.chunks += growth.chunks;
            self.note(&growth);
            for news in &growth.news {
                self.tell(growth.message, news);
            }
            self.since_ms.extend(growth.since_ms);
        }
        Ok(progress)
    }

    fn note(&mut self, growth: &Growth) {
        let id = growth.message;
        for news in &growth.news {
            if let News::Bundle { text, tokens, .. } = news {
                self.log
                    .push((id, LogKind::Bundle, text.len() as u64, u64::from(*tokens)));
            }
        }
        for row in &growth.rows {
            if let Row::Chunk(_, chunk) = row {
                let (bytes, tokens) = (
                    chunk.content.text.len() as u64,
                    u64::from(chunk.content.tokens),
                );
                self.log.push((id, LogKind::ChunkWritten, bytes, tokens));
            }
        }
    }

    fn tell(&mut self, id: MessageId, news: &News) {
        let followers = self
            .followers
            .iter()
            .filter(|(_, followed)| **followed == id);
        for (&follower, _) in followers {
            self.news.push(FollowerNews {
                follower,
                news: news.clone(),
            });
        }
    }
}

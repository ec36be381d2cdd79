//! The one table of methods: a name, what it takes, what it gives, and the operation that does it.

use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::json;
use crate::archive::{self, ConversationExport, ExportedText};
use crate::domain::artifacts::{
    self, Artifact, ArtifactList, ArtifactRef, ArtifactRevision, ArtifactUpdate, NewArtifact,
    RevisionList, RevisionRef,
};
use crate::domain::charts::chart::{
    self, Chart, ChartChildren, ChartDetail, ChartList, ChartProgress, ChartRef, ChartStep,
};
use crate::domain::charts::check::{self as chart_check, ChartCheck};
use crate::domain::charts::events::{self as chart_events, ChartEvent, ChartEventList};
use crate::domain::charts::graph::{
    self, Entity, EntityList, EntityRef, EntityUpdate, GraphPage, GraphRead, NewEntity,
    NewRelation, Observations, Relation, RelationList, RelationRef, RelationUpdate,
};
use crate::domain::charts::lines::{self, GraphRef, LinePage, LinesRead, LoadLines, LoadReport};
use crate::domain::charts::tension::{
    self, ChartMove, ChartUpdate, NewChart, NewStep, PhaseSet, RealityUpdate, ReviewedChart,
    StepRef, StepUpdate, Telescope,
};
use crate::domain::constructs::{
    self, Construct, ConstructList, ConstructRef, ConstructSetStatus, ConstructUpdate, NewConstruct,
};
use crate::domain::contexts::{self, Context, ContextList, ContextRef, ContextRename};
use crate::domain::conversations::{
    self, AddParticipant, Conversation, ConversationList, ConversationRef, ConversationStatus,
    ConversationUpdate, NewConversation, Participant, ParticipantRef,
};
use crate::domain::erasures::{self, EraseRecord, Erasure, ErasureList};
use crate::domain::jobs::{
    self, Dequeue, Job, JobCompletion, JobCount, JobCounting, JobFailure, JobLease, JobList,
    JobRef, JobRemoval, JobRenewal, NewJob,
};
use crate::domain::learnings::{
    self, Learning, LearningList, LearningRef, LearningUpdate, NewLearning,
};
use crate::domain::links::{
    self, ConstructLink, ConstructLinkList, ConstructLinkRef, ConstructLinkUpdate, LinkWalk,
    NewConstructLink, Reached,
};
use crate::domain::messages::{
    self, Append, AppendAll, ChunkList, Message, MessageEdit, MessageList, MessageRef,
    MessageUpdate, Siblings, TextPage, TextRead,
};
use crate::domain::metrics::{
    self, Metric, MetricBucket, MetricList, MetricSummary, NewMetric, RecordAll,
};
use crate::domain::page::Page;
use crate::domain::parts::Chunk;
use crate::domain::preload::{self, ContextPreload};
use crate::domain::retention::{
    self, NewRetentionPolicy, RetentionPolicy, RetentionPolicyList, RetentionPolicyRef,
    RetentionPolicyUpdate, RetentionReport, RetentionRun,
};
use crate::domain::sessions::{
    self, NewSession, Session, SessionList, SessionRef, SessionStatus, SessionUpdate,
};
use crate::domain::settings::{self, Setting, SettingList, SettingRef, SettingSet};
use crate::domain::timeline::{
    self, NewTimelineEvent, TimelineEvent, TimelineEventRef, TimelineList,
};
use crate::domain::uploads::{self, Upload, UploadList, UploadRef};
use crate::domain::users::{self, NewUser, User, UserList, UserRef, UserUpdate};
use crate::error::Result;
use crate::id::MessageId;
use crate::search::{self, SearchPage, SearchQuery};
use crate::store::{Caller, Outcome, Turn, Tx, View};

/// A method that gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "void"))]
pub struct Nothing;

macro_rules! methods {
    ($($(#[doc = $doc:literal])* $name:literal: $kind:ident($args:ty) -> $answer:ty = $operation:expr;)*) => {
        /// Runs a method of the table in a turn; none if there is no method of that name.
        pub fn call(turn: &mut Turn<'_>, name: &str, caller: Caller<'_>, args: &str) -> Option<Result<String>> {
            match name {
                $($name => Some($kind::<$args, $answer>(turn, $name, caller, args, $operation)),)*
                _ => None,
            }
        }

        /// The table, for the TypeScript that is generated from it.
        #[cfg(all(test, not(target_arch = "wasm32")))]
        pub fn table(config: &ts_rs::Config) -> Vec<super::typescript::Method> {
            use ts_rs::TS;
            vec![$(super::typescript::Method {
                name: $name,
                docs: concat!($($doc, "\n",)*),
                writes: stringify!($kind) == "write",
                args: <$args as TS>::name(config),
                fields: <$args as TS>::inline(config),
                // What is null in Rust is undefined in the package.
                answer: <$answer as TS>::name(config).replace("Nothing", "void").replace(" | null", " | undefined"),
            },)*]
        }
    };
}

methods! {
    "users.create": write(NewUser) -> User = |tx, args| users::create(tx, &args);
    "users.get": read(UserRef) -> User = |view, args| users::get(view, args.id);
    "users.list": read(UserList) -> Page<User> = |view, args| users::list(view, &args);
    "users.update": write(UserUpdate) -> User = |tx, args| users::update(tx, &args);
    "users.delete": write(UserRef) -> Nothing = |tx, args| users::delete(tx, args.id).map(|()| Nothing);

    /// Creates a context, so that it is listed before anything is in it. Doing so twice is doing so once.
    "contexts.create": write(ContextRef) -> Context = |tx, args| contexts::create(tx, &args);
    /// Reads a context with its counts. Rejects with `not_found`.
    "contexts.get": read(ContextRef) -> Context = |view, args| contexts::get(view, &args);
    /// Lists a user's contexts by name.
    "contexts.list": read(ContextList) -> Vec<Context> = |view, args| contexts::list(view, &args);
    /// Reads ahead what is shown first of a context: the first page of each list, and the newest messages of its three newest
    /// conversations, up to 256 KiB of text. They are read faster then. Rejects with `not_found`.
    "contexts.preload": read(ContextRef) -> ContextPreload = |view, args| preload::preload(view, &args);
    /// Gives a context another name, or moves all its records to one that is there already.
    "contexts.rename": write(ContextRename) -> Context = |tx, args| contexts::rename(tx, &args);
    /// Deletes an empty context. Rejects with `conflict` while anything is in it.
    "contexts.delete": write(ContextRef) -> Nothing = |tx, args| contexts::delete(tx, &args).map(|()| Nothing);

    /// Sets a setting.
    "settings.set": write(SettingSet) -> Setting = |tx, args| settings::set(tx, &args);
    /// Reads a setting; undefined if it is not set.
    "settings.get": read(SettingRef) -> Option<Setting> = |view, args| settings::get(view, &args);
    /// Lists all settings of a user, or of the app, by name.
    "settings.list": read(SettingList) -> Vec<Setting> = |view, args| settings::list(view, &args);
    /// Unsets a setting. Doing so twice is doing so once.
    "settings.remove": write(SettingRef) -> Nothing = |tx, args| settings::remove(tx, &args).map(|()| Nothing);

    /// Creates a policy by which records are let go of.
    "retention.create": write(NewRetentionPolicy) -> RetentionPolicy = |tx, args| retention::create(tx, &args);
    /// Reads a policy. Rejects with `not_found`.
    "retention.get": read(RetentionPolicyRef) -> RetentionPolicy = |view, args| retention::get(view, args.policy);
    /// Lists policies in the order they were made.
    "retention.list": read(RetentionPolicyList) -> Page<RetentionPolicy> = |view, args| retention::list(view, &args);
    /// Changes a policy. Rejects with `conflict` when it has moved on from `version`.
    "retention.update": write(RetentionPolicyUpdate) -> RetentionPolicy = |tx, args| retention::update(tx, &args);
    /// Removes a policy; what it did stays done.
    "retention.remove": write(RetentionPolicyRef) -> Nothing = |tx, args| retention::remove(tx, args.policy).map(|()| Nothing);
    /// Says what a policy would do next, and changes nothing.
    "retention.rehearse": write(RetentionRun) -> RetentionReport = |tx, args| retention::rehearse(tx, &args);
    /// Lets go of some records that a policy is for; call it again while there are `more`.
    "retention.run": write(RetentionRun) -> RetentionReport = |tx, args| retention::run(tx, &args);
    /// Erases a user or a conversation for good: from the tables at once, and behind the answer from every file
    /// of the store, the journal's older lines included. `retention.erasures` says when nothing of it is left.
    "retention.erase": write(EraseRecord) -> Erasure = |tx, args| erasures::erase(tx, &args);
    /// Lists erasures, newest first, and how far each has come.
    "retention.erasures": read(ErasureList) -> Page<Erasure> = |view, args| erasures::list(view, &args);

    "conversations.create": write(NewConversation) -> Conversation = |tx, args| conversations::create(tx, &args);
    "conversations.get": read(ConversationRef) -> Conversation = |view, args| conversations::get(view, args.id);
    "conversations.list": read(ConversationList) -> Page<Conversation> = |view, args| conversations::list(view, &args);
    "conversations.update": write(ConversationUpdate) -> Conversation = |tx, args| conversations::update(tx, &args);
    "conversations.archive": write(ConversationRef) -> Conversation =
        |tx, args| conversations::set_status(tx, args.id, ConversationStatus::Archived);
    "conversations.unarchive": write(ConversationRef) -> Conversation =
        |tx, args| conversations::set_status(tx, args.id, ConversationStatus::Active);
    "conversations.remove": write(ConversationRef) -> Conversation = |tx, args| conversations::soft_delete(tx, args.id);
    "conversations.restore": write(ConversationRef) -> Conversation = |tx, args| conversations::restore(tx, args.id);
    "conversations.delete": write(ConversationRef) -> Nothing = |tx, args| conversations::delete(tx, args.id).map(|()| Nothing);
    "conversations.export": read(ConversationExport) -> Vec<ExportedText> = |view, args| archive::export_conversation(view, &args);
    "conversations.participants": read(ConversationRef) -> Vec<Participant> = |view, args| conversations::participants(view, args.id);
    "conversations.addParticipant": write(AddParticipant) -> Vec<Participant> =
        |tx, args| conversations::add_participant(tx, args.conversation_id, &args.participant);
    "conversations.removeParticipant": write(ParticipantRef) -> Vec<Participant> =
        |tx, args| conversations::remove_participant(tx, args.conversation_id, &args.id);

    "messages.append": write(Append) -> Message = |tx, args| messages::append(tx, args.conversation_id, &args.message);
    "messages.appendAll": write(AppendAll) -> Vec<MessageId> = |tx, args| messages::append_all(tx, &args);
    "messages.get": read(MessageRef) -> Message = |view, args| messages::get(view, args.id);
    "messages.list": read(MessageList) -> Page<Message> = |view, args| messages::list(view, &args);
    "messages.edit": write(MessageEdit) -> Message = |tx, args| messages::edit(tx, &args);
    "messages.update": write(MessageUpdate) -> Message = |tx, args| messages::update(tx, &args);
    "messages.delete": write(MessageRef) -> Nothing = |tx, args| messages::delete(tx, args.id).map(|()| Nothing);
    "messages.switchBranch": write(MessageRef) -> Conversation = |tx, args| messages::switch_branch(tx, args.id);
    "messages.siblings": read(MessageRef) -> Siblings = |view, args| messages::siblings(view, args.id);
    "messages.text": read(TextRead) -> TextPage = |view, args| messages::text(view, &args);
    "messages.chunks": read(ChunkList) -> Page<Chunk> = |view, args| messages::chunks(view, &args);

    /// Creates a construct, which is `pending`.
    "constructs.create": write(NewConstruct) -> Construct = |tx, args| constructs::create(tx, &args);
    /// Reads a construct, removed ones included. Rejects with `not_found`.
    "constructs.get": read(ConstructRef) -> Construct = |view, args| constructs::get(view, &args.id);
    /// Lists a user's constructs by time, newest first unless asked otherwise.
    "constructs.list": read(ConstructList) -> Page<Construct> = |view, args| constructs::list(view, &args);
    /// Changes a construct. Rejects with `conflict` when it has moved on from `version`.
    "constructs.update": write(ConstructUpdate) -> Construct = |tx, args| constructs::update(tx, &args);
    /// Changes a construct's status, and tells the timeline. One that it has already changes nothing. Rejects with `conflict`
    /// where its status does not lead to the new one, and when it is removed.
    "constructs.setStatus": write(ConstructSetStatus) -> Construct = |tx, args| constructs::set_status(tx, &args);
    /// Takes a construct out of every list and walk; it can be restored. Doing so twice is doing so once.
    "constructs.remove": write(ConstructRef) -> Construct = |tx, args| constructs::soft_delete(tx, &args.id);
    /// Takes back a removal.
    "constructs.restore": write(ConstructRef) -> Construct = |tx, args| constructs::restore(tx, &args.id);
    /// Deletes a construct with everything below it: sessions with their transcripts, links, artifacts, events and metrics.
    "constructs.delete": write(ConstructRef) -> Nothing = |tx, args| constructs::delete(tx, &args.id).map(|()| Nothing);

    /// Begins a session of a construct, with an empty transcript, to be read and written by `messages`. Rejects with `conflict`
    /// when the construct is removed or retired.
    "sessions.create": write(NewSession) -> Session = |tx, args| sessions::create(tx, &args);
    /// Reads a session. Rejects with `not_found`.
    "sessions.get": read(SessionRef) -> Session = |view, args| sessions::get(view, &args.id);
    /// Lists a user's sessions by when they last changed, newest first unless asked otherwise.
    "sessions.list": read(SessionList) -> Page<Session> = |view, args| sessions::list(view, &args);
    /// Changes a session's name, state or fields. Rejects with `conflict` when it has moved on from `version`.
    "sessions.update": write(SessionUpdate) -> Session = |tx, args| sessions::update(tx, &args);
    /// Leaves an active session, to be resumed. This and what follows tells the timeline, changes nothing when it is so
    /// already, and rejects with `conflict` where the session's status does not lead there.
    "sessions.suspend": write(SessionRef) -> Session =
        |tx, args| sessions::set_status(tx, &args.id, SessionStatus::Suspended);
    /// Takes a suspended or failed session up again.
    "sessions.resume": write(SessionRef) -> Session =
        |tx, args| sessions::set_status(tx, &args.id, SessionStatus::Active);
    /// Ends a session, for good.
    "sessions.end": write(SessionRef) -> Session =
        |tx, args| sessions::set_status(tx, &args.id, SessionStatus::Ended);
    /// Marks an active or suspended session as failed; it can be resumed.
    "sessions.fail": write(SessionRef) -> Session =
        |tx, args| sessions::set_status(tx, &args.id, SessionStatus::Failed);
    /// Deletes a session with its transcript, artifacts, events and metrics.
    "sessions.delete": write(SessionRef) -> Nothing = |tx, args| sessions::delete(tx, &args.id).map(|()| Nothing);

    /// Links a construct to another of the same user. Rejects with `conflict` when they are linked like this already.
    "links.create": write(NewConstructLink) -> ConstructLink = |tx, args| links::create(tx, &args);
    /// Reads a link. Rejects with `not_found`.
    "links.get": read(ConstructLinkRef) -> ConstructLink = |view, args| links::get(view, &args.id);
    /// Lists a user's links by when they were created, newest first unless asked otherwise.
    "links.list": read(ConstructLinkList) -> Page<ConstructLink> = |view, args| links::list(view, &args);
    /// Changes what the app keeps with a link. Rejects with `conflict` when it has moved on from `version`.
    "links.update": write(ConstructLinkUpdate) -> ConstructLink = |tx, args| links::update(tx, &args);
    /// Takes a link away; the constructs stay.
    "links.delete": write(ConstructLinkRef) -> Nothing = |tx, args| links::delete(tx, &args.id).map(|()| Nothing);
    /// Gives the constructs that links lead to from one, the nearest first, each once. Removed ones are left out, and nothing is
    /// reached through them.
    "links.walk": read(LinkWalk) -> Page<Reached> = |view, args| links::walk(view, &args);

    /// Keeps what is known of an artifact.
    "artifacts.create": write(NewArtifact) -> Artifact = |tx, args| artifacts::create(tx, &args);
    /// Reads what is known of an artifact. Rejects with `not_found`.
    "artifacts.get": read(ArtifactRef) -> Artifact = |view, args| artifacts::get(view, &args.id);
    /// Lists a user's artifacts by when they were created, newest first unless asked otherwise.
    "artifacts.list": read(ArtifactList) -> Page<Artifact> = |view, args| artifacts::list(view, &args);
    /// Changes what is known of an artifact. Rejects with `conflict` when it has moved on from `version`.
    "artifacts.update": write(ArtifactUpdate) -> Artifact = |tx, args| artifacts::update(tx, &args);
    /// Deletes what is known of an artifact.
    "artifacts.delete": write(ArtifactRef) -> Nothing = |tx, args| artifacts::delete(tx, &args.id).map(|()| Nothing);
    /// Lists the revisions of an artifact's content, the newest first.
    "artifacts.revisions": read(RevisionList) -> Page<ArtifactRevision> = |view, args| artifacts::revisions(view, &args);
    /// Deletes a revision of an artifact's content that is not the current one; that is `conflict`.
    "artifacts.forget": write(RevisionRef) -> Nothing = |tx, args| artifacts::forget(tx, &args).map(|()| Nothing);

    /// Begins an upload of what is to become an artifact. `invalid_argument` for what the setting `uploads.limits` forbids.
    "uploads.create": write(NewArtifact) -> Upload = |tx, args| uploads::create(tx, &args);
    /// Reads an upload.
    "uploads.get": read(UploadRef) -> Upload = |view, args| uploads::get(view, &args.id);
    /// Lists a user's uploads by when they were created, newest first unless asked otherwise.
    "uploads.list": read(UploadList) -> Page<Upload> = |view, args| uploads::list(view, &args);
    /// Makes an artifact of an upload that is stored; doing so again gives the same artifact. `conflict` while it is not stored.
    "uploads.publish": write(UploadRef) -> Artifact = |tx, args| uploads::publish(tx, &args.id);
    /// Deletes an upload and what has arrived of it. What it became stays.
    "uploads.delete": write(UploadRef) -> Nothing = |tx, args| uploads::delete(tx, &args.id).map(|()| Nothing);

    /// Adds an event to the timeline.
    "timeline.append": write(NewTimelineEvent) -> TimelineEvent = |tx, args| timeline::append(tx, &args);
    /// Reads an event. Rejects with `not_found`.
    "timeline.get": read(TimelineEventRef) -> TimelineEvent = |view, args| timeline::get(view, &args.id);
    /// Lists a user's events by when they happened, newest first unless asked otherwise.
    "timeline.list": read(TimelineList) -> Page<TimelineEvent> = |view, args| timeline::list(view, &args);

    /// Records a metric.
    "metrics.record": write(NewMetric) -> Metric = |tx, args| metrics::record(tx, &args);
    /// Records metrics, all or none, and resolves to their ids.
    "metrics.recordAll": write(RecordAll) -> Vec<String> = |tx, args| metrics::record_all(tx, &args);
    /// Lists a user's metrics by when they were measured, newest first unless asked otherwise.
    "metrics.list": read(MetricList) -> Page<Metric> = |view, args| metrics::list(view, &args);
    /// Sums metrics of one name up over buckets of time, oldest first: how many, their sum, mean, bounds and percentiles, all of
    /// them exact. At most 1,000,000 metrics and 1,000 buckets.
    "metrics.summary": read(MetricSummary) -> Vec<MetricBucket> = |view, args| metrics::summary(view, &args);

    /// Keeps a learning. One that is known already in the same context is refused with `conflict`, merged or kept too, as
    /// `onDuplicate` says.
    "learnings.create": write(NewLearning) -> Learning = |tx, args| learnings::create(tx, &args);
    /// Reads a learning. Rejects with `not_found`.
    "learnings.get": read(LearningRef) -> Learning = |view, args| learnings::get(view, &args.id);
    /// Lists a user's learnings, last changed first unless asked otherwise.
    "learnings.list": read(LearningList) -> Page<Learning> = |view, args| learnings::list(view, &args);
    /// Changes a learning. Rejects with `conflict` when it has moved on from `version`.
    "learnings.update": write(LearningUpdate) -> Learning = |tx, args| learnings::update(tx, &args);
    /// Deletes a learning, for good.
    "learnings.delete": write(LearningRef) -> Nothing = |tx, args| learnings::delete(tx, &args.id).map(|()| Nothing);

    /// Puts a job into a queue; or, while one with the same key is queued or running, gives that one.
    "jobs.enqueue": write(NewJob) -> Job = |tx, args| jobs::enqueue(tx, &args);
    /// Takes the jobs to run next, those of the highest priority first, and leases them: until a lease runs out or is used,
    /// no one else gets the job. `work` does this and what follows by itself.
    "jobs.dequeue": write(Dequeue) -> Vec<Job> = |tx, args| jobs::dequeue(tx, &args);
    /// Makes a lease last from now. Rejects with `conflict` when it is not held any more.
    "jobs.renew": write(JobRenewal) -> Job = |tx, args| jobs::renew(tx, &args);
    /// Ends a job as done. Rejects with `conflict` when the lease is not held any more.
    "jobs.complete": write(JobCompletion) -> Job = |tx, args| jobs::complete(tx, &args);
    /// Ends an attempt that failed: the job waits for the next, longer each time, or is dead when it was the last. Rejects
    /// with `conflict` when the lease is not held any more.
    "jobs.fail": write(JobFailure) -> Job = |tx, args| jobs::fail(tx, &args);
    /// Gives a job back as it was before it was taken. Rejects with `conflict` when the lease is not held any more.
    "jobs.release": write(JobLease) -> Job = |tx, args| jobs::release(tx, &args);
    /// Calls a job off, also while it runs. Rejects with `conflict` when it is done or dead.
    "jobs.cancel": write(JobRef) -> Job = |tx, args| jobs::cancel(tx, &args.id);
    /// Queues a dead or cancelled job again, to run at once with all of its attempts. Rejects with `conflict` when it is
    /// neither, or when another with its key is queued or running.
    "jobs.revive": write(JobRef) -> Job = |tx, args| jobs::revive(tx, &args.id);
    /// Reads a job. Rejects with `not_found`.
    "jobs.get": read(JobRef) -> Job = |view, args| jobs::get(view, &args.id);
    /// Lists a user's jobs in the order they were enqueued, newest first unless asked otherwise.
    "jobs.list": read(JobList) -> Page<Job> = |view, args| jobs::list(view, &args);
    /// Counts a user's jobs by queue and state; what there is none of is left out.
    "jobs.counts": read(JobCounting) -> Vec<JobCount> = |view, args| jobs::counts(view, &args);
    /// Removes a user's jobs that were done, dead or cancelled before a time, the oldest 1,000 at most; resolves to how many.
    "jobs.removeEnded": write(JobRemoval) -> i64 = |tx, args| jobs::remove_ended(tx, &args);

    /// Creates a chart with its parts and their relations, and says what to reconsider about it.
    "charts.create": write(NewChart) -> ReviewedChart = |tx, args| tension::create(tx, &args);
    /// Reads a chart with what it is made of; the charts below it are named. Rejects with `not_found`.
    "charts.get": read(ChartRef) -> ChartDetail = |view, args| chart::get(view, &args);
    /// Lists charts by due date, the next first. Without a filter: those that are neither complete nor put away.
    "charts.list": read(ChartList) -> Page<Chart> = |view, args| chart::list(view, &args);
    /// Lists the charts directly below one.
    "charts.children": read(ChartChildren) -> Page<Chart> = |view, args| chart::children(view, &args);
    /// Reads how far a chart has come, with every chart below it.
    "charts.progress": read(ChartRef) -> ChartProgress = |view, args| chart::progress(view, &args);
    /// Changes a chart's title, outcome or due date. Rejects with `conflict` when it moved on since the version given.
    "charts.update": write(ChartUpdate) -> ReviewedChart = |tx, args| tension::update(tx, &args);
    /// Adds observations to a chart's current reality, each once.
    "charts.updateReality": write(RealityUpdate) -> ReviewedChart = |tx, args| tension::update_reality(tx, &args);
    /// Sets a chart's phase.
    "charts.setPhase": write(PhaseSet) -> Chart = |tx, args| tension::set_phase(tx, &args);
    /// Adds a step to a chart. Rejects with `conflict` when the chart is complete.
    "charts.addStep": write(NewStep) -> ChartStep = |tx, args| tension::add_step(tx, &args);
    /// Changes a step's text or due date. Rejects with `conflict` when it moved on since the version given.
    "charts.updateStep": write(StepUpdate) -> ChartStep = |tx, args| tension::update_step(tx, &args);
    /// Makes a chart of a step, linked both ways. Rejects with `conflict` when it is done or a chart already.
    "charts.telescope": write(Telescope) -> ReviewedChart = |tx, args| tension::telescope(tx, &args);
    /// Completes a step; its chart's current reality gains `Completed: <step>` once. A chart whose steps are all done is complete,
    /// and with it the step it was telescoped from, all the way up.
    "charts.completeStep": write(StepRef) -> Chart = |tx, args| tension::complete_step(tx, &args);
    /// Completes a chart, and the step it was telescoped from, all the way up. Its own steps stay as they are.
    "charts.complete": write(ChartRef) -> Chart = |tx, args| tension::complete(tx, &args);
    /// Removes a step with its relations, and the chart it was telescoped into with everything below.
    "charts.removeStep": write(StepRef) -> Nothing = |tx, args| tension::remove_step(tx, &args).map(|()| Nothing);
    /// Removes a chart with its parts, their relations, and every chart below it.
    "charts.remove": write(ChartRef) -> Nothing = |tx, args| tension::remove(tx, &args).map(|()| Nothing);
    /// Moves a chart and every chart below it to another context. Rejects with `conflict` when something it is linked to would
    /// stay, or one of its names is taken there.
    "charts.move": write(ChartMove) -> Chart = |tx, args| tension::move_chart(tx, &args);
    /// Puts a chart and every chart below it away. Doing so twice is doing so once.
    "charts.archive": write(ChartRef) -> Chart = |tx, args| tension::set_archived(tx, &args, true);
    /// Takes up again what was put away.
    "charts.unarchive": write(ChartRef) -> Chart = |tx, args| tension::set_archived(tx, &args, false);
    /// Lists what moved when, in which chart.
    "charts.events": read(ChartEventList) -> Page<ChartEvent> = |view, args| chart_events::list(view, &args);
    /// Checks the graph of a context; each finding has a code. Nothing is changed.
    "charts.check": read(GraphRef) -> ChartCheck = |view, args| chart_check::check(view, &args);
    /// Adds an entity to a graph. Rejects with `conflict` when its name is taken.
    "charts.addEntity": write(NewEntity) -> Entity = |tx, args| graph::add_entity(tx, &args);
    /// Reads an entity by its name. Rejects with `not_found`.
    "charts.getEntity": read(EntityRef) -> Entity = |view, args| graph::get_entity(view, &args);
    /// Lists a graph's entities by name: those whose name a pattern matches, those that mention a text, or all.
    "charts.entities": read(EntityList) -> Page<Entity> = |view, args| graph::entities(view, &args);
    /// Changes an entity's type or fields. Rejects with `conflict` when it moved on since the version given.
    "charts.updateEntity": write(EntityUpdate) -> Entity = |tx, args| graph::update_entity(tx, &args);
    /// Adds observations to an entity, each once.
    "charts.addObservations": write(Observations) -> Entity = |tx, args| graph::add_observations(tx, &args);
    /// Takes observations from an entity; those that it does not have are gone already.
    "charts.removeObservations": write(Observations) -> Entity = |tx, args| graph::remove_observations(tx, &args);
    /// Deletes an entity with its observations and every relation it is an end of.
    "charts.deleteEntity": write(EntityRef) -> Nothing = |tx, args| graph::delete_entity(tx, &args).map(|()| Nothing);
    /// Adds a relation to a graph; the same one twice is there once. Rejects with `conflict` when it is there with other fields.
    "charts.addRelation": write(NewRelation) -> Relation = |tx, args| graph::add_relation(tx, &args);
    /// Lists a graph's relations in the order of their lines.
    "charts.relations": read(RelationList) -> Page<Relation> = |view, args| graph::relations(view, &args);
    /// Gives a relation other fields. Rejects with `conflict` when it moved on since the version given.
    "charts.updateRelation": write(RelationUpdate) -> Relation = |tx, args| graph::update_relation(tx, &args);
    /// Deletes a relation.
    "charts.deleteRelation": write(RelationRef) -> Nothing = |tx, args| graph::delete_relation(tx, &args).map(|()| Nothing);
    /// Reads a graph in the order of its lines, page by page.
    "charts.graph": read(GraphRead) -> GraphPage = |view, args| graph::graph(view, &args);
    /// Loads JSON Lines into a graph and says what became of each. What cannot be taken is set aside and kept as it is.
    "charts.load": write(LoadLines) -> LoadReport = |tx, args| lines::load(tx, &args);
    /// Writes a graph as JSON Lines, page by page: loaded files come out as they went in, with what changed since.
    "charts.lines": read(LinesRead) -> LinePage = |view, args| lines::lines(view, &args);
    /// Deletes a whole graph with every line, and forgets what happened in its charts.
    "charts.clear": write(GraphRef) -> Nothing = |tx, args| graph::clear(tx, &args).map(|()| Nothing);

    /// Finds texts by what a person types, best first.
    "search.query": find(SearchQuery) -> SearchPage = |view, args| search::query(view, &args);
}

fn read<A: DeserializeOwned + 'static, T: Serialize + 'static>(
    turn: &mut Turn<'_>,
    _name: &str,
    caller: Caller<'_>,
    args: &str,
    operation: fn(&View<'_>, A) -> Result<T>,
) -> Result<String> {
    let args = json::read(args)?;
    run_read(
        turn,
        caller,
        Box::new(move |view| json::write(&operation(view, args)?)),
    )
}

/// Like [`read`], with a search index that holds everything written before.
fn find<A: DeserializeOwned + 'static, T: Serialize + 'static>(
    turn: &mut Turn<'_>,
    name: &str,
    caller: Caller<'_>,
    args: &str,
    operation: fn(&View<'_>, A) -> Result<T>,
) -> Result<String> {
    turn.index()?;
    read(turn, name, caller, args, operation)
}

fn write<A: DeserializeOwned + 'static, T: Serialize + 'static>(
    turn: &mut Turn<'_>,
    name: &str,
    caller: Caller<'_>,
    args: &str,
    operation: fn(&Tx<'_>, A) -> Result<T>,
) -> Result<String> {
    let args = json::read(args)?;
    run_write(
        turn,
        name,
        caller,
        Box::new(move |tx| json::write(&operation(tx, args)?)),
    )
}

/// An operation with its arguments, which gives its answer as JSON: one type for all of them keeps the package small.
type Reading = Box<dyn FnOnce(&View<'_>) -> Result<String>>;

/// Like [`Reading`], for an operation that writes.
type Writing = Box<dyn FnOnce(&Tx<'_>) -> Result<String>>;

fn run_read(turn: &mut Turn<'_>, caller: Caller<'_>, work: Reading) -> Result<String> {
    turn.read(caller, work)
}

pub(super) fn run_write(
    turn: &mut Turn<'_>,
    name: &str,
    caller: Caller<'_>,
    work: Writing,
) -> Result<String> {
    match turn.write(name, caller, |tx| work(tx).map(Written))? {
        Outcome::Done(Written(json)) => Ok(json),
        Outcome::Repeated(json) => Ok(Box::<str>::from(json).into_string()),
    }
}

/// An answer that is JSON already.
struct Written(String);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

//! The one table of methods: a name, what it takes, what it gives, and the operation that does it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::json;
use crate::domain::charts::chart::{
    self, Chart, ChartChildren, ChartDetail, ChartList, ChartProgress, ChartRef, ChartStep,
};
use crate::domain::charts::check::{self as chart_check, ChartCheck};
use crate::domain::charts::events::{self as chart_events, ChartEvent, ChartEventList};
use crate::domain::charts::graph::{
    self, Entity, EntityList, EntityRef, EntityUpdate, GraphPage, GraphRead, NewEntity,
    NewRelation, Observations, Relation, RelationList, RelationRef, RelationUpdate,
};
use crate::domain::charts::lines::{self, GraphRef, LinePage, LoadLines, LoadReport};
use crate::domain::charts::tension::{
    self, ChartMove, ChartUpdate, NewChart, NewStep, PhaseSet, RealityUpdate, ReviewedChart,
    StepRef, StepUpdate, Telescope,
};
use crate::domain::contexts::{self, Context, ContextList, ContextRef, ContextRename};
use crate::domain::conversations::{
    self, AddParticipant, Conversation, ConversationList, ConversationRef, ConversationStatus,
    ConversationUpdate, NewConversation, Participant, ParticipantRef,
};
use crate::domain::messages::{
    self, Append, AppendAll, ChunkList, Message, MessageEdit, MessageList, MessageRef,
    MessageUpdate, Siblings, TextPage, TextRead,
};
use crate::domain::page::Page;
use crate::domain::parts::Chunk;
use crate::domain::settings::{self, Setting, SettingList, SettingRef, SettingSet};
use crate::domain::users::{self, NewUser, User, UserList, UserRef, UserUpdate};
use crate::error::Result;
use crate::id::MessageId;
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
        #[cfg(test)]
        pub fn table(config: &ts_rs::Config) -> Vec<super::typescript::Method> {
            use ts_rs::TS;
            vec![$(super::typescript::Method {
                name: $name,
                docs: concat!($($doc, "\n",)*),
                writes: stringify!($kind) == "write",
                args: <$args as TS>::name(config),
                fields: <$args as TS>::inline(config),
                answer: <$answer as TS>::name(config).replace("Nothing", "void"),
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
    /// Gives a context another name, or moves all its records to one that is there already.
    "contexts.rename": write(ContextRename) -> Context = |tx, args| contexts::rename(tx, &args);
    /// Deletes an empty context. Rejects with `conflict` while anything is in it.
    "contexts.delete": write(ContextRef) -> Nothing = |tx, args| contexts::delete(tx, &args).map(|()| Nothing);

    /// Sets a setting.
    "settings.set": write(SettingSet) -> Setting = |tx, args| settings::set(tx, &args);
    /// Reads a setting; null if it is not set.
    "settings.get": read(SettingRef) -> Option<Setting> = |view, args| settings::get(view, &args);
    /// Lists all settings of a user, or of the app, by name.
    "settings.list": read(SettingList) -> Vec<Setting> = |view, args| settings::list(view, &args);
    /// Unsets a setting. Doing so twice is doing so once.
    "settings.remove": write(SettingRef) -> Nothing = |tx, args| settings::remove(tx, &args).map(|()| Nothing);

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
    "charts.lines": read(GraphRead) -> LinePage = |view, args| lines::lines(view, &args);
    /// Deletes a whole graph with every line, and forgets what happened in its charts.
    "charts.clear": write(GraphRef) -> Nothing = |tx, args| graph::clear(tx, &args).map(|()| Nothing);
}

fn read<A: DeserializeOwned, T: Serialize>(
    turn: &mut Turn<'_>,
    _name: &str,
    caller: Caller<'_>,
    args: &str,
    operation: impl FnOnce(&View<'_>, A) -> Result<T>,
) -> Result<String> {
    let args = json::read(args)?;
    json::write(&turn.read(caller, |view| operation(view, args))?)
}

fn write<A: DeserializeOwned, T: Serialize>(
    turn: &mut Turn<'_>,
    name: &str,
    caller: Caller<'_>,
    args: &str,
    operation: impl FnOnce(&Tx<'_>, A) -> Result<T>,
) -> Result<String> {
    let args = json::read(args)?;
    match turn.write(name, caller, |tx| operation(tx, args))? {
        Outcome::Done(value) => json::write(&value),
        Outcome::Repeated(json) => Ok(Box::<str>::from(json).into_string()),
    }
}

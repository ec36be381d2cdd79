//! The one table of methods: a name, what it takes, what it gives, and the operation that does it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::json;
use crate::domain::contexts::{self, Context, ContextList, ContextRef, ContextRename};
use crate::domain::conversations::{
    self, AddParticipant, Conversation, ConversationList, ConversationRef, ConversationStatus,
    ConversationUpdate, NewConversation, Participant, ParticipantRef,
};
use crate::domain::erasures::{self, EraseRecord, Erasure, ErasureList};
use crate::domain::messages::{
    self, Append, AppendAll, ChunkList, Message, MessageEdit, MessageList, MessageRef,
    MessageUpdate, Siblings, TextPage, TextRead,
};
use crate::domain::page::Page;
use crate::domain::parts::Chunk;
use crate::domain::retention::{
    self, NewRetentionPolicy, RetentionPolicy, RetentionPolicyList, RetentionPolicyRef,
    RetentionPolicyUpdate, RetentionReport, RetentionRun,
};
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
    /// Erases a user, a conversation or a construct for good: from the tables at once, and behind the answer from every file
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

//! The TypeScript types of the package, generated from the Rust types so that the two cannot drift apart.

use ts_rs::{Config, TS};

use super::methods;
use super::metrics::LatencySummary;
use super::wire::{
    Follow, Followed, FollowerNews, FollowerRef, News, StreamBegin, StreamConfigure,
    StreamContinue, StreamEnd, StreamOpened, StreamPart, StreamProgress, StreamRef, StreamStats,
    StreamWrite,
};
use super::{EngineOptions, MigrateTo, NoArguments, SetDurability, StoreStats};
use crate::Code;
use crate::database::migrate::MigrationStatus;
use crate::domain::conversations as c;
use crate::domain::messages as m;
use crate::domain::page::{Order, Page};
use crate::domain::parts::{Chunk, Part, TextKind};
use crate::domain::{Json, Metadata, users as u};
use crate::store::{
    Durability, Event, LogEvent, LogKind, MigrationProgress, Recovery, RecoveryCause, Trouble,
};
use crate::stream::StreamSettings;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pkg-template/src/types.ts");

const HEADER: &str = "\
// Generated from the Rust types; `cargo xtask types` writes it anew. A test fails when it is stale.
";

fn declare<T: TS>(config: &Config, out: &mut String) {
    if let Some(docs) = T::docs() {
        out.push_str(&docs);
    }
    out.push_str("export ");
    out.push_str(&T::decl(config));
    out.push_str("\n\n");
}

macro_rules! declare_all {
    ($config:expr, $out:expr, $($type:ty),* $(,)?) => { $(declare::<$type>($config, $out);)* };
}

fn generate() -> String {
    let config = &Config::new().with_large_int("number");
    let mut out = format!("{HEADER}\n");
    declare_all!(
        config,
        &mut out,
        Code,
        Metadata,
        Json,
        Order,
        Page<()>,
        u::User,
        u::NewUser,
        u::UserRef,
        u::UserUpdate,
        u::UserList,
        c::ConversationStatus,
        c::Conversation,
        c::NewConversation,
        c::ConversationRef,
        c::ConversationUpdate,
        c::ConversationTime,
        c::ConversationList,
        c::ParticipantKind,
        c::Participant,
        c::NewParticipant,
        c::AddParticipant,
        c::ParticipantRef,
        m::Role,
        m::MessageStatus,
        m::Message,
        m::NewMessage,
        m::Append,
        m::AppendAll,
        m::MessageEdit,
        m::MessageUpdate,
        m::MessageRef,
        m::MessagePath,
        m::MessageList,
        m::ChunkList,
        m::TextRead,
        m::TextPage,
        m::Siblings,
        Part,
        TextKind,
        Chunk,
        StreamSettings,
        StreamBegin,
        StreamContinue,
        StreamOpened,
        StreamWrite,
        StreamPart,
        StreamRef,
        StreamEnd,
        StreamConfigure,
        StreamProgress,
        StreamStats,
        Follow,
        Followed,
        FollowerRef,
        FollowerNews,
        News,
        Durability,
        EngineOptions,
        SetDurability,
        StoreStats,
        LatencySummary,
        NoArguments,
        MigrateTo,
        MigrationStatus,
        MigrationProgress,
        Event,
        LogEvent,
        LogKind,
        Recovery,
        RecoveryCause,
        Trouble,
    );
    out.push_str("/** Every method by name: what it takes and what it gives. */\nexport interface Methods {\n");
    out.push_str(&methods::typescript(config));
    out.push_str("}\n");
    out
}

#[test]
fn the_typescript_types_are_fresh() {
    let generated = generate();
    if std::env::var_os("STRONGROOM_WRITE_TYPES").is_some() {
        std::fs::create_dir_all(std::path::Path::new(FILE).parent().unwrap()).unwrap();
        std::fs::write(FILE, &generated).unwrap();
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == generated,
        "the types are stale: run `cargo xtask types`"
    );
}

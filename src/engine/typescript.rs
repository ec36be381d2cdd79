//! The TypeScript types of the package, generated from the Rust types so that the two cannot drift apart.
#![allow(
    clippy::format_push_string,
    clippy::too_many_lines,
    reason = "this runs in a test alone"
)]

use ts_rs::{Config, TS};

use super::contents::{
    ContentPiece, ContentPieces, ContentPiecesRead, ContentRead, ContentRef, ContentWrite,
    ContentWritten,
};
use super::exports::{ExportBackup, ExportBegun, ExportRef};
use super::imports::{ImportPhase, ImportProgress, ImportReceive, ImportRef, ImportStep};
use super::methods;
use super::metrics::{FailureCount, LatencySummary, OperationStats};
use super::wire::{
    Follow, Followed, FollowerNews, FollowerRef, News, StreamBegin, StreamConfigure,
    StreamContinue, StreamEnd, StreamOpened, StreamPart, StreamProgress, StreamRef, StreamStats,
    StreamWrite,
};
use super::{Collect, EngineOptions, MigrateTo, NoArguments, SetDurability, StoreStats};
use crate::Code;
use crate::archive as ar;
use crate::backup as b;
use crate::database::PageCache;
use crate::database::migrate::MigrationStatus;
use crate::domain::artifacts as a;
use crate::domain::charts::{
    chart as h, check as hc, events as he, graph as hg, lines as hl, tension as ht, warnings as hw,
};
use crate::domain::constructs as k;
use crate::domain::contexts as x;
use crate::domain::conversations as c;
use crate::domain::erasures as e;
use crate::domain::jobs as j;
use crate::domain::learnings as l;
use crate::domain::links as li;
use crate::domain::messages as m;
use crate::domain::metrics as me;
use crate::domain::page::{Order, Page};
use crate::domain::parts::{Chunk, Part, TextKind};
use crate::domain::preload::ContextPreload;
use crate::domain::retention as r;
use crate::domain::sessions as se;
use crate::domain::settings as s;
use crate::domain::timeline as t;
use crate::domain::uploads as up;
use crate::domain::{Json, Metadata, users as u};
use crate::health as hh;
use crate::history as y;
use crate::search::{
    SearchCheck, SearchChecked, SearchFinding, SearchHit, SearchKind, SearchPage, SearchQuery,
    SearchStatus, Snippet,
};
use crate::store::{
    Change, Collected, Compacted, Durability, Event, LogEvent, LogKind, MigrationProgress,
    Recovery, RecoveryCause, Trouble, Upkeep, UpkeepWork, WorkProgress,
};
use crate::stream::StreamSettings;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pkg-template/src");

/// Groups whose calls are the table's methods and nothing else: name, interface, what it is. The package makes them from
/// the names alone; every other group is written by hand.
const GROUPS: &[(&str, &str, &str)] = &[
    (
        "contexts",
        "Contexts",
        "Contexts: work, personal, learning, …: a user's domains of life, kept apart. A context is there once a record goes to it.",
    ),
    (
        "settings",
        "Settings",
        "Settings: named JSON values of the app, or of one user.",
    ),
    (
        "retention",
        "Retention",
        "Retention: letting go of records, for good.",
    ),
    (
        "constructs",
        "Constructs",
        "Constructs: what agents work on and in, from its provisioning to its end.",
    ),
    (
        "sessions",
        "Sessions",
        "Sessions: stretches of work on a construct, which keep their state and can be left and resumed. Their transcripts are conversations.",
    ),
    (
        "links",
        "Links",
        "Links between constructs: which one implements, follows or duplicates which.",
    ),
    (
        "artifacts",
        "Artifacts",
        "Artifacts: what comes out of the work, such as plans, diffs, logs and files.",
    ),
    (
        "uploads",
        "Uploads",
        "Uploads: files on their way in, in parts, which go on after a reload and become artifacts.",
    ),
    (
        "timeline",
        "Timeline",
        "The timeline: what happened when, in a construct, in a session, or to the user.",
    ),
    (
        "metrics",
        "Metrics",
        "Metrics: measured values with their labels, and what they come to over time.",
    ),
    (
        "learnings",
        "Learnings",
        "Learnings: what was understood from conversations and work, how sure it is, and where it comes from.",
    ),
    (
        "jobs",
        "Jobs",
        "Jobs: work that waits in queues, is leased to one holder at a time, and is tried again when it fails.",
    ),
    (
        "charts",
        "Charts",
        "Charts: graphs of entities, observations and relations, one per user and context, with structural tension charts on top.",
    ),
];

/// A method of the table.
pub struct Method {
    /// Its name: `group.method`.
    pub name: &'static str,
    /// What it does, a line each.
    pub docs: &'static str,
    /// Whether it takes what writes take.
    pub writes: bool,
    /// The type of its arguments.
    pub args: String,
    /// The arguments' fields.
    pub fields: String,
    /// The type of its answer.
    pub answer: String,
}

impl Method {
    fn in_group(&self, group: &str) -> Option<&'static str> {
        self.name.strip_prefix(group)?.strip_prefix('.')
    }

    /// What a call takes before its options: an object, the id itself where that is all, nothing where nothing is needed.
    fn parameter(&self) -> String {
        let fields = without_comments(&self.fields);
        let required = required_fields(&fields);
        let args = &self.args;
        if fields.matches(':').count() == 1 && required == ["id"] {
            "id: string".to_owned()
        } else if required.is_empty() {
            format!("args?: {args}")
        } else {
            format!("args: {args}")
        }
    }
}

/// An inline type without what is said about its fields.
fn without_comments(inline: &str) -> String {
    let mut bare = String::new();
    let mut rest = inline;
    while let Some((before, comment)) = rest.split_once("/**") {
        bare.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
    }
    bare + rest
}

/// The fields of an inline type, without those that may be left out.
fn required_fields(inline: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut required = Vec::new();
    let mut start = 0;
    for (at, character) in inline.char_indices() {
        match character {
            '{' | '<' | '(' | '[' => depth += 1,
            '}' | '>' | ')' | ']' => depth -= 1,
            ':' if depth == 1 && !inline[..at].ends_with('?') => {
                required.push(inline[start..at].trim());
            }
            _ => {}
        }
        if depth == 1 && matches!(character, '{' | ',') {
            start = at + 1;
        }
    }
    required
}

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

#[allow(clippy::too_many_lines, reason = "a list of types")]
fn generate() -> String {
    let config = &Config::new().with_large_int("number");
    let mut out =
        format!("{HEADER}\nimport type {{ CallOptions, WriteOptions }} from './options.js';\n\n");
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
        x::Context,
        x::ContextCount,
        x::ContextRef,
        x::ContextList,
        x::ContextRename,
        ContextPreload,
        s::Setting,
        s::SettingRef,
        s::SettingSet,
        s::SettingList,
        e::Erasure,
        e::EraseRecord,
        e::ErasureList,
        r::RetentionAction,
        r::RetentionPolicy,
        r::NewRetentionPolicy,
        r::RetentionPolicyUpdate,
        r::RetentionPolicyRef,
        r::RetentionPolicyList,
        r::RetentionRun,
        r::RetentionReport,
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
        k::ConstructStatus,
        k::Construct,
        k::NewConstruct,
        k::ConstructRef,
        k::ConstructUpdate,
        k::ConstructSetStatus,
        k::ConstructTime,
        k::ConstructList,
        se::SessionStatus,
        se::Session,
        se::NewSession,
        se::SessionRef,
        se::SessionUpdate,
        se::SessionList,
        li::ConstructLink,
        li::NewConstructLink,
        li::ConstructLinkRef,
        li::ConstructLinkUpdate,
        li::LinkDirection,
        li::ConstructLinkList,
        li::LinkWalk,
        li::Reached,
        a::Artifact,
        a::NewArtifact,
        a::ArtifactRef,
        a::ArtifactUpdate,
        a::ArtifactList,
        a::ArtifactPut,
        a::ArtifactRevise,
        a::ArtifactRevision,
        a::RevisionList,
        a::RevisionRef,
        up::Upload,
        up::UploadState,
        up::UploadRef,
        up::UploadList,
        up::UploadLimits,
        ContentWrite,
        ContentWritten,
        ContentRef,
        ContentRead,
        ContentPiecesRead,
        ContentPiece,
        ContentPieces,
        Collect,
        Collected,
        Compacted,
        WorkProgress,
        UpkeepWork,
        Upkeep,
        t::TimelineEvent,
        t::NewTimelineEvent,
        t::TimelineEventRef,
        t::TimelineList,
        me::Metric,
        me::NewMetric,
        me::RecordAll,
        me::MetricList,
        me::MetricSummary,
        me::MetricBucket,
        l::SourceKind,
        l::LearningSource,
        l::Learning,
        l::OnDuplicate,
        l::NewLearning,
        l::LearningRef,
        l::LearningUpdate,
        l::TagMatch,
        l::LearningOrder,
        l::LearningList,
        j::JobState,
        j::Job,
        j::NewJob,
        j::Dequeue,
        j::JobLease,
        j::JobRenewal,
        j::JobCompletion,
        j::JobFailure,
        j::JobRef,
        j::JobList,
        j::JobCounting,
        j::JobCount,
        j::JobRemoval,
        Part,
        TextKind,
        Chunk,
        SearchKind,
        SearchQuery,
        SearchHit,
        Snippet,
        SearchPage,
        SearchStatus,
        SearchCheck,
        SearchChecked,
        SearchFinding,
        h::ChartPhase,
        h::Chart,
        h::ChartProgress,
        h::ChartStep,
        h::ChartDetail,
        hw::ChartWarningCode,
        hw::ChartWarning,
        ht::ReviewedChart,
        ht::NewChart,
        h::ChartRef,
        ht::StepRef,
        ht::NewStep,
        ht::StepUpdate,
        ht::Telescope,
        ht::ChartUpdate,
        ht::RealityUpdate,
        ht::PhaseSet,
        ht::ChartMove,
        h::ChartStatus,
        h::ChartList,
        h::ChartChildren,
        he::ChartEventKind,
        he::ChartEvent,
        he::ChartEventList,
        hc::ChartFindingCode,
        hc::ChartFinding,
        hc::ChartCheck,
        hg::Entity,
        hg::NewEntity,
        hg::EntityRef,
        hg::EntityUpdate,
        hg::Observations,
        hg::EntityList,
        hg::Relation,
        hg::NewRelation,
        hg::RelationRef,
        hg::RelationUpdate,
        hg::RelationList,
        hg::GraphRead,
        hg::GraphPage,
        hl::GraphRef,
        hl::LoadLines,
        hl::LineOutcome,
        hl::LoadedLine,
        hl::LoadReport,
        hl::LinePage,
        hl::LinesRead,
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
        PageCache,
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
        Change,
        y::HistoryList,
        y::HistoryEntry,
        y::HistoryRow,
        y::HistoryAt,
        y::RecordState,
        y::HistoryUndo,
        y::Undone,
        hh::HealthDepth,
        hh::HealthCheck,
        hh::HealthRepair,
        crate::archive::Salvaged,
        crate::archive::ImportFormat,
        crate::archive::ConversationForm,
        crate::archive::ConversationExport,
        crate::archive::ExportedText,
        hh::FindingCode,
        hh::HealthFinding,
        hh::HealthReport,
        hh::UsageQuery,
        hh::HealthUsage,
        hh::KindUsage,
        hh::UserUsage,
        hh::ContextUsage,
        hh::ConstructUsage,
        hh::ContentUsage,
        hh::ArtifactUsage,
        hh::Remedy,
        hh::Reclaimable,
        FailureCount,
        OperationStats,
        ar::Scope,
        ar::ExportForm,
        ar::ExportRequest,
        ar::ExportProgress,
        ExportBegun,
        ExportRef,
        ExportBackup,
        ar::BackupKind,
        b::Backup,
        b::BackupRef,
        b::BackupRequest,
        b::BackupProgress,
        b::BackupVerified,
        b::BackupNews,
        b::BackupSettings,
        b::TakenArchive,
        ar::OnConflict,
        ar::ImportKind,
        ar::ImportDecision,
        ar::ImportOptions,
        ar::ImportCount,
        ar::ImportConflict,
        ar::ImportReport,
        ImportReceive,
        ImportRef,
        ImportStep,
        ImportPhase,
        ImportProgress,
    );
    let table = methods::table(config);
    out.push_str("/** Every method by name: what it takes and what it gives. */\nexport interface Methods {\n");
    for method in &table {
        let Method {
            name, args, answer, ..
        } = method;
        out.extend([format!(
            "  '{name}': {{ args: {args}; result: {answer} }};\n"
        )]);
    }
    out.push_str("}\n");
    for (group, interface, docs) in GROUPS {
        out.extend([format!(
            "\n/** {docs} */\nexport interface {interface} {{\n"
        )]);
        for method in &table {
            if let Some(name) = method.in_group(group) {
                let docs: Vec<_> = method.docs.lines().map(str::trim).collect();
                assert!(!docs.is_empty(), "{} says nothing of itself", method.name);
                let options = if method.writes {
                    "WriteOptions"
                } else {
                    "CallOptions"
                };
                out.extend([format!(
                    "  /** {} */\n  {name}({}, options?: {options}): Promise<{}>;\n",
                    docs.join("\n   * "),
                    method.parameter(),
                    method.answer
                )]);
            }
        }
        out.push_str("}\n");
    }
    out.push_str(
        "\n/** The groups that are made from the table of methods. */\nexport interface Groups {\n",
    );
    for (group, interface, docs) in GROUPS {
        out.extend([format!(
            "  /** {docs} */\n  readonly {group}: {interface};\n"
        )]);
    }
    out.push_str("}\n");
    out
}

/// The names of the generated groups' methods.
fn generate_names() -> String {
    let table = methods::table(&Config::new());
    let mut out = format!(
        "{HEADER}\n/** The methods of the groups that are made from the table. */\nexport const METHODS = {{\n"
    );
    for (group, ..) in GROUPS {
        let names: Vec<_> = table
            .iter()
            .filter_map(|method| method.in_group(group))
            .collect();
        out.extend([format!("  {group}: '{}',\n", names.join(" "))]);
    }
    out.push_str("} as const;\n");
    out
}

#[test]
fn the_typescript_types_are_fresh() {
    for (file, generated) in [("types.ts", generate()), ("methods.ts", generate_names())] {
        let path = std::path::Path::new(FOLDER).join(file);
        if std::env::var_os("STRONGROOM_WRITE_TYPES").is_some() {
            std::fs::write(&path, &generated).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == generated,
            "{file} is stale: run `cargo xtask types`"
        );
    }
}

#[test]
fn fields_that_may_be_left_out_are_told_apart() {
    let fields =
        "{ id: string, cursor?: string, by: { at: number, of?: string }, all: Array<{ x: 1 }>, }";
    assert_eq!(required_fields(fields), ["id", "by", "all"]);
    assert!(required_fields("{ limit?: number, }").is_empty());
    let commented = without_comments("{ /**\n * Its name: short.\n */\nid: string, }");
    assert_eq!(required_fields(&commented), ["id"]);
}

//! The command line: looks after stores on an ordinary file system, and after archives.
#![allow(
    clippy::doc_markdown,
    clippy::format_push_string,
    clippy::indexing_slicing,
    reason = "text for people; a field that JSON lacks is null"
)]

mod client;
mod keys;
mod output;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde_json::{Value, json};
use strongroom::archive::{self, Manifest};
use strongroom::database::migrate::LATEST;
use strongroom::disk::native::NativeDisk;
use strongroom::disk::ready;
use strongroom::host::SystemHost;
use strongroom::store::{Options, Store};
use strongroom::{Code, Error, Result};

use client::Client;
use keys::{Encryption, EncryptionArguments, KeyArguments, Keys};
use output::{Output, bytes, text};

/// Durable local-first storage for AI chat and agent apps: the command line.
///
/// A store is a folder that holds `store.sqlite3` and `journal`. An archive is a zip that an app, or `export`, made; where it is
/// encrypted with age, it is decrypted as it is read.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    keys: KeyArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says what a store or an archive holds.
    Inspect {
        /// A store's folder or an archive.
        path: PathBuf,
    },
    /// Checks every byte of a store or an archive. Ends with 3 when something is wrong.
    Verify {
        /// A store's folder or an archive.
        path: PathBuf,
    },
    /// Mends what `verify` finds wrong with a store. Ends with 3 when something is left.
    ///
    /// A damaged database is made anew from the journal and from what can still be read of it, contents come back from
    /// backups, and what cannot be mended is set aside in `quarantine`. Nothing is deleted. Copy the folder first.
    Repair {
        /// The store's folder.
        folder: PathBuf,
    },
    /// Lists records, one a line.
    List {
        /// A store's folder or an archive.
        path: PathBuf,
        /// Which records.
        kind: Kind,
        /// Only those of this user: `us01`.
        #[arg(long)]
        user: Option<String>,
        /// The conversation whose messages are listed: `us01-co12`.
        #[arg(long = "in")]
        conversation: Option<String>,
    },
    /// Searches the full text of everything.
    Search {
        /// A store's folder or an archive.
        path: PathBuf,
        /// Words, "phrases", beginnings*, -exclusions.
        query: String,
        /// Only what is this user's: `us01`.
        #[arg(long)]
        user: Option<String>,
    },
    /// Writes the contents of artifacts as files: of one, or of all into folders by owner and kind.
    Extract {
        /// A store's folder or an archive.
        path: PathBuf,
        /// The artifact; all without.
        id: Option<String>,
        /// The file to make, or the folder for all.
        #[arg(long)]
        to: PathBuf,
    },
    /// Makes an archive of a store, or of a part of one, or writes the database, a conversation or a chart by itself. The file must
    /// not be there.
    Export {
        /// A store's folder or an archive.
        path: PathBuf,
        /// The file to make.
        #[arg(long)]
        to: PathBuf,
        #[command(flatten)]
        scope: ScopeArguments,
        /// Add the SQLite file, to an archive of everything.
        #[arg(long)]
        sqlite: bool,
        /// Add every conversation as Markdown, to be read.
        #[arg(long)]
        markdown: bool,
        /// Write this instead of an archive: the one conversation that is named, in a form; the one chart that is named, as JSON Lines;
        /// or the SQLite file. Chunks are many files: --to is their folder then.
        #[arg(long = "as", conflicts_with_all = ["sqlite", "markdown", "encrypt_to", "encrypt_with"])]
        form: Option<Form>,
        #[command(flatten)]
        encryption: EncryptionArguments,
    },
    /// Brings an archive or other programs' exports into a store, all of it or nothing. The store is made if there is none.
    ///
    /// Exports of ChatGPT, Claude, Open WebUI and LibreChat, ShareGPT and AI SDK messages, charts as JSON Lines and chunk files are
    /// known by what is in them: files, zips and folders of them.
    Import {
        /// An archive, an export, or a folder of files.
        from: PathBuf,
        /// The store's folder.
        #[arg(long)]
        into: PathBuf,
        #[command(flatten)]
        conflicts: ConflictArguments,
        /// Only say what would happen.
        #[arg(long)]
        rehearse: bool,
    },
    /// Makes an archive of other programs' exports.
    Convert {
        /// An export, or a folder of files.
        from: PathBuf,
        /// The archive to make.
        #[arg(long)]
        to: PathBuf,
        #[command(flatten)]
        encryption: EncryptionArguments,
    },
    /// Makes one archive of several. Later ones join what earlier ones brought.
    Merge {
        /// The archives, or stores.
        #[arg(required = true, num_args = 2..)]
        paths: Vec<PathBuf>,
        /// The file to make.
        #[arg(long)]
        to: PathBuf,
        #[command(flatten)]
        conflicts: ConflictArguments,
        #[command(flatten)]
        encryption: EncryptionArguments,
    },
    /// Writes an encrypted file decrypted, whatever it holds. The file must not be there.
    Decrypt {
        /// The encrypted file.
        from: PathBuf,
        /// The file to make.
        #[arg(long)]
        to: PathBuf,
    },
    /// Shows or changes a store's schema version. Without --to it migrates to this program's version.
    Migrate {
        /// The store's folder.
        folder: PathBuf,
        /// The version to migrate to, up or down.
        #[arg(long)]
        to: Option<u32>,
        /// Only show which migrations are applied.
        #[arg(long, conflicts_with = "to")]
        status: bool,
    },
    /// Prints what makes a shell complete these commands.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints the manual page.
    Man,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Markdown,
    Json,
    Sharegpt,
    Chunks,
    Jsonl,
    Sqlite,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Users,
    Conversations,
    Messages,
    Constructs,
    Artifacts,
    Learnings,
    Jobs,
    Charts,
}

#[derive(Args)]
struct ScopeArguments {
    /// Only what is this user's: `us01`.
    #[arg(long, group = "scope")]
    user: Option<String>,
    /// Only what is in this context of a user: `us01/work`.
    #[arg(long, group = "scope")]
    context: Option<String>,
    /// Only this construct and what hangs below it.
    #[arg(long, group = "scope")]
    construct: Option<String>,
    /// Only this conversation: `us01-co12`.
    #[arg(long, group = "scope")]
    conversation: Option<String>,
    /// Only this chart and those below it: `us01/work/chart_1`.
    #[arg(long, group = "scope")]
    chart: Option<String>,
}

#[derive(Args)]
struct ConflictArguments {
    /// What becomes of records that are there already with another content.
    #[arg(long, value_enum, default_value_t = OnConflict::Skip)]
    on_conflict: OnConflict,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnConflict {
    Skip,
    Replace,
    KeepBoth,
    Newest,
}

impl ConflictArguments {
    fn options(&self) -> Value {
        let on_conflict = match self.on_conflict {
            OnConflict::Skip => archive::OnConflict::Skip,
            OnConflict::Replace => archive::OnConflict::Replace,
            OnConflict::KeepBoth => archive::OnConflict::KeepBoth,
            OnConflict::Newest => archive::OnConflict::Newest,
        };
        json!({ "onConflict": on_conflict })
    }
}

impl ScopeArguments {
    fn scope(&self) -> Result<Value> {
        let parts = |text: &str, count: usize| -> Result<Vec<String>> {
            let parts: Vec<String> = text.splitn(count, '/').map(str::to_owned).collect();
            if parts.len() == count {
                return Ok(parts);
            }
            Err(Error::invalid(format!("{text:?} lacks a part: see --help")))
        };
        Ok(match self {
            Self { user: Some(id), .. } => json!({ "kind": "user", "id": id }),
            Self {
                context: Some(named),
                ..
            } => {
                let named = parts(named, 2)?;
                json!({ "kind": "context", "userId": named.first(), "name": named.get(1) })
            }
            Self {
                construct: Some(id),
                ..
            } => json!({ "kind": "construct", "id": id }),
            Self {
                conversation: Some(id),
                ..
            } => json!({ "kind": "conversation", "id": id }),
            Self {
                chart: Some(named), ..
            } => {
                let named = parts(named, 3)?;
                json!({ "kind": "chart", "userId": named.first(), "context": named.get(1), "chart": named.get(2) })
            }
            _ => json!({ "kind": "all" }),
        })
    }
}

fn main() -> ExitCode {
    let Arguments {
        json,
        keys,
        command,
    } = Arguments::parse();
    let output = Output::new(json);
    let ran = Keys::read(&keys).and_then(|keys| run(command, &keys, &output));
    match ran {
        Ok(code) => code,
        Err(error) => {
            eprintln!("strongroom: {error}");
            ExitCode::from(exit_code(error.code()))
        }
    }
}

/// 2 for what the caller can mend by asking differently, 3 for a store or an archive that needs care, 1 for everything else.
const fn exit_code(code: Code) -> u8 {
    match code {
        Code::InvalidArgument | Code::NotFound | Code::Conflict => 2,
        Code::Corrupt | Code::SchemaTooNew | Code::Unsupported | Code::ArchiveInvalid => 3,
        _ => 1,
    }
}

fn run(command: Command, keys: &Keys, output: &Output) -> Result<ExitCode> {
    match command {
        Command::Inspect { path } => inspect(&path, keys, output)?,
        Command::Verify { path } => return verify(&path, keys, output),
        Command::Repair { folder } => return repair(&folder, output),
        Command::List {
            path,
            kind,
            user,
            conversation,
        } => list(
            &path,
            kind,
            user.as_deref(),
            conversation.as_deref(),
            keys,
            output,
        )?,
        Command::Search { path, query, user } => {
            search(&path, &query, user.as_deref(), keys, output)?;
        }
        Command::Extract { path, id, to } => extract(&path, id.as_deref(), &to, keys, output)?,
        Command::Export {
            path,
            to,
            scope,
            sqlite,
            markdown,
            form,
            encryption,
        } => {
            let encryption = Encryption::read(&encryption)?;
            let mut client = Client::open(&path, keys, output)?;
            match form {
                None => {
                    let request =
                        json!({ "scope": scope.scope()?, "sqlite": sqlite, "markdown": markdown });
                    client.export(&request, &to, &encryption, output)?;
                }
                Some(Form::Sqlite) => {
                    let request = json!({ "as": "sqlite", "scope": scope.scope()? });
                    client.export(&request, &to, &encryption, output)?;
                }
                Some(Form::Jsonl) => export_chart(&mut client, &scope.scope()?, &to)?,
                Some(form) => export_conversation(&mut client, &scope.scope()?, form, &to)?,
            }
            client.close()?;
        }
        Command::Import {
            from,
            into,
            conflicts,
            rehearse,
        } => {
            let mut client = Client::create(&client::folder(into)?)?;
            let report = client.import(&from, keys, &conflicts.options(), rehearse, output)?;
            client.close()?;
            output.show(&report, told_import);
        }
        Command::Convert {
            from,
            to,
            encryption,
        } => convert(&from, &to, keys, &Encryption::read(&encryption)?, output)?,
        Command::Merge {
            paths,
            to,
            conflicts,
            encryption,
        } => {
            let encryption = Encryption::read(&encryption)?;
            merge(&paths, &to, &conflicts.options(), keys, &encryption, output)?;
        }
        Command::Decrypt { from, to } => decrypt(&from, &to, keys, output)?,
        Command::Migrate { folder, to, status } => migrate(&folder, to, status, output)?,
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "strongroom", &mut std::io::stdout());
        }
        Command::Man => clap_mangen::Man::new(Arguments::command())
            .render(&mut std::io::stdout())
            .map_err(|error| Error::new(Code::Io, "the page cannot be written").caused_by(error))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What an archive says of itself.
fn manifest(path: &Path, keys: &Keys) -> Result<Manifest> {
    client::plain_manifest(keys.plain(path)?.path())
}

fn inspect(path: &Path, keys: &Keys, output: &Output) -> Result<()> {
    if !path.is_dir() {
        let manifest = manifest(path, keys)?;
        let files: Vec<_> = manifest
            .entries
            .iter()
            .filter(|entry| entry.name.starts_with("artifacts/"))
            .collect();
        let shown = json!({
            "kind": "archive",
            "version": manifest.version,
            "schema": manifest.schema,
            "createdAt": manifest.created_at,
            "madeBy": manifest.made_by,
            "store": manifest.store,
            "scope": manifest.scope,
            "records": manifest.records,
            "contents": files.len(),
            "contentBytes": files.iter().map(|entry| entry.size).sum::<u64>(),
            "lost": manifest.lost,
        });
        output.show(&shown, |shown| {
            let mut words = format!(
                "an archive of {}, made {} by {}\nschema version {}\n",
                text(&shown["scope"]["kind"]),
                text(&shown["createdAt"]),
                text(&shown["madeBy"]),
                shown["schema"]
            );
            words.push_str(&counted(&shown["records"]));
            words.push_str(&format!(
                "{:>10} contents, {}\n",
                shown["contents"].to_string(),
                bytes(&shown["contentBytes"])
            ));
            words
        });
        return Ok(());
    }
    let mut client = Client::store(path)?;
    let stats = client.stats()?;
    let usage = client.task("health.usage", &json!({}), &mut |_| {})?;
    client.close()?;
    let shown = json!({
        "kind": "store",
        "schema": stats.schema,
        "journalSeq": stats.journal_seq,
        "journalSegments": stats.journal_segments,
        "usage": usage,
    });
    output.show(&shown, |shown| {
        let mut words = format!(
            "a store of schema version {}, {} journal lines in {} segments\n",
            shown["schema"], shown["journalSeq"], shown["journalSegments"]
        );
        for kind in shown["usage"]["kinds"].as_array().into_iter().flatten() {
            words.push_str(&format!(
                "{:>10} {}\n",
                bytes(&kind["bytes"]),
                text(&kind["kind"])
            ));
        }
        words
    });
    Ok(())
}

fn counted(records: &Value) -> String {
    let mut words = String::new();
    for record in records.as_array().into_iter().flatten() {
        words.push_str(&format!(
            "{:>10} {}\n",
            record["count"].to_string(),
            text(&record["table"])
        ));
    }
    words
}

fn verify(path: &Path, keys: &Keys, output: &Output) -> Result<ExitCode> {
    if !path.is_dir() {
        let client = Client::open(path, keys, output)?;
        client.close()?;
        let manifest = manifest(path, keys)?;
        let shown =
            json!({ "isSound": true, "entries": manifest.entries.len(), "lost": manifest.lost });
        output.show(&shown, |shown| {
            format!("sound: {} entries checked", shown["entries"])
        });
        return Ok(ExitCode::SUCCESS);
    }
    let mut client = Client::store(path)?;
    let report = checked(
        &mut client,
        "health.check",
        &json!({ "depth": "deep" }),
        output,
    )?;
    client.close()?;
    output.show(&report, |report| {
        let words = told_findings("", &report["findings"]);
        if words.is_empty() {
            return "sound\n".to_owned();
        }
        format!("not sound\n{words}")
    });
    Ok(soundness(&report["findings"]))
}

fn repair(folder: &Path, output: &Output) -> Result<ExitCode> {
    let mut client = Client::store(folder)?;
    let report = checked(&mut client, "health.repair", &json!({}), output)?;
    client.close()?;
    output.show(&report, |report| {
        let mut words = String::new();
        for step in report["steps"].as_array().into_iter().flatten() {
            words.push_str(&format!("{}\n", text(step)));
        }
        words.push_str(&told_findings("repaired: ", &report["repaired"]));
        for lost in report["lost"].as_array().into_iter().flatten() {
            words.push_str(&format!("lost: {}\n", text(lost)));
        }
        words.push_str(&told_findings("left: ", &report["left"]));
        if words.is_empty() {
            words.push_str("nothing was wrong\n");
        }
        words
    });
    Ok(soundness(&report["left"]))
}

/// Does long work on a store's health.
fn checked(client: &mut Client, method: &str, args: &Value, output: &Output) -> Result<Value> {
    let bar = output.bar("checking", 0);
    let report = client.task(method, args, &mut |step| {
        bar.set_length(step["total"].as_u64().unwrap_or(0));
        bar.set_position(step["done"].as_u64().unwrap_or(0));
    });
    bar.finish_and_clear();
    report
}

fn told_findings(prefix: &str, findings: &Value) -> String {
    let mut words = String::new();
    for finding in findings.as_array().into_iter().flatten() {
        words.push_str(&format!(
            "{prefix}{}: {}\n",
            text(&finding["code"]),
            text(&finding["message"])
        ));
    }
    words
}

/// 0 without findings, 3 with some. What a chart says is no damage.
fn soundness(findings: &Value) -> ExitCode {
    let mut findings = findings.as_array().into_iter().flatten();
    let is_sound = findings.all(|finding| finding["code"] == "chart");
    ExitCode::from(if is_sound { 0 } else { 3 })
}

/// The users to ask about: the named one, or all.
fn users(client: &mut Client, user: Option<&str>) -> Result<Vec<String>> {
    if let Some(user) = user {
        return Ok(vec![user.to_owned()]);
    }
    let mut users = Vec::new();
    client.all("users.list", &json!({ "limit": 1000 }), &mut |item| {
        users.push(text(&item["id"]));
        Ok(())
    })?;
    Ok(users)
}

fn list(
    path: &Path,
    kind: Kind,
    user: Option<&str>,
    conversation: Option<&str>,
    keys: &Keys,
    output: &Output,
) -> Result<()> {
    let mut client = Client::open(path, keys, output)?;
    let line = |item: &Value, fields: &[&str]| {
        let shown: Vec<String> = fields.iter().map(|field| text(&item[*field])).collect();
        shown.join("\t")
    };
    let (method, fields): (&str, &[&str]) = match kind {
        Kind::Users => ("users.list", &["id", "name"]),
        Kind::Conversations => ("conversations.list", &["id", "context", "status", "title"]),
        Kind::Messages => ("messages.list", &["id", "role", "status", "text"]),
        Kind::Constructs => ("constructs.list", &["id", "type", "status", "name"]),
        Kind::Artifacts => (
            "artifacts.list",
            &["id", "kind", "mediaType", "size", "name"],
        ),
        Kind::Learnings => ("learnings.list", &["id", "category", "confidence", "text"]),
        Kind::Jobs => ("jobs.list", &["id", "queue", "state"]),
        Kind::Charts => ("charts.list", &["id", "context", "desiredOutcome"]),
    };
    let mut asked: Vec<Value> = Vec::new();
    match (kind, conversation) {
        (Kind::Users, _) => asked.push(json!({ "limit": 1000 })),
        (Kind::Messages, Some(id)) => asked.push(json!({ "conversationId": id, "limit": 1000 })),
        (Kind::Messages, None) => {
            return Err(Error::invalid(
                "messages are listed by conversation: name it with --in",
            ));
        }
        _ => {
            for user in users(&mut client, user)? {
                asked.push(json!({ "userId": user, "limit": 1000 }));
            }
        }
    }
    for args in asked {
        client.all(method, &args, &mut |item| {
            output.item(item, |item| line(item, fields));
            Ok(())
        })?;
    }
    client.close()
}

fn search(
    path: &Path,
    query: &str,
    user: Option<&str>,
    keys: &Keys,
    output: &Output,
) -> Result<()> {
    let mut client = Client::open(path, keys, output)?;
    client.task("search.build", &json!({}), &mut |_| {})?;
    for user in users(&mut client, user)? {
        let found = client.call(
            "search.query",
            &json!({ "userId": user, "text": query, "limit": 100 }),
        )?;
        for hit in found["items"].as_array().into_iter().flatten() {
            output.item(hit, |hit| {
                format!(
                    "{}\t{}\t{}",
                    text(&hit["id"]),
                    text(&hit["kind"]),
                    text(&hit["snippet"]["text"])
                )
            });
        }
    }
    client.close()
}

fn extract(path: &Path, id: Option<&str>, to: &Path, keys: &Keys, output: &Output) -> Result<()> {
    let mut client = Client::open(path, keys, output)?;
    if let Some(id) = id {
        let artifact = client.call("artifacts.get", &json!({ "id": id }))?;
        client.extract(&artifact, to)?;
        return client.close();
    }
    let mut artifacts = Vec::new();
    for user in users(&mut client, None)? {
        let args = json!({ "userId": user, "limit": 1000 });
        client.all("artifacts.list", &args, &mut |item| {
            artifacts.push(item.clone());
            Ok(())
        })?;
    }
    let mut taken = BTreeSet::new();
    for artifact in artifacts.iter().filter(|one| !one["revision"].is_null()) {
        let owner = match &artifact["constructId"] {
            Value::Null => &artifact["userId"],
            construct => construct,
        };
        let folder = client::folder(
            to.join(safe(&text(owner)))
                .join(safe(&text(&artifact["kind"]))),
        )?;
        let mut file = folder.join(safe(&text(&artifact["name"])));
        if fs::exists(&file).unwrap_or(true) || !taken.insert(file.clone()) {
            file = folder.join(format!(
                "{}-{}",
                text(&artifact["id"]),
                safe(&text(&artifact["name"]))
            ));
        }
        let size = client.extract(artifact, &file)?;
        output.item(
            &json!({ "id": artifact["id"], "file": file, "size": size }),
            |_| file.display().to_string(),
        );
    }
    client.close()
}

/// Writes the conversation of a scope.
fn export_conversation(client: &mut Client, scope: &Value, form: Form, to: &Path) -> Result<()> {
    let named = match form {
        Form::Markdown => "markdown",
        Form::Json => "json",
        Form::Sharegpt => "sharegpt",
        Form::Chunks => "chunks",
        Form::Jsonl | Form::Sqlite => {
            return Err(Error::invalid("a conversation has no such form"));
        }
    };
    if scope["kind"] != "conversation" {
        return Err(Error::invalid(format!(
            "only a conversation is written as {named}: name it with --conversation"
        )));
    }
    let files = client.call(
        "conversations.export",
        &json!({ "id": scope["id"], "as": named }),
    )?;
    for file in files.as_array().into_iter().flatten() {
        let path = match form {
            Form::Chunks => client::folder(to.to_owned())?.join(safe(&text(&file["name"]))),
            _ => to.to_owned(),
        };
        client::write_new(&path, text(&file["text"]).as_bytes())?;
    }
    Ok(())
}

/// Writes the chart of a scope, or all of a context's, as JSON Lines.
fn export_chart(client: &mut Client, scope: &Value, to: &Path) -> Result<()> {
    let context = match text(&scope["kind"]).as_str() {
        "chart" => &scope["context"],
        "context" => &scope["name"],
        _ => {
            return Err(Error::invalid(
                "only charts are written as JSON Lines: name one with --chart, or a --context",
            ));
        }
    };
    let mut args = json!({ "userId": scope["userId"], "context": context, "limit": 1000 });
    if scope["kind"] == "chart" {
        args["chart"] = scope["chart"].clone();
    }
    let mut lines = String::new();
    loop {
        let page = client.call("charts.lines", &args)?;
        lines.push_str(&text(&page["text"]));
        match page.get("nextCursor") {
            Some(cursor) => args["cursor"] = cursor.clone(),
            None => return client::write_new(to, lines.as_bytes()),
        }
    }
}

/// A name of the app's as it can be a file's.
fn safe(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|it| {
            if it.is_control() || matches!(it, '/' | '\\' | ':') {
                '_'
            } else {
                it
            }
        })
        .take(100)
        .collect();
    if safe.is_empty() || safe.starts_with('.') {
        safe.insert(0, '_');
    }
    safe
}

fn merge(
    paths: &[PathBuf],
    to: &Path,
    options: &Value,
    keys: &Keys,
    encryption: &Encryption,
    output: &Output,
) -> Result<()> {
    let work = tempfile::TempDir::new()
        .map_err(|error| Error::new(Code::Io, "a folder could not be made").caused_by(error))?;
    let mut merged = Client::create(&work.path().join("store"))?;
    for (path, number) in paths.iter().zip(1..) {
        let mut archive = path.clone();
        if path.is_dir() {
            archive = work.path().join(format!("{number}.zip"));
            let mut store = Client::store(path)?;
            store.export(&json!({}), &archive, &Encryption::None, output)?;
            store.close()?;
        }
        let report = merged.import(&archive, keys, options, false, output)?;
        output.item(&json!({ "path": path, "report": report }), |it| {
            format!("{}\n{}", path.display(), told_import(&it["report"]))
        });
    }
    merged.export(&json!({}), to, encryption, output)?;
    merged.close()
}

fn convert(
    from: &Path,
    to: &Path,
    keys: &Keys,
    encryption: &Encryption,
    output: &Output,
) -> Result<()> {
    let work = tempfile::TempDir::new()
        .map_err(|error| Error::new(Code::Io, "a folder could not be made").caused_by(error))?;
    let mut store = Client::create(&work.path().join("store"))?;
    let report = store.import(from, keys, &json!({}), false, output)?;
    store.export(&json!({}), to, encryption, output)?;
    store.close()?;
    output.show(&report, told_import);
    Ok(())
}

fn decrypt(from: &Path, to: &Path, keys: &Keys, output: &Output) -> Result<()> {
    let mut reader = keys.open(from)?;
    if !reader.is_encrypted() {
        return Err(Error::invalid(format!(
            "{} is not encrypted",
            from.display()
        )));
    }
    let mut file = client::new_file(to)?;
    let copied = reader.copy_to(&mut file, to);
    if copied.is_err() {
        // What was not decrypted to its end may have been changed.
        let _ = fs::remove_file(to);
    }
    let shown = json!({ "file": to, "size": copied? });
    output.show(&shown, |shown| bytes(&shown["size"]));
    Ok(())
}

/// What an import did, for people.
fn told_import(report: &Value) -> String {
    let mut words = String::new();
    for found in report["formats"].as_array().into_iter().flatten() {
        words.push_str(&format!(
            "{}: {} files, {} records, {} messages, {} skipped\n",
            text(&found["format"]),
            found["files"],
            found["records"],
            found["messages"],
            found["skipped"]
        ));
    }
    for count in report["counts"].as_array().into_iter().flatten() {
        let told: Vec<String> = [
            ("added", "added"),
            ("replaced", "replaced"),
            ("keptBoth", "kept beside"),
            ("skipped", "skipped"),
            ("same", "there already"),
        ]
        .iter()
        .filter(|(field, _)| count[*field].as_u64() > Some(0))
        .map(|(field, word)| format!("{} {word}", count[*field]))
        .collect();
        if !told.is_empty() {
            words.push_str(&format!("{}: {}\n", text(&count["table"]), told.join(", ")));
        }
    }
    for conflict in report["conflicts"].as_array().into_iter().flatten() {
        words.push_str(&format!(
            "conflict: {} {}: {}\n",
            text(&conflict["table"]),
            text(&conflict["id"]),
            text(&conflict["onConflict"])
        ));
    }
    for problem in report["problems"].as_array().into_iter().flatten() {
        words.push_str(&format!("problem: {}\n", text(problem)));
    }
    words
}

fn migrate(folder: &Path, to: Option<u32>, status: bool, output: &Output) -> Result<()> {
    client::expect_store(folder)?;
    let disk = Rc::new(NativeDisk::new(folder.to_owned()));
    let opened = Store::open_as_it_is(disk, Rc::new(SystemHost), Options::default());
    let mut store = ready(opened)?;
    client::tell_recoveries(&mut store);
    if !status {
        let to = to.unwrap_or(LATEST);
        let bar = output.bar("migrating", 0);
        ready(store.migrate(to, &mut |step| {
            bar.set_length(u64::from(step.total));
            bar.set_position(u64::from(step.done));
        }))?;
        bar.finish_and_clear();
    }
    let migrations = store.migration_status()?;
    let shown = json!({ "version": store.schema(), "latest": LATEST, "migrations": migrations });
    output.show(&shown, |_| {
        let mut words = String::new();
        for migration in &migrations {
            let applied = if migration.applied_at.is_some() {
                "applied"
            } else {
                "-"
            };
            words.push_str(&format!(
                "{:04} {:<24} {applied}\n",
                migration.version, migration.name
            ));
        }
        words.push_str(&format!("schema version {} of {LATEST}", store.schema()));
        words
    });
    ready(store.close())
}

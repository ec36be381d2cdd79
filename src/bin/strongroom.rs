//! The command line: looks after a store's folder on an ordinary file system.

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use clap::{Parser, Subcommand};
use strongroom::database::migrate::LATEST;
use strongroom::disk::native::NativeDisk;
use strongroom::disk::ready;
use strongroom::host::SystemHost;
use strongroom::store::{Event, Options, Store};
use strongroom::{Code, Error, Result};

/// Durable local-first storage for AI chat and agent apps: the command line.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows or changes a store's schema version. Without --to it migrates to this program's version.
    Migrate {
        /// The store's folder: the one that holds `store.sqlite3` and `journal`.
        folder: PathBuf,
        /// The version to migrate to, up or down.
        #[arg(long)]
        to: Option<u32>,
        /// Only show which migrations are applied.
        #[arg(long, conflicts_with = "to")]
        status: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let done = match command {
        Command::Migrate {
            folder,
            to,
            status,
            json,
        } => migrate(folder, to, status, json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strongroom: {error}");
            ExitCode::from(exit_code(error.code()))
        }
    }
}

/// 2 for what the caller can mend by asking differently, 3 for a store that needs care, 1 for everything else.
const fn exit_code(code: Code) -> u8 {
    match code {
        Code::InvalidArgument | Code::NotFound | Code::Conflict => 2,
        Code::Corrupt | Code::SchemaTooNew | Code::Unsupported => 3,
        _ => 1,
    }
}

fn migrate(folder: PathBuf, to: Option<u32>, status: bool, json: bool) -> Result<()> {
    let mut store = open(folder)?;
    if !status {
        let to = to.unwrap_or(LATEST);
        ready(store.migrate(to, &mut |step| {
            if !json {
                println!(
                    "step {} of {}: schema version {}",
                    step.done, step.total, step.version
                );
            }
        }))?;
    }
    let migrations = store.migration_status()?;
    if json {
        let json = serde_json::json!({ "version": store.schema(), "latest": LATEST, "migrations": migrations });
        println!("{json:#}");
    } else {
        for migration in migrations {
            let applied = if migration.applied_at.is_some() {
                "applied"
            } else {
                "-"
            };
            println!("{:04} {:<24} {applied}", migration.version, migration.name);
        }
        println!("schema version {} of {LATEST}", store.schema());
    }
    ready(store.close())
}

/// Opens a store that is there already, without changing its schema, and tells what had to be recovered.
fn open(folder: PathBuf) -> Result<Store> {
    if !folder.join("lease").is_file() {
        return Err(Error::new(
            Code::NotFound,
            format!("{} holds no store", folder.display()),
        ));
    }
    let disk = Rc::new(NativeDisk::new(folder));
    let mut store = ready(Store::open_as_it_is(
        disk,
        Rc::new(SystemHost),
        Options::default(),
    ))?;
    for event in store.take_events() {
        if let Event::Recovery(recovery) = event {
            eprintln!(
                "recovered: {:?}; {} lines applied again",
                recovery.causes, recovery.replayed
            );
            for damage in &recovery.damage {
                eprintln!("damage: {damage}");
            }
        }
    }
    Ok(store)
}

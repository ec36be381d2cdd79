//! Feeding parsers what nobody would think of, with `cargo fuzz` (libFuzzer).

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;

use crate::{native, tools};

/// How long each target runs unless it is said, in seconds.
const SECONDS: u64 = 60;

/// Targets that run at once.
const AT_ONCE: usize = 2;

/// The longest input, in bytes.
const MAX_BYTES: u32 = 64 << 10;

/// Real data that a target begins with, by the folder of it.
const DATA: &[(&str, &str)] = &[("exports", "chat-exports"), ("charts", "charts")];

/// What to run.
pub struct Options {
    seconds: u64,
    /// The same inputs in the same order again; others each time without.
    seed: Option<u32>,
    /// All of them where none is named.
    targets: Vec<String>,
}

impl Options {
    /// Reads what follows `cargo xtask fuzz`.
    pub fn parse(mut arguments: lexopt::Parser) -> Result<Self> {
        let mut options = Self {
            seconds: SECONDS,
            seed: None,
            targets: Vec::new(),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("seconds") => options.seconds = arguments.value()?.parse()?,
                Long("seed") => options.seed = Some(arguments.value()?.parse()?),
                Value(target) => options.targets.push(target.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// Runs every target for a while. Fails when one finds an input that breaks a promise, and says where it lies.
pub fn run(options: &Options) -> Result<()> {
    native::libclang()?;
    tools::cargo_tool("cargo-fuzz")?;
    let known = targets()?;
    let chosen = match options.targets.as_slice() {
        [] => known,
        named => match named.iter().find(|name| !known.contains(name)) {
            Some(unknown) => bail!(
                "no target is called {unknown:?}: there are {}",
                known.join(", ")
            ),
            None => named.to_vec(),
        },
    };
    crate::run::step(&mut cargo_fuzz("build"))?;
    let mut found = Vec::new();
    for some in chosen.chunks(AT_ONCE) {
        let children = some
            .iter()
            .map(|target| Ok((target, start(target, options)?)));
        for (target, mut child) in children.collect::<Result<Vec<_>>>()? {
            let is_sound = child.wait()?.success();
            let log = fs::read_to_string(log(target)).unwrap_or_default();
            let end = log.lines().rev().find(|line| line.contains("Done "));
            println!("{target}: {}", end.unwrap_or("it broke"));
            if !is_sound {
                print!("{log}");
                found.push(target.as_str());
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "an input breaks {}: it lies in fuzz/artifacts",
        found.join(", ")
    )
}

/// The names of the targets.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir("fuzz/targets")? {
        let path = entry?.path();
        if let (Some("rs"), Some(name)) = (
            path.extension().and_then(|it| it.to_str()),
            path.file_stem().and_then(|it| it.to_str()),
        ) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Without a sanitizer: it would need a nightly compiler, and the core has no unsafe code of its own.
fn cargo_fuzz(command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["fuzz", command, "--sanitizer", "none", "--fuzz-dir", "fuzz"]);
    cargo.env("CARGO_TARGET_DIR", "target/fuzz");
    cargo
}

fn log(target: &str) -> PathBuf {
    Path::new("target/fuzz").join(format!("{target}.log"))
}

/// Starts a target on what it found before, the inputs that come with it, and real data where there is some.
fn start(target: &str, options: &Options) -> Result<Child> {
    let corpus = PathBuf::from(format!("target/fuzz/corpus/{target}"));
    fs::create_dir_all(&corpus)?;
    let mut inputs = vec![corpus];
    inputs.push(PathBuf::from(format!("fuzz/seeds/{target}")));
    let data = env::var_os("STRONGROOM_DATA")
        .map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let folders = DATA.iter().filter(|(of, _)| *of == target);
    inputs.extend(folders.map(|(_, folder)| data.join(folder)));
    let inputs = inputs.into_iter().filter(|folder| folder.is_dir());
    let log = fs::File::create(log(target))?;
    let mut command = cargo_fuzz("run");
    command
        .arg(target)
        .args(inputs.map(OsString::from))
        .args([
            "--",
            "-timeout=30",
            "-rss_limit_mb=2048",
            "-print_final_stats=0",
        ])
        .arg("-dict=fuzz/json.dict")
        .arg(format!("-max_len={MAX_BYTES}"))
        .arg(format!("-max_total_time={}", options.seconds))
        .args(options.seed.map(|seed| format!("-seed={seed}")))
        .stdout(log.try_clone()?)
        .stderr(log);
    command
        .spawn()
        .with_context(|| format!("{target} does not start"))
}

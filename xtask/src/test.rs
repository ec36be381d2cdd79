//! Every test, in three rings: native, in a browser's worker, and end to end on the package in a browser.
//!
//! Tests that need real data look for it in `STRONGROOM_DATA`. A test that finds none appends a line that says so to the
//! file `STRONGROOM_SKIP_LOG` and passes; in the browser, where it cannot write files, it prints a line that starts with
//! `SKIPPED (no data):`. The sum counts such a test as skipped, and `--strict` (`STRONGROOM_STRICT=1`) as a failure.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use lexopt::prelude::*;

use crate::summary::{Counts, Outcome};
use crate::{browser, demo, native, run, tools, wasm};

const SKIPPED_LINE: &str = "SKIPPED (no data):";

/// All the tests of the browser ring run in one page; the runner's own limit is 20 seconds.
const BROWSER_TIMEOUT_SECONDS: &str = "900";
const DRIVER_TIMEOUT_SECONDS: &str = "30";

/// Playwright's suites, on the finished package: the package's own, and the demo's.
const END_TO_END_CONFIGS: &[&str] = &[
    "pkg-template/test/playwright.config.ts",
    "tests/e2e/playwright.config.ts",
];

/// The store in Firefox: a script that succeeds or fails.
const FIREFOX_SCRIPT: &str = "tests/e2e/firefox.mjs";

#[derive(Debug, Default)]
pub struct Options {
    /// Missing data is a failure.
    strict: bool,
    /// Tests that can run longer do.
    long: bool,
    /// The rings to run; none means all.
    rings: Vec<Ring>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ring {
    Native,
    Browser,
    EndToEnd,
}

impl Ring {
    const ALL: [Self; 3] = [Self::Native, Self::Browser, Self::EndToEnd];

    fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Browser => "browser",
            Self::EndToEnd => "e2e",
        }
    }
}

impl Options {
    pub fn parse(mut arguments: lexopt::Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("strict") => options.strict = true,
                Long("long") => options.long = true,
                Value(name) => match Ring::ALL.into_iter().find(|ring| name == ring.name()) {
                    Some(ring) => options.rings.push(ring),
                    None => bail!("no ring of tests is called {}", name.display()),
                },
                other => return Err(other.unexpected().into()),
            }
        }
        if options.rings.is_empty() {
            options.rings = Ring::ALL.to_vec();
        }
        Ok(options)
    }
}

/// Runs the rings, all of them even when one fails, and prints their results; the last line is the sum.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut sum = Counts::default();
    let mut report = Vec::new();
    for ring in &options.rings {
        eprintln!("\n== {} tests", ring.name());
        let log = SkipLog::new(*ring)?;
        let Outcome { counts, failed } = ring.run(options, &log).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Counts::FAILURE.into()
        });
        let without_data = log.read()?;
        let counts = ring.regard_missing_data(counts, without_data.len(), options.strict);
        report.extend(failed.iter().map(|test| format!("FAILED: {test}")));
        report.extend(
            without_data
                .iter()
                .map(|test| format!("{SKIPPED_LINE} {test}")),
        );
        report.push(format!(
            "{}: {counts} ({} for missing data)",
            ring.name(),
            without_data.len()
        ));
        sum = sum + counts;
    }
    println!("\n{}\n{sum}", report.join("\n"));
    Ok(if sum.failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl Ring {
    fn run(self, options: &Options, log: &SkipLog) -> Result<Outcome> {
        match self {
            Self::Native => native(options, log),
            Self::Browser => browser(options, log),
            Self::EndToEnd => end_to_end(options, log),
        }
    }

    /// Counts the tests without data as skipped, or when strict as failed.
    fn regard_missing_data(self, counts: Counts, tests: usize, strict: bool) -> Counts {
        let Counts {
            mut passed,
            mut failed,
            mut skipped,
        } = counts;
        // Playwright's tests can say themselves that they skip; Rust's can only pass.
        let counted_as = if self == Self::EndToEnd {
            &mut skipped
        } else {
            &mut passed
        };
        *counted_as = counted_as.saturating_sub(tests);
        *(if strict { &mut failed } else { &mut skipped }) += tests;
        Counts {
            passed,
            failed,
            skipped,
        }
    }
}

fn native(options: &Options, log: &SkipLog) -> Result<Outcome> {
    tools::cargo_tool("cargo-nextest")?;
    native::archive_tools()?;
    let mut suites = native::cargo()?;
    suites.args([
        "nextest",
        "run",
        "--workspace",
        "--all-features",
        "--no-fail-fast",
        "--no-tests=pass",
    ]);
    let mut examples = native::cargo()?;
    examples.args(["test", "--doc", "--all-features", "--no-fail-fast"]);

    let (status, output) = run::watch(environment(&mut suites, options, log))?;
    let suites = Outcome::of_nextest(&output).or_failure(status);
    let (status, output) = run::watch(environment(&mut examples, options, log))?;
    Ok(suites + Outcome::of_libtest(&output).or_failure(status))
}

fn browser(options: &Options, log: &SkipLog) -> Result<Outcome> {
    let toolchain = wasm::Toolchain::find()?;
    tools::wasm_bindgen()?;
    let mut suites = toolchain.apply(Command::new(tools::cargo_tool("wasm-pack")?))?;
    suites.args(["test", "--headless", "--chrome"]);
    if let Some(driver) = browser::driver()? {
        suites.arg("--chromedriver").arg(driver);
    }
    suites.args(["--", "--test", "browser"]);
    // wasm-pack builds the tests as `dev` first and runs them as `test`: alike, they are compiled once.
    suites.env("CARGO_PROFILE_TEST_OPT_LEVEL", "0");

    let (status, output) = run::watch(environment(in_browser(&mut suites)?, options, log))?;
    log.append(
        output
            .lines()
            .filter_map(|line| line.trim().strip_prefix(SKIPPED_LINE)),
    )?;
    Ok(Outcome::of_libtest(&output).or_failure(status))
}

fn end_to_end(options: &Options, log: &SkipLog) -> Result<Outcome> {
    demo::build()?;
    let report = env::current_dir()?.join("target/playwright.json");
    let mut outcome = Outcome::default();
    for config in end_to_end_configs() {
        fs::write(&report, "")?;
        let mut suites = playwright(config)?;
        suites
            .args(["--reporter", "list,json"])
            .env("PLAYWRIGHT_JSON_OUTPUT_NAME", &report);

        let (status, _) = run::watch(environment(&mut suites, options, log))?;
        outcome =
            outcome + Outcome::of_playwright(&fs::read_to_string(&report)?).or_failure(status);
    }
    Ok(outcome + firefox()?)
}

/// The store in Firefox, where there is one: a single test, on the package that the suites before it ran on.
fn firefox() -> Result<Outcome> {
    let firefox = match browser::Firefox::find() {
        Ok(firefox) => firefox,
        Err(error) => {
            eprintln!("SKIPPED (no Firefox): {FIREFOX_SCRIPT}: {error:#}");
            let skipped = Counts {
                skipped: 1,
                ..Counts::default()
            };
            return Ok(skipped.into());
        }
    };
    let mut script = Command::new("node");
    script.arg(FIREFOX_SCRIPT);
    let (status, _) = run::watch(firefox.tell(&mut script))?;
    Ok(Outcome::of_script(FIREFOX_SCRIPT, status))
}

/// What wasm-bindgen's runner has to know of this machine's browser.
pub fn in_browser(command: &mut Command) -> Result<&mut Command> {
    command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", browser::capabilities()?);
    command.env("WASM_BINDGEN_TEST_TIMEOUT", BROWSER_TIMEOUT_SECONDS);
    Ok(command.env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", DRIVER_TIMEOUT_SECONDS))
}

pub fn end_to_end_configs() -> impl Iterator<Item = &'static str> {
    END_TO_END_CONFIGS
        .iter()
        .copied()
        .filter(|config| Path::new(config).exists())
}

/// Playwright on the suites of one configuration.
pub fn playwright(config: &str) -> Result<Command> {
    let mut suites = tools::npm_tool("playwright")?;
    suites
        .args(["test", "--config", config])
        .env("STRONGROOM_CHROMIUM", browser::chromium()?);
    Ok(suites)
}

/// Tells a command where the real data lies.
pub fn with_data(command: &mut Command) -> &mut Command {
    if let Some(data) = data() {
        command.env("STRONGROOM_DATA", data);
    }
    command
}

/// The folder with the real data: what `STRONGROOM_DATA` names, else `../shared/data`.
fn data() -> Option<PathBuf> {
    let named = env::var_os("STRONGROOM_DATA").map(PathBuf::from);
    named.or_else(|| Path::new("../shared/data").canonicalize().ok())
}

/// What tests are told of the machine and of the options.
fn environment<'a>(command: &'a mut Command, options: &Options, log: &SkipLog) -> &'a mut Command {
    with_data(command).env("STRONGROOM_SKIP_LOG", &log.path);
    if options.strict {
        command.env("STRONGROOM_STRICT", "1");
    }
    if options.long {
        command.env("STRONGROOM_LONG", "1");
    }
    command
}

/// The file in which a ring's tests write that they had no data.
struct SkipLog {
    path: PathBuf,
}

impl SkipLog {
    fn new(ring: Ring) -> Result<Self> {
        let path = env::current_dir()?
            .join("target")
            .join(format!("skipped-{}.log", ring.name()));
        fs::write(&path, "")?;
        Ok(Self { path })
    }

    fn append<'a>(&self, tests: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut text = fs::read_to_string(&self.path)?;
        for test in tests {
            text.push_str(test);
            text.push('\n');
        }
        Ok(fs::write(&self.path, text)?)
    }

    /// The tests, each once.
    fn read(&self) -> Result<BTreeSet<String>> {
        let text = fs::read_to_string(&self.path)?;
        let tests = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(tests
            .map(|line| {
                line.strip_prefix(SKIPPED_LINE)
                    .unwrap_or(line)
                    .trim()
                    .to_owned()
            })
            .collect())
    }
}

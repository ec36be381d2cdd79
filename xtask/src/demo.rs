//! The demo and the benchmarks: what runs on the finished package.

use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::Result;

use crate::package::{self, Profile};
use crate::{browser, run, test, tools};

const DEMO: &str = "www";

/// Builds the demo and serves it, or with `--headless` runs its script, which gets the other arguments.
pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    build()?;
    if arguments.iter().any(|argument| argument == "--headless") {
        let others = arguments
            .iter()
            .filter(|argument| *argument != "--headless");
        let mut script = Command::new("node");
        script.arg("www/headless.mjs").args(others);
        return script_status(&mut script);
    }
    let mut server = tools::npm_tool("vite")?;
    Ok(code(run::foreground(
        server.args(["preview", DEMO]).args(arguments),
    )?))
}

/// Builds the package and the demo around it.
pub fn build() -> Result<()> {
    package::build(Profile::Release)?;
    run::step(tools::npm_tool("vite")?.args(["build", DEMO, "--logLevel", "warn"]))
}

/// Builds the package and runs the benchmarks with these arguments.
pub fn bench(arguments: &[OsString]) -> Result<ExitCode> {
    package::build(Profile::Release)?;
    tools::npm_packages()?;
    let mut script = Command::new("node");
    script.arg("benches/run.mjs").args(arguments);
    if arguments.iter().any(|argument| argument == "--firefox") {
        browser::Firefox::find()?.tell(&mut script);
    }
    script_status(&mut script)
}

/// Runs a script that starts the browser, and gives its status.
fn script_status(script: &mut Command) -> Result<ExitCode> {
    script.env("STRONGROOM_CHROMIUM", browser::chromium()?);
    test::with_data(script);
    Ok(code(run::foreground(script)?))
}

fn code(status: ExitStatus) -> ExitCode {
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

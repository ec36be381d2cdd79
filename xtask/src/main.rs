//! Every chore of the workspace, run as `cargo xtask <chore>` by people and by CI alike.
//!
//! A chore finds the tools it needs, installs those that are missing where it can, and says in one line what it
//! cannot install. Progress goes to stderr; stdout carries results only.

mod browser;
mod coverage;
mod demo;
mod fuzz;
mod lint;
mod native;
mod package;
mod run;
mod setup;
mod size;
mod summary;
mod test;
mod tools;
mod wasm;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use lexopt::prelude::*;

const HELP: &str = "\
cargo xtask <chore>

  setup                        find every tool and install what is missing
  build [--dev]                the npm package, into pkg/
  demo                         build the package and the demo, serve it, print its address
  demo --headless [--json]     run the demo's script in a headless browser
  test [--strict] [--long] [native|browser|e2e]…
                               every test, or the rings named; --strict: missing data is a failure
  bench [arguments…]           build the package and run the benchmarks
  fuzz [--seconds N] [--seed N] [target]…
                               every parser, or those named, fed with what breaks them: a minute each
  fmt [--check]                format Rust, TypeScript, CSS and HTML
  lint                         formatting, clippy and the TypeScript compiler, without changing a file
  size                         the package's size against its budget
  coverage [native|browser|typescript]…
                               the tests with coverage: lines of Rust, statements of TypeScript
  types                        write the generated TypeScript types again
";

fn main() -> ExitCode {
    match chore() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chore() -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the workspace")?;
    std::env::set_current_dir(root).with_context(|| format!("cannot enter {}", root.display()))?;

    let mut arguments = lexopt::Parser::from_env();
    let chore = match arguments.next()? {
        Some(Value(name)) => name.string()?,
        Some(Short('h') | Long("help")) | None => {
            print!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        Some(other) => return Err(other.unexpected().into()),
    };
    match chore.as_str() {
        "setup" => flags(arguments, []).and_then(|[]| setup::all()),
        "build" => flags(arguments, ["dev"])
            .and_then(|[dev]| package::build(package::Profile::for_dev(dev))),
        "demo" => return demo::run(&rest(&mut arguments)?),
        "test" => return test::run(&test::Options::parse(arguments)?),
        "bench" => return demo::bench(&rest(&mut arguments)?),
        "fuzz" => fuzz::Options::parse(arguments).and_then(|options| fuzz::run(&options)),
        "fmt" => flags(arguments, ["check"]).and_then(|[check]| lint::format(check)),
        "lint" => flags(arguments, []).and_then(|[]| lint::lint()),
        "size" => flags(arguments, []).and_then(|[]| size::check()),
        "coverage" => coverage::report(&rest(&mut arguments)?),
        "types" => flags(arguments, []).and_then(|[]| lint::write_types()),
        "help" => {
            print!("{HELP}");
            Ok(())
        }
        unknown => anyhow::bail!("no chore is called {unknown:?}; `cargo xtask help` lists them"),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Which of the named `--flags` were given; anything else is an error.
fn flags<const N: usize>(mut arguments: lexopt::Parser, names: [&str; N]) -> Result<[bool; N]> {
    let mut given = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long(name) if names.contains(&name) => given.push(name.to_owned()),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(names.map(|name| given.iter().any(|flag| flag == name)))
}

/// Everything that follows, as it stands.
fn rest(arguments: &mut lexopt::Parser) -> Result<Vec<OsString>> {
    Ok(arguments.raw_args()?.collect())
}

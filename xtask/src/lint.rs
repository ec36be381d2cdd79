//! Formatting, lints and the types that are generated.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::package::{self, Profile};
use crate::{native, run, tools, wasm};

/// What Prettier formats, beside what `.prettierignore` leaves out.
const PRETTIER_FILES: &str = "**/*.{ts,mts,js,mjs,css,html}";

/// TypeScript projects; those that exist are checked.
const TYPESCRIPT_PROJECTS: &[&str] = &["pkg-template", "www", "tests/e2e"];

/// Formats everything, or only says what is not formatted.
pub fn format(check: bool) -> Result<()> {
    // The fuzz targets are a workspace of their own.
    let mut rust = ["Cargo.toml", "fuzz/Cargo.toml"].map(|manifest| {
        let mut rust = Command::new("cargo");
        rust.args(["fmt", "--all", "--manifest-path", manifest]);
        rust
    });
    let mut prettier = tools::npm_tool("prettier")?;
    prettier.args(["--no-error-on-unmatched-pattern", "--log-level", "warn"]);
    if check {
        for rust in &mut rust {
            rust.arg("--check");
        }
        prettier.arg("--check");
    } else {
        prettier.arg("--write");
    }
    for rust in &mut rust {
        run::step(rust)?;
    }
    run::step(prettier.arg(PRETTIER_FILES))
}

/// Every check that reads the sources and changes none.
pub fn lint() -> Result<()> {
    format(true)?;
    let fuzz_targets = [
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--target-dir",
        "target",
    ];
    for workspace in [&["--workspace", "--all-features"][..], &fuzz_targets] {
        let mut clippy = native::cargo()?;
        clippy.arg("clippy").args(workspace);
        run::step(clippy.args(["--all-targets", "--", "-D", "warnings"]))?;
    }
    let toolchain = wasm::Toolchain::find()?;
    // Debian's Rust has no clippy: there the compiler's own warnings have to do.
    if run::read(toolchain.cargo()?.args(["clippy", "--version"])).is_ok() {
        let clippy = [
            "clippy",
            "--lib",
            "--tests",
            "--target",
            wasm::TARGET,
            "--",
            "-D",
            "warnings",
        ];
        run::step(toolchain.cargo()?.args(clippy))?;
    } else {
        run::step(toolchain.cargo()?.args([
            "check",
            "--lib",
            "--tests",
            "--target",
            wasm::TARGET,
        ]))?;
    }
    typescript()
}

fn typescript() -> Result<()> {
    let projects: Vec<_> = TYPESCRIPT_PROJECTS
        .iter()
        .filter(|project| Path::new(project).join("tsconfig.json").exists())
        .collect();
    if !projects.is_empty() {
        // The sources import the package's generated declarations.
        package::build(Profile::Release)?;
    }
    for project in projects {
        run::step(tools::npm_tool("tsc")?.args(["--noEmit", "--project", project]))?;
    }
    Ok(())
}

/// Writes the TypeScript types that are generated from the Rust ones.
pub fn write_types() -> Result<()> {
    run::step(
        native::cargo()?
            .args(["test", "--lib", "types_are_fresh"])
            .env("STRONGROOM_WRITE_TYPES", "1"),
    )
}

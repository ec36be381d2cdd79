//! The toolchain for wasm32-unknown-unknown: a Rust toolchain with that target, and a clang for the code in C.
//!
//! Rustup brings the target where it can reach its server. Where it cannot, Debian's own Rust takes its place: it comes
//! with the standard library's source, from which the target is built once.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{run, tools};

pub const TARGET: &str = "wasm32-unknown-unknown";

/// The name under which rustup knows Debian's Rust.
const DEBIAN_TOOLCHAIN: &str = "debian";

/// Debian's Rust with its own source, and the LLVM that it was built with for everything else.
const DEBIAN_PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "libstd-rust-web-dev",
    "rust-web-llvm",
    "clang-22",
    "lld-22",
    "llvm-22",
];

/// Where Homebrew keeps the LLVM whose clang, unlike Apple's, knows wasm.
const HOMEBREW_LLVM: &[&str] = &["/opt/homebrew/opt/llvm/bin", "/usr/local/opt/llvm/bin"];

/// How to run cargo for the target.
#[derive(Debug)]
pub struct Toolchain {
    /// The rustup toolchain, unless the default one has the target.
    pub name: Option<&'static str>,
    clang: Option<Clang>,
}

#[derive(Debug)]
struct Clang {
    cc: PathBuf,
    ar: Option<PathBuf>,
}

impl Toolchain {
    /// Finds the toolchain, and installs what is missing of it.
    pub fn find() -> Result<Self> {
        let name = rust_toolchain()?;
        Ok(Self {
            name,
            clang: clang()?,
        })
    }

    /// `cargo` with the environment that the target needs.
    pub fn cargo(&self) -> Result<Command> {
        self.apply(Command::new("cargo"))
    }

    /// A program that runs cargo for the target.
    pub fn apply(&self, mut command: Command) -> Result<Command> {
        command.env("PATH", tools::path_variable()?);
        command.envs(self.variables());
        Ok(command)
    }

    /// The environment that the target needs.
    pub fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let mut variables = Vec::new();
        if let Some(name) = self.name {
            variables.push(("RUSTUP_TOOLCHAIN", PathBuf::from(name)));
        }
        if let Some(clang) = &self.clang {
            variables.push(("CC_wasm32_unknown_unknown", clang.cc.clone()));
            if let Some(ar) = &clang.ar {
                variables.push(("AR_wasm32_unknown_unknown", ar.clone()));
            }
        }
        variables
    }
}

/// The rustup toolchain to name, or none when the default one has the target.
fn rust_toolchain() -> Result<Option<&'static str>> {
    if has_target(None) {
        return Ok(None);
    }
    if has_target(Some(DEBIAN_TOOLCHAIN)) {
        return Ok(Some(DEBIAN_TOOLCHAIN));
    }
    if tools::which("rustup").is_none() {
        bail!(
            "the target {TARGET} is missing: install Rust with rustup, then run `rustup target add {TARGET}`"
        );
    }
    let mut add = Command::new("rustup");
    add.args(["target", "add", TARGET])
        .env("RUSTUP_MAX_RETRIES", "1")
        .env("RUST_BACKTRACE", "0");
    if run::quiet_step(&mut add).is_ok() && has_target(None) {
        return Ok(None);
    }
    eprintln!("rustup cannot fetch the target {TARGET} here");
    if !tools::apt_works() {
        bail!(
            "the target {TARGET} is missing and rustup cannot fetch it: run `rustup target add {TARGET}` with a network"
        );
    }
    debian_toolchain()?;
    Ok(Some(DEBIAN_TOOLCHAIN))
}

/// Whether a toolchain has the target's standard library, built for the compiler that it has now.
fn has_target(toolchain: Option<&str>) -> bool {
    let Ok(libraries) = libraries(toolchain) else {
        return false;
    };
    let built_for = fs::read_to_string(libraries.join(BUILT_FOR)).ok();
    holds_std(&libraries)
        && built_for
            .is_none_or(|built_for| rustc_version(toolchain).is_ok_and(|now| now == built_for))
}

/// A note beside a standard library that was built here: the compiler that it was built for.
const BUILT_FOR: &str = "built-for";

fn holds_std(libraries: &Path) -> bool {
    fs::read_dir(libraries)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn libraries(toolchain: Option<&str>) -> Result<PathBuf> {
    let sysroot = run::read(rustc(toolchain).args(["--print", "sysroot"]))?;
    Ok(Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib"))
}

fn rustc_version(toolchain: Option<&str>) -> Result<String> {
    run::read(rustc(toolchain).arg("-vV"))
}

/// The compiler of a rustup toolchain, or the default one.
pub fn rustc(toolchain: Option<&str>) -> Command {
    let mut command = Command::new("rustc");
    if let Some(name) = toolchain {
        command.env("RUSTUP_TOOLCHAIN", name);
    }
    command
}

/// Debian's Rust as a rustup toolchain, with the target's standard library built from Debian's source.
fn debian_toolchain() -> Result<()> {
    tools::apt_install(DEBIAN_PACKAGES)?;
    if rustc_version(Some(DEBIAN_TOOLCHAIN)).is_err() {
        run::step(Command::new("rustup").args(["toolchain", "link", DEBIAN_TOOLCHAIN, "/usr"]))?;
    }
    if !has_target(Some(DEBIAN_TOOLCHAIN)) {
        build_std()?;
    }
    Ok(())
}

/// Builds the standard library from an empty crate and puts it where the compiler looks for an installed target.
fn build_std() -> Result<()> {
    let empty = Path::new("target/wasm-std");
    fs::create_dir_all(empty.join("src"))?;
    fs::write(
        empty.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nedition = \"2021\"\n[workspace]\n",
    )?;
    fs::write(empty.join("src/lib.rs"), "#![no_std]\n")?;
    run::step(
        Command::new("cargo")
            .args([
                "build",
                "--release",
                "--target",
                TARGET,
                "-Zbuild-std=std,panic_abort,test,proc_macro",
            ])
            .current_dir(empty)
            .env("RUSTUP_TOOLCHAIN", DEBIAN_TOOLCHAIN)
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "CARGO_TARGET_DIR",
                env::current_dir()?.join(empty).join("target"),
            ),
    )?;

    let libraries = libraries(Some(DEBIAN_TOOLCHAIN))?;
    // What an older compiler left would shadow the new one's.
    if libraries.exists() {
        fs::remove_dir_all(&libraries)?;
    }
    fs::create_dir_all(&libraries)
        .with_context(|| format!("cannot create {}", libraries.display()))?;
    for entry in fs::read_dir(empty.join("target").join(TARGET).join("release/deps"))? {
        let file = entry?;
        let is_library = file
            .path()
            .extension()
            .is_some_and(|extension| extension == "rlib");
        if is_library && !file.file_name().to_string_lossy().starts_with("libempty-") {
            fs::copy(file.path(), libraries.join(file.file_name()))?;
        }
    }
    fs::write(
        libraries.join(BUILT_FOR),
        rustc_version(Some(DEBIAN_TOOLCHAIN))?,
    )?;
    Ok(())
}

/// A clang that knows wasm; none when the environment names a C compiler already.
fn clang() -> Result<Option<Clang>> {
    if env::var_os("CC_wasm32_unknown_unknown").is_some() {
        return Ok(None);
    }
    if let Some(clang) = installed_clang() {
        return Ok(Some(clang));
    }
    if tools::apt_works() {
        tools::apt_install(&["clang", "llvm"])?;
        if let Some(clang) = installed_clang() {
            return Ok(Some(clang));
        }
    }
    bail!(
        "a clang that compiles to wasm is missing: install LLVM (`apt install clang llvm`, `brew install llvm`)"
    )
}

fn installed_clang() -> Option<Clang> {
    let versioned = (15..=30).rev().map(|version| format!("clang-{version}"));
    let on_path = std::iter::once("clang".to_owned())
        .chain(versioned)
        .filter_map(|name| tools::which(&name));
    let homebrew = HOMEBREW_LLVM
        .iter()
        .map(|directory| Path::new(directory).join("clang"));
    let cc = on_path.chain(homebrew).find(|path| knows_wasm(path))?;
    let ar = archiver(&cc);
    Some(Clang { cc, ar })
}

fn knows_wasm(clang: &Path) -> bool {
    run::read(Command::new(clang).arg("--print-targets"))
        .is_ok_and(|targets| targets.contains("wasm32"))
}

/// The archiver of the same LLVM: `llvm-ar-22` beside `clang-22`.
fn archiver(clang: &Path) -> Option<PathBuf> {
    let name = clang
        .file_name()?
        .to_string_lossy()
        .replace("clang", "llvm-ar");
    let beside = clang.with_file_name(name);
    if beside.is_file() {
        Some(beside)
    } else {
        tools::which("llvm-ar")
    }
}

//! Finding programs, and installing those that cargo, npm or Debian's apt can bring.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::run;

/// Where a tool goes when another version of it is already installed for the user.
const OWN_TOOLS: &str = "target/tools";

/// The first program of this name on the `PATH`.
pub fn which(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| {
            directory
                .join(name)
                .with_extension(env::consts::EXE_EXTENSION)
        })
        .find(|path| path.is_file())
}

/// The `PATH` with the workspace's own tools in front.
pub fn path_variable() -> Result<OsString> {
    let own = env::current_dir()?.join(OWN_TOOLS).join("bin");
    let inherited = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(
        std::iter::once(own).chain(env::split_paths(&inherited)),
    )?)
}

/// wasm-bindgen's command line. It must be of exactly the version of the crate in `Cargo.lock`.
pub fn wasm_bindgen() -> Result<PathBuf> {
    let version = locked_version("wasm-bindgen")?;
    let has_version = |path: &PathBuf| {
        run::read(Command::new(path).arg("--version"))
            .is_ok_and(|line| line.trim().ends_with(&format!(" {version}")))
    };
    let own = Path::new(OWN_TOOLS).join("bin/wasm-bindgen");
    let installed = which("wasm-bindgen");
    if let Some(path) = [Some(own.clone()), installed.clone()]
        .into_iter()
        .flatten()
        .find(has_version)
    {
        return Ok(path);
    }
    // Not `--locked`: that lock file may name versions of wasm-bindgen's own crates that were never published.
    let mut install = Command::new("cargo");
    install.args(["install", "wasm-bindgen-cli", "--version", &version]);
    if installed.is_some() {
        install.args(["--force", "--root", OWN_TOOLS]);
    }
    cargo_install(&mut install)?;
    [Some(own), which("wasm-bindgen")]
        .into_iter()
        .flatten()
        .find(has_version)
        .with_context(|| format!("wasm-bindgen {version} was installed, but is not on the PATH: add ~/.cargo/bin to it"))
}

/// A tool that any version of will do.
pub fn cargo_tool(name: &str) -> Result<PathBuf> {
    if let Some(path) = which(name) {
        return Ok(path);
    }
    cargo_install(Command::new("cargo").args(["install", "--locked", name]))?;
    which(name).with_context(|| {
        format!("{name} was installed, but is not on the PATH: add ~/.cargo/bin to it")
    })
}

fn cargo_install(command: &mut Command) -> Result<()> {
    // Away from the workspace, whose `.cargo/config.toml` is not meant for them.
    run::step(command.env(
        "CARGO_TARGET_DIR",
        env::current_dir()?.join("target/tools-build"),
    ))
}

/// A program of the npm packages that `package-lock.json` names.
pub fn npm_tool(name: &str) -> Result<Command> {
    npm_packages()?;
    let path = Path::new("node_modules/.bin").join(name);
    if !path.exists() {
        bail!("{name} is not among the packages of package.json");
    }
    Ok(Command::new(path))
}

/// Installs what `package-lock.json` names, unless that was done since the lock last changed.
pub fn npm_packages() -> Result<()> {
    let done = "node_modules/.package-lock.json";
    if modified(done) >= modified("package-lock.json") {
        return Ok(());
    }
    if which("npm").is_none() {
        bail!("npm is missing: install Node.js 20.19 or newer");
    }
    run::step(Command::new("npm").arg("ci"))
}

fn modified(path: &str) -> Option<std::time::SystemTime> {
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}

/// The version of a crate in `Cargo.lock`.
pub fn locked_version(name: &str) -> Result<String> {
    let lock = fs::read_to_string("Cargo.lock").context("cannot read Cargo.lock")?;
    let heading = format!("name = \"{name}\"\nversion = \"");
    lock.split_once(&heading)
        .and_then(|(_, after)| after.split_once('"'))
        .map(|(version, _)| version.to_owned())
        .with_context(|| format!("Cargo.lock names no {name}"))
}

/// Whether packages can be installed with apt: Debian or a child of it, as root.
pub fn apt_works() -> bool {
    Path::new("/etc/debian_version").exists() && which("apt-get").is_some() && is_root()
}

/// Installs those of the Debian packages that are missing.
pub fn apt_install(packages: &[&str]) -> Result<()> {
    let installed = |package: &&&str| {
        run::read(Command::new("dpkg-query").args([
            "--show",
            "--showformat=${db:Status-Status}",
            package,
        ]))
        .is_ok_and(|status| status == "installed")
    };
    let missing: Vec<_> = packages
        .iter()
        .filter(|package| !installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    run::quiet_step(Command::new("apt-get").args(["update"]))?;
    run::quiet_step(
        Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(missing)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Whether we are root, for whom Chromium has no sandbox.
pub fn is_root() -> bool {
    run::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

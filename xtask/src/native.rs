//! The native build: cargo, and the libclang with which the bindings to SQLite's pre-update hook are generated.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::tools;

/// Folders that hold a libclang, on Debian, on other Linuxes and on macOS.
const LIBRARIES: &[&str] = &[
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/Library/Developer/CommandLineTools/usr/lib",
    "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
    "/opt/homebrew/opt/llvm/lib",
    "/usr/local/opt/llvm/lib",
];

/// `cargo` for this machine, once what its build scripts need is there.
pub fn cargo() -> Result<Command> {
    libclang()?;
    Ok(Command::new("cargo"))
}

/// Finds libclang, and installs it where apt can.
pub fn libclang() -> Result<()> {
    // Windows keeps it where only its own installer knows.
    if cfg!(windows) || env::var_os("LIBCLANG_PATH").is_some() || has_libclang() {
        return Ok(());
    }
    if tools::apt_works() {
        tools::apt_install(&["libclang-dev"])?;
        if has_libclang() {
            return Ok(());
        }
    }
    bail!("libclang is missing: install LLVM (`apt install libclang-dev`, `brew install llvm`)")
}

/// Finds the ordinary tools with which the tests open archives, and installs them where apt can.
pub fn archive_tools() -> Result<()> {
    const TOOLS: &[&str] = &["age", "unzip", "jq", "sqlite3"];
    let is_missing = |tool: &&&str| tools::which(tool).is_none();
    if TOOLS.iter().any(|tool| is_missing(&tool)) && tools::apt_works() {
        tools::apt_install(TOOLS)?;
    }
    match TOOLS.iter().find(is_missing) {
        Some(tool) => bail!("{tool} is missing: install {}", TOOLS.join(", ")),
        None => Ok(()),
    }
}

fn has_libclang() -> bool {
    let folders = LIBRARIES.iter().map(PathBuf::from);
    folders
        .flat_map(|folder| {
            // Debian keeps it one folder deeper by architecture, and two by version.
            let deeper = entries(&folder).flat_map(|inner| [inner.join("lib"), inner]);
            deeper.chain([folder.clone()]).collect::<Vec<_>>()
        })
        .any(|folder| entries(&folder).any(|file| is_libclang(&file)))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let listing = fs::read_dir(folder).into_iter().flatten().flatten();
    listing.map(|entry| entry.path())
}

fn is_libclang(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // The library with the interface in C++ is another one.
    if name.starts_with("libclang-cpp") {
        return false;
    }
    name == "libclang.dylib"
        || name.starts_with("libclang.so")
        || name.starts_with("libclang-") && name.contains(".so")
}

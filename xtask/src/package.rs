//! The npm package, built into `pkg/`.
//!
//! Two steps, each skipped when what it starts from is what it was: the wasm with its glue (kept in `target/package`),
//! then the package around it, whose TypeScript and `package.json` come from `pkg-template/`.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{run, tools, wasm};

pub const PACKAGE: &str = "pkg";
pub const TEMPLATE: &str = "pkg-template";

/// Licences that the package carries, from the workspace's root.
const LICENCES: &[&str] = &["LICENSE-MIT", "LICENSE-APACHE"];

/// The script that carries a library of others within it; the package itself depends on nothing.
const BUNDLED: &str = "age.js";

/// What the Rust compiler emits for the target, and the optimiser has to be told of.
const WASM_FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// No inlining, and instances of one generic function side by side: both make what is compressed smaller.
const WASM_OPTIMISATION: &[&str] = &[
    "-Os",
    "--always-inline-max-function-size=0",
    "--flexible-inline-max-function-size=0",
    "--one-caller-inline-max-function-size=0",
    "--reorder-functions-by-name",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build: not optimised, with the names of functions.
    Dev,
    /// What is published.
    Release,
}

impl Profile {
    pub fn for_dev(dev: bool) -> Self {
        if dev { Self::Dev } else { Self::Release }
    }

    /// The folder's name in cargo's target directory.
    fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds the package into `pkg/`.
pub fn build(profile: Profile) -> Result<()> {
    let bound = bind(profile)?;
    let key = hash(
        [
            files(&bound)?,
            files(Path::new(TEMPLATE))?,
            licences(),
            // It names the version of what is bundled.
            vec![PathBuf::from("package-lock.json")],
        ]
        .concat(),
        "",
    )?;
    once(
        key,
        Path::new("target/package/assembled"),
        Path::new(PACKAGE),
        || assemble(&bound),
    )
}

/// Compiles the library to wasm and generates its JavaScript glue; gives the folder that holds them.
fn bind(profile: Profile) -> Result<PathBuf> {
    let toolchain = wasm::Toolchain::find()?;
    let mut build = toolchain.cargo()?;
    build.args(["build", "--lib", "--target", wasm::TARGET]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    run::step(&mut build)?;

    let module = Path::new("target")
        .join(wasm::TARGET)
        .join(profile.directory())
        .join("strongroom.wasm");
    let bound = Path::new("target/package").join(profile.directory());
    let tools_used = format!(
        "{} {WASM_OPTIMISATION:?} {WASM_FEATURES:?}",
        tools::locked_version("wasm-bindgen")?
    );
    let key = hash(vec![module.clone()], &tools_used)?;
    once(key, &bound.with_extension("stamp"), &bound, || {
        clear(&bound)?;
        let mut bindgen = Command::new(tools::wasm_bindgen()?);
        bindgen
            .args(["--target", "web", "--out-name", "strongroom", "--out-dir"])
            .arg(&bound)
            .arg(&module);
        if profile == Profile::Dev {
            bindgen.arg("--keep-debug");
        }
        run::step(&mut bindgen)?;
        if profile == Profile::Release {
            let wasm = bound.join("strongroom_bg.wasm");
            run::step(
                tools::npm_tool("wasm-opt")?
                    .args(WASM_OPTIMISATION)
                    .args(WASM_FEATURES)
                    .arg(&wasm)
                    .arg("-o")
                    .arg(&wasm),
            )?;
        }
        Ok(())
    })?;
    Ok(bound)
}

/// Puts the package together: the bound wasm, the compiled TypeScript, and the files of the template.
fn assemble(bound: &Path) -> Result<()> {
    let package = Path::new(PACKAGE);
    clear(package)?;
    for file in files(bound)? {
        let to = package.join(file.strip_prefix(bound)?);
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        fs::copy(&file, to)?;
    }
    if Path::new(TEMPLATE).join("tsconfig.json").exists() {
        run::step(tools::npm_tool("tsc")?.args(["--project", TEMPLATE, "--outDir", PACKAGE]))?;
    }
    minify(package)?;
    for entry in fs::read_dir(TEMPLATE).with_context(|| format!("cannot read {TEMPLATE}"))? {
        let file = entry?;
        let name = file.file_name().to_string_lossy().into_owned();
        if file.file_type()?.is_file() && !name.starts_with("tsconfig") && name != "package.json" {
            fs::copy(file.path(), package.join(name))?;
        }
    }
    for licence in licences() {
        fs::copy(&licence, package.join(&licence))?;
    }
    manifest()
}

/// Minifies each script where it lies, with a map that leads back to its TypeScript; declarations keep their comments.
fn minify(package: &Path) -> Result<()> {
    let scripts = files(package)?;
    let (bundled, scripts): (Vec<_>, Vec<_>) = scripts
        .iter()
        .filter(|file| file.extension().is_some_and(|it| it == "js"))
        .partition(|file| file.ends_with(BUNDLED));
    esbuild(&scripts, &[])?;
    esbuild(&bundled, &["--bundle"])
}

/// Runs the minifier over scripts of the package, with more of its options.
fn esbuild(scripts: &[&PathBuf], options: &[&str]) -> Result<()> {
    run::step(
        tools::npm_tool("esbuild")?
            .args([
                "--minify",
                "--sourcemap",
                "--format=esm",
                "--target=es2022",
                "--log-level=warning",
            ])
            .args(["--allow-overwrite", "--outdir=pkg"])
            .args(options)
            .args(scripts),
    )
}

/// Writes `package.json` with the crate's version.
fn manifest() -> Result<()> {
    let template = Path::new(TEMPLATE).join("package.json");
    if !template.exists() {
        return Ok(());
    }
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&template)?)
        .with_context(|| format!("{} is not JSON", template.display()))?;
    let fields = manifest
        .as_object_mut()
        .context("package.json holds an object")?;
    fields.insert(
        "version".to_owned(),
        json!(tools::locked_version("strongroom")?),
    );
    fs::write(
        Path::new(PACKAGE).join("package.json"),
        serde_json::to_string_pretty(&manifest)? + "\n",
    )?;
    Ok(())
}

fn licences() -> Vec<PathBuf> {
    LICENCES
        .iter()
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .collect()
}

/// Does the work unless `product` stands and `stamp` says that it was made from the same key.
fn once(key: u64, stamp: &Path, product: &Path, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let key = key.to_string();
    if product.exists() && fs::read_to_string(stamp).is_ok_and(|made_from| made_from == key) {
        return Ok(());
    }
    // A failure half-way leaves no stamp.
    if stamp.exists() {
        fs::remove_file(stamp)?;
    }
    work()?;
    fs::write(stamp, key)?;
    Ok(())
}

/// A hash of the files' names and contents, and of `more`.
fn hash(files: Vec<PathBuf>, more: &str) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    more.hash(&mut hasher);
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        (file, content).hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Every file below a folder, in order.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
        {
            let entry = entry?;
            let kind = if entry.file_type()?.is_dir() {
                &mut folders
            } else {
                &mut found
            };
            kind.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(())
}

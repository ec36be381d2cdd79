//! How much of the code the tests reach: lines natively, lines of the browser's own files in the browser, and
//! statements of the package's TypeScript.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{browser, demo, native, run, test, tools, wasm};

/// The sources that only the browser's build has.
const BROWSER_ONLY: &[&str] = &["src/wasm/", "src/disk/opfs.rs"];

/// Everything that is written on the way.
const FOLDER: &str = "target/coverage";

/// What Playwright's tests write when `STRONGROOM_COVERAGE` is set: V8's own coverage, one file a page or worker.
const V8_FOLDER: &str = "test-results/coverage";

/// Coverage in wasm: instrumented without the profiler's runtime, for which wasm-bindgen-test stands in, and with the
/// intermediate code kept, from which the map of the sources is read.
const BROWSER_FLAGS: &str = "-Ctarget-feature=+simd128 -Cinstrument-coverage -Zno-profiler-runtime -Clink-args=--no-gc-sections \
    --cfg=wasm_bindgen_unstable_test_coverage --emit=llvm-ir,link";

/// What is measured: the argument that asks for it alone, what its number counts, and how it is come by.
type Part = (&'static str, &'static str, fn() -> Result<Covered>);

const PARTS: [Part; 3] = [
    ("native", "native, lines of src/", native),
    ("browser", "browser, lines of its own files", browser_only),
    ("typescript", "TypeScript, statements", typescript),
];

/// Runs the tests with coverage and prints one line for each part; none named means all.
pub fn report(asked: &[OsString]) -> Result<()> {
    let named = |name: &OsString| PARTS.iter().any(|part| name == part.0);
    if let Some(unknown) = asked.iter().find(|name| !named(name)) {
        bail!("no part of the coverage is called {}", unknown.display());
    }
    let mut failed = false;
    let mut lines = Vec::new();
    for (name, what, measure) in PARTS {
        if !asked.is_empty() && !asked.iter().any(|asked| asked == name) {
            continue;
        }
        lines.push(match measure() {
            Ok(covered) => format!("{what}: {covered}"),
            Err(error) => {
                failed = true;
                format!("{what}: not measured: {error:#}")
            }
        });
    }
    println!("\n{}", lines.join("\n"));
    if failed {
        bail!("not everything could be measured");
    }
    Ok(())
}

/// How many of the lines, or statements, were reached.
#[derive(Clone, Copy, Debug, Default)]
struct Covered {
    reached: u64,
    all: u64,
}

impl std::fmt::Display for Covered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let per_mille = (self.reached * 1000)
            .checked_div(self.all)
            .unwrap_or_default();
        write!(
            f,
            "{}.{} % ({} of {})",
            per_mille / 10,
            per_mille % 10,
            self.reached,
            self.all
        )
    }
}

fn native() -> Result<Covered> {
    let llvm = Llvm::find(None)?;
    let folder = fresh_folder("native")?;
    let with_coverage = |command: &mut Command| -> Result<()> {
        command.env("RUSTFLAGS", "-Cinstrument-coverage");
        command.env(
            "CARGO_TARGET_DIR",
            env::current_dir()?.join(FOLDER).join("build"),
        );
        command.env("LLVM_PROFILE_FILE", folder.join("%12m.profraw"));
        Ok(())
    };
    let what = ["--package", "strongroom", "--all-features"];

    tools::cargo_tool("cargo-nextest")?;
    let mut tests = native::cargo()?;
    with_coverage(tests.args(["nextest", "run"]).args(what))?;
    run::step(test::with_data(&mut tests))?;

    let mut list = native::cargo()?;
    with_coverage(
        list.args(["test", "--no-run", "--message-format=json", "--quiet"])
            .args(what),
    )?;
    llvm.lines(&folder, &executables(&run::read(&mut list)?), |file| {
        !is_browser_only(file)
    })
}

/// The programs that cargo's messages say it built.
fn executables(messages: &str) -> Vec<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .collect()
}

fn browser_only() -> Result<Covered> {
    let toolchain = wasm::Toolchain::find()?;
    let llvm = Llvm::find(toolchain.name)?;
    let folder = fresh_folder("browser")?;
    let build = env::current_dir()?.join(FOLDER).join("build");

    let mut tests = toolchain.cargo()?;
    tests.args(["test", "--target", wasm::TARGET, "--test", "browser"]);
    // The flags are not stable; the compiler is told that they are wanted all the same.
    tests
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", BROWSER_FLAGS);
    tests
        .env("CARGO_TARGET_DIR", &build)
        .env("LLVM_PROFILE_FILE", folder.join("%m-%p.profraw"));
    let driver =
        browser::driver()?.context("Chromium's driver is missing: name it in CHROMEDRIVER")?;
    tests.env("CHROMEDRIVER", driver);
    run::step(test::in_browser(&mut tests)?)?;

    // LLVM's tools read the map of the sources from an object file of an ordinary machine only.
    let mut objects = Vec::new();
    for code in with_extension(&build.join(wasm::TARGET).join("debug/deps"), "ll")? {
        let name = code
            .file_name()
            .map(OsStr::to_string_lossy)
            .unwrap_or_default()
            .into_owned();
        if name.starts_with("strongroom") || name.starts_with("browser-") {
            objects.push(llvm.as_object(&code, &folder.join(name).with_extension("o"))?);
        }
    }
    llvm.lines(&folder, &objects, is_browser_only)
}

fn is_browser_only(file: &str) -> bool {
    BROWSER_ONLY.iter().any(|part| file.contains(part))
}

fn typescript() -> Result<Covered> {
    if Path::new(V8_FOLDER).exists() {
        fs::remove_dir_all(V8_FOLDER)?;
    }
    demo::build()?;
    for config in test::end_to_end_configs() {
        let mut suites = test::playwright(config)?;
        // The demo's bundle does not lead back to the package's sources.
        suites.args(["--grep-invert", "demo.spec"]);
        run::step(test::with_data(&mut suites).env("STRONGROOM_COVERAGE", "1"))?;
    }
    let sum = run::read(Command::new("node").args(["xtask/coverage.mjs", V8_FOLDER, FOLDER]))?;
    let mut numbers = sum.split_whitespace().map(str::parse);
    let (Some(reached), Some(all)) = (numbers.next(), numbers.next()) else {
        bail!("the merged coverage has no sum");
    };
    Ok(Covered {
        reached: reached?,
        all: all?,
    })
}

/// LLVM's tools, of a version that reads what the compiler writes.
struct Llvm {
    /// The folder that holds them.
    folder: PathBuf,
    /// What their names end with: `-22`, or nothing.
    suffix: String,
}

impl Llvm {
    fn find(toolchain: Option<&str>) -> Result<Self> {
        let version = run::read(wasm::rustc(toolchain).arg("-vV"))?;
        let field = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let host = field("host:").context("rustc names no host")?;
        let major = field("LLVM version:")
            .and_then(|version| version.split('.').next())
            .unwrap_or_default();
        let suffix = format!("-{major}");
        if let Some(folder) = tools::which(&format!("llvm-cov{suffix}"))
            .as_deref()
            .and_then(Path::parent)
        {
            return Ok(Self {
                folder: folder.to_owned(),
                suffix,
            });
        }
        let sysroot = run::read(wasm::rustc(toolchain).args(["--print", "sysroot"]))?;
        let folder = Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(host)
            .join("bin");
        if !folder.join("llvm-cov").exists() {
            run::step(Command::new("rustup").args(["component", "add", "llvm-tools"]))
                .with_context(|| {
                    format!("LLVM {major}'s tools are missing: install them or rustup's llvm-tools")
                })?;
        }
        Ok(Self {
            folder,
            suffix: String::new(),
        })
    }

    fn tool(&self, name: &str) -> Command {
        Command::new(self.folder.join(format!("{name}{}", self.suffix)))
    }

    /// Sums the lines of the wanted files below `src/`.
    fn lines(
        &self,
        profiles: &Path,
        objects: &[PathBuf],
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Covered> {
        let merged = profiles.join("merged.profdata");
        let raw = with_extension(profiles, "profraw")?;
        run::quiet_step(
            self.tool("llvm-profdata")
                .args(["merge", "-sparse", "-o"])
                .arg(&merged)
                .args(raw),
        )?;

        let mut export = self.tool("llvm-cov");
        export
            .args(["export", "-summary-only"])
            .arg("-instr-profile")
            .arg(&merged);
        for object in objects {
            export.arg("-object").arg(object);
        }
        let report: Value = serde_json::from_str(&run::read(&mut export)?)?;
        let files = report
            .pointer("/data/0/files")
            .and_then(Value::as_array)
            .context("llvm-cov names no files")?;
        let source = env::current_dir()?.join("src");
        let mut covered = Covered::default();
        for file in files {
            let name = file
                .get("filename")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let is_ours =
                Path::new(name).starts_with(&source) || Path::new(name).starts_with("src");
            if is_ours && wanted(name) {
                let count = |pointer| {
                    file.pointer(pointer)
                        .and_then(Value::as_u64)
                        .unwrap_or_default()
                };
                let (reached, all) = (
                    count("/summary/lines/covered"),
                    count("/summary/lines/count"),
                );
                println!("{reached:>6} of {all:>6}  {name}");
                covered.reached += reached;
                covered.all += all;
            }
        }
        if covered.all == 0 {
            bail!("no line of the sources was measured");
        }
        Ok(covered)
    }

    /// Compiles wasm's intermediate code for an ordinary machine: nothing runs it, but it carries the map.
    fn as_object(&self, code: &Path, object: &Path) -> Result<PathBuf> {
        let text = fs::read_to_string(code)?;
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("target datalayout"));
        let retargeted: Vec<_> = lines
            .map(|line| {
                if line.starts_with("target triple") {
                    "target triple = \"x86_64-unknown-linux-gnu\""
                } else {
                    line
                }
            })
            .collect();
        let native_code = object.with_extension("ll");
        fs::write(&native_code, retargeted.join("\n"))?;
        run::quiet_step(
            self.tool("llc")
                .arg("-filetype=obj")
                .arg("-o")
                .arg(object)
                .arg(&native_code),
        )?;
        Ok(object.to_owned())
    }
}

/// An empty folder for one run's files.
fn fresh_folder(name: &str) -> Result<PathBuf> {
    let folder = env::current_dir()?.join(FOLDER).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|ends| ends == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

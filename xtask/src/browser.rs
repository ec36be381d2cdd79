//! Finding the browsers and their drivers.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::tools;

/// Names under which Chromium or Chrome is installed.
const NAMES: &[&str] = &[
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "chrome",
];

const MACOS_CHROME: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// Names under which Firefox is installed.
const FIREFOX_NAMES: &[&str] = &["firefox-esr", "firefox"];

/// What the browser tests of `wasm-pack test` ask of the browser.
const CAPABILITIES: &str = "webdriver.json";

/// Chromium or Chrome: what `CHROME` or `STRONGROOM_CHROMIUM` names, else one that is installed.
pub fn chromium() -> Result<PathBuf> {
    for variable in ["STRONGROOM_CHROMIUM", "CHROME"] {
        if let Some(named) = env::var_os(variable).map(PathBuf::from) {
            if !named.is_file() {
                bail!("{variable} names {}, which does not exist", named.display());
            }
            return Ok(named);
        }
    }
    if let Some(path) = installed() {
        return Ok(path);
    }
    if tools::apt_works() {
        tools::apt_install(&["chromium", "chromium-driver"])?;
    }
    installed().context("Chromium is missing: install Chrome or Chromium, or name it in CHROME")
}

fn installed() -> Option<PathBuf> {
    let macos = Some(PathBuf::from(MACOS_CHROME)).filter(|path| path.is_file());
    NAMES.iter().find_map(|name| tools::which(name)).or(macos)
}

/// Chromium's driver: what `CHROMEDRIVER` names, else the one that is installed, or comes with Chromium. Without one
/// wasm-pack fetches the driver of its own choice.
pub fn driver() -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os("CHROMEDRIVER") {
        return Ok(Some(PathBuf::from(named)));
    }
    chromium()?;
    Ok(tools::which("chromedriver"))
}

/// Firefox and its driver, which scripts are told of.
pub struct Firefox {
    program: PathBuf,
    driver: PathBuf,
}

impl Firefox {
    /// What `STRONGROOM_FIREFOX` and `STRONGROOM_GECKODRIVER` name, else the installed ones, else installs them.
    pub fn find() -> Result<Self> {
        let named = |variable| env::var_os(variable).map(PathBuf::from);
        let installed = || FIREFOX_NAMES.iter().find_map(|name| tools::which(name));
        let mut program = named("STRONGROOM_FIREFOX").or_else(installed);
        if program.is_none() && tools::apt_works() {
            tools::apt_install(&["firefox-esr"])?;
            program = installed();
        }
        Ok(Self {
            program: program
                .context("Firefox is missing: install it, or name it in STRONGROOM_FIREFOX")?,
            driver: match named("STRONGROOM_GECKODRIVER") {
                Some(driver) => driver,
                None => tools::cargo_tool("geckodriver")?,
            },
        })
    }

    /// Tells a script where they are.
    pub fn tell<'a>(&self, script: &'a mut Command) -> &'a mut Command {
        script
            .env("STRONGROOM_FIREFOX", &self.program)
            .env("STRONGROOM_GECKODRIVER", &self.driver)
    }

    /// Both, for people.
    pub fn describe(&self) -> String {
        format!("{}, {}", self.program.display(), self.driver.display())
    }
}

/// Writes the capabilities for this machine's browser and gives the file's path.
pub fn capabilities() -> Result<PathBuf> {
    let common =
        fs::read_to_string(CAPABILITIES).with_context(|| format!("cannot read {CAPABILITIES}"))?;
    let mut all: Value =
        serde_json::from_str(&common).with_context(|| format!("{CAPABILITIES} is not JSON"))?;
    let options = all
        .get_mut("goog:chromeOptions")
        .and_then(Value::as_object_mut)
        .with_context(|| format!("{CAPABILITIES} has no goog:chromeOptions"))?;
    options.insert("binary".to_owned(), json!(chromium()?));
    // Root's Chromium refuses to start with a sandbox.
    if tools::is_root()
        && let Some(arguments) = options.get_mut("args").and_then(Value::as_array_mut)
    {
        arguments.push(json!("--no-sandbox"));
    }
    let path = env::current_dir()?.join("target/webdriver.json");
    fs::write(&path, all.to_string())?;
    Ok(path)
}

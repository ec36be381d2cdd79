//! Everything the other chores need, found or installed.

use anyhow::{Result, bail};

use crate::{browser, native, tools, wasm};

/// Finds every tool and installs what is missing. One line for each; fails when one could not be had.
pub fn all() -> Result<()> {
    let results = [
        report("libclang", native::libclang().map(|()| "found".to_owned())),
        report(
            "tools for archives",
            native::archive_tools().map(|()| "found".to_owned()),
        ),
        report(
            "wasm32 target and clang",
            wasm::Toolchain::find().map(|toolchain| describe(&toolchain)),
        ),
        report(
            "wasm-bindgen",
            tools::wasm_bindgen().map(|path| path.display().to_string()),
        ),
        report(
            "wasm-pack",
            tools::cargo_tool("wasm-pack").map(|path| path.display().to_string()),
        ),
        report(
            "cargo-nextest",
            tools::cargo_tool("cargo-nextest").map(|path| path.display().to_string()),
        ),
        report(
            "npm packages",
            tools::npm_packages().map(|()| "node_modules".to_owned()),
        ),
        report(
            "Chromium",
            browser::chromium().map(|path| path.display().to_string()),
        ),
        report("Chromium's driver", driver()),
        report("Firefox", Ok(firefox())),
    ];
    let missing = results.iter().filter(|found| !**found).count();
    if missing > 0 {
        bail!(
            "{missing} of {} could not be installed: see the lines marked `missing`",
            results.len()
        );
    }
    Ok(())
}

fn report(what: &str, found: Result<String>) -> bool {
    match found {
        Ok(detail) => {
            println!("ok       {what}: {detail}");
            true
        }
        Err(error) => {
            println!("missing  {what}: {error:#}");
            false
        }
    }
}

fn describe(toolchain: &wasm::Toolchain) -> String {
    let variables = toolchain.variables();
    let words: Vec<_> = variables
        .iter()
        .map(|(name, value)| format!("{name}={}", value.display()))
        .collect();
    if words.is_empty() {
        "as the environment has it".to_owned()
    } else {
        words.join(" ")
    }
}

fn driver() -> Result<String> {
    Ok(
        browser::driver()?.map_or("wasm-pack will fetch one".to_owned(), |path| {
            path.display().to_string()
        }),
    )
}

/// Firefox is wanted by one test and by `bench --firefox` only.
fn firefox() -> String {
    match browser::Firefox::find() {
        Ok(firefox) => firefox.describe(),
        Err(error) => format!("none, its test will be skipped: {error:#}"),
    }
}

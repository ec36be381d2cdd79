//! The package's size against its budget.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::package::{self, Profile};
use crate::run;

const WASM_BUDGET_BYTES: u64 = 600 * 1024;
const JAVASCRIPT_BUDGET_BYTES: u64 = 25 * 1024;

/// Prints the sizes of the file named as the script's argument: plain, gzip, brotli.
const MEASURE: &str = "
const { gzipSync, brotliCompressSync } = require('node:zlib');
const file = require('node:fs').readFileSync(process.argv[1]);
console.log(file.length, gzipSync(file, { level: 9 }).length, brotliCompressSync(file).length);
";

/// Builds the package and prints what a page has to load; fails when that is over the budget.
pub fn check() -> Result<()> {
    package::build(Profile::Release)?;
    let mut fits = true;
    for (extension, budget) in [("wasm", WASM_BUDGET_BYTES), ("js", JAVASCRIPT_BUDGET_BYTES)] {
        let mut total = 0;
        for file in package::files(Path::new(package::PACKAGE))? {
            if file.extension().is_some_and(|found| found == extension) {
                let [plain, gzip, brotli] = measure(&file)?;
                println!(
                    "{:32} {plain:>9} bytes {gzip:>8} gzip {brotli:>8} brotli",
                    file.display()
                );
                total += gzip;
            }
        }
        println!(
            "{extension}: {} of {} KB gzip",
            total.div_ceil(1024),
            budget / 1024
        );
        fits &= total <= budget;
    }
    if !fits {
        bail!("the package is over its budget");
    }
    Ok(())
}

fn measure(file: &Path) -> Result<[u64; 3]> {
    let line = run::read(
        std::process::Command::new("node")
            .args(["-e", MEASURE])
            .arg(file),
    )?;
    let sizes: Vec<u64> = line
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    <[u64; 3]>::try_from(sizes)
        .ok()
        .context("three sizes were expected")
}

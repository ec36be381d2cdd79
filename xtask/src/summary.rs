//! Reading what test runners print: their sums, and which tests failed.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Add;
use std::process::ExitStatus;

use serde_json::Value;

use crate::run::without_colours;

/// What became of a run's tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub counts: Counts,
    /// The tests that failed, each once, with its error where the runner's report has it.
    pub failed: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Outcome {
    pub fn of_nextest(output: &str) -> Self {
        // `FAIL [   0.003s] (1/9) strongroom::store a_test`, when it fails and below the sum; also `TIMEOUT`, `SIGABRT`, …
        let failed = output.lines().filter_map(|line| {
            let (status, rest) = line.trim_start().split_once(" [")?;
            let (_, test) = rest.split_once("] ")?;
            let counted = test.trim_start().split_once(") ");
            let test = counted.map_or(test, |(_, test)| test).trim();
            let failing = status.starts_with("SIG")
                || ["FAIL", "LEAK-FAIL", "TIMEOUT", "XFAIL"].contains(&status);
            failing.then(|| test.to_owned())
        });
        Self {
            counts: Counts::of_nextest(output),
            failed: failed.collect(),
        }
    }

    pub fn of_libtest(output: &str) -> Self {
        // `test a_test ... FAILED`, in a browser `... FAIL`.
        let failed = output.lines().filter_map(|line| {
            let (test, status) = line
                .trim_start()
                .strip_prefix("test ")?
                .split_once(" ... ")?;
            status.starts_with("FAIL").then(|| test.to_owned())
        });
        Self {
            counts: Counts::of_libtest(output),
            failed: failed.collect(),
        }
    }

    pub fn of_playwright(report: &str) -> Self {
        let report: Value = serde_json::from_str(report).unwrap_or_default();
        let mut failed = BTreeSet::new();
        failed_specs(&report, &mut failed);
        Self {
            counts: Counts::of_playwright(&report),
            failed,
        }
    }

    /// A script that is one test.
    pub fn of_script(name: &str, status: ExitStatus) -> Self {
        let passed = status.success();
        Self {
            counts: Counts {
                passed: usize::from(passed),
                failed: usize::from(!passed),
                skipped: 0,
            },
            failed: (!passed).then(|| name.to_owned()).into_iter().collect(),
        }
    }

    /// This outcome; one failure more when the runner failed and it shows none, as when nothing compiled.
    pub fn or_failure(mut self, status: ExitStatus) -> Self {
        if !status.success() && self.counts.failed == 0 {
            self.counts = self.counts + Counts::FAILURE;
        }
        self
    }
}

impl From<Counts> for Outcome {
    fn from(counts: Counts) -> Self {
        Self {
            counts,
            failed: BTreeSet::new(),
        }
    }
}

impl Add for Outcome {
    type Output = Self;

    fn add(mut self, mut other: Self) -> Self {
        self.failed.append(&mut other.failed);
        Self {
            counts: self.counts + other.counts,
            failed: self.failed,
        }
    }
}

/// The specs of a report of Playwright's, or of a suite in it, that did not succeed at once: where each is, what it is
/// called, and the errors.
fn failed_specs(suite: &Value, failed: &mut BTreeSet<String>) {
    let list = |value: &Value, name| match value.get(name) {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    let text = |value: &Value, name| match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    for spec in list(suite, "specs") {
        let tests = list(&spec, "tests");
        if !tests
            .iter()
            .any(|test| ["unexpected", "flaky"].contains(&text(test, "status").as_str()))
        {
            continue;
        }
        let results = tests.iter().flat_map(|test| list(test, "results"));
        let errors = results.flat_map(|result| list(&result, "errors"));
        let errors = errors.map(|error| format!("\n{}", without_colours(&text(&error, "message"))));
        failed.insert(format!(
            "{}:{} {}{}",
            text(&spec, "file"),
            text(&spec, "line"),
            text(&spec, "title"),
            errors.collect::<String>()
        ));
    }
    for suite in list(suite, "suites") {
        failed_specs(&suite, failed);
    }
}

impl Counts {
    /// A runner that did not get as far as a sum.
    pub const FAILURE: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };

    /// From nextest: `Summary [ 0.1s] 3 tests run: 2 passed (1 slow), 1 failed, 4 skipped`.
    fn of_nextest(output: &str) -> Self {
        let sum = output
            .lines()
            .filter(|line| line.trim_start().starts_with("Summary ["))
            .filter_map(|line| line.split_once(" run: "))
            .map(|(_, sum)| sum);
        sum.map(|sum| Self::of_words(sum.split(',')))
            .fold(Self::default(), Self::add)
    }

    /// From `cargo test` and `wasm-pack test`: `test result: ok. 3 passed; 0 failed; 1 ignored; …`, once a suite.
    fn of_libtest(output: &str) -> Self {
        let sums = output
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("test result: "));
        sums.filter_map(|sum| sum.split_once(". "))
            .map(|(_, sum)| Self::of_words(sum.split(';')))
            .fold(Self::default(), Self::add)
    }

    /// From Playwright's JSON report.
    fn of_playwright(report: &Value) -> Self {
        let count = |name| {
            let number = report
                .get("stats")
                .and_then(|stats| stats.get(name))
                .and_then(Value::as_u64);
            number
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or_default()
        };
        // A flaky test is one that failed.
        Self {
            passed: count("expected"),
            failed: count("unexpected") + count("flaky"),
            skipped: count("skipped"),
        }
    }

    /// From parts such as ` 2 passed (1 slow)`. Counts that are none of ours (`3 measured`) are left out.
    fn of_words<'a>(parts: impl Iterator<Item = &'a str>) -> Self {
        let mut counts = Self::default();
        for part in parts {
            let mut words = part.split_whitespace();
            let Some(number) = words.next().and_then(|word| word.parse::<usize>().ok()) else {
                continue;
            };
            match words.next() {
                Some("passed") => counts.passed += number,
                Some("failed" | "timed" | "exec") => counts.failed += number,
                Some("skipped" | "ignored") => counts.skipped += number,
                _ => {}
            }
        }
        counts
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Outcome};

    fn outcome(passed: usize, failed: usize, skipped: usize, tests: &[&str]) -> Outcome {
        Outcome {
            counts: Counts {
                passed,
                failed,
                skipped,
            },
            failed: tests.iter().map(|&test| test.to_owned()).collect(),
        }
    }

    #[test]
    fn nextest_counts_what_timed_out_as_failed() {
        let output = "        PASS [   0.001s] (1/9) strongroom one\n\
                      \x20       FAIL [   0.001s] (2/9) strongroom::store two\n\
                      \x20    TIMEOUT [  60.001s] (9/9) strongroom::store nine\n\
                      \x20 Summary [   0.003s] 9 tests run: 5 passed (1 slow, 1 flaky), 3 failed, 1 timed out, 4 skipped\n\
                      \x20       FAIL [   0.001s] (2/9) strongroom::store two\n";
        assert_eq!(
            Outcome::of_nextest(output),
            outcome(
                5,
                4,
                4,
                &["strongroom::store two", "strongroom::store nine"]
            )
        );
    }

    #[test]
    fn an_interrupted_nextest_run_is_read_too() {
        let output = "Summary [ 0.1s] 3/5 tests run: 2 passed, 1 failed, 0 skipped";
        assert_eq!(Outcome::of_nextest(output), outcome(2, 1, 0, &[]));
    }

    #[test]
    fn the_suites_of_cargo_test_are_summed() {
        let output = "test one ... ok\ntest src/lib.rs - two (line 3) ... FAILED\n\
                      test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 0s\n";
        assert_eq!(
            Outcome::of_libtest(output),
            outcome(4, 2, 1, &["src/lib.rs - two (line 3)"])
        );
    }

    #[test]
    fn a_flaky_end_to_end_test_is_a_failure_and_named_with_its_errors() {
        let report = r#"{"suites":[{"specs":[],"suites":[{"specs":[
            {"title":"it works","file":"a.ts","line":3,"tests":[{"status":"expected","results":[{"errors":[]}]}]},
            {"title":"it fails","file":"a.ts","line":7,"tests":[{"status":"flaky","results":[{"errors":[{"message":"\u001b[31mno\u001b[39m"}]}]}]}
        ]}]}],"stats":{"expected":7,"unexpected":1,"flaky":1,"skipped":2}}"#;
        assert_eq!(
            Outcome::of_playwright(report),
            outcome(7, 2, 2, &["a.ts:7 it fails\nno"])
        );
    }

    #[test]
    fn a_report_that_is_missing_counts_nothing() {
        assert_eq!(Outcome::of_playwright(""), Outcome::default());
    }
}

//! Reading the sums that test runners print.

use std::fmt;
use std::ops::Add;
use std::process::ExitStatus;

use serde_json::Value;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Counts {
    /// A runner that did not get as far as a sum.
    pub const FAILURE: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };

    /// From nextest: `Summary [ 0.1s] 3 tests run: 2 passed (1 slow), 1 failed, 4 skipped`.
    pub fn of_nextest(output: &str) -> Self {
        let sum = output
            .lines()
            .filter(|line| line.trim_start().starts_with("Summary ["))
            .filter_map(|line| line.split_once(" run: "))
            .map(|(_, sum)| sum);
        sum.map(|sum| Self::of_words(sum.split(',')))
            .fold(Self::default(), Self::add)
    }

    /// From `cargo test` and `wasm-pack test`: `test result: ok. 3 passed; 0 failed; 1 ignored; …`, once a suite.
    pub fn of_libtest(output: &str) -> Self {
        let sums = output
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("test result: "));
        sums.filter_map(|sum| sum.split_once(". "))
            .map(|(_, sum)| Self::of_words(sum.split(';')))
            .fold(Self::default(), Self::add)
    }

    /// From Playwright's JSON report.
    pub fn of_playwright(report: &str) -> Self {
        let report: Value = serde_json::from_str(report).unwrap_or_default();
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

    /// These counts; one failure more when the runner failed and they show none, as when nothing compiled.
    pub fn or_failure(self, status: ExitStatus) -> Self {
        if status.success() || self.failed > 0 {
            self
        } else {
            self + Self::FAILURE
        }
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
    use super::Counts;

    #[test]
    fn nextest_counts_what_timed_out_as_failed() {
        let output = "  Summary [   0.003s] 9 tests run: 5 passed (1 slow, 1 flaky), 3 failed, 1 timed out, 4 skipped\n";
        assert_eq!(
            Counts::of_nextest(output),
            Counts {
                passed: 5,
                failed: 4,
                skipped: 4
            }
        );
    }

    #[test]
    fn an_interrupted_nextest_run_is_read_too() {
        let output = "Summary [ 0.1s] 3/5 tests run: 2 passed, 1 failed, 0 skipped";
        assert_eq!(
            Counts::of_nextest(output),
            Counts {
                passed: 2,
                failed: 1,
                skipped: 0
            }
        );
    }

    #[test]
    fn the_suites_of_cargo_test_are_summed() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 0s\n";
        assert_eq!(
            Counts::of_libtest(output),
            Counts {
                passed: 4,
                failed: 2,
                skipped: 1
            }
        );
    }

    #[test]
    fn a_flaky_end_to_end_test_is_a_failure() {
        let report = r#"{"stats":{"expected":7,"unexpected":1,"flaky":1,"skipped":2}}"#;
        assert_eq!(
            Counts::of_playwright(report),
            Counts {
                passed: 7,
                failed: 2,
                skipped: 2
            }
        );
    }

    #[test]
    fn a_report_that_is_missing_counts_nothing() {
        assert_eq!(Counts::of_playwright(""), Counts::default());
    }
}

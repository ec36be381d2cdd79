//! What a chart's texts give away: outcomes that describe a problem to remove, realities that deny themselves.

use serde::{Deserialize, Serialize};

/// Words of outcomes that take something away instead of creating something.
const PROBLEM_WORDS: [&str; 11] = [
    "fix",
    "solve",
    "eliminate",
    "avoid",
    "prevent",
    "stop",
    "reduce",
    "remove",
    "overcome",
    "resolve",
    "get rid of",
];

/// Words of realities that speak of what is to come instead of what is.
const DENIAL_WORDS: [&str; 5] = [
    "ready to",
    "prepared to",
    "all set",
    "about to",
    "set to begin",
];

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ChartWarningCode {
    /// The outcome describes a problem to remove, not something to create.
    OutcomeDescribesProblem,
    /// The reality says what is about to be, not what is.
    RealityDeniesItself,
    /// The due date is not in the future.
    DueDatePassed,
}

/// Something to reconsider. The chart is kept as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ChartWarning {
    /// What it is about.
    pub code: ChartWarningCode,
    /// The words that gave it away, or the date.
    pub found: String,
    /// A sentence for people.
    pub message: String,
}

pub(super) fn of_outcome(outcome: &str) -> Option<ChartWarning> {
    let found = first_of(&PROBLEM_WORDS, outcome)?;
    Some(ChartWarning {
        code: ChartWarningCode::OutcomeDescribesProblem,
        found: found.to_owned(),
        message: format!("“{found}” describes a problem to remove: what is to be created instead?"),
    })
}

pub(super) fn of_reality(reality: &str) -> Option<ChartWarning> {
    let found = first_of(&DENIAL_WORDS, reality)?;
    Some(ChartWarning {
        code: ChartWarningCode::RealityDeniesItself,
        found: found.to_owned(),
        message: format!("“{found}” speaks of what is to come: what is the case now?"),
    })
}

pub(super) fn of_due_date(due_date: &str, due_at: i64, now_ms: i64) -> Option<ChartWarning> {
    (due_at <= now_ms).then(|| ChartWarning {
        code: ChartWarningCode::DueDatePassed,
        found: due_date.to_owned(),
        message: "the due date is not in the future".to_owned(),
    })
}

/// The first of some words that a text holds, as whole words in upper or lower case.
fn first_of(words: &[&'static str], text: &str) -> Option<&'static str> {
    let text = crate::domain::lower(text);
    let in_text: Vec<&str> = text
        .split(|character: char| !character.is_alphanumeric() && !matches!(character, '-' | '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let found = words.iter().find(|words| {
        let words: Vec<&str> = words.split(' ').collect();
        in_text.windows(words.len()).any(|some| some == words)
    });
    found.copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_found_and_parts_of_words_are_not() {
        for (outcome, expected) in [
            ("Fix the login", Some("fix")),
            ("A house where we get  rid of clutter", Some("get rid of")),
            ("No more bugs: AVOID.", Some("avoid")),
            ("A prefix index", None),
            ("An unavoidable success, resolved, a non-stop flight", None),
            ("Reduced-fat recipes; stopwatch; unsolved mysteries", None),
            ("", None),
        ] {
            let found = of_outcome(outcome).map(|warning| warning.found);
            assert_eq!(found.as_deref(), expected, "{outcome}");
        }
        assert!(of_reality("I am ready to begin").is_some());
        assert!(of_reality("Already together with my team").is_none());
    }
}

//! What a person typed, as terms, and the terms as FTS5 reads them.

use std::ops::ControlFlow;

use super::words;
use crate::error::{Error, Result};

/// The longest query, in bytes.
const MAX_BYTES: usize = 4096;

/// The most terms of a query.
pub const MAX_TERMS: usize = 64;

/// A word, a phrase, or the beginning of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The words that must follow one another.
    pub words: Vec<String>,
    /// The last of them may go on.
    pub is_prefix: bool,
    /// Texts with it are left out.
    pub is_excluded: bool,
}

/// Reads a query: words, `"phrases"`, beginnings `word*`, and `-` before what must not be there. Everything else is text.
///
/// # Errors
/// `invalid_argument` when it is longer than 4 KiB or has more than 64 terms.
pub fn parse(query: &str) -> Result<Vec<Term>> {
    if query.len() > MAX_BYTES {
        return Err(Error::invalid(format!(
            "a query has at most {MAX_BYTES} bytes"
        )));
    }
    let mut terms = Vec::new();
    let mut rest = query.trim_start();
    while !rest.is_empty() {
        let bare = rest
            .strip_prefix('-')
            .filter(|after| !after.starts_with(char::is_whitespace));
        let is_excluded = bare.is_some();
        let bare = bare.unwrap_or(rest);
        let (text, after) = match bare.strip_prefix(is_quote) {
            Some(quoted) => quoted.split_once(is_quote).unwrap_or((quoted, "")),
            None => bare.split_at(bare.find(ends_word).unwrap_or(bare.len())),
        };
        // The star of a phrase stands behind its quote, that of a word is a part of it.
        let starred = after.strip_prefix('*');
        let is_prefix = starred.is_some() || (!bare.starts_with(is_quote) && text.ends_with('*'));
        terms.extend(term(text, is_prefix, is_excluded));
        rest = starred.unwrap_or(after).trim_start();
    }
    if terms.len() > MAX_TERMS {
        return Err(Error::invalid(format!(
            "a query has at most {MAX_TERMS} terms"
        )));
    }
    Ok(terms)
}

const fn is_quote(character: char) -> bool {
    matches!(character, '"' | '“' | '”' | '„' | '«' | '»')
}

fn ends_word(character: char) -> bool {
    character.is_whitespace() || is_quote(character)
}

/// The term of a text; none when there is no word in it.
fn term(text: &str, is_prefix: bool, is_excluded: bool) -> Option<Term> {
    let mut words: Vec<String> = Vec::new();
    let mut is_prefix = is_prefix;
    let mut end = 0;
    let mut is_tail = false;
    words::each(text, &mut |word, span| {
        is_tail = span.end == end;
        end = span.end;
        words.push(word.to_owned());
        ControlFlow::Continue(())
    });
    let last = words.last()?;
    if is_tail {
        // The last pair of a run says all; in a text it may go on.
        words.pop();
    } else if last.chars().count() == 1 && last.chars().all(words::is_unspaced) {
        is_prefix = true;
    }
    Some(Term {
        words,
        is_prefix,
        is_excluded,
    })
}

/// What FTS5 is asked: rows with one of each group of `labels`, all terms, and none of the excluded ones. None when no
/// term says what must be there. Every word is quoted, and no word holds a quote.
pub fn expression(labels: &[Vec<String>], terms: &[Term]) -> Option<String> {
    let (excluded, wanted): (Vec<&Term>, Vec<&Term>) =
        terms.iter().partition(|term| term.is_excluded);
    if wanted.is_empty() {
        return None;
    }
    let mut out = String::from("(");
    for group in labels {
        out.push('(');
        for (label, place) in group.iter().zip(0..) {
            out.push_str(if place == 0 { "\"" } else { " OR \"" });
            out.push_str(label);
            out.push('"');
        }
        out.push_str(") AND ");
    }
    list(&mut out, &wanted, " AND ");
    out.push(')');
    if !excluded.is_empty() {
        out.push_str(" NOT (");
        list(&mut out, &excluded, " OR ");
        out.push(')');
    }
    Some(out)
}

fn list(out: &mut String, terms: &[&Term], between: &str) {
    for (term, place) in terms.iter().zip(0..) {
        if place > 0 {
            out.push_str(between);
        }
        out.push('"');
        for word in &term.words {
            out.push_str(word);
            out.push(' ');
        }
        out.push('"');
        if term.is_prefix {
            out.push('*');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> String {
        expression(&[], &parse(query).unwrap()).unwrap_or_default()
    }

    #[test]
    fn words_phrases_beginnings_and_exclusions_are_told_apart() {
        assert_eq!(asked("Oauth token"), r#"("oauth " AND "token ")"#);
        assert_eq!(
            asked("\"access token\" -refresh"),
            r#"("access token ") NOT ("refresh ")"#
        );
        assert_eq!(
            asked("config* -“old one” -x"),
            r#"("config "*) NOT ("old one " OR "x ")"#
        );
        assert_eq!(asked("\"the beg\"* don't"), r#"("the beg "* AND "don t ")"#);
        assert_eq!(asked("\"open end"), r#"("open end ")"#);
    }

    #[test]
    fn the_signs_of_fts5_are_text() {
        assert_eq!(asked("a AND b OR c NOT d"), asked("a and b or c not d"));
        assert_eq!(
            asked("NEAR(a b, 5) words:x ^y"),
            r#"("near a " AND "b " AND "5 " AND "words x " AND "y ")"#
        );
        assert_eq!(asked("- -- * \" ' ; ) ("), "");
        assert_eq!(
            asked("well-known e-mail"),
            r#"("well known " AND "e mail ")"#
        );
    }

    #[test]
    fn a_part_of_a_run_is_a_phrase_and_one_character_a_beginning() {
        assert_eq!(asked("全文検索"), r#"("全文 文検 検索 ")"#);
        assert_eq!(asked("索"), r#"("索 "*)"#);
        assert_eq!(asked("日本語ok"), r#"("日本 本語 語 ok ")"#);
        assert_eq!(asked("\"東京 駅\""), r#"("東京 京 駅 "*)"#);
    }

    #[test]
    fn what_says_only_what_must_not_be_there_asks_nothing() {
        assert_eq!(asked("-a -b"), "");
        assert!(parse(&"a ".repeat(65)).is_err());
        assert!(parse(&"a".repeat(4097)).is_err());
    }
}

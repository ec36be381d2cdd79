//! A piece of a stored text around what was found in it.

use std::ops::{ControlFlow, Range};

use serde::Serialize;

use super::terms::Term;
use super::words;

/// Bytes shown before the first match, and from it on: about two lines.
const BEFORE_BYTES: usize = 64;
const AFTER_BYTES: usize = 192;

/// Stands where the text goes on.
const MORE: char = '…';

/// A piece of a text with what was found in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Snippet {
    /// The text, each white space as one space; `…` stands where it goes on.
    pub text: String,
    /// Where the matches are: from and to, counted as JavaScript counts.
    pub marks: Vec<[u32; 2]>,
}

/// Cuts the piece around the first match, with every match in it marked. Without one it is the text's beginning.
pub fn cut(text: &str, terms: &[Term]) -> Snippet {
    let found = find(text, terms);
    let first = found.first().map_or(0, |found| found.start);
    let start = begin(text, first);
    let end = finish(text, first);
    let mut out = String::new();
    let mut marks: Vec<[u32; 2]> = Vec::new();
    let mut units = 0;
    if start > 0 {
        out.push(MORE);
        units += 1;
    }
    let mut found = found.iter().filter(|found| found.start < end).peekable();
    let shown = text.get(start..end).unwrap_or_default();
    for (offset, character) in shown.char_indices() {
        let at = start + offset;
        let before = units;
        units += if character.len_utf16() == 1 { 1 } else { 2 };
        out.push(if character.is_whitespace() {
            ' '
        } else {
            character
        });
        let Some(range) = found.peek() else { continue };
        if range.start == at {
            marks.push([before, units]);
        }
        if let Some(mark) = marks.last_mut().filter(|_| range.contains(&at)) {
            mark[1] = units;
        }
        if at + character.len_utf8() >= range.end {
            found.next();
        }
    }
    if end < text.len() {
        out.push(MORE);
    }
    Snippet { text: out, marks }
}

/// Where to begin so that `first` is shown with something before it: behind a space if there is one.
fn begin(text: &str, first: usize) -> usize {
    let earliest = text.floor_char_boundary(first.saturating_sub(BEFORE_BYTES));
    if earliest == 0 {
        return 0;
    }
    let before = text.get(earliest..first).unwrap_or_default();
    before
        .find(char::is_whitespace)
        .map_or(earliest, |space| earliest + space + 1)
        .min(first)
}

/// Where to end: at a space if there is one not far before.
fn finish(text: &str, first: usize) -> usize {
    let latest = text.ceil_char_boundary(first.saturating_add(AFTER_BYTES));
    if latest == text.len() {
        return latest;
    }
    let least = text.floor_char_boundary(latest - BEFORE_BYTES);
    let after = text.get(least..latest).unwrap_or_default();
    after
        .rfind(char::is_whitespace)
        .map_or(latest, |space| least + space)
}

/// Where the terms match, in order and without overlaps, as far as the snippet reaches.
fn find(text: &str, terms: &[Term]) -> Vec<Range<usize>> {
    let wanted: Vec<&Term> = terms.iter().filter(|term| !term.is_excluded).collect();
    let longest = wanted
        .iter()
        .map(|term| term.words.len())
        .max()
        .unwrap_or(0);
    // The last words, as many as the longest phrase has.
    let mut last: Vec<(String, Range<usize>)> = Vec::with_capacity(longest + 1);
    let mut found: Vec<Range<usize>> = Vec::new();
    words::each(text, &mut |word, span| {
        let reach = found
            .first()
            .map(|first| first.start + AFTER_BYTES + BEFORE_BYTES);
        if reach.is_some_and(|reach| span.start > reach) {
            return ControlFlow::Break(());
        }
        if last.len() == longest && !last.is_empty() {
            last.remove(0);
        }
        last.push((word.to_owned(), span));
        for term in &wanted {
            found.extend(matched(text, term, &last));
        }
        ControlFlow::Continue(())
    });
    join(found)
}

/// What a term matches with its last word at the end of `last`.
fn matched(text: &str, term: &Term, last: &[(String, Range<usize>)]) -> Option<Range<usize>> {
    let start = last.len().checked_sub(term.words.len())?;
    let here = last.get(start..)?;
    let (final_word, whole) = term.words.split_last()?;
    let (end, before) = here.split_last()?;
    let fits = before
        .iter()
        .zip(whole)
        .all(|((word, _), wanted)| word == wanted);
    let ends = if term.is_prefix {
        end.0.starts_with(final_word.as_str())
    } else {
        end.0 == *final_word
    };
    if !(fits && ends) {
        return None;
    }
    let from = here.first()?.1.start;
    // Of a pair whose first character alone was looked for, only that is marked.
    let one_of_a_pair = term.is_prefix
        && end.0 != *final_word
        && final_word.chars().all(words::is_unspaced)
        && final_word.chars().count() == 1;
    let to = if one_of_a_pair {
        let first = text.get(end.1.clone())?.chars().next()?;
        end.1.start + first.len_utf8()
    } else {
        end.1.end
    };
    Some(from..to)
}

/// Matches in order, those that touch the same characters joined.
fn join(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match joined.last_mut() {
            Some(before) if range.start < before.end => before.end = before.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::super::terms::parse;
    use super::*;

    fn marked(text: &str, query: &str) -> (String, Vec<String>) {
        let snippet = cut(text, &parse(query).unwrap());
        let units: Vec<u16> = snippet.text.encode_utf16().collect();
        let marks = snippet
            .marks
            .iter()
            .map(|&[from, to]| String::from_utf16(&units[from as usize..to as usize]).unwrap());
        let marks = marks.collect();
        (snippet.text, marks)
    }

    #[test]
    fn matches_are_marked_whatever_their_case_and_accents() {
        let (text, marks) = marked("Une CRÈME brûlée, s'il vous plaît", "creme \"brulee s\"");
        assert_eq!(text, "Une CRÈME brûlée, s'il vous plaît");
        assert_eq!(marks, ["CRÈME", "brûlée, s"]);
    }

    #[test]
    fn marks_count_as_javascript_does() {
        let (_, marks) = marked("🎉🎉 party\u{a0}🎉 Party", "party");
        assert_eq!(marks, ["party", "Party"]);
    }

    #[test]
    fn parts_of_runs_are_marked_exactly() {
        assert_eq!(marked("私は全文検索が好きです", "文検索").1, ["文検索"]);
        assert_eq!(marked("検索と索引", "索").1, ["索", "索"]);
        assert_eq!(marked("全文検索", "全文 文検").1, ["全文検"]);
        assert_eq!(marked("한국어로 검색", "국어").1, ["국어"]);
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_match_between_words() {
        let long = format!(
            "{} the needle {}",
            "hay ".repeat(500),
            "more hay ".repeat(500)
        );
        let (text, marks) = marked(&long, "needle");
        assert_eq!(marks, ["needle"]);
        assert!(
            text.starts_with("…hay ") && text.ends_with("hay…") || text.ends_with("more…"),
            "{text}"
        );
        assert!(text.len() < BEFORE_BYTES + AFTER_BYTES + 16);
        let (text, marks) = marked(&"字".repeat(1000), "字字字");
        assert!(!marks.is_empty() && text.chars().count() < 100);
    }

    #[test]
    fn lines_become_one_line() {
        let (text, marks) = marked("one\n\ntwo\tthree", "three");
        assert_eq!(
            (text.as_str(), marks),
            ("one  two three", vec!["three".to_owned()])
        );
    }
}

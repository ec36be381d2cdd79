//! Words as the index holds them: folded, and with two-character grams where a script puts no space between its words.
//!
//! Case and the marks of Latin letters do not matter. Each run of Chinese, Japanese, Korean, Thai, Lao, Burmese or Khmer
//! characters becomes its overlapping pairs and its last character, so that every part of it of two or more characters is a
//! phrase of the index, and a single one the beginning of a word.

use std::ops::{ControlFlow, Range};

/// Characters after which a word goes on as the next word: hashes and encoded bytes are long and nobody looks for them whole.
const MAX_WORD_CHARS: usize = 64;

/// What a character is to a word.
enum Class {
    /// A letter or digit, folded.
    Letter(char),
    /// A character of a script without spaces.
    Unspaced(char),
    /// Part of the word before it, and without meaning for the search.
    Mark,
    /// Between words.
    Break,
}

/// Gives every word of a text with the bytes it stands for, until `take` breaks.
pub fn each(text: &str, take: &mut dyn FnMut(&str, Range<usize>) -> ControlFlow<()>) {
    // What is left is told by whoever broke.
    let _ = walk(text, take);
}

/// Appends every word of a text, with a space before each.
pub fn append(text: &str, out: &mut String) {
    each(text, &mut |word, _| {
        out.push(' ');
        out.push_str(word);
        ControlFlow::Continue(())
    });
}

fn walk(
    text: &str,
    take: &mut dyn FnMut(&str, Range<usize>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut word = String::new();
    let mut length = 0;
    let mut span = 0..0;
    let mut run: Option<(char, Range<usize>)> = None;
    let mut gram = String::with_capacity(8);
    let mut characters = text.char_indices().peekable();
    while let Some((start, first)) = characters.next() {
        let mut character = first;
        let mut end = start + first.len_utf8();
        while let Some((_, composed)) = characters
            .peek()
            .and_then(|&(_, next)| Some((next, compose(character, next)?)))
        {
            character = composed;
            if let Some((at, mark)) = characters.next() {
                end = at + mark.len_utf8();
            }
        }
        match class(character) {
            Class::Letter(letter) => {
                if let Some((last, at)) = run.take() {
                    take(single(&mut gram, last), at)?;
                }
                if length == MAX_WORD_CHARS {
                    take(&word, span.clone())?;
                    word.clear();
                }
                if word.is_empty() {
                    (length, span) = (0, start..end);
                }
                word.push(letter);
                length += 1;
                span.end = end;
            }
            Class::Unspaced(character) => {
                if !word.is_empty() {
                    take(&word, span.clone())?;
                    word.clear();
                }
                if let Some((before, at)) = run.replace((character, start..end)) {
                    single(&mut gram, before);
                    gram.push(character);
                    take(&gram, at.start..end)?;
                }
            }
            Class::Mark => {
                if !word.is_empty() {
                    span.end = end;
                }
            }
            Class::Break => {
                if !word.is_empty() {
                    take(&word, span.clone())?;
                    word.clear();
                }
                if let Some((last, at)) = run.take() {
                    take(single(&mut gram, last), at)?;
                }
            }
        }
    }
    if !word.is_empty() {
        take(&word, span)?;
    }
    match run {
        Some((last, at)) => take(single(&mut gram, last), at),
        None => ControlFlow::Continue(()),
    }
}

fn single(gram: &mut String, character: char) -> &str {
    gram.clear();
    gram.push(character);
    gram
}

fn class(character: char) -> Class {
    match character {
        'a'..='z' | '0'..='9' => Class::Letter(character),
        'A'..='Z' => Class::Letter(character.to_ascii_lowercase()),
        '\0'..='\x7F' => Class::Break,
        // Full-width forms of ASCII.
        '\u{FF01}'..='\u{FF5E}' => {
            let narrow = u32::from(character) - 0xFF01 + 0x21;
            class(char::from_u32(narrow).unwrap_or(' '))
        }
        _ if is_unspaced(character) => Class::Unspaced(character),
        _ if is_mark(character) => Class::Mark,
        _ if character.is_alphanumeric() => Class::Letter(fold(character)),
        _ => Class::Break,
    }
}

/// Whether a character is of a script in which words are not told apart by spaces, or are found by their parts.
pub const fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{E01}'..='\u{E3A}' | '\u{E40}'..='\u{E4E}' // Thai
        | '\u{E81}'..='\u{EBD}' | '\u{EC0}'..='\u{ECD}' // Lao
        | '\u{1000}'..='\u{103F}' | '\u{1050}'..='\u{108F}' // Burmese
        | '\u{1100}'..='\u{11FF}'      // Hangul, by letters
        | '\u{1780}'..='\u{17D3}'      // Khmer
        | '\u{3005}' | '\u{3007}'      // repetition mark, zero
        | '\u{3041}'..='\u{3096}' | '\u{309D}'..='\u{309F}' // Hiragana
        | '\u{30A1}'..='\u{30FA}' | '\u{30FC}'..='\u{30FF}' // Katakana
        | '\u{3105}'..='\u{312F}' | '\u{3131}'..='\u{318E}' // Bopomofo, Hangul letters
        | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' // Han
        | '\u{A960}'..='\u{A97C}' | '\u{AC00}'..='\u{D7FB}' // Hangul
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FFDC}'      // half-width forms
        | '\u{1B000}'..='\u{1B16F}'
        | '\u{20000}'..='\u{3FFFF}')
}

/// Accents that stand alone, the signs of vowels in Arabic, and characters that only say how to show their neighbours.
const fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{AD}' | '\u{300}'..='\u{36F}' | '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}'
        | '\u{200C}' | '\u{200D}' | '\u{3099}' | '\u{309A}' | '\u{FE00}'..='\u{FE0F}')
}

fn fold(character: char) -> char {
    let lower = character.to_lowercase().next().unwrap_or(character);
    match lower {
        'ς' => 'σ',
        // What a keyboard without them writes.
        'đ' => 'd',
        'ı' => 'i',
        'ł' => 'l',
        'ø' => 'o',
        _ => without_marks(lower),
    }
}

/// A lower-case Latin letter without its marks; every other character as it is.
fn without_marks(character: char) -> char {
    let code = u32::from(character);
    let Ok(key) = u16::try_from(code << 3 | 7) else {
        return character;
    };
    let place = MARKED.partition_point(|&range| range <= key) - 1;
    match (MARKED.get(place), PLAIN.get(place)) {
        (Some(&range), Some(&letter))
            if letter != b'.' && code <= u32::from(range >> 3) + u32::from(range & 7) =>
        {
            char::from(letter)
        }
        _ => character,
    }
}

/// Ranges of marked letters in the order of Unicode: the first times eight, and how many follow it. From SQLite's `unicode61`.
const MARKED: [u16; 126] = [
    0, 1797, 1848, 1859, 1891, 1928, 1940, 1995, 2024, 2040, 2060, 2110, 2168, 2206, 2264, 2286,
    2344, 2383, 2472, 2488, 2516, 2596, 2668, 2732, 2782, 2842, 2894, 2954, 2984, 3000, 3028, 3336,
    3456, 3696, 3712, 3728, 3744, 3766, 3832, 3896, 3912, 3928, 3944, 3968, 4008, 4040, 4056, 4106,
    4138, 4170, 4202, 4234, 4266, 4296, 4312, 4344, 4408, 4424, 4442, 4472, 4488, 4504, 6148, 6198,
    6264, 6280, 6360, 6429, 6505, 6529, 61448, 61468, 61512, 61534, 61592, 61610, 61642, 61672,
    61688, 61704, 61726, 61784, 61800, 61816, 61836, 61880, 61896, 61914, 61948, 61998, 62062,
    62122, 62154, 62184, 62200, 62218, 62252, 62302, 62364, 62410, 62442, 62478, 62536, 62554,
    62584, 62604, 62640, 62648, 62656, 62664, 62730, 62766, 62830, 62890, 62924, 62974, 63032,
    63050, 63082, 63118, 63182, 63242, 63274, 63310, 63368, 63390,
];

/// The letter of each range without its mark; a dot where there is none.
const PLAIN: &[u8; 126] = b".aceinouyyacdeeghijklnorstuuwyzouaiouuagkoojgnaaeiorusthaeoooy........abcddeeefghhiiklllmnoprrrsstuuvwwxyzhtwyaaaaeeeioooouuuy";

/// The one character that two written one after the other are: Hangul by its letters, kana and their marks. Names of files
/// are often spelled so.
fn compose(first: char, second: char) -> Option<char> {
    let (a, b) = (u32::from(first), u32::from(second));
    let composed = match (a, b) {
        (0x1100..=0x1112, 0x1161..=0x1175) => 0xAC00 + ((a - 0x1100) * 21 + b - 0x1161) * 28,
        (0xAC00..=0xD7A3, 0x11A8..=0x11C2) if (a - 0xAC00).is_multiple_of(28) => a + b - 0x11A7,
        (0x3041..=0x3096 | 0x30A1..=0x30F6, 0x3099 | 0x309A) => {
            let katakana = if a >= 0x30A1 { 0x60 } else { 0 };
            let voiced = b == 0x3099;
            let kana = a - katakana;
            katakana
                + match kana {
                    0x3046 if voiced => 0x3094,
                    0x304B..=0x3061 if voiced && kana % 2 == 1 => kana + 1,
                    0x3064 | 0x3066 | 0x3068 if voiced => kana + 1,
                    0x306F..=0x307B if kana.is_multiple_of(3) => kana + b - 0x3098,
                    _ => return None,
                }
        }
        _ => return None,
    };
    char::from_u32(composed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each(text, &mut |word, span| {
            assert!(text.get(span).is_some_and(|written| !written.is_empty()));
            words.push(word.to_owned());
            ControlFlow::Continue(())
        });
        words
    }

    #[test]
    fn case_and_marks_of_latin_letters_do_not_matter() {
        assert_eq!(words("Crème BRÛLÉE, naïve"), ["creme", "brulee", "naive"]);
        assert_eq!(words("cre\u{300}me"), ["creme"]);
        assert_eq!(
            words("Tiếng Việt ở Đà Nẵng"),
            ["tieng", "viet", "o", "da", "nang"]
        );
        assert_eq!(words("ΣΊΣΥΦΟΣ σίσυφος"), ["σίσυφοσ", "σίσυφοσ"]);
        assert_eq!(
            words("ＧＰＴ４ don't snake_case"),
            ["gpt4", "don", "t", "snake", "case"]
        );
    }

    #[test]
    fn the_vowel_signs_of_arabic_do_not_matter() {
        assert_eq!(words("كَتَبَ الكِتَاب"), words("كتب الكتاب"));
    }

    #[test]
    fn runs_without_spaces_become_pairs_and_their_last_character() {
        assert_eq!(words("全文検索。"), ["全文", "文検", "検索", "索"]);
        assert_eq!(words("日本語がOK"), ["日本", "本語", "語が", "が", "ok"]);
        assert_eq!(words("한국어 글"), ["한국", "국어", "어", "글"]);
        assert_eq!(words("字"), ["字"]);
        assert_eq!(words("สวัส"), ["สว", "วั", "ัส", "ส"]);
    }

    #[test]
    fn characters_written_in_parts_are_the_whole_ones() {
        assert_eq!(
            words("\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}"),
            words("한글")
        );
        assert_eq!(
            words("か\u{3099}は\u{309A}ウ\u{3099}ト\u{3099}"),
            words("がぱヴド")
        );
    }

    #[test]
    fn a_long_word_goes_on_as_the_next() {
        let long = "x".repeat(150);
        let lengths: Vec<usize> = words(&long).iter().map(String::len).collect();
        assert_eq!(lengths, [64, 64, 22]);
    }

    #[test]
    fn words_stand_where_they_are_written() {
        let text = "Ünï e\u{301}té 東京";
        let mut found = Vec::new();
        each(text, &mut |_, span| {
            found.push(&text[span]);
            ControlFlow::Continue(())
        });
        assert_eq!(found, ["Ünï", "e\u{301}té", "東京", "京"]);
    }
}

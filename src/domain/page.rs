//! Pages: bounded pieces of a list, each naming where the next begins.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Items of a page when the caller names no limit.
pub const DEFAULT_LIMIT: u32 = 50;

/// The most items a page holds.
pub const MAX_LIMIT: u32 = 1000;

/// A piece of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
}

/// Checks a caller's limit: 1 to 1,000 items, 50 when it names none.
pub fn limit(limit: Option<i64>) -> Result<usize> {
    let limit = limit.unwrap_or(i64::from(DEFAULT_LIMIT));
    if (1..=i64::from(MAX_LIMIT)).contains(&limit) {
        usize::try_from(limit).map_err(|_| Error::invalid("the limit is out of range"))
    } else {
        Err(Error::invalid(format!(
            "a limit is 1 to {MAX_LIMIT}, not {limit}"
        )))
    }
}

/// An opaque place in one list: the numbers of the last item's sort key.
///
/// A cursor names the list it was made by (with its filters) and carries a checksum, so a forged one, or one of another list,
/// is refused instead of giving a wrong page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<i64>);

impl Cursor {
    /// The cursor behind an item whose sort key is `key`, in the list called `list`.
    #[must_use]
    pub fn encode(list: &str, key: &[i64]) -> String {
        let numbers = key
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(".");
        let check = checksum(list, &numbers);
        format!("{numbers}.{check:08x}")
    }

    /// Reads a caller's cursor.
    ///
    /// # Errors
    /// `invalid_argument` unless `encode` made it for the same list, with as many numbers.
    pub fn decode<const N: usize>(list: &str, cursor: Option<&str>) -> Result<Option<[i64; N]>> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let parse = || {
            let (numbers, check) = cursor.rsplit_once('.')?;
            let sound = check == format!("{:08x}", checksum(list, numbers));
            let key = numbers
                .split('.')
                .map(|n| n.parse().ok())
                .collect::<Option<Vec<i64>>>()?;
            if sound { key.try_into().ok() } else { None }
        };
        let key: Option<[i64; N]> = parse();
        key.map(Some).ok_or_else(foreign)
    }

    /// The cursor behind an item whose sort key is a text.
    #[must_use]
    pub fn encode_text(list: &str, key: &str) -> String {
        format!("{:08x}.{key}", checksum(list, key))
    }

    /// Reads a caller's cursor that [`encode_text`](Self::encode_text) made.
    ///
    /// # Errors
    /// `invalid_argument` unless it was made for the same list.
    pub fn decode_text(list: &str, cursor: Option<&str>) -> Result<Option<String>> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let key = cursor
            .split_once('.')
            .filter(|(check, key)| *check == format!("{:08x}", checksum(list, key)));
        key.map(|(_, key)| Some(key.to_owned())).ok_or_else(foreign)
    }
}

#[cold]
fn foreign() -> Error {
    Error::invalid("the cursor is not one that this list gave")
}

fn checksum(list: &str, numbers: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(list.as_bytes());
    hasher.update(&[0]);
    hasher.update(numbers.as_bytes());
    hasher.finalize()
}

/// Cuts a list that was read one item too far into a page, naming the next page by the last item shown.
pub fn cut<T>(mut items: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = if more { items.last().map(cursor) } else { None };
    Page { items, next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_only_to_its_own_list() {
        let cursor = Cursor::encode("conversations", &[5, -7]);
        assert_eq!(
            Cursor::decode::<2>("conversations", Some(&cursor)).unwrap(),
            Some([5, -7])
        );
        for (list, forged) in [
            ("messages", cursor.as_str()),
            ("conversations", "5.-7.00000000"),
            ("conversations", ""),
            ("conversations", "💥"),
        ] {
            assert!(
                Cursor::decode::<2>(list, Some(forged)).is_err(),
                "{list} {forged}"
            );
        }
        assert!(Cursor::decode::<1>("conversations", Some(&cursor)).is_err());
    }

    #[test]
    fn a_cursor_at_a_text_comes_back_only_to_its_own_list() {
        for key in ["", "a.b", "チャート"] {
            let cursor = Cursor::encode_text("entities", key);
            let read = |list: &str, cursor: &str| Cursor::decode_text(list, Some(cursor));
            assert_eq!(read("entities", &cursor).unwrap().as_deref(), Some(key));
            assert!(read("relations", &cursor).is_err());
            assert!(read("entities", &format!("{cursor}x")).is_err());
        }
        assert!(Cursor::decode_text("entities", Some("")).is_err());
    }

    #[test]
    fn limits_outside_one_to_a_thousand_are_refused() {
        for wrong in [-1, 0, 1001, i64::MAX] {
            assert!(limit(Some(wrong)).is_err());
        }
        assert_eq!(limit(None).unwrap(), 50);
    }
}

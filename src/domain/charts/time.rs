//! Times as charts write them: ISO 8601 texts.

use std::time::{Duration, UNIX_EPOCH};

use crate::error::{Error, Result};

/// The end of the year 9999, beyond which there is no such text, in milliseconds since 1970-01-01 UTC.
const END_MS: i64 = 253_402_300_800_000;

/// Reads `YYYY-MM-DD` (its first moment, UTC) or a whole date and time, which is UTC unless it names its offset. Gives
/// milliseconds since 1970-01-01 UTC.
pub fn parse(text: &str) -> Option<i64> {
    let (local, offset_minutes) = split_offset(text);
    let local = match local.len() {
        10 => format!("{local}T00:00:00"),
        _ => local.to_owned(),
    };
    let since = humantime::parse_rfc3339_weak(&local)
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?;
    let at = i64::try_from(since.as_millis()).ok()? - offset_minutes * 60_000;
    (0..END_MS).contains(&at).then_some(at)
}

/// Divides a text before its offset from UTC, given in minutes.
fn split_offset(text: &str) -> (&str, i64) {
    let read = || {
        let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
        let sign = match offset.get(..1)? {
            "+" => 1,
            "-" => -1,
            _ => return None,
        };
        let (hours, minutes) = offset.get(1..)?.split_once(':')?;
        let number = |digits: &str| {
            let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<i64>().ok()).flatten()
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        (local.len() >= 19 && hours < 24 && minutes < 60)
            .then_some((local, sign * (hours * 60 + minutes)))
    };
    read().unwrap_or((text, 0))
}

/// Reads a time that a caller gave.
///
/// # Errors
/// `invalid_argument` when it is neither form.
pub fn read(what: &str, text: &str) -> Result<i64> {
    parse(text).ok_or_else(|| {
        Error::invalid(format!(
            "{what} is not a date such as 2026-12-31 or 2026-12-31T18:00:00Z"
        ))
    })
}

/// Writes a time as charts do: `2026-12-31T18:00:00.000Z`.
pub fn write(ms: i64) -> Result<String> {
    let after = u64::try_from(ms).ok().filter(|_| ms < END_MS);
    let time = after.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    time.map(|time| humantime::format_rfc3339_millis(time).to_string())
        .ok_or_else(|| Error::invalid("the time is outside of the years 1970 to 9999"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read_and_written() {
        let noon = 1_798_718_400_000;
        for text in [
            "2026-12-31T12:00:00.000Z",
            "2026-12-31T12:00:00Z",
            "2026-12-31 12:00:00",
            "2026-12-31T14:30:00+02:30",
            "2026-12-31T06:00:00.000-06:00",
        ] {
            assert_eq!(parse(text), Some(noon), "{text}");
        }
        assert_eq!(parse("2026-12-31"), Some(noon - 43_200_000));
        assert_eq!(write(noon).unwrap(), "2026-12-31T12:00:00.000Z");
        assert_eq!(
            write(parse("2024-02-29").unwrap()).unwrap(),
            "2024-02-29T00:00:00.000Z"
        );
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "soon",
            "2026",
            "2026-02-30",
            "2026-13-01",
            "2026-12-31T25:00:00Z",
            "31.12.2026",
            "1969-12-31",
            "2026-12-31+05:00",
            "2026-12-31T12:00:00+0x:00",
            "１２３４",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(write(-1).is_err() && write(END_MS).is_err() && write(i64::MAX).is_err());
    }
}

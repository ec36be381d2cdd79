//! `search_score`: how well a row of the search index matches, as a function of FTS5's.
//!
//! SQLite's own `bm25` counts every row that holds a word before it judges the first, and its judgement of a row changes
//! with every other row. This one looks at the row alone: it costs nothing for the rows that are not shown, and a page that
//! follows another continues the same order, whatever was written in between.

#![allow(unsafe_code, reason = "FTS5 is extended through C only")]

use std::ffi::{c_int, c_void};
use std::ptr;

use rusqlite::{Connection, ffi};

use crate::error::{Code, Error, Result};

/// How soon more occurrences of a word stop to matter, and how much a long text is held against it: the usual choice.
const SATURATION: f64 = 1.2;
const LENGTH_WEIGHT: f64 = 0.75;

/// The words of a text that is neither short nor long.
const USUAL_WORDS: f64 = 100.0;

/// The score of one word, or phrase, that could not match better.
const FULL_SCORE: f64 = 1_000_000.0;

/// The most words and phrases that are told apart.
const MAX_PHRASES: usize = 64;

/// A function of FTS5's table that is not called here.
type Unused = Option<unsafe extern "C" fn()>;

/// A row that is being looked at. Only FTS5 knows what is in it.
type Context = *mut c_void;

type Function = unsafe extern "C" fn(
    *const Extension,
    Context,
    *mut ffi::sqlite3_context,
    c_int,
    *mut *mut ffi::sqlite3_value,
);

/// The beginning of `Fts5ExtensionApi`, which has been the same since its first version.
#[repr(C)]
struct Extension {
    version: c_int,
    user_data: Unused,
    column_count: Unused,
    row_count: Unused,
    column_total_size: Unused,
    tokenize: Unused,
    phrase_count: Unused,
    phrase_size: Unused,
    instance_count: unsafe extern "C" fn(Context, *mut c_int) -> c_int,
    instance: unsafe extern "C" fn(Context, c_int, *mut c_int, *mut c_int, *mut c_int) -> c_int,
    rowid: Unused,
    column_text: Unused,
    column_size: unsafe extern "C" fn(Context, c_int, *mut c_int) -> c_int,
}

/// The beginning of `fts5_api`, which has been the same since its first version.
#[repr(C)]
struct Api {
    version: c_int,
    create_tokenizer: Unused,
    find_tokenizer: Unused,
    create_function: unsafe extern "C" fn(
        *mut Api,
        *const std::ffi::c_char,
        *mut c_void,
        Option<Function>,
        Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> c_int,
}

/// Adds `search_score(table, skip)` to a connection. It leaves the first `skip` phrases of the query out of account.
pub fn install(db: &Connection) -> Result<()> {
    let mut api: *mut Api = ptr::null_mut();
    let mut statement = ptr::null_mut();
    // SAFETY: the handle is the open connection's; the statement is finalised below, before `api`, which it writes, is gone.
    let created = unsafe {
        let sql = c"SELECT fts5(?1)";
        ffi::sqlite3_prepare_v2(
            db.handle(),
            sql.as_ptr(),
            -1,
            &raw mut statement,
            ptr::null_mut(),
        );
        ffi::sqlite3_bind_pointer(
            statement,
            1,
            (&raw mut api).cast(),
            c"fts5_api_ptr".as_ptr(),
            None,
        );
        ffi::sqlite3_step(statement);
        ffi::sqlite3_finalize(statement);
        if api.is_null() {
            ffi::SQLITE_ERROR
        } else {
            ((*api).create_function)(
                api,
                c"search_score".as_ptr(),
                ptr::null_mut(),
                Some(score),
                None,
            )
        }
    };
    if created == ffi::SQLITE_OK {
        Ok(())
    } else {
        Err(Error::new(
            Code::Internal,
            format!("SQLite's full-text search takes no function: {created}"),
        ))
    }
}

/// SAFETY: called by FTS5 only, with its own table of functions and a row that is being looked at.
unsafe extern "C" fn score(
    api: *const Extension,
    row: Context,
    context: *mut ffi::sqlite3_context,
    count: c_int,
    arguments: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: FTS5 hands in as many arguments as it says, and its functions keep none of the pointers they fill.
    unsafe {
        let skip = if count > 0 {
            ffi::sqlite3_value_int(*arguments)
        } else {
            0
        };
        let mut words = 0;
        let mut instances = 0;
        let mut code = ((*api).column_size)(row, -1, &raw mut words);
        if code == ffi::SQLITE_OK {
            code = ((*api).instance_count)(row, &raw mut instances);
        }
        let mut found = [0u16; MAX_PHRASES];
        for instance in 0..instances {
            let (mut phrase, mut column, mut offset) = (0, 0, 0);
            if code == ffi::SQLITE_OK {
                code = ((*api).instance)(
                    row,
                    instance,
                    &raw mut phrase,
                    &raw mut column,
                    &raw mut offset,
                );
            }
            let place = usize::try_from(phrase - skip).ok();
            if let Some(times) = place.and_then(|place| found.get_mut(place)) {
                *times = times.saturating_add(1);
            }
        }
        if code == ffi::SQLITE_OK {
            ffi::sqlite3_result_int64(context, judge(&found, words));
        } else {
            ffi::sqlite3_result_error_code(context, code);
        }
    }
}

/// The score of a text of so many words that holds each phrase so many times.
fn judge(found: &[u16], words: c_int) -> i64 {
    let length = 1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * f64::from(words) / USUAL_WORDS;
    let scores = found.iter().map(|&times| {
        let times = f64::from(times);
        times / (times + SATURATION * length)
    });
    #[allow(clippy::cast_possible_truncation, reason = "a few millions at most")]
    let score = (scores.sum::<f64>() * FULL_SCORE) as i64;
    score
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_occurrences_and_shorter_texts_score_higher() {
        assert!(judge(&[2], 100) > judge(&[1], 100));
        assert!(judge(&[1, 1], 100) > judge(&[9, 0], 100));
        assert!(judge(&[1], 10) > judge(&[1], 1000));
        assert_eq!(judge(&[0], 5), 0);
    }
}

//! The one error type. Match on [`Error::code`]; the message is for people.

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

/// A specialised `Result` for everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, as a stable name that callers may match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// An argument is of the wrong type, out of range, or makes no sense. Nothing changed.
    InvalidArgument,
    /// A text holds lone surrogates, so it cannot be stored as written. Nothing changed.
    InvalidText,
    /// No such record, or none that this caller may see.
    NotFound,
    /// The record moved on since the version the caller saw, or it already exists.
    Conflict,
    /// The disk or the origin's quota is full. What was acknowledged is kept; free space and retry.
    QuotaExceeded,
    /// This browser or mode cannot do it; the message says why.
    Unsupported,
    /// Stored data failed a check and was not returned as data.
    Corrupt,
    /// The store was written by a newer version of this package and was left untouched.
    SchemaTooNew,
    /// The browser evicted the store's files.
    StorageEvicted,
    /// Another tab or process owns the store.
    Locked,
    /// The store, stream or handle has been closed.
    Closed,
    /// The caller's signal aborted the call.
    Aborted,
    /// The call took longer than the caller allowed.
    Timeout,
    /// The worker ended while the call was in flight: it may or may not have happened.
    /// Repeat it with the same `requestId` to find out and to finish it.
    Indeterminate,
    /// An archive failed verification and was not imported.
    ArchiveInvalid,
    /// The disk failed in a way that is not a full disk.
    Io,
    /// A defect in this package.
    Internal,
}

impl Code {
    /// The stable name, as callers in JavaScript see it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::InvalidText => "invalid_text",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::QuotaExceeded => "quota_exceeded",
            Self::Unsupported => "unsupported",
            Self::Corrupt => "corrupt",
            Self::SchemaTooNew => "schema_too_new",
            Self::StorageEvicted => "storage_evicted",
            Self::Locked => "locked",
            Self::Closed => "closed",
            Self::Aborted => "aborted",
            Self::Timeout => "timeout",
            Self::Indeterminate => "indeterminate",
            Self::ArchiveInvalid => "archive_invalid",
            Self::Io => "io",
            Self::Internal => "internal",
        }
    }

    /// Whether the same call may succeed later without being changed.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Self::QuotaExceeded | Self::Locked | Self::Timeout | Self::Indeterminate | Self::Io
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure: a stable [`Code`], a sentence for people, and what lay beneath it where that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    cause: Option<String>,
}

impl Error {
    /// An error with a message of its own.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
        }
    }

    /// The same error, naming what lay beneath it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Shorthand for [`Code::InvalidArgument`].
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// Shorthand for [`Code::NotFound`]: `what` is the kind of record, `id` what was asked for.
    pub fn not_found(what: &str, id: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} {id}"))
    }

    /// Shorthand for [`Code::Corrupt`].
    pub fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Corrupt, message)
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What lay beneath, if anything is known.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// As JavaScript sees it: `{ code, message, retryable, cause? }`.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Error", 4)?;
        object.serialize_field("code", &self.code)?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("retryable", &self.code.retryable())?;
        match &self.cause {
            Some(cause) => object.serialize_field("cause", cause)?,
            None => object.skip_field("cause")?,
        }
        object.end()
    }
}

//! What a browser's file answers mean. Nothing here touches a browser.

use crate::error::{Code, Error, Result};

/// The code for an error that a browser's file call threw or rejected with, by the error's name.
pub fn code_of(name: &str) -> Code {
    match name {
        "NoModificationAllowedError" => Code::Locked,
        "InvalidStateError" => Code::Closed,
        "NotFoundError" => Code::NotFound,
        "QuotaExceededError" => Code::QuotaExceeded,
        "SecurityError" | "NotAllowedError" | "NotSupportedError" => Code::Unsupported,
        _ => Code::Io,
    }
}

/// Checks that a write of `asked` bytes, which answered `count`, was whole.
///
/// A full disk answers with a short count, or with a negative error code read as 32 bits without sign.
pub fn check_written(asked: usize, count: f64) -> Result<()> {
    if whole(count) == Some(asked) {
        return Ok(());
    }
    Err(
        Error::new(Code::QuotaExceeded, "the browser has no room for the write")
            .caused_by(format!("{count} of {asked} bytes were written")),
    )
}

/// Checks that a read of at most `asked` bytes, which answered `count`, is possible.
pub fn check_read(asked: usize, count: f64) -> Result<usize> {
    whole(count).filter(|count| *count <= asked).ok_or_else(|| {
        Error::new(Code::Io, "the browser could not read the file")
            .caused_by(format!("{count} of {asked} bytes were read"))
    })
}

/// An offset or size as JavaScript has it.
#[expect(
    clippy::cast_precision_loss,
    reason = "offsets are checked to be exact in a JavaScript number"
)]
pub const fn number(n: u64) -> f64 {
    n as f64
}

/// A size or count that JavaScript gave, if it is a count at all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only what is left unchanged is returned"
)]
pub fn whole<T: TryFrom<u64>>(n: f64) -> Option<T> {
    let count = n as u64;
    let unchanged = number(count).to_bits() == n.to_bits();
    unchanged.then(|| T::try_from(count).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(asked: usize, count: f64) -> Option<Code> {
        check_written(asked, count).err().map(|error| error.code())
    }

    #[test]
    fn a_whole_write_is_done() {
        assert_eq!(written(4096, 4096.0), None);
        assert_eq!(written(1, 1.0), None);
    }

    #[test]
    fn every_other_count_is_a_full_disk() {
        for count in [
            0.0,
            1.0,
            4095.0,
            4097.0,
            4_294_967_288.0,
            -8.0,
            0.5,
            f64::NAN,
        ] {
            assert_eq!(written(4096, count), Some(Code::QuotaExceeded), "{count}");
        }
    }

    #[test]
    fn a_read_counts_at_most_what_was_asked() {
        assert_eq!(check_read(10, 10.0), Ok(10));
        assert_eq!(check_read(10, 0.0), Ok(0));
        for count in [11.0, 4_294_967_288.0, -1.0, f64::INFINITY, f64::NAN] {
            let code = check_read(10, count).map_err(|error| error.code());
            assert_eq!(code, Err(Code::Io), "{count}");
        }
    }

    #[test]
    fn every_error_of_a_browser_has_its_code() {
        let codes = [
            ("NoModificationAllowedError", Code::Locked),
            ("InvalidStateError", Code::Closed),
            ("NotFoundError", Code::NotFound),
            ("QuotaExceededError", Code::QuotaExceeded),
            ("SecurityError", Code::Unsupported),
            ("NotAllowedError", Code::Unsupported),
            ("NotSupportedError", Code::Unsupported),
            ("TypeMismatchError", Code::Io),
            ("UnknownError", Code::Io),
            ("", Code::Io),
        ];
        for (name, code) in codes {
            assert_eq!(code_of(name), code, "{name}");
        }
    }

    #[test]
    fn sizes_past_32_bits_stay_exact() {
        let largest = (1_u64 << 53) - 1;
        assert_eq!(whole::<u64>(number(largest)), Some(largest));
        assert_eq!(whole::<u32>(number(1 << 32)), None);
    }
}

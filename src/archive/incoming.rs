//! What comes in, whatever it is: an archive, or other programs' exports.

use std::rc::Rc;

use super::foreign::{Foreign, ImportFormat, is_zip};
use super::stage::{Staged, Staging};
use super::zip::Zip;
use super::{MANIFEST, Source};
use crate::disk::File;
use crate::error::{Code, Error, Result};
use crate::store::Store;

/// How a file begins that was encrypted with age, as it is and in armour.
const AGE: [&[u8]; 2] = [
    b"age-encryption.org/v1",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
];

/// Whether a file that begins like this is encrypted with age; 34 bytes tell.
#[must_use]
pub fn is_encrypted(beginning: &[u8]) -> bool {
    AGE.iter().any(|age| beginning.starts_with(age))
}

/// Records on their way in, beside the live store.
pub enum Incoming {
    /// An archive.
    Archive(Box<Staging>),
    /// Other programs' exports.
    Foreign(Box<Foreign>),
}

impl Incoming {
    /// Begins to read files, each with its name; what they are is told by what is in them. Of several archives it is the newest, with
    /// those that it builds on. The files must stay as they are.
    ///
    /// # Errors
    /// `unsupported` for what is encrypted, and as for an archive or an export.
    pub async fn begin(store: &Store, files: Vec<(String, Rc<dyn File>)>) -> Result<Self> {
        let mut are_archives = !files.is_empty();
        for (name, file) in &files {
            let mut first = [0; 34];
            let read = file.read_at(&mut first, 0)?;
            if is_encrypted(first.get(..read).unwrap_or_default()) {
                return Err(Error::new(
                    Code::Unsupported,
                    format!("{name:?} is encrypted; decrypt it first"),
                ));
            }
            are_archives = are_archives && is_archive(&**file)?;
        }
        if are_archives {
            return Self::archive(store, Source::of(files)?).await;
        }
        let foreign = Foreign::begin(store, files).await?;
        Ok(Self::Foreign(Box::new(foreign)))
    }

    /// Begins to read an archive.
    ///
    /// # Errors
    /// The disk's own.
    pub async fn archive(store: &Store, source: Source) -> Result<Self> {
        let staging = Staging::begin(store, source).await?;
        Ok(Self::Archive(Box::new(staging)))
    }

    /// Does a slice; true while there is more to do.
    ///
    /// # Errors
    /// `archive_invalid` naming the first thing that is not as it should be; `quota_exceeded` when there is no room.
    pub async fn step(&mut self, store: &mut Store) -> Result<bool> {
        match self {
            Self::Archive(staging) => staging.step(store).await,
            Self::Foreign(foreign) => foreign.step(store).await,
        }
    }

    /// What was read; all of it once [`step`](Self::step) says so.
    pub const fn staged(&self) -> &Staged {
        match self {
            Self::Archive(staging) => staging.staged(),
            Self::Foreign(foreign) => foreign.staged(),
        }
    }

    /// What was found in other programs' exports.
    pub fn formats(&self) -> &[ImportFormat] {
        match self {
            Self::Archive(_) => &[],
            Self::Foreign(foreign) => foreign.formats(),
        }
    }

    /// Bytes read, and bytes there are.
    pub const fn progress(&self) -> (u64, u64) {
        match self {
            Self::Archive(staging) => staging.progress(),
            Self::Foreign(foreign) => foreign.progress(),
        }
    }

    /// Records of which it tells.
    pub fn records(&self) -> u64 {
        match self {
            Self::Archive(staging) => staging.records(),
            Self::Foreign(foreign) => foreign.records(),
        }
    }

    /// Lets go of all that was kept. What the store took of it stays.
    ///
    /// # Errors
    /// The disk's own; what is left is removed when the store is opened.
    pub async fn let_go(self, store: &mut Store) -> Result<()> {
        match self {
            Self::Archive(staging) => staging.let_go(store).await,
            Self::Foreign(foreign) => foreign.let_go(store).await,
        }
    }
}

/// Whether a file is an archive, or a zip that is broken, of which the archive's reader says why. Any other zip holds an
/// export.
fn is_archive(file: &dyn File) -> Result<bool> {
    Ok(is_zip(file)? && Zip::open(file).map_or(true, |zip| zip.find(MANIFEST).is_some()))
}

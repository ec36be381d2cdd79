//! An archive with the files that its entries lie in: itself, and of a backup those that it builds on.

use std::collections::HashSet;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::zip::{Entry, EntryReader, Zip};
use super::{EntrySum, MANIFEST, Manifest, VERSION, hash_of, hex, invalid};
use crate::database::migrate::LATEST;
use crate::disk::{Disk, File, OpenMode};
use crate::error::{Code, Error, Result};

/// An archive whose manifest was read, and told of what is really there.
pub struct Source {
    /// What it says of itself.
    pub manifest: Manifest,
    own: Part,
    bases: Vec<(String, Part)>,
}

struct Part {
    file: Rc<dyn File>,
    zip: Zip,
}

impl Part {
    fn open(file: Rc<dyn File>) -> Result<Self> {
        let zip = Zip::open(&*file)?;
        Ok(Self { file, zip })
    }
}

impl Source {
    /// Opens an archive, given with the files that it builds on: of several archives of one store the newest. The files must stay
    /// as they are.
    ///
    /// # Errors
    /// `archive_invalid` when one is none, another that it builds on is missing, or its entries are not those that it tells of;
    /// `schema_too_new` when a newer version of this package made it; `invalid_argument` when they are of several stores.
    pub fn of(files: Vec<(String, Rc<dyn File>)>) -> Result<Self> {
        let mut opened = Vec::new();
        for (name, file) in files {
            let (own, manifest) = begin(file)?;
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            opened.push((name, own, manifest));
        }
        let is_one = |pair: &[(String, Part, Manifest)]| match pair {
            [(_, _, one), (_, _, other)] => one.store == other.store,
            _ => true,
        };
        if !opened.windows(2).all(is_one) {
            return Err(Error::invalid(
                "they are archives of several stores; bring them in one after the other",
            ));
        }
        // Exports among them have no number. What others build on is older than they are.
        let is_numbered = opened.iter().all(|(_, _, it)| it.number.is_some());
        let newest = opened.iter().enumerate();
        let newest = newest.max_by_key(|(_, (_, _, it))| {
            let number = it.number.filter(|_| is_numbered);
            (number, &it.created_at, &it.base)
        });
        let newest = newest.map(|(place, _)| place);
        let newest = newest.ok_or_else(|| Error::invalid("there is no archive"))?;
        let (_, own, manifest) = opened.swap_remove(newest);
        let mut bases = Vec::new();
        for base in &manifest.base {
            let found = opened.iter().position(|(name, ..)| name == base);
            let found = found.ok_or_else(|| {
                invalid(format!(
                    "it builds on {base:?}, which is not among the files"
                ))
            })?;
            bases.push((base.clone(), opened.swap_remove(found).1));
        }
        Self::checked(manifest, own, bases)
    }

    /// Opens a file of a folder, with the files beside it that it builds on.
    ///
    /// # Errors
    /// As [`of`](Self::of); `not_found` when there is no such file, `archive_invalid` when one that it builds on is missing.
    pub async fn open_in(disk: &dyn Disk, folder: &str, name: &str) -> Result<Self> {
        let file = disk.open(&path(folder, name), OpenMode::Existing).await?;
        let (own, manifest) = begin(file)?;
        let mut bases = Vec::new();
        for base in &manifest.base {
            let opened = disk.open(&path(folder, base), OpenMode::Existing).await;
            let file = opened.map_err(|error| match error.code() {
                Code::NotFound => invalid(format!("it builds on {base:?}, which is not there")),
                _ => error,
            })?;
            bases.push((base.clone(), Part::open(file)?));
        }
        Self::checked(manifest, own, bases)
    }

    /// Opens a file without those that it builds on: what lies in them is not found.
    ///
    /// # Errors
    /// `archive_invalid` when it is no archive.
    pub(super) fn open_own(file: Rc<dyn File>) -> Result<Self> {
        let (own, manifest) = begin(file)?;
        let bases = Vec::new();
        Ok(Self {
            manifest,
            own,
            bases,
        })
    }

    /// The manifest and the files must tell of the same entries.
    fn checked(manifest: Manifest, own: Part, bases: Vec<(String, Part)>) -> Result<Self> {
        let source = Self {
            manifest,
            own,
            bases,
        };
        let mut named = HashSet::new();
        let mut own_count = 1;
        for sum in &source.manifest.entries {
            let (_, entry) = source.find(sum)?;
            if entry.size != sum.size || sum.name == MANIFEST {
                return Err(invalid(format!("{:?} has another length", sum.name)));
            }
            if !named.insert(&sum.name) {
                return Err(invalid(format!("{:?} is told of twice", sum.name)));
            }
            own_count += usize::from(sum.within.is_none());
        }
        if own_count != source.own.zip.entries().len() {
            return Err(invalid("it has entries that its manifest does not tell of"));
        }
        Ok(source)
    }

    /// Where an entry lies.
    ///
    /// # Errors
    /// `archive_invalid` when it does not.
    pub fn find(&self, sum: &EntrySum) -> Result<(Rc<dyn File>, &Entry)> {
        let missing = || invalid(format!("{:?} is missing", sum.name));
        let part = match &sum.within {
            None => &self.own,
            Some(base) => self
                .bases
                .iter()
                .find(|(name, _)| name == base)
                .map(|(_, part)| part)
                .ok_or_else(missing)?,
        };
        let entry = part.zip.find(&sum.name).ok_or_else(missing)?;
        Ok((part.file.clone(), entry))
    }

    /// Whether an entry takes less room than it is long.
    pub(super) fn is_packed(&self, sum: &EntrySum) -> bool {
        self.find(sum)
            .is_ok_and(|(_, entry)| entry.packed < entry.size)
    }

    /// Begins to read an entry.
    ///
    /// # Errors
    /// `archive_invalid` when it is not where the archive says.
    pub(super) fn reader(&self, sum: &EntrySum) -> Result<SumReader> {
        let (file, entry) = self.find(sum)?;
        let reader = EntryReader::new(&*file, entry)?;
        Ok(SumReader {
            sum: sum.clone(),
            file,
            reader,
            sha256: Sha256::new(),
        })
    }

    /// Begins to read a content; none if the archive does not have it.
    ///
    /// # Errors
    /// As for any entry.
    pub fn content(&self, hash: &str) -> Result<Option<SumReader>> {
        let mut entries = self.manifest.entries.iter();
        let found = entries.find(|sum| hash_of(&sum.name) == Some(hash));
        found.map(|sum| self.reader(sum)).transpose()
    }

    /// All of an entry that is known to be small.
    ///
    /// # Errors
    /// As [`SumReader::read`].
    pub(super) fn read(&self, sum: &EntrySum) -> Result<Vec<u8>> {
        let mut reader = self.reader(sum)?;
        let mut bytes = Vec::new();
        while let Some(more) = reader.read()? {
            bytes.extend(more);
        }
        Ok(bytes)
    }
}

/// An entry that is being read, and must be what was archived.
pub struct SumReader {
    /// What the manifest says of it.
    pub sum: EntrySum,
    file: Rc<dyn File>,
    reader: EntryReader,
    sha256: Sha256,
}

impl SumReader {
    /// The next bytes, some hundred kilobytes at most; none at the end.
    ///
    /// # Errors
    /// `archive_invalid` when it is not what was archived, which is known at its end.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(bytes) = self.reader.next(&*self.file)? {
            self.sha256.update(&bytes);
            return Ok(Some(bytes));
        }
        let sha256 = std::mem::take(&mut self.sha256).finalize();
        if hex(&sha256) == self.sum.sha256 {
            return Ok(None);
        }
        let name = &self.sum.name;
        Err(invalid(format!("{name:?} is not what was archived")))
    }
}

fn begin(file: Rc<dyn File>) -> Result<(Part, Manifest)> {
    let own = Part::open(file)?;
    let manifest = Manifest::read(&*own.file, &own.zip)?;
    if manifest.version > VERSION || manifest.schema > LATEST {
        return Err(Error::new(
            Code::SchemaTooNew,
            format!(
                "the archive was made by {}, which is newer",
                manifest.made_by
            ),
        ));
    }
    Ok((own, manifest))
}

fn path(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

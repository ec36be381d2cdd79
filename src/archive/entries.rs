//! The entries of an archive on their way out, each with its checksum, and at the end what tells of them all.

use sha2::{Digest as _, Sha256};

use super::zip::ZipWriter;
use super::{EntrySum, MANIFEST, Manifest, SUMS, hex};
use crate::error::{Code, Error, Result};

/// What `README.txt` says.
const README: &str = "\
This is an archive made by strongroom: conversations and everything that goes with them.
It is an ordinary zip. Nothing in it needs strongroom to be read.

data/        the records, one file per kind, one JSON object a line (try: jq . data/message.jsonl)
             A message's text is in data/chunk.jsonl, in pieces, by `seq`.
             Times are milliseconds since 1970-01-01 UTC.
charts/      structural tension charts, one file per user and context, in their own format
conversations/  if it is there: every conversation once more, as Markdown, to be read
artifacts/   files, named by the BLAKE3 hash of what is in them;
             data/artifact.jsonl and data/artifact_revision.jsonl say what they are
             (an artifact's revision names a `blob`, data/blob.jsonl gives its hash)
store.sqlite3   if it is there: all records once more, for the sqlite3 shell
SHA256SUMS   check everything with: sha256sum -c SHA256SUMS
manifest.json   what the archive is of, how many records of each kind it has, and every file's size

To put it back, open it with an app that is built on strongroom, or with the strongroom command line.
";

/// An archive that is being written; its bytes wait in `zip` until they are taken.
pub(super) struct Entries {
    pub zip: ZipWriter,
    open: Option<(EntrySum, Sha256)>,
    /// Those that are whole, and those that lie in other files.
    pub sums: Vec<EntrySum>,
}

impl Entries {
    pub fn new(at_ms: i64) -> Self {
        Self {
            zip: ZipWriter::new(at_ms),
            open: None,
            sums: Vec::new(),
        }
    }

    pub fn begin(&mut self, name: &str, is_compressible: bool) -> Result<()> {
        self.zip.begin(name, is_compressible)?;
        self.open(name);
        Ok(())
    }

    /// Begins rows, which are packed as fast as can be: they are most of an archive.
    pub fn begin_rows(&mut self, name: &str) -> Result<()> {
        self.zip.begin_text(name)?;
        self.open(name);
        Ok(())
    }

    fn open(&mut self, name: &str) {
        let entry = EntrySum {
            name: name.to_owned(),
            size: 0,
            sha256: String::new(),
            within: None,
        };
        self.open = Some((entry, Sha256::new()));
    }

    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((entry, sha256)) = &mut self.open {
            entry.size += bytes.len() as u64;
            sha256.update(bytes);
        }
        self.zip.write(bytes)
    }

    pub fn end(&mut self) -> Result<()> {
        if let Some((mut entry, sha256)) = self.open.take() {
            entry.sha256 = hex(&sha256.finalize());
            self.sums.push(entry);
        }
        self.zip.end()
    }

    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Writes an entry that is there as a whole.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.begin(name, true)?;
        self.put(bytes)?;
        self.end()
    }

    /// Writes what the archive says of itself to whoever finds it.
    pub fn readme(&mut self) -> Result<()> {
        self.add("README.txt", README.as_bytes())
    }

    /// Writes the checksums and the manifest, which is told what the entries and their files are. Nothing may follow.
    pub fn finish(&mut self, mut manifest: Manifest) -> Result<()> {
        let mut sums = String::new();
        for sum in self.sums.iter().filter(|sum| sum.within.is_none()) {
            for piece in [&sum.sha256, "  ", &sum.name, "\n"] {
                sums.push_str(piece);
            }
        }
        self.add(SUMS, sums.as_bytes())?;
        manifest.entries = std::mem::take(&mut self.sums);
        let files = manifest.entries.iter().filter_map(|it| it.within.clone());
        manifest.base = files.collect();
        manifest.base.sort_unstable();
        manifest.base.dedup();
        let mut text = serde_json::to_string_pretty(&manifest).map_err(|error| {
            Error::new(Code::Internal, "the manifest is not JSON").caused_by(error)
        })?;
        text.push('\n');
        self.add(MANIFEST, text.as_bytes())?;
        self.zip.finish();
        Ok(())
    }
}

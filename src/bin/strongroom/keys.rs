//! Archives under age encryption (age-encryption.org/v1): read with keys, written for recipients.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, Identity, IdentityFile, Recipient, scrypt, x25519};
use clap::Args;
use strongroom::archive::is_encrypted;
use strongroom::{Code, Error, Result};
use tempfile::TempDir;

use crate::client::io;

/// A file that is encrypted as it is written.
type EncryptedFile = age::stream::StreamWriter<File>;

/// The options that open encrypted files.
#[derive(Args)]
pub struct KeyArguments {
    /// A file whose first line is the passphrase of what is encrypted.
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A file of age identities that open what is encrypted: `AGE-SECRET-KEY-1…`.
    #[arg(long, global = true, value_name = "FILE")]
    identity: Vec<PathBuf>,
}

/// The options that encrypt an archive as it is written.
#[derive(Args)]
pub struct EncryptionArguments {
    /// Encrypt the archive for the owner of this age recipient: `age1…`.
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "encrypt_with")]
    encrypt_to: Vec<String>,
    /// Encrypt the archive with the passphrase in the first line of this file.
    #[arg(long, value_name = "FILE")]
    encrypt_with: Option<PathBuf>,
}

/// What opens encrypted files.
pub struct Keys {
    identities: Vec<Box<dyn Identity>>,
}

impl Keys {
    /// Reads the files that are named.
    pub fn read(arguments: &KeyArguments) -> Result<Self> {
        let mut identities: Vec<Box<dyn Identity>> = Vec::new();
        if let Some(path) = &arguments.passphrase_file {
            identities.push(Box::new(scrypt::Identity::new(passphrase(path)?)));
        }
        for path in &arguments.identity {
            let named = |error: std::io::Error| match error.kind() {
                std::io::ErrorKind::InvalidData => {
                    Error::invalid(format!("{} has a line that is no identity", path.display()))
                }
                _ => unreadable(path, &error),
            };
            let file = File::open(path).map_err(named)?;
            let file = IdentityFile::from_buffer(BufReader::new(file)).map_err(named)?;
            let owned = file.into_identities().map_err(|error| {
                Error::invalid(format!("{} has no identities", path.display())).caused_by(error)
            })?;
            for identity in owned {
                identities.push(identity);
            }
        }
        Ok(Self { identities })
    }

    /// Opens a file for reading, decrypting what is encrypted as it is read.
    pub fn open(&self, path: &Path) -> Result<Reader> {
        let reader = |bytes, is_encrypted| Reader {
            path: path.to_owned(),
            bytes,
            is_encrypted,
        };
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut file = BufReader::new(file);
        let beginning = file.fill_buf().map_err(|error| unreadable(path, &error))?;
        if !is_encrypted(beginning) {
            return Ok(reader(Box::new(file), false));
        }
        let refused = |error| self.refused(path, error);
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(file)).map_err(refused)?;
        let identities = self.identities.iter().map(|identity| &**identity);
        let stream = decryptor.decrypt(identities).map_err(refused)?;
        Ok(reader(Box::new(stream), true))
    }

    /// The file itself when it is plain, or a decrypted copy, which is there for as long as what is returned.
    pub fn plain(&self, path: &Path) -> Result<Plain> {
        let mut reader = self.open(path)?;
        if !reader.is_encrypted {
            return Ok(Plain {
                path: path.to_owned(),
                folder: None,
            });
        }
        let folder = TempDir::new().map_err(|error| io("a folder could not be made", &error))?;
        let copy = folder.path().join("decrypted");
        let mut file = crate::client::new_file(&copy)?;
        reader.copy_to(&mut file, &copy)?;
        Ok(Plain {
            path: copy,
            folder: Some(folder),
        })
    }

    fn refused(&self, path: &Path, error: DecryptError) -> Error {
        let path = path.display();
        let about = match &error {
            _ if self.identities.is_empty() => Error::invalid(format!(
                "{path} is encrypted: name its --passphrase-file or an --identity"
            )),
            DecryptError::NoMatchingKeys
            | DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed => {
                Error::invalid(format!("no key that is given opens {path}"))
            }
            DecryptError::ExcessiveWork { .. } => Error::new(
                Code::Unsupported,
                format!("{path} asks for too much work to try a passphrase"),
            ),
            _ => damaged(&path.to_string()),
        };
        about.caused_by(error)
    }
}

/// A file that is read as plain text.
pub struct Reader {
    path: PathBuf,
    bytes: Box<dyn Read>,
    is_encrypted: bool,
}

impl Reader {
    /// Whether it is decrypted as it is read.
    pub const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Reads what comes next; 0 bytes are the end.
    pub fn read(&mut self, block: &mut [u8]) -> Result<usize> {
        self.bytes.read(block).map_err(|error| {
            if self.is_encrypted {
                return damaged(&self.path.display().to_string()).caused_by(error);
            }
            unreadable(&self.path, &error)
        })
    }

    /// Writes all of it to a file.
    pub fn copy_to(&mut self, file: &mut File, to: &Path) -> Result<u64> {
        let mut block = vec![0; crate::client::BLOCK_BYTES];
        let mut written = 0;
        loop {
            let read = self.read(&mut block)?;
            if read == 0 {
                return Ok(written);
            }
            file.write_all(block.get(..read).unwrap_or_default())
                .map_err(|error| io(&format!("{} cannot be written", to.display()), &error))?;
            written += read as u64;
        }
    }
}

/// A plain file, or a decrypted copy of one.
pub struct Plain {
    path: PathBuf,
    #[allow(dead_code, reason = "it is there to be dropped")]
    folder: Option<TempDir>,
}

impl Plain {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that an archive is written to: plain, or encrypted on the way.
pub enum Writer {
    Plain(File),
    Encrypted(EncryptedFile),
}

impl Writer {
    /// Begins the file in the way that is asked for.
    pub fn new(file: File, encryption: &Encryption) -> Result<Self> {
        let encryptor = match encryption {
            Encryption::None => return Ok(Self::Plain(file)),
            Encryption::Passphrase(passphrase) => {
                Encryptor::with_user_passphrase(passphrase.clone())
            }
            Encryption::Recipients(recipients) => {
                let recipients = recipients.iter().map(|one| one as &dyn Recipient);
                Encryptor::with_recipients(recipients).map_err(|error| {
                    Error::invalid("the archive cannot be encrypted for these").caused_by(error)
                })?
            }
        };
        let writer = encryptor
            .wrap_output(file)
            .map_err(|error| unwritten(&error))?;
        Ok(Self::Encrypted(writer))
    }

    /// Writes all of the bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Encrypted(file) => file.write_all(bytes),
        }
        .map_err(|error| unwritten(&error))
    }

    /// Ends the file, and waits until the disk has it.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::Plain(file) => file.sync_all(),
            Self::Encrypted(file) => file.finish().and_then(|file| file.sync_all()),
        }
        .map_err(|error| unwritten(&error))
    }
}

/// For whom an archive is encrypted.
pub enum Encryption {
    None,
    Passphrase(SecretString),
    Recipients(Vec<x25519::Recipient>),
}

impl Encryption {
    /// Reads what is named.
    pub fn read(arguments: &EncryptionArguments) -> Result<Self> {
        if let Some(path) = &arguments.encrypt_with {
            return Ok(Self::Passphrase(passphrase(path)?));
        }
        if arguments.encrypt_to.is_empty() {
            return Ok(Self::None);
        }
        let recipients = arguments.encrypt_to.iter().map(|text| {
            text.parse()
                .map_err(|problem| Error::invalid(format!("{text:?} is no recipient: {problem}")))
        });
        Ok(Self::Recipients(recipients.collect::<Result<_>>()?))
    }
}

/// The first line of a file.
fn passphrase(path: &Path) -> Result<SecretString> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line)),
        _ => Err(Error::invalid(format!(
            "{} has no passphrase in its first line",
            path.display()
        ))),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    io(&format!("{} cannot be read", path.display()), error)
}

fn unwritten(error: &std::io::Error) -> Error {
    io("the archive cannot be written", error)
}

fn damaged(path: &str) -> Error {
    Error::new(
        Code::ArchiveInvalid,
        format!("{path} is damaged or incomplete: it cannot be decrypted"),
    )
}

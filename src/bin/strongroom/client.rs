//! A store or an archive, asked by name like from a page.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Value, json};
use strongroom::archive::Manifest;
use strongroom::disk::native::NativeDisk;
use strongroom::disk::{Disk as _, OpenMode, ready};
use strongroom::engine::{Answer, Engine, EngineOptions, ImportProgress, Request};
use strongroom::host::SystemHost;
use strongroom::store::{Durability, Event, Options, Pause, Store, no_pause};
use strongroom::stream::StreamSettings;
use strongroom::{Code, Error, Result};
use tempfile::TempDir;

use crate::keys::{Encryption, Keys, Writer};
use crate::output::Output;

/// Bytes moved at once.
pub const BLOCK_BYTES: usize = 1 << 20;

/// An open store.
pub struct Client {
    engine: Engine,
    /// Where an archive was unpacked to be looked at; removed with this.
    #[allow(dead_code, reason = "it is there to be dropped")]
    unpacked: Option<TempDir>,
}

impl Client {
    /// Opens a store's folder, or an archive, which is unpacked into a folder of its own for as long as this lives.
    pub fn open(path: &Path, keys: &Keys, output: &Output) -> Result<Self> {
        if path.is_dir() {
            return Self::store(path);
        }
        let folder = TempDir::new().map_err(|error| io("a folder could not be made", &error))?;
        let mut client = Self::create(folder.path())?;
        client.import(path, keys, &json!({}), false, output)?;
        client.unpacked = Some(folder);
        Ok(client)
    }

    /// Opens a store that is there already, and tells what had to be recovered.
    pub fn store(folder: &Path) -> Result<Self> {
        expect_store(folder)?;
        let disk = Rc::new(NativeDisk::new(folder.to_owned()));
        let store = ready(Store::open(disk, Rc::new(SystemHost), Options::default()))?;
        Ok(Self::over(store))
    }

    /// Opens a store, and makes it if there is none.
    pub fn create(folder: &Path) -> Result<Self> {
        let disk = Rc::new(NativeDisk::new(folder.to_owned()));
        let options = EngineOptions {
            durability: Some(Durability::Relaxed),
            backups: Some(false),
            ..EngineOptions::default()
        };
        let engine = ready(Engine::open(disk, Rc::new(SystemHost), &options))?;
        Ok(Self {
            engine,
            unpacked: None,
        })
    }

    fn over(mut store: Store) -> Self {
        tell_recoveries(&mut store);
        Self {
            engine: Engine::over(store, StreamSettings::default()),
            unpacked: None,
        }
    }

    /// Commits and closes it.
    pub fn close(self) -> Result<()> {
        ready(self.engine.close())
    }

    /// Figures of the store.
    pub fn stats(&self) -> Result<strongroom::engine::StoreStats> {
        self.engine.stats()
    }

    fn rest(&mut self) -> Result<()> {
        while self.engine.needs_tick() {
            ready(self.engine.tick(false))?;
        }
        Ok(())
    }

    /// Calls a method.
    pub fn call(&mut self, method: &str, args: &Value) -> Result<Value> {
        self.rest()?;
        let args = args.to_string();
        let request = Request::new(method, &args);
        match self.engine.turn(&[request]).pop() {
            Some(Answer::Done(json)) => read(&json),
            Some(Answer::Failed(error) | Answer::Again(error)) => Err(error),
            None => Err(Error::new(Code::Internal, "a call was not answered")),
        }
    }

    /// Calls a method that works in slices.
    pub fn task(
        &mut self,
        method: &str,
        args: &Value,
        progress: &mut dyn FnMut(&Value),
    ) -> Result<Value> {
        let args = args.to_string();
        let request = Request::new(method, &args);
        loop {
            self.rest()?;
            let mut tell = |step: &str| {
                if let Ok(step) = read(step) {
                    progress(&step);
                }
            };
            let step = ready(async { Ok(self.engine.task(1, request, &mut tell).await) })?;
            let step = step.ok_or_else(|| unknown(method))?;
            if let Some(json) = step? {
                return read(&json);
            }
        }
    }

    /// Calls a method that moves bytes.
    pub fn bytes(&mut self, method: &str, args: &Value, bytes: &[u8]) -> Result<(Value, Vec<u8>)> {
        self.bytes_telling(method, args, bytes, &mut no_pause)
    }

    /// The same, told how far an import is that is being written.
    fn bytes_telling(
        &mut self,
        method: &str,
        args: &Value,
        bytes: &[u8],
        pause: &mut Pause<'_, ImportProgress>,
    ) -> Result<(Value, Vec<u8>)> {
        self.rest()?;
        let args = args.to_string();
        let request = Request::new(method, &args);
        let answer = ready(async { Ok(self.engine.bytes(request, bytes, pause).await) })?;
        let answer = answer.ok_or_else(|| unknown(method))?;
        let (json, bytes) = answer?;
        Ok((read(&json)?, bytes.unwrap_or_default()))
    }

    /// All items of a list, page by page.
    pub fn all(
        &mut self,
        method: &str,
        args: &Value,
        each: &mut dyn FnMut(&Value) -> Result<()>,
    ) -> Result<()> {
        let mut args = args.clone();
        loop {
            let page = self.call(method, &args)?;
            for item in page["items"].as_array().into_iter().flatten() {
                each(item)?;
            }
            match page.get("nextCursor") {
                Some(cursor) if !cursor.is_null() => args["cursor"] = cursor.clone(),
                _ => return Ok(()),
            }
        }
    }

    /// Brings an archive or other programs' exports in, a file or a folder of files, or only says what that would do.
    pub fn import(
        &mut self,
        from: &Path,
        keys: &Keys,
        options: &Value,
        is_rehearsal: bool,
        output: &Output,
    ) -> Result<Value> {
        let files = files_of(from)?;
        let size = files.iter().map(|(_, size)| size).sum();
        let bar = output.bar("receiving", size);
        let mut args = json!({});
        let mut progress = Value::Null;
        for (path, _) in &files {
            args["name"] = named(from, path);
            let mut file = keys.open(path)?;
            let mut block = vec![0; BLOCK_BYTES];
            loop {
                let read = file.read(&mut block)?;
                let bytes = block.get(..read).unwrap_or_default();
                (progress, _) = self.bytes("imports.receive", &args, bytes)?;
                bar.set_position(progress["done"].as_u64().unwrap_or(0));
                args["import"] = progress["import"].clone();
                if read == 0 {
                    break;
                }
            }
        }
        let import = json!({ "import": progress["import"] });
        let step = json!({ "import": progress["import"], "options": options });
        while progress["phase"] != "ready" {
            (progress, _) = self.bytes("imports.step", &step, &[])?;
            bar.set_message(progress["phase"].as_str().unwrap_or("").to_owned());
            bar.set_length(progress["total"].as_u64().unwrap_or(size));
            bar.set_position(progress["done"].as_u64().unwrap_or(0));
        }
        if is_rehearsal {
            bar.finish_and_clear();
            self.bytes("imports.end", &import, &[])?;
            return Ok(progress["report"].clone());
        }
        bar.set_message("write");
        let mut tell = |progress: &ImportProgress| {
            bar.set_position(progress.done);
            no_pause(progress)
        };
        let done = self.bytes_telling("imports.apply", &import, &[], &mut tell);
        bar.finish_and_clear();
        Ok(done?.0)
    }

    /// Writes an archive to a file, which must not be there.
    pub fn export(
        &mut self,
        request: &Value,
        to: &Path,
        encryption: &Encryption,
        output: &Output,
    ) -> Result<()> {
        let file = new_file(to)?;
        let writer = Writer::new(file, encryption);
        let exported = writer.and_then(|writer| self.export_into(request, writer, output));
        if exported.is_err() {
            // An archive that is not whole is of no use.
            let _ = fs::remove_file(to);
        }
        exported
    }

    fn export_into(&mut self, request: &Value, mut file: Writer, output: &Output) -> Result<()> {
        let (begun, _) = self.bytes("exports.begin", request, &[])?;
        let export = json!({ "export": begun["export"] });
        let bar = output.bar("writing", 0);
        loop {
            let (progress, bytes) = self.bytes("exports.next", &export, &[])?;
            bar.set_length(progress["total"].as_u64().unwrap_or(0));
            bar.set_position(progress["done"].as_u64().unwrap_or(0));
            file.write(&bytes)?;
            if progress["isDone"] == true {
                break;
            }
        }
        file.finish()?;
        bar.finish_and_clear();
        self.bytes("exports.end", &export, &[]).map(|_| ())
    }

    /// Writes an artifact's content to a file, which must not be there.
    pub fn extract(&mut self, artifact: &Value, to: &Path) -> Result<u64> {
        let mut file = new_file(to)?;
        let mut written = 0;
        loop {
            let args = json!({ "id": artifact["id"], "start": written, "length": BLOCK_BYTES });
            let (revision, bytes) = self.bytes("artifacts.read", &args, &[])?;
            file.write_all(&bytes)
                .map_err(|error| io("the content cannot be written", &error))?;
            written += bytes.len() as u64;
            if written >= revision["size"].as_u64().unwrap_or(0) {
                return Ok(written);
            }
        }
    }
}

/// What is brought in: a file with the backups that it builds on, or every file of a folder.
fn files_of(from: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut files = files_in(from)?;
    let Some(Ok(manifest)) = from.is_file().then(|| plain_manifest(from)) else {
        // Whatever else it is, or why it is no archive, is found when it is read.
        return Ok(files);
    };
    for base in manifest.base {
        // Nothing but a name leads to a file beside it. One that is missing is missed when the archive is opened.
        let path = from.with_file_name(&base);
        if path.file_name() == Some(base.as_ref())
            && path.parent() == from.parent()
            && path.is_file()
        {
            files.extend(files_in(&path)?);
        }
    }
    Ok(files)
}

/// What an archive that is not encrypted says of itself.
pub fn plain_manifest(path: &Path) -> Result<Manifest> {
    let missing = || Error::new(Code::NotFound, format!("{} is not there", path.display()));
    let name = path.file_name().and_then(|name| name.to_str());
    let (folder, name) = (path.parent(), name.ok_or_else(missing)?);
    let folder = folder.filter(|folder| *folder != Path::new(""));
    let disk = NativeDisk::new(folder.unwrap_or(Path::new(".")).to_owned());
    let file = ready(disk.open(name, OpenMode::Existing)).map_err(|error| match error.code() {
        Code::NotFound => missing(),
        _ => error,
    })?;
    Manifest::of(&*file)
}

/// A file, or every file of a folder and those below it, with their sizes.
fn files_in(from: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let about = |error: &std::io::Error| io(&format!("{} cannot be read", from.display()), error);
    let metadata = fs::metadata(from).map_err(|error| about(&error))?;
    if !metadata.is_dir() {
        return Ok(vec![(from.to_owned(), metadata.len())]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(from).map_err(|error| about(&error))? {
        files.extend(files_in(&entry.map_err(|error| about(&error))?.path())?);
    }
    files.sort();
    Ok(files)
}

/// The name of a file in what is brought in.
fn named(from: &Path, path: &Path) -> Value {
    let name = match path.strip_prefix(from) {
        Ok(inside) if !inside.as_os_str().is_empty() => inside,
        _ => path.file_name().map_or(path, Path::new),
    };
    name.to_string_lossy().replace('\\', "/").into()
}

fn unknown(method: &str) -> Error {
    Error::invalid(format!("there is no method {method}"))
}

/// Says so where a folder holds no store.
pub fn expect_store(folder: &Path) -> Result<()> {
    if folder.join("lease").is_file() {
        return Ok(());
    }
    Err(Error::new(
        Code::NotFound,
        format!("{} holds no store", folder.display()),
    ))
}

/// Tells on the standard error what an opening had to recover.
pub fn tell_recoveries(store: &mut Store) {
    for event in store.take_events() {
        if let Event::Recovery(recovery) = event {
            eprintln!(
                "recovered: {:?}; {} lines applied again",
                recovery.causes, recovery.replayed
            );
            for damage in &recovery.damage {
                eprintln!("damage: {damage}");
            }
        }
    }
}

/// A new file, which must not be there.
pub fn new_file(path: &Path) -> Result<fs::File> {
    let made = fs::File::options().write(true).create_new(true).open(path);
    made.map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::AlreadyExists => Code::Conflict,
            _ => Code::Io,
        };
        Error::new(code, format!("{} cannot be made", path.display())).caused_by(error)
    })
}

/// Writes a file, which must not be there.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = new_file(path)?.write_all(bytes);
    written.map_err(|error| io(&format!("{} cannot be written", path.display()), &error))
}

/// A folder that is there or is made.
pub fn folder(path: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&path)
        .map_err(|error| io(&format!("{} cannot be made", path.display()), &error))?;
    Ok(path)
}

/// A failure of the file system.
pub fn io(what: &str, error: &std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => Code::NotFound,
        std::io::ErrorKind::StorageFull => Code::QuotaExceeded,
        _ => Code::Io,
    };
    Error::new(code, what.to_owned()).caused_by(error)
}

fn read(json: &str) -> Result<Value> {
    serde_json::from_str(json)
        .map_err(|error| Error::new(Code::Internal, "an answer is not JSON").caused_by(error))
}

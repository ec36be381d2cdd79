//! The browser's Origin Private File System, from a dedicated worker.
//!
//! **Errors.** What the browser throws becomes an error by its name, which stays in the cause. A file that another tab holds is waited
//! for half a second, because browsers release late after a reload, and is then `locked`.
//!
//! **Cancellation.** A future dropped midway leaves the browser to finish what it began: a file may be created or renamed,
//! and one being opened stays locked until the browser's garbage collection.
//!
//! **Not guaranteed.** Browsers do not say when a created, removed or renamed name survives power loss.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemHandle, FileSystemHandleKind, FileSystemReadWriteOptions,
    FileSystemSyncAccessHandle, WorkerGlobalScope,
};

use super::{
    Disk, File, LocalFuture, OpenMode, answer, check_folder, check_path, check_range, check_rename,
};
use crate::error::{Code, Error, Result};

/// How often an open that finds the file locked is tried again.
const LOCK_RETRIES: u32 = 10;
/// The pause before each of these, in milliseconds.
const LOCK_PAUSE_MS: i32 = 50;

/// The most folders that are remembered: those of contents are 256.
const MAX_FOLDERS: usize = 300;

/// The files below one folder of this origin.
pub struct OpfsDisk {
    scope: WorkerGlobalScope,
    root: FileSystemDirectoryHandle,
    /// Folders that were found, because asking for one takes as long as opening a file.
    folders: RefCell<HashMap<String, FileSystemDirectoryHandle>>,
}

impl OpfsDisk {
    /// Opens the folder `root` of this origin, a path as of files, and creates it where it is missing.
    ///
    /// A browser, mode or kind of worker without these files, or one that denies them, is `unsupported`; the message says why.
    pub async fn open(root: &str) -> Result<Self> {
        check_path(root)?;
        let scope = js_sys::global()
            .dyn_into::<WorkerGlobalScope>()
            .map_err(|_| unsupported("files can be kept from a worker only"))?;
        check_support(&scope)?;
        let origin = JsFuture::from(scope.navigator().storage().get_directory());
        let origin = origin.await.map_err(|error| {
            unsupported("this browser denies the origin its private files")
                .caused_by(describe(&error))
        })?;
        let root = folder_in(origin.unchecked_into(), root, true).await?;
        Ok(Self {
            scope,
            root,
            folders: RefCell::default(),
        })
    }

    async fn folder(&self, dir: &str, create: bool) -> Result<FileSystemDirectoryHandle> {
        let known = self.folders.borrow().get(dir).cloned();
        if let Some(folder) = known {
            return Ok(folder);
        }
        let folder = folder_in(self.root.clone(), dir, create).await?;
        let mut folders = self.folders.borrow_mut();
        if folders.len() < MAX_FOLDERS {
            folders.insert(dir.to_owned(), folder.clone());
        }
        Ok(folder)
    }

    async fn file(&self, path: &str, create: bool) -> Result<FileSystemFileHandle> {
        let (dir, _) = split(path);
        match self.file_in_folder(path, create).await {
            // The folder may be gone since it was found.
            Err(error) if create && error.code() == Code::NotFound => {
                self.folders.borrow_mut().remove(dir);
                self.file_in_folder(path, create).await
            }
            found => found,
        }
    }

    async fn file_in_folder(&self, path: &str, create: bool) -> Result<FileSystemFileHandle> {
        let (dir, name) = split(path);
        let folder = self.folder(dir, create).await?;
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        let handle = JsFuture::from(folder.get_file_handle_with_options(name, &options));
        let handle = handle.await.map_err(|error| translate(&error, path))?;
        Ok(handle.unchecked_into())
    }

    async fn create_new(&self, path: &str) -> Result<FileSystemFileHandle> {
        match self.file(path, false).await {
            Ok(_) => Err(Error::new(
                Code::Conflict,
                format!("the file {path} exists already"),
            )),
            Err(error) if error.code() == Code::NotFound => self.file(path, true).await,
            Err(error) => Err(error),
        }
    }

    async fn open_file(&self, path: &str, mode: OpenMode) -> Result<Rc<dyn File>> {
        check_path(path)?;
        let handle = match mode {
            OpenMode::Existing => self.file(path, false).await?,
            OpenMode::Create => self.file(path, true).await?,
            OpenMode::CreateNew => self.create_new(path).await?,
        };
        let access = self.access(&handle, path).await?;
        Ok(Rc::new(OpfsFile {
            access,
            at: FileSystemReadWriteOptions::new(),
        }))
    }

    async fn access(
        &self,
        handle: &FileSystemFileHandle,
        path: &str,
    ) -> Result<FileSystemSyncAccessHandle> {
        let mut retries = LOCK_RETRIES;
        loop {
            let access = JsFuture::from(handle.create_sync_access_handle()).await;
            match access.map_err(|error| translate(&error, path)) {
                Ok(access) => return Ok(access.unchecked_into()),
                Err(error) if error.code() == Code::Locked && retries > 0 => {
                    retries -= 1;
                    self.pause().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn pause(&self) -> Result<()> {
        let mut refusal = None;
        let elapsed = Promise::new(&mut |resolve, _| {
            refusal = self
                .scope
                .set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, LOCK_PAUSE_MS)
                .err();
        });
        let waited = match refusal {
            Some(error) => Err(error),
            None => JsFuture::from(elapsed).await,
        };
        waited.map_err(|error| translate(&error, "the wait for a lock"))?;
        Ok(())
    }

    async fn list_files(&self, dir: &str) -> Result<Vec<String>> {
        check_folder(dir)?;
        let folder = match folder_in(self.root.clone(), dir, false).await {
            Err(error) if error.code() == Code::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = files_in(&folder)
            .await
            .map_err(|error| translate(&error, dir))?;
        names.sort();
        Ok(names)
    }

    async fn remove_file(&self, path: &str) -> Result<bool> {
        check_path(path)?;
        // Asked for first, because removing an entry would remove an empty folder too.
        match self.file(path, false).await {
            Err(error) if error.code() == Code::NotFound => return Ok(false),
            other => other?,
        };
        let (dir, name) = split(path);
        let folder = self.folder(dir, false).await?;
        let removed = JsFuture::from(folder.remove_entry(name)).await;
        removed.map_err(|error| translate(&error, path))?;
        Ok(true)
    }

    async fn rename_file(&self, from: &str, to: &str) -> Result<()> {
        check_rename(from, to)?;
        let handle = self.file(from, false).await?;
        let (dir, name) = split(to);
        let folder = self.folder(dir, true).await?;
        let moved = move_into(&handle, &folder, name).await;
        moved.map_err(|error| translate(&error, from))
    }
}

impl Disk for OpfsDisk {
    fn open<'a>(&'a self, path: &'a str, mode: OpenMode) -> LocalFuture<'a, Result<Rc<dyn File>>> {
        Box::pin(self.open_file(path, mode))
    }

    fn list<'a>(&'a self, dir: &'a str) -> LocalFuture<'a, Result<Vec<String>>> {
        Box::pin(self.list_files(dir))
    }

    fn remove<'a>(&'a self, path: &'a str) -> LocalFuture<'a, Result<bool>> {
        Box::pin(self.remove_file(path))
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> LocalFuture<'a, Result<()>> {
        Box::pin(self.rename_file(from, to))
    }
}

struct OpfsFile {
    access: FileSystemSyncAccessHandle,
    /// One object for every call: only its offset changes.
    at: FileSystemReadWriteOptions,
}

impl File for OpfsFile {
    fn size(&self) -> Result<u64> {
        let size = self.access.get_size().map_err(|error| refused(&error))?;
        answer::whole(size)
            .ok_or_else(|| Error::new(Code::Io, format!("the browser gave the size {size}")))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        check_range(offset, buf.len())?;
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            self.at.set_at_f64(answer::number(offset + done as u64));
            let asked = rest.len();
            let count = self.access.read_with_u8_array_and_options(rest, &self.at);
            match answer::check_read(asked, count.map_err(|error| refused(&error))?)? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        check_range(offset, bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.at.set_at_f64(answer::number(offset));
        let count = self.access.write_with_u8_array_and_options(bytes, &self.at);
        answer::check_written(bytes.len(), count.map_err(|error| refused(&error))?)
    }

    fn truncate(&self, size: u64) -> Result<()> {
        check_range(size, 0)?;
        let done = self.access.truncate_with_f64(answer::number(size));
        done.map_err(|error| refused(&error))
    }

    fn flush(&self) -> Result<()> {
        self.access.flush().map_err(|error| refused(&error))
    }
}

impl Drop for OpfsFile {
    fn drop(&mut self) {
        self.access.close();
    }
}

/// Checks that everything used here is there, so that a store is refused when it is opened and not halfway.
fn check_support(scope: &WorkerGlobalScope) -> Result<()> {
    let needed: [(&[&str], &str); 3] = [
        (
            &["navigator", "storage", "getDirectory"],
            "this browser or mode has no private files for the origin",
        ),
        (
            &[
                "FileSystemFileHandle",
                "prototype",
                "createSyncAccessHandle",
            ],
            "this browser has no synchronous files here; they exist in dedicated workers only",
        ),
        (
            &["FileSystemFileHandle", "prototype", "move"],
            "this browser cannot rename the files of the origin",
        ),
    ];
    for (path, reason) in needed {
        let start = JsValue::from(scope.clone());
        let member = path.iter().try_fold(start, |object, name| {
            Reflect::get(&object, &JsValue::from_str(name))
        });
        if !member.is_ok_and(|member| member.is_function()) {
            return Err(unsupported(reason));
        }
    }
    Ok(())
}

async fn folder_in(
    root: FileSystemDirectoryHandle,
    dir: &str,
    create: bool,
) -> Result<FileSystemDirectoryHandle> {
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(create);
    let mut folder = root;
    for name in dir.split('/').filter(|name| !name.is_empty()) {
        let below = JsFuture::from(folder.get_directory_handle_with_options(name, &options));
        let below = below.await.map_err(|error| translate(&error, dir))?;
        folder = below.unchecked_into();
    }
    Ok(folder)
}

async fn files_in(folder: &FileSystemDirectoryHandle) -> std::result::Result<Vec<String>, JsValue> {
    let entries = folder.values();
    let mut names = Vec::new();
    loop {
        let entry = JsFuture::from(entries.next()?).await?;
        if Reflect::get(&entry, &"done".into())?.is_truthy() {
            return Ok(names);
        }
        let entry = Reflect::get(&entry, &"value".into())?;
        let entry: FileSystemHandle = entry.unchecked_into();
        if entry.kind() == FileSystemHandleKind::File {
            names.push(entry.name());
        }
    }
}

/// `FileSystemFileHandle.move`, which web-sys does not have: it is in every browser, but in no standard.
async fn move_into(
    handle: &FileSystemFileHandle,
    folder: &FileSystemDirectoryHandle,
    name: &str,
) -> std::result::Result<(), JsValue> {
    let method: Function = Reflect::get(handle, &"move".into())?.dyn_into()?;
    let moved: Promise = method.call2(handle, folder, &name.into())?.dyn_into()?;
    JsFuture::from(moved).await?;
    Ok(())
}

/// A path's folder and name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn unsupported(reason: &'static str) -> Error {
    Error::new(Code::Unsupported, reason)
}

fn refused(error: &JsValue) -> Error {
    translate(error, "the open file")
}

fn translate(error: &JsValue, what: &str) -> Error {
    let code = answer::code_of(&text(error, "name"));
    Error::new(code, format!("the browser refused {what}")).caused_by(describe(error))
}

fn describe(error: &JsValue) -> String {
    format!("{}: {}", text(error, "name"), text(error, "message"))
}

fn text(error: &JsValue, member: &str) -> String {
    let text = Reflect::get(error, &member.into()).ok();
    text.and_then(|text| text.as_string()).unwrap_or_default()
}

//! The browser's disk: what every disk does, and how it answers a browser that will not.

use std::rc::Rc;

use js_sys::{Function, Object, Reflect};
use strongroom::disk::conformance::CASES;
use strongroom::disk::opfs::OpfsDisk;
use strongroom::disk::{Disk, File, OpenMode};
use strongroom::{Code, Result};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};
use web_sys::{FileSystemDirectoryHandle, FileSystemRemoveOptions, WorkerGlobalScope};

/// An empty disk of this test's own.
async fn fresh(name: &str) -> OpfsDisk {
    let origin = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let origin = JsFuture::from(origin.navigator().storage().get_directory());
    let origin: FileSystemDirectoryHandle = origin.await.unwrap().unchecked_into();
    let options = FileSystemRemoveOptions::new();
    options.set_recursive(true);
    // It is missing on a first run.
    let _ = JsFuture::from(origin.remove_entry_with_options(name, &options)).await;
    OpfsDisk::open(&format!("{name}/store")).await.unwrap()
}

fn code<T>(outcome: Result<T>) -> Option<Code> {
    outcome.err().map(|error| error.code())
}

#[wasm_bindgen_test]
async fn the_browsers_disk_conforms() {
    let disk = fresh("conforms").await;
    let mut failures = Vec::new();
    for (name, case) in CASES {
        if let Err(error) = case(&disk).await {
            failures.push(format!("{name}: {error}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[wasm_bindgen_test]
async fn a_disk_opened_again_has_its_files() {
    let disk = fresh("again").await;
    let file = disk.open("a/file", OpenMode::CreateNew).await.unwrap();
    file.write_at(b"kept", 0).unwrap();
    drop((file, disk));
    let disk = OpfsDisk::open("again/store").await.unwrap();
    assert_eq!(disk.list("a").await.unwrap(), ["file"]);
    let beside = OpfsDisk::open("again/other").await.unwrap();
    assert!(beside.list("a").await.unwrap().is_empty());
}

#[wasm_bindgen_test]
async fn a_lock_released_soon_is_waited_for() {
    let disk = Rc::new(fresh("released").await);
    let file = disk.open("file", OpenMode::Create).await.unwrap();
    spawn_local({
        let disk = Rc::clone(&disk);
        async move {
            // By then the open below has found the lock.
            disk.open("other/file", OpenMode::Create).await.unwrap();
            drop(file);
        }
    });
    assert_eq!(code(disk.open("file", OpenMode::Existing).await), None);
}

#[wasm_bindgen_test]
async fn a_folder_is_not_opened_or_removed_as_a_file() {
    let disk = fresh("folders").await;
    drop(disk.open("folder/file", OpenMode::Create).await.unwrap());
    disk.remove("folder/file").await.unwrap();
    assert_eq!(
        code(disk.open("folder", OpenMode::Create).await),
        Some(Code::Io)
    );
    assert_eq!(code(disk.remove("folder").await), Some(Code::Io));
    let below = disk.open("folder/file/below", OpenMode::Existing).await;
    assert_eq!(code(below), Some(Code::NotFound));
}

/// Replaces a member of an object, found by its path from the global one, until dropped.
struct Replaced {
    object: JsValue,
    name: &'static str,
    original: JsValue,
}

impl Replaced {
    fn new(path: &[&str], name: &'static str, body: Option<&str>) -> Self {
        let global = JsValue::from(js_sys::global());
        let object = path.iter().fold(global, |object, name| {
            Reflect::get(&object, &(*name).into()).unwrap()
        });
        let original = Reflect::get(&object, &name.into()).unwrap();
        let replacement = body.map_or(JsValue::UNDEFINED, |body| {
            Function::new_no_args(body).into()
        });
        define(&object, name, &replacement);
        Self {
            object,
            name,
            original,
        }
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        define(&self.object, self.name, &self.original);
    }
}

fn define(object: &JsValue, name: &str, value: &JsValue) {
    let descriptor = Object::new();
    Reflect::set(&descriptor, &"value".into(), value).unwrap();
    Reflect::set(&descriptor, &"configurable".into(), &true.into()).unwrap();
    Reflect::set(&descriptor, &"writable".into(), &true.into()).unwrap();
    let object = object.unchecked_ref::<Object>();
    assert!(Reflect::define_property(object, &name.into(), &descriptor).unwrap());
}

#[wasm_bindgen_test]
async fn every_shape_of_a_full_disk_is_quota_exceeded() {
    let disk = fresh("full").await;
    let file = disk.open("file", OpenMode::Create).await.unwrap();
    let access = &["FileSystemSyncAccessHandle", "prototype"];
    let thrown = "throw new DOMException('full', 'QuotaExceededError')";
    let class = "throw typeof QuotaExceededError === 'function' \
        ? new QuotaExceededError('full') : new DOMException('full', 'QuotaExceededError')";
    for body in [thrown, class, "return 4294967288", "return 3", "return 0"] {
        let _full = Replaced::new(access, "write", Some(body));
        let written = file.write_at(b"four", 0);
        assert_eq!(code(written), Some(Code::QuotaExceeded), "{body}");
    }
    for (method, act) in [
        (
            "truncate",
            (|file| file.truncate(1)) as fn(&dyn File) -> Result<()>,
        ),
        ("flush", |file| file.flush()),
    ] {
        let _full = Replaced::new(access, method, Some(thrown));
        assert_eq!(code(act(&*file)), Some(Code::QuotaExceeded), "{method}");
    }
    assert_eq!(code(file.write_at(b"four", 0)), None);
}

#[wasm_bindgen_test]
async fn a_file_that_the_browser_closed_is_closed() {
    let disk = fresh("closed").await;
    let file = disk.open("file", OpenMode::Create).await.unwrap();
    let thrown = "throw new DOMException('closed', 'InvalidStateError')";
    let access = &["FileSystemSyncAccessHandle", "prototype"];
    let _closed = Replaced::new(access, "read", Some(thrown));
    let error = file.read_at(&mut [0], 0).unwrap_err();
    assert_eq!(error.code(), Code::Closed);
    assert_eq!(error.cause(), Some("InvalidStateError: closed"));
}

#[wasm_bindgen_test]
async fn a_browser_without_files_is_unsupported_and_says_why() {
    let denied = "return Promise.reject(new DOMException('private', 'SecurityError'))";
    let file = ["FileSystemFileHandle", "prototype"];
    let cases: [(&[&str], &str, Option<&str>, &str); 6] = [
        (&["navigator"], "storage", None, "no private files"),
        (
            &["navigator", "storage"],
            "getDirectory",
            None,
            "no private files",
        ),
        (
            &["navigator", "storage"],
            "getDirectory",
            Some(denied),
            "denies",
        ),
        (&[], "FileSystemFileHandle", None, "dedicated workers"),
        (&file, "createSyncAccessHandle", None, "dedicated workers"),
        (&file, "move", None, "cannot rename"),
    ];
    for (path, name, body, reason) in cases {
        let _missing = Replaced::new(path, name, body);
        let error = OpfsDisk::open("unsupported").await.err().unwrap();
        assert_eq!(error.code(), Code::Unsupported, "{name}");
        assert!(error.message().contains(reason), "{name}: {error}");
    }
    assert!(OpfsDisk::open("unsupported").await.is_ok());
}

/// Not a test of speed, only a glance at it.
#[wasm_bindgen_test]
async fn a_thousand_small_writes_arrive() {
    let disk = fresh("small").await;
    let file = disk.open("file", OpenMode::Create).await.unwrap();
    let clock = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let clock = clock.performance().unwrap();
    let start = clock.now();
    for n in 0..1000 {
        file.write_at(&[b'x'; 600], n * 600).unwrap();
    }
    console_log!("600 bytes written in {:.1} µs", clock.now() - start);
    assert_eq!(file.size().unwrap(), 600_000);
}

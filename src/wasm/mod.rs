//! The binding: the engine as JavaScript sees it. Conversions only; whatever decides lies elsewhere.

mod convert;
mod host;

use std::rc::Rc;

use js_sys::{Array, Function, Promise};
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::disk::memory::MemoryDisk;
use crate::disk::opfs::OpfsDisk;
use crate::disk::{Disk, LocalFuture};
use crate::engine::json::{self, WireAnswers, WireRequest};
use crate::engine::{self, Answer, EngineOptions, ImportProgress};
use crate::error::{Code, Error, Result};
use crate::store::Listening;
use convert::{failure, from_js};
use host::BrowserHost;

/// The folder in the origin's file system that holds every store.
const ROOT: &str = "strongroom";

/// Where a store keeps its files.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Storage {
    Opfs,
    Memory,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OpenOptions {
    name: String,
    storage: Storage,
    engine: EngineOptions,
}

/// An open store. See `engine::Engine`.
#[wasm_bindgen]
pub struct Engine {
    inner: Option<engine::Engine>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens a store by its name. `progress` is told how far its migration is, as JSON.
    pub async fn open(
        options: JsValue,
        progress: Function,
    ) -> std::result::Result<Engine, JsValue> {
        Self::open_inner(options, &mut |step| tell(&progress, step))
            .await
            .map_err(|error| failure(&error))
    }

    async fn open_inner(options: JsValue, progress: &mut dyn FnMut(&str)) -> Result<Engine> {
        let options: OpenOptions = from_js(options)?;
        let host = Rc::new(BrowserHost::new()?);
        let disk: Rc<dyn Disk> = match options.storage {
            Storage::Memory => Rc::new(MemoryDisk::default()),
            Storage::Opfs => {
                check_name(&options.name)?;
                Rc::new(OpfsDisk::open(&format!("{ROOT}/{}", options.name)).await?)
            }
        };
        let inner = engine::Engine::open_telling(disk, host, &options.engine, progress).await?;
        Ok(Engine { inner: Some(inner) })
    }

    /// Answers `[[id, method, arguments, user, requestId], …]` together, in their order: gives `[[id, 0, value], [id, 1, error],
    /// …]`, if anything is answered, then pairs of an id and an error for requests to ask again after the next `tick`.
    pub fn turn(&mut self, requests: &str) -> std::result::Result<Array, JsValue> {
        let engine = self.engine()?;
        let requests: Vec<WireRequest<'_>> =
            json::read_requests(requests).map_err(|error| failure(&error))?;
        let asked: Vec<_> = requests.iter().map(WireRequest::request).collect();
        let mut answers = WireAnswers::default();
        for (request, answer) in requests.iter().zip(engine.turn(&asked)) {
            answers
                .add(request.0, answer)
                .map_err(|error| failure(&error))?;
        }
        let again = std::mem::take(&mut answers.again)
            .into_iter()
            .map(|(id, error)| Array::of2(&number(id), &failure(&error)));
        let again: Array = again.collect();
        Ok(Array::of2(&answers.into_text().into(), &again))
    }

    /// Answers a request that concerns the store as a whole, like `turn`; undefined if there is no such method, null when it
    /// is to be asked again because there is more to do.
    pub async fn task(
        &mut self,
        request: String,
        progress: Function,
    ) -> std::result::Result<JsValue, JsValue> {
        let engine = self.engine()?;
        let mut report = |step: &str| tell(&progress, step);
        let task = async {
            let request: WireRequest<'_> = json::read_requests(&request)?;
            let stepped = engine.task(request.0, request.request(), &mut report).await;
            let answer = match stepped {
                None => return Ok(JsValue::UNDEFINED),
                Some(Ok(None)) => return Ok(JsValue::NULL),
                Some(Ok(Some(value))) => Answer::Done(value),
                Some(Err(error)) => Answer::Failed(error),
            };
            let mut answers = WireAnswers::default();
            answers.add(request.0, answer)?;
            Ok(answers.into_text().into())
        };
        task.await.map_err(|error: Error| failure(&error))
    }

    /// Answers a request that has bytes beside it, or wants some, like `turn`: gives `[answers, bytes]`, without bytes if there
    /// are none; undefined if there is no such method. `pause` is told how far long work is, as JSON, and gives a promise of
    /// whether it goes on; nothing else may be asked until it is kept.
    pub async fn bytes(
        &mut self,
        request: String,
        bytes: &[u8],
        pause: Function,
    ) -> std::result::Result<JsValue, JsValue> {
        let engine = self.engine()?;
        let answer = async {
            let request: WireRequest<'_> = json::read_requests(&request)?;
            let mut pause = |progress: &ImportProgress| -> LocalFuture<'static, bool> {
                Box::pin(goes_on(pause.clone(), json::write(progress)))
            };
            let answered = engine.bytes(request.request(), bytes, &mut pause).await;
            let (answer, bytes) = match answered {
                None => return Ok(JsValue::UNDEFINED),
                Some(Ok((value, bytes))) => (Answer::Done(value), bytes),
                Some(Err(error)) => (Answer::Failed(error), None),
            };
            let mut answers = WireAnswers::default();
            answers.add(request.0, answer)?;
            let bytes = bytes.map_or(JsValue::UNDEFINED, |bytes| {
                js_sys::Uint8Array::from(&*bytes).into()
            });
            Ok(Array::of2(&answers.into_text().into(), &bytes).into())
        };
        answer.await.map_err(|error: Error| failure(&error))
    }

    /// Whether `tick` must come before the next turn.
    #[wasm_bindgen(js_name = needsTick)]
    pub fn needs_tick(&mut self) -> std::result::Result<bool, JsValue> {
        Ok(self.engine()?.needs_tick())
    }

    /// In how many milliseconds `tick` is wanted; undefined when nothing is due.
    #[allow(clippy::cast_precision_loss)] // a wait, not a count
    pub fn due(&mut self) -> std::result::Result<Option<f64>, JsValue> {
        Ok(self.engine()?.due().map(|ms| ms as f64))
    }

    /// Does what is due.
    pub async fn tick(&mut self, idle: bool) -> std::result::Result<(), JsValue> {
        self.engine()?
            .tick(idle)
            .await
            .map_err(|error| failure(&error))
    }

    /// Takes what happened since the last call, as `[events, news]`; undefined when nothing did.
    #[wasm_bindgen(js_name = takeEvents)]
    pub fn take_events(&mut self) -> std::result::Result<Option<String>, JsValue> {
        let (events, news) = self.engine()?.take_events();
        if events.is_empty() && news.is_empty() {
            return Ok(None);
        }
        let text = json::write(&(events, news));
        text.map(Some).map_err(|error| failure(&error))
    }

    /// Gives up the long work that `task` is to be asked again for.
    #[wasm_bindgen(js_name = dropTask)]
    pub fn drop_task(&mut self) -> std::result::Result<(), JsValue> {
        self.engine()?.drop_task();
        Ok(())
    }

    /// Whether measured steps are told, and whether changes are.
    #[wasm_bindgen(js_name = setListening)]
    pub fn set_listening(
        &mut self,
        steps: bool,
        changes: bool,
    ) -> std::result::Result<(), JsValue> {
        self.engine()?.set_listening(Listening { steps, changes });
        Ok(())
    }

    /// Ends open streams as interrupted.
    #[wasm_bindgen(js_name = endStreams)]
    pub async fn end_streams(&mut self) -> std::result::Result<(), JsValue> {
        let engine = self.engine()?;
        engine.end_streams().await.map_err(|error| failure(&error))
    }

    /// Closes the store.
    pub async fn close(&mut self) -> std::result::Result<(), JsValue> {
        match self.inner.take() {
            Some(engine) => Box::pin(engine.close())
                .await
                .map_err(|error| failure(&error)),
            None => Ok(()),
        }
    }

    fn engine(&mut self) -> std::result::Result<&mut engine::Engine, JsValue> {
        let closed = || failure(&Error::new(Code::Closed, "the store is closed"));
        self.inner.as_mut().ok_or_else(closed)
    }
}

/// Tells a step.
fn tell(progress: &Function, step: &str) {
    // A listener that throws must not stop the work it listens to.
    let _thrown = progress.call1(&JsValue::UNDEFINED, &step.into());
}

/// Whether work goes on after a pause; not if that cannot be asked.
async fn goes_on(pause: Function, progress: Result<String>) -> bool {
    let Ok(progress) = progress else { return false };
    let asked = pause.call1(&JsValue::UNDEFINED, &progress.into());
    let answer = match asked {
        Ok(promise) => JsFuture::from(Promise::resolve(&promise)).await,
        Err(thrown) => Err(thrown),
    };
    answer.is_ok_and(|answer| answer.is_truthy())
}

/// A store's name is a folder's name.
fn check_name(name: &str) -> Result<()> {
    if crate::disk::check_path(name).is_err() || name.contains('/') {
        return Err(Error::invalid(
            "a store's name is made of letters, digits, dots, hyphens and underscores",
        ));
    }
    Ok(())
}

/// An id as JavaScript counts.
#[allow(clippy::cast_precision_loss)] // ids are counted up from 1 by the page
fn number(id: u64) -> JsValue {
    (id as f64).into()
}

//! The binding: the engine as JavaScript sees it. Conversions only; whatever decides lies elsewhere.

mod codec;
mod host;

use std::rc::Rc;

use js_sys::{Array, Function};
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::disk::Disk;
use crate::disk::memory::MemoryDisk;
use crate::disk::opfs::OpfsDisk;
use crate::engine::{self, EngineOptions, Request};
use crate::error::{Code, Error, Result};
use codec::{JsCodec, answer, failure, to_js};
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
    /// Opens a store by its name.
    pub async fn open(options: JsValue) -> std::result::Result<Engine, JsValue> {
        Self::open_inner(options)
            .await
            .map_err(|error| failure(&error))
    }

    async fn open_inner(options: JsValue) -> Result<Engine> {
        let options: OpenOptions = codec::from_js(options)?;
        let host = Rc::new(BrowserHost::new()?);
        let disk: Rc<dyn Disk> = match options.storage {
            Storage::Memory => Rc::new(MemoryDisk::default()),
            Storage::Opfs => {
                check_name(&options.name)?;
                Rc::new(OpfsDisk::open(&format!("{ROOT}/{}", options.name)).await?)
            }
        };
        let inner = engine::Engine::open(disk, host, &options.engine).await?;
        Ok(Engine { inner: Some(inner) })
    }

    /// Answers requests together, in their order.
    pub fn turn(&mut self, requests: &Array) -> std::result::Result<Array, JsValue> {
        let engine = self.engine()?;
        let requests = requests
            .iter()
            .map(request)
            .collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(engine.turn(requests).into_iter().map(answer).collect())
    }

    /// Answers a request that concerns the store as a whole; undefined if there is no such method.
    pub async fn task(
        &mut self,
        wire: JsValue,
        progress: Function,
    ) -> std::result::Result<JsValue, JsValue> {
        let engine = self.engine()?;
        let report = |value: JsValue| {
            // A listener that throws must not stop the work it listens to.
            let _thrown = progress.call1(&JsValue::UNDEFINED, &value);
        };
        let answered = engine.task(request(wire)?, report).await;
        Ok(answered.map_or(JsValue::UNDEFINED, |result| {
            answer(match result {
                Ok(value) => engine::Answer::Done(value),
                Err(error) => engine::Answer::Failed(error),
            })
        }))
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

    /// Takes what happened since the last call: events, then news for followers.
    #[wasm_bindgen(js_name = takeEvents)]
    pub fn take_events(&mut self) -> std::result::Result<Array, JsValue> {
        let (events, news) = self.engine()?.take_events();
        Ok(Array::of2(&to_js(&events)?, &to_js(&news)?))
    }

    /// Whether measured steps are told.
    #[wasm_bindgen(js_name = setListening)]
    pub fn set_listening(&mut self, on: bool) -> std::result::Result<(), JsValue> {
        self.engine()?.set_listening(on);
        Ok(())
    }

    /// Ends open streams as interrupted and closes the store.
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

/// A store's name is a folder's name.
fn check_name(name: &str) -> Result<()> {
    if crate::disk::check_path(name).is_err() || name.contains('/') {
        return Err(Error::invalid(
            "a store's name is made of letters, digits, dots, hyphens and underscores",
        ));
    }
    Ok(())
}

/// Reads `[method, args, user, requestId]`.
fn request(wire: JsValue) -> std::result::Result<Request<JsCodec>, JsValue> {
    let wire: Array = wire.dyn_into()?;
    let method = wire.get(0).as_string();
    let method = method.ok_or_else(|| failure(&Error::invalid("a request needs a method")))?;
    Ok(Request {
        method,
        input: wire.get(1),
        user: wire.get(2).as_string(),
        request_id: wire.get(3).as_string(),
    })
}

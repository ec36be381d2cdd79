/** Brings up the wasm engine where this is imported: in the worker, or in the page for a store in memory. */

import { wireError } from './protocol.js';
import type { OpenOptions, WasmSource } from './protocol.js';
import init, { Engine } from './strongroom.js';

/** Loads the wasm, once for each place that imports this, and opens a store; `progress` is told steps of its migration as JSON. */
export async function openEngine(
  options: OpenOptions,
  wasm: WasmSource | undefined | Promise<WasmSource | undefined>,
  progress: (step: string) => void,
): Promise<Engine> {
  try {
    const source = await wasm;
    await init(source === undefined ? undefined : { module_or_path: source });
  } catch (error) {
    const isRefused = error instanceof WebAssembly.CompileError;
    throw wireError(isRefused ? 'unsupported' : 'io', 'the wasm of strongroom could not be loaded', error);
  }
  return Engine.open(options, progress);
}

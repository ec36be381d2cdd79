/** A store in memory, served on this side of a channel: no worker is needed, so it runs wherever wasm does. */

import { openEngine } from './engine.js';
import type { WasmSource } from './protocol.js';
import { serve } from './serve.js';

/** Serves a store on `port` until it is closed. */
export function serveHere(port: MessagePort): void {
  serve(
    port,
    (options, wasm, progress) => openEngine(options, readable(wasm), progress),
    () => port.close(),
  );
}

interface Node {
  getBuiltinModule?(name: 'node:fs/promises'): { readFile(path: URL): Promise<Uint8Array<ArrayBuffer>> };
}

/** The wasm's bytes where it is a file, which Node reads but does not fetch; anything else as it is. */
async function readable(wasm: WasmSource | undefined): Promise<WasmSource | undefined> {
  const url = wasm === undefined ? new URL('./strongroom_bg.wasm', import.meta.url).href : wasm;
  if (typeof url !== 'string' || !url.startsWith('file:')) return wasm;
  // Not an import, which bundlers for browsers would try to follow.
  const node = (globalThis as { process?: Node }).process;
  return (await node?.getBuiltinModule?.('node:fs/promises').readFile(new URL(url))) ?? wasm;
}

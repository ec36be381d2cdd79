// What contents are made of in a page, and the memory that they take in a worker.

import type { Worker } from '@playwright/test';

declare global {
  /** Bytes that nothing compresses, always the same. */
  function noise(seed: number, length: number): Uint8Array<ArrayBuffer>;
  /** Their hash as SHA-256. */
  function digest(bytes: BufferSource): Promise<string>;
}

/** Gives the page what the tests make contents of. */
export function prepare(): void {
  globalThis.noise = (seed, length) => {
    const words = new Uint32Array(Math.ceil(length / 4));
    let state = seed * 2654435761 + 1;
    for (let at = 0; at < words.length; at += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[at] = state;
    }
    return new Uint8Array(words.buffer, 0, length);
  };
  globalThis.digest = async (bytes) => {
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  };
}

/** The bytes of the engine's memory. */
export function memoryOf(worker: Worker): Promise<number> {
  return worker.evaluate(async () => {
    const glue = '/pkg/strongroom.js';
    const { default: init } = (await import(glue)) as { default(): Promise<{ memory: WebAssembly.Memory }> };
    return (await init()).memory.buffer.byteLength;
  });
}

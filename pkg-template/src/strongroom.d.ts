/** The wasm binding, as `src/wasm` in Rust makes it; its generated file takes this one's place in the package. */

import type { EngineOptions } from './types.js';
import type { WireError } from './protocol.js';

/** The answers as JSON, if there are any, and what must be asked again after the next `tick`. */
export type Turned = [answers: string | undefined, again: [id: number, error: WireError][]];

export default function init(input?: {
  module_or_path: string | URL | Response | BufferSource | WebAssembly.Module;
}): Promise<unknown>;

export class Engine {
  private constructor();
  static open(
    options: { name: string; storage: 'opfs' | 'memory'; engine: EngineOptions },
    progress: (step: string) => void,
  ): Promise<Engine>;
  turn(requests: string): Turned;
  /** Undefined if there is no such method; null when it is to be asked again because there is more to do. */
  task(request: string, progress: (step: string) => void): Promise<string | null | undefined>;
  /**
   * The answer as JSON with the bytes beside it, if there are any; undefined if there is no such method. `pause` is told how far
   * long work is, and says whether it goes on; nothing else may be asked until then.
   */
  bytes(
    request: string,
    bytes: Uint8Array,
    pause: (step: string) => Promise<boolean>,
  ): Promise<[answers: string, bytes: Uint8Array | undefined] | undefined>;
  dropTask(): void;
  needsTick(): boolean;
  due(): number | undefined;
  tick(idle: boolean): Promise<void>;
  takeEvents(): string | undefined;
  setListening(steps: boolean, changes: boolean): void;
  endStreams(): Promise<void>;
  close(): Promise<void>;
}

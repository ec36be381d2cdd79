/** The wasm binding, as `src/wasm` in Rust makes it; its generated file takes this one's place in the package. */

import type { EngineOptions, Event, FollowerNews } from './types.js';
import type { WireError } from './protocol.js';

export type WireRequest = [method: string, args: unknown, user: string | undefined, requestId: string | undefined];
export type WireAnswer = [status: 0, value: unknown] | [status: 1 | 2, error: WireError];

export default function init(input?: {
  module_or_path: string | URL | Response | BufferSource | WebAssembly.Module;
}): Promise<unknown>;

export class Engine {
  private constructor();
  static open(options: { name: string; storage: 'opfs' | 'memory'; engine: EngineOptions }): Promise<Engine>;
  turn(requests: WireRequest[]): WireAnswer[];
  task(request: WireRequest, progress: (value: unknown) => void): Promise<WireAnswer | undefined>;
  needsTick(): boolean;
  due(): number | undefined;
  tick(idle: boolean): Promise<void>;
  takeEvents(): [Event[], FollowerNews[]];
  setListening(on: boolean): void;
  close(): Promise<void>;
}

/**
 * What a page and its worker say to each other, over anything that is like a MessagePort.
 *
 * A port serves one engine from its opening to its end, so the numbers of requests, streams and followers mean
 * something on their own port only; a new worker comes with a new port.
 */

import type { Code, EngineOptions } from './types.js';

/** The version both sides must have; a page and a worker from different releases must not talk past each other. */
export const PROTOCOL = 6;

/** A worker, the inside of a worker, or a MessagePort. */
export interface Port {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
}

/** An error as it crosses. */
export interface WireError {
  code: Code;
  message: string;
  cause?: string;
  retryable: boolean;
}

/** What the engine is opened with. */
export interface OpenOptions {
  name: string;
  storage: 'opfs' | 'memory';
  engine: EngineOptions;
}

/** Where the wasm comes from, as it can be posted. */
export type WasmSource = string | WebAssembly.Module | BufferSource;

/**
 * A method to call. The text is `[id, method, arguments, user, requestId]` as JSON, which only the engine reads; bytes come
 * beside it.
 */
export type Request = [id: number, method: string, text: string, bytes?: Uint8Array];

/** What became of a request: its value, or the error that kept it from having any effect. */
export type Answer = [id: number, status: 0, value: unknown] | [id: number, status: 1, error: WireError];

/** From the page. */
export type ToWorker =
  /** A store that is locked is asked for again, for as long as `lockPatienceMs`. */
  | {
      type: 'open';
      protocol: number;
      options: OpenOptions;
      wasm: WasmSource | undefined;
      lockPatienceMs: number;
      /** A Web Lock to hold as long as the worker lives, by which the page learns of its end. */
      lifeline: string | undefined;
    }
  | { type: 'requests'; requests: Request[] }
  /** Takes a request out of the queue; too late for one that has run. Either way it is answered, once. */
  | { type: 'abort'; id: number }
  /** What is told only while someone listens: measured steps, and changes. */
  | { type: 'listen'; steps: boolean; changes: boolean }
  | { type: 'close' };

/** From the worker. */
export type ToPage =
  /** The worker runs and holds its lifeline, if it was given one; opening follows. */
  | { type: 'alive' }
  /** The store is being migrated; the step is JSON. */
  | { type: 'opening'; step: string }
  | { type: 'opened' }
  /** The store could not be opened; nothing else follows. */
  | { type: 'refused'; error: WireError }
  /**
   * All that one turn brought about, as the engine wrote it: `answers` is `Answer[]` and `happened` is
   * `[Event[], FollowerNews[]]` as JSON. What never reached the engine is `refused`. Bytes belong to the only answer.
   */
  | {
      type: 'answers';
      answers?: string;
      bytes?: Uint8Array;
      refused: [id: number, error: WireError][];
      happened?: string;
    }
  | { type: 'progress'; id: number; value: string }
  /** The engine is unusable; nothing else follows. */
  | { type: 'crashed'; reason: string }
  | { type: 'closed'; error?: WireError };

/** What is served first. */
export type Priority = 'stream' | 'call' | 'bytes' | 'long';

/** The priority of a method. */
export function priorityOf(method: string): Priority {
  if (method.startsWith('streams.')) return 'stream';
  if (/^(contents|exports|imports)\.|^artifacts\.read$/.test(method)) return 'bytes';
  // Of the search index, all but the search itself.
  if (method === 'search.query') return 'call';
  return /^(migrations|store|history|health|search|backups)\.|^retention\.collect$/.test(method) ? 'long' : 'call';
}

/** An error made on this side of the engine. */
export function wireError(code: Code, message: string, cause?: unknown): WireError {
  return { code, message, retryable: false, ...(cause === undefined ? {} : { cause: String(cause) }) };
}

/** Whether something thrown is an error of the engine's own; anything else means that the engine is broken. */
export function isWireError(error: unknown): error is WireError {
  return (
    typeof error === 'object' && error !== null && !(error instanceof Error) && 'code' in error && 'message' in error
  );
}

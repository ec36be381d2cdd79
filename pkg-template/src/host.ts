/** Where the engine runs: in a dedicated worker, or on this side of a channel for a store in memory. */

import { StrongroomError } from './errors.js';
import type { Port, ToWorker } from './protocol.js';

/** How long a worker may take until it runs: to load its script, and nothing else. */
const LONGEST_START_MS = 60_000;

/** How long the last messages of a worker that has ended are waited for. */
const LAST_WORDS_MS = 100;

/** A running engine's port, and the ways in which it ends. */
export interface Host {
  port: Port;
  /** The Web Lock that it holds as long as it lives, where there are any. */
  lifeline?: string | undefined;
  /** Calls back when what runs the engine has failed as a whole. */
  onFailure(failed: (reason: string) => void): void;
  /** Calls back too once the lifeline is free again. To be called when it is held, which must not take for ever. */
  watch?(): void;
  /** Ends it at once, whatever it is doing. */
  end(): void;
}

/** Starts a worker: the one given, or the one beside this file. Throws `unsupported` where there can be none. */
export function startWorker(given: URL | string | (() => Worker) | undefined): Host {
  if (typeof Worker === 'undefined') throw unsupported('there are no workers here, as on a server');
  if (typeof navigator === 'undefined' || typeof navigator.storage?.getDirectory !== 'function') {
    const isSecure = globalThis.isSecureContext !== false;
    throw unsupported(
      isSecure
        ? 'this browser has no private files'
        : 'this page has no private files, because it did not come over https',
    );
  }
  const worker = makeWorker(given);
  const lifeline = navigator.locks && `strongroom-${crypto.randomUUID()}`;
  const ended = new AbortController();
  let failed = (_reason: string): void => {};
  const start = setTimeout(() => failed('the worker did not start'), LONGEST_START_MS);
  return {
    port: worker,
    lifeline,
    onFailure(callback) {
      failed = callback;
      worker.onerror = (event) => {
        event.preventDefault();
        failed(`the worker failed: ${event.message || 'its file could not be loaded'}`);
      };
    },
    watch() {
      clearTimeout(start);
      if (!lifeline) return;
      const { signal } = ended;
      navigator.locks
        // What a worker said last may come later than the news of its end.
        .request(lifeline, { signal }, () =>
          setTimeout(() => failed('the worker was ended from outside'), LAST_WORDS_MS),
        )
        .catch((error: unknown) => {
          if (!signal.aborted) failed(`the worker cannot be watched: ${String(error)}`);
        });
    },
    end() {
      clearTimeout(start);
      ended.abort();
      worker.terminate();
    },
  };
}

function makeWorker(given: URL | string | (() => Worker) | undefined): Worker {
  try {
    if (typeof given === 'function') return given();
    if (given !== undefined) return new Worker(given, { type: 'module' });
    // Bundlers look for exactly this expression.
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  } catch (error) {
    // As for a file of another origin, or under a policy that asks for trusted types.
    throw unsupported(`the worker could not be made: ${String(error)}`, error);
  }
}

/** Starts an engine here. It is loaded only now, so that pages that use a worker never load it. */
export function startHere(): Host {
  const { port1, port2 } = new MessageChannel();
  let failed = (_reason: string): void => {};
  import('./local.js').then(
    ({ serveHere }) => serveHere(port2),
    (error: unknown) => failed(`the engine could not be loaded: ${String(error)}`),
  );
  return {
    port: port1,
    onFailure(callback) {
      failed = callback;
    },
    end() {
      port1.postMessage({ type: 'close' } satisfies ToWorker);
      port1.close();
    },
  };
}

function unsupported(reason: string, cause?: unknown): StrongroomError {
  return new StrongroomError('unsupported', `the store cannot be opened: ${reason}`, { cause });
}

/** The entry of the dedicated worker, which owns the store and its files. */

import { openEngine } from './engine.js';
import type { Port } from './protocol.js';
import { serve } from './serve.js';

const scope = globalThis as unknown as Port & EventTarget & { close(): void };

// A trap in a continuation rejects a promise that nobody holds; the page only hears of errors.
scope.addEventListener('unhandledrejection', (event) => reportError((event as PromiseRejectionEvent).reason));

serve(scope, openEngine, () => scope.close());

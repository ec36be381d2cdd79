/** The entry of the dedicated worker, which owns the store and its files. */

import { openEngine } from './engine.js';
import type { Port } from './protocol.js';
import { serve } from './serve.js';

const scope = globalThis as unknown as Port & { close(): void };

serve(scope, openEngine, () => scope.close());

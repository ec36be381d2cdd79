// Opens the store, with a worker that can be killed.

import { openStore, type Store, type StoreOptions } from '../../pkg/index.js';
import workerUrl from '../../pkg/worker.js?worker&url';
import { scriptUrl } from './trusted.js';

/** A store, and the means to kill its worker. */
export interface Keeper {
  store: Store;
  /** Ends the worker as a crash would: whatever it was doing stays undone. */
  killWorker(): void;
}

/** Opens the store of this name; `onMigration` is told how far its update is. Rejects as `openStore` does. */
export async function openKeeper(
  name: string,
  storage: 'opfs' | 'memory' = 'opfs',
  onMigration: StoreOptions['onMigration'] & object = () => {},
): Promise<Keeper> {
  let worker: Worker | undefined;
  const store = await openStore(name, {
    durability: 'strict',
    storage,
    onMigration,
    worker: () => (worker = new Worker(scriptUrl(workerUrl), { type: 'module', name: 'strongroom' })),
  });
  return {
    store,
    killWorker() {
      worker?.terminate();
      // A worker that is ended from outside says nothing; one that fails says this.
      worker?.dispatchEvent(new ErrorEvent('error', { message: 'it was killed', cancelable: true }));
    },
  };
}

// What tests use inside the page: the package as it is built, unbundled, and a worker that can be killed.

import { openStore, serveArtifacts, StrongroomError } from '/pkg/index.js';

const WORKER = '/pkg/worker.js';

const policy = globalThis.trustedTypes?.createPolicy('demo', { createScriptURL: (url) => url });

let worker;

globalThis.harness = {
  openStore: (name, options) =>
    openStore(name, {
      worker: () => (worker = new Worker(policy ? policy.createScriptURL(WORKER) : WORKER, { type: 'module' })),
      ...options,
    }),
  StrongroomError,
  serveArtifacts,

  /** Lets the demo's service worker answer this page. */
  async registerServiceWorker() {
    await navigator.serviceWorker.register(policy ? policy.createScriptURL('/sw.js') : '/sw.js');
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 50));
  },

  /** Ends the worker from outside, and gives the page the event that a failing worker gives. */
  killWorker() {
    worker.terminate();
    worker.dispatchEvent(new ErrorEvent('error', { message: 'it was killed', cancelable: true }));
  },

  /** Ends the worker from outside, of which the page is told nothing. */
  endWorkerSilently() {
    worker.terminate();
  },

  /** A store's first user and a new conversation. */
  async begin(store, title = 'Test') {
    const { items } = await store.users.list({ limit: 1 });
    const user = items[0] ?? (await store.users.create({ name: 'Ada' }));
    return { user, conversation: await store.conversations.create({ userId: user.id, title }) };
  },

  /** The code of the error that a promise rejects with; anything that is no error of ours is thrown on. */
  async codeOf(promise) {
    try {
      await promise;
      return 'none';
    } catch (error) {
      if (error instanceof StrongroomError) return error.code;
      throw error;
    }
  },

  /** The items of all pages of a list. */
  async all(list) {
    const items = [];
    let cursor;
    do {
      const page = await list(cursor === undefined ? { limit: 1000 } : { limit: 1000, cursor });
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  },

  /** A message's whole text, read by its chunks. */
  async textOf(store, id) {
    let text = '';
    for await (const piece of store.messages.text(id)) text += piece;
    return text;
  },
};

document.documentElement.dataset.ready = '';

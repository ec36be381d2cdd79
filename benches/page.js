// One session: in a fresh worker, or in this page where the contender or the works are measured from there.
import { measureHere } from './measure.js';
import { openThrough } from './hop.js';

/** Stores whose names begin so are kept for later works. */
const KEPT = 'keep-';

/** How long a browser may take to let go of the files of a worker that ended. */
const RELEASE_MS = 5000;

globalThis.measure = async (task) => {
  await removeStores((name) => !name.startsWith(KEPT));
  const result = await run(task);
  await removeStores((name) => !name.startsWith(KEPT));
  return result;
};

globalThis.clock = () => {
  let smallest = Infinity;
  for (let i = 0; i < 50; i++) {
    const before = performance.now();
    let after = before;
    while (after === before) after = performance.now();
    smallest = Math.min(smallest, after - before);
  }
  return smallest * 1000;
};

async function run(task) {
  if (task.contender.in === 'page') return measureHere(task);
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const failed = new Promise((_, reject) => {
    worker.onerror = (event) => reject(new Error(`the worker failed: ${event.message}`));
  });
  try {
    const isDriven = task.works[0].from === 'page';
    return await Promise.race([isDriven ? drive(worker, task) : ask(worker, task), failed]);
  } finally {
    worker.terminate();
  }
}

const drive = (worker, task) => measureHere(task, (options) => openThrough(worker, task.contender, options));

const ask = (worker, task) =>
  new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result));
    worker.postMessage({ task });
  });

/** Removes what contenders left behind: files, folders and databases. */
async function removeStores(isLeft) {
  const root = await navigator.storage.getDirectory();
  const ours = await root.getDirectoryHandle('strongroom', { create: true });
  for (const folder of [ours, root]) {
    for await (const name of folder.keys()) {
      if (isLeft(name) && name !== 'strongroom') await patiently(() => folder.removeEntry(name, { recursive: true }));
    }
  }
  for (const { name } of await indexedDB.databases()) {
    if (!isLeft(name)) continue;
    await new Promise((resolve, reject) => {
      const removing = indexedDB.deleteDatabase(name);
      removing.onsuccess = resolve;
      removing.onerror = () => reject(removing.error);
    });
  }
}

async function patiently(remove) {
  const until = performance.now() + RELEASE_MS;
  for (;;) {
    try {
      return await remove();
    } catch (error) {
      if (error.name === 'NotFoundError') return;
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

document.documentElement.dataset.ready = '';

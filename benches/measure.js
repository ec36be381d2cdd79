// One work on one contender, wherever this is called: opens the store, measures, looks at the heap, closes it.

/**
 * `task` has the contender, the work, the directory, and for a work on a dataset its handles.
 * `openStore` opens the store elsewhere than here.
 */
export async function measureHere(task, openStore = openHere) {
  const { contender, work, directory, create } = task;
  const kind = await import(`./works/${work.kind}.js`);
  const bytes = await kind.before?.(directory);
  const module = openStore === openHere ? await import(`./contenders/${contender.file}.js`) : undefined;
  const durability = work.durability ?? contender.durability[0];
  const options = { ...contender.options, durability, directory, create };
  const started = performance.now();
  const store = await openStore(options, module);
  const result = await kind.measure(store, { ...task, started, bytes });
  if (Array.isArray(result)) {
    const heap = await heapBytes(store);
    if (heap > 0) result.push({ unit: 'bytes', values: [heap] });
  }
  await store.close();
  return result;
}

function openHere(options, module) {
  return module.open(options);
}

/** JavaScript's heap and the store's wasm memory, as far as the browser tells. */
async function heapBytes(store) {
  const wasm = (await store.memory?.()) ?? 0;
  return wasm + (performance.memory?.usedJSHeapSize ?? 0);
}

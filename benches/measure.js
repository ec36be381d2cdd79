// A session, wherever this is called: opens one contender's store, measures its works, looks at the heap, closes it.

/**
 * `task` has the contender, the works, the directory, and for works on a dataset its handles. `openStore` opens the store
 * elsewhere than here. Gives { work, unit, values } for each thing that was measured; for a dataset its handles.
 */
export async function measureHere(task, openStore = openHere) {
  const { contender, works, directory, create } = task;
  const [first] = works;
  const kind = await import(`./works/${first.kind}.js`);
  const bytes = await kind.before?.(directory);
  const module = openStore === openHere ? await import(`./contenders/${contender.file}.js`) : undefined;
  const durability = first.durability ?? contender.durability[0];
  const options = { ...contender.options, durability, directory, create };
  const started = performance.now();
  const store = await openStore(options, module);
  const measures = [];
  for (const work of works) {
    const found = await kind.measure(store, { ...task, work, started, bytes });
    if (work.isDataset) {
      await store.close();
      return found;
    }
    const heap = await heapBytes(store);
    if (heap > 0) found.push({ unit: 'bytes', values: [heap] });
    measures.push(...found.map((one) => ({ work: work.name, ...one })));
  }
  await store.close();
  return measures;
}

function openHere(options, module) {
  return module.open(options);
}

/** JavaScript's heap and the store's wasm memory, as far as the browser tells. */
async function heapBytes(store) {
  const wasm = (await store.memory?.()) ?? 0;
  return wasm + (performance.memory?.usedJSHeapSize ?? 0);
}

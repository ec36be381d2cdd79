// From opening a store to the end of its first read, in a worker or page of its own.
import { reader } from './reads.js';

export async function measure(store, { started, handles }) {
  const [read] = Object.keys(handles).filter((name) => name === 'page-1000' || name === 'page-10000');
  const once = reader(store, read, handles);
  const before = performance.now() - started;
  return [{ unit: 'us', values: [(before + (await once())) * 1000] }];
}

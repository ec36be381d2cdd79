// Opening a store of which only the journal is left.
import { reader } from './reads.js';
import { keepJournalOnly } from '../contenders/strongroom.js';

export const before = keepJournalOnly;

export async function measure(store, { started, handles, bytes }) {
  const seconds = (performance.now() - started) / 1000;
  await reader(store, 'page-1000', handles)();
  return [{ unit: 'journal MB/s', values: [bytes / 1e6 / seconds] }];
}

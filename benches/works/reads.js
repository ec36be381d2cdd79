// The same read over and over, or once in a store that was just opened.
import { CHUNK, same, textOf } from './text.js';
import { MESSAGE_LENGTH } from './datasets.js';

/** Until compilers have seen enough, but no longer than this. */
const WARM_UP = 500;
const WARM_UP_MS = 1000;
const READS = 60;

export async function measure(store, { work: { read, isCold }, handles }) {
  const once = reader(store, read, handles);
  const until = performance.now() + WARM_UP_MS;
  if (!isCold) for (let i = 0; i < WARM_UP && performance.now() < until; i++) await once();
  const values = [];
  for (let i = 0; i < (isCold ? 1 : READS); i++) values.push((await once()) * 1000);
  return [{ unit: 'us', values }];
}

/** A function that reads, checks what it read, and gives the milliseconds that the reading took. */
export function reader(store, read, handles) {
  const [what, detail] = read.split('-');
  const count = Number(detail);
  const handle = handles[read];
  const reads = {
    message: () => store.readMessage(handle),
    page: () => store.listMessages(handle, { limit: 50 }),
    conversations: () => store.listConversations(1000),
  };
  const checks = {
    message: (text) => same(text, CHUNK.repeat(count), read),
    page({ items }) {
      same(items.length, 50, read);
      items.forEach(({ text }, index) => same(text, textOf(count - index, MESSAGE_LENGTH), `${read}, item ${index}`));
    },
    conversations(items) {
      same(new Set(items.map(({ title }) => title)).size, 1000, read);
    },
  };
  return async () => {
    const started = performance.now();
    const result = await reads[what]();
    const elapsed = performance.now() - started;
    checks[what](result);
    return elapsed;
  };
}

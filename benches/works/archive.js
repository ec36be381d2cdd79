// Everything out as one file, and that file in, into an empty store.
import { MESSAGE_LENGTH } from './datasets.js';
import { same, textOf } from './text.js';

const MESSAGES = 1000;
const MEGA = 1e6;

/** How often the heap is looked at, in milliseconds. */
const LOOK_MS = 10;

export async function measure(store, { work: { conversations: count } }) {
  const titles = Array.from({ length: count }, (_, index) => `talk ${index}`);
  const text = (conversation, index) => textOf(conversation * MESSAGES + index + 1, MESSAGE_LENGTH);
  const conversations = await store.createConversations(titles);
  let characters = 0;
  for (const [number, conversation] of conversations.entries()) {
    const texts = Array.from({ length: MESSAGES }, (_, index) => text(number, index));
    for (const one of texts) characters += one.length;
    await store.importMessages(conversation, texts);
  }
  await store.settle?.();
  const [file, out] = await watched(() => store.exportAll());
  const empty = await store.openEmpty();
  const [, back] = await watched(() => empty.importAll(file));
  const found = await empty.listConversations(count);
  same(found.length, count, 'conversations that came back');
  for (const { handle, title } of found) {
    const { items } = await empty.listMessages(handle, { limit: 1 });
    same(items[0].text, text(titles.indexOf(title), MESSAGES - 1), `the end of ${title}`);
  }
  await empty.close();
  const heaps = [
    { unit: 'bytes: most heap while it goes out', values: out.heap },
    { unit: 'bytes: most heap while it comes in', values: back.heap },
  ];
  return [
    { unit: 'MB/s out', values: [characters / MEGA / out.seconds] },
    { unit: 'MB/s in', values: [characters / MEGA / back.seconds] },
    { unit: 'bytes: the file', values: [file.size] },
    ...heaps.filter(({ values }) => values.length > 0),
  ];
}

/** Does it, and tells how long that took and how far JavaScript's heap grew, where the browser tells. */
async function watched(act) {
  const heap = () => performance.memory?.usedJSHeapSize ?? 0;
  const before = heap();
  let most = before;
  const look = () => (most = Math.max(most, heap()));
  const looking = setInterval(look, LOOK_MS);
  const started = performance.now();
  const done = await act();
  const seconds = (performance.now() - started) / 1000;
  clearInterval(looking);
  look();
  return [done, { seconds, heap: before > 0 ? [most - before] : [] }];
}

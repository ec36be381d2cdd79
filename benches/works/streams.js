// Streams that write at once, each waiting until its chunk is kept before it writes the next.
import { CHUNK, CHUNK_TOKENS, same } from './text.js';
import { openStream } from './stream.js';

const TIME_MS = 600;
const PAGE = 100;

export async function measure(store, { work: { streams, isScanned } }) {
  const titles = Array.from({ length: streams }, (_, index) => `stream ${index}`);
  const conversations = await store.createConversations(titles);
  const writers = await Promise.all(conversations.map((conversation) => openStream(store, conversation)));
  await Promise.all(writers.map((writer) => writer.append(CHUNK, CHUNK_TOKENS)));

  const scan = isScanned ? new Scan(store) : undefined;
  const values = [];
  const started = performance.now();
  const counts = await Promise.all(
    writers.map(async (writer) => {
      let count = 1;
      for (let at = performance.now(); at - started < TIME_MS; count++) {
        await writer.append(CHUNK, CHUNK_TOKENS);
        const now = performance.now();
        values.push((now - at) * 1000);
        at = now;
      }
      return count;
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const scanned = await scan?.stop();
  for (const [index, writer] of writers.entries()) {
    same(await store.readMessage(writer.message), CHUNK.repeat(counts[index]), `stream ${index}`);
  }
  return [
    { unit: 'chunks/s', values: [values.length / seconds] },
    { unit: 'us', values },
    ...(scan ? [{ unit: 'scanned messages/s', values: [scanned / seconds] }] : []),
  ];
}

/** Lists every message of every conversation, page by page, over and over. */
class Scan {
  #isOver = false;
  #messages = 0;
  #running;

  constructor(store) {
    this.#running = this.#run(store);
  }

  async stop() {
    this.#isOver = true;
    await this.#running;
    return this.#messages;
  }

  async #run(store) {
    while (!this.#isOver) {
      for (const { handle, title } of await store.listConversations(1000)) {
        if (!title.startsWith('text')) continue;
        let before;
        do {
          const { items, next } = await store.listMessages(handle, { limit: PAGE, before });
          same(items.length, PAGE, 'the messages of a page');
          this.#messages += items.length;
          before = next;
        } while (before !== undefined && !this.#isOver);
        if (this.#isOver) return;
      }
    }
  }
}

// Memory over an hour of streaming, with a clock that is simulated: the store looks at the browser's, which is replaced.
import { openStream } from './stream.js';

const STREAMS = 100;
const TOKENS_A_SECOND = 20;
const STEP_MS = 250;
const MINUTES = 60;
/** A message ends here, and its stream goes on with the next. */
const MESSAGE_SECONDS = 120;

export async function measure(store) {
  const [date, now] = [Date.now, performance.now.bind(performance)];
  let ms = 0;
  const start = Date.now();
  Date.now = () => start + ms;
  performance.now = () => ms;
  try {
    const [conversation] = await store.createConversations(['bench']);
    const writers = await Promise.all(Array.from({ length: STREAMS }, () => openStream(store, conversation)));
    const heap = new Map();
    for (let minute = 1; minute <= MINUTES; minute++) {
      for (const end = minute * 60_000; ms < end; ms += STEP_MS) {
        const isOver = ms > 0 && ms % (MESSAGE_SECONDS * 1000) === 0;
        for (const [index, writer] of writers.entries()) {
          if (isOver) {
            await writer.close();
            writers[index] = await openStream(store, conversation);
          }
        }
        await store.appendAll(
          writers,
          'word '.repeat((TOKENS_A_SECOND * STEP_MS) / 1000),
          (TOKENS_A_SECOND * STEP_MS) / 1000,
        );
        await store.upkeep();
      }
      heap.set(minute, await store.memory());
    }
    return [
      { unit: 'bytes: wasm memory after 10 minutes', values: [heap.get(10)] },
      { unit: 'bytes: wasm memory after 60 minutes', values: [heap.get(60)] },
      { unit: 'bytes: growth between', values: [heap.get(60) - heap.get(10)] },
      { unit: 'bytes: text streamed', values: [STREAMS * TOKENS_A_SECOND * MINUTES * 60 * 5] },
    ];
  } finally {
    Date.now = date;
    performance.now = now;
  }
}

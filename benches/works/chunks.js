// One chunk after another, each in a transaction of its own.
import { CHUNK, CHUNK_TOKENS, same } from './text.js';
import { openStream } from './stream.js';

/** Until compilers have seen enough. */
const WARM_UP = 500;

export async function measure(store, { work: { writes } }) {
  const [conversation] = await store.createConversations(['bench']);
  const stream = await openStream(store, conversation);
  for (let i = 0; i < WARM_UP; i++) await stream.append(CHUNK, CHUNK_TOKENS);
  const values = [];
  for (let i = 0; i < writes; i++) {
    const started = performance.now();
    await stream.append(CHUNK, CHUNK_TOKENS);
    values.push((performance.now() - started) * 1000);
  }
  // What is still owed for the writes is a part of each, or means would lie.
  await store.rest?.();
  const started = performance.now();
  await store.finish?.();
  const owed = ((performance.now() - started) * 1000) / writes;
  same(await store.readMessage(stream.message), CHUNK.repeat(WARM_UP + writes), 'the message');
  return [{ unit: 'us', values: values.map((value) => value + owed) }];
}

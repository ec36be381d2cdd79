// Streams that write at once, token by token, as fast as they are accepted; then all is flushed.
import { same } from './text.js';
import { openStream } from './stream.js';

const TOKENS = 600;
const token = (index) => ` tok${index % 10}`;

export async function measure(store, { work: { streams } }) {
  const titles = Array.from({ length: streams }, (_, index) => `stream ${index}`);
  const conversations = await store.createConversations(titles);
  const writers = await Promise.all(conversations.map((conversation) => openStream(store, conversation)));
  const started = performance.now();
  await Promise.all(
    writers.map(async (writer) => {
      for (let i = 0; i < TOKENS; i++) await writer.write(token(i), 1);
      await writer.flush();
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const expected = Array.from({ length: TOKENS }, (_, index) => token(index)).join('');
  for (const { message } of writers) same(await store.readMessage(message), expected, 'a stream');
  return [{ unit: 'tokens/s', values: [(streams * TOKENS) / seconds] }];
}

// Many messages at once.
import { same, textOf } from './text.js';

const LENGTH = 300;

export async function measure(store, { work: { messages } }) {
  const [conversation] = await store.createConversations(['import']);
  const texts = Array.from({ length: messages }, (_, index) => textOf(index + 1, LENGTH));
  const started = performance.now();
  await store.importMessages(conversation, texts);
  let seconds = (performance.now() - started) / 1000;
  await store.rest?.();
  const owed = performance.now();
  await store.finish?.();
  seconds += (performance.now() - owed) / 1000;
  let before;
  let at = messages;
  do {
    const { items, next } = await store.listMessages(conversation, { limit: 1000, before });
    for (const { text } of items) same(text, texts[--at], `message ${at + 1}`);
    before = next;
  } while (before !== undefined);
  same(at, 0, 'the messages that are missing');
  return [{ unit: 'messages/s', values: [messages / seconds] }];
}

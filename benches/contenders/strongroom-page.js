// strongroom as an app uses it: from the page, its worker behind a message port.
import { openStore } from '../../pkg/index.js';

export async function open({ durability, directory }) {
  const store = await openStore(directory, { durability });
  const user = await store.users.create({ name: 'bench' });
  const conversation = await store.conversations.create({ userId: user.id });
  const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
  return {
    async write(_seq, text) {
      await writer.write({ text, tokens: 60 });
      await writer.flush();
    },
    read: async () => (await store.messages.get(writer.id)).text,
    async close() {
      await writer.close();
      await store.close();
    },
  };
}

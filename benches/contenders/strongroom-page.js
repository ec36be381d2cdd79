// strongroom as an app uses it: from the page, its worker behind a message port.
import { openStore } from '../../pkg/index.js';
import { searchText } from './search-text.js';

/** Messages in one call, where many are brought in. */
const MESSAGES_AT_ONCE = 1000;

/** How long upkeep takes at most after much was written, in milliseconds; a page is not told when it is over. */
const UPKEEP_MS = 10_000;

export async function open({ durability, directory, create }) {
  const store = await openStore(directory, { durability });
  const { users, conversations, messages } = store;
  if (create) await users.create({ name: 'bench' });
  return {
    /** What no peer has is measured on its own calls. */
    api: store,
    async createConversations(titles) {
      const made = titles.map((title) => conversations.create({ userId: 'us01', title }));
      return (await Promise.all(made)).map(({ id }) => id);
    },
    appendMessage: async (conversation, role, text) => (await messages.append(conversation, { role, text })).id,
    async importMessages(conversation, texts) {
      for (let at = 0; at < texts.length; at += MESSAGES_AT_ONCE) {
        const some = texts.slice(at, at + MESSAGES_AT_ONCE).map((text) => ({ role: 'user', text }));
        await messages.appendAll(conversation, some);
      }
    },
    async openStream(conversation) {
      const writer = await messages.stream(conversation, { role: 'assistant' });
      return {
        message: writer.id,
        async append(text, tokens) {
          void writer.write({ text, tokens });
          await writer.flush();
        },
        write: (text, tokens) => writer.write({ text, tokens }),
        flush: () => writer.flush(),
        close: () => writer.close(),
      };
    },
    async readMessage(id) {
      const message = await messages.get(id);
      if (!message.truncated) return message.text;
      let text = '';
      for await (const piece of messages.text(id)) text += piece;
      return text;
    },
    async listMessages(conversation, { limit, before }) {
      const page = await messages.list(conversation, { limit, ...(before && { cursor: before }) });
      return { items: page.items, next: page.nextCursor };
    },
    async listConversations(limit) {
      const { items } = await conversations.list({ userId: 'us01', limit });
      return items.map((conversation) => ({ handle: conversation.id, ...conversation }));
    },
    async renameConversation(id, title) {
      const { version } = await conversations.get(id);
      return conversations.update({ id, version, title });
    },
    async putFile(content, mediaType) {
      const artifact = { userId: 'us01', kind: 'file', name: 'file', mediaType, content };
      return (await store.artifacts.put(artifact)).id;
    },
    // As IndexedDB gives it: a Blob over files.
    readFile: async (id) => new Uint8Array(await (await store.artifacts.blob(id)).arrayBuffer()),
    async search(query, limit) {
      const { items } = await store.search.query({ userId: 'us01', text: searchText(query), limit });
      return items.map(({ snippet }) => ({ snippet: snippet.text }));
    },
    async searchBytes() {
      let text = 0;
      for await (const { id } of items((page) => conversations.list({ userId: 'us01', ...page }))) {
        for await (const message of items((page) => messages.list(id, page))) {
          text += new TextEncoder().encode(message.text).length;
        }
      }
      return { index: (await store.search.status()).bytes, text };
    },
    settle: () => new Promise((resolve) => setTimeout(resolve, UPKEEP_MS)),
    exportAll: async () => (await store.backups.export()).blob(),
    openEmpty: () => open({ durability, directory: `${directory}-empty` }),
    importAll: (file) => store.backups.import(file),
    close: () => store.close(),
  };
}

/** The items of a list, page by page. */
async function* items(list) {
  let cursor;
  do {
    const page = await list({ limit: 1000, ...(cursor && { cursor }) });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

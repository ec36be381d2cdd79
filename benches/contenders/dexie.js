// Dexie, with the records and keys of indexeddb.js.
import Dexie from '/node_modules/dexie/dist/dexie.mjs';
import { exportDB, importInto } from '/bundles/dexie-export-import.js';
import { changed, chunkRecord, conversationRecord, joined, messageRecords } from './indexeddb.js';

export async function open({ durability, directory }) {
  const db = new Dexie(directory, { chromeTransactionDurability: durability });
  db.version(1).stores({
    conversation: '[user+conversation], &uuid, [user+updatedAt+conversation], [user+createdAt+conversation]',
    message:
      '[user+conversation+message], &uuid, [user+conversation+parent+message], [user+conversation+createdAt+message]',
    part: '[user+conversation+message+part]',
    chunk: '[user+conversation+message+seq]',
  });
  await db.open();
  const { conversation: conversations, message: messages, part: parts, chunk: chunks } = db;
  const key = '[user+conversation+message]';
  const { minKey: MIN, maxKey: MAX } = Dexie;

  const append = (conversation, records) =>
    db.transaction('rw', [conversations, messages, parts, chunks], async () => {
      const record = await conversations.get([1, conversation]);
      const made = records.map((make, index) => make(record.nextMessage + index));
      await messages.bulkAdd(made.map(({ message }) => message));
      await parts.bulkAdd(made.map(({ part }) => part));
      await chunks.bulkAdd(made.flatMap(({ chunks }) => chunks));
      const leaf = record.nextMessage + records.length - 1;
      const changes = { leaf, nextMessage: leaf + 1, version: record.version + 1, updatedAt: Date.now() };
      await conversations.put({ ...record, ...changes });
      return [conversation, leaf];
    });

  const change = (table, key, fields) =>
    db.transaction('rw', [table], async () => table.put(changed(await table.get(key), fields)));

  return {
    async createConversations(titles) {
      const last = await conversations.orderBy('[user+conversation]').last();
      const records = titles.map((title, index) => conversationRecord((last?.conversation ?? 0) + 1 + index, title));
      await conversations.bulkAdd(records);
      return records.map(({ conversation }) => conversation);
    },
    appendMessage: (conversation, role, text) =>
      append(conversation, [(number) => messageRecords(conversation, number, role, 'complete', text)]),
    importMessages: (conversation, texts) =>
      append(
        conversation,
        texts.map((text) => (number) => messageRecords(conversation, number, 'user', 'complete', text)),
      ),
    beginMessage: (conversation) =>
      append(conversation, [(number) => messageRecords(conversation, number, 'assistant', 'streaming', '')]),
    appendChunk: (message, seq, text, tokens) => chunks.add(chunkRecord(message, seq, text, tokens)),
    growChunk: (message, seq, text, tokens) => chunks.put(chunkRecord(message, seq, text, tokens)),
    endMessage: ([conversation, message]) => change(messages, [1, conversation, message], { status: 'complete' }),
    async readMessage([conversation, message]) {
      const range = chunks.where(`[user+conversation+message+seq]`);
      const found = await range.between([1, conversation, message, MIN], [1, conversation, message, MAX]).toArray();
      return found.map(({ text }) => text).join('');
    },
    listMessages: (conversation, { limit, before }) =>
      db.transaction('r', [messages, chunks], async () => {
        const all = messages.where(key).between([1, conversation, MIN], [1, conversation, MAX]);
        const end = before ?? ((await all.last())?.message ?? 0) + 1;
        const start = Math.max(1, end - limit);
        const [found, texts] = await Promise.all([
          messages.where(key).between([1, conversation, start], [1, conversation, end]).toArray(),
          chunks
            .where('[user+conversation+message+seq]')
            .between([1, conversation, start, MIN], [1, conversation, end, MIN])
            .toArray(),
        ]);
        return { items: joined(found, texts), next: start > 1 ? start : undefined };
      }),
    async listConversations(limit) {
      const found = await conversations.orderBy('[user+updatedAt+conversation]').toArray();
      return found
        .slice(-limit)
        .reverse()
        .map((record) => ({ handle: record.conversation, ...record }));
    },
    renameConversation: (conversation, title) => change(conversations, [1, conversation], { title }),
    exportAll: () => exportDB(db),
    openEmpty: () => open({ durability, directory: `${directory}-empty` }),
    importAll: (file) => importInto(db, file, { acceptNameDiff: true }),
    close: () => db.close(),
  };
}

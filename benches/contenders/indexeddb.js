// IndexedDB by hand: strongroom's records under compound keys, one transaction per write.
import { pieces, uuid } from './sql.js';

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function upgrade(db) {
  const conversation = db.createObjectStore('conversation', { keyPath: ['user', 'conversation'] });
  conversation.createIndex('uuid', 'uuid', { unique: true });
  conversation.createIndex('by_update', ['user', 'updatedAt', 'conversation']);
  conversation.createIndex('by_creation', ['user', 'createdAt', 'conversation']);
  const message = db.createObjectStore('message', { keyPath: ['user', 'conversation', 'message'] });
  message.createIndex('uuid', 'uuid', { unique: true });
  message.createIndex('by_parent', ['user', 'conversation', 'parent', 'message']);
  message.createIndex('by_creation', ['user', 'conversation', 'createdAt', 'message']);
  db.createObjectStore('file', { autoIncrement: true });
  db.createObjectStore('part', { keyPath: ['user', 'conversation', 'message', 'part'] });
  db.createObjectStore('chunk', { keyPath: ['user', 'conversation', 'message', 'seq'] });
}

/** The records of a message, as every store here keeps them. */
export function messageRecords(conversation, message, role, status, text) {
  const now = Date.now();
  const key = { user: 1, conversation, message };
  return {
    message: {
      ...key,
      uuid: uuid(),
      ...(message > 1 && { parent: message - 1 }),
      role,
      status,
      metadata: {},
      version: 1,
      createdAt: now,
      updatedAt: now,
    },
    part: { ...key, part: 0, kind: 'text' },
    chunks: pieces(text).map((piece, index) =>
      chunkRecord([conversation, message], index + 1, piece, piece.length >> 2),
    ),
  };
}

export const conversationRecord = (conversation, title) => ({
  user: 1,
  conversation,
  uuid: uuid(),
  title,
  status: 'active',
  metadata: {},
  nextMessage: 1,
  version: 1,
  createdAt: Date.now(),
  updatedAt: Date.now(),
});

export const chunkRecord = ([conversation, message], seq, text, tokens) => ({
  user: 1,
  conversation,
  message,
  seq,
  part: 0,
  text,
  tokens,
  at: Date.now(),
});

export const changed = (record, fields) => ({
  ...record,
  ...fields,
  version: record.version + 1,
  updatedAt: Date.now(),
});

/** A page of messages with their texts joined, newest first. */
export function joined(messages, chunks) {
  const texts = new Map();
  for (const { message, text } of chunks) texts.set(message, (texts.get(message) ?? '') + text);
  return messages.map((record) => ({ ...record, text: texts.get(record.message) ?? '' })).reverse();
}

export async function open({ durability, directory }) {
  const opening = indexedDB.open(directory, 1);
  opening.onupgradeneeded = () => upgrade(opening.result);
  const db = await done(opening);

  /** Runs `steps` in a transaction; settles when it is committed. */
  function write(stores, steps) {
    const transaction = db.transaction(stores, 'readwrite', { durability });
    return new Promise((resolve, reject) => {
      let result;
      transaction.oncomplete = () => resolve(result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
      result = steps((store) => transaction.objectStore(store), transaction);
    });
  }

  /** Puts messages at the end of a conversation and moves it on. */
  function append(conversation, records) {
    const handle = [conversation, 0];
    return write(['conversation', 'message', 'part', 'chunk'], (store, transaction) => {
      const reading = store('conversation').get([1, conversation]);
      reading.onsuccess = () => {
        const record = reading.result;
        for (const make of records) {
          const { message, part, chunks } = make(record.nextMessage);
          store('message').add(message);
          store('part').add(part);
          for (const chunk of chunks) store('chunk').add(chunk);
          handle[1] = record.nextMessage++;
        }
        record.leaf = handle[1];
        record.version += 1;
        record.updatedAt = Date.now();
        store('conversation').put(record);
        transaction.commit();
      };
      return handle;
    });
  }

  /** Changes fields of a record, which moves it on. */
  const change = (store, key, fields) =>
    write([store], (object) => {
      const reading = object(store).get(key);
      reading.onsuccess = () => object(store).put(changed(reading.result, fields));
    });

  const writeOne = (store, method, record) =>
    write([store], (object, transaction) => {
      object(store)[method](record);
      transaction.commit();
    });

  return {
    async createConversations(titles) {
      const last = await done(db.transaction('conversation').objectStore('conversation').openKeyCursor(null, 'prev'));
      const records = titles.map((title, index) => conversationRecord((last?.key[1] ?? 0) + 1 + index, title));
      await write(['conversation'], (store) => {
        for (const record of records) store('conversation').add(record);
      });
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
    appendChunk: (message, seq, text, tokens) => writeOne('chunk', 'add', chunkRecord(message, seq, text, tokens)),
    growChunk: (message, seq, text, tokens) => writeOne('chunk', 'put', chunkRecord(message, seq, text, tokens)),
    endMessage: ([conversation, message]) => change('message', [1, conversation, message], { status: 'complete' }),
    async readMessage([conversation, message]) {
      const range = IDBKeyRange.bound([1, conversation, message], [1, conversation, message, []]);
      const chunks = await done(db.transaction('chunk').objectStore('chunk').getAll(range));
      return chunks.map(({ text }) => text).join('');
    },
    async listMessages(conversation, { limit, before }) {
      const transaction = db.transaction(['message', 'chunk']);
      const messages = transaction.objectStore('message');
      const end = before ?? (await newest(messages, conversation)) + 1;
      const from = [1, conversation, Math.max(1, end - limit)];
      const [found, chunks] = await Promise.all([
        done(messages.getAll(IDBKeyRange.bound(from, [1, conversation, end], false, true))),
        done(transaction.objectStore('chunk').getAll(IDBKeyRange.bound(from, [1, conversation, end], false, true))),
      ]);
      return { items: joined(found, chunks), next: from[2] > 1 ? from[2] : undefined };
    },
    async listConversations(limit) {
      const index = db.transaction('conversation').objectStore('conversation').index('by_update');
      const found = await done(index.getAll());
      return found
        .slice(-limit)
        .reverse()
        .map((record) => ({ handle: record.conversation, ...record }));
    },
    renameConversation: (conversation, title) => change('conversation', [1, conversation], { title }),
    async putFile(bytes, type) {
      let request;
      await write(['file'], (object, transaction) => {
        request = object('file').add(new Blob([bytes], { type }));
        transaction.commit();
      });
      return request.result;
    },
    async readFile(key) {
      const blob = await done(db.transaction('file').objectStore('file').get(key));
      return new Uint8Array(await blob.arrayBuffer());
    },
    close: () => db.close(),
  };
}

async function newest(messages, conversation) {
  const range = IDBKeyRange.bound([1, conversation], [1, conversation, []]);
  return (await done(messages.openKeyCursor(range, 'prev')))?.key[2] ?? 0;
}

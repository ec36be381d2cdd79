// The record model of the SQL peers: strongroom's tables, keys and indexes, and the statements of a chat. One user, number 1.
//
// A driver gives run(sql, values), all(sql, values) as arrays, transaction([[sql, values], …]) and close(), synchronous or
// not; it may bring insertRows(table, columns, rows) for bulk where one statement per row is not its best.

/** A chunk of text that arrives whole, as strongroom cuts it. */
const WHOLE_CHUNK = 16 * 1024;

const COLUMNS = {
  conversation:
    'user conversation uuid title status metadata leaf next_message version created_at updated_at deleted_at',
  message:
    'user conversation message uuid parent role author model status usage metadata version created_at updated_at',
  part: 'user conversation message part kind data',
  chunk: 'user conversation message seq part text tokens at',
};

const INSERT = Object.fromEntries(
  Object.entries(COLUMNS).map(([table, columns]) => {
    const places = columns.split(' ').map((_, index) => `$${index + 1}`);
    return [table, `INSERT INTO ${table} VALUES (${places.join(', ')})`];
  }),
);

/** `ending` closes each table: ` WITHOUT ROWID` in SQLite. */
export const schema = (ending) => `
CREATE TABLE conversation (
  "user" BIGINT NOT NULL, conversation BIGINT NOT NULL, uuid TEXT NOT NULL UNIQUE, title TEXT NOT NULL, status TEXT NOT NULL,
  metadata TEXT NOT NULL, leaf BIGINT, next_message BIGINT NOT NULL, version BIGINT NOT NULL,
  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, deleted_at BIGINT,
  PRIMARY KEY ("user", conversation))${ending};
CREATE TABLE message (
  "user" BIGINT NOT NULL, conversation BIGINT NOT NULL, message BIGINT NOT NULL, uuid TEXT NOT NULL UNIQUE, parent BIGINT,
  role TEXT NOT NULL, author TEXT, model TEXT, status TEXT NOT NULL, usage TEXT, metadata TEXT NOT NULL,
  version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  PRIMARY KEY ("user", conversation, message),
  FOREIGN KEY ("user", conversation) REFERENCES conversation ON DELETE CASCADE,
  FOREIGN KEY ("user", conversation, parent) REFERENCES message)${ending};
CREATE TABLE part (
  "user" BIGINT NOT NULL, conversation BIGINT NOT NULL, message BIGINT NOT NULL, part BIGINT NOT NULL, kind TEXT NOT NULL,
  data TEXT,
  PRIMARY KEY ("user", conversation, message, part),
  FOREIGN KEY ("user", conversation, message) REFERENCES message ON DELETE CASCADE)${ending};
CREATE TABLE chunk (
  "user" BIGINT NOT NULL, conversation BIGINT NOT NULL, message BIGINT NOT NULL, seq BIGINT NOT NULL, part BIGINT NOT NULL,
  text TEXT NOT NULL, tokens BIGINT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY ("user", conversation, message, seq),
  FOREIGN KEY ("user", conversation, message) REFERENCES message ON DELETE CASCADE)${ending};
CREATE INDEX conversation_by_update ON conversation ("user", updated_at, conversation);
CREATE INDEX conversation_by_creation ON conversation ("user", created_at, conversation);
CREATE INDEX message_by_parent ON message ("user", conversation, parent, message);
CREATE INDEX message_by_creation ON message ("user", conversation, created_at, message);
CREATE INDEX message_streaming ON message ("user", conversation, message) WHERE status = 'streaming';`;

const GROW = `UPDATE chunk SET text = $1, tokens = $2, at = $3
WHERE "user" = 1 AND conversation = $4 AND message = $5 AND seq = $6`;
const END = `UPDATE message SET status = 'complete', version = version + 1, updated_at = $1
WHERE "user" = 1 AND conversation = $2 AND message = $3`;
const TOUCH = `UPDATE conversation SET leaf = $1, next_message = $2, version = version + 1, updated_at = $3
WHERE "user" = 1 AND conversation = $4`;
const RENAME = `UPDATE conversation SET title = $1, version = version + 1, updated_at = $2
WHERE "user" = 1 AND conversation = $3`;
const TEXT = `SELECT text FROM chunk WHERE "user" = 1 AND conversation = $1 AND message = $2 ORDER BY seq`;
const PAGE = `SELECT m.message, m.role, m.status, m.created_at, c.text
FROM (SELECT * FROM message WHERE "user" = 1 AND conversation = $1 AND message < $2 ORDER BY message DESC LIMIT $3) m
JOIN chunk c ON c."user" = 1 AND c.conversation = m.conversation AND c.message = m.message
ORDER BY m.message DESC, c.seq`;
const CONVERSATIONS = `SELECT conversation, title, uuid, status, metadata, version, created_at, updated_at FROM conversation
WHERE "user" = 1 AND status = 'active' AND deleted_at IS NULL ORDER BY updated_at DESC, conversation DESC LIMIT $1`;

let uuids = 0;

/** In order of time, like a UUIDv7, so that the index on it grows at its end. */
export function uuid() {
  const time = Date.now().toString(16).padStart(12, '0');
  const count = (uuids++).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${count}`;
}

/** The pieces in which a whole text is stored. */
export function pieces(text) {
  const all = [];
  for (let at = 0; at < text.length; at += WHOLE_CHUNK) all.push(text.slice(at, at + WHOLE_CHUNK));
  return all;
}

export function sqlStore(driver) {
  const nextMessage = new Map();

  /** The next message number of a conversation, which only this connection gives out. */
  async function next(conversation) {
    if (!nextMessage.has(conversation)) {
      const [[found]] = await driver.all(
        'SELECT next_message FROM conversation WHERE "user" = 1 AND conversation = $1',
        [conversation],
      );
      nextMessage.set(conversation, found);
    }
    const number = nextMessage.get(conversation);
    nextMessage.set(conversation, number + 1);
    return number;
  }

  function messageRows(conversation, number, role, status, text) {
    const now = Date.now();
    const parent = number > 1 ? number - 1 : null;
    return {
      message: [1, conversation, number, uuid(), parent, role, null, null, status, null, '{}', 1, now, now],
      part: [1, conversation, number, 0, 'text', null],
      chunks: pieces(text).map((piece, index) => [
        1,
        conversation,
        number,
        index + 1,
        0,
        piece,
        Math.ceil(piece.length / 4),
        now,
      ]),
      touch: [number, number + 1, now, conversation],
    };
  }

  async function append(conversation, role, status, text) {
    const number = await next(conversation);
    const { message, part, chunks, touch } = messageRows(conversation, number, role, status, text);
    await driver.transaction([
      [INSERT.message, message],
      [INSERT.part, part],
      ...chunks.map((chunk) => [INSERT.chunk, chunk]),
      [TOUCH, touch],
    ]);
    return [conversation, number];
  }

  return {
    async createConversations(titles) {
      const [[last]] = await driver.all('SELECT coalesce(max(conversation), 0) FROM conversation WHERE "user" = 1', []);
      const now = Date.now();
      const rows = titles.map((title, index) => {
        const number = last + 1 + index;
        nextMessage.set(number, 1);
        return [1, number, uuid(), title, 'active', '{}', null, 1, 1, now, now, null];
      });
      await driver.transaction(rows.map((row) => [INSERT.conversation, row]));
      return rows.map(([, number]) => number);
    },
    appendMessage: (conversation, role, text) => append(conversation, role, 'complete', text),
    async importMessages(conversation, texts) {
      const rows = [];
      for (const text of texts) {
        rows.push(messageRows(conversation, await next(conversation), 'user', 'complete', text));
      }
      if (driver.insertRows) {
        await driver.insertRows(
          'message',
          COLUMNS.message.split(' '),
          rows.map(({ message }) => message),
        );
        await driver.insertRows(
          'part',
          COLUMNS.part.split(' '),
          rows.map(({ part }) => part),
        );
        await driver.insertRows(
          'chunk',
          COLUMNS.chunk.split(' '),
          rows.flatMap(({ chunks }) => chunks),
        );
        await driver.run(TOUCH, rows.at(-1).touch);
        return;
      }
      await driver.transaction([
        ...rows.flatMap(({ message, part, chunks }) => [
          [INSERT.message, message],
          [INSERT.part, part],
          ...chunks.map((chunk) => [INSERT.chunk, chunk]),
        ]),
        [TOUCH, rows.at(-1).touch],
      ]);
    },
    beginMessage: (conversation) => append(conversation, 'assistant', 'streaming', ''),
    appendChunk: ([conversation, message], seq, text, tokens) =>
      driver.run(INSERT.chunk, [1, conversation, message, seq, 0, text, tokens, Date.now()]),
    growChunk: ([conversation, message], seq, text, tokens) =>
      driver.run(GROW, [text, tokens, Date.now(), conversation, message, seq]),
    endMessage: (message) => driver.run(END, [Date.now(), ...message]),
    async readMessage(message) {
      let text = '';
      for (const [piece] of await driver.all(TEXT, message)) text += piece;
      return text;
    },
    async listMessages(conversation, { limit, before = Number.MAX_SAFE_INTEGER }) {
      const items = [];
      for (const [number, role, status, createdAt, text] of await driver.all(PAGE, [conversation, before, limit])) {
        const last = items.at(-1);
        if (last?.number === number) last.text += text;
        else items.push({ number, role, status, createdAt, text });
      }
      return { items, next: items.at(-1)?.number > 1 ? items.at(-1).number : undefined };
    },
    async listConversations(limit) {
      const rows = await driver.all(CONVERSATIONS, [limit]);
      return rows.map(([handle, title, uuid, status, metadata, version, createdAt, updatedAt]) => ({
        handle,
        title,
        uuid,
        status,
        metadata: JSON.parse(metadata),
        version,
        createdAt,
        updatedAt,
      }));
    },
    renameConversation: (conversation, title) => driver.run(RENAME, [title, Date.now(), conversation]),
    memory: driver.memory,
    close: driver.close,
  };
}

// strongroom's engine, called inside the worker. Everything that knows how the engine is called is here.
import init, { Engine } from '../../pkg/strongroom.js';
import { searchText } from './search-text.js';

/** Requests in one turn, as its worker takes them. */
const REQUESTS_PER_TURN = 128;

/** Bytes of one request. */
const PIECE = 1 << 20;

/** Messages in one call, where many are brought in. */
const MESSAGES_AT_ONCE = 1000;

/** After this long without a write all upkeep that writes are spared has begun. */
const REST_MS = 300;

/** Upkeep that is due later than this is not waited for. */
const LONGEST_WAIT_MS = 2000;

/** Adds up the time of the calls to the disk made while a phase runs. */
function watchDisk() {
  const spent = { phase: 'other' };
  for (const name of ['write', 'flush', 'read', 'truncate']) {
    const call = FileSystemSyncAccessHandle.prototype[name];
    FileSystemSyncAccessHandle.prototype[name] = function (...args) {
      const started = performance.now();
      try {
        return call.apply(this, args);
      } finally {
        const step = `${spent.phase} ${name}`;
        spent[step] = (spent[step] ?? 0) + performance.now() - started;
      }
    };
  }
  return spent;
}

export async function open({ durability, directory, create }) {
  const { memory } = await init();
  const engine = await Engine.open({ name: directory, storage: 'opfs', engine: { durability } }, () => {});
  engine.setListening(false);

  /** Requests that wait together, answered as its worker does: urgent upkeep before, due upkeep after. */
  async function turn(requests) {
    if (engine.needsTick()) await engine.tick(false);
    const texts = requests.map(([method, args], index) => JSON.stringify([index, method, args, null, null]));
    const [answers] = engine.turn(`[${texts.join()}]`);
    if (engine.needsTick() || (engine.due() ?? Infinity) <= 0) await engine.tick(false);
    return JSON.parse(answers).map(([index, status, value]) => {
      if (status !== 0) throw new Error(`${requests[index][0]}: ${value.message}`);
      return value;
    });
  }
  const call = async (method, args) => (await turn([[method, args]]))[0];
  async function move(method, args, bytes = new Uint8Array()) {
    if (engine.needsTick()) await engine.tick(false);
    const [answers, moved] = await engine.bytes(JSON.stringify([0, method, args, null, null]), bytes);
    const [[, status, value]] = JSON.parse(answers);
    if (status !== 0) throw new Error(`${method}: ${value.message}`);
    return [value, moved];
  }
  let last = Promise.resolve();
  const inOrder = (method, args) => (last = last.then(() => call(method, args)));
  async function callAll(requests) {
    const answers = [];
    for (let at = 0; at < requests.length; at += REQUESTS_PER_TURN) {
      answers.push(...(await turn(requests.slice(at, at + REQUESTS_PER_TURN))));
    }
    return answers;
  }

  const streams = new Map();
  if (create) await call('users.create', { name: 'bench' });
  return {
    /** In each of `contexts` by turns, where there are some. */
    async createConversations(titles, contexts = []) {
      const requests = titles.map((title, index) => [
        'conversations.create',
        { userId: 'us01', title, context: contexts[index % contexts.length] },
      ]);
      return (await callAll(requests)).map(({ id }) => id);
    },
    appendMessage: async (conversationId, role, text) =>
      (await call('messages.append', { conversationId, message: { role, text } })).id,
    async importMessages(conversationId, texts) {
      for (let at = 0; at < texts.length; at += MESSAGES_AT_ONCE) {
        const messages = texts.slice(at, at + MESSAGES_AT_ONCE).map((text) => ({ role: 'user', text }));
        await call('messages.appendAll', { conversationId, messages });
      }
    },
    /** Microseconds a chunk, by step. */
    async breakdown(message, count, text, tokens) {
      const { stream } = streams.get(message);
      const request = (stream) =>
        `[[0,"streams.write",${JSON.stringify({ stream, deltas: [text], tokens: [tokens] })},null,null]]`;
      const spent = watchDisk();
      let [turns, upkeep, refused] = [0, 0, 0];
      for (let i = 0; i < count; i++) {
        spent.phase = 'turn';
        const started = performance.now();
        JSON.parse(engine.turn(request(stream))[0]);
        const answered = performance.now();
        spent.phase = 'upkeep';
        if (engine.needsTick() || (engine.due() ?? Infinity) <= 0) await engine.tick(false);
        upkeep += performance.now() - answered;
        turns += answered - started;
      }
      const last = performance.now();
      while ((engine.due() ?? Infinity) <= 0) await engine.tick(false);
      upkeep += performance.now() - last;
      for (let i = 0; i < count; i++) {
        const started = performance.now();
        JSON.parse(engine.turn(request(0))[0]);
        refused += performance.now() - started;
      }
      const each = (ms) => (ms * 1000) / count;
      const [write, flush] = [spent['turn write'] ?? 0, spent['turn flush'] ?? 0];
      const disk = ['write', 'flush', 'read', 'truncate'].reduce(
        (sum, name) => sum + (spent[`upkeep ${name}`] ?? 0),
        0,
      );
      return {
        'reading the request, writing the answer': each(refused),
        'the stream and its journal line': each(turns - write - flush - refused),
        'journal write': each(write),
        'journal flush': each(flush),
        'SQLite, and upkeep, behind the answers': each(upkeep - disk),
        'its calls to the disk': each(disk),
      };
    },
    /** The same delta for many streams, in one turn. */
    appendAll: (writers, text, tokens) =>
      turn(
        writers.map(({ message }) => [
          'streams.write',
          { stream: streams.get(message).stream, deltas: [text], tokens: [tokens] },
        ]),
      ),
    /** What is due now, as it would be done while nobody writes. */
    async upkeep() {
      while ((engine.due() ?? Infinity) <= 0) await engine.tick(true);
    },
    rest: () => new Promise((resolve) => setTimeout(resolve, REST_MS)),
    async openStream(conversationId) {
      const begun = await call('messages.stream', { conversationId, message: { role: 'assistant' } });
      const { stream, message } = begun;
      streams.set(message.id, begun);
      return {
        message: message.id,
        append: (text, tokens) => call('streams.write', { stream, deltas: [text], tokens: [tokens] }),
        close: () => call('streams.end', { stream, status: 'complete' }),
      };
    },
    readMessage: async (id) => (await call('messages.text', { id })).text,
    async listMessages(conversationId, { limit, before }) {
      const page = await call('messages.list', { conversationId, limit, cursor: before });
      return { items: page.items, next: page.nextCursor };
    },
    async listConversations(limit) {
      const { items } = await call('conversations.list', { userId: 'us01', limit });
      return items.map((conversation) => ({ handle: conversation.id, ...conversation }));
    },
    async renameConversation(id, title) {
      const { version } = await call('conversations.get', { id });
      return call('conversations.update', { id, version, title });
    },
    async finish() {
      while ((engine.due() ?? Infinity) < LONGEST_WAIT_MS) await engine.tick(true);
    },
    async settle() {
      while ((engine.due() ?? Infinity) < LONGEST_WAIT_MS) await engine.tick(true);
    },
    async search(query, limit) {
      const { items } = await call('search.query', { userId: 'us01', text: searchText(query), limit });
      return items.map(({ snippet }) => ({ snippet: snippet.text }));
    },
    async putFile(bytes, mediaType) {
      let content;
      for (let at = 0; at === 0 || at < bytes.length; at += PIECE) {
        const isLast = at + PIECE >= bytes.length;
        const args = content === undefined ? { mediaType, isLast } : { content, isLast };
        ({ content } = (await move('contents.write', args, bytes.subarray(at, at + PIECE)))[0]);
      }
      const artifact = { userId: 'us01', kind: 'file', name: 'file', mediaType };
      const { id } = await call('artifacts.put', { artifact, content });
      await move('contents.drop', { content });
      return id;
    },
    async readFile(id) {
      let whole;
      for (let start = 0; ;) {
        const [{ size }, bytes] = await move('artifacts.read', { id, start, length: PIECE });
        whole ??= new Uint8Array(size);
        whole.set(bytes, start);
        start += bytes.length;
        if (start >= size) return whole;
      }
    },
    /** All calls by name, one after another. */
    api: new Proxy(
      {},
      { get: (_, group) => new Proxy({}, { get: (_, name) => (args) => inOrder(`${group}.${name}`, args) }) },
    ),
    memory: () => memory.buffer.byteLength,
    close: () => engine.close(),
  };
}

/** Leaves of a store nothing but its journal; gives the journal's bytes, uncompressed. */
export async function keepJournalOnly(directory) {
  const root = await navigator.storage.getDirectory();
  const folder = await (await root.getDirectoryHandle('strongroom')).getDirectoryHandle(directory);
  for await (const name of folder.keys()) {
    if (name.startsWith('store.sqlite3') || name === 'snapshots') await folder.removeEntry(name, { recursive: true });
  }
  let bytes = 0;
  for await (const [name, handle] of (await folder.getDirectoryHandle('journal')).entries()) {
    const file = await handle.getFile();
    const plain = name.endsWith('.gz') ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
    for await (const piece of plain) bytes += piece.length;
  }
  return bytes;
}

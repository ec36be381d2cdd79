// Who is measured. A contender is a file in this folder, which exports open({ durability, directory, create, … }) and gives
// a store:
//
//   createConversations(titles)                    handles of new conversations
//   appendMessage(conversation, role, text)        a whole message; its handle
//   importMessages(conversation, texts)            many whole messages, in bulk
//   beginMessage(conversation)                     a message whose text is arriving; its handle
//   appendChunk(message, seq, text, tokens)        a new chunk, in a transaction of its own; settles when it is kept
//   growChunk(message, seq, text, tokens)          the open chunk with more text
//   endMessage(message)                            the message is complete
//   readMessage(message)                           its whole text
//   listMessages(conversation, { limit, before })  { items: [{ text, role }], next }, newest first
//   listConversations(limit)                       [{ handle, title }], last changed first
//   renameConversation(conversation, title)
//   openStream(conversation)                       instead of beginMessage to endMessage, where a store has streams of its own
//   search(query, limit)                           [{ snippet }], best first; see works/search.js; optional
//   searchBytes()                                  { text, index }, what is searched and what the search needs beside it; optional
//   putFile(bytes, mediaType), readFile(handle)    a whole file, kept before it settles, and its bytes; optional
//   exportAll(), openEmpty(), importAll(file)      everything as one Blob; another store; and into it; optional
//   rest(), finish()                               lets time pass after which it begins what is still owed for the writes so
//                                                  far, and does that; optional
//   settle()                                       does all upkeep, as when nobody asks for anything for a while; optional
//   memory()                                       bytes of its wasm's memory; optional
//   close()
//
// Handles are plain values. Methods may be synchronous.

const STRICT = ['strict'];
const RELAXED = ['relaxed'];
const BOTH = ['strict', 'relaxed'];
const READS = ['reads', 'open'];
const WRITES = ['chunks', 'streams'];

/**
 * `in`: a worker, or the page itself for those that bring their own worker or need none. `stores`: contenders with the
 * same name here read the same files, so that large ones are made once. `rounds`: how many rounds at most.
 */
export const CONTENDERS = [
  {
    name: 'bare',
    file: 'bare',
    in: 'worker',
    durability: BOTH,
    does: ['chunks', 'files'],
    note: 'the disk itself: 600 bytes a chunk; a file in pieces of 1 MB, flushed at its end',
  },
  {
    name: 'bare-between',
    file: 'bare',
    in: 'worker',
    durability: BOTH,
    does: ['chunks'],
    options: { between: 25 },
    note: 'the same with 25 µs of computing before each write, which are counted',
  },
  {
    name: 'strongroom',
    file: 'strongroom',
    in: 'worker',
    durability: BOTH,
    does: ['chunks', ...READS, 'import', 'replay', 'recover', 'breakdown', 'hour', 'search', 'files'],
    stores: 'strongroom',
    note: 'its engine, called in the worker',
  },
  {
    name: 'strongroom-page',
    file: 'strongroom-page',
    in: 'page',
    durability: BOTH,
    does: [...WRITES, ...READS, 'import', 'archive', 'replay', 'scan', 'search', 'model', 'files', 'sharing'],
    stores: 'strongroom',
    note: 'as an app uses it',
  },
  {
    name: 'sqlite-wasm-default',
    file: 'sqlite-wasm',
    options: { wal: false },
    in: 'worker',
    durability: STRICT,
    does: WRITES,
    note: 'rollback journal, FULL: as it comes',
  },
  {
    name: 'sqlite-wasm-wal-full',
    file: 'sqlite-wasm',
    options: { wal: true },
    in: 'worker',
    durability: STRICT,
    does: [...WRITES, ...READS, 'import', 'archive', 'replay'],
    stores: 'sqlite-wasm',
    note: 'WAL, FULL; an archive is its file, copied',
  },
  {
    name: 'sqlite-wasm-wal-normal',
    file: 'sqlite-wasm',
    options: { wal: true },
    in: 'worker',
    durability: RELAXED,
    does: [...WRITES, 'scan'],
    stores: 'sqlite-wasm',
    note: 'WAL, NORMAL',
  },
  {
    name: 'sqlite-wasm-fts5',
    file: 'sqlite-wasm',
    options: { wal: true, fts: true },
    in: 'worker',
    durability: STRICT,
    does: ['search'],
    stores: 'sqlite-wasm-fts5',
    note: 'WAL, FULL; FTS5 with its own copy of the text, ordered by rank; called in the worker',
  },
  {
    name: 'wa-sqlite-pool-full',
    file: 'wa-sqlite',
    options: { vfs: 'AccessHandlePoolVFS' },
    in: 'worker',
    durability: STRICT,
    does: [...WRITES, ...READS, 'import', 'replay'],
    stores: 'wa-sqlite-pool',
    note: 'AccessHandlePool, WAL, FULL',
  },
  {
    name: 'wa-sqlite-pool-normal',
    file: 'wa-sqlite',
    options: { vfs: 'AccessHandlePoolVFS' },
    in: 'worker',
    durability: RELAXED,
    does: [...WRITES, 'scan'],
    stores: 'wa-sqlite-pool',
    note: 'AccessHandlePool, WAL, NORMAL',
  },
  {
    name: 'wa-sqlite-writeahead-full',
    file: 'wa-sqlite',
    options: { vfs: 'OPFSWriteAheadVFS' },
    in: 'worker',
    durability: STRICT,
    does: [...WRITES, 'import'],
    note: 'OPFSWriteAhead, FULL',
  },
  {
    name: 'wa-sqlite-writeahead-normal',
    file: 'wa-sqlite',
    options: { vfs: 'OPFSWriteAheadVFS' },
    in: 'worker',
    durability: RELAXED,
    does: WRITES,
    note: 'OPFSWriteAhead, NORMAL',
  },
  {
    name: 'sqlocal',
    file: 'sqlocal',
    in: 'page',
    durability: STRICT,
    does: [...WRITES, ...READS, 'import'],
    stores: 'sqlocal',
    note: 'rollback journal, FULL: as it comes; it has no relaxed',
  },
  {
    name: 'indexeddb',
    file: 'indexeddb',
    in: 'page',
    durability: BOTH,
    does: [...WRITES, ...READS, 'import', 'replay', 'scan', 'files'],
    stores: 'indexeddb',
    note: 'the transaction’s `durability`; a file is a Blob',
  },
  {
    name: 'dexie',
    file: 'dexie',
    in: 'page',
    durability: BOTH,
    does: [...WRITES, 'import', 'archive', 'replay'],
    note: '`chromeTransactionDurability` set; its default is the browser’s: relaxed; archives by dexie-export-import',
  },
  {
    name: 'pglite-strict',
    file: 'pglite',
    in: 'worker',
    durability: STRICT,
    does: [...WRITES, ...READS, 'import'],
    stores: 'pglite',
    rounds: 2,
    note: 'opfs-ahp; two rounds, an empty store takes 5 s',
  },
  {
    name: 'pglite-relaxed',
    file: 'pglite',
    in: 'worker',
    durability: RELAXED,
    does: WRITES,
    rounds: 2,
    note: 'opfs-ahp, `relaxedDurability`; two rounds',
  },
];

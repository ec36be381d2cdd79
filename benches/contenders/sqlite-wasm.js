// Official SQLite wasm on its pool of OPFS access handles.
import sqlite3InitModule from '/node_modules/@sqlite.org/sqlite-wasm/dist/index.mjs';
import { schema, sqlStore } from './sql.js';

const SEARCH = `SELECT rowid, snippet(search, 0, '', '', '…', 20), rank FROM search WHERE search MATCH $1 ORDER BY rank LIMIT $2`;

export async function open({ durability, directory, create, wal, fts }) {
  const sqlite3 = await sqlite3InitModule();
  const pool = await sqlite3.installOpfsSAHPoolVfs({ name: directory, directory: `/${directory}`, initialCapacity: 6 });
  let db = new pool.OpfsSAHPoolDb('/store.sqlite3');
  if (wal) {
    const synchronous = durability === 'strict' ? 'full' : 'normal';
    db.exec('PRAGMA locking_mode = exclusive');
    const mode = db.selectValue('PRAGMA journal_mode = wal');
    if (mode !== 'wal') throw new Error(`the journal mode is ${mode}`);
    db.exec(`PRAGMA synchronous = ${synchronous}`);
  }
  db.exec('PRAGMA foreign_keys = 1');
  if (create) db.exec(schema(' WITHOUT ROWID'));
  if (create && fts)
    db.exec("CREATE VIRTUAL TABLE search USING fts5(text, tokenize = 'unicode61 remove_diacritics 2')");

  const statements = new Map();
  const prepared = (sql) => {
    const statement = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const bound = (sql, values) => (values.length > 0 ? prepared(sql).bind(values) : prepared(sql));
  const run = (sql, values) => bound(sql, values).stepReset();
  const all = (sql, values) => {
    const statement = bound(sql, values);
    const rows = [];
    while (statement.step()) rows.push(statement.get([]));
    statement.reset();
    return rows;
  };
  const copies = {
    async exportAll() {
      db.exec('PRAGMA wal_checkpoint(truncate)');
      return new Blob([await pool.exportFile('/store.sqlite3')]);
    },
    openEmpty: () => open({ durability, directory: `${directory}-empty`, create: true, wal }),
    // Its connection holds the file, so that the copy lies beside it and takes its place.
    async importAll(file) {
      await pool.importDb('/copy.sqlite3', new Uint8Array(await file.arrayBuffer()));
      for (const statement of statements.values()) statement.finalize();
      statements.clear();
      db.close();
      db = new pool.OpfsSAHPoolDb('/copy.sqlite3');
    },
  };
  const store = sqlStore({
    run: (sql, values) => void run(sql, values),
    all,
    transaction: (steps) =>
      db.transaction(() => {
        for (const [sql, values] of steps) run(sql, values);
      }),
    memory: () => sqlite3.wasm.heap8u().buffer.byteLength,
    close() {
      for (const statement of statements.values()) statement.finalize();
      db.close();
      pool.pauseVfs();
    },
  });
  if (!fts) return { ...store, ...copies };
  return {
    ...store,
    async importMessages(conversation, texts) {
      await store.importMessages(conversation, texts);
      db.transaction(() => {
        for (const text of texts) run('INSERT INTO search (text) VALUES ($1)', [text]);
      });
    },
    search: (query, limit) => all(SEARCH, [match(query), limit]).map(([, snippet]) => ({ snippet })),
    searchBytes() {
      const [[index]] = all('SELECT sum(length(block)) FROM search_data', []);
      const [[text]] = all('SELECT sum(length(CAST(text AS BLOB))) FROM chunk', []);
      return { index, text };
    },
  };
}

/** A query in the language of FTS5. */
function match({ words = [], phrase, prefix, without }) {
  const terms = [...words.map((word) => `"${word}"`), ...(phrase ? [`"${phrase.join(' ')}"`] : [])];
  if (prefix) terms.push(`"${prefix}"*`);
  return `${terms.join(' ')}${without ? ` NOT "${without}"` : ''}`;
}

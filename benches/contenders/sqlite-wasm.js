// Official SQLite wasm on its pool of OPFS access handles.
import sqlite3InitModule from '/node_modules/@sqlite.org/sqlite-wasm/dist/index.mjs';
import { schema, sqlStore } from './sql.js';

export async function open({ durability, directory, create, wal }) {
  const sqlite3 = await sqlite3InitModule();
  const pool = await sqlite3.installOpfsSAHPoolVfs({ name: directory, directory: `/${directory}`, initialCapacity: 6 });
  const db = new pool.OpfsSAHPoolDb('/store.sqlite3');
  if (wal) {
    const synchronous = durability === 'strict' ? 'full' : 'normal';
    db.exec('PRAGMA locking_mode = exclusive');
    const mode = db.selectValue('PRAGMA journal_mode = wal');
    if (mode !== 'wal') throw new Error(`the journal mode is ${mode}`);
    db.exec(`PRAGMA synchronous = ${synchronous}`);
  }
  db.exec('PRAGMA foreign_keys = 1');
  if (create) db.exec(schema(' WITHOUT ROWID'));

  const statements = new Map();
  const prepared = (sql) => {
    const statement = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const bound = (sql, values) => (values.length > 0 ? prepared(sql).bind(values) : prepared(sql));
  const run = (sql, values) => bound(sql, values).stepReset();
  return sqlStore({
    run: (sql, values) => void run(sql, values),
    all(sql, values) {
      const statement = bound(sql, values);
      const rows = [];
      while (statement.step()) rows.push(statement.get([]));
      statement.reset();
      return rows;
    },
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
}

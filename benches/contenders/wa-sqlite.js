// wa-sqlite, its synchronous build, on one of its file systems.
import SQLiteESMFactory from '/node_modules/@journeyapps/wa-sqlite/dist/wa-sqlite.mjs';
import * as SQLite from '/node_modules/@journeyapps/wa-sqlite/src/sqlite-api.js';
import { schema, sqlStore } from './sql.js';

export async function open({ durability, directory, create, vfs: kind }) {
  const module = await SQLiteESMFactory();
  const sqlite3 = SQLite.Factory(module);
  const { [kind]: Vfs } = await import(`/node_modules/@journeyapps/wa-sqlite/src/examples/${kind}.js`);
  const isPool = kind === 'AccessHandlePoolVFS';
  const vfs = await Vfs.create(isPool ? `/${directory}` : kind, module);
  sqlite3.vfs_register(vfs, true);
  const db = await sqlite3.open_v2(isPool ? 'store.sqlite3' : `${directory}/store.sqlite3`);

  const statements = new Map();
  async function prepared(sql) {
    let statement = statements.get(sql);
    if (!statement) {
      for await (const one of sqlite3.statements(db, sql, { unscoped: true })) {
        statement = one;
        break;
      }
      statements.set(sql, statement);
    }
    return statement;
  }
  async function run(sql, values) {
    const statement = await prepared(sql);
    sqlite3.bind_collection(statement, values);
    await sqlite3.step(statement);
    await sqlite3.reset(statement);
  }
  async function all(sql, values) {
    const statement = await prepared(sql);
    sqlite3.bind_collection(statement, values);
    const rows = [];
    while ((await sqlite3.step(statement)) === SQLite.SQLITE_ROW) rows.push(sqlite3.row(statement));
    await sqlite3.reset(statement);
    return rows;
  }

  if (isPool) {
    await sqlite3.exec(db, 'PRAGMA locking_mode = exclusive');
    const [[mode]] = await all('PRAGMA journal_mode = wal', []);
    if (mode !== 'wal') throw new Error(`the journal mode is ${mode}`);
  }
  await sqlite3.exec(
    db,
    `PRAGMA synchronous = ${durability === 'strict' ? 'full' : 'normal'}; PRAGMA foreign_keys = 1`,
  );
  if (create) await sqlite3.exec(db, schema(' WITHOUT ROWID'));
  return sqlStore({
    run,
    all,
    async transaction(steps) {
      await run('BEGIN', []);
      for (const [sql, values] of steps) await run(sql, values);
      await run('COMMIT', []);
    },
    memory: () => module.HEAPU8.buffer.byteLength,
    async close() {
      for (const statement of statements.values()) await sqlite3.finalize(statement);
      await sqlite3.close(db);
      await vfs.close();
    },
  });
}

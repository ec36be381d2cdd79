// Official SQLite wasm on its OPFS pool, with the tables and indexes of strongroom's chunks.
import sqlite3InitModule from '/node_modules/@sqlite.org/sqlite-wasm/dist/index.mjs';

const SCHEMA = `
CREATE TABLE message (user INTEGER, conversation INTEGER, message INTEGER, PRIMARY KEY (user, conversation, message)) WITHOUT ROWID;
CREATE TABLE chunk (
  user INTEGER NOT NULL, conversation INTEGER NOT NULL, message INTEGER NOT NULL, seq INTEGER NOT NULL, part INTEGER NOT NULL,
  text TEXT NOT NULL, tokens INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (user, conversation, message, seq),
  FOREIGN KEY (user, conversation, message) REFERENCES message ON DELETE CASCADE) WITHOUT ROWID;
INSERT INTO message VALUES (1, 1, 1);`;

export async function openWith(directory, pragmas) {
  const sqlite3 = await sqlite3InitModule();
  const pool = await sqlite3.installOpfsSAHPoolVfs({ name: directory, directory: `/${directory}`, initialCapacity: 6 });
  const db = new pool.OpfsSAHPoolDb('/store.sqlite3');
  db.exec(`${pragmas}; PRAGMA foreign_keys = 1; ${SCHEMA}`);
  const insert = db.prepare('INSERT INTO chunk VALUES (1, 1, 1, ?, 0, ?, 60, ?)');
  const select = db.prepare('SELECT text FROM chunk WHERE user = 1 AND conversation = 1 AND message = 1 ORDER BY seq');
  return {
    write(seq, text) {
      insert.bind([seq, text, Date.now()]).step();
      insert.reset();
    },
    read() {
      let text = '';
      while (select.step()) text += select.getString(0);
      select.reset();
      return text;
    },
    async close() {
      insert.finalize();
      select.finalize();
      db.close();
      await pool.removeVfs();
    },
  };
}

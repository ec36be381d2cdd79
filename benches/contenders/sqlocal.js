// SQLocal, as an app uses it: from the page, with the worker it brings. The server bundles both.
import { SQLocal } from '/bundles/sqlocal.js';
import { schema, sqlStore } from './sql.js';

export async function open({ directory, create }) {
  const processor = new Worker('/bundles/sqlocal-worker.js', { type: 'module' });
  const client = new SQLocal({ databasePath: `${directory}/store.sqlite3`, processor });
  const { storageType } = await client.getDatabaseInfo();
  if (storageType !== 'opfs') throw new Error(`SQLocal fell back to ${storageType}`);
  await client.sql('PRAGMA foreign_keys = 1');
  if (create) await client.sql(schema(' WITHOUT ROWID'));
  return sqlStore({
    run: (sql, values) => client.sql(sql, ...values),
    all: async (sql, values) => (await client.sql(sql, ...values)).map(Object.values),
    transaction: (steps) => client.batch(() => steps.map(([sql, params]) => ({ sql, params }))),
    close: () => client.destroy(),
  });
}

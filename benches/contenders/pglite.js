// PGlite on its OPFS pool of access handles.
import { PGlite } from '/node_modules/@electric-sql/pglite/dist/index.js';
import { schema, sqlStore } from './sql.js';

export async function open({ durability, directory, create }) {
  const pg = await PGlite.create({ dataDir: `opfs-ahp://${directory}`, relaxedDurability: durability === 'relaxed' });
  if (create) await pg.exec(schema(''));
  return sqlStore({
    run: (sql, values) => pg.query(sql, values),
    all: async (sql, values) => (await pg.query(sql, values, { rowMode: 'array' })).rows,
    transaction: (steps) =>
      pg.transaction(async (transaction) => {
        for (const [sql, values] of steps) await transaction.query(sql, values);
      }),
    insertRows(table, columns, rows) {
      const records = rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index]])));
      const sql = `INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`;
      return pg.query(sql, [records]);
    },
    memory: () => pg.Module.HEAPU8.buffer.byteLength,
    close: () => pg.close(),
  });
}

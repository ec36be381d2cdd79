// What a page has to load for each: JavaScript as a bundler leaves it, and the wasm with the data it needs.
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { build } from 'esbuild';

const SQLITE = 'node_modules/@sqlite.org/sqlite-wasm/dist';
const SQLITE_OF_SQLOCAL = 'node_modules/sqlocal/node_modules/@sqlite.org/sqlite-wasm/dist';
const WA_SQLITE = 'node_modules/@journeyapps/wa-sqlite';
const PGLITE = 'node_modules/@electric-sql/pglite/dist';

const PACKAGES = {
  strongroom: { js: ['pkg/index.js', 'pkg/worker.js'], wasm: ['pkg/strongroom_bg.wasm'] },
  'sqlite-wasm': { js: [`${SQLITE}/index.mjs`], wasm: [`${SQLITE}/sqlite3.wasm`] },
  'wa-sqlite': {
    js: [
      `${WA_SQLITE}/src/sqlite-api.js`,
      `${WA_SQLITE}/dist/wa-sqlite.mjs`,
      `${WA_SQLITE}/src/examples/AccessHandlePoolVFS.js`,
    ],
    wasm: [`${WA_SQLITE}/dist/wa-sqlite.wasm`],
  },
  sqlocal: {
    js: [
      'node_modules/sqlocal/dist/index.js',
      'node_modules/sqlocal/dist/worker.js',
      `${SQLITE_OF_SQLOCAL}/sqlite3-opfs-async-proxy.js`,
    ],
    wasm: [`${SQLITE_OF_SQLOCAL}/sqlite3.wasm`],
  },
  dexie: { js: ['node_modules/dexie/dist/dexie.mjs'], wasm: [] },
  pglite: {
    js: [`${PGLITE}/index.js`],
    wasm: [`${PGLITE}/pglite.wasm`, `${PGLITE}/initdb.wasm`, `${PGLITE}/pglite.data`],
  },
};

/** Loaded only by pages that encrypt. */
const ON_DEMAND = ['./age.js'];

const NODE_ONLY = ['node:*', 'module', 'fs', 'path', 'url', 'crypto', 'worker_threads', 'ws', 'os'];

/** Rows for the report: bytes, plain and compressed. */
export async function sizes() {
  const rows = [];
  for (const [contender, { js, wasm }] of Object.entries(PACKAGES)) {
    const bundled = (await Promise.all(js.map(minified))).flat();
    const binaries = wasm.map((path) => readFileSync(path));
    for (const [file, contents] of Object.entries({ wasm: binaries, javascript: bundled })) {
      if (contents.length > 0)
        rows.push({ work: 'size', contender, file, unit: 'bytes', ...(await measured(contents)) });
    }
  }
  return rows;
}

async function minified(entry) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    external: [...NODE_ONLY, ...ON_DEMAND],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    outdir: '/bundles',
    write: false,
    logLevel: 'error',
  });
  return outputFiles.map(({ contents }) => contents);
}

async function measured(contents) {
  const compressed = async (compress) => {
    const all = await Promise.all(contents.map((content) => promisify(compress)(content)));
    return bytes(all);
  };
  return { plain: bytes(contents), gzip: await compressed(gzip), brotli: await compressed(brotliCompress) };
}

const bytes = (contents) => contents.reduce((sum, { length }) => sum + length, 0);

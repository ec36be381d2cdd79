// A static server for the benchmark pages: cross-origin isolated, so that the browser's clock is fine enough.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { build } from 'esbuild';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** SQLocal names its dependencies as bundlers want them; its SQLite stays beside its own files. */
const SQLITE_OF_SQLOCAL = '/node_modules/sqlocal/node_modules/@sqlite.org/sqlite-wasm/dist/index.mjs';

/** Serves the workspace, and the folder of real data at `/data/` if there is one. */
export async function serve(data) {
  const bundles = await bundle();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const headers = {
      'content-type': TYPES[extname(pathname)] ?? 'application/octet-stream',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    };
    if (bundles.has(pathname)) {
      response.writeHead(200, headers).end(bundles.get(pathname));
      return;
    }
    const isData = data !== undefined && pathname.startsWith('/data/');
    const path = isData ? inside(data, pathname.slice('/data/'.length)) : inside(process.cwd(), pathname);
    if (!path || !statSync(path, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, headers);
    createReadStream(path).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function inside(folder, path) {
  const full = normalize(join(folder, decodeURIComponent(path)));
  return full.startsWith(folder + sep) ? full : undefined;
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: {
      sqlocal: 'sqlocal',
      'sqlocal-worker': 'node_modules/sqlocal/dist/worker.js',
      'dexie-export-import': 'dexie-export-import',
    },
    // The one that the contender opens its database with.
    alias: { '@sqlite.org/sqlite-wasm': SQLITE_OF_SQLOCAL, dexie: '/node_modules/dexie/dist/dexie.mjs' },
    external: ['/node_modules/*'],
    bundle: true,
    format: 'esm',
    outdir: '/bundles',
    write: false,
  });
  return new Map(outputFiles.map(({ path, contents }) => [path, contents]));
}

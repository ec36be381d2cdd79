// A small server for built files: localhost only, with the demo's headers.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

import { HEADERS } from './csp.mjs';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
  '.map': 'application/json',
};

/**
 * Serves folders on a free port of this machine.
 *
 * @param {Record<string, string>} folders URL prefixes, each ending in a slash, and the folders behind them
 * @param {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => boolean} [route]
 *   is asked first; true when it has answered
 * @returns {Promise<{ origin: string, close: () => void }>}
 */
export async function serve(folders, route = () => false) {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer(async (request, response) => {
    if (route(request, response)) return;
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const prefix = prefixes.find((start) => path.startsWith(start));
    const file = prefix && (await found(folders[prefix], path.slice(prefix.length)));
    if (!file) {
      response.writeHead(404, HEADERS).end('not found');
      return;
    }
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { ...HEADERS, 'Content-Type': type, 'Cache-Control': 'no-cache' });
    createReadStream(file).pipe(response);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(undefined)));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    origin: `http://localhost:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The file that a path names inside a folder: undefined when there is none, or when it lies outside. */
async function found(folder, path) {
  const inside = normalize(path === '' || path.endsWith('/') ? `${path}index.html` : path);
  if (inside.startsWith('..') || inside.startsWith(sep)) return undefined;
  const file = join(folder, inside);
  const isFile = await stat(file).then(
    (entry) => entry.isFile(),
    () => false,
  );
  return isFile ? file : undefined;
}

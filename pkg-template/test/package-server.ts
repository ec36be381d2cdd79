/** Serves the built package to a browser, with pages of a test's own. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';

const PACKAGE = new URL('../../pkg/', import.meta.url);
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };

/** A server that runs. */
export interface PackageServer {
  /** Where it is, without a slash at the end. */
  origin: string;
  /** Ends it. */
  close(): void;
}

/** Serves the package's files, and `files` by their names instead of those; every answer has these headers. */
export async function servePackage(
  files: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<PackageServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').slice(1) || 'index.html';
    const type = TYPES[extname(path)] ?? 'text/plain';
    const send = (body: string | Buffer): void => {
      for (const [name, value] of Object.entries({ 'content-type': type, ...headers })) response.setHeader(name, value);
      response.end(body);
    };
    const own = files[path];
    if (own !== undefined) return send(own);
    readFile(new URL(path, PACKAGE)).then(send, () => void response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

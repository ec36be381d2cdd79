// The package where there is no browser: on a server that renders pages.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, test } from '@playwright/test';

const ENTRY = new URL('../../pkg/index.js', import.meta.url).href;

/** Runs a module in a Node of its own and gives what it prints. */
async function run(source: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
  return JSON.parse(stdout) as unknown;
}

test('importing the package touches no globals of a browser', async () => {
  const found = await run(`
    const touched = [];
    for (const name of ['window', 'self', 'document', 'location', 'navigator', 'indexedDB', 'caches', 'Worker', 'fetch', 'trustedTypes']) {
      Object.defineProperty(globalThis, name, { configurable: true, get() { touched.push(name); return undefined; } });
    }
    const before = new Set(Reflect.ownKeys(globalThis));
    const module = await import(${JSON.stringify(ENTRY)});
    const added = Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).map(String);
    console.log(JSON.stringify({ touched, added, exports: Object.keys(module).sort() }));
  `);
  expect(found).toEqual({ touched: [], added: [], exports: ['StrongroomError', 'openStore', 'serveArtifacts'] });
});

test('a store in memory works in Node, and one that keeps files says that it cannot', async () => {
  const found = await run(`
    const { openStore } = await import(${JSON.stringify(ENTRY)});
    const store = await openStore('server', { storage: 'memory' });
    const user = await store.users.create({ name: 'Ada' });
    const { id } = await store.conversations.create({ userId: user.id, title: 'On a server' });
    await store.messages.append(id, { role: 'user', text: 'Hello' });
    const { items } = await store.messages.list(id);
    await store.close();
    const code = await openStore('server').then(() => 'none', (error) => error.code);
    console.log(JSON.stringify({ texts: items.map(({ text }) => text), code }));
  `);
  expect(found).toEqual({ texts: ['Hello'], code: 'unsupported' });
});

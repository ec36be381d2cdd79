import { expect, test } from '@playwright/test';
import type { BrowserContext, Page } from '@playwright/test';
import type * as Strongroom from '../../pkg/index.js';
import { launch } from '../../tests/e2e/support/browser.js';
import { Coverage } from '../../tests/e2e/support/coverage.js';
import { servePackage } from './package-server.js';
import type { PackageServer } from './package-server.js';

/** A worker that serves the store and fails when it is told to. */
const FRAGILE = `
  import '/worker.js';
  new BroadcastChannel('fail').onmessage = async () => { throw new Error('told to fail'); };`;

declare global {
  interface Window {
    openStore: typeof Strongroom.openStore;
    store: Strongroom.Store;
    writer: Strongroom.MessageWriter;
    states: string[];
  }
}

let server: PackageServer;
let context: BrowserContext;
let coverage: Coverage | undefined;

test.beforeAll(async () => {
  server = await servePackage({ 'index.html': '<!doctype html><title>Test</title>', 'fragile.js': FRAGILE });
});

test.afterAll(() => server.close());

test.beforeEach(async ({}, info) => {
  context = await launch(info.outputPath('profile'));
  coverage = Coverage.isWanted ? new Coverage() : undefined;
  await coverage?.watch(context);
});

test.afterEach(async ({}, info) => {
  await coverage?.write(info.titlePath.join(' '));
  await context.close();
});

async function openPage(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(server.origin);
  await page.evaluate(async () => {
    ({ openStore: window.openStore } = await import('/index.js' as string));
  });
  return page;
}

test('what was acknowledged is read back after a reload', async () => {
  let page = await openPage();
  await page.evaluate(async () => {
    const store = await window.openStore('app');
    const user = await store.users.create({ name: 'Ada' });
    const conversation = await store.conversations.create({ userId: user.id });
    const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
    await writer.write('kept 😀');
    await writer.flush();
    await writer.write(' and lost');
  });
  await page.close();
  page = await openPage();
  const found = await page.evaluate(async () => {
    const store = await window.openStore('app');
    const recovery = new Promise<Strongroom.Recovery>((resolve) => store.on('recovery', resolve));
    const message = await store.messages.get('us01-co01-ms01');
    const writer = await store.messages.continue(message.id);
    await writer.write(', continued');
    const ended = await writer.close();
    await store.close();
    return { message, ended, interrupted: (await recovery).interrupted };
  });
  expect(found.message.status).toBe('interrupted');
  expect(found.message.text).toMatch(/^kept 😀( and lost)?$/);
  expect(found.ended.text).toBe(`${found.message.text}, continued`);
  expect(found.interrupted).toEqual(['us01-co01-ms01']);
});

test('closing the store keeps every delta that was accepted', async () => {
  const page = await openPage();
  const seen = await page.evaluate(async () => {
    let store = await window.openStore('app');
    const user = await store.users.create({ name: 'Ada' });
    const conversation = await store.conversations.create({ userId: user.id });
    const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
    await writer.write('one ');
    await new Promise((resolve) => queueMicrotask(() => queueMicrotask(() => resolve(undefined))));
    await writer.write({ text: 'thought', kind: 'reasoning' });
    await writer.write('two');
    const closing = store.close();
    const late = await writer.write('late').catch((error: Strongroom.StrongroomError) => error.code);
    await closing;
    store = await window.openStore('app');
    const { parts, status } = await store.messages.get(writer.id);
    await store.close();
    return { parts, status, late };
  });
  expect(seen).toEqual({
    parts: [
      { type: 'text', text: 'one ' },
      { type: 'reasoning', text: 'thought' },
      { type: 'text', text: 'two' },
    ],
    status: 'interrupted',
    late: 'closed',
  });
});

test('a second tab is told that the store is locked, and opens it once the first has closed', async () => {
  const first = await openPage();
  const second = await openPage();
  await first.evaluate(async () => void (window.store = await window.openStore('app')));
  const open = (): Promise<string> =>
    second.evaluate(() =>
      window.openStore('app').then(
        async (store) => (await store.close(), 'opened'),
        (error: Strongroom.StrongroomError) => `${error.code}: ${error.message}`,
      ),
    );
  expect(await open()).toBe('locked: the store is open in another tab or process');
  await first.evaluate(() => window.store.close());
  expect(await open()).toBe('opened');
});

test('a worker that dies is replaced: calls in flight are indeterminate, later ones work', async () => {
  const page = await openPage();
  const seen = await page.evaluate(async () => {
    const worker = (): Worker => new Worker('/fragile.js', { type: 'module' });
    const store = await window.openStore('app', { worker });
    const states: string[] = [];
    store.on('state', ({ state }) => states.push(state));
    const user = await store.users.create({ name: 'Ada' });
    const conversation = await store.conversations.create({ userId: user.id });
    const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
    await writer.write('kept');
    await writer.flush();
    const following = (async () => {
      for await (const _ of store.messages.follow(writer.id));
    })().catch((error: Strongroom.StrongroomError) => error.code);
    const restarted = new Promise<void>((resolve) => {
      const stop = store.on('state', ({ state }) => {
        if (state === 'ready') resolve(stop());
      });
    });
    new BroadcastChannel('fail').postMessage(undefined);
    const inFlight = store.users.create({ name: 'Maybe' }, { requestId: 'maybe' });
    const outcome = await inFlight.then(
      () => 'done',
      (error: Strongroom.StrongroomError) => error.code,
    );
    await restarted;
    const again = await store.users.create({ name: 'Maybe' }, { requestId: 'maybe' });
    const old = await writer.write('more').catch((error: Strongroom.StrongroomError) => error.code);
    const next = await store.messages.continue(writer.id);
    await next.write(' and more');
    const { text } = await next.close();
    const users = (await store.users.list()).items.map(({ name }) => name);
    await store.close();
    return { states, outcome, again: again.id, old, text, users, following: await following };
  });
  expect(seen.states).toEqual(['restarting', 'ready', 'closed']);
  expect(['indeterminate', 'done']).toContain(seen.outcome);
  expect(seen).toMatchObject({
    old: 'indeterminate',
    text: 'kept and more',
    following: 'indeterminate',
    again: 'us02',
  });
  expect(seen.users.sort()).toEqual(['Ada', 'Maybe']);
});

test('a worker that dies again and again is given up', async () => {
  const page = await openPage();
  const seen = await page.evaluate(async () => {
    const worker = (): Worker => new Worker('/fragile.js', { type: 'module' });
    const store = await window.openStore('app', { worker });
    const states: string[] = [];
    const failed = new Promise<string>((resolve) => {
      store.on('state', (told) => {
        states.push(told.state);
        if (told.state === 'failed') resolve(told.error.code);
        if (told.state === 'ready') new BroadcastChannel('fail').postMessage(undefined);
      });
    });
    new BroadcastChannel('fail').postMessage(undefined);
    const code = await failed;
    const call = await store.users.list().catch((error: Strongroom.StrongroomError) => error.code);
    await store.close();
    return { states, code, call };
  });
  const restart = ['restarting', 'ready'];
  expect(seen.states).toEqual([...restart, ...restart, ...restart, 'failed']);
  expect(seen).toMatchObject({ code: 'internal', call: 'internal' });
});

test('a page without private files is told why the store cannot be opened', async () => {
  const page = await openPage();
  const messages = await page.evaluate(async () => {
    const open = (): Promise<string> =>
      window.openStore('app').then(
        () => 'opened',
        (error: Strongroom.StrongroomError) => `${error.code}: ${error.message}`,
      );
    const messages: string[] = [];
    Object.defineProperty(navigator, 'storage', { value: undefined });
    messages.push(await open());
    Object.defineProperty(window, 'isSecureContext', { value: false });
    messages.push(await open());
    return messages;
  });
  expect(messages).toEqual([
    'unsupported: the store cannot be opened: this browser has no private files',
    'unsupported: the store cannot be opened: this page has no private files, because it did not come over https',
  ]);
});

test('a worker whose file is missing or elsewhere is a typed error', async () => {
  const page = await openPage();
  const code = (worker: string): Promise<unknown> =>
    page.evaluate(
      (worker) => window.openStore('app', { worker }).catch((error: Strongroom.StrongroomError) => error.code),
      worker,
    );
  expect(await code('/missing.js')).toBe('unsupported');
  expect(await code('http://elsewhere.invalid/worker.js')).toBe('unsupported');
});

test('the wasm can be named, handed over as bytes, or compiled', async () => {
  const page = await openPage();
  const names = await page.evaluate(async () => {
    const url = new URL('/strongroom_bg.wasm', location.href);
    const bytes = await (await fetch(url)).arrayBuffer();
    const names: string[] = [];
    for (const wasm of [url, '/strongroom_bg.wasm', bytes, await WebAssembly.compile(bytes)]) {
      const store = await window.openStore('app', { wasm });
      names.push((await store.users.create({ name: 'Ada' })).id);
      await store.close();
    }
    return names;
  });
  expect(names).toEqual(['us01', 'us02', 'us03', 'us04']);
});

test('a store in memory opens in a page, and a name that is no name is refused', async () => {
  const page = await openPage();
  const seen = await page.evaluate(async () => {
    const store = await window.openStore('app', { storage: 'memory' });
    const user = await store.users.create({ name: 'Ada' });
    await store.close();
    const code = await window.openStore('a/b').catch((error: Strongroom.StrongroomError) => error.code);
    return { id: user.id, code };
  });
  expect(seen).toEqual({ id: 'us01', code: 'invalid_argument' });
});

test('opening that is given up leaves the store free', async () => {
  const page = await openPage();
  const seen = await page.evaluate(async () => {
    const late = await window.openStore('app', { timeout: 1 }).catch((error: Strongroom.StrongroomError) => error.code);
    const store = await window.openStore('app');
    await store.close();
    return late;
  });
  expect(seen).toBe('timeout');
});

test('the age library is loaded when a key is first given, and not before', async () => {
  const page = await openPage();
  const loaded: string[] = [];
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  await page.evaluate(async () => {
    window.store = await window.openStore('app');
    await (await window.store.backups.export()).blob();
  });
  expect(loaded).not.toContain('/age.js');
  const isDone = await page.evaluate(async () => {
    const passphrase = 'correct horse battery staple';
    const archive = await window.store.backups.export({ encrypt: { passphrase } });
    return (await window.store.backups.import(await archive.blob(), { passphrase })).isDone;
  });
  expect(isDone).toBe(true);
  expect(loaded).toContain('/age.js');
});

test('a store of an older version tells how far its migration is while it is opened', async () => {
  const page = await openPage();
  const told = await page.evaluate(async () => {
    const steps: [number, number][] = [];
    const onMigration = ({ done, total }: Strongroom.MigrationProgress): void => void steps.push([done, total]);
    const store = await window.openStore('app', { onMigration });
    const { length } = await store.migrations.status();
    await store.migrations.migrate({ to: length - 2 });
    await store.close();
    const told: unknown[] = [steps.splice(0)];
    await (await window.openStore('app', { onMigration })).close();
    return [...told, steps];
  });
  expect(told).toEqual([
    [],
    [
      [0, 2],
      [1, 2],
      [2, 2],
    ],
  ]);
});

test('what was said comes back from a database without its header, although the journal is gone', async () => {
  const page = await openPage();
  const found = await page.evaluate(async () => {
    const options = { automaticBackups: false };
    const store = await window.openStore('app', options);
    const user = await store.users.create({ name: 'Ada' });
    const { id } = await store.conversations.create({ userId: user.id, title: 'Engines' });
    await store.messages.append(id, { role: 'user', text: 'How should we store this?' });
    await store.close();
    const root = await navigator.storage.getDirectory();
    const folder = await (await root.getDirectoryHandle('strongroom')).getDirectoryHandle('app');
    await folder.removeEntry('journal', { recursive: true });
    await folder.removeEntry('snapshots', { recursive: true }).catch(() => {});
    const file = await (await folder.getFileHandle('store.sqlite3')).createWritable({ keepExistingData: true });
    await file.write(new Uint8Array(4096));
    await file.close();
    const again = await window.openStore('app', options);
    const recovered = new Promise<Strongroom.Recovery>((resolve) => {
      again.on('recovery', (recovery) => recovery.salvaged && resolve(recovery));
    });
    const { items } = await again.messages.list(id);
    const { title } = await again.conversations.get(id);
    return { title, texts: items.map(({ text }) => text), salvaged: (await recovered).salvaged };
  });
  expect(found).toMatchObject({
    title: 'Engines',
    texts: ['How should we store this?'],
    salvaged: { unreadable: [] },
  });
});

test('an import is given up while it is written, and brought in whole afterwards', async () => {
  const page = await openPage();
  const found = await page.evaluate(async () => {
    const options = { automaticBackups: false };
    const store = await window.openStore('app', options);
    const user = await store.users.create({ name: 'Ada' });
    const { id } = await store.conversations.create({ userId: user.id, title: 'Engines' });
    const message = { role: 'user', text: 'and so on '.repeat(20) } as const;
    const thousand = Array.from({ length: 1000 }, () => message);
    for (let n = 0; n < 3; n += 1) await store.messages.appendAll(id, thousand);
    const archive = await (await store.backups.export()).blob();
    const other = await window.openStore('other', options);
    const abort = new AbortController();
    const written: number[] = [];
    const onProgress = ({ phase, done }: Strongroom.ImportProgress): void => {
      if (phase !== 'write') return;
      written.push(done);
      if (done > 300) abort.abort();
    };
    const given = other.backups.import(archive, { signal: abort.signal, onProgress });
    const code = await given.then(
      () => undefined,
      (error: Strongroom.StrongroomError) => error.code,
    );
    const left = (await other.users.list()).items.length;
    await other.backups.import(archive);
    await other.close();
    const again = await window.openStore('other', options);
    let messages = 0;
    let cursor: string | undefined;
    do {
      const { items, nextCursor } = await again.messages.list(id, { cursor, limit: 1000 });
      messages += items.filter(({ text }) => text === message.text).length;
      cursor = nextCursor;
    } while (cursor !== undefined);
    return { code, left, last: written.at(-1), messages };
  });
  expect(found).toMatchObject({ code: 'aborted', left: 0, messages: 3000 });
  expect(found.last).toBeLessThan(3000);
});

// Archives in real files: large ones, deaths in the middle, and a store that comes back after everything was wiped.

import { memoryOf, prepare } from './support/contents.js';
import { expect, openHarness, test } from './support/fixtures.js';

/** Megabytes of contents in the large archive. */
const MEGABYTES = Number(process.env.STRONGROOM_ARCHIVE_MB ?? 128);

test('a large store goes to a file while messages are written, and comes back from it after a wipe', async ({
  harness: page,
  server,
}) => {
  test.setTimeout(60_000 + MEGABYTES * 3000);
  await page.evaluate(prepare);
  await page.evaluate(async () => {
    const store = await harness.openStore('large');
    await harness.begin(store);
    Object.assign(globalThis, { store });
  });
  const worker = page.workers()[0]!;
  const before = await memoryOf(worker);
  await page.evaluate(async (megabytes) => {
    const { store } = globalThis as unknown as { store: Awaited<ReturnType<typeof harness.openStore>> };
    let made = 0;
    const content = new ReadableStream<Uint8Array>({
      pull(source) {
        if (made === megabytes) return source.close();
        made += 1;
        source.enqueue(noise(made, 1 << 20));
      },
    });
    await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'large', content });
    const message = { role: 'user' as const, text: 'a text that is written again and again '.repeat(50) };
    const messages = Array.from({ length: 1000 }, () => message);
    for (let round = 0; round < 10; round += 1) {
      await store.messages.appendAll('us01-co01', messages);
    }
  }, MEGABYTES);
  const exported = await page.evaluate(async () => {
    const { store } = globalThis as unknown as { store: Awaited<ReturnType<typeof harness.openStore>> };
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle('archive.zip', { create: true });
    const archive = await store.backups.export({ scope: 'all' });
    let isDone = false;
    const saving = archive.saveTo(handle).finally(() => (isDone = true));
    const waits: number[] = [];
    while (!isDone) {
      const started = performance.now();
      await store.messages.append('us01-co01', { role: 'user', text: 'meanwhile' });
      waits.push(performance.now() - started);
    }
    await saving;
    waits.sort((a, b) => a - b);
    return { size: (await handle.getFile()).size, writes: waits.length, p95: waits[Math.floor(waits.length * 0.95)]! };
  });
  console.log(
    `archive: ${Math.round(exported.size / 2 ** 20)} MB; ${exported.writes} writes meanwhile, p95 ${exported.p95.toFixed(1)} ms`,
  );
  expect(exported.size).toBeGreaterThan(MEGABYTES * 2 ** 20);
  expect(exported.writes).toBeGreaterThan(10);
  const grown = (await memoryOf(worker)) - before;
  console.log(`memory grew by ${grown >> 20} MB`);
  expect(grown).toBeLessThan(48 << 20);
  await page.evaluate(() => (globalThis as unknown as { store: { close(): Promise<void> } }).store.close());

  await openHarness(page, server);
  await page.evaluate(prepare);
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    await (await root.getDirectoryHandle('strongroom')).removeEntry('large', { recursive: true });
    Object.assign(globalThis, { store: await harness.openStore('large') });
  });
  const reader = page.workers()[0]!;
  const empty = await memoryOf(reader);
  const back = await page.evaluate(async (megabytes) => {
    const { store } = globalThis as unknown as { store: Awaited<ReturnType<typeof harness.openStore>> };
    const root = await navigator.storage.getDirectory();
    const file = await (await root.getFileHandle('archive.zip')).getFile();
    const report = await store.backups.import(file);
    const { items } = await store.artifacts.list({ userId: 'us01' });
    let read = 0;
    let differs = 0;
    for (; read < megabytes; read += 1) {
      const start = read << 20;
      const bytes = await store.artifacts.bytes(items[0]!.id, { start, end: start + (1 << 20) });
      const [found, expected] = [new Uint32Array(bytes.buffer), new Uint32Array(noise(read + 1, 1 << 20).buffer)];
      if (found.length !== expected.length || expected.some((word, at) => word !== found[at])) differs += 1;
    }
    const { findings } = await store.health.check();
    const count = report.counts.find(({ table }) => table === 'message')?.added;
    return { isDone: report.isDone, size: items[0]!.size, differs, findings, count };
  }, MEGABYTES);
  expect(back).toMatchObject({ isDone: true, size: MEGABYTES * 2 ** 20, differs: 0, findings: [] });
  expect(back.count).toBeGreaterThanOrEqual(10_000);
  expect((await memoryOf(reader)) - empty).toBeLessThan(48 << 20);
});

test('a worker that dies while an archive is brought in leaves the store as it was', async ({ harness: page }) => {
  await page.evaluate(prepare);
  const seen = await page.evaluate(async () => {
    const one = await harness.openStore('one');
    const { user } = await harness.begin(one);
    const file = { userId: user.id, kind: 'file', name: 'x' };
    for (let n = 1; n <= 6; n += 1) await one.artifacts.put({ ...file, content: noise(n, 1 << 20) });
    const archive = await (await one.backups.export()).blob();
    await one.close();
    let other = await harness.openStore('other');
    await other.users.create({ name: 'Here already' });
    const codes: string[] = [];
    for (const last of ['receive', 'check', 'rehearse', 'ready'] as const) {
      let isDead = false;
      const onProgress = ({ phase }: { phase: string }): void => {
        if (phase !== last || isDead) return;
        isDead = true;
        harness.killWorker();
      };
      codes.push(await harness.codeOf(other.backups.import(archive, { onProgress })));
      codes.push((await other.users.list()).items.map(({ name }) => name).join());
      // It may not fail too often in a row.
      await other.close();
      other = await harness.openStore('other');
    }
    await other.backups.import(archive);
    const { items } = await other.artifacts.list({ userId: 'us02' });
    const sizes = items.map(({ size }) => size);
    const { findings } = await other.health.check();
    return { codes, sizes, findings };
  });
  expect(seen.codes.filter((_, at) => at % 2 === 1)).toEqual(Array(4).fill('Here already'));
  expect(seen.codes.filter((_, at) => at % 2 === 0).every((code) => code !== 'nothing')).toBe(true);
  expect(seen.sizes).toEqual(Array(6).fill(1 << 20));
  expect(seen.findings).toEqual([]);
});

test('copies of backups are kept in a folder, also after a reload, and a store that is wiped comes back by itself', async ({
  harness: page,
  server,
}) => {
  await page.evaluate(prepare);
  const first = await page.evaluate(async () => {
    const store = await harness.openStore('kept');
    await harness.begin(store);
    await store.messages.append('us01-co01', { role: 'user', text: 'before the backup' });
    const picked = await (await navigator.storage.getDirectory()).getDirectoryHandle('picked', { create: true });
    await store.backups.useFolder(picked);
    const { name, bytes } = await store.backups.create();
    while ((await (await picked.getFileHandle(name, { create: true })).getFile()).size !== bytes) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const folder = await store.backups.folder();
    await store.close();
    return { name, folder };
  });
  expect(first.folder).toEqual({ name: 'picked', state: 'ready' });

  await openHarness(page, server);
  const second = await page.evaluate(async () => {
    const store = await harness.openStore('kept');
    await store.messages.append('us01-co01', { role: 'user', text: 'after the reload' });
    const { name, bytes, base } = await store.backups.create();
    const picked = await (await navigator.storage.getDirectory()).getDirectoryHandle('picked');
    while ((await (await picked.getFileHandle(name, { create: true })).getFile()).size !== bytes) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await store.close();
    // All but the backups is gone.
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('strongroom');
    const files = await folder.getDirectoryHandle('kept');
    for (const lost of ['journal', 'store.sqlite3', 'store.sqlite3-wal', 'snapshots']) {
      await files.removeEntry(lost, { recursive: true }).catch(() => {});
    }
    const again = await harness.openStore('kept');
    const recovery = await new Promise<{ causes: string[]; backup?: string }>((resolve) => {
      again.on('recovery', resolve);
    });
    const { items } = await again.messages.list('us01-co01');
    let texts = '';
    for (const { id } of items) {
      for await (const piece of again.messages.text(id)) texts += `${piece} `;
    }
    await again.close();
    return { name, base, recovery, texts };
  });
  expect(second.base).toEqual([first.name]);
  expect(second.recovery).toMatchObject({ causes: ['everything_missing'], backup: second.name });
  expect(second.texts).toContain('before the backup');
  expect(second.texts).toContain('after the reload');
});

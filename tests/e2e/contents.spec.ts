// Contents of artifacts in real files: large ones, deaths in the middle, and a disk that is full.

import { memoryOf, prepare } from './support/contents.js';
import { expect, openHarness, test } from './support/fixtures.js';

/** Every file of the store's contents with its size, as the browser lists them. */
async function filesOf(name: string): Promise<Record<string, number>> {
  const files: Record<string, number> = {};
  const root = await navigator.storage.getDirectory();
  const store = await (await root.getDirectoryHandle('strongroom')).getDirectoryHandle(name);
  const blobs = await store.getDirectoryHandle('blobs').catch(() => undefined);
  for await (const folder of blobs?.values() ?? []) {
    if (folder.kind !== 'directory') continue;
    for await (const file of folder.values()) {
      if (file.kind === 'file') files[file.name] = (await file.getFile()).size;
    }
  }
  return files;
}

test('contents of any size are there after a reload, byte for byte', async ({ harness: page, server }) => {
  const sizes = [0, 1, 4096, 4097, 1 << 20, (1 << 20) + 1, 20_000_000];
  await page.evaluate(prepare);
  const ids = await page.evaluate(async (sizes) => {
    const store = await harness.openStore('contents');
    const { user } = await harness.begin(store);
    const ids = [];
    for (const size of sizes) {
      const content = noise(size, size);
      const artifact = await store.artifacts.put({ userId: user.id, kind: 'file', name: `${size}`, content });
      ids.push(artifact.id);
    }
    return ids;
  }, sizes);
  await openHarness(page, server);
  await page.evaluate(prepare);
  const wrong = await page.evaluate(
    async ([ids, sizes]) => {
      const store = await harness.openStore('contents');
      const wrong = [];
      for (const [place, id] of ids.entries()) {
        const size = sizes[place]!;
        const bytes = await store.artifacts.bytes(id);
        if ((await digest(bytes as BufferSource)) !== (await digest(noise(size, size)))) wrong.push(size);
        const start = Math.floor(size / 3);
        const part = await store.artifacts.bytes(id, { start, end: start + 5000 });
        const expected = noise(size, size).slice(start, start + 5000);
        if ((await digest(part as BufferSource)) !== (await digest(expected))) wrong.push(`a part of ${size}`);
      }
      const { findings } = await store.health.check();
      await store.close();
      return [...wrong, ...findings];
    },
    [ids, sizes] as const,
  );
  expect(wrong).toEqual([]);
});

test('a large file is written and read in flat memory, while calls go on', async ({ harness: page }) => {
  test.slow();
  const megabytes = 256;
  await page.evaluate(prepare);
  await page.evaluate(async () => {
    const store = await harness.openStore('large');
    await harness.begin(store);
    Object.assign(globalThis, { store });
  });
  const worker = page.workers()[0]!;
  const before = await memoryOf(worker);
  const seen = await page.evaluate(async (megabytes) => {
    const { store } = globalThis as unknown as { store: Awaited<ReturnType<typeof harness.openStore>> };
    let made = 0;
    const content = new ReadableStream<Uint8Array>({
      pull(source) {
        if (made === megabytes) return source.close();
        made += 1;
        source.enqueue(noise(made, 1 << 20));
      },
    });
    let slowest = 0;
    let isDone = false;
    const writing = store.artifacts.put({ userId: 'us01', kind: 'file', name: 'large', content }).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      const started = performance.now();
      await store.messages.append('us01-co01', { role: 'user', text: 'meanwhile' });
      slowest = Math.max(slowest, performance.now() - started);
    }
    const artifact = await writing;
    let read = 0;
    let differs = 0;
    let rest = new Uint8Array();
    for await (const bytes of store.artifacts.stream(artifact.id) as unknown as AsyncIterable<Uint8Array>) {
      const together = new Uint8Array(rest.length + bytes.length);
      together.set(rest);
      together.set(bytes, rest.length);
      let at = 0;
      for (; together.length - at >= 1 << 20; at += 1 << 20) {
        read += 1;
        const expected = noise(read, 1 << 20);
        const words = new Uint32Array(together.slice(at, at + (1 << 20)).buffer);
        if (new Uint32Array(expected.buffer).some((word, place) => word !== words[place])) differs += 1;
      }
      rest = together.slice(at);
    }
    return { size: artifact.size, read, differs, left: rest.length, slowest };
  }, megabytes);
  expect(seen).toMatchObject({ size: megabytes << 20, read: megabytes, differs: 0, left: 0 });
  expect((await memoryOf(worker)) - before).toBeLessThan(32 << 20);
});

test('a worker that dies in the middle of a content leaves nothing of it', async ({ harness: page }) => {
  await page.evaluate(prepare);
  const codes = await page.evaluate(async () => {
    const store = await harness.openStore('deaths');
    const { user } = await harness.begin(store);
    const file = { userId: user.id, kind: 'file', name: 'x' };
    const kept = await store.artifacts.put({ ...file, content: noise(1, 3_000_000) });
    const onProgress = (bytes: number): void => {
      if (bytes > 20_000_000) harness.killWorker();
    };
    const code = await harness.codeOf(store.artifacts.put({ ...file, content: noise(2, 40_000_000) }, { onProgress }));
    const again = await store.artifacts.put({ ...file, content: noise(3, 1_000_000) });
    const same = async (id: string, expected: Uint8Array<ArrayBuffer>): Promise<boolean> =>
      (await digest((await store.artifacts.bytes(id)) as BufferSource)) === (await digest(expected));
    const { items } = await store.artifacts.list({ userId: user.id });
    const isKept = [await same(kept.id, noise(1, 3_000_000)), await same(again.id, noise(3, 1_000_000))];
    Object.assign(globalThis, { store });
    return [code, items.length, ...isKept];
  });
  expect(codes).toEqual(['indeterminate', 2, true, true]);
  const bytes = async (): Promise<number> =>
    Object.values(await page.evaluate(filesOf, 'deaths')).reduce((sum, size) => sum + size, 0);
  await expect.poll(bytes, { timeout: 20_000 }).toBe(4_000_000);
});

test('on a full disk a content is refused, and taken once something was deleted', async ({ harness: page }) => {
  await page.evaluate(prepare);
  const session = await page.context().newCDPSession(page);
  const origin = new URL(page.url()).origin;
  await page.evaluate(async () => {
    const store = await harness.openStore('full');
    const { user } = await harness.begin(store);
    const file = { userId: user.id, kind: 'file', name: 'x' };
    const kept = await store.artifacts.put({ ...file, content: noise(1, 20_000_000) });
    Object.assign(globalThis, { store, file, kept });
  });
  const { usage } = await page.evaluate(() => navigator.storage.estimate());
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage! + 15_000_000 });
  const seen = await page.evaluate(async () => {
    const { store, file, kept } = globalThis as unknown as {
      store: Awaited<ReturnType<typeof harness.openStore>>;
      file: { userId: string; kind: string; name: string };
      kept: { id: string };
    };
    const content = noise(2, 18_000_000);
    const code = await harness.codeOf(store.artifacts.put({ ...file, content }));
    const bytes = await store.artifacts.bytes(kept.id);
    const isReadable = (await digest(bytes as BufferSource)) === (await digest(noise(1, 20_000_000)));
    await store.artifacts.delete(kept.id);
    const taken = await store.artifacts.put({ ...file, content });
    const { findings } = await store.health.check();
    return { code, isReadable, size: taken.size, findings };
  });
  expect(seen).toEqual({ code: 'quota_exceeded', isReadable: true, size: 18_000_000, findings: [] });
});

test('a blob is read from the files when it is read, in any range, and has its media type', async ({
  harness: page,
}) => {
  await page.evaluate(prepare);
  const seen = await page.evaluate(async () => {
    const store = await harness.openStore('blobs');
    const { user } = await harness.begin(store);
    const file = { userId: user.id, kind: 'file', name: 'x' };
    const packed = noise(1, 9_000_000);
    const text = 'a line that is compressed\n'.repeat(100_000);
    const picture = await store.artifacts.put({ ...file, mediaType: 'image/png', content: packed });
    const log = await store.artifacts.put({ ...file, mediaType: 'text/plain', content: text });
    const note = await store.artifacts.put({ ...file, mediaType: 'text/plain', content: 'short' });
    const whole = await store.artifacts.blob(picture.id);
    const same = async (blob: Blob, expected: Uint8Array<ArrayBuffer>): Promise<boolean> =>
      (await digest(await blob.arrayBuffer())) === (await digest(expected));
    const isWhole = await same(whole, packed);
    const parts = [];
    for (const [start, end] of [
      [0, 1],
      [1_999_999, 2_100_001],
      [8_999_999, 9_000_000],
      [5, 8_000_000],
    ] as const) {
      parts.push(await same(await store.artifacts.blob(picture.id, { start, end }), packed.slice(start, end)));
    }
    const past = await store.artifacts.blob(picture.id, { start: 9_000_000 });
    const logged = (await (await store.artifacts.blob(log.id, { start: 27, end: 52 })).text()) === text.slice(27, 52);
    const noted = await (await store.artifacts.blob(note.id)).text();
    await store.artifacts.delete(picture.id);
    await store.retention.collect();
    const gone = await whole.arrayBuffer().then(
      () => 'read',
      (error: DOMException) => error.name,
    );
    return { type: whole.type, size: whole.size, isWhole, parts, past: past.size, logged, noted, gone };
  });
  expect(seen).toEqual({
    type: 'image/png',
    size: 9_000_000,
    isWhole: true,
    parts: [true, true, true, true],
    past: 0,
    logged: true,
    noted: 'short',
    gone: expect.stringMatching(/^Not(Found|Readable)Error$/) as unknown,
  });
});

import { expect, test } from '@playwright/test';
import type { NewArtifactContent, Store } from '../../pkg/index.js';
import { memoryStore } from '../../pkg/testing.js';
import { noise } from './noise.js';

const file: Omit<NewArtifactContent, 'content'> = { userId: 'us01', kind: 'file', name: 'a file' };

async function withStore(use: (store: Store) => Promise<void>): Promise<void> {
  const { store, close } = await memoryStore();
  await use(store);
  await close();
}

test('a content of any kind comes back byte for byte, with its media type', () =>
  withStore(async (store) => {
    const bytes = noise(2_500_000);
    const stream = (size: number): ReadableStream<Uint8Array> =>
      ReadableStream.from(
        (function* () {
          for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
        })(),
      );
    const contents: [string, NewArtifactContent['content'], Uint8Array, string][] = [
      ['a text', 'Grüße, 世界', Buffer.from('Grüße, 世界'), 'text/plain'],
      ['nothing', '', new Uint8Array(), 'text/plain'],
      ['an array', bytes, bytes, 'application/octet-stream'],
      ['a part of an array', bytes.subarray(5, 1_500_000), bytes.slice(5, 1_500_000), 'application/octet-stream'],
      ['a buffer', bytes.slice().buffer, bytes, 'application/octet-stream'],
      ['a view', new DataView(bytes.buffer, 7, 9), bytes.slice(7, 16), 'application/octet-stream'],
      ['a blob', new Blob([bytes], { type: 'image/png' }), bytes, 'image/png'],
      ['a stream of small pieces', stream(70_001), bytes, 'application/octet-stream'],
      ['a stream of large pieces', stream(2_000_000), bytes, 'application/octet-stream'],
      ['a stream of a whole megabyte', stream(1 << 20), bytes, 'application/octet-stream'],
      ['an empty stream', ReadableStream.from([]), new Uint8Array(), 'application/octet-stream'],
    ];
    for (const [name, content, expected, mediaType] of contents) {
      const artifact = await store.artifacts.put({ ...file, name, content });
      expect(artifact, name).toMatchObject({ size: expected.length, revision: 1, mediaType });
      expect(Buffer.compare(await store.artifacts.bytes(artifact.id), expected), name).toBe(0);
      const blob = await store.artifacts.blob(artifact.id);
      expect([blob.size, blob.type], name).toEqual([expected.length, mediaType]);
    }
    expect((await store.artifacts.list({ userId: 'us01' })).items.length).toBe(contents.length);
  }));

test('a part of a content is read, and a stream of it ends where it is told to', () =>
  withStore(async (store) => {
    const bytes = noise(3_000_000);
    const { id } = await store.artifacts.put({ ...file, content: bytes });
    for (const [start, end] of [
      [0, 1],
      [999_999, 2_100_000],
      [2_999_999, 3_000_000],
      [2_999_990, 4_000_000],
      [3_000_000, 3_000_000],
      [5_000_000, 6_000_000],
    ] as const) {
      const part = await store.artifacts.bytes(id, { start, end });
      expect(Buffer.compare(part, bytes.slice(start, end)), `${start} to ${end}`).toBe(0);
    }
    const reader = store.artifacts.stream(id).getReader();
    expect((await reader.read()).value?.length).toBeGreaterThan(0);
    await reader.cancel();
    await expect(store.artifacts.bytes('01890000-0000-7000-8000-000000000000')).rejects.toMatchObject({
      code: 'not_found',
    });
  }));

test('a revision keeps the one before, and an addition grows the current one', () =>
  withStore(async (store) => {
    const first = await store.artifacts.put({ ...file, content: 'one' });
    const second = await store.artifacts.revise(first.id, new Blob(['two'], { type: 'text/x-two' }), { version: 1 });
    expect(second).toMatchObject({ revision: 2, version: 2, mediaType: 'text/x-two', size: 3 });
    await expect(store.artifacts.revise(first.id, 'late', { version: 1 })).rejects.toMatchObject({ code: 'conflict' });
    const grown = await store.artifacts.append(first.id, ' and three');
    expect(grown).toMatchObject({ revision: 2, version: 3, size: 13 });
    expect(await store.artifacts.text(first.id)).toBe('two and three');
    expect(await store.artifacts.text(first.id, { revision: 1 })).toBe('one');
    const { items } = await store.artifacts.revisions({ id: first.id });
    expect(items.map(({ revision, size }) => [revision, size])).toEqual([
      [2, 13],
      [1, 3],
    ]);
    await store.artifacts.forget({ id: first.id, revision: 1 });
    await expect(store.artifacts.text(first.id, { revision: 1 })).rejects.toMatchObject({ code: 'not_found' });
  }));

test('additions made at once all arrive, each whole', () =>
  withStore(async (store) => {
    const { id } = await store.artifacts.put({ ...file, kind: 'log', content: '' });
    const lines = Array.from({ length: 8 }, (_, i) => `line ${i} ${'x'.repeat(1000)}\n`);
    await Promise.all(lines.map((line) => store.artifacts.append(id, line)));
    const text = await store.artifacts.text(id);
    expect(text.split(/(?<=\n)/).sort()).toEqual(lines.sort());
  }));

test('a write that is given up leaves nothing, and the same request makes one artifact', () =>
  withStore(async (store) => {
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    const given = store.artifacts.put(
      { ...file, content: noise(8_000_000) },
      { signal: controller.signal, onProgress },
    );
    await expect(given).rejects.toMatchObject({ code: 'aborted' });
    const failing = new ReadableStream({
      pull(source) {
        source.error(new Error('the network is gone'));
      },
    });
    await expect(store.artifacts.put({ ...file, content: failing })).rejects.toThrow('the network is gone');
    const wrong = store.artifacts.put({ ...file, content: 'abc', size: 4 });
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(store.artifacts.put({ ...file, content: 7 as never })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    expect((await store.artifacts.list({ userId: 'us01' })).items).toEqual([]);
    const twice = [1, 2].map(() => store.artifacts.put({ ...file, content: 'once' }, { requestId: 'r1' }));
    const [one, two] = await Promise.all(twice);
    expect(one).toEqual(two);
    expect((await store.artifacts.list({ userId: 'us01' })).items.length).toBe(1);
  }));

test("of another user's artifacts nothing is read", () =>
  withStore(async (store) => {
    const bob = await store.users.create({ name: 'Bob' });
    const { id } = await store.artifacts.put({ ...file, content: 'secret' });
    const view = store.as(bob.id);
    await expect(view.artifacts.text(id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(view.artifacts.append(id, 'more')).rejects.toMatchObject({ code: 'not_found' });
    const own = await view.artifacts.put({ kind: 'file', name: 'own', content: 'secret' });
    expect(own.userId).toBe(bob.id);
    expect(await view.artifacts.text(own.id)).toBe('secret');
  }));

test('bytes do not keep calls waiting', () =>
  withStore(async (store) => {
    const written = store.artifacts.put({ ...file, content: noise(30_000_000) });
    let answered = 0;
    let isDone = false;
    void written.then(() => (isDone = true));
    while (!isDone) {
      await store.users.get('us01');
      answered += 1;
    }
    expect(answered).toBeGreaterThan(5);
  }));

test('an upload goes on where it was, and becomes an artifact once', () =>
  withStore(async (store) => {
    const bytes = noise(9_000_000);
    const upload = await store.uploads.create({ ...file, size: bytes.length });
    expect(upload).toMatchObject({ state: 'pending', received: 0, failures: 0 });
    const pause = new AbortController();
    const onProgress = (size: number): void => {
      if (size > 5_000_000) pause.abort();
    };
    const paused = store.uploads.send(upload.id, new Blob([bytes]), { onProgress, signal: pause.signal });
    await expect(paused).rejects.toMatchObject({ code: 'aborted' });
    const half = await store.uploads.get(upload.id);
    expect(half.state).toBe('uploading');
    expect(half.received).toBeGreaterThan(1_000_000);
    await expect(store.uploads.publish(upload.id)).rejects.toMatchObject({ code: 'conflict' });
    const resumed: number[] = [];
    const stream = new Blob([bytes]).stream();
    const stored = await store.uploads.send(upload.id, stream, { onProgress: (size) => resumed.push(size) });
    expect(stored).toMatchObject({ state: 'stored', received: bytes.length });
    expect(resumed[0]).toBeGreaterThanOrEqual(half.received);
    expect(resumed.at(-1)).toBe(bytes.length);
    await expect(store.uploads.send(upload.id, bytes)).rejects.toMatchObject({ code: 'conflict' });
    const artifact = await store.uploads.publish(upload.id);
    expect(await store.uploads.publish(upload.id)).toEqual(artifact);
    expect(Buffer.compare(await store.artifacts.bytes(artifact.id), bytes)).toBe(0);
    expect(await store.uploads.get(upload.id)).toMatchObject({ state: 'published', artifactId: artifact.id });
    expect((await store.health.check()).findings).toEqual([]);
  }));

test('an upload that is not what was expected fails, and can be tried again', () =>
  withStore(async (store) => {
    const right = await store.artifacts.put({ ...file, content: 'as expected' });
    const upload = await store.uploads.create({ ...file, hash: right.hash! });
    const wrong = store.uploads.send(upload.id, 'something else');
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(await store.uploads.get(upload.id)).toMatchObject({
      state: 'failed',
      failures: 1,
      received: 0,
      error: 'invalid_argument',
    });
    expect((await store.uploads.send(upload.id, 'as expected')).state).toBe('stored');
    const { items } = await store.uploads.list({ userId: 'us01', state: 'stored' });
    expect(items.map(({ id }) => id)).toEqual([upload.id]);
    await store.uploads.delete(upload.id);
    await expect(store.uploads.get(upload.id)).rejects.toMatchObject({ code: 'not_found' });
  }));

test('what may be uploaded is limited by settings', () =>
  withStore(async (store) => {
    await store.settings.set({ name: 'uploads.limits', value: { maxBytes: 3_000_000 } });
    await store.settings.set({
      userId: 'us01',
      name: 'uploads.limits',
      value: { mediaTypes: ['image/*', 'text/plain'] },
    });
    const refused = { code: 'invalid_argument' };
    await expect(store.uploads.create({ ...file, mediaType: 'text/html' })).rejects.toMatchObject(refused);
    const tooLong = { ...file, mediaType: 'image/png', size: 3_000_001 };
    await expect(store.uploads.create(tooLong)).rejects.toMatchObject(refused);
    const upload = await store.uploads.create({ ...file, mediaType: 'text/plain; charset=utf-8' });
    await expect(store.uploads.send(upload.id, noise(12_000_000))).rejects.toMatchObject(refused);
    expect((await store.uploads.get(upload.id)).state).toBe('failed');
    expect((await store.uploads.send(upload.id, noise(3_000_000))).state).toBe('stored');
  }));

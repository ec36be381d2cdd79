// Files of a store that were altered behind its back, and what comes back of them.

import { prepare } from './support/contents.js';
import { expect, test } from './support/fixtures.js';

test('a damaged database and a damaged content come back, and nothing that was written is lacking', async ({
  harness: page,
}) => {
  await page.evaluate(prepare);
  const seen = await page.evaluate(async () => {
    let store = await harness.openStore('damaged');
    const { user, conversation } = await harness.begin(store);
    for (let n = 0; n < 300; n += 1) {
      await store.messages.append(conversation.id, {
        role: 'user',
        text: `message ${n} ${'of many words '.repeat(40)}`,
      });
    }
    const content = noise(1, 1 << 20);
    const artifact = await store.artifacts.put({ userId: user.id, kind: 'file', name: 'kept', content });
    await store.backups.create();
    await store.close();

    const root = await navigator.storage.getDirectory();
    const folder = await (await root.getDirectoryHandle('strongroom')).getDirectoryHandle('damaged');
    const alter = async (handle: FileSystemFileHandle, offsets: (size: number) => number[]): Promise<void> => {
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
      for (const offset of offsets(bytes.length)) bytes[offset]! ^= 1;
      const writable = await handle.createWritable();
      await writable.write(bytes);
      await writable.close();
    };
    const pieces: FileSystemFileHandle[] = [];
    const walk = async (directory: FileSystemDirectoryHandle): Promise<void> => {
      for await (const entry of directory.values()) {
        if (entry.kind === 'file') pieces.push(entry as FileSystemFileHandle);
        else await walk(entry as FileSystemDirectoryHandle);
      }
    };
    await walk(await folder.getDirectoryHandle('blobs'));
    for (const piece of pieces) await alter(piece, (size) => [size >> 1]);
    await alter(await folder.getFileHandle('store.sqlite3'), (size) =>
      [0.4, 0.6, 0.8].map((part) => Math.floor(size * part)),
    );

    store = await harness.openStore('damaged');
    const before = await harness.codeOf(store.artifacts.bytes(artifact.id));
    const steps: number[] = [];
    const repair = await store.health.repair({ onProgress: ({ done, total }) => steps.push(done / total) });
    const { findings } = await store.health.check({ depth: 'deep' });
    const { items } = await store.messages.list(conversation.id, { limit: 1000 });
    const texts = items.reverse().map(({ text }) => text.split(' of')[0]);
    const again = await store.artifacts.bytes(artifact.id);
    return {
      before,
      repaired: [...new Set(repair.repaired.map(({ code }) => code))],
      left: repair.left,
      restored: repair.restored.length,
      isProgressing: steps.length > 20 && steps.at(-1) === 1,
      findings,
      texts,
      isSame: again.length === content.length && again.every((byte, index) => byte === content[index]),
    };
  });
  expect(seen.before).toBe('corrupt');
  expect(seen.repaired).toContain('content_altered');
  expect(seen.left).toEqual([]);
  expect(seen.findings).toEqual([]);
  expect(seen.restored).toBe(1);
  expect(seen.isProgressing).toBe(true);
  expect(seen.texts).toEqual(Array.from({ length: 300 }, (_, n) => `message ${n}`));
  expect(seen.isSame).toBe(true);
});

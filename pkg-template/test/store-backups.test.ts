import { expect, test } from '@playwright/test';
import type { BackupNews, BackupProgress } from '../../pkg/index.js';
import { memoryStore } from '../../pkg/testing.js';
import { noise } from './noise.js';

test('a backup is made, told of, verified, restored, taken out and removed', async () => {
  const { store, close } = await memoryStore();
  const told: BackupNews[] = [];
  store.on('backup', (news) => told.push(news));
  const user = await store.users.create({ name: 'Ada' });
  const conversation = await store.conversations.create({ userId: user.id, title: 'Plan' });
  await store.messages.append(conversation.id, { role: 'user', text: 'How should we store this?' });
  const artifact = { userId: user.id, kind: 'file', name: 'noise', content: noise(1_000_000) };
  const { id } = await store.artifacts.put(artifact);
  const steps: BackupProgress[] = [];
  const first = await store.backups.create({ onProgress: (progress) => steps.push(progress) });
  expect(first).toMatchObject({ kind: 'manual', base: [], lost: [], scope: { kind: 'all' } });
  expect(steps.some(({ isVerifying }) => isVerifying)).toBe(true);
  const second = await store.backups.create();
  expect(second.base).toEqual([first.name]);
  expect(second.bytes).toBeLessThan(first.bytes / 10);
  expect(told.map(({ made }) => made?.name)).toEqual([first.name, second.name]);
  expect((await store.backups.list()).map(({ name }) => name)).toEqual([first.name, second.name]);
  expect(await store.backups.verify(second.name)).toMatchObject({ name: second.name, findings: [] });

  await store.conversations.delete(conversation.id);
  await store.artifacts.delete(id);
  const rehearsed = await store.backups.rehearseRestore(second.name);
  expect(rehearsed.isDone).toBe(false);
  const report = await store.backups.restore(second.name);
  expect(report.counts.find(({ table }) => table === 'conversation')).toMatchObject({ added: 1 });
  expect(Buffer.compare(await store.artifacts.bytes(id), noise(1_000_000))).toBe(0);

  const other = await memoryStore();
  const alone = await (await store.backups.open(second.name)).blob();
  expect((await other.store.backups.import(alone)).isDone).toBe(true);
  expect(Buffer.compare(await other.store.artifacts.bytes(id), noise(1_000_000))).toBe(0);
  expect((await store.backups.taken()).map(({ name }) => name)).toEqual([second.name]);

  await expect(store.backups.delete(first.name)).rejects.toMatchObject({ code: 'conflict' });
  await store.backups.delete(second.name);
  await store.backups.delete(first.name);
  expect(await store.backups.list()).toEqual([]);
  await expect(store.backups.restore(first.name)).rejects.toMatchObject({ code: 'not_found' });
  await Promise.all([close(), other.close()]);
});

test('what is kept is a setting, and senseless ones are refused', async () => {
  const { store, close } = await memoryStore();
  expect(await store.backups.settings()).toMatchObject({ enabled: true, daily: 7, weekly: 2 });
  await store.backups.configure({ daily: 3, maxAgeDays: 30 });
  expect(await store.backups.settings()).toMatchObject({ enabled: true, daily: 3, weekly: 2, maxAgeDays: 30 });
  const none = store.backups.configure({ daily: 0, weekly: 0 });
  await expect(none).rejects.toMatchObject({ code: 'invalid_argument' });
  expect(await store.backups.settings()).toMatchObject({ daily: 3 });
  await close();
});

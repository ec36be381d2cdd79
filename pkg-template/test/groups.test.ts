import { expect, test } from '@playwright/test';
import { METHODS } from '../../pkg/methods.js';
import { openStore } from '../../pkg/index.js';
import type { Store, StrongroomError } from '../../pkg/index.js';

let store: Store;

test.beforeEach(async () => {
  store = await openStore('app', { storage: 'memory' });
  await store.users.create({ name: 'Ada' });
  await store.users.create({ name: 'Grace' });
});

test.afterEach(() => store.close());

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    (error: StrongroomError) => error.code,
  );

test('every method of the table is a call of its group, in a view of one user too', () => {
  for (const [group, methods] of Object.entries(METHODS)) {
    for (const face of [store, store.as('us01')] as unknown as Record<string, Record<string, unknown>>[]) {
      for (const method of methods.split(' '))
        expect(typeof face[group]?.[method], `${group}.${method}`).toBe('function');
    }
  }
});

test('a conversation goes to the context that is named, else to the one that is configured, else to the default', async () => {
  const create = async (context?: string): Promise<string> =>
    (await store.conversations.create(context === undefined ? { userId: 'us01' } : { userId: 'us01', context }))
      .context;
  expect(await create()).toBe('default');
  await store.settings.set({ name: 'context', value: 'personal' });
  expect(await create()).toBe('personal');
  await store.settings.set({ userId: 'us01', name: 'context', value: 'work' });
  expect(await create()).toBe('work');
  expect(await create('learning')).toBe('learning');
  const contexts = await store.contexts.list({ userId: 'us01' });
  expect(
    contexts.map(({ name, counts }) => [name, counts.find(({ kind }) => kind === 'conversations')?.count]),
  ).toEqual([
    ['default', 1],
    ['learning', 1],
    ['personal', 1],
    ['work', 1],
  ]);
  expect(await store.contexts.list({ userId: 'us02' })).toEqual([]);
});

test('lists stay inside one context or span several', async () => {
  for (const context of ['work', 'home', 'work'])
    await store.conversations.create({ userId: 'us01', context, title: context });
  const titles = async (contexts?: string[]): Promise<string[]> => {
    const { items } = await store.conversations.list(contexts ? { userId: 'us01', contexts } : { userId: 'us01' });
    return items.map(({ title }) => title).sort();
  };
  expect(await titles(['work'])).toEqual(['work', 'work']);
  expect(await titles(['home', 'elsewhere'])).toEqual(['home']);
  expect(await titles()).toEqual(['home', 'work', 'work']);
});

test('a conversation moves between contexts, a context that is renamed takes its records along, and only an empty one is deleted', async () => {
  const { id, version } = await store.conversations.create({ userId: 'us01', context: 'work' });
  expect((await store.conversations.update({ id, version, context: 'home' })).context).toBe('home');
  const renamed = await store.contexts.rename({ userId: 'us01', name: 'home', to: 'house' });
  expect(renamed.counts).toContainEqual({ kind: 'conversations', count: 1 });
  expect((await store.conversations.get(id)).context).toBe('house');
  expect(await codeOf(store.contexts.delete({ userId: 'us01', name: 'house' }))).toBe('conflict');
  await store.contexts.delete({ userId: 'us01', name: 'work' });
  expect((await store.contexts.list({ userId: 'us01' })).map(({ name }) => name)).toEqual(['house']);
});

test('a view of one user has that user’s settings and contexts alone', async () => {
  const grace = store.as('us02');
  await store.settings.set({ userId: 'us01', name: 'theme', value: { dark: true } });
  await grace.settings.set({ name: 'theme', value: 'light' });
  expect((await grace.settings.list()).map(({ value }) => value)).toEqual(['light']);
  expect((await store.settings.get({ userId: 'us01', name: 'theme' }))?.value).toEqual({ dark: true });
  expect(await store.settings.get({ name: 'theme' })).toBeUndefined();
  expect(await codeOf(grace.settings.get({ userId: 'us01', name: 'theme' }))).toBe('not_found');
  expect(await codeOf(grace.contexts.list({ userId: 'us01' }))).toBe('not_found');
  await grace.settings.remove({ name: 'theme' });
  expect(await grace.settings.list()).toEqual([]);
});

test('what is erased is told when nothing of it is left', async () => {
  const { id } = await store.conversations.create({ userId: 'us01' });
  await store.messages.append(id, { role: 'user', text: 'secret' });
  const asked = await store.retention.erase(id);
  expect(asked.record).toBe(id);
  expect(await codeOf(store.conversations.get(id))).toBe('not_found');
  await expect
    .poll(async () => (await store.retention.erasures()).items[0]?.doneAt, { timeout: 10_000 })
    .toBeGreaterThanOrEqual(asked.requestedAt);
});

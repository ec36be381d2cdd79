import { expect, test } from '@playwright/test';
import { memoryStore } from '../../pkg/testing.js';

test('what was written is found, with its marks, and only by its user', async () => {
  const { store, user, conversation, close } = await memoryStore();
  const said = await store.messages.append(conversation.id, { role: 'user', text: 'Où est le café? 東京駅の近く' });
  const { items, complete } = await store.search.query({ userId: user.id, text: 'CAFE 京駅' });
  expect(complete).toBe(true);
  expect(items.map(({ id, kind, role }) => ({ id, kind, role }))).toEqual([
    { id: said.id, kind: 'messages', role: 'user' },
  ]);
  const [hit] = items;
  const marked = hit?.snippet.marks.map(([from, to]) => hit.snippet.text.slice(from, to));
  expect(marked).toEqual(['café', '京駅']);
  const other = await store.users.create({ name: 'Grace' });
  expect((await store.as(other.id).search.query({ text: 'cafe' })).items).toEqual([]);
  await close();
});

test('all hits come one after another, and leaving the loop ends it', async () => {
  const { store, user, conversation, close } = await memoryStore();
  const texts = Array.from({ length: 25 }, (_, number) => `needle ${number}`);
  await store.messages.appendAll(
    conversation.id,
    texts.map((text) => ({ role: 'user', text })),
  );
  const found: string[] = [];
  for await (const hit of store.search.each({ userId: user.id, text: 'needle', limit: 4 })) found.push(hit.id);
  expect(new Set(found).size).toBe(25);
  for await (const hit of store.as(user.id).search.each({ text: 'needle', limit: 4 })) {
    found.push(hit.id);
    if (found.length === 28) break;
  }
  expect(found.length).toBe(28);
  await close();
});

test('the index is built anew in slices, and checked', async () => {
  const { store, user, conversation, close } = await memoryStore();
  const text = 'some words '.repeat(2000);
  for (let number = 0; number < 10; number += 1) await store.messages.append(conversation.id, { role: 'user', text });
  const seen: number[] = [];
  const status = await store.search.rebuild({ onProgress: ({ waiting }) => void seen.push(waiting) });
  expect(status).toMatchObject({ complete: true, waiting: 0 });
  // Upkeep builds too: how many slices are left to the call is not told.
  expect(seen[0]).toBeGreaterThan(0);
  expect(seen).toEqual([...seen].sort((one, other) => other - one));
  expect(await store.search.check()).toEqual([]);
  expect((await store.search.query({ userId: user.id, text: 'words' })).items.length).toBe(10);
  await close();
});

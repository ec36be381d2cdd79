import { expect, test } from '@playwright/test';
import { findEviction, mark } from '../../pkg/eviction.js';
import { forecast } from '../../pkg/health.js';
import { memoryStore } from '../../pkg/testing.js';
import { FakeEngine, connect, until } from './fake-engine.js';

const macrotask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test('changes are told once they are kept, while someone listens', async () => {
  const { store, user, conversation, close } = await memoryStore();
  const told: unknown[] = [];
  const stop = store.on('change', ({ op, by, records, groups, users }) =>
    told.push({ op, by, records, groups, users }),
  );
  await store.as(user.id).conversations.archive(conversation.id);
  const archived = {
    op: 'conversations.archive',
    by: user.id,
    records: [conversation.id],
    groups: ['conversations'],
    users: [user.id],
  };
  expect(told).toEqual([archived]);
  stop();
  await store.conversations.unarchive(conversation.id);
  expect(told).toEqual([archived]);
  await close();
});

test('a watched query yields at once, and again when its result differs', async () => {
  const { store, user, close } = await memoryStore();
  const seen: string[][] = [];
  let runs = 0;
  for await (const { items } of store.watch((view) => {
    runs += 1;
    return view.conversations.list({ userId: user.id });
  })) {
    seen.push(items.map(({ title }) => title));
    if (seen.length === 1) await store.conversations.create({ userId: user.id, title: 'Plan' });
    else if (seen.length === 2) {
      // Of another kind: no run.
      await store.settings.set({ name: 'theme', value: 'dark' });
      // Of another user: a run without another result.
      const eve = await store.users.create({ name: 'Eve' });
      await store.conversations.create({ userId: eve.id, title: 'Other' });
      setTimeout(() => void store.conversations.create({ userId: user.id, title: 'Last' }), 20);
    } else break;
  }
  expect(seen).toEqual([['Test'], ['Plan', 'Test'], ['Last', 'Plan', 'Test']]);
  expect(runs).toBe(4);
  await close();
});

test('changes that come while a result is used lead to one run', async () => {
  const { store, user, close } = await memoryStore();
  let runs = 0;
  const counts: number[] = [];
  for await (const { items } of store.watch((view) => {
    runs += 1;
    return view.conversations.list({ userId: user.id });
  })) {
    counts.push(items.length);
    if (counts.length === 2) break;
    const titles = Array.from({ length: 20 }, (_, n) => `Plan ${n}`);
    await Promise.all(titles.map((title) => store.conversations.create({ userId: user.id, title })));
  }
  expect(counts).toEqual([1, 21]);
  expect(runs).toBe(2);
  await close();
});

test('a list of conversations moves when a message arrives in one', async () => {
  const { store, user, conversation, writer, close } = await memoryStore();
  await writer.close();
  const other = await store.conversations.create({ userId: user.id, title: 'Other' });
  const firsts: string[] = [];
  for await (const { items } of store.watch((view) => view.conversations.list({ userId: user.id }))) {
    firsts.push(items[0]!.id);
    if (firsts.length === 2) break;
    await macrotask();
    await store.messages.append(conversation.id, { role: 'user', text: 'Hello' });
  }
  expect(firsts).toEqual([other.id, conversation.id]);
  await close();
});

test('a text that is streamed is watched as it grows', async () => {
  const { store, writer, close } = await memoryStore();
  const texts: string[] = [];
  for await (const { text, status } of store.watch((view) => view.messages.get(writer.id))) {
    texts.push(text);
    if (texts.length === 1) await writer.write({ text: 'Hello', tokens: 20 });
    else if (status === 'streaming') await writer.close();
    else break;
  }
  expect(texts[0]).toBe('');
  expect(texts.at(-1)).toBe('Hello');
  await close();
});

test("a user's view is watched for that user's changes alone", async () => {
  const { store, user, close } = await memoryStore();
  const eve = await store.users.create({ name: 'Eve' });
  let runs = 0;
  const counts: number[] = [];
  for await (const { items } of store.as(eve.id).watch((view) => {
    runs += 1;
    return view.conversations.list();
  })) {
    counts.push(items.length);
    if (counts.length === 2) break;
    await store.conversations.create({ userId: user.id });
    await macrotask();
    await store.conversations.create({ userId: eve.id });
  }
  expect(counts).toEqual([0, 1]);
  expect(runs).toBe(2);
  await close();
});

test('named groups say which changes count', async () => {
  const { store, user, close } = await memoryStore();
  let runs = 0;
  const query = async (): Promise<number> => (runs += 1);
  for await (const run of store.watch(query, { groups: ['settings'] })) {
    if (run === 2) break;
    await store.conversations.create({ userId: user.id });
    await macrotask();
    expect(runs).toBe(1);
    await store.settings.set({ name: 'theme', value: 'dark' });
  }
  await close();
});

test('watching ends with the signal, the store, and what the query rejects with', async () => {
  const { store, close } = await memoryStore();
  const controller = new AbortController();
  const aborted = (async () => {
    for await (const _ of store.watch((view) => view.users.list(), { signal: controller.signal })) controller.abort();
  })();
  await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
  const refused = (async () => {
    for await (const _ of store.watch((view) => view.users.get('us09'))) throw new Error('it has a result');
  })();
  await expect(refused).rejects.toMatchObject({ code: 'not_found' });
  const closed = (async () => {
    for await (const _ of store.watch((view) => view.users.list())) await close();
    return 'ended';
  })();
  expect(await closed).toBe('ended');
  const waiting = await memoryStore();
  const iterator = waiting.store.watch((view) => view.users.list());
  await iterator.next();
  const next = iterator.next();
  await waiting.close();
  expect(await next).toEqual({ done: true, value: undefined });
});

test('a change is listed, looked back on and taken back', async () => {
  const { store, user, conversation, close } = await memoryStore();
  const [created] = (await store.history.list({ record: conversation.id })).items.slice(-1);
  expect(created).toMatchObject({ op: 'conversations.create' });
  const { version } = await store.conversations.get(conversation.id);
  await store.as(user.id).conversations.update({ id: conversation.id, version, title: 'Plan' });
  const { items } = await store.as(user.id).history.list({ record: conversation.id, limit: 1 });
  expect(items).toMatchObject([{ op: 'conversations.update', by: user.id }]);
  const before = await store.history.at({ record: conversation.id, seq: items[0]!.seq - 1 });
  expect(before).toMatchObject({ incomplete: false, rows: [{ put: { title: 'Test' } }, { table: 'participant' }] });
  await store.history.undo({ seq: items[0]!.seq }, { requestId: 'undo' });
  await store.history.undo({ seq: items[0]!.seq }, { requestId: 'undo' });
  expect((await store.conversations.get(conversation.id)).title).toBe('Test');
  const eve = await store.users.create({ name: 'Eve' });
  const others = store.as(eve.id).history.list({ record: conversation.id });
  await expect(others).rejects.toMatchObject({ code: 'not_found' });
  await close();
});

test('a check, the bytes and the calls are told', async () => {
  const { store, close } = await memoryStore();
  const steps: number[] = [];
  const report = await store.health.check({ onProgress: ({ done }) => steps.push(done) });
  expect(report.findings).toEqual([]);
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
  expect((await store.settings.get({ name: 'health.lastCheck' }))?.value).toEqual(report);
  const { totalBytes, kinds, constructs } = await store.health.usage();
  expect(constructs).toEqual([]);
  expect(kinds.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(totalBytes);
  expect((await store.health.operations()).map(({ method }) => method)).toContain('conversations.create');
  expect((await store.health.reclaimable()).map(({ remedy }) => remedy)).toContain('vacuum');
  expect((await store.health.storage()).isPersisted).toBe(false);
  await close();
});

test('growth is told from samples that span a day', () => {
  const day = 24 * 60 * 60 * 1000;
  expect(forecast([[0, 100]], 100, 1000)).toEqual({});
  const grown = forecast(
    [
      [0, 100],
      [2 * day, 300],
    ],
    300,
    1000,
  );
  expect(grown).toEqual({ growthPerDay: 100, daysUntilFull: 7 });
  expect(
    forecast(
      [
        [0, 300],
        [day, 200],
      ],
      200,
      1000,
    ),
  ).toEqual({ growthPerDay: -100 });
});

test('long work goes on in slices between turns, and ends when it is aborted', async () => {
  const engine = new FakeEngine();
  const order: string[] = [];
  engine.answer = () => [0, order.push('turn')];
  let left = 3;
  engine.onSlice = async () => {
    order.push('slice');
    left -= 1;
    return left > 0 ? null : [0, 'done'];
  };
  const page = await connect(engine);
  const long = page.ask('health.check');
  const calls = [page.ask('a'), page.ask('b')];
  expect(await long).toBe('done');
  await Promise.all(calls);
  expect(order).toEqual(['turn', 'turn', 'slice', 'slice', 'slice']);

  engine.onSlice = async () => null;
  const controller = new AbortController();
  const endless = page.ask('health.check', {}, { signal: controller.signal });
  // Calls are answered although it never ends.
  await page.ask('c');
  controller.abort();
  await expect(endless).rejects.toMatchObject({ code: 'aborted' });
  await until(() => engine.dropped === 1);
  page.end();
});

test('long work goes on although calls never cease', async () => {
  const engine = new FakeEngine();
  let left = 3;
  engine.onSlice = async () => ((left -= 1) > 0 ? null : [0, 'done']);
  const page = await connect(engine);
  let isDone = false;
  const long = page.ask('health.check').then(() => (isDone = true));
  const caller = async (): Promise<void> => {
    while (!isDone) await page.ask('a');
  };
  await Promise.all([long, caller(), caller(), caller()]);
  expect(engine.turns.length).toBeLessThan(100);
  page.end();
});

test('a store that was there and has no files any more was evicted', async () => {
  const held = new Map<string, string>();
  const marks = {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, to: string) => held.set(key, to),
  };
  let missing: string | undefined = 'NotFoundError';
  const handle = {
    getDirectoryHandle: async () => handle,
    getFileHandle: async () => {
      if (missing) throw new DOMException('no', missing);
    },
  };
  const around = { marks, files: async () => handle } as never;
  expect(await findEviction('app', around)).toBeUndefined();
  mark('app', around);
  expect((await findEviction('app', around))?.lastOpenedAt).toBeGreaterThan(Date.now() - 60_000);
  expect(await findEviction('other', around)).toBeUndefined();
  missing = undefined;
  expect(await findEviction('app', around)).toBeUndefined();
  // What cannot be looked at is not known to be gone.
  missing = 'SecurityError';
  expect(await findEviction('app', around)).toBeUndefined();
  expect(await findEviction('app', { marks: undefined, files: async () => handle } as never)).toBeUndefined();
});

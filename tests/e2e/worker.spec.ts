// The worker: one owner, and a new one when it dies.

import { expect, openHarness, test } from './support/fixtures.js';

test('a second tab is told that the store is locked, and has it once the first is closed', async ({
  harness: page,
  server,
}) => {
  await page.evaluate(async () => {
    const store = await harness.openStore('shared');
    const { conversation } = await harness.begin(store);
    await store.messages.append(conversation.id, { role: 'user', text: 'from the first tab' });
  });
  const second = await page.context().newPage();
  await openHarness(second, server);
  expect(await second.evaluate(() => harness.codeOf(harness.openStore('shared')))).toBe('locked');
  await page.close();
  const texts = await second.evaluate(async () => {
    const store = await harness.openStore('shared');
    const { items } = await store.messages.list('us01-co01');
    await store.close();
    return items.map(({ text }) => text);
  });
  expect(texts).toEqual(['from the first tab']);
});

/** Ways in which a worker dies. */
const deaths = [
  'is ended from outside without a word',
  'fails as a whole',
  'meets an error nobody caught',
  'meets a trap of the wasm',
];

for (const death of deaths) {
  test(`when the worker ${death}, calls in flight are indeterminate and a new one goes on`, async ({
    harness: page,
  }) => {
    await page.evaluate(async () => {
      const store = await harness.openStore('deaths');
      const states: string[] = [];
      store.on('state', ({ state }) => states.push(state));
      const { conversation } = await harness.begin(store);
      const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
      await writer.write('kept before the end');
      await writer.flush();
      Object.assign(globalThis, { store, states, conversation, writer });
    });
    if (death === 'meets an error nobody caught') {
      await page.workers()[0]!.evaluate(() => {
        setTimeout(() => {
          throw new Error('nobody caught this');
        }, 200);
      });
    } else if (death === 'meets a trap of the wasm') {
      await page.workers()[0]!.evaluate(async () => {
        const glue = '/pkg/strongroom.js';
        const { Engine } = (await import(glue)) as { Engine: { prototype: { turn: unknown } } };
        Engine.prototype.turn = () => {
          throw new WebAssembly.RuntimeError('unreachable');
        };
      });
    }
    const found = await page.evaluate(async (death) => {
      const { store, states, conversation, writer } = globalThis as unknown as {
        store: Awaited<ReturnType<typeof harness.openStore>>;
        states: string[];
        conversation: { id: string };
        writer: { id: string; write(text: string): Promise<void>; flush(): Promise<number> };
      };
      const inFlight = harness.codeOf(
        store.messages.append(conversation.id, { role: 'user', text: 'x'.repeat(30_000_000) }),
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (death === 'fails as a whole') harness.killWorker();
      if (death === 'is ended from outside without a word') harness.endWorkerSilently();
      const flight = death === 'meets an error nobody caught' ? 'not asked' : await inFlight;
      while (states.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
      const write = await harness.codeOf(writer.write('more').then(() => writer.flush()));
      const message = await store.messages.get(writer.id);
      const continued = await store.messages.continue(writer.id);
      await continued.write(', and after it');
      const { text, status } = await continued.close();
      await store.close();
      return { flight, states, write, before: message.text, interrupted: message.status, text, status };
    }, death);
    expect(found).toEqual({
      flight: death === 'meets an error nobody caught' ? 'not asked' : 'indeterminate',
      states: ['restarting', 'ready', 'closed'],
      write: 'indeterminate',
      before: 'kept before the end',
      interrupted: 'interrupted',
      text: 'kept before the end, and after it',
      status: 'complete',
    });
  });
}

test('a worker that dies again and again is given up with a clear error', async ({ harness: page }) => {
  const found = await page.evaluate(async () => {
    const store = await harness.openStore('deaths');
    const states: string[] = [];
    store.on('state', ({ state }) => states.push(state));
    const { user } = await harness.begin(store);
    for (let death = 0; death < 4; death += 1) {
      harness.killWorker();
      await store.users.get(user.id).catch(() => undefined);
    }
    const code = await harness.codeOf(store.users.get(user.id));
    // What is on the disk is not harmed by it.
    const again = await harness.openStore('deaths');
    const { name } = await again.users.get(user.id);
    await again.close();
    return { states, code, name };
  });
  expect(found.states.at(-1)).toBe('failed');
  expect(found).toMatchObject({ code: 'internal', name: 'Ada' });
});

test('a request repeated under the same name after its worker died has one effect', async ({ harness: page }) => {
  const texts = await page.evaluate(async () => {
    const store = await harness.openStore('deaths');
    const { conversation } = await harness.begin(store);
    const append = (): Promise<unknown> =>
      store.messages.append(conversation.id, { role: 'user', text: 'once' }, { requestId: 'the-one' });
    const first = append();
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
    harness.killWorker();
    await first.catch(() => undefined);
    await append();
    await append();
    const { items } = await store.messages.list(conversation.id);
    await store.close();
    return items.map(({ text }) => text);
  });
  expect(texts).toEqual(['once']);
});

test('the package finds its own worker and wasm where nothing is set', async ({ page, server }) => {
  // The demo's policy lets no page start a worker by its plain address: this one has none.
  await page.route('**/plain', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>plain</title>' }),
  );
  await page.goto(`${server.origin}/plain`);
  const name = await page.evaluate(async () => {
    const entry = '/pkg/index.js';
    const { openStore } = (await import(entry)) as typeof import('../../pkg/index.js');
    const store = await openStore('plain');
    const user = await store.users.create({ name: 'Ada' });
    await store.close();
    return user.name;
  });
  expect(name).toBe('Ada');
});

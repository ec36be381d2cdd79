import { expect, test } from '@playwright/test';
import { MessageWriter } from '../../pkg/writer.js';
import { FakeEngine, connect, macrotask, until } from './fake-engine.js';

test('calls made together cross as one message and are one turn', async () => {
  const engine = new FakeEngine();
  const page = await connect(engine);
  const answers = await Promise.all([page.ask('a', { n: 1 }), page.ask('b', { n: 2 }), page.ask('c', { n: 3 })]);
  expect(answers).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(page.batches()).toEqual([3]);
  expect(engine.turns.map((turn) => turn.length)).toEqual([3]);
  page.end();
});

test('what comes while two batches are unanswered travels as one batch', async () => {
  const page = await connect(new FakeEngine());
  const answers: Promise<unknown>[] = [];
  for (let n = 0; n < 10; n += 1) {
    answers.push(page.ask('a', { n }));
    await Promise.resolve().then(() => {});
    await Promise.resolve();
  }
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 10 }, (_, n) => ({ n })));
  expect(page.batches()).toEqual([1, 1, 8]);
  page.end();
});

test('stream writes are served before calls, and calls before long work', async () => {
  const engine = new FakeEngine();
  const order: string[] = [];
  engine.answer = ([method]) => [0, order.push(method)];
  engine.onTask = async ([method]) => [0, order.push(method)];
  const page = await connect(engine);
  await Promise.all(['store.stats', 'users.get', 'streams.write'].map((method) => page.ask(method)));
  expect(order).toEqual(['streams.write', 'users.get', 'store.stats']);
  page.end();
});

test('stream writes wait for a few of a thousand calls only', async () => {
  const engine = new FakeEngine();
  const page = await connect(engine);
  const calls = Array.from({ length: 1000 }, () => page.ask('users.get'));
  await Promise.resolve().then(() => {});
  await Promise.all([page.ask('streams.write'), ...calls]);
  const writeTurn = engine.turns.findIndex((turn) => turn.some(([method]) => method === 'streams.write'));
  expect(writeTurn).toBeLessThanOrEqual(1);
  expect(engine.turns.length).toBeGreaterThanOrEqual(7);
  page.end();
});

test('long work holds up no batch', async () => {
  const engine = new FakeEngine();
  let finish = (_value: unknown[]): void => {};
  engine.onTask = () => new Promise((resolve) => (finish = resolve));
  const page = await connect(engine);
  const long = page.ask('store.stats');
  await until(() => page.batches().length === 1);
  const calls = [page.ask('a', { n: 1 })];
  await macrotask();
  calls.push(page.ask('a', { n: 2 }));
  await until(() => page.batches().length === 3);
  finish([0, 'done']);
  expect(await long).toBe('done');
  expect(await Promise.all(calls)).toEqual([{ n: 1 }, { n: 2 }]);
  page.end();
});

test('a call that was aborted before it was sent never is', async () => {
  const engine = new FakeEngine();
  const page = await connect(engine);
  const controller = new AbortController();
  const call = page.ask('a', {}, { signal: controller.signal });
  controller.abort('enough');
  await expect(call).rejects.toMatchObject({ code: 'aborted', cause: 'enough' });
  await page.ask('b');
  expect(engine.turns.flat().map(([method]) => method)).toEqual(['b']);
  page.end();
});

test('a call that was aborted while it waited in the worker is not run', async () => {
  const engine = new FakeEngine();
  let finish = (_value: unknown[]): void => {};
  engine.onTask = () => new Promise((resolve) => (finish = resolve));
  const page = await connect(engine);
  const long = page.ask('store.stats');
  await until(() => page.batches().length === 1);
  const controller = new AbortController();
  const call = page.ask('a', {}, { signal: controller.signal });
  await until(() => page.batches().length === 2);
  controller.abort();
  await expect(call).rejects.toMatchObject({ code: 'aborted' });
  await macrotask();
  finish([0, null]);
  await long;
  await page.ask('b');
  expect(engine.turns.flat().map(([method]) => method)).toEqual(['b']);
  page.end();
});

test('the value of a call that was given up too late is undone', async () => {
  const engine = new FakeEngine();
  const page = await connect(engine);
  const controller = new AbortController();
  let undone: unknown;
  const unwanted = (value: unknown): void => void (undone = value);
  const call = page.ask('a', { stream: 7 }, { signal: controller.signal }, { unwanted });
  engine.answer = ([, args]) => {
    controller.abort();
    return [0, args];
  };
  await expect(call).rejects.toMatchObject({ code: 'aborted' });
  await until(() => undone !== undefined);
  expect(undone).toEqual({ stream: 7 });
  page.end();
});

test('a call without an answer times out', async () => {
  const engine = new FakeEngine();
  engine.onTask = () => new Promise(() => {});
  const page = await connect(engine);
  const call = page.ask('store.stats', {}, { timeout: 5 });
  await expect(call).rejects.toMatchObject({ code: 'timeout', retryable: true });
  page.end();
});

test('a request that met damage is asked once more, after a tick', async () => {
  const engine = new FakeEngine();
  const damage = { code: 'corrupt', message: 'damage', retryable: false };
  let isDamaged = true;
  engine.answer = ([, args]) => {
    if (!isDamaged) return [0, args];
    engine.mustTick = true;
    return [2, damage];
  };
  engine.onTick = () => {
    engine.mustTick = false;
    isDamaged = false;
  };
  const page = await connect(engine);
  expect(await page.ask('a', { n: 1 })).toEqual({ n: 1 });
  expect(engine.turns.length).toBe(2);
  expect(engine.ticks.length).toBe(1);

  engine.answer = () => [2, damage];
  await expect(page.ask('a')).rejects.toMatchObject({ code: 'corrupt', message: 'damage' });
  expect(engine.turns.length).toBe(4);
  page.end();
});

test('while the engine cannot recover, calls are told so, and a later one tries again', async () => {
  const engine = new FakeEngine();
  engine.mustTick = true;
  engine.onTick = () => {
    throw { code: 'quota_exceeded', message: 'no room to recover', retryable: true };
  };
  const page = await connect(engine);
  await expect(page.ask('a')).rejects.toMatchObject({ code: 'quota_exceeded', retryable: true });
  engine.onTick = () => void (engine.mustTick = false);
  expect(await page.ask('a', { n: 1 })).toEqual({ n: 1 });
  page.end();
});

test('upkeep is done when it is due', async () => {
  const engine = new FakeEngine();
  const page = await connect(engine);
  engine.dueIn = 10;
  await page.ask('a');
  await until(() => engine.dueIn === 10 && engine.ticks.length === 0);
  engine.dueIn = 0;
  await until(() => engine.ticks.length === 1);
  expect(engine.ticks).toEqual([true]);
  page.end();
});

test('an engine that traps is not touched again, and what was in flight is reported', async () => {
  const engine = new FakeEngine();
  engine.answer = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  const page = await connect(engine);
  const call = page.ask('a');
  call.catch(() => {});
  await until(() => page.told.length > 0);
  expect(page.told).toEqual([{ crashed: 'RuntimeError: unreachable' }]);
  const turns = engine.turns.length;
  await macrotask();
  expect(engine.turns.length).toBe(turns);
  page.end();
});

test('closing finishes what was asked first', async () => {
  const engine = new FakeEngine();
  const page = await connect(engine);
  const call = page.ask('a', { n: 1 });
  page.connection.close();
  expect(await call).toEqual({ n: 1 });
  await until(() => page.told.length > 0);
  expect(engine.closed).toBe(true);
  expect(page.told).toEqual([{ closed: undefined }]);
});

test('a page and a worker of different versions refuse each other', async () => {
  const { serve } = await import('../../pkg/serve.js');
  const { port1, port2 } = new MessageChannel();
  serve(
    port2 as never,
    async () => new FakeEngine() as never,
    () => port2.close(),
  );
  const answer = new Promise((resolve) => (port1.onmessage = (event) => resolve(event.data)));
  port1.postMessage({ type: 'open', protocol: 0, options: {} });
  expect(await answer).toMatchObject({ type: 'refused', error: { code: 'unsupported' } });
  port1.close();
});

test('a store that is still locked is waited for only where patience is asked for', async () => {
  const engine = new FakeEngine();
  let refusals = 3;
  engine.onOpen = async () => {
    await macrotask();
    if (refusals-- > 0) throw { code: 'locked', message: 'locked', retryable: true };
  };
  await expect(connect(engine)).rejects.toMatchObject({ code: 'locked' });
  const page = await connect(engine, 5000);
  expect(refusals).toBe(-1);
  page.end();
});

test('deltas written in one turn of the event loop cross as one request', async () => {
  const { engine, page, writer } = await openWriter();
  for (const delta of ['a', 'b', 'c']) void writer.write(delta);
  await writer.flush();
  const writes = engine.turns.flat().filter(([method]) => method === 'streams.write');
  expect(writes.map(([, args]) => args.deltas)).toEqual([['a', 'b', 'c']]);
  page.end();
});

test('a flush travels with the write before it, and one without a write on its own', async () => {
  const { engine, page, writer } = await openWriter();
  engine.answer = ([method, args]) => [0, { acknowledged: method === 'streams.write' ? args.deltas.length : 9 }];
  void writer.write('a');
  expect(await Promise.all([writer.flush(), writer.flush()])).toEqual([1, 1]);
  expect(await writer.flush()).toBe(9);
  const asked = engine.turns.flat().map(([method, args]) => [method, args.flush]);
  expect(asked).toEqual([
    ['streams.write', true],
    ['streams.flush', undefined],
  ]);
  page.end();
});

test('no text follows text that was not taken', async () => {
  const { engine, page, writer } = await openWriter();
  let isFull = true;
  engine.answer = ([method, args]) =>
    method === 'streams.write' && isFull
      ? [1, { code: 'quota_exceeded', message: 'full', retryable: true }]
      : [0, { acknowledged: 0, args }];
  void writer.write('lost');
  await expect(writer.flush()).rejects.toMatchObject({ code: 'quota_exceeded' });
  isFull = false;
  await expect(writer.write('later')).rejects.toMatchObject({ code: 'quota_exceeded' });
  await expect(writer.flush()).rejects.toMatchObject({ code: 'quota_exceeded' });
  await expect(writer.close()).rejects.toMatchObject({ code: 'quota_exceeded' });
  const taken = engine.turns.flat().filter(([method]) => method === 'streams.write');
  expect(taken.map(([, args]) => args.deltas)).toEqual([['lost']]);
  await writer.abort();
  expect(engine.turns.flat().at(-1)).toMatchObject(['streams.end', { stream: 3, status: 'interrupted' }, null, null]);
  page.end();
});

test('text written behind a write that fails is not sent, and its waiting flush fails', async () => {
  const { engine, page, writer } = await openWriter();
  engine.answer = ([method]) =>
    method === 'streams.write' ? [1, { code: 'io', message: 'bad', retryable: true }] : [0, { acknowledged: 9 }];
  const calls = [writer.write('one'), writer.flush()];
  await Promise.resolve().then(() => {});
  calls.push(writer.write('two'), writer.close() as never);
  const results = await Promise.allSettled(calls);
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  const methods = engine.turns.flat().map(([method]) => method);
  expect(methods).toEqual(['streams.write']);
  page.end();
});

test('write waits while too much is unanswered', async () => {
  const { page, writer } = await openWriter();
  let isAccepted = false;
  const waiting = writer.write('x'.repeat(300_000)).then(() => (isAccepted = true));
  await Promise.resolve();
  await Promise.resolve();
  expect(isAccepted).toBe(false);
  await waiting;
  const small = await Promise.race([writer.write('y').then(() => 'at once'), macrotask().then(() => 'late')]);
  expect(small).toBe('at once');
  page.end();
});

test('a writer whose worker died says how to go on', async () => {
  const { engine, page, writer } = await openWriter();
  engine.answer = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  const { StrongroomError } = await import('../../pkg/errors.js');
  const flush = writer.flush();
  await until(() => page.told.length > 0);
  page.connection.die(new (StrongroomError as any)('indeterminate', 'the worker ended'));
  await expect(flush).rejects.toMatchObject({ code: 'indeterminate' });
  await expect(writer.write('more')).rejects.toMatchObject({ code: 'indeterminate' });
  await expect(writer.close()).rejects.toThrow(/messages\.continue\('us01-co01-ms01'\)/);
  page.end();
});

async function openWriter() {
  const engine = new FakeEngine();
  const page = await connect(engine);
  const message = { id: 'us01-co01-ms01', parts: [] };
  const writer = new (MessageWriter as any)(page.connection, undefined, { stream: 3, message }) as MessageWriter;
  return { engine, page, writer };
}

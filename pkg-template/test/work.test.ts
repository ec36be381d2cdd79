import { expect, test } from '@playwright/test';
import { StrongroomError } from '../../pkg/index.js';
import { memoryStore } from '../../pkg/testing.js';
import { withWork } from '../../pkg/work.js';

const QUEUE = 'q';
/** Quick, so that tests are. */
const QUICK = { queue: QUEUE, pollMs: 5 };

async function fixture() {
  const { store, user, close } = await memoryStore();
  const stop = new AbortController();
  return {
    store,
    user,
    close,
    stop,
    enqueue: (payload: unknown, more: object = {}) =>
      store.jobs.enqueue({ userId: user.id, queue: QUEUE, payload, backoffMs: 0, ...more }),
    until: (id: string, state: string) =>
      expect.poll(async () => (await store.jobs.get(id)).state, { intervals: [5] }).toBe(state),
  };
}

test('jobs are run in their order and end with what the handler returns', async () => {
  const { store, enqueue, until, stop, close } = await fixture();
  const [low, high] = [await enqueue('low'), await enqueue('high', { priority: 5 })];
  const order: unknown[] = [];
  const working = store.jobs.work(
    ({ payload, attempts, queue }) => {
      order.push([payload, attempts, queue]);
      return payload === 'low' ? undefined : { length: String(payload).length };
    },
    { ...QUICK, signal: stop.signal },
  );
  await until(low.id, 'done');
  // One that comes later is found, too.
  const late = await enqueue('late');
  await until(late.id, 'done');
  expect(order).toEqual([
    ['high', 1, QUEUE],
    ['low', 1, QUEUE],
    ['late', 1, QUEUE],
  ]);
  expect((await store.jobs.get(high.id)).result).toEqual({ length: 4 });
  expect('result' in (await store.jobs.get(low.id))).toBe(false);
  stop.abort();
  await working;
  await close();
});

test('as many run at once as is allowed, and no more', async () => {
  const { store, user, enqueue, stop, close } = await fixture();
  for (let n = 0; n < 10; n += 1) await enqueue(n);
  let running = 0;
  let most = 0;
  const working = store.jobs.work(
    async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running -= 1;
    },
    { ...QUICK, concurrency: 3, signal: stop.signal },
  );
  const done = [{ queue: QUEUE, state: 'done', count: 10 }];
  await expect.poll(() => store.jobs.counts({ userId: user.id }), { intervals: [10] }).toEqual(done);
  expect(most).toBe(3);
  stop.abort();
  await working;
  await close();
});

test('what the handler throws is kept, and the job is tried until it is dead', async () => {
  const { store, enqueue, until, stop, close } = await fixture();
  const thrown = [new TypeError('no luck 😀'.padEnd(1009, 'x') + '😀'), 'a text', Object.create(null), undefined];
  const job = await enqueue('x', { maxAttempts: 4 });
  const errors: unknown[] = [];
  const working = store.jobs.work(
    ({ error }) => {
      errors.push(error);
      throw thrown.shift();
    },
    { ...QUICK, signal: stop.signal },
  );
  await until(job.id, 'dead');
  expect(errors[0]).toBeUndefined();
  expect(errors[1]).toMatch(/^TypeError: no luck 😀x+$/);
  expect(errors.slice(2)).toEqual(['a text', 'an object was thrown']);
  expect((await store.jobs.get(job.id)).error).toBe('undefined');
  stop.abort();
  await working;
  await close();
});

test('a result that cannot be kept is a failure', async () => {
  const { store, enqueue, until, stop, close } = await fixture();
  const job = await enqueue('x', { maxAttempts: 1 });
  const working = store.jobs.work(() => new Map(), { ...QUICK, signal: stop.signal });
  await until(job.id, 'dead');
  expect((await store.jobs.get(job.id)).error).toContain('an instance of Map cannot be stored');
  stop.abort();
  await working;
  await close();
});

test('a lease is renewed for as long as its job runs', async () => {
  const { store, enqueue, until, stop, close } = await fixture();
  const job = await enqueue('slow');
  let runs = 0;
  const work = () =>
    store.jobs.work(
      async (_job, { renew }) => {
        runs += 1;
        await renew();
        await new Promise((resolve) => setTimeout(resolve, 700));
      },
      { ...QUICK, leaseMs: 200, signal: stop.signal },
    );
  const both = [work(), work()];
  await until(job.id, 'done');
  expect([runs, (await store.jobs.get(job.id)).attempts]).toEqual([1, 1]);
  stop.abort();
  await Promise.all(both);
  await close();
});

test('a handler learns that its lease is lost, and what it does then is not kept', async () => {
  const { store, enqueue, stop, close } = await fixture();
  const job = await enqueue('x');
  const lost = new Promise<unknown>((resolve) => {
    void store.jobs.work(
      async ({ id }, { signal }) => {
        await store.jobs.cancel(id);
        await new Promise((aborted) => signal.addEventListener('abort', aborted));
        resolve(signal.reason);
        return 'too late';
      },
      { ...QUICK, leaseMs: 30, signal: stop.signal },
    );
  });
  expect(await lost).toMatchObject({ code: 'conflict' });
  stop.abort();
  expect(await store.jobs.get(job.id)).toMatchObject({ state: 'cancelled' });
  await close();
});

test('stopping waits for what finishes and gives back what does not', async () => {
  const { store, enqueue, stop, close } = await fixture();
  const [finishes, gives] = [await enqueue('finishes'), await enqueue('gives up')];
  const waiting = await enqueue('waiting');
  let started = 0;
  const working = store.jobs.work(
    ({ payload }, { signal }) => {
      started += 1;
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => {
          if (payload === 'finishes') setTimeout(() => resolve('whole'), 20);
          else reject(signal.reason);
        });
      });
    },
    { ...QUICK, concurrency: 2, signal: stop.signal },
  );
  await expect.poll(() => started).toBe(2);
  stop.abort('enough');
  await working;
  expect(await store.jobs.get(finishes.id)).toMatchObject({ state: 'done', result: 'whole' });
  const back = await store.jobs.get(gives.id);
  expect(back).toMatchObject({ state: 'queued', attempts: 0 });
  expect(back.error).toBeUndefined();
  expect(await store.jobs.get(waiting.id)).toMatchObject({ state: 'queued', attempts: 0 });
  await store.jobs.work(() => expect.unreachable(), { ...QUICK, signal: stop.signal });
  await close();
});

test('a disk that fails for now is waited for, and one that fails for good ends the work', async () => {
  const fails = (code: string, retryable: boolean) => new StrongroomError(code as never, 'no room', { retryable });
  const answers: Record<string, unknown[]> = {
    dequeue: [fails('io', true), [{ id: '1', lease: 'a' }], [], [{ id: '2', lease: 'b' }]],
    complete: [fails('quota_exceeded', true), fails('indeterminate', true), {}, fails('corrupt', false)],
    fail: [fails('corrupt', false)],
  };
  const made: string[] = [];
  const jobs = new Proxy({} as Record<string, unknown>, {
    ownKeys: () => Object.keys(answers),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: (_, method: string) => async () => {
      made.push(method);
      const answer = answers[method]?.shift();
      if (answer instanceof Error) throw answer;
      return answer ?? [];
    },
  });
  const working = withWork(jobs as never).work(() => 'result', QUICK);
  await expect(working).rejects.toMatchObject({ code: 'corrupt' });
  expect(made.filter((method) => method !== 'dequeue')).toEqual([
    'complete',
    'complete',
    'complete',
    'complete',
    'fail',
  ]);
});

test('a user works on their own jobs, and the store on those of one or all', async () => {
  const { store, user, enqueue, until, stop, close } = await fixture();
  const eve = await store.users.create({ name: 'Eve' });
  const mine = await enqueue('mine');
  const hers = await store.as(eve.id).jobs.enqueue({ queue: QUEUE, payload: 'hers' });
  const seen: unknown[] = [];
  const handler = ({ userId }: { userId: string }) => void seen.push(userId);
  const working = store.as(eve.id).jobs.work(handler, { ...QUICK, signal: stop.signal });
  await until(hers.id, 'done');
  expect((await store.jobs.get(mine.id)).state).toBe('queued');
  const named = store.jobs.work(handler, { ...QUICK, userId: user.id, signal: stop.signal });
  await until(mine.id, 'done');
  expect(seen).toEqual([eve.id, user.id]);
  stop.abort();
  await Promise.all([working, named]);
  const invalid = store.as(eve.id).jobs.work(handler, { ...QUICK, userId: user.id });
  await expect(invalid).rejects.toMatchObject({ code: 'not_found' });
  await close();
});

test('work without sense is refused, and work on a closed store ends with it', async () => {
  const { store, enqueue, close } = await fixture();
  for (const options of [
    { concurrency: 0 },
    { concurrency: 1.5 },
    { concurrency: 101 },
    { pollMs: 0 },
    { leaseMs: -1 },
    { queue: '' },
  ]) {
    const refused = store.jobs.work(() => {}, { ...QUICK, ...options });
    await expect(refused).rejects.toMatchObject({ code: 'invalid_argument' });
  }
  await enqueue('x');
  let began = (): void => {};
  const begun = new Promise<void>((resolve) => (began = resolve));
  const working = store.jobs.work(
    (_job, { signal }) => (began(), new Promise((resolve) => signal.addEventListener('abort', resolve))),
    { ...QUICK, concurrency: 2, leaseMs: 60 },
  );
  const closed = expect(working).rejects.toMatchObject({ code: 'closed' });
  await begun;
  await close();
  await closed;
});

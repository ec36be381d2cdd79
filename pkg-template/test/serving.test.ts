import { expect, test } from '@playwright/test';
import { serveArtifacts, type Store } from '../../pkg/index.js';
import { answerWithArtifacts, disposition, rangeOf, type ServiceWorkerScope } from '../../pkg/service-worker.js';
import { memoryStore } from '../../pkg/testing.js';
import { noise } from './noise.js';

const ORIGIN = 'https://app.example';
const PATIENCE_MS = 300;

type Listener = (event: object) => void;
type Page = { postMessage(message: unknown, transfer: Transferable[]): void };

/** A service worker's scope with these pages, and a way to ask it. */
function scopeOf(pages: Page[]) {
  let listener: Listener | undefined;
  const scope: ServiceWorkerScope = {
    clients: { matchAll: async () => pages },
    location: { origin: ORIGIN },
    addEventListener: (_type: 'fetch', added: never) => void (listener = added),
  };
  answerWithArtifacts(scope, { patienceMs: PATIENCE_MS });
  return async (path: string, init: RequestInit = {}): Promise<Response | undefined> => {
    let answer: Promise<Response> | undefined;
    listener?.({
      request: new Request(new URL(path, ORIGIN), init),
      stopImmediatePropagation: () => {},
      respondWith: (response: Promise<Response>) => void (answer = response),
    });
    return answer;
  };
}

/** A page that serves a store; the pieces that it reads are counted. */
function pageOf(store: Pick<Store, 'artifacts'>): { page: Page; counts: { read: number; cancelled: number } } {
  const counts = { read: 0, cancelled: 0 };
  const container = Object.assign(new EventTarget(), { startMessages: () => {} });
  const artifacts = {
    ...store.artifacts,
    stream: (...args: Parameters<Store['artifacts']['stream']>) => {
      const reader = store.artifacts.stream(...args).getReader();
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await reader.read();
            counts.read += 1;
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel: () => {
            counts.cancelled += 1;
            return reader.cancel();
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
  const known = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { serviceWorker: container } });
  try {
    serveArtifacts({ artifacts });
  } finally {
    if (known) Object.defineProperty(globalThis, 'navigator', known);
    else delete (globalThis as { navigator?: unknown }).navigator;
  }
  const postMessage = (data: unknown, [port]: Transferable[]): void =>
    void container.dispatchEvent(Object.assign(new Event('message'), { data, ports: [port] }));
  return { page: { postMessage }, counts };
}

/** A page that answers once, that it has such a content, and then does as told. */
function strangePage(then: (port: MessagePort) => void): Page {
  return {
    postMessage: (_message, [port]) => {
      const given = port as MessagePort;
      given.onmessage = () => then(given);
      given.postMessage({ served: { name: 'a', mediaType: 'text/plain', size: 10, hash: 'ab' } });
    },
  };
}

async function withStore(use: (store: Store) => Promise<void>): Promise<void> {
  const { store, close } = await memoryStore();
  await use(store);
  await close();
}

test('a range is read as the bytes it means, and one that makes no sense is passed over', () => {
  const ranges: [string | null, ReturnType<typeof rangeOf>][] = [
    [null, undefined],
    ['bytes=0-0', [0, 1]],
    ['bytes=2-5', [2, 6]],
    ['bytes=4-', [4, 10]],
    ['bytes=-3', [7, 10]],
    ['bytes=-30', [0, 10]],
    ['bytes=9-99', [9, 10]],
    [' Bytes = 1 - 2 ', [1, 3]],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,3-4', undefined],
    ['bytes=a-b', undefined],
    ['lines=0-1', undefined],
  ];
  for (const [header, range] of ranges) expect(rangeOf(header, 10), String(header)).toEqual(range);
  expect(rangeOf('bytes=0-', 0)).toBe('unsatisfiable');
  expect(rangeOf('bytes=-5', 0)).toBe('unsatisfiable');
});

test('a name cannot end its header or its quotes, nor name a folder', () => {
  const names: [string, string][] = [
    ['plain.txt', `filename="plain.txt"; filename*=UTF-8''plain.txt`],
    ['a"b;c.txt', `filename="a_b;c.txt"; filename*=UTF-8''a%22b%3Bc.txt`],
    ['a\r\nSet-Cookie: b', `filename="a__Set-Cookie: b"; filename*=UTF-8''a__Set-Cookie%3A%20b`],
    ['../\\up', `filename="..__up"; filename*=UTF-8''..__up`],
    ['100%41', `filename="100_41"; filename*=UTF-8''100%2541`],
    [`it's (1)*`, `filename="it's (1)*"; filename*=UTF-8''it%27s%20%281%29%2A`],
    ['日本', `filename="__"; filename*=UTF-8''%E6%97%A5%E6%9C%AC`],
    ['half \uD83D', `filename="half _"; filename*=UTF-8''half%20_`],
  ];
  for (const [name, expected] of names) {
    expect(disposition('attachment', name), name).toBe(`attachment; ${expected}`);
    expect(() => new Headers({ 'Content-Disposition': disposition('inline', name) }), name).not.toThrow();
  }
});

test('only what a sandbox shows is inline, and every answer forbids scripts and sniffing', () =>
  withStore(async (store) => {
    const ask = scopeOf([pageOf(store).page]);
    for (const [mediaType, kind] of [
      ['image/png', 'inline'],
      ['image/svg+xml', 'inline'],
      ['video/mp4', 'inline'],
      ['text/html', 'inline'],
      ['application/json', 'inline'],
      ['application/pdf', 'attachment'],
      ['application/xhtml+xml', 'attachment'],
      ['application/javascript', 'attachment'],
      ['application/octet-stream', 'attachment'],
    ] as const) {
      const content = new Blob(['x'], { type: mediaType });
      const { id, hash } = await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'a', content });
      const { headers } = (await ask(`/strongroom/artifacts/${id}`))!;
      expect(headers.get('content-disposition'), mediaType).toMatch(new RegExp(`^${kind};`));
      expect(headers.get('content-security-policy'), mediaType).toMatch(/^sandbox; default-src 'none'/);
      expect(headers.get('x-content-type-options'), mediaType).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy'), mediaType).toBe('same-origin');
      expect(headers.get('cache-control'), mediaType).toBe('private, no-cache');
      expect(headers.get('etag'), mediaType).toBe(`"${hash}"`);
    }
  }));

test('an earlier revision is answered as it was, and one that never was is not found', () =>
  withStore(async (store) => {
    const ask = scopeOf([pageOf(store).page]);
    const { id } = await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'a', content: 'first' });
    await store.artifacts.revise(id, 'the second', { version: 1 });
    const address = `/strongroom/artifacts/${id}`;
    expect(await (await ask(address))!.text()).toBe('the second');
    expect(await (await ask(`${address}?revision=1`))!.text()).toBe('first');
    for (const missing of ['?revision=3', '?revision=x']) expect((await ask(address + missing))!.status).toBe(404);
  }));

test('what is no address of an artifact is left alone or not found', () =>
  withStore(async (store) => {
    const ask = scopeOf([pageOf(store).page]);
    for (const path of ['/', '/strongroom/artifacts', 'https://other.example/strongroom/artifacts/x']) {
      expect(await ask(path), path).toBeUndefined();
    }
    for (const id of ['', 'x', '%', '%E0%A4%A', 'a/b', '..%2F..']) {
      expect((await ask(`/strongroom/artifacts/${id}`))!.status, id).toBe(404);
    }
  }));

test('a range is asked for of GET alone: HEAD tells of the whole', () =>
  withStore(async (store) => {
    const ask = scopeOf([pageOf(store).page]);
    const { id } = await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'a', content: '0123456789' });
    const headers = { Range: 'bytes=2-4' };
    const part = (await ask(`/strongroom/artifacts/${id}`, { headers }))!;
    expect([part.status, await part.text()]).toEqual([206, '234']);
    const head = (await ask(`/strongroom/artifacts/${id}`, { headers, method: 'HEAD' }))!;
    expect([head.status, head.headers.get('content-length'), head.body]).toEqual([200, '10', null]);
  }));

test('bytes are read as they are taken, and no more once the response is cancelled', () =>
  withStore(async (store) => {
    const bytes = noise(9_000_000);
    const { page, counts } = pageOf(store);
    const { id } = await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'a', content: bytes });
    const whole = (await scopeOf([page])(`/strongroom/artifacts/${id}`))!;
    expect(Buffer.compare(new Uint8Array(await whole.arrayBuffer()), bytes)).toBe(0);
    counts.read = 0;
    const reader = (await scopeOf([page])(`/strongroom/artifacts/${id}`))!.body!.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(counts.read).toBe(1);
    await reader.cancel();
    await expect.poll(() => counts.cancelled).toBe(1);
    expect(counts.read).toBe(1);
  }));

test('a page that goes away while it gives bytes fails the response, and one that never answers is not waited for', async () => {
  const silent = (await scopeOf([strangePage(() => {})])('/strongroom/artifacts/x'))!;
  await expect(silent.text()).rejects.toThrow('the page is gone');
  const broken = (await scopeOf([strangePage((port) => port.postMessage({ error: 'the disk failed' }))])(
    '/strongroom/artifacts/x',
  ))!;
  await expect(broken.text()).rejects.toThrow('the disk failed');
  const mute: Page = { postMessage: () => {} };
  const nobody = (await scopeOf([mute, mute])('/strongroom/artifacts/x'))!;
  expect([nobody.status, await nobody.text()]).toEqual([503, 'no page of this origin has the store open\n']);
});

test('a store that cannot be read says why', () =>
  withStore(async (store) => {
    const { page } = pageOf(store);
    const { id } = await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'a', content: 'x' });
    await store.close();
    const closed = (await scopeOf([page])(`/strongroom/artifacts/${id}`))!;
    expect(closed.status).toBe(503);
    expect(await closed.text()).toContain('closed');
  }));

test("of several pages the one that has the artifact answers, and another user's is not found", () =>
  withStore(async (store) => {
    const bob = await store.users.create({ name: 'Bob' });
    const { id } = await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'a', content: 'of the first' });
    const address = `/strongroom/artifacts/${id}`;
    const [own, others] = [pageOf(store.as('us01')).page, pageOf(store.as(bob.id)).page];
    expect((await scopeOf([others])(address))!.status).toBe(404);
    expect(await (await scopeOf([others, { postMessage: () => {} }, own])(address))!.text()).toBe('of the first');
  }));

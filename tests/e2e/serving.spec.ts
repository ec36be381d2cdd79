// Contents of artifacts at addresses of their own, through the demo's service worker.

import type { Page } from '@playwright/test';

import { expect, test } from './support/fixtures.js';

/** Opens a store with some artifacts and serves them; gives their ids. */
async function serve(page: Page): Promise<Record<'picture' | 'video' | 'html' | 'named' | 'others', string>> {
  return page.evaluate(async () => {
    await harness.registerServiceWorker();
    const store = await harness.openStore('served');
    const { user } = await harness.begin(store);
    const other = await store.users.create({ name: 'Bob' });
    const put = async (userId: string, name: string, content: Blob): Promise<string> =>
      (await store.artifacts.put({ userId, kind: 'file', name, content })).id;
    const canvas = new OffscreenCanvas(40, 30);
    canvas.getContext('2d')!.fillRect(0, 0, 40, 30);
    const bytes = Uint8Array.from({ length: 5_000_000 }, (_, at) => (at * 7919) >> 3);
    const html = '<!doctype html><p id="text">shown</p><script>document.title = "it ran"</script>';
    const ids = {
      picture: await put(user.id, 'dot.png', await canvas.convertToBlob()),
      video: await put(user.id, 'film.mp4', new Blob([bytes], { type: 'video/mp4' })),
      html: await put(user.id, 'page.html', new Blob([html], { type: 'text/html' })),
      named: await put(user.id, '日本 "a"/b\n.bin', new Blob(['x'], { type: 'application/octet-stream' })),
      others: await put(other.id, 'secret.txt', new Blob(['secret'], { type: 'text/plain' })),
    };
    const stop = harness.serveArtifacts(store.as(user.id));
    Object.assign(globalThis, { store, stop });
    return ids;
  });
}

const address = (id: string): string => `/strongroom/artifacts/${id}`;

/** What a request of the page is answered with. */
function ask(page: Page, path: string, init: Pick<RequestInit, 'method' | 'headers' | 'cache'> = {}) {
  return page.evaluate(
    async ([path, init]) => {
      const response = await fetch(path, init);
      const bytes = new Uint8Array(await response.arrayBuffer());
      const text = bytes.length < 1000 ? new TextDecoder().decode(bytes) : '';
      const isRight = (from: number): boolean =>
        bytes.every((byte, at) => byte === ((((from + at) * 7919) >> 3) & 255));
      const from = Number(/bytes (\d+)/.exec(response.headers.get('content-range') ?? '')?.[1] ?? 0);
      const headers = Object.fromEntries(response.headers) as Record<string, string | undefined>;
      return { status: response.status, headers, length: bytes.length, text, isNumbers: isRight(from) };
    },
    [path, init] as const,
  );
}

test('a picture is shown from its address', async ({ harness: page }) => {
  const { picture } = await serve(page);
  const size = await page.evaluate(async (src) => {
    const image = new Image();
    image.src = src;
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  }, address(picture));
  expect(size).toEqual([40, 30]);
});

test('a content is answered whole and in any range, byte for byte', async ({ harness: page }) => {
  const { video } = await serve(page);
  const whole = await ask(page, address(video));
  expect(whole).toMatchObject({ status: 200, length: 5_000_000, isNumbers: true });
  expect(whole.headers).toMatchObject({
    'content-type': 'video/mp4',
    'content-length': '5000000',
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
  });
  const etag = whole.headers['etag']!;
  for (const [range, from, to] of [
    ['bytes=0-0', 0, 1],
    ['bytes=1048570-1048590', 1_048_570, 1_048_591],
    ['bytes=3000000-', 3_000_000, 5_000_000],
    ['bytes=-9', 4_999_991, 5_000_000],
    ['bytes=4999999-9999999', 4_999_999, 5_000_000],
  ] as const) {
    const part = await ask(page, address(video), { headers: { Range: range } });
    expect(part, range).toMatchObject({ status: 206, length: to - from, isNumbers: true });
    expect(part.headers['content-range']).toBe(`bytes ${from}-${to - 1}/5000000`);
  }
  const beyond = await ask(page, address(video), { headers: { Range: 'bytes=5000000-' } });
  expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */5000000']);
  const several = await ask(page, address(video), { headers: { Range: 'bytes=0-1,5-6' } });
  expect([several.status, several.length]).toEqual([200, 5_000_000]);
  const known = await ask(page, address(video), {
    headers: { 'If-None-Match': `"other", ${etag}` },
    cache: 'no-store',
  });
  expect([known.status, known.length]).toEqual([304, 0]);
  const changed = await ask(page, address(video), { headers: { Range: 'bytes=0-9', 'If-Range': '"other"' } });
  expect([changed.status, changed.length]).toEqual([200, 5_000_000]);
  const same = await ask(page, address(video), { headers: { Range: 'bytes=0-9', 'If-Range': etag } });
  expect([same.status, same.length]).toEqual([206, 10]);
  const head = await ask(page, address(video), { method: 'HEAD' });
  expect([head.status, head.length, head.headers['content-length']]).toEqual([200, 0, '5000000']);
  const post = await ask(page, address(video), { method: 'POST' });
  expect([post.status, post.headers['allow']]).toEqual([405, 'GET, HEAD']);
});

test('a page among the artifacts is shown, and does not run', async ({ harness: page }) => {
  const { html, named } = await serve(page);
  const shown = await page.context().newPage();
  const response = await shown.goto(new URL(address(html), page.url()).href);
  expect(response?.headers()['content-security-policy']).toContain('sandbox');
  await expect(shown.locator('#text')).toHaveText('shown');
  expect(await shown.title()).not.toBe('it ran');
  await shown.close();
  const { headers } = await ask(page, address(named));
  expect(headers['content-disposition']).toBe(
    `attachment; filename="__ _a__b_.bin"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%20%22a%22_b_.bin`,
  );
  const saved = await ask(page, `${address(html)}?download`);
  expect(saved.headers['content-disposition']).toMatch(/^attachment; filename="page.html"/);
});

test('what the page may not see is not there, and without a page nothing is', async ({ harness: page }) => {
  const { others, picture } = await serve(page);
  expect((await ask(page, address(others))).status).toBe(404);
  expect((await ask(page, address('nonsense'))).status).toBe(404);
  expect((await ask(page, `${address(picture)}?revision=2`)).status).toBe(404);
  await page.evaluate(async () => {
    const { stop, store } = globalThis as unknown as { stop(): void; store: { close(): Promise<void> } };
    stop();
    await store.close();
  });
  const gone = await ask(page, address(picture));
  expect([gone.status, gone.text]).toEqual([503, 'no page of this origin has the store open\n']);
});

test('contents are there with the network off', async ({ harness: page }) => {
  const { picture } = await serve(page);
  await page.context().setOffline(true);
  expect((await ask(page, address(picture))).headers['content-type']).toBe('image/png');
});

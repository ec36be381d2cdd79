// Files that go with messages in the demo, as people use them.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import type { Locator, Page } from '@playwright/test';

import { expect, startServer, test } from './support/fixtures.js';

const SCREENSHOTS = new URL('../../test-results/screenshots/', import.meta.url).pathname;

const HTML = '<!doctype html><p>shown</p><script>document.title = "it ran"</script>';

interface File {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** Bytes that nothing compresses, always the same. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0, block = Buffer.from('begin'); at < length; at += block.length) {
    block = createHash('sha512').update(block).digest();
    block.copy(bytes, at);
  }
  return bytes;
}

/** Opens the demo, with its service worker in charge. */
async function open(page: Page, origin: string): Promise<void> {
  await page.goto(`${origin}/`);
  await expect(page.locator('#state')).toHaveText('Ready');
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 50));
  });
}

async function picture(page: Page, name = 'picture.png'): Promise<File> {
  const url = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 400, height: 300 });
    const context = canvas.getContext('2d')!;
    const sky = context.createLinearGradient(0, 0, 0, 300);
    sky.addColorStop(0, '#1f5f5b');
    sky.addColorStop(1, '#f6e9cd');
    context.fillStyle = sky;
    context.fillRect(0, 0, 400, 300);
    return canvas.toDataURL();
  });
  return { name, mimeType: 'image/png', buffer: Buffer.from(url.split(',')[1]!, 'base64') };
}

/** A second of film, as the browser records it. */
async function film(page: Page): Promise<File> {
  const bytes = await page.evaluate(async () => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 320, height: 180 });
    const context = canvas.getContext('2d')!;
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm' });
    const recorded: Blob[] = [];
    recorder.ondataavailable = ({ data }) => recorded.push(data);
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let frame = 0; frame < 25; frame += 1) {
      context.fillStyle = `hsl(${frame * 14} 60% 50%)`;
      context.fillRect(0, 0, 320, 180);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    recorder.stop();
    await stopped;
    return [...new Uint8Array(await new Blob(recorded).arrayBuffer())];
  });
  return { name: 'film.webm', mimeType: 'video/webm', buffer: Buffer.from(bytes) };
}

function text(name: string, mimeType: string, content: string): File {
  return { name, mimeType, buffer: Buffer.from(content) };
}

async function choose(page: Page, ...files: File[]): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Attach files' }).click();
  await (await chooser).setFiles(files);
}

async function send(page: Page, message: string): Promise<void> {
  await page.getByLabel('Your message').fill(message);
  await page.getByLabel('Your message').press('Enter');
}

/** Waits for the answer: then the message before it is kept, with its files. */
async function answered(page: Page): Promise<void> {
  await expect(page.getByRole('article', { name: 'Answer' }).last()).toHaveAttribute('data-status', 'complete', {
    timeout: 30_000,
  });
}

function attached(page: Page): Locator {
  return page.getByRole('list', { name: 'Files', exact: true }).getByRole('listitem');
}

async function sizeOf(image: Locator): Promise<number[]> {
  return image.evaluate(async (image: HTMLImageElement) => {
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  });
}

/** The SHA-256 of what an address of the page is answered with. */
async function sha256(page: Page, address: string, range?: string): Promise<{ status: number; hash: string }> {
  return page.evaluate(
    async ([address, range]) => {
      const response = await fetch(address, range === undefined ? {} : { headers: { Range: range } });
      const digest = await crypto.subtle.digest('SHA-256', await response.arrayBuffer());
      const hash = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      return { status: response.status, hash };
    },
    [address, range] as const,
  );
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function addressOf(item: Locator): Promise<string> {
  const address = await item.getByRole('link', { name: 'Download' }).getAttribute('href');
  return address!.replace('?download', '');
}

test('files are shown below the message they were sent with', async ({ page, server }) => {
  await open(page, server.origin);
  await choose(page, await picture(page), text('page.html', 'text/html', HTML), await film(page));
  await send(page, 'Look at these');
  await answered(page);
  await expect(attached(page)).toHaveCount(3);
  expect(await sizeOf(attached(page).locator('img'))).toEqual([400, 300]);
  await expect(attached(page).nth(1).locator('pre')).toHaveText(HTML);
  const width = () =>
    attached(page)
      .locator('video')
      .evaluate((video: HTMLVideoElement) => video.videoWidth);
  await expect.poll(width).toBe(320);
  expect(await page.title()).not.toBe('it ran');
  await expect(page.getByRole('list', { name: 'Files to send' }).getByRole('listitem')).toHaveCount(0);
  // What is shown where it is opened is saved where that is asked for.
  const begun = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download page.html' }).click();
  expect(await readFile(await (await begun).path(), 'utf8')).toBe(HTML);
});

test('a large file says how far it is, and is downloaded as it was, under its own name', async ({ page, server }) => {
  await open(page, server.origin);
  const bytes = noise(5_000_000);
  await choose(page, { name: `a "quoted" naïve 日本.bin`, mimeType: 'application/octet-stream', buffer: bytes });
  await page.evaluate(() => {
    const told: number[] = [];
    new MutationObserver((changes) => {
      for (const { target } of changes) if (target instanceof HTMLProgressElement) told.push(target.value);
    }).observe(document.querySelector('.chosen')!, { subtree: true, attributeFilter: ['value'] });
    Object.assign(globalThis, { told });
  });
  await send(page, 'Keep this');
  await answered(page);
  const told = await page.evaluate(() => (globalThis as unknown as { told: number[] }).told);
  expect(told.length).toBeGreaterThan(2);
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expect(told.at(-1)).toBe(bytes.length);
  const begun = page.waitForEvent('download');
  await attached(page).getByRole('link', { name: 'Download' }).click();
  const download = await begun;
  expect(download.suggestedFilename()).toMatch(/^a .quoted. naïve 日本\.bin$/);
  expect(hashOf(await readFile(await download.path()))).toBe(hashOf(bytes));
  const address = await addressOf(attached(page));
  for (const [range, from, to] of [
    ['bytes=0-99', 0, 100],
    ['bytes=2097000-4194400', 2_097_000, 4_194_401],
    ['bytes=-1000', 4_999_000, 5_000_000],
  ] as const) {
    const expected = { status: 206, hash: hashOf(bytes.subarray(from, to)) };
    expect(await sha256(page, address, range), range).toEqual(expected);
  }
});

test('files are there after a reload with the network off and the server gone', async ({ page }) => {
  const server = await startServer();
  await open(page, server.origin);
  const bytes = noise(3_000_000);
  await choose(page, await picture(page), { name: 'noise.bin', mimeType: 'application/octet-stream', buffer: bytes });
  await send(page, 'Before');
  await answered(page);
  await page.context().setOffline(true);
  server.close();
  await page.reload();
  await expect(page.locator('#state')).toHaveText('Ready, offline');
  expect(await sizeOf(attached(page).locator('img'))).toEqual([400, 300]);
  const address = await addressOf(attached(page).last());
  expect(await sha256(page, address)).toEqual({ status: 200, hash: hashOf(bytes) });
  await choose(page, text('offline.txt', 'text/plain', 'written offline'));
  await send(page, '');
  await expect(attached(page).locator('pre')).toHaveText('written offline');
});

test('files can be dropped and taken out again before they are sent', async ({ page, server }) => {
  await open(page, server.origin);
  const dropped = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    for (const name of ['one.txt', 'two.txt']) transfer.items.add(new File([name], name, { type: 'text/plain' }));
    return transfer;
  });
  await page.getByRole('form', { name: 'Write' }).dispatchEvent('drop', { dataTransfer: dropped });
  await page.getByRole('button', { name: 'Do not send one.txt' }).click();
  await send(page, '');
  await answered(page);
  await expect(attached(page)).toHaveCount(1);
  await expect(attached(page).locator('pre')).toHaveText('two.txt');
  await expect(page.getByRole('navigation', { name: 'Conversations' })).toContainText('two.txt');
});

test('another version of a message keeps its files', async ({ page, server }) => {
  await open(page, server.origin);
  await choose(page, text('note.txt', 'text/plain', 'a note'));
  await send(page, 'First wording');
  await answered(page);
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('New wording').fill('Second wording');
  await page.getByRole('button', { name: 'Send as a new version' }).click();
  await expect(page.getByRole('article', { name: 'You' })).toContainText('Second wording');
  await expect(attached(page).locator('pre')).toHaveText('a note');
});

for (const { name, ...look } of [
  { name: 'desktop-light', viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true },
] as const) {
  test(`files fit and look well: ${name}`, async ({ start, server }) => {
    const context = await start(look);
    const page = context.pages()[0] ?? (await context.newPage());
    await open(page, server.origin);
    const log = Array.from({ length: 300 }, (_, line) => `${line} a line of the log`).join('\n');
    await choose(page, await picture(page, 'a picture with quite a long name of its own.png'), await film(page));
    await choose(page, text('build.log', 'text/plain', log), text('plan.pdf', 'application/pdf', 'x'.repeat(2000)));
    await page.screenshot({ path: `${SCREENSHOTS}files-chosen-${name}.png` });
    await send(page, 'Here is everything from today.');
    await answered(page);
    expect(await sizeOf(attached(page).locator('img'))).toEqual([400, 300]);
    await attached(page).first().scrollIntoViewIfNeeded();
    await page.screenshot({ path: `${SCREENSHOTS}files-${name}.png` });
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
  });
}

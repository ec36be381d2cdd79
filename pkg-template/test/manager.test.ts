import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { expect, test } from '@playwright/test';
import type { BrowserContext, Page } from '@playwright/test';
import type { Store } from '../../pkg/index.js';
import { launch } from '../../tests/e2e/support/browser.js';

const PACKAGE = new URL('../../pkg/', import.meta.url);
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
const CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'none'; worker-src 'self'";

let server: Server;
let origin: string;
let context: BrowserContext;

test.beforeAll(async () => {
  server = createServer((request, response) => {
    const path = (request.url ?? '/').slice(1) || 'index.html';
    const send = (body: string | Buffer): void =>
      void response
        .setHeader('content-type', TYPES[extname(path)] ?? 'text/plain')
        .setHeader('content-security-policy', CSP)
        .end(body);
    if (path === 'index.html') {
      return send(
        '<!doctype html><html lang="en"><title>Test</title><main><strongroom-manager></strongroom-manager></main>',
      );
    }
    readFile(new URL(path, PACKAGE)).then(send, () => void response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

test.afterAll(() => void server.close());

test.beforeEach(async ({}, info) => {
  context = await launch(info.outputPath('profile'));
});

test.afterEach(() => context.close());

/** A page with the element and a store in memory that holds one conversation. */
async function openPage(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(origin);
  await page.evaluate(async () => {
    const { memoryStore } = await import('/testing.js' as string);
    await import('/manager.js' as string);
    const { store, writer } = await memoryStore();
    await writer.close();
    // Pickers of the system cannot be driven by a test.
    Reflect.deleteProperty(window, 'showSaveFilePicker');
    Object.assign(document.querySelector('strongroom-manager')!, { store });
  });
  await expect(page.getByText('This store takes')).toBeVisible();
  return page;
}

/** Runs something with the store that the element shows. */
function withStore<T>(page: Page, use: (store: Store) => Promise<T>): Promise<T> {
  return page.evaluate(`(${use.toString()})(document.querySelector('strongroom-manager').store)`) as Promise<T>;
}

test('usage by kind is what the store counts', async () => {
  const page = await openPage();
  const kinds = (await withStore(page, (store) => store.health.usage())).kinds;
  await page.getByRole('button', { name: 'Refresh' }).first().click();
  await page.getByText('Bytes by kind').first().click();
  const table = page.getByRole('table', { name: 'Bytes by kind' });
  await expect(table.getByRole('rowheader')).toHaveCount(kinds.length);
  await expect(table.getByRole('rowheader', { name: 'Indexes' })).toBeVisible();
  await expect(table).not.toContainText('_');
});

test('what is exported through the element comes in through it, rehearsed first', async () => {
  const page = await openPage();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export everything' }).click();
  const file = await (await download).path();
  await expect(page.getByText(/^Saved as strongroom-.*\.zip\.$/)).toBeVisible();
  await withStore(page, async (store) => store.conversations.delete('us01-co01'));
  const chooser = page.getByLabel('Choose files to import');
  await chooser.setInputFiles(file);
  const row = page.getByRole('row', { name: /^Conversations / });
  await expect(row.getByRole('cell')).toHaveText(['1', '0', '0']);
  const count = (store: Store): Promise<number> =>
    store.conversations.list({ userId: 'us01' }).then(({ items }) => items.length);
  expect(await withStore(page, count)).toBe(0);
  await page.getByRole('button', { name: 'Import', exact: true }).press('Enter');
  await expect(page.getByText(/^Imported: \d+ records were added\.$/)).toBeVisible();
  expect(await withStore(page, count)).toBe(1);
});

test('what is encrypted with a passphrase comes in with it, and not without', async () => {
  const page = await openPage();
  const secret = page.getByLabel('Passphrase');
  await secret.fill('a long secret');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export everything' }).click();
  const file = await (await download).path();
  await expect(page.getByText(/^Saved as strongroom-.*\.zip\.age\.$/)).toBeVisible();
  await secret.fill('');
  const chooser = page.getByLabel('Choose files to import');
  await chooser.setInputFiles(file);
  await expect(page.getByRole('alert')).toContainText('This file is encrypted.');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await secret.fill('another one');
  await chooser.setInputFiles([]);
  await chooser.setInputFiles(file);
  await expect(page.getByRole('alert')).toContainText('This passphrase does not open the file.');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await secret.fill('a long secret');
  await chooser.setInputFiles([]);
  await chooser.setInputFiles(file);
  await expect(page.getByRole('row', { name: /^Messages / })).toBeVisible();
  await page.getByRole('button', { name: 'Import', exact: true }).press('Enter');
  await expect(page.getByText(/^Imported: 0 records were added\.$/)).toBeVisible();
});

test('files of another program are rehearsed together, and said by their format', async () => {
  const page = await openPage();
  const chunk = (name: string, content: string): { name: string; mimeType: string; buffer: Buffer } => ({
    name,
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify({ messageId: 'x', tokens: 1, seq: 1, content })),
  });
  const files = [chunk('us01-co02-ms01.json', 'a question'), chunk('us01-co02-ms02-001.json', 'an answer')];
  await page.getByLabel('Choose files to import').setInputFiles(files);
  await expect(page.getByText('chunks: 1 records and 2 messages in 2 files, 0 left out')).toBeVisible();
});

test('a file of no known format is refused in words', async () => {
  const page = await openPage();
  const file = { name: 'noise.zip', mimeType: 'application/zip', buffer: Buffer.from([1, 2, 3, 4]) };
  await page.getByLabel('Choose files to import').setInputFiles(file);
  await expect(page.getByRole('alert')).toContainText('This file is damaged, or of a format that is not known.');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expect(page.getByRole('alert')).toBeEmpty();
});

test('a backup is made, read back and deleted', async () => {
  const page = await openPage();
  await page.getByRole('button', { name: 'Back up now' }).click();
  await expect(page.getByText('The backup is made and was read back.')).toBeVisible();
  const [backup] = await withStore(page, (store) => store.backups.list());
  await page.getByRole('button', { name: `Verify: ${backup!.name}` }).click();
  await expect(page.getByText('The backup is whole.')).toBeVisible();
  await page.getByRole('button', { name: `Remove: ${backup!.name}` }).click();
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await expect(page.getByText('There are no backups yet.')).toBeVisible();
  expect(await withStore(page, (store) => store.backups.list())).toEqual([]);
});

test('a check says that everything is sound', async () => {
  const page = await openPage();
  await page.getByRole('button', { name: 'Check now' }).press('Enter');
  await expect(page.getByText('Everything is sound.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Check now' })).toBeFocused();
});

test('a rule is added by its form, and an app says it in its own words', async () => {
  const page = await openPage();
  await page.getByLabel('Days without a change').fill('30');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await expect(page.getByRole('rowheader', { name: 'Conversations: Put away after 30 days' })).toBeVisible();
  const { items } = await withStore(page, (store) => store.retention.list());
  expect(items).toMatchObject([{ kind: 'conversations', action: 'archive', ageMs: 30 * 24 * 60 * 60 * 1000 }]);
  await page.evaluate(() => {
    Object.assign(document.querySelector('strongroom-manager')!, { strings: { usage: 'Verbrauch' } });
  });
  await expect(page.getByRole('heading', { name: 'Verbrauch' })).toBeVisible();
});

test('nothing sticks out of a page of 320 pixels', async () => {
  const page = await openPage();
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

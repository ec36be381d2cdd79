import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import type { BrowserContext, Page } from '@playwright/test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import type { Store } from '../../pkg/index.js';
import { launch } from '../../tests/e2e/support/browser.js';
import { servePackage } from './package-server.js';
import type { PackageServer } from './package-server.js';

const PAGE =
  '<!doctype html><html lang="en"><title>Test</title><main><h1>Test</h1><strongroom-manager></strongroom-manager></main>';
const CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'none'; worker-src 'self'";

let server: PackageServer;
let context: BrowserContext;

test.beforeAll(async () => {
  server = await servePackage({ 'index.html': PAGE }, { 'content-security-policy': CSP });
});

test.afterAll(() => server.close());

test.beforeEach(async ({}, info) => {
  context = await launch(info.outputPath('profile'));
});

test.afterEach(() => context.close());

/** A page with the element and a store in memory that holds one conversation. */
async function openPage(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(server.origin);
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
  // Deleting leaves free pages, and a log.
  await withStore(page, (store) => store.conversations.delete('us01-co01'));
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
  await page.getByRole('button', { name: 'Export', exact: true }).click();
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
  await page.getByRole('button', { name: 'Export', exact: true }).click();
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

test('a compaction gives room back and says how much', async () => {
  const page = await openPage();
  await withStore(page, async (store) => {
    const { id } = await store.conversations.create({ userId: 'us01' });
    const message = { role: 'user', text: 'and so on '.repeat(20_000) } as const;
    for (let n = 0; n < 10; n += 1) await store.messages.append(id, message);
    await store.conversations.delete(id);
  });
  await page.getByRole('button', { name: 'Compact now' }).press('Enter');
  await expect(page.getByText(/^[\d.]+ MB were freed\.$/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Compact now' })).toBeFocused();
  expect(await withStore(page, (store) => store.health.compact())).toEqual({ bytes: 0 });
});

test('what the store does by itself is shown with how far it is, until it is done', async () => {
  const page = await openPage();
  await page.evaluate(() => {
    const manager = document.querySelector('strongroom-manager')! as unknown as { store: Store };
    const works: object[] = [{ work: 'seal', done: 3, total: 4 }, { work: 'erase' }];
    Object.assign(window, { endWorks: () => works.splice(0) });
    Object.assign(manager.store.health, { upkeep: () => Promise.resolve(works) });
  });
  const upkeep = page.getByRole('list', { name: 'What the store is doing by itself' });
  await expect(upkeep.getByLabel('Compressing the journal')).toHaveJSProperty('position', 0.75);
  await expect(upkeep.getByLabel('Removing the last traces of what was erased')).toHaveJSProperty('position', -1);
  await page.evaluate('endWorks()');
  await expect(upkeep).toBeEmpty();
});

test('a database of an older version is updated, and only then', async () => {
  const page = await openPage();
  const update = page.getByRole('button', { name: 'Update the database' });
  await expect(update).toHaveCount(0);
  const latest = await withStore(page, async (store) => {
    const { length } = await store.migrations.status();
    await store.migrations.migrate({ to: length - 1 });
    return length;
  });
  await page.evaluate(() => document.querySelector('strongroom-manager')!.refresh());
  await expect(page.getByText(`The database is at version ${latest - 1} of ${latest}.`)).toBeVisible();
  await update.click();
  await expect(page.getByText(`The database is at version ${latest}.`)).toBeVisible();
  await expect(update).toHaveCount(0);
  const status = await withStore(page, (store) => store.migrations.status());
  expect(status.every(({ appliedAt }) => appliedAt !== undefined)).toBe(true);
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

test('a part of the store is exported alone, for a recipient, and comes in with the identity', async () => {
  const page = await openPage();
  const identity = await generateIdentity();
  await withStore(page, async (store) => {
    await store.users.create({ name: 'Grace' });
    await store.conversations.create({ userId: 'us02', title: 'Compilers', context: 'work' });
  });
  await page.evaluate(() => document.querySelector('strongroom-manager')!.refresh());
  await page.getByLabel('What to export').selectOption('Grace / work');
  await page.getByLabel('With every conversation as Markdown').check();
  const secret = page.getByLabel('Passphrase');
  await secret.fill(await identityToRecipient(identity));
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  const file = await (await download).path();
  const taken = await withStore(page, (store) => store.backups.taken());
  expect(taken).toMatchObject([{ scope: { kind: 'context', userId: 'us02', name: 'work' } }]);
  await withStore(page, (store) => store.conversations.delete('us02-co01'));
  await secret.fill(identity);
  await page.getByLabel('Choose files to import').setInputFiles(file);
  await expect(page.getByRole('row', { name: /^Conversations / }).getByRole('cell')).toHaveText(['1', '0', '0']);
  await page.getByRole('button', { name: 'Import', exact: true }).press('Enter');
  await expect(page.getByText(/^Imported: \d+ records were added\.$/)).toBeVisible();
  expect((await withStore(page, (store) => store.conversations.get('us02-co01'))).title).toBe('Compilers');
});

test('conflicts are decided by kind', async () => {
  const page = await openPage();
  await withStore(page, async (store) => {
    await store.settings.set({ name: 'theme', value: 'dark' });
  });
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  const file = await (await download).path();
  const title = (await withStore(page, (store) => store.conversations.get('us01-co01'))).title;
  await withStore(page, async (store) => {
    await store.settings.set({ name: 'theme', value: 'light' });
    const { version } = await store.conversations.get('us01-co01');
    await store.conversations.update({ id: 'us01-co01', version, title: 'renamed' });
  });
  await page.getByLabel('Choose files to import').setInputFiles(file);
  await page.getByLabel('On conflict, settings').selectOption('Replace it');
  await page.getByRole('button', { name: 'Import', exact: true }).press('Enter');
  await expect(page.getByText(/^Imported: /)).toBeVisible();
  const [setting, conversation] = await withStore(page, (store) =>
    Promise.all([store.settings.get({ name: 'theme' }), store.conversations.get('us01-co01')]),
  );
  expect([setting?.value, conversation.title]).toEqual(['dark', 'renamed']);
  expect(title).not.toBe('renamed');
});

test('an import that is cancelled changes nothing, and the focus comes back', async () => {
  const page = await openPage();
  // What the store is asked to rehearse never ends by itself.
  await page.evaluate(() => {
    const manager = document.querySelector('strongroom-manager')! as unknown as { store: Store };
    manager.store.backups.rehearse = (_source, { signal } = {}) =>
      new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)));
  });
  const chooser = page.getByLabel('Choose files to import');
  await chooser.focus();
  await chooser.setInputFiles({ name: 'a.json', mimeType: 'application/json', buffer: Buffer.from('[]') });
  await expect(page.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.getByRole('button', { name: 'Cancel' }).press('Enter');
  await expect(page.getByText('Cancelled. Nothing was changed.')).toBeVisible();
  await expect(chooser).toBeFocused();
});

test('a backup brings back what was deleted', async () => {
  const page = await openPage();
  await page.getByRole('button', { name: 'Back up now' }).click();
  await expect(page.getByText('The backup is made and was read back.')).toBeVisible();
  await withStore(page, (store) => store.conversations.delete('us01-co01'));
  const [backup] = await withStore(page, (store) => store.backups.list());
  await page.getByRole('button', { name: `Restore: ${backup!.name}` }).click();
  await page.getByRole('button', { name: 'Restore', exact: true }).press('Enter');
  await expect(page.getByText(/^Imported: \d+ records were added\.$/)).toBeVisible();
  expect((await withStore(page, (store) => store.conversations.get('us01-co01'))).id).toBe('us01-co01');
});

test('settings of backups are kept as they are filled in', async () => {
  const page = await openPage();
  await page.getByLabel('Daily ones to keep').fill('3');
  await page.getByLabel('Days to keep one at most').fill('30');
  await page.getByRole('button', { name: 'Save settings' }).click();
  await expect(page.getByText('The settings are saved.')).toBeVisible();
  const settings = (store: Store): Promise<unknown> => store.backups.settings();
  expect(await withStore(page, settings)).toMatchObject({ daily: 3, maxAgeDays: 30, scope: { kind: 'all' } });
  await page.getByLabel('Days to keep one at most').fill('');
  await page.getByRole('button', { name: 'Save settings' }).click();
  await expect.poll(() => withStore(page, settings)).not.toHaveProperty('maxAgeDays');
});

test('what is found is repaired when that is wanted, and what is lost is said', async () => {
  const page = await openPage();
  await page.evaluate(() => {
    const manager = document.querySelector('strongroom-manager')! as unknown as { store: Store };
    const finding = { code: 'page', message: 'page 5 is damaged', repair: 'the database is made anew' };
    Object.assign(manager.store.health, {
      check: () => Promise.resolve({ findings: [finding] }),
      repair: () => Promise.resolve({ repaired: [finding], left: [], lost: ['the message us01-co01-ms02'], steps: [] }),
    });
  });
  await page.getByRole('button', { name: 'Check now' }).click();
  await expect(page.getByRole('row', { name: 'page 5 is damaged the database is made anew' })).toBeVisible();
  await page.getByRole('button', { name: 'Repair', exact: true }).click();
  await page.getByRole('group').getByRole('button', { name: 'Repair' }).click();
  await expect(page.getByText('1 problems were repaired, 0 are left.')).toBeVisible();
  await expect(page.getByRole('alert')).toContainText('Lost: the message us01-co01-ms02');
});

test('what the store tells of itself is shown until it is dismissed', async () => {
  const page = await openPage();
  await page.evaluate(() => {
    const manager = document.querySelector('strongroom-manager')! as unknown as { store: Store };
    const { store } = manager;
    const listeners: Record<string, (news: unknown) => void> = {};
    Object.assign(store, {
      on: (name: string, listener: (news: unknown) => void) => {
        listeners[name] = listener;
        return () => {};
      },
    });
    manager.store = store;
    listeners['recovery']!({ damage: ['line 7 of the journal'], quarantined: ['quarantine/1'] });
    listeners['trouble']!({ message: 'the disk is full' });
  });
  const alerts = page.getByRole('alert');
  await expect(alerts).toContainText('The store was repaired.');
  await expect(alerts).toContainText('Lost: line 7 of the journal');
  await expect(alerts).toContainText('Upkeep failed and is tried again: the disk is full');
  await page.getByRole('button', { name: 'Dismiss' }).first().press('Enter');
  await expect(page.getByRole('button', { name: 'Dismiss' })).toBeFocused();
  await page.getByRole('button', { name: 'Dismiss' }).press('Enter');
  await expect(alerts).toBeEmpty();
  await expect(page.getByRole('heading', { name: 'Usage' })).toBeFocused();
});

test('single artifacts are deleted and conversations put away, and the focus stays in the section', async () => {
  const page = await openPage();
  await withStore(page, async (store) => {
    await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'large.bin', content: new Uint8Array(50_000) });
    await store.artifacts.put({ userId: 'us01', kind: 'file', name: 'small.bin', content: new Uint8Array(50) });
  });
  await page.evaluate(() => document.querySelector('strongroom-manager')!.refresh());
  const largest = page.getByRole('table', { name: 'The largest artifacts' }).getByRole('rowheader');
  await expect(largest.first()).toHaveText('large.bin');
  await page.getByRole('button', { name: 'Remove: large.bin' }).click();
  await page.getByRole('button', { name: 'Remove', exact: true }).press('Enter');
  await expect(largest).not.toContainText(['large.bin']);
  await expect(page.getByRole('heading', { name: 'Single records' })).toBeFocused();
  const conversations = page.getByRole('table', { name: 'Conversations that lay longest' });
  await conversations
    .getByRole('button', { name: /^Put away: / })
    .first()
    .click();
  await expect
    .poll(() => withStore(page, (store) => store.conversations.get('us01-co01')))
    .toMatchObject({
      status: 'archived',
    });
});

test('nothing in it is hard to reach for people who see or hear it otherwise', async () => {
  const page = await openPage();
  await page.getByRole('button', { name: 'Back up now' }).click();
  await expect(page.getByText('The backup is made and was read back.')).toBeVisible();
  await page.getByText('Bytes by kind').first().click();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations).toEqual([]);
});

test('nothing sticks out of a page of 320 pixels', async () => {
  const page = await openPage();
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

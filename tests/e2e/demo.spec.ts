// The demo, as people use it.

import type { Locator, Page } from '@playwright/test';

import { expect, startServer, test } from './support/fixtures.js';

const SCREENSHOTS = new URL('../../test-results/screenshots/', import.meta.url).pathname;

const looks = [
  { name: 'desktop-light', viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  { name: 'desktop-dark', viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  { name: 'phone-light', viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true },
] as const;

async function open(page: Page, origin: string): Promise<void> {
  await page.goto(`${origin}/`);
  await expect(field(page)).toBeVisible();
}

function field(page: Page): Locator {
  return page.getByLabel('Your message');
}

async function send(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press('Enter');
}

function answer(page: Page): Locator {
  return page.getByRole('article', { name: 'Answer' }).last();
}

async function answered(page: Page): Promise<string> {
  await expect(answer(page)).toHaveAttribute('data-status', 'complete', { timeout: 30_000 });
  return answer(page).locator('.content').innerText();
}

/** Waits until so many characters of the answer are on the screen, and gives those that are kept. */
async function keptText(page: Page, characters: number): Promise<string> {
  const kept = (): Promise<string> =>
    answer(page)
      .locator('.content')
      .evaluate((content) => {
        const copy = content.cloneNode(true) as HTMLElement;
        for (const pending of copy.querySelectorAll('.pending')) pending.remove();
        return copy.textContent ?? '';
      });
  await expect.poll(async () => (await kept()).length).toBeGreaterThan(characters);
  return kept();
}

for (const { name, ...look } of looks) {
  test(`it fits and reads well: ${name}`, async ({ start, server }) => {
    const context = await start(look);
    const page = context.pages()[0] ?? (await context.newPage());
    await open(page, server.origin);
    await send(page, 'How are my words kept?');
    await keptText(page, 300);
    await page.screenshot({ path: `${SCREENSHOTS}${name}.png` });
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    const bar = await page.locator('.bar').boundingBox();
    for (const button of await page.locator('.bar > :visible').all()) {
      const box = await button.boundingBox();
      expect(box!.y + box!.height).toBeLessThanOrEqual(bar!.height);
      expect(box!.x + box!.width).toBeLessThanOrEqual(look.viewport.width);
    }
    await page.getByRole('button', { name: 'What is kept' }).click();
    await page.screenshot({ path: `${SCREENSHOTS}${name}-panel.png` });
  });
}

test('a reload in the middle keeps what was kept, and the answer can be continued to its end', async ({
  page,
  server,
}) => {
  await open(page, server.origin);
  await send(page, 'First');
  const whole = await answered(page);
  await page.getByRole('button', { name: 'New chat' }).click();
  await expect(page.getByRole('article')).toHaveCount(0);
  await send(page, 'Second');
  const kept = await keptText(page, 200);
  await page.reload();
  await expect(answer(page)).toHaveAttribute('data-status', 'interrupted');
  expect(
    await answer(page)
      .locator('.content')
      .evaluate((content) => content.textContent),
  ).toContain(kept);
  await page.getByRole('button', { name: 'Continue' }).click();
  expect(await answered(page)).toBe(whole);
});

test('the killed worker is replaced, and nothing that was kept is missing', async ({ page, server }) => {
  await open(page, server.origin);
  await send(page, 'Kill it');
  const kept = await keptText(page, 200);
  await page.getByRole('button', { name: 'Kill the worker' }).click();
  await expect(answer(page)).toHaveAttribute('data-status', 'interrupted');
  await expect(page.locator('#state')).toHaveText('Ready');
  expect(
    await answer(page)
      .locator('.content')
      .evaluate((content) => content.textContent),
  ).toContain(kept);
  await expect(page.locator('.events')).toContainText('recovered: unclosed');
  await page.getByRole('button', { name: 'Continue' }).click();
  await answered(page);
});

test('it opens and answers with the network off and the server gone', async ({ page }) => {
  const server = await startServer();
  await open(page, server.origin);
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 50));
  });
  await send(page, 'Before');
  const before = await answered(page);
  await page.context().setOffline(true);
  server.close();
  await page.reload();
  await expect(page.locator('#state')).toHaveText('Ready, offline');
  expect(await answered(page)).toBe(before);
  await send(page, 'While offline');
  await expect(page.getByRole('article')).toHaveCount(4);
  expect(await answered(page)).not.toBe('');
});

test('everything can be done with the keyboard alone', async ({ page, server }) => {
  await open(page, server.origin);
  await expect(field(page)).toBeFocused();
  await page.keyboard.type('A question');
  await page.keyboard.press('Enter');
  const first = await answered(page);
  await tabTo(page, 'Ask again');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('group', { name: 'Version 2 of 2' })).toBeVisible();
  const second = await answered(page);
  expect(second).not.toBe(first);

  await tabTo(page, 'Previous version');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('group', { name: 'Version 1 of 2' })).toBeVisible();
  await expect(answer(page).locator('.content')).toHaveText(first, { useInnerText: true });
  await expect(page.getByRole('button', { name: 'Previous version' })).toBeFocused();

  await tabTo(page, 'Edit');
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('New wording')).toBeFocused();
  await page.keyboard.type(' with a new wording');
  await page.keyboard.press('Control+Enter');
  await expect(page.getByRole('article', { name: 'You' })).toContainText('A question with a new wording');
  await answered(page);

  await tabTo(page, 'New chat');
  await page.keyboard.press('Enter');
  await expect(field(page)).toBeFocused();
  await expect(page.getByRole('article')).toHaveCount(0);
});

/** Presses Tab until the button with this name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  const button = page.getByRole('button', { name, exact: true }).last();
  for (let press = 0; press < 60; press += 1) {
    if (await button.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${name} cannot be reached with the keyboard`);
}

test('a second tab says in plain words that the chat is open elsewhere, and opens once it is not', async ({
  page,
  server,
}) => {
  await open(page, server.origin);
  const second = await page.context().newPage();
  await second.goto(`${server.origin}/`);
  await expect(second.getByRole('alert')).toContainText('This chat is open in another tab');
  await page.close();
  await second.getByRole('button', { name: 'Try again' }).click();
  await expect(field(second)).toBeVisible();
});

test('a browser without private files is told so, and may go on without keeping', async ({ page, server }) => {
  await page.addInitScript(() => {
    delete (StorageManager.prototype as { getDirectory?: unknown }).getDirectory;
  });
  await page.goto(`${server.origin}/`);
  await expect(page.getByRole('alert')).toContainText('cannot keep files');
  await page.getByRole('button', { name: 'Go on without keeping' }).click();
  await expect(page.locator('#state')).toHaveText('Nothing is kept');
  await send(page, 'Hello');
  expect(await answered(page)).not.toBe('');
});

test('an answer from a server of one’s own, whose key is kept nowhere', async ({ page, server }) => {
  const asked: { authorization: string | undefined; body: unknown }[] = [];
  await page.route('https://model.example/v1/chat/completions', (route) => {
    asked.push({ authorization: route.request().headers().authorization, body: route.request().postDataJSON() });
    const events = ['An answer', ' from', ' afar.'].map(
      (content) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`,
    );
    return route.fulfill({
      contentType: 'text/event-stream',
      headers: { 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': '*' },
      body: `${events.join('')}data: [DONE]\n\n`,
    });
  });
  await open(page, server.origin);
  await page.getByRole('button', { name: 'Change' }).click();
  await page.getByLabel('Address').fill('https://model.example/v1/');
  await page.getByLabel('Model').fill('small');
  await page.getByLabel('Key, if it needs one').fill('a-secret-key');
  await page.getByRole('button', { name: 'Use this server' }).click();
  await send(page, 'Hello?');
  expect(await answered(page)).toBe('An answer from afar.');
  expect(asked).toEqual([
    {
      authorization: 'Bearer a-secret-key',
      body: { model: 'small', stream: true, messages: [{ role: 'user', content: 'Hello?' }] },
    },
  ]);
  const kept = await page.evaluate(async () => {
    let text = JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie;
    const read = async (folder: FileSystemDirectoryHandle): Promise<void> => {
      for await (const entry of folder.values()) {
        if (entry.kind === 'directory') await read(entry);
        else text += await (await entry.getFile()).text();
      }
    };
    await read(await navigator.storage.getDirectory());
    return text;
  });
  expect(kept).toContain('An answer from afar.');
  expect(kept).not.toContain('a-secret-key');
});

test('conversations and messages come in pages, and a deleted conversation comes back', async ({ page, server }) => {
  await open(page, server.origin);
  // Faster than clicking: the demo's own store, filled by the package while the demo is not looking.
  await page.goto(`${server.origin}/harness/`);
  await page.waitForSelector('html[data-ready]', { state: 'attached' });
  await page.evaluate(async () => {
    const store = await harness.openStore('demo');
    const { conversation } = await harness.begin(store, 'A long one');
    for (let number = 0; number < 30; number += 1) await harness.begin(store, `Conversation ${number}`);
    for (let number = 0; number < 70; number += 1) {
      await store.messages.append(conversation.id, {
        role: number % 2 ? 'assistant' : 'user',
        text: `Message ${number}`,
      });
    }
    await store.close();
  });
  await open(page, server.origin);
  const list = page.getByRole('navigation', { name: 'Conversations' });
  await expect(list.getByRole('listitem')).toHaveCount(25);
  await list.getByRole('button', { name: 'Show more' }).click();
  await expect(list.getByRole('listitem')).toHaveCount(31);
  await expect(page.getByRole('article')).toHaveCount(30);
  await expect(page.getByRole('article').last()).toContainText('Message 69');
  await page.getByRole('button', { name: 'Show older messages' }).click();
  await expect(page.getByRole('article')).toHaveCount(60);
  await expect(page.getByRole('article').first()).toContainText('Message 10');

  await list.getByRole('button', { name: 'Delete A long one' }).click();
  await expect(list.getByRole('button', { name: 'Delete A long one' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByRole('article').last()).toContainText('Message 69');
});

test('text is shown as text, whatever it says', async ({ page, server }) => {
  await open(page, server.origin);
  await send(page, '<img src=x onerror="document.title=1"> **bold** `code`');
  const mine = page.getByRole('article', { name: 'You' });
  await expect(mine).toContainText('<img src=x onerror="document.title=1">');
  await expect(mine.locator('img')).toHaveCount(0);
  await expect(mine.locator('strong')).toHaveText('bold');
  await expect(mine.locator('code')).toHaveText('code');
});

test('who listens is told that an answer begins and then the answer, not every word', async ({ page, server }) => {
  await open(page, server.origin);
  await page.evaluate(() => {
    const told: string[] = [];
    const announcer = document.getElementById('announcer')!;
    new MutationObserver(() => told.push(announcer.textContent ?? '')).observe(announcer, { childList: true });
    Object.assign(globalThis, { told });
  });
  await send(page, 'Tell me');
  await answered(page);
  await expect
    .poll(() =>
      page.evaluate(() => (globalThis as unknown as { told: string[] }).told.map((text) => text.slice(0, 12))),
    )
    .toEqual(['The answer i', 'The answer: ']);
  await expect(page.getByRole('navigation', { name: 'Conversations' })).toBeVisible();
  await expect(page.getByRole('main')).toBeVisible();
  await expect(page.getByRole('complementary', { name: 'What is kept' })).toBeVisible();
});

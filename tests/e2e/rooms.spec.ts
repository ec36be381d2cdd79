// The views beside the chat, as people use them.

import { readFileSync } from 'node:fs';

import type { Locator, Page } from '@playwright/test';

import { data } from './support/data.js';
import { expect, test } from './support/fixtures.js';

const SCREENSHOTS = new URL('../../test-results/screenshots/', import.meta.url).pathname;

const VIEWS = ['Search', 'Charts', 'Agents', 'Learnings', 'Jobs'] as const;

const looks = [
  { name: 'desktop-light', viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  { name: 'desktop-dark', viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  { name: 'phone-light', viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true },
] as const;

/** What the page counts about the requests that go to the worker. */
interface Gate {
  /** Whether searches wait before the worker sees them. */
  isClosed: boolean;
  waiting: (() => void)[];
  /** Searches that were asked for. */
  searches: number;
  /** Requests that were taken back. */
  withdrawn: number;
}

declare global {
  var gate: Gate;
}

async function open(page: Page, origin: string, hash = ''): Promise<void> {
  await page.goto(`${origin}/${hash}`);
  await expect(page.locator('#state')).toHaveText('Ready');
}

async function visit(page: Page, view: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: view }).click();
  if (view !== 'Chat') await expect(page.getByRole('heading', { level: 2, name: view, exact: true })).toBeVisible();
}

async function fillWithExamples(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Fill with examples' }).click();
}

function dialog(page: Page): Locator {
  return page.getByRole('dialog');
}

/** Fills the demo's own store by the package, which is faster than clicking, and leaves the harness open. */
async function fillStore(page: Page, origin: string, messages: number): Promise<{ id: string; last: string }> {
  await open(page, origin);
  await page.goto(`${origin}/harness/`);
  await page.waitForSelector('html[data-ready]', { state: 'attached' });
  return page.evaluate(async (count) => {
    const store = await harness.openStore('demo');
    const { user, conversation } = await harness.begin(store, 'The harbour');
    const texts = Array.from({ length: count }, (_, number) => `The lighthouse blinks, number ${number}.`);
    const ids = await store.messages.appendAll(
      conversation.id,
      texts.map((text, number) => ({ role: number % 2 === 0 ? 'user' : 'assistant', text })),
    );
    const mine = store.as(user.id);
    await mine.learnings.create({ text: 'A lighthouse is seen from afar.', category: 'sea', context: 'coast' });
    await mine.constructs.create({ type: 'project', name: 'Lighthouse keeper', context: 'coast' });
    await mine.charts.create({
      context: 'coast',
      desiredOutcome: 'Restore the lighthouse of the bay',
      currentReality: 'Its lamp is dark',
      dueDate: '2090-01-01',
      actionSteps: ['Find a lamp'],
    });
    await store.close();
    return { id: ids[0]!, last: ids.at(-1)! };
  }, messages);
}

/** Lets the test hold back the searches on their way to the worker. */
async function watchWorker(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const gate: Gate = { isClosed: false, waiting: [], searches: 0, withdrawn: 0 };
    globalThis.gate = gate;
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (this: Worker, message: unknown, ...more: unknown[]): void {
      const post = (sent: unknown): void => Reflect.apply(postMessage, this, [sent, ...more]);
      const { type, requests } = message as { type?: string; requests?: [number, string, string][] };
      if (type === 'abort') gate.withdrawn += 1;
      if (type !== 'requests' || !requests) return post(message);
      const searches = requests.filter(([, method]) => method === 'search.query');
      gate.searches += searches.length;
      if (searches.length === 0 || !gate.isClosed) return post(message);
      gate.waiting.push(() => post({ type, requests: searches }));
      post({ type, requests: requests.filter((request) => !searches.includes(request)) });
    };
  });
}

function closeGate(page: Page): Promise<void> {
  return page.evaluate(() => void (gate.isClosed = true));
}

function openGate(page: Page): Promise<void> {
  return page.evaluate(() => {
    gate.isClosed = false;
    for (const post of gate.waiting.splice(0)) post();
  });
}

const box = (page: Page): Locator => page.getByRole('searchbox', { name: 'Search everything' });
const state = (page: Page): Locator => page.locator('.search-state > span');
const hits = (page: Page): Locator => page.getByRole('list', { name: 'Hits' }).getByRole('listitem');

test('one box finds messages, learnings, charts and constructs, marks them, and leads to them', async ({
  page,
  server,
}) => {
  const { id } = await fillStore(page, server.origin, 45);
  await open(page, server.origin);
  await visit(page, 'Search');
  await expect(box(page)).toBeFocused();
  await page.keyboard.type('lighthouse');
  await expect(state(page)).toHaveText('49 hits.');
  await expect(page.locator('#announcer')).toHaveText('49 hits.');
  await expect(page).toHaveURL(/#\/search\?q=lighthouse$/);
  for (const hit of await hits(page).all()) await expect(hit.locator('mark').first()).toHaveText(/^lighthouse$/i);

  await page.getByRole('checkbox', { name: 'Learnings' }).check();
  await expect(hits(page)).toHaveCount(1);
  await page.getByRole('checkbox', { name: 'Charts' }).check();
  await expect(hits(page)).toHaveCount(3);
  await page.getByLabel('Context').selectOption('default');
  await expect(state(page)).toHaveText('Nothing was found for “lighthouse”.');
  await page.getByLabel('Context').selectOption('coast');
  await expect(hits(page)).toHaveCount(3);
  await page.reload();
  await expect(hits(page)).toHaveCount(3);
  await expect(page.getByRole('checkbox', { name: 'Charts' })).toBeChecked();
  await expect(page.getByLabel('Context')).toHaveValue('coast');

  await page.locator('.hit[data-kind="charts"] a').first().click();
  await expect(page.getByRole('heading', { name: 'Restore the lighthouse of the bay' })).toBeFocused();
  await page.goBack();
  await page.locator('.hit[data-kind="learnings"] a').click();
  await expect(page.getByText('A lighthouse is seen from afar.')).toBeVisible();

  await visit(page, 'Search');
  await page.getByRole('checkbox', { name: 'Constructs' }).check();
  await box(page).fill('keeper');
  await page.locator('.hit[data-kind="constructs"] a').click();
  await expect(page.getByRole('heading', { name: 'Lighthouse keeper' })).toBeFocused();

  // The oldest message, which is not among the newest that a conversation opens with.
  await open(page, server.origin, '#/search?q="number+0"');
  await hits(page).getByRole('link').click();
  const message = page.locator(`[data-message="${id}"]`);
  await expect(message).toBeInViewport();
  await expect(message).toHaveClass(/pointed-out/);
});

test('a hit on another branch opens that branch, and the address keeps the conversation', async ({ page, server }) => {
  await open(page, server.origin);
  await page.goto(`${server.origin}/harness/`);
  await page.waitForSelector('html[data-ready]', { state: 'attached' });
  const { conversation, old } = await page.evaluate(async () => {
    const store = await harness.openStore('demo');
    const begun = await harness.begin(store, 'Two ways');
    const first = await store.messages.append(begun.conversation.id, {
      role: 'user',
      text: 'The road along the river',
    });
    await store.messages.edit(first.id, { text: 'The road over the hill' });
    await harness.begin(store, 'The newest one');
    await store.close();
    return { conversation: begun.conversation.id, old: first.id };
  });
  await open(page, server.origin, '#/search?q=river');
  await hits(page).getByRole('link').click();
  await expect(page.locator(`[data-message="${old}"]`)).toContainText('The road along the river');
  await expect(page.getByRole('group', { name: 'Version 1 of 2' })).toBeVisible();
  await expect(page).toHaveURL(`${server.origin}/#/chat/${conversation}`);
  await page.reload();
  await expect(page.getByRole('article', { name: 'You' })).toContainText('The road along the river');
});

test('an address that leads nowhere says so, and the view works all the same', async ({ page, server }) => {
  await open(page, server.origin, '#/learnings');
  await fillWithExamples(page);
  await expect(page.getByRole('list', { name: 'Learnings' }).getByRole('listitem')).toHaveCount(4);
  const nowhere = '00000000-0000-7000-8000-000000000000';
  for (const hash of [`#/agents/${nowhere}`, '#/charts/work/chart_9', `#/learnings/${nowhere}`]) {
    await page.goto(`${server.origin}/${hash}`);
    await expect(page.getByRole('alert')).toContainText(/there is no|no such/);
    await page.getByRole('button', { name: 'Dismiss' }).click();
  }
  await expect(page.getByRole('list', { name: 'Learnings' }).getByRole('listitem')).toHaveCount(4);
  await page.goto(`${server.origin}/#/charts`);
  await fillWithExamples(page);
  await expect(page.getByRole('region', { name: 'Charts in work' })).toBeVisible();
  await page.goto(`${server.origin}/#/nonsense`);
  await expect(page.getByLabel('Your message')).toBeVisible();
});

test('a search that takes long says so and can be stopped; nothing of it comes later', async ({ page, server }) => {
  await fillStore(page, server.origin, 130);
  await watchWorker(page);
  await open(page, server.origin, '#/search');
  await closeGate(page);
  await box(page).fill('lighthouse');
  await expect(state(page)).toContainText('Searching…');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(state(page)).toHaveText('Stopped.');
  await expect(page.getByRole('button', { name: 'Stop' })).toBeHidden();
  await expect(box(page)).toBeFocused();
  await openGate(page);
  await page.waitForTimeout(400);
  await expect(state(page)).toHaveText('Stopped.');
  await expect(hits(page)).toHaveCount(0);

  // The next one finds: in pieces, the second of which is stopped in its middle and keeps what came before.
  await box(page).press('Enter');
  await expect(state(page)).toHaveText('The best 50 hits; there are more.');
  await closeGate(page);
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(state(page)).toHaveText('Searching… 50 hits so far.');
  await page.getByRole('button', { name: 'Stop' }).click();
  await openGate(page);
  await expect(state(page)).toHaveText('Stopped after 50 hits.');
  await box(page).press('Enter');
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(hits(page)).toHaveCount(100);
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(state(page)).toHaveText('134 hits.');
});

test('typing searches after a pause, ends the older search, and one letter waits for Enter', async ({
  page,
  server,
}) => {
  await fillStore(page, server.origin, 3);
  await watchWorker(page);
  await open(page, server.origin, '#/search');
  const asked = (): Promise<number> => page.evaluate(() => gate.searches);
  await box(page).fill('l');
  await expect(state(page)).toHaveText('One letter finds a lot: press Enter to search for it.');
  await page.waitForTimeout(400);
  expect(await asked()).toBe(0);
  await box(page).press('Enter');
  await expect(state(page)).toHaveText(/Nothing was found|hit/);
  expect(await asked()).toBe(1);

  await box(page).fill('');
  await box(page).pressSequentially('lighthouse', { delay: 20 });
  await expect(state(page)).toHaveText('7 hits.');
  expect(await asked()).toBe(2);

  await closeGate(page);
  await box(page).fill('keeper');
  await expect.poll(asked).toBe(3);
  await box(page).fill('lamp');
  await expect.poll(asked).toBe(4);
  await openGate(page);
  await expect(hits(page).first()).toContainText('lamp');
  for (const hit of await hits(page).all()) await expect(hit).not.toContainText('keeper');
});

test('leaving the search ends it', async ({ page, server }) => {
  await fillStore(page, server.origin, 3);
  await watchWorker(page);
  await open(page, server.origin, '#/search');
  await closeGate(page);
  await box(page).fill('lighthouse');
  await expect.poll(() => page.evaluate(() => gate.searches)).toBe(1);
  expect(await page.evaluate(() => gate.withdrawn)).toBe(0);
  await visit(page, 'Charts');
  await expect.poll(() => page.evaluate(() => gate.withdrawn)).toBe(1);
  await openGate(page);
  await expect(page.getByRole('alert')).toBeEmpty();
});

test('a chart grows from its outcome to its completion, and a reload keeps it', async ({ page, server }) => {
  await open(page, server.origin, '#/charts');
  await page.getByRole('button', { name: 'Make the first chart' }).click();
  await dialog(page).getByLabel('What do you want to create?').fill('Stop the leaks in the roof');
  await dialog(page).getByLabel('What is the case now?').fill('Rain comes in at two places');
  await dialog(page).getByLabel('By when?').fill('2090-05-01');
  await dialog(page).getByLabel('Steps, one a line').fill('Find the places\n\nMend the tiles');
  await dialog(page).getByLabel('Context').fill('home');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  await expect(dialog(page)).toBeHidden();

  const chart = page.getByRole('article');
  const steps = chart.getByRole('list', { name: 'Steps' }).getByRole('listitem');
  const reality = chart.getByRole('list', { name: 'Current reality' }).getByRole('listitem');
  const progress = chart.getByRole('progressbar', { name: 'Steps done of Stop the leaks in the roof' });
  await expect(page.getByRole('heading', { name: 'Stop the leaks in the roof' })).toBeVisible();
  await expect(chart.getByRole('status', { name: 'To reconsider' })).not.toBeEmpty();
  await expect(steps).toHaveText([/Find the places/, /Mend the tiles/]);
  await expect(page.getByRole('region', { name: 'Charts in home' }).getByRole('listitem')).toHaveCount(1);

  await chart.getByRole('button', { name: 'Reword' }).click();
  await dialog(page).getByLabel('What do you want to create?').fill('A dry and quiet attic');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await expect(chart.getByRole('region', { name: 'Desired outcome' })).toContainText('A dry and quiet attic');
  await expect(chart.getByRole('status', { name: 'To reconsider' })).toBeEmpty();

  await chart.getByLabel('A further step').fill('Paint the beams');
  await chart.getByRole('button', { name: 'Add step' }).click();
  await expect(steps).toHaveCount(3);
  await chart.getByRole('checkbox', { name: 'Done: Find the places' }).check();
  await expect(chart.locator('.figures').first()).toHaveText('1 / 3');
  await expect(progress).toHaveAttribute('value', '1');
  await expect(reality.last()).toHaveText('Completed: Find the places');
  await chart.getByLabel('What is the case now').fill('The tiles are ordered');
  await chart.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(reality.last()).toHaveText('The tiles are ordered');
  await chart.getByRole('button', { name: 'assimilation' }).click();
  await expect(chart.getByRole('button', { name: 'assimilation' })).toHaveAttribute('aria-pressed', 'true');

  await chart.getByRole('button', { name: 'Make a chart of: Mend the tiles' }).click();
  await dialog(page).getByLabel('What is the case now?').fill('Twelve tiles are broken');
  await dialog(page).getByLabel('Steps, one a line').fill('Fetch a ladder');
  await dialog(page).getByRole('button', { name: 'Make a chart' }).click();
  await expect(page.getByRole('heading', { name: 'Mend the tiles' })).toBeVisible();
  await chart.getByRole('checkbox', { name: 'Done: Fetch a ladder' }).check();
  await expect(chart.locator('.facts').first()).toContainText('complete');
  await chart.getByRole('link', { name: 'The chart above' }).click();
  await expect(chart.getByRole('checkbox', { name: 'Done: Mend the tiles' })).toBeChecked();
  await expect(chart.locator('.facts').first()).toContainText('1 sub-chart, 1 complete');
  await expect(chart.locator('.figures').first()).toHaveText('3 / 4');

  await page.reload();
  await expect(chart.locator('.figures').first()).toHaveText('3 / 4');
  await expect(reality.last()).toHaveText(/Completed: Mend the tiles|The tiles are ordered/);
  await expect(chart.getByRole('button', { name: 'assimilation' })).toHaveAttribute('aria-pressed', 'true');

  await chart.getByRole('button', { name: 'Put away' }).click();
  await expect(chart.getByRole('button', { name: 'Take up again' })).toBeVisible();
  await page.getByLabel('Show').selectOption('active');
  await expect(page.locator('.split-list').getByRole('listitem')).toHaveCount(0);
  await page.getByLabel('Show').selectOption('archived');
  await expect(page.locator('.split-list').getByRole('listitem')).toHaveCount(2);
});

async function importFile(page: Page, text: string, context: string): Promise<Locator> {
  await page.getByRole('button', { name: 'Import' }).click();
  await dialog(page)
    .getByLabel('File')
    .setInputFiles({ name: 'charts.jsonl', mimeType: 'application/x-ndjson', buffer: Buffer.from(text) });
  await dialog(page).getByLabel('Into the context').fill(context);
  await dialog(page).getByRole('button', { name: 'Import' }).click();
  const report = page.locator('.report');
  await expect(report).toContainText(`charts.jsonl → ${context}:`, { timeout: 30_000 });
  return report;
}

async function exportFile(page: Page, context: string): Promise<string> {
  await page.getByRole('button', { name: 'Export' }).click();
  await dialog(page).getByLabel('Context').fill(context);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    dialog(page).getByRole('button', { name: 'Download' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe(`charts-${context}.jsonl`);
  return readFileSync(await download.path(), 'utf8');
}

test('a file of charts comes in and goes out with equal lines', async ({ page, server }) => {
  const text = readFileSync(data('charts/coaia-spiral_charts-work.jsonl'), 'utf8');
  const broken = `${text}${text.endsWith('\n') ? '' : '\n'}{"type":"entity","name":\n`;
  await open(page, server.origin, '#/charts');
  const report = await importFile(page, broken, 'work');
  await expect(report).toContainText('1 set aside');
  await expect(report.getByRole('listitem')).toHaveText(/^Line \d+: .+/);
  await expect(page.getByRole('region', { name: 'Charts in work' }).getByRole('listitem')).toHaveCount(1);
  expect(await exportFile(page, 'work')).toBe(broken);
  await page.reload();
  expect(await exportFile(page, 'work')).toBe(broken);
});

test('a file that is longer than one call takes comes in piece by piece, with the numbers of its own lines', async ({
  page,
  server,
}) => {
  const lines = Array.from({ length: 10_500 }, (_, number) =>
    JSON.stringify({ type: 'entity', name: `thing_${number}`, entityType: 'thing', observations: [`No. ${number}`] }),
  );
  const text = [...lines, '{"type":', ''].join('\n');
  await open(page, server.origin, '#/charts');
  const report = await importFile(page, text, 'long');
  await expect(report).toContainText('10,500 entities');
  await expect(report.getByRole('listitem').first()).toHaveText(/^Line 10501: /);
  expect(await exportFile(page, 'long')).toBe(text);
});

test('a construct is made, provisioned by allowed steps only, and tells its timeline', async ({ page, server }) => {
  await open(page, server.origin, '#/agents');
  await page.getByRole('button', { name: 'Make the first construct' }).click();
  await dialog(page).getByLabel('Name').fill('Garden planner');
  await dialog(page).getByLabel('Type').fill('project');
  await dialog(page).getByLabel('What is it for?').fill('Plans what grows where');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  const article = page.getByRole('article');
  await expect(page.getByRole('heading', { name: 'Garden planner' })).toBeVisible();
  await expect(article).toContainText('Plans what grows where');

  const changes = article.getByRole('region', { name: 'Change the status' }).getByRole('button');
  await expect(changes).toHaveText(['Provision', 'Retire']);
  await article.getByLabel('Why, for the timeline').fill('spring is near');
  await changes.first().click();
  await expect(changes).toHaveText(['Make ready', 'Mark as failed', 'Retire']);
  await changes.first().click();
  await expect(changes).toHaveText(['Suspend', 'Retire']);
  const timeline = article.getByRole('list', { name: 'Timeline, newest first' }).getByRole('listitem');
  await expect(timeline).toHaveText([
    /Construct: provisioning → ready/,
    /Construct: pending → provisioning: spring is near/,
  ]);

  await article.getByLabel('A new session').fill('First bed');
  await article.getByRole('button', { name: 'Begin' }).click();
  const sessions = article.getByRole('list', { name: 'Sessions' });
  await expect(sessions).toContainText('First bed');
  await sessions.getByRole('button', { name: 'Suspend: First bed' }).click();
  await expect(sessions.getByRole('button', { name: 'Resume: First bed' })).toBeVisible();
  await article.getByLabel('A new artifact').fill('beds.md');
  await article.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(article.getByRole('list', { name: 'Artifacts' })).toContainText('beds.md');

  for (let number = 1; number <= 12; number += 1) {
    await article.getByLabel('A note').fill(`Note ${number}`);
    await article.getByRole('button', { name: 'Note', exact: true }).click();
    await expect(timeline.first()).toContainText(`Note ${number}`);
    await expect(article.getByLabel('A note')).toHaveValue('');
  }
  await expect(timeline).toHaveCount(12);
  await article.getByRole('button', { name: 'Show older events' }).click();
  await expect(timeline).toHaveCount(15);
  await expect(timeline.last()).toContainText('spring is near');

  await page.getByRole('button', { name: 'New construct' }).click();
  await dialog(page).getByLabel('Name').fill('Rain gauge');
  await dialog(page).getByLabel('Type').fill('task');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'Rain gauge' })).toBeVisible();
  await article.getByRole('button', { name: 'Link', exact: true }).click();
  await expect(article.getByRole('list', { name: 'Links' })).toContainText('implements');
  await article.getByRole('list', { name: 'Links' }).getByRole('link', { name: 'Garden planner' }).click();
  await expect(article.getByRole('list', { name: 'Links' })).toContainText('implements this');

  await page.reload();
  await expect(timeline.first()).toContainText('Note 12');
  const constructs = page.getByRole('list', { name: 'Constructs' }).getByRole('listitem');
  await expect(constructs).toHaveCount(2);
  await page.getByRole('combobox', { name: 'Status', exact: true }).selectOption('ready');
  await expect(constructs).toHaveText([/Garden planner/]);
  await page.getByRole('combobox', { name: 'Status', exact: true }).selectOption('');
  await page.getByLabel('Type', { exact: true }).first().fill('task');
  await expect(constructs).toHaveText([/Rain gauge/]);
  await page.getByLabel('Type', { exact: true }).first().fill('');
  await page.getByLabel('Name', { exact: true }).first().fill('PLANNER');
  await expect(constructs).toHaveText([/Garden planner/]);
});

test('learnings are kept, filtered, changed and let go of, and a duplicate is told', async ({ page, server }) => {
  await open(page, server.origin, '#/learnings');
  const learn = async (text: string, category: string, tags: string, confidence: string): Promise<void> => {
    await page.getByRole('button', { name: /New learning/ }).click();
    await dialog(page).getByLabel('What was learned?').fill(text);
    await dialog(page).getByLabel('Category').fill(category);
    await dialog(page).getByLabel('Tags, comma between').fill(tags);
    await dialog(page).getByLabel('How sure is it?').fill(confidence);
    await dialog(page).getByRole('button', { name: 'Keep', exact: true }).click();
  };
  const cards = page.getByRole('list', { name: 'Learnings' }).getByRole('listitem');
  await learn('Seeds want warmth.', 'garden', 'spring, seeds', '0.9');
  await expect(cards).toHaveCount(1);
  await learn('Slugs come at night', 'garden', 'pests', '0.4');
  await expect(cards).toHaveText([/Slugs come at night.*40 %.*#pests/s, /Seeds want warmth\..*90 %.*#seeds/s]);

  await learn('seeds want  WARMTH', 'house', 'again', '0.5');
  await expect(dialog(page).getByRole('alert')).toContainText('says the same');
  await dialog(page).getByRole('button', { name: 'Merge with it' }).click();
  await expect(dialog(page)).toBeHidden();
  await expect(cards).toHaveCount(2);
  await expect(cards.first()).toContainText('#again');
  await learn('Seeds want warmth', 'house', '', '0.5');
  await dialog(page).getByRole('button', { name: 'Keep both' }).click();
  await expect(cards).toHaveCount(3);

  await page.getByLabel('Category', { exact: true }).first().fill('garden');
  await expect(cards).toHaveCount(2);
  await page.getByLabel('At least as sure as').fill('0.8');
  await expect(cards).toHaveText([/Seeds want warmth/]);
  await page.getByLabel('At least as sure as').fill('0');
  await page.getByLabel('Category', { exact: true }).first().fill('');
  await page.getByLabel('Tags', { exact: true }).fill('pests');
  await expect(cards).toHaveText([/Slugs/]);
  await page.getByLabel('Tags', { exact: true }).fill('');
  await page.getByLabel('Text', { exact: true }).fill('NIGHT');
  await expect(cards).toHaveText([/Slugs/]);

  await page.getByRole('button', { name: 'Edit: Slugs come at night' }).click();
  await expect(dialog(page).getByLabel('Category')).toHaveValue('garden');
  await dialog(page).getByLabel('What was learned?').fill('Slugs come at night, after rain');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await expect(cards).toHaveText([/Slugs come at night, after rain/]);
  await page.reload();
  await expect(cards).toHaveCount(3);
  await page.getByRole('button', { name: 'Delete: Slugs come at night, after rain' }).click();
  await dialog(page).getByRole('button', { name: 'Delete' }).click();
  await expect(cards).toHaveCount(2);
  await page.reload();
  await expect(cards).toHaveCount(2);
});

test('the worker does jobs, tries again, gives up, and jobs are called off and revived', async ({ page, server }) => {
  await open(page, server.origin, '#/jobs');
  await page.getByRole('button', { name: 'Add the first job' }).click();
  const jobs = page.getByRole('list', { name: 'Jobs', exact: true }).getByRole('listitem');
  const count = (state: string): Locator =>
    page.getByRole('list', { name: 'Jobs by state' }).getByRole('link', { name: new RegExp(`\\d+ ${state}`) });
  await expect(jobs).toHaveText([/Summarise the titles.*queued.*Waits for its turn/s]);
  await page.getByRole('button', { name: /^Cancel job/ }).click();
  await expect(jobs).toHaveText([/cancelled.*Was called off/s]);
  await page.getByRole('button', { name: /^Revive job/ }).click();
  await expect(jobs).toHaveText([/queued/]);

  // It fails once, and is done at the second attempt.
  await page.evaluate(() => {
    const dice = [0, 0.99];
    Math.random = () => dice.shift() ?? 0.99;
  });
  await page.getByLabel('What is to be done').selectOption('Fail at random');
  await page.getByRole('button', { name: 'Add job' }).click();
  await page.getByLabel('What is to be done').selectOption('Fail each time');
  await page.getByRole('button', { name: 'Add job' }).click();
  await expect(count('queued')).toContainText('3');
  await page.reload();
  await expect(count('queued')).toContainText('3');
  await page.evaluate(() => {
    const dice = [0, 0.99];
    Math.random = () => dice.shift() ?? 0.99;
  });

  const worker = page.getByRole('switch', { name: 'Worker' });
  await expect(worker).toHaveAttribute('aria-checked', 'false');
  await worker.click();
  await expect(worker).toHaveAttribute('aria-checked', 'true');
  await expect(count('running')).toContainText('2');
  await expect(jobs.filter({ hasText: 'Fail at random' })).toContainText('the dice said no');
  // It goes on while something else is looked at.
  await visit(page, 'Charts');
  await page.waitForTimeout(3000);
  await visit(page, 'Jobs');
  await expect(count('done')).toContainText('2');
  await expect(count('dead')).toContainText('1');
  await expect(jobs.filter({ hasText: 'Fail at random' })).toContainText('It went well at attempt 2.');
  await expect(jobs.filter({ hasText: 'Summarise the titles' })).toContainText(/\d+ conversations?/);
  await worker.click();
  await expect(worker).toHaveAttribute('aria-checked', 'false');
  await count('dead').click();
  await expect(jobs).toHaveText([/Fail each time.*dead.*this job cannot be done/s]);
  await page.getByRole('button', { name: /^Revive job/ }).click();
  await expect(page.getByText('No job is dead.')).toBeVisible();
  await count('queued').click();
  await expect(jobs).toHaveCount(1);
});

test('a slow click lands although jobs come and go around it', async ({ page, server }) => {
  await open(page, server.origin, '#/jobs');
  await page.getByRole('button', { name: 'Add ten' }).click();
  const cancelled = page.getByRole('list', { name: 'Jobs by state' }).getByRole('link', { name: /\d+ cancelled/ });
  const done = page.getByRole('list', { name: 'Jobs by state' }).getByRole('link', { name: /\d+ done/ });
  // The newest job, which waits the longest.
  const cancel = page.getByRole('button', { name: /^Cancel job/ }).first();
  await cancel.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await cancel.boundingBox())!;
  await page.getByRole('switch', { name: 'Worker' }).click();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await expect(done).toContainText('2');
  await page.mouse.up();
  await expect(cancelled).toContainText('1');
});

test('what a page was doing when it ended is done again by the next one', async ({ page, server }) => {
  await open(page, server.origin, '#/jobs');
  await page.getByRole('button', { name: 'Add ten' }).click();
  await page.getByRole('switch', { name: 'Worker' }).click();
  const count = (state: string): Locator =>
    page.getByRole('list', { name: 'Jobs by state' }).getByRole('link', { name: new RegExp(`\\d+ ${state}`) });
  await expect(count('running')).toContainText('2');
  await page.reload();
  await page.getByRole('switch', { name: 'Worker' }).click();
  await expect(count('done')).toHaveText(/10/, { timeout: 45_000 });
  await expect(count('running')).toContainText('0');
});

test('a killed worker is replaced behind every view', async ({ page, server }) => {
  await open(page, server.origin, '#/learnings');
  await fillWithExamples(page);
  const cards = page.getByRole('list', { name: 'Learnings' }).getByRole('listitem');
  await expect(cards).toHaveCount(4);
  await page.getByRole('button', { name: 'Kill the worker' }).click();
  await expect(page.locator('.events li', { hasText: /^open/ })).toHaveCount(1);
  await expect(page.locator('#state')).toHaveText('Ready');
  await page.getByLabel('Text', { exact: true }).fill('journal');
  await expect(cards).toHaveCount(1);
});

test('every view is reached by keyboard, has a name for everything, and explains itself while empty', async ({
  page,
  server,
}) => {
  await open(page, server.origin);
  const links = page.getByRole('navigation', { name: 'Views' }).getByRole('link');
  await expect(links).toHaveText(['Chat', ...VIEWS, 'Storage']);
  for (const view of VIEWS) {
    const link = links.filter({ hasText: view });
    await link.focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { level: 2, name: view, exact: true })).toBeVisible();
    await expect(link).toHaveAttribute('aria-current', 'page');
    await expect(page).toHaveTitle(new RegExp(view));
    await expect(page.getByRole('main', { name: view })).toBeVisible();
    expect(await page.evaluate(() => document.activeElement?.closest('#main') !== null)).toBe(true);
    await expect(page.locator('.empty')).toBeVisible();
    if (view === 'Search') continue;
    await fillWithExamples(page);
    await expect(page.locator('.room').getByRole('listitem').first()).toBeVisible();
    expect(await unnamed(page)).toEqual([]);
  }
});

test('the storage manager shows the store, and backs it up', async ({ page, server }) => {
  await open(page, server.origin);
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Storage' }).press('Enter');
  await expect(page.getByText(/^This store takes \d/)).toBeVisible();
  await page.getByRole('button', { name: 'Back up now' }).click();
  await expect(page.getByText('The backup is made and was read back.')).toBeVisible();
  await expect(page.getByRole('rowheader', { name: /manual\.zip$/ })).toBeVisible();
});

test('the search of an empty store offers examples, and no more once there is something', async ({ page, server }) => {
  await open(page, server.origin, '#/search');
  expect(await unnamed(page)).toEqual([]);
  await fillWithExamples(page);
  await expect(box(page)).toHaveValue('journal');
  await expect(hits(page)).toHaveText([/A journal that is flushed/]);
  expect(await unnamed(page)).toEqual([]);
  await box(page).fill('');
  await expect(page.locator('.empty')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Fill with examples' })).toHaveCount(0);
});

/** The controls in the page that nobody who listens could tell apart. */
function unnamed(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const controls = [...document.querySelectorAll('button, a, input, select, textarea, progress, meter, dialog, nav')];
    const named = (element: Element): boolean => {
      const label = element.getAttribute('aria-label') ?? element.getAttribute('aria-labelledby');
      const labels = 'labels' in element ? [...((element.labels as NodeListOf<Element> | null) ?? [])] : [];
      const text = labels.map((of) => of.textContent).join('') + (element.textContent ?? '');
      return Boolean(label) || text.trim() !== '' || (element as HTMLInputElement).type === 'hidden';
    };
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `#${id} twice`);
    return [...controls.filter((element) => !named(element)).map((element) => element.outerHTML), ...twice];
  });
}

for (const { name, ...look } of looks) {
  test(`the views fit and read well: ${name}`, async ({ start, server }) => {
    const context = await start(look);
    const page = context.pages()[0] ?? (await context.newPage());
    await open(page, server.origin);
    for (const view of VIEWS) {
      await visit(page, view);
      await page.waitForTimeout(150);
      await shoot(page, name, `${view.toLowerCase()}-empty`);
      if (view === 'Search') continue;
      await fillWithExamples(page);
      await page.waitForTimeout(500);
      await shoot(page, name, view.toLowerCase());
    }
    await page.getByRole('switch', { name: 'Worker' }).click();
    await page.waitForTimeout(2500);
    await shoot(page, name, 'jobs-working');
    await visit(page, 'Charts');
    await page.getByRole('link', { name: /An app that works on the train/ }).click();
    await expect(page.getByRole('article')).toBeVisible();
    await shoot(page, name, 'charts-open');
    await page.getByRole('group', { name: 'Phase' }).scrollIntoViewIfNeeded();
    await shoot(page, name, 'charts-reality');
    await page.getByRole('button', { name: 'New chart' }).click();
    await shoot(page, name, 'charts-new');
    await dialog(page).getByRole('button', { name: 'Cancel' }).click();
    await visit(page, 'Agents');
    await page.getByRole('link', { name: /Offline notes/ }).click();
    await expect(page.getByRole('article')).toBeVisible();
    await shoot(page, name, 'agents-open');
    await page.getByRole('list', { name: 'Timeline, newest first' }).evaluate((list) => list.scrollIntoView());
    await shoot(page, name, 'agents-timeline');
    await visit(page, 'Search');
    await box(page).fill('journal');
    await expect(hits(page).first()).toBeVisible();
    await shoot(page, name, 'search');
    await visit(page, 'Chat');
    await expect(page.getByLabel('Your message')).toBeFocused();
  });
}

/** Takes a picture, and checks that nothing reaches beyond the sides. */
async function shoot(page: Page, look: string, name: string): Promise<void> {
  await page.screenshot({ path: `${SCREENSHOTS}rooms-${name}-${look}.png` });
  const beyond = await page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    const rooms = [...document.querySelectorAll('.room, dialog[open]')];
    return [scrollWidth - clientWidth, ...rooms.map((room) => room.scrollWidth - room.clientWidth)];
  });
  expect(beyond.every((px) => px <= 0)).toBe(true);
}

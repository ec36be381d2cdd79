// Whatever ends in the middle of writing, what was acknowledged is there afterwards, and nothing that was not written.

import type { BrowserContext, Page } from '@playwright/test';

import { crashRenderer, killBrowser } from './support/browser.js';
import { isLong } from './support/data.js';
import { expect, openHarness, type Server, test } from './support/fixtures.js';
import { delta, textOf } from './support/streams.js';

const ROUNDS = Number(process.env.STRONGROOM_KILLS ?? (isLong ? 20 : 3));
const STREAMS = 3;
const STORE = 'kills';
const LARGE_CHARACTERS = 20 * 1024 * 1024;

/** The text of a large message, over and over. */
const PATTERN = 'a line of a large message, number 0123456789\n';

type Kill = (page: Page, context: BrowserContext, profile: string) => Promise<void>;

const kills: Record<string, Kill> = {
  'worker terminated': async (page) => {
    await page.evaluate(() => harness.killWorker());
    await page.close();
  },
  'page closed': (page) => page.close(),
  'renderer crashed': async (page) => {
    await crashRenderer(page);
    await page.close();
  },
  'browser killed': (_page, context, profile) => killBrowser(profile, context),
};

/** What the page said was kept before it was killed; told to this process, so that it outlives the page. */
interface Told {
  /** Characters of each stream, by message. */
  streams: Map<string, { stream: number; acknowledged: number }>;
  /** Whole messages, by id. */
  whole: Map<string, string>;
}

for (const [name, kill] of Object.entries(kills)) {
  test(`${name} while streaming: every acknowledged character is there`, async ({ start, profile, server }) => {
    const run = new Run(start, server);
    for (let round = 0; round < ROUNDS; round += 1) {
      const page = await run.page();
      const told = await beginStreams(page, STORE);
      await expect.poll(() => acknowledged(told)).toBeGreaterThan(0);
      await page.waitForTimeout(Math.random() * 400);
      await kill(page, run.context(), profile);
      run.died(name === 'browser killed');
      await compareStreams(await run.page(), STORE, told);
    }
    console.log(`kills: ${ROUNDS}, ${name} while streaming`);
  });

  test(`${name} in a large transaction: the message is there whole or not at all`, async ({
    start,
    profile,
    server,
  }) => {
    const run = new Run(start, server);
    let finished = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const page = await run.page();
      const kept = await beginLarge(page, STORE);
      await page.waitForTimeout(Math.random() * 1500);
      await kill(page, run.context(), profile);
      run.died(name === 'browser killed');
      finished += kept.size;
      const after = await run.page();
      const found = await readLarge(after, STORE);
      expect(found.filter(({ isWhole }) => !isWhole)).toEqual([]);
      expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining([...kept]));
      await after.close();
    }
    console.log(`kills: ${ROUNDS}, ${name} in a large transaction (${finished} were acknowledged before the kill)`);
  });
}

/** One profile, with a browser that is started again when it was killed. */
class Run {
  #start: () => Promise<BrowserContext>;
  #server: Server;
  #context: BrowserContext | undefined;

  constructor(start: () => Promise<BrowserContext>, server: Server) {
    this.#start = start;
    this.#server = server;
  }

  context(): BrowserContext {
    if (!this.#context) throw new Error('no browser runs');
    return this.#context;
  }

  died(withBrowser: boolean): void {
    if (withBrowser) this.#context = undefined;
  }

  async page(): Promise<Page> {
    this.#context ??= await this.#start();
    const page = await this.#context.newPage();
    await openHarness(page, this.#server);
    return page;
  }
}

function acknowledged(told: Told): number {
  return [...told.streams.values()].reduce((sum, { acknowledged }) => sum + acknowledged, 0);
}

/** Streams for ever, beside whole messages, and tells what is kept as soon as it is. */
async function beginStreams(page: Page, name: string): Promise<Told> {
  const told: Told = { streams: new Map(), whole: new Map() };
  await page.exposeFunction('tellStream', (id: string, stream: number, acknowledged: number) => {
    told.streams.set(id, { stream, acknowledged });
  });
  await page.exposeFunction('tellWhole', (id: string, text: string) => {
    told.whole.set(id, text);
  });
  await page.exposeFunction('deltas', (stream: number) =>
    Array.from({ length: 20_000 }, (_, index) => delta(stream, index)),
  );
  await page.evaluate(
    async ({ name, streams }) => {
      const { tellStream, tellWhole, deltas } = globalThis as unknown as {
        tellStream(id: string, stream: number, acknowledged: number): void;
        tellWhole(id: string, text: string): void;
        deltas(stream: number): Promise<string[]>;
      };
      const store = await harness.openStore(name);
      const { conversation } = await harness.begin(store);
      const write = async (stream: number): Promise<void> => {
        const { conversation } = await harness.begin(store);
        const texts = await deltas(stream);
        const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
        let last = 0;
        for (const text of texts) {
          await writer.write(text);
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (writer.acknowledged > last) {
            last = writer.acknowledged;
            tellStream(writer.id, stream, last);
          }
        }
      };
      const append = async (): Promise<void> => {
        for (let number = 0; ; number += 1) {
          const message = await store.messages.append(conversation.id, { role: 'user', text: `whole ${number}` });
          tellWhole(message.id, message.text);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      for (let stream = 0; stream < streams; stream += 1) write(stream).catch(() => undefined);
      append().catch(() => undefined);
    },
    { name, streams: STREAMS },
  );
  return told;
}

async function compareStreams(page: Page, name: string, told: Told): Promise<void> {
  const ids = [...told.streams.keys(), ...told.whole.keys()];
  const found = await page.evaluate(
    async ({ name, ids }) => {
      const store = await harness.openStore(name);
      const messages = await Promise.all(ids.map((id) => store.messages.get(id)));
      await store.close();
      return messages.map(({ id, text, status }) => ({ id, text, status }));
    },
    { name, ids },
  );
  for (const { id, text, status } of found) {
    const stream = told.streams.get(id);
    if (stream) {
      expect(text.length).toBeGreaterThanOrEqual(stream.acknowledged);
      expect(text).toBe(textOf(stream.stream, 20_000).slice(0, text.length));
      expect(status).toBe('interrupted');
    } else {
      expect(text).toBe(told.whole.get(id));
      expect(status).toBe('complete');
    }
  }
  expect(found).toHaveLength(ids.length);
  await page.close();
}

/** Appends large messages for ever, and tells which are kept. */
async function beginLarge(page: Page, name: string): Promise<Set<string>> {
  const kept = new Set<string>();
  await page.exposeFunction('tellKept', (id: string) => void kept.add(id));
  await page.evaluate(
    async ({ name, pattern, characters }) => {
      const { tellKept } = globalThis as unknown as { tellKept(id: string): void };
      const store = await harness.openStore(name);
      const { conversation } = await harness.begin(store);
      const text = pattern.repeat(Math.ceil(characters / pattern.length)).slice(0, characters);
      const append = async (): Promise<void> => {
        for (;;) tellKept((await store.messages.append(conversation.id, { role: 'user', text })).id);
      };
      append().catch(() => undefined);
    },
    { name, pattern: PATTERN, characters: LARGE_CHARACTERS },
  );
  return kept;
}

/** Every message of the store, and whether it is exactly the large text. The store is emptied for the next round. */
function readLarge(page: Page, name: string): Promise<{ id: string; isWhole: boolean }[]> {
  return page.evaluate(
    async ({ name, pattern, characters }) => {
      const store = await harness.openStore(name);
      const { items: users } = await store.users.list();
      const found: { id: string; isWhole: boolean }[] = [];
      for (const user of users) {
        const conversations = await harness.all((query) => store.conversations.list({ userId: user.id, ...query }));
        for (const conversation of conversations) {
          const messages = await harness.all((query) =>
            store.messages.list(conversation.id, { path: 'all', ...query, limit: 5 }),
          );
          for (const { id } of messages) {
            let length = 0;
            let isEqual = true;
            for await (const piece of store.messages.text(id)) {
              const at = length % pattern.length;
              const expected = pattern
                .repeat(Math.ceil((at + piece.length) / pattern.length))
                .slice(at, at + piece.length);
              isEqual &&= piece === expected;
              length += piece.length;
            }
            found.push({ id, isWhole: isEqual && length === characters });
          }
          await store.conversations.delete(conversation.id);
        }
      }
      await store.close();
      return found;
    },
    { name, pattern: PATTERN, characters: LARGE_CHARACTERS },
  );
}

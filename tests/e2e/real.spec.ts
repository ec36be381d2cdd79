// Real input: recorded streams of providers, trees of conversations, a long transcript.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { data, isLong } from './support/data.js';
import { expect, test } from './support/fixtures.js';

/** Sessions of the long transcript that are tried unless there is time for all. */
const SESSIONS = 60;

test('every recorded stream is cut off, rebuilt, continued and equal', async ({ page, server }) => {
  const folder = data('provider-streams');
  const files = readdirSync(folder).filter((file) => file.endsWith('.chunks.txt'));
  expect(files.length).toBeGreaterThan(0);
  await page.goto(`${server.origin}/headless.html`);
  await page.waitForSelector('html[data-ready]', { state: 'attached' });
  for (const [index, name] of files.entries()) {
    const recording = readFileSync(join(folder, name), 'utf8');
    const killAt = 0.5 + (index / files.length) * 0.5;
    const report = await page.evaluate(
      (task) => (globalThis as unknown as { keepStream(task: object): Promise<object> }).keepStream(task),
      { name, recording, killAt },
    );
    expect(report).toMatchObject({ name, rebuiltEqual: true, wholeEqual: true, unknownEvents: 0 });
  }
  console.log(`streams: ${files.length}, kills: ${files.length}`);
});

interface Reply {
  text: string;
  role: 'prompter' | 'assistant';
  replies: Reply[];
}

test('trees of conversations keep every branch', async ({ harness: page }) => {
  const lines = readFileSync(data('oasst/en_100_tree.jsonl'), 'utf8').trim().split('\n');
  const trees = lines.map((line) => (JSON.parse(line) as { prompt: Reply }).prompt);
  const totals = { messages: 0, branches: 0 };
  await page.evaluate(async () => {
    Object.assign(globalThis, { store: await harness.openStore('trees') });
  });
  for (const tree of trees) {
    const found = await page.evaluate(async (tree) => {
      const { store } = globalThis as unknown as { store: Awaited<ReturnType<typeof harness.openStore>> };
      const { conversation } = await harness.begin(store);
      const expected = new Map<string, string[]>();
      const keep = async (reply: Reply, before: string[], parentId?: string): Promise<void> => {
        const role = reply.role === 'prompter' ? 'user' : 'assistant';
        const parent = parentId === undefined ? {} : { parentId };
        const { id } = await store.messages.append(conversation.id, { role, text: reply.text, ...parent });
        const path = [...before, reply.text];
        if (reply.replies.length === 0) expected.set(id, path);
        for (const next of reply.replies) await keep(next, path, id);
      };
      await keep(tree, []);
      const all = await harness.all((query) => store.messages.list(conversation.id, { path: 'all', ...query }));
      const paths: [string[], string[]][] = [];
      for (const [leaf, path] of expected) {
        await store.messages.switchBranch(leaf);
        const { items } = await store.messages.list(conversation.id, { order: 'oldest', limit: 1000 });
        paths.push([items.map(({ text }) => text), path]);
      }
      return { count: all.length, paths };
    }, tree);
    for (const [path, expected] of found.paths) expect(path).toEqual(expected);
    totals.messages += found.count;
    totals.branches += found.paths.length;
    expect(found.count).toBe(sizeOf(tree));
  }
  console.log(`trees: ${trees.length}, messages: ${totals.messages}, branches walked: ${totals.branches}`);
  expect(totals.branches).toBeGreaterThan(trees.length);
});

function sizeOf(reply: Reply): number {
  return reply.replies.reduce((sum, next) => sum + sizeOf(next), 1);
}

test('the sessions of a long transcript are streamed and read back', async ({ harness: page }) => {
  const transcript = readFileSync(data('transcripts/aider_chat-history.md'), 'utf8');
  const all = transcript.split(/^(?=# aider chat started at )/m).filter((session) => session.trim() !== '');
  const step = isLong ? 1 : Math.ceil(all.length / SESSIONS);
  const sessions = all.filter((_, index) => index % step === 0);
  await page.evaluate(async () => {
    const store = await harness.openStore('transcript');
    Object.assign(globalThis, { store, begun: await harness.begin(store) });
  });
  let characters = 0;
  for (const session of sessions) {
    const found = await page.evaluate(async (session) => {
      const { store, begun } = globalThis as unknown as {
        store: Awaited<ReturnType<typeof harness.openStore>>;
        begun: Awaited<ReturnType<typeof harness.begin>>;
      };
      const writer = await store.messages.stream(begun.conversation.id, { role: 'assistant' });
      for (const delta of session.match(/\s*\S{1,12}|\s+/gu) ?? []) await writer.write(delta);
      await writer.close();
      const text = await harness.textOf(store, writer.id);
      const chunks = await harness.all((query) => store.messages.chunks(writer.id, query));
      return { text, tokens: chunks.slice(0, -1).map(({ tokens }) => tokens) };
    }, session);
    expect(found.text).toBe(session);
    // A chunk is full at 60 tokens; a bundle that its time closed may be smaller, so a chunk may hold a few more.
    for (const tokens of found.tokens) expect(tokens).toBeGreaterThanOrEqual(60);
    characters += session.length;
  }
  console.log(`sessions: ${sessions.length} of ${all.length}, characters: ${characters}`);
  // And once more, by a store that is opened anew.
  const last = sessions.at(-1) ?? '';
  const again = await page.evaluate(async () => {
    const { store, begun } = globalThis as unknown as {
      store: Awaited<ReturnType<typeof harness.openStore>>;
      begun: Awaited<ReturnType<typeof harness.begin>>;
    };
    await store.close();
    const reopened = await harness.openStore('transcript');
    const { items } = await reopened.messages.list(begun.conversation.id, { limit: 1 });
    const text = await harness.textOf(reopened, items[0]!.id);
    await reopened.close();
    return text;
  });
  expect(again).toBe(last);
});

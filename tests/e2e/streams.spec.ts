// Streams: bundles and chunks as they are promised, many at once, and those who follow them.

import { expect, test } from './support/fixtures.js';
import { textOf } from './support/streams.js';

test('three full bundles make a chunk, in every one of many streams at once', async ({ harness: page }) => {
  const streams = 6;
  const deltas = 600;
  const found = await page.evaluate(
    async ({ streams, deltas }) => {
      const store = await harness.openStore('streams');
      const bundles = new Map<string, number[]>();
      store.on('log', ({ kind, id, count }) => {
        if (kind === 'bundle' && id !== undefined) bundles.set(id, [...(bundles.get(id) ?? []), count]);
      });
      // The time is not what this is about: on a busy machine it would close a bundle early.
      await store.streams.configure({ bundleTokens: 20, bundleMs: 60_000, chunkTokens: 60 });

      const answer = async (stream: number): Promise<string> => {
        const { conversation } = await harness.begin(store);
        const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
        const response = await fetch(`/sse?stream=${stream}&deltas=${deltas}`);
        const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
        let rest = '';
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          const lines = (rest + value).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines.filter((line) => line.startsWith('data: {'))) {
            const event = JSON.parse(line.slice(6)) as { choices: { delta: { content: string } }[] };
            await writer.write({ text: event.choices[0]!.delta.content, tokens: 1 });
          }
        }
        await writer.close();
        return writer.id;
      };
      const ids = await Promise.all(Array.from({ length: streams }, (_, stream) => answer(stream)));
      const messages = await Promise.all(ids.map((id) => store.messages.get(id)));
      const chunks = await Promise.all(ids.map((id) => store.messages.chunks(id, { limit: 1000 })));
      const { streams: stats } = await store.stats();
      await store.close();
      return messages.map(({ id, text, status }, index) => ({
        text,
        status,
        stats,
        bundles: bundles.get(id) ?? [],
        chunks: chunks[index]!.items.map(({ tokens }) => tokens),
      }));
    },
    { streams, deltas },
  );
  expect(found).toHaveLength(streams);
  for (const [stream, { text, status, bundles, chunks, stats }] of found.entries()) {
    expect(text).toBe(textOf(stream, deltas));
    expect(status).toBe('complete');
    expect(bundles).toEqual(Array(deltas / 20).fill(20));
    expect(chunks).toEqual(Array(deltas / 60).fill(60));
    expect(stats).toMatchObject({ open: 0, deltas: streams * deltas, tokens: streams * deltas });
  }
});

test('what is left of a bundle and a chunk is kept at the end', async ({ harness: page }) => {
  const found = await page.evaluate(async () => {
    const store = await harness.openStore('streams');
    const { conversation } = await harness.begin(store);
    const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
    for (let index = 0; index < 70; index += 1) await writer.write({ text: `${index} `, tokens: 1 });
    const message = await writer.close({ usage: { output: 70 } });
    const { items } = await store.messages.chunks(message.id);
    await store.close();
    return {
      text: message.text,
      usage: message.usage,
      acknowledged: writer.acknowledged,
      chunks: items.map(({ tokens }) => tokens),
    };
  });
  const text = Array.from({ length: 70 }, (_, index) => `${index} `).join('');
  expect(found).toEqual({ text, usage: { output: 70 }, acknowledged: text.length, chunks: [60, 10] });
});

test('a bundle closes after its time, without another delta', async ({ harness: page }) => {
  const { kept, at } = await page.evaluate(async () => {
    const store = await harness.openStore('streams');
    const { conversation } = await harness.begin(store);
    const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
    const began = performance.now();
    await writer.write('not a full bundle');
    for (;;) {
      const { text } = await store.messages.get(writer.id);
      if (text !== '') return { kept: text, at: performance.now() - began };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  expect(kept).toBe('not a full bundle');
  expect(at).toBeGreaterThan(400);
});

test('who follows late has the whole text, without a gap or a repetition', async ({ harness: page }) => {
  const found = await page.evaluate(async () => {
    const store = await harness.openStore('streams');
    const { conversation } = await harness.begin(store);
    const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
    const follow = async (leaveAfter = Infinity): Promise<{ text: string; ends: string }> => {
      let text = '';
      let ends = '';
      let seen = 0;
      for await (const update of store.messages.follow(writer.id)) {
        if (update.type === 'snapshot') ({ text, status: ends } = update.message);
        if (update.type === 'bundle') text += update.text;
        if (update.type === 'end') ends = update.status;
        seen += 1;
        if (seen > leaveAfter) break;
      }
      return { text, ends };
    };
    const followers = [follow(), follow(3)];
    for (let index = 0; index < 400; index += 1) {
      await writer.write(`word ${index}, `);
      if (index % 100 === 99) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        followers.push(follow());
      }
    }
    const { text } = await writer.close();
    const followed = await Promise.all(followers);
    const afterwards = await follow();
    await store.close();
    return { text, followed, afterwards };
  });
  const [first, early, ...late] = found.followed;
  expect(first).toEqual({ text: found.text, ends: 'complete' });
  expect(early!.ends).toBe('streaming');
  expect(found.text.startsWith(early!.text)).toBe(true);
  expect(late).toEqual(Array(4).fill({ text: found.text, ends: 'complete' }));
  expect(found.afterwards.text).toBe(found.text);
});

test('a call that was aborted or came too late is given up, and has no effect unless it had run', async ({
  harness: page,
}) => {
  const found = await page.evaluate(async () => {
    const store = await harness.openStore('streams');
    const { user, conversation } = await harness.begin(store);
    const append = (text: string, options: object): Promise<string> =>
      harness.codeOf(store.messages.append(conversation.id, { role: 'user', text }, options));
    const abort = new AbortController();
    const before = await append('never sent', { signal: AbortSignal.abort() });
    const waiting = append('withdrawn', { signal: abort.signal });
    abort.abort();
    // Kept busy by what came before, the worker cannot answer in time.
    const large = store.messages.append(conversation.id, { role: 'user', text: 'x'.repeat(20_000_000) });
    const late = harness.codeOf(store.users.get(user.id, { timeout: 1 }));
    const codes = { before, during: await waiting, late: await late };
    await large;
    const { items } = await store.messages.list(conversation.id);
    const opened = await harness.codeOf(harness.openStore('other', { signal: AbortSignal.abort() }));
    await store.close();
    return { codes, opened, texts: items.map(({ text }) => text.slice(0, 20)) };
  });
  expect(found.codes).toEqual({ before: 'aborted', during: 'aborted', late: 'timeout' });
  expect(found.opened).toBe('aborted');
  expect(found.texts).toEqual(['x'.repeat(20)]);
});

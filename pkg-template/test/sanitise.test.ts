import { expect, test } from '@playwright/test';
import { openStore } from '../../pkg/index.js';
import { memoryStore } from '../../pkg/testing.js';

type Seen = { kind: string; text: string; part?: string; conversationId?: string; id?: string; userId?: string };

/** Takes the word out, and refuses the other one. */
const hook = ({ text }: Seen): string => {
  if (text.includes('forbidden')) throw new Error('not this');
  return text.replaceAll('secret', '[gone]');
};

test('whole messages are kept as the hook gives them', async () => {
  const seen: Seen[] = [];
  const onText = (text: Seen) => (seen.push(text), hook(text));
  const { store, conversation, user, close } = await memoryStore({ onText });
  const { id } = conversation;
  const message = await store.messages.append(id, { role: 'user', text: 'a secret' });
  expect(message.text).toBe('a [gone]');
  await store.messages.appendAll(id, [
    { role: 'user', text: 'secret 1' },
    {
      role: 'assistant',
      parts: [
        { type: 'reasoning', text: 'secret 2' },
        { type: 'text', text: 'plain' },
      ],
    },
  ]);
  const { items } = await store.messages.list(id, { limit: 2 });
  expect(items.map(({ parts }) => parts.map((part) => 'text' in part && part.text))).toEqual([
    ['[gone] 2', 'plain'],
    ['[gone] 1'],
  ]);
  expect((await store.as(user.id).messages.edit(message.id, { text: 'no secret' })).text).toBe('no [gone]');
  expect(seen).toEqual([
    { kind: 'message', text: 'a secret', part: 'text', conversationId: id },
    { kind: 'message', text: 'secret 1', part: 'text', conversationId: id },
    { kind: 'message', text: 'secret 2', part: 'reasoning', conversationId: id },
    { kind: 'message', text: 'plain', part: 'text', conversationId: id },
    { kind: 'message', text: 'no secret', part: 'text', id: message.id, userId: user.id },
  ]);
  await close();
});

test('learnings are kept as the hook gives them', async () => {
  const { store, user, close } = await memoryStore({ onText: hook });
  const learning = await store.learnings.create({ userId: user.id, text: 'a secret', tags: ['secret'] });
  expect(learning).toMatchObject({ text: 'a [gone]', tags: ['secret'] });
  const changed = await store.learnings.update({ id: learning.id, version: 1, text: 'another secret' });
  expect(changed.text).toBe('another [gone]');
  expect((await store.learnings.update({ id: learning.id, version: 2, confidence: 0.5 })).text).toBe('another [gone]');
  await close();
});

test('what is refused says why, and nothing of it reaches the journal', async () => {
  const { store, conversation, writer, user, close } = await memoryStore({ onText: hook });
  await writer.close();
  const before = (await store.stats()).journalSeq;
  const kept = await store.messages.append(conversation.id, { role: 'user', text: 'fine' });
  const refused = [
    store.messages.append(conversation.id, { role: 'user', text: 'forbidden' }),
    store.messages.appendAll(conversation.id, [
      { role: 'user', text: 'fine' },
      { role: 'user', parts: [{ type: 'text', text: 'forbidden' }] },
    ]),
    store.messages.edit(kept.id, { text: 'forbidden' }),
    store.learnings.create({ userId: user.id, text: 'forbidden' }),
  ];
  for (const call of refused) {
    const error = await call.then(
      () => undefined,
      (error) => error,
    );
    expect(error).toMatchObject({ code: 'invalid_argument', retryable: false });
    expect(error.cause).toEqual(new Error('not this'));
  }
  expect((await store.stats()).journalSeq).toBe(before + 1);
  await close();
});

test('what the hook sees is what is kept, whatever the app does with its objects', async () => {
  let reads = 0;
  const tricky = {
    role: 'user' as const,
    get text() {
      reads += 1;
      return reads > 2 ? 'forbidden' : 'fine';
    },
  };
  const { store, conversation, close } = await memoryStore({ onText: hook });
  const message = await store.messages.append(conversation.id, tricky).catch((error) => error);
  expect([message.text, message.code]).not.toContain('forbidden');
  expect((await store.messages.append(conversation.id, { role: 'user', text: 'x' })).text).toBe('x');
  await close();
});

test('arguments without sense are refused as without a hook', async () => {
  const { store, conversation, close } = await memoryStore({ onText: hook });
  const id = conversation.id;
  for (const args of [{ role: 'user', text: 7 }, { role: 'user', parts: [null, { type: 'text' }] }, null, 'text', []]) {
    const call = store.messages.append(id, args as never);
    await expect(call).rejects.toMatchObject({ code: 'invalid_argument' });
  }
  await expect(store.messages.appendAll(id, 'x' as never)).rejects.toMatchObject({ code: 'invalid_argument' });
  await expect(store.messages.append(id, { role: 'user', text: '\ud83d' })).rejects.toMatchObject({
    code: 'invalid_text',
  });
  await close();
});

test('a hook that gives anything else is told so, and so is one that breaks characters', async () => {
  let give: unknown;
  const { store, conversation, close } = await memoryStore({ onText: () => give as string });
  const append = (): Promise<unknown> => store.messages.append(conversation.id, { role: 'user', text: 'x' });
  for (give of [7, null, Promise.resolve('x'), {}]) {
    await expect(append()).rejects.toMatchObject({ code: 'invalid_argument' });
  }
  give = '\ude00';
  await expect(append()).rejects.toMatchObject({ code: 'invalid_text' });
  give = undefined;
  expect(await append()).toMatchObject({ text: 'x' });
  await close();
});

test('a hook or a window without sense keeps the store closed', async () => {
  const invalid = { code: 'invalid_argument' };
  await expect(openStore('x', { storage: 'memory', onText: 'no' as never })).rejects.toMatchObject(invalid);
  const onText = () => {};
  await expect(openStore('x', { storage: 'memory', onText, holdBack: -1 })).rejects.toMatchObject(invalid);
  await expect(openStore('x', { storage: 'memory', onText, holdBack: 1.5 })).rejects.toMatchObject(invalid);
});

test('a match across deltas is found, wherever they are cut', async () => {
  const text = 'A secret, then 😀secret😀 and one more secret.';
  for (const size of [1, 2, 3, 5, 8, 100]) {
    for (const holdBack of [6, 7, 20, 1000]) {
      const { writer, close } = await memoryStore({ onText: hook, holdBack });
      for (let at = 0; at < text.length; at += size) await writer.write(text.slice(at, at + size));
      const message = await writer.close();
      expect(message.text, `${size} ${holdBack}`).toBe(text.replaceAll('secret', '[gone]'));
      expect(writer.acknowledged).toBe(message.text.length);
      await close();
    }
  }
});

test('only what is older than the window goes on, and never half of a pair', async () => {
  const { store, writer, close } = await memoryStore({ onText: () => {}, holdBack: 3 });
  await store.streams.configure({ bundleTokens: 1, bundleMs: 50, chunkTokens: 60 });
  await writer.write('0123456');
  await expect.poll(async () => (await store.messages.get(writer.id)).text).toBe('0123');
  await writer.write('😀😀');
  // Three units back is in the middle of the first pair.
  await expect.poll(async () => (await store.messages.get(writer.id)).text).toBe('0123456');
  expect(await writer.flush()).toBe('0123456😀😀'.length);
  expect((await store.messages.get(writer.id)).text).toBe('0123456😀😀');
  await close();
});

test('what is held back keeps its place before parts and other kinds of text', async () => {
  const { writer, close } = await memoryStore({ onText: hook });
  await writer.write({ text: 'a sec', kind: 'reasoning' });
  await writer.write('ret I look. ');
  await writer.part({ type: 'tool_call', callId: '1', name: 'search', input: {} });
  await writer.write('Found a sec');
  await writer.write('ret.');
  const { parts } = await writer.close();
  expect(parts.map((part) => ('text' in part ? part.text : part.type))).toEqual([
    'a sec',
    'ret I look. ',
    'tool_call',
    'Found a [gone].',
  ]);
  await close();
});

test('the tokens that were counted are all counted', async () => {
  const { store, writer, close } = await memoryStore({ onText: () => {}, holdBack: 10 });
  for (let n = 0; n < 30; n += 1) await writer.write({ text: 'four', tokens: 1 });
  await writer.close();
  const { items } = await store.messages.chunks(writer.id);
  expect(items.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(30);
  expect(items.map(({ text }) => text).join('')).toBe('four'.repeat(30));
  await close();
});

test('a refused delta ends the text before what was held back, and aborting ends the message', async () => {
  const { store, writer, close } = await memoryStore({ onText: hook, holdBack: 10 });
  await writer.write('Kept for good. And now for');
  const refused = writer.write('bidden things');
  await expect(refused).rejects.toMatchObject({ code: 'invalid_argument', cause: new Error('not this') });
  for (const later of [
    writer.write('more'),
    writer.flush(),
    writer.close(),
    writer.part({ type: 'data', data: 1 } as never),
  ]) {
    await expect(later).rejects.toMatchObject({ code: 'invalid_argument' });
  }
  const message = await writer.abort();
  expect(message).toMatchObject({ text: 'Kept for good. A', status: 'interrupted' });
  const again = await store.messages.continue(writer.id);
  await again.write('nd on');
  expect((await again.close()).text).toBe('Kept for good. And on');

  // What is refused only now, at the end, is left out of an aborted message.
  let isStrict = false;
  const onText = ({ text }: Seen): void => {
    if (isStrict && text.includes('late')) throw new Error('not this');
  };
  const other = await memoryStore({ onText });
  await other.writer.write('too late');
  isStrict = true;
  await expect(other.writer.close()).rejects.toMatchObject({ code: 'invalid_argument' });
  expect(await other.writer.abort()).toMatchObject({ text: '', status: 'interrupted' });
  await Promise.all([close(), other.close()]);
});

test('aborting, disposing and closing the store let go of what is held back', async () => {
  const { store, conversation, writer, close } = await memoryStore({ onText: hook });
  await writer.write('so secret');
  expect(await writer.abort()).toMatchObject({ text: 'so [gone]', status: 'interrupted' });
  const disposed = await store.messages.stream(conversation.id, { role: 'assistant' });
  await disposed.write('far secret');
  await disposed[Symbol.asyncDispose]();
  expect((await store.messages.get(disposed.id)).text).toBe('far [gone]');

  const open = await store.messages.stream(conversation.id, { role: 'assistant' });
  await open.write('the last secret');
  let followed = '';
  const following = (async () => {
    for await (const update of store.messages.follow(open.id)) if (update.type === 'bundle') followed += update.text;
  })().catch(() => {});
  await store.messages.get(open.id);
  await close();
  await following;
  expect(followed).toBe('the last [gone]');
});

// Input from the page that makes no sense: a clear error, and nothing changes.

import { expect, test } from './support/fixtures.js';

test('bad input is refused with a clear error, and changes nothing', async ({ harness: page }) => {
  const found = await page.evaluate(async () => {
    const store = await harness.openStore('input');
    const { user, conversation } = await harness.begin(store, 'Before');
    const message = await store.messages.append(conversation.id, { role: 'user', text: 'Before' });
    const other = await store.users.create({ name: 'Other' });
    const page = await store.messages.list(conversation.id, { limit: 1 });
    await store.messages.append(conversation.id, { role: 'assistant', text: 'After' });
    const { nextCursor: cursor } = await store.messages.list(conversation.id, { limit: 1 });

    const dump = async (): Promise<string> => {
      const users = await harness.all((query) => store.users.list(query));
      const conversations = await harness.all((query) => store.conversations.list({ userId: user.id, ...query }));
      const messages = await harness.all((query) => store.messages.list(conversation.id, { path: 'all', ...query }));
      return JSON.stringify([users, conversations, messages]);
    };
    const wrong = (value: unknown): never => value as never;
    const text = (value: unknown): Promise<unknown> =>
      store.messages.append(conversation.id, wrong({ role: 'user', text: value }));
    const forged = btoa('{"after":999999}');
    const tries: Record<string, () => Promise<unknown>> = {
      'not_found: a message of a number that is not there': () => store.messages.get('us01-co01-ms99'),
      'not_found: a conversation that is not there': () => store.conversations.get('us01-co99'),
      'not_found: a user that is not there': () => store.users.get('us99'),
      'not_found: an append to a conversation that is not there': () =>
        store.messages.append('us01-co99', { role: 'user', text: 'lost' }),
      'not_found: a parent that is not there': () =>
        store.messages.append(conversation.id, { role: 'user', text: 'lost', parentId: 'us01-co01-ms99' }),
      "not_found: another user's conversation": () => store.as(other.id).conversations.get(conversation.id),
      "not_found: another user's message": () => store.as(other.id).messages.get(message.id),
      'not_found: a conversation for a user that is not there': () =>
        store.conversations.create({ userId: 'us99', title: 'lost' }),
      'invalid_argument: an identifier that is none': () => store.messages.get("'; DROP TABLE message; --"),
      'invalid_argument: an empty identifier': () => store.messages.get(''),
      'invalid_argument: an identifier of another kind': () => store.messages.get(conversation.id),
      'invalid_argument: a number for an identifier': () => store.messages.get(wrong(7)),
      'invalid_argument: nothing for an identifier': () => store.messages.get(wrong(undefined)),
      'invalid_argument: an object for an identifier': () => store.messages.get(wrong({ id: message.id })),
      'invalid_argument: a number for a text': () => text(7),
      'invalid_argument: a list for a text': () => text(['a']),
      'invalid_argument: a role that is none': () =>
        store.messages.append(conversation.id, wrong({ role: 'root', text: 'x' })),
      'invalid_argument: a field that is none': () =>
        store.messages.append(conversation.id, wrong({ role: 'user', text: 'x', parentID: 'us01-co01-ms01' })),
      'invalid_argument: no role': () => store.messages.append(conversation.id, wrong({ text: 'x' })),
      'invalid_argument: text and parts at once': () =>
        store.messages.append(conversation.id, { role: 'user', text: 'x', parts: [{ type: 'text', text: 'y' }] }),
      'invalid_argument: a part of a kind that is none': () =>
        store.messages.append(conversation.id, wrong({ role: 'user', parts: [{ type: 'video', url: 'x' }] })),
      'invalid_argument: a function inside the fields of the app': () =>
        store.users.create({ name: 'x', metadata: { run: wrong(() => 1) } }),
      'invalid_argument: a limit of zero': () => store.messages.list(conversation.id, { limit: 0 }),
      'invalid_argument: a negative limit': () => store.messages.list(conversation.id, { limit: -1 }),
      'invalid_argument: a limit that is not whole': () => store.messages.list(conversation.id, { limit: 1.5 }),
      'invalid_argument: a limit that is no number': () => store.messages.list(conversation.id, { limit: wrong('10') }),
      'invalid_argument: a limit that is far too large': () => store.messages.list(conversation.id, { limit: 1e9 }),
      'invalid_argument: a cursor that was made up': () => store.messages.list(conversation.id, { cursor: forged }),
      'invalid_argument: a cursor of another list': () => store.users.list({ cursor: cursor ?? 'none' }),
      'invalid_argument: a cursor that was changed': () =>
        store.messages.list(conversation.id, { cursor: `${cursor}x` }),
      'invalid_argument: 70 MB of text': () => text('x'.repeat(70_000_000)),
      'invalid_argument: settings without sense': () =>
        store.streams.configure({ bundleTokens: 100, bundleMs: 1, chunkTokens: 10 }),
      'invalid_argument: a method for one user that is for all': () =>
        wrong(store.as(user.id).users.create({ name: 'x' })),
      'invalid_text: half of a character': () => text('half \uD83D of a pair'),
      'invalid_text: half of a character in a title': () =>
        store.conversations.create({ userId: user.id, title: '\uDE00' }),
      'conflict: a version that has moved on': () => store.users.update({ id: user.id, version: 0, name: 'Eve' }),
    };
    const before = await dump();
    const codes: Record<string, string> = {};
    for (const [name, attempt] of Object.entries(tries)) {
      const code = await harness.codeOf(Promise.resolve().then(attempt));
      codes[name] = `${code}: ${name.slice(name.indexOf(' ') + 1)}`;
    }
    const after = await dump();
    await store.close();
    return { codes, isUnchanged: before === after, first: page.items.length };
  });
  expect(Object.values(found.codes)).toEqual(Object.keys(found.codes));
  expect(found.isUnchanged).toBe(true);
});

test('deltas that make no sense are refused, and the stream goes on', async ({ harness: page }) => {
  const found = await page.evaluate(async () => {
    const store = await harness.openStore('input');
    const { conversation } = await harness.begin(store);
    const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
    const write = (delta: unknown): Promise<string> => harness.codeOf(writer.write(delta as never));
    const codes = [
      await write(7),
      await write({ text: 'x', tokens: -1 }),
      await write({ text: 'x', tokens: 1.5 }),
      await write('\uDE00 alone'),
    ];
    await writer.write('one \uD83D');
    await writer.write('\uDE00 two');
    const { text } = await writer.close();
    const afterwards = await write('too late');
    await store.close();
    return { codes, text, afterwards };
  });
  expect(found).toEqual({
    codes: ['invalid_argument', 'invalid_argument', 'invalid_argument', 'invalid_text'],
    text: 'one 😀 two',
    afterwards: 'closed',
  });
});

test('50 MB of text are kept and read back in pieces', async ({ harness: page }) => {
  const found = await page.evaluate(async () => {
    const store = await harness.openStore('input');
    const { conversation } = await harness.begin(store);
    const line = 'fifty megabytes of text, 0123456789 and an é\n';
    const text = line.repeat(Math.ceil(50_000_000 / line.length));
    const message = await store.messages.append(conversation.id, { role: 'user', text });
    let length = 0;
    let isEqual = true;
    for await (const piece of store.messages.text(message.id)) {
      isEqual &&= text.startsWith(piece, length);
      length += piece.length;
    }
    const { truncated } = await store.messages.get(message.id);
    await store.close();
    return { isEqual, isWhole: length === text.length, truncated };
  });
  expect(found).toEqual({ isEqual: true, isWhole: true, truncated: true });
});

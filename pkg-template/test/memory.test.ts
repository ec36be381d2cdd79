import { execFileSync } from 'node:child_process';
import { expect, test } from '@playwright/test';
import { StrongroomError, openStore } from '../../pkg/index.js';
import { memoryStore } from '../../pkg/testing.js';

const PACKAGE = new URL('../../pkg/', import.meta.url);

test('importing the package in Node touches no globals', () => {
  const script = `
    const before = new Set(Object.getOwnPropertyNames(globalThis));
    const get = (name) => Object.getOwnPropertyDescriptor(globalThis, name);
    const descriptors = new Map([...before].map((name) => [name, get(name)?.value]));
    await import('${PACKAGE}index.js');
    await import('${PACKAGE}testing.js');
    const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name));
    const changed = [...before].filter((name) => !Object.is(get(name)?.value, descriptors.get(name)));
    console.log(JSON.stringify({ added, changed }));`;
  expect(JSON.parse(node(script))).toEqual({ added: [], changed: [] });
});

test('a process ends by itself once its store is closed', () => {
  const script = `
    import { memoryStore } from '${PACKAGE}testing.js';
    const fixture = await memoryStore();
    await fixture.writer.write('Hello');
    await fixture.close();
    console.log('closed');`;
  expect(node(script).trim()).toBe('closed');
});

test('opening a store of files without a browser says why it cannot', async () => {
  await expect(openStore('app')).rejects.toMatchObject({ code: 'unsupported', message: /no workers here/ });
});

test('the fixture holds a user, a conversation and an open stream', async () => {
  const { store, user, conversation, writer, close } = await memoryStore();
  expect([user.id, conversation.id, writer.id]).toEqual(['us01', 'us01-co01', 'us01-co01-ms01']);
  expect((await store.messages.get(writer.id)).status).toBe('streaming');
  await close();
  await expect(store.users.get(user.id)).rejects.toMatchObject({ code: 'closed' });
});

test('two stores in memory know nothing of each other', async () => {
  const [one, two] = await Promise.all([memoryStore(), memoryStore()]);
  await one.store.users.update({ id: 'us01', version: 1, name: 'Grace' });
  expect((await two.store.users.get('us01')).name).toBe('Ada');
  await Promise.all([one.close(), two.close()]);
});

test('users, conversations and participants do what their names say', async () => {
  const { store, close } = await memoryStore();
  const grace = await store.users.create({ name: 'Grace', metadata: { tags: ['a', { b: null }] } });
  expect(await store.users.get(grace.id)).toEqual(grace);
  expect(grace.metadata).toEqual({ tags: ['a', { b: null }] });
  expect((await store.users.list({ limit: 1 })).nextCursor).toBeDefined();
  const plan = await store.conversations.create({ userId: grace.id, title: 'Plan' });
  const renamed = await store.conversations.update({ id: plan.id, version: plan.version, title: 'Plan B' });
  expect(renamed.title).toBe('Plan B');
  const stale = store.conversations.update({ id: plan.id, version: plan.version, title: 'Plan C' });
  await expect(stale).rejects.toMatchObject({ code: 'conflict', retryable: false });
  expect((await store.conversations.archive(plan.id)).status).toBe('archived');
  expect((await store.conversations.unarchive(plan.id)).status).toBe('active');
  const both = await store.conversations.addParticipant(plan.id, { id: 'planner', kind: 'agent' });
  expect(both.map(({ id }) => id)).toEqual([grace.id, 'planner']);
  const one = await store.conversations.removeParticipant(plan.id, 'planner');
  expect(one).toEqual(await store.conversations.participants(plan.id));
  await store.conversations.remove(plan.id);
  expect((await store.conversations.list({ userId: grace.id })).items).toEqual([]);
  await store.conversations.restore(plan.id);
  expect((await store.conversations.list({ userId: grace.id })).items.map(({ id }) => id)).toEqual([plan.id]);
  await store.conversations.delete(plan.id);
  await expect(store.conversations.get(plan.id)).rejects.toMatchObject({ code: 'not_found' });
  await store.users.delete(grace.id);
  await expect(store.users.get(grace.id)).rejects.toBeInstanceOf(StrongroomError);
  await close();
});

test('messages are appended, listed, edited, branched and deleted', async () => {
  const { store, conversation, writer, close } = await memoryStore();
  await writer.close();
  const question = await store.messages.append(conversation.id, { role: 'user', text: 'How?' });
  const edited = await store.messages.edit(question.id, { text: 'How exactly?' });
  expect(await store.messages.siblings(question.id)).toEqual({ ids: [question.id, edited.id], activeId: edited.id });
  expect((await store.messages.list(conversation.id)).items.map(({ text }) => text)).toEqual(['How exactly?', '']);
  await store.messages.switchBranch(question.id);
  const { items } = await store.messages.list(conversation.id, { order: 'oldest', limit: 10 });
  expect(items.map(({ id }) => id)).toEqual([writer.id, question.id]);
  const changed = await store.messages.update({ id: question.id, version: question.version, model: 'm' });
  expect(changed.model).toBe('m');
  await store.messages.delete(edited.id);
  await expect(store.messages.get(edited.id)).rejects.toMatchObject({ code: 'not_found' });
  await close();
});

test('a user sees only their own records', async () => {
  const { store, user, conversation, close } = await memoryStore();
  const other = await store.users.create({ name: 'Eve' });
  const view = store.as(other.id);
  await expect(view.conversations.get(conversation.id)).rejects.toMatchObject({ code: 'not_found' });
  await expect(view.users.get(user.id)).rejects.toMatchObject({ code: 'not_found' });
  const own = await view.conversations.create({ title: 'Mine' });
  expect(own.userId).toBe(other.id);
  const writer = await view.messages.stream(own.id, { role: 'assistant' });
  await writer.write('mine');
  expect((await writer.close()).text).toBe('mine');
  await close();
});

test('the same requestId twice has one effect and one answer', async () => {
  const { store, close } = await memoryStore();
  const first = await store.users.create({ name: 'Once' }, { requestId: 'r1' });
  expect(await store.users.create({ name: 'Once' }, { requestId: 'r1' })).toEqual(first);
  expect((await store.users.list()).items.length).toBe(2);
  await close();
});

test('a pair that is cut between two deltas is whole again', async () => {
  const { store, writer, close } = await memoryStore();
  for (const unit of 'a😀b👩‍👩‍👧c'.split('')) await writer.write(unit);
  expect((await writer.close()).text).toBe('a😀b👩‍👩‍👧c');
  expect(writer.acknowledged).toBe('a😀b👩‍👩‍👧c'.length);
  expect((await store.messages.get(writer.id)).text).toBe('a😀b👩‍👩‍👧c');
  await close();
});

test('half of a pair without its other half is invalid_text, and the stream goes on', async () => {
  const { writer, close } = await memoryStore();
  await expect(writer.write('\ude00')).rejects.toMatchObject({ code: 'invalid_text' });
  await writer.write('a\ud83d');
  await expect(writer.write('b')).rejects.toMatchObject({ code: 'invalid_text' });
  await writer.write('c\ud83d');
  await expect(writer.close()).rejects.toMatchObject({ code: 'invalid_text' });
  expect((await writer.close()).text).toBe('ac');
  await close();
});

test('arguments that cannot be stored are refused before anything is sent', async () => {
  const { store, conversation, close } = await memoryStore();
  const journalBefore = (await store.stats()).journalSeq;
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  let deep: Record<string, unknown> = {};
  for (let depth = 0; depth < 64; depth += 1) deep = { deep };
  const twice: Record<string, unknown> = {};
  Object.assign(twice, { left: twice, right: twice });
  await expect(store.users.create({ name: 'x', metadata: twice })).rejects.toThrow('a cycle cannot be stored');
  const bad: [string, unknown][] = [
    ['invalid_text', { text: 'half \ud83d' }],
    ['invalid_text', { ['key \ud83d']: 1 }],
    ['invalid_argument', { call: () => {} }],
    ['invalid_argument', { symbol: Symbol('s') }],
    ['invalid_argument', { big: 1n }],
    ['invalid_argument', { date: new Date() }],
    ['invalid_argument', { nan: NaN }],
    ['invalid_argument', { hole: [undefined] }],
    ['invalid_argument', cycle],
    ['invalid_argument', deep],
  ];
  for (const [code, metadata] of bad) {
    const call = store.messages.append(conversation.id, { role: 'user', text: '', metadata: metadata as never });
    await expect(call, JSON.stringify(code)).rejects.toMatchObject({ code });
  }
  expect((await store.stats()).journalSeq).toBe(journalBefore);
  await close();
});

test('arguments are taken as they are at the call', async () => {
  const { store, conversation, close } = await memoryStore();
  const metadata: Record<string, unknown> = { step: 1, nothing: undefined };
  const call = store.messages.append(conversation.id, { role: 'user', text: '', metadata });
  metadata['step'] = 2;
  expect((await call).metadata).toEqual({ step: 1 });
  await close();
});

test('a follower gets the text without a gap, from the snapshot to the end', async () => {
  const { store, writer, close } = await memoryStore();
  await writer.write('before ');
  await writer.flush();
  let text = '';
  const types: string[] = [];
  const following = (async () => {
    for await (const update of store.messages.follow(writer.id)) {
      types.push(update.type);
      if (update.type === 'snapshot') text += update.message.text;
      if (update.type === 'bundle') text += update.text;
    }
  })();
  for (let n = 0; n < 50; n += 1) {
    await writer.write(`${n} `);
    if (n % 7 === 0) await writer.flush();
  }
  const { text: whole } = await writer.close();
  await following;
  expect(text).toBe(whole);
  expect(whole.startsWith('before 0 1 2')).toBe(true);
  expect([types[0], types.at(-1)]).toEqual(['snapshot', 'end']);
  expect(types.length).toBeGreaterThan(3);
  await close();
});

test('following can be left early, and stops on its signal', async () => {
  const { store, writer, close } = await memoryStore();
  for await (const update of store.messages.follow(writer.id)) {
    expect(update.type).toBe('snapshot');
    break;
  }
  const controller = new AbortController();
  const following = (async () => {
    for await (const _update of store.messages.follow(writer.id, { signal: controller.signal })) controller.abort();
  })();
  await expect(following).rejects.toMatchObject({ code: 'aborted' });
  await close();
});

test('following a message that has ended gives the message and ends', async () => {
  const { store, writer, close } = await memoryStore();
  await writer.close();
  const updates = [];
  for await (const update of store.messages.follow(writer.id)) updates.push(update.type);
  expect(updates).toEqual(['snapshot']);
  await close();
});

test('a long text is read in pieces, as a stream and as an iterable', async () => {
  const { store, writer, close } = await memoryStore();
  await writer.write({ text: 'thinking', kind: 'reasoning' });
  let text = '';
  for (let n = 0; n < 2000; n += 1) {
    const delta = `piece ${n}, `.repeat(100);
    text += delta;
    await writer.write({ text: delta, tokens: 20 });
  }
  expect((await writer.close()).truncated).toBe(true);
  let iterated = '';
  let pieces = 0;
  for await (const piece of store.messages.text(writer.id)) {
    iterated += piece;
    pieces += 1;
  }
  expect(iterated).toBe(text);
  expect(pieces).toBe(Math.ceil(text.length / (1 << 20)));
  let piped = '';
  await store.messages.text(writer.id).pipeTo(new WritableStream({ write: (piece) => void (piped += piece) }));
  expect(piped).toBe(text);
  const missing = store.messages.text('us01-co01-ms99').getReader().read();
  await expect(missing).rejects.toMatchObject({ code: 'not_found' });
  await close();
});

test('what is piped into a writer is kept, and a pipe that breaks leaves the message interrupted', async () => {
  const { store, conversation, writer, close } = await memoryStore();
  await ReadableStream.from(['one ', 'two']).pipeTo(writer.writable);
  expect(await store.messages.get(writer.id)).toMatchObject({ text: 'one two', status: 'complete' });

  const broken = await store.messages.stream(conversation.id, { role: 'assistant' });
  const source = async function* () {
    yield 'half';
    throw new Error('the network went away');
  };
  await expect(ReadableStream.from(source()).pipeTo(broken.writable)).rejects.toThrow('the network went away');
  expect(await store.messages.get(broken.id)).toMatchObject({ text: 'half', status: 'interrupted' });

  const torn = await store.messages.stream(conversation.id, { role: 'assistant' });
  const halves = ReadableStream.from(['whole', '\ude00']);
  await expect(halves.pipeTo(torn.writable)).rejects.toMatchObject({ code: 'invalid_text' });
  expect(await store.messages.get(torn.id)).toMatchObject({ text: 'whole', status: 'interrupted' });

  const again = await store.messages.continue(broken.id);
  expect(again.acknowledged).toBe(4);
  await again.write(' and whole');
  expect((await again.close({ usage: { tokens: 3 } })).text).toBe('half and whole');
  await expect(store.messages.continue(broken.id)).rejects.toMatchObject({ code: 'conflict' });
  await close();
});

test('parts lie between the texts they were written between', async () => {
  const { writer, close } = await memoryStore();
  await writer.write({ text: 'hm', kind: 'reasoning' });
  await writer.write('I look. ');
  await writer.part({ type: 'tool_call', callId: '1', name: 'search', input: { q: 'x' } });
  await writer.write('Found.');
  expect(await writer.flush()).toBe(16);
  const { parts } = await writer.close();
  expect(parts.map((part) => ('text' in part ? part.text : part.type))).toEqual([
    'hm',
    'I look. ',
    'tool_call',
    'Found.',
  ]);
  await close();
});

test('aborting says so, and the end is the end', async () => {
  const { writer, close } = await memoryStore();
  await writer.write('so far');
  const message = await writer.abort('stopped', { status: 'error' });
  expect(message).toMatchObject({ text: 'so far', status: 'error' });
  await expect(writer.write('more')).rejects.toMatchObject({ code: 'closed', cause: 'stopped' });
  expect(await writer.close()).toEqual(message);
  await close();
});

test('a writer that is disposed of is interrupted', async () => {
  const { store, writer, close } = await memoryStore();
  await writer.write('so far');
  await writer[Symbol.asyncDispose]();
  expect(await store.messages.get(writer.id)).toMatchObject({ text: 'so far', status: 'interrupted' });
  const other = await store.messages.stream('us01-co01', { role: 'assistant' });
  await close();
  await other[Symbol.asyncDispose]();
});

test('a stream whose beginning was given up does not stay open', async () => {
  const { store, conversation, writer, close } = await memoryStore();
  await writer.close();
  const controller = new AbortController();
  const begun = store.messages.stream(conversation.id, { role: 'assistant' }, { signal: controller.signal });
  // Sent by the end of this turn of the event loop, answered later.
  await Promise.resolve().then(() => {});
  await Promise.resolve();
  await Promise.resolve();
  controller.abort();
  await expect(begun).rejects.toMatchObject({ code: 'aborted' });
  await expect.poll(async () => (await store.stats()).streams.open).toBe(0);
  const { items } = await store.messages.list(conversation.id, { path: 'all' });
  expect(items.filter(({ status }) => status === 'streaming')).toEqual([]);
  await close();
});

test('bundles can be set, and settings without sense are refused', async () => {
  const { store, writer, close } = await memoryStore();
  await store.streams.configure({ bundleTokens: 1, bundleMs: 50, chunkTokens: 2 });
  await writer.configure({ bundleTokens: 1, bundleMs: 50, chunkTokens: 2 });
  await writer.write({ text: 'kept at once', tokens: 1 });
  await expect.poll(async () => (await store.messages.get(writer.id)).text).toBe('kept at once');
  const senseless = writer.configure({ bundleTokens: 0, bundleMs: 50, chunkTokens: 2 });
  await expect(senseless).rejects.toMatchObject({ code: 'invalid_argument' });
  await expect(writer.write({ text: 'x', tokens: -1 })).rejects.toMatchObject({ code: 'invalid_argument' });
  await close();
});

test('steps are measured while someone listens', async () => {
  const { store, writer, close } = await memoryStore();
  const kinds = new Set<string>();
  const stop = store.on('log', ({ kind }) => kinds.add(kind));
  await writer.write('Hello');
  await writer.flush();
  await expect.poll(() => [...kinds]).toContain('bundle');
  stop();
  await store.stats();
  kinds.clear();
  await writer.write('Hello');
  await writer.flush();
  await store.stats();
  expect([...kinds]).toEqual([]);
  await close();
});

test('the schema can be asked about and moved', async () => {
  const { store, writer, close } = await memoryStore();
  await expect(store.migrations.migrate({ to: 2 })).rejects.toMatchObject({ code: 'conflict' });
  await writer.close();
  const before = await store.migrations.status();
  const steps: number[] = [];
  const after = await store.migrations.migrate({ to: before.length - 1, onProgress: ({ done }) => steps.push(done) });
  expect(after.filter(({ appliedAt }) => appliedAt !== undefined).length).toBe(before.length - 1);
  expect(steps.length).toBeGreaterThan(0);
  await store.migrations.migrate({ to: before.length });
  expect((await store.stats()).schema).toBe(before.length);
  await store.setDurability('relaxed');
  await close();
});

test('opening can be given up', async () => {
  const signal = AbortSignal.abort('no');
  await expect(openStore('x', { storage: 'memory', signal })).rejects.toMatchObject({ code: 'aborted', cause: 'no' });
  await expect(openStore('x', { storage: 'memory', timeout: 0 })).rejects.toMatchObject({ code: 'timeout' });
});

test('calls that were made before closing are answered, and closing twice is closing once', async () => {
  const { store, close } = await memoryStore();
  const states: string[] = [];
  store.on('state', ({ state }) => states.push(state));
  const user = store.users.create({ name: 'Last' });
  await Promise.all([store.close(), store.close(), close()]);
  expect((await user).name).toBe('Last');
  expect(states).toEqual(['closed']);
});

test('wasm that cannot be loaded is a typed error', () => {
  const script = `
    import { openStore } from '${PACKAGE}index.js';
    const open = (wasm) => openStore('x', { storage: 'memory', wasm }).catch(({ code }) => console.log(code));
    await open(new Uint8Array([1, 2, 3]));
    await open(new URL('file:///no/such.wasm'));`;
  expect(node(script).trim().split('\n')).toEqual(['unsupported', 'io']);
});

function node(script: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 20_000 });
}

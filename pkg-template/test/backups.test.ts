import { expect, test } from '@playwright/test';
import type { ImportConflict, ImportProgress, Store } from '../../pkg/index.js';
import { memoryStore } from '../../pkg/testing.js';
import { noise } from './noise.js';

async function withStores(use: (one: Store, other: Store) => Promise<void>): Promise<void> {
  const [one, other] = await Promise.all([memoryStore(), memoryStore()]);
  await use(one.store, other.store);
  await Promise.all([one.close(), other.close()]);
}

/** A user with a conversation, and a file of three megabytes. */
async function fill(store: Store): Promise<{ userId: string; artifactId: string; conversationId: string }> {
  const user = await store.users.create({ name: 'Ada' });
  const conversation = await store.conversations.create({ userId: user.id, title: 'Plan' });
  await store.messages.append(conversation.id, { role: 'user', text: 'How should we store this?' });
  const artifact = await store.artifacts.put({
    userId: user.id,
    kind: 'file',
    name: 'noise',
    content: noise(3_000_000),
  });
  return { userId: user.id, artifactId: artifact.id, conversationId: conversation.id };
}

test('an archive is taken as a blob or a stream, and brought in from either', () =>
  withStores(async (store, other) => {
    const { userId, artifactId } = await fill(store);
    const seen: number[] = [];
    const archive = await store.backups.export({ scope: 'all', onProgress: ({ done }) => seen.push(done) });
    expect(archive.name).toMatch(/^strongroom-\d{4}-\d\d-\d\d\.zip$/);
    const blob = await archive.blob();
    expect(blob.type).toBe('application/zip');
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const phases = new Set<ImportProgress['phase']>();
    const report = await other.backups.import(blob, { onProgress: ({ phase }) => phases.add(phase) });
    expect(report.isDone).toBe(true);
    expect([...phases]).toEqual(['receive', 'check', 'rehearse', 'ready', 'write']);
    const { items } = await other.users.list();
    // A store of these tests begins with one of its own.
    expect(items.map(({ name }) => name)).toEqual(['Ada', 'Ada', 'Ada']);
    expect(Buffer.compare(await other.artifacts.bytes(artifactId), noise(3_000_000))).toBe(0);
    const again = await store.backups.export({ scope: { kind: 'user', id: userId } });
    const second = await other.backups.import(again.stream);
    expect(second.counts.every(({ added, replaced }) => added === 0 && replaced === 0)).toBe(true);
  }));

test('a rehearsal changes nothing, and one who looks at it may refuse', () =>
  withStores(async (store, other) => {
    await fill(store);
    const blob = await (await store.backups.export()).blob();
    const before = (await other.users.list()).items.length;
    const rehearsed = await other.backups.rehearse(blob);
    expect(rehearsed).toMatchObject({ isDone: false, conflictCount: 0, problemCount: 0 });
    expect(rehearsed.counts.find(({ table }) => table === 'message')).toMatchObject({ added: 2 });
    const refused = await other.backups.import(blob, { confirm: ({ counts }) => counts.length === 0 });
    expect(refused.isDone).toBe(false);
    expect((await other.users.list()).items.length).toBe(before);
  }));

test('conflicts are decided by kind, or one by one', () =>
  withStores(async (store, other) => {
    const { conversationId } = await fill(store);
    const blob = await (await store.backups.export()).blob();
    await other.backups.import(blob);
    const there = (await other.search.query({ text: 'store', userId: (await other.users.list()).items.at(-1)!.id }))
      .items[0]!;
    const id = there.id.replace(/-ms\d+$/, '');
    const { version } = await other.conversations.get(id);
    await other.conversations.update({ id, version, title: 'Changed' });
    const seen: ImportConflict[] = [];
    const decide = (conflict: ImportConflict) => void seen.push(conflict);
    expect(await other.backups.import(blob, { decide })).toMatchObject({ isDone: true, conflictCount: 1 });
    expect(seen).toMatchObject([{ table: 'conversation', id: conversationId, storeId: id, onConflict: 'skip' }]);
    expect(seen[0]!.storeChangedAt).toBeGreaterThanOrEqual(seen[0]!.changedAt!);
    expect((await other.conversations.get(id)).title).toBe('Changed');
    await other.backups.import(blob, { decide: () => 'replace' });
    expect((await other.conversations.get(id)).title).toBe('Plan');
  }));

test('an export that is given up holds nothing back', () =>
  withStores(async (store) => {
    await fill(store);
    const first = await store.backups.export();
    await expect(store.backups.export()).rejects.toMatchObject({ code: 'locked' });
    await first.stream.cancel();
    const abort = new AbortController();
    const second = await store.backups.export({ signal: abort.signal });
    const reader = second.stream.getReader();
    await reader.read();
    abort.abort();
    await expect(reader.read()).rejects.toMatchObject({ code: 'aborted' });
    expect((await (await store.backups.export()).blob()).size).toBeGreaterThan(3_000_000);
  }));

test('an import that is given up leaves nothing', () =>
  withStores(async (store, other) => {
    await fill(store);
    const blob = await (await store.backups.export()).blob();
    const before = (await other.users.list()).items.length;
    for (const last of ['receive', 'check', 'ready', 'write'] as const) {
      const abort = new AbortController();
      let asked: Promise<{ items: unknown[] }> | undefined;
      const onProgress = ({ phase }: ImportProgress): void => {
        if (phase !== last) return;
        abort.abort();
        // What is asked meanwhile is answered afterwards.
        asked ??= other.users.list();
      };
      const given = other.backups.import(blob, { signal: abort.signal, onProgress });
      await expect(given, last).rejects.toMatchObject({ code: 'aborted' });
      expect((await asked!).items.length).toBe(before);
    }
    await expect(other.backups.import(new Blob(['no zip']))).rejects.toMatchObject({ code: 'archive_invalid' });
    await other.backups.import(blob);
  }));

test('a view of one user takes away and takes in what is theirs', () =>
  withStores(async (store, other) => {
    const { userId } = await fill(store);
    const ada = store.as(userId);
    const archive = await ada.backups.export();
    expect(archive.name).toContain(userId);
    const blob = await archive.blob();
    await expect(ada.backups.export({ scope: 'all' })).rejects.toMatchObject({ code: 'invalid_argument' });
    const grace = await other.users.create({ name: 'Grace' });
    await other.as(grace.id).backups.import(blob);
    const { items } = await other.conversations.list({ userId: grace.id });
    expect(items.map(({ title }) => title)).toEqual(['Plan']);
    expect((await other.users.get(grace.id)).name).toBe('Grace');
  }));

test('an export of another program is known by what is in it, and is brought in once', () =>
  withStores(async (store) => {
    const turns = {
      title: 'From elsewhere',
      id: 'x',
      conversations: [
        { from: 'human', value: 'hi' },
        { from: 'gpt', value: 'hello' },
      ],
    };
    const file = new File([JSON.stringify([turns])], 'sharegpt.json');
    const user = await store.users.create({ name: 'Ada' });
    const report = await store.backups.import(file, { into: user.id });
    expect(report.formats).toMatchObject([{ format: 'sharegpt', files: 1, records: 1, messages: 2, skipped: 0 }]);
    const { items } = await store.conversations.list({ userId: user.id });
    expect(items.map(({ title }) => title)).toEqual(['From elsewhere']);
    const { items: messages } = await store.messages.list(items[0]!.id);
    expect(messages.map(({ role, text }) => [role, text])).toEqual([
      ['assistant', 'hello'],
      ['user', 'hi'],
    ]);
    const again = await store.backups.import(file, { into: user.id });
    expect(again.counts.every(({ added }) => added === 0)).toBe(true);
  }));

test('files that belong together are brought in as one', () =>
  withStores(async (store) => {
    const chunk = (text: string): string => JSON.stringify({ messageId: 'x', seq: 1, tokens: 2, content: text });
    const files = [
      new File([chunk('a question')], 'us01-co02-ms01.json'),
      new File([chunk('an answer ')], 'us01-co02-ms02-001.json'),
      new File([chunk('in two')], 'us01-co02-ms02-002.json'),
    ];
    const user = await store.users.create({ name: 'Ada' });
    const { formats } = await store.as(user.id).backups.import(files);
    expect(formats).toMatchObject([{ format: 'chunks', files: 3, records: 1, messages: 2 }]);
    const { items } = await store.conversations.list({ userId: user.id });
    const { items: messages } = await store.messages.list(items[0]!.id);
    expect(messages.map(({ text }) => text)).toEqual(['an answer in two', 'a question']);
    await expect(store.backups.import([])).rejects.toMatchObject({ code: 'invalid_argument' });
    const secret = new Blob(['age-encryption.org/v1\n-> X25519']);
    await expect(store.backups.import(secret)).rejects.toMatchObject({ code: 'unsupported' });
  }));

test('a conversation is written for people and other programs, and JSON brings it back', () =>
  withStores(async (store, other) => {
    const { conversationId } = await fill(store);
    await store.messages.append(conversationId, { role: 'assistant', text: 'As **files**. '.repeat(30) });
    const written = async (as: 'markdown' | 'json' | 'sharegpt'): Promise<[string, string]> => {
      const [file] = await store.conversations.export(conversationId, as);
      return [file!.name, await file!.text()];
    };
    const [name, text] = await written('markdown');
    expect(name).toBe('Plan.md');
    expect(text).toContain('# Plan\n');
    expect(text).toContain('How should we store this?');
    expect(JSON.parse((await written('sharegpt'))[1])).toMatchObject({
      conversations: [{ value: 'How should we store this?' }, { value: 'As **files**. '.repeat(30) }],
    });
    const chunks = await store.conversations.export(conversationId, 'chunks');
    expect(chunks.map((file) => file.name)).toEqual([
      `${conversationId}-ms01.json`,
      `${conversationId}-ms02-001.json`,
      `${conversationId}-ms02-002.json`,
    ]);
    const [json] = await store.conversations.export(conversationId, 'json');
    const user = await other.users.create({ name: 'Eve' });
    const { formats } = await other.backups.import(json!, { into: user.id });
    expect(formats).toMatchObject([{ format: 'strongroom', messages: 2 }]);
    const { items } = await other.conversations.list({ userId: user.id });
    const original = await store.conversations.get(conversationId);
    expect(items[0]).toMatchObject({ uuid: original.uuid, title: 'Plan', createdAt: original.createdAt });
    await expect(store.conversations.export('us01-co99', 'json')).rejects.toMatchObject({ code: 'not_found' });
  }));

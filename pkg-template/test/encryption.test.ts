import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { decrypted, encrypting } from '../../pkg/encryption.js';
import type { Encryption, Store } from '../../pkg/index.js';
import { memoryStore } from '../../pkg/testing.js';
import { noise } from './noise.js';

const PASSPHRASE = 'correct horse battery staple';

/** A store with a message, another to bring it into, and the first as an encrypted archive. */
async function withArchive(encrypt: Encryption, use: (archive: Uint8Array, other: Store) => Promise<void>) {
  const [one, other] = await Promise.all([memoryStore(), memoryStore()]);
  const { users, artifacts, backups } = one.store;
  const { id: userId } = await users.create({ name: 'Ada' });
  await artifacts.put({ userId, kind: 'file', name: 'noise', content: noise(300_000) });
  const exported = await backups.export({ encrypt });
  expect(exported.name).toMatch(/^strongroom-\d{4}-\d\d-\d\d\.zip\.age$/);
  await use(new Uint8Array(await (await exported.blob()).arrayBuffer()), other.store);
  await Promise.all([one.close(), other.close()]);
}

const names = async (store: Store) => (await store.users.list()).items.map(({ name }) => name);

test('what a passphrase encrypts opens with it, and with nothing else', () =>
  withArchive({ passphrase: PASSPHRASE }, async (archive, other) => {
    expect(Buffer.from(archive.subarray(0, 21)).toString()).toBe('age-encryption.org/v1');
    const before = await names(other);
    await expect(other.backups.import(archive)).rejects.toMatchObject({ code: 'unsupported' });
    const wrong = other.backups.import(archive, { passphrase: 'guess' });
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(await names(other)).toEqual(before);
    const report = await other.backups.import(archive, { passphrase: PASSPHRASE });
    expect(report.isDone).toBe(true);
    expect(await names(other)).toEqual([...before, 'Ada', 'Ada']);
  }));

test('each of the recipients opens it, and nobody else', async () => {
  const identities = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
  const recipients = await Promise.all(identities.slice(0, 2).map((identity) => identityToRecipient(identity)));
  await withArchive({ recipients }, async (archive, other) => {
    const asked = (index: number) => other.backups.rehearse(archive, { identities: [identities[index]!] });
    expect((await asked(0)).counts.length).toBeGreaterThan(0);
    expect((await asked(1)).counts.length).toBeGreaterThan(0);
    await expect(asked(2)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

test('a flipped byte and a missing end are found, and change nothing', async () => {
  const identity = await generateIdentity();
  await withArchive({ recipients: [await identityToRecipient(identity)] }, async (archive, other) => {
    const before = await names(other);
    const flipped = archive.slice();
    flipped[archive.length - 1000]! ^= 1;
    // The second ends between two of the pieces that age encrypts one by one.
    const header = Buffer.from(archive).indexOf('\n--- ') + 49 + 16;
    for (const damaged of [flipped, archive.slice(0, header + 65_552), archive.slice(0, -1)]) {
      const taken = other.backups.import(damaged, { identities: [identity] });
      await expect(taken).rejects.toMatchObject({ code: 'archive_invalid' });
    }
    expect(await names(other)).toEqual(before);
  });
});

test('keys that are none are refused, and no export is left open', async () => {
  const { store, close } = await memoryStore();
  for (const encrypt of [{ passphrase: '' }, { recipients: [] }, { recipients: ['age1nobody'] }]) {
    await expect(store.backups.export({ encrypt })).rejects.toMatchObject({ code: 'invalid_argument' });
  }
  const { stream } = await store.backups.export();
  await stream.cancel();
  await close();
});

test('an archive that is not encrypted comes in though a passphrase is given', async () => {
  const { store, close } = await memoryStore();
  const archive = await (await store.backups.export()).blob();
  expect((await store.backups.rehearse(archive, { passphrase: PASSPHRASE })).isDone).toBe(false);
  await close();
});

test('the stock age opens what is made here, and what it makes opens here', async () => {
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const folder = mkdtempSync(join(tmpdir(), 'age-'));
  try {
    await withArchive({ recipients: [recipient] }, async (archive, other) => {
      const [key, ours, zip, theirs] = ['key', 'ours', 'zip', 'theirs'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
        string,
      ];
      writeFileSync(key, identity);
      writeFileSync(ours, archive);
      execFileSync('age', ['--decrypt', '--identity', key, '--output', zip, ours]);
      expect(readFileSync(zip).subarray(0, 2).toString()).toBe('PK');
      execFileSync('age', ['--recipient', recipient, '--output', theirs, zip]);
      const report = await other.backups.import(readFileSync(theirs), { identities: [identity] });
      expect(report.isDone).toBe(true);
      execFileSync('age', ['--armor', '--recipient', recipient, '--output', theirs, zip]);
      const armoured = readFileSync(theirs);
      expect(armoured.toString().startsWith('-----BEGIN AGE')).toBe(true);
      expect((await other.backups.import(armoured, { identities: [identity] })).isDone).toBe(true);
      const cut = other.backups.import(armoured.subarray(0, armoured.length / 2), { identities: [identity] });
      await expect(cut).rejects.toMatchObject({ code: 'archive_invalid' });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('64 MiB flow through in little memory', async () => {
  const identity = await generateIdentity();
  const piece = noise(1 << 20);
  let [made, taken, ahead] = [0, 0, 0];
  const source = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (made === 64 << 20) return controller.close();
        made += piece.length;
        controller.enqueue(Uint8Array.from(piece));
      },
    },
    { highWaterMark: 0 },
  );
  const through = await encrypting({ recipients: [await identityToRecipient(identity)] });
  const opened = await decrypted(await through(source), { identities: [identity] });
  for await (const bytes of opened as unknown as AsyncIterable<Uint8Array>) {
    taken += bytes.length;
    ahead = Math.max(ahead, made - taken);
  }
  expect(taken).toBe(64 << 20);
  expect(ahead).toBeLessThan(8 << 20);
});

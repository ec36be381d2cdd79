// Other programs' exports as people have them: a folder with files and zips, and a conversation saved among the downloads.

import { readFile } from 'node:fs/promises';
import { prepare } from './support/contents.js';
import { expect, test } from './support/fixtures.js';

test('a folder of exports comes in, once, and a conversation goes out as Markdown', async ({ harness: page }) => {
  await page.evaluate(prepare);
  const seen = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('exports', { create: true });
    const write = async (path: string[], text: string): Promise<void> => {
      let into = folder;
      for (const name of path.slice(0, -1)) into = await into.getDirectoryHandle(name, { create: true });
      const writable = await (await into.getFileHandle(path.at(-1)!, { create: true })).createWritable();
      await writable.write(text);
      await writable.close();
    };
    const node = (id: string, parent: string | null, role: string, text: string): object => ({
      id,
      parent,
      children: [],
      message: {
        id,
        author: { role },
        create_time: 1_700_000_000,
        content: { content_type: 'text', parts: [text] },
        metadata: {},
      },
    });
    const chat = {
      id: 'chat-1',
      title: 'A plan, from elsewhere',
      create_time: 1_700_000_000,
      update_time: 1_700_000_100,
      mapping: {
        a: node('a', null, 'user', 'What should be kept?'),
        b: node('b', 'a', 'assistant', 'Everything that was said.'),
        c: node('c', 'a', 'assistant', 'Another answer.'),
      },
      current_node: 'b',
    };
    await write(['chatgpt', 'conversations.json'], JSON.stringify([chat]));
    await write(['chatgpt', 'user.json'], '{"id":"user-1"}');
    for (let n = 1; n <= 200; n += 1) {
      const name = `us01-co01-ms02-${String(n).padStart(3, '0')}.json`;
      await write(['chunks', name], JSON.stringify({ messageId: 'x', seq: n, tokens: 1, content: `word ${n} ` }));
    }
    await write(
      ['chunks', 'us01-co01-ms01.json'],
      JSON.stringify({ messageId: 'x', seq: 1, tokens: 1, content: 'Count.' }),
    );

    let store = await harness.openStore('foreign');
    const user = await store.users.create({ name: 'Ada' });
    const report = await store.backups.import(folder, { into: user.id });
    await store.close();
    store = await harness.openStore('foreign');
    const { items } = await store.conversations.list({ userId: user.id });
    const texts: Record<string, string[]> = {};
    for (const { id, title } of items) {
      const messages = await store.messages.list(id, { limit: 10 });
      texts[title] = messages.items.reverse().map(({ text }) => text);
    }
    const again = await store.backups.import(folder, { into: user.id });
    const plan = items.find(({ title }) => title.startsWith('A plan'))!;
    const [file] = await store.conversations.export(plan.id, 'markdown');
    const url = URL.createObjectURL(file!);
    setTimeout(() => Object.assign(document.createElement('a'), { href: url, download: file!.name }).click(), 500);
    const added = again.counts.reduce((sum, count) => sum + count.added + count.replaced, 0);
    return { formats: report.formats, problems: report.problems, texts, added };
  });
  const download = await page.waitForEvent('download');
  // A folder gives its entries in any order.
  const found = seen.formats.map(({ format, records, messages }) => [format, records, messages]).sort();
  expect(found).toEqual([
    ['chatgpt', 1, 3],
    ['chunks', 1, 2],
  ]);
  expect(seen.problems).toEqual([expect.stringContaining('chatgpt/user.json')]);
  expect(seen.texts['A plan, from elsewhere']).toEqual(['What should be kept?', 'Everything that was said.']);
  expect(Object.values(seen.texts).find(([first]) => first === 'Count.')?.[1]).toMatch(/^word 1 word 2 .*word 200 $/);
  expect(seen.added).toBe(0);
  expect(download.suggestedFilename()).toBe('A plan, from elsewhere.md');
  const markdown = await readFile(await download.path(), 'utf8');
  expect(markdown).toContain('# A plan, from elsewhere');
  expect(markdown).toContain('Another answer.');
});

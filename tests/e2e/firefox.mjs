// The store in Firefox: streams a message, loses its worker in the middle, and must give back every acknowledged word.
//
//   node tests/e2e/firefox.mjs
//
// Drives firefox-esr by geckodriver; the package and the demo must be built. Prints what it saw of Firefox's ways; the exit
// status is 1 when anything is not as it should be.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { launchFirefox } from '../../benches/webdriver.mjs';
import { serve } from '../../www/serve.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DELTAS = Array.from({ length: 5000 }, (_, index) => ` ${index} журнал 金庫 👩‍💻`);

const profile = await mkdtemp(join(tmpdir(), 'strongroom-firefox-'));
const server = await serve({
  '/': join(ROOT, 'www/dist'),
  '/pkg/': join(ROOT, 'pkg'),
  '/harness/': join(ROOT, 'tests/e2e/harness'),
});
const firefox = await launchFirefox(profile);
try {
  const harness = `${server.origin}/harness/`;
  await firefox.goto(harness);
  const told = await firefox.evaluate(streamUntilKilled, DELTAS);
  const text = DELTAS.join('');
  assert.ok(told.acknowledged > 0, 'something was acknowledged before the worker ended');
  assert.ok(told.kept.text.length >= told.acknowledged, 'the restarted worker has every acknowledged character');
  assert.ok(text.startsWith(told.kept.text), 'and nothing that was not written');
  assert.equal(told.kept.status, 'interrupted');

  await firefox.goto(harness);
  const ended = await firefox.evaluate(readAndContinue, { id: told.id, deltas: DELTAS });
  assert.equal(ended.before, told.kept.text, 'a new page reads the same text');
  assert.equal(ended.after, text, 'the message is taken up where it is kept, to its end');
  assert.equal(ended.status, 'complete');
  console.log(
    `Firefox ${firefox.version}: ${told.acknowledged} characters were acknowledged, ${told.kept.text.length} were kept; ` +
      `the first open took ${told.openMs} ms, ${told.restartMs} ms after the worker's end the store answered again, ` +
      `a reload opened in ${ended.openMs} ms, a strict write took ${ended.writeMs} ms, the clock moves in steps of ${ended.clockMs} ms`,
  );
} finally {
  await firefox.close();
  server.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/** In the page: streams until half a second after the first acknowledgement, ends the worker, and reads what is kept. */
async function streamUntilKilled(deltas) {
  const started = performance.now();
  const store = await harness.openStore('firefox');
  const openMs = Math.round(performance.now() - started);
  const { conversation } = await harness.begin(store);
  const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
  let killAt = Infinity;
  for (const delta of deltas) {
    await writer.write(delta);
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (writer.acknowledged > 0) killAt = Math.min(killAt, performance.now() + 500);
    if (performance.now() > killAt) break;
  }
  const { id, acknowledged } = writer;
  harness.killWorker();
  const killed = performance.now();
  const { text, status } = await store.messages.get(id);
  const restartMs = Math.round(performance.now() - killed);
  await store.close();
  return { id, acknowledged, openMs, restartMs, kept: { text, status } };
}

/** In a new page: reads the message, writes the rest of it, and times a few things. */
async function readAndContinue({ id, deltas }) {
  const started = performance.now();
  const store = await harness.openStore('firefox');
  const { text: before } = await store.messages.get(id);
  const openMs = Math.round(performance.now() - started);
  const writer = await store.messages.continue(id);
  await writer.write(deltas.join('').slice(before.length));
  const { status } = await writer.close();
  const after = await harness.textOf(store, id);
  const { conversation } = await harness.begin(store);
  const writing = performance.now();
  for (let count = 0; count < 100; count += 1) {
    await store.messages.append(conversation.id, { role: 'user', text: 'again' });
  }
  const writeMs = Math.round(performance.now() - writing) / 100;
  await store.close();
  let clockMs = Infinity;
  for (let step = 0; step < 20; step += 1) {
    const from = performance.now();
    let to = from;
    while (to === from) to = performance.now();
    clockMs = Math.min(clockMs, Math.round((to - from) * 1000) / 1000);
  }
  return { before, after, status, openMs, writeMs, clockMs };
}

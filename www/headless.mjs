// Runs the demo's job without anyone watching: every recorded stream is kept, cut off in the middle, rebuilt and ended.
//
//   node www/headless.mjs [--json] [--seed <number>]
//
// Reads `provider-streams/*.chunks.txt` in the folder that STRONGROOM_DATA names (../shared/data by default), or, where
// there are none, the recordings of the demo. The exit status is 1 when any text differs.

import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { chromium } from '@playwright/test';

import { serve } from './serve.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SUFFIX = '.chunks.txt';
const NAMES = ['chromium', 'google-chrome', 'google-chrome-stable', 'chromium-browser'];
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-sync',
];

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } },
});

const reports = await run(await recordings());
const ok = reports.every((report) => report.rebuiltEqual && report.wholeEqual);
if (options.json) console.log(JSON.stringify({ ok, seed: Number(options.seed), streams: reports }, undefined, 2));
else print(reports, ok);
process.exitCode = ok ? 0 : 1;

/** Keeps one recording after another in a browser with a profile of its own. */
async function run(files) {
  const profile = await mkdtemp(join(tmpdir(), 'strongroom-headless-'));
  const server = await serve({ '/': join(HERE, 'dist') });
  const isRoot = process.getuid?.() === 0;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: await browser(),
    chromiumSandbox: !isRoot,
    args: QUIET,
  });
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.on('pageerror', (error) => console.error(error));
    await page.goto(`${server.origin}/headless.html`);
    await page.waitForSelector('html[data-ready]', { state: 'attached' });
    const random = generator(Number(options.seed));
    const done = [];
    for (const file of files) {
      const recording = await readFile(file, 'utf8');
      const name = basename(file).slice(0, -SUFFIX.length);
      const killAt = 0.5 + random() * 0.5;
      done.push(await page.evaluate((task) => globalThis.keepStream(task), { name, recording, killAt }));
      if (!options.json && process.stderr.isTTY) process.stderr.write(`\r${done.length} of ${files.length}\r`);
    }
    return done;
  } finally {
    await context.close();
    server.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/** The recordings' files. */
async function recordings() {
  const data = process.env.STRONGROOM_DATA ?? join(HERE, '../../shared/data');
  for (const folder of [join(data, 'provider-streams'), join(HERE, 'dist/recordings')]) {
    const names = await readdir(folder).catch(() => []);
    const streams = names.filter((name) => name.endsWith(SUFFIX)).sort();
    if (streams.length > 0) return streams.map((name) => join(folder, name));
  }
  throw new Error('there are no recorded streams; build the demo first');
}

/** The browser that STRONGROOM_CHROMIUM names, or one that is installed. */
async function browser() {
  if (process.env.STRONGROOM_CHROMIUM) return process.env.STRONGROOM_CHROMIUM;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      if (
        await access(path).then(
          () => true,
          () => false,
        )
      )
        return path;
    }
  }
  throw new Error('no Chromium is installed; name one in STRONGROOM_CHROMIUM');
}

/** Random numbers from 0 up to 1 that are the same for the same seed (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function print(streams, allEqual) {
  const ms = (value) => value.toFixed(value < 10 ? 2 : 0);
  const yes = (value) => (value ? 'yes' : 'NO');
  const columns = [
    ['stream', (report) => report.name],
    ['deltas', (report) => report.deltas],
    ['tokens', (report) => report.tokens],
    ['bundles', (report) => report.bundles],
    ['chunks', (report) => report.chunks],
    ['write p50 ms', (report) => ms(report.writeP50Ms)],
    ['p99', (report) => ms(report.writeP99Ms)],
    ['written', (report) => report.written],
    ['acknowledged', (report) => report.acknowledged],
    ['kept', (report) => report.kept],
    ['rebuilt equal', (report) => yes(report.rebuiltEqual)],
    ['in ms', (report) => ms(report.rebuildMs)],
    ['≤ 50', (report) => yes(report.withinLimit)],
    ['restart ms', (report) => ms(report.restartMs)],
    ['whole equal', (report) => yes(report.wholeEqual)],
  ];
  const rows = [
    columns.map(([title]) => title),
    ...streams.map((report) => columns.map(([, value]) => String(value(report)))),
  ];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    console.log(
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
    );
  }
  const unknown = streams.filter((report) => report.unknownEvents > 0);
  for (const report of unknown)
    console.log(`${report.name}: ${report.unknownEvents} events of an unknown kind were left out`);
  const killed = streams.length;
  console.log(
    `\n${killed} streams, ${killed} kills: ${allEqual ? 'every text is equal' : 'TEXTS DIFFER'}; ` +
      `${streams.filter((report) => report.withinLimit).length} of ${killed} rebuilt within 50 ms`,
  );
}

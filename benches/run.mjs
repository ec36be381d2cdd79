// Runs the benchmarks in real Chromium on a persistent profile and writes docs/benchmarks.md.
//   --json            rows for scripts on standard output
//   --rounds N        rounds per contender, 5 by default
//   --only NAME,…     only these contenders
//   --dry             leave docs/benchmarks.md as it is
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { serve } from './server.mjs';
import { markdown } from './report.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    dry: { type: 'boolean', default: false },
  },
});

/** Who does which work. A contender is a file in contenders/, an optional durability, and where it runs. */
const CONTENDERS = [
  { name: 'bare', works: ['chunk-strict', 'chunk-relaxed'] },
  { name: 'strongroom', works: ['chunk-strict', 'chunk-relaxed', 'rebuild-20', 'rebuild-170'] },
  { name: 'strongroom-page', works: ['chunk-strict', 'chunk-relaxed', 'rebuild-20', 'rebuild-170'] },
  { name: 'sqlite-wasm-default', works: ['chunk-strict', 'rebuild-20', 'rebuild-170'] },
  { name: 'sqlite-wasm-wal-full', works: ['chunk-strict', 'rebuild-20', 'rebuild-170'] },
  { name: 'sqlite-wasm-wal-normal', works: ['chunk-relaxed'] },
  { name: 'indexeddb', works: ['chunk-strict', 'chunk-relaxed', 'rebuild-20', 'rebuild-170'] },
];

const only = options.only?.split(',');
const contenders = CONTENDERS.filter(({ name }) => !only || only.includes(name));
const server = await serve();
const profile = mkdtempSync(join(tmpdir(), 'strongroom-bench-'));
const isRoot = process.getuid?.() === 0;
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.STRONGROOM_CHROMIUM || '/usr/bin/chromium',
  headless: true,
  args: [
    ...(isRoot ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

const samples = new Map();
try {
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const work of ['chunk-strict', 'chunk-relaxed', 'rebuild-20', 'rebuild-170']) {
      // Another order each round, the same in every run.
      const order = contenders.filter(({ works }) => works.includes(work));
      order.push(...order.splice(0, round % order.length));
      for (const { name } of order) {
        const page = await browser.newPage();
        await page.goto(`${server.url}/benches/page.html`);
        const measured = await page.evaluate(
          ([name, work, round]) => globalThis.measure(name, work, round),
          [name, work, round],
        );
        await page.close();
        const key = `${work} ${name}`;
        samples.set(key, [...(samples.get(key) ?? []), ...measured]);
        process.stderr.write(`round ${round + 1}: ${key}: median ${median(measured).toFixed(1)} µs\n`);
      }
    }
  }
} finally {
  const version = browser.browser()?.version() ?? '';
  await browser.close();
  await server.close();
  rmSync(profile, { recursive: true, force: true });
  const rows = [...samples].map(([key, values]) => {
    const [work, contender] = key.split(' ');
    const sorted = values.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      work,
      contender,
      unit: 'us',
      mean: round1(mean),
      p50: round1(at(0.5)),
      p95: round1(at(0.95)),
      n: values.length,
    };
  });
  if (options.json) for (const row of rows) console.log(JSON.stringify(row));
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}`;
  const peer = JSON.parse(readFileSync('node_modules/@sqlite.org/sqlite-wasm/package.json', 'utf8')).version;
  const report = markdown(rows, {
    machine,
    version,
    peer,
    rounds: options.rounds,
    date: new Date().toISOString().slice(0, 10),
  });
  if (!options.json) console.log(report);
  if (!options.dry && !only) writeFileSync('docs/benchmarks.md', report);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function round1(value) {
  return Math.round(value * 10) / 10;
}

// Runs the benchmarks in a real browser on a persistent profile and writes docs/benchmarks.md.
//   --json            rows for scripts on standard output
//   --rounds N        rounds per contender, 5 by default
//   --only NAME,…     only these contenders
//   --works NAME,…    only these works
//   --long            the works that need large stores too
//   --scan-mb N       size of the store that is scanned: 50, or 500 with --long
//   --firefox         in Firefox, to docs/benchmarks-firefox.md
//   --dry             leave the document as it is
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from './browsers.mjs';
import { CONTENDERS } from './contenders/index.js';
import { markdown } from './report.mjs';
import { broken } from './goals.mjs';
import { serve } from './server.mjs';
import { sizes } from './sizes.mjs';
import { WORKS } from './works/index.js';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    works: { type: 'string' },
    long: { type: 'boolean', default: false },
    'scan-mb': { type: 'string' },
    firefox: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
  },
});
const scanMegabytes = options['scan-mb'] ?? (options.long ? '500' : '50');
const only = named(options.only, CONTENDERS, 'contender');
const works = named(options.works, [...WORKS, { name: 'size' }], 'work');
const isAll = !options.only && !options.works;

const data = process.env.STRONGROOM_DATA && resolve(process.env.STRONGROOM_DATA);
/** What went wrong, by the work and the contender. */
const failures = new Map();
const skipped = [];
const samples = new Map();
/** What works on a dataset need, by the dataset's directory. */
const datasets = new Map();

const started = performance.now();
const server = await serve(data);
const profile = mkdtempSync(join(tmpdir(), 'strongroom-bench-'));
let browser;
let clock;
try {
  browser = await launch(options.firefox, profile);
  clock = Math.round((await browser.evaluate(`${server.url}/benches/page.html`, () => globalThis.clock())) * 10) / 10;
  await measureAll();
} finally {
  await browser?.close();
  server.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
await report();

async function measureAll() {
  const todo = sessions(WORKS.filter((work) => works.has(work.name) && isPossible(work)));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const session of todo) {
      const [{ rounds = Infinity }] = session;
      // Another order each round, the same in every run.
      const order = CONTENDERS.filter(
        (contender) =>
          only.has(contender.name) &&
          canDo(contender, session[0]) &&
          round < Math.min(rounds, contender.rounds ?? Infinity),
      );
      order.push(...order.splice(0, round % Math.max(1, order.length)));
      for (const contender of order) await attempt(contender, session, round);
    }
  }
}

/** Works that are measured one after another in one worker, and each other work by itself. */
function sessions(works) {
  const named = new Map();
  for (const work of works) {
    const name = work.session ?? work.name;
    named.set(name, [...(named.get(name) ?? []), work]);
  }
  return [...named.values()];
}

function isPossible({ name, isLong, data: file }) {
  if (isLong && !options.long) {
    if (!options.works) return false;
    skipped.push(`${name}: only with \`--long\``);
    return false;
  }
  const missing = [file ?? []].flat().find((one) => !(data && existsSync(join(data, one))));
  if (missing) {
    skipped.push(`${name}: there is no ${missing} in STRONGROOM_DATA`);
    console.error(`SKIPPED (no data): ${name}`);
    return false;
  }
  return true;
}

function canDo(contender, work) {
  return (
    contender.does.includes(work.does) && contender.durability.includes(work.durability ?? contender.durability[0])
  );
}

/** Measures once. What goes wrong is told, and the others go on; a contender that failed at a work is not asked again. */
async function attempt(contender, session, round) {
  const key = `${session.map(({ name }) => name).join(' ')} of ${contender.name}`;
  if (failures.has(key)) return;
  try {
    const dataset = datasetOf(session[0]);
    const directory = dataset ? `keep-${contender.stores}-${dataset}` : `bench-${contender.name}-${round}`;
    const { data } = session[0];
    const files = Array.isArray(data) ? data.map((file) => `/data/${file}`) : data && `/data/${data}`;
    if (dataset && !datasets.has(directory)) datasets.set(directory, await make(contender, dataset, directory, files));
    const task = {
      contender,
      works: session,
      directory,
      create: !dataset,
      handles: datasets.get(directory),
      data: files,
    };
    const measures = await evaluate(task);
    for (const { work, unit, values } of measures) {
      const place = [work, contender.name, unit].join('\t');
      samples.set(place, [...(samples.get(place) ?? []), ...values]);
      const shown = round1(quantile(values, 0.5));
      if (unit !== 'bytes') tell(`round ${round + 1}: ${work} ${contender.name}: ${shown} ${unit}`);
    }
  } catch (error) {
    failures.set(key, error.message.split('\n')[0]);
    tell(`round ${round + 1}: ${key}: FAILED: ${error.message}`);
  }
}

/** Makes a dataset, by the first of those that share it. */
async function make({ stores }, dataset, directory, data) {
  const contender = CONTENDERS.find((one) => one.stores === stores);
  const work = { name: dataset, kind: 'datasets', durability: contender.durability.at(-1), isDataset: true };
  const from = performance.now();
  const handles = await evaluate({ contender, works: [work], dataset, directory, data, create: true });
  tell(`${contender.name}: ${dataset} made in ${((performance.now() - from) / 1000).toFixed(1)} s`);
  return handles;
}

/** Progress, with the seconds since the beginning. */
function tell(line) {
  console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${line}`);
}

function datasetOf({ dataset }) {
  return dataset === 'scan' ? `text-${scanMegabytes}` : dataset;
}

function evaluate(task) {
  return browser.evaluate(`${server.url}/benches/page.html`, (task) => globalThis.measure(task), task);
}

async function report() {
  const rows = [...samples].map(([place, values]) => {
    const [work, contender, unit] = place.split('\t');
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const at = (share) => round1(quantile(values, share));
    const spread = { p50: at(0.5), p95: at(0.95), p99: at(0.99), min: at(0), max: at(1) };
    return { work, contender, unit, mean: round1(mean), ...spread, n: values.length };
  });
  const order = CONTENDERS.map(({ name }) => name);
  rows.sort((a, b) => order.indexOf(a.contender) - order.indexOf(b.contender));
  if (works.has('size')) rows.push(...(await sizes()).filter(({ contender }) => isAll || !options.only));
  for (const [key, message] of failures) skipped.push(`${key}: ${message}`);
  if (options.json) for (const row of rows) console.log(JSON.stringify(row));
  const minutes = ((performance.now() - started) / 60_000).toFixed(1);
  const text = markdown(rows, { ...about(), minutes }, skipped);
  if (!options.json) console.log(text);
  const document = options.firefox ? 'docs/benchmarks-firefox.md' : 'docs/benchmarks.md';
  if (!options.dry && isAll && failures.size === 0) writeFileSync(document, text);
  console.error(`${minutes} minutes`);
  for (const [key, message] of failures) console.error(`FAILED: ${key}: ${message}`);
  const slow = broken(rows);
  for (const line of slow) console.error(`TOO SLOW: ${line}`);
  if (failures.size > 0 || slow.length > 0) process.exitCode = 1;
}

function about() {
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const peers = ['@sqlite.org/sqlite-wasm', '@journeyapps/wa-sqlite', 'sqlocal', 'dexie', '@electric-sql/pglite'];
  return {
    command: ['cargo xtask bench', ...process.argv.slice(2)].join(' '),
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    browser: `${browser.name} ${browser.version}`,
    rounds: options.rounds,
    versions: Object.fromEntries(peers.map((name) => [name, devDependencies[name]])),
    clock,
  };
}

/** The names that were asked for, or all. A name that nothing has is an error. */
function named(list, all, what) {
  const names = new Set(all.map(({ name }) => name));
  if (list === undefined) return names;
  const asked = list.split(',');
  for (const name of asked) if (!names.has(name)) throw new Error(`no ${what} is called ${name}`);
  return new Set(asked);
}

/** By nearest rank. */
function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

function round1(value) {
  return Math.round(value * 10) / 10;
}

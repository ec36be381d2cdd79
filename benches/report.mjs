// The tables that people read.
import { goals } from './goals.mjs';
import { CONTENDERS } from './contenders/index.js';
import { WORKS } from './works/index.js';

/** `about` says where and how it was measured; `skipped` are works that could not be. */
export function markdown(rows, about, skipped) {
  const lines = [
    `# Benchmarks in ${about.browser.split(' ')[0]}`,
    '',
    `Written by \`${about.command}\`. ${about.date} · ${about.machine} · ${about.browser} · ${about.rounds} rounds, ${about.minutes} minutes in all.`,
    `Versions: ${Object.entries(about.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    '',
    'A real browser, headless, on a profile kept for the run. Each contender writes in an empty directory and a fresh worker, or',
    'from the page where that is how it is used; reads are measured on stores made once, each time in a fresh worker. Rounds are',
    'interleaved, their order rotates. Same records, keys and indexes for all; every read checks what it read. A chunk is 300 bytes,',
    '60 tokens. Times are microseconds. What a store still owes after its answers is divided among them. Cold means a store just',
    'opened; the operating system’s cache is warm. Heap is JavaScript’s, where the browser tells, and the wasm memory that can be seen',
    `from where it was measured. The browser’s clock moves in steps of ${about.clock} µs: means tell more than that, medians do not.`,
    'Shared machines are noisy: compare within one table, never between two.',
  ];
  const reached = goals(rows);
  if (reached.length > 0) lines.push('', '## Goals', '', ...table(['goal', 'wanted', 'measured', 'reached'], reached));
  for (const work of WORKS) lines.push(...tablesOf(work, rows));
  lines.push(...sizeTable(rows.filter((row) => row.work === 'size')));
  if (skipped.length > 0) lines.push('', '## Not measured', '', ...skipped.map((line) => `- ${line}`));
  return `${lines.join('\n')}\n`;
}

function tablesOf({ name, title, kind }, rows) {
  const all = rows.filter((row) => row.work === name);
  if (kind === 'model') return operations(name, title, rows);
  if (kind === 'breakdown' || kind === 'hour') return steps(name, title, all);
  const heaps = new Map(all.filter(({ unit }) => unit === 'bytes').map((row) => [row.contender, row.p50]));
  const units = [...new Set(all.map(({ unit }) => unit))].filter((unit) => unit !== 'bytes');
  if (units.length === 0) return [];
  const lines = ['', `## ${name}: ${title}`];
  for (const [index, unit] of units.entries()) {
    const of = all.filter((row) => row.unit === unit);
    lines.push('', ...(unit === 'us' ? times(of, heaps, index === 0) : rates(of, unit, heaps, index === 0)));
  }
  for (const part of new Set(rows.map(({ work }) => work).filter((work) => work.startsWith(`${name}: `)))) {
    const of = rows.filter((row) => row.work === part && row.unit === 'us');
    lines.push('', `### ${part.slice(name.length + 2)}`, '', ...times(of, new Map(), false));
  }
  return lines;
}

const noteOf = (contender) => CONTENDERS.find(({ name }) => name === contender).note;
const base = (of) => of.find(({ contender }) => contender === 'bare') ?? of[0];
const ratio = (value, to) => (to ? (value / to).toFixed(2) : '–');
const megabytes = (bytes) => (bytes === undefined ? '–' : (bytes / 1e6).toFixed(1));

/** One contender's own figures, each under its name. */
function steps(name, title, all) {
  const own = all.filter(({ unit }) => unit.includes(': '));
  if (own.length === 0) return [];
  const lines = own.map((row) => {
    const [unit, step] = row.unit.split(': ');
    return [step, unit === 'bytes' ? `${megabytes(row.p50)} MB` : row.p50];
  });
  return ['', `## ${name}: ${title}`, '', ...table(['', 'median'], lines)];
}

/** Each operation of the model by itself. */
function operations(name, title, rows) {
  const own = rows.filter((row) => row.work.startsWith(`${name}: `) && row.unit === 'us');
  if (own.length === 0) return [];
  const lines = own.map((row) => [row.work.slice(name.length + 2), row.p50, row.p95, row.mean, row.n]);
  return ['', `## ${name}: ${title}`, '', ...table(['operation', 'median', 'p95', 'mean', 'n'], lines)];
}

function times(of, heaps, withHeap) {
  const to = base(of);
  return table(
    [
      'contender',
      'median',
      'p95',
      'p99',
      'mean',
      `median ÷ ${to.contender}`,
      `mean ÷ ${to.contender}`,
      'n',
      ...(withHeap ? ['heap MB'] : []),
      'note',
    ],
    of.map((row) => [
      row.contender,
      row.p50,
      row.n >= 20 ? row.p95 : '–',
      row.n >= 100 ? row.p99 : '–',
      row.mean,
      ratio(row.p50, to.p50),
      ratio(row.mean, to.mean),
      row.n,
      ...(withHeap ? [megabytes(heaps.get(row.contender))] : []),
      noteOf(row.contender),
    ]),
  );
}

function rates(of, unit, heaps, withHeap) {
  const to = base(of);
  return table(
    [
      'contender',
      `${unit}, median`,
      'least',
      'most',
      `median ÷ ${to.contender}`,
      'n',
      ...(withHeap ? ['heap MB'] : []),
      'note',
    ],
    of.map((row) => [
      row.contender,
      row.p50,
      row.min,
      row.max,
      ratio(row.p50, to.p50),
      row.n,
      ...(withHeap ? [megabytes(heaps.get(row.contender))] : []),
      noteOf(row.contender),
    ]),
  );
}

function sizeTable(of) {
  if (of.length === 0) return [];
  const kilobytes = (bytes) => (bytes / 1024).toFixed(1);
  return [
    '',
    '## size: what a page loads, KB',
    '',
    'JavaScript bundled and minified alike; the wasm with the data files it needs.',
    '',
    ...table(
      ['package', 'file', 'plain', 'gzip', 'brotli'],
      of.map((row) => [row.contender, row.file, ...[row.plain, row.gzip, row.brotli].map(kilobytes)]),
    ),
  ];
}

function table(heads, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = heads.map((head, index) => (index === 0 || head === 'note' ? '---' : '--:'));
  return [line(heads), `|${rule.join('|')}|`, ...rows.map(line)];
}

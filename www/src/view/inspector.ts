// What is being kept, as it happens: bundles, chunks, journal lines and what they cost.

import type { LogEvent, LogKind } from '../../../pkg/index.js';
import { h, oncePerFrame } from '../dom.js';

const EVENTS_SHOWN = 60;
const LATENCIES_KEPT = 1000;

const MEASURED: [LogKind, string][] = [
  ['bundle', 'Bundle kept'],
  ['append', 'Journal append'],
  ['flush', 'Journal flush'],
  ['commit', 'Database commit'],
];

const NAMES: Record<LogKind, string> = {
  bundle: 'bundle',
  chunk_written: 'chunk',
  chunks_read: 'read',
  append: 'journal',
  flush: 'flush',
  commit: 'commit',
  checkpoint: 'checkpoint',
  snapshot: 'snapshot',
  open: 'open',
};

/** What the inspector asks for. */
export interface InspectorActions {
  killWorker(): void;
  close(): void;
}

/** The inspector. */
export interface Inspector {
  /** Takes one measured step. */
  log(event: LogEvent): void;
  /** Takes a line of plain words. */
  say(text: string): void;
}

/** The answer that arrived last. */
interface Answer {
  id: string;
  /** The tokens of each bundle, by chunk. */
  chunks: number[][];
  /** Bundles whose chunk has not been told yet. */
  bundles: number[];
}

/** Makes the inspector inside `place`. */
export function makeInspector(place: HTMLElement, actions: InspectorActions): Inspector {
  const totals = { bundles: 0, tokens: 0, chunks: 0, lines: 0, bytes: 0 };
  const latencies = new Map<LogKind, number[]>();
  let answer: Answer | undefined;

  const tiles = h('dl', { class: 'tiles' });
  const strip = h('div', { class: 'strip', role: 'img' });
  const table = h('tbody');
  const events = h('ol', { class: 'events', tabindex: 0, 'aria-label': 'Events, newest first' });
  const draw = oncePerFrame(() => {
    drawTiles(tiles, totals);
    drawStrip(strip, answer?.chunks ?? []);
    table.replaceChildren(...MEASURED.map(([kind, name]) => latencyRow(name, latencies.get(kind) ?? [])));
  });

  place.replaceChildren(
    h(
      'div',
      { class: 'panel-top' },
      h('h2', {}, 'What is kept'),
      h(
        'button',
        { type: 'button', class: 'icon only-narrow', 'aria-label': 'Close', on: { click: () => actions.close() } },
        h('span', { 'aria-hidden': 'true' }, '✕'),
      ),
    ),
    h(
      'button',
      { type: 'button', class: 'danger wide', id: 'kill', on: { click: () => actions.killWorker() } },
      'Kill the worker',
    ),
    tiles,
    h('h3', {}, 'This answer'),
    strip,
    h('p', { class: 'note' }, 'A block is a chunk; its parts are the bundles that grew it.'),
    h('h3', {}, 'How long it takes'),
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h('tr', {}, ...['Step', 'half', '99 in 100', 'count'].map((name) => h('th', { scope: 'col' }, name))),
      ),
      table,
    ),
    h('h3', {}, 'Events'),
    events,
  );
  draw();

  const line = (name: string, what: string, us?: number): void => {
    events.prepend(
      h(
        'li',
        {},
        h('span', { class: 'kind' }, name),
        h('span', {}, what),
        h('span', { class: 'us' }, us === undefined ? '' : time(us)),
      ),
    );
    for (const old of [...events.children].slice(EVENTS_SHOWN)) old.remove();
  };

  return {
    say: (text) => line('app', text),
    log: (event) => {
      const { kind, id, count, bytes, us } = event;
      const measured = latencies.get(kind) ?? [];
      if (measured.push(us) > LATENCIES_KEPT) measured.shift();
      latencies.set(kind, measured);
      if (kind === 'append') {
        totals.lines += count;
        totals.bytes += bytes;
      }
      if (kind === 'bundle' && id !== undefined) {
        if (answer?.id !== id) answer = { id, chunks: [], bundles: [] };
        answer.bundles.push(count);
        totals.bundles += 1;
        totals.tokens += count;
      }
      if (kind === 'chunk_written' && answer && answer.id === id && grow(answer, count)) totals.chunks += 1;
      line(NAMES[kind], describe(event), us);
      draw();
    },
  };
}

/** Puts the bundles that came into the chunk they grew, which now holds `tokens`: true when it is a new one. */
function grow(answer: Answer, tokens: number): boolean {
  const bundles = answer.bundles.splice(0);
  const open = answer.chunks.at(-1);
  if (open && sum(open) + sum(bundles) === tokens) {
    open.push(...bundles);
    return false;
  }
  answer.chunks.push(bundles);
  return true;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function drawTiles(place: HTMLElement, totals: Record<string, number>): void {
  const tile = (name: string, value: string): HTMLElement => h('div', {}, h('dt', {}, name), h('dd', {}, value));
  place.replaceChildren(
    tile('Tokens', number(totals.tokens)),
    tile('Bundles', number(totals.bundles)),
    tile('Chunks', number(totals.chunks)),
    tile('Journal lines', number(totals.lines)),
  );
}

function drawStrip(place: HTMLElement, chunks: number[][]): void {
  const bundles = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  place.setAttribute('aria-label', `${bundles} bundles in ${chunks.length} chunks`);
  for (const [index, chunk] of chunks.entries()) {
    const shown = place.children[index];
    if (shown?.childElementCount === chunk.length && shown.getAttribute('title') === title(index, chunk)) continue;
    const block = h('span', { class: 'chunk', title: title(index, chunk) }, ...chunk.map(() => h('i')));
    if (shown) shown.replaceWith(block);
    else place.append(block);
  }
  for (const extra of [...place.children].slice(chunks.length)) extra.remove();
}

function title(index: number, chunk: number[]): string {
  return `chunk ${index + 1}: ${chunk.join(' + ')} tokens`;
}

function latencyRow(name: string, measured: number[]): HTMLElement {
  const sorted = measured.toSorted((a, b) => a - b);
  const at = (share: number): string => {
    const us = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return us === undefined ? '–' : time(us);
  };
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, name),
    h('td', {}, at(0.5)),
    h('td', {}, at(0.99)),
    h('td', {}, number(measured.length)),
  );
}

function describe({ kind, id, count, bytes }: LogEvent): string {
  switch (kind) {
    case 'bundle':
      return `${count} tokens, ${id ?? ''}`;
    case 'chunk_written':
      return `${count} tokens in the chunk, ${id ?? ''}`;
    case 'append':
      return `${count} ${count === 1 ? 'line' : 'lines'}, ${number(bytes)} bytes`;
    case 'commit':
      return `${count} ${count === 1 ? 'write' : 'writes'}`;
    default:
      return id ?? (bytes > 0 ? `${number(bytes)} bytes` : '');
  }
}

function time(us: number): string {
  if (us < 1000) return `${us} µs`;
  return `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`;
}

function number(value: number | undefined): string {
  return (value ?? 0).toLocaleString();
}

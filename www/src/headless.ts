// Streams recordings into the store, kills the worker in the middle of each, and compares what is there afterwards.
// `headless.mjs` calls `keepStream` for one recording after another.

import type { LogEvent, Message, MessageWriter, Part } from '../../pkg/index.js';
import { type Keeper, openKeeper } from './keeper.js';
import { eventOf, type Item, joined, kept, split, StreamReader } from './providers.js';

const STORE = 'headless';

/** Milliseconds within which a message must be put together again. */
const REBUILD_LIMIT_MS = 50;

/** Milliseconds that a stream takes at least, unless it has very few deltas. */
const STREAM_MS = 1000;
const MAX_PACE_MS = 600;

/** What to do. */
export interface Task {
  name: string;
  /** The recorded stream, one event a line. */
  recording: string;
  /** Where to kill, as a share of the stream: 0.5 is the middle. */
  killAt: number;
}

/** What came of it. */
export interface Report {
  name: string;
  deltas: number;
  tokens: number;
  bundles: number;
  chunks: number;
  /** Writes of a chunk: from the arrival of what grew it to its being kept, in milliseconds. */
  writeP50Ms: number;
  writeP99Ms: number;
  /** Characters, in UTF-16 units: of the whole stream, handed over before the kill, acknowledged by then, and found after it. */
  characters: number;
  written: number;
  acknowledged: number;
  kept: number;
  /** The text found after the kill is the stream's beginning, no shorter than what was acknowledged. */
  rebuiltEqual: boolean;
  /** Milliseconds from the kill until the store answered again, and of the reading alone. */
  restartMs: number;
  rebuildMs: number;
  withinLimit: boolean;
  /** Continued to its end, the message equals the stream. */
  wholeEqual: boolean;
  /** Events of a kind that no known format has. */
  unknownEvents: number;
}

interface Source {
  items: Item[];
  deltas: number;
  unknownEvents: number;
  usage: unknown;
}

async function keepStream(task: Task): Promise<Report> {
  const keeper = await openKeeper(STORE);
  try {
    return await keepIn(keeper, task);
  } finally {
    await keeper.store.close();
  }
}

async function keepIn({ store, killWorker }: Keeper, task: Task): Promise<Report> {
  const source = read(task.recording);
  if (source.items.length === 0) throw new Error(`${task.name}: no known format`);
  const { items: users } = await store.users.list({ limit: 1 });
  const user = users[0] ?? (await store.users.create({ name: 'Recorder' }));
  const conversation = await store.conversations.create({ userId: user.id, title: task.name });
  await store.messages.append(conversation.id, { role: 'user', text: task.name });

  const log: LogEvent[] = [];
  const unlisten = store.on('log', (event) => log.push(event));
  const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
  const killAt = Math.max(1, Math.floor(source.items.length * task.killAt));
  const written = source.items.slice(0, killAt);
  const paceMs = Math.min(MAX_PACE_MS, STREAM_MS / source.items.length);
  await write(writer, written, paceMs);
  const { acknowledged } = writer;
  const killedAt = performance.now();
  killWorker();

  await store.users.get(user.id);
  const restartedAt = performance.now();
  const rebuilt = await store.messages.get(writer.id);
  const rebuildMs = performance.now() - restartedAt;

  const continued = await store.messages.continue(writer.id);
  await write(continued, split(source.items, kept(rebuilt.parts)).after, 0);
  await continued.close({ usage: source.usage });
  unlisten();
  const whole = await store.messages.get(writer.id);
  const chunks = [];
  for (let cursor: string | undefined; ;) {
    const page = await store.messages.chunks(writer.id, { limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    chunks.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }

  const writes = log
    .filter(({ kind, id }) => kind === 'chunk_written' && id?.startsWith(writer.id))
    .map(({ us }) => us);
  return {
    name: task.name,
    deltas: source.deltas,
    tokens: chunks.reduce((sum, chunk) => sum + chunk.tokens, 0),
    bundles: log.filter(({ kind, id }) => kind === 'bundle' && id === writer.id).length,
    chunks: chunks.length,
    writeP50Ms: quantile(writes, 0.5) / 1000,
    writeP99Ms: quantile(writes, 0.99) / 1000,
    characters: kept(joined(source.items)).characters,
    written: kept(joined(written)).characters,
    acknowledged,
    kept: kept(rebuilt.parts).characters,
    rebuiltEqual: isBeginning(rebuilt, source.items) && kept(rebuilt.parts).characters >= acknowledged,
    restartMs: restartedAt - killedAt,
    rebuildMs,
    withinLimit: rebuildMs <= REBUILD_LIMIT_MS,
    wholeEqual:
      whole.status === 'complete' &&
      same(joined(whole.parts), joined(source.items)) &&
      chunks.map((chunk) => chunk.text).join('') === texts(joined(source.items)),
    unknownEvents: source.unknownEvents,
  };
}

function read(recording: string): Source {
  const reader = new StreamReader();
  const source: Source = { items: [], deltas: 0, unknownEvents: 0, usage: undefined };
  for (const line of recording.split('\n')) {
    const event = eventOf(line);
    if (event === undefined) continue;
    const reading = reader.read(event);
    source.items.push(...reading.items);
    source.deltas += reading.deltas;
    if (reading.unknown) source.unknownEvents += 1;
    source.usage = reading.usage ?? source.usage;
  }
  source.items.push(...reader.end());
  return source;
}

/** Writes items at a pace that lets the worker answer in between, as it can when they come over a network. */
async function write(writer: MessageWriter, items: Item[], paceMs: number): Promise<void> {
  for (const item of items) {
    if (item.type === 'part') await writer.part(item.part);
    else await writer.write({ text: item.text, kind: item.type });
    await new Promise((resolve) => setTimeout(resolve, paceMs));
  }
}

function isBeginning(message: Message, items: Item[]): boolean {
  const { before } = split(items, kept(message.parts));
  return same(joined(message.parts), joined(before));
}

function texts(parts: Part[]): string {
  return parts.map((part) => ('text' in part ? part.text : '')).join('');
}

/** Whether two values of JSON are equal, whatever the order of their fields. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, sorted) === JSON.stringify(b, sorted);
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function quantile(values: number[], share: number): number {
  const ordered = values.toSorted((a, b) => a - b);
  return ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))] ?? 0;
}

Object.assign(globalThis, { keepStream });
document.documentElement.dataset.ready = '';

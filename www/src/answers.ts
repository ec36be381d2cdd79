// Where answers come from: a recorded stream, or any server that speaks OpenAI's chat completions.

import type { Message } from '../../pkg/index.js';
import { eventOf, type Item, StreamReader } from './providers.js';

/** The recordings that come with the demo. */
export const RECORDINGS: readonly string[] = ['journal', 'branches', 'numbers'];

/** A server of the user's choice. The key lives in this object and nowhere else. */
export interface Endpoint {
  address: string;
  model: string;
  key: string;
}

/** Milliseconds between the deltas of a recording: about the pace of a quick model. */
const PACE_MS = 24;

/** The items of a recording that comes with the demo. Throws when it cannot be read. */
export async function recordedItems(name: string): Promise<Item[]> {
  const response = await fetch(`./recordings/${encodeURIComponent(name)}.chunks.txt`);
  if (!response.ok) throw new Error(`the recording ${name} cannot be read (${response.status})`);
  return itemsOf(await response.text());
}

/** The items of a recorded stream, one event a line. Throws when the provider reported an error, or no line is known. */
export function itemsOf(recording: string): Item[] {
  const reader = new StreamReader();
  const items: Item[] = [];
  for (const line of recording.split('\n')) items.push(...read(reader, line));
  return [...items, ...reader.end()];
}

/** Gives items at the pace of a model, until `signal` aborts. */
export async function* paced(items: Item[], signal: AbortSignal): AsyncGenerator<Item> {
  for (const item of items) {
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    if (signal.aborted) return;
    yield item;
  }
}

/** Asks the server for an answer to `messages`. `partial` is the beginning of the answer, when it is to be continued. */
export async function* asked(
  endpoint: Endpoint,
  messages: Message[],
  partial: string,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const history = messages.map(({ role, text }) => ({ role, content: text }));
  if (partial !== '') {
    history.push({ role: 'assistant', content: partial });
    history.push({ role: 'user', content: 'Continue exactly where you stopped. Repeat nothing.' });
  }
  const response = await fetch(`${endpoint.address.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    signal,
    headers: {
      'Content-Type': 'application/json',
      ...(endpoint.key === '' ? {} : { Authorization: `Bearer ${endpoint.key}` }),
    },
    body: JSON.stringify({ model: endpoint.model, messages: history, stream: true }),
  });
  if (!response.ok || !response.body) {
    throw new Error(`${endpoint.address} answered ${response.status} ${response.statusText}`.trim());
  }
  const reader = new StreamReader();
  for await (const line of lines(response.body)) yield* read(reader, line);
  yield* reader.end();
}

function read(reader: StreamReader, line: string): Item[] {
  const event = eventOf(line);
  if (event === undefined) return [];
  const { items, error } = reader.read(event);
  if (error !== undefined) throw new Error(error);
  return items;
}

/** The lines of a body, as they come. */
export async function* lines(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const parts = (rest + value).split(/\r?\n/);
    rest = parts.pop() ?? '';
    yield* parts;
  }
  if (rest !== '') yield rest;
}

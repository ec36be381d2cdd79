// Texts that can be made anew from a number, and a server that streams them.

import type { IncomingMessage, ServerResponse } from 'node:http';

const WORDS = ['kept', ' line', ' журнал', ' 金庫', '\n', ' 👩‍💻', ' a', ' {"x":1}', ', and', ' é', ' **so**', '.'];

/** Milliseconds between the packets of the server, each of a few deltas. */
const PACKET_MS = 5;
const DELTAS_PER_PACKET = 5;

/** The delta number `index` of stream number `stream`. */
export function delta(stream: number, index: number): string {
  const word = WORDS[(index * 7 + stream * 3) % WORDS.length] ?? '';
  return `${word}${index % 5 === 0 ? ` ${stream}:${index}` : ''}`;
}

/** The first `count` deltas, joined. */
export function textOf(stream: number, count: number): string {
  let text = '';
  for (let index = 0; index < count; index += 1) text += delta(stream, index);
  return text;
}

/** Answers `/sse?stream=<n>&deltas=<n>` with server-sent events, as a model would: true when it was asked for. */
export function sendStream(request: IncomingMessage, response: ServerResponse): boolean {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname !== '/sse') return false;
  const stream = Number(url.searchParams.get('stream'));
  const count = Number(url.searchParams.get('deltas'));
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  let index = 0;
  const timer = setInterval(() => {
    for (let packet = 0; packet < DELTAS_PER_PACKET && index < count; packet += 1, index += 1) {
      const event = { choices: [{ index: 0, delta: { content: delta(stream, index) } }] };
      response.write(`data: ${JSON.stringify(event)}\n\n`);
    }
    if (index >= count) {
      clearInterval(timer);
      response.end('data: [DONE]\n\n');
    }
  }, PACKET_MS);
  response.on('close', () => clearInterval(timer));
  return true;
}

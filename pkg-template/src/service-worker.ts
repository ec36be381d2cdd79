/**
 * Contents of artifacts at addresses of their own, for the app's service worker: so that `<img>`, `<video>` and downloads just
 * work, offline too. A page that has the store open gives the bytes.
 */

import type { Asked, Given, Served } from './serving.js';

/** @internal What a message to a page is known by. Nothing is imported, so that a bundle of this is one file. */
export const ASK = 'strongroom: artifact';

/** What of a service worker's global scope is used. */
export interface ServiceWorkerScope {
  readonly clients: {
    matchAll(options: object): Promise<readonly { postMessage(message: unknown, transfer: Transferable[]): void }[]>;
  };
  readonly location: { readonly origin: string };
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}

interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** How contents are served. */
export interface ServeOptions {
  /** Where the addresses begin: `/strongroom/artifacts/` by default. */
  prefix?: string;
  /** Milliseconds after which a page that does not answer is taken to be gone; 10,000 by default. */
  patienceMs?: number;
}

const PREFIX = '/strongroom/artifacts/';
const PATIENCE_MS = 10_000;

/** Milliseconds for other pages to answer once one has the store open, and no such artifact. */
const OTHERS_MS = 200;

/** What a browser shows in a sandbox, where it is not told to save it. A PDF is saved: viewers do not open in one. */
const SHOWN = /^(image|video|audio|text)\/|^application\/(json|x-ndjson)\b/;

/**
 * Answers `GET` and `HEAD` of `/strongroom/artifacts/<id>` with the content of that artifact, as long as a page of this origin has
 * called `serveArtifacts` on its store. `?revision=2` gives an earlier content, `?download` has the browser save it.
 *
 * Answers have the media type, the length and an `ETag`, and take one `Range`, so that a video can seek. What could run
 * is shown in a sandbox where it cannot. 404 where there is no such artifact for that page, 503 where no page has the store open
 * or it cannot read it. A response that is cancelled ends the reading; one whose page goes away fails. Call it before other
 * listeners for `fetch`, and while the service worker starts.
 *
 * @example
 * import { answerWithArtifacts } from 'strongroom/service-worker';
 * answerWithArtifacts(self);
 */
export function answerWithArtifacts(scope: ServiceWorkerScope, options: ServeOptions = {}): void {
  const { prefix = PREFIX, patienceMs = PATIENCE_MS } = options;
  scope.addEventListener('fetch', (event) => {
    const url = new URL(event.request.url);
    if (url.origin !== scope.location.origin || !url.pathname.startsWith(prefix)) return;
    event.stopImmediatePropagation();
    event.respondWith(answer(scope, event.request, url, prefix, patienceMs));
  });
}

async function answer(
  scope: ServiceWorkerScope,
  request: Request,
  url: URL,
  prefix: string,
  patienceMs: number,
): Promise<Response> {
  const isHead = request.method === 'HEAD';
  if (request.method !== 'GET' && !isHead) return plain(405, 'only GET and HEAD', { Allow: 'GET, HEAD' });
  const revision = url.searchParams.get('revision');
  const asked: Asked = {
    type: ASK,
    id: url.pathname.slice(prefix.length),
    ...(revision !== null && { revision: Number(revision) }),
  };
  const { served, port, error } = await ask(scope, asked, patienceMs);
  if (!port) return plain(503, error ?? 'no page of this origin has the store open');
  if (!served) return plain(404, 'there is no such artifact');
  const headers = headersOf(served, url.searchParams.has('download'));
  const etag = headers.get('ETag');
  const known = request.headers.get('If-None-Match');
  if (known?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*')) {
    port.close();
    return new Response(null, { status: 304, headers });
  }
  const condition = request.headers.get('If-Range');
  const isPart = !isHead && (condition === null || condition === etag);
  const wanted = isPart ? request.headers.get('Range') : null;
  const range = rangeOf(wanted, served.size);
  if (range === 'unsatisfiable') {
    port.close();
    return plain(416, 'the content has no such bytes', { 'Content-Range': `bytes */${served.size}` });
  }
  const [start, end] = range ?? [0, served.size];
  headers.set('Content-Length', String(end - start));
  if (range) headers.set('Content-Range', `bytes ${start}-${end - 1}/${served.size}`);
  const status = range ? 206 : 200;
  if (isHead || start === end) {
    port.close();
    return new Response(null, { status, headers });
  }
  return new Response(body(port, start, end, patienceMs), { status, headers });
}

/** What came of asking: a port where a page has the store open, and what failed where none could say. */
interface Answered {
  served?: Served;
  port?: MessagePort | undefined;
  error?: string | undefined;
}

/** Asks all pages at once: the first that has the artifact, else whether any has the store. */
async function ask(scope: ServiceWorkerScope, asked: Asked, patienceMs: number): Promise<Answered> {
  const pages = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const ports: MessagePort[] = [];
  const answered = await new Promise<Answered>((resolve) => {
    let unanswered = pages.length;
    /** A page that has the store open, and no such artifact. */
    let other: MessagePort | undefined;
    let error: string | undefined;
    const giveUp = (): void => resolve({ port: other, error });
    for (const page of pages) {
      const { port1, port2 } = new MessageChannel();
      ports.push(port1);
      port1.onmessage = ({ data }: MessageEvent<Given>) => {
        if ('served' in data && data.served) return resolve({ served: data.served, port: port1 });
        if ('error' in data) error = data.error;
        if ('served' in data) {
          other ??= port1;
          setTimeout(giveUp, OTHERS_MS);
        }
        unanswered -= 1;
        if (unanswered === 0) giveUp();
      };
      page.postMessage(asked, [port2]);
    }
    if (unanswered === 0) giveUp();
    setTimeout(giveUp, patienceMs);
  });
  for (const one of ports) if (one !== answered.port || !answered.served) one.close();
  return answered;
}

/** The bytes, asked for as they are taken. */
function body(port: MessagePort, start: number, end: number, patienceMs: number): ReadableStream<Uint8Array> {
  let left = end - start;
  const stop = (): void => {
    port.postMessage('stop');
    port.close();
  };
  port.postMessage({ start, end });
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        new Promise<void>((resolve, reject) => {
          const fail = (why: string): void => {
            stop();
            reject(new Error(why));
          };
          const late = setTimeout(fail, patienceMs, 'the page is gone');
          port.onmessage = ({ data }: MessageEvent<Given>) => {
            clearTimeout(late);
            if (!('bytes' in data)) return fail('error' in data ? data.error : 'the page gave no bytes');
            left -= data.bytes.length;
            controller.enqueue(data.bytes);
            if (left <= 0) {
              controller.close();
              port.close();
            }
            resolve();
          };
          port.postMessage('more');
        }),
      cancel: stop,
    },
    { highWaterMark: 0 },
  );
}

/** The bytes that a `Range` asks for, as the first and the one behind the last: nothing for all of them. */
export function rangeOf(
  header: string | null,
  size: number,
): [start: number, end: number] | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length > 0 ? [size - length, size] : 'unsatisfiable';
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  return [start, last === '' ? size : Math.min(Number(last) + 1, size)];
}

function headersOf({ mediaType, hash, name }: Served, isDownload: boolean): Headers {
  const type = /^text\/(?!.*charset)/i.test(mediaType) ? `${mediaType}; charset=utf-8` : mediaType;
  const isShown = SHOWN.test(mediaType) && !isDownload;
  return new Headers({
    'Content-Type': type,
    'Content-Disposition': disposition(isShown ? 'inline' : 'attachment', name),
    ETag: `"${hash}"`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-cache',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
    // Nothing of it runs or loads anything, whatever it is.
    'Content-Security-Policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:",
  });
}

/** A name for the browser to save under: for old ones in ASCII, for all others whole. */
export function disposition(kind: 'inline' | 'attachment', name: string): string {
  const clean = [...name].map((it) => (it < ' ' || it === '\u007F' || '/\\'.includes(it) ? '_' : it)).join('');
  const ascii = clean.replace(/[^ -~]|["%]/g, '_');
  const whole = encodeURIComponent(clean.replace(/\p{Surrogate}/gu, '_')).replace(
    /['()*]/g,
    (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${whole}`;
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store', ...headers },
  });
}

/** The page's side of serving contents: it answers the service worker from the store it has open. */

import type { ArtifactGroup } from './artifacts.js';
import { StrongroomError } from './errors.js';
import type { ASK as ServiceWorkerAsk } from './service-worker.js';
import type { ArtifactRevision } from './types.js';

const ASK: typeof ServiceWorkerAsk = 'strongroom: artifact';

/** @internal What the service worker asks a page for, on a port of its own. */
export interface Asked {
  type: typeof ASK;
  id: string;
  revision?: number;
}

/** @internal What is known of a content that can be read. */
export interface Served {
  name: string;
  mediaType: string;
  size: number;
  hash: string;
}

/** @internal What a page says to that: first whether there is such a content, then its bytes. */
export type Given = { served: Served | undefined } | { bytes: Uint8Array } | { error: string };

/** @internal What the service worker says then: which bytes it wants, and when it takes the next. */
type Wanted = { start: number; end: number } | 'more' | 'stop';

/**
 * Lets this origin's service worker answer with the contents of artifacts, from this page, until the function it returns is
 * called; see `strongroom/service-worker`. Given a view of one user, only that user's artifacts are served. Anything of the
 * same origin can ask.
 *
 * @example
 * const stop = serveArtifacts(store);
 * image.src = `/strongroom/artifacts/${artifact.id}`;
 */
export function serveArtifacts({ artifacts }: { readonly artifacts: ArtifactGroup }): () => void {
  const { serviceWorker } = navigator;
  const listen = ({ data, ports: [port] }: MessageEvent<Partial<Asked> | null>): void => {
    if (data?.type === ASK && port) void serve(artifacts, data as Asked, port);
  };
  serviceWorker.addEventListener('message', listen);
  serviceWorker.startMessages();
  return () => serviceWorker.removeEventListener('message', listen);
}

async function serve(artifacts: ArtifactGroup, { id, revision }: Asked, port: MessagePort): Promise<void> {
  const say = (given: Given, transfer: Transferable[] = []): void => port.postMessage(given, transfer);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let pinned = revision;
  port.onmessage = async ({ data }: MessageEvent<Wanted>) => {
    try {
      if (data === 'stop') return await reader?.cancel();
      if (data !== 'more') {
        reader = artifacts.stream(id, { ...data, ...(pinned !== undefined && { revision: pinned }) }).getReader();
        return;
      }
      const next = await reader?.read();
      if (next?.value) say({ bytes: next.value }, [next.value.buffer]);
      else say({ error: 'there are no more bytes' });
    } catch (error) {
      say({ error: String(error) });
    }
  };
  try {
    const known = await artifacts.get(id);
    pinned ??= known.revision;
    const kept = await revisionOf(artifacts, id, pinned);
    say({ served: kept && { name: known.name, mediaType: kept.mediaType, size: kept.size, hash: kept.hash } });
  } catch (error) {
    const isMissing = error instanceof StrongroomError && /^(not_found|invalid_argument)$/.test(error.code);
    say(isMissing ? { served: undefined } : { error: String(error) });
  }
}

/** What is known of a revision of a content: nothing where there is no such one. */
async function revisionOf(
  artifacts: ArtifactGroup,
  id: string,
  revision: number | undefined,
): Promise<ArtifactRevision | undefined> {
  let cursor: string | undefined;
  do {
    const page = await artifacts.revisions({ id, limit: 1000, ...(cursor !== undefined && { cursor }) });
    const found = page.items.find((one) => one.revision === revision);
    if (found) return found;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return undefined;
}

/**
 * Whether the browser threw a store's files away: a mark beside them, in `localStorage`, says that there was a store.
 *
 * Browsers that evict everything of an origin take the mark with it; then a lost store looks like a new one.
 */

/** The folder of all stores, as the engine names it. */
const ROOT = 'strongroom';

/** A file that every store has. */
const LEASE = 'lease';

/** A store whose files are gone. */
export interface Eviction {
  /** When the store was last opened before, in milliseconds since 1970. */
  lastOpenedAt: number;
}

type Marks = Pick<Storage, 'getItem' | 'setItem'>;

/** What is needed of the browser. */
export interface Surroundings {
  marks: Marks | undefined;
  files(): Promise<FileSystemDirectoryHandle>;
}

/** What the page is in. A page that may not use `localStorage` has no marks. */
export function surroundings(): Surroundings {
  let marks: Marks | undefined;
  try {
    marks = globalThis.localStorage;
  } catch {
    marks = undefined;
  }
  return { marks, files: () => navigator.storage.getDirectory() };
}

/** Tells whether a store that was there has lost its files; undefined when it has not, or nothing is known of it. */
export async function findEviction(name: string, { marks, files }: Surroundings): Promise<Eviction | undefined> {
  const lastOpenedAt = Number(marks?.getItem(markOf(name)) ?? 0);
  if (!(lastOpenedAt > 0)) return undefined;
  try {
    const stores = await (await files()).getDirectoryHandle(ROOT);
    await (await stores.getDirectoryHandle(name)).getFileHandle(LEASE);
    return undefined;
  } catch (error) {
    // Whatever else is wrong, opening says it.
    const isGone = error instanceof DOMException && error.name === 'NotFoundError';
    return isGone ? { lastOpenedAt } : undefined;
  }
}

/** Marks that there is a store. */
export function mark(name: string, { marks }: Surroundings): void {
  try {
    marks?.setItem(markOf(name), String(Date.now()));
  } catch {
    // Full, or forbidden: then an eviction cannot be told, and nothing else is lost.
  }
}

function markOf(name: string): string {
  return `${ROOT}:${name}`;
}

/** Copies of backups in a folder that the user picked. */

import type { Exported } from './backups.js';
import { StrongroomError } from './errors.js';
import type { Backup, BackupNews } from './types.js';

/** The folder that copies of backups are kept in. */
export interface FolderState {
  /** Its name. */
  name: string;
  /** `denied`: the browser must ask its user again, which `useFolder` with the same folder does. `failed`: the message says why. */
  state: 'ready' | 'denied' | 'failed';
  /** What went wrong last. */
  message?: string;
}

/** @internal What the folder's keeper needs of the backups. */
export interface BackupCopies {
  list(): Promise<Backup[]>;
  copy(name: string): Promise<Exported>;
  tell(state: FolderState): void;
}

/** What browsers that ask before they write have beside the standard. */
interface Asking {
  queryPermission?(options: { mode: 'readwrite' }): Promise<PermissionState>;
  requestPermission?(options: { mode: 'readwrite' }): Promise<PermissionState>;
}

const DATABASE = 'strongroom-folders';
const OBJECTS = 'folders';

/** @internal Keeps a folder like the backups beside the store. */
export class BackupFolder {
  /** The store's name; folders of a store in memory are not remembered. */
  readonly #store: string | undefined;
  readonly #copies: BackupCopies;
  #folder: (FileSystemDirectoryHandle & Asking) | null | undefined;
  #state: FolderState | undefined;
  /** One at a time, in the order in which they were asked for. */
  #work: Promise<void> = Promise.resolve();

  constructor(store: string | undefined, copies: BackupCopies) {
    this.#store = store;
    this.#copies = copies;
  }

  async use(folder: FileSystemDirectoryHandle | null): Promise<void> {
    const asking: (FileSystemDirectoryHandle & Asking) | null = folder;
    if (asking && (await asking.requestPermission?.({ mode: 'readwrite' })) === 'denied') {
      throw new StrongroomError('unsupported', `the folder "${asking.name}" may not be written to`);
    }
    if (this.#store !== undefined) await remember(this.#store, folder);
    this.#folder = asking;
    this.#state = undefined;
    await this.follow();
  }

  async state(): Promise<FolderState | undefined> {
    const folder = await this.#current();
    if (!folder) return undefined;
    return this.#state ?? { name: folder.name, state: 'ready' };
  }

  /** Copies what is missing or has changed, and removes what rotation or erasing removed. Never rejects: what goes wrong is told. */
  follow(news?: BackupNews): Promise<void> {
    this.#work = this.#work.then(() => this.#follow(news));
    return this.#work;
  }

  async #follow(news: BackupNews | undefined): Promise<void> {
    let name = '';
    try {
      const folder = await this.#current();
      if (!folder) return;
      name = folder.name;
      if (folder.queryPermission && (await folder.queryPermission({ mode: 'readwrite' })) !== 'granted') {
        return this.#become({ name, state: 'denied', message: 'the browser must ask its user again' });
      }
      await this.#copyAll(folder, news);
      this.#become({ name, state: 'ready' });
    } catch (error) {
      this.#become({ name, state: 'failed', message: error instanceof Error ? error.message : String(error) });
    }
  }

  async #copyAll(folder: FileSystemDirectoryHandle, news: BackupNews | undefined): Promise<void> {
    for (const backup of await this.#copies.list()) {
      const isChanged = news?.rewritten.includes(backup.name) ?? false;
      if (!isChanged && (await sizeOf(folder, backup.name)) === backup.bytes) continue;
      const file = await folder.getFileHandle(backup.name, { create: true });
      await (await this.#copies.copy(backup.name)).saveTo(file);
    }
    // What is not there any more for another reason may be all that is left of it.
    for (const name of news?.removed ?? []) await folder.removeEntry(name).catch(ifMissing);
  }

  #become(state: FolderState): void {
    const before = this.#state;
    this.#state = state;
    if (state.state !== (before?.state ?? 'ready') || state.message !== before?.message) this.#copies.tell(state);
  }

  async #current(): Promise<(FileSystemDirectoryHandle & Asking) | null> {
    if (this.#folder === undefined) {
      this.#folder = this.#store === undefined ? null : ((await remembered(this.#store)) ?? null);
    }
    return this.#folder;
  }
}

async function sizeOf(folder: FileSystemDirectoryHandle, name: string): Promise<number | undefined> {
  const handle = await folder.getFileHandle(name).catch(ifMissing);
  return handle && (await handle.getFile()).size;
}

function ifMissing(error: unknown): undefined {
  if (error instanceof DOMException && error.name === 'NotFoundError') return undefined;
  throw error;
}

/** Folders can be kept in IndexedDB alone. */
async function database<T>(mode: IDBTransactionMode, work: (folders: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = (): void => void opening.result.createObjectStore(OBJECTS);
  const opened = await settled(opening);
  try {
    return await settled(work(opened.transaction(OBJECTS, mode).objectStore(OBJECTS)));
  } finally {
    opened.close();
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the folder cannot be remembered'));
  });
}

async function remember(store: string, folder: FileSystemDirectoryHandle | null): Promise<void> {
  if (folder) await database('readwrite', (folders) => folders.put(folder, store));
  else await database('readwrite', (folders) => folders.delete(store));
}

async function remembered(store: string): Promise<FileSystemDirectoryHandle | undefined> {
  // Looking must not make it.
  const databases = (await globalThis.indexedDB?.databases?.()) ?? [];
  if (!databases.some(({ name }) => name === DATABASE)) return undefined;
  return database<FileSystemDirectoryHandle | undefined>('readonly', (folders) => folders.get(store));
}

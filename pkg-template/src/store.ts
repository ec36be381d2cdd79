/// <reference lib="esnext.disposable" preserve="true" />

import { encode } from './arguments.js';
import type { FolderState } from './backup-folder.js';
import { Backups } from './backups.js';
import { Connection, abortedBy, cancellable } from './connection.js';
import { StrongroomError } from './errors.js';
import { findEviction, mark, surroundings } from './eviction.js';
import type { Eviction } from './eviction.js';
import {
  Caller,
  Conversations,
  History,
  Messages,
  Migrations,
  Search,
  StoreSearch,
  Streams,
  Users,
  groups,
} from './groups.js';
import type { TableGroups } from './groups.js';
import { Health } from './health.js';
import type { CallOptions } from './options.js';
import { startHere, startWorker } from './host.js';
import type { Host } from './host.js';
import { Watchers } from './live.js';
import type { WatchOptions } from './live.js';
import type { OpenOptions as EngineOpenOptions, WasmSource } from './protocol.js';
import { Sanitiser } from './sanitise.js';
import type { TextHook } from './sanitise.js';
import { StoreBackups } from './store-backups.js';
import type {
  BackupNews,
  Change,
  Code,
  Durability,
  Event,
  HealthReport,
  LogEvent,
  MigrationProgress,
  Recovery,
  StoreStats,
  StreamSettings,
  Trouble,
} from './types.js';

/** Restarts of a worker that are tried within the time below; a store that needs more is given up. */
const MAX_RESTARTS = 3;
const RESTARTS_WITHIN_MS = 10_000;

/** How long a new worker waits for the files of the one that died. */
const LOCK_PATIENCE_MS = 10_000;

/** Milliseconds between checks when the app names none: a week. */
const CHECK_EVERY_MS = 7 * 24 * 60 * 60 * 1000;

/** Events of opening that are kept for a listener that has yet to come. */
const MAX_UNHEARD = 100;

/** What an app may choose when it opens a store. */
export interface StoreOptions extends CallOptions {
  /**
   * When a write is answered. `strict`, the default: when it survives power loss. `relaxed`: when it survives the death
   * of the tab and the browser; power loss may take the last moments, never the order.
   */
  durability?: Durability;
  /**
   * Where records are kept. `opfs`, the default: in the origin private file system, by a worker. `memory`: nowhere, for
   * tests and for pages that may not keep anything; it needs no worker, and also runs in Node.
   */
  storage?: 'opfs' | 'memory';
  /** When the bundles and chunks of streams close: 20 tokens, 500 milliseconds, 60 tokens by default. */
  stream?: StreamSettings;
  /**
   * What happens when the browser threw the store's files away since it was last open. `tell`, the default: an empty store
   * is made, and the event `evicted` says so. `refuse`: opening rejects with `storage_evicted`, and nothing is made, so
   * that the app can bring its data back from elsewhere first.
   */
  onEviction?: 'tell' | 'refuse';
  /**
   * Milliseconds from one check of everything to the next, which begins when nothing else is to be done: a week by
   * default; 0 for no checks. What it finds is the event `health`.
   */
  checkEveryMs?: number;
  /**
   * Whether backups are made by themselves, daily and weekly, when nothing else is to be done: true by default.
   * `store.backups.configure` says how many stay. One that was made is the event `backup`, one that failed the event `trouble`.
   */
  automaticBackups?: boolean;
  /**
   * Sees the text of every message, stream and learning in the page before any of it is kept, and may change it; what it
   * throws refuses the text with `invalid_argument`, and nothing is kept of it. Streams are seen with their last `holdBack`
   * characters held back, so that a match across two deltas is found; those are kept, and reach followers, once as many
   * have followed, or when the stream is flushed, gets a part or another kind of text, or ends.
   *
   * @example
   * const onText = ({ text }) => text.replace(/sk-[A-Za-z0-9]{20,}/g, '[key]');
   */
  onText?: TextHook;
  /** How many characters of a stream are held back for `onText`: at least as many as a match can have. 256 by default. */
  holdBack?: number;
  /**
   * Told how far the migration is when a store of an older version of this package is opened: before the first step, which a
   * snapshot precedes, and after each. A store that needs none, or is new, tells nothing.
   *
   * @example
   * const onMigration = ({ done, total }) => (bar.value = done / total);
   */
  onMigration?: (progress: MigrationProgress) => void;
  /** The worker, where the one beside this package cannot be used: its URL, or a function that makes a new one. */
  worker?: URL | string | (() => Worker);
  /** The wasm, where the file beside this package cannot be used: its URL, its bytes or the compiled module. */
  wasm?: URL | string | WebAssembly.Module | BufferSource;
}

/** What a store is doing. */
export type StoreState =
  | { state: 'ready' }
  /** The worker died and a new one is starting; calls wait for it. */
  | { state: 'restarting'; reason: string }
  /** The store was given up; every call rejects with this error. Open it again, or reload. */
  | { state: 'failed'; error: StrongroomError }
  | { state: 'closed' };

/** What can be listened to, and what a listener is told. */
export interface StoreEvents {
  /** A measured step: a bundle, a flush, a commit. Measured only while someone listens. */
  log: LogEvent;
  /** A write is kept: what changed, for whom, by which operation. Told only while someone listens. */
  change: Change;
  /** A check found something wrong. */
  health: HealthReport;
  /** A backup was made, or went, or something was erased from it. */
  backup: BackupNews;
  /** Copies of backups are kept again in the folder that the user picked, or cannot be. */
  backupFolder: FolderState;
  /** The browser had thrown the files of this store away; it is a new one. */
  evicted: Eviction;
  /** Something was repaired, at opening or while running: what, why, and what could not be saved. */
  recovery: Recovery;
  /** Upkeep behind the scenes failed; what was acknowledged is kept, and it is tried again. */
  trouble: Trouble;
  /** The worker died, came back, or the store ended. */
  state: StoreState;
}

/** The records of one user, as that user may see them. Others are `not_found`. */
export interface UserView extends TableGroups {
  /** The user. */
  readonly userId: string;
  readonly users: Users;
  readonly conversations: Conversations;
  readonly messages: Messages;
  readonly search: Search;
  /** What changed this user's records. */
  readonly history: History;
  /** Archives of this user's records, out and in. */
  readonly backups: Backups;
  /** Runs a query again whenever a change of this user's records may give it another result; as `Store.watch`. */
  watch<T>(query: (view: UserView) => Promise<T>, options?: WatchOptions): AsyncIterableIterator<T>;
}

/**
 * Opens a store, and creates it if there is none. Close it when done: one tab owns it until then.
 *
 * What was cut off by a crash is recovered first; listen to `recovery` to learn of it.
 *
 * Rejects with `locked` while another tab has it open, `unsupported` where the browser, the mode or the page cannot keep
 * files (the message says why), `storage_evicted` where that is asked for, `schema_too_new` when a newer version of this package wrote it, `quota_exceeded`, `io`,
 * and `aborted` or `timeout`, after which nothing is open.
 *
 * @example
 * const store = await openStore('my-app', { durability: 'strict' });
 */
export async function openStore(name: string, options: StoreOptions = {}): Promise<Store> {
  const { signal, timeout, durability, stream, checkEveryMs = CHECK_EVERY_MS, storage = 'opfs' } = options;
  const { automaticBackups: backups } = options;
  if (signal?.aborted) throw abortedBy(signal);
  // As they are now, whatever the app does with its objects later.
  const open = JSON.parse(
    encode({ name, storage, engine: { durability, stream, checkEveryMs, backups } }),
  ) as EngineOpenOptions;
  const isKept = storage === 'opfs' && typeof navigator !== 'undefined';
  const eviction = isKept ? await findEviction(name, surroundings()) : undefined;
  if (eviction && options.onEviction === 'refuse') {
    throw new StrongroomError('storage_evicted', 'the browser has thrown the files of the store away');
  }
  const store = new Store(open, options, eviction);
  try {
    await cancellable<void>({ signal, timeout }, (opened, refused) => {
      store.start(opened, refused);
      return () => {};
    });
  } catch (error) {
    store.discard();
    throw error;
  }
  if (isKept) {
    mark(name, surroundings());
    void store.backups.follow();
  }
  return store;
}

/** An open store. Made by `openStore`. */
export interface Store extends TableGroups {}

/** An open store. Made by `openStore`. */
export class Store {
  /** People. */
  readonly users: Users;
  /** Conversations and who takes part in them. */
  readonly conversations: Conversations;
  /** Messages: whole ones, and ones whose text is arriving. */
  readonly messages: Messages;
  /** Full-text search over everything that people and agents wrote. */
  readonly search: StoreSearch;
  /** What concerns all streams. */
  readonly streams: Streams;
  /** The schema's versions. */
  readonly migrations: Migrations;
  /** What changed records, and taking it back. */
  readonly history: History;
  /** Whether what is stored is sound, and where the bytes are. */
  readonly health: Health;
  /** Archives that people own, and backups that the store keeps by itself. */
  readonly backups: StoreBackups;

  readonly #open: EngineOpenOptions;
  readonly #options: StoreOptions;
  readonly #sanitiser: Sanitiser | undefined;
  readonly #caller: Caller;
  readonly #listeners = new Map<keyof StoreEvents, Set<(event: never) => void>>();
  readonly #unheard: Event[] = [];
  #eviction: Eviction | undefined;
  readonly #watchers = new Watchers(() => this.#listen());
  #running: { host: Host; connection: Connection } | undefined;
  #wasOpen = false;
  /** What the engine was asked to tell. */
  #told = { steps: false, changes: false };
  #restarts: number[] = [];
  /** Why no more calls are taken. */
  #ended: StrongroomError | undefined;
  #closing: { closed: Promise<void>; settle(error?: StrongroomError): void } | undefined;

  /** @internal */
  constructor(open: EngineOpenOptions, options: StoreOptions, eviction?: Eviction) {
    this.#eviction = eviction;
    this.#open = open;
    this.#options = options;
    this.#sanitiser = options.onText && new Sanitiser(options.onText, options.holdBack);
    this.#caller = this.#callerFor(undefined);
    this.users = new Users(this.#caller);
    Object.assign(this, groups(this.#caller));
    this.conversations = new Conversations(this.#caller);
    this.messages = new Messages(this.#caller);
    this.search = new StoreSearch(this.#caller);
    // A worker that has to be started again begins with what was set last.
    this.streams = new Streams(this.#caller, (settings) => void (this.#open.engine.stream = settings));
    this.migrations = new Migrations(this.#caller);
    this.history = new History(this.#caller);
    this.health = new Health(this.#caller);
    this.backups = new StoreBackups(this.#caller, (state) => this.#tell('backupFolder', state));
  }

  /** The same calls, seeing and touching only this user's records. */
  as(userId: string): UserView {
    const caller = this.#callerFor(userId);
    const view: UserView = {
      userId,
      users: new Users(caller),
      ...groups(caller),
      conversations: new Conversations(caller),
      messages: new Messages(caller),
      search: new Search(caller),
      history: new History(caller),
      backups: new Backups(caller),
      watch: (query, options) => this.#watch(view, userId, query, options),
    };
    return view;
  }

  #callerFor(userId: string | undefined): Caller {
    const folder = this.#open.storage === 'opfs' ? this.#open.name : undefined;
    return new Caller(() => this.#connection(), userId, this.#sanitiser, folder);
  }

  /**
   * Runs a query now, and again whenever a change may give it another result; yields each result that differs from the
   * one before. Changes that come while it runs or while a result is being used lead to one run more, not to many.
   *
   * Which changes those are is read off the calls that the query makes: of the groups it calls, `users`,
   * `conversations`, `settings`, `learnings` and `jobs` depend on records of their own kind, and `messages` on conversations too; for any other
   * group, and for a query that calls none, every change counts. `groups` names the kinds instead.
   *
   * Ends when the loop is left, and when the store is closed; throws what the query rejects with, `aborted` when `signal`
   * is aborted, and the store's error when it was given up. A worker that died and came back leads to another run.
   *
   * @example
   * for await (const { items } of store.watch((view) => view.conversations.list({ userId }))) show(items);
   */
  watch<T>(query: (view: Store) => Promise<T>, options?: WatchOptions): AsyncIterableIterator<T> {
    return this.#watch<T, Store>(this, undefined, query, options);
  }

  #watch<T, V extends object>(
    view: V,
    userId: string | undefined,
    query: (view: V) => Promise<T>,
    options?: WatchOptions,
  ): AsyncIterableIterator<T> {
    return this.#watchers.watch(view, userId, query, options, () => this.#ended);
  }

  /** Figures of the running store. */
  stats(options?: CallOptions): Promise<StoreStats> {
    return this.#caller.call('store.stats', {}, options);
  }

  /** Changes when writes are answered, from the next one on. */
  async setDurability(durability: Durability, options?: CallOptions): Promise<void> {
    await this.#caller.call('store.setDurability', { durability }, options);
    this.#open.engine.durability = durability;
  }

  /**
   * Listens to what happens in the store. Recoveries and troubles of the opening are told to the first listener.
   * Returns a function that stops it.
   *
   * @example
   * store.on('recovery', ({ causes, damage, interrupted }) => report(causes, damage, interrupted));
   */
  on<E extends keyof StoreEvents>(event: E, listener: (told: StoreEvents[E]) => void): () => void {
    const listeners = this.#listenersTo(event);
    listeners.add(listener);
    if (listeners.size === 1) this.#listen();
    queueMicrotask(() => this.#tellUnheard());
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listen();
    };
  }

  /**
   * Finishes the calls that were made, ends open streams as interrupted with all their text, and closes the store.
   * Later calls reject with `closed`. Closing twice is closing once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing.closed;
  }

  /** Closes the store: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Starts the engine, for the first time or again. Throws `unsupported`. */
  start(opened: () => void, refused: (error: StrongroomError) => void): void {
    const host = this.#open.storage === 'memory' ? startHere() : startWorker(this.#options.worker);
    const failed = (code: Code, reason: string): void => {
      if (this.#running?.host !== host) return;
      if (this.#wasOpen) this.#restart(reason);
      else refused(new StrongroomError(code, `the store cannot be opened: ${reason}`));
    };
    const connection = new Connection(host.port, {
      alive: () => host.watch?.(),
      opening: (step) => this.#options.onMigration?.(step),
      opened: () => {
        this.#wasOpen = true;
        opened();
      },
      refused,
      crashed: (reason) => failed('internal', reason),
      closed: (error) => this.#stop(closedError(), { state: 'closed' }, error),
      event: (event) => this.#hear(event),
    });
    host.onFailure((reason) => failed('unsupported', reason));
    this.#running = { host, connection };
    this.#told = { steps: false, changes: false };
    // A worker that was ended holds its files until it has finished what it was doing.
    const patience = this.#wasOpen ? LOCK_PATIENCE_MS : 0;
    connection.open(this.#open, wasmSource(this.#options.wasm), patience, host.lifeline);
    this.#listen();
  }

  /** @internal Drops a store that could not be opened. */
  discard(): void {
    this.#stop(closedError(), { state: 'closed' });
  }

  /** Tells the engine what to tell. */
  #listen(): void {
    const steps = this.#listenersTo('log').size > 0;
    const changes = this.#listenersTo('change').size > 0 || this.#watchers.areThere;
    if (steps === this.#told.steps && changes === this.#told.changes) return;
    this.#told = { steps, changes };
    this.#running?.connection.listen(steps, changes);
  }

  #connection(): Connection {
    if (this.#ended) throw this.#ended;
    if (!this.#running) throw closedError();
    return this.#running.connection;
  }

  /** The engine is gone: fails what it was asked, and starts another. */
  #restart(reason: string): void {
    this.#drop(new StrongroomError('indeterminate', `the worker ended while the call was in flight: ${reason}`));
    if (this.#closing) return this.#stop(closedError(), { state: 'closed' });
    const fail = (error: StrongroomError): void => this.#stop(error, { state: 'failed', error });
    if (this.#open.storage === 'memory') {
      return fail(new StrongroomError('internal', `the store failed, and it was in memory only: ${reason}`));
    }
    const now = Date.now();
    this.#restarts = this.#restarts.filter((at) => now - at < RESTARTS_WITHIN_MS);
    if (this.#restarts.length >= MAX_RESTARTS) {
      return fail(new StrongroomError('internal', `the worker failed again and again: ${reason}`));
    }
    this.#restarts.push(now);
    this.#tell('state', { state: 'restarting', reason });
    const ready = (): void => {
      this.#tell('state', { state: 'ready' });
      this.#watchers.doubt();
    };
    this.start(ready, fail);
  }

  #close(): { closed: Promise<void>; settle(error?: StrongroomError): void } {
    let settle = (_error?: StrongroomError): void => {};
    const closed = new Promise<void>((resolve, reject) => {
      settle = (error) => (error ? reject(error) : resolve());
    });
    if (this.#ended) {
      settle();
    } else {
      for (const release of this.#sanitiser?.streams.values() ?? []) release();
      this.#running?.connection.close();
    }
    this.#ended ??= closedError();
    return { closed, settle };
  }

  /** Nothing runs any more, and no more calls are taken. */
  #stop(error: StrongroomError, state: StoreState, closingError?: StrongroomError): void {
    this.#ended = error;
    this.#drop(error);
    this.#watchers.end();
    this.#tell('state', state);
    this.#closing?.settle(closingError);
  }

  #drop(error: StrongroomError): void {
    const running = this.#running;
    this.#running = undefined;
    running?.host.end();
    running?.connection.die(error);
  }

  #listenersTo(event: keyof StoreEvents): Set<(told: never) => void> {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    return listeners;
  }

  #hear(event: Event): void {
    const isOfTheMoment = event.type === 'log' || event.type === 'change';
    if (event.type === 'change') this.#watchers.hear(event);
    if (event.type === 'recovery') this.#watchers.doubt();
    if (event.type === 'backup') void this.backups.follow(event);
    if (this.#listenersTo(event.type).size > 0) this.#tell(event.type, event);
    else if (!isOfTheMoment && this.#unheard.length < MAX_UNHEARD) this.#unheard.push(event);
  }

  #tellUnheard(): void {
    for (const event of this.#unheard.splice(0)) this.#hear(event);
    if (!this.#eviction || this.#listenersTo('evicted').size === 0) return;
    this.#tell('evicted', this.#eviction);
    this.#eviction = undefined;
  }

  #tell<E extends keyof StoreEvents>(event: E, told: StoreEvents[E]): void {
    for (const listener of [...this.#listenersTo(event)]) {
      try {
        (listener as (told: StoreEvents[E]) => void)(told);
      } catch (error) {
        // A listener's failure is the app's to see, and must not stop the store.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

function closedError(): StrongroomError {
  return new StrongroomError('closed', 'the store is closed');
}

/** The wasm option as it can be posted. */
function wasmSource(wasm: StoreOptions['wasm']): WasmSource | undefined {
  if (wasm instanceof URL) return wasm.href;
  // Relative to the page, as its author meant it, and not to the worker.
  if (typeof wasm === 'string' && typeof location !== 'undefined') return new URL(wasm, location.href).href;
  return wasm;
}

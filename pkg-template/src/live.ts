/** Queries that are run again when a change may give them another result. */

import { abortedBy } from './connection.js';
import { StrongroomError } from './errors.js';
import type { Change } from './types.js';

/** How a query is watched. */
export interface WatchOptions {
  /** The kinds of records whose changes count, such as `conversations`; by default what the query's calls depend on. */
  groups?: readonly string[];
  /** Ends it, with `aborted`. */
  signal?: AbortSignal;
}

/** The kinds of records that a group's calls depend on; on all where none are named. */
const DEPENDS_ON: Record<string, readonly string[] | undefined> = {
  users: ['users'],
  conversations: ['conversations'],
  messages: ['messages', 'conversations'],
  settings: ['settings'],
  learnings: ['learnings'],
  jobs: ['jobs'],
  constructs: ['constructs'],
  sessions: ['sessions', 'constructs', 'conversations'],
  links: ['links', 'constructs'],
  artifacts: ['artifacts'],
  uploads: ['uploads'],
  timeline: ['timeline'],
  metrics: ['metrics'],
  charts: ['charts'],
};

interface Watcher {
  userId: string | undefined;
  /** The kinds of records whose changes count; undefined for all. */
  groups: ReadonlySet<string> | undefined;
  /** A change that counts has come since the last run began. */
  isStale: boolean;
  wake(): void;
}

/** All watched queries of a store. */
export class Watchers {
  readonly #watchers = new Set<Watcher>();
  readonly #changed: () => void;

  /** `changed` is called when the first one comes and the last one goes. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get areThere(): boolean {
    return this.#watchers.size > 0;
  }

  /** A change is kept. */
  hear(change: Change): void {
    for (const watcher of this.#watchers) if (concerns(change, watcher)) stale(watcher);
  }

  /** Changes may have been missed. */
  doubt(): void {
    this.#watchers.forEach(stale);
  }

  /** The store has ended. */
  end(): void {
    for (const watcher of this.#watchers) watcher.wake();
  }

  /** Watches a query. `ended` says why the store takes no more calls. */
  async *watch<T, V extends object>(
    view: V,
    userId: string | undefined,
    query: (view: V) => Promise<T>,
    { groups, signal }: WatchOptions = {},
    ended: () => StrongroomError | undefined,
  ): AsyncGenerator<T, void, undefined> {
    if (signal?.aborted) throw abortedBy(signal);
    const watcher: Watcher = { userId, groups: groups && new Set(groups), isStale: true, wake: () => {} };
    const onAbort = (): void => watcher.wake();
    const called = new Set<string>();
    const seen = noting(view, called);
    signal?.addEventListener('abort', onAbort);
    this.#watchers.add(watcher);
    this.#changed();
    let last: string | undefined;
    try {
      for (;;) {
        if (signal?.aborted) throw abortedBy(signal);
        const end = ended();
        if (end?.code === 'closed') return;
        if (end) throw end;
        if (!watcher.isStale) {
          await new Promise<void>((resolve) => (watcher.wake = resolve));
          continue;
        }
        watcher.isStale = false;
        const result = await this.#run(() => query(seen), watcher, signal, ended);
        if (result === undefined) continue;
        if (!groups) watcher.groups = dependencies(called);
        const text = JSON.stringify(result.value);
        if (text !== undefined && text === last) continue;
        last = text;
        yield result.value;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#watchers.delete(watcher);
      this.#changed();
    }
  }

  /** Runs a query; undefined when the signal or the store ended it, or its worker did and another run will follow. */
  async #run<T>(
    query: () => Promise<T>,
    watcher: Watcher,
    signal: AbortSignal | undefined,
    ended: () => StrongroomError | undefined,
  ): Promise<{ value: T } | undefined> {
    const interrupted = new Promise<undefined>((resolve) => {
      watcher.wake = () => {
        if (signal?.aborted || ended()) resolve(undefined);
      };
    });
    const answered = query().then(
      (value) => ({ value }),
      (error: unknown) => {
        const isLost = error instanceof StrongroomError && error.code === 'indeterminate';
        if (ended() || isLost) return undefined;
        throw error;
      },
    );
    // A query that fails after its loop was left is nobody's any more.
    answered.catch(() => {});
    return Promise.race([answered, interrupted]);
  }
}

function stale(watcher: Watcher): void {
  watcher.isStale = true;
  watcher.wake();
}

function concerns(change: Change, { userId, groups }: Watcher): boolean {
  if (userId !== undefined && !change.truncated && change.by !== userId && !change.users.includes(userId)) return false;
  if (!groups) return true;
  const [group = ''] = change.op.split('.');
  return groups.has(group) || change.groups.some((changed) => groups.has(changed));
}

/** The view, noting which groups are asked for. */
function noting<V extends object>(view: V, called: Set<string>): V {
  return new Proxy(view, {
    get(target, name) {
      if (typeof name === 'string') called.add(name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function dependencies(called: Set<string>): ReadonlySet<string> | undefined {
  if (called.size === 0) return undefined;
  const groups = new Set<string>();
  for (const name of called) {
    const kinds = Object.hasOwn(DEPENDS_ON, name) ? DEPENDS_ON[name] : undefined;
    if (!kinds) return undefined;
    for (const kind of kinds) groups.add(kind);
  }
  return groups;
}

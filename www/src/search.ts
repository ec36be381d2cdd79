// A search through everything, whose hits are shown as they come and which can be stopped.

import type { SearchHit, SearchKind, UserView } from '../../pkg/index.js';

/** Hits that are shown before more have to be asked for. */
const HITS_AT_A_TIME = 50;

/** What is looked for. */
export interface Wanted {
  text: string;
  /** Only these kinds; all of them when there is none. */
  kinds: SearchKind[];
  /** Only this context. */
  context: string;
}

/**
 * How far a search is. `paused`: as many hits as are shown at a time are there, and more may follow.
 */
export type SearchState = 'idle' | 'searching' | 'paused' | 'done' | 'stopped' | 'failed';

/** One search at a time; a new one ends the one before. */
export class Searching {
  readonly hits: SearchHit[] = [];
  state: SearchState = 'idle';

  #user: UserView;
  #changed: () => void;
  #failed: (error: unknown) => void;
  #running: { hits: AsyncGenerator<SearchHit, void, undefined>; abort: AbortController } | undefined;

  constructor(user: UserView, changed: () => void, failed: (error: unknown) => void) {
    this.#user = user;
    this.#changed = changed;
    this.#failed = failed;
  }

  /** Begins a search. Resolves when it pauses or has ended. */
  async begin({ text, kinds, context }: Wanted): Promise<void> {
    this.clear();
    const abort = new AbortController();
    const query = {
      text,
      ...(kinds.length > 0 ? { in: kinds } : {}),
      ...(context === '' ? {} : { contexts: [context] }),
    };
    this.#running = { hits: this.#user.search.each(query, { signal: abort.signal }), abort };
    await this.more();
  }

  /** Goes on with a search that has paused. */
  async more(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const { hits, abort } = running;
    const enough = this.hits.length + HITS_AT_A_TIME;
    this.#become('searching');
    try {
      while (this.hits.length < enough) {
        const next = await hits.next();
        if (abort.signal.aborted) return;
        if (next.done) return this.#become('done');
        this.hits.push(next.value);
        this.#changed();
      }
      this.#become('paused');
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#become('failed');
      this.#failed(error);
    }
  }

  /** Ends the search where it is; the hits so far stay. */
  stop(): void {
    if (this.state !== 'searching') return;
    this.supersede();
    this.#become('stopped');
  }

  /** Ends the search because another is about to begin; until then the hits so far stay. */
  supersede(): void {
    this.#running?.abort.abort();
    this.#running = undefined;
  }

  /** Ends the search and forgets its hits. */
  clear(): void {
    this.supersede();
    this.hits.length = 0;
    this.#become('idle');
  }

  #become(state: SearchState): void {
    this.state = state;
    this.#changed();
  }
}

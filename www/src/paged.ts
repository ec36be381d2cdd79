// A list as far as it is shown.

import type { Page } from '../../pkg/index.js';

/** The most records that the store gives at once. */
const MOST = 1000;

/** What a page is asked with. */
export interface Asked {
  limit: number;
  cursor?: string;
}

/** Records of a list, read page by page. */
export class Paged<T> {
  readonly items: T[] = [];

  #perPage: number;
  #list: (asked: Asked) => Promise<Page<T>>;
  #next: string | undefined;

  constructor(perPage: number, list: (asked: Asked) => Promise<Page<T>>) {
    this.#perPage = perPage;
    this.#list = list;
  }

  get hasMore(): boolean {
    return this.#next !== undefined;
  }

  /** Reads as many as are shown anew, unless `isWanted` says meanwhile that something else is asked for. Tells whether it did. */
  async read(isWanted: () => boolean = () => true): Promise<boolean> {
    const page = await this.#list({ limit: Math.min(MOST, Math.max(this.#perPage, this.items.length)) });
    if (!isWanted()) return false;
    this.items.splice(0, Infinity, ...page.items);
    this.#next = page.nextCursor;
    return true;
  }

  /** Reads the next page. */
  async more(): Promise<void> {
    if (this.#next === undefined) return;
    const page = await this.#list({ limit: this.#perPage, cursor: this.#next });
    this.items.push(...page.items);
    this.#next = page.nextCursor;
  }
}

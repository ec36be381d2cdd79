/** What an archive may be of, to be chosen from a list. */

import type { Store } from '../store.js';
import type { ArchiveScope } from '../types.js';
import { h } from './dom.js';
import type { Say } from './strings.js';

/** The most constructs of a user that are offered. */
const MAX_CONSTRUCTS = 100;

/** A list of scopes: everything, users, their contexts, and their newest constructs. */
export class ScopeChoice {
  /** What stands in the page. */
  readonly element: HTMLSelectElement = h('select', { part: 'select' });
  readonly #store: Store;
  readonly #say: Say;
  #scopes: ArchiveScope[] = [{ kind: 'all' }];

  /** A list of everything alone, until it is read. */
  constructor(store: Store, say: Say) {
    this.#store = store;
    this.#say = say;
    this.element.append(h('option', {}, say('everything')));
  }

  /** What is chosen. */
  get scope(): ArchiveScope {
    return this.#scopes[this.element.selectedIndex] ?? { kind: 'all' };
  }

  set scope(scope: ArchiveScope) {
    const wanted = JSON.stringify(scope);
    const found = this.#scopes.findIndex((one) => JSON.stringify(one) === wanted);
    if (found >= 0) this.element.selectedIndex = found;
    else this.#offer(scope, wanted).selected = true;
  }

  /** Reads what there is to be chosen; what was chosen stays so. */
  async refresh(): Promise<void> {
    const chosen = this.scope;
    const { users } = this.#store;
    this.#scopes = [];
    this.element.replaceChildren();
    this.#offer({ kind: 'all' }, this.#say('everything'));
    for (const { id, name } of (await users.list({ limit: 1000 })).items) {
      this.#offer({ kind: 'user', id }, name || id);
      for (const context of await this.#store.contexts.list({ userId: id })) {
        this.#offer({ kind: 'context', userId: id, name: context.name }, `${name || id} / ${context.name}`);
      }
      const { items } = await this.#store.constructs.list({ userId: id, limit: MAX_CONSTRUCTS });
      for (const construct of items) {
        this.#offer({ kind: 'construct', id: construct.id }, `${name || id} / ${construct.name}`);
      }
    }
    this.scope = chosen;
  }

  #offer(scope: ArchiveScope, label: string): HTMLOptionElement {
    const option = h('option', {}, label);
    this.#scopes.push(scope);
    this.element.append(option);
    return option;
  }
}

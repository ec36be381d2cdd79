/** What an archive may be of, to be chosen from a list. */

import type { Store } from '../store.js';
import type { ArchiveScope } from '../types.js';
import { h } from './dom.js';
import type { Say } from './strings.js';

/** A scope and what it is called. */
interface Offer {
  scope: ArchiveScope;
  label: string;
}

/** The most constructs of a user that are offered. */
const MAX_CONSTRUCTS = 100;

/** What may be chosen in a store; asked for twice at a time, it is read once. */
export class Scopes {
  readonly #store: Store;
  readonly #everything: Offer;
  #reading: Promise<Offer[]> | undefined;

  /** The scopes of this store. */
  constructor(store: Store, say: Say) {
    this.#store = store;
    this.#everything = { scope: { kind: 'all' }, label: say('everything') };
  }

  /** What is always there. */
  get everything(): Offer {
    return this.#everything;
  }

  /** Everything, users, their contexts, and their newest constructs. */
  read(): Promise<Offer[]> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<Offer[]> {
    const { users, contexts, constructs } = this.#store;
    const offers = [this.#everything];
    for (const { id, name } of (await users.list({ limit: 1000 })).items) {
      const user = name || id;
      offers.push({ scope: { kind: 'user', id }, label: user });
      for (const context of await contexts.list({ userId: id })) {
        offers.push({ scope: { kind: 'context', userId: id, name: context.name }, label: `${user} / ${context.name}` });
      }
      for (const construct of (await constructs.list({ userId: id, limit: MAX_CONSTRUCTS })).items) {
        offers.push({ scope: { kind: 'construct', id: construct.id }, label: `${user} / ${construct.name}` });
      }
    }
    return offers;
  }
}

/** A list of scopes. */
export class ScopeChoice {
  /** What stands in the page. */
  readonly element: HTMLSelectElement = h('select', { part: 'select' });
  readonly #from: Scopes;
  #scopes: ArchiveScope[] = [];

  /** A list of everything alone, until it is read. */
  constructor(from: Scopes) {
    this.#from = from;
    this.#offer(from.everything);
  }

  /** What is chosen. */
  get scope(): ArchiveScope {
    return this.#scopes[this.element.selectedIndex] ?? this.#from.everything.scope;
  }

  set scope(scope: ArchiveScope) {
    const wanted = JSON.stringify(scope);
    const found = this.#scopes.findIndex((one) => JSON.stringify(one) === wanted);
    if (found >= 0) this.element.selectedIndex = found;
    else this.#offer({ scope, label: wanted }).selected = true;
  }

  /** Reads what there is to be chosen; what was chosen stays so. */
  async refresh(): Promise<void> {
    const offers = await this.#from.read();
    const chosen = this.scope;
    this.#scopes = [];
    this.element.replaceChildren();
    for (const offer of offers) this.#offer(offer);
    this.scope = chosen;
  }

  #offer({ scope, label }: Offer): HTMLOptionElement {
    const option = h('option', {}, label);
    this.#scopes.push(scope);
    this.element.append(option);
    return option;
  }
}

// What was learned, listed by its filters, and changed.

import type { Learning, OnDuplicate, UserView } from '../../pkg/index.js';
import { type Asked, Paged } from './paged.js';

const LEARNINGS_PER_PAGE = 30;

/** Which learnings to list; what is empty does not filter. */
export interface LearningFilter {
  text: string;
  category: string;
  tags: string[];
  /** From 0 to 1. */
  minConfidence: number;
}

/** What a person enters. */
export interface LearningDraft {
  text: string;
  category: string;
  tags: string[];
  /** From 0 to 1. */
  confidence: number;
}

/** The learnings that are listed. */
export class Notebook {
  readonly learnings: Paged<Learning>;
  filter: LearningFilter = { text: '', category: '', tags: [], minConfidence: 0 };
  /** One that was asked for by its id, shown above the others. */
  asked: Learning | undefined;

  #user: UserView;
  #changed: () => void;

  constructor(user: UserView, changed: () => void) {
    this.#user = user;
    this.learnings = new Paged(LEARNINGS_PER_PAGE, (asked) => this.#page(asked));
    this.#changed = changed;
  }

  get isFiltered(): boolean {
    const { text, category, tags, minConfidence } = this.filter;
    return text !== '' || category !== '' || tags.length > 0 || minConfidence > 0;
  }

  /** Reads the list anew, as many learnings as are shown. */
  async read(): Promise<void> {
    const { filter } = this;
    if (!(await this.learnings.read(() => filter === this.filter))) return;
    if (this.asked) this.asked = this.learnings.items.find(({ id }) => id === this.asked?.id) ?? this.asked;
    this.#changed();
  }

  /** Reads the next page of the list. */
  async more(): Promise<void> {
    await this.learnings.more();
    this.#changed();
  }

  /** Shows one learning above the others; none without an id. */
  async show(id: string | undefined): Promise<void> {
    this.asked = id === undefined ? undefined : await this.#user.learnings.get(id);
    this.#changed();
  }

  /** Keeps a learning. Rejects with `conflict` when it is known already and `onDuplicate` is `refuse`. */
  async add({ text, category, tags, confidence }: LearningDraft, onDuplicate: OnDuplicate): Promise<void> {
    const given = category === '' ? {} : { category };
    await this.#user.learnings.create({ text, tags, confidence, onDuplicate, ...given });
    await this.read();
  }

  /** Changes a learning. Rejects with `conflict` when it has moved on since it was read. */
  async change({ id, version }: Learning, draft: LearningDraft): Promise<void> {
    const changed = await this.#user.learnings.update({ id, version, ...draft });
    if (this.asked?.id === id) this.asked = changed;
    await this.read();
  }

  /** Deletes a learning, for good. */
  async remove({ id }: Learning): Promise<void> {
    await this.#user.learnings.delete(id);
    if (this.asked?.id === id) this.asked = undefined;
    await this.read();
  }

  #page(asked: Asked): ReturnType<UserView['learnings']['list']> {
    const { text, category, tags, minConfidence } = this.filter;
    return this.#user.learnings.list({
      ...asked,
      ...(text === '' ? {} : { text }),
      ...(category === '' ? {} : { category }),
      ...(tags.length === 0 ? {} : { tags }),
      ...(minConfidence === 0 ? {} : { minConfidence }),
    });
  }
}

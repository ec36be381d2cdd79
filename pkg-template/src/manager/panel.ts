/** One section of the storage manager: its heading, what it shows, and the one task that it runs at a time. */

import type { Store } from '../store.js';
import { h } from './dom.js';
import { word } from './strings.js';
import type { Say } from './strings.js';

/** What every section is given. */
export interface Context {
  /** The store that is managed. */
  readonly store: Store;
  /** Says a string of the app's table. */
  readonly say: Say;
  /** Shows something that has to be dismissed. */
  alert(text: string): void;
}

/** How a task tells how far it is. */
export type Step = (progress: { done: number; total?: number | undefined }) => void;

/** One section. */
export class Panel {
  /** What stands in the page. */
  readonly element: HTMLElement;
  /** What the section shows; replaced when it is read again. */
  readonly body: HTMLElement = h('div');
  readonly #heading: HTMLElement;
  readonly #status: HTMLElement = h('p', { role: 'status', class: 'muted', part: 'status' });
  readonly #ask: HTMLElement = h('div');
  readonly #context: Context;
  #running: AbortController | undefined;

  /** An empty section with this heading. */
  constructor(context: Context, name: string, title: string) {
    this.#context = context;
    this.#heading = h('h2', { id: `${name}-title`, part: 'heading', tabindex: -1 }, title);
    this.element = h(
      'section',
      { part: `section ${name}`, 'aria-labelledby': `${name}-title` },
      this.#heading,
      this.body,
      this.#ask,
      this.#status,
    );
  }

  /** A button that does something; what fails is said in words. */
  button(
    label: string,
    work: () => Promise<unknown>,
    attributes: { class?: string; 'aria-label'?: string } = {},
  ): HTMLElement {
    const click = (): void => void work().catch((error: unknown) => this.failed(error));
    return h('button', { type: 'button', part: 'button', ...attributes, click }, label);
  }

  /**
   * Shows something else in a place. Where the focus was there, it goes to what has the same name now, or else to the section's
   * heading.
   */
  show(place: HTMLElement, ...children: (Node | string)[]): void {
    const had = focused(this.element);
    const isLost = had !== undefined && place.contains(had);
    place.replaceChildren(...children);
    if (!isLost) return;
    const others = [...place.querySelectorAll<HTMLElement>('button, input, select, summary')];
    (others.find((one) => named(one) === named(had)) ?? this.#heading).focus();
  }

  /** Says how something went. */
  tell(text: string): void {
    this.#status.textContent = text;
  }

  /** Says what went wrong, in words. */
  failed(error: unknown): void {
    this.tell('');
    this.#context.alert(inWords(this.#context.say, error));
  }

  /**
   * Runs one task with its progress and a button that cancels it; while it runs no other can begin. Resolves to undefined when it was
   * cancelled; `cancelled` then says what became of it.
   */
  async run<T>(
    label: string,
    work: (signal: AbortSignal, step: Step) => Promise<T>,
    cancelled: string = this.#context.say('cancelled'),
  ): Promise<T | undefined> {
    if (this.#running) return undefined;
    const running = new AbortController();
    this.#running = running;
    const bar = h('progress', { 'aria-label': label });
    const cancel = h(
      'button',
      { type: 'button', part: 'button', click: () => running.abort() },
      this.#context.say('cancel'),
    );
    const begun = focused(this.element);
    this.body.inert = true;
    this.tell(`${label} …`);
    this.#ask.replaceChildren(bar, cancel);
    cancel.focus();
    try {
      const result = await work(running.signal, ({ done, total }) => {
        if (total) Object.assign(bar, { max: total, value: Math.min(done, total) });
      });
      this.tell('');
      return result;
    } catch (error) {
      if (!running.signal.aborted) throw error;
      this.tell(cancelled);
      return undefined;
    } finally {
      this.#running = undefined;
      this.body.inert = false;
      this.#ask.replaceChildren();
      begun?.focus();
    }
  }

  /** Asks before something is done; resolves to whether it may be. */
  confirm(question: string, label: string = this.#context.say('yes'), ...details: Node[]): Promise<boolean> {
    const begun = focused(this.element);
    return new Promise((resolve) => {
      const answer = (isWanted: boolean) => (): void => {
        this.#ask.replaceChildren();
        this.body.inert = false;
        begun?.focus();
        resolve(isWanted);
      };
      const yes = h('button', { type: 'button', class: 'main', part: 'button confirm', click: answer(true) }, label);
      const no = h('button', { type: 'button', part: 'button', click: answer(false) }, this.#context.say('no'));
      this.body.inert = true;
      this.#ask.replaceChildren(
        h(
          'div',
          { class: 'confirm', role: 'group', 'aria-label': question },
          h('p', {}, question),
          ...details,
          h('div', { class: 'row' }, yes, no),
        ),
      );
      no.focus();
    });
  }
}

/** What went wrong, as a sentence. */
export function inWords(say: Say, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'other';
  return word(say, `error.${code}`, say('error.other'));
}

/** What an element is called, as far as that tells it from others. */
function named(element: HTMLElement): string {
  return element.getAttribute('aria-label') ?? element.textContent;
}

/** What has the focus in a section. */
function focused(element: HTMLElement): HTMLElement | undefined {
  const root = element.getRootNode();
  const active = root instanceof ShadowRoot ? root.activeElement : undefined;
  return active instanceof HTMLElement ? active : undefined;
}

// What the views are put together from.

import { announce, h } from '../dom.js';
import { explain } from '../trouble.js';

type Child = Node | string | undefined | false;

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A day, for people. */
export function day(ms: number): string {
  return DAY.format(ms);
}

/** A day and a time, for people and for machines. */
export function moment(ms: number): HTMLElement {
  return h('time', { datetime: new Date(ms).toISOString() }, TIME.format(ms));
}

/** How many there are, in words: `1 hit`, `2 hits`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/** A button; `key` finds it again after its place was drawn anew. */
export function button(label: string, key: string, click: () => void, look?: string): HTMLButtonElement {
  return h('button', { type: 'button', class: look, 'data-focus': key, on: { click } }, label);
}

/** A button whose label says little without what it belongs to. */
export function namedButton(label: string, name: string, key: string, click: () => void): HTMLButtonElement {
  return h('button', { type: 'button', class: 'tool', 'aria-label': name, 'data-focus': key, on: { click } }, label);
}

/** A word that says of what kind or in which state something is. */
export function badge(text: string, look?: string): HTMLElement {
  return h('span', { class: 'badge', 'data-look': look ?? text }, text);
}

/** A control with its label. */
export function field(label: string, control: HTMLElement, note?: string): HTMLElement {
  return h('label', { class: 'labelled' }, h('span', {}, label), control, note !== undefined && h('small', {}, note));
}

/** A choice among values, each with its label. */
export function choice(
  attributes: Record<string, string>,
  options: readonly (readonly [value: string, label: string])[],
  change?: () => void,
): HTMLSelectElement {
  return h(
    'select',
    { ...attributes, on: change ? { change } : {} },
    ...options.map(([value, label]) => h('option', { value }, label)),
  );
}

/** Puts other options into a choice, and leaves chosen what was chosen. */
export function setOptions(select: HTMLSelectElement, options: readonly (readonly [string, string])[]): void {
  const chosen = select.value;
  const known = [...select.options].map(({ value, text }) => `${value} ${text}`).join('\n');
  if (known === options.map((option) => option.join(' ')).join('\n')) return;
  select.replaceChildren(...options.map(([value, label]) => h('option', { value }, label)));
  select.value = options.some(([value]) => value === chosen) ? chosen : '';
}

/** The contexts as options, with one for all of them. */
export function contextOptions(names: string[]): [string, string][] {
  return [['', 'All contexts'], ...names.map((name): [string, string] => [name, name])];
}

/** The top of a view: its heading, and what can be begun there. */
export function top(title: string, ...actions: Child[]): HTMLElement {
  return h('div', { class: 'room-top' }, h('h2', { tabindex: -1 }, title), h('div', { class: 'actions' }, ...actions));
}

/** Stands where there is nothing yet. */
export function empty(sentence: string, ...actions: Child[]): HTMLElement {
  return h('div', { class: 'empty' }, h('p', {}, sentence), h('div', { class: 'actions' }, ...actions));
}

/** How much of something is done. */
export function progressBar(done: number, total: number, label: string): HTMLElement {
  return h(
    'span',
    { class: 'progress' },
    h('progress', { max: Math.max(1, total), value: done, 'aria-label': label }),
    h('span', { class: 'figures' }, `${done} / ${total}`),
  );
}

/**
 * A form of one line: its fields, and a button that sends it. `submit` is given what was entered; once it has resolved, the
 * form is emptied and `told` is said.
 */
export function lineForm(
  { label, action, told }: { label: string; action: string; told: string },
  controls: HTMLElement[],
  submit: (values: FormData) => Promise<unknown>,
  failed: (error: unknown) => void,
): HTMLFormElement {
  const form: HTMLFormElement = h(
    'form',
    {
      class: 'line-form',
      'aria-label': label,
      on: {
        submit: (event) => {
          event.preventDefault();
          once(form, async () => {
            await submit(new FormData(form));
            form.reset();
            announce(told);
          }).catch(failed);
        },
      },
    },
    ...controls,
    h('button', { type: 'submit' }, action),
  );
  return form;
}

/** A dialog with a form. */
export interface FormDialog {
  element: HTMLDialogElement;
  form: HTMLFormElement;
  open(): void;
}

/**
 * Makes a dialog with a form. `submit` is given what was entered; while it rejects, the dialog stays open and says why,
 * with what `rescue` offers for the error.
 */
export function formDialog(
  title: string,
  action: string,
  content: HTMLElement[],
  submit: (values: FormData, submitter: string) => Promise<unknown>,
  rescue: (error: unknown) => HTMLElement[] = () => [],
): FormDialog {
  const heading = h('h2', { id: `dialog-${(dialogs += 1)}` }, title);
  const trouble = h('div', { class: 'trouble-line', role: 'alert' });
  const form: HTMLFormElement = h(
    'form',
    {
      method: 'dialog',
      on: {
        submit: (event) => {
          event.preventDefault();
          trouble.replaceChildren();
          const by = event.submitter instanceof HTMLButtonElement ? event.submitter.value : '';
          once(form, async () => {
            await submit(new FormData(form), by);
            form.reset();
            element.close();
          }).catch((error: unknown) => trouble.replaceChildren(h('p', {}, sentence(error)), ...rescue(error)));
        },
      },
    },
    heading,
    ...content,
    trouble,
    h(
      'div',
      { class: 'row' },
      h('button', { type: 'button', on: { click: () => element.close() } }, 'Cancel'),
      h('button', { type: 'submit', class: 'primary' }, action),
    ),
  );
  const element: HTMLDialogElement = h(
    'dialog',
    { 'aria-labelledby': heading.id, on: { close: () => trouble.replaceChildren() } },
    form,
  );
  return { element, form, open: () => element.showModal() };
}

let dialogs = 0;

/** Runs what a form asks for, unless it is still at it. */
async function once(form: HTMLFormElement, work: () => Promise<void>): Promise<void> {
  if (form.ariaBusy === 'true') return;
  form.ariaBusy = 'true';
  try {
    await work();
  } finally {
    form.ariaBusy = null;
  }
}

function sentence(error: unknown): string {
  const { title, detail } = explain(error);
  return `${title}: ${detail}`;
}

/** What was entered in a field, without the space around it. */
export function entered(values: FormData, name: string): string {
  const value = values.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/** The lines of a field, without empty ones. */
export function enteredLines(values: FormData, name: string): string[] {
  return entered(values, name)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

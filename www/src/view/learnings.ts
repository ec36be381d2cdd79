// What was learned, how sure it is, and where it comes from.

import { type Learning, StrongroomError } from '../../../pkg/index.js';
import { announce, h, redraw, oncePerFrame } from '../dom.js';
import { exampleLearnings } from '../examples.js';
import { type LearningDraft, Notebook } from '../learnings.js';
import type { Room, Tools } from '../rooms.js';
import { hashOf } from '../router.js';
import { badge, button, day, empty, entered, field, formDialog, type FormDialog, namedButton, top } from './parts.js';

/** Filters take effect when nothing was changed for so many milliseconds. */
const TYPING_PAUSE_MS = 180;

/** Makes the learnings. */
export function makeLearningsRoom({ user, attempt }: Tools): Room {
  const notebook = new Notebook(user, () => draw());

  let timer: ReturnType<typeof setTimeout> | undefined;
  const filter = (): void => {
    atLeast.textContent = percent(sure.valueAsNumber);
    clearTimeout(timer);
    timer = setTimeout(() => {
      notebook.filter = {
        text: text.value.trim(),
        category: category.value.trim(),
        tags: tagsOf(tags.value),
        minConfidence: sure.valueAsNumber,
      };
      attempt(notebook.read());
    }, TYPING_PAUSE_MS);
  };
  const text = h('input', { type: 'search', placeholder: 'any', on: { input: filter } });
  const category = h('input', { type: 'search', placeholder: 'any', list: 'categories', on: { input: filter } });
  const tags = h('input', { type: 'search', placeholder: 'one, another', on: { input: filter } });
  const sure = h('input', { type: 'range', min: 0, max: 1, step: 0.05, value: 0, on: { input: filter } });
  const atLeast = h('b', {}, percent(0));
  const categories = h('datalist', { id: 'categories' });
  const known = new Set<string>();

  const add = formDialog(
    'A new learning',
    'Keep',
    draftFields(),
    async (values, submitter) => {
      await notebook.add(draftOf(values), submitter === 'merge' || submitter === 'keep' ? submitter : 'refuse');
      announce('The learning is kept.');
    },
    (error) =>
      isConflict(error)
        ? [
            h('button', { type: 'submit', value: 'merge' }, 'Merge with it'),
            h('button', { type: 'submit', value: 'keep' }, 'Keep both'),
          ]
        : [],
  );
  let chosen: Learning | undefined;
  const edit = formDialog('Edit the learning', 'Save', draftFields(), async (values) => {
    if (!chosen) return;
    await notebook.change(chosen, draftOf(values));
    announce('The learning was changed.');
  });
  const quote = h('p', { class: 'quote' });
  const remove = formDialog('Delete it for good?', 'Delete', [quote], async () => {
    if (!chosen) return;
    await notebook.remove(chosen);
    announce('The learning was deleted.');
  });

  const list = h('div', {});
  const fill = (): void => attempt(exampleLearnings(user).then(() => notebook.read()));
  const draw = oncePerFrame(() => {
    for (const { category: name } of notebook.learnings.items) if (name !== undefined) known.add(name);
    categories.replaceChildren(...[...known].sort().map((value) => h('option', { value })));
    redraw(list, [notebook.asked, notebook.learnings.items, notebook.learnings.hasMore, notebook.isFiltered], () =>
      drawList(list),
    );
  });
  const drawList = (place: HTMLElement): void => {
    const { asked, learnings } = notebook;
    const others = learnings.items.filter(({ id }) => id !== asked?.id);
    const item = (learning: Learning): HTMLElement =>
      learningItem(learning, {
        isAsked: learning === asked,
        edit: () => {
          chosen = learning;
          setDraft(edit, learning);
          edit.open();
        },
        remove: () => {
          chosen = learning;
          quote.textContent = learning.text;
          remove.open();
        },
      });
    const items = [...(asked ? [asked] : []), ...others].map(item);
    const nothing = notebook.isFiltered
      ? empty('Nothing that was learned is like that.')
      : empty(
          'A learning is something worth knowing next time, with how sure it is and where it comes from.',
          button('Write down the first one', 'first', add.open, 'primary'),
          button('Fill with examples', 'examples', fill),
        );
    place.replaceChildren(
      ...(asked ? [h('p', { class: 'way' }, h('a', { href: hashOf('learnings') }, '‹ All learnings'))] : []),
      items.length > 0 ? h('ul', { class: 'cards', 'aria-label': 'Learnings' }, ...items) : nothing,
      ...(notebook.learnings.hasMore ? [button('Show more', 'more', () => attempt(notebook.more()), 'wide')] : []),
    );
  };

  return {
    element: h(
      'div',
      { class: 'room' },
      h(
        'div',
        { class: 'column' },
        top('Learnings', button('New learning', 'new', add.open, 'primary')),
        h(
          'div',
          { class: 'filters' },
          field('Text', text),
          field('Category', category),
          field('Tags', tags),
          h('label', { class: 'labelled' }, h('span', {}, 'At least as sure as ', atLeast), sure),
        ),
        list,
      ),
      categories,
      add.element,
      edit.element,
      remove.element,
    ),
    enter: ({ path: [id] }) => {
      attempt(notebook.show(id));
      attempt(notebook.read());
    },
    leave: () => clearTimeout(timer),
    focus: () => list.closest('.room')?.querySelector('h2')?.focus(),
    refresh: () => notebook.read(),
  };
}

interface ItemActions {
  isAsked: boolean;
  edit(): void;
  remove(): void;
}

function learningItem(learning: Learning, { isAsked, edit, remove }: ItemActions): HTMLElement {
  const { id, text, category, tags, confidence, context, updatedAt, sources } = learning;
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  const from = sources.map(({ kind, id: source }) => `${kind} ${source}`).join(', ');
  return h(
    'li',
    { class: 'card', 'aria-current': isAsked ? 'true' : undefined },
    h('p', { class: 'learned' }, text),
    h(
      'div',
      { class: 'facts' },
      h(
        'span',
        { class: 'progress' },
        h('meter', { min: 0, max: 1, value: confidence, 'aria-label': 'How sure it is' }),
        h('span', { class: 'figures' }, percent(confidence)),
      ),
      category !== undefined && badge(category, 'category'),
      ...tags.map((tag) => badge(`#${tag}`, 'tag')),
      h('span', { class: 'note' }, [context, day(updatedAt), from].filter((part) => part !== '').join(' · ')),
      h(
        'span',
        { class: 'row-actions' },
        namedButton('Edit', `Edit: ${short}`, `edit ${id}`, edit),
        namedButton('Delete', `Delete: ${short}`, `delete ${id}`, remove),
      ),
    ),
  );
}

function draftFields(): HTMLElement[] {
  const sure = h('input', { name: 'confidence', type: 'range', min: 0, max: 1, step: 0.05, value: 0.8 });
  return [
    field('What was learned?', h('textarea', { name: 'text', rows: 3, required: true })),
    field('Category', h('input', { name: 'category', list: 'categories' })),
    field('Tags, comma between', h('input', { name: 'tags' })),
    field('How sure is it?', sure, 'From a guess on the left to certain on the right.'),
  ];
}

function setDraft({ form }: FormDialog, { text, category, tags, confidence }: Learning): void {
  const set = (name: string, value: string): void => {
    const control = form.elements.namedItem(name);
    if (control instanceof HTMLInputElement || control instanceof HTMLTextAreaElement) control.value = value;
  };
  set('text', text);
  set('category', category ?? '');
  set('tags', tags.join(', '));
  set('confidence', String(confidence));
}

function draftOf(values: FormData): LearningDraft {
  return {
    text: entered(values, 'text'),
    category: entered(values, 'category'),
    tags: tagsOf(entered(values, 'tags')),
    confidence: Number(entered(values, 'confidence')),
  };
}

function tagsOf(text: string): string[] {
  return text
    .split(',')
    .map((tag) => tag.trim().replace(/^#/, ''))
    .filter((tag) => tag !== '');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function isConflict(error: unknown): boolean {
  return error instanceof StrongroomError && error.code === 'conflict';
}

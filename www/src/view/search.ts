// One box over everything that was written.

import type { SearchHit, SearchKind, Snippet } from '../../../pkg/index.js';
import { announce, h, keepingFocus, oncePerFrame } from '../dom.js';
import { exampleLearnings } from '../examples.js';
import type { Room, Tools } from '../rooms.js';
import { hashOf, replaceHash } from '../router.js';
import { Searching, type SearchState, type Wanted } from '../search.js';
import { badge, button, choice, contextOptions, counted, day, empty, field, setOptions, top } from './parts.js';

const KINDS: Record<SearchKind, { filter: string; one: string }> = {
  messages: { filter: 'Messages', one: 'message' },
  reasoning: { filter: 'Thoughts', one: 'thought' },
  conversations: { filter: 'Conversations', one: 'conversation' },
  charts: { filter: 'Charts', one: 'chart' },
  constructs: { filter: 'Constructs', one: 'construct' },
  sessions: { filter: 'Sessions', one: 'session' },
  artifacts: { filter: 'Artifacts', one: 'artifact' },
  learnings: { filter: 'Learnings', one: 'learning' },
};

/** A search begins when nothing was typed for so many milliseconds. */
const TYPING_PAUSE_MS = 180;

/** The states whose sentence is worth hearing. */
const OVER: readonly SearchState[] = ['paused', 'done', 'stopped'];

/** Makes the search. */
export function makeSearchRoom({ user, attempt, failed }: Tools): Room {
  const box = h('input', {
    type: 'search',
    name: 'q',
    'aria-label': 'Search everything',
    'aria-describedby': 'search-state search-help',
    placeholder: 'Search everything',
    autocomplete: 'off',
    spellcheck: 'false',
    enterkeyhint: 'search',
    on: { input: () => typed() },
  });
  const kinds = Object.entries(KINDS).map(([value, { filter }]) => {
    const input = h('input', { type: 'checkbox', name: 'kind', value, on: { change: () => begin() } });
    return { input, element: h('label', { class: 'chip' }, input, filter) };
  });
  const context = choice({ name: 'context' }, contextOptions([]), () => begin());
  const form = h(
    'form',
    {
      class: 'search-form',
      role: 'search',
      on: {
        submit: (event) => {
          event.preventDefault();
          begin();
        },
      },
    },
    h('div', { class: 'search-line' }, box, h('button', { type: 'submit', class: 'primary' }, 'Search')),
    h(
      'p',
      { class: 'note', id: 'search-help' },
      'All words must be there. "A phrase", begin*, and ',
      h('span', { class: 'nowrap' }, '-without'),
      '.',
    ),
    h(
      'div',
      { class: 'filters' },
      h(
        'fieldset',
        { class: 'chips' },
        h('legend', { class: 'hidden' }, 'Kinds'),
        ...kinds.map((kind) => kind.element),
      ),
      field('Context', context),
    ),
  );
  const words = h('span', {});
  const stop = button('Stop', 'stop', () => end());
  const state = h('p', { class: 'search-state', id: 'search-state' }, words, stop);
  const results = h('ol', { class: 'hits', 'aria-label': 'Hits' });
  const after = h('div', { class: 'after' });

  let timer: ReturnType<typeof setTimeout> | undefined;
  let isShown = false;
  let told = '';
  const searching = new Searching(user, () => draw(), failed);

  const wanted = (): Wanted => ({
    text: box.value.trim(),
    kinds: kinds.filter(({ input }) => input.checked).map(({ input }) => input.value as SearchKind),
    context: context.value,
  });
  const begin = (): void => {
    clearTimeout(timer);
    if (!isShown) return;
    const now = wanted();
    replaceHash(hashOf('search', [], { q: now.text, in: now.kinds.join(','), context: now.context }));
    if (now.text === '') searching.clear();
    else void searching.begin(now);
  };
  const typed = (): void => {
    clearTimeout(timer);
    searching.supersede();
    const { length } = [...box.value.trim()];
    if (length === 1) {
      searching.clear();
      draw();
    } else timer = setTimeout(begin, length === 0 ? 0 : TYPING_PAUSE_MS);
  };

  const end = (): void => {
    clearTimeout(timer);
    searching.stop();
  };

  const draw = oncePerFrame(() => {
    const { text } = wanted();
    words.textContent = sentence(searching, text);
    const isOver = searching.state !== 'searching';
    if (isOver && document.activeElement === stop) box.focus();
    stop.hidden = isOver;
    state.dataset.state = searching.state;
    drawHits(results, searching.hits);
    const more = button('Show more', 'more', () => void searching.more(), 'wide');
    keepingFocus(after, () =>
      after.replaceChildren(
        ...(searching.state === 'paused' ? [more] : []),
        ...(searching.state === 'idle' && text === '' ? [welcome()] : []),
      ),
    );
    const result = `${searching.state}, ${text}: ${words.textContent}`;
    if (result !== told && OVER.includes(searching.state)) announce(words.textContent);
    told = result;
  });
  const welcome = (): HTMLElement =>
    empty(
      'Everything that is said, charted, learned and made here can be found in one place.',
      // The first record makes the first context.
      context.options.length === 1 && button('Fill with examples', 'examples', () => attempt(fill())),
    );
  const fill = async (): Promise<void> => {
    await exampleLearnings(user);
    await listContexts();
    box.value = 'journal';
    begin();
    box.focus();
  };
  const listContexts = async (): Promise<void> => {
    const contexts = await user.contexts.list();
    const asked = context.dataset.wanted ?? context.value;
    setOptions(context, contextOptions(contexts.map(({ name }) => name)));
    context.value = asked;
    draw();
  };

  return {
    element: h('div', { class: 'room' }, h('div', { class: 'column' }, top('Search'), form, state, results, after)),
    enter: ({ query }) => {
      isShown = true;
      box.value = query.get('q') ?? '';
      const asked = (query.get('in') ?? '').split(',');
      for (const { input } of kinds) input.checked = asked.includes(input.value);
      context.dataset.wanted = query.get('context') ?? '';
      if (box.value === '') searching.clear();
      attempt(
        listContexts().then(() => {
          delete context.dataset.wanted;
          if (box.value !== '') begin();
        }),
      );
      draw();
    },
    leave: () => {
      isShown = false;
      end();
    },
    focus: () => box.focus(),
  };
}

function sentence({ state, hits }: Searching, text: string): string {
  const found = counted(hits.length, 'hit');
  switch (state) {
    case 'idle':
      return [...text].length === 1 ? 'One letter finds a lot: press Enter to search for it.' : '';
    case 'searching':
      return hits.length === 0 ? 'Searching…' : `Searching… ${found} so far.`;
    case 'paused':
      return `The best ${found}; there are more.`;
    case 'done':
      return hits.length === 0 ? `Nothing was found for “${text}”.` : `${found}.`;
    case 'stopped':
      return hits.length === 0 ? 'Stopped.' : `Stopped after ${found}.`;
    case 'failed':
      return 'The search failed.';
  }
}

/** Draws hits that came since; those that are shown stay the elements they are. */
function drawHits(place: HTMLElement, hits: SearchHit[]): void {
  const keep = [...place.children].findIndex((shown, index) => shownHits.get(shown) !== hits[index]);
  if (keep >= 0) for (const old of [...place.children].slice(keep)) old.remove();
  for (const hit of hits.slice(place.children.length)) {
    const element = hitItem(hit);
    shownHits.set(element, hit);
    place.append(element);
  }
}

const shownHits = new WeakMap<Element, SearchHit>();

function hitItem(hit: SearchHit): HTMLElement {
  const { one } = KINDS[hit.kind];
  const name = hit.title === undefined || hit.title === '' ? `Untitled ${one}` : hit.title;
  const to = addressOf(hit);
  return h(
    'li',
    { class: 'hit', 'data-kind': hit.kind },
    h(
      'p',
      { class: 'hit-top' },
      badge(hit.role === undefined ? one : `${one} · ${hit.role}`, hit.kind),
      to === undefined ? h('span', { class: 'hit-title' }, name) : h('a', { class: 'hit-title', href: to }, name),
    ),
    h('p', { class: 'snippet' }, ...marked(hit.snippet)),
    h('p', { class: 'note' }, [hit.context, day(hit.at)].filter((part) => part !== '').join(' · ')),
  );
}

/** Where a hit leads; nowhere for what stands alone. */
function addressOf({ kind, id, conversationId, constructId, context, title }: SearchHit): string | undefined {
  switch (kind) {
    case 'messages':
    case 'reasoning':
      return hashOf('chat', [conversationId ?? ''], { message: id });
    case 'conversations':
      return hashOf('chat', [id]);
    case 'charts':
      return hashOf('charts', [context], { entity: title });
    case 'constructs':
      return hashOf('agents', [id]);
    case 'sessions':
    case 'artifacts':
      return constructId === undefined ? undefined : hashOf('agents', [constructId]);
    case 'learnings':
      return hashOf('learnings', [id]);
  }
}

function marked({ text, marks }: Snippet): Node[] {
  const nodes: Node[] = [];
  let from = 0;
  for (const [start, end] of marks) {
    nodes.push(document.createTextNode(text.slice(from, start)), h('mark', {}, text.slice(start, end)));
    from = end;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

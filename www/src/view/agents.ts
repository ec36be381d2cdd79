// Constructs: what agents work on and in, and what happened there.

import type { Artifact, Construct, ConstructStatus, Session, TimelineEvent } from '../../../pkg/index.js';
import { AgentDesk, CONSTRUCT_CHANGES, type LinkSeen, SESSION_CHANGES, type SessionChange } from '../agents.js';
import { announce, h, redraw, oncePerFrame } from '../dom.js';
import { exampleConstructs } from '../examples.js';
import type { Room, Tools } from '../rooms.js';
import { hashOf } from '../router.js';
import {
  badge,
  button,
  choice,
  day,
  empty,
  entered,
  field,
  formDialog,
  lineForm,
  moment,
  namedButton,
  setOptions,
  top,
} from './parts.js';

const STATUSES = Object.keys(CONSTRUCT_CHANGES) as ConstructStatus[];

/** What a change of status is called when it is asked for. */
const VERBS: Record<ConstructStatus, string> = {
  pending: 'Reset',
  provisioning: 'Provision',
  ready: 'Make ready',
  failed: 'Mark as failed',
  suspended: 'Suspend',
  retired: 'Retire',
};

const SESSION_VERBS: Record<SessionChange, string> = {
  suspend: 'Suspend',
  resume: 'Resume',
  end: 'End',
  fail: 'Mark as failed',
};

const LINK_KINDS: readonly (readonly [string, string])[] = ['implements', 'follows', 'duplicates', 'relates'].map(
  (kind) => [kind, kind],
);

/** Filters that are typed in take effect when nothing was typed for so many milliseconds. */
const TYPING_PAUSE_MS = 180;

/** Makes the agents' view. */
export function makeAgentsRoom({ user, attempt, failed }: Tools): Room {
  const desk = new AgentDesk(user, () => draw());

  let timer: ReturnType<typeof setTimeout> | undefined;
  const filter = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const type = typeBox.value.trim();
      desk.filter = { status: status.value as ConstructStatus | '', type, name: nameBox.value.trim() };
      attempt(desk.read());
    }, TYPING_PAUSE_MS);
  };
  const status = choice(
    { name: 'status' },
    [['', 'Any status'], ...STATUSES.map((name) => [name, name] as const)],
    filter,
  );
  const typeBox = h('input', {
    type: 'search',
    name: 'type',
    list: 'construct-types',
    placeholder: 'any',
    on: { input: filter },
  });
  const nameBox = h('input', { type: 'search', name: 'name', placeholder: 'any', on: { input: filter } });
  const types = h('datalist', { id: 'construct-types' });
  const known = new Set<string>();

  const fresh = formDialog(
    'A new construct',
    'Create',
    [
      field('Name', h('input', { name: 'name', required: true })),
      field(
        'Type',
        h('input', { name: 'type', required: true, list: 'construct-types', placeholder: 'project, task, …' }),
      ),
      field('What is it for?', h('textarea', { name: 'description', rows: 2 }), 'It can be found by these words.'),
    ],
    async (values) => {
      const made = await desk.create(entered(values, 'type'), entered(values, 'name'), entered(values, 'description'));
      location.hash = hashOf('agents', [made.id]);
    },
  );
  const list = h('div', { class: 'split-list' });
  const detail = makeDetail(desk, attempt, failed);
  const split = h('div', { class: 'split' }, list, detail.element);
  const fill = (): void => attempt(exampleConstructs(user).then(() => desk.read()));
  const draw = oncePerFrame(() => {
    for (const { type } of desk.constructs.items) known.add(type);
    types.replaceChildren(...[...known].sort().map((value) => h('option', { value })));
    split.toggleAttribute('data-open', desk.open !== undefined);
    const { constructs, open, filter: listed } = desk;
    redraw(list, [constructs.items, open?.construct.id, constructs.hasMore, listed], () =>
      drawList(list, desk, attempt, fresh.open, fill),
    );
    detail.draw();
  });

  return {
    element: h(
      'div',
      { class: 'room' },
      h(
        'div',
        { class: 'column' },
        top('Agents', button('New construct', 'new', fresh.open, 'primary')),
        h('div', { class: 'filters' }, field('Status', status), field('Type', typeBox), field('Name', nameBox)),
        split,
      ),
      types,
      fresh.element,
    ),
    enter: ({ path: [id] }) => {
      if (id === undefined) desk.close();
      else attempt(desk.show(id).then(() => detail.focus()));
      attempt(desk.read());
    },
    leave: () => clearTimeout(timer),
    focus: () => list.closest('.room')?.querySelector('h2')?.focus(),
    refresh: () => desk.read(),
  };
}

function drawList(
  place: HTMLElement,
  desk: AgentDesk,
  attempt: Tools['attempt'],
  create: () => void,
  fill: () => void,
): void {
  if (desk.constructs.items.length === 0) {
    const { status, type, name } = desk.filter;
    place.replaceChildren(
      `${status}${type}${name}` !== ''
        ? empty('No construct is like that.')
        : empty(
            'A construct is what an agent works on: a project, a task, a repository, with its sessions and what came of them.',
            button('Make the first construct', 'first', create, 'primary'),
            button('Fill with examples', 'examples', fill),
          ),
    );
    return;
  }
  const items = desk.constructs.items.map((construct) => constructItem(construct, desk.open?.construct.id));
  const more = button('Show more', 'more', () => attempt(desk.more()), 'wide');
  place.replaceChildren(
    h('ul', { class: 'cards', 'aria-label': 'Constructs' }, ...items),
    ...(desk.constructs.hasMore ? [more] : []),
  );
}

function constructItem({ id, name, type, status, updatedAt }: Construct, open: string | undefined): HTMLElement {
  return h(
    'li',
    {},
    h(
      'a',
      {
        class: 'card',
        href: hashOf('agents', [id]),
        'aria-current': id === open ? 'true' : undefined,
        'data-focus': id,
      },
      h('span', { class: 'card-top' }, h('strong', {}, name || 'Unnamed'), badge(status)),
      h('span', { class: 'note' }, `${type} · ${day(updatedAt)}`),
    ),
  );
}

/** The open construct. Its forms stay while what they are about is drawn anew. */
function makeDetail(
  desk: AgentDesk,
  attempt: Tools['attempt'],
  failed: Tools['failed'],
): { element: HTMLElement; draw(): void; focus(): void } {
  const heading = h('h3', { tabindex: -1, class: 'detail-title' });
  const facts = h('div', { class: 'facts' });
  const purpose = h('p', {});
  const changes = h('div', { class: 'actions' });
  const reason = h('input', { 'aria-label': 'Why, for the timeline', placeholder: 'Why, for the timeline' });
  const change = h('section', { class: 'change', 'aria-label': 'Change the status' }, reason, changes);
  const sessions = h('ul', { class: 'rows', 'aria-label': 'Sessions' });
  const artifacts = h('ul', { class: 'rows', 'aria-label': 'Artifacts' });
  const links = h('ul', { class: 'rows', 'aria-label': 'Links' });
  const timeline = h('ol', { class: 'timeline', 'aria-label': 'Timeline, newest first' });
  const older = button('Show older events', 'older', () => attempt(desk.olderEvents()), 'wide');
  const others = choice({ name: 'to', 'aria-label': 'The other construct' }, []);

  const withConstruct = async (work: (construct: Construct) => Promise<void>): Promise<void> => {
    if (desk.open) await work(desk.open.construct);
  };
  const begin = lineForm(
    { label: 'Begin a session', action: 'Begin', told: 'The session has begun.' },
    [h('input', { name: 'name', 'aria-label': 'A new session', placeholder: 'A new session', required: true })],
    (values) => withConstruct((construct) => desk.beginSession(construct, entered(values, 'name'))),
    failed,
  );
  const make = lineForm(
    { label: 'Add an artifact', action: 'Add', told: 'The artifact was added.' },
    [
      h('input', { name: 'name', 'aria-label': 'A new artifact', placeholder: 'A new artifact', required: true }),
      choice(
        { name: 'kind', 'aria-label': 'Its kind' },
        ['plan', 'diff', 'log', 'file'].map((kind) => [kind, kind] as const),
      ),
    ],
    (values) =>
      withConstruct((construct) => desk.addArtifact(construct, entered(values, 'kind'), entered(values, 'name'))),
    failed,
  );
  const connect = lineForm(
    { label: 'Link it', action: 'Link', told: 'They are linked.' },
    [choice({ name: 'kind', 'aria-label': 'What the link says' }, LINK_KINDS), others],
    (values) => withConstruct((construct) => desk.link(construct, entered(values, 'kind'), entered(values, 'to'))),
    failed,
  );
  const note = lineForm(
    { label: 'Note something', action: 'Note', told: 'It is on the timeline.' },
    [h('input', { name: 'text', 'aria-label': 'A note', placeholder: 'A note for the timeline', required: true })],
    (values) => withConstruct((construct) => desk.note(construct, entered(values, 'text'))),
    failed,
  );
  const setStatus = async (construct: Construct, status: ConstructStatus): Promise<void> => {
    await desk.setStatus(construct, status, reason.value.trim());
    reason.value = '';
    announce(`${construct.name} is ${status}.`);
  };

  const body = h(
    'article',
    {},
    h('p', { class: 'way' }, h('a', { href: hashOf('agents') }, '‹ All constructs')),
    heading,
    facts,
    purpose,
    change,
    h('h4', {}, 'Sessions'),
    sessions,
    begin,
    h('h4', {}, 'Artifacts'),
    artifacts,
    make,
    h('h4', {}, 'Links'),
    links,
    connect,
    h('h4', {}, 'Timeline'),
    note,
    timeline,
    older,
  );
  const none = h('p', { class: 'note nothing' }, 'Choose a construct to see what belongs to it.');
  const element = h('div', { class: 'split-detail' }, none);

  const draw = (): void => {
    const { open } = desk;
    if (!open) {
      element.replaceChildren(...(desk.constructs.items.length > 0 ? [none] : []));
      return;
    }
    if (body.parentElement !== element) element.replaceChildren(body);
    const { construct } = open;
    const next = CONSTRUCT_CHANGES[construct.status];
    const linkable = desk.constructs.items.filter(({ id }) => id !== construct.id);
    redraw(body, [open, linkable], () => {
      heading.textContent = construct.name || 'Unnamed';
      facts.replaceChildren(
        badge(construct.status),
        badge(construct.context, 'context'),
        h('span', { class: 'note' }, `${construct.type} · since ${day(construct.createdAt)}`),
      );
      purpose.textContent = typeof construct.metadata.description === 'string' ? construct.metadata.description : '';
      change.hidden = next.length === 0;
      changes.replaceChildren(
        ...next.map((status) => button(VERBS[status], `to ${status}`, () => attempt(setStatus(construct, status)))),
      );
      fill(
        sessions,
        open.sessions.map((session) => sessionItem(session, desk, attempt)),
        'No session yet.',
      );
      begin.hidden = construct.status === 'retired';
      fill(artifacts, open.artifacts.map(artifactItem), 'Nothing came of it yet.');
      fill(links, open.links.map(linkItem), 'It stands alone.');
      connect.hidden = linkable.length === 0;
      setOptions(
        others,
        linkable.map(({ id, name }) => [id, name || 'Unnamed']),
      );
      if (others.value === '') others.selectedIndex = 0;
      fill(timeline, open.events.map(eventItem), 'Nothing happened yet.');
      older.hidden = !open.hasOlderEvents;
    });
  };
  return { element, draw, focus: () => requestAnimationFrame(() => requestAnimationFrame(() => heading.focus())) };
}

function fill(place: HTMLElement, items: HTMLElement[], nothing: string): void {
  place.replaceChildren(...(items.length > 0 ? items : [h('li', { class: 'note' }, nothing)]));
}

function sessionItem(session: Session, desk: AgentDesk, attempt: Tools['attempt']): HTMLElement {
  const { id, name, status, transcriptId, updatedAt } = session;
  const shown = name || 'Unnamed';
  return h(
    'li',
    {},
    h(
      'span',
      { class: 'row-name' },
      transcriptId === undefined ? shown : h('a', { href: hashOf('chat', [transcriptId]) }, shown),
      badge(status),
    ),
    h('span', { class: 'note' }, day(updatedAt)),
    h(
      'span',
      { class: 'row-actions' },
      ...SESSION_CHANGES[status].map((change) =>
        namedButton(SESSION_VERBS[change], `${SESSION_VERBS[change]}: ${shown}`, `${change} ${id}`, () =>
          attempt(desk.changeSession(session, change)),
        ),
      ),
    ),
  );
}

function artifactItem({ name, kind, size, createdAt }: Artifact): HTMLElement {
  const about = [kind, size === undefined ? '' : `${size.toLocaleString()} bytes`, day(createdAt)];
  return h(
    'li',
    {},
    h('span', { class: 'row-name' }, name),
    h('span', { class: 'note' }, about.filter((part) => part !== '').join(' · ')),
  );
}

function linkItem({ kind, isOut, other }: LinkSeen): HTMLElement {
  const name = h('a', { href: hashOf('agents', [other.id]) }, other.name || 'Unnamed');
  const says = h('span', { class: 'note' }, isOut ? kind : `${kind} this`);
  return h('li', {}, h('span', { class: 'row-name' }, ...(isOut ? [says, name] : [name, says])));
}

function eventItem({ kind, at, data }: TimelineEvent): HTMLElement {
  return h('li', {}, h('span', { class: 'event' }, happened(kind, data)), h('span', { class: 'note' }, moment(at)));
}

/** An event in words: what the store writes itself, a note, or whatever else an app appended. */
function happened(kind: string, data: unknown): string {
  const fields: Record<string, unknown> = typeof data === 'object' && data !== null ? { ...data } : {};
  const text = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
  if (kind === 'note') return text('text');
  if (kind === 'construct.status' || kind === 'session.status') {
    const what = kind === 'construct.status' ? 'Construct' : 'Session';
    const why = text('reason') === '' ? '' : `: ${text('reason')}`;
    return `${what}: ${[text('from'), text('to')].filter((part) => part !== '').join(' → ')}${why}`;
  }
  return data === null ? kind : `${kind} ${JSON.stringify(data)}`;
}

// Jobs: what waits, what runs, how it ended, and the worker that does it in this page.

import type { Job, JobState } from '../../../pkg/index.js';
import { announce, byId, h, redraw, showItems, oncePerFrame } from '../dom.js';
import { JobDesk, STATES, type Task, taskOf, TASKS } from '../jobs.js';
import type { Room, Tools } from '../rooms.js';
import { hashOf } from '../router.js';
import { badge, button, choice, counted, empty, moment, namedButton, top } from './parts.js';

/** Makes the jobs. The worker goes on while other views are looked at. */
export function makeJobsRoom({ user, attempt, failed }: Tools): Room {
  const desk = new JobDesk(user, () => draw(), failed);

  const worker = h(
    'button',
    {
      type: 'button',
      role: 'switch',
      class: 'switch',
      'aria-checked': 'false',
      'aria-describedby': 'worker-note',
      on: {
        click: () => {
          desk.setWorking(!desk.isWorking);
          announce(desk.isWorking ? 'The worker runs.' : 'The worker stops.');
        },
      },
    },
    'Worker',
  );
  const task = choice({ name: 'task', 'aria-label': 'What is to be done' }, Object.entries(TASKS));
  const add = (times: number) => (): void =>
    attempt(desk.enqueue(task.value as Task, times).then(() => announce(`${counted(times, 'job')} added.`)));
  const counts = h('ul', { class: 'counts', 'aria-label': 'Jobs by state' });
  const items = h('ul', { class: 'cards', 'aria-label': 'Jobs' });
  const more = button('Show more', 'more', () => attempt(desk.more()), 'wide');
  const list = h('div', {}, items, more);
  const nothing = h('div', {});
  const drawJobs = (): void => {
    showItems(items, desk.jobs.items, (job) => jobItem(job, desk, attempt));
    more.hidden = !desk.jobs.hasMore;
    redraw(nothing, [desk.jobs.items.length === 0, desk.state], () => {
      const first = button('Add the first job', 'first', add(1), 'primary');
      const fill = button('Fill with examples', 'examples', () => attempt(examples(desk)));
      const why = 'A job is work for later that is not forgotten, also when the page ends in the middle of it.';
      const explained = desk.state === '' ? empty(why, first, fill) : empty(`No job is ${desk.state}.`);
      nothing.replaceChildren(...(desk.jobs.items.length === 0 ? [explained] : []));
    });
    list.hidden = desk.jobs.items.length === 0;
  };
  const draw = oncePerFrame(() => {
    worker.setAttribute('aria-checked', String(desk.isWorking));
    // Seen from every view: work goes on behind it.
    const link = byId('views').querySelector('[data-view="jobs"]');
    if (desk.isWorking) link?.setAttribute('aria-description', 'The worker runs');
    else link?.removeAttribute('aria-description');
    redraw(counts, [[...desk.counts], desk.state], () => drawCounts(counts, desk));
    drawJobs();
  });

  return {
    element: h(
      'div',
      { class: 'room' },
      h(
        'div',
        { class: 'column' },
        top('Jobs', worker),
        h(
          'p',
          { class: 'note', id: 'worker-note' },
          'The worker runs two jobs at once, here in this page. What it is doing when the page ends is done again later.',
        ),
        h(
          'div',
          { class: 'line-form' },
          task,
          button('Add job', 'add', add(1), 'primary'),
          button('Add ten', 'add ten', add(10)),
        ),
        counts,
        list,
        nothing,
      ),
    ),
    enter: ({ path: [state] }) => {
      desk.state = STATES.find((known) => known === state) ?? '';
      attempt(desk.read());
    },
    focus: () => list.closest('.room')?.querySelector('h2')?.focus(),
    refresh: () => desk.read(),
  };
}

function drawCounts(place: HTMLElement, desk: JobDesk): void {
  const tile = (name: string, count: number, state: JobState | ''): HTMLElement =>
    h(
      'li',
      {},
      h(
        'a',
        {
          href: hashOf('jobs', state === '' ? [] : [state]),
          'aria-current': desk.state === state ? 'true' : undefined,
          'data-focus': `state ${state}`,
        },
        h('strong', {}, count.toLocaleString()),
        ' ',
        h('span', {}, name),
      ),
    );
  const all = [...desk.counts.values()].reduce((sum, count) => sum + count, 0);
  place.replaceChildren(
    tile('all', all, ''),
    ...STATES.map((state) => tile(state, desk.counts.get(state) ?? 0, state)),
  );
}

async function examples(desk: JobDesk): Promise<void> {
  await desk.enqueue('titles', 2);
  await desk.enqueue('random', 3);
  await desk.enqueue('broken', 1);
}

function jobItem(job: Job, desk: JobDesk, attempt: Tools['attempt']): HTMLElement {
  const { id, number, state, attempts, maxAttempts, error } = job;
  const task = taskOf(job);
  const name = task === undefined ? job.queue : TASKS[task];
  const act = (label: string, work: () => Promise<void>): HTMLElement =>
    namedButton(label, `${label} job ${number}: ${name}`, `${label} ${id}`, () => attempt(work()));
  return h(
    'li',
    { class: 'card', 'data-state': state },
    h('p', { class: 'card-top' }, h('strong', {}, name), badge(state)),
    h('p', { class: 'outcome-line' }, ...outcome(job)),
    error !== undefined && state !== 'done' && h('p', { class: 'error-line' }, error),
    h(
      'div',
      { class: 'facts' },
      h('span', { class: 'note' }, `No. ${number} · ${counted(attempts, 'attempt')} of ${maxAttempts}`),
      h(
        'span',
        { class: 'row-actions' },
        (state === 'queued' || state === 'running') && act('Cancel', () => desk.cancel(job)),
        (state === 'dead' || state === 'cancelled') && act('Revive', () => desk.revive(job)),
      ),
    ),
  );
}

function outcome({ state, result, runAt, attempts, endedAt }: Job): (Node | string)[] {
  const summary: unknown =
    typeof result === 'object' && result !== null && 'summary' in result ? result.summary : undefined;
  switch (state) {
    case 'queued':
      return attempts === 0 ? ['Waits for its turn.'] : ['Is tried again at ', moment(runAt), '.'];
    case 'running':
      return ['Is being done…'];
    case 'done':
      return [typeof summary === 'string' ? summary : 'Done.'];
    case 'dead':
      return ['Was given up', ...ending(endedAt)];
    case 'cancelled':
      return ['Was called off', ...ending(endedAt)];
  }
}

function ending(at: number | undefined): (Node | string)[] {
  return at === undefined ? ['.'] : [' ', moment(at), '.'];
}

// Structural tension charts: what is to be created, what is the case, and the steps between.

import type { Chart, ChartDetail, ChartPhase, ChartStatus, ChartStep } from '../../../pkg/index.js';
import { ChartDesk, type Loaded, PHASES } from '../charts.js';
import { announce, h, redraw, oncePerFrame } from '../dom.js';
import { exampleCharts } from '../examples.js';
import type { Room, Tools } from '../rooms.js';
import { hashOf } from '../router.js';
import {
  badge,
  button,
  choice,
  contextOptions,
  counted,
  empty,
  entered,
  enteredLines,
  field,
  formDialog,
  lineForm,
  namedButton,
  progressBar,
  setOptions,
  top,
} from './parts.js';

const STATUSES: readonly (readonly [ChartStatus, string])[] = [
  ['active', 'Active'],
  ['completed', 'Complete'],
  ['archived', 'Put away'],
  ['all', 'All'],
];

/** Makes the charts. */
export function makeChartsRoom({ user, attempt, failed }: Tools): Room {
  const desk = new ChartDesk(user, () => draw());

  const status = choice({ name: 'status' }, STATUSES, () => {
    desk.status = status.value as ChartStatus;
    attempt(desk.read());
  });
  const context = choice({ name: 'context' }, contextOptions([]), () => {
    desk.context = context.value;
    attempt(desk.read());
  });

  const fresh = formDialog(
    'A new chart',
    'Create',
    [
      field('What do you want to create?', h('textarea', { name: 'outcome', rows: 2, required: true })),
      field('What is the case now?', h('textarea', { name: 'reality', rows: 2, required: true })),
      field('By when?', h('input', { name: 'due', type: 'date', required: true })),
      field(
        'Steps, one a line',
        h('textarea', { name: 'steps', rows: 3 }),
        'Their dates are spread between now and then.',
      ),
      field('Context', h('input', { name: 'context', placeholder: 'default', list: 'chart-contexts' })),
    ],
    async (values) =>
      go(
        await desk.create({
          desiredOutcome: entered(values, 'outcome'),
          currentReality: entered(values, 'reality'),
          dueDate: entered(values, 'due'),
          actionSteps: enteredLines(values, 'steps'),
          context: entered(values, 'context'),
        }),
      ),
  );
  let step: ChartStep | undefined;
  const stepText = h('p', { class: 'quote' });
  const telescope = formDialog(
    'Make a chart of this step',
    'Make a chart',
    [
      stepText,
      field('What is the case now?', h('textarea', { name: 'reality', rows: 2, required: true })),
      field('Steps, one a line', h('textarea', { name: 'steps', rows: 3 })),
    ],
    async (values) => {
      if (step) go(await desk.telescope(step, entered(values, 'reality'), enteredLines(values, 'steps')));
    },
  );
  const outcome = h('textarea', { name: 'outcome', rows: 3, required: true });
  const due = h('input', { name: 'due', type: 'date' });
  const reword = formDialog(
    'Say it in other words',
    'Save',
    [field('What do you want to create?', outcome), field('By when?', due)],
    async (values) => {
      if (!desk.open) return;
      const { chart } = desk.open;
      const day = entered(values, 'due');
      await desk.reword(chart, entered(values, 'outcome'), day === dayOf(chart) ? '' : day);
    },
  );
  const report = h('div', { class: 'report', role: 'status' });
  const importing = formDialog(
    'Import a file of charts',
    'Import',
    [
      field(
        'File',
        h('input', { name: 'file', type: 'file', accept: '.jsonl,.ndjson,.json,.txt', required: true }),
        'JSON Lines, as charts are exported here and by other tools.',
      ),
      field('Into the context', h('input', { name: 'context', placeholder: 'default', list: 'chart-contexts' })),
    ],
    async (values) => {
      const file = values.get('file');
      if (!(file instanceof File)) return;
      const into = entered(values, 'context') || 'default';
      drawReport(report, file.name, into, await desk.load(await file.text(), into));
    },
  );
  const exporting = formDialog(
    'Export a context',
    'Download',
    [field('Context', h('input', { name: 'context', placeholder: 'default', list: 'chart-contexts' }))],
    (values) => download(desk, entered(values, 'context') || 'default'),
  );
  const contexts = h('datalist', { id: 'chart-contexts' });

  const list = h('div', { class: 'split-list' });
  const detail = makeDetail(desk, {
    attempt,
    failed,
    telescope: (chosen) => {
      step = chosen;
      stepText.textContent = chosen.text;
      telescope.open();
    },
    reword: ({ chart }) => {
      outcome.value = chart.desiredOutcome;
      due.value = dayOf(chart);
      reword.open();
    },
  });
  const split = h('div', { class: 'split' }, list, detail.element);

  const go = (to: { context: string; chart: string }): void => {
    location.hash = hashOf('charts', [to.context, to.chart]);
  };
  const draw = oncePerFrame(() => {
    setOptions(context, contextOptions(desk.contexts));
    contexts.replaceChildren(...desk.contexts.map((name) => h('option', { value: name })));
    split.toggleAttribute('data-open', desk.open !== undefined);
    const { charts, open, status: listed, context: within } = desk;
    const from = [charts.items, open?.chart.id, open?.chart.context, charts.hasMore, listed, within];
    redraw(list, from, () => drawList(list, desk, attempt, fresh.open, fill));
    detail.draw();
  });
  const fill = (): void => attempt(exampleCharts(user).then(() => desk.read()));

  return {
    element: h(
      'div',
      { class: 'room' },
      h(
        'div',
        { class: 'column' },
        top(
          'Charts',
          button('Import', 'import', importing.open),
          button('Export', 'export', exporting.open),
          button('New chart', 'new', fresh.open, 'primary'),
        ),
        h('div', { class: 'filters' }, field('Show', status), field('Context', context)),
        report,
        split,
      ),
      contexts,
      ...[fresh, telescope, reword, importing, exporting].map(({ element }) => element),
    ),
    enter: ({ path: [inContext, chart], query }) => {
      const entity = query.get('entity');
      if (inContext !== undefined && chart !== undefined) {
        attempt(desk.show({ context: inContext, chart }).then(() => detail.focus()));
      } else if (inContext !== undefined && entity !== null) {
        attempt(
          desk.chartOf(inContext, entity).then((found) => {
            if (!found) throw new Error(`“${entity}” in ${inContext} is a part of no chart.`);
            location.replace(hashOf('charts', [found.context, found.chart]));
          }),
        );
      } else {
        desk.close();
      }
      attempt(desk.read());
    },
    leave: () => report.replaceChildren(),
    focus: () => status.closest('.room')?.querySelector('h2')?.focus(),
    refresh: () => desk.read(),
  };
}

function drawList(
  place: HTMLElement,
  desk: ChartDesk,
  attempt: Tools['attempt'],
  create: () => void,
  fill: () => void,
): void {
  if (desk.charts.items.length === 0) {
    const isFiltered = desk.status !== 'active' || desk.context !== '';
    place.replaceChildren(
      isFiltered
        ? empty('No chart is like that.')
        : empty(
            'A chart holds what you want to create beside what is the case now; the steps between follow from both.',
            button('Make the first chart', 'first', create, 'primary'),
            button('Fill with examples', 'examples', fill),
          ),
    );
    return;
  }
  const byContext = Map.groupBy(desk.charts.items, (chart) => chart.context);
  const groups = [...byContext].map(([name, charts]) =>
    h(
      'section',
      { 'aria-label': `Charts in ${name}` },
      h('h3', {}, name),
      h('ul', { class: 'cards' }, ...charts.map((chart) => chartItem(chart, desk.open))),
    ),
  );
  const more = button('Show more', 'more', () => attempt(desk.more()), 'wide');
  place.replaceChildren(...groups, ...(desk.charts.hasMore ? [more] : []));
}

function chartItem(chart: Chart, open: ChartDetail | undefined): HTMLElement {
  const { id, context, title, dueDate, progress, archived, completed } = chart;
  const isOpen = open?.chart.id === id && open.chart.context === context;
  const { nextStep } = progress;
  return h(
    'li',
    {},
    h(
      'a',
      {
        class: 'card',
        href: hashOf('charts', [context, id]),
        'aria-current': isOpen ? 'true' : undefined,
        'data-focus': `${context}/${id}`,
      },
      h('strong', {}, title),
      progressBar(progress.done, progress.total, `Steps done of ${title}`),
      h(
        'span',
        { class: 'note' },
        [
          completed ? 'complete' : archived ? 'put away' : dueDate && `due ${shortDate(dueDate)}`,
          progress.subCharts > 0 && counted(progress.subCharts, 'sub-chart'),
          !completed && nextStep && `next: ${nextStep.text}`,
        ]
          .filter((part) => part)
          .join(' · '),
      ),
    ),
  );
}

interface DetailActions {
  attempt: Tools['attempt'];
  failed: Tools['failed'];
  telescope(step: ChartStep): void;
  reword(detail: ChartDetail): void;
}

/** The open chart. Its forms stay while what they are about is drawn anew. */
function makeDetail(
  desk: ChartDesk,
  { attempt, failed, telescope, reword }: DetailActions,
): { element: HTMLElement; draw(): void; focus(): void } {
  const heading = h('h3', { tabindex: -1, class: 'detail-title' });
  const way = h('p', { class: 'way' });
  const facts = h('div', { class: 'facts' });
  const warnings = h('ul', { class: 'warnings', role: 'status', 'aria-label': 'To reconsider' });
  const outcome = h('p', { class: 'outcome' });
  const steps = h('ol', { class: 'steps', 'aria-label': 'Steps' });
  const reality = h('ul', { class: 'reality', 'aria-label': 'Current reality' });
  const phases = h('div', { class: 'segments', role: 'group', 'aria-label': 'Phase' });
  const actions = h('div', { class: 'actions' });
  const withChart = async (work: (chart: Chart) => Promise<void>): Promise<void> => {
    if (desk.open) await work(desk.open.chart);
  };
  const addStep = lineForm(
    { label: 'Add a step', action: 'Add step', told: 'The step was added.' },
    [
      h('input', { name: 'text', 'aria-label': 'A further step', placeholder: 'A further step', required: true }),
      h('input', { name: 'due', type: 'date', 'aria-label': 'Due, if not midway' }),
    ],
    (values) => withChart((chart) => desk.addStep(chart, entered(values, 'text'), entered(values, 'due'))),
    failed,
  );
  const observe = lineForm(
    { label: 'Add what is the case', action: 'Add', told: 'The current reality has grown.' },
    [
      h('input', {
        name: 'text',
        'aria-label': 'What is the case now',
        placeholder: 'What is the case now',
        required: true,
      }),
    ],
    (values) => withChart((chart) => desk.observe(chart, entered(values, 'text'))),
    failed,
  );
  const body = h(
    'article',
    { class: 'chart' },
    way,
    heading,
    facts,
    warnings,
    h(
      'div',
      { class: 'tension' },
      h('section', { class: 'pole', 'aria-label': 'Desired outcome' }, h('h4', {}, 'Desired outcome'), outcome),
      h('section', { class: 'between', 'aria-label': 'Between' }, h('h4', {}, 'Steps'), steps, addStep),
      h('section', { class: 'pole' }, h('h4', {}, 'Current reality'), reality, observe),
    ),
    h('div', { class: 'facts' }, h('span', { class: 'note' }, 'Phase'), phases, actions),
  );
  const none = h('p', { class: 'note nothing' }, 'Choose a chart to see what it is made of.');
  const element = h('div', { class: 'split-detail' }, none);

  const draw = (): void => {
    const { open } = desk;
    if (!open) {
      element.replaceChildren(...(desk.charts.items.length > 0 ? [none] : []));
      return;
    }
    if (body.parentElement !== element) element.replaceChildren(body);
    const { chart, currentReality } = open;
    redraw(body, [open, [...desk.below], desk.warnings], () => {
      way.replaceChildren(...wayTo(chart));
      heading.textContent = chart.title;
      facts.replaceChildren(
        progressBar(chart.progress.done, chart.progress.total, `Steps done of ${chart.title}`),
        badge(chart.completed ? 'complete' : chart.archived ? 'put away' : 'active'),
        badge(chart.context, 'context'),
        h('span', { class: 'note' }, summary(chart)),
      );
      warnings.replaceChildren(...desk.warnings.map(({ message }) => h('li', {}, message)));
      outcome.textContent = chart.desiredOutcome;
      steps.replaceChildren(
        ...open.steps.map((step) =>
          stepItem(
            step,
            desk,
            (check) => attempt(complete(desk, step, check)),
            () => telescope(step),
          ),
        ),
      );
      addStep.hidden = chart.completed;
      reality.replaceChildren(...currentReality.map((text) => h('li', {}, text)));
      phases.replaceChildren(
        ...PHASES.map((phase) => phaseButton(phase, chart, () => attempt(desk.setPhase(chart, phase)))),
      );
      actions.replaceChildren(
        button('Reword', 'reword', () => reword(open)),
        button(chart.archived ? 'Take up again' : 'Put away', 'archive', () =>
          attempt(desk.setArchived(chart, !chart.archived)),
        ),
      );
    });
  };
  return { element, draw, focus: () => requestAnimationFrame(() => requestAnimationFrame(() => heading.focus())) };
}

async function complete(desk: ChartDesk, step: ChartStep, check: HTMLInputElement): Promise<void> {
  try {
    await desk.completeStep(step);
  } catch (error) {
    check.checked = false;
    throw error;
  }
  const { chart } = desk.open ?? {};
  if (!chart) return;
  const { done, total } = chart.progress;
  announce(chart.completed ? 'Done, and with it the chart is complete.' : `Done: ${done} of ${total} steps.`);
}

function wayTo({ context, parentChart }: Chart): Node[] {
  const all = h('a', { href: hashOf('charts') }, '‹ All charts');
  if (parentChart === undefined) return [all];
  return [all, h('span', {}, ' · '), h('a', { href: hashOf('charts', [context, parentChart]) }, 'The chart above')];
}

function summary({ dueDate, progress }: Chart): string {
  const { subCharts, subChartsDone } = progress;
  return [
    dueDate === undefined ? '' : `due ${shortDate(dueDate)}`,
    subCharts > 0 ? `${counted(subCharts, 'sub-chart')}, ${subChartsDone} complete` : '',
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

function stepItem(
  step: ChartStep,
  desk: ChartDesk,
  done: (check: HTMLInputElement) => void,
  telescope: () => void,
): HTMLElement {
  const { name, text, dueDate, completed, subChart } = step;
  const below = subChart === undefined ? undefined : desk.below.get(subChart);
  const check: HTMLInputElement = h('input', {
    type: 'checkbox',
    'aria-label': `Done: ${text}`,
    checked: completed,
    // A step is not undone, and one that became a chart is done with it.
    disabled: completed || subChart !== undefined,
    'data-focus': `done ${name}`,
    on: { change: () => done(check) },
  });
  return h(
    'li',
    { class: 'step', 'data-done': completed ? 'true' : undefined },
    check,
    h(
      'div',
      { class: 'step-text' },
      h('span', {}, text),
      h('span', { class: 'note' }, dueDate === undefined ? '' : `due ${shortDate(dueDate)}`),
      below &&
        h(
          'span',
          { class: 'below' },
          h('a', { href: hashOf('charts', [below.context, below.id]) }, 'Its chart'),
          progressBar(below.progress.done, below.progress.total, `Steps done of ${below.title}`),
        ),
    ),
    !completed &&
      subChart === undefined &&
      namedButton('Make a chart', `Make a chart of: ${text}`, `telescope ${name}`, telescope),
  );
}

function phaseButton(phase: ChartPhase, chart: Chart, click: () => void): HTMLElement {
  return h(
    'button',
    {
      type: 'button',
      'aria-pressed': chart.phase === phase ? 'true' : 'false',
      'data-focus': `phase ${phase}`,
      on: { click },
    },
    phase,
  );
}

function drawReport(place: HTMLElement, file: string, context: string, { counts, setAside }: Loaded): void {
  const parts = [
    counted(counts.entity, 'entity', 'entities'),
    counted(counts.relation, 'relation'),
    counts.kept > 0 && `${counted(counts.kept, 'other line')} kept as they are`,
    counts.present > 0 && `${counts.present} there already`,
    counts.set_aside > 0 && `${counts.set_aside} set aside`,
  ].filter((part) => part);
  place.replaceChildren(
    h(
      'div',
      { class: 'notice' },
      h(
        'div',
        {},
        h('p', {}, h('strong', {}, `${file} → ${context}:`), ` ${parts.join(', ')}.`),
        setAside.length > 0 &&
          h('ul', {}, ...setAside.map(({ line, reason }) => h('li', {}, `Line ${line}: ${reason ?? 'not taken'}`))),
      ),
      button('Dismiss', 'dismiss', () => place.replaceChildren()),
    ),
  );
}

/** Gives a context to the browser as a file. */
async function download(desk: ChartDesk, context: string): Promise<void> {
  const parts: string[] = [];
  for await (const text of desk.lines(context)) parts.push(text);
  const address = URL.createObjectURL(new Blob(parts, { type: 'application/x-ndjson' }));
  h('a', { href: address, download: `charts-${context}.jsonl` }).click();
  // The download has its own hold on the file by the next turn.
  setTimeout(() => URL.revokeObjectURL(address));
}

/** The day on which a chart is due, as a field for days takes it; a time of the day is left out. */
function dayOf({ dueDate }: Chart): string {
  return dueDate?.slice(0, 10) ?? '';
}

/** A date as people write it; as it was given when it is none. */
function shortDate(given: string): string {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(given);
  const date = new Date(isDay ? `${given}T00:00:00` : given);
  return Number.isNaN(date.getTime()) ? given : date.toLocaleDateString(undefined, { dateStyle: 'medium' });
}

/** Rules by which old records are let go of. */

import type { NewRetentionPolicy, RetentionAction, RetentionPolicy } from '../types.js';
import { h, table } from './dom.js';
import { Panel } from './panel.js';
import type { Context } from './panel.js';
import { word } from './strings.js';

const KINDS = ['conversations', 'constructs', 'learnings', 'jobs', 'charts'];
const ACTIONS: readonly RetentionAction[] = ['archive', 'remove', 'delete'];
const DAY_MS = 24 * 60 * 60 * 1000;

/** Makes the section; `changed` is called when something was let go of. */
export function retentionPanel(
  context: Context,
  changed: () => Promise<void>,
): { element: HTMLElement; refresh(): Promise<void> } {
  const { store, say } = context;
  const panel = new Panel(context, 'retention', say('policies'));
  const labelOf = (action: RetentionAction): string => word(say, `action.${action}`, action);
  const run = async ({ policy }: RetentionPolicy): Promise<void> => {
    const { ids, action, more } = await store.retention.rehearse({ policy, limit: 1000 });
    if (ids.length === 0) return panel.tell(say('nothingToRun'));
    const question = say(more ? 'confirmRunMore' : 'confirmRun', { action: labelOf(action), count: ids.length });
    if (!(await panel.confirm(question, say('run')))) return;
    let count = 0;
    const isDone = await panel.run(
      say('run'),
      async (signal, step) => {
        for (let goesOn = true; goesOn;) {
          const slice = await store.retention.run({ policy }, { signal });
          count += slice.ids.length;
          step({ done: count, total: more ? undefined : ids.length });
          goesOn = slice.more;
        }
        return true;
      },
      say('stopped'),
    );
    if (isDone) panel.tell(say('ran', { count }));
    await changed();
  };
  const remove = async ({ policy }: RetentionPolicy): Promise<void> => {
    await store.retention.remove({ policy });
    await refresh();
  };
  const kind = h(
    'select',
    { part: 'select' },
    ...KINDS.map((value) => h('option', { value }, word(say, `kind.${value}`, value))),
  );
  const action = h('select', { part: 'select' }, ...ACTIONS.map((value) => h('option', { value }, labelOf(value))));
  const days = h('input', { type: 'number', min: 1, value: 365, part: 'input' });
  const add = async (): Promise<void> => {
    const made: NewRetentionPolicy = {
      kind: kind.value,
      action: ACTIONS.find((value) => value === action.value) ?? 'archive',
      ageMs: days.valueAsNumber * DAY_MS,
    };
    await store.retention.create(made);
    await refresh();
  };
  const list = h('div');
  const refresh = async (): Promise<void> => {
    const { items } = await store.retention.list({ limit: 1000 });
    const rows = items.map((policy) => {
      const values = { action: labelOf(policy.action), days: Math.round(policy.ageMs / DAY_MS) };
      const text = say('policyText', { ...values, kind: word(say, `kind.${policy.kind}`, policy.kind) });
      const named = (label: string): { 'aria-label': string } => ({ 'aria-label': `${label}: ${text}` });
      const buttons = h(
        'div',
        { class: 'row' },
        panel.button(say('run'), () => run(policy), named(say('run'))),
        panel.button(say('remove'), () => remove(policy), named(say('remove'))),
      );
      return [text, buttons];
    });
    panel.show(
      list,
      rows.length > 0 ? table(say('policyList'), [say('policy'), say('actions')], rows) : h('p', {}, say('noPolicies')),
    );
  };
  panel.body.append(
    list,
    h(
      'div',
      { class: 'row' },
      h('label', {}, say('records'), kind),
      h('label', {}, say('action'), action),
      h('label', {}, say('days'), days),
      panel.button(say('addPolicy'), add),
    ),
  );
  return { element: panel.element, refresh };
}

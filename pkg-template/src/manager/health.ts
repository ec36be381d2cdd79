/** Checks of what is stored, and repairs. */

import type { HealthFinding } from '../types.js';
import { h, table } from './dom.js';
import { Panel } from './panel.js';
import type { Context } from './panel.js';

/** Makes the section; `changed` is called when something was repaired. */
export function healthPanel(context: Context, changed: () => Promise<void>): HTMLElement {
  const { store, say } = context;
  const panel = new Panel(context, 'health', say('health'));
  const shown = h('div');
  const show = (findings: HealthFinding[]): void => {
    const rows = findings.map(({ message, repair }) => [message, repair]);
    const button = panel.button(say('repair'), repair);
    panel.show(
      shown,
      ...(rows.length > 0 ? [table(say('findingsTable'), [say('finding'), say('remedyText')], rows), button] : []),
    );
  };
  const check = async (): Promise<void> => {
    const report = await panel.run(say('checking'), (signal, step) =>
      store.health.check({ depth: 'normal', onProgress: step }, { signal }),
    );
    if (!report) return;
    show(report.findings);
    panel.tell(report.findings.length > 0 ? say('findings', { count: report.findings.length }) : say('sound'));
  };
  const repair = async (): Promise<void> => {
    if (!(await panel.confirm(say('confirmRepair'), say('repair')))) return;
    const done = await panel.run(
      say('repairing'),
      (signal, step) => store.health.repair({ onProgress: step }, { signal }),
      say('stopped'),
    );
    if (!done) return;
    show(done.left);
    panel.tell(say('repaired', { repaired: done.repaired.length, left: done.left.length }));
    if (done.lost.length > 0) context.alert(say('recoveredLost', { lost: done.lost.join(', ') }));
    await changed();
  };
  panel.body.append(h('div', { class: 'row' }, panel.button(say('check'), check)), shown);
  return panel.element;
}

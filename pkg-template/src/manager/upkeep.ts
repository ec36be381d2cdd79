/** What keeps the store small and in order: by itself, and when it is asked to. */

import { StrongroomError } from '../errors.js';
import type { Upkeep } from '../types.js';
import { formatBytes, h, table } from './dom.js';
import { Panel } from './panel.js';
import type { Context, Step } from './panel.js';
import { word } from './strings.js';
import type { Say } from './strings.js';

/** How often it is looked what the store is doing by itself. */
const LOOK_MS = 1000;

/** Makes the section; `changed` is called when room was freed or the database was updated. `stop` ends looking. */
export function upkeepPanel(
  context: Context,
  changed: () => Promise<void>,
): { element: HTMLElement; refresh(): Promise<void>; stop(): void } {
  const { store, say } = context;
  const panel = new Panel(context, 'clean-up', say('cleanUp'));
  const works = h('ul', { class: 'works', part: 'upkeep', 'aria-label': say('upkeep') });
  const freeable = h('div');
  const schema = h('div');
  panel.body.append(works, freeable, schema);

  const run = async <T>(
    label: string,
    work: (signal: AbortSignal, step: Step) => Promise<T>,
    told: (done: T) => string,
  ): Promise<void> => {
    const done = await panel.run(label, work, say('stopped'));
    await changed();
    if (done) panel.tell(told(done));
  };
  const freed = ({ bytes }: { bytes: number }): string => say('collected', { bytes: formatBytes(bytes) });
  const collect = (): Promise<void> =>
    run(say('collecting'), (signal, step) => store.retention.collect({ onProgress: step }, { signal }), freed);
  const compact = (): Promise<void> =>
    run(say('compacting'), (signal, step) => store.health.compact({ onProgress: step }, { signal }), freed);
  const migrate = (to: number): Promise<void> =>
    run(
      say('migrating'),
      (signal, step) => store.migrations.migrate({ to, onProgress: step }, { signal }),
      () => say('migrated', { version: to }),
    );
  const refresh = async (): Promise<void> => {
    const [reclaimable, migrations] = await Promise.all([store.health.reclaimable(), store.migrations.status()]);
    const rows = reclaimable
      .filter(({ bytes }) => bytes > 0)
      .map(({ remedy, bytes }) => [word(say, `remedy.${remedy}`, remedy), formatBytes(bytes)]);
    panel.show(
      freeable,
      rows.length > 0
        ? table(say('reclaimable'), [say('remedy'), say('size')], rows)
        : h('p', {}, say('nothingToFree')),
      h(
        'div',
        { class: 'row' },
        panel.button(say('refresh'), refresh),
        panel.button(say('compact'), compact),
        panel.button(say('collect'), collect),
      ),
    );
    const version = migrations.filter(({ appliedAt }) => appliedAt !== undefined).length;
    const latest = migrations.length;
    panel.show(
      schema,
      ...(version === latest
        ? []
        : [h('p', {}, say('behind', { version, latest })), panel.button(say('migrate'), () => migrate(latest))]),
    );
  };

  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async (): Promise<void> => {
    try {
      const all = document.hidden ? [] : await store.health.upkeep();
      works.replaceChildren(...all.map((one) => shown(say, one)));
    } catch (error) {
      // The next look tells more, unless there can be none.
      works.replaceChildren();
      if (error instanceof StrongroomError && error.code === 'closed') return;
    }
    if (timer !== undefined) timer = setTimeout(look, LOOK_MS);
  };
  timer = setTimeout(look, LOOK_MS);
  const stop = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  return { element: panel.element, refresh, stop };
}

/** Work that is under way; a bar without a value where it is not known how far it is. */
function shown(say: Say, { work, done, total }: Upkeep): HTMLElement {
  const bar = h('progress', { part: 'progress', max: total, value: done });
  return h('li', {}, h('label', {}, word(say, `upkeep.${work}`, work), bar));
}

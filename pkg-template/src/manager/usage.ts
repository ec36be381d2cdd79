/** Where the bytes are, and how many there may be. */

import { formatBytes, h, table } from './dom.js';
import { Panel } from './panel.js';
import type { Context } from './panel.js';
import { word } from './strings.js';
import { StrongroomError } from '../errors.js';
import type { Store } from '../store.js';

/** Bars that are drawn; the table has every kind. */
const MAX_BARS = 8;

/** Makes the section. Its promise settles when it was read. */
export function usagePanel(context: Context): { element: HTMLElement; refresh(): Promise<void> } {
  const { store, say } = context;
  const panel = new Panel(context, 'usage', say('usage'));
  const persist = async (): Promise<void> => {
    await store.health.persist();
    await refresh();
  };
  const refresh = async (): Promise<void> => {
    const [usage, storage] = await Promise.all([store.health.usage(), store.health.storage()]);
    const constructs = await Promise.all(
      usage.constructs.map(async ({ constructId, bytes }) => [await nameOf(store, constructId), formatBytes(bytes)]),
    );
    const { quota, usage: used, isPersisted } = storage;
    const { contents } = usage;
    const largest = usage.kinds[0]?.bytes ?? 0;
    const named = (kind: string): string => word(say, `records.${kind}`, kind);
    const bars = usage.kinds.slice(0, MAX_BARS).map(({ kind, bytes }) => bar(named(kind), bytes, largest));
    const hasQuota = quota !== undefined && used !== undefined;
    panel.show(
      panel.body,
      h('p', {}, say('usageTotal', { bytes: formatBytes(usage.totalBytes) })),
      ...(hasQuota ? [h('p', {}, say('usageQuota', { quota: formatBytes(quota), usage: formatBytes(used) }))] : []),
      h('p', {}, say(isPersisted ? 'persisted' : 'notPersisted')),
      h('ul', { class: 'bars', part: 'chart', 'aria-hidden': 'true' }, ...bars),
      h(
        'p',
        {},
        say('saved', { shared: formatBytes(contents.sharedBytes), compressed: formatBytes(contents.compressedBytes) }),
      ),
      details(
        say('usageByKind'),
        [say('kind'), say('size')],
        usage.kinds.map(({ kind, bytes }) => [named(kind), formatBytes(bytes)]),
      ),
      ...(constructs.length === 0
        ? []
        : [details(say('usageByConstruct'), [say('construct'), say('size')], constructs)]),
      h(
        'div',
        { class: 'row' },
        panel.button(say('refresh'), refresh),
        ...(isPersisted ? [] : [panel.button(say('persist'), persist)]),
      ),
    );
  };
  return { element: panel.element, refresh };
}

/** A construct's name; its id once it is gone. */
async function nameOf(store: Store, id: string): Promise<string> {
  try {
    return (await store.constructs.get(id)).name || id;
  } catch (error) {
    if (error instanceof StrongroomError && error.code === 'not_found') return id;
    throw error;
  }
}

function bar(kind: string, bytes: number, largest: number): HTMLElement {
  const filled = h('div', { class: 'bar', part: 'bar' });
  filled.style.width = `${largest === 0 ? 0 : (bytes / largest) * 100}%`;
  return h('li', {}, h('span', {}, kind), h('div', { class: 'track' }, filled), h('span', {}, formatBytes(bytes)));
}

function details(caption: string, headings: string[], rows: string[][]): HTMLElement {
  return h('details', {}, h('summary', {}, caption), table(caption, headings, rows));
}

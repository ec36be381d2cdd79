/** The storage manager: a custom element that shows what a store holds and does what keeps it in order. */

import { backupsPanel } from './manager/backups.js';
import { h } from './manager/dom.js';
import { healthPanel } from './manager/health.js';
import type { Context } from './manager/panel.js';
import { inWords } from './manager/panel.js';
import { pruningPanel } from './manager/pruning.js';
import { retentionPanel } from './manager/retention.js';
import { Scopes } from './manager/scopes.js';
import { STRINGS, saying } from './manager/strings.js';
import type { ManagerStrings, Say } from './manager/strings.js';
import { sheet } from './manager/style.js';
import { transferPanel } from './manager/transfer.js';
import { upkeepPanel } from './manager/upkeep.js';
import { usagePanel } from './manager/usage.js';
import type { Store } from './store.js';
import type { Recovery } from './types.js';

export type { ManagerStrings } from './manager/strings.js';

let styles: CSSStyleSheet | undefined;

/**
 * `<strongroom-manager>`: usage, upkeep and clean-up, export and import, retention, health and backups of one store. Importing
 * `strongroom/manager` defines it.
 *
 * @example
 * const manager = document.querySelector('strongroom-manager');
 * manager.store = await openStore('my-app');
 */
export class StrongroomManager extends HTMLElement {
  readonly #root: ShadowRoot;
  readonly #alerts: HTMLElement = h('div', { role: 'alert', part: 'alerts' });
  #strings: ManagerStrings = STRINGS;
  #store: Store | undefined;
  #refresh: () => Promise<void> = () => Promise.resolve();
  #unlisten: (() => void)[] = [];

  /** Made by the browser. */
  constructor() {
    super();
    this.#root = this.attachShadow({ mode: 'open' });
    styles ??= sheet();
    this.#root.adoptedStyleSheets = [styles];
  }

  /** The store that is shown; nothing is shown without one. It stays the app's to close. */
  get store(): Store | undefined {
    return this.#store;
  }

  set store(store: Store | undefined) {
    this.#store = store;
    this.#draw();
  }

  /** What it says. An app sets those that it wants to change; `{name}` stands for a value. */
  get strings(): ManagerStrings {
    return this.#strings;
  }

  set strings(strings: Partial<ManagerStrings>) {
    this.#strings = { ...STRINGS, ...strings };
    this.#draw();
  }

  /** Reads again what is shown. What cannot be read is said in the element. */
  async refresh(): Promise<void> {
    await this.#refresh();
  }

  /** Called by the browser. */
  connectedCallback(): void {
    this.#draw();
  }

  /** Called by the browser. */
  disconnectedCallback(): void {
    this.#leave();
  }

  #leave(): void {
    for (const stop of this.#unlisten) stop();
    this.#unlisten = [];
  }

  #draw(): void {
    this.#leave();
    const store = this.#store;
    if (!store || !this.isConnected) return this.#root.replaceChildren();
    const say = saying(this.#strings);
    const context: Context = { store, say, alert: (text) => this.#alert(say, text) };
    const refresh = async (): Promise<void> => {
      const read = await Promise.allSettled(panels.map((panel) => panel.refresh()));
      for (const one of read) if (one.status === 'rejected') context.alert(inWords(say, one.reason));
    };
    const usage = usagePanel(context);
    const upkeep = upkeepPanel(context, refresh);
    const retention = retentionPanel(context, refresh);
    const pruning = pruningPanel(context, refresh);
    const scopes = new Scopes(store, say);
    const transfer = transferPanel(context, scopes, refresh);
    const backups = backupsPanel(context, scopes, refresh);
    const panels = [usage, upkeep, pruning, retention, transfer, backups];
    this.#refresh = refresh;
    this.#root.replaceChildren(
      this.#alerts,
      usage.element,
      upkeep.element,
      pruning.element,
      retention.element,
      transfer.element,
      backups.element,
      healthPanel(context, refresh),
    );
    this.#unlisten = [
      () => upkeep.stop(),
      store.on('recovery', (recovery) => context.alert(recovered(say, recovery))),
      store.on('trouble', ({ message }) => context.alert(say('trouble', { message }))),
      store.on('health', ({ findings }) => context.alert(say('healthAlert', { count: findings.length }))),
      store.on('backup', () => void refresh()),
      store.on('backupFolder', () => void refresh()),
    ];
    void refresh();
  }

  #alert(say: Say, text: string): void {
    const dismiss = (): void => {
      shown.remove();
      // The focus would be lost with it.
      const next = this.#alerts.querySelector('button') ?? this.#root.querySelector('h2');
      next?.focus();
    };
    const close = h('button', { type: 'button', part: 'button', click: dismiss }, say('dismiss'));
    const shown = h('div', { class: 'alert', part: 'alert' }, h('span', {}, text), close);
    this.#alerts.append(shown);
  }
}

/** What was repaired, what is lost, and where it is set aside. */
function recovered(say: Say, { damage, quarantined }: Recovery): string {
  const lost = damage.length > 0 ? [say('recoveredLost', { lost: damage.join(', ') })] : [];
  const aside = quarantined.length > 0 ? [say('recoveredAside', { files: quarantined.join(', ') })] : [];
  return [say('recovered'), ...lost, ...aside].join('\n');
}

declare global {
  interface HTMLElementTagNameMap {
    'strongroom-manager': StrongroomManager;
  }
}

customElements.define('strongroom-manager', StrongroomManager);

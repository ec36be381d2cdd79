// The two panels beside the chat. On a narrow screen one at a time lies over it; on a wide one they stand beside it.

import { byId } from './dom.js';

const NARROW = matchMedia('(max-width: 60rem)');

/** The panels. */
export interface Panels {
  /** Closes the panel that lies over the chat, and gives the focus back to what opened it. */
  close(): void;
}

/** Wires the panels to their buttons and to Escape. */
export function makePanels(): Panels {
  const app = byId('app');
  const main = byId('main');
  let opener: HTMLElement | undefined;

  const close = (): void => {
    if (app.dataset.panel === undefined) return;
    delete app.dataset.panel;
    main.inert = false;
    opener?.setAttribute('aria-expanded', 'false');
    opener?.focus();
    opener = undefined;
  };
  const toggle = (name: 'list' | 'inspector'): void => {
    const button = byId(`open-${name}`);
    if (app.dataset.panel === name) return close();
    close();
    app.dataset.panel = name;
    main.inert = NARROW.matches;
    button.setAttribute('aria-expanded', 'true');
    opener = button;
    byId(name).focus();
  };

  byId('open-list').addEventListener('click', () => toggle('list'));
  byId('open-inspector').addEventListener('click', () => toggle('inspector'));
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && NARROW.matches) close();
  });
  NARROW.addEventListener('change', close);
  if (!NARROW.matches) {
    app.dataset.panel = 'inspector';
    opener = byId('open-inspector');
    opener.setAttribute('aria-expanded', 'true');
  }
  return { close: () => NARROW.matches && close() };
}

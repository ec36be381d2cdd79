// What the store holds, and what keeps it in order: the package's own element.

import type { Store } from '../../../pkg/index.js';
import '../../../pkg/manager.js';
import { h } from '../dom.js';
import type { Room } from '../rooms.js';

/** Makes the storage room. */
export function makeStorageRoom(store: Store): Room {
  const manager = document.createElement('strongroom-manager');
  manager.store = store;
  const title = h('h2', { tabindex: -1 }, 'Storage');
  return {
    element: h('div', { class: 'room' }, h('div', { class: 'column' }, title, manager)),
    enter: () => {},
    focus: () => title.focus(),
  };
}

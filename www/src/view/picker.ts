// The files that go with the next message: chosen or dropped, and how far they are kept.

import type { Progress } from '../attachments.js';
import { h } from '../dom.js';
import { size } from './attachments.js';

/** The files of the next message. */
export interface Picker {
  /** What was chosen, in order. */
  list: HTMLElement;
  /** Opens the browser's own choice of files. */
  button: HTMLElement;
  /** What was chosen so far. */
  files(): File[];
  /** Shows how far they are kept. */
  progress: Progress;
  /** Begins anew. */
  clear(): void;
}

/** Makes a picker; files that are dropped on `place` are chosen too. */
export function makePicker(place: HTMLElement): Picker {
  let chosen: { file: File; element: HTMLElement; bar: HTMLProgressElement }[] = [];
  const list = h('ul', { class: 'chosen', 'aria-label': 'Files to send' });
  const input = h('input', {
    type: 'file',
    multiple: true,
    hidden: true,
    on: {
      change: () => {
        add([...(input.files ?? [])]);
        // The same file can be chosen again.
        input.value = '';
      },
    },
  });

  const add = (files: File[]): void => {
    for (const file of files) {
      const bar = h('progress', { max: Math.max(file.size, 1), value: 0, hidden: true, 'aria-label': file.name });
      const remove = h(
        'button',
        {
          type: 'button',
          class: 'icon quiet',
          'aria-label': `Do not send ${file.name}`,
          on: {
            click: () => {
              chosen = chosen.filter((one) => one.element !== element);
              element.remove();
            },
          },
        },
        h('span', { 'aria-hidden': 'true' }, '✕'),
      );
      const element = h(
        'li',
        {},
        h('span', { class: 'name' }, file.name),
        h('span', { class: 'size' }, size(file.size)),
        bar,
        remove,
      );
      chosen.push({ file, element, bar });
      list.append(element);
    }
  };

  place.addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    place.classList.add('dropping');
  });
  place.addEventListener('dragleave', (event) => {
    // Leaving for an element inside is not leaving.
    if (!(event.relatedTarget instanceof Node && place.contains(event.relatedTarget)))
      place.classList.remove('dropping');
  });
  place.addEventListener('drop', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    place.classList.remove('dropping');
    add([...event.dataTransfer.files]);
  });

  const button = h(
    'button',
    { type: 'button', class: 'icon quiet', 'aria-label': 'Attach files', on: { click: () => input.click() } },
    h('span', { 'aria-hidden': 'true' }, '+'),
  );
  return {
    list,
    button: h('span', {}, button, input),
    files: () => chosen.map(({ file }) => file),
    progress: (index, bytes) => {
      const one = chosen[index];
      if (!one) return;
      one.bar.hidden = false;
      one.bar.value = bytes;
    },
    clear: () => {
      chosen = [];
      list.replaceChildren();
    },
  };
}

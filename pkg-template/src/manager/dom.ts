/** Builds what the storage manager shows; data only ever becomes text nodes and attributes. */

/** Attributes of an element; `false` and `undefined` leave one out, and a function listens to the event of that name. */
export type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

/** An element with attributes, listeners and children. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/** A table with a caption, a row of headings, and rows that each begin with their heading. */
export function table(caption: string, headings: string[], rows: (Node | string)[][]): HTMLElement {
  const heading = (text: string): HTMLElement => h('th', { scope: 'col' }, text);
  const row = ([first = '', ...cells]: (Node | string)[]): HTMLElement =>
    h('tr', {}, h('th', { scope: 'row' }, first), ...cells.map((cell) => h('td', {}, cell)));
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      { part: 'table' },
      h('caption', {}, caption),
      h('thead', {}, h('tr', {}, ...headings.map(heading))),
      h('tbody', {}, ...rows.map(row)),
    ),
  );
}

/** Bytes as people read them: `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toLocaleString(undefined, { maximumFractionDigits: unit === 0 ? 0 : 1 })} ${units[unit]}`;
}

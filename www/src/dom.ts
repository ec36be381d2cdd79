// Builds elements; text always becomes text nodes.

type Listeners = { [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => void };

interface Attributes {
  [name: string]: string | number | boolean | undefined | Listeners;
  on?: Listeners;
}

/** An element with attributes, listeners and children. `false` and `undefined` leave an attribute or a child out. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { on = {}, ...attributes }: Attributes = {},
  ...children: (Node | string | undefined | false)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false || typeof value === 'object') continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener as EventListener);
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/** The page's own element with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/** Tells people who listen to the page instead of looking at it. */
export function announce(text: string): void {
  byId('announcer').textContent = text;
}

/** Runs `draw` once before the next frame, however often it is asked for. */
export function oncePerFrame(draw: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/** Draws, and gives the focus back to what stands where the focused element stood. */
export function keepingFocus(place: HTMLElement, draw: () => void): void {
  const focused = document.activeElement;
  const key = focused instanceof HTMLElement && place.contains(focused) ? focused.dataset.focus : undefined;
  draw();
  if (key === undefined) return;
  const next = place.querySelector(`[data-focus="${CSS.escape(key)}"]`);
  if (next instanceof HTMLElement) next.focus();
}

/** What each place was last drawn from. */
const drawn = new WeakMap<Element, string>();

/** Draws a place anew, unless what it is drawn from says what it said before: so a click that has begun in it lands. */
export function redraw(place: HTMLElement, from: unknown, draw: () => void): void {
  const says = JSON.stringify(from);
  if (drawn.get(place) === says) return;
  drawn.set(place, says);
  keepingFocus(place, draw);
}

/** Shows an element for each item, in order; those whose item says what it said before stay where they are, untouched. */
export function showItems<Item>(place: HTMLElement, items: Item[], make: (item: Item) => HTMLElement): void {
  const known = new Map([...place.children].map((shown) => [drawn.get(shown), shown]));
  const wanted = items.map((item) => {
    const says = JSON.stringify(item);
    const element = known.get(says) ?? make(item);
    drawn.set(element, says);
    return element;
  });
  keepingFocus(place, () => {
    for (const shown of [...place.children]) if (!wanted.includes(shown)) shown.remove();
    for (const [index, element] of wanted.entries()) {
      const there = place.children[index];
      if (there !== element) place.insertBefore(element, there ?? null);
    }
  });
}

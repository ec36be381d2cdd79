// Where in the demo one is: a view, what is open in it and what it was asked, all in the hash of the address.

/** The views, in the order in which they are offered. */
export const VIEWS = ['chat', 'search', 'charts', 'agents', 'learnings', 'jobs', 'storage'] as const;

export type ViewName = (typeof VIEWS)[number];

/** A place in the demo. */
export interface Route {
  view: ViewName;
  /** What is open in the view: ids, outermost first. */
  path: string[];
  query: URLSearchParams;
}

/** The route of a hash such as `#/search?q=word`; `undefined` for a hash that is no route. */
export function routeOf(hash: string): Route | undefined {
  if (hash === '' || hash === '#') return { view: 'chat', path: [], query: new URLSearchParams() };
  if (!hash.startsWith('#/')) return undefined;
  const [path = '', query = ''] = hash.slice(2).split('?', 2);
  const [name, ...rest] = path.split('/').filter((part) => part !== '');
  const view = VIEWS.find((known) => known === name) ?? 'chat';
  return { view, path: rest.map(decoded), query: new URLSearchParams(query) };
}

/** The hash that leads to a place. Parameters that are `undefined` or empty are left out. */
export function hashOf(view: ViewName, path: string[] = [], query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : []));
  const asked = given.length > 0 ? `?${new URLSearchParams(given).toString()}` : '';
  return `#/${[view, ...path.map(encodeURIComponent)].join('/')}${asked}`;
}

/** Says in the address where one is by now, without going anywhere. */
export function replaceHash(hash: string): void {
  if (location.hash !== hash) history.replaceState(undefined, '', hash);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A hash that somebody typed need not be well-formed; it then names nothing.
    return part;
  }
}

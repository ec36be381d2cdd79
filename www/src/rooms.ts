// The views of the demo, of which one is shown at a time.

import { StrongroomError, type UserView } from '../../pkg/index.js';
import { byId, h } from './dom.js';
import { hashOf, type Route, routeOf, type ViewName, VIEWS } from './router.js';

/** One view. */
export interface Room {
  element: HTMLElement;
  /** Shows what the route says: when the room is entered, and when the address changes inside it. */
  enter(route: Route): void;
  /** Ends what runs only to be looked at. */
  leave?(): void;
  /** Puts the focus where one begins. */
  focus(): void;
  /** Something was written: reads again what is shown. */
  refresh?(): Promise<void>;
}

/** What a room is given. */
export interface Tools {
  /** The store, as this demo's one user sees it. */
  user: UserView;
  /** Says what went wrong. */
  failed(error: unknown): void;
  /** Runs something, and says so when it fails. */
  attempt(work: Promise<unknown>): void;
}

const TITLES: Record<ViewName, string> = {
  chat: 'Chat',
  search: 'Search',
  charts: 'Charts',
  agents: 'Agents',
  learnings: 'Learnings',
  jobs: 'Jobs',
  storage: 'Storage',
};

/** Writes come in bursts; what is shown is read again once per so many milliseconds. */
const REFRESH_AFTER_MS = 120;

/** The views together. */
export interface Rooms {
  /** Something was written: the room that is shown reads again, a little later. */
  wrote(): void;
}

/** Draws the navigation. */
export function drawNavigation(): void {
  const links = VIEWS.map((name) => h('li', {}, h('a', { href: hashOf(name), 'data-view': name }, TITLES[name])));
  byId('views').replaceChildren(h('ul', {}, ...links));
}

/** Shows in `place` the room that the address names, now and whenever it changes. `left` is called at each change of rooms. */
export function makeRooms(
  place: HTMLElement,
  rooms: Record<ViewName, Room>,
  { left, failed }: { left(): void; failed(error: unknown): void },
): Rooms {
  let shown: ViewName | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = (): void => {
    const route = routeOf(location.hash);
    if (!route) return;
    const room = rooms[route.view];
    const isNew = route.view !== shown;
    if (isNew && shown) {
      rooms[shown].leave?.();
      left();
    }
    shown = route.view;
    if (isNew) mark(place, route.view, room.element);
    room.enter(route);
    if (isNew) room.focus();
  };
  addEventListener('hashchange', show);
  show();
  return {
    wrote: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        rooms[shown ?? 'chat'].refresh?.().catch((error: unknown) => {
          // What was read of a worker that ended is read again when the next one is ready.
          const isCutOff = error instanceof StrongroomError && error.code === 'indeterminate';
          if (!isCutOff) failed(error);
        });
      }, REFRESH_AFTER_MS);
    },
  };
}

function mark(place: HTMLElement, view: ViewName, element: HTMLElement): void {
  byId('app').dataset.view = view;
  for (const link of byId('views').querySelectorAll('a')) {
    if (link.dataset.view === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = view === 'chat' ? 'strongroom: an offline chat' : `${TITLES[view]} · strongroom`;
  byId('main').setAttribute('aria-label', TITLES[view]);
  place.replaceChildren(element);
}

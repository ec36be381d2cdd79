// Opens the store and puts the page together.

import { serveArtifacts, type Store } from '../../pkg/index.js';
import { byId, h } from './dom.js';
import { type Keeper, openKeeper } from './keeper.js';
import { makePanels } from './panels.js';
import { drawNavigation, makeRooms, type Tools } from './rooms.js';
import { explain } from './trouble.js';
import { scriptUrl, SERVICE_WORKER } from './trusted.js';
import { makeAgentsRoom } from './view/agents.js';
import { makeChartsRoom } from './view/charts.js';
import { makeChatRoom } from './view/chat.js';
import { type Inspector, makeInspector } from './view/inspector.js';
import { makeJobsRoom } from './view/jobs.js';
import { makeLearningsRoom } from './view/learnings.js';
import { makeSearchRoom } from './view/search.js';
import { makeStorageRoom } from './view/storage.js';

const STORE = 'demo';

const main = byId('main');
const panels = makePanels();

async function start(storage: 'opfs' | 'memory'): Promise<void> {
  setState('Opening…');
  try {
    const keeper = await openKeeper(STORE, storage, ({ done, total }) => setState(`Updating, ${done} of ${total}…`));
    await run(keeper, storage);
  } catch (error) {
    console.error(error);
    setState('Not open');
    showTrouble(error, () => void start(storage));
  }
}

async function run({ store, killWorker }: Keeper, storage: 'opfs' | 'memory'): Promise<void> {
  const notices = h('div', { class: 'notices', role: 'alert' });
  const place = h('div', { class: 'place' });
  const failed = (error: unknown): void => notice(notices, error);
  const attempt = (work: Promise<unknown>): void => void work.catch(failed);
  const opened = storage === 'memory' ? 'Nothing is kept' : 'Ready';

  const inspector = makeInspector(byId('inspector'), {
    killWorker: () => {
      inspector.say('the worker was killed');
      killWorker();
    },
    close: () => panels.close(),
  });
  inspect(store, inspector);

  const chat = await makeChatRoom(store, { panels, notices, failed, attempt });
  const tools: Tools = { user: store.as(chat.userId), failed, attempt };
  if ('serviceWorker' in navigator) serveArtifacts(tools.user);
  main.replaceChildren(notices, place);
  setState(opened);
  const rooms = makeRooms(
    place,
    {
      chat,
      search: makeSearchRoom(tools),
      charts: makeChartsRoom(tools),
      agents: makeAgentsRoom(tools),
      learnings: makeLearningsRoom(tools),
      jobs: makeJobsRoom(tools),
      storage: makeStorageRoom(store),
    },
    {
      failed,
      left: () => {
        panels.close();
        notices.replaceChildren();
      },
    },
  );
  store.on('log', ({ kind }) => kind === 'append' && rooms.wrote());
  store.on('state', ({ state }) => {
    if (state === 'ready') {
      setState(opened);
      attempt(chat.reread());
      rooms.wrote();
    } else if (state === 'restarting') setState('Restarting…');
    else if (state === 'failed') setState('Not open');
  });
}

function inspect(store: Store, inspector: Inspector): void {
  store.on('log', (event) => inspector.log(event));
  store.on('recovery', (event) =>
    inspector.say(`recovered: ${event.causes.join(', ')}; ${event.replayed} lines replayed`),
  );
  store.on('trouble', (event) => inspector.say(`${event.during}: ${event.message}`));
}

function setState(text: string): void {
  const offline = navigator.onLine ? '' : ', offline';
  const shown = byId('state');
  shown.textContent = text + offline;
  shown.dataset.state = text;
}

function notice(place: HTMLElement, error: unknown): void {
  const { title, detail } = explain(error);
  const dismiss = (): void => element.remove();
  const element = h(
    'div',
    { class: 'notice' },
    h('p', {}, h('strong', {}, title), ' ', detail),
    h('button', { type: 'button', on: { click: dismiss } }, 'Dismiss'),
  );
  place.replaceChildren(element);
}

/** Shows why the chat cannot open, in place of the chat. */
function showTrouble(error: unknown, retry: () => void): void {
  const { title, detail, action } = explain(error);
  const labels = { retry: 'Try again', memory: 'Go on without keeping', reload: 'Reload' };
  const acts = { retry, memory: () => void start('memory'), reload: () => location.reload() };
  const button =
    action && h('button', { type: 'button', class: 'primary', on: { click: acts[action] } }, labels[action]);
  main.replaceChildren(
    h('section', { class: 'trouble', role: 'alert' }, h('h2', {}, title), h('p', {}, detail), button),
  );
}

for (const event of ['online', 'offline']) {
  addEventListener(event, () => setState(byId('state').dataset.state ?? 'Ready'));
}

byId('skip').addEventListener('click', (event) => {
  // The address's hash names what is shown; the way to the content must not change it.
  event.preventDefault();
  main.focus();
});

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  navigator.serviceWorker.register(scriptUrl(SERVICE_WORKER)).catch((error: unknown) => console.warn(error));
}

drawNavigation();
await start('opfs');

// Opens the store and puts the page together.

import type { Conversation } from '../../pkg/index.js';
import { Chat, type Change } from './chat.js';
import { announce, byId, h, oncePerFrame } from './dom.js';
import { type Keeper, openKeeper } from './keeper.js';
import { makePanels } from './panels.js';
import { explain } from './trouble.js';
import { scriptUrl, SERVICE_WORKER } from './trusted.js';
import { makeComposer } from './view/composer.js';
import { makeInspector } from './view/inspector.js';
import { drawList } from './view/list.js';
import { drawAnswer, drawThread } from './view/thread.js';

const STORE = 'demo';

/** A thread scrolled to within this distance of its end stays at its end. */
const AT_END_PX = 80;

const main = byId('main');
const list = byId('list');
const panels = makePanels();

async function start(storage: 'opfs' | 'memory'): Promise<void> {
  setState('Opening…');
  try {
    const keeper = await openKeeper(STORE, storage);
    await run(keeper, storage);
  } catch (error) {
    console.error(error);
    setState('Not open');
    showTrouble(error, () => void start(storage));
  }
}

async function run({ store, killWorker }: Keeper, storage: 'opfs' | 'memory'): Promise<void> {
  const thread = h('div', { class: 'thread', tabindex: 0, role: 'region', 'aria-label': 'Messages' });
  const notices = h('div', { class: 'notices', role: 'alert' });
  let isAtEnd = true;
  const stayAtEnd = (): void => {
    if (isAtEnd) thread.scrollTop = thread.scrollHeight;
  };
  thread.addEventListener('scroll', () => {
    isAtEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < AT_END_PX;
  });
  new ResizeObserver(stayAtEnd).observe(thread);
  const attempt = (work: Promise<unknown>): void => void work.catch(failed);
  const failed = (error: unknown): void => notice(notices, error);

  const inspector = makeInspector(byId('inspector'), {
    killWorker: () => {
      inspector.say('the worker was killed');
      killWorker();
    },
    close: () => panels.close(),
  });
  store.on('log', (event) => inspector.log(event));
  store.on('recovery', (event) =>
    inspector.say(`recovered: ${event.causes.join(', ')}; ${event.replayed} lines replayed`),
  );
  store.on('trouble', (event) => inspector.say(`${event.during}: ${event.message}`));

  const redraw = (change: Change): void => {
    if (change === 'list') redrawList();
    else if (change === 'thread') redrawThread();
    else redrawAnswer();
  };
  const chat = await Chat.open(store, redraw, failed);

  const composer = makeComposer({
    send: (text) => {
      isAtEnd = true;
      askToPersist();
      attempt(chat.send(text));
    },
    stop: () => chat.currentAnswer?.stop(),
    answerFrom: (endpoint) => {
      chat.endpoint = endpoint;
    },
  });

  const redrawList = oncePerFrame(() =>
    keepingFocus(list, () =>
      drawList(list, chat, {
        open: (id) => {
          panels.close();
          isAtEnd = true;
          attempt(chat.open(id).then(() => composer.focus()));
        },
        more: () => attempt(chat.moreConversations()),
        remove: (conversation) =>
          attempt(chat.remove(conversation).then(() => offerUndo(notices, conversation, chat, attempt))),
        close: () => panels.close(),
      }),
    ),
  );
  let answered = chat.currentAnswer?.message.id;
  const redrawThread = oncePerFrame(() => {
    const fromEnd = thread.scrollHeight - thread.scrollTop;
    keepingFocus(thread, () =>
      drawThread(thread, chat, {
        older: () => attempt(chat.older()),
        edit: (message, text) => attempt(chat.edit(message, text)),
        regenerate: (message) => attempt(chat.regenerate(message)),
        continue: (message) => attempt(chat.continue(message)),
        switchTo: (id) => attempt(chat.switchBranch(id)),
      }),
    );
    thread.scrollTop = thread.scrollHeight - (isAtEnd ? 0 : fromEnd);
    const now = chat.currentAnswer?.message.id;
    composer.setAnswering(now !== undefined);
    if (now !== answered) tellAnswer(chat, answered, now);
    answered = now;
    redrawList();
  });
  const redrawAnswer = oncePerFrame(() => {
    const answering = chat.currentAnswer;
    if (!answering) return;
    drawAnswer(thread, answering);
    stayAtEnd();
  });

  store.on('state', ({ state }) => {
    if (state === 'ready') {
      setState(storage === 'memory' ? 'Nothing is kept' : 'Ready');
      attempt(chat.reread());
    } else if (state === 'restarting') setState('Restarting…');
    else if (state === 'failed') setState('Not open');
  });

  main.replaceChildren(notices, thread, composer.element);
  setState(storage === 'memory' ? 'Nothing is kept' : 'Ready');
  await chat.listConversations();
  await chat.open(chat.conversations[0]?.id);
  composer.focus();
}

/** Asks the browser, once somebody has written something, not to clear it when space runs low. */
function askToPersist(): void {
  if (typeof navigator.storage?.persist === 'function') void navigator.storage.persist().catch(() => false);
}

/** Draws, and gives the focus back to what stands where the focused element stood. */
function keepingFocus(place: HTMLElement, draw: () => void): void {
  const focused = document.activeElement;
  const key = focused instanceof HTMLElement && place.contains(focused) ? focused.dataset.focus : undefined;
  draw();
  if (key === undefined) return;
  const next = place.querySelector(`[data-focus="${CSS.escape(key)}"]`);
  if (next instanceof HTMLElement) next.focus();
}

/** Says that an answer begins, and reads it once it has ended: not every word as it comes. */
function tellAnswer(chat: Chat, before: string | undefined, now: string | undefined): void {
  if (now !== undefined) return announce('The answer is being written.');
  const ended = chat.thread.find(({ message }) => message.id === before)?.message;
  if (!ended) return;
  announce(
    ended.status === 'complete' ? `The answer: ${ended.text}` : 'The answer was interrupted. You can continue it.',
  );
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

function offerUndo(
  place: HTMLElement,
  conversation: Conversation,
  chat: Chat,
  attempt: (work: Promise<unknown>) => void,
): void {
  const undo = h(
    'button',
    {
      type: 'button',
      on: {
        click: () => {
          place.replaceChildren();
          attempt(chat.restore(conversation));
        },
      },
    },
    'Undo',
  );
  place.replaceChildren(
    h('div', { class: 'notice' }, h('p', {}, `“${conversation.title || 'Untitled'}” was deleted.`), undo),
  );
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

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  navigator.serviceWorker.register(scriptUrl(SERVICE_WORKER)).catch((error: unknown) => console.warn(error));
}

await start('opfs');

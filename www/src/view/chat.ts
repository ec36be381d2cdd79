// The chat: the list of conversations, the open one, and where messages are written.

import type { Conversation, Store } from '../../../pkg/index.js';
import { Chat, type Change } from '../chat.js';
import { announce, byId, h, keepingFocus, oncePerFrame } from '../dom.js';
import type { Panels } from '../panels.js';
import type { Room } from '../rooms.js';
import { hashOf, replaceHash } from '../router.js';
import { makeComposer } from './composer.js';
import { drawList } from './list.js';
import { drawAnswer, drawThread } from './thread.js';

/** A thread scrolled to within this distance of its end stays at its end. */
const AT_END_PX = 80;

/** What the chat needs of the page around it. */
export interface Surroundings {
  panels: Panels;
  /** Where notices are shown. */
  notices: HTMLElement;
  failed(error: unknown): void;
  attempt(work: Promise<unknown>): void;
}

/** The chat's room. */
export interface ChatRoom extends Room {
  /** Whose chat it is. */
  userId: string;
  /** Reads everything that is shown once more, as after a restart of the worker. */
  reread(): Promise<void>;
}

/** Makes the chat. Rejects when its conversations cannot be read. */
export async function makeChatRoom(store: Store, around: Surroundings): Promise<ChatRoom> {
  const { panels, notices, failed, attempt } = around;
  const list = byId('list');
  const thread = h('div', { class: 'thread', tabindex: 0, role: 'region', 'aria-label': 'Messages' });
  let isShown = false;
  let wasOpened = false;
  let isAtEnd = true;
  /** The message to show, once it is drawn. */
  let wanted: string | undefined;
  const stayAtEnd = (): void => {
    if (isAtEnd) thread.scrollTop = thread.scrollHeight;
  };
  thread.addEventListener('scroll', () => {
    isAtEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < AT_END_PX;
  });
  new ResizeObserver(stayAtEnd).observe(thread);
  // Pictures and films know their size late. These events do not bubble.
  for (const event of ['load', 'loadedmetadata']) thread.addEventListener(event, stayAtEnd, true);

  const redraw = (change: Change): void => {
    if (change === 'list') redrawList();
    else if (change === 'thread') redrawThread();
    else redrawAnswer();
  };
  const chat = await Chat.open(store, redraw, failed);

  const composer = makeComposer({
    send: (text, files, progress) => {
      isAtEnd = true;
      askToPersist();
      return chat.send(text, files, progress).catch(failed);
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
    if (isShown) sayWhere(chat);
    if (wanted !== undefined) wanted = pointOut(thread, wanted) ? undefined : wanted;
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

  /** Opens the conversation and finds the message in it. */
  const go = async (id: string | undefined, message: string | undefined): Promise<void> => {
    const isFirst = !wasOpened;
    wasOpened = true;
    if (id !== undefined && id !== chat.current?.id) await chat.open(id);
    else if (isFirst && id === undefined) await chat.open(chat.conversations[0]?.id);
    else if (isShown) sayWhere(chat);
    if (message === undefined) return;
    isAtEnd = false;
    wanted = message;
    await chat.reveal(message);
  };

  await chat.listConversations();
  return {
    userId: chat.userId,
    element: h('div', { class: 'chat' }, thread, composer.element),
    enter: ({ path: [id], query }) => {
      isShown = true;
      attempt(go(id, query.get('message') ?? undefined));
    },
    leave: () => {
      isShown = false;
    },
    focus: () => composer.focus(),
    reread: () => chat.reread(),
  };
}

function sayWhere(chat: Chat): void {
  replaceHash(hashOf('chat', chat.current ? [chat.current.id] : []));
}

/** Brings a message into view and marks it for a moment. False when it is not there. */
function pointOut(thread: HTMLElement, id: string): boolean {
  const message = thread.querySelector(`[data-message="${CSS.escape(id)}"]`);
  if (!(message instanceof HTMLElement)) return false;
  message.classList.add('pointed-out');
  message.scrollIntoView({ block: 'center' });
  return true;
}

/** Asks the browser, once somebody has written something, not to clear it when space runs low. */
function askToPersist(): void {
  if (typeof navigator.storage?.persist === 'function') void navigator.storage.persist().catch(() => false);
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

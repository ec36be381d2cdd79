// The list of conversations.

import type { Conversation } from '../../../pkg/index.js';
import type { Chat } from '../chat.js';
import { h } from '../dom.js';

/** What the list asks for. */
export interface ListActions {
  open(id?: string): void;
  more(): void;
  remove(conversation: Conversation): void;
  close(): void;
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** Draws the list anew. */
export function drawList(place: HTMLElement, chat: Chat, actions: ListActions): void {
  const items = chat.conversations.map((conversation) => {
    const isOpen = conversation.id === chat.current?.id;
    const answering = [...chat.answering.values()].some(({ message }) => message.conversationId === conversation.id);
    return h(
      'li',
      { class: isOpen ? 'is-open' : undefined },
      h(
        'button',
        {
          type: 'button',
          class: 'conversation',
          'aria-current': isOpen ? 'true' : undefined,
          'data-focus': `open ${conversation.id}`,
          on: { click: () => actions.open(conversation.id) },
        },
        h('span', { class: 'title' }, conversation.title || 'Untitled'),
        h('span', { class: 'when' }, answering ? 'answering…' : when(conversation.updatedAt)),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'icon quiet',
          'aria-label': `Delete ${conversation.title || 'Untitled'}`,
          'data-focus': `delete ${conversation.id}`,
          on: { click: () => actions.remove(conversation) },
        },
        h('span', { 'aria-hidden': 'true' }, '✕'),
      ),
    );
  });
  const top = h(
    'div',
    { class: 'panel-top' },
    h('h2', {}, 'Conversations'),
    h(
      'button',
      { type: 'button', class: 'icon only-narrow', 'aria-label': 'Close', on: { click: () => actions.close() } },
      h('span', { 'aria-hidden': 'true' }, '✕'),
    ),
  );
  const fresh = h(
    'button',
    { type: 'button', class: 'primary wide', 'data-focus': 'new', on: { click: () => actions.open() } },
    'New chat',
  );
  const more = h(
    'button',
    { type: 'button', class: 'wide', 'data-focus': 'more', on: { click: () => actions.more() } },
    'Show more',
  );
  const empty = h('p', { class: 'note' }, 'Nothing here yet. What you write is kept on this device only.');
  place.replaceChildren(
    top,
    fresh,
    items.length > 0 ? h('ul', { class: 'conversations' }, ...items) : empty,
    ...(chat.hasMoreConversations ? [more] : []),
  );
}

function when(ms: number): string {
  const date = new Date(ms);
  const today = new Date().toDateString() === date.toDateString();
  return (today ? TIME : DAY).format(date);
}

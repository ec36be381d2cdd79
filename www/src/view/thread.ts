// The open conversation: its messages, their versions, and what can be done with them.

import type { Message, Part } from '../../../pkg/index.js';
import type { Answering, Chat, Shown } from '../chat.js';
import { h } from '../dom.js';
import { joined } from '../providers.js';
import { showText } from '../text.js';
import { attachmentList, PREVIEW_BYTES } from './attachments.js';

/** What the thread asks for. */
export interface ThreadActions {
  older(): void;
  edit(message: Message, text: string): void;
  regenerate(message: Message): void;
  continue(message: Message): void;
  switchTo(id: string): void;
}

/** Draws the whole thread anew. */
export function drawThread(place: HTMLElement, chat: Chat, actions: ThreadActions): void {
  const older = h(
    'button',
    { type: 'button', class: 'older', 'data-focus': 'older', on: { click: () => actions.older() } },
    'Show older messages',
  );
  const messages = chat.thread.map((shown) => messageItem(shown, chat, actions));
  place.replaceChildren(
    ...(chat.hasOlderMessages ? [older] : []),
    ...(messages.length > 0 ? [h('ol', { class: 'messages' }, ...messages)] : [welcome()]),
  );
}

/** Draws the text of an answer that is arriving, and nothing else. */
export function drawAnswer(place: HTMLElement, answering: Answering): void {
  const content = place.querySelector(`[data-message="${CSS.escape(answering.message.id)}"] .content`);
  if (content instanceof HTMLElement) drawParts(content, answering.parts, answering.acknowledged);
}

function welcome(): HTMLElement {
  return h(
    'section',
    { class: 'welcome' },
    h('h2', {}, 'Every word is kept, as it comes'),
    h(
      'p',
      {},
      'Ask anything. The answer is a recording, streamed at the pace of a model, unless you name a server of your own. ' +
        'Reload in the middle, kill the worker, switch the network off: what was kept is there.',
    ),
  );
}

function messageItem({ message, siblings, attachments }: Shown, chat: Chat, actions: ThreadActions): HTMLElement {
  const answering = chat.answering.get(message.id);
  const content = h('div', { class: 'content' });
  drawParts(content, answering?.parts ?? joined(message.parts), answering?.acknowledged);
  const mine = message.role === 'user';
  const article = h(
    'article',
    {
      class: `message ${mine ? 'mine' : 'theirs'}`,
      'aria-label': mine ? 'You' : 'Answer',
      'aria-busy': answering ? 'true' : undefined,
      'data-message': message.id,
      'data-status': answering ? 'streaming' : message.status,
    },
    content,
    attachmentList(attachments, (artifact) => chat.preview(artifact, PREVIEW_BYTES)),
    answering ? h('p', { class: 'arriving' }, 'Answering; the coloured words are not kept yet.') : undefined,
    !answering && unfinished(message, actions),
    h(
      'div',
      { class: 'tools' },
      siblings.length > 1 && versions(message, siblings, actions),
      mine && editButton(message, content, actions),
      !mine &&
        !answering &&
        message.parentId !== undefined &&
        tool('Ask again', `again ${message.id}`, () => actions.regenerate(message)),
    ),
  );
  return h('li', {}, article);
}

function unfinished(message: Message, actions: ThreadActions): HTMLElement | undefined {
  if (message.role !== 'assistant' || message.status === 'complete') return undefined;
  const failed = message.status === 'error';
  return h(
    'p',
    { class: 'unfinished' },
    h('span', {}, failed ? 'The answer failed here.' : 'Interrupted. Everything that was kept is here.'),
    tool('Continue', `continue ${message.id}`, () => actions.continue(message)),
  );
}

function versions(message: Message, siblings: string[], actions: ThreadActions): HTMLElement {
  const at = siblings.indexOf(message.id);
  const step = (label: string, sign: string, to: string | undefined, key: string): HTMLElement =>
    h(
      'button',
      {
        type: 'button',
        class: 'icon',
        'aria-label': label,
        'aria-disabled': to === undefined ? 'true' : undefined,
        'data-focus': `${key} ${message.parentId ?? 'root'}`,
        on: { click: () => to !== undefined && actions.switchTo(to) },
      },
      h('span', { 'aria-hidden': 'true' }, sign),
    );
  return h(
    'span',
    { class: 'versions', role: 'group', 'aria-label': `Version ${at + 1} of ${siblings.length}` },
    step('Previous version', '‹', siblings[at - 1], 'previous'),
    h('span', { class: 'count', 'aria-hidden': 'true' }, `${at + 1} / ${siblings.length}`),
    step('Next version', '›', siblings[at + 1], 'next'),
  );
}

function editButton(message: Message, content: HTMLElement, actions: ThreadActions): HTMLElement {
  const button = tool('Edit', `edit ${message.id}`, () => {
    const field = h('textarea', { rows: 3, 'aria-label': 'New wording' });
    field.value = message.text;
    const end = (): void => {
      form.replaceWith(content);
      button.hidden = false;
      button.focus();
    };
    const form = h(
      'form',
      {
        class: 'edit',
        on: {
          submit: (event) => {
            event.preventDefault();
            const text = field.value.trim();
            if (text !== '' && text !== message.text) actions.edit(message, text);
            else end();
          },
          keydown: (event) => {
            if (event.key === 'Escape') end();
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
          },
        },
      },
      field,
      h(
        'div',
        { class: 'row' },
        h('button', { type: 'button', on: { click: end } }, 'Cancel'),
        h('button', { type: 'submit', class: 'primary' }, 'Send as a new version'),
      ),
    );
    content.replaceWith(form);
    button.hidden = true;
    field.focus();
  });
  return button;
}

function tool(label: string, key: string, click: () => void): HTMLButtonElement {
  return h('button', { type: 'button', class: 'tool', 'data-focus': key, on: { click } }, label);
}

/** Shows parts; of the texts, only the first `acknowledged` characters are kept so far. */
function drawParts(place: HTMLElement, parts: Part[], acknowledged = Infinity): void {
  let left = acknowledged;
  for (const [index, part] of parts.entries()) {
    const old = place.children[index];
    const reused = old instanceof HTMLElement && old.dataset.part === part.type ? old : undefined;
    const element = reused ?? partElement(part);
    if ('text' in part) {
      const body = element.querySelector('.body');
      showText(body instanceof HTMLElement ? body : element, part.text, Math.max(0, Math.min(left, part.text.length)));
      left -= part.text.length;
    }
    if (old && !reused) old.replaceWith(element);
    else if (!old) place.append(element);
  }
  for (const extra of [...place.children].slice(parts.length)) extra.remove();
}

function partElement(part: Part): HTMLElement {
  const folded = (summary: string, body: HTMLElement): HTMLElement =>
    h('details', { 'data-part': part.type }, h('summary', {}, summary), body);
  switch (part.type) {
    case 'text':
      return h('div', { 'data-part': part.type });
    case 'reasoning':
      return folded('Thoughts', h('div', { class: 'body' }));
    case 'tool_call':
      return folded(`Tool: ${part.name}`, json(part.input));
    case 'tool_result':
      return folded(part.isError ? 'The tool failed' : 'The tool answered', json(part.output));
    case 'file':
      return h('p', { 'data-part': part.type }, `File: ${part.name ?? part.mediaType ?? 'unnamed'}`);
    case 'data':
      return folded('Data', json(part.data));
  }
}

function json(value: unknown): HTMLElement {
  return h('pre', { tabindex: 0 }, h('code', {}, JSON.stringify(value, null, 2)));
}

// Where messages are written, and where the user says who answers them.

import type { Endpoint } from '../answers.js';
import { h } from '../dom.js';

/** What the composer asks for. */
export interface ComposerActions {
  send(text: string): void;
  stop(): void;
  /** `undefined`: the recordings answer. */
  answerFrom(endpoint: Endpoint | undefined): void;
}

/** The composer, and the means to tell it that an answer is arriving. */
export interface Composer {
  element: HTMLElement;
  focus(): void;
  setAnswering(answering: boolean): void;
}

/** Makes the composer. */
export function makeComposer(actions: ComposerActions): Composer {
  const field = h('textarea', {
    id: 'message',
    rows: 1,
    placeholder: 'Write a message',
    enterkeyhint: 'send',
    'aria-describedby': 'source',
    on: {
      keydown: (event) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        form.requestSubmit();
      },
    },
  });
  const button = h('button', { type: 'submit', class: 'primary send' }, 'Send');
  const source = h('span', { id: 'source' }, 'A recording answers.');
  let answering = false;
  const form = h(
    'form',
    {
      class: 'composer',
      'aria-label': 'Write',
      on: {
        submit: (event) => {
          event.preventDefault();
          if (answering) return actions.stop();
          const text = field.value.trim();
          if (text === '') return field.focus();
          field.value = '';
          actions.send(text);
        },
      },
    },
    h('label', { for: 'message', class: 'hidden' }, 'Your message'),
    h('div', { class: 'field' }, field, button),
  );
  const settings = makeSettings((endpoint) => {
    source.textContent = endpoint
      ? `${endpoint.model} at ${hostOf(endpoint.address)} answers.`
      : 'A recording answers.';
    actions.answerFrom(endpoint);
  });
  const change = h('button', { type: 'button', class: 'tool', on: { click: () => settings.showModal() } }, 'Change');
  return {
    element: h('div', { class: 'writing' }, form, h('p', { class: 'source' }, source, ' ', change), settings),
    focus: () => field.focus(),
    setAnswering: (now) => {
      answering = now;
      button.textContent = now ? 'Stop' : 'Send';
      button.classList.toggle('stop', now);
    },
  };
}

function makeSettings(chosen: (endpoint: Endpoint | undefined) => void): HTMLDialogElement {
  const input = (name: string, label: string, attributes: Record<string, string | boolean>): HTMLLabelElement =>
    h('label', {}, label, h('input', { name, autocomplete: 'off', spellcheck: 'false', ...attributes }));
  const own = h(
    'fieldset',
    {},
    h('legend', {}, 'A server of your own'),
    input('address', 'Address', { type: 'url', placeholder: 'http://localhost:11434/v1', required: true }),
    input('model', 'Model', { type: 'text', placeholder: 'llama3.2', required: true }),
    input('key', 'Key, if it needs one', { type: 'password' }),
    h(
      'p',
      { class: 'note' },
      'Any address that speaks OpenAI’s chat completions. The key is not kept anywhere: it is gone with this page.',
    ),
  );
  const form = h(
    'form',
    {
      method: 'dialog',
      on: {
        submit: (event) => {
          event.preventDefault();
          const values = new FormData(form);
          const text = (name: string): string => String(values.get(name) ?? '').trim();
          chosen({ address: text('address'), model: text('model'), key: text('key') });
          dialog.close();
        },
      },
    },
    h('h2', { id: 'settings-title' }, 'Who answers?'),
    own,
    h(
      'div',
      { class: 'row' },
      h(
        'button',
        {
          type: 'button',
          on: {
            click: () => {
              chosen(undefined);
              dialog.close();
            },
          },
        },
        'Use the recordings',
      ),
      h('button', { type: 'submit', class: 'primary' }, 'Use this server'),
    ),
  );
  const dialog = h('dialog', { 'aria-labelledby': 'settings-title' }, form);
  return dialog;
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : address;
}

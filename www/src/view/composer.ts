// Where messages are written, and where the user says who answers them.

import type { Endpoint } from '../answers.js';
import type { Progress } from '../attachments.js';
import { h } from '../dom.js';
import { makePicker } from './picker.js';

/** What the composer asks for. */
export interface ComposerActions {
  /** Resolves once the message and its files are kept, or failed. */
  send(text: string, files: File[], progress: Progress): Promise<void>;
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
          // The files of the message before are still on their way.
          if (form.ariaBusy === 'true') return;
          const text = field.value.trim();
          const files = picker.files();
          if (text === '' && files.length === 0) return field.focus();
          field.value = '';
          form.ariaBusy = 'true';
          void actions.send(text, files, picker.progress).finally(() => {
            form.ariaBusy = null;
            picker.clear();
          });
        },
      },
    },
    h('label', { for: 'message', class: 'hidden' }, 'Your message'),
  );
  const picker = makePicker(form);
  form.append(picker.list, h('div', { class: 'field' }, picker.button, field, button));
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

/** Exports and imports: what leaves the store as a file, and what comes in. */

import type { Exported } from '../backups.js';
import type { DecryptionKeys, Encryption } from '../encryption.js';
import type { ImportKind, ImportReport, OnConflict } from '../types.js';
import { h, table } from './dom.js';
import { Panel } from './panel.js';
import type { Context } from './panel.js';
import { ScopeChoice } from './scopes.js';
import type { Scopes } from './scopes.js';
import { word } from './strings.js';
import type { Say } from './strings.js';

const CHOICES: readonly OnConflict[] = ['skip', 'replace', 'keepBoth', 'newest'];

interface PickingWindow {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

/** Makes the section; `changed` is called when something came in. */
export function transferPanel(
  context: Context,
  from: Scopes,
  changed: () => Promise<void>,
): { element: HTMLElement; refresh(): Promise<void> } {
  const { store, say } = context;
  const panel = new Panel(context, 'transfer', say('transfer'));
  const takeOut = async (): Promise<void> => {
    const encrypt = encryptionBy(secret.value);
    const name = await panel.run(say('exporting'), async (signal, step) => {
      const what = { scope: scopes.scope, markdown: markdown.checked };
      return save(await store.backups.export({ ...what, ...encrypt, signal, onProgress: step }));
    });
    if (name !== undefined) panel.tell(say('exported', { name }));
  };
  const takeIn = async (files: readonly File[]): Promise<void> => {
    // One file may be encrypted; several are another program's.
    const source = files.length === 1 ? files[0]! : files;
    const keys = keysOf(secret.value);
    const rehearsed = await panel.run(say('importing'), (signal, step) =>
      store.backups.rehearse(source, { ...keys, signal, onProgress: step }),
    );
    if (!rehearsed) return;
    const choice = new ConflictChoice(say, rehearsed);
    const isWanted = await panel.confirm(say('rehearsal'), say('import'), counted(say, rehearsed), choice.element);
    if (!isWanted) return;
    const decided = { ...keys, onConflict: choice.onConflict, kinds: choice.kinds };
    const report = await panel.run(say('importing'), (signal, step) =>
      store.backups.import(source, { ...decided, signal, onProgress: step }),
    );
    if (!report) return;
    panel.tell(say('imported', { count: report.counts.reduce((sum, { added }) => sum + added, 0) }));
    panel.show(
      shown,
      counted(say, report),
      panel.button(say('saveReport'), () => saveReport(report)),
    );
    await changed();
  };
  const refused = (error: unknown): void => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'unsupported' && !secret.value) context.alert(say('needsPassphrase'));
    else if (code === 'invalid_argument' && secret.value) context.alert(say('wrongPassphrase'));
    else panel.failed(error);
  };
  const begin = (list: FileList | null | undefined): void => {
    const files = [...(list ?? [])];
    if (files.length > 0) takeIn(files).catch(refused);
  };
  const scopes = new ScopeChoice(from);
  const markdown = h('input', { type: 'checkbox' });
  const secret = h('input', { type: 'password', part: 'input', autocomplete: 'off' });
  const input = h('input', { type: 'file', part: 'file', multiple: true, change: () => begin(input.files) });
  const drop = h(
    'div',
    {
      class: 'drop',
      part: 'drop',
      dragover: (event) => {
        event.preventDefault();
        drop.classList.add('over');
      },
      dragleave: () => drop.classList.remove('over'),
      drop: (event) => {
        event.preventDefault();
        drop.classList.remove('over');
        if (event instanceof DragEvent) begin(event.dataTransfer?.files);
      },
    },
    h('label', {}, say('importFile'), input),
  );
  const shown = h('div');
  panel.body.append(
    h('div', { class: 'row' }, h('label', {}, say('passphrase'), secret), h('label', {}, say('scope'), scopes.element)),
    h('label', { class: 'inline' }, markdown, say('markdown')),
    h('div', { class: 'row' }, panel.button(say('export'), takeOut, { class: 'main' })),
    drop,
    shown,
  );
  return { element: panel.element, refresh: () => scopes.refresh() };
}

/** For whom an archive is encrypted: those whose recipients are given, or whoever knows the passphrase. */
function encryptionBy(secret: string): { encrypt?: Encryption } {
  const words = secret.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0) return {};
  const areRecipients = words.every((word) => word.startsWith('age1'));
  return { encrypt: areRecipients ? { recipients: words } : { passphrase: secret } };
}

/** What opens an encrypted archive. */
function keysOf(secret: string): DecryptionKeys {
  const word = secret.trim();
  if (word === '') return {};
  return word.startsWith('AGE-SECRET-KEY-') ? { identities: [word] } : { passphrase: secret };
}

/** What becomes of records that are there already: all of them, or those of a kind. */
class ConflictChoice {
  readonly element: HTMLElement;
  readonly #all: HTMLSelectElement;
  readonly #kinds: Map<string, HTMLSelectElement>;

  constructor(say: Say, report: ImportReport) {
    const offered = (): HTMLElement[] => CHOICES.map((value) => h('option', { value }, say(value)));
    this.#all = h('select', { part: 'select' }, ...offered());
    const kinds = new Set(report.conflicts.flatMap(({ kind }) => kind ?? []));
    this.#kinds = new Map(
      [...kinds].map((kind) => [
        kind,
        h('select', { part: 'select' }, h('option', { value: '' }, say('asAbove')), ...offered()),
      ]),
    );
    const labels = [...this.#kinds].map(([kind, select]) => h('label', {}, say('onConflictOf', { kind }), select));
    // With one kind there is nothing to tell apart.
    const more = labels.length > 1 ? labels : [];
    this.element = h('div', { class: 'row' }, h('label', {}, say('onConflict'), this.#all), ...more);
  }

  get onConflict(): OnConflict {
    return chosen(this.#all) ?? 'skip';
  }

  get kinds(): ImportKind[] {
    return [...this.#kinds].flatMap(([kind, select]) => {
      const onConflict = chosen(select);
      return onConflict ? [{ kind, onConflict }] : [];
    });
  }
}

function chosen(select: HTMLSelectElement): OnConflict | undefined {
  return CHOICES.find((value) => value === select.value);
}

/** What an import does or would do, by table. */
export function counted(say: Say, report: ImportReport): HTMLElement {
  const rows = report.counts.map(({ table: name, added, same, skipped, replaced, keptBoth }) => [
    word(say, `records.${name}`, name),
    String(added),
    String(same),
    String(skipped + replaced + keptBoth),
  ]);
  const problems = report.problemCount > 0 ? [h('p', {}, say('problems', { count: report.problemCount }))] : [];
  const found = report.formats.map(({ format, files, records, messages, skipped }) =>
    h('p', {}, say('found', { format, files, records, messages, skipped })),
  );
  return h(
    'div',
    {},
    ...found,
    table(say('rehearsal'), [say('kind'), say('added'), say('same'), say('conflicts')], rows),
    ...problems,
  );
}

/** Has the user save an archive: where they want it, or among the downloads. Resolves to its name, undefined if they did not want it. */
export async function save(archive: Exported): Promise<string | undefined> {
  const { showSaveFilePicker } = globalThis as PickingWindow;
  // Without a click shortly before, as after a long wait, a picker is refused.
  if (!showSaveFilePicker || !navigator.userActivation?.isActive) {
    await archive.download();
    return archive.name;
  }
  let file: FileSystemFileHandle;
  try {
    file = await showSaveFilePicker({ suggestedName: archive.name });
  } catch (error) {
    await archive.stream.cancel();
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    throw error;
  }
  await archive.saveTo(file);
  return file.name;
}

async function saveReport(report: ImportReport): Promise<void> {
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: 'application/json' }));
  h('a', { href: url, download: 'import-report.json' }).click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

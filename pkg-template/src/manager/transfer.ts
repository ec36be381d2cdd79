/** Exports and imports: what leaves the store as a file, and what comes in. */

import type { ImportReport, OnConflict } from '../types.js';
import type { Exported } from '../backups.js';
import { h, table } from './dom.js';
import { Panel } from './panel.js';
import type { Context } from './panel.js';
import { word } from './strings.js';
import type { Say } from './strings.js';

const CHOICES: readonly OnConflict[] = ['skip', 'replace', 'keepBoth', 'newest'];

interface PickingWindow {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

/** Makes the section; `changed` is called when something came in. */
export function transferPanel(context: Context, changed: () => Promise<void>): HTMLElement {
  const { store, say } = context;
  const panel = new Panel(context, 'transfer', say('transfer'));
  const takeOut = async (): Promise<void> => {
    const encrypt = secret.value ? { encrypt: { passphrase: secret.value } } : {};
    const name = await panel.run(say('exporting'), async (signal, step) => {
      const onProgress = ({ done, total }: { done: number; total?: number }): void => step(done, total);
      return save(await store.backups.export({ ...encrypt, signal, onProgress }));
    });
    if (name !== undefined) panel.tell(say('exported', { name }));
  };
  const takeIn = async (files: readonly File[]): Promise<void> => {
    // One file may be encrypted; several are another program's.
    const source = files.length === 1 ? files[0]! : files;
    const keys = secret.value ? { passphrase: secret.value } : {};
    const rehearsed = await panel.run(say('importing'), (signal, step) =>
      store.backups.rehearse(source, { ...keys, signal, onProgress: ({ done, total }) => step(done, total) }),
    );
    if (!rehearsed) return;
    const choice = h('select', { part: 'select' }, ...CHOICES.map((value) => h('option', { value }, say(value))));
    const chosen = h('label', {}, say('onConflict'), choice);
    const isWanted = await panel.confirm(say('rehearsal'), say('import'), counted(say, rehearsed), chosen);
    if (!isWanted) return;
    const onConflict = CHOICES.find((value) => value === choice.value) ?? 'skip';
    const report = await panel.run(say('importing'), (signal, step) =>
      store.backups.import(source, { ...keys, onConflict, signal, onProgress: ({ done, total }) => step(done, total) }),
    );
    if (!report) return;
    panel.tell(say('imported', { count: report.counts.reduce((sum, { added }) => sum + added, 0) }));
    shown.replaceChildren(
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
    h('label', {}, say('passphrase'), secret),
    h('div', { class: 'row' }, panel.button(say('export'), takeOut, { class: 'main' })),
    drop,
    shown,
  );
  return panel.element;
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

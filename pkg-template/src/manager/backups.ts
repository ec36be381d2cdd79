/** The backups that the store keeps by itself. */

import type { FolderState } from '../backup-folder.js';
import type { Backup } from '../types.js';
import { formatBytes, h, table } from './dom.js';
import { Panel } from './panel.js';
import type { Context } from './panel.js';
import { ScopeChoice } from './scopes.js';
import type { Scopes } from './scopes.js';
import type { Say } from './strings.js';
import { counted, save } from './transfer.js';

interface FolderWindow {
  showDirectoryPicker?: (options: { mode: 'readwrite' }) => Promise<FileSystemDirectoryHandle>;
}

/** Makes the section; `changed` is called when a backup was brought back. */
export function backupsPanel(
  context: Context,
  from: Scopes,
  changed: () => Promise<void>,
): { element: HTMLElement; refresh(): Promise<void> } {
  const { store, say } = context;
  const panel = new Panel(context, 'backups', say('backups'));
  const create = async (): Promise<void> => {
    const made = await panel.run(say('backingUp'), (signal, step) =>
      store.backups.create({ signal, onProgress: step }),
    );
    await refresh();
    if (made) panel.tell(say('backedUp'));
  };
  const verify = async ({ name }: Backup): Promise<void> => {
    const read = await panel.run(say('verifying'), (signal, step) =>
      store.backups.verify(name, { signal, onProgress: step }),
    );
    if (!read) return;
    panel.tell(read.findings.length > 0 ? say('damaged', { findings: read.findings.join(', ') }) : say('verified'));
  };
  const restore = async ({ name }: Backup): Promise<void> => {
    const rehearsed = await panel.run(say('restoring'), (signal, step) =>
      store.backups.rehearseRestore(name, { signal, onProgress: step }),
    );
    if (!rehearsed) return;
    if (!(await panel.confirm(say('rehearsal'), say('restore'), counted(say, rehearsed)))) return;
    const report = await panel.run(say('restoring'), (signal, step) =>
      store.backups.restore(name, { signal, onProgress: step }),
    );
    if (!report) return;
    panel.tell(say('imported', { count: report.counts.reduce((sum, { added }) => sum + added, 0) }));
    await changed();
  };
  const saveIt = async ({ name }: Backup): Promise<void> => {
    const saved = await panel.run(say('exporting'), async (signal, step) => {
      const archive = await store.backups.open(name, { signal, onProgress: step });
      return save(archive);
    });
    if (saved !== undefined) panel.tell(say('exported', { name: saved }));
  };
  const remove = async ({ name }: Backup): Promise<void> => {
    if (!(await panel.confirm(say('confirmDelete', { name }), say('remove')))) return;
    await store.backups.delete(name);
    await refresh();
  };
  const list = h('div');
  const enabled = h('input', { type: 'checkbox' });
  const daily = h('input', { type: 'number', min: 0, part: 'input' });
  const weekly = h('input', { type: 'number', min: 0, part: 'input' });
  const maxAge = h('input', { type: 'number', min: 1, part: 'input' });
  const scopes = new ScopeChoice(from);
  // What somebody fills in just now is not overwritten by what is read again.
  let isEdited = false;
  const apply = async (): Promise<void> => {
    await store.backups.configure({
      enabled: enabled.checked,
      scope: scopes.scope,
      daily: daily.valueAsNumber,
      weekly: weekly.valueAsNumber,
      ...(maxAge.value !== '' && { maxAgeDays: maxAge.valueAsNumber }),
    });
    isEdited = false;
    panel.tell(say('applied'));
  };
  const folder = h('div', { class: 'row' });
  const choose = async (): Promise<void> => {
    const { showDirectoryPicker } = globalThis as FolderWindow;
    if (!showDirectoryPicker) return;
    try {
      await store.backups.useFolder(await showDirectoryPicker({ mode: 'readwrite' }));
    } catch (error) {
      // Its user thought better of it.
      if (error instanceof DOMException && error.name === 'AbortError') return;
      throw error;
    }
    await refresh();
  };
  const leave = async (): Promise<void> => {
    await store.backups.useFolder(null);
    await refresh();
  };
  const showFolder = (state: FolderState | undefined): void => {
    const canChoose = 'showDirectoryPicker' in globalThis;
    panel.show(
      folder,
      ...(state ? [h('p', {}, folderText(say, state))] : []),
      ...(canChoose ? [panel.button(say('folder'), choose)] : []),
      ...(state ? [panel.button(say('folderEnd'), leave)] : []),
    );
  };
  const row = (backup: Backup): (Node | string)[] => {
    const button = (label: string, work: (backup: Backup) => Promise<void>): HTMLElement =>
      panel.button(label, () => work(backup), { 'aria-label': `${label}: ${backup.name}` });
    const buttons = h(
      'div',
      { class: 'row' },
      button(say('verify'), verify),
      button(say('restore'), restore),
      button(say('save'), saveIt),
      button(say('remove'), remove),
    );
    return [backup.name, new Date(backup.createdAt).toLocaleString(), formatBytes(backup.bytes), buttons];
  };
  const refresh = async (): Promise<void> => {
    const [backups, settings, copies] = await Promise.all([
      store.backups.list(),
      store.backups.settings(),
      store.backups.folder(),
      scopes.refresh(),
    ]);
    const headings = [say('backupName'), say('made'), say('size'), say('actions')];
    panel.show(
      list,
      backups.length > 0 ? table(say('backupList'), headings, backups.map(row)) : h('p', {}, say('noBackups')),
    );
    showFolder(copies);
    if (isEdited) return;
    enabled.checked = settings.enabled;
    daily.valueAsNumber = settings.daily;
    weekly.valueAsNumber = settings.weekly;
    maxAge.value = settings.maxAgeDays === undefined ? '' : String(settings.maxAgeDays);
    scopes.scope = settings.scope;
  };
  panel.body.append(
    h('div', { class: 'row' }, panel.button(say('backUp'), create, { class: 'main' })),
    list,
    h(
      'div',
      { class: 'row', input: () => (isEdited = true) },
      h('label', { class: 'inline' }, enabled, say('automatic')),
      h('label', {}, say('daily'), daily),
      h('label', {}, say('weekly'), weekly),
      h('label', {}, say('maxAge'), maxAge),
      h('label', {}, say('backupScope'), scopes.element),
      panel.button(say('apply'), apply),
    ),
    folder,
  );
  return { element: panel.element, refresh };
}

function folderText(say: Say, { name, state, message }: FolderState): string {
  if (state === 'ready') return say('folderReady', { name });
  return state === 'denied' ? say('folderDenied', { name }) : say('folderFailed', { name, message: message ?? '' });
}

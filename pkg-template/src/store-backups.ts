/** Backups that the store keeps by itself, and in a folder that the user picked. */

import { BackupFolder } from './backup-folder.js';
import type { FolderState } from './backup-folder.js';
import { Backups } from './backups.js';
import type { Exported, RehearseOptions, TakeInOptions } from './backups.js';
import { told } from './connection.js';
import type { Caller } from './groups.js';
import type { CallOptions } from './options.js';
import type {
  ArchiveScope,
  Backup,
  BackupNews,
  BackupProgress,
  BackupRequest,
  BackupSettings,
  BackupVerified,
  ExportBegun,
  ExportProgress,
  ImportReport,
  TakenArchive,
} from './types.js';

/** What is backed up, and who is told how far it is. */
export interface CreateBackupOptions extends Omit<BackupRequest, 'scope'>, CallOptions {
  /** Everything by default. */
  scope?: 'all' | ArchiveScope;
  /** Called with how far it is. */
  onProgress?: (progress: BackupProgress) => void;
}

/** Who is told how far it is. */
export interface VerifyBackupOptions extends CallOptions {
  /** Called with how far it is. */
  onProgress?: (progress: BackupProgress) => void;
}

/** Who is told how far it is. */
export interface OpenBackupOptions extends Pick<CallOptions, 'signal'> {
  /** Called with how far it is, as it is taken. */
  onProgress?: (progress: ExportProgress) => void;
}

/**
 * Backups of the whole store: archives that people own, and those that the store keeps by itself, daily and weekly, beside its
 * own files. A backup that was made or went is the event `backup`; one that failed is the event `trouble`.
 */
export class StoreBackups extends Backups {
  readonly #caller: Caller;
  readonly #folder: BackupFolder;

  /** @internal */
  constructor(caller: Caller, tellFolder: (state: FolderState) => void) {
    super(caller);
    this.#caller = caller;
    const copy = (name: string): Promise<Exported> => this.#open(name, { asItIs: true });
    this.#folder = new BackupFolder(caller.folder, { list: () => this.list(), copy, tell: tellFolder });
  }

  /** The backups there are, oldest first. */
  list(options?: CallOptions): Promise<Backup[]> {
    return this.#caller.call('backups.list', {}, options);
  }

  /**
   * Makes a backup now, while other calls go on, and reads it back. It builds on the newest one of the same, unless it is to be
   * `full`: what did not change since is not written again. Rotation leaves it alone.
   *
   * Rejects with `locked` while an export or another backup is being made, `quota_exceeded` when there is no room, and `io` when what
   * was read back is not what was written; nothing is left of it then.
   */
  create(options: CreateBackupOptions = {}): Promise<Backup> {
    const { scope, full, onProgress, ...rest } = options;
    const asked: BackupRequest = {
      ...(scope && { scope: scope === 'all' ? { kind: 'all' } : scope }),
      ...(full !== undefined && { full }),
    };
    return this.#caller.call('backups.create', asked, rest, { progress: told(onProgress) });
  }

  /** Reads a backup back, with what it builds on. Rejects with `not_found` when there is none of this name. */
  verify(name: string, options: VerifyBackupOptions = {}): Promise<BackupVerified> {
    const { onProgress, ...rest } = options;
    return this.#caller.call('backups.verify', { name }, rest, { progress: told(onProgress) });
  }

  /**
   * Brings a backup in, as `import` does an archive: nothing that was written since goes, unless `onConflict` says so.
   *
   * Rejects with `not_found` when there is none of this name, and `archive_invalid` when it, or one that it builds on, is not
   * whole.
   */
  restore(name: string, options: TakeInOptions = {}): Promise<ImportReport> {
    return this.takeIn(
      async (step) => void (await step('restore', { name })),
      options,
      options.confirm ?? (() => true),
    );
  }

  /** Says what restoring a backup would do, and changes nothing. Rejects as `restore`. */
  rehearseRestore(name: string, options: RehearseOptions = {}): Promise<ImportReport> {
    return this.restore(name, { ...options, confirm: () => false });
  }

  /** A backup as an archive that stands alone, to be saved where the user wants it. Rejects as `restore`. */
  open(name: string, options: OpenBackupOptions = {}): Promise<Exported> {
    return this.#open(name, {}, options);
  }

  /** Removes a backup. Rejects with `conflict` while another builds on it. */
  delete(name: string, options?: CallOptions): Promise<void> {
    return this.#caller.call('backups.delete', { name }, options);
  }

  /** When backups are made by themselves, and how many stay. */
  settings(options?: CallOptions): Promise<BackupSettings> {
    return this.#caller.call('backups.settings', {}, options);
  }

  /** Changes when backups are made by themselves, and how many stay. What is not named becomes what it is by default. */
  configure(settings: Partial<BackupSettings>, options?: CallOptions): Promise<void> {
    return this.#caller.call('backups.configure', settings, options);
  }

  /** The last hundred archives that left the store as files, oldest first. Erasing cannot reach them, and names them. */
  taken(options?: CallOptions): Promise<TakenArchive[]> {
    return this.#caller.call('backups.taken', {}, options);
  }

  /**
   * Keeps a copy of every backup in a folder that the user picked, from now on and whenever the store is open; null ends that, and
   * leaves the copies. When the folder is gone, or may not be written to any more, that is the event `backupFolder`, and the
   * backups beside the store go on.
   *
   * Rejects with `unsupported` where the browser cannot write to it.
   *
   * @example
   * await store.backups.useFolder(await showDirectoryPicker({ mode: 'readwrite' }));
   */
  useFolder(folder: FileSystemDirectoryHandle | null): Promise<void> {
    return this.#folder.use(folder);
  }

  /** The folder that copies are kept in, and how that goes; undefined if none is. */
  folder(): Promise<FolderState | undefined> {
    return this.#folder.state();
  }

  /** @internal Keeps the folder like the backups. */
  async follow(news?: BackupNews): Promise<void> {
    await this.#folder.follow(news);
  }

  async #open(name: string, asked: { asItIs?: boolean }, options: OpenBackupOptions = {}): Promise<Exported> {
    const { signal, onProgress } = options;
    const begun = await this.calls.call<ExportBegun>('exports.backup', { name, ...asked }, { signal });
    return this.exported(begun, signal, onProgress);
  }
}

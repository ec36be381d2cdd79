/** Archives: records and contents as files that people own, out and in. */

import { type ArtifactContent, type Calls, pieces } from './artifacts.js';
import { abortedBy, told } from './connection.js';
import { type DecryptionKeys, decrypted, type Encryption, encrypting } from './encryption.js';
import { StrongroomError } from './errors.js';
import type { CallOptions } from './options.js';
import type {
  ArchiveScope,
  ExportBegun,
  ExportProgress,
  ExportRequest,
  ImportConflict,
  ImportDecision,
  ImportOptions,
  ImportProgress,
  ImportReport,
  OnConflict,
} from './types.js';

/** What goes into an archive, and who is told how far it is. */
export interface ExportOptions extends Omit<ExportRequest, 'scope'>, Pick<CallOptions, 'signal'> {
  /** Everything by default: of the store, or of the user whose view is asked. */
  scope?: 'all' | ArchiveScope;
  /** Encrypts it with age, as it is taken; not encrypted by default. A lost passphrase or identity cannot be made good. */
  encrypt?: Encryption;
  /** Called with how far it is, as it is taken. */
  onProgress?: (progress: ExportProgress) => void;
}

/** An archive on its way out: take it once, in one of these ways. */
export interface Exported {
  /** A name for the file. */
  readonly name: string;
  /** Its bytes, made as they are taken. Cancelling it ends the export. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Writes it to a file that the user picked, or anything else that can be written to. */
  saveTo(target: WritableStream<Uint8Array> | FileSystemFileHandle): Promise<void>;
  /** All of it, which the browser holds on its disk if it is large. */
  blob(): Promise<Blob>;
  /** Has the browser save it among the user's downloads. */
  download(): Promise<void>;
}

/**
 * What is brought in: an archive or another program's export as a file, files that belong together, or a folder with all that is
 * in it. What they are is told by what is in them.
 */
export type ImportSource = Exclude<ArtifactContent, string> | readonly File[] | FileSystemDirectoryHandle;

/** What becomes of what is there already. */
export interface RehearseOptions extends ImportOptions, DecryptionKeys, Pick<CallOptions, 'signal'> {
  /**
   * Decides about a record that is there already with another content; undefined leaves it to `kinds` and `onConflict`. It may
   * look at the store's own by `storeId`.
   */
  decide?: (conflict: ImportConflict) => OnConflict | undefined | Promise<OnConflict | undefined>;
  /** Called with how far it is: receiving, checking, rehearsing, writing. */
  onProgress?: (progress: ImportProgress) => void;
}

/** The same; what was rehearsed may be looked at before it happens. */
export interface TakeInOptions extends RehearseOptions {
  /** Called with what would happen; a false answer leaves the store as it is. */
  confirm?: (report: ImportReport) => boolean | Promise<boolean>;
}

/** Backups: records and contents as files that people own. */
export class Backups {
  /** @internal */
  protected readonly calls: Calls;

  /** @internal */
  constructor(calls: Calls) {
    this.calls = calls;
  }

  /**
   * Makes an archive of the state as it is now: a zip that ordinary tools open, made while it is taken, while writes go on. With
   * `as: 'sqlite'` it is the SQLite file instead, of all records, which is not brought in again. One at a time.
   *
   * Rejects with `not_found` when there is no such record, `locked` while another export is on its way, and `invalid_argument`
   * when a passphrase is empty or a recipient is none. The stream fails
   * with `aborted` when the store had to recover meanwhile, or its `signal` says so.
   *
   * @example
   * const archive = await store.backups.export({ scope: 'all', onProgress: ({ done, total }) => show(done / total) });
   * await archive.saveTo(await showSaveFilePicker({ suggestedName: archive.name }));
   */
  async export(options: ExportOptions = {}): Promise<Exported> {
    const { scope, encrypt, onProgress, signal, ...request } = options;
    const through = encrypt && (await encrypting(encrypt));
    const asked: ExportRequest = { ...request, ...(scope && { scope: scope === 'all' ? { kind: 'all' } : scope }) };
    const begun = await this.calls.call<ExportBegun>('exports.begin', asked, { signal });
    const plain = this.exported(begun, signal, onProgress);
    if (!through) return plain;
    try {
      return asFile(`${plain.name}.age`, 'application/octet-stream', await through(plain.stream));
    } catch (error) {
      // What was begun would hold the store's log for minutes.
      await plain.stream.cancel();
      throw error;
    }
  }

  /** @internal What was begun, as a file. */
  protected exported(
    begun: ExportBegun,
    signal?: AbortSignal,
    onProgress?: (progress: ExportProgress) => void,
  ): Exported {
    const stream = new ReadableStream(new Archive(this.calls, begun.export, signal, onProgress), {
      highWaterMark: 0,
    });
    const type = begun.name.endsWith('.sqlite3') ? 'application/vnd.sqlite3' : 'application/zip';
    return asFile(begun.name, type, stream);
  }

  /**
   * Says what bringing an archive or another program's export in would do, and changes nothing. Every byte of it is checked.
   *
   * Rejects with `archive_invalid` when it is not whole or of no format that is known, `unsupported` when it is encrypted
   * and no key is given, `invalid_argument` when no given key opens it,
   * `schema_too_new` when a newer version of this package made it, and `quota_exceeded` when there is no room to look at it.
   */
  async rehearse(source: ImportSource, options: RehearseOptions = {}): Promise<ImportReport> {
    return this.takeIn(receiving(source, options), options, () => false);
  }

  /**
   * Brings an archive in (of several archives or backups of one store the newest, with those that it builds on), or an export of ChatGPT, Claude, Open WebUI, LibreChat, ShareGPT, AI SDK messages, charts as JSON Lines or
   * chunk files, zipped or not: all of it, or nothing. Records are recognised by what they are, so that bringing one in twice is
   * doing so once, and a newer export adds what is new; numbers that are taken are given anew, with every reference. Exports become
   * the records of the user `into`, or of the view's own; without either, of a user called Imported. A record of an export that is
   * broken is left out, and named among the report's `problems`; `formats` says what was found.
   *
   * While it is written no other call is answered. `signal` gives it up until all is written: nothing has happened then.
   *
   * Rejects as `rehearse`, and with `aborted` when it is given up. In the report `isDone` says whether it happened.
   *
   * @example
   * const report = await store.backups.import(file, { onConflict: 'newest', confirm: (report) => ask(report) });
   */
  async import(source: ImportSource, options: TakeInOptions = {}): Promise<ImportReport> {
    return this.takeIn(receiving(source, options), options, options.confirm ?? (() => true));
  }

  /** @internal Brings in what `begin` makes ready. */
  protected async takeIn(
    begin: (step: ImportCall) => Promise<void>,
    options: RehearseOptions,
    confirm: (report: ImportReport) => boolean | Promise<boolean>,
  ): Promise<ImportReport> {
    const { signal, onProgress, decide, decisions = [], onConflict, kinds, into } = options;
    const asked = { onConflict, kinds, into, decisions: [...decisions] };
    let progress: ImportProgress | undefined;
    const step: ImportCall = async (method, args, bytes) => {
      progress = await this.calls.call<ImportProgress>(`imports.${method}`, args, { signal }, { bytes });
      onProgress?.(progress);
      return progress;
    };
    try {
      await begin(step);
      if (!progress) throw new StrongroomError('internal', 'an archive was not received');
      const { import: id } = progress;
      for (;;) {
        const { report } = await step('step', { import: id, options: asked });
        if (!report) continue;
        const decided = decide ? await decisionsAbout(report.conflicts, decide) : [];
        if (decided.length > 0) {
          asked.decisions.push(...decided);
          continue;
        }
        if (!(await confirm(report))) return report;
        if (signal?.aborted) throw abortedBy(signal);
        // Only its answer tells whether it happened or was aborted before.
        const extras = { progress: told(onProgress), isPatient: true };
        const done = await this.calls.call<ImportReport>('imports.apply', { import: id }, { signal }, extras);
        progress = undefined;
        return done;
      }
    } finally {
      if (progress) await this.calls.call('imports.end', { import: progress.import }).catch(() => {});
    }
  }
}

/** A stream as a file that can be taken in several ways. */
function asFile(name: string, type: string, stream: ReadableStream<Uint8Array>): Exported {
  const blob = async (): Promise<Blob> => {
    const bytes = await new Response(stream).blob();
    return new Blob([bytes], { type });
  };
  return {
    name,
    stream,
    blob,
    saveTo: async (target) => stream.pipeTo('createWritable' in target ? await target.createWritable() : target),
    download: async () => {
      const url = URL.createObjectURL(await blob());
      const link = Object.assign(document.createElement('a'), { href: url, download: name });
      link.click();
      // The browser has begun to read it by then.
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
  };
}

/** @internal Asks for the next step of an import. */
export type ImportCall = (method: string, args: object, bytes?: Uint8Array) => Promise<ImportProgress>;

/** Gives files to an import, piece by piece. */
function receiving(source: ImportSource, keys: DecryptionKeys): (step: ImportCall) => Promise<void> {
  return async (step) => {
    let args: { import?: number; name?: string } = {};
    for await (const [name, content] of named(source)) {
      const hasKey = keys.passphrase !== undefined || keys.identities !== undefined;
      for await (const [bytes] of pieces(hasKey ? await decrypted(content, keys) : content, 0)) {
        const { import: id } = await step('receive', { ...args, name }, bytes);
        args = { import: id };
      }
    }
    if (args.import === undefined) throw new StrongroomError('invalid_argument', 'there is no file to be brought in');
  };
}

/** The files of what is brought in, each with its name. */
async function* named(source: ImportSource): AsyncGenerator<[string, Exclude<ArtifactContent, string>]> {
  if (Array.isArray(source)) {
    for (const file of source as readonly File[]) yield [file.webkitRelativePath || file.name, file];
  } else if (globalThis.FileSystemDirectoryHandle && source instanceof FileSystemDirectoryHandle) {
    yield* filesIn(source, '');
  } else {
    const content = source as Exclude<ArtifactContent, string>;
    yield [globalThis.File && content instanceof File ? content.name : 'received', content];
  }
}

async function* filesIn(folder: FileSystemDirectoryHandle, path: string): AsyncGenerator<[string, File]> {
  for await (const entry of folder.values()) {
    const name = `${path}${entry.name}`;
    if (entry.kind === 'file') yield [name, await (entry as FileSystemFileHandle).getFile()];
    else yield* filesIn(entry as FileSystemDirectoryHandle, `${name}/`);
  }
}

async function decisionsAbout(
  conflicts: ImportConflict[],
  decide: NonNullable<RehearseOptions['decide']>,
): Promise<ImportDecision[]> {
  const decisions: ImportDecision[] = [];
  for (const conflict of conflicts) {
    const onConflict = (await decide(conflict)) ?? conflict.onConflict;
    decisions.push({ table: conflict.table, id: conflict.id, onConflict });
  }
  return decisions;
}

/** How far an export is, and the bytes that it has come to. */
type Piece = [progress: ExportProgress, bytes: Uint8Array | undefined];

/** Reads an archive as it is asked for, one piece ahead. */
class Archive implements UnderlyingDefaultSource<Uint8Array> {
  readonly #calls: Calls;
  readonly #export: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ((progress: ExportProgress) => void) | undefined;
  #ahead: Promise<Piece> | undefined;

  constructor(
    calls: Calls,
    id: number,
    signal: AbortSignal | undefined,
    onProgress: ((progress: ExportProgress) => void) | undefined,
  ) {
    this.#calls = calls;
    this.#export = id;
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const [progress, bytes] = await (this.#ahead ?? this.#next());
      // The worker goes on while the page takes this piece.
      this.#ahead = progress.isDone ? undefined : this.#next();
      if (bytes?.length) controller.enqueue(bytes);
      this.#onProgress?.(progress);
      if (!progress.isDone) return;
      await this.cancel();
      controller.close();
    } catch (error) {
      await this.cancel();
      throw error;
    }
  }

  /** Lets go of what was held; it may be gone already. */
  async cancel(): Promise<void> {
    await this.#calls.call('exports.end', { export: this.#export }).catch(() => {});
  }

  #next(): Promise<Piece> {
    const read = (value: unknown, bytes?: Uint8Array): Piece => [value as ExportProgress, bytes];
    const options = { signal: this.#signal };
    const next = this.#calls.call('exports.next', { export: this.#export }, options, { read });
    // Whoever takes the piece hears of its error; maybe nobody does.
    next.catch(() => {});
    return next;
  }
}

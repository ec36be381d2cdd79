/** The contents of artifacts: bytes in and out, a piece at a time. */

import type { CallExtras } from './connection.js';
import { StrongroomError } from './errors.js';
import type { CallOptions, WriteOptions } from './options.js';
import type { Artifact, ArtifactRevision, Artifacts, ContentPieces, ContentWritten, NewArtifact } from './types.js';

/** Bytes of one request. */
const REQUEST_BYTES = 1 << 20;

/** Requests that are sent before the first of them is answered. */
const IN_FLIGHT = 4;

/** How often an addition is tried again because something else changed the artifact meanwhile. */
const ADDITIONS = 10;

/**
 * What an artifact can be made of. A text is kept as UTF-8. A stream is read to its end, never held as a whole. Bytes must stay
 * as they are until the call is answered.
 */
export type ArtifactContent = string | Blob | ArrayBuffer | ArrayBufferView | ReadableStream<Uint8Array>;

/** An artifact with its content. */
export interface NewArtifactContent extends NewArtifact {
  /** The content. `size` and `hash` beside it, if given, must be its own. */
  content: ArtifactContent;
}

/** How a content is written. */
export interface ContentOptions extends WriteOptions {
  /** Called with the bytes that are written so far. */
  onProgress?: (bytes: number) => void;
}

/** How another content is given to an artifact. */
export interface ReviseOptions extends ContentOptions {
  /** The version the change was made from; `conflict` when it is no longer the current one. */
  version: number;
  /** Another media type; a `Blob` brings its own. */
  mediaType?: string;
}

/** What is read of a content. */
export interface ReadOptions extends CallOptions {
  /** A revision of the content; the current one by default. */
  revision?: number;
  /** The first byte to read; 0 by default. */
  start?: number;
  /** The byte before which reading ends; the end of the content by default. */
  end?: number;
}

/** The calls for artifacts, with their contents. */
export interface ArtifactGroup extends Artifacts {
  /**
   * Keeps a content and makes an artifact of it: both, or nothing. What is kept already, of whatever artifact, is not kept
   * twice. Resolves when it survives power loss.
   *
   * Rejects with `invalid_argument` when `size` or `hash` are given and are others, and `quota_exceeded` when there is no
   * room; then nothing of it is left. The same `requestId` twice makes one artifact.
   *
   * @example
   * await store.artifacts.put({ userId: user.id, kind: 'file', name: file.name, content: file });
   */
  put(artifact: NewArtifactContent, options?: ContentOptions): Promise<Artifact>;
  /** Gives an artifact another content. The one it had stays as an earlier revision, until that is forgotten. */
  revise(id: string, content: ArtifactContent, options: ReviseOptions): Promise<Artifact>;
  /**
   * Adds to the end of the current revision, as to a log. What is there already is not written again, and whoever reads it
   * meanwhile reads on. Additions to one artifact follow each other in the order of the calls that are awaited.
   */
  append(id: string, content: ArtifactContent, options?: ContentOptions): Promise<Artifact>;
  /**
   * A content as a stream, read as it is consumed. Each piece is checked as it is read: `corrupt` when it is not what was
   * kept. Cancelling it ends the reading.
   *
   * @example
   * await store.artifacts.stream(artifact.id).pipeTo(await handle.createWritable());
   */
  stream(id: string, options?: ReadOptions): ReadableStream<Uint8Array>;
  /** A content as bytes, held as a whole. */
  bytes(id: string, options?: ReadOptions): Promise<Uint8Array>;
  /** A content as text. Bytes that are not UTF-8 become `U+FFFD`. */
  text(id: string, options?: ReadOptions): Promise<string>;
  /**
   * A content as a `Blob` with its media type. What is kept as it is (pictures, films, archives) is read when the blob is, from the
   * store's own files and unchecked, for as long as the artifact has this content; what is compressed is unpacked at once.
   * Rejects with `corrupt` when a file is missing or has another length.
   */
  blob(id: string, options?: ReadOptions): Promise<Blob>;
}

/** @internal Where calls go. */
export interface Calls {
  /** The store's name, where its files lie in the origin's file system. */
  readonly folder?: string | undefined;
  call<T>(method: string, args: object, options?: CallOptions, extras?: CallExtras<T>): Promise<T>;
}

/** @internal Adds the calls that move bytes to those of the table. */
export function withContents(artifacts: Artifacts, calls: Calls): ArtifactGroup {
  const stream = (id: string, options?: ReadOptions): ReadableStream<Uint8Array> =>
    new ReadableStream(new Source(calls, id, options), { highWaterMark: 0 });
  const response = async (id: string, options?: ReadOptions): Promise<Response> => new Response(stream(id, options));
  const revise = async (id: string, content: ArtifactContent, options: ReviseOptions): Promise<Artifact> => {
    const { version, mediaType = typeOf(content), requestId, ...rest } = options;
    return given(calls, content, { mediaType }, options, ({ content }) => {
      const args = { id, version, content, ...(mediaType && { mediaType }) };
      return calls.call<Artifact>('artifacts.revise', args, rest, { requestId });
    });
  };
  return Object.freeze({
    ...artifacts,
    put: async ({ content, ...artifact }: NewArtifactContent, options: ContentOptions = {}) => {
      const mediaType =
        artifact.mediaType ?? typeOf(content) ?? (typeof content === 'string' ? 'text/plain' : undefined);
      const known = { ...artifact, ...(mediaType && { mediaType }) };
      return given(calls, content, { mediaType }, options, ({ content }) =>
        calls.call<Artifact>('artifacts.put', { artifact: known, content }, options, { requestId: options.requestId }),
      );
    },
    revise,
    append: async (id: string, content: ArtifactContent, options: ContentOptions = {}) => {
      // Read once, as it is tried again when another change came first.
      const added = content instanceof ReadableStream ? await new Response(content).blob() : content;
      for (let tries = 1; ; tries += 1) {
        try {
          return await given(calls, added, { continues: id }, options, ({ content, version }) =>
            calls.call<Artifact>('artifacts.revise', { id, version, content, inPlace: true }, options, {
              requestId: options.requestId,
            }),
          );
        } catch (error) {
          const isLate = error instanceof StrongroomError && error.code === 'conflict';
          if (!isLate || tries >= ADDITIONS) throw error;
        }
      }
    },
    stream,
    bytes: async (id: string, options?: ReadOptions) => new Source(calls, id, options).whole(),
    text: async (id: string, options?: ReadOptions) => (await response(id, options)).text(),
    blob: async (id: string, options?: ReadOptions) => {
      if (calls.folder !== undefined) return fileBacked(calls, calls.folder, id, options);
      const source = new Source(calls, id, options);
      const parts = new ReadableStream(source, { highWaterMark: 0 });
      const blob = await new Response(parts).blob();
      return new Blob([blob], { type: source.mediaType });
    },
  });
}

/** A blob over the files of a content's pieces, with what is packed between them. */
async function fileBacked(calls: Calls, name: string, id: string, options: ReadOptions = {}): Promise<Blob> {
  const { start = 0, end = Infinity, signal, timeout, revision: asked } = options;
  const args = { id, ...(asked !== undefined && { revision: asked }) };
  const found = await calls.call<ContentPieces>('contents.pieces', args, { signal, timeout });
  const { revision, mediaType } = found.revision;
  const root = await navigator.storage.getDirectory();
  const folder = await (await root.getDirectoryHandle('strongroom')).getDirectoryHandle(name);
  const parts: Blob[] = [];
  let at = 0;
  for (const { size, file } of found.pieces) {
    const [from, to] = [Math.max(start - at, 0), Math.min(end - at, size)];
    if (from < to) {
      const part = file
        ? (await fileAt(folder, file, size)).slice(from, to)
        : new Blob([
            (await new Source(calls, id, { ...options, revision, start: at + from, end: at + to }).whole()) as BlobPart,
          ]);
      parts.push(part);
    }
    at += size;
  }
  return new Blob(parts, { type: mediaType });
}

/** A file of the store, of the length that it must have. */
async function fileAt(folder: FileSystemDirectoryHandle, path: string, size: number): Promise<File> {
  const steps = path.split('/');
  const name = steps.pop() ?? '';
  try {
    let inner = folder;
    for (const step of steps) inner = await inner.getDirectoryHandle(step);
    const file = await (await inner.getFileHandle(name)).getFile();
    if (file.size === size) return file;
  } catch (error) {
    throw new StrongroomError('corrupt', `a piece of the content cannot be opened`, { cause: error });
  }
  throw new StrongroomError('corrupt', 'a piece of the content has another length');
}

/** The media type that a content tells of itself. */
function typeOf(content: ArtifactContent): string | undefined {
  return content instanceof Blob && content.type !== '' ? content.type : undefined;
}

/** @internal Writes a content, has something made of it, and lets go of what was written. */
export async function given<T>(
  calls: Calls,
  content: ArtifactContent,
  beginning: { mediaType?: string | undefined; continues?: string; upload?: string },
  options: ContentOptions,
  give: (written: ContentWritten) => Promise<T>,
): Promise<T> {
  const { signal, timeout, onProgress } = options;
  let written: ContentWritten | undefined;
  const write = async (bytes: Uint8Array, isLast: boolean): Promise<void> => {
    const args = { ...(written ? { content: written.content } : beginning), isLast };
    written = {
      ...written,
      ...(await calls.call<ContentWritten>('contents.write', args, { signal, timeout }, { bytes })),
    };
    onProgress?.(written.size);
  };
  try {
    // An upload tells first what it has.
    if (beginning.upload !== undefined) await write(new Uint8Array(), false);
    await writeAll(content, written?.size ?? 0, write);
    if (!written) throw new StrongroomError('internal', 'a content was not written');
    return await give(written);
  } finally {
    if (written) await calls.call('contents.drop', { content: written.content }).catch(() => {});
  }
}

/** Writes a content in requests of a megabyte, a few ahead of their answers. */
async function writeAll(
  content: ArtifactContent,
  from: number,
  write: (bytes: Uint8Array, isLast: boolean) => Promise<void>,
): Promise<void> {
  const ahead: Promise<void>[] = [];
  let failure: unknown;
  let isFirst = true;
  for await (const [bytes, isLast] of pieces(content, from)) {
    // The first error is the one that counts: what follows only meets a content that is gone.
    ahead.push(write(bytes, isLast).catch((error: unknown) => void (failure ??= error)));
    // The number of the content is in the answer to the first.
    if (isFirst || ahead.length >= IN_FLIGHT) await ahead.shift();
    isFirst = false;
    if (failure) break;
  }
  await Promise.all(ahead);
  if (failure) throw failure;
}

/** @internal A content in pieces that can be given away, from a byte on, each with whether it is the last. */
export async function* pieces(content: ArtifactContent, from: number): AsyncGenerator<[Uint8Array, boolean]> {
  if (content instanceof ReadableStream) return yield* streamed(content, from);
  const blob = content instanceof Blob ? content : undefined;
  const bytes = blob ? new Uint8Array() : bytesOf(content as Exclude<ArtifactContent, Blob | ReadableStream>);
  const size = blob?.size ?? bytes.length;
  for (let at = from; at < size || at === from; at += REQUEST_BYTES) {
    const end = Math.min(at + REQUEST_BYTES, size);
    const piece = blob ? new Uint8Array(await blob.slice(at, end).arrayBuffer()) : bytes.slice(at, end);
    yield [piece, end >= size];
  }
}

function bytesOf(content: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof content === 'string') return new TextEncoder().encode(content);
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  if (ArrayBuffer.isView(content)) return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  throw new StrongroomError('invalid_argument', 'a content is a text, bytes, a Blob or a stream of bytes');
}

async function* streamed(stream: ReadableStream<Uint8Array>, from: number): AsyncGenerator<[Uint8Array, boolean]> {
  const reader = stream.getReader();
  const gathered = new Uint8Array(REQUEST_BYTES);
  let length = 0;
  let left = from;
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!(value instanceof Uint8Array)) throw new StrongroomError('invalid_argument', 'the stream gave no bytes');
      const skipped = Math.min(left, value.length);
      left -= skipped;
      for (let at = skipped; at < value.length;) {
        if (length === REQUEST_BYTES) {
          yield [gathered.slice(), false];
          length = 0;
        }
        const taken = value.subarray(at, at + REQUEST_BYTES - length);
        gathered.set(taken, length);
        length += taken.length;
        at += taken.length;
      }
    }
    isDone = true;
    yield [gathered.slice(0, length), true];
  } finally {
    if (!isDone) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

/** Reads a content as it is asked for. */
class Source implements UnderlyingDefaultSource<Uint8Array> {
  mediaType = '';
  readonly #calls: Calls;
  readonly #id: string;
  readonly #options: ReadOptions;
  #at: number;
  /** Known from the first answer on. */
  #end: number | undefined;
  #revision: number | undefined;

  constructor(calls: Calls, id: string, options: ReadOptions = {}) {
    this.#calls = calls;
    this.#id = id;
    this.#options = options;
    this.#at = options.start ?? 0;
    this.#revision = options.revision;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const bytes = await this.#next();
    if (bytes.length > 0) controller.enqueue(bytes);
    if (this.#end !== undefined && this.#at >= this.#end) controller.close();
  }

  /** All of it, a few requests ahead. */
  async whole(): Promise<Uint8Array> {
    const first = await this.#next();
    const begin = this.#at - first.length;
    const bytes = new Uint8Array(Math.max((this.#end ?? 0) - begin, 0));
    bytes.set(first);
    const ahead = new Set<Promise<void>>();
    let failure: unknown;
    for (let at = this.#at; at < begin + bytes.length && !failure; at += REQUEST_BYTES) {
      const end = Math.min(at + REQUEST_BYTES, begin + bytes.length);
      const part = this.#fill(bytes.subarray(at - begin, end - begin), at).catch((error) => void (failure ??= error));
      ahead.add(part);
      void part.finally(() => ahead.delete(part));
      if (ahead.size >= IN_FLIGHT) await Promise.race(ahead);
    }
    await Promise.all(ahead);
    if (failure) throw failure;
    return bytes;
  }

  /** Reads what comes at a place until there is no more room. */
  async #fill(room: Uint8Array, start: number): Promise<void> {
    for (let filled = 0; filled < room.length;) {
      const [, bytes] = await this.#read(start + filled, room.length - filled);
      if (bytes.length === 0) throw new StrongroomError('corrupt', 'a content ends before its end');
      room.set(bytes, filled);
      filled += bytes.length;
    }
  }

  async #next(): Promise<Uint8Array> {
    const { end = Infinity } = this.#options;
    const wanted = Math.min(REQUEST_BYTES, Math.max((this.#end ?? end) - this.#at, 1));
    const [{ revision, size, mediaType }, bytes] = await this.#read(this.#at, wanted);
    // What is added later is not part of what was begun to be read.
    this.#end ??= Math.min(end, size);
    this.#revision = revision;
    this.mediaType = mediaType;
    const room = Math.max(this.#end - this.#at, 0);
    this.#at += Math.min(bytes.length, room);
    return bytes.subarray(0, room);
  }

  #read(start: number, length: number): Promise<[ArtifactRevision, Uint8Array]> {
    const { signal, timeout } = this.#options;
    const revision = this.#revision;
    const args = { id: this.#id, start, length, ...(revision !== undefined && { revision }) };
    const read = (value: unknown, bytes: Uint8Array = new Uint8Array()): [ArtifactRevision, Uint8Array] => [
      value as ArtifactRevision,
      bytes,
    ];
    return this.#calls.call('artifacts.read', args, { signal, timeout }, { read });
  }
}

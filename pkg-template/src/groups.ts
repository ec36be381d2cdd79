/** The groups of calls, and how each becomes a method of the engine. */

import { withContents } from './artifacts.js';
import type { ArtifactGroup } from './artifacts.js';
import { call, told } from './connection.js';
import type { CallExtras, Connection } from './connection.js';
import { StrongroomError } from './errors.js';
import { follow } from './follow.js';
import type { FollowUpdate } from './follow.js';
import { METHODS } from './methods.js';
import type { CallOptions, WriteOptions } from './options.js';
import type { Sanitiser } from './sanitise.js';
import { readText } from './text.js';
import type { TextStream } from './text.js';
import type {
  Chunk,
  ChunkList,
  Collect,
  Collected,
  Conversation,
  ConversationForm,
  ConversationList,
  ConversationUpdate,
  Groups,
  HistoryAt,
  HistoryEntry,
  HistoryList,
  HistoryUndo,
  Message,
  MessageEdit,
  MessageList,
  MessageUpdate,
  Methods,
  MigrationProgress,
  MigrationStatus,
  NewConversation,
  NewMessage,
  NewParticipant,
  NewUser,
  Page,
  Participant,
  RecordState,
  Retention,
  SearchChecked,
  SearchFinding,
  SearchHit,
  SearchPage,
  SearchQuery,
  SearchStatus,
  Siblings,
  StreamOpened,
  StreamSettings,
  Undone,
  User,
  UserList,
  UserUpdate,
  WorkProgress,
} from './types.js';
import { withSending } from './uploads.js';
import type { UploadGroup } from './uploads.js';
import { withWork } from './work.js';
import type { JobGroup } from './work.js';
import { MessageWriter } from './writer.js';

/** @internal Where calls go, and on whose behalf. */
export class Caller {
  readonly #connection: () => Connection;
  readonly user: string | undefined;
  readonly sanitiser: Sanitiser | undefined;
  /** The store's name, where its files lie in the origin's file system. */
  readonly folder: string | undefined;

  constructor(connection: () => Connection, user: string | undefined, sanitiser?: Sanitiser, folder?: string) {
    this.#connection = connection;
    this.user = user;
    this.sanitiser = sanitiser;
    this.folder = folder;
  }

  /** The connection to the worker as it is now; throws when the store is closed. */
  get connection(): Connection {
    return this.#connection();
  }

  /** Calls a method of the table, with the texts that the app's hook lets through. */
  async method<M extends keyof Methods>(
    method: M,
    args: Methods[M]['args'],
    options: WriteOptions | undefined,
  ): Promise<Methods[M]['result']> {
    const kept = this.sanitiser?.args(method, args, this.user) ?? args;
    return this.call(method, kept, options, { requestId: options?.requestId });
  }

  /** Calls any method. */
  async call<T>(method: string, args: object, options: CallOptions | undefined, extras?: CallExtras<T>): Promise<T> {
    return call<T>(this.connection, this.user, method, args, options, extras);
  }
}

/** The calls for retention, with the one that frees room. */
export interface RetentionGroup extends Retention {
  /**
   * Removes contents that no artifact has any more, at once rather than a day after they were let go of. Only the app itself may;
   * works in slices, and `onProgress` is told how far it has looked. Rejects with `locked` while an export reads them.
   */
  collect(
    args?: Collect & { onProgress?: (progress: WorkProgress) => void },
    options?: CallOptions,
  ): Promise<Collected>;
}

/** The groups that are made from the table of methods, with what is built on them. */
export interface TableGroups extends Groups {
  /** Jobs: work that waits in queues, is leased to one holder at a time, and is tried again when it fails. */
  readonly jobs: JobGroup;
  /** Artifacts: what comes out of the work, such as plans, diffs, logs and files, with their contents. */
  readonly artifacts: ArtifactGroup;
  /** Retention: letting go of records, for good. */
  readonly retention: RetentionGroup;
  /** Uploads: files on their way in, in parts, which go on after a reload and become artifacts. */
  readonly uploads: UploadGroup;
}

/** @internal Makes the groups of the table: a call takes its arguments as an object, or the id alone where that is all. */
export function groups(caller: Caller): TableGroups {
  const group = ([name, methods]: [string, string]): [string, unknown] => {
    const calls = methods
      .split(' ')
      .map((method) => [
        method,
        (args: object | string = {}, options?: WriteOptions) =>
          caller.method(
            `${name}.${method}` as keyof Methods,
            (typeof args === 'string' ? { id: args } : args) as never,
            options,
          ),
      ]);
    return [name, Object.freeze(Object.fromEntries(calls))];
  };
  const made = Object.fromEntries(Object.entries(METHODS).map(group)) as unknown as Groups;
  return {
    ...made,
    jobs: withWork(made.jobs),
    artifacts: withContents(made.artifacts, caller),
    retention: Object.freeze({
      ...made.retention,
      collect: (
        { onProgress, ...args }: Parameters<RetentionGroup['collect']>[0] & object = {},
        options?: CallOptions,
      ) => caller.call<Collected>('retention.collect', args, options, { progress: told(onProgress) }),
    }),
    uploads: withSending(made.uploads, caller),
  };
}

/** Full-text search over everything that people and agents wrote. */
export class Search {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Finds texts by what a person types: words that must all be there, `"phrases"`, beginnings `word*`, and `-` before what
   * must not be there; everything else is text. Best first. It sees every write made before it.
   *
   * @example
   * const { items } = await store.search.query({ userId: user.id, text: 'oauth -refresh', in: ['messages'] });
   */
  query(query: SearchQuery, options?: CallOptions): Promise<SearchPage> {
    return this.#caller.method('search.query', query, options);
  }

  /**
   * Every hit of a query, read page by page as it is consumed. Leaving the loop ends it.
   *
   * @example
   * for await (const hit of store.search.each({ userId: user.id, text: '全文検索' })) if (show(hit)) break;
   */
  async *each(query: SearchQuery, options?: CallOptions): AsyncGenerator<SearchHit, void, undefined> {
    let cursor = query.cursor;
    do {
      const page: SearchPage = await this.query(cursor === undefined ? query : { ...query, cursor }, options);
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }
}

/** The search, with what concerns the index as a whole. */
export class StoreSearch extends Search {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    super(caller);
    this.#caller = caller;
  }

  /** What is known of the index. */
  status(options?: CallOptions): Promise<SearchStatus> {
    return this.#caller.call('search.status', {}, options);
  }

  /**
   * Empties the index and builds it again, in slices between other calls. What is not in it yet is not found meanwhile:
   * `complete` says so. When `signal` aborts it, or the page ends, it is finished behind the scenes.
   */
  async rebuild(
    { onProgress }: { onProgress?: (status: SearchStatus) => void } = {},
    options?: CallOptions,
  ): Promise<SearchStatus> {
    let status = await this.#caller.call<SearchStatus>('search.rebuild', {}, options);
    while (!status.complete) {
      onProgress?.(status);
      status = await this.#caller.call<SearchStatus>('search.build', {}, options);
    }
    return status;
  }

  /**
   * Compares the index with the records, in slices between other calls. Resolves to what is wrong with it, which building
   * it again mends; to nothing when all is well. Rejects with `conflict` while it is being built.
   */
  async check(options?: CallOptions): Promise<SearchFinding[]> {
    const findings: SearchFinding[] = [];
    let cursor: string | undefined;
    do {
      const part: SearchChecked = await this.#caller.call('search.check', { cursor }, options);
      findings.push(...part.findings);
      cursor = part.nextCursor;
    } while (cursor !== undefined);
    return findings;
  }
}

/** People. */
export class Users {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Creates a user. */
  create(user: NewUser, options?: WriteOptions): Promise<User> {
    return this.#caller.method('users.create', user, options);
  }

  /** Reads a user. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<User> {
    return this.#caller.method('users.get', { id }, options);
  }

  /** Lists users in the order they were made. */
  list(query: UserList = {}, options?: CallOptions): Promise<Page<User>> {
    return this.#caller.method('users.list', query, options);
  }

  /** Changes a user. Rejects with `conflict` when it has moved on from `version`. */
  update(changes: UserUpdate, options?: WriteOptions): Promise<User> {
    return this.#caller.method('users.update', changes, options);
  }

  /** Deletes a user with all conversations and messages, for good. */
  delete(id: string, options?: WriteOptions): Promise<void> {
    return this.#caller.method('users.delete', { id }, options);
  }
}

/** Conversations and who takes part in them. */
export class Conversations {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Creates a conversation.
   *
   * @example
   * const conversation = await store.conversations.create({ userId: user.id, title: 'Plan' });
   */
  create(conversation: NewConversation, options?: WriteOptions): Promise<Conversation> {
    return this.#caller.method('conversations.create', conversation, options);
  }

  /** Reads a conversation, without its messages. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<Conversation> {
    return this.#caller.method('conversations.get', { id }, options);
  }

  /** Lists a user's conversations, last changed first unless asked otherwise. */
  list(query: ConversationList = {}, options?: CallOptions): Promise<Page<Conversation>> {
    return this.#caller.method('conversations.list', query, options);
  }

  /** Changes a conversation. Rejects with `conflict` when it has moved on from `version`, as it does with every message. */
  update(changes: ConversationUpdate, options?: WriteOptions): Promise<Conversation> {
    return this.#caller.method('conversations.update', changes, options);
  }

  /** Puts a conversation away, whatever its version. While the store is quiet its text is compressed; it is read and searched as before. */
  archive(id: string, options?: WriteOptions): Promise<Conversation> {
    return this.#caller.method('conversations.archive', { id }, options);
  }

  /** Takes a conversation back into use, whatever its version. */
  unarchive(id: string, options?: WriteOptions): Promise<Conversation> {
    return this.#caller.method('conversations.unarchive', { id }, options);
  }

  /** Deletes a conversation so that it can be restored: it is left out of lists. */
  remove(id: string, options?: WriteOptions): Promise<Conversation> {
    return this.#caller.method('conversations.remove', { id }, options);
  }

  /** Brings back a conversation that was removed. */
  restore(id: string, options?: WriteOptions): Promise<Conversation> {
    return this.#caller.method('conversations.restore', { id }, options);
  }

  /** Deletes a conversation with all its messages, for good. */
  delete(id: string, options?: WriteOptions): Promise<void> {
    return this.#caller.method('conversations.delete', { id }, options);
  }

  /** Lists who takes part. */
  participants(id: string, options?: CallOptions): Promise<Participant[]> {
    return this.#caller.method('conversations.participants', { id }, options);
  }

  /** Adds a user or an agent, or renames one; resolves to all who take part. */
  addParticipant(id: string, participant: NewParticipant, options?: WriteOptions): Promise<Participant[]> {
    return this.#caller.method('conversations.addParticipant', { conversationId: id, participant }, options);
  }

  /**
   * Writes a conversation for people or other programs: `markdown`, `json` (leaves out nothing, and `backups.import` brings it in
   * again), `sharegpt` (the text of the active path), or `chunks`: a file for each piece of it, such as
   * `us01-co12-ms02-001.json`. Rejects with `not_found`.
   */
  async export(id: string, as: ConversationForm, options?: CallOptions): Promise<File[]> {
    const files = await this.#caller.method('conversations.export', { id, as }, options);
    return files.map(({ name, mediaType, text }) => new File([text], name, { type: mediaType }));
  }

  /** Removes a participant; what it wrote stays. Resolves to all who still take part. */
  removeParticipant(id: string, participantId: string, options?: WriteOptions): Promise<Participant[]> {
    return this.#caller.method('conversations.removeParticipant', { conversationId: id, id: participantId }, options);
  }
}

/** What a streamed message begins with. */
export interface NewStream extends Omit<NewMessage, 'text' | 'parts'> {
  /** The agent who writes it: another name for `author`. */
  agentId?: string;
  /** When its bundles and chunks close; the store's settings by default. */
  settings?: StreamSettings;
}

/** What `messages.continue` may set. */
export interface ContinueOptions extends CallOptions {
  /** When bundles and chunks close; the store's settings by default. */
  settings?: StreamSettings;
}

/** Messages: whole ones, and ones whose text is arriving. */
export class Messages {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Appends a whole message to the active path, or after `parentId` to begin a branch. Resolves when it is kept.
   *
   * @example
   * await store.messages.append(conversation.id, { role: 'user', text: 'How should we store this?' });
   */
  append(conversationId: string, message: NewMessage, options?: WriteOptions): Promise<Message> {
    return this.#caller.method('messages.append', { conversationId, message }, options);
  }

  /**
   * Appends whole messages one after another, at most 10,000: all of them or none. Resolves to their ids when they are
   * kept. What is brought in from elsewhere comes in fastest this way.
   */
  appendAll(conversationId: string, messages: NewMessage[], options?: WriteOptions): Promise<string[]> {
    return this.#caller.method('messages.appendAll', { conversationId, messages }, options);
  }

  /** Reads a message with up to 1 MiB of its text; `text(id)` reads more. Rejects with `not_found`. */
  get(id: string, options?: CallOptions): Promise<Message> {
    return this.#caller.method('messages.get', { id }, options);
  }

  /**
   * Lists a conversation's active path, newest first unless asked otherwise.
   *
   * @example
   * const { items, nextCursor } = await store.messages.list(conversation.id, { limit: 50 });
   */
  list(
    conversationId: string,
    query: Omit<MessageList, 'conversationId'> = {},
    options?: CallOptions,
  ): Promise<Page<Message>> {
    return this.#caller.method('messages.list', { ...query, conversationId }, options);
  }

  /** Puts a changed message beside the original, on a new branch that becomes the active one. Resolves to the new message. */
  edit(id: string, changes: Omit<MessageEdit, 'id'>, options?: WriteOptions): Promise<Message> {
    return this.#caller.method('messages.edit', { ...changes, id }, options);
  }

  /** Changes what lies beside the content. Rejects with `conflict` when the message has moved on from `version`. */
  update(changes: MessageUpdate, options?: WriteOptions): Promise<Message> {
    return this.#caller.method('messages.update', changes, options);
  }

  /** Deletes a message, for good. */
  delete(id: string, options?: WriteOptions): Promise<void> {
    return this.#caller.method('messages.delete', { id }, options);
  }

  /** Makes the branch that holds this message the active path. */
  switchBranch(id: string, options?: WriteOptions): Promise<Conversation> {
    return this.#caller.method('messages.switchBranch', { id }, options);
  }

  /** The alternatives to a message: all with the same parent. */
  siblings(id: string, options?: CallOptions): Promise<Siblings> {
    return this.#caller.method('messages.siblings', { id }, options);
  }

  /** A page of the stored pieces of a message's text and reasoning. */
  chunks(id: string, query: Omit<ChunkList, 'id'> = {}, options?: CallOptions): Promise<Page<Chunk>> {
    return this.#caller.method('messages.chunks', { ...query, id }, options);
  }

  /**
   * A message's text, however long, read as it is consumed in bounded memory. U+FFFD stands for each missing chunk.
   * Errors of the reads, such as `not_found`, error the stream.
   *
   * @example
   * for await (const piece of store.messages.text(message.id)) file.write(piece);
   */
  text(id: string, options?: CallOptions): TextStream {
    return readText((cursor) =>
      this.#caller.method('messages.text', cursor === undefined ? { id } : { id, cursor }, options),
    );
  }

  /**
   * Begins a message whose text is arriving. It can be seen at once, with status `streaming`.
   *
   * @example
   * const answer = await store.messages.stream(conversation.id, { role: 'assistant', agentId: 'planner' });
   * await response.body.pipeThrough(new TextDecoderStream()).pipeTo(answer.writable);
   */
  async stream(
    conversationId: string,
    { agentId, settings, ...message }: NewStream,
    options?: CallOptions,
  ): Promise<MessageWriter> {
    if (agentId !== undefined && message.author !== undefined) {
      throw new StrongroomError('invalid_argument', 'agentId is another name for author: give one of them');
    }
    const author = message.author ?? agentId;
    return this.#begin('messages.stream', { conversationId, message: { ...message, author }, settings }, options);
  }

  /**
   * Takes up a message whose stream was interrupted: its text grows from where it is kept. Rejects with `conflict` when
   * it is complete or is being streamed already.
   */
  continue(id: string, { settings, ...options }: ContinueOptions = {}): Promise<MessageWriter> {
    return this.#begin('messages.continue', { id, settings }, options);
  }

  /**
   * Follows a message: the message as it is kept, then every bundle and part as soon as it is kept, until the end.
   * Leaving the loop stops it; so does `signal`, with `aborted`. Throws `indeterminate` when the worker died: follow again.
   *
   * @example
   * for await (const update of store.messages.follow(id)) {
   *   if (update.type === 'snapshot') show(update.message.text);
   *   else if (update.type === 'bundle') show(update.text);
   * }
   */
  follow(id: string, options: Pick<CallOptions, 'signal'> = {}): AsyncIterableIterator<FollowUpdate> {
    return follow(this.#caller, id, options.signal);
  }

  async #begin(method: string, args: object, options?: CallOptions): Promise<MessageWriter> {
    const { connection, user, sanitiser } = this.#caller;
    const unwanted = (opened: StreamOpened): void => {
      new MessageWriter(connection, user, opened).abort().catch(() => {});
    };
    const opened = await call<StreamOpened>(connection, user, method, args, options, { unwanted });
    return new MessageWriter(connection, user, opened, sanitiser);
  }
}

/** What concerns all streams. */
export class Streams {
  readonly #caller: Caller;
  readonly #configured: (settings: StreamSettings) => void;

  /** @internal */
  constructor(caller: Caller, configured: (settings: StreamSettings) => void) {
    this.#caller = caller;
    this.#configured = configured;
  }

  /** Changes when bundles and chunks close, for streams that are open and those to come. Rejects with `invalid_argument`. */
  async configure(settings: StreamSettings, options?: CallOptions): Promise<void> {
    await this.#caller.call('streams.configure', { settings }, options);
    this.#configured({ ...settings });
  }
}

/** What changed records, read from the journal, and taking it back. */
export class History {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Lists what changed a record, newest first: when, by which operation, on whose behalf, and the rows as they were from
   * then on. A record is named by its id, such as `us01-co12`; its rows are its own, not those of records within it.
   */
  list(query: HistoryList, options?: CallOptions): Promise<Page<HistoryEntry>> {
    return this.#caller.call('history.list', query, options);
  }

  /** Puts together what a record was after a line of the journal, or at a time. */
  at(query: HistoryAt, options?: CallOptions): Promise<RecordState> {
    return this.#caller.call('history.at', query, options);
  }

  /**
   * Takes back what one line of the journal changed, as a write of its own: created records go, deleted ones come back,
   * and changed columns get their old values. Rejects with `conflict`, naming it, where something newer depends on it.
   *
   * @example
   * const [last] = (await store.history.list({ record: conversation.id, limit: 1 })).items;
   * await store.history.undo({ seq: last.seq });
   */
  undo(change: HistoryUndo, options?: WriteOptions): Promise<Undone> {
    return this.#caller.call('history.undo', change, options, { requestId: options?.requestId });
  }
}

/** The schema's versions. */
export class Migrations {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** All migrations, applied or not. */
  status(options?: CallOptions): Promise<MigrationStatus[]> {
    return this.#caller.call('migrations.status', {}, options);
  }

  /**
   * Migrates to a version, up or down, after a snapshot; `onProgress` is told before the first step and after each. Rejects with `conflict`
   * while streams are open.
   */
  migrate(
    { to, onProgress }: { to: number; onProgress?: (progress: MigrationProgress) => void },
    options?: CallOptions,
  ): Promise<MigrationStatus[]> {
    return this.#caller.call('migrations.migrate', { to }, options, { progress: told(onProgress) });
  }
}

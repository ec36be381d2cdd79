// What the chat does, without showing it: one user's conversations, the open one, and the answers that are arriving.

import {
  type Artifact,
  type Conversation,
  type Message,
  type MessageWriter,
  type Part,
  type Store,
  StrongroomError,
  type User,
  type UserView,
} from '../../pkg/index.js';
import { asked, type Endpoint, paced, RECORDINGS, recordedItems } from './answers.js';
import { attach, attachmentsOf, type Progress } from './attachments.js';
import { type Item, joined, kept, split } from './providers.js';

const CONVERSATIONS_PER_PAGE = 25;
const MESSAGES_PER_PAGE = 30;
const TITLE_LENGTH = 60;

/** An answer that is arriving. */
export interface Answering {
  message: Message;
  /** What has arrived, kept or not. */
  parts: Part[];
  /** Characters that are kept, in UTF-16 units of text and reasoning. */
  acknowledged: number;
  /** Ends the answer where it is. */
  stop(): void;
}

/** A message with its alternatives and its files. */
export interface Shown {
  message: Message;
  siblings: string[];
  attachments: Artifact[];
}

/** What changed: the list, the open conversation, or the text of an answer. */
export type Change = 'list' | 'thread' | 'answer';

/** The chat. Everything in here is read from the store or on its way into it. */
export class Chat {
  readonly conversations: Conversation[] = [];
  readonly thread: Shown[] = [];
  readonly answering = new Map<string, Answering>();
  current: Conversation | undefined;
  /** The user's own server; the recordings answer while there is none. */
  endpoint: Endpoint | undefined;

  #store: Store;
  #user: User;
  /** The store, as this user sees it. */
  #view: UserView;
  #moreConversations: string | undefined;
  #moreMessages: string | undefined;
  #changed: (change: Change) => void;
  #failed: (error: unknown) => void;

  constructor(store: Store, user: User, changed: (change: Change) => void, failed: (error: unknown) => void) {
    this.#store = store;
    this.#user = user;
    this.#view = store.as(user.id);
    this.#changed = changed;
    this.#failed = failed;
  }

  /** Opens the chat of this store's first user, who is made when there is none. */
  static async open(store: Store, changed: (change: Change) => void, failed: (error: unknown) => void): Promise<Chat> {
    const { items } = await store.users.list({ limit: 1 });
    const user = items[0] ?? (await store.users.create({ name: 'You' }));
    return new Chat(store, user, changed, failed);
  }

  /** Whose chat it is. */
  get userId(): string {
    return this.#user.id;
  }

  get hasMoreConversations(): boolean {
    return this.#moreConversations !== undefined;
  }

  get hasOlderMessages(): boolean {
    return this.#moreMessages !== undefined;
  }

  /** The answer that is arriving in the open conversation. */
  get currentAnswer(): Answering | undefined {
    return [...this.answering.values()].find(({ message }) => message.conversationId === this.current?.id);
  }

  /** Reads the newest conversations. */
  async listConversations(): Promise<void> {
    const page = await this.#store.conversations.list({
      userId: this.#user.id,
      // What agents say in their sessions is opened from there.
      transcripts: false,
      limit: CONVERSATIONS_PER_PAGE,
    });
    this.conversations.splice(0, Infinity, ...page.items);
    this.#moreConversations = page.nextCursor;
    this.#changed('list');
  }

  /** Reads the next page of conversations. */
  async moreConversations(): Promise<void> {
    if (this.#moreConversations === undefined) return;
    const cursor = this.#moreConversations;
    const page = await this.#store.conversations.list({
      userId: this.#user.id,
      transcripts: false,
      limit: CONVERSATIONS_PER_PAGE,
      cursor,
    });
    this.conversations.push(...page.items);
    this.#moreConversations = page.nextCursor;
    this.#changed('list');
  }

  /** Opens a conversation, or none: the next message then begins one. */
  async open(id?: string): Promise<void> {
    this.current = id === undefined ? undefined : await this.#store.conversations.get(id);
    await this.#readThread();
    this.#changed('list');
  }

  /** Reads the messages before those shown. */
  async older(): Promise<void> {
    if (!this.current || this.#moreMessages === undefined) return;
    const page = await this.#store.messages.list(this.current.id, {
      limit: MESSAGES_PER_PAGE,
      cursor: this.#moreMessages,
    });
    this.#moreMessages = page.nextCursor;
    this.thread.unshift(...(await this.#asShown(page.items)));
    this.#changed('thread');
  }

  /** Brings a message into the open thread, however far back it is. One on another branch makes that the open one. */
  async reveal(id: string): Promise<void> {
    const isShown = (): boolean => this.thread.some(({ message }) => message.id === id);
    while (!isShown() && this.hasOlderMessages) await this.older();
    if (isShown()) return this.#changed('thread');
    await this.switchBranch(id);
    while (!isShown() && this.hasOlderMessages) await this.older();
  }

  /**
   * Sends a message with files and has it answered. Resolves once all of it is kept; the answer goes on. Where a file cannot
   * be kept, the message stays, unanswered, with the files before it.
   */
  async send(text: string, files: File[] = [], progress: Progress = () => undefined): Promise<void> {
    const title = titleOf(text || files.map(({ name }) => name).join(', '));
    this.current ??= await this.#store.conversations.create({ userId: this.#user.id, title });
    const message = await this.#store.messages.append(this.current.id, { role: 'user', text });
    await this.#refresh();
    if (files.length > 0) await attach(this.#view, message, files, progress).finally(() => this.#refresh());
    await this.#answer(message);
  }

  /** Puts a new wording beside a message, on a branch of its own with the same files, and has it answered. */
  async edit(message: Message, text: string): Promise<void> {
    const edited = await this.#store.messages.edit(message.id, { text });
    await this.#refresh();
    await this.#answer(edited);
  }

  /** Asks for another answer beside this one. */
  async regenerate(answer: Message): Promise<void> {
    if (answer.parentId === undefined) return;
    await this.#answer(await this.#store.messages.get(answer.parentId));
  }

  /** Goes on with an answer that was interrupted. */
  async continue(answer: Message): Promise<void> {
    const items = await this.#rest(answer);
    const writer = await this.#store.messages.continue(answer.id);
    this.#begin(writer, items);
  }

  /** Shows another version of a message, and what followed it. */
  async switchBranch(id: string): Promise<void> {
    await this.#store.messages.switchBranch(id);
    await this.#refresh();
  }

  /** Deletes a conversation; it can be restored. */
  async remove(conversation: Conversation): Promise<void> {
    for (const { message, stop } of this.answering.values()) if (message.conversationId === conversation.id) stop();
    await this.#store.conversations.remove(conversation.id);
    if (this.current?.id === conversation.id) await this.open();
    await this.listConversations();
  }

  /** Brings a deleted conversation back. */
  async restore(conversation: Conversation): Promise<void> {
    await this.#store.conversations.restore(conversation.id);
    await this.open(conversation.id);
    await this.listConversations();
  }

  /** Reads the beginning of a file as text. */
  preview({ id }: Artifact, bytes: number): Promise<string> {
    return this.#view.artifacts.text(id, { end: bytes });
  }

  /** Reads everything that is shown once more, as after a restart of the worker. */
  async reread(): Promise<void> {
    await this.listConversations();
    await this.#readThread();
  }

  async #refresh(): Promise<void> {
    if (this.current) this.current = await this.#store.conversations.get(this.current.id);
    await this.#readThread();
    await this.listConversations();
  }

  async #readThread(): Promise<void> {
    if (!this.current) {
      this.thread.length = 0;
      this.#moreMessages = undefined;
      this.#changed('thread');
      return;
    }
    const { id } = this.current;
    const limit = Math.max(MESSAGES_PER_PAGE, this.thread.length);
    const page = await this.#store.messages.list(id, { limit: Math.min(limit, 1000) });
    const shown = await this.#asShown(page.items);
    if (this.current?.id !== id) return;
    this.thread.splice(0, Infinity, ...shown);
    this.#moreMessages = page.nextCursor;
    this.#changed('thread');
  }

  /** A page comes newest first; a thread reads oldest first. */
  async #asShown(newestFirst: Message[]): Promise<Shown[]> {
    const shown = newestFirst.map(async (message) => {
      const { ids } = await this.#store.messages.siblings(message.id);
      return { message, siblings: ids, attachments: await attachmentsOf(this.#view, message) };
    });
    return (await Promise.all(shown)).reverse();
  }

  async #answer(question: Message): Promise<void> {
    const recording = this.#nextRecording();
    const source = this.endpoint ? { model: this.endpoint.model } : { model: 'recorded', metadata: { recording } };
    const abort = new AbortController();
    const items = this.endpoint
      ? asked(this.endpoint, await this.#path(question), '', abort.signal)
      : paced(await recordedItems(recording), abort.signal);
    const writer = await this.#store.messages.stream(question.conversationId, {
      role: 'assistant',
      author: 'assistant',
      parentId: question.id,
      ...source,
    });
    this.#begin(writer, { items, abort });
    await this.#refresh();
  }

  /** Another recording for every question and for every version of an answer. */
  #nextRecording(): string {
    const versions = this.thread.reduce((sum, { siblings }) => sum + siblings.length, 0);
    return RECORDINGS[(versions + 2) % RECORDINGS.length] ?? 'journal';
  }

  /** The open path up to this message, oldest first. */
  async #path(last: Message): Promise<Message[]> {
    const { items } = await this.#store.messages.list(last.conversationId, { limit: 1000 });
    const at = items.findIndex((message) => message.id === last.id);
    return items.slice(Math.max(0, at)).reverse();
  }

  /** What is still to come of an interrupted answer. */
  async #rest(answer: Message): Promise<{ items: AsyncIterable<Item>; abort: AbortController }> {
    const abort = new AbortController();
    const { recording } = answer.metadata;
    if (typeof recording === 'string') {
      const { after } = split(await recordedItems(recording), kept(answer.parts));
      return { items: paced(after, abort.signal), abort };
    }
    if (!this.endpoint) throw new Error('Set the server that began this answer, then continue.');
    const before = (await this.#path(answer)).slice(0, -1);
    return { items: asked(this.endpoint, before, answer.text, abort.signal), abort };
  }

  #begin(writer: MessageWriter, source: { items: AsyncIterable<Item>; abort: AbortController }): void {
    const answering: Answering = {
      message: writer.message,
      parts: joined(writer.message.parts),
      acknowledged: writer.acknowledged,
      stop: () => source.abort.abort(),
    };
    this.answering.set(writer.id, answering);
    this.#changed('thread');
    void this.#run(writer, answering, source);
  }

  async #run(
    writer: MessageWriter,
    answering: Answering,
    { items, abort }: { items: AsyncIterable<Item>; abort: AbortController },
  ): Promise<void> {
    try {
      for await (const item of items) {
        answering.parts = joined([...answering.parts, item]);
        if (item.type === 'part') await writer.part(item.part);
        else await writer.write({ text: item.text, kind: item.type });
        answering.acknowledged = writer.acknowledged;
        this.#changed('answer');
      }
      if (abort.signal.aborted) await writer.abort();
      else await writer.close();
    } catch (error) {
      // An answer whose worker ended says so itself, and offers to continue.
      const isCutOff = error instanceof StrongroomError && error.code === 'indeterminate';
      if (!abort.signal.aborted && !isCutOff) this.#failed(error);
      await writer.abort().catch(() => undefined);
    } finally {
      this.answering.delete(writer.id);
      await this.#refresh().catch(this.#failed);
    }
  }
}

function titleOf(text: string): string {
  const line = text.trim().split('\n')[0] ?? '';
  const characters = [...line];
  return characters.length > TITLE_LENGTH ? `${characters.slice(0, TITLE_LENGTH).join('')}…` : line;
}

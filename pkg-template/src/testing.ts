/// <reference lib="esnext.disposable" preserve="true" />

/** A store for tests. */

import { openStore } from './store.js';
import type { Store, StoreOptions } from './store.js';
import type { Conversation, User } from './types.js';
import type { MessageWriter } from './writer.js';

/** A store in memory with something in it. */
export interface MemoryStore {
  store: Store;
  /** A user, `us01`. */
  user: User;
  /** A conversation of that user, `us01-co01`. */
  conversation: Conversation;
  /** The writer of an open assistant message in it, `us01-co01-ms01`. */
  writer: MessageWriter;
  /** Closes the store; nothing is left of it. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens a store in memory with a user, a conversation and an open stream. Each is a store of its own, and runs in Node
 * as in a browser.
 *
 * @example
 * await using fixture = await memoryStore();
 * await fixture.writer.write('Hello');
 */
export async function memoryStore(options: Omit<StoreOptions, 'storage' | 'worker'> = {}): Promise<MemoryStore> {
  const store = await openStore('test', { ...options, storage: 'memory' });
  const close = (): Promise<void> => store.close();
  try {
    const user = await store.users.create({ name: 'Ada' });
    const conversation = await store.conversations.create({ userId: user.id, title: 'Test' });
    const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
    return { store, user, conversation, writer, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

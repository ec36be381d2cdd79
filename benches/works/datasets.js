// Stores that reads are measured on, made once in a run.
import { CHUNK, CHUNK_TOKENS, textOf } from './text.js';
import { openStream } from './stream.js';
import { CONTEXTS, fill as fillModel } from './model.js';
import { readProse } from './prose.js';

/** Characters of a message, and messages of a conversation, where nothing else is asked for: 100,000 messages are 90 MB. */
export const MESSAGE_LENGTH = 900;
const MESSAGES = 1000;
const CONVERSATIONS = 1000;
const BATCH = 2000;

/** Makes a dataset; gives the handles that works need. */
export async function measure(store, { dataset, data }) {
  const [kind, size] = dataset.split('-');
  const make = { chat, model, text: texts, recover: texts }[kind];
  const handles = await make(store, { megabytes: Number(size), data });
  await store.settle?.();
  return handles;
}

/** 1,000 conversations; three with 100, 10,000 and 100,000 messages, and one with streamed messages. 100 MB of text. */
async function chat(store) {
  const counts = [100, 10_000, 100_000];
  const titles = Array.from({ length: CONVERSATIONS }, (_, index) => `conversation ${index}`);
  const conversations = await store.createConversations(titles);
  const handles = {};
  for (const [index, count] of counts.entries()) {
    handles[`page-${count}`] = conversations[index];
    await fill(store, conversations[index], count);
  }
  for (const chunks of [20, 170]) {
    const stream = await openStream(store, conversations[counts.length]);
    for (let i = 0; i < chunks; i++) await stream.append(CHUNK, CHUNK_TOKENS);
    await stream.close();
    handles[`message-${chunks}`] = stream.message;
  }
  return handles;
}

/** Conversations of 1,000 messages each, until they hold this many megabytes. */
async function texts(store, { megabytes }) {
  const count = Math.ceil((megabytes * 1e6) / MESSAGE_LENGTH / MESSAGES);
  const titles = Array.from({ length: count }, (_, index) => `text ${index}`);
  const conversations = await store.createConversations(titles);
  for (const conversation of conversations) await fill(store, conversation, MESSAGES);
  return { 'page-1000': conversations[0] };
}

/** 100 conversations of 1,000 messages of real text, and in a store that has them the other records of an app. */
async function model(store, { data }) {
  const prose = await readProse(data);
  const conversations = await store.createConversations(
    Array.from({ length: 100 }, (_, index) => `talk ${index}`),
    CONTEXTS,
  );
  for (const [index, conversation] of conversations.entries()) {
    for (let from = 0; from < MESSAGES; from += 500) {
      const texts = Array.from({ length: 500 }, (_, at) => prose.text(index * MESSAGES + from + at));
      await store.importMessages(conversation, texts);
    }
  }
  return store.api ? fillModel(store.api, prose) : {};
}

async function fill(store, conversation, count) {
  for (let from = 1; from <= count; from += BATCH) {
    const length = Math.min(BATCH, count + 1 - from);
    await store.importMessages(
      conversation,
      Array.from({ length }, (_, index) => textOf(from + index, MESSAGE_LENGTH)),
    );
  }
}

// What a person and a model did in a real transcript, as an app would have stored it while it happened.
import { same } from './text.js';
import { openStream } from './stream.js';

/** Characters of a chunk, and the chunks of one answer that are taken, so that no answer is all of the work. */
const CHUNK_LENGTH = 240;
const CHUNKS_PER_ANSWER = 20;

export async function measure(store, { work: { operations }, data }) {
  const transcript = await (await fetch(data)).text();
  const values = [];
  const timed = async (operation) => {
    const started = performance.now();
    const result = await operation();
    values.push((performance.now() - started) * 1000);
    return result;
  };
  for (const { title, turns } of sessions(transcript)) {
    const [conversation] = await timed(() => store.createConversations([title]));
    for (const { prompt, answer } of turns) {
      await timed(() => store.appendMessage(conversation, 'user', prompt));
      const stream = await timed(() => openStream(store, conversation));
      for (const piece of answer) await timed(() => stream.append(piece, 60));
      await timed(() => stream.close());
      same(await timed(() => store.readMessage(stream.message)), answer.join(''), 'an answer');
      const { items } = await timed(() => store.listMessages(conversation, { limit: 50 }));
      same(items[1].text, prompt, 'a prompt');
    }
    await timed(() => store.renameConversation(conversation, turns[0].prompt.slice(0, 40)));
    await timed(() => store.listConversations(50));
    if (values.length >= operations) break;
  }
  if (values.length < operations) throw new Error(`the transcript has ${values.length} operations only`);
  return [{ unit: 'us', values: values.slice(0, operations) }];
}

/** The sessions that have a prompt and an answer. Prompts are quoted with `####`, what the tool printed with `>`. */
function* sessions(transcript) {
  for (const session of transcript.split('# aider chat started at ').slice(1)) {
    const [title, ...lines] = session.split('\n');
    const turns = [];
    for (const line of lines) {
      if (line.startsWith('####')) {
        const last = turns.at(-1);
        if (last && last.text === '') last.prompt += `\n${line.slice(5)}`;
        else turns.push({ prompt: line.slice(5), text: '' });
      } else if (!line.startsWith('>') && line !== '' && turns.length > 0) turns.at(-1).text += `${line}\n`;
    }
    const whole = turns
      .filter(({ prompt, text }) => prompt && text)
      .map(({ prompt, text }) => ({ prompt: prompt.toWellFormed(), answer: cut(text.toWellFormed()) }));
    if (whole.length > 0) yield { title, turns: whole };
  }
}

/** A text in chunks that split no character. */
function cut(text) {
  const characters = [...text];
  const chunks = [];
  for (let at = 0; at < characters.length && chunks.length < CHUNKS_PER_ANSWER; at += CHUNK_LENGTH) {
    chunks.push(characters.slice(at, at + CHUNK_LENGTH).join(''));
  }
  return chunks;
}

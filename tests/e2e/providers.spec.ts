// The formats in which providers stream. Each event here is written by hand from the provider's documentation.

import { expect, test } from '@playwright/test';

import { eventOf, type Item, joined, kept, split, StreamReader } from '../../www/src/providers.js';

function read(events: unknown[]): Item[] {
  const reader = new StreamReader();
  const items = events.flatMap((event) => reader.read(event).items);
  return [...items, ...reader.end()];
}

function chat(...deltas: object[]): unknown[] {
  return deltas.map((delta) => ({ object: 'chat.completion.chunk', choices: [{ index: 0, delta }] }));
}

test('chat completions: text, and reasoning under each of its names', () => {
  const events = chat(
    { role: 'assistant', content: '' },
    { reasoning_content: 'Hm', content: null },
    { reasoning: ', well.' },
    { content: 'Yes' },
    { content: '.' },
  );
  expect(joined(read(events))).toEqual([
    { type: 'reasoning', text: 'Hm, well.' },
    { type: 'text', text: 'Yes.' },
  ]);
});

test('chat completions: calls side by side, whose input comes in pieces', () => {
  const call = (index: number, more: object): object => ({ tool_calls: [{ index, ...more }] });
  const events = [
    ...chat(
      call(0, { id: 'a', type: 'function', function: { name: 'weather', arguments: '' } }),
      call(0, { function: { arguments: '{"city":' } }),
      call(1, { id: 'b', type: 'function', function: { name: 'time', arguments: '{}' } }),
      call(0, { id: '', function: { name: null, arguments: '"Oslo"}' } }),
    ),
    { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }], usage: { completion_tokens: 9 } },
  ];
  expect(joined(read(events))).toEqual([
    { type: 'tool_call', callId: 'a', name: 'weather', input: { city: 'Oslo' } },
    { type: 'tool_call', callId: 'b', name: 'time', input: {} },
  ]);
});

test('chat completions: only the first choice, and an error of the provider', () => {
  const reader = new StreamReader();
  const second = { choices: [{ index: 1, delta: { content: 'other' } }] };
  expect(reader.read(second)).toMatchObject({ items: [], deltas: 0 });
  expect(reader.read({ error: { message: 'overloaded' } }).error).toBe('overloaded');
});

test('Mistral: content as a list of thoughts and texts', () => {
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'Let me see.' }] };
  const events = chat({ content: [thinking] }, { content: [{ type: 'text', text: 'Here.' }] }, { content: ' More.' });
  expect(joined(read(events))).toEqual([
    { type: 'reasoning', text: 'Let me see.' },
    { type: 'text', text: 'Here. More.' },
  ]);
});

test('responses: summaries, text, a call; what was streamed is not repeated by its end', () => {
  const place = { item_id: 'i', output_index: 0 };
  const events = [
    { type: 'response.created', response: { id: 'r' } },
    { type: 'response.reasoning_summary_text.delta', ...place, summary_index: 0, delta: 'Thinking' },
    { type: 'response.reasoning_summary_text.done', ...place, summary_index: 0, text: 'Thinking' },
    { type: 'response.output_text.delta', ...place, content_index: 0, delta: 'Hel' },
    { type: 'response.output_text.delta', ...place, content_index: 0, delta: 'lo' },
    { type: 'response.output_text.done', ...place, content_index: 0, text: 'Hello' },
    { type: 'response.output_text.done', item_id: 'j', output_index: 1, content_index: 0, text: ' you' },
    { type: 'response.function_call_arguments.delta', item_id: 'k', delta: '{"a"' },
    {
      type: 'response.output_item.done',
      item: { type: 'function_call', id: 'k', call_id: 'c', name: 'add', arguments: '{"a":1}' },
    },
    {
      type: 'response.output_item.done',
      item: { type: 'web_search_call', id: 'w', status: 'completed', action: { query: 'q' } },
    },
    { type: 'response.completed', response: { usage: { output_tokens: 4 } } },
  ];
  expect(joined(read(events))).toEqual([
    { type: 'reasoning', text: 'Thinking' },
    { type: 'text', text: 'Hello you' },
    { type: 'tool_call', callId: 'c', name: 'add', input: { a: 1 } },
    { type: 'tool_call', callId: 'w', name: 'web_search_call', input: { query: 'q' } },
  ]);
});

test('Anthropic: thinking, text, a tool and its result', () => {
  const start = (index: number, content_block: object): object => ({
    type: 'content_block_start',
    index,
    content_block,
  });
  const delta = (index: number, delta: object): object => ({ type: 'content_block_delta', index, delta });
  const stop = (index: number): object => ({ type: 'content_block_stop', index });
  const events = [
    { type: 'message_start', message: { content: [], usage: { input_tokens: 3 } } },
    start(0, { type: 'thinking', thinking: '', signature: '' }),
    delta(0, { type: 'thinking_delta', thinking: 'Hm.' }),
    delta(0, { type: 'signature_delta', signature: 'abc' }),
    stop(0),
    { type: 'ping' },
    start(1, { type: 'text', text: '' }),
    delta(1, { type: 'text_delta', text: 'Looking.' }),
    stop(1),
    start(2, { type: 'server_tool_use', id: 't', name: 'web_search', input: {} }),
    delta(2, { type: 'input_json_delta', partial_json: '' }),
    delta(2, { type: 'input_json_delta', partial_json: '{"query":' }),
    delta(2, { type: 'input_json_delta', partial_json: '"x"}' }),
    stop(2),
    start(3, { type: 'web_search_tool_result', tool_use_id: 't', content: [{ url: 'u' }] }),
    stop(3),
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 7 } },
    { type: 'message_stop' },
  ];
  expect(joined(read(events))).toEqual([
    { type: 'reasoning', text: 'Hm.' },
    { type: 'text', text: 'Looking.' },
    { type: 'tool_call', callId: 't', name: 'web_search', input: { query: 'x' } },
    { type: 'tool_result', callId: 't', output: [{ url: 'u' }] },
  ]);
});

test('Google: thoughts, text, a whole call and one in pieces', () => {
  const event = (...parts: object[]): object => ({ candidates: [{ content: { role: 'model', parts }, index: 0 }] });
  const events = [
    event({ text: 'Hm.', thought: true }),
    event({ text: 'So: ' }, { text: 'this.', thoughtSignature: 'abc' }),
    event({ functionCall: { id: 'f', name: 'add', args: { a: 1 } } }),
    event({ functionCall: { name: 'book', willContinue: true } }),
    event({ functionCall: { partialArgs: [{ jsonPath: '$.trip.city', stringValue: 'Os' }], willContinue: true } }),
    event({ functionCall: { partialArgs: [{ jsonPath: '$.trip.city', stringValue: 'lo' }], willContinue: true } }),
    event({ functionCall: { partialArgs: [{ jsonPath: '$.days[0]', numberValue: 2 }] } }),
    { usageMetadata: { totalTokenCount: 5 } },
  ];
  expect(joined(read(events))).toEqual([
    { type: 'reasoning', text: 'Hm.' },
    { type: 'text', text: 'So: this.' },
    { type: 'tool_call', callId: 'f', name: 'add', input: { a: 1 } },
    { type: 'tool_call', callId: '', name: 'book', input: { trip: { city: 'Oslo' }, days: [2] } },
  ]);
});

test('a partial argument reaches nothing but the input it belongs to', () => {
  const partialArgs = [
    { jsonPath: '$.__proto__.polluted', stringValue: 'yes' },
    { jsonPath: '$.constructor.name', stringValue: 'x' },
  ];
  read([{ candidates: [{ content: { parts: [{ functionCall: { name: 'evil', partialArgs } }] } }] }]);
  expect(({} as { polluted?: string }).polluted).toBeUndefined();
  expect(Object.name).toBe('Object');
});

test('a character whose halves come apart is joined, and half a character never goes on', () => {
  expect(joined(read(chat({ content: 'a \uD83D' }, { content: '\uDE00 b' }, { content: '\uDE00 c' })))).toEqual([
    { type: 'text', text: 'a 😀 b\uFFFD c' },
  ]);
});

test('events of no known format are told apart from empty ones', () => {
  const reader = new StreamReader();
  expect(reader.read({ kind: 'weather' }).unknown).toBe(true);
  expect(reader.read({ type: 'ping' }).unknown).toBeUndefined();
});

test('an event is read with or without its field name, and everything else is passed over', () => {
  expect(eventOf('data: {"a":1}')).toEqual({ a: 1 });
  expect(eventOf('{"a":1}')).toEqual({ a: 1 });
  for (const line of ['', 'data: [DONE]', 'event: message', ': keep-alive']) expect(eventOf(line)).toBeUndefined();
});

test('what is kept and what is still to come make the whole, wherever the cut is', () => {
  const call: Item = { type: 'part', part: { type: 'tool_call', callId: 'c', name: 'n', input: {} } };
  const items: Item[] = [
    { type: 'reasoning', text: 'abc' },
    { type: 'text', text: 'de' },
    call,
    { type: 'text', text: 'fgh' },
  ];
  for (let characters = 0; characters <= 8; characters += 1) {
    const parts = characters > 5 ? 1 : 0;
    const { before, after } = split(items, { characters, parts });
    expect(joined([...before, ...after])).toEqual(joined(items));
    expect(kept(joined(before))).toEqual({ characters, parts });
  }
});

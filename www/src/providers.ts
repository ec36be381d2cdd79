// Reads what model providers stream.
//
// Four shapes cover the providers known here: OpenAI's chat completions (also Mistral, DeepSeek, xAI, Groq, Alibaba,
// Perplexity and most local servers), OpenAI's responses (also LM Studio), Anthropic's messages and Google's
// generateContent. A reader takes one event after another and gives what a message is made of.

import type { Part } from '../../pkg/index.js';

/** A piece of an answer, in the order it came. */
export type Item = { type: 'text' | 'reasoning'; text: string } | { type: 'part'; part: Part };

/** What one event held. */
export interface Reading {
  /** What can be kept already. A tool call comes whole, once its last delta is there. */
  items: Item[];
  /** Deltas of text, reasoning or a tool call's input in this event. */
  deltas: number;
  /** What the answer has cost so far, as the provider puts it. */
  usage?: unknown;
  /** The provider says that it failed. */
  error?: string;
  /** The event is of a kind that no known format has. */
  unknown?: true;
}

type Fields = Record<string, unknown>;

interface Call {
  id: string;
  name: string;
  input: string;
}

/** Reads one stream; holds tool calls whose input is still arriving. */
export class StreamReader {
  #calls = new Map<string, Call>();
  #seen = new Set<string>();
  /** The first half of a character whose second half has not come yet. */
  #half = { text: '', reasoning: '' };
  #lastCall = '';

  /** Reads one event: the JSON of a server-sent event's `data`. */
  read(event: unknown): Reading {
    const reading: Reading = { items: [], deltas: 0 };
    const fields = object(event);
    const type = string(fields.type);
    if (fields.error) reading.error = errorText(fields.error);
    else if (Array.isArray(fields.choices)) this.#chat(fields, reading);
    else if (Array.isArray(fields.candidates) || fields.usageMetadata) this.#google(fields, reading);
    else if (type.startsWith('response.')) this.#responses(type, fields, reading);
    else if (/^(message|content_block)_|^(ping|keepalive)$/.test(type)) this.#anthropic(type, fields, reading);
    else reading.unknown = true;
    return reading;
  }

  /** Gives the tool calls that no event has ended. */
  end(): Item[] {
    const items = [...this.#calls.values()].map(callItem);
    this.#calls.clear();
    return items;
  }

  #text(reading: Reading, type: 'text' | 'reasoning', text: unknown): void {
    if (typeof text !== 'string' || text === '') return;
    reading.deltas += 1;
    const arrived = this.#half[type] + text;
    const cut = /[\uD800-\uDBFF]$/.test(arrived) ? arrived.length - 1 : arrived.length;
    this.#half[type] = arrived.slice(cut);
    if (cut > 0) reading.items.push({ type, text: arrived.slice(0, cut).toWellFormed() });
  }

  #chat(fields: Fields, reading: Reading): void {
    reading.usage = fields.usage ?? undefined;
    const choice = array(fields.choices)
      .map(object)
      .find((candidate) => (candidate.index ?? 0) === 0);
    if (!choice) return;
    const delta = object(choice.delta);
    this.#text(reading, 'reasoning', delta.reasoning_content ?? delta.reasoning);
    this.#chatContent(reading, delta.content);
    this.#text(reading, 'text', delta.refusal);
    for (const call of array(delta.tool_calls)) this.#chatCall(object(call), reading);
    if (delta.function_call) this.#chatCall({ function: delta.function_call }, reading);
    if (choice.finish_reason) reading.items.push(...this.end());
  }

  /** A string; or, from Mistral, a list of texts and thoughts. */
  #chatContent(reading: Reading, content: unknown): void {
    this.#text(reading, 'text', content);
    for (const piece of array(content).map(object)) {
      if (piece.type === 'text') this.#text(reading, 'text', piece.text);
      for (const thought of array(piece.thinking)) this.#text(reading, 'reasoning', object(thought).text);
    }
  }

  /** A call's first delta names it; the later ones carry its index, or nothing but more input. */
  #chatCall(delta: Fields, reading: Reading): void {
    const named = object(delta.function);
    const id = string(delta.id);
    if (delta.index !== undefined) this.#lastCall = `call ${String(delta.index)}`;
    else if (id !== '') this.#lastCall = id;
    const call = this.#call(this.#lastCall, id, string(named.name));
    call.input += json(named.arguments);
    reading.deltas += 1;
  }

  #call(key: string, id: string, name: string): Call {
    const call = this.#calls.get(key) ?? { id: '', name: '', input: '' };
    call.id ||= id;
    call.name ||= name;
    this.#calls.set(key, call);
    return call;
  }

  #responses(type: string, fields: Fields, reading: Reading): void {
    const place = [fields.item_id, fields.output_index, fields.content_index, fields.summary_index].join(' ');
    const item = object(fields.item);
    switch (type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        this.#seen.add(place);
        return this.#text(reading, 'text', fields.delta);
      case 'response.reasoning_text.delta':
      case 'response.reasoning_summary_text.delta':
        this.#seen.add(place);
        return this.#text(reading, 'reasoning', fields.delta);
      case 'response.output_text.done':
        if (!this.#seen.has(place)) this.#text(reading, 'text', fields.text);
        return;
      case 'response.reasoning_text.done':
      case 'response.reasoning_summary_text.done':
        if (!this.#seen.has(place)) this.#text(reading, 'reasoning', fields.text);
        return;
      case 'response.output_item.done':
        reading.items.push(...responseItem(item));
        return;
      case 'response.completed':
      case 'response.incomplete':
        reading.usage = object(fields.response).usage ?? undefined;
        return;
      case 'response.failed':
        reading.error = errorText(object(fields.response).error);
        return;
      default:
        // The input of a call comes once more, whole, with its item.
        if (type.endsWith('.delta')) reading.deltas += 1;
    }
  }

  #anthropic(type: string, fields: Fields, reading: Reading): void {
    const key = `block ${String(fields.index)}`;
    switch (type) {
      case 'message_start': {
        const message = object(fields.message);
        reading.usage = message.usage;
        for (const block of array(message.content).map(object)) {
          this.#anthropicBlock(key, block, reading);
          reading.items.push(...this.#endCall(key));
        }
        return;
      }
      case 'content_block_start':
        return this.#anthropicBlock(key, object(fields.content_block), reading);
      case 'content_block_delta': {
        const delta = object(fields.delta);
        this.#text(reading, 'text', delta.text);
        this.#text(reading, 'reasoning', delta.thinking);
        // A summary that the model made for itself.
        if (delta.type === 'compaction_delta') this.#text(reading, 'reasoning', delta.content);
        if (delta.type === 'input_json_delta') {
          const call = this.#calls.get(key);
          if (call) call.input += string(delta.partial_json);
          reading.deltas += 1;
        }
        return;
      }
      case 'content_block_stop':
        reading.items.push(...this.#endCall(key));
        return;
      case 'message_delta':
        reading.usage = fields.usage;
    }
  }

  #anthropicBlock(key: string, block: Fields, reading: Reading): void {
    const kind = string(block.type);
    this.#text(reading, 'text', block.text);
    this.#text(reading, 'reasoning', block.thinking);
    if (kind.endsWith('tool_use')) {
      const whole = Object.keys(object(block.input)).length > 0;
      this.#call(key, string(block.id), string(block.name)).input = whole ? json(block.input) : '';
    } else if (kind.endsWith('tool_result')) {
      reading.items.push(resultItem(block.tool_use_id, block.content, block.is_error));
    }
  }

  #endCall(key: string): Item[] {
    const call = this.#calls.get(key);
    this.#calls.delete(key);
    return call ? [callItem(call)] : [];
  }

  #google(fields: Fields, reading: Reading): void {
    reading.usage = fields.usageMetadata;
    const blocked = object(fields.promptFeedback).blockReason;
    if (blocked) reading.error = `the prompt was blocked: ${string(blocked)}`;
    const candidate = object(array(fields.candidates)[0]);
    for (const part of array(object(candidate.content).parts).map(object)) this.#googlePart(part, reading);
  }

  #googlePart(part: Fields, reading: Reading): void {
    this.#text(reading, part.thought === true ? 'reasoning' : 'text', part.text);
    if (part.functionCall) this.#googleCall(object(part.functionCall), reading);
    if (part.executableCode) {
      reading.items.push(toolCall('code', 'code_execution', part.executableCode));
      reading.deltas += 1;
    }
    if (part.codeExecutionResult) {
      const failed = object(part.codeExecutionResult).outcome !== 'OUTCOME_OK';
      reading.items.push(resultItem('code', part.codeExecutionResult, failed));
    }
    const data = object(part.inlineData);
    if (data.data) {
      const mediaType = string(data.mimeType);
      const reference = `data:${mediaType};base64,${string(data.data)}`;
      reading.items.push({ type: 'part', part: { type: 'file', reference, mediaType } });
    }
  }

  /** A call comes whole, or as partial arguments until `willContinue` is gone. */
  #googleCall(call: Fields, reading: Reading): void {
    reading.deltas += 1;
    if (call.partialArgs === undefined && call.willContinue !== true && !this.#calls.has('google')) {
      reading.items.push(toolCall(string(call.id), string(call.name), call.args ?? {}));
      return;
    }
    const open = this.#call('google', string(call.id), string(call.name));
    const input = object(parse(open.input || '{}'));
    for (const partial of array(call.partialArgs).map(object)) put(input, partial);
    open.input = JSON.stringify(input);
    if (call.willContinue !== true) reading.items.push(...this.#endCall('google'));
  }
}

/** The items of a stream that are kept already, and those still to be written, given how much of it is kept. */
export function split(items: Item[], kept: Kept): { before: Item[]; after: Item[] } {
  let { characters, parts } = kept;
  const before: Item[] = [];
  const after: Item[] = [];
  for (const item of items) {
    if (item.type === 'part') {
      (parts > 0 ? before : after).push(item);
      parts -= 1;
      continue;
    }
    const cut = Math.max(0, Math.min(characters, item.text.length));
    characters -= cut;
    if (cut > 0) before.push({ type: item.type, text: item.text.slice(0, cut) });
    if (cut < item.text.length) after.push({ type: item.type, text: item.text.slice(cut) });
  }
  return { before, after };
}

/** How much of a stream is kept. */
export interface Kept {
  /** Characters of text and reasoning, in UTF-16 units. */
  characters: number;
  /** Parts that are neither. */
  parts: number;
}

/** How much of a stream a message holds. */
export function kept(parts: Part[]): Kept {
  const texts = parts.map((part) => ('text' in part ? part.text.length : undefined));
  return {
    characters: texts.reduce<number>((sum, length) => sum + (length ?? 0), 0),
    parts: texts.filter((length) => length === undefined).length,
  };
}

/** The parts that a message of these items has: neighbouring texts of one kind are one. */
export function joined(items: (Item | Part)[]): Part[] {
  const parts: Part[] = [];
  for (const item of items) {
    const part = item.type === 'part' ? item.part : item;
    const last = parts.at(-1);
    const mergeable = last && (last.type === 'text' || last.type === 'reasoning') && 'text' in part;
    if (mergeable && last.type === part.type) last.text += part.text;
    else parts.push({ ...part });
  }
  return parts.filter((part) => !('text' in part) || part.text !== '');
}

/** The events of a recording or of a server-sent stream, one line each, with or without `data:` before them. */
export function eventOf(line: string): unknown {
  const data = line.replace(/^data:/, '').trim();
  if (!data.startsWith('{')) return undefined;
  return parse(data);
}

function responseItem(item: Fields): Item[] {
  const type = string(item.type);
  const callId = string(item.call_id ?? item.id);
  if (type.endsWith('_call_output')) return [resultItem(callId, item.output, false)];
  if (!type.endsWith('_call')) return [];
  const { id: _id, call_id: _callId, type: _type, status: _status, name, ...rest } = item;
  const input = typeof item.arguments === 'string' ? parse(item.arguments) : (item.input ?? item.action ?? rest);
  const call = toolCall(callId, string(name ?? type), input);
  const output = item.output ?? item.outputs ?? item.results;
  return output === undefined || output === null ? [call] : [call, resultItem(callId, output, Boolean(item.error))];
}

function callItem(call: Call): Item {
  return toolCall(call.id, call.name, parse(call.input || '{}'));
}

function toolCall(callId: string, name: string, input: unknown): Item {
  return { type: 'part', part: { type: 'tool_call', callId, name, input } };
}

function resultItem(callId: unknown, output: unknown, failed: unknown): Item {
  const part: Part = { type: 'tool_result', callId: string(callId), output: output ?? null };
  return { type: 'part', part: failed === true ? { ...part, isError: true } : part };
}

/** Puts one of Google's partial arguments in its place, such as `$.trip.days[0]`; strings grow. */
function put(target: Fields, partial: Fields): void {
  const path = string(partial.jsonPath).match(/[^$.[\]'"]+/g) ?? [];
  const last = path.pop();
  if (last === undefined) return;
  let place: Fields = target;
  for (const [index, step] of path.entries()) {
    const next = path[index + 1] ?? last;
    if (!Object.hasOwn(place, step)) place[step] = /^\d+$/.test(next) ? [] : {};
    place = place[step] as Fields;
  }
  if (typeof partial.stringValue === 'string') place[last] = string(place[last]) + partial.stringValue;
  else place[last] = partial.numberValue ?? partial.boolValue ?? null;
}

/** JSON as it is read; what is not JSON stays text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function json(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

function errorText(error: unknown): string {
  return typeof error === 'string' ? error : string(object(error).message) || 'the provider reported an error';
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function array(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function object(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

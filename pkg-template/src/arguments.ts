/** Takes arguments as they are at the moment of the call, and refuses what cannot be stored as it was given. */

import { StrongroomError } from './errors.js';

const MAX_DEPTH = 64;
const MAX_VALUES = 1_000_000;

/**
 * A deep copy of plain data. Properties that are `undefined` are left out.
 *
 * Throws `invalid_text` for a lone surrogate in any string or key, and `invalid_argument` for what is not plain data:
 * functions, symbols, bigints, numbers that are not finite, instances of classes, cycles, nesting deeper than 64.
 */
export function snapshot<T>(value: T): T {
  return copy(value, { ancestors: [], values: 0 }) as T;
}

interface Walk {
  ancestors: object[];
  values: number;
}

function copy(value: unknown, walk: Walk): unknown {
  walk.values += 1;
  if (walk.values > MAX_VALUES) throw invalid(`arguments of more than ${MAX_VALUES} values`);
  switch (typeof value) {
    case 'string':
      return checkText(value);
    case 'number':
      if (!Number.isFinite(value)) throw invalid(`the number ${value}`);
      return value;
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : copyObject(value, walk);
    default:
      throw invalid(`a ${typeof value}`);
  }
}

function copyObject(value: object, walk: Walk): unknown {
  if (walk.ancestors.includes(value)) throw invalid('a cycle');
  if (walk.ancestors.length >= MAX_DEPTH) throw invalid(`nesting deeper than ${MAX_DEPTH}`);
  walk.ancestors.push(value);
  const copied = Array.isArray(value) ? Array.from(value, (item) => copyItem(item, walk)) : copyFields(value, walk);
  walk.ancestors.pop();
  return copied;
}

function copyItem(item: unknown, walk: Walk): unknown {
  if (item === undefined) throw invalid('undefined in an array');
  return copy(item, walk);
}

function copyFields(value: object, walk: Walk): Record<string, unknown> {
  if (!isPlain(value)) throw invalid(`an instance of ${value.constructor?.name ?? 'a class'}`);
  const copied: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    if (field === undefined) continue;
    // Plain assignment to this key would set the prototype.
    if (key === '__proto__') throw invalid('the key __proto__');
    copied[checkText(key)] = copy(field, walk);
  }
  return copied;
}

/** Whether an object is `{}` or has no prototype, also when it comes from another frame. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The text itself, or `invalid_text` when it holds a lone surrogate. */
export function checkText(text: string): string {
  if (!isWellFormed(text)) throw new StrongroomError('invalid_text', 'the text holds half of a surrogate pair');
  return text;
}

function isWellFormed(text: string & { isWellFormed?(): boolean }): boolean {
  // With the u flag a pair is one character, so only a lone half matches.
  return text.isWellFormed?.() ?? !/\p{Surrogate}/u.test(text);
}

function invalid(what: string): StrongroomError {
  return new StrongroomError('invalid_argument', `${what} cannot be stored`);
}

/** Takes arguments as they are at the moment of the call, and refuses what cannot be stored as it was given. */

import { StrongroomError } from './errors.js';

const MAX_DEPTH = 64;
const MAX_VALUES = 1_000_000;

/**
 * Plain data as JSON. Properties that are `undefined` are left out.
 *
 * Throws `invalid_text` for a lone surrogate in any string or key, and `invalid_argument` for what is not plain data:
 * functions, symbols, bigints, numbers that are not finite, instances of classes, cycles, nesting deeper than 64.
 */
export function encode(value: object): string {
  check(value, { ancestors: [], values: 0 });
  return JSON.stringify(value);
}

interface Walk {
  ancestors: object[];
  values: number;
}

function check(value: unknown, walk: Walk): void {
  walk.values += 1;
  if (walk.values > MAX_VALUES) throw invalid(`arguments of more than ${MAX_VALUES} values`);
  switch (typeof value) {
    case 'string':
      checkText(value);
      return;
    case 'number':
      if (!Number.isFinite(value)) throw invalid(`the number ${value}`);
      return;
    case 'boolean':
    case 'undefined':
      return;
    case 'object':
      if (value !== null) checkObject(value, walk);
      return;
    default:
      throw invalid(`a ${typeof value}`);
  }
}

function checkObject(value: object, walk: Walk): void {
  if (walk.ancestors.includes(value)) throw invalid('a cycle');
  if (walk.ancestors.length >= MAX_DEPTH) throw invalid(`nesting deeper than ${MAX_DEPTH}`);
  walk.ancestors.push(value);
  if (Array.isArray(value)) checkItems(value, walk);
  else checkFields(value, walk);
  walk.ancestors.pop();
}

function checkItems(items: unknown[], walk: Walk): void {
  // Not a loop over what is there: a hole counts as undefined.
  for (let i = 0; i < items.length; i += 1) {
    if (items[i] === undefined) throw invalid('undefined in an array');
    check(items[i], walk);
  }
}

function checkFields(value: object, walk: Walk): void {
  if (!isPlain(value)) throw invalid(`an instance of ${value.constructor?.name ?? 'a class'}`);
  for (const [key, field] of Object.entries(value)) {
    // Whoever copies it by plain assignment would set the prototype.
    if (key === '__proto__') throw invalid('the key __proto__');
    checkText(key);
    check(field, walk);
  }
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

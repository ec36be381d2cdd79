// Texts that are the same in every run.

/** A chunk: 300 bytes, 60 tokens. */
export const CHUNK = 'The quick brown fox jumps over the lazy dog and back again. '.repeat(5);
export const CHUNK_TOKENS = 60;

const WORDS =
  'the a store keeps every line of what was said and when it was said so that nothing is lost in the end however it ends'.split(
    ' ',
  );
const FILLER = words(64 * 1024);

/** The text of the message of this number: words, never twice the same. */
export function textOf(number, length) {
  const at = (number * 7919) % (FILLER.length - length);
  return `${number} ${FILLER.slice(at, at + length)}`.slice(0, length);
}

function words(length) {
  let text = '';
  let seed = 1;
  while (text.length < length) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    text += `${WORDS[(seed >>> 16) % WORDS.length]}${seed % 11 === 0 ? seed : ''} `;
  }
  return text;
}

/** Throws unless what was read is what was written. */
export function same(found, expected, what) {
  if (found === expected) return;
  const show = (value) => (typeof value === 'string' ? `${value.length} characters, "${value.slice(0, 40)}…"` : value);
  throw new Error(`${what}: found ${show(found)} instead of ${show(expected)}`);
}

// Whole files, one after another: each written and kept before the next, then all read.
import { textOf } from './text.js';

export async function measure(store, { work: { files, bytes, isText } }) {
  const contents = Array.from({ length: files }, (_, index) => (isText ? lines : noise)(index + 1, bytes));
  const mediaType = isText ? 'text/plain' : 'image/png';
  const handles = [];
  let started = performance.now();
  for (const content of contents) handles.push(await store.putFile(content, mediaType));
  const written = performance.now() - started;
  started = performance.now();
  const found = [];
  for (const handle of handles) found.push(await store.readFile(handle));
  const read = performance.now() - started;
  for (const [index, content] of contents.entries()) compare(found[index], content);
  const per = (ms) => (bytes >= 1 << 20 ? (files * bytes) / 1000 / ms : (files * 1000) / ms);
  const unit = bytes >= 1 << 20 ? 'MB/s' : 'files/s';
  return [
    { unit: `${unit} written`, values: [per(written)] },
    { unit: `${unit} read`, values: [per(read)] },
  ];
}

/** Bytes that nothing compresses. */
function noise(seed, length) {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Lines of a log. */
function lines(seed, length) {
  let text = '';
  for (let line = 0; text.length < length; line++) text += `${textOf(seed * 100_003 + line, 120)}\n`;
  return new TextEncoder().encode(text).slice(0, length);
}

function compare(found, expected) {
  if (found.length !== expected.length) throw new Error(`${found.length} bytes instead of ${expected.length}`);
  const at = found.findIndex((byte, index) => byte !== expected[index]);
  if (at >= 0) throw new Error(`another byte at ${at}`);
}

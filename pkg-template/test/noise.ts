import { createHash } from 'node:crypto';

/** Bytes that nothing compresses, always the same. */
export function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, block = Buffer.from('begin'); at < length; at += block.length) {
    block = createHash('sha512').update(block).digest();
    bytes.set(block.subarray(0, length - at), at);
  }
  return bytes;
}

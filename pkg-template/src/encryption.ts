/** Archives under age encryption (age-encryption.org/v1). What does the work is loaded when it is first asked for. */

import { StrongroomError } from './errors.js';

/** How a binary age file begins. */
const BEGINNING = 'age-encryption.org/v1';

/** How one begins that is armoured: text, a third larger. */
const ARMOUR = '-----BEGIN AGE ENCRYPTED FILE-----';

/** Who can open what is encrypted: whoever knows the passphrase, or has the identity of any one of the recipients (`age1…`). */
export type Encryption = { passphrase: string } | { recipients: readonly string[] };

/** What opens an encrypted archive: a passphrase, identities (`AGE-SECRET-KEY-1…`), or both. */
export interface DecryptionKeys {
  /** The passphrase that it was encrypted with. */
  passphrase?: string;
  /** Identities, of which one must belong to a recipient. */
  identities?: readonly string[];
}

/** @internal Makes ready to encrypt what flows through; rejects with `invalid_argument` when nobody could open it. */
export async function encrypting(
  encryption: Encryption,
): Promise<(stream: ReadableStream<Uint8Array>) => Promise<ReadableStream<Uint8Array>>> {
  const { Encrypter } = await import('./age.js');
  const encrypter = new Encrypter();
  if ('passphrase' in encryption) {
    if (!encryption.passphrase) throw new StrongroomError('invalid_argument', 'the passphrase is empty');
    encrypter.setPassphrase(encryption.passphrase);
  } else {
    if (encryption.recipients.length === 0) throw new StrongroomError('invalid_argument', 'there is no recipient');
    for (const recipient of encryption.recipients) given('recipient', () => encrypter.addRecipient(recipient));
  }
  return (stream) => encrypter.encrypt(stream);
}

/**
 * @internal Decrypts what is encrypted as it flows, and hands on what is not; what is armoured is held in memory. Rejects with `invalid_argument` when no key opens
 * it; the stream fails with `archive_invalid` where a byte was changed or the end is missing.
 */
export async function decrypted(
  content: Blob | ArrayBuffer | ArrayBufferView | ReadableStream<Uint8Array>,
  { passphrase, identities = [] }: DecryptionKeys,
): Promise<ReadableStream<Uint8Array>> {
  const whole = content instanceof ReadableStream ? content : new Blob([content as BlobPart]).stream();
  const [bytes, stream] = await peeked(whole, ARMOUR.length);
  const beginning = new TextDecoder().decode(bytes);
  const isArmoured = beginning === ARMOUR;
  if (!isArmoured && !beginning.startsWith(BEGINNING)) return stream;
  const { armor, Decrypter } = await import('./age.js');
  const decrypter = new Decrypter();
  if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
  for (const identity of identities) given('identity', () => decrypter.addIdentity(identity));
  try {
    const binary = isArmoured
      ? new Blob([armor.decode(await new Response(stream).text()) as BlobPart]).stream()
      : stream;
    return guarded(await decrypter.decrypt(binary));
  } catch (error) {
    throw broken(error);
  }
}

/** Takes a key in. The library's error would quote it, so it is not passed on. */
function given(what: string, add: () => void): void {
  try {
    add();
  } catch {
    throw new StrongroomError('invalid_argument', `a given ${what} is none of age`);
  }
}

/** What a failure to decrypt means; what failed before, as a file that cannot be read, stays what it is. */
function broken(error: unknown): unknown {
  if (error instanceof StrongroomError || error instanceof DOMException) return error;
  if (error instanceof Error && error.message.startsWith('no identity matched')) {
    return new StrongroomError('invalid_argument', 'neither the passphrase nor an identity opens it', { cause: error });
  }
  return new StrongroomError('archive_invalid', 'the encrypted file is damaged or incomplete', { cause: error });
}

/** The first bytes of a stream, and the stream from its beginning. */
async function peeked(
  stream: ReadableStream<Uint8Array>,
  length: number,
): Promise<[Uint8Array, ReadableStream<Uint8Array>]> {
  const reader = stream.getReader();
  const read: Uint8Array[] = [];
  for (let size = 0; size < length;) {
    const { value, done } = await reader.read();
    if (done) break;
    read.push(value);
    size += value.length;
  }
  const beginning = new Uint8Array(await new Blob(read as BlobPart[]).slice(0, length).arrayBuffer());
  return [beginning, pulled(reader, read)];
}

/** A stream whose failures are typed. */
function guarded(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return pulled(stream.getReader(), [], broken);
}

/** What was read already, then what a reader still gives. */
function pulled(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  read: Uint8Array[],
  failure: (error: unknown) => unknown = (error) => error,
): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        const first = read.shift();
        if (first) return controller.enqueue(first);
        try {
          const { value, done } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          throw failure(error);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

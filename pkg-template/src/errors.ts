import type { WireError } from './protocol.js';
import type { Code } from './types.js';

/** The codes of errors made on the page after which the same call may succeed. */
const RETRYABLE: readonly Code[] = ['timeout', 'indeterminate'];

/**
 * The one error of this package. Match on `code`; the message is for people and may change.
 *
 * @example
 * try {
 *   await store.users.update({ id, version, name });
 * } catch (error) {
 *   if (error instanceof StrongroomError && error.code === 'conflict') await reload();
 *   else throw error;
 * }
 */
export class StrongroomError extends Error {
  override readonly name = 'StrongroomError';
  /** What went wrong, as a stable name. */
  readonly code: Code;
  /** Whether the same call may succeed later without being changed. */
  readonly retryable: boolean;

  /** @internal */
  constructor(code: Code, message: string, details: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? RETRYABLE.includes(code);
  }

  /** @internal The error that came from the engine. */
  static from(wire: WireError): StrongroomError {
    return new StrongroomError(wire.code, wire.message, { cause: wire.cause, retryable: wire.retryable });
  }
}

/** What callers may ask of a call, whichever it is. */

/** The last argument of every call. */
export interface CallOptions {
  /**
   * Gives up on the call: it rejects with `aborted` at once. A request that has not run yet never will. One that has
   * run stays done, and its answer is dropped: repeat a write with the same `requestId` to learn which it was.
   */
  signal?: AbortSignal | undefined;
  /** Milliseconds after which the call rejects with `timeout`, and is otherwise treated as if aborted. None by default. */
  timeout?: number | undefined;
}

/** The last argument of calls that write. */
export interface WriteOptions extends CallOptions {
  /**
   * Names the write. The same name twice has one effect and one answer, for 7 days and across reloads: so a write
   * that failed with `indeterminate`, `timeout` or `aborted` can safely be repeated.
   */
  requestId?: string | undefined;
}

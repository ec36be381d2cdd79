/** The loop that takes jobs from a queue, runs them and ends them. */

import { StrongroomError } from './errors.js';
import type { Job, Jobs } from './types.js';

/** The lease unless the app says otherwise. Long, because the timers of a hidden page, which renew it, run once a minute. */
const LEASE_MS = 3 * 60_000;

/** The most jobs that one `dequeue` takes. */
const MAX_CONCURRENCY = 100;

/** How much of an error is kept, in characters. */
const MAX_ERROR_LENGTH = 1000;

/** What a handler is given beside its job. */
export interface JobContext {
  /** Aborted when the work is to stop, and when the lease is lost: someone else may have the job then. */
  signal: AbortSignal;
  /** Renews the lease now, which also happens by itself. Rejects with `conflict` when it is lost. */
  renew(): Promise<void>;
}

/**
 * Does one job. What it returns, if that is plain data, becomes the job's result; what it throws, the job's error.
 *
 * A page can end at any moment, and the job is then run again: what it does should be the same done twice.
 */
export type JobHandler = (job: Job, context: JobContext) => unknown;

/** What `jobs.work` may be told. */
export interface WorkOptions {
  /** The queue to take jobs from. */
  queue: string;
  /** Only jobs of this user. Without one, a view of one user takes that user's, and the store takes everyone's. */
  userId?: string | undefined;
  /** How many jobs run at once: 1 to 100, 1 by default. */
  concurrency?: number | undefined;
  /** How long a lease is, in milliseconds; it is renewed each third of that. 3 minutes by default. */
  leaseMs?: number | undefined;
  /** How long to wait before looking again when nothing is due, in milliseconds; 1 second by default. */
  pollMs?: number | undefined;
  /** Stops the work: no more jobs are taken, handlers are told by their own signal, and those that throw then give theirs back. */
  signal?: AbortSignal | undefined;
}

/** Jobs, and the loop that runs them. */
export interface JobGroup extends Jobs {
  /**
   * Runs the jobs of a queue as they come due, until the signal is aborted; resolves when no handler runs any more.
   * A full or failing disk is waited for. Rejects when the store is closed or unusable, and with `invalid_argument`.
   *
   * @example
   * const stop = new AbortController();
   * const working = store.jobs.work((job) => summarise(job.payload), { queue: 'summaries', signal: stop.signal });
   */
  work(handler: JobHandler, options: WorkOptions): Promise<void>;
}

/** @internal Adds the loop to the calls it is made of. */
export function withWork(jobs: Jobs): JobGroup {
  return Object.freeze({
    ...jobs,
    work: async (handler: JobHandler, options: WorkOptions) => new Work(jobs, handler, options).run(),
  });
}

class Work {
  readonly #jobs: Jobs;
  readonly #handler: JobHandler;
  readonly #wanted: { queue: string; leaseMs: number; userId?: string };
  readonly #concurrency: number;
  readonly #pollMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Why it stopped by itself. */
  #failure: unknown;
  /** Ends the wait for what comes next. */
  #wake = (): void => {};

  constructor(jobs: Jobs, handler: JobHandler, options: WorkOptions) {
    const { queue, userId, concurrency = 1, leaseMs = LEASE_MS, pollMs = 1000, signal } = options;
    if (!(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY)) {
      throw new StrongroomError('invalid_argument', `concurrency is 1 to ${MAX_CONCURRENCY}`);
    }
    if (!(pollMs >= 1 && pollMs < 2 ** 31)) {
      throw new StrongroomError('invalid_argument', 'pollMs is a time in milliseconds');
    }
    this.#jobs = jobs;
    this.#handler = handler;
    this.#wanted = { queue, leaseMs, ...(userId === undefined ? {} : { userId }) };
    this.#concurrency = concurrency;
    this.#pollMs = pollMs;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const onAbort = (): void => this.#end(this.#signal?.reason);
    if (this.#signal?.aborted) onAbort();
    this.#signal?.addEventListener('abort', onAbort);
    while (!this.#stop.signal.aborted) {
      const room = this.#concurrency - this.#running.size;
      for (const job of room > 0 ? await this.#take(room) : []) this.#begin(job);
      const isFull = this.#running.size >= this.#concurrency;
      await this.#pause(isFull ? undefined : this.#pollMs);
    }
    await Promise.all(this.#running);
    this.#signal?.removeEventListener('abort', onAbort);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #take(limit: number): Promise<Job[]> {
    try {
      return await this.#jobs.dequeue({ ...this.#wanted, limit });
    } catch (error) {
      if (!isRetryable(error)) this.#fail(error);
      return [];
    }
  }

  #begin(job: Job): void {
    const running = this.#attempt(job)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running.delete(running);
        this.#wake();
      });
    this.#running.add(running);
  }

  /** Runs a job and ends it. Rejects when it cannot be ended. */
  async #attempt(job: Job): Promise<void> {
    const lease = { id: job.id, lease: job.lease ?? '' };
    const stop = this.#stop.signal;
    const ended = new AbortController();
    const onStop = (): void => ended.abort(stop.reason);
    stop.addEventListener('abort', onStop);
    const renew = async (): Promise<void> => {
      try {
        await this.#jobs.renew({ ...lease, leaseMs: this.#wanted.leaseMs });
      } catch (error) {
        if (!isRetryable(error)) ended.abort(error);
        throw error;
      }
    };
    // A renewal that failed for now is tried again; the handler is told of one that failed for good.
    const renewing = setInterval(() => void renew().catch(() => {}), this.#wanted.leaseMs / 3);
    try {
      stop.throwIfAborted();
      const result = await this.#handler(job, { signal: ended.signal, renew });
      await this.#settle(() => this.#jobs.complete(result === undefined ? lease : { ...lease, result }));
    } catch (error) {
      await this.#settle(() =>
        stop.aborted ? this.#jobs.release(lease) : this.#jobs.fail({ ...lease, error: describe(error) }),
      );
    } finally {
      clearInterval(renewing);
      stop.removeEventListener('abort', onStop);
    }
  }

  /** Ends a job, as soon as the disk lets it. */
  async #settle(end: () => Promise<Job>): Promise<void> {
    for (;;) {
      try {
        await end();
        return;
      } catch (error) {
        // The lease was lost, or the job was cancelled or deleted: it is not this holder's to end.
        if (error instanceof StrongroomError && (error.code === 'conflict' || error.code === 'not_found')) return;
        if (!isRetryable(error) || this.#stop.signal.aborted) throw error;
        await new Promise((resolve) => setTimeout(resolve, this.#pollMs));
      }
    }
  }

  /** Waits until a job ends or the work is to stop, or for so many milliseconds. */
  #pause(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stop.signal.aborted) this.#wake();
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#end(error);
  }

  #end(reason: unknown): void {
    this.#stop.abort(reason);
    this.#wake();
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof StrongroomError && error.retryable;
}

/** What is kept of an error, as text that can be stored. */
function describe(error: unknown): string {
  const isObject = typeof error === 'object' && error !== null;
  const text =
    error instanceof Error ? `${error.name}: ${error.message}` : isObject ? 'an object was thrown' : String(error);
  return text.slice(0, MAX_ERROR_LENGTH).replace(/\p{Surrogate}/gu, '\ufffd');
}

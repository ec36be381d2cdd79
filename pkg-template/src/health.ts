/** Whether what is stored is sound, and how much room it takes and has. */

import { told } from './connection.js';
import type { Caller } from './groups.js';
import type { CallOptions } from './options.js';
import type {
  Compacted,
  HealthCheck,
  HealthRepair,
  HealthReport,
  HealthUsage,
  OperationStats,
  Reclaimable,
  Setting,
  Upkeep,
  UsageQuery,
  WorkProgress,
} from './types.js';

/** The app's setting that holds how much was stored on past days. */
const SAMPLES = 'health.samples';

/** Days that are remembered. */
const MAX_SAMPLES = 90;

const DAY_MS = 24 * 60 * 60 * 1000;

/** How much was stored when: milliseconds since 1970, and bytes. */
type Sample = [at: number, bytes: number];

/** How much room the origin takes, and how much it has. */
export interface StorageReport {
  /** Bytes that the origin takes, this store's among them; absent where the browser does not say. */
  usage?: number;
  /** Bytes that the origin may take; absent where the browser does not say. */
  quota?: number;
  /** Whether the browser keeps the origin's data when it runs out of room. */
  isPersisted: boolean;
  /** Bytes by which it grew per day, from what past calls of `storage` saw; absent until they span a day. */
  growthPerDay?: number;
  /** Days until the quota is reached if it goes on like that; absent when it does not grow. */
  daysUntilFull?: number;
}

/** Whether what is stored is sound, and where the bytes are. */
export class Health {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Checks the pages' checksums, SQLite's tables and indexes, what records refer to, counters, paths and ids; at the depth
   * `normal` the audit index, the journal's chain and the contents of artifacts too; at the depth `deep` also charts, and every
   * backup by reading it back. Works in slices, so that other calls go on; its `signal` ends it. The result is also kept, as
   * the setting `health.lastCheck`, and findings are the event `health`.
   */
  check(
    { depth, onProgress }: HealthCheck & { onProgress?: (progress: WorkProgress) => void } = {},
    options?: CallOptions,
  ): Promise<HealthReport> {
    const args = depth === undefined ? {} : { depth };
    return this.#caller.call('health.check', args, options, { progress: told(onProgress) });
  }

  /**
   * Checks everything, mends what it can, and checks everything again. A damaged database is made anew from the journal, and
   * what the journal had lost is taken from what can still be read of it; contents come back from backups; what cannot be
   * mended is set aside in `quarantine/`, never deleted. Resolves to what was repaired, what is left, and what could not be
   * saved. Each step is whole in itself: `signal` ends it between two of them, and it can be begun again. Rejects with
   * `locked` while a backup is being made.
   */
  repair(
    { onProgress }: { onProgress?: (progress: WorkProgress) => void } = {},
    options?: CallOptions,
  ): Promise<HealthRepair> {
    return this.#caller.call('health.repair', {}, options, { progress: told(onProgress) });
  }

  /**
   * Gives back, at once, what upkeep gives back by and by: free pages of the database, and plain segments of the journal, which
   * are compressed; chunks of archived conversations are packed. Nothing that is kept goes. Works in slices, so that other calls
   * go on; what was done when `signal` ends it stays done. Rejects with `locked` while an export reads the store or an
   * erasure is under way.
   */
  compact(
    { onProgress }: { onProgress?: (progress: WorkProgress) => void } = {},
    options?: CallOptions,
  ): Promise<Compacted> {
    return this.#caller.call('health.compact', {}, options, { progress: told(onProgress) });
  }

  /** What the store is doing by itself, or will in the next quiet moment, and how far it is. Nothing is the usual answer. */
  upkeep(options?: CallOptions): Promise<Upkeep[]> {
    return this.#caller.call('health.upkeep', {}, options);
  }

  /** Counts where the bytes are: by kind, adding up to the sizes of the files, and by user, context and construct. */
  usage(query: UsageQuery = {}, options?: CallOptions): Promise<HealthUsage> {
    return this.#caller.call('health.usage', query, options);
  }

  /** What became of calls since the store was opened, and how long they took, by method. */
  operations(options?: CallOptions): Promise<OperationStats[]> {
    return this.#caller.call('health.operations', {}, options);
  }

  /** The bytes that each remedy would free, retention and erasing among them. Works in slices. */
  reclaimable(options?: CallOptions): Promise<Reclaimable[]> {
    return this.#caller.call('health.reclaimable', {}, options);
  }

  /**
   * How much room there is, and for how long. Remembers what is stored once a day, as the setting `health.samples`, so
   * call it from time to time.
   */
  async storage(options?: CallOptions): Promise<StorageReport> {
    const storage = globalThis.navigator?.storage as StorageManager | undefined;
    const [{ usage, quota } = {}, isPersisted = false] = await Promise.all([
      storage?.estimate?.(),
      storage?.persisted?.(),
    ]);
    const known = { ...(usage === undefined ? {} : { usage }), ...(quota === undefined ? {} : { quota }), isPersisted };
    if (usage === undefined) return known;
    const samples = await this.#sample([Date.now(), usage], options);
    return { ...known, ...forecast(samples, usage, quota) };
  }

  /** Asks the browser to keep the origin's data when it runs out of room; it may ask its user. Resolves to whether it does. */
  async persist(): Promise<boolean> {
    const storage = globalThis.navigator?.storage as StorageManager | undefined;
    return (await storage?.persist?.()) ?? false;
  }

  /** Adds a sample to those of earlier days, once a day. Gives all, the new one included. */
  async #sample(sample: Sample, options: CallOptions | undefined): Promise<Sample[]> {
    const setting = await this.#caller.call<Setting | undefined>('settings.get', { name: SAMPLES }, options);
    const earlier = (setting?.value ?? []) as Sample[];
    const samples = [...earlier, sample].slice(-MAX_SAMPLES);
    const last = earlier.at(-1);
    // A clock that was set back begins anew.
    if (last && sample[0] < last[0]) return this.#remember([sample], options);
    return last && sample[0] - last[0] < DAY_MS ? samples : this.#remember(samples, options);
  }

  async #remember(samples: Sample[], options: CallOptions | undefined): Promise<Sample[]> {
    await this.#caller.call('settings.set', { name: SAMPLES, value: samples }, options);
    return samples;
  }
}

/** @internal How samples go on. */
export function forecast(
  samples: readonly Sample[],
  usage: number,
  quota: number | undefined,
): Pick<StorageReport, 'growthPerDay' | 'daysUntilFull'> {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last[0] - first[0] < DAY_MS) return {};
  const growthPerDay = ((last[1] - first[1]) / (last[0] - first[0])) * DAY_MS;
  if (quota === undefined || growthPerDay <= 0) return { growthPerDay };
  return { growthPerDay, daysUntilFull: Math.max(0, quota - usage) / growthPerDay };
}

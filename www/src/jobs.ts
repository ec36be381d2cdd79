// Jobs of the demo: put into a queue, and done in this page while the worker is switched on.

import type { Job, JobContext, JobState, UserView } from '../../pkg/index.js';
import { type Asked, Paged } from './paged.js';

const QUEUE = 'demo';
const JOBS_PER_PAGE = 30;
const CONCURRENCY = 2;

/** Short, so that what a page was doing when it ended is taken up again soon after. */
const LEASE_MS = 15_000;
const POLL_MS = 400;

/** How long a demo job takes at least, so that one can watch. */
const WORK_MS = 700;

/** How often the job that fails at random fails. */
const FAILURES = 0.6;

export const STATES: readonly JobState[] = ['queued', 'running', 'done', 'dead', 'cancelled'];

/** The jobs that the demo knows how to do. */
export const TASKS = {
  titles: 'Summarise the titles',
  random: 'Fail at random',
  broken: 'Fail each time',
} as const;

export type Task = keyof typeof TASKS;

/** The jobs that are listed, and the worker. */
export class JobDesk {
  readonly jobs: Paged<Job>;
  readonly counts = new Map<JobState, number>();
  /** Only jobs in this state; all of them when empty. */
  state: JobState | '' = '';

  #user: UserView;
  #working: AbortController | undefined;
  #changed: () => void;
  #failed: (error: unknown) => void;

  constructor(user: UserView, changed: () => void, failed: (error: unknown) => void) {
    this.#user = user;
    this.jobs = new Paged(JOBS_PER_PAGE, (asked) => this.#page(asked));
    this.#changed = changed;
    this.#failed = failed;
  }

  get isWorking(): boolean {
    return this.#working !== undefined;
  }

  /** Reads counts and list anew. */
  async read(): Promise<void> {
    const { state } = this;
    const isWanted = (): boolean => state === this.state;
    const [counts] = await Promise.all([this.#user.jobs.counts(), this.jobs.read(isWanted)]);
    if (!isWanted()) return;
    this.counts.clear();
    for (const { state: of, count } of counts) this.counts.set(of, (this.counts.get(of) ?? 0) + count);
    this.#changed();
  }

  /** Reads the next page of the list. */
  async more(): Promise<void> {
    await this.jobs.more();
    this.#changed();
  }

  /** Puts jobs into the queue. */
  async enqueue(task: Task, times: number): Promise<void> {
    const maxAttempts = task === 'broken' ? 2 : 5;
    const jobs = Array.from({ length: times }, () =>
      this.#user.jobs.enqueue({ queue: QUEUE, payload: { task }, maxAttempts, backoffMs: 500 }),
    );
    await Promise.all(jobs);
    await this.read();
  }

  async cancel({ id }: Job): Promise<void> {
    await this.#user.jobs.cancel(id);
    await this.read();
  }

  async revive({ id }: Job): Promise<void> {
    await this.#user.jobs.revive(id);
    await this.read();
  }

  /** Switches the worker on or off. What it is doing when it is switched off is given back, to be done later. */
  setWorking(working: boolean): void {
    this.#working?.abort();
    this.#working = working ? new AbortController() : undefined;
    if (this.#working) void this.#work(this.#working);
    this.#changed();
  }

  async #work(stop: AbortController): Promise<void> {
    const options = { queue: QUEUE, concurrency: CONCURRENCY, leaseMs: LEASE_MS, pollMs: POLL_MS, signal: stop.signal };
    try {
      await this.#user.jobs.work((job, context) => perform(this.#user, job, context), options);
    } catch (error) {
      this.#failed(error);
    }
    if (this.#working !== stop) return;
    this.#working = undefined;
    this.#changed();
  }

  #page(asked: Asked): ReturnType<UserView['jobs']['list']> {
    return this.#user.jobs.list({
      ...asked,
      ...(this.state === '' ? {} : { state: this.state }),
    });
  }
}

/** What a job is about. */
export function taskOf({ payload }: Job): Task | undefined {
  const task: unknown = typeof payload === 'object' && payload !== null && 'task' in payload ? payload.task : undefined;
  return typeof task === 'string' && task in TASKS ? (task as Task) : undefined;
}

async function perform(user: UserView, job: Job, { signal }: JobContext): Promise<unknown> {
  await pause(WORK_MS, signal);
  switch (taskOf(job)) {
    case 'titles':
      return { summary: await summarise(user) };
    case 'random':
      if (Math.random() < FAILURES) throw new Error('the dice said no');
      return { summary: `It went well at attempt ${job.attempts}.` };
    case 'broken':
      throw new Error('this job cannot be done');
    default:
      throw new Error('this demo does not know how to do that');
  }
}

/** The titles of the newest conversations in one sentence: how many, and the words they have most in common. */
async function summarise(user: UserView): Promise<string> {
  const { items } = await user.conversations.list({ limit: 100 });
  const words = new Map<string, number>();
  for (const { title } of items) {
    for (const word of new Set(title.toLocaleLowerCase().match(/\p{L}{4,}/gu) ?? [])) {
      words.set(word, (words.get(word) ?? 0) + 1);
    }
  }
  const often = [...words].sort(([, a], [, b]) => b - a).slice(0, 3);
  const about = often.length === 0 ? '' : `, mostly about ${often.map(([word]) => word).join(', ')}`;
  return `${items.length} ${items.length === 1 ? 'conversation' : 'conversations'}${about}.`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}

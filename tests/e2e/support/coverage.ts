// V8's coverage of pages and their workers, as raw files that coverage tools read.

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { BrowserContext, CDPSession, Page } from '@playwright/test';

/** How often a worker's coverage is taken: one that ends takes the rest with it. */
const TAKE_EVERY_MS = 100;

const FOLDER = fileURLToPath(new URL('../../../test-results/coverage/', import.meta.url));

/** A worker, reached through its page. */
interface Worker {
  page: CDPSession;
  sessionId: string;
}

/** Gathers the coverage of one test. */
export class Coverage {
  static readonly isWanted: boolean = process.env.STRONGROOM_COVERAGE === '1';

  #pages: Page[] = [];
  #workers: Worker[] = [];
  #results: unknown[] = [];
  #answers = new Map<string, (result: unknown) => void>();
  #lastId = 0;
  #timer = setInterval(() => void this.#takeAll(), TAKE_EVERY_MS);

  /** Follows every page of a context, and every worker of each. */
  async watch(context: BrowserContext): Promise<void> {
    context.on('page', (page) => void this.#watchPage(page).catch(() => undefined));
    for (const page of context.pages()) await this.#watchPage(page);
  }

  /** Takes what has run, and writes it to a file named after the test. What was killed took its coverage with it. */
  async write(name: string): Promise<void> {
    clearInterval(this.#timer);
    await this.#takeAll();
    for (const page of this.#pages) {
      const entries = await page.coverage.stopJSCoverage().catch(() => []);
      this.#results.push(...entries);
    }
    await mkdir(FOLDER, { recursive: true });
    const file = name.replace(/[^\w]+/g, '-').slice(-120);
    await writeFile(`${FOLDER}${file}.json`, JSON.stringify(this.#results));
  }

  async #watchPage(page: Page): Promise<void> {
    this.#pages.push(page);
    await page.coverage.startJSCoverage({ resetOnNavigation: false });
    const session = await page.context().newCDPSession(page);
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      const worker = { page: session, sessionId };
      if (targetInfo.type === 'worker') void this.#begin(worker);
      else this.#send(worker, 'Runtime.runIfWaitingForDebugger');
    });
    session.on('Target.detachedFromTarget', ({ sessionId }) => {
      this.#workers = this.#workers.filter((worker) => worker.sessionId !== sessionId);
    });
    session.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      const { id, result } = JSON.parse(message) as { id?: number; result?: unknown };
      const key = `${sessionId} ${id}`;
      this.#answers.get(key)?.(result);
      this.#answers.delete(key);
    });
    await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: true, flatten: false });
  }

  async #begin(worker: Worker): Promise<void> {
    this.#workers.push(worker);
    void this.#send(worker, 'Profiler.enable');
    void this.#send(worker, 'Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    await this.#send(worker, 'Runtime.runIfWaitingForDebugger');
  }

  async #takeAll(): Promise<void> {
    const ended = new Promise<undefined>((resolve) => setTimeout(resolve, 1000, undefined));
    const taken = this.#workers.map(async (worker) => {
      const answer = await Promise.race([this.#send(worker, 'Profiler.takePreciseCoverage'), ended]);
      const { result = [] } = (answer ?? {}) as { result?: unknown[] };
      this.#results.push(...result);
    });
    await Promise.all(taken);
  }

  #send({ page, sessionId }: Worker, method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = new Promise((resolve) => this.#answers.set(`${sessionId} ${id}`, resolve));
    const message = JSON.stringify({ id, method, params });
    page.send('Target.sendMessageToTarget', { sessionId, message }).catch(() => undefined);
    return answer;
  }
}

/** An engine that answers as it is told to, so that tests own every turn. */

import { Connection, call } from '../../pkg/connection.js';
import { serve } from '../../pkg/serve.js';

export type Wire = [method: string, args: any, user: string | null, requestId: string | null];

export class FakeEngine {
  turns: Wire[][] = [];
  ticks: boolean[] = [];
  closed = false;
  listening = false;
  events: unknown[] = [];
  news: unknown[] = [];
  dueIn: number | undefined;
  mustTick = false;
  answer: (request: Wire) => unknown[] = ([, args]) => [0, args];
  onTick: () => void | Promise<void> = () => {};
  onTask: (request: Wire, progress: (value: unknown) => void) => Promise<unknown[] | undefined> = async () => undefined;

  /** Long work by slices, which is done instead where it is set: null while there is more. */
  onSlice: ((request: Wire) => Promise<unknown[] | null>) | undefined;
  dropped = 0;

  onOpen: () => void | Promise<void> = () => {};

  async open(): Promise<this> {
    await this.onOpen();
    return this;
  }
  turn(text: string): [string | undefined, [number, unknown][]] {
    const requests = JSON.parse(text) as [number, ...Wire][];
    this.turns.push(requests.map(([, ...request]) => request));
    const answers: unknown[] = [];
    const again: [number, unknown][] = [];
    for (const [id, ...request] of requests) {
      const [status, value] = this.answer(request);
      if (status === 2) again.push([id, value]);
      else answers.push([id, status, value]);
    }
    return [answers.length > 0 ? JSON.stringify(answers) : undefined, again];
  }
  async task(text: string, progress: (value: string) => void): Promise<string | null | undefined> {
    const [id, ...request] = JSON.parse(text) as [number, ...Wire];
    if (this.onSlice) {
      const slice = await this.onSlice(request);
      return slice && JSON.stringify([[id, ...slice]]);
    }
    const answer = await this.onTask(request, (value) => progress(JSON.stringify(value)));
    return answer && JSON.stringify([[id, ...answer]]);
  }
  needsTick(): boolean {
    return this.mustTick;
  }
  due(): number | undefined {
    return this.dueIn;
  }
  async tick(idle: boolean): Promise<void> {
    this.ticks.push(idle);
    this.dueIn = undefined;
    await this.onTick();
  }
  takeEvents(): string | undefined {
    if (this.events.length + this.news.length === 0) return undefined;
    const taken = JSON.stringify([this.events, this.news]);
    this.events = [];
    this.news = [];
    return taken;
  }
  dropTask(): void {
    this.dropped += 1;
  }
  setListening(steps: boolean): void {
    this.listening = steps;
  }
  async endStreams(): Promise<void> {}
  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A connection to a fake engine over a channel, and every message that crossed. */
export async function connect(engine: FakeEngine, patience = 0) {
  const { port1, port2 } = new MessageChannel();
  const sent: any[] = [];
  const told: unknown[] = [];
  const post = port1.postMessage.bind(port1);
  port1.postMessage = (message: unknown) => {
    sent.push(message);
    post(message);
  };
  serve(
    port2 as never,
    async () => engine.open() as never,
    () => port2.close(),
  );
  let connection!: Connection;
  await new Promise<void>((resolve, reject) => {
    connection = new Connection(port1 as never, {
      opened: resolve,
      refused: reject,
      crashed: (reason: string) => void told.push({ crashed: reason }),
      closed: (error: unknown) => void told.push({ closed: error }),
      event: (event: unknown) => void told.push(event),
    });
    connection.open({ name: 'fake', storage: 'memory', engine: {} }, undefined, patience);
  });
  return {
    connection,
    sent,
    told,
    ask: (method: string, args: object = {}, options = {}, extras = {}): Promise<any> =>
      call(connection, undefined, method, args, options, extras),
    batches: () => sent.filter((message) => message.type === 'requests').map((message) => message.requests.length),
    end: () => port1.close(),
  };
}

export const macrotask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await macrotask();
}

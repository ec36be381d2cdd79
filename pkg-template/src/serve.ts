/**
 * The other side of a port: a queue in front of one engine.
 *
 * Stream writes go first, then calls, then bytes, then long work. Stream writes and calls that wait are answered as one turn
 * of the engine, that is with one append and one flush. An engine that throws anything but an error of its own is poisoned: it is not touched again.
 */

import { PROTOCOL, isWireError, priorityOf, wireError } from './protocol.js';
import type { OpenOptions, Port, Request, ToPage, ToWorker, WasmSource, WireError } from './protocol.js';
import type { Engine as BoundEngine } from './strongroom.js';

/** What is served. */
export type Engine = Pick<BoundEngine, keyof BoundEngine>;

/** Brings up an engine; `progress` is told steps of the store's migration as JSON. */
export type OpenEngine = (
  options: OpenOptions,
  wasm: WasmSource | undefined,
  progress: (step: string) => void,
) => Promise<Engine>;

/** Calls in one turn, so that stream writes that arrive behind a thousand calls wait for a few of them only. */
const CALLS_PER_TURN = 128;

/** Turns in a row after which long work goes on although calls wait. */
const TURNS_PER_SLICE = 8;

/** The longest wait that a timer can hold. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const NO_BYTES = new Uint8Array();

/** How long upkeep that failed is let be. */
const RETRY_MS = 1000;

/** Serves one engine over `port` until it is closed or breaks; `ended` is called then, after the last message. */
export function serve(port: Port, openEngine: OpenEngine, ended: () => void): void {
  new Server(port, openEngine, ended);
}

type Open = Extract<ToWorker, { type: 'open' }>;

type Refused = [id: number, error: WireError];

/** A request that waits, and the error it met if it is asked again. */
interface Waiting {
  request: Request;
  again?: WireError;
}

class Server {
  readonly #port: Port;
  readonly #openEngine: OpenEngine;
  readonly #ended: () => void;
  readonly #pause = new Pause();
  #engine: Engine | undefined;
  #streams: Waiting[] = [];
  #calls: Waiting[] = [];
  #bytes: Waiting[] = [];
  #long: Waiting[] = [];
  #isRunning = false;
  #isClosing = false;
  #listening = { steps: false, changes: false };
  /** Turns since long work went on. */
  #turns = 0;
  /** The request that the engine is working on by itself, and whether it was aborted meanwhile. */
  #slice: { id: number; isAborted: boolean } | undefined;
  /** The engine holds long work that nobody waits for any more. */
  #hasDropped = false;
  #hasTickFailed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(port: Port, openEngine: OpenEngine, ended: () => void) {
    this.#port = port;
    this.#openEngine = openEngine;
    this.#ended = ended;
    port.onmessage = (event) => this.#receive(event.data as ToWorker);
    port.onmessageerror = () => this.#crash(new Error('a message could not be read'));
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case 'open':
        void this.#open(message);
        return;
      case 'requests':
        for (const request of message.requests) this.#queueOf(request).push({ request });
        void this.#run();
        return;
      case 'abort':
        return this.#abort(message.id);
      case 'listen':
        this.#listening = message;
        return;
      case 'close':
        this.#isClosing = true;
        void this.#run();
        return;
    }
  }

  async #open(message: Open): Promise<void> {
    if (message.protocol !== PROTOCOL) {
      return this.#refuse(wireError('unsupported', 'the page and its worker are of different versions'));
    }
    if (message.lifeline) await hold(message.lifeline);
    this.#post({ type: 'alive' });
    try {
      this.#engine = await this.#openPatiently(message);
    } catch (error) {
      if (!isWireError(error)) return this.#crash(error);
      return this.#refuse(error);
    }
    this.#post({ type: 'opened' });
    this.#settle();
    await this.#run();
  }

  #refuse(error: WireError): void {
    this.#post({ type: 'refused', error });
    this.#end();
  }

  async #openPatiently({ options, wasm, lockPatienceMs }: Open): Promise<Engine> {
    const patientUntil = Date.now() + lockPatienceMs;
    for (;;) {
      try {
        return await this.#openEngine(options, wasm, (step) => this.#post({ type: 'opening', step }));
      } catch (error) {
        const isLocked = isWireError(error) && error.code === 'locked';
        if (!isLocked || Date.now() >= patientUntil) throw error;
        await this.#pause.next();
      }
    }
  }

  #queueOf([, method]: Request): Waiting[] {
    switch (priorityOf(method)) {
      case 'stream':
        return this.#streams;
      case 'call':
        return this.#calls;
      case 'bytes':
        return this.#bytes;
      case 'long':
        return this.#long;
    }
  }

  #abort(id: number): void {
    if (this.#slice?.id === id) this.#slice.isAborted = true;
    for (const queue of [this.#streams, this.#calls, this.#bytes, this.#long]) {
      const place = queue.findIndex(({ request }) => request[0] === id);
      if (place < 0) continue;
      queue.splice(place, 1);
      this.#hasDropped ||= queue === this.#long;
      // Events are left alone: a task may be holding the engine.
      this.#post({ type: 'answers', refused: [[id, wireError('aborted', 'the call was aborted')]] });
    }
  }

  /** Works until nothing waits, letting messages in between the steps. */
  async #run(): Promise<void> {
    if (this.#isRunning || !this.#engine) return;
    this.#isRunning = true;
    clearTimeout(this.#timer);
    try {
      while (await this.#step(this.#engine)) await this.#pause.next();
    } catch (error) {
      return this.#crash(error);
    }
    this.#isRunning = false;
    this.#setTimer();
  }

  /** One turn or one piece of long work, with the upkeep that is due; tells whether there is more to do. */
  async #step(engine: Engine): Promise<boolean> {
    engine.setListening(this.#listening.steps, this.#listening.changes);
    if (this.#hasDropped) engine.dropTask();
    this.#hasDropped = false;
    if (engine.needsTick()) await this.#tick(engine);
    const isCalled = this.#streams.length + this.#calls.length > 0;
    const isBusy = isCalled || this.#bytes.length > 0;
    if (this.#long.length > 0 && (!isBusy || this.#turns >= TURNS_PER_SLICE)) await this.#task(engine);
    else if (isCalled) this.#turn(engine);
    if (this.#bytes.length > 0) await this.#move(engine);
    else if (this.#isClosing && !this.#isAsked()) return this.#close(engine);
    if (this.#isUpkeepDue(engine)) await this.#tick(engine);
    return this.#isWaiting() || this.#isUpkeepDue(engine);
  }

  #isUpkeepDue(engine: Engine): boolean {
    return !this.#hasTickFailed && (engine.due() ?? Infinity) <= 0;
  }

  #isWaiting(): boolean {
    return this.#isClosing || this.#isAsked();
  }

  #isAsked(): boolean {
    return this.#streams.length + this.#calls.length + this.#bytes.length + this.#long.length > 0;
  }

  #turn(engine: Engine): void {
    this.#turns += 1;
    const waiting = [...this.#streams, ...this.#calls.splice(0, CALLS_PER_TURN)];
    this.#streams = [];
    const [answers, again] = engine.turn(`[${waiting.map(({ request }) => request[2]).join(',')}]`);
    const refused: Refused[] = [];
    const repeated: Waiting[] = [];
    for (const [id, error] of again) {
      const one = waiting.find(({ request }) => request[0] === id);
      if (one && !one.again) repeated.push({ ...one, again: error });
      else refused.push([id, error]);
    }
    for (const one of repeated.reverse()) this.#queueOf(one.request).unshift(one);
    this.#settle(answers, refused);
  }

  /** One request with bytes, or for some. */
  async #move(engine: Engine): Promise<void> {
    const one = this.#bytes.shift();
    if (!one) return;
    this.#turns += 1;
    const [id, method, text, bytes] = one.request;
    const slice = { id, isAborted: false };
    this.#slice = slice;
    const moved = await engine.bytes(text, bytes ?? NO_BYTES, async (value) => {
      this.#post({ type: 'progress', id, value });
      await this.#pause.next();
      return !slice.isAborted;
    });
    this.#slice = undefined;
    if (moved) return this.#settle(moved[0], [], moved[1]);
    this.#settle(undefined, [[id, wireError('invalid_argument', `there is no method ${method}`)]]);
  }

  /** One piece of long work: all of it, or a slice of what goes on after the turns that wait. */
  async #task(engine: Engine): Promise<void> {
    const one = this.#long.shift();
    if (!one) return;
    this.#turns = 0;
    const [id, method, text] = one.request;
    const slice = { id, isAborted: false };
    this.#slice = slice;
    const answers = await engine.task(text, (value) => this.#post({ type: 'progress', id, value }));
    this.#slice = undefined;
    if (answers === null) {
      this.#long.unshift(one);
      if (slice.isAborted) this.#abort(id);
      return this.#settle();
    }
    const unknown = wireError('invalid_argument', `there is no method ${method}`);
    this.#settle(answers, answers === undefined ? [[id, unknown]] : []);
  }

  /** Upkeep. While the engine cannot recover, whatever waits is told so, and the next request tries again. */
  async #tick(engine: Engine): Promise<void> {
    const refused: Refused[] = [];
    try {
      await engine.tick(!this.#isWaiting());
      this.#hasTickFailed = false;
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.#hasTickFailed = true;
      if (engine.needsTick()) {
        const queues = [this.#streams, this.#calls, this.#bytes, this.#long];
        const waiting = queues.flatMap((queue) => queue.splice(0));
        for (const { request } of waiting) refused.push([request[0], error]);
      }
    }
    this.#settle(undefined, refused);
  }

  async #close(engine: Engine): Promise<boolean> {
    try {
      await engine.endStreams();
      this.#settle();
      await engine.close();
      this.#post({ type: 'closed' });
    } catch (error) {
      if (!isWireError(error)) throw error;
      this.#post({ type: 'closed', error });
    }
    this.#end();
    return false;
  }

  /** Posts answers with everything else that happened. */
  #settle(answers?: string, refused: Refused[] = [], bytes?: Uint8Array): void {
    const happened = this.#engine?.takeEvents();
    if (answers === undefined && refused.length === 0 && happened === undefined) return;
    const extras = { ...(answers && { answers }), ...(happened && { happened }), ...(bytes && { bytes }) };
    this.#post({ type: 'answers', refused, ...extras }, bytes && [bytes.buffer]);
  }

  #setTimer(): void {
    const due = this.#engine?.due();
    if (due === undefined) return;
    const wait = this.#hasTickFailed ? Math.max(due, RETRY_MS) : Math.min(due, LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => void this.#wake(), wait);
  }

  #wake(): Promise<void> {
    this.#hasTickFailed = false;
    return this.#run();
  }

  #crash(error: unknown): void {
    this.#post({ type: 'crashed', reason: describe(error) });
    this.#end();
  }

  #end(): void {
    this.#engine = undefined;
    clearTimeout(this.#timer);
    this.#pause.end();
    this.#port.onmessage = null;
    this.#port.onmessageerror = null;
    this.#ended();
  }

  #post(message: ToPage, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }
}

/** Lets the messages that have arrived be heard; a timer would wait milliseconds. */
class Pause {
  readonly #channel = new MessageChannel();

  next(): Promise<void> {
    return new Promise((resolve) => {
      // Node empties one port before it looks at the next.
      const { setImmediate } = globalThis as { setImmediate?: (then: () => void) => void };
      if (setImmediate) return setImmediate(resolve);
      this.#channel.port1.onmessage = () => resolve();
      this.#channel.port2.postMessage(undefined);
    });
  }

  end(): void {
    this.#channel.port1.close();
  }
}

/** Holds a Web Lock until this worker ends, however it ends. */
function hold(name: string): Promise<void> {
  return new Promise((held) => {
    void navigator.locks.request(name, () => {
      held();
      return new Promise(() => {});
    });
  });
}

function describe(error: unknown): string {
  if (isWireError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

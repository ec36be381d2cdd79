/**
 * The page's side of a port: gathers requests into batches, matches answers to them, and knows when the other side died.
 *
 * Requests made in one turn of the event loop travel as one message, and what waits while two such messages are
 * unanswered travels as the next one: so writes that come back to back share a flush.
 */

import { encode } from './arguments.js';
import { StrongroomError } from './errors.js';
import type { CallOptions } from './options.js';
import { PROTOCOL, priorityOf } from './protocol.js';
import type { Answer, OpenOptions, Port, Request, ToPage, ToWorker, WasmSource } from './protocol.js';
import type { Event, FollowerNews, MigrationProgress, News } from './types.js';

/** Batches that may be unanswered before the next one waits: one being served, one waiting to be. */
const BATCHES_IN_FLIGHT = 2;

/** A request and who waits for it. `done` or `fail` is called exactly once. */
export interface Outgoing {
  method: string;
  /** Gives the arguments as JSON; called when the request is sent. */
  args(): string;
  /** Bytes beside the arguments; they are given away. */
  bytes?: Uint8Array | undefined;
  user: string | undefined;
  requestId?: string | undefined;
  done(value: unknown, bytes?: Uint8Array): void;
  fail(error: StrongroomError): void;
  progress?: ((value: unknown) => void) | undefined;
}

/** Asks that a request be taken out of the queue, failing it with this error; too late for one that has run. */
export type Withdraw = (error: StrongroomError) => void;

/** Who hears of what happens beside the answers. */
export interface Owner {
  alive?(): void;
  opening?(step: MigrationProgress): void;
  opened(): void;
  refused(error: StrongroomError): void;
  crashed(reason: string): void;
  closed(error: StrongroomError | undefined): void;
  event(event: Event): void;
}

interface Batch {
  unanswered: number;
}

interface Sent {
  request: Outgoing;
  /** The batch that waits for it; long work holds none up. */
  batch: Batch | undefined;
}

export class Connection {
  /** Those who follow a message, by the follower's number; they are told the error when the other side is gone. */
  readonly followers: Map<number, (news: News | StrongroomError) => void> = new Map();

  readonly #port: Port;
  readonly #owner: Owner;
  readonly #sent = new Map<number, Sent>();
  #queue: Outgoing[] = [];
  #isOpen = false;
  #isScheduled = false;
  #isClosing = false;
  #batches = 0;
  #lastId = 0;
  /** Why nothing can be sent any more. */
  #dead: StrongroomError | undefined;

  constructor(port: Port, owner: Owner) {
    this.#port = port;
    this.#owner = owner;
    port.onmessage = (event) => this.#receive(event.data as ToPage);
    port.onmessageerror = () => owner.crashed('a message could not be read');
  }

  open(options: OpenOptions, wasm: WasmSource | undefined, lockPatienceMs: number, lifeline?: string): void {
    this.#post({ type: 'open', protocol: PROTOCOL, options, wasm, lockPatienceMs, lifeline });
  }

  listen(steps: boolean, changes: boolean): void {
    if (!this.#dead) this.#post({ type: 'listen', steps, changes });
  }

  /** Whether only what was begun already is still sent. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Asks the other side to end once everything is answered, and what its answers lead to. */
  close(): void {
    this.#isClosing = true;
    this.#closeWhenIdle();
  }

  send(request: Outgoing): Withdraw {
    if (this.#dead) {
      request.fail(this.#dead);
      return () => {};
    }
    this.#queue.push(request);
    this.#schedule();
    return (error) => this.#withdraw(request, error);
  }

  /** The other side is gone: fails everything that waits with `error`, and all that comes later. */
  die(error: StrongroomError): void {
    if (this.#dead) return;
    this.#dead = error;
    this.#port.onmessage = null;
    this.#port.onmessageerror = null;
    const waiting = [...[...this.#sent.values()].map(({ request }) => request), ...this.#queue];
    this.#sent.clear();
    this.#queue = [];
    for (const request of waiting) request.fail(error);
    for (const tell of [...this.followers.values()]) tell(error);
  }

  #schedule(): void {
    if (this.#isScheduled || !this.#isOpen || this.#batches >= BATCHES_IN_FLIGHT) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (!this.#dead) this.#sendBatch();
    });
  }

  #sendBatch(): void {
    if (this.#queue.length === 0) return;
    const outgoing = this.#queue;
    this.#queue = [];
    const batch: Batch = { unanswered: 0 };
    const requests = outgoing.map((request): Request => {
      const id = ++this.#lastId;
      const priority = priorityOf(request.method);
      const holdsUp = priority === 'stream' || priority === 'call';
      if (holdsUp) batch.unanswered += 1;
      this.#sent.set(id, { request, batch: holdsUp ? batch : undefined });
      const text = requestText(id, request);
      return request.bytes ? [id, request.method, text, request.bytes] : [id, request.method, text];
    });
    if (batch.unanswered > 0) this.#batches += 1;
    const transfer = requests.flatMap(([, , , bytes]) => (bytes ? [bytes.buffer] : []));
    this.#post({ type: 'requests', requests }, transfer);
  }

  #closeWhenIdle(): void {
    const isIdle = this.#queue.length + this.#sent.size === 0;
    if (this.#isClosing && isIdle && !this.#dead) this.#post({ type: 'close' });
  }

  #withdraw(request: Outgoing, error: StrongroomError): void {
    const place = this.#queue.indexOf(request);
    if (place >= 0) {
      this.#queue.splice(place, 1);
      request.fail(error);
      this.#closeWhenIdle();
      return;
    }
    for (const [id, sent] of this.#sent) {
      if (sent.request === request) this.#post({ type: 'abort', id });
    }
  }

  #receive(message: ToPage): void {
    switch (message.type) {
      case 'alive':
        return this.#owner.alive?.();
      case 'opening':
        return this.#owner.opening?.(JSON.parse(message.step) as MigrationProgress);
      case 'opened':
        this.#isOpen = true;
        this.#owner.opened();
        this.#schedule();
        return;
      case 'refused':
        return this.#owner.refused(StrongroomError.from(message.error));
      case 'answers':
        if (message.answers)
          for (const answer of JSON.parse(message.answers) as Answer[]) this.#settle(answer, message.bytes);
        for (const [id, error] of message.refused) this.#settle([id, 1, error]);
        if (message.happened) this.#tell(JSON.parse(message.happened) as [Event[], FollowerNews[]]);
        this.#schedule();
        this.#closeWhenIdle();
        return;
      case 'progress':
        this.#sent.get(message.id)?.request.progress?.(JSON.parse(message.value));
        return;
      case 'crashed':
        return this.#owner.crashed(message.reason);
      case 'closed':
        return this.#owner.closed(message.error && StrongroomError.from(message.error));
    }
  }

  #settle([id, status, value]: Answer, bytes?: Uint8Array): void {
    const sent = this.#sent.get(id);
    if (!sent) return;
    this.#sent.delete(id);
    if (sent.batch && --sent.batch.unanswered === 0) this.#batches -= 1;
    // Nothing is null in JSON, and undefined to who asked.
    if (status === 0) sent.request.done(value ?? undefined, bytes);
    else sent.request.fail(StrongroomError.from(value));
  }

  #tell([events, allNews]: [Event[], FollowerNews[]]): void {
    for (const { follower, news } of allNews) this.followers.get(follower)?.(news);
    for (const event of events) this.#owner.event(event);
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }
}

/** A request as the engine reads it. */
function requestText(id: number, { method, args, user, requestId }: Outgoing): string {
  const text = (value: string | undefined): string => (value === undefined ? 'null' : JSON.stringify(value));
  return `[${id},${text(method)},${args()},${text(user)},${text(requestId)}]`;
}

/** What a call may do beside giving its value. */
export interface CallExtras<T> {
  /** Bytes beside the arguments; they are given away. */
  bytes?: Uint8Array | undefined;
  /** Makes the value from what came and the bytes beside it. */
  read?: (value: unknown, bytes: Uint8Array | undefined) => T;
  requestId?: string | undefined;
  progress?: ((value: unknown) => void) | undefined;
  /** Called with the value before anything else can arrive. */
  answered?: (value: T) => void;
  /** Called with a value that came after the caller had given up, to undo what it stands for. */
  unwanted?: (value: T) => void;
  /** Whether a caller who gives up waits for the answer, which tells whether it was too late for that. */
  isPatient?: boolean;
}

/** A listener as the extra `progress` of a call whose steps are like this. */
export function told<T>(onProgress: ((step: T) => void) | undefined): ((value: unknown) => void) | undefined {
  return onProgress && ((value) => onProgress(value as T));
}

/** Calls a method: checks and copies the arguments now, and gives the answer. */
export function call<T>(
  connection: Connection,
  user: string | undefined,
  method: string,
  args: object,
  options: CallOptions = {},
  extras: CallExtras<T> = {},
): Promise<T> {
  const start = (done: (value: T) => void, fail: (error: StrongroomError) => void): Withdraw => {
    const text = encode(args);
    return connection.send({
      method,
      args: () => text,
      bytes: extras.bytes,
      user,
      requestId: extras.requestId,
      progress: extras.progress,
      done: (value, bytes) => done(extras.read ? extras.read(value, bytes) : (value as T)),
      fail,
    });
  };
  return cancellable(options, start, extras);
}

/** Runs something that can be withdrawn under a caller's signal and timeout. */
export function cancellable<T>(
  { signal, timeout }: CallOptions,
  start: (done: (value: T) => void, fail: (error: StrongroomError) => void) => Withdraw,
  { answered, unwanted, isPatient }: Pick<CallExtras<T>, 'answered' | 'unwanted' | 'isPatient'> = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw abortedBy(signal);
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (): void => {
      isOver = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const giveUp = (error: StrongroomError): void => {
      if (!isPatient) {
        end();
        reject(error);
      }
      withdraw(error);
    };
    const onAbort = (): void => giveUp(abortedBy(signal));
    const withdraw = start(
      (value) => {
        if (isOver) return unwanted?.(value);
        end();
        answered?.(value);
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
    if (isOver) return;
    signal?.addEventListener('abort', onAbort);
    if (timeout !== undefined) {
      const late = (): void => giveUp(new StrongroomError('timeout', `no answer within ${timeout} ms`));
      timer = setTimeout(late, timeout);
    }
  });
}

/** The error of a call whose signal was aborted. */
export function abortedBy(signal: AbortSignal | undefined): StrongroomError {
  return new StrongroomError('aborted', 'the call was aborted', { cause: signal?.reason });
}

import { checkText, encode } from './arguments.js';
import { cancellable } from './connection.js';
import type { Connection, Withdraw } from './connection.js';
import { StrongroomError } from './errors.js';
import type { HeldText, Piece, Sanitiser } from './sanitise.js';
import type { CallOptions } from './options.js';
import type {
  Json,
  Message,
  Part,
  StreamOpened,
  StreamProgress,
  StreamSettings,
  StreamWrite,
  TextKind,
} from './types.js';

/** Characters that may be unanswered before `write` waits. */
const MAX_UNANSWERED = 256 * 1024;

/** A piece of text that says more about itself. */
export interface Delta {
  /** The text. */
  text: string;
  /** How many tokens it holds, if known; by its length otherwise. */
  tokens?: number | undefined;
  /** Text by default. Reasoning makes a part of its own. */
  kind?: TextKind | undefined;
}

/** How a stream ends when it is complete. */
export interface CloseOptions extends CallOptions {
  /** What the message cost, as the provider reported it. */
  usage?: Json;
}

/** How a stream ends when it is not. */
export interface AbortOptions extends CloseOptions {
  /** What becomes of the message: `interrupted` by default. */
  status?: 'interrupted' | 'error' | undefined;
}

/** One request of the stream, from its making to its answer. */
interface Step {
  method: 'streams.write' | 'streams.part' | 'streams.flush' | 'streams.end' | 'streams.configure';
  /** Its arguments as JSON; a write grows until it is sent. */
  args(): string;
  /** A write that has not been sent. */
  write?: GrowingWrite | undefined;
  /** Characters it holds. */
  length: number;
  withdraw?: Withdraw;
  done(value: unknown): void;
  fail(error: StrongroomError): void;
}

/** A write that can still take more, and the flushes that wait for it. */
interface GrowingWrite {
  args: StreamWrite;
  flushes: { done(acknowledged: number): void; fail(error: StrongroomError): void }[];
}

/**
 * Writes one message while its text arrives.
 *
 * Text that was written is kept in bundles, by 20 tokens or half a second; `flush` and `close` keep what is left, and
 * `acknowledged` says how much is. When a write fails, no later text is taken, so that a text never has a hole: every
 * call then rejects with that error, `abort()` ends the message, and `messages.continue(id)` takes it up again.
 *
 * @example
 * const writer = await store.messages.stream(conversation.id, { role: 'assistant' });
 * for await (const delta of deltas) await writer.write(delta);
 * await writer.close();
 */
export class MessageWriter {
  /** The message as it was when the stream began. */
  readonly message: Message;
  /** The message's id. */
  readonly id: string;

  readonly #connection: Connection;
  readonly #user: string | undefined;
  readonly #stream: number;
  /** Steps that wait for the one in flight: text may not pass text that could still fail. */
  readonly #steps: Step[] = [];
  #inFlight: Step[] = [];
  #unanswered = 0;
  #waitingForRoom: { resolve(): void; reject(error: StrongroomError): void }[] = [];
  /** The first half of a surrogate pair whose second half has not come. */
  #held: { half: string; kind: TextKind; tokens: number | undefined } | undefined;
  /** The end of the text, which the app's hook has not let go of. */
  readonly #heldBack: HeldText | undefined;
  #acknowledged: number;
  /** Characters that were taken: all are kept once the message has ended. */
  #taken: number;
  #failure: StrongroomError | undefined;
  #end: Promise<Message> | undefined;
  #abortReason: unknown;
  #writable: WritableStream<string> | undefined;

  /** @internal */
  constructor(connection: Connection, user: string | undefined, opened: StreamOpened, sanitiser?: Sanitiser) {
    this.#connection = connection;
    this.#user = user;
    this.#stream = opened.stream;
    this.message = opened.message;
    this.id = opened.message.id;
    this.#acknowledged = opened.message.parts.reduce(
      (sum, part) => sum + (part.type === 'text' || part.type === 'reasoning' ? part.text.length : 0),
      0,
    );
    this.#taken = this.#acknowledged;
    const { id, conversationId } = opened.message;
    const about = { kind: 'stream', id, conversationId, userId: user } as const;
    this.#heldBack = sanitiser?.stream(about, () => this.#releaseLast());
  }

  /** Characters of text and reasoning that are kept, as of the last answer. As `String.length` counts them. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /**
   * Takes a piece of text. Resolves when it is accepted, and waits while more than 256 Ki characters are on their way.
   *
   * A piece may end in the middle of a surrogate pair; the half is held back until its other half comes.
   *
   * Rejects with `invalid_text` for any other half of a pair, `closed` after the end, `indeterminate` when the worker
   * died (take the message up with `messages.continue(id)`), or the error that an earlier piece met.
   */
  write(delta: string | Delta): Promise<void> {
    return attempt(() => {
      this.#checkOpen();
      const {
        text,
        tokens,
        kind = 'text',
      } = typeof delta === 'string' ? { text: delta, tokens: undefined, kind: undefined } : delta;
      if (typeof text !== 'string') throw new StrongroomError('invalid_argument', 'a delta is a string');
      this.#take(text, tokens, kind);
      if (this.#failure) throw this.#failure;
      if (this.#unanswered <= MAX_UNANSWERED) return;
      return new Promise<void>((resolve, reject) => this.#waitingForRoom.push({ resolve, reject }));
    });
  }

  /** Adds a part that is not text, such as a tool call, after what was written so far. Resolves when it is kept. */
  part(part: Part, options?: CallOptions): Promise<void> {
    return attempt(() => {
      this.#checkOpen();
      this.#checkNothingHeld();
      this.#release();
      return this.#call('streams.part', { part }, options, () => {});
    });
  }

  /** Keeps everything written so far; resolves to `acknowledged`. The half of a pair that is held back is not among it. */
  flush(options?: CallOptions): Promise<number> {
    return attempt(() => {
      this.#checkOpen();
      this.#release();
      const write = this.#growing();
      if (!write) return this.#call('streams.flush', {}, options, () => this.#acknowledged);
      write.args.flush = true;
      return cancellable<number>(options ?? {}, (done, fail) => {
        write.flushes.push({ done, fail });
        return fail;
      });
    });
  }

  /** Changes when bundles and chunks of this stream close. Rejects with `invalid_argument` for settings without sense. */
  configure(settings: StreamSettings, options?: CallOptions): Promise<void> {
    return attempt(() => {
      this.#checkOpen();
      return this.#call('streams.configure', { settings }, options, () => {});
    });
  }

  /**
   * Ends the message as complete, with all that was written. Resolves to the message when that is kept; calling it
   * again gives the same answer. When it fails, as with `quota_exceeded`, the stream stays open and it can be repeated.
   */
  close(options: CloseOptions = {}): Promise<Message> {
    return attempt(() => {
      if (this.#end) return this.#end;
      this.#checkOpen();
      this.#checkNothingHeld();
      this.#release();
      return this.#finish('complete', options);
    });
  }

  /**
   * Ends the message as interrupted, or as an error, with all that was written and taken. `reason` becomes the cause of
   * the `closed` error that later calls get.
   */
  abort(reason?: unknown, options: AbortOptions = {}): Promise<Message> {
    return attempt(() => {
      if (this.#end) return this.#end;
      this.#abortReason = reason;
      this.#held = undefined;
      this.#releaseLast();
      return this.#finish(options.status ?? 'interrupted', options);
    });
  }

  /**
   * The writer as a stream, for `pipeTo`: closing it closes the message, aborting it ends the message as interrupted.
   *
   * @example
   * await response.body.pipeThrough(new TextDecoderStream()).pipeTo(writer.writable);
   */
  get writable(): WritableStream<string> {
    this.#writable ??= new WritableStream<string>({
      write: async (delta) => {
        try {
          await this.write(delta);
        } catch (error) {
          // A stream that failed is never closed by whoever pipes into it.
          await this.abort(error).catch(() => {});
          throw error;
        }
      },
      close: async () => void (await this.close()),
      abort: async (reason) => void (await this.abort(reason)),
    });
    return this.#writable;
  }

  /**
   * Ends the message as interrupted unless it has ended: for `await using`. Nothing is left to do when the store is
   * closed or its worker died: both leave the message interrupted.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#end) await this.abort();
    } catch (error) {
      const isGone = error instanceof StrongroomError && (error.code === 'closed' || error.code === 'indeterminate');
      if (!isGone) throw error;
    }
  }

  #checkOpen(): void {
    if (this.#failure) throw this.#failure;
    if (this.#end) throw new StrongroomError('closed', 'the message has ended', { cause: this.#abortReason });
    if (this.#connection.isClosing) throw new StrongroomError('closed', 'the store is closed');
  }

  #checkNothingHeld(): void {
    if (!this.#held) return;
    this.#held = undefined;
    throw new StrongroomError('invalid_text', 'the text ended in half of a surrogate pair; that half was dropped');
  }

  #take(delta: string, tokens: number | undefined, kind: TextKind): void {
    if (tokens !== undefined && !(Number.isSafeInteger(tokens) && tokens >= 0)) {
      throw new StrongroomError('invalid_argument', 'a token count is a whole number, and not negative');
    }
    if (delta === '') return;
    if (this.#held && (this.#held.kind !== kind || !beginsInHalf(delta))) this.#checkNothingHeld();
    const text = (this.#held?.half ?? '') + delta;
    const end = endsInHalf(text) ? text.length - 1 : text.length;
    const whole = checkText(text.slice(0, end));
    const count = this.#held?.tokens === undefined ? tokens : this.#held.tokens + (tokens ?? 0);
    this.#held = end < text.length ? { half: text.slice(end), kind, tokens: whole ? undefined : count } : undefined;
    if (!whole) return;
    if (!this.#heldBack) return this.#push(whole, count, kind);
    if (this.#heldBack.kind !== kind) this.#release();
    this.#release((heldBack) => heldBack.add(whole, count, kind));
  }

  /** Sends on what the app's hook lets go of: all of it by default. After a refusal no more text is taken. */
  #release(give: (heldBack: HeldText) => Piece[] = (heldBack) => heldBack.rest()): void {
    if (!this.#heldBack) return;
    try {
      for (const { text, tokens, kind } of give(this.#heldBack)) this.#push(text, tokens, kind);
    } catch (error) {
      if (error instanceof StrongroomError) this.#failure ??= error;
      throw error;
    }
  }

  /** Sends on what is held back when no more will come. What is refused is left out: the message ends all the same. */
  #releaseLast(): void {
    if (this.#failure) return;
    try {
      this.#release();
    } catch {
      // It is the failure of this writer now.
    }
  }

  /** Adds text to the write that has not been sent yet, or begins another. */
  #push(text: string, tokens: number | undefined, kind: TextKind): void {
    this.#unanswered += text.length;
    const last = this.#last();
    const open = last?.write?.args;
    if (last && open?.kind === kind && (open.tokens === undefined) === (tokens === undefined)) {
      open.deltas.push(text);
      if (tokens !== undefined) open.tokens?.push(tokens);
      last.length += text.length;
      return;
    }
    const args: StreamWrite = { stream: this.#stream, deltas: [text], kind };
    if (tokens !== undefined) args.tokens = [tokens];
    const flushes: GrowingWrite['flushes'] = [];
    const step: Step = {
      method: 'streams.write',
      args() {
        step.write = undefined;
        return JSON.stringify(args);
      },
      write: { args, flushes },
      length: text.length,
      done: () => flushes.forEach(({ done }) => done(this.#acknowledged)),
      fail: (error) => {
        this.#break(error);
        flushes.forEach(({ fail }) => fail(this.#failure ?? error));
      },
    };
    this.#add(step);
  }

  #last(): Step | undefined {
    return this.#steps.at(-1) ?? this.#inFlight.at(-1);
  }

  /** The write that everything written so far ends in, while it has not been sent. */
  #growing(): GrowingWrite | undefined {
    return this.#last()?.write;
  }

  /** No text may follow what was not taken. */
  #break(error: StrongroomError): void {
    this.#heldBack?.end();
    this.#failure ??=
      error.code === 'indeterminate'
        ? new StrongroomError(
            'indeterminate',
            `the worker ended; messages.continue('${this.id}') takes the message up`,
            { cause: error },
          )
        : error;
    const failure = this.#failure;
    for (const step of this.#steps.splice(0)) {
      this.#unanswered -= step.length;
      step.fail(failure);
    }
    for (const waiting of this.#waitingForRoom.splice(0)) waiting.reject(failure);
  }

  async #finish(status: 'complete' | 'interrupted' | 'error', { usage, ...options }: CloseOptions): Promise<Message> {
    const end = this.#call('streams.end', { status, usage }, options, (message) => message as Message);
    this.#end = end;
    end.then(
      () => this.#heldBack?.end(),
      () => {
        if (this.#end === end) this.#end = undefined;
      },
    );
    return end;
  }

  #call<T>(
    method: Step['method'],
    args: object,
    options: CallOptions | undefined,
    result: (value: unknown) => T,
  ): Promise<T> {
    const text = encode({ stream: this.#stream, ...args });
    return cancellable<T>(options ?? {}, (done, fail) => {
      const step: Step = {
        method,
        args: () => text,
        length: 0,
        // A write before it may have failed in the same turn.
        done: (value) => (this.#failure && method !== 'streams.end' ? fail(this.#failure) : done(result(value))),
        fail,
      };
      this.#add(step);
      return (error) => this.#withdraw(step, error);
    });
  }

  #withdraw(step: Step, error: StrongroomError): void {
    const place = this.#steps.indexOf(step);
    if (place < 0) return step.withdraw?.(error);
    this.#steps.splice(place, 1);
    step.fail(error);
  }

  #add(step: Step): void {
    this.#steps.push(step);
    this.#send();
  }

  /** Sends the next step when nothing is in flight. A flush may follow at once: it takes nothing that could go missing. */
  #send(): void {
    for (let step = this.#steps[0]; step; step = this.#steps[0]) {
      if (this.#inFlight.length > 0 && step.method !== 'streams.flush') return;
      this.#steps.shift();
      this.#inFlight.push(step);
      this.#dispatch(step);
    }
  }

  #dispatch(step: Step): void {
    step.withdraw = this.#connection.send({
      method: step.method,
      args: step.args,
      user: this.#user,
      done: (value) => {
        this.#settle(step);
        this.#taken += step.length;
        const progress = value as Partial<StreamProgress> | undefined;
        if (step.method === 'streams.end') this.#acknowledged = this.#taken;
        else if (progress?.acknowledged !== undefined) this.#acknowledged = progress.acknowledged;
        step.done(value);
        this.#send();
      },
      fail: (error) => {
        this.#settle(step);
        if (error.code === 'indeterminate') this.#break(error);
        step.fail(error);
        this.#send();
      },
    });
  }

  #settle(step: Step): void {
    this.#inFlight = this.#inFlight.filter((other) => other !== step);
    this.#unanswered -= step.length;
    if (this.#unanswered > MAX_UNANSWERED) return;
    for (const waiting of this.#waitingForRoom.splice(0)) waiting.resolve();
  }
}

/** Whether a text begins with the second half of a surrogate pair. */
function beginsInHalf(text: string): boolean {
  const first = text.charCodeAt(0);
  return first >= 0xdc00 && first <= 0xdfff;
}

/** Whether a text ends in the first half of a surrogate pair. */
function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

/** Runs now, and turns what is thrown into a rejection. */
function attempt<T>(run: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}

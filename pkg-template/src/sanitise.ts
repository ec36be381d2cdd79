/**
 * The app's hook on text: it sees every text before any of it leaves the page, and may change or refuse it.
 *
 * The text of a stream comes in pieces. So that it is also seen across them, its end is held back until enough has
 * followed, or the stream is flushed or ends.
 */

import { checkText, encode } from './arguments.js';
import { StrongroomError } from './errors.js';
import type { TextKind } from './types.js';

/** Characters of a stream that are held back, unless the app says otherwise. */
const HELD_BACK = 256;

/** A text that is about to be kept. */
export interface SeenText {
  /** What it becomes: a whole message, a piece of a stream, or a learning. */
  kind: 'message' | 'stream' | 'learning';
  /** The text; of a stream, what is held back followed by what is new. */
  text: string;
  /** Which part of a message it is. */
  part?: TextKind | undefined;
  /** The conversation that the message is in, where the call names it. */
  conversationId?: string | undefined;
  /** The message that is edited or streamed, or the learning that is changed. */
  id?: string | undefined;
  /** The user whose view the call was made on. */
  userId?: string | undefined;
}

/**
 * Gives the text to keep instead, or nothing to keep it as it is; throws to refuse it.
 *
 * It sees a stream's text again as long as that is held back, so it must leave alone what it gave before.
 */
export type TextHook = (seen: SeenText) => string | void;

/** What a text belongs to. */
type About = Omit<SeenText, 'text' | 'part'>;

/** @internal A piece of a stream. */
export interface Piece {
  text: string;
  tokens: number | undefined;
  kind: TextKind;
}

/** @internal Shows texts to the app's hook. */
export class Sanitiser {
  /** What open streams hold back, and how each sends it on. */
  readonly streams: Map<HeldText, () => void> = new Map();

  readonly #onText: TextHook;
  readonly #holdBack: number;

  /** Throws `invalid_argument`. */
  constructor(onText: TextHook, holdBack: number = HELD_BACK) {
    if (typeof onText !== 'function') throw new StrongroomError('invalid_argument', 'onText is a function');
    if (!Number.isSafeInteger(holdBack) || holdBack < 0) {
      throw new StrongroomError('invalid_argument', 'holdBack is a whole number, and not negative');
    }
    this.#onText = onText;
    this.#holdBack = holdBack;
  }

  /** The text to keep. Throws `invalid_argument` when it is refused. */
  text(seen: SeenText): string {
    let kept: unknown;
    try {
      kept = this.#onText(seen);
    } catch (cause) {
      throw new StrongroomError('invalid_argument', 'the text was refused by onText', { cause });
    }
    if (kept === undefined) return seen.text;
    if (typeof kept !== 'string')
      throw new StrongroomError('invalid_argument', 'onText gave neither a text nor nothing');
    return checkText(kept);
  }

  /** The arguments of a call, with the texts to keep. Throws `invalid_argument` when one is refused. */
  args<A extends object>(method: string, args: A, userId: string | undefined): A {
    if (!SEEN_METHODS.includes(method)) return args;
    // As they are now, and nothing but data: what is seen is what is sent.
    const copy = JSON.parse(encode(args)) as A & Untrusted;
    const about = { conversationId: copy.conversationId, id: copy.id, userId };
    if (method.startsWith('learnings.')) this.#learning(copy, { ...about, kind: 'learning' });
    else for (const content of contents(copy)) this.#content(content, { ...about, kind: 'message' });
    return copy;
  }

  /** The text of a stream, of which the end is held back. */
  stream(about: About, release: () => void): HeldText {
    const held = new HeldText(this, about, this.#holdBack);
    this.streams.set(held, release);
    return held;
  }

  #learning(learning: Untrusted, about: About): void {
    if (typeof learning.text === 'string') learning.text = this.text({ ...about, text: learning.text });
  }

  /** Texts that are not where they belong are the engine's to refuse. */
  #content(content: Untrusted, about: About): void {
    if (typeof content.text === 'string') content.text = this.text({ ...about, text: content.text, part: 'text' });
    if (!Array.isArray(content.parts)) return;
    for (const part of content.parts as (Untrusted | null)[]) {
      const kind = part?.type;
      if (part && (kind === 'text' || kind === 'reasoning') && typeof part.text === 'string') {
        part.text = this.text({ ...about, text: part.text, part: kind });
      }
    }
  }
}

/** @internal The end of a stream's text, until enough has followed it. */
export class HeldText {
  readonly #sanitiser: Sanitiser;
  readonly #about: About;
  readonly #holdBack: number;
  #held: Piece = { text: '', tokens: undefined, kind: 'text' };

  constructor(sanitiser: Sanitiser, about: About, holdBack: number) {
    this.#sanitiser = sanitiser;
    this.#about = about;
    this.#holdBack = holdBack;
  }

  /** Which part of the message is held back. */
  get kind(): TextKind {
    return this.#held.kind;
  }

  /**
   * Takes text without half of any surrogate pair, and gives what goes on. Throws when it is refused; it is dropped then,
   * and what was held back before it. Text of another kind follows only when nothing is held back.
   */
  add(text: string, tokens: number | undefined, kind: TextKind): Piece[] {
    const held = this.#take();
    const count = held.tokens === undefined ? tokens : held.tokens + (tokens ?? 0);
    const seen = this.#see(held.text + text, kind);
    const cut = wholeUntil(seen, seen.length - this.#holdBack);
    if (cut === 0) {
      this.#held = { text: seen, tokens: count, kind };
      return [];
    }
    // What goes on takes the tokens along: their sum is what counts.
    this.#held = { text: seen.slice(cut), tokens: count === undefined ? undefined : 0, kind };
    return [{ text: seen.slice(0, cut), tokens: count, kind }];
  }

  /** Gives what is held back. Throws when it is refused; it is dropped then. */
  rest(): Piece[] {
    const held = this.#take();
    if (held.text === '') return [];
    const text = this.#see(held.text, held.kind);
    return text === '' ? [] : [{ ...held, text }];
  }

  /** The stream has ended. */
  end(): void {
    this.#sanitiser.streams.delete(this);
  }

  #see(text: string, part: TextKind): string {
    return this.#sanitiser.text({ ...this.#about, text, part });
  }

  #take(): Piece {
    const held = this.#held;
    this.#held = { text: '', tokens: undefined, kind: held.kind };
    return held;
  }
}

/** The calls whose texts are seen. */
const SEEN_METHODS = ['messages.append', 'messages.appendAll', 'messages.edit', 'learnings.create', 'learnings.update'];

/** What may be in arguments that nobody has checked. */
interface Untrusted {
  [key: string]: unknown;
  conversationId?: string;
  id?: string;
}

/** What holds the text of messages in the arguments of a call. */
function contents(args: Untrusted): Untrusted[] {
  const { message, messages } = args;
  const all: unknown[] = Array.isArray(messages) ? messages : [message ?? args];
  return all.filter((one): one is Untrusted => typeof one === 'object' && one !== null);
}

/** The last place up to `end` that is not inside a surrogate pair. */
function wholeUntil(text: string, end: number): number {
  if (end <= 0) return 0;
  const next = text.charCodeAt(end);
  return next >= 0xdc00 && next <= 0xdfff ? end - 1 : end;
}

// A stream with strongroom's rules for bundles and chunks, for stores that have none of their own.

const BUNDLE_TOKENS = 20;
const CHUNK_TOKENS = 60;

/** Bundles of one stream on their way before `write` waits. */
const MAX_UNKEPT = 8;

export async function openStream(store, conversation) {
  if (store.openStream) return store.openStream(conversation);
  return new Stream(store, await store.beginMessage(conversation));
}

class Stream {
  #store;
  #bundle = '';
  #bundleTokens = 0;
  #chunk = '';
  #chunkTokens = 0;
  #seq = 0;
  #unkept = [];

  constructor(store, message) {
    this.#store = store;
    this.message = message;
  }

  /** A whole chunk; settles when it is kept. */
  append(text, tokens) {
    this.#seq += 1;
    return this.#store.appendChunk(this.message, this.#seq, text, tokens);
  }

  /** A delta; settles when it is accepted. */
  write(delta, tokens) {
    this.#bundle += delta;
    this.#bundleTokens += tokens;
    return this.#bundleTokens >= BUNDLE_TOKENS ? this.#closeBundle() : undefined;
  }

  async flush() {
    await this.#closeBundle();
    await Promise.all(this.#unkept.splice(0));
  }

  async close() {
    await this.flush();
    await this.#store.endMessage(this.message);
  }

  async #closeBundle() {
    if (this.#bundleTokens === 0) return;
    const isNew = this.#chunkTokens === 0;
    if (isNew) this.#seq += 1;
    this.#chunk += this.#bundle;
    this.#chunkTokens += this.#bundleTokens;
    const { message } = this;
    const keep = isNew ? this.#store.appendChunk : this.#store.growChunk;
    this.#unkept.push(keep(message, this.#seq, this.#chunk, this.#chunkTokens));
    this.#bundle = '';
    this.#bundleTokens = 0;
    if (this.#chunkTokens >= CHUNK_TOKENS) {
      this.#chunk = '';
      this.#chunkTokens = 0;
    }
    if (this.#unkept.length >= MAX_UNKEPT) await this.#unkept.shift();
  }
}

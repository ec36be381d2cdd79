import type { Chunk, Page } from './types.js';

/** Chunks read at a time. */
const CHUNKS_PER_PAGE = 200;

/** Stands for a chunk that is missing. */
const GAP_MARK = '\uFFFD';

/** A message's text, piece by piece: a stream that can also be iterated in browsers where streams cannot. */
export type TextStream = ReadableStream<string> & AsyncIterable<string>;

/** Reads a message's text by its chunks; a page of them is read when the one before is used up. */
export function readText(page: (cursor: string | undefined) => Promise<Page<Chunk>>): TextStream {
  const pieces = readPieces(page);
  const stream = new ReadableStream<string>(
    {
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return();
      },
    },
    { highWaterMark: 0 },
  );
  if (!(Symbol.asyncIterator in stream)) {
    Object.defineProperty(stream, Symbol.asyncIterator, { value: () => iterate(stream) });
  }
  return stream as TextStream;
}

export { CHUNKS_PER_PAGE };

async function* readPieces(
  page: (cursor: string | undefined) => Promise<Page<Chunk>>,
): AsyncGenerator<string, void, undefined> {
  let expected = 1;
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await page(cursor);
    for (const { seq, kind, text } of items) {
      if (kind === 'text') yield GAP_MARK.repeat(seq - expected) + text;
      expected = seq + 1;
    }
    cursor = nextCursor;
  } while (cursor !== undefined);
}

async function* iterate(stream: ReadableStream<string>): AsyncGenerator<string, void, undefined> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
    reader.releaseLock();
  }
}

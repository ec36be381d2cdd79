import type { TextPage } from './types.js';

/** A message's text, piece by piece: a stream that can also be iterated in browsers where streams cannot. */
export type TextStream = ReadableStream<string> & AsyncIterable<string>;

/** Reads a message's text; a page of it is read when the one before is used up. */
export function readText(page: (cursor: string | undefined) => Promise<TextPage>): TextStream {
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

async function* readPieces(
  page: (cursor: string | undefined) => Promise<TextPage>,
): AsyncGenerator<string, void, undefined> {
  let cursor: string | undefined;
  do {
    const { text, nextCursor } = await page(cursor);
    if (text) yield text;
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

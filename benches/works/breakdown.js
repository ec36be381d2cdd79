// Where the time of one chunk goes, from its request to the commit behind it.
import { CHUNK, CHUNK_TOKENS } from './text.js';
import { openStream } from './stream.js';

const WARM_UP = 1000;
const CHUNKS = 2000;
const HOPS = 500;

export async function measure(store) {
  const [conversation] = await store.createConversations(['bench']);
  const stream = await openStream(store, conversation);
  for (let i = 0; i < WARM_UP; i++) await stream.append(CHUNK, CHUNK_TOKENS);
  const steps = await store.breakdown(stream.message, CHUNKS, CHUNK, CHUNK_TOKENS);
  return Object.entries({ 'message hop, there and back': await hop(), ...steps }).map(([step, value]) => ({
    unit: `us: ${step}`,
    values: [value],
  }));
}

/** Microseconds for a message as long as a request to reach another thread and come back. */
async function hop() {
  const echo = new Worker(URL.createObjectURL(new Blob(['onmessage = ({ data }) => postMessage(data)'])));
  const message = { type: 'requests', requests: [[1, 'streams.write', CHUNK]] };
  const once = () =>
    new Promise((resolve) => {
      echo.onmessage = resolve;
      echo.postMessage(message);
    });
  for (let i = 0; i < HOPS; i++) await once();
  const started = performance.now();
  for (let i = 0; i < HOPS; i++) await once();
  const each = ((performance.now() - started) * 1000) / HOPS;
  echo.terminate();
  return each;
}

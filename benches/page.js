// One contender, one work, one round: in a fresh worker, or in this page where the contender is measured from there.
import { measureHere } from './measure.js';

const IN_PAGE = new Set(['strongroom-page', 'indexeddb']);

globalThis.measure = async (name, work, round) => {
  if (IN_PAGE.has(name)) return measureHere(name, work, round);
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const samples = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.samples));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ name, work, round });
  });
  worker.terminate();
  return samples;
};

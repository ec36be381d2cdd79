// Measures what it is told, or answers the calls of a page that does.
import { measureHere } from './measure.js';
import { serveCalls } from './hop.js';

const answer = serveCalls();
let last = Promise.resolve();

onmessage = async ({ data: { task, calls } }) => {
  if (calls) {
    last = last.then(() => answer(calls));
    return;
  }
  try {
    postMessage({ result: await measureHere(task) });
  } catch (error) {
    postMessage({ error: error?.stack ? `${error.message}\n${error.stack}` : JSON.stringify(error) });
  }
};

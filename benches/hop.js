// A store in a worker, driven from the page: the smallest hop that is fair. What waits while two messages are unanswered
// goes as one, and so do the answers.

const MESSAGES_IN_FLIGHT = 2;

/** Opens a contender's store in `worker`; its methods are called as if it were here. */
export async function openThrough(worker, contender, options) {
  const waiting = new Map();
  let queue = [];
  let inFlight = 0;
  let lastId = 0;

  const send = () => {
    if (queue.length === 0 || inFlight >= MESSAGES_IN_FLIGHT) return;
    inFlight += 1;
    worker.postMessage({ calls: queue.splice(0) });
  };
  worker.onmessage = ({ data }) => {
    inFlight -= 1;
    for (const [id, value, error] of data.answers) {
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) resolve(value);
      else reject(new Error(error));
    }
    send();
  };
  const call = (method, args) =>
    new Promise((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, { resolve, reject });
      if (queue.push([lastId, method, args]) === 1) queueMicrotask(send);
    });

  const methods = await call('open', [contender, options]);
  return Object.fromEntries(methods.map((method) => [method, (...args) => call(method, args)]));
}

/** The worker's side: answers calls, in their order. */
export function serveCalls() {
  let store;
  const open = async (contender, options) => {
    const { open } = await import(`./contenders/${contender.file}.js`);
    store = await open({ ...contender.options, ...options });
    return Object.keys(store).filter((method) => typeof store[method] === 'function');
  };
  return async (calls) => {
    const answers = [];
    for (const [id, method, args] of calls) {
      try {
        answers.push([id, await (method === 'open' ? open(...args) : store[method](...args))]);
      } catch (error) {
        answers.push([id, undefined, `${method}: ${error?.stack ?? error}`]);
      }
    }
    postMessage({ answers });
  };
}

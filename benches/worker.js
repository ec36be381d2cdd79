import { measureHere } from './measure.js';

onmessage = async ({ data: { name, work, round } }) => {
  try {
    postMessage({ samples: await measureHere(name, work, round) });
  } catch (error) {
    postMessage({ error: `${name} ${work}: ${error?.stack ?? JSON.stringify(error)}` });
  }
};

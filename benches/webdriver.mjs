// Firefox through geckodriver: as much of WebDriver as the benchmarks and the smoke test need.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A little less than the five minutes after which fetch gives up. */
const SCRIPT_TIMEOUT_MS = 290_000;

/** Starts Firefox on a profile that it keeps; `STRONGROOM_FIREFOX` and `STRONGROOM_GECKODRIVER` name the programs. */
export async function launchFirefox(profile) {
  const driver = spawn(process.env.STRONGROOM_GECKODRIVER || 'geckodriver', ['--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const address = await listening(driver);
    const session = await begin(address, profile);
    return {
      version: session.version,
      /** Opens a page and waits until it says that it is ready. */
      async goto(url) {
        await session.post('/url', { url });
        while (!(await this.evaluate(() => document.documentElement.dataset.ready !== undefined))) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
      /** Runs a function in the page and gives what it resolves to. Arguments and result are JSON. */
      async evaluate(run, argument) {
        const script = `const [argument, done] = arguments;
          Promise.resolve().then(() => (${run})(argument))
            .then((value) => done({ value }), (error) => done({ error: error.message + '\\n' + error.stack }));`;
        const { value, error } = await session.post('/execute/async', { script, args: [argument ?? null] });
        if (error !== undefined) throw new Error(error);
        return value;
      },
      async close() {
        await session.end();
        driver.kill();
      },
    };
  } catch (error) {
    driver.kill();
    throw error;
  }
}

/** The driver's address, once it says it. */
function listening(driver) {
  return new Promise((resolve, reject) => {
    driver.once('error', reject);
    driver.once('exit', (code) => reject(new Error(`geckodriver ended with ${code}`)));
    createInterface(driver.stdout).on('line', (line) => {
      const found = /Listening on (\S+)/.exec(line);
      if (found) resolve(`http://${found[1]}`);
    });
  });
}

async function begin(address, profile) {
  const firefox = {
    ...(process.env.STRONGROOM_FIREFOX && { binary: process.env.STRONGROOM_FIREFOX }),
    args: ['-headless', '-profile', profile],
  };
  const alwaysMatch = {
    browserName: 'firefox',
    'moz:firefoxOptions': firefox,
    timeouts: { script: SCRIPT_TIMEOUT_MS },
  };
  const { sessionId, capabilities } = await ask('POST', `${address}/session`, { capabilities: { alwaysMatch } });
  const session = `${address}/session/${sessionId}`;
  return {
    version: capabilities.browserVersion,
    post: (path, body) => ask('POST', session + path, body),
    end: () => ask('DELETE', session),
  };
}

async function ask(method, url, body) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const { value } = await response.json();
  if (value?.error) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

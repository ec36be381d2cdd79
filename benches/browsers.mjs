// The browsers, on a profile that is kept for the run: private windows keep files elsewhere and measure nothing real.
import { chromium } from '@playwright/test';
import { launchFirefox } from './webdriver.mjs';

const CHROMIUM_ARGUMENTS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-precise-memory-info',
];

/** Gives { name, version, evaluate(url, run, argument), close() }; every call of `evaluate` gets a page of its own. */
export async function launch(isFirefox, profile) {
  return isFirefox ? firefox(profile) : chrome(profile);
}

async function chrome(profile) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.STRONGROOM_CHROMIUM || '/usr/bin/chromium',
    chromiumSandbox: process.getuid?.() !== 0,
    headless: true,
    args: CHROMIUM_ARGUMENTS,
  });
  return {
    name: 'Chromium',
    version: context.browser()?.version() ?? '',
    async evaluate(url, run, argument) {
      const page = await context.newPage();
      try {
        await page.goto(url);
        await page.waitForSelector('html[data-ready]', { state: 'attached' });
        return await page.evaluate(run, argument);
      } finally {
        await page.close();
      }
    },
    close: () => context.close(),
  };
}

async function firefox(profile) {
  const browser = await launchFirefox(profile);
  return {
    name: 'Firefox',
    version: browser.version,
    async evaluate(url, run, argument) {
      await browser.goto(url);
      return browser.evaluate(run, argument);
    },
    close: () => browser.close(),
  };
}

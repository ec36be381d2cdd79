// What every test gets: the built demo and package on a server, and browsers with a profile of their own that watch the
// content security policy.

import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { test as base, type BrowserContext, expect, type Page } from '@playwright/test';

import { serve } from '../../../www/serve.mjs';
import { launch, type LaunchOptions } from './browser.js';
import { Coverage } from './coverage.js';
import { sendStream } from './streams.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A running server. */
export interface Server {
  origin: string;
  close(): void;
}

interface Fixtures {
  /** A folder for a browser's profile; gone after the test. */
  profile: string;
  /** Starts a browser on the test's profile. One at a time may run. */
  start: (options?: LaunchOptions) => Promise<BrowserContext>;
  /** A page with the package: see harness/harness.js. */
  harness: Page;
}

/** Serves the demo at `/`, the package at `/pkg/` and the harness at `/harness/`. */
export function startServer(): Promise<Server> {
  const folders = {
    '/': join(ROOT, 'www/dist'),
    '/pkg/': join(ROOT, 'pkg'),
    '/harness/': join(ROOT, 'tests/e2e/harness'),
  };
  return serve(folders, (request: IncomingMessage, response: ServerResponse) => sendStream(request, response));
}

export const test = base.extend<Fixtures, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      server.close();
    },
    { scope: 'worker' },
  ],
  profile: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-e2e-'));
    await use(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  },
  start: async ({ profile }, use, testInfo) => {
    const violations: string[] = [];
    const coverage = Coverage.isWanted ? new Coverage() : undefined;
    const contexts: BrowserContext[] = [];
    await use(async (options) => {
      const context = await launch(profile, options);
      contexts.push(context);
      await watchPolicy(context, violations);
      await coverage?.watch(context);
      return context;
    });
    await coverage?.write(testInfo.titlePath.join(' '));
    for (const context of contexts) await context.close();
    expect(violations, 'violations of the content security policy').toEqual([]);
  },
  context: async ({ start }, use) => {
    await use(await start());
  },
  page: async ({ context }, use) => {
    await use(context.pages()[0] ?? (await context.newPage()));
  },
  harness: async ({ page, server }, use) => {
    await openHarness(page, server);
    await use(page);
  },
});

export { expect };

/** Opens the harness in a page. */
export async function openHarness(page: Page, server: Server): Promise<void> {
  await page.goto(`${server.origin}/harness/`);
  await page.waitForSelector('html[data-ready]', { state: 'attached' });
}

async function watchPolicy(context: BrowserContext, violations: string[]): Promise<void> {
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  // A worker's violations are told on the console alone.
  context.on('console', (message) => {
    if (/Content Security Policy|TrustedScript/i.test(message.text())) violations.push(message.text());
  });
}

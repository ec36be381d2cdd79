// Starts Chromium on a persistent profile, and ends it in every way in which it can end.

import { accessSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { type BrowserContext, chromium, type Page } from '@playwright/test';

const NAMES = ['chromium', 'google-chrome', 'google-chrome-stable', 'chromium-browser'];
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-sync',
];

/** How the browser is to look. */
export interface LaunchOptions {
  viewport?: { width: number; height: number };
  colorScheme?: 'light' | 'dark';
  hasTouch?: boolean;
  reducedMotion?: 'reduce';
}

/** Starts Chromium on `profile`. An incognito context would keep its files elsewhere and measure nothing real. */
export function launch(profile: string, options: LaunchOptions = {}): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, {
    executablePath: executable(),
    chromiumSandbox: process.getuid?.() !== 0,
    args: QUIET,
    viewport: { width: 1280, height: 800 },
    ...options,
  });
}

/** Kills the browser that runs on `profile`, with SIGKILL, and waits until it is gone. */
export async function killBrowser(profile: string, context: BrowserContext): Promise<void> {
  const closed = new Promise((resolve) => context.once('close', resolve));
  // Chromium's own lock on the profile names its process: "<host>-<pid>".
  const owner = await readlink(join(profile, 'SingletonLock'));
  process.kill(Number(owner.slice(owner.lastIndexOf('-') + 1)), 'SIGKILL');
  await closed;
}

/** Crashes the page's renderer, and waits until it is gone. */
export async function crashRenderer(page: Page): Promise<void> {
  const crashed = new Promise((resolve) => page.once('crash', resolve));
  const session = await page.context().newCDPSession(page);
  session.send('Page.crash').catch(() => undefined);
  await crashed;
}

function executable(): string {
  if (process.env.STRONGROOM_CHROMIUM) return process.env.STRONGROOM_CHROMIUM;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const found = NAMES.map((name) => join(folder, name)).find(exists);
    if (found) return found;
  }
  throw new Error('no Chromium is installed; name one in STRONGROOM_CHROMIUM');
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

// Real data that is not part of the project: found, or the test is skipped and says so.

import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { test } from './fixtures.js';

const DATA = process.env.STRONGROOM_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url));

/** Whether tests that can run longer should. */
export const isLong = Boolean(process.env.STRONGROOM_LONG);

/** The path of a file or folder of the real data. Skips the test where there is none. */
export function data(path: string): string {
  const full = join(DATA, path);
  if (!existsSync(full)) {
    const { title } = test.info();
    console.log(`SKIPPED (no data): ${title}`);
    if (process.env.STRONGROOM_SKIP_LOG) appendFileSync(process.env.STRONGROOM_SKIP_LOG, `${title}\n`);
    test.skip(true, `there is no ${path}`);
  }
  return full;
}

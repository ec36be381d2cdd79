import { defineConfig } from '@playwright/test';

/** The package's own tests, on the package as it is built into `pkg/`: in Node, and in Chromium. */
export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results/package',
  testMatch: '*.test.ts',
  fullyParallel: true,
  timeout: 60_000,
});

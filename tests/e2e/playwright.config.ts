import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results/e2e',
  // Browsers that write to the disk at once would measure each other.
  workers: 1,
  fullyParallel: false,
  forbidOnly: Boolean(process.env.CI),
  timeout: process.env.STRONGROOM_LONG ? 900_000 : 90_000,
  reporter: 'list',
});

import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { defineConfig, type Plugin } from 'vite';

import { HEADERS, META } from './csp.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Puts the content security policy into the built pages; while developing, Vite's own scripts would break it. */
const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: META }, injectTo: 'head-prepend' },
  ],
};

/** Tells the service worker which files the app is made of, and names that set by its content. */
const appShell: Plugin = {
  name: 'app-shell',
  apply: 'build',
  enforce: 'post',
  generateBundle(_options, bundle) {
    const built = Object.keys(bundle).filter((file) => !/^sw\.js$|\bheadless|\.map$/.test(file));
    const kept = readdirSync(`${here}public`, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(`${here}public/`.length));
    const files = ['./', ...built.filter((file) => file !== 'index.html'), ...kept].sort();
    const version = createHash('sha256');
    for (const file of Object.values(bundle)) version.update('code' in file ? file.code : file.source);
    const worker = bundle['sw.js'];
    if (worker?.type !== 'chunk') throw new Error('the service worker was not built');
    worker.code = worker.code
      .replace('__VERSION__', version.digest('hex').slice(0, 16))
      .replace(/(["'`])__FILES__\1/, () => JSON.stringify(files));
  },
};

export default defineConfig({
  root: here,
  base: './',
  worker: { format: 'es' },
  plugins: [contentSecurityPolicy, appShell],
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: `${here}index.html`, headless: `${here}headless.html`, sw: `${here}src/sw.ts` },
      output: { entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
  preview: { headers: HEADERS },
});

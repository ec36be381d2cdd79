// Merges V8's coverage, maps it back to the package's TypeScript, and prints how many statements were reached, of how many.
//   node xtask/coverage.mjs <folder of V8's JSON files> <folder for the report>
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CoverageReport } from 'monocart-coverage-reports';

const PACKAGE = 'pkg';

const [from, to] = process.argv.slice(2);
const report = new CoverageReport({
  outputDir: join(to, 'typescript'),
  reports: ['v8-json'],
  sourceFilter: (path) => path.includes('pkg-template/src/'),
  logging: 'error',
});

/** V8's entry of a script of the package, with its source and the map to its TypeScript; nothing for any other script. */
function entry({ url, functions }) {
  const file = join(PACKAGE, basename(url));
  if (!existsSync(`${file}.map`)) return [];
  const sourceMap = JSON.parse(readFileSync(`${file}.map`, 'utf8'));
  return [{ url: `file:///${file}`, functions, source: readFileSync(file, 'utf8'), sourceMap }];
}

for (const file of readdirSync(from).filter((name) => name.endsWith('.json'))) {
  const entries = JSON.parse(readFileSync(join(from, file), 'utf8')).flatMap(entry);
  if (entries.length > 0) await report.add(entries);
}
const { files, summary } = await report.generate();
for (const { sourcePath, summary } of files) {
  console.error(`${summary.statements.covered} of ${summary.statements.total}  ${sourcePath}`);
}
console.log(summary.statements.covered, summary.statements.total);

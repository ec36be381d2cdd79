// Merges V8's coverage, maps it back to the package's TypeScript, and prints how many statements were reached, of how many.
//   node xtask/coverage.mjs <folder of V8's JSON files> <folder for the report>
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CoverageReport } from 'monocart-coverage-reports';

const [from, to] = process.argv.slice(2);
const report = new CoverageReport({
  outputDir: join(to, 'typescript'),
  reports: ['v8-json'],
  sourceFilter: (path) => path.includes('pkg-template/src/'),
  logging: 'error',
});
for (const file of readdirSync(from).filter((name) => name.endsWith('.json'))) {
  await report.add(JSON.parse(readFileSync(join(from, file), 'utf8')));
}
const { summary } = await report.generate();
console.log(summary.statements.covered, summary.statements.total);

/**
 * `npm test`: format and lint, types, unit tests, browser tests; the last line is "N passed, N failed".
 * Every step runs even when an earlier one failed; a failed step that is not a test counts as one failure.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const REPORTS = { unit: 'test-results/vitest.json', e2e: 'test-results/playwright.json' };
rmSync('test-results', { recursive: true, force: true });
mkdirSync('test-results', { recursive: true });

let passed = 0;
let failed = 0;
/** @type {string[]} */
const summary = [];

const env = { ...process.env, PATH: `${join(process.cwd(), 'node_modules/.bin')}${delimiter}${process.env.PATH}` };

/** @param {string} name @param {string[]} command */
function step(name, command) {
  console.log(`\n== ${name}: ${command.join(' ')}`);
  const start = Date.now();
  const [program = '', ...args] = command;
  const result = spawnSync(program, args, { stdio: 'inherit', env, shell: process.platform === 'win32' });
  const ok = result.status === 0;
  summary.push(`${ok ? 'ok    ' : 'FAILED'} ${name} (${Math.round((Date.now() - start) / 1000)} s)`);
  return ok;
}

/** @param {string} name @param {string[]} command */
function check(name, command) {
  const ok = step(name, command);
  if (!ok) failed += 1;
  return ok;
}

check('format and lint', ['biome', 'ci', '.']);
check('types', ['tsc', '-b']);

const unitOk = step('unit tests', [
  'vitest',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${REPORTS.unit}`,
]);
let counted = 0;
if (existsSync(REPORTS.unit)) {
  const report = JSON.parse(readFileSync(REPORTS.unit, 'utf8'));
  passed += report.numPassedTests;
  counted = report.numFailedTests;
  failed += counted;
}
// E.g. a test file that does not load has no tests to count.
if (!unitOk && counted === 0) failed += 1;

if (check('browser', ['node', 'tools/browser.mjs']) && check('build', ['vite', 'build'])) {
  const e2eOk = step('browser tests', ['playwright', 'test']);
  let unexpected = 0;
  if (existsSync(REPORTS.e2e)) {
    const { stats } = JSON.parse(readFileSync(REPORTS.e2e, 'utf8'));
    passed += stats.expected + stats.flaky;
    unexpected = stats.unexpected;
    failed += unexpected;
  }
  if (!e2eOk && unexpected === 0) failed += 1;
}

console.log(`\n${summary.join('\n')}\n`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

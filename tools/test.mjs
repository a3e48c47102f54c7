/**
 * `npm test`: format and lint, types, unit tests, browser tests; the last line is "N passed, N failed".
 * Every step runs even when an earlier one failed; a failed step that is not a test counts as one failure. The tests that
 * failed are named once more at the end, with what they said, for logs of which only the end is kept.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const REPORTS = { unit: 'test-results/vitest.json', e2e: 'test-results/playwright.json' };
rmSync('test-results', { recursive: true, force: true });
mkdirSync('test-results', { recursive: true });

let passed = 0;
let failed = 0;
/** @type {string[]} */
const summary = [];
/** @type {string[]} */
const failures = [];

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

/**
 * The first lines of what a failed test said, without colours.
 *
 * @param {string} where @param {string | undefined} message @param {string} [verdict]
 */
function tell(where, message = '', verdict = 'FAILED') {
  const colour = String.fromCharCode(27);
  const plain = message.split(colour).map((part, i) => (i === 0 ? part : part.replace(/^\[[0-9;]*m/, '')));
  const lines = plain
    .join('')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.includes('node_modules') && !line.includes('<anonymous>'));
  failures.push([`${verdict} ${where}`, ...lines.slice(0, 12).map((line) => `       ${line.trimEnd()}`)].join('\n'));
}

/** @typedef {{ status: string, results: { error?: { message?: string } }[] }} Run */
/** @typedef {{ title: string, file: string, line: number, ok: boolean, tests: Run[] }} Spec */
/** @typedef {{ specs?: Spec[], suites?: Suite[] }} Suite */

/** @param {Suite} suite */
function tellOfSpecs({ specs = [], suites = [] }) {
  for (const { title, file, line, ok, tests } of specs) {
    const flaky = tests.some(({ status }) => status === 'flaky');
    if (ok && !flaky) continue;
    const said = tests.flatMap(({ results }) => results).find(({ error }) => error)?.error?.message;
    tell(`${file}:${line} ${title}`, said, flaky ? 'FLAKY (failed once, passed when run again)' : 'FAILED');
  }
  for (const suite of suites) tellOfSpecs(suite);
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
  for (const { name, message, assertionResults } of report.testResults) {
    const file = relative(process.cwd(), name);
    const bad = assertionResults.filter((/** @type {{ status: string }} */ { status }) => status === 'failed');
    for (const { fullName, failureMessages } of bad) tell(`${file} ${fullName}`, failureMessages[0]);
    if (message && bad.length === 0) tell(file, message);
  }
}
// E.g. a test file that does not load has no tests to count.
if (!unitOk && counted === 0) failed += 1;

if (check('browser', ['node', 'tools/browser.mjs']) && check('build', ['vite', 'build'])) {
  browserTests('browser tests of WebGPU, jobs and pages, two at a time', [
    '--project=gpu',
    '--project=jobs',
    '--project=pages',
    '--workers=2',
  ]);
  browserTests('browser tests of the engine on the processor', ['--project=engine']);
}

/** @param {string} name @param {string[]} options */
function browserTests(name, options) {
  rmSync(REPORTS.e2e, { force: true });
  const ok = step(name, ['playwright', 'test', ...options]);
  let unexpected = 0;
  if (existsSync(REPORTS.e2e)) {
    const { stats, suites } = JSON.parse(readFileSync(REPORTS.e2e, 'utf8'));
    for (const suite of suites) tellOfSpecs(suite);
    passed += stats.expected + stats.flaky;
    unexpected = stats.unexpected;
    failed += unexpected;
  }
  if (!ok && unexpected === 0) failed += 1;
}

if (failures.length > 0) console.log(`\n${failures.join('\n')}`);
console.log(`\n${summary.join('\n')}\n`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

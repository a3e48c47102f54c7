/**
 * Finds a Chromium for the browser tests, or gets one, and keeps its path in node_modules/.cache/chromium-path:
 * CHROMIUM_PATH, Playwright's own, one of the system, Playwright's download, Debian's package (as root).
 *   node tools/browser.mjs   prints the path
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../node_modules/.cache/chromium-path', import.meta.url));

/** @param {string | undefined} path */
function runs(path) {
  if (!path || !existsSync(path)) return false;
  return spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

function onPath() {
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
      } catch {
        continue;
      }
      if (runs(path)) return path;
    }
  }
  return undefined;
}

async function playwrights() {
  const { chromium } = await import('@playwright/test');
  const path = chromium.executablePath();
  return runs(path) ? path : undefined;
}

/** @param {string} command @param {string[]} args */
function attempt(command, args) {
  console.error(`> ${command} ${args.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { stdio: ['ignore', 2, 2], env, timeout: 600_000 }).status === 0;
}

async function find() {
  const given = process.env.CHROMIUM_PATH;
  if (given) {
    if (runs(given)) return given;
    throw new Error(`CHROMIUM_PATH is ${given}, which does not run.`);
  }
  const present = (await playwrights()) ?? onPath();
  if (present) return present;
  // The download comes without the system libraries; where those are missing it does not run and apt is next.
  if (attempt('npx', ['playwright', 'install', 'chromium'])) {
    const downloaded = await playwrights();
    if (downloaded) return downloaded;
  }
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    attempt('apt-get', ['update']);
    if (attempt('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'])) {
      const installed = onPath();
      if (installed) return installed;
    }
  }
  throw new Error(
    'No Chromium was found and none could be installed. Install Chromium or Chrome, or set CHROMIUM_PATH to its program.',
  );
}

/** Path of the browser found last, or undefined before the first search. Read by playwright.config.ts. */
export function knownBrowser() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  return existsSync(cache) ? readFileSync(cache, 'utf8').trim() : undefined;
}

/** Finds or installs Chromium and remembers where it is. */
export async function findBrowser() {
  const path = await find();
  mkdirSync(join(cache, '..'), { recursive: true });
  writeFileSync(cache, `${path}\n`);
  return path;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(await findBrowser());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

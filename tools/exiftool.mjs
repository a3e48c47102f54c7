/**
 * Finds exiftool for the tests of metadata, or gets it from Debian (as root); where neither works those tests compare with
 * what exiftool said when the fixtures were made.
 *   node tools/exiftool.mjs   prints its path
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const runs = () => spawnSync('exiftool', ['-ver'], { stdio: 'ignore', timeout: 30_000 }).status === 0;

/** @param {string[]} args */
function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', args, { stdio: ['ignore', 2, 2], env, timeout: 300_000 }).status === 0;
}

/** Whether `exiftool` can be called. */
export function findExiftool() {
  if (runs()) return true;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  const wait = ['-o', 'DPkg::Lock::Timeout=120'];
  const packages = ['install', '-y', '--no-install-recommends', 'libimage-exiftool-perl'];
  return (apt(...wait, ...packages) || (apt(...wait, 'update') && apt(...wait, ...packages))) && runs();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!findExiftool()) {
    console.error('exiftool was not found and could not be installed.');
    process.exit(1);
  }
  console.log('exiftool');
}

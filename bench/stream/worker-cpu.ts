import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * Processor time in ms that the dedicated workers of a browser have taken so far: other work on the machine does not count.
 * Linux only; 0 elsewhere.
 *
 * @param profile folder that is on the browser's command lines
 */
export function workerCpuMs(profile: string): number {
  if (!existsSync('/proc/self/task')) return 0;
  let nanoseconds = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes('--type=renderer') || !command.includes(profile)) continue;
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const at = `/proc/${pid}/task/${thread}`;
        if (!readFileSync(`${at}/comm`, 'utf8').startsWith('DedicatedWorker')) continue;
        nanoseconds += Number(readFileSync(`${at}/schedstat`, 'utf8').split(' ')[0]);
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return nanoseconds / 1e6;
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * Processor time so far of the browser's processes and of this one, which may serve it. Linux only; 0 elsewhere. Other work
 * on the machine makes it a little larger, for caches are shared, but not many times, as it does with the time on the clock.
 *
 * @param profile folder that is on the browser's command lines
 */
export function processorMs(profile: string): number {
  if (!existsSync('/proc/self/stat')) return 0;
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const ours = Number(pid) === process.pid || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(profile);
      // What stands before the last bracket is the command's name, which may hold anything. Ticks are 10 ms.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      if (ours) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended meanwhile.
    }
  }
  return 10 * ticks;
}

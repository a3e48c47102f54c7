/** Processes and their processor time, from Linux's /proc; none, and 0, elsewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux counts hundredths of a second for every process that looks. */
const TICK_MS = 10;

/** Calls `look` with the id, the /proc folder and the command line of every process; one that ends meanwhile is left out. */
export function eachProcess(look: (pid: number, folder: string, command: string) => void): void {
  if (!existsSync('/proc/self/stat')) return;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      look(Number(pid), `/proc/${pid}`, readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      // It ended meanwhile.
    }
  }
}

/** Processor time of a process, all its threads, in ms. utime and stime are fields 14 and 15; the name may hold spaces. */
export function processMs(folder: string): number {
  const fields = readFileSync(`${folder}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

/**
 * Processor time so far of the browser's processes and of this one, which may serve it. Other work on the machine makes it a
 * little larger, for caches are shared, but not many times, as it does with the time on the clock.
 *
 * @param profile folder that is on the browser's command lines
 */
export function processorMs(profile: string): number {
  let milliseconds = 0;
  eachProcess((pid, folder, command) => {
    if (pid === process.pid || command.includes(profile)) milliseconds += processMs(folder);
  });
  return milliseconds;
}

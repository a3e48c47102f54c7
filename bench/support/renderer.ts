/** Memory of Chromium's renderer processes, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { type BrowserContext, chromium } from '@playwright/test';
import { findBrowser } from '../../tools/browser.mjs';

/** Calls `look` with the /proc folder of every renderer of a profile; none where there is no /proc. */
function eachRenderer(profile: string, look: (folder: string) => void): void {
  let pids: string[] = [];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return;
  }
  for (const pid of pids) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (command.includes('--type=renderer') && command.includes(profile)) look(`/proc/${pid}`);
    } catch {
      // It ended meanwhile.
    }
  }
}

/** Resident bytes of all renderers of a profile; 0 where there is no /proc. */
function rendererBytes(profile: string): number {
  let kilobytes = 0;
  eachRenderer(profile, (folder) => {
    kilobytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${folder}/status`, 'utf8'))?.[1] ?? 0);
  });
  return kilobytes * 1024;
}

/** Linux counts them in hundredths of a second for every process that looks. */
const TICKS = 100;

/** Processor time of all renderers of a profile, all threads; 0 where there is no /proc. */
export function rendererCpuSeconds(profile: string): number {
  let ticks = 0;
  eachRenderer(profile, (folder) => {
    // utime and stime are fields 14 and 15; the name, in parentheses, may hold spaces.
    const fields = readFileSync(`${folder}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  });
  return ticks / TICKS;
}

export interface MemoryWatch {
  /** MB (10^6 bytes) now. */
  now(): number;
  /** The highest since the last call, in MB. */
  peak(): number;
  stop(): void;
}

/** Chromium with a profile of its own, by which its renderers are told from others, and the watch on them. */
export async function launchWatched(profile: string): Promise<{ browser: BrowserContext; memory: MemoryWatch }> {
  const executablePath = await findBrowser();
  const browser = await chromium.launchPersistentContext(profile, { executablePath, args: ['--no-sandbox'] });
  return { browser, memory: watchRenderer(profile) };
}

/** Looks twenty times a second. */
export function watchRenderer(profile: string): MemoryWatch {
  let highest = 0;
  const look = () => {
    highest = Math.max(highest, rendererBytes(profile));
  };
  const timer = setInterval(look, 50);
  return {
    now: () => Math.round(rendererBytes(profile) / 1e6),
    peak: () => {
      look();
      const peak = highest;
      highest = 0;
      return Math.round(peak / 1e6);
    },
    stop: () => clearInterval(timer),
  };
}

/** Memory of Chromium's renderer processes, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { type BrowserContext, chromium } from '@playwright/test';
import { findBrowser } from '../../tools/browser.mjs';

/** Resident bytes of all renderers of a profile; 0 where there is no /proc. */
function rendererBytes(profile: string): number {
  let kilobytes = 0;
  let pids: string[] = [];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return 0;
  }
  for (const pid of pids) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes('--type=renderer') || !command.includes(profile)) continue;
      kilobytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return kilobytes * 1024;
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
function watchRenderer(profile: string): MemoryWatch {
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

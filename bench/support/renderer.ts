/** Memory of Chromium's renderer processes, from Linux's /proc. */
import { readFileSync } from 'node:fs';
import { type BrowserContext, chromium } from '@playwright/test';
import { findBrowser } from '../../tools/browser.mjs';
import { eachProcess, processMs } from './processes.ts';

/** Calls `look` with the /proc folder of every renderer of a profile. */
function eachRenderer(profile: string, look: (folder: string) => void): void {
  eachProcess((_, folder, command) => {
    if (command.includes('--type=renderer') && command.includes(profile)) look(folder);
  });
}

/** What is resident, or of that only what is the process's own: without files and memory that it shares. */
type Kind = 'VmRSS' | 'RssAnon';

/** Bytes of all renderers of a profile; 0 where there is no /proc. */
function rendererBytes(profile: string, kind: Kind): number {
  let kilobytes = 0;
  eachRenderer(profile, (folder) => {
    const status = readFileSync(`${folder}/status`, 'utf8');
    kilobytes += Number(new RegExp(`${kind}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  });
  return kilobytes * 1024;
}

/** Processor time of all renderers of a profile, all threads; 0 where there is no /proc. */
export function rendererCpuSeconds(profile: string): number {
  let milliseconds = 0;
  eachRenderer(profile, (folder) => {
    milliseconds += processMs(folder);
  });
  return milliseconds / 1000;
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
export function watchRenderer(profile: string, kind: Kind = 'VmRSS'): MemoryWatch {
  let highest = 0;
  const look = () => {
    highest = Math.max(highest, rendererBytes(profile, kind));
  };
  const timer = setInterval(look, 50);
  return {
    now: () => Math.round(rendererBytes(profile, kind) / 1e6),
    peak: () => {
      look();
      const peak = highest;
      highest = 0;
      return Math.round(peak / 1e6);
    },
    stop: () => clearInterval(timer),
  };
}

/**
 * Stored packs in Chromium: download, verify and write against plain `fetch` and write of the same bytes in the same run,
 * import of a folder, and the memory that both take.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import type {} from '../../e2e/support/app.ts';
import { pathOf } from '../../e2e/support/files.ts';
import { Server } from '../../e2e/support/server.ts';
import { WorkerProbe } from '../../e2e/support/worker-probe.ts';
import { findBrowser } from '../../tools/browser.mjs';
import { RangeServer } from '../../tools/packs/range-server.ts';
import { noiseBytes, writeTestPack } from '../../tools/packs/test-pack.ts';
import { Bare } from '../support/bare.ts';
import { processorMs } from '../support/processes.ts';
import { watchRenderer } from '../support/renderer.ts';

const OPTIONS = {
  megabytes: { type: 'string', default: '256' },
  runs: { type: 'string', default: '5' },
  line: { type: 'string', default: '1000' },
} as const;
const SHARD = 128 * 2 ** 20;

/**
 * `--megabytes 256 --runs 5 --line 1000`. Rates in MB/s (10^6 bytes), growth of memory in MB. Medians of the runs, in which plain
 * fetch and download take turns; the share is the median of each run's own, for what else the machine does hits both of a run.
 * Both come once as fast as server and browser can, which share the machine, and once through a line of so many Mbit/s.
 */
export async function benchStore(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (!existsSync(pathOf('dist/index.html'))) throw new Error('Run "npm run build" first.');
  const folder = mkdtempSync(join(tmpdir(), 'bench-store-'));
  const pack = writeTestPack(join(folder, 'v1'), 'bench', '1', shards(Number(values.megabytes) * 1e6));
  const app = await Server.start();
  const packs = await RangeServer.start(pack.folder);
  // The browser's profile goes where temporary files do: so its processes can be told from others.
  process.env.TMPDIR = folder;
  const browser = await chromium.launch({ executablePath: await findBrowser(), args: ['--no-sandbox'] });
  try {
    const page = await Bare.open(browser, `${app.url}?test=1&engine=wasm`);
    await page.until(() => navigator.serviceWorker.controller?.state === 'activated' && '__packs' in window);
    await page.evaluate(async () => void (await window.__engine.start()));
    await page.evaluate(async (url) => void (await window.__packs.bridge.allowHost(url)), packs.url);
    const plainBytes = Number(values.megabytes) * 1e6;
    const files = Object.keys(shards(plainBytes, true));
    const compare = async (line: number): Promise<Pair> => {
      packs.line = line;
      const plain = await costing(folder, plainBytes, () => plainRate(page, packs.url, files));
      const download = await costing(folder, pack.bytes, () => rate(page, pack.bytes, 'download', packs.url));
      packs.line = Number.POSITIVE_INFINITY;
      return { plain, download };
    };
    const [fast, slow, imports]: [Pair[], Pair[], number[]] = [[], [], []];
    for (let run = 0; run < Number(values.runs); run++) {
      const free = await compare(Number.POSITIVE_INFINITY);
      fast.push(free);
      await exportAndRemove(page);
      imports.push(await rate(page, pack.bytes, 'import', ''));
      await remove(page);
      const bound = await compare((Number(values.line) * 1e6) / 8);
      slow.push(bound);
      await remove(page);
      console.error(`run ${run + 1}: ${told(free)}; through the line ${told(bound)}; import ${imports.at(-1)} MB/s`);
    }
    const { session } = await packsWorker(page);
    const probe = WorkerProbe.of(page, session);
    const heapBefore = await probe.heapBytes();
    const heapMost = probe.watchHeap();
    // Their own memory alone: heap, array buffers, garbage that nobody collected yet and what the network left there.
    const memory = watchRenderer(folder, 'RssAnon');
    const before = memory.now();
    await rate(page, pack.bytes, 'download', packs.url);
    const growth = memory.peak() - before;
    memory.stop();
    const most = await heapMost();
    const heapGrowth = round((most.used + most.buffers - heapBefore.used - heapBefore.buffers) / 1e6);
    console.error(`memory of the renderers: ${before} MB before, ${growth} MB more at most; heap ${heapGrowth} MB`);
    return {
      chromium: browser.version(),
      megabytes: Math.round(pack.bytes / 1e6),
      runs: fast.length,
      ...figures(fast, ''),
      lineMbps: Number(values.line),
      ...figures(slow, 'OnLine'),
      importMBps: median(imports),
      /** Page, engine and packs worker. */
      rendererGrowthMB: growth,
      heapGrowthMB: heapGrowth,
    };
  } finally {
    await browser.close();
    await packs.stop();
    await app.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Plain fetch and download of one run: MB/s, and ms of processor time a MB. */
interface Pair {
  readonly plain: { value: number; cost: number };
  readonly download: { value: number; cost: number };
}

function told({ plain, download }: Pair): string {
  return `plain ${plain.value}, download ${download.value} MB/s, processor ${plain.cost} and ${download.cost} ms a MB`;
}

function figures(pairs: readonly Pair[], way: string): Record<string, number> {
  const of = (what: 'plain' | 'download', unit: 'value' | 'cost') => median(pairs.map((pair) => pair[what][unit]));
  return {
    [`plain${way}MBps`]: of('plain', 'value'),
    [`download${way}MBps`]: of('download', 'value'),
    [`ofPlainFetch${way}`]: round(median(pairs.map(({ plain, download }) => download.value / plain.value))),
    [`plain${way}CpuMsPerMB`]: of('plain', 'cost'),
    [`download${way}CpuMsPerMB`]: of('download', 'cost'),
  };
}

/** @param empty for the names alone */
function shards(bytes: number, empty = false): Record<string, Uint8Array> {
  const made: Record<string, Uint8Array> = {};
  for (let at = 0, index = 0; at < bytes; at += SHARD, index++) {
    made[`extra-${index}.bin`] = empty ? new Uint8Array() : noiseBytes(Math.min(SHARD, bytes - at), index + 1);
  }
  return made;
}

/** One file after the other, chunks written as they come, nothing checked: in the packs worker, which may fetch there. */
async function plainRate(page: Bare, url: string, files: string[]): Promise<number> {
  const { worker } = await packsWorker(page);
  const { bytes, ms } = await worker.evaluate(
    async ({ base, names }) => {
      interface Target {
        write(bytes: Uint8Array, options: { at: number }): number;
        flush(): void;
        close(): void;
      }
      const isSync = (value: object): value is { createSyncAccessHandle(): Promise<Target> } =>
        'createSyncAccessHandle' in value;
      const root = await navigator.storage.getDirectory();
      const start = performance.now();
      let bytes = 0;
      for (const name of names) {
        const handle = await root.getFileHandle(`plain-${name}`, { create: true });
        if (!isSync(handle)) throw new Error('no sync access handles');
        const file = await handle.createSyncAccessHandle();
        const reader = (await fetch(base + name, { cache: 'no-store' })).body?.getReader();
        let at = 0;
        for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
          at += file.write(part.value, { at });
        }
        file.flush();
        file.close();
        bytes += at;
      }
      const ms = performance.now() - start;
      for (const name of names) await root.removeEntry(`plain-${name}`);
      return { bytes, ms };
    },
    { base: url, names: files },
  );
  return round(bytes / 1000 / ms);
}

async function rate(page: Bare, bytes: number, what: 'download' | 'import', url: string): Promise<number> {
  const ms = await page.evaluate(
    async ({ kind, address }) => {
      const { bridge } = window.__packs;
      const root = await navigator.storage.getDirectory();
      const start = performance.now();
      const result =
        kind === 'download'
          ? await bridge.download(address)
          : await bridge.importGiven({ kind: 'folder', handle: await root.getDirectoryHandle('given') });
      if (!result.ok) throw new Error(`${result.code} ${result.detail}`);
      return performance.now() - start;
    },
    { kind: what, address: url },
  );
  return round(bytes / 1000 / ms);
}

async function exportAndRemove(page: Bare): Promise<void> {
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const id = { name: 'bench', version: '1' };
    const folder = await root.getDirectoryHandle('given', { create: true });
    const exported = await window.__packs.bridge.exportTo(id, folder);
    if (!exported.ok) throw new Error(exported.detail);
    await window.__packs.bridge.remove(id);
  });
}

async function remove(page: Bare): Promise<void> {
  await page.evaluate(async () => void (await window.__packs.bridge.remove({ name: 'bench', version: '1' })));
}

/** The packs worker that lives; made by asking it something. */
async function packsWorker(page: Bare) {
  await page.evaluate(async () => void (await window.__packs.bridge.list()));
  return page.worker('packs.worker');
}

/** Runs `work` and answers with its value and the processor time in ms a MB that browser and servers took for it. */
async function costing<T>(profile: string, bytes: number, work: () => Promise<T>): Promise<{ value: T; cost: number }> {
  const before = processorMs(profile);
  const value = await work();
  return { value, cost: round((processorMs(profile) - before) / (bytes / 1e6)) };
}

const round = (value: number) => Math.round(value * 100) / 100;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

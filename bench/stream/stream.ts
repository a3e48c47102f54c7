/**
 * Streaming of weights in Chromium: how fast they reach the GPU beside a plain copy, what streaming costs a job, what JavaScript
 * costs a block, and the longest dispatch. On the mid-size pack of the tests (hidden 768, 12 blocks), or on a pack of yours.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pathOf } from '../../e2e/support/files.ts';
import { WorkerProbe } from '../../e2e/support/worker-probe.ts';
import { PackFolder } from '../../tools/backend-node/pack-folder.ts';
import { MID_SIZE_CONFIG, makeConformancePack } from '../../tools/conformance/make.ts';
import { openStreamPage, type StreamPage } from './page.ts';
import { workerCpuMs } from './worker-cpu.ts';

const OPTIONS = {
  pack: { type: 'string' },
  side: { type: 'string', default: '64' },
  steps: { type: 'string', default: '3' },
  runs: { type: 'string', default: '3' },
} as const;

/** A cap that holds everything, and one that holds nothing. */
const ALL = 1e12;
const NONE = 1;
/** Script that reads a block and widens its scales: it grows with the block, and is told apart. */
const READING = /^(readInto|#?read|reader|decodeWeight|widen|narrow|isPiece)/;

/** `[--pack FOLDER] --side 64 --steps 3 --runs 3`. Medians of the runs. Rates in MB/s, times in ms. */
export async function benchStream(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (!existsSync(pathOf('dist/index.html'))) throw new Error('Run "npm run build" first.');
  const folder = await mkdtemp(join(tmpdir(), 'bench-stream-'));
  try {
    const pack = values.pack ?? join(folder, 'mid');
    if (values.pack === undefined) await makeConformancePack(pack, 4, MID_SIZE_CONFIG);
    const { manifest } = await PackFolder.open(pack, ['dit']);
    const opened = await openStreamPage(folder, pack, manifest);
    try {
      const sizes = { side: Number(values.side), steps: Number(values.steps) };
      return {
        chromium: opened.chromium,
        cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
        adapter: opened.adapter,
        hidden: manifest.family.hidden,
        blocks: manifest.family.double + manifest.family.single,
        ...sizes,
        ...(await measure(opened, sizes, Number(values.runs))),
      };
    } finally {
      await opened.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure({ page, profile }: StreamPage, sizes: { side: number; steps: number }, runs: number) {
  const run = (cap: number, steps = sizes.steps) =>
    page.evaluate((job) => window.__stream.run(job), { ...sizes, cap, steps });
  // Shaders are compiled and files are in the system's cache after this.
  const first = await run(NONE, 1);
  const firstStepMs = Math.round(first.stepMs[0] ?? 0);
  console.error(`first step, with everything to compile: ${firstStepMs} ms`);
  await page.evaluate(() => window.__stream.copy());
  const warm = await run(NONE, 1);

  const [streamed, resident, share, rate, plain]: number[][] = [[], [], [], [], []];
  let peakOfPlan = 0;
  for (let at = 0; at < runs; at++) {
    const copy = await page.evaluate(() => window.__stream.copy());
    const [fast, limit] = [megabytes(copy.streamed), megabytes(copy.plain)];
    rate?.push(fast);
    plain?.push(limit);
    share?.push(fast / limit);
    const flows = await run(NONE);
    const stays = await run(ALL);
    // The first step loads what stays.
    streamed?.push(median(flows.stepMs.slice(1)));
    resident?.push(median(stays.stepMs.slice(1)));
    for (const { gpuPeakBytes, totalBytes } of [flows, stays])
      peakOfPlan = Math.max(peakOfPlan, gpuPeakBytes / totalBytes);
    console.error(
      `run ${at + 1}: ${fast.toFixed(0)} of ${limit.toFixed(0)} MB/s, ` +
        `${streamed?.at(-1)?.toFixed(0)} ms a step streamed, ${resident?.at(-1)?.toFixed(0)} resident`,
    );
  }
  const probe = await WorkerProbe.attach(page, 'worker');
  const before = await probe.heapBytes();
  const most = probe.watchHeap();
  const cpuBefore = workerCpuMs(profile);
  const { value, ms } = await probe.profile(() => run(NONE));
  const cpu = workerCpuMs(profile) - cpuBefore;
  const heap = await most();
  const calls = (value.resident + value.streamed) * sizes.steps;
  const functions = [...ms].sort((a, b) => b[1] - a[1]);
  console.error(
    `script by function, ms: ${functions.slice(0, 12).map(([name, time]) => `${name} ${time.toFixed(1)}`)}`,
  );
  const sum = (reading: boolean) =>
    functions.reduce((all, [name, time]) => all + (READING.test(name) === reading ? time : 0), 0);
  // The profile goes by the clock: where the thread's own processor time is known, its shares are of that.
  const script = sum(true) + sum(false);
  const scale = cpu > 0 && script > 0 ? Math.min(1, cpu / script) : 1;
  const { count, longest } = await page.evaluate((job) => window.__stream.dispatches(job), {
    ...sizes,
    cap: NONE,
    steps: 1,
  });
  return {
    runs,
    streamedMBps: round(median(rate)),
    plainMBps: round(median(plain)),
    firstStepMs,
    warmFirstStepMs: Math.round(warm.stepMs[0] ?? 0),
    streamedStepMs: Math.round(median(streamed)),
    residentStepMs: Math.round(median(resident)),
    gpuPeakOfPlan: round(peakOfPlan),
    heapGrowthMB: round((together(heap) - together(before)) / 1e6),
    wasmHeapMB: round(value.heapBytes / 1e6),
    readMsPerBlock: round((scale * sum(true)) / calls),
    dispatches: count,
    copyShare: round(median(share)),
    streamedOverResident: round(median(streamed) / median(resident)),
    jsMsPerBlock: round((scale * sum(false)) / calls),
    longestDispatchMs: round(longest[0]?.ms ?? 0),
  };
}

const together = ({ used, buffers }: { used: number; buffers: number }) => used + buffers;
const megabytes = ({ bytes, ms }: { bytes: number; ms: number }) => bytes / 1000 / ms;
const round = (value: number) => Math.round(value * 100) / 100;

function median(values: readonly number[] = []): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/**
 * Streaming of weights in Chromium: how fast they reach the GPU beside a plain copy, what streaming costs a job, what JavaScript
 * costs a block, and the longest dispatch. On the mid-size pack of the tests (hidden 768, 12 blocks), or on a pack of yours.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from '@playwright/test';
import { pathOf } from '../../e2e/support/files.ts';
import { WorkerProbe } from '../../e2e/support/worker-probe.ts';
import { PackFolder } from '../../tools/backend-node/pack-folder.ts';
import { MID_SIZE_CONFIG, makeConformancePack } from '../../tools/conformance/make.ts';
import type { Mode } from '../../workers/packs/manifest.ts';
import { processorMs } from '../support/processes.ts';
import { openStreamPage, type StreamPage } from './page.ts';
import { workerCpuMs } from './worker-cpu.ts';

const OPTIONS = {
  pack: { type: 'string' },
  // For software, where a step takes half a minute. On a real GPU take more of everything.
  side: { type: 'string', default: '32' },
  steps: { type: 'string', default: '2' },
  runs: { type: 'string', default: '1' },
} as const;

/** A cap that holds everything, and one that holds nothing. */
const ALL = 1e12;
const NONE = 1;
/** Copies of all blocks in a run: one takes a twentieth of a second. */
const COPIES = 5;
/** Script that reads a block and widens its scales: it grows with the block, and is told apart. */
const READING = /^(readInto|#?read|reader|decodeWeight|widen|narrow|isPiece)/;

/** `[--pack FOLDER] --side 32 --steps 2 --runs 1`. Medians of the runs. Rates in MB/s, times in ms. */
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
      const sizes = { side: Number(values.side), steps: Math.max(2, Number(values.steps)) };
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

async function measure({ page, profile, adapter }: StreamPage, sizes: { side: number; steps: number }, runs: number) {
  const run = (cap: number, steps = sizes.steps) =>
    page.evaluate((job) => window.__stream.run(job), { ...sizes, cap, steps });
  // Shaders are compiled and files are in the system's cache after this.
  const first = await run(NONE, 1);
  const firstStepMs = Math.round(first.stepMs[0] ?? 0);
  console.error(`first step, with everything to compile: ${firstStepMs} ms`);
  const copies = { f32: copiesOf(page, 'f32'), f16: copiesOf(page, 'f16') };
  for (const { once } of Object.values(copies)) await once();
  console.error('copied once');
  for (const { all } of Object.values(copies)) all.length = 0;
  const [streamed, resident]: number[][] = [[], []];
  const [streamedCpu, residentCpu]: number[][] = [[], []];
  /** A job, and the processor time that all of the browser took for it: on a GPU of software, computing included. */
  const costing = async (cap: number, costs: number[] | undefined) => {
    const before = processorMs(profile);
    const job = await run(cap);
    costs?.push(Math.round(processorMs(profile) - before));
    return job;
  };
  let [peakOfPlan, warmFirstStepMs] = [0, 0];
  for (let at = 0; at < runs; at++) {
    for (let turn = 0; turn < COPIES; turn++) for (const { once } of Object.values(copies)) await once();
    const flows = await costing(NONE, streamedCpu);
    warmFirstStepMs ||= Math.round(flows.stepMs[0] ?? 0);
    console.error(
      `run ${at + 1}: ${flows.stepMs.map(Math.round)} ms a step streamed, job ${Math.round(flows.milliseconds)} ms`,
    );
    const stays = await costing(ALL, residentCpu);
    // The first step loads what stays.
    streamed?.push(median(flows.stepMs.slice(1)));
    resident?.push(median(stays.stepMs.slice(1)));
    for (const { gpuPeakBytes, totalBytes } of [flows, stays])
      peakOfPlan = Math.max(peakOfPlan, gpuPeakBytes / totalBytes);
    console.error(
      `run ${at + 1}: ${Object.entries(copies).map(([mode, { all }]) => `${mode} ${Math.round(all.at(-1)?.fast ?? 0)} of ${Math.round(all.at(-1)?.limit ?? 0)} MB/s`)}, ` +
        `${streamed?.at(-1)?.toFixed(0)} ms a step streamed, ${resident?.at(-1)?.toFixed(0)} resident; processor ${streamedCpu?.at(-1)} and ${residentCpu?.at(-1)} ms a job`,
    );
  }
  const probe = await WorkerProbe.attach(page, 'worker');
  const before = await probe.heapBytes();
  const most = probe.watchHeap();
  // What a job takes once (modulations, text) is in both, and not in their difference.
  const one = await script(probe, profile, () => run(NONE, 1));
  const more = await script(probe, profile, () => run(NONE, sizes.steps));
  const heap = await most();
  const { value } = more;
  const blockSteps = (value.resident + value.streamed) * (sizes.steps - 1);
  console.error(
    `script by function, ms: ${more.functions.slice(0, 12).map(([name, time]) => `${name} ${time.toFixed(1)}`)}`,
  );
  const perBlock = (what: 'readMs' | 'otherMs') => round((more[what] - one[what]) / blockSteps);
  // A GPU made of software takes minutes for what nobody wants to know of it.
  const isSoftware = /swiftshader/i.test(adapter);
  const { count, longest } = isSoftware
    ? { count: null, longest: [] }
    : await page.evaluate((job) => window.__stream.dispatches(job), { ...sizes, cap: NONE, steps: 1 });
  return {
    runs,
    ...copyFigures(copies.f32.all, ''),
    ...copyFigures(copies.f16.all, 'F16'),
    firstStepMs,
    warmFirstStepMs,
    streamedStepMs: Math.round(median(streamed)),
    residentStepMs: Math.round(median(resident)),
    /** Of whole jobs, in which the streamed one brings its blocks once more for each step but the first. */
    streamedJobCpuMs: median(streamedCpu),
    residentJobCpuMs: median(residentCpu),
    gpuPeakOfPlan: round(peakOfPlan),
    heapGrowthMB: round((together(heap) - together(before)) / 1e6),
    wasmHeapMB: round(value.heapBytes / 1e6),
    readMsPerBlock: perBlock('readMs'),
    /** Of a job of one step, what it takes once included. */
    jsMsOfFirstStep: round(one.otherMs),
    dispatches: count,
    copyShareF16: shareOf(copies.f16.all),
    copyShare: shareOf(copies.f32.all),
    streamedOverResident: round(median(streamed) / median(resident)),
    jsMsPerBlock: perBlock('otherMs'),
    longestDispatchMs: longest[0] ? round(longest[0].ms) : null,
  };
}

/** Script of a job in ms: reading of blocks, and all else. */
async function script<T>(probe: WorkerProbe, profile: string, work: () => Promise<T>) {
  const cpuBefore = workerCpuMs(profile);
  const { value, ms } = await probe.profile(work);
  const cpu = workerCpuMs(profile) - cpuBefore;
  const functions = [...ms].sort((a, b) => b[1] - a[1]);
  const sum = (reading: boolean) =>
    functions.reduce((all, [name, time]) => all + (READING.test(name) === reading ? time : 0), 0);
  // The profile goes by the clock: where the thread's own processor time is known, its shares are of that.
  const all = sum(true) + sum(false);
  const scale = cpu > 0 && all > 0 ? Math.min(1, cpu / all) : 1;
  return { value, functions, readMs: scale * sum(true), otherMs: scale * sum(false) };
}

const together = ({ used, buffers }: { used: number; buffers: number }) => used + buffers;

/** MB/s of one copy of all blocks in the app's way, and of the plain copy beside it. */
interface Copy {
  readonly fast: number;
  readonly limit: number;
}

function copiesOf(page: Page, mode: Mode): { all: Copy[]; once(): Promise<void> } {
  const all: Copy[] = [];
  const once = async () => {
    const { streamed, plain } = await page.evaluate((which) => window.__stream.copy(which), mode);
    all.push({ fast: megabytes(streamed), limit: megabytes(plain) });
  };
  return { all, once };
}

const copyFigures = (all: readonly Copy[], name: string) => ({
  [`streamed${name}MBps`]: round(median(all.map(({ fast }) => fast))),
  [`plain${name}MBps`]: round(median(all.map(({ limit }) => limit))),
});

const shareOf = (all: readonly Copy[]) => round(median(all.map(({ fast, limit }) => fast / limit)));

const megabytes = ({ bytes, ms }: { bytes: number; ms: number }) => bytes / 1000 / ms;
const round = (value: number) => Math.round(value * 100) / 100;

function median(values: readonly number[] = []): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

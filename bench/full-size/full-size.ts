/**
 * A pack of RealRestorer's true size (random weights, made by `npm run bench -- convert --scale 1 --out FOLDER`) in
 * Chromium's private file system: one sampling step through all of its blocks on software WebGPU with its weights
 * streamed, held against the same step on onnxruntime-web's wasm in Node.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pathOf } from '../../e2e/support/files.ts';
import { sampleSteps } from '../../e2e/support/stream/steps.ts';
import { WorkerProbe } from '../../e2e/support/worker-probe.ts';
import { NodeBackend } from '../../tools/backend-node/backend.ts';
import { loadOrt } from '../../tools/backend-node/ort.ts';
import { PackFolder } from '../../tools/backend-node/pack-folder.ts';
import { relativeError } from '../../tools/pack/parity-helpers.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { openStreamPage } from '../stream/page.ts';

const OPTIONS = {
  pack: { type: 'string' },
  side: { type: 'string', default: '32' },
  /** GPU memory that the app may take, in GB. */
  cap: { type: 'string', default: '1.5' },
  threads: { type: 'string', default: '2' },
  /** Keeps the browser's profile and the step's numbers here, so that an interrupted run goes on where it was. */
  work: { type: 'string' },
} as const;

/** Weights of two double blocks: blocks come one after the other. */
const NODE_BUDGET = 600e6;

/** `--pack FOLDER [--side 32] [--cap 1.5] [--threads 2] [--work FOLDER]`. Times in seconds, sizes in bytes. */
export async function benchFullSize(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.pack === undefined)
    throw new Error('--pack FOLDER: made by "npm run bench -- convert --scale 1 --out FOLDER"');
  if (!existsSync(pathOf('dist/index.html'))) throw new Error('Run "npm run build" first.');
  const side = Number(values.side);
  const cap = Number(values.cap) * 1e9;
  const size = { width: side, height: side, steps: 1 };
  const folder = values.work ?? (await mkdtemp(join(tmpdir(), 'full-size-')));
  await mkdir(folder, { recursive: true });
  const { manifest } = await PackFolder.open(values.pack, ['dit']);
  const opened = await openStreamPage(folder, values.pack, manifest);
  try {
    const probe = await WorkerProbe.attach(opened.page, 'worker');
    const before = await probe.heapBytes();
    const heap = probe.watchHeap();
    const job = await timed(() =>
      opened.page.evaluate((wanted) => window.__stream.run(wanted), { cap, side, steps: 1 }),
    );
    const most = await heap();
    const { velocities, ...figures } = job.value;
    // What the browser took so long for is not lost should the rest fail.
    await writeFile(join(folder, 'step.json'), JSON.stringify({ ...job, ...most, before }));
    console.error(`step of ${figures.resident + figures.streamed} blocks after ${job.seconds} s`);
    const node = await timed(() => onWasm(values.pack as string, manifest, size, Number(values.threads)));
    console.error(`the same on wasm in Node after ${node.seconds} s`);
    const [velocity = []] = velocities;
    return {
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      side,
      cap,
      packBytes: Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0),
      storeSeconds: opened.storeSeconds,
      stepSeconds: job.seconds,
      ...figures,
      gpuPeakOfPlan: figures.gpuPeakBytes / figures.totalBytes,
      jsHeapGrowthBytes: most.used - before.used,
      jsBuffersGrowthBytes: most.buffers - before.buffers,
      finite: velocity.every(Number.isFinite),
      nodeSeconds: node.seconds,
      relativeError: relativeError(velocity, node.value[0] ?? []),
    };
  } finally {
    await opened.close();
    if (values.work === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function onWasm(folder: string, manifest: Manifest, size: Parameters<typeof sampleSteps>[2], threads: number) {
  const pack = PackFolder.unchecked(folder, manifest);
  const backend = new NodeBackend(await loadOrt('wasm', threads), 'wasm', pack, { budget: NODE_BUDGET });
  try {
    return await sampleSteps(backend, manifest, size);
  } finally {
    await backend.dispose();
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const start = performance.now();
  const value = await work();
  return { value, seconds: Math.round((performance.now() - start) / 100) / 10 };
}

/**
 * What leaving out computed steps costs and saves: first-block caching, and the branch without prompt skipped late in the
 * schedule, each against our own result without them, on onnxruntime-web's wasm in Node.
 */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { type NodeEngine, openEngine } from '../../tools/backend-node/backend.ts';
import { type Manifest, type TaskId, taskId } from '../../workers/packs/manifest.ts';
import type { JobOptions, JobResult } from '../../workers/pipeline/job.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { blockInstances } from '../../workers/pipeline/plan.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';

const OPTIONS = {
  pack: { type: 'string', default: fileURLToPath(new URL('../../public/packs/small', import.meta.url)) },
  tasks: { type: 'string', default: 'noise,haze,low-light,rain' },
  side: { type: 'string', default: '256' },
  steps: { type: 'string', default: '28' },
  /** Shares of `firstBlockCache`. */
  cache: { type: 'string', default: '0.1,0.2,0.3,0.5' },
  /** Timesteps of `skipUncond`, for packs with guidance. */
  uncond: { type: 'string', default: '0.25,0.5' },
  threads: { type: 'string', default: '1' },
} as const;

interface Setting {
  readonly firstBlockCache?: number;
  readonly skipUncond?: number;
}

/** `[--pack FOLDER] --tasks noise,haze --side 256 --steps 28 --cache 0.05,0.1 --uncond 0.5`. PSNR in dB, of 8-bit results; speed-ups of the whole job. */
export async function benchCaching(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const engine = await openEngine(values.pack, 'wasm', Number(values.threads));
  const tasks = values.tasks.split(',').map((name) => taskId.parse(name));
  const numbers = (list: string) => list.split(',').filter(Boolean).map(Number);
  const guided = engine.manifest.switches.guidance.kind === 'cfg';
  const settings: Setting[] = [
    ...numbers(values.cache).map((firstBlockCache) => ({ firstBlockCache })),
    ...(guided ? numbers(values.uncond).map((skipUncond) => ({ skipUncond })) : []),
  ];
  const steps = Number(values.steps);
  // More steps than the pack offers a person: what is asked is what caching does to a schedule that long.
  const long: Manifest = { ...engine.manifest, steps: { ...engine.manifest.steps, max: steps } };
  const rows = settings.map((setting) => ({
    ...setting,
    psnr: [] as number[],
    speedUp: [] as number[],
    calls: 0,
    of: 0,
  }));
  for (const task of tasks) {
    const photo = await demo(task, Number(values.side));
    const options = { task, steps, seed: 42 };
    // Sessions are made and weights decoded by the first job.
    await run(engine, long, photo, { ...options, steps: 1 });
    const whole = await run(engine, long, photo, options);
    for (const row of rows) {
      const { firstBlockCache, skipUncond } = row;
      const saved = await run(engine, long, photo, {
        ...options,
        ...(firstBlockCache !== undefined && { firstBlockCache }),
        ...(skipUncond !== undefined && { skipUncond }),
      });
      row.psnr.push(psnr(saved.result.rgb, whole.result.rgb));
      row.speedUp.push(whole.cpu / saved.cpu);
      row.calls += saved.calls;
      row.of += whole.calls;
      console.error(
        `${task} ${JSON.stringify({ firstBlockCache, skipUncond })}: ${row.psnr.at(-1)?.toFixed(1)} dB, ` +
          `${saved.calls} of ${whole.calls} block calls, ${row.speedUp.at(-1)?.toFixed(2)} times as fast`,
      );
    }
  }
  await engine.backend.dispose();
  return {
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    pack: `${long.name} ${long.version}`,
    steps,
    side: Number(values.side),
    tasks,
    settings: rows.map(({ psnr: values, speedUp, calls, of, ...setting }) => ({
      ...setting,
      blockCalls: round(calls / of),
      speedUp: round(mean(speedUp)),
      psnrMean: round(mean(values)),
      psnrLeast: round(Math.min(...values)),
    })),
  };
}

/** A job, how many blocks it ran, and its processor time in ms: other work on the machine does not count. */
async function run(
  engine: NodeEngine,
  manifest: Manifest,
  photo: Photo,
  options: JobOptions,
): Promise<{ result: JobResult; calls: number; cpu: number }> {
  const blocks = new Set(blockInstances(manifest));
  let calls = 0;
  const { backend } = engine;
  const counted = Object.create(backend) as typeof backend;
  counted.run = (instance, ...rest) => {
    if (blocks.has(instance)) calls += 1;
    return backend.run(instance, ...rest);
  };
  for (const name of ['upload', 'join', 'download', 'mix', 'distance', 'release', 'memory'] as const) {
    Object.assign(counted, { [name]: backend[name].bind(backend) });
  }
  const before = process.cpuUsage();
  const result = await restorePhoto({ ...engine, manifest, backend: counted }, photo, options);
  const { user, system } = process.cpuUsage(before);
  return { result, calls, cpu: (user + system) / 1000 };
}

async function demo(task: TaskId, side: number): Promise<Photo> {
  const path = fileURLToPath(new URL(`../../public/demo/${task}.jpg`, import.meta.url));
  const { data, info } = await sharp(path)
    .resize(side, side, { fit: 'cover' })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgb: new Uint8Array(data) };
}

/** 99 dB for equal pictures, so that means stay finite. */
function psnr(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0);
  return squares === 0 ? 99 : 10 * Math.log10((255 ** 2 * a.length) / squares);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const round = (value: number) => Math.round(value * 100) / 100;

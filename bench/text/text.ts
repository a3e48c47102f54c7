/**
 * Qwen2.5-VL of RealRestorer's true widths with random weights: converted to a pack's text part, then run once on one
 * photo, as a job would. Time, memory, bytes.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NodeBackend } from '../../tools/backend-node/backend.ts';
import { isProvider, loadOrt, type Provider } from '../../tools/backend-node/ort.ts';
import { PackFolder } from '../../tools/backend-node/pack-folder.ts';
import { buildFrom, readManifest } from '../../tools/pack/build.ts';
import { defaultThreads } from '../../tools/pack/pool.ts';
import { VirtualCheckpoint } from '../../tools/pack/virtual.ts';
import { FULL_TEXT_CONFIG } from '../../tools/pack/virtual-config.ts';
import { readPhoto as decodePhoto } from '../../tools/restore/files.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { Calls } from '../../workers/pipeline/calls.ts';
import { ProgressMeter } from '../../workers/pipeline/progress.ts';
import { encoderOf, promptIds } from '../../workers/pipeline/qwen/choices.ts';
import { readPhoto } from '../../workers/pipeline/qwen/read.ts';

const OPTIONS = {
  /** Where the pack goes and stays; a pack that is there already is taken. A temporary folder, deleted, where absent. */
  out: { type: 'string' },
  bits: { type: 'string', default: '4' },
  photo: { type: 'string', default: 'public/demo/noise.jpg' },
  /** wasm, or cpu with onnxruntime-node. */
  ep: { type: 'string', default: 'wasm' },
  threads: { type: 'string', default: '2' },
} as const;

const round = (value: number) => Math.round(value * 10) / 10;

/** `[--out FOLDER] [--bits 4|8] [--photo FILE] [--ep wasm|cpu] [--threads N]`. Seconds and bytes. */
export async function benchText(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.bits !== '4' && values.bits !== '8') throw new Error('--bits: 4 or 8');
  const { ep } = values;
  if (!isProvider(ep)) throw new Error('--ep: wasm or cpu');
  const temporary = mkdtempSync(join(tmpdir(), 'text-'));
  const out = values.out ?? join(temporary, 'pack');
  try {
    const known = existsSync(join(out, 'manifest.json'));
    const started = performance.now();
    const manifest = known ? await readManifest(out) : await build(out, values.bits === '4' ? 4 : 8, ep);
    const built = (performance.now() - started) / 1000;
    const buildPeak = process.resourceUsage().maxRSS * 1024;
    const run = await runOnce(out, ep, Number(values.threads), values.photo);
    return {
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      ep,
      threads: Number(values.threads),
      bits: Number(values.bits),
      // Of this run: null where the pack was there already.
      buildSeconds: known ? null : round(built),
      buildPeakRssBytes: known ? null : buildPeak,
      packBytes: Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0),
      ...run,
    };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function build(out: string, bits: 4 | 8, provider: Provider): Promise<Manifest> {
  const source = new VirtualCheckpoint(FULL_TEXT_CONFIG);
  const options = {
    name: 'random',
    title: 'Random numbers of Qwen2.5-VL’s shapes',
    checkpoint: 'nowhere',
    out,
    bits,
    include: ['text'] as const,
    version: '1',
    licence: 'Random numbers',
    source: 'Random numbers of Qwen2.5-VL’s shapes, for measurements',
    licenceText: 'Random numbers, made for measurements.\n',
    shardBytes: 512 * 1024 * 1024,
    threads: defaultThreads(),
    provider,
  };
  const bundle = { config: FULL_TEXT_CONFIG, source, has: ['dit', 'vae', 'text'] as const };
  return (await buildFrom(bundle, options, (line) => console.error(line))).manifest;
}

async function runOnce(folder: string, ep: Provider, threads: number, file: string): Promise<object> {
  const pack = await PackFolder.open(folder, ['text']);
  const backend = new NodeBackend(await loadOrt(ep, threads), ep, pack, { budget: 1, threads });
  const { switches } = pack.manifest;
  const encoder = encoderOf(pack.manifest);
  if (encoder === null || switches.conditioning.kind !== 'qwen2.5-vl') throw new Error(`${folder} has no text part`);
  const photo = await decodePhoto(file);
  let most = 0;
  let count = 0;
  const progress = () => {
    most = Math.max(most, process.memoryUsage().rss);
    count += 1;
    console.error(`call ${count} of the tower and the language model`);
  };
  const calls = new Calls(backend, pack.manifest, new ProgressMeter(), undefined, { progress });
  const engine = { readShard: (shard: string, at: number, bytes: number) => pack.range(shard, at, bytes) };
  const started = performance.now();
  const used = process.cpuUsage();
  const states = await readPhoto({ engine, calls, encoder, stateDim: switches.conditioning.stateDim }, photo, [
    promptIds(encoder, 'noise', {}),
    [],
  ]);
  const seconds = (performance.now() - started) / 1000;
  const cpu = process.cpuUsage(used);
  await backend.dispose();
  return {
    photo: `${photo.width}x${photo.height}`,
    rows: states.map(({ rows }) => rows),
    finite: states.every(({ values }) => values.every(Number.isFinite)),
    readSeconds: round(seconds),
    cpuSeconds: round((cpu.user + cpu.system) / 1e6),
    longestCallMs: Math.round(calls.longestCallMs),
    peakRssBytes: most,
  };
}

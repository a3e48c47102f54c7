/**
 * Qwen2.5-VL of RealRestorer's true widths with random weights: converted to a pack's text part, then run once on one
 * photo, as a job would, in Node or in Chromium. Time, memory, bytes.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pathOf } from '../../e2e/support/files.ts';
import { readOnce, summaryOf } from '../../e2e/support/stream/reading.ts';
import { WorkerProbe } from '../../e2e/support/worker-probe.ts';
import { NodeBackend } from '../../tools/backend-node/backend.ts';
import { isProvider, loadOrt, type Provider } from '../../tools/backend-node/ort.ts';
import { PackFolder } from '../../tools/backend-node/pack-folder.ts';
import { buildFrom, readManifest } from '../../tools/pack/build.ts';
import type { Step1xConfig } from '../../tools/pack/config.ts';
import { defaultThreads } from '../../tools/pack/pool.ts';
import { VirtualCheckpoint } from '../../tools/pack/virtual.ts';
import { FULL_TEXT_CONFIG } from '../../tools/pack/virtual-config.ts';
import { readPhoto as decodePhoto } from '../../tools/restore/files.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { openStreamPage } from '../stream/page.ts';
import { rendererCpuSeconds, watchRenderer } from '../support/renderer.ts';

const PLACES = ['node', 'browser', 'gpu', 'none'] as const;

const OPTIONS = {
  /** Where the pack goes and stays; a pack that is there already is taken. A temporary folder, deleted, where absent. */
  out: { type: 'string' },
  bits: { type: 'string', default: '4' },
  photo: { type: 'string', default: 'public/demo/noise.jpg' },
  /** Of the tower and of the language model; all of them where absent. */
  layers: { type: 'string' },
  /** What reads the photo: node, browser (Chromium on wasm), gpu (Chromium on software WebGPU), or none, which converts only. */
  where: { type: 'string', default: 'node' },
  /** In Node and while converting: wasm, or cpu with onnxruntime-node. */
  ep: { type: 'string', default: 'wasm' },
  threads: { type: 'string', default: '2' },
  /** Keeps the browser's profile here, so that a pack that is stored need not be stored again. */
  work: { type: 'string' },
} as const;

const round = (value: number) => Math.round(value * 10) / 10;

/**
 * `[--out FOLDER] [--bits 4|8] [--layers N] [--photo FILE] [--where node|browser|gpu|none] [--ep wasm|cpu] [--threads N]
 * [--work FOLDER]`. Seconds and bytes.
 */
export async function benchText(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.bits !== '4' && values.bits !== '8') throw new Error('--bits: 4 or 8');
  const { ep, where } = values;
  if (!isProvider(ep)) throw new Error('--ep: wasm or cpu');
  if (!isPlace(where)) throw new Error(`--where: ${PLACES.join(', ')}`);
  const config = values.layers === undefined ? FULL_TEXT_CONFIG : withLayers(Number(values.layers));
  const temporary = mkdtempSync(join(tmpdir(), 'text-'));
  const out = values.out ?? join(temporary, 'pack');
  try {
    const known = existsSync(join(out, 'manifest.json'));
    const started = performance.now();
    const used = process.cpuUsage();
    const manifest = known ? await readManifest(out) : await build(config, out, values.bits === '4' ? 4 : 8, ep);
    const built = (performance.now() - started) / 1000;
    const cpu = process.cpuUsage(used);
    const buildPeak = process.resourceUsage().maxRSS * 1024;
    const threads = Number(values.threads);
    return {
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      where,
      ep,
      threads,
      bits: Number(values.bits),
      // Of this run: null where the pack was there already.
      buildSeconds: known ? null : round(built),
      buildCpuSeconds: known ? null : round((cpu.user + cpu.system) / 1e6),
      buildPeakRssBytes: known ? null : buildPeak,
      packBytes: Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0),
      ...(where === 'node' && (await runInNode(out, ep, threads, values.photo))),
      ...((where === 'browser' || where === 'gpu') &&
        (await runInBrowser(out, manifest, where, values.work ?? join(temporary, 'browser'), values.photo))),
    };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function isPlace(name: string): name is (typeof PLACES)[number] {
  return PLACES.some((place) => place === name);
}

/** The same widths with fewer layers: what one needs of memory does not depend on how many there are. */
function withLayers(depth: number): Step1xConfig {
  const { text_encoder: encoder } = FULL_TEXT_CONFIG;
  if (!encoder || !(depth >= 1)) throw new Error('--layers: 1 or more');
  const vision = { ...encoder.vision, depth, global: [depth - 1] };
  return { ...FULL_TEXT_CONFIG, text_encoder: { ...encoder, vision, language: { ...encoder.language, depth } } };
}

async function build(config: Step1xConfig, out: string, bits: 4 | 8, provider: Provider): Promise<Manifest> {
  const source = new VirtualCheckpoint(config);
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
  const bundle = { config, source, has: ['dit', 'vae', 'text'] as const };
  return (await buildFrom(bundle, options, (line) => console.error(line))).manifest;
}

/** In Node, on the pack's folder. */
async function runInNode(folder: string, ep: Provider, threads: number, file: string): Promise<object> {
  const pack = await PackFolder.open(folder, ['text']);
  const backend = new NodeBackend(await loadOrt(ep, threads), ep, pack, { budget: 1, threads });
  const photo = await decodePhoto(file);
  let most = 0;
  let count = 0;
  const progress = () => {
    most = Math.max(most, process.memoryUsage().rss);
    count += 1;
    console.error(`call ${count} of the tower and the language model`);
  };
  const { manifest } = pack;
  const readShard = (shard: string, at: number, bytes: number) => pack.range(shard, at, bytes);
  const used = process.cpuUsage();
  const { milliseconds, longestCallMs, states } = await readOnce({ backend, manifest, readShard }, photo, progress);
  const cpu = process.cpuUsage(used);
  await backend.dispose();
  return {
    photo: `${photo.width}x${photo.height}`,
    ...(await summaryOf(states)),
    readSeconds: round(milliseconds / 1000),
    cpuSeconds: round((cpu.user + cpu.system) / 1e6),
    longestCallMs: Math.round(longestCallMs),
    peakRssBytes: most,
  };
}

/** In Chromium, the pack in its private file system as a person would have it. */
async function runInBrowser(
  pack: string,
  manifest: Manifest,
  where: 'browser' | 'gpu',
  work: string,
  file: string,
): Promise<object> {
  if (!existsSync(pathOf('dist/index.html'))) throw new Error('Run "npm run build" first.');
  mkdirSync(work, { recursive: true });
  const opened = await openStreamPage(work, pack, manifest, where === 'gpu' ? 'webgpu' : 'wasm');
  try {
    const { width, height, rgb } = await decodePhoto(file);
    const probe = await WorkerProbe.attach(opened.page, 'worker');
    const before = await probe.heapBytes();
    const heap = probe.watchHeap();
    const memory = watchRenderer(opened.profile);
    const cpuBefore = rendererCpuSeconds(opened.profile);
    const run = await opened.page.evaluate(
      (photo) => window.__stream.read({ ...photo, rgb: Uint8Array.from(photo.rgb) }),
      { width, height, rgb: [...rgb] },
    );
    const { milliseconds, longestCallMs, ...told } = run;
    const most = await heap();
    const cpuSeconds = rendererCpuSeconds(opened.profile) - cpuBefore;
    const rendererPeakBytes = memory.peak() * 1e6;
    memory.stop();
    return {
      chromium: opened.chromium,
      photo: `${width}x${height}`,
      ...(await opened.page.evaluate(() => window.__stream.summary())),
      ...told,
      storeSeconds: opened.storeSeconds,
      readSeconds: round(milliseconds / 1000),
      cpuSeconds: round(cpuSeconds),
      longestCallMs: Math.round(longestCallMs),
      jsHeapGrowthBytes: most.used - before.used,
      jsBuffersGrowthBytes: most.buffers - before.buffers,
      rendererPeakBytes,
    };
  } finally {
    await opened.close();
  }
}

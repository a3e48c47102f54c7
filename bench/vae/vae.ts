/** The Flux autoencoder at its true widths on onnxruntime-web's wasm in Node: time and memory of one tile. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NodeBackend } from '../../tools/backend-node/backend.ts';
import { loadOrt } from '../../tools/backend-node/ort.ts';
import { PackFolder } from '../../tools/backend-node/pack-folder.ts';
import { TRUE_WIDTH } from '../../tools/conformance/block-pack.ts';
import { makeVaePack } from '../../tools/conformance/vae-pack.ts';
import type { Tensor } from '../../workers/pipeline/backend.ts';
import { Calls } from '../../workers/pipeline/calls.ts';
import { runChain } from '../../workers/pipeline/chain.ts';
import { chainPeakBytes } from '../../workers/pipeline/chain-plan.ts';
import { defaultBandBytes } from '../../workers/pipeline/plan.ts';
import { ProgressMeter } from '../../workers/pipeline/progress.ts';
import { withScope } from '../../workers/pipeline/scope.ts';
import { watchHeap } from '../../workers/runtime/ort.ts';

const OPTIONS = {
  size: { type: 'string', default: '256' },
  threads: { type: 'string', default: '1' },
  bands: { type: 'string' },
  /** encode, decode or both: each takes minutes at 1024 px. */
  part: { type: 'string', default: 'both' },
} as const;

const MB = 1e6;
const round = (value: number) => Math.round(value * 10) / 10;

/**
 * `--size 1024 --threads 2 --bands 4194304 --part encode` (px a side, threads, bytes a band tensor: the wasm backend's own where
 * absent; both parts where absent).
 * Weights are drawn at random: neither time nor memory depends on them.
 */
export async function benchVae(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const [side, threads] = [Number(values.size), Number(values.threads)];
  const { part } = values;
  if (part !== 'both' && part !== 'encode' && part !== 'decode') throw new Error('--part: both, encode or decode');
  const heapBytes = watchHeap();
  const folder = await mkdtemp(join(tmpdir(), 'vae-'));
  try {
    const manifest = await makeVaePack(folder, TRUE_WIDTH);
    const pack = PackFolder.unchecked(folder, manifest);
    const backend = new NodeBackend(await loadOrt('wasm', threads), 'wasm', pack, { budget: 64 * MB });
    const bandBytes = values.bands === undefined ? defaultBandBytes('wasm') : Number(values.bands);
    const calls = new Calls(backend, manifest, new ProgressMeter(), undefined, {}, bandBytes);
    const memory = new Memory();

    const run = (chain: readonly string[], given: Record<string, Tensor>, wanted: string) =>
      withScope(async (scope) => {
        const start = performance.now();
        const cpu = process.cpuUsage();
        const { [wanted]: out } = await runChain(calls, chain, given, new Set([wanted]), scope, '');
        if (!out) throw new Error(`no ${wanted}`);
        const data = await calls.download(out, wanted);
        const seconds = (performance.now() - start) / 1000;
        const { user, system } = process.cpuUsage(cpu);
        const cpuSeconds = (user + system) / 1e6;
        console.error(
          `${wanted}: ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of processor), wasm heap ${(heapBytes() / MB).toFixed(1)} MB`,
        );
        return { dims: out.dims, data, seconds, cpuSeconds };
      });

    // The smallest tile makes every session; what the heap grows by after that is the tile's working set.
    const tiny = backend.upload('float32', [1, 3, 16, 16], new Float32Array(3 * 256));
    const first = await run(manifest.vae.encode, { photo: tiny }, 'latents');
    await run(manifest.vae.decode, { latents: backend.upload('float32', first.dims, first.data) }, 'restored');
    const before = heapBytes();

    const photoDims = [1, 3, side, side];
    const encode = async () => {
      const pixels = Float32Array.from({ length: 3 * side * side }, (_, i) => Math.sin(i / 50));
      return run(manifest.vae.encode, { photo: backend.upload('float32', photoDims, pixels) }, 'latents');
    };
    const encoded = part === 'decode' ? null : await encode();
    const latentDims = [...first.dims.slice(0, 2), side / 8, side / 8];
    const decode = async () => {
      const drawn = Float32Array.from({ length: latentDims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i / 7));
      const latents = backend.upload('float32', latentDims, encoded?.data ?? drawn);
      return run(manifest.vae.decode, { latents }, 'restored');
    };
    const decoded = part === 'encode' ? null : await decode();
    memory.stop();
    await backend.dispose();
    return {
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      side,
      threads,
      bandBytes,
      ...(encoded && { encodeSeconds: round(encoded.seconds), encodeCpuSeconds: round(encoded.cpuSeconds) }),
      ...(decoded && { decodeSeconds: round(decoded.seconds), decodeCpuSeconds: round(decoded.cpuSeconds) }),
      longestCallMs: Math.round(calls.longestCallMs),
      layerBytes: {
        encode: chainPeakBytes(manifest, manifest.vae.encode, { photo: photoDims }, new Set(['latents']), bandBytes),
        decode: chainPeakBytes(
          manifest,
          manifest.vae.decode,
          { latents: latentDims },
          new Set(['restored']),
          bandBytes,
        ),
      },
      heapBefore: before,
      heapPeak: heapBytes(),
      arrayBuffersPeak: memory.arrayBuffers,
      rssPeak: memory.rss,
      finite: [encoded, decoded].every((one) => one?.data.every(Number.isFinite) ?? true),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Peaks of the process's memory, looked at a few times a second. */
class Memory {
  rss = 0;
  arrayBuffers = 0;
  readonly #timer = setInterval(() => this.#look(), 200);

  #look(): void {
    const { rss, arrayBuffers } = process.memoryUsage();
    this.rss = Math.max(this.rss, rss);
    this.arrayBuffers = Math.max(this.arrayBuffers, arrayBuffers);
  }

  stop(): void {
    this.#look();
    clearInterval(this.#timer);
  }
}

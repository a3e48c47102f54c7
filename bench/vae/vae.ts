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
} as const;

const MB = 1e6;

/**
 * `--size 1024 --threads 2 --bands 4194304` (px a side, threads, bytes a band tensor; the wasm backend's own where absent).
 * Weights are drawn at random: neither time nor memory depends on them.
 */
export async function benchVae(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const [side, threads] = [Number(values.size), Number(values.threads)];
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

    const pixels = Float32Array.from({ length: 3 * side * side }, (_, i) => Math.sin(i / 50));
    const photo = backend.upload('float32', [1, 3, side, side], pixels);
    const encoded = await run(manifest.vae.encode, { photo }, 'latents');
    const latents = backend.upload('float32', encoded.dims, encoded.data);
    const decoded = await run(manifest.vae.decode, { latents }, 'restored');
    memory.stop();
    await backend.dispose();
    return {
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      side,
      threads,
      bandBytes,
      encodeSeconds: Number(encoded.seconds.toFixed(1)),
      decodeSeconds: Number(decoded.seconds.toFixed(1)),
      encodeCpuSeconds: Number(encoded.cpuSeconds.toFixed(1)),
      decodeCpuSeconds: Number(decoded.cpuSeconds.toFixed(1)),
      longestCallMs: Math.round(calls.longestCallMs),
      layerBytes: {
        encode: chainPeakBytes(manifest, manifest.vae.encode, { photo: photo.dims }, new Set(['latents']), bandBytes),
        decode: chainPeakBytes(
          manifest,
          manifest.vae.decode,
          { latents: latents.dims },
          new Set(['restored']),
          bandBytes,
        ),
      },
      heapBefore: before,
      heapPeak: heapBytes(),
      arrayBuffersPeak: memory.arrayBuffers,
      rssPeak: memory.rss,
      finite: decoded.data.every(Number.isFinite),
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

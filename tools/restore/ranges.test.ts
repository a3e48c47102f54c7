/** `--ranges`: what it writes down against the same job's tensors, looked at by other means, and against fp16's own limit. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { halfToNumber, numberToHalf } from '../../workers/packs/half.ts';
import type { Tensor } from '../../workers/pipeline/backend.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { NodeBackend } from '../backend-node/backend.ts';
import { loadOrt } from '../backend-node/ort.ts';
import { PackFolder } from '../backend-node/pack-folder.ts';
import { blockFeeds, runBlock } from '../conformance/block-calls.ts';
import { makeConformancePack } from '../conformance/make.ts';
import { openRanged } from './ranged.ts';
import type { RangeRow, Where } from './ranges.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ranges-'));
  await makeConformancePack(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const photo = { width: 64, height: 48, rgb: Uint8Array.from({ length: 3 * 64 * 48 }, (_, i) => (i * 53) % 256) };
const job = { task: 'rain', seed: 3, steps: 2 } as const;

/** The largest size of every float32 tensor that goes through the backend's doors. */
class Measured extends NodeBackend {
  readonly most = new Map<string, number>();

  override async run(...args: Parameters<NodeBackend['run']>): Promise<Record<string, Tensor>> {
    const outputs = await super.run(...args);
    for (const [where, tensors] of [
      ['input', args[1]],
      ['output', outputs],
    ] as const) {
      for (const [name, tensor] of Object.entries(tensors)) {
        if (tensor.dtype !== 'float32') continue;
        const key = `${args[0]} ${where} ${name}`;
        const sorted = (await this.download(tensor)).map(Math.abs).sort();
        this.most.set(key, Math.max(this.most.get(key) ?? 0, sorted.at(-1) ?? 0));
      }
    }
    return outputs;
  }
}

function rowOf(rows: readonly RangeRow[], instance: string, where: Where, name: string): RangeRow {
  const row = rows.find((one) => one.instance === instance && one.where === where && one.name === name);
  if (!row) throw new Error(`nothing of ${instance} ${where} ${name}`);
  return row;
}

describe('the ranges of a job', () => {
  it('are those of its tensors, of every graph from reading to decoding, and change nothing of it', async () => {
    const { engine, book } = await openRanged(folder, 'wasm', 1, true);
    const pack = await PackFolder.open(folder);
    const measured = new Measured(await loadOrt('wasm', 1), 'wasm', pack);
    const [ranged, plain] = [
      await restorePhoto(engine, photo, job),
      await restorePhoto({ ...engine, backend: measured }, photo, job),
    ];
    await engine.backend.dispose();
    await measured.dispose();
    expect(Buffer.compare(ranged.rgb, plain.rgb)).toBe(0);

    const rows = book.rows();
    const ports = rows.filter(({ where }) => where === 'input' || where === 'output');
    expect(new Map(ports.map(({ instance, where, name, most }) => [`${instance} ${where} ${name}`, most]))).toEqual(
      measured.most,
    );
    for (const id of ['vision.0', 'text.1', 'connector', 'embed', 'double.2', 'single.4', 'final']) {
      expect(rowOf(rows, id, 'output', outputOf(id)).most, id).toBeGreaterThan(0);
    }
    // Latents of every step are what `embed` takes.
    expect(rowOf(rows, 'embed', 'input', 'latents').held).toBe('float32');
    // Only what closes attention to keys, and what a maximum starts at, is as large as that; float32 in both modes.
    const over = ports.filter(({ float16 }) => float16 !== 'fits');
    expect(new Set(over.map(({ name, held }) => `${name} ${held}`))).toEqual(
      new Set(['bias float32', 'mask float32', 'max float32']),
    );
    // The stream that a block puts out is the last sum inside of it; a name of a weight tells queries from others.
    const sums = rows.filter(({ instance, where, maker }) => instance === 'double.0' && where === 'inside' && maker);
    expect(sums.some(({ most }) => most === rowOf(rows, 'double.0', 'output', 'img').most)).toBe(true);
    expect(sums.find(({ maker }) => maker?.startsWith('MatMulNBits img_q.b'))?.most).toBeGreaterThan(0);
    // In float16 the normed stream is the float32 one, rounded.
    const normed = rowOf(rows, 'single.0', 'inside', 'layernormalization:0').most;
    const half = rowOf(rows, 'single.0', 'half', 'cast:2').most;
    expect(half).toBe(halfToNumber(numberToHalf(normed)));
    // The text encoder is float32 in both modes.
    expect(rows.some(({ instance, where }) => where === 'half' && instance.startsWith('text.'))).toBe(false);
  }, 240_000);

  it('say what float16 can not hold, and whether mode f16 holds it in float32', async () => {
    const { engine, book } = await openRanged(folder, 'wasm', 1, true);
    const feeds = blockFeeds(engine.manifest, 'single.0');
    const { img, mod } = feeds;
    if (!img || !mod) throw new Error('no feeds');
    const stream = Float32Array.from(img.data);
    stream[5] = -1e5;
    stream[engine.manifest.family.hidden + 6] = 2e4;
    const table = Float32Array.from(mod.data, (value) => 2e5 * value);
    await runBlock(engine.backend, 'single.0', {
      ...feeds,
      img: { ...img, data: stream },
      mod: { ...mod, data: table },
    });
    await engine.backend.dispose();
    const rows = book.rows();
    expect(rowOf(rows, 'single.0', 'input', 'img')).toMatchObject({ most: 1e5, float16: 'over', held: 'float32' });
    expect(rowOf(rows, 'single.0', 'input', 'cos')).toMatchObject({ most: 1, float16: 'fits' });
    const normed = rowOf(rows, 'single.0', 'inside', 'layernormalization:0');
    expect(normed).toMatchObject({ finite: true, float16: 'over' });
    expect(rowOf(rows, 'single.0', 'half', 'cast:2')).toMatchObject({ finite: false, float16: 'over' });
    const lines = book.summary().join('\n');
    expect(lines).toContain('1.000e+5  single.0 img, held in float32 by mode f16 too');
    expect(lines).toContain('not finite  single.0 cast:2 (Cast)');
  }, 240_000);
});

function outputOf(instance: string): string {
  const names: Record<string, string> = { 'vision.0': 'x', 'text.1': 'x', connector: 'context', final: 'velocity' };
  return names[instance] ?? 'img';
}

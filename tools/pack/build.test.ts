import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PIECE_BYTES } from '../../workers/packs/manifest.ts';
import { storedBytes } from '../../workers/packs/weights.ts';
import { writeCheckpoint } from '../conformance/checkpoint.ts';
import { draw } from '../conformance/draw.ts';
import { BAKED_CONFIG, makeConformancePack } from '../conformance/make.ts';
import { writeSafetensors } from '../conformance/safetensors-write.ts';
import { buildPack, type PackOptions, readManifest } from './build.ts';
import { readConfig } from './config.ts';
import { layOut } from './layout.ts';
import { type BuiltPack, buildFixturePack, fixtures } from './parity-helpers.ts';
import { seeded, solve } from './preview.ts';
import { tensorsOf } from './tensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'build-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

function options(checkpoint: string): PackOptions {
  return {
    checkpoint,
    out: join(folder, 'out'),
    bits: 8,
    name: 'test',
    version: '1',
    title: 'Test',
    licence: 'Apache-2.0',
    source: 'drawn',
    licenceText: 'text\n',
    shardBytes: 1 << 20,
  };
}

describe('a built pack', () => {
  let pack: BuiltPack;
  beforeAll(async () => {
    pack = await buildFixturePack('small', 8);
  });
  afterAll(() => pack.remove());

  it('has the hashes, sizes and places that its manifest says', async () => {
    const manifest = await readManifest(pack.folder);
    expect(manifest).toEqual(pack.manifest);
    const onDisk = (await readdir(pack.folder)).sort();
    expect(onDisk).toEqual([...Object.keys(manifest.files), 'LICENSE.txt', 'manifest.json'].sort());
    for (const [name, spec] of Object.entries(manifest.files)) {
      const data = await readFile(join(pack.folder, name));
      expect([name, data.length, sha256(data)]).toEqual([name, spec.bytes, spec.sha256]);
      expect(spec.pieces.length).toBe(Math.ceil(data.length / PIECE_BYTES));
    }
    for (const [id, weight] of Object.entries(manifest.weights)) {
      expect([id, weight.offset % 16, weight.bytes]).toEqual([id, 0, storedBytes(weight)]);
      expect(weight.offset + weight.bytes).toBeLessThanOrEqual(manifest.files[weight.shard]?.bytes ?? 0);
    }
  });

  it('gives every weight port of every instance a weight of its shape', () => {
    const { graphs, instances, weights } = pack.manifest;
    for (const [id, { graph, weights: given }] of Object.entries(instances)) {
      const ports = graphs[graph]?.weights ?? [];
      expect(Object.keys(given).sort(), id).toEqual(ports.map(({ name }) => name).sort());
      for (const port of ports)
        expect(weights[given[port.name] ?? '']?.shape, `${id}.${port.name}`).toEqual(port.shape);
    }
  });

  it('is the same when it is built again', async () => {
    const again = await buildFixturePack('small', 8);
    expect(again.manifest).toEqual(pack.manifest);
    await again.remove();
  });
});

describe('buildPack', () => {
  it('lists all tensors that are missing, unknown or of a wrong shape', async () => {
    const checkpoint = join(folder, 'broken');
    const config = await readConfig(fixtures('small'));
    await writeCheckpoint(checkpoint, config);
    const tensors = [...tensorsOf(config)].map(([name, shape]) => {
      const changed = name === 'txt_in.bias' ? [7] : shape;
      return { name, shape: changed, data: draw(name, changed) };
    });
    const kept = tensors.filter(({ name }) => name !== 'img_in.bias' && name !== 'encoder.stem.weight');
    kept.push({ name: 'stray', shape: [1], data: Float32Array.of(1) });
    await writeSafetensors(join(checkpoint, 'model.safetensors'), kept);
    const message = await buildPack(options(checkpoint)).then(
      () => '',
      (error: Error) => error.message,
    );
    expect(message.split('\n').slice(1).sort()).toEqual([
      'missing: encoder.stem.weight [8, 3, 6, 6]',
      'missing: img_in.bias [64]',
      'unknown: stray',
      'wrong shape: txt_in.bias is [7], should be [64]',
    ]);
  });

  it.each<[string, (config: Record<string, unknown>) => void, RegExp]>([
    ['an unknown key', (c) => Object.assign(c, { turbo: true }), /turbo/],
    ['an unknown family', (c) => Object.assign(c, { family: 'other' }), /family/],
    ['dims that do not fit', (c) => Object.assign(c.transformer as object, { num_heads: 3 }), /num_heads/],
  ])('refuses a config with %s', async (_, change, message) => {
    const config = JSON.parse(await readFile(join(fixtures('small'), 'config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    change(config);
    const checkpoint = await mkdtemp(join(folder, 'config-'));
    await writeFile(join(checkpoint, 'config.json'), JSON.stringify(config));
    await expect(buildPack(options(checkpoint))).rejects.toThrow(message);
  });

  it('takes the map of a trained preview head', async () => {
    const checkpoint = join(folder, 'with-preview');
    await writeCheckpoint(checkpoint, await readConfig(fixtures('small')));
    // Four pixels a colour: weights 1, 2, 3, 6 on latent 2 of red, bias 4 on each pixel of blue.
    const weight = new Float32Array(12 * 16);
    [1, 2, 3, 6].forEach((value, pixel) => {
      weight[pixel * 16 + 2] = value;
    });
    const bias = Float32Array.from({ length: 12 }, (_, i) => (i < 8 ? 0 : 4));
    await writeSafetensors(join(checkpoint, 'preview.safetensors'), [
      { name: 'weight', shape: [12, 16, 1, 1], data: weight },
      { name: 'bias', shape: [12], data: bias },
    ]);
    const { preview } = await buildPack(options(checkpoint));
    expect(preview.bias).toEqual([0, 0, 4]);
    expect(preview.matrix.map((row) => row.reduce((a, b) => a + b, 0))).toEqual([3, 0, 0]);
    expect(preview.matrix[0]?.[2]).toBe(3);
  });
});

describe('layOut', () => {
  const weight = (id: string, bytes: number, group: 'vae' | 'dit' = 'dit') => {
    const source = { tensor: id, full: [bytes / 4] };
    return { id, group, recipe: { stored: 'f32', shape: [bytes / 4], source } } as const;
  };

  it('starts a new shard where the next weight would not fit, aligns to 16 bytes, keeps parts apart', () => {
    const sizes = [20, 32, 12, 64, 4];
    const { places, shards } = layOut([...sizes.map((bytes, i) => weight(`w${i}`, bytes)), weight('v', 8, 'vae')], 64);
    expect([...places.values()].map(({ shard, offset, bytes }) => `${shard}@${offset}+${bytes}`)).toEqual([
      'dit-0.bin@0+20',
      'dit-0.bin@32+32',
      'dit-1.bin@0+12',
      'dit-2.bin@0+64',
      'dit-3.bin@0+4',
      'vae-0.bin@0+8',
    ]);
    expect([...shards]).toEqual([
      ['dit-0.bin', 64],
      ['dit-1.bin', 12],
      ['dit-2.bin', 64],
      ['dit-3.bin', 4],
      ['vae-0.bin', 8],
    ]);
    expect(() => layOut([weight('big', 68)], 64)).toThrow(/big has 68 bytes/);
  });
});

describe('the conformance pack', () => {
  it("has RealRestorer's switches", async () => {
    const manifest = await makeConformancePack(join(folder, 'conformance'));
    expect(manifest.switches).toMatchObject({
      start: { kind: 'noise' },
      reference: { kind: 'tokens', axis0: 0 },
      decoderInputs: 'latents',
      conditioning: { kind: 'qwen2.5-vl' },
      guidance: { kind: 'cfg', scale: 3, truncate: 0.93, power: 0.4 },
    });
    expect(manifest.schedule).toEqual({
      kind: 'linear-mu',
      baseShift: 0.5,
      maxShift: 1.15,
      baseTokens: 256,
      maxTokens: 4096,
    });
    expect(manifest.vae).toMatchObject({ scale: 0.3611, shift: 0.1159 });
    expect([manifest.family.double + manifest.family.single, manifest.family.guidanceEmbed]).toEqual([8, 3.5]);
    const { conditioning } = manifest.switches;
    if (conditioning.kind !== 'qwen2.5-vl') throw new Error(conditioning.kind);
    expect([conditioning.states, conditioning.valid]).toEqual([null, []]);
    const { encoder } = conditioning;
    if (!encoder) throw new Error('no encoder');
    // The words of 18 prompts and what surrounds them, no other row of the table; half a float each.
    expect(encoder.embedding.ids?.length).toBeLessThan(120);
    const rows = encoder.embedding.pieces.reduce((sum, { bytes }) => sum + bytes / 64, 0);
    expect(rows).toBe(encoder.embedding.ids?.length);
    expect([encoder.prefix.tokens, encoder.prefix.kept]).toEqual([224, 7]);
    expect(manifest.weights['text.1.prefix_v']?.shape).toEqual([1, 224, 16]);
    // Padded: 44 hidden features are 64 where the matrices are quantised.
    expect(manifest.weights['vision.0.down.b']?.shape).toEqual([32, 2, 16]);
    expect(manifest.weights['vision.0.gate.bias']?.shape).toEqual([64]);
  });

  it('can have baked states instead, whose padding is zero', async () => {
    const manifest = await makeConformancePack(join(folder, 'conformance'), 4, BAKED_CONFIG);
    const { conditioning } = manifest.switches;
    if (conditioning.kind !== 'qwen2.5-vl' || conditioning.states === null) throw new Error('no states');
    expect(conditioning.encoder).toBeUndefined();
    const { states } = conditioning;
    const shard = await readFile(join(folder, 'conformance', states.shard));
    expect(states.bytes).toBe(2 * 10 * conditioning.tokens * conditioning.stateDim);
    // Rows behind the valid ones are zero, rows before are not.
    const rows = new Uint16Array(
      shard.buffer.slice(shard.byteOffset + states.offset, shard.byteOffset + states.offset + states.bytes),
    );
    const end = (conditioning.valid[0] ?? 0) * conditioning.stateDim;
    expect(rows.subarray(0, end).filter((bits) => bits === 0).length).toBeLessThan(end / 100);
    expect([...rows.subarray(end, conditioning.tokens * conditioning.stateDim)].every((bits) => bits === 0)).toBe(true);
  });
});

describe('solve', () => {
  it('solves a system that needs pivoting', () => {
    const random = seeded(4);
    const n = 6;
    const root = Array.from({ length: n }, () => Array.from({ length: n }, () => random() - 0.5));
    const a = root.map((row, i) =>
      root.map((other, j) => row.reduce((s, v, k) => s + v * (other[k] ?? 0), i === j ? 0.01 : 0)),
    );
    const x = Array.from({ length: n }, () => [random(), random()]);
    const b = a.map((row) => [0, 1].map((c) => row.reduce((s, v, k) => s + v * (x[k]?.[c] ?? 0), 0)));
    const solved = solve(
      a.map((row) => [...row]),
      b,
    );
    solved.forEach((row, i) => {
      row.forEach((value, c) => {
        expect(value).toBeCloseTo(x[i]?.[c] ?? 0, 8);
      });
    });
  });
});

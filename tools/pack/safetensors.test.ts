import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { numberToHalf } from '../../workers/packs/half.ts';
import { writeSafetensors } from '../conformance/safetensors-write.ts';
import { Checkpoint } from './safetensors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A file of any header and body. */
async function writeRaw(name: string, header: unknown, body: Uint8Array, length?: bigint): Promise<void> {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  await writeFile(join(folder, name), Buffer.concat([prefix, json, body]));
}

const halves = (values: number[], convert: (value: number) => number) =>
  new Uint8Array(Uint16Array.from(values, convert).buffer);
const toBf16 = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16;

describe('Checkpoint', () => {
  it('reads f32, f16 and bf16, whole and by rows', async () => {
    const values = [1, -2.5, 0.125, 8, -0.75, 3];
    const f32 = new Uint8Array(Float32Array.from(values).buffer);
    const f16 = halves(values, numberToHalf);
    const bf16 = halves(values, toBf16);
    const header = {
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [3, 2], data_offsets: [0, 24] },
      b: { dtype: 'F16', shape: [3, 2], data_offsets: [24, 36] },
      c: { dtype: 'BF16', shape: [3, 2], data_offsets: [36, 48] },
    };
    await writeRaw('model.safetensors', header, Buffer.concat([f32, f16, bf16]));
    const file = await Checkpoint.open([folder]);
    for (const name of ['a', 'b', 'c']) {
      expect(file.shape(name)).toEqual([3, 2]);
      expect([...(await file.read(name))]).toEqual(values);
      expect([...(await file.read(name, { start: 1, count: 2 }))]).toEqual(values.slice(2));
    }
    await expect(file.read('a', { start: 2, count: 2 })).rejects.toThrow(/rows 2\+2 of 3/);
    await expect(file.read('d')).rejects.toThrow(/no tensor d/);
    await file.close();
  });

  it('joins shards, strips prefixes and checks the index', async () => {
    const one = (name: string, value: number) => ({ name, shape: [1], data: Float32Array.of(value) });
    await writeSafetensors(join(folder, 'm-00001-of-00002.safetensors'), [one('inner_model.x', 1)]);
    await writeSafetensors(join(folder, 'm-00002-of-00002.safetensors'), [one('inner_model.y', 2)]);
    const index = (y: string) =>
      JSON.stringify({ weight_map: { 'inner_model.x': 'm-00001-of-00002.safetensors', 'inner_model.y': y } });
    await writeFile(join(folder, 'm.safetensors.index.json'), index('m-00002-of-00002.safetensors'));
    const file = await Checkpoint.open([folder], (name) => name.replace('inner_model.', ''));
    expect(file.names()).toEqual(['x', 'y']);
    expect([...(await file.read('y'))]).toEqual([2]);
    await file.close();

    await writeFile(join(folder, 'm.safetensors.index.json'), index('m-00001-of-00002.safetensors'));
    await expect(Checkpoint.open([folder])).rejects.toThrow(/not where the index says: inner_model\.y/);
    await writeFile(join(folder, 'm.safetensors.index.json'), index('m-00003-of-00003.safetensors'));
    await expect(Checkpoint.open([folder])).rejects.toThrow(
      /names m-00003-of-00003\.safetensors\. Fetch what is missing/,
    );
  });

  it('refuses a tensor that two files hold', async () => {
    for (const name of ['a', 'b']) {
      await writeSafetensors(join(folder, `${name}.safetensors`), [
        { name: 'x', shape: [1], data: Float32Array.of(1) },
      ]);
    }
    await expect(Checkpoint.open([folder])).rejects.toThrow(/x is there twice/);
  });

  const entry = (over: object) => ({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...over } });
  it.each<[string, unknown, bigint | undefined, RegExp]>([
    ['a header longer than the file', entry({}), 1n << 40n, /does not fit/],
    ['a header that is no JSON', '{"x":', undefined, /not JSON/],
    ['a header that is no object', '[1]', undefined, /not an object/],
    ['an unknown dtype', entry({ dtype: 'F8_E4M3' }), undefined, /dtype/],
    ['a negative offset', entry({ data_offsets: [-8, 0] }), undefined, /tensor x/],
    ['a range behind the end', entry({ data_offsets: [8, 16] }), undefined, /behind the end/],
    ['a range that disagrees with the shape', entry({ shape: [3] }), undefined, /range and shape/],
    ['a shape that is no list of counts', entry({ shape: [1.5] }), undefined, /tensor x/],
  ])('refuses %s', async (_, header, length, message) => {
    await writeRaw('model.safetensors', header, new Uint8Array(8), length);
    await expect(Checkpoint.open([folder])).rejects.toThrow(message);
  });

  it('tells a git-lfs pointer and a file that is cut off from damaged ones', async () => {
    const path = join(folder, 'model.safetensors');
    await writeFile(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9945000000\n');
    await expect(Checkpoint.open([folder])).rejects.toThrow(/git-lfs pointer.*git lfs pull/);
    await writeSafetensors(path, [{ name: 'x', shape: [64], data: new Float32Array(64) }]);
    await truncate(path, (await stat(path)).size - 4);
    await expect(Checkpoint.open([folder])).rejects.toThrow(/cut off. Fetch this file again/);
  });

  it('says which file ends early where it is cut off later', async () => {
    const path = join(folder, 'model.safetensors');
    await writeSafetensors(path, [{ name: 'x', shape: [64], data: new Float32Array(64) }]);
    const file = await Checkpoint.open([folder]);
    await truncate(path, (await stat(path)).size - 4);
    await expect(file.read('x')).rejects.toThrow(/model\.safetensors ends at byte \d+: it is cut off/);
    await file.close();
  });

  it('refuses a file of a few bytes', async () => {
    await writeFile(join(folder, 'model.safetensors'), new Uint8Array(3));
    await expect(Checkpoint.open([folder])).rejects.toThrow(/too short/);
  });
});

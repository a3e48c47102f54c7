import { describe, expect, it } from 'vitest';
import { BASE, servePack } from './pack.sample.ts';
import { Pack } from './pack.ts';

describe('Pack', () => {
  it('opens, prepares every file once and says how far it is', async () => {
    const { store, asked } = await servePack();
    const pack = await Pack.open(store, BASE);
    const seen: number[] = [];
    await pack.prepare((done, total) => {
      expect(total).toBe(606);
      seen.push(done);
    });
    expect(seen.at(-1)).toBe(606);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    await pack.prepare(() => undefined);
    await pack.file('weights-0.bin');
    expect(asked.sort()).toEqual(['enc-f16.onnx', 'enc-f32-8.onnx', 'enc-f32.onnx', 'manifest.json', 'weights-0.bin']);
  });

  it('reads ranges of shards', async () => {
    const { store, files } = await servePack();
    const pack = await Pack.open(store, BASE);
    const part = await pack.range({ shard: 'weights-0.bin', offset: 32, bytes: 16 });
    expect([...part]).toEqual([...(files.get('weights-0.bin') ?? []).slice(32, 48)]);
  });

  it('reads into memory of the caller', async () => {
    const { store, files } = await servePack();
    const pack = await Pack.open(store, BASE);
    const target = new Uint8Array(20).fill(1);
    await pack.readInto({ shard: 'weights-0.bin', offset: 16, bytes: 16 }, target);
    expect([...target]).toEqual([...(files.get('weights-0.bin') ?? []).slice(16, 32), 1, 1, 1, 1]);
  });

  it('hands no graph out that packs may not hold', async () => {
    const { store } = await servePack();
    const pack = await Pack.open(store, BASE);
    await expect(pack.file('enc-f32.onnx')).rejects.toMatchObject({
      code: 'pack-damaged',
      values: { file: 'enc-f32.onnx' },
    });
  });

  it('says which file is damaged or missing', async () => {
    const damaged = await servePack((files) => files.get('weights-0.bin')?.fill(0, 0, 4));
    const one = await Pack.open(damaged.store, BASE);
    await expect(one.file('weights-0.bin')).rejects.toMatchObject({
      code: 'pack-damaged',
      values: { file: 'weights-0.bin' },
    });
    const missing = await servePack((files) => files.delete('enc-f16.onnx'));
    const two = await Pack.open(missing.store, BASE);
    await expect(two.prepare(() => undefined)).rejects.toMatchObject({ code: 'pack-missing' });
    await expect(two.file('constructor')).rejects.toMatchObject({ code: 'pack-damaged' });
  });
});

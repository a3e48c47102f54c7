import { describe, expect, it } from 'vitest';
import { BASE, servePack } from '../packs/pack.sample.ts';
import { Pack } from '../packs/pack.ts';
import { eachWeight, instanceBytes, type LoadedWeight } from './weights-load.ts';

describe('eachWeight', () => {
  it('decodes the weights of an instance as its mode feeds them', async () => {
    const pack = await Pack.open((await servePack()).store, BASE);
    const load = async (mode: 'f32' | 'f16') => {
      const weights: LoadedWeight[] = [];
      await eachWeight(pack, 'enc.0', mode, (weight) => weights.push(weight));
      return weights.map(({ name, dtype, dims, data }) => [name, dtype, dims, data.byteLength, data[0]]);
    };
    expect(await load('f32')).toEqual([
      ['w', 'uint8', [16, 2, 16], 512, 13],
      ['w_scales', 'float32', [16, 2], 128, 1],
    ]);
    expect((await load('f16'))[1]).toEqual(['w_scales', 'float16', [16, 2], 64, 0x3c00]);
    expect(instanceBytes(pack, 'enc.0', 'f32')).toBe(640);
    expect(instanceBytes(pack, 'enc.0', 'f16')).toBe(576);
  });
});

import { describe, expect, it } from 'vitest';
import { halfToNumber, numberToHalf } from '../../workers/packs/half.ts';
import { dequantiseBlocks, quantiseBlocks } from '../pack/quantise.ts';
import { draw, drawOnGrid } from './draw.ts';

describe('drawOnGrid', () => {
  // K of the connector's, the blocks' and linear2's matrices: scales between 2^-6 and 2^-10.
  it.each([32, 96, 3072, 15360])('draws matrices of %i columns that packs of any bits hold exactly', (k) => {
    const name = 'double_blocks.0.img_mlp.0.weight';
    const values = drawOnGrid(name, [4, k]);
    for (const bits of [4, 8] as const) {
      expect(dequantiseBlocks(quantiseBlocks(values, 4, k, bits), 4, k, bits)).toEqual(values);
    }
    expect(values.map((value) => halfToNumber(numberToHalf(value)))).toEqual(values);
    // About as large as the uniform draw: activations keep their size.
    const size = (of: Float32Array) => Math.sqrt(of.reduce((sum, value) => sum + value * value, 0) / of.length);
    const ratio = size(values) / size(draw(name, [4, k]));
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.6);
  });

  it('rounds everything else to fp16', () => {
    for (const [name, shape] of [
      ['img_in.bias', [64]],
      ['decoder.conv_in.weight', [8, 16, 3, 3]],
      ['conditioning.states', [2, 12, 96]],
    ] as const) {
      const expected = draw(name, shape).map((value) => halfToNumber(numberToHalf(value)));
      expect(drawOnGrid(name, shape)).toEqual(expected);
    }
  });

  it('draws parts of a tensor as it draws the whole', () => {
    for (const one of [draw, drawOnGrid]) {
      const whole = one('linear1.weight', [6, 64]);
      expect(one('linear1.weight', [6, 64], 128, 192)).toEqual(whole.subarray(128, 320));
    }
    expect(() => drawOnGrid('linear1.weight', [6, 64], 8)).toThrow(/start of a block/);
  });
});

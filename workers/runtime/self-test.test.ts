import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import type { Mode } from '../packs/manifest.ts';
import { encodeGraph } from './onnx-bytes.ts';
import { allCases, casesGraph, relativeError } from './self-test-cases.ts';

/** The references against another implementation of the same operators: ORT's CPU kernels. */
describe.each(['f32', 'f16'] as const)('self-test cases on ORT wasm, mode %s', (mode: Mode) => {
  it('agrees with the JavaScript answers', async () => {
    ort.env.wasm.numThreads = 1;
    const cases = allCases();
    const session = await ort.InferenceSession.create(encodeGraph(casesGraph(cases, mode)), {
      executionProviders: ['wasm'],
    });
    const feeds: Record<string, ort.Tensor> = {};
    for (const test of cases) {
      for (const [name, { element, dims, data }] of Object.entries(test.inputs)) {
        feeds[name] = new ort.Tensor(element, data, dims);
      }
    }
    const results = await session.run(feeds);
    for (const test of cases) {
      const actual = results[`${test.output.name}_out`]?.data as Float32Array;
      // fp32 sums of up to 144 terms; fp16 rounds inputs and outputs to 11 bits.
      expect(relativeError(actual, test.expected), test.name).toBeLessThan(mode === 'f32' ? 3e-6 : 4e-3);
    }
    await session.release();
  });
});

describe('relativeError', () => {
  it('is the largest difference over the largest expected value', () => {
    expect(relativeError([1, 2.5], Float64Array.of(1, 2))).toBe(0.25);
  });

  it('is infinite for NaN, for infinities and for a wrong length', () => {
    for (const actual of [[Number.NaN, 2], [1, Number.POSITIVE_INFINITY], [1]]) {
      expect(relativeError(actual, Float64Array.of(1, 2))).toBe(Number.POSITIVE_INFINITY);
    }
  });
});

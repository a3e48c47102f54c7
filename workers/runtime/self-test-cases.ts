/**
 * The kernels that packs lean on, each with random numbers and the answer worked out here in float64: what the
 * self-test compares a device against. Pure.
 */
import type { Mode } from '../packs/manifest.ts';
import type { Graph, GraphNode, GraphValue } from './onnx-bytes.ts';

export interface TestInput {
  element: 'float32' | 'uint8';
  dims: number[];
  data: Float32Array | Uint8Array;
}

export interface TestCase {
  name: string;
  inputs: Record<string, TestInput>;
  nodes: GraphNode[];
  /** The name of the value that the last node makes. */
  output: { name: string; dims: number[] };
  constants: { name: string; values: number[] }[];
  expected: Float64Array;
  /** Largest error allowed, relative to the largest expected value. */
  tolerance: Record<Mode, number>;
}

/** Numbers in [-1, 1), the same on every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

const at = (values: ArrayLike<number>, index: number) => values[index] ?? Number.NaN;

function floats(next: () => number, dims: number[], scale = 1): TestInput {
  const length = dims.reduce((a, b) => a * b, 1);
  return { element: 'float32', dims, data: Float32Array.from({ length }, () => next() * scale) };
}

/** Softmax(q·kᵀ/√d)·v of one head; 64 queries and 80 keys of 128 values: the flash attention kernels. */
export function attentionCase(): TestCase {
  const next = randomNumbers(1);
  const [queries, keys, size] = [64, 80, 128];
  const q = floats(next, [1, queries, size]);
  const k = floats(next, [1, keys, size]);
  const v = floats(next, [1, keys, size]);
  const expected = new Float64Array(queries * size);
  for (let i = 0; i < queries; i++) {
    const logits = Float64Array.from({ length: keys }, (_, j) => {
      let dot = 0;
      for (let c = 0; c < size; c++) dot += at(q.data, i * size + c) * at(k.data, j * size + c);
      return dot / Math.sqrt(size);
    });
    const highest = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - highest));
    const sum = powers.reduce((a, b) => a + b, 0);
    for (let j = 0; j < keys; j++) {
      const share = at(powers, j) / sum;
      for (let c = 0; c < size; c++)
        expected[i * size + c] = at(expected, i * size + c) + share * at(v.data, j * size + c);
    }
  }
  const node = {
    op: 'MultiHeadAttention',
    domain: 'com.microsoft',
    inputs: ['q', 'k', 'v'],
    output: 'attention',
    attributes: { num_heads: 1 },
  };
  return {
    name: 'attention',
    inputs: { q, k, v },
    nodes: [node],
    output: { name: 'attention', dims: [1, queries, size] },
    constants: [],
    expected,
    tolerance: { f32: 1e-4, f16: 2e-2 },
  };
}

/** x·Wᵀ with W = (B - zero point)·scale in blocks of 32 along K, B in 4 or 8 bits. */
export function matmulCase(bits: 4 | 8): TestCase {
  const next = randomNumbers(2 + bits);
  const [rows, inner, outer, block] = [16, 128, 32, 32];
  const blocks = inner / block;
  const x = floats(next, [1, rows, inner]);
  const bytes = (block * bits) / 8;
  const packed = Uint8Array.from({ length: outer * blocks * bytes }, () => Math.floor((next() + 1) * 127.99));
  const scales = Float32Array.from({ length: outer * blocks }, () => Math.fround(0.01 + 0.01 * Math.abs(next())));
  const level = (n: number, c: number) => {
    if (bits === 8) return at(packed, n * inner + c) - 128;
    const byte = at(packed, (n * inner + c) >> 1);
    return (c % 2 === 0 ? byte & 15 : byte >> 4) - 8;
  };
  const expected = new Float64Array(rows * outer);
  for (let r = 0; r < rows; r++) {
    for (let n = 0; n < outer; n++) {
      let sum = 0;
      for (let c = 0; c < inner; c++) {
        sum += at(x.data, r * inner + c) * level(n, c) * at(scales, n * blocks + Math.floor(c / block));
      }
      expected[r * outer + n] = sum;
    }
  }
  const [weight, scale, output] = [`b${bits}`, `s${bits}`, `matmul${bits}`];
  return {
    name: output,
    inputs: {
      [`x${bits}`]: x,
      [weight]: { element: 'uint8', dims: [outer, blocks, bytes], data: packed },
      [scale]: { element: 'float32', dims: [outer, blocks], data: scales },
    },
    nodes: [
      {
        op: 'MatMulNBits',
        domain: 'com.microsoft',
        inputs: [`x${bits}`, weight, scale],
        output,
        attributes: { K: inner, N: outer, bits, block_size: block },
      },
    ],
    output: { name: output, dims: [1, rows, outer] },
    constants: [],
    expected,
    tolerance: { f32: 1e-4, f16: 2e-2 },
  };
}

/** 3×3 convolution with zero padding and a bias. */
export function convCase(): TestCase {
  const next = randomNumbers(3);
  const [inner, outer, height, width] = [16, 24, 12, 20];
  const x = floats(next, [1, inner, height, width]);
  const w = floats(next, [outer, inner, 3, 3], 0.2);
  const b = floats(next, [outer]);
  const expected = new Float64Array(outer * height * width);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < height * width; i++) {
      const [row, column] = [Math.floor(i / width), i % width];
      let sum = at(b.data, o);
      for (let c = 0; c < inner; c++) {
        for (let tap = 0; tap < 9; tap++) {
          const y = row + Math.floor(tap / 3) - 1;
          const xx = column + (tap % 3) - 1;
          if (y < 0 || y >= height || xx < 0 || xx >= width) continue;
          sum += at(w.data, (o * inner + c) * 9 + tap) * at(x.data, (c * height + y) * width + xx);
        }
      }
      expected[o * height * width + i] = sum;
    }
  }
  return {
    name: 'conv',
    inputs: { image: x, kernel: w, bias: b },
    nodes: [
      {
        op: 'Conv',
        inputs: ['image', 'kernel', 'bias'],
        output: 'conv',
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      },
    ],
    output: { name: 'conv', dims: [1, outer, height, width] },
    constants: [],
    expected,
    tolerance: { f32: 1e-4, f16: 1e-2 },
  };
}

/** RMS norm per head, then rotation of neighbouring pairs: what queries and keys go through. */
export function normRotaryCase(): TestCase {
  const next = randomNumbers(4);
  const [tokens, heads, size] = [20, 2, 64];
  const x = floats(next, [1, tokens, heads, size], 3);
  const gain = floats(next, [size]);
  const angles = Float64Array.from({ length: (tokens * size) / 2 }, () => next() * Math.PI);
  const table = (f: (angle: number) => number): TestInput => ({
    element: 'float32',
    dims: [1, tokens, size / 2],
    data: Float32Array.from(angles, f),
  });
  const expected = new Float64Array(tokens * heads * size);
  for (let t = 0; t < tokens * heads; t++) {
    let squares = 0;
    for (let c = 0; c < size; c++) squares += at(x.data, t * size + c) ** 2;
    const factor = 1 / Math.sqrt(squares / size + 1e-6);
    const value = (c: number) => at(x.data, t * size + c) * factor * at(gain.data, c);
    for (let pair = 0; pair < size / 2; pair++) {
      const angle = at(angles, (Math.floor(t / heads) * size) / 2 + pair);
      const [re, im] = [value(2 * pair), value(2 * pair + 1)];
      expected[t * size + 2 * pair] = re * Math.cos(angle) - im * Math.sin(angle);
      expected[t * size + 2 * pair + 1] = re * Math.sin(angle) + im * Math.cos(angle);
    }
  }
  return {
    name: 'norm-rotary',
    inputs: { states: x, gain, cos: table(Math.cos), sin: table(Math.sin) },
    nodes: [
      {
        op: 'RMSNormalization',
        inputs: ['states', 'gain'],
        output: 'normed',
        attributes: { axis: 3, epsilon: 1e-6 },
      },
      { op: 'Reshape', inputs: ['normed', 'flat_shape'], output: 'flat' },
      {
        op: 'RotaryEmbedding',
        inputs: ['flat', 'cos', 'sin'],
        output: 'rotated',
        attributes: { interleaved: 1, num_heads: heads },
      },
    ],
    output: { name: 'rotated', dims: [1, tokens, heads * size] },
    constants: [{ name: 'flat_shape', values: [1, tokens, heads * size] }],
    expected,
    tolerance: { f32: 1e-4, f16: 1e-2 },
  };
}

export const allCases = (): TestCase[] => [attentionCase(), matmulCase(4), matmulCase(8), convCase(), normRotaryCase()];

/** All cases as one graph: one session, one run. In mode f16 the float inputs are cast first, and the answers back. */
export function casesGraph(cases: readonly TestCase[], mode: Mode): Graph {
  const graph: Graph = { nodes: [], inputs: [], outputs: [], constants: [] };
  const FLOAT = 1;
  const HALF = 10;
  const cast = (input: string, output: string, to: number): GraphNode => ({
    op: 'Cast',
    inputs: [input],
    output,
    attributes: { to },
  });
  for (const test of cases) {
    const renamed = new Map<string, string>();
    for (const [name, { element, dims }] of Object.entries(test.inputs)) {
      graph.inputs.push({ name, element, dims });
      if (mode === 'f32' || element !== 'float32') continue;
      graph.nodes.push(cast(name, `${name}_half`, HALF));
      renamed.set(name, `${name}_half`);
    }
    for (const node of test.nodes) {
      graph.nodes.push({ ...node, inputs: node.inputs.map((name) => renamed.get(name) ?? name) });
    }
    graph.constants.push(...test.constants);
    const { name, dims } = test.output;
    const output: GraphValue = { name: `${name}_out`, element: 'float32', dims };
    graph.nodes.push(cast(name, output.name, FLOAT));
    graph.outputs.push(output);
  }
  return graph;
}

/** Largest error relative to the largest expected value; infinite where anything is not a number. */
export function relativeError(actual: ArrayLike<number>, expected: Float64Array): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(at(actual, i) - at(expected, i));
    if (!Number.isFinite(difference)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(at(expected, i)));
  }
  return worst / largest;
}

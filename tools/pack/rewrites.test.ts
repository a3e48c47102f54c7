/**
 * The exact rewrites (realrestorer.md I) against the graphs that they replace, on onnxruntime-web's wasm with the same
 * drawn weights and inputs: one row for all padding, the last block and the final layer on target tokens only, and the
 * modulations of all steps at once. That the replaced graphs are the authors' network is tested in parity.test.ts.
 */
import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../workers/pipeline/backend.ts';
import { connectorMask, connectorMean } from '../../workers/pipeline/conditioning.ts';
import { ropeTables } from '../../workers/pipeline/rope.ts';
import { mergePadding } from '../../workers/pipeline/text-rows.ts';
import { draw } from '../conformance/draw.ts';
import { type ConnectorDims, connector } from './connector.ts';
import { type DitDims, double, last, single } from './dit.ts';
import { final, mod } from './dit-edges.ts';
import { Emitter, formatsFor, type Recipe } from './emitter.ts';
import { relativeError } from './parity-helpers.ts';

/** Sums in another order differ by a few units in the last place. */
const MOST = 1e-6;

interface Values {
  readonly dims: readonly number[];
  readonly data: TensorData;
}

const D = 64;
const K = 20;
const ROWS = 3;
const COLUMNS = 5;
const G = ROWS * COLUMNS;
const DIMS: DitDims = {
  hidden: D,
  heads: 2,
  mlp: 128,
  inChannels: 64,
  outChannels: 64,
  contextDim: 64,
  pooledDim: 32,
  latentChannels: 16,
  qkvBias: true,
  guidance: false,
  padded: true,
};
const UNMERGED: DitDims = { ...DIMS, padded: false };

const drawn = (name: string, dims: readonly number[]): Values => ({ dims, data: draw(`input.${name}`, dims) });

/** The float32 values of a weight, from the drawn tensor that it is a part of. */
function weight({ source, shape }: Recipe): ort.Tensor {
  const [, width = 1] = source.full;
  const all = draw(source.tensor, source.full);
  const [start, count] = source.rows ?? [0, all.length / width];
  const [from, columns] = source.columns ?? [0, width];
  const out = new Float32Array(count * columns);
  for (let y = 0; y < count; y++) {
    for (let x = 0; x < columns; x++) {
      const to = source.transpose === true ? x * count + y : y * columns + x;
      out[to] = (all[(start + y) * width + from + x] ?? 0) + (source.plus ?? 0);
    }
  }
  return new ort.Tensor('float32', out, [...shape]);
}

/** Emits a graph, runs it once and gives its outputs by name. */
async function run(
  emit: (e: Emitter) => void,
  feeds: Readonly<Record<string, Values>>,
  chunks = 1,
): Promise<Record<string, Float32Array>> {
  const e = new Emitter('graph', 'f32', chunks, formatsFor(32, 'step1x-edit'));
  emit(e);
  const session = await ort.InferenceSession.create(e.model.encode(), {
    executionProviders: ['wasm'],
    logSeverityLevel: 3,
  });
  try {
    const inputs: Record<string, ort.Tensor> = {};
    for (const { name, dtype } of e.inputs) {
      const feed = feeds[name];
      if (!feed) throw new Error(`${name} was not fed`);
      inputs[name] = new ort.Tensor(dtype === 'int32' ? 'int32' : 'float32', feed.data, [...feed.dims]);
    }
    for (const [name, recipe] of e.recipes) inputs[name] = weight(recipe);
    const results = await session.run(inputs);
    const outputs: Record<string, Float32Array> = {};
    for (const { name } of e.outputs) {
      const data = (results[name] ?? results[`${name}.out`])?.data;
      if (!(data instanceof Float32Array)) throw new Error(`no output ${name}`);
      outputs[name] = data;
    }
    return outputs;
  } finally {
    await session.release();
  }
}

/** `[1, rows, D]` with the last row repeated up to `tokens`. */
function unmerged({ dims, data }: Values, tokens: number): Values {
  const [, rows = 0, width = 0] = dims;
  const out = Float32Array.from({ length: tokens * width }, (_, i) => {
    const row = Math.min(rows - 1, Math.floor(i / width));
    return data[row * width + (i % width)] ?? 0;
  });
  return { dims: [1, tokens, width], data: out };
}

const step = (k: number): Values => ({ dims: [], data: Int32Array.of(k) });
const rope = ropeTables({ axesDim: [8, 12, 12], theta: 10000 }, ROWS, COLUMNS, { kind: 'tokens', axis0: 1 });
const image = {
  img: drawn('img', [1, 2 * G, D]),
  cos: { dims: rope.dims, data: rope.cos },
  sin: { dims: rope.dims, data: rope.sin },
};
const tables = {
  img_mod: drawn('img_mod', [2, 6 * D]),
  txt_mod: drawn('txt_mod', [2, 6 * D]),
  mod: drawn('mod', [2, 3 * D]),
};

const BLOCKS = { double, single, last };

describe.each([K, K - 1, 7, 1])('one row for all padding, %i of 20 tokens valid', (valid) => {
  const { count, index } = mergePadding(K, valid);

  it.each(['double', 'single', 'last'] as const)('%s equals the block over every row', async (name) => {
    const txt = drawn('txt', [1, count, D]);
    const feeds = { ...image, ...tables, step: step(1) };
    const textRows = { dims: [K], data: index };
    const whole = await run((e) => BLOCKS[name](e, UNMERGED), { ...feeds, txt: unmerged(txt, K) });
    for (const chunks of [1, 4]) {
      const merged = await run((e) => BLOCKS[name](e, DIMS), { ...feeds, txt, text_rows: textRows }, chunks);
      expect(merged.img).toHaveLength(name === 'last' ? G * D : 2 * G * D);
      expect(relativeError(merged.img ?? [], whole.img ?? [0])).toBeLessThanOrEqual(MOST);
      if (name === 'last') continue;
      expect(merged.txt).toHaveLength(count * D);
      expect(relativeError(merged.txt ?? [], whole.txt?.subarray(0, count * D) ?? [0])).toBeLessThanOrEqual(MOST);
      // What makes the next block's merge exact: rows of the padding have stayed equal.
      const again = unmerged({ dims: [1, count, D], data: merged.txt ?? new Float32Array() }, K);
      expect(relativeError(again.data, whole.txt ?? [0])).toBeLessThanOrEqual(MOST);
    }
  });

  it('connector equals the one over every row', async () => {
    const dims: ConnectorDims = { stateDim: 32, hidden: 64, heads: 2, depth: 2, mlp: 256, pooledDim: 16, scaled: true };
    const answer = (rows: number) => {
      const states = drawn('states', [1, rows, dims.stateDim]);
      states.data.fill(0, valid * dims.stateDim);
      return run((e) => connector(e, dims), {
        states,
        time: drawn('time', [1, 256]),
        mask: { dims: [1, 1, rows, rows], data: connectorMask(rows, valid) },
        mean: { dims: [1, 1, rows], data: connectorMean(rows, valid) },
      });
    };
    const [whole, merged] = [await answer(K), await answer(count)];
    expect(relativeError(merged.pooled ?? [], whole.pooled ?? [0])).toBeLessThanOrEqual(MOST);
    const context = unmerged({ dims: [1, count, 64], data: merged.context ?? new Float32Array() }, K);
    expect(relativeError(context.data, whole.context ?? [0])).toBeLessThanOrEqual(MOST);
  });
});

describe('target tokens only', () => {
  const txt = drawn('txt', [1, K, D]);
  const feeds = { ...image, ...tables, txt, step: step(0) };

  it('the last block equals the target half of a single block', async () => {
    const whole = await run((e) => single(e, UNMERGED), feeds);
    for (const chunks of [1, 4]) {
      const half = await run((e) => last(e, UNMERGED), feeds, chunks);
      expect(Object.keys(half)).toEqual(['img']);
      expect(relativeError(half.img ?? [], whole.img?.subarray(0, G * D) ?? [0])).toBeLessThanOrEqual(MOST);
    }
  });

  it('the final layer equals the target half of the whole one', async () => {
    const table = { mod: drawn('final', [2, 2 * D]), step: step(0) };
    const whole = await run((e) => final(e, DIMS), { img: image.img, ...table });
    const target = { dims: [1, G, D], data: image.img.data.slice(0, G * D) };
    const half = await run((e) => final(e, DIMS), { img: target, ...table });
    expect(relativeError(half.velocity ?? [], whole.velocity?.subarray(0, G * 64) ?? [0])).toBeLessThanOrEqual(MOST);
  });
});

describe('modulations of all steps at once', () => {
  it.each([2, 3, 6] as const)('%i chunks equal one call a step', async (count) => {
    const vec = drawn('vec', [5, D]);
    const all = await run((e) => mod(e, DIMS, count), { vec });
    for (let k = 0; k < 5; k++) {
      const row = { dims: [1, D], data: vec.data.slice(k * D, (k + 1) * D) };
      const one = await run((e) => mod(e, DIMS, count), { vec: row });
      const expected = all.mod?.subarray(k * count * D, (k + 1) * count * D);
      expect(relativeError(one.mod ?? [], expected ?? [0])).toBeLessThanOrEqual(MOST);
    }
  });

  it.each(['double', 'single', 'last'] as const)('%s reads the row of its step', async (name) => {
    const txt = drawn('txt', [1, K, D]);
    const outputs = [];
    for (const k of [0, 1]) {
      const all = await run((e) => BLOCKS[name](e, UNMERGED), { ...image, ...tables, txt, step: step(k) });
      const own = Object.fromEntries(
        Object.entries(tables).map(([port, { dims, data }]) => {
          const [, width = 0] = dims;
          return [port, { dims: [1, width], data: data.slice(k * width, (k + 1) * width) }];
        }),
      );
      const one = await run((e) => BLOCKS[name](e, UNMERGED), { ...image, ...own, txt, step: step(0) });
      expect(relativeError(all.img ?? [], one.img ?? [0])).toBe(0);
      outputs.push(all.img ?? new Float32Array());
    }
    expect(relativeError(outputs[0] ?? [], outputs[1] ?? [])).toBeGreaterThan(0.1);
  });
});

/** Every graph of both families against PyTorch (fixtures/reference.py, step1x.py), on onnxruntime-web's wasm. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BuiltPack,
  buildFixturePack,
  CASES,
  type Case,
  type CaseSizes,
  cosine,
  fixtures,
  readCase,
  readReference,
  relativeError,
} from './parity-helpers.ts';
import { runAll } from './parity-run.ts';
import { tensorsOf } from './tensors.ts';

type Values = ReadonlyMap<string, Float32Array>;

/** The largest relative error of any output. */
function expectNear(outputs: Values, reference: Values, most: number): void {
  for (const [name, expected] of reference) {
    const error = relativeError(outputs.get(name) ?? [], expected);
    expect(error, `${name}: ${error}`).toBeLessThan(most);
  }
}

describe.each<Case>([...CASES])('graphs of %s', (name) => {
  let reference: Values;
  let sizes: CaseSizes;
  let exact: BuiltPack;

  beforeAll(async () => {
    reference = await readReference(name);
    sizes = await readCase(name);
    exact = await buildFixturePack(name, 32);
  });
  afterAll(() => exact.remove());

  it('want exactly the tensors that the PyTorch modules have', async () => {
    const listed: unknown = JSON.parse(await readFile(join(fixtures(name), 'tensors.json'), 'utf8'));
    const wanted = Object.fromEntries([...tensorsOf(exact.config)]);
    expect(wanted).toEqual(listed);
  });

  it('agree with PyTorch to 1e-4 with float32 weights', async () => {
    const outputs = await runAll(exact, sizes, 'f32');
    expect([...outputs.keys()].sort()).toEqual([...reference.keys()].sort());
    // Measured: at most 3e-5, where the authors compute the sinusoid of 3500 rad in float32.
    expectNear(outputs, reference, 1e-4);
  });

  it('run in mode f16 and stay near float32', async () => {
    // fp16 has 11 bits; the deepest graphs round a few dozen times.
    expectNear(await runAll(exact, sizes, 'f16'), reference, 4e-3);
  });
});

describe.each<Case>(['small', 'step1x'])('variants of %s', (name) => {
  let reference: Values;
  let sizes: CaseSizes;
  let exact: BuiltPack;

  beforeAll(async () => {
    reference = await readReference(name);
    sizes = await readCase(name);
    exact = await buildFixturePack(name, 32);
  });
  afterAll(() => exact.remove());

  it('give the same with the image queries in 8 pieces', async () => {
    expectNear(await runAll(exact, sizes, 'f32', 8), await runAll(exact, sizes, 'f32'), 2e-6);
    expectNear(await runAll(exact, sizes, 'f16', 8), reference, 4e-3);
  });

  it('stay near PyTorch with 8-bit weights', async () => {
    const eight = await buildFixturePack(name, 8);
    try {
      const outputs = await runAll(eight, sizes, 'f32');
      for (const [output, expected] of reference) {
        const similarity = cosine(outputs.get(output) ?? [], expected);
        expect(similarity, `${output}: ${similarity}`).toBeGreaterThan(0.999);
      }
    } finally {
      await eight.remove();
    }
  });
});

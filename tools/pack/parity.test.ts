/** Every graph of both families against PyTorch (fixtures/reference.py), on onnxruntime-web's wasm. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorsOf } from '../conformance/checkpoint.ts';
import {
  type BuiltPack,
  buildFixturePack,
  cosine,
  type Family,
  fixtures,
  readReference,
  relativeError,
  runAll,
} from './parity-helpers.ts';

describe.each<Family>(['small', 'step1x'])('graphs of the %s family', (family) => {
  let reference: Map<string, Float32Array>;
  let exact: BuiltPack;
  let eight: BuiltPack;

  beforeAll(async () => {
    reference = await readReference(family);
    exact = await buildFixturePack(family, 32);
    eight = await buildFixturePack(family, 8);
  });

  afterAll(async () => {
    await exact.remove();
    await eight.remove();
  });

  it('want exactly the tensors that the PyTorch modules have', async () => {
    const listed: unknown = JSON.parse(await readFile(join(fixtures(family), 'tensors.json'), 'utf8'));
    const wanted = Object.fromEntries([...tensorsOf(exact.config)]);
    expect(wanted).toEqual(listed);
  });

  it('agree with PyTorch to 1e-4 with float32 weights', async () => {
    const outputs = await runAll(exact, 'f32');
    expect([...outputs.keys()].sort()).toEqual([...reference.keys()].sort());
    for (const [name, expected] of reference) {
      const error = relativeError(outputs.get(name) ?? [], expected);
      expect(error, `${name}: ${error}`).toBeLessThan(1e-4);
    }
  });

  it('stay near it with 8-bit weights', async () => {
    const outputs = await runAll(eight, 'f32');
    for (const [name, expected] of reference) {
      const similarity = cosine(outputs.get(name) ?? [], expected);
      expect(similarity, `${name}: ${similarity}`).toBeGreaterThan(0.999);
    }
  });

  it('give the same with the image queries in 8 pieces', async () => {
    const whole = await runAll(exact, 'f32');
    const pieces = await runAll(exact, 'f32', 8);
    for (const [name, expected] of whole) {
      const error = relativeError(pieces.get(name) ?? [], expected);
      expect(error, `${name}: ${error}`).toBeLessThan(2e-6);
    }
  });

  it('run in mode f16 and stay near float32', async () => {
    const outputs = await runAll(exact, 'f16');
    const pieces = await runAll(exact, 'f16', 8);
    for (const [name, expected] of reference) {
      for (const values of [outputs, pieces]) {
        const error = relativeError(values.get(name) ?? [], expected);
        // fp16 has 11 bits; the deepest graphs round a few dozen times.
        expect(error, `${name}: ${error}`).toBeLessThan(4e-3);
      }
    }
  });
});

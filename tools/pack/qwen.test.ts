/**
 * The text encoder against transformers' Qwen2.5-VL and Pillow (fixtures/qwen.py): the image, hidden states of photo and
 * prompt, the connector, and two sampling steps after them. What the pack rewrites is not rewritten there: the whole
 * sequence runs once a prompt.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Manifest, taskId } from '../../workers/packs/manifest.ts';
import { Calls } from '../../workers/pipeline/calls.ts';
import { makeCondition } from '../../workers/pipeline/conditioning.ts';
import { ProgressMeter } from '../../workers/pipeline/progress.ts';
import { encoderOf, LANGUAGES, promptIds } from '../../workers/pipeline/qwen/choices.ts';
import { gridOf, patchValues, seenImage } from '../../workers/pipeline/qwen/image.ts';
import { imageSpecOf, readPhoto, type States } from '../../workers/pipeline/qwen/read.ts';
import { type FilterName, type Rgb8, resize } from '../../workers/pipeline/qwen/resize.ts';
import { withScope } from '../../workers/pipeline/scope.ts';
import { type NodeEngine, openEngine } from '../backend-node/backend.ts';
import { sampleLatents } from '../backend-node/sample-latents.ts';
import { draw } from '../conformance/draw.ts';
import { type BuiltPack, buildFixturePack, cosine, relativeError } from './parity-helpers.ts';
import { Checkpoint } from './safetensors.ts';

const folder = fileURLToPath(new URL('./fixtures/qwen/', import.meta.url));
const caseSchema = z.strictObject({
  name: z.string(),
  width: z.number(),
  height: z.number(),
  task: taskId,
  language: z.enum(LANGUAGES),
});
const cases = z.array(caseSchema).parse(JSON.parse(await readFile(`${folder}cases.json`, 'utf8')));

/** As fixtures/qwen.py draws it. */
function levels(width: number, height: number): Rgb8 {
  const grain = draw(`input.levels.${width}x${height}`, [height, width, 3]);
  const rgb = new Uint8Array(3 * width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (const wave of [Math.sin(x / 5), Math.cos(y / 4), Math.sin((x + y) / 7)]) {
        rgb[at] = Math.round(127.5 + 80 * wave + 40 * (grain[at] as number));
        at++;
      }
    }
  }
  return { width, height, rgb };
}

let reference: Checkpoint;
beforeAll(async () => {
  reference = await Checkpoint.open([folder]);
});
afterAll(() => reference.close());

describe('resize', () => {
  it.each(['bicubic', 'lanczos'] as const)('is Pillow’s with %s, to a grey level', async (filter: FilterName) => {
    const photo = levels(53, 37);
    const names = reference.names().filter((name) => name.startsWith(`resize.${filter}.`));
    expect(names.length).toBe(6);
    for (const name of names) {
      const [width = 0, height = 0] = (name.split('.')[2] ?? '').split('x').map(Number);
      const expected = await reference.read(name);
      const { rgb } = resize(photo, width, height, filter);
      const most = rgb.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (expected[i] ?? 0))), 0);
      expect(rgb.length, name).toBe(expected.length);
      // Measured: 0, every pixel equal.
      expect(most, name).toBeLessThanOrEqual(1);
    }
  });
});

async function readWith(
  { folder: path, manifest }: BuiltPack,
  name: string,
): Promise<{ cond: States; uncond: States }> {
  const engine = await openEngine(path, 'wasm', 1);
  try {
    return await readCase(engine, manifest, name);
  } finally {
    await engine.backend.dispose();
  }
}

async function readCase(engine: NodeEngine, manifest: Manifest, name: string) {
  const found = cases.find((each) => each.name === name);
  const encoder = encoderOf(manifest);
  const { conditioning } = manifest.switches;
  if (!found || !encoder || conditioning.kind !== 'qwen2.5-vl') throw new Error(name);
  const calls = new Calls(engine.backend, manifest, new ProgressMeter(), undefined);
  const words = promptIds(encoder, found.task, { promptLanguage: found.language });
  const reading = { engine, calls, encoder, stateDim: conditioning.stateDim };
  const [cond, uncond] = await readPhoto(reading, levels(found.width, found.height), [words, []]);
  if (!cond || !uncond) throw new Error('two prompts');
  return { cond, uncond };
}

describe('with float32 weights', () => {
  let pack: BuiltPack;
  beforeAll(async () => {
    pack = await buildFixturePack('qwen', 32);
  });
  afterAll(() => pack.remove());

  it('the model sees the patches that transformers’ processor makes', async () => {
    const encoder = encoderOf(pack.manifest);
    if (!encoder) throw new Error('no encoder');
    const spec = imageSpecOf(encoder);
    const seen = seenImage(levels(80, 48), spec);
    const grid = gridOf(seen, spec);
    expect(grid).toEqual({ rows: 4, columns: 7 });
    const inOrder = Array.from({ length: grid.rows * grid.columns }, (_, i) => i);
    const values = patchValues(seen, spec, inOrder);
    const expected = await reference.read('wide.pixels');
    expect(values.length).toBe(expected.length);
    // A grey level is 0.0146 here; the fixture is kept in fp16.
    const most = values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (expected[i] ?? 0))), 0);
    expect(most).toBeLessThan(2e-3);
  });

  it.each(cases.map(({ name }) => name))('hidden states are those of transformers, %s photo', async (name) => {
    const states = await readWith(pack, name);
    for (const branch of ['cond', 'uncond'] as const) {
      const expected = await reference.read(`${name}.${branch}`);
      expect(states[branch].values.length, branch).toBe(expected.length);
      const error = relativeError(states[branch].values, expected);
      // Measured: at most 1.4e-6.
      expect(error, `${name}.${branch}: ${error}`).toBeLessThan(1e-4);
    }
  });

  it('the connector gives what the authors’ gives at three timesteps, the row of the padding too', async () => {
    const engine = await openEngine(pack.folder, 'wasm', 1);
    try {
      const { manifest } = pack;
      const { cond, uncond } = await readCase(engine, manifest, 'wide');
      const calls = new Calls(engine.backend, manifest, new ProgressMeter(), undefined);
      const times = [1, 0.6, 0.05];
      await withScope(async (scope) => {
        const given = { engine, calls, photo: levels(80, 48), task: 'noise', times, read: [cond, uncond] } as const;
        const { conditions } = await makeCondition(given, 'cond', scope);
        for (const [at, t] of ['1.0', '0.6', '0.05'].entries()) {
          for (const name of ['context', 'pooled'] as const) {
            const tensor = conditions[at]?.[name];
            if (!tensor) throw new Error(name);
            const got = await calls.download(tensor, 'test');
            const error = relativeError(got, await reference.read(`wide.${name}@${t}`));
            // Measured: at most 5e-6.
            expect(error, `${name}@${t}: ${error}`).toBeLessThan(1e-4);
          }
        }
      });
    } finally {
      await engine.backend.dispose();
    }
  });

  it('two sampling steps after them end where the authors’ modules end', async () => {
    const engine = await openEngine(pack.folder, 'wasm', 1);
    try {
      const run = (task: 'noise' | 'haze') => sampleLatents(engine, levels(80, 48), { task, seed: 42, steps: 2 });
      const { first, last } = await run('noise');
      const errors = [
        relativeError(first, await reference.read('wide.first')),
        relativeError(last, await reference.read('wide.last')),
      ];
      // Measured: 6.5e-6 and, as halves, 2.1e-4.
      expect(errors[0]).toBeLessThan(1e-3);
      expect(errors[1]).toBeLessThan(1e-3);
      // Another prompt is another result, beyond these errors.
      const other = await run('haze');
      expect(relativeError(other.first, first)).toBeGreaterThan(5e-3);
    } finally {
      await engine.backend.dispose();
    }
  });
});

describe('with quantised weights', () => {
  // The vision tower's MLP is 108 wide: its matrices get four columns and rows of zeros. Random layers of this width suffer
  // from 4 bits far more than real ones; a column in the wrong place gives a cosine near 0.
  it.each([
    [8, 0.9995],
    [4, 0.9],
  ] as const)('states keep their direction at %i bits', async (bits, least) => {
    const pack = await buildFixturePack('qwen', bits);
    try {
      const { cond } = await readWith(pack, 'wide');
      const similarity = cosine(cond.values, await reference.read('wide.cond'));
      expect(similarity).toBeGreaterThan(least);
    } finally {
      await pack.remove();
    }
  });
});

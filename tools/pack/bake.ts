/**
 * States of a neutral image for packs without a text encoder: the language model is converted beside the pack, looks at even
 * grey with every prompt, and is thrown away. What it would have said about the photo is not in there: an approximation.
 */
import { rm } from 'node:fs/promises';
import { narrowToHalves } from '../../workers/packs/half.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { Calls } from '../../workers/pipeline/calls.ts';
import { ProgressMeter } from '../../workers/pipeline/progress.ts';
import { encoderOf, promptIds } from '../../workers/pipeline/qwen/choices.ts';
import { readPhoto } from '../../workers/pipeline/qwen/read.ts';
import type { Rgb8 } from '../../workers/pipeline/qwen/resize.ts';
import { NodeBackend } from '../backend-node/backend.ts';
import { loadOrt, type Provider } from '../backend-node/ort.ts';
import { PackFolder } from '../backend-node/pack-folder.ts';

export const BAKED_SHARD = 'baked-0.bin';

export interface Baked {
  /** `[tasks + 1, tokens, stateDim]` as they lie in the pack, rows behind the valid ones zero. */
  readonly data: Uint8Array;
  readonly valid: readonly number[];
}

const SIDE = 1024;
const NEUTRAL: Rgb8 = { width: SIDE, height: SIDE, rgb: new Uint8Array(3 * SIDE * SIDE).fill(128) };

/**
 * @param folder of a pack with the text part alone; it is removed
 * @param stored how the pack keeps floats
 */
export async function bakeStates(
  folder: string,
  manifest: Manifest,
  stored: 'f16' | 'f32',
  provider: Provider,
  log: (line: string) => void,
): Promise<Baked> {
  const encoder = encoderOf(manifest);
  const { conditioning } = manifest.switches;
  if (encoder === null || conditioning.kind !== 'qwen2.5-vl') throw new Error(`${folder} has no text encoder`);
  const pack = PackFolder.unchecked(folder, manifest);
  const backend = new NodeBackend(await loadOrt(provider, 1), provider, pack, { budget: 1e6 });
  const meter = new ProgressMeter();
  const calls = new Calls(backend, manifest, meter, undefined);
  const engine = { readShard: (shard: string, at: number, bytes: number) => pack.range(shard, at, bytes) };
  const prompts = [...manifest.tasks.map(({ id }) => promptIds(encoder, id, {})), []];
  log(`the language model looks at a neutral image, with ${prompts.length} prompts`);
  const { stateDim, tokens } = conditioning;
  try {
    const states = await readPhoto({ engine, calls, encoder, stateDim }, NEUTRAL, prompts);
    const values = new Float32Array(prompts.length * tokens * stateDim);
    states.forEach((one, prompt) => {
      if (one.rows > tokens) throw new Error(`prompt ${prompt} has ${one.rows} rows, the transformer takes ${tokens}`);
      values.set(one.values, prompt * tokens * stateDim);
    });
    return {
      data: stored === 'f32' ? new Uint8Array(values.buffer) : halves(values),
      valid: states.map((s) => s.rows),
    };
  } finally {
    await backend.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

function halves(values: Float32Array): Uint8Array {
  for (const value of values) if (!(Math.abs(value) <= 65504)) throw new Error('a state does not fit fp16');
  const out = new Uint16Array(values.length);
  narrowToHalves(values, out);
  return new Uint8Array(out.buffer);
}

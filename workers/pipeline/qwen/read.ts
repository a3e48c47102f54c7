/**
 * Conditioning by a model that looks at the photo: vision tower and language model run once, for all prompts of a job at a
 * time, each block's weights once. See `sequence.ts` for how the prompts share the image.
 */
import { EngineError } from '../../errors.ts';
import { halfToNumber } from '../../packs/half.ts';
import type { EncoderSpec, Place } from '../../packs/manifest-encoder.ts';
import { encoderInstances } from '../../packs/manifest-encoder.ts';
import type { Tensor } from '../backend.ts';
import type { Calls } from '../calls.ts';
import { callKind, waitKind } from '../chain.ts';
import type { Engine } from '../job.ts';
import { graphOf } from '../plan.ts';
import { type TensorScope, withScope } from '../scope.ts';
import { gridOf, type ImageSpec, patchValues, seenImage } from './image.ts';
import { languageTables, type Tables, visionTables } from './positions.ts';
import type { Rgb8 } from './resize.ts';
import { type Sequence, sequenceOf } from './sequence.ts';
import { type Batches, batchesOf, inverseOf, windowsOf } from './windows.ts';

/** States of one prompt, float32 `[rows, stateDim]`: the prefix's last tokens, the image, what follows. */
export interface States {
  readonly rows: number;
  readonly values: Float32Array;
}

export interface Reading {
  readonly engine: Pick<Engine, 'readShard'>;
  readonly calls: Calls;
  readonly encoder: EncoderSpec;
  readonly stateDim: number;
}

export const READ_TAG = 'read';

export const imageSpecOf = ({ image, vision }: EncoderSpec): ImageSpec => ({
  ...image,
  patch: vision.patch,
  merge: vision.merge,
});

/**
 * Reads the photo with every prompt.
 *
 * @param photo at any size; the model sees a copy of at most `image.maxPixels`
 * @param prompts token ids of the prompts' own words; [] for the empty prompt
 * @throws EngineError 'pack-damaged' where the pack lacks a row of the embedding; as graph calls do
 */
export async function readPhoto(
  reading: Reading,
  photo: Rgb8,
  prompts: readonly (readonly number[])[],
): Promise<States[]> {
  const { calls, encoder, stateDim } = reading;
  const spec = imageSpecOf(encoder);
  const seen = seenImage(photo, spec);
  const grid = gridOf(seen, spec);
  const sequence = sequenceOf(grid, prompts, {
    prefix: encoder.prefix.tokens,
    closeImage: encoder.closeImage,
    closePrompt: encoder.closePrompt,
  });
  const kept = await rowsAt(
    reading,
    [encoder.prefix.states],
    Array.from({ length: encoder.prefix.kept }, (_, i) => i),
  );
  return withScope(async (scope) => {
    const image = await see(reading, seen, spec, scope);
    const ids = await embed(reading, sequence.ids);
    const words = calls.upload(scope, 'float32', [1, sequence.ids.length, stateDim], ids);
    const length = sequence.positions.length;
    const x = scope.add(
      calls.backend.join(1, [whole(image, sequence.image), whole(words, length - sequence.image)], 0, 0),
    );
    scope.drop(image);
    scope.drop(words);
    const states = await calls.download(await think(reading, x, sequence, scope), waitKind('read', ''));
    return sequence.rows.map((rows) => gather(kept, states, rows, stateDim));
  });
}

const whole = (tensor: Tensor, rows: number) => ({ tensor, start: 0, rows });

function gather(kept: Float32Array, states: Float32Array, rows: readonly number[], width: number): States {
  const values = new Float32Array(kept.length + rows.length * width);
  values.set(kept);
  rows.forEach((row, at) => {
    values.set(states.subarray(row * width, (row + 1) * width), kept.length + at * width);
  });
  return { rows: kept.length / width + rows.length, values };
}

/** The vision tower: `[1, groups, stateDim]` in the image's order. */
async function see({ calls, encoder }: Reading, seen: Rgb8, spec: ImageSpec, scope: TensorScope): Promise<Tensor> {
  const { vision } = encoder;
  const grid = gridOf(seen, spec);
  const windows = windowsOf(grid, vision.window);
  const order = windows.flat();
  const perGroup = spec.merge ** 2;
  const tokens = order.length * perGroup;
  return withScope(async (inner) => {
    const features = 3 * 2 * spec.patch ** 2;
    const patches = calls.upload(inner, 'float32', [1, tokens, features], patchValues(seen, spec, order));
    const tables = uploadTables(calls, visionTables(grid, order, spec.merge, vision.hidden / vision.heads), inner);
    const local = uploadBatches(calls, batchesOf(windows.map((window) => window.length * perGroup)), inner);
    const global = uploadBatches(calls, batchesOf([tokens]), inner);
    let x = await once(calls, encoder, 'vision.patch', { patches }, 'x', inner);
    inner.drop(patches);
    for (let i = 0; i < vision.depth; i++) {
      const batches = vision.global.includes(i) ? global : local;
      const next = await once(calls, encoder, `vision.${i}`, { x, ...tables, ...batches }, 'x', inner);
      inner.drop(x);
      x = next;
    }
    const back = calls.upload(inner, 'int32', [order.length], inverseOf(order));
    return inner.move(await once(calls, encoder, 'vision.merger', { x, order: back }, 'image', inner), scope);
  });
}

/** The language model over image and tails: `[1, T, stateDim]`, after its last norm. */
async function think({ calls, encoder }: Reading, start: Tensor, sequence: Sequence, scope: TensorScope) {
  const { language, prefix } = encoder;
  const { positions, bias } = sequence;
  return withScope(async (inner) => {
    const tables = uploadTables(calls, languageTables(positions, language.sections, language.theta), inner);
    const dims = [1, 1, positions.length, prefix.tokens + positions.length];
    const mask = calls.upload(inner, 'float32', dims, bias);
    let x = scope.move(start, inner);
    for (let i = 0; i < language.depth; i++) {
      const next = await once(calls, encoder, `text.${i}`, { x, ...tables, bias: mask }, 'x', inner);
      inner.drop(x);
      x = next;
    }
    return inner.move(await once(calls, encoder, 'text.norm', { x }, 'states', inner), scope);
  });
}

/** Runs an instance that is not needed again: the weights of the next one come meanwhile, its own are let go. */
async function once(
  calls: Calls,
  encoder: EncoderSpec,
  id: string,
  feeds: Record<string, Tensor>,
  output: string,
  scope: TensorScope,
): Promise<Tensor> {
  const all = encoderInstances(encoder);
  const next = all[all.indexOf(id) + 1];
  if (next !== undefined) calls.backend.prefetch?.(next);
  const outputs = await calls.run(id, feeds, scope, callKind(graphOf(calls.manifest, id), READ_TAG));
  calls.backend.release(id);
  const tensor = outputs[output];
  if (!tensor) throw new EngineError('pack-damaged', `${id} gives no ${output}`);
  return tensor;
}

function uploadTables(calls: Calls, { cos, sin, dims }: Tables, scope: TensorScope): Record<'cos' | 'sin', Tensor> {
  return { cos: calls.upload(scope, 'float32', dims, cos), sin: calls.upload(scope, 'float32', dims, sin) };
}

function uploadBatches(calls: Calls, { count, length, rows, back, bias }: Batches, scope: TensorScope) {
  return {
    rows: calls.upload(scope, 'int32', [count, length], rows),
    back: calls.upload(scope, 'int32', [back.length], back),
    bias: calls.upload(scope, 'float32', [count, 1, length, length], bias),
  };
}

/** Embeddings of tokens, `[ids.length, stateDim]`. */
function embed(reading: Reading, ids: readonly number[]): Promise<Float32Array> {
  const { ids: known, pieces } = reading.encoder.embedding;
  const places = known && new Map(known.map((id, row) => [id, row]));
  const rows = ids.map((id) => {
    const row = places ? places.get(id) : id;
    if (row === undefined) throw new EngineError('pack-damaged', `the pack has no embedding of token ${id}`);
    return row;
  });
  return rowsAt(reading, pieces, rows);
}

/** Rows of a table that lies in pieces, float32; whether it holds float16 or float32 is told by the prefix's states. */
async function rowsAt(
  { engine, encoder, stateDim }: Reading,
  pieces: readonly Place[],
  rows: readonly number[],
): Promise<Float32Array> {
  const { states, kept } = encoder.prefix;
  const unit = states.bytes / (kept * stateDim);
  const rowBytes = unit * stateDim;
  const out = new Float32Array(rows.length * stateDim);
  for (const [at, row] of rows.entries()) {
    let first = 0;
    const piece = pieces.find(({ bytes }) => {
      if (row < first + bytes / rowBytes) return true;
      first += bytes / rowBytes;
      return false;
    });
    if (!piece) throw new EngineError('pack-damaged', `a table has no row ${row}`);
    const bytes = await engine.readShard(piece.shard, piece.offset + (row - first) * rowBytes, rowBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < stateDim; i++) {
      out[at * stateDim + i] = unit === 4 ? view.getFloat32(4 * i, true) : halfToNumber(view.getUint16(2 * i, true));
    }
  }
  return out;
}

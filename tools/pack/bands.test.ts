/** The Flux autoencoder in bands of rows: the same as in one band, whatever their height, and the same as PyTorch. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mode } from '../../workers/packs/manifest.ts';
import { isBanded, planBands } from '../../workers/pipeline/bands.ts';
import { chainSteps } from '../../workers/pipeline/chain-plan.ts';
import {
  type BuiltPack,
  buildFixturePack,
  type CaseSizes,
  input,
  readCase,
  readReference,
  relativeError,
} from './parity-helpers.ts';
import { PackRunner, type Plain } from './runner.ts';

/** Rows of latents that neither 2, 3 nor 5 divides, more columns than rows. */
const PHOTO = [1, 3, 104, 136];

let pack: BuiltPack;
let sizes: CaseSizes;
beforeAll(async () => {
  pack = await buildFixturePack('step1x', 32);
  sizes = await readCase('step1x');
});
afterAll(() => pack.remove());

async function roundTrip(photo: Plain, bandBytes: number, mode: Mode = 'f32', latents?: Plain) {
  const { vae } = pack.manifest;
  const runner = new PackRunner(pack.folder, pack.manifest, { mode, bandBytes });
  const encoded = await runner.chain(vae.encode, { photo }, ['latents']);
  const given = latents ?? encoded.latents;
  if (!given) throw new Error('no latents');
  const decoded = await runner.chain(vae.decode, { latents: given }, ['restored']);
  await runner.close();
  return { latents: encoded.latents?.data ?? [], restored: decoded.restored?.data ?? [] };
}

function callsOf(bandBytes: number): number {
  const { manifest } = pack;
  return chainSteps(manifest, manifest.vae.encode, { photo: PHOTO }, bandBytes).reduce(
    (sum, { calls }) => sum + calls,
    0,
  );
}

describe('the autoencoder in bands', () => {
  // Sums are rounded in another order: those of a band's statistics, and of attention to folded keys, most of all where
  // every row is a band.
  it.each<[string, number, number]>([
    ['one row', 1, 2e-6],
    ['a few rows', 70_000, 1e-6],
    ['odd heights with an uneven last band', 160_000, 1e-6],
    ['two or three bands', 800_000, 1e-6],
  ])('gives what one band gives: %s', async (_, bandBytes, most) => {
    const photo = input('photo', PHOTO);
    const whole = await roundTrip(photo, Number.POSITIVE_INFINITY);
    // The same latents for both decoders.
    const latents = input('latents', [1, 16, 13, 17]);
    const bands = await roundTrip(photo, bandBytes, 'f32', latents);
    const decoded = await roundTrip(photo, Number.POSITIVE_INFINITY, 'f32', latents);
    expect(callsOf(bandBytes)).toBeGreaterThan(callsOf(Number.POSITIVE_INFINITY) + 5);
    expect(relativeError(bands.latents, whole.latents)).toBeLessThan(most);
    expect(relativeError(bands.restored, decoded.restored)).toBeLessThan(most);
  });

  it('has bands of odd height and an uneven last one among those', () => {
    const graph = pack.manifest.graphs[pack.manifest.instances['enc.0.0.a']?.graph ?? ''];
    if (!isBanded(graph)) throw new Error('enc.0.0.a has no bands');
    const shapes = { x: [1, graph.inputs[0]?.shape[1] as number, 104, 136], norm: [1, 2, 1, 32] };
    const heights = planBands('enc.0.0.a', graph, shapes, 160_000).bands.map(({ rows }) => rows);
    expect(heights.some((rows) => rows % 2 === 1)).toBe(true);
    expect(heights.at(-1)).not.toBe(heights[0]);
  });

  it('agrees with PyTorch to 1e-4 in bands of one row', async () => {
    const reference = await readReference('step1x');
    const [height, width] = sizes.photo ?? [0, 0];
    const latents = input('latents', [1, 16, height / 8, width / 8]);
    const outputs = await roundTrip(input('photo', [1, 3, height, width]), 1, 'f32', latents);
    expect(relativeError(outputs.latents, reference.get('latents') ?? [])).toBeLessThan(1e-4);
    expect(relativeError(outputs.restored, reference.get('restored') ?? [])).toBeLessThan(1e-4);
  });

  it('gives the same in mode f16, where only the rounding of statistics differs', async () => {
    const photo = input('photo', PHOTO);
    const whole = await roundTrip(photo, Number.POSITIVE_INFINITY, 'f16');
    const bands = await roundTrip(photo, 70_000, 'f16');
    // A statistic that is rounded the other way moves a few fp16 values by one step of 2^-11.
    expect(relativeError(bands.latents, whole.latents)).toBeLessThan(1e-3);
    expect(relativeError(bands.restored, whole.restored)).toBeLessThan(1e-3);
  });
});

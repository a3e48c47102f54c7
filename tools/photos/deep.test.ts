/**
 * AVIF and HEIC of 10 and 12 bits, made by avifenc and heif-enc out of a PNG of 16 bits, which says what their samples are. The
 * samples differ from its by the rounding to 10 or 12 bits, in HEIC twice: to YCbCr as well. Of 8 bits they would by up to 128.
 */
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../workers/errors.ts';
import { ALL } from '../../workers/photo/blend.ts';
import { pngRows } from '../../workers/photo/codec/png-read.ts';
import { decodePhoto } from '../../workers/photo/decode.ts';
import { encodePhoto } from '../../workers/photo/encode.ts';
import { bytesOf, fileOf, fixture, loadCodec, nodePhoto, samplesOf } from './node-photo.ts';

const noBrowser = () => Promise.reject(new Error('the browser is not asked'));

/** Steps of 10 bits are 64 of 65535 apart. Largest difference, and mean. */
const CASES = [
  ['p3-10.avif', 64, 32],
  ['p3-12.avif', 16, 8],
  ['p3-10.heic', 192, 48],
] as const;

async function original() {
  // As it lies in the file: the PNG is turned by its EXIF, which the others do not have.
  return samplesOf(await pngRows(fileOf(fixture('rgb16-p3.png'))));
}

/** Of the colours; alpha must be full. */
function differences(samples: ArrayLike<number>, channels: number, wanted: ArrayLike<number>) {
  let worst = 0;
  let sum = 0;
  for (let i = 0; i < wanted.length; i++) {
    const at = channels * Math.floor(i / 3) + (i % 3);
    const difference = Math.abs((samples[at] as number) - (wanted[i] as number));
    worst = Math.max(worst, difference);
    sum += difference;
    if (channels === 4) expect(samples[channels * Math.floor(i / 3) + 3]).toBe(65535);
  }
  return { worst, mean: sum / wanted.length };
}

describe('more than 8 bits', () => {
  it.each(CASES)('of %s reach the photo and a PNG of 16 bits', async (name, most, mostMean) => {
    const photo = await decodePhoto(fileOf(fixture(name)), { load: loadCodec, browser: noBrowser });
    expect(photo).toMatchObject({ width: 48, height: 32, alpha: null, layout: { bits: 16 } });
    expect(photo.source.lost).not.toContain('depth');
    expect(photo.source.icc).not.toBeNull();
    const wanted = await original();
    const own = differences(await samplesOf(await photo.source.rows()), photo.layout.channels, wanted);
    console.log(`${name}: ${own.worst} at most, ${own.mean.toFixed(1)} on average`);
    expect(own.worst).toBeLessThanOrEqual(most);
    expect(own.mean).toBeLessThanOrEqual(mostMean);
    const options = { format: 'png', quality: 1, blend: ALL, privacy: 'keep', recipes: [] } as const;
    const { file } = await encodePhoto(photo, photo.rgb, options);
    const saved = await nodePhoto(new Blob([await bytesOf(file)]));
    expect(saved.layout).toMatchObject({ channels: 3, bits: 16 });
    expect(differences(await samplesOf(await saved.source.rows()), 3, wanted)).toEqual(own);
  });

  it('are left to the browser, and that is said, while the decoder can not be fetched', async () => {
    const load = () => Promise.reject(new EngineError('pack-missing', 'offline'));
    const rows = {
      width: 48,
      height: 32,
      channels: 3,
      bits: 8,
      async *bands() {
        yield { top: 0, rows: 32, samples: new Uint8Array(3 * 48 * 32) };
      },
    } as const;
    for (const [name] of CASES) {
      const photo = await decodePhoto(fileOf(fixture(name)), { load, browser: async () => rows });
      expect([photo.layout.bits, photo.source.lost.includes('depth')], name).toEqual([8, true]);
    }
  });

  it('are not decoded out of a damaged file', async () => {
    const bytes = await bytesOf(fileOf(fixture('p3-10.avif')));
    const cut = new Blob([bytes.slice(0, bytes.length - 3000)]);
    const decoding = decodePhoto(cut, { load: loadCodec, browser: noBrowser });
    await expect(decoding).rejects.toMatchObject({ code: 'corrupt-image' });
  });
});

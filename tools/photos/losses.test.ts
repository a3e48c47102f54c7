/** What a file has and no result can carry is said: HDR parts, bits beyond 8. */
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { gainMapJpeg } from '../../e2e/support/gain-map.ts';
import { EngineError } from '../../workers/errors.ts';
import { ALL } from '../../workers/photo/blend.ts';
import { encodePhoto } from '../../workers/photo/encode.ts';
import { readMetadata } from '../../workers/photo/meta/read.ts';
import { type Decoders, openSource } from '../../workers/photo/source.ts';
import { fixture, loadCodec, nodePhoto } from './node-photo.ts';

const blob = (bytes: Uint8Array) => new Blob([new Uint8Array(bytes)]);

describe('a JPEG with a gain map', () => {
  it('is its base image, says so, and is saved without what belongs to the map', async () => {
    const { photo: bytes, base } = await gainMapJpeg(64, 48);
    // The fixture is what it says: both pictures can be found by the offsets in it.
    expect(bytes.subarray(bytes.length - 2)).toEqual(Buffer.from([0xff, 0xd9]));
    const mpf = bytes.indexOf('MPF\0') + 4;
    const mapAt = mpf + bytes.readUInt32BE(mpf + 74);
    expect(bytes.readUInt32BE(mpf + 54)).toBe(mapAt);
    expect(await sharp(bytes.subarray(mapAt, mapAt + bytes.readUInt32BE(mpf + 70))).metadata()).toMatchObject({
      width: 32,
      height: 24,
    });

    const photo = await nodePhoto(blob(bytes));
    expect([...photo.source.lost]).toEqual(['gain-map']);
    expect(photo.rgb).toEqual((await nodePhoto(blob(base))).rgb);
    for (const format of ['jpeg', 'png'] as const) {
      const options = { format, quality: 0.9, blend: ALL, privacy: 'keep', recipes: [] } as const;
      const { file } = await encodePhoto(photo, photo.rgb, options);
      const saved = Buffer.from(await file.arrayBuffer()).toString('latin1');
      for (const gone of ['MPF\0', 'urn:iso:std:iso:ts:21496', 'hdrgm:Version', 'Container:Directory']) {
        expect(saved.includes(gone), gone).toBe(false);
      }
      expect((await readMetadata(format, file)).lost).toEqual([]);
    }
  });
});

describe('bits beyond 8', () => {
  it('of an AVIF are said where the decoder for them is missing', async () => {
    const load = () => Promise.reject(new EngineError('pack-missing', 'offline'));
    const image = sharp({ create: { width: 48, height: 32, channels: 3, background: '#a06030' } });
    for (const bitdepth of [8, 10, 12] as const) {
      const avif = blob(await image.clone().heif({ compression: 'av1', bitdepth }).toBuffer());
      const lossOf = async (decoders: Decoders) => (await openSource(avif, decoders)).lost;
      expect(await lossOf({ load: loadCodec }), `${bitdepth} bits`).toEqual([]);
      expect(await lossOf({ load }), `${bitdepth} bits`).toEqual(bitdepth > 8 ? ['depth'] : []);
    }
  });

  it('of a HEIC are said, also where only the codec tells', async () => {
    const bytes = readFileSync(fixture('p3.heic'));
    expect((await readMetadata('heic', blob(bytes))).bits).toBe(8);
    // ISO 14496-15, 8.3.3.1: bitDepthLumaMinus8 in the last three bits.
    const at = bytes.indexOf('hvcC') + 4 + 17;
    bytes[at] = (bytes[at] as number) | 2;
    expect((await readMetadata('heic', blob(bytes))).bits).toBe(10);
  });
});

import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { RestoreEngine } from './engine.ts';

/** A PNG: the app decodes it itself, so it can be opened in Node. */
const png = (side: number) =>
  sharp({ create: { width: side, height: side, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();

/** A photo that takes long to read: until `read` is called. */
async function slowPhoto(side: number): Promise<{ file: Blob; read: () => void }> {
  let read = () => {};
  const promise = new Promise<void>((resolve) => {
    read = resolve;
  });
  class Slow extends Blob {
    override slice(...range: Parameters<Blob['slice']>): Blob {
      const part = super.slice(...range);
      const own = part.arrayBuffer.bind(part);
      return Object.assign(part, { arrayBuffer: () => promise.then(own) });
    }
  }
  return { file: new Slow([new Uint8Array(await png(side))]), read };
}

describe('RestoreEngine', () => {
  it('keeps the photo that was opened last, though an earlier one is decoded after it', async () => {
    const engine = new RestoreEngine();
    const large = await slowPhoto(64);
    const first = engine.open(large.file);
    const second = await engine.open(new Blob([new Uint8Array(await png(16))]));
    expect(second).toMatchObject({ ok: true, value: { width: 16 } });
    large.read();
    expect(await first).toMatchObject({ ok: false, code: 'cancelled' });
    // What is saved is of the photo that is open.
    const saved = await engine.save({ format: 'png', quality: 1, layers: [] });
    if (!saved.ok) throw new Error(saved.detail);
    const { width } = await sharp(new Uint8Array(await saved.value.file.arrayBuffer())).metadata();
    expect(width).toBe(16);
  });

  it('opens nothing that was closed while it was decoded', async () => {
    const engine = new RestoreEngine();
    const photo = await slowPhoto(16);
    const opened = engine.open(photo.file);
    await engine.close();
    photo.read();
    expect(await opened).toMatchObject({ ok: false, code: 'cancelled' });
    expect(await engine.save({ format: 'png', quality: 1, layers: [] })).toMatchObject({ ok: false });
  });
});

/** A browser that gives no canvas, or can't write one: what a person is told says so, and what comes next works. */
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RestoreEngine } from './engine.ts';
import { jobEvents } from './paint-events.ts';
import type { RestoreEvent } from './protocol.ts';

/** Stands for the browser's: Node has none. */
class Canvas {
  static context = true;
  static write: () => Promise<Blob> = async () => new Blob([], { type: 'image/webp' });
  readonly width: number;
  readonly height: number;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
  }

  getContext(kind: string) {
    return Canvas.context && kind === '2d' ? { canvas: this, putImageData: () => undefined } : null;
  }

  transferToImageBitmap() {
    return { width: this.width, height: this.height, close: () => undefined };
  }

  convertToBlob() {
    return Canvas.write();
  }
}

async function photo(type: 'png' | 'jpeg'): Promise<Blob> {
  const picture = sharp({ create: { width: 16, height: 16, channels: 3, background: 'teal' } });
  return new Blob([new Uint8Array(await picture.toFormat(type).toBuffer())]);
}

async function opened(): Promise<RestoreEngine> {
  const engine = new RestoreEngine();
  expect(await engine.open(await photo('png'))).toMatchObject({ ok: true });
  return engine;
}

const save = (engine: RestoreEngine, format: 'webp' | 'png') => engine.save({ format, quality: 1, layers: [] });

beforeEach(() => {
  Canvas.context = true;
  Canvas.write = async () => new Blob([new Uint8Array(12)], { type: 'image/webp' });
  vi.stubGlobal('OffscreenCanvas', Canvas);
  vi.stubGlobal('ImageData', class {});
});
afterEach(() => vi.unstubAllGlobals());

describe('without a canvas', () => {
  it.each(['no context', 'no OffscreenCanvas'])('(%s) a photo is not shown, and is once there is one', async (what) => {
    const engine = await opened();
    if (what === 'no context') Canvas.context = false;
    else vi.stubGlobal('OffscreenCanvas', undefined);
    expect(await engine.view('photo', 64)).toMatchObject({ ok: false, code: 'no-canvas' });
    expect(await engine.fidelity([], 64)).toMatchObject({ ok: false, code: 'no-canvas' });
    Canvas.context = true;
    vi.stubGlobal('OffscreenCanvas', Canvas);
    expect(await engine.view('photo', 64)).toMatchObject({ ok: true });
  });

  it('a photo that the browser decodes is neither damaged nor a fault of the engine', async () => {
    vi.stubGlobal('createImageBitmap', async () => ({ width: 16, height: 16, close: () => undefined }));
    const engine = new RestoreEngine();
    for (const gone of [Canvas, undefined]) {
      Canvas.context = false;
      vi.stubGlobal('OffscreenCanvas', gone);
      expect(await engine.open(await photo('jpeg'))).toMatchObject({ ok: false, code: 'no-canvas' });
    }
    // What the app decodes itself still opens.
    expect(await engine.open(await photo('png'))).toMatchObject({ ok: true });
  });

  it('a job goes on without its previews', () => {
    const told: RestoreEvent['type'][] = [];
    const { paint, step } = jobEvents((event) => told.push(event.type));
    const place = { step: 1, x: 0, y: 0, w: 4, h: 4, width: 1, height: 1, rgba: new Uint8ClampedArray(4) };
    Canvas.context = false;
    paint?.(place);
    step?.(1, 2);
    Canvas.context = true;
    paint?.(place);
    expect(told).toEqual(['step', 'paint']);
  });
});

describe('a photo that can not be written as WebP', () => {
  const refused = { ok: false, code: 'save-unsupported', values: { format: 'WebP' } };

  it.each([
    ['no context', { context: false }],
    ['no OffscreenCanvas', null],
    ['the browser fails', { write: () => Promise.reject(new DOMException('no', 'EncodingError')) }],
    ['it writes a PNG instead', { write: async () => new Blob([], { type: 'image/png' }) }],
  ])('(%s) is saved as PNG afterwards', async (_, fault) => {
    const engine = await opened();
    if (fault) Object.assign(Canvas, fault);
    else vi.stubGlobal('OffscreenCanvas', undefined);
    expect(await save(engine, 'webp')).toMatchObject(refused);
    const saved = await save(engine, 'png');
    if (!saved.ok) throw new Error(saved.detail);
    const { width } = await sharp(new Uint8Array(await saved.value.file.arrayBuffer())).metadata();
    expect(width).toBe(16);
  });
});

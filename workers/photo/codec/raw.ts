/**
 * Raw files by the developed picture that every camera puts into them: the largest JPEG inside. That holds for DNG, CR2,
 * CR3, NEF, ARW, RAF, ORF, RW2 and PEF alike, however they are built.
 */
import { EngineError } from '../../errors.ts';
import { readAt, viewOf } from '../bytes.ts';
import { jpegSize } from '../headers.ts';
import { TiffFile } from '../meta/tiff.ts';

const WINDOW = 1 << 20;
/** A JPEG's size stands within these bytes, thumbnails and profiles before it. */
const HEAD = 1 << 18;
const MOST = 64;

/** A TIFF whose picture is raw data: DNG, NEF, ARW, CR2, PEF. */
export async function isRawTiff(file: Blob): Promise<boolean> {
  const tiff = await TiffFile.open(file);
  const first = tiff && (await tiff.ifd(tiff.first));
  if (!tiff || !first) return false;
  // DNG's version; a colour filter array; linear raw.
  const isRaw = (ifd: typeof first) => ifd.entries.has(50706) || [32803, 34892].includes(tiff.number(ifd, 262, 0));
  if (isRaw(first)) return true;
  const head = await readAt(file, 8, 2);
  if (head[0] === 0x43 && head[1] === 0x52) return true;
  for (const at of tiff.numbers(first, 330).slice(0, 8)) {
    const sub = await tiff.ifd(at);
    if (sub && isRaw(sub)) return true;
  }
  return false;
}

/**
 * The largest JPEG in the file.
 *
 * @throws EngineError 'unsupported-image' where there is none
 */
export async function rawPreview(file: Blob): Promise<Blob> {
  let best: { at: number; pixels: number } | null = null;
  let found = 0;
  for (let start = 0; start < file.size && found < MOST; start += WINDOW) {
    const bytes = await readAt(file, start, WINDOW + 3);
    for (let i = bytes.indexOf(0xff); i >= 0 && i < WINDOW && found < MOST; i = bytes.indexOf(0xff, i + 1)) {
      if (bytes[i + 1] !== 0xd8 || bytes[i + 2] !== 0xff) continue;
      const pixels = await pixelsAt(file, start + i);
      if (pixels === null) continue;
      found++;
      if (pixels > (best?.pixels ?? 0)) best = { at: start + i, pixels };
    }
  }
  if (!best) throw new EngineError('unsupported-image', 'a raw file without a picture', { type: 'raw' });
  return file.slice(best.at, file.size, 'image/jpeg');
}

/** Null for what is no JPEG that shows a picture: raw data may be lossless JPEG (SOF3) too. */
async function pixelsAt(file: Blob, at: number): Promise<number | null> {
  const view = viewOf(await readAt(file, at, HEAD));
  try {
    const { width, height, components, frame } = jpegSize(view);
    if ((frame !== 0xc0 && frame !== 0xc1 && frame !== 0xc2) || !width || !height) return null;
    return components === 1 || components === 3 ? width * height : null;
  } catch {
    return null;
  }
}

import sharp from 'sharp';

export interface Pixels {
  width: number;
  height: number;
  /** RGB, 8 bits, row by row. */
  data: Uint8Array;
}

/** Decodes a file as the app should show it: orientation applied, alpha dropped. */
export async function decode(file: Buffer | string): Promise<Pixels> {
  const { data, info } = await sharp(file)
    .rotate()
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

/** Peak signal-to-noise ratio in dB over all three channels, peak 255; equal pictures give 99. */
export function psnr(a: Pixels, b: Pixels): number {
  if (a.width !== b.width || a.height !== b.height) {
    throw new Error(`sizes differ: ${a.width}x${a.height} and ${b.width}x${b.height}`);
  }
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += ((a.data[i] ?? 0) - (b.data[i] ?? 0)) ** 2;
  return sum === 0 ? 99 : 10 * Math.log10((255 * 255 * a.data.length) / sum);
}

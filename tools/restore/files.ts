/** Photos in and out of files, and which files a command line means. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { EngineError } from '../../workers/errors.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { UsageError } from './arguments.ts';

const READABLE = new Set(['.jpg', '.jpeg', '.png', '.webp', '.avif', '.tif', '.tiff', '.gif']);
const WRITABLE = new Set(['.jpg', '.jpeg', '.png', '.webp']);

/** Photos up to 50 megapixels, as everywhere in the app. */
const MOST_PIXELS = 50e6;

export interface Job {
  readonly input: string;
  readonly output: string;
}

/**
 * Pairs of input and output. Folders give the photos that lie in them, by name; two photos that would be written to one
 * file are refused.
 *
 * @throws UsageError
 */
export async function listJobs(inputs: readonly string[], output: string): Promise<Job[]> {
  const photos: string[] = [];
  for (const input of inputs) {
    const info = await stat(input).catch(() => null);
    if (!info) throw new UsageError(`There is no ${input}.`);
    if (!info.isDirectory()) photos.push(input);
    else for (const name of (await readdir(input)).sort()) if (isPhotoName(name)) photos.push(join(input, name));
  }
  if (photos.length === 0) throw new UsageError('No photos there.');
  const isFile = WRITABLE.has(extname(output).toLowerCase());
  if (isFile && photos.length > 1) throw new UsageError('Several photos need a folder as output.');
  const jobs = photos.map((input) => ({ input, output: isFile ? output : join(output, `${stem(input)}.png`) }));
  const seen = new Map<string, string>();
  for (const job of jobs) {
    const clash = seen.get(job.output);
    if (clash) throw new UsageError(`${clash} and ${job.input} would both become ${job.output}.`);
    if (resolve(job.input) === resolve(job.output)) throw new UsageError(`${job.input} would be overwritten.`);
    seen.set(job.output, job.input);
  }
  return jobs;
}

const isPhotoName = (name: string) => READABLE.has(extname(name).toLowerCase());
const stem = (path: string) => basename(path, extname(path));

/**
 * Decodes a photo: orientation applied, sRGB, transparency on white.
 *
 * @throws EngineError 'not-an-image', 'too-many-pixels'
 */
export async function readPhoto(path: string): Promise<Photo> {
  const image = sharp(path, { limitInputPixels: MOST_PIXELS, failOn: 'error' });
  try {
    const { data, info } = await image
      .autoOrient()
      .toColourspace('srgb')
      .flatten({ background: '#fff' })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, rgb: info.channels === 1 ? grey(data) : data };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const code = /pixel limit/i.test(message) ? 'too-many-pixels' : 'not-an-image';
    throw new EngineError(code, `${path}: ${message}`);
  }
}

function grey(levels: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(levels.length * 3);
  levels.forEach((level, i) => {
    rgb.fill(level, 3 * i, 3 * i + 3);
  });
  return rgb;
}

/** Writes 8-bit RGB in the format that the name asks for (JPEG and WebP at quality 95). Makes the folder. */
export async function writePhoto(path: string, { width, height, rgb }: Photo): Promise<void> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  const image = sharp(rgb, { raw: { width, height, channels: 3 } });
  const kind = extname(path).toLowerCase();
  if (kind === '.png') await image.png().toFile(path);
  else if (kind === '.webp') await image.webp({ quality: 95 }).toFile(path);
  else await image.jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toFile(path);
}

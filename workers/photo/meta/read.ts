/** Metadata of a file of any type. What can't be read is said to be lost; the picture may still be good. */
import type { ImageType } from '../sniff.ts';
import { type BoxFacts, readHeif, readJxl } from './boxes.ts';
import { readJpeg } from './jpeg.ts';
import { type Metadata, NO_METADATA } from './metadata.ts';
import { readPng } from './png.ts';
import { readTiff } from './tiff.ts';
import { readWebp } from './webp.ts';

const READERS: Partial<Record<ImageType, (file: Blob) => Promise<Metadata>>> = {
  jpeg: readJpeg,
  png: readPng,
  webp: readWebp,
  tiff: readTiff,
  avif: readHeif,
  heic: readHeif,
  jxl: readJxl,
};

export async function readMetadata(type: ImageType, file: Blob): Promise<Metadata & Partial<BoxFacts>> {
  try {
    return (await READERS[type]?.(file)) ?? NO_METADATA;
  } catch {
    return { ...NO_METADATA, lost: ['damaged'] };
  }
}

/** What a build would make, without making it: parts, shards, disk, time. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Prepared } from './build.ts';
import { elementsOfJob, type Job } from './jobs.ts';
import { bytesByGroup } from './layout.ts';
import { inspect } from './out-folder.ts';
import { duration } from './progress.ts';
import { quantiseBlocks } from './quantise.ts';
import { DTYPE_BYTES, type TensorPlace } from './source.ts';

const MB = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Weights a second that one thread quantises at 4 bits here. */
function quantiseSpeed(): number {
  const values = Float32Array.from({ length: 1 << 19 }, (_, i) => Math.sin(i) * 0.02);
  quantiseBlocks(values.subarray(0, 1 << 16), 1 << 6, 1 << 10, 4);
  const started = performance.now();
  quantiseBlocks(values, 1 << 9, 1 << 10, 4);
  return values.length / ((performance.now() - started) / 1000);
}

/** Bytes a second that the largest tensor's file gives, over 64 MB of it; null where there is no file. */
function readSpeed(places: readonly TensorPlace[]): number | null {
  const files = places.flatMap(({ from }) => ('file' in from ? [from] : []));
  const last = files.reduce<(typeof files)[number] | null>((a, b) => (a === null || b.offset > a.offset ? b : a), null);
  if (last === null) return null;
  const file = openSync(last.file, 'r');
  const buffer = new Uint8Array(8 << 20);
  const started = performance.now();
  let bytes = 0;
  while (bytes < 64 << 20) {
    const got = readSync(file, buffer, 0, buffer.length, bytes);
    if (got === 0) break;
    bytes += got;
  }
  closeSync(file);
  return bytes / ((performance.now() - started) / 1000);
}

/** Seconds that the jobs take: reading and quantising go on at the same time, then everything is read back. */
export function estimateSeconds(jobs: readonly Job[], packBytes: number, threads: number): number {
  const elements = jobs.reduce((sum, job) => sum + elementsOfJob(job), 0);
  const bytes = jobs.reduce((sum, job) => sum + elementsOfJob(job) * DTYPE_BYTES[job.place.dtype], 0);
  const speed = readSpeed(jobs.map(({ place }) => place)) ?? Number.POSITIVE_INFINITY;
  return Math.max(elements / (quantiseSpeed() * threads), bytes / speed) + packBytes / Math.min(speed, 1e9);
}

/** The checkpoint's files that a build reads, with their bytes. */
function sourceFiles(jobs: readonly Job[]): Map<string, number> {
  const paths = jobs.flatMap(({ place: { from } }) => ('file' in from ? [from.file] : []));
  return new Map([...new Set(paths)].sort().map((path) => [path, statSync(path).size]));
}

/** @returns lines for people */
export function describe(prepared: Prepared, out: string, threads: number): string[] {
  const { layout, jobs, parts, graphs, wanted, plan } = prepared;
  const graphBytes = [...graphs.values()].flatMap(({ files }) => [...files.values()]).reduce((s, f) => s + f.length, 0);
  const shardBytes = [...layout.shards.values()].reduce((a, b) => a + b, 0);
  const read = jobs.reduce((sum, job) => sum + elementsOfJob(job) * DTYPE_BYTES[job.place.dtype], 0);
  const folder = inspect(out);
  const held = folder.files.reduce(
    (sum, name) => sum + (existsSync(join(out, name)) ? 512 * statSync(join(out, name)).blocks : 0),
    0,
  );
  const image = plan.encoder?.head.image;
  return [
    ...[...sourceFiles(jobs)].map(([file, bytes]) => `reads ${file}: ${MB(bytes)}`),
    ...(image ? [`the language model sees ${image.minPixels} to ${image.maxPixels} px of a photo`] : []),
    `parts: ${parts.join(', ')}`,
    ...Object.entries(bytesByGroup(layout.shards)).map(([group, bytes]) => `  ${group}: ${MB(bytes)}`),
    `shards: ${layout.shards.size}`,
    ...[...layout.shards].map(([name, bytes]) => `  ${name}: ${MB(bytes)}`),
    `graphs: ${graphs.size}, ${MB(graphBytes)}`,
    `weights: ${wanted.length}, made by ${jobs.length} jobs out of ${MB(read)} of tensors`,
    `disk: ${MB(shardBytes + graphBytes)} for the pack, of which ${MB(held)} lie in ${out} already`,
    `time: about ${duration(estimateSeconds(jobs, shardBytes, threads))} with ${threads} threads`,
    'nothing was written',
  ];
}

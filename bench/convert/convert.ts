/** The pack builder on a virtual checkpoint of RealRestorer's shapes, or a fiftieth of them: time, memory, sizes. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildFrom, type PackOptions } from '../../tools/pack/build.ts';
import { openBundle, partsOf } from '../../tools/pack/bundle.ts';
import { bytesByGroup } from '../../tools/pack/layout.ts';
import { defaultThreads } from '../../tools/pack/pool.ts';
import { VirtualCheckpoint, writeVirtual } from '../../tools/pack/virtual.ts';
import { FIFTIETH_CONFIG, FULL_CONFIG } from '../../tools/pack/virtual-config.ts';
import { diskSpeed } from './disk.ts';

const OPTIONS = {
  /** 1: RealRestorer's size, 50: a fiftieth. */
  scale: { type: 'string', default: '50' },
  /** Where the pack goes and stays; a temporary folder, deleted, where absent. */
  out: { type: 'string' },
  /** Writes the checkpoint to files first and converts these (25 GB at scale 1). */
  disk: { type: 'boolean', default: false },
  /** Writes the checkpoint here, and does no more. */
  write: { type: 'string' },
  threads: { type: 'string' },
} as const;

const SHARD_BYTES = 512 * 1024 * 1024;
/** Shards of the checkpoint: diffusers' limit, and one that gives the small checkpoint several too. */
const CHECKPOINT_SHARD = { 1: 10e9, 50: 200e6 };

/** `--scale 1|50 [--out FOLDER] [--disk] [--write FOLDER] [--threads N]`. Sizes in bytes. */
export async function benchConvert(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.scale !== '1' && values.scale !== '50') throw new Error('--scale: 1 or 50');
  const scale = values.scale === '1' ? 1 : 50;
  const config = scale === 1 ? FULL_CONFIG : FIFTIETH_CONFIG;
  const virtual = new VirtualCheckpoint(config);
  if (values.write !== undefined) {
    const started = performance.now();
    await writeVirtual(values.write, config, CHECKPOINT_SHARD[scale]);
    return { scale, wrote: values.write, bytes: virtual.bytes, seconds: round((performance.now() - started) / 1000) };
  }
  const temporary = mkdtempSync(join(tmpdir(), 'convert-'));
  const out = values.out ?? join(temporary, 'pack');
  mkdirSync(out, { recursive: true });
  const checkpoint = join(temporary, 'checkpoint');
  try {
    const disk = diskSpeed(temporary);
    console.error(`disk: ${disk.write} MB/s written, ${disk.read} MB/s read`);
    if (values.disk) await writeVirtual(checkpoint, config, CHECKPOINT_SHARD[scale]);
    const bundle = values.disk
      ? await openBundle(checkpoint)
      : { config, source: virtual, has: partsOf(virtual), className: 'RealRestorerPipeline' };
    const options: PackOptions = {
      name: 'random',
      title: 'Random numbers of RealRestorer’s shapes',
      checkpoint,
      out,
      bits: 4,
      version: '1',
      licence: 'Random numbers',
      source: 'Random numbers of RealRestorer’s shapes, for measurements',
      licenceText: 'Random numbers, made for measurements.\n',
      shardBytes: SHARD_BYTES,
      threads: values.threads === undefined ? defaultThreads() : Number(values.threads),
    };
    const started = performance.now();
    const built = await buildFrom(bundle, options, (line) => console.error(line));
    const seconds = (performance.now() - started) / 1000;
    await bundle.source.close();
    const shards = Object.entries(built.manifest.files).filter(([name]) => name.endsWith('.bin'));
    return {
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      scale,
      source: values.disk ? 'files' : 'virtual',
      threads: options.threads,
      seconds: round(seconds),
      makeSeconds: round(built.seconds.make),
      verifySeconds: round(built.seconds.verify),
      sourceBytes: virtual.bytes,
      // Of this run: an interrupted build that goes on reads less than the whole checkpoint.
      mbPerSecond: built.jobs.kept === 0 ? round(virtual.bytes / 1e6 / built.seconds.make) : null,
      jobs: built.jobs,
      disk,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      parts: bytesByGroup(new Map(shards.map(([name, { bytes }]) => [name, bytes]))),
      packBytes: Object.values(built.manifest.files).reduce((sum, { bytes }) => sum + bytes, 0),
      files: Object.keys(built.manifest.files).length + 2,
    };
  } finally {
    if (existsSync(temporary)) rmSync(temporary, { recursive: true, force: true });
  }
}

const round = (value: number) => Math.round(value * 10) / 10;

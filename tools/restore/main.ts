/**
 * npm run restore -- <photos or folders> -o <file or folder> --task noise
 *
 * The app's pipeline without a browser. Exit status: 0, 1 when a photo failed, 2 for a wrong command line, 130 after
 * Ctrl-C.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../workers/errors.ts';
import { restoreAuto } from '../../workers/pipeline/auto.ts';
import type { Backend } from '../../workers/pipeline/backend.ts';
import type { Engine, JobResult } from '../../workers/pipeline/job.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { tokenizePrompt } from '../../workers/prompts/tokenizer.ts';
import { openEngine } from '../backend-node/backend.ts';
import { type Arguments, readArguments, USAGE, UsageError } from './arguments.ts';
import { type Job, listJobs, readPhoto, writePhoto } from './files.ts';
import { openRanged } from './ranged.ts';
import type { RangeBook } from './ranges.ts';
import { makeReport, progressWriter, proposalReport, type Report } from './report.ts';

const DEFAULT_PACK = fileURLToPath(new URL('../../public/packs/small', import.meta.url));

type CommandEngine = Engine & {
  readonly backend: Backend & { dispose(): Promise<void> };
  /** A file of the pack, checked. */
  file(name: string): Promise<Uint8Array>;
};

async function restoreFile(engine: CommandEngine, args: Arguments, job: Job, signal: AbortSignal): Promise<Report> {
  const { input, output } = job;
  const start = performance.now();
  const photo = await readPhoto(input);
  const read = performance.now() - start;
  const { task: asked, provider: ep, prompt, ...settings } = args;
  const options = {
    ...settings,
    ...(prompt !== undefined && { promptIds: await tokenizePrompt(engine.manifest, prompt, engine.file) }),
    signal,
    events: {
      progress: progressWriter(process.stderr, input),
      notice: (_: unknown, { tile }: Record<string, number>) =>
        process.stderr.write(`${input}: out of memory, going on with tiles of ${tile} px\n`),
    },
  };
  const began = performance.now();
  const made =
    asked === 'auto'
      ? await restoreAuto(engine, photo, options)
      : { result: await restorePhoto(engine, photo, { ...options, task: asked }) };
  const result = made.result ?? leftAlone(photo);
  const proposed = 'proposal' in made ? made.proposal : null;
  const propose = performance.now() - began - result.milliseconds.total;
  const written = performance.now();
  await writePhoto(output, result);
  const write = performance.now() - written;
  const task = made.result ? (proposed?.task ?? asked) : 'clean';
  const about = { input, output, task, ...(proposed && { proposal: proposalReport(proposed) }), ep };
  const ms = proposed ? { read, propose, write } : { read, write };
  return makeReport({ ...about, pack: engine.manifest.name }, result, ms);
}

/** The "result" for a photo that looks clean: itself. */
function leftAlone({ width, height, rgb }: Photo): Omit<JobResult, 'kept'> {
  const milliseconds = { read: 0, conditioning: 0, encode: 0, denoise: 0, decode: 0, total: 0 };
  return { width, height, rgb, milliseconds, tiles: 0, steps: 0, tile: 0, longestCallMs: 0 };
}

async function run(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const args = readArguments(argv, DEFAULT_PACK);
  const jobs = await listJobs(args.inputs, args.output);
  const threads = args.threads ?? Math.min(4, availableParallelism());
  const { engine, book } = await open(args, threads);
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  let status = 0;
  for (const job of jobs) {
    try {
      process.stdout.write(`${JSON.stringify(await restoreFile(engine, args, job, controller.signal))}\n`);
    } catch (error) {
      if (error instanceof EngineError && error.code === 'cancelled') return 130;
      status = 1;
      const code = error instanceof EngineError ? error.code : 'internal';
      const detail = error instanceof Error ? error.message : String(error);
      process.stderr.write(`${job.input}: ${detail}\n`);
      process.stdout.write(`${JSON.stringify({ input: job.input, error: code, detail })}\n`);
    }
  }
  await engine.backend.dispose();
  if (book && args.ranges !== undefined) {
    const { name: pack, version } = engine.manifest;
    const { task, steps, seed, tile } = args;
    const about = { pack, version, job: { task, steps, seed, tile, photos: jobs.map(({ input }) => input) } };
    await writeFile(args.ranges, `${JSON.stringify({ ...about, values: book.rows() }, null, 1)}\n`);
    for (const line of book.summary()) process.stderr.write(`${line}\n`);
  }
  return status;
}

async function open(args: Arguments, threads: number): Promise<{ engine: CommandEngine; book: RangeBook | null }> {
  if (args.ranges !== undefined) return openRanged(args.pack, args.provider, threads, args.rangesInside);
  return { engine: await openEngine(args.pack, args.provider, threads), book: null };
}

run(process.argv.slice(2)).then(
  // ORT's wasm threads would keep the process alive.
  (status) => process.exit(status),
  (error: unknown) => {
    const usage = error instanceof UsageError;
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${usage ? `\n${USAGE}` : ''}`);
    process.exit(usage ? 2 : 1);
  },
);

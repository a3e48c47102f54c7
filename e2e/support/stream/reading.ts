/** Reading a photo by a pack's text part without the rest of a job: the same in the browser and in Node. */
import { sha256Hex } from '../../../workers/packs/store.ts';
import { Calls } from '../../../workers/pipeline/calls.ts';
import type { Engine } from '../../../workers/pipeline/job.ts';
import { ProgressMeter } from '../../../workers/pipeline/progress.ts';
import { encoderOf, promptIds } from '../../../workers/pipeline/qwen/choices.ts';
import { readPhoto, type States } from '../../../workers/pipeline/qwen/read.ts';
import type { Rgb8 } from '../../../workers/pipeline/qwen/resize.ts';

/** No size of the photo changes how the text part's weights are planned. */
const SIZE = { width: 32, height: 32, steps: 1 };

export interface ReadRun {
  /** Of the prompt "noise" and of the empty one. */
  readonly states: readonly States[];
  readonly milliseconds: number;
  readonly longestCallMs: number;
}

/** What is told of states, which are megabytes. */
export interface Summary {
  /** Rows of the states of the prompt "noise" and of the empty one. */
  readonly rows: readonly number[];
  /** SHA-256 of all states. */
  readonly digest: string;
  /** Whether every value is finite, and how many different ones there are. */
  readonly finite: boolean;
  readonly distinct: number;
}

/**
 * One photo with one task's prompt and the empty one, as a job with guidance reads it.
 *
 * @param onCall told after every graph call
 * @throws Error for a pack that has no text part
 */
export async function readOnce(engine: Engine, photo: Rgb8, onCall: () => void = () => undefined): Promise<ReadRun> {
  const { backend, manifest } = engine;
  const { conditioning } = manifest.switches;
  const encoder = encoderOf(manifest);
  if (encoder === null || conditioning.kind !== 'qwen2.5-vl') throw new Error('the pack has no text part');
  const calls = new Calls(backend, manifest, new ProgressMeter(), undefined, { progress: onCall });
  const start = performance.now();
  await backend.prepare?.({ ...SIZE, reads: true });
  const reading = { engine, calls, encoder, stateDim: conditioning.stateDim };
  const states = await readPhoto(reading, photo, [promptIds(encoder, 'noise', {}), []]);
  const milliseconds = performance.now() - start;
  return { states, milliseconds, longestCallMs: calls.longestCallMs };
}

/** Takes more memory than reading itself: for after that was measured. */
export async function summaryOf(states: readonly States[]): Promise<Summary> {
  const all = new Float32Array(states.reduce((sum, { values }) => sum + values.length, 0));
  let at = 0;
  for (const { values } of states) {
    all.set(values, at);
    at += values.length;
  }
  return {
    rows: states.map(({ rows }) => rows),
    digest: await sha256Hex(new Uint8Array(all.buffer)),
    finite: all.every(Number.isFinite),
    distinct: new Set(all).size,
  };
}

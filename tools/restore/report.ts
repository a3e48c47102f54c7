import type { JobResult } from '../../workers/pipeline/job.ts';
import type { Progress, Proposal } from '../../workers/protocol.ts';

/** Writes progress to a stream: one line that is rewritten on a terminal, else a line every tenth of the way. */
export function progressWriter(stream: NodeJS.WriteStream, name: string): (progress: Progress) => void {
  let tenth = -1;
  let stage = '';
  return (progress) => {
    const line = progressLine(name, progress);
    if (stream.isTTY) {
      stream.write(`\r\x1b[2K${line}${progress.fraction === 1 ? '\n' : ''}`);
      return;
    }
    const now = Math.floor(progress.fraction * 10);
    if (now === tenth && progress.stage === stage) return;
    tenth = now;
    stage = progress.stage;
    stream.write(`${line}\n`);
  };
}

export function progressLine(name: string, progress: Progress): string {
  const { stage, step, steps, tile, tiles, fraction, secondsLeft } = progress;
  const parts = [`${String(Math.floor(fraction * 100)).padStart(3)}%`, name, stage];
  if (stage === 'denoise') parts.push(`step ${step}/${steps}`);
  if (tiles > 1 && tile > 0) parts.push(`tile ${tile}/${tiles}`);
  if (secondsLeft !== null) parts.push(`${secondsLeft.toFixed(1)} s left`);
  return parts.join('  ');
}

export interface Report {
  readonly input: string;
  readonly output: string;
  /** What was done; `clean` where nothing was. */
  readonly task: string;
  /** With --task auto: what the pack proposed, and how much of the change was kept. */
  readonly proposal?: { top: string; sure: number; strength: number; classes: Record<string, number> };
  readonly pack: string;
  readonly ep: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly tiles: number;
  readonly tile: number;
  readonly ms: Record<string, number>;
  readonly longestCallMs: number;
  /** Highest resident set of the process so far, bytes. */
  readonly peakRss: number;
}

/** The proposal as it is printed, with four places. */
export function proposalReport({ top, sure, strength, classes }: Proposal): NonNullable<Report['proposal']> {
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  const probabilities = classes.map(({ id, probability }) => [id, round(probability)]);
  return { top, sure: round(sure), strength: round(strength), classes: Object.fromEntries(probabilities) };
}

/** @param fileMs time to read and to write the file, which is not part of the job */
export function makeReport(
  about: Pick<Report, 'input' | 'output' | 'task' | 'proposal' | 'pack' | 'ep'>,
  result: Omit<JobResult, 'kept' | 'rgb'>,
  fileMs: Record<string, number>,
): Report {
  const round = (ms: number) => Math.round(ms * 10) / 10;
  const ms = Object.entries({ ...fileMs, ...result.milliseconds }).map(([stage, value]) => [stage, round(value)]);
  return {
    ...about,
    width: result.width,
    height: result.height,
    steps: result.steps,
    tiles: result.tiles,
    tile: result.tile,
    ms: Object.fromEntries(ms),
    longestCallMs: round(result.longestCallMs),
    // Node reports kilobytes on every platform.
    peakRss: process.resourceUsage().maxRSS * 1024,
  };
}

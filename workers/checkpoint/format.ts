/**
 * What a checkpoint of a job says, version 1. Three kinds of record (record.ts):
 *
 * - job: the settings; payload: the photo's file as it was opened
 * - step: where the job stands; payload: latents of the whole padded photo, float32 `[channels, h, w]`, little-endian
 * - estimate: one step of the film strip; payload: its clean estimate, halves of the same shape
 *
 * Everything is checked when it is read: it may come from another version, or from a write that was cut off.
 */
import { z } from 'zod';
import { mode, taskId } from '../packs/manifest.ts';
import { triedSchema } from '../pipeline/experiments.ts';
import { StepHistory } from '../pipeline/history.ts';
import { makeLatents } from '../pipeline/latents.ts';
import type { JobState } from '../pipeline/state.ts';
import { waySchema } from '../pipeline/ways.ts';

const count = (max: number) => z.number().int().min(0).max(max);
const positive = (max: number) => z.number().int().min(1).max(max);

/** Names a folder: nothing but what `crypto.randomUUID` makes. */
export const jobId = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

export const settingsSchema = z.strictObject({
  id: jobId,
  /** Milliseconds since 1970 when the job began. */
  began: z.number(),
  photo: z.strictObject({ name: z.string().max(1000), type: z.string().max(200) }),
  task: taskId,
  steps: positive(1000),
  seed: z.number(),
  /** What was asked for; null for the pack's own. */
  tile: positive(1 << 16).nullable(),
  /** Settings in place of the pack's, as `SwitchOptions`, and how much of the change is kept. */
  switches: z.strictObject({
    ...triedSchema.shape,
    guidanceEmbed: z.number().exactOptional(),
    firstBlockCache: z.number().exactOptional(),
    skipUncond: z.number().exactOptional(),
    strength: z.number().min(0).max(1).exactOptional(),
  }),
  /** How the job goes through the photo; every tile at full size where absent. */
  way: waySchema.optional(),
  pack: z.strictObject({
    name: z.string().max(200),
    version: z.string().max(200),
    /** SHA-256 of the manifest, which holds those of all files. */
    manifest: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
export type JobSettings = z.infer<typeof settingsSchema>;

const shape = { channels: positive(1024), height: positive(1 << 16), width: positive(1 << 16) };

export const stepSchema = z.strictObject({
  kind: z.literal('step'),
  /** Rises with every write, also where a job starts over with smaller tiles: the highest is the newest. */
  sequence: positive(1e9),
  step: positive(1000),
  steps: positive(1000),
  /** `JobState.tile`. */
  tile: positive(1 << 16),
  engine: z.strictObject({ kind: z.enum(['webgpu', 'wasm', 'cpu']), mode }),
  ...shape,
});
export type StepHeader = z.infer<typeof stepSchema>;

export const estimateSchema = z.strictObject({ kind: z.literal('estimate'), step: count(1000), ...shape });
export type EstimateHeader = z.infer<typeof estimateSchema>;

/** Latents of a step as they are written. Shares the memory of `state`. */
export function stepHeader(state: JobState, sequence: number, engine: StepHeader['engine']): StepHeader {
  const { channels, height, width } = state.latents;
  const { step, tile, history } = state;
  return { kind: 'step', sequence, step, steps: history.steps, tile, engine, channels, height, width };
}

export function estimateHeader(state: JobState): EstimateHeader {
  const { channels, height, width } = state.latents;
  return { kind: 'estimate', step: state.step, channels, height, width };
}

const elements = (header: { channels: number; height: number; width: number }) =>
  header.channels * header.height * header.width;

/** The state that was written, without estimates; null where the payload does not fit its header. */
export function toState(header: StepHeader, payload: Uint8Array<ArrayBuffer>): JobState | null {
  const { step, steps, tile, channels, height, width } = header;
  if (step > steps || payload.byteLength !== 4 * elements(header)) return null;
  const data = new Float32Array(payload.buffer, payload.byteOffset, elements(header));
  const history = new StepHistory(steps, [channels, height, width]);
  return { step, tile, latents: makeLatents(channels, height, width, data), history };
}

/** Puts an estimate into the state that it belongs to; one that doesn't is left out. */
export function adoptEstimate(state: JobState, header: EstimateHeader, payload: Uint8Array<ArrayBuffer>): void {
  const { channels, height, width } = state.latents;
  const same = header.channels === channels && header.height === height && header.width === width;
  if (!same || header.step > state.step || payload.byteLength !== 2 * elements(header)) return;
  state.history.adopt(header.step, new Uint16Array(payload.buffer, payload.byteOffset, elements(header)));
}

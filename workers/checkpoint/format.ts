/**
 * What a checkpoint of a job says, version 1. Three kinds of record (record.ts):
 *
 * - job: the settings; payload: the photo's file as it was opened
 * - step: where the job stands; payload: latents of the whole padded photo, float32 `[channels, h, w]`, little-endian; where steps
 *   are not computed in full, latents of the tile of each of `fullSteps` and then differences of tiles behind them, as `saved` lists them
 * - estimate: one step of the film strip; payload: its clean estimate, halves of the same shape
 *
 * Everything is checked when it is read: it may come from another version, or from a write that was cut off.
 */
import { z } from 'zod';
import { mode, taskId } from '../packs/manifest.ts';
import { triedSchema } from '../pipeline/experiments.ts';
import { StepHistory } from '../pipeline/history.ts';
import { makeLatents } from '../pipeline/latents.ts';
import type { JobState, Saved } from '../pipeline/state.ts';
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
  /** `JobState.saved`. Short, since there is an entry for each tile. */
  saved: z
    .strictObject({
      /** Values of a tile's latents. */
      values: positive(1 << 28),
      /** Tile, step, and then branches. */
      fullSteps: z
        .array(
          z
            .array(count(1 << 16))
            .min(3)
            .max(4),
        )
        .max(1 << 16),
      /** Tiles. */
      differences: z.array(positive(1 << 16)).max(1 << 16),
    })
    .exactOptional(),
  ...shape,
});
export type StepHeader = z.infer<typeof stepSchema>;

export const estimateSchema = z.strictObject({ kind: z.literal('estimate'), step: count(1000), ...shape });
export type EstimateHeader = z.infer<typeof estimateSchema>;

/** Latents of a step as they are written. */
export function stepHeader(state: JobState, sequence: number, engine: StepHeader['engine']): StepHeader {
  const { channels, height, width } = state.latents;
  const { step, tile, history } = state;
  const header = { kind: 'step', sequence, step, steps: history.steps, tile, engine, channels, height, width } as const;
  const { saved } = state;
  const [first] = saved ? tileValues(saved) : [];
  if (!saved || !first) return header;
  const fullSteps = saved.fullSteps.map((full) => [full.tile, full.step, ...full.branches]);
  return { ...header, saved: { values: first.length, fullSteps, differences: [...saved.differences.keys()] } };
}

/** The payload of a step: a copy, since the job changes its latents in place. */
export function stepPayload({ latents, saved }: JobState): Uint8Array<ArrayBuffer> {
  const parts = [latents.data, ...(saved ? tileValues(saved) : [])];
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(whole.buffer);
}

const tileValues = ({ fullSteps, differences }: Saved) => [
  ...fullSteps.map(({ latents }) => latents),
  ...differences.values(),
];

export function estimateHeader(state: JobState): EstimateHeader {
  const { channels, height, width } = state.latents;
  return { kind: 'estimate', step: state.step, channels, height, width };
}

const elements = (header: { channels: number; height: number; width: number }) =>
  header.channels * header.height * header.width;

/** The state that was written, without estimates; null where the payload does not fit its header. */
export function toState(header: StepHeader, payload: Uint8Array<ArrayBuffer>): JobState | null {
  const { step, steps, tile, channels, height, width, saved } = header;
  const { values = 0, fullSteps = [], differences = [] } = saved ?? {};
  const length = elements(header) + values * (fullSteps.length + differences.length);
  if (step > steps || payload.byteLength !== 4 * length) return null;
  if (fullSteps.some(([tileOf = 0, at = 0]) => tileOf < 1 || at >= step)) return null;
  const all = new Float32Array(payload.buffer, payload.byteOffset, length);
  const ofTile = (at: number) => all.subarray(elements(header) + at * values, elements(header) + (at + 1) * values);
  const history = new StepHistory(steps, [channels, height, width]);
  const state = {
    step,
    tile,
    latents: makeLatents(channels, height, width, all.subarray(0, elements(header))),
    history,
  };
  if (!saved) return state;
  return {
    ...state,
    saved: {
      fullSteps: fullSteps.map(([tileOf = 1, at = 0, ...branches], i) => ({
        tile: tileOf,
        step: at,
        branches,
        latents: ofTile(i),
      })),
      differences: new Map(differences.map((tileOf, i) => [tileOf, ofTile(fullSteps.length + i)])),
    },
  };
}

/** Puts an estimate into the state that it belongs to; one that doesn't is left out. */
export function adoptEstimate(state: JobState, header: EstimateHeader, payload: Uint8Array<ArrayBuffer>): void {
  const { channels, height, width } = state.latents;
  const same = header.channels === channels && header.height === height && header.width === width;
  if (!same || header.step > state.step || payload.byteLength !== 2 * elements(header)) return;
  state.history.adopt(header.step, new Uint16Array(payload.buffer, payload.byteOffset, elements(header)));
}

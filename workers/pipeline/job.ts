/** What a job is given, what it says on the way and what it returns. */
import type { Manifest, TaskId } from '../packs/manifest.ts';
import type { Progress } from '../protocol.ts';
import type { Anchor } from './anchor.ts';
import type { Backend } from './backend.ts';
import type { Gate } from './gate.ts';
import type { StepHistory } from './history.ts';
import type { JobState } from './state.ts';
import type { SwitchOptions } from './switches.ts';
import type { Way } from './ways.ts';

/** The engine as the pipeline sees it. */
export interface Engine {
  readonly backend: Backend;
  readonly manifest: Manifest;
  /** Bytes of a shard, verified; used for baked states only (weights are the backend's own business). */
  readShard(shard: string, offset: number, bytes: number): Promise<Uint8Array>;
}

/** A part of the picture after `step`: to be drawn at x, y scaled to w × h photo px. */
export interface Paint {
  /** 1-based. */
  readonly step: number;
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  /** Size of `rgba`, at most w × h. */
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray;
}

/** Plain callbacks; a job awaits none of them, and they must not throw. */
export interface JobEvents {
  progress?(progress: Progress): void;
  paint?(paint: Paint): void;
  /** Every tile of a step is painted. Follows the decode for the last step. */
  step?(step: number, steps: number): void;
  /** The plan changed and the job goes on from its start. */
  notice?(code: 'smaller-tile', values: Record<string, number>): void;
}

export interface JobOptions extends SwitchOptions {
  readonly task: TaskId;
  readonly seed: number;
  /** Euler steps; the pack's default where absent, held within the pack's limits. */
  readonly steps?: number;
  /** Side of a tile in px; the pack's own for this backend where absent. */
  readonly tile?: number;
  /** How much of the change is kept, 0 to 1: photo + strength · (restored - photo). 1 where absent. */
  readonly strength?: number;
  /** For measurements: the reference latents go straight to the decoder. */
  readonly ditOff?: boolean;
  /** For measurements: only every n-th tile goes through the DiT; the others keep their reference latents. */
  readonly ditEvery?: number;
  /** For measurements: only every n-th tile goes through the model at all; the others come back as they are. */
  readonly modelEvery?: number;
  /** Bytes of skip tensors kept over all tiles; beyond, a tile is encoded again. Default 256 MB. */
  readonly skipCacheBytes?: number;
  /** Most bytes that one tensor of a call in bands may take; by the backend's kind where absent (`plan.ts`). */
  readonly bandBytes?: number;
  /**
   * Goes on from the end of a step; its latents are taken over. Photo, task and seed must be those of the job that made
   * it. The job starts from the beginning where plan or size differ.
   */
  readonly resume?: JobState;
  /** With `resume`: paints the steps that are kept as well, for a film strip that has none of them yet. */
  readonly replay?: boolean;
  /** Told of every step that is done; awaited, so that who writes it down can hold the job back. Must not throw. */
  readonly afterStep?: (state: JobState) => void | Promise<void>;
  /** Where the job stands still while it is paused. */
  readonly gate?: Gate;
  /** How the job goes through the photo; every tile at full size where absent. */
  readonly way?: Way;
  readonly signal?: AbortSignal;
  readonly events?: JobEvents;
}

export type Stage = Progress['stage'];
export type StageTimes = Record<Stage | 'total', number>;

export interface JobResult {
  readonly width: number;
  readonly height: number;
  /** 8-bit RGB, `width · height · 3`. */
  readonly rgb: Uint8Array;
  readonly milliseconds: StageTimes;
  readonly tiles: number;
  readonly steps: number;
  /** Side of the tiles that the job ended with (the longer one). */
  readonly tile: number;
  readonly longestCallMs: number;
  /** For `decodeStep`. */
  readonly kept: KeptJob;
}

/** What is needed to make another step the result. Plain data: no tensors. */
export interface KeptJob {
  readonly task: TaskId;
  readonly tile: number;
  readonly steps: number;
  readonly strength: number;
  readonly history: StepHistory;
  readonly way?: Way;
  /** What the tiles were held to; absent where they were not. */
  readonly anchor?: Anchor;
}

/**
 * What the page and the engine worker say to each other (over comlink). Types only, so that the page never
 * pulls engine code into its bundle.
 */
import type { ErrorCode } from './errors.ts';
import type { TaskId } from './packs/manifest.ts';
import type { PackSource } from './packs/protocol.ts';
import type { Fidelity } from './photo/fidelity.ts';
import type { Loss, Privacy } from './photo/meta/metadata.ts';
import type { Recipe } from './photo/meta/xmp.ts';
import type { Proposal } from './pipeline/auto-choice.ts';
import type { Conditions, Experiments } from './pipeline/experiments.ts';
import type { Estimate } from './pipeline/probe.ts';
import type { PromptLanguage, Seen } from './pipeline/qwen/choices.ts';
import type { Posterior } from './pipeline/switches.ts';
import type { Way } from './pipeline/ways.ts';
import type { Layer } from './versions.ts';

export type { Estimate, Fidelity, Layer, Proposal, Way };

/** Which onnxruntime-web bundle runs, and why that one. */
export interface EngineInfo {
  kind: 'webgpu' | 'wasm';
  bundle: 'jspi' | 'asyncify' | 'wasm';
  mode: 'f32' | 'f16';
  /** i18n key under `engine.why`: "webgpu-ok", "no-webgpu", "no-adapter", "self-test-failed", "forced", "device-lost", "bad-numbers". */
  why: string;
  adapter: string;
  threads: number;
  limits: Record<string, number>;
  features: string[];
  selfTest: { name: string; ok: boolean; error: number }[];
}

export interface PackInfo {
  name: string;
  version: string;
  title: string;
  licence: string;
  bytes: number;
  tasks: { id: TaskId; prompt: { en: string; zh: string } }[];
  steps: { min: number; default: number; max: number };
  tile: number;
  /** Whether the pack proposes tasks. */
  auto: boolean;
  /** What makes the pack's conditioning; `baked` is an approximation. */
  conditions: Conditions;
  experiments: Experiments;
  /** On a GPU, for a job with the pack's own tile and steps: how the blocks' weights share its memory. */
  memory?: { blocks: number; streamed: number; bytes: number };
  /** False when something could not be stored on this machine: it is there for now, but not offline. */
  stored?: boolean;
}

export interface EngineOptions {
  pack: PackSource;
  /** URL of the folder with onnxruntime-web's files, ending in "/". */
  ortUrl: string;
  /** For tests and for the settings: `auto` takes the best that passes the self-test. */
  engine: 'auto' | 'webgpu' | 'wasm';
  bundle: 'auto' | 'jspi' | 'asyncify';
  threads?: number;
  /** Bytes of GPU memory that a job may take; 3 GB where absent. */
  gpuBytes?: number;
  /** For tests: a graph node that would run on the CPU beside WebGPU is an error. */
  strict?: boolean;
}

export type StartEvent = { stage: 'runtime' | 'self-test' | 'pack'; done: number; total: number };

export interface PhotoInfo {
  id: number;
  /** Size after orientation is applied, in px. */
  width: number;
  height: number;
  type: string;
  /** With the pack's own tile; 0 while the engine is still starting. */
  tiles: number;
  /** Of the file: bits a channel, whether it is grey, whether its colours are other than sRGB. */
  bits: 8 | 16;
  grey: boolean;
  wide: boolean;
  /** What the file has and no result can carry. */
  lost: readonly Loss[];
  /** What this app did to the photo before, oldest first: its files say so. */
  recipes: readonly Recipe[];
}

export interface RestoreRequest {
  photo: number;
  /** Restores the photo as these layers show it; as it is where absent. */
  base?: readonly Layer[];
  task: TaskId;
  steps: number;
  seed: number;
  /** Side of a tile in px; the pack's own where absent. */
  tile?: number;
  /** Most bytes of one tensor of a graph that runs in bands; by the engine where absent. For tests and measurements. */
  bandBytes?: number;
  /** In place of the pack's own values, where it has such inputs (`workers/pipeline/switches.ts`). */
  referenceId?: number;
  guidanceEmbed?: number;
  guidanceScale?: number;
  firstBlockCache?: number;
  skipUncond?: number;
  /** How much of the change is kept, 0 to 1 (`Proposal.strength`); all of it where absent. */
  strength?: number;
  /** How the job goes through the photo; every tile at full size where absent. */
  way?: Way;
  /** Experiments, for packs that support them (`PackInfo.experiments`). */
  posterior?: Posterior;
  seen?: Seen;
  promptLanguage?: PromptLanguage;
  /** A prompt of people's own in place of the task's. */
  prompt?: string;
  /** Names the job: a UUID. Under it the job can be taken up again. */
  job: string;
  /** For measurements: only every n-th tile goes through the DiT. */
  ditEvery?: number;
  /** For measurements: only every n-th tile goes through the model; the others are cut, blended and painted as they are. */
  modelEvery?: number;
  /** False: the job keeps no checkpoint, as who asked for it keeps the photo and asks again. */
  keep?: boolean;
  /** Goes on where this job stood, from the beginning where nothing of it can be used. */
  resume?: {
    /** The page has no film strip of the steps before: paint them again. */
    replay: boolean;
    /** Steps that were done, as far as the page knows: where nothing of them can be used, a notice says so. */
    step: number;
  };
}

/** A job that did not come to its end: the tab was closed, the worker crashed, the device was lost for good. */
export interface UnfinishedJob {
  id: string;
  /** Of the photo's file. */
  name: string;
  task: TaskId;
  /** Steps that are done. */
  step: number;
  steps: number;
  seed: number;
  /** What was asked for; null for the pack's own. */
  tile: number | null;
  switches: Pick<
    RestoreRequest,
    | 'referenceId'
    | 'guidanceEmbed'
    | 'guidanceScale'
    | 'firstBlockCache'
    | 'skipUncond'
    | 'strength'
    | 'posterior'
    | 'seen'
    | 'promptLanguage'
    | 'prompt'
  >;
  way?: Way;
}

/** The ways through the photo that is open, for a pack whose weights are streamed. */
export interface EstimateRequest {
  steps: number;
  /** What the person chose, in px of the photo. */
  area: Extract<Way, { kind: 'area' }> | null;
}

/** What the engine changed on its own, or could not do, while the job goes on. */
export type NoticeCode =
  | 'smaller-tile'
  /** A new device, or a new worker, goes on from the last step. */
  | 'device-lost'
  /** Wrong numbers: on without subgroups, with float32, or on the processor. */
  | 'without-subgroups'
  | 'to-float32'
  | 'to-wasm'
  /** The job can't be taken up again should the tab be closed. */
  | 'not-kept'
  /** What was kept of the job could not be used. */
  | 'started-over'
  /** At the end: the result looks like what was restored. */
  | 'barely-changed';

export interface Progress {
  /** `read`: a language model looks at the photo; `conditioning`: what follows from that for every step. */
  stage: 'read' | 'conditioning' | 'encode' | 'denoise' | 'decode';
  step: number;
  steps: number;
  tile: number;
  tiles: number;
  /** 0 to 1, never falls during a job. */
  fraction: number;
  secondsLeft: number | null;
}

export type RestoreEvent =
  | { type: 'progress'; progress: Progress }
  /** A part of the picture as it stands after `step`: RGBA, `width × height`, to be drawn at x, y scaled to w × h photo px. */
  | { type: 'paint'; step: number; x: number; y: number; w: number; h: number; image: ImageBitmap }
  /** Every tile of a step is painted; the page takes its film strip frame. */
  | { type: 'step'; step: number; steps: number }
  /** Something changed and the job goes on. */
  | { type: 'notice'; code: NoticeCode; values: Record<string, number> }
  /** The job goes on with another engine than the one that was started. */
  | { type: 'engine'; engine: EngineInfo; pack: PackInfo };

export interface RestoreResult {
  id: number;
  width: number;
  height: number;
  milliseconds: { read: number; conditioning: number; encode: number; denoise: number; decode: number; total: number };
  tiles: number;
  steps: number;
  /** Steps that `keepStep` can make the result, rising: of a large photo not all are kept. */
  keepable: readonly number[];
  longestCallMs: number;
  memory: { gpuPeakBytes: number; heapBytes: number };
}

export type ExportFormat = 'png' | 'jpeg' | 'webp' | 'tiff';

export interface SaveRequest {
  format: ExportFormat;
  /** 0 to 1, for jpeg and webp. */
  quality: number;
  /** `keep` where absent. */
  privacy?: Privacy;
  /** From the lowest up; the newest result, all of it, where absent. */
  layers?: readonly Layer[];
  /** The app's version, for the recipe. */
  app?: string;
}

export interface Saved {
  file: Blob;
  /** What found no place in the format. */
  lost: readonly Loss[];
}

/** Failures cross the worker's door as plain values: comlink would keep only the message of an error. */
export type Outcome<T> =
  | { ok: true; value: T }
  | { ok: false; code: ErrorCode; detail: string; values: Record<string, string | number> };

export interface EngineApi {
  start(
    options: EngineOptions,
    onEvent: (event: StartEvent) => void,
  ): Promise<Outcome<{ engine: EngineInfo; pack: PackInfo }>>;
  /**
   * Decodes, orients and keeps one photo (the earlier one is let go). 'cancelled' when another one was opened, or this one
   * closed, before it was decoded.
   */
  open(file: Blob): Promise<Outcome<PhotoInfo>>;
  /**
   * For the screen, fitted into `maxSide`: the photo; what the newest job, or the job with this number, put out; or the photo
   * with layers on it.
   */
  view(which: 'photo' | 'result' | number | readonly Layer[], maxSide: number): Promise<Outcome<ImageBitmap>>;
  /** How the photo with layers on it differs from the photo as it is. */
  fidelity(layers: readonly Layer[], maxSide: number): Promise<Outcome<{ numbers: Fidelity; map: ImageBitmap }>>;
  /** Lets a result go. */
  dropResult(id: number): Promise<void>;
  /** Which task the open photo needs; null where the pack proposes none. Given up for a job: 'cancelled' then. */
  propose(): Promise<Outcome<Proposal | null>>;
  /** How long each way takes, from a probe of two blocks that is kept for the next question. Waits for a job under way. */
  estimate(request: EstimateRequest): Promise<Outcome<Estimate[]>>;
  restore(request: RestoreRequest, onEvent: (event: RestoreEvent) => void): Promise<Outcome<RestoreResult>>;
  /** Stops after the graph call in flight; `restore` then answers `cancelled`. */
  cancel(): Promise<void>;
  /** The job stands still after the graph call in flight, and gives back what memory it can. */
  pause(): Promise<void>;
  unpause(): Promise<void>;
  /** Jobs that can be taken up again, the newest first, without one that runs. */
  unfinished(): Promise<Outcome<UnfinishedJob[]>>;
  /** The photo's file of an unfinished job. Fails with 'corrupt-image' where it is not whole any more. */
  unfinishedPhoto(job: string): Promise<Outcome<File>>;
  /** An unfinished job is not wanted any more. */
  discard(job: string): Promise<Outcome<void>>;
  /** Holds a Web Lock of this name for as long as the worker lives, so that the page sees its end. */
  liveUnder(lock: string): Promise<void>;
  /**
   * Makes step `step` (1-based) of the newest result's job the result: its clean estimate is decoded at full size.
   * 'step-not-kept' for one that is not among `RestoreResult.keepable`.
   */
  keepStep(step: number, onEvent: (event: RestoreEvent) => void): Promise<Outcome<RestoreResult>>;
  /** The result as a file at the photo's own size, with its metadata, in its own colours. */
  save(request: SaveRequest): Promise<Outcome<Saved>>;
  /** Forgets the photo and the result. */
  close(): Promise<void>;
  /** Test hook: loses the GPU device as a driver reset would. */
  loseDevice(): Promise<void>;
}

/**
 * What the pipeline needs of a runtime. `workers/runtime` implements it on onnxruntime-web, `tools/backend-node` in Node.
 * Nothing in `pipeline` knows ORT, WebGPU or the DOM.
 */
import type { Mode } from '../packs/manifest.ts';

export type DType = 'float32' | 'float16' | 'int32' | 'uint8';
/** float16 travels as raw bits. */
export type TensorData = Float32Array | Int32Array | Uint8Array | Uint16Array;

/** A tensor that the backend owns: on the GPU where there is one. Dispose it exactly once. */
export interface Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  dispose(): void;
}

/** Positions `start` to `start + rows` of a tensor along an axis. */
export interface Piece {
  readonly tensor: Tensor;
  readonly start: number;
  readonly rows: number;
}

/** The ids of graph instances are those of the manifest: "double.0", "enc.1", … */
export interface Backend {
  readonly kind: 'webgpu' | 'wasm' | 'cpu';
  readonly mode: Mode;
  /** Multiply-adds a second of a large product, where they were measured: plans keep every dispatch short by it. */
  readonly macsPerSecond?: number;
  /** Copies `data` to where the graphs run. */
  upload(dtype: DType, dims: readonly number[], data: TensorData): Tensor;
  /**
   * A new tensor made of rows of others along `axis`, one after the other, with rows of zeros before and after them: how
   * bands are cut and joined. The sources stay the caller's; they have one dtype of 4 bytes and agree in all other axes.
   */
  join(axis: number, pieces: readonly Piece[], zerosBefore: number, zerosAfter: number): Tensor;
  /** Copies a tensor back. */
  download(tensor: Tensor): Promise<TensorData>;
  /**
   * Runs one graph instance with its weights. `feeds` holds every data input by name; they stay the caller's.
   * The result holds every output by name; the caller disposes them. Throws `EngineError`.
   * One call is the unit of cancelling: it is never interrupted.
   */
  run(instance: string, feeds: Readonly<Record<string, Tensor>>, options?: RunOptions): Promise<Record<string, Tensor>>;
  /** The weights of an instance will not be needed again in this job: lets them go. Nothing where none are held. */
  release(instance: string): void;
  /**
   * A job (or another try at it) of this size begins: a backend with little memory divides it anew.
   *
   * @returns how many tiles a step takes through the blocks at a time, so that they share streamed weights
   */
  prepare?(size: JobSize): Promise<number>;
  /** Where weights are streamed, a hint: the instance runs after the one that runs next, so its weights can come meanwhile. */
  prefetch?(instance: string): void;
  /** `x + factor · y`, float32, shaped as `x`; `y` may be longer, its first elements count. For caching (`block-cache.ts`). */
  mix?(x: Tensor, y: Tensor, factor: number): Tensor;
  /** Sums of |x - y| and |y| over two float32 tensors of one size. */
  distance?(x: Tensor, y: Tensor): Promise<{ difference: number; size: number }>;
  /** Peak and present bytes, as far as the backend can count them. */
  memory(): MemoryUse;
}

export interface JobSize {
  /** Sides of a tile in px. */
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  /** Streams of image tokens that the job holds between steps (`block-cache.ts`); none where absent. */
  readonly heldStreams?: number;
  /** Tiles of the photo; 1 where absent. */
  readonly tiles?: number;
  /** Before the transformer runs: the blocks of the text encoder flow, and nothing of the transformer is held. */
  readonly reads?: boolean;
}

export interface RunOptions {
  /** Attention is cut into this many pieces along the queries; the backend takes the graph variant that fits. */
  readonly queryChunks?: number;
}

export interface MemoryUse {
  readonly gpuBytes: number;
  readonly gpuPeakBytes: number;
  readonly heapBytes: number;
}

/** The tensors of the two browser backends. */
import type { Tensor as OrtTensor } from 'onnxruntime-web';
import { EngineError } from '../errors.ts';
import type { DType, Tensor } from '../pipeline/backend.ts';

/** A tensor around one of ORT's; `free` gives its memory back. */
export class RuntimeTensor implements Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly #ort: OrtTensor;
  readonly #free: () => void;
  #alive = true;

  constructor(dtype: DType, dims: readonly number[], ort: OrtTensor, free: () => void) {
    this.dtype = dtype;
    this.dims = dims;
    this.#ort = ort;
    this.#free = free;
  }

  /** What ORT is fed. @throws EngineError 'internal' after dispose */
  get ort(): OrtTensor {
    if (!this.#alive) throw new EngineError('internal', `tensor [${this.dims}] used after dispose`);
    return this.#ort;
  }

  /** @throws EngineError 'internal' when called twice: the memory may belong to another tensor by then */
  dispose(): void {
    if (!this.#alive) throw new EngineError('internal', `tensor [${this.dims}] disposed twice`);
    this.#alive = false;
    this.#free();
  }
}

/** @throws EngineError 'internal' for a tensor of another backend */
export function ortTensorOf(tensor: Tensor): OrtTensor {
  if (!(tensor instanceof RuntimeTensor)) throw new EngineError('internal', 'tensor of another backend');
  return tensor.ort;
}

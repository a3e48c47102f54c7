/**
 * Buffers for activations, owned by the app and handed to ORT as inputs and outputs. Freed buffers are kept for the
 * next tensor of the same size (blocks ask for the same few sizes again and again), up to a limit.
 *
 * Reuse needs no fence: everything goes through one queue, so a later write comes after earlier reads.
 */
import { EngineError } from '../errors.ts';

/** ORT binds whole buffers and downloads in units of 16 bytes. */
export const roundUp16 = (bytes: number) => Math.max(16, Math.ceil(bytes / 16) * 16);

/** Free bytes that are kept: two activations of the largest tile (8.8k tokens of 3072, fp32) and some small ones. */
const KEPT_BYTES = 256 * 1024 * 1024;

export class BufferPool {
  readonly #device: GPUDevice;
  readonly #limit: number;
  readonly #keptBytes: number;
  /** Free buffers, the longest unused first. */
  #free: GPUBuffer[] = [];
  #freeBytes = 0;
  readonly #inUse = new Set<GPUBuffer>();
  /** Buffers that were in use when `forsake` was called: they are destroyed when they come back. */
  readonly #forsaken = new WeakSet<GPUBuffer>();

  constructor(device: GPUDevice, keptBytes: number = KEPT_BYTES) {
    this.#device = device;
    this.#limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    this.#keptBytes = keptBytes;
  }

  /**
   * A buffer of at least `bytes`, its content undefined.
   *
   * @throws EngineError 'out-of-memory' when it is over the device's limits (a smaller tile may fit)
   */
  acquire(bytes: number): GPUBuffer {
    const size = roundUp16(bytes);
    if (size > this.#limit) {
      throw new EngineError('out-of-memory', `a buffer of ${size} bytes, the device allows ${this.#limit}`);
    }
    const index = this.#free.findLastIndex((buffer) => buffer.size === size);
    const found = this.#free[index];
    if (found) {
      this.#free.splice(index, 1);
      this.#freeBytes -= size;
      this.#inUse.add(found);
      return found;
    }
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const made = this.#device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
    this.#inUse.add(made);
    return made;
  }

  release(buffer: GPUBuffer): void {
    this.#inUse.delete(buffer);
    if (this.#forsaken.has(buffer)) {
      buffer.destroy();
      return;
    }
    this.#free.push(buffer);
    this.#freeBytes += buffer.size;
    while (this.#freeBytes > this.#keptBytes) this.#dropOldest();
  }

  /** Destroys every free buffer. */
  drain(): void {
    while (this.#free.length > 0) this.#dropOldest();
  }

  /**
   * Drains, and never gives out again what is in use now. After running out of memory any buffer may be invalid
   * without anybody having been told which.
   */
  forsake(): void {
    this.drain();
    for (const buffer of this.#inUse) this.#forsaken.add(buffer);
    this.#inUse.clear();
  }

  #dropOldest(): void {
    const buffer = this.#free.shift();
    if (!buffer) return;
    this.#freeBytes -= buffer.size;
    buffer.destroy();
  }
}

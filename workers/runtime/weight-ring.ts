/**
 * From the disk to the GPU: a ring of mapped staging buffers. A block's weights are read straight into mapped memory and
 * copied from there on the GPU's own queue, while the next buffer is being filled. Measured in Chromium, this moved three
 * times as many bytes a second as writeBuffer or new staging buffers.
 */
import { Mutex } from './mutex.ts';

/** `bytes` from `offset` of the staging buffer to the start of `buffer`; multiples of 4. */
export interface StagedCopy {
  readonly offset: number;
  readonly bytes: number;
  readonly buffer: GPUBuffer;
}

interface Stage {
  readonly buffer: GPUBuffer;
  /** Done when the buffer is mapped for writing. */
  mapped: Promise<unknown>;
}

export class WeightRing {
  readonly #device: GPUDevice;
  readonly #stages: Stage[];
  readonly #mutex = new Mutex();
  #next = 0;

  /** @param bytes size of each of the `count` staging buffers, a multiple of 16 */
  constructor(device: GPUDevice, bytes: number, count: number) {
    this.#device = device;
    this.#stages = Array.from({ length: count }, () => ({
      buffer: device.createBuffer({
        size: bytes,
        usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC,
        mappedAtCreation: true,
      }),
      mapped: Promise.resolve(),
    }));
  }

  /**
   * Fills one staging buffer and copies it out. Fills come one after the other; what was submitted to the queue before
   * still reads the old content of the targets, what is submitted afterwards reads the new one.
   *
   * @param fill writes into the mapped memory, all of `copies`
   * @throws what `fill` throws; nothing is copied then
   */
  fill(fill: (mapped: ArrayBuffer) => Promise<void>, copies: readonly StagedCopy[]): Promise<void> {
    return this.#mutex.run(async () => {
      const stage = this.#stages[this.#next] as Stage;
      this.#next = (this.#next + 1) % this.#stages.length;
      await stage.mapped;
      try {
        await fill(stage.buffer.getMappedRange());
        stage.buffer.unmap();
        const encoder = this.#device.createCommandEncoder();
        for (const { offset, bytes, buffer } of copies) {
          encoder.copyBufferToBuffer(stage.buffer, offset, buffer, 0, bytes);
        }
        this.#device.queue.submit([encoder.finish()]);
      } finally {
        // A range can be asked for only once while a buffer stays mapped; unmapping twice does nothing.
        stage.buffer.unmap();
        stage.mapped = stage.buffer.mapAsync(GPUMapMode.WRITE);
        // A lost device rejects it; who fills next hears of that.
        stage.mapped.catch(() => undefined);
      }
    });
  }

  /** After the fill that is under way, if any. */
  destroy(): Promise<void> {
    return this.#mutex.run(() => {
      for (const { buffer } of this.#stages) buffer.destroy();
    });
  }
}

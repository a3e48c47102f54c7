/**
 * Whether graphics memory is really there. Drivers don't fail when a card is full: they move buffers to the host's memory, and
 * everything slows down. So before weights are to stay, as much memory is touched and copied within; where that is less than
 * half as fast as copying within a little of it, it has spilled.
 */

/** Buffers of this size are copied; less than two of them is not worth a look. */
const CHUNK_BYTES = 64 * 2 ** 20;
/** Below this share of the rate within two chunks, memory has spilled. */
const SPILLED = 0.5;
/** Another program's work on the card slows a copy down as well: the best of so many counts. */
const TRIES = 3;

/** Bytes a second of copies within `bytes` of memory that is taken for that and given back; null where it can't be had. */
export type CopyRate = (bytes: number) => Promise<number | null>;

/**
 * How many of `bytes` may be taken: all of them, or what is left after halving until copying is quick.
 *
 * @param rate measures; asked for two chunks first
 */
export async function memoryThere(bytes: number, rate: CopyRate, chunk: number = CHUNK_BYTES): Promise<number> {
  if (bytes < 2 * chunk) return bytes;
  const best = async (size: number) => {
    const rates: number[] = [];
    for (let at = 0; at < TRIES; at++) rates.push((await rate(size)) ?? 0);
    return Math.max(...rates);
  };
  const usual = await best(2 * chunk);
  for (let size = bytes; size >= 2 * chunk; size /= 2) {
    let there = false;
    for (let at = 0; at < TRIES && !there; at++) there = ((await rate(size)) ?? 0) >= SPILLED * usual;
    if (there) return size;
  }
  return chunk;
}

/** `CopyRate` on a device. */
export function copyRateOn(device: GPUDevice, chunk: number = CHUNK_BYTES): CopyRate {
  const { COPY_SRC, COPY_DST } = GPUBufferUsage;
  return async (bytes) => {
    device.pushErrorScope('out-of-memory');
    const sizes = Array.from({ length: Math.floor(bytes / chunk) }, () => chunk);
    const buffers = sizes.map((size) => device.createBuffer({ size, usage: COPY_SRC | COPY_DST }));
    const failed = await device.popErrorScope();
    try {
      if (failed) return null;
      const touch = device.createCommandEncoder();
      for (const buffer of buffers) touch.clearBuffer(buffer);
      device.queue.submit([touch.finish()]);
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      const copy = device.createCommandEncoder();
      for (const [at, buffer] of buffers.entries()) {
        copy.copyBufferToBuffer(buffer, 0, buffers[(at + 1) % buffers.length] as GPUBuffer, 0, chunk);
      }
      device.queue.submit([copy.finish()]);
      await device.queue.onSubmittedWorkDone();
      return (1000 * chunk * buffers.length) / Math.max(0.01, performance.now() - start);
    } finally {
      for (const buffer of buffers) buffer.destroy();
    }
  };
}

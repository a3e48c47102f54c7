/** Bytes a second from the private file system to the GPU: the app's way of a pack's blocks, and the plain copy beside it. */
import type { DiskReader } from '../../../workers/packs/disk.ts';
import type { Mode } from '../../../workers/packs/manifest.ts';
import type { Pack } from '../../../workers/packs/pack.ts';
import type { Gpu } from '../../../workers/runtime/device.ts';
import { GpuWeights } from '../../../workers/runtime/gpu-weights.ts';
import { blockWeights } from '../../../workers/runtime/memory-plan.ts';
import type { LoadedOrt } from '../../../workers/runtime/ort.ts';
import { planWeights } from '../../../workers/runtime/weight-plan.ts';

export interface CopyRun {
  readonly bytes: number;
  readonly ms: number;
}

/**
 * Every block once, all of them streamed, nothing computed in between. Bytes as they arrive on the GPU. A device that can't compute
 * in float16 can be brought its weights all the same.
 */
export async function streamedCopy({ ort }: LoadedOrt, { device }: Gpu, pack: Pack, mode: Mode): Promise<CopyRun> {
  const blocks = blockWeights(pack.manifest, mode);
  const wrap = (buffer: GPUBuffer, dataType: 'float32' | 'float16' | 'int32' | 'uint8', dims: readonly number[]) =>
    ort.Tensor.fromGpuBuffer(buffer, { dataType, dims });
  const weights = new GpuWeights(device, pack, mode, wrap, planWeights(blocks, 0));
  try {
    // Slots and ring are made by the first blocks of each kind; that is no copying.
    for (const { id } of blocks) await weights.use(id);
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    for (const [at, { id }] of blocks.entries()) {
      const next = blocks[at + 1];
      if (next) weights.prefetch(next.id);
      await weights.use(id);
    }
    await device.queue.onSubmittedWorkDone();
    return { bytes: blocks.reduce((sum, { bytes }) => sum + bytes, 0), ms: performance.now() - start };
  } finally {
    await weights.shrinkTo(0);
  }
}

/** So many bytes of one file, over and over: read into a ring of two mapped buffers, copied to one buffer, nothing else. */
export async function plainCopy(
  { device }: Gpu,
  reader: DiskReader,
  bytes: number,
  stageBytes: number,
): Promise<CopyRun> {
  const { MAP_WRITE, COPY_SRC, COPY_DST, STORAGE } = GPUBufferUsage;
  const size = Math.min(stageBytes, reader.bytes - (reader.bytes % 16));
  const make = () => device.createBuffer({ size, usage: MAP_WRITE | COPY_SRC, mappedAtCreation: true });
  const stages = [make(), make()].map((buffer) => ({ buffer, mapped: Promise.resolve() as Promise<unknown> }));
  const target = device.createBuffer({ size, usage: STORAGE | COPY_DST });
  const start = performance.now();
  let copied = 0;
  for (let turn = 0; copied < bytes; turn++) {
    const stage = stages[turn % 2];
    if (!stage) break;
    await stage.mapped;
    const from = (turn * size) % (reader.bytes - size + 1);
    await reader.read(new Uint8Array(stage.buffer.getMappedRange()), from - (from % 16));
    stage.buffer.unmap();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(stage.buffer, 0, target, 0, size);
    device.queue.submit([encoder.finish()]);
    stage.mapped = stage.buffer.mapAsync(GPUMapMode.WRITE);
    copied += size;
  }
  await device.queue.onSubmittedWorkDone();
  const ms = performance.now() - start;
  for (const { buffer, mapped } of stages) {
    await mapped;
    buffer.destroy();
  }
  target.destroy();
  return { bytes: copied, ms };
}

/**
 * Multiply-adds a second of the 4-bit product that packs spend their time on, measured on the device. Plans are made with it:
 * which dispatch would take so long that a driver takes the device for hung.
 */
import type { Tensor } from 'onnxruntime-web';
import type { Mode } from '../packs/manifest.ts';
import type { Gpu } from './device.ts';
import { encodeGraph } from './onnx-bytes.ts';
import type { LoadedOrt } from './ort.ts';
import { gpuSessionOptions } from './session-options.ts';

const SIDE = 1024;
const BLOCK = 32;
/** Rows, rising: the larger product where the smaller one was over too soon to tell. */
const ROWS = [64, 2048] as const;
const TELLING_MS = 20;

/** The graph in bytes; rows · SIDE · SIDE multiply-adds. */
function product(rows: number, mode: Mode): Uint8Array<ArrayBuffer> {
  const element = mode === 'f16' ? 'float16' : 'float32';
  const blocks = SIDE / BLOCK;
  return encodeGraph({
    nodes: [
      {
        op: 'MatMulNBits',
        domain: 'com.microsoft',
        inputs: ['x', 'b', 's'],
        output: 'y',
        attributes: { K: SIDE, N: SIDE, bits: 4, block_size: BLOCK, accuracy_level: 4 },
      },
    ],
    inputs: [
      { name: 'x', element, dims: [1, rows, SIDE] },
      { name: 'b', element: 'uint8', dims: [SIDE, blocks, BLOCK / 2] },
      { name: 's', element, dims: [SIDE, blocks] },
    ],
    outputs: [{ name: 'y', element, dims: [1, rows, SIDE] }],
    constants: [],
  });
}

/** Calls ORT, so nothing else may at the same time. Null where the product does not run. */
export async function measureRate({ ort }: LoadedOrt, gpu: Gpu, mode: Mode): Promise<number | null> {
  const { device } = gpu;
  const dataType = mode === 'f16' ? 'float16' : 'float32';
  const bytes = mode === 'f16' ? 2 : 4;
  const buffers: GPUBuffer[] = [];
  const tensor = (type: 'float32' | 'float16' | 'uint8', dims: number[], size: number): Tensor => {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const buffer = device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
    buffers.push(buffer);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: type, dims });
  };
  let rate: number | null = null;
  try {
    for (const rows of ROWS) {
      const session = await ort.InferenceSession.create(product(rows, mode), gpuSessionOptions(device, false));
      try {
        const feeds = {
          x: tensor(dataType, [1, rows, SIDE], rows * SIDE * bytes),
          b: tensor('uint8', [SIDE, SIDE / BLOCK, BLOCK / 2], (SIDE * SIDE) / 2),
          s: tensor(dataType, [SIDE, SIDE / BLOCK], (SIDE * SIDE * bytes) / BLOCK),
        };
        const fetches = { y: tensor(dataType, [1, rows, SIDE], rows * SIDE * bytes) };
        const run = async () => {
          const start = performance.now();
          await session.run(feeds, fetches);
          await device.queue.onSubmittedWorkDone();
          return performance.now() - start;
        };
        // The first run compiles.
        await run();
        const ms = await run();
        rate = (1000 * rows * SIDE * SIDE) / ms;
        if (ms >= TELLING_MS) break;
      } finally {
        await session.release().catch(() => undefined);
      }
    }
    return rate;
  } catch {
    return rate;
  } finally {
    gpu.takeErrors();
    for (const buffer of buffers) buffer.destroy();
  }
}

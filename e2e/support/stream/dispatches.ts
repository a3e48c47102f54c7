/**
 * Times every dispatch of a device with timestamp queries: each gets a compute pass of its own. Slows the work down, so it is
 * switched on for a run of its own.
 */
const SLOTS = 256;

interface Batch {
  readonly queries: GPUQuerySet;
  readonly labels: string[];
  result: GPUBuffer | null;
}

export interface DispatchTime {
  /** Label of the pipeline: onnxruntime puts the program's name there. */
  readonly program: string;
  readonly ms: number;
}

let on = false;
let batches: Batch[] = [];
const byEncoder = new WeakMap<GPUCommandEncoder, Batch>();

/** Before any device is made: devices from now on can time their work where the adapter can. */
export function wantTimestamps(): void {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = function (descriptor = {}) {
    if (!this.features.has('timestamp-query')) return request.call(this, descriptor);
    const requiredFeatures: GPUFeatureName[] = [...(descriptor.requiredFeatures ?? []), 'timestamp-query'];
    return request.call(this, { ...descriptor, requiredFeatures });
  };
}

/** @param device made after `wantTimestamps` */
export function watchDispatches(device: GPUDevice): void {
  if (!device.features.has('timestamp-query')) return;
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = create(descriptor);
    if (on) instrument(device, encoder);
    return encoder;
  };
}

function instrument(device: GPUDevice, encoder: GPUCommandEncoder): void {
  const begin = encoder.beginComputePass.bind(encoder);
  const finish = encoder.finish.bind(encoder);
  encoder.beginComputePass = (descriptor = {}) => {
    let batch = byEncoder.get(encoder);
    if (!batch) {
      batch = { queries: device.createQuerySet({ type: 'timestamp', count: 2 * SLOTS }), labels: [], result: null };
      byEncoder.set(encoder, batch);
      batches.push(batch);
    }
    return onePassEach(begin, descriptor, batch);
  };
  encoder.finish = (descriptor) => {
    const batch = byEncoder.get(encoder);
    if (batch) {
      const bytes = 16 * batch.labels.length;
      const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
      const resolved = device.createBuffer({ size: Math.max(16, bytes), usage: QUERY_RESOLVE | COPY_SRC });
      batch.result = device.createBuffer({ size: Math.max(16, bytes), usage: COPY_DST | MAP_READ });
      encoder.resolveQuerySet(batch.queries, 0, 2 * batch.labels.length, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, batch.result, 0, bytes);
    }
    return finish(descriptor);
  };
}

/** What onnxruntime takes for its pass: it sets pipeline and bind group before every dispatch. */
function onePassEach(
  begin: (descriptor: GPUComputePassDescriptor) => GPUComputePassEncoder,
  descriptor: GPUComputePassDescriptor,
  batch: Batch,
): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline | null = null;
  const groups = new Map<number, GPUBindGroup | null>();
  const within = (work: (pass: GPUComputePassEncoder) => void) => {
    const at = batch.labels.length;
    batch.labels.push(pipeline?.label ?? '');
    const timestampWrites = {
      querySet: batch.queries,
      beginningOfPassWriteIndex: 2 * at,
      endOfPassWriteIndex: 2 * at + 1,
    };
    const pass = begin(at < SLOTS ? { ...descriptor, timestampWrites } : descriptor);
    if (pipeline) pass.setPipeline(pipeline);
    for (const [index, group] of groups) pass.setBindGroup(index, group);
    work(pass);
    pass.end();
  };
  const fake = {
    label: '',
    setPipeline: (value: GPUComputePipeline) => {
      pipeline = value;
    },
    setBindGroup: (index: number, group: GPUBindGroup | null) => {
      groups.set(index, group);
    },
    dispatchWorkgroups: (x: number, y?: number, z?: number) => within((pass) => pass.dispatchWorkgroups(x, y, z)),
    dispatchWorkgroupsIndirect: (buffer: GPUBuffer, offset: number) =>
      within((pass) => pass.dispatchWorkgroupsIndirect(buffer, offset)),
    pushDebugGroup: () => undefined,
    popDebugGroup: () => undefined,
    insertDebugMarker: () => undefined,
    end: () => undefined,
  };
  return fake as unknown as GPUComputePassEncoder;
}

/** Runs `work` with every dispatch timed. None where the device can't time them. */
export async function timeDispatches(work: () => Promise<unknown>): Promise<DispatchTime[]> {
  batches = [];
  on = true;
  try {
    await work();
  } finally {
    on = false;
  }
  const times: DispatchTime[] = [];
  for (const { labels, result, queries } of batches) {
    if (result) {
      await result.mapAsync(GPUMapMode.READ);
      const stamps = new BigInt64Array(result.getMappedRange());
      for (const [at, program] of labels.slice(0, SLOTS).entries()) {
        const ms = Number((stamps[2 * at + 1] ?? 0n) - (stamps[2 * at] ?? 0n)) / 1e6;
        times.push({ program, ms });
      }
      result.destroy();
    }
    queries.destroy();
  }
  batches = [];
  return times;
}

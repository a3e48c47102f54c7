/** Sums of two buffers of float32 on the GPU, which no graph of a pack does: for the caching of blocks. */
const GROUP = 256;
/** Workgroups of a sum; each writes one pair. */
const SUMS = 64;

const MIX = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> args: vec4<f32>;
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let count = bitcast<u32>(args.y);
  for (var i = id.x; i < count; i += groups.x * ${GROUP}u) {
    out[i] = x[i] + args.x * y[i];
  }
}`;

const DISTANCE = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec2<f32>>;
@group(0) @binding(3) var<uniform> args: vec4<f32>;
var<workgroup> part: array<vec2<f32>, ${GROUP}>;
@compute @workgroup_size(${GROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_id) me: vec3<u32>,
        @builtin(workgroup_id) group: vec3<u32>) {
  let count = bitcast<u32>(args.y);
  var sum = vec2<f32>(0.0, 0.0);
  for (var i = id.x; i < count; i += ${SUMS * GROUP}u) {
    sum += vec2<f32>(abs(x[i] - y[i]), abs(y[i]));
  }
  part[me.x] = sum;
  for (var half = ${GROUP / 2}u; half > 0u; half = half / 2u) {
    workgroupBarrier();
    if (me.x < half) { part[me.x] += part[me.x + half]; }
  }
  if (me.x == 0u) { out[group.x] = part[0]; }
}`;

export class Mixer {
  readonly #device: GPUDevice;
  #pipelines: { mix: GPUComputePipeline; distance: GPUComputePipeline } | null = null;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** out = x + factor · y, `count` elements. */
  mix(x: GPUBuffer, y: GPUBuffer, out: GPUBuffer, count: number, factor: number): void {
    const groups = Math.min(65_535, Math.ceil(count / GROUP));
    this.#submit(this.#made.mix, [x, y, out], count, factor, groups);
  }

  /** Sums of |x - y| and |y| over `count` elements. */
  async distance(x: GPUBuffer, y: GPUBuffer, count: number): Promise<{ difference: number; size: number }> {
    const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const sums = this.#device.createBuffer({ size: SUMS * 8, usage: STORAGE | COPY_SRC });
    const read = this.#device.createBuffer({ size: SUMS * 8, usage: COPY_DST | MAP_READ });
    try {
      this.#submit(this.#made.distance, [x, y, sums], count, 0, SUMS, (encoder) =>
        encoder.copyBufferToBuffer(sums, 0, read, 0, SUMS * 8),
      );
      await read.mapAsync(GPUMapMode.READ);
      const pairs = new Float32Array(read.getMappedRange());
      let [difference, size] = [0, 0];
      for (let i = 0; i < pairs.length; i += 2) {
        difference += pairs[i] as number;
        size += pairs[i + 1] as number;
      }
      return { difference, size };
    } finally {
      sums.destroy();
      read.destroy();
    }
  }

  get #made() {
    const make = (code: string) =>
      this.#device.createComputePipeline({
        layout: 'auto',
        compute: { module: this.#device.createShaderModule({ code }), entryPoint: 'main' },
      });
    this.#pipelines ??= { mix: make(MIX), distance: make(DISTANCE) };
    return this.#pipelines;
  }

  #submit(
    pipeline: GPUComputePipeline,
    buffers: readonly GPUBuffer[],
    count: number,
    factor: number,
    groups: number,
    after: (encoder: GPUCommandEncoder) => void = () => undefined,
  ): void {
    const args = this.#device.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM, mappedAtCreation: true });
    const view = new DataView(args.getMappedRange());
    view.setFloat32(0, factor, true);
    view.setUint32(4, count, true);
    args.unmap();
    const entries = [...buffers, args].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.#device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(groups);
    pass.end();
    after(encoder);
    this.#device.queue.submit([encoder.finish()]);
    // Takes effect once the submitted work is done.
    args.destroy();
  }
}

/**
 * How large the fp16 values inside a graph get. On the CPU onnxruntime computes most fp16 operators in fp32 and drops pairs
 * of casts, so that outputs alone would not show an overflow; a value that is asked for is there in fp16.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from 'onnxruntime-web';
import { halfToNumber } from '../../workers/packs/half.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { decodeWeight, fedDType } from '../../workers/packs/weights.ts';
import { graphOf, variantFile } from '../../workers/runtime/graphs.ts';
import { loadOrt } from '../backend-node/ort.ts';
import { PackFolder } from '../backend-node/pack-folder.ts';
import { exposeAll } from '../onnx/expose.ts';
import type { Plain } from '../pack/runner.ts';

/**
 * Runs an instance in mode f16.
 *
 * @param feeds its data inputs by name; float32 or int32
 * @returns the largest size of every fp16 value that its nodes make, Infinity where one doesn't fit, NaN where one is
 */
export async function largestHalves(
  folder: string,
  manifest: Manifest,
  instance: string,
  feeds: Readonly<Record<string, Plain>>,
): Promise<Map<string, number>> {
  const ort = await loadOrt('wasm', 1);
  const pack = PackFolder.unchecked(folder, manifest);
  const { graph } = graphOf(manifest, instance);
  const inputs: Record<string, Tensor> = {};
  for (const { name, dtype } of graph.inputs) {
    const feed = feeds[name];
    if (feed === undefined) throw new Error(`${instance}: ${name} was not fed`);
    inputs[name] = new ort.Tensor(dtype === 'int32' ? 'int32' : 'float32', feed.data, [...feed.dims]);
  }
  for (const port of graph.weights) {
    const spec = manifest.weights[manifest.instances[instance]?.weights[port.name] ?? ''];
    if (spec === undefined) throw new Error(`${instance} has no weight for ${port.name}`);
    const dtype = fedDType(port, 'f16');
    const bytes = await pack.range(spec.shard, spec.offset, spec.bytes);
    inputs[port.name] = new ort.Tensor(dtype, decodeWeight(bytes, spec, dtype), spec.shape);
  }
  const model = exposeAll(await readFile(join(folder, variantFile(graph, 'f16', 1))));
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  try {
    const largest = new Map<string, number>();
    for (const [name, { type, data }] of Object.entries(await session.run(inputs))) {
      if (type !== 'float16') continue;
      let most = 0;
      // Raw bits, or numbers where the engine has Float16Array.
      const isBits = data instanceof Uint16Array;
      for (const value of data) most = Math.max(most, Math.abs(isBits ? halfToNumber(Number(value)) : Number(value)));
      largest.set(name, most);
    }
    return largest;
  } finally {
    await session.release();
  }
}

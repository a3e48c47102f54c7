/** Reads and decodes the weights of one graph instance. */

import { EngineError } from '../errors.ts';
import type { Manifest, Mode, Port, WeightSpec } from '../packs/manifest.ts';
import type { Pack } from '../packs/pack.ts';
import { decodeWeight, elementCount, fedBytes, fedDType, makeTensorData } from '../packs/weights.ts';
import type { DType, TensorData } from '../pipeline/backend.ts';
import { graphOf } from './graphs.ts';

export interface LoadedWeight {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** Bytes that an instance's weights take once fed. */
export function instanceBytes(pack: Pack, instance: string, mode: Mode): number {
  const { graph } = graphOf(pack.manifest, instance);
  return graph.weights.reduce((sum, port) => {
    const spec = weightOf(pack.manifest, instance, port);
    return sum + fedBytes(spec, fedDType(port, mode));
  }, 0);
}

/**
 * Decodes the weights one after the other; `take` gets each and may keep or copy its data.
 *
 * @throws EngineError 'pack-missing', 'pack-damaged'
 */
export async function eachWeight(
  pack: Pack,
  instance: string,
  mode: Mode,
  take: (weight: LoadedWeight) => void,
): Promise<void> {
  const { graph } = graphOf(pack.manifest, instance);
  for (const port of graph.weights) {
    const spec = weightOf(pack.manifest, instance, port);
    const dtype = fedDType(port, mode);
    take({ name: port.name, dtype, dims: spec.shape, data: await readWeight(pack, spec, dtype) });
  }
}

/** What is stored as it is fed is read straight to where it stays: most of a pack's bytes. */
async function readWeight(pack: Pack, spec: WeightSpec, dtype: DType): Promise<TensorData> {
  if (!isFedAsStored(spec.stored, dtype)) return decodeWeight(await pack.range(spec), spec, dtype);
  const data = makeTensorData(dtype, elementCount(spec.shape));
  if (data.byteLength !== spec.bytes) {
    throw new EngineError('pack-damaged', `a weight has ${spec.bytes} bytes, needs ${data.byteLength}`);
  }
  await pack.readInto(spec, new Uint8Array(data.buffer));
  return data;
}

export function isFedAsStored(stored: WeightSpec['stored'], dtype: DType): boolean {
  return (
    stored === 'q4' ||
    stored === 'q8' ||
    (stored === 'f32' && dtype === 'float32') ||
    (stored === 'f16' && dtype === 'float16')
  );
}

/** A weight of an instance. @throws EngineError 'pack-damaged' */
export function weightOf(manifest: Manifest, instance: string, port: Port) {
  const id = manifest.instances[instance]?.weights[port.name];
  const spec = id === undefined ? undefined : manifest.weights[id];
  if (!spec) throw new EngineError('pack-damaged', `${instance} has no weight for ${port.name}`);
  return spec;
}

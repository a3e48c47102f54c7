/** What a pack needs, worked out from its manifest alone. */
import type { Manifest } from './manifest.ts';
import { encoderInstances } from './manifest-encoder.ts';
import type { PackNeeds } from './protocol.ts';
import { elementCount, fedBytes, fedDType } from './weights.ts';

/**
 * Activations of a block that live at the same time, in units of one stream of hidden states: measured for graphs of this
 * form on onnxruntime's WebGPU (13 with split q, k, v and MLP).
 */
const LIVE_ACTIVATIONS = 13;

/** @param toFetch bytes that are not stored yet @param bytes of all contents */
export function packNeeds(manifest: Manifest, bytes: number, toFetch: number): PackNeeds {
  const { family, switches, tile, steps } = manifest;
  let largestBuffer = 0;
  let macs = 0;
  const tokens = countTokens(manifest);
  // The text encoder runs before the transformer, block by block, and is let go: it needs less at any time.
  const { conditioning } = switches;
  const encoder = conditioning.kind === 'qwen2.5-vl' ? conditioning.encoder : undefined;
  const reading = new Set(encoder ? encoderInstances(encoder) : []);
  const held = Object.entries(manifest.instances).filter(([id]) => !reading.has(id));
  const perInstance = held.map(([id, instance]) => {
    const ports = manifest.graphs[instance.graph]?.weights ?? [];
    let fed = 0;
    for (const port of ports) {
      const weight = manifest.weights[instance.weights[port.name] ?? ''];
      if (!weight) continue;
      const size = fedBytes(weight, fedDType(port, 'f16'));
      fed += size;
      largestBuffer = Math.max(largestBuffer, size);
      // A matrix of a block meets every token once: as many multiply-adds as it has elements, two to a byte in q4. In
      // double blocks text and image have matrices of their own, alike in size: a token meets one half of them.
      const elements = elementCount(weight.shape) * (weight.stored === 'q4' ? 2 : 1);
      if (/^(double|single)\.\d+$/.test(id) && weight.shape.length >= 2 && weight.stored !== 'f32')
        macs += (elements * tokens) / (id.startsWith('double') ? 2 : 1);
    }
    return fed;
  });
  // Attention: queries times keys, and their weights times values, for every block.
  macs += 2 * tokens * tokens * family.hidden * (family.double + family.single);
  const branches = switches.guidance.kind === 'cfg' ? 2 : 1;
  const [first = 0, second = 0] = [...perInstance].sort((a, b) => b - a);
  return {
    bytes,
    toFetch,
    gpuWeights: perInstance.reduce((sum, each) => sum + each, 0),
    gpuWeightsLeast: first + second,
    gpuActivations: LIVE_ACTIVATIONS * tokens * family.hidden * 2,
    gpuLargestBuffer: Math.max(largestBuffer, tokens * family.hidden * 4),
    macsPerStep: macs * branches,
    tile: tile.gpu,
    steps,
    baked: conditioning.kind === 'qwen2.5-vl' && conditioning.states !== null,
  };
}

/** Tokens of one tile in the blocks: text, target and, where it goes along the sequence, the reference. */
function countTokens({ family, switches, tile }: Manifest): number {
  const side = tile.gpu / (family.factor * family.patch);
  return family.contextTokens + side * side * (switches.reference.kind === 'tokens' ? 2 : 1);
}

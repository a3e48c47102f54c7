/**
 * How large the fp16 values inside a graph get. On the CPU onnxruntime computes most fp16 operators in fp32 and drops pairs
 * of casts, so that outputs alone would not show an overflow; a value that is asked for is there in fp16.
 */
import type { Manifest } from '../../workers/packs/manifest.ts';
import { largestOf } from '../backend-node/largest.ts';
import { PackRunner, type Plain } from '../pack/runner.ts';

/**
 * Runs an instance in mode f16.
 *
 * @param feeds its data inputs by name; float32 or int32
 * @returns the largest size of every fp16 value that its nodes make, Infinity where one doesn't fit or is no number
 */
export async function largestHalves(
  folder: string,
  manifest: Manifest,
  instance: string,
  feeds: Readonly<Record<string, Plain>>,
): Promise<Map<string, number>> {
  const largest = new Map<string, number>();
  const runner = new PackRunner(folder, manifest, {
    mode: 'f16',
    inside: ({ name, tensor }) => {
      const found = tensor.type === 'float16' ? largestOf(tensor) : null;
      if (found) largest.set(name, found.finite ? found.most : Number.POSITIVE_INFINITY);
    },
  });
  try {
    await runner.run(instance, feeds);
    return largest;
  } finally {
    await runner.close();
  }
}

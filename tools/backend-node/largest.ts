import type { Tensor } from 'onnxruntime-web';
import { halfToNumber } from '../../workers/packs/half.ts';

/** The largest finite size of a value in a tensor, and whether all are finite; null for tensors of whole numbers. */
export function largestOf({ type, data }: Tensor): { readonly most: number; readonly finite: boolean } | null {
  if (type !== 'float32' && type !== 'float16') return null;
  // Raw bits, or numbers where the engine has Float16Array.
  const isBits = data instanceof Uint16Array;
  let most = 0;
  let finite = true;
  for (const element of data) {
    const size = Math.abs(isBits ? halfToNumber(Number(element)) : Number(element));
    if (!Number.isFinite(size)) finite = false;
    else if (size > most) most = size;
  }
  return { most, finite };
}

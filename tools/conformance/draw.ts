/**
 * Random weights that any language can draw again: value i of tensor `name` is a mulberry32 number whose seed is the
 * FNV-1a hash of the name. `tools/pack/fixtures/reference.py` draws the same ones for PyTorch, so that no checkpoint
 * needs to lie in the repository.
 */

/** FNV-1a, 32 bits, of ASCII text. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

/** Offset and half-width of the uniform distribution that a tensor is drawn from. */
function spread(name: string, shape: readonly number[]): [offset: number, width: number] {
  if (name === 'connector.scale_factor') return [-0.91, 0];
  if (/(\.scale|norm\d?\.weight|norm_out\.weight)$/.test(name)) return [1, 0.1];
  if (name.endsWith('.bias')) return [0, 0.05];
  if (name.startsWith('input.') || /^conditioning\.(task_tokens|task_vec|thumb_pos|states)$/.test(name)) return [0, 1];
  // Variance 1 / fan-in, so that activations keep their size.
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  return [0, Math.sqrt(3 / fanIn)];
}

/** Values of tensor `name`, computed in float64 and rounded to float32. */
export function draw(name: string, shape: readonly number[]): Float32Array {
  const [offset, width] = spread(name, shape);
  const seed = hash(name);
  const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < out.length; i++) {
    const state = (seed + Math.imul(0x6d2b79f5, i + 1)) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    out[i] = offset + width * (((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1);
  }
  return out;
}

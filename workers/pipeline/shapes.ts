/**
 * Symbolic dimensions of graph ports ("n", "H/8", "h*8", "r*2+1"): bound from the tensors that are fed, resolved for those
 * that come out. Grammar: `workers/packs/manifest.ts`, `dim`.
 */
import { EngineError } from '../errors.ts';
import { parseDim } from '../packs/dims.ts';
import type { Port } from '../packs/manifest.ts';

export type Dim = number | string;
export type Bindings = Map<string, number>;

/**
 * Finds the symbols' values from the shapes that are fed.
 *
 * @param ports declared data inputs of a graph
 * @param fed actual dims by port name; ports that are absent are skipped
 * @param known values known beforehand, e.g. `{ n: 96 }`
 * @throws EngineError 'internal' when a rank or a number disagrees with the declaration, or two ports with each other
 */
export function bindShapes(
  ports: readonly Pick<Port, 'name' | 'shape'>[],
  fed: Readonly<Record<string, readonly number[]>>,
  known: Readonly<Record<string, number>> = {},
): Bindings {
  const bindings: Bindings = new Map(Object.entries(known));
  for (const port of ports) {
    const dims = fed[port.name];
    if (!dims) continue;
    if (dims.length !== port.shape.length) throw mismatch(port, dims);
    port.shape.forEach((declared, axis) => {
      const actual = dims[axis] as number;
      if (typeof declared === 'number') {
        if (declared !== actual) throw mismatch(port, dims);
        return;
      }
      const { symbol, times, over, plus } = parseDim(declared);
      const value = ((actual - plus) * over) / times;
      const earlier = bindings.get(symbol);
      if (!Number.isInteger(value) || value < 0 || (earlier !== undefined && earlier !== value))
        throw mismatch(port, dims);
      bindings.set(symbol, value);
    });
  }
  return bindings;
}

/** The shape in numbers, or null when a symbol is not bound (e.g. the token count that `embed` puts out). */
export function resolveShape(shape: readonly Dim[], bindings: Bindings): number[] | null {
  const dims: number[] = [];
  for (const dim of shape) {
    if (typeof dim === 'number') {
      dims.push(dim);
      continue;
    }
    const { symbol, times, over, plus } = parseDim(dim);
    const value = bindings.get(symbol);
    if (value === undefined) return null;
    const size = (value * times) / over + plus;
    if (!Number.isInteger(size)) {
      throw new EngineError('internal', `${dim} with ${symbol} = ${value} is not a whole number`);
    }
    dims.push(size);
  }
  return dims;
}

function mismatch(port: Pick<Port, 'name' | 'shape'>, dims: readonly number[]): EngineError {
  return new EngineError('internal', `${port.name} is declared [${port.shape}] and was fed [${dims}]`);
}

/** Inputs for any graph of the big family, made from what its ports declare. */
import type { Manifest, Port } from '../../workers/packs/manifest.ts';
import { ropeTables } from '../../workers/pipeline/rope.ts';
import { type Bindings, resolveShape } from '../../workers/pipeline/shapes.ts';
import { mergePadding } from '../../workers/pipeline/text-rows.ts';
import type { Plain } from '../pack/runner.ts';

/** Sizes of one call: token grid, text tokens and those that are not padding, rows of the tables, plane of a band. */
export interface CallSizes {
  readonly rows: number;
  readonly columns: number;
  readonly tokens: number;
  readonly valid: number;
  readonly steps: number;
  /** Rows and columns of a VAE graph's planes; both even. */
  readonly band: readonly [rows: number, columns: number];
}

export const FEW: CallSizes = { rows: 6, columns: 4, tokens: 16, valid: 11, steps: 2, band: [6, 8] };

/** Every data input of an instance by name; what has no meaning of its own is drawn by `values`. */
export function portFeeds(
  { family, switches, graphs, instances }: Pick<Manifest, 'family' | 'switches' | 'graphs' | 'instances'>,
  instance: string,
  values: (name: string, dims: readonly number[]) => Float32Array,
  sizes: CallSizes = FEW,
): Record<string, Plain> {
  const graph = graphs[instances[instance]?.graph ?? ''];
  if (graph === undefined) throw new Error(`no instance ${instance}`);
  const rope = ropeTables(family, sizes.rows, sizes.columns, switches.reference);
  const text = mergePadding(sizes.tokens, sizes.valid);
  const bindings: Bindings = new Map([
    ['n', instance === 'final' ? rope.dims[1] / 2 : rope.dims[1]],
    ['T', text.count],
    ['K', sizes.tokens],
    ['S', sizes.steps],
    ['P', sizes.steps],
    ['h', 2 * sizes.rows],
    ['w', graph.bands ? sizes.band[1] : 2 * sizes.columns],
    ['r', sizes.band[0]],
  ]);
  const feed = (port: Port): Plain => {
    const dims = resolveShape(port.shape, bindings);
    if (dims === null) throw new Error(`${instance}: no size for ${port.name} [${port.shape}]`);
    const filled = (value: number) => new Float32Array(dims.reduce((product, side) => product * side, 1)).fill(value);
    switch (port.name) {
      case 'cos':
      case 'sin':
        return { dims: rope.dims, data: rope[port.name] };
      case 'step':
        return { dims, data: Int32Array.of(sizes.steps - 1) };
      case 'text_rows':
        return { dims, data: text.index };
      case 'mask':
        // Added to the connector's logits; a factor in the VAE.
        return { dims, data: filled(graph.bands ? 1 : 0) };
      case 'mean':
        return { dims, data: filled(1 / text.count) };
      default:
        return { dims, data: values(port.name, dims) };
    }
  };
  return Object.fromEntries(graph.inputs.map((port) => [port.name, feed(port)]));
}

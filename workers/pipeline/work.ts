/** Multiply-adds of a transformer block, product by product, worked out from the manifest. Pure. */
import type { Manifest } from '../packs/manifest.ts';
import { blockInstances, graphOf } from './instances.ts';
import { countTokens, type TokenCounts } from './tokens.ts';

/** One product of a block: a single dispatch on a GPU, or as many as the graph has query chunks. */
export interface Product {
  /** Name of the weight, or "attention". */
  readonly name: string;
  readonly macs: number;
  /** Cut into the graph's query chunks (docs/pack-format.md): attention of the image, and its MLP. */
  readonly chunked: boolean;
}

/** Weights of the MLP of the image, whose rows graphs cut as they cut queries. */
const CHUNKED = /^(img_)?(up|down|down_mlp)\./;

/** Products of one run of a block on a tile of `width × height` px. */
export function blockProducts(manifest: Manifest, instance: string, width: number, height: number): Product[] {
  const tokens = countTokens(manifest, width, height);
  const { hidden } = manifest.family;
  const attention = (queries: number) => 2 * queries * (tokens.text + tokens.image) * hidden;
  return [
    ...linears(manifest, instance, tokens),
    { name: 'attention', macs: attention(tokens.image), chunked: true },
    { name: 'attention of the text', macs: attention(tokens.text), chunked: false },
  ];
}

/** Text rows are counted with their padding: an upper bound where one row stands for all of it. */
function linears(manifest: Manifest, instance: string, { image, text }: TokenCounts): Product[] {
  const products: Product[] = [];
  const own = /^(img|txt)_/;
  for (const port of manifest.graphs[graphOf(manifest, instance)]?.weights ?? []) {
    const weight = manifest.weights[manifest.instances[instance]?.weights[port.name] ?? ''];
    if (!weight || weight.shape.length < 2 || port.name.endsWith('.scales')) continue;
    const elements = weight.shape.reduce((all, side) => all * side, 1) * (weight.stored === 'q4' ? 2 : 1);
    const stream = own.exec(port.name)?.[1];
    if (stream !== 'txt') products.push({ name: port.name, macs: elements * image, chunked: CHUNKED.test(port.name) });
    // Single blocks use the same weights for both streams, one after the other.
    if (stream !== 'img') products.push({ name: port.name, macs: elements * text, chunked: false });
  }
  return products;
}

/** The largest single dispatch of any block, with the graph variant of so many query chunks. */
export function longestDispatch(manifest: Manifest, width: number, height: number, queryChunks: number): Product {
  let longest: Product = { name: '', macs: 0, chunked: false };
  for (const instance of kinds(manifest).values()) {
    for (const product of blockProducts(manifest, instance, width, height)) {
      const macs = product.chunked ? product.macs / queryChunks : product.macs;
      if (macs > longest.macs) longest = { ...product, macs };
    }
  }
  return longest;
}

/** Multiply-adds of one branch of one step on a tile: all blocks. */
export function stepMacs(manifest: Manifest, width: number, height: number): number {
  const perGraph = new Map<string, number>();
  let all = 0;
  for (const instance of presentBlocks(manifest)) {
    const graph = graphOf(manifest, instance);
    const macs =
      perGraph.get(graph) ?? blockProducts(manifest, instance, width, height).reduce((sum, one) => sum + one.macs, 0);
    perGraph.set(graph, macs);
    all += macs;
  }
  return all;
}

const presentBlocks = (manifest: Manifest) => blockInstances(manifest).filter((id) => manifest.instances[id]);

/** The first instance of each graph that blocks run. */
export function kinds(manifest: Manifest): Map<string, string> {
  const first = new Map<string, string>();
  for (const instance of presentBlocks(manifest)) {
    const graph = graphOf(manifest, instance);
    if (!first.has(graph)) first.set(graph, instance);
  }
  return first;
}

import { describe, expect, it } from 'vitest';
import { sampleManifest } from './manifest.sample.ts';
import type { Bands, GraphSpec } from './manifest.ts';
import { checkBands } from './manifest-bands.ts';

type Damage = (graph: GraphSpec, bands: Bands) => void;

function damaged(name: 'half' | 'fold', damage: Damage): GraphSpec {
  const graph = sampleManifest().graphs[name];
  if (!graph?.bands) throw new Error(`the sample has no bands in ${name}`);
  damage(graph, graph.bands);
  return graph;
}

const reshape = (graph: GraphSpec, list: 'inputs' | 'outputs', name: string, shape: (string | number)[]) => {
  const port = graph[list].find((other) => other.name === name);
  if (port) port.shape = shape;
};

describe('checkBands', () => {
  it('takes the sample and graphs without bands', () => {
    for (const name of ['half', 'fold'] as const)
      checkBands(
        name,
        damaged(name, () => {}),
      );
    checkBands('enc', sampleManifest().graphs.enc as GraphSpec);
  });

  it.each<[string, RegExp, Damage]>([
    ['no input with rows', /no input is cut/, (g) => reshape(g, 'inputs', 'x', [1, 4, 9, 'w*2'])],
    ['more rows above than the shape has', /rows above/, (_, b) => b.above.splice(0, 1, { input: 'x', rows: 2 })],
    ['rows above an input that is not there', /rows above/, (_, b) => b.above.push({ input: 'constructor', rows: 1 })],
    ['rows above told twice', /told twice/, (_, b) => b.above.push({ input: 'x', rows: 1 })],
    ['rows times 3', /no band has/, (g) => reshape(g, 'inputs', 'x', [1, 4, 'r*3+1', 'w*2'])],
    ['a halo without end', /no band has/, (g) => reshape(g, 'inputs', 'x', [1, 4, 'r*2+900', 'w*2'])],
    ['two axes of rows', /two axes/, (g) => reshape(g, 'inputs', 'x', [1, 'r', 'r*2+1', 'w*2'])],
    ['rows of another dtype', /bands are float32/, (g) => Object.assign(g.inputs[0] ?? {}, { dtype: 'compute' })],
    ['a mask of something else', /no mask/, (_, b) => Object.assign(b, { mask: { input: 'mask', of: 'norm' } })],
    ['a mask of another height', /no mask/, (g) => reshape(g, 'inputs', 'mask', [1, 1, 'r', 1])],
    ['a mask that is not there', /no mask/, (_, b) => Object.assign(b, { mask: { input: 'toString', of: 'x' } })],
    ['an output without rows', /not made of bands/, (g) => reshape(g, 'outputs', 'x', [1, 4, 8, 'w'])],
    ['an output with a halo', /not made of bands/, (g) => reshape(g, 'outputs', 'x', [1, 4, 'r+1', 'w'])],
    [
      'groups that do not divide the channels',
      /no 3 groups/,
      (_, b) => Object.assign(b.statistics ?? {}, { groups: 3 }),
    ],
    ['statistics of no output', /groups/, (_, b) => Object.assign(b.statistics ?? {}, { of: 'norm' })],
    ['statistics of another shape', /is not the statistics/, (g) => reshape(g, 'outputs', 'statistics', [1, 2, 2, 2])],
    ['state without a fold', /state without/, (_, b) => b.state.push({ name: 'norm', start: 0 })],
  ])('refuses %s', (_what, message, damage) => {
    expect(() => checkBands('half', damaged('half', damage))).toThrow(message);
  });

  it.each<[string, RegExp, Damage]>([
    ['an output that is no state', /not state/, (_, b) => b.state.splice(0)],
    ['state of another shape', /is no state/, (g) => reshape(g, 'inputs', 'acc', [1, 'r', 'w', 2])],
    ['state that is not put out', /is no state/, (_, b) => b.state.push({ name: 'k', start: 0 })],
    ['state told twice', /not state/, (_, b) => b.state.push({ name: 'acc', start: 1 })],
    ['a fold with a halo', /folded with/, (g) => reshape(g, 'inputs', 'k', [1, 4, 's+2', 'w'])],
    [
      'an output of folded rows',
      /not made of bands/,
      (g) => g.outputs.push({ name: 'k', dtype: 'float32', shape: ['s'] }),
    ],
  ])('refuses %s in a fold', (_what, message, damage) => {
    expect(() => checkBands('fold', damaged('fold', damage))).toThrow(message);
  });
});

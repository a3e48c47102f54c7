import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ModelBuilder } from '../../tools/onnx/model.ts';
import { EngineError } from '../errors.ts';
import { checkGraph } from './graph-check.ts';
import type { GraphSpec } from './manifest.ts';
import { loadManifest } from './manifest-load.ts';

const FOLDER = new URL('../../public/packs/small/', import.meta.url);
const manifest = loadManifest(readFileSync(new URL('manifest.json', FOLDER)));

describe('checkGraph', () => {
  const all = Object.entries(manifest.graphs).flatMap(([id, graph]) =>
    graph.variants.map((variant) => ({ id, graph, ...variant })),
  );

  it.each(all)('takes $file of the embedded pack in mode $mode', ({ graph, mode, file }) => {
    const bytes = readFileSync(new URL(file, FOLDER));
    const check = () => checkGraph(file, bytes, graph, mode);
    check();
    // The same graph says something else in the manifest: refused.
    const others = Object.values(manifest.graphs).filter((other) => other !== graph);
    for (const other of others) expect(() => checkGraph(file, bytes, other, mode)).toThrow(EngineError);
  });
});

describe('sizes in a graph', () => {
  const port = (name: string, shape: readonly number[]) => ({ name, dtype: 'int32' as const, shape: [...shape] });
  const x = { name: 'x', dtype: 'float32' as const, shape: [1, 'H'] };
  const spec: GraphSpec = { inputs: [x, port('by', [4])], outputs: [{ ...x, name: 'y' }], weights: [], variants: [] };

  function padded(by: (model: ModelBuilder) => string): Uint8Array {
    const model = new ModelBuilder('padded');
    model.input('x', 'float32', [1, 'H']);
    model.input('by', 'int32', [4]);
    model.output('y', model.op('Pad', ['x', by(model)], { attributes: { mode: 'edge' } }), 'float32', [1, 'H']);
    return model.encode();
  }

  it('may be constants', () => {
    checkGraph(
      'a',
      padded((model) => model.constant('int64', [0, 2, 0, 2])),
      spec,
      'f32',
    );
  });

  it.each<[string, (model: ModelBuilder) => string]>([
    ['an input', () => 'by'],
    ['a computed value', (model) => model.op('Add', ['by', 'by'])],
  ])('may not come from %s', (_, by) => {
    expect(() => checkGraph('a', padded(by), spec, 'f32')).toThrow(/sizes of a Pad/);
  });
});
